//! Native module `math`: functions of real numbers. Integers stand in `math_int`. Invariant: an error says what was
//! wrong with the argument in CPython's words.

use super::math_gamma::Fault;
use super::math_int as whole;
use super::util::{as_float, put_float, real};
use crate::heap::known::{C, N};
use crate::heap::object::Tuple;
use crate::heap::{Value, bigint};
use crate::run::{Args, Bin, Def, ModuleDef, R, Raised, Thread, def};

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "math", doc: "Mathematical functions of real numbers.", functions: FUNCTIONS, fill };

unsafe extern "C" {
    fn acosh(x: f64) -> f64;
    #[link_name = "asinh"]
    fn c_asinh(x: f64) -> f64;
    #[link_name = "atanh"]
    fn c_atanh(x: f64) -> f64;
    fn erf(x: f64) -> f64;
    fn erfc(x: f64) -> f64;
    fn remainder(x: f64, y: f64) -> f64;
    fn nextafter(x: f64, y: f64) -> f64;
    fn exp2(x: f64) -> f64;
}

macro_rules! plain {
    ($(($name:literal, $f:expr, $doc:literal)),* $(,)?) => {
        [$(def($name, "(x, /)", |th, a| one(th, a, $f, "math domain error"), $doc)),*]
    };
}

macro_rules! said {
    ($name:literal, $f:expr, $wrong:literal, $doc:literal) => {
        def($name, "(x, /)", |th, a| one(th, a, $f, $wrong), $doc)
    };
}

