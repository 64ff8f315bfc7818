//! The core of set and frozenset: open addressing, read without locks. Runs no user code but the `eq` it is given.
//! Invariant: within a table a place that is no longer free never becomes free again, so a probe sees every key that
//! stays; and a replaced table is never written again. Probing, the place that a new key takes (the last dummy on
//! its way, if any) and growth are those of CPython, because the order of small ints is visible.

use super::cell::{COUNTED, flag};
use super::dict::same;
use super::known::{C, S};
use super::object::{Set, SetEntry, SetTable};
use super::space::Mutator;
use super::value::Value;
use super::{Full, Make};

const LINEAR_PROBES: usize = 9;
const PERTURB_SHIFT: u32 = 5;
const MIN_SIZE: usize = 8;
const MAX_SIZE: usize = 1 << 36;

impl Set {
    /// The current table.
    #[inline(always)]
    pub fn table(&self) -> &'static SetTable {
        self.table.get().get::<SetTable>()
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

    /// Whether this is a frozenset.
    pub fn is_frozen(&self) -> bool {
        self.h.has(flag::FROZEN)
    }
}

impl SetTable {
    #[inline(always)]
    fn top(&self) -> usize {
        self.mask.get().as_int() as usize
    }

    fn filled(&self) -> usize {
        self.fill.get().as_int() as usize
    }

    #[inline(always)]
    fn at(&self, i: usize) -> &'static SetEntry {
        debug_assert!(i <= self.top());
        // SAFETY: the table was made with `mask + 1` entries and `i` is masked.
        unsafe { self.entry(i) }
    }
}

/// Places in the order of probing: runs of up to ten neighbours, then a perturbed jump.
struct Probe {
    base: usize,
    step: usize,
    run: usize,
    perturb: u64,
    mask: usize,
}

impl Probe {
    #[inline(always)]
    fn new(hash: i64, mask: usize) -> Probe {
        let base = hash as usize & mask;
        Probe { base, step: 0, run: Probe::run(base, mask), perturb: hash as u64, mask }
    }

    #[inline(always)]
    fn run(base: usize, mask: usize) -> usize {
        if base + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 }
    }

    #[inline(always)]
    fn at(&self) -> usize {
        self.base + self.step
    }

    #[inline(always)]
    fn next(&mut self) {
        if self.step < self.run {
            self.step += 1;
            return;
        }
        self.perturb >>= PERTURB_SHIFT;
        self.base = self.base.wrapping_mul(5).wrapping_add(1).wrapping_add(self.perturb as usize) & self.mask;
        self.step = 0;
        self.run = Probe::run(self.base, self.mask);
    }
}

/// A new set (or frozenset, to be filled before it is seen).
pub fn new(m: &mut Mutator, frozen: bool) -> Make {
    let class = if frozen { C::frozenset } else { C::set };
    let (v, s) = m.new::<Set>(class.shape(), 1, 0)?;
    s.table.set(S::empty_set_table.v());
    if frozen {
        s.h.set(flag::FROZEN);
    }
    Ok(v)
}

/// The table of all sets that never held anything. It has the smallest size and is never written.
pub fn empty_table(m: &mut Mutator) -> Make {
    Ok(new_table(m, MIN_SIZE)?.0)
}

fn new_table(m: &mut Mutator, size: usize) -> Make<(Value, &'static SetTable)> {
    if size > MAX_SIZE {
        return Err(Full);
    }
    let extra = size * size_of::<SetEntry>();
    let (v, t) = m.new::<SetTable>(C::internal.shape(), COUNTED, extra)?;
    t.fill.set(Value::int(0));
    t.mask.set(Value::int(size as i64 - 1));
    for i in 0..size {
        t.at(i).hash.set(Value::UNBOUND);
        t.at(i).key.set(Value::UNBOUND);
    }
    t.count.set(2 + 2 * size);
    Ok((v, t))
}

/// The smallest table size above `n`.
fn size_above(n: usize) -> usize {
    (n + 1).next_power_of_two().max(MIN_SIZE)
}

