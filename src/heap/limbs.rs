//! Sums, products, bits and shifts of ints of few limbs, on the native stack: the arithmetic crate's numbers cost more
//! to make than such a result. Invariant: results are exact; what has more limbs than `FEW` is refused by [`both`].

use super::Make;
use super::object::Big;
use super::space::Mutator;
use super::value::Value;
use std::cmp::Ordering;

/// Operands of more limbs are left to the arithmetic crate.
pub const FEW: usize = 16;

/// An int as sign and magnitude.
pub struct Operand {
    negative: bool,
    /// The magnitude where it stands in no cell.
    own: u64,
    far: Option<&'static [u64]>,
}

impl Operand {
    /// Of an int or bool; `None`: it has too many limbs.
    #[inline]
    fn of(v: Value) -> Option<Operand> {
        let immediate = |i: i64| Operand { negative: i < 0, own: i.unsigned_abs(), far: None };
        if v.is_int() {
            return Some(immediate(v.as_int()));
        }
        if v.is_bool() {
            return Some(immediate((v == Value::TRUE) as i64));
        }
        let b = v.get::<Big>();
        let limbs = b.magnitude();
        (limbs.len() <= FEW).then(|| Operand { negative: b.is_negative(), own: 0, far: Some(limbs) })
    }

    #[inline]
    fn limbs(&self) -> &[u64] {
        match self.far {
            Some(limbs) => limbs,
            None if self.own == 0 => &[],
            None => std::slice::from_ref(&self.own),
        }
    }

    /// The lowest limbs in two's complement.
    fn complement(&self) -> [u64; FEW + 1] {
        let mut out = [0; FEW + 1];
        out[..self.limbs().len()].copy_from_slice(self.limbs());
        if self.negative {
            negate(&mut out);
        }
        out
    }
}

/// Both ints, if neither has too many limbs.
#[inline]
pub fn both(a: Value, b: Value) -> Option<(Operand, Operand)> {
    Some((Operand::of(a)?, Operand::of(b)?))
}

fn negate(limbs: &mut [u64]) {
    let mut carry = true;
    for l in limbs {
        (*l, carry) = (!*l).overflowing_add(carry as u64);
    }
}

/// `a + b`, or `a - b`.
#[inline]
pub fn sum(m: &mut Mutator, a: &Operand, b: &Operand, minus: bool) -> Make {
    let mut out = [0; FEW + 1];
    let (x, y) = (a.limbs(), b.limbs());
    if a.negative == (b.negative != minus) {
        let (long, short) = if x.len() < y.len() { (y, x) } else { (x, y) };
        let mut carry = false;
        for (i, l) in long.iter().enumerate() {
            let (s, over) = l.overflowing_add(short.get(i).copied().unwrap_or(0));
            let (s, again) = s.overflowing_add(carry as u64);
            out[i] = s;
            carry = over | again;
        }
        out[long.len()] = carry as u64;
        return m.big(a.negative, &out[..=long.len()]);
    }
    let (large, less, negative) = match compare(x, y) {
        Ordering::Equal => return Ok(Value::int(0)),
        Ordering::Greater => (x, y, a.negative),
        Ordering::Less => (y, x, !a.negative),
    };
    let mut borrow = false;
    for (i, l) in large.iter().enumerate() {
        let (d, under) = l.overflowing_sub(less.get(i).copied().unwrap_or(0));
        let (d, again) = d.overflowing_sub(borrow as u64);
        out[i] = d;
        borrow = under | again;
    }
    debug_assert!(!borrow);
    m.big(negative, &out[..large.len()])
}

fn compare(x: &[u64], y: &[u64]) -> Ordering {
    x.len().cmp(&y.len()).then_with(|| x.iter().rev().cmp(y.iter().rev()))
}

/// `a * b`.
#[inline]
pub fn product(m: &mut Mutator, a: &Operand, b: &Operand) -> Make {
    let mut out = [0; 2 * FEW];
    let (x, y) = (a.limbs(), b.limbs());
    for (i, l) in x.iter().enumerate() {
        let mut carry = 0;
        for (j, k) in y.iter().enumerate() {
            // At most (2^64 - 1)^2 + 2 (2^64 - 1) = 2^128 - 1.
            let p = *l as u128 * *k as u128 + out[i + j] as u128 + carry as u128;
            out[i + j] = p as u64;
            carry = (p >> 64) as u64;
        }
        out[i + y.len()] = carry;
    }
    m.big(a.negative != b.negative, &out[..x.len() + y.len()])
}

/// `a & b`, `a | b`, `a ^ b`, by what `f` does to limbs.
pub fn bits(m: &mut Mutator, a: &Operand, b: &Operand, f: impl Fn(u64, u64) -> u64) -> Make {
    let (x, y) = (a.complement(), b.complement());
    let mut out = [0; FEW + 1];
    for (o, (x, y)) in out.iter_mut().zip(x.iter().zip(&y)) {
        *o = f(*x, *y);
    }
    let negative = out[FEW] >> 63 != 0;
    if negative {
        negate(&mut out);
    }
    m.big(negative, &out)
}

/// `a << n`; `None`: the result has too many limbs.
pub fn shl(m: &mut Mutator, a: Value, n: usize) -> Option<Make> {
    let a = Operand::of(a)?;
    let (limbs, by) = (n / 64, n as u32 % 64);
    let x = a.limbs();
    if x.len() + limbs > FEW {
        return None;
    }
    let mut out = [0; FEW + 1];
    for (i, l) in x.iter().enumerate() {
        out[i + limbs] |= l << by;
        out[i + limbs + 1] = l.checked_shr(64 - by).unwrap_or(0);
    }
    Some(m.big(a.negative, &out))
}

/// `a >> n`, towards negative infinity; `None`: `a` has too many limbs.
pub fn shr(m: &mut Mutator, a: Value, n: usize) -> Option<Make> {
    let a = Operand::of(a)?;
    let (limbs, by) = (n / 64, n as u32 % 64);
    let x = a.complement();
    let fill = if a.negative { u64::MAX } else { 0 };
    let at = |i: usize| x.get(i).copied().unwrap_or(fill);
    let mut out = [0; FEW + 1];
    for (i, o) in out.iter_mut().enumerate() {
        *o = at(i + limbs) >> by | at(i + limbs + 1).checked_shl(64 - by).unwrap_or(0);
    }
    if a.negative {
        negate(&mut out);
    }
    Some(m.big(a.negative, &out))
}
