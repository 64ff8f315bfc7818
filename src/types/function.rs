//! Script functions as objects. Invariant: the code of a function and the two words that calls read of it (entry and
//! frame shape) change together, in a stopped world.

use super::{address, bind, is_str, text};
use crate::code::data::{self, flag};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::frame::code_of;
use crate::run::slots::GetSet;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, def, get, getset, load};

/// `function`.
pub static DEF: ClassDef = ClassDef {
    name: "function",
    doc: "Create a function object.",
    slots: |s| {
        s.repr = Some(repr);
        s.call = Some(|th, f, args, kwargs| th.call_ex(f, args, kwargs));
        s.get = Some(
            |th, f, this, class| {
                if this.is_none() && class != C::none.v() { Ok(f) } else { Ok(th.method(f, this)?) }
            },
        );
        s.new = Some(new);
    },
    methods: METHODS,
    getset: GETSET,
    kind: Kind::Function,
    ..PLAIN
};

static METHODS: &[Def] = &[def("__reduce__", "($self, /)", reduce, "Helper for pickle.")];

static GETSET: &[GetSet] = &[
    getset("__name__", |_, f| Ok(fun(f).name.get()), |th, f, v| string(th, f, "__name__", v), ""),
    getset("__qualname__", |_, f| Ok(fun(f).qualname.get()), |th, f, v| string(th, f, "__qualname__", v), ""),
    getset("__code__", |_, f| Ok(fun(f).code.get()), set_code, ""),
    getset("__defaults__", |_, f| Ok(fun(f).defaults.get()), set_defaults, ""),
    getset("__kwdefaults__", |_, f| Ok(fun(f).kwdefaults.get()), set_kwdefaults, ""),
    getset(
        "__doc__",
        |_, f| Ok(fun(f).doc.get()),
        |_, f, v| {
            fun(f).doc.set(v.or(Value::NONE));
            Ok(())
        },
        "",
    ),
    getset(
        "__module__",
        |_, f| Ok(fun(f).module.get()),
        |_, f, v| {
            fun(f).module.set(v.or(Value::NONE));
            Ok(())
        },
        "",
    ),
    getset("__annotations__", annotations, set_annotations, ""),
    getset("__annotate__", annotate, set_annotate, ""),
    getset(
        "__type_params__",
        |_, f| Ok(fun(f).type_params.get().or(S::empty_tuple.v())),
        set_type_params,
        "",
    ),
    getset("__dict__", dict, set_dict, ""),
    get("__globals__", |_, f| Ok(fun(f).globals.get()), ""),
    get("__builtins__", |_, f| Ok(fun(f).builtins.get()), ""),
    get("__closure__", closure, ""),
];

fn fun(v: Value) -> &'static Function {
    v.get::<Function>()
}

fn repr(th: &mut Thread, f: Value) -> R {
    let name = th.text_of(fun(f).qualname.get())?;
    text(th, format!("<function {name} at {}>", address(f)))
}

fn reduce(_: &mut Thread, a: Args) -> R {
    Ok(fun(a[0]).qualname.get())
}

/// The attribute dict, made when first asked for.
pub fn dict(th: &mut Thread, f: Value) -> R {
    let slot = &fun(f).dict;
    if slot.get().is_unbound() {
        let d = th.heap.new_dict()?;
        slot.cas(Value::UNBOUND, d);
    }
    Ok(slot.get())
}

fn set_dict(th: &mut Thread, f: Value, d: Value) -> R<()> {
    if d.is_unbound() {
        return Err(th.type_error("cannot delete __dict__"));
    }
    if d.like::<Dict>().is_none() {
        let text = format!("__dict__ must be set to a dictionary, not a '{}'", th.type_name(d));
        return Err(th.type_error(text));
    }
    fun(f).dict.set(d.base());
    Ok(())
}

fn string(th: &mut Thread, f: Value, name: &str, v: Value) -> R<()> {
    if v.is_unbound() || !is_str(v) {
        return Err(th.type_error(format!("{name} must be set to a string object")));
    }
    let v = crate::heap::text::flat_value(&mut th.heap, v.base())?;
    let slot = if name == "__name__" { &fun(f).name } else { &fun(f).qualname };
    slot.set(v);
    Ok(())
}

