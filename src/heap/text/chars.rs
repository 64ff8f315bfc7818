//! What Unicode says of code points: predicates, case, and which characters `repr` shows. Invariant: every answer is
//! for single code points of generalised UTF-8, so lone surrogates pass through unchanged.

use super::index::{codes, decode};
use super::unicode::*;
use super::{StrBuilder, ascii_by, bytes_of, is_ascii};
use crate::heap::Make;
use crate::heap::space::Mutator;
use crate::heap::value::Value;
use std::cmp::Ordering;

fn within(table: &[(u32, u32)], code: u32) -> bool {
    let order = |&(low, high): &(u32, u32)| match () {
        _ if high < code => Ordering::Less,
        _ if low > code => Ordering::Greater,
        _ => Ordering::Equal,
    };
    table.binary_search_by(order).is_ok()
}

fn mapped(table: &[(u32, &'static str)], code: u32) -> Option<&'static str> {
    table.binary_search_by_key(&code, |&(c, _)| c).ok().map(|i| table[i].1)
}

/// A letter.
pub fn is_alpha(c: u32) -> bool {
    if c < 128 { (c as u8).is_ascii_alphabetic() } else { within(ALPHA, c) }
}

/// The value of a decimal digit of any script.
pub fn decimal(c: u32) -> Option<u32> {
    if c < 128 {
        return (c as u8 as char).to_digit(10);
    }
    let i = ZEROS.partition_point(|z| *z <= c);
    let zero = *ZEROS.get(i.checked_sub(1)?)?;
    (c - zero < 10).then_some(c - zero)
}

/// A decimal digit.
pub fn is_decimal(c: u32) -> bool {
    decimal(c).is_some()
}

/// A digit: decimal, superscript, circled, ...
pub fn is_digit(c: u32) -> bool {
    is_decimal(c) || c >= 128 && within(DIGITS, c)
}

/// Anything of numeric value.
pub fn is_numeric(c: u32) -> bool {
    is_digit(c) || c >= 128 && within(NUMERIC, c)
}

/// A letter or anything of numeric value.
pub fn is_alnum(c: u32) -> bool {
    is_alpha(c) || is_numeric(c)
}

/// White space as `split` and `strip` see it.
#[inline]
pub fn is_space(c: u32) -> bool {
    match c {
        0x20 | 0x09..=0x0d | 0x1c..=0x1f => true,
        _ => c >= 128 && char::from_u32(c).is_some_and(char::is_whitespace),
    }
}

/// A character at which `splitlines` splits.
pub fn is_line_end(c: u32) -> bool {
    matches!(c, 0x0a..=0x0d | 0x1c..=0x1e | 0x85 | 0x2028 | 0x2029)
}

/// Shown as itself by `repr`.
pub fn is_printable(c: u32) -> bool {
    if c < 128 { (0x20..0x7f).contains(&c) } else { !within(UNPRINTABLE, c) }
}

/// A lower-case character.
pub fn is_lower(c: u32) -> bool {
    char::from_u32(c).is_some_and(char::is_lowercase)
}

/// An upper-case character.
pub fn is_upper(c: u32) -> bool {
    char::from_u32(c).is_some_and(char::is_uppercase)
}

/// A title-case character.
pub fn is_title(c: u32) -> bool {
    c >= 128 && within(TITLE, c)
}

/// Lower, upper or title case.
pub fn is_cased(c: u32) -> bool {
    is_lower(c) || is_upper(c) || is_title(c)
}

/// Whether there are code points and `test` holds for all.
pub fn all(bytes: &[u8], test: impl FnMut(u32) -> bool) -> bool {
    !bytes.is_empty() && codes(bytes).all(test)
}

/// Whether there is a cased character and all of them are lower case.
pub fn all_lower(bytes: &[u8]) -> bool {
    codes(bytes).any(is_lower) && !codes(bytes).any(|c| is_upper(c) || is_title(c))
}

/// Whether there is a cased character and all of them are upper case.
pub fn all_upper(bytes: &[u8]) -> bool {
    codes(bytes).any(is_upper) && !codes(bytes).any(|c| is_lower(c) || is_title(c))
}

/// Whether words begin with upper or title case, go on in lower case, and there is one.
pub fn all_title(bytes: &[u8]) -> bool {
    let (mut inside, mut any) = (false, false);
    for c in codes(bytes) {
        if is_upper(c) || is_title(c) {
            if inside {
                return false;
            }
            (inside, any) = (true, true);
        } else if is_lower(c) {
            if !inside {
                return false;
            }
        } else {
            inside = false;
        }
    }
    any
}

/// Whether the text is an identifier (keywords are).
pub fn is_identifier(bytes: &[u8]) -> bool {
    let mut rest = codes(bytes);
    let first = rest.next().and_then(char::from_u32);
    first.is_some_and(|c| c == '_' || unicode_ident::is_xid_start(c))
        && rest.all(|c| char::from_u32(c).is_some_and(unicode_ident::is_xid_continue))
}

/// A mapping of case for whole texts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    Lower,
    Upper,
    Title,
    /// First character in title case, the rest in lower case.
    Capital,
    Swap,
    Fold,
}

/// The text in another case.
pub fn to_case(m: &mut Mutator, v: Value, case: Case) -> Make {
    let bytes = bytes_of(m, v)?;
    if is_ascii(v) {
        return ascii_case(m, bytes, case);
    }
    let mut out = StrBuilder::new();
    out.reserve(bytes.len())?;
    let mut inside = false;
    let mut at = 0;
    while at < bytes.len() {
        let (c, n) = decode(bytes, at);
        match case {
            Case::Lower => lower(bytes, at, c, &mut out)?,
            Case::Upper => upper(c, &mut out)?,
            Case::Fold => fold(c, &mut out)?,
            Case::Swap if is_upper(c) => lower(bytes, at, c, &mut out)?,
            Case::Swap if is_lower(c) => upper(c, &mut out)?,
            Case::Swap => out.push_code(c)?,
            Case::Title | Case::Capital if inside => lower(bytes, at, c, &mut out)?,
            Case::Title | Case::Capital => title(c, &mut out)?,
        }
        inside = case == Case::Capital || is_cased(c);
        at += n;
    }
    out.finish(m)
}

fn ascii_case(m: &mut Mutator, bytes: &[u8], case: Case) -> Make {
    let n = bytes.len();
    match case {
        Case::Lower | Case::Fold => ascii_by(m, n, |i| bytes[i].to_ascii_lowercase()),
        Case::Upper => ascii_by(m, n, |i| bytes[i].to_ascii_uppercase()),
        Case::Swap => ascii_by(m, n, |i| match bytes[i] {
            b if b.is_ascii_uppercase() => b.to_ascii_lowercase(),
            b => b.to_ascii_uppercase(),
        }),
        Case::Title | Case::Capital => {
            let mut inside = false;
            ascii_by(m, n, |i| {
                let b = if inside { bytes[i].to_ascii_lowercase() } else { bytes[i].to_ascii_uppercase() };
                inside = case == Case::Capital || b.is_ascii_alphabetic();
                b
            })
        }
    }
}

fn push_all(out: &mut StrBuilder, chars: impl Iterator<Item = char>) -> Make<()> {
    for c in chars {
        out.push_code(c as u32)?;
    }
    Ok(())
}

fn lower(bytes: &[u8], at: usize, c: u32, out: &mut StrBuilder) -> Make<()> {
    const SIGMA: u32 = 0x3a3;
    match char::from_u32(c) {
        Some(_) if c == SIGMA => out.push_code(if ends_word(bytes, at) { 0x3c2 } else { 0x3c3 }),
        Some(c) => push_all(out, c.to_lowercase()),
        None => out.push_code(c),
    }
}

/// Whether the sigma at `at` follows a cased letter and none follows it, case-ignorable ones not counted.
fn ends_word(bytes: &[u8], at: usize) -> bool {
    let letter = |c: &u32| !within(IGNORABLE, *c);
    let (_, n) = decode(bytes, at);
    codes(&bytes[..at]).rev().find(letter).is_some_and(is_cased)
        && !codes(&bytes[at + n..]).find(letter).is_some_and(is_cased)
}

fn upper(c: u32, out: &mut StrBuilder) -> Make<()> {
    match char::from_u32(c) {
        Some(c) => push_all(out, c.to_uppercase()),
        None => out.push_code(c),
    }
}

fn title(c: u32, out: &mut StrBuilder) -> Make<()> {
    match mapped(TITLED, c) {
        Some(s) => out.push(s),
        None => upper(c, out),
    }
}

fn fold(c: u32, out: &mut StrBuilder) -> Make<()> {
    match (mapped(FOLDED, c), char::from_u32(c)) {
        (Some(s), _) => out.push(s),
        (None, Some(c)) => push_all(out, c.to_lowercase()),
        (None, None) => out.push_code(c),
    }
}

/// Appends the quoted form of a text; with `ascii`, everything beyond ASCII is escaped.
pub fn repr(bytes: &[u8], ascii: bool, out: &mut StrBuilder) -> Make<()> {
    let quote = quote_for(bytes);
    out.push_bytes(&[quote])?;
    let (mut at, mut plain) = (0, 0);
    while at < bytes.len() {
        let (c, n) = decode(bytes, at);
        let shown =
            c != quote as u32 && c != '\\' as u32 && if c < 128 || !ascii { is_printable(c) } else { false };
        if !shown {
            out.push_bytes(&bytes[plain..at])?;
            escape(c, quote, out)?;
            plain = at + n;
        }
        at += n;
    }
    out.push_bytes(&bytes[plain..])?;
    out.push_bytes(&[quote])
}

fn quote_for(bytes: &[u8]) -> u8 {
    if bytes.contains(&b'\'') && !bytes.contains(&b'"') { b'"' } else { b'\'' }
}

fn escape(c: u32, quote: u8, out: &mut StrBuilder) -> Make<()> {
    match c {
        0x09 => out.push("\\t"),
        0x0a => out.push("\\n"),
        0x0d => out.push("\\r"),
        _ if c == quote as u32 || c == '\\' as u32 => out.push_bytes(&[b'\\', c as u8]),
        _ => push_escape(c, out),
    }
}

/// Appends `\xNN`, `\uNNNN` or `\UNNNNNNNN`.
pub fn push_escape(c: u32, out: &mut StrBuilder) -> Make<()> {
    match c {
        0..0x100 => out.push(&format!("\\x{c:02x}")),
        0x100..0x1_0000 => out.push(&format!("\\u{c:04x}")),
        _ => out.push(&format!("\\U{c:08x}")),
    }
}

/// Appends the quoted form of a byte string, without the `b`.
pub fn repr_bytes(bytes: &[u8], out: &mut StrBuilder) -> Make<()> {
    let quote = quote_for(bytes);
    quoted(bytes, quote, quote, out)
}

/// As `repr_bytes`, but a single quote is escaped also between double ones, as bytearray does it.
pub fn repr_array(bytes: &[u8], out: &mut StrBuilder) -> Make<()> {
    quoted(bytes, quote_for(bytes), b'\'', out)
}

fn quoted(bytes: &[u8], quote: u8, escaped: u8, out: &mut StrBuilder) -> Make<()> {
    out.push_bytes(&[quote])?;
    for &b in bytes {
        let shown = (0x20..0x7f).contains(&b) && b != escaped && b != b'\\';
        if shown { out.push_bytes(&[b])? } else { escape(b as u32, escaped, out)? }
    }
    out.push_bytes(&[quote])
}
