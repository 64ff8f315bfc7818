//! Script threads: their records, their OS threads, their start and end.
//!
//! Invariants: a record is made, and put into the table that the collector reads, by the parent before the OS thread
//! runs it; what crosses to the other thread is its address only. A record leaves the table before it is freed.
//! OS threads and value stacks of ended threads are kept for the next ones, so that starting is cheap.

use super::door::{self, Kind, Seat, What, Woken};
use super::event::{self, What as Fact};
use super::gil::{self, Mode};
use super::thread::{R, Shared, State, Thread, pending};
use super::{error, frame, signal, wait};
use crate::heap::cell::{Header, Kind as CellKind};
use crate::heap::object::Layout;
use crate::heap::{Mutator, Raw, Value, roots};
use crossbeam::sync::{Parker, Unparker};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::*};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bytes of the main thread's value stack; pages are committed when touched.
const MAIN_STACK: usize = 512 << 20;
/// Bytes of another thread's value stack.
const STACK: usize = 64 << 20;
/// Native stack of a thread unless `stack_size` says otherwise.
const NATIVE: usize = 8 << 20;
/// What natives must leave of the native stack.
const MARGIN: usize = 192 << 10;
/// Most OS threads, and value stacks, kept for later.
const KEPT: usize = 32;
/// A value stack that grew beyond this gives its pages back when its thread ends.
const TOUCHED: usize = 256 << 10;

/// Smallest native stack that may be asked for.
pub const LEAST_STACK: usize = 52 << 10;

/// Ended threads that are remembered by name.
const REMEMBERED: usize = 256;
/// Number, name, and whether an exception ended it.
static GONE: Mutex<VecDeque<(u32, String, bool)>> = Mutex::new(VecDeque::new());
/// Instructions run by ended threads.
static GONE_RAN: AtomicU64 = AtomicU64::new(0);

struct Entry {
    record: *mut Thread,
    shared: Arc<Shared>,
}
// SAFETY: the record is followed by its own thread, or while the world is stopped.
unsafe impl Send for Entry {}

static TABLE: Mutex<Vec<Entry>> = Mutex::new(Vec::new());
static NEXT: AtomicU32 = AtomicU32::new(0);
static ALIVE: AtomicUsize = AtomicUsize::new(0);
/// Number of the thread that runs signal handlers and ends the process.
static MAIN: AtomicU32 = AtomicU32::new(0);
/// Native stack size asked for, 0: the default.
static NATIVE_SIZE: AtomicUsize = AtomicUsize::new(0);
static IDLE: Mutex<Vec<Arc<Worker>>> = Mutex::new(Vec::new());
static STACKS: Mutex<Vec<usize>> = Mutex::new(Vec::new());

