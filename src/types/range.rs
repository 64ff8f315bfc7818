//! `range`. Invariant: start, stop, step and length are plain ints of any size and never change; whatever fits
//! immediate ints is computed with them, the rest with the operators of int.

use super::slice::{self, is_index, read_only};
use super::{positional, text};
use crate::heap::cell::ALL;
use crate::heap::known::{C, N};
use crate::heap::object::{Iter, Range, Slice};
use crate::heap::{Kind, Value};
use crate::run::arith;
use crate::run::class::class_of;
use crate::run::poll::native_poll;
use crate::run::slots::GetSet;
use crate::run::{Args, Bin, ClassDef, Cmp, Def, PLAIN, R, Thread, def, getset};

/// `range`.
pub static DEF: ClassDef = ClassDef {
    name: "range",
    doc: "range(stop) -> range object\nrange(start, stop[, step]) -> range object\n\n\
          The integers from start (inclusive) to stop (exclusive) by step.",
    slots: |s| {
        s.repr = Some(repr);
        s.hash = Some(hash);
        s.compare = Some(compare);
        s.bool = Some(|_, o| Ok(of(o).len.get() != Value::int(0)));
        s.len = Some(|th, o| slice::ssize(th, of(o).len.get()).map(|n| n as usize));
        s.getitem = Some(getitem);
        s.contains = Some(contains);
        s.iter = Some(iter);
        s.new = Some(new);
        s.direct = Some(direct);
    },
    methods: METHODS,
    getset: GETSET,
    kind: Kind::Range,
    ..PLAIN
};

/// `longrange_iterator`: over the range, `x` the next position as an int.
pub static LONG_ITERATOR: ClassDef = ClassDef {
    name: "longrange_iterator",
    slots: |s| {
        s.iter = Some(|_, o| Ok(o));
        s.next = Some(long_next);
        s.new = None;
    },
    methods: LONG_METHODS,
    kind: Kind::Iter,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("count", "($self, value, /)", count, "rangeobject.count(value) -> integer -- occurrences of value"),
    def("index", "($self, value, /)", index, "rangeobject.index(value) -> integer -- position of value"),
    def("__reversed__", "($self, /)", reversed, "Return a reverse iterator."),
    def("__reduce__", "($self, /)", reduce, ""),
];

static LONG_METHODS: &[Def] = &[
    def(
        "__length_hint__",
        "($self, /)",
        |th, a| {
            let i = a[0].get::<Iter>();
            th.binary(Bin::Sub, of(i.over.get()).len.get(), i.x.get())
        },
        "Private method returning an estimate of len(list(it)).",
    ),
    def("__reduce__", "($self, /)", long_reduce, "Return state information for pickling."),
];

static GETSET: &[GetSet] = &[
    getset("start", |_, r| Ok(of(r).start.get()), read_only, ""),
    getset("stop", |_, r| Ok(of(r).stop.get()), read_only, ""),
    getset("step", |_, r| Ok(of(r).step.get()), read_only, ""),
];

fn of(v: Value) -> &'static Range {
    v.get::<Range>()
}

/// An int of up to 128 bits.
fn wide(th: &mut Thread, i: i128) -> R {
    match i64::try_from(i) {
        Ok(i) => Ok(th.int(i)?),
        Err(_) => {
            let m = i.unsigned_abs();
            Ok(th.big(i < 0, &[m as u64, (m >> 64) as u64])?)
        }
    }
}

fn small(v: Value) -> Option<i128> {
    v.is_int().then(|| v.as_int() as i128)
}

fn negative(v: Value) -> bool {
    match v.cast::<crate::heap::object::Big>() {
        Some(b) => b.size.get() & 1 == 1,
        None => v.as_int() < 0,
    }
}

