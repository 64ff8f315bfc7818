//! Arithmetic on finite decimal numbers, rounded once. Invariant: what comes out is exactly what the library's own
//! code (`stdlib/decimal`) computes; `None` leaves a case to it: subnormal, overflowing, clamped and very long numbers.

use super::decimal_small::{self as small, TENS, split};
use dashu_int::UBig;
use dashu_int::ops::{BitTest, DivRem};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::OnceLock;

/// Powers of ten of more digits than this are left to the library.
const LONGEST: i64 = 4000;

/// Signals, as the library's `_signals` numbers them.
pub const INEXACT: i64 = 64;
/// Digits were dropped.
pub const ROUNDED: i64 = 4096;

/// A coefficient. `Large` only where it has more than 128 bits.
#[derive(Clone)]
pub enum Coef {
    /// Up to 128 bits.
    Small(u128),
    /// The rest.
    Large(UBig),
}
use Coef::{Large, Small};

/// A finite number: (-1)**neg * c * 10**e.
#[derive(Clone)]
pub struct Num {
    /// Whether it has the sign -.
    pub neg: bool,
    /// The coefficient.
    pub c: Coef,
    /// The exponent.
    pub e: i64,
}

/// A rounding mode.
#[derive(Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Rounding {
    Up,
    Down,
    Ceiling,
    Floor,
    HalfUp,
    HalfDown,
    HalfEven,
    FiveUp,
}

impl Rounding {
    /// The mode of that name.
    pub fn named(name: &[u8]) -> Option<Rounding> {
        Some(match name {
            b"ROUND_HALF_EVEN" => Rounding::HalfEven,
            b"ROUND_UP" => Rounding::Up,
            b"ROUND_DOWN" => Rounding::Down,
            b"ROUND_CEILING" => Rounding::Ceiling,
            b"ROUND_FLOOR" => Rounding::Floor,
            b"ROUND_HALF_UP" => Rounding::HalfUp,
            b"ROUND_HALF_DOWN" => Rounding::HalfDown,
            b"ROUND_05UP" => Rounding::FiveUp,
            _ => return None,
        })
    }

    /// Whether a magnitude grows whose last digits, not all zeros, stand to half of the last place as `half` says.
    #[inline]
    pub fn grows(self, half: Ordering, odd: bool, zero_or_five: impl FnOnce() -> bool, neg: bool) -> bool {
        match self {
            Rounding::HalfEven => half == Ordering::Greater || half == Ordering::Equal && odd,
            Rounding::Down => false,
            Rounding::Up => true,
            Rounding::HalfUp => half != Ordering::Less,
            Rounding::HalfDown => half == Ordering::Greater,
            Rounding::Ceiling => !neg,
            Rounding::Floor => neg,
            Rounding::FiveUp => zero_or_five(),
        }
    }
}

/// What a context says about results.
pub struct Limits {
    /// Digits of results.
    pub prec: i64,
    /// The least exponent.
    pub emin: i64,
    /// The greatest one.
    pub emax: i64,
    /// Whether exponents stay at or below `emax - prec + 1`.
    pub clamp: bool,
    /// The rounding mode.
    pub rounding: Rounding,
}

/// 10 ** n for n in `0..=LONGEST`.
fn ten(n: i64) -> Cow<'static, UBig> {
    static TABLE: [OnceLock<UBig>; 128] = [const { OnceLock::new() }; 128];
    let make = || UBig::from(10u8).pow(n as usize);
    match TABLE.get(n as usize) {
        Some(t) => Cow::Borrowed(t.get_or_init(make)),
        None => Cow::Owned(make()),
    }
}

impl Coef {
    /// Of limbs, least first.
    pub fn of_limbs(limbs: &[u64]) -> Coef {
        match *limbs {
            [a] => Small(a as u128),
            [a, b] => Small(a as u128 | (b as u128) << 64),
            _ => Coef::of(UBig::from_words(limbs)),
        }
    }

    fn of(n: UBig) -> Coef {
        match *n.as_words() {
            [] => Small(0),
            [a] => Small(a as u128),
            [a, b] => Small(a as u128 | (b as u128) << 64),
            _ => Large(n),
        }
    }