fn closure(th: &mut Thread, f: Value) -> R {
    match fun(f).closure.get().cast::<Array>() {
        None => Ok(Value::NONE),
        Some(a) => {
            let n = a.count.get();
            let t = th.tuple_with(n)?;
            for i in 0..n {
                // SAFETY: i is below the length of both.
                unsafe { t.get::<Tuple>().item(i).set(a.item(i).get()) };
            }
            Ok(t)
        }
    }
}

/// The plain code of a code object.
pub fn plain_code(code: Value) -> &'static data::Code {
    // SAFETY: the code object owns the Arc that this address came from.
    unsafe { &*(code.get::<Code>().data.get() as *const data::Code) }
}

/// What a call reads of a function beside its code: the entry's address and the frame's shape.
fn entry_of(code: Value) -> (usize, usize) {
    let d = plain_code(code);
    let argc = if d.flags & flag::SIMPLE != 0 { d.argcount as usize } else { 0xffff };
    // SAFETY: a stream has at least one word.
    let entry =
        unsafe { std::ptr::from_ref(code.get::<Code>().stream.get().get::<Stream>().word(0)) } as usize;
    (entry, (d.nregs as usize) << 32 | argc << 3)
}

fn set_code(th: &mut Thread, f: Value, code: Value) -> R<()> {
    if !code.is_kind(Kind::Code) {
        return Err(th.type_error("__code__ must be set to a code object"));
    }
    let cells = fun(f).closure.get().cast::<Array>().map_or(0, |a| a.count.get());
    let free = plain_code(code).freevars.len();
    if cells != free {
        let name = th.text_of(fun(f).name.get())?;
        let text = format!("{name}() requires a code object with {cells} free vars, not {free}");
        return Err(th.value_error(text));
    }
    let (entry, shape) = entry_of(code);
    th.heap.stop_world(|| {
        fun(f).code.set(code);
        fun(f).entry.set(entry);
        fun(f).shape.set(shape);
    });
    Ok(())
}

fn set_defaults(th: &mut Thread, f: Value, v: Value) -> R<()> {
    let v = v.or(Value::NONE);
    if !v.is_none() && !v.is_kind(Kind::Tuple) {
        return Err(th.type_error("__defaults__ must be set to a tuple object"));
    }
    fun(f).defaults.set(v);
    Ok(())
}

fn set_kwdefaults(th: &mut Thread, f: Value, v: Value) -> R<()> {
    let v = v.or(Value::NONE);
    if !v.is_none() && !v.is_kind(Kind::Dict) {
        return Err(th.type_error("__kwdefaults__ must be set to a dict object"));
    }
    fun(f).kwdefaults.set(v);
    Ok(())
}

fn set_type_params(th: &mut Thread, f: Value, v: Value) -> R<()> {
    if v.is_unbound() || !v.is_kind(Kind::Tuple) {
        return Err(th.type_error("__type_params__ must be set to a tuple"));
    }
    fun(f).type_params.set(v);
    Ok(())
}

// The annotations word holds None, the annotate function, the dict, or a tuple of both.

fn annotation_parts(f: Value) -> (Value, Value) {
    let v = fun(f).annotations.get();
    match v.cast::<Tuple>() {
        Some(t) if t.len() == 2 => (t.at(0), t.at(1)),
        _ if v.is_kind(Kind::Dict) => (Value::NONE, v),
        _ => (v, Value::NONE),
    }
}

fn annotations(th: &mut Thread, f: Value) -> R {
    let (make, known) = annotation_parts(f);
    if !known.is_none() {
        return Ok(known);
    }
    let made = if make.is_none() { th.heap.new_dict()? } else { th.call(make, &[Value::int(1)])? };
    if !made.is_kind(Kind::Dict) {
        let text = format!("__annotate__() must return a dict, not {}", th.type_name(made));
        return Err(th.type_error(text));
    }
    let pair = th.tuple(&[make, made])?;
    fun(f).annotations.set(pair);
    Ok(made)
}

