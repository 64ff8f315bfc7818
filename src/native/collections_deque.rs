//! `collections.deque` and its iterators. Invariant: an instance is a ring record, or an instance of a script subclass
//! around one; searches compare outside the lock and notice by the version that the deque changed.

use super::collections_ring::{self as ring, Deque, End, Mutated};
use crate::heap::object::*;
use crate::heap::{Kind, Value, list};
use crate::run::class::{self, class_of, is_subclass};
use crate::run::{Args, Bin, ClassDef, Cmp, Def, PLAIN, R, Raised, Side, Thread, arith, def, get, poll};
use crate::types;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

static SHAPE: AtomicU32 = AtomicU32::new(0);
static FORWARD: AtomicU32 = AtomicU32::new(0);
static BACKWARD: AtomicU32 = AtomicU32::new(0);

static DEF: ClassDef = ClassDef {
    name: "collections.deque",
    doc: "A list-like sequence optimized for data accesses near its endpoints.",
    slots: |s| {
        s.new = Some(new);
        s.init = Some(init);
        s.repr = Some(repr);
        s.hash = None;
        s.compare = Some(compare);
        s.iter = Some(iter);
        s.len = Some(|_, o| Ok(this(o).len()));
        s.bool = Some(|_, o| Ok(this(o).len() > 0));
        s.getitem = Some(getitem);
        s.setitem = Some(setitem);
        s.contains = Some(|th, o, v| {
            Ok(position(th, o, v, 0, usize::MAX, "deque mutated during iteration")?.is_some())
        });
        s.binary = Some(binary);
        s.inplace = Some(inplace);
    },
    methods: &METHODS,
    class_methods: &CLASS_METHODS,
    getset: &[get("maxlen", |_, o| Ok(this(o).maxlen.get()), "maximum size of a deque or None if unbounded")],
    basetype: true,
    kind: Kind::Record,
    ..PLAIN
};

static CLASS_METHODS: [Def; 1] =
    [def("__class_getitem__", "($type, object, /)", |th, a| th.generic_alias(a[0], a[1]), "See PEP 585")];

static METHODS: [Def; 18] = [
    def(
        "append",
        "($self, item, /)",
        |th, a| add(th, a, End::Right),
        "Add an element to the right side of the deque.",
    ),
    def(
        "appendleft",
        "($self, item, /)",
        |th, a| add(th, a, End::Left),
        "Add an element to the left side of the deque.",
    ),
    def("pop", "($self, /)", |th, a| take(th, a, End::Right), "Remove and return the rightmost element."),
    def("popleft", "($self, /)", |th, a| take(th, a, End::Left), "Remove and return the leftmost element."),
    def(
        "extend",
        "($self, iterable, /)",
        |th, a| extend(th, a[0], a[1], End::Right).map(|()| Value::NONE),
        "Extend the right side of the deque with elements from the iterable.",
    ),
    def(
        "extendleft",
        "($self, iterable, /)",
        |th, a| extend(th, a[0], a[1], End::Left).map(|()| Value::NONE),
        "Extend the left side of the deque with elements from the iterable.",
    ),
    def(
        "rotate",
        "($self, n=1, /)",
        rotate,
        "Rotate the deque n steps to the right. If n is negative, rotates left.",
    ),
    def("insert", "($self, index, value, /)", insert, "Insert value before index."),
    def(
        "index",
        "($self, value, start=0, stop=sys.maxsize, /)",
        index,
        "Return first index of value.\n\nRaises ValueError if the value is not present.",
    ),
    def("remove", "($self, value, /)", remove, "Remove first occurrence of value."),
    def("reverse", "($self, /)", reverse, "Reverse *IN PLACE*."),
    def("copy", "($self, /)", |th, a| copy(th, a[0]), "Return a shallow copy of a deque."),
    def("__copy__", "($self, /)", |th, a| copy(th, a[0]), "Return a shallow copy of a deque."),
    def("clear", "($self, /)", clear, "Remove all elements from the deque."),
    def("count", "($self, value, /)", count, "Return number of occurrences of value."),
    def("__reversed__", "($self, /)", reversed, "Return a reverse iterator over the deque."),
    def("__reduce__", "($self, /)", reduce, "Return state information for pickling."),
    def(
        "__sizeof__",
        "($self, /)",
        |_, a| Ok(Value::int(48 + 8 * this(a[0]).len() as i64)),
        "Return the size of the deque in memory, in bytes.",
    ),
];