fn locked<T>(m: &'static Mutex<T>) -> MutexGuard<'static, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `f` with every thread's record. Only in a stopped world; `f` must not start or end threads.
pub fn each(mut f: impl FnMut(&mut Thread)) {
    for e in locked(&TABLE).iter() {
        // SAFETY: the record is in the table, so it is alive, and its thread is stopped.
        f(unsafe { &mut *e.record });
    }
}

/// The shared part of the thread of that number, if it is alive.
pub fn shared(number: u32) -> Option<Arc<Shared>> {
    locked(&TABLE).iter().find(|e| e.shared.number == number).map(|e| e.shared.clone())
}

/// Shared parts of the threads that `f` picks out. It must not start or end threads, nor ask for them.
pub(super) fn those(f: impl Fn(&Shared) -> bool) -> Vec<Arc<Shared>> {
    locked(&TABLE).iter().filter(|e| f(&e.shared)).map(|e| e.shared.clone()).collect()
}

/// Calls `f` with the record, the shared part and the native call of every thread, the table being locked. `f` reads
/// nothing else of a record than its own OS thread tells it.
pub(super) fn look(mut f: impl FnMut(*mut Thread, &Shared, &AtomicPtr<super::native::Def>)) {
    for e in locked(&TABLE).iter() {
        // SAFETY: the record is in the table, so it is alive; only the one atomic field is touched.
        f(e.record, &e.shared, unsafe { &(*e.record).native });
    }
}

/// Whether a thread of that number is there and has not ended.
pub fn lives(number: u32) -> bool {
    locked(&TABLE).iter().any(|e| e.shared.number == number && e.shared.state() != State::Ended)
}

/// Address of the `native::Def` of the call in which that thread is, 0 if it is in none or has ended.
pub(super) fn native_of(number: u32) -> usize {
    let table = locked(&TABLE);
    let record = table.iter().find(|e| e.shared.number == number).map(|e| e.record);
    // SAFETY: the record is in the table, so it is alive; only the one atomic field is touched.
    record.map_or(0, |r| unsafe { (*r).native.load(Relaxed) as usize })
}

/// Shared parts of all threads, in order of creation.
pub fn all() -> Vec<Arc<Shared>> {
    locked(&TABLE).iter().map(|e| e.shared.clone()).collect()
}

/// Number of script threads that have been started and have not ended, the main thread included.
pub fn alive() -> usize {
    ALIVE.load(SeqCst)
}

/// Whether this is the thread that runs signal handlers.
#[inline]
pub fn is_main(me: &Shared) -> bool {
    me.number == MAIN.load(Relaxed)
}

/// The main thread's shared part.
pub fn main_shared() -> Option<Arc<Shared>> {
    shared(MAIN.load(Relaxed))
}

/// `threading.get_ident()` of the thread of that number.
pub fn ident(number: u32) -> u64 {
    0x7f00_0000_0000 + ((number as u64 + 1) << 12)
}

/// The number behind an ident.
pub fn number_of(ident: u64) -> Option<u32> {
    let n = ident.checked_sub(0x7f00_0000_1000)?;
    (n & 0xfff == 0 && n >> 12 <= u32::MAX as u64).then_some((n >> 12) as u32)
}

/// `threading.stack_size()`.
pub fn stack_size() -> usize {
    NATIVE_SIZE.load(Relaxed)
}

/// Sets the native stack size of threads to come; `false` if it is not a possible one.
pub fn set_stack_size(n: usize) -> bool {
    let fits = n == 0 || (LEAST_STACK..=1 << 40).contains(&n);
    if fits {
        NATIVE_SIZE.store(n, Relaxed);
    }
    fits
}

/// Everything that thread records hold: a listed root.
fn list(f: &mut dyn FnMut(Value)) {
    each(|th| {
        let hooks = [th.asyncgen_first, th.asyncgen_last, th.traced, th.context, th.decimal];
        for v in [th.raised, th.handled, th.handle, th.locals, th.async_exc].into_iter().chain(hooks) {
            f(v);
        }
        th.kept.iter().chain(&th.repr_guard).for_each(|v| f(*v));
    });
}

/// The live script registers of an attached thread.
fn registers(m: *const Mutator, f: &mut dyn FnMut(u64)) {
    // SAFETY: the mutator is the first field of a thread record, which is attached and stopped.
    frame::scan(unsafe { &*(m as *const Thread) }, f);
}

/// Reserves a value stack: its lowest word and its size in words.
fn reserve(bytes: usize) -> Option<(*mut Value, usize)> {
    let mut n = bytes;
    while n >= 1 << 20 {
        // SAFETY: a fresh private mapping, committed by the kernel page by page.
        let p = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                n,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        if p != libc::MAP_FAILED {
            return Some((p as *mut Value, n / 8));
        }
        n /= 2;
    }
    None
}

fn value_stack() -> Option<(*mut Value, usize)> {
    match locked(&STACKS).pop() {
        Some(p) => Some((p as *mut Value, STACK / 8)),
        None => reserve(STACK),
    }
}

/// Keeps, or returns to the system, the value stack of an ended thread.
fn drop_stack(th: &Thread) {
    let bytes = th.stack_end as usize - th.stack as usize;
    let mut kept = locked(&STACKS);
    // SAFETY: the mapping was made by `reserve` with that size and nobody uses it any more.
    unsafe {
        if bytes != STACK || kept.len() >= KEPT {
            libc::munmap(th.stack.cast(), bytes);
            return;
        }
        if th.soft_limit as usize > th.stack as usize + TOUCHED {
            libc::madvise(th.stack.cast(), bytes, libc::MADV_DONTNEED);
        }
    }
    kept.push(th.stack as usize);
}

/// A record for the next thread, not yet in the table.
fn record(stack: (*mut Value, usize)) -> Box<Thread> {
    let number = NEXT.fetch_add(1, SeqCst);
    let heap = Mutator::detached();
    // SAFETY: the heap never returns the memory of a pending word.
    let word: &'static AtomicU32 = unsafe { &*heap.pending };
    let shared = Arc::new(Shared {
        pending: word,
        state: std::sync::atomic::AtomicU8::new(State::Run as u8),
        number,
        ident: ident(number),
        native_id: AtomicU64::new(0),
        line: AtomicU32::new(0),
        name: Mutex::new(if number == 0 { "MainThread".to_string() } else { format!("Thread-{number}") }),
        door: Seat::new(),
    });
    let mut th = Box::new(Thread {
        heap,
        pending: word,
        pc: std::ptr::null(),
        base: std::ptr::null_mut(),
        next_pc: std::ptr::null(),
        next_base: std::ptr::null_mut(),
        top: std::ptr::null_mut(),
        soft_limit: stack.0,
        table: gil::table(),
        left: 0,
        quantum: 0,
        raised: Value::UNBOUND,
        handled: Value::NONE,
        yielded: false,
        stack: stack.0,
        // SAFETY: one past the end of the mapping.
        stack_end: unsafe { stack.0.add(stack.1) },
        native_limit: 0,
        ran: 0,
        next_hash: 0,
        shared,
        handle: Value::NONE,
        locals: Value::UNBOUND,
        context: Value::UNBOUND,
        decimal: Value::UNBOUND,
        async_exc: Value::UNBOUND,
        asyncgen_first: Value::NONE,
        asyncgen_last: Value::NONE,
        traced: Value::UNBOUND,
        tracing: None,
        kept: Vec::new(),
        repr_guard: Vec::new(),
        depth: 0,
        reason: 0,
        failed: false,
        native: AtomicPtr::new(std::ptr::null_mut()),
        log: None,
        open: None,
        entered: None,
    });
    th.quantum = gil::quantum(gil::mode(), &mut th);
    th.left = th.quantum;
    th
}

fn enlist(record: *mut Thread) {
    // SAFETY: the caller has just made it.
    let shared = unsafe { (*record).shared.clone() };
    locked(&TABLE).push(Entry { record, shared });
    ALIVE.fetch_add(1, SeqCst);
}

/// Makes the calling OS thread the main script thread, with the GIL. The mode has been set (`gil::begin`).
pub fn main() -> &'static mut Thread {
    roots::add(list);
    // A collection may drop names and cells that look-ups remember.
    roots::add(|_| super::memo::forget());
    roots::set_frames(registers);
    let stack = reserve(MAIN_STACK).expect("no room for the value stack");
    let th = Box::leak(record(stack));
    enlist(th);
    Native::here().settle(th);
    th.heap.attach();
    gil::enter(th);
    event::emit(th, Fact::Start { by: 0 });
    th
}

