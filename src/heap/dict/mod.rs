//! The core of dict: insertion-ordered tables that are read without locks. Runs no user code but the `eq` it is
//! given. Invariant: within a table entries are only appended and removed, never re-used, and a table that has
//! been replaced is never written again; so whatever one reader finds in the table word that it loaded once was
//! true at some moment of its reading.
//!
//! A removal unbinds value, then key, and leaves the index word. The hash word of a removed entry holds a float:
//! for entry 0 the end of the run of removed entries that begins there, for others the start of the run that ends
//! there; so taking from either end stays O(1).

mod bulk;
mod names;

pub use bulk::{copy, merge, snapshot};
pub use names::{
    Look, cache_entry, cache_id, entry_index, get_name, get_str, insert_name, look_str, remove_name,
};

use crate::heap::cell::{COUNTED, Kind, flag};
use crate::heap::known::{C, S};
use crate::heap::object::{Big, Bytes, Dict, DictTable, Entry, Str, Tuple};
use crate::heap::space::Mutator;
use crate::heap::value::{INT_MAX, INT_MIN, Value};
use crate::heap::{Full, Make};
use std::sync::atomic::{AtomicU32, Ordering};

/// Index words count entries in 32 bits.
const MAX_SIZE: usize = 1 << 31;

impl AsMut<Mutator> for Mutator {
    fn as_mut(&mut self) -> &mut Mutator {
        self
    }
}

/// A script's 64-bit hash as the 62-bit int that tables store. The identity on hashes of ints and texts.
#[inline(always)]
pub fn fold(hash: i64) -> i64 {
    if (INT_MIN..=INT_MAX).contains(&hash) { hash } else { ((hash << 2) >> 2) ^ (hash >> 62) }
}

/// Equality of keys by the builtin rules; `None` where a class may say otherwise (or deeper comparison is needed).
#[inline]
pub fn same(a: Value, b: Value) -> Option<bool> {
    if a == b {
        return Some(true);
    }
    match (a.kind(), b.kind()) {
        (Kind::Str, Kind::Str) => {
            let (x, y) = (a.get::<Str>(), b.get::<Str>());
            Some(!(x.h.has(flag::INTERNED) && y.h.has(flag::INTERNED)) && x.bytes() == y.bytes())
        }
        (Kind::None, Kind::None) => Some(same_immediate(a, b)),
        (Kind::Bytes, Kind::Bytes) => Some(a.get::<Bytes>().bytes() == b.get::<Bytes>().bytes()),
        (Kind::Big, Kind::Big) => {
            let (x, y) = (a.get::<Big>(), b.get::<Big>());
            let n = x.size.get();
            // SAFETY: both have `n >> 1` limbs.
            Some(n == y.size.get() && (0..n >> 1).all(|i| unsafe { x.limb(i).get() == y.limb(i).get() }))
        }
        (Kind::Str, Kind::None | Kind::Big | Kind::Float | Kind::Bytes | Kind::Tuple)
        | (Kind::None | Kind::Big | Kind::Float | Kind::Bytes | Kind::Tuple, Kind::Str)
        | (Kind::None, Kind::Tuple | Kind::Bytes)
        | (Kind::Tuple | Kind::Bytes, Kind::None) => Some(false),
        (Kind::Tuple, Kind::Tuple) => same_items(a.get::<Tuple>(), b.get::<Tuple>()),
        // A float may equal a big int, so that pair is asked.
        (Kind::None, Kind::Big) if !a.is_float() => Some(false),
        (Kind::Big, Kind::None) if !b.is_float() => Some(false),
        _ => None,
    }
}

/// Equality of flat tuples, item by item up to the first that is asked.
fn same_items(a: &Tuple, b: &Tuple) -> Option<bool> {
    if a.len() != b.len() {
        return Some(false);
    }
    for (x, y) in a.iter().zip(b.iter()) {
        let nested = x.is_kind(Kind::Tuple) && y.is_kind(Kind::Tuple) && x != y;
        match if nested { None } else { same(x, y) } {
            Some(true) => {}
            other => return other,
        }
    }
    Some(true)
}

