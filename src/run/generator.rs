//! Generators: a function's window kept in a cell between resumptions.
//!
//! Invariants: a generator is claimed by one compare-and-swap of its state before its registers are copied to the
//! stack and released after they are copied back, so two threads can never run one window. What becomes of a yielded
//! value is decided by the instruction that resumed it (`ForIter`, `Send`) or by `Halt` for native resumers.

// Windows go through the machine as raw addresses.
#![allow(clippy::not_unsafe_ptr_arg_deref)]

use super::thread::{R, Raised, Thread};
use super::{awaitables, call, dispatch, frame};
use crate::code::data::{self, flag};
use crate::code::op::{Op, operands};
use crate::heap::cell::COUNTED;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};

/// `Generator::state`.
pub mod state {
    /// Not started.
    pub const CREATED: i64 = 0;
    /// At a yield.
    pub const SUSPENDED: i64 = 1;
    /// Claimed by a thread.
    pub const RUNNING: i64 = 2;
    /// Ended.
    pub const ENDED: i64 = crate::heap::object::Generator::ENDED;
}

/// Value words of a Generator before its registers.
const FIXED: usize = 7;

/// What a resumption gave.
pub enum Resumed {
    /// It yielded.
    Yielded(Value),
    /// It returned.
    Returned(Value),
}

/// A generator, coroutine or async generator of `f` with its parameters bound at `base`.
pub fn make(th: &mut Thread, f: Value, code: &'static data::Code, base: *mut Value) -> R {
    let n = code.nregs as usize;
    let class = if code.flags & flag::COROUTINE != 0 {
        C::coroutine
    } else if code.flags & flag::ASYNC_GENERATOR != 0 {
        C::async_generator
    } else {
        C::generator
    };
    let end = base.wrapping_add(code.nparams());
    if th.free() < end {
        th.top = end;
    }
    let (v, g) = th.heap.new::<Generator>(class.shape(), COUNTED, n * 8)?;
    let func = f.get::<Function>();
    g.func.set(f);
    g.handled.set(Value::NONE);
    g.name.set(func.name.get());
    g.qualname.set(func.qualname.get());
    g.state.set(Value::int(state::CREATED));
    g.pc.set(func.entry.get());
    g.extra.set(Value::NONE);
    for i in 0..n {
        // SAFETY: i is below nregs; parameters stand at base.
        unsafe { g.reg(i).set(if i < code.nparams() { *base.add(i) } else { Value::NONE }) };
    }
    g.count.set(FIXED + n);
    if code.flags & flag::COROUTINE != 0 {
        awaitables::made(th, v);
    }
    Ok(v)
}

/// The word for what code with these flags makes, in messages.
fn word(flags: u32) -> &'static str {
    match flags {
        f if f & flag::COROUTINE != 0 => "coroutine",
        f if f & flag::ASYNC_GENERATOR != 0 => "async generator",
        _ => "generator",
    }
}

/// A coroutine is awaited once.
#[cold]
fn reused(th: &mut Thread) -> Raised {
    th.runtime_error("cannot reuse already awaited coroutine")
}

/// The flags of the generator's code.
fn flags_of(g: &Generator) -> u32 {
    frame::code_of(g.func.get().get::<Function>()).flags
}

#[cold]
fn already_executing(th: &mut Thread, g: &Generator) -> Raised {
    let what = match flags_of(g) {
        f if f & flag::COROUTINE != 0 => "coroutine",
        f if f & flag::ASYNC_GENERATOR != 0 => "asynchronous generator",
        _ => "generator",
    };
    th.value_error(format!("{what} already executing"))
}

