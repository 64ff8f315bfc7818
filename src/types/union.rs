//! `int | str`. Invariant: `x` is the flat tuple of at least two different members, None among them as its class's
//! only instance is written.

use super::alias::{parameters, shown, substituted};
use super::text;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value, list};
use crate::run::class::class_of;
use crate::run::slots::{Bin, GetSet};
use crate::run::{ClassDef, Cmp, Def, PLAIN, R, Side, Thread, def, get};

/// `Union`.
pub static DEF: ClassDef = ClassDef {
    name: "typing.Union",
    doc: "Represent a union type\n\nE.g. for int | str",
    slots: |s| {
        s.repr = Some(repr);
        s.hash = Some(hash);
        s.compare = Some(compare);
        s.binary = Some(binary);
        s.getitem = Some(|th, o, k| {
            let args = substituted(th, o, members(o), k)?;
            union(th, args)
        });
        s.new = None;
    },
    methods: METHODS,
    class_methods: CLASS_METHODS,
    getset: GETSET,
    kind: Kind::Iter,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def(
        "__instancecheck__",
        "($self, instance, /)",
        |th, a| super::build::isinstance(th, a[1], a[0]).map(Value::bool),
        "",
    ),
    def(
        "__subclasscheck__",
        "($self, subclass, /)",
        |th, a| super::build::issubclass(th, a[1], a[0]).map(Value::bool),
        "",
    ),
    def(
        "__mro_entries__",
        "($self, bases, /)",
        |th, a| {
            let text = format!("Cannot subclass {}", th.repr_text(a[0])?);
            Err(th.type_error(text))
        },
        "",
    ),
];

static CLASS_METHODS: &[Def] = &[def(
    "__class_getitem__",
    "($type, object, /)",
    |th, a| {
        let args = if a[1].is_kind(Kind::Tuple) { a[1] } else { th.tuple(&[a[1]])? };
        let args = with_references(th, args)?;
        union(th, args)
    },
    "",
)];

static GETSET: &[GetSet] = &[
    get("__args__", |_, o| Ok(members(o)), ""),
    get("__parameters__", |th, o| parameters(th, members(o)), "Type variables in the types.UnionType."),
    get("__origin__", |_, _| Ok(C::union.v()), ""),
    get("__name__", |th, _| th.intern("Union"), ""),
    get("__qualname__", |th, _| th.intern("Union"), ""),
];

fn members(o: Value) -> Value {
    o.get::<Iter>().x.get()
}

/// What may stand in a union.
fn is_type(v: Value) -> bool {
    v.is_none()
        || v.is_kind(Kind::Class)
        || [C::generic_alias.v(), C::union.v()].contains(&class_of(v.base()))
}

/// `a | b` for types.
pub fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    if op != Bin::Or || !is_type(a) || !is_type(b) || a.is_none() && b.is_none() {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let pair = th.tuple(&[a, b])?;
    union(th, pair)
}

/// The tuple with forward references for its texts.
fn with_references(th: &mut Thread, args: Value) -> R {
    if !args.get::<Tuple>().iter().any(|v| v.like::<Str>().is_some()) {
        return Ok(args);
    }
    let typing = crate::run::import::import_full(th, "typing")?;
    let name = th.intern("ForwardRef")?;
    let reference = th.getattr(typing, name)?;
    let made = th.list_with(args.get::<Tuple>().len())?;
    for v in args.get::<Tuple>().iter() {
        let v = if v.like::<Str>().is_some() { th.call(reference, &[v])? } else { v };
        list::push(&mut th.heap, made.get::<List>(), v)?;
    }
    Ok(list::snapshot(&mut th.heap, made.get::<List>())?)
}

/// The union of the tuple's types: flat, each once; a single type stands for itself.
pub fn union(th: &mut Thread, types: Value) -> R {
    let flat = th.list_with(0)?;
    for t in types.get::<Tuple>().iter() {
        if class_of(t) == C::union.v() {
            for m in members(t).get::<Tuple>().iter() {
                add(th, flat, m)?;
            }
        } else {
            add(th, flat, t)?;
        }
    }
    let args = list::snapshot(&mut th.heap, flat.get::<List>())?;
    let t = args.get::<Tuple>();
    match t.len() {
        0 => Err(th.type_error("Cannot take a Union of no types.")),
        1 => Ok(t.at(0)),
        _ => {
            let v = th.heap.iter(C::union, Value::NONE, 0, 0, 0)?;
            v.get::<Iter>().x.set(args);
            Ok(v)
        }
    }
}

fn add(th: &mut Thread, flat: Value, t: Value) -> R<()> {
    let t = if t.is_none() { C::none.v() } else { t };
    if !th.contains(flat, t)? {
        list::push(&mut th.heap, flat.get::<List>(), t)?;
    }
    Ok(())
}

fn repr(th: &mut Thread, o: Value) -> R {
    let mut out = Vec::new();
    for m in members(o).get::<Tuple>().iter() {
        out.push(shown(th, m)?);
    }
    text(th, out.join(" | "))
}

fn hash(th: &mut Thread, o: Value) -> R<i64> {
    let mut h = 0;
    for m in members(o).get::<Tuple>().iter() {
        h ^= th.hash(m)?.wrapping_mul(0x9e37_79b9);
    }
    Ok(h)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if class_of(b) != C::union.v() || !matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (x, y) = (members(a), members(b));
    let mut same = x.get::<Tuple>().len() == y.get::<Tuple>().len();
    for m in x.get::<Tuple>().iter() {
        same = same && th.contains(y, m)?;
    }
    Ok(Value::bool(same == (op == Cmp::Eq)))
}