static ITERATORS: [ClassDef; 2] = [
    ClassDef {
        name: "_collections._deque_iterator",
        slots: |s| {
            s.iter = Some(|_, o| Ok(o));
            s.next = Some(forward);
        },
        methods: &HINT,
        kind: Kind::Iter,
        ..PLAIN
    },
    ClassDef {
        name: "_collections._deque_reverse_iterator",
        slots: |s| {
            s.iter = Some(|_, o| Ok(o));
            s.next = Some(backward);
        },
        methods: &HINT,
        kind: Kind::Iter,
        ..PLAIN
    },
];

static HINT: [Def; 1] = [def(
    "__length_hint__",
    "($self, /)",
    |_, a| {
        let it = a[0].get::<Iter>();
        let n = it.over.get().get::<Deque>().len();
        Ok(Value::int(n.saturating_sub(it.at.get()) as i64))
    },
    "Private method returning an estimate of len(list(it)).",
)];

/// Makes the classes; gives `deque`.
pub fn class(th: &mut Thread) -> R {
    let c = class::define(th, None, &DEF)?;
    SHAPE.store(super::lock::shape_of(c), Relaxed);
    let f = class::define(th, None, &ITERATORS[0])?;
    FORWARD.store(super::lock::shape_of(f), Relaxed);
    let b = class::define(th, None, &ITERATORS[1])?;
    BACKWARD.store(super::lock::shape_of(b), Relaxed);
    Ok(c)
}

fn this(o: Value) -> &'static Deque {
    o.base().get::<Deque>()
}

fn deque_class() -> Value {
    crate::heap::shape::shape(SHAPE.load(Relaxed)).class()
}

