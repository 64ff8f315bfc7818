//! Processes that this one has started, for reports: when each came and went, and what crossed to it. Invariant: a
//! fork states the start, a wait the end; the library adds what only it knows by `add`. Numbers only, no heap.

use super::event;
use super::frame;
use super::thread::Thread;
use std::sync::{Mutex, PoisonError};

/// One process.
#[derive(Clone, Debug, Default)]
pub struct Proc {
    /// Process id.
    pub pid: i32,
    /// Its name, if the library told.
    pub name: String,
    /// Number of the thread that started it.
    pub by: u32,
    /// Line at which it was started.
    pub line: u32,
    /// When, in nanoseconds since the program began.
    pub started: u64,
    /// How long the start kept its thread.
    pub cost: u64,
    /// When its end was noticed.
    pub ended: Option<u64>,
    /// Exit code, negative: a signal.
    pub code: Option<i32>,
    /// Calls that it was given.
    pub tasks: u64,
    /// Bytes pickled for it.
    pub sent: u64,
    /// Bytes pickled by it for us.
    pub received: u64,
}

static ALL: Mutex<Vec<Proc>> = Mutex::new(Vec::new());
/// Kept at most: the first ones.
const MOST: usize = 4096;

fn with(pid: i32, f: impl FnOnce(&mut Proc)) {
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    // Numbers are used again: the last one is meant.
    if let Some(p) = all.iter_mut().rev().find(|p| p.pid == pid) {
        f(p);
    }
}

/// A process was started.
pub fn started(th: &mut Thread, pid: i32) {
    let p = Proc {
        pid,
        by: th.shared.number,
        line: frame::script_line(th),
        started: event::now(),
        ..Proc::default()
    };
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() < MOST {
        all.push(p);
    }
}

/// Its end was noticed, with a status as `waitpid` gives it.
pub fn ended(pid: i32, status: i32) {
    let code = if libc::WIFSIGNALED(status) { -libc::WTERMSIG(status) } else { libc::WEXITSTATUS(status) };
    if !libc::WIFEXITED(status) && !libc::WIFSIGNALED(status) {
        return;
    }
    let now = event::now();
    with(pid, |p| (p.ended, p.code) = (Some(now), Some(code)));
}

/// Notes the ends that nobody has asked for, without taking them from who may still ask.
pub fn look() {
    let open: Vec<i32> = all().iter().filter(|p| p.ended.is_none()).map(|p| p.pid).collect();
    for pid in open {
        // SAFETY: plain data, filled by the system; the child stays to be waited for.
        let info = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let how = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
            let got = libc::waitid(libc::P_PID, pid as libc::id_t, &mut info, how) == 0;
            (got && info.si_pid() == pid).then(|| (info.si_code, info.si_status()))
        };
        let Some((how, status)) = info else { continue };
        let now = event::now();
        let code = if how == libc::CLD_EXITED { status } else { -status };
        with(pid, |p| (p.ended, p.code) = (Some(now), Some(code)));
    }
}

/// What only the library knows of a process.
pub enum Fact {
    /// Its name, and how many nanoseconds its start took.
    Named(String, u64),
    /// It was given so many calls.
    Tasks(u64),
    /// So many bytes were pickled for it.
    Sent(u64),
    /// So many came from it.
    Received(u64),
}

/// Adds a fact.
pub fn add(pid: i32, fact: Fact) {
    with(pid, |p| match fact {
        Fact::Named(name, cost) => (p.name, p.cost) = (name, cost),
        Fact::Tasks(n) => p.tasks += n,
        Fact::Sent(n) => p.sent += n,
        Fact::Received(n) => p.received += n,
    });
}

/// All that were started, in order.
pub fn all() -> Vec<Proc> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// In the child of a fork: its parent's processes are not its own.
pub(super) fn forget() {
    std::mem::forget(std::mem::take(&mut *ALL.lock().unwrap_or_else(PoisonError::into_inner)));
}
