//! Words that several processes share: cells of 64 bytes in arenas. An arena is memory without a name, known by a
//! descriptor: children of a fork have it, others are given the descriptor, and the system frees it when the last
//! process has let go of it, however that process ends. Invariant: a cell is handed out once and never again, and only
//! atomic words are read or written.

use super::util::errno;
use crate::run::door::{self, Kind};
use crate::run::{R, Thread, signal};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::Instant;

/// Words of a cell.
pub const WORDS: usize = 16;
const CELL: usize = WORDS * 4;
const CELLS: usize = 1024;
const SIZE: usize = CELL * CELLS;

/// Mapped memory; its first word counts the cells handed out by all processes.
struct Arena {
    base: *const AtomicU32,
    fd: i32,
    /// What tells whether two descriptors are about the same memory.
    inode: u64,
}

// SAFETY: the mapping lives as long as the arena and consists of atomic words.
unsafe impl Send for Arena {}
// SAFETY: as above.
unsafe impl Sync for Arena {}

impl Drop for Arena {
    fn drop(&mut self) {
        // SAFETY: mapping and descriptor are this arena's own.
        unsafe {
            libc::munmap(self.base.cast_mut().cast(), SIZE);
            libc::close(self.fd);
        }
    }
}

/// The arena that new cells come from.
static CURRENT: Mutex<Option<Arc<Arena>>> = Mutex::new(None);
/// Arenas of this process, to map none twice.
static KNOWN: Mutex<Vec<Weak<Arena>>> = Mutex::new(Vec::new());
/// How many forks lie between this process and the program's first one.
static FORKS: AtomicU32 = AtomicU32::new(0);

/// A number that changes in the child of a fork.
pub fn forks() -> u32 {
    static ONCE: Once = Once::new();
    extern "C" fn child() {
        FORKS.fetch_add(1, SeqCst);
    }
    // SAFETY: the handler only adds to a number.
    ONCE.call_once(|| unsafe {
        libc::pthread_atfork(None, None, Some(child));
    });
    FORKS.load(SeqCst)
}

fn locked<T>(m: &'static Mutex<T>) -> MutexGuard<'static, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inode(fd: i32) -> Result<u64, i32> {
    // SAFETY: fstat fills the struct.
    unsafe {
        let mut st: libc::stat = std::mem::zeroed();
        if libc::fstat(fd, &mut st) == 0 { Ok(st.st_ino) } else { Err(errno()) }
    }
}

impl Arena {
    /// Maps the memory behind a descriptor, which the arena owns from now on.
    fn map(fd: i32) -> Result<Arc<Arena>, i32> {
        let inode = inode(fd)?;
        let mut known = locked(&KNOWN);
        known.retain(|a| a.strong_count() > 0);
        if let Some(a) = known.iter().filter_map(Weak::upgrade).find(|a| a.inode == inode) {
            if a.fd != fd {
                // SAFETY: the caller has given the descriptor away.
                unsafe { libc::close(fd) };
            }
            return Ok(a);
        }
        // SAFETY: a new mapping of the whole arena; children that are other programs must not get the descriptor.
        let p = unsafe {
            libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC);
            libc::mmap(
                std::ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd,
                0,
            )
        };
        if p == libc::MAP_FAILED {
            return Err(errno());
        }
        let arena = Arc::new(Arena { base: p.cast(), fd, inode });
        known.push(Arc::downgrade(&arena));
        Ok(arena)
    }

    fn make() -> Result<Arc<Arena>, i32> {
        // SAFETY: plain calls with a terminated name.
        let fd = unsafe { libc::memfd_create(c"minipy-cells".as_ptr(), libc::MFD_CLOEXEC) };
        if fd < 0 {
            return Err(errno());
        }
        // SAFETY: a descriptor made just now.
        if unsafe { libc::ftruncate(fd, SIZE as libc::off_t) } != 0 {
            let e = errno();
            // SAFETY: as above.
            unsafe { libc::close(fd) };
            return Err(e);
        }
        Arena::map(fd)
    }
}

/// One cell.
#[derive(Clone)]
pub struct Cell {
    arena: Arc<Arena>,
    index: usize,
}

impl Cell {
    /// A new cell, all zero; an errno if the system has no memory or descriptors left.
    pub fn make() -> Result<Cell, i32> {
        let mut current = locked(&CURRENT);
        if let Some(arena) = &*current {
            // SAFETY: the first word of a mapped arena. A forked child takes cells of the same arena.
            let index = unsafe { &*arena.base }.fetch_add(1, SeqCst) as usize + 1;
            if index < CELLS {
                return Ok(Cell { arena: arena.clone(), index });
            }
        }
        let arena = Arena::make()?;
        // SAFETY: as above.
        unsafe { &*arena.base }.store(1, SeqCst);
        *current = Some(arena.clone());
        Ok(Cell { arena, index: 1 })
    }

    /// The cell that another process calls so. The descriptor is given away.
    pub fn attach(fd: i32, index: usize) -> Result<Cell, i32> {
        if index == 0 || index >= CELLS {
            return Err(libc::EINVAL);
        }
        Ok(Cell { arena: Arena::map(fd)?, index })
    }

    /// Descriptor and index, by which another process attaches itself.
    pub fn name(&self) -> (i32, usize) {
        (self.arena.fd, self.index)
    }

    /// A number for the cell.
    pub fn handle(&self) -> u64 {
        std::ptr::from_ref(self.word(0)) as u64
    }

    /// A word of the cell.
    pub fn word(&self, i: usize) -> &AtomicU32 {
        assert!(i < WORDS);
        // SAFETY: index and i are within the arena, which the cell keeps mapped.
        unsafe { &*self.arena.base.add(self.index * WORDS + i) }
    }
}

/// Takes one from the word if there is one.
pub fn take(word: &AtomicU32) -> bool {
    word.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok()
}

/// Takes one from the word, waiting in the door until there is one; `false` when the deadline has passed. Raises only
/// if it has not taken.
pub fn take_in_time(th: &mut Thread, word: &AtomicU32, kind: Kind, deadline: Option<Instant>) -> R<bool> {
    loop {
        if take(word) {
            return Ok(true);
        }
        let left = match deadline {
            None => None,
            Some(d) => match d.checked_duration_since(Instant::now()) {
                Some(left) if !left.is_zero() => Some(left),
                _ => return Ok(false),
            },
        };
        let time = left.map(|l| libc::timespec {
            tv_sec: l.as_secs().min(i32::MAX as u64) as libc::time_t,
            tv_nsec: l.subsec_nanos() as libc::c_long,
        });
        let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // Other processes wake who waits here, so the wait is the system's.
        let e = door::opaque(th, kind, || {
            // SAFETY: waits while the word, which the caller keeps mapped, is 0.
            let rc = unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAIT, 0, time) };
            if rc == 0 { 0 } else { errno() }
        });
        if e == libc::EINTR {
            signal::run_pending(th)?;
        }
    }
}

/// Wakes up to `n` threads of any process that wait for the word.
pub fn wake(word: &AtomicU32, n: u32) {
    // SAFETY: a plain call on a mapped word.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE, n.min(i32::MAX as u32)) };
}
