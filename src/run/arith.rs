//! Operators in general: which operand is asked first, what errors say. Invariant: int and float never come here from
//! the handlers' fast paths; everything else does.

use super::class::{HEAP, class_of, is_subclass, lookup, slots};
use super::slots::{Bin, Cmp, Side, Un};
use super::thread::{R, Raised, Thread};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value, bigint, text};

/// `a op b`.
pub fn binary(th: &mut Thread, op: Bin, a: Value, b: Value) -> R {
    if op == Bin::Add && text::is_text(a) && text::is_text(b) {
        return Ok(text::concat(&mut th.heap, a, b)?);
    }
    let v = try_binary(th, op, a, b)?;
    if v != Value::NOT_IMPLEMENTED {
        return Ok(v);
    }
    if op == Bin::MatMul && super::import::is_old() {
        return old_division(th, a, b);
    }
    Err(unsupported(th, op.symbol(), op, a, b))
}

fn try_binary(th: &mut Thread, op: Bin, a: Value, b: Value) -> R {
    let (ta, tb) = (class_of(a), class_of(b));
    let (fa, fb) = (slots(ta).binary, slots(tb).binary);
    if ta == tb {
        return match fa {
            Some(f) => f(th, op, a, b, Side::Left),
            None => Ok(Value::NOT_IMPLEMENTED),
        };
    }
    // The right operand goes first when its class derives from the left one's and states its own method.
    let mut tried_right = false;
    if let Some(f) = fb
        && is_subclass(tb, ta)
        && overrides(op, ta, tb, fa.map(|f| f as usize) != Some(f as usize))
    {
        tried_right = true;
        let v = f(th, op, a, b, Side::Right)?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(v);
        }
    }
    if let Some(f) = fa {
        let v = f(th, op, a, b, Side::Left)?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(v);
        }
    }
    match fb {
        Some(f) if !tried_right => f(th, op, a, b, Side::Right),
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn overrides(op: Bin, ta: Value, tb: Value, slots_differ: bool) -> bool {
    let name = op.names().1.v();
    slots_differ || lookup(ta, name) != lookup(tb, name)
}

/// `a op= b`.
pub fn inplace(th: &mut Thread, op: Bin, a: Value, b: Value) -> R {
    if op == Bin::Add && text::is_text(a) && text::is_text(b) {
        return Ok(text::concat(&mut th.heap, a, b)?);
    }
    if let Some(f) = slots(class_of(a)).inplace {
        let v = f(th, op, a, b)?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(v);
        }
    }
    let v = try_binary(th, op, a, b)?;
    if v == Value::NOT_IMPLEMENTED {
        if op == Bin::MatMul && super::import::is_old() {
            return old_division(th, a, b);
        }
        let symbol = match op {
            Bin::Pow => "**=".to_string(),
            op => format!("{}=", op.symbol()),
        };
        return Err(unsupported(th, &symbol, op, a, b));
    }
    Ok(v)
}

/// Whether `+` concatenates and `*` repeats the value.
pub fn is_sequence(v: Value) -> bool {
    matches!(
        v.base().kind(),
        Kind::List | Kind::Tuple | Kind::Str | Kind::Rope | Kind::Bytes | Kind::ByteArray
    )
}

/// Whether the value is a container, or of a class that could be one.
pub fn is_container(v: Value) -> bool {
    slots(class_of(v)).contains.is_some() || class_of(v).get::<Class>().bits.get().as_int() & HEAP != 0
}

/// `pow(a, b, m)` as the builtin class `by` does it; NotImplemented where it does not know the operands.
pub fn power_by(th: &mut Thread, by: Value, a: Value, b: Value, m: Value) -> R {
    let whole = |v: Value| bigint::is_integer(v.base());
    if by == C::float.v() {
        return Err(th.type_error("pow() 3rd argument not allowed unless all arguments are integers"));
    }
    if by == C::complex.v() {
        let number = |v: Value| whole(v) || [C::float.v(), C::complex.v()].contains(&class_of(v.base()));
        return match number(a) && number(b) {
            true => Err(th.value_error("complex modulo")),
            false => Ok(Value::NOT_IMPLEMENTED),
        };
    }
    if by != C::int.v() || !(whole(a) && whole(b) && whole(m)) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    match bigint::modpow(&mut th.heap, a.base(), b.base(), m.base()) {
        Ok(v) => Ok(v),
        Err(bigint::Fault::Zero) => Err(th.value_error("pow() 3rd argument cannot be 0")),
        Err(bigint::Fault::NotInvertible) => {
            Err(th.value_error("base is not invertible for the given modulus"))
        }
        Err(_) => Err(th.memory_error("")),
    }
}

