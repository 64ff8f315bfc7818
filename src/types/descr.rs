//! Descriptors: property, staticmethod, classmethod, computed attributes of builtin classes, `__slots__` members.
//! Invariant: a getset's `get` word is the address of its row, its `set` word the class that it belongs to; a
//! property without documentation of its own (unbound) shows its getter's.

use super::{bind, positional, text};
use crate::heap::cell::ALL;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, is_subclass};
use crate::run::slots::GetSet;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Raised, Thread, attr, def, get, getset};

fn prop(o: Value) -> &'static Property {
    o.base().get::<Property>()
}

/// A fresh descriptor of a class, its words None; an instance of a script subclass is built around it.
fn fresh(th: &mut Thread, of: C, cls: Value) -> R {
    let (v, p) = th.heap.new::<Property>(of.shape(), ALL, 0)?;
    for s in [&p.get, &p.set, &p.del, &p.name] {
        s.set(Value::NONE);
    }
    p.doc.set(Value::UNBOUND);
    if cls == of.v() { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

// ----------------------------------------------------------------------------------------------------------- property

/// `property`.
pub static PROPERTY: ClassDef = ClassDef {
    name: "property",
    doc: "Property attribute.\n\n  fget\n    function to be used for getting an attribute value\n  fset\n    function to be used for setting an attribute value\n  fdel\n    function to be used for del'ing an attribute\n  doc\n    docstring",
    slots: |s| {
        s.get = Some(property_get);
        s.set = Some(property_set);
        s.new = Some(|th, cls, _, _| fresh(th, C::property, cls));
        s.init = Some(property_init);
    },
    methods: PROPERTY_METHODS,
    getset: PROPERTY_GETSET,
    basetype: true,
    kind: Kind::Property,
    ..PLAIN
};

static PROPERTY_METHODS: &[Def] = &[
    def(
        "getter",
        "($self, object, /)",
        |th, a| changed(th, a, 0),
        "Descriptor to obtain a copy of the property with a different getter.",
    ),
    def(
        "setter",
        "($self, object, /)",
        |th, a| changed(th, a, 1),
        "Descriptor to obtain a copy of the property with a different setter.",
    ),
    def(
        "deleter",
        "($self, object, /)",
        |th, a| changed(th, a, 2),
        "Descriptor to obtain a copy of the property with a different deleter.",
    ),
    def("__set_name__", "($self, owner, name, /)", set_name, "Method to set name of a property."),
];

static PROPERTY_GETSET: &[GetSet] = &[
    get("fget", |_, o| Ok(prop(o).get.get()), ""),
    get("fset", |_, o| Ok(prop(o).set.get()), ""),
    get("fdel", |_, o| Ok(prop(o).del.get()), ""),
    getset(
        "__name__",
        property_name,
        |_, o, v| {
            prop(o).name.set(v.or(Value::NONE));
            Ok(())
        },
        "",
    ),
    getset(
        "__doc__",
        property_doc,
        |_, o, v| {
            prop(o).doc.set(v.or(Value::NONE));
            Ok(())
        },
        "",
    ),
    get("__isabstractmethod__", property_abstract, ""),
];

fn property_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    let [fget, fset, fdel, doc] = bind(th, "property", ["fget", "fset", "fdel", "doc"], 0, args, kwargs)?;
    let p = prop(o);
    p.get.set(fget.or(Value::NONE));
    p.set.set(fset.or(Value::NONE));
    p.del.set(fdel.or(Value::NONE));
    p.doc.set(if doc.is_none() { Value::UNBOUND } else { doc });
    if o.is_kind(Kind::Instance) {
        // A script subclass has a `__doc__` of its own, which would hide the property's.
        let doc = property_doc(th, o)?;
        if !doc.is_none() {
            attr::generic_set(th, o, N::__doc__.v(), doc)?;
        }
    }
    Ok(())
}

/// A copy with accessor `which` replaced.
fn changed(th: &mut Thread, a: Args, which: usize) -> R {
    let p = prop(a[0]);
    let mut parts = [p.get.get(), p.set.get(), p.del.get()];
    parts[which] = a[1];
    let doc = p.doc.get().or(Value::NONE);
    let v = th.call(class_of(a[0]), &[parts[0], parts[1], parts[2], doc])?;
    if class_of(v.base()) == C::property.v() {
        prop(v).name.set(p.name.get());
    }
    Ok(v)
}

fn set_name(_: &mut Thread, a: Args) -> R {
    prop(a[0]).name.set(a[2]);
    Ok(Value::NONE)
}

fn property_name(th: &mut Thread, o: Value) -> R {
    let p = prop(o);
    if !p.name.get().is_none() {
        return Ok(p.name.get());
    }
    match p.get.get() {
        f if f.is_none() => Err(attr::no_attribute(th, o, N::__name__.v())),
        f => match th.getattr_opt(f, N::__name__.v())? {
            Some(n) => Ok(n),
            None => Err(attr::no_attribute(th, o, N::__name__.v())),
        },
    }
}

fn property_doc(th: &mut Thread, o: Value) -> R {
    let p = prop(o);
    match p.doc.get() {
        d if !d.is_unbound() => Ok(d),
        _ if p.get.get().is_none() => Ok(Value::NONE),
        _ => Ok(th.getattr_opt(p.get.get(), N::__doc__.v())?.unwrap_or(Value::NONE)),
    }
}

fn property_abstract(th: &mut Thread, o: Value) -> R {
    let p = prop(o);
    for f in [p.get.get(), p.set.get(), p.del.get()] {
        if is_abstract(th, f)? {
            return Ok(Value::TRUE);
        }
    }
    Ok(Value::FALSE)
}

fn is_abstract(th: &mut Thread, f: Value) -> R<bool> {
    if f.is_none() {
        return Ok(false);
    }
    let name = th.intern("__isabstractmethod__")?;
    match th.getattr_opt(f, name)? {
        Some(v) => th.truth(v),
        None => Ok(false),
    }
}

#[cold]
fn no_accessor(th: &mut Thread, o: Value, this: Value, what: &str) -> Raised {
    let name = match property_name(th, o) {
        Ok(n) => th.repr_text(n).map(|n| format!("{n} ")),
        Err(e) => {
            th.take_raised();
            let _ = e;
            Ok(String::new())
        }
    };
    let Ok(name) = name else { return Raised };
    let text = match qualname_of(th, this) {
        Ok(class) => format!("property {name}of '{class}' object has no {what}"),
        Err(e) => return e,
    };
    th.raise(C::AttributeError, &text)
}

fn property_get(th: &mut Thread, o: Value, this: Value, class: Value) -> R {
    if this.is_none() && class != C::none.v() {
        return Ok(o);
    }
    match prop(o).get.get() {
        f if f.is_none() => Err(no_accessor(th, o, this, "getter")),
        f => th.call(f, &[this]),
    }
}

fn property_set(th: &mut Thread, o: Value, this: Value, v: Value) -> R<()> {
    let p = prop(o);
    let (f, what) = if v.is_unbound() { (p.del.get(), "deleter") } else { (p.set.get(), "setter") };
    if f.is_none() {
        return Err(no_accessor(th, o, this, what));
    }
    if v.is_unbound() { th.call(f, &[this]).map(drop) } else { th.call(f, &[this, v]).map(drop) }
}

// ------------------------------------------------------------------------------------- staticmethod and classmethod

/// `staticmethod`.
pub static STATICMETHOD: ClassDef = ClassDef {
    name: "staticmethod",
    doc: "Convert a function to be a static method.",
    slots: |s| {
        s.repr = Some(|th, o| wrapped_repr(th, o, "staticmethod"));
        s.get = Some(|_, o, _, _| Ok(prop(o).get.get()));
        s.call = Some(|th, o, args, kwargs| th.call_ex(prop(o).get.get(), args, kwargs));
        s.new = Some(|th, cls, _, _| fresh(th, C::staticmethod, cls));
        s.init = Some(|th, o, args, kwargs| wrap_init(th, o, "staticmethod", args, kwargs));
    },
    getset: WRAPPED,
    basetype: true,
    kind: Kind::Property,
    ..PLAIN
};

/// `classmethod`.
pub static CLASSMETHOD: ClassDef = ClassDef {
    name: "classmethod",
    doc: "Convert a function to be a class method.",
    slots: |s| {
        s.repr = Some(|th, o| wrapped_repr(th, o, "classmethod"));
        s.get = Some(classmethod_get);
        s.new = Some(|th, cls, _, _| fresh(th, C::classmethod, cls));
        s.init = Some(|th, o, args, kwargs| wrap_init(th, o, "classmethod", args, kwargs));
    },
    getset: WRAPPED,
    basetype: true,
    kind: Kind::Property,
    ..PLAIN
};

/// `classmethod_descriptor`: a class method of a builtin class.
pub static CLASSMETHOD_DESCRIPTOR: ClassDef = ClassDef {
    name: "classmethod_descriptor",
    slots: |s| {
        s.repr = Some(|th, o| {
            let (name, class) = (th.getattr(prop(o).get.get(), N::__name__.v())?, prop(o).set.get());
            let (name, class) = (th.text_of(name)?, th.class_name(class));
            text(th, format!("<method '{name}' of '{class}' objects>"))
        });
        s.get = Some(classmethod_get);
        s.call = Some(|th, o, args, kwargs| th.call_ex(prop(o).get.get(), args, kwargs));
        s.new = None;
    },
    getset: BUILTIN_CLASSMETHOD,
    kind: Kind::Property,
    ..PLAIN
};

static BUILTIN_CLASSMETHOD: &[GetSet] = &[
    get("__name__", |th, o| th.getattr(prop(o).get.get(), N::__name__.v()), ""),
    get("__doc__", |th, o| th.getattr(prop(o).get.get(), N::__doc__.v()), ""),
    get("__objclass__", |_, o| Ok(prop(o).set.get()), ""),
];

static WRAPPED: &[GetSet] = &[
    get("__func__", |_, o| Ok(prop(o).get.get()), ""),
    get("__wrapped__", |_, o| Ok(prop(o).get.get()), ""),
    get("__isabstractmethod__", |th, o| is_abstract(th, prop(o).get.get()).map(Value::bool), ""),
    get("__name__", |th, o| passed(th, o, N::__name__), ""),
    get("__qualname__", |th, o| passed(th, o, N::__qualname__), ""),
    get("__module__", |th, o| passed(th, o, N::__module__), ""),
    get("__doc__", |th, o| passed(th, o, N::__doc__), ""),
    get("__annotations__", |th, o| passed(th, o, N::__annotations__), ""),
];

fn passed(th: &mut Thread, o: Value, name: N) -> R {
    match th.getattr_opt(prop(o).get.get(), name.v())? {
        Some(v) => Ok(v),
        None => Err(attr::no_attribute(th, o, name.v())),
    }
}

fn wrap_init(th: &mut Thread, o: Value, name: &str, args: Value, kwargs: Value) -> R<()> {
    let [f] = positional::<1>(th, name, 1, args, kwargs)?;
    prop(o).get.set(f);
    Ok(())
}

fn wrapped_repr(th: &mut Thread, o: Value, name: &str) -> R {
    let inner = th.repr_text(prop(o).get.get())?;
    text(th, format!("<{name}({inner})>"))
}

fn classmethod_get(th: &mut Thread, o: Value, this: Value, class: Value) -> R {
    let class = if class.is_none() || class.is_unbound() { class_of(this) } else { class };
    Ok(th.method(prop(o).get.get(), class)?)
}

// ------------------------------------------------------------------------------------------- getsets and members

/// `getset_descriptor`.
pub static GETSET: ClassDef = ClassDef {
    name: "getset_descriptor",
    slots: |s| {
        s.repr = Some(|th, o| described(th, o, "attribute"));
        s.get = Some(getset_get);
        s.set = Some(getset_set);
        s.new = None;
    },
    getset: MEMBER_GETSET,
    kind: Kind::Property,
    ..PLAIN
};

/// `member_descriptor`.
pub static MEMBER: ClassDef = ClassDef {
    name: "member_descriptor",
    slots: |s| {
        s.repr = Some(|th, o| described(th, o, "member"));
        s.get = Some(member_get);
        s.set = Some(member_set);
        s.new = None;
    },
    getset: MEMBER_GETSET,
    kind: Kind::Property,
    ..PLAIN
};

static MEMBER_GETSET: &[GetSet] = &[
    get("__name__", |_, o| Ok(prop(o).name.get()), ""),
    get("__objclass__", |_, o| Ok(prop(o).set.get()), ""),
    get("__qualname__", member_qualname, ""),
    get("__doc__", member_doc, ""),
];

fn member_qualname(th: &mut Thread, o: Value) -> R {
    let class = th.class_name(prop(o).set.get());
    let name = th.text_of(prop(o).name.get())?;
    text(th, format!("{class}.{name}"))
}

fn member_doc(th: &mut Thread, o: Value) -> R {
    if o.header().shape() == C::getset.shape() && !row(o).doc.is_empty() {
        return text(th, row(o).doc);
    }
    Ok(Value::NONE)
}

fn described(th: &mut Thread, o: Value, what: &str) -> R {
    let class = th.class_name(prop(o).set.get());
    let name = th.text_of(prop(o).name.get())?;
    text(th, format!("<{what} '{name}' of '{class}' objects>"))
}

fn row(o: Value) -> &'static GetSet {
    // SAFETY: the class of getsets has only cells whose `get` word is the address of a static row.
    unsafe { &*(prop(o).get.get().0 as *const GetSet) }
}

