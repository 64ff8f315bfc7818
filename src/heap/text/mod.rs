//! Text as the heap keeps it: flat Strs, and ropes for what concatenation made. Runs no user code.
//!
//! Text is generalised UTF-8: every code point, lone surrogates included, is encoded by itself, so a text is all
//! ASCII exactly when it has as many bytes as code points.
//!
//! A rope's `data` word names a cell whose kind says what it is: an Array of two texts not yet joined; a Data cell,
//! a [`Buffer`] whose first `nbytes` bytes are this rope's and in whose free rest the next `+=` writes; or the flat
//! Str. Invariant: only that word ever changes, to a cell of the same text.

pub mod build;
pub mod charmap;
mod charmap_table;
pub mod chars;
pub mod codec;
pub mod index;
pub mod multi;
pub mod search;
mod unicode;

pub use build::StrBuilder;

use super::cell::{Header, Kind, Raw, flag};
use super::known::{C, S};
use super::make::seal;
use super::object::{Array, Rope, Str};
use super::space::Mutator;
use super::value::Value;
use super::{Full, Make};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;

/// Concatenations up to this size are copied.
const COPIED: usize = 1024;

/// A byte buffer that ropes share: each owns a prefix; `fill` is claimed by whoever appends.
#[repr(C)]
pub(super) struct Buffer {
    h: Header,
    cap: Raw,
    fill: Raw,
    data: [u8; 0],
}
// SAFETY: repr(C) with a Header first; a rope's Data cell is only ever made by `new_buffer`.
unsafe impl super::object::Layout for Buffer {
    const KIND: Kind = Kind::Data;
}

impl Buffer {
    fn ptr(&self) -> *mut u8 {
        &raw const self.data as *mut u8
    }
}

/// Whether this is text.
#[inline(always)]
pub fn is_text(v: Value) -> bool {
    matches!(v.kind(), Kind::Str | Kind::Rope)
}

/// Length in bytes of a text.
#[inline]
pub fn byte_len(v: Value) -> usize {
    match v.cast::<Str>() {
        Some(s) => s.nbytes.get(),
        None => v.get::<Rope>().nbytes.get(),
    }
}

/// Length in code points of a text.
#[inline]
pub fn len(v: Value) -> usize {
    match v.cast::<Str>() {
        Some(s) => s.nchars.get(),
        None => v.get::<Rope>().nchars.get(),
    }
}

/// Whether a text is all ASCII.
#[inline]
pub fn is_ascii(v: Value) -> bool {
    len(v) == byte_len(v)
}

/// The bytes of a text: cheap except for the first reading after a joining of long texts.
#[inline]
pub fn bytes_of(m: &mut Mutator, v: Value) -> Make<&'static [u8]> {
    match v.cast::<Str>() {
        Some(s) => Ok(s.bytes()),
        None => rope_bytes(m, v.get::<Rope>()),
    }
}

fn rope_bytes(m: &mut Mutator, r: &Rope) -> Make<&'static [u8]> {
    match flat_bytes(r) {
        Some(bytes) => Ok(bytes),
        None => Ok(flatten(m, r)?.bytes()),
    }
}

/// The bytes of a rope that is not two texts still to be joined.
fn flat_bytes(r: &Rope) -> Option<&'static [u8]> {
    let data = r.data.get();
    match data.kind() {
        Kind::Str => Some(data.get::<Str>().bytes()),
        Kind::Data => {
            let b = data.get::<Buffer>();
            // SAFETY: the first `nbytes` bytes of the buffer were written before this rope was published and
            // are never written again; the slice is an interior pointer, which keeps the buffer alive.
            Some(unsafe { std::slice::from_raw_parts(b.ptr(), r.nbytes.get()) })
        }
        _ => None,
    }
}

/// The bytes of a value that is a text, if they can be had without allocating.
pub fn peek_bytes(v: Value) -> Option<&'static [u8]> {
    match v.cast::<Str>() {
        Some(s) => Some(s.bytes()),
        None => flat_bytes(v.cast::<Rope>()?),
    }
}

/// The text as a flat Str, which a rope keeps from then on. In a loop of `+=` prefer [`bytes_of`].
#[inline]
pub fn flat(m: &mut Mutator, v: Value) -> Make<&'static Str> {
    match v.cast::<Str>() {
        Some(s) => Ok(s),
        None => flatten(m, v.get::<Rope>()),
    }
}

/// As [`flat`], as a value.
#[inline]
pub fn flat_value(m: &mut Mutator, v: Value) -> Make {
    if v.kind() == Kind::Str { Ok(v) } else { Ok(Value::ptr(flat(m, v)?)) }
}

fn flatten(m: &mut Mutator, r: &Rope) -> Make<&'static Str> {
    if let Some(s) = r.data.get().cast::<Str>() {
        return Ok(s);
    }
    let (v, s) = m.str_with(r.nbytes.get())?;
    // SAFETY: the Str has `nbytes` bytes, the length of the rope's text, and is not yet seen by anyone.
    unsafe { copy_rope(r, s.bytes_ptr())? };
    close(s, r.nchars.get());
    r.data.set(v);
    Ok(s)
}

