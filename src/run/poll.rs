//! Script polls and counted expiry: the only places between instructions where a thread may give up the GIL,
//! change its table, run finalisers or signal handlers, or be raised into (LAW 8).

use super::gil;
use super::thread::{R, Raised, Thread, pending};
use crate::heap::Value;
use crate::heap::known::N;
use crate::heap::object::Weak;
use crate::{dispatch, op, raise};
use std::sync::atomic::Ordering;

op! {
    /// The count is out: the switch of the counted modes, then the instruction at pc.
    #[cold]
    #[inline(never)]
    expired(s) {
        // Below `Halt` stands no window: nobody may look at this thread's frames there, so the switch waits.
        if s.pc == crate::run::dispatch::halt() {
            s.left = 1;
            dispatch!(s)
        }
        s.left = 0;
        {
            let th = s.save();
            th.ran += std::mem::take(&mut th.quantum);
            let left = gil::count_expired(th);
            th.left = left;
            th.quantum = left;
            // The count only switches; what else is pending waits for a call or backward jump, but a stop of
            // the world must not.
            if (*th.pending).load(Ordering::Relaxed) & pending::COLLECT != 0 {
                th.heap.park();
            }
        }
        let s = s.reload();
        dispatch!(s)
    }
}

op! {
    /// Something is pending before the instruction at pc, which a call or backward jump has reached.
    #[cold]
    #[inline(never)]
    polled(s) {
        let r = {
            let th = s.save();
            script_poll(th)
        };
        let s = s.reload();
        match r {
            Ok(()) => crate::go!(s),
            Err(_) => raise!(s),
        }
    }
}

/// A script poll.
pub fn script_poll(th: &mut Thread) -> R<()> {
    // SAFETY: the pending word lives as long as the thread's shared part, which the record holds.
    let bits = unsafe { (*th.pending).load(Ordering::Acquire) };
    if bits & (pending::COLLECT | pending::EXIT) != 0 {
        th.heap.park();
    }
    if bits & pending::TABLE != 0 {
        th.shared.clear(pending::TABLE);
    }
    if bits & pending::GIL != 0 {
        gil::poll(th);
    }
    if bits & pending::FINALIZE != 0 {
        th.shared.clear(pending::FINALIZE);
        run_finalizers(th);
    }
    if bits & pending::SIGNAL != 0 {
        super::signal::run_pending(th)?;
    }
    if bits & pending::ASYNC != 0 {
        th.shared.clear(pending::ASYNC);
        let exc = std::mem::replace(&mut th.async_exc, Value::UNBOUND);
        if !exc.is_unbound() {
            return Err(th.raise_value(exc));
        }
    }
    Ok(())
}

/// A collector stop inside a long native loop: parks if the world is to stop, nothing else.
#[inline]
pub fn collector_stop(th: &mut Thread) {
    // SAFETY: as in `script_poll`.
    if unsafe { (*th.pending).load(Ordering::Relaxed) } & pending::COLLECT != 0 {
        th.heap.park();
    }
}

/// A long native loop lets signals end it: call every few thousand steps.
#[inline]
pub fn native_poll(th: &mut Thread) -> R<()> {
    collector_stop(th);
    // SAFETY: as in `script_poll`.
    if unsafe { (*th.pending).load(Ordering::Relaxed) } & pending::SIGNAL != 0 {
        super::signal::run_pending(th)?;
    }
    Ok(())
}

/// Runs the finalisers and weak reference callbacks that are ready; their exceptions are reported, not raised.
/// Gives whether there was a finaliser among them.
pub fn run_finalizers(th: &mut Thread) -> bool {
    let mut any = false;
    let (raised, handled) = (th.raised, th.handled);
    let mark = th.keep(raised);
    th.keep(handled);
    while let Some(ready) = th.heap.take_ready() {
        any |= ready.cast::<Weak>().is_none();
        if let Err(Raised) = finalize(th, ready) {
            report(th, ready);
        }
    }
    th.drop_kept(mark);
    th.raised = raised;
    th.handled = handled;
    any
}

/// Says in which finaliser or callback the exception under way came up.
#[cold]
fn report(th: &mut Thread, ready: Value) {
    let raised = std::mem::replace(&mut th.raised, Value::UNBOUND);
    let mark = th.keep(raised);
    let (what, f) = match ready.cast::<Weak>() {
        Some(w) => ("weakref callback", w.callback.get()),
        None => {
            let class = th.class_of(ready);
            ("deallocator", super::class::lookup(class, N::__del__.v()).unwrap_or(class))
        }
    };
    let f = f.cast::<crate::heap::object::Tuple>().map_or(f, |pair| pair.at(0));
    let text = super::show::short_repr(th, f);
    th.raised = raised;
    th.drop_kept(mark);
    super::error::unraisable(th, &format!("while calling {what} {text}"));
}

fn finalize(th: &mut Thread, v: Value) -> R<()> {
    if let Some(w) = v.cast::<Weak>() {
        let callback = w.callback.get();
        // A reference of a script subclass stands beside its callback.
        if let Some(pair) = callback.cast::<crate::heap::object::Tuple>() {
            return th.call(pair.at(0), &[pair.at(1)]).map(drop);
        }
        return if callback.is_none() { Ok(()) } else { th.call(callback, &[v]).map(drop) };
    }
    match super::class::slots(th.class_of(v)).del {
        Some(del) => del(th, v),
        None => Ok(()),
    }
}
