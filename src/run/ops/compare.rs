//! Comparison, and comparison fused with a jump.

use crate::heap::Value;
use crate::run::arith::compare;
use crate::run::slots::Cmp;
use crate::{helper, jump, next, op, raise, sibling};

macro_rules! compare_ops {
    ($($name:ident $slow:ident $o:tt;)*) => { $(
        op! { $name(s) {
            let (x, y) = (s.r(s.b()), s.r(s.c()));
            if Value::both_int(x, y) {
                s.set(s.a(), Value::bool((x.0 as i64) $o (y.0 as i64)));
                next!(s, 1)
            }
            if Value::both_float(x, y) {
                s.set(s.a(), Value::bool(x.as_float() $o y.as_float()));
                next!(s, 1)
            }
            sibling!($slow::<{ C }, { L }>, s)
        } }

        op! {
            #[cold]
            #[inline(never)]
            $slow(s) { helper!(s, 1, |th| compare(th, Cmp::$name, s.r(s.b()), s.r(s.c()))) }
        }
    )* };
}

compare_ops! { Lt lt_slow <; Le le_slow <=; Eq eq_slow ==; Ne ne_slow !=; Gt gt_slow >; Ge ge_slow >=; }

macro_rules! jump_ops {
    ($($name:ident $imm:ident $slow:ident $imm_slow:ident $cmp:ident $o:tt $want:literal;)*) => { $(
        op! { $name(s) {
            let (x, y) = (s.r(s.a()), s.r(s.b()));
            let t = if Value::both_int(x, y) {
                (x.0 as i64) $o (y.0 as i64)
            } else if Value::both_float(x, y) {
                x.as_float() $o y.as_float()
            } else {
                sibling!($slow::<{ C }, { L }>, s);
            };
            if t == $want {
                jump!(s, 1, s.ci());
            }
            next!(s, 1)
        } }

        op! {
            #[cold]
            #[inline(never)]
            $slow(s) {
                let r = {
                    let th = s.save();
                    th.holds(Cmp::$cmp, s.r(s.a()), s.r(s.b()))
                };
                let s = s.reload();
                match r {
                    Ok(t) => {
                        if t == $want {
                            jump!(s, 1, s.ci());
                        }
                        next!(s, 1)
                    }
                    Err(_) => raise!(s),
                }
            }
        }

        op! { $imm(s) {
            let x = s.r(s.a());
            if !x.is_int() {
                sibling!($imm_slow::<{ C }, { L }>, s);
            }
            if ((x.0 as i64) $o (Value::int(s.bi()).0 as i64)) == $want {
                jump!(s, 1, s.ci());
            }
            next!(s, 1)
        } }

        op! {
            #[cold]
            #[inline(never)]
            $imm_slow(s) {
                let r = {
                    let th = s.save();
                    th.holds(Cmp::$cmp, s.r(s.a()), Value::int(s.bi()))
                };
                let s = s.reload();
                match r {
                    Ok(t) => {
                        if t == $want {
                            jump!(s, 1, s.ci());
                        }
                        next!(s, 1)
                    }
                    Err(_) => raise!(s),
                }
            }
        }
    )* };
}

jump_ops! {
    JLt JLtInt j_lt_slow j_lt_int_slow Lt < true;
    JLe JLeInt j_le_slow j_le_int_slow Le <= true;
    JEq JEqInt j_eq_slow j_eq_int_slow Eq == true;
    JNe JNeInt j_ne_slow j_ne_int_slow Ne != true;
    JGt JGtInt j_gt_slow j_gt_int_slow Gt > true;
    JGe JGeInt j_ge_slow j_ge_int_slow Ge >= true;
    JNotLt JNotLtInt j_not_lt_slow j_not_lt_int_slow Lt < false;
    JNotLe JNotLeInt j_not_le_slow j_not_le_int_slow Le <= false;
    JNotEq JNotEqInt j_not_eq_slow j_not_eq_int_slow Eq == false;
    JNotNe JNotNeInt j_not_ne_slow j_not_ne_int_slow Ne != false;
    JNotGt JNotGtInt j_not_gt_slow j_not_gt_int_slow Gt > false;
    JNotGe JNotGeInt j_not_ge_slow j_not_ge_int_slow Ge >= false;
}

op! { Is(s) { s.set(s.a(), Value::bool(s.r(s.b()) == s.r(s.c()))); next!(s, 1) } }

op! { IsNot(s) { s.set(s.a(), Value::bool(s.r(s.b()) != s.r(s.c()))); next!(s, 1) } }

op! { In(s) { helper!(s, 1, |th| th.contains(s.r(s.c()), s.r(s.b())).map(Value::bool)) } }

op! { NotIn(s) { helper!(s, 1, |th| th.contains(s.r(s.c()), s.r(s.b())).map(|t| Value::bool(!t))) } }

macro_rules! jump_in {
    ($name:ident $want:literal) => {
        op! { $name(s) {
            let r = {
                let th = s.save();
                th.contains(s.r(s.b()), s.r(s.a()))
            };
            let s = s.reload();
            match r {
                Ok(t) => {
                    if t == $want {
                        jump!(s, 1, s.ci());
                    }
                    next!(s, 1)
                }
                Err(_) => raise!(s),
            }
        } }
    };
}

jump_in!(JIn true);
jump_in!(JNotIn false);
