//! What look-ups of attributes found lately, one small table per OS thread: the class cell behind (class, name), and
//! the inline cache word behind (shape, name) for sites that see many shapes.
//!
//! Invariant: a line is believed only while the epoch it was written in lasts; whatever could make one wrong (a name
//! put into or taken from a class, another linearisation, a dead name) begins a new epoch after the change. Lines
//! hold numbers, not references: class ids and shape ids are never reused, dead names end the epoch.

use crate::heap::object::Class;
use crate::heap::{Kind, Value, space};
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU32, Ordering};

/// Lines of each table.
const LINES: usize = 1024;
/// Every so many hits of a line for a site that already has a cache word, the site is filled anew.
const REFILL: u32 = 32;

/// What a cache word is for.
#[derive(Clone, Copy)]
#[repr(u32)]
pub enum Site {
    /// `LoadAttr`.
    Load = 0,
    /// `LoadMethod`.
    Method = 1,
    /// `StoreAttr`.
    Store = 2,
}

/// On a class object, which is keyed by its id.
const OF_CLASS: u32 = 4;

static EPOCH: AtomicU32 = AtomicU32::new(1);

#[derive(Clone, Copy)]
struct Line {
    key: u64,
    word: u64,
    epoch: u32,
}

struct Tables {
    cells: [Line; LINES],
    words: [Line; LINES],
    hits: u32,
}

const EMPTY: Line = Line { key: 0, word: 0, epoch: 0 };

thread_local! {
    static TABLES: UnsafeCell<Tables> =
        const { UnsafeCell::new(Tables { cells: [EMPTY; LINES], words: [EMPTY; LINES], hits: 0 }) };
}

/// Begins a new epoch: nothing remembered before holds any more. Called after the change.
pub fn forget() {
    EPOCH.fetch_add(1, Ordering::AcqRel);
}

#[inline(always)]
fn epoch() -> u32 {
    EPOCH.load(Ordering::Acquire)
}

#[inline(always)]
fn line(table: &mut [Line; LINES], key: u64) -> &mut Line {
    &mut table[(key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize]
}

#[inline(always)]
fn with<R>(f: impl FnOnce(&mut Tables) -> R) -> R {
    // SAFETY: the table belongs to this OS thread, and no `f` here calls anything that comes back to it.
    f(unsafe { &mut *TABLES.with(|t| t.get()) })
}

/// The class cell of a name as `find` finds it, or as it was found lately.
#[inline]
pub fn cell(class: Value, name: Value, find: impl FnOnce() -> Option<Value>) -> Option<Value> {
    let key = (class.get::<Class>().id.get().as_int() as u64) << 32 | space::index_of(name) as u64;
    let now = epoch();
    let known = with(|t| {
        let l = line(&mut t.cells, key);
        if l.key == key && l.epoch == now { Some(l.word) } else { None }
    });
    match known {
        Some(0) => None,
        Some(w) => Some(space::from_index(w as u32)),
        None => {
            let found = find();
            let word = found.map_or(0, |c| space::index_of(c) as u64);
            with(|t| *line(&mut t.cells, key) = Line { key, word, epoch: now });
            found
        }
    }
}

#[inline(always)]
fn word_key(o: Value, name: Value, site: Site) -> u64 {
    let (id, kind) = match o.header().kind {
        Kind::Class => (o.get::<Class>().id.get().as_int() as u32, OF_CLASS),
        _ => (o.header().shape(), 0),
    };
    ((site as u32 | kind) << 29 | id) as u64 ^ (space::index_of(name) as u64) << 32
}

/// A mark of the moment before a look-up, for [`keep`].
#[inline]
pub fn moment() -> u32 {
    epoch()
}

/// The cache word for `name` on objects like `o` (a pointer), 0 if none is known; and whether the site should take
/// it over.
#[inline(always)]
pub fn word(o: Value, name: Value, site: Site) -> (u64, bool) {
    let key = word_key(o, name, site);
    let now = epoch();
    with(|t| {
        let l = line(&mut t.words, key);
        if l.key == key && l.epoch == now {
            let word = l.word;
            t.hits = t.hits.wrapping_add(1);
            (word, t.hits.is_multiple_of(REFILL))
        } else {
            (0, false)
        }
    })
}

/// Remembers the cache word of a look-up that began at `moment`, made on an object of `o`'s shape as it was then.
#[inline]
pub fn keep(key: u64, word: u64, moment: u32) {
    with(|t| *line(&mut t.words, key) = Line { key, word, epoch: moment });
}

/// The key for [`keep`], taken before the look-up (a store changes the shape).
#[inline]
pub fn key(o: Value, name: Value, site: Site) -> u64 {
    if o.is_ptr() { word_key(o, name, site) } else { 0 }
}
