//! The module `math`. Functions of the C library where Rust has none; errors and exact cases as CPython documents.

use super::util::{put_float, real};
use crate::heap::known::N;
use crate::heap::object::*;
use crate::heap::{Value, bigint};
use crate::run::{Args, Bin, Def, ModuleDef, R, Thread, arith, def};

mod c {
    unsafe extern "C" {
        pub fn lgamma(x: f64) -> f64;
        pub fn tgamma(x: f64) -> f64;
        pub fn erf(x: f64) -> f64;
        pub fn erfc(x: f64) -> f64;
        pub fn nextafter(x: f64, y: f64) -> f64;
        pub fn remainder(x: f64, y: f64) -> f64;
        pub fn frexp(x: f64, e: *mut i32) -> f64;
        pub fn ldexp(x: f64, e: i32) -> f64;
        pub fn fmod(x: f64, y: f64) -> f64;
    }
}

macro_rules! simple {
    ($($name:ident $f:expr;)*) => { $(
        fn $name(th: &mut Thread, a: Args) -> R {
            let x = real(th, a[0])?;
            let f: fn(f64) -> f64 = $f;
            let y = f(x);
            if y.is_nan() && !x.is_nan() {
                return Err(th.value_error(format!("expected a finite input, got {}", shown(x))));
            }
            if y.is_infinite() && x.is_finite() {
                return Err(th.overflow_error("math range error"));
            }
            Ok(th.float(y)?)
        }
    )* };
}

/// A float as error texts show it.
fn shown(x: f64) -> String {
    if x.is_infinite() {
        return if x > 0.0 { "inf".into() } else { "-inf".into() };
    }
    if x == x.trunc() && x.abs() < 1e16 { format!("{x:.1}") } else { format!("{x}") }
}

simple! {
    sin f64::sin;
    cos f64::cos;
    tan f64::tan;
    asinh f64::asinh;
    atan f64::atan;
    sinh f64::sinh;
    cosh f64::cosh;
    tanh f64::tanh;
    exp f64::exp;
    exp2 f64::exp2;
    expm1 f64::exp_m1;
    cbrt f64::cbrt;
    // SAFETY: pure functions of the C library.
    erf |x| unsafe { c::erf(x) };
    // SAFETY: as above.
    erfc |x| unsafe { c::erfc(x) };
    degrees f64::to_degrees;
    radians f64::to_radians;
}

macro_rules! ranged {
    ($($name:ident $f:expr, $ok:expr, $text:literal;)*) => { $(
        fn $name(th: &mut Thread, a: Args) -> R {
            let x = real(th, a[0])?;
            let (f, ok): (fn(f64) -> f64, fn(f64) -> bool) = ($f, $ok);
            if !x.is_nan() && !ok(x) {
                return Err(th.value_error(format!(concat!($text, ", got {}"), shown(x))));
            }
            Ok(th.float(f(x))?)
        }
    )* };
}

ranged! {
    sqrt f64::sqrt, |x| x >= 0.0, "expected a nonnegative input";
    acos f64::acos, |x| (-1.0..=1.0).contains(&x), "expected a number in range from -1 up to 1";
    asin f64::asin, |x| (-1.0..=1.0).contains(&x), "expected a number in range from -1 up to 1";
    acosh f64::acosh, |x| x >= 1.0, "expected argument value not less than 1";
    atanh f64::atanh, |x| x > -1.0 && x < 1.0, "expected a number between -1 and 1";
    log1p f64::ln_1p, |x| x > -1.0, "expected argument value > -1";
}

fn gamma(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?;
    if x == f64::NEG_INFINITY || x <= 0.0 && x == x.floor() {
        return Err(th.value_error(format!("expected a noninteger or positive integer, got {}", shown(x))));
    }
    // SAFETY: a pure function of the C library.
    let y = unsafe { c::tgamma(x) };
    if y.is_infinite() && x.is_finite() {
        return Err(th.overflow_error("math range error"));
    }
    Ok(th.float(y)?)
}

fn lgamma(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?;
    if x <= 0.0 && x == x.floor() && x.is_finite() {
        return Err(th.value_error(format!("expected a noninteger or positive integer, got {}", shown(x))));
    }
    // SAFETY: as in `gamma`.
    Ok(th.float(unsafe { c::lgamma(x) })?)
}