/// Division as Python 2 has it, for which its text, made Python 3, has `@`: integers are rounded down.
#[cold]
fn old_division(th: &mut Thread, a: Value, b: Value) -> R {
    for (name, left, right) in [("__div__", a, b), ("__rdiv__", b, a)] {
        let name = th.intern(name)?;
        if let Some(f) = lookup(class_of(left), name) {
            let f = super::attr::bind(th, f, left)?;
            let v = th.call(f, &[right])?;
            if v != Value::NOT_IMPLEMENTED {
                return Ok(v);
            }
        }
    }
    let whole = |v: Value| crate::heap::bigint::is_integer(v.base());
    let op = if whole(a) && whole(b) { Bin::FloorDiv } else { Bin::TrueDiv };
    binary(th, op, a, b)
}

/// The TypeError of an operation that neither operand knows.
#[cold]
pub fn unsupported(th: &mut Thread, symbol: &str, op: Bin, a: Value, b: Value) -> Raised {
    let sequence = is_sequence;
    // CPython's concatenation and repetition texts come from the left sequence.
    if op == Bin::Add && !symbol.ends_with('=') && sequence(a) {
        let (ta, tb) = (th.type_name(a), th.type_name(b));
        let text = match a.base().kind() {
            Kind::Bytes => format!("can't concat {tb} to bytes"),
            Kind::ByteArray => format!("can't concat {tb} to bytearray"),
            _ => format!("can only concatenate {ta} (not \"{tb}\") to {ta}"),
        };
        return th.type_error(text);
    }
    if op == Bin::Add && matches!(a.base().kind(), Kind::Str | Kind::Rope | Kind::Tuple) {
        let (ta, tb) = (th.type_name(a), th.type_name(b));
        return th.type_error(format!("can only concatenate {ta} (not \"{tb}\") to {ta}"));
    }
    let passed = symbol.ends_with('=') && is_container(a) && !sequence(a);
    if op == Bin::Mul && (sequence(a) || sequence(b) && !passed) {
        let other = if sequence(a) { b } else { a };
        let text = format!("can't multiply sequence by non-int of type '{}'", th.type_name(other));
        return th.type_error(text);
    }
    let (ta, tb) = (th.type_name(a), th.type_name(b));
    let mut text = format!("unsupported operand type(s) for {symbol}: '{ta}' and '{tb}'");
    if op == Bin::RShift && a.cast::<Native>().is_some_and(|n| def_name(n) == "print") {
        text += ". Did you mean \"print(<message>, file=<output_stream>)\"?";
    }
    th.type_error(text)
}

fn def_name(n: &Native) -> &'static str {
    // SAFETY: the address was stored from a `&'static Def`.
    unsafe { (*(n.def.get() as *const super::Def)).name }
}

/// `-o`, `+o`, `~o`, `abs(o)`.
pub fn unary(th: &mut Thread, op: Un, o: Value) -> R {
    if let Some(f) = slots(class_of(o)).unary {
        let v = f(th, op, o)?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(v);
        }
    }
    let t = th.type_name(o);
    let text = match op {
        Un::Abs => format!("bad operand type for abs(): '{t}'"),
        Un::Neg => format!("bad operand type for unary -: '{t}'"),
        Un::Pos => format!("bad operand type for unary +: '{t}'"),
        Un::Invert => format!("bad operand type for unary ~: '{t}'"),
    };
    Err(th.type_error(text))
}

/// What needs no look at classes: ints, doubles and flat texts.
#[inline(always)]
fn quick(op: Cmp, a: Value, b: Value) -> Option<bool> {
    if Value::both_int(a, b) {
        return Some(op.of(a.as_int().cmp(&b.as_int())));
    }
    if Value::both_float(a, b) {
        return match a.as_float().partial_cmp(&b.as_float()) {
            Some(o) => Some(op.of(o)),
            None => Some(op == Cmp::Ne),
        };
    }
    let (x, y) = (a.cast::<Str>()?, b.cast::<Str>()?);
    Some(match op {
        Cmp::Eq => x.bytes() == y.bytes(),
        Cmp::Ne => x.bytes() != y.bytes(),
        op => op.of(x.bytes().cmp(y.bytes())),
    })
}

/// `a op b` as an object.
pub fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if let Some(t) = quick(op, a, b) {
        return Ok(Value::bool(t));
    }
    let (ta, tb) = (class_of(a), class_of(b));
    let mut tried = false;
    if ta != tb
        && is_subclass(tb, ta)
        && let Some(f) = slots(tb).compare
    {
        tried = true;
        let v = f(th, op.swapped(), b, a)?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(v);
        }
    }
    if let Some(f) = slots(ta).compare {
        let v = f(th, op, a, b)?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(v);
        }
    }
    if !tried && let Some(f) = slots(tb).compare {
        let v = f(th, op.swapped(), b, a)?;
        if v != Value::NOT_IMPLEMENTED {
            return Ok(v);
        }
    }
    match op {
        Cmp::Eq => Ok(Value::bool(a == b)),
        Cmp::Ne => Ok(Value::bool(a != b)),
        _ => {
            let (x, y) = (th.type_name(a), th.type_name(b));
            Err(th
                .type_error(format!("'{}' not supported between instances of '{x}' and '{y}'", op.symbol())))
        }
    }
}

