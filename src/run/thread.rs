//! The thread record: the truth about one script thread (LAW 9). Invariant: only its own OS thread touches it,
//! except while the world is stopped; what others may touch stands in [`Shared`].

use super::dispatch::Handler;
use crate::heap::{Full, Mutator, Value};
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicPtr, AtomicU8, AtomicU32, AtomicU64, Ordering};

/// An exception is under way: it stands in [`Thread::raised`] (unbound there means MemoryError).
#[derive(Clone, Copy, Debug)]
pub struct Raised;

impl From<Full> for Raised {
    fn from(_: Full) -> Raised {
        Raised
    }
}

/// What natives and slots return.
pub type R<T = Value> = Result<T, Raised>;

/// Bits of the pending word.
pub mod pending {
    /// Park for the collector or another stop of the world (a collector stop).
    pub const COLLECT: u32 = crate::heap::stop::COLLECT;
    /// Another thread asks for the GIL.
    pub const GIL: u32 = 2;
    /// Signals are waiting (main thread).
    pub const SIGNAL: u32 = 4;
    /// An asynchronous exception is waiting.
    pub const ASYNC: u32 = 8;
    /// Files of this thread are to be flushed.
    pub const FLUSH: u32 = 16;
    /// Finalisers or weak reference callbacks are ready.
    pub const FINALIZE: u32 = crate::heap::stop::FINALIZE;
    /// The handler table in the record has changed.
    pub const TABLE: u32 = 64;
    /// The process ends: park for ever.
    pub const EXIT: u32 = 128;
}

/// What a thread is doing, as others may see it. Times in reports tile a thread's life by these.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum State {
    /// Running script or native code.
    Run,
    /// Waiting for the GIL.
    Gil,
    /// Waiting for a lock, condition, event, semaphore, barrier or queue.
    Lock,
    /// Sleeping.
    Sleep,
    /// Waiting for a descriptor or a process.
    Io,
    /// Waiting for a thread to end.
    Join,
    /// Ended.
    Ended,
}

/// The part of a thread that others may touch.
pub struct Shared {
    /// Pending word, which the heap owns and never returns; see [`pending`].
    pub pending: &'static AtomicU32,
    /// A [`State`].
    pub state: AtomicU8,
    /// Number of this script thread in order of creation, from 0 (main).
    pub number: u32,
    /// `threading.get_ident()`.
    pub ident: u64,
    /// Kernel thread id, 0 until it runs.
    pub native_id: AtomicU64,
    /// Source line last stated at the door, for reports.
    pub line: AtomicU32,
    /// Name as reports show it.
    pub name: std::sync::Mutex<String>,
    /// What the door keeps about this thread.
    pub door: super::door::Seat,
}

impl Shared {
    /// Sets pending bits.
    pub fn ask(&self, bits: u32) {
        self.pending.fetch_or(bits, Ordering::SeqCst);
    }

    /// Clears pending bits.
    pub fn clear(&self, bits: u32) {
        self.pending.fetch_and(!bits, Ordering::SeqCst);
    }

    /// The state.
    pub fn state(&self) -> State {
        // SAFETY: only `State` discriminants are stored.
        unsafe { std::mem::transmute(self.state.load(Ordering::Acquire)) }
    }
}

