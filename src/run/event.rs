//! The whole vocabulary between the machine and its observers: what happened at the door, to the GIL, to locks,
//! threads and the collector. Invariant: the machine states events and knows no observer; when nobody listens an
//! event costs one static check.

pub use super::door::word;
pub use super::graph::{Fellow, For, Graph, Inventory, Known, Lost, Owned, Place, Queue, Wait};
pub use super::procs::Proc;
pub use super::seen;
pub use super::thread::State;
use super::thread::Thread;
use super::{gil, threads};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

/// Why a thread gave up the GIL.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Reason {
    /// The instruction count ran out.
    Limit,
    /// Another thread asked and the interval was over.
    Request,
    /// The thread was about to block.
    #[default]
    Blocking,
    /// `time.sleep(0)`.
    Yield,
    /// The thread ended.
    End,
}

/// A call of the library in which threads wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Call {
    /// `get` of a queue.
    Get,
    /// `put` into a queue.
    Put,
    /// `join` of a queue.
    Done,
    /// `wait` for a condition.
    Condition,
    /// `wait` for an event.
    Event,
    /// `acquire` of a semaphore.
    Semaphore,
    /// `wait` at a barrier.
    Barrier,
    /// `result` of a call given to a pool.
    Future,
}

/// One fact. Lines are source lines of the script; 0 where unknown.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum What {
    /// The thread began to run; `by` is the number of the thread that started it.
    Start { by: u32 },
    /// It ended.
    End,
    /// It began to wait for the GIL.
    GilWait,
    /// It was woken although the GIL was taken (py2).
    FalseWake,
    /// It acquired the GIL.
    GilAcquire,
    /// It gave up the GIL. `native` is the address of the `native::Def` of a call that kept it while another thread
    /// asked, or 0.
    GilRelease { reason: Reason, native: usize },
    /// It was in that state when recording began.
    Already { state: State },
    /// It changed state (see [`State`]); `object` identifies what it waits for, `kind` is what [`word`] names.
    Enter { state: State, kind: u8, object: u64 },
    /// What it began to wait for serves this call of the library on `object` (a queue's log, an event, ...).
    For { object: u64, call: Call },
    /// It is running again.
    Leave,
    /// It acquired lock `object`.
    Acquire { object: u64 },
    /// It released lock `object`.
    Release { object: u64 },
    /// It made lock `object`: what was at that address before is gone. `own`: by a line of the script, not inside
    /// the library.
    NewLock { object: u64, own: bool },
    /// A queue's depth after a put or get.
    Depth { object: u64, depth: u32 },
    /// It woke thread `other` (unlock, notify, put).
    Wake { other: u32 },
    /// It made process `pid`, which goes on from here.
    Fork { pid: u32 },
    /// The world stood still for `ns`.
    Collection { ns: u64 },
}

impl What {
    /// The bit of [`want`] that asks for it.
    #[inline(always)]
    fn bit(self) -> u8 {
        match self {
            What::Acquire { .. } | What::Release { .. } | What::NewLock { .. } | What::Depth { .. } => {
                want::LOCKS
            }
            _ => want::TURNS,
        }
    }
}

/// A fact with its moment.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Nanoseconds since the program began.
    pub at: u64,
    /// The instruction in progress, as a number that tells it from others of this run.
    pub place: u32,
    /// Source line in the script's file, 0 if none.
    pub line: u32,
    /// Instructions this thread had run (0 when they are not counted).
    pub ran: u64,
    /// What.
    pub what: What,
}

/// A thread's record of events, bounded.
#[derive(Default)]
pub struct Log {
    /// Events in order.
    pub events: Vec<Event>,
    /// Events that did not fit.
    pub dropped: u64,
    /// When the first of them happened.
    pub full: Option<u64>,
    /// The thread's name when the log was handed in.
    pub name: String,
    /// Instructions that the thread had run by then.
    pub ran: u64,
    /// Of them those that belong to the parent of a forked process.
    pub before: u64,
    /// Room set aside for it.
    pub room: usize,
}

/// What an observer wants to hear, as bits for [`listen`].
pub mod want {
    /// Everything but what stands below.
    pub const TURNS: u8 = 1;
    /// Locks acquired and released, depths of queues: there may be millions a second.
    pub const LOCKS: u8 = 2;
    /// Instructions counted in every mode.
    pub const COUNTS: u8 = 4;
    /// Instructions with their values, told to the observer of `observe::begin`; see [`super::seen`].
    pub const SEEN: u8 = 8;
}

/// Most events kept for all threads together.
pub const LIMIT: usize = 1 << 23;
/// Room is set aside in pieces, so that threads do not share a counter.
const PIECE: usize = 1 << 12;

/// On a cache line of its own: what is looked at so often must not lie beside what threads write.
#[repr(align(128))]
struct Apart(AtomicU8);

impl std::ops::Deref for Apart {
    type Target = AtomicU8;
    #[inline(always)]
    fn deref(&self) -> &AtomicU8 {
        &self.0
    }
}

static LISTENING: Apart = Apart(AtomicU8::new(0));
static ROOM: AtomicUsize = AtomicUsize::new(LIMIT / PIECE);
static BEGIN: OnceLock<Instant> = OnceLock::new();
static ENDED: Mutex<Vec<(u32, Log)>> = Mutex::new(Vec::new());

