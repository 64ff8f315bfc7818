//! `tuple`. Invariant: a tuple never changes after it has been seen, so its items are read without care.

use super::list::{check_depth, guarded, made, push_repr};
use super::positional;
use super::slice::{self, bound, place, position};
use crate::heap::known::{C, S};
use crate::heap::object::*;
use crate::heap::text::StrBuilder;
use crate::heap::{Kind, Value};
use crate::run::class::class_of;
use crate::run::{Args, Bin, ClassDef, Cmp, Def, PLAIN, R, Side, Thread, def};

/// `tuple`.
pub static DEF: ClassDef = ClassDef {
    name: "tuple",
    doc: "Built-in immutable sequence.\n\nIf no argument is given, the constructor returns an empty tuple.\n\
          If iterable is specified the tuple is initialized from iterable's items.",
    slots: |s| {
        s.repr = Some(repr);
        s.hash = Some(hash);
        s.compare = Some(compare);
        s.len = Some(|_, o| Ok(of(o).len()));
        s.getitem = Some(getitem);
        s.contains = Some(contains);
        s.iter = Some(|th, o| Ok(th.heap.iter(C::tuple_iterator, o.base(), 0, 0, 0)?));
        s.binary = Some(binary);
        s.new = Some(new);
        s.direct = Some(direct);
    },
    methods: METHODS,
    class_methods: super::alias::CLASS_GETITEM,
    basetype: true,
    kind: Kind::Tuple,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("count", "($self, value, /)", count, "Return number of occurrences of value."),
    def(
        "index",
        "($self, value, start=0, stop=9223372036854775807, /)",
        index,
        "Return first index of value.\n\nRaises ValueError if the value is not present.",
    ),
    def("__getnewargs__", "($self, /)", |th, a| Ok(th.tuple(&[a[0].base()])?), ""),
    def(
        "__sizeof__",
        "($self, /)",
        |_, a| Ok(Value::int(24 + 8 * of(a[0]).len() as i64)),
        "Size in memory, in bytes.",
    ),
];

fn of(v: Value) -> &'static Tuple {
    v.base().get::<Tuple>()
}

fn repr(th: &mut Thread, o: Value) -> R {
    guarded(th, o, "(...)", |th| {
        let t = of(o);
        let mut out = StrBuilder::new();
        out.push("(")?;
        for (i, v) in t.iter().enumerate() {
            if i > 0 {
                out.push(", ")?;
            }
            push_repr(th, &mut out, v)?;
        }
        out.push(if t.len() == 1 { ",)" } else { ")" })?;
        Ok(out.finish(&mut th.heap)?)
    })
}

/// The hash of a sequence of hashes: xxHash's mixing with CPython's constants.
pub struct Hasher {
    sum: u64,
    n: u64,
}

const PRIME_1: u64 = 11_400_714_785_074_694_791;
const PRIME_2: u64 = 14_029_467_366_897_019_727;
const PRIME_5: u64 = 2_870_177_450_012_600_261;

impl Default for Hasher {
    fn default() -> Hasher {
        Hasher { sum: PRIME_5, n: 0 }
    }
}

impl Hasher {
    /// Takes in one hash.
    pub fn add(&mut self, h: i64) {
        self.sum =
            self.sum.wrapping_add((h as u64).wrapping_mul(PRIME_2)).rotate_left(31).wrapping_mul(PRIME_1);
        self.n += 1;
    }

    /// The hash of a tuple of these.
    pub fn finish(self) -> i64 {
        let sum = self.sum.wrapping_add(self.n ^ PRIME_5 ^ 3_527_539);
        if sum == u64::MAX { 1_546_275_796 } else { sum as i64 }
    }

    /// The hash of a slice of these.
    pub fn finish_slice(self) -> i64 {
        if self.sum == u64::MAX { 1_546_275_796 } else { self.sum as i64 }
    }
}

