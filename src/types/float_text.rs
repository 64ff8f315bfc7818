//! Doubles to text and back: the shortest digits that give the double again, digits to a precision (exactly rounded,
//! half to even), hexadecimal. Invariant: no digit depends on the locale.

use super::int_text::without_underscores;
use std::fmt::Write;

/// Text in the making, on the native stack as long as it is short.
struct Short {
    bytes: [u8; 32],
    n: usize,
}

impl Write for Short {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        let end = self.n + s.len();
        self.bytes.get_mut(self.n..end).ok_or(std::fmt::Error)?.copy_from_slice(s.as_bytes());
        self.n = end;
        Ok(())
    }
}

impl Short {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.n]).unwrap_or("")
    }
}

/// Digits of a finite magnitude and its decimal exponent: `d.ddd * 10^exp`. Without a count: the fewest that give
/// the double again.
fn digits(x: f64, count: Option<usize>) -> (String, i32) {
    match count {
        None => {
            let text = shortest(x.abs());
            parted(text.text(), 0)
        }
        // No double has more than 767 significant digits.
        Some(n) => parted(&format!("{:.*e}", (n - 1).min(800), x.abs()), n),
    }
}

/// The digits of `d.ddde±x`, at least so many, and the exponent.
fn parted(text: &str, least: usize) -> (String, i32) {
    let (mantissa, exp) = text.split_once('e').unwrap_or((text, "0"));
    let mut digits = String::with_capacity(mantissa.len().max(least));
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits.push_str(first);
    digits.push_str(rest);
    digits.extend(std::iter::repeat_n('0', least.saturating_sub(digits.len())));
    (digits, exp.parse().unwrap_or(0))
}

/// The shortest digits that give `x` again, in `d.ddde±x` form; of two equally near ones the even, as C libraries
/// that round correctly choose.
fn shortest(x: f64) -> Short {
    let written = |args: std::fmt::Arguments| {
        let mut out = Short { bytes: [0; 32], n: 0 };
        // A shortest double takes 24 bytes at most.
        let _ = out.write_fmt(args);
        out
    };
    let text = written(format_args!("{x:e}"));
    let digits = text.text().split('e').next().map_or(0, |d| d.len() - d.contains('.') as usize);
    if digits >= 16 && may_tie(x) {
        // Fewer digits leave no two candidates within half a unit in the last place.
        let exact = written(format_args!("{x:.*e}", digits - 1));
        if exact.text().parse() == Ok(x) {
            return exact;
        }
    }
    text
}

/// Whether `x` can lie in the middle between two numbers of 16 or 17 digits: then it has 18 digits at most, but odd
/// multiples of `2^-k` have as many digits as `5^k` or more.
fn may_tie(x: f64) -> bool {
    let bits = x.to_bits();
    let (exp, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    let (mantissa, exp) = if exp == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exp - 1075) };
    exp + mantissa.trailing_zeros() as i32 >= -26
}

/// `repr(x)`.
pub fn repr(x: f64) -> String {
    formatted(x, b'r', 0, false, true)
}

/// The digits of `x` by kind: `e`, `f`, `g` (or upper case) to a precision, `r` the shortest. `alt` keeps the point
/// and trailing zeros; `dot` adds `.0` to what looks like an integer. A negative sign stands first.
pub fn formatted(x: f64, kind: u8, precision: usize, alt: bool, dot: bool) -> String {
    let mut out = String::with_capacity(32);
    if x.is_sign_negative() && !x.is_nan() {
        out.push('-');
    }
    let upper = kind.is_ascii_uppercase();
    if !x.is_finite() {
        out.push_str(if x.is_nan() { "nan" } else { "inf" });
    } else {
        match kind.to_ascii_lowercase() {
            b'e' => {
                let (d, exp) = digits(x, Some(precision + 1));
                exponent(&mut out, &d, exp, alt);
            }
            b'f' => {
                if !plain_fixed(&mut out, x.abs(), precision) {
                    // Writing into a String cannot fail.
                    let _ = write!(out, "{:.*}", precision.min(1100), x.abs());
                }
                out.extend(std::iter::repeat_n('0', precision.saturating_sub(1100)));
                if alt && precision == 0 {
                    out.push('.');
                }
            }
            kind => {
                let (limit, mut d, exp) = if kind == b'r' {
                    let (d, exp) = digits(x, None);
                    (16, d, exp)
                } else {
                    let p = precision.max(1);
                    let (d, exp) = digits(x, Some(p));
                    (p as i32 - dot as i32, d, exp)
                };
                if !alt {
                    d.truncate(d.trim_end_matches('0').len().max(1));
                }
                if exp < -4 || exp >= limit {
                    exponent(&mut out, &d, exp, alt);
                } else {
                    fixed(&mut out, &d, exp, alt, dot);
                }
            }
        }
    }
    if upper { out.to_ascii_uppercase() } else { out }
}

