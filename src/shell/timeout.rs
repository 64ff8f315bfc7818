//! `--timeout`: after that time all threads are listed and the program is interrupted; if it does not end by itself
//! soon, the process ends. Invariant: the exit code is 124 either way, and the list is printed once,
//! after a glance where the machine does not answer soon.

use super::TIMEOUT;
use crate::run::signal;
use crate::trace::table::time;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static PASSED: AtomicBool = AtomicBool::new(false);
/// How long an interrupted program may take to flush and end.
const GRACE: Duration = Duration::from_millis(500);
/// How often, a tenth of that apart, the clock looks whether the dump has begun.
const PATIENCE: u32 = 40;

/// Whether the time is over.
pub fn passed() -> bool {
    PASSED.load(Ordering::SeqCst)
}

/// Starts the clock.
pub fn start(limit: Duration) {
    let pid = std::process::id();
    let watch = move || {
        signal::block_all();
        std::thread::sleep(limit);
        if std::process::id() != pid {
            return;
        }
        eprintln!("minipy: stopped after {}", time(limit.as_nanos() as u64));
        PASSED.store(true, Ordering::SeqCst);
        signal::ask_dump();
        signal::trip(libc::SIGINT as u32);
        for _ in 0..PATIENCE {
            std::thread::sleep(GRACE / 10);
            if !signal::dump_waits() {
                break;
            }
        }
        std::thread::sleep(GRACE);
        // SAFETY: ends the process.
        unsafe { libc::_exit(TIMEOUT) }
    };
    if std::thread::Builder::new().name("timeout".to_string()).stack_size(64 << 10).spawn(watch).is_err() {
        eprintln!("minipy: can't start the clock of --timeout");
    }
}
