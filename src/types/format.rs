//! The format mini-language: `[[fill]align][sign][z][#][0][width][grouping][.precision[grouping]][type]`. Invariant:
//! a spec is parsed whole before anything is written, and every growth of the text is fallible.

use super::{complex, float, float_text, int, int_text};
use crate::heap::bigint;
use crate::heap::text::index::{codes, count, decode};
use crate::heap::text::{self, StrBuilder};
use crate::heap::{Full, Make, Value};
use crate::run::{R, Raised, Thread};

/// Largest precision that is honoured.
const MAX_PRECISION: usize = 1 << 28;

/// A parsed spec; 0 where a character is absent.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Fill character.
    pub fill: u32,
    /// `<`, `>`, `^`, `=`.
    pub align: u8,
    /// `+`, `-`, space.
    pub sign: u8,
    /// `z`: no negative zero.
    pub z: bool,
    /// `#`.
    pub alt: bool,
    /// Fewest characters.
    pub width: usize,
    /// `,` or `_` between digits of the integer part.
    pub group: u8,
    /// Digits behind the point, or significant ones.
    pub precision: Option<usize>,
    /// `,` or `_` between digits of the fraction.
    pub frac: u8,
    /// Type character.
    pub kind: u32,
}

fn number(bytes: &[u8], at: &mut usize) -> Result<Option<usize>, String> {
    let start = *at;
    let mut n = 0usize;
    while let Some(b) = bytes.get(*at).filter(|b| b.is_ascii_digit()) {
        n = n
            .checked_mul(10)
            .and_then(|n| n.checked_add((b - b'0') as usize))
            .filter(|n| *n <= isize::MAX as usize)
            .ok_or("Too many decimal digits in format string")?;
        *at += 1;
    }
    Ok((*at > start).then_some(n))
}

/// The separator at `at`: a comma, then an underscore, never both.
fn separator(bytes: &[u8], at: &mut usize) -> Result<u8, String> {
    let mut group = 0;
    for c in [b',', b'_', b','] {
        if bytes.get(*at) == Some(&c) {
            if group == c {
                break;
            }
            if group != 0 {
                return Err("Cannot specify both ',' and '_'.".to_string());
            }
            group = c;
            *at += 1;
        }
    }
    Ok(group)
}

/// Parses a spec for an object of type `name`, whose type character and alignment are given.
fn parse(bytes: &[u8], name: impl Fn() -> String, kind: u8, align: u8) -> Result<Spec, String> {
    let mut s = Spec {
        fill: b' ' as u32,
        align,
        sign: 0,
        z: false,
        alt: false,
        width: 0,
        group: 0,
        precision: None,
        frac: 0,
        kind: kind as u32,
    };
    let is_align = |b: Option<&u8>| matches!(b, Some(b'<' | b'>' | b'^' | b'='));
    let (mut at, mut filled, mut aligned) = (0, false, false);
    if !bytes.is_empty() {
        let (first, n) = decode(bytes, 0);
        if is_align(bytes.get(n)) {
            (s.fill, s.align, filled, aligned) = (first, bytes[n], true, true);
            at = n + 1;
        } else if is_align(bytes.first()) {
            (s.align, aligned) = (bytes[0], true);
            at = 1;
        }
    }
    let take = |at: &mut usize, set: &[u8]| match bytes.get(*at) {
        Some(b) if set.contains(b) => {
            *at += 1;
            *b
        }
        _ => 0,
    };
    s.sign = take(&mut at, b"+- ");
    s.z = take(&mut at, b"z") != 0;
    s.alt = take(&mut at, b"#") != 0;
    if !filled && take(&mut at, b"0") != 0 {
        s.fill = b'0' as u32;
        if !aligned && align == b'>' {
            s.align = b'=';
        }
    }
    s.width = number(bytes, &mut at)?.unwrap_or(0);
    s.group = separator(bytes, &mut at)?;
    if bytes.get(at) == Some(&b'.') {
        at += 1;
        s.precision = number(bytes, &mut at)?;
        s.frac = separator(bytes, &mut at)?;
        if s.precision.is_none() && s.frac == 0 {
            return Err("Format specifier missing precision".to_string());
        }
    }
    let rest = &bytes[at..];
    match count(rest) {
        0 => {}
        1 => s.kind = decode(rest, 0).0,
        _ => {
            let (spec, name) = (String::from_utf8_lossy(bytes), name());
            return Err(format!("Invalid format specifier '{spec}' for object of type '{name}'"));
        }
    }
    let kind = u8::try_from(s.kind).unwrap_or(0xff);
    let numeric = b"defgEG%F\0".contains(&kind);
    if s.group != 0 && !numeric && !(s.group == b'_' && b"boxX".contains(&kind)) {
        return Err(no_separator(s.group, s.kind));
    }
    if s.frac != 0 && kind == b'n' {
        return Err(no_separator(s.frac, s.kind));
    }
    Ok(s)
}

