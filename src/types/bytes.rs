//! `bytes`: slots, constructor, and what it shares with `bytearray`. Invariant: a result has the kind of the left operand
//! or of `self`.

use super::iters::{claim, reduced};
use super::seq;
use crate::heap::known::{C, N, S};
use crate::heap::object::{ByteArray, Bytes, Iter, Tuple};
use crate::heap::text::{self, StrBuilder, chars};
use crate::heap::{Kind, Value, bigint};
use crate::run::class::{class_of, lookup};
use crate::run::instance::wrap_base;
use crate::run::{Bin, ClassDef, Cmp, Def, PLAIN, R, Raised, Side, Thread, TypeSlots, def};

/// `bytes`.
pub static DEF: ClassDef = ClassDef {
    name: "bytes",
    doc: "bytes(iterable_of_ints) -> bytes\nbytes(string, encoding[, errors]) -> bytes\nbytes(bytes_or_buffer) -> \
          immutable copy of bytes_or_buffer\nbytes(int) -> bytes object of size given by the parameter initialized with \
          null bytes\nbytes() -> empty bytes object\n\nConstruct an immutable array of bytes.",
    slots,
    methods: super::bytes_more::METHODS,
    class_methods: super::bytes_more::CLASS_METHODS,
    static_methods: super::bytes_more::STATIC_METHODS,
    basetype: true,
    kind: Kind::Bytes,
    ..PLAIN
};

/// The iterator over bytes.
pub static ITERATOR: ClassDef = ClassDef { name: "bytes_iterator", ..ITER };
/// The iterator over a bytearray.
pub static ARRAY_ITERATOR: ClassDef = ClassDef { name: "bytearray_iterator", ..ITER };

const ITER: ClassDef = ClassDef { slots: iter_slots, methods: ITER_METHODS, kind: Kind::Iter, ..PLAIN };

static ITER_METHODS: &[Def] = &[
    def(
        "__length_hint__",
        "($self, /)",
        |_, a| {
            let i = a[0].get::<Iter>();
            let n = if i.over.get().is_unbound() { 0 } else { content(i.over.get()).len() };
            Ok(Value::int(n.saturating_sub(i.at.get()) as i64))
        },
        "Private method returning an estimate of len(list(it)).",
    ),
    def(
        "__reduce__",
        "($self, /)",
        |th, a| {
            let i = a[0].get::<Iter>();
            let over = i.over.get();
            if over.is_unbound() {
                return reduced(th, S::empty_tuple.v());
            }
            let pair = reduced(th, over)?;
            let t = pair.get::<Tuple>();
            Ok(th.tuple(&[t.at(0), t.at(1), Value::int(i.at.get() as i64)])?)
        },
        "Return state information for pickling.",
    ),
    def(
        "__setstate__",
        "($self, object, /)",
        |th, a| {
            let n = super::slice::ssize(th, a[1])?;
            a[0].get::<Iter>().at.set(n.max(0) as usize);
            Ok(Value::NONE)
        },
        "Set state information for unpickling.",
    ),
];

fn iter_slots(s: &mut TypeSlots) {
    s.iter = Some(|_, o| Ok(o));
    s.next = Some(next);
}

fn next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    let over = i.over.get();
    if over.is_unbound() {
        return Ok(None);
    }
    let at = claim(th, i);
    match content(over).get(at) {
        Some(b) => Ok(Some(Value::int(*b as i64))),
        None => {
            i.over.set(Value::UNBOUND);
            Ok(None)
        }
    }
}

/// The slots that bytes and bytearray share.
pub fn shared_slots(s: &mut TypeSlots) {
    s.compare = Some(compare);
    s.bool = Some(|_, o| Ok(!content(o).is_empty()));
    s.len = Some(|_, o| Ok(content(o).len()));
    s.getitem = Some(getitem);
    s.contains = Some(contains);
    s.iter = Some(iter);
    s.binary = Some(binary);
}

fn slots(s: &mut TypeSlots) {
    shared_slots(s);
    s.repr = Some(|th, o| {
        let mut out = StrBuilder::new();
        out.push("b")?;
        chars::repr_bytes(content(o), &mut out)?;
        Ok(out.finish(&mut th.heap)?)
    });
    s.hash = Some(|_, o| {
        let b = o.base().get::<Bytes>();
        if b.hash.get() == 0 {
            b.hash.set(text::hash_text(b.bytes()) as usize);
        }
        Ok(b.hash.get() as i64)
    });
    s.new = Some(new);
}

/// The bytes of a bytes or bytearray, or of an instance of a subclass.
#[inline]
pub fn content(o: Value) -> &'static [u8] {
    let b = o.base();
    match b.cast::<Bytes>() {
        Some(b) => b.bytes(),
        None => b.cast::<ByteArray>().map_or(&[], seq::array_bytes),
    }
}