/// Writes `x` to a few places where that needs no exact arithmetic: the scaled value is so small that its rounding
/// error cannot move it across a half. Whether it did.
fn plain_fixed(out: &mut String, x: f64, places: usize) -> bool {
    const TENS: [f64; 7] = [1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];
    let Some(scale) = TENS.get(places) else { return false };
    let y = x * scale;
    if y >= 1e12 {
        return false;
    }
    let whole = y.trunc();
    let fraction = y - whole;
    if (fraction - 0.5).abs() < 1e-3 {
        return false;
    }
    let mut n = whole as u64 + (fraction > 0.5) as u64;
    let (mut bytes, mut at) = ([b'0'; 24], 24);
    // One digit stands before the point at least.
    while n > 0 || 24 - at <= places + (places > 0) as usize {
        at -= 1;
        if places > 0 && 24 - at == places + 1 {
            bytes[at] = b'.';
            continue;
        }
        bytes[at] = b'0' + (n % 10) as u8;
        n /= 10;
    }
    out.push_str(std::str::from_utf8(&bytes[at..]).unwrap_or(""));
    true
}

fn exponent(out: &mut String, digits: &str, exp: i32, alt: bool) {
    out.push_str(&digits[..1]);
    if digits.len() > 1 || alt {
        out.push('.');
        out.push_str(&digits[1..]);
    }
    // Writing into a String cannot fail.
    let _ = write!(out, "e{}{:02}", if exp < 0 { '-' } else { '+' }, exp.abs());
}

fn fixed(out: &mut String, digits: &str, exp: i32, alt: bool, dot: bool) {
    let whole = if exp < 0 { 0 } else { (exp as usize + 1).min(digits.len()) };
    if exp < 0 {
        out.push('0');
    } else {
        out.push_str(&digits[..whole]);
        out.extend(std::iter::repeat_n('0', exp as usize + 1 - whole));
    }
    let rest = &digits[whole..];
    if !rest.is_empty() {
        out.push('.');
        out.extend(std::iter::repeat_n('0', (-exp - 1).max(0) as usize));
        out.push_str(rest);
    } else if dot {
        out.push_str(".0");
    } else if alt {
        out.push('.');
    }
}

/// Whether underscores stand between digits only.
pub fn underscores_fit(text: &[u8]) -> bool {
    let digit = |i: Option<usize>| i.and_then(|i| text.get(i)).is_some_and(u8::is_ascii_digit);
    text.iter().enumerate().all(|(i, b)| *b != b'_' || digit(i.checked_sub(1)) && digit(Some(i + 1)))
}