fn no_separator(group: u8, kind: u32) -> String {
    match kind {
        33..128 => format!("Cannot specify '{}' with '{}'.", group as char, kind as u8 as char),
        _ => format!("Cannot specify '{}' with '\\x{kind:x}'.", group as char),
    }
}

fn unknown(kind: u32, name: &str) -> String {
    match kind {
        33..128 => format!("Unknown format code '{}' for object of type '{name}'", kind as u8 as char),
        _ => format!("Unknown format code '\\x{kind:x}' for object of type '{name}'"),
    }
}

fn unknown_kind(th: &mut Thread, kind: u32, v: Value) -> Raised {
    let text = unknown(kind, &th.type_name(v));
    th.value_error(text)
}

/// The bytes of a spec argument.
fn spec_bytes(th: &mut Thread, spec: Value) -> R<&'static [u8]> {
    if !text::is_text(spec.base()) {
        let t = super::seq::said(th, spec);
        return Err(th.type_error(format!("__format__() argument must be str, not {t}")));
    }
    Ok(text::bytes_of(&mut th.heap, spec.base())?)
}

fn raise<T>(th: &mut Thread, r: Result<T, String>) -> R<T> {
    r.map_err(|text| th.value_error(text))
}

/// Writes `body` of `chars` characters padded to the spec's width.
pub fn pad(out: &mut StrBuilder, s: &Spec, body: &[u8], chars: usize) -> Make<()> {
    let room = s.width.saturating_sub(chars);
    let left = match s.align {
        b'>' => room,
        b'^' => room / 2,
        _ => 0,
    };
    out.push_repeated(s.fill, left)?;
    out.push_bytes(body)?;
    out.push_repeated(s.fill, room - left)
}

/// The digits with a separator between groups, zeros first until they are `min` wide.
fn grouped(digits: &str, size: usize, sep: u8, min: usize) -> Make<String> {
    let bytes = digits.as_bytes();
    let mut reversed: Vec<u8> = Vec::new();
    reversed.try_reserve(bytes.len() * 2 + min).map_err(|_| Full)?;
    let (mut left, mut min) = (bytes.len(), min as isize);
    loop {
        let len = size.min(left.max(min.max(0) as usize).max(1));
        for _ in 0..len {
            reversed.push(if left > 0 { bytes[left - 1] } else { b'0' });
            left = left.saturating_sub(1);
        }
        min -= len as isize;
        if left == 0 && min <= 0 {
            break;
        }
        min -= 1;
        reversed.push(sep);
    }
    reversed.reverse();
    Ok(String::from_utf8(reversed).unwrap_or_default())
}

/// Writes a number: sign, prefix, digits of the integer part, the rest.
fn layout(out: &mut StrBuilder, s: &Spec, sign: &str, prefix: &str, digits: &str, rest: &str) -> Make<()> {
    let used = sign.len() + prefix.len() + rest.len();
    let made;
    let mut digits = digits;
    if s.group != 0 && !digits.is_empty() {
        let zeros = s.fill == b'0' as u32 && s.align == b'=';
        let min = if zeros { s.width.saturating_sub(used) } else { 0 };
        let size = if matches!(u8::try_from(s.kind), Ok(b'b' | b'o' | b'x' | b'X')) { 4 } else { 3 };
        made = grouped(digits, size, s.group, min)?;
        digits = &made;
    }
    let room = s.width.saturating_sub(used + digits.len());
    let (left, inner) = match s.align {
        b'>' => (room, 0),
        b'^' => (room / 2, 0),
        b'=' => (0, room),
        _ => (0, 0),
    };
    out.push_repeated(s.fill, left)?;
    out.push(sign)?;
    out.push(prefix)?;
    out.push_repeated(s.fill, inner)?;
    out.push(digits)?;
    out.push(rest)?;
    out.push_repeated(s.fill, room - left - inner)
}

fn sign_of(s: &Spec, negative: bool) -> &'static str {
    match (negative, s.sign) {
        (true, _) => "-",
        (_, b'+') => "+",
        (_, b' ') => " ",
        _ => "",
    }
}

