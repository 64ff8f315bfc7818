//! What `await` drives besides coroutines: the steps of async generators, `anext` with a default, the iterator of a
//! coroutine; and what becomes of coroutines that nobody awaited. Invariant: an awaitable is used up once; an async
//! generator takes one step at a time, from its first resumption to the value that ends the step.

use super::generator::{self, Resumed, state};
use super::thread::{R, Raised, Thread};
use super::{codes, frame};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value};

/// States of an awaitable, in `Iter::at`.
const FRESH: usize = 0;
const STARTED: usize = 1;
const USED: usize = 2;

/// Bits of an async generator, in `Iter::at` of the record in `Generator::extra`: a step is under way.
const STEPPING: usize = 1;
/// It was closed, or ended by an exception.
const CLOSED: usize = 2;

fn it(o: Value) -> &'static Iter {
    o.get::<Iter>()
}

fn is_class(o: Value, class: C) -> bool {
    o.header().shape() == class.shape()
}

/// Whether `o` is one of the awaitables of this file.
pub fn is(o: Value) -> bool {
    o.is_kind(Kind::Iter)
        && [C::async_generator_asend, C::async_generator_athrow, C::coroutine_wrapper, C::anext_awaitable]
            .into_iter()
            .any(|c| is_class(o, c))
}

/// The iterator of a coroutine.
pub fn wrapper(th: &mut Thread, coroutine: Value) -> R {
    Ok(th.heap.iter(C::coroutine_wrapper, coroutine, STARTED, 0, 0)?)
}

/// A step that sends `v` to an async generator.
pub fn asend(th: &mut Thread, generator: Value, v: Value) -> R {
    meet(th, generator)?;
    let a = th.heap.iter(C::async_generator_asend, generator, FRESH, 0, 0)?;
    it(a).x.set(v);
    Ok(a)
}

/// A step that raises `exc` in an async generator; unbound: that closes it.
pub fn athrow(th: &mut Thread, generator: Value, exc: Value) -> R {
    meet(th, generator)?;
    let a = th.heap.iter(C::async_generator_athrow, generator, FRESH, 0, 0)?;
    it(a).x.set(exc);
    Ok(a)
}

/// `anext(iterator, default)`: awaits `step`, gives `default` where the iterator has ended.
pub fn anext_or(th: &mut Thread, step: Value, default: Value) -> R {
    let a = th.heap.iter(C::anext_awaitable, step, FRESH, 0, 0)?;
    it(a).x.set(default);
    Ok(a)
}

/// The record of an async generator that has been iterated.
fn record(generator: Value) -> Option<&'static Iter> {
    generator.get::<Generator>().extra.get().cast::<Iter>()
}

/// `ag_running`.
pub fn is_stepping(generator: Value) -> bool {
    record(generator).is_some_and(|r| r.at.get() & STEPPING != 0)
}

fn mark(generator: Value, bit: usize, on: bool) {
    if let Some(r) = record(generator) {
        let bits = r.at.get();
        r.at.set(if on { bits | bit } else { bits & !bit });
    }
}

fn is_marked(generator: Value, bit: usize) -> bool {
    record(generator).is_some_and(|r| r.at.get() & bit != 0)
}

/// The first use of an async generator: this thread's hooks get to know it.
fn meet(th: &mut Thread, generator: Value) -> R<()> {
    let g = generator.get::<Generator>();
    if !g.extra.get().is_none() {
        return Ok(());
    }
    let record = th.heap.iter(C::internal, th.asyncgen_last, 0, 0, 0)?;
    g.extra.set(record);
    th.heap.register_finalizable(generator);
    let first = th.asyncgen_first;
    if first.is_none() { Ok(()) } else { th.call(first, &[generator]).map(drop) }
}

/// One step of what is awaited: `thrown` is raised in it, or else `sent` is sent.
pub fn step(th: &mut Thread, o: Value, sent: Value, thrown: Option<Value>) -> R<Resumed> {
    if is_class(o, C::coroutine_wrapper) {
        return on_generator(th, it(o).over.get(), sent, thrown);
    }
    if is_class(o, C::anext_awaitable) {
        return step_anext(th, o, sent, thrown);
    }
    if is_class(o, C::async_generator_asend) {
        return step_asend(th, o, sent, thrown);
    }
    step_athrow(th, o, sent, thrown)
}

