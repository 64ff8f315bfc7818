//! `type`: classes as objects. Invariant: attributes of a class are read and written only through its class cells,
//! so that what caches rely on stays true.

use super::{full_name, is_str, text};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{self, ABSTRACT, FINAL, HEAP, class_of, is_subclass, lookup, slots};
use crate::run::slots::GetSet;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Raised, Thread, attr, def, get, getset};

/// `type`.
pub static DEF: ClassDef = ClassDef {
    name: "type",
    doc: "type(object) -> the object's type\ntype(name, bases, dict, **kwds) -> a new type",
    slots: |s| {
        s.repr = Some(repr);
        s.call = Some(crate::run::instance::type_call);
        s.getattr = Some(attr::class_get);
        s.setattr = Some(attr::class_set);
        s.new = Some(new);
        s.init = Some(init);
        s.binary = Some(super::union::binary);
    },
    methods: METHODS,
    class_methods: CLASS_METHODS,
    getset: GETSET,
    basetype: true,
    kind: Kind::Class,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("mro", "($self, /)", mro, "Return a type's method resolution order."),
    def("__subclasses__", "($self, /)", subclasses, "Return a list of immediate subclasses."),
    def(
        "__instancecheck__",
        "($self, instance, /)",
        |th, a| super::build::plain_instance(th, a[1], a[0]).map(Value::bool),
        "Check if an object is an instance.",
    ),
    def(
        "__subclasscheck__",
        "($self, subclass, /)",
        |th, a| super::build::plain_subclass(th, a[1], a[0]).map(Value::bool),
        "Check if a class is a subclass.",
    ),
    def("__dir__", "($self, /)", dir, "Specialized __dir__ implementation for types."),
    def(
        "__sizeof__",
        "($self, /)",
        |_, _| Ok(Value::int(136)),
        "Return memory consumption of the type object.",
    ),
];

static CLASS_METHODS: &[Def] = &[def(
    "__prepare__",
    "($type, /, *args, **kwargs)",
    |th, _| Ok(th.heap.new_dict()?),
    "Create the namespace for the class statement",
)];

static GETSET: &[GetSet] = &[
    getset("__name__", |_, c| Ok(cls(c).name.get()), set_name, ""),
    getset("__qualname__", |_, c| Ok(cls(c).qualname.get()), set_qualname, ""),
    getset("__module__", |th, c| Ok(module_of(c).unwrap_or(th.intern("builtins")?)), set_module, ""),
    getset("__doc__", doc, |th, c, v| set_own(th, c, N::__doc__, v), ""),
    getset("__bases__", |_, c| Ok(cls(c).bases.get()), set_bases, ""),
    getset("__abstractmethods__", abstract_methods, set_abstract, ""),
    getset("__annotations__", annotations, set_annotations, ""),
    getset("__annotate__", annotate, set_annotate, ""),
    getset("__type_params__", type_params, |th, c, v| set_own(th, c, N::__type_params__, v), ""),
    get("__mro__", |_, c| Ok(cls(c).mro.get()), ""),
    get("__base__", base, ""),
    get("__dict__", super::proxy::make, ""),
    get("__text_signature__", |_, c| Ok(cls(c).doc.get()), ""),
    get("__flags__", flags, ""),
    get("__basicsize__", |_, c| Ok(Value::int(16 + 8 * cls(c).instance_words.get().as_int())), ""),
    get("__itemsize__", |_, _| Ok(Value::int(0)), ""),
    get("__dictoffset__", |_, c| Ok(Value::int(if bits(c) & class::OPEN != 0 { -1 } else { 0 })), ""),
    get("__weakrefoffset__", |_, _| Ok(Value::int(0)), ""),
];

fn cls(v: Value) -> &'static Class {
    v.get::<Class>()
}

fn bits(v: Value) -> i64 {
    cls(v).bits.get().as_int()
}

fn is_heap(v: Value) -> bool {
    bits(v) & HEAP != 0
}

/// What the class itself states under the name.
pub fn own(class: Value, name: Value) -> Option<Value> {
    let cell = crate::heap::dict::get_name(cls(class).dict.get().get::<Dict>(), name)?;
    cell.get::<Cell>().value.get().bound()
}

