//! `super`: attributes of the classes behind one in an object's linearisation. Invariant: `over` is the class, `x` the
//! object or unbound, `y` the class whose linearisation is followed or unbound.

use super::{positional, text};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, is_subclass, lookup_after};
use crate::run::slots::GetSet;
use crate::run::{ClassDef, PLAIN, R, Thread, attr, frame, get};

/// `super`.
pub static DEF: ClassDef = ClassDef {
    name: "super",
    doc: "super() -> same as super(__class__, <first argument>)\nsuper(type) -> unbound super object\nsuper(type, obj) -> bound super object; requires isinstance(obj, type)\nsuper(type, type2) -> bound super object; requires issubclass(type2, type)",
    slots: |s| {
        s.repr = Some(repr);
        s.getattr = Some(getattr);
        s.get = Some(bind_to);
        s.new = Some(|th, cls, _, _| {
            let v = th.heap.iter(C::super_, Value::NONE, 0, 0, 0)?;
            if cls == C::super_.v() { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
        });
        s.init = Some(init);
    },
    getset: GETSET,
    basetype: true,
    kind: Kind::Iter,
    ..PLAIN
};

static GETSET: &[GetSet] = &[
    get("__thisclass__", |_, o| Ok(it(o).over.get()), "the class invoking super()"),
    get("__self__", |_, o| Ok(it(o).x.get().or(Value::NONE)), "the instance invoking super(); may be None"),
    get(
        "__self_class__",
        |_, o| Ok(it(o).y.get().or(Value::NONE)),
        "the type of the instance invoking super(); may be None",
    ),
];

fn it(o: Value) -> &'static Iter {
    o.base().get::<Iter>()
}

fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    let [mut class, mut this] = positional::<2>(th, "super", 0, args, kwargs)?;
    if class.is_unbound() {
        (class, this) = from_frame(th)?;
    }
    if !class.is_kind(Kind::Class) {
        let text = format!("super() argument 1 must be a type, not {}", th.type_name(class));
        return Err(th.type_error(text));
    }
    if this.is_none() {
        this = Value::UNBOUND;
    }
    let start = if this.is_unbound() { this } else { start_of(th, class, this)? };
    let i = it(o);
    i.over.set(class);
    i.x.set(this);
    i.y.set(start);
    Ok(())
}

/// The class whose linearisation is followed.
fn start_of(th: &mut Thread, class: Value, this: Value) -> R {
    if this.is_kind(Kind::Class) && is_subclass(this, class) {
        return Ok(this);
    }
    if is_subclass(class_of(this), class) {
        return Ok(class_of(this));
    }
    if let Some(c) = th.getattr_opt(this, N::__class__.v())?
        && c != class_of(this)
        && c.is_kind(Kind::Class)
        && is_subclass(c, class)
    {
        return Ok(c);
    }
    let what = match this.is_kind(Kind::Class) {
        true => format!("type {}", th.class_name(this)),
        false => format!("instance of {}", th.type_name(this)),
    };
    let class = th.class_name(class);
    let text = format!("super(type, obj): obj ({what}) is not an instance or subtype of type ({class}).");
    Err(th.type_error(text))
}

/// `__class__` and the first argument of the running function.
fn from_frame(th: &mut Thread) -> R<(Value, Value)> {
    let Some(at) = frame::walk(th).next() else { return Err(th.runtime_error("super(): no current frame")) };
    let code = frame::code_of(at.func);
    if code.argcount == 0 && code.flags & crate::code::data::flag::VARARGS == 0 {
        return Err(th.runtime_error("super(): no arguments"));
    }
    // SAFETY: the register is a parameter's, in a live window.
    let mut first = unsafe { *at.base };
    if let Some(c) = first.cast::<Cell>()
        && code.cellvars.iter().any(|v| v.0 == 0)
    {
        first = c.value.get();
    }
    if first.is_unbound() {
        return Err(th.runtime_error("super(): arg[0] deleted"));
    }
    let Some(i) = code.freevars.iter().position(|n| &**n == "__class__") else {
        return Err(th.runtime_error("super(): __class__ cell not found"));
    };
    let cell = at.func.closure.get().cast::<Array>().and_then(|a| a.slot(i)).map(|s| s.get());
    match cell.and_then(|c| c.cast::<Cell>()).map(|c| c.value.get()) {
        Some(class) if class.is_kind(Kind::Class) => Ok((class, first)),
        _ => Err(th.runtime_error("super(): empty __class__ cell")),
    }
}

fn repr(th: &mut Thread, o: Value) -> R {
    let i = it(o);
    let class = match i.over.get().cast::<Class>() {
        Some(_) => format!("<class '{}'>", th.class_name(i.over.get())),
        None => "NULL".to_string(),
    };
    let this = match i.y.get() {
        c if c.is_unbound() => "NULL".to_string(),
        c => format!("<{} object>", th.class_name(c)),
    };
    text(th, format!("<super: {class}, {this}>"))
}

fn getattr(th: &mut Thread, o: Value, name: Value) -> R {
    let i = it(o);
    let (class, this, start) = (i.over.get(), i.x.get(), i.y.get());
    if !start.is_unbound()
        && name != N::__class__.v()
        && let Some(v) = lookup_after(start, class, name)
    {
        let at = if this == start { Value::NONE } else { this };
        return attr::get_descriptor(th, v, at, start);
    }
    attr::generic_get(th, o, name)
}

fn bind_to(th: &mut Thread, o: Value, this: Value, _: Value) -> R {
    let i = it(o);
    if this.is_none() || !i.x.get().is_unbound() {
        return Ok(o);
    }
    th.call(class_of(o), &[i.over.get(), this])
}
