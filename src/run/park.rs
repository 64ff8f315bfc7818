//! A thread's seat: where it sleeps and by what it is woken. Invariants: only its own thread sleeps in a seat;
//! whoever wakes it sets a bit of `wake` first, so a wake-up that comes early is not lost; a bit is cleared only
//! by the sleeper. The word is what the kernel compares before it puts the thread to sleep, and one bit of it says
//! that the thread sleeps there, so whoever wakes a thread that is awake makes no system call.

use std::sync::OnceLock;
use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst,
};
use std::time::{Duration, Instant};

/// Bits of a seat's wake word.
pub mod wake {
    /// What the thread waited for came true: a waker took it out of its queue.
    pub const READY: u32 = 1;
    /// The thread's turn at the GIL may have come.
    pub const TURN: u32 = 2;
    /// Something is pending that ends a wait: a signal.
    pub const LOOK: u32 = 4;
    /// The thread sleeps, or is about to: the kernel must be told.
    pub(super) const ASLEEP: u32 = 1 << 31;
}

/// A thread's place in the GIL's queue.
pub mod turn {
    /// Not in the queue.
    pub const NONE: u8 = 0;
    /// In the queue.
    pub const QUEUED: u8 = 1;
    /// Out of the queue: the GIL is held in this thread's name.
    pub const GRANTED: u8 = 2;
}

/// Where a thread sleeps.
#[repr(align(128))]
pub struct Seat {
    wake: AtomicU32,
    /// Sleeps that are still to come before it looks for a while first, and how many there were after the last
    /// look that was in vain.
    rest: AtomicU32,
    gap: AtomicU32,
    /// An eventfd that wakes the thread out of a poll, -1 until it polls.
    event: AtomicI32,
    /// Whether the thread is about to sleep, or sleeps, in a poll.
    polling: AtomicBool,
    /// A value of [`turn`]; changed only under the lock of the GIL's queue.
    pub(super) turn: AtomicU8,
    /// The thread is outside the machine: it does not hold the GIL and touches no heap word.
    pub(super) outside: AtomicBool,
    /// The GIL came into being while this thread ran without one: it acquires it at its next poll.
    pub(super) stray: AtomicBool,
    /// The lock that it waited for was handed to it.
    pub(super) handed: AtomicBool,
    /// It was woken in vain: the next release hands it the lock.
    pub(super) starved: AtomicBool,
    /// In a system call that only a signal can end.
    pub(super) opaque: AtomicBool,
    /// Code of the door's `Kind`, 0 while it does not wait, below the address or id of what it waits for: one word,
    /// so that other threads see the two together.
    waits: AtomicU64,
    /// What `waits` was when a signal came, until that is dealt with.
    was: AtomicU64,
    /// Whether the wait ends by itself: a deadline, a descriptor, a child.
    pub(super) timed: AtomicBool,
    /// An exception waits for it that ends its wait: see `door::doom`.
    pub(super) doomed: AtomicBool,
    /// When another thread first asked for the GIL in this turn, in nanoseconds since the program began, or 0; kept
    /// while events are recorded.
    pub(super) asked: AtomicU64,
    /// Address of the `native::Def` of the call in which this thread was then, or 0.
    pub(super) asked_in: AtomicUsize,
}

fn split(word: u64) -> (u8, u64) {
    (word as u8, word >> 8)
}

impl Default for Seat {
    fn default() -> Seat {
        Seat::new()
    }
}

impl Seat {
    /// An empty seat.
    pub fn new() -> Seat {
        Seat {
            wake: AtomicU32::new(0),
            rest: AtomicU32::new(0),
            gap: AtomicU32::new(GAP),
            event: AtomicI32::new(-1),
            polling: AtomicBool::new(false),
            turn: AtomicU8::new(turn::NONE),
            outside: AtomicBool::new(false),
            stray: AtomicBool::new(false),
            handed: AtomicBool::new(false),
            starved: AtomicBool::new(false),
            opaque: AtomicBool::new(false),
            waits: AtomicU64::new(0),
            was: AtomicU64::new(0),
            timed: AtomicBool::new(false),
            doomed: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            asked_in: AtomicUsize::new(0),
        }
    }

    /// The thread is about to wait for that: code of the door's `Kind`, address or id of the object, or 0.
    pub(super) fn begin_wait(&self, kind: u8, object: u64) {
        debug_assert!(object < 1 << 56);
        self.waits.store(object << 8 | u64::from(kind), SeqCst);
    }

