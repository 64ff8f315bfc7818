//! `text % values` and `bytes % values`. Invariant: both kinds go through one loop; only how an item becomes text
//! differs.

use super::format::only_char;
use super::{float, float_text, int, int_text, seq};
use crate::heap::bigint::{self, is_integer};
use crate::heap::known::N;
use crate::heap::object::Tuple;
use crate::heap::text::index::{count, decode, offset};
use crate::heap::text::{self, StrBuilder};
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, lookup, slots as slots_of};
use crate::run::{R, Raised, Thread};

/// Largest precision that is honoured.
const MAX_PRECISION: usize = 1 << 28;

/// One `%...` item.
#[derive(Default)]
struct Item {
    left: bool,
    plus: bool,
    space: bool,
    alt: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// The values still to be converted.
struct Values {
    all: Value,
    /// Whether `all` is a tuple of values; else it is the one value.
    many: bool,
    at: usize,
    /// The value of a mapping key, which stands for all the values from then on.
    keyed: Option<Value>,
    /// Whether a key was used.
    by_key: bool,
}

impl Values {
    fn next(&mut self, th: &mut Thread) -> R {
        if let Some(v) = self.keyed.take() {
            return Ok(v);
        }
        if self.by_key {
            return Err(th.type_error("not enough arguments for format string"));
        }
        let n = if self.many { self.all.base().get::<Tuple>().len() } else { 1 };
        if self.at >= n {
            return Err(th.type_error("not enough arguments for format string"));
        }
        self.at += 1;
        Ok(if self.many { self.all.base().get::<Tuple>().at(self.at - 1) } else { self.all })
    }
}

/// `format % values` for str.
pub fn str(th: &mut Thread, format: Value, values: Value) -> R {
    let bytes = text::bytes_of(&mut th.heap, format.base())?;
    let mut out = StrBuilder::new();
    run(th, bytes, values, false, &mut out)?;
    Ok(out.finish(&mut th.heap)?)
}

/// `format % values` for bytes and bytearray: the bytes.
pub fn bytes(th: &mut Thread, format: &[u8], values: Value) -> R<StrBuilder> {
    let mut out = StrBuilder::new();
    run(th, format, values, true, &mut out)?;
    Ok(out)
}

fn run(th: &mut Thread, format: &[u8], values: Value, binary: bool, out: &mut StrBuilder) -> R<()> {
    let base = values.base();
    let many = base.is_kind(Kind::Tuple);
    let sequence = text::is_text(base) || binary && matches!(base.kind(), Kind::Bytes | Kind::ByteArray);
    let mapping = !many && !sequence && slots_of(class_of(values)).getitem.is_some();
    let mut v = Values { all: values, many, at: 0, keyed: None, by_key: false };
    let mut at = 0;
    while at < format.len() {
        let next = memchr::memchr(b'%', &format[at..]).map_or(format.len(), |n| at + n);
        out.push_bytes(&format[at..next])?;
        at = next;
        if at == format.len() {
            break;
        }
        at += 1;
        if format.get(at) == Some(&b'%') {
            out.push("%")?;
            at += 1;
            continue;
        }
        if format.get(at) == Some(&b'(') {
            v.keyed = Some(key(th, format, &mut at, values, mapping, binary)?);
            v.by_key = true;
        }
        let item = flags(th, format, &mut at, &mut v)?;
        let Some(&b) = format.get(at) else { return Err(th.value_error("incomplete format")) };
        let place = at;
        let (code, width) = if binary { (b as u32, 1) } else { decode(format, at) };
        at += width;
        convert(th, &item, code, format, place, &mut v, binary, out)?;
    }
    let left = if many { v.at < base.get::<Tuple>().len() } else { v.at == 0 };
    if left && !mapping && !v.by_key {
        return Err(th.type_error(match binary {
            true => "not all arguments converted during bytes formatting",
            false => "not all arguments converted during string formatting",
        }));
    }
    Ok(())
}

/// The value of `(key)` at `at`.
fn key(th: &mut Thread, format: &[u8], at: &mut usize, values: Value, mapping: bool, binary: bool) -> R {
    if !mapping {
        return Err(th.type_error("format requires a mapping"));
    }
    let start = *at + 1;
    let mut depth = 1;
    *at = start;
    while depth > 0 {
        match format.get(*at) {
            Some(b'(') => depth += 1,
            Some(b')') => depth -= 1,
            Some(_) => {}
            None => return Err(th.value_error("incomplete format key")),
        }
        *at += 1;
    }
    let name = &format[start..*at - 1];
    let name = if binary { th.bytes(name)? } else { text::of_bytes(&mut th.heap, name)? };
    th.getitem(values, name)
}

fn flags(th: &mut Thread, format: &[u8], at: &mut usize, v: &mut Values) -> R<Item> {
    let mut item = Item::default();
    while let Some(b) = format.get(*at) {
        match b {
            b'-' => item.left = true,
            b'+' => item.plus = true,
            b' ' => item.space = true,
            b'#' => item.alt = true,
            b'0' => item.zero = true,
            _ => break,
        }
        *at += 1;
    }
    if let Some(n) = count_at(th, format, at, v, "width too big")? {
        item.left |= n < 0;
        item.width = n.unsigned_abs();
    }
    if format.get(*at) == Some(&b'.') {
        *at += 1;
        let n = count_at(th, format, at, v, "precision too big")?.unwrap_or(0).max(0) as usize;
        if n > i32::MAX as usize {
            return Err(th.value_error("precision too big"));
        }
        if n > MAX_PRECISION {
            return Err(Raised);
        }
        item.precision = Some(n);
    }
    if matches!(format.get(*at), Some(b'h' | b'l' | b'L')) {
        *at += 1;
    }
    Ok(item)
}

/// Digits or `*` at `at`.
fn count_at(th: &mut Thread, format: &[u8], at: &mut usize, v: &mut Values, large: &str) -> R<Option<isize>> {
    if format.get(*at) == Some(&b'*') {
        *at += 1;
        let n = v.next(th)?;
        if !is_integer(n.base()) {
            return Err(th.type_error("* wants int"));
        }
        let wide = large.starts_with("width");
        return match bigint::to_i64(n.base()).filter(|i| wide || i32::try_from(*i).is_ok()) {
            Some(i64::MIN) => Err(th.overflow_error("width too big")),
            Some(i) => Ok(Some(i as isize)),
            None => {
                let c = if wide { "ssize_t" } else { "int" };
                Err(th.overflow_error(format!("Python int too large to convert to C {c}")))
            }
        };
    }
    let mut n = None;
    while let Some(b) = format.get(*at).filter(|b| b.is_ascii_digit()) {
        let wider = n.unwrap_or(0isize).checked_mul(10).and_then(|n| n.checked_add((b - b'0') as isize));
        let Some(wider) = wider else { return Err(th.value_error(large)) };
        n = Some(wider);
        *at += 1;
    }
    Ok(n)
}

#[allow(clippy::too_many_arguments)]
fn convert(
    th: &mut Thread,
    item: &Item,
    code: u32,
    format: &[u8],
    place: usize,
    v: &mut Values,
    binary: bool,
    out: &mut StrBuilder,
) -> R<()> {
    let kind = u8::try_from(code).unwrap_or(0xff);
    match kind {
        b's' | b'r' | b'a' | b'b' if kind != b'b' || binary => {
            let x = v.next(th)?;
            if binary && matches!(kind, b's' | b'b') {
                let body = bytes_item(th, x)?;
                let body = item.precision.map_or(&body[..], |p| &body[..p.min(body.len())]);
                return padded(out, item, body, body.len());
            }
            let mut shown = match kind {
                b's' => th.str_of(x)?,
                _ => th.repr(x)?,
            };
            if kind == b'a' || binary {
                shown = super::str_more::ascii_only(th, shown.base())?;
            }
            let shown = shown.base();
            let mut body = text::bytes_of(&mut th.heap, shown)?;
            let mut chars = text::len(shown);
            if let Some(p) = item.precision.filter(|p| *p < chars) {
                let end = offset(&mut th.heap, shown, p)?;
                (body, chars) = (&body[..end], p);
            }
            Ok(padded(out, item, body, chars)?)
        }
        b'c' => {
            let x = v.next(th)?;
            let mut one = StrBuilder::new();
            character(th, x, binary, &mut one)?;
            Ok(padded(out, item, one.bytes(), 1)?)
        }
        b'd' | b'i' | b'u' | b'o' | b'x' | b'X' => {
            let x = v.next(th)?;
            if x.is_int()
                && kind == b'd'
                && item.width == 0
                && item.precision.is_none()
                && !item.plus
                && !item.space
            {
                let t = int_text::decimal(th, x)?;
                return Ok(out.push_value(&mut th.heap, t)?);
            }
            whole(th, item, kind, x, out)
        }
        b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {
            let x = v.next(th)?;
            let x = match (binary, float::real(th, x)?) {
                (_, Some(x)) => x,
                (true, None) => {
                    return Err(th.type_error(format!("float argument required, not {}", th.type_name(x))));
                }
                (false, None) => {
                    return Err(th.type_error(format!("must be real number, not {}", th.type_name(x))));
                }
            };
            let text = float_text::formatted(x, kind, item.precision.unwrap_or(6), item.alt, false);
            let body = text.trim_start_matches('-');
            numeric(out, item, text.len() > body.len(), "", body)
        }
        _ => {
            v.next(th)?;
            let shown = if (32..127).contains(&code) { kind as char } else { '?' };
            let at = if binary { place } else { count(&format[..place]) };
            Err(th.value_error(format!("unsupported format character '{shown}' ({code:#x}) at index {at}")))
        }
    }
}

fn character(th: &mut Thread, x: Value, binary: bool, one: &mut StrBuilder) -> R<()> {
    let b = x.base();
    if binary {
        if let Some(c) =
            seq::buffer(x).filter(|c| c.len() == 1 && matches!(b.kind(), Kind::Bytes | Kind::ByteArray))
        {
            return Ok(one.push_bytes(&c)?);
        }
        if seq::is_index(x) {
            let i = crate::run::arith::index(th, x)?;
            return match bigint::to_i64(i).and_then(|i| u8::try_from(i).ok()) {
                Some(i) => Ok(one.push_bytes(&[i])?),
                None => Err(th.overflow_error("%c arg not in range(256)")),
            };
        }
        let t = th.type_name(x);
        let text = match seq::buffer(x) {
            Some(c) => format!(
                "%c requires an integer in range(256) or a single byte, not a {t} object of length {}",
                c.len()
            ),
            None => format!("%c requires an integer in range(256) or a single byte, not {t}"),
        };
        return Err(th.type_error(text));
    }
    if text::is_text(b) {
        let bytes = text::bytes_of(&mut th.heap, b)?;
        return match only_char(bytes) {
            Some(c) => Ok(one.push_code(c)?),
            None => {
                let n = text::len(b);
                Err(th.type_error(format!(
                    "%c requires an int or a unicode character, not a string of length {n}"
                )))
            }
        };
    }
    if !seq::is_index(x) {
        let t = th.type_name(x);
        return Err(th.type_error(format!("%c requires an int or a unicode character, not {t}")));
    }
    let i = crate::run::arith::index(th, x)?;
    match bigint::to_i64(i).and_then(|i| u32::try_from(i).ok()).filter(|c| *c < 0x11_0000) {
        Some(c) => Ok(one.push_code(c)?),
        None => Err(th.overflow_error("%c arg not in range(0x110000)")),
    }
}

/// What `%b` shows of a value.
fn bytes_item(th: &mut Thread, x: Value) -> R<std::borrow::Cow<'static, [u8]>> {
    if let Some(b) = seq::buffer(x) {
        return Ok(b);
    }
    if let Some(f) = lookup(class_of(x), N::__bytes__.v()) {
        let f = crate::run::attr::bind(th, f, x)?;
        let r = th.call(f, &[])?;
        if let Some(b) = seq::buffer(r) {
            return Ok(b);
        }
        let t = th.type_name(r);
        return Err(th.type_error(format!("__bytes__ returned non-bytes (type {t})")));
    }
    let t = th.type_name(x);
    Err(th.type_error(format!(
        "%b requires a bytes-like object, or an object that implements __bytes__, not '{t}'"
    )))
}