/// What is known of an OS thread: its kernel id, and the native stack pointer below which natives must not go.
#[derive(Clone, Copy)]
struct Native {
    id: u64,
    limit: usize,
}

impl Native {
    /// The calling thread's.
    fn here() -> Native {
        // SAFETY: asks the kernel and the C library about the calling thread.
        unsafe {
            let id = libc::syscall(libc::SYS_gettid) as u64;
            let mut attr: libc::pthread_attr_t = std::mem::zeroed();
            let (mut low, mut size) = (std::ptr::null_mut(), 0);
            if libc::pthread_getattr_np(libc::pthread_self(), &mut attr) == 0 {
                libc::pthread_attr_getstack(&attr, &mut low, &mut size);
                libc::pthread_attr_destroy(&mut attr);
            }
            // A main thread without a limit reports a stack that reaches down to other mappings.
            let top = low as usize + size;
            Native { id, limit: top - size.min(1 << 30) + MARGIN.min(size / 2) }
        }
    }

    fn settle(self, th: &mut Thread) {
        th.shared.native_id.store(self.id, Release);
        th.native_limit = self.limit;
    }
}

/// The end of a thread, as the object that joins it sees it: a record.
#[repr(C)]
pub struct Handle {
    h: Header,
    /// 0 not started, 1 started, 2 ended.
    state: Raw,
    /// Number + 1 of the thread.
    number: Raw,
    /// Not 0: the program does not wait for the thread at its end.
    daemon: Raw,
}

