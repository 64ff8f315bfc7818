//! Iteration in `builtins`. Invariant: items are taken one at a time and nothing is held of a container between them.

use crate::heap::Value;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::run::class::{class_of, lookup, slots};
use crate::run::poll::native_poll;
use crate::run::{Args, Cmp, R, Thread};
use crate::types::list;

/// Whether the truth of every item is `not stop`.
fn none_is(th: &mut Thread, v: Value, stop: bool) -> R<bool> {
    let it = th.iter(v)?;
    let mut n = 0usize;
    while let Some(x) = th.next(it)? {
        if th.truth(x)? == stop {
            return Ok(false);
        }
        n += 1;
        if n % 8192 == 0 {
            native_poll(th)?;
        }
    }
    Ok(true)
}

/// `all(iterable)`.
pub fn all(th: &mut Thread, a: Args) -> R {
    none_is(th, a[0], false).map(Value::bool)
}

/// `any(iterable)`.
pub fn any(th: &mut Thread, a: Args) -> R {
    none_is(th, a[0], true).map(|none| Value::bool(!none))
}

/// `iter(object)` or `iter(callable, sentinel)`.
pub fn iter(th: &mut Thread, a: Args) -> R {
    if a[1].is_unbound() {
        return th.iter(a[0]);
    }
    if slots(class_of(a[0])).call.is_none() {
        return Err(th.type_error("iter(v, w): v must be callable"));
    }
    let v = th.heap.iter(C::callable_iterator, a[0], 0, 0, 0)?;
    v.get::<Iter>().x.set(a[1]);
    Ok(v)
}

/// `next(iterator, default)`.
pub fn next(th: &mut Thread, a: Args) -> R {
    match th.next(a[0])? {
        Some(v) => Ok(v),
        None if !a[1].is_unbound() => Ok(a[1]),
        None => Err(th.stop_iteration(Value::NONE)),
    }
}

/// `aiter(async_iterable)`.
pub fn aiter(th: &mut Thread, a: Args) -> R {
    let Some(f) = th.special(a[0], N::__aiter__)? else {
        return Err(th.type_error(format!("'{}' object is not an async iterable", th.type_name(a[0]))));
    };
    let it = th.call(f, &[])?;
    if lookup(class_of(it), N::__anext__.v()).is_none() {
        return Err(th.type_error(format!("aiter() returned not an async iterator of type '{}'", th.type_name(it))));
    }
    Ok(it)
}

/// `anext(async_iterator)`.
pub fn anext(th: &mut Thread, a: Args) -> R {
    let Some(f) = th.special(a[0], N::__anext__)? else {
        return Err(th.type_error(format!("'{}' object is not an async iterator", th.type_name(a[0]))));
    };
    if !a[1].is_unbound() {
        return Err(th.type_error("anext() takes no default here"));
    }
    th.call(f, &[])
}

/// `sorted(iterable, /, *, key=None, reverse=False)`.
pub fn sorted(th: &mut Thread, a: Args) -> R {
    let args = a[0].get::<Tuple>();
    if args.len() != 1 {
        return Err(th.type_error(format!("sorted expected 1 argument, got {}", args.len())));
    }
    let v = th.heap.list_with(0)?;
    list::extend(th, v.get::<List>(), args.at(0))?;
    let (mut key, mut reverse) = (Value::NONE, false);
    let pairs = th.dict_pairs(a[1])?;
    let p = pairs.get::<Tuple>();
    for i in 0..p.len() / 2 {
        let (name, value) = (p.at(2 * i), p.at(2 * i + 1));
        if name == N::key.v() {
            key = value;
        } else if name == N::reverse.v() {
            reverse = th.truth(value)?;
        } else {
            let text = format!("sort() got an unexpected keyword argument '{}'", th.str_text(name)?);
            return Err(th.type_error(text));
        }
    }
    crate::types::list_sort::sort(th, v.get::<List>(), key, reverse)?;
    Ok(v)
}

/// `max(...)`.
pub fn max(th: &mut Thread, a: Args) -> R {
    extreme(th, a, "max", Cmp::Gt)
}

/// `min(...)`.
pub fn min(th: &mut Thread, a: Args) -> R {
    extreme(th, a, "min", Cmp::Lt)
}

fn extreme(th: &mut Thread, a: Args, name: &str, better: Cmp) -> R {
    let args = a[0].get::<Tuple>();
    let (key, default) = (a[1].or(Value::NONE), a[2]);
    let many = args.len() > 1;
    if args.is_empty() {
        return Err(th.type_error(format!("{name} expected at least 1 argument, got 0")));
    }
    if many && !default.is_unbound() {
        let text = format!("Cannot specify a default for {name}() with multiple positional arguments");
        return Err(th.type_error(text));
    }
    let it = th.iter(if many { a[0] } else { args.at(0) })?;
    let (mut best, mut best_key) = (Value::UNBOUND, Value::UNBOUND);
    let mut n = 0usize;
    while let Some(x) = th.next(it)? {
        let k = if key.is_none() { x } else { th.call(key, &[x])? };
        if best.is_unbound() || th.holds(better, k, best_key)? {
            (best, best_key) = (x, k);
        }
        n += 1;
        if n % 8192 == 0 {
            native_poll(th)?;
        }
    }
    match best.bound().or(default.bound()) {
        Some(v) => Ok(v),
        None => Err(th.value_error(format!("{name}() iterable argument is empty"))),
    }
}
