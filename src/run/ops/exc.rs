//! Raising and handling, imports.

use crate::heap::Value;
use crate::heap::object::*;
use crate::run::thread::{R, Raised, Thread};
use crate::run::{error, import, unwind};
use crate::{effect, helper, next, op, raise};

op! { Raise(s) { effect!(s, 1, |th| raise_one(th, s.r(s.a()))) } }

fn raise_one(th: &mut Thread, x: Value) -> R<()> {
    let exc = error::to_raise(th, x)?;
    Err(th.raise_value(exc))
}

op! { RaiseFrom(s) { effect!(s, 1, |th| raise_from(th, s.r(s.a()), s.r(s.b()))) } }

fn raise_from(th: &mut Thread, x: Value, cause: Value) -> R<()> {
    let exc = error::to_raise(th, x)?;
    error::set_cause(th, exc, cause)?;
    Err(th.raise_value(exc))
}

op! { RaiseAgain(s) { effect!(s, 1, |th| {
    if th.handled.is_none() {
        Err(th.runtime_error("No active exception to reraise"))
    } else {
        th.raised = th.handled;
        Err(Raised)
    }
}) } }

op! { Reraise(s) {
    let th = s.save();
    th.raised = s.r(s.a());
    raise!(s)
} }

op! { PushExc(s) {
    // b holds the exception; a takes what was being handled before.
    let th = &mut *s.th;
    let exc = s.r(s.b());
    s.set(s.a(), th.handled);
    th.handled = exc;
    next!(s, 1)
} }

op! { PopExc(s) {
    (*s.th).handled = s.r(s.a());
    next!(s, 1)
} }

op! { MatchExc(s) { helper!(s, 1, |th| unwind::matches(th, s.r(s.b()), s.r(s.c())).map(Value::bool)) } }

op! { MatchGroup(s) {
    effect!(s, 1, |th| match_group(th, s.base.add(s.a()), s.base.add(s.b()), s.r(s.c())))
} }

#[inline(never)]
unsafe fn match_group(th: &mut Thread, matched: *mut Value, exc: *mut Value, what: Value) -> R<()> {
    // SAFETY: two registers of the window (verified).
    unsafe {
        (*matched, *exc) = crate::run::group::match_group(th, *exc, what)?;
    }
    Ok(())
}

op! { MergeGroup(s) { helper!(s, 1, |th| crate::run::group::merge_group(th, s.r(s.b()), s.r(s.c()))) } }

op! { ExcInfo(s) {
    let e = s.r(s.b());
    let a = s.a();
    let class = crate::run::class::class_of(e);
    let tb = e.cast::<Exception>().map_or(Value::NONE, |x| x.traceback.get());
    s.set(a, class);
    s.set(a + 1, e);
    s.set(a + 2, tb);
    next!(s, 1)
} }

op! { ImportName(s) { helper!(s, 2, |th| {
    let globals = (*s.base.sub(3)).get::<Function>().globals.get();
    import::import_name(th, globals, s.lit(1), s.r(s.b()), s.c())
}) } }

op! { ImportFrom(s) { helper!(s, 2, |th| import::import_from(th, s.r(s.b()), s.lit(1))) } }

op! { ImportStar(s) { effect!(s, 1, |th| {
    let globals = (*s.base.sub(3)).get::<Function>().globals.get();
    import::import_star(th, s.r(s.a()), globals)
}) } }
