//! `slice`, and how indices and slices select from a sequence. Invariant: what [`span`] gives lies within the length
//! that it was asked for; parts are unpacked (which may run user code) before lengths are looked at.

use super::positional;
use crate::heap::known::C;
use crate::heap::object::Slice;
use crate::heap::{Kind, Value};
use crate::run::arith;
use crate::run::class::{class_of, slots};
use crate::run::slots::GetSet;
use crate::run::{Args, Bin, ClassDef, Cmp, Def, PLAIN, R, Thread, def, getset};

/// `slice`.
pub static DEF: ClassDef = ClassDef {
    name: "slice",
    doc: "slice(stop)\nslice(start, stop[, step])\n\nWhat extended indexing like a[0:10:2] passes.",
    slots: |s| {
        s.repr = Some(repr);
        s.hash = Some(hash);
        s.compare = Some(compare);
        s.new = Some(new);
    },
    methods: METHODS,
    getset: GETSET,
    kind: Kind::Slice,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def(
        "indices",
        "($self, object, /)",
        indices,
        "S.indices(len) -> (start, stop, stride)\n\nWhat the slice selects from a sequence of that length.",
    ),
    def("__reduce__", "($self, /)", reduce, "Return state information for pickling."),
];

static GETSET: &[GetSet] = &[
    getset("start", |_, s| Ok(s.get::<Slice>().start.get()), read_only, ""),
    getset("stop", |_, s| Ok(s.get::<Slice>().stop.get()), read_only, ""),
    getset("step", |_, s| Ok(s.get::<Slice>().step.get()), read_only, ""),
];

/// The setter of a member that scripts only read.
pub fn read_only(th: &mut Thread, _: Value, _: Value) -> R<()> {
    Err(th.raise(C::AttributeError, "readonly attribute"))
}

/// Whether `operator.index` works on the value.
pub fn is_index(v: Value) -> bool {
    let b = v.base();
    b.is_int() || b.is_bool() || b.is_kind(Kind::Big) || slots(class_of(v)).index.is_some()
}

/// The unpacked parts of a slice: start and stop where stated, and the step.
#[derive(Clone, Copy)]
pub struct Parts {
    start: Option<isize>,
    stop: Option<isize>,
    step: isize,
}

/// What a slice selects: the first index, the stop, the step and the number of items.
#[derive(Clone, Copy)]
pub struct Span {
    /// First index.
    pub start: isize,
    /// Where the selection ends (not included); -1 below the first item for negative steps.
    pub stop: isize,
    /// Step, not 0.
    pub step: isize,
    /// Items selected.
    pub n: usize,
}

/// Evaluates the parts of a slice.
pub fn unpack(th: &mut Thread, s: &Slice) -> R<Parts> {
    let step = part(th, s.step.get())?.unwrap_or(1);
    if step == 0 {
        return Err(th.value_error("slice step cannot be zero"));
    }
    let start = part(th, s.start.get())?;
    let stop = part(th, s.stop.get())?;
    // The least step has no positive counterpart.
    Ok(Parts { start, stop, step: step.max(-isize::MAX) })
}

fn part(th: &mut Thread, v: Value) -> R<Option<isize>> {
    if v.is_none() {
        return Ok(None);
    }
    if !is_index(v) {
        return Err(th.type_error("slice indices must be integers or None or have an __index__ method"));
    }
    arith::clamped(th, v).map(Some)
}

impl Parts {
    /// The parts applied to a length.
    pub fn within(self, len: usize) -> Span {
        let (n, step) = (len as isize, self.step);
        let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
        let place = |v: Option<isize>, default: isize| match v {
            None => default,
            Some(i) if i < 0 => i.saturating_add(n).max(low),
            Some(i) => i.min(high),
        };
        let (start, stop) = if step > 0 {
            (place(self.start, low), place(self.stop, high))
        } else {
            (place(self.start, high), place(self.stop, low))
        };
        let count = if step > 0 && start < stop {
            (stop - start - 1) / step + 1
        } else if step < 0 && stop < start {
            (start - stop - 1) / -step + 1
        } else {
            0
        };
        Span { start, stop, step, n: count as usize }
    }
}

/// What the slice selects from a sequence of `len` items.
pub fn span(th: &mut Thread, s: &Slice, len: usize) -> R<Span> {
    Ok(unpack(th, s)?.within(len))
}

/// `k` as a position that may be negative, for the items of a `class`: TypeError for what is no index, IndexError for
/// what is too large for one.
pub fn position(th: &mut Thread, k: Value, class: &str) -> R<isize> {
    if k.is_int() {
        return Ok(k.as_int() as isize);
    }
    if !is_index(k) {
        let text = format!("{class} indices must be integers or slices, not {}", th.type_name(k));
        return Err(th.type_error(text));
    }
    let i = arith::index(th, k)?;
    match crate::heap::bigint::to_i64(i) {
        Some(i) => Ok(i as isize),
        None => Err(th.index_error("cannot fit 'int' into an index-sized integer")),
    }
}

