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
use super::wait::{self, Lock};
use super::{frame, graph, signal, threads};
use crate::heap::Value;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
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
    /// A line from the terminal, which the descriptor announces.
    ReadLine(i32),
}

impl Kind {
    /// The state in which a thread waits for this.
    pub fn state(self) -> State {
        state_of(self.code())
    }

    /// Number from 1.
    pub(super) fn code(self) -> u8 {
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
            Kind::ReadLine(_) => 13,
        }
    }

    fn descriptor(self) -> Option<(i32, i16)> {
        match self {
            Kind::Read(fd) | Kind::Process(fd) | Kind::ReadLine(fd) => Some((fd, libc::POLLIN)),
            Kind::Write(fd) => Some((fd, libc::POLLOUT)),
            _ => None,
        }
    }
}

/// The state of a thread that waits for a kind of thing, by its code; 0: it runs.
pub(super) fn state_of(code: u8) -> State {
    match code {
        0 => State::Run,
        7 => State::Join,
        8 => State::Sleep,
        10.. => State::Io,
        _ => State::Lock,
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

/// The word for a kind of thing to wait for, as events number them; empty for nothing.
pub fn word(kind: u8) -> &'static str {
    WORDS.get(kind as usize).copied().unwrap_or("")
}

/// The word for what the thread waits for, empty if for nothing.
pub(super) fn word_of(me: &Shared) -> &'static str {
    WORDS[me.door.waits_for().0 as usize]
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
/// What is to become of a thread whose wait may never end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// It waits.
    Wait,
    /// It gets a DeadlockError of that text.
    Raise(String),
    /// The process ends.
    End,
}

/// Who looks for deadlocks.
#[derive(Clone, Copy)]
pub struct Watch {
    /// Judges the moment: called, with the GIL, by a thread that has entered its queue and may have closed a circle,
    /// or is the last one to stop.
    pub look: fn(&mut Thread) -> Then,
    /// Ends the process.
    pub end: fn(&mut Thread) -> !,
}

static WATCH: OnceLock<Watch> = OnceLock::new();
/// Exceptions that wait for their threads.
static DOOM: Mutex<Vec<(u32, String)>> = Mutex::new(Vec::new());

/// Sets who looks for deadlocks.
pub fn watch(w: Watch) {
    let _ = WATCH.set(w);
}

/// Whether every script thread waits for another one.
fn all_stuck() -> bool {
    STUCK.load(SeqCst) >= threads::alive()
}

/// Whether only another thread can make that one run again.
pub(super) fn stuck(s: &Shared) -> bool {
    s.door.waits_for().0 != 0 && !s.door.timed.load(SeqCst)
}

/// Ends the wait of a stuck thread with a DeadlockError.
fn doom(s: &Arc<Shared>, text: String) {
    DOOM.lock().unwrap_or_else(PoisonError::into_inner).push((s.number, text));
    s.door.doomed.store(true, SeqCst);
    gil::make_ready(s);
    s.door.notify(wake::LOOK);
}

/// The text of the DeadlockError that waits for a thread, once.
pub(super) fn doom_of(s: &Shared) -> Option<String> {
    if !s.door.doomed.swap(false, SeqCst) {
        return None;
    }
    let mut all = DOOM.lock().unwrap_or_else(PoisonError::into_inner);
    let i = all.iter().position(|d| d.0 == s.number)?;
    Some(all.swap_remove(i).1)
}

/// The thread that must act before `at` can go on, if that is certain. The heap stands: the caller is attached.
fn blocker(at: &Shared) -> Option<u32> {
    let (kind, object) = at.door.waits_for();
    if object == 0 || !stuck(at) {
        return None;
    }
    if kind == Kind::Join.code() {
        return Value::ptr(object as *const u64).get::<threads::Handle>().number();
    }
    let lock = wanted(at)?;
    lock.owner().filter(|_| lock.proof())
}

/// Whether a wait of this thread seems to close a circle, or to be for one that has ended: a look without stopping
/// the world, to be confirmed.
fn suspicious(me: &Arc<Shared>) -> bool {
    let mut at = me.clone();
    for _ in 0..1000 {
        let Some(next) = blocker(&at) else { return false };
        if next == me.number {
            return true;
        }
        match threads::shared(next) {
            Some(s) => at = s,
            None => return true,
        }
    }
    false
}

/// The lock that only another thread's release gives to this one.
fn wanted(at: &Shared) -> Option<&'static Lock> {
    let (kind, object) = at.door.waits_for();
    let waits = kind == Kind::Lock.code() && object != 0 && stuck(at);
    waits.then(|| Lock::of(Value::ptr(object as *const u64))).flatten()
}

/// Whether a thread that ends leaves a lock behind for which another one waits in vain, as far as can be told.
fn leaves_behind(me: &Shared) -> bool {
    let mine = |s: &Shared| wanted(s).is_some_and(|l| l.owner() == Some(me.number));
    STUCK.load(SeqCst) > 0 && threads::those(mine).iter().any(|s| wanted(s).is_some_and(Lock::lost))
}

/// A thread that has entered its queue looks whether its wait can end.
fn look(th: &mut Thread, me: &Arc<Shared>) -> Then {
    let Some(w) = WATCH.get() else { return Then::Wait };
    let lost = || wanted(me).is_some_and(|l| l.lost());
    if suspicious(me) || lost() || all_stuck() && graph::stands_still(th) { (w.look)(th) } else { Then::Wait }
}

