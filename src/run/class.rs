//! Classes: lookup along the linearisation, making builtin and script classes, instances, invalidation.
//!
//! Invariants: a class's dict maps interned names to class cells, so that inline caches can point at a cell; adding
//! or removing a name, changing a value's descriptor kind, `__bases__` or a hook clears all inline caches with the
//! world stopped, if any cache relies on that class (`flag::FROZEN` on the class).

// Slots are compared with functions that are neither generic nor inlined across units: one address each.
#![allow(unpredictable_function_pointer_comparisons)]

use super::native::Def;
use super::slots::{ClassDef, GetSet, TypeSlots};
use super::thread::{R, Thread};
use crate::code::op::Op;
use crate::heap::cell::{ALL, flag};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value, shape};
use std::sync::atomic::{AtomicU32, Ordering};

/// `Class::bits`: scripts may not derive from it.
pub const FINAL: i64 = 1;
/// Made by a script.
pub const HEAP: i64 = 2;
/// Instances have `__del__`.
pub const HAS_DEL: i64 = 4;
/// Instances take arbitrary attributes.
pub const OPEN: i64 = 8;
/// `__abstractmethods__` is not empty.
pub const ABSTRACT: i64 = 16;
/// Instances are `Based` on a builtin value.
pub const BASED: i64 = 32;
/// Instances are classes.
pub const META: i64 = 64;

/// Errors name it with its module.
pub const DOTTED: i64 = 128;

/// Library modules and classes in minipy that pass for native ones, as they are in CPython.
const NATIVE_STYLE: [&str; 5] =
    ["datetime", "decimal", "functools.partial", "collections.OrderedDict", "collections.defaultdict"];

static NEXT_ID: AtomicU32 = AtomicU32::new(1);

/// The slots of a class.
#[inline(always)]
pub fn slots(class: Value) -> &'static TypeSlots {
    // SAFETY: the word is the address of a leaked TypeSlots, set when the class was made.
    unsafe { &*(class.get::<Class>().slots.get() as *const TypeSlots) }
}

impl Thread {
    /// The class of any value.
    #[inline(always)]
    pub fn class_of(&self, v: Value) -> Value {
        class_of(v)
    }

    /// `__name__` of a class.
    pub fn class_name(&self, class: Value) -> String {
        match class.cast::<Class>().and_then(|c| c.name.get().cast::<Str>()) {
            Some(s) => String::from_utf8_lossy(s.bytes()).into_owned(),
            None => "?".to_string(),
        }
    }

    /// The class of `v` as most errors show it: classes of native modules with their module, others without.
    pub fn type_name(&self, v: Value) -> String {
        self.full_class_name(class_of(v))
    }

    /// A class as most errors show it.
    pub fn full_class_name(&self, class: Value) -> String {
        let name = self.class_name(class);
        if class.get::<Class>().bits.get().as_int() & DOTTED == 0 {
            return name;
        }
        let module = module_of(class).and_then(|m| m.cast::<Str>());
        module.map_or_else(|| name.clone(), |m| format!("{}.{name}", String::from_utf8_lossy(m.bytes())))
    }
}

/// `__module__` of a class. That of a builtin class is not in its namespace, so that its instances do not have it.
pub fn module_of(class: Value) -> Option<Value> {
    class.get::<Class>().module.get().bound().or_else(|| lookup(class, N::__module__.v()))
}

/// The class of any value.
#[inline(always)]
pub fn class_of(v: Value) -> Value {
    if v.is_ptr() {
        shape::shape(v.header().shape()).class()
    } else if v.is_int() {
        C::int.v()
    } else if v.is_float() {
        C::float.v()
    } else {
        match v {
            Value::TRUE | Value::FALSE => C::bool.v(),
            Value::NONE => C::none.v(),
            Value::NOT_IMPLEMENTED => C::not_implemented.v(),
            Value::ELLIPSIS => C::ellipsis.v(),
            _ => C::internal.v(),
        }
    }
}

/// Whether class `a` is `b` or derives from it (by linearisation; no hooks).
#[inline]
pub fn is_subclass(a: Value, b: Value) -> bool {
    a == b
        || match a.cast::<Class>().and_then(|c| c.mro.get().cast::<Tuple>()) {
            Some(m) => m.iter().any(|c| c == b),
            None => false,
        }
}

/// Whether `v` is an instance of the builtin class (no hooks).
#[inline]
pub fn is_instance(v: Value, class: C) -> bool {
    is_subclass(class_of(v), class.v())
}

