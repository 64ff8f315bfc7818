//! `float`: arithmetic, comparison, conversion. Invariant: an operand that is no float, int or bool is
//! NotImplemented; comparison with ints is exact.

use super::float_text;
use crate::heap::bigint;
use crate::heap::known::C;
use crate::heap::object::Float;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, slots as slots_of};
use crate::run::instance::wrap_base;
use crate::run::{Args, Bin, ClassDef, Cmp, PLAIN, R, Side, Thread, TypeSlots, Un};
use std::cmp::Ordering;

/// `float`.
pub static DEF: ClassDef = ClassDef {
    name: "float",
    doc: "Convert a string or number to a floating-point number, if possible.",
    slots,
    methods: super::float_more::METHODS,
    class_methods: super::float_more::CLASS_METHODS,
    getset: super::float_more::GETSET,
    basetype: true,
    kind: Kind::Float,
    ..PLAIN
};

fn slots(s: &mut TypeSlots) {
    s.repr = Some(|th, o| {
        let text = float_text::repr(of(o));
        Ok(th.str(&text)?)
    });
    s.hash = Some(|_, o| Ok(hash(of(o))));
    s.compare = Some(compare);
    s.bool = Some(|_, o| Ok(of(o) != 0.0));
    s.binary = Some(binary);
    s.unary = Some(unary);
    s.int = Some(|th, o| truncated(th, of(o)));
    s.float = Some(|th, o| Ok(th.float(of(o))?));
    s.new = Some(new);
    s.direct = Some(direct);
    s.format = Some(super::format::float);
}

/// The double of a float (base already taken), if it is one.
#[inline]
pub fn value(v: Value) -> Option<f64> {
    if v.is_float() {
        return Some(v.as_float());
    }
    v.cast::<Float>().map(|f| f64::from_bits(f.bits.get() as u64))
}

/// The double of an instance of float.
#[inline]
pub fn of(o: Value) -> f64 {
    value(o.base()).unwrap_or(0.0)
}

/// `hash(x)`; nans hash by their bits.
pub fn hash(x: f64) -> i64 {
    if x.is_nan() { (x.to_bits() >> 4 & 0xffff_ffff) as i64 } else { bigint::hash_float(x) }
}

/// The double of an operand: a float, or an int that has one.
pub fn operand(th: &mut Thread, v: Value) -> R<Option<f64>> {
    let b = v.base();
    if let Some(x) = value(b) {
        return Ok(Some(x));
    }
    if bigint::is_integer(b) { super::int::to_float(th, b).map(Some) } else { Ok(None) }
}

/// A comparison's result for an exact ordering; nothing is unordered.
pub fn ordering(op: Cmp, o: Option<Ordering>) -> Value {
    Value::bool(match o {
        Some(o) => op.of(o),
        None => op == Cmp::Ne,
    })
}

fn compare(_: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let (x, y) = (of(a), b.base());
    if let Some(y) = value(y) {
        return Ok(ordering(op, x.partial_cmp(&y)));
    }
    if !bigint::is_integer(y) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    Ok(ordering(op, bigint::compare_float(y, x).map(Ordering::reverse)))
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    if matches!(op, Bin::LShift | Bin::RShift | Bin::And | Bin::Or | Bin::Xor | Bin::MatMul) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let Some(x) = operand(th, a)? else { return Ok(Value::NOT_IMPLEMENTED) };
    let Some(y) = operand(th, b)? else { return Ok(Value::NOT_IMPLEMENTED) };
    let r = match op {
        Bin::Add => x + y,
        Bin::Sub => x - y,
        Bin::Mul => x * y,
        Bin::Pow => return power(th, x, y),
        _ if y == 0.0 => return Err(th.zero_division("division by zero")),
        Bin::TrueDiv => x / y,
        Bin::FloorDiv => divmod(x, y).0,
        Bin::Mod => divmod(x, y).1,
        _ => {
            let (q, r) = divmod(x, y);
            let (q, r) = (th.float(q)?, th.float(r)?);
            return Ok(th.tuple(&[q, r])?);
        }
    };
    Ok(th.float(r)?)
}