/// Ends an awaitable that will not be driven any more.
pub fn close(th: &mut Thread, o: Value) -> R<()> {
    let i = it(o);
    if is_class(o, C::coroutine_wrapper) {
        return generator::close(th, i.over.get()).map(drop);
    }
    if is_class(o, C::anext_awaitable) {
        return match i.at.get() {
            FRESH => Ok(()),
            _ => generator::close_delegate(th, i.over.get()),
        };
    }
    if i.at.get() == USED {
        return Ok(());
    }
    let exit = th.exception(C::GeneratorExit, &[])?;
    match step(th, o, Value::NONE, Some(exit)) {
        Ok(Resumed::Yielded(_)) => Err(th.runtime_error("coroutine ignored GeneratorExit")),
        Ok(Resumed::Returned(_)) => Ok(()),
        Err(e) => swallow_end(th, e),
    }
}

fn swallow_end(th: &mut Thread, e: Raised) -> R<()> {
    if th.raised_is(C::GeneratorExit) || th.raised_is(C::StopAsyncIteration) || th.raised_is(C::StopIteration)
    {
        th.take_raised();
        return Ok(());
    }
    Err(e)
}

fn on_generator(th: &mut Thread, g: Value, sent: Value, thrown: Option<Value>) -> R<Resumed> {
    match thrown {
        Some(exc) => generator::throw(th, g, exc),
        None => generator::resume(th, g, sent),
    }
}

fn step_anext(th: &mut Thread, o: Value, sent: Value, thrown: Option<Value>) -> R<Resumed> {
    let i = it(o);
    if i.at.get() == FRESH {
        let driven = super::iterate::awaitable(th, i.over.get(), super::iterate::AWAIT)?;
        i.over.set(driven);
        i.at.set(STARTED);
    }
    let r = match thrown {
        Some(exc) => {
            generator::throw_into(th, i.over.get(), exc).map(|r| r.unwrap_or(Resumed::Returned(Value::NONE)))
        }
        None => generator::send(th, i.over.get(), sent),
    };
    match r {
        Err(Raised) if th.raised_is(C::StopAsyncIteration) => {
            th.take_raised();
            Ok(Resumed::Returned(i.x.get()))
        }
        r => r,
    }
}

/// The awaitable is used up and says why.
fn refuse(th: &mut Thread, i: &Iter, text: &str) -> Raised {
    i.at.set(USED);
    th.runtime_error(text)
}

