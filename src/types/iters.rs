//! Builtin iterators over sequences, sets, callables. Invariant: a step claims its index, atomically where threads may
//! share the iterator, so each item is given once; an exhausted iterator stays so.

use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value, list, set};
use crate::run::class::{class_of, slots};
use crate::run::iterate::PRIVATE;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, def};
use std::sync::atomic::Ordering;

/// The iterator's record, also of an instance of a script class below its class.
pub fn rec(o: Value) -> &'static Iter {
    o.base().get::<Iter>()
}

/// Takes the next index.
#[inline]
pub fn claim(th: &Thread, i: &Iter) -> usize {
    if th.heap.shared && !i.h.has(PRIVATE) {
        return i.at.atomic().fetch_add(1, Ordering::AcqRel) as usize;
    }
    let n = i.at.get();
    i.at.set(n + 1);
    n
}

macro_rules! iterator {
    ($id:ident $name:literal $next:ident $methods:ident) => {
        #[doc = concat!("`", $name, "`.")]
        pub static $id: ClassDef = ClassDef {
            name: $name,
            slots: |s| {
                s.iter = Some(|_, o| Ok(o));
                s.next = Some($next);
                s.new = None;
            },
            methods: $methods,
            kind: Kind::Iter,
            ..PLAIN
        };
    };
}

iterator! { LIST "list_iterator" list_next HINTED }
iterator! { LIST_REVERSE "list_reverseiterator" list_reverse_next HINTED }
iterator! { TUPLE "tuple_iterator" tuple_next HINTED }
iterator! { RANGE "range_iterator" range_next HINTED }
iterator! { SET "set_iterator" set_next UNSET }
iterator! { CALLABLE "callable_iterator" callable_next PLAIN_METHODS }
iterator! { SEQUENCE "iterator" sequence_next HINTED }

static HINTED: &[Def] = &[
    def("__length_hint__", "($self, /)", hint, "Private method returning an estimate of len(list(it))."),
    def("__reduce__", "($self, /)", reduce, "Return state information for pickling."),
    def("__setstate__", "($self, object, /)", setstate, "Set state information for unpickling."),
];

static UNSET: &[Def] = &[
    def("__length_hint__", "($self, /)", hint, "Private method returning an estimate of len(list(it))."),
    def("__reduce__", "($self, /)", reduce, "Return state information for pickling."),
];

static PLAIN_METHODS: &[Def] =
    &[def("__reduce__", "($self, /)", callable_reduce, "Return state information for pickling.")];

fn list_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    let Some(l) = i.over.get().cast::<List>() else { return Ok(None) };
    let n = claim(th, i);
    let found = list::get(&mut th.heap, l, n);
    if found.is_none() {
        i.over.set(Value::UNBOUND);
    }
    Ok(found)
}

fn list_reverse_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    let Some(l) = i.over.get().cast::<List>() else { return Ok(None) };
    let n = claim(th, i);
    let found = match i.end.get().checked_sub(n + 1) {
        Some(k) if k < l.len() => list::get(&mut th.heap, l, k),
        _ => None,
    };
    if found.is_none() {
        i.over.set(Value::UNBOUND);
    }
    Ok(found)
}

fn tuple_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    let Some(t) = i.over.get().cast::<Tuple>() else { return Ok(None) };
    let n = claim(th, i);
    if n < t.len() {
        return Ok(Some(t.at(n)));
    }
    i.over.set(Value::UNBOUND);
    Ok(None)
}

fn range_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    if i.at.get() >= i.end.get() {
        return Ok(None);
    }
    let n = claim(th, i);
    if n >= i.end.get() {
        return Ok(None);
    }
    Ok(Some(Value::int(i.x.get().as_int().wrapping_add((n as i64).wrapping_mul(i.step.get() as i64)))))
}

fn set_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    th.heap.lock(&i.h);
    let (mut found, mut changed) = (None, false);
    if let Some(s) = i.over.get().cast::<Set>() {
        changed = s.len() != i.end.get();
        if changed {
            // Sticky: every further step raises too.
            i.end.set(usize::MAX);
        } else {
            found = set::next_entry(s.table(), i.at.get());
            match found {
                Some((at, ..)) => {
                    i.at.set(at + 1);
                    i.step.set(i.step.get().saturating_sub(1));
                }
                None => i.over.set(Value::UNBOUND),
            }
        }
    }
    th.heap.unlock(&i.h);
    if changed {
        return Err(th.runtime_error("Set changed size during iteration"));
    }
    Ok(found.map(|f| f.1))
}

fn callable_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    let f = i.over.get();
    if f.is_unbound() {
        return Ok(None);
    }
    let r = th.call(f, &[]);
    let v = match th.catch(r, C::StopIteration)? {
        Some(v) => v,
        None => {
            i.over.set(Value::UNBOUND);
            return Ok(None);
        }
    };
    if th.eq(v, i.x.get())? {
        i.over.set(Value::UNBOUND);
        return Ok(None);
    }
    Ok(Some(v))
}

