//! The module `_heapq`: heaps in lists. Invariant: an item moves by a swap of two places, so that a comparison that
//! fails leaves every item in the list; a list that changes its length under a comparison is an error.

use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Value, list};
use crate::run::{Args, Cmp, ModuleDef, R, Raised, Thread, def, poll};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_heapq",
    doc: "Heaps in plain lists: the first item is always the smallest, or the largest for the functions with _max.",
    functions: &[
        def("heappush", "(heap, item, /)", |th, a| push(th, a, false), "Push item onto heap."),
        def("heappop", "(heap, /)", |th, a| pop(th, a, false), "Pop the smallest item off the heap."),
        def(
            "heapreplace",
            "(heap, item, /)",
            |th, a| replace(th, a, false),
            "Pop and return the current smallest value, and add the new item.",
        ),
        def(
            "heappushpop",
            "(heap, item, /)",
            |th, a| push_pop(th, a, false),
            "Push item on the heap, then pop and return the smallest item from the heap.",
        ),
        def("heapify", "(heap, /)", |th, a| heapify(th, a, false), "Transform list into a heap."),
        def("heappush_max", "(heap, item, /)", |th, a| push(th, a, true), "Push item onto max heap."),
        def("heappop_max", "(heap, /)", |th, a| pop(th, a, true), "Pop the largest item off the heap."),
        def(
            "heapreplace_max",
            "(heap, item, /)",
            |th, a| replace(th, a, true),
            "Pop and return the current largest value, and add the new item.",
        ),
        def(
            "heappushpop_max",
            "(heap, item, /)",
            |th, a| push_pop(th, a, true),
            "Push item on the heap, then pop and return the largest item from the heap.",
        ),
        def("heapify_max", "(heap, /)", |th, a| heapify(th, a, true), "Transform list into a max heap."),
    ],
    fill: |_, _| Ok(()),
};

/// The list that a function was given.
#[inline]
fn list_of(th: &mut Thread, a: Args) -> R<&'static List> {
    match a[0].base().cast::<List>() {
        Some(l) => Ok(l),
        None => Err(no_list(th, a)),
    }
}

#[cold]
fn no_list(th: &mut Thread, a: Args) -> Raised {
    // SAFETY: the word is the address of the row that the function was made of.
    let row = unsafe { &*(a.callee().def.get() as *const crate::run::Def) };
    let which = if row.sig.contains("item") { "argument 1" } else { "argument" };
    let kind = if a[0].is_none() { "None".to_string() } else { th.type_name(a[0]) };
    th.type_error(format!("{}() {which} must be list, not {kind}", row.name))
}

#[cold]
fn empty(th: &mut Thread) -> Raised {
    th.index_error("index out of range")
}

#[cold]
fn changed(th: &mut Thread) -> Raised {
    th.raise(C::RuntimeError, "list changed size during iteration")
}

/// Whether `a` comes before `b`, where no script code is asked.
#[inline]
fn surely(a: Value, b: Value) -> Option<bool> {
    if Value::both_int(a, b) {
        Some(a.as_int() < b.as_int())
    } else if Value::both_float(a, b) {
        Some(a.as_float() < b.as_float())
    } else {
        None
    }
}

/// Whether `a` comes before `b`.
#[inline]
fn before(th: &mut Thread, a: Value, b: Value, largest: bool) -> R<bool> {
    let (a, b) = if largest { (b, a) } else { (a, b) };
    match surely(a, b) {
        Some(t) => Ok(t),
        None => ordered(th, a, b),
    }
}

/// The order of what is no plain number: tuples, the common case, are gone through here, and lists by their first item.
#[inline(never)]
fn ordered(th: &mut Thread, a: Value, b: Value) -> R<bool> {
    if let (Some(x), Some(y)) = (a.cast::<Tuple>(), b.cast::<Tuple>()) {
        for i in 0..x.len().min(y.len()) {
            let (p, q) = (x.at(i), y.at(i));
            if !th.eq(p, q)? {
                return match surely(p, q) {
                    Some(t) => Ok(t),
                    None => th.holds(Cmp::Lt, p, q),
                };
            }
        }
        return Ok(x.len() < y.len());
    }
    if let (Some(x), Some(y)) = (a.cast::<List>(), b.cast::<List>())
        && let (Some(p), Some(q)) = (list::peek(x, 0), list::peek(y, 0))
        && p != q
        && let Some(t) = surely(p, q)
        && (t || surely(q, p) == Some(true))
    {
        return Ok(t);
    }
    th.holds(Cmp::Lt, a, b)
}

