//! What happens when threads wait for each other for ever: the report, and how the run goes on. Invariant: each
//! deadlock is reported once, in the process in which it is; what is off does nothing at all.

use super::args::{OnDeadlock, Run};
use super::{DEADLOCK, bold, run};
use crate::run::door::{self, Then, Watch};
use crate::run::{Thread, event, exit, graph};
use crate::trace::{deadlock, deadlock_text};
use std::collections::HashSet;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

struct Settings {
    way: OnDeadlock,
    /// At the prompt Ctrl-C gives the next line.
    prompt: bool,
    bold: (&'static str, &'static str),
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();
/// Process and sets of threads reported.
static SEEN: Mutex<Option<(u32, HashSet<Vec<u32>>)>> = Mutex::new(None);

/// Whether the process ends because of one.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Begins to watch, unless that is off.
pub fn prepare(job: &Run, prompt: bool) {
    if job.on_deadlock == OnDeadlock::Off {
        return;
    }
    event::now();
    let bold = bold(job.color, std::io::stderr().is_terminal());
    let settings = Settings { way: job.on_deadlock, prompt, bold };
    if SETTINGS.set(settings).is_ok() {
        door::watch(Watch { look, end });
    }
}

fn sorted(threads: &[u32]) -> Vec<u32> {
    let mut key = threads.to_vec();
    key.sort_unstable();
    key
}

fn look(th: &mut Thread) -> Then {
    let Some(settings) = SETTINGS.get() else { return Then::Wait };
    if ENDING.load(Ordering::SeqCst) {
        // Not even what was printed can be flushed.
        return Then::End;
    }
    let graph = graph::take(th);
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let me = std::process::id();
    let all = match &mut *seen {
        Some((pid, all)) if *pid == me => all,
        other => &mut other.insert((me, HashSet::new())).1,
    };
    let Some(found) = deadlock::judge(&graph, &|m| all.contains(&sorted(m))) else { return Then::Wait };
    let mut warned = false;
    if let deadlock::Cause::Left(n, _) | deadlock::Cause::Ended(n, _) = found.cause {
        let left = graph.fellow(n).and_then(deadlock::wanted).map(|o| sorted(&deadlock::left(o)));
        warned = left.as_ref().is_some_and(|l| all.contains(l));
        // Without a GIL another thread may be about to judge an earlier moment: it is not to say the same again.
        all.extend(left);
        if matches!(found.cause, deadlock::Cause::Left(..)) {
            eprint!("{}", deadlock_text::text(&graph, &found, settings.bold));
            return Then::Wait;
        }
    }
    let first = match &found.cause {
        deadlock::Cause::Circle(m) => sorted(m),
        deadlock::Cause::Own(n) | deadlock::Cause::Ended(n, _) => vec![*n],
        _ => sorted(&found.threads),
    };
    if settings.way == OnDeadlock::Raise {
        let text = deadlock_text::headline(&graph, &found);
        return Then::Raise(format!("{text}\n{}", deadlock_text::body(&graph, &found).trim_end()));
    }
    let known = !all.insert(first) || warned;
    drop(seen);
    if known {
        if settings.prompt {
            return Then::Wait;
        }
        eprint!("{}", deadlock_text::rest(&graph, &found, settings.bold));
    } else {
        eprint!("{}", deadlock_text::text(&graph, &found, settings.bold));
    }
    let ends = (found.dead && !settings.prompt) || settings.way == OnDeadlock::Exit;
    if ends { Then::End } else { Then::Wait }
}

fn end(th: &mut Thread) -> ! {
    if ENDING.swap(true, Ordering::SeqCst) {
        // SAFETY: ends the process.
        unsafe { libc::_exit(DEADLOCK) }
    }
    run::flush_streams(th);
    exit::stop(th, DEADLOCK)
}
