//! Allocation: a thread bump-allocates in runs of free cells and takes blocks from the common pool.
//! Invariant: a cell between `cur` and `end` of a run is zero and has its allocation bit set, so that only the
//! header written by `cell` makes it an object.

use super::block::{self, BLOCK, Block, CLASSES, MAX_FINE, MAX_SMALL, Use, WORDS};
pub use super::block::{base, from_index, index_of};
use super::cell::Kind;
use super::check;
use super::value::Value;
use super::{Full, Make};
use std::collections::VecDeque;
use std::marker::PhantomPinned;
use std::sync::atomic::AtomicU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A run is claimed and zeroed at most this much at a time, to stay in the nearest cache.
const SEGMENT: usize = 8192;
/// Blocks are made accessible this many at a time.
const COMMIT: usize = 64;
/// Least number of bytes allocated between two collections.
pub(super) const MIN_BUDGET: usize = 16 << 20;
/// No block.
pub(super) const NONE: u32 = u32::MAX;

/// Free cells: from `cur` up to `end`.
#[derive(Clone, Copy)]
pub(super) struct Run {
    cur: usize,
    end: usize,
}

/// One thread's allocation state, the first field of its record. It must not move while attached. Other threads
/// write to it while this one is stopped; being pinned keeps the compiler from assuming otherwise.
pub struct Mutator {
    runs: [Run; CLASSES],
    /// This thread's pending word. Its memory is never returned, so a late writer does no harm.
    pub pending: *const AtomicU32,
    /// More than one thread runs without the GIL: object locks are taken.
    pub shared: bool,
    /// Object locks held, in debug builds.
    pub(super) held: u32,
    /// Whether the thread runs: see `stop`.
    pub(super) state: AtomicU32,
    /// Stack pointer while stopped.
    pub(super) sp: usize,
    /// Highest address of the native stack.
    pub(super) top: usize,
    /// The block being carved, by class.
    block: [u32; CLASSES],
    /// The first cell of it not yet looked at.
    next: [u32; CLASSES],
    /// Objects with a finaliser made since the last collection, not yet in [`State::finalizable`].
    pub(super) finalizable: Vec<Value>,
    _pin: PhantomPinned,
}

/// What the threads share: blocks, budget, and the lists that the collector works through.
pub(super) struct State {
    /// Blocks ever used.
    pub next_block: usize,
    /// Blocks made accessible.
    committed: usize,
    /// Runs of free blocks (first, number), lowest last.
    pub free: Vec<(u32, u32)>,
    /// Blocks with free cells (block, free bytes), lowest last.
    pub partial: [Vec<(u32, u32)>; CLASSES],
    /// Bytes that lived through the last collection, and what was handed out since.
    pub used: usize,
    /// Collect when `used` would pass this.
    pub budget: usize,
    /// `--max-heap`, or `usize::MAX`.
    pub limit: usize,
    /// Charged outside the heap, not tied to a cell.
    pub external: usize,
    /// Weak references with a target.
    pub weak: Vec<Value>,
    /// Objects whose finaliser has not been queued, in creation order (by thread, since the last collection).
    pub finalizable: Vec<Value>,
    /// Cells that own something outside the heap, and its size.
    pub owners: Vec<(Value, usize)>,
    /// Weak references whose callback is due, and objects whose finaliser is due: a listed root.
    pub ready: VecDeque<Value>,
    /// How many owners were registered since the last collection.
    pub fresh_owners: usize,
    /// Payloads of dead cells, to be dropped when the world runs again.
    pub doomed: Vec<usize>,
    /// Figures.
    pub stats: Stats,
}

/// Figures about the heap.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stats {
    /// Collections so far.
    pub collections: u64,
    /// Time the world stood still for them.
    pub pause_total_ns: u64,
    /// The longest pause.
    pub pause_max_ns: u64,
    /// Pause of the last collection.
    pub pause_last_ns: u64,
    /// Bytes of cells that the last collection found alive.
    pub live_bytes: usize,
    /// Cells that the last collection found alive.
    pub live_cells: usize,
    /// Bytes of blocks in use or kept.
    pub heap_bytes: usize,
    /// Bytes charged outside the heap.
    pub external_bytes: usize,
}

