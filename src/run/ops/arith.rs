//! Arithmetic: ints and floats here, everything else through `run::arith`.

use crate::heap::Value;
use crate::run::arith::{binary, inplace, unary};
use crate::run::slots::{Bin, Un};
use crate::{helper, next, op, sibling};

#[inline(always)]
fn int_add(a: Value, b: Value) -> (Value, bool) {
    let (r, o) = (a.0.wrapping_sub(3) as i64).overflowing_add(b.0 as i64);
    (Value(r as u64), o)
}

#[inline(always)]
fn int_sub(a: Value, b: Value) -> (Value, bool) {
    let (r, o) = (a.0 as i64).overflowing_sub(b.0.wrapping_sub(3) as i64);
    (Value(r as u64), o)
}

#[inline(always)]
fn int_mul(a: Value, b: Value) -> (Value, bool) {
    let (r, o) = a.as_int().overflowing_mul(b.0.wrapping_sub(3) as i64);
    (Value(r as u64 | 3), o)
}

macro_rules! quick {
    ($name:ident $slow:ident $bin:ident $general:ident $int:ident $f:tt) => {
        op! { $name(s) {
            let (x, y) = (s.r(s.b()), s.r(s.c()));
            if Value::both_int(x, y) {
                let (v, overflow) = $int(x, y);
                if !overflow {
                    s.set(s.a(), v);
                    next!(s, 1)
                }
            } else if Value::both_float(x, y) {
                if let Some(v) = Value::try_float(x.as_float() $f y.as_float()) {
                    s.set(s.a(), v);
                    next!(s, 1)
                }
            }
            sibling!($slow::<{ C }, { L }>, s)
        } }

        op! {
            #[cold]
            #[inline(never)]
            $slow(s) { helper!(s, 1, |th| $general(th, Bin::$bin, s.r(s.b()), s.r(s.c()))) }
        }
    };
}

quick!(Add add_slow Add binary int_add +);
quick!(Sub sub_slow Sub binary int_sub -);
quick!(Mul mul_slow Mul binary int_mul *);
quick!(InAdd in_add_slow Add inplace int_add +);
quick!(InSub in_sub_slow Sub inplace int_sub -);
quick!(InMul in_mul_slow Mul inplace int_mul *);

/// Exact when both magnitudes are below 2^53.
#[inline(always)]
fn true_div(x: Value, y: Value) -> Option<Value> {
    const EXACT: i64 = 1 << 53;
    let (a, b) = if Value::both_int(x, y) {
        let (a, b) = (x.as_int(), y.as_int());
        if a.abs() > EXACT || b.abs() > EXACT {
            return None;
        }
        (a as f64, b as f64)
    } else if Value::both_float(x, y) {
        (x.as_float(), y.as_float())
    } else if x.is_float() && y.is_int() && y.as_int().abs() <= EXACT {
        (x.as_float(), y.as_int() as f64)
    } else {
        return None;
    };
    if b == 0.0 { None } else { Value::try_float(a / b) }
}

#[inline(always)]
fn floor_div(x: Value, y: Value) -> Option<Value> {
    if !Value::both_int(x, y) {
        return None;
    }
    let (a, b) = (x.as_int(), y.as_int());
    if b == 0 {
        return None;
    }
    let q = a.wrapping_div(b);
    Value::try_int(if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q })
}

#[inline(always)]
fn modulo(x: Value, y: Value) -> Option<Value> {
    if Value::both_int(x, y) {
        let (a, b) = (x.as_int(), y.as_int());
        if b == 0 {
            return None;
        }
        let r = a % b;
        return Some(Value::int(if r != 0 && (r < 0) != (b < 0) { r + b } else { r }));
    }
    None
}

#[inline(always)]
fn and(x: Value, y: Value) -> Option<Value> {
    if Value::both_int(x, y) { Some(Value(x.0 & y.0)) } else { None }
}

#[inline(always)]
fn or(x: Value, y: Value) -> Option<Value> {
    if Value::both_int(x, y) { Some(Value(x.0 | y.0)) } else { None }
}