/// `int.__format__`.
pub fn int(th: &mut Thread, v: Value, spec: Value) -> R {
    let bytes = spec_bytes(th, spec)?;
    if bytes.is_empty() {
        return if v.is_int() { int_text::decimal(th, v) } else { th.str_of(v) };
    }
    let parsed = parse(bytes, || th.type_name(v), b'd', b'>');
    let s = raise(th, parsed)?;
    match u8::try_from(s.kind).unwrap_or(0xff) {
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'%' => {
            let x = int::to_float(th, v)?;
            return float_by(th, x, s, v);
        }
        b'd' | b'n' | b'b' | b'o' | b'x' | b'X' | b'c' => {}
        _ => return Err(unknown_kind(th, s.kind, v)),
    }
    if s.precision.is_some() {
        return Err(th.value_error("Precision not allowed in integer format specifier"));
    }
    if s.z {
        return Err(th.value_error("Negative zero coercion (z) not allowed in integer format specifier"));
    }
    let v = v.base();
    let mut out = StrBuilder::new();
    if s.kind == b'c' as u32 {
        character(th, v, &s, &mut out)?;
    } else {
        let kind = s.kind as u8;
        let (radix, prefix) = match kind {
            b'b' => (2, "0b"),
            b'o' => (8, "0o"),
            b'x' => (16, "0x"),
            b'X' => (16, "0X"),
            _ => (10, ""),
        };
        let mut text = if radix == 10 {
            int_text::decimal_text(th, v)?
        } else {
            bigint::to_radix(&mut th.heap, v, radix)
        };
        if kind == b'X' {
            text.make_ascii_uppercase();
        }
        let digits = text.trim_start_matches('-');
        let sign = sign_of(&s, bigint::is_negative(v));
        layout(&mut out, &s, sign, if s.alt { prefix } else { "" }, digits, "")?;
    }
    Ok(out.finish(&mut th.heap)?)
}

fn character(th: &mut Thread, v: Value, s: &Spec, out: &mut StrBuilder) -> R<()> {
    if s.sign != 0 {
        return Err(th.value_error("Sign not allowed with integer format specifier 'c'"));
    }
    if s.alt {
        return Err(th.value_error("Alternate form (#) not allowed with integer format specifier 'c'"));
    }
    if bigint::to_i64(v).is_none() {
        return Err(th.overflow_error("Python int too large to convert to C long"));
    }
    let Some(code) = bigint::to_i64(v).and_then(|i| u32::try_from(i).ok()).filter(|c| *c < 0x11_0000) else {
        return Err(th.overflow_error("%c arg not in range(0x110000)"));
    };
    let mut one = StrBuilder::new();
    one.push_code(code)?;
    let mut s = s.clone();
    if s.align == b'=' {
        s.align = b'>';
    }
    Ok(pad(out, &s, one.bytes(), 1)?)
}

/// The formatted magnitude of a double, split: negative, integer digits, rest.
fn split(x: f64, s: &Spec, kind: u8, precision: usize, dot: bool) -> (bool, String, String) {
    let percent = kind == b'%';
    let (x, kind) = if percent { (x * 100.0, b'f') } else { (x, kind) };
    let kind = if kind == b'n' { b'g' } else { kind };
    let text = float_text::formatted(x, kind, precision, s.alt, dot);
    let (mut negative, body) = match text.strip_prefix('-') {
        Some(body) => (true, body),
        None => (false, text.as_str()),
    };
    if s.z && negative {
        let digits = body.split(['e', 'E']).next().unwrap_or(body);
        negative = !digits.bytes().all(|b| matches!(b, b'0' | b'.'));
    }
    let end = body.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(body.len());
    let mut rest = body[end..].to_string();
    if s.frac != 0
        && let Some(tail) = rest.strip_prefix('.')
    {
        let n = tail.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(tail.len());
        let mut made = String::from(".");
        for (i, c) in tail[..n].chars().enumerate() {
            if i > 0 && i % 3 == 0 {
                made.push(s.frac as char);
            }
            made.push(c);
        }
        made.push_str(&tail[n..]);
        rest = made;
    }
    if percent {
        rest.push('%');
    }
    (negative, body[..end].to_string(), rest)
}

/// The digits asked for, or MemoryError.
fn precision_of(th: &mut Thread, s: &Spec, default: usize) -> R<usize> {
    match s.precision {
        None => Ok(default),
        Some(p) if p > i32::MAX as usize => Err(th.value_error("precision too big")),
        Some(p) if p > MAX_PRECISION => Err(Raised),
        Some(p) => Ok(p),
    }
}

fn float_by(th: &mut Thread, x: f64, s: Spec, v: Value) -> R {
    let (kind, default, dot) = match u8::try_from(s.kind).unwrap_or(0xff) {
        0 if s.precision.is_some() => (b'g', 6, true),
        0 => (b'r', 0, true),
        k @ (b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'n' | b'%') => (k, 6, false),
        _ => return Err(unknown_kind(th, s.kind, v)),
    };
    let precision = precision_of(th, &s, default)?;
    let (negative, digits, rest) = split(x, &s, kind, precision, dot);
    let mut out = StrBuilder::new();
    layout(&mut out, &s, sign_of(&s, negative), "", &digits, &rest)?;
    Ok(out.finish(&mut th.heap)?)
}

