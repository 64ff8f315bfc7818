//! The attributes of instances over shapes (LAW 5): which word holds which slot, and the ways from shape to shape and
//! to dictionary mode. Runs no user code. Invariant: a slot's value is stored before the shape that names it is
//! published; dictionary mode is published after its dict is whole and before the slots are unbound, so a reader
//! that checked a shape and then finds a slot unbound looks at the shape again.

use super::cell::{ALL, Kind, Slot};
use super::known::C;
use super::object::{Array, Dict, Extension, Instance};
use super::shape::{self, MAX_SLOTS, Shape};
use super::space::Mutator;
use super::value::{INT_MAX, Value};
use super::{Make, dict};
use std::sync::atomic::Ordering;

/// What a change of an attribute came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// It is done.
    Done,
    /// The object's attributes are (now) in its dict: go there.
    InDict,
}

/// The extension word of an instance of a script class or exception.
#[inline(always)]
fn ext_slot(obj: Value) -> &'static Slot {
    debug_assert!(has_slots(obj));
    // SAFETY: instances and exceptions alike have the extension in their first word.
    unsafe { &(*obj.addr::<Instance>()).ext }
}

/// Whether attributes of this object are kept here.
#[inline(always)]
pub fn has_slots(obj: Value) -> bool {
    matches!(obj.kind(), Kind::Instance | Kind::Exception)
}

/// The extension, if the object has grown one.
#[inline(always)]
pub fn extension(obj: Value) -> Option<&'static Extension> {
    ext_slot(obj).get().cast::<Extension>()
}

/// The slot word of index `index` for an object of shape `s`, if there is storage for it.
#[inline(always)]
fn word(obj: Value, s: &Shape, index: u16) -> Option<&'static Slot> {
    if index < s.inline {
        let at = s.first as usize + index as usize;
        // SAFETY: an object of this shape was made with `inline` slot words from word `first` on.
        Some(unsafe { &*obj.addr::<Slot>().add(at) })
    } else {
        extension(obj)?.slots.get().cast::<Array>()?.slot((index - s.inline) as usize)
    }
}

/// The value in slot `index` of an object that was seen with shape `s`; unbound: look at the shape again, and if it
/// is the same, the attribute is deleted.
#[inline(always)]
pub fn get(obj: Value, s: &Shape, index: u16) -> Value {
    word(obj, s, index).map_or(Value::UNBOUND, |w| w.get())
}

/// The dict of an object in dictionary mode.
pub fn dict_of(obj: Value) -> Option<Value> {
    if !shape::shape(obj.header().shape()).is_dict {
        return None;
    }
    extension(obj)?.dict.get().bound()
}

/// An attribute by interned name, wherever it is kept.
pub fn get_attr(obj: Value, name: Value) -> Option<Value> {
    loop {
        let id = obj.header().shape();
        let s = shape::shape(id);
        if s.is_dict {
            return dict::get_name(dict_of(obj)?.get::<Dict>(), name);
        }
        let v = get(obj, s, s.find(name)?);
        if !v.is_unbound() || obj.header().shape() == id {
            return v.bound();
        }
    }
}

/// Sets slot `index`, if the object still has its slots; false: it is in dictionary mode now. `id` is the shape it
/// was seen with.
#[inline]
pub fn set(m: &mut Mutator, obj: Value, id: u32, index: u16, value: Value) -> bool {
    let h = obj.header();
    m.lock(h);
    // Any other shape it may have grown into has the same slot at this index.
    let s = shape::shape(h.shape());
    let slot = if s.is_dict { None } else { word(obj, shape::shape(id), index) };
    if let Some(slot) = slot {
        slot.set(value);
    }
    m.unlock(h);
    slot.is_some()
}