/// `__module__` of a class.
pub fn module_of(class: Value) -> Option<Value> {
    cls(class).module.get().bound().or_else(|| own(class, N::__module__.v()))
}

fn repr(th: &mut Thread, c: Value) -> R {
    let name = full_name(th, c)?;
    text(th, format!("<class '{name}'>"))
}

// ---------------------------------------------------------------------------------------------------------- making

/// `type.__new__`.
pub fn new(th: &mut Thread, meta: Value, args: Value, kwargs: Value) -> R {
    let a = args.get::<Tuple>();
    if a.len() != 3 {
        let text = format!("type.__new__() takes exactly 3 arguments ({} given)", a.len());
        return Err(th.type_error(text));
    }
    let (name, bases, ns) = (a.at(0), a.at(1), a.at(2));
    let wrong = |th: &mut Thread, i: usize, want: &str, v: Value| {
        let text = format!("type.__new__() argument {i} must be {want}, not {}", th.type_name(v));
        th.type_error(text)
    };
    if !is_str(name) {
        return Err(wrong(th, 1, "str", name));
    }
    if bases.like::<Tuple>().is_none() {
        return Err(wrong(th, 2, "tuple", bases));
    }
    if ns.like::<Dict>().is_none() {
        return Err(wrong(th, 3, "dict", ns));
    }
    let bases = bases.base();
    for b in bases.get::<Tuple>().iter() {
        if !b.is_kind(Kind::Class) && lookup(class_of(b), N::__mro_entries__.v()).is_some() {
            let text = "type() doesn't support MRO entry resolution; use types.new_class()";
            return Err(th.type_error(text));
        }
    }
    let winner = metaclass(th, meta, bases)?;
    if winner != meta
        && let Some(other) = slots(winner).new
        && other as usize != new as fn(&mut Thread, Value, Value, Value) -> R as usize
    {
        return other(th, winner, args, kwargs);
    }
    let name = crate::heap::text::flat_value(&mut th.heap, name.base())?;
    class::new_class(th, winner, name, bases, ns.base(), kwargs)
}

/// The most derived of `meta` and the classes of the bases.
pub fn metaclass(th: &mut Thread, meta: Value, bases: Value) -> R {
    let mut winner = meta;
    for b in bases.get::<Tuple>().iter() {
        let m = class_of(b);
        if is_subclass(winner, m) {
            continue;
        }
        if !is_subclass(m, winner) {
            let text = "metaclass conflict: the metaclass of a derived class must be a (non-strict) subclass of the metaclasses of all its bases";
            return Err(th.type_error(text));
        }
        winner = m;
    }
    Ok(winner)
}