// SAFETY: records of the handle class are made by `Handle::make` only, at this size; other records are told apart by
// their class before this layout is believed.
unsafe impl Layout for Handle {
    const KIND: CellKind = CellKind::Record;
}

impl Handle {
    /// A handle of a thread to come.
    pub fn make(th: &mut Thread, shape: u32) -> R {
        Ok(th.heap.new::<Handle>(shape, 0, 0)?.0)
    }

    fn key(&self) -> u64 {
        std::ptr::from_ref(self) as u64
    }

    /// Claims the handle for one start; `false` if it has been used.
    pub fn claim(&self) -> bool {
        self.state.atomic().compare_exchange(0, 1, SeqCst, SeqCst).is_ok()
    }

    /// Undoes a claim: the thread could not be started.
    fn unclaim(&self) {
        self.number.set(0);
        self.state.set(0);
    }

    /// Whether a thread was started with it.
    pub fn started(&self) -> bool {
        self.state.get() != 0
    }

    /// Whether the thread has ended.
    pub fn done(&self) -> bool {
        self.state.get() == 2
    }

    /// Says whether the program waits for the thread at its end.
    pub fn set_daemon(&self, daemon: bool) {
        self.daemon.set(daemon as usize);
    }

    /// Whether the program ends without waiting for the thread.
    pub fn is_daemon(&self) -> bool {
        self.daemon.get() != 0
    }

    /// Number of the thread.
    pub fn number(&self) -> Option<u32> {
        (self.number.get() as u32).checked_sub(1)
    }

    /// Says that the thread has ended and wakes those who wait for that.
    pub fn set_done(&self, th: &mut Thread) {
        for w in wait::wake_all(self.key(), || self.state.set(2)) {
            event::emit(th, Fact::Wake { other: w.number });
        }
    }

    /// Waits for the end of the thread; `false` when the deadline came first.
    pub fn join(&'static self, th: &mut Thread, deadline: Option<Instant>) -> R<bool> {
        loop {
            if self.done() {
                return Ok(true);
            }
            let mut still = || self.state.get() != 2;
            let what = What { kind: Kind::Join, object: self.key(), deadline, still: Some(&mut still) };
            match door::wait(th, what) {
                Woken::Ready => {}
                Woken::Timeout => return Ok(self.done()),
                Woken::Signal => signal::run_pending(th)?,
            }
        }
    }
}

/// Starts a thread that calls `func(*args, **kwargs)`. `handle` is a claimed [`Handle`] or None. Gives the number.
pub fn start(th: &mut Thread, func: Value, args: Value, kwargs: Value, handle: Value) -> R<u32> {
    let Some(stack) = value_stack() else { return Err(refused(th, handle)) };
    let mut child = record(stack);
    // The child's precise roots: what it is to call stands at the bottom of what it keeps.
    child.kept.extend([func, args, kwargs]);
    child.handle = handle;
    let number = child.shared.number;
    let by = th.shared.number;
    child.shared.door.outside.store(true, SeqCst);
    let shared = child.shared.clone();
    let record = Box::into_raw(child);
    enlist(record);
    if gil::mode() == Mode::Off && alive() == 2 {
        gil::retable(th);
    }
    if handle.is_ptr() {
        handle.get::<Handle>().number.set(number as usize + 1);
    }
    event::emit(th, Fact::Wake { other: number });
    gil::make_ready(&shared);
    if dispatch(Job { record, by }) {
        return Ok(number);
    }
    gil::withdraw(&shared);
    delist(record);
    if gil::mode() == Mode::Off && alive() == 1 {
        gil::retable(th);
    }
    // SAFETY: nobody but this function knows the record any more.
    let child = unsafe { Box::from_raw(record) };
    drop_stack(&child);
    Err(refused(th, handle))
}

