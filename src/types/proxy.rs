//! `mappingproxy`: a read-only view of a mapping, above all of a class's attributes. Invariant: over a class it shows
//! the contents of the class cells, never the cells.

use super::{positional, text};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, slots};
use crate::run::slots::Bin;
use crate::run::{Args, ClassDef, Cmp, Def, PLAIN, R, Side, Thread, def};

/// `mappingproxy`.
pub static DEF: ClassDef = ClassDef {
    name: "mappingproxy",
    doc: "Read-only proxy of a mapping.",
    slots: |s| {
        s.repr = Some(repr);
        s.str = Some(|th, o| {
            let d = whole(th, o)?;
            th.str_of(d)
        });
        s.hash = Some(|th, o| {
            let d = whole(th, o)?;
            th.hash(d)
        });
        s.compare = Some(compare);
        s.new = Some(new);
        s.len = Some(|th, o| {
            let d = whole(th, o)?;
            th.len(d)
        });
        s.iter = Some(|th, o| {
            let d = whole(th, o)?;
            th.iter(d)
        });
        s.getitem = Some(getitem);
        s.contains = Some(contains);
        s.binary = Some(binary);
    },
    methods: METHODS,
    class_methods: super::alias::CLASS_GETITEM,
    kind: Kind::Iter,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def(
        "get",
        "($self, key, default=None, /)",
        get,
        "Return the value for key if key is in the mapping, else default.",
    ),
    def(
        "keys",
        "($self, /)",
        |th, a| passed(th, a, N::keys),
        "a set-like object providing a view on D's keys",
    ),
    def("values", "($self, /)", |th, a| passed(th, a, N::values), "an object providing a view on D's values"),
    def(
        "items",
        "($self, /)",
        |th, a| passed(th, a, N::items),
        "a set-like object providing a view on D's items",
    ),
    def("copy", "($self, /)", copy, "a shallow copy of D"),
    def(
        "__reversed__",
        "($self, /)",
        |th, a| passed(th, a, N::__reversed__),
        "D.__reversed__() -> reverse iterator",
    ),
];

/// The proxy over a class or mapping.
pub fn make(th: &mut Thread, over: Value) -> R {
    Ok(th.heap.iter(C::mappingproxy, over, 0, 0, 0)?)
}

fn over(o: Value) -> Value {
    o.get::<Iter>().over.get()
}

fn new(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let [m] = positional::<1>(th, "mappingproxy", 1, args, kwargs)?;
    let sequence = matches!(m.base().kind(), Kind::List | Kind::Tuple);
    if m.is_kind(Kind::Class) || slots(class_of(m)).getitem.is_none() || sequence {
        let text = format!("mappingproxy() argument must be a mapping, not {}", th.type_name(m));
        return Err(th.type_error(text));
    }
    make(th, m)
}

/// The mapping itself, or the attributes of the class as a fresh dict.
fn whole(th: &mut Thread, o: Value) -> R {
    let m = over(o);
    let Some(c) = m.cast::<Class>() else { return Ok(m) };
    let out = th.heap.new_dict()?;
    let pairs = th.dict_pairs(c.dict.get())?;
    let p = pairs.get::<Tuple>();
    for i in 0..p.len() / 2 {
        let v = p.at(2 * i + 1).get::<Cell>().value.get();
        if !v.is_unbound() {
            th.dict_insert(out, p.at(2 * i), v)?;
        }
    }
    Ok(out)
}

/// The attribute that a class itself states under any key.
fn in_class(th: &mut Thread, class: Value, k: Value) -> R<Option<Value>> {
    let d = class.get::<Class>().dict.get();
    Ok(th.dict_get(d, k)?.and_then(|cell| cell.get::<Cell>().value.get().bound()))
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let m = over(o);
    if !m.is_kind(Kind::Class) {
        return th.getitem(m, k);
    }
    match in_class(th, m, k)? {
        Some(v) => Ok(v),
        None => Err(th.key_error(k)),
    }
}

fn contains(th: &mut Thread, o: Value, k: Value) -> R<bool> {
    let m = over(o);
    if m.is_kind(Kind::Class) { Ok(in_class(th, m, k)?.is_some()) } else { th.contains(m, k) }
}

fn get(th: &mut Thread, a: Args) -> R {
    let m = over(a[0]);
    let default = a[2].or(Value::NONE);
    if m.is_kind(Kind::Class) {
        return Ok(in_class(th, m, a[1])?.unwrap_or(default));
    }
    th.call_method(m, N::get, &[a[1], default])
}

fn passed(th: &mut Thread, a: Args, name: N) -> R {
    let d = whole(th, a[0])?;
    th.call_method(d, name, &[])
}

fn copy(th: &mut Thread, a: Args) -> R {
    let d = whole(th, a[0])?;
    if over(a[0]).is_kind(Kind::Class) { Ok(d) } else { th.call_method(d, N::copy, &[]) }
}

fn repr(th: &mut Thread, o: Value) -> R {
    let d = whole(th, o)?;
    let inner = th.repr_text(d)?;
    text(th, format!("mappingproxy({inner})"))
}

fn plain(th: &mut Thread, v: Value) -> R {
    if class_of(v) == C::mappingproxy.v() { whole(th, v) } else { Ok(v) }
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let (a, b) = (plain(th, a)?, plain(th, b)?);
    th.compare(op, a, b)
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    if op != Bin::Or {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (a, b) = (plain(th, a)?, plain(th, b)?);
    th.binary(op, a, b)
}