static FUNCTIONS: &[Def] = &{
    let p = plain!(
        ("atan", f64::atan, "The arc tangent of x."),
        ("asinh", asinh, "The inverse hyperbolic sine of x."),
        ("cbrt", f64::cbrt, "The cube root of x."),
        ("cosh", f64::cosh, "The hyperbolic cosine of x."),
        ("sinh", f64::sinh, "The hyperbolic sine of x."),
        ("tanh", f64::tanh, "The hyperbolic tangent of x."),
        ("exp", f64::exp, "e to the power of x."),
        ("expm1", f64::exp_m1, "exp(x) - 1, exact for small x."),
        ("fabs", f64::abs, "The absolute value of x."),
    );
    let [a, b, c, d, e, f, g, h, i] = p;
    [
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h,
        i,
        // SAFETY: pure functions of the C library.
        said!("exp2", |x| unsafe { exp2(x) }, "math domain error", "2 to the power of x."),
        // SAFETY: as above.
        def("erf", "(x, /)", |th, a| free(th, a, |x| unsafe { erf(x) }), "The error function."),
        // SAFETY: as above.
        def("erfc", "(x, /)", |th, a| free(th, a, |x| unsafe { erfc(x) }), "1 - erf(x)."),
        said!(
            "acos",
            f64::acos,
            "expected a number in range from -1 up to 1, got {}",
            "The arc cosine of x."
        ),
        said!("asin", f64::asin, "expected a number in range from -1 up to 1, got {}", "The arc sine of x."),
        said!(
            "acosh",
            // SAFETY: a pure function of the C library.
            |x| unsafe { acosh(x) },
            "expected argument value not less than 1, got {}",
            "The inverse hyperbolic cosine."
        ),
        said!(
            "atanh",
            atanh,
            "expected a number between -1 and 1, got {}",
            "The inverse hyperbolic tangent."
        ),
        said!("cos", f64::cos, "expected a finite input, got {}", "The cosine of x."),
        said!("sin", f64::sin, "expected a finite input, got {}", "The sine of x."),
        said!("tan", f64::tan, "expected a finite input, got {}", "The tangent of x."),
        said!("sqrt", f64::sqrt, "expected a nonnegative input, got {}", "The square root of x."),
        said!("log1p", log1p, "expected argument value > -1, got {}", "The logarithm of 1 + x."),
        def("gamma", "(x, /)", gamma, "The gamma function."),
        def("lgamma", "(x, /)", lgamma, "The logarithm of the absolute value of the gamma function."),
        def(
            "degrees",
            "(x, /)",
            |th, a| free(th, a, |x| x * (180.0 / std::f64::consts::PI)),
            "Radians as degrees.",
        ),
        def(
            "radians",
            "(x, /)",
            |th, a| free(th, a, |x| x * (std::f64::consts::PI / 180.0)),
            "Degrees as radians.",
        ),
        def("ulp", "(x, /)", |th, a| free(th, a, ulp), "The value of the last bit of x."),
        def("isnan", "(x, /)", |th, a| test(th, a, f64::is_nan), "Whether x is a NaN."),
        def("isinf", "(x, /)", |th, a| test(th, a, f64::is_infinite), "Whether x is an infinity."),
        def("isfinite", "(x, /)", |th, a| test(th, a, f64::is_finite), "Whether x is neither."),
        def(
            "ceil",
            "(x, /)",
            |th, a| whole_part(th, a[0], N::__ceil__, f64::ceil),
            "The smallest integer >= x.",
        ),
        def(
            "floor",
            "(x, /)",
            |th, a| whole_part(th, a[0], N::__floor__, f64::floor),
            "The largest integer <= x.",
        ),
        def("trunc", "(x, /)", trunc, "x without its fraction."),
        def("log", "(x, base=e, /)", log, "The logarithm of x to a base."),
        def("log2", "(x, /)", |th, a| log_of(th, a[0], f64::log2, 1.0), "The logarithm to base 2."),
        def(
            "log10",
            "(x, /)",
            |th, a| log_of(th, a[0], f64::log10, std::f64::consts::LOG10_2),
            "The logarithm to base 10.",
        ),
        def("pow", "(x, y, /)", pow, "x to the power of y."),
        def("fmod", "(x, y, /)", fmod, "The remainder of x / y with the sign of x."),
        def("remainder", "(x, y, /)", remainder_of, "x - n*y for the n nearest to x / y."),
        def(
            "atan2",
            "(y, x, /)",
            |th, a| two(th, a, f64::atan2),
            "The arc tangent of y / x, in the right quadrant.",
        ),
        def("copysign", "(x, y, /)", |th, a| two(th, a, f64::copysign), "x with the sign of y."),
        def("nextafter", "(x, y, /, *, steps=None)", next_after, "The next floats from x towards y."),
        def("fma", "(x, y, z, /)", fma, "x*y + z, rounded once."),
        def("frexp", "(x, /)", frexp, "(m, e) with x == m * 2**e."),
        def("ldexp", "(x, i, /)", ldexp, "x * 2**i."),
        def("modf", "(x, /)", modf, "The fraction and the whole part of x."),
        def("hypot", "(*coordinates)", hypot, "The length of a vector."),
        def("dist", "(p, q, /)", dist, "The distance of two points."),
        def("fsum", "(seq, /)", fsum, "The sum, as exact as can be."),
        def("prod", "(iterable, /, *, start=1)", prod, "The product of all elements."),
        def("sumprod", "(p, q, /)", sumprod, "The sum of the products of two sequences."),
        def("isclose", "(a, b, *, rel_tol=1e-09, abs_tol=0.0)", isclose, "Whether two numbers are close."),
        def("gcd", "(*integers)", whole::gcd, "The greatest common divisor."),
        def("lcm", "(*integers)", whole::lcm, "The least common multiple."),
        def("factorial", "(n, /)", whole::factorial, "The product of 1 to n."),
        def("comb", "(n, k, /)", whole::comb, "How many ways there are to choose k of n."),
        def("perm", "(n, k=None, /)", whole::perm, "How many ways there are to choose k of n in order."),
        def("isqrt", "(n, /)", whole::isqrt, "The whole part of the square root."),
    ]
};

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for (name, x) in [
        ("pi", std::f64::consts::PI),
        ("e", std::f64::consts::E),
        ("tau", std::f64::consts::TAU),
        ("inf", f64::INFINITY),
        ("nan", f64::NAN),
    ] {
        put_float(th, dict, name, x)?;
    }
    Ok(())
}

/// A message with the number in it.
#[cold]
fn wrong(th: &mut Thread, text: &str, x: f64) -> Raised {
    match th.float(x).map_err(Raised::from).and_then(|v| th.repr_text(v)) {
        Ok(shown) => th.value_error(text.replace("{}", &shown)),
        Err(r) => r,
    }
}