fn init(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R<()> {
    let n = args.get::<Tuple>().len();
    if n == 1 && !kwargs.is_unbound() && kwargs.get::<Dict>().used.get() > 0 {
        return Err(th.type_error("type.__init__() takes no keyword arguments"));
    }
    if n != 1 && n != 3 {
        return Err(th.type_error("type.__init__() takes 1 or 3 arguments"));
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------------------- attributes

fn immutable(th: &mut Thread, c: Value, name: &str) -> Raised {
    let text = format!("cannot set '{name}' attribute of immutable type '{}'", th.class_name(c));
    th.type_error(text)
}

/// A settable class attribute must be set, to a value of the right sort, on a script class.
fn check_set(th: &mut Thread, c: Value, name: &str, v: Value) -> R<()> {
    if !is_heap(c) {
        return Err(immutable(th, c, name));
    }
    if v.is_unbound() {
        let text = format!("cannot delete '{name}' attribute of immutable type '{}'", th.class_name(c));
        return Err(th.type_error(text));
    }
    Ok(())
}

fn check_string(th: &mut Thread, c: Value, name: &str, v: Value) -> R {
    check_set(th, c, name, v)?;
    if !is_str(v) {
        let (class, t) = (th.class_name(c), th.type_name(v));
        return Err(th.type_error(format!("can only assign string to {class}.{name}, not '{t}'")));
    }
    Ok(crate::heap::text::flat_value(&mut th.heap, v.base())?)
}

fn set_name(th: &mut Thread, c: Value, v: Value) -> R<()> {
    let v = check_string(th, c, "__name__", v)?;
    cls(c).name.set(v);
    Ok(())
}

fn set_qualname(th: &mut Thread, c: Value, v: Value) -> R<()> {
    let v = check_string(th, c, "__qualname__", v)?;
    cls(c).qualname.set(v);
    Ok(())
}

fn set_module(th: &mut Thread, c: Value, v: Value) -> R<()> {
    check_set(th, c, "__module__", v)?;
    class::set_attr(th, c, N::__module__.v(), v)
}

fn set_own(th: &mut Thread, c: Value, name: N, v: Value) -> R<()> {
    let shown = th.text_of(name.v())?;
    check_set(th, c, &shown, v)?;
    class::set_attr(th, c, name.v(), v)
}

fn doc(th: &mut Thread, c: Value) -> R {
    if c == C::type_.v() {
        return text(th, DEF.doc);
    }
    match own(c, N::__doc__.v()) {
        None => Ok(Value::NONE),
        Some(v) if v.is_kind(Kind::Property) => attr::get_descriptor(th, v, Value::NONE, c),
        Some(v) => Ok(v),
    }
}

fn base(_: &mut Thread, c: Value) -> R {
    let bases = cls(c).bases.get().get::<Tuple>();
    // The base that gave the layout: the first whose layout is the class's own.
    let solid = cls(c).solid.get();
    let best = bases.iter().find(|b| *b == solid || cls(*b).solid.get() == solid && *b != C::object.v());
    Ok(best.or_else(|| bases.iter().next()).unwrap_or(Value::NONE))
}

fn abstract_methods(th: &mut Thread, c: Value) -> R {
    let name = N::__abstractmethods__.v();
    match own(c, name).filter(|v| !v.is_kind(Kind::Property)) {
        Some(v) => Ok(v),
        None => Err(th.attribute_error(c, name, "__abstractmethods__")),
    }
}

fn set_abstract(th: &mut Thread, c: Value, v: Value) -> R<()> {
    class::set_attr(th, c, N::__abstractmethods__.v(), v)
}

fn flags(_: &mut Thread, c: Value) -> R {
    let b = bits(c);
    let mut f = 1i64 << 12;
    for (on, bit) in [
        (b & HEAP != 0, 9),
        (b & FINAL == 0, 10),
        (b & HEAP == 0, 8),
        (b & ABSTRACT != 0, 20),
        (is_subclass(c, C::int.v()), 24),
        (is_subclass(c, C::list.v()), 25),
        (is_subclass(c, C::tuple.v()), 26),
        (is_subclass(c, C::bytes.v()), 27),
        (is_subclass(c, C::str.v()), 28),
        (is_subclass(c, C::dict.v()), 29),
        (is_subclass(c, C::BaseException.v()), 30),
        (is_subclass(c, C::type_.v()), 31),
    ] {
        f |= (on as i64) << bit;
    }
    Ok(Value::int(f))
}

fn type_params(_: &mut Thread, c: Value) -> R {
    Ok(own(c, N::__type_params__.v()).filter(|v| !v.is_kind(Kind::Property)).unwrap_or(S::empty_tuple.v()))
}

/// `cls.__annotations__`: computed once by the annotate function, remembered in the class.
fn annotations(th: &mut Thread, c: Value) -> R {
    if !is_heap(c) {
        return Err(attr::no_attribute(th, c, N::__annotations__.v()));
    }
    let cache = th.intern("__annotations_cache__")?;
    for name in [N::__annotations__.v(), cache] {
        if let Some(v) = own(c, name) {
            let desc = attr::descriptor_kind(v) == attr::Desc::Get;
            return if desc { attr::get_descriptor(th, v, Value::NONE, c) } else { Ok(v) };
        }
    }
    let f = annotate(th, c)?;
    let made = match f.is_none() {
        true => th.heap.new_dict()?,
        false => {
            let v = th.call(f, &[Value::int(1)])?;
            if v.like::<Dict>().is_none() {
                let text = format!("__annotate__ returned non-dict of type '{}'", th.type_name(v));
                return Err(th.type_error(text));
            }
            v
        }
    };
    class::set_attr(th, c, cache, made)?;
    Ok(made)
}

fn set_annotations(th: &mut Thread, c: Value, v: Value) -> R<()> {
    if !is_heap(c) {
        return Err(immutable(th, c, "__annotations__"));
    }
    let cache = th.intern("__annotations_cache__")?;
    if !v.is_unbound() {
        return class::set_attr(th, c, cache, v);
    }
    let mut found = false;
    for name in [N::__annotations__.v(), cache] {
        if own(c, name).is_some() {
            class::set_attr(th, c, name, Value::UNBOUND)?;
            found = true;
        }
    }
    if found { Ok(()) } else { Err(th.attribute_error(c, N::__annotations__.v(), "__annotations__")) }
}

fn annotate(th: &mut Thread, c: Value) -> R {
    if !is_heap(c) {
        return Err(attr::no_attribute(th, c, N::__annotate__.v()));
    }
    let inner = th.intern("__annotate_func__")?;
    let found = [inner, N::__annotate__.v()].into_iter().find_map(|n| own(c, n));
    match found {
        Some(f) => attr::get_descriptor(th, f, Value::NONE, c),
        None => Ok(Value::NONE),
    }
}

fn set_annotate(th: &mut Thread, c: Value, v: Value) -> R<()> {
    if !is_heap(c) {
        return Err(immutable(th, c, "__annotate__"));
    }
    if v.is_unbound() {
        return Err(th.type_error("cannot delete __annotate__ attribute"));
    }
    if !v.is_none() && slots(class_of(v)).call.is_none() && !v.is_kind(Kind::Function) {
        return Err(th.type_error("__annotate__ must be callable or None"));
    }
    let cache = th.intern("__annotations_cache__")?;
    if !v.is_none() && own(c, cache).is_some() {
        class::set_attr(th, c, cache, Value::UNBOUND)?;
    }
    class::set_attr(th, c, N::__annotate__.v(), v)
}

// ------------------------------------------------------------------------------------------------------------ bases

fn set_bases(th: &mut Thread, c: Value, v: Value) -> R<()> {
    if !is_heap(c) {
        return Err(immutable(th, c, "__bases__"));
    }
    check_set(th, c, "__bases__", v)?;
    let name = th.class_name(c);
    let Some(new) = v.cast::<Tuple>() else {
        let text = format!("can only assign tuple to {name}.__bases__, not {}", th.type_name(v));
        return Err(th.type_error(text));
    };
    if new.is_empty() {
        let text = format!("can only assign non-empty tuple to {name}.__bases__, not ()");
        return Err(th.type_error(text));
    }
    for b in new.iter() {
        let Some(bc) = b.cast::<Class>() else {
            let text = format!("{name}.__bases__ must be tuple of classes, not '{}'", th.type_name(b));
            return Err(th.type_error(text));
        };
        if is_subclass(b, c) {
            return Err(th.type_error("a __bases__ item causes an inheritance cycle"));
        }
        if bc.bits.get().as_int() & FINAL != 0 {
            let text = format!("type '{}' is not an acceptable base type", th.class_name(b));
            return Err(th.type_error(text));
        }
        let fits = bc.solid.get() == cls(c).solid.get() || bc.solid.get() == C::object.v();
        let room = bc.instance_words.get().as_int() <= cls(c).instance_words.get().as_int()
            || bc.bits.get().as_int() & class::OPEN != 0;
        if !fits || !room {
            let (new, old) = (th.class_name(b), th.class_name(cls(c).bases.get().get::<Tuple>().at(0)));
            let text = format!("__bases__ assignment: '{new}' object layout differs from '{old}'");
            return Err(th.type_error(text));
        }
    }
    crate::run::bases::set_bases(th, c, v)
}

fn mro(th: &mut Thread, a: Args) -> R {
    th.to_list(cls(a[0]).mro.get())
}

fn subclasses(th: &mut Thread, a: Args) -> R {
    let out = th.list_with(0)?;
    if let Some(l) = cls(a[0]).subclasses.get().cast::<List>() {
        let refs = crate::heap::list::snapshot(&mut th.heap, l)?;
        for w in refs.get::<Tuple>().iter() {
            let sub = w.cast::<Weak>().map_or(Value::UNBOUND, crate::heap::weak::target);
            if sub.is_kind(Kind::Class) {
                crate::heap::list::push(&mut th.heap, out.get::<List>(), sub)?;
            }
        }
    }
    Ok(out)
}

fn dir(th: &mut Thread, a: Args) -> R {
    let names = th.heap.new_dict()?;
    super::object::class_names(th, names, a[0])?;
    th.to_list(names)
}
