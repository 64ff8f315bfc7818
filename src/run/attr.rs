//! Attribute access: the general protocol, descriptors, and what inline caches may remember of it.
//!
//! A cache word is `(key | kind << 26) << 32 | payload` (LAW 6): the checked half holds the shape id (or table or
//! class id) *and* the kind. No poll lies between the lookup and the fill it justifies.

// Slots are compared with functions that are neither generic nor inlined across units: one address each.
#![allow(unpredictable_function_pointer_comparisons)]

use super::class::{self, class_of, lookup, lookup_cell, slots};
use super::inherit;
use super::thread::{R, Thread};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value, shape, space};

pub use super::inherit::{inherit, wrappers};

/// Kinds of cache words. Instance kinds are keyed by shape id.
pub mod kind {
    /// Payload: byte offset of the inline slot.
    pub const SLOT: u32 = 0;
    /// Payload: index in the extension's slot array.
    pub const FAR: u32 = 1;
    /// Payload: class cell holding the result itself.
    pub const CLASS: u32 = 2;
    /// Payload: class cell holding a function to be called with self.
    pub const METHOD: u32 = 3;
    /// Payload: class cell of a property whose getter is a script function or native.
    pub const PROPERTY: u32 = 4;
    /// Keyed by class id, payload: class cell; the object is a class.
    pub const OF_CLASS: u32 = 5;
    /// Keyed by table id, payload: entry; the object is a module.
    pub const MODULE: u32 = 6;
    /// Store of a new inline attribute: payload: the shape after it.
    pub const ADD: u32 = 7;
    /// LoadMethod only; payload: class cell of a staticmethod or classmethod.
    pub const WRAPPED: u32 = 8;
    /// LoadMethod only; keyed by class id, payload: class cell of a staticmethod or classmethod; the object is a class.
    pub const WRAPPED_OF_CLASS: u32 = 9;
    /// Payload: index of the item of the tuple that the object is an instance around.
    pub const ITEM: u32 = 10;
}

/// Packs a cache word.
#[inline(always)]
pub fn pack(key: u32, kind: u32, payload: u32) -> u64 {
    debug_assert!(key < 1 << 26);
    (((key | kind << 26) as u64) << 32) | payload as u64
}

/// How a class attribute behaves on an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Desc {
    /// A plain value.
    Plain,
    /// A function: binds self, instance attributes come first.
    Function,
    /// Another descriptor with only `__get__`.
    Get,
    /// A data descriptor.
    Data,
    /// A `__slots__` member: an instance slot.
    Member,
}

/// The descriptor kind of a class attribute's value.
pub fn descriptor_kind(v: Value) -> Desc {
    match v.kind() {
        Kind::Function => Desc::Function,
        Kind::Native
            if v.get::<Native>().this.get().is_unbound() && v.header().shape() != C::builtin.shape() =>
        {
            Desc::Function
        }
        Kind::Property if v.header().shape() == C::member.shape() => Desc::Member,
        Kind::None => Desc::Plain,
        _ => {
            let s = slots(class_of(v));
            if s.binds {
                Desc::Function
            } else if s.set.is_some() {
                Desc::Data
            } else if s.get.is_some() {
                Desc::Get
            } else {
                Desc::Plain
            }
        }
    }
}

/// `__get__` of a class attribute for an instance (None: for the class itself).
pub fn get_descriptor(th: &mut Thread, v: Value, this: Value, class: Value) -> R {
    match descriptor_kind(v) {
        Desc::Plain => Ok(v),
        Desc::Function if this.is_none() && class != C::none.v() => Ok(v),
        Desc::Function => Ok(th.method(v, this)?),
        _ => match slots(class_of(v)).get {
            Some(get) => get(th, v, this, class),
            None => Ok(v),
        },
    }
}

/// A special method found on the class of `this`, ready to be called without self.
pub fn bind(th: &mut Thread, f: Value, this: Value) -> R {
    match descriptor_kind(f) {
        Desc::Plain => Ok(f),
        Desc::Function => Ok(th.method(f, this)?),
        _ => get_descriptor(th, f, this, class_of(this)),
    }
}

