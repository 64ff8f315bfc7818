//! The GIL and its modes: who may run, and when a thread must let another one run.
//!
//! Invariants. `WORD` says who holds it; it is taken and given up by one compare-and-swap while `WAITERS` is clear,
//! else under the lock of the queue. The queue is in order of arrival, and whoever makes a thread ready puts it
//! there (`make_ready`, LAW 12), so in ticks mode the order of turns depends on nothing but the program: a turn is
//! handed to the longest waiter by name, whether its OS thread is awake yet or not. A thread waits for the GIL only
//! as stopped, so the collector never waits for it. The mode changes only while the world is stopped.

use super::event::{self, Reason, What};
use super::mode::ENDLESS;
pub use super::mode::{
    Mode, TICKS, begin, check_interval, interval, mode, quantum, set_check_interval, set_interval,
};
use super::park::{Seat, turn, wake};
use super::thread::{Shared, State, Thread, pending};
use super::threads;
use super::traced;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

const HELD: u64 = 1;
/// How many wait, as far as that can be told.
const WAITERS: u64 = 0xfe;

/// On cache lines of its own.
#[repr(align(128))]
struct Apart<T>(T);

impl<T> std::ops::Deref for Apart<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// `(number + 1) << 8 | waiters << 1 | HELD`.
static WORD: Apart<AtomicU64> = Apart(AtomicU64::new(0));
static QUEUE: Apart<Mutex<Queue>> = Apart(Mutex::new(Queue { waiting: VecDeque::new(), switches: 0 }));
/// Threads that run without a GIL that has come into being.
static STRAYS: AtomicUsize = AtomicUsize::new(0);
/// Number + 1 of the thread that ends the process, 0 before: nobody else gets the GIL any more.
static CLOSED: AtomicU64 = AtomicU64::new(0);

struct Queue {
    waiting: VecDeque<Arc<Shared>>,
    /// How often the GIL has changed hands.
    switches: u64,
}

/// Counts that are kept whether somebody listens or not.
pub struct Counts {
    reasons: [AtomicU64; 5],
    false_wakes: AtomicU64,
}

/// The counts of this process.
pub static COUNTS: Counts =
    Counts { reasons: [const { AtomicU64::new(0) }; 5], false_wakes: AtomicU64::new(0) };

impl Counts {
    /// How often the GIL was given up for that reason while another thread wanted it.
    pub fn switches(&self, reason: Reason) -> u64 {
        self.reasons[reason as usize].load(Relaxed)
    }

    /// How often a thread was woken while the GIL was taken.
    pub fn false_wakes(&self) -> u64 {
        self.false_wakes.load(Relaxed)
    }
}

/// A call is named as what kept the GIL if it did so for that long after another thread had asked: script code comes
/// to a switch point within microseconds.
const NATIVE_NS: u64 = 1_000_000;

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn name(me: &Shared) -> u64 {
    (me.number as u64 + 1) << 8
}

/// Whether the thread holds the GIL, or there is none.
#[inline]
pub fn holds(me: &Shared) -> bool {
    mode() == Mode::Off || WORD.load(SeqCst) & !WAITERS == name(me) | HELD
}

/// Number of the thread that holds the GIL.
pub fn holder() -> Option<u32> {
    let w = WORD.load(SeqCst);
    (w & HELD != 0).then(|| (w >> 8) as u32 - 1)
}

impl Queue {
    fn flag(&self) -> u64 {
        (self.waiting.len().min(127) as u64) << 1
    }

    /// Brings the word in line with the queue.
    fn tell(&self) {
        let _ = WORD.fetch_update(SeqCst, SeqCst, |w| Some(w & !WAITERS | self.flag()));
    }

    /// Makes `me` the holder of a GIL that is free.
    fn take(&mut self, me: &Shared) {
        self.waiting.retain(|w| w.number != me.number);
        me.door.turn.store(turn::NONE, SeqCst);
        WORD.store(name(me) | HELD | self.flag(), SeqCst);
        self.switches += 1;
    }

