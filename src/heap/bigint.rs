//! Arithmetic on ints of any size: immediate, Big, or bool as 0 and 1. Invariant: what a script can make too large is
//! checked before it is computed; limbs live in heap cells, only temporaries in the arithmetic crate's types; small
//! operands never reach the crate (`limbs`, or 128 bits).

use super::cell::Kind;
use super::limbs;
use super::object::Big;
use super::space::Mutator;
use super::value::{INT_MAX, INT_MIN, Value};
use super::{Full, Make};
use dashu_int::fast_div::ConstDivisor;
use dashu_int::ops::{BitTest, DivRem, ExtendedGcd, Gcd, SquareRoot};
use dashu_int::{IBig, Sign, UBig};
use std::cmp::Ordering;

/// Larger results are refused.
pub const MAX_BITS: usize = 1 << 32;
/// Operands of more bits than this are worked on as a stopped thread, where threads run in parallel.
const HEAVY: usize = 1 << 15;
/// The modulus of hashes: 2^61 - 1.
const P: u64 = (1 << 61) - 1;

/// Why there is no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The heap is full.
    Full,
    /// The result would be larger than is ever allowed, or than what was asked for.
    TooLarge,
    /// Division by zero.
    Zero,
    /// A negative operand where none is allowed.
    Negative,
    /// No inverse for the modulus.
    NotInvertible,
}

impl From<Full> for Fault {
    fn from(_: Full) -> Fault {
        Fault::Full
    }
}

type Int = Result<Value, Fault>;

/// Whether this is an int (or bool).
#[inline(always)]
pub fn is_integer(v: Value) -> bool {
    v.is_int() || v.is_bool() || v.kind() == Kind::Big
}

impl Big {
    /// Whether it is below 0.
    #[inline(always)]
    pub fn is_negative(&self) -> bool {
        self.size.get() & 1 != 0
    }

    /// The magnitude, least limb first.
    pub fn magnitude(&self) -> &'static [u64] {
        let n = self.size.get() >> 1;
        if n == 0 {
            return &[];
        }
        // SAFETY: the cell was made with n limbs, which are not written after it was published.
        unsafe { std::slice::from_raw_parts(self.limb(0) as *const super::cell::Raw as *const u64, n) }
    }
}

/// The value as 128 bits, if it is small enough for the quick ways.
#[inline]
fn small(v: Value) -> Option<i128> {
    if v.is_int() {
        return Some(v.as_int() as i128);
    }
    if v.is_bool() {
        return Some((v == Value::TRUE) as i128);
    }
    let b = v.get::<Big>();
    match *b.magnitude() {
        [low] => Some(if b.is_negative() { -(low as i128) } else { low as i128 }),
        [low, high] if high >> 63 == 0 => {
            let n = (high as i128) << 64 | low as i128;
            Some(if b.is_negative() { -n } else { n })
        }
        _ => None,
    }
}

fn of_i128(m: &mut Mutator, i: i128) -> Make {
    if i >= INT_MIN as i128 && i <= INT_MAX as i128 {
        return Ok(Value::int(i as i64));
    }
    let n = i.unsigned_abs();
    m.big(i < 0, &[n as u64, (n >> 64) as u64])
}

fn big(v: Value) -> IBig {
    match small(v) {
        Some(i) => IBig::from(i),
        None => {
            let b = v.get::<Big>();
            let sign = if b.is_negative() { Sign::Negative } else { Sign::Positive };
            IBig::from_parts(sign, UBig::from_words(b.magnitude()))
        }
    }
}

fn make(m: &mut Mutator, i: &IBig) -> Make {
    let (sign, words) = i.as_sign_words();
    m.big(sign == Sign::Negative, words)
}

/// Computes without the heap, letting others stop the world meanwhile if it may take long.
fn work<R>(m: &mut Mutator, bits: usize, f: impl FnOnce() -> R) -> R {
    if m.shared && bits > HEAVY { m.blocking(f) } else { f() }
}

/// The value if it fits 64 bits.
#[inline]
pub fn to_i64(v: Value) -> Option<i64> {
    small(v)?.try_into().ok()
}

/// The value if it fits 64 bits without sign.
pub fn to_u64(v: Value) -> Option<u64> {
    small(v)?.try_into().ok()
}