fn item(th: &mut Thread, l: &List, i: usize) -> R {
    match list::get(&mut th.heap, l, i) {
        Some(v) => Ok(v),
        None => Err(changed(th)),
    }
}

fn put(th: &mut Thread, l: &List, i: usize, v: Value) -> R<()> {
    if list::set(&mut th.heap, l, i as isize, v) { Ok(()) } else { Err(changed(th)) }
}

/// Swaps two items as they are now.
#[inline]
fn swap(th: &mut Thread, l: &List, i: usize, j: usize) -> R<()> {
    if !th.heap.shared
        && let (Some(p), Some(q)) = (l.array().slot(i), l.array().slot(j))
        && i.max(j) < l.len()
    {
        let x = p.get();
        p.set(q.get());
        q.set(x);
        return Ok(());
    }
    let (x, y) = (item(th, l, i)?, item(th, l, j)?);
    put(th, l, i, y)?;
    put(th, l, j, x)
}

/// Moves the item at `at` up past every parent above `top` that does not come before it.
fn rise(th: &mut Thread, l: &List, top: usize, mut at: usize, n: usize, largest: bool) -> R<()> {
    while at > top {
        let up = (at - 1) / 2;
        let (x, parent) = (item(th, l, at)?, item(th, l, up)?);
        let first = before(th, x, parent, largest)?;
        if l.len() != n {
            return Err(changed(th));
        }
        if !first {
            break;
        }
        swap(th, l, at, up)?;
        at = up;
    }
    Ok(())
}

/// Moves the item at `top` all the way down and up again: an item from the end mostly belongs near the end, so one
/// comparison for each level suffices.
fn sink(th: &mut Thread, l: &List, top: usize, n: usize, largest: bool) -> R<()> {
    let mut at = top;
    while 2 * at + 1 < n {
        let mut down = 2 * at + 1;
        if down + 1 < n {
            let (x, y) = (item(th, l, down)?, item(th, l, down + 1)?);
            let left = before(th, x, y, largest)?;
            if l.len() != n {
                return Err(changed(th));
            }
            if !left {
                down += 1;
            }
        }
        swap(th, l, at, down)?;
        at = down;
    }
    rise(th, l, top, at, n, largest)
}

fn push(th: &mut Thread, a: Args, largest: bool) -> R {
    let l = list_of(th, a)?;
    list::push(&mut th.heap, l, a[1])?;
    let n = l.len();
    if n > 0 {
        rise(th, l, 0, n - 1, n, largest)?;
    }
    Ok(Value::NONE)
}

fn pop(th: &mut Thread, a: Args, largest: bool) -> R {
    let l = list_of(th, a)?;
    let Some(last) = list::pop(&mut th.heap, l) else { return Err(empty(th)) };
    let n = l.len();
    if n == 0 {
        return Ok(last);
    }
    let first = item(th, l, 0)?;
    put(th, l, 0, last)?;
    sink(th, l, 0, n, largest)?;
    Ok(first)
}

fn replace(th: &mut Thread, a: Args, largest: bool) -> R {
    let l = list_of(th, a)?;
    let n = l.len();
    if n == 0 {
        return Err(empty(th));
    }
    let first = item(th, l, 0)?;
    put(th, l, 0, a[1])?;
    sink(th, l, 0, n, largest)?;
    Ok(first)
}

fn push_pop(th: &mut Thread, a: Args, largest: bool) -> R {
    let l = list_of(th, a)?;
    if l.is_empty() {
        return Ok(a[1]);
    }
    let first = item(th, l, 0)?;
    if !before(th, first, a[1], largest)? {
        return Ok(a[1]);
    }
    if l.is_empty() {
        return Err(empty(th));
    }
    replace(th, a, largest)
}

fn heapify(th: &mut Thread, a: Args, largest: bool) -> R {
    let l = list_of(th, a)?;
    let n = l.len();
    for (k, at) in (0..n / 2).rev().enumerate() {
        sink(th, l, at, n, largest)?;
        if k % 1024 == 1023 {
            poll::native_poll(th)?;
        }
    }
    Ok(Value::NONE)
}