/// Quotient towards negative infinity and the rest, which has the sign of `y`.
pub fn divmod(x: f64, y: f64) -> (f64, f64) {
    let mut rest = x % y;
    let mut quotient = (x - rest) / y;
    if rest == 0.0 {
        rest = 0f64.copysign(y);
    } else if (y < 0.0) != (rest < 0.0) {
        rest += y;
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return (0f64.copysign(x / y), rest);
    }
    let floor = quotient.floor();
    // The quotient is near an integer, perhaps just below it.
    (if quotient - floor > 0.5 { floor + 1.0 } else { floor }, rest)
}

/// `x ** y`.
pub fn power(th: &mut Thread, x: f64, y: f64) -> R {
    if x == 0.0 && y < 0.0 && y.is_finite() {
        return Err(th.zero_division("zero to a negative power"));
    }
    if x < 0.0 && x.is_finite() && y.is_finite() && y != y.floor() {
        return super::complex::power(th, (x, 0.0), (y, 0.0));
    }
    let r = x.powf(y);
    if r.is_infinite() && x.is_finite() && y.is_finite() {
        let text = th.str("Numerical result out of range")?;
        let e = th.exception(C::OverflowError, &[Value::int(34), text])?;
        return Err(th.raise_value(e));
    }
    Ok(th.float(r)?)
}

fn unary(th: &mut Thread, op: Un, o: Value) -> R {
    let x = of(o);
    Ok(match op {
        Un::Neg => th.float(-x)?,
        Un::Pos => th.float(x)?,
        Un::Abs => th.float(x.abs())?,
        Un::Invert => Value::NOT_IMPLEMENTED,
    })
}

/// The integer part as an int.
pub fn truncated(th: &mut Thread, x: f64) -> R {
    if x.is_nan() {
        return Err(th.value_error("cannot convert float NaN to integer"));
    }
    if x.is_infinite() {
        return Err(th.overflow_error("cannot convert float infinity to integer"));
    }
    Ok(bigint::from_f64(&mut th.heap, x)?)
}

/// Of one object.
fn direct(th: &mut Thread, a: Args) -> R<Option<Value>> {
    if a.n != 1 {
        return Ok(None);
    }
    let r = convert(th, a[0])?;
    Ok(Some(th.float(r)?))
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [x] = super::positional::<1>(th, "float", 0, args, kwargs)?;
    let r = if x.is_unbound() { 0.0 } else { convert(th, x)? };
    let v = th.float(r)?;
    if cls == C::float.v() { Ok(v) } else { wrap_base(th, cls, v) }
}

/// `float(x)`.
pub fn convert(th: &mut Thread, x: Value) -> R<f64> {
    if let Some(text) = super::int_text::digits_of(th, x)? {
        return match float_text::parse(&text) {
            Some(r) => Ok(r),
            None => {
                let shown = th.repr_text(x)?;
                Err(th.value_error(format!("could not convert string to float: {shown}")))
            }
        };
    }
    match real(th, x)? {
        Some(r) => Ok(r),
        None => Err(th.type_error(format!(
            "float() argument must be a string or a real number, not '{}'",
            th.type_name(x)
        ))),
    }
}

/// The double of a number: by `__float__`, else by `__index__`.
pub fn real(th: &mut Thread, x: Value) -> R<Option<f64>> {
    if x.is_float() {
        return Ok(Some(x.as_float()));
    }
    let s = slots_of(class_of(x));
    if let Some(f) = s.float {
        let v = f(th, x)?;
        if let Some(r) = value(v.base()) {
            return Ok(Some(r));
        }
        let (t, r) = (th.type_name(x), th.type_name(v));
        return Err(th.type_error(format!("{t}.__float__() must return a float, not {r}")));
    }
    if let Some(f) = s.index {
        let v = f(th, x)?;
        return super::int::to_float(th, v).map(Some);
    }
    Ok(None)
}

/// As [`real`], or TypeError.
pub fn need_real(th: &mut Thread, x: Value) -> R<f64> {
    match real(th, x)? {
        Some(r) => Ok(r),
        None => Err(th.type_error(format!("must be real number, not {}", th.type_name(x)))),
    }
}