fn same_immediate(a: Value, b: Value) -> bool {
    let int =
        |v: Value| if v.is_bool() { Some((v == Value::TRUE) as i64) } else { v.is_int().then(|| v.as_int()) };
    match (int(a), int(b)) {
        (Some(x), Some(y)) => x == y,
        (Some(x), None) if b.is_float() => same_mixed(x, b.as_float()),
        (None, Some(y)) if a.is_float() => same_mixed(y, a.as_float()),
        _ => Value::both_float(a, b) && a.as_float() == b.as_float(),
    }
}

fn same_mixed(i: i64, f: f64) -> bool {
    i as f64 == f && f as i64 == i
}

/// The way through the index words.
struct Probe {
    at: usize,
    perturb: u64,
    mask: usize,
}

impl Probe {
    #[inline(always)]
    fn new(hash: i64, mask: usize) -> Probe {
        Probe { at: hash as usize & mask, perturb: hash as u64, mask }
    }

    #[inline(always)]
    fn next(&mut self) {
        self.perturb >>= 5;
        self.at = self.at.wrapping_mul(5).wrapping_add(self.perturb as usize + 1) & self.mask;
    }
}

impl Dict {
    /// The current table.
    #[inline(always)]
    pub fn table(&self) -> &'static DictTable {
        self.table.get().get::<DictTable>()
    }

    /// Live entries.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.used.get()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl DictTable {
    /// Entries in use, removed ones included.
    #[inline(always)]
    pub fn filled(&self) -> usize {
        self.fill.get().as_int() as usize
    }

    /// Entry capacity.
    #[inline(always)]
    fn capacity(&self) -> usize {
        self.cap.get().as_int() as usize
    }

    #[inline(always)]
    fn index_mask(&self) -> usize {
        self.mask.get().as_int() as usize
    }

    /// Id for global caches, 0 while none.
    #[inline(always)]
    pub fn cache_id(&self) -> u32 {
        self.id.get().as_int() as u32
    }

    #[inline(always)]
    fn index(&self, i: usize) -> &AtomicU32 {
        debug_assert!(i <= self.index_mask());
        // SAFETY: the table was made with `mask + 1` index words, which are only accessed as atomics.
        unsafe { AtomicU32::from_ptr(self.indices().add(i)) }
    }

    #[inline(always)]
    fn at(&self, i: usize) -> &'static Entry {
        debug_assert!(i < self.capacity());
        // SAFETY: index words and `fill` never exceed the capacity that this same table was made with.
        unsafe { self.entry(i) }
    }

    /// Where the run of removed entries that entry `i` marks goes to, if `i` is removed.
    #[inline(always)]
    fn skip(&self, i: usize) -> Option<usize> {
        let h = self.at(i).hash.get();
        if h.is_float() { Some(h.as_float() as usize) } else { None }
    }

    fn is_dead(&self, i: usize) -> bool {
        self.at(i).key.get().is_unbound()
    }
}

/// A new dict.
pub fn new(m: &mut Mutator) -> Make {
    with_room(m, 0)
}

/// A new dict with room for `n` entries.
pub fn with_room(m: &mut Mutator, n: usize) -> Make {
    let t = if n == 0 { S::empty_table.v() } else { new_table(m, size_for(n)?)?.0 };
    wrap(m, t, 0)
}

/// Room for `n` entries in a dict that has none.
pub fn reserve(m: &mut Mutator, d: &Dict, n: usize) -> Make<()> {
    if d.table().filled() != 0 || n <= d.table().capacity() {
        return Ok(());
    }
    let size = size_for(n)?;
    let (table, _) = new_table(m, size)?;
    m.lock(&d.h);
    if d.table().filled() == 0 {
        d.table.set(table);
    }
    m.unlock(&d.h);
    Ok(())
}

fn wrap(m: &mut Mutator, table: Value, used: usize) -> Make {
    let (v, d) = m.new::<Dict>(C::dict.shape(), 1, 0)?;
    d.table.set(table);
    d.used.set(used);
    Ok(v)
}

/// The table of all dicts that never held anything: no room, one free index word.
pub fn empty_table(m: &mut Mutator) -> Make {
    Ok(new_table(m, 1)?.0)
}

