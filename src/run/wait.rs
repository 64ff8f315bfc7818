//! Wait queues, and the lock built on them. A queue is an address with the threads that wait there in order of
//! arrival, so it is always known who waits for what and who woke whom.
//!
//! Invariants: a thread stands in at most one queue; it is taken out either by a waker or by itself, under the
//! lock of the queue's shard, and a waker makes it ready before that lock is released (LAW 12): a thread that finds
//! itself gone from its queue has been made ready. Addresses are those of cells that the waiting native holds.

use super::door::{self, Kind, Woken};
use super::event::{self, What};
use super::gil::{self, Mode};
use super::park::wake;
use super::thread::{R, Raised, Shared, Thread};
use super::{frame, load, signal, threads};
use crate::code::answer;
use crate::code::data::flag::LIBRARY;
use crate::heap::cell::{Header, Kind as CellKind};
use crate::heap::object::{Function, Layout};
use crate::heap::shape::Fx;
use crate::heap::{Raw, Slot, Value};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Relaxed, SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const SHARDS: usize = 64;

type Shard = HashMap<u64, VecDeque<Arc<Shared>>, Fx>;

static QUEUES: [Mutex<Shard>; SHARDS] = [const { Mutex::new(HashMap::with_hasher(Fx)) }; SHARDS];

fn shard(key: u64) -> MutexGuard<'static, Shard> {
    let spread = (key >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58;
    QUEUES[spread as usize].lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts the thread into the queue if `still` holds there.
pub(super) fn enqueue(key: u64, me: &Arc<Shared>, still: impl FnOnce() -> bool) -> bool {
    let mut s = shard(key);
    let yes = still();
    if yes {
        let queue = s.entry(key).or_default();
        // Who was woken in vain keeps its place.
        if me.door.starved.load(SeqCst) { queue.push_front(me.clone()) } else { queue.push_back(me.clone()) }
    }
    yes
}

/// Takes the thread out of the queue; `false` if a waker has done so already.
pub(super) fn leave(key: u64, me: &Shared) -> bool {
    let mut s = shard(key);
    let Some(queue) = s.get_mut(&key) else { return false };
    let Some(i) = queue.iter().position(|w| w.number == me.number) else { return false };
    queue.remove(i);
    if queue.is_empty() {
        s.remove(&key);
    }
    true
}

/// Takes the longest waiter out of the queue and makes it ready. `on` learns, under the queue's lock, who that is
/// and whether others stay, to bring the word that they wait for up to date.
pub(super) fn wake_one(key: u64, on: impl FnOnce(Option<&Shared>, bool)) -> Option<Arc<Shared>> {
    let mut s = shard(key);
    let Some(queue) = s.get_mut(&key) else {
        on(None, false);
        return None;
    };
    let first = queue.pop_front();
    let more = !queue.is_empty();
    if !more {
        s.remove(&key);
    }
    on(first.as_deref(), more);
    if let Some(w) = &first {
        ready(w);
    }
    drop(s);
    if let Some(w) = &first {
        w.door.rouse();
    }
    first
}

/// Wakes all who wait, in order.
pub(super) fn wake_all(key: u64, on: impl FnOnce()) -> Vec<Arc<Shared>> {
    let mut s = shard(key);
    on();
    let all: Vec<_> = s.remove(&key).into_iter().flatten().collect();
    all.iter().for_each(ready);
    drop(s);
    all.iter().for_each(|w| w.door.rouse());
    all
}

fn ready(w: &Arc<Shared>) {
    gil::make_ready(w);
    door::unstick(w);
    w.door.mark(wake::READY);
}

/// Who waits at an address, longest first.
pub fn waiters(key: u64) -> Vec<u32> {
    shard(key).get(&key).map_or(Vec::new(), |q| q.iter().map(|w| w.number).collect())
}

/// In the child of a fork: the waiting threads do not exist here.
pub(super) fn after_fork() {
    for s in &QUEUES {
        std::mem::forget(std::mem::take(&mut *s.lock().unwrap_or_else(PoisonError::into_inner)));
    }
}

/// All shards, held across a fork.
pub(super) fn hold_for_fork() -> Vec<MutexGuard<'static, Shard>> {
    QUEUES.iter().map(|s| s.lock().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// Bits of a lock's word.
const LOCKED: u64 = 1;
const AWAITED: u64 = 2;

/// A waiter that was woken in vain is handed the lock after this time; in ticks mode at once.
const FAIR: Duration = Duration::from_millis(1);

/// A lock as scripts have it, plain or reentrant: a record.
#[repr(C)]
pub struct Lock {
    h: Header,
    /// The function in which it was acquired last, or unbound.
    since: Slot,
    /// `LOCKED` and `AWAITED`.
    word: Raw,
    /// Number + 1 of the thread that acquired it, 0 while free.
    owner: Raw,
    /// The instruction that acquired it.
    pc: Raw,
    /// How often a reentrant lock is held.
    count: Raw,
    /// Bits of [`how`].
    how: Raw,
}

/// What is known of a lock, for reports on deadlocks.
mod how {
    /// A thread once released what another one had acquired: its owner is no proof.
    pub const FOREIGN: usize = 1;
    /// Only its holder can release it.
    pub const REENTRANT: usize = 2;
    /// It was acquired by `with`: its holder releases it.
    pub const WITH: usize = 4;
}

/// Shapes of the two lock classes: by them a lock is told from other records.
static SHAPES: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

// SAFETY: records of the lock classes are made by `Lock::make` only, at this size; other records are told apart by
// their class before this layout is believed.
unsafe impl Layout for Lock {
    const KIND: CellKind = CellKind::Record;
}

/// How long to wait for a lock.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Patience {
    /// Not at all.
    Try,
    /// Until then.
    Until(Instant),
    /// For ever.
    Forever,
}

/// A lock's state for reports.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// Number of the thread that holds it.
    pub by: Option<u32>,
    /// Where it was acquired.
    pub file: String,
    /// Line there, 0 if unknown.
    pub line: u32,
    /// Nobody but the holder will release it: it is reentrant, or held by `with` and was never handed over.
    pub proof: bool,
    /// Nobody but the holder can release it.
    pub reentrant: bool,
}

