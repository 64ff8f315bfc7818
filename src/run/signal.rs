//! Signals: from the kernel's handler to a script's. The kernel's handler only sets bits and writes to an eventfd;
//! a plain thread (the process's first one) reads that, wakes the main thread out of the door, and interrupts it in a system call that nothing
//! else ends. Script handlers run in the main thread, at a script poll or when it leaves the door.
//!
//! Invariants: nothing here unparks a thread from inside a signal handler; a bit of `TRIPPED` is set before the main
//! thread's pending bit and read after that is cleared, so no signal is lost.

use super::native::{Args, Def, def};
use super::park::wake;
use super::thread::{R, Raised, Shared, Thread, pending};
use super::{door, error, frame, glance, threads};
use crate::code::data::flag;
use crate::heap::known::C;
use crate::heap::object::{Function, Method, Native};
use crate::heap::{Value, roots};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering::*};
use std::time::{Duration, Instant};

/// Signal numbers are below this.
pub const COUNT: usize = 65;

/// `SIG_DFL` as scripts see it.
pub const DEFAULT: Value = Value::int(0);
/// `SIG_IGN` as scripts see it.
pub const IGNORE: Value = Value::int(1);

/// Signals that have come and not been handled, a bit for each number.
static TRIPPED: AtomicU64 = AtomicU64::new(0);
/// The main thread's pending word.
static PENDING: AtomicPtr<AtomicU32> = AtomicPtr::new(std::ptr::null_mut());
static EVENT: AtomicI32 = AtomicI32::new(-1);
/// A script's descriptor that is told the numbers of signals, -1: none.
static WAKEUP: AtomicI32 = AtomicI32::new(-1);
static WATCHED: AtomicBool = AtomicBool::new(false);
static MAIN: AtomicU64 = AtomicU64::new(0);
/// Writes a dump of all threads.
static DUMPER: OnceLock<fn(&mut Thread)> = OnceLock::new();
/// Whether SIGQUIT is blocked until there is a dumper.
static HELD: AtomicBool = AtomicBool::new(false);
/// The main thread is to write one before anything else.
static DUMP: AtomicBool = AtomicBool::new(false);
/// Says what can be told of the threads while the main thread does not answer.
static GLANCER: OnceLock<fn()> = OnceLock::new();
/// A dump was asked for, and neither it nor a glance has been written.
static UNANSWERED: AtomicBool = AtomicBool::new(false);
/// How long the main thread may take to begin its dump.
const ANSWER: Duration = Duration::from_millis(200);
/// Script handlers by number: a listed root.
static HANDLERS: [AtomicU64; COUNT] = [const { AtomicU64::new(DEFAULT.0) }; COUNT];

/// Makes the frame object that handlers are given.
static FRAME: OnceLock<fn(&mut Thread) -> R> = OnceLock::new();

/// Sets what makes the frame object that handlers are given.
pub fn on_frame(f: fn(&mut Thread) -> R) {
    let _ = FRAME.set(f);
}

/// `signal.default_int_handler`.
pub static DEFAULT_INT: Def = def(
    "default_int_handler",
    "(signalnum, frame, /)",
    default_int,
    "The default handler for SIGINT installed by Python.\n\nIt raises KeyboardInterrupt.",
);

fn default_int(th: &mut Thread, _: Args) -> R {
    Err(interrupted(th))
}