/// Claims `gen` and lays its window out above `end`; the frame returns to `ret` in window `up`. `false`: it had ended; else the frame stands in
/// `Thread::next_pc` and `next_base`.
///
/// # Safety
/// `end` is the first free word of the thread's stack; `ret` is a `ForIter`, `Send` or `Halt` instruction.
pub unsafe fn prepare(
    th: &mut Thread,
    generator: Value,
    end: *mut Value,
    ret: *const u64,
    up: *mut Value,
    sent: Value,
) -> R<bool> {
    let g = generator.get::<Generator>();
    // Not asked of the code, which is four loads away.
    let nregs = g.count.get() - FIXED;
    call::room(th, end, nregs + 8)?;
    let was = loop {
        let s = g.state.get();
        match s.as_int() {
            state::ENDED if flags_of(g) & flag::COROUTINE != 0 => return Err(reused(th)),
            state::ENDED => return Ok(false),
            state::RUNNING => return Err(already_executing(th, g)),
            _ => {
                // Where only one thread runs at a time, nobody comes between the look and the claim.
                let alone = !th.heap.shared;
                if alone {
                    g.state.set(Value::int(state::RUNNING));
                }
                if alone || g.state.cas(s, Value::int(state::RUNNING)) {
                    break s.as_int();
                }
            }
        }
    };
    if was == state::CREATED && !sent.is_none() && !sent.is_unbound() {
        g.state.set(Value::int(state::CREATED));
        let what = word(flags_of(g));
        return Err(th.type_error(format!("can't send non-None value to a just-started {what}")));
    }
    // SAFETY: there is room; the registers are ours by the claim.
    unsafe { lay(th, generator, was, Resumption { end, ret, up, sent }) };
    Ok(true)
}

/// Where a generator's window goes, and what it goes on with.
struct Resumption {
    end: *mut Value,
    ret: *const u64,
    up: *mut Value,
    sent: Value,
}

/// Lays out the window of a generator that this thread has claimed.
///
/// # Safety
/// As `prepare`, and there is room.
#[inline(always)]
unsafe fn lay(th: &mut Thread, generator: Value, was: i64, r: Resumption) {
    let g = generator.get::<Generator>();
    // SAFETY: by the caller's promise.
    unsafe {
        let base = r.end.add(4);
        *r.end = generator;
        *r.end.add(1) = g.func.get();
        *r.end.add(2) = Value(r.ret as u64);
        *r.end.add(3) = Value(r.up as u64);
        for i in 0..g.count.get() - FIXED {
            *base.add(i) = g.reg(i).get();
        }
        let inner = g.handled.get();
        g.handled.set(th.handled);
        if !inner.is_none() {
            th.handled = inner;
        }
        let mut pc = g.pc.get() as *const u64;
        if was == state::SUSPENDED && !r.sent.is_unbound() {
            *base.add(operands(*pc).0 as usize) = r.sent;
            pc = pc.add(Op::of(*pc).len());
        }
        th.go_on(pc, base);
    }
}

/// Whether the instruction at `pc` is `op`.
#[inline(always)]
unsafe fn is(pc: *const u64, op: Op) -> bool {
    // SAFETY: an instruction of verified code.
    unsafe { *(pc as *const u8) == op as u8 }
}

/// Goes on from the generator just prepared to those that it delegates to, as long as each is suspended in a
/// `yield from` of its own: what `Jump` and `Send` would do one by one, each level by two instructions. All windows
/// are there, as if they had run.
///
/// # Safety
/// As `prepare`, which gave true; nobody counts or watches instructions.
#[inline(always)]
pub unsafe fn descend(th: &mut Thread) {
    // SAFETY: the prepared window has its generator below it, whose pc is the instruction it was suspended at.
    unsafe {
        let g = (*th.next_base.sub(4)).get::<Generator>();
        if is(g.pc.get() as *const u64, Op::YieldFrom) {
            go_down(th);
        }
    }
}

/// Words of a `Send`, a `YieldFrom` and the `Jump` back to the first, in this order in the code of a `yield from`.
const DRIVE: (usize, usize, isize) = (1, 2, -4);

#[inline(never)]
unsafe fn go_down(th: &mut Thread) {
    debug_assert_eq!((Op::Send.len(), Op::YieldFrom.len()), (DRIVE.0, DRIVE.1));
    // SAFETY: as `descend`; the instructions stand in verified code, their operands lie in the window.
    unsafe {
        loop {
            let (pc, base) = (th.next_pc, th.next_base);
            let at = (*base.sub(4)).get::<Generator>().pc.get() as *const u64;
            let drives = is(at, Op::YieldFrom)
                && pc == at.add(DRIVE.1)
                && is(pc, Op::Jump)
                && operands(*pc).2 as i16 as isize == DRIVE.2
                && is(at.sub(DRIVE.0), Op::Send);
            if !drives {
                return;
            }
            let (a, b, _) = operands(*at);
            let inner = *base.add(b as usize);
            let Some(g) = inner.cast::<Generator>() else { return };
            let (end, s) = (frame::window_end(base), Value::int(state::SUSPENDED));
            if g.state.get() != s || !call::has_room(th, end, g.count.get() - FIXED + 8) {
                return;
            }
            let running = Value::int(state::RUNNING);
            if !th.heap.shared {
                g.state.set(running);
            } else if !g.state.cas(s, running) {
                return;
            }
            let sent = *base.add(a as usize);
            lay(th, inner, state::SUSPENDED, Resumption { end, ret: at.sub(DRIVE.0), up: base, sent });
        }
    }
}