/// `operator.index(v)`: an int value of any size.
pub fn index(th: &mut Thread, v: Value) -> R {
    let b = v.base();
    if b.is_int() || b.is_kind(Kind::Big) {
        return Ok(b);
    }
    if b.is_bool() {
        return Ok(Value::int((b == Value::TRUE) as i64));
    }
    match slots(class_of(v)).index {
        Some(f) => f(th, v),
        None => {
            Err(th.type_error(format!("'{}' object cannot be interpreted as an integer", th.type_name(v))))
        }
    }
}

/// An index clamped to `isize`, for slices.
pub fn clamped(th: &mut Thread, v: Value) -> R<isize> {
    let i = index(th, v)?;
    Ok(match i.cast::<Big>() {
        None => i.as_int() as isize,
        Some(b) if b.size.get() & 1 == 1 => isize::MIN,
        Some(_) => isize::MAX,
    })
}

impl Thread {
    /// `a op b`.
    #[inline]
    pub fn binary(&mut self, op: Bin, a: Value, b: Value) -> R {
        binary(self, op, a, b)
    }

    /// `a op b` as an object.
    #[inline]
    pub fn compare(&mut self, op: Cmp, a: Value, b: Value) -> R {
        compare(self, op, a, b)
    }

    /// Truth of `a op b`.
    #[inline]
    pub fn holds(&mut self, op: Cmp, a: Value, b: Value) -> R<bool> {
        if let Some(t) = quick(op, a, b) {
            return Ok(t);
        }
        let v = compare(self, op, a, b)?;
        self.truth(v)
    }

    /// `a is b or a == b`, as containers compare.
    #[inline]
    pub fn eq(&mut self, a: Value, b: Value) -> R<bool> {
        if a == b && !a.is_float() {
            return Ok(true);
        }
        if Value::both_int(a, b) {
            return Ok(false);
        }
        if let (Some(x), Some(y)) = (a.cast::<Str>(), b.cast::<Str>()) {
            return Ok(x.bytes() == y.bytes());
        }
        if Value::both_float(a, b) {
            return Ok(a == b || a.as_float() == b.as_float());
        }
        let v = compare(self, Cmp::Eq, a, b)?;
        // An identical float (a nan) is equal to itself in containers.
        if a == b {
            return Ok(true);
        }
        self.truth(v)
    }

    /// Truth of `v`.
    #[inline]
    pub fn truth(&mut self, v: Value) -> R<bool> {
        match v {
            Value::TRUE => Ok(true),
            Value::FALSE | Value::NONE => Ok(false),
            v if v.is_int() => Ok(v.as_int() != 0),
            v if v.is_float() => Ok(v.as_float() != 0.0),
            v => truth_slow(self, v),
        }
    }

    /// An index as `isize`; IndexError-style OverflowError when it does not fit.
    pub fn index(&mut self, v: Value) -> R<isize> {
        if v.is_int() {
            return Ok(v.as_int() as isize);
        }
        let i = index(self, v)?;
        if let Some(i) = bigint::to_i64(i) {
            return Ok(i as isize);
        }
        Err(self.raise(C::OverflowError, "cannot fit 'int' into an index-sized integer"))
    }

    /// `hash(v)`.
    #[inline]
    pub fn hash(&mut self, v: Value) -> R<i64> {
        if v.is_int() {
            let i = v.as_int();
            // Python's modulus is 2^61 - 1; immediate ints reach it only at their ends; -1 is reserved.
            // The lowest one is -1 by that modulus.
            return Ok(if i == -1 || i == crate::heap::value::INT_MIN {
                -2
            } else {
                const M: i64 = (1 << 61) - 1;
                if i > -M && i < M { i } else { i % M }
            });
        }
        if let Some(s) = v.cast::<Str>() {
            return Ok(crate::heap::text::hash_of(s));
        }
        match slots(class_of(v)).hash {
            Some(f) => f(self, v),
            None => Err(self.type_error(format!("unhashable type: '{}'", self.type_name(v)))),
        }
    }
}

#[cold]
#[inline(never)]
fn truth_slow(th: &mut Thread, v: Value) -> R<bool> {
    let s = slots(class_of(v));
    if let Some(f) = s.bool {
        return f(th, v);
    }
    match s.len {
        Some(f) => Ok(f(th, v)? != 0),
        None => Ok(true),
    }
}
