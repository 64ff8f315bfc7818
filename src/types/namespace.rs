//! `types.SimpleNamespace`. Invariant: its attributes are ordinary instance attributes; in order of definition they
//! make its repr and its equality.

use super::object::own_attributes;
use super::text;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, is_subclass};
use crate::run::{Args, ClassDef, Cmp, Def, PLAIN, R, Thread, def};

/// `SimpleNamespace`.
pub static DEF: ClassDef = ClassDef {
    name: "types.SimpleNamespace",
    doc: "A simple attribute-based namespace.",
    slots: |s| {
        s.repr = Some(repr);
        s.compare = Some(compare);
        s.hash = None;
        s.new = Some(new);
        s.init = Some(init);
    },
    methods: METHODS,
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("__reduce__", "($self, /)", reduce, "Return state information for pickling"),
    def("__replace__", "($self, /, **changes)", replace, "Return a copy of the namespace with new values"),
];

/// A namespace: a record with an attribute dict.
pub fn make(th: &mut Thread) -> R {
    let d = th.heap.new_dict()?;
    let (v, b) = th.heap.new::<Boxed>(C::namespace.shape(), 4, 0)?;
    for s in [&b.y, &b.z, &b.w] {
        s.set(Value::UNBOUND);
    }
    b.x.set(d);
    Ok(v)
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let v = make(th)?;
    if cls == C::namespace.v() { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    let t = args.get::<Tuple>();
    if t.len() > 1 {
        let text = format!("SimpleNamespace expected at most 1 argument, got {}", t.len());
        return Err(th.type_error(text));
    }
    if t.len() == 1 {
        let d = th.call(C::dict.v(), &[t.at(0)])?;
        fill(th, o, d)?;
    }
    if kwargs.is_unbound() { Ok(()) } else { fill(th, o, kwargs) }
}

fn fill(th: &mut Thread, o: Value, d: Value) -> R<()> {
    let pairs = th.dict_pairs(d)?;
    let p = pairs.get::<Tuple>();
    for i in 0..p.len() / 2 {
        if !super::is_str(p.at(2 * i)) {
            return Err(th.type_error("keywords must be strings"));
        }
        let name = th.attr_name(p.at(2 * i))?;
        crate::run::attr::generic_set(th, o, name, p.at(2 * i + 1))?;
    }
    Ok(())
}

fn repr(th: &mut Thread, o: Value) -> R {
    let name = match class_of(o) == C::namespace.v() {
        true => "namespace".to_string(),
        false => th.type_name(o),
    };
    if th.repr_guard.contains(&o) {
        return text(th, format!("{name}(...)"));
    }
    th.repr_guard.push(o);
    let r = fields(th, o);
    th.repr_guard.pop();
    let fields = r?;
    text(th, format!("{name}({fields})"))
}

fn fields(th: &mut Thread, o: Value) -> R<String> {
    let d = own_attributes(th, o)?;
    let pairs = th.dict_pairs(d)?;
    let p = pairs.get::<Tuple>();
    let mut out = Vec::new();
    for i in 0..p.len() / 2 {
        if super::is_str(p.at(2 * i)) {
            let key = th.text_of(p.at(2 * i))?;
            out.push(format!("{key}={}", th.repr_text(p.at(2 * i + 1))?));
        }
    }
    Ok(out.join(", "))
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let ours = |v: Value| is_subclass(class_of(v), C::namespace.v());
    if !ours(a) || !ours(b) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (x, y) = (own_attributes(th, a)?, own_attributes(th, b)?);
    match op {
        Cmp::Eq | Cmp::Ne => th.compare(op, x, y),
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let d = own_attributes(th, a[0])?;
    let none = th.tuple(&[])?;
    Ok(th.tuple(&[class_of(a[0]), none, d])?)
}

fn replace(th: &mut Thread, a: Args) -> R {
    let out = th.call(class_of(a[0]), &[])?;
    let d = own_attributes(th, a[0])?;
    fill(th, out, d)?;
    fill(th, out, a[1])?;
    Ok(out)
}
