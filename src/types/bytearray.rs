//! `bytearray`: a mutable byte string. Invariant: `data` is a Bytes cell of at least `len` bytes; what changes the
//! length does so under the object's lock, having allocated before, and only while no view is held open.

use super::bytes::{Source, byte, content, from_source, items};
use super::seq;
use crate::heap::known::{C, S};
use crate::heap::object::{ByteArray, Bytes};
use crate::heap::text::{StrBuilder, chars};
use crate::heap::{Kind, Value};
use crate::run::class::wrap_base;
use crate::run::{Args, Bin, ClassDef, PLAIN, R, Thread, TypeSlots};

/// `bytearray`.
pub static DEF: ClassDef = ClassDef {
    name: "bytearray",
    doc: "bytearray(iterable_of_ints) -> bytearray\nbytearray(string, encoding[, errors]) -> \
          bytearray\nbytearray(bytes_or_buffer) -> mutable copy of bytes_or_buffer\nbytearray(int) -> bytes array of \
          size given by the parameter initialized with null bytes\nbytearray() -> empty bytes array\n\nConstruct a \
          mutable bytearray object.",
    slots,
    methods: super::bytes_more::ARRAY_METHODS,
    class_methods: super::bytes_more::ARRAY_CLASS_METHODS,
    static_methods: super::bytes_more::ARRAY_STATIC_METHODS,
    basetype: true,
    kind: Kind::ByteArray,
    ..PLAIN
};

fn slots(s: &mut TypeSlots) {
    super::bytes::shared_slots(s);
    s.repr = Some(|th, o| {
        let mut out = StrBuilder::new();
        let name = th.type_name(o);
        out.push(&name)?;
        out.push("(b")?;
        chars::repr_bytes(content(o), &mut out)?;
        out.push(")")?;
        Ok(out.finish(&mut th.heap)?)
    });
    s.hash = None;
    s.setitem = Some(setitem);
    s.inplace = Some(inplace);
    s.new = Some(|th, cls, _, _| {
        let v = make(th, b"")?;
        if cls == C::bytearray.v() { Ok(v) } else { wrap_base(th, cls, v) }
    });
    s.init = Some(init);
}

/// A bytearray around a Bytes cell that nobody else has.
pub fn adopt(th: &mut Thread, data: Value, len: usize) -> R {
    let (v, b) = th.heap.new::<ByteArray>(C::bytearray.shape(), 1, 0)?;
    b.data.set(data);
    b.len.set(len);
    Ok(v)
}

/// A new bytearray.
pub fn make(th: &mut Thread, bytes: &[u8]) -> R {
    let data = if bytes.is_empty() { S::empty_bytes.v() } else { th.bytes(bytes)? };
    adopt(th, data, bytes.len())
}

fn array(o: Value) -> &'static ByteArray {
    o.base().get::<ByteArray>()
}

/// Replaces bytes `from..to` (as far as they are there) by `with`.
pub fn splice(th: &mut Thread, o: Value, from: usize, to: usize, with: &[u8]) -> R<()> {
    let b = array(o);
    loop {
        let (data, len) = (b.data.get(), b.len.get());
        let to = to.min(len);
        let from = from.min(to);
        let n = len - (to - from) + with.len();
        if n != len && b.exports.get() > 0 {
            return Err(th.buffer_error("Existing exports of data: object cannot be re-sized"));
        }
        let cap = data.get::<Bytes>().bytes().len();
        // The shared empty buffer has no room, so it is never written.
        let fresh = if n > cap { Some(th.bytes_with(n + n / 8 + 8)?) } else { None };
        th.heap.lock(&b.h);
        if b.data.get() != data || b.len.get() != len {
            th.heap.unlock(&b.h);
            continue;
        }
        let old = data.get::<Bytes>().bytes_ptr();
        // SAFETY: the buffers have room for `n` (the new one) or at least `n` and `len` (the old one) bytes; the
        // lock keeps other writers out, and `with` is no part of the array: callers pass copies.
        unsafe {
            match fresh {
                Some((v, f)) => {
                    let new = f.bytes_ptr();
                    std::ptr::copy_nonoverlapping(old, new, from);
                    std::ptr::copy_nonoverlapping(old.add(to), new.add(from + with.len()), len - to);
                    std::ptr::copy_nonoverlapping(with.as_ptr(), new.add(from), with.len());
                    b.data.set(v);
                }
                None => {
                    std::ptr::copy(old.add(to), old.add(from + with.len()), len - to);
                    std::ptr::copy_nonoverlapping(with.as_ptr(), old.add(from), with.len());
                }
            }
        }
        b.len.set(n);
        th.heap.unlock(&b.h);
        return Ok(());
    }
}

