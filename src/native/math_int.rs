//! The functions of `math` on integers. Invariant: everything is exact; long computations let signals in.

use super::util::missing;
use crate::heap::object::Tuple;
use crate::heap::{Value, bigint};
use crate::run::{Args, R, Thread, arith, poll};
use crate::types::int::fault;

fn mul(th: &mut Thread, a: Value, b: Value) -> R {
    bigint::mul(&mut th.heap, a, b).map_err(|f| fault(th, f))
}

fn floordiv(th: &mut Thread, a: Value, b: Value) -> R {
    bigint::floordiv(&mut th.heap, a, b).map_err(|f| fault(th, f))
}

pub(super) fn gcd(th: &mut Thread, a: Args) -> R {
    let mut out = Value::int(0);
    for v in a[0].get::<Tuple>().iter() {
        let v = arith::index(th, v)?;
        out = bigint::gcd(&mut th.heap, out, v)?;
    }
    Ok(out)
}

pub(super) fn lcm(th: &mut Thread, a: Args) -> R {
    let mut out = Value::int(1);
    for v in a[0].get::<Tuple>().iter() {
        let v = arith::index(th, v)?;
        if bigint::is_zero(v) || bigint::is_zero(out) {
            out = Value::int(0);
            continue;
        }
        let g = bigint::gcd(&mut th.heap, out, v)?;
        let part = floordiv(th, out, g)?;
        let product = mul(th, part, v)?;
        out = bigint::abs(&mut th.heap, product)?;
    }
    Ok(out)
}

/// Limbs of a product that is multiplied up in place.
const LIMBS: usize = 64;

/// The product of `from..=to`, which has at most `LIMBS` limbs.
fn small_product(th: &mut Thread, from: u64, to: u64) -> R {
    let mut limbs = [0u64; LIMBS];
    limbs[0] = 1;
    let (mut len, mut factor) = (1, from);
    let mut times = |factor: u64| {
        let mut carry = 0;
        for limb in &mut limbs[..len] {
            let wide = *limb as u128 * factor as u128 + carry as u128;
            (*limb, carry) = (wide as u64, (wide >> 64) as u64);
        }
        if carry != 0 {
            limbs[len] = carry;
            len += 1;
        }
    };
    for k in (from..=to).skip(1) {
        // As many factors at once as fit one word.
        factor = factor.checked_mul(k).unwrap_or_else(|| {
            times(factor);
            k
        });
    }
    times(factor);
    Ok(th.heap.big(false, &limbs[..len])?)
}

/// The product of `from..=to`, halves first so that the factors are of like size.
fn product(th: &mut Thread, from: u64, to: u64) -> R {
    if from > to {
        return Ok(Value::int(1));
    }
    let bits = u64::BITS - to.leading_zeros();
    if (to - from).saturating_mul(bits as u64) <= (LIMBS as u64 - 2) * 64 {
        return small_product(th, from, to);
    }
    poll::native_poll(th)?;
    let middle = from + (to - from) / 2;
    let low = product(th, from, middle)?;
    let high = product(th, middle + 1, to)?;
    mul(th, low, high)
}

pub(super) fn factorial(th: &mut Thread, a: Args) -> R {
    let n = arith::index(th, a[0])?;
    if bigint::is_negative(n) {
        return Err(th.value_error("factorial() not defined for negative values"));
    }
    match bigint::to_i64(n) {
        Some(n) => product(th, 1, n as u64),
        None => Err(th.overflow_error("factorial() argument should not exceed 9223372036854775807")),
    }
}

/// `n` and `k` checked; `k` must fit.
fn choice(th: &mut Thread, n: Value, k: Value) -> R<(Value, Option<u64>)> {
    let (n, k) = (arith::index(th, n)?, arith::index(th, k)?);
    if bigint::is_negative(n) {
        return Err(th.value_error("n must be a non-negative integer"));
    }
    if bigint::is_negative(k) {
        return Err(th.value_error("k must be a non-negative integer"));
    }
    let more = bigint::compare(k, n).is_gt();
    match bigint::to_u64(k) {
        _ if more => Ok((n, None)),
        Some(k) => Ok((n, Some(k))),
        None => Ok((n, Some(u64::MAX))),
    }
}

/// n * (n - 1) * ... with k factors.
fn falling(th: &mut Thread, n: Value, k: u64) -> R {
    if k == 0 {
        return Ok(Value::int(1));
    }
    if let Some(n) = bigint::to_u64(n) {
        return product(th, n - k + 1, n);
    }
    let (mut out, mut factor) = (n, n);
    for i in 1..k {
        if i % 1024 == 0 {
            poll::native_poll(th)?;
        }
        factor = bigint::sub(&mut th.heap, factor, Value::int(1)).map_err(|f| fault(th, f))?;
        out = mul(th, out, factor)?;
    }
    Ok(out)
}

pub(super) fn perm(th: &mut Thread, a: Args) -> R {
    if missing(a[1]) {
        return factorial(th, a);
    }
    match choice(th, a[0], a[1])? {
        (_, None) => Ok(Value::int(0)),
        (_, Some(u64::MAX)) => Err(th.overflow_error(format!("k must not exceed {}", u64::MAX))),
        (n, Some(k)) => falling(th, n, k),
    }
}

pub(super) fn comb(th: &mut Thread, a: Args) -> R {
    let (n, Some(k)) = choice(th, a[0], a[1])? else { return Ok(Value::int(0)) };
    let mut k = k;
    if let Some(n) = bigint::to_u64(n) {
        k = k.min(n - k);
    } else {
        let rest = bigint::sub(&mut th.heap, n, a[1].base()).map_err(|f| fault(th, f))?;
        if let Some(rest) = bigint::to_u64(rest) {
            k = k.min(rest);
        }
    }
    if k == u64::MAX {
        return Err(th.overflow_error(format!("min(n - k, k) must not exceed {}", u64::MAX)));
    }
    let top = falling(th, n, k)?;
    let bottom = product(th, 1, k)?;
    floordiv(th, top, bottom)
}

pub(super) fn isqrt(th: &mut Thread, a: Args) -> R {
    let n = arith::index(th, a[0])?;
    if bigint::is_negative(n) {
        return Err(th.value_error("isqrt() argument must be nonnegative"));
    }
    bigint::isqrt(&mut th.heap, n).map_err(|f| fault(th, f))
}