/// Sets an attribute by interned name: its slot, a new slot, or (`InDict`) the caller sets it in the dict, where it
/// is not yet.
pub fn set_attr(m: &mut Mutator, obj: Value, name: Value, value: Value) -> Make<Change> {
    loop {
        let id = obj.header().shape();
        let s = shape::shape(id);
        if s.is_dict {
            return Ok(Change::InDict);
        }
        match s.find(name) {
            Some(index) if !get(obj, s, index).is_unbound() || last_bound(obj, s) <= index => {
                if set(m, obj, id, index, value) {
                    return Ok(Change::Done);
                }
            }
            // A deleted attribute that comes back stands behind those set meanwhile: only a dict can say so.
            Some(_) => {
                to_dict_mode(m, obj)?;
            }
            None => match add(m, obj, id, name, value)? {
                Some(change) => return Ok(change),
                None => continue,
            },
        }
    }
}

/// One more than the index of the last bound slot.
fn last_bound(obj: Value, s: &Shape) -> u16 {
    (0..s.count).rev().find(|i| !get(obj, s, *i).is_unbound()).map_or(0, |i| i + 1)
}

/// Adds a slot called `name` to an object seen with shape `id`; nothing if its shape has changed meanwhile. The new
/// shape is `shape::with(id, name)`.
pub fn add(m: &mut Mutator, obj: Value, id: u32, name: Value, value: Value) -> Make<Option<Change>> {
    let Some(next) = shape::with(id, name) else {
        to_dict_mode(m, obj)?;
        return Ok(Some(Change::InDict));
    };
    let s = shape::shape(id);
    let index = s.count;
    let ready = if index < s.inline { None } else { Some(storage(m, obj, (index - s.inline) as usize)?) };
    let h = obj.header();
    m.lock(h);
    let unchanged = h.shape() == id;
    // Storage may have been replaced meanwhile, never made smaller.
    let slot = if unchanged { word(obj, s, index) } else { None };
    if let Some(slot) = slot {
        slot.set(value);
        h.shape.store(next, Ordering::Release);
    }
    m.unlock(h);
    debug_assert!(ready.is_none() || !unchanged || slot.is_some());
    Ok(slot.map(|_| Change::Done))
}

/// Makes storage for extension slot `at`, and gives the extension.
fn storage(m: &mut Mutator, obj: Value, at: usize) -> Make<&'static Extension> {
    let ext = extend(m, obj)?;
    loop {
        let old = ext.slots.get();
        let cap = old.cast::<Array>().map_or(0, |a| a.count.get());
        if at < cap {
            return Ok(ext);
        }
        let v = m.array((cap * 2).clamp(4, MAX_SLOTS as usize).max(at + 1))?;
        let h = obj.header();
        m.lock(h);
        if ext.slots.get() == old {
            let a = v.get::<Array>();
            for i in 0..cap {
                if let (Some(from), Some(to)) = (old.get::<Array>().slot(i), a.slot(i)) {
                    to.set(from.get());
                }
            }
            ext.slots.set(v);
        }
        m.unlock(h);
    }
}

/// The extension, made if there is none.
fn extend(m: &mut Mutator, obj: Value) -> Make<&'static Extension> {
    if let Some(ext) = extension(obj) {
        return Ok(ext);
    }
    let (v, made) = m.new::<Extension>(C::internal.shape(), ALL, 0)?;
    made.slots.set(Value::UNBOUND);
    made.dict.set(Value::UNBOUND);
    made.hash.set(Value::UNBOUND);
    let slot = ext_slot(obj);
    let h = obj.header();
    m.lock(h);
    if slot.get().is_unbound() {
        slot.set(v);
    }
    m.unlock(h);
    Ok(slot.get().get::<Extension>())
}

/// Deletes an attribute by interned name; the value it had. `Err(InDict)`: delete it in the dict.
pub fn delete_attr(m: &mut Mutator, obj: Value, name: Value) -> Result<Option<Value>, Change> {
    let h = obj.header();
    m.lock(h);
    let s = shape::shape(h.shape());
    let old = match s.is_dict {
        true => Err(Change::InDict),
        false => Ok(s.find(name).and_then(|i| word(obj, s, i)).and_then(|w| w.swap(Value::UNBOUND).bound())),
    };
    m.unlock(h);
    old
}