fn interrupted(th: &mut Thread) -> Raised {
    match th.exception(C::KeyboardInterrupt, &[]) {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}

/// A signal that interrupts a system call and means nothing else.
fn nudge() -> i32 {
    libc::SIGRTMAX() - 3
}

extern "C" fn on_signal(number: i32) {
    if number > 0 && (number as usize) < COUNT {
        if number == libc::SIGQUIT {
            UNANSWERED.store(true, SeqCst);
        }
        trip(number as u32);
    }
}

extern "C" fn on_nudge(_: i32) {}

/// Marks a signal as come. Safe inside a signal handler.
pub fn trip(number: u32) {
    TRIPPED.fetch_or(1 << (number - 1), SeqCst);
    let word = PENDING.load(SeqCst);
    // SAFETY: pending words are never returned; the rest is a write of eight bytes, with errno put back.
    unsafe {
        if !word.is_null() {
            (*word).fetch_or(pending::SIGNAL, SeqCst);
        }
        let fd = EVENT.load(SeqCst);
        if fd >= 0 {
            let errno = *libc::__errno_location();
            let one = 1u64;
            libc::write(fd, (&raw const one).cast(), 8);
            *libc::__errno_location() = errno;
        }
        let fd = WAKEUP.load(SeqCst);
        if fd >= 0 {
            let errno = *libc::__errno_location();
            let byte = number as u8;
            libc::write(fd, (&raw const byte).cast(), 1);
            *libc::__errno_location() = errno;
        }
    }
}

/// Sets the descriptor that each signal's number is written to; gives the old one.
pub fn set_wakeup(fd: i32) -> i32 {
    WAKEUP.swap(fd, SeqCst)
}

/// Whether signals wait for this thread.
#[inline]
pub fn waiting(me: &Shared) -> bool {
    me.pending.load(SeqCst) & pending::SIGNAL != 0
}

/// Whether a signal waits for the main thread, or is on its way there: the system may have given it to that thread
/// before the thread has come to see it.
pub fn under_way() -> bool {
    let Some(main) = threads::main_shared() else { return false };
    if waiting(&main) || given_by_system(&main) {
        return true;
    }
    // Taken from the system just now: the handler has still to say so.
    std::thread::sleep(Duration::from_millis(1));
    waiting(&main)
}

/// Whether the system holds a signal that the main thread would handle.
fn given_by_system(main: &Shared) -> bool {
    let path = format!("/proc/self/task/{}/status", main.native_id.load(SeqCst));
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let set = |name: &str| {
        let row = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        row.and_then(|r| u64::from_str_radix(r.trim(), 16).ok()).unwrap_or(0)
    };
    (set("SigPnd") | set("ShdPnd")) & !set("SigBlk") & !set("SigIgn") != 0
}

/// Start-up, in the main thread: Ctrl-C raises KeyboardInterrupt, writing to a closed pipe is an error.
pub fn begin(th: &mut Thread) -> R<()> {
    roots::add(|f| HANDLERS.iter().for_each(|h| f(Value(h.load(Relaxed)))));
    settle(&th.shared);
    let interrupt = th.native(&DEFAULT_INT, Value::UNBOUND, Value::NONE)?;
    // SAFETY: a handler that is safe at any moment, and queries of dispositions.
    unsafe {
        let mut old: libc::sigaction = std::mem::zeroed();
        for number in 1..COUNT as i32 {
            if libc::sigaction(number, std::ptr::null(), &mut old) == 0 && old.sa_sigaction == libc::SIG_IGN {
                HANDLERS[number as usize].store(IGNORE.0, SeqCst);
            }
        }
        for number in [libc::SIGPIPE, libc::SIGXFSZ] {
            libc::signal(number, libc::SIG_IGN);
            HANDLERS[number as usize].store(IGNORE.0, SeqCst);
        }
        catch(nudge(), on_nudge as *const () as usize);
        catch_with(glance::signal(), glance::on_signal as *const () as usize, libc::SA_RESTART);
    }
    if handler(libc::SIGINT as u32) != IGNORE {
        HANDLERS[libc::SIGINT as usize].store(interrupt.0, SeqCst);
        // SAFETY: as above.
        unsafe { catch(libc::SIGINT, on_signal as *const () as usize) };
    }
    Ok(())
}

/// Sets who writes a dump of all threads on SIGQUIT, as long as the script has no handler for that, and who says in
/// its place what can be told before the main thread answers.
pub fn on_dump(f: fn(&mut Thread), glance: fn()) {
    let _ = GLANCER.set(glance);
    if DUMPER.set(f).is_ok() && handler(libc::SIGQUIT as u32) == DEFAULT {
        // SAFETY: a handler that is safe at any moment.
        unsafe { catch(libc::SIGQUIT, on_signal as *const () as usize) };
    }
    if HELD.swap(false, SeqCst) {
        mask_dumps(libc::SIG_UNBLOCK);
    }
}

/// First thing of a run: a SIGQUIT that comes before [`on_dump`] waits for it instead of ending the process.
pub fn hold_dumps() {
    HELD.store(!mask_dumps(libc::SIG_BLOCK), SeqCst);
}

/// Blocks SIGQUIT in this thread, or lets it through; whether it was blocked.
fn mask_dumps(how: i32) -> bool {
    // SAFETY: both sets are initialised before they are read.
    unsafe {
        let (mut set, mut old): (libc::sigset_t, libc::sigset_t) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGQUIT);
        libc::pthread_sigmask(how, &set, &mut old) == 0 && libc::sigismember(&old, libc::SIGQUIT) == 1
    }
}

