//! `list`: what scripts see of the core in `heap::list`. Invariant: after every call that may run user code lengths
//! are looked at anew; nothing here holds the object's lock itself.

use super::slice::{self, bound, place, position, ssize};
use super::{positional, text};
use crate::heap::known::C;
use crate::heap::list::{self, Source};
use crate::heap::object::*;
use crate::heap::text::StrBuilder;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, slots};
use crate::run::{Args, Bin, ClassDef, Cmp, Def, PLAIN, R, Side, Thread, def};

/// `list`.
pub static DEF: ClassDef = ClassDef {
    name: "list",
    doc: "Built-in mutable sequence.\n\nIf no argument is given, the constructor creates a new empty list.\n\
          The argument must be an iterable if specified.",
    slots: |s| {
        s.repr = Some(repr);
        s.hash = None;
        s.compare = Some(compare);
        s.len = Some(|_, o| Ok(of(o).len()));
        s.getitem = Some(getitem);
        s.setitem = Some(setitem);
        s.contains = Some(contains);
        s.iter = Some(|th, o| Ok(th.heap.iter(C::list_iterator, o.base(), 0, 0, 0)?));
        s.binary = Some(binary);
        s.inplace = Some(inplace);
        s.new = Some(new);
        s.direct = Some(direct);
        s.init = Some(init);
    },
    methods: METHODS,
    class_methods: super::alias::CLASS_GETITEM,
    basetype: true,
    kind: Kind::List,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("append", "($self, object, /)", append, "Append object to the end of the list."),
    def("clear", "($self, /)", clear, "Remove all items from list."),
    def("copy", "($self, /)", copy, "Return a shallow copy of the list."),
    def("count", "($self, value, /)", count, "Return number of occurrences of value."),
    def(
        "extend",
        "($self, iterable, /)",
        extend_method,
        "Extend list by appending elements from the iterable.",
    ),
    def(
        "index",
        "($self, value, start=0, stop=9223372036854775807, /)",
        index,
        "Return first index of value.\n\nRaises ValueError if the value is not present.",
    ),
    def("insert", "($self, index, object, /)", insert, "Insert object before index."),
    def(
        "pop",
        "($self, index=-1, /)",
        pop,
        "Remove and return item at index (default last).\n\nRaises IndexError if list is empty or index is out of range.",
    ),
    def(
        "remove",
        "($self, value, /)",
        remove,
        "Remove first occurrence of value.\n\nRaises ValueError if the value is not present.",
    ),
    def("reverse", "($self, /)", reverse, "Reverse *IN PLACE*."),
    def(
        "sort",
        "($self, /, *, key=None, reverse=False)",
        sort,
        "Sort the list in ascending order and return None.\n\nThe sort is in-place and stable. A key function is applied \
         once to each item;\nthe reverse flag gives descending order.",
    ),
    def("__reversed__", "($self, /)", reversed, "Return a reverse iterator over the list."),
    def("__sizeof__", "($self, /)", size_of, "Return the size of the list in memory, in bytes."),
];

/// The list that `v` is or is based on.
fn of(v: Value) -> &'static List {
    v.base().get::<List>()
}

