//! `complex`. Invariant: real operands keep their zero imaginary part's sign out of the result (mixed arithmetic works
//! on the parts that are there).

use super::float::{self, operand};
use super::float_text;
use crate::heap::bigint;
use crate::heap::known::{C, N};
use crate::heap::object::Complex;
use crate::heap::text;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, lookup, slots as slots_of};
use crate::run::instance::wrap_base;
use crate::run::slots::GetSet;
use crate::run::{Args, Bin, ClassDef, Cmp, Def, PLAIN, R, Side, Thread, TypeSlots, Un, def, get};

/// Real and imaginary part.
pub type Pair = (f64, f64);

/// `complex`.
pub static DEF: ClassDef = ClassDef {
    name: "complex",
    doc: "Create a complex number from a string or numbers.\n\nIf a string is given, parse it as a complex number.\nIf a \
          single number is given, convert it to a complex number.\nIf the 'real' or 'imag' arguments are given, create \
          a complex number\nwith the specified real and imaginary components.",
    slots,
    methods: METHODS,
    class_methods: CLASS_METHODS,
    getset: GETSET,
    basetype: true,
    kind: Kind::Complex,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def(
        "conjugate",
        "($self, /)",
        |th, a| {
            let (re, im) = of(a[0]);
            Ok(th.complex(re, -im)?)
        },
        "Return the complex conjugate of its argument. (3-4j).conjugate() == 3+4j.",
    ),
    def(
        "__complex__",
        "($self, /)",
        |th, a| {
            let (re, im) = of(a[0]);
            Ok(th.complex(re, im)?)
        },
        "Convert this value to exact type complex.",
    ),
    def(
        "__getnewargs__",
        "($self, /)",
        |th, a| {
            let (re, im) = of(a[0]);
            let (re, im) = (th.float(re)?, th.float(im)?);
            Ok(th.tuple(&[re, im])?)
        },
        "",
    ),
    def(
        "__format__",
        "($self, format_spec, /)",
        |th, a| super::format::complex(th, a[0], a[1]),
        "Convert to a string according to format_spec.",
    ),
];

static CLASS_METHODS: &[Def] = &[def(
    "from_number",
    "($type, number, /)",
    |th, a: Args| {
        let Some((re, im)) = number(th, a[1])? else {
            return Err(th.type_error(format!("must be real number, not {}", th.type_name(a[1]))));
        };
        let v = th.complex(re, im)?;
        if a[0] == C::complex.v() { Ok(v) } else { th.call(a[0], &[v]) }
    },
    "Convert number to a complex floating-point number.",
)];

static GETSET: &[GetSet] = &[
    get("real", |th, o| Ok(th.float(of(o).0)?), "the real part of a complex number"),
    get("imag", |th, o| Ok(th.float(of(o).1)?), "the imaginary part of a complex number"),
];

fn slots(s: &mut TypeSlots) {
    s.repr = Some(|th, o| {
        let text = repr(of(o));
        Ok(th.str(&text)?)
    });
    s.hash = Some(|_, o| {
        let (re, im) = of(o);
        let h = float::hash(re).wrapping_add(float::hash(im).wrapping_mul(1_000_003));
        Ok(if h == -1 { -2 } else { h })
    });
    s.compare = Some(compare);
    s.bool = Some(|_, o| Ok(of(o) != (0.0, 0.0)));
    s.binary = Some(binary);
    s.unary = Some(unary);
    s.new = Some(new);
}

/// The parts of an instance of complex.
pub fn of(o: Value) -> Pair {
    value(o.base()).unwrap_or((0.0, 0.0))
}

/// The parts of a complex (base already taken), if it is one.
pub fn value(v: Value) -> Option<Pair> {
    v.cast::<Complex>().map(|c| (f64::from_bits(c.re.get() as u64), f64::from_bits(c.im.get() as u64)))
}

/// `repr(c)`.
pub fn repr((re, im): Pair) -> String {
    let part = |x: f64| float_text::formatted(x, b'r', 0, false, false);
    if re == 0.0 && re.is_sign_positive() {
        return format!("{}j", part(im));
    }
    let sign = if im.is_sign_negative() && !im.is_nan() { "" } else { "+" };
    format!("({}{sign}{}j)", part(re), part(im))
}

