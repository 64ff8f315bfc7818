//! The core of deque: a ring of values in a heap array, changed under the object's lock. Runs no user code.
//! Invariant: the array's capacity is 0 or a power of two; `version` changes with every change of length or order
//! of places, never with the replacement of an item.

use crate::heap::cell::{Header, Kind, Raw, Slot};
use crate::heap::known::S;
use crate::heap::object::{Array, Layout, List};
use crate::heap::{Make, Mutator, Value};

/// A deque.
#[repr(C)]
pub struct Deque {
    pub h: Header,
    items: Slot,
    /// Bound on the length (int), or None.
    pub maxlen: Slot,
    head: Raw,
    len: Raw,
    version: Raw,
}
// SAFETY: repr(C) with a Header first; the class's instances are made only by `make`.
unsafe impl Layout for Deque {
    const KIND: Kind = Kind::Record;
}

/// An end of the ring.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Index 0.
    Left,
    /// Index -1.
    Right,
}

/// An empty one without bound.
pub fn make(m: &mut Mutator, shape: u32) -> Make {
    let (v, d) = m.new::<Deque>(shape, 2, 0)?;
    d.items.set(S::empty_array.v());
    d.maxlen.set(Value::NONE);
    Ok(v)
}

impl Deque {
    /// Number of items.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // Nobody asks for it.
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// Changes when an iteration under way has lost its place.
    pub fn version(&self) -> usize {
        self.version.get()
    }

    /// The bound on the length.
    pub fn limit(&self) -> usize {
        let v = self.maxlen.get();
        if v.is_int() { v.as_int() as usize } else { usize::MAX }
    }

    fn array(&self) -> &'static Array {
        self.items.get().get::<Array>()
    }

    /// Item `i` below the length; under the lock.
    #[inline]
    fn place(&self, i: usize) -> &'static Slot {
        let a = self.array();
        let cap = a.count.get();
        match a.slot(self.head.get().wrapping_add(i) & cap.wrapping_sub(1)) {
            Some(slot) => slot,
            None => unreachable!("a place of an empty ring"),
        }
    }

    fn touch(&self) {
        self.version.set(self.version.get().wrapping_add(1));
    }

    /// Adds at an end that has room; under the lock.
    #[inline]
    fn put(&self, end: End, v: Value) {
        let n = self.len.get();
        if end == End::Left {
            let cap = self.array().count.get();
            self.head.set(self.head.get().wrapping_sub(1) & (cap - 1));
            self.place(0).set(v);
        } else {
            self.place(n).set(v);
        }
        self.len.set(n + 1);
    }

    /// Takes from an end; under the lock.
    #[inline]
    fn take(&self, end: End) -> Option<Value> {
        let n = self.len.get();
        if n == 0 {
            return None;
        }
        let slot = if end == End::Left { self.place(0) } else { self.place(n - 1) };
        let v = slot.swap(Value::UNBOUND);
        if end == End::Left {
            let cap = self.array().count.get();
            self.head.set((self.head.get() + 1) & (cap - 1));
        }
        self.len.set(n - 1);
        Some(v)
    }
}

/// Adds at an end; a full bounded deque drops from the other one.
pub fn push(m: &mut Mutator, d: &Deque, v: Value, end: End) -> Make<()> {
    loop {
        m.lock(&d.h);
        let (n, limit) = (d.len(), d.limit());
        let room = n < d.array().count.get();
        if n >= limit {
            if limit > 0 {
                d.take(if end == End::Left { End::Right } else { End::Left });
                d.put(end, v);
                d.touch();
            }
        } else if room {
            d.put(end, v);
            d.touch();
        }
        m.unlock(&d.h);
        if room || n >= limit {
            return Ok(());
        }
        resize(m, d, n + 1)?;
    }
}

/// Removes from an end.
pub fn pop(m: &mut Mutator, d: &Deque, end: End) -> Option<Value> {
    m.lock(&d.h);
    let v = d.take(end);
    d.touch();
    let spare = d.array().count.get() >= 256 && d.len() < d.array().count.get() / 8;
    m.unlock(&d.h);
    if spare {
        // Room that cannot be given back now is given back by a later pop.
        let _ = resize(m, d, d.len() * 2);
    }
    v
}

/// Gives the ring room for about `need` items, at least for those in it.
fn resize(m: &mut Mutator, d: &Deque, need: usize) -> Make<()> {
    let cap = need.max(8).next_power_of_two();
    let fresh = m.array(cap)?;
    let to = fresh.get::<Array>();
    m.lock(&d.h);
    let n = d.len();
    if n <= cap && cap != d.array().count.get() {
        for i in 0..n {
            if let Some(slot) = to.slot(i) {
                slot.set(d.place(i).get());
            }
        }
        d.items.set(fresh);
        d.head.set(0);
    }
    m.unlock(&d.h);
    Ok(())
}

