//! Builders of containers and strings.

use crate::heap::known::S;
use crate::heap::object::*;
use crate::heap::{Kind, Value, dict, list};
use crate::run::thread::{R, Raised, Thread};
use crate::{effect, helper, next, op};

op! { BuildTuple(s) {
    let (b, n) = (s.b(), s.c());
    helper!(s, 1, |th| th.tuple(std::slice::from_raw_parts(s.base.add(b), n)).map_err(Raised::from))
} }

op! { BuildList(s) {
    let (b, n) = (s.b(), s.c());
    helper!(s, 1, |th| th.list(std::slice::from_raw_parts(s.base.add(b), n)).map_err(Raised::from))
} }

op! { BuildSet(s) { helper!(s, 1, |th| build_set(th, std::slice::from_raw_parts(s.base.add(s.b()), s.c()))) } }

#[inline(never)]
fn build_set(th: &mut Thread, items: &[Value]) -> R {
    let v = th.heap.new_set()?;
    for x in items {
        set_add(th, v, *x)?;
    }
    Ok(v)
}

#[inline(never)]
fn set_add(th: &mut Thread, v: Value, x: Value) -> R<()> {
    let (x, h) = th.hashed(x, "set element")?;
    crate::heap::set::insert(th, v.get::<Set>(), h, x, |th, k| th.eq(k, x)).map(drop)
}

op! { BuildMap(s) { helper!(s, 1, |th| build_map(th, std::slice::from_raw_parts(s.base.add(s.b()), 2 * s.c()))) } }

#[inline(never)]
fn build_map(th: &mut Thread, pairs: &[Value]) -> R {
    let d = th.heap.new_dict()?;
    for p in pairs.chunks_exact(2) {
        th.dict_insert(d, p[0], p[1])?;
    }
    Ok(d)
}

op! { BuildString(s) {
    helper!(s, 1, |th| build_string(th, std::slice::from_raw_parts(s.base.add(s.b()), s.c())))
} }

fn build_string(th: &mut Thread, parts: &[Value]) -> R {
    let mut n = 0;
    for p in parts {
        n += crate::heap::text::bytes_of(&mut th.heap, p.base())?.len();
    }
    let (v, out) = th.str_with(n)?;
    let mut at = 0;
    for p in parts {
        let b = crate::heap::text::bytes_of(&mut th.heap, p.base())?;
        // SAFETY: the new string has room for the sum of the lengths; flattened texts do not change.
        unsafe { std::ptr::copy_nonoverlapping(b.as_ptr(), out.bytes_ptr().add(at), b.len()) };
        at += b.len();
    }
    crate::heap::make::seal(out);
    Ok(if n == 0 { S::empty_str.v() } else { v })
}

op! { ListAppend(s) {
    effect!(s, 1, |th| list::push(&mut th.heap, s.r(s.a()).get::<List>(), s.r(s.b())).map_err(Raised::from))
} }

op! { SetAdd(s) { effect!(s, 1, |th| set_add(th, s.r(s.a()), s.r(s.b()))) } }

op! { MapAdd(s) { effect!(s, 1, |th| map_add(th, s.r(s.a()), s.r(s.b()), s.r(s.c()))) } }

#[inline(never)]
fn map_add(th: &mut Thread, d: Value, k: Value, v: Value) -> R<()> {
    th.dict_insert(d, k, v)
}

op! { ListExtend(s) { effect!(s, 1, |th| extend(th, s.r(s.a()), s.r(s.b()))) } }

#[inline(never)]
fn extend(th: &mut Thread, out: Value, v: Value) -> R<()> {
    let s = crate::run::class::slots(th.class_of(v));
    if s.iter.is_none() && s.getitem.is_none() {
        return Err(th.type_error(format!("Value after * must be an iterable, not {}", th.type_name(v))));
    }
    th.append_all(out.get::<List>(), v)
}

op! { SetUpdate(s) { effect!(s, 1, |th| set_update(th, s.r(s.a()), s.r(s.b()))) } }

#[inline(never)]
fn set_update(th: &mut Thread, set: Value, v: Value) -> R<()> {
    th.each(v, |th, x| set_add(th, set, x))
}

op! { DictUpdate(s) { effect!(s, 1, |th| update(th, s.r(s.a()), s.r(s.b()))) } }

fn is_mapping(th: &mut Thread, v: Value) -> R<bool> {
    if v.like::<Dict>().is_some() {
        return Ok(true);
    }
    Ok(th.getattr_opt(v, crate::heap::known::N::keys.v())?.is_some())
}