/// Asks for a dump before the next signal is handled.
pub fn ask_dump() {
    UNANSWERED.store(true, SeqCst);
    DUMP.store(true, SeqCst);
}

/// Whether that is still to be done.
pub fn dump_waits() -> bool {
    DUMP.load(SeqCst)
}

/// Takes that back; whether it was still to be done.
fn withdraw_dump() -> bool {
    DUMP.swap(false, SeqCst)
}

fn dump(th: &mut Thread) {
    if let Some(f) = DUMPER.get() {
        f(th);
    }
    th.shared.door.signal_done();
}

/// Says that a dump is about to be written: nobody need say anything in its place.
pub fn answered() {
    UNANSWERED.store(false, SeqCst);
}

fn settle(main: &Shared) {
    PENDING.store(std::ptr::from_ref(main.pending).cast_mut(), SeqCst);
    // SAFETY: no pointers.
    unsafe {
        MAIN.store(libc::pthread_self() as u64, SeqCst);
        if EVENT.load(SeqCst) < 0 {
            EVENT.store(libc::eventfd(0, libc::EFD_CLOEXEC), SeqCst);
        }
    }
}

/// Makes the calling thread, which runs no script, the one that attends to signals (`attend`), before a thread that
/// does is started.
pub fn prepare() {
    // SAFETY: no pointers.
    EVENT.store(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) }, SeqCst);
    WATCHED.store(EVENT.load(SeqCst) >= 0, SeqCst);
}

/// Sets the disposition of a signal.
///
/// # Safety
/// `action` is `SIG_DFL`, `SIG_IGN` or a handler that is safe at any moment.
unsafe fn catch(number: i32, action: usize) -> i32 {
    // SAFETY: as the caller says. System calls are to be interrupted.
    unsafe { catch_with(number, action, 0) }
}

/// # Safety
/// As `catch`.
unsafe fn catch_with(number: i32, action: usize, flags: i32) -> i32 {
    // SAFETY: a zeroed sigaction is valid.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = action;
        new.sa_flags = libc::SA_ONSTACK | flags;
        libc::sigemptyset(&mut new.sa_mask);
        libc::sigaction(number, &new, std::ptr::null_mut())
    }
}

/// Lets no signal be handled in the calling thread, which runs no script: the script's masks must mean something.
pub fn block_all() {
    // SAFETY: a full set, for the calling thread.
    unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_BLOCK, &all, std::ptr::null_mut());
    }
}

/// Starts, once, the thread that wakes the main thread: called before the main thread blocks.
pub(super) fn watch() {
    if WATCHED.load(Relaxed) || EVENT.load(SeqCst) < 0 || WATCHED.swap(true, SeqCst) {
        return;
    }
    let started = std::thread::Builder::new().name("signals".to_string()).stack_size(64 << 10).spawn(attend);
    WATCHED.store(started.is_ok(), SeqCst);
}

/// Wakes the main thread when a signal comes, and sees to it that a dump is answered soon: for ever.
pub fn attend() {
    block_all();
    let mut late: Option<Instant> = None;
    loop {
        let mut fd = libc::pollfd { fd: EVENT.load(SeqCst), events: libc::POLLIN, revents: 0 };
        let left = late.map_or(-1, |t| t.saturating_duration_since(Instant::now()).as_millis() as i32 + 1);
        let mut count = 0u64;
        // SAFETY: one valid entry; reads eight bytes into a local.
        let came =
            unsafe { libc::poll(&mut fd, 1, left) > 0 && libc::read(fd.fd, (&raw mut count).cast(), 8) == 8 };
        if came {
            kick();
        }
        if !UNANSWERED.load(SeqCst) {
            late = None;
        } else if *late.get_or_insert_with(|| Instant::now() + ANSWER) <= Instant::now() {
            late = None;
            if UNANSWERED.swap(false, SeqCst)
                && let Some(f) = GLANCER.get()
            {
                f();
            }
        }
    }
}

/// Has the main thread, which is about to enter a system call with a signal waiting, interrupted there.
pub(super) fn interrupt_soon() {
    let one = 1u64;
    // SAFETY: writes eight bytes from a local.
    unsafe { libc::write(EVENT.load(SeqCst), (&raw const one).cast(), 8) };
}