/// Whether the object has an attribute of its own under that name.
pub fn has_own(o: Value, name: Value) -> bool {
    own(o, name).is_some()
}

/// Whether it is a classmethod or staticmethod: they keep a dict of attributes where a property has its setter.
pub fn is_wrapper(o: Value) -> bool {
    let class = class_of(o);
    class == C::classmethod.v() || class == C::staticmethod.v()
}

/// The dict of a classmethod or staticmethod.
pub fn wrapper_dict(th: &mut Thread, o: Value) -> R {
    if !o.get::<Property>().set.get().is_kind(Kind::Dict) {
        let d = th.heap.new_dict()?;
        o.get::<Property>().set.set(d);
    }
    Ok(o.get::<Property>().set.get())
}

/// An attribute that the object itself holds.
pub fn own(o: Value, name: Value) -> Option<Value> {
    match o.kind() {
        Kind::Instance | Kind::Exception => crate::heap::slots::get_attr(o, name),
        Kind::Module => crate::heap::dict::get_name(o.get::<Module>().dict.get().get::<Dict>(), name),
        Kind::Function => {
            let d = o.get::<Function>().dict.get();
            if d.is_unbound() { None } else { crate::heap::dict::get_name(d.get::<Dict>(), name) }
        }
        Kind::Boxed => {
            let d = o.get::<Boxed>().x.get();
            if d.is_kind(Kind::Dict) { crate::heap::dict::get_name(d.get::<Dict>(), name) } else { None }
        }
        Kind::Property if is_wrapper(o) => {
            let d = o.get::<Property>().set.get();
            if d.is_kind(Kind::Dict) { crate::heap::dict::get_name(d.get::<Dict>(), name) } else { None }
        }
        _ => None,
    }
}

/// `object.__getattribute__`. `name` is interned.
pub fn generic_get(th: &mut Thread, o: Value, name: Value) -> R {
    match try_get(th, o, name)? {
        Some(v) => Ok(v),
        None => Err(no_attribute(th, o, name)),
    }
}

/// As `generic_get`, `None` when the attribute is missing.
pub fn try_get(th: &mut Thread, o: Value, name: Value) -> R<Option<Value>> {
    let class = class_of(o);
    let found = lookup(class, name);
    let desc = found.map(descriptor_kind);
    if let (Some(v), Some(Desc::Data)) = (found, desc)
        && slots(class_of(v)).get.is_some()
    {
        return get_descriptor(th, v, o, class).map(Some);
    }
    if let Some(v) = own(o, name) {
        return Ok(Some(v));
    }
    match (found, desc) {
        (Some(_), Some(Desc::Member)) => Ok(None),
        (Some(v), _) => get_descriptor(th, v, o, class).map(Some),
        (None, _) => Ok(None),
    }
}

/// AttributeError for a missing attribute, with CPython's texts.
#[cold]
pub fn no_attribute(th: &mut Thread, o: Value, name: Value) -> super::Raised {
    let text = match th.text_of(name) {
        Ok(t) => t,
        Err(e) => return e,
    };
    let message = match o.kind() {
        Kind::Module => {
            let m = o.get::<Module>().name.get();
            match th.text_of(m) {
                Ok(m) => format!("module '{m}' has no attribute '{text}'"),
                Err(e) => return e,
            }
        }
        Kind::Class => format!("type object '{}' has no attribute '{text}'", th.class_name(o)),
        _ => format!("'{}' object has no attribute '{text}'", th.type_name(o)),
    };
    th.attribute_error(o, name, &message)
}

/// `object.__setattr__` and `__delattr__`.
pub fn generic_set(th: &mut Thread, o: Value, name: Value, v: Value) -> R<()> {
    let class = class_of(o);
    let found = lookup(class, name);
    if let Some(d) = found
        && descriptor_kind(d) == Desc::Data
    {
        let set = slots(class_of(d)).set.unwrap();
        return set(th, d, o, v);
    }
    let member = found.is_some_and(|d| descriptor_kind(d) == Desc::Member);
    store_own(th, o, name, v, member)
}

