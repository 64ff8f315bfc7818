//! Iteration and pattern helpers that handlers share. Invariant: an iterator flagged `PRIVATE` is known to one loop
//! only, so its steps are not claimed atomically.

use super::class::{class_of, lookup, slots};
use super::thread::{R, Thread};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};

/// Flag of a `Kind::Iter` cell made by a `for` loop for itself (the bit is free on iterators).
pub const PRIVATE: u8 = crate::heap::cell::flag::FINALIZED;

/// Whether a `case [..]` pattern accepts the object: sequences but no text or bytes (PEP 634).
pub fn is_sequence(th: &mut Thread, v: Value) -> R<bool> {
    match v.base().kind() {
        Kind::List | Kind::Tuple | Kind::Range => return Ok(true),
        Kind::Str | Kind::Rope | Kind::Bytes | Kind::ByteArray | Kind::Dict | Kind::Set | Kind::None => {
            return Ok(false);
        }
        _ => {}
    }
    registered(th, v, "Sequence")
}

/// Whether a `case {..}` pattern accepts the object.
pub fn is_mapping(th: &mut Thread, v: Value) -> R<bool> {
    if v.base().is_kind(Kind::Dict) {
        return Ok(true);
    }
    registered(th, v, "Mapping")
}

/// Instance of `collections.abc.NAME`, if that module is loaded (else nobody can be registered with it).
fn registered(th: &mut Thread, v: Value, name: &str) -> R<bool> {
    let modules = crate::heap::known::S::modules.v();
    let key = th.intern("_collections_abc")?;
    let Some(module) = th.dict_get_name(modules, key) else { return Ok(false) };
    let name = th.intern(name)?;
    let Some(abc) = th.getattr_opt(module, name)? else { return Ok(false) };
    match th.special(abc, N::__instancecheck__)? {
        Some(f) => {
            let r = th.call(f, &[v])?;
            th.truth(r)
        }
        None => Ok(false),
    }
}

/// Values of the mapping at the keys, as a tuple, or None when one is missing.
pub fn match_keys(th: &mut Thread, subject: Value, keys: Value) -> R {
    let kt = keys.get::<Tuple>();
    for (i, k) in kt.iter().enumerate() {
        for j in 0..i {
            if th.eq(kt.at(j), k)? {
                let text = format!("mapping pattern checks duplicate key ({})", th.repr_text(k)?);
                return Err(th.value_error(text));
            }
        }
    }
    let out = th.tuple_with(kt.len())?;
    let plain = subject.is_kind(Kind::Dict);
    let missing = if plain { Value::NONE } else { th.list(&[])? };
    for (i, k) in kt.iter().enumerate() {
        let v = if plain {
            match th.dict_get(subject, k)? {
                Some(v) => v,
                None => return Ok(Value::NONE),
            }
        } else {
            let v = th.call_method(subject, N::get, &[k, missing])?;
            if v == missing {
                return Ok(Value::NONE);
            }
            v
        };
        // SAFETY: i is below the tuple's length.
        unsafe { out.get::<Tuple>().item(i) }.set(v);
    }
    Ok(out)
}

/// A dict copy of the mapping without the keys.
#[inline(never)]
pub fn match_rest(th: &mut Thread, subject: Value, keys: Value) -> R {
    let out = th.heap.new_dict()?;
    let pairs = th.dict_pairs(subject)?;
    let t = pairs.get::<Tuple>();
    for i in 0..t.len() / 2 {
        th.dict_insert(out, t.at(2 * i), t.at(2 * i + 1))?;
    }
    for k in keys.get::<Tuple>().iter() {
        th.dict_remove(out, k)?;
    }
    Ok(out)
}