#[cold]
fn range_error(th: &mut Thread) -> Raised {
    th.overflow_error("math range error")
}

#[inline]
fn one(th: &mut Thread, a: Args, f: fn(f64) -> f64, text: &str) -> R {
    let x = real(th, a[0])?;
    let r = f(x);
    if r.is_nan() && !x.is_nan() {
        return Err(wrong(th, text, x));
    }
    if r.is_infinite() && x.is_finite() {
        return Err(range_error(th));
    }
    Ok(th.float(r)?)
}

/// A function that is defined everywhere.
fn free(th: &mut Thread, a: Args, f: fn(f64) -> f64) -> R {
    let x = real(th, a[0])?;
    Ok(th.float(f(x))?)
}

fn test(th: &mut Thread, a: Args, f: fn(f64) -> bool) -> R {
    let x = real(th, a[0])?;
    Ok(Value::bool(f(x)))
}

fn two(th: &mut Thread, a: Args, f: fn(f64, f64) -> f64) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    Ok(th.float(f(x, y))?)
}

fn asinh(x: f64) -> f64 {
    // SAFETY: a pure function of the C library.
    unsafe { c_asinh(x) }
}

fn atanh(x: f64) -> f64 {
    // SAFETY: a pure function of the C library.
    if x.abs() >= 1.0 { f64::NAN } else { unsafe { c_atanh(x) } }
}

fn log1p(x: f64) -> f64 {
    if x <= -1.0 { f64::NAN } else { x.ln_1p() }
}

fn ulp(x: f64) -> f64 {
    if !x.is_finite() {
        return x.abs();
    }
    let x = x.abs();
    let up = f64::from_bits(x.to_bits() + 1);
    if up.is_infinite() { x - f64::from_bits(x.to_bits() - 1) } else { up - x }
}

const GAMMA: &str = "expected a noninteger or positive integer, got {}";

fn gamma(th: &mut Thread, a: Args) -> R {
    gamma_by(th, a, super::math_gamma::gamma)
}

fn lgamma(th: &mut Thread, a: Args) -> R {
    gamma_by(th, a, super::math_gamma::lgamma)
}

fn gamma_by(th: &mut Thread, a: Args, f: fn(f64) -> Result<f64, Fault>) -> R {
    let x = real(th, a[0])?;
    match f(x) {
        Ok(r) => Ok(th.float(r)?),
        Err(Fault::Domain) => Err(wrong(th, GAMMA, x)),
        Err(Fault::Range) => Err(range_error(th)),
    }
}

/// `floor` and `ceil`: floats here, others by their special method.
fn whole_part(th: &mut Thread, v: Value, name: N, f: fn(f64) -> f64) -> R {
    if let Some(x) = as_float(v).filter(|_| th.class_of(v) == C::float.v()) {
        return crate::types::float::truncated(th, f(x));
    }
    if v.is_int() {
        return Ok(v);
    }
    if let Some(m) = th.special(v, name)? {
        return th.call(m, &[]);
    }
    let x = real(th, v)?;
    crate::types::float::truncated(th, f(x))
}

fn trunc(th: &mut Thread, a: Args) -> R {
    if let Some(x) = as_float(a[0]).filter(|_| th.class_of(a[0]) == C::float.v()) {
        return crate::types::float::truncated(th, x);
    }
    match th.special(a[0], N::__trunc__)? {
        Some(m) => th.call(m, &[]),
        None => {
            let text = format!("type {} doesn't define __trunc__ method", th.type_name(a[0]));
            Err(th.type_error(text))
        }
    }
}

/// The logarithm of any real number; big ints are scaled down first. `per_bit`: the logarithm of 2.
fn log_of(th: &mut Thread, v: Value, f: fn(f64) -> f64, per_bit: f64) -> R {
    let x = log_value(th, v, f, per_bit)?;
    Ok(th.float(x)?)
}