#[cold]
fn refused(th: &mut Thread, handle: Value) -> super::Raised {
    if handle.is_ptr() {
        handle.get::<Handle>().unclaim();
    }
    th.runtime_error("can't start new thread")
}

/// Takes a record out of the table.
fn delist(record: *mut Thread) {
    locked(&TABLE).retain(|e| e.record != record);
    ALIVE.fetch_sub(1, SeqCst);
}

/// What an OS thread is to run.
#[derive(Clone, Copy)]
struct Job {
    record: *mut Thread,
    /// Number of the parent.
    by: u32,
}
// SAFETY: the record belongs to the OS thread that gets the job.
unsafe impl Send for Job {}

/// An OS thread that waits for its next script thread.
struct Worker {
    next: Mutex<Option<Job>>,
    unparker: Unparker,
    /// Its native stack size.
    native: usize,
}

/// Gives the job to an OS thread; `false` if the system refuses a new one.
fn dispatch(job: Job) -> bool {
    let native = match stack_size() {
        0 => NATIVE,
        n => n,
    };
    let worker = {
        let mut idle = locked(&IDLE);
        idle.iter().rposition(|w| w.native == native).map(|i| idle.swap_remove(i))
    };
    if let Some(w) = worker {
        *w.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(job);
        w.unparker.unpark();
        return true;
    }
    // Natives get what was asked for, above the margin that they must leave.
    std::thread::Builder::new()
        .name("minipy".to_string())
        .stack_size(native + 2 * MARGIN)
        .spawn(move || work(job, native))
        .is_ok()
}

/// The life of an OS thread: one script thread after the other.
fn work(first: Job, native: usize) {
    let parker = Parker::new();
    let me = Arc::new(Worker { next: Mutex::new(None), unparker: parker.unparker().clone(), native });
    let (mut job, here) = (first, Native::here());
    loop {
        live(job, here);
        {
            let mut idle = locked(&IDLE);
            if idle.len() >= KEPT {
                return;
            }
            idle.push(me.clone());
        }
        job = loop {
            let next = me.next.lock().unwrap_or_else(PoisonError::into_inner).take();
            match next {
                Some(job) => break job,
                None => parker.park(),
            }
        };
    }
}

/// One script thread from its first turn to its end.
fn live(job: Job, here: Native) {
    // SAFETY: this OS thread is the only one to run the record; the parent made it and let go of it.
    let th = unsafe { &mut *job.record };
    here.settle(th);
    th.heap.attach();
    gil::enter(th);
    event::emit(th, Fact::Start { by: job.by });
    let (func, args, kwargs) = (th.kept[0], th.kept[1], th.kept[2]);
    if th.call_ex(func, args, kwargs).is_err() {
        th.failed = true;
        error::uncaught_in_thread(th, func);
    }
    th.kept.clear();
    th.raised = Value::UNBOUND;
    th.handled = Value::NONE;
    th.locals = Value::UNBOUND;
    th.context = Value::UNBOUND;
    th.decimal = Value::UNBOUND;
    th.async_exc = Value::UNBOUND;
    th.asyncgen_first = Value::NONE;
    th.asyncgen_last = Value::NONE;
    super::traced::end(th);
    let handle = std::mem::replace(&mut th.handle, Value::NONE);
    ALIVE.fetch_sub(1, SeqCst);
    if gil::mode() == Mode::Off && alive() == 1 {
        gil::retable(th);
    }
    remember(th);
    if handle.is_ptr() {
        handle.get::<Handle>().set_done(th);
    }
    event::emit(th, Fact::End);
    th.shared.state.store(State::Ended as u8, Release);
    door::last_look(th);
    gil::leave(th);
    event::hand_in(th);
    locked(&TABLE).retain(|e| e.record != job.record);
    th.heap.detach();
    drop_stack(th);
    // SAFETY: the record is in no table and its thread is detached.
    drop(unsafe { Box::from_raw(job.record) });
}

