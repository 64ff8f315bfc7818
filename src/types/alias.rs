//! `types.GenericAlias`: `list[int]`. Invariant: `over` is the origin, `x` the tuple of arguments; whatever is not the
//! alias's own business is asked of the origin.

use super::{full_name, positional, text};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value, list};
use crate::run::class::{class_of, lookup};
use crate::run::slots::GetSet;
use crate::run::{Args, ClassDef, Cmp, Def, PLAIN, R, Thread, attr, def, get};

/// `GenericAlias`.
pub static DEF: ClassDef = ClassDef {
    name: "types.GenericAlias",
    doc: "Represent a PEP 585 generic type",
    slots: |s| {
        s.repr = Some(repr);
        s.hash = Some(hash);
        s.compare = Some(compare);
        s.call = Some(call);
        s.getattr = Some(getattr);
        s.getitem = Some(getitem);
        s.binary = Some(super::union::binary);
        s.new = Some(new);
    },
    methods: METHODS,
    getset: GETSET,
    basetype: true,
    kind: Kind::Iter,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("__mro_entries__", "($self, bases, /)", |th, a| Ok(th.tuple(&[it(a[0]).over.get()])?), ""),
    def(
        "__instancecheck__",
        "($self, instance, /)",
        |th, _| Err(th.type_error("isinstance() argument 2 cannot be a parameterized generic")),
        "",
    ),
    def(
        "__subclasscheck__",
        "($self, subclass, /)",
        |th, _| Err(th.type_error("issubclass() argument 2 cannot be a parameterized generic")),
        "",
    ),
    def("__reduce__", "($self, /)", reduce, ""),
    def("__dir__", "($self, /)", dir, ""),
];

static GETSET: &[GetSet] = &[
    get("__origin__", |_, o| Ok(it(o).over.get()), ""),
    get("__args__", |_, o| Ok(it(o).x.get()), ""),
    get("__parameters__", |th, o| parameters(th, it(o).x.get()), "Type variables in the GenericAlias."),
    get("__unpacked__", |_, _| Ok(Value::FALSE), ""),
];

/// `__class_getitem__` for builtin classes that take type arguments.
pub static CLASS_GETITEM: &[Def] =
    &[def("__class_getitem__", "($type, object, /)", |th, a| th.generic_alias(a[0], a[1]), "See PEP 585")];

/// Attributes that the alias does not pass on.
const OWN: &[&str] = &[
    "__class__",
    "__origin__",
    "__args__",
    "__parameters__",
    "__unpacked__",
    "__mro_entries__",
    "__reduce_ex__",
    "__reduce__",
    "__copy__",
    "__deepcopy__",
    "__typing_unpacked_tuple_args__",
    "__instancecheck__",
    "__subclasscheck__",
    "__dir__",
];

