//! The core of list: a backing array, read without locks. Runs no user code. Invariant: slots at and beyond the
//! length are unbound, and an array that has been replaced is never written again; so an item found bound in the
//! array that the reader loaded once was in the list at some moment of the reading.

use super::known::S;
use super::object::{Array, List, Tuple};
use super::space::Mutator;
use super::value::Value;
use super::{Full, Make};

const MAX_LEN: usize = 1 << 40;

impl List {
    /// Number of items.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The current backing array.
    #[inline(always)]
    pub fn array(&self) -> &'static Array {
        self.items.get().get::<Array>()
    }
}

/// Item `i` of an array, unbound beyond its capacity.
#[inline(always)]
fn at(a: &Array, i: usize) -> Value {
    a.slot(i).map_or(Value::UNBOUND, |s| s.get())
}

/// Sets item `i`, which is within the capacity.
#[inline(always)]
fn put(a: &Array, i: usize, v: Value) {
    if let Some(slot) = a.slot(i) {
        slot.set(v);
    }
}

/// Copies `n` items, word by word, in the direction that is right for overlap.
fn shift(a: &Array, from: usize, to: usize, n: usize) {
    if n == 0 {
        return;
    }
    assert!(from.max(to) + n <= a.count.get());
    // SAFETY: both ranges lie within the capacity.
    let one = |i: usize| unsafe { a.item(to + i).set(a.item(from + i).get()) };
    if to < from {
        (0..n).for_each(one);
    } else {
        (0..n).rev().for_each(one);
    }
}

/// Copies the first `n` items into another array.
fn copy_items(from: &Array, to: &Array, n: usize) {
    assert!(n <= from.count.get().min(to.count.get()));
    for i in 0..n {
        // SAFETY: i is below both capacities.
        unsafe { to.item(i).set(from.item(i).get()) };
    }
}

fn unbind(a: &Array, from: usize, to: usize) {
    (from..to).for_each(|i| put(a, i, Value::UNBOUND));
}

/// The capacity for `n` items that will grow: a quarter more, half while that is little.
fn roomy(n: usize) -> usize {
    (n + (n >> if n < 1024 { 1 } else { 2 }) + 6) & !3
}

/// Item `i` without a lock; nothing if it is not there or just moving (then ask [`get`]).
#[inline(always)]
pub fn peek(l: &List, i: usize) -> Option<Value> {
    at(l.array(), i).bound()
}

/// Item `i`.
#[inline]
pub fn get(m: &mut Mutator, l: &List, i: usize) -> Option<Value> {
    match peek(l, i) {
        None if m.shared => get_slowly(m, l, i),
        found => found,
    }
}

#[cold]
#[inline(never)]
fn get_slowly(m: &mut Mutator, l: &List, i: usize) -> Option<Value> {
    m.lock(&l.h);
    let found = if i < l.len() { at(l.array(), i).bound() } else { None };
    m.unlock(&l.h);
    found
}

/// Item `i`, counted from the end if below 0, by the length of one moment.
pub fn get_signed(m: &mut Mutator, l: &List, i: isize) -> Option<Value> {
    m.lock(&l.h);
    let found = place(i, l.len()).and_then(|i| at(l.array(), i).bound());
    m.unlock(&l.h);
    found
}

#[inline(always)]
fn place(i: isize, n: usize) -> Option<usize> {
    let i = if i < 0 { n.checked_add_signed(i)? } else { i as usize };
    (i < n).then_some(i)
}

/// Sets item `i`, counted from the end if below 0; false if there is none.
#[inline]
pub fn set(m: &mut Mutator, l: &List, i: isize, v: Value) -> bool {
    m.lock(&l.h);
    let there = place(i, l.len());
    if let Some(i) = there {
        put(l.array(), i, v);
    }
    m.unlock(&l.h);
    there.is_some()
}