/// The value, or the nearest 64-bit one.
pub fn clamp_i64(v: Value) -> i64 {
    to_i64(v).unwrap_or(if is_negative(v) { i64::MIN } else { i64::MAX })
}

/// Whether it is below 0.
#[inline]
pub fn is_negative(v: Value) -> bool {
    if v.is_int() { v.as_int() < 0 } else { v.cast::<Big>().is_some_and(|b| b.is_negative()) }
}

/// Whether it is 0.
pub fn is_zero(v: Value) -> bool {
    v == Value::int(0) || v == Value::FALSE
}

/// Whether it is odd.
pub fn is_odd(v: Value) -> bool {
    match v.cast::<Big>() {
        Some(b) => b.magnitude()[0] & 1 == 1,
        None => small(v).is_some_and(|i| i & 1 == 1),
    }
}

/// Order of two ints.
pub fn compare(a: Value, b: Value) -> Ordering {
    match (small(a), small(b)) {
        (Some(x), Some(y)) => x.cmp(&y),
        // What is not small is larger than anything that is.
        (Some(_), None) => {
            if is_negative(b) {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (None, Some(_)) => {
            if is_negative(a) {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (None, None) => {
            let (x, y) = (a.get::<Big>(), b.get::<Big>());
            match (x.is_negative(), y.is_negative()) {
                (false, true) => Ordering::Greater,
                (true, false) => Ordering::Less,
                (false, false) => compare_limbs(x.magnitude(), y.magnitude()),
                (true, true) => compare_limbs(y.magnitude(), x.magnitude()),
            }
        }
    }
}

fn compare_limbs(a: &[u64], b: &[u64]) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// Bits of the magnitude.
pub fn bit_length(v: Value) -> usize {
    match v.cast::<Big>() {
        Some(b) => {
            let limbs = b.magnitude();
            limbs.len() * 64 - limbs.last().map_or(0, |l| l.leading_zeros() as usize)
        }
        None => small(v).map_or(0, |i| 128 - i.unsigned_abs().leading_zeros() as usize),
    }
}

/// Ones in the magnitude.
pub fn bit_count(v: Value) -> usize {
    match v.cast::<Big>() {
        Some(b) => b.magnitude().iter().map(|l| l.count_ones() as usize).sum(),
        None => small(v).map_or(0, |i| i.unsigned_abs().count_ones() as usize),
    }
}

/// `a + b`.
#[inline]
pub fn add(m: &mut Mutator, a: Value, b: Value) -> Int {
    if let Some((x, y)) = limbs::both(a, b) {
        return Ok(limbs::sum(m, &x, &y, false)?);
    }
    Ok(make(m, &(big(a) + big(b)))?)
}

/// `a - b`.
#[inline]
pub fn sub(m: &mut Mutator, a: Value, b: Value) -> Int {
    if let Some((x, y)) = limbs::both(a, b) {
        return Ok(limbs::sum(m, &x, &y, true)?);
    }
    Ok(make(m, &(big(a) - big(b)))?)
}

/// `a * b`.
#[inline]
pub fn mul(m: &mut Mutator, a: Value, b: Value) -> Int {
    if let Some((x, y)) = limbs::both(a, b) {
        return Ok(limbs::product(m, &x, &y)?);
    }
    let bits = bit_length(a) + bit_length(b);
    if bits > MAX_BITS {
        return Err(Fault::TooLarge);
    }
    let (x, y) = (big(a), big(b));
    let same = a == b;
    let p = work(m, bits, move || if same { x.sqr().into() } else { x * y });
    Ok(make(m, &p)?)
}

/// `a // b` and `a % b`.
pub fn divmod(m: &mut Mutator, a: Value, b: Value) -> Result<(Value, Value), Fault> {
    if is_zero(b) {
        return Err(Fault::Zero);
    }
    if let (Some(x), Some(y)) = (small(a), small(b)) {
        let (q, r) = floored(x, y);
        return Ok((of_i128(m, q)?, of_i128(m, r)?));
    }
    let (x, y) = (big(a), big(b));
    let (q, r) = work(m, bit_length(a), move || {
        let (q, r) = (&x).div_rem(&y);
        let wrong_side = !r.is_zero() && (r.sign() != y.sign());
        if wrong_side { (q - IBig::ONE, r + y) } else { (q, r) }
    });
    Ok((make(m, &q)?, make(m, &r)?))
}

fn floored(x: i128, y: i128) -> (i128, i128) {
    let (q, r) = (x / y, x % y);
    if r != 0 && (r < 0) != (y < 0) { (q - 1, r + y) } else { (q, r) }
}

/// `a // b`.
pub fn floordiv(m: &mut Mutator, a: Value, b: Value) -> Int {
    Ok(divmod(m, a, b)?.0)
}

/// `a % b`.
pub fn modulo(m: &mut Mutator, a: Value, b: Value) -> Int {
    Ok(divmod(m, a, b)?.1)
}

/// `base ** exp` for `exp` not below 0.
pub fn pow(m: &mut Mutator, base: Value, exp: Value) -> Int {
    if is_negative(exp) {
        return Err(Fault::Negative);
    }
    match (small(base), to_u64(exp)) {
        (_, Some(0)) => return Ok(Value::int(1)),
        (Some(x @ (0 | 1)), _) => return Ok(Value::int(x as i64)),
        (Some(-1), _) => return Ok(Value::int(if is_odd(exp) { -1 } else { 1 })),
        (Some(x), Some(n)) if n < 128 => {
            if let Some(p) = x.checked_pow(n as u32) {
                return Ok(of_i128(m, p)?);
            }
        }
        _ => {}
    }
    let n = to_u64(exp).ok_or(Fault::TooLarge)?;
    // The result has at least (bits - 1) * n bits.
    let bits = (bit_length(base) - 1).saturating_mul(n as usize);
    if bits > MAX_BITS {
        return Err(Fault::TooLarge);
    }
    let x = big(base);
    let p = work(m, bits, move || x.pow(n as usize));
    Ok(make(m, &p)?)
}

/// `pow(base, exp, modulus)`; the result has the sign of the modulus.
pub fn modpow(m: &mut Mutator, base: Value, exp: Value, modulus: Value) -> Int {
    if is_zero(modulus) {
        return Err(Fault::Zero);
    }
    let mut base = base;
    if is_negative(exp) {
        base = inverse(m, base, modulus)?;
    }
    let bits =
        bit_length(modulus).saturating_mul(bit_length(exp)).saturating_mul(bit_length(modulus) / 64 + 1);
    let (x, n, k) = (big(base), big(exp).into_parts().1, big(modulus));
    let r = work(m, bits, move || {
        let (sign, size) = k.into_parts();
        if size.is_one() {
            return IBig::ZERO;
        }
        let ring = ConstDivisor::new(size.clone());
        let r = IBig::from(ring.reduce(x).pow(&n).residue());
        if sign == Sign::Negative && !r.is_zero() { r - IBig::from(size) } else { r }
    });
    Ok(make(m, &r)?)
}

/// The inverse of `a` for a modulus, not below 0.
fn inverse(m: &mut Mutator, a: Value, modulus: Value) -> Int {
    let size = big(modulus).into_parts().1;
    if size.is_one() {
        return Ok(Value::int(0));
    }
    let r = IBig::from(ConstDivisor::new(size.clone()).reduce(big(a)).residue());
    if r.is_zero() {
        return Err(Fault::NotInvertible);
    }
    let size = IBig::from(size);
    let (g, x, _) = (&r).gcd_ext(&size);
    if !g.is_one() {
        return Err(Fault::NotInvertible);
    }
    let x = if x.sign() == Sign::Negative { x + size } else { x };
    Ok(make(m, &x)?)
}

/// `-a`.
pub fn neg(m: &mut Mutator, a: Value) -> Make {
    match small(a) {
        Some(x) => of_i128(m, -x),
        None => m.big(!is_negative(a), a.get::<Big>().magnitude()),
    }
}

/// `abs(a)`.
pub fn abs(m: &mut Mutator, a: Value) -> Make {
    if is_negative(a) { neg(m, a) } else { plain(m, a) }
}

/// The int that a bool is; other ints are themselves.
pub fn plain(m: &mut Mutator, a: Value) -> Make {
    if a.is_bool() { of_i128(m, (a == Value::TRUE) as i128) } else { Ok(a) }
}

/// `~a`.
pub fn invert(m: &mut Mutator, a: Value) -> Make {
    match small(a) {
        Some(x) => of_i128(m, !x),
        None => make(m, &!big(a)),
    }
}

/// `a & b`.
pub fn and(m: &mut Mutator, a: Value, b: Value) -> Make {
    match (small(a), small(b)) {
        (Some(x), Some(y)) => of_i128(m, x & y),
        _ => match limbs::both(a, b) {
            Some((x, y)) => limbs::bits(m, &x, &y, |x, y| x & y),
            None => make(m, &(big(a) & big(b))),
        },
    }
}

/// `a | b`.
pub fn or(m: &mut Mutator, a: Value, b: Value) -> Make {
    match (small(a), small(b)) {
        (Some(x), Some(y)) => of_i128(m, x | y),
        _ => match limbs::both(a, b) {
            Some((x, y)) => limbs::bits(m, &x, &y, |x, y| x | y),
            None => make(m, &(big(a) | big(b))),
        },
    }
}

/// `a ^ b`.
pub fn xor(m: &mut Mutator, a: Value, b: Value) -> Make {
    match (small(a), small(b)) {
        (Some(x), Some(y)) => of_i128(m, x ^ y),
        _ => match limbs::both(a, b) {
            Some((x, y)) => limbs::bits(m, &x, &y, |x, y| x ^ y),
            None => make(m, &(big(a) ^ big(b))),
        },
    }
}

/// `a << n`.
pub fn shl(m: &mut Mutator, a: Value, n: Value) -> Int {
    if is_negative(n) {
        return Err(Fault::Negative);
    }
    if is_zero(a) {
        return Ok(Value::int(0));
    }
    let n = to_u64(n).filter(|n| *n <= MAX_BITS as u64).ok_or(Fault::TooLarge)? as usize;
    if bit_length(a) + n > MAX_BITS {
        return Err(Fault::TooLarge);
    }
    match small(a) {
        Some(x) if bit_length(a) + n < 127 => Ok(of_i128(m, x << n)?),
        _ => match limbs::shl(m, a, n) {
            Some(made) => Ok(made?),
            None => Ok(make(m, &(big(a) << n))?),
        },
    }
}

/// `a >> n`, towards negative infinity.
pub fn shr(m: &mut Mutator, a: Value, n: Value) -> Int {
    if is_negative(n) {
        return Err(Fault::Negative);
    }
    let gone = Value::int(if is_negative(a) { -1 } else { 0 });
    let Some(n) = to_u64(n).filter(|n| *n < bit_length(a) as u64) else { return Ok(gone) };
    match small(a) {
        Some(x) => Ok(of_i128(m, x >> n)?),
        None => match limbs::shr(m, a, n as usize) {
            Some(made) => Ok(made?),
            None => Ok(make(m, &(big(a) >> n as usize))?),
        },
    }
}

/// The greatest common divisor, not below 0.
pub fn gcd(m: &mut Mutator, a: Value, b: Value) -> Make {
    if is_zero(a) || is_zero(b) {
        return if is_zero(a) { abs(m, b) } else { abs(m, a) };
    }
    let (x, y) = (big(a), big(b));
    let g = work(m, bit_length(a).max(bit_length(b)), move || IBig::from(x.gcd(y)));
    make(m, &g)
}

/// The integer part of the square root.
pub fn isqrt(m: &mut Mutator, a: Value) -> Int {
    if is_negative(a) {
        return Err(Fault::Negative);
    }
    if let Some(x) = small(a) {
        return Ok(of_i128(m, x.isqrt())?);
    }
    let x = big(a).into_parts().1;
    let root = work(m, bit_length(a), move || IBig::from(x.sqrt()));
    Ok(make(m, &root)?)
}

/// The digits in a base from 2 to 36, with a sign.
pub fn to_radix(m: &mut Mutator, v: Value, radix: u32) -> String {
    match small(v) {
        Some(i) if radix == 10 => i.to_string(),
        Some(i) if i64::try_from(i).is_ok() => {
            let mut out = [0u8; 72];
            let (mut at, mut n) = (out.len(), i.unsigned_abs() as u64);
            loop {
                at -= 1;
                out[at] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(n % radix as u64) as usize];
                n /= radix as u64;
                if n == 0 {
                    break;
                }
            }
            if i < 0 {
                at -= 1;
                out[at] = b'-';
            }
            String::from_utf8_lossy(&out[at..]).into_owned()
        }
        _ => {
            let x = big(v);
            work(m, bit_length(v), move || x.in_radix(radix).to_string())
        }
    }
}

/// The decimal digits with a sign.
pub fn to_decimal(m: &mut Mutator, v: Value) -> String {
    to_radix(m, v, 10)
}

/// An upper bound of the number of decimal digits, exact to one.
pub fn decimal_digits(v: Value) -> usize {
    (bit_length(v) as f64 * std::f64::consts::LOG10_2) as usize + 1
}

/// The number of decimal digits; `None` next to a power of ten, where only the power itself can tell.
pub fn count_digits(v: Value) -> Option<usize> {
    let Some(b) = v.cast::<Big>() else { return Some(small(v)?.unsigned_abs().max(1).ilog10() as usize + 1) };
    let limbs = b.magnitude();
    let (high, next) = (*limbs.last()?, limbs.len().checked_sub(2).map_or(0, |i| limbs[i]));
    let lead = high.leading_zeros();
    let top = ((high as u128) << 64 | next as u128) << lead >> 64;
    // The logarithm of two as a fraction of 2^64: of 2^32 bits it is exact to nine places.
    let below = (bit_length(v) as i128 - 64) * 5_553_023_288_523_357_132;
    let whole = below >> 64;
    let log = (below - (whole << 64)) as f64 / 2f64.powi(64) + (top as f64).log10();
    if (log - log.round()).abs() < 1e-8 {
        return None;
    }
    Some((whole + log.floor() as i128) as usize + 1)
}

/// The int of digits in a base from 2 to 36 (ASCII, no sign, no underscores; the caller has checked them).
pub fn parse(m: &mut Mutator, digits: &[u8], radix: u32, negative: bool) -> Int {
    if digits.len() > MAX_BITS / 5 {
        return Err(Fault::TooLarge);
    }
    let text = std::str::from_utf8(digits).unwrap_or("0");
    if let Ok(i) = i128::from_str_radix(text, radix) {
        return Ok(of_i128(m, if negative { -i } else { i })?);
    }
    let text = text.to_owned();
    let size = work(m, text.len() * 4, move || UBig::from_str_radix(&text, radix).unwrap_or(UBig::ZERO));
    let sign = if negative { Sign::Negative } else { Sign::Positive };
    Ok(make(m, &IBig::from_parts(sign, size))?)
}

/// The int of hexadecimal digits.
pub fn from_hex(m: &mut Mutator, digits: &str) -> Int {
    parse(m, digits.as_bytes(), 16, false)
}

/// `mantissa * 2^exp`, correctly rounded (half to even); nothing if it is beyond all doubles. The lowest bit may
/// stand for any rest below it, if there are at least 55 bits.
fn scale(mantissa: u128, exp: i64) -> Option<f64> {
    let bits = 128 - mantissa.leading_zeros() as i64;
    let top = exp + bits - 1;
    if top > 1023 {
        return None;
    }
    let kept = if top >= -1022 { 53 } else { 53 + (top + 1022) };
    if mantissa == 0 || kept < 0 {
        return Some(0.0);
    }
    let drop = bits - kept;
    if drop <= 0 {
        return Some(times_power(mantissa as f64, exp));
    }
    let (mut keep, half) = (mantissa.checked_shr(drop as u32).unwrap_or(0), 1u128 << (drop - 1));
    let rest = mantissa ^ keep.checked_shl(drop as u32).unwrap_or(0);
    if rest > half || rest == half && keep & 1 == 1 {
        keep += 1;
    }
    let e = exp + drop;
    let x = times_power(keep as f64, e);
    x.is_finite().then_some(x)
}

/// `x * 2^e` where that is a double or too large: in two steps, because `2^e` alone may be none.
fn times_power(x: f64, e: i64) -> f64 {
    x * 2f64.powi((e / 2) as i32) * 2f64.powi((e - e / 2) as i32)
}

/// The nearest double; nothing if it is beyond all of them.
pub fn to_f64(v: Value) -> Option<f64> {
    if let Some(i) = small(v) {
        return Some(i as f64);
    }
    let b = v.get::<Big>();
    let limbs = b.magnitude();
    let (high, rest) = limbs.split_at_checked(limbs.len() - 2).map(|(rest, high)| (high, rest))?;
    let mut mantissa = (high[1] as u128) << 64 | high[0] as u128;
    if rest.iter().any(|l| *l != 0) {
        mantissa |= 1;
    }
    let x = scale(mantissa, rest.len() as i64 * 64)?;
    Some(if b.is_negative() { -x } else { x })
}

/// The integer part of a finite double.
pub fn from_f64(m: &mut Mutator, x: f64) -> Make {
    let x = x.trunc();
    if x.abs() < INT_MAX as f64 {
        return Ok(Value::int(x as i64));
    }
    let (mantissa, exp) = parts(x);
    let shift = exp.max(0) as usize;
    let mut limbs = [0u64; 18];
    let wide = (mantissa as u128) << (shift % 64);
    limbs[shift / 64] = wide as u64;
    limbs[shift / 64 + 1] = (wide >> 64) as u64;
    m.big(x < 0.0, &limbs)
}

/// Magnitude of a finite double as `mantissa * 2^exp`.
fn parts(x: f64) -> (u64, i64) {
    let bits = x.to_bits();
    let (exp, fraction) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
    if exp == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exp - 1075) }
}

/// Order of an int and a double, exactly; nothing for nan.
pub fn compare_float(v: Value, x: f64) -> Option<Ordering> {
    if x.is_nan() {
        return None;
    }
    if x.is_infinite() {
        return Some(if x > 0.0 { Ordering::Less } else { Ordering::Greater });
    }
    let whole = x.trunc();
    let order = if whole.abs() < 1e38 {
        match small(v) {
            Some(i) => i.cmp(&(whole as i128)),
            None => big(v).cmp(&IBig::from(whole as i128)),
        }
    } else {
        let (mantissa, exp) = parts(whole);
        let size = UBig::from(mantissa) << exp.max(0) as usize;
        let sign = if x < 0.0 { Sign::Negative } else { Sign::Positive };
        big(v).cmp(&IBig::from_parts(sign, size))
    };
    Some(order.then_with(|| {
        if x > whole {
            Ordering::Less
        } else if x < whole {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }))
}

/// `a / b`, correctly rounded; `TooLarge` if it is beyond all doubles.
pub fn truediv(a: Value, b: Value) -> Result<f64, Fault> {
    const EXACT: i128 = 1 << 53;
    if is_zero(b) {
        return Err(Fault::Zero);
    }
    if let (Some(x), Some(y)) = (small(a), small(b))
        && x.abs() <= EXACT
        && y.abs() <= EXACT
    {
        return Ok(x as f64 / y as f64);
    }
    if is_zero(a) {
        return Ok(0.0);
    }
    let shift = 66 - (bit_length(a) as i64 - bit_length(b) as i64);
    if shift > 66 + 1200 {
        return Ok(if is_negative(a) != is_negative(b) { -0.0 } else { 0.0 });
    }
    let ((sa, x), (sb, y)) = (big(a).into_parts(), big(b).into_parts());
    let (x, y) = if shift >= 0 { (x << shift as usize, y) } else { (x, y << -shift as usize) };
    let (q, r) = x.div_rem(y);
    let mut mantissa = u128::try_from(q).map_err(|_| Fault::TooLarge)?;
    if !r.is_zero() {
        mantissa |= 1;
    }
    let x = scale(mantissa, -shift).ok_or(Fault::TooLarge)?;
    Ok(if sa != sb { -x } else { x })
}

/// `n` bytes in two's complement (or without sign): `TooLarge` if they do not suffice, `Negative` if a sign is
/// needed.
pub fn to_bytes(v: Value, n: usize, big_endian: bool, signed: bool) -> Result<Vec<u8>, Fault> {
    let negative = is_negative(v);
    if negative && !signed {
        return Err(Fault::Negative);
    }
    let mut out = Vec::new();
    out.try_reserve_exact(n).map_err(|_| Fault::Full)?;
    let limb = |i: usize| match (v.cast::<Big>(), small(v)) {
        (Some(b), _) => b.magnitude().get(i).copied().unwrap_or(0),
        (None, Some(x)) => (x.unsigned_abs() >> (64 * i.min(1))) as u64 * (i < 2) as u64,
        (None, None) => 0,
    };
    let mut carry = 1u64;
    for i in 0..n.div_ceil(8) {
        let mut l = limb(i);
        if negative {
            let (sum, over) = (!l).overflowing_add(carry);
            (l, carry) = (sum, over as u64);
        }
        out.extend(l.to_le_bytes().into_iter().take(n - i * 8));
    }
    let bits = bit_length(v);
    // The most negative value has one bit more than the positive ones.
    let lowest = bits == n * 8 && trailing_zeros(v) + 1 == bits;
    let fits = match (signed, negative) {
        (false, _) => bits <= n * 8,
        (true, false) => bits < n * 8 || bits == 0,
        (true, true) => bits < n * 8 || lowest,
    };
    if !fits {
        return Err(Fault::TooLarge);
    }
    if big_endian {
        out.reverse();
    }
    Ok(out)
}

/// Zeros below the lowest one of the magnitude; 0 for 0.
pub fn trailing_zeros(v: Value) -> usize {
    match v.cast::<Big>() {
        Some(b) => {
            let limbs = b.magnitude();
            let i = limbs.iter().position(|l| *l != 0).unwrap_or(0);
            i * 64 + limbs[i].trailing_zeros() as usize
        }
        None => small(v).filter(|i| *i != 0).map_or(0, |i| i.trailing_zeros() as usize),
    }
}

/// The int of bytes in two's complement, or without sign.
pub fn from_bytes(m: &mut Mutator, bytes: &[u8], big_endian: bool, signed: bool) -> Make {
    let n = bytes.len();
    let byte = |i: usize| if big_endian { bytes[n - 1 - i] } else { bytes[i] };
    let negative = signed && n > 0 && byte(n - 1) >= 128;
    let mut limbs: Vec<u64> = Vec::new();
    limbs.try_reserve_exact(n.div_ceil(8)).map_err(|_| Full)?;
    let mut carry = 1u64;
    for i in 0..n.div_ceil(8) {
        let mut l = 0u64;
        for k in 0..8 {
            let at = i * 8 + k;
            let b = if at < n {
                byte(at)
            } else if negative {
                0xff
            } else {
                0
            };
            l |= (b as u64) << (8 * k);
        }
        if negative {
            let (sum, over) = (!l).overflowing_add(carry);
            (l, carry) = (sum, over as u64);
        }
        limbs.push(l);
    }
    m.big(negative, &limbs)
}

/// The hash of an int: its value modulo 2^61 - 1 with its sign, never -1.
#[inline]
pub fn hash(v: Value) -> i64 {
    if v.is_int() {
        return signed_hash(v.as_int().unsigned_abs() % P, v.as_int() < 0);
    }
    if let Some(i) = small(v) {
        return signed_hash((i.unsigned_abs() % P as u128) as u64, i < 0);
    }
    let b = v.get::<Big>();
    // 2^64 is 8 modulo 2^61 - 1.
    let h = b.magnitude().iter().rev().fold(0u64, |h, l| ((h as u128 * 8 + *l as u128) % P as u128) as u64);
    signed_hash(h, b.is_negative())
}

fn signed_hash(h: u64, negative: bool) -> i64 {
    match if negative { -(h as i64) } else { h as i64 } {
        -1 => -2,
        h => h,
    }
}

/// The hash of a double: that of the equal int or fraction. Nan has no hash here: it hashes by identity.
pub fn hash_float(x: f64) -> i64 {
    if x.is_infinite() {
        return if x > 0.0 { 314159 } else { -314159 };
    }
    let (mantissa, exp) = parts(x);
    // Multiplying by 2 modulo 2^61 - 1 rotates 61 bits.
    let turn = exp.rem_euclid(61) as u32;
    let h = mantissa % P;
    let h = (h << turn & P) | (h >> (61 - turn));
    signed_hash(if h == P { 0 } else { h }, x < 0.0)
}

/// Whether bit `i` of the two's complement is set.
pub fn bit(v: Value, i: usize) -> bool {
    big(v).bit(i)
}