/// Why a plain lock is as good as lost when its holder ends: nobody else ever released it, and one of these holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The code that acquired it releases it itself at that line, on a path that was not taken.
    Missed(u32),
    /// No line of the program releases a lock.
    Never,
}

impl Lock {
    /// A free lock of the class that `shape` belongs to.
    pub fn make(th: &mut Thread, shape: u32) -> R {
        let (v, l) = th.heap.new::<Lock>(shape, 1, 0)?;
        l.since.set(Value::UNBOUND);
        if shape == SHAPES[1].load(Relaxed) {
            l.how.set(how::REENTRANT);
        }
        Ok(v)
    }

    /// States that a lock was made, by a line of the script or inside the library.
    pub fn state(&self, th: &mut Thread) {
        if event::hears_locks() && !th.base.is_null() {
            let code = frame::function(th.base).map(frame::code_of);
            let own = code.is_none_or(|c| c.flags & LIBRARY == 0 || c.filename.ends_with("_concurrency.mp"));
            event::emit(th, What::NewLock { object: self.key(), own });
        }
    }

    /// Makes the shapes of the plain and the reentrant class known.
    pub fn classes(plain: u32, reentrant: u32) {
        SHAPES[0].store(plain, Relaxed);
        SHAPES[1].store(reentrant, Relaxed);
    }