    fn big(&self) -> Cow<'_, UBig> {
        match self {
            Small(n) => Cow::Owned(UBig::from(*n)),
            Large(n) => Cow::Borrowed(n),
        }
    }

    /// Whether it is 0.
    pub fn is_zero(&self) -> bool {
        matches!(self, Small(0))
    }

    /// How many decimal digits it has; 0 has one.
    pub fn digits(&self) -> i64 {
        match self {
            Small(n) => small::digits(*n),
            Large(n) => {
                // At most one too low: 2**bits is at least twice the number's lower bound.
                let least = ((n.bit_len() - 1) as u128 * 30_102_999_566_398_119 / 10u128.pow(17)) as i64;
                least + 1 + (*n >= *ten(least + 1)) as i64
            }
        }
    }

    /// self * 10**n
    fn scaled(&self, n: i64) -> Option<Coef> {
        match self {
            Small(0) => Some(Small(0)),
            Small(c) if n < 39 => match c.checked_mul(TENS[n as usize]) {
                Some(c) => Some(Small(c)),
                None => Some(Coef::of(UBig::from(*c) * &*ten(n))),
            },
            _ if n > LONGEST => None,
            c => Some(Coef::of(&*c.big() * &*ten(n))),
        }
    }

    fn plus(&self, other: &Coef) -> Coef {
        if let (Small(a), Small(b)) = (self, other)
            && let Some(c) = a.checked_add(*b)
        {
            return Small(c);
        }
        Coef::of(&*self.big() + &*other.big())
    }

    /// self - other, which is not greater.
    fn minus(&self, other: &Coef) -> Coef {
        match (self, other) {
            (Small(a), Small(b)) => Small(a - b),
            (a, b) => Coef::of(&*a.big() - &*b.big()),
        }
    }

    fn times(&self, other: &Coef) -> Coef {
        if let (Small(a), Small(b)) = (self, other) {
            if (a | b) >> 64 == 0 {
                return Small(a * b);
            }
            if let Some(c) = a.checked_mul(*b) {
                return Small(c);
            }
        }
        Coef::of(&*self.big() * &*other.big())
    }

    fn div_rem(&self, by: &Coef) -> (Coef, Coef) {
        match (self, by) {
            (Small(a), Small(b)) => {
                let (q, r) = split(*a, *b);
                (Small(q), Small(r))
            }
            (Small(a), _) => (Small(0), Small(*a)),
            (a, b) => {
                let (q, r) = (&*a.big()).div_rem(&*b.big());
                (Coef::of(q), Coef::of(r))
            }
        }
    }

    /// Order of magnitudes.
    pub fn order(&self, other: &Coef) -> Ordering {
        match (self, other) {
            (Small(a), Small(b)) => a.cmp(b),
            (Small(_), Large(_)) => Ordering::Less,
            (Large(_), Small(_)) => Ordering::Greater,
            (Large(a), Large(b)) => a.cmp(b),
        }
    }

    /// Without the last `n` digits, and whether they were other than zeros.
    pub fn cut(&self, n: i64, rounding: Rounding, neg: bool) -> Option<(Coef, bool)> {
        if self.is_zero() {
            return Some((Small(0), false));
        }
        if n > self.digits() {
            // Less than half of what the last place is worth.
            let up = rounding.grows(Ordering::Less, false, || true, neg);
            return Some((Small(up as u128), true));
        }
        if let Small(c) = self
            && n < 39
        {
            let (kept, lost) = small::cut(*c, n as usize, rounding, neg);
            return Some((Small(kept), lost));
        }
        if n > LONGEST {
            return None;
        }
        let unit = ten(n);
        let (kept, rest) = (&*self.big()).div_rem(&*unit);
        if rest.is_zero() {
            return Some((Coef::of(kept), false));
        }
        let half = (rest << 1usize).cmp(&*unit);
        let five = || (&kept % 5u8) == 0;
        let up = rounding.grows(half, kept.bit(0), five, neg);
        Some((Coef::of(if up { kept + 1u8 } else { kept }), true))
    }
}

/// A result and what it signals.
pub type Out = Option<(Num, i64)>;

impl Num {
    /// The number as a context can hold it.
    #[inline]
    pub fn finish(mut self, l: &Limits) -> Out {
        if self.c.is_zero() {
            let top = if l.clamp { l.emax - l.prec + 1 } else { l.emax };
            return (self.e >= l.emin - l.prec + 1 && self.e <= top).then_some((self, 0));
        }
        let digits = self.c.digits();
        let first = self.e + digits - 1;
        if first > l.emax || first < l.emin {
            return None;
        }
        let mut status = 0;
        if digits > l.prec {
            let (c, lost) = self.c.cut(digits - l.prec, l.rounding, self.neg)?;
            self.c = c;
            self.e += digits - l.prec;
            status = ROUNDED;
            if lost {
                status |= INEXACT;
                if self.c.digits() > l.prec {
                    if first == l.emax {
                        return None;
                    }
                    self.c = self.c.div_rem(&Small(10)).0;
                    self.e += 1;
                }
            }
        }
        if l.clamp && self.e > l.emax - l.prec + 1 {
            return None;
        }
        Some((self, status))
    }