/// Sets an attribute that the object itself holds, past descriptors; `member`: it is one of the class's slots.
pub fn store_own(th: &mut Thread, o: Value, name: Value, v: Value, member: bool) -> R<()> {
    match o.kind() {
        Kind::Instance | Kind::Exception => {
            use crate::heap::slots::{Change, delete_attr, dict_of, set_attr};
            if v.is_unbound() {
                return match delete_attr(&mut th.heap, o, name) {
                    Ok(Some(_)) => Ok(()),
                    Ok(None) if member => {
                        let text = th.text_of(name)?;
                        Err(th.attribute_error(o, name, &text))
                    }
                    Ok(None) => Err(no_attribute(th, o, name)),
                    Err(_) => set_in_dict(th, o, dict_of(o).unwrap_or(Value::NONE), name, v),
                };
            }
            let s = shape::shape(o.header().shape());
            if !s.open && !member && s.find(name).is_none() {
                return Err(closed(th, o, name));
            }
            match set_attr(&mut th.heap, o, name, v)? {
                Change::Done => Ok(()),
                Change::InDict => set_in_dict(th, o, dict_of(o).unwrap_or(Value::NONE), name, v),
            }
        }
        Kind::Module => {
            let d = o.get::<Module>().dict.get();
            set_in_dict(th, o, d, name, v)
        }
        Kind::Function => {
            let f = o.get::<Function>();
            if f.dict.get().is_unbound() {
                let d = th.heap.new_dict()?;
                f.dict.set(d);
            }
            set_in_dict(th, o, f.dict.get(), name, v)
        }
        Kind::Property if is_wrapper(o) => {
            let d = wrapper_dict(th, o)?;
            set_in_dict(th, o, d, name, v)
        }
        Kind::Boxed if o.get::<Boxed>().x.get().is_kind(Kind::Dict) => {
            set_in_dict(th, o, o.get::<Boxed>().x.get(), name, v)
        }
        _ => Err(closed(th, o, name)),
    }
}

fn set_in_dict(th: &mut Thread, o: Value, d: Value, name: Value, v: Value) -> R<()> {
    if !v.is_unbound() {
        return th.dict_insert(d, name, v);
    }
    match th.dict_remove_name(d, name)? {
        true => Ok(()),
        false if o.is_kind(Kind::Module) => {
            let text = format!("'module' object has no attribute '{}'", th.text_of(name)?);
            Err(th.attribute_error(o, name, &text))
        }
        false => Err(no_attribute(th, o, name)),
    }
}

#[cold]
fn closed(th: &mut Thread, o: Value, name: Value) -> super::Raised {
    let text = match th.text_of(name) {
        Ok(t) => t,
        Err(e) => return e,
    };
    let class = th.type_name(o);
    let message = if lookup(class_of(o), name).is_some() {
        format!("'{class}' object attribute '{text}' is read-only")
    } else {
        format!("'{class}' object has no attribute '{text}' and no __dict__ for setting new attributes")
    };
    th.attribute_error(o, name, &message)
}

/// `type.__getattribute__`: attributes of a class object.
pub fn class_get(th: &mut Thread, cls: Value, name: Value) -> R {
    let meta = class_of(cls);
    let of_meta = lookup(meta, name);
    if let Some(d) = of_meta
        && descriptor_kind(d) == Desc::Data
    {
        return get_descriptor(th, d, cls, meta);
    }
    if let Some(v) = lookup(cls, name) {
        return match descriptor_kind(v) {
            Desc::Plain | Desc::Function => Ok(v),
            _ => get_descriptor(th, v, Value::NONE, cls),
        };
    }
    match of_meta {
        Some(d) => get_descriptor(th, d, cls, meta),
        None => Err(no_attribute(th, cls, name)),
    }
}

/// `type.__setattr__`.
pub fn class_set(th: &mut Thread, cls: Value, name: Value, v: Value) -> R<()> {
    if let Some(d) = lookup(class_of(cls), name)
        && descriptor_kind(d) == Desc::Data
    {
        let set = slots(class_of(d)).set.unwrap();
        return set(th, d, cls, v);
    }
    class::set_attr(th, cls, name, v)
}

