//! Code points and where they are. Invariant: offsets are byte offsets of boundaries of generalised UTF-8; only a
//! text with more bytes than code points needs more than arithmetic, and a long one keeps a crumb per 64 code points.

use super::{byte_len, bytes_of, char_string, flat, is_ascii, len, of_bytes};
use crate::heap::Make;
use crate::heap::cell::{Header, Kind, Raw};
use crate::heap::known::{C, S};
use crate::heap::object::{Layout, Str};
use crate::heap::space::Mutator;
use crate::heap::value::Value;

/// Code points between crumbs.
const STRIDE: usize = 64;
/// Nearer to either end than this, counting is as good as crumbs.
const NEAR: usize = 128;

/// Byte offsets of code points 64, 128, ...
#[repr(C)]
struct Crumbs {
    h: Header,
    count: Raw,
    offsets: [Raw; 0],
}
// SAFETY: repr(C) with a Header first; a Str's crumbs word only ever names cells made by `crumbs`.
unsafe impl Layout for Crumbs {
    const KIND: Kind = Kind::Data;
}

impl Crumbs {
    fn at(&self, i: usize) -> &Raw {
        assert!(i < self.count.get());
        // SAFETY: checked against this cell's count.
        unsafe { &*(&raw const self.offsets as *const Raw).add(i) }
    }
}

/// Bytes of the code point that begins with `first`.
#[inline(always)]
pub fn width(first: u8) -> usize {
    match first {
        0..0x80 => 1,
        0x80..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

/// The code point at byte `at` and its width; `at` is a boundary before the end.
#[inline(always)]
pub fn decode(bytes: &[u8], at: usize) -> (u32, usize) {
    let b = |i: usize| (bytes[at + i] & 0x3f) as u32;
    let first = bytes[at] as u32;
    match width(bytes[at]) {
        1 => (first, 1),
        2 => ((first & 0x1f) << 6 | b(1), 2),
        3 => ((first & 0xf) << 12 | b(1) << 6 | b(2), 3),
        _ => ((first & 7) << 18 | b(1) << 12 | b(2) << 6 | b(3), 4),
    }
}

/// Writes a code point, surrogates included; its width.
#[inline]
pub fn encode(code: u32, out: &mut [u8; 4]) -> usize {
    let tail = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
    match code {
        0..0x80 => {
            out[0] = code as u8;
            1
        }
        0x80..0x800 => {
            out[..2].copy_from_slice(&[0xc0 | (code >> 6) as u8, tail(0)]);
            2
        }
        0x800..0x1_0000 => {
            out[..3].copy_from_slice(&[0xe0 | (code >> 12) as u8, tail(6), tail(0)]);
            3
        }
        _ => {
            *out = [0xf0 | (code >> 18) as u8, tail(12), tail(6), tail(0)];
            4
        }
    }
}

/// The code points of bytes, surrogates included.
#[derive(Clone)]
pub struct Codes<'a> {
    bytes: &'a [u8],
}

/// Iterates over the code points of bytes of generalised UTF-8.
pub fn codes(bytes: &[u8]) -> Codes<'_> {
    Codes { bytes }
}

impl Codes<'_> {
    /// What is not yet iterated over.
    pub fn rest(&self) -> &[u8] {
        self.bytes
    }
}

impl Iterator for Codes<'_> {
    type Item = u32;
    #[inline]
    fn next(&mut self) -> Option<u32> {
        if self.bytes.is_empty() {
            return None;
        }
        let (code, n) = decode(self.bytes, 0);
        self.bytes = &self.bytes[n..];
        Some(code)
    }
}

impl DoubleEndedIterator for Codes<'_> {
    fn next_back(&mut self) -> Option<u32> {
        if self.bytes.is_empty() {
            return None;
        }
        let at = back(self.bytes, self.bytes.len());
        let (code, _) = decode(self.bytes, at);
        self.bytes = &self.bytes[..at];
        Some(code)
    }
}

/// Number of code points.
pub fn count(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| **b & 0xc0 != 0x80).count()
}

/// The boundary before boundary `at`, which is above 0.
#[inline]
fn back(bytes: &[u8], mut at: usize) -> usize {
    at -= 1;
    while at > 0 && bytes[at] & 0xc0 == 0x80 {
        at -= 1;
    }
    at
}

/// The boundary `n` code points after `at`, at most the end.
fn forward(bytes: &[u8], mut at: usize, n: usize) -> usize {
    for _ in 0..n {
        match bytes.get(at) {
            Some(&b) => at += width(b),
            None => break,
        }
    }
    at.min(bytes.len())
}

/// Byte offset of code point `i` (at most the length).
pub fn offset(m: &mut Mutator, v: Value, i: usize) -> Make<usize> {
    let n = len(v);
    if is_ascii(v) || i == 0 {
        return Ok(i);
    }
    if i >= n {
        return Ok(byte_len(v));
    }
    let bytes = bytes_of(m, v)?;
    if i < NEAR {
        return Ok(forward(bytes, 0, i));
    }
    if n - i < NEAR {
        let mut at = bytes.len();
        for _ in i..n {
            at = back(bytes, at);
        }
        return Ok(at);
    }
    let s = flat(m, v)?;
    let crumbs = crumbs(m, s)?;
    let from = if i < STRIDE { 0 } else { crumbs.at(i / STRIDE - 1).get() };
    Ok(forward(s.bytes(), from, i % STRIDE))
}