fn compare(_: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if !matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let ((re, im), y) = (of(a), b.base());
    let same = if let Some(y) = value(y) {
        (re, im) == y
    } else if let Some(y) = float::value(y) {
        re == y && im == 0.0
    } else if bigint::is_integer(y) {
        im == 0.0 && bigint::compare_float(y, re).is_some_and(|o| o.is_eq())
    } else {
        return Ok(Value::NOT_IMPLEMENTED);
    };
    Ok(Value::bool(same == (op == Cmp::Eq)))
}

/// An operand: complex, or real.
enum Number {
    Complex(Pair),
    Real(f64),
}

impl Number {
    fn pair(&self) -> Pair {
        match *self {
            Number::Complex(p) => p,
            Number::Real(x) => (x, 0.0),
        }
    }
}

fn either(th: &mut Thread, v: Value) -> R<Option<Number>> {
    if let Some(p) = value(v.base()) {
        return Ok(Some(Number::Complex(p)));
    }
    Ok(operand(th, v)?.map(Number::Real))
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    use Number::{Complex, Real};
    if !matches!(op, Bin::Add | Bin::Sub | Bin::Mul | Bin::TrueDiv | Bin::Pow) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let Some(x) = either(th, a)? else { return Ok(Value::NOT_IMPLEMENTED) };
    let Some(y) = either(th, b)? else { return Ok(Value::NOT_IMPLEMENTED) };
    let r = match (op, &x, &y) {
        (Bin::Pow, ..) => return power(th, x.pair(), y.pair()),
        (Bin::Add, Complex(p), Real(r)) | (Bin::Add, Real(r), Complex(p)) => (p.0 + r, p.1),
        (Bin::Add, ..) => (x.pair().0 + y.pair().0, x.pair().1 + y.pair().1),
        (Bin::Sub, Complex(p), Real(r)) => (p.0 - r, p.1),
        (Bin::Sub, Real(r), Complex(p)) => (r - p.0, -p.1),
        (Bin::Sub, ..) => (x.pair().0 - y.pair().0, x.pair().1 - y.pair().1),
        (Bin::Mul, Complex(p), Real(r)) | (Bin::Mul, Real(r), Complex(p)) => (p.0 * r, p.1 * r),
        (Bin::Mul, ..) => mul(x.pair(), y.pair()),
        (_, _, Real(r)) if *r != 0.0 => {
            let p = x.pair();
            (p.0 / r, p.1 / r)
        }
        (_, Real(r), Complex(p)) => match real_div(*r, *p) {
            Some(r) => r,
            None => return Err(th.zero_division("division by zero")),
        },
        _ => match div(x.pair(), y.pair()) {
            Some(r) => r,
            None => return Err(th.zero_division("division by zero")),
        },
    };
    Ok(th.complex(r.0, r.1)?)
}

/// `a * b`.
pub fn mul(a: Pair, b: Pair) -> Pair {
    let r = (a.0 * b.0 - a.1 * b.1, a.0 * b.1 + a.1 * b.0);
    if r.0.is_nan() && r.1.is_nan() { infinite_product(a, b).unwrap_or(r) } else { r }
}

/// The part of an infinite number that gives its direction.
fn boxed(x: f64) -> f64 {
    if x.is_infinite() { 1f64.copysign(x) } else { 0f64.copysign(x) }
}

fn infinite(p: Pair) -> bool {
    p.0.is_infinite() || p.1.is_infinite()
}

/// The infinity that a product of NaN parts hides, by the rules of C's annex G.
fn infinite_product(a: Pair, b: Pair) -> Option<Pair> {
    let plain = |p: Pair| {
        let zero = |x: f64| if x.is_nan() { 0f64.copysign(x) } else { x };
        (zero(p.0), zero(p.1))
    };
    let direction = |p: Pair| (boxed(p.0), boxed(p.1));
    let (x, y) = match (infinite(a), infinite(b)) {
        (true, true) => (direction(a), direction(b)),
        (true, false) => (direction(a), plain(b)),
        (false, true) => (plain(a), direction(b)),
        (false, false) => {
            let parts = [a.0 * b.0, a.1 * b.1, a.0 * b.1, a.1 * b.0];
            if !parts.iter().any(|x| x.is_infinite()) {
                return None;
            }
            (plain(a), plain(b))
        }
    };
    Some((f64::INFINITY * (x.0 * y.0 - x.1 * y.1), f64::INFINITY * (x.0 * y.1 + x.1 * y.0)))
}