#[inline(always)]
fn xor(x: Value, y: Value) -> Option<Value> {
    if Value::both_int(x, y) { Some(Value((x.0 ^ y.0) | 3)) } else { None }
}

#[inline(always)]
fn shl(x: Value, y: Value) -> Option<Value> {
    if !Value::both_int(x, y) {
        return None;
    }
    let (a, n) = (x.as_int(), y.as_int());
    if !(0..61).contains(&n) || (a << n) >> n != a {
        return None;
    }
    Value::try_int(a << n)
}

#[inline(always)]
fn shr(x: Value, y: Value) -> Option<Value> {
    if Value::both_int(x, y) && y.as_int() >= 0 {
        return Some(Value::int(x.as_int() >> y.as_int().min(63)));
    }
    None
}

#[inline(always)]
fn power(x: Value, y: Value) -> Option<Value> {
    if Value::both_float(x, y) && x.as_float() > 0.0 {
        return Value::try_float(x.as_float().powf(y.as_float())).filter(|v| v.as_float().is_finite());
    }
    if Value::both_int(x, y) && (0..64).contains(&y.as_int()) {
        return x.as_int().checked_pow(y.as_int() as u32).and_then(Value::try_int);
    }
    None
}

#[inline(always)]
fn never(_: Value, _: Value) -> Option<Value> {
    None
}

macro_rules! partial {
    ($($name:ident $slow:ident $bin:ident $general:ident $fast:ident;)*) => { $(
        op! { $name(s) {
            if let Some(v) = $fast(s.r(s.b()), s.r(s.c())) {
                s.set(s.a(), v);
                next!(s, 1)
            }
            sibling!($slow::<{ C }, { L }>, s)
        } }

        op! {
            #[cold]
            #[inline(never)]
            $slow(s) { helper!(s, 1, |th| $general(th, Bin::$bin, s.r(s.b()), s.r(s.c()))) }
        }
    )* };
}

partial! {
    TrueDiv true_div_slow TrueDiv binary true_div;
    FloorDiv floor_div_slow FloorDiv binary floor_div;
    Mod mod_slow Mod binary modulo;
    Pow pow_slow Pow binary power;
    MatMul mat_mul_slow MatMul binary never;
    LShift l_shift_slow LShift binary shl;
    RShift r_shift_slow RShift binary shr;
    And and_slow And binary and;
    Or or_slow Or binary or;
    Xor xor_slow Xor binary xor;
    InTrueDiv in_true_div_slow TrueDiv inplace true_div;
    InFloorDiv in_floor_div_slow FloorDiv inplace floor_div;
    InMod in_mod_slow Mod inplace modulo;
    InPow in_pow_slow Pow inplace power;
    InMatMul in_mat_mul_slow MatMul inplace never;
    InLShift in_l_shift_slow LShift inplace shl;
    InRShift in_r_shift_slow RShift inplace shr;
    InAnd in_and_slow And inplace and;
    InOr in_or_slow Or inplace or;
    InXor in_xor_slow Xor inplace xor;
}

#[inline(always)]
fn add_quick(x: Value, y: Value) -> Option<Value> {
    let (v, o) = int_add(x, y);
    if x.is_int() && !o { Some(v) } else { None }
}

#[inline(always)]
fn sub_quick(x: Value, y: Value) -> Option<Value> {
    let (v, o) = int_sub(x, y);
    if x.is_int() && !o { Some(v) } else { None }
}

#[inline(always)]
fn mul_quick(x: Value, y: Value) -> Option<Value> {
    if !x.is_int() {
        return None;
    }
    let (v, o) = int_mul(x, y);
    if o { None } else { Some(v) }
}

macro_rules! immediate {
    ($($name:ident $slow:ident $bin:ident $general:ident $fast:ident;)*) => { $(
        op! { $name(s) {
            if let Some(v) = $fast(s.r(s.b()), Value::int(s.ci())) {
                s.set(s.a(), v);
                next!(s, 1)
            }
            sibling!($slow::<{ C }, { L }>, s)
        } }

        op! {
            #[cold]
            #[inline(never)]
            $slow(s) { helper!(s, 1, |th| $general(th, Bin::$bin, s.r(s.b()), Value::int(s.ci()))) }
        }
    )* };
}