/// The class cell of `name` (interned) along the linearisation.
#[inline]
pub fn lookup_cell(class: Value, name: Value) -> Option<Value> {
    match super::memo::cell(class, name, || search(class, name)) {
        Some(cell) if cell.get::<Cell>().value.get().is_unbound() => search(class, name),
        found => found,
    }
}

#[inline(never)]
fn search(class: Value, name: Value) -> Option<Value> {
    let mro = class.get::<Class>().mro.get().cast::<Tuple>()?;
    for c in mro.iter() {
        let c = c.get::<Class>();
        if let Some(cell) = crate::heap::dict::get_name(c.dict.get().get::<Dict>(), name)
            && !cell.get::<Cell>().value.get().is_unbound()
        {
            return Some(cell);
        }
    }
    None
}

/// The value of `name` (interned) along the linearisation.
#[inline]
pub fn lookup(class: Value, name: Value) -> Option<Value> {
    lookup_cell(class, name).map(|c| c.get::<Cell>().value.get())
}

/// As `lookup`, starting behind class `after` in the linearisation of `class` (for `super`).
pub fn lookup_after(class: Value, after: Value, name: Value) -> Option<Value> {
    let mro = class.get::<Class>().mro.get().cast::<Tuple>()?;
    let mut found = false;
    for c in mro.iter() {
        if found
            && let Some(cell) = crate::heap::dict::get_name(c.get::<Class>().dict.get().get::<Dict>(), name)
            && !cell.get::<Cell>().value.get().is_unbound()
        {
            return Some(cell.get::<Cell>().value.get());
        }
        found |= c == after;
    }
    None
}

/// Says that an inline cache relies on lookups in `class`.
pub fn rely_on(class: Value) {
    if let Some(m) = class.get::<Class>().mro.get().cast::<Tuple>() {
        // Classes are shared by all threads: they are written only when that changes something.
        for c in m.iter().filter(|c| !c.header().has(flag::FROZEN)) {
            if !c.header().has(flag::FROZEN) {
                c.header().set(flag::FROZEN);
            }
        }
    }
}

// ---------------------------------------------------------------------------------------------------------- making

/// What a new class is made of.
struct Parts {
    meta: Value,
    name: Value,
    qualname: Value,
    bases: Value,
    solid: Value,
    bits: i64,
    slots: TypeSlots,
    first: u8,
    inline: u16,
}

fn make(th: &mut Thread, p: Parts, fixed_shape: Option<u32>) -> R {
    let meta_shape = match p.meta.is_unbound() {
        true => C::type_.shape(),
        false => p.meta.get::<Class>().root_shape.get().as_int() as u32,
    };
    let dict = th.heap.new_dict()?;
    let hash = th.identity_hash();
    let (v, c) = th.heap.new::<Class>(meta_shape, ALL, 0)?;
    for s in [&c.name, &c.qualname, &c.bases, &c.mro, &c.dict, &c.subclasses, &c.solid, &c.doc] {
        s.set(Value::NONE);
    }
    let table: &'static mut TypeSlots = Box::leak(Box::new(p.slots));
    c.slots.set(std::ptr::from_mut(table) as usize);
    c.dict.set(dict);
    c.name.set(p.name);
    c.qualname.set(p.qualname);
    c.bases.set(p.bases);
    c.solid.set(if p.solid.is_unbound() { v } else { p.solid });
    c.bits.set(Value::int(p.bits));
    c.id.set(Value::int(NEXT_ID.fetch_add(1, Ordering::Relaxed) as i64));
    c.hash.set(Value::int(hash));
    c.init.set(Value::UNBOUND);
    c.module.set(Value::UNBOUND);
    let root = match fixed_shape {
        Some(s) => s,
        None => shape::root(v, p.first, p.inline, p.bits & OPEN != 0).ok_or(crate::heap::Full)?,
    };
    c.root_shape.set(Value::int(root as i64));
    c.instance_words.set(Value::int(p.first as i64 - 1 + p.inline as i64));
    c.subclasses.set(th.list(&[])?);
    Ok(v)
}

