//! From a fault to its handler. Invariant: unwinding stops at the window that was entered from native code; the
//! tables are looked up only here.

use super::frame::{self, At};
use super::thread::Thread;
use super::{dispatch, generator};
use crate::code::op::Op;
use crate::heap::Value;
use crate::heap::known::C as Known;
use crate::heap::object::Exception;
use crate::{dispatch, op};

op! {
    /// Finds the handler of the exception under way and goes there, or ends the run.
    #[cold]
    #[inline(never)]
    raised(s) {
        let found = find(&mut *s.th);
        match found {
            true => {
                let mut s = s.reload();
                s.pc = (*s.th).next_pc;
                s.base = (*s.th).next_base;
                dispatch!(s)
            }
            false => Value::ERROR.0,
        }
    }
}

/// Finds the handler's pc and window (`Thread::next_pc`, `next_base`) for the exception under way at `th.pc` in
/// `th.base`; `false`: the boundary was reached.
pub fn find(th: &mut Thread) -> bool {
    if th.raised.is_unbound() {
        th.raised = crate::heap::known::S::memory_error.v();
    }
    if super::event::observing() {
        super::observe::raised(th);
    }
    let mut pc = th.pc;
    let mut base = th.base;
    // A Reraise keeps the traceback as it is for the frame it stands in.
    // SAFETY: pc is an instruction of live code.
    let mut quiet = matches!(Op::of(unsafe { *pc }), Op::Reraise)
        && th.raised.cast::<Exception>().is_some_and(|e| !e.traceback.get().is_none());
    loop {
        if let Some(func) = frame::function(base) {
            let code = frame::code_of(func);
            let word = ((pc as usize).wrapping_sub(func.entry.get()) / 8) as u32;
            let word = if (word as usize) < code.words.len() { word } else { 0 };
            th.base = base;
            th.pc = pc;
            th.top = std::ptr::null_mut();
            if !quiet {
                th.add_traceback(At { func, base, word });
            }
            let handler = code.handler(word);
            if th.tracing.is_some() {
                super::traced::unwinding(th, &At { func, base, word }, handler.is_some(), quiet);
            }
            if let Some(h) = handler {
                // SAFETY: the handler's register lies in the window and its target in the stream (verified).
                unsafe {
                    *base.add(h.reg as usize) = std::mem::replace(&mut th.raised, Value::UNBOUND);
                    th.go_on((func.entry.get() as *const u64).add(h.target as usize), base);
                    return true;
                }
            }
            if frame::is_generator(func) {
                generator::ended_by_exception(th, base);
            }
        }
        quiet = false;
        // SAFETY: link words of a live window.
        let saved = unsafe { (*base.sub(2)).0 as *const u64 };
        if saved == dispatch::halt() {
            return false;
        }
        match frame::caller(base) {
            Some(up) => (pc, base) = up,
            None => return false,
        }
    }
}

/// Whether `exc` matches what an `except` clause names (class or tuple of classes).
pub fn matches(th: &mut Thread, exc: Value, what: Value) -> super::R<bool> {
    use crate::heap::object::{Class, Tuple};
    let ok = |v: Value| v.cast::<Class>().is_some() && super::class::is_subclass(v, Known::BaseException.v());
    const TEXT: &str = "catching classes that do not inherit from BaseException is not allowed";
    if let Some(t) = what.cast::<Tuple>() {
        for v in t.iter() {
            if !ok(v) {
                return Err(th.type_error(TEXT));
            }
        }
        return Ok(t.iter().any(|c| super::class::is_subclass(th.class_of(exc), c)));
    }
    if !ok(what) {
        return Err(th.type_error(TEXT));
    }
    Ok(super::class::is_subclass(th.class_of(exc), what))
}