immediate! {
    AddInt add_int_slow Add binary add_quick;
    SubInt sub_int_slow Sub binary sub_quick;
    MulInt mul_int_slow Mul binary mul_quick;
    FloorDivInt floor_div_int_slow FloorDiv binary floor_div;
    ModInt mod_int_slow Mod binary modulo;
    AndInt and_int_slow And binary and;
    LShiftInt l_shift_int_slow LShift binary shl;
    RShiftInt r_shift_int_slow RShift binary shr;
    InAddInt in_add_int_slow Add inplace add_quick;
    InSubInt in_sub_int_slow Sub inplace sub_quick;
}

macro_rules! constant {
    ($($name:ident $slow:ident $bin:ident $int:ident $f:tt;)*) => { $(
        op! { $name(s) {
            let (x, y) = (s.r(s.b()), s.lit(1));
            if Value::both_int(x, y) {
                let (v, overflow) = $int(x, y);
                if !overflow {
                    s.set(s.a(), v);
                    next!(s, 2)
                }
            } else if Value::both_float(x, y) {
                if let Some(v) = Value::try_float(x.as_float() $f y.as_float()) {
                    s.set(s.a(), v);
                    next!(s, 2)
                }
            }
            sibling!($slow::<{ C }, { L }>, s)
        } }

        op! {
            #[cold]
            #[inline(never)]
            $slow(s) { helper!(s, 2, |th| binary(th, Bin::$bin, s.r(s.b()), s.lit(1))) }
        }
    )* };
}

constant! {
    AddK add_k_slow Add int_add +;
    SubK sub_k_slow Sub int_sub -;
    MulK mul_k_slow Mul int_mul *;
}

op! { TrueDivK(s) {
    if let Some(v) = true_div(s.r(s.b()), s.lit(1)) {
        s.set(s.a(), v);
        next!(s, 2)
    }
    sibling!(true_div_k_slow::<{ C }, { L }>, s)
} }

op! {
    #[cold]
    #[inline(never)]
    true_div_k_slow(s) { helper!(s, 2, |th| binary(th, Bin::TrueDiv, s.r(s.b()), s.lit(1))) }
}

op! { Neg(s) {
    let x = s.r(s.b());
    if x.is_int() {
        if let Some(v) = Value::try_int(-x.as_int()) {
            s.set(s.a(), v);
            next!(s, 1)
        }
    } else if x.is_float()
        && let Some(v) = Value::try_float(-x.as_float()) {
            s.set(s.a(), v);
            next!(s, 1)
        }
    sibling!(neg_slow::<{ C }, { L }>, s)
} }

op! {
    #[cold]
    #[inline(never)]
    neg_slow(s) { helper!(s, 1, |th| unary(th, Un::Neg, s.r(s.b()))) }
}

op! { Pos(s) { helper!(s, 1, |th| unary(th, Un::Pos, s.r(s.b()))) } }

op! { Invert(s) {
    let x = s.r(s.b());
    if x.is_int() {
        s.set(s.a(), Value::int(!x.as_int()));
        next!(s, 1)
    }
    sibling!(invert_slow::<{ C }, { L }>, s)
} }

op! {
    #[cold]
    #[inline(never)]
    invert_slow(s) { helper!(s, 1, |th| unary(th, Un::Invert, s.r(s.b()))) }
}

op! { Not(s) {
    let x = s.r(s.b());
    if x.is_bool() {
        s.set(s.a(), Value(x.0 ^ 8));
        next!(s, 1)
    }
    helper!(s, 1, |th| th.truth(x).map(|t| Value::bool(!t)))
} }

op! { Truth(s) {
    let x = s.r(s.b());
    if x.is_bool() {
        s.set(s.a(), x);
        next!(s, 1)
    }
    helper!(s, 1, |th| th.truth(x).map(Value::bool))
} }
