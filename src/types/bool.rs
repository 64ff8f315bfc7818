//! `bool`: an int that shows as True or False. Invariant: its two instances are immediates; nothing derives from it.

use crate::heap::known::C;
use crate::heap::{Kind, Value};
use crate::run::{Bin, ClassDef, PLAIN, R, Side, Thread, TypeSlots};

/// `bool`.
pub static DEF: ClassDef = ClassDef {
    name: "bool",
    doc: "Returns True when the argument is true, False otherwise.\nThe builtins True and False are the only two \
          instances of the class bool.\nThe class bool is a subclass of the class int, and cannot be subclassed.",
    base: Some(C::int),
    slots,
    kind: Kind::None,
    ..PLAIN
};

fn slots(s: &mut TypeSlots) {
    s.repr = Some(|th, o| th.intern(if o == Value::TRUE { "True" } else { "False" }));
    s.bool = Some(|_, o| Ok(o == Value::TRUE));
    let _ = s.binary.replace(binary);
    s.new = Some(new);
    s.direct = Some(|th, a| match a.n {
        1 => th.truth(a[0]).map(|t| Some(Value::bool(t))),
        _ => Ok(None),
    });
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, side: Side) -> R {
    if a.is_bool() && b.is_bool() {
        let (x, y) = (a == Value::TRUE, b == Value::TRUE);
        match op {
            Bin::And => return Ok(Value::bool(x & y)),
            Bin::Or => return Ok(Value::bool(x | y)),
            Bin::Xor => return Ok(Value::bool(x ^ y)),
            _ => {}
        }
    }
    match crate::run::class::slots(C::int.v()).binary {
        Some(f) => f(th, op, a, b, side),
        None => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn new(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let [x] = super::positional::<1>(th, "bool", 0, args, kwargs)?;
    if x.is_unbound() {
        return Ok(Value::FALSE);
    }
    th.truth(x).map(Value::bool)
}
