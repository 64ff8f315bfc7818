//! `str`: its slots and constructor. Invariant: text is taken through `Value::base` and may be a rope; results are plain
//! text.

use super::seq;
use crate::heap::known::{C, N, S};
use crate::heap::object::{Iter, Tuple};
use crate::heap::text::{self, StrBuilder, chars, index, search};
use crate::heap::{Kind, Value};
use crate::run::instance::wrap_base;
use crate::run::{Args, Bin, ClassDef, Cmp, Def, PLAIN, R, Side, Thread, TypeSlots, def};
use std::sync::atomic::Ordering;

/// `str`.
pub static DEF: ClassDef = ClassDef {
    name: "str",
    doc: "str(object='') -> str\nstr(bytes_or_buffer[, encoding[, errors]]) -> str\n\nCreate a new string object from \
          the given object.",
    slots,
    methods: super::str_more::METHODS,
    static_methods: super::str_more::STATIC_METHODS,
    basetype: true,
    kind: Kind::Str,
    ..PLAIN
};

/// The iterator over text with characters beyond ASCII.
pub static ITERATOR: ClassDef = ClassDef { name: "str_iterator", ..ITER };
/// The iterator over ASCII text.
pub static ASCII_ITERATOR: ClassDef = ClassDef { name: "str_ascii_iterator", ..ITER };

const ITER: ClassDef = ClassDef { slots: iter_slots, methods: ITER_METHODS, kind: Kind::Iter, ..PLAIN };

static ITER_METHODS: &[Def] = &[
    def(
        "__length_hint__",
        "($self, /)",
        |th, a| {
            let i = a[0].get::<Iter>();
            let over = i.over.get();
            if over.is_unbound() {
                return Ok(Value::int(0));
            }
            let done = index::index_of(&mut th.heap, over, i.at.get())?;
            Ok(Value::int((text::len(over) - done) as i64))
        },
        "Private method returning an estimate of len(list(it)).",
    ),
    def("__reduce__", "($self, /)", iter_reduce, "Return state information for pickling."),
    def("__setstate__", "($self, object, /)", iter_setstate, "Set state information for unpickling."),
];

fn iter_reduce(th: &mut Thread, a: Args) -> R {
    let i = a[0].get::<Iter>();
    let f = th.builtin(N::iter.v()).unwrap_or(Value::NONE);
    match i.over.get().bound() {
        Some(over) => {
            let done = index::index_of(&mut th.heap, over, i.at.get())?;
            super::iters::reduced_by(th, f, over, Some(Value::int(done as i64)))
        }
        None => super::iters::reduced_by(th, f, S::empty_str.v(), None),
    }
}

fn iter_setstate(th: &mut Thread, a: Args) -> R {
    let n = super::slice::ssize(th, a[1])?.max(0) as usize;
    let i = a[0].get::<Iter>();
    if let Some(over) = i.over.get().bound() {
        i.at.set(index::offset(&mut th.heap, over, n.min(text::len(over)))?);
    }
    Ok(Value::NONE)
}

fn iter_slots(s: &mut TypeSlots) {
    s.iter = Some(|_, o| Ok(o));
    s.next = Some(next);
    s.new = None;
}

fn slots(s: &mut TypeSlots) {
    s.repr = Some(repr);
    s.str = Some(|_, o| Ok(o.base()));
    s.hash = Some(|th, o| Ok(text::hash(&mut th.heap, o.base())?));
    s.compare = Some(compare);
    s.bool = Some(|_, o| Ok(text::byte_len(o.base()) != 0));
    s.len = Some(|_, o| Ok(text::len(o.base())));
    s.getitem = Some(getitem);
    s.contains = Some(contains);
    s.iter = Some(iter);
    s.binary = Some(binary);
    s.new = Some(new);
    s.direct = Some(direct);
    s.format = Some(super::format::str);
}