fn size_for(n: usize) -> Make<usize> {
    if n > MAX_SIZE / 2 {
        return Err(Full);
    }
    Ok((n * 3).div_ceil(2).next_power_of_two().max(8))
}

fn new_table(m: &mut Mutator, size: usize) -> Make<(Value, &'static DictTable)> {
    if size > MAX_SIZE {
        return Err(Full);
    }
    let cap = size * 2 / 3;
    let extra = cap * size_of::<Entry>() + size * 4;
    let (v, t) = m.new::<DictTable>(C::internal.shape(), COUNTED, extra)?;
    t.fill.set(Value::int(0));
    t.id.set(Value::int(0));
    t.cap.set(Value::int(cap as i64));
    t.mask.set(Value::int(size as i64 - 1));
    t.count.set(4 + 3 * cap);
    Ok((v, t))
}

/// Writes an entry behind the others. The table has room; the caller holds the lock or the table is private.
fn write(t: &DictTable, hash: Value, key: Value, value: Value) {
    let n = t.filled();
    let e = t.at(n);
    e.hash.set(hash);
    e.key.set(key);
    e.value.set(value);
    let mut p = Probe::new(hash.as_int(), t.index_mask());
    while t.index(p.at).load(Ordering::Relaxed) != 0 {
        p.next();
    }
    t.index(p.at).store(n as u32 + 1, Ordering::Release);
    t.fill.set(Value::int(n as i64 + 1));
}

fn write_live(to: &DictTable, from: &DictTable, except: usize) {
    for i in 0..from.filled() {
        let e = from.at(i);
        let key = e.key.get();
        if i != except && !key.is_unbound() {
            write(to, e.hash.get(), key, e.value.get());
        }
    }
}

/// The size of the table that takes the place of a full one.
fn grown(d: &Dict) -> usize {
    (d.len() * 3).next_power_of_two().max(8)
}

/// Before the lock is taken: a table to grow into, if adding the key would need one.
fn spare(m: &mut Mutator, d: &Dict, hash: i64, key: Value) -> Make<Option<Value>> {
    let t = d.table();
    if t.filled() < t.capacity() || matches!(seek(t, hash, key), Seek::Hit(_)) {
        return Ok(None);
    }
    Ok(Some(new_table(m, grown(d))?.0))
}

/// Under the lock: whether there is room for one more entry, perhaps after moving into the spare table.
fn make_room(d: &Dict, spare: Option<Value>) -> bool {
    let t = d.table();
    if t.filled() < t.capacity() {
        return true;
    }
    let Some(v) = spare else { return false };
    let wider = v.get::<DictTable>();
    if wider.filled() != 0 || wider.capacity() <= d.len() {
        return false;
    }
    write_live(wider, t, usize::MAX);
    d.table.set(v);
    true
}

/// Under the lock and with room: a key that is not there yet.
fn append(d: &Dict, hash: i64, key: Value, value: Value) {
    let t = d.table();
    // Before the key can be found: a cache that says "not here" must miss from now on.
    if t.cache_id() != 0 {
        t.id.set(Value::int(0));
    }
    write(t, Value::int(hash), key, value);
    d.used.set(d.len() + 1);
}

/// Under the lock: removes entry `i` and gives its key and value.
fn take(d: &Dict, t: &DictTable, i: usize) -> (Value, Value) {
    let pair = (t.at(i).key.get(), t.at(i).value.get());
    bury(t, i);
    d.used.set(d.len() - 1);
    pair
}

fn bury(t: &DictTable, i: usize) {
    let e = t.at(i);
    e.value.set(Value::UNBOUND);
    e.key.set(Value::UNBOUND);
    e.hash.set(Value::UNBOUND);
    let mark = |i: usize, to: usize| t.at(i).hash.set(Value::try_float(to as f64).unwrap_or(Value::UNBOUND));
    let last = t.filled() - 1;
    if t.is_dead(0) && (i == 0 || t.skip(0) == Some(i)) {
        let mut end = i + 1;
        while end <= last && t.is_dead(end) {
            end += 1;
        }
        mark(0, end);
    }
    if last > 0 && t.is_dead(last) {
        mark(last, run_start(t, last));
    }
}

