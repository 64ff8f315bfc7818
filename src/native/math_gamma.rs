//! `math.gamma` and `math.lgamma` by Lanczos' approximation with 13 terms, in doubles, so that they are the same on
//! every machine. Invariant: what is no number of the domain is told by `Fault`, never by a NaN.

use std::f64::consts::PI;

#[allow(clippy::excessive_precision, reason = "the published value")]
const G: f64 = 6.024_680_040_776_729_583_740_234_375;

/// The numerator of the rational function, the constant term first.
#[allow(clippy::excessive_precision, reason = "the digits of the published table")]
const ABOVE: [f64; 13] = [
    23531376880.410759688572007674451636754734846804940,
    42919803642.649098768957899047001988850926355848959,
    35711959237.355668049440185451547166705960488635843,
    17921034426.037209699919755754458931112671403265390,
    6039542586.3520280050642916443072979210699388420708,
    1439720407.3117216736632230727949123939715485786372,
    248874557.86205415651146038641322942321632125127801,
    31426415.585400194380614231628318205362874684987640,
    2876370.6289353724412254090516208496135991145378768,
    186056.26539522349504029498971604569928220784236328,
    8071.6720023658162106380029022722506138218516325024,
    210.82427775157934587250973392071336271166969580291,
    2.5066282746310002701649081771338373386264310793408,
];

/// The denominator: x (x + 1) ... (x + 11).
const BELOW: [f64; 13] = [
    0.0,
    39916800.0,
    120543840.0,
    150917976.0,
    105258076.0,
    45995730.0,
    13339535.0,
    2637558.0,
    357423.0,
    32670.0,
    1925.0,
    66.0,
    1.0,
];

/// Why there is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// At a pole, or at minus infinity.
    Domain,
    /// Beyond the doubles.
    Range,
}

/// The approximation's sum at a positive `x`; evaluated in 1/x for great ones, which cannot overflow.
fn sum(x: f64) -> f64 {
    let (mut above, mut below) = (0.0, 0.0);
    if x < 5.0 {
        for i in (0..13).rev() {
            above = above * x + ABOVE[i];
            below = below * x + BELOW[i];
        }
    } else {
        for i in 0..13 {
            above = above / x + ABOVE[i];
            below = below / x + BELOW[i];
        }
    }
    above / below
}

/// sin(pi x), exact at the multiples of one half.
fn sin_pi(x: f64) -> f64 {
    let y = x.abs() % 2.0;
    let r = match (2.0 * y).round() as i32 {
        0 => (PI * y).sin(),
        1 => (PI * (y - 0.5)).cos(),
        // Not -sin(pi (y - 1)): the sign of its zeros.
        2 => (PI * (1.0 - y)).sin(),
        3 => -(PI * (y - 1.5)).cos(),
        _ => (PI * (y - 2.0)).sin(),
    };
    1f64.copysign(x) * r
}

/// (n - 1)! for the n whose factorial is exact.
fn factorial(n: usize) -> f64 {
    (1..n).fold(1.0, |r, i| r * i as f64)
}

/// The gamma function.
pub fn gamma(x: f64) -> Result<f64, Fault> {
    if !x.is_finite() {
        return if x == f64::NEG_INFINITY { Err(Fault::Domain) } else { Ok(x) };
    }
    if x == 0.0 {
        return Err(Fault::Domain);
    }
    if x == x.floor() {
        if x < 0.0 {
            return Err(Fault::Domain);
        }
        if x <= 23.0 {
            return Ok(factorial(x as usize));
        }
    }
    let size = x.abs();
    if size < 1e-20 {
        let r = 1.0 / x;
        return if r.is_infinite() { Err(Fault::Range) } else { Ok(r) };
    }
    if size > 200.0 {
        return if x < 0.0 { Ok(0.0 / sin_pi(x)) } else { Err(Fault::Range) };
    }
    let y = size + (G - 0.5);
    // What rounding took from the sum, corrected to first order.
    let lost = if size > G - 0.5 { (y - size) - (G - 0.5) } else { (y - (G - 0.5)) - size };
    let z = lost * G / y;
    let root = |r: f64, times: bool| {
        let p = if size < 140.0 { y.powf(size - 0.5) } else { y.powf(size / 2.0 - 0.25) };
        let once = if times { r * p } else { r / p };
        match (size < 140.0, times) {
            (true, _) => once,
            (false, true) => once * p,
            (false, false) => once / p,
        }
    };
    let r = if x < 0.0 {
        let mut r = -PI / sin_pi(size) / size * y.exp() / sum(size);
        r -= z * r;
        root(r, false)
    } else {
        let mut r = sum(size) / y.exp();
        r += z * r;
        root(r, true)
    };
    if r.is_infinite() { Err(Fault::Range) } else { Ok(r) }
}

/// The logarithm of the absolute value of the gamma function.
pub fn lgamma(x: f64) -> Result<f64, Fault> {
    if !x.is_finite() {
        return Ok(x.abs());
    }
    if x == x.floor() && x <= 2.0 {
        return if x <= 0.0 { Err(Fault::Domain) } else { Ok(0.0) };
    }
    let size = x.abs();
    if size < 1e-20 {
        return Ok(-size.ln());
    }
    let mut r = sum(size).ln() - G;
    r += (size - 0.5) * ((size + G - 0.5).ln() - 1.0);
    if x < 0.0 {
        r = PI.ln() - sin_pi(size).abs().ln() - size.ln() - r;
    }
    if r.is_infinite() { Err(Fault::Range) } else { Ok(r) }
}