fn log_value(th: &mut Thread, v: Value, f: fn(f64) -> f64, per_bit: f64) -> R<f64> {
    let b = v.base();
    let b = if b.is_bool() { Value::int((b == Value::TRUE) as i64) } else { b };
    if bigint::is_integer(b) {
        if bigint::is_negative(b) || bigint::is_zero(b) {
            return Err(th.value_error("expected a positive input"));
        }
        if let Some(x) = bigint::to_f64(b).filter(|x| x.is_finite()) {
            return Ok(f(x));
        }
        let shift = bigint::bit_length(b) - 64;
        let top = match bigint::shr(&mut th.heap, b, Value::int(shift as i64)) {
            Ok(t) => t,
            Err(e) => return Err(crate::types::int::fault(th, e)),
        };
        return Ok(f(bigint::to_f64(top).unwrap_or(f64::INFINITY)) + per_bit * shift as f64);
    }
    let x = real(th, v)?;
    if x <= 0.0 {
        return Err(wrong(th, "expected a positive input, got {}", x));
    }
    Ok(f(x))
}

fn log(th: &mut Thread, a: Args) -> R {
    let x = log_value(th, a[0], f64::ln, std::f64::consts::LN_2)?;
    if a[1].is_unbound() {
        return Ok(th.float(x)?);
    }
    let base = log_value(th, a[1], f64::ln, std::f64::consts::LN_2)?;
    if base == 0.0 {
        return Err(th.zero_division("division by zero"));
    }
    Ok(th.float(x / base)?)
}

#[cold]
fn domain_error(th: &mut Thread) -> Raised {
    th.value_error("math domain error")
}

fn pow(th: &mut Thread, a: Args) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    let r = x.powf(y);
    if r.is_nan() && !x.is_nan() && !y.is_nan() || r.is_infinite() && x == 0.0 && y.is_finite() {
        return Err(domain_error(th));
    }
    if r.is_infinite() && x.is_finite() && y.is_finite() {
        return Err(range_error(th));
    }
    Ok(th.float(r)?)
}

fn fmod(th: &mut Thread, a: Args) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    let r = if y.is_infinite() && x.is_finite() { x } else { x % y };
    if r.is_nan() && !x.is_nan() && !y.is_nan() {
        return Err(domain_error(th));
    }
    Ok(th.float(r)?)
}

fn remainder_of(th: &mut Thread, a: Args) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    // SAFETY: a pure function of the C library.
    let r = unsafe { remainder(x, y) };
    if r.is_nan() && !x.is_nan() && !y.is_nan() {
        return Err(domain_error(th));
    }
    Ok(th.float(r)?)
}

fn next_after(th: &mut Thread, a: Args) -> R {
    let (mut x, y) = (real(th, a[0])?, real(th, a[1])?);
    if a[2].is_unbound() || a[2].is_none() {
        // SAFETY: a pure function of the C library.
        return Ok(th.float(unsafe { nextafter(x, y) })?);
    }
    let steps = crate::run::arith::index(th, a[2])?;
    if bigint::is_negative(steps) {
        return Err(th.value_error("steps must be a non-negative integer"));
    }
    let steps = bigint::to_u64(steps).unwrap_or(u64::MAX);
    if steps == 0 {
        return Ok(th.float(x)?);
    }
    if x.is_nan() || y.is_nan() {
        return Ok(th.float(x + y)?);
    }
    // Floats in order are integers in order.
    let order = |x: f64| {
        let b = x.to_bits() as i64;
        (if b < 0 { i64::MIN.wrapping_sub(b) } else { b }) as i128
    };
    let (from, to) = (order(x), order(y));
    if steps > 0 && from != to {
        let at =
            if to > from { (from + steps as i128).min(to) } else { (from - steps as i128).max(to) } as i64;
        x = if at == to as i64 {
            y
        } else {
            f64::from_bits(if at < 0 { i64::MIN.wrapping_sub(at) as u64 } else { at as u64 })
        };
    }
    Ok(th.float(x)?)
}

fn fma(th: &mut Thread, a: Args) -> R {
    let (x, y, z) = (real(th, a[0])?, real(th, a[1])?, real(th, a[2])?);
    let r = x.mul_add(y, z);
    if r.is_nan() && !x.is_nan() && !y.is_nan() && !z.is_nan() {
        return Err(th.value_error("invalid operation in fma"));
    }
    if r.is_infinite() && x.is_finite() && y.is_finite() && z.is_finite() {
        return Err(th.overflow_error("overflow in fma"));
    }
    Ok(th.float(r)?)
}

