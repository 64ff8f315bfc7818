//! Changing the bases of a class. Invariant: after it every class below is linearised anew and no inline cache remembers
//! the old order.

use super::class::{self, changed, is_subclass, linearise, lookup, rely_on};
use super::slots::{GetSet, get};
use super::thread::{R, Thread};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};

/// `class.__bases__ = bases`; the caller has seen that the layouts agree. All classes below are linearised anew.
pub fn set_bases(th: &mut Thread, class: Value, bases: Value) -> R<()> {
    let c = class.get::<Class>();
    let old = c.bases.get();
    c.bases.set(bases);
    if let Err(e) = relinearise(th, class) {
        c.bases.set(old);
        relinearise(th, class)?;
        return Err(e);
    }
    for b in old.get::<Tuple>().iter() {
        let subs = b.get::<Class>().subclasses.get();
        let kept = th.list_with(0)?;
        let all = crate::heap::list::snapshot(&mut th.heap, subs.get::<List>())?;
        for w in all.get::<Tuple>().iter() {
            if crate::heap::weak::target(w.get::<Weak>()) != class {
                crate::heap::list::push(&mut th.heap, kept.get::<List>(), w)?;
            }
        }
        b.get::<Class>().subclasses.set(kept);
    }
    for b in bases.get::<Tuple>().iter() {
        let weak = th.weak(class)?;
        crate::heap::list::push(&mut th.heap, b.get::<Class>().subclasses.get().get::<List>(), weak)?;
    }
    // Caches of the classes below rely on it too.
    rely_on(class);
    changed(th, class, true, || ());
    // Until here inline caches knew cells of these.
    std::hint::black_box(old);
    Ok(())
}

/// Computes the linearisation of a class and of all classes below it.
fn relinearise(th: &mut Thread, class: Value) -> R<()> {
    let c = class.get::<Class>();
    let mro = linearise(th, class, c.bases.get().get::<Tuple>())?;
    c.mro.set(mro);
    let subs = crate::heap::list::snapshot(&mut th.heap, c.subclasses.get().get::<List>())?;
    for w in subs.get::<Tuple>().iter() {
        let sub = crate::heap::weak::target(w.get::<Weak>());
        if sub.is_kind(Kind::Class)
            && sub.get::<Class>().bases.get().get::<Tuple>().iter().any(|b| b == class)
        {
            relinearise(th, sub)?;
        }
    }
    Ok(())
}

static WEAKREF: GetSet = get("__weakref__", weakref, "list of weak references to the object");

/// The row for `__dict__` or `__weakref__` in `__slots__`, which make no members.
pub(super) fn slot_row(name: Value) -> Option<&'static GetSet> {
    if name == N::__weakref__.v() {
        return Some(&WEAKREF);
    }
    (name == N::__dict__.v()).then(dict_row)
}

/// The row for `__weakref__`.
pub(super) fn weakref_row() -> &'static GetSet {
    &WEAKREF
}

/// The row for `__dict__`: that of `object`.
pub(super) fn dict_row() -> &'static GetSet {
    let of_object = lookup(C::object.v(), N::__dict__.v()).and_then(|p| p.cast::<Property>());
    let row = of_object.expect("object has __dict__").get.get().0 as *const GetSet;
    // SAFETY: `object` has a getset of that name, whose `get` word is the address of a static row.
    unsafe { &*row }
}

/// Whether a class of these bases is the first whose instances can be referred to weakly. Of the other builtin types
/// objects can be already, or never can.
pub(super) fn is_first_to_be_referred(bases: &Tuple, solid: Value) -> bool {
    let exact = [C::object, C::list, C::dict, C::str, C::float, C::complex, C::bytearray];
    if !exact.iter().any(|c| solid == c.v()) && !is_subclass(solid, C::BaseException.v()) {
        return false;
    }
    !bases.iter().any(|b| lookup(b, N::__weakref__.v()).is_some())
}

/// `o.__weakref__`: the first reference to it.
fn weakref(_: &mut Thread, o: Value) -> R {
    let mut found = Value::NONE;
    crate::heap::weak::each_to(o, |w| {
        if found.is_none() {
            found = w;
        }
    });
    Ok(found)
}

/// The short way of a call that a script class inherits: that of the first class which says how it is called, unless
/// that is a method of a script.
pub(super) fn window_of(mro: &Tuple) -> Option<super::slots::Window> {
    let script = |c: Value| c.get::<Class>().bits.get().as_int() & class::HEAP != 0;
    let states = |c: Value| match script(c) {
        true => {
            crate::heap::dict::get_name(c.get::<Class>().dict.get().get::<Dict>(), N::__call__.v()).is_some()
        }
        false => class::slots(c).call.is_some(),
    };
    mro.iter().find(|c| states(*c)).filter(|c| !script(*c)).and_then(|c| class::slots(c).window)
}
