//! Items, slices, unpacking.

use crate::heap::known::C as Known;
use crate::heap::object::*;
use crate::heap::space::Mutator;
use crate::heap::{Kind, Value, list};
use crate::run::thread::{R, Raised, Thread};
use crate::{effect, helper, next, op, raise, sibling};

/// A list item by a non-negative or negative index; `None`: the slow way decides.
#[inline(always)]
fn list_item(o: Value, i: i64) -> Option<Value> {
    let l = o.get::<List>();
    let n = l.len.get();
    let i = if i < 0 { i + n as i64 } else { i } as usize;
    if i >= n {
        return None;
    }
    l.items.get().get::<Array>().slot(i)?.get().bound()
}

#[inline(always)]
fn tuple_item(o: Value, i: i64) -> Option<Value> {
    let t = o.get::<Tuple>();
    let n = t.len();
    let i = if i < 0 { i + n as i64 } else { i } as usize;
    // SAFETY: checked against the tuple's immutable length.
    if i < n { Some(unsafe { t.item(i) }.get()) } else { None }
}

op! { GetItem(s) {
    let (o, k) = (s.r(s.b()), s.r(s.c()));
    if o.is_ptr() {
        if k.is_int() {
            let h = o.header().kind;
            if h == Kind::List {
                if let Some(v) = list_item(o, k.as_int()) {
                    s.set(s.a(), v);
                    next!(s, 1)
                }
            } else if h == Kind::Tuple
                && let Some(v) = tuple_item(o, k.as_int()) {
                    s.set(s.a(), v);
                    next!(s, 1)
                }
        }
        if o.header().shape() == Known::dict.shape() {
            sibling!(get_dict_item::<{ C }, { L }>, s);
        }
    }
    sibling!(get_item::<{ C }, { L }>, s)
} }

op! {
    #[inline(never)]
    get_dict_item(s) {
        let r = {
            let th = s.save();
            th.dict_get(s.r(s.b()), s.r(s.c()))
        };
        let s = s.reload();
        match r {
            Ok(Some(v)) => {
                s.set(s.a(), v);
                next!(s, 1)
            }
            Ok(None) => sibling!(get_item::<{ C }, { L }>, s),
            Err(_) => raise!(s),
        }
    }
}

op! {
    #[cold]
    #[inline(never)]
    get_item(s) { helper!(s, 1, |th| th.getitem(s.r(s.b()), s.r(s.c()))) }
}

op! { GetItemInt(s) {
    let o = s.r(s.b());
    if o.is_ptr() {
        let h = o.header().kind;
        if h == Kind::List {
            if let Some(v) = list_item(o, s.ci()) {
                s.set(s.a(), v);
                next!(s, 1)
            }
        } else if h == Kind::Tuple
            && let Some(v) = tuple_item(o, s.ci()) {
                s.set(s.a(), v);
                next!(s, 1)
            }
    }
    sibling!(get_item_int::<{ C }, { L }>, s)
} }

op! {
    #[cold]
    #[inline(never)]
    get_item_int(s) { helper!(s, 1, |th| th.getitem(s.r(s.b()), Value::int(s.ci()))) }
}

op! { SetItem(s) {
    let (o, k) = (s.r(s.b()), s.r(s.c()));
    if !L && o.is_kind(Kind::List) && k.is_int() {
        let l = o.get::<List>();
        let (n, i) = (l.len.get(), k.as_int());
        let i = if i < 0 { i + n as i64 } else { i } as usize;
        if i < n
            && let Some(slot) = l.items.get().get::<Array>().slot(i)
        {
            slot.set(s.r(s.a()));
            next!(s, 1)
        }
    }
    if L && o.is_kind(Kind::List) && k.is_int() {
        sibling!(set_list_item::<{ C }, { L }>, s);
    }
    sibling!(set_item::<{ C }, { L }>, s)
} }

