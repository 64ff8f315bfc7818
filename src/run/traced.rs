//! The handlers of a thread that `sys.settrace` or `sys.setprofile` watches: one that finds out which events of the
//! script the instruction at pc brings, has them told, and goes on to the instruction's own handler.
//!
//! Invariants: frames are told apart by window and function; a frame leaves the list when it returns, yields or is
//! unwound, so the frames listed are those that run. While the script's function is told, nothing is. A thread that
//! is not watched pays nothing. Events are those of `sys.settrace` in CPython 3.14, without `opcode`.

use super::dispatch::{self, Handler};
use super::frame::{self, At};
use super::gil;
use super::thread::{R, State, Thread, pending};
use super::threads;
use crate::code::op::Op;
use crate::heap::Value;
use crate::heap::known::C as Known;
use crate::heap::object::{Exception, List};
use crate::{op, raise};

/// What happens in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// It begins, or a generator goes on.
    Call,
    /// A line is about to run.
    Line,
    /// It returns or yields the value.
    Return,
    /// An exception (class, value, traceback) goes through it.
    Exception,
}

impl Event {
    /// The word that the script's function is given.
    pub fn word(self) -> &'static str {
        match self {
            Event::Call => "call",
            Event::Line => "line",
            Event::Return => "return",
            Event::Exception => "exception",
        }
    }
}

/// A frame that runs.
struct Running {
    base: usize,
    entry: usize,
    line: u32,
    word: u32,
}

/// What a thread that is watched keeps.
pub struct Tracing {
    tell: fn(&mut Thread, Event, &At, Value) -> R<()>,
    frames: Vec<Running>,
    /// The script's function runs.
    telling: bool,
}

op! {
    /// Tells what the instruction at pc brings, then runs it.
    traced(s) {
        let number = *(s.pc as *const u8) as usize;
        if number != Op::Halt as usize && number != Op::InitDone as usize {
            let r = {
                let th = s.save();
                step(th)
            };
            s = s.reload();
            if r.is_err() {
                raise!(s)
            }
        }
        let h = *dispatch::table(true, L).add(number);
        return (h.0)(s.pc, s.base, s.th, s.tab, s.left);
    }
}

static TRACED: [Handler; 256] = [Handler(traced::<true, false>); 256];
static TRACED_SHARED: [Handler; 256] = [Handler(traced::<true, true>); 256];

/// The handlers of a thread that is watched.
pub(super) fn table(locked: bool) -> *const Handler {
    if locked { TRACED_SHARED.as_ptr() } else { TRACED.as_ptr() }
}

/// Has the events of the calling thread told from now on. The list's first two items are the functions of `settrace`
/// and `setprofile`; behind them stand the frame objects of the frames that run, made by `tell`.
pub fn begin(th: &mut Thread, tell: fn(&mut Thread, Event, &At, Value) -> R<()>, list: Value) {
    th.traced = list;
    th.tracing = Some(Box::new(Tracing { tell, frames: Vec::new(), telling: false }));
    gil::own_table(th);
}

/// Gives all threads but the calling one that function (`which` 0: trace, 1: profile), each in a list of its own.
pub fn begin_others(
    th: &mut Thread,
    tell: fn(&mut Thread, Event, &At, Value) -> R<()>,
    which: usize,
    f: Value,
) -> R<()> {
    let mark = th.keep(f);
    loop {
        let first = th.kept.len();
        for _ in 0..threads::alive() {
            let list = th.list(&[Value::NONE, Value::NONE])?;
            th.keep(list);
        }
        let me = th.shared.number;
        let mut lists = th.kept[first..].iter();
        let mut short = false;
        let heap: *mut crate::heap::Mutator = &mut th.heap;
        let set = |list: Value, i: usize, v: Value| {
            // SAFETY: the mutator is part of the caller's record, which the stop leaves alone; nothing is allocated.
            crate::heap::list::set(unsafe { &mut *heap }, list.get::<List>(), i as isize, v)
        };
        let give = || {
            threads::each(|t| {
                if t.shared.number == me || t.shared.state() == State::Ended {
                    return;
                }
                if t.traced.is_unbound() {
                    if f.is_none() {
                        return;
                    }
                    let Some(list) = lists.next() else {
                        short = true;
                        return;
                    };
                    t.traced = *list;
                    t.tracing = Some(Box::new(Tracing { tell, frames: Vec::new(), telling: false }));
                    gil::own_table(t);
                    t.shared.ask(pending::TABLE);
                }
                set(t.traced, which, f);
                let list = t.traced.get::<List>();
                if (0..2).all(|i| crate::heap::list::peek(list, i).is_none_or(Value::is_none)) {
                    end(t);
                    t.shared.ask(pending::TABLE);
                }
            });
        };
        // SAFETY: as above.
        unsafe { (*heap).stop_world(give) };
        th.drop_kept(first);
        if !short {
            break;
        }
    }
    th.drop_kept(mark);
    Ok(())
}

/// Tells nothing any more.
pub fn end(th: &mut Thread) {
    th.traced = Value::UNBOUND;
    th.tracing = None;
    gil::own_table(th);
}

fn leave(th: &mut Thread) {
    if let Some(t) = &mut th.tracing {
        t.frames.pop();
    }
    if let Some(list) = th.traced.cast::<List>() {
        let _ = crate::heap::list::pop(&mut th.heap, list);
    }
}

