//! Number literals: where they end, what they are worth, what is wrong with them.

use crate::fault::Fault;
use crate::lex::one;
use crate::tree::{Int, Span};

/// How many decimal digits an integer literal may have: converting more takes too long.
const MAX_DIGITS: usize = 4300;

/// The value of a number literal.
pub enum Number {
    Int(Int),
    Float(f64),
    Imaginary(f64),
}

/// Finds the end of the number literal that begins at `start`.
pub fn scan(text: &str, start: usize) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    if bytes[start] == b'0' {
        let radix = match bytes.get(start + 1) {
            Some(b'x' | b'X') => Some((16, "hexadecimal")),
            Some(b'o' | b'O') => Some((8, "octal")),
            Some(b'b' | b'B') => Some((2, "binary")),
            _ => None,
        };
        if let Some((radix, name)) = radix {
            return scan_radix(text, start + 2, radix, name);
        }
    }
    let mut at = digits(bytes, start)?;
    let mut kind = "decimal";
    let mut whole = true;
    if bytes.get(at) == Some(&b'.') {
        whole = false;
        at += 1;
        if bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at = digits(bytes, at)?;
        }
    }
    if let Some(b'e' | b'E') = bytes.get(at) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if bytes.get(at + 1 + sign).is_some_and(u8::is_ascii_digit) {
            whole = false;
            at = digits(bytes, at + 1 + sign)?;
        } else if sign == 1 {
            return Err(Fault::syntax(one(at + 1), "invalid decimal literal"));
        }
    }
    if let Some(b'j' | b'J') = bytes.get(at) {
        whole = false;
        kind = "imaginary";
        at += 1;
    }
    if whole && bytes[start] == b'0' {
        let literal = &bytes[start..at];
        if literal.iter().any(|byte| matches!(byte, b'1'..=b'9')) {
            let zeros = literal.iter().take_while(|byte| matches!(byte, b'0' | b'_')).count();
            let message = "leading zeros in decimal integer literals are not permitted; \
                           use an 0o prefix for octal integers";
            return Err(Fault::syntax(Span::new(start as u32, (start + zeros) as u32), message));
        }
    }
    after(text, at, kind)
}

/// Digits with single underscores between them, from a digit (or a point) on.
fn digits(bytes: &[u8], mut at: usize) -> Result<usize, Fault> {
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_digit) {
            at += 1;
        }
        if bytes.get(at) != Some(&b'_') {
            return Ok(at);
        }
        if !bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
            return Err(Fault::syntax(one(at), "invalid decimal literal"));
        }
        at += 1;
    }
}

fn scan_radix(text: &str, mut at: usize, radix: u32, name: &str) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let invalid = |at: usize| Fault::syntax(one(at), format!("invalid {name} literal"));
    let is_digit = |at: usize| bytes.get(at).is_some_and(|&byte| (byte as char).is_digit(radix));
    loop {
        let mut last = at - 1;
        if bytes.get(at) == Some(&b'_') {
            last = at;
            at += 1;
        }
        if !is_digit(at) {
            return Err(match bytes.get(at) {
                Some(&digit) if digit.is_ascii_digit() => wrong_digit(at, digit, name),
                _ => invalid(last),
            });
        }
        while is_digit(at) {
            at += 1;
        }
        match bytes.get(at) {
            Some(b'_') => {}
            Some(&digit) if digit.is_ascii_digit() => return Err(wrong_digit(at, digit, name)),
            _ => return after(text, at, name),
        }
    }
}

#[cold]
fn wrong_digit(at: usize, digit: u8, name: &str) -> Fault {
    Fault::syntax(one(at), format!("invalid digit '{}' in {name} literal", digit as char))
}