/// Bytes as the kind of object that `like` is.
pub fn make_like(th: &mut Thread, like: Value, bytes: &[u8]) -> R {
    if like.base().is_kind(Kind::ByteArray) {
        return super::bytearray::make(th, bytes);
    }
    make(th, bytes)
}

/// A bytes object; the empty one is shared.
pub fn make(th: &mut Thread, bytes: &[u8]) -> R {
    if bytes.is_empty() { Ok(S::empty_bytes.v()) } else { Ok(th.bytes(bytes)?) }
}

/// A byte value; ValueError beyond 255.
pub fn byte(th: &mut Thread, v: Value, text: &str) -> R<u8> {
    if v.is_int()
        && let Ok(b) = u8::try_from(v.as_int())
    {
        return Ok(b);
    }
    let i = crate::run::arith::index(th, v)?;
    match bigint::to_i64(i).and_then(|i| u8::try_from(i).ok()) {
        Some(b) => Ok(b),
        None => Err(th.value_error(text)),
    }
}

fn compare(_: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let x = content(a);
    // A bytes object compares with its own kind only; what else shows bytes answers for itself.
    let asked = a.base().is_kind(Kind::ByteArray) || b.base().is_kind(Kind::Bytes);
    match seq::buffer(b).filter(|_| asked) {
        Some(y) => Ok(Value::bool(op.of(x.cmp(&y)))),
        None => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let bytes = content(o);
    let array = o.base().is_kind(Kind::ByteArray);
    if k.is_kind(Kind::Slice) {
        let (start, step, n) = seq::slice(th, k, bytes.len())?;
        // Computing the bounds may have run user code that resized a bytearray.
        let bytes = content(o);
        let items = (0..n).filter_map(|i| bytes.get(start.wrapping_add_signed(step * i as isize)).copied());
        if step == 1 {
            if n == bytes.len() && !array {
                return Ok(o.base());
            }
            let end = (start + n).min(bytes.len());
            return make_like(th, o, &bytes[start.min(end)..end]);
        }
        let picked: Vec<u8> = items.collect();
        return make_like(th, o, &picked);
    }
    if !seq::is_index(k) {
        let t = th.type_name(k);
        let what = if array { "bytearray" } else { "byte" };
        return Err(th.type_error(format!("{what} indices must be integers or slices, not {t}")));
    }
    let out = if array { "bytearray index out of range" } else { "index out of range" };
    let i = seq::item(th, k, bytes.len(), out)?;
    match content(o).get(i) {
        Some(b) => Ok(Value::int(*b as i64)),
        None => Err(th.index_error(out)),
    }
}

fn contains(th: &mut Thread, o: Value, k: Value) -> R<bool> {
    if seq::is_index(k) {
        let b = byte(th, k, "byte must be in range(0, 256)")?;
        return Ok(content(o).contains(&b));
    }
    let needle = seq::need_buffer(th, k)?;
    Ok(text::search::find_bytes(content(o), &needle).is_some())
}

fn iter(th: &mut Thread, o: Value) -> R {
    let b = o.base();
    let class = if b.is_kind(Kind::Bytes) { C::bytes_iterator } else { C::bytearray_iterator };
    Ok(th.heap.iter(class, b, 0, 0, 0)?)
}

fn is_bytes(v: Value) -> bool {
    matches!(v.base().kind(), Kind::Bytes | Kind::ByteArray)
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    match op {
        Bin::Add if is_bytes(a) => {
            let Some(y) = seq::buffer(b) else { return Ok(Value::NOT_IMPLEMENTED) };
            let x = content(a);
            let array = a.base().is_kind(Kind::ByteArray);
            if y.is_empty() && !array {
                return Ok(a.base());
            }
            let n = x.len() + y.len();
            let (v, out) = th.bytes_with(n)?;
            // SAFETY: the fresh cell has room for both.
            unsafe {
                std::ptr::copy_nonoverlapping(x.as_ptr(), out.bytes_ptr(), x.len());
                std::ptr::copy_nonoverlapping(y.as_ptr(), out.bytes_ptr().add(x.len()), y.len());
            }
            if array { super::bytearray::adopt(th, v, n) } else { Ok(v) }
        }
        Bin::Mul => {
            let (v, n) = if is_bytes(a) { (a, b) } else { (b, a) };
            if !seq::is_index(n) {
                return Ok(Value::NOT_IMPLEMENTED);
            }
            let n = seq::times(th, n)?;
            repeat(th, v, n)
        }
        Bin::Mod if is_bytes(a) => {
            let out = super::percent::bytes(th, content(a), b)?;
            make_like(th, a, out.bytes())
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn repeat(th: &mut Thread, v: Value, n: usize) -> R {
    let x = content(v);
    let Some(total) = x.len().checked_mul(n).filter(|n| *n <= isize::MAX as usize) else {
        return Err(th.overflow_error("repeated bytes are too long"));
    };
    if n == 1 && v.base().is_kind(Kind::Bytes) {
        return Ok(v.base());
    }
    if total == 0 {
        return make_like(th, v, b"");
    }
    let (made, out) = th.bytes_with(total)?;
    for i in 0..n {
        // SAFETY: the fresh cell has room for n copies.
        unsafe { std::ptr::copy_nonoverlapping(x.as_ptr(), out.bytes_ptr().add(i * x.len()), x.len()) };
    }
    if v.base().is_kind(Kind::ByteArray) { super::bytearray::adopt(th, made, total) } else { Ok(made) }
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [source, encoding, errors] =
        super::bind::<3>(th, "bytes", ["source", "encoding", "errors"], 0, args, kwargs)?;
    let v = if source.is_kind(Kind::Bytes) && encoding.is_unbound() && errors.is_unbound() {
        source
    } else {
        match from_source(th, "bytes", source, encoding, errors)? {
            Source::Value(v) => v,
            Source::Bytes(b) => make(th, &b)?,
            Source::Zeros(n) => th.bytes_with(n)?.0,
        }
    };
    if cls == C::bytes.v() { Ok(v) } else { wrap_base(th, cls, v) }
}

/// What a constructor's arguments come to.
pub enum Source {
    /// A bytes object.
    Value(Value),
    /// Bytes collected.
    Bytes(Vec<u8>),
    /// That many zeros.
    Zeros(usize),
}

/// The content asked for by `bytes(...)` or `bytearray(...)`.
pub fn from_source(th: &mut Thread, name: &str, source: Value, encoding: Value, errors: Value) -> R<Source> {
    let texts = super::codec::options(th, name, encoding, errors)?;
    if source.is_unbound() || !text::is_text(source.base()) {
        let what = match (encoding.is_unbound(), errors.is_unbound()) {
            (false, _) => "encoding",
            (true, false) => "errors",
            _ => "",
        };
        if !what.is_empty() {
            return Err(th.type_error(format!("{what} without a string argument")));
        }
    }
    if source.is_unbound() {
        return Ok(Source::Zeros(0));
    }
    if text::is_text(source.base()) {
        if encoding.is_unbound() && errors.is_unbound() || encoding.is_unbound() {
            return Err(th.type_error("string argument without an encoding"));
        }
        return super::codec::encode(th, source.base(), &texts.0, &texts.1).map(Source::Value);
    }
    if name == "bytes"
        && let Some(v) = by_method(th, source)?
    {
        return Ok(Source::Value(v));
    }
    if seq::is_index(source) {
        let n = th.index(source)?;
        if n < 0 {
            return Err(th.value_error("negative count"));
        }
        return Ok(Source::Zeros(n as usize));
    }
    if let Some(b) = seq::buffer(source) {
        return Ok(Source::Bytes(b.into_owned()));
    }
    items(th, name, source).map(Source::Bytes)
}

/// `source.__bytes__()`, if it has one.
fn by_method(th: &mut Thread, source: Value) -> R<Option<Value>> {
    let Some(f) = lookup(class_of(source), N::__bytes__.v()) else { return Ok(None) };
    let f = crate::run::attr::bind(th, f, source)?;
    let v = th.call(f, &[])?;
    if v.base().is_kind(Kind::Bytes) {
        return Ok(Some(v.base()));
    }
    let t = th.type_name(v);
    Err(th.type_error(format!("__bytes__ returned non-bytes (type {t})")))
}

/// The bytes that an iterable of ints gives.
pub fn items(th: &mut Thread, name: &str, source: Value) -> R<Vec<u8>> {
    let range =
        if name == "bytes" { "bytes must be in range(0, 256)" } else { "byte must be in range(0, 256)" };
    let it = match th.iter(source) {
        Ok(it) => it,
        Err(_) if th.raised_is(C::TypeError) => {
            th.take_raised();
            let t = th.type_name(source);
            return Err(th.type_error(format!("cannot convert '{t}' object to {name}")));
        }
        Err(e) => return Err(e),
    };
    let mut out = Vec::new();
    while let Some(v) = th.next(it)? {
        let b = byte(th, v, range)?;
        out.try_reserve(1).map_err(|_| Raised)?;
        out.push(b);
    }
    Ok(out)
}

/// The bytes of a bytes-like, of `__bytes__`, or of an iterable of ints; text is refused.
pub fn collected(th: &mut Thread, source: Value) -> R<Vec<u8>> {
    if let Some(b) = seq::buffer(source) {
        return Ok(b.into_owned());
    }
    if let Some(v) = by_method(th, source)? {
        return Ok(content(v).to_vec());
    }
    if let Some(b) = super::memoryview::shown(th, source)? {
        return Ok(seq::buffer(b).map(|b| b.into_owned()).unwrap_or_default());
    }
    if text::is_text(source.base()) {
        let t = th.type_name(source);
        return Err(th.type_error(format!("cannot convert '{t}' object to bytes")));
    }
    items(th, "bytes", source)
}