/// Makes a builtin class. With `known` it is one of the fixed ones.
pub fn define(th: &mut Thread, known: Option<C>, d: &'static ClassDef) -> R {
    let base = match (d.base, known) {
        (_, Some(C::object)) => Value::UNBOUND,
        (Some(b), _) => b.v(),
        (None, _) => C::object.v(),
    };
    let mut slots = if base.is_unbound() { TypeSlots::default() } else { *self::slots(base) };
    (slots.direct, slots.format) = (None, None);
    // `hash` and `compare` are one contract: who changes the second states the first.
    (d.slots)(&mut slots);
    let short = d.name.rsplit('.').next().unwrap_or(d.name);
    let name = crate::heap::intern::intern_str(&mut th.heap, short)?;
    let bases = if base.is_unbound() { S::empty_tuple.v() } else { th.tuple(&[base])? };
    let exception =
        !base.is_unbound() && is_subclass(base, C::BaseException.v()) || known == Some(C::BaseException);
    let first = if exception { 11 } else { 2 };
    let mut bits = if d.basetype { 0 } else { FINAL };
    if exception {
        bits |= OPEN;
    } else if d.name.contains('.') {
        bits |= DOTTED;
    }
    if known == Some(C::type_) {
        bits |= META;
    }
    let keeps_layout =
        exception && known != Some(C::BaseException) || d.kind == Kind::Instance && d.base.is_some();
    let solid = if keeps_layout { base.get::<Class>().solid.get() } else { Value::UNBOUND };
    let parts =
        Parts { meta: Value::UNBOUND, name, qualname: name, bases, solid, bits, slots, first, inline: 0 };
    let v = match known {
        Some(k) => {
            let v = make(th, parts, Some(k.shape()))?;
            k.fill(v);
            v
        }
        None => make(th, parts, None)?,
    };
    set_mro(th, v)?;
    let class = v.get::<Class>();
    if base.is_unbound() {
        class.bases.set(S::empty_tuple.v());
    }
    let module = match d.name.rsplit_once('.') {
        Some((m, _)) => m,
        None => "builtins",
    };
    let module = crate::heap::intern::intern_str(&mut th.heap, module)?;
    class.module.set(module);
    let doc = if d.doc.is_empty() { Value::NONE } else { th.str(d.doc)? };
    put(th, v, N::__doc__.v(), doc)?;
    add_wrappers(th, v, d.name, &slots, base)?;
    for m in d.methods {
        add_def(th, v, m)?;
    }
    for m in d.class_methods {
        let f = th.native(m, Value::UNBOUND, Value::NONE)?;
        let (cm, p) = th.heap.new::<Property>(C::classmethod_descriptor.shape(), ALL, 0)?;
        fill_property(p, f);
        p.set.set(v);
        put_str(th, v, m.name, cm)?;
    }
    for m in d.static_methods {
        let f = th.native(m, Value::UNBOUND, v)?;
        f.header().shape.store(C::builtin.shape(), Ordering::Release);
        let (sm, p) = th.heap.new::<Property>(C::staticmethod.shape(), ALL, 0)?;
        fill_property(p, f);
        put_str(th, v, m.name, sm)?;
    }
    for g in d.getset {
        add_getset(th, v, g)?;
    }
    if slots.hash.is_none() {
        put(th, v, N::__hash__.v(), Value::NONE)?;
    }
    Ok(v)
}

fn fill_property(p: &Property, get: Value) {
    for s in [&p.set, &p.del, &p.doc, &p.name] {
        s.set(Value::NONE);
    }
    p.get.set(get);
}

fn add_getset(th: &mut Thread, class: Value, g: &'static GetSet) -> R<()> {
    let name = crate::heap::intern::intern_str(&mut th.heap, g.name)?;
    let (v, p) = th.heap.new::<Property>(C::getset.shape(), ALL, 0)?;
    fill_property(p, Value::NONE);
    // The row's address is 8-aligned: the collector takes it for a number.
    p.get.set(Value(std::ptr::from_ref(g) as u64));
    p.set.set(class);
    p.name.set(name);
    put(th, class, name, v)
}

fn add_def(th: &mut Thread, class: Value, d: &'static Def) -> R<()> {
    let f = th.native(d, Value::UNBOUND, class)?;
    put_str(th, class, d.name, f)
}

fn put_str(th: &mut Thread, class: Value, name: &str, v: Value) -> R<()> {
    let name = crate::heap::intern::intern_str(&mut th.heap, name)?;
    put(th, class, name, v)
}

