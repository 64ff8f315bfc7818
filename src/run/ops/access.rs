//! Attributes: the inline caches' hits, and the way to `run::attr` on a miss.

use crate::heap::known::C as Known;
use crate::heap::object::*;
use crate::heap::space::Mutator;
use crate::heap::{Kind, Slot, Value, shape, space};
use crate::run::attr::{self, kind};
use crate::run::class;
use crate::run::dispatch::M;
use crate::run::memo::{self, Site};
use crate::run::thread::{R, Thread};
use crate::{effect, helper, next, op, sibling};
use std::sync::atomic::{AtomicU64, Ordering};

/// Slot at a byte offset of an object.
#[inline(always)]
unsafe fn at(o: Value, offset: u32) -> &'static Slot {
    // SAFETY: the offset was recorded for the object's shape, which the caller has just checked (LAW 5, 6).
    unsafe { &*(o.addr::<u8>().add(offset as usize) as *const Slot) }
}

/// Slot `i` of an object's extension, if it has one that long.
#[inline(always)]
fn far(o: Value, i: u32) -> Option<&'static Slot> {
    let ext = o.get::<Instance>().ext.get().cast::<Extension>()?;
    ext.slots.get().cast::<Array>()?.slot(i as usize)
}

op! { LoadAttr(s) {
    let o = s.r(s.b());
    if o.is_ptr() {
        let ic = s.cache(2).load(Ordering::Relaxed);
        if (ic >> 32) as u32 == o.header().shape() {
            let v = at(o, ic as u32).get();
            if !v.is_unbound() {
                s.set(s.a(), v);
                next!(s, 3)
            }
        }
        sibling!(load_attr_kinds::<{ C }, { L }>, s);
    }
    sibling!(load_attr::<{ C }, { L }>, s)
} }

/// What the cache word vouches for on `o` (a pointer), unbound if it says nothing of it. Not for PROPERTY and ADD.
#[inline(always)]
unsafe fn vouched(o: Value, ic: u64) -> Value {
    let (hi, lo) = ((ic >> 32) as u32, ic as u32);
    let key = hi & 0x3ff_ffff;
    // SAFETY: each payload was recorded for the key that is checked here (LAW 5, 6).
    unsafe {
        match hi >> 26 {
            kind::SLOT if key == o.header().shape() => at(o, lo).get(),
            kind::CLASS if key == o.header().shape() => space::from_index(lo).get::<Cell>().value.get(),
            kind::FAR if key == o.header().shape() => far(o, lo).map_or(Value::UNBOUND, Slot::get),
            kind::ITEM if key == o.header().shape() => match o.like::<Tuple>() {
                Some(t) if (lo as usize) < t.len() => t.at(lo as usize),
                _ => Value::UNBOUND,
            },
            kind::OF_CLASS if o.is_kind(Kind::Class) && o.get::<Class>().id.get().as_int() as u32 == key => {
                space::from_index(lo).get::<Cell>().value.get()
            }
            kind::MODULE if o.is_kind(Kind::Module) => {
                let t = o.get::<Module>().dict.get().get::<Dict>().table.get().get::<DictTable>();
                if t.id.get().as_int() as u32 == key {
                    crate::heap::dict::value_at(t, lo as usize)
                } else {
                    Value::UNBOUND
                }
            }
            _ => Value::UNBOUND,
        }
    }
}

/// The getter that the cache word vouches for on `o` (a pointer), or unbound.
#[inline(always)]
fn getter(o: Value, ic: u64) -> Value {
    if (ic >> 32) as u32 == o.header().shape() | kind::PROPERTY << 26 {
        let p = space::from_index(ic as u32).get::<Cell>().value.get();
        if p.is_kind(Kind::Property) { p } else { Value::UNBOUND }
    } else {
        Value::UNBOUND
    }
}

/// The word remembered for a site that has seen other shapes; now and then the site takes it over.
#[inline(always)]
fn remembered(o: Value, name: Value, site: Site, cache: &AtomicU64) -> u64 {
    let (ic, take) = memo::word(o, name, site);
    if ic != 0 && (take || cache.load(Ordering::Relaxed) == 0) {
        cache.store(ic, Ordering::Relaxed);
    }
    ic
}

