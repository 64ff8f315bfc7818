//! The collection: mark all that roots reach, see to weak references and finalisers, free the rest by making the
//! mark bits the allocation bits. Invariant: a cell's children are its value words and nothing else.

use super::block::{self, BLOCK, Block, CLASSES, Use, View, WORDS};
use super::check;
use super::roots;
use super::space::{MIN_BUDGET, Mutator, State, Stats, state};
use super::spill::{Registers, spill};
use super::stop::{FINALIZE, NoPanic, each_thread};
use super::value::Value;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Instant;

/// Cells whose memory is being fetched while others are marked.
const AHEAD: usize = 16;

static WATCH: OnceLock<fn(&Stats)> = OnceLock::new();

/// Sets a function that the collecting thread calls after each collection, when the world runs again. It must
/// not use the heap. The first call wins.
pub fn watch(f: fn(&Stats)) {
    let _ = WATCH.set(f);
}

impl Mutator {
    /// Collects now; how many objects were found in dead cycles.
    pub fn collect(&mut self) -> usize {
        let mut found = 0;
        while !self.collect_unless_stopped(Some(&mut found)) {}
        found
    }

    /// Calls `f` with every cell, dead ones since the last collection included, in a stopped world. `f` must not
    /// use the heap.
    pub fn each_cell(&mut self, mut f: impl FnMut(Value)) {
        self.stop_world(|| {
            let s = state();
            // SAFETY: the world is stopped.
            let view = unsafe { View::new(s.next_block) };
            view.each(view.alloc, |cell| {
                // SAFETY: an allocated cell is readable memory.
                if unsafe { *cell } != 0 {
                    f(Value::ptr(cell));
                }
            });
        });
    }

    /// Collects; or, if another thread stops the world, parks until that is over and gives false. Counts the
    /// objects in dead cycles for who wants to know.
    #[cold]
    #[inline(never)]
    pub(super) fn collect_unless_stopped(&mut self, found: Option<&mut usize>) -> bool {
        debug_assert!(self.held == 0, "a collection under an object lock");
        let mut regs = Registers::new();
        // SAFETY: the buffer lives in this frame until the collection is over.
        self.sp = unsafe { spill(&mut regs) };
        let Some(nested) = self.begin_stop() else { return false };
        let bomb = NoPanic;
        let start = Instant::now();
        let mut s = state();
        // SAFETY: the world is stopped.
        unsafe { collect_stopped(&mut s, found) };
        let ns = start.elapsed().as_nanos() as u64;
        s.stats.collections += 1;
        s.stats.pause_last_ns = ns;
        s.stats.pause_total_ns += ns;
        s.stats.pause_max_ns = s.stats.pause_max_ns.max(ns);
        let doomed = std::mem::take(&mut s.doomed);
        if !s.ready.is_empty() {
            self.pending().fetch_or(FINALIZE, SeqCst);
        }
        drop(s);
        drop(bomb);
        if !nested {
            self.end_stop();
        }
        regs.keep();
        super::weak::drop_payloads(doomed);
        if let Some(watch) = WATCH.get() {
            watch(&super::space::stats());
        }
        true
    }
}

/// Marks, clears weak references, queues finalisers, frees.
///
/// # Safety
/// The world is stopped.
unsafe fn collect_stopped(s: &mut State, found: Option<&mut usize>) {
    super::weak::gather(s);
    // SAFETY: the world is stopped.
    let view = unsafe { View::new(s.next_block) };
    // SAFETY: the bitmaps have room for all blocks; nobody else uses the mark bits.
    unsafe { std::ptr::write_bytes(view.mark, 0, s.next_block * WORDS) };
    let mut m = Marker::new(view);
    mark_roots(&mut m, s);
    m.drain();
    super::weak::clear_dead(s, &view);
    super::weak::queue_dead(s, &view, |v| m.root(v));
    m.drain();
    super::weak::forget_dead(s, &view);
    if let Some(found) = found {
        // SAFETY: the world is stopped, the marks are complete, owners and finalisers have been seen to.
        let (n, high) = unsafe { super::cycles::count(&view) };
        *found = n;
        m.high = m.high.max(high);
    }
    m.release();
    if check::hard().poison {
        check::poison(&view);
    }
    sort_blocks(s, &view);
    block::flip();
    if check::hard().check {
        // SAFETY: the world is stopped.
        let view = unsafe { View::new(s.next_block) };
        check::walk(&view, s);
    }
}