/// Stores into a class that no cache relies on yet.
fn put(th: &mut Thread, class: Value, name: Value, v: Value) -> R<()> {
    let cell = th.new_cell(v)?;
    th.dict_insert(class.get::<Class>().dict.get(), name, cell)?;
    super::memo::forget();
    Ok(())
}

/// Adds the script-visible method of every slot that the class has and its base does not share.
fn add_wrappers(th: &mut Thread, class: Value, name: &str, slots: &TypeSlots, base: Value) -> R<()> {
    let inherited = if base.is_unbound() { TypeSlots::default() } else { *self::slots(base) };
    for w in super::attr::wrappers() {
        if (w.differs)(slots, &inherited) && super::offers::offers(name, w.def.name) {
            if w.def.name == "__new__" {
                let f = th.native(&w.def, class, Value::NONE)?;
                put_str(th, class, w.def.name, f)?;
            } else {
                let f = th.native(&w.def, Value::UNBOUND, class)?;
                f.header().shape.store(C::wrapper.shape(), Ordering::Release);
                put_str(th, class, w.def.name, f)?;
            }
        }
    }
    Ok(())
}

/// Adds a native to a class or module dict made in Rust.
pub fn add_method(th: &mut Thread, class: Value, d: &'static Def) -> R<()> {
    add_def(th, class, d)
}

fn set_mro(th: &mut Thread, class: Value) -> R<()> {
    let c = class.get::<Class>();
    let bases = c.bases.get().get::<Tuple>();
    let mro = linearise(th, class, bases)?;
    c.mro.set(mro);
    super::memo::forget();
    for b in bases.iter() {
        let subs = b.get::<Class>().subclasses.get();
        let weak = th.weak(class)?;
        crate::heap::list::push(&mut th.heap, subs.get::<List>(), weak)?;
    }
    Ok(())
}

/// C3 (Python 2.3's method resolution order).
pub(super) fn linearise(th: &mut Thread, class: Value, bases: &'static Tuple) -> R {
    let seq = |k: usize| -> &'static Tuple {
        if k < bases.len() { bases.at(k).get::<Class>().mro.get().get::<Tuple>() } else { bases }
    };
    let n = bases.len() + 1;
    let total: usize = (0..n).map(|k| seq(k).len()).sum();
    let out = th.array(total + 1)?;
    let a = out.get::<Array>();
    let mut heads = vec![0usize; n];
    let mut len = 1;
    a.slot(0).unwrap().set(class);
    while (0..n).any(|k| heads[k] < seq(k).len()) {
        let next = (0..n)
            .filter(|k| heads[*k] < seq(*k).len())
            .map(|k| seq(k).at(heads[k]))
            .find(|cand| (0..n).all(|k| (heads[k] + 1..seq(k).len()).all(|i| seq(k).at(i) != *cand)));
        let Some(next) = next else {
            let mut names = Vec::new();
            for b in bases.iter() {
                names.push(th.class_name(b));
            }
            let text = format!(
                "Cannot create a consistent method resolution order (MRO) for bases {}",
                names.join(", ")
            );
            return Err(th.type_error(text));
        };
        a.slot(len).unwrap().set(next);
        len += 1;
        for (k, head) in heads.iter_mut().enumerate() {
            if *head < seq(k).len() && seq(k).at(*head) == next {
                *head += 1;
            }
        }
    }
    let t = th.tuple_with(len)?;
    for i in 0..len {
        // SAFETY: i is below the tuple's length.
        unsafe { t.get::<Tuple>().item(i) }.set(a.slot(i).unwrap().get());
    }
    Ok(t)
}

// ---------------------------------------------------------------------------------------------------- script classes