/// Runs `change` under the lock with an array of at least as many slots as the new length that `wanted` gives (from
/// the old one). The array is the current one, or a fresh one that has the old items and is not yet published:
/// `change` publishes it. With `roomy`, a fresh array has room for more.
fn with_room<R>(
    m: &mut Mutator,
    l: &List,
    extra: bool,
    mut wanted: impl FnMut(usize) -> usize,
    change: impl FnOnce(&List, Option<Value>, usize) -> R,
) -> Make<R> {
    let mut spare: Option<Value> = None;
    loop {
        m.lock(&l.h);
        let n = l.len();
        let need = wanted(n);
        if need <= l.array().count.get() {
            let r = change(l, None, n);
            m.unlock(&l.h);
            return Ok(r);
        }
        if let Some(v) = spare.filter(|v| v.get::<Array>().count.get() >= need) {
            let (from, to) = (l.array(), v.get::<Array>());
            copy_items(from, to, n);
            let r = change(l, Some(v), n);
            m.unlock(&l.h);
            return Ok(r);
        }
        m.unlock(&l.h);
        if need > MAX_LEN {
            return Err(Full);
        }
        spare = Some(m.array(if extra { roomy(need) } else { need })?);
    }
}

/// Publishes a fresh array, if there is one, and then the length.
fn publish(l: &List, fresh: Option<Value>, n: usize) {
    if let Some(v) = fresh {
        l.items.set(v);
    }
    l.len.set(n);
}

fn target(l: &List, fresh: Option<Value>) -> &'static Array {
    fresh.map_or_else(|| l.array(), |v| v.get::<Array>())
}

/// Adds an item at the end.
#[inline]
pub fn push(m: &mut Mutator, l: &List, v: Value) -> Make<()> {
    m.lock(&l.h);
    let n = l.len();
    let slot = l.array().slot(n);
    if let Some(slot) = slot {
        slot.set(v);
        l.len.set(n + 1);
    }
    m.unlock(&l.h);
    if slot.is_some() { Ok(()) } else { push_slowly(m, l, v) }
}

#[cold]
#[inline(never)]
fn push_slowly(m: &mut Mutator, l: &List, v: Value) -> Make<()> {
    with_room(
        m,
        l,
        true,
        |n| n + 1,
        |l, fresh, n| {
            put(target(l, fresh), n, v);
            publish(l, fresh, n + 1);
        },
    )
}

/// Inserts before item `i` (at the end if `i` is beyond it).
pub fn insert(m: &mut Mutator, l: &List, i: usize, v: Value) -> Make<()> {
    with_room(
        m,
        l,
        true,
        |n| n + 1,
        |l, fresh, n| {
            let (a, i) = (target(l, fresh), i.min(n));
            shift(a, i, i + 1, n - i);
            put(a, i, v);
            publish(l, fresh, n + 1);
        },
    )
}

/// Removes and gives the last item.
#[inline]
pub fn pop(m: &mut Mutator, l: &List) -> Option<Value> {
    m.lock(&l.h);
    let n = l.len();
    let mut popped = None;
    if n > 0 {
        let a = l.array();
        popped = at(a, n - 1).bound();
        l.len.set(n - 1);
        put(a, n - 1, Value::UNBOUND);
    }
    m.unlock(&l.h);
    if n > 0 {
        shrink(m, l);
    }
    popped
}

/// Removes and gives item `i`.
pub fn pop_at(m: &mut Mutator, l: &List, i: usize) -> Option<Value> {
    m.lock(&l.h);
    let n = l.len();
    let mut popped = None;
    if i < n {
        let a = l.array();
        popped = at(a, i).bound();
        shift(a, i + 1, i, n - i - 1);
        l.len.set(n - 1);
        put(a, n - 1, Value::UNBOUND);
    }
    m.unlock(&l.h);
    if popped.is_some() {
        shrink(m, l);
    }
    popped
}

/// Gives back memory when less than a quarter of a large array is used. A failure to do so does no harm.
#[inline]
fn shrink(m: &mut Mutator, l: &List) {
    let cap = l.array().count.get();
    if cap >= 64 && l.len() < cap / 4 {
        shrink_now(m, l, roomy(l.len()));
    }
}

#[cold]
#[inline(never)]
fn shrink_now(m: &mut Mutator, l: &List, cap: usize) {
    let Ok(v) = m.array(cap) else { return };
    m.lock(&l.h);
    let (from, to, n) = (l.array(), v.get::<Array>(), l.len());
    if n <= cap && cap < from.count.get() {
        copy_items(from, to, n);
        l.items.set(v);
    }
    m.unlock(&l.h);
}

