//! The builtin types, one file each: they fill the slots that the machine calls. Invariant: every class of
//! `heap::known::C` has one row in [`CLASSES`] or in `exception::CLASSES`.

pub mod alias;
pub mod bool;
pub mod build;
pub mod bytearray;
pub mod bytes;
pub mod bytes_more;
pub mod cell;
pub mod code;
pub mod codec;
pub mod combine;
pub mod complex;
pub mod descr;
pub mod dict;
pub mod dict_views;
pub mod exc_fields;
pub mod exc_text;
pub mod exception;
pub mod float;
pub mod float_more;
pub mod float_text;
pub mod format;
pub mod frame;
pub mod function;
pub mod generator;
pub mod group;
pub mod int;
pub mod int_more;
pub mod int_text;
pub mod iters;
pub mod list;
pub mod list_sort;
pub mod mapping;
pub mod memoryview;
pub mod method;
pub mod module;
pub mod namespace;
pub mod none;
pub mod object;
pub mod percent;
pub mod proxy;
pub mod range;
pub mod reduce;
pub mod seq;
pub mod set;
pub mod set_methods;
pub mod slice;
pub mod str;
pub mod str_fmt;
pub mod str_more;
pub mod str_parts;
pub mod super_;
pub mod tuple;
pub mod type_;
pub mod union;
pub mod weakref;

use crate::heap::Value;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::run::class::{class_of, lookup};
use crate::run::{ClassDef, R, Thread};

/// The builtin classes other than exceptions.
pub static CLASSES: &[(C, &ClassDef)] = &[
    (C::object, &object::DEF),
    (C::type_, &type_::DEF),
    (C::int, &int::DEF),
    (C::bool, &bool::DEF),
    (C::float, &float::DEF),
    (C::complex, &complex::DEF),
    (C::str, &str::DEF),
    (C::bytes, &bytes::DEF),
    (C::bytearray, &bytearray::DEF),
    (C::memoryview, &memoryview::DEF),
    (C::str_iterator, &str::ITERATOR),
    (C::str_ascii_iterator, &str::ASCII_ITERATOR),
    (C::bytes_iterator, &bytes::ITERATOR),
    (C::bytearray_iterator, &bytes::ARRAY_ITERATOR),
    (C::memory_iterator, &memoryview::ITERATOR),
    (C::none, &none::NONE),
    (C::not_implemented, &none::NOT_IMPLEMENTED),
    (C::ellipsis, &none::ELLIPSIS),
    (C::function, &function::DEF),
    (C::builtin, &method::BUILTIN),
    (C::method_descriptor, &method::DESCRIPTOR),
    (C::wrapper, &method::WRAPPER),
    (C::method_wrapper, &method::METHOD_WRAPPER),
    (C::classmethod_descriptor, &descr::CLASSMETHOD_DESCRIPTOR),
    (C::method, &method::DEF),
    (C::cell, &cell::DEF),
    (C::code, &code::DEF),
    (C::module, &module::DEF),
    (C::generator, &generator::GENERATOR),
    (C::coroutine, &generator::COROUTINE),
    (C::async_generator, &generator::ASYNC_GENERATOR),
    (C::property, &descr::PROPERTY),
    (C::staticmethod, &descr::STATICMETHOD),
    (C::classmethod, &descr::CLASSMETHOD),
    (C::super_, &super_::DEF),
    (C::getset, &descr::GETSET),
    (C::member, &descr::MEMBER),
    (C::mappingproxy, &proxy::DEF),
    (C::weakref, &weakref::DEF),
    (C::traceback, &frame::TRACEBACK),
    (C::frame, &frame::FRAME),
    (C::internal, &none::INTERNAL),
    (C::namespace, &namespace::DEF),
    (C::generic_alias, &alias::DEF),
    (C::union, &union::DEF),
    (C::coroutine_wrapper, &generator::WRAPPER),
    (C::async_generator_asend, &generator::ASEND),
    (C::async_generator_athrow, &generator::ATHROW),
    (C::anext_awaitable, &generator::ANEXT),
    (C::proxy, &weakref::PROXY),
    (C::callable_proxy, &weakref::CALLABLE_PROXY),
    (C::list, &list::DEF),
    (C::tuple, &tuple::DEF),
    (C::dict, &dict::DEF),
    (C::set, &set::SET),
    (C::frozenset, &set::FROZEN),
    (C::range, &range::DEF),
    (C::slice, &slice::DEF),
    (C::list_iterator, &iters::LIST),
    (C::list_reverseiterator, &iters::LIST_REVERSE),
    (C::tuple_iterator, &iters::TUPLE),
    (C::range_iterator, &iters::RANGE),
    (C::longrange_iterator, &range::LONG_ITERATOR),
    (C::set_iterator, &iters::SET),
    (C::dict_keys, &dict_views::KEYS),
    (C::dict_values, &dict_views::VALUES),
    (C::dict_items, &dict_views::ITEMS),
    (C::dict_keyiterator, &dict_views::KEY_ITERATOR),
    (C::dict_valueiterator, &dict_views::VALUE_ITERATOR),
    (C::dict_itemiterator, &dict_views::ITEM_ITERATOR),
    (C::dict_reversekeyiterator, &dict_views::REVERSE_KEY_ITERATOR),
    (C::dict_reversevalueiterator, &dict_views::REVERSE_VALUE_ITERATOR),
    (C::dict_reverseitemiterator, &dict_views::REVERSE_ITEM_ITERATOR),
    (C::callable_iterator, &iters::CALLABLE),
    (C::iterator, &iters::SEQUENCE),
    (C::enumerate, &combine::ENUMERATE),
    (C::zip, &combine::ZIP),
    (C::map, &combine::MAP),
    (C::filter, &combine::FILTER),
    (C::reversed, &combine::REVERSED),
];