/// A number must not run into a name; a keyword that may follow an operand is let through.
fn after(text: &str, at: usize, name: &str) -> Result<usize, Fault> {
    let rest = &text[at..];
    let Some(next) = rest.chars().next() else { return Ok(at) };
    if !(next == '_'
        || next.is_ascii_alphanumeric()
        || unicode_ident::is_xid_continue(next) && !next.is_ascii())
    {
        return Ok(at);
    }
    if ["and", "else", "for", "if", "in", "is", "not", "or"].iter().any(|word| rest.starts_with(word)) {
        return Ok(at);
    }
    Err(Fault::syntax(one(at - 1), format!("invalid {name} literal")))
}

/// The value of the literal `text`, which `scan` found.
pub fn value(text: &str, span: Span) -> Result<Number, Fault> {
    let bytes = text.as_bytes();
    if let [digit @ b'0'..=b'9'] = bytes {
        return Ok(Number::Int(Int::Small(i64::from(digit - b'0'))));
    }
    let plain: std::borrow::Cow<str> =
        if bytes.contains(&b'_') { text.replace('_', "").into() } else { text.into() };
    let radix = match plain.as_bytes() {
        [b'0', b'x' | b'X', ..] => 16,
        [b'0', b'o' | b'O', ..] => 8,
        [b'0', b'b' | b'B', ..] => 2,
        _ => 10,
    };
    if radix != 10 {
        return Ok(Number::Int(of_radix(&plain[2..], radix)));
    }
    if let Some(number) = plain.strip_suffix(['j', 'J']) {
        return Ok(Number::Imaginary(float(number)));
    }
    if !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Number::Float(float(&plain)));
    }
    if let Ok(small) = plain.parse() {
        return Ok(Number::Int(Int::Small(small)));
    }
    if plain.len() > MAX_DIGITS {
        return Err(Fault::syntax(
            span,
            format!(
                "Exceeds the limit ({MAX_DIGITS} digits) for integer string conversion: value has {} digits; use \
                 sys.set_int_max_str_digits() to increase the limit - Consider hexadecimal for huge integer \
                 literals to avoid decimal conversion limits.",
                plain.len()
            ),
        ));
    }
    Ok(Number::Int(of_decimal(&plain)))
}

fn float(text: &str) -> f64 {
    text.parse().expect("scan lets only numbers through")
}

/// The value of binary, octal or hexadecimal digits: bits are regrouped, whatever their number.
fn of_radix(digits: &str, radix: u32) -> Int {
    if let Ok(small) = i64::from_str_radix(digits, radix) {
        return Int::Small(small);
    }
    let width = radix.trailing_zeros();
    let mut hex = Vec::with_capacity(digits.len());
    let (mut bits, mut held) = (0u32, 0);
    for digit in digits.bytes().rev() {
        bits |= (digit as char).to_digit(radix).expect("scan lets only digits through") << held;
        held += width;
        while held >= 4 {
            hex.push(char::from_digit(bits & 15, 16).expect("four bits"));
            bits >>= 4;
            held -= 4;
        }
    }
    hex.push(char::from_digit(bits, 16).expect("less than four bits"));
    Int::Big(trimmed(hex))
}

fn of_decimal(digits: &str) -> Int {
    let mut limbs: Vec<u32> = Vec::new();
    for group in digits.as_bytes().chunks(9) {
        let mut carry = 0;
        let mut factor = 1u64;
        for digit in group {
            carry = carry * 10 + u64::from(digit - b'0');
            factor *= 10;
        }
        for limb in &mut limbs {
            let product = u64::from(*limb) * factor + carry;
            *limb = product as u32;
            carry = product >> 32;
        }
        if carry > 0 {
            limbs.push(carry as u32);
        }
    }
    let nibble = |limb: u32, at: u32| char::from_digit(limb >> (4 * at) & 15, 16).expect("four bits");
    Int::Big(trimmed(limbs.iter().flat_map(|&limb| (0..8).map(move |at| nibble(limb, at))).collect()))
}

/// Digits, lowest first, as text without leading zeros.
fn trimmed(mut digits: Vec<char>) -> Box<str> {
    while digits.last() == Some(&'0') {
        digits.pop();
    }
    digits.iter().rev().collect::<String>().into()
}