/// Moves the attributes into a dict (once) and gives it.
pub fn to_dict_mode(m: &mut Mutator, obj: Value) -> Make {
    loop {
        if let Some(d) = dict_of(obj) {
            return Ok(d);
        }
        let id = obj.header().shape();
        let s = shape::shape(id);
        if s.is_dict {
            // Another thread is about to finish this, or the class gives its instances dicts from the start.
            let made = dict::new(m)?;
            return adopt(m, obj, made);
        }
        let ext = extend(m, obj)?;
        let made = dict::with_room(m, s.count as usize)?;
        // The dict is filled without the lock (filling takes the dict's own) and checked under it.
        let d = made.get::<Dict>();
        let mut done = Ok(());
        for_each_attr(obj, |name, value| {
            if done.is_ok() {
                done = dict::insert_name(m, d, name, value);
            }
        });
        done?;
        let h = obj.header();
        m.lock(h);
        let current = h.shape() == id && agrees(obj, s, d);
        if current {
            ext.dict.set(made);
            h.shape.store(shape::dict_mode(id), Ordering::Release);
            for i in 0..s.count {
                if let Some(w) = word(obj, s, i) {
                    w.set(Value::UNBOUND);
                }
            }
        }
        m.unlock(h);
        if current {
            return Ok(made);
        }
    }
}

/// Under the lock: whether the dict says of every slot what the slot says.
fn agrees(obj: Value, s: &Shape, d: &Dict) -> bool {
    let mut n = 0;
    let mut t = s;
    while t.count != 0 {
        let v = get(obj, s, t.count - 1);
        if dict::get_name(d, t.name()) != v.bound() {
            return false;
        }
        n += !v.is_unbound() as usize;
        t = t.parent();
    }
    n == d.len()
}

/// Gives an object in dictionary mode (or one that goes there) this dict, unless it has one already; the dict it has.
fn adopt(m: &mut Mutator, obj: Value, made: Value) -> Make {
    let ext = extend(m, obj)?;
    let h = obj.header();
    m.lock(h);
    if ext.dict.get().is_unbound() {
        ext.dict.set(made);
    }
    m.unlock(h);
    Ok(ext.dict.get())
}

/// `obj.__dict__ = d`: the object keeps its attributes in `d` from now on.
pub fn set_dict(m: &mut Mutator, obj: Value, d: Value) -> Make<()> {
    let ext = extend(m, obj)?;
    let h = obj.header();
    m.lock(h);
    let id = h.shape();
    let s = shape::shape(id);
    ext.dict.set(d);
    if !s.is_dict {
        h.shape.store(shape::dict_mode(id), Ordering::Release);
        for i in 0..s.count {
            if let Some(w) = word(obj, s, i) {
                w.set(Value::UNBOUND);
            }
        }
    }
    m.unlock(h);
    Ok(())
}

/// Calls `f(name, value)` for every attribute kept in slots, in the order they were added. Not for dictionary mode.
pub fn for_each_attr(obj: Value, mut f: impl FnMut(Value, Value)) {
    let s = shape::shape(obj.header().shape());
    if s.is_dict {
        return;
    }
    let mut names = [Value::UNBOUND; MAX_SLOTS as usize];
    let mut t = s;
    while t.count != 0 {
        names[t.count as usize - 1] = t.name();
        t = t.parent();
    }
    for (i, name) in names[..s.count as usize].iter().enumerate() {
        let v = get(obj, s, i as u16);
        if !v.is_unbound() {
            f(*name, v);
        }
    }
}

/// The identity hash of an instance; the first asking takes it from `next`, the thread's own sequence.
pub fn identity_hash(m: &mut Mutator, obj: Value, next: impl FnOnce() -> i64) -> Make<i64> {
    let ext = extend(m, obj)?;
    let mut hash = ext.hash.get();
    if hash.is_unbound() {
        ext.hash.cas(Value::UNBOUND, Value::int(next() & INT_MAX));
        hash = ext.hash.get();
    }
    Ok(hash.as_int())
}