/// The way back: suspends the generators that only hand on what the one in window `base`, suspended already, yields;
/// gives the window of the last.
///
/// # Safety
/// `base` is a generator's window; nobody counts or watches instructions.
#[inline(always)]
pub unsafe fn ascend(th: &mut Thread, mut base: *mut Value) -> *mut Value {
    // SAFETY: the link words of a generator's window name the resuming instruction and its window; a `YieldFrom`
    // stands in the code of generators only.
    unsafe {
        loop {
            let (resumer, up) = ((*base.sub(2)).0 as *const u64, (*base.sub(1)).0 as *mut Value);
            if !is(resumer, Op::Send) || !is(resumer.add(DRIVE.0), Op::YieldFrom) {
                return base;
            }
            suspend(th, up, resumer.add(DRIVE.0));
            base = up;
        }
    }
}

/// Saves the window at `base` into its generator, suspended at the yield instruction `pc`.
///
/// # Safety
/// `base` is a running generator's window.
pub unsafe fn suspend(th: &mut Thread, base: *mut Value, pc: *const u64) {
    // SAFETY: a generator's window has its generator below it, claimed by this thread.
    unsafe {
        let g = (*base.sub(4)).get::<Generator>();
        let n = g.count.get() - FIXED;
        let mask = live_mask(g, pc);
        for i in 0..n.min(MASKED) {
            g.reg(i).set(if mask >> i & 1 == 1 { *base.add(i) } else { Value::NONE });
        }
        if n > MASKED {
            save_rest(g, base, pc, n);
        }
        g.pc.set(pc as usize);
        let outer = g.handled.get();
        g.handled.set(if th.handled == outer { Value::NONE } else { th.handled });
        th.handled = outer;
        g.state.set(Value::int(state::SUSPENDED));
    }
}

/// Registers whose liveness fits the yield's cache word.
const MASKED: usize = 63;