    /// `v` as a lock, if it is one of the two classes themselves.
    pub fn of(v: Value) -> Option<&'static Lock> {
        let shape = if v.is_kind(CellKind::Record) { v.header().shape() } else { return None };
        SHAPES.iter().any(|s| s.load(Relaxed) == shape).then(|| v.get::<Lock>())
    }

    fn key(&self) -> u64 {
        std::ptr::from_ref(self) as u64
    }

    /// Whether somebody holds it.
    pub fn locked(&self) -> bool {
        self.word.get() as u64 & LOCKED != 0
    }

    /// How often a reentrant lock is held.
    pub fn count(&self) -> usize {
        self.count.get()
    }

    /// Number of the thread that holds it.
    pub fn owner(&self) -> Option<u32> {
        (self.owner.get() as u32).checked_sub(1)
    }

    /// Whether this thread acquired it last and it was not released since.
    #[inline]
    pub fn is_mine(&self, th: &Thread) -> bool {
        self.owner.get() == th.shared.number as usize + 1
    }

    #[inline]
    fn try_take(&self) -> bool {
        let word = self.word.atomic();
        let mut now = word.load(Relaxed);
        while now & LOCKED == 0 {
            match word.compare_exchange_weak(now, now | LOCKED, SeqCst, Relaxed) {
                Ok(_) => return true,
                Err(n) => now = n,
            }
        }
        false
    }

    /// Notes who acquired it and where.
    #[inline]
    fn acquired(&self, th: &mut Thread) {
        self.owner.set(th.shared.number as usize + 1);
        self.how.set(self.how.get() & !how::WITH);
        let (func, pc) = place(th);
        self.since.set(func);
        self.pc.set(pc);
        event::emit(th, What::Acquire { object: self.key() });
    }

    /// Acquires; `false` if that was not possible in time. Raises only if it has not acquired.
    #[inline]
    pub fn acquire(&'static self, th: &mut Thread, patience: Patience) -> R<bool> {
        if self.try_take() {
            self.acquired(th);
            return Ok(true);
        }
        if patience == Patience::Try {
            return Ok(false);
        }
        self.acquire_slowly(th, patience)
    }

    /// Says that it was acquired by `with`.
    #[inline]
    pub fn within(&self) {
        self.how.set(self.how.get() | how::WITH);
    }

    /// Whether nobody but its holder will release it.
    pub fn proof(&self) -> bool {
        let how = self.how.get();
        how & how::REENTRANT != 0 || how & (how::WITH | how::FOREIGN) == how::WITH
    }

    /// Whether the holder of a plain lock has ended and nobody can be expected to release it.
    pub fn lost(&self) -> bool {
        let gone = self.owner().is_some_and(|by| self.locked() && !threads::lives(by));
        gone && self.if_lost().is_some()
    }

    /// Why nobody can be expected to release a plain lock once its holder has ended. A lock that a thread released
    /// for another one is handed over, and so may be one that its holder never releases itself.
    pub fn if_lost(&self) -> Option<Lost> {
        if self.how.get() & (how::REENTRANT | how::FOREIGN) != 0 {
            return None;
        }
        let f = self.since.get().cast::<Function>()?;
        if !load::releases() {
            return Some(Lost::Never);
        }
        let word = self.pc.get().wrapping_sub(f.entry.get()) / 8;
        let code = frame::code_of(f);
        let line = (word < code.words.len()).then(|| answer::answer(code, word as u32)).flatten();
        line.map(Lost::Missed)
    }

    #[cold]
    #[inline(never)]
    fn acquire_slowly(&'static self, th: &mut Thread, patience: Patience) -> R<bool> {
        let deadline = match patience {
            Patience::Until(d) => Some(d),
            _ => None,
        };
        let word = self.word.atomic();
        let begin = Instant::now();
        let mut vain = false;
        loop {
            // Locks may be had by whoever comes first, as CPython's; but not for ever.
            let starved = vain && (matches!(gil::mode(), Mode::Ticks(_)) || begin.elapsed() > FAIR);
            th.shared.door.starved.store(starved, SeqCst);
            th.shared.door.handed.store(false, SeqCst);
            let mut taken = false;
            let mut still = || {
                let mut now = word.load(SeqCst);
                loop {
                    let new = if now & LOCKED == 0 { now | LOCKED } else { now | AWAITED };
                    match word.compare_exchange(now, new, SeqCst, SeqCst) {
                        Ok(_) => {
                            taken = now & LOCKED == 0;
                            return !taken;
                        }
                        Err(n) => now = n,
                    }
                }
            };
            let what = door::What { kind: Kind::Lock, object: self.key(), deadline, still: Some(&mut still) };
            let woken = door::wait(th, what);
            let handed = th.shared.door.handed.swap(false, SeqCst);
            th.shared.door.starved.store(false, SeqCst);
            if taken || handed || woken != Woken::Signal && self.try_take() {
                self.acquired(th);
                return Ok(true);
            }
            match woken {
                Woken::Ready => vain = true,
                Woken::Timeout => return Ok(false),
                Woken::Signal => signal::run_pending(th)?,
            }
        }
    }

    /// Releases a lock that somebody holds; `false` if nobody does.
    #[inline]
    pub fn release(&self, th: &mut Thread) -> bool {
        if !self.locked() {
            return false;
        }
        if !self.is_mine(th) {
            self.how.set(self.how.get() | how::FOREIGN);
        }
        self.owner.set(0);
        event::emit(th, What::Release { object: self.key() });
        if self.word.atomic().compare_exchange(LOCKED, 0, SeqCst, SeqCst).is_err() {
            self.release_slowly(th);
        }
        true
    }

    #[cold]
    #[inline(never)]
    fn release_slowly(&self, th: &mut Thread) {
        let word = self.word.atomic();
        let woken = wake_one(self.key(), |first, more| {
            let awaited = if more { AWAITED } else { 0 };
            match first {
                Some(w) if w.door.starved.load(SeqCst) => {
                    self.owner.set(w.number as usize + 1);
                    w.door.handed.store(true, SeqCst);
                    word.store(LOCKED | awaited, SeqCst);
                }
                _ => word.store(awaited, SeqCst),
            }
        });
        if let Some(w) = woken {
            event::emit(th, What::Wake { other: w.number });
        }
    }

    /// Acquires a reentrant lock once more, or for the first time.
    #[inline]
    pub fn acquire_again(&'static self, th: &mut Thread, patience: Patience) -> R<bool> {
        if self.is_mine(th) {
            self.count.set(self.count.get() + 1);
            return Ok(true);
        }
        let got = self.acquire(th, patience)?;
        if got {
            self.count.set(1);
        }
        Ok(got)
    }

    /// Releases a reentrant lock once; `false` if this thread does not hold it.
    #[inline]
    pub fn release_once(&self, th: &mut Thread) -> bool {
        if !self.is_mine(th) || !self.locked() {
            return false;
        }
        let n = self.count.get() - 1;
        self.count.set(n);
        n > 0 || self.release(th)
    }

    /// Releases a reentrant lock however often it is held; gives the count, 0 if this thread does not hold it.
    pub fn release_all(&self, th: &mut Thread) -> usize {
        if !self.is_mine(th) || !self.locked() {
            return 0;
        }
        let n = self.count.get();
        self.count.set(0);
        self.release(th);
        n
    }

    /// Acquires a reentrant lock and restores its count. What a signal handler raises meanwhile is put off until the
    /// lock is had, as in CPython: the `with` around the wait will release it. The second time it is not put off.
    pub fn restore(&'static self, th: &mut Thread, count: usize) -> R<()> {
        if self.acquire(th, Patience::Forever).is_ok() {
            self.count.set(count);
            return Ok(());
        }
        let first = std::mem::replace(&mut th.raised, Value::UNBOUND);
        let mark = th.keep(first);
        let again = self.acquire(th, Patience::Forever);
        th.drop_kept(mark);
        again?;
        self.count.set(count);
        th.raised = first;
        Err(Raised)
    }

    /// Forgets holder and waiters: for the child of a fork.
    pub fn reset(&self) {
        self.word.set(0);
        self.owner.set(0);
        self.count.set(0);
        self.since.set(Value::UNBOUND);
    }

    /// Who holds it, since which line.
    pub fn held(&self) -> Held {
        let (proof, reentrant) = (self.proof(), self.how.get() & how::REENTRANT != 0);
        let Some(by) = self.owner() else { return Held { reentrant, ..Held::default() } };
        let (file, line) = match self.since.get().cast::<Function>() {
            Some(f) => {
                let code = frame::code_of(f);
                let word = self.pc.get().wrapping_sub(f.entry.get()) / 8;
                let line = if word < code.words.len() { code.position(word as u32).line } else { 0 };
                (code.filename.to_string(), line)
            }
            None => (String::new(), 0),
        };
        Held { by: Some(by), file, line, proof, reentrant }
    }
}