/// A position counted from the end where negative; `None` outside the length.
pub fn place(i: isize, len: usize) -> Option<usize> {
    let at = if i < 0 { i + len as isize } else { i };
    usize::try_from(at).ok().filter(|at| *at < len)
}

/// An argument that is a C `Py_ssize_t` in CPython.
pub fn ssize(th: &mut Thread, v: Value) -> R<isize> {
    let i = arith::index(th, v)?;
    match crate::heap::bigint::to_i64(i) {
        Some(i) => Ok(i as isize),
        None => Err(th.overflow_error("Python int too large to convert to C ssize_t")),
    }
}

/// An argument that is a C `int` in CPython.
pub fn c_int(th: &mut Thread, v: Value) -> R<isize> {
    let i = arith::index(th, v)?;
    match crate::heap::bigint::to_i64(i).and_then(|i| i32::try_from(i).ok()) {
        Some(i) => Ok(i as isize),
        None => Err(th.overflow_error("Python int too large to convert to C int")),
    }
}

/// A `start` or `stop` argument of `index`: clamped; absent is `default`.
pub fn bound(th: &mut Thread, v: Value, default: isize) -> R<isize> {
    if v.is_unbound() {
        return Ok(default);
    }
    if !is_index(v) {
        return Err(th.type_error("slice indices must be integers or have an __index__ method"));
    }
    arith::clamped(th, v)
}

fn repr(th: &mut Thread, o: Value) -> R {
    let s = o.get::<Slice>();
    let (a, b, c) = (th.repr_text(s.start.get())?, th.repr_text(s.stop.get())?, th.repr_text(s.step.get())?);
    super::text(th, format!("slice({a}, {b}, {c})"))
}

fn hash(th: &mut Thread, o: Value) -> R<i64> {
    let s = o.get::<Slice>();
    let parts = [s.start.get(), s.stop.get(), s.step.get()];
    let mut h = super::tuple::Hasher::default();
    for p in parts {
        h.add(th.hash(p)?);
    }
    Ok(h.finish_slice())
}

fn as_tuple(th: &mut Thread, o: Value) -> R {
    let s = o.get::<Slice>();
    Ok(th.tuple(&[s.start.get(), s.stop.get(), s.step.get()])?)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if !b.is_kind(Kind::Slice) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (x, y) = (as_tuple(th, a)?, as_tuple(th, b)?);
    th.compare(op, x, y)
}

fn new(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let [a, b, c] = positional::<3>(th, "slice", 1, args, kwargs)?;
    let (start, stop) = if b.is_unbound() { (Value::NONE, a) } else { (a, b) };
    Ok(th.heap.slice(start, stop, c.or(Value::NONE))?)
}

fn indices(th: &mut Thread, a: Args) -> R {
    let len = arith::index(th, a[1])?;
    let negative = match len.cast::<crate::heap::object::Big>() {
        Some(b) => b.size.get() & 1 == 1,
        None => len.as_int() < 0,
    };
    if negative {
        return Err(th.value_error("length should not be negative"));
    }
    let s = a[0].get::<Slice>();
    if !len.is_int() || [s.start.get(), s.stop.get(), s.step.get()].iter().any(|p| p.is_kind(Kind::Big)) {
        return long_indices(th, s, len);
    }
    let s = span(th, s, len.as_int() as usize)?;
    let parts = [th.int(s.start as i64)?, th.int(s.stop as i64)?, th.int(s.step as i64)?];
    Ok(th.tuple(&parts)?)
}

/// `indices` where a number may be beyond an index.
fn long_indices(th: &mut Thread, s: &Slice, len: Value) -> R {
    let given = |th: &mut Thread, v: Value| -> R<Option<Value>> {
        if v.is_none() {
            return Ok(None);
        }
        if !is_index(v) {
            return Err(th.type_error("slice indices must be integers or None or have an __index__ method"));
        }
        arith::index(th, v).map(Some)
    };
    let step = given(th, s.step.get())?.unwrap_or(Value::int(1));
    if step == Value::int(0) {
        return Err(th.value_error("slice step cannot be zero"));
    }
    let (start, stop) = (given(th, s.start.get())?, given(th, s.stop.get())?);
    let down = th.holds(Cmp::Lt, step, Value::int(0))?;
    let last = th.binary(Bin::Sub, len, Value::int(1))?;
    let (low, high) = if down { (Value::int(-1), last) } else { (Value::int(0), len) };
    let place = |th: &mut Thread, v: Option<Value>, default: Value| -> R {
        let Some(mut v) = v else { return Ok(default) };
        if th.holds(Cmp::Lt, v, Value::int(0))? {
            v = th.binary(Bin::Add, v, len)?;
            return Ok(if th.holds(Cmp::Lt, v, low)? { low } else { v });
        }
        Ok(if th.holds(Cmp::Gt, v, high)? { high } else { v })
    };
    let start = place(th, start, if down { high } else { low })?;
    let stop = place(th, stop, if down { low } else { high })?;
    Ok(th.tuple(&[start, stop, step])?)
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let state = as_tuple(th, a[0])?;
    Ok(th.tuple(&[class_of(a[0]), state])?)
}