/// Stores one byte, if the index is still there.
fn store(th: &mut Thread, o: Value, i: usize, x: u8) -> R<()> {
    let b = array(o);
    th.heap.lock(&b.h);
    let bytes = seq::array_bytes(b);
    let there = i < bytes.len();
    if there {
        // SAFETY: within the buffer; the lock keeps other writers out.
        unsafe { *b.data.get().get::<Bytes>().bytes_ptr().add(i) = x };
    }
    th.heap.unlock(&b.h);
    if there { Ok(()) } else { Err(th.index_error("bytearray index out of range")) }
}

fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    let [source, encoding, errors] =
        super::bind::<3>(th, "bytearray", ["source", "encoding", "errors"], 0, args, kwargs)?;
    let bytes = match from_source(th, "bytearray", source, encoding, errors)? {
        Source::Value(v) => content(v).to_vec(),
        Source::Bytes(b) => b,
        Source::Zeros(n) => {
            let (data, _) = th.bytes_with(n)?;
            let b = array(o);
            if b.len.get() == 0 {
                b.data.set(data);
                b.len.set(n);
                return Ok(());
            }
            vec![0; n]
        }
    };
    splice(th, o, 0, usize::MAX, &bytes)
}

/// The bytes that a slice assignment or `extend` takes.
fn given(th: &mut Thread, v: Value) -> R<Vec<u8>> {
    if let Some(b) = seq::buffer(v) {
        return Ok(b.into_owned());
    }
    items(th, "bytearray", v)
}

fn setitem(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    if k.is_kind(Kind::Slice) {
        return set_slice(th, o, k, v);
    }
    if !seq::is_index(k) {
        let t = th.type_name(k);
        return Err(th.type_error(format!("bytearray indices must be integers or slices, not {t}")));
    }
    let i = seq::item(th, k, content(o).len(), "bytearray index out of range")?;
    if v.is_unbound() {
        return splice(th, o, i, i + 1, b"");
    }
    let x = byte(th, v, "byte must be in range(0, 256)")?;
    store(th, o, i, x)
}

fn set_slice(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    let with = if v.is_unbound() {
        Vec::new()
    } else if seq::buffer(v).is_some() {
        given(th, v)?
    } else {
        let text = crate::heap::text::is_text(v.base());
        if text || seq::is_index(v) || crate::run::class::slots(crate::run::class::class_of(v)).iter.is_none()
        {
            return Err(
                th.type_error("can assign only bytes, buffers, or iterables of ints in range(0, 256)")
            );
        }
        given(th, v)?
    };
    let (start, step, n) = seq::slice(th, k, content(o).len())?;
    if step == 1 {
        return splice(th, o, start, start + n, &with);
    }
    let bytes = content(o);
    let picked = |i: usize| start.wrapping_add_signed(step * i as isize);
    if v.is_unbound() {
        let gone: std::collections::BTreeSet<usize> = (0..n).map(picked).collect();
        let kept: Vec<u8> =
            bytes.iter().enumerate().filter(|(i, _)| !gone.contains(i)).map(|(_, b)| *b).collect();
        return splice(th, o, 0, usize::MAX, &kept);
    }
    if with.len() != n {
        if with.is_empty() && n == 0 {
            return Ok(());
        }
        let text = format!("attempt to assign bytes of size {} to extended slice of size {n}", with.len());
        return Err(th.value_error(text));
    }
    for (i, x) in with.iter().enumerate() {
        store(th, o, picked(i), *x)?;
    }
    Ok(())
}

