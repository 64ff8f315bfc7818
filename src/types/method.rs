//! Bound methods, and builtin functions in all their forms: plain, bound, descriptors of a class, wrappers of slots.
//! Invariant: a bound builtin method is a `Native` with `this` or a `Method` over a `Native`; both read alike.

use super::{address, positional, text};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, lookup, slots};
use crate::run::slots::{GetSet, TypeSlots};
use crate::run::{Args, ClassDef, Cmp, Def, PLAIN, R, Thread, attr, def, get};

fn call(th: &mut Thread, f: Value, args: Value, kwargs: Value) -> R {
    th.call_ex(f, args, kwargs)
}

// ---------------------------------------------------------------------------------------------------- bound methods

/// `method`.
pub static DEF: ClassDef = ClassDef {
    name: "method",
    doc: "Create a bound instance method object.",
    slots: |s| {
        s.repr = Some(method_repr);
        s.call = Some(call);
        s.getattr = Some(method_get);
        bound(s);
        s.new = Some(new);
    },
    methods: METHODS,
    getset: GETSET,
    kind: Kind::Method,
    ..PLAIN
};

static METHODS: &[Def] = &[def("__reduce__", "($self, /)", method_reduce, "")];

static GETSET: &[GetSet] = &[
    get(
        "__func__",
        |_, m| Ok(m.get::<Method>().func.get()),
        "the function (or other callable) implementing a method",
    ),
    get("__self__", |_, m| Ok(m.get::<Method>().this.get()), "the instance to which a method is bound"),
    get("__doc__", |th, m| th.getattr(m.get::<Method>().func.get(), N::__doc__.v()), ""),
];

/// Equality and hash of anything bound: same callable, same object.
fn bound(s: &mut TypeSlots) {
    s.compare = Some(|_, op, a, b| {
        let same = match (parts(a), parts(b)) {
            (Some(x), Some(y)) => x == y && class_of(a) == class_of(b),
            _ => return Ok(if a == b && op == Cmp::Eq { Value::TRUE } else { Value::NOT_IMPLEMENTED }),
        };
        match op {
            Cmp::Eq => Ok(Value::bool(same)),
            Cmp::Ne => Ok(Value::bool(!same)),
            _ => Ok(Value::NOT_IMPLEMENTED),
        }
    });
    s.hash = Some(|th, o| match parts(o) {
        Some((f, this)) => {
            let f = if f & 7 == 2 { super::object::hash(th, Value(f))? } else { (f >> 3) as i64 };
            Ok(super::object::hash(th, this)? ^ f)
        }
        None => super::object::hash(th, o),
    });
}

/// The identity of the callable (of a native: its row) and the object that it is bound to.
fn parts(v: Value) -> Option<(u64, Value)> {
    let id = |f: Value| f.cast::<Native>().map_or(f.0, |n| n.def.get() as u64);
    match v.kind() {
        Kind::Method => Some((id(v.get::<Method>().func.get()), v.get::<Method>().this.get())),
        Kind::Native => v.get::<Native>().this.get().bound().map(|this| (id(v), this)),
        _ => None,
    }
}

fn new(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let [f, this] = positional::<2>(th, "method", 2, args, kwargs)?;
    if slots(class_of(f)).call.is_none() && lookup(class_of(f), N::__call__.v()).is_none() {
        return Err(th.type_error("first argument must be callable"));
    }
    if this.is_none() {
        return Err(th.type_error("instance must not be None"));
    }
    let m = th.method(f, this)?;
    m.header().shape.store(C::method.shape(), std::sync::atomic::Ordering::Release);
    Ok(m)
}

fn method_repr(th: &mut Thread, m: Value) -> R {
    let (f, this) = (m.get::<Method>().func.get(), m.get::<Method>().this.get());
    let mut name = "?".to_string();
    for n in [N::__qualname__, N::__name__] {
        if let Some(v) = th.getattr_opt(f, n.v())?
            && super::is_str(v)
        {
            name = th.text_of(v)?;
            break;
        }
    }
    let this = th.repr_text(this)?;
    text(th, format!("<bound method {name} of {this}>"))
}

fn method_get(th: &mut Thread, m: Value, name: Value) -> R {
    if lookup(class_of(m), name).is_some() {
        return attr::generic_get(th, m, name);
    }
    th.getattr(m.get::<Method>().func.get(), name)
}

fn method_reduce(th: &mut Thread, a: Args) -> R {
    let m = a[0].get::<Method>();
    let getattr = th.intern("getattr")?;
    let getattr = th.builtin(getattr).unwrap_or(Value::NONE);
    let name = th.getattr(m.func.get(), N::__name__.v())?;
    let args = th.tuple(&[m.this.get(), name])?;
    Ok(th.tuple(&[getattr, args])?)
}

// ------------------------------------------------------------------------------------------------------------ natives

/// `builtin_function_or_method`.
pub static BUILTIN: ClassDef = ClassDef {
    name: "builtin_function_or_method",
    slots: |s| {
        s.repr = Some(builtin_repr);
        s.call = Some(call);
        bound(s);
        s.new = None;
    },
    methods: NATIVE_METHODS,
    getset: BUILTIN_GETSET,
    kind: Kind::Native,
    ..PLAIN
};

/// `method_descriptor`.
pub static DESCRIPTOR: ClassDef = ClassDef {
    name: "method_descriptor",
    slots: descriptor,
    methods: NATIVE_METHODS,
    getset: DESCRIPTOR_GETSET,
    kind: Kind::Native,
    ..PLAIN
};

/// `wrapper_descriptor`.
pub static WRAPPER: ClassDef = ClassDef {
    name: "wrapper_descriptor",
    slots: descriptor,
    methods: NATIVE_METHODS,
    getset: DESCRIPTOR_GETSET,
    kind: Kind::Native,
    ..PLAIN
};