fn mark_roots(m: &mut Marker, s: &State) {
    roots::listed(&mut |v| m.root(v));
    for &v in &s.ready {
        m.root(v);
    }
    each_thread(|t| {
        roots::frames(t, &mut |word| m.word(word as usize));
        // SAFETY: the thread is stopped or is this one; its stack is mapped from sp to top and does not change.
        unsafe {
            let (sp, top) = ((*t).sp, (*t).top);
            let mut at = (sp & !7) as *const usize;
            while (at as usize) < top {
                m.word(at.read_volatile());
                at = at.add(1);
            }
            (*t).drop_runs();
        }
    });
}

/// The marking in progress.
struct Marker {
    view: View,
    /// Cells seen, perhaps not yet marked.
    stack: *mut u64,
    len: usize,
    cap: usize,
    /// Most cells ever on the stack.
    high: usize,
    /// Children of marked cells were dropped for lack of room.
    overflow: bool,
}

impl Marker {
    fn new(view: View) -> Marker {
        let (stack, cap) = block::mark_stack();
        let cap = if check::hard().small { 64 } else { cap };
        Marker { view, stack, len: 0, cap, high: 0, overflow: false }
    }

    /// A value known to be good.
    #[inline]
    fn root(&mut self, v: Value) {
        if v.is_ptr() {
            debug_assert!(self.view.is_cell(v), "a root points to no cell: {:#x}", v.0);
            if self.len == self.cap {
                self.drain();
            }
            self.push(v.0);
        }
    }

    /// A word that may be a reference.
    #[inline]
    fn word(&mut self, word: usize) {
        if let Some(cell) = self.view.cell_at(word) {
            self.root(Value::ptr(cell));
        }
    }

    #[inline(always)]
    fn push(&mut self, word: u64) {
        if self.len == self.cap {
            self.overflow = true;
            return;
        }
        // SAFETY: below the capacity of the reserved memory.
        unsafe { *self.stack.add(self.len) = word };
        self.len += 1;
    }

    #[inline(always)]
    fn pop(&mut self) -> *mut u64 {
        if self.len == 0 {
            return std::ptr::null_mut();
        }
        self.len -= 1;
        // SAFETY: pushed before.
        unsafe { (*self.stack.add(self.len) - 2) as *mut u64 }
    }

    /// Marks all that the stack reaches.
    fn drain(&mut self) {
        self.flow();
        while std::mem::take(&mut self.overflow) {
            let view = self.view;
            view.each(view.mark, |cell| {
                self.scan::<true>(cell);
                if self.len > self.cap / 2 {
                    self.flow();
                }
            });
            self.flow();
        }
    }

    /// Empties the stack: a cell popped is fetched, and marked and scanned some pops later.
    fn flow(&mut self) {
        let mut ring = [std::ptr::null_mut::<u64>(); AHEAD];
        let (mut at, mut dry) = (0, 0);
        self.high = self.high.max(self.len);
        while dry <= AHEAD {
            let next = self.pop();
            if next.is_null() {
                dry += 1;
            } else {
                dry = 0;
                fetch(next);
            }
            let cell = std::mem::replace(&mut ring[at], next);
            at = (at + 1) % AHEAD;
            if !cell.is_null() && self.view.set_mark(cell) {
                self.scan::<false>(cell);
            }
        }
    }

    /// Pushes the children of a cell; on a second visit only those not marked, so that a cell with more children
    /// than the stack has room for gets further each time.
    #[inline(always)]
    fn scan<const AGAIN: bool>(&mut self, cell: *mut u64) {
        // SAFETY: an allocated cell with a header (everything pushed is one); its value words lie inside it.
        unsafe {
            let (mut at, n) = self.view.values_of(cell);
            let end = at.add(n);
            while at < end {
                let word = *at;
                if word & 7 == 2 && !(AGAIN && self.view.marked(Value(word))) {
                    self.push(word);
                }
                at = at.add(1);
            }
        }
        self.high = self.high.max(self.len);
    }