fn inplace(th: &mut Thread, op: Bin, o: Value, v: Value) -> R {
    match op {
        Bin::Add => match seq::buffer(v) {
            Some(b) => {
                let b = b.into_owned();
                splice(th, o, usize::MAX, usize::MAX, &b)?;
                Ok(o)
            }
            None => {
                let (t, s) = (th.type_name(v), th.type_name(o));
                Err(th.type_error(format!("can't concat {t} to {s}")))
            }
        },
        Bin::Mul if seq::is_index(v) => {
            let n = seq::times(th, v)?;
            let made = th.binary(Bin::Mul, o.base(), Value::int(n as i64))?;
            let bytes = content(made).to_vec();
            splice(th, o, 0, usize::MAX, &bytes)?;
            Ok(o)
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

/// `append`.
pub fn append(th: &mut Thread, a: Args) -> R {
    let x = byte(th, a[1], "byte must be in range(0, 256)")?;
    splice(th, a[0], usize::MAX, usize::MAX, &[x])?;
    Ok(Value::NONE)
}

/// `clear`.
pub fn clear(th: &mut Thread, a: Args) -> R {
    splice(th, a[0], 0, usize::MAX, b"")?;
    Ok(Value::NONE)
}

/// `extend`.
pub fn extend(th: &mut Thread, o: Value, v: Value) -> R<()> {
    if seq::buffer(v).is_none() {
        let t = th.type_name(v);
        if crate::heap::text::is_text(v.base()) {
            return Err(th.type_error(format!("expected iterable of integers; got: '{t}'")));
        }
        let class = crate::run::class::slots(crate::run::class::class_of(v));
        if class.iter.is_none() && class.getitem.is_none() {
            return Err(th.type_error(format!("can't extend bytearray with {t}")));
        }
    }
    let bytes = given(th, v)?;
    splice(th, o, usize::MAX, usize::MAX, &bytes)
}

/// `insert`.
pub fn insert(th: &mut Thread, a: Args) -> R {
    let i = th.index(a[1])?;
    let x = byte(th, a[2], "byte must be in range(0, 256)")?;
    let n = content(a[0]).len();
    let at = if i < 0 { (i + n as isize).max(0) as usize } else { (i as usize).min(n) };
    splice(th, a[0], at, at, &[x])?;
    Ok(Value::NONE)
}

/// `pop`.
pub fn pop(th: &mut Thread, a: Args) -> R {
    let i = if a[1].is_unbound() { -1 } else { th.index(a[1])? };
    let bytes = content(a[0]);
    if bytes.is_empty() {
        return Err(th.index_error("pop from empty bytearray"));
    }
    let at = if i < 0 { i + bytes.len() as isize } else { i };
    let Some(x) = usize::try_from(at).ok().and_then(|at| bytes.get(at).copied()) else {
        return Err(th.index_error("pop index out of range"));
    };
    splice(th, a[0], at as usize, at as usize + 1, b"")?;
    Ok(Value::int(x as i64))
}

/// `remove`.
pub fn remove(th: &mut Thread, a: Args) -> R {
    let x = byte(th, a[1], "byte must be in range(0, 256)")?;
    match content(a[0]).iter().position(|b| *b == x) {
        Some(at) => {
            splice(th, a[0], at, at + 1, b"")?;
            Ok(Value::NONE)
        }
        None => Err(th.value_error("value not found in bytearray")),
    }
}

/// `resize`.
pub fn resize(th: &mut Thread, a: Args) -> R {
    let n = th.index(a[1])?;
    if n < 0 {
        return Err(th.value_error(format!("bytearray.resize(): new size must be >= 0, got {n}")));
    }
    let (n, len) = (n as usize, content(a[0]).len());
    if n <= len {
        splice(th, a[0], n, usize::MAX, b"")?;
    } else {
        let (zeros, _) = th.bytes_with(n - len)?;
        splice(th, a[0], usize::MAX, usize::MAX, content(zeros))?;
    }
    Ok(Value::NONE)
}

/// `reverse`.
pub fn reverse(th: &mut Thread, a: Args) -> R {
    let mut bytes = content(a[0]).to_vec();
    bytes.reverse();
    splice(th, a[0], 0, usize::MAX, &bytes)?;
    Ok(Value::NONE)
}
