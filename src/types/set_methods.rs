//! The methods of `set` and `frozenset`. Invariant: a method that changes its set leaves it as it was, or as far as it
//! came, when user code raises.

use super::set::*;
use crate::heap::Value;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{list, set};
use crate::run::class::class_of;
use crate::run::{Args, Def, R, Thread, def};

macro_rules! table {
    ($(#[$doc:meta])* $name:ident: $($more:tt)*) => {
        $(#[$doc])*
        pub static $name: &[Def] = &[
            def("copy", "($self, /)", copy, "Return a shallow copy of a set."),
            def("union", "($self, /, *others)", union, "Return a new set with elements from the set and all others."),
            def(
                "intersection",
                "($self, /, *others)",
                intersection_method,
                "Return a new set with elements common to the set and all others.",
            ),
            def(
                "difference",
                "($self, /, *others)",
                difference_method,
                "Return a new set with elements in the set that are not in the others.",
            ),
            def(
                "symmetric_difference",
                "($self, other, /)",
                symmetric_difference,
                "Return a new set with elements in either the set or other but not both.",
            ),
            def("issubset", "($self, other, /)", issubset, "Report whether another set contains this set."),
            def("issuperset", "($self, other, /)", issuperset, "Report whether this set contains another set."),
            def(
                "isdisjoint",
                "($self, other, /)",
                isdisjoint,
                "Return True if two sets have a null intersection.",
            ),
            def("__contains__", "($self, object, /)", |th, a| has(th, a[0], a[1]).map(Value::bool), "x.__contains__(y) <==> y in x."),
            def("__reduce__", "($self, /)", reduce, "Return state information for pickling."),
            def("__sizeof__", "($self, /)", size_of, "Size of the set in memory, in bytes."),
            $($more)*
        ];
    };
}

table! {
    /// Methods of `frozenset`.
    FROZEN_METHODS:
}

table! {
    /// Methods of `set`.
    METHODS:
    def("add", "($self, object, /)", add_method, "Add an element to a set.\n\nNothing happens if it is already there."),
    def("remove", "($self, object, /)", remove_method, "Remove an element from a set; KeyError if it is not a member."),
    def("discard", "($self, object, /)", discard, "Remove an element from a set if it is a member."),
    def("clear", "($self, /)", clear, "Remove all elements from this set."),
    def("pop", "($self, /)", pop, "Remove and return an arbitrary set element; KeyError if the set is empty."),
    def("update", "($self, /, *others)", update_method, "Update the set, adding elements from all others."),
    def(
        "intersection_update",
        "($self, /, *others)",
        intersection_update,
        "Update the set, keeping only elements found in it and all others.",
    ),
    def("difference_update", "($self, /, *others)", difference_update, "Update the set, removing elements found in others."),
    def(
        "symmetric_difference_update",
        "($self, other, /)",
        symmetric_difference_update,
        "Update the set, keeping only elements found in either set, but not in both.",
    ),
}

/// Class methods of both.
pub static CLASS_METHODS: &[Def] =
    &[def("__class_getitem__", "($type, object, /)", |th, a| th.generic_alias(a[0], a[1]), "See PEP 585")];

/// A new set of the same class of sets.
fn twin(th: &mut Thread, v: Value) -> R {
    Ok(set::copy(&mut th.heap, of(v), of(v).is_frozen())?)
}

fn copy(th: &mut Thread, a: Args) -> R {
    if a[0].is_kind(crate::heap::Kind::Set) && of(a[0]).is_frozen() {
        return Ok(a[0]);
    }
    twin(th, a[0])
}

fn union(th: &mut Thread, a: Args) -> R {
    let out = twin(th, a[0])?;
    for v in a[1].get::<Tuple>().iter() {
        update(th, out, v)?;
    }
    Ok(out)
}

fn intersection_method(th: &mut Thread, a: Args) -> R {
    let others = a[1].get::<Tuple>();
    if others.is_empty() {
        return copy(th, a);
    }
    let mut out = a[0];
    for v in others.iter() {
        out = intersection(th, out, v, kind_of(a[0]))?;
    }
    Ok(out)
}

fn difference_method(th: &mut Thread, a: Args) -> R {
    let others = a[1].get::<Tuple>();
    if others.is_empty() {
        return copy(th, a);
    }
    let mut out = a[0];
    for v in others.iter() {
        out = difference(th, out, v, kind_of(a[0]))?;
    }
    Ok(out)
}

fn symmetric_difference(th: &mut Thread, a: Args) -> R {
    exclusive(th, a[0], a[1], kind_of(a[0]))
}

/// The argument as a set.
fn as_set(th: &mut Thread, v: Value) -> R {
    if is_set(v) { Ok(v) } else { from_iterable(th, v, Kinds::Set) }
}

fn issubset(th: &mut Thread, a: Args) -> R {
    let other = as_set(th, a[1])?;
    subset(th, of(a[0]), of(other)).map(Value::bool)
}

fn issuperset(th: &mut Thread, a: Args) -> R {
    if is_set(a[1]) {
        return subset(th, of(a[1]), of(a[0])).map(Value::bool);
    }
    let it = th.iter(a[1])?;
    while let Some(k) = th.next(it)? {
        if !has(th, a[0], k)? {
            return Ok(Value::FALSE);
        }
    }
    Ok(Value::TRUE)
}

fn isdisjoint(th: &mut Thread, a: Args) -> R {
    let (mut inside, mut walked) = (a[0], a[1]);
    if is_set(walked) && of(walked).len() > of(inside).len() {
        (inside, walked) = (walked, inside);
    }
    let it = th.iter(walked)?;
    while let Some(k) = th.next(it)? {
        let (k, h) = th.hashed(k, "set element")?;
        if set::contains(th, of(inside), h, k, |th: &mut Thread, stored| th.eq(stored, k))? {
            return Ok(Value::FALSE);
        }
    }
    Ok(Value::TRUE)
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let items = th.list_with(of(a[0]).len())?;
    each_key(th, of(a[0]), |th, k, _| {
        list::push(&mut th.heap, items.get::<List>(), k)?;
        Ok(true)
    })?;
    let args = th.tuple(&[items])?;
    let state = match a[0].kind() {
        crate::heap::Kind::Instance => super::object::own_attributes(th, a[0])?,
        _ => Value::NONE,
    };
    Ok(th.tuple(&[class_of(a[0]), args, state])?)
}

fn size_of(_: &mut Thread, a: Args) -> R {
    Ok(Value::int(200 + 8 * of(a[0]).table().count.get() as i64))
}

fn add_method(th: &mut Thread, a: Args) -> R {
    add(th, of(a[0]), a[1])?;
    Ok(Value::NONE)
}

fn remove_method(th: &mut Thread, a: Args) -> R {
    if remove(th, of(a[0]), a[1])? { Ok(Value::NONE) } else { Err(th.key_error(a[1])) }
}

fn discard(th: &mut Thread, a: Args) -> R {
    remove(th, of(a[0]), a[1])?;
    Ok(Value::NONE)
}

fn clear(th: &mut Thread, a: Args) -> R {
    set::clear(&mut th.heap, of(a[0]));
    Ok(Value::NONE)
}

fn pop(th: &mut Thread, a: Args) -> R {
    set::pop(&mut th.heap, of(a[0])).ok_or_else(|| th.raise(C::KeyError, "pop from an empty set"))
}

fn update_method(th: &mut Thread, a: Args) -> R {
    for v in a[1].get::<Tuple>().iter() {
        update(th, a[0], v)?;
    }
    Ok(Value::NONE)
}

fn intersection_update(th: &mut Thread, a: Args) -> R {
    let mut out = a[0];
    for v in a[1].get::<Tuple>().iter() {
        out = intersection(th, out, v, Kinds::Set)?;
    }
    if out != a[0] {
        replace(th, of(a[0]), of(out));
    }
    Ok(Value::NONE)
}

fn difference_update(th: &mut Thread, a: Args) -> R {
    for v in a[1].get::<Tuple>().iter() {
        remove_all(th, a[0], v)?;
    }
    Ok(Value::NONE)
}

fn symmetric_difference_update(th: &mut Thread, a: Args) -> R {
    if is_set(a[1]) && std::ptr::eq(of(a[0]), of(a[1])) {
        set::clear(&mut th.heap, of(a[0]));
        return Ok(Value::NONE);
    }
    toggle_all(th, a[0], a[1])?;
    Ok(Value::NONE)
}