impl Thread {
    /// `o.name`; `name` is an interned string.
    pub fn getattr(&mut self, o: Value, name: Value) -> R {
        match slots(class_of(o)).getattr {
            Some(f) => f(self, o, name),
            None => generic_get(self, o, name),
        }
    }

    /// `o.name` or `None` when AttributeError is raised.
    pub fn getattr_opt(&mut self, o: Value, name: Value) -> R<Option<Value>> {
        if slots(class_of(o)).getattr == Some(generic_get) {
            // A getter may say AttributeError too.
            return match try_get(self, o, name) {
                Err(_) if self.raised_is(C::AttributeError) => {
                    self.take_raised();
                    Ok(None)
                }
                r => r,
            };
        }
        let r = self.getattr(o, name);
        self.catch(r, C::AttributeError)
    }

    /// `o.name = v`; unbound: `del o.name`.
    pub fn setattr(&mut self, o: Value, name: Value, v: Value) -> R<()> {
        match slots(class_of(o)).setattr {
            Some(f) => f(self, o, name, v),
            None => generic_set(self, o, name, v),
        }
    }

    /// The special method `name` of `o`'s class bound to `o`, if there is one.
    pub fn special(&mut self, o: Value, name: N) -> R<Option<Value>> {
        match lookup(class_of(o), name.v()) {
            Some(f) => bind(self, f, o).map(Some),
            None => Ok(None),
        }
    }
}

// -------------------------------------------------------------------------------------------------------------- caches

/// Loads `o.name` the general way, and what a cache may remember of it (0: nothing).
pub fn load(th: &mut Thread, o: Value, name: Value) -> R<(Value, u64)> {
    let class = class_of(o);
    let getattr = slots(class).getattr;
    if o.is_kind(Kind::Module) && getattr == slots(C::module.v()).getattr {
        let d = o.get::<Module>().dict.get().get::<Dict>();
        if lookup(class, name).is_none_or(|v| descriptor_kind(v) != Desc::Data)
            && let (id, Some(entry)) = crate::heap::dict::cache_entry(&mut th.heap, d, name)
            && let Some(v) = crate::heap::dict::get_name(d, name)
        {
            return Ok((v, if id != 0 && id < 1 << 26 { pack(id, kind::MODULE, entry as u32) } else { 0 }));
        }
    }
    if o.is_kind(Kind::Class) && getattr == Some(class_get) {
        let of_meta = lookup(class, name).is_some_and(|d| descriptor_kind(d) == Desc::Data);
        if !of_meta && let Some(cell) = lookup_cell(o, name) {
            let v = cell.get::<Cell>().value.get();
            if matches!(descriptor_kind(v), Desc::Plain | Desc::Function) {
                class::rely_on(o);
                class::rely_on(class);
                let id = o.get::<Class>().id.get().as_int() as u32;
                return Ok((v, pack(id, kind::OF_CLASS, space::index_of(cell))));
            }
        }
    }
    if !o.is_ptr() || !found_generically(class) {
        return Ok((th.getattr(o, name)?, 0));
    }
    if getattr == Some(generic_get) {
        return match load_generic(th, o, name, true)? {
            Some(found) => Ok(found),
            None => Err(no_attribute(th, o, name)),
        };
    }
    match load_generic(th, o, name, false) {
        Ok(Some(found)) => Ok(found),
        Ok(None) => Ok((fall_back(th, o, name)?, 0)),
        Err(_) if th.raised_is(C::AttributeError) => {
            th.take_raised();
            Ok((fall_back(th, o, name)?, 0))
        }
        Err(e) => Err(e),
    }
}

/// Whether attributes of the class's instances are found as `object` finds them; where none is there `__getattr__`
/// may answer.
fn found_generically(class: Value) -> bool {
    let getattr = slots(class).getattr;
    getattr == Some(generic_get) || getattr == Some(inherit::g_getattr) && only_falls_back(class)
}

/// Whether the class looks attributes up as `object` does and has a `__getattr__` for the others.
pub fn only_falls_back(class: Value) -> bool {
    let native = lookup(class, N::__getattribute__.v()).is_some_and(|f| f.is_kind(Kind::Native));
    native
        && slots(class.get::<Class>().solid.get()).getattr == Some(generic_get)
        && lookup(class, N::__getattr__.v()).is_some()
}