/// An item of a sequence by index; `None` beyond its end (IndexError or StopIteration).
pub fn item_at(th: &mut Thread, o: Value, n: usize) -> R<Option<Value>> {
    let r = th.getitem(o, Value::int(n as i64));
    if r.is_err() && th.raised_is(C::StopIteration) {
        th.take_raised();
        return Ok(None);
    }
    th.catch(r, C::IndexError)
}

fn sequence_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    let over = i.over.get();
    if over.is_unbound() {
        return Ok(None);
    }
    let n = claim(th, i);
    let found = item_at(th, over, n)?;
    if found.is_none() {
        i.over.set(Value::UNBOUND);
    }
    Ok(found)
}

// ------------------------------------------------------------------------------------------------------------- methods

fn is_class(o: Value, c: C) -> bool {
    o.header().shape() == c.shape()
}

/// How many items an iterator over a sequence has left, as far as its length tells.
fn hint(th: &mut Thread, a: Args) -> R {
    let i = a[0].get::<Iter>();
    let over = i.over.get();
    if over.is_unbound() {
        return Ok(Value::int(0));
    }
    let all = if is_class(a[0], C::range_iterator) || is_class(a[0], C::list_reverseiterator) {
        i.end.get()
    } else if let Some(s) = over.cast::<Set>() {
        return Ok(Value::int(if s.len() == i.end.get() { i.step.get() as i64 } else { 0 }));
    } else if slots(class_of(over)).len.is_some() {
        th.len(over)?
    } else {
        return Ok(Value::NOT_IMPLEMENTED);
    };
    Ok(Value::int(all.saturating_sub(i.at.get()) as i64))
}

/// `(function, (arg,))` or `(function, (arg,), state)` of a builtin name.
pub fn reduced_by(th: &mut Thread, function: Value, arg: Value, state: Option<Value>) -> R {
    let args = th.tuple(&[arg])?;
    match state {
        Some(state) => Ok(th.tuple(&[function, args, state])?),
        None => Ok(th.tuple(&[function, args])?),
    }
}

/// The function `iter`.
fn iter_function(th: &mut Thread) -> Value {
    th.builtin(N::iter.v()).unwrap_or(Value::NONE)
}

/// `(iter, (items,))`.
pub fn reduced(th: &mut Thread, items: Value) -> R {
    let f = iter_function(th);
    reduced_by(th, f, items, None)
}

/// Where a backward iterator stands, as an index; -1 behind its end.
pub fn backward_state(i: &Iter) -> Value {
    Value::int(i.end.get() as i64 - i.at.get() as i64 - 1)
}

/// Makes a backward iterator stand at the index.
pub fn set_backward_state(i: &Iter, n: isize) {
    i.at.set((i.end.get() as isize - 1 - n).clamp(0, i.end.get() as isize) as usize);
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let i = a[0].get::<Iter>();
    let over = i.over.get();
    let f = iter_function(th);
    if is_class(a[0], C::range_iterator) {
        let rest = super::range::rest(th, i)?;
        return reduced_by(th, f, rest, Some(Value::NONE));
    }
    if is_class(a[0], C::set_iterator) {
        let rest = th.list_with(0)?;
        if let Some(s) = over.cast::<Set>() {
            let mut at = i.at.get();
            while let Some((n, k, _)) = set::next_entry(s.table(), at) {
                at = n + 1;
                list::push(&mut th.heap, rest.get::<List>(), k)?;
            }
        }
        return reduced_by(th, f, rest, None);
    }
    let back = is_class(a[0], C::list_reverseiterator);
    let f = if back { C::reversed.v() } else { f };
    if over.is_unbound() {
        let listed = back || is_class(a[0], C::list_iterator);
        let none = if listed { th.list_with(0)? } else { crate::heap::known::S::empty_tuple.v() };
        return reduced_by(th, f, none, None);
    }
    let state = if back { backward_state(i) } else { Value::int(i.at.get() as i64) };
    reduced_by(th, f, over, Some(state))
}

fn setstate(th: &mut Thread, a: Args) -> R {
    let n = super::slice::ssize(th, a[1])?;
    let i = a[0].get::<Iter>();
    if is_class(a[0], C::range_iterator) {
        // A range iterator counts from where it stands.
        i.at.set(i.at.get().saturating_add(n.max(0) as usize).min(i.end.get()));
    } else if is_class(a[0], C::list_reverseiterator) {
        set_backward_state(i, n);
    } else {
        i.at.set(n.max(0) as usize);
    }
    Ok(Value::NONE)
}

fn callable_reduce(th: &mut Thread, a: Args) -> R {
    let i = a[0].get::<Iter>();
    let f = iter_function(th);
    if i.over.get().is_unbound() {
        return reduced_by(th, f, crate::heap::known::S::empty_tuple.v(), None);
    }
    let args = th.tuple(&[i.over.get(), i.x.get()])?;
    Ok(th.tuple(&[f, args])?)
}