/// Completes a Str whose number of code points is known.
fn close(s: &Str, nchars: usize) {
    s.nchars.set(nchars);
    if nchars == s.nbytes.get() {
        s.h.set(flag::ASCII);
    }
}

/// Writes the text of `v` to `to`.
///
/// # Safety
/// There is room for its `byte_len` bytes, which nobody reads.
unsafe fn copy_text(v: Value, to: *mut u8) -> Make<()> {
    match v.cast::<Str>() {
        // SAFETY: by the caller's promise; a fresh destination overlaps no source.
        Some(s) => unsafe { std::ptr::copy_nonoverlapping(s.bytes().as_ptr(), to, s.bytes().len()) },
        // SAFETY: by the caller's promise.
        None => unsafe { copy_rope(v.get::<Rope>(), to)? },
    }
    Ok(())
}

/// A part of a rope still to be written.
enum Part {
    Flat(&'static [u8]),
    Tree(&'static Rope),
}

impl Part {
    fn of(v: Value) -> Part {
        match v.cast::<Rope>() {
            Some(r) => Part::Tree(r),
            None => Part::Flat(v.get::<Str>().bytes()),
        }
    }
}

/// Writes a rope from its end to its beginning. Nothing is allocated from the heap meanwhile, and every part noted
/// is reachable from the rope.
///
/// # Safety
/// As [`copy_text`].
unsafe fn copy_rope(r: &Rope, to: *mut u8) -> Make<()> {
    let mut end = r.nbytes.get();
    // SAFETY: the rope is live, as every cell whose reference a caller holds.
    let mut parts = vec![Part::Tree(unsafe { &*(r as *const Rope) })];
    while let Some(part) = parts.pop() {
        let bytes = match part {
            Part::Flat(bytes) => bytes,
            Part::Tree(r) => {
                let data = r.data.get();
                match data.cast::<Array>() {
                    None => flat_bytes(r).unwrap_or_default(),
                    Some(pair) => {
                        parts.try_reserve(2).map_err(|_| Full)?;
                        // SAFETY: the Array of a rope has two items.
                        let (left, right) = unsafe { (pair.item(0).get(), pair.item(1).get()) };
                        parts.push(Part::of(left));
                        parts.push(Part::of(right));
                        continue;
                    }
                }
            }
        };
        end -= bytes.len();
        // SAFETY: the parts of a rope sum to its length, so `end` stays within the destination.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.add(end), bytes.len()) };
    }
    Ok(())
}

fn new_rope(m: &mut Mutator, data: Value, nbytes: usize, nchars: usize) -> Make {
    let (v, r) = m.new::<Rope>(C::str.shape(), 1, 0)?;
    r.data.set(data);
    r.nbytes.set(nbytes);
    r.nchars.set(nchars);
    Ok(v)
}

/// `a + b`. Short results are copied; two long flat texts are only noted; what is added to the result of an
/// addition goes into a buffer with room for more.
pub fn concat(m: &mut Mutator, a: Value, b: Value) -> Make {
    let (na, nb) = (byte_len(a), byte_len(b));
    if nb == 0 {
        return Ok(a);
    }
    if na == 0 {
        return Ok(b);
    }
    let (n, nchars) = (na + nb, len(a) + len(b));
    if n <= COPIED {
        let (v, s) = m.str_with(n)?;
        // SAFETY: the fresh Str has room for both.
        unsafe {
            copy_text(a, s.bytes_ptr())?;
            copy_text(b, s.bytes_ptr().add(na))?;
        }
        close(s, nchars);
        return Ok(v);
    }
    let data = match a.cast::<Rope>() {
        Some(r) => appended(m, r, b, n)?,
        None => {
            let pair = m.array(2)?;
            for (i, text) in [a, b].into_iter().enumerate() {
                if let Some(slot) = pair.get::<Array>().slot(i) {
                    slot.set(text);
                }
            }
            pair
        }
    };
    new_rope(m, data, n, nchars)
}

/// The buffer in which the text of `r` is followed by `b`, `n` bytes together.
fn appended(m: &mut Mutator, r: &Rope, b: Value, n: usize) -> Make {
    let na = r.nbytes.get();
    let data = r.data.get();
    if let Some(buffer) = data.cast::<Buffer>()
        && n <= buffer.cap.get()
        && buffer
            .fill
            .atomic()
            .compare_exchange(na as u64, n as u64, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    {
        // SAFETY: the exchange made bytes `na..n` ours alone; nobody reads them until the new rope is published.
        unsafe { copy_text(b, buffer.ptr().add(na))? };
        return Ok(data);
    }
    let cap = n.saturating_add(n / 2);
    if cap > 1 << 40 {
        return Err(Full);
    }
    let (v, buffer) = m.new::<Buffer>(C::internal.shape(), 0, cap)?;
    buffer.cap.set(cap);
    // SAFETY: the fresh buffer has room for both.
    unsafe {
        copy_rope(r, buffer.ptr())?;
        copy_text(b, buffer.ptr().add(na))?;
    }
    buffer.fill.set(n);
    Ok(v)
}

/// The one-character text of a code point.
#[inline]
pub fn char_string(m: &mut Mutator, code: u32) -> Make {
    if code < 256
        && let Some(slot) = S::chars.v().get::<Array>().slot(code as usize)
    {
        return Ok(slot.get());
    }
    let mut bytes = [0; 4];
    let n = index::encode(code, &mut bytes);
    m.wtf8(&bytes[..n])
}

/// A text of bytes of generalised UTF-8; one-character Latin-1 texts and the empty text are shared.
pub fn of_bytes(m: &mut Mutator, bytes: &[u8]) -> Make {
    match bytes {
        [] => Ok(S::empty_str.v()),
        [c] => char_string(m, *c as u32),
        _ => m.wtf8(bytes),
    }
}

/// As [`of_bytes`] for a piece of a text that is all ASCII.
#[inline]
pub fn of_ascii(m: &mut Mutator, bytes: &[u8]) -> Make {
    match bytes {
        [] => Ok(S::empty_str.v()),
        [c] => char_string(m, *c as u32),
        _ => m.ascii(bytes),
    }
}

/// An ASCII text of `n` bytes, each as `byte` gives it for its index.
#[inline]
pub fn ascii_by(m: &mut Mutator, n: usize, mut byte: impl FnMut(usize) -> u8) -> Make {
    match n {
        0 => Ok(S::empty_str.v()),
        1 => char_string(m, byte(0) as u32),
        _ => {
            let (v, s) = m.str_with(n)?;
            for i in 0..n {
                // SAFETY: the fresh Str has n bytes that no one else has seen.
                unsafe { *s.bytes_ptr().add(i) = byte(i) };
            }
            s.h.set(flag::ASCII);
            Ok(v)
        }
    }
}

/// `text * times`.
pub fn repeat(m: &mut Mutator, v: Value, times: usize) -> Make {
    let bytes = bytes_of(m, v)?;
    if times == 0 || bytes.is_empty() {
        return Ok(S::empty_str.v());
    }
    if times == 1 {
        return Ok(v);
    }
    let n = bytes.len().checked_mul(times).ok_or(Full)?;
    let nchars = len(v) * times;
    let (made, s) = m.str_with(n)?;
    for i in 0..times {
        // SAFETY: the fresh Str has room for `times` copies.
        unsafe {
            let to = s.bytes_ptr().add(i * bytes.len());
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }
    close(s, nchars);
    Ok(made)
}

/// A sealed Str of bytes written by `fill` into room for exactly `n` bytes.
pub fn written(m: &mut Mutator, n: usize, fill: impl FnOnce(*mut u8)) -> Make {
    let (v, s) = m.str_with(n)?;
    fill(s.bytes_ptr());
    seal(s);
    Ok(v)
}

/// The hash of a text: never 0, never -1, of 61 bits.
#[inline]
pub fn hash(m: &mut Mutator, v: Value) -> Make<i64> {
    Ok(hash_of(flat(m, v)?))
}

/// The hash of a flat text, kept in it.
#[inline(always)]
pub fn hash_of(s: &Str) -> i64 {
    let h = s.hash.get();
    if h != 0 { h as i64 } else { first_hash(s) }
}

#[cold]
#[inline(never)]
fn first_hash(s: &Str) -> i64 {
    let h = hash_text(s.bytes());
    s.hash.set(h as usize);
    h
}

const K0: u64 = 0x9e37_79b9_7f4a_7c15;
const K1: u64 = 0xd1b5_4a32_d192_ed03;
const K2: u64 = 0x8cb9_2ba7_2f3d_8dd7;

fn mix(a: u64, b: u64) -> u64 {
    let wide = a as u128 * b as u128;
    wide as u64 ^ (wide >> 64) as u64
}

/// The hash of bytes: never 0, never -1, of 61 bits. `MINIPY_HASHSEED` varies it; without it runs repeat.
pub fn hash_text(bytes: &[u8]) -> i64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    let seed = *SEED.get_or_init(|| {
        let asked = std::env::var("MINIPY_HASHSEED").ok().and_then(|s| s.parse::<u64>().ok());
        mix(asked.unwrap_or(0) ^ K0, K1)
    });
    let word = |at: usize| {
        let mut w = [0; 8];
        w.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(w)
    };
    let n = bytes.len();
    let mut h = seed ^ n as u64;
    let mut at = 0;
    while n - at > 16 {
        h = mix(word(at) ^ K1, word(at + 8) ^ h);
        at += 16;
    }
    let (a, b) = if n >= 8 {
        (word(at.min(n - 8)), word(n - 8))
    } else {
        let mut w = [0; 8];
        w[..n].copy_from_slice(bytes);
        (u64::from_le_bytes(w), 0)
    };
    let h = mix(mix(a ^ K2, b ^ h), h ^ K0) as i64 >> 3;
    match h {
        0 => 1,
        -1 => -2,
        h => h,
    }
}