/// What `__getattr__` says of an attribute that is not there.
pub fn fall_back(th: &mut Thread, o: Value, name: Value) -> R {
    match lookup(class_of(o), N::__getattr__.v()) {
        Some(f) => inherit::call_found(th, o, f, &[name]),
        None => Err(no_attribute(th, o, name)),
    }
}

/// The Rust slot that a script class with `__getattr__` falls back to.
pub(super) fn native_getattr(th: &mut Thread, o: Value, name: Value) -> R {
    let class = class_of(o);
    match slots(class.get::<Class>().solid.get()).getattr {
        Some(f) if f != generic_get => f(th, o, name),
        // No AttributeError is made where `__getattr__` answers.
        _ => match try_get(th, o, name)? {
            Some(v) => Ok(v),
            None => fall_back(th, o, name),
        },
    }
}

/// As `load` of an object whose attributes are found generically; `None`: it has none of the name. `sure`: what a
/// getter raises is the end of it, so that caches may name getters.
fn load_generic(th: &mut Thread, o: Value, name: Value, sure: bool) -> R<Option<(Value, u64)>> {
    let class = class_of(o);
    let id = o.header().shape();
    let s = shape::shape(id);
    let cell = lookup_cell(class, name);
    let found = cell.map(|c| c.get::<Cell>().value.get());
    let desc = found.map(descriptor_kind);
    if desc == Some(Desc::Data) && slots(class_of(found.unwrap())).get.is_none() {
        // It says only how to store.
        return Ok(Some((generic_get(th, o, name)?, 0)));
    }
    if desc == Some(Desc::Data) {
        let v = get_descriptor(th, found.unwrap(), o, class)?;
        let property = found.unwrap().header().shape() == C::property.shape();
        let item = match slots(class_of(found.unwrap())).item_getter && o.like::<Tuple>().is_some() {
            true => u32::try_from(found.unwrap().get::<Property>().get.get().as_int()).ok(),
            false => None,
        };
        let cache = if let Some(item) = item
            && sure
            && o.header().shape() == id
        {
            class::rely_on(class);
            pack(id, kind::ITEM, item)
        } else if property && sure && o.header().shape() == id {
            class::rely_on(class);
            pack(id, kind::PROPERTY, space::index_of(cell.unwrap()))
        } else {
            0
        };
        return Ok(Some((v, cache)));
    }
    if matches!(o.kind(), Kind::Instance | Kind::Exception) && !s.is_dict {
        if let Some(i) = s.find(name)
            && let Some(v) = crate::heap::slots::get(o, s, i).bound()
        {
            class::rely_on(class);
            let cache = if i < s.inline {
                pack(id, kind::SLOT, (s.first as u32 + i as u32) * 8)
            } else {
                pack(id, kind::FAR, (i - s.inline) as u32)
            };
            return Ok(Some((v, cache)));
        }
    } else if let Some(v) = own(o, name) {
        return Ok(Some((v, 0)));
    }
    match (found, desc) {
        (Some(_), Some(Desc::Member)) | (None, _) => Ok(None),
        (Some(v), Some(d)) => {
            let r = get_descriptor(th, v, o, class)?;
            // A class attribute seen through an instance that has no such name of its own.
            let plain =
                matches!(o.kind(), Kind::Instance | Kind::Exception) && !s.is_dict && s.find(name).is_none();
            let cache = match d {
                Desc::Plain if plain => {
                    class::rely_on(class);
                    pack(id, kind::CLASS, space::index_of(cell.unwrap()))
                }
                _ => 0,
            };
            Ok(Some((r, cache)))
        }
        _ => Ok(None),
    }
}

/// What `LoadMethod` puts into its window.
pub struct Loaded {
    /// The callee.
    pub callee: Value,
    /// Self, or unbound.
    pub this: Value,
    /// Cache word, 0: none.
    pub cache: u64,
}