/// `method-wrapper`.
pub static METHOD_WRAPPER: ClassDef = ClassDef {
    name: "method-wrapper",
    slots: |s| {
        s.repr = Some(builtin_repr);
        s.call = Some(call);
        bound(s);
        s.new = None;
    },
    methods: NATIVE_METHODS,
    getset: BUILTIN_GETSET,
    kind: Kind::Native,
    ..PLAIN
};

fn descriptor(s: &mut TypeSlots) {
    s.repr = Some(descriptor_repr);
    s.call = Some(call);
    s.get = Some(|th, f, this, _| if this.is_none() { Ok(f) } else { Ok(th.method(f, this)?) });
    s.new = None;
}

static NATIVE_METHODS: &[Def] = &[def("__reduce__", "($self, /)", reduce, "")];

/// A function of a module goes by its name, a method by what it is a method of.
fn reduce(th: &mut Thread, a: Args) -> R {
    let this = match bound_to(a[0]) {
        v if v.is_unbound() => native(a[0]).owner.get(),
        v => v,
    };
    if this.is_kind(Kind::Module) || super::is_str(this) && bound_to(a[0]).is_unbound() || this.is_none() {
        return qualname(th, a[0]);
    }
    let getattr = th.intern("getattr")?;
    let getattr = th.builtin(getattr).unwrap_or(Value::NONE);
    let name = th.intern(row(a[0]).name)?;
    let args = th.tuple(&[this, name])?;
    Ok(th.tuple(&[getattr, args])?)
}

static BUILTIN_GETSET: &[GetSet] = &[
    get("__name__", |th, o| text(th, row(o).name), ""),
    get("__qualname__", qualname, ""),
    get("__doc__", doc, ""),
    get("__self__", this, ""),
    get("__module__", module, ""),
    get("__text_signature__", signature, ""),
];

static DESCRIPTOR_GETSET: &[GetSet] = &[
    get("__name__", |th, o| text(th, row(o).name), ""),
    get("__qualname__", qualname, ""),
    get("__doc__", doc, ""),
    get("__objclass__", |_, o| Ok(o.get::<Native>().owner.get()), ""),
    get("__text_signature__", signature, ""),
];

/// The native under a bound builtin method, or the native itself.
fn native(o: Value) -> &'static Native {
    match o.cast::<Method>() {
        Some(m) => m.func.get().get::<Native>(),
        None => o.get::<Native>(),
    }
}

fn row(o: Value) -> &'static Def {
    // SAFETY: the address was stored from a `&'static Def`.
    unsafe { &*(native(o).def.get() as *const Def) }
}

/// What a native is bound to, or unbound.
fn bound_to(o: Value) -> Value {
    match o.cast::<Method>() {
        Some(m) => m.this.get(),
        None => native(o).this.get(),
    }
}

fn qualname(th: &mut Thread, o: Value) -> R {
    let (name, owner, this) = (row(o).name, native(o).owner.get(), bound_to(o));
    if let Some(c) = this.cast::<Class>() {
        let class = th.text_of(c.qualname.get())?;
        return text(th, format!("{class}.{name}"));
    }
    let class = match owner.cast::<Class>() {
        Some(c) => c.qualname.get(),
        None if this.is_unbound() || this.is_kind(Kind::Module) => return text(th, name),
        None => class_of(this).get::<Class>().qualname.get(),
    };
    let class = th.text_of(class)?;
    text(th, format!("{class}.{name}"))
}

fn doc(th: &mut Thread, o: Value) -> R {
    let doc = row(o).doc;
    if doc.is_empty() { Ok(Value::NONE) } else { text(th, doc) }
}

fn signature(th: &mut Thread, o: Value) -> R {
    let sig = row(o).sig;
    if sig.is_empty() { Ok(Value::NONE) } else { text(th, sig) }
}

/// The object bound to, or the module of a plain function.
fn this(th: &mut Thread, o: Value) -> R {
    if let Some(v) = bound_to(o).bound() {
        return Ok(v);
    }
    let owner = native(o).owner.get();
    if owner.is_kind(Kind::Class) || !super::is_str(owner) {
        return Ok(owner);
    }
    let modules = S::modules.v();
    Ok(th.dict_get(modules, owner)?.unwrap_or(Value::NONE))
}

fn module(th: &mut Thread, o: Value) -> R {
    let owner = native(o).owner.get();
    if super::is_str(owner) {
        return Ok(owner);
    }
    if bound_to(o).is_unbound() && !owner.is_kind(Kind::Class) {
        th.intern("builtins")
    } else {
        Ok(Value::NONE)
    }
}

fn builtin_repr(th: &mut Thread, o: Value) -> R {
    let name = row(o).name;
    let this = match bound_to(o) {
        // A static method of a builtin class counts as bound to the class.
        v if v.is_unbound() && native(o).owner.get().is_kind(Kind::Class) => native(o).owner.get(),
        v => v,
    };
    if this.is_unbound() || this.is_kind(Kind::Module) {
        return text(th, format!("<built-in function {name}>"));
    }
    let (class, at) = (th.type_name(this), address(this));
    let wrapper = o.header().shape() == C::method_wrapper.shape();
    text(
        th,
        match wrapper {
            true => format!("<method-wrapper '{name}' of {class} object at {at}>"),
            false => format!("<built-in method {name} of {class} object at {at}>"),
        },
    )
}

fn descriptor_repr(th: &mut Thread, o: Value) -> R {
    let (name, class) = (row(o).name, th.class_name(native(o).owner.get()));
    let what = if o.header().shape() == C::wrapper.shape() { "slot wrapper" } else { "method" };
    text(th, format!("<{what} '{name}' of '{class}' objects>"))
}