/// Puts a key that is not there into a private table without dummies.
fn write_clean(t: &SetTable, hash: Value, key: Value) {
    let mut p = Probe::new(hash.as_int(), t.top());
    while !t.at(p.at()).key.get().is_unbound() {
        p.next();
    }
    t.at(p.at()).hash.set(hash);
    t.at(p.at()).key.set(key);
    t.fill.set(Value::int(t.filled() as i64 + 1));
}

/// Puts the live entries of `t` into a fresh private table.
fn write_live(made: &SetTable, t: &SetTable) {
    for i in 0..=t.top() {
        let key = t.at(i).key.get();
        if !key.is_unbound() {
            write_clean(made, t.at(i).hash.get(), key);
        }
    }
}

/// The size of the table that one more key makes necessary, if it does.
fn wanted(s: &Set) -> Option<usize> {
    if s.table.get() == S::empty_set_table.v() {
        return Some(MIN_SIZE);
    }
    let (t, used) = (s.table(), s.len() + 1);
    ((t.filled() + 1) * 5 >= t.top() * 3).then(|| size_above(if used > 50_000 { used * 2 } else { used * 4 }))
}

enum Seek {
    Hit(usize),
    /// Where the key would go: a dummy (its hash is bound) or the free place that ended the search.
    Miss(usize),
    Ask,
}

#[inline(always)]
fn seek(t: &SetTable, hash: i64, key: Value) -> Seek {
    let mut p = Probe::new(hash, t.top());
    let mut dummy = None;
    loop {
        let e = t.at(p.at());
        let k = e.key.get();
        let h = e.hash.get();
        if k.is_unbound() {
            if h.is_unbound() {
                return Seek::Miss(dummy.unwrap_or(p.at()));
            }
            dummy = Some(p.at());
        } else if k == key {
            return Seek::Hit(p.at());
        } else if h == Value::int(hash) {
            match same(k, key) {
                Some(true) => return Seek::Hit(p.at()),
                Some(false) => {}
                None => return Seek::Ask,
            }
        }
        p.next();
    }
}

/// A position found (a key's, or where it would go), and what it was found in.
struct Place {
    table: &'static SetTable,
    at: Result<usize, usize>,
    key: Value,
    /// Sum over the keys of equal hash on the way.
    asked: u64,
}

/// A key of equal hash at a place, as one term of [`Place::asked`].
fn term(at: usize, key: Value) -> u64 {
    (key.0 ^ (at as u64) << 48).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}

impl Place {
    /// Under the lock: whether nothing has happened that could make it wrong. A new key may have taken a dummy, so
    /// the keys of equal hash must still be those that were compared.
    fn holds(&self, s: &Set, hash: i64) -> bool {
        std::ptr::eq(s.table(), self.table)
            && match self.at {
                Ok(i) => self.table.at(i).key.get() == self.key,
                Err(i) => self.table.at(i).key.get().is_unbound() && asked(self.table, hash) == self.asked,
            }
    }
}

fn asked(t: &SetTable, hash: i64) -> u64 {
    let mut p = Probe::new(hash, t.top());
    let mut sum = 0u64;
    loop {
        let e = t.at(p.at());
        let (k, h) = (e.key.get(), e.hash.get());
        if h.is_unbound() {
            return sum;
        }
        if !k.is_unbound() && h == Value::int(hash) {
            sum = sum.wrapping_add(term(p.at(), k));
        }
        p.next();
    }
}

fn locate<M, E>(
    m: &mut M,
    s: &Set,
    hash: i64,
    key: Value,
    eq: &mut impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Place, E> {
    'again: loop {
        let table = s.table();
        let mut p = Probe::new(hash, table.top());
        let mut dummy = None;
        let mut asked = 0u64;
        loop {
            let e = table.at(p.at());
            let k = e.key.get();
            let h = e.hash.get();
            if k.is_unbound() {
                if h.is_unbound() {
                    return Ok(Place { table, at: Err(dummy.unwrap_or(p.at())), key: k, asked });
                }
                dummy = Some(p.at());
            } else if k == key || h == Value::int(hash) {
                let equal = match same(k, key) {
                    Some(known) => known,
                    None => {
                        let answer = eq(m, k)?;
                        if !std::ptr::eq(s.table(), table) || e.key.get() != k {
                            continue 'again;
                        }
                        answer
                    }
                };
                if equal {
                    return Ok(Place { table, at: Ok(p.at()), key: k, asked });
                }
                asked = asked.wrapping_add(term(p.at(), k));
            }
            p.next();
        }
    }
}