op! {
    #[inline(never)]
    set_list_item(s) {
        let done = {
            let th = s.save();
            let (l, i) = (s.r(s.b()).get::<List>(), s.r(s.c()).as_int());
            list::set(&mut th.heap, l, i as isize, s.r(s.a()))
        };
        if done {
            next!(s, 1)
        }
        sibling!(set_item::<{ C }, { L }>, s)
    }
}

op! {
    #[inline(never)]
    set_item(s) {
        effect!(s, 1, |th| {
            let (o, k, v) = (s.r(s.b()), s.r(s.c()), s.r(s.a()));
            if o.is_ptr() && o.header().shape() == Known::dict.shape() {
                th.dict_insert(o, k, v)
            } else {
                th.setitem(o, k, v)
            }
        })
    }
}

op! { DelItem(s) { effect!(s, 1, |th| th.setitem(s.r(s.b()), s.r(s.c()), Value::UNBOUND)) } }

op! { GetSlice(s) { helper!(s, 1, |th| get_slice(th, s.r(s.b()), s.base.add(s.c()))) } }

/// First index, step and number of items of a slice whose parts are small ints or None and whose step is 1 or -1.
#[inline(always)]
fn span(start: Value, stop: Value, step: Value, len: usize) -> Option<(usize, isize, usize)> {
    let forward = step.is_none() || step == Value::int(1);
    if !forward && step != Value::int(-1) {
        return None;
    }
    let n = len as i64;
    let (low, high) = if forward { (0, n) } else { (-1, n - 1) };
    let place = |v: Value, default: i64| match v {
        v if v.is_int() => Some((v.as_int() + if v.as_int() < 0 { n } else { 0 }).clamp(low, high)),
        v if v.is_none() => Some(default),
        _ => None,
    };
    let (first, last) = if forward { (low, high) } else { (high, low) };
    let (from, to) = (place(start, first)?, place(stop, last)?);
    let count = if forward { to - from } else { from - to };
    Some((from.max(0) as usize, if forward { 1 } else { -1 }, count.max(0) as usize))
}

#[inline(never)]
unsafe fn get_slice(th: &mut Thread, o: Value, parts: *const Value) -> R {
    // SAFETY: the three parts stand in the window (verified).
    let (start, stop, step) = unsafe { (*parts, *parts.add(1), *parts.add(2)) };
    match o.kind() {
        Kind::List => {
            let l = o.get::<List>();
            if let Some((from, step, n)) = span(start, stop, step, l.len()) {
                return Ok(list::slice(&mut th.heap, l, from, step, n)?);
            }
        }
        Kind::Str => {
            if let Some((from, step, n)) = span(start, stop, step, crate::heap::text::len(o)) {
                return Ok(crate::heap::text::index::slice(&mut th.heap, o, from, step, n)?);
            }
        }
        _ => {}
    }
    let k = th.slice(start, stop, step)?;
    th.getitem(o, k)
}

op! { BuildSlice(s) { helper!(s, 1, |th| {
    let b = s.b();
    th.slice(s.r(b), s.r(b + 1), s.r(b + 2)).map_err(Raised::from)
}) } }

op! { GetLen(s) { helper!(s, 1, |th| th.len(s.r(s.b())).map(|n| Value::int(n as i64))) } }

// ------------------------------------------------------------------------------------------------------------ unpacking

op! { Unpack(s) {
    let (a, n) = (s.a(), s.c());
    let v = s.r(s.b());
    if let Some(t) = v.cast::<Tuple>()
        && t.len() == n
    {
        for i in 0..n {
            s.set(a + i, t.item(i).get());
        }
        next!(s, 1)
    }
    effect!(s, 1, |th| unpack(th, v, n, s.base.add(a)))
} }