fn update(th: &mut Thread, d: Value, v: Value) -> R<()> {
    if !is_mapping(th, v)? {
        return Err(th.type_error(format!("'{}' object is not a mapping", th.type_name(v))));
    }
    if let Some(from) = v.cast::<Dict>() {
        let d = d.get::<Dict>();
        return dict::merge(th, d, from, true, |th: &mut Thread, stored, key| th.eq(stored, key));
    }
    let pairs = th.dict_pairs(v)?;
    let t = pairs.get::<Tuple>();
    for i in 0..t.len() / 2 {
        th.dict_insert(d, t.at(2 * i), t.at(2 * i + 1))?;
    }
    Ok(())
}

op! { DictMerge(s) { effect!(s, 1, |th| merge(th, s.r(s.a()), s.r(s.b()), s.r(s.c()))) } }

/// What errors call a callee: `f()` or `C()`.
fn callee_name(th: &mut Thread, f: Value) -> R<String> {
    let q = match f.kind() {
        Kind::Function => f.get::<Function>().qualname.get(),
        Kind::Class => f.get::<Class>().qualname.get(),
        Kind::Method => return callee_name(th, f.get::<Method>().func.get()),
        _ => match th.getattr_opt(f, crate::heap::known::N::__qualname__.v())? {
            Some(q) => q,
            None => return Ok(format!("{} object", th.type_name(f))),
        },
    };
    let module = th.getattr_opt(f, crate::heap::known::N::__module__.v())?;
    let text = th.str_text(q)?;
    match module {
        Some(m) if m != Value::NONE => match th.str_text(m)? {
            m if m == "builtins" => Ok(format!("{text}()")),
            m => Ok(format!("{m}.{text}()")),
        },
        _ => Ok(format!("{text}()")),
    }
}

fn merge(th: &mut Thread, d: Value, v: Value, f: Value) -> R<()> {
    if !is_mapping(th, v)? {
        let text =
            format!("{} argument after ** must be a mapping, not {}", callee_name(th, f)?, th.type_name(v));
        return Err(th.type_error(text));
    }
    let pairs = th.dict_pairs(v)?;
    let t = pairs.get::<Tuple>();
    for i in 0..t.len() / 2 {
        let k = t.at(2 * i);
        if !matches!(k.base().kind(), Kind::Str | Kind::Rope) {
            return Err(th.type_error("keywords must be strings"));
        }
        if th.dict_get(d, k)?.is_some() {
            let text = format!(
                "{} got multiple values for keyword argument '{}'",
                callee_name(th, f)?,
                th.text_of(k)?
            );
            return Err(th.type_error(text));
        }
        th.dict_insert(d, k, t.at(2 * i + 1))?;
    }
    Ok(())
}

op! { ListToTuple(s) {
    helper!(s, 1, |th| list::snapshot(&mut th.heap, s.r(s.b()).get::<List>()).map_err(Raised::from))
} }

op! { StarArgs(s) { helper!(s, 1, |th| star(th, s.r(s.b()), s.r(s.c()))) } }

fn star(th: &mut Thread, v: Value, f: Value) -> R {
    if v.is_kind(Kind::Tuple) {
        return Ok(v);
    }
    let s = crate::run::class::slots(th.class_of(v));
    if s.iter.is_none() && s.getitem.is_none() {
        let text =
            format!("{} argument after * must be an iterable, not {}", callee_name(th, f)?, th.type_name(v));
        return Err(th.type_error(text));
    }
    th.to_tuple(v)
}

op! { StarKwargs(s) { helper!(s, 1, |th| star_kwargs(th, s.r(s.b()), s.r(s.c()))) } }

fn star_kwargs(th: &mut Thread, v: Value, f: Value) -> R {
    // A call only reads the dict.
    if v.is_kind(Kind::Dict) {
        return Ok(v);
    }
    let d = th.heap.new_dict()?;
    merge(th, d, v, f)?;
    Ok(d)
}

op! { Convert(s) { helper!(s, 1, |th| convert(th, s.r(s.b()), s.c())) } }

#[inline(never)]
fn convert(th: &mut Thread, v: Value, how: usize) -> R {
    match how {
        0 => th.str_of(v),
        1 => th.repr(v),
        _ => ascii(th, v),
    }
}

fn ascii(th: &mut Thread, v: Value) -> R {
    let name = th.intern("ascii")?;
    match th.builtin(name) {
        Some(f) => th.call(f, &[v]),
        None => th.repr(v),
    }
}

op! { Format(s) { helper!(s, 1, |th| th.format(s.r(s.b()), s.r(s.c()))) } }

op! { FormatSimple(s) {
    let v = s.r(s.b());
    if matches!(v.kind(), Kind::Str | Kind::Rope) {
        s.set(s.a(), v);
        next!(s, 1)
    }
    helper!(s, 1, |th| if v.is_int() { th.str_of(v) } else { th.format(v, S::empty_str.v()) })
} }