/// The descriptor's object must be an instance of the class that it belongs to.
fn check(th: &mut Thread, o: Value, this: Value) -> R<()> {
    let owner = prop(o).set.get();
    if is_subclass(class_of(this), owner) {
        return Ok(());
    }
    let name = th.text_of(prop(o).name.get())?;
    let (class, t) = (th.class_name(owner), th.type_name(this));
    let text = format!("descriptor '{name}' for '{class}' objects doesn't apply to a '{t}' object");
    Err(th.type_error(text))
}

fn getset_get(th: &mut Thread, o: Value, this: Value, class: Value) -> R {
    if this.is_none() && class != C::none.v() {
        return Ok(o);
    }
    check(th, o, this)?;
    (row(o).get)(th, this)
}

/// Whether the attributes of such objects are plain members in CPython, which words the error differently.
fn is_plain_member(this: Value) -> bool {
    use Kind::*;
    matches!(
        this.kind(),
        Function | Method | Exception | Slice | Range | Complex | Traceback | Property | Module | Code
    )
}

fn getset_set(th: &mut Thread, o: Value, this: Value, v: Value) -> R<()> {
    check(th, o, this)?;
    match row(o).set {
        Some(set) => set(th, this, v),
        None if is_plain_member(this) => Err(th.raise(C::AttributeError, "readonly attribute")),
        None => {
            let class = th.class_name(prop(o).set.get());
            let text = format!("attribute '{}' of '{class}' objects is not writable", row(o).name);
            Err(th.raise(C::AttributeError, &text))
        }
    }
}

fn member_get(th: &mut Thread, o: Value, this: Value, class: Value) -> R {
    if this.is_none() && class != C::none.v() {
        return Ok(o);
    }
    check(th, o, this)?;
    match attr::own(this, prop(o).name.get()) {
        Some(v) => Ok(v),
        None => Err(attr::no_attribute(th, this, prop(o).name.get())),
    }
}

fn member_set(th: &mut Thread, o: Value, this: Value, v: Value) -> R<()> {
    check(th, o, this)?;
    if v.is_unbound() && attr::own(this, prop(o).name.get()).is_none() {
        let name = th.text_of(prop(o).name.get())?;
        return Err(th.attribute_error(this, prop(o).name.get(), &name));
    }
    attr::generic_set(th, this, prop(o).name.get(), v)
}

fn qualname_of(th: &mut Thread, this: Value) -> R<String> {
    th.text_of(class_of(this).get::<Class>().qualname.get())
}