/// Takes the lock and gives the place of the key, or the free place for it; on `Err` the lock is free.
fn hold<M: AsMut<Mutator>, E>(
    m: &mut M,
    s: &Set,
    hash: i64,
    key: Value,
    eq: &mut impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Result<usize, usize>, E> {
    loop {
        m.as_mut().lock(&s.h);
        match seek(s.table(), hash, key) {
            Seek::Hit(i) => return Ok(Ok(i)),
            Seek::Miss(i) => return Ok(Err(i)),
            Seek::Ask => {}
        }
        m.as_mut().unlock(&s.h);
        let place = locate(m, s, hash, key, eq)?;
        m.as_mut().lock(&s.h);
        if place.holds(s, hash) {
            return Ok(place.at);
        }
        m.as_mut().unlock(&s.h);
    }
}

/// The stored key that equals `key`. `hash` is folded; `eq` compares a stored key with it and may run user code.
pub fn find<M, E>(
    m: &mut M,
    s: &Set,
    hash: i64,
    key: Value,
    mut eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<Option<Value>, E> {
    let t = s.table();
    match seek(t, hash, key) {
        Seek::Hit(i) => Ok(t.at(i).key.get().bound()),
        Seek::Miss(_) => Ok(None),
        Seek::Ask => {
            let place = locate(m, s, hash, key, &mut eq)?;
            Ok(place.at.is_ok().then_some(place.key))
        }
    }
}

/// Whether the key is there.
pub fn contains<M, E>(
    m: &mut M,
    s: &Set,
    hash: i64,
    key: Value,
    eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<bool, E> {
    Ok(find(m, s, hash, key, eq)?.is_some())
}

/// Adds the key; whether it was new.
pub fn insert<M: AsMut<Mutator>, E: From<Full>>(
    m: &mut M,
    s: &Set,
    hash: i64,
    key: Value,
    mut eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<bool, E> {
    loop {
        // Before the lock is taken: the table to grow into.
        let spare = match wanted(s) {
            Some(size) if needs_free(s.table(), hash, key) => Some(new_table(m.as_mut(), size)?.0),
            _ => None,
        };
        let at = hold(m, s, hash, key, &mut eq)?;
        let done = at.is_ok() || at.is_err_and(|i| add(s, i, hash, key, spare));
        m.as_mut().unlock(&s.h);
        if done {
            return Ok(at.is_err());
        }
    }
}

/// Adds a key that is not there to a set that nobody else has seen and nothing was removed from.
pub fn add_new(m: &mut Mutator, s: &Set, hash: i64, key: Value) -> Make<()> {
    let grown = match wanted(s) {
        Some(size) => Some(new_table(m, size)?),
        None => None,
    };
    if let Some((v, made)) = grown {
        // The old table takes the key first: the order of the keys in the new one hangs on it.
        if s.table.get() != S::empty_set_table.v() {
            write_clean(s.table(), Value::int(hash), key);
            write_live(made, s.table());
        } else {
            write_clean(made, Value::int(hash), key);
        }
        s.table.set(v);
    } else {
        write_clean(s.table(), Value::int(hash), key);
    }
    s.used.set(s.len() + 1);
    Ok(())
}

/// Adds a key to a set that nobody else has seen and nothing was removed from; false: keys must be compared by their
/// classes first.
#[inline]
pub fn add_own(m: &mut Mutator, s: &Set, hash: i64, key: Value) -> Make<bool> {
    match seek(s.table(), hash, key) {
        Seek::Hit(_) => Ok(true),
        Seek::Miss(_) => add_new(m, s, hash, key).map(|()| true),
        Seek::Ask => Ok(false),
    }
}

/// Whether adding the key takes a free place.
fn needs_free(t: &SetTable, hash: i64, key: Value) -> bool {
    match seek(t, hash, key) {
        Seek::Hit(_) => false,
        Seek::Miss(i) => t.at(i).hash.get().is_unbound(),
        Seek::Ask => true,
    }
}

/// Under the lock: puts a new key into place `i`; false if that needs another spare table.
fn add(s: &Set, i: usize, hash: i64, key: Value, spare: Option<Value>) -> bool {
    let t = s.table();
    if !t.at(i).hash.get().is_unbound() {
        t.at(i).hash.set(Value::int(hash));
        t.at(i).key.set(key);
        s.used.set(s.len() + 1);
        return true;
    }
    let fits = |size: usize| spare.filter(|v| v.get::<SetTable>().top() + 1 == size);
    let next = match wanted(s).map(fits) {
        Some(None) => return false,
        Some(next) => next,
        None => None,
    };
    let t = match next {
        Some(v) if s.table.get() == S::empty_set_table.v() => v.get::<SetTable>(),
        _ => t,
    };
    t.at(i).hash.set(Value::int(hash));
    t.at(i).key.set(key);
    t.fill.set(Value::int(t.filled() as i64 + 1));
    if let Some(v) = next {
        if !std::ptr::eq(v.get::<SetTable>(), t) {
            write_live(v.get::<SetTable>(), t);
        }
        s.table.set(v);
    }
    s.used.set(s.len() + 1);
    true
}

/// Removes the key; whether it was there.
pub fn remove<M: AsMut<Mutator>, E>(
    m: &mut M,
    s: &Set,
    hash: i64,
    key: Value,
    mut eq: impl FnMut(&mut M, Value) -> Result<bool, E>,
) -> Result<bool, E> {
    let at = hold(m, s, hash, key, &mut eq)?;
    if let Ok(i) = at {
        s.table().at(i).key.set(Value::UNBOUND);
        s.used.set(s.len() - 1);
    }
    m.as_mut().unlock(&s.h);
    Ok(at.is_ok())
}

/// After many keys were removed: a table without dummies, if they take up a quarter of it or more.
pub fn purge(m: &mut Mutator, s: &Set) -> Make<()> {
    let size = |s: &Set| {
        let (t, used) = (s.table(), s.len());
        (t.filled() - used > t.top() / 4).then(|| size_above(if used > 50_000 { used * 2 } else { used * 4 }))
    };
    while let Some(wanted) = size(s) {
        let (v, made) = new_table(m, wanted)?;
        m.lock(&s.h);
        let fits = size(s) == Some(wanted);
        if fits {
            write_live(made, s.table());
            s.table.set(v);
        }
        m.unlock(&s.h);
        if fits {
            break;
        }
    }
    Ok(())
}

/// Removes and gives some key: the next one after where the last `pop` ended.
pub fn pop(m: &mut Mutator, s: &Set) -> Option<Value> {
    m.lock(&s.h);
    let mut popped = None;
    if !s.is_empty() {
        let t = s.table();
        // A set that can be popped has no hash, so that word serves as the finger.
        let mut i = s.hash.get() & t.top();
        while t.at(i).key.get().is_unbound() {
            i = (i + 1) & t.top();
        }
        popped = Some(t.at(i).key.swap(Value::UNBOUND));
        s.hash.set(i + 1);
        s.used.set(s.len() - 1);
    }
    m.unlock(&s.h);
    popped
}

/// Removes all keys.
pub fn clear(m: &mut Mutator, s: &Set) {
    m.lock(&s.h);
    s.table.set(S::empty_set_table.v());
    s.used.set(0);
    m.unlock(&s.h);
}

/// A new set or frozenset of the same keys.
pub fn copy(m: &mut Mutator, s: &Set, frozen: bool) -> Make {
    let v = new(m, frozen)?;
    let made = v.get::<Set>();
    let (t, used) = snapshot(m, s)?;
    made.table.set(t);
    made.used.set(used);
    Ok(v)
}

/// A table of the keys as they stand at one moment, nobody else's, and their number.
pub fn snapshot(m: &mut Mutator, s: &Set) -> Make<(Value, usize)> {
    loop {
        let size_for = |used: usize| {
            if used * 5 >= (MIN_SIZE - 1) * 3 { size_above(used * 2) } else { MIN_SIZE }
        };
        if s.is_empty() {
            return Ok((S::empty_set_table.v(), 0));
        }
        let (v, made) = new_table(m, size_for(s.len()))?;
        m.lock(&s.h);
        let used = s.len();
        let fits = used > 0 && size_for(used) == made.top() + 1;
        if fits {
            copy_entries(made, s.table(), used);
        }
        m.unlock(&s.h);
        if fits {
            return Ok((v, used));
        }
    }
}

/// A table of the keys as they stand at one moment, nobody else's, each at its place: for walks in the set's order.
pub fn picture(m: &mut Mutator, s: &Set) -> Make {
    loop {
        let (v, made) = new_table(m, s.table().top() + 1)?;
        m.lock(&s.h);
        let t = s.table();
        let fits = t.top() == made.top();
        if fits {
            copy_places(made, t);
        }
        m.unlock(&s.h);
        if fits {
            return Ok(v);
        }
    }
}

fn copy_places(made: &SetTable, t: &SetTable) {
    for i in 0..=t.top() {
        made.at(i).hash.set(t.at(i).hash.get());
        made.at(i).key.set(t.at(i).key.get());
    }
}

fn copy_entries(made: &SetTable, t: &SetTable, used: usize) {
    if made.top() != t.top() || t.filled() != used {
        write_live(made, t);
        return;
    }
    copy_places(made, t);
    made.fill.set(Value::int(used as i64));
}

/// Adds the keys of `from`. `eq(m, stored, key)` compares. `own`: nobody else has seen `s`, and nothing was removed
/// from it.
pub fn merge<M: AsMut<Mutator>, E: From<Full>>(
    m: &mut M,
    s: &Set,
    from: &Set,
    own: bool,
    mut eq: impl FnMut(&mut M, Value, Value) -> Result<bool, E>,
) -> Result<(), E> {
    if std::ptr::eq(s, from) || from.is_empty() {
        return Ok(());
    }
    let fresh = s.table().filled() == 0;
    let (table, more) = match fresh {
        true => snapshot(m.as_mut(), from)?,
        // Nobody writes the table of a frozen set.
        false if from.is_frozen() => (from.table.get(), from.len()),
        false => (picture(m.as_mut(), from)?, from.len()),
    };
    if replace_table(m.as_mut(), s, fresh.then_some(table), more)? {
        return Ok(());
    }
    let t = table.get::<SetTable>();
    let mut at = 0;
    while let Some((i, key, hash)) = next_entry(t, at) {
        at = i + 1;
        if !own || !add_own(m.as_mut(), s, hash, key)? {
            insert(m, s, hash, key, |m, stored| eq(m, stored, key))?;
        }
    }
    Ok(())
}

/// Before a merge of `more` keys: takes the private table of those over, if one is given and the set is fresh, else
/// makes room.
fn replace_table(m: &mut Mutator, s: &Set, table: Option<Value>, more: usize) -> Make<bool> {
    let room = |s: &Set| {
        let t = s.table();
        ((t.filled() + more) * 5 >= t.top() * 3).then(|| size_above((s.len() + more) * 2))
    };
    loop {
        let adopt = |s: &Set| {
            table.filter(|t| s.table().filled() == 0 && s.table().top() <= t.get::<SetTable>().top())
        };
        let size = room(s);
        let spare = match size {
            Some(size) if adopt(s).is_none() => Some(new_table(m, size)?),
            _ => None,
        };
        m.lock(&s.h);
        let adopted = adopt(s);
        let mut done = true;
        match (adopted, spare) {
            (Some(table), _) => {
                s.table.set(table);
                s.used.set(more);
            }
            (None, Some((v, made))) if room(s) == size => {
                write_live(made, s.table());
                s.table.set(v);
            }
            _ => done = room(s).is_none(),
        }
        m.unlock(&s.h);
        if done {
            return Ok(adopted.is_some());
        }
    }
}

/// The first key at or after position `at`: (its position, key, folded hash). Go on with position + 1.
#[inline]
pub fn next_entry(t: &SetTable, at: usize) -> Option<(usize, Value, i64)> {
    let mut i = at;
    while i <= t.top() {
        let e = t.at(i);
        let (key, hash) = (e.key.get(), e.hash.get());
        if key.is_unbound() {
            i += 1;
        } else if e.key.get() == key {
            // The place was not taken over by another key meanwhile, so this is its hash.
            return Some((i, key, hash.as_int()));
        }
    }
    None
}
