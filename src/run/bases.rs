//! Changing the bases of a class. Invariant: after it every class below is linearised anew and no inline cache remembers
//! the old order.

use super::class::{changed, linearise, lookup, rely_on};
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
    let of_object = lookup(C::object.v(), name).filter(|_| name == N::__dict__.v())?;
    let row = of_object.cast::<Property>()?.get.get().0 as *const GetSet;
    // SAFETY: `object` has a getset of that name, whose `get` word is the address of a static row.
    Some(unsafe { &*row })
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