/// Which of the first registers are live at the yield: a dead register may hold the word of a cell that is gone, so
/// it must not get into the generator's cell. Computed once and kept in the instruction's cache word.
unsafe fn live_mask(g: &Generator, pc: *const u64) -> u64 {
    // SAFETY: the yield instruction has one cache word (op table).
    let cache = unsafe { &*(pc.add(1) as *const std::sync::atomic::AtomicU64) };
    let known = cache.load(std::sync::atomic::Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let mut mask = 1 << MASKED;
    for r in live_at(g, pc).iter() {
        if (r as usize) < MASKED {
            mask |= 1 << r;
        }
    }
    cache.store(mask, std::sync::atomic::Ordering::Relaxed);
    mask
}

fn live_at(g: &Generator, pc: *const u64) -> crate::code::liveness::RegSet {
    let f = g.func.get().get::<Function>();
    let word = (pc as usize - f.entry.get()) / 8;
    frame::live_at(f, word as u32)
}

/// The registers beyond the mask, of very large generators.
#[cold]
unsafe fn save_rest(g: &Generator, base: *mut Value, pc: *const u64, n: usize) {
    let live = live_at(g, pc);
    for i in MASKED..n {
        // SAFETY: i is below the number of registers.
        unsafe { g.reg(i).set(if live.contains(i as u16) { *base.add(i) } else { Value::NONE }) };
    }
}

/// Marks the generator of the window as ended.
///
/// # Safety
/// As `suspend`.
pub unsafe fn finish(th: &mut Thread, base: *mut Value) {
    // SAFETY: as in `suspend`.
    unsafe {
        let g = (*base.sub(4)).get::<Generator>();
        th.handled = g.handled.get();
        g.handled.set(Value::NONE);
        for i in 0..g.count.get() - FIXED {
            g.reg(i).set(Value::NONE);
        }
        g.state.set(Value::int(state::ENDED));
    }
}

/// An exception leaves the generator's window: it has ended; StopIteration becomes RuntimeError (PEP 479).
pub fn ended_by_exception(th: &mut Thread, base: *mut Value) {
    let func = frame::function(base);
    // SAFETY: the caller saw that the window belongs to a generator.
    unsafe { finish(th, base) };
    let code = func.map(frame::code_of);
    let what = word(code.map_or(0, |c| c.flags));
    for class in [C::StopIteration, C::StopAsyncIteration] {
        if class == C::StopAsyncIteration && what != "async generator" {
            continue;
        }
        if th.raised_is(class) {
            let cause = th.take_raised();
            let name = th.class_name(class.v());
            let Raised = th.runtime_error(format!("{what} raised {name}"));
            if let Some(e) = th.raised.cast::<Exception>() {
                e.cause.set(cause);
                e.context.set(cause);
                e.suppress.set(Value::TRUE);
            }
            return;
        }
    }
}

/// Resumes from native code: `next`, `send`.
pub fn resume(th: &mut Thread, generator: Value, sent: Value) -> R<Resumed> {
    run(th, generator, sent, None)
}

fn run(th: &mut Thread, generator: Value, sent: Value, raise: Option<Value>) -> R<Resumed> {
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded"));
    }
    let p = th.free();
    call::room(th, p, 16)?;
    let (pc, base, top) = (th.pc, th.base, th.top);
    // SAFETY: `p` is the first free word and there is room.
    unsafe {
        *p = Value(top as u64);
        *p.add(1) = Value(pc as u64);
        *p.add(2) = Value(base as u64);
        th.top = p.add(3);
        // `Halt` finds the result in the word where the function stands.
        let w = p.add(4);
        let sent = if raise.is_some() { Value::UNBOUND } else { sent };
        let prepared = prepare(th, generator, p.add(3), dispatch::halt(), w, sent);
        if !matches!(prepared, Ok(true)) {
            th.top = top;
            return prepared.map(|_| Resumed::Returned(Value::NONE));
        }
        let (at, frame) = (th.next_pc, th.next_base);
        let r = match raise {
            None => th.run_frame(at, frame),
            Some(exc) => {
                th.pc = at;
                th.base = frame;
                th.top = std::ptr::null_mut();
                let Raised = th.raise_value(exc);
                match super::unwind::find(th) {
                    true => th.run_frame(th.next_pc, th.next_base),
                    false => Err(Raised),
                }
            }
        };
        let yielded = th.yielded;
        th.pc = pc;
        th.base = base;
        th.top = top;
        let v = r?;
        Ok(if yielded { Resumed::Yielded(v) } else { Resumed::Returned(v) })
    }
}

/// The delegate of a generator suspended in `yield from`, with the register that takes its result.
fn delegate(g: &Generator) -> Option<(Value, usize, isize)> {
    if g.state.get().as_int() != state::SUSPENDED {
        return None;
    }
    // SAFETY: pc is the yield instruction of live code; its operands lie in the window.
    unsafe {
        let word = *(g.pc.get() as *const u64);
        if Op::of(word) != Op::YieldFrom {
            return None;
        }
        let (a, b, c) = operands(word);
        Some((g.reg(b as usize).get(), a as usize, c as i16 as isize))
    }
}

/// What a generator in `yield from` waits for, for `gi_yieldfrom`.
pub fn yielding_from(generator: Value) -> Value {
    delegate(generator.get::<Generator>()).map_or(Value::NONE, |d| d.0)
}

/// `generator.throw(exc)` with an exception object.
pub fn throw(th: &mut Thread, generator: Value, exc: Value) -> R<Resumed> {
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded"));
    }
    let g = generator.get::<Generator>();
    if let Some((inner, reg, jump)) = delegate(g) {
        let exit = super::class::is_subclass(th.class_of(exc), C::GeneratorExit.v());
        let outcome =
            if exit { close_delegate(th, inner).map(|()| None) } else { throw_into(th, inner, exc) };
        return match outcome {
            // GeneratorExit: the delegate is closed, the exception goes to the outer generator.
            Ok(None) => run(th, generator, Value::NONE, Some(exc)),
            Ok(Some(Resumed::Yielded(v))) => Ok(Resumed::Yielded(v)),
            Ok(Some(Resumed::Returned(v))) => {
                // The delegate is done: go on behind the `yield from` with its value.
                // SAFETY: the register lies in the window; the jump was verified.
                unsafe {
                    g.reg(reg).set(v);
                    let after = (g.pc.get() as *const u64).add(Op::YieldFrom.len()).offset(jump);
                    resume_at(th, generator, after)
                }
            }
            Err(Raised) => {
                let e = th.take_raised();
                run(th, generator, Value::NONE, Some(e))
            }
        };
    }
    match g.state.get().as_int() {
        state::ENDED if generator.header().shape() == C::coroutine.shape() => Err(reused(th)),
        state::ENDED => Err(th.raise_value(exc)),
        state::CREATED => {
            g.state.set(Value::int(state::ENDED));
            Err(th.raise_value(exc))
        }
        _ => run(th, generator, Value::NONE, Some(exc)),
    }
}

