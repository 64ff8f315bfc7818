//! Ints. Invariant tested: what CPython says of the cases in `bigint.txt`, and what 128-bit arithmetic says of others.
//!
//! A line of `bigint.txt`: a, b, s (decimal), a+b, a-b, a*b, a//b, a%b, a&b, a|b, a^b, a<<s, a>>s, hash(a),
//! float(a), a/b, bit length, n, n bytes (little, signed), pow(a, abs(b)%50, b), gcd, isqrt(abs(a)), a in decimal;
//! ints are hexadecimal unless noted.

use super::common::{Attached, Random};
use minipy::heap::bigint::{self, Fault};
use minipy::heap::{Mutator, Value};
use std::cmp::Ordering;

fn hex(m: &mut Mutator, s: &str) -> Value {
    let digits = s.trim_start_matches('-');
    bigint::parse(m, digits.as_bytes(), 16, s.starts_with('-')).unwrap()
}

fn wide(m: &mut Mutator, i: i128) -> Value {
    let n = i.unsigned_abs();
    m.big(i < 0, &[n as u64, (n >> 64) as u64]).unwrap()
}

fn float(r: Option<f64>) -> String {
    r.map_or("overflow".into(), |x| format!("{:x}", x.to_bits()))
}

fn parsed(s: &str) -> String {
    float(s.parse().ok())
}

#[test]
fn ints_agree_with_cpython() {
    let mut m = Attached::new();
    let m: &mut Mutator = &mut m;
    for line in include_str!("bigint.txt").lines() {
        let f: Vec<&str> = line.split_whitespace().collect();
        let (a, b, s) = (hex(m, f[0]), hex(m, f[1]), Value::int(f[2].parse().unwrap()));
        let (q, r) = bigint::divmod(m, a, b).unwrap();
        let (exp, abs) = (bigint::abs(m, b).unwrap(), bigint::abs(m, a).unwrap());
        let exp = bigint::modulo(m, exp, Value::int(50)).unwrap();
        let results = [
            (3, bigint::add(m, a, b).unwrap()),
            (4, bigint::sub(m, a, b).unwrap()),
            (5, bigint::mul(m, a, b).unwrap()),
            (6, q),
            (7, r),
            (8, bigint::and(m, a, b).unwrap()),
            (9, bigint::or(m, a, b).unwrap()),
            (10, bigint::xor(m, a, b).unwrap()),
            (11, bigint::shl(m, a, s).unwrap()),
            (12, bigint::shr(m, a, s).unwrap()),
            (19, bigint::modpow(m, a, exp, b).unwrap()),
            (20, bigint::gcd(m, a, b).unwrap()),
            (21, bigint::isqrt(m, abs).unwrap()),
        ];
        for (i, got) in results {
            assert_eq!(bigint::to_radix(m, got, 16), f[i], "field {i} of {line}");
            let again = hex(m, f[i]);
            assert_eq!(bigint::compare(got, again), Ordering::Equal);
        }
        assert_eq!(bigint::hash(a).to_string(), f[13]);
        assert_eq!(float(bigint::to_f64(a)), parsed(f[14]), "float of {line}");
        assert_eq!(float(bigint::truediv(a, b).ok()), parsed(f[15]), "quotient of {line}");
        assert_eq!(bigint::bit_length(a).to_string(), f[16]);
        let n = f[17].parse().unwrap();
        match bigint::to_bytes(a, n, false, true) {
            Err(Fault::TooLarge) => assert_eq!(f[18], "overflow"),
            bytes => {
                let bytes = bytes.unwrap();
                assert_eq!(bytes.iter().map(|b| format!("{b:02x}")).collect::<String>(), f[18]);
                let back = bigint::from_bytes(m, &bytes, false, true).unwrap();
                assert_eq!(bigint::compare(back, a), Ordering::Equal);
            }
        }
        assert_eq!(bigint::to_decimal(m, a), f[22]);
    }
}

#[test]
fn ints_agree_with_128_bits() {
    let mut m = Attached::new();
    let m: &mut Mutator = &mut m;
    let mut r = Random(123);
    for _ in 0..20_000 {
        let mut draw = || {
            let wide = (r.below(u64::MAX) as u128) << 64 | r.below(u64::MAX) as u128;
            (wide as i128) >> (1 + r.below(126))
        };
        let (x, y) = (draw(), draw());
        let (a, b) = (wide(m, x), wide(m, y));
        let same = |m: &mut Mutator, v: Value, want: i128| {
            let w = wide(m, want);
            assert_eq!(bigint::compare(v, w), Ordering::Equal, "{x} {y}: {v:?} {want}");
        };
        let sum = bigint::add(m, a, b).unwrap();
        same(m, sum, x + y);
        let and = bigint::and(m, a, b).unwrap();
        same(m, and, x & y);
        let inverted = bigint::invert(m, a).unwrap();
        same(m, inverted, !x);
        let shifted = bigint::shr(m, a, Value::int(67)).unwrap();
        same(m, shifted, x >> 67);
        if y != 0 {
            let (q, rest) = bigint::divmod(m, a, b).unwrap();
            let below = rest == Value::int(0) || bigint::is_negative(rest) == (y < 0);
            let (size, limit) = (bigint::abs(m, rest).unwrap(), bigint::abs(m, b).unwrap());
            assert!(below && bigint::compare(size, limit) == Ordering::Less, "{x} {y}");
            let product = bigint::mul(m, q, b).unwrap();
            let back = bigint::add(m, product, rest).unwrap();
            same(m, back, x);
        }
        assert_eq!(bigint::compare(a, b), x.cmp(&y));
        assert_eq!(bigint::to_f64(a), Some(x as f64));
        assert_eq!(bigint::compare_float(a, x as f64), Some(x.cmp(&(x as f64 as i128))));
        let back = bigint::from_f64(m, x as f64).unwrap();
        same(m, back, x as f64 as i128);
    }
}

#[test]
fn what_is_too_large_is_refused() {
    let mut m = Attached::new();
    let m: &mut Mutator = &mut m;
    let (one, many) = (Value::int(1), Value::int(10_000_000_000_000));
    assert_eq!(bigint::shl(m, one, many), Err(Fault::TooLarge));
    assert_eq!(bigint::shl(m, one, Value::int(-1)), Err(Fault::Negative));
    assert_eq!(bigint::pow(m, Value::int(10), many), Err(Fault::TooLarge));
    assert_eq!(bigint::pow(m, Value::int(-1), many), Ok(one));
    assert_eq!(bigint::divmod(m, one, Value::int(0)), Err(Fault::Zero));
    assert_eq!(bigint::modpow(m, Value::int(2), Value::int(-1), Value::int(4)), Err(Fault::NotInvertible));
    assert_eq!(bigint::modpow(m, Value::int(3), Value::int(-1), Value::int(7)), Ok(Value::int(5)));
    assert_eq!(bigint::truediv(one, Value::int(0)), Err(Fault::Zero));
    assert_eq!(bigint::to_bytes(Value::int(-128), 1, true, true), Ok(vec![0x80]));
    assert_eq!(bigint::to_bytes(Value::int(-129), 1, true, true), Err(Fault::TooLarge));
    let floats = [
        (0.5, 1152921504606846976),
        (1.5, 1152921504606846977),
        (-1.0, -2),
        (2f64.powi(61), 1),
        (123456789.125, 288230376275168533),
        (1e300, 1224995262755759164),
        (-2.75e-310, -2269662999113367956),
    ];
    for (x, want) in floats {
        assert_eq!(bigint::hash_float(x), want, "{x}");
    }
}