/// `type.__new__(meta, name, bases, namespace)`; the namespace is a dict of plain values.
pub fn new_class(th: &mut Thread, meta: Value, name: Value, bases: Value, ns: Value, kwargs: Value) -> R {
    let bases = if bases.get::<Tuple>().is_empty() { th.tuple(&[C::object.v()])? } else { bases };
    let bt = bases.get::<Tuple>();
    let mut solid = C::object.v();
    let (mut inline, mut bits) = (0u16, HEAP | OPEN);
    let mut open = false;
    for (i, b) in bt.iter().enumerate() {
        let Some(c) = b.cast::<Class>() else {
            return Err(th.type_error("type() doesn't support MRO entry resolution; use types.new_class()"));
        };
        if c.bits.get().as_int() & FINAL != 0 {
            let text = format!("type '{}' is not an acceptable base type", th.full_class_name(b));
            return Err(th.type_error(text));
        }
        if (0..i).any(|j| bt.at(j) == b) {
            return Err(th.type_error(format!("duplicate base class {}", th.class_name(b))));
        }
        let s = c.solid.get();
        if is_subclass(s, solid) {
            solid = s;
        } else if !is_subclass(solid, s) {
            return Err(th.type_error("multiple bases have instance lay-out conflict"));
        }
        let words = c.instance_words.get().as_int() as u16;
        let first = shape::shape(c.root_shape.get().as_int() as u32).first as u16;
        if c.bits.get().as_int() & HEAP != 0 {
            inline = inline.max((words + 1).saturating_sub(first));
        }
        open |= c.bits.get().as_int() & (HEAP | OPEN) == HEAP | OPEN || is_subclass(b, C::BaseException.v());
        bits |= c.bits.get().as_int() & (HAS_DEL | META);
    }
    let exception = is_subclass(solid, C::BaseException.v());
    let meta_class = is_subclass(solid, C::type_.v());
    let based = solid != C::object.v() && !exception && !meta_class;
    if based {
        bits |= BASED;
    }
    let nsd = ns.get::<Dict>();
    let get = |n: N| crate::heap::dict::get_name(nsd, n.v());
    let declared = get(N::__slots__);
    let mut has_dict = declared.is_none() || open;
    let slot_names = match declared {
        None => Value::NONE,
        Some(v) => {
            let one = v.like::<Str>().is_some();
            let list = if one { th.list(&[v])? } else { th.to_list(v)? };
            let l = list.get::<List>();
            for i in 0..l.len.get() {
                let s = crate::heap::list::peek(l, i).unwrap_or(Value::NONE);
                let Some(text) = s.like::<Str>() else {
                    let text = format!("__slots__ items must be strings, not '{}'", th.type_name(s));
                    return Err(th.type_error(text));
                };
                if text.bytes() == b"__dict__" {
                    has_dict = true;
                }
                if th.dict_get(ns, s)?.is_some() {
                    let text = format!("{} in __slots__ conflicts with class variable", th.repr_text(s)?);
                    return Err(th.value_error(text));
                }
            }
            inline += l.len.get() as u16;
            list
        }
    };
    if !has_dict {
        bits &= !OPEN;
    }
    if declared.is_none() {
        inline += self_attrs(nsd);
    }
    let first = if exception {
        11
    } else if meta_class {
        17
    } else if based {
        3
    } else {
        2
    };
    if get(N::__del__).is_some() {
        bits |= HAS_DEL;
    }
    let qualname = match get(N::__qualname__) {
        Some(q) => q,
        None => name,
    };
    let parts = Parts {
        meta,
        name,
        qualname,
        bases,
        solid,
        bits,
        slots: TypeSlots::default(),
        first,
        inline: inline.min(100),
    };
    let class = make(th, parts, None)?;
    set_mro(th, class)?;
    // Copy the namespace into class cells.
    let pairs = th.dict_pairs(ns)?;
    let pt = pairs.get::<Tuple>();
    let mut cell_of_class = Value::UNBOUND;
    for i in 0..pt.len() / 2 {
        let (k, v) = (pt.at(2 * i), pt.at(2 * i + 1));
        if k == N::__classcell__.v() {
            cell_of_class = v;
            continue;
        }
        if k == N::__qualname__.v() {
            continue;
        }
        let Some(_) = k.like::<Str>() else { continue };
        let k = crate::heap::intern::intern_value(&mut th.heap, k)?;
        let v = if v.is_kind(Kind::Function) && k == N::__new__.v() {
            wrap(th, C::staticmethod, v)?
        } else if v.is_kind(Kind::Function)
            && (k == N::__init_subclass__.v() || k == N::__class_getitem__.v())
        {
            wrap(th, C::classmethod, v)?
        } else {
            v
        };
        put(th, class, k, v)?;
    }
    if !slot_names.is_none() {
        let l = slot_names.get::<List>();
        for i in 0..l.len.get() {
            let Some(s) = crate::heap::list::peek(l, i) else { continue };
            let s = mangle(th, name, s)?;
            if let Some(row) = super::bases::slot_row(s) {
                add_getset(th, class, row)?;
                continue;
            }
            let (m, p) = th.heap.new::<Property>(C::member.shape(), ALL, 0)?;
            fill_property(p, Value::NONE);
            p.name.set(s);
            p.set.set(class);
            put(th, class, s, m)?;
        }
    }
    let plain_dict = has_dict && !open && !exception && !meta_class && !is_open_builtin(solid);
    if plain_dict && get(N::__dict__).is_none() {
        add_getset(th, class, super::bases::dict_row())?;
    }
    let refers = declared.is_none() && get(N::__weakref__).is_none();
    if refers && super::bases::is_first_to_be_referred(bt, solid) {
        add_getset(th, class, super::bases::weakref_row())?;
    }
    if get(N::__module__).is_none() {
        let module = super::frame::walk(th).next().map(|a| a.func.globals.get());
        let m = module.and_then(|g| th.dict_get_name(g, N::__name__.v())).unwrap_or(Value::NONE);
        put(th, class, N::__module__.v(), m)?;
    }
    if let Some(at) = super::frame::walk(th).next()
        && super::frame::code_of(at.func).flags & crate::code::data::flag::LIBRARY != 0
        && let Some(module) = lookup(class, N::__module__.v())
    {
        let module = th.text_of(module)?;
        let full = format!("{module}.{}", th.class_name(class));
        if NATIVE_STYLE.iter().any(|s| *s == module || *s == full) {
            let c = class.get::<Class>();
            c.bits.set(Value::int(c.bits.get().as_int() | DOTTED));
        }
    }
    if get(N::__doc__).is_none() {
        put(th, class, N::__doc__.v(), Value::NONE)?;
    }
    if get(N::__eq__).is_some() && get(N::__hash__).is_none() {
        put(th, class, N::__hash__.v(), Value::NONE)?;
    }
    recompute(class);
    if let Some(c) = cell_of_class.cast::<Cell>() {
        c.value.set(class);
    }
    // __set_name__ in definition order, then __init_subclass__ of the parent.
    for i in 0..pt.len() / 2 {
        let (k, v) = (pt.at(2 * i), pt.at(2 * i + 1));
        if let Some(f) = lookup(class_of(v), N::__set_name__.v()) {
            let f = super::attr::bind(th, f, v)?;
            if let Err(e) = th.call(f, &[class, k]) {
                let note = format!(
                    "Error calling __set_name__ on '{}' instance {} in '{}'",
                    th.type_name(v),
                    super::show::short_repr(th, k),
                    th.class_name(class)
                );
                super::show::add_note(th, &note);
                return Err(e);
            }
        }
    }
    if let Some(f) = lookup_after(class, class, N::__init_subclass__.v()) {
        let f = super::attr::get_descriptor(th, f, Value::NONE, class)?;
        th.call_ex(f, S::empty_tuple.v(), kwargs)?;
    }
    Ok(class)
}

