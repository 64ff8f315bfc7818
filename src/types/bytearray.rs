//! `bytearray`: a mutable byte string. Invariant: `data` is a Bytes cell of at least `len` bytes; a change looks at the
//! bytes and makes its move under one hold of the object's lock, so that each method is atomic; the length changes only
//! while no view is held open. Arrays of `array` share the layout and these moves.

use super::bytes::{Source, byte, content, from_source, items};
use super::{seq, slice};
use crate::heap::known::{C, S};
use crate::heap::object::{ByteArray, Bytes, Slice};
use crate::heap::text::{StrBuilder, chars};
use crate::heap::{Full, Kind, Make, Value};
use crate::run::class::{class_of, slots as slots_of};
use crate::run::instance::wrap_base;
use crate::run::{Args, Bin, ClassDef, PLAIN, R, Raised, Thread, TypeSlots};

/// How a bytearray, or an instance of a subclass, is made again.
pub fn reduce_array(th: &mut Thread, o: Value, proto: isize) -> R {
    let window = [o];
    let state = super::reduce::getstate(th, crate::run::Args { at: window.as_ptr(), n: 1 })?;
    let bytes = content(o).to_vec();
    let args = if bytes.is_empty() {
        th.tuple(&[])?
    } else if proto >= 3 {
        let b = super::bytes::make(th, &bytes)?;
        th.tuple(&[b])?
    } else {
        let latin: String = bytes.iter().map(|b| *b as char).collect();
        let (t, codec) = (th.str(&latin)?, th.intern("latin-1")?);
        th.tuple(&[t, codec])?
    };
    Ok(th.tuple(&[crate::run::class::class_of(o), args, state])?)
}

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
        chars::repr_array(content(o), &mut out)?;
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

/// The array, also of an instance of a subclass.
pub fn array(o: Value) -> &'static ByteArray {
    o.base().get::<ByteArray>()
}

/// Puts a whole new content in place: a Bytes cell that nobody else has, of which `len` bytes count.
pub fn put(th: &mut Thread, b: &ByteArray, data: Value, len: usize) -> R<()> {
    th.heap.lock(&b.h);
    let held = len != b.len.get() && b.exports.get() > 0;
    if !held {
        b.data.set(data);
        b.len.set(len);
    }
    th.heap.unlock(&b.h);
    if held { Err(exported(th, b)) } else { Ok(()) }
}

#[cold]
fn exported(th: &mut Thread, b: &ByteArray) -> Raised {
    th.buffer_error(match b.is_plain() {
        true => "Existing exports of data: object cannot be re-sized",
        false => "cannot resize an array that is exporting buffers",
    })
}

/// Replaces the bytes `from..to` that `plan` names, having seen the content, by `with`, which is no part of the array;
/// gives what else `plan` found. Nothing happens where it finds nothing.
pub fn edit<T>(
    th: &mut Thread,
    o: Value,
    with: &[u8],
    plan: impl Fn(&[u8]) -> Option<(usize, usize, T)>,
) -> R<Option<T>> {
    let b = array(o);
    let mut spare: Option<(Value, &Bytes)> = None;
    loop {
        th.heap.lock(&b.h);
        let (data, bytes) = (b.data.get().get::<Bytes>(), seq::array_bytes(b));
        let Some((from, to, found)) = plan(bytes) else {
            th.heap.unlock(&b.h);
            return Ok(None);
        };
        let len = bytes.len();
        let n = len - (to - from) + with.len();
        if n != len && b.exports.get() > 0 {
            th.heap.unlock(&b.h);
            return Err(exported(th, b));
        }
        let old = data.bytes_ptr();
        match spare {
            // The shared empty buffer has no room, so it is never written.
            _ if n <= data.len.get() => {
                // SAFETY: the buffer has room for `n` and for `len` bytes; the lock keeps other writers out, and
                // `with` lies elsewhere.
                unsafe {
                    std::ptr::copy(old.add(to), old.add(from + with.len()), len - to);
                    std::ptr::copy_nonoverlapping(with.as_ptr(), old.add(from), with.len());
                }
            }
            Some((v, fresh)) if n <= fresh.len.get() => {
                let new = fresh.bytes_ptr();
                // SAFETY: the new buffer has room for `n` bytes and nobody else has it.
                unsafe {
                    std::ptr::copy_nonoverlapping(old, new, from);
                    std::ptr::copy_nonoverlapping(with.as_ptr(), new.add(from), with.len());
                    std::ptr::copy_nonoverlapping(old.add(to), new.add(from + with.len()), len - to);
                }
                b.data.set(v);
            }
            _ => {
                th.heap.unlock(&b.h);
                spare = Some(th.bytes_with(n + n / 8 + 8)?);
                continue;
            }
        }
        b.len.set(n);
        th.heap.unlock(&b.h);
        return Ok(Some(found));
    }
}