    /// Makes the longest waiter the holder. It may be asleep still.
    fn hand_over(&mut self) -> Option<Arc<Shared>> {
        let next = self.waiting.pop_front()?;
        next.door.turn.store(turn::GRANTED, SeqCst);
        WORD.store(name(&next) | HELD | self.flag(), SeqCst);
        self.switches += 1;
        // Last, so that who sees it finds the word in its name.
        next.door.mark(wake::TURN);
        Some(next)
    }

    fn join(&mut self, me: &Arc<Shared>) {
        if me.door.turn.load(SeqCst) == turn::NONE {
            me.door.turn.store(turn::QUEUED, SeqCst);
            self.waiting.push_back(me.clone());
        }
        self.tell();
    }
}

/// What happened on the way to the GIL, noted while the thread was stopped and stated afterwards.
#[derive(Default)]
pub(super) struct Trip {
    /// When it began to wait, if it had to and somebody listens.
    waited: Option<u64>,
    false_wakes: Vec<u64>,
}

/// Waits until the GIL is this thread's. To be called as stopped.
pub(super) fn take(me: &Arc<Shared>) -> Trip {
    let mut trip = Trip::default();
    if CLOSED.load(SeqCst) != 0 {
        closed(me);
    }
    if mode() == Mode::Off {
        if me.door.turn.load(SeqCst) != turn::NONE {
            let _q = queue();
            me.door.turn.store(turn::NONE, SeqCst);
        }
        return trip;
    }
    if WORD.compare_exchange(0, name(me) | HELD, SeqCst, SeqCst).is_ok() {
        return trip;
    }
    let state = me.state.swap(State::Gil as u8, Release);
    if !granted(me, &mut trip) {
        wait(me, queue(), &mut trip);
    }
    me.state.store(state, Release);
    trip
}

/// The way of a turn in ticks mode, without the queue's lock: a thread that stands in the queue sleeps until the GIL
/// is held in its name. `false` if anything else has happened.
fn granted(me: &Shared, trip: &mut Trip) -> bool {
    let seat = &me.door;
    if !matches!(mode(), Mode::Ticks(_)) || seat.turn.load(SeqCst) == turn::NONE {
        return false;
    }
    if event::listening() {
        trip.waited = Some(event::now());
    }
    // Who is not the next one would only take a processor from those who are.
    if WORD.load(SeqCst) & WAITERS > 1 << 1 {
        seat.sleep(wake::TURN, None);
    } else {
        seat.sleep_soon(wake::TURN);
    }
    seat.clear(wake::TURN);
    // A thread that holds the GIL is in nobody else's hands.
    CLOSED.load(SeqCst) == 0
        && WORD.load(SeqCst) & !WAITERS == name(me) | HELD
        && seat.turn.compare_exchange(turn::GRANTED, turn::NONE, SeqCst, SeqCst).is_ok()
}

fn wait(me: &Arc<Shared>, mut q: MutexGuard<'static, Queue>, trip: &mut Trip) {
    let seat: &Seat = &me.door;
    let mut woken = false;
    loop {
        if CLOSED.load(SeqCst) != 0 {
            drop(q);
            closed(me);
            q = queue();
        }
        let mode = mode();
        if mode == Mode::Off || WORD.load(SeqCst) & !WAITERS == name(me) | HELD {
            seat.turn.store(turn::NONE, SeqCst);
            break;
        }
        // With the flag up nobody takes the GIL by compare-and-swap behind our back.
        q.join(me);
        let free = WORD.load(SeqCst) & HELD == 0;
        if free
            && (!matches!(mode, Mode::Ticks(_)) || q.waiting.front().is_some_and(|w| w.number == me.number))
        {
            q.take(me);
            break;
        }
        if trip.waited.is_none() && event::listening() {
            trip.waited = Some(event::now());
        }
        if woken && mode == Mode::Py2 {
            COUNTS.false_wakes.fetch_add(1, Relaxed);
            if event::listening() {
                trip.false_wakes.push(event::now());
            }
        }
        let switches = q.switches;
        drop(q);
        let got = match mode {
            Mode::Py310 | Mode::Py32 => seat.sleep(wake::TURN, Some(Instant::now() + interval())),
            Mode::Ticks(_) => seat.sleep_soon(wake::TURN),
            _ => seat.sleep(wake::TURN, None),
        };
        seat.clear(wake::TURN);
        woken = got != 0;
        q = queue();
        if !woken && q.switches == switches && seat.turn.load(SeqCst) == turn::QUEUED {
            let held = holder();
            drop(q);
            if let Some(other) = held.and_then(threads::shared) {
                if event::listening() && other.door.asked.load(SeqCst) == 0 {
                    other.door.asked_in.store(threads::native_of(other.number), SeqCst);
                    other.door.asked.store(event::now(), SeqCst);
                }
                other.ask(pending::GIL);
            }
            q = queue();
        }
    }
}

