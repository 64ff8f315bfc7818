//! Checks of the heap and the hostile mode. `MINIPY_HARD` is a list of: `gc` (collect at every allocation) or
//! `gc:N` (at every Nth), `switch`, `small` (short runs, a tiny mark stack and budget), `check` (walk the heap
//! after every collection). Invariant: nothing here changes a live cell.

use super::block::{BLOCK, Use, View};
use super::cell::Kind;
use super::object::Weak;
use super::space::{Mutator, State, state};
use super::value::Value;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// What the hostile mode asks for.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub struct Hard {
    /// Collect at every Nth allocation; 0: never.
    pub gc: u32,
    /// Switch threads at every script poll.
    pub switch: bool,
    /// Small runs, stacks and buffers.
    pub small: bool,
    /// Walk the heap after every collection.
    pub check: bool,
    /// Fill freed cells with words that are good for nothing.
    pub poison: bool,
}

static ALLOCATIONS: AtomicU32 = AtomicU32::new(0);

/// The hostile mode of this process.
#[inline]
pub fn hard() -> &'static Hard {
    static HARD: OnceLock<Hard> = OnceLock::new();
    HARD.get_or_init(|| Hard::parse(&std::env::var("MINIPY_HARD").unwrap_or_default()))
}

impl Hard {
    /// Reads the value of `MINIPY_HARD`; unknown words ask for nothing.
    pub fn parse(text: &str) -> Hard {
        let mut h = Hard::default();
        for word in text.split(',') {
            match word.trim().split_once(':').unwrap_or((word.trim(), "1")) {
                ("gc", n) => h.gc = n.parse().unwrap_or(1),
                ("switch", _) => h.switch = true,
                ("small", _) => h.small = true,
                ("check", _) => h.check = true,
                _ => {}
            }
        }
        h.poison = h.gc != 0 || h.small || h.check;
        h
    }

    /// Whether this allocation is to collect.
    pub(super) fn collect_now(&self) -> bool {
        self.gc != 0 && ALLOCATIONS.fetch_add(1, Relaxed).wrapping_add(1).is_multiple_of(self.gc)
    }

    /// How many cells to claim at once, of at most `longest`.
    pub(super) fn run_length(&self, longest: u32) -> u32 {
        match self {
            Hard { gc: 1.., .. } => 1,
            Hard { small: true, .. } => longest.min(4),
            _ => longest,
        }
    }
}

/// A word that looks like a reference and faults when followed.
const POISON: u64 = 0xdead_dead_dead_deaa;

/// Fills what the collection found dead: header 0, the rest poison. Between marking and the flip.
pub(super) fn poison(view: &View) {
    view.each(view.alloc, |cell| {
        if view.marked(Value::ptr(cell)) {
            return;
        }
        let words = view.bytes_of(cell).min(BLOCK) / 8;
        // SAFETY: a dead cell's memory, which is cleared before it is used again.
        unsafe {
            *cell = 0;
            for i in 1..words {
                *cell.add(i) = POISON;
            }
        }
    });
}

impl Mutator {
    /// Stops the world and walks the heap; panics, and so aborts, at the first thing that is wrong.
    pub fn check(&mut self) {
        self.stop_world(|| {
            let s = state();
            // SAFETY: the world is stopped.
            let view = unsafe { View::new(s.next_block) };
            walk(&view, &s);
        });
    }
}

/// Walks the heap of a stopped world.
pub(super) fn walk(view: &View, s: &State) {
    check_table(view, s);
    view.each(view.alloc, |cell| check_cell(view, cell));
    for &v in &s.weak {
        assert!(view.is_cell(v) && v.is_kind(Kind::Weak), "a listed weak reference is none: {:#x}", v.0);
        let t = super::weak::target(v.get::<Weak>());
        assert!(!t.is_ptr() || view.is_cell(t), "a weak reference to a dead cell: {:#x}", t.0);
    }
    let listed = s.finalizable.iter().chain(&s.ready).chain(s.owners.iter().map(|o| &o.0));
    for v in listed {
        assert!(view.is_cell(*v), "a registered cell is gone: {:#x}", v.0);
    }
}

fn check_table(view: &View, s: &State) {
    let mut b = 0;
    while b < view.end {
        let k = view.block(b);
        let mut n = 1;
        // SAFETY: inside the bitmap.
        let bits = |w: usize| unsafe { *view.alloc.add(b * super::block::WORDS + w) };
        match k.used {
            Use::Free => assert!((0..64).all(|w| bits(w) == 0), "bits of free block {b}"),
            Use::Small => {
                let beyond = (k.n as usize..4096).any(|i| bits(i / 64) >> (i & 63) & 1 != 0);
                assert!(!beyond, "bits beyond the cells of block {b}");
                assert!(k.bytes as usize == super::block::CLASS_BYTES[k.class as usize] as usize);
            }
            Use::Large => {
                n = k.n as usize;
                assert!(bits(0) == 1 && (1..64).all(|w| bits(w) == 0), "bits of large object {b}");
                for i in 1..n {
                    let inside = view.block(b + i);
                    assert!(inside.used == Use::Inside && inside.n as usize == i, "large object {b} + {i}");
                }
            }
            Use::Inside => panic!("block {b} is inside nothing"),
        }
        b += n;
    }
    for &(first, n) in &s.free {
        for b in first..first + n {
            assert!(view.block(b as usize).used == Use::Free, "block {b} is listed as free");
        }
    }
}

fn check_cell(view: &View, cell: *mut u64) {
    // SAFETY: an allocated cell; value words are read only within its bounds.
    unsafe {
        let header = *cell;
        if header == 0 {
            return;
        }
        let kind = (header >> 32) as u8;
        assert!(kind > 0 && kind <= Kind::Boxed as u8, "cell {cell:p} has the kind {kind}");
        let words = view.bytes_of(cell) / 8;
        let (at, n) = view.values_of(cell);
        let first = at.offset_from(cell) as usize;
        assert!(first + n <= words, "cell {cell:p} of kind {kind} counts {n} values in {words} words");
        for i in first..first + n {
            let v = Value(*cell.add(i));
            assert!(
                !v.is_ptr() || view.is_cell(v),
                "word {i} of cell {cell:p} (kind {kind}) points to no cell: {:#x}",
                v.0
            );
        }
    }
}