/// Number of items.
fn length(th: &mut Thread, start: Value, stop: Value, step: Value) -> R {
    if let (Some(a), Some(z), Some(d)) = (small(start), small(stop), small(step)) {
        let n = if d > 0 && a < z {
            (z - a - 1) / d + 1
        } else if d < 0 && z < a {
            (a - z - 1) / -d + 1
        } else {
            0
        };
        return wide(th, n);
    }
    let down = negative(step);
    let (low, high) = if down { (stop, start) } else { (start, stop) };
    let step = if down { th.binary(Bin::Sub, Value::int(0), step)? } else { step };
    if !th.holds(Cmp::Lt, low, high)? {
        return Ok(Value::int(0));
    }
    let gap = th.binary(Bin::Sub, high, low)?;
    let gap = th.binary(Bin::Sub, gap, Value::int(1))?;
    let n = th.binary(Bin::FloorDiv, gap, step)?;
    th.binary(Bin::Add, n, Value::int(1))
}

/// A range of plain ints; the step is not 0.
pub fn make(th: &mut Thread, start: Value, stop: Value, step: Value) -> R {
    let len = length(th, start, stop, step)?;
    let (v, r) = th.heap.new::<Range>(C::range.shape(), ALL, 0)?;
    r.start.set(start);
    r.stop.set(stop);
    r.step.set(step);
    r.len.set(len);
    Ok(v)
}

/// Of small ints, as nearly always.
fn direct(th: &mut Thread, a: Args) -> R<Option<Value>> {
    let (start, stop, step) = match a.n {
        1 => (Value::int(0), a[0], Value::int(1)),
        2 => (a[0], a[1], Value::int(1)),
        3 => (a[0], a[1], a[2]),
        _ => return Ok(None),
    };
    if Value::both_int(start, stop) && step.is_int() && step != Value::int(0) {
        return make(th, start, stop, step).map(Some);
    }
    Ok(None)
}

fn new(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let [a, b, c] = positional::<3>(th, "range", 1, args, kwargs)?;
    let a = arith::index(th, a)?;
    if b.is_unbound() {
        return make(th, Value::int(0), a, Value::int(1));
    }
    let b = arith::index(th, b)?;
    let c = if c.is_unbound() { Value::int(1) } else { arith::index(th, c)? };
    if c == Value::int(0) {
        return Err(th.value_error("range() arg 3 must not be zero"));
    }
    make(th, a, b, c)
}

/// Item `i` (an int within the length).
fn item(th: &mut Thread, r: &Range, i: Value) -> R {
    let (start, step) = (r.start.get(), r.step.get());
    if let (Some(a), Some(d), Some(i)) = (small(start), small(step), small(i)) {
        return wide(th, a + d * i);
    }
    let offset = th.binary(Bin::Mul, i, step)?;
    th.binary(Bin::Add, start, offset)
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let r = of(o);
    if let Some(s) = k.cast::<Slice>() {
        return subrange(th, r, s);
    }
    if !is_index(k) {
        let text = format!("range indices must be integers or slices, not {}", th.type_name(k));
        return Err(th.type_error(text));
    }
    let mut i = arith::index(th, k)?;
    if negative(i) {
        i = th.binary(Bin::Add, i, r.len.get())?;
    }
    if negative(i) || !th.holds(Cmp::Lt, i, r.len.get())? {
        return Err(th.index_error("range object index out of range"));
    }
    item(th, r, i)
}

