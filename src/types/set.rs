//! `set` and `frozenset`: what scripts see of the core in `heap::set`. Invariant: the keys of another set are read from
//! a private copy of its table whenever user code may run in between.

use super::list::{check_depth, guarded, made, push_repr};
use super::positional;
use super::set_methods::{CLASS_METHODS, FROZEN_METHODS, METHODS};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::text::StrBuilder;
use crate::heap::{Kind, Value, list, set};
use crate::run::class::class_of;
use crate::run::{Args, Bin, ClassDef, Cmp, PLAIN, R, Side, Thread, TypeSlots};

/// `set`.
pub static SET: ClassDef = ClassDef {
    name: "set",
    doc: "Build an unordered collection of unique elements.",
    slots: |s| {
        common(s);
        s.hash = None;
        s.inplace = Some(inplace);
        s.new = Some(|th, cls, _, _| {
            let v = set::new(&mut th.heap, false)?;
            made(th, cls, C::set, v)
        });
        s.init = Some(init);
        s.direct = Some(|th, a| direct(th, a, Kinds::Set));
    },
    methods: METHODS,
    class_methods: CLASS_METHODS,
    basetype: true,
    kind: Kind::Set,
    ..PLAIN
};

/// `frozenset`.
pub static FROZEN: ClassDef = ClassDef {
    name: "frozenset",
    doc: "Build an immutable unordered collection of unique elements.",
    slots: |s| {
        common(s);
        s.hash = Some(hash);
        s.new = Some(new_frozen);
        s.direct = Some(|th, a| direct(th, a, Kinds::Frozen));
    },
    methods: FROZEN_METHODS,
    class_methods: CLASS_METHODS,
    basetype: true,
    kind: Kind::Set,
    ..PLAIN
};

fn common(s: &mut TypeSlots) {
    s.repr = Some(repr);
    s.compare = Some(compare);
    s.len = Some(|_, o| Ok(of(o).len()));
    s.contains = Some(has);
    s.iter = Some(|th, o| {
        let n = of(o).len();
        Ok(th.heap.iter(C::set_iterator, o.base(), 0, n, n)?)
    });
    s.binary = Some(binary);
}

/// Which of the two classes a result has.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// `set`.
    Set,
    /// `frozenset`.
    Frozen,
}

/// The set that `v` is or is based on.
pub fn of(v: Value) -> &'static Set {
    v.base().get::<Set>()
}

/// Whether `v` is a set or frozenset.
pub fn is_set(v: Value) -> bool {
    v.like::<Set>().is_some()
}

/// The class of results of operations on `v`.
pub fn kind_of(v: Value) -> Kinds {
    if of(v).is_frozen() { Kinds::Frozen } else { Kinds::Set }
}

/// Adds a key.
pub fn add(th: &mut Thread, s: &Set, k: Value) -> R<()> {
    let (k, h) = th.hashed(k, "set element")?;
    insert(th, s, h, k)
}

fn insert(th: &mut Thread, s: &Set, h: i64, k: Value) -> R<()> {
    set::insert(th, s, h, k, |th: &mut Thread, stored| th.eq(stored, k)).map(drop)
}

/// The key to look for: a set stands for the frozenset of its keys.
pub fn lookup_key(th: &mut Thread, k: Value) -> R<(Value, i64)> {
    if let Some(s) = k.like::<Set>()
        && !s.is_frozen()
    {
        let twin = set::copy(&mut th.heap, s, true)?;
        return th.hashed(twin, "set element");
    }
    th.hashed(k, "set element")
}

/// `k in o`.
pub fn has(th: &mut Thread, o: Value, k: Value) -> R<bool> {
    let (k, h) = lookup_key(th, k)?;
    has_hashed(th, of(o), h, k)
}

fn has_hashed(th: &mut Thread, s: &Set, h: i64, k: Value) -> R<bool> {
    set::contains(th, s, h, k, |th: &mut Thread, stored| th.eq(stored, k))
}

/// As `has_hashed`; `asked` becomes true if keys had to be compared by their classes.
fn has_asking(th: &mut Thread, s: &Set, h: i64, k: Value, asked: &mut bool) -> R<bool> {
    set::contains(th, s, h, k, |th: &mut Thread, stored| {
        *asked = true;
        th.eq(stored, k)
    })
}