fn repr(th: &mut Thread, o: Value) -> R {
    let bytes = text::bytes_of(&mut th.heap, o.base())?;
    let mut out = StrBuilder::new();
    chars::repr(bytes, false, &mut out)?;
    Ok(out.finish(&mut th.heap)?)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let (x, y) = (a.base(), b.base());
    if !text::is_text(y) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let m = &mut th.heap;
    Ok(Value::bool(match op {
        Cmp::Eq => text::index::equal(m, x, y)?,
        Cmp::Ne => !text::index::equal(m, x, y)?,
        op => op.of(text::index::compare(m, x, y)?),
    }))
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let v = o.base();
    let n = text::len(v);
    if k.is_kind(Kind::Slice) {
        let (start, step, n) = seq::slice(th, k, n)?;
        return Ok(index::slice(&mut th.heap, v, start, step, n)?);
    }
    if !seq::is_index(k) {
        let t = th.type_name(k);
        return Err(th.type_error(format!("string indices must be integers, not '{t}'")));
    }
    let i = seq::item(th, k, n, "string index out of range")?;
    Ok(index::char_at(&mut th.heap, v, i)?)
}

fn contains(th: &mut Thread, o: Value, k: Value) -> R<bool> {
    let needle = k.base();
    if !text::is_text(needle) {
        let t = th.type_name(k);
        return Err(th.type_error(format!("'in <string>' requires string as left operand, not {t}")));
    }
    Ok(search::contains(&mut th.heap, o.base(), needle)?)
}

fn iter(th: &mut Thread, o: Value) -> R {
    let v = o.base();
    let class = if text::is_ascii(v) { C::str_ascii_iterator } else { C::str_iterator };
    Ok(th.heap.iter(class, v, 0, 0, 0)?)
}

fn next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    loop {
        let over = i.over.get();
        if over.is_unbound() {
            return Ok(None);
        }
        let at = i.at.get();
        let Some((c, after)) = index::step(&mut th.heap, over, at)? else {
            i.over.set(Value::UNBOUND);
            return Ok(None);
        };
        if !th.heap.shared {
            i.at.set(after);
            return Ok(Some(c));
        }
        let claim =
            i.at.atomic().compare_exchange(at as u64, after as u64, Ordering::AcqRel, Ordering::Relaxed);
        if claim.is_ok() {
            return Ok(Some(c));
        }
    }
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    let (x, y) = (a.base(), b.base());
    match op {
        Bin::Add if text::is_text(x) && text::is_text(y) => Ok(text::concat(&mut th.heap, x, y)?),
        Bin::Mul => {
            let (v, n) = if text::is_text(x) { (x, b) } else { (y, a) };
            if !seq::is_index(n) {
                return Ok(Value::NOT_IMPLEMENTED);
            }
            let n = seq::times(th, n)?;
            if text::byte_len(v).checked_mul(n).is_none_or(|n| n > isize::MAX as usize) {
                return Err(th.overflow_error("repeated string is too long"));
            }
            Ok(text::repeat(&mut th.heap, v, n)?)
        }
        Bin::Mod if text::is_text(x) => super::percent::str(th, x, b),
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

/// Of one object.
fn direct(th: &mut Thread, a: Args) -> R<Option<Value>> {
    if a.n == 1 { th.str_of(a[0]).map(Some) } else { Ok(None) }
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let n = args.get::<Tuple>().len();
    if n > 3 && kwargs.is_unbound() {
        return Err(th.type_error(format!("str expected at most 3 arguments, got {n}")));
    }
    let names = ["object", "encoding", "errors"];
    let [object, encoding, errors] = super::bind::<3>(th, "str", names, 0, args, kwargs)?;
    let v = if encoding.is_unbound() && errors.is_unbound() {
        if object.is_unbound() { crate::heap::known::S::empty_str.v() } else { th.str_of(object)? }
    } else {
        let (encoding, errors) = super::codec::options(th, "str", encoding, errors)?;
        if object.is_unbound() {
            crate::heap::known::S::empty_str.v()
        } else {
            decoded(th, object, &encoding, &errors)?
        }
    };
    if cls == C::str.v() { Ok(v) } else { wrap_base(th, cls, v.base()) }
}

fn decoded(th: &mut Thread, object: Value, encoding: &str, errors: &str) -> R {
    if text::is_text(object.base()) {
        return Err(th.type_error("decoding str is not supported"));
    }
    match seq::buffer(object) {
        Some(bytes) if bytes.is_empty() => Ok(crate::heap::known::S::empty_str.v()),
        Some(bytes) => super::codec::decode(th, &bytes, object.base(), encoding, errors),
        None => {
            let t = th.type_name(object);
            Err(th.type_error(format!("decoding to str: need a bytes-like object, {t} found")))
        }
    }
}