/// A slice of a range is a range.
fn subrange(th: &mut Thread, r: &Range, s: &Slice) -> R {
    let n = r.len.get();
    let part = |th: &mut Thread, v: Value| -> R<Option<Value>> {
        if v.is_none() {
            return Ok(None);
        }
        if !is_index(v) {
            return Err(th.type_error("slice indices must be integers or None or have an __index__ method"));
        }
        arith::index(th, v).map(Some)
    };
    let step = part(th, s.step.get())?.unwrap_or(Value::int(1));
    if step == Value::int(0) {
        return Err(th.value_error("slice step cannot be zero"));
    }
    let down = negative(step);
    let last = th.binary(Bin::Sub, n, Value::int(1))?;
    let (low, high) = if down { (Value::int(-1), last) } else { (Value::int(0), n) };
    let place = |th: &mut Thread, v: Option<Value>, default: Value| -> R {
        let Some(v) = v else { return Ok(default) };
        let v = if negative(v) { th.binary(Bin::Add, v, n)? } else { v };
        if th.holds(Cmp::Lt, v, low)? {
            return Ok(low);
        }
        Ok(if th.holds(Cmp::Gt, v, high)? { high } else { v })
    };
    let start = part(th, s.start.get())?;
    let stop = part(th, s.stop.get())?;
    let (from, to) = if down { (high, low) } else { (low, high) };
    let start = place(th, start, from)?;
    let stop = place(th, stop, to)?;
    let start = item(th, r, start)?;
    let stop = item(th, r, stop)?;
    let step = th.binary(Bin::Mul, step, r.step.get())?;
    make(th, start, stop, step)
}

/// Whether `v` is compared by arithmetic alone.
fn is_plain_int(v: Value) -> bool {
    v.is_int() || v.is_bool() || v.is_kind(Kind::Big)
}

/// Position of a plain int in the range.
fn find(th: &mut Thread, r: &Range, v: Value) -> R<Option<Value>> {
    let v = arith::index(th, v)?;
    if let (Some(a), Some(z), Some(d), Some(x)) =
        (small(r.start.get()), small(r.stop.get()), small(r.step.get()), small(v))
    {
        let inside = if d > 0 { a <= x && x < z } else { z < x && x <= a };
        return if inside && (x - a) % d == 0 { wide(th, (x - a) / d).map(Some) } else { Ok(None) };
    }
    let offset = th.binary(Bin::Sub, v, r.start.get())?;
    let left = th.binary(Bin::Mod, offset, r.step.get())?;
    if left != Value::int(0) {
        return Ok(None);
    }
    let i = th.binary(Bin::FloorDiv, offset, r.step.get())?;
    Ok(if !negative(i) && th.holds(Cmp::Lt, i, r.len.get())? { Some(i) } else { None })
}

fn contains(th: &mut Thread, o: Value, v: Value) -> R<bool> {
    if is_plain_int(v) {
        return Ok(find(th, of(o), v)?.is_some());
    }
    Ok(search(th, o, v, true)?.is_some())
}

/// Walks the range for something that only equality can tell from its items: where it is first, or how often.
fn search(th: &mut Thread, o: Value, v: Value, first: bool) -> R<Option<i64>> {
    let it = iter(th, o)?;
    let (mut at, mut hits) = (0i64, 0);
    while let Some(x) = th.next(it)? {
        if th.eq(x, v)? {
            if first {
                return Ok(Some(at));
            }
            hits += 1;
        }
        at += 1;
        if at % 4096 == 0 {
            native_poll(th)?;
        }
    }
    Ok(if first { None } else { Some(hits) })
}

fn count(th: &mut Thread, a: Args) -> R {
    if is_plain_int(a[1]) {
        return Ok(Value::int(find(th, of(a[0]), a[1])?.is_some() as i64));
    }
    Ok(Value::int(search(th, a[0], a[1], false)?.unwrap_or(0)))
}

fn index(th: &mut Thread, a: Args) -> R {
    if is_plain_int(a[1]) {
        return match find(th, of(a[0]), a[1])? {
            Some(i) => Ok(i),
            None => Err(th.value_error("range.index(x): x not in range")),
        };
    }
    match search(th, a[0], a[1], true)? {
        Some(i) => Ok(Value::int(i)),
        None => Err(th.value_error("sequence.index(x): x not in sequence")),
    }
}