/// Natural logarithm of an int of any size, by its leading bits.
fn ln_int(v: Value) -> Option<f64> {
    if !bigint::is_integer(v) || bigint::is_negative(v) || bigint::is_zero(v) {
        return None;
    }
    match bigint::to_f64(v) {
        Some(x) if x.is_finite() => Some(x.ln()),
        _ => {
            let m = v.cast::<Big>()?.magnitude();
            let n = m.len();
            let top = m[n - 1] as f64 * 2f64.powi(64) + m[n - 2] as f64;
            Some(top.ln() + (n as f64 - 2.0) * 64.0 * std::f64::consts::LN_2)
        }
    }
}

fn ln(th: &mut Thread, v: Value) -> R<f64> {
    if let Some(x) = ln_int(v.base()) {
        return Ok(x);
    }
    let x = real(th, v)?;
    if x <= 0.0 {
        let text = if bigint::is_integer(v.base()) {
            "expected a positive input".to_string()
        } else {
            format!("expected a positive input, got {}", shown(x))
        };
        return Err(th.value_error(text));
    }
    Ok(x.ln())
}

fn log(th: &mut Thread, a: Args) -> R {
    let x = ln(th, a[0])?;
    if a[1].is_unbound() {
        return Ok(th.float(x)?);
    }
    let base = ln(th, a[1])?;
    if base == 0.0 {
        return Err(th.zero_division("division by zero"));
    }
    Ok(th.float(x / base)?)
}

fn log2(th: &mut Thread, a: Args) -> R {
    let v = a[0].base();
    if let (true, Some(x)) = (bigint::is_integer(v), ln_int(v)) {
        let bits = bigint::bit_length(v);
        let exact = bigint::trailing_zeros(v) + 1 == bits;
        let direct = bigint::to_f64(v).filter(|f| f.is_finite()).map(f64::log2);
        let y = if exact { (bits - 1) as f64 } else { direct.unwrap_or(x / std::f64::consts::LN_2) };
        return Ok(th.float(y)?);
    }
    ln(th, a[0])?;
    let x = real(th, a[0])?;
    Ok(th.float(x.log2())?)
}

fn log10(th: &mut Thread, a: Args) -> R {
    let x = ln(th, a[0])?;
    let y = match bigint::to_f64(a[0].base()) {
        Some(f) if bigint::is_integer(a[0].base()) && f.is_finite() => f.log10(),
        _ if bigint::is_integer(a[0].base()) => x / std::f64::consts::LN_10,
        _ => real(th, a[0])?.log10(),
    };
    Ok(th.float(y)?)
}

fn atan2(th: &mut Thread, a: Args) -> R {
    let (y, x) = (real(th, a[0])?, real(th, a[1])?);
    Ok(th.float(y.atan2(x))?)
}

fn copysign(th: &mut Thread, a: Args) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    Ok(th.float(x.copysign(y))?)
}

fn fabs(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?;
    Ok(th.float(x.abs())?)
}

fn fmod(th: &mut Thread, a: Args) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    if (y == 0.0 || x.is_infinite()) && !x.is_nan() && !y.is_nan() {
        return Err(th.value_error("math domain error"));
    }
    // SAFETY: a pure function of the C library.
    Ok(th.float(unsafe { c::fmod(x, y) })?)
}

fn remainder(th: &mut Thread, a: Args) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    if (y == 0.0 || x.is_infinite()) && !x.is_nan() && !y.is_nan() {
        return Err(th.value_error("math domain error"));
    }
    // SAFETY: as in `fmod`.
    Ok(th.float(unsafe { c::remainder(x, y) })?)
}

fn pow(th: &mut Thread, a: Args) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    let r = x.powf(y);
    if r.is_nan() && !x.is_nan() && !y.is_nan() || x == 0.0 && y < 0.0 {
        return Err(th.value_error("math domain error"));
    }
    if r.is_infinite() && x.is_finite() && y.is_finite() {
        return Err(th.overflow_error("math range error"));
    }
    Ok(th.float(r)?)
}

fn hypot(th: &mut Thread, a: Args) -> R {
    let t = a[0].get::<Tuple>();
    let (mut max, mut xs) = (0.0f64, Vec::with_capacity(t.len()));
    for v in t.iter() {
        let x = real(th, v)?.abs();
        max = if x.is_nan() && !max.is_infinite() { x } else { max.max(x) };
        xs.push(x);
    }
    Ok(th.float(norm(max, &xs))?)
}