op! {
    #[inline(never)]
    load_attr_kinds(s) {
        let o = s.r(s.b());
        let mut ic = s.cache(2).load(Ordering::Relaxed);
        let mut v = vouched(o, ic);
        if v.is_unbound() && getter(o, ic).is_unbound() {
            ic = remembered(o, s.lit(1), Site::Load, s.cache(2));
            v = vouched(o, ic);
        }
        if !v.is_unbound() {
            s.set(s.a(), v);
            next!(s, 3)
        }
        let p = getter(o, ic);
        if !p.is_unbound() {
            helper!(s, 3, |th| call_getter(th, p, o, s.lit(1)));
        }
        sibling!(load_attr::<{ C }, { L }>, s)
    }
}

#[inline(never)]
fn call_getter(th: &mut Thread, p: Value, o: Value, name: Value) -> R {
    let get = p.get::<Property>().get.get();
    if get.is_none() { th.getattr(o, name) } else { th.call(get, &[o]) }
}

op! {
    #[cold]
    #[inline(never)]
    load_attr(s) {
        helper!(s, 3, |th| load_and_remember(th, s.r(s.b()), s.lit(1), s.cache(2)))
    }
}

/// Results that do not fit registers stay out of the handlers: an address-taken local would cost the sibling call.
#[inline(never)]
fn load_and_remember(th: &mut Thread, o: Value, name: Value, cache: &AtomicU64) -> R {
    let (key, moment) = (memo::key(o, name, Site::Load), memo::moment());
    let (v, word) = attr::load(th, o, name)?;
    if word != 0 {
        remember(key, word, moment, cache);
    }
    Ok(v)
}

/// Keeps a cache word: at the site if it has none yet, and where sites of many shapes look; nowhere if a class was
/// changed while a getter or a stop of the world came between the look-up and this.
fn remember(key: u64, word: u64, moment: u32, cache: &AtomicU64) {
    if memo::moment() != moment {
        return;
    }
    if key != 0 {
        memo::keep(key, word, moment);
    }
    if key == 0 || cache.load(Ordering::Relaxed) == 0 {
        cache.store(word, Ordering::Relaxed);
    }
}

/// Fills a method window.
#[inline(never)]
unsafe fn fill(w: *mut Value, callee: Value, this: Value) {
    // SAFETY: a window of the running code (verified).
    unsafe {
        *w = callee;
        *w.add(3) = this;
    }
}

/// Stores through a cache word if it is about objects of this shape; whether it did.
#[inline(always)]
unsafe fn store_by<const C: bool, const L: bool>(s: M<C, L>, o: Value, ic: u64) -> bool {
    // SAFETY: the payload was recorded for the shape that is checked here (LAW 5, 6), with locks under the object's.
    unsafe {
        let (h, key) = (o.header(), (ic >> 32) as u32);
        let id = h.shape();
        if key != id && key != id | kind::ADD << 26 {
            return false;
        }
        if L && h.lock.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return false;
        }
        // What was seen before the lock may have changed: the cache speaks of the shape under it.
        let hit = !L || h.shape() == id;
        if hit && key == id {
            at(o, ic as u32).set(s.r(s.a()));
        } else if hit {
            let to = shape::shape(ic as u32);
            at(o, (to.first as u32 + to.count as u32 - 1) * 8).set(s.r(s.a()));
            h.shape.store(ic as u32, Ordering::Release);
        }
        if L && h.lock.compare_exchange(1, 0, Ordering::Release, Ordering::Relaxed).is_err() {
            Mutator::unlock_awaited(h);
        }
        hit
    }
}

op! { StoreAttr(s) {
    let o = s.r(s.b());
    if o.is_ptr() {
        if store_by(s, o, s.cache(2).load(Ordering::Relaxed)) {
            next!(s, 3)
        }
        sibling!(store_attr_kinds::<{ C }, { L }>, s);
    }
    sibling!(store_attr::<{ C }, { L }>, s)
} }

op! {
    #[inline(never)]
    store_attr_kinds(s) {
        let o = s.r(s.b());
        let ic = remembered(o, s.lit(1), Site::Store, s.cache(2));
        if ic != 0 && store_by(s, o, ic) {
            next!(s, 3)
        }
        sibling!(store_attr::<{ C }, { L }>, s)
    }
}

op! {
    #[cold]
    #[inline(never)]
    store_attr(s) {
        effect!(s, 3, |th| store_and_remember(th, s.r(s.b()), s.lit(1), s.r(s.a()), s.cache(2)))
    }
}