/// Replaces the content by what `change` makes of it, unless it makes nothing; whether it did.
pub fn renew(th: &mut Thread, o: Value, change: impl Fn(&[u8]) -> Make<Option<Vec<u8>>>) -> R<bool> {
    let b = array(o);
    loop {
        let before = snapshot(th, b)?;
        let Some(after) = change(&before)? else { return Ok(false) };
        let (data, _) = th.bytes_with(after.len())?;
        let fresh = data.get::<Bytes>();
        // SAFETY: the fresh cell was made with that many bytes.
        unsafe { std::ptr::copy_nonoverlapping(after.as_ptr(), fresh.bytes_ptr(), after.len()) };
        th.heap.lock(&b.h);
        let same = !th.heap.shared || seq::array_bytes(b) == before;
        let held = after.len() != before.len() && b.exports.get() > 0;
        if same && !held {
            b.data.set(data);
            b.len.set(after.len());
        }
        th.heap.unlock(&b.h);
        match (same, held) {
            (true, true) => return Err(exported(th, b)),
            (true, false) => return Ok(true),
            _ => {}
        }
    }
}

/// The content at one moment.
pub fn snapshot(th: &mut Thread, b: &ByteArray) -> R<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve(b.len.get()).map_err(|_| Full)?;
    th.heap.lock(&b.h);
    out.extend_from_slice(seq::array_bytes(b));
    th.heap.unlock(&b.h);
    Ok(out)
}

fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    // A script class below bytearray may take further arguments in its `__new__`.
    let kwargs = if class_of(o) == C::bytearray.v() { kwargs } else { Value::UNBOUND };
    let [source, encoding, errors] =
        super::bind::<3>(th, "bytearray", ["source", "encoding", "errors"], 0, args, kwargs)?;
    let (data, n) = match from_source(th, "bytearray", source, encoding, errors)? {
        Source::Value(v) => (th.bytes(content(v))?, content(v).len()),
        Source::Bytes(b) => (th.bytes(&b)?, b.len()),
        Source::Zeros(0) => (S::empty_bytes.v(), 0),
        Source::Zeros(n) => (th.bytes_with(n)?.0, n),
    };
    put(th, array(o), data, n)
}

/// The bytes that a slice assignment or `extend` takes.
fn given(th: &mut Thread, v: Value) -> R<Vec<u8>> {
    if let Some(b) = seq::buffer(v) {
        return Ok(b.into_owned());
    }
    items(th, "bytearray", v)
}

fn setitem(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    if let Some(s) = k.cast::<Slice>() {
        return set_slice(th, o, s, v);
    }
    if !seq::is_index(k) {
        let t = th.type_name(k);
        return Err(th.type_error(format!("bytearray indices must be integers or slices, not {t}")));
    }
    const OUT: &str = "bytearray index out of range";
    let i = slice::position(th, k, "bytearray")?;
    let x = if v.is_unbound() { 0 } else { byte(th, v, "byte must be in range(0, 256)")? };
    let Some(i) = slice::place(i, content(o).len()) else { return Err(th.index_error(OUT)) };
    let done = if v.is_unbound() {
        edit(th, o, b"", |b| (i < b.len()).then_some((i, i + 1, ())))?
    } else {
        edit(th, o, &[x], |b| (i < b.len()).then_some((i, i + 1, ())))?
    };
    if done.is_some() { Ok(()) } else { Err(th.index_error(OUT)) }
}

fn set_slice(th: &mut Thread, o: Value, s: &Slice, v: Value) -> R<()> {
    let parts = slice::unpack(th, s)?;
    let with = if v.is_unbound() {
        Vec::new()
    } else {
        let number =
            seq::is_index(v) || slots_of(class_of(v)).float.is_some() || v.base().is_kind(Kind::Complex);
        if seq::buffer(v).is_none() && (number || crate::heap::text::is_text(v.base())) {
            let text = "can assign only bytes, buffers, or iterables of ints in range(0, 256)";
            return Err(th.type_error(text));
        }
        given(th, v)?
    };
    let span = parts.within(content(o).len());
    if span.step == 1 {
        edit(th, o, &with, |b| {
            let s = parts.within(b.len());
            Some((s.start as usize, s.stop.max(s.start) as usize, ()))
        })?;
        return Ok(());
    }
    if v.is_unbound() || with.is_empty() {
        if span.n == 0 {
            return Ok(());
        }
        renew(th, o, |b| {
            let s = parts.within(b.len());
            // Every `step`th byte from the lowest one selected on goes.
            let step = s.step.unsigned_abs();
            let low = if s.step > 0 { s.start } else { s.start + s.step * (s.n as isize - 1) } as usize;
            let gone = |i: usize| i >= low && (i - low).is_multiple_of(step) && (i - low) / step < s.n;
            Ok(Some(b.iter().enumerate().filter(|(i, _)| s.n == 0 || !gone(*i)).map(|(_, x)| *x).collect()))
        })?;
        return Ok(());
    }
    let fits = renew(th, o, |b| {
        let s = parts.within(b.len());
        let mut out = b.to_vec();
        for (i, x) in with.iter().enumerate() {
            if s.n == with.len() {
                out[s.start.wrapping_add(s.step * i as isize) as usize] = *x;
            }
        }
        Ok((s.n == with.len()).then_some(out))
    })?;
    if fits {
        return Ok(());
    }
    let (m, n) = (with.len(), span.n);
    Err(th.value_error(format!("attempt to assign bytes of size {m} to extended slice of size {n}")))
}