/// Whether instances of the builtin class `solid` have attributes of their own already.
fn is_open_builtin(solid: Value) -> bool {
    solid != C::object.v() && solid.get::<Class>().bits.get().as_int() & OPEN != 0
}

/// Distinct attributes that the body's methods store on self.
fn self_attrs(ns: &Dict) -> u16 {
    use std::collections::HashSet;
    let mut names: HashSet<&str> = HashSet::new();
    let mut at = 0;
    let table = ns.table.get();
    while let Some((next, _, v)) = crate::heap::dict::next_entry(table.get::<DictTable>(), at) {
        at = next + 1;
        if let Some(f) = v.cast::<Function>() {
            let code = super::frame::code_of(f);
            let mut i = 0;
            while i < code.words.len() {
                let op = Op::of(code.words[i]);
                if op == Op::StoreAttr
                    && crate::code::op::operands(code.words[i]).1 == 0
                    && let Some(crate::code::data::Const::Name(n)) =
                        code.consts.get(code.words[i + 1] as usize)
                {
                    names.insert(n);
                }
                i += op.len();
            }
        }
    }
    names.len() as u16
}

fn mangle(th: &mut Thread, class: Value, name: Value) -> R {
    let text = th.text_of(name)?;
    let class = th.text_of(class)?;
    let class = class.trim_start_matches('_');
    if text.starts_with("__") && !text.ends_with("__") && !class.is_empty() {
        let mangled = format!("_{class}{text}");
        return Ok(crate::heap::intern::intern_str(&mut th.heap, &mangled)?);
    }
    Ok(crate::heap::intern::intern_value(&mut th.heap, name)?)
}