#[inline(never)]
fn store_and_remember(th: &mut Thread, o: Value, name: Value, v: Value, cache: &AtomicU64) -> R<()> {
    let (key, moment) = (memo::key(o, name, Site::Store), memo::moment());
    let word = attr::store(th, o, name, v)?;
    if word != 0 {
        remember(key, word, moment, cache);
    }
    Ok(())
}

op! { DeleteAttr(s) {
    effect!(s, 2, |th| th.setattr(s.r(s.b()), s.lit(1), Value::UNBOUND))
} }

op! { LoadMethod(s) {
    let o = s.r(s.b());
    if o.is_ptr() {
        let f = method(o, s.cache(2).load(Ordering::Relaxed));
        if !f.is_unbound() {
            let a = s.a();
            s.set(a, f);
            s.set(a + 3, o);
            next!(s, 3)
        }
        sibling!(load_method_kinds::<{ C }, { L }>, s);
    }
    sibling!(load_method::<{ C }, { L }>, s)
} }

/// The function to be called with self that the cache word vouches for on `o` (a pointer), or unbound.
#[inline(always)]
fn method(o: Value, ic: u64) -> Value {
    if (ic >> 32) as u32 == o.header().shape() | kind::METHOD << 26 {
        space::from_index(ic as u32).get::<Cell>().value.get()
    } else {
        Value::UNBOUND
    }
}

/// The callee and what stands before the arguments, where the cache word vouches for a staticmethod or classmethod
/// of `o` (a pointer).
#[inline(always)]
fn unwrapped(o: Value, ic: u64) -> Option<(Value, Value)> {
    let (hi, cell) = ((ic >> 32) as u32, ic as u32);
    let key = hi & 0x3ff_ffff;
    match hi >> 26 {
        kind::WRAPPED if key == o.header().shape() => {
            attr::unwrapped(space::from_index(cell), class::class_of(o))
        }
        kind::WRAPPED_OF_CLASS
            if o.is_kind(Kind::Class) && o.get::<Class>().id.get().as_int() as u32 == key =>
        {
            attr::unwrapped(space::from_index(cell), o)
        }
        _ => None,
    }
}

op! {
    #[inline(never)]
    load_method_kinds(s) {
        let o = s.r(s.b());
        let mut ic = s.cache(2).load(Ordering::Relaxed);
        let mut v = vouched(o, ic);
        if v.is_unbound() {
            if let Some((f, this)) = unwrapped(o, ic) {
                let a = s.a();
                s.set(a, f);
                s.set(a + 3, this);
                next!(s, 3)
            }
            ic = remembered(o, s.lit(1), Site::Method, s.cache(2));
            let f = method(o, ic);
            if !f.is_unbound() {
                let a = s.a();
                s.set(a, f);
                s.set(a + 3, o);
                next!(s, 3)
            }
            if let Some((f, this)) = unwrapped(o, ic) {
                let a = s.a();
                s.set(a, f);
                s.set(a + 3, this);
                next!(s, 3)
            }
            v = vouched(o, ic);
        }
        if !v.is_unbound() {
            let a = s.a();
            s.set(a, v);
            s.set(a + 3, Value::UNBOUND);
            next!(s, 3)
        }
        sibling!(load_method::<{ C }, { L }>, s)
    }
}

op! {
    #[cold]
    #[inline(never)]
    load_method(s) {
        effect!(s, 3, |th| method_into(th, s.r(s.b()), s.lit(1), s.cache(2), s.base.add(s.a())))
    }
}

#[inline(never)]
unsafe fn method_into(th: &mut Thread, o: Value, name: Value, cache: &AtomicU64, w: *mut Value) -> R<()> {
    let (key, moment) = (memo::key(o, name, Site::Method), memo::moment());
    let m = attr::load_method(th, o, name)?;
    if m.cache != 0 {
        remember(key, m.cache, moment, cache);
    }
    // SAFETY: the caller's window.
    unsafe { fill(w, m.callee, m.this) };
    Ok(())
}

op! { LoadSpecial(s) { effect!(s, 1, |th| special_into(th, s.r(s.b()), s.c(), s.base.add(s.a()))) } }

#[inline(never)]
unsafe fn special_into(th: &mut Thread, o: Value, which: usize, w: *mut Value) -> R<()> {
    let (f, this) = special(th, o, which)?;
    // SAFETY: the caller's window.
    unsafe { fill(w, f, this) };
    Ok(())
}

