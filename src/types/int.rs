//! `int`: arithmetic, comparison, conversion. Invariant: operands are taken through `Value::base`, so an instance of a
//! subclass works as the int it stands on; results are plain ints.

use super::int_text;
use crate::heap::bigint::{self, Fault, is_integer};
use crate::heap::known::C;
use crate::heap::object::{Str, Tuple};
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, slots as slots_of};
use crate::run::instance::wrap_base;
use crate::run::{Args, Bin, ClassDef, Cmp, PLAIN, R, Raised, Side, Thread, TypeSlots, Un};

/// `int`.
pub static DEF: ClassDef = ClassDef {
    name: "int",
    doc: "int([x]) -> integer\nint(x, base=10) -> integer\n\nConvert a number or string to an integer, or return 0 if \
          no arguments are given.",
    slots,
    methods: super::int_more::METHODS,
    class_methods: super::int_more::CLASS_METHODS,
    getset: super::int_more::GETSET,
    basetype: true,
    kind: Kind::Big,
    ..PLAIN
};

fn slots(s: &mut TypeSlots) {
    s.repr = Some(|th, o| int_text::decimal(th, o.base()));
    s.hash = Some(|_, o| Ok(bigint::hash(o.base())));
    s.compare = Some(compare);
    s.bool = Some(|_, o| Ok(!bigint::is_zero(o.base())));
    s.binary = Some(binary);
    s.unary = Some(unary);
    s.index = Some(plain);
    s.int = Some(plain);
    s.float = Some(|th, o| {
        let x = to_float(th, o)?;
        Ok(th.float(x)?)
    });
    s.new = Some(new);
    s.direct = Some(direct);
    s.format = Some(super::format::int);
}

/// The plain int under an int, bool or instance of a subclass.
pub fn plain(th: &mut Thread, o: Value) -> R {
    Ok(bigint::plain(&mut th.heap, o.base())?)
}

/// Raises what a fault of the arithmetic means.
#[cold]
pub fn fault(th: &mut Thread, f: Fault) -> Raised {
    match f {
        Fault::Full => Raised,
        Fault::TooLarge => th.overflow_error("too many digits in integer"),
        Fault::Zero => th.zero_division("division by zero"),
        Fault::Negative => th.value_error("negative shift count"),
        Fault::NotInvertible => th.value_error("base is not invertible for the given modulus"),
    }
}

/// The nearest double; OverflowError beyond all of them.
pub fn to_float(th: &mut Thread, v: Value) -> R<f64> {
    match bigint::to_f64(v.base()) {
        Some(x) => Ok(x),
        None => Err(th.overflow_error("int too large to convert to float")),
    }
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let (x, y) = (a.base(), b.base());
    if is_integer(y) {
        return Ok(Value::bool(op.of(bigint::compare(x, y))));
    }
    match super::float::value(y) {
        Some(f) => Ok(super::float::ordering(op, bigint::compare_float(x, f))),
        None => {
            let _ = th;
            Ok(Value::NOT_IMPLEMENTED)
        }
    }
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    let (x, y) = (a.base(), b.base());
    if !is_integer(x) || !is_integer(y) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    operate(th, op, x, y)
}

/// An operator on two ints or bools.
pub fn operate(th: &mut Thread, op: Bin, x: Value, y: Value) -> R {
    let m = &mut th.heap;
    let r = match op {
        Bin::Add => bigint::add(m, x, y),
        Bin::Sub => bigint::sub(m, x, y),
        Bin::Mul => match bigint::mul(m, x, y) {
            Err(Fault::TooLarge) => Err(Fault::Full),
            r => r,
        },
        Bin::FloorDiv => bigint::floordiv(m, x, y),
        Bin::Mod => bigint::modulo(m, x, y),
        Bin::And => Ok(bigint::and(m, x, y)?),
        Bin::Or => Ok(bigint::or(m, x, y)?),
        Bin::Xor => Ok(bigint::xor(m, x, y)?),
        Bin::RShift => bigint::shr(m, x, y),
        Bin::LShift => match bigint::shl(m, x, y) {
            // A shift that could be counted only lacks memory.
            Err(Fault::TooLarge) if bigint::to_i64(y).is_some() => Err(Fault::Full),
            r => r,
        },
        Bin::Pow => return power(th, x, y),
        Bin::TrueDiv => return true_division(th, x, y),
        Bin::DivMod => match bigint::divmod(m, x, y) {
            Ok((q, r)) => return Ok(th.tuple(&[q, r])?),
            Err(f) => Err(f),
        },
        Bin::MatMul => return Ok(Value::NOT_IMPLEMENTED),
    };
    r.map_err(|f| fault(th, f))
}

fn true_division(th: &mut Thread, x: Value, y: Value) -> R {
    match bigint::truediv(x, y) {
        Ok(0.0) if bigint::is_zero(x) && bigint::is_negative(y) => Ok(th.float(-0.0)?),
        Ok(f) => Ok(th.float(f)?),
        Err(Fault::TooLarge) => Err(th.overflow_error("integer division result too large for a float")),
        Err(f) => Err(fault(th, f)),
    }
}