/// Wakes the main thread wherever it blocks.
fn kick() {
    let Some(main) = threads::main_shared() else { return };
    main.door.notify(wake::LOOK);
    while waiting(&main) && main.door.opaque.load(SeqCst) {
        // SAFETY: the main thread lives as long as the process.
        unsafe { libc::pthread_kill(MAIN.load(SeqCst) as libc::pthread_t, nudge()) };
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Runs the handlers of the signals that have come; an exception of one is raised. Main thread only, else nothing.
#[cold]
pub fn run_pending(th: &mut Thread) -> R<()> {
    if let Some(text) = door::doom_of(&th.shared) {
        return Err(error::deadlock(th, &text));
    }
    if !threads::is_main(&th.shared) {
        return Ok(());
    }
    th.shared.clear(pending::SIGNAL);
    if withdraw_dump() {
        dump(th);
    }
    let mut bits = TRIPPED.swap(0, SeqCst);
    if bits & 1 << (libc::SIGQUIT - 1) == 0 {
        th.shared.door.signal_done();
    }
    while bits != 0 {
        let number = bits.trailing_zeros() + 1;
        bits &= bits - 1;
        if let Err(r) = handle(th, number) {
            if bits != 0 {
                TRIPPED.fetch_or(bits, SeqCst);
                th.shared.ask(pending::SIGNAL);
            }
            return Err(r);
        }
    }
    Ok(())
}

fn handle(th: &mut Thread, number: u32) -> R<()> {
    let h = handler(number);
    if number == libc::SIGQUIT as u32 {
        if h == DEFAULT { dump(th) } else { answered() }
    }
    if h.is_int() || h.is_none() {
        return Ok(());
    }
    if let Some(n) = h.cast::<Native>()
        && n.def.get() == &raw const DEFAULT_INT as usize
    {
        return Err(interrupted(th));
    }
    // The interrupted code's own exception state is not the handler's business.
    let raised = std::mem::replace(&mut th.raised, Value::UNBOUND);
    let mark = th.keep(raised);
    let r = match FRAME.get() {
        Some(frame) => frame(th),
        None => Ok(Value::NONE),
    };
    let r = r.and_then(|frame| th.call(h, &[Value::int(number as i64), frame]));
    th.drop_kept(mark);
    r?;
    th.raised = raised;
    Ok(())
}

/// The script's handler of a signal: `DEFAULT`, `IGNORE`, a callable, or None if it was not set by a script.
pub fn handler(number: u32) -> Value {
    Value(HANDLERS[number as usize].load(SeqCst))
}

/// Whether a handler of the script's own may bring threads back to life. What Ctrl-C does by default does not count,
/// nor what the library does with it.
pub fn scripted() -> bool {
    (1..COUNT as u32).any(|n| {
        let h = handler(n);
        let f = h.cast::<Method>().map_or(h, |m| m.func.get());
        let library = f.cast::<Function>().is_some_and(|f| frame::code_of(f).flags & flag::LIBRARY != 0);
        let default = h.cast::<Native>().is_some_and(|n| n.def.get() == &raw const DEFAULT_INT as usize);
        h.is_ptr() && !default && !(library && n == libc::SIGINT as u32)
    })
}

/// Sets the handler (`DEFAULT`, `IGNORE` or a callable); gives the old one, or the system's error number.
pub fn set_handler(number: u32, h: Value) -> Result<Value, i32> {
    let action = match h {
        DEFAULT if number == libc::SIGQUIT as u32 && DUMPER.get().is_some() => {
            on_signal as *const () as usize
        }
        DEFAULT => libc::SIG_DFL,
        IGNORE => libc::SIG_IGN,
        _ => on_signal as *const () as usize,
    };
    // SAFETY: one of the three.
    if unsafe { catch(number as i32, action) } != 0 {
        return Err(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL));
    }
    Ok(Value(HANDLERS[number as usize].swap(h.0, SeqCst)))
}

/// In the child of a fork: the caller is the main thread now, and nobody watches.
pub(super) fn after_fork(me: &Shared) {
    let fd = EVENT.swap(-1, SeqCst);
    if fd >= 0 {
        // SAFETY: this process's copy of the descriptor; the thread that read it does not exist here.
        unsafe { libc::close(fd) };
    }
    TRIPPED.store(0, SeqCst);
    WATCHED.store(false, SeqCst);
    me.clear(pending::SIGNAL);
    settle(me);
}