    /// Gives the memory of a stack that grew large back.
    fn release(&self) {
        let bytes = self.high * 8;
        if bytes > 1 << 20 {
            // SAFETY: the reserved memory of the stack, which is empty.
            unsafe { libc::madvise(self.stack as *mut _, bytes, libc::MADV_DONTNEED) };
        }
    }
}

#[inline(always)]
fn fetch(cell: *mut u64) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is harmless.
    unsafe {
        core::arch::x86_64::_mm_prefetch(cell as *const i8, core::arch::x86_64::_MM_HINT_T0)
    };
    #[cfg(not(target_arch = "x86_64"))]
    let _ = cell;
}

/// Sorts blocks into free, partly free and full by their marks, and sets the budget.
fn sort_blocks(s: &mut State, view: &View) {
    for p in &mut s.partial {
        p.clear();
    }
    s.free.clear();
    let (mut bytes, mut cells, mut b) = (0, 0, 0);
    while b < view.end {
        let k = view.block(b);
        let n = if k.used == Use::Large { k.n as usize } else { 1 };
        let live: usize = live_cells(view, b);
        match k.used {
            // SAFETY: entries below `end`; the world is stopped.
            _ if live == 0 => unsafe {
                let dirty = k.used != Use::Free || k.extra != 0;
                for i in b..b + n {
                    *view.table.add(i) = Block::free(dirty);
                }
                match s.free.last_mut() {
                    Some(r) if (r.0 + r.1) as usize == b => r.1 += n as u32,
                    _ => s.free.push((b as u32, n as u32)),
                }
            },
            Use::Large => bytes += k.extra as usize * 4096,
            _ => {
                // SAFETY: as above.
                unsafe { (*view.table.add(b)).extra = 1 };
                let free = k.n as usize - live;
                // A nearly full block is not worth walking.
                if free >= k.n as usize / 16 && free > 0 {
                    s.partial[k.class as usize].push((b as u32, (free * k.bytes as usize) as u32));
                }
                bytes += live * k.bytes as usize;
            }
        }
        cells += live;
        b += n;
    }
    s.free.reverse();
    for p in &mut s.partial[..CLASSES] {
        p.reverse();
    }
    let owned: usize = s.owners.iter().map(|o| o.1).sum();
    s.used = bytes + s.external + owned;
    s.fresh_owners = 0;
    let mut threads = 0;
    each_thread(|_| threads += 1);
    // Blocks are charged whole, and every thread takes its own of each class.
    let least = if check::hard().small { MIN_BUDGET / 64 } else { MIN_BUDGET + (threads << 20) };
    s.budget = (s.used * 2).max(s.used + least).min(s.limit);
    s.stats.live_bytes = bytes;
    s.stats.live_cells = cells;
    give_back(s, view);
}

fn live_cells(view: &View, b: usize) -> usize {
    let n = match view.block(b).used {
        Use::Small => view.block(b).n as usize,
        Use::Large => 1,
        _ => return 0,
    };
    // SAFETY: inside the bitmap.
    (0..n.div_ceil(64)).map(|w| unsafe { (*view.mark.add(b * WORDS + w)).count_ones() as usize }).sum()
}

/// Returns the memory of free blocks that will not be used before the next collection.
fn give_back(s: &mut State, view: &View) {
    let mut keep = (s.budget.saturating_sub(s.used)) / BLOCK;
    for &(b, n) in s.free.iter().rev() {
        let (b, n) = (b as usize, n as usize);
        let kept = n.min(keep);
        keep -= kept;
        let mut i = b + kept;
        while i < b + n {
            let from = i;
            while i < b + n && view.block(i).extra != 0 {
                i += 1;
            }
            if i > from {
                // SAFETY: free blocks; the kernel gives zero pages from now on.
                unsafe {
                    let at = (view.base + from * BLOCK) as *mut _;
                    if libc::madvise(at, (i - from) * BLOCK, libc::MADV_DONTNEED) == 0 {
                        for k in from..i {
                            *view.table.add(k) = Block::free(false);
                        }
                    }
                }
            }
            i += 1;
        }
    }
}