    /// The thread waits no longer.
    pub(super) fn end_wait(&self) {
        self.waits.store(0, SeqCst);
    }

    /// A signal interrupts the wait, which goes on once it is dealt with.
    pub(super) fn put_off(&self) {
        self.was.store(self.waits.load(SeqCst), SeqCst);
    }

    /// The signal is dealt with.
    pub(super) fn signal_done(&self) {
        self.was.store(0, SeqCst);
    }

    /// For what the thread waits: kind and object, (0, 0) for nothing.
    pub(super) fn waits_for(&self) -> (u8, u64) {
        split(self.waits.load(SeqCst))
    }

    /// For what it waits, or waited until the signal came that it deals with.
    pub(super) fn waited_for(&self) -> (u8, u64) {
        match self.waits.load(SeqCst) {
            0 => split(self.was.load(SeqCst)),
            word => split(word),
        }
    }

    /// Sets bits without waking: `rouse` follows outside the waker's locks.
    pub fn mark(&self, bits: u32) {
        self.wake.fetch_or(bits, SeqCst);
    }

    /// Wakes the thread so that it sees the bits marked.
    pub fn rouse(&self) {
        if self.polling.load(SeqCst) {
            let one = 1u64;
            // SAFETY: the eventfd lives as long as the seat; a full counter means that it is readable anyway.
            unsafe { libc::write(self.event.load(SeqCst), (&raw const one).cast(), 8) };
        }
        if self.wake.load(SeqCst) & wake::ASLEEP != 0 {
            // SAFETY: wakes whoever sleeps on a word of a living seat.
            unsafe {
                let op = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
                libc::syscall(libc::SYS_futex, self.wake.as_ptr(), op, 1)
            };
        }
    }

    /// Sets bits and wakes the thread.
    pub fn notify(&self, bits: u32) {
        self.mark(bits);
        self.rouse();
    }

    /// Bits set and not yet cleared.
    pub fn bits(&self) -> u32 {
        self.wake.load(SeqCst)
    }

    /// Clears bits.
    pub fn clear(&self, bits: u32) {
        self.wake.fetch_and(!bits, SeqCst);
    }

    /// Sleeps until one of the bits is set (gives those) or the deadline has passed (gives 0). Own thread only.
    pub fn sleep(&self, until: u32, deadline: Option<Instant>) -> u32 {
        let mut now = self.bits();
        if now & until != 0 {
            return now & until;
        }
        now = self.wake.fetch_or(wake::ASLEEP, SeqCst) | wake::ASLEEP;
        while now & until == 0 {
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            if left.is_some_and(|l| l.is_zero()) {
                break;
            }
            self.wait_while(now, left);
            now = self.bits();
        }
        self.clear(wake::ASLEEP);
        now & until
    }

    /// Lets the kernel stop the thread if the wake word still is `now`; it may come back for no reason.
    fn wait_while(&self, now: u32, left: Option<Duration>) {
        let time = left.map(|l| libc::timespec {
            tv_sec: l.as_secs().min(1 << 40) as libc::time_t,
            tv_nsec: l.subsec_nanos() as libc::c_long,
        });
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the word and the time live through the call.
        unsafe {
            let op = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
            libc::syscall(libc::SYS_futex, self.wake.as_ptr(), op, now, time);
        }
    }

    /// As `sleep` without a deadline, but looks for the bits for a while without giving up the processor, if that
    /// was worth it lately. Waking a thread that sleeps on an idle processor takes longer than most turns, so two
    /// threads that take turns must both be caught awake for once: hence the length of a look.
    pub fn sleep_soon(&self, until: u32) -> u32 {
        let rest = self.rest.load(Relaxed);
        if rest > 0 {
            self.rest.store(rest - 1, Relaxed);
        } else if several_processors() {
            let got = self.look(until);
            if got != 0 {
                self.gap.store(GAP, Relaxed);
                return got;
            }
            let gap = self.gap.load(Relaxed);
            self.rest.store(gap, Relaxed);
            self.gap.store((gap * 2).min(GAP << 7), Relaxed);
        }
        self.sleep(until, None)
    }

    fn look(&self, until: u32) -> u32 {
        let mut begin = None;
        loop {
            for _ in 0..32 {
                let got = self.bits() & until;
                if got != 0 {
                    return got;
                }
                std::hint::spin_loop();
            }
            if begin.get_or_insert_with(Instant::now).elapsed() > LOOK {
                return 0;
            }
        }
    }