static STATE: Mutex<State> = Mutex::new(State {
    next_block: 0,
    committed: 0,
    free: Vec::new(),
    partial: [const { Vec::new() }; CLASSES],
    used: 0,
    budget: MIN_BUDGET,
    limit: usize::MAX,
    external: 0,
    weak: Vec::new(),
    finalizable: Vec::new(),
    owners: Vec::new(),
    fresh_owners: 0,
    ready: VecDeque::new(),
    doomed: Vec::new(),
    stats: Stats {
        collections: 0,
        pause_total_ns: 0,
        pause_max_ns: 0,
        pause_last_ns: 0,
        live_bytes: 0,
        live_cells: 0,
        heap_bytes: 0,
        external_bytes: 0,
    },
});

/// The shared state. Held only by running threads and never across a stop.
pub(super) fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Limits the heap (`--max-heap`).
pub fn set_limit(bytes: usize) {
    let mut s = state();
    s.limit = bytes;
    s.budget = s.budget.min(bytes);
}

/// Figures about the heap.
pub fn stats() -> Stats {
    let s = state();
    let free: usize = s.free.iter().map(|r| r.1 as usize).sum();
    let owned: usize = s.owners.iter().map(|o| o.1).sum();
    Stats { heap_bytes: (s.next_block - free) * BLOCK, external_bytes: s.external + owned, ..s.stats }
}

impl Default for Mutator {
    fn default() -> Mutator {
        Mutator::detached()
    }
}

impl Mutator {
    /// The state of a thread that is not attached yet. Reserves the heap at the first call.
    pub fn detached() -> Mutator {
        block::init();
        Mutator {
            runs: [Run { cur: 0, end: 0 }; CLASSES],
            pending: super::stop::pending_word(),
            shared: false,
            held: 0,
            state: AtomicU32::new(super::stop::STOPPED),
            sp: 0,
            top: 0,
            block: [NONE; CLASSES],
            next: [0; CLASSES],
            finalizable: Vec::new(),
            _pin: PhantomPinned,
        }
    }

    /// A cell of `bytes` bytes, header written, the rest zero. May collect: a collector stop (LAW 8).
    #[inline(always)]
    pub fn cell(&mut self, kind: Kind, shape: u32, values: u8, bytes: usize) -> Make<*mut u64> {
        debug_assert!(self.held == 0, "allocation under an object lock");
        let header = header(kind, shape, values);
        if bytes > MAX_FINE {
            return self.big_cell(header, bytes, true);
        }
        let c = bytes.div_ceil(16);
        match self.bump(c, header) {
            Some(p) => Ok(p),
            None => self.slow_cell(c, header, true),
        }
    }

    /// As `cell`, but never parks: for use under an object lock. May exceed the budget (LAW 10).
    #[inline(always)]
    pub fn cell_no_stop(&mut self, kind: Kind, shape: u32, values: u8, bytes: usize) -> Make<*mut u64> {
        let header = header(kind, shape, values);
        if bytes > MAX_FINE {
            return self.big_cell(header, bytes, false);
        }
        let c = bytes.div_ceil(16);
        match self.bump(c, header) {
            Some(p) => Ok(p),
            None => self.slow_cell(c, header, false),
        }
    }

    #[inline(always)]
    fn bump(&mut self, c: usize, header: u64) -> Option<*mut u64> {
        debug_assert!(c > 0 && c <= MAX_FINE / 16);
        // SAFETY: c is at most MAX_FINE / 16, below the number of classes; the cell lies in a run of this thread.
        unsafe {
            let r = self.runs.get_unchecked_mut(c);
            let p = r.cur;
            let next = p + c * 16;
            if next > r.end {
                return None;
            }
            r.cur = next;
            *(p as *mut u64) = header;
            Some(p as *mut u64)
        }
    }

    #[cold]
    #[inline(never)]
    fn slow_cell(&mut self, c: usize, header: u64, stop: bool) -> Make<*mut u64> {
        self.next_run(c, stop)?;
        let r = &mut self.runs[c];
        let p = r.cur as *mut u64;
        r.cur += block::CLASS_BYTES[c] as usize;
        // SAFETY: a run has room for at least one cell.
        unsafe { *p = header };
        Ok(p)
    }