/// A thread that ends looks whether the others can go on without it.
pub(super) fn last_look(th: &mut Thread) {
    let Some(w) = WATCH.get() else { return };
    let last = all_stuck() && threads::alive() > 0 && graph::stands_still(th);
    if !last && !leaves_behind(&th.shared) {
        return;
    }
    match (w.look)(th) {
        Then::Wait => {}
        Then::End => (w.end)(th),
        Then::Raise(text) => {
            if let Some(s) = threads::all().iter().find(|s| stuck(s)) {
                doom(s, text);
            }
        }
    }
}

/// A waker has taken the thread out of its queue.
pub(super) fn unstick(w: &Shared) {
    if w.door.waits_for().0 != 0 && !w.door.timed.swap(true, SeqCst) {
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
    let timed = deadline.is_some() || !queued || kind.descriptor().is_some();
    seat.timed.store(timed, SeqCst);
    seat.begin_wait(kind.code(), object);
    if !timed {
        STUCK.fetch_add(1, SeqCst);
    }
    if let Some(still) = still
        && !wait::enqueue(object, &me, still)
    {
        unstick(&me);
        seat.end_wait();
        return Woken::Ready;
    }
    me.line.store(frame::script_line(th), Relaxed);
    me.state.store(kind.state() as u8, Release);
    event::emit(th, event::What::Enter { state: kind.state(), kind: kind.code(), object });
    if kind == Kind::Lock
        && event::hears_locks()
        && let Some((object, call)) = graph::purpose(th)
    {
        event::emit(th, event::What::For { object, call });
    }
    if main {
        signal::watch();
    }
    let then = if timed { Then::Wait } else { look(th, &me) };
    if then != Then::Wait && wait::leave(object, &me) {
        unstick(&me);
        seat.end_wait();
        me.state.store(State::Run as u8, Release);
        event::emit(th, event::What::Leave);
        if let Then::Raise(text) = then {
            DOOM.lock().unwrap_or_else(PoisonError::into_inner).push((me.number, text));
            seat.doomed.store(true, SeqCst);
        } else if let Some(w) = WATCH.get() {
            (w.end)(th)
        }
        return Woken::Signal;
    }
    let woken = gil::outside(th, Reason::Blocking, |me| {
        let seat = &me.door;
        let woken = loop {
            if main && signal::waiting(me) || seat.doomed.load(SeqCst) {
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
        if woken == Woken::Signal {
            seat.put_off();
        }
        seat.end_wait();
        woken
    });
    me.state.store(State::Run as u8, Release);
    event::emit(th, event::What::Leave);
    woken
}

/// Runs a system call that may take long and cannot be polled, as stopped and without the GIL. On EINTR the caller
/// runs `signal::run_pending` and repeats it. `f` must not touch the heap; the caller keeps what it needs alive.
pub fn opaque<T>(th: &mut Thread, kind: Kind, f: impl FnOnce() -> T) -> T {
    away(th, kind, f, false)
}

/// Runs a system call that waits for nobody, but may take its time, as stopped. In the modes where the operating system
/// has a say in who is next it is `opaque`; in ticks mode the thread stands in the GIL's queue before it begins, so the
/// order of turns does not depend on how long the call takes. `f` as in `opaque`.
pub fn brief<T>(th: &mut Thread, kind: Kind, f: impl FnOnce() -> T) -> T {
    away(th, kind, f, matches!(gil::mode(), gil::Mode::Ticks(_)))
}

/// The two: `queued`, the thread stands in the GIL's queue while `f` runs.
fn away<T>(th: &mut Thread, kind: Kind, f: impl FnOnce() -> T, queued: bool) -> T {
    let main = threads::is_main(&th.shared);
    let me = th.shared.clone();
    let state = if queued { State::Gil } else { kind.state() };
    let enter = event::What::Enter { state, kind: kind.code(), object: 0 };
    me.line.store(frame::script_line(th), Relaxed);
    me.door.timed.store(true, SeqCst);
    me.door.begin_wait(kind.code(), 0);
    if !queued {
        me.state.store(state as u8, Release);
        event::emit(th, enter);
    }
    if main {
        signal::watch();
    }
    let call = |me: &Arc<Shared>| {
        me.door.opaque.store(true, SeqCst);
        // A signal that came just before found nobody to interrupt.
        if main && signal::waiting(me) {
            signal::interrupt_soon();
        }
        let result = f();
        me.door.opaque.store(false, SeqCst);
        result
    };
    let result = match queued {
        true => gil::beside(th, enter, call),
        false => gil::outside(th, Reason::Blocking, call),
    };
    if main && signal::waiting(&me) {
        me.door.put_off();
    }
    me.door.end_wait();
    if !queued {
        me.state.store(State::Run as u8, Release);
        event::emit(th, event::What::Leave);
    }
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

/// In the child of a fork: only the caller is left, and it does not wait.
pub(super) fn after_fork(me: &Shared) {
    STUCK.store(0, SeqCst);
    DOOM.lock().unwrap_or_else(PoisonError::into_inner).clear();
    me.door.end_wait();
    me.clear(pending::GIL);
    me.door.after_fork();
}