fn it(o: Value) -> &'static Iter {
    o.base().get::<Iter>()
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [origin, params] = positional::<2>(th, "GenericAlias", 2, args, kwargs)?;
    let v = th.generic_alias(origin, params)?;
    if cls == C::generic_alias.v() { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

/// A type as annotations show it.
pub fn shown(th: &mut Thread, v: Value) -> R<String> {
    match v.kind() {
        _ if v == Value::ELLIPSIS => Ok("...".to_string()),
        _ if v.is_none() => Ok("None".to_string()),
        Kind::Class if v == C::none.v() => Ok("None".to_string()),
        Kind::Class => full_name(th, v),
        Kind::List => {
            let items = list::snapshot(&mut th.heap, v.get::<List>())?;
            Ok(format!("[{}]", joined(th, items)?))
        }
        _ => th.repr_text(v),
    }
}

fn joined(th: &mut Thread, args: Value) -> R<String> {
    let mut out = Vec::new();
    for a in args.get::<Tuple>().iter() {
        out.push(if a == C::none.v() { full_name(th, a)? } else { shown(th, a)? });
    }
    Ok(out.join(", "))
}

fn repr(th: &mut Thread, o: Value) -> R {
    let i = it(o);
    let origin = shown(th, i.over.get())?;
    let args = i.x.get();
    let inner = if args.get::<Tuple>().is_empty() { "()".to_string() } else { joined(th, args)? };
    text(th, format!("{origin}[{inner}]"))
}

fn hash(th: &mut Thread, o: Value) -> R<i64> {
    Ok(th.hash(it(o).over.get())? ^ th.hash(it(o).x.get())?)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if class_of(b.base()) != C::generic_alias.v() || !matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let same = th.eq(it(a).over.get(), it(b).over.get())? && th.eq(it(a).x.get(), it(b).x.get())?;
    Ok(Value::bool(same == (op == Cmp::Eq)))
}

fn call(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R {
    let v = th.call_ex(it(o).over.get(), args, kwargs)?;
    let name = th.intern("__orig_class__")?;
    match th.setattr(v, name, o) {
        Err(e) if !th.raised_is(C::AttributeError) && !th.raised_is(C::TypeError) => Err(e),
        Err(_) => {
            th.take_raised();
            Ok(v)
        }
        Ok(()) => Ok(v),
    }
}

fn getattr(th: &mut Thread, o: Value, name: Value) -> R {
    let own = OWN.iter().any(|n| name.cast::<Str>().is_some_and(|s| s.bytes() == n.as_bytes()));
    // A script subclass adds attributes of its own.
    let added = o.is_kind(Kind::Instance)
        && (attr::has_own(o, name) || lookup(class_of(o), name) != lookup(C::object.v(), name));
    if own || added {
        return attr::generic_get(th, o, name);
    }
    th.getattr(it(o).over.get(), name)
}

/// Whether `v` is a type variable: something to be substituted.
fn is_variable(th: &mut Thread, v: Value) -> R<bool> {
    let name = th.intern("__typing_subst__")?;
    Ok(!v.is_kind(Kind::Class) && th.getattr_opt(v, name)?.is_some())
}

/// The type variables among the arguments, each once.
pub fn parameters(th: &mut Thread, args: Value) -> R {
    let out = th.list_with(0)?;
    let o = out.get::<List>();
    for a in args.get::<Tuple>().iter() {
        if a.is_kind(Kind::Class) || !a.is_ptr() {
            continue;
        }
        if is_variable(th, a)? {
            if !th.contains(out, a)? {
                list::push(&mut th.heap, o, a)?;
            }
            continue;
        }
        let name = th.intern("__parameters__")?;
        if let Some(inner) = th.getattr_opt(a, name)?
            && let Some(inner) = inner.cast::<Tuple>()
        {
            for p in inner.iter() {
                if !th.contains(out, p)? {
                    list::push(&mut th.heap, o, p)?;
                }
            }
        }
    }
    Ok(list::snapshot(&mut th.heap, o)?)
}

/// The arguments with the type variables `params` replaced by `items`.
pub fn substituted(th: &mut Thread, o: Value, args: Value, items: Value) -> R {
    let params = parameters(th, args)?;
    let p = params.get::<Tuple>();
    let items = if items.is_kind(Kind::Tuple) { items } else { th.tuple(&[items])? };
    let (given, want) = (items.get::<Tuple>().len(), p.len());
    if want == 0 {
        let what = th.repr_text(o)?;
        return Err(th.type_error(format!("{what} is not a generic class")));
    }
    if given != want {
        let what = th.repr_text(o)?;
        let few = if given > want { "many" } else { "few" };
        let text = format!("Too {few} arguments for {what}; actual {given}, expected {want}");
        return Err(th.type_error(text));
    }
    let out = th.list_with(0)?;
    for a in args.get::<Tuple>().iter() {
        let mut v = a;
        if let Some(k) = p.iter().position(|x| x == a) {
            v = items.get::<Tuple>().at(k);
        } else if a.is_ptr() && !a.is_kind(Kind::Class) {
            let name = th.intern("__parameters__")?;
            if let Some(inner) = th.getattr_opt(a, name)?
                && let Some(inner) = inner.cast::<Tuple>()
                && !inner.is_empty()
            {
                let chosen = th.tuple_with(inner.len())?;
                for (i, q) in inner.iter().enumerate() {
                    let k = p.iter().position(|x| x == q).unwrap_or(0);
                    // SAFETY: i is below the tuple's length.
                    unsafe { chosen.get::<Tuple>().item(i) }.set(items.get::<Tuple>().at(k));
                }
                v = th.getitem(a, chosen)?;
            }
        }
        list::push(&mut th.heap, out.get::<List>(), v)?;
    }
    Ok(list::snapshot(&mut th.heap, out.get::<List>())?)
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let args = substituted(th, o, it(o).x.get(), k)?;
    th.generic_alias(it(o).over.get(), args)
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let args = th.tuple(&[it(a[0]).over.get(), it(a[0]).x.get()])?;
    Ok(th.tuple(&[C::generic_alias.v(), args])?)
}

fn dir(th: &mut Thread, a: Args) -> R {
    let names = th.call_method(it(a[0]).over.get(), N::__dir__, &[])?;
    let names = th.to_list(names)?;
    for n in OWN {
        let n = th.intern(n)?;
        if !th.contains(names, n)? {
            list::push(&mut th.heap, names.get::<List>(), n)?;
        }
    }
    Ok(names)
}