/// Gives the GIL up, if the thread holds it.
pub(super) fn give(me: &Shared, reason: Reason) {
    if WORD.compare_exchange(name(me) | HELD, 0, SeqCst, SeqCst).is_ok() {
        return;
    }
    let mut q = queue();
    if WORD.load(SeqCst) & !WAITERS != name(me) | HELD {
        return;
    }
    if !q.waiting.is_empty() {
        COUNTS.reasons[reason as usize].fetch_add(1, Relaxed);
    }
    let next = if let Mode::Ticks(_) = mode() {
        let next = q.hand_over();
        if next.is_none() {
            WORD.store(0, SeqCst);
        }
        next
    } else {
        WORD.store(q.flag(), SeqCst);
        let next = q.waiting.front().cloned();
        if let Some(n) = &next {
            n.door.mark(wake::TURN);
        }
        next
    };
    drop(q);
    if let Some(n) = next {
        n.door.rouse();
    }
}

/// Puts a thread that will want the GIL into its queue. Called by the waker under the lock of the wait queue that
/// it took the thread from, or before the thread's first turn.
pub(super) fn make_ready(other: &Arc<Shared>) {
    let mode = mode();
    if !mode.ordered() {
        return;
    }
    let mut q = queue();
    if other.door.turn.load(SeqCst) != turn::NONE {
        return;
    }
    q.join(other);
    if let Mode::Ticks(_) = mode
        && WORD.load(SeqCst) & HELD == 0
        && let Some(next) = q.hand_over()
    {
        drop(q);
        next.door.rouse();
    }
}

/// Takes a thread that will never run out of the queue.
pub(super) fn withdraw(other: &Arc<Shared>) {
    let mut q = queue();
    q.waiting.retain(|w| w.number != other.number);
    if other.door.turn.swap(turn::NONE, SeqCst) == turn::GRANTED {
        WORD.store(q.flag(), SeqCst);
    }
    q.tell();
}

/// Puts the holder at the end of the queue and hands the GIL to the first in it.
fn queue_up(mut q: MutexGuard<'_, Queue>, me: &Arc<Shared>) {
    me.door.turn.store(turn::QUEUED, SeqCst);
    q.waiting.push_back(me.clone());
    let next = q.hand_over();
    drop(q);
    if let Some(n) = next {
        n.door.rouse();
    }
}

/// Hands the GIL to the longest waiter and queues up again. `false` if nobody waits.
fn step_aside(th: &mut Thread, reason: Reason) -> bool {
    if WORD.load(SeqCst) & WAITERS == 0 {
        return false;
    }
    let me = th.shared.clone();
    let q = queue();
    let others = q.waiting.iter().any(|w| w.number != me.number);
    if !others || WORD.load(SeqCst) & !WAITERS != name(&me) | HELD {
        return false;
    }
    COUNTS.reasons[reason as usize].fetch_add(1, Relaxed);
    // Before anybody else can state an acquire.
    stated_release(th, reason);
    queue_up(q, &me);
    back(th, &me);
    true
}