/// All rows in the order of `C`: bases before what derives from them.
pub fn classes() -> Vec<(C, &'static ClassDef)> {
    let mut all: Vec<(C, &'static ClassDef)> = CLASSES.to_vec();
    all.extend(exception::CLASSES.iter().map(|(c, d)| (*c, d)));
    all.sort_by_key(|(c, _)| *c as u16);
    all
}

/// What remains to be said of the builtin classes once all of them are there.
pub fn finish(th: &mut Thread) -> R<()> {
    group::finish(th)
}

/// `0x7f...`, as reprs show where an object is.
pub fn address(v: Value) -> String {
    format!("{:#x}", v.0.wrapping_sub(2))
}

/// A str value.
pub fn text(th: &mut Thread, s: impl AsRef<str>) -> R {
    Ok(th.str(s.as_ref())?)
}

/// The name of a class as reprs show it: `module.qualname`, without `builtins`.
pub fn full_name(th: &mut Thread, class: Value) -> R<String> {
    let qualname = match class.cast::<Class>() {
        Some(c) => th.text_of(c.qualname.get())?,
        None => return th.str_text(class),
    };
    match type_::module_of(class) {
        Some(m) if crate::heap::text::is_text(m) => {
            let module = th.text_of(m)?;
            Ok(if module == "builtins" { qualname } else { format!("{module}.{qualname}") })
        }
        _ => Ok(qualname),
    }
}

/// Whether `v` is a str (or an instance of a subclass).
pub fn is_str(v: Value) -> bool {
    crate::heap::text::is_text(v.base())
}

/// Binds `args` and `kwargs` of a constructor to the parameters `names`, the first `min` of which are required.
pub fn bind<const K: usize>(
    th: &mut Thread,
    function: &str,
    names: [&str; K],
    min: usize,
    args: Value,
    kwargs: Value,
) -> R<[Value; K]> {
    let mut out = [Value::UNBOUND; K];
    let t = args.get::<Tuple>();
    if t.len() > K {
        let s = if K == 1 { "" } else { "s" };
        return Err(th.type_error(format!("{function}() takes at most {K} argument{s} ({} given)", t.len())));
    }
    for (slot, v) in out.iter_mut().zip(t.iter()) {
        *slot = v;
    }
    if !kwargs.is_unbound() {
        let pairs = th.dict_pairs(kwargs)?;
        let p = pairs.get::<Tuple>();
        let given = t.len() + p.len() / 2;
        if given > K {
            let kind = if t.is_empty() { "keyword " } else { "" };
            let s = if K == 1 { "" } else { "s" };
            return Err(
                th.type_error(format!("{function}() takes at most {K} {kind}argument{s} ({given} given)"))
            );
        }
        for i in 0..p.len() / 2 {
            let name = th.text_of(p.at(2 * i))?;
            match names.iter().position(|n| *n == name) {
                Some(k) if out[k].is_unbound() => out[k] = p.at(2 * i + 1),
                Some(k) => {
                    let at = k + 1;
                    return Err(th.type_error(format!(
                        "argument for {function}() given by name ('{name}') and position ({at})"
                    )));
                }
                None => {
                    return Err(
                        th.type_error(format!("{function}() got an unexpected keyword argument '{name}'"))
                    );
                }
            }
        }
    }
    if let Some(k) = out[..min].iter().position(|v| v.is_unbound()) {
        let at = k + 1;
        return Err(
            th.type_error(format!("{function}() missing required argument '{}' (pos {at})", names[k]))
        );
    }
    Ok(out)
}

/// The positional arguments of a constructor that takes no keywords.
pub fn positional<const K: usize>(
    th: &mut Thread,
    function: &str,
    min: usize,
    args: Value,
    kwargs: Value,
) -> R<[Value; K]> {
    if !kwargs.is_unbound() && kwargs.get::<Dict>().used.get() > 0 {
        return Err(th.type_error(format!("{function}() takes no keyword arguments")));
    }
    let t = args.get::<Tuple>();
    let n = t.len();
    if n < min || n > K {
        let (bound, count) = match (min == K, n < min) {
            (true, _) => ("", K),
            (false, true) => ("at least ", min),
            (false, false) => ("at most ", K),
        };
        let s = if count == 1 { "" } else { "s" };
        return Err(th.type_error(format!("{function} expected {bound}{count} argument{s}, got {n}")));
    }
    let mut out = [Value::UNBOUND; K];
    for (slot, v) in out.iter_mut().zip(t.iter()) {
        *slot = v;
    }
    Ok(out)
}

/// A special method of `o`'s class called with `args`, if the class states it beyond `object`.
pub fn stated(o: Value, name: N) -> Option<Value> {
    let found = lookup(class_of(o), name.v())?;
    if lookup(C::object.v(), name.v()) == Some(found) { None } else { Some(found) }
}

/// A function by name from a module, imported on demand.
pub fn imported(th: &mut Thread, module: &str, name: &str) -> R {
    let import = th.builtin(N::__import__.v());
    let Some(import) = import else { return Err(th.raise(C::ImportError, "__import__ not found")) };
    let module = th.intern(module)?;
    let module = th.call(import, &[module])?;
    let name = th.intern(name)?;
    th.getattr(module, name)
}