/// Index of the code point at byte `offset`, a boundary.
pub fn index_of(m: &mut Mutator, v: Value, offset: usize) -> Make<usize> {
    if is_ascii(v) || offset == 0 {
        return Ok(offset);
    }
    let bytes = bytes_of(m, v)?;
    if offset <= 4 * NEAR {
        return Ok(count(&bytes[..offset]));
    }
    let s = flat(m, v)?;
    let crumbs = crumbs(m, s)?;
    let (mut low, mut high) = (0, crumbs.count.get());
    while low < high {
        let mid = (low + high) / 2;
        if crumbs.at(mid).get() <= offset { low = mid + 1 } else { high = mid }
    }
    let from = if low == 0 { 0 } else { crumbs.at(low - 1).get() };
    Ok(low * STRIDE + count(&s.bytes()[from..offset]))
}

fn crumbs(m: &mut Mutator, s: &'static Str) -> Make<&'static Crumbs> {
    if let Some(c) = s.crumbs.get().cast::<Crumbs>() {
        return Ok(c);
    }
    let n = s.nchars.get() / STRIDE;
    let (v, made) = m.new::<Crumbs>(C::internal.shape(), 0, n * 8)?;
    made.count.set(n);
    let bytes = s.bytes();
    let mut at = 0;
    for i in 0..n {
        at = forward(bytes, at, STRIDE);
        made.at(i).set(at);
    }
    s.crumbs.set(v);
    Ok(made)
}

/// The code point at index `i`, which is below the length.
pub fn code_at(m: &mut Mutator, v: Value, i: usize) -> Make<u32> {
    let at = offset(m, v, i)?;
    Ok(decode(bytes_of(m, v)?, at).0)
}

/// The one-character text at index `i`, which is below the length.
#[inline]
pub fn char_at(m: &mut Mutator, v: Value, i: usize) -> Make {
    let code = if is_ascii(v) { bytes_of(m, v)?[i] as u32 } else { code_at(m, v, i)? };
    char_string(m, code)
}

/// One step of iteration by byte offset: the character at `at` and the offset after it, or nothing at the end.
#[inline]
pub fn step(m: &mut Mutator, v: Value, at: usize) -> Make<Option<(Value, usize)>> {
    let bytes = bytes_of(m, v)?;
    if at >= bytes.len() {
        return Ok(None);
    }
    let (code, n) = decode(bytes, at);
    Ok(Some((char_string(m, code)?, at + n)))
}

/// Code points `start..stop`, which are within the length.
pub fn substring(m: &mut Mutator, v: Value, start: usize, stop: usize) -> Make {
    if start >= stop {
        return Ok(S::empty_str.v());
    }
    if start == 0 && stop == len(v) {
        return Ok(v);
    }
    if is_ascii(v) {
        let bytes = bytes_of(m, v)?;
        return super::of_ascii(m, &bytes[start..stop]);
    }
    let (from, to) = (offset(m, v, start)?, offset(m, v, stop)?);
    let bytes = bytes_of(m, v)?;
    of_bytes(m, &bytes[from..to])
}

/// `n` code points from `start` on by `step`; all of them are within the length.
pub fn slice(m: &mut Mutator, v: Value, start: usize, step: isize, n: usize) -> Make {
    if n == 0 {
        return Ok(S::empty_str.v());
    }
    if step == 1 {
        return substring(m, v, start, start + n);
    }
    if n == 1 {
        return char_at(m, v, start);
    }
    let at = offset(m, v, start)?;
    let bytes = bytes_of(m, v)?;
    if is_ascii(v) {
        return super::ascii_by(m, n, |k| bytes[start.wrapping_add_signed(step * k as isize)]);
    }
    let mut out = super::StrBuilder::new();
    out.reserve(n)?;
    let mut at = at;
    for k in 0..n {
        out.push_bytes(&bytes[at..at + width(bytes[at])])?;
        if k + 1 == n {
            break;
        }
        if step > 0 {
            at = forward(bytes, at, step as usize);
        } else {
            for _ in 0..step.unsigned_abs() {
                at = back(bytes, at);
            }
        }
    }
    out.finish(m)
}

/// Order of two texts by code points.
pub fn compare(m: &mut Mutator, a: Value, b: Value) -> Make<std::cmp::Ordering> {
    let x = bytes_of(m, a)?;
    Ok(x.cmp(bytes_of(m, b)?))
}

/// Whether two texts are equal.
#[inline]
pub fn equal(m: &mut Mutator, a: Value, b: Value) -> Make<bool> {
    if a == b {
        return Ok(true);
    }
    if byte_len(a) != byte_len(b) {
        return Ok(false);
    }
    let x = bytes_of(m, a)?;
    Ok(x == bytes_of(m, b)?)
}