/// Releases the GIL and wants it back at once: CPython 2's switch. The OS picks who gets it.
fn let_go(th: &mut Thread, reason: Reason) -> bool {
    if WORD.load(SeqCst) & WAITERS == 0 {
        return false;
    }
    let me = th.shared.clone();
    stated_release(th, reason);
    give(&me, reason);
    back(th, &me);
    true
}

/// Waits for the GIL as a stopped thread.
fn back(th: &mut Thread, me: &Arc<Shared>) {
    me.door.outside.store(true, SeqCst);
    loop {
        let trip = th.heap.blocking(|| take(me));
        stated_acquire(th, trip);
        if holds(me) {
            break;
        }
    }
    me.door.outside.store(false, SeqCst);
    if me.pending.load(Relaxed) & pending::GIL != 0 && !me.door.stray.load(SeqCst) {
        me.clear(pending::GIL);
    }
}

/// Another thread has asked for the GIL: called at script polls while `pending::GIL` is set.
#[cold]
pub fn poll(th: &mut Thread) {
    // In py32 a forced switch falls at any instruction: the bit stays until the count, a few dozen at most, is out.
    // Were it honoured here, nearly all would fall at the end of a loop's round, where they do no harm.
    if mode() == Mode::Py32 && !th.shared.door.stray.load(SeqCst) {
        return;
    }
    th.shared.clear(pending::GIL);
    if th.shared.door.stray.load(SeqCst) {
        no_stray(th);
        let me = th.shared.clone();
        back(th, &me);
        fresh_count(th);
        return;
    }
    match mode() {
        Mode::Off => {}
        Mode::Py2 => {
            let_go(th, Reason::Request);
        }
        _ => {
            if step_aside(th, Reason::Request) {
                fresh_count(th);
            }
        }
    }
}

/// The count is out: the switch of the counted modes. Gives the new count.
#[cold]
pub fn count_expired(th: &mut Thread) -> u64 {
    let mode = mode();
    match mode {
        Mode::Ticks(_) => {
            step_aside(th, Reason::Limit);
        }
        Mode::Py2 => {
            let_go(th, Reason::Limit);
        }
        Mode::Py32 if th.shared.pending.load(Relaxed) & pending::GIL != 0 => {
            th.shared.clear(pending::GIL);
            if th.shared.door.stray.load(SeqCst) {
                no_stray(th);
                let me = th.shared.clone();
                back(th, &me);
            } else {
                step_aside(th, Reason::Request);
            }
        }
        _ => {}
    }
    quantum(mode, th)
}

/// `time.sleep(0)`: lets another thread run if one wants to.
pub fn yield_now(th: &mut Thread) {
    let switched = match mode() {
        Mode::Off => {
            th.heap.blocking(std::thread::yield_now);
            false
        }
        Mode::Py2 => let_go(th, Reason::Yield),
        _ => step_aside(th, Reason::Yield),
    };
    if switched {
        fresh_count(th);
    }
}

/// A thread that acquires the GIL starts with a full count.
pub(super) fn fresh_count(th: &mut Thread) {
    let mode = mode();
    if mode.counted() {
        th.ran += th.quantum - th.left.min(th.quantum);
        th.quantum = quantum(mode, th);
        th.left = th.quantum;
    }
}

/// Leaves the machine: gives the GIL up, does `f` as stopped, comes back with the GIL. The one way to block.
pub(super) fn outside<T>(th: &mut Thread, reason: Reason, f: impl FnOnce(&Arc<Shared>) -> T) -> T {
    let me = th.shared.clone();
    if me.door.stray.load(SeqCst) {
        no_stray(th);
    }
    me.door.outside.store(true, SeqCst);
    stated_release(th, reason);
    let (result, trip) = th.heap.blocking(|| {
        give(&me, reason);
        let result = f(&me);
        let trip = take(&me);
        (result, trip)
    });
    stated_acquire(th, trip);
    // The mode may have changed between `take` and the end of a stop.
    if !holds(&me) {
        back(th, &me);
    }
    me.door.outside.store(false, SeqCst);
    if me.pending.load(Relaxed) & pending::GIL != 0 {
        me.clear(pending::GIL);
    }
    fresh_count(th);
    result
}