/// The infinity or zero that a quotient of NaN parts hides.
fn hidden_quotient(a: Pair, b: Pair, r: Pair) -> Pair {
    let finite = |p: Pair| p.0.is_finite() && p.1.is_finite();
    if !(r.0.is_nan() && r.1.is_nan()) {
        r
    } else if infinite(a) && finite(b) {
        let (x, y) = (boxed(a.0), boxed(a.1));
        (f64::INFINITY * (x * b.0 + y * b.1), f64::INFINITY * (y * b.0 - x * b.1))
    } else if infinite(b) && finite(a) {
        let (x, y) = (boxed(b.0), boxed(b.1));
        (0.0 * (a.0 * x + a.1 * y), 0.0 * (a.1 * x - a.0 * y))
    } else {
        r
    }
}

/// `a / b`; nothing for a zero divisor. Scaled by the larger part of `b`.
pub fn div(a: Pair, b: Pair) -> Option<Pair> {
    let (re, im) = (b.0.abs(), b.1.abs());
    if re >= im {
        if re == 0.0 {
            return None;
        }
        let ratio = b.1 / b.0;
        let d = b.0 + b.1 * ratio;
        Some(hidden_quotient(a, b, ((a.0 + a.1 * ratio) / d, (a.1 - a.0 * ratio) / d)))
    } else if im >= re {
        let ratio = b.0 / b.1;
        let d = b.0 * ratio + b.1;
        Some(hidden_quotient(a, b, ((a.0 * ratio + a.1) / d, (a.1 * ratio - a.0) / d)))
    } else {
        Some(hidden_quotient(a, b, (f64::NAN, f64::NAN)))
    }
}

/// `a / b` for a real `a`, whose missing imaginary part adds no zeros to the result.
fn real_div(a: f64, b: Pair) -> Option<Pair> {
    let (re, im) = (b.0.abs(), b.1.abs());
    if re >= im {
        if re == 0.0 {
            return None;
        }
        let ratio = b.1 / b.0;
        let d = b.0 + b.1 * ratio;
        Some(hidden_real(a, b, (a / d, -a * ratio / d)))
    } else if im >= re {
        let ratio = b.0 / b.1;
        let d = b.0 * ratio + b.1;
        Some(hidden_real(a, b, (a * ratio / d, -a / d)))
    } else {
        Some(hidden_real(a, b, (f64::NAN, f64::NAN)))
    }
}

/// The zero that a quotient of NaN parts hides.
fn hidden_real(a: f64, b: Pair, r: Pair) -> Pair {
    if r.0.is_nan() && r.1.is_nan() && a.is_finite() && infinite(b) {
        return (0.0 * (a * boxed(b.0)), 0.0 * (-a * boxed(b.1)));
    }
    r
}

/// `x ** y`.
pub fn power(th: &mut Thread, x: Pair, y: Pair) -> R {
    let whole = y.1 == 0.0 && y.0 == y.0.floor() && y.0.abs() <= 100.0;
    let r = if whole {
        let (mut n, mut base, mut r) = (y.0.abs() as u32, x, (1.0, 0.0));
        while n > 0 {
            if n & 1 == 1 {
                r = mul(r, base);
            }
            base = mul(base, base);
            n >>= 1;
        }
        match y.0 < 0.0 {
            true => match div((1.0, 0.0), r) {
                Some(r) => r,
                None => return Err(th.zero_division("zero to a negative or complex power")),
            },
            false => r,
        }
    } else if x == (0.0, 0.0) {
        if y.1 != 0.0 || y.0 < 0.0 {
            return Err(th.zero_division("zero to a negative or complex power"));
        }
        (0.0, 0.0)
    } else {
        let size = x.0.hypot(x.1);
        let angle = x.1.atan2(x.0);
        let (mut len, mut phase) = (size.powf(y.0), angle * y.0);
        if y.1 != 0.0 {
            len *= (-angle * y.1).exp();
            phase += y.1 * size.ln();
        }
        if phase.is_infinite() {
            return Err(th.zero_division("zero to a negative or complex power"));
        }
        (len * phase.cos(), len * phase.sin())
    };
    if infinite(r) {
        return Err(th.overflow_error("complex exponentiation"));
    }
    Ok(th.complex(r.0, r.1)?)
}