/// Attributes of the subject for a class pattern, as a tuple, or None when it does not match.
#[inline(never)]
pub fn match_class(th: &mut Thread, subject: Value, class: Value, names: Value, npos: usize) -> R {
    if !class.is_kind(Kind::Class) {
        return Err(th.type_error("called match pattern must be a class"));
    }
    let hit = match th.special(class, N::__instancecheck__)? {
        Some(f) => {
            let r = th.call(f, &[subject])?;
            th.truth(r)?
        }
        None => super::class::is_subclass(class_of(subject), class),
    };
    if !hit {
        return Ok(Value::NONE);
    }
    let names = names.get::<Tuple>();
    let out = th.tuple_with(npos + names.len())?;
    let put = |i: usize, v: Value| {
        // SAFETY: i is below the tuple's length.
        unsafe { out.get::<Tuple>().item(i) }.set(v)
    };
    if npos > 0 {
        let of_self = [
            C::bool,
            C::bytearray,
            C::bytes,
            C::dict,
            C::float,
            C::frozenset,
            C::int,
            C::list,
            C::set,
            C::str,
            C::tuple,
        ];
        match th.getattr_opt(class, N::__match_args__.v())? {
            None if of_self.iter().any(|c| super::class::is_subclass(class, c.v())) => {
                if npos > 1 {
                    let text =
                        format!("{}() accepts 1 positional sub-pattern ({npos} given)", th.class_name(class));
                    return Err(th.type_error(text));
                }
                put(0, subject);
            }
            args => {
                let args = match args {
                    None => crate::heap::known::S::empty_tuple.v(),
                    Some(a) if a.is_kind(Kind::Tuple) => a,
                    Some(a) => {
                        let text = format!(
                            "{}.__match_args__ must be a tuple (got {})",
                            th.class_name(class),
                            th.type_name(a)
                        );
                        return Err(th.type_error(text));
                    }
                };
                let t = args.get::<Tuple>();
                if npos > t.len() {
                    let s = if t.len() == 1 { "" } else { "s" };
                    let text = format!(
                        "{}() accepts {} positional sub-pattern{s} ({npos} given)",
                        th.class_name(class),
                        t.len()
                    );
                    return Err(th.type_error(text));
                }
                for i in 0..npos {
                    if t.at(i).like::<Str>().is_none() {
                        let text = format!(
                            "__match_args__ elements must be strings (got {})",
                            th.type_name(t.at(i))
                        );
                        return Err(th.type_error(text));
                    }
                    let name = th.attr_name(t.at(i))?;
                    if names.iter().any(|n| n == name) {
                        let text = format!(
                            "{}() got multiple sub-patterns for attribute {}",
                            th.class_name(class),
                            th.repr_text(name)?
                        );
                        return Err(th.type_error(text));
                    }
                    match th.getattr_opt(subject, name)? {
                        Some(v) => put(i, v),
                        None => return Ok(Value::NONE),
                    }
                }
            }
        }
    }
    for (i, name) in names.iter().enumerate() {
        let name = th.attr_name(name)?;
        match th.getattr_opt(subject, name)? {
            Some(v) => put(npos + i, v),
            None => return Ok(Value::NONE),
        }
    }
    Ok(out)
}

/// Origin of an awaited value, as in `GetAwaitable`: `await`, ...
pub const AWAIT: usize = 0;
/// ... an asynchronous iterator's `__anext__`.
const ANEXT: usize = 3;

/// The iterator that `await v` drives; `origin` says what gave `v`.
pub fn awaitable(th: &mut Thread, v: Value, origin: usize) -> R {
    let driven = driven(th, v, origin);
    if driven.is_ok() || origin != ANEXT {
        return driven;
    }
    let cause = th.take_raised();
    let text = format!("'async for' received an invalid object from __anext__: {}", th.type_name(v));
    let raised = th.type_error(text);
    if let Some(e) = th.raised.cast::<Exception>() {
        e.cause.set(cause);
        e.context.set(cause);
        e.suppress.set(Value::TRUE);
    }
    Err(raised)
}

fn is_coroutine(v: Value) -> bool {
    v.is_kind(Kind::Generator) && v.header().shape() == C::coroutine.shape()
}

fn is_awaitable_generator(v: Value) -> bool {
    v.cast::<Generator>().is_some_and(|g| {
        super::frame::code_of(g.func.get().get::<Function>()).flags & crate::code::data::flag::AWAITABLE != 0
    })
}

/// The iterator that `yield from v` drives, for a generator or coroutine `v`.
pub fn yielded_from(th: &mut Thread, v: Value) -> R {
    if v.header().shape() == C::generator.shape() {
        return Ok(v);
    }
    if !is_coroutine(v) {
        return th.iter(v);
    }
    let may = super::frame::function(th.base).is_some_and(|f| {
        use crate::code::data::flag;
        super::frame::code_of(f).flags & (flag::COROUTINE | flag::AWAITABLE) != 0
    });
    match may {
        true => Ok(v),
        false => Err(th.type_error("cannot 'yield from' a coroutine object in a non-coroutine generator")),
    }
}

fn driven(th: &mut Thread, v: Value, origin: usize) -> R {
    if is_coroutine(v) {
        if !super::generator::yielding_from(v).is_none() {
            return Err(th.runtime_error("coroutine is being awaited already"));
        }
        return Ok(v);
    }
    if is_awaitable_generator(v) {
        return Ok(v);
    }
    let Some(f) = th.special(v, N::__await__)? else {
        let t = th.type_name(v);
        return Err(th.type_error(match origin {
            1 | 2 => {
                let from = ["__aenter__", "__aexit__"][origin - 1];
                format!("'async with' received an object from {from} that does not implement __await__: {t}")
            }
            _ => format!("'{t}' object can't be awaited"),
        }));
    };
    let it = th.call(f, &[])?;
    if is_coroutine(it) || is_awaitable_generator(it) {
        return Err(th.type_error("__await__() returned a coroutine"));
    }
    if slots(class_of(it)).next.is_none() {
        let text = format!("__await__() returned non-iterator of type '{}'", th.type_name(it));
        return Err(th.type_error(text));
    }
    Ok(it)
}

/// A value of an async generator, marked as such for its driver.
pub fn async_wrap(th: &mut Thread, v: Value) -> R {
    th.new_cell(v).map_err(Into::into)
}

/// Whether the class of `v` states an iterator or item protocol.
pub fn is_iterable(v: Value) -> bool {
    let s = slots(class_of(v));
    s.iter.is_some() || s.getitem.is_some() || lookup(class_of(v), N::__iter__.v()).is_some()
}

/// Number of live entries of a dict.
pub fn dict_len(d: Value) -> usize {
    d.get::<Dict>().used.get()
}
