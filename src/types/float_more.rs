//! Methods and attributes of `float`. Invariant: `self` is taken through `Value::base`.

use super::float::{of, truncated};
use super::float_text::{self, HexFault};
use crate::heap::Value;
use crate::heap::bigint;
use crate::heap::known::C;
use crate::run::slots::GetSet;
use crate::run::{Args, Bin, Def, R, Thread, def, get};

/// Methods.
pub static METHODS: &[Def] = &[
    def("conjugate", "($self, /)", plain, "Return self, the complex conjugate of any float."),
    def(
        "__trunc__",
        "($self, /)",
        |th, a| truncated(th, of(a[0])),
        "Return the Integral closest to x between 0 and x.",
    ),
    def(
        "__floor__",
        "($self, /)",
        |th, a| truncated(th, of(a[0]).floor()),
        "Return the floor as an Integral.",
    ),
    def(
        "__ceil__",
        "($self, /)",
        |th, a| truncated(th, of(a[0]).ceil()),
        "Return the ceiling as an Integral.",
    ),
    def(
        "__round__",
        "($self, ndigits=None, /)",
        round,
        "Return the Integral closest to x, rounding half toward even.",
    ),
    def(
        "as_integer_ratio",
        "($self, /)",
        ratio,
        "Return a pair of integers, whose ratio is exactly equal to the original float.",
    ),
    def(
        "hex",
        "($self, /)",
        |th, a| {
            let text = float_text::hex(of(a[0]));
            Ok(th.str(&text)?)
        },
        "Return a hexadecimal representation of a floating-point number.",
    ),
    def(
        "is_integer",
        "($self, /)",
        |_, a| {
            let x = of(a[0]);
            Ok(Value::bool(x.is_finite() && x.floor() == x))
        },
        "Return True if the float is an integer.",
    ),
    def(
        "__getnewargs__",
        "($self, /)",
        |th, a| {
            let v = th.float(of(a[0]))?;
            Ok(th.tuple(&[v])?)
        },
        "",
    ),
    def(
        "__format__",
        "($self, format_spec, /)",
        |th, a| super::format::float(th, a[0], a[1]),
        "Formats the float according to format_spec.",
    ),
];

/// Class methods.
pub static CLASS_METHODS: &[Def] = &[
    def(
        "fromhex",
        "($type, string, /)",
        from_hex,
        "Create a floating-point number from a hexadecimal string.",
    ),
    def(
        "from_number",
        "($type, number, /)",
        |th, a| {
            let x = super::float::need_real(th, a[1])?;
            let v = th.float(x)?;
            if a[0] == C::float.v() { Ok(v) } else { th.call(a[0], &[v]) }
        },
        "Convert real number to a floating-point number.",
    ),
    def(
        "__getformat__",
        "($type, typestr, /)",
        |th, _| Ok(th.str("IEEE, little-endian")?),
        "You probably don't want to use this function.",
    ),
];

/// Attributes.
pub static GETSET: &[GetSet] = &[
    get("real", |th, o| Ok(th.float(of(o))?), "the real part of a complex number"),
    get("imag", |th, _| Ok(th.float(0.0)?), "the imaginary part of a complex number"),
];

fn plain(th: &mut Thread, a: Args) -> R {
    Ok(th.float(of(a[0]))?)
}

fn round(th: &mut Thread, a: Args) -> R {
    let x = of(a[0]);
    if a[1].is_unbound() || a[1].is_none() {
        return truncated(th, x.round_ties_even());
    }
    let n = crate::run::arith::index(th, a[1])?;
    match float_text::rounded(x, bigint::clamp_i64(n)) {
        Some(r) => Ok(th.float(r)?),
        None => Err(th.overflow_error("rounded value too large to represent")),
    }
}

fn ratio(th: &mut Thread, a: Args) -> R {
    let x = of(a[0]);
    if x.is_nan() {
        return Err(th.value_error("cannot convert NaN to integer ratio"));
    }
    if x.is_infinite() {
        return Err(th.overflow_error("cannot convert Infinity to integer ratio"));
    }
    let bits = x.to_bits();
    let (exp, fraction) = ((bits >> 52 & 0x7ff) as i64, bits & ((1 << 52) - 1));
    let (mut mantissa, mut exp) = if exp == 0 { (fraction, -1074) } else { (fraction | 1 << 52, exp - 1075) };
    if mantissa == 0 {
        exp = 0;
    } else {
        let zeros = mantissa.trailing_zeros();
        mantissa >>= zeros;
        exp += zeros as i64;
    }
    let top = Value::int(if x < 0.0 { -(mantissa as i64) } else { mantissa as i64 });
    let power = super::int::operate(th, Bin::LShift, Value::int(1), Value::int(exp.abs()))?;
    if exp > 0 {
        let top = super::int::operate(th, Bin::Mul, top, power)?;
        return Ok(th.tuple(&[top, Value::int(1)])?);
    }
    Ok(th.tuple(&[top, power])?)
}

fn from_hex(th: &mut Thread, a: Args) -> R {
    if !crate::heap::text::is_text(a[1].base()) {
        return Err(th.type_error("bad argument type for built-in operation"));
    }
    // A lone surrogate raises UnicodeEncodeError.
    super::codec::encode(th, a[1].base(), "utf-8", "strict")?;
    let text = th.text_of(a[1])?;
    let v = match float_text::from_hex(text.trim_matches([' ', '\t', '\n', '\r', '\x0b', '\x0c'])) {
        Ok(x) => th.float(x)?,
        Err(HexFault::Invalid) => return Err(th.value_error("invalid hexadecimal floating-point string")),
        Err(HexFault::Overflow) => {
            return Err(th.overflow_error("hexadecimal value too large to represent as a float"));
        }
    };
    if a[0] == C::float.v() { Ok(v) } else { th.call(a[0], &[v]) }
}
