//! Builtin functions over any object.

use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value, text};
use crate::run::{Args, R, Thread, class};
use crate::types::build;

/// `aiter(x)`.
pub fn aiter(th: &mut Thread, a: Args) -> R {
    let Some(f) = th.special(a[0], N::__aiter__)? else {
        let text = format!("'{}' object is not an async iterable", th.type_name(a[0]));
        return Err(th.type_error(text));
    };
    let it = th.call(f, &[])?;
    if class::lookup(th.class_of(it), N::__anext__.v()).is_none() {
        let text = format!("aiter() returned not an async iterator of type '{}'", th.type_name(it));
        return Err(th.type_error(text));
    }
    Ok(it)
}

/// `anext(iterator)`, `anext(iterator, default)`.
pub fn anext(th: &mut Thread, a: Args) -> R {
    let Some(f) = th.special(a[0], N::__anext__)? else {
        let text = format!("'{}' object is not an async iterator", th.type_name(a[0]));
        return Err(th.type_error(text));
    };
    let step = th.call(f, &[])?;
    if a[1].is_unbound() { Ok(step) } else { crate::run::awaitables::anext_or(th, step, a[1]) }
}

/// `ascii(x)`.
pub fn ascii(th: &mut Thread, a: Args) -> R {
    let r = th.repr(a[0])?;
    let bytes = text::bytes_of(&mut th.heap, r.base())?;
    let mut out = text::StrBuilder::new();
    for c in text::index::codes(bytes) {
        if c < 128 { out.push_code(c)? } else { text::chars::push_escape(c, &mut out)? }
    }
    Ok(out.finish(&mut th.heap)?)
}

/// `callable(x)`.
pub fn callable(th: &mut Thread, a: Args) -> R {
    Ok(Value::bool(is_callable(th, a[0])))
}

/// Whether `v` can be called.
pub fn is_callable(th: &Thread, v: Value) -> bool {
    let t = th.class_of(v);
    class::slots(t).call.is_some() || class::lookup(t, N::__call__.v()).is_some()
}

/// `delattr(o, name)`.
pub fn delattr(th: &mut Thread, a: Args) -> R {
    let name = th.attr_name(a[1])?;
    th.setattr(a[0], name, Value::UNBOUND)?;
    Ok(Value::NONE)
}

/// `setattr(o, name, v)`.
pub fn setattr(th: &mut Thread, a: Args) -> R {
    let name = th.attr_name(a[1])?;
    th.setattr(a[0], name, a[2])?;
    Ok(Value::NONE)
}

/// `getattr(o, name, default)`.
pub fn getattr(th: &mut Thread, a: Args) -> R {
    let name = th.attr_name(a[1])?;
    if a[2].is_unbound() {
        return th.getattr(a[0], name);
    }
    Ok(th.getattr_opt(a[0], name)?.unwrap_or(a[2]))
}

/// `hasattr(o, name)`.
pub fn hasattr(th: &mut Thread, a: Args) -> R {
    let name = th.attr_name(a[1])?;
    Ok(Value::bool(th.getattr_opt(a[0], name)?.is_some()))
}

/// `dir(x)`.
pub fn dir(th: &mut Thread, a: Args) -> R {
    let names = if a[0].is_unbound() {
        let d = super::builtins_code::current_locals(th)?;
        th.to_list(d)?
    } else {
        match th.special(a[0], N::__dir__)? {
            Some(f) => {
                let r = th.call(f, &[])?;
                th.to_list(r)?
            }
            None => return Err(th.type_error("object does not provide __dir__")),
        }
    };
    th.call_method(names, N::sort, &[])?;
    Ok(names)
}

/// `format(v, spec)`.
pub fn format(th: &mut Thread, a: Args) -> R {
    let spec = a[1].or(S::empty_str.v());
    if !text::is_text(spec.base()) {
        let text = format!("format() argument 2 must be str, not {}", crate::types::seq::said(th, spec));
        return Err(th.type_error(text));
    }
    th.format(a[0], spec)
}

/// `hash(x)`.
pub fn hash(th: &mut Thread, a: Args) -> R {
    let k = th.key(a[0])?;
    let h = th.hash(k)?;
    Ok(th.int(h)?)
}

/// `id(x)`: the address, or the word of an immediate.
pub fn id(th: &mut Thread, a: Args) -> R {
    Ok(th.uint(if a[0].is_ptr() { a[0].0 - 2 } else { a[0].0 })?)
}

/// `isinstance(x, what)`.
pub fn isinstance(th: &mut Thread, a: Args) -> R {
    build::isinstance(th, a[0], a[1]).map(Value::bool)
}

/// `issubclass(c, what)`.
pub fn issubclass(th: &mut Thread, a: Args) -> R {
    build::issubclass(th, a[0], a[1]).map(Value::bool)
}

/// `iter(x)` and `iter(callable, sentinel)`.
pub fn iter(th: &mut Thread, a: Args) -> R {
    if a[1].is_unbound() {
        return th.iter(a[0]);
    }
    let t = th.class_of(a[0]);
    if class::slots(t).call.is_none() && class::lookup(t, N::__call__.v()).is_none() {
        return Err(th.type_error("iter(v, w): v must be callable"));
    }
    let it = th.heap.iter(C::callable_iterator, a[0], 0, 0, 0)?;
    it.get::<Iter>().x.set(a[1]);
    Ok(it)
}

/// `len(x)`.
pub fn len(th: &mut Thread, a: Args) -> R {
    let n = th.len(a[0])?;
    Ok(th.uint(n as u64)?)
}

/// `next(it, default)`.
pub fn next(th: &mut Thread, a: Args) -> R {
    // A script iterator's StopIteration, value and all, is what the caller sees.
    if a[1].is_unbound()
        && let Some(f) = class::lookup(th.class_of(a[0]), N::__next__.v())
        && f.is_kind(Kind::Function)
    {
        return th.call(f, &[a[0]]);
    }
    if a[1].is_unbound() && a[0].is_kind(Kind::Generator) {
        return th.call_method(a[0], N::__next__, &[]);
    }
    match th.next(a[0])? {
        Some(v) => Ok(v),
        None if !a[1].is_unbound() => Ok(a[1]),
        None => Err(th.stop_iteration(Value::NONE)),
    }
}

/// `repr(x)`.
pub fn repr(th: &mut Thread, a: Args) -> R {
    th.repr(a[0])
}

/// `help(x)`: what `pydoc` prints about it.
pub fn help(th: &mut Thread, a: Args) -> R {
    let module = crate::run::import::import_full(th, "pydoc")?;
    let name = th.intern("help")?;
    let f = th.getattr(module, name)?;
    if a[0].is_unbound() { th.call(f, &[]) } else { th.call(f, &[a[0]]) }
}
