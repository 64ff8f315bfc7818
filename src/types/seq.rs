//! Positions in sequences: indices, slices, `start` and `stop` arguments, and the bytes of bytes-likes. Invariant:
//! what comes out lies within the length that went in.

use crate::heap::Value;
use crate::heap::bigint;
use crate::heap::object::{ByteArray, Bytes, Slice};
use crate::run::arith;
use crate::run::class::{class_of, slots};
use crate::run::{R, Thread};
use std::borrow::Cow;

/// Whether `operator.index` works on the value.
pub fn is_index(v: Value) -> bool {
    bigint::is_integer(v.base()) || slots(class_of(v)).index.is_some()
}

/// A `start` or `stop`: absent or None is `default`; negative counts from the end.
fn edge(th: &mut Thread, v: Value, default: usize, len: usize) -> R<usize> {
    if v.is_unbound() || v.is_none() {
        return Ok(default);
    }
    if !is_index(v) {
        return Err(th.type_error("slice indices must be integers or None or have an __index__ method"));
    }
    let i = arith::clamped(th, v)?;
    Ok(if i < 0 { i.saturating_add_unsigned(len).max(0) as usize } else { i as usize })
}

/// The window of `find`, `count`, `startswith` and the like; `start` may lie beyond `stop`.
pub fn window(th: &mut Thread, start: Value, stop: Value, len: usize) -> R<(usize, usize)> {
    let from = edge(th, start, 0, len)?;
    let to = edge(th, stop, len, len)?;
    Ok((from, to.min(len)))
}

/// First index, step and number of items of a slice of a sequence of `len` items.
pub fn slice(th: &mut Thread, s: Value, len: usize) -> R<(usize, isize, usize)> {
    let s = s.get::<Slice>();
    let (start, stop, step) = (s.start.get(), s.stop.get(), s.step.get());
    let mut part = |v: Value| -> R<Option<isize>> {
        if v.is_none() {
            return Ok(None);
        }
        if !is_index(v) {
            return Err(th.type_error("slice indices must be integers or None or have an __index__ method"));
        }
        arith::clamped(th, v).map(Some)
    };
    let (step, start, stop) = (part(step)?.unwrap_or(1), part(start)?, part(stop)?);
    if step == 0 {
        return Err(th.value_error("slice step cannot be zero"));
    }
    let n = len as isize;
    let (low, high) = if step > 0 { (0, n) } else { (-1, n - 1) };
    let place = |v: Option<isize>, default: isize| match v {
        None => default,
        Some(i) if i < 0 => i.saturating_add(n).max(low),
        Some(i) => i.min(high),
    };
    let (from, to) = if step > 0 {
        (place(start, low), place(stop, high))
    } else {
        (place(start, high), place(stop, low))
    };
    let count = if step > 0 && from < to {
        (to - from - 1) / step + 1
    } else if step < 0 && to < from {
        // The least step has no positive counterpart.
        (from - to - 1) / step.checked_neg().unwrap_or(isize::MAX) + 1
    } else {
        0
    };
    Ok((from.max(0) as usize, step, count as usize))
}

/// An index within `len`, or IndexError with the text.
pub fn item(th: &mut Thread, k: Value, len: usize, text: &str) -> R<usize> {
    let i = arith::index(th, k)?;
    let Some(i) = bigint::to_i64(i) else {
        return Err(th.index_error("cannot fit 'int' into an index-sized integer"));
    };
    super::slice::place(i as isize, len).ok_or_else(|| th.index_error(text))
}

/// The times of a repetition: negative is 0; OverflowError beyond an index.
pub fn times(th: &mut Thread, v: Value) -> R<usize> {
    Ok(th.index(v)?.max(0) as usize)
}

/// The bytes of a bytearray as they are now.
pub fn array_bytes(b: &ByteArray) -> &'static [u8] {
    let data = b.data.get().get::<Bytes>().bytes();
    &data[..b.len.get().min(data.len())]
}

/// The bytes of a bytes, bytearray, mapping or memoryview (or an instance of a subclass).
pub fn buffer(v: Value) -> Option<Cow<'static, [u8]>> {
    let b = v.base();
    if let Some(b) = b.cast::<Bytes>() {
        return Some(Cow::Borrowed(b.bytes()));
    }
    if let Some(b) = b.cast::<ByteArray>() {
        return Some(Cow::Borrowed(array_bytes(b)));
    }
    if let Some(m) = super::mapping::Mapping::of(b) {
        return Some(Cow::Borrowed(m.bytes()));
    }
    super::memoryview::contents(b)
}

/// As [`buffer`], or TypeError.
pub fn need_buffer(th: &mut Thread, v: Value) -> R<Cow<'static, [u8]>> {
    match buffer(v) {
        Some(b) => Ok(b),
        None => Err(th.type_error(format!("a bytes-like object is required, not '{}'", th.type_name(v)))),
    }
}

/// The class of an argument as errors about it say: `None` for None, else the class's name.
pub fn said(th: &mut Thread, v: Value) -> String {
    if v.is_none() { "None".to_string() } else { th.type_name(v) }
}