/// Keeps the name of a thread that ends.
fn remember(th: &Thread) {
    let name = th.shared.name.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let mut gone = locked(&GONE);
    if gone.len() >= REMEMBERED {
        gone.pop_front();
    }
    gone.push_back((th.shared.number, name, th.failed));
    GONE_RAN.fetch_add(th.instructions(), Relaxed);
}

/// Threads that have ended, the last ones: number, name, and whether an exception ended it.
pub fn ended() -> Vec<(u32, String, bool)> {
    locked(&GONE).iter().cloned().collect()
}

/// Instructions run by threads that have ended.
pub fn ran_by_ended() -> u64 {
    GONE_RAN.load(Relaxed)
}

/// Raises `exc` in the thread of that number at its next call or backward jump; `false` if there is no such thread.
pub fn raise_in(th: &mut Thread, number: u32, exc: Value) -> bool {
    let mut found = false;
    th.heap.stop_world(|| {
        each(|t| {
            if t.shared.number == number && t.shared.state() != State::Ended {
                t.async_exc = exc;
                if exc.is_unbound() {
                    t.shared.clear(pending::ASYNC)
                } else {
                    t.shared.ask(pending::ASYNC)
                }
                found = true;
            }
        });
    });
    found
}

/// The handle of another thread that the program must wait for at its end.
pub fn unfinished(th: &mut Thread) -> Option<Value> {
    let mut found = None;
    let me = th.shared.number;
    th.heap.stop_world(|| {
        each(|t| {
            let h = t.handle;
            if h.is_ptr() && t.shared.number != me {
                let h = h.get::<Handle>();
                if h.daemon.get() == 0 && !h.done() {
                    found = found.or(Some(t.handle));
                }
            }
        });
    });
    found
}

/// Names the calling thread, for reports and for the system's tools.
pub fn set_name(th: &mut Thread, name: &str) {
    let short: Vec<u8> = name.bytes().filter(|b| *b != 0).take(15).chain([0]).collect();
    // SAFETY: a terminated text of at most 16 bytes, for the calling thread.
    unsafe { libc::pthread_setname_np(libc::pthread_self(), short.as_ptr().cast()) };
    *th.shared.name.lock().unwrap_or_else(PoisonError::into_inner) = name.to_string();
}

/// `os.fork`: 0 in the child, -1 with `errno` set on failure. In the child the caller is the only thread, and the
/// main one.
pub fn fork(th: &mut Thread) -> i32 {
    let me = th.shared.clone();
    let record: *mut Thread = th;
    let before = || {
        let table = (locked(&TABLE), locked(&IDLE), locked(&STACKS), locked(&GONE));
        (table, wait::hold_for_fork(), gil::hold_for_fork(), event::hold_for_fork())
    };
    let after = |locks, pid: i32| {
        drop(locks);
        if pid != 0 {
            return;
        }
        // The other threads do not exist here; their records and seats stay allocated, unused.
        let old = std::mem::take(&mut *locked(&TABLE));
        locked(&TABLE).push(Entry { record, shared: me.clone() });
        std::mem::forget(old);
        std::mem::forget(std::mem::take(&mut *locked(&IDLE)));
        ALIVE.store(1, SeqCst);
        MAIN.store(me.number, SeqCst);
        wait::after_fork();
        gil::after_fork(&me);
        door::after_fork(&me);
        super::observe::after_fork();
        signal::after_fork(&me);
        super::import::after_fork(me.number);
    };
    let pid = th.heap.fork(before, after);
    if pid == 0 {
        Native::here().settle(th);
        gil::retable(th);
        super::procs::forget();
        super::tag::after_fork();
        event::after_fork(th);
    } else if pid > 0 {
        super::procs::started(th, pid);
        event::emit(th, Fact::Fork { pid: pid as u32 });
    }
    pid
}
