//! Exception groups. Invariant: `x0` is the message, `x1` the non-empty tuple of exceptions; an ExceptionGroup holds
//! only instances of Exception.

use super::exception::exc;
use super::{is_str, text};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, is_subclass, slots};
use crate::run::group::{Parts, split};
use crate::run::native::Def;
use crate::run::slots::{GetSet, TypeSlots};
use crate::run::{Args, R, Thread, def, get};

/// Slots of BaseExceptionGroup.
pub fn slots_of(s: &mut TypeSlots) {
    s.new = Some(new);
    s.str = Some(str);
}

/// Methods.
pub static METHODS: &[Def] = &[
    def("derive", "($self, object, /)", derive, ""),
    def(
        "split",
        "($self, object, /)",
        |th, a| {
            let p = condition(th, a, true)?;
            Ok(th.tuple(&[p.matched, p.rest])?)
        },
        "",
    ),
    def("subgroup", "($self, object, /)", |th, a| Ok(condition(th, a, false)?.matched), ""),
];

/// Attributes.
pub static GETSET: &[GetSet] = &[
    get("message", |_, o| Ok(exc(o).x0.get().or(Value::NONE)), "exception message"),
    get("exceptions", |_, o| Ok(exc(o).x1.get().or(Value::NONE)), "nested exceptions"),
];

/// Gives ExceptionGroup its second base.
pub fn finish(th: &mut Thread) -> R<()> {
    let bases = th.tuple(&[C::BaseExceptionGroup.v(), C::Exception.v()])?;
    let class = C::ExceptionGroup.v();
    let mro =
        th.tuple(&[class, C::BaseExceptionGroup.v(), C::Exception.v(), C::BaseException.v(), C::object.v()])?;
    class.get::<Class>().bases.set(bases);
    class.get::<Class>().mro.set(mro);
    let weak = th.weak(class)?;
    let subs = C::Exception.v().get::<Class>().subclasses.get();
    Ok(crate::heap::list::push(&mut th.heap, subs.get::<List>(), weak)?)
}

fn new(th: &mut Thread, cls: Value, args: Value, _: Value) -> R {
    let a = args.get::<Tuple>();
    if a.len() != 2 {
        let text = format!("BaseExceptionGroup.__new__() takes exactly 2 arguments ({} given)", a.len());
        return Err(th.type_error(text));
    }
    let (message, given) = (a.at(0), a.at(1));
    if !is_str(message) {
        let text =
            format!("BaseExceptionGroup.__new__() argument 1 must be str, not {}", th.type_name(message));
        return Err(th.type_error(text));
    }
    let sequence = slots(class_of(given)).getitem.is_some() && !given.is_kind(Kind::Dict);
    if !sequence {
        return Err(th.type_error("second argument (exceptions) must be a sequence"));
    }
    let members = th.to_tuple(given)?;
    let t = members.get::<Tuple>();
    if t.is_empty() {
        return Err(th.value_error("second argument (exceptions) must be a non-empty sequence"));
    }
    if let Some(i) = t.iter().position(|e| !e.is_kind(Kind::Exception)) {
        return Err(th.value_error(format!("Item {i} of second argument (exceptions) is not an exception")));
    }
    let plain = t.iter().all(|e| is_subclass(class_of(e), C::Exception.v()));
    let mut cls = cls;
    if cls == C::BaseExceptionGroup.v() {
        if plain {
            cls = C::ExceptionGroup.v();
        }
    } else if !plain && cls == C::ExceptionGroup.v() {
        return Err(th.type_error("Cannot nest BaseExceptions in an ExceptionGroup"));
    } else if !plain && is_subclass(cls, C::Exception.v()) {
        let text = format!("Cannot nest BaseExceptions in '{}'", th.class_name(cls));
        return Err(th.type_error(text));
    }
    let o = th.exception_with(cls, args)?;
    exc(o).x0.set(message);
    exc(o).x1.set(members);
    Ok(o)
}

fn str(th: &mut Thread, o: Value) -> R {
    let n = exc(o).x1.get().cast::<Tuple>().map_or(0, |t| t.len());
    let message = th.str_text(exc(o).x0.get().or(Value::NONE))?;
    let s = if n == 1 { "" } else { "s" };
    text(th, format!("{message} ({n} sub-exception{s})"))
}

fn derive(th: &mut Thread, a: Args) -> R {
    let message = exc(a[0]).x0.get();
    th.call(C::BaseExceptionGroup.v(), &[message, a[1]])
}

fn is_exception_class(v: Value) -> bool {
    v.is_kind(Kind::Class) && is_subclass(v, C::BaseException.v())
}

/// Splits by a class, a tuple of classes, or a predicate.
fn condition(th: &mut Thread, a: Args, rest: bool) -> R<Parts> {
    let what = a[1];
    let classes =
        is_exception_class(what) || what.cast::<Tuple>().is_some_and(|t| t.iter().all(is_exception_class));
    let callable = slots(class_of(what)).call.is_some() && !what.is_kind(Kind::Class);
    if classes {
        return split(th, a[0], rest, &mut |th, e| crate::run::unwind::matches(th, e, what));
    }
    if !callable {
        let text =
            "expected an exception type, a tuple of exception types, or a callable (other than a class)";
        return Err(th.type_error(text));
    }
    split(th, a[0], rest, &mut |th, e| {
        let v = th.call(what, &[e])?;
        th.truth(v)
    })
}