fn stop_async(th: &mut Thread) -> Raised {
    match th.exception(C::StopAsyncIteration, &[]) {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}

/// What a step of an async generator means: its own value, which ends the step, or what it awaits.
enum Gave {
    Item(Value),
    Awaits(Value),
}

/// Looks at what a resumption of an async generator gave; all but awaiting ends the step.
fn look(th: &mut Thread, generator: Value, r: R<Resumed>) -> R<Gave> {
    let r = match r {
        Ok(Resumed::Yielded(v)) => match v.cast::<Cell>() {
            None => return Ok(Gave::Awaits(v)),
            Some(wrapped) => Ok(Gave::Item(wrapped.value.get())),
        },
        Ok(Resumed::Returned(_)) => Err(stop_async(th)),
        Err(e) => Err(e),
    };
    if r.is_err() && (th.raised_is(C::StopAsyncIteration) || th.raised_is(C::GeneratorExit)) {
        mark(generator, CLOSED, true);
    }
    mark(generator, STEPPING, false);
    r
}

fn step_asend(th: &mut Thread, o: Value, sent: Value, thrown: Option<Value>) -> R<Resumed> {
    let i = it(o);
    let generator = i.over.get();
    let mut sent = sent;
    match i.at.get() {
        USED => return Err(th.runtime_error("cannot reuse already awaited __anext__()/asend()")),
        FRESH => {
            if is_marked(generator, STEPPING) {
                return Err(refuse(th, i, "anext(): asynchronous generator is already running"));
            }
            if sent.is_none() {
                sent = i.x.get();
            }
            i.at.set(STARTED);
            mark(generator, STEPPING, true);
        }
        _ => {}
    }
    let r = on_generator(th, generator, sent, thrown);
    match look(th, generator, r) {
        Ok(Gave::Awaits(v)) => Ok(Resumed::Yielded(v)),
        Ok(Gave::Item(v)) => {
            i.at.set(USED);
            Ok(Resumed::Returned(v))
        }
        Err(e) => {
            i.at.set(USED);
            Err(e)
        }
    }
}

fn step_athrow(th: &mut Thread, o: Value, sent: Value, thrown: Option<Value>) -> R<Resumed> {
    let i = it(o);
    let generator = i.over.get();
    let exc = i.x.get();
    let closes = exc.is_unbound();
    let fresh = i.at.get() == FRESH;
    if i.at.get() == USED {
        return Err(th.runtime_error("cannot reuse already awaited aclose()/athrow()"));
    }
    if generator.get::<Generator>().state.get().as_int() == state::ENDED && thrown.is_none() {
        i.at.set(USED);
        return Ok(Resumed::Returned(Value::NONE));
    }
    if fresh {
        if is_marked(generator, STEPPING) {
            let name = if closes { "aclose" } else { "athrow" };
            return Err(refuse(th, i, &format!("{name}(): asynchronous generator is already running")));
        }
        if thrown.is_none() && is_marked(generator, CLOSED) {
            i.at.set(USED);
            return Err(stop_async(th));
        }
        if thrown.is_none() && !sent.is_none() {
            return Err(th.runtime_error("can't send non-None value to a just-started coroutine"));
        }
        i.at.set(STARTED);
        mark(generator, STEPPING, true);
        mark(generator, CLOSED, closes || is_marked(generator, CLOSED));
    }
    let r = match (thrown, fresh) {
        (Some(exc), _) => generator::throw(th, generator, exc),
        (None, false) => generator::resume(th, generator, sent),
        (None, true) if !closes => generator::throw(th, generator, exc),
        (None, true) => match th.exception(C::GeneratorExit, &[]) {
            Ok(exit) => generator::throw(th, generator, exit),
            Err(e) => Err(e),
        },
    };
    match look(th, generator, r) {
        Ok(Gave::Awaits(v)) => Ok(Resumed::Yielded(v)),
        Ok(Gave::Item(v)) => {
            i.at.set(USED);
            match closes {
                true => Err(th.runtime_error("async generator ignored GeneratorExit")),
                false => Ok(Resumed::Returned(v)),
            }
        }
        Err(e) => {
            i.at.set(USED);
            if closes && (th.raised_is(C::StopAsyncIteration) || th.raised_is(C::GeneratorExit)) {
                th.take_raised();
                return Ok(Resumed::Returned(Value::NONE));
            }
            Err(e)
        }
    }
}

// ------------------------------------------------------------------------------------------------------ what was dropped

/// A coroutine or async generator that nothing refers to any more.
pub fn dropped(th: &mut Thread, o: Value) -> R<()> {
    let g = o.get::<Generator>();
    let over = g.state.get().as_int();
    if is_class(o, C::coroutine) {
        return match over {
            state::CREATED => {
                let warned = never_awaited(th, o);
                g.state.set(Value::int(state::ENDED));
                warned
            }
            state::SUSPENDED => generator::close(th, o).map(drop),
            _ => Ok(()),
        };
    }
    if over != state::SUSPENDED {
        return Ok(());
    }
    let last = record(o).map_or(Value::NONE, |r| r.over.get());
    if !last.is_none() && !is_marked(o, CLOSED) {
        return th.call(last, &[o]).map(drop);
    }
    generator::close(th, o).map(drop)
}

/// Warns at the place where the coroutine was made.
fn never_awaited(th: &mut Thread, o: Value) -> R<()> {
    let g = o.get::<Generator>();
    let name = th.text_of(g.qualname.get())?;
    let at = g.extra.get();
    let place = if at.is_int() { codes::code_at(at.as_int() as usize) } else { None };
    let (file, line) = match place {
        Some((code, word)) => (code.filename.get(), frame::data_of(code).position(word).line),
        None => {
            let own = g.func.get().get::<Function>();
            (own.code.get().get::<Code>().filename.get(), frame::code_of(own).first_line)
        }
    };
    let text = th.str(&format!("coroutine '{name}' was never awaited"))?;
    let warnings = super::import::import_full(th, "warnings")?;
    let warn = th.intern("warn_explicit")?;
    let Some(warn) = th.getattr_opt(warnings, warn)? else {
        // The module is being loaded just now, below this.
        let line = format!("{}:{line}: RuntimeWarning: {}\n", th.str_text(file)?, th.str_text(text)?);
        super::show::stderr(th, &line);
        return Ok(());
    };
    let module = th
        .dict_get_name(g.func.get().get::<Function>().globals.get(), N::__name__.v())
        .unwrap_or(S::empty_str.v());
    let none = Value::NONE;
    let args = [text, C::RuntimeWarning.v(), file, Value::int(line as i64), module, none, none, o];
    th.call(warn, &args).map(drop)
}

/// Keeps with a new coroutine where it was made, and has it looked at when it dies.
pub fn made(th: &mut Thread, o: Value) {
    o.get::<Generator>().extra.set(Value::int(th.pc as i64));
    th.heap.register_finalizable(o);
}
