//! Texts of finite decimal numbers: reading plain ones, writing, and the presentation `f`. Invariant: `None` leaves a
//! text or a format to the library's own code (`stdlib/decimal/_text.mp`), whose results these are.

use super::decimal_num::{Coef, Num, Rounding};

/// Coefficients of more digits than this are read by the library.
const MOST: usize = 38;

/// The number that ASCII text says, if it is plain: digits, a point, an exponent of few digits.
pub fn parse(text: &[u8]) -> Option<Num> {
    let (neg, mut rest) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let (mut small, mut c, mut digits, mut after) = (0u64, 0u128, 0, 0);
    let mut point = false;
    while let Some((&b, next)) = rest.split_first() {
        match b {
            b'0'..=b'9' => {
                if digits == MOST {
                    return None;
                }
                let d = b - b'0';
                if digits < 19 {
                    small = small * 10 + d as u64;
                } else {
                    c = if digits == 19 { small as u128 * 10 } else { c * 10 } + d as u128;
                }
                digits += 1;
                after += point as i64;
            }
            b'.' if !point => point = true,
            b'e' | b'E' => break,
            _ => return None,
        }
        rest = next;
    }
    if digits == 0 {
        return None;
    }
    let c = if digits <= 19 { small as u128 } else { c };
    let exponent = match rest.split_first() {
        None => 0,
        Some((_, rest)) => {
            let (minus, rest) = match rest.split_first()? {
                (b'-', rest) => (true, rest),
                (b'+', rest) => (false, rest),
                _ => (false, rest),
            };
            if rest.is_empty() || rest.len() > 15 || !rest.iter().all(u8::is_ascii_digit) {
                return None;
            }
            let e = rest.iter().fold(0i64, |e, b| e * 10 + (b - b'0') as i64);
            if minus { -e } else { e }
        }
    };
    Some(Num { neg, c: Coef::Small(c), e: exponent - after })
}

/// The digits of a coefficient of up to 128 bits.
pub struct Digits {
    buffer: [u8; 40],
    at: usize,
}

impl Digits {
    /// Of `n`.
    pub fn of(mut n: u128) -> Digits {
        let mut d = Digits { buffer: [b'0'; 40], at: 40 };
        const PART: u128 = 10u128.pow(19);
        while n >> 64 != 0 {
            d.put((n % PART) as u64, 19);
            n /= PART;
        }
        d.put(n as u64, 1);
        d
    }

    fn put(&mut self, mut n: u64, least: usize) {
        let end = self.at - least;
        while n != 0 {
            self.at -= 1;
            self.buffer[self.at] = b'0' + (n % 10) as u8;
            n /= 10;
        }
        self.at = self.at.min(end);
    }

    /// As ASCII.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.at..]
    }
}

/// The text that is read back as the same number.
pub fn write(out: &mut Vec<u8>, neg: bool, digits: &[u8], e: i64, capitals: bool) {
    if neg {
        out.push(b'-');
    }
    let n = digits.len() as i64;
    // How many digits stand left of the point, when the exponent is shown and when it is not.
    let left = n + e;
    let point = if e <= 0 && left > -6 { left } else { 1 };
    if point <= 0 {
        out.extend_from_slice(b"0.");
        out.resize(out.len() + -point as usize, b'0');
        out.extend_from_slice(digits);
    } else if point >= n {
        out.extend_from_slice(digits);
    } else {
        out.extend_from_slice(&digits[..point as usize]);
        out.push(b'.');
        out.extend_from_slice(&digits[point as usize..]);
    }
    if left != point {
        out.push(if capitals { b'E' } else { b'e' });
        let e = left - point;
        out.push(if e < 0 { b'-' } else { b'+' });
        out.extend_from_slice(Digits::of(e.unsigned_abs() as u128).bytes());
    }
}

/// A format of the presentation `f`: what stands before it.
struct Spec {
    left: bool,
    sign: Option<u8>,
    zero: bool,
    width: usize,
    group: bool,
    places: Option<i64>,
}

fn spec(text: &[u8]) -> Option<Spec> {
    let mut s = Spec { left: false, sign: None, zero: false, width: 0, group: false, places: None };
    let mut at = text;
    let number = |at: &mut &[u8]| {
        let n = at.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = at.split_at(n);
        *at = rest;
        if n > 3 { None } else { Some(digits.iter().fold(0, |v, b| v * 10 + (b - b'0') as usize)) }
    };
    let aligned = matches!(at.first(), Some(b'<' | b'>'));
    if aligned {
        s.left = at[0] == b'<';
        at = &at[1..];
    }
    if let Some(b @ (b'+' | b' ' | b'-')) = at.first() {
        s.sign = Some(*b).filter(|b| *b != b'-');
        at = &at[1..];
    }
    if at.first() == Some(&b'0') {
        if aligned {
            return None;
        }
        s.zero = true;
        at = &at[1..];
    }
    s.width = number(&mut at)?;
    if at.first() == Some(&b',') {
        s.group = true;
        at = &at[1..];
    }
    if at.first() == Some(&b'.') {
        at = &at[1..];
        at.first().filter(|b| b.is_ascii_digit())?;
        s.places = Some(number(&mut at)? as i64);
    }
    (at == b"f" || at == b"F").then_some(s)
}

/// The text of a number by a format of the presentation `f`.
pub fn format(d: &Num, by: &[u8], rounding: Rounding) -> Option<Vec<u8>> {
    let s = spec(by)?;
    let (mut c, mut e) = (d.c.clone(), d.e);
    let target = s.places.map_or(e.min(0), |p| -p);
    if e < target {
        c = c.cut(target - e, rounding, d.neg)?.0;
        e = target;
    }
    let Coef::Small(c) = c else { return None };
    // What is missing to the exponent wanted are zeros.
    let zeros = if c == 0 { 0 } else { e - target };
    if !(0..=999).contains(&zeros) || target < -999 {
        return None;
    }
    let text = Digits::of(c);
    let mut digits = text.bytes().to_vec();
    digits.resize(digits.len() + zeros as usize, b'0');
    let after = -target as usize;
    if digits.len() <= after {
        digits.splice(0..0, std::iter::repeat_n(b'0', after + 1 - digits.len()));
    }
    let (whole, tail) = digits.split_at(digits.len() - after);
    let sign = if d.neg { Some(b'-') } else { s.sign };
    let mut whole = whole.to_vec();
    let fixed = sign.is_some() as usize + after + (after > 0) as usize;
    if s.zero {
        // Of four characters of grouped digits one is a separator.
        let room = s.width.saturating_sub(fixed);
        let least = if s.group && s.width >= fixed { 3 * room / 4 + 1 } else { room };
        if whole.len() < least {
            whole.splice(0..0, std::iter::repeat_n(b'0', least - whole.len()));
        }
    }
    let mut body = Vec::with_capacity(s.width.max(whole.len() * 2 + fixed));
    body.extend(sign);
    for (i, b) in whole.iter().enumerate() {
        if s.group && i > 0 && (whole.len() - i) % 3 == 0 {
            body.push(b',');
        }
        body.push(*b);
    }
    if after > 0 {
        body.push(b'.');
        body.extend_from_slice(tail);
    }
    let padding = s.width.saturating_sub(body.len());
    let at = if s.left { body.len() } else { 0 };
    body.splice(at..at, std::iter::repeat_n(b' ', padding));
    Some(body)
}
