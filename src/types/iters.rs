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
iterator! { SET "set_iterator" set_next HINTED }
iterator! { CALLABLE "callable_iterator" callable_next PLAIN_METHODS }
iterator! { SEQUENCE "iterator" sequence_next HINTED }

static HINTED: &[Def] = &[
    def("__length_hint__", "($self, /)", hint, "Private method returning an estimate of len(list(it))."),
    def("__reduce__", "($self, /)", reduce, "Return state information for pickling."),
    def("__setstate__", "($self, object, /)", setstate, "Set state information for unpickling."),
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

fn remaining(th: &mut Thread, o: Value) -> R<usize> {
    let i = o.get::<Iter>();
    let over = i.over.get();
    let shape = o.header().shape();
    if over.is_unbound() {
        return Ok(0);
    }
    let all = if shape == C::range_iterator.shape() || shape == C::list_reverseiterator.shape() {
        i.end.get()
    } else if let Some(s) = over.cast::<Set>() {
        return Ok(if s.len() == i.end.get() { i.step.get() } else { 0 });
    } else if slots(class_of(over)).len.is_some() {
        th.len(over)?
    } else {
        return Ok(0);
    };
    Ok(all.saturating_sub(i.at.get()))
}

fn hint(th: &mut Thread, a: Args) -> R {
    Ok(Value::int(remaining(th, a[0])? as i64))
}

/// `(iter, (items,))`.
pub fn reduced(th: &mut Thread, items: Value) -> R {
    let f = th.builtin(N::iter.v()).unwrap_or(Value::NONE);
    let args = th.tuple(&[items])?;
    Ok(th.tuple(&[f, args])?)
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let i = a[0].get::<Iter>();
    let over = i.over.get();
    let shape = a[0].header().shape();
    let direct = [C::list_iterator, C::tuple_iterator, C::iterator].iter().any(|c| c.shape() == shape);
    if direct && !over.is_unbound() {
        let pair = reduced(th, over)?;
        let t = pair.get::<Tuple>();
        return Ok(th.tuple(&[t.at(0), t.at(1), Value::int(i.at.get() as i64)])?);
    }
    // The rest of it, without moving it.
    let items = th.list_with(0)?;
    if !over.is_unbound() {
        let twin = th.heap.iter(C::list_iterator, over, i.at.get(), i.end.get(), i.step.get())?;
        twin.header().shape.store(shape, Ordering::Release);
        twin.get::<Iter>().x.set(i.x.get());
        super::list::extend(th, items.get::<List>(), twin)?;
    }
    reduced(th, items)
}

fn setstate(th: &mut Thread, a: Args) -> R {
    let n = super::slice::ssize(th, a[1])?;
    a[0].get::<Iter>().at.set(n.max(0) as usize);
    Ok(Value::NONE)
}

fn callable_reduce(th: &mut Thread, a: Args) -> R {
    let i = a[0].get::<Iter>();
    if i.over.get().is_unbound() {
        return reduced(th, crate::heap::known::S::empty_tuple.v());
    }
    let f = th.builtin(N::iter.v()).unwrap_or(Value::NONE);
    let args = th.tuple(&[i.over.get(), i.x.get()])?;
    Ok(th.tuple(&[f, args])?)
}
