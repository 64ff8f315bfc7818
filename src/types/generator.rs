//! Generators, coroutines and async generators as objects. Invariant: they are run only through `run::generator`,
//! which claims them; the awaitables of an async generator are used up once.

use super::{address, is_str, text};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::awaitables;
use crate::run::class::{class_of, is_subclass};
use crate::run::generator::{self as run, Resumed, state};
use crate::run::slots::{GetSet, TypeSlots};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, def, error, get, getset};

fn common(s: &mut TypeSlots) {
    s.repr = Some(repr);
    s.new = None;
}

/// Those that are looked at when nothing refers to them any more.
fn dies(s: &mut TypeSlots) {
    common(s);
    s.del = Some(awaitables::dropped);
}

/// `generator`.
pub static GENERATOR: ClassDef = ClassDef {
    name: "generator",
    slots: |s| {
        common(s);
        s.iter = Some(|_, o| Ok(o));
        s.next = Some(next);
    },
    methods: GENERATOR_METHODS,
    class_methods: super::alias::CLASS_GETITEM,
    getset: GENERATOR_GETSET,
    kind: Kind::Generator,
    ..PLAIN
};

/// `coroutine`.
pub static COROUTINE: ClassDef = ClassDef {
    name: "coroutine",
    slots: dies,
    methods: COROUTINE_METHODS,
    class_methods: super::alias::CLASS_GETITEM,
    getset: COROUTINE_GETSET,
    kind: Kind::Generator,
    ..PLAIN
};

/// `async_generator`.
pub static ASYNC_GENERATOR: ClassDef = ClassDef {
    name: "async_generator",
    slots: dies,
    methods: ASYNC_METHODS,
    class_methods: super::alias::CLASS_GETITEM,
    getset: ASYNC_GETSET,
    kind: Kind::Generator,
    ..PLAIN
};

/// `coroutine_wrapper`: what `coroutine.__await__()` gives.
pub static WRAPPER: ClassDef = ClassDef {
    name: "coroutine_wrapper",
    slots: awaitable,
    methods: AWAITABLE_METHODS,
    kind: Kind::Iter,
    ..PLAIN
};

static GENERATOR_METHODS: &[Def] = &[
    def(
        "send",
        "($self, value, /)",
        |th, a| send(th, a[0], a[1]),
        "send(arg) -> send 'arg' into generator,\nreturn next yielded value or raise StopIteration.",
    ),
    def(
        "throw",
        "($self, typ, val=None, tb=None, /)",
        |th, a| throw(th, a[0], a),
        "Raise exception in generator, return next yielded value or raise\nStopIteration.",
    ),
    def(
        "close",
        "($self, /)",
        |th, a| run::close(th, a[0]),
        "close() -> raise GeneratorExit inside generator.",
    ),
    def("__next__", "($self, /)", |th, a| send(th, a[0], Value::NONE), "Implement next(self)."),
];

static COROUTINE_METHODS: &[Def] = &[
    def(
        "send",
        "($self, value, /)",
        |th, a| send(th, a[0], a[1]),
        "send(arg) -> send 'arg' into coroutine,\nreturn next iterated value or raise StopIteration.",
    ),
    def(
        "throw",
        "($self, typ, val=None, tb=None, /)",
        |th, a| throw(th, a[0], a),
        "Raise exception in coroutine, return next iterated value or raise\nStopIteration.",
    ),
    def(
        "close",
        "($self, /)",
        |th, a| run::close(th, a[0]),
        "close() -> raise GeneratorExit inside coroutine.",
    ),
    def("__await__", "($self, /)", |th, a| awaitables::wrapper(th, a[0]), ""),
];

static GENERATOR_GETSET: &[GetSet] = &[
    getset(
        "__name__",
        |_, o| Ok(cell(o).name.get()),
        |th, o, v| rename(th, o, "__name__", v),
        "name of the generator",
    ),
    getset(
        "__qualname__",
        |_, o| Ok(cell(o).qualname.get()),
        |th, o, v| rename(th, o, "__qualname__", v),
        "qualified name of the generator",
    ),
    get("gi_frame", frame, ""),
    get("gi_running", running, ""),
    get("gi_suspended", suspended, ""),
    get("gi_code", code, ""),
    get("gi_yieldfrom", |_, o| Ok(run::yielding_from(o)), "object being iterated by yield from, or None"),
];