    /// Order of two numbers.
    pub fn order(&self, other: &Num) -> Option<Ordering> {
        let side = |n: &Num| if n.c.is_zero() { 0 } else { 1 - 2 * n.neg as i32 };
        let (x, y) = (side(self), side(other));
        if x != y || x == 0 {
            return Some(x.cmp(&y));
        }
        let o = if self.e == other.e {
            self.c.order(&other.c)
        } else {
            let (p, q) = (self.e + self.c.digits(), other.e + other.c.digits());
            if p != q {
                p.cmp(&q)
            } else if self.e > other.e {
                self.c.scaled(self.e - other.e)?.order(&other.c)
            } else {
                self.c.order(&other.c.scaled(other.e - self.e)?)
            }
        };
        Some(if self.neg { o.reverse() } else { o })
    }
}

/// a + b, rounded as `l` says.
pub fn add(a: Num, b: Num, l: &Limits) -> Out {
    let (mut a, mut b) = if a.e < b.e { (b, a) } else { (a, b) };
    if a.e != b.e && !a.c.is_zero() {
        if a.e - b.e > 40 {
            // A number far below the last place that counts is as good as any other there.
            let mut far = a.e - 1;
            let digits = a.c.digits();
            if digits <= l.prec {
                far += digits - l.prec - 1;
            }
            if b.e + b.c.digits() - 1 < far {
                b.c = Small(!b.c.is_zero() as u128);
                b.e = far;
            }
        }
        a.c = a.c.scaled(a.e - b.e)?;
    }
    let e = b.e;
    let sum = if a.neg == b.neg {
        Num { neg: a.neg, c: a.c.plus(&b.c), e }
    } else {
        match a.c.order(&b.c) {
            Ordering::Greater => Num { neg: a.neg, c: a.c.minus(&b.c), e },
            Ordering::Less => Num { neg: b.neg, c: b.c.minus(&a.c), e },
            Ordering::Equal => Num { neg: l.rounding == Rounding::Floor, c: Small(0), e },
        }
    };
    sum.finish(l)
}

/// a * b, rounded.
pub fn multiply(a: Num, b: Num, l: &Limits) -> Out {
    Num { neg: a.neg ^ b.neg, c: a.c.times(&b.c), e: a.e + b.e }.finish(l)
}

/// a / b, rounded.
pub fn divide(a: Num, b: Num, l: &Limits) -> Out {
    if b.c.is_zero() {
        return None;
    }
    let (neg, ideal) = (a.neg ^ b.neg, a.e - b.e);
    if a.c.is_zero() {
        return Num { neg, c: Small(0), e: ideal }.finish(l);
    }
    if l.prec > LONGEST {
        return None;
    }
    let shift = b.c.digits() - a.c.digits() + l.prec + 1;
    let (c, rest) =
        if shift >= 0 { a.c.scaled(shift)?.div_rem(&b.c) } else { a.c.div_rem(&b.c.scaled(-shift)?) };
    if !rest.is_zero() {
        // A last digit that stands for all that follows.
        return Num { neg, c: c.times(&Small(10)).plus(&Small(1)), e: ideal - shift - 1 }.finish(l);
    }
    let (c, e) = strip(c, ideal - shift, ideal);
    Num { neg, c, e }.finish(l)
}

/// Moves zeros from the end of a coefficient into the exponent, which stays at or below `limit`.
fn strip(mut c: Coef, mut e: i64, limit: i64) -> (Coef, i64) {
    for step in [32, 16, 8, 4, 2, 1] {
        while e + step <= limit {
            let (q, r) = c.div_rem(&Small(TENS[step as usize]));
            if !r.is_zero() {
                break;
            }
            c = q;
            e += step;
        }
    }
    (c, e)
}

/// The whole quotient and the rest of finite numbers, unrounded.
fn whole(a: &Num, b: &Num, l: &Limits) -> Option<(Num, Num)> {
    if b.c.is_zero() {
        return None;
    }
    let low = a.e.min(b.e);
    let parts =
        |q: Coef, r: Coef| Some((Num { neg: a.neg ^ b.neg, c: q, e: 0 }, Num { neg: a.neg, c: r, e: low }));
    if a.c.is_zero() {
        return parts(Small(0), Small(0));
    }
    let difference = a.e + a.c.digits() - b.e - b.c.digits();
    if difference < 0 {
        return parts(Small(0), a.c.scaled(a.e - low)?);
    }
    if difference > l.prec {
        return None;
    }
    let (q, r) = a.c.scaled(a.e - low)?.div_rem(&b.c.scaled(b.e - low)?);
    if q.digits() > l.prec { None } else { parts(q, r) }
}