    #[inline(never)]
    fn big_cell(&mut self, header: u64, bytes: usize, stop: bool) -> Make<*mut u64> {
        if bytes > MAX_SMALL {
            return self.large_cell(header, bytes, stop);
        }
        let c = block::class_of(bytes);
        let r = &mut self.runs[c];
        let (p, next) = (r.cur, r.cur + block::CLASS_BYTES[c] as usize);
        if next > r.end {
            return self.slow_cell(c, header, stop);
        }
        r.cur = next;
        // SAFETY: the cell lies in a run of this thread.
        unsafe { *(p as *mut u64) = header };
        Ok(p as *mut u64)
    }

    /// Forgets runs and blocks: what is free is about to change.
    pub(super) fn drop_runs(&mut self) {
        self.runs = [Run { cur: 0, end: 0 }; CLASSES];
        self.block = [NONE; CLASSES];
        self.next = [0; CLASSES];
    }

    /// Makes a run of class `c` with at least one cell.
    fn next_run(&mut self, c: usize, stop: bool) -> Make<()> {
        if stop {
            self.poll();
            if check::hard().collect_now() {
                self.collect();
            }
        }
        loop {
            if self.block[c] != NONE && self.carve(c) {
                return Ok(());
            }
            self.runs[c] = Run { cur: 0, end: 0 };
            self.block[c] = NONE;
            self.block[c] = self.take_block(c, stop)?;
            self.next[c] = 0;
        }
    }

    /// Claims the next run of free cells in this thread's block of class `c`.
    fn carve(&mut self, c: usize) -> bool {
        let b = self.block[c] as usize;
        let cell = block::CLASS_BYTES[c] as usize;
        let longest = check::hard().run_length((SEGMENT / cell).max(1) as u32);
        // SAFETY: the block is this thread's own until the next collection, so nobody else touches its entry,
        // its allocation bits or its free cells; all indices stay below the block's number of cells.
        unsafe {
            let k = *block::table().add(b);
            let bits = block::alloc_bits().add(b * WORDS);
            let from = first(bits, self.next[c], k.n, false);
            if from >= k.n {
                return false;
            }
            let to = first(bits, from, k.n.min(from + longest), true);
            let mut i = from;
            while i < to {
                let n = (64 - (i & 63)).min(to - i);
                *bits.add(i as usize >> 6) |= (!0u64 >> (64 - n)) << (i & 63);
                i += n;
            }
            let start = block::base() + b * BLOCK + from as usize * cell;
            let len = (to - from) as usize * cell;
            if k.extra != 0 {
                std::ptr::write_bytes(start as *mut u8, 0, len);
            }
            self.runs[c] = Run { cur: start, end: start + len };
            self.next[c] = to;
        }
        true
    }

    /// Takes a block of class `c` from the pool.
    fn take_block(&mut self, c: usize, stop: bool) -> Make<u32> {
        for last in [false, true] {
            let mut s = state();
            if let Some(&(b, free)) = s.partial[c].last()
                && (!stop || s.used + free as usize <= s.budget)
            {
                s.partial[c].pop();
                s.used += free as usize;
                return Ok(b);
            }
            drop(s);
            let mut s = self.room(BLOCK, stop)?;
            if let Some((b, free)) = s.partial[c].pop() {
                s.used = s.used - BLOCK + free as usize;
                return Ok(b);
            }
            if let Some((b, dirty)) = s.find_blocks(1) {
                // SAFETY: the block is free and now this thread's own.
                unsafe { *block::table().add(b) = Block::small(c, dirty) };
                return Ok(b as u32);
            }
            s.used -= BLOCK;
            drop(s);
            if !stop || last {
                break;
            }
            self.collect();
        }
        Err(Full)
    }

