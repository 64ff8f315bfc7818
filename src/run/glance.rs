//! What can be told of the threads at once, without stopping the world: for a dump that the machine does not answer,
//! since a thread is in a native call that takes its time.
//!
//! Invariant: nobody reads another thread's frames. A thread that waits has stated its line at the door; one that runs
//! is sent a signal, and its own OS thread says in the handler where it stands. Such a thread is at no collector stop,
//! so what its newest window refers to has not been freed since it was stored; at a stop the record is exact. The
//! handler allocates nothing and takes no lock; whoever asks holds the table of threads until it has answered.

use super::frame::{self, code_of};
use super::native::Def;
use super::thread::{State, Thread};
use super::{dispatch, threads};
use crate::code::data::flag;
use crate::code::op::Op;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU8, AtomicU32, AtomicUsize, Ordering::*};
use std::time::{Duration, Instant};

/// One thread.
#[derive(Clone, Debug)]
pub struct Glimpse {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// What it does.
    pub state: State,
    /// The native call in progress, if it runs.
    pub native: Option<&'static str>,
    /// File where that is known, and line.
    pub place: Option<(String, u32)>,
}

/// How long a thread may take to say where it is.
const PATIENCE: Duration = Duration::from_millis(50);
/// Frames looked at, at most.
const DEPTH: usize = 64;
/// Bytes kept of a file's name.
const NAME: usize = 256;

/// The record that is asked about, and the kernel's number of its OS thread.
static ASKED: AtomicPtr<Thread> = AtomicPtr::new(std::ptr::null_mut());
static OF: AtomicI32 = AtomicI32::new(0);
/// How far the question is.
static STEP: AtomicU8 = AtomicU8::new(step::NONE);
/// The answer.
static LINE: AtomicU32 = AtomicU32::new(0);
static LENGTH: AtomicUsize = AtomicUsize::new(0);
static FILE: [AtomicU8; NAME] = [const { AtomicU8::new(0) }; NAME];

mod step {
    pub const NONE: u8 = 0;
    pub const ASKED: u8 = 1;
    pub const TAKEN: u8 = 2;
    pub const DONE: u8 = 3;
}

/// The signal by which a thread is asked.
pub(super) fn signal() -> i32 {
    libc::SIGRTMAX() - 4
}

/// Its handler.
pub(super) extern "C" fn on_signal(_: i32) {
    // SAFETY: asks the kernel for a number.
    let me = unsafe { libc::syscall(libc::SYS_gettid) } as i32;
    if OF.load(SeqCst) != me || STEP.compare_exchange(step::ASKED, step::TAKEN, SeqCst, SeqCst).is_err() {
        return;
    }
    // SAFETY: whoever asks keeps the record in the table until the step is DONE, and it is this OS thread's own.
    let found = unsafe { place(&*ASKED.load(SeqCst)) };
    let (file, line) = found.unwrap_or(("", 0));
    let file = &file.as_bytes()[file.len().saturating_sub(NAME)..];
    file.iter().zip(&FILE).for_each(|(b, to)| to.store(*b, Relaxed));
    LENGTH.store(file.len(), Relaxed);
    LINE.store(line, Relaxed);
    STEP.store(step::DONE, SeqCst);
}

/// File and line of the innermost frame that is not library code. The record may be older than the machine's
/// registers: everything read is looked at before it is believed.
unsafe fn place(th: &Thread) -> Option<(&'static str, u32)> {
    let (mut base, mut at) = (th.base, th.pc as usize);
    // Whether `at` lies behind a call, and whether the frame above was a generator's.
    let (mut behind, mut above) = (false, false);
    for _ in 0..DEPTH {
        let low = th.stack as usize + 5 * 8;
        if !(low..th.stack_end as usize).contains(&(base as usize)) || !(base as usize).is_multiple_of(8) {
            return None;
        }
        let func = frame::function(base)?;
        let code = code_of(func);
        let mut word = at.wrapping_sub(func.entry.get()) / 8;
        if word >= code.words.len() {
            return None;
        }
        if behind {
            let starts = code.position(word as u32).word == word as u32;
            let resumes = above && starts && matches!(Op::of(code.words[word]), Op::ForIter | Op::Send);
            word -= if resumes { 0 } else { 1.min(word) };
        }
        if code.flags & flag::LIBRARY == 0 {
            return Some((&code.filename, code.position(word as u32).line));
        }
        above = frame::is_generator(func);
        // SAFETY: five words below the window lie inside the value stack.
        unsafe {
            at = (*base.sub(2)).0 as usize;
            behind = at != dispatch::halt() as usize;
            let link = if behind { 1 } else { 4 + above as usize };
            if !behind {
                at = (*base.sub(link + 1)).0 as usize;
            }
            base = (*base.sub(link)).0 as *mut _;
        }
    }
    None
}

/// Asks the OS thread of a record in the table, which is locked.
fn ask(record: *mut Thread, id: i32) -> Option<(String, u32)> {
    if id == 0 {
        return None;
    }
    ASKED.store(record, SeqCst);
    OF.store(id, SeqCst);
    STEP.store(step::ASKED, SeqCst);
    // SAFETY: a signal whose handler does nothing but answer; the number is one of this process's threads, or of none.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), id, signal()) };
    let end = Instant::now() + PATIENCE;
    while STEP.load(SeqCst) != step::DONE {
        // An answer that has begun comes soon.
        let late = Instant::now() > end;
        if late && STEP.compare_exchange(step::ASKED, step::NONE, SeqCst, SeqCst).is_ok() {
            return None;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    STEP.store(step::NONE, SeqCst);
    let bytes: Vec<u8> = FILE[..LENGTH.load(Relaxed)].iter().map(|b| b.load(Relaxed)).collect();
    let line = LINE.load(Relaxed);
    (line > 0).then(|| (String::from_utf8_lossy(&bytes).into_owned(), line))
}

/// All threads, in order. Called by a thread that runs no script.
pub fn all() -> Vec<Glimpse> {
    let mut out = Vec::new();
    threads::look(|record, shared, native| {
        let state = shared.state();
        if state == State::Ended {
            return;
        }
        let runs = state == State::Run;
        let line = shared.line.load(Relaxed);
        let place = match state {
            State::Run => ask(record, shared.native_id.load(Acquire) as i32),
            State::Gil => None,
            _ => (line > 0).then(|| (String::new(), line)),
        };
        // SAFETY: rows of natives are statics.
        let native = unsafe { native.load(Relaxed).as_ref() }.filter(|_| runs).map(|d: &Def| d.name);
        let name = shared.name.try_lock().map_or(String::new(), |n| n.clone());
        out.push(Glimpse { number: shared.number, name, state, native, place });
    });
    out.sort_by_key(|g| g.number);
    out
}