/// The whole part of a / b.
pub fn divide_int(a: &Num, b: &Num, l: &Limits) -> Out {
    whole(a, b, l)?.0.finish(l)
}

/// What `divide_int` leaves.
pub fn remainder(a: &Num, b: &Num, l: &Limits) -> Out {
    whole(a, b, l)?.1.finish(l)
}

/// +a, or -a where `flip`; zero loses its sign unless numbers are rounded down.
pub fn plus(mut a: Num, flip: bool, l: &Limits) -> Out {
    a.neg = if a.c.is_zero() { l.rounding == Rounding::Floor && a.neg ^ flip } else { a.neg ^ flip };
    a.finish(l)
}

/// a rounded to the exponent `target`.
pub fn quantize(a: Num, target: i64, rounding: Rounding, l: &Limits) -> Out {
    if l.clamp || target < l.emin - l.prec + 1 || target > l.emax {
        return None;
    }
    let Num { neg, c, e } = a;
    if c.is_zero() {
        return Some((Num { neg, c, e: target }, 0));
    }
    let (c, status) = if e >= target {
        if e - target + c.digits() > l.prec {
            return None;
        }
        (c.scaled(e - target)?, 0)
    } else {
        let (c, lost) = c.cut(target - e, rounding, neg)?;
        (c, if lost { ROUNDED | INEXACT } else { ROUNDED })
    };
    if !c.is_zero() {
        let digits = c.digits();
        let first = target + digits - 1;
        if digits > l.prec || first > l.emax || first < l.emin {
            return None;
        }
    }
    Some((Num { neg, c, e: target }, status))
}

/// a ** b for a small whole b above 0; 1 and its likes are left.
pub fn power(a: Num, b: &Num, l: &Limits) -> Out {
    let Small(n @ 1..=1000) = b.c else { return None };
    let digits = a.c.digits();
    if b.neg || b.e != 0 || a.c.is_zero() || l.prec > LONGEST {
        return None;
    }
    if digits <= 39 && a.c.order(&Small(TENS[digits as usize - 1])) == Ordering::Equal {
        return None;
    }
    // Bit by bit, with a few digits more.
    let work = Limits { prec: l.prec + b.c.digits() + 2, rounding: Rounding::HalfEven, clamp: false, ..*l };
    let (neg, base) = (a.neg && n % 2 == 1, Num { neg: false, ..a });
    let mut result = base.clone();
    let mut status = 0;
    for i in (0..n.ilog2()).rev() {
        let (square, s) = multiply(result.clone(), result, &work)?;
        (result, status) = (square, status | s);
        if n >> i & 1 == 1 {
            let (product, s) = multiply(result, base.clone(), &work)?;
            (result, status) = (product, status | s);
        }
        if result.c.is_zero() {
            return None;
        }
    }
    let (n, s) = Num { neg, ..result }.finish(l)?;
    Some((n, status | s))
}

/// a rounded, without zeros at the end.
pub fn normalize(a: Num, l: &Limits) -> Out {
    if l.clamp {
        return None;
    }
    let (n, status) = a.finish(l)?;
    if n.c.is_zero() {
        return Some((Num { e: 0, ..n }, status));
    }
    let (c, e) = strip(n.c, n.e, l.emax);
    Some((Num { neg: n.neg, c, e }, status))
}

/// a rounded to a whole number.
pub fn whole_part(a: Num, rounding: Rounding) -> Option<Num> {
    if a.e >= 0 {
        return Some(a);
    }
    let (c, _) = a.c.cut(-a.e, rounding, a.neg)?;
    Some(Num { neg: a.neg, c, e: 0 })
}

/// The hash of equal ints and fractions, by the modulus 2^61 - 1; `c` is the hash of the coefficient.
pub fn hash(neg: bool, c: i64, e: i64) -> i64 {
    const P: u128 = (1 << 61) - 1;
    // The inverse of 10 modulo 2^61 - 1.
    const TENTH: u128 = 2_075_258_708_292_324_556;
    let (mut square, mut n) = (if e < 0 { TENTH } else { 10 }, e.unsigned_abs());
    let mut value = c as u128;
    while n != 0 {
        if n & 1 == 1 {
            value = value * square % P;
        }
        square = square * square % P;
        n >>= 1;
    }
    match if neg { -(value as i64) } else { value as i64 } {
        -1 => -2,
        h => h,
    }
}
