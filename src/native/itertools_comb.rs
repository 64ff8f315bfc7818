//! The combinatoric iterators of `itertools`. Invariant: the indices are ints in heap arrays, changed under the
//! iterator's lock; a step fills a tuple that was made before.

use super::itertools::{Tool, make, me};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::itertool;
use crate::run::{ClassDef, PLAIN, R, Thread};
use crate::types;

const FRESH: usize = 0;
const RUNNING: usize = 1;
const ENDED: usize = 2;

itertool!(PRODUCT "product" product_new product_next
    "Cartesian product of input iterables. Equivalent to nested for-loops.");
itertool!(PERMUTATIONS "permutations" permutations_new permutations_next
    "Return successive r-length permutations of elements in the iterable.");
itertool!(COMBINATIONS "combinations" combinations_new combinations_next
    "Return successive r-length combinations of elements in the iterable.");
itertool!(WITH_REPLACEMENT "combinations_with_replacement" replacement_new replacement_next
    "Return successive r-length combinations of elements in the iterable allowing individual elements to have \
     successive repeats.");

/// The index at place `i` of an array of them.
fn at(array: Value, i: usize) -> usize {
    array.get::<Array>().slot(i).map_or(0, |s| s.get().as_int() as usize)
}

fn put(array: Value, i: usize, n: usize) {
    if let Some(slot) = array.get::<Array>().slot(i) {
        slot.set(Value::int(n as i64));
    }
}

fn swap(array: Value, i: usize, j: usize) {
    let (x, y) = (at(array, i), at(array, j));
    put(array, i, y);
    put(array, j, x);
}

/// An array of `n` indices.
fn indices(th: &mut Thread, n: usize, value: impl Fn(usize) -> usize) -> R {
    let v = th.array(n)?;
    (0..n).for_each(|i| put(v, i, value(i)));
    Ok(v)
}

/// One step: `advance` goes to the next arrangement (false: there is none), `pick` gives its items.
fn step(
    th: &mut Thread,
    t: &Tool,
    advance: impl FnOnce(&Tool) -> bool,
    pick: impl Fn(&Tool, usize) -> Value,
) -> R<Option<Value>> {
    let n = t.j.get();
    if t.i.get() == ENDED {
        return Ok(None);
    }
    let out = if n == 0 { th.tuple(&[])? } else { th.tuple_with(n)? };
    th.heap.lock(&t.h);
    let found = match t.i.get() {
        FRESH => {
            t.i.set(RUNNING);
            true
        }
        RUNNING => advance(t),
        _ => false,
    };
    if found {
        for i in 0..n {
            // SAFETY: the tuple was made with n items.
            unsafe { out.get::<Tuple>().item(i) }.set(pick(t, i));
        }
    } else {
        t.i.set(ENDED);
    }
    th.heap.unlock(&t.h);
    Ok(found.then_some(out))
}

/// Item of the one pool in `a` that index `i` of the array in `b` names.
fn of_pool(t: &Tool, i: usize) -> Value {
    t.a.get().get::<Tuple>().at(at(t.b.get(), i))
}

// ------------------------------------------------------------------------------------------------------------ product

// The pools in `a`, an index for each in `b`.
fn product_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let mut times = 1;
    if !kwargs.is_unbound() {
        let pairs = th.dict_pairs(kwargs)?;
        let p = pairs.get::<Tuple>();
        for i in 0..p.len() / 2 {
            let name = th.text_of(p.at(2 * i))?;
            if name != "repeat" {
                let text = format!("product() got an unexpected keyword argument '{name}'");
                return Err(th.type_error(text));
            }
            times = th.index(p.at(2 * i + 1))?;
        }
    }
    if times < 0 {
        return Err(th.value_error("repeat argument cannot be negative"));
    }
    let (given, times) = (args.get::<Tuple>().len(), times as usize);
    let Some(n) = given.checked_mul(times) else {
        return Err(th.overflow_error("repeat argument too large"));
    };
    let pools = if n == 0 { th.tuple(&[])? } else { th.tuple_with(n)? };
    let mut empty = false;
    if times > 0 {
        for (i, v) in args.get::<Tuple>().iter().enumerate() {
            let pool = th.to_tuple(v)?;
            empty |= pool.get::<Tuple>().is_empty();
            for k in 0..times {
                // SAFETY: the tuple was made with given * times items.
                unsafe { pools.get::<Tuple>().item(k * given + i) }.set(pool);
            }
        }
    }
    let at = indices(th, n, |_| 0)?;
    make(th, cls, |t| {
        t.a.set(pools);
        t.b.set(at);
        t.j.set(n);
        t.i.set(if empty { ENDED } else { FRESH });
    })
}

