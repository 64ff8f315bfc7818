//! `--timeout`: after that time all threads are listed and the program is interrupted; if it does not end by itself
//! soon, the process ends. Invariant: the exit code is 124 either way.

use super::TIMEOUT;
use crate::run::thread::State;
use crate::run::{signal, threads};
use crate::trace::table::{left, letter, time};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static PASSED: AtomicBool = AtomicBool::new(false);
/// How long an interrupted program may take to flush and end.
const GRACE: Duration = Duration::from_millis(500);

/// Whether the time is over.
pub fn passed() -> bool {
    PASSED.load(Ordering::SeqCst)
}

/// Starts the clock.
pub fn start(limit: Duration) {
    let pid = std::process::id();
    let watch = move || {
        std::thread::sleep(limit);
        if std::process::id() != pid {
            return;
        }
        PASSED.store(true, Ordering::SeqCst);
        eprint!("{}", list(limit));
        signal::trip(libc::SIGINT as u32);
        std::thread::sleep(GRACE);
        // SAFETY: ends the process.
        unsafe { libc::_exit(TIMEOUT) }
    };
    if std::thread::Builder::new().name("timeout".to_string()).stack_size(64 << 10).spawn(watch).is_err() {
        eprintln!("minipy: can't start the clock of --timeout");
    }
}

/// What every thread is doing.
fn list(limit: Duration) -> String {
    let mut out = format!("minipy: stopped after {}\n", time(limit.as_nanos() as u64));
    for s in threads::all() {
        let name = s.name.lock().map_or_else(|e| e.into_inner().clone(), |n| n.clone());
        let doing = match s.state() {
            State::Run => "runs",
            State::Gil => "waits for the GIL",
            State::Lock => "waits for a lock, queue or event",
            State::Sleep => "sleeps",
            State::Io => "waits for input, output or a process",
            State::Join => "waits for a thread to end",
            State::Ended => continue,
        };
        let line = s.line.load(Ordering::Relaxed);
        let at = match s.state() {
            State::Run | State::Gil => String::new(),
            _ if line == 0 => String::new(),
            _ => format!(" at line {line}"),
        };
        out.push_str(&format!(
            "  {}  {doing}{at}\n",
            left(&format!("{} {name}", letter(s.number as usize)), 26).trim_end()
        ));
    }
    out
}
