//! Listed roots: functions that name values held outside the heap. Invariant: they are called only while the
//! world is stopped, take no lock that a stopped thread may hold, and allocate nothing in the heap.

use super::space::Mutator;
use super::value::Value;
use std::sync::{Mutex, OnceLock, PoisonError};

/// Names values by calling its argument with each.
pub type Lister = fn(&mut dyn FnMut(Value));
/// Names the words of a thread's live script registers: any bit patterns, checked before they are believed.
pub type Frames = fn(*const Mutator, &mut dyn FnMut(u64));

static LISTED: Mutex<Vec<Lister>> = Mutex::new(Vec::new());
static FRAMES: OnceLock<Frames> = OnceLock::new();

/// Adds listed roots, for good.
pub fn add(f: Lister) {
    LISTED.lock().unwrap_or_else(PoisonError::into_inner).push(f);
}

/// Sets the function that knows the script frames; the first call wins.
pub fn set_frames(f: Frames) {
    let _ = FRAMES.set(f);
}

/// Calls `f` with every value of a listed root.
pub(super) fn listed(f: &mut dyn FnMut(Value)) {
    super::known::roots(&mut *f);
    super::shape::roots(&mut *f);
    let listers = LISTED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for lister in listers {
        lister(f);
    }
}

/// Calls `f` with every live script register of a thread.
pub(super) fn frames(m: *const Mutator, f: &mut dyn FnMut(u64)) {
    if let Some(frames) = FRAMES.get() {
        frames(m, f);
    }
}
