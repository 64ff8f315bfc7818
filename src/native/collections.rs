//! Module `_collections`: deque, defaultdict and what namedtuple and Counter are quick by. Invariant: a defaultdict is
//! an instance of a class below dict that keeps its factory as an ordinary attribute.

use super::collections_deque;
use crate::heap::cell::ALL;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value, dict};
use crate::run::class::{self, class_of, lookup};
use crate::run::{Args, Bin, ClassDef, Def, ModuleDef, PLAIN, R, Thread, def, getset, poll};
use crate::types;

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_collections",
    doc: "High performance data structures.\n- deque:        ordered collection accessible from endpoints only\n\
          - defaultdict:  dict subclass with a default value factory",
    functions: &[
        def(
            "_count_elements",
            "(mapping, iterable, /)",
            count_elements,
            "Count elements in the iterable, updating the mapping",
        ),
        def("_named", "(cls, items, /)", named, "An instance of a class below tuple."),
    ],
    fill: |th, dict| {
        let deque = collections_deque::class(th)?;
        put(th, dict, "deque", deque)?;
        let default = default_class(th)?;
        put(th, dict, "defaultdict", default)?;
        let getter = class::define(th, None, &GETTER)?;
        put(th, dict, "_tuplegetter", getter)
    },
};

fn put(th: &mut Thread, dict: Value, name: &str, v: Value) -> R<()> {
    let name = th.intern(name)?;
    th.dict_insert(dict, name, v)
}

// ------------------------------------------------------------------------------------------------------- defaultdict

static DEFAULT: [Def; 8] = [
    def(
        "__init__",
        "($self, /, *args, **kwargs)",
        default_init,
        "Initialize self. See help(type(self)) for accurate signature.",
    ),
    def(
        "__missing__",
        "($self, key, /)",
        missing,
        "__missing__(key) # Called by __getitem__ for missing key.",
    ),
    def("__repr__", "($self, /)", default_repr, "Return repr(self)."),
    def("copy", "($self, /)", default_copy, "D.copy() -> a shallow copy of D."),
    def("__copy__", "($self, /)", default_copy, "D.copy() -> a shallow copy of D."),
    def("__or__", "($self, value, /)", |th, a| joined(th, a[0], a[0], a[1]), "Return self|value."),
    def("__ror__", "($self, value, /)", |th, a| joined(th, a[0], a[1], a[0]), "Return value|self."),
    def("__reduce__", "($self, /)", default_reduce, "Return state information for pickling."),
];

fn default_class(th: &mut Thread) -> R {
    let ns = th.heap.new_dict()?;
    let module = th.intern("collections")?;
    th.dict_insert(ns, N::__module__.v(), module)?;
    let doc = th.str(
        "defaultdict(default_factory=None, /, [...]) --> dict with default factory\n\nThe default factory is called \
         without arguments to produce a new value when a key is not present, in __getitem__ only.",
    )?;
    th.dict_insert(ns, N::__doc__.v(), doc)?;
    let name = th.intern("defaultdict")?;
    let bases = th.tuple(&[C::dict.v()])?;
    let c = class::new_class(th, C::type_.v(), name, bases, ns, Value::UNBOUND)?;
    for d in &DEFAULT {
        class::add_method(th, c, d)?;
    }
    class::recompute(c);
    Ok(c)
}

/// The factory, or None.
fn factory(th: &mut Thread, o: Value) -> R {
    let name = th.intern("default_factory")?;
    Ok(th.getattr_opt(o, name)?.unwrap_or(Value::NONE))
}

fn default_init(th: &mut Thread, a: Args) -> R {
    let args = a[1].get::<Tuple>();
    let first = if args.is_empty() { Value::NONE } else { args.at(0) };
    if !first.is_none() && class::slots(class_of(first)).call.is_none() && !is_callable(first) {
        return Err(th.type_error("first argument must be callable or None"));
    }
    let name = th.intern("default_factory")?;
    th.setattr(a[0], name, first)?;
    let rest = th.tuple_with(args.len().saturating_sub(1))?;
    for i in 1..args.len() {
        // SAFETY: the tuple was made with that many items.
        unsafe { rest.get::<Tuple>().item(i - 1) }.set(args.at(i));
    }
    if let Some(init) = class::slots(C::dict.v()).init {
        let kwargs = if a[2].is_unbound() || a[2].get::<Dict>().is_empty() { Value::UNBOUND } else { a[2] };
        init(th, a[0], rest, kwargs)?;
    }
    Ok(Value::NONE)
}

fn is_callable(v: Value) -> bool {
    matches!(v.kind(), Kind::Class | Kind::Function | Kind::Native | Kind::Method)
        || lookup(class_of(v), N::__call__.v()).is_some()
}

fn missing(th: &mut Thread, a: Args) -> R {
    let make = factory(th, a[0])?;
    if make.is_none() {
        return Err(th.key_error(a[1]));
    }
    let v = th.call(make, &[])?;
    th.setitem(a[0], a[1], v)?;
    Ok(v)
}

fn default_repr(th: &mut Thread, a: Args) -> R {
    let make = factory(th, a[0])?;
    let name = th.class_name(th.class_of(a[0]));
    if th.repr_guard.contains(&a[0]) {
        return types::text(th, format!("{name}(...)"));
    }
    th.repr_guard.push(a[0]);
    let r = th.repr_text(make);
    th.repr_guard.pop();
    let make = r?;
    let items = match class::slots(C::dict.v()).repr {
        Some(f) => {
            let v = f(th, a[0])?;
            th.text_of(v)?
        }
        None => String::new(),
    };
    types::text(th, format!("{name}({make}, {items})"))
}

fn default_copy(th: &mut Thread, a: Args) -> R {
    let make = factory(th, a[0])?;
    th.call(class_of(a[0]), &[make, a[0]])
}