/// One script thread.
#[repr(C)]
pub struct Thread {
    /// Allocation state; first, so that a `*const Mutator` is a `*const Thread`.
    pub heap: Mutator,
    /// The pending word (in `shared`).
    pub pending: *const AtomicU32,
    /// The instruction in progress, stored before any helper that may raise, allocate or run user code.
    pub pc: *const u64,
    /// The current window.
    pub base: *mut Value,
    /// Where `call::enter`, `generator::prepare` and `unwind::find` say to go on: results in memory of a handler's
    /// own would keep it from its sibling call.
    pub next_pc: *const u64,
    /// The window that goes with it.
    pub next_base: *mut Value,
    /// First free word above the arguments of the native in progress, or null: above the current window.
    pub top: *mut Value,
    /// Windows must end below this; crossing it counts the depth (`call::deeper`).
    pub soft_limit: *mut Value,
    /// Handlers of the current mode.
    pub table: *const Handler,
    /// Instructions left before the count runs out (counted tables).
    pub left: u64,
    /// What `left` was set to.
    pub quantum: u64,
    /// The exception under way, or unbound.
    pub raised: Value,
    /// The exception being handled, or None.
    pub handled: Value,
    /// Result of `__exit__`-like natives and generator runs: whether the last generator run yielded.
    pub yielded: bool,
    /// Lowest word of the value stack.
    pub stack: *mut Value,
    /// End of the value stack.
    pub stack_end: *mut Value,
    /// Native stack pointer below which natives raise RecursionError.
    pub native_limit: usize,
    /// Instructions run in finished quanta.
    pub ran: u64,
    /// Sequence of identity hashes.
    pub next_hash: u64,
    /// Shared part.
    pub shared: Arc<Shared>,
    /// The `threading` handle of this thread, thread-local dicts, the pending asynchronous exception: listed roots.
    pub handle: Value,
    /// Dict of `_thread._local` instances' dicts (id of local to dict), or unbound.
    pub locals: Value,
    /// The context (`_contextvars.Context`) in which the thread runs, or unbound while it has none.
    pub context: Value,
    /// The context of `decimal` that goes with it, or unbound: it has to be looked up.
    pub decimal: Value,
    /// Asynchronous exception to raise, or unbound.
    pub async_exc: Value,
    /// What `sys.set_asyncgen_hooks` set: called with an async generator at its first use, or None.
    pub asyncgen_first: Value,
    /// Called with an async generator that nothing refers to, or None.
    pub asyncgen_last: Value,
    /// What `sys.settrace` and `sys.setprofile` were given and the frame objects of the running frames: see `traced`.
    pub traced: Value,
    /// The rest of it, while the thread is watched.
    pub tracing: Option<Box<super::traced::Tracing>>,
    /// Values that a native keeps while it runs (see [`Thread::keep`]).
    pub kept: Vec<Value>,
    /// Objects whose `repr` is in progress.
    pub repr_guard: Vec<Value>,
    /// Nesting of `repr`.
    pub depth: u32,
    /// Why the thread gives up the GIL next (a `event::Reason`), noted for reports.
    pub reason: u8,
    /// An exception that nobody caught has ended it.
    pub failed: bool,
    /// The native in progress, or null: for reports. Others may look at it.
    pub native: AtomicPtr<super::native::Def>,
    /// What the recorder keeps for this thread.
    pub log: Option<Box<super::event::Log>>,
    /// The instruction in progress, as observed.
    pub open: Option<super::observe::Open>,
    /// The call of the script that went into another frame last, as observed.
    pub entered: Option<super::observe::Open>,
}

impl Deref for Thread {
    type Target = Mutator;
    #[inline(always)]
    fn deref(&self) -> &Mutator {
        &self.heap
    }
}

impl DerefMut for Thread {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut Mutator {
        &mut self.heap
    }
}

impl AsMut<Mutator> for Thread {
    #[inline(always)]
    fn as_mut(&mut self) -> &mut Mutator {
        &mut self.heap
    }
}

impl Thread {
    /// Says where the machine goes on.
    #[inline(always)]
    pub fn go_on(&mut self, pc: *const u64, base: *mut Value) {
        self.next_pc = pc;
        self.next_base = base;
    }

    /// First free word of the value stack: where natives put windows.
    #[inline]
    pub fn free(&self) -> *mut Value {
        if !self.top.is_null() {
            return self.top;
        }
        if self.base.is_null() {
            return self.stack;
        }
        super::frame::window_end(self.base)
    }

    /// Keeps `v` alive until [`Thread::drop_kept`] with the returned mark: for Rust structures that outlive a local.
    pub fn keep(&mut self, v: Value) -> usize {
        self.kept.push(v);
        self.kept.len() - 1
    }

    /// Forgets what was kept from `mark` on.
    pub fn drop_kept(&mut self, mark: usize) {
        self.kept.truncate(mark);
    }

    /// A fresh identity hash.
    #[inline]
    pub fn identity_hash(&mut self) -> i64 {
        self.next_hash += 1;
        // Threads draw from disjoint sequences; the multiplier spreads them over the tables.
        let n = (self.shared.number as u64) << 40 | self.next_hash;
        (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 4) as i64 & ((1 << 60) - 1)
    }

    /// Whether the native stack is too short to recurse further.
    #[inline]
    pub fn native_full(&self) -> bool {
        let here = 0u8;
        (&raw const here as usize) < self.native_limit
    }
}
