//! Jumps, iteration, generators.

use crate::code::op::Op;
use crate::heap::known::{C as Known, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::frame;
use crate::run::generator::{self, Resumed};
use crate::{go, helper, jump, next, op, poll, raise, sibling};

op! { Jump(s) { jump!(s, 1, s.ci()) } }

op! { JumpFar(s) { jump!(s, 2, s.word(1) as i64) } }

macro_rules! jump_truth {
    ($name:ident $slow:ident $want:literal) => {
        op! { $name(s) {
            let x = s.r(s.a());
            if x == Value::bool($want) {
                jump!(s, 1, s.ci());
            }
            if x == Value::bool(!$want) {
                next!(s, 1)
            }
            sibling!($slow::<{ C }, { L }>, s)
        } }

        op! {
            #[inline(never)]
            $slow(s) {
                let r = {
                    let th = s.save();
                    th.truth(s.r(s.a()))
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
    };
}

jump_truth!(JTrue j_true_slow true);
jump_truth!(JFalse j_false_slow false);

macro_rules! jump_if {
    ($($name:ident ($s:ident) $cond:expr;)*) => { $(
        op! { $name($s) {
            if $cond {
                jump!($s, 1, $s.ci());
            }
            next!($s, 1)
        } }
    )* };
}

jump_if! {
    JNone(s) s.r(s.a()).is_none();
    JNotNone(s) !s.r(s.a()).is_none();
    JUnbound(s) s.r(s.a()).is_unbound();
    JIs(s) s.r(s.a()) == s.r(s.b());
    JIsNot(s) s.r(s.a()) != s.r(s.b());
}

// ------------------------------------------------------------------------------------------------------------ iteration

op! { GetIter(s) { helper!(s, 1, |th| {
    let over = s.r(s.b());
    th.iter(over).inspect(|it| {
        // An iterator made here is seen by this loop alone: its steps need no atomic claim.
        if *it != over && it.is_kind(Kind::Iter) && !over.is_kind(Kind::Instance) {
            it.header().set(crate::run::iterate::PRIVATE);
        }
    })
}) } }

op! { ForIter(s) {
    let it = s.r(s.b());
    if it.is_ptr() {
        let h = it.header();
        let shape = h.shape();
        let alone = !L || h.has(crate::run::iterate::PRIVATE);
        if shape == Known::range_iterator.shape() && alone {
            let i = it.get::<Iter>();
            let n = i.at.get();
            if n < i.end.get() {
                i.at.set(n + 1);
                let v = (i.x.get().as_int()).wrapping_add((n as i64).wrapping_mul(i.step.get() as i64));
                s.set(s.a(), Value::int(v));
                jump!(s, 1, s.ci());
            }
            next!(s, 1)
        }
        if shape == Known::list_iterator.shape() && alone {
            let i = it.get::<Iter>();
            if let Some(l) = i.over.get().cast::<List>() {
                let n = i.at.get();
                if n < l.len.get()
                    && let Some(slot) = l.items.get().get::<Array>().slot(n)
                {
                    let v = slot.get();
                    if !v.is_unbound() {
                        i.at.set(n + 1);
                        s.set(s.a(), v);
                        jump!(s, 1, s.ci());
                    }
                }
            }
        } else if h.kind == Kind::Generator {
            sibling!(for_generator::<{ C }, { L }>, s);
        } else if h.kind == Kind::Iter && alone {
            sibling!(for_plain::<{ C }, { L }>, s);
        }
    }
    sibling!(for_iter::<{ C }, { L }>, s)
} }

op! {
    #[inline(never)]
    for_plain(s) {
        let it = s.r(s.b());
        let shape = it.header().shape();
        let i = it.get::<Iter>();
        let n = i.at.get();
        if shape == Known::tuple_iterator.shape() {
            if let Some(t) = i.over.get().cast::<Tuple>()
                && n < t.len()
            {
                i.at.set(n + 1);
                s.set(s.a(), t.at(n));
                jump!(s, 1, s.ci());
            }
        } else if shape == Known::str_ascii_iterator.shape()
            && let Some(text) = i.over.get().cast::<Str>()
            && let Some(c) = text.bytes().get(n)
            && let Some(slot) = S::chars.v().get::<Array>().slot(*c as usize)
        {
            i.at.set(n + 1);
            s.set(s.a(), slot.get());
            jump!(s, 1, s.ci());
        }
        sibling!(for_iter::<{ C }, { L }>, s)
    }
}

op! {
    #[inline(never)]
    for_iter(s) {
        let r = {
            let th = s.save();
            th.next(s.r(s.b()))
        };
        let s = s.reload();
        match r {
            Ok(Some(v)) => {
                s.set(s.a(), v);
                jump!(s, 1, s.ci())
            }
            Ok(None) => next!(s, 1),
            Err(_) => raise!(s),
        }
    }
}

op! {
    #[inline(never)]
    for_generator(s) {
        let r = {
            let th = s.save();
            let end = frame::window_end(s.base);
            let r = generator::prepare(th, s.r(s.b()), end, s.pc, s.base, Value::NONE);
            if !C && matches!(r, Ok(true)) {
                generator::descend(th);
            }
            r
        };
        let mut s = s.reload();
        match r {
            Ok(true) => {
                s.pc = (*s.th).next_pc;
                s.base = (*s.th).next_base;
                poll!(s);
                go!(s)
            }
            Ok(false) => next!(s, 1),
            Err(_) => raise!(s),
        }
    }
}

/// Hands a generator's value to the instruction that resumed it.
macro_rules! to_resumer {
    ($s:ident, $v:expr, $yielded:literal) => {{
        let v: Value = $v;
        let callee = $s.base.sub(3);
        let saved = (*$s.base.sub(2)).0 as *const u64;
        let up = (*$s.base.sub(1)).0 as *mut Value;
        let mut s = $s;
        s.pc = saved;
        s.base = up;
        match Op::of(*saved) {
            Op::ForIter => {
                if $yielded {
                    s.set(s.a(), v);
                    jump!(s, 1, s.ci());
                }
                next!(s, 1)
            }
            Op::Send => {
                s.set(s.a(), v);
                if $yielded {
                    next!(s, 1)
                }
                jump!(s, 1, s.ci())
            }
            _ => {
                *callee = v;
                (*s.th).yielded = $yielded;
                crate::dispatch!(s)
            }
        }
    }};
}

op! { Yield(s) {
    let v = s.r(s.b());
    generator::suspend(&mut *s.th, s.base, s.pc);
    if !C {
        s.base = generator::ascend(&mut *s.th, s.base);
    }
    to_resumer!(s, v, true)
} }

op! { YieldFrom(s) {
    let v = s.r(s.a());
    generator::suspend(&mut *s.th, s.base, s.pc);
    if !C {
        s.base = generator::ascend(&mut *s.th, s.base);
    }
    to_resumer!(s, v, true)
} }

op! { ReturnGen(s) {
    let v = s.r(s.a());
    generator::finish(&mut *s.th, s.base);
    to_resumer!(s, v, false)
} }

op! { ReturnGenNone(s) {
    generator::finish(&mut *s.th, s.base);
    to_resumer!(s, Value::NONE, false)
} }

op! { GetYieldIter(s) { helper!(s, 1, |th| {
    let v = s.r(s.b());
    if v.is_kind(Kind::Generator) { crate::run::iterate::yielded_from(th, v) } else { th.iter(v) }
}) } }

op! { GetAwaitable(s) { helper!(s, 1, |th| crate::run::iterate::awaitable(th, s.r(s.b()), s.c())) } }

op! { AsyncWrap(s) { helper!(s, 1, |th| crate::run::iterate::async_wrap(th, s.r(s.b()))) } }

op! { Send(s) {
    let to = s.r(s.b());
    if to.is_kind(Kind::Generator) {
        let r = {
            let th = s.save();
            let end = frame::window_end(s.base);
            let r = generator::prepare(th, to, end, s.pc, s.base, s.r(s.a()));
            if !C && matches!(r, Ok(true)) {
                generator::descend(th);
            }
            r
        };
        let mut s = s.reload();
        match r {
            Ok(true) => {
                s.pc = (*s.th).next_pc;
                s.base = (*s.th).next_base;
                poll!(s);
                go!(s)
            }
            Ok(false) => {
                s.set(s.a(), Value::NONE);
                jump!(s, 1, s.ci())
            }
            Err(_) => raise!(s),
        }
    }
    sibling!(send_slow::<{ C }, { L }>, s)
} }

op! {
    #[inline(never)]
    send_slow(s) {
        let r = {
            let th = s.save();
            generator::send(th, s.r(s.b()), s.r(s.a()))
        };
        let s = s.reload();
        match r {
            Ok(Resumed::Yielded(v)) => {
                s.set(s.a(), v);
                next!(s, 1)
            }
            Ok(Resumed::Returned(v)) => {
                s.set(s.a(), v);
                jump!(s, 1, s.ci())
            }
            Err(_) => raise!(s),
        }
    }
}

// ---------------------------------------------------------------------------------------------------------------- stubs

op! { Halt(s) {
    if C {
        s.save();
    }
    (*s.base).0
} }