fn is_deque(v: Value) -> bool {
    is_subclass(class_of(v), deque_class())
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let v = ring::make(&mut th.heap, SHAPE.load(Relaxed))?;
    if cls == deque_class() { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    let [iterable, maxlen] = types::bind(th, "deque", ["iterable", "maxlen"], 0, args, kwargs)?;
    let d = this(o);
    let bound = match maxlen {
        Value::UNBOUND | Value::NONE => Value::NONE,
        v => {
            let int = v.base();
            if !int.is_int() && !int.is_bool() && !int.is_kind(Kind::Big) {
                return Err(th.type_error("an integer is required"));
            }
            let n = th.index(int)?;
            if n < 0 {
                return Err(th.value_error("maxlen must be non-negative"));
            }
            Value::int(n as i64)
        }
    };
    d.maxlen.set(bound);
    if d.len() > 0 {
        ring::clear(&mut th.heap, d);
    }
    if iterable.is_unbound() { Ok(()) } else { extend(th, o, iterable, End::Right) }
}

fn add(th: &mut Thread, a: Args, end: End) -> R {
    ring::push(&mut th.heap, this(a[0]), a[1], end)?;
    Ok(Value::NONE)
}

fn take(th: &mut Thread, a: Args, end: End) -> R {
    match ring::pop(&mut th.heap, this(a[0]), end) {
        Some(v) => Ok(v),
        None => Err(th.index_error("pop from an empty deque")),
    }
}

fn extend(th: &mut Thread, o: Value, from: Value, end: End) -> R<()> {
    let from = if from == o { ring::snapshot(&mut th.heap, this(o))? } else { from };
    let mut n = 0u32;
    th.each(from, |th, v| {
        n = n.wrapping_add(1);
        if n.is_multiple_of(4096) {
            poll::native_poll(th)?;
        }
        Ok(ring::push(&mut th.heap, this(o), v, end)?)
    })
}

fn rotate(th: &mut Thread, a: Args) -> R {
    let n = if a[1].is_unbound() { 1 } else { th.index(a[1])? };
    ring::rotate(&mut th.heap, this(a[0]), n);
    Ok(Value::NONE)
}

fn insert(th: &mut Thread, a: Args) -> R {
    let i = th.index(a[1])?;
    match ring::insert(&mut th.heap, this(a[0]), i, a[2])? {
        true => Ok(Value::NONE),
        false => Err(th.index_error("deque already at its maximum size")),
    }
}

/// The first place of an equal item from `start` up to `stop`.
fn position(
    th: &mut Thread,
    o: Value,
    v: Value,
    start: usize,
    stop: usize,
    changed: &str,
) -> R<Option<usize>> {
    let d = this(o);
    let version = d.version();
    let mut i = start;
    while i < stop {
        if i % 4096 == 4095 {
            poll::native_poll(th)?;
        }
        match ring::visit(&mut th.heap, d, version, |_| Some(i)) {
            Err(Mutated) => return Err(mutated(th, changed)),
            Ok(None) => break,
            Ok(Some(x)) if th.eq(x, v)? => {
                // The comparison may have changed the deque.
                if d.version() != version {
                    return Err(mutated(th, changed));
                }
                return Ok(Some(i));
            }
            Ok(Some(_)) => i += 1,
        }
    }
    Ok(None)
}

#[cold]
fn mutated(th: &mut Thread, text: &str) -> Raised {
    if text.contains("remove()") { th.index_error(text) } else { th.runtime_error(text) }
}

fn index(th: &mut Thread, a: Args) -> R {
    let n = this(a[0]).len() as isize;
    let bound = |th: &mut Thread, v: Value, default: isize| -> R<usize> {
        let i = if v.is_unbound() { default } else { arith::clamped(th, v)? };
        Ok(if i < 0 { i.saturating_add(n).max(0) } else { i } as usize)
    };
    let start = bound(th, a[2], 0)?;
    let stop = bound(th, a[3], isize::MAX)?;
    match position(th, a[0], a[1], start, stop, "deque mutated during iteration")? {
        Some(i) => Ok(Value::int(i as i64)),
        None => Err(th.value_error("deque.index(x): x not in deque")),
    }
}

fn remove(th: &mut Thread, a: Args) -> R {
    const CHANGED: &str = "deque mutated during remove().";
    let d = this(a[0]);
    let version = d.version();
    match position(th, a[0], a[1], 0, usize::MAX, CHANGED)? {
        None => Err(th.value_error("deque.remove(x): x not in deque")),
        Some(i) if ring::remove(&mut th.heap, d, i as isize, Some(version)) => Ok(Value::NONE),
        Some(_) => Err(th.index_error(CHANGED)),
    }
}

fn reverse(th: &mut Thread, a: Args) -> R {
    ring::reverse(&mut th.heap, this(a[0]));
    Ok(Value::NONE)
}

fn clear(th: &mut Thread, a: Args) -> R {
    ring::clear(&mut th.heap, this(a[0]));
    Ok(Value::NONE)
}

fn count(th: &mut Thread, a: Args) -> R {
    let d = this(a[0]);
    let version = d.version();
    let (mut i, mut n) = (0, 0);
    loop {
        if i % 4096 == 4095 {
            poll::native_poll(th)?;
        }
        match ring::visit(&mut th.heap, d, version, |_| Some(i)) {
            Err(Mutated) => return Err(th.runtime_error("deque mutated during iteration")),
            Ok(None) => return Ok(Value::int(n)),
            Ok(Some(x)) => n += th.eq(x, a[1])? as i64,
        }
        i += 1;
    }
}

fn copy(th: &mut Thread, o: Value) -> R {
    let d = this(o);
    let class = class_of(o);
    let maxlen = d.maxlen.get();
    if class != deque_class() {
        return if maxlen.is_none() { th.call(class, &[o]) } else { th.call(class, &[o, maxlen]) };
    }
    let v = ring::make(&mut th.heap, SHAPE.load(Relaxed))?;
    this(v).maxlen.set(maxlen);
    let items = ring::snapshot(&mut th.heap, d)?;
    extend(th, v, items, End::Right)?;
    Ok(v)
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let maxlen = this(a[0]).maxlen.get();
    let none = th.tuple(&[])?;
    let args = if maxlen.is_none() { none } else { th.tuple(&[none, maxlen])? };
    let state =
        if a[0].is_kind(Kind::Instance) { types::object::own_attributes(th, a[0])? } else { Value::NONE };
    let items = iter(th, a[0])?;
    Ok(th.tuple(&[class_of(a[0]), args, state, items])?)
}

// ------------------------------------------------------------------------------------------------------------ slots

fn repr(th: &mut Thread, o: Value) -> R {
    if th.repr_guard.contains(&o) {
        return types::text(th, "[...]");
    }
    let items = ring::snapshot(&mut th.heap, this(o))?;
    th.repr_guard.push(o);
    let r = th.repr_text(items);
    th.repr_guard.pop();
    let items = r?;
    let maxlen = this(o).maxlen.get();
    let name = th.class_name(th.class_of(o));
    let text = match maxlen.is_int() {
        true => format!("{name}({items}, maxlen={})", maxlen.as_int()),
        false => format!("{name}({items})"),
    };
    types::text(th, text)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if !is_deque(a) || !is_deque(b) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    if a == b && matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::bool(op == Cmp::Eq));
    }
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded in comparison"));
    }
    let x = ring::snapshot(&mut th.heap, this(a))?;
    let y = ring::snapshot(&mut th.heap, this(b))?;
    th.compare(op, x, y)
}

