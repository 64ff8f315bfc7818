//! Splitting exception groups, for `except*` and the groups' own methods. Invariant: a part keeps the nesting, the
//! traceback, the cause, the context and the notes of the group that it was taken from.

use super::class::{class_of, is_subclass};
use super::thread::{R, Thread};
use super::{attr, unwind};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value, list};

/// What a split gave; None where a part is empty.
pub struct Parts {
    /// What passed the test.
    pub matched: Value,
    /// What did not; None also where it was not asked for.
    pub rest: Value,
}

/// Whether `v` is an exception group.
pub fn is_group(v: Value) -> bool {
    is_subclass(class_of(v), C::BaseExceptionGroup.v())
}

/// The members of a group.
fn members(v: Value) -> Value {
    v.get::<Exception>().x1.get()
}

/// Splits `exc` by a test that is asked of groups as a whole first.
pub fn split(
    th: &mut Thread,
    exc: Value,
    rest: bool,
    test: &mut dyn FnMut(&mut Thread, Value) -> R<bool>,
) -> R<Parts> {
    if test(th, exc)? {
        return Ok(Parts { matched: exc, rest: Value::NONE });
    }
    if !is_group(exc) || !members(exc).is_kind(Kind::Tuple) {
        return Ok(Parts { matched: Value::NONE, rest: exc });
    }
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded in exception group split"));
    }
    let (yes, no) = (th.list_with(0)?, th.list_with(0)?);
    for e in members(exc).get::<Tuple>().iter() {
        let p = split(th, e, rest, test)?;
        if !p.matched.is_none() {
            list::push(&mut th.heap, yes.get::<List>(), p.matched)?;
        }
        if rest && !p.rest.is_none() {
            list::push(&mut th.heap, no.get::<List>(), p.rest)?;
        }
    }
    let matched = part(th, exc, yes)?;
    let rest = if rest { part(th, exc, no)? } else { Value::NONE };
    Ok(Parts { matched, rest })
}

/// A group like `exc` of the listed exceptions; None if there are none.
fn part(th: &mut Thread, exc: Value, of: Value) -> R {
    if of.get::<List>().len.get() == 0 {
        return Ok(Value::NONE);
    }
    let derive = th.intern("derive")?;
    let derive = th.getattr(exc, derive)?;
    let made = th.call(derive, &[of])?;
    if !made.is_kind(Kind::Exception) || !is_group(made) {
        return Err(th.type_error("derive must return an instance of BaseExceptionGroup"));
    }
    let (from, to) = (exc.get::<Exception>(), made.get::<Exception>());
    to.traceback.set(from.traceback.get());
    to.context.set(from.context.get());
    to.cause.set(from.cause.get());
    to.suppress.set(from.suppress.get());
    if let Some(notes) = th.getattr_opt(exc, N::__notes__.v())?
        && matches!(notes.kind(), Kind::List | Kind::Tuple)
    {
        let copy = th.to_tuple(notes)?;
        let copy = th.to_list(copy)?;
        th.setattr(made, N::__notes__.v(), copy)?;
    }
    Ok(made)
}

/// `except* what`: what of `exc` matches, and the rest (None where empty). A single exception is wrapped.
pub fn match_group(th: &mut Thread, exc: Value, what: Value) -> R<(Value, Value)> {
    if exc.is_none() {
        return Ok((Value::NONE, Value::NONE));
    }
    let names_group = |v: Value| v.is_kind(Kind::Class) && is_subclass(v, C::BaseExceptionGroup.v());
    if names_group(what) || what.cast::<Tuple>().is_some_and(|t| t.iter().any(names_group)) {
        let text = "catching ExceptionGroup with except* is not allowed. Use except instead.";
        return Err(th.type_error(text));
    }
    if unwind::matches(th, exc, what)? {
        if is_group(exc) {
            return Ok((exc, Value::NONE));
        }
        let empty = th.intern("")?;
        let one = th.tuple(&[exc])?;
        let class = if is_subclass(class_of(exc), C::Exception.v()) {
            C::ExceptionGroup
        } else {
            C::BaseExceptionGroup
        };
        let group = th.call(class.v(), &[empty, one])?;
        group.get::<Exception>().traceback.set(exc.get::<Exception>().traceback.get());
        return Ok((group, Value::NONE));
    }
    if !is_group(exc) {
        return Ok((Value::NONE, exc));
    }
    let split = th.intern("split")?;
    let split = th.getattr(exc, split)?;
    let pair = th.call(split, &[what])?;
    let text = match pair.cast::<Tuple>() {
        Some(t) if t.len() >= 2 => return Ok((t.at(0), t.at(1))),
        Some(t) => {
            format!("{}.split must return a 2-tuple, got tuple of size {}", th.type_name(exc), t.len())
        }
        None => format!("{}.split must return a tuple, not {}", th.type_name(exc), th.type_name(pair)),
    };
    Err(th.type_error(text))
}

/// `except*`: what goes on from the list of what the clauses raised and left over, or None.
pub fn merge_group(th: &mut Thread, raised: Value, original: Value) -> R {
    let all = list::snapshot(&mut th.heap, raised.get::<List>())?;
    let some = |e: &Value| e.is_kind(Kind::Exception);
    let all = all.get::<Tuple>();
    if !is_group(original) {
        // Only one clause can have taken a single exception.
        return Ok(all.iter().find(some).unwrap_or(Value::NONE));
    }
    let fresh = th.list_with(0)?;
    let again = th.list_with(0)?;
    for e in all.iter().filter(some) {
        let to = if same_origin(e, original) { again } else { fresh };
        list::push(&mut th.heap, to.get::<List>(), e)?;
    }
    let again = projection(th, original, again)?;
    let f = fresh.get::<List>();
    if f.len.get() == 0 {
        return Ok(again);
    }
    if !again.is_none() {
        list::push(&mut th.heap, f, again)?;
    }
    let t = list::snapshot(&mut th.heap, f)?;
    if t.get::<Tuple>().len() == 1 {
        return Ok(t.get::<Tuple>().at(0));
    }
    let empty = th.intern("")?;
    th.call(C::BaseExceptionGroup.v(), &[empty, fresh])
}

/// Whether `e` is a part of `original` that nothing was done to.
fn same_origin(e: Value, original: Value) -> bool {
    let (a, b) = (e.get::<Exception>(), original.get::<Exception>());
    is_group(e)
        && attr::own(e, N::__notes__.v()).is_some() == attr::own(original, N::__notes__.v()).is_some()
        && a.traceback.get() == b.traceback.get()
        && a.cause.get() == b.cause.get()
        && a.context.get() == b.context.get()
}

/// The part of `original` whose single exceptions stand in one of the listed groups.
fn projection(th: &mut Thread, original: Value, kept: Value) -> R {
    if kept.get::<List>().len.get() == 0 {
        return Ok(Value::NONE);
    }
    let kept = list::snapshot(&mut th.heap, kept.get::<List>())?;
    let parts = split(th, original, false, &mut |_, e| {
        Ok(!is_group(e) && kept.get::<Tuple>().iter().any(|k| holds(k, e)))
    })?;
    Ok(parts.matched)
}

/// Whether the single exception `e` stands in `group`.
fn holds(group: Value, e: Value) -> bool {
    group == e
        || is_group(group) && members(group).cast::<Tuple>().is_some_and(|t| t.iter().any(|m| holds(m, e)))
}