/// Mantissa in [0.5, 1) and exponent of a finite number.
fn split(x: f64) -> (f64, i64) {
    if x == 0.0 || !x.is_finite() {
        return (x, 0);
    }
    let (x, extra) = if x.abs() < f64::MIN_POSITIVE { (x * 2f64.powi(64), -64) } else { (x, 0) };
    let bits = x.to_bits();
    let e = (bits >> 52 & 0x7ff) as i64 - 1022;
    (f64::from_bits(bits & !(0x7ff << 52) | 1022 << 52), e + extra)
}

fn frexp(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?;
    let (m, e) = split(x);
    let m = th.float(m)?;
    Ok(th.tuple(&[m, Value::int(e)])?)
}

fn ldexp(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?;
    let b = a[1].base();
    if !bigint::is_integer(b) && !b.is_bool() {
        return Err(th.type_error("Expected an int as second argument to ldexp."));
    }
    let n = if b.is_bool() { (b == Value::TRUE) as i64 } else { bigint::clamp_i64(b) };
    if x == 0.0 || !x.is_finite() {
        return Ok(th.float(x)?);
    }
    let n = n.clamp(-5000, 5000) as i32;
    let (m, e) = split(x);
    let e = e as i32 + n;
    // Two exact steps and one that may round.
    let r = if e > 1024 {
        f64::INFINITY.copysign(x)
    } else if e < -1100 {
        0f64.copysign(x)
    } else if e < -1021 {
        m * 2f64.powi(-1000) * 2f64.powi(e + 1000)
    } else {
        m * 2.0 * 2f64.powi(e - 1)
    };
    if r.is_infinite() {
        return Err(range_error(th));
    }
    Ok(th.float(r)?)
}

fn modf(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?;
    let whole = x.trunc();
    let fraction = if x.is_infinite() { 0f64.copysign(x) } else { (x - whole).copysign(x) };
    let (f, w) = (th.float(fraction)?, th.float(whole)?);
    Ok(th.tuple(&[f, w])?)
}

/// The length of a vector, scaled so that nothing overflows and summed with what rounding loses.
fn norm(v: &[f64]) -> f64 {
    if v.iter().any(|x| x.is_infinite()) {
        return f64::INFINITY;
    }
    if v.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    let max = v.iter().fold(0f64, |m, x| m.max(x.abs()));
    if max == 0.0 || v.len() == 1 {
        return max;
    }
    let (_, e) = split(max);
    if e < -1020 {
        return f64::MIN_POSITIVE * norm(&v.iter().map(|x| x / f64::MIN_POSITIVE).collect::<Vec<_>>());
    }
    let scale = 2f64.powi(-(e as i32).min(1023));
    let mut sum = Exact::default();
    for x in v {
        let x = x * scale;
        let square = x * x;
        sum.add(square);
        sum.add(x.mul_add(x, -square));
    }
    let h = sum.value().sqrt();
    // One step of Newton's method on the exact remainder.
    let square = h * h;
    sum.add(-square);
    sum.add(-h.mul_add(h, -square));
    (h + sum.value() / (2.0 * h)) / scale
}

/// A sum of floats as an expansion that loses nothing.
#[derive(Default)]
struct Exact(Vec<f64>);

impl Exact {
    fn add(&mut self, mut x: f64) {
        let mut kept = 0;
        for j in 0..self.0.len() {
            let mut y = self.0[j];
            if x.abs() < y.abs() {
                (x, y) = (y, x);
            }
            let high = x + y;
            let low = y - (high - x);
            if low != 0.0 {
                self.0[kept] = low;
                kept += 1;
            }
            x = high;
        }
        self.0.truncate(kept);
        // No zeros, whose sign would show.
        if x != 0.0 {
            self.0.push(x);
        }
    }

    /// The sum, rounded once.
    fn value(&self) -> f64 {
        let p = &self.0;
        let mut n = p.len();
        if n == 0 {
            return 0.0;
        }
        n -= 1;
        let mut high = p[n];
        let mut low = 0.0;
        while n > 0 {
            n -= 1;
            let x = high;
            let y = p[n];
            high = x + y;
            low = y - (high - x);
            if low != 0.0 {
                break;
            }
        }
        // Half-way cases look at the next part.
        if n > 0 && (low < 0.0 && p[n - 1] < 0.0 || low > 0.0 && p[n - 1] > 0.0) {
            let y = low * 2.0;
            let x = high + y;
            if y == x - high {
                high = x;
            }
        }
        high
    }
}

