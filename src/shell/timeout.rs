//! `--timeout`: after that time all threads are listed and the program is interrupted; if it does not end by itself
//! soon, the process ends. Invariant: the exit code is 124 either way, and the list is printed once.

use super::TIMEOUT;
use crate::code::data::flag;
use crate::heap::Value;
use crate::heap::object::{Exception, Function, Traceback};
use crate::run::thread::{State, Thread};
use crate::run::{frame, signal, threads};
use crate::trace::table::{left, letter, time};
use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static PASSED: AtomicBool = AtomicBool::new(false);
/// What the threads were doing when the time was over, until it is printed.
static DOING: Mutex<Option<Vec<Doing>>> = Mutex::new(None);
/// How long an interrupted program may take to flush and end.
const GRACE: Duration = Duration::from_millis(500);

/// One thread when the time was over.
struct Doing {
    number: u32,
    name: String,
    state: State,
    line: u32,
}

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
        *doing() = Some(threads());
        PASSED.store(true, Ordering::SeqCst);
        signal::trip(libc::SIGINT as u32);
        std::thread::sleep(GRACE);
        say(&HashMap::new());
        // SAFETY: ends the process.
        unsafe { libc::_exit(TIMEOUT) }
    };
    if std::thread::Builder::new().name("timeout".to_string()).stack_size(64 << 10).spawn(watch).is_err() {
        eprintln!("minipy: can't start the clock of --timeout");
    }
}

fn doing() -> std::sync::MutexGuard<'static, Option<Vec<Doing>>> {
    DOING.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn threads() -> Vec<Doing> {
    let one = |s: &std::sync::Arc<crate::run::thread::Shared>| Doing {
        number: s.number,
        name: s.name.lock().map_or_else(|e| e.into_inner().clone(), |n| n.clone()),
        state: s.state(),
        line: s.line.load(Ordering::Relaxed),
    };
    threads::all().iter().map(one).filter(|d| d.state != State::Ended).collect()
}

/// Lists the threads with the lines at which those that run are: the world stands still for a moment for that. The
/// main thread was interrupted by `exc`.
pub fn list(th: &mut Thread, exc: Value) {
    let mut lines = HashMap::new();
    th.heap.stop_world(|| {
        threads::each(|t| {
            lines.insert(t.shared.number, frame::script_line(t));
        });
    });
    lines.insert(th.shared.number, raised_at(exc));
    say(&lines);
}

/// The line of the script at which an exception came up, or 0.
fn raised_at(exc: Value) -> u32 {
    let mut line = 0;
    let mut at = exc.cast::<Exception>().map_or(Value::NONE, |e| e.traceback.get());
    while let Some(t) = at.cast::<Traceback>() {
        if t.func.get().cast::<Function>().is_some_and(|f| frame::code_of(f).flags & flag::LIBRARY == 0) {
            line = t.line.get().as_int() as u32;
        }
        at = t.next.get();
    }
    line
}

/// Prints what every thread was doing, once.
fn say(running: &HashMap<u32, u32>) {
    for d in doing().take().into_iter().flatten() {
        let (does, waits) = match d.state {
            State::Run | State::Ended => ("runs", false),
            State::Gil => ("waits for the GIL", false),
            State::Lock => ("waits for a lock, queue or event", true),
            State::Sleep => ("sleeps", true),
            State::Io => ("waits for input, output or a process", true),
            State::Join => ("waits for a thread to end", true),
        };
        let line = if waits { d.line } else { running.get(&d.number).copied().unwrap_or(0) };
        let at = if line > 0 { format!(" at line {line}") } else { String::new() };
        let who = format!("{} {}", letter(d.number as usize), d.name);
        eprintln!("  {}  {does}{at}", left(&who, 26).trim_end());
    }
}
