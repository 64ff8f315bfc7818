//! Windows on the value stack and the walk over them.
//!
//! `base[-3]` callee, `base[-2]` saved pc, `base[-1]` saved base, `base[0..]` registers. A generator's window has its
//! generator in `base[-4]`. Below a window entered from native code stand the saved top, the saved pc and the saved base
//! of the interrupted frame; its own `base[-1]` is then the window's start, where `Halt` finds the result. The window of the `InitDone` stub has the new instance in the callee's place.

// Windows go through the machine as raw addresses; the walk reads only those of a live stack.
#![allow(clippy::not_unsafe_ptr_arg_deref)]

use super::dispatch;
use super::thread::Thread;
use crate::code::data::{self, flag};
use crate::code::liveness::Liveness;
use crate::code::op::{Op, Role, operands};
use crate::heap::Value;
use crate::heap::object::{Code, Function};

/// The code of a script function.
#[inline]
pub fn code_of(f: &Function) -> &'static data::Code {
    data_of(f.code.get().get::<Code>())
}

/// Plain code of a code object that somebody keeps alive.
#[inline]
pub fn data_of(code: &Code) -> &'static data::Code {
    let p = code.data.get() as *const data::Code;
    // SAFETY: the code object owns the Arc that this address came from.
    unsafe { &*p }
}

/// The function running in the window, unless it is a stub's.
#[inline]
pub fn function(base: *mut Value) -> Option<&'static Function> {
    // SAFETY: three link words stand below every window.
    unsafe { *base.sub(3) }.cast::<Function>()
}

/// First word above the window.
#[inline]
pub fn window_end(base: *mut Value) -> *mut Value {
    let n = match function(base) {
        Some(f) => f.shape.get() >> 32,
        None => 4,
    };
    // SAFETY: windows lie inside the value stack.
    unsafe { base.add(n) }
}

/// Whether the window belongs to a generator.
#[inline]
pub fn is_generator(f: &Function) -> bool {
    code_of(f).flags & (flag::GENERATOR | flag::COROUTINE | flag::ASYNC_GENERATOR) != 0
}

/// One script frame met on the walk, innermost first.
#[derive(Clone, Copy)]
pub struct At {
    /// Its function.
    pub func: &'static Function,
    /// Its window.
    pub base: *mut Value,
    /// Word of the instruction in progress.
    pub word: u32,
}

/// Walks the script frames of a thread that is stopped or current.
pub struct Walk {
    base: *mut Value,
    pc: *const u64,
}

/// Frames of `th`, innermost first.
pub fn walk(th: &Thread) -> Walk {
    Walk { base: th.base, pc: th.pc }
}

/// Where the caller of the window goes on: its base, and a pc inside the calling instruction; `None` at the bottom.
pub fn caller(base: *mut Value) -> Option<(*const u64, *mut Value)> {
    // SAFETY: link words of a live window.
    unsafe {
        let saved = (*base.sub(2)).0 as *const u64;
        let up = (*base.sub(1)).0 as *mut Value;
        if saved == dispatch::halt() {
            let below = if function(base).is_some_and(is_generator) { 5 } else { 4 };
            let up = (*base.sub(below)).0 as *mut Value;
            let pc = (*base.sub(below + 1)).0 as *const u64;
            return if up.is_null() { None } else { Some((pc, up)) };
        }
        let resumed =
            matches!(Op::of(*saved), Op::ForIter | Op::Send) && function(base).is_some_and(is_generator);
        Some((if resumed || saved == dispatch::init_done() { saved } else { saved.sub(1) }, up))
    }
}

impl Iterator for Walk {
    type Item = At;

    fn next(&mut self) -> Option<At> {
        loop {
            if self.base.is_null() {
                return None;
            }
            let (base, pc) = (self.base, self.pc);
            match caller(base) {
                Some((pc, up)) => (self.pc, self.base) = (pc, up),
                None => self.base = std::ptr::null_mut(),
            }
            if let Some(func) = function(base) {
                let word = (pc as usize).wrapping_sub(func.entry.get()) / 8;
                let len = code_of(func).words.len();
                return Some(At { func, base, word: if word < len { word as u32 } else { 0 } });
            }
        }
    }
}

