//! Threads and the stopped world. Invariant: while one thread stops the world every other attached thread is
//! parked, or blocked without touching the heap, with its registers spilled and its stack pointer noted.
//!
//! A thread's `state` is RUNNING or STOPPED by its own doing; the stopper turns STOPPED into HELD and back. A
//! thread that wants to run again changes STOPPED into RUNNING, and waits while it is HELD. A thread that stops
//! looks at its pending word afterwards, and the stopper sets pending words before it looks at states, so one of
//! them sees the other (both sequentially consistent).

use super::space::{Mutator, state};
use super::spill::{Registers, spill, stack_top};
use std::sync::atomic::{
    AtomicU32,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bit of the pending word: the world is to stop.
pub const COLLECT: u32 = 1;
/// Bit of the pending word: finalisers or callbacks of weak references are due.
pub const FINALIZE: u32 = 1 << 5;

const RUNNING: u32 = 0;
pub(super) const STOPPED: u32 = 1;
const HELD: u32 = 2;

/// The attached threads.
struct World {
    threads: Vec<*mut Mutator>,
    /// The thread that stops the world, or null.
    stopper: *mut Mutator,
    /// What new threads get as `Mutator::shared`.
    shared: bool,
    /// Pending words without a thread.
    spare: Vec<*const AtomicU32>,
}
// SAFETY: the pointers are followed only under the protocol above.
unsafe impl Send for World {}

static WORLD: Mutex<World> = Mutex::new(World {
    threads: Vec::new(),
    stopper: std::ptr::null_mut(),
    shared: false,
    spare: Vec::new(),
});
/// A thread has stopped or gone.
static PARKED: Condvar = Condvar::new();
/// The world runs again.
static RESUMED: Condvar = Condvar::new();

fn world() -> MutexGuard<'static, World> {
    WORLD.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait(on: &Condvar, w: MutexGuard<'static, World>) -> MutexGuard<'static, World> {
    on.wait(w).unwrap_or_else(PoisonError::into_inner)
}

/// A pending word on a cache line of its own.
#[repr(align(64))]
struct Line(AtomicU32);

/// A zeroed pending word. Its memory is never returned to the system: whoever still holds its address when its
/// thread is gone causes at most a needless poll.
pub(super) fn pending_word() -> *const AtomicU32 {
    match world().spare.pop() {
        Some(word) => {
            // SAFETY: words are leaked.
            unsafe { (*word).store(0, SeqCst) };
            word
        }
        None => &Box::leak(Box::new(Line(AtomicU32::new(0)))).0,
    }
}

impl Drop for Mutator {
    fn drop(&mut self) {
        let me: *mut Mutator = self;
        let mut w = world();
        debug_assert!(!w.threads.contains(&me), "an attached thread's record is dropped");
        w.spare.push(self.pending);
    }
}

/// Aborts the process when dropped by unwinding: nothing can be relied on after a panic in a stopped world.
pub(super) struct NoPanic;

impl Drop for NoPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("panic while the world was stopped");
            std::process::abort();
        }
    }
}

/// Makes a blocked thread run again when dropped, also by unwinding.
struct Back<'a>(&'a mut Mutator);

impl Drop for Back<'_> {
    fn drop(&mut self) {
        self.0.come_back();
    }
}

impl Mutator {
    /// This thread's pending word.
    #[inline(always)]
    pub fn pending(&self) -> &AtomicU32 {
        // SAFETY: pending words are leaked.
        unsafe { &*self.pending }
    }

    /// Makes the running thread, whose record this is, one that may use the heap. Waits for a stopped world.
    pub fn attach(&mut self) {
        self.top = stack_top();
        let mut w = world();
        while !w.stopper.is_null() {
            w = wait(&RESUMED, w);
        }
        let me: *mut Mutator = self;
        debug_assert!(!w.threads.contains(&me), "attached twice");
        self.shared = w.shared;
        self.state.store(RUNNING, SeqCst);
        w.threads.push(me);
    }

    /// Ends this thread's use of the heap.
    pub fn detach(&mut self) {
        self.tell_finalizable();
        let due = !state().ready.is_empty();
        let me: *mut Mutator = self;
        self.drop_runs();
        let mut w = world();
        w.threads.retain(|t| *t != me);
        self.state.store(STOPPED, SeqCst);
        if due && let Some(&heir) = w.threads.first() {
            // SAFETY: an attached thread's record is valid and its pending word shared.
            unsafe { (*heir).pending().fetch_or(FINALIZE, SeqCst) };
        }
        PARKED.notify_all();
    }

    /// Parks if the world is to stop: a collector stop (LAW 8).
    #[inline(always)]
    pub fn poll(&mut self) {
        if self.pending().load(Relaxed) & COLLECT != 0 {
            self.park();
        }
    }

    /// Parks this thread while the world is stopped. What `run` calls when it finds the COLLECT bit.
    #[cold]
    #[inline(never)]
    pub fn park(&mut self) {
        debug_assert!(self.held == 0, "a collector stop under an object lock");
        let me: *mut Mutator = self;
        if world().stopper == me {
            return;
        }
        let mut regs = Registers::new();
        // SAFETY: the buffer lives in this frame until the thread runs again.
        self.sp = unsafe { spill(&mut regs) };
        let mut w = world();
        self.state.store(STOPPED, SeqCst);
        PARKED.notify_all();
        while !w.stopper.is_null() {
            w = wait(&RESUMED, w);
        }
        self.pending().fetch_and(!COLLECT, SeqCst);
        self.state.store(RUNNING, SeqCst);
        drop(w);
        regs.keep();
    }