/// `v` as an instance of `cls`, which is the builtin class `c` or a script class below it.
pub fn made(th: &mut Thread, cls: Value, c: C, v: Value) -> R {
    if cls == c.v() { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

/// Runs `f` unless the repr of `o` is already in progress; then the text is `cycle`.
pub fn guarded(th: &mut Thread, o: Value, cycle: &str, f: impl FnOnce(&mut Thread) -> R) -> R {
    if th.repr_guard.contains(&o) {
        return text(th, cycle);
    }
    th.repr_guard.push(o);
    let r = f(th);
    th.repr_guard.pop();
    r
}

/// Adds `repr(v)` to the text.
pub fn push_repr(th: &mut Thread, out: &mut StrBuilder, v: Value) -> R<()> {
    let r = th.repr(v)?;
    Ok(out.push_value(&mut th.heap, r.base())?)
}

fn repr(th: &mut Thread, o: Value) -> R {
    guarded(th, o, "[...]", |th| {
        let mut out = StrBuilder::new();
        out.push("[")?;
        let mut i = 0;
        while let Some(v) = list::get(&mut th.heap, of(o), i) {
            if i > 0 {
                out.push(", ")?;
            }
            push_repr(th, &mut out, v)?;
            i += 1;
        }
        out.push("]")?;
        Ok(out.finish(&mut th.heap)?)
    })
}

/// Nested comparison needs native stack.
pub fn check_depth(th: &mut Thread) -> R<()> {
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded in comparison"));
    }
    Ok(())
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let (Some(x), Some(y)) = (a.like::<List>(), b.like::<List>()) else { return Ok(Value::NOT_IMPLEMENTED) };
    check_depth(th)?;
    if x.len() != y.len() && matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::bool(op == Cmp::Ne));
    }
    let mut i = 0;
    while let (Some(p), Some(q)) = (list::get(&mut th.heap, x, i), list::get(&mut th.heap, y, i)) {
        if !th.eq(p, q)? {
            if op == Cmp::Eq {
                return Ok(Value::FALSE);
            }
            if op == Cmp::Ne {
                return Ok(Value::TRUE);
            }
            // The comparison may have shortened the lists: then their lengths decide.
            return match (list::get(&mut th.heap, x, i), list::get(&mut th.heap, y, i)) {
                (Some(p), Some(q)) => th.compare(op, p, q),
                _ => Ok(Value::bool(op.of(x.len().cmp(&y.len())))),
            };
        }
        i += 1;
    }
    Ok(Value::bool(op.of(x.len().cmp(&y.len()))))
}

// --------------------------------------------------------------------------------------------------------------- items

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let l = of(o);
    if let Some(s) = k.cast::<Slice>() {
        let s = slice::unpack(th, s)?.within(l.len());
        return Ok(list::slice(&mut th.heap, l, s.start.max(0) as usize, s.step, s.n)?);
    }
    let i = position(th, k, "list")?;
    let found = place(i, l.len()).and_then(|i| list::get(&mut th.heap, l, i));
    found.ok_or_else(|| th.index_error("list index out of range"))
}

fn setitem(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    let l = of(o);
    if let Some(s) = k.cast::<Slice>() {
        return if v.is_unbound() { delete_slice(th, l, s) } else { set_slice(th, o, s, v) };
    }
    let i = position(th, k, "list")?;
    let done = match place(i, l.len()) {
        Some(i) if v.is_unbound() => list::pop_at(&mut th.heap, l, i).is_some(),
        Some(i) => list::set(&mut th.heap, l, i as isize, v),
        None => false,
    };
    if done { Ok(()) } else { Err(th.index_error("list assignment index out of range")) }
}

fn delete_slice(th: &mut Thread, l: &List, s: &Slice) -> R<()> {
    let s = slice::unpack(th, s)?.within(l.len());
    if s.n == 0 {
        return Ok(());
    }
    if s.step == 1 {
        list::remove_range(&mut th.heap, l, s.start as usize, s.stop as usize);
    } else if s.step > 0 {
        list::remove_stepped(&mut th.heap, l, s.start as usize, s.step as usize, s.n);
    } else {
        let first = s.start + s.step * (s.n as isize - 1);
        list::remove_stepped(&mut th.heap, l, first as usize, s.step.unsigned_abs(), s.n);
    }
    Ok(())
}

/// Whether `iter(v)` has a chance.
pub fn is_iterable(v: Value) -> bool {
    let s = slots(class_of(v));
    s.iter.is_some() || s.getitem.is_some() && !v.is_kind(Kind::Class)
}