/// Start of the run of removed entries that ends with entry `i`.
fn run_start(t: &DictTable, mut i: usize) -> usize {
    loop {
        if i > 0 {
            i = t.skip(i).unwrap_or(i);
        }
        if i == 0 || !t.is_dead(i - 1) {
            return i;
        }
        i -= 1;
    }
}

/// A position found, and what it was found in.
struct Place {
    table: &'static DictTable,
    fill: usize,
    at: Option<usize>,
}

impl Place {
    /// Under the lock: whether nothing has happened that could make it wrong.
    fn holds(&self, d: &Dict) -> bool {
        std::ptr::eq(d.table(), self.table)
            && match self.at {
                Some(i) => !self.table.is_dead(i),
                None => self.table.filled() == self.fill,
            }
    }
}

enum Seek {
    Hit(usize),
    Miss,
    Ask,
}

/// Looks for the key by the builtin rules.
#[inline(always)]
fn seek(t: &DictTable, hash: i64, key: Value) -> Seek {
    let mut p = Probe::new(hash, t.index_mask());
    loop {
        let n = t.index(p.at).load(Ordering::Acquire) as usize;
        if n == 0 {
            return Seek::Miss;
        }
        let e = t.at(n - 1);
        let k = e.key.get();
        if k == key {
            return Seek::Hit(n - 1);
        }
        if e.hash.get() == Value::int(hash) && !k.is_unbound() {
            match same(k, key) {
                Some(true) => return Seek::Hit(n - 1),
                Some(false) => {}
                None => return Seek::Ask,
            }
        }
        p.next();
    }
}

/// Looks for the key, asking `eq` where the builtin rules do not decide; begins again when the table changes
/// meanwhile.
fn locate<M, E>(
    m: &mut M,
    d: &Dict,
    hash: i64,
    key: Value,
    eq: &mut impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Place, E> {
    'again: loop {
        let table = d.table();
        let fill = table.filled();
        let mut p = Probe::new(hash, table.index_mask());
        loop {
            let n = table.index(p.at).load(Ordering::Acquire) as usize;
            if n == 0 {
                return Ok(Place { table, fill, at: None });
            }
            let e = table.at(n - 1);
            let k = e.key.get();
            if k == key {
                return Ok(Place { table, fill, at: Some(n - 1) });
            }
            if e.hash.get() == Value::int(hash) && !k.is_unbound() {
                let equal = match same(k, key) {
                    Some(known) => known,
                    None => {
                        let answer = eq(m, k)?;
                        if !std::ptr::eq(d.table(), table) || e.key.get() != k {
                            continue 'again;
                        }
                        answer
                    }
                };
                if equal {
                    return Ok(Place { table, fill, at: Some(n - 1) });
                }
            }
            p.next();
        }
    }
}

