//! Arithmetic of `builtins`: sums, powers, rounding, digits. Invariant: the fast paths give exactly what the general
//! operators would, floats apart, which are summed with compensation as CPython does.

use crate::heap::known::N;
use crate::heap::object::{Big, Float};
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, lookup};
use crate::run::poll::native_poll;
use crate::run::{Args, Bin, R, Thread, arith, attr};

/// A float's number.
fn float_of(v: Value) -> Option<f64> {
    if v.is_float() { Some(v.as_float()) } else { v.cast::<Float>().map(|f| f64::from_bits(f.bits.get() as u64)) }
}

/// A small int's or bool's number.
fn int_of(v: Value) -> Option<i64> {
    if v.is_int() {
        Some(v.as_int())
    } else if v.is_bool() {
        Some((v == Value::TRUE) as i64)
    } else {
        None
    }
}

/// A running sum of floats with the rounding errors kept aside (Neumaier).
#[derive(Clone, Copy)]
struct Compensated {
    high: f64,
    low: f64,
}

impl Compensated {
    fn add(&mut self, x: f64) {
        let t = self.high + x;
        self.low += if self.high.abs() >= x.abs() { (self.high - t) + x } else { (x - t) + self.high };
        self.high = t;
    }

    fn total(self) -> f64 {
        if self.low != 0.0 && self.low.is_finite() { self.high + self.low } else { self.high }
    }
}

/// What has been summed so far.
enum Sum {
    Int(i64),
    Float(Compensated),
    Any(Value),
}

impl Sum {
    fn value(&self, th: &mut Thread) -> R {
        Ok(match self {
            Sum::Int(i) => th.int(*i)?,
            Sum::Float(c) => th.float(c.total())?,
            Sum::Any(v) => *v,
        })
    }
}

/// `sum(iterable, /, start=0)`.
pub fn sum(th: &mut Thread, a: Args) -> R {
    let start = a[1].or(Value::int(0));
    let b = start.base();
    let joined = match b.kind() {
        Kind::Str | Kind::Rope => Some("strings [use ''.join(seq)"),
        Kind::Bytes => Some("bytes [use b''.join(seq)"),
        Kind::ByteArray => Some("bytearray [use b''.join(seq)"),
        _ => None,
    };
    if let Some(what) = joined {
        return Err(th.type_error(format!("sum() can't sum {what} instead]")));
    }
    let mut total = match (start.is_int(), float_of(start)) {
        (true, _) => Sum::Int(start.as_int()),
        (_, Some(f)) => Sum::Float(Compensated { high: f, low: 0.0 }),
        _ => Sum::Any(start),
    };
    let it = th.iter(a[0])?;
    let mut n = 0usize;
    while let Some(x) = th.next(it)? {
        n += 1;
        if n % 8192 == 0 {
            native_poll(th)?;
        }
        total = match (&mut total, int_of(x), float_of(x)) {
            (Sum::Int(i), Some(k), _) if i.checked_add(k).is_some() => Sum::Int(*i + k),
            (Sum::Int(i), _, Some(f)) => {
                let mut c = Compensated { high: *i as f64, low: 0.0 };
                c.add(f);
                Sum::Float(c)
            }
            (Sum::Float(c), Some(k), _) => {
                c.add(k as f64);
                Sum::Float(*c)
            }
            (Sum::Float(c), _, Some(f)) => {
                c.add(f);
                Sum::Float(*c)
            }
            (total, ..) => {
                let so_far = total.value(th)?;
                Sum::Any(th.binary(Bin::Add, so_far, x)?)
            }
        };
    }
    total.value(th)
}

/// `pow(base, exp, mod=None)`.
pub fn pow(th: &mut Thread, a: Args) -> R {
    let (base, exp, modulus) = (a[0], a[1], a[2].or(Value::NONE));
    if modulus.is_none() {
        return th.binary(Bin::Pow, base, exp);
    }
    let is_int = |v: Value| {
        let b = v.base();
        b.is_int() || b.is_bool() || b.is_kind(Kind::Big)
    };
    let plain = |v: Value| !v.is_kind(Kind::Instance);
    if [base, exp, modulus].into_iter().all(|v| is_int(v) && plain(v)) {
        let (b, e, m) = (arith::index(th, base)?, arith::index(th, exp)?, arith::index(th, modulus)?);
        return crate::types::int::int_pow_mod(th, b, e, m);
    }
    if !plain(base)
        && let Some(f) = lookup(class_of(base), N::__pow__.v())
    {
        let f = attr::bind(th, f, base)?;
        let v = th.call(f, &[exp, modulus])?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(v);
        }
    }
    if float_of(base).is_some() {
        return Err(th.type_error("pow() 3rd argument not allowed unless all arguments are integers"));
    }
    let text = format!(
        "unsupported operand type(s) for ** or pow(): '{}', '{}', '{}'",
        th.type_name(base),
        th.type_name(exp),
        th.type_name(modulus)
    );
    Err(th.type_error(text))
}

/// `round(number, ndigits=None)`.
pub fn round(th: &mut Thread, a: Args) -> R {
    let Some(f) = th.special(a[0], N::__round__)? else {
        return Err(th.type_error(format!("type {} doesn't define __round__ method", th.type_name(a[0]))));
    };
    if a[1].is_unbound() || a[1].is_none() { th.call(f, &[]) } else { th.call(f, &[a[1]]) }
}

/// The digits of an int in base `1 << bits`, with sign and prefix.
fn digits(th: &mut Thread, v: Value, bits: usize, prefix: &str) -> R {
    let v = arith::index(th, v)?;
    let (negative, limbs) = match v.cast::<Big>() {
        Some(b) => {
            let n = b.size.get();
            // SAFETY: a big int has `size >> 1` limbs.
            (n & 1 == 1, (0..n >> 1).map(|i| unsafe { b.limb(i) }.get() as u64).collect::<Vec<u64>>())
        }
        None => (v.as_int() < 0, vec![v.as_int().unsigned_abs()]),
    };
    let total = limbs.len() * 64;
    let bit = |i: usize| if i < total { (limbs[i / 64] >> (i % 64) & 1) as u32 } else { 0 };
    let mut out: Vec<u8> = Vec::with_capacity(total / bits + 4);
    for k in (0..total.div_ceil(bits)).rev() {
        let d = (0..bits).fold(0, |d, j| d | bit(k * bits + j) << j);
        if d != 0 || k == 0 || !out.is_empty() {
            out.push(b"0123456789abcdef"[d as usize]);
        }
    }
    let digits = String::from_utf8_lossy(&out);
    crate::types::text(th, format!("{}{prefix}{digits}", if negative { "-" } else { "" }))
}

/// `bin(number)`.
pub fn bin(th: &mut Thread, a: Args) -> R {
    digits(th, a[0], 1, "0b")
}

/// `oct(number)`.
pub fn oct(th: &mut Thread, a: Args) -> R {
    digits(th, a[0], 3, "0o")
}

/// `hex(number)`.
pub fn hex(th: &mut Thread, a: Args) -> R {
    digits(th, a[0], 4, "0x")
}