fn set_slice(th: &mut Thread, o: Value, s: &Slice, v: Value) -> R<()> {
    let l = of(o);
    let parts = slice::unpack(th, s)?;
    if !is_iterable(v) {
        return Err(th.type_error("must assign iterable to extended slice"));
    }
    let items = th.to_tuple(v)?;
    let t = items.get::<Tuple>();
    let s = parts.within(l.len());
    if s.step == 1 {
        let start = s.start as usize;
        list::splice(&mut th.heap, l, start, (s.stop as usize).max(start), Source::Tuple(t))?;
        return Ok(());
    }
    let fits = t.len() == s.n
        && list::set_stepped(&mut th.heap, l, s.start.max(0) as usize, s.step, Source::Tuple(t));
    if fits {
        return Ok(());
    }
    let text = format!("attempt to assign sequence of size {} to extended slice of size {}", t.len(), s.n);
    Err(th.value_error(text))
}

fn contains(th: &mut Thread, o: Value, v: Value) -> R<bool> {
    Ok(find(th, of(o), v, 0, usize::MAX)?.is_some())
}

/// The first index in `from..to` whose item is or equals `v`.
fn find(th: &mut Thread, l: &List, v: Value, from: usize, to: usize) -> R<Option<usize>> {
    let mut i = from;
    while i < to {
        let Some(x) = list::get(&mut th.heap, l, i) else { break };
        if th.eq(x, v)? {
            return Ok(Some(i));
        }
        i += 1;
        if i.is_multiple_of(8192) {
            crate::run::poll::native_poll(th)?;
        }
    }
    Ok(None)
}