/// Removes items `from..to`, cut to the length.
pub fn remove_range(m: &mut Mutator, l: &List, from: usize, to: usize) {
    m.lock(&l.h);
    let n = l.len();
    let (from, to) = (from.min(n), to.min(n));
    if from < to {
        let a = l.array();
        shift(a, to, from, n - to);
        l.len.set(n - (to - from));
        unbind(a, n - (to - from), n);
    }
    m.unlock(&l.h);
    shrink(m, l);
}

/// Removes `n` items from `start` on by `step` (above 0), those that are there.
pub fn remove_stepped(m: &mut Mutator, l: &List, start: usize, step: usize, n: usize) {
    m.lock(&l.h);
    let (a, len) = (l.array(), l.len());
    let first = start.min(len);
    let (mut to, mut gone) = (first, 0);
    for i in first..len {
        if gone < n && i == start + gone * step {
            gone += 1;
        } else {
            put(a, to, at(a, i));
            to += 1;
        }
    }
    l.len.set(to);
    unbind(a, to, len);
    m.unlock(&l.h);
    shrink(m, l);
}

/// Removes all items.
pub fn clear(m: &mut Mutator, l: &List) {
    m.lock(&l.h);
    publish(l, Some(S::empty_array.v()), 0);
    m.unlock(&l.h);
}