/// Item `i` by the length of this moment, counted from the end if below 0.
pub fn get(m: &mut Mutator, d: &Deque, i: isize) -> Option<Value> {
    m.lock(&d.h);
    let v = within(i, d.len()).map(|i| d.place(i).get());
    m.unlock(&d.h);
    v
}

/// Replaces item `i`; false if there is none.
pub fn set(m: &mut Mutator, d: &Deque, i: isize, v: Value) -> bool {
    m.lock(&d.h);
    let at = within(i, d.len());
    if let Some(i) = at {
        d.place(i).set(v);
    }
    m.unlock(&d.h);
    at.is_some()
}

/// `i`, counted from the end if below 0, if it is below `n`.
fn within(i: isize, n: usize) -> Option<usize> {
    let i = if i < 0 { n.checked_add_signed(i)? } else { i as usize };
    (i < n).then_some(i)
}

/// Removes item `i`, if the deque still has that version (when one is asked for). Whether it did.
pub fn remove(m: &mut Mutator, d: &Deque, i: isize, version: Option<usize>) -> bool {
    m.lock(&d.h);
    let n = d.len();
    let at = within(i, n).filter(|_| version.is_none_or(|v| v == d.version()));
    if let Some(i) = at {
        if i < n / 2 {
            (0..i).rev().for_each(|k| d.place(k + 1).set(d.place(k).get()));
            d.take(End::Left);
        } else {
            (i + 1..n).for_each(|k| d.place(k - 1).set(d.place(k).get()));
            d.take(End::Right);
        }
        d.touch();
    }
    m.unlock(&d.h);
    at.is_some()
}

/// Inserts before item `i`, cut to the length; false if a bounded deque is full.
pub fn insert(m: &mut Mutator, d: &Deque, i: isize, v: Value) -> Make<bool> {
    loop {
        m.lock(&d.h);
        let n = d.len();
        let full = n >= d.limit();
        let room = n < d.array().count.get();
        if room && !full {
            let i = if i < 0 { n.saturating_add_signed(i) } else { (i as usize).min(n) };
            let i = if i > n { 0 } else { i };
            if i < n / 2 {
                d.put(End::Left, v);
                (0..i).for_each(|k| d.place(k).set(d.place(k + 1).get()));
            } else {
                d.put(End::Right, v);
                (i..n).rev().for_each(|k| d.place(k + 1).set(d.place(k).get()));
            }
            d.place(i).set(v);
            d.touch();
        }
        m.unlock(&d.h);
        if room || full {
            return Ok(!full);
        }
        resize(m, d, n + 1)?;
    }
}

/// Moves `by` items from the right end to the left one (below 0: the other way).
pub fn rotate(m: &mut Mutator, d: &Deque, by: isize) {
    m.lock(&d.h);
    let n = d.len();
    if n > 1 {
        let right = by.rem_euclid(n as isize) as usize;
        let (from, to, times) =
            if right <= n / 2 { (End::Right, End::Left, right) } else { (End::Left, End::Right, n - right) };
        for _ in 0..times {
            if let Some(v) = d.take(from) {
                d.put(to, v);
            }
        }
        d.touch();
    }
    m.unlock(&d.h);
}

/// Reverses the items in place.
pub fn reverse(m: &mut Mutator, d: &Deque) {
    m.lock(&d.h);
    let n = d.len();
    for i in 0..n / 2 {
        let (x, y) = (d.place(i), d.place(n - 1 - i));
        y.set(x.swap(y.get()));
    }
    m.unlock(&d.h);
}

/// Removes all items.
pub fn clear(m: &mut Mutator, d: &Deque) {
    m.lock(&d.h);
    d.items.set(S::empty_array.v());
    d.head.set(0);
    d.len.set(0);
    d.touch();
    m.unlock(&d.h);
}

/// Item `i` for an iteration that began at `version`: an error if the deque changed, nothing at the end. `claim`
/// runs under the lock before the item is read and gives the index.
pub fn visit(
    m: &mut Mutator,
    d: &Deque,
    version: usize,
    claim: impl FnOnce(usize) -> Option<usize>,
) -> Result<Option<Value>, Mutated> {
    m.lock(&d.h);
    let found = if d.version() == version {
        let n = d.len();
        Ok(claim(n).filter(|i| *i < n).map(|i| d.place(i).get()))
    } else {
        Err(Mutated)
    };
    m.unlock(&d.h);
    found
}

/// The deque changed during an iteration.
pub struct Mutated;

/// The items as they stand at one moment, as a list.
pub fn snapshot(m: &mut Mutator, d: &Deque) -> Make {
    loop {
        let n = d.len();
        let v = m.list_with(n)?;
        let l = v.get::<List>();
        m.lock(&d.h);
        let same = d.len() == n;
        if same {
            for i in 0..n {
                if let Some(slot) = l.array().slot(i) {
                    slot.set(d.place(i).get());
                }
            }
            l.len.set(n);
        }
        m.unlock(&d.h);
        if same {
            return Ok(v);
        }
    }
}