fn padded(out: &mut StrBuilder, item: &Item, body: &[u8], chars: usize) -> R<()> {
    let room = item.width.saturating_sub(chars);
    if !item.left {
        out.push_repeated(b' ' as u32, room)?;
    }
    out.push_bytes(body)?;
    if item.left {
        out.push_repeated(b' ' as u32, room)?;
    }
    Ok(())
}

fn numeric(out: &mut StrBuilder, item: &Item, negative: bool, prefix: &str, digits: &str) -> R<()> {
    let sign = match negative {
        true => "-",
        false if item.plus => "+",
        false if item.space => " ",
        false => "",
    };
    let room = item.width.saturating_sub(sign.len() + prefix.len() + digits.len());
    let zeros = item.zero && !item.left;
    if !item.left && !zeros {
        out.push_repeated(b' ' as u32, room)?;
    }
    out.push(sign)?;
    out.push(prefix)?;
    if zeros {
        out.push_repeated(b'0' as u32, room)?;
    }
    out.push(digits)?;
    if item.left {
        out.push_repeated(b' ' as u32, room)?;
    }
    Ok(())
}

fn whole(th: &mut Thread, item: &Item, kind: u8, x: Value, out: &mut StrBuilder) -> R<()> {
    let decimal = matches!(kind, b'd' | b'i' | b'u');
    let b = x.base();
    let s = slots_of(class_of(x));
    let i = if is_integer(b) {
        b
    } else if decimal && (s.int.is_some() || s.index.is_some()) {
        int::convert(th, x)?
    } else if !decimal && s.index.is_some() {
        crate::run::arith::index(th, x)?
    } else {
        let t = th.type_name(x);
        let what = if decimal { "a real number" } else { "an integer" };
        return Err(th.type_error(format!("%{} format: {what} is required, not {t}", kind as char)));
    };
    let (radix, prefix) = match kind {
        b'o' => (8, "0o"),
        b'x' => (16, "0x"),
        b'X' => (16, "0X"),
        _ => (10, ""),
    };
    let mut text =
        if radix == 10 { int_text::decimal_text(th, i)? } else { bigint::to_radix(&mut th.heap, i, radix) };
    if kind == b'X' {
        text.make_ascii_uppercase();
    }
    let mut digits = text.trim_start_matches('-').to_string();
    if let Some(p) = item.precision.filter(|p| *p > digits.len()) {
        digits.insert_str(0, &"0".repeat(p - digits.len()));
    }
    numeric(out, item, bigint::is_negative(i), if item.alt { prefix } else { "" }, &digits)
}