fn product_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    fn pool(t: &Tool, i: usize) -> &'static Tuple {
        t.a.get().get::<Tuple>().at(i).get::<Tuple>()
    }
    step(
        th,
        me(o),
        |t| {
            let here = t.b.get();
            for i in (0..t.j.get()).rev() {
                let next = at(here, i) + 1;
                if next < pool(t, i).len() {
                    put(here, i, next);
                    return true;
                }
                put(here, i, 0);
            }
            false
        },
        |t, i| pool(t, i).at(at(t.b.get(), i)),
    )
}

// ------------------------------------------------------------------------------------------------------- permutations

// The pool in `a`, an arrangement of all indices in `b`, in `c` for each place how many swaps remain.
fn permutations_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [iterable, r] = types::bind(th, "permutations", ["iterable", "r"], 1, args, kwargs)?;
    let pool = th.to_tuple(iterable)?;
    let n = pool.get::<Tuple>().len();
    let r = match r {
        Value::UNBOUND | Value::NONE => n as isize,
        v if v.base().is_int() || v.is_bool() || v.base().is_kind(Kind::Big) => th.index(v.base())?,
        _ => return Err(th.type_error("Expected int as r")),
    };
    if r < 0 {
        return Err(th.value_error("r must be non-negative"));
    }
    let r = r as usize;
    let all = indices(th, n, |i| i)?;
    let cycles = indices(th, r.min(n), |i| n - i)?;
    make(th, cls, |t| {
        t.a.set(pool);
        t.b.set(all);
        t.c.set(cycles);
        t.j.set(r);
        t.i.set(if r > n { ENDED } else { FRESH });
    })
}

fn permutations_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    step(
        th,
        me(o),
        |t| {
            let (all, cycles, n) = (t.b.get(), t.c.get(), t.a.get().get::<Tuple>().len());
            for i in (0..t.j.get()).rev() {
                let left = at(cycles, i) - 1;
                if left > 0 {
                    put(cycles, i, left);
                    swap(all, i, n - left);
                    return true;
                }
                // This place has had every item: its first one goes to the end again.
                let first = at(all, i);
                (i..n - 1).for_each(|k| put(all, k, at(all, k + 1)));
                put(all, n - 1, first);
                put(cycles, i, n - i);
            }
            false
        },
        of_pool,
    )
}

// ------------------------------------------------------------------------------------------------------- combinations

/// Pool and number of the arguments of both kinds of combinations.
fn chosen(th: &mut Thread, name: &str, args: Value, kwargs: Value) -> R<(Value, usize)> {
    let [iterable, r] = types::bind(th, name, ["iterable", "r"], 2, args, kwargs)?;
    let r = th.index(r)?;
    let pool = th.to_tuple(iterable)?;
    if r < 0 {
        return Err(th.value_error("r must be non-negative"));
    }
    Ok((pool, r as usize))
}

fn combinations_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let (pool, r) = chosen(th, "combinations", args, kwargs)?;
    let n = pool.get::<Tuple>().len();
    let at = indices(th, r.min(n), |i| i)?;
    make(th, cls, |t| {
        t.a.set(pool);
        t.b.set(at);
        t.j.set(r);
        t.i.set(if r > n { ENDED } else { FRESH });
    })
}

fn combinations_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    step(
        th,
        me(o),
        |t| {
            let (here, r, n) = (t.b.get(), t.j.get(), t.a.get().get::<Tuple>().len());
            let Some(i) = (0..r).rev().find(|i| at(here, *i) != i + n - r) else { return false };
            let next = at(here, i) + 1;
            (i..r).for_each(|k| put(here, k, next + k - i));
            true
        },
        of_pool,
    )
}

fn replacement_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let (pool, r) = chosen(th, "combinations_with_replacement", args, kwargs)?;
    let none = pool.get::<Tuple>().is_empty() && r > 0;
    let at = indices(th, if none { 0 } else { r }, |_| 0)?;
    make(th, cls, |t| {
        t.a.set(pool);
        t.b.set(at);
        t.j.set(r);
        t.i.set(if none { ENDED } else { FRESH });
    })
}

fn replacement_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    step(
        th,
        me(o),
        |t| {
            let (here, r, n) = (t.b.get(), t.j.get(), t.a.get().get::<Tuple>().len());
            let Some(i) = (0..r).rev().find(|i| at(here, *i) != n - 1) else { return false };
            let next = at(here, i) + 1;
            (i..r).for_each(|k| put(here, k, next));
            true
        },
        of_pool,
    )
}