/// `x | y`, one of which is the defaultdict `o`.
fn joined(th: &mut Thread, o: Value, x: Value, y: Value) -> R {
    if x.like::<Dict>().is_none() || y.like::<Dict>().is_none() {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let make = factory(th, o)?;
    let out = th.call(class_of(o), &[make, x])?;
    th.call_method(out, N::update, &[y])?;
    Ok(out)
}

fn default_reduce(th: &mut Thread, a: Args) -> R {
    let make = factory(th, a[0])?;
    let args = if make.is_none() { th.tuple(&[])? } else { th.tuple(&[make])? };
    let items = th.call_method(a[0], N::items, &[])?;
    let items = th.iter(items)?;
    Ok(th.tuple(&[class_of(a[0]), args, Value::NONE, Value::NONE, items])?)
}

// ------------------------------------------------------------------------------------------------------ _tuplegetter

static GETTER: ClassDef = ClassDef {
    name: "collections._tuplegetter",
    slots: |s| {
        s.new = Some(getter_new);
        s.get = Some(getter_get);
        s.item_getter = true;
        s.set = Some(|th, _, _, v| {
            let what = if v.is_unbound() { "can't delete attribute" } else { "can't set attribute" };
            Err(th.raise(C::AttributeError, what))
        });
        s.repr = Some(|th, o| {
            let p = o.get::<Property>();
            let doc = th.repr_text(p.doc.get())?;
            let name = types::full_name(th, class_of(o))?;
            types::text(th, format!("{name}({}, {doc})", p.get.get().as_int()))
        });
    },
    methods: &[def(
        "__reduce__",
        "($self, /)",
        |th, a| {
            let p = a[0].get::<Property>();
            let args = th.tuple(&[p.get.get(), p.doc.get()])?;
            Ok(th.tuple(&[class_of(a[0]), args])?)
        },
        "",
    )],
    getset: &[getset(
        "__doc__",
        |_, o| Ok(o.get::<Property>().doc.get()),
        |_, o, v| {
            o.get::<Property>().doc.set(v.or(Value::NONE));
            Ok(())
        },
        "",
    )],
    kind: Kind::Property,
    ..PLAIN
};

fn getter_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [index, doc] = types::positional(th, "_tuplegetter", 2, args, kwargs)?;
    let i = th.index(index)?;
    let (v, p) = th.heap.new::<Property>(super::lock::shape_of(cls), ALL, 0)?;
    for s in [&p.set, &p.del, &p.name] {
        s.set(Value::NONE);
    }
    p.get.set(Value::int(i as i64));
    p.doc.set(doc);
    Ok(v)
}

fn getter_get(th: &mut Thread, o: Value, this: Value, _: Value) -> R {
    let i = o.get::<Property>().get.get().as_int();
    match this.like::<Tuple>() {
        Some(t) if (i as usize) < t.len() => Ok(t.at(i as usize)),
        Some(_) => Err(th.index_error("tuple index out of range")),
        None if this.is_none() => Ok(o),
        None => {
            let text = format!(
                "descriptor for index '{i}' for tuple subclasses doesn't apply to '{}' object",
                th.type_name(this)
            );
            Err(th.type_error(text))
        }
    }
}

/// `tuple.__new__(cls, items)`, where the items are a tuple already.
fn named(th: &mut Thread, a: Args) -> R {
    let (cls, items) = (a[0], a[1]);
    if !cls.is_kind(Kind::Class) {
        let t = th.class_name(class_of(cls));
        return Err(th.type_error(format!("tuple.__new__(X): X is not a type object ({t})")));
    }
    if !class::is_subclass(cls, C::tuple.v()) || !items.is_kind(Kind::Tuple) {
        let c = th.class_name(cls);
        return Err(th.type_error(format!("tuple.__new__({c}): {c} is not a subtype of tuple")));
    }
    if cls == C::tuple.v() { Ok(items) } else { crate::run::instance::wrap_base(th, cls, items) }
}

// --------------------------------------------------------------------------------------------------- _count_elements

fn count_elements(th: &mut Thread, a: Args) -> R {
    let class = class_of(a[0]);
    let inherits = |n: N| lookup(class, n.v()) == lookup(C::dict.v(), n.v());
    let plain = a[0].like::<Dict>().is_some() && inherits(N::get) && inherits(N::__setitem__);
    let it = th.iter(a[1])?;
    let mut n = 0u32;
    while let Some(k) = th.next(it)? {
        n = n.wrapping_add(1);
        if n.is_multiple_of(4096) {
            poll::native_poll(th)?;
        }
        if plain {
            count_one(th, a[0].base(), k)?;
            continue;
        }
        let old = th.call_method(a[0], N::get, &[k, Value::int(0)])?;
        let new = th.binary(Bin::Add, old, Value::int(1))?;
        th.setitem(a[0], k, new)?;
    }
    Ok(Value::NONE)
}

/// Adds one to the count of a key, which is hashed once.
fn count_one(th: &mut Thread, counts: Value, k: Value) -> R<()> {
    let (k, hash) = th.hashed(k, "dict key")?;
    let d = counts.get::<Dict>();
    if dict::count(&mut th.heap, d, hash, k) {
        return Ok(());
    }
    let old =
        dict::find(th, d, hash, k, |th: &mut Thread, stored| th.eq(stored, k))?.unwrap_or(Value::int(0));
    let new = match old.is_int().then(|| Value::try_int(old.as_int() + 1)).flatten() {
        Some(v) => v,
        None => th.binary(Bin::Add, old, Value::int(1))?,
    };
    dict::insert(th, d, hash, k, new, |th, stored| th.eq(stored, k)).map(drop)
}