    /// Runs `f`, which may block and must not touch the heap, as a stopped thread. What `f` needs of the heap,
    /// the caller keeps in a local across the call.
    #[inline(always)]
    pub fn blocking<R>(&mut self, f: impl FnOnce() -> R) -> R {
        debug_assert!(self.held == 0, "blocking under an object lock");
        let mut regs = Registers::new();
        // SAFETY: the buffer lives in this frame, or the one it is inlined into, until the thread runs again.
        self.sp = unsafe { spill(&mut regs) };
        self.go_away();
        let back = Back(self);
        let r = f();
        drop(back);
        regs.keep();
        r
    }

    #[inline(never)]
    fn go_away(&mut self) {
        self.state.store(STOPPED, SeqCst);
        if self.pending().load(SeqCst) & COLLECT != 0 {
            drop(world());
            PARKED.notify_all();
        }
    }

    #[inline(never)]
    fn come_back(&mut self) {
        while self.state.compare_exchange(STOPPED, RUNNING, SeqCst, SeqCst).is_err() {
            let mut w = world();
            while self.state.load(SeqCst) == HELD {
                w = wait(&RESUMED, w);
            }
        }
    }

    /// Stops the other threads; gives whether this thread had done so already. If another thread stops the
    /// world, parks until that is over and gives nothing.
    pub(super) fn begin_stop(&mut self) -> Option<bool> {
        let me: *mut Mutator = self;
        let mut w = world();
        if w.stopper == me {
            return Some(true);
        }
        if !w.stopper.is_null() {
            drop(w);
            self.park();
            return None;
        }
        w.stopper = me;
        // SAFETY: records of attached threads are valid while the list is locked; states are atomic.
        unsafe {
            for &t in w.threads.iter().filter(|t| **t != me) {
                (*t).pending().fetch_or(COLLECT, SeqCst);
            }
            loop {
                let held = |t: &*mut Mutator| {
                    *t == me
                        || match (**t).state.compare_exchange(STOPPED, HELD, SeqCst, SeqCst) {
                            Ok(_) => true,
                            Err(state) => state == HELD,
                        }
                };
                // Every thread is tried, so that those that block now stay blocked.
                if w.threads.iter().filter(|t| !held(t)).count() == 0 {
                    return Some(false);
                }
                w = wait(&PARKED, w);
            }
        }
    }

    /// Lets the other threads run again.
    pub(super) fn end_stop(&mut self) {
        let w = world();
        self.resume(w);
    }

    fn resume(&mut self, mut w: MutexGuard<'static, World>) {
        for &t in &w.threads {
            // SAFETY: as in `begin_stop`.
            unsafe {
                (*t).pending().fetch_and(!COLLECT, SeqCst);
                let _ = (*t).state.compare_exchange(HELD, STOPPED, SeqCst, SeqCst);
            }
        }
        w.stopper = std::ptr::null_mut();
        RESUMED.notify_all();
    }

    /// Runs `f` with the others stopped; `f` is told whether they were before.
    #[inline(always)]
    fn stopped<R>(&mut self, f: impl FnOnce(&mut Mutator) -> R) -> R {
        let nested = loop {
            if let Some(nested) = self.begin_stop() {
                break nested;
            }
        };
        let mut regs = Registers::new();
        // SAFETY: the buffer lives in this frame, or the one it is inlined into, while the world is stopped.
        self.sp = unsafe { spill(&mut regs) };
        let bomb = NoPanic;
        let r = f(self);
        drop(bomb);
        if !nested {
            self.end_stop();
        }
        regs.keep();
        r
    }

    /// Runs `f` while all other threads are stopped. `f` may allocate.
    #[inline(never)]
    pub fn stop_world<R>(&mut self, f: impl FnOnce() -> R) -> R {
        self.stopped(|_| f())
    }

    /// Stops the other threads for good: those that run park at their next poll, those that block park when
    /// they return. This thread goes on alone, to exit.
    pub fn freeze_world(&mut self) {
        while self.begin_stop().is_none() {}
    }

    /// Sets `shared` for all threads and those to come.
    pub fn set_shared(&mut self, on: bool) {
        self.stop_world(|| {
            let mut w = world();
            w.shared = on;
            for &t in &w.threads {
                // SAFETY: the world is stopped and this thread is the only one that runs.
                unsafe { (*t).shared = on };
            }
        });
    }

    /// Number of attached threads.
    pub fn threads(&self) -> usize {
        world().threads.len()
    }

    /// Forks. Stops the world, calls `before` (which takes the caller's own locks), forks, calls `after` with
    /// what `before` gave and the process id (0 in the child, -1 with `errno` set on failure), and lets the
    /// world run again. In the child only this thread is left: the other threads' runs of cells fall back to
    /// the heap, nobody waits for an object lock, and pending bits are clear.
    #[inline(never)]
    pub fn fork<T>(&mut self, before: impl FnOnce() -> T, after: impl FnOnce(T, i32)) -> i32 {
        self.stopped(|m| {
            let kept = before();
            super::weak::gather(&mut state());
            let mut w = world();
            let s = state();
            let me: *mut Mutator = m;
            // SAFETY: all other attached threads are stopped and hold none of the heap's locks; the two that
            // threads outside the heap may take are held by this one.
            let pid = unsafe { libc::fork() };
            if pid == 0 {
                w.threads.retain(|t| *t == me);
                w.shared = false;
                m.shared = false;
                m.pending().fetch_and(FINALIZE, SeqCst);
                super::lock::forget_waiters();
            }
            drop(s);
            drop(w);
            after(kept, pid);
            pid
        })
    }
}

/// Calls `f` with every attached thread. Only in a stopped world.
pub(super) fn each_thread(mut f: impl FnMut(*mut Mutator)) {
    let threads = world().threads.clone();
    for t in threads {
        f(t);
    }
}