/// Tells one event of the innermost frame. pc, window and the exception under way are as before afterwards.
fn tell(th: &mut Thread, event: Event, at: &At, arg: Value) -> R<()> {
    let Some(t) = th.tracing.as_mut() else { return Ok(()) };
    t.telling = true;
    let tell = t.tell;
    let (pc, base, native) = (th.pc, th.base, th.native.load(std::sync::atomic::Ordering::Relaxed));
    let handled = th.handled;
    let mark = th.keep(handled);
    th.keep(arg);
    let r = tell(th, event, at, arg);
    th.drop_kept(mark);
    th.handled = handled;
    (th.pc, th.base, th.top) = (pc, base, std::ptr::null_mut());
    th.native.store(native, std::sync::atomic::Ordering::Relaxed);
    match &mut th.tracing {
        Some(t) => t.telling = false,
        None => return r,
    }
    if r.is_err() {
        end(th);
    }
    r
}

/// The instruction at pc in the current window is about to run.
#[inline(never)]
fn step(th: &mut Thread) -> R<()> {
    let (pc, base) = (th.pc, th.base);
    if th.tracing.as_ref().is_none_or(|t| t.telling) {
        return Ok(());
    }
    let Some(func) = frame::function(base) else { return Ok(()) };
    let entry = func.entry.get();
    let at = At { func, base, word: ((pc as usize - entry) / 8) as u32 };
    let gone = |r: &Running| {
        let here = base as usize;
        r.base > here || r.base == here && r.entry != entry
    };
    while th.tracing.as_ref().is_some_and(|t| t.frames.last().is_some_and(gone)) {
        leave(th);
    }
    let known = th.tracing.as_ref().is_some_and(|t| t.frames.last().is_some_and(|r| r.base == base as usize));
    if !known {
        if let Some(list) = th.traced.cast::<List>() {
            crate::heap::list::push(&mut th.heap, list, Value::NONE)?;
        }
        // A generator goes on at its `yield`, whose words end before pc.
        let resumed = at.word > 0 && frame::is_generator(func);
        let from = At { word: at.word.saturating_sub(1), ..at };
        let line = if resumed { from.line() } else { 0 };
        if let Some(t) = &mut th.tracing {
            t.frames.push(Running { base: base as usize, entry, line, word: from.word });
        }
        if resumed || at.word == 0 {
            tell(th, Event::Call, &from, Value::NONE)?;
        }
    }
    let line = at.line();
    // SAFETY: pc is an instruction of live code.
    let op = Op::of(unsafe { *pc });
    let Some(r) = th.tracing.as_mut().and_then(|t| t.frames.last_mut()) else { return Ok(()) };
    let new = line != r.line || at.word <= r.word;
    let prologue = r.line == 0 && matches!(op, Op::Unbind | Op::MakeCell | Op::NewCell | Op::CopyFree);
    if !prologue {
        (r.line, r.word) = (line, at.word);
    }
    if new && !prologue && line != 0 {
        tell(th, Event::Line, &at, Value::NONE)?;
    }
    // SAFETY: verified code with a live window; only the operands of these instructions are read.
    let given = unsafe {
        let (a, b) = (*(pc as *const u16).add(1) as usize, *(pc as *const u16).add(2) as usize);
        match op {
            Op::Return | Op::ReturnGen | Op::YieldFrom => *base.add(a),
            Op::Yield => *base.add(b),
            Op::ReturnNone | Op::ReturnGenNone => Value::NONE,
            _ => return Ok(()),
        }
    };
    if th.tracing.is_some() {
        tell(th, Event::Return, &at, given)?;
        leave(th);
    }
    Ok(())
}

/// The exception under way goes through the frame, which has no handler for it unless `handled`; `quiet`: it was
/// raised again and has been told.
#[cold]
pub(super) fn unwinding(th: &mut Thread, at: &At, handled: bool, quiet: bool) {
    let listed = |t: &Tracing| !t.telling && t.frames.iter().any(|r| r.base == at.base as usize);
    if !th.tracing.as_deref().is_some_and(listed) {
        return;
    }
    while th.tracing.as_ref().is_some_and(|t| t.frames.last().is_some_and(|r| r.base > at.base as usize)) {
        leave(th);
    }
    let raised = std::mem::replace(&mut th.raised, Value::UNBOUND);
    let mark = th.keep(raised);
    let told = told_raised(th, at, raised, quiet).and_then(|()| match handled {
        true => Ok(()),
        false => tell(th, Event::Return, at, Value::NONE),
    });
    th.drop_kept(mark);
    // What the script's function raises takes the place of the exception.
    if told.is_ok() {
        th.raised = raised;
    }
    if !handled {
        leave(th);
    }
}

fn told_raised(th: &mut Thread, at: &At, raised: Value, quiet: bool) -> R<()> {
    if quiet || crate::run::class::is_instance(raised, Known::GeneratorExit) {
        return Ok(());
    }
    let class = th.class_of(raised);
    let traceback = raised.cast::<Exception>().map_or(Value::NONE, |e| e.traceback.get());
    let arg = th.tuple(&[class, raised, traceback])?;
    tell(th, Event::Exception, at, arg)
}
