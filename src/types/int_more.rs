//! Methods and attributes of `int`. Invariant: `self` is taken through `Value::base`.

use super::int::{self, fault, plain};
use crate::heap::Value;
use crate::heap::bigint::{self, Fault};
use crate::heap::known::C;
use crate::heap::text;
use crate::run::slots::GetSet;
use crate::run::{Args, Bin, Def, R, Thread, def, get};

/// Methods.
pub static METHODS: &[Def] = &[
    def(
        "conjugate",
        "($self, /)",
        |th, a| plain(th, a[0]),
        "Returns self, the complex conjugate of any int.",
    ),
    def(
        "bit_length",
        "($self, /)",
        |_, a| Ok(Value::int(bigint::bit_length(a[0].base()) as i64)),
        "Number of bits necessary to represent self in binary.",
    ),
    def(
        "bit_count",
        "($self, /)",
        |_, a| Ok(Value::int(bigint::bit_count(a[0].base()) as i64)),
        "Number of ones in the binary representation of the absolute value of self.",
    ),
    def(
        "to_bytes",
        "($self, /, length=1, byteorder='big', *, signed=False)",
        to_bytes,
        "Return an array of bytes representing an integer.",
    ),
    def(
        "as_integer_ratio",
        "($self, /)",
        |th, a| {
            let v = plain(th, a[0])?;
            Ok(th.tuple(&[v, Value::int(1)])?)
        },
        "Return a pair of integers, whose ratio is equal to the original int.",
    ),
    def(
        "is_integer",
        "($self, /)",
        |_, _| Ok(Value::TRUE),
        "Returns True. Exists for duck type compatibility with float.is_integer.",
    ),
    def("__trunc__", "($self, /)", |th, a| plain(th, a[0]), "Truncating an Integral returns itself."),
    def("__floor__", "($self, /)", |th, a| plain(th, a[0]), "Flooring an Integral returns itself."),
    def("__ceil__", "($self, /)", |th, a| plain(th, a[0]), "Ceiling of an Integral returns itself."),
    def("__round__", "($self, ndigits=None, /)", round, "Rounding an Integral returns itself."),
    def(
        "__getnewargs__",
        "($self, /)",
        |th, a| {
            let v = plain(th, a[0])?;
            Ok(th.tuple(&[v])?)
        },
        "",
    ),
    def(
        "__format__",
        "($self, format_spec, /)",
        |th, a| super::format::int(th, a[0], a[1]),
        "Convert to a string according to format_spec.",
    ),
    def(
        "__sizeof__",
        "($self, /)",
        |_, a| Ok(Value::int(24 + 4 * bigint::bit_length(a[0].base()).div_ceil(30).max(1) as i64)),
        "Returns size in memory, in bytes.",
    ),
];

/// Class methods.
pub static CLASS_METHODS: &[Def] = &[def(
    "from_bytes",
    "($type, /, bytes, byteorder='big', *, signed=False)",
    from_bytes,
    "Return the integer represented by the given array of bytes.",
)];

/// Attributes.
pub static GETSET: &[GetSet] = &[
    get("real", plain, "the real part of a complex number"),
    get("imag", |_, _| Ok(Value::int(0)), "the imaginary part of a complex number"),
    get("numerator", plain, "the numerator of a rational number in lowest terms"),
    get("denominator", |_, _| Ok(Value::int(1)), "the denominator of a rational number in lowest terms"),
];

/// Whether `byteorder` says big.
fn big_endian(th: &mut Thread, function: &str, v: Value) -> R<bool> {
    if v.is_unbound() {
        return Ok(true);
    }
    if !text::is_text(v.base()) {
        let t = super::seq::said(th, v);
        return Err(th.type_error(format!("{function}() argument 'byteorder' must be str, not {t}")));
    }
    match th.text_of(v)?.as_str() {
        "big" => Ok(true),
        "little" => Ok(false),
        _ => Err(th.value_error("byteorder must be either 'little' or 'big'")),
    }
}

fn to_bytes(th: &mut Thread, a: Args) -> R {
    let n = if a[1].is_unbound() { 1 } else { super::slice::ssize(th, a[1])? };
    let big = big_endian(th, "to_bytes", a[2])?;
    let signed = !a[3].is_unbound() && th.truth(a[3])?;
    if n < 0 {
        return Err(th.value_error("length argument must be non-negative"));
    }
    match bigint::to_bytes(a[0].base(), n as usize, big, signed) {
        Ok(bytes) => Ok(th.bytes(&bytes)?),
        Err(Fault::TooLarge) => Err(th.overflow_error("int too big to convert")),
        Err(Fault::Negative) => Err(th.overflow_error("can't convert negative int to unsigned")),
        Err(f) => Err(fault(th, f)),
    }
}

fn from_bytes(th: &mut Thread, a: Args) -> R {
    let big = big_endian(th, "from_bytes", a[2])?;
    let signed = !a[3].is_unbound() && th.truth(a[3])?;
    let bytes = super::bytes::collected(th, a[1])?;
    let v = bigint::from_bytes(&mut th.heap, &bytes, big, signed)?;
    if a[0] == C::int.v() { Ok(v) } else { th.call(a[0], &[v]) }
}

fn round(th: &mut Thread, a: Args) -> R {
    if a[1].is_unbound() || a[1].is_none() {
        return plain(th, a[0]);
    }
    let n = crate::run::arith::index(th, a[1])?;
    let v = plain(th, a[0])?;
    if !bigint::is_negative(n) {
        return Ok(v);
    }
    let digits = bigint::to_i64(n).unwrap_or(i64::MIN);
    // Beyond the number's own digits nothing remains.
    if digits < -(bigint::decimal_digits(v) as i64) - 1 {
        return Ok(Value::int(0));
    }
    let unit = int::operate(th, Bin::Pow, Value::int(10), Value::int(-digits))?;
    let (mut q, r) = bigint::divmod(&mut th.heap, v, unit).map_err(|f| fault(th, f))?;
    let twice = int::operate(th, Bin::Add, r, r)?;
    let order = bigint::compare(twice, unit);
    if order.is_gt() || order.is_eq() && bigint::is_odd(q) {
        q = int::operate(th, Bin::Add, q, Value::int(1))?;
    }
    int::operate(th, Bin::Mul, q, unit)
}