/// Where items come from: they are read under no lock, so nobody else may write there.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    /// Script registers or locals.
    Slice(&'a [Value]),
    /// A tuple.
    Tuple(&'a Tuple),
    /// The first so many items of an array nobody else has, such as [`snapshot_array`] gives.
    Array(&'a Array, usize),
}

impl Source<'_> {
    /// Number of items.
    pub fn len(&self) -> usize {
        match self {
            Source::Slice(s) => s.len(),
            Source::Tuple(t) => t.len(),
            Source::Array(_, n) => *n,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    fn at(&self, i: usize) -> Value {
        match self {
            Source::Slice(s) => s[i],
            Source::Tuple(t) => t.at(i),
            Source::Array(a, _) => at(a, i),
        }
    }
}

/// Adds items at the end, all at once.
pub fn extend(m: &mut Mutator, l: &List, from: Source) -> Make<()> {
    let more = from.len();
    with_room(
        m,
        l,
        true,
        |n| n + more,
        |l, fresh, n| {
            let a = target(l, fresh);
            (0..more).for_each(|i| put(a, n + i, from.at(i)));
            publish(l, fresh, n + more);
        },
    )
}

/// Adds items at the end.
pub fn extend_from_slice(m: &mut Mutator, l: &List, items: &[Value]) -> Make<()> {
    extend(m, l, Source::Slice(items))
}

/// Puts items in the place of items `start..stop`, cut to the length.
pub fn splice(m: &mut Mutator, l: &List, start: usize, stop: usize, from: Source) -> Make<()> {
    let more = from.len();
    let cut = |n: usize| (start.min(n), stop.min(n).max(start.min(n)));
    let new_len = |n: usize| n - (cut(n).1 - cut(n).0) + more;
    with_room(m, l, true, new_len, |l, fresh, n| {
        let (a, (start, stop), after) = (target(l, fresh), cut(n), new_len(n));
        shift(a, stop, start + more, n - stop);
        (0..more).for_each(|i| put(a, start + i, from.at(i)));
        publish(l, fresh, after);
        unbind(a, after, n);
    })?;
    shrink(m, l);
    Ok(())
}

/// Sets items `start`, `start + step`, ... one after another; false if one of them is not there.
pub fn set_stepped(m: &mut Mutator, l: &List, start: usize, step: isize, from: Source) -> bool {
    m.lock(&l.h);
    let place = |i: usize| start.wrapping_add_signed(step.wrapping_mul(i as isize));
    let n = l.len();
    let there = from.is_empty() || (start < n && place(from.len() - 1) < n);
    if there {
        (0..from.len()).for_each(|i| put(l.array(), place(i), from.at(i)));
    }
    m.unlock(&l.h);
    there
}

/// Room for `cap` items altogether.
pub fn reserve(m: &mut Mutator, l: &List, cap: usize) -> Make<()> {
    with_room(m, l, false, |n| n.max(cap), publish)
}

/// Reverses the items in place.
pub fn reverse(m: &mut Mutator, l: &List) {
    m.lock(&l.h);
    let (a, n) = (l.array(), l.len());
    for i in 0..n / 2 {
        let (x, y) = (at(a, i), at(a, n - 1 - i));
        put(a, i, y);
        put(a, n - 1 - i, x);
    }
    m.unlock(&l.h);
}

/// The items as they stand at one moment, in an array of its own, and their number.
pub fn snapshot_array(m: &mut Mutator, l: &List) -> Make<(Value, usize)> {
    loop {
        let v = m.array(l.len())?;
        let to = v.get::<Array>();
        m.lock(&l.h);
        let (from, n) = (l.array(), l.len());
        let fits = n <= to.count.get();
        if fits {
            copy_items(from, to, n);
        }
        m.unlock(&l.h);
        if fits {
            return Ok((v, n));
        }
    }
}

/// The items as they stand at one moment, as a tuple.
pub fn snapshot(m: &mut Mutator, l: &List) -> Make {
    loop {
        let n = l.len();
        if n == 0 {
            return Ok(S::empty_tuple.v());
        }
        let v = m.tuple_with(n)?;
        let t = v.get::<Tuple>();
        m.lock(&l.h);
        let same = l.len() == n;
        if same {
            for i in 0..n {
                // SAFETY: the tuple was made with n items.
                unsafe { t.item(i) }.set(at(l.array(), i));
            }
        }
        m.unlock(&l.h);
        if same {
            return Ok(v);
        }
    }
}

/// A new list of `n` items from `start` on by `step`, as they stand at one moment. Items that have gone meanwhile
/// end it.
pub fn slice(m: &mut Mutator, l: &List, start: usize, step: isize, n: usize) -> Make {
    let made = m.list_with(0)?;
    if n == 0 {
        return Ok(made);
    }
    let array = m.array_to_fill(n)?;
    let to = array.get::<Array>();
    m.lock(&l.h);
    let (a, len) = (l.array(), l.len().min(l.array().count.get()));
    let mut k = 0;
    while k < n {
        let i = start.wrapping_add_signed(step.wrapping_mul(k as isize));
        if i >= len {
            break;
        }
        // SAFETY: i is below the capacity of the one, k below that of the other.
        unsafe { to.item(k).set(a.item(i).get()) };
        k += 1;
    }
    m.unlock(&l.h);
    unbind(to, k, n);
    publish(made.get::<List>(), Some(array), k);
    Ok(made)
}

/// A new list of the items of both, each as they stand at one moment.
pub fn concat(m: &mut Mutator, x: &List, y: &List) -> Make {
    let made = m.list_with(0)?;
    loop {
        let (before, after) = (x.len(), y.len());
        if before + after == 0 {
            return Ok(made);
        }
        let array = m.array(before + after)?;
        let to = array.get::<Array>();
        let mut whole = true;
        for (l, from, n) in [(x, 0, before), (y, before, after)] {
            m.lock(&l.h);
            if l.len() == n {
                (0..n).for_each(|i| put(to, from + i, at(l.array(), i)));
            } else {
                whole = false;
            }
            m.unlock(&l.h);
        }
        if whole {
            publish(made.get::<List>(), Some(array), before + after);
            return Ok(made);
        }
    }
}

/// A new list of the items as they stand at one moment.
pub fn copy(m: &mut Mutator, l: &List) -> Make {
    let (array, n) = snapshot_array(m, l)?;
    let made = m.list_with(0)?;
    publish(made.get::<List>(), Some(array), n);
    Ok(made)
}

/// Takes the items out, for sorting: the array, which nobody else writes any more, and the length. The list is
/// empty meanwhile.
pub fn detach(m: &mut Mutator, l: &List) -> (Value, usize) {
    m.lock(&l.h);
    let taken = (l.items.get(), l.len());
    publish(l, Some(S::empty_array.v()), 0);
    m.unlock(&l.h);
    taken
}

/// Puts items back; false if the list was changed meanwhile (its new items are lost).
pub fn attach(m: &mut Mutator, l: &List, array: Value, n: usize) -> bool {
    m.lock(&l.h);
    let unchanged = l.items.get() == S::empty_array.v();
    publish(l, Some(array), n);
    m.unlock(&l.h);
    unchanged
}