impl At {
    /// Source line of the instruction in progress.
    pub fn line(&self) -> u32 {
        code_of(self.func).position(self.word).line
    }
}

/// Line of the innermost frame that is not library code, 0 if there is none.
pub fn script_line(th: &Thread) -> u32 {
    walk(th).find(|a| code_of(a.func).flags & flag::LIBRARY == 0).map_or(0, |a| a.line())
}

/// The liveness table of a code object, computed at the first asking (by the collector, world stopped).
fn liveness(c: &Code, d: &data::Code) -> &'static Liveness {
    if c.live.get() == 0 {
        c.live.set(Box::into_raw(Box::new(Liveness::of(d))) as usize);
    }
    // SAFETY: the box was leaked into the code object, which is alive.
    unsafe { &*(c.live.get() as *const Liveness) }
}

/// Registers that are live while the instruction at `word` is in progress. Computed from scratch: for rare use.
pub fn live_at(f: &Function, word: u32) -> crate::code::liveness::RegSet {
    let code = code_of(f);
    Liveness::of(code).at(code, word)
}

/// Registers of a frame met on the walk, in a stopped world, that may still be read as values.
pub fn live_now(at: &At) -> crate::code::liveness::RegSet {
    let code = code_of(at.func);
    let start = code.position(at.word).word;
    let calls =
        matches!(Op::of(code.words[start as usize]).row().roles[0], Role::Call | Role::Method | Role::CallEx);
    let table = liveness(at.func.code.get().get::<Code>(), code);
    if calls { table.under_call(code, start) } else { table.at(code, start) }
}

/// Whether the register of a named local can be read at `word`: it is live there, or is never given to anything else.
/// Before the prologue has run, registers but those of the parameters hold what earlier frames left in them.
pub fn readable(code: &data::Code, word: u32, reg: u16, live: &crate::code::liveness::RegSet) -> bool {
    let mut at = 0;
    while let Some(w) = code.words.get(at)
        && matches!(Op::of(*w), Op::Unbind | Op::MakeCell | Op::NewCell | Op::CopyFree)
    {
        at += Op::of(*w).len();
    }
    let begun = word as usize >= at;
    (begun || (reg as usize) < code.nparams())
        && (live.contains(reg) || code.flags & flag::SEES_LOCALS != 0 && begun)
}

/// Drops the liveness table of a dead code object.
pub fn drop_liveness(c: &Code) {
    let p = c.live.get() as *mut Liveness;
    if !p.is_null() {
        // SAFETY: leaked by `liveness`; the code object is unreachable.
        drop(unsafe { Box::from_raw(p) });
    }
}

/// Calls `f` with every word of the value stack that may still be read: the live registers of each script frame, and
/// all words that stand between the windows (callees, links, arguments of natives).
pub fn scan(th: &Thread, f: &mut dyn FnMut(u64)) {
    let mut words = |from: *mut Value, to: *mut Value| {
        let mut p = from;
        while p < to {
            // SAFETY: inside the used part of the value stack.
            f(unsafe { *p }.0);
            p = p.wrapping_add(1);
        }
    };
    // Under a native's call the temporaries above its arguments are dead.
    let mut end = th.free().min(th.stack_end);
    if !th.base.is_null() && th.top.is_null() {
        end = end.max(window_end(th.base));
    }
    for at in walk(th) {
        let code = code_of(at.func);
        // A caller's pc stands in the last word of its call.
        let start = code.position(at.word).word;
        let word = code.words[start as usize];
        let op = Op::of(word);
        let calls = matches!(op.row().roles[0], Role::Call | Role::Method | Role::CallEx);
        let table = liveness(at.func.code.get().get::<Code>(), code);
        let (live, rest) = if calls {
            (table.under_call(code, start), at.base.wrapping_add(operands(word).0 as usize))
        } else {
            (table.at(code, start), window_end(at.base))
        };
        for r in live.iter() {
            let p = at.base.wrapping_add(r as usize);
            if p < rest {
                words(p, p.wrapping_add(1));
            }
        }
        words(rest, end);
        end = at.base;
    }
    words(th.stack, end);
}