/// Euclidean norm, scaled against overflow and summed with compensation.
fn norm(max: f64, xs: &[f64]) -> f64 {
    if xs.iter().any(|x| x.is_infinite()) {
        return f64::INFINITY;
    }
    if max == 0.0 || max.is_nan() || xs.iter().any(|x| x.is_nan()) {
        return if xs.iter().any(|x| x.is_nan()) { f64::NAN } else { 0.0 };
    }
    if let [x, y] = xs {
        return x.hypot(*y);
    }
    let (mut sum, mut c) = (0.0f64, 0.0f64);
    for x in xs {
        let s = (x / max) * (x / max);
        let t = sum + s;
        c += if sum >= s { (sum - t) + s } else { (s - t) + sum };
        sum = t;
    }
    max * (sum + c).sqrt()
}

fn dist(th: &mut Thread, a: Args) -> R {
    let (p, q) = (th.to_tuple(a[0])?, th.to_tuple(a[1])?);
    let (p, q) = (p.get::<Tuple>(), q.get::<Tuple>());
    if p.len() != q.len() {
        return Err(th.value_error("both points must have the same number of dimensions"));
    }
    let mut xs = Vec::with_capacity(p.len());
    for i in 0..p.len() {
        xs.push((real(th, p.at(i))? - real(th, q.at(i))?).abs());
    }
    let max = xs.iter().cloned().fold(0.0, f64::max);
    Ok(th.float(norm(max, &xs))?)
}

fn special(th: &mut Thread, v: Value, name: N, f: fn(f64) -> f64) -> R {
    if bigint::is_integer(v.base()) {
        return arith::index(th, v);
    }
    if super::util::as_float(v).is_none()
        && let Some(m) = th.special(v, name)?
    {
        return th.call(m, &[]);
    }
    let x = real(th, v)?;
    if x.is_nan() {
        return Err(th.value_error("cannot convert float NaN to integer"));
    }
    if x.is_infinite() {
        return Err(th.overflow_error("cannot convert float infinity to integer"));
    }
    Ok(bigint::from_f64(&mut th.heap, f(x))?)
}

fn floor(th: &mut Thread, a: Args) -> R {
    special(th, a[0], N::__floor__, f64::floor)
}

fn ceil(th: &mut Thread, a: Args) -> R {
    special(th, a[0], N::__ceil__, f64::ceil)
}

fn trunc(th: &mut Thread, a: Args) -> R {
    if super::util::as_float(a[0]).is_none() && !bigint::is_integer(a[0].base()) {
        return match th.special(a[0], N::__trunc__)? {
            Some(m) => th.call(m, &[]),
            None => Err(th.type_error(format!("type {} doesn't define __trunc__ method", th.type_name(a[0])))),
        };
    }
    special(th, a[0], N::__trunc__, f64::trunc)
}

fn isnan(th: &mut Thread, a: Args) -> R {
    Ok(Value::bool(real(th, a[0])?.is_nan()))
}

fn isinf(th: &mut Thread, a: Args) -> R {
    Ok(Value::bool(real(th, a[0])?.is_infinite()))
}

fn isfinite(th: &mut Thread, a: Args) -> R {
    Ok(Value::bool(real(th, a[0])?.is_finite()))
}

fn isclose(th: &mut Thread, a: Args) -> R {
    let (x, y) = (real(th, a[0])?, real(th, a[1])?);
    let rel = if a[2].is_unbound() { 1e-9 } else { real(th, a[2])? };
    let abs = if a[3].is_unbound() { 0.0 } else { real(th, a[3])? };
    if rel < 0.0 || abs < 0.0 {
        return Err(th.value_error("tolerances must be non-negative"));
    }
    if x == y {
        return Ok(Value::TRUE);
    }
    if x.is_infinite() || y.is_infinite() {
        return Ok(Value::FALSE);
    }
    let d = (x - y).abs();
    Ok(Value::bool(d <= (rel * y).abs() || d <= (rel * x).abs() || d <= abs))
}

fn frexp(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?;
    let mut e = 0;
    // SAFETY: writes the exponent to a local.
    let m = if x.is_finite() { unsafe { c::frexp(x, &mut e) } } else { x };
    let m = th.float(m)?;
    Ok(th.tuple(&[m, Value::int(e as i64)])?)
}