/// `float.__format__`.
pub fn float(th: &mut Thread, v: Value, spec: Value) -> R {
    let bytes = spec_bytes(th, spec)?;
    if bytes.is_empty() {
        return th.str_of(v);
    }
    let parsed = parse(bytes, || th.type_name(v), 0, b'>');
    let s = raise(th, parsed)?;
    float_by(th, float::of(v), s, v)
}

/// `complex.__format__`.
pub fn complex(th: &mut Thread, v: Value, spec: Value) -> R {
    let bytes = spec_bytes(th, spec)?;
    if bytes.is_empty() {
        return th.str_of(v);
    }
    let parsed = parse(bytes, || th.type_name(v), 0, b'>');
    let s = raise(th, parsed)?;
    let (re, im) = complex::of(v);
    let (kind, default) = match u8::try_from(s.kind).unwrap_or(0xff) {
        0 if s.precision.is_some() => (b'g', 6),
        0 => (b'r', 0),
        k @ (b'e' | b'E' | b'f' | b'F' | b'g' | b'G' | b'n') => (k, 6),
        _ => return Err(unknown_kind(th, s.kind, v)),
    };
    if s.fill == b'0' as u32 {
        return Err(th.value_error("Zero padding is not allowed in complex format specifier"));
    }
    if s.align == b'=' {
        return Err(th.value_error("'=' alignment flag is not allowed in complex format specifier"));
    }
    let precision = precision_of(th, &s, default)?;
    let plain = Spec { width: 0, ..s.clone() };
    let mut body = StrBuilder::new();
    let bare = s.kind == 0 && re == 0.0 && re.is_sign_positive();
    let parens = s.kind == 0 && !bare;
    if parens {
        body.push("(")?;
    }
    if !bare {
        let (negative, digits, rest) = split(re, &s, kind, precision, false);
        layout(&mut body, &plain, sign_of(&s, negative), "", &digits, &rest)?;
    }
    let (negative, digits, rest) = split(im, &s, kind, precision, false);
    let sign = match (bare, negative) {
        (true, negative) => sign_of(&s, negative),
        (false, true) => "-",
        (false, false) => "+",
    };
    layout(&mut body, &plain, sign, "", &digits, &rest)?;
    body.push(if parens { "j)" } else { "j" })?;
    let mut out = StrBuilder::new();
    pad(&mut out, &s, body.bytes(), body.len())?;
    Ok(out.finish(&mut th.heap)?)
}

/// `str.__format__`.
pub fn str(th: &mut Thread, v: Value, spec: Value) -> R {
    let bytes = spec_bytes(th, spec)?;
    if bytes.is_empty() {
        return th.str_of(v);
    }
    let parsed = parse(bytes, || th.type_name(v), b's', b'<');
    let s = raise(th, parsed)?;
    let fault = match s.sign {
        _ if s.kind != b's' as u32 => unknown(s.kind, &th.type_name(v)),
        b' ' => "Space not allowed in string format specifier".to_string(),
        1.. => "Sign not allowed in string format specifier".to_string(),
        _ if s.z => "Negative zero coercion (z) not allowed in string format specifier".to_string(),
        _ if s.alt => "Alternate form (#) not allowed in string format specifier".to_string(),
        _ if s.align == b'=' => "'=' alignment not allowed in string format specifier".to_string(),
        _ => {
            let v = v.base();
            let mut body = text::bytes_of(&mut th.heap, v)?;
            let mut chars = text::len(v);
            if let Some(p) = s.precision.filter(|p| *p < chars) {
                let end = text::index::offset(&mut th.heap, v, p)?;
                (body, chars) = (&body[..end], p);
            }
            let mut out = StrBuilder::new();
            pad(&mut out, &s, body, chars)?;
            return Ok(out.finish(&mut th.heap)?);
        }
    };
    Err(th.value_error(fault))
}

/// `object.__format__`: only an empty spec is accepted.
pub fn object(th: &mut Thread, v: Value, spec: Value) -> R {
    let bytes = spec_bytes(th, spec)?;
    if !bytes.is_empty() {
        let name = th.type_name(v);
        return Err(th.type_error(format!("unsupported format string passed to {name}.__format__")));
    }
    th.str_of(v)
}

/// The first character of bytes, if there is exactly one.
pub fn only_char(bytes: &[u8]) -> Option<u32> {
    let mut all = codes(bytes);
    all.next().filter(|_| all.next().is_none())
}