/// Does `f` as stopped while the thread waits for its next turn, or at once in this turn if nobody else wants one. Only
/// for what waits for no other thread: when the turn comes before `f` is done, everybody waits for it. `enter` is
/// stated if the turn ends.
pub(super) fn beside<T>(th: &mut Thread, enter: What, f: impl FnOnce(&Arc<Shared>) -> T) -> T {
    let me = th.shared.clone();
    let q = queue();
    let others = q.waiting.iter().any(|w| w.number != me.number);
    if !others || WORD.load(SeqCst) & !WAITERS != name(&me) | HELD {
        drop(q);
        return th.heap.blocking(|| f(&me));
    }
    COUNTS.reasons[Reason::Blocking as usize].fetch_add(1, Relaxed);
    event::emit(th, enter);
    stated_release(th, Reason::Blocking);
    me.door.outside.store(true, SeqCst);
    queue_up(q, &me);
    let (result, trip) = th.heap.blocking(|| {
        let result = f(&me);
        (result, take(&me))
    });
    stated_acquire(th, trip);
    if !holds(&me) {
        back(th, &me);
    }
    me.door.outside.store(false, SeqCst);
    event::emit(th, What::Leave);
    fresh_count(th);
    result
}

/// The first turn of a thread whose record stands in the table: waits for the GIL.
pub(super) fn enter(th: &mut Thread) {
    let me = th.shared.clone();
    back(th, &me);
    th.quantum = quantum(mode(), th);
    th.left = th.quantum;
}

/// The last of a thread: it does not come back.
pub(super) fn leave(th: &mut Thread) {
    if th.shared.door.stray.load(SeqCst) {
        no_stray(th);
    }
    th.shared.door.outside.store(true, SeqCst);
    stated_release(th, Reason::End);
    give(&th.shared, Reason::End);
}

fn stated_release(th: &mut Thread, reason: Reason) {
    if !event::listening() || mode() == Mode::Off {
        return;
    }
    let (now, asked) = (event::now(), th.shared.door.asked.swap(0, SeqCst));
    let native = match th.shared.door.asked_in.load(SeqCst) {
        _ if asked == 0 || now.saturating_sub(asked) < NATIVE_NS => 0,
        // What blocks now does not keep the GIL.
        at if reason == Reason::Blocking && at == th.native.load(Relaxed) as usize => 0,
        at => at,
    };
    event::record(th, now, What::GilRelease { reason, native });
}

fn stated_acquire(th: &mut Thread, trip: Trip) {
    if !event::listening() || mode() == Mode::Off {
        return;
    }
    th.shared.door.asked.store(0, SeqCst);
    if let Some(at) = trip.waited {
        event::record(th, at, What::GilWait);
        for at in trip.false_wakes {
            event::record(th, at, What::FalseWake);
        }
    }
    event::emit(th, What::GilAcquire);
}

impl Thread {
    /// Instructions that this thread has run, as of its last helper; 0 where they are not counted.
    pub fn instructions(&self) -> u64 {
        if counts(mode()) { self.ran + self.quantum.saturating_sub(self.left) } else { 0 }
    }
}

/// Changes the mode while threads run. They take up the new one at their next poll or on their way out of the door.
pub fn change(th: &mut Thread, new: Mode) {
    let me = th.shared.clone();
    stopped(th, || {
        let mut q = queue();
        let old = mode();
        super::mode::set(new);
        if new == Mode::Off {
            for w in q.waiting.drain(..) {
                w.door.turn.store(turn::GRANTED, SeqCst);
                w.door.notify(wake::TURN);
            }
            WORD.store(0, SeqCst);
        } else if old == Mode::Off {
            WORD.store(name(&me) | HELD, SeqCst);
            me.door.stray.store(false, SeqCst);
            let mut strays = 0;
            threads::each(|other| {
                other.shared.door.turn.store(turn::NONE, SeqCst);
                if other.shared.number != me.number && !other.shared.door.outside.load(SeqCst) {
                    other.shared.door.stray.store(true, SeqCst);
                    other.shared.ask(pending::GIL);
                    strays += 1;
                }
            });
            STRAYS.store(strays, SeqCst);
        } else {
            for w in &q.waiting {
                w.door.notify(wake::TURN);
            }
        }
    });
}

