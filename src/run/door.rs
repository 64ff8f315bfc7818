//! The one door (LAW 11): a script thread blocks in `wait`, or in `opaque` for system calls that cannot be polled.
//!
//! In the door, and only there, the GIL is given up and taken again, the thread counts as stopped for the
//! collector, signals wake the main thread, and it is stated who waits for what. Invariant: a thread enters its
//! wait queue before it gives up the GIL, so in the ordered modes nothing can happen between its decision to wait
//! and its waiting.

use super::event::{self, Reason};
use super::gil;
pub use super::park::Seat;
use super::park::wake;
use super::thread::{R, Shared, State, Thread, pending};
use super::wait::{self, Held, Lock};
use super::{frame, signal, threads};
use crate::heap::Value;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::{Duration, Instant};

/// What kind of thing a thread waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A lock.
    Lock,
    /// A condition.
    Condition,
    /// An event.
    Event,
    /// A semaphore.
    Semaphore,
    /// A barrier.
    Barrier,
    /// A queue.
    Queue,
    /// The end of a thread.
    Join,
    /// Nothing but time.
    Sleep,
    /// A module that another thread imports.
    Import,
    /// A descriptor to become readable.
    Read(i32),
    /// A descriptor to become writable.
    Write(i32),
    /// The end of a process, by its pidfd.
    Process(i32),
    /// A line from the terminal.
    ReadLine,
}

impl Kind {
    /// The state in which a thread waits for this.
    pub fn state(self) -> State {
        match self {
            Kind::Join => State::Join,
            Kind::Sleep => State::Sleep,
            Kind::Read(_) | Kind::Write(_) | Kind::Process(_) | Kind::ReadLine => State::Io,
            _ => State::Lock,
        }
    }

    /// The word for it in reports.
    pub fn word(self) -> &'static str {
        WORDS[self.code() as usize]
    }

    /// Number from 1.
    fn code(self) -> u8 {
        match self {
            Kind::Lock => 1,
            Kind::Condition => 2,
            Kind::Event => 3,
            Kind::Semaphore => 4,
            Kind::Barrier => 5,
            Kind::Queue => 6,
            Kind::Join => 7,
            Kind::Sleep => 8,
            Kind::Import => 9,
            Kind::Read(_) => 10,
            Kind::Write(_) => 11,
            Kind::Process(_) => 12,
            Kind::ReadLine => 13,
        }
    }

    fn descriptor(self) -> Option<(i32, i16)> {
        match self {
            Kind::Read(fd) | Kind::Process(fd) => Some((fd, libc::POLLIN)),
            Kind::Write(fd) => Some((fd, libc::POLLOUT)),
            Kind::ReadLine => Some((0, libc::POLLIN)),
            _ => None,
        }
    }
}

const WORDS: [&str; 14] = [
    "",
    "lock",
    "condition",
    "event",
    "semaphore",
    "barrier",
    "queue",
    "thread",
    "sleep",
    "import",
    "input",
    "output",
    "process",
    "terminal",
];

/// The word for what the thread waits for, empty if for nothing.
pub(super) fn word_of(me: &Shared) -> &'static str {
    WORDS[me.door.kind.load(Relaxed) as usize]
}

/// What a thread is about to wait for.
pub struct What<'a> {
    /// Kind, with the descriptor where it is one.
    pub kind: Kind,
    /// Address of the object, or an id; the key of the wait queue.
    pub object: u64,
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Present: wait in the queue of `object` if this holds; it is asked under the queue's lock.
    pub still: Option<&'a mut dyn FnMut() -> bool>,
}

impl What<'_> {
    /// A wait for a descriptor.
    pub fn fd(kind: Kind, object: u64, deadline: Option<Instant>) -> What<'static> {
        What { kind, object, deadline, still: None }
    }
}

/// How a wait ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// A waker came, the descriptor is ready, or there was nothing to wait for any more.
    Ready,
    /// The deadline has passed.
    Timeout,
    /// A signal waits for the main thread: run the handlers (`signal::run_pending`), then raise or wait again.
    Signal,
}

/// Threads that wait for what only another thread can bring about.
static STUCK: AtomicUsize = AtomicUsize::new(0);
/// Called, still with the GIL, by a thread that is about to be the last one stuck.
static ON_STUCK: OnceLock<fn(&mut Thread)> = OnceLock::new();

/// Sets what is called when every script thread waits and none has a deadline or a descriptor. A signal handler may
/// still bring life back.
pub fn on_stuck(f: fn(&mut Thread)) {
    let _ = ON_STUCK.set(f);
}

/// Whether every script thread waits for another one.
pub fn all_stuck() -> bool {
    STUCK.load(SeqCst) >= threads::alive()
}

/// A waker has taken the thread out of its queue.
pub(super) fn unstick(w: &Shared) {
    if w.door.kind.load(SeqCst) != 0 && !w.door.timed.swap(true, SeqCst) {
        STUCK.fetch_sub(1, SeqCst);
    }
}

