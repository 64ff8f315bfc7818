//! The reserved region: 64 KiB blocks, their table and the two bitmaps. Invariant: a block holds cells of one
//! size, or is part of one large object, or is free; the allocation bits of a free block are zero.

use super::cell::{ALL, COUNTED};
use super::value::Value;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Binary logarithm of the block size.
pub const BLOCK_LOG: usize = 16;
/// Bytes of a block.
pub const BLOCK: usize = 1 << BLOCK_LOG;
/// Bitmap words of a block: a bit for each of at most 4096 cells.
pub const WORDS: usize = 64;
/// A larger cell is a large object.
pub const MAX_SMALL: usize = 32768;
/// Cells up to this size have a class for every 16 bytes.
pub const MAX_FINE: usize = 512;

/// Chosen so that little of a block is left over.
const SIZES: [u16; 21] = [
    640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 3584, 4096, 5456, 6544, 7280, 8192, 10912,
    13104, 16384, 21840, 32768,
];
/// Number of size classes; class 0 is not used.
pub const CLASSES: usize = 1 + MAX_FINE / 16 + SIZES.len();

/// Bytes of a cell of each class.
pub static CLASS_BYTES: [u16; CLASSES] = {
    let mut t = [0; CLASSES];
    let mut c = 1;
    while c < CLASSES {
        t[c] = if c <= MAX_FINE / 16 { c as u16 * 16 } else { SIZES[c - 1 - MAX_FINE / 16] };
        c += 1;
    }
    t
};

/// Units of 16 bytes to size class.
static CLASS_OF: [u8; MAX_SMALL / 16 + 1] = {
    let mut t = [0; MAX_SMALL / 16 + 1];
    let (mut units, mut c) = (0, 0);
    while units <= MAX_SMALL / 16 {
        while (CLASS_BYTES[c] as usize) < units * 16 {
            c += 1;
        }
        t[units] = c as u8;
        units += 1;
    }
    t
};

/// The class for a cell of `bytes`, at most `MAX_SMALL`.
pub fn class_of(bytes: usize) -> usize {
    CLASS_OF[bytes.div_ceil(16)] as usize
}

/// What a block is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Use {
    /// Nothing.
    Free,
    /// Cells of one class.
    Small,
    /// The first block of a large object.
    Large,
    /// A further block of a large object.
    Inside,
}

/// An entry of the block table. All zero: free and never written.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Block {
    /// Small: 2^32 / cell bytes, rounded up; else 0, so that every offset has index 0.
    pub inv: u32,
    /// Small: bytes of a cell.
    pub bytes: u16,
    /// Small: the class.
    pub class: u8,
    /// What the block is used for.
    pub used: Use,
    /// Small: number of cells. Large: number of blocks. Inside: distance to the first block.
    pub n: u32,
    /// Large: pages in use. Otherwise 1 if the block may hold old data.
    pub extra: u32,
}

impl Block {
    /// A free block.
    pub const fn free(dirty: bool) -> Block {
        Block { inv: 0, bytes: 0, class: 0, used: Use::Free, n: 0, extra: dirty as u32 }
    }

    /// A block of cells of class `c`.
    pub fn small(c: usize, dirty: bool) -> Block {
        let bytes = CLASS_BYTES[c];
        Block {
            inv: ((1u64 << 32) / bytes as u64 + 1) as u32,
            bytes,
            class: c as u8,
            used: Use::Small,
            n: (BLOCK / bytes as usize) as u32,
            extra: dirty as u32,
        }
    }

    /// Index of the cell that holds byte `off` of the block.
    #[inline(always)]
    pub fn index(&self, off: usize) -> usize {
        (((off & (BLOCK - 1)) as u64 * self.inv as u64) >> 32) as usize
    }
}

static BASE: AtomicUsize = AtomicUsize::new(0);
static BLOCKS: AtomicUsize = AtomicUsize::new(0);
static TABLE: AtomicUsize = AtomicUsize::new(0);
static BITS: [AtomicUsize; 2] = [const { AtomicUsize::new(0) }; 2];
static FLIP: AtomicUsize = AtomicUsize::new(0);
static STACK: AtomicUsize = AtomicUsize::new(0);
static ONCE: Once = Once::new();

