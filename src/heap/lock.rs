//! The object's one-byte lock (LAW 10). Invariant: while threads wait for an object, its byte is 3 or one of
//! them is on its way to make it 3; who waits is parked as a stopped thread.

use super::cell::Header;
use super::space::Mutator;
use crossbeam::sync::{Parker, Unparker};
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::sync::{Mutex, MutexGuard, PoisonError};

const FREE: u8 = 0;
const HELD: u8 = 1;
const AWAITED: u8 = 3;
/// Looks at the byte before parking.
const SPINS: u32 = 60;
const BUCKETS: usize = 64;

struct Waiter {
    /// Address of the header.
    object: usize,
    /// Address of the waiter's flag, on its stack until the flag is set.
    woken: usize,
    unparker: Unparker,
}

static WAITERS: [Mutex<Vec<Waiter>>; BUCKETS] = [const { Mutex::new(Vec::new()) }; BUCKETS];

fn bucket(object: usize) -> MutexGuard<'static, Vec<Waiter>> {
    WAITERS[(object >> 4) % BUCKETS].lock().unwrap_or_else(PoisonError::into_inner)
}

/// After a fork, in the child: the waiting threads do not exist here.
pub(super) fn forget_waiters() {
    for b in &WAITERS {
        std::mem::forget(std::mem::take(&mut *b.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

impl Mutator {
    /// Locks an object, if threads run in parallel. May park as a stopped thread.
    #[inline(always)]
    pub fn lock(&mut self, h: &Header) {
        if self.shared && h.lock.compare_exchange(FREE, HELD, Acquire, Relaxed).is_err() {
            self.lock_slowly(h);
        }
        if cfg!(debug_assertions) {
            assert!(self.held == 0, "a second object lock");
            self.held = 1;
        }
    }

    /// Unlocks it.
    #[inline(always)]
    pub fn unlock(&mut self, h: &Header) {
        if cfg!(debug_assertions) {
            assert!(self.held == 1, "no object lock is held");
            self.held = 0;
        }
        if self.shared && h.lock.swap(FREE, Release) == AWAITED {
            wake_one(h);
        }
    }

    /// Unlocks an object that a handler locked in place, uncounted, and that others wait for by now.
    #[cold]
    #[inline(never)]
    pub fn unlock_awaited(h: &Header) {
        if h.lock.swap(FREE, Release) == AWAITED {
            wake_one(h);
        }
    }

    #[cold]
    #[inline(never)]
    fn lock_slowly(&mut self, h: &Header) {
        debug_assert!(self.held == 0, "a second object lock");
        for _ in 0..SPINS {
            std::hint::spin_loop();
            if h.lock.load(Relaxed) == FREE && h.lock.compare_exchange(FREE, HELD, Acquire, Relaxed).is_ok() {
                return;
            }
        }
        let object = h as *const Header as usize;
        let parker = Parker::new();
        loop {
            let woken = AtomicBool::new(false);
            let mut waiters = bucket(object);
            if h.lock.swap(AWAITED, Acquire) == FREE {
                return;
            }
            let unparker = parker.unparker().clone();
            waiters.push(Waiter { object, woken: &raw const woken as usize, unparker });
            drop(waiters);
            self.blocking(|| {
                while !woken.load(Acquire) {
                    parker.park();
                }
            });
            // The last other thread may have ended meanwhile: locks are neither taken nor given back any more.
            if !self.shared {
                return;
            }
        }
    }
}

#[cold]
#[inline(never)]
fn wake_one(h: &Header) {
    let object = h as *const Header as usize;
    let mut waiters = bucket(object);
    if let Some(i) = waiters.iter().position(|w| w.object == object) {
        let w = waiters.remove(i);
        // SAFETY: the flag lives until it is set.
        unsafe { (*(w.woken as *const AtomicBool)).store(true, Release) };
        drop(waiters);
        w.unparker.unpark();
    }
}