/// Blocks the thread. See [`What`] and [`Woken`].
pub fn wait(th: &mut Thread, what: What<'_>) -> Woken {
    let What { kind, object, deadline, still } = what;
    let main = threads::is_main(&th.shared);
    if main && signal::waiting(&th.shared) {
        return Woken::Signal;
    }
    let me = th.shared.clone();
    let seat = &me.door;
    let queued = still.is_some();
    seat.clear(wake::READY | wake::LOOK);
    seat.object.store(object, SeqCst);
    let timed = deadline.is_some() || !queued || kind.descriptor().is_some();
    seat.timed.store(timed, SeqCst);
    seat.kind.store(kind.code(), SeqCst);
    if !timed {
        STUCK.fetch_add(1, SeqCst);
    }
    if let Some(still) = still
        && !wait::enqueue(object, &me, still)
    {
        unstick(&me);
        seat.kind.store(0, SeqCst);
        return Woken::Ready;
    }
    me.line.store(frame::script_line(th), Relaxed);
    me.state.store(kind.state() as u8, Release);
    event::emit(th, event::What::Enter { state: kind.state(), object });
    if main {
        signal::watch();
    }
    if !timed
        && all_stuck()
        && let Some(report) = ON_STUCK.get()
    {
        report(th);
    }
    let woken = gil::outside(th, Reason::Blocking, |me| {
        let seat = &me.door;
        let woken = loop {
            if main && signal::waiting(me) {
                break Woken::Signal;
            }
            let (got, ready) = match kind.descriptor() {
                Some((fd, events)) => seat.poll(wake::READY | wake::LOOK, fd, events, deadline),
                None => (seat.sleep(wake::READY | wake::LOOK, deadline), false),
            };
            if ready || got & wake::READY != 0 {
                break Woken::Ready;
            }
            if got == 0 {
                break Woken::Timeout;
            }
            seat.clear(wake::LOOK);
        };
        // A waker may have been faster: then what was waited for has come true and must not be lost.
        let woken =
            if queued && woken != Woken::Ready && !wait::leave(object, me) { Woken::Ready } else { woken };
        unstick(me);
        seat.kind.store(0, SeqCst);
        woken
    });
    me.state.store(State::Run as u8, Release);
    event::emit(th, event::What::Leave);
    woken
}

/// Runs a system call that may take long and cannot be polled, as stopped and without the GIL. On EINTR the caller
/// runs `signal::run_pending` and repeats it. `f` must not touch the heap; the caller keeps what it needs alive.
pub fn opaque<T>(th: &mut Thread, kind: Kind, f: impl FnOnce() -> T) -> T {
    let main = threads::is_main(&th.shared);
    let me = th.shared.clone();
    me.line.store(frame::script_line(th), Relaxed);
    me.state.store(kind.state() as u8, Release);
    me.door.timed.store(true, SeqCst);
    me.door.kind.store(kind.code(), SeqCst);
    event::emit(th, event::What::Enter { state: kind.state(), object: 0 });
    if main {
        signal::watch();
    }
    let result = gil::outside(th, Reason::Blocking, |me| {
        me.door.opaque.store(true, SeqCst);
        let result = f();
        me.door.opaque.store(false, SeqCst);
        result
    });
    me.door.kind.store(0, SeqCst);
    me.state.store(State::Run as u8, Release);
    event::emit(th, event::What::Leave);
    result
}

/// Waits until the descriptor is ready, running signal handlers on the way; `false` when the deadline has passed.
pub fn ready(th: &mut Thread, kind: Kind, deadline: Option<Instant>) -> R<bool> {
    loop {
        match wait(th, What::fd(kind, 0, deadline)) {
            Woken::Ready => return Ok(true),
            Woken::Timeout => return Ok(false),
            Woken::Signal => signal::run_pending(th)?,
        }
    }
}

/// Wakes all who wait in the queue of `object`, as `still` lets a native do it that waits for a descriptor.
pub fn wake(object: u64) {
    wait::wake_all(object, || {});
}

/// `time.sleep`: 0 lets another thread run.
pub fn sleep(th: &mut Thread, seconds: f64) -> R<()> {
    if seconds <= 0.0 {
        gil::yield_now(th);
        if signal::waiting(&th.shared) {
            signal::run_pending(th)?;
        }
        return Ok(());
    }
    let deadline = deadline(seconds);
    loop {
        match wait(th, What { kind: Kind::Sleep, object: 0, deadline, still: None }) {
            Woken::Signal => signal::run_pending(th)?,
            _ => return Ok(()),
        }
    }
}

/// The moment that many seconds from now; `None` if it is beyond all clocks.
pub fn deadline(seconds: f64) -> Option<Instant> {
    let d = Duration::try_from_secs_f64(seconds.max(0.0)).ok()?;
    Instant::now().checked_add(d)
}

/// One thread as a report on deadlocks sees it.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Number of the thread.
    pub thread: u32,
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: State,
    /// Line at which it went into the door.
    pub line: u32,
    /// What kind of thing it waits for, as [`Kind::word`] says; empty if it runs.
    pub kind: &'static str,
    /// What it waits for.
    pub object: u64,
    /// Whether the wait ends by itself.
    pub timed: bool,
    /// Who holds the lock that it waits for.
    pub held: Option<Held>,
}

/// Who waits for what, held by whom since which line. Stops the world for a moment.
pub fn snapshot(th: &mut Thread) -> Vec<Waiting> {
    th.heap.stop_world(|| {
        let mut all = Vec::new();
        threads::each(|t| {
            if t.shared.state() == State::Ended {
                return;
            }
            let (s, seat) = (&t.shared, &t.shared.door);
            let code = seat.kind.load(SeqCst);
            let object = seat.object.load(SeqCst);
            let held = (code == Kind::Lock.code() && object != 0).then(|| {
                let lock = Value::ptr(object as *const u64);
                lock.get::<Lock>().held()
            });
            all.push(Waiting {
                thread: s.number,
                name: s.name.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone(),
                state: s.state(),
                line: s.line.load(Relaxed),
                kind: WORDS[code as usize],
                object: if code == 0 { 0 } else { object },
                timed: seat.timed.load(SeqCst),
                held,
            });
        });
        all
    })
}

/// In the child of a fork: only the caller is left, and it does not wait.
pub(super) fn after_fork(me: &Shared) {
    STUCK.store(0, SeqCst);
    me.door.kind.store(0, SeqCst);
    me.clear(pending::GIL);
    me.door.after_fork();
}