static COROUTINE_GETSET: &[GetSet] = &[
    getset(
        "__name__",
        |_, o| Ok(cell(o).name.get()),
        |th, o, v| rename(th, o, "__name__", v),
        "name of the coroutine",
    ),
    getset(
        "__qualname__",
        |_, o| Ok(cell(o).qualname.get()),
        |th, o, v| rename(th, o, "__qualname__", v),
        "qualified name of the coroutine",
    ),
    get("cr_frame", frame, ""),
    get("cr_running", running, ""),
    get("cr_suspended", suspended, ""),
    get("cr_code", code, ""),
    get("cr_await", |_, o| Ok(run::yielding_from(o)), "object being awaited on, or None"),
    get("cr_origin", |_, _| Ok(Value::NONE), ""),
];

static ASYNC_GETSET: &[GetSet] = &[
    getset(
        "__name__",
        |_, o| Ok(cell(o).name.get()),
        |th, o, v| rename(th, o, "__name__", v),
        "name of the async generator",
    ),
    getset(
        "__qualname__",
        |_, o| Ok(cell(o).qualname.get()),
        |th, o, v| rename(th, o, "__qualname__", v),
        "qualified name of the async generator",
    ),
    get("ag_frame", frame, ""),
    get("ag_running", |_, o| Ok(Value::bool(awaitables::is_stepping(o))), ""),
    get("ag_suspended", suspended, ""),
    get("ag_code", code, ""),
    get("ag_await", |_, o| Ok(run::yielding_from(o)), "object being awaited on, or None"),
];

fn cell(o: Value) -> &'static Generator {
    o.get::<Generator>()
}

fn func(o: Value) -> &'static Function {
    cell(o).func.get().get::<Function>()
}

fn repr(th: &mut Thread, o: Value) -> R {
    let name = th.text_of(cell(o).qualname.get())?;
    let class = th.type_name(o);
    text(th, format!("<{class} object {name} at {}>", address(o)))
}

fn rename(th: &mut Thread, o: Value, which: &str, v: Value) -> R<()> {
    if v.is_unbound() || !is_str(v) {
        return Err(th.type_error(format!("{which} must be set to a string object")));
    }
    if which == "__name__" {
        cell(o).name.set(v)
    } else {
        cell(o).qualname.set(v)
    }
    Ok(())
}

fn running(_: &mut Thread, o: Value) -> R {
    Ok(Value::bool(cell(o).state.get().as_int() == state::RUNNING))
}

fn suspended(_: &mut Thread, o: Value) -> R {
    Ok(Value::bool(cell(o).state.get().as_int() == state::SUSPENDED))
}

fn code(_: &mut Thread, o: Value) -> R {
    Ok(func(o).code.get())
}

/// The frame of a generator that has not ended.
fn frame(th: &mut Thread, o: Value) -> R {
    let g = cell(o);
    if g.state.get().as_int() == state::ENDED {
        return Ok(Value::NONE);
    }
    let word = g.pc.get().wrapping_sub(func(o).entry.get()) / 8;
    super::frame::make(th, g.func.get(), word as u32, Value::NONE, Value::NONE)
}

fn next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    match run::resume(th, o, Value::NONE)? {
        Resumed::Yielded(v) => Ok(Some(v)),
        Resumed::Returned(_) => Ok(None),
    }
}

fn ended(th: &mut Thread, r: Resumed) -> R {
    match r {
        Resumed::Yielded(v) => Ok(v),
        Resumed::Returned(v) => Err(th.stop_iteration(v)),
    }
}

fn send(th: &mut Thread, o: Value, v: Value) -> R {
    let r = run::resume(th, o, v)?;
    ended(th, r)
}