/// The `n` items of an iterable into `out..`; ValueError says how many there were.
#[inline(never)]
unsafe fn unpack(th: &mut Thread, v: Value, n: usize, out: *mut Value) -> R<()> {
    if let Some(l) = v.cast::<List>()
        && l.len.get() == n
        // SAFETY: the window has n registers there (verified).
        && unsafe { fill(&mut th.heap, l, n, out) }
    {
        return Ok(());
    }
    let it = iterate_to_unpack(th, v)?;
    for i in 0..n {
        match th.next(it)? {
            // SAFETY: the window has n registers there (verified).
            Some(x) => unsafe { *out.add(i) = x },
            None => {
                return Err(th.value_error(format!("not enough values to unpack (expected {n}, got {i})")));
            }
        }
    }
    if th.next(it)?.is_some() {
        let text = match v.base().kind() {
            Kind::List | Kind::Tuple | Kind::Dict => {
                format!("too many values to unpack (expected {n}, got {})", th.len(v)?)
            }
            _ => format!("too many values to unpack (expected {n})"),
        };
        return Err(th.value_error(text));
    }
    Ok(())
}

/// The first `n` items of a list into `out..`, where there is room; false if they are not all there any more.
unsafe fn fill(m: &mut Mutator, l: &List, n: usize, out: *mut Value) -> bool {
    for i in 0..n {
        match list::get(m, l, i) {
            // SAFETY: by the caller's promise.
            Some(x) => unsafe { *out.add(i) = x },
            None => return false,
        }
    }
    true
}

fn iterate_to_unpack(th: &mut Thread, v: Value) -> R {
    let s = crate::run::class::slots(th.class_of(v));
    if s.iter.is_none() && s.getitem.is_none() {
        return Err(th.type_error(format!("cannot unpack non-iterable {} object", th.type_name(v))));
    }
    th.iter(v)
}

op! { UnpackEx(s) { effect!(s, 1, |th| {
    let c = s.c();
    unpack_star(th, s.r(s.b()), c & 255, c >> 8, s.base.add(s.a()))
}) } }

#[inline(never)]
unsafe fn unpack_star(th: &mut Thread, v: Value, before: usize, after: usize, out: *mut Value) -> R<()> {
    let it = iterate_to_unpack(th, v)?;
    // SAFETY: the window has before + 1 + after registers there (verified).
    unsafe {
        for i in 0..before {
            match th.next(it)? {
                Some(x) => *out.add(i) = x,
                None => {
                    let text = format!(
                        "not enough values to unpack (expected at least {}, got {i})",
                        before + after
                    );
                    return Err(th.value_error(text));
                }
            }
        }
        let rest = th.to_list(it)?;
        let l = rest.get::<List>();
        let n = l.len.get();
        if n < after {
            let text = format!(
                "not enough values to unpack (expected at least {}, got {})",
                before + after,
                before + n
            );
            return Err(th.value_error(text));
        }
        for i in 0..after {
            *out.add(before + 1 + i) = list::peek(l, n - after + i).unwrap_or(Value::NONE);
        }
        for _ in 0..after {
            list::pop(&mut th.heap, l);
        }
        *out.add(before) = rest;
        Ok(())
    }
}

// --------------------------------------------------------------------------------------------------------------- match

op! { MatchSequence(s) {
    let v = s.r(s.b());
    helper!(s, 1, |th| crate::run::iterate::is_sequence(th, v).map(Value::bool))
} }

op! { MatchMapping(s) {
    let v = s.r(s.b());
    helper!(s, 1, |th| crate::run::iterate::is_mapping(th, v).map(Value::bool))
} }

op! { MatchKeys(s) { helper!(s, 1, |th| crate::run::iterate::match_keys(th, s.r(s.b()), s.r(s.c()))) } }

op! { MatchRest(s) { helper!(s, 1, |th| crate::run::iterate::match_rest(th, s.r(s.b()), s.r(s.c()))) } }

op! { MatchClass(s) { helper!(s, 3, |th| {
    crate::run::iterate::match_class(th, s.r(s.b()), s.r(s.c()), s.lit(1), s.word(2) as usize)
}) } }