fn unary(th: &mut Thread, op: Un, o: Value) -> R {
    let (re, im) = of(o);
    Ok(match op {
        Un::Neg => th.complex(-re, -im)?,
        Un::Pos => th.complex(re, im)?,
        Un::Abs => {
            let r = re.hypot(im);
            if r.is_infinite() && re.is_finite() && im.is_finite() {
                return Err(th.overflow_error("absolute value too large"));
            }
            th.float(r)?
        }
        Un::Invert => Value::NOT_IMPLEMENTED,
    })
}

/// The parts of any number: a complex, by `__complex__`, or a real number.
pub fn number(th: &mut Thread, v: Value) -> R<Option<Pair>> {
    if let Some(p) = value(v) {
        return Ok(Some(p));
    }
    if !v.is_float()
        && !v.is_int()
        && let Some(f) = lookup(class_of(v), N::__complex__.v())
    {
        let f = crate::run::attr::bind(th, f, v)?;
        let r = th.call(f, &[])?;
        return match value(r.base()) {
            Some(p) => Ok(Some(p)),
            None => {
                let (t, r) = (th.type_name(v), th.type_name(r));
                Err(th.type_error(format!("{t}.__complex__() must return a complex, not {r}")))
            }
        };
    }
    if let Some(p) = value(v.base()) {
        return Ok(Some(p));
    }
    let s = slots_of(class_of(v));
    if s.float.is_none() && s.index.is_none() {
        return Ok(None);
    }
    Ok(float::real(th, v)?.map(|x| (x, 0.0)))
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [real, imag] = super::bind::<2>(th, "complex", ["real", "imag"], 0, args, kwargs)?;
    let (re, im) = parts(th, real, imag)?;
    let v = th.complex(re, im)?;
    if cls == C::complex.v() { Ok(v) } else { wrap_base(th, cls, v) }
}

fn parts(th: &mut Thread, real: Value, imag: Value) -> R<Pair> {
    if text::is_text(real.base()) {
        if !imag.is_unbound() {
            return Err(th.type_error(format!(
                "complex() argument 'real' must be a real number, not {}",
                th.type_name(real)
            )));
        }
        let text = super::int_text::digits_of(th, real)?.unwrap_or_default();
        return match parse(&text) {
            Some(p) => Ok(p),
            None if text.contains(&b'_') && !float_text::underscores_fit(&text) => {
                let shown = th.repr_text(real)?;
                Err(th.value_error(format!("could not convert string to complex: {shown}")))
            }
            None => Err(th.value_error("complex() arg is a malformed string")),
        };
    }
    let alone = imag.is_unbound();
    let mut part = |v: Value, name: &str| -> R<Pair> {
        if v.is_unbound() {
            return Ok((0.0, 0.0));
        }
        match number(th, v)? {
            Some(p) => Ok(p),
            None => {
                let t = th.type_name(v);
                let text = match alone {
                    true => format!("complex() argument must be a string or a number, not {t}"),
                    false => format!("complex() argument '{name}' must be a real number, not {t}"),
                };
                Err(th.type_error(text))
            }
        }
    };
    let x = part(real, "real")?;
    if alone {
        return Ok(x);
    }
    let y = part(imag, "imag")?;
    // A complex `imag` turns: its imaginary part counts against the real one.
    let re = if value(imag.base()).is_some() { x.0 - y.1 } else { x.0 };
    let im = if !real.is_unbound() && value(real.base()).is_some() { x.1 + y.0 } else { y.0 };
    Ok((re, im))
}

/// A literal such as `1+2j`, trimmed; in parentheses too.
fn parse(text: &[u8]) -> Option<Pair> {
    let text = match text {
        [b'(', inner @ .., b')'] => inner.trim_ascii(),
        text => text,
    };
    let Some(body) = text.strip_suffix(b"j").or(text.strip_suffix(b"J")) else {
        return float_text::parse(text).map(|x| (x, 0.0));
    };
    // The sign that begins the imaginary part: the last one that is not of an exponent.
    let at = (0..body.len())
        .rev()
        .find(|&i| matches!(body[i], b'+' | b'-') && (i == 0 || !matches!(body[i - 1], b'e' | b'E')));
    let (re, im) = body.split_at(at.unwrap_or(0));
    let re = if re.is_empty() { 0.0 } else { float_text::parse(re)? };
    let im = match im {
        b"" | b"+" => 1.0,
        b"-" => -1.0,
        im => float_text::parse(im)?,
    };
    Some((re, im))
}
