//! Generators, coroutines and async generators as objects. Invariant: they are run only through `run::generator`,
//! which claims them; the awaitables of an async generator are used up once.

use super::{address, is_str, text};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, is_subclass};
use crate::run::generator::{self as run, Resumed, state};
use crate::run::slots::{GetSet, TypeSlots};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, def, error, get, getset};

fn common(s: &mut TypeSlots) {
    s.repr = Some(repr);
    s.new = None;
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
    slots: common,
    methods: COROUTINE_METHODS,
    class_methods: super::alias::CLASS_GETITEM,
    getset: COROUTINE_GETSET,
    kind: Kind::Generator,
    ..PLAIN
};

/// `async_generator`.
pub static ASYNC_GENERATOR: ClassDef = ClassDef {
    name: "async_generator",
    slots: common,
    methods: ASYNC_METHODS,
    class_methods: super::alias::CLASS_GETITEM,
    getset: ASYNC_GETSET,
    kind: Kind::Generator,
    ..PLAIN
};

/// `coroutine_wrapper`: what `coroutine.__await__()` gives.
pub static WRAPPER: ClassDef = ClassDef {
    name: "coroutine_wrapper",
    slots: |s| {
        s.iter = Some(|_, o| Ok(o));
        s.next = Some(|th, o| next(th, it(o).over.get()));
        s.new = None;
    },
    methods: WRAPPER_METHODS,
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
    def("__await__", "($self, /)", |th, a| Ok(th.heap.iter(C::coroutine_wrapper, a[0], 0, 0, 0)?), ""),
];

static WRAPPER_METHODS: &[Def] = &[
    def("send", "($self, value, /)", |th, a| send(th, it(a[0]).over.get(), a[1]), ""),
    def("throw", "($self, typ, val=None, tb=None, /)", |th, a| throw(th, it(a[0]).over.get(), a), ""),
    def("close", "($self, /)", |th, a| run::close(th, it(a[0]).over.get()), ""),
    def(
        "__next__",
        "($self, /)",
        |th, a| send(th, it(a[0]).over.get(), Value::NONE),
        "Implement next(self).",
    ),
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
    get("ag_running", running, ""),
    get("ag_suspended", suspended, ""),
    get("ag_code", code, ""),
    get("ag_await", |_, o| Ok(run::yielding_from(o)), "object being awaited on, or None"),
];

fn cell(o: Value) -> &'static Generator {
    o.get::<Generator>()
}

fn it(o: Value) -> &'static Iter {
    o.get::<Iter>()
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

/// A coroutine is awaited once.
fn check_reuse(th: &mut Thread, o: Value) -> R<()> {
    let over = cell(o).state.get().as_int() == state::ENDED;
    if over && class_of(o) == C::coroutine.v() {
        return Err(th.runtime_error("cannot reuse already awaited coroutine"));
    }
    Ok(())
}

fn send(th: &mut Thread, o: Value, v: Value) -> R {
    check_reuse(th, o)?;
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
    check_reuse(th, o)?;
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
        |th, a| asend(th, a[0], Value::NONE),
        "Return a value or raise StopAsyncIteration.",
    ),
    def("asend", "($self, value, /)", |th, a| asend(th, a[0], a[1]), "asend(v) -> send 'v' in generator."),
    def(
        "athrow",
        "($self, typ, val=None, tb=None, /)",
        |th, a| {
            let exc = to_throw(th, a)?;
            athrow(th, a[0], exc)
        },
        "athrow(value) -> raise exception in generator.",
    ),
    def(
        "aclose",
        "($self, /)",
        |th, a| athrow(th, a[0], Value::UNBOUND),
        "aclose() -> raise GeneratorExit inside generator.",
    ),
];

/// States of an awaitable, in `Iter::at`.
const FRESH: usize = 0;
const STARTED: usize = 1;
const USED: usize = 2;

fn awaitable(s: &mut TypeSlots) {
    s.iter = Some(|_, o| Ok(o));
    s.next = Some(|th, o| drive(th, o, Value::NONE, None).map(Some));
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

static AWAITABLE_METHODS: &[Def] = &[
    def("__await__", "($self, /)", |_, a| Ok(a[0]), ""),
    def("send", "($self, value, /)", |th, a| drive(th, a[0], a[1], None), ""),
    def(
        "throw",
        "($self, typ, val=None, tb=None, /)",
        |th, a| {
            let exc = to_throw(th, a)?;
            drive(th, a[0], Value::NONE, Some(exc))
        },
        "",
    ),
    def(
        "close",
        "($self, /)",
        |_, a| {
            it(a[0]).at.set(USED);
            Ok(Value::NONE)
        },
        "",
    ),
];

fn asend(th: &mut Thread, o: Value, v: Value) -> R {
    let a = th.heap.iter(C::async_generator_asend, o, FRESH, 0, 0)?;
    it(a).x.set(v);
    Ok(a)
}

/// `exc` unbound: `aclose`.
fn athrow(th: &mut Thread, o: Value, exc: Value) -> R {
    let a = th.heap.iter(C::async_generator_athrow, o, FRESH, 0, 0)?;
    it(a).x.set(exc);
    Ok(a)
}

/// One step of an awaitable of an async generator: what it awaits is yielded on, its own values end the step.
fn drive(th: &mut Thread, o: Value, sent: Value, thrown: Option<Value>) -> R {
    let i = it(o);
    let generator = i.over.get();
    let sends = class_of(o) == C::async_generator_asend.v();
    let closes = !sends && i.x.get().is_unbound();
    let name = if sends { "__anext__()/asend()" } else { "aclose()/athrow()" };
    let was = i.at.get();
    if was == USED {
        return Err(th.runtime_error(format!("cannot reuse already awaited {name}")));
    }
    let over = cell(generator).state.get().as_int() == state::ENDED;
    if was == FRESH && over && !sends {
        i.at.set(USED);
        return match closes {
            true => Err(th.stop_iteration(Value::NONE)),
            false => Err(stop_async(th)),
        };
    }
    i.at.set(STARTED);
    let r = match (thrown, was) {
        (Some(exc), _) => run::throw(th, generator, exc),
        (None, FRESH) if sends => run::resume(th, generator, if sent.is_none() { i.x.get() } else { sent }),
        (None, FRESH) => match i.x.get().bound() {
            Some(exc) => run::throw(th, generator, exc),
            None => match th.exception(C::GeneratorExit, &[]) {
                Ok(exc) => run::throw(th, generator, exc),
                Err(e) => Err(e),
            },
        },
        (None, _) => run::resume(th, generator, sent),
    };
    match r {
        Ok(Resumed::Yielded(v)) => match v.cast::<Cell>() {
            Some(c) => {
                i.at.set(USED);
                if closes {
                    return Err(th.runtime_error("async generator ignored GeneratorExit"));
                }
                Err(th.stop_iteration(c.value.get()))
            }
            None => Ok(v),
        },
        Ok(Resumed::Returned(_)) => {
            i.at.set(USED);
            if closes { Err(th.stop_iteration(Value::NONE)) } else { Err(stop_async(th)) }
        }
        Err(e) => {
            i.at.set(USED);
            if closes && (th.raised_is(C::StopAsyncIteration) || th.raised_is(C::GeneratorExit)) {
                th.take_raised();
                return Err(th.stop_iteration(Value::NONE));
            }
            Err(e)
        }
    }
}

fn stop_async(th: &mut Thread) -> crate::run::Raised {
    match th.exception(C::StopAsyncIteration, &[]) {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}