/// Who puts into a queue and who takes from it: a record that the queue keeps. Numbers of threads beyond the last bit
/// share it.
#[repr(C)]
pub struct QueueLog {
    h: Header,
    puts: Raw,
    gets: Raw,
    /// Bits of the threads that have put.
    putters: Raw,
    /// Bits of the threads that have taken.
    getters: Raw,
    /// Most items inside.
    most: Raw,
}

// SAFETY: records of the class are made by `QueueLog::make` only, at this size; other records are told apart by
// their class before this layout is believed.
unsafe impl Layout for QueueLog {
    const KIND: CellKind = CellKind::Record;
}

static LOG_SHAPE: AtomicU32 = AtomicU32::new(0);

impl QueueLog {
    /// A fresh one, of the class that `shape` belongs to.
    pub fn make(th: &mut Thread, shape: u32) -> R {
        LOG_SHAPE.store(shape, Relaxed);
        Ok(th.heap.new::<QueueLog>(shape, 0, 0)?.0)
    }

    /// `v` as one of these.
    pub fn of(v: Value) -> Option<&'static QueueLog> {
        let ours = v.is_kind(CellKind::Record) && v.header().shape() == LOG_SHAPE.load(Relaxed);
        ours.then(|| v.get::<QueueLog>())
    }

    fn seen(&self, th: &mut Thread, by: &Raw) {
        let bit = 1u64 << th.shared.number.min(63);
        if by.get() as u64 & bit == 0 {
            by.atomic().fetch_or(bit, Relaxed);
        }
        let depth = (self.puts.get() as u64).saturating_sub(self.gets.get() as u64);
        self.most.set(self.most.get().max(depth as usize));
        event::emit(th, What::Depth { object: std::ptr::from_ref(self) as u64, depth: depth as u32 });
    }

    /// An item was put.
    pub fn put(&self, th: &mut Thread) {
        self.puts.atomic().fetch_add(1, Relaxed);
        self.seen(th, &self.putters);
    }

    /// An item was taken.
    pub fn got(&self, th: &mut Thread) {
        self.gets.atomic().fetch_add(1, Relaxed);
        self.seen(th, &self.getters);
    }

    /// Items put and items taken.
    pub fn counts(&self) -> (u64, u64) {
        (self.puts.get() as u64, self.gets.get() as u64)
    }

    /// Most items inside at a time.
    pub fn most(&self) -> u64 {
        self.most.get() as u64
    }

    /// Threads that have put, and threads that have taken.
    pub fn users(&self) -> (Vec<u32>, Vec<u32>) {
        let list = |bits: &Raw| (0..64).filter(|n| bits.get() >> n & 1 != 0).collect();
        (list(&self.putters), list(&self.getters))
    }
}