/// The reservation begins here if nothing else does: runs then repeat to the address.
const HINT: usize = 0x1000_0000_0000;
/// Largest reservation: cell numbers of 32 bits reach all of it.
const RESERVE: usize = 16 << 32;

/// Bytes of reserved memory that go with `size` bytes of blocks: the mark stack, the table, both bitmaps.
const fn side_bytes(size: usize) -> [usize; 3] {
    let n = size >> BLOCK_LOG;
    [size / 64, n * size_of::<Block>(), n * WORDS * 8]
}

/// Reserves the region at the first call. Under a limit on address space it takes what it can get.
pub fn init() {
    ONCE.call_once(|| {
        let mut size = RESERVE;
        while !reserve(size) {
            size /= 2;
            assert!(size > 1 << 24, "cannot reserve memory for the heap");
        }
    });
}

fn reserve(size: usize) -> bool {
    let [stack, table, bits] = side_bytes(size);
    let side = stack + table + 2 * bits;
    let all = size + side + BLOCK;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a fresh private mapping; the part made accessible lies inside it.
    unsafe {
        let p = libc::mmap(HINT as *mut _, all, libc::PROT_NONE, flags, -1, 0);
        if p == libc::MAP_FAILED {
            return false;
        }
        let base = (p as usize).next_multiple_of(BLOCK);
        let at = base + size;
        if libc::mprotect(at as *mut _, side, libc::PROT_READ | libc::PROT_WRITE) != 0 {
            libc::munmap(p, all);
            return false;
        }
        // Sparse by nature: a huge page of it would be mostly unused.
        libc::madvise(at as *mut _, side, libc::MADV_NOHUGEPAGE);
        STACK.store(at, Relaxed);
        TABLE.store(at + stack, Relaxed);
        BITS[0].store(at + stack + table, Relaxed);
        BITS[1].store(at + stack + table + bits, Relaxed);
        BLOCKS.store(size >> BLOCK_LOG, Relaxed);
        BASE.store(base, Relaxed);
    }
    true
}

/// Address of the first block.
#[inline(always)]
pub fn base() -> usize {
    BASE.load(Relaxed)
}

/// The number of a cell: its distance from the base in units of 16 bytes.
#[inline(always)]
pub fn index_of(v: Value) -> u32 {
    debug_assert!(v.is_ptr());
    ((v.0 as usize - base()) >> 4) as u32
}

/// The value of the cell of that number.
#[inline(always)]
pub fn from_index(i: u32) -> Value {
    Value((base() + ((i as usize) << 4) + 2) as u64)
}

/// Number of blocks in the reservation.
pub(super) fn blocks() -> usize {
    BLOCKS.load(Relaxed)
}

/// The block table.
#[inline(always)]
pub(super) fn table() -> *mut Block {
    TABLE.load(Relaxed) as *mut Block
}

/// The allocation bits.
#[inline(always)]
pub(super) fn alloc_bits() -> *mut u64 {
    BITS[FLIP.load(Relaxed)].load(Relaxed) as *mut u64
}

/// Makes the mark bits the allocation bits: all that is not marked is free. Only in a stopped world.
pub(super) fn flip() {
    FLIP.fetch_xor(1, Relaxed);
}

/// Memory of the mark stack and how many words it has.
pub(super) fn mark_stack() -> (*mut u64, usize) {
    (STACK.load(Relaxed) as *mut u64, side_bytes(blocks() << BLOCK_LOG)[0] / 8)
}

/// The region as plain numbers, for a time in which the world is stopped.
#[derive(Clone, Copy)]
pub(super) struct View {
    /// Address of block 0.
    pub(super) base: usize,
    /// Blocks ever used.
    pub(super) end: usize,
    /// Block table.
    pub(super) table: *mut Block,
    /// Allocation bits.
    pub(super) alloc: *mut u64,
    /// Mark bits.
    pub(super) mark: *mut u64,
}

impl View {
    /// A view of the first `end` blocks.
    ///
    /// # Safety
    /// The world is stopped as long as the view is used.
    pub(super) unsafe fn new(end: usize) -> View {
        let f = FLIP.load(Relaxed);
        View {
            base: base(),
            end,
            table: table(),
            alloc: BITS[f].load(Relaxed) as *mut u64,
            mark: BITS[f ^ 1].load(Relaxed) as *mut u64,
        }
    }

