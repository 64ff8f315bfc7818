//! Class `_thread._local`: attributes that each thread has for itself. Invariant: an object's attributes in a thread
//! stand in a dict of that thread's `locals`, under a number that is never reused; they go when the thread or the
//! object goes.

// Slots are compared with functions that are neither generic nor inlined across units: one address each.
#![allow(unpredictable_function_pointer_comparisons)]

use crate::heap::cell::{Header, Kind};
use crate::heap::known::{C, N};
use crate::heap::object::{Class, Dict, Layout, Tuple, Weak};
use crate::heap::{Slot, Value, weak};
use crate::run::attr::{self, Desc};
use crate::run::{ClassDef, PLAIN, R, Thread, class};
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};

/// What a `_local` keeps: how to initialise it in another thread.
#[repr(C)]
struct Local {
    h: Header,
    args: Slot,
    kwargs: Slot,
    /// The weak reference by which a thread learns that the object is gone.
    weak: Slot,
    /// Its number (int).
    id: Slot,
}

// SAFETY: records of this class are made by `new` only, at this size; others are told apart by their class before
// this layout is believed.
unsafe impl Layout for Local {
    const KIND: Kind = Kind::Record;
}

static NEXT: AtomicI64 = AtomicI64::new(0);

static LOCAL: ClassDef = ClassDef {
    name: "_thread._local",
    doc: "Thread-local data",
    slots: |s| {
        s.new = Some(new);
        s.getattr = Some(get);
        s.setattr = Some(set);
    },
    basetype: true,
    kind: Kind::Record,
    ..PLAIN
};

/// Makes the class.
pub fn class(th: &mut Thread) -> R {
    class::define(th, None, &LOCAL)
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let solid = cls.get::<Class>().solid.get();
    let some = !args.get::<Tuple>().is_empty() || !kwargs.is_unbound();
    if some && !has_init(cls) {
        return Err(th.type_error("Initialization arguments are not supported"));
    }
    let (base, l) = th.heap.new::<Local>(super::lock::shape_of(solid), 4, 0)?;
    l.args.set(args);
    l.kwargs.set(kwargs);
    l.weak.set(Value::NONE);
    l.id.set(Value::int(NEXT.fetch_add(1, Relaxed)));
    l.weak.set(th.weak(base)?);
    let v = if cls == solid { base } else { crate::run::instance::wrap_base(th, cls, base)? };
    // The creating thread's `__init__` is run by the call that makes the object.
    let dict = th.heap.new_dict()?;
    put(th, l, dict)?;
    Ok(v)
}

/// Whether the class has an `__init__` beside object's.
fn has_init(cls: Value) -> bool {
    class::lookup(cls, N::__init__.v()) != class::lookup(C::object.v(), N::__init__.v())
}

/// Enters `dict` as this thread's attributes of `l`.
fn put(th: &mut Thread, l: &Local, dict: Value) -> R<()> {
    if th.locals.is_unbound() {
        th.locals = th.heap.new_dict()?;
    }
    let all = th.locals;
    let n = all.get::<Dict>().used.get();
    if n >= 16 && n.is_power_of_two() {
        sweep(th, all)?;
    }
    let entry = th.tuple(&[l.weak.get(), dict])?;
    th.dict_insert(all, l.id.get(), entry)
}

/// Drops the attributes of objects that are gone.
fn sweep(th: &mut Thread, all: Value) -> R<()> {
    let pairs = th.dict_pairs(all)?;
    let t = pairs.get::<Tuple>();
    for i in (0..t.len()).step_by(2) {
        let w = t.at(i + 1).get::<Tuple>().at(0);
        if weak::target(w.get::<Weak>()).is_unbound() {
            th.dict_remove(all, t.at(i))?;
        }
    }
    Ok(())
}

/// This thread's attributes of `o`; the first use in a thread initialises them.
fn dict_of(th: &mut Thread, o: Value) -> R {
    let l = o.base().get::<Local>();
    if !th.locals.is_unbound()
        && let Some(entry) = th.dict_get(th.locals, l.id.get())?
    {
        return Ok(entry.get::<Tuple>().at(1));
    }
    let dict = th.heap.new_dict()?;
    put(th, l, dict)?;
    let cls = th.class_of(o);
    if has_init(cls)
        && let Some(init) = class::slots(cls).init
        && let Err(r) = init(th, o, l.args.get(), l.kwargs.get())
    {
        let raised = th.take_raised();
        let all = th.locals;
        th.dict_remove(all, l.id.get())?;
        th.raised = raised;
        return Err(r);
    }
    Ok(dict)
}

fn get(th: &mut Thread, o: Value, name: Value) -> R {
    let dict = dict_of(th, o)?;
    if name == N::__dict__.v() {
        return Ok(dict);
    }
    let cls = th.class_of(o);
    let found = class::lookup(cls, name);
    if let Some(v) = found
        && attr::descriptor_kind(v) == Desc::Data
    {
        return attr::get_descriptor(th, v, o, cls);
    }
    if let Some(v) = th.dict_get_name(dict, name) {
        return Ok(v);
    }
    match found {
        Some(v) => attr::get_descriptor(th, v, o, cls),
        None => Err(attr::no_attribute(th, o, name)),
    }
}

fn set(th: &mut Thread, o: Value, name: Value, v: Value) -> R<()> {
    let dict = dict_of(th, o)?;
    if name == N::__dict__.v() {
        let text = format!("'{}' object attribute '__dict__' is read-only", th.type_name(o));
        return Err(th.attribute_error(o, name, &text));
    }
    let cls = th.class_of(o);
    if let Some(d) = class::lookup(cls, name)
        && attr::descriptor_kind(d) == Desc::Data
        && let Some(set) = class::slots(th.class_of(d)).set
    {
        return set(th, d, o, v);
    }
    if !v.is_unbound() {
        return th.dict_insert(dict, name, v);
    }
    match th.dict_remove_name(dict, name)? {
        true => Ok(()),
        false => Err(attr::no_attribute(th, o, name)),
    }
}