/// Loads `o.name` for a call.
pub fn load_method(th: &mut Thread, o: Value, name: Value) -> R<Loaded> {
    let class = class_of(o);
    if found_generically(class)
        && let Some(cell) = lookup_cell(class, name)
        && let f = cell.get::<Cell>().value.get()
        && descriptor_kind(f) == Desc::Function
    {
        let free = match o.kind() {
            Kind::Instance | Kind::Exception => {
                let s = shape::shape(o.header().shape());
                !s.is_dict && s.find(name).is_none()
            }
            Kind::Module | Kind::Function | Kind::Boxed => false,
            _ => true,
        };
        if free || own(o, name).is_none() {
            let cache = if free && o.is_ptr() {
                class::rely_on(class);
                pack(o.header().shape(), kind::METHOD, space::index_of(cell))
            } else {
                0
            };
            return Ok(Loaded { callee: f, this: o, cache });
        }
    }
    if let Some((cell, key)) = wrapped_cell(o, class, name)
        && let Some((callee, this)) = unwrapped(cell, if o.is_kind(Kind::Class) { o } else { class })
    {
        class::rely_on(class);
        if o.is_kind(Kind::Class) {
            class::rely_on(o);
        }
        return Ok(Loaded { callee, this, cache: key | space::index_of(cell) as u64 });
    }
    let (v, cache) = load(th, o, name)?;
    Ok(Loaded { callee: v, this: Value::UNBOUND, cache })
}

/// The class cell in which `o.name` is found if nothing of `o` comes before it, and the key of its cache word.
fn wrapped_cell(o: Value, class: Value, name: Value) -> Option<(Value, u64)> {
    match o.kind() {
        Kind::Instance if found_generically(class) => {
            let id = o.header().shape();
            let s = shape::shape(id);
            let cell = lookup_cell(class, name)?;
            (!s.is_dict && s.find(name).is_none()).then(|| (cell, pack(id, kind::WRAPPED, 0)))
        }
        Kind::Class if slots(class).getattr == Some(class_get) => {
            let of_meta = lookup(class, name).is_some_and(|d| descriptor_kind(d) == Desc::Data);
            let id = o.get::<Class>().id.get().as_int() as u32;
            lookup_cell(o, name).filter(|_| !of_meta).map(|cell| (cell, pack(id, kind::WRAPPED_OF_CLASS, 0)))
        }
        _ => None,
    }
}

/// What a call of the staticmethod or classmethod in the cell, found in `class`, calls, and with what before the
/// arguments (unbound: nothing).
#[inline(always)]
pub fn unwrapped(cell: Value, class: Value) -> Option<(Value, Value)> {
    let v = cell.get::<Cell>().value.get();
    let p = v.cast::<Property>()?;
    let this = match v.header().shape() {
        id if id == C::staticmethod.shape() => Value::UNBOUND,
        id if id == C::classmethod.shape() => class,
        _ => return None,
    };
    Some((p.get.get().bound()?, this))
}

/// Stores `o.name = v` the general way, and what a cache may remember of it.
pub fn store(th: &mut Thread, o: Value, name: Value, v: Value) -> R<u64> {
    let class = class_of(o);
    if slots(class).setattr != Some(generic_set) || !matches!(o.kind(), Kind::Instance | Kind::Exception) {
        th.setattr(o, name, v)?;
        return Ok(0);
    }
    let before = o.header().shape();
    let found = lookup(class, name).map(descriptor_kind);
    generic_set(th, o, name, v)?;
    if found == Some(Desc::Data) {
        return Ok(0);
    }
    let after = o.header().shape();
    let s = shape::shape(after);
    if s.is_dict {
        return Ok(0);
    }
    let Some(i) = s.find(name) else { return Ok(0) };
    class::rely_on(class);
    if before == after {
        return Ok(if i < s.inline {
            pack(after, kind::SLOT, (s.first as u32 + i as u32) * 8)
        } else {
            pack(after, kind::FAR, (i - s.inline) as u32)
        });
    }
    let one_step = s.count == shape::shape(before).count + 1 && i + 1 == s.count;
    Ok(if one_step && i < s.inline { pack(before, kind::ADD, after) } else { 0 })
}