    /// Charges `bytes`, collecting first when the budget is used up.
    fn room(&mut self, bytes: usize, stop: bool) -> Make<MutexGuard<'static, State>> {
        let mut collected = false;
        loop {
            let mut s = state();
            let want = s.used.saturating_add(bytes);
            // Right after a collection a heap that is nearly full counts as full: collecting for every block
            // would make no progress.
            let fits = match (stop, collected) {
                (false, _) => true,
                (true, false) => want <= s.budget,
                (true, true) => want.saturating_add(s.limit / 64) <= s.limit || s.limit == usize::MAX,
            };
            if fits {
                s.used = want;
                s.budget = s.budget.max(if stop { want } else { 0 });
                return Ok(s);
            }
            if collected {
                return Err(Full);
            }
            drop(s);
            collected = self.collect_unless_stopped(None);
        }
    }

    #[inline(never)]
    fn large_cell(&mut self, header: u64, bytes: usize, stop: bool) -> Make<*mut u64> {
        let n = bytes.div_ceil(BLOCK);
        if n > block::blocks() {
            return Err(Full);
        }
        if stop {
            self.poll();
            if check::hard().collect_now() {
                self.collect();
            }
        }
        let pages = bytes.div_ceil(4096);
        for last in [false, true] {
            let mut s = self.room(pages * 4096, stop)?;
            if let Some((b, dirty)) = s.find_blocks(n) {
                let start = block::base() + b * BLOCK;
                // SAFETY: the blocks are free and now this object's own.
                unsafe {
                    if dirty {
                        clear(b, n, pages * 4096);
                    }
                    for i in 1..n {
                        *block::table().add(b + i) =
                            Block { used: Use::Inside, n: i as u32, ..Block::free(false) };
                    }
                    *block::table().add(b) =
                        Block { used: Use::Large, n: n as u32, extra: pages as u32, ..Block::free(false) };
                    *block::alloc_bits().add(b * WORDS) = 1;
                    *(start as *mut u64) = header;
                }
                return Ok(start as *mut u64);
            }
            s.used -= pages * 4096;
            drop(s);
            if !stop || last {
                break;
            }
            self.collect();
        }
        Err(Full)
    }
}

/// The header word of a fresh cell.
#[inline(always)]
fn header(kind: Kind, shape: u32, values: u8) -> u64 {
    shape as u64 | (kind as u64) << 32 | (values as u64) << 56
}

/// The first index at or after `i` and below `end` whose bit is `set`; `end` if there is none.
///
/// # Safety
/// `bits` has at least `end` bits.
unsafe fn first(bits: *const u64, mut i: u32, end: u32, set: bool) -> u32 {
    while i < end {
        // SAFETY: by the caller's promise.
        let w = unsafe { *bits.add(i as usize >> 6) };
        let w = (if set { w } else { !w }) >> (i & 63);
        if w != 0 {
            return (i + w.trailing_zeros()).min(end);
        }
        i = (i | 63) + 1;
    }
    end
}

/// Zeroes the first `bytes` of `n` blocks from block `b` on, where they may hold old data. What is left of the
/// last block goes back to the system, to be zero as well.
///
/// # Safety
/// The blocks are free and the caller's own.
unsafe fn clear(b: usize, n: usize, bytes: usize) {
    let start = block::base() + b * BLOCK;
    // SAFETY: by the caller's promise.
    unsafe {
        if n > 16 {
            libc::madvise(start as *mut _, n * BLOCK, libc::MADV_DONTNEED);
            return;
        }
        for i in (0..n).filter(|i| (*block::table().add(b + i)).extra != 0) {
            let len = BLOCK.min(bytes - i * BLOCK);
            std::ptr::write_bytes((start + i * BLOCK) as *mut u8, 0, len);
            if len < BLOCK {
                libc::madvise((start + i * BLOCK + len) as *mut _, BLOCK - len, libc::MADV_DONTNEED);
            }
        }
    }
}

impl State {
    /// Takes `n` neighbouring free blocks; whether any may hold old data.
    fn find_blocks(&mut self, n: usize) -> Option<(usize, bool)> {
        if let Some(i) = self.free.iter().rposition(|r| r.1 as usize >= n) {
            let (b, len) = self.free[i];
            if len as usize == n {
                self.free.remove(i);
            } else {
                self.free[i] = (b + n as u32, len - n as u32);
            }
            // SAFETY: entries of free blocks, which only the holder of this state touches.
            let dirty = (0..n).any(|k| unsafe { (*block::table().add(b as usize + k)).extra != 0 });
            return Some((b as usize, dirty));
        }
        let b = self.next_block;
        if b + n > block::blocks() {
            return None;
        }
        let end = (b + n).next_multiple_of(COMMIT).min(block::blocks());
        if end > self.committed {
            let (at, len) = (block::base() + self.committed * BLOCK, (end - self.committed) * BLOCK);
            // SAFETY: part of the reservation.
            if unsafe { libc::mprotect(at as *mut _, len, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
                return None;
            }
            self.committed = end;
        }
        self.next_block += n;
        Some((b, false))
    }
}

const _: () = assert!(MAX_FINE / 16 < CLASSES);