fn iterator(th: &mut Thread, o: Value, shape: u32) -> R {
    let base = o.base();
    let (v, it) = th.heap.new::<Iter>(shape, 3, 0)?;
    it.over.set(base);
    it.x.set(Value::UNBOUND);
    it.y.set(Value::UNBOUND);
    it.end.set(base.get::<Deque>().version());
    Ok(v)
}

fn iter(th: &mut Thread, o: Value) -> R {
    iterator(th, o, FORWARD.load(Relaxed))
}

fn reversed(th: &mut Thread, a: Args) -> R {
    iterator(th, a[0], BACKWARD.load(Relaxed))
}

fn forward(th: &mut Thread, o: Value) -> R<Option<Value>> {
    step(th, o, |i, _| i)
}

fn backward(th: &mut Thread, o: Value) -> R<Option<Value>> {
    step(th, o, |i, n| n - 1 - i)
}

/// One step; the place is claimed under the deque's lock.
fn step(th: &mut Thread, o: Value, place: fn(usize, usize) -> usize) -> R<Option<Value>> {
    let it = o.get::<Iter>();
    let over = it.over.get();
    let claim = |n| {
        let i = it.at.get();
        (i < n).then(|| {
            it.at.set(i + 1);
            place(i, n)
        })
    };
    match ring::visit(&mut th.heap, over.get::<Deque>(), it.end.get(), claim) {
        Ok(v) => Ok(v),
        Err(Mutated) => Err(th.runtime_error("deque mutated during iteration")),
    }
}

fn place(th: &mut Thread, k: Value) -> R<isize> {
    let b = k.base();
    if !b.is_int() && !b.is_bool() && !b.is_kind(Kind::Big) && class::slots(class_of(k)).index.is_none() {
        return Err(th.type_error(format!("sequence index must be integer, not '{}'", th.type_name(k))));
    }
    let i = arith::index(th, k)?;
    if !i.is_int() {
        let text = format!("cannot fit '{}' into an index-sized integer", th.type_name(k));
        return Err(th.index_error(text));
    }
    Ok(i.as_int() as isize)
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let i = place(th, k)?;
    match ring::get(&mut th.heap, this(o), i) {
        Some(v) => Ok(v),
        None => Err(th.index_error("deque index out of range")),
    }
}

fn setitem(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    let i = place(th, k)?;
    let d = this(o);
    let done = if v.is_unbound() {
        ring::remove(&mut th.heap, d, i, None)
    } else {
        ring::set(&mut th.heap, d, i, v)
    };
    if done { Ok(()) } else { Err(th.index_error("deque index out of range")) }
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, side: Side) -> R {
    match op {
        Bin::Add if side == Side::Left => {
            if !is_deque(b) {
                let text = format!("can only concatenate deque (not \"{}\") to deque", th.type_name(b));
                return Err(th.type_error(text));
            }
            let more = ring::snapshot(&mut th.heap, this(b))?;
            let out = copy(th, a)?;
            extend(th, out, more, End::Right)?;
            Ok(out)
        }
        Bin::Mul => {
            let (o, times) = if side == Side::Left { (a, b) } else { (b, a) };
            let n = times_of(th, times)?;
            let out = copy(th, o)?;
            repeat(th, out, n)?;
            Ok(out)
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn inplace(th: &mut Thread, op: Bin, a: Value, b: Value) -> R {
    match op {
        Bin::Add => {
            extend(th, a, b, End::Right)?;
            Ok(a)
        }
        Bin::Mul => {
            let n = times_of(th, b)?;
            repeat(th, a, n)?;
            Ok(a)
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn times_of(th: &mut Thread, v: Value) -> R<isize> {
    let b = v.base();
    if b.is_int() || b.is_bool() || b.is_kind(Kind::Big) || class::slots(class_of(v)).index.is_some() {
        return th.index(v);
    }
    Err(th.type_error(format!("can't multiply sequence by non-int of type '{}'", th.type_name(v))))
}

/// Makes of the items that many rows of them.
fn repeat(th: &mut Thread, o: Value, n: isize) -> R<()> {
    let d = this(o);
    if n <= 0 {
        ring::clear(&mut th.heap, d);
        return Ok(());
    }
    let items = ring::snapshot(&mut th.heap, d)?;
    let l = items.get::<List>();
    if l.is_empty() {
        return Ok(());
    }
    // A bounded deque keeps only the last rows.
    let rows = (d.limit() / l.len()).saturating_add(2).min(n as usize);
    for row in 1..rows {
        for i in 0..l.len() {
            if (row * l.len() + i) % 4096 == 4095 {
                poll::native_poll(th)?;
            }
            if let Some(v) = list::peek(l, i) {
                ring::push(&mut th.heap, d, v, End::Right)?;
            }
        }
    }
    Ok(())
}