    /// Entry `b` of the table; `b` is below `end`.
    #[inline(always)]
    pub(super) fn block(&self, b: usize) -> Block {
        debug_assert!(b < self.end);
        // SAFETY: inside the table; nobody writes it in a stopped world but the caller's own thread.
        unsafe { *self.table.add(b) }
    }

    /// The allocated cell with a written header that `word` points to or into (tagged or not), if there is one.
    #[inline(always)]
    pub(super) fn cell_at(&self, word: usize) -> Option<*mut u64> {
        let off = word.wrapping_sub(self.base);
        let mut b = off >> BLOCK_LOG;
        if b >= self.end {
            return None;
        }
        let mut k = self.block(b);
        if k.used == Use::Inside {
            b -= k.n as usize;
            k = self.block(b);
        }
        let i = match k.used {
            Use::Small => k.index(off),
            Use::Large => 0,
            _ => return None,
        };
        if k.used == Use::Small && i >= k.n as usize || !self.bit(self.alloc, b, i) {
            return None;
        }
        let cell = (self.base + (b << BLOCK_LOG) + i * k.bytes as usize) as *mut u64;
        // SAFETY: an allocated cell is readable memory.
        if unsafe { *cell } == 0 { None } else { Some(cell) }
    }

    #[inline(always)]
    fn bit(&self, map: *mut u64, b: usize, i: usize) -> bool {
        // SAFETY: i is below 4096 and b below the number of blocks, so the word is inside the bitmap.
        unsafe { *map.add(b * WORDS + i / 64) >> (i & 63) & 1 != 0 }
    }

    /// Block and index in it of a cell.
    #[inline(always)]
    fn place(&self, cell: *mut u64) -> (usize, usize) {
        let off = cell as usize - self.base;
        let b = off >> BLOCK_LOG;
        (b, self.block(b).index(off))
    }

    /// Sets the mark of a cell; whether it was unmarked.
    #[inline(always)]
    pub(super) fn set_mark(&self, cell: *mut u64) -> bool {
        let (b, i) = self.place(cell);
        // SAFETY: as in `bit`; only the collecting thread touches mark bits.
        unsafe {
            let w = self.mark.add(b * WORDS + i / 64);
            let old = *w;
            *w = old | 1 << (i & 63);
            old >> (i & 63) & 1 == 0
        }
    }

    /// Whether a cell is marked.
    pub(super) fn marked(&self, v: Value) -> bool {
        let (b, i) = self.place(v.addr());
        self.bit(self.mark, b, i)
    }

    /// Whether `v` is the start of an allocated cell with a header.
    pub(super) fn is_cell(&self, v: Value) -> bool {
        self.cell_at(v.0 as usize).is_some_and(|c| c == v.addr())
    }

    /// Bytes of the cell.
    pub(super) fn bytes_of(&self, cell: *mut u64) -> usize {
        let k = self.block((cell as usize - self.base) >> BLOCK_LOG);
        if k.used == Use::Large { k.extra as usize * 4096 } else { k.bytes as usize }
    }

    /// The value words of a cell: the first, and how many.
    ///
    /// # Safety
    /// An allocated cell with a header.
    #[inline(always)]
    pub(super) unsafe fn values_of(&self, cell: *mut u64) -> (*mut u64, usize) {
        // SAFETY: by the caller's promise; a counted cell has a second word.
        unsafe {
            match (*cell >> 56) as u8 {
                COUNTED => (cell.add(2), *cell.add(1) as usize),
                ALL => (cell.add(1), self.bytes_of(cell) / 8 - 1),
                n => (cell.add(1), n as usize),
            }
        }
    }

    /// Calls `f` with every cell whose bit in `map` (`alloc` or `mark`) is set.
    pub(super) fn each(&self, map: *mut u64, mut f: impl FnMut(*mut u64)) {
        for b in 0..self.end {
            let k = self.block(b);
            if matches!(k.used, Use::Free | Use::Inside) {
                continue;
            }
            for w in 0..WORDS {
                // SAFETY: inside the bitmap.
                let mut bits = unsafe { *map.add(b * WORDS + w) };
                while bits != 0 {
                    let i = w * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    f((self.base + (b << BLOCK_LOG) + i * k.bytes as usize) as *mut u64);
                }
            }
        }
    }
}

const _: () = assert!(size_of::<Block>() == 16);