fn set_annotations(th: &mut Thread, f: Value, v: Value) -> R<()> {
    let v = v.or(Value::NONE);
    if !v.is_none() && !v.is_kind(Kind::Dict) {
        return Err(th.type_error("__annotations__ must be set to a dict object"));
    }
    fun(f).annotations.set(v);
    Ok(())
}

fn annotate(_: &mut Thread, f: Value) -> R {
    Ok(annotation_parts(f).0)
}

fn set_annotate(th: &mut Thread, f: Value, v: Value) -> R<()> {
    if v.is_unbound() {
        return Err(th.type_error("__annotate__ cannot be deleted"));
    }
    let callable = crate::run::class::slots(th.class_of(v)).call.is_some();
    if !v.is_none() && !callable {
        return Err(th.type_error("__annotate__ must be callable or None"));
    }
    let (_, known) = annotation_parts(f);
    let new = if v.is_none() { th.tuple(&[v, known])? } else { th.tuple(&[v, Value::NONE])? };
    fun(f).annotations.set(new);
    Ok(())
}

/// `types.FunctionType(code, globals, name=None, argdefs=None, closure=None, kwdefaults=None)`.
fn new(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let names = ["code", "globals", "name", "argdefs", "closure", "kwdefaults"];
    let [code, globals, name, defaults, closure, kwdefaults] = bind(th, "function", names, 2, args, kwargs)?;
    let wrong = |th: &mut Thread, n: usize, what: &str, v: Value| {
        let text = format!("function() argument {n} must be {what}, not {}", th.type_name(v));
        th.type_error(text)
    };
    if !code.is_kind(Kind::Code) {
        return Err(wrong(th, 1, "code", code));
    }
    if globals.like::<Dict>().is_none() {
        return Err(wrong(th, 2, "dict", globals));
    }
    let (name, defaults) = (name.or(Value::NONE), defaults.or(Value::NONE));
    let (closure, kwdefaults) = (closure.or(Value::NONE), kwdefaults.or(Value::NONE));
    if !name.is_none() && !is_str(name) {
        return Err(th.type_error("arg 3 (name) must be None or string"));
    }
    if !defaults.is_none() && !defaults.is_kind(Kind::Tuple) {
        return Err(th.type_error("arg 4 (defaults) must be None or tuple"));
    }
    if !kwdefaults.is_none() && !kwdefaults.is_kind(Kind::Dict) {
        return Err(th.type_error("arg 6 (kwdefaults) must be None or dict"));
    }
    let d = plain_code(code);
    let cells = match closure.cast::<Tuple>() {
        None if !closure.is_none() => return Err(th.type_error("arg 5 (closure) must be tuple")),
        None if !d.freevars.is_empty() => return Err(th.type_error("arg 5 (closure) must be tuple")),
        None => Value::NONE,
        Some(t) if t.len() != d.freevars.len() => {
            let text = format!("{} requires closure of length {}, not {}", d.name, d.freevars.len(), t.len());
            return Err(th.value_error(text));
        }
        Some(t) if t.is_empty() => Value::NONE,
        Some(t) => {
            let array = th.array(t.len())?;
            for (i, c) in t.iter().enumerate() {
                if !c.is_kind(Kind::Cell) {
                    let text = format!("arg 5 (closure) expected cell, found {}", th.type_name(c));
                    return Err(th.type_error(text));
                }
                // SAFETY: i is below the array's capacity.
                unsafe { array.get::<Array>().item(i) }.set(c);
            }
            array
        }
    };
    let builtins = th.dict_get_name(globals.base(), N::__builtins__.v());
    let builtins = match builtins {
        Some(b) if b.is_kind(Kind::Dict) => b,
        Some(b) if b.is_kind(Kind::Module) => b.get::<Module>().dict.get(),
        _ => S::builtins.v(),
    };
    let parts = load::Parts {
        globals: globals.base(),
        builtins,
        closure: cells,
        defaults,
        kwdefaults,
        annotations: Value::NONE,
    };
    let f = load::function(th, code, parts)?;
    if !name.is_none() {
        string(th, f, "__name__", name)?;
    }
    debug_assert!(std::ptr::eq(code_of(fun(f)), d));
    Ok(f)
}