fn power(th: &mut Thread, x: Value, y: Value) -> R {
    if bigint::is_negative(y) {
        if bigint::is_zero(x) {
            return Err(th.zero_division("zero to a negative power"));
        }
        let (x, y) = (to_float(th, x)?, to_float(th, y)?);
        return super::float::power(th, x, y);
    }
    match bigint::pow(&mut th.heap, x, y) {
        Err(Fault::TooLarge) => Err(Raised),
        r => r.map_err(|f| fault(th, f)),
    }
}

/// `pow(base, exp, modulus)` on three ints.
pub fn int_pow_mod(th: &mut Thread, base: Value, exp: Value, modulus: Value) -> R {
    match bigint::modpow(&mut th.heap, base.base(), exp.base(), modulus.base()) {
        Err(Fault::Zero) => Err(th.value_error("pow() 3rd argument cannot be 0")),
        r => r.map_err(|f| fault(th, f)),
    }
}

fn unary(th: &mut Thread, op: Un, o: Value) -> R {
    let (m, x) = (&mut th.heap, o.base());
    Ok(match op {
        Un::Neg => bigint::neg(m, x)?,
        Un::Pos => bigint::plain(m, x)?,
        Un::Invert => bigint::invert(m, x)?,
        Un::Abs => bigint::abs(m, x)?,
    })
}

/// The arguments `x` and `base` of `int(...)`.
fn arguments(th: &mut Thread, args: Value, kwargs: Value) -> R<(Value, Value)> {
    let t = args.get::<Tuple>();
    let mut base = if t.len() > 1 { t.at(1) } else { Value::UNBOUND };
    let mut count = t.len();
    if !kwargs.is_unbound() {
        let pairs = th.dict_pairs(kwargs)?;
        let p = pairs.get::<Tuple>();
        count += p.len() / 2;
        if count > 2 {
            let kind = if t.is_empty() { "keyword " } else { "" };
            let text = format!("int() takes at most 2 {kind}arguments ({count} given)");
            return Err(th.type_error(text));
        }
        for i in 0..p.len() / 2 {
            let name = th.text_of(p.at(2 * i))?;
            if name != "base" {
                return Err(th.type_error(format!("int() got an unexpected keyword argument '{name}'")));
            }
            if !base.is_unbound() {
                return Err(th.type_error("argument for int() given by name ('base') and position (2)"));
            }
            base = p.at(2 * i + 1);
        }
    }
    if kwargs.is_unbound() && count > 2 {
        return Err(th.type_error(format!("int expected at most 2 arguments, got {count}")));
    }
    if count > 2 {
        return Err(th.type_error(format!("int() takes at most 2 arguments ({count} given)")));
    }
    Ok((if t.is_empty() { Value::UNBOUND } else { t.at(0) }, base))
}

/// Of one object.
fn direct(th: &mut Thread, a: Args) -> R<Option<Value>> {
    if a.n == 1 { convert(th, a[0]).map(Some) } else { Ok(None) }
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    if cls == C::bool.v() {
        return Err(th.type_error("int.__new__(bool) is not safe, use bool.__new__()"));
    }
    let (x, base) = match (args.get::<Tuple>(), kwargs.is_unbound()) {
        (t, true) if t.len() == 1 => (t.at(0), Value::UNBOUND),
        _ => arguments(th, args, kwargs)?,
    };
    let v = match (x.is_unbound(), base.is_unbound()) {
        (true, true) => Value::int(0),
        (true, false) => return Err(th.type_error("int() missing string argument")),
        (false, true) => convert(th, x)?,
        (false, false) => with_base(th, x, base)?,
    };
    if cls == C::int.v() { Ok(v) } else { wrap_base(th, cls, v) }
}

fn with_base(th: &mut Thread, x: Value, base: Value) -> R {
    let base = crate::run::arith::clamped(th, base)?;
    if base != 0 && !(2..=36).contains(&base) {
        return Err(th.value_error("int() base must be >= 2 and <= 36, or 0"));
    }
    match int_text::digits_of(th, x)? {
        Some(text) => int_text::parse(th, &text, base as u32, x),
        None => Err(th.type_error("int() can't convert non-string with explicit base")),
    }
}

/// `int(x)`.
pub fn convert(th: &mut Thread, x: Value) -> R {
    if x.is_int() {
        return Ok(x);
    }
    if x.is_float() {
        return super::float::truncated(th, x.as_float());
    }
    if let Some(i) = x.cast::<Str>().and_then(|s| int_text::short(s.bytes())) {
        return Ok(th.int(i)?);
    }
    let s = slots_of(class_of(x));
    if let Some(f) = s.int.or(s.index) {
        let v = f(th, x)?;
        if !is_integer(v.base()) {
            let text = format!("__int__ returned non-int (type {})", th.type_name(v));
            return Err(th.type_error(text));
        }
        return plain(th, v);
    }
    match int_text::digits_of(th, x)? {
        Some(text) => int_text::parse(th, &text, 10, x),
        None => Err(th.type_error(format!(
            "int() argument must be a string, a bytes-like object or a real number, not '{}'",
            th.type_name(x)
        ))),
    }
}