/// Removes a key; whether it was there.
pub fn remove(th: &mut Thread, s: &Set, k: Value) -> R<bool> {
    let (k, h) = lookup_key(th, k)?;
    remove_hashed(th, s, h, k)
}

fn remove_hashed(th: &mut Thread, s: &Set, h: i64, k: Value) -> R<bool> {
    set::remove(th, s, h, k, |th: &mut Thread, stored| th.eq(stored, k))
}

/// Calls `f` with each key and its hash, as they stood at one moment; `f` says whether to go on.
pub fn each_key(th: &mut Thread, s: &Set, mut f: impl FnMut(&mut Thread, Value, i64) -> R<bool>) -> R<bool> {
    // Nobody writes the table of a frozen set.
    let table = if s.is_frozen() { s.table.get() } else { set::picture(&mut th.heap, s)? };
    walk(th, table, &mut f)
}

/// As `each_key` for an `f` that changes no set but its own: where one thread runs at a time, without a copy.
fn each_key_read(th: &mut Thread, s: &Set, mut f: impl FnMut(&mut Thread, Value, i64) -> R<bool>) -> R<bool> {
    if th.heap.shared {
        return each_key(th, s, f);
    }
    walk(th, s.table.get(), &mut f)
}

fn walk(th: &mut Thread, table: Value, f: &mut impl FnMut(&mut Thread, Value, i64) -> R<bool>) -> R<bool> {
    let mut at = 0;
    while let Some((i, k, h)) = set::next_entry(table.get::<SetTable>(), at) {
        at = i + 1;
        if !f(th, k, h)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Calls `f` with each key of any iterable and its hash; `f` says whether to go on.
pub fn each_of(th: &mut Thread, v: Value, mut f: impl FnMut(&mut Thread, Value, i64) -> R<bool>) -> R<bool> {
    if let Some(s) = v.cast::<Set>() {
        return each_key(th, s, f);
    }
    let it = th.iter(v)?;
    while let Some(k) = th.next(it)? {
        let (k, h) = th.hashed(k, "set element")?;
        if !f(th, k, h)? {
            return Ok(false);
        }
    }
    Ok(true)
}

// -------------------------------------------------------------------------------------------------------------- making

/// A new set of the items of an iterable.
pub fn from_iterable(th: &mut Thread, v: Value, kind: Kinds) -> R {
    if let Some(s) = v.cast::<Set>() {
        return Ok(set::copy(&mut th.heap, s, kind == Kinds::Frozen)?);
    }
    let out = set::new(&mut th.heap, kind == Kinds::Frozen)?;
    fill(th, out, v)?;
    Ok(out)
}

/// Adds the items of an iterable to a set that nobody else has seen and nothing was removed from.
fn fill(th: &mut Thread, out: Value, v: Value) -> R<()> {
    let add = |th: &mut Thread, k: Value| {
        let (k, h) = th.hashed(k, "set element")?;
        if set::add_own(&mut th.heap, of(out), h, k)? { Ok(()) } else { insert(th, of(out), h, k) }
    };
    if let Some(from) = v.like::<Set>() {
        return set::merge(th, of(out), from, true, |th: &mut Thread, stored, key| th.eq(stored, key));
    }
    if let Some(l) = v.cast::<List>() {
        let mut i = 0;
        while let Some(k) = list::get(&mut th.heap, l, i) {
            add(th, k)?;
            i += 1;
        }
        return Ok(());
    }
    if let Some(t) = v.cast::<Tuple>() {
        return t.iter().try_for_each(|k| add(th, k));
    }
    th.each(v, add)
}

/// Of nothing or of an iterable.
fn direct(th: &mut Thread, a: Args, kind: Kinds) -> R<Option<Value>> {
    match a.n {
        0 => Ok(Some(set::new(&mut th.heap, kind == Kinds::Frozen)?)),
        1 if kind == Kinds::Frozen && a[0].is_kind(Kind::Set) && of(a[0]).is_frozen() => Ok(Some(a[0])),
        1 => from_iterable(th, a[0], kind).map(Some),
        _ => Ok(None),
    }
}

fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    let kwargs = if class_of(o) == C::set.v() { kwargs } else { Value::UNBOUND };
    let [from] = positional::<1>(th, "set", 0, args, kwargs)?;
    if !of(o).is_empty() {
        set::clear(&mut th.heap, of(o));
    }
    if from.is_unbound() { Ok(()) } else { update(th, o, from) }
}

fn new_frozen(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let kwargs = if cls == C::frozenset.v() { kwargs } else { Value::UNBOUND };
    let [from] = positional::<1>(th, "frozenset", 0, args, kwargs)?;
    let v = if from.is_unbound() {
        set::new(&mut th.heap, true)?
    } else if from.is_kind(Kind::Set) && of(from).is_frozen() {
        from
    } else {
        from_iterable(th, from, Kinds::Frozen)?
    };
    made(th, cls, C::frozenset, v)
}

// ---------------------------------------------------------------------------------------------------------- operations

/// Adds the items of an iterable to the set.
pub fn update(th: &mut Thread, s: Value, v: Value) -> R<()> {
    if let Some(from) = v.like::<Set>() {
        return set::merge(th, of(s), from, false, |th: &mut Thread, stored, key| th.eq(stored, key));
    }
    each_of(th, v, |th, k, h| insert(th, of(s), h, k).map(|()| true)).map(drop)
}

/// A new set of what is in `s` and in the iterable.
pub fn intersection(th: &mut Thread, s: Value, v: Value, kind: Kinds) -> R {
    let out = set::new(&mut th.heap, kind == Kinds::Frozen)?;
    let (mut inside, mut walked) = (s, v);
    if let Some(other) = v.like::<Set>()
        && other.len() > of(s).len()
    {
        (inside, walked) = (v, s);
    }
    // Once script code compared keys, the walked set may have changed and a key may come twice.
    let mut asked = false;
    match walked.like::<Set>() {
        Some(w) => each_key_read(th, w, |th, k, h| {
            match has_asking(th, of(inside), h, k, &mut asked)? {
                true if asked => insert(th, of(out), h, k)?,
                true => set::add_new(&mut th.heap, of(out), h, k)?,
                false => {}
            }
            Ok(true)
        })?,
        None => each_of(th, walked, |th, k, h| {
            if has_hashed(th, of(inside), h, k)? {
                insert(th, of(out), h, k)?;
            }
            Ok(true)
        })?,
    };
    Ok(out)
}

/// Takes the items of an iterable out of the set.
pub fn remove_all(th: &mut Thread, s: Value, v: Value) -> R<()> {
    if v.is_kind(Kind::Set) && std::ptr::eq(of(s), of(v)) {
        set::clear(&mut th.heap, of(s));
        return Ok(());
    }
    each_of(th, v, |th, k, h| remove_hashed(th, of(s), h, k).map(|_| true))?;
    Ok(set::purge(&mut th.heap, of(s))?)
}

/// A new set of what is in `s` and not in the iterable.
pub fn difference(th: &mut Thread, s: Value, v: Value, kind: Kinds) -> R {
    // As CPython decides; the order of the result hangs on it.
    if let Some(other) = v.like::<Set>()
        && of(s).len() >> 2 <= other.len()
    {
        let out = set::new(&mut th.heap, kind == Kinds::Frozen)?;
        let mut asked = false;
        each_key_read(th, of(s), |th, k, h| {
            match has_asking(th, other, h, k, &mut asked)? {
                false if asked => insert(th, of(out), h, k)?,
                false => set::add_new(&mut th.heap, of(out), h, k)?,
                true => {}
            }
            Ok(true)
        })?;
        return Ok(out);
    }
    let out = set::copy(&mut th.heap, of(s), kind == Kinds::Frozen)?;
    remove_all(th, out, v)?;
    Ok(out)
}

/// Takes out what of the iterable is in the set, adds what is not.
pub fn toggle_all(th: &mut Thread, s: Value, v: Value) -> R<()> {
    // An item given twice counts once.
    let other = if is_set(v) { v } else { from_iterable(th, v, Kinds::Set)? };
    each_key(th, of(other), |th, k, h| {
        if !remove_hashed(th, of(s), h, k)? {
            insert(th, of(s), h, k)?;
        }
        Ok(true)
    })
    .map(drop)
}

/// A new set of what is in one of the two only. It begins with the second: the order hangs on that.
pub fn exclusive(th: &mut Thread, s: Value, v: Value, kind: Kinds) -> R {
    let out = from_iterable(th, v, kind)?;
    toggle_all(th, out, s)?;
    Ok(out)
}

/// Whether all keys of `a` are in `b`.
pub fn subset(th: &mut Thread, a: &Set, b: &Set) -> R<bool> {
    if a.len() > b.len() {
        return Ok(false);
    }
    each_key_read(th, a, |th, k, h| has_hashed(th, b, h, k))
}

/// Puts the keys of a private set in the place of those of `s`.
pub fn replace(th: &mut Thread, s: &Set, made: &Set) {
    th.heap.lock(&s.h);
    s.table.set(made.table.get());
    s.used.set(made.used.get());
    th.heap.unlock(&s.h);
}

// --------------------------------------------------------------------------------------------------------------- slots

fn repr(th: &mut Thread, o: Value) -> R {
    let name = th.type_name(o);
    if of(o).is_empty() {
        return super::text(th, format!("{name}()"));
    }
    guarded(th, o, &format!("{name}(...)"), |th| {
        let plain = o.is_kind(Kind::Set) && !of(o).is_frozen();
        let mut out = StrBuilder::new();
        if !plain {
            out.push(&name)?;
            out.push("(")?;
        }
        out.push("{")?;
        let mut n = 0;
        each_key(th, of(o), |th, k, _| {
            if n > 0 {
                out.push(", ")?;
            }
            n += 1;
            push_repr(th, &mut out, k)?;
            Ok(true)
        })?;
        out.push(if plain { "}" } else { "})" })?;
        Ok(out.finish(&mut th.heap)?)
    })
}

fn hash(_: &mut Thread, o: Value) -> R<i64> {
    let s = of(o);
    let known = s.hash.get();
    if known != 0 {
        return Ok(known as i64);
    }
    let shuffle = |h: u64| ((h ^ 89_869_747) ^ (h << 16)).wrapping_mul(3_644_798_167);
    let (t, mut at, mut sum) = (s.table(), 0, 0u64);
    while let Some((i, _, h)) = set::next_entry(t, at) {
        at = i + 1;
        sum ^= shuffle(h as u64);
    }
    sum ^= (s.len() as u64 + 1).wrapping_mul(1_927_868_237);
    sum ^= (sum >> 11) ^ (sum >> 25);
    sum = sum.wrapping_mul(69_069).wrapping_add(907_133_923);
    if sum == u64::MAX {
        sum = 590_923_713;
    }
    s.hash.set(sum as usize);
    Ok(sum as i64)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let (Some(x), Some(y)) = (a.like::<Set>(), b.like::<Set>()) else { return Ok(Value::NOT_IMPLEMENTED) };
    check_depth(th)?;
    let (n, m) = (x.len(), y.len());
    let holds = match op {
        Cmp::Eq => n == m && subset(th, x, y)?,
        Cmp::Ne => n != m || !subset(th, x, y)?,
        Cmp::Lt => n < m && subset(th, x, y)?,
        Cmp::Le => subset(th, x, y)?,
        Cmp::Gt => m < n && subset(th, y, x)?,
        Cmp::Ge => subset(th, y, x)?,
    };
    Ok(Value::bool(holds))
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    if !matches!(op, Bin::And | Bin::Or | Bin::Sub | Bin::Xor) || !is_set(a) || !is_set(b) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let kind = kind_of(a);
    let copy = |th: &mut Thread| set::copy(&mut th.heap, of(a), kind == Kinds::Frozen);
    match op {
        Bin::And => intersection(th, a, b, kind),
        Bin::Sub => difference(th, a, b, kind),
        Bin::Or => {
            let out = copy(th)?;
            fill(th, out, b).map(|()| out)
        }
        _ => exclusive(th, a, b, kind),
    }
}

fn inplace(th: &mut Thread, op: Bin, a: Value, b: Value) -> R {
    if !matches!(op, Bin::And | Bin::Or | Bin::Sub | Bin::Xor) || !is_set(b) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    match op {
        Bin::And => {
            let out = intersection(th, a, b, Kinds::Set)?;
            replace(th, of(a), of(out));
        }
        Bin::Or => update(th, a, b)?,
        Bin::Sub => remove_all(th, a, b)?,
        _ => toggle_all(th, a, b)?,
    }
    Ok(a)
}