fn ldexp(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?;
    let e = arith::clamped(th, a[1])?.clamp(-100_000, 100_000) as i32;
    // SAFETY: a pure function of the C library.
    let y = unsafe { c::ldexp(x, e) };
    if y.is_infinite() && x.is_finite() {
        return Err(th.overflow_error("math range error"));
    }
    Ok(th.float(y)?)
}

fn modf(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?;
    let (f, i) = if x.is_infinite() { (0f64.copysign(x), x) } else { ((x - x.trunc()).copysign(x), x.trunc()) };
    let (f, i) = (th.float(f)?, th.float(i)?);
    Ok(th.tuple(&[f, i])?)
}

fn nextafter(th: &mut Thread, a: Args) -> R {
    let (mut x, y) = (real(th, a[0])?, real(th, a[1])?);
    let steps = if a[2].is_unbound() || a[2].is_none() { 1 } else { th.index(a[2])? };
    if steps < 0 {
        return Err(th.value_error("steps must be a non-negative integer"));
    }
    for _ in 0..steps.min(1 << 24) {
        if x == y {
            break;
        }
        // SAFETY: a pure function of the C library.
        x = unsafe { c::nextafter(x, y) };
    }
    Ok(th.float(x)?)
}

fn ulp(th: &mut Thread, a: Args) -> R {
    let x = real(th, a[0])?.abs();
    let y = if x.is_nan() || x.is_infinite() {
        x
    } else if x == f64::MAX {
        // SAFETY: a pure function of the C library.
        x - unsafe { c::nextafter(x, 0.0) }
    } else {
        // SAFETY: as above.
        unsafe { c::nextafter(x, f64::INFINITY) - x }
    };
    Ok(th.float(y)?)
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

/// Shewchuk's exact partial sums.
fn fsum(th: &mut Thread, a: Args) -> R {
    let it = th.iter(a[0])?;
    let mut partials: Vec<f64> = Vec::new();
    let mut special = 0.0f64;
    while let Some(v) = th.next(it)? {
        let mut x = real(th, v)?;
        if !x.is_finite() {
            special += x;
            continue;
        }
        let mut kept = 0;
        for j in 0..partials.len() {
            let mut y = partials[j];
            if x.abs() < y.abs() {
                std::mem::swap(&mut x, &mut y);
            }
            let hi = x + y;
            let lo = y - (hi - x);
            if lo != 0.0 {
                partials[kept] = lo;
                kept += 1;
            }
            x = hi;
        }
        partials.truncate(kept);
        if x.is_infinite() {
            return Err(th.overflow_error("intermediate overflow in fsum"));
        }
        partials.push(x);
    }
    if special != 0.0 || special.is_nan() {
        if special.is_nan() {
            return Err(th.value_error("-inf + inf in fsum"));
        }
        return Ok(th.float(special)?);
    }
    let mut n = partials.len();
    let mut hi = 0.0;
    if n > 0 {
        n -= 1;
        hi = partials[n];
        let mut lo = 0.0;
        while n > 0 {
            let x = hi;
            n -= 1;
            let y = partials[n];
            hi = x + y;
            lo = y - (hi - x);
            if lo != 0.0 {
                break;
            }
        }
        if n > 0 && (lo < 0.0 && partials[n - 1] < 0.0 || lo > 0.0 && partials[n - 1] > 0.0) {
            let y = lo * 2.0;
            let x = hi + y;
            if y == x - hi {
                hi = x;
            }
        }
    }
    Ok(th.float(hi)?)
}

fn prod(th: &mut Thread, a: Args) -> R {
    let mut p = a[1].or(Value::int(1));
    let it = th.iter(a[0])?;
    while let Some(v) = th.next(it)? {
        p = arith::binary(th, Bin::Mul, p, v)?;
    }
    Ok(p)
}

fn sumprod(th: &mut Thread, a: Args) -> R {
    let (p, q) = (th.to_tuple(a[0])?, th.to_tuple(a[1])?);
    let (p, q) = (p.get::<Tuple>(), q.get::<Tuple>());
    if p.len() != q.len() {
        return Err(th.value_error("Inputs are not the same length"));
    }
    let mut total = Value::int(0);
    for i in 0..p.len() {
        let v = arith::binary(th, Bin::Mul, p.at(i), q.at(i))?;
        total = arith::binary(th, Bin::Add, total, v)?;
    }
    Ok(total)
}

fn gcd(th: &mut Thread, a: Args) -> R {
    let mut g = Value::int(0);
    for v in a[0].get::<Tuple>().iter() {
        let v = arith::index(th, v)?;
        g = bigint::gcd(&mut th.heap, g, v)?;
    }
    Ok(g)
}

fn lcm(th: &mut Thread, a: Args) -> R {
    let mut l = Value::int(1);
    for v in a[0].get::<Tuple>().iter() {
        let v = arith::index(th, v)?;
        if bigint::is_zero(v) {
            l = Value::int(0);
            continue;
        }
        if bigint::is_zero(l) {
            continue;
        }
        let g = bigint::gcd(&mut th.heap, l, v)?;
        let q = arith::binary(th, Bin::FloorDiv, l, g)?;
        let m = arith::binary(th, Bin::Mul, q, v)?;
        l = bigint::abs(&mut th.heap, m)?;
    }
    Ok(l)
}

fn isqrt(th: &mut Thread, a: Args) -> R {
    let v = arith::index(th, a[0])?;
    if bigint::is_negative(v) {
        return Err(th.value_error("isqrt() argument must be nonnegative"));
    }
    match bigint::isqrt(&mut th.heap, v) {
        Ok(v) => Ok(v),
        Err(_) => Err(th.memory_error("")),
    }
}

/// A non-negative machine int for the combinatorial functions.
fn count(th: &mut Thread, v: Value, negative: &str, large: &str) -> R<i64> {
    let i = arith::index(th, v)?;
    if bigint::is_negative(i) {
        return Err(th.value_error(negative));
    }
    match bigint::to_i64(i) {
        Some(n) => Ok(n),
        None => Err(th.overflow_error(large)),
    }
}

fn factorial(th: &mut Thread, a: Args) -> R {
    if super::util::as_float(a[0]).is_some() {
        return Err(th.type_error("'float' object cannot be interpreted as an integer"));
    }
    let text = "factorial() argument should not exceed 9223372036854775807";
    let n = count(th, a[0], "factorial() not defined for negative values", text)?;
    range_product(th, 1, n)
}

/// Product of `lo..=hi`, halves first so that the factors stay balanced.
fn range_product(th: &mut Thread, lo: i64, hi: i64) -> R {
    if lo > hi {
        return Ok(Value::int(1));
    }
    if hi - lo < 8 {
        let mut p = Value::int(1);
        for i in lo..=hi {
            let v = th.int(i)?;
            p = arith::binary(th, Bin::Mul, p, v)?;
        }
        return Ok(p);
    }
    crate::run::poll::native_poll(th)?;
    let mid = lo + (hi - lo) / 2;
    let a = range_product(th, lo, mid)?;
    let b = range_product(th, mid + 1, hi)?;
    arith::binary(th, Bin::Mul, a, b)
}

fn perm(th: &mut Thread, a: Args) -> R {
    let n = count(th, a[0], "n must be a non-negative integer", "n must not exceed 9223372036854775807")?;
    if a[1].is_unbound() || a[1].is_none() {
        return range_product(th, 1, n);
    }
    let k = count(th, a[1], "k must be a non-negative integer", "k must not exceed 9223372036854775807")?;
    if k > n {
        return Ok(Value::int(0));
    }
    range_product(th, n - k + 1, n)
}

fn comb(th: &mut Thread, a: Args) -> R {
    let n = count(th, a[0], "n must be a non-negative integer", "n must not exceed 9223372036854775807")?;
    let k = count(th, a[1], "k must be a non-negative integer", "min(n - k, k) must not exceed 9223372036854775807")?;
    if k > n {
        return Ok(Value::int(0));
    }
    let k = k.min(n - k);
    let top = range_product(th, n - k + 1, n)?;
    let bottom = range_product(th, 1, k)?;
    arith::binary(th, Bin::FloorDiv, top, bottom)
}

static FUNCTIONS: &[Def] = &[
    def("sin", "(x, /)", sin, "Sine of x radians."),
    def("cos", "(x, /)", cos, "Cosine of x radians."),
    def("tan", "(x, /)", tan, "Tangent of x radians."),
    def("asin", "(x, /)", asin, "Arc sine in radians."),
    def("acos", "(x, /)", acos, "Arc cosine in radians."),
    def("atan", "(x, /)", atan, "Arc tangent in radians."),
    def("atan2", "(y, x, /)", atan2, "Arc tangent of y/x with the signs of both."),
    def("sinh", "(x, /)", sinh, "Hyperbolic sine."),
    def("cosh", "(x, /)", cosh, "Hyperbolic cosine."),
    def("tanh", "(x, /)", tanh, "Hyperbolic tangent."),
    def("asinh", "(x, /)", asinh, "Inverse hyperbolic sine."),
    def("acosh", "(x, /)", acosh, "Inverse hyperbolic cosine."),
    def("atanh", "(x, /)", atanh, "Inverse hyperbolic tangent."),
    def("exp", "(x, /)", exp, "e to the power x."),
    def("exp2", "(x, /)", exp2, "2 to the power x."),
    def("expm1", "(x, /)", expm1, "exp(x) - 1 without loss for small x."),
    def("log", "(x, base=<default>, /)", log, "Logarithm to a base, natural by default."),
    def("log2", "(x, /)", log2, "Logarithm to base 2."),
    def("log10", "(x, /)", log10, "Logarithm to base 10."),
    def("log1p", "(x, /)", log1p, "log(1 + x) without loss for small x."),
    def("sqrt", "(x, /)", sqrt, "Square root."),
    def("cbrt", "(x, /)", cbrt, "Cube root."),
    def("pow", "(x, y, /)", pow, "x to the power y, as floats."),
    def("fabs", "(x, /)", fabs, "Absolute value as a float."),
    def("fmod", "(x, y, /)", fmod, "Remainder with the sign of x."),
    def("remainder", "(x, y, /)", remainder, "Difference between x and the nearest multiple of y."),
    def("copysign", "(x, y, /)", copysign, "Magnitude of x with the sign of y."),
    def("floor", "(x, /)", floor, "Largest int not above x."),
    def("ceil", "(x, /)", ceil, "Smallest int not below x."),
    def("trunc", "(x, /)", trunc, "The int towards zero."),
    def("modf", "(x, /)", modf, "Fractional and whole part."),
    def("frexp", "(x, /)", frexp, "Mantissa and exponent."),
    def("ldexp", "(x, i, /)", ldexp, "x * 2**i."),
    def("hypot", "(*coordinates)", hypot, "Euclidean norm of the coordinates."),
    def("dist", "(p, q, /)", dist, "Euclidean distance of two points."),
    def("fsum", "(seq, /)", fsum, "Exact sum of floats, rounded once."),
    def("prod", "(iterable, /, *, start=1)", prod, "Product of the items."),
    def("sumprod", "(p, q, /)", sumprod, "Sum of the products of two iterables."),
    def("gcd", "(*integers)", gcd, "Greatest common divisor."),
    def("lcm", "(*integers)", lcm, "Least common multiple."),
    def("isqrt", "(n, /)", isqrt, "Whole part of the square root of an int."),
    def("factorial", "(n, /)", factorial, "n!"),
    def("perm", "(n, k=None, /)", perm, "Ordered choices of k out of n."),
    def("comb", "(n, k, /)", comb, "Unordered choices of k out of n."),
    def("isnan", "(x, /)", isnan, "Whether x is not a number."),
    def("isinf", "(x, /)", isinf, "Whether x is infinite."),
    def("isfinite", "(x, /)", isfinite, "Whether x is neither infinite nor NaN."),
    def("isclose", "(a, b, *, rel_tol=1e-09, abs_tol=0.0)", isclose, "Whether two numbers are close."),
    def("nextafter", "(x, y, /, *, steps=None)", nextafter, "The next float after x towards y."),
    def("ulp", "(x, /)", ulp, "Value of the least significant bit of x."),
    def("fma", "(x, y, z, /)", fma, "x * y + z, rounded once."),
    def("gamma", "(x, /)", gamma, "Gamma function."),
    def("lgamma", "(x, /)", lgamma, "Logarithm of the absolute value of the gamma function."),
    def("erf", "(x, /)", erf, "Error function."),
    def("erfc", "(x, /)", erfc, "Complementary error function."),
    def("degrees", "(x, /)", degrees, "Radians to degrees."),
    def("radians", "(x, /)", radians, "Degrees to radians."),
];

/// `math`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "math",
    doc: "Mathematical functions over real numbers.",
    functions: FUNCTIONS,
    fill: |th, d| {
        for (name, x) in [
            ("pi", std::f64::consts::PI),
            ("e", std::f64::consts::E),
            ("tau", std::f64::consts::TAU),
            ("inf", f64::INFINITY),
            ("nan", f64::NAN),
        ] {
            put_float(th, d, name, x)?;
        }
        Ok(())
    },
};