// ----------------------------------------------------------------------------------------------------------- operators

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, side: Side) -> R {
    match op {
        Bin::Add => match (a.like::<List>(), b.like::<List>()) {
            (Some(x), Some(y)) => Ok(list::concat(&mut th.heap, x, y)?),
            _ => Ok(Value::NOT_IMPLEMENTED),
        },
        Bin::Mul => {
            let (o, n) = if side == Side::Left { (a, b) } else { (b, a) };
            if !slice::is_index(n) {
                return Ok(Value::NOT_IMPLEMENTED);
            }
            let n = th.index(n)?.max(0) as usize;
            repeat(th, of(o), n)
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

/// A fresh list of the items `times` times.
fn repeat(th: &mut Thread, l: &List, times: usize) -> R {
    let (from, n) = list::snapshot_array(&mut th.heap, l)?;
    let total = n.checked_mul(times).ok_or(crate::heap::Full)?;
    let v = th.list_with(total)?;
    let (made, from) = (v.get::<List>(), from.get::<Array>());
    let to = made.array();
    for i in 0..total {
        // SAFETY: the new array has `total` slots, the snapshot `n` and `total` is a multiple of it.
        unsafe { to.item(i).set(from.item(if n == 1 { 0 } else { i % n }).get()) };
    }
    made.len.set(total);
    Ok(v)
}

fn inplace(th: &mut Thread, op: Bin, a: Value, b: Value) -> R {
    match op {
        Bin::Add => {
            extend(th, of(a), b)?;
            Ok(a)
        }
        Bin::Mul if slice::is_index(b) => {
            let n = th.index(b)?.max(0) as usize;
            let made = repeat(th, of(a), n)?;
            let m = made.get::<List>();
            list::splice(&mut th.heap, of(a), 0, usize::MAX, Source::Array(m.array(), m.len()))?;
            Ok(a)
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

/// Appends the items of any iterable.
pub fn extend(th: &mut Thread, l: &List, v: Value) -> R<()> {
    if let Some(from) = v.cast::<List>() {
        let (array, n) = list::snapshot_array(&mut th.heap, from)?;
        return Ok(list::extend(&mut th.heap, l, Source::Array(array.get::<Array>(), n))?);
    }
    if let Some(t) = v.cast::<Tuple>() {
        return Ok(list::extend(&mut th.heap, l, Source::Tuple(t))?);
    }
    th.append_all(l, v)
}

// -------------------------------------------------------------------------------------------------------------- making

/// Of nothing or of an iterable.
fn direct(th: &mut Thread, a: Args) -> R<Option<Value>> {
    if a.n > 1 {
        return Ok(None);
    }
    let v = th.list_with(0)?;
    if a.n == 1 {
        extend(th, of(v), a[0])?;
    }
    Ok(Some(v))
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let v = th.list_with(0)?;
    made(th, cls, C::list, v)
}

fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    // A script class below list may take further arguments in its `__new__`.
    let kwargs = if class_of(o) == C::list.v() { kwargs } else { Value::UNBOUND };
    let [from] = positional::<1>(th, "list", 0, args, kwargs)?;
    let l = of(o);
    if !l.is_empty() {
        list::clear(&mut th.heap, l);
    }
    if from.is_unbound() { Ok(()) } else { extend(th, l, from) }
}

// ------------------------------------------------------------------------------------------------------------- methods

fn append(th: &mut Thread, a: Args) -> R {
    list::push(&mut th.heap, of(a[0]), a[1])?;
    Ok(Value::NONE)
}

fn clear(th: &mut Thread, a: Args) -> R {
    list::clear(&mut th.heap, of(a[0]));
    Ok(Value::NONE)
}

fn copy(th: &mut Thread, a: Args) -> R {
    Ok(list::copy(&mut th.heap, of(a[0]))?)
}

fn count(th: &mut Thread, a: Args) -> R {
    let (l, mut n, mut i) = (of(a[0]), 0, 0);
    while let Some(x) = list::get(&mut th.heap, l, i) {
        n += th.eq(x, a[1])? as i64;
        i += 1;
    }
    Ok(Value::int(n))
}

fn extend_method(th: &mut Thread, a: Args) -> R {
    extend(th, of(a[0]), a[1])?;
    Ok(Value::NONE)
}

fn index(th: &mut Thread, a: Args) -> R {
    let l = of(a[0]);
    let (start, stop) = (bound(th, a[2], 0)?, bound(th, a[3], isize::MAX)?);
    let cut = |i: isize| if i < 0 { i.saturating_add(l.len() as isize).max(0) as usize } else { i as usize };
    match find(th, l, a[1], cut(start), cut(stop))? {
        Some(i) => Ok(Value::int(i as i64)),
        None => Err(th.value_error("list.index(x): x not in list")),
    }
}

fn insert(th: &mut Thread, a: Args) -> R {
    let i = ssize(th, a[1])?;
    let l = of(a[0]);
    let i = if i < 0 { i.saturating_add(l.len() as isize).max(0) } else { i };
    list::insert(&mut th.heap, l, i as usize, a[2])?;
    Ok(Value::NONE)
}

fn pop(th: &mut Thread, a: Args) -> R {
    let l = of(a[0]);
    if a[1].is_unbound() {
        return list::pop(&mut th.heap, l).ok_or_else(|| th.index_error("pop from empty list"));
    }
    let i = ssize(th, a[1])?;
    if l.is_empty() {
        return Err(th.index_error("pop from empty list"));
    }
    let popped = place(i, l.len()).and_then(|i| list::pop_at(&mut th.heap, l, i));
    popped.ok_or_else(|| th.index_error("pop index out of range"))
}

fn remove(th: &mut Thread, a: Args) -> R {
    let l = of(a[0]);
    match find(th, l, a[1], 0, usize::MAX)? {
        Some(i) => {
            list::pop_at(&mut th.heap, l, i);
            Ok(Value::NONE)
        }
        None => Err(th.value_error("list.remove(x): x not in list")),
    }
}

fn reverse(th: &mut Thread, a: Args) -> R {
    list::reverse(&mut th.heap, of(a[0]));
    Ok(Value::NONE)
}

fn sort(th: &mut Thread, a: Args) -> R {
    let reverse = !a[2].is_unbound() && th.truth(a[2])?;
    super::list_sort::sort(th, of(a[0]), a[1].or(Value::NONE), reverse)?;
    Ok(Value::NONE)
}

fn reversed(th: &mut Thread, a: Args) -> R {
    let n = of(a[0]).len();
    Ok(th.heap.iter(C::list_reverseiterator, a[0].base(), 0, n, 0)?)
}

fn size_of(_: &mut Thread, a: Args) -> R {
    Ok(Value::int(40 + 8 * of(a[0]).array().count.get() as i64))
}