/// Nanoseconds since the program began.
pub fn now() -> u64 {
    BEGIN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Turns recording on, before the first script thread runs. `wants`: bits of [`want`].
pub fn listen(wants: u8) {
    now();
    LISTENING.fetch_or(wants, Ordering::Relaxed);
}

/// Turns the observed handlers on, before the first script thread runs.
pub(super) fn observe() {
    listen(want::COUNTS | want::SEEN);
}

/// Whether threads use the observed handlers.
pub fn observing() -> bool {
    LISTENING.load(Ordering::Relaxed) & want::SEEN != 0
}

/// Turns recording on while threads run: the record says what each does at this moment.
pub fn begin(th: &mut Thread, wants: u8) {
    th.heap.stop_world(|| {
        listen(wants);
        let at = now();
        threads::each(|t| match t.shared.state() {
            State::Ended => {}
            State::Run if gil::mode() == gil::Mode::Off || gil::holds(&t.shared) => {
                record(t, at, What::GilAcquire)
            }
            State::Run => record(t, at, What::Already { state: State::Gil }),
            state => record(t, at, What::Already { state }),
        });
    });
    // The handlers change where instructions are to be counted.
    gil::change(th, gil::mode());
}

/// Turns recording off while threads run; gives the record.
pub fn finish(th: &mut Thread) -> Vec<(u32, Log)> {
    th.heap.stop_world(|| {
        threads::each(hand_in);
        LISTENING.store(0, Ordering::Relaxed);
    });
    gil::change(th, gil::mode());
    ROOM.store(LIMIT / PIECE, Ordering::Relaxed);
    collect()
}

/// Counts times from `from` and instructions from each thread's first event.
pub fn since(logs: &mut [(u32, Log)], from: u64) {
    for (_, log) in logs {
        let first = log.events.first().map_or(0, |e| e.ran);
        for e in &mut log.events {
            e.at = e.at.saturating_sub(from);
            e.ran = e.ran.saturating_sub(first);
        }
        log.ran = log.ran.saturating_sub(first);
    }
}

/// Whether anybody listens.
#[inline(always)]
pub fn listening() -> bool {
    LISTENING.load(Ordering::Relaxed) != 0
}

/// Whether locks and queues are to be stated.
pub fn hears_locks() -> bool {
    LISTENING.load(Ordering::Relaxed) & want::LOCKS != 0
}

/// Whether instructions are to be counted in every mode.
pub fn counting() -> bool {
    LISTENING.load(Ordering::Relaxed) & want::COUNTS != 0
}

/// States a fact about the current thread.
#[inline(always)]
pub fn emit(th: &mut Thread, what: What) {
    if LISTENING.load(Ordering::Relaxed) & (what.bit() | want::SEEN) != 0 {
        heard(th, what);
    }
}

/// The other side of the check, out of the way of those that nobody hears.
#[cold]
#[inline(never)]
fn heard(th: &mut Thread, what: What) {
    record(th, now(), what);
}

/// States a fact of that moment, whether somebody listens or not.
#[cold]
pub(super) fn record(th: &mut Thread, at: u64, what: What) {
    let wants = LISTENING.load(Ordering::Relaxed);
    if wants & want::SEEN != 0 {
        super::observe::state(th, what);
    }
    if wants & what.bit() == 0 {
        return;
    }
    let line = super::frame::script_line(th);
    let place = (th.pc as usize >> 3) as u32;
    let event = Event { at, place, line, ran: th.instructions(), what };
    let log = th.log.get_or_insert_default();
    if log.room == 0 && ROOM.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok()
    {
        log.room = PIECE;
    }
    if log.room > 0 && log.full.is_none() {
        log.room -= 1;
        log.events.push(event);
    } else {
        log.dropped += 1;
        log.full.get_or_insert(at);
    }
}

/// Hands in the log of a thread that ends, or of any thread while the world is stopped.
pub fn hand_in(th: &mut Thread) {
    if let Some(mut log) = th.log.take() {
        log.ran = th.instructions() - log.before;
        log.name = th.shared.name.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ended().push((th.shared.number, *log));
    }
}

/// The logs handed in, held across a fork.
pub(super) fn hold_for_fork() -> MutexGuard<'static, Vec<(u32, Log)>> {
    ended()
}

/// In the child of a fork: what was recorded so far is the parent's; the child's record begins with its only thread
/// running.
pub(super) fn after_fork(th: &mut Thread) {
    ended().clear();
    th.log = listening().then(|| Box::new(Log { before: th.instructions(), ..Log::default() }));
    if listening() {
        let (at, by) = (now(), th.shared.number);
        if super::gil::mode() != super::gil::Mode::Off {
            record(th, at, What::GilAcquire);
        }
        record(th, at, What::Start { by });
    }
}

fn ended() -> MutexGuard<'static, Vec<(u32, Log)>> {
    ENDED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All logs handed in so far, by thread number.
pub fn collect() -> Vec<(u32, Log)> {
    let mut all = std::mem::take(&mut *ended());
    all.sort_by_key(|(n, _)| *n);
    all
}
