//! Ints to decimal text and back. Invariant: a conversion whose cost grows with the square of the digits is refused
//! beyond the limit of digits.

use crate::heap::bigint;
use crate::heap::text::{self, chars, index::codes};
use crate::heap::{Kind, Value};
use crate::run::{R, Raised, Thread};
use std::sync::atomic::{AtomicUsize, Ordering};

/// `sys.get_int_max_str_digits()`; 0 is no limit.
pub static MAX_STR_DIGITS: AtomicUsize = AtomicUsize::new(4300);

fn limit() -> usize {
    match MAX_STR_DIGITS.load(Ordering::Relaxed) {
        0 => usize::MAX,
        n => n,
    }
}

/// Writes a decimal number so that it ends at the end of the buffer; gives where it begins.
fn write_small(mut n: u64, negative: bool, out: &mut [u8; 24]) -> usize {
    let mut at = out.len();
    loop {
        at -= 1;
        out[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    if negative {
        at -= 1;
        out[at] = b'-';
    }
    at
}

/// `str(v)` of an int or bool, as a text value.
#[inline]
pub fn decimal(th: &mut Thread, v: Value) -> R {
    if v.is_int() {
        let i = v.as_int();
        let mut out = [0; 24];
        let at = write_small(i.unsigned_abs(), i < 0, &mut out);
        return Ok(text::of_bytes(&mut th.heap, &out[at..])?);
    }
    let s = decimal_text(th, v)?;
    Ok(text::of_bytes(&mut th.heap, s.as_bytes())?)
}

/// As [`decimal`], as Rust text.
pub fn decimal_text(th: &mut Thread, v: Value) -> R<String> {
    if v.is_int() {
        return Ok(v.as_int().to_string());
    }
    let limit = limit();
    if bigint::decimal_digits(v) > limit.saturating_add(1) {
        return Err(too_long(th, limit));
    }
    let s = bigint::to_decimal(&mut th.heap, v);
    if s.len() > limit && s.trim_start_matches('-').len() > limit {
        return Err(too_long(th, limit));
    }
    Ok(s)
}

#[cold]
fn too_long(th: &mut Thread, limit: usize) -> Raised {
    th.value_error(format!(
        "Exceeds the limit ({limit} digits) for integer string conversion; use sys.set_int_max_str_digits() to \
         increase the limit"
    ))
}

/// The text of a str or bytes-like as ASCII for the parsers of numbers: surrounding white space is gone, digits of
/// other scripts are ASCII digits, anything else beyond ASCII is a `?`. Nothing for other objects.
pub fn digits_of(th: &mut Thread, x: Value) -> R<Option<Vec<u8>>> {
    let b = x.base();
    if text::is_text(b) {
        let bytes = text::bytes_of(&mut th.heap, b)?;
        if bytes.is_ascii() {
            return Ok(Some(trimmed(bytes).to_vec()));
        }
        let plain: Vec<u8> = codes(bytes)
            .map(|c| match c {
                0..128 => c as u8,
                c if chars::is_space(c) => b' ',
                c => chars::decimal(c).map_or(b'?', |d| b'0' + d as u8),
            })
            .collect();
        return Ok(Some(trimmed(&plain).to_vec()));
    }
    Ok(super::seq::buffer(x).map(|b| trimmed(&b).to_vec()))
}

fn trimmed(mut bytes: &[u8]) -> &[u8] {
    let space = |b: &u8| matches!(b, b' ' | 9..=13 | 0x1c..=0x1f);
    while let [first, rest @ ..] = bytes
        && space(first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && space(last)
    {
        bytes = rest;
    }
    bytes
}

/// The digits of a literal without its underscores; nothing if one stands where it must not.
pub fn without_underscores(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut last = 0;
    for (i, &b) in bytes.iter().enumerate() {
        if b == b'_' {
            let next = bytes.get(i + 1).is_some_and(u8::is_ascii_alphanumeric);
            if !u8::is_ascii_alphanumeric(&last) || !next {
                return None;
            }
        } else {
            out.push(b);
        }
        last = b;
    }
    Some(out)
}

/// What a short text of plain decimal digits says, with a sign or none.
pub fn short(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    if !matches!(digits.len(), 1..=18) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let n = digits.iter().fold(0, |n, b| n * 10 + (b - b'0') as i64);
    Some(if negative { -n } else { n })
}

/// `int(text, base)`; `shown` stands in the error.
pub fn parse(th: &mut Thread, text: &[u8], base: u32, shown: Value) -> R {
    let (negative, rest) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        rest => (false, rest),
    };
    let prefixed = match rest {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 0,
    };
    let mut digits = rest;
    let mut radix = base;
    if prefixed != 0 && (base == 0 || base == prefixed) {
        radix = prefixed;
        digits = &rest[2..];
        // One underscore may follow the prefix.
        if let [b'_', after @ ..] = digits {
            digits = after;
        }
    } else if base == 0 {
        radix = 10;
    }
    let valid = without_underscores(digits)
        .filter(|d| !d.is_empty() && d.iter().all(|b| (*b as char).is_digit(radix)))
        .filter(|d| base != 0 || radix != 10 || d[0] != b'0' || d.iter().all(|b| *b == b'0'));
    let Some(digits) = valid else {
        let radix = base;
        let shown = match shown.base().is_kind(Kind::ByteArray) {
            true => {
                let bytes = super::seq::need_buffer(th, shown)?;
                th.bytes(&bytes)?
            }
            false => shown,
        };
        let quoted = th.repr_text(shown)?;
        let quoted: String = quoted.chars().take(200).collect();
        return Err(th.value_error(format!("invalid literal for int() with base {radix}: {quoted}")));
    };
    if !radix.is_power_of_two() && digits.len() > limit() {
        let (limit, n) = (limit(), digits.len());
        return Err(th.value_error(format!(
            "Exceeds the limit ({limit} digits) for integer string conversion: value has {n} digits; use \
             sys.set_int_max_str_digits() to increase the limit"
        )));
    }
    bigint::parse(&mut th.heap, &digits, radix, negative).map_err(|f| super::int::fault(th, f))
}