/// A staticmethod or classmethod of `f`.
pub fn wrap(th: &mut Thread, class: C, f: Value) -> R {
    let (v, p) = th.heap.new::<Property>(class.shape(), ALL, 0)?;
    fill_property(p, f);
    Ok(v)
}

/// Computes a script class's slots and its `init` anew, and those of all classes below it.
pub fn recompute(class: Value) {
    super::memo::forget();
    let c = class.get::<Class>();
    if c.bits.get().as_int() & HEAP != 0 {
        let table = super::attr::inherit(class);
        // SAFETY: the table was leaked by `make`; readers of single entries see an old or a new function pointer.
        unsafe { std::ptr::write(c.slots.get() as *mut TypeSlots, table) };
        let init = lookup(class, N::__init__.v()).filter(|f| f.is_kind(Kind::Function));
        c.init.set(init.unwrap_or(Value::UNBOUND));
    }
    let subs = c.subclasses.get();
    if let Some(l) = subs.cast::<List>() {
        for i in 0..l.len.get() {
            if let Some(w) = crate::heap::list::peek(l, i).and_then(|w| w.cast::<Weak>()) {
                let sub = crate::heap::weak::target(w);
                if sub.is_kind(Kind::Class) {
                    recompute(sub);
                }
            }
        }
    }
}

/// Lets a native fill slots of a script class by itself. A method that comes or goes later undoes that.
pub fn refine(th: &mut Thread, class: Value, fill: fn(&mut TypeSlots)) {
    th.heap.stop_world(|| {
        // SAFETY: as in `recompute`.
        unsafe { fill(&mut *(class.get::<Class>().slots.get() as *mut TypeSlots)) };
        super::memo::forget();
    });
}

/// `class.name = v` (unbound: delete). `name` is interned.
pub fn set_attr(th: &mut Thread, class: Value, name: Value, v: Value) -> R<()> {
    let c = class.get::<Class>();
    if c.bits.get().as_int() & HEAP == 0 {
        let text = format!(
            "cannot set {} attribute of immutable type '{}'",
            th.repr_text(name)?,
            th.class_name(class)
        );
        return Err(th.type_error(text));
    }
    let dict = c.dict.get();
    let old = crate::heap::dict::get_name(dict.get::<Dict>(), name);
    let dunder = th.text_of(name)?.starts_with("__");
    match old {
        Some(cell) if !v.is_unbound() => {
            let cell = cell.get::<Cell>();
            // Caches keep the item that a getter of items stands for, but the cell of other descriptors.
            let item = |v: Value| slots(class_of(v)).item_getter;
            let same_kind = super::attr::descriptor_kind(cell.value.get()) == super::attr::descriptor_kind(v)
                && !item(cell.value.get())
                && !item(v);
            if same_kind && !dunder {
                cell.value.set(v);
            } else {
                changed(th, class, dunder, || cell.value.set(v));
            }
        }
        Some(cell) => {
            cell.get::<Cell>().value.set(Value::UNBOUND);
            th.dict_remove_name(dict, name)?;
            changed(th, class, dunder, || ());
            // Until here inline caches knew the cell, and only this local kept it from a collection.
            std::hint::black_box(cell);
        }
        None if v.is_unbound() => {
            let text =
                format!("type object '{}' has no attribute {}", th.class_name(class), th.repr_text(name)?);
            return Err(th.attribute_error(class, name, &text));
        }
        None => {
            put(th, class, name, v)?;
            if dunder || th.heap.shared || class.header().has(flag::FROZEN) {
                changed(th, class, dunder, || ());
            }
        }
    }
    if name == N::__abstractmethods__.v() {
        let on = !v.is_unbound() && th.truth(v)?;
        let bits = c.bits.get().as_int() & !ABSTRACT;
        c.bits.set(Value::int(bits | if on { ABSTRACT } else { 0 }));
    }
    Ok(())
}

/// A name in `class` came, went, or changes its kind by `change`: recomputes slots if it fills one, and clears the
/// caches if any relies on the class. A thread that has looked a name up says so, and fills its cache, before it can
/// stop; so what is seen in the stopped world is settled.
pub fn changed(th: &mut Thread, class: Value, fills_slot: bool, change: impl FnOnce()) {
    th.heap.stop_world(|| {
        change();
        super::memo::forget();
        if fills_slot {
            recompute(class);
        }
        if class.header().has(flag::FROZEN) {
            super::codes::clear_caches();
            // No cache is left that relies on it.
            class.header().unset(flag::FROZEN);
        }
    });
}