    /// Sleeps until one of the bits is set, `fd` shows one of `events`, or the deadline has passed. Gives the bits
    /// and whether the descriptor is ready. Own thread only.
    pub fn poll(&self, until: u32, fd: i32, events: i16, deadline: Option<Instant>) -> (u32, bool) {
        let own = self.event_fd();
        self.polling.store(true, SeqCst);
        let result = loop {
            let got = self.bits() & until;
            if got != 0 {
                break (got, false);
            }
            let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
            let mut fds = [
                libc::pollfd { fd, events, revents: 0 },
                libc::pollfd { fd: own, events: libc::POLLIN, revents: 0 },
            ];
            // SAFETY: two valid entries; poll writes only their revents.
            let n = unsafe { libc::poll(fds.as_mut_ptr(), 2, millis(left)) };
            if fds[1].revents != 0 {
                let mut count = 0u64;
                // SAFETY: a non-blocking read of eight bytes into a local.
                unsafe { libc::read(own, (&raw mut count).cast(), 8) };
            }
            if fds[0].revents != 0 {
                break (0, true);
            }
            if n <= 0 && left.is_some_and(|l| l.is_zero()) {
                break (0, false);
            }
        };
        self.polling.store(false, SeqCst);
        result
    }

    fn event_fd(&self) -> i32 {
        let fd = self.event.load(SeqCst);
        if fd >= 0 {
            return fd;
        }
        // SAFETY: no pointers; only the seat's own thread comes here, so the descriptor is made once.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        self.event.store(fd, SeqCst);
        fd
    }

    /// In the child of a fork: the eventfd is shared with the parent, so it is given up.
    pub fn after_fork(&self) {
        let fd = self.event.swap(-1, SeqCst);
        if fd >= 0 {
            // SAFETY: this process's copy of the descriptor; nobody else is left to use it.
            unsafe { libc::close(fd) };
        }
        self.wake.store(0, SeqCst);
        self.turn.store(turn::NONE, SeqCst);
        self.stray.store(false, SeqCst);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let fd = *self.event.get_mut();
        if fd >= 0 {
            // SAFETY: the seat owns the descriptor and nobody holds the seat any more.
            unsafe { libc::close(fd) };
        }
    }
}

/// How long a thread looks before it lets go of its processor.
const LOOK: Duration = Duration::from_micros(100);
/// Sleeps without a look after the first one that was in vain; each further one doubles it for some time.
const GAP: u32 = 32;

/// Whether another thread can run while this one looks.
fn several_processors() -> bool {
    static SEVERAL: OnceLock<bool> = OnceLock::new();
    *SEVERAL.get_or_init(|| std::thread::available_parallelism().is_ok_and(|n| n.get() > 1))
}

/// Timeout of a poll, rounded up so that a deadline is not missed by waking early.
fn millis(left: Option<Duration>) -> i32 {
    match left {
        None => -1,
        Some(d) => d.as_nanos().div_ceil(1_000_000).min(1 << 30) as i32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_wake_that_comes_early_is_kept() {
        let seat = Seat::new();
        seat.notify(wake::READY);
        assert_eq!(seat.sleep(wake::READY, None), wake::READY);
        seat.clear(wake::READY);
        let soon = Instant::now() + Duration::from_millis(2);
        assert_eq!(seat.sleep(wake::READY, Some(soon)), 0);
        assert!(Instant::now() >= soon);
    }

    #[test]
    fn a_poll_ends_by_wake_descriptor_or_deadline() {
        let seat = Arc::new(Seat::new());
        let mut pipe = [0; 2];
        // SAFETY: pipe2 writes two descriptors.
        assert_eq!(unsafe { libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC) }, 0);
        let soon = Instant::now() + Duration::from_millis(2);
        assert_eq!(seat.poll(wake::READY, pipe[0], libc::POLLIN, Some(soon)), (0, false));
        let other = seat.clone();
        let t = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            other.notify(wake::LOOK);
        });
        assert_eq!(seat.poll(wake::LOOK, pipe[0], libc::POLLIN, None), (wake::LOOK, false));
        t.join().unwrap();
        // SAFETY: one byte from a static into the pipe made above.
        unsafe { libc::write(pipe[1], c"x".as_ptr().cast(), 1) };
        assert_eq!(seat.poll(wake::READY, pipe[0], libc::POLLIN, None), (0, true));
        // SAFETY: the pipe made above.
        unsafe { (libc::close(pipe[0]), libc::close(pipe[1])) };
    }
}
