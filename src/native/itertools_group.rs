//! `groupby` and `tee`: iterators that share a source. Invariant: a grouper yields only while its groupby still is at
//! its group; tees walk one chain of nodes, and only the claimer of the chain's open end asks the source.

use super::itertools::{Tool, cell, iterator, make, me, pull};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::itertool;
use crate::run::class::{self, class_of, is_subclass};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, def};
use crate::types;
use std::sync::atomic::{AtomicU32, Ordering::*};

static GROUPER_SHAPE: AtomicU32 = AtomicU32::new(0);
static TEE_SHAPE: AtomicU32 = AtomicU32::new(0);

/// Makes the classes that only functions of the module make instances of.
pub fn classes(th: &mut Thread, dict: Value) -> R<()> {
    for (d, shape) in [(&GROUPER, &GROUPER_SHAPE), (&TEE, &TEE_SHAPE)] {
        let c = class::define(th, None, d)?;
        shape.store(super::lock::shape_of(c), Relaxed);
        let name = th.intern(d.name.trim_start_matches("itertools."))?;
        th.dict_insert(dict, name, c)?;
    }
    Ok(())
}

// ------------------------------------------------------------------------------------------------------------ groupby

// The source in `a`, the key function in `b`, key and value under way in `c` and `d`, the key of the group under way
// in `e`, the number of the group in `i`.
itertool!(GROUPBY "groupby" groupby_new groupby_next
    "make an iterator that returns consecutive keys and groups from the iterable");

static GROUPER: ClassDef = ClassDef {
    name: "itertools._grouper",
    slots: |s| {
        iterator(s);
        s.new = None;
        s.next = Some(grouper_next);
    },
    kind: Kind::Record,
    ..PLAIN
};

fn groupby_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [iterable, key] = types::bind(th, "groupby", ["iterable", "key"], 1, args, kwargs)?;
    let it = th.iter(iterable)?;
    make(th, cls, |t| {
        t.a.set(it);
        t.b.set(key.or(Value::NONE));
    })
}

/// Reads one item; false at the end.
fn advance(th: &mut Thread, t: &Tool) -> R<bool> {
    let Some(v) = pull(th, t.a.get())? else { return Ok(false) };
    let f = t.b.get();
    let key = if f.is_none() { v } else { th.call(f, &[v])? };
    t.d.set(v);
    t.c.set(key);
    Ok(true)
}

fn groupby_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let number = t.i.atomic().fetch_add(1, AcqRel) as usize + 1;
    loop {
        let (key, group) = (t.c.get(), t.e.get());
        if !key.is_unbound() && (group.is_unbound() || !th.eq(group, key)?) {
            t.e.set(key);
            let (v, g) = cell(th, GROUPER_SHAPE.load(Relaxed))?;
            g.a.set(o.base());
            g.b.set(key);
            g.i.set(number);
            return Ok(Some(th.tuple(&[key, v])?));
        }
        if !advance(th, t)? {
            return Ok(None);
        }
    }
}

fn grouper_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let g = me(o);
    let parent = g.a.get();
    let t = me(parent);
    if t.i.get() != g.i.get() || t.d.get().is_unbound() && !advance(th, t)? {
        return Ok(None);
    }
    if !th.eq(g.b.get(), t.c.get())? {
        return Ok(None);
    }
    Ok(t.d.swap(Value::UNBOUND).bound())
}

// ---------------------------------------------------------------------------------------------------------------- tee

/// `itertools._tee`: its node in `a`. A node has its value in `a`, the next node in `b`, the source in `c`; `i` is 1
/// while somebody asks the source for the value.
static TEE: ClassDef = ClassDef {
    name: "itertools._tee",
    doc: "Iterator wrapped to make it copyable.",
    slots: |s| {
        iterator(s);
        s.new = Some(|th, _, args, kwargs| {
            let [iterable] = types::positional(th, "_tee", 1, args, kwargs)?;
            first(th, iterable)
        });
        s.next = Some(tee_next);
    },
    methods: &TEE_METHODS,
    kind: Kind::Record,
    ..PLAIN
};

static TEE_METHODS: [Def; 1] =
    [def("__copy__", "($self, /)", |th, a| twin(th, a[0]), "Returns an independent iterator.")];

fn node(th: &mut Thread, source: Value) -> R {
    let (v, n) = cell(th, C::internal.shape())?;
    n.c.set(source);
    Ok(v)
}

/// A tee over the iterable; of a tee, its twin.
fn first(th: &mut Thread, iterable: Value) -> R {
    let it = th.iter(iterable)?;
    if is_tee(it) {
        return twin(th, it);
    }
    let n = node(th, it)?;
    let (v, t) = cell(th, TEE_SHAPE.load(Relaxed))?;
    t.a.set(n);
    Ok(v)
}

fn is_tee(v: Value) -> bool {
    let tee = crate::heap::shape::shape(TEE_SHAPE.load(Relaxed)).class();
    is_subclass(class_of(v), tee)
}

fn twin(th: &mut Thread, o: Value) -> R {
    let (v, t) = cell(th, TEE_SHAPE.load(Relaxed))?;
    t.a.set(me(o).a.get());
    Ok(v)
}

/// `tee(iterable, n=2)`.
pub fn tee(th: &mut Thread, a: Args) -> R {
    let n = if a[1].is_unbound() { 2 } else { th.index(a[1])? };
    if n < 0 {
        return Err(th.value_error("n must be >= 0"));
    }
    if n == 0 {
        return Ok(th.tuple(&[])?);
    }
    let out = th.tuple_with(n as usize)?;
    let one = first(th, a[0])?;
    for i in 0..n as usize {
        let v = if i == 0 { one } else { twin(th, one)? };
        // SAFETY: the tuple was made with n items.
        unsafe { out.get::<Tuple>().item(i) }.set(v);
    }
    Ok(out)
}

fn tee_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    loop {
        let at = t.a.get();
        let n = me(at);
        let v = n.a.get();
        if !v.is_unbound() {
            if t.a.cas(at, n.b.get()) {
                return Ok(Some(v));
            }
            continue;
        }
        if n.i.atomic().compare_exchange(0, 1, AcqRel, Acquire).is_err() {
            return Err(th.runtime_error("cannot re-enter the tee iterator"));
        }
        let r = fill(th, n);
        n.i.set(0);
        if !r? {
            return Ok(None);
        }
    }
}

/// Asks the source for the value of the open end; false when there is none.
fn fill(th: &mut Thread, n: &Tool) -> R<bool> {
    if !n.a.get().is_unbound() {
        return Ok(true);
    }
    let source = n.c.get();
    let Some(v) = pull(th, source)? else { return Ok(false) };
    let next = node(th, source)?;
    n.b.set(next);
    n.a.set(v);
    Ok(true)
}
