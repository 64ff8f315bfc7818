//! What `functools.cmp_to_key` gives. Invariant: a key's function and object are set when it is made and stay.

use super::itertools::{Tool, cell, me};
use crate::heap::known::C;
use crate::heap::object::Tuple;
use crate::heap::{Kind, Value};
use crate::run::{ClassDef, PLAIN, R, Thread, Windowed, get};
use crate::types;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The shape of keys.
pub static SHAPE: AtomicU32 = AtomicU32::new(0);

/// What makes keys by the function.
pub fn cmp_to_key(th: &mut Thread, function: Value) -> R {
    made(th, function, Value::UNBOUND)
}

/// The function in `a`; the object that it is asked about in `b`, unbound in what makes the keys.
pub static KEY: ClassDef = ClassDef {
    name: "functools.KeyWrapper",
    slots: |s| {
        s.new = None;
        s.hash = None;
        s.call = Some(|th, o, args, kwargs| {
            let [obj] = types::bind(th, "K", ["obj"], 1, args, kwargs)?;
            made(th, me(o).a.get(), obj)
        });
        s.window = Some(window);
        s.compare = Some(|th, op, a, b| {
            if b.kind() != Kind::Record || b.header().shape() != SHAPE.load(Relaxed) {
                return Err(th.type_error("other argument must be K instance"));
            }
            let (x, y) = (object(th, me(a))?, object(th, me(b))?);
            let verdict = th.call(me(a).a.get(), &[x, y])?;
            th.compare(op, verdict, Value::int(0))
        });
    },
    getset: &[get("obj", |th, o| object(th, me(o)), "Value wrapped by a key function.")],
    kind: Kind::Record,
    ..PLAIN
};

fn made(th: &mut Thread, function: Value, obj: Value) -> R {
    let (v, t) = cell(th, SHAPE.load(Relaxed))?;
    t.a.set(function);
    t.b.set(obj);
    Ok(v)
}

fn object(th: &mut Thread, t: &Tool) -> R {
    match t.b.get().bound() {
        Some(v) => Ok(v),
        None => Err(th.raise(C::AttributeError, "object")),
    }
}

/// A call with one positional argument.
unsafe fn window(th: &mut Thread, w: *mut Value, n: usize, kw: Option<&'static Tuple>) -> R<Windowed> {
    if n != 1 || kw.is_some_and(|k| !k.is_empty()) {
        return Ok(Windowed::Ask);
    }
    // SAFETY: the callee and its argument stand in the window.
    let (o, obj) = unsafe { (*w, *w.add(3)) };
    made(th, me(o).a.get(), obj).map(Windowed::Value)
}