fn hash(th: &mut Thread, o: Value) -> R<i64> {
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded"));
    }
    let t = of(o);
    if let Some(kept) = t.kept_hash()
        && kept.get() != 0
    {
        return Ok(kept.get() as i64);
    }
    let mut h = Hasher::default();
    for v in t.iter() {
        h.add(th.hash(v)?);
    }
    let h = h.finish();
    if let Some(kept) = t.kept_hash() {
        kept.set(h as usize);
    }
    Ok(h)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let (Some(x), Some(y)) = (a.like::<Tuple>(), b.like::<Tuple>()) else {
        return Ok(Value::NOT_IMPLEMENTED);
    };
    check_depth(th)?;
    for i in 0..x.len().min(y.len()) {
        let (p, q) = (x.at(i), y.at(i));
        // What is the same needs no look at its class; most items of equal keys are.
        if (p != q || p.is_float()) && !th.eq(p, q)? {
            return match op {
                Cmp::Eq => Ok(Value::FALSE),
                Cmp::Ne => Ok(Value::TRUE),
                _ => th.compare(op, p, q),
            };
        }
    }
    Ok(Value::bool(op.of(x.len().cmp(&y.len()))))
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let t = of(o);
    if let Some(s) = k.cast::<Slice>() {
        let s = slice::span(th, s, t.len())?;
        if s.step == 1 && s.n == t.len() {
            return Ok(o.base());
        }
        return build(th, s.n, |i| t.at((s.start + s.step * i as isize) as usize));
    }
    let i = position(th, k, "tuple")?;
    match place(i, t.len()) {
        Some(i) => Ok(t.at(i)),
        None => Err(th.index_error("tuple index out of range")),
    }
}

/// A tuple of `n` items that exist elsewhere.
fn build(th: &mut Thread, n: usize, item: impl Fn(usize) -> Value) -> R {
    if n == 0 {
        return Ok(S::empty_tuple.v());
    }
    let v = th.tuple_with(n)?;
    for i in 0..n {
        // SAFETY: i is below the tuple's length.
        unsafe { v.get::<Tuple>().item(i) }.set(item(i));
    }
    Ok(v)
}

fn contains(th: &mut Thread, o: Value, v: Value) -> R<bool> {
    for x in of(o).iter() {
        if th.eq(x, v)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, side: Side) -> R {
    match op {
        Bin::Add => {
            let (Some(x), Some(y)) = (a.like::<Tuple>(), b.like::<Tuple>()) else {
                return Ok(Value::NOT_IMPLEMENTED);
            };
            if x.is_empty() && b.is_kind(Kind::Tuple) {
                return Ok(b);
            }
            if y.is_empty() && a.is_kind(Kind::Tuple) {
                return Ok(a);
            }
            let n = x.len();
            build(th, n + y.len(), |i| if i < n { x.at(i) } else { y.at(i - n) })
        }
        Bin::Mul => {
            let (o, times) = if side == Side::Left { (a, b) } else { (b, a) };
            if !slice::is_index(times) {
                return Ok(Value::NOT_IMPLEMENTED);
            }
            let times = th.index(times)?.max(0) as usize;
            let t = of(o);
            if times == 1 && o.is_kind(Kind::Tuple) {
                return Ok(o);
            }
            let n = t.len().checked_mul(times).ok_or(crate::heap::Full)?;
            build(th, n, |i| t.at(i % t.len()))
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

/// Of nothing or of an iterable; tuples of another class go the general way.
fn direct(th: &mut Thread, a: Args) -> R<Option<Value>> {
    match a.n {
        0 => Ok(Some(S::empty_tuple.v())),
        1 if !a[0].is_kind(Kind::Tuple) || class_of(a[0]) == C::tuple.v() => th.to_tuple(a[0]).map(Some),
        _ => Ok(None),
    }
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    // A script class below tuple may take keywords in its `__init__`.
    let kwargs = if cls == C::tuple.v() { kwargs } else { Value::UNBOUND };
    let [from] = positional::<1>(th, "tuple", 0, args, kwargs)?;
    let v = match from {
        f if f.is_unbound() => S::empty_tuple.v(),
        // Tuples of another class, as struct_time, become plain ones.
        f if f.is_kind(Kind::Tuple) && class_of(f) != C::tuple.v() => {
            let list = th.to_list(f)?;
            th.to_tuple(list)?
        }
        f => th.to_tuple(f)?,
    };
    made(th, cls, C::tuple, v)
}

fn count(th: &mut Thread, a: Args) -> R {
    let mut n = 0;
    for x in of(a[0]).iter() {
        n += th.eq(x, a[1])? as i64;
    }
    Ok(Value::int(n))
}

fn index(th: &mut Thread, a: Args) -> R {
    let t = of(a[0]);
    let (start, stop) = (bound(th, a[2], 0)?, bound(th, a[3], isize::MAX)?);
    let cut = |i: isize| if i < 0 { i.saturating_add(t.len() as isize).max(0) as usize } else { i as usize };
    for i in cut(start)..cut(stop).min(t.len()) {
        if th.eq(t.at(i), a[1])? {
            return Ok(Value::int(i as i64));
        }
    }
    Err(th.value_error("tuple.index(x): x not in tuple"))
}