/// Takes the lock and gives the entry of the key; on `Err` the lock is free.
fn hold<M: AsMut<Mutator>, E>(
    m: &mut M,
    d: &Dict,
    hash: i64,
    key: Value,
    eq: &mut impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Option<usize>, E> {
    loop {
        m.as_mut().lock(&d.h);
        match seek(d.table(), hash, key) {
            Seek::Hit(i) => return Ok(Some(i)),
            Seek::Miss => return Ok(None),
            Seek::Ask => {}
        }
        m.as_mut().unlock(&d.h);
        let place = locate(m, d, hash, key, eq)?;
        m.as_mut().lock(&d.h);
        if place.holds(d) {
            return Ok(place.at);
        }
        m.as_mut().unlock(&d.h);
    }
}

/// The value of the key. `hash` is folded; `eq` compares a stored key with it and may run user code.
pub fn find<M, E>(
    m: &mut M,
    d: &Dict,
    hash: i64,
    key: Value,
    mut eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Option<Value>, E> {
    let t = d.table();
    match seek(t, hash, key) {
        Seek::Hit(i) => Ok(t.at(i).value.get().bound()),
        Seek::Miss => Ok(None),
        Seek::Ask => {
            let place = locate(m, d, hash, key, &mut eq)?;
            Ok(place.at.and_then(|i| place.table.at(i).value.get().bound()))
        }
    }
}

/// Whether the key is there.
pub fn contains<M, E>(
    m: &mut M,
    d: &Dict,
    hash: i64,
    key: Value,
    eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<bool, E> {
    Ok(find(m, d, hash, key, eq)?.is_some())
}

/// The value of entry `i` of this table, unbound if removed. `i` came from this same table.
#[inline(always)]
pub fn value_at(t: &DictTable, i: usize) -> Value {
    t.at(i).value.get()
}

/// Sets the value of the key; the old value if it was there. Keys keep their place and identity.
pub fn insert<M: AsMut<Mutator>, E: From<Full>>(
    m: &mut M,
    d: &Dict,
    hash: i64,
    key: Value,
    value: Value,
    eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Option<Value>, E> {
    put(m, d, hash, key, value, true, eq)
}

/// The value of the key, which becomes `value` if it was not there.
pub fn set_default<M: AsMut<Mutator>, E: From<Full>>(
    m: &mut M,
    d: &Dict,
    hash: i64,
    key: Value,
    value: Value,
    eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Value, E> {
    Ok(put(m, d, hash, key, value, false, eq)?.unwrap_or(value))
}

/// Adds the key, or replaces its value if asked to; the value that was there.
fn put<M: AsMut<Mutator>, E: From<Full>>(
    m: &mut M,
    d: &Dict,
    hash: i64,
    key: Value,
    value: Value,
    replace: bool,
    mut eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Option<Value>, E> {
    loop {
        let spare = spare(m.as_mut(), d, hash, key)?;
        let at = hold(m, d, hash, key, &mut eq)?;
        let mut done = true;
        let mut old = None;
        match at {
            Some(i) if replace => old = Some(d.table().at(i).value.swap(value)),
            Some(i) => old = Some(d.table().at(i).value.get()),
            None if make_room(d, spare) => append(d, hash, key, value),
            None => done = false,
        }
        m.as_mut().unlock(&d.h);
        if done {
            return Ok(old);
        }
    }
}

/// Removes the key; its value if it was there.
pub fn remove<M: AsMut<Mutator>, E>(
    m: &mut M,
    d: &Dict,
    hash: i64,
    key: Value,
    mut eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Option<Value>, E> {
    let at = hold(m, d, hash, key, &mut eq)?;
    let old = at.map(|i| take(d, d.table(), i).1);
    m.as_mut().unlock(&d.h);
    Ok(old)
}

/// Removes and gives the last entry in order.
pub fn pop_last(m: &mut Mutator, d: &Dict) -> Option<(Value, Value)> {
    m.lock(&d.h);
    let t = d.table();
    let end = t.filled();
    let end = if end > 0 && t.is_dead(end - 1) { run_start(t, end - 1) } else { end };
    let taken = end.checked_sub(1).map(|i| take(d, t, i));
    m.unlock(&d.h);
    taken
}

/// Removes and gives the first entry in order.
pub fn pop_first(m: &mut Mutator, d: &Dict) -> Option<(Value, Value)> {
    m.lock(&d.h);
    let t = d.table();
    let taken = next_entry(t, 0).map(|(i, ..)| take(d, t, i));
    m.unlock(&d.h);
    taken
}

/// Removes first entries until no more than `most` are left.
pub fn trim(m: &mut Mutator, d: &Dict, most: usize) {
    m.lock(&d.h);
    while d.len() > most
        && let Some((i, ..)) = next_entry(d.table(), 0)
    {
        take(d, d.table(), i);
    }
    m.unlock(&d.h);
}

/// Adds one to the small int under a key that asks no user code; false, and nothing done, if that is not what is there.
pub fn count(m: &mut Mutator, d: &Dict, hash: i64, key: Value) -> bool {
    let t = d.table();
    let Seek::Hit(i) = seek(t, hash, key) else { return false };
    m.lock(&d.h);
    let old = t.at(i).value.get();
    // Another thread may have removed the entry or renewed the table.
    let new = match std::ptr::eq(t, d.table()) && old.is_int() {
        true => Value::try_int(old.as_int() + 1),
        false => None,
    };
    if let Some(v) = new {
        t.at(i).value.set(v);
    }
    m.unlock(&d.h);
    new.is_some()
}

/// The value of a key that asks no user code, whose entry becomes the last. `None` also where only [`find`] and
/// [`move_to_end`] can tell or have the room.
pub fn refresh(m: &mut Mutator, d: &Dict, hash: i64, key: Value) -> Option<Value> {
    let t = d.table();
    let Seek::Hit(i) = seek(t, hash, key) else { return None };
    m.lock(&d.h);
    // Another thread may have removed the entry or renewed the table.
    let found = match std::ptr::eq(t, d.table()) {
        true => t.at(i).value.get().bound().filter(|_| move_entry(d, i, true, None)),
        false => None,
    };
    m.unlock(&d.h);
    found
}

/// Moves the key's entry to the end (or the beginning, which copies the table); whether it is there.
pub fn move_to_end<M: AsMut<Mutator>, E: From<Full>>(
    m: &mut M,
    d: &Dict,
    hash: i64,
    key: Value,
    last: bool,
    mut eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<bool, E> {
    loop {
        let t = d.table();
        let spare = match last && t.filled() < t.capacity() {
            true => None,
            false => Some(new_table(m.as_mut(), grown(d))?.0),
        };
        let at = hold(m, d, hash, key, &mut eq)?;
        let done = at.is_none_or(|i| move_entry(d, i, last, spare));
        m.as_mut().unlock(&d.h);
        if done {
            return Ok(at.is_some());
        }
    }
}

/// Under the lock: moves entry `i`; false if that needs a (wider) spare table. A reader never misses the key: the
/// new entry is there before the old one goes, or both change with the table.
fn move_entry(d: &Dict, i: usize, last: bool, spare: Option<Value>) -> bool {
    let t = d.table();
    let e = t.at(i);
    let (hash, key, value) = (e.hash.get(), e.key.get(), e.value.get());
    if last && i + 1 == t.filled() {
        return true;
    }
    if last && t.filled() < t.capacity() {
        t.id.set(Value::int(0));
        write(t, hash, key, value);
        bury(t, i);
        return true;
    }
    let Some(v) = spare else { return false };
    let fresh = v.get::<DictTable>();
    if fresh.capacity() < d.len() {
        return false;
    }
    if !last {
        write(fresh, hash, key, value);
    }
    write_live(fresh, t, i);
    if last {
        write(fresh, hash, key, value);
    }
    d.table.set(v);
    true
}

/// Removes all entries.
pub fn clear(m: &mut Mutator, d: &Dict) {
    m.lock(&d.h);
    d.table.set(S::empty_table.v());
    d.used.set(0);
    m.unlock(&d.h);
}

/// The first live entry at or after position `at`: (its position, key, value). Go on with position + 1.
/// An iterator detects a change of size by [`Dict::len`] and takes [`Dict::table`] anew at each step.
#[inline]
pub fn next_entry(t: &DictTable, at: usize) -> Option<(usize, Value, Value)> {
    let end = t.filled();
    let mut i = at;
    if i == 0 && end > 0 {
        i = t.skip(0).unwrap_or(0);
    }
    while i < end {
        let e = t.at(i);
        let (key, value) = (e.key.get(), e.value.get());
        if !key.is_unbound() && !value.is_unbound() {
            return Some((i, key, value));
        }
        i += 1;
    }
    None
}

/// The last live entry before position `at` (begin with [`DictTable::filled`]); go on with its position.
pub fn prev_entry(t: &DictTable, at: usize) -> Option<(usize, Value, Value)> {
    let mut i = at.min(t.filled());
    while i > 0 {
        i -= 1;
        let e = t.at(i);
        let (key, value) = (e.key.get(), e.value.get());
        if !key.is_unbound() && !value.is_unbound() {
            return Some((i, key, value));
        }
        if i > 0 {
            i = t.skip(i).unwrap_or(i);
        }
    }
    None
}

/// The folded hash of entry `i`, which is live.
pub fn hash_at(t: &DictTable, i: usize) -> Option<i64> {
    let h = t.at(i).hash.get();
    h.is_int().then(|| h.as_int())
}
