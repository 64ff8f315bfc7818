//! `--tag`: which thread wrote each line of the standard streams. Invariants: a line goes out whole, behind its
//! thread's mark, so lines of different threads never mix; what a thread has begun is kept until its line ends, or it
//! is let go at the end, before the prompt of an input, and in the child of a fork.

use super::thread::Thread;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Makes the mark of a thread from its number and name.
type Mark = fn(u32, &str) -> String;
/// Texts by descriptor and number of the thread.
type Begun = HashMap<(i32, u32), Vec<u8>>;

static ON: AtomicBool = AtomicBool::new(false);
static MARK: OnceLock<Mark> = OnceLock::new();
/// What threads have begun.
static BEGUN: Mutex<Option<Begun>> = Mutex::new(None);

/// Turns marks on.
pub fn begin(mark: Mark) {
    if MARK.set(mark).is_ok() {
        ON.store(true, Relaxed);
    }
}

/// Whether lines are marked.
#[inline]
pub fn on() -> bool {
    ON.load(Relaxed)
}

fn mark(th: &Thread) -> String {
    let name = th.shared.name.lock().unwrap_or_else(PoisonError::into_inner);
    MARK.get().map_or(String::new(), |m| m(th.shared.number, &name))
}

/// What is to be written to the descriptor when the thread writes `text`: its lines that are complete.
pub fn lines(th: &Thread, fd: i32, text: &[u8]) -> Vec<u8> {
    let mut all = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    let begun = all.get_or_insert_default().entry((fd, th.shared.number)).or_default();
    begun.extend_from_slice(text);
    let Some(end) = begun.iter().rposition(|b| *b == b'\n') else { return Vec::new() };
    let rest = begun.split_off(end + 1);
    let complete = std::mem::replace(begun, rest);
    let mark = mark(th);
    let mut out = Vec::with_capacity(complete.len() + 64);
    for line in complete.split_inclusive(|b| *b == b'\n') {
        out.extend_from_slice(mark.as_bytes());
        out.extend_from_slice(line);
    }
    out
}

/// What the thread has begun, behind its mark and without an end: a prompt is to be seen.
pub fn prompt(th: &Thread, fd: i32) -> Vec<u8> {
    let mut all = BEGUN.lock().unwrap_or_else(PoisonError::into_inner);
    match all.get_or_insert_default().remove(&(fd, th.shared.number)) {
        Some(begun) if !begun.is_empty() => [mark(th).as_bytes(), &begun].concat(),
        _ => Vec::new(),
    }
}

/// All that is begun and not ended, each with its mark and an end, in the order of threads: by descriptor.
pub fn rest() -> Vec<(i32, Vec<u8>)> {
    let mut all: Vec<_> =
        BEGUN.lock().unwrap_or_else(PoisonError::into_inner).take().into_iter().flatten().collect();
    all.retain(|(_, begun)| !begun.is_empty());
    all.sort();
    let ended = super::threads::ended();
    let name = |number: u32| match super::threads::shared(number) {
        Some(s) => s.name.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        None => ended.iter().find(|e| e.0 == number).map_or(String::new(), |e| e.1.clone()),
    };
    let one = |((fd, number), begun): ((i32, u32), Vec<u8>)| {
        let mark = MARK.get().map_or(String::new(), |m| m(number, &name(number)));
        (fd, [mark.as_bytes(), &begun, b"\n"].concat())
    };
    all.into_iter().map(one).collect()
}

/// In the child of a fork: what others have begun is written by the parent.
pub(super) fn after_fork() {
    std::mem::forget(BEGUN.lock().unwrap_or_else(PoisonError::into_inner).take());
}