fn special(th: &mut Thread, o: Value, which: usize) -> R<(Value, Value)> {
    use crate::heap::known::N;
    let name = [N::__enter__, N::__exit__, N::__aenter__, N::__aexit__, N::__aiter__, N::__anext__][which];
    let Some(f) = class::lookup(class::class_of(o), name.v()) else {
        if which >= 4 {
            let what = [
                "requires an object with __aiter__ method, got",
                "received an object from __aiter__ that does not implement __anext__:",
            ][which - 4];
            let text = format!("'async for' {what} {}", th.type_name(o));
            return Err(th.type_error(text));
        }
        let kinds = ["context manager", "asynchronous context manager"];
        let kind = kinds[which / 2];
        // Which is missed: the exit is looked for first.
        let exit = [N::__exit__, N::__aexit__][which / 2];
        let name = if class::lookup(class::class_of(o), exit.v()).is_none() { exit } else { name };
        let part = format!(" (missed {} method)", name.spelling());
        // The other kind of `with` may be what is meant.
        let has = |name: N| class::lookup(class::class_of(o), name.v()).is_some();
        let (other, meant, word) = match which {
            0 | 1 => (kinds[1], has(N::__aenter__) && has(N::__aexit__), "async with"),
            _ => (kinds[0], has(N::__enter__) && has(N::__exit__), "with"),
        };
        let hint = match meant {
            true => format!(" but it supports the {other} protocol. Did you mean to use '{word}'?"),
            false => String::new(),
        };
        let name = full_name(th, o);
        let text = format!("'{name}' object does not support the {kind} protocol{part}{hint}");
        return Err(th.type_error(text));
    };
    if attr::descriptor_kind(f) == attr::Desc::Function {
        return Ok((f, o));
    }
    Ok((attr::bind(th, f, o)?, Value::UNBOUND))
}

/// The name of the class of `o` with its module, unless that is the program's own or `builtins`.
fn full_name(th: &Thread, o: Value) -> String {
    let (name, class) = (th.class_name(class::class_of(o)), class::class_of(o));
    let module = class::module_of(class);
    match module.and_then(|m| m.cast::<Str>()).map(|m| String::from_utf8_lossy(m.bytes())) {
        Some(m) if m != "builtins" && m != "__main__" => format!("{m}.{name}"),
        _ => name,
    }
}

/// `super(cls, this).name` for a zero-argument super whose name gave the builtin class.
fn super_attr(th: &mut Thread, sup: Value, cls: Value, this: Value, name: Value) -> R<(Value, Value)> {
    if sup == Known::super_.v() && cls.is_kind(Kind::Class) {
        let start = if this.is_kind(Kind::Class) && class::is_subclass(this, cls) {
            this
        } else {
            class::class_of(this)
        };
        if class::is_subclass(start, cls) && name != crate::heap::known::N::__class__.v() {
            if let Some(v) = class::lookup_after(start, cls, name) {
                if attr::descriptor_kind(v) == attr::Desc::Function {
                    return Ok(if start == this { (v, Value::UNBOUND) } else { (v, this) });
                }
                let at = if start == this { Value::NONE } else { this };
                return Ok((attr::get_descriptor(th, v, at, start)?, Value::UNBOUND));
            }
            // Names of super itself are left to the object.
            if class::lookup(sup, name).is_none() {
                let text = format!("'super' object has no attribute '{}'", th.text_of(name)?);
                return Err(th.attribute_error(this, name, &text));
            }
        }
    }
    let proxy = th.call(sup, &[cls, this])?;
    Ok((th.getattr(proxy, name)?, Value::UNBOUND))
}

op! { LoadSuper(s) { helper!(s, 2, |th| super_value(th, s.r(s.a()), s.r(s.b()), s.r(s.c()), s.lit(1))) } }

#[inline(never)]
fn super_value(th: &mut Thread, sup: Value, cls: Value, this: Value, name: Value) -> R {
    match super_attr(th, sup, cls, this, name)? {
        (f, this) if this.is_unbound() => Ok(f),
        (f, this) => Ok(th.method(f, this)?),
    }
}

op! { LoadSuperMethod(s) {
    effect!(s, 3, |th| super_into(th, s.base.add(s.a()), s.r(s.b()), s.r(s.c()), s.lit(1)))
} }

#[inline(never)]
unsafe fn super_into(th: &mut Thread, w: *mut Value, cls: Value, this: Value, name: Value) -> R<()> {
    // SAFETY: the caller's window, whose first word is what the name `super` gave.
    unsafe {
        let (f, this) = super_attr(th, *w, cls, this, name)?;
        fill(w, f, this);
    }
    Ok(())
}