/// The exception that `throw(typ, val, tb)` means.
fn to_throw(th: &mut Thread, a: Args) -> R {
    let (kind, value, tb) = (a[1], a[2].or(Value::NONE), a[3].or(Value::NONE));
    if !tb.is_none() && !tb.is_kind(Kind::Traceback) {
        return Err(th.type_error("throw() third argument must be a traceback object"));
    }
    let exc = if kind.is_kind(Kind::Exception) {
        if !value.is_none() {
            return Err(th.type_error("instance exception may not have a separate value"));
        }
        kind
    } else if kind.is_kind(Kind::Class) && is_subclass(kind, C::BaseException.v()) {
        match value.kind() {
            _ if value.is_none() => error::to_raise(th, kind)?,
            Kind::Exception if is_subclass(class_of(value), kind) => value,
            Kind::Tuple => th.call_ex(kind, value, Value::UNBOUND)?,
            _ => th.call(kind, &[value])?,
        }
    } else {
        let t = th.type_name(kind);
        let text = format!("exceptions must be classes or instances deriving from BaseException, not {t}");
        return Err(th.type_error(text));
    };
    if !tb.is_none() {
        exc.get::<Exception>().traceback.set(tb);
    }
    Ok(exc)
}

fn throw(th: &mut Thread, o: Value, a: Args) -> R {
    let exc = to_throw(th, a)?;
    let r = run::throw(th, o, exc)?;
    ended(th, r)
}

// ---------------------------------------------------------------------------------------------------- async generators

static ASYNC_METHODS: &[Def] = &[
    def(
        "__aiter__",
        "($self, /)",
        |_, a| Ok(a[0]),
        "Return an awaitable, that resolves in asynchronous iterator.",
    ),
    def(
        "__anext__",
        "($self, /)",
        |th, a| awaitables::asend(th, a[0], Value::NONE),
        "Return a value or raise StopAsyncIteration.",
    ),
    def(
        "asend",
        "($self, value, /)",
        |th, a| awaitables::asend(th, a[0], a[1]),
        "asend(v) -> send 'v' in generator.",
    ),
    def(
        "athrow",
        "($self, typ, val=None, tb=None, /)",
        |th, a| {
            let exc = to_throw(th, a)?;
            awaitables::athrow(th, a[0], exc)
        },
        "athrow(value) -> raise exception in generator.",
    ),
    def(
        "aclose",
        "($self, /)",
        |th, a| awaitables::athrow(th, a[0], Value::UNBOUND),
        "aclose() -> raise GeneratorExit inside generator.",
    ),
];

fn awaitable(s: &mut TypeSlots) {
    s.iter = Some(|_, o| Ok(o));
    s.next = Some(|th, o| step(th, o, Value::NONE, None).map(Some));
    s.new = None;
}

/// `async_generator_asend`.
pub static ASEND: ClassDef = ClassDef {
    name: "async_generator_asend",
    slots: awaitable,
    methods: AWAITABLE_METHODS,
    kind: Kind::Iter,
    ..PLAIN
};

/// `async_generator_athrow`.
pub static ATHROW: ClassDef = ClassDef {
    name: "async_generator_athrow",
    slots: awaitable,
    methods: AWAITABLE_METHODS,
    kind: Kind::Iter,
    ..PLAIN
};

/// `anext_awaitable`: what `anext` with a default gives.
pub static ANEXT: ClassDef = ClassDef {
    name: "anext_awaitable",
    slots: awaitable,
    methods: AWAITABLE_METHODS,
    kind: Kind::Iter,
    ..PLAIN
};

static AWAITABLE_METHODS: &[Def] = &[
    def("__await__", "($self, /)", |_, a| Ok(a[0]), ""),
    def("send", "($self, value, /)", |th, a| step(th, a[0], a[1], None), ""),
    def(
        "throw",
        "($self, typ, val=None, tb=None, /)",
        |th, a| {
            let exc = to_throw(th, a)?;
            step(th, a[0], Value::NONE, Some(exc))
        },
        "",
    ),
    def("close", "($self, /)", |th, a| awaitables::close(th, a[0]).map(|()| Value::NONE), ""),
];

/// One step of an awaitable, as its methods say it: the end is a StopIteration.
fn step(th: &mut Thread, o: Value, sent: Value, thrown: Option<Value>) -> R {
    let r = awaitables::step(th, o, sent, thrown)?;
    ended(th, r)
}
