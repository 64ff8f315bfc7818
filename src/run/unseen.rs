//! Exceptions of calls whose result nobody has asked for yet: futures, tasks of pools, spawned threads. Invariant:
//! texts only; who notes one takes it back when the exception is handed on.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

static NOTED: Mutex<(u64, BTreeMap<u64, String>)> = Mutex::new((0, BTreeMap::new()));
/// Kept at most: the last ones.
const MOST: usize = 1000;

/// Notes an exception that somebody should ask for; gives the ticket by which it is taken back.
pub fn note(text: String) -> u64 {
    let mut all = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    all.0 += 1;
    let ticket = all.0;
    all.1.insert(ticket, text);
    if all.1.len() > MOST {
        all.1.pop_first();
    }
    ticket
}

/// Somebody has seen it.
pub fn seen(ticket: u64) {
    NOTED.lock().unwrap_or_else(PoisonError::into_inner).1.remove(&ticket);
}

/// Those that nobody has seen.
pub fn all() -> Vec<String> {
    NOTED.lock().unwrap_or_else(PoisonError::into_inner).1.values().cloned().collect()
}