fn hypot(th: &mut Thread, a: Args) -> R {
    let t = a[0].get::<Tuple>();
    let mut v = Vec::new();
    for x in t.iter() {
        v.push(real(th, x)?);
    }
    Ok(th.float(norm(&v))?)
}

fn dist(th: &mut Thread, a: Args) -> R {
    let (p, q) = (th.to_tuple(a[0])?, th.to_tuple(a[1])?);
    let (p, q) = (p.base().get::<Tuple>(), q.base().get::<Tuple>());
    if p.len() != q.len() {
        return Err(th.value_error("both points must have the same number of dimensions"));
    }
    let mut v = Vec::new();
    for (x, y) in p.iter().zip(q.iter()) {
        v.push(real(th, x)? - real(th, y)?);
    }
    Ok(th.float(norm(&v))?)
}

fn fsum(th: &mut Thread, a: Args) -> R {
    let mut sum = Exact::default();
    let (mut special, mut infinite) = (0.0, 0.0);
    let it = th.iter(a[0])?;
    while let Some(v) = th.next(it)? {
        let x = real(th, v)?;
        if x.is_finite() {
            sum.add(x);
            if sum.0.last().is_some_and(|x| !x.is_finite()) {
                return Err(th.overflow_error("intermediate overflow in fsum"));
            }
        } else {
            if x.is_infinite() {
                infinite += x;
            }
            special += x;
        }
    }
    if special != 0.0 {
        if f64::is_nan(infinite) {
            return Err(th.value_error("-inf + inf in fsum"));
        }
        return Ok(th.float(special)?);
    }
    let x = sum.value();
    Ok(th.float(x)?)
}

fn prod(th: &mut Thread, a: Args) -> R {
    let mut product = a[1].or(Value::int(1));
    let it = th.iter(a[0])?;
    while let Some(v) = th.next(it)? {
        product = th.binary(Bin::Mul, product, v)?;
    }
    Ok(product)
}

fn sumprod(th: &mut Thread, a: Args) -> R {
    let (p, q) = (th.iter(a[0])?, th.iter(a[1])?);
    let mut total = Value::int(0);
    let mut exact: Option<Exact> = None;
    loop {
        let (x, y) = match (th.next(p)?, th.next(q)?) {
            (Some(x), Some(y)) => (x, y),
            (None, None) => break,
            _ => return Err(th.value_error("Inputs are not the same length")),
        };
        let fits = |v: Value| as_float(v).or(if v.is_int() { Some(v.as_int() as f64) } else { None });
        let either = as_float(x).is_some() || as_float(y).is_some();
        if either && let (Some(f), Some(g)) = (fits(x), fits(y)) {
            let high = f * g;
            if high.is_finite() {
                let sum = exact.get_or_insert_default();
                sum.add(high);
                sum.add(f.mul_add(g, -high));
                continue;
            }
        }
        // What is no product of doubles is added as it stands, after the sum so far.
        total = with_sum(th, total, exact.take())?;
        let xy = th.binary(Bin::Mul, x, y)?;
        total = th.binary(Bin::Add, total, xy)?;
    }
    with_sum(th, total, exact)
}

fn with_sum(th: &mut Thread, total: Value, sum: Option<Exact>) -> R {
    let Some(sum) = sum else { return Ok(total) };
    let x = th.float(sum.value())?;
    th.binary(Bin::Add, total, x)
}

fn isclose(th: &mut Thread, a: Args) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    let rel = if a[2].is_unbound() { 1e-9 } else { real(th, a[2])? };
    let abs = if a[3].is_unbound() { 0.0 } else { real(th, a[3])? };
    if rel < 0.0 || abs < 0.0 {
        return Err(th.value_error("tolerances must be non-negative"));
    }
    let close = x == y || {
        let diff = (x - y).abs();
        x.is_finite() && y.is_finite() && (diff <= (rel * y).abs() || diff <= (rel * x).abs() || diff <= abs)
    };
    Ok(Value::bool(close))
}
