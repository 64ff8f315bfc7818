//! Methods of `decimal` for plain cases. Invariant: as in `decimal`; what is left goes to the method of the library whose
//! name has `_` before it.

use super::decimal::{current, finish, finish_small, limits, make, number, operand, small};
use super::decimal_num::{self as num, Limits, Num, Out, Rounding};
use super::decimal_small as short;
use crate::heap::Value;
use crate::heap::object::Str;
use crate::run::{Args, Def, R, Thread, class, def};

/// Methods of Decimal; where one leaves a case, the library has it with `_` before its name.
pub static OF_DECIMAL: [Def; 4] = [
    def(
        "quantize",
        "($self, /, exp, rounding=None, context=None)",
        quantize,
        "The number rounded to the exponent of another.",
    ),
    def("normalize", "($self, /, context=None)", normalize, "The number rounded, without zeros at the end."),
    def(
        "to_integral_value",
        "($self, /, rounding=None, context=None)",
        to_integral_value,
        "The number rounded to a whole one, without Inexact and Rounded.",
    ),
    def("__round__", "($self, ndigits=None, /)", round, "The number rounded to so many places; else an int."),
];
/// Methods of Context.
pub static OF_CONTEXT: [Def; 5] = [
    def("quantize", "($self, x, y, /)", context_quantize, "x rounded to the exponent of y."),
    def("add", "($self, x, y, /)", context_add, "x + y"),
    def("subtract", "($self, x, y, /)", context_subtract, "x - y"),
    def("multiply", "($self, x, y, /)", context_multiply, "x * y"),
    def("divide", "($self, x, y, /)", context_divide, "x / y"),
];

/// The method of the library that `name` names, called with what the quick way was called with.
fn by_library(th: &mut Thread, name: &str, args: &[Value]) -> R {
    let name = th.intern(name)?;
    let Some(f) = class::lookup(th.class_of(args[0]), name) else {
        return Err(crate::run::attr::no_attribute(th, args[0], name));
    };
    th.call(f, args)
}

fn quick_quantize(th: &mut Thread, context: Value, x: Value, y: Value, by: Value) -> R<Option<Value>> {
    let Some(l) = limits(context) else { return Ok(None) };
    let Some(rounding) = mode(by, &l) else { return Ok(None) };
    if let (Some(x), Some(y)) = (small(x), small(y))
        && let Some(v) = finish_small(th, context, short::quantize(x, y.e, rounding, &l))?
    {
        return Ok(Some(v));
    }
    let (Some(x), Some(y)) = (operand(x), operand(y)) else { return Ok(None) };
    let out = num::quantize(x, y.e, rounding, &l);
    finish(th, context, out)
}

fn quantize(th: &mut Thread, a: Args) -> R {
    let context = given(th, a[3]);
    match quick_quantize(th, context, a[0], a[1], a[2])? {
        Some(v) => Ok(v),
        None => by_library(th, "_quantize", &[a[0], a[1], none(a[2]), none(a[3])]),
    }
}

fn context_quantize(th: &mut Thread, a: Args) -> R {
    match quick_quantize(th, a[0], a[1], a[2], Value::NONE)? {
        Some(v) => Ok(v),
        None => by_library(th, "_quantize", &[a[0], a[1], a[2]]),
    }
}

fn by_context(th: &mut Thread, a: Args, name: &str, f: fn(Num, Num, &Limits) -> Out) -> R {
    if let (Some(l), Some(x), Some(y)) = (limits(a[0]), operand(a[1]), operand(a[2]))
        && let Some(v) = finish(th, a[0], f(x, y, &l))?
    {
        return Ok(v);
    }
    by_library(th, name, &[a[0], a[1], a[2]])
}

fn context_add(th: &mut Thread, a: Args) -> R {
    by_context(th, a, "_add", num::add)
}

fn context_subtract(th: &mut Thread, a: Args) -> R {
    by_context(th, a, "_subtract", |x, y, l| num::add(x, Num { neg: !y.neg, ..y }, l))
}

fn context_multiply(th: &mut Thread, a: Args) -> R {
    by_context(th, a, "_multiply", num::multiply)
}

fn context_divide(th: &mut Thread, a: Args) -> R {
    by_context(th, a, "_divide", num::divide)
}

/// The rounding mode that an argument names, or that of the context.
fn mode(v: Value, l: &Limits) -> Option<Rounding> {
    if v.is_none() || v.is_unbound() { Some(l.rounding) } else { Rounding::named(v.cast::<Str>()?.bytes()) }
}

/// The context that a method was given, or the current one.
fn given(th: &Thread, v: Value) -> Value {
    if v.is_none() || v.is_unbound() { th.decimal } else { v }
}

fn none(v: Value) -> Value {
    if v.is_unbound() { Value::NONE } else { v }
}

fn normalize(th: &mut Thread, a: Args) -> R {
    let context = given(th, a[1]);
    if let (Some(l), Some(n)) = (limits(context), number(a[0]))
        && let Some(v) = finish(th, context, num::normalize(n, &l))?
    {
        return Ok(v);
    }
    by_library(th, "_normalize", &[a[0], none(a[1])])
}

fn to_integral_value(th: &mut Thread, a: Args) -> R {
    if let (Some(l), Some(n)) = (limits(given(th, a[2])), number(a[0]))
        && let Some(rounding) = mode(a[1], &l)
        && let Some(n) = num::whole_part(n, rounding)
    {
        return make(th, n);
    }
    by_library(th, "_to_integral_value", &[a[0], none(a[1]), none(a[2])])
}

fn round(th: &mut Thread, a: Args) -> R {
    if a[1].is_int()
        && a[1].as_int().unsigned_abs() < 1 << 40
        && let (Some((context, l)), Some(n)) = (current(th), number(a[0]))
        && let Some(v) = finish(th, context, num::quantize(n, -a[1].as_int(), l.rounding, &l))?
    {
        return Ok(v);
    }
    by_library(th, "_round", &[a[0], none(a[1])])
}