/// A stray thread is about to queue up for the GIL; the last one ends locked mutation.
fn no_stray(th: &mut Thread) {
    if th.shared.door.stray.swap(false, SeqCst) && STRAYS.fetch_sub(1, SeqCst) == 1 {
        retable(th);
    }
}

/// Whether mutations must take object locks: several threads without a GIL.
pub fn locked() -> bool {
    STRAYS.load(SeqCst) > 0 || mode() == Mode::Off && threads::alive() > 1
}

/// Brings handlers and object locks of all threads in line with the mode and the number of threads.
pub(super) fn retable(th: &mut Thread) {
    stopped(th, || {});
}

/// Stops the world, does `f`, then brings handlers and object locks in line. All in one stop, so that neither the
/// mode nor the number of threads can change in between.
fn stopped(th: &mut Thread, f: impl FnOnce()) {
    let heap: *mut crate::heap::Mutator = &mut th.heap;
    // SAFETY: the mutator is part of the caller's record; inside the stop `set_shared` only finds that this thread
    // is the stopper and sets plain fields.
    unsafe {
        (*heap).stop_world(|| {
            f();
            tables();
            (*heap).set_shared(locked());
        });
    }
}

/// Gives every thread the handlers of the mode, in a stopped world.
fn tables() {
    let (mode, table) = (mode(), table());
    threads::each(|th| {
        let table = if th.tracing.is_some() { traced::table(locked()) } else { table };
        if th.table != table {
            th.table = table;
            th.shared.ask(pending::TABLE);
        }
        if !mode.counted() {
            th.ran += th.quantum.saturating_sub(th.left);
            th.quantum = ENDLESS;
            th.left = ENDLESS;
        } else if th.quantum == ENDLESS {
            th.ran += th.quantum.saturating_sub(th.left);
            th.quantum = quantum(mode, th);
            th.left = th.quantum;
        }
    });
}

/// Gives the calling thread the handlers that fit, after it began or ended to be watched.
pub(super) fn own_table(th: &mut Thread) {
    th.table = if th.tracing.is_some() { traced::table(locked()) } else { table() };
}

/// The handlers that a thread uses now, unless it is watched.
pub(super) fn table() -> *const super::dispatch::Handler {
    super::dispatch::table(counts(mode()), locked())
}

/// Whether instructions are counted: where turns end by count, or because a report wants to know.
pub fn counts(mode: Mode) -> bool {
    mode.counted() || event::counting()
}

/// From now on only the caller gets the GIL: the process ends.
pub(super) fn close(th: &Thread) {
    let me = th.shared.number as u64 + 1;
    let _ = CLOSED.compare_exchange(0, me, SeqCst, SeqCst);
}

/// Where a thread stays that wants the GIL while another one ends the process.
fn closed(me: &Shared) {
    if CLOSED.load(SeqCst) == me.number as u64 + 1 {
        return;
    }
    loop {
        me.door.sleep(0, None);
    }
}

/// In the child of a fork: the caller is the only thread and holds the GIL.
pub(super) fn after_fork(me: &Shared) {
    let mut q = queue();
    std::mem::forget(std::mem::take(&mut q.waiting));
    STRAYS.store(0, SeqCst);
    WORD.store(if mode() == Mode::Off { 0 } else { name(me) | HELD }, SeqCst);
}

/// The runtime's own lock here, held across a fork.
pub(super) fn hold_for_fork() -> impl Sized {
    queue()
}
