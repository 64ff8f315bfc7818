//! The end of the process. Order: threads that are not daemons are waited for, exit functions run, finalisers run,
//! streams are flushed, the world stops for good, reports are written, `_exit`. Invariant: after the world has
//! stopped nothing of the script runs any more, whatever daemon threads were doing.

use super::thread::{R, Thread};
use super::{error, event, gil, poll, tag, threads};
use crate::heap::Value;
use crate::heap::known::{N, S};
use std::sync::OnceLock;

/// What the wiring of the program adds to the end.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Runs the functions registered with `atexit`.
    pub atexit: fn(&mut Thread),
    /// Flushes the standard streams.
    pub flush: fn(&mut Thread),
    /// Writes reports, with the world stopped and all events handed in. May change the exit code.
    pub report: fn(&mut Thread, i32) -> i32,
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// Sets the hooks; the first call wins.
pub fn set_hooks(hooks: Hooks) {
    let _ = HOOKS.set(hooks);
}

/// Ends the process in order.
pub fn finish(th: &mut Thread, code: i32) -> ! {
    if let Err(super::Raised) = join_threads(th) {
        error::unraisable(th, "on threading shutdown");
    }
    if let Some(h) = HOOKS.get() {
        (h.atexit)(th);
    }
    th.heap.finalize_all();
    poll::run_finalizers(th);
    th.raised = Value::UNBOUND;
    if let Some(h) = HOOKS.get() {
        (h.flush)(th);
    }
    stop(th, code)
}

/// `threading._shutdown()`, if the program has imported it: waits for threads that are not daemons. Those that
/// `_thread` started are not waited for.
fn join_threads(th: &mut Thread) -> R<()> {
    let Some(module) = th.dict_get_name(S::modules.v(), N::threading.v()) else { return Ok(()) };
    if let Some(shutdown) = th.getattr_opt(module, N::_shutdown.v())? {
        th.call(shutdown, &[])?;
    }
    Ok(())
}

/// Ends the process at once: no exit functions, no flushing (`os._exit`), but reports.
pub fn stop(th: &mut Thread, code: i32) -> ! {
    gil::close(th);
    th.heap.freeze_world();
    for (fd, begun) in tag::rest() {
        // SAFETY: the text lives through the call; a stream that nobody reads is not worth a report here.
        unsafe { libc::write(fd, begun.as_ptr().cast(), begun.len()) };
    }
    threads::each(event::hand_in);
    let code = match HOOKS.get() {
        Some(h) => (h.report)(th, code),
        None => code,
    };
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}