/// Resumes at `pc` without sending.
unsafe fn resume_at(th: &mut Thread, generator: Value, pc: *const u64) -> R<Resumed> {
    generator.get::<Generator>().pc.set(pc as usize);
    run(th, generator, Value::UNBOUND, None)
}

/// Throws into what a `yield from` drives; `None` only for plain iterators without `throw` (raise in the outer one).
pub fn throw_into(th: &mut Thread, inner: Value, exc: Value) -> R<Option<Resumed>> {
    if inner.is_kind(Kind::Generator) {
        return throw(th, inner, exc).map(Some);
    }
    if awaitables::is(inner) {
        return awaitables::step(th, inner, Value::NONE, Some(exc)).map(Some);
    }
    match th.getattr_opt(inner, crate::heap::known::N::throw.v())? {
        None => Err(th.raise_value(exc)),
        Some(f) => {
            let r = th.call(f, &[exc]);
            stop_value(th, r).map(Some)
        }
    }
}

/// A call of `send` or `throw`: StopIteration means it returned.
pub fn stop_value(th: &mut Thread, r: R) -> R<Resumed> {
    match r {
        Ok(v) => Ok(Resumed::Yielded(v)),
        Err(Raised) if th.raised_is(C::StopIteration) => {
            let e = th.take_raised();
            let v = e.cast::<Exception>().map_or(Value::NONE, |e| e.x0.get());
            Ok(Resumed::Returned(if v.is_unbound() { Value::NONE } else { v }))
        }
        Err(e) => Err(e),
    }
}

/// Closes what a `yield from` or `await` drives.
pub fn close_delegate(th: &mut Thread, inner: Value) -> R<()> {
    if inner.is_kind(Kind::Generator) {
        return close(th, inner).map(drop);
    }
    if awaitables::is(inner) {
        return awaitables::close(th, inner);
    }
    match th.getattr_opt(inner, crate::heap::known::N::close.v())? {
        Some(f) => th.call(f, &[]).map(drop),
        None => Ok(()),
    }
}

/// `generator.close()`: its return value, or None.
pub fn close(th: &mut Thread, generator: Value) -> R {
    let g = generator.get::<Generator>();
    match g.state.get().as_int() {
        state::ENDED => return Ok(Value::NONE),
        state::CREATED => {
            g.state.set(Value::int(state::ENDED));
            return Ok(Value::NONE);
        }
        _ => {}
    }
    let exit = th.exception(C::GeneratorExit, &[])?;
    match throw(th, generator, exit) {
        Ok(Resumed::Yielded(_)) => {
            let what = word(frame::code_of(g.func.get().get::<Function>()).flags);
            Err(th.runtime_error(format!("{what} ignored GeneratorExit")))
        }
        Ok(Resumed::Returned(v)) => Ok(v),
        Err(_) if th.raised_is(C::GeneratorExit) || th.raised_is(C::StopIteration) => {
            th.take_raised();
            Ok(Value::NONE)
        }
        Err(e) => Err(e),
    }
}

/// Sends `v` to the object that a `yield from` or `await` drives.
pub fn send(th: &mut Thread, to: Value, v: Value) -> R<Resumed> {
    if to.is_kind(Kind::Generator) {
        return resume(th, to, v);
    }
    if awaitables::is(to) {
        return awaitables::step(th, to, v, None);
    }
    if v.is_none() {
        // An iterator in script says its result by StopIteration, which the slot would drop.
        let slot = super::class::slots(th.class_of(to)).next.filter(|_| !to.is_kind(Kind::Instance));
        return match slot {
            Some(next) => match next(th, to) {
                Ok(Some(v)) => Ok(Resumed::Yielded(v)),
                Ok(None) => Ok(Resumed::Returned(Value::NONE)),
                Err(e) => stop_value(th, Err(e)),
            },
            None => {
                let r = th.call_method(to, crate::heap::known::N::__next__, &[]);
                stop_value(th, r)
            }
        };
    }
    let r = th.call_method(to, crate::heap::known::N::send, &[v]);
    stop_value(th, r)
}