/// The double of a literal (trimmed), or nothing.
pub fn parse(text: &[u8]) -> Option<f64> {
    let plain;
    let text = if text.contains(&b'_') {
        if !underscores_fit(text) {
            return None;
        }
        plain = without_underscores(text)?;
        &plain
    } else {
        text
    };
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// `x` rounded to `places` decimals (half to even on its exact value); nothing if the result is beyond all doubles.
pub fn rounded(x: f64, places: i64) -> Option<f64> {
    if !x.is_finite() || places > 323 {
        return Some(x);
    }
    if places < -308 {
        return Some(0.0 * x);
    }
    if places >= 0 {
        return format!("{:.*}", places as usize, x).parse().ok();
    }
    let whole = format!("{:.1080}", x.abs());
    let (whole, fraction) = whole.split_once('.').unwrap_or((&whole, ""));
    let drop = places.unsigned_abs() as usize;
    let keep = whole.len().saturating_sub(drop);
    let kept = &whole[..keep];
    // What is dropped, as digits with the first one worth half a unit at 5.
    let dropped = format!("{}{}{fraction}", "0".repeat(drop.saturating_sub(whole.len())), &whole[keep..]);
    let (first, rest) = dropped.split_at(1);
    let more = rest.bytes().any(|b| b != b'0');
    let odd = kept.bytes().last().is_some_and(|b| b & 1 == 1);
    let up = first > "5" || first == "5" && (more || odd);
    let mut digits: Vec<u8> = std::iter::once(b'0').chain(kept.bytes()).collect();
    if up {
        for d in digits.iter_mut().rev() {
            if *d == b'9' {
                *d = b'0';
            } else {
                *d += 1;
                break;
            }
        }
    }
    let text = format!("{}e{drop}", String::from_utf8_lossy(&digits));
    let r: f64 = text.parse().ok()?;
    r.is_finite().then_some(r.copysign(x))
}

/// `float.hex(x)`.
pub fn hex(x: f64) -> String {
    if !x.is_finite() {
        return repr(x);
    }
    let sign = if x.is_sign_negative() { "-" } else { "" };
    if x == 0.0 {
        return format!("{sign}0x0.0p+0");
    }
    let bits = x.to_bits();
    let (exp, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    let (lead, exp) = if exp == 0 { (0, -1022) } else { (1, exp - 1023) };
    format!("{sign}0x{lead}.{fraction:013x}p{exp:+}")
}

/// Why a hexadecimal text gives no double.
pub enum HexFault {
    /// It is none.
    Invalid,
    /// Beyond all doubles.
    Overflow,
}

/// `float.fromhex(text)` of a trimmed text.
pub fn from_hex(text: &str) -> Result<f64, HexFault> {
    let (negative, rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = rest.to_ascii_lowercase();
    let sign = if negative { -1.0 } else { 1.0 };
    match lower.as_str() {
        "inf" | "infinity" => return Ok(sign * f64::INFINITY),
        "nan" => return Ok(f64::NAN.copysign(sign)),
        _ => {}
    }
    let body = lower.strip_prefix("0x").unwrap_or(&lower);
    let (mantissa, exp) = match body.split_once('p') {
        Some((m, e)) => {
            let digits = e.strip_prefix(['+', '-']).unwrap_or(e);
            if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return Err(HexFault::Invalid);
            }
            let size = digits.parse::<i64>().unwrap_or(1 << 40).min(1 << 40);
            (m, if e.starts_with('-') { -size } else { size })
        }
        None => (body, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all: Vec<u32> = match whole.chars().chain(fraction.chars()).map(|c| c.to_digit(16)).collect() {
        Some(d) => d,
        None => return Err(HexFault::Invalid),
    };
    if all.is_empty() {
        return Err(HexFault::Invalid);
    }
    let start = all.iter().position(|d| *d != 0).unwrap_or(all.len());
    let (mut mantissa, mut exp) = (0u128, exp - 4 * fraction.len() as i64);
    for (i, d) in all[start..].iter().enumerate() {
        if i < 30 {
            mantissa = mantissa << 4 | *d as u128;
        } else {
            mantissa |= (*d != 0) as u128;
            exp += 4;
        }
    }
    if mantissa == 0 {
        return Ok(0.0 * sign);
    }
    scaled(mantissa, exp).map(|x| x * sign).ok_or(HexFault::Overflow)
}

/// `mantissa * 2^exp` correctly rounded; the lowest bit may stand for any rest if there are more than 60 bits.
fn scaled(mantissa: u128, exp: i64) -> Option<f64> {
    let bits = 128 - mantissa.leading_zeros() as i64;
    let top = exp.saturating_add(bits) - 1;
    if top > 1023 {
        return None;
    }
    if top < -1080 {
        return Some(0.0);
    }
    let kept = if top >= -1022 { 53 } else { 53 + top + 1022 };
    let drop = (bits - kept).max(0);
    let mut keep = if drop >= 128 { 0 } else { mantissa >> drop };
    if drop > 0 {
        let half = 1u128 << (drop - 1);
        let rest = if drop >= 128 { mantissa } else { mantissa & ((1 << drop) - 1) };
        if rest > half || rest == half && keep & 1 == 1 {
            keep += 1;
        }
    }
    let e = exp + drop;
    let (first, second) = (e / 2, e - e / 2);
    let x = keep as f64 * 2f64.powi(first as i32) * 2f64.powi(second as i32);
    x.is_finite().then_some(x)
}