fn repr(th: &mut Thread, o: Value) -> R {
    let r = of(o);
    let (a, z) = (th.repr_text(r.start.get())?, th.repr_text(r.stop.get())?);
    if r.step.get() == Value::int(1) {
        return text(th, format!("range({a}, {z})"));
    }
    let d = th.repr_text(r.step.get())?;
    text(th, format!("range({a}, {z}, {d})"))
}

/// Length, first item and step, as far as they tell ranges apart.
fn essence(th: &mut Thread, r: &Range) -> R {
    let (n, none) = (r.len.get(), Value::NONE);
    let parts = if n == Value::int(0) {
        [n, none, none]
    } else if n == Value::int(1) {
        [n, r.start.get(), none]
    } else {
        [n, r.start.get(), r.step.get()]
    };
    Ok(th.tuple(&parts)?)
}

fn hash(th: &mut Thread, o: Value) -> R<i64> {
    let t = essence(th, of(o))?;
    th.hash(t)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if !b.is_kind(Kind::Range) || !matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (x, y) = (essence(th, of(a))?, essence(th, of(b))?);
    th.compare(op, x, y)
}

/// An iterator over `len` ints from `start` on by `step`.
fn iterate(th: &mut Thread, start: Value, step: Value, len: Value) -> R {
    if let (Some(a), Some(d), Some(n)) = (small(start), small(step), small(len)) {
        let last = if n > 0 { a + d * (n - 1) } else { 0 };
        if i64::try_from(last).is_ok_and(|l| Value::try_int(l).is_some()) {
            let v = th.heap.iter(C::range_iterator, Value::NONE, 0, n as usize, d as i64 as usize)?;
            v.get::<Iter>().x.set(start);
            return Ok(v);
        }
    }
    let stop = th.binary(Bin::Mul, step, len)?;
    let stop = th.binary(Bin::Add, start, stop)?;
    let over = make(th, start, stop, step)?;
    let v = th.heap.iter(C::longrange_iterator, over, 0, 0, 0)?;
    v.get::<Iter>().x.set(Value::int(0));
    Ok(v)
}

fn iter(th: &mut Thread, o: Value) -> R {
    let r = of(o);
    iterate(th, r.start.get(), r.step.get(), r.len.get())
}

fn reversed(th: &mut Thread, a: Args) -> R {
    let r = of(a[0]);
    let n = r.len.get();
    let last = th.binary(Bin::Sub, n, Value::int(1))?;
    let start = item(th, r, last)?;
    let step = th.binary(Bin::Sub, Value::int(0), r.step.get())?;
    iterate(th, start, step, n)
}

fn long_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    let r = i.over.get();
    loop {
        let at = i.x.get();
        if !th.holds(Cmp::Lt, at, of(r).len.get())? {
            return Ok(None);
        }
        let next = th.binary(Bin::Add, at, Value::int(1))?;
        if i.x.cas(at, next) {
            return item(th, of(r), at).map(Some);
        }
    }
}

/// What a range iterator has before it, as a range.
pub fn rest(th: &mut Thread, i: &Iter) -> R {
    let (first, step) = (i.x.get().as_int() as i128, i.step.get() as i64 as i128);
    let end = i.end.get();
    let place = |n: usize| first + step * n as i128;
    let start = wide(th, place(i.at.get().min(end)))?;
    let stop = wide(th, place(end))?;
    make(th, start, stop, Value::int(step as i64))
}

fn long_reduce(th: &mut Thread, a: Args) -> R {
    let i = a[0].get::<Iter>();
    let r = of(i.over.get());
    let start = item(th, r, i.x.get())?;
    let left = make(th, start, r.stop.get(), r.step.get())?;
    let f = th.builtin(N::iter.v()).unwrap_or(Value::NONE);
    super::iters::reduced_by(th, f, left, Some(Value::NONE))
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let r = of(a[0]);
    let args = th.tuple(&[r.start.get(), r.stop.get(), r.step.get()])?;
    Ok(th.tuple(&[class_of(a[0]), args])?)
}
