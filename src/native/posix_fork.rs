//! The part of `posix` that forks: the functions registered to run around it, and what a fork among threads is told.
//! Invariant: in the child nothing of the script runs before the machine, `threading` and the importer know that only
//! the calling thread is left.

use super::lock;
use super::posix::failed;
use super::sys::write_stderr;
use super::thread::callable;
use super::util::{missing, put};
use crate::heap::known::{C, N, S};
use crate::heap::object::{Boxed, List, Module};
use crate::heap::{Value, list};
use crate::run::{Args, R, Raised, Thread, error, import, show, threads};

const BEFORE: &str = "_fork_before";
const PARENT: &str = "_fork_in_parent";
const CHILD: &str = "_fork_in_child";

/// Parameters and lists of the three kinds.
const KINDS: [(&str, &str); 3] = [("before", BEFORE), ("after_in_child", CHILD), ("after_in_parent", PARENT)];

/// The lists that `register_at_fork` fills.
pub(super) fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for (_, name) in KINDS {
        let all = th.list(&[])?;
        put(th, dict, name, all)?;
    }
    Ok(())
}

fn registered(th: &mut Thread, name: &str) -> R<Option<&'static List>> {
    let module = import::import_full(th, "posix")?;
    let key = th.intern(name)?;
    let found = th.dict_get_name(module.get::<Module>().dict.get(), key);
    Ok(found.and_then(|v| v.cast::<List>()))
}

/// `register_at_fork(*, before, after_in_child, after_in_parent)`.
pub(super) fn register(th: &mut Thread, a: Args) -> R {
    if (0..3).all(|i| missing(a[i])) {
        return Err(th.type_error("At least one argument is required."));
    }
    for (i, (parameter, _)) in KINDS.iter().enumerate() {
        if !missing(a[i]) && !callable(th, a[i]) {
            let text = format!("'{parameter}' must be callable, not {}", th.type_name(a[i]));
            return Err(th.type_error(text));
        }
    }
    for (i, (_, name)) in KINDS.iter().enumerate() {
        if !missing(a[i])
            && let Some(all) = registered(th, name)?
        {
            list::push(&mut th.heap, all, a[i])?;
        }
    }
    Ok(Value::NONE)
}

/// Calls what is registered in that list; an exception is told and ignored.
fn run(th: &mut Thread, name: &str, backwards: bool) -> R<()> {
    let Some(all) = registered(th, name)? else { return Ok(()) };
    let n = all.len();
    for i in 0..n {
        let Some(f) = list::get(&mut th.heap, all, if backwards { n - 1 - i } else { i }) else { continue };
        if let Err(Raised) = th.call(f, &[]) {
            let raised = std::mem::replace(&mut th.raised, Value::UNBOUND);
            let mark = th.keep(raised);
            let what = show::short_repr(th, f);
            th.raised = raised;
            th.drop_kept(mark);
            error::unraisable(th, &format!("in atfork callback {what}"));
        }
    }
    Ok(())
}

/// Forks by `f` (0 in the child, below 0 on failure) with all that belongs before and after it.
pub(super) fn around(th: &mut Thread, f: impl FnOnce(&mut Thread) -> i32) -> R<i32> {
    run(th, BEFORE, true)?;
    let held = if threads::alive() > 1 { held_by_others(th)? } else { Vec::new() };
    let pid = f(th);
    if pid != 0 {
        let e = super::util::errno();
        run(th, PARENT, false)?;
        for line in held {
            write_stderr(th, &line)?;
        }
        // SAFETY: the calling thread's own errno, which the calls above may have changed.
        unsafe { *libc::__errno_location() = e };
        return Ok(pid);
    }
    for name in ["stdin", "stdout", "stderr"] {
        if let Some(stream) = super::util::sys_attr(th, name)? {
            renew(th, stream)?;
        }
    }
    if let Some(module) = th.dict_get_name(S::modules.v(), N::threading.v()) {
        let name = th.intern("_after_fork")?;
        if let Some(after) = th.getattr_opt(module, name)? {
            th.call(after, &[])?;
        }
    }
    run(th, CHILD, false)?;
    Ok(0)
}

/// In the child: another thread may have been writing to the stream, and is not there to finish.
fn renew(th: &mut Thread, stream: Value) -> R<()> {
    let lock = stream.base().cast::<Boxed>().and_then(|b| lock::behind(th, b.y.get()));
    let Some(lock) = lock else { return Ok(()) };
    lock.reset();
    let name = th.intern("buffer")?;
    match th.getattr_opt(stream, name)? {
        Some(inner) => renew(th, inner),
        None => Ok(()),
    }
}

/// A line for each lock among the script's globals that another thread holds: in the child nobody will release it.
fn held_by_others(th: &mut Thread) -> R<Vec<String>> {
    let mut lines = Vec::new();
    let Some(main) = th.dict_get_name(S::modules.v(), N::__main__.v()) else { return Ok(lines) };
    let Some(main) = main.cast::<Module>() else { return Ok(lines) };
    let pairs = th.dict_pairs(main.dict.get())?;
    let pairs = pairs.get::<crate::heap::object::Tuple>();
    for i in 0..pairs.len() / 2 {
        let Some(l) = lock::behind(th, pairs.at(2 * i + 1)) else { continue };
        let held = l.held();
        let Some(holder) = held.by.filter(|n| *n != th.shared.number) else { continue };
        let Some(holder) = threads::shared(holder) else { continue };
        let who = holder.name.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        let m = th.str_text(pairs.at(2 * i))?;
        let file = held.file.rsplit('/').next().unwrap_or_default();
        lines.push(format!(
            "WARNING: fork while {who} holds `{m}` ({file}:{}): the child's copy of `{m}` can never be released\n",
            held.line
        ));
    }
    Ok(lines)
}

/// `fork()`.
pub(super) fn fork(th: &mut Thread, _: Args) -> R {
    let pid = around(th, threads::fork)?;
    if pid < 0 {
        return Err(failed(th, Value::UNBOUND));
    }
    if pid > 0 {
        warn(th, "fork")?;
    }
    Ok(Value::int(pid as i64))
}

/// What CPython says in the parent of a fork while other threads live.
pub(super) fn warn(th: &mut Thread, call: &str) -> R<()> {
    if threads::alive() < 2 {
        return Ok(());
    }
    let pid = std::process::id();
    let text = th.str(&format!(
        "This process (pid={pid}) is multi-threaded, use of {call}() may lead to deadlocks in the child."
    ))?;
    let warnings = import::import_full(th, "warnings")?;
    let warn = th.intern("warn")?;
    let warn = th.getattr(warnings, warn)?;
    th.call(warn, &[text, C::DeprecationWarning.v()]).map(drop)
}
