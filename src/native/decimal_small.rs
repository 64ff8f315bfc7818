//! Arithmetic on decimal numbers of up to 128 bits that stay so: no memory is asked for. Invariant: results are those of
//! `decimal_num`, which does what is declined here.

use super::decimal_num::{INEXACT, Limits, ROUNDED, Rounding};
use std::cmp::Ordering;

/// 10**i for all that 128 bits hold.
pub const TENS: [u128; 39] = {
    let mut t = [1u128; 39];
    let mut i = 1;
    while i < 39 {
        t[i] = t[i - 1] * 10;
        i += 1;
    }
    t
};
const SHORT_TENS: [u64; 20] = {
    let mut t = [1u64; 20];
    let mut i = 1;
    while i < 20 {
        t[i] = t[i - 1] * 10;
        i += 1;
    }
    t
};

/// (-1)**neg * c * 10**e.
#[derive(Clone, Copy)]
pub struct Small {
    /// Whether it has the sign -.
    pub neg: bool,
    /// The coefficient.
    pub c: u128,
    /// The exponent.
    pub e: i64,
}

/// A result and what it signals.
pub type Out = Option<(Small, i64)>;

/// How many decimal digits a number has; 0 has one.
#[inline]
pub fn digits(n: u128) -> i64 {
    if n >> 64 == 0 {
        let n = n as u64 | 1;
        let guess = (64 - n.leading_zeros() as usize) * 1233 >> 12;
        return (guess + (n >= SHORT_TENS[guess]) as usize) as i64;
    }
    let guess = (128 - n.leading_zeros() as usize) * 1233 >> 12;
    (guess + (n >= TENS[guess]) as usize) as i64
}

/// Quotient and rest.
#[inline]
pub fn split(a: u128, b: u128) -> (u128, u128) {
    if (a | b) >> 64 == 0 {
        let (a, b) = (a as u64, b as u64);
        return ((a / b) as u128, (a % b) as u128);
    }
    let q = a / b;
    (q, a - q * b)
}

/// `c` without its last `n` digits, below 39, and whether they were other than zeros.
#[inline]
pub fn cut(c: u128, n: usize, rounding: Rounding, neg: bool) -> (u128, bool) {
    let unit = TENS[n];
    let (kept, rest) = split(c, unit);
    if rest == 0 {
        return (kept, false);
    }
    let half = (rest * 2).cmp(&unit);
    (kept + rounding.grows(half, kept & 1 == 1, || kept % 5 == 0, neg) as u128, true)
}

/// c * 10**n
#[inline]
pub fn scaled(c: u128, n: i64) -> Option<u128> {
    if n < 20 && c >> 64 == 0 { Some(c * TENS[n as usize]) } else { c.checked_mul(*TENS.get(n as usize)?) }
}

impl Small {
    /// The number as a context can hold it.
    #[inline]
    pub fn finish(mut self, l: &Limits) -> Out {
        // Whatever its digits are, so that they need not be counted.
        let inside = self.e >= l.emin && self.e <= l.emax - 40 && !l.clamp;
        if !inside {
            return None;
        }
        if l.prec >= 39 || self.c < TENS[l.prec as usize] {
            return Some((self, 0));
        }
        let more = digits(self.c) - l.prec;
        let (c, lost) = cut(self.c, more as usize, l.rounding, self.neg);
        self.c = c;
        self.e += more;
        if !lost {
            return Some((self, ROUNDED));
        }
        if c == TENS[l.prec as usize] {
            self.c = c / 10;
            self.e += 1;
        }
        Some((self, ROUNDED | INEXACT))
    }
}

/// a + b
#[inline]
pub fn add(a: Small, b: Small, l: &Limits) -> Out {
    let (mut a, b) = if a.e < b.e { (b, a) } else { (a, b) };
    if a.e != b.e {
        if a.e - b.e > 38 {
            return None;
        }
        a.c = scaled(a.c, a.e - b.e)?;
    }
    let (neg, c) = if a.neg == b.neg {
        (a.neg, a.c.checked_add(b.c)?)
    } else {
        match a.c.cmp(&b.c) {
            Ordering::Greater => (a.neg, a.c - b.c),
            Ordering::Less => (b.neg, b.c - a.c),
            Ordering::Equal => (l.rounding == Rounding::Floor, 0),
        }
    };
    Small { neg, c, e: b.e }.finish(l)
}

/// a * b
#[inline]
pub fn multiply(a: Small, b: Small, l: &Limits) -> Out {
    let c = if (a.c | b.c) >> 64 == 0 { a.c * b.c } else { a.c.checked_mul(b.c)? };
    Small { neg: a.neg ^ b.neg, c, e: a.e + b.e }.finish(l)
}

/// a / b
#[inline]
pub fn divide(a: Small, b: Small, l: &Limits) -> Out {
    if b.c == 0 || a.c == 0 || l.prec > 38 {
        return None;
    }
    let (neg, ideal) = (a.neg ^ b.neg, a.e - b.e);
    let shift = digits(b.c) - digits(a.c) + l.prec + 1;
    let (c, rest) =
        if shift >= 0 { split(scaled(a.c, shift)?, b.c) } else { split(a.c, scaled(b.c, -shift)?) };
    if rest != 0 {
        // A last digit that stands for all that follows.
        return Small { neg, c: c.checked_mul(10)? + 1, e: ideal - shift - 1 }.finish(l);
    }
    let (mut c, mut e) = (c, ideal - shift);
    for step in [16, 8, 4, 2, 1] {
        while e + step <= ideal {
            let (q, r) = split(c, TENS[step as usize]);
            if r != 0 {
                break;
            }
            c = q;
            e += step;
        }
    }
    Small { neg, c, e }.finish(l)
}

/// Order of two numbers, if it is seen without long numbers.
#[inline]
pub fn order(a: Small, b: Small) -> Option<Ordering> {
    let side = |n: Small| if n.c == 0 { 0 } else { 1 - 2 * n.neg as i32 };
    let (x, y) = (side(a), side(b));
    if x != y || x == 0 {
        return Some(x.cmp(&y));
    }
    let o = if a.e == b.e {
        a.c.cmp(&b.c)
    } else if (a.e - b.e).unsigned_abs() > 38 {
        return None;
    } else if a.e > b.e {
        scaled(a.c, a.e - b.e)?.cmp(&b.c)
    } else {
        a.c.cmp(&scaled(b.c, b.e - a.e)?)
    };
    Some(if a.neg { o.reverse() } else { o })
}

/// a rounded to the exponent `target`.
#[inline]
pub fn quantize(a: Small, target: i64, rounding: Rounding, l: &Limits) -> Out {
    let inside = target >= l.emin && target <= l.emax - 40 && !l.clamp;
    if !inside || a.c == 0 || l.prec > 38 {
        return None;
    }
    let (c, status) = if a.e >= target {
        if a.e - target > 38 {
            return None;
        }
        (scaled(a.c, a.e - target)?, 0)
    } else {
        if target - a.e > 38 {
            return None;
        }
        let (c, lost) = cut(a.c, (target - a.e) as usize, rounding, a.neg);
        (c, if lost { ROUNDED | INEXACT } else { ROUNDED })
    };
    (c < TENS[l.prec as usize]).then_some((Small { neg: a.neg, c, e: target }, status))
}