/// The function and instruction that the thread is at, library code left aside.
#[inline]
fn place(th: &Thread) -> (Value, usize) {
    if th.base.is_null() {
        return (Value::UNBOUND, 0);
    }
    match frame::function(th.base) {
        // SAFETY: the callee's word of a script frame.
        Some(f) if frame::code_of(f).flags & LIBRARY == 0 => (unsafe { *th.base.sub(3) }, th.pc as usize),
        _ => match frame::walk(th).find(|a| frame::code_of(a.func).flags & LIBRARY == 0) {
            // SAFETY: as above.
            Some(a) => (unsafe { *a.base.sub(3) }, a.func.entry.get() + a.word as usize * 8),
            None => (Value::UNBOUND, 0),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::park::Seat;
    use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

    fn somebody(number: u32) -> Arc<Shared> {
        Arc::new(Shared {
            pending: Box::leak(Box::new(AtomicU32::new(0))),
            state: AtomicU8::new(0),
            number,
            ident: 0,
            native_id: AtomicU64::new(0),
            line: AtomicU32::new(0),
            name: Mutex::new(String::new()),
            door: Seat::new(),
        })
    }

    #[test]
    fn queues_keep_the_order_of_arrival() {
        let key = 0xdead_0000;
        let all: Vec<_> = (1..5).map(somebody).collect();
        for w in &all {
            assert!(enqueue(key, w, || true));
        }
        assert!(!enqueue(key, &somebody(9), || false));
        assert_eq!(waiters(key), [1, 2, 3, 4]);
        assert!(leave(key, &all[1]));
        assert!(!leave(key, &all[1]));
        let starved = somebody(7);
        starved.door.starved.store(true, SeqCst);
        assert!(enqueue(key, &starved, || true));
        assert_eq!(waiters(key), [7, 1, 3, 4]);
        for w in all.iter().chain([&starved]) {
            leave(key, w);
        }
        assert!(waiters(key).is_empty());
    }
}