fn inplace(th: &mut Thread, op: Bin, o: Value, v: Value) -> R {
    match op {
        Bin::Add => match seq::buffer(v) {
            // The operand is itself a view of the array.
            Some(b) if o == v && !b.is_empty() => Err(exported(th, array(o))),
            Some(b) => {
                // A copy: a view may show the array itself.
                let bytes = b.into_owned();
                push(th, o, &bytes)?;
                Ok(o)
            }
            None => {
                let (t, s) = (th.type_name(v), th.type_name(o));
                Err(th.type_error(format!("can't concat {t} to {s}")))
            }
        },
        Bin::Mul if seq::is_index(v) => {
            let n = seq::times(th, v)?;
            renew(th, o, |b| {
                let total = b.len().checked_mul(n).ok_or(Full)?;
                let mut out = Vec::new();
                out.try_reserve(total).map_err(|_| Full)?;
                (0..n).for_each(|_| out.extend_from_slice(b));
                Ok(Some(out))
            })?;
            Ok(o)
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

/// Adds bytes, which are no part of the array, at the end.
fn push(th: &mut Thread, o: Value, with: &[u8]) -> R<()> {
    edit(th, o, with, |b| Some((b.len(), b.len(), ())))?;
    Ok(())
}

/// `append`.
pub fn append(th: &mut Thread, a: Args) -> R {
    let x = byte(th, a[1], "byte must be in range(0, 256)")?;
    push(th, a[0], &[x])?;
    Ok(Value::NONE)
}

/// `clear`.
pub fn clear(th: &mut Thread, a: Args) -> R {
    put(th, array(a[0]), S::empty_bytes.v(), 0)?;
    Ok(Value::NONE)
}

/// `extend`.
pub fn extend(th: &mut Thread, a: Args) -> R {
    let v = a[1];
    if seq::buffer(v).is_none() {
        let t = th.type_name(v);
        if crate::heap::text::is_text(v.base()) {
            return Err(th.type_error(format!("expected iterable of integers; got: '{t}'")));
        }
        if !super::list::is_iterable(v) {
            return Err(th.type_error(format!("can't extend bytearray with {t}")));
        }
    }
    let bytes = given(th, v)?;
    push(th, a[0], &bytes)?;
    Ok(Value::NONE)
}

/// `insert`.
pub fn insert(th: &mut Thread, a: Args) -> R {
    let i = slice::ssize(th, a[1])?;
    let x = byte(th, a[2], "byte must be in range(0, 256)")?;
    edit(th, a[0], &[x], |b| {
        let n = b.len() as isize;
        let at = if i < 0 { i.saturating_add(n).max(0) } else { i.min(n) } as usize;
        Some((at, at, ()))
    })?;
    Ok(Value::NONE)
}

/// `pop`.
pub fn pop(th: &mut Thread, a: Args) -> R {
    let i = if a[1].is_unbound() { -1 } else { slice::ssize(th, a[1])? };
    let popped = edit(th, a[0], b"", |b| slice::place(i, b.len()).map(|at| (at, at + 1, b[at])))?;
    match popped {
        Some(x) => Ok(Value::int(x as i64)),
        None if content(a[0]).is_empty() => Err(th.index_error("pop from empty bytearray")),
        None => Err(th.index_error("pop index out of range")),
    }
}

/// `remove`.
pub fn remove(th: &mut Thread, a: Args) -> R {
    let x = byte(th, a[1], "byte must be in range(0, 256)")?;
    match edit(th, a[0], b"", |b| memchr::memchr(x, b).map(|at| (at, at + 1, ())))? {
        Some(()) => Ok(Value::NONE),
        None => Err(th.value_error("value not found in bytearray")),
    }
}

/// `resize`.
pub fn resize(th: &mut Thread, a: Args) -> R {
    let n = slice::ssize(th, a[1])?;
    let Ok(n) = usize::try_from(n) else {
        return Err(th.value_error(format!("Can only resize to positive sizes, got {n}")));
    };
    renew(th, a[0], |b| {
        let mut out = b[..n.min(b.len())].to_vec();
        out.try_reserve(n - out.len()).map_err(|_| Full)?;
        out.resize(n, 0);
        Ok(Some(out))
    })?;
    Ok(Value::NONE)
}

/// `reverse`.
pub fn reverse(th: &mut Thread, a: Args) -> R {
    renew(th, a[0], |b| Ok(Some(b.iter().rev().copied().collect())))?;
    Ok(Value::NONE)
}
