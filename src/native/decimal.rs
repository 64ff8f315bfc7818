//! The module `_decimal_kernel`: the quick ways of `decimal` for finite numbers. It fills the slots of the library's
//! class Decimal; what it leaves (`None`) goes to the methods of that class. Invariant: a quick way ends like the
//! library's, in result and in signals; it declines before it has signaled anything, and where a signal is trapped.

use super::decimal_methods as methods;
use super::decimal_num::{self as num, Coef, Limits, Num, Out, Rounding};
use super::decimal_small::{self as short, Small};
use super::decimal_text as text;
use super::util::slots_first;
use crate::heap::cell::{ALL, Slot};
use crate::heap::object::*;
use crate::heap::{Kind, Value, bigint};
use crate::run::inherit as script;
use crate::run::{Args, Bin, Cmp, ModuleDef, R, Side, Thread, TypeSlots, Un, class, def, protocol};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Coefficients of more limbs than this are left to the library, whose ints let the world stop meanwhile.
const MOST_LIMBS: usize = 512;
/// Shapes of complete instances of Decimal and Context, 0 until the library has made the classes.
static NUMBER: AtomicU32 = AtomicU32::new(0);
static CONTEXT: AtomicU32 = AtomicU32::new(0);
/// Words of a Decimal behind its header.
static WORDS: AtomicU32 = AtomicU32::new(0);

/// Slots of a Decimal, in order.
const NUMBER_SLOTS: [&str; 4] = ["_k", "_s", "_c", "_e"];
/// Slots of a Context, in order; more may follow.
const CONTEXT_SLOTS: [&str; 8] =
    ["_prec", "_rounding", "_emin", "_emax", "_capitals", "_clamp", "_flags", "_traps"];
const ROUNDING: usize = 1;
const CAPITALS: usize = 4;
const FLAGS: usize = 6;
const TRAPS: usize = 7;

/// Word of an instance where its slots begin: behind the header and the extension.
const FIRST: usize = 2;

fn slot(v: Value, i: usize) -> &'static Slot {
    // SAFETY: `v` has one of the shapes that `setup` has checked: that slot stands in the object.
    unsafe { &*v.addr::<Slot>().add(FIRST + i) }
}

#[inline(always)]
fn has_shape(v: Value, which: &AtomicU32) -> bool {
    v.is_kind(Kind::Instance) && v.header().shape() == which.load(Relaxed)
}

fn coefficient(v: Value) -> Option<Coef> {
    if v.is_int() {
        return Some(Coef::Small(v.as_int().unsigned_abs() as u128));
    }
    let limbs = v.cast::<Big>()?.magnitude();
    (limbs.len() <= MOST_LIMBS).then(|| Coef::of_limbs(limbs))
}

/// A finite Decimal's number.
#[inline]
pub fn number(v: Value) -> Option<Num> {
    if !has_shape(v, &NUMBER) || slot(v, 0).get() != Value::int(0) {
        return None;
    }
    let e = slot(v, 3).get();
    if !e.is_int() {
        return None;
    }
    Some(Num { neg: is_set(slot(v, 1).get()), c: coefficient(slot(v, 2).get())?, e: e.as_int() })
}

/// The number of a finite Decimal or of an int.
#[inline]
pub fn operand(v: Value) -> Option<Num> {
    if has_shape(v, &NUMBER) {
        return number(v);
    }
    if v.is_bool() {
        return Some(Num { neg: false, c: Coef::Small((v == Value::TRUE) as u128), e: 0 });
    }
    let neg = if v.is_int() { v.as_int() < 0 } else { v.cast::<Big>()?.is_negative() };
    Some(Num { neg, c: coefficient(v)?, e: 0 })
}

/// A finite Decimal or an int whose coefficient has up to 128 bits.
#[inline(always)]
pub fn small(v: Value) -> Option<Small> {
    let (c, neg, e) = if has_shape(v, &NUMBER) {
        let e = slot(v, 3).get();
        if slot(v, 0).get() != Value::int(0) || !e.is_int() {
            return None;
        }
        (slot(v, 2).get(), is_set(slot(v, 1).get()), e.as_int())
    } else if v.is_int() {
        (v, v.as_int() < 0, 0)
    } else {
        return None;
    };
    if c.is_int() {
        return Some(Small { neg, c: c.as_int().unsigned_abs() as u128, e });
    }
    match *c.cast::<Big>()?.magnitude() {
        [a] => Some(Small { neg, c: a as u128, e }),
        [a, b] => Some(Small { neg, c: a as u128 | (b as u128) << 64, e }),
        _ => None,
    }
}

#[inline(always)]
fn is_set(sign: Value) -> bool {
    sign == Value::int(1) || sign == Value::TRUE
}

/// The current context and what it says, if it is a plain one that this thread remembers.
#[inline]
pub fn current(th: &Thread) -> Option<(Value, Limits)> {
    if th.decimal.is_unbound() {
        return None;
    }
    Some((th.decimal, limits(th.decimal)?))
}

/// What a plain context says.
#[inline]
pub fn limits(context: Value) -> Option<Limits> {
    if !has_shape(context, &CONTEXT) {
        return None;
    }
    let int = |i: usize| Some(slot(context, i).get()).filter(|v| v.is_int()).map(Value::as_int);
    Some(Limits {
        prec: int(0)?,
        rounding: Rounding::named(slot(context, ROUNDING).get().cast::<Str>()?.bytes())?,
        emin: int(2)?,
        emax: int(3)?,
        clamp: int(5)? != 0,
    })
}

/// Sets flags; false where one of them is trapped.
#[inline]
fn signal(context: Value, status: i64) -> bool {
    if status == 0 {
        return true;
    }
    let traps = slot(context, TRAPS).get();
    if !traps.is_int() || traps.as_int() & status != 0 {
        return false;
    }
    let flags = slot(context, FLAGS);
    loop {
        let old = flags.get();
        if !old.is_int() {
            return false;
        }
        let new = old.as_int() | status;
        if new == old.as_int() || flags.cas(old, Value::int(new)) {
            return true;
        }
    }
}

/// A Decimal of that number.
pub fn make(th: &mut Thread, n: Num) -> R {
    match n.c {
        Coef::Small(c) => make_small(th, Small { neg: n.neg, c, e: n.e }),
        Coef::Large(c) => {
            let c = th.heap.big(false, c.as_words())?;
            make_of(th, n.neg, c, n.e)
        }
    }
}

#[inline]
fn make_small(th: &mut Thread, n: Small) -> R {
    let c = match n.c {
        c if c >> 61 == 0 => Value::int(c as i64),
        c => th.heap.big(false, &[c as u64, (c >> 64) as u64])?,
    };
    make_of(th, n.neg, c, n.e)
}

#[inline]
fn make_of(th: &mut Thread, neg: bool, c: Value, e: i64) -> R {
    let words = WORDS.load(Relaxed) as usize;
    let p = th.heap.cell(Kind::Instance, NUMBER.load(Relaxed), ALL, 8 + words * 8)?;
    for i in 1..=words {
        // SAFETY: the cell was made with that many words behind the header.
        unsafe { *p.add(i) = Value::UNBOUND.0 };
    }
    let v = Value::ptr(p);
    slot(v, 0).set(Value::int(0));
    slot(v, 1).set(Value::int(neg as i64));
    slot(v, 2).set(c);
    slot(v, 3).set(Value::int(e));
    Ok(v)
}

/// Signals and makes the Decimal; `None`: the library decides.
#[inline]
pub fn finish(th: &mut Thread, context: Value, out: Out) -> R<Option<Value>> {
    match out {
        Some((n, status)) if signal(context, status) => Ok(Some(make(th, n)?)),
        _ => Ok(None),
    }
}

/// As `finish`.
#[inline]
pub fn finish_small(th: &mut Thread, context: Value, out: short::Out) -> R<Option<Value>> {
    match out {
        Some((n, status)) if signal(context, status) => Ok(Some(make_small(th, n)?)),
        _ => Ok(None),
    }
}

// ---------------------------------------------------------------------------------------------------------------- slots

/// The four operations on short numbers.
#[inline]
fn short_binary(th: &mut Thread, op: Bin, a: Value, b: Value) -> R<Option<Value>> {
    let (Some(x), Some(mut y)) = (small(a), small(b)) else { return Ok(None) };
    let Some((context, l)) = current(th) else { return Ok(None) };
    let out = match op {
        Bin::Add => short::add(x, y, &l),
        Bin::Sub => {
            y.neg = !y.neg;
            short::add(x, y, &l)
        }
        Bin::Mul => short::multiply(x, y, &l),
        Bin::TrueDiv => short::divide(x, y, &l),
        _ => None,
    };
    finish_small(th, context, out)
}

#[inline(never)]
fn quick_binary(th: &mut Thread, op: Bin, a: Value, b: Value) -> R<Option<Value>> {
    let Some((context, l)) = current(th) else { return Ok(None) };
    let (Some(x), Some(mut y)) = (operand(a), operand(b)) else { return Ok(None) };
    let out = match op {
        Bin::Add => num::add(x, y, &l),
        Bin::Sub => {
            y.neg = !y.neg;
            num::add(x, y, &l)
        }
        Bin::Mul => num::multiply(x, y, &l),
        Bin::TrueDiv => num::divide(x, y, &l),
        Bin::FloorDiv => num::divide_int(&x, &y, &l),
        Bin::Mod => num::remainder(&x, &y, &l),
        Bin::Pow => num::power(x, &y, &l),
        Bin::DivMod => {
            let (Some((q, s)), Some((r, t))) = (num::divide_int(&x, &y, &l), num::remainder(&x, &y, &l))
            else {
                return Ok(None);
            };
            if !signal(context, s | t) {
                return Ok(None);
            }
            let (q, r) = (make(th, q)?, make(th, r)?);
            return Ok(Some(th.heap.tuple(&[q, r])?));
        }
        _ => None,
    };
    finish(th, context, out)
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, side: Side) -> R {
    if let Some(v) = short_binary(th, op, a, b)? {
        return Ok(v);
    }
    match quick_binary(th, op, a, b)? {
        Some(v) => Ok(v),
        None => script::g_binary(th, op, a, b, side),
    }
}

fn unary(th: &mut Thread, op: Un, o: Value) -> R {
    if op != Un::Invert
        && let (Some((context, l)), Some(n)) = (current(th), number(o))
    {
        let flip = match op {
            Un::Neg => true,
            Un::Abs => n.neg,
            _ => false,
        };
        if let Some(v) = finish(th, context, num::plus(n, flip, &l))? {
            return Ok(v);
        }
    }
    script::g_unary(th, op, o)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if let (Some(x), Some(y)) = (small(a), small(b))
        && let Some(o) = short::order(x, y)
    {
        return Ok(Value::bool(op.of(o)));
    }
    if let (Some(x), Some(y)) = (operand(a), operand(b))
        && let Some(o) = x.order(&y)
    {
        return Ok(Value::bool(op.of(o)));
    }
    script::g_compare(th, op, a, b)
}

fn hash(th: &mut Thread, o: Value) -> R<i64> {
    match number(o) {
        Some(n) => Ok(num::hash(n.neg, bigint::hash(slot(o, 2).get()), n.e)),
        None => script::g_hash(th, o),
    }
}

fn truth(th: &mut Thread, o: Value) -> R<bool> {
    match number(o) {
        Some(n) => Ok(!n.c.is_zero()),
        None => script::g_bool(th, o),
    }
}

fn str(th: &mut Thread, o: Value) -> R {
    match shown(th, o, b"", b"")? {
        Some(v) => Ok(v),
        None => script::g_str(th, o),
    }
}

fn repr(th: &mut Thread, o: Value) -> R {
    match shown(th, o, b"Decimal('", b"')")? {
        Some(v) => Ok(v),
        None => script::g_repr(th, o),
    }
}

/// The text of a finite Decimal between two others.
fn shown(th: &mut Thread, o: Value, before: &[u8], after: &[u8]) -> R<Option<Value>> {
    let Some(n) = number(o) else { return Ok(None) };
    if !has_shape(th.decimal, &CONTEXT) {
        return Ok(None);
    }
    let capitals = slot(th.decimal, CAPITALS).get() != Value::int(0);
    let mut out = Vec::with_capacity(64);
    out.extend_from_slice(before);
    match n.c {
        Coef::Small(c) => text::write(&mut out, n.neg, text::Digits::of(c).bytes(), n.e, capitals),
        Coef::Large(_) => {
            let digits = bigint::to_decimal(&mut th.heap, slot(o, 2).get());
            text::write(&mut out, n.neg, digits.as_bytes(), n.e, capitals);
        }
    }
    out.extend_from_slice(after);
    Ok(Some(th.heap.ascii(&out)?))
}

fn format(th: &mut Thread, o: Value, spec: Value) -> R {
    if let (Some((_, l)), Some(n), Some(by)) = (current(th), number(o), spec.cast::<Str>()) {
        let text = if by.bytes().is_empty() {
            shown(th, o, b"", b"")?
        } else {
            match text::format(&n, by.bytes(), l.rounding) {
                Some(text) => Some(th.heap.ascii(&text)?),
                None => None,
            }
        };
        if let Some(text) = text {
            return Ok(text);
        }
    }
    protocol::format_by_method(th, o, spec)
}

fn whole(th: &mut Thread, o: Value) -> R {
    match number(o) {
        Some(Num { neg, c, e }) if e <= 0 => match c.cut(-e, Rounding::Down, neg) {
            Some((Coef::Small(c), _)) => Ok(th.heap.big(neg, &[c as u64, (c >> 64) as u64])?),
            _ => script::g_int(th, o),
        },
        _ => script::g_int(th, o),
    }
}

fn float(th: &mut Thread, o: Value) -> R {
    if let Some(Num { neg, c: Coef::Small(c), e: e @ -22..=22 }) = number(o)
        && c < 1 << 53
    {
        // Both are exact, so that one rounding is all there is.
        let (c, unit) = (c as f64, 10f64.powi(e.unsigned_abs() as i32));
        let x = if e < 0 { c / unit } else { c * unit };
        return Ok(th.float(if neg { -x } else { x })?);
    }
    script::g_float(th, o)
}

/// `Decimal(x)` of an int, a Decimal, a plain text or a tuple.
fn construct(th: &mut Thread, a: Args) -> R<Option<Value>> {
    if a.n != 1 {
        return Ok(None);
    }
    let x = a[0];
    if has_shape(x, &NUMBER) {
        return Ok(Some(x));
    }
    let n = match (x.cast::<Str>(), x.cast::<Tuple>()) {
        (Some(s), _) => text::parse(s.bytes()),
        (_, Some(t)) => parts(t),
        _ => operand(x),
    };
    match n {
        Some(n) => Ok(Some(make(th, n)?)),
        None => Ok(None),
    }
}

/// The number of (sign, digits, exponent).
fn parts(t: &Tuple) -> Option<Num> {
    if t.len() != 3 {
        return None;
    }
    let (sign, digits, e) = (t.at(0), t.at(1).cast::<Tuple>()?, t.at(2));
    if !sign.is_int() || !(0..=1).contains(&sign.as_int()) || !e.is_int() || digits.len() > 38 {
        return None;
    }
    if e.as_int().unsigned_abs() > 1 << 50 {
        return None;
    }
    let mut c = 0u128;
    for d in digits.iter() {
        if !d.is_int() || !(0..=9).contains(&d.as_int()) {
            return None;
        }
        c = c * 10 + d.as_int() as u128;
    }
    Some(Num { neg: sign == Value::int(1), c: Coef::Small(c), e: e.as_int() })
}

fn fill_slots(s: &mut TypeSlots) {
    s.binary = Some(binary);
    s.unary = Some(unary);
    s.compare = Some(compare);
    s.hash = Some(hash);
    s.bool = Some(truth);
    s.str = Some(str);
    s.repr = Some(repr);
    s.format = Some(format);
    s.int = Some(whole);
    s.float = Some(float);
    s.direct = Some(construct);
}

// --------------------------------------------------------------------------------------------------------------- module

fn setup(th: &mut Thread, a: Args) -> R {
    let (number, context) = (a[0], a[1]);
    if !number.is_ptr()
        || !context.is_ptr()
        || !slots_first(number, &NUMBER_SLOTS, FIRST)
        || !slots_first(context, &CONTEXT_SLOTS, FIRST)
    {
        return Err(th.type_error("a Decimal and a Context with the slots of the library are needed"));
    }
    let (decimal, contexts) = (th.class_of(number), th.class_of(context));
    WORDS.store(decimal.get::<Class>().instance_words.get().as_int() as u32, Relaxed);
    CONTEXT.store(context.header().shape(), Relaxed);
    NUMBER.store(number.header().shape(), Relaxed);
    let own = methods::OF_DECIMAL.iter().map(|d| (decimal, d));
    for (class, d) in own.chain(methods::OF_CONTEXT.iter().map(|d| (contexts, d))) {
        let f = th.native(d, Value::UNBOUND, class)?;
        let name = th.intern(d.name)?;
        class::set_attr(th, class, name, f)?;
    }
    class::refine(th, decimal, fill_slots);
    Ok(Value::NONE)
}

fn remember(th: &mut Thread, a: Args) -> R {
    th.decimal = a[0];
    Ok(Value::NONE)
}

fn remembered(th: &mut Thread, _: Args) -> R {
    Ok(if th.decimal.is_unbound() { Value::NONE } else { th.decimal })
}

fn count_digits(_: &mut Thread, a: Args) -> R {
    if let Some(c) = coefficient(a[0]) {
        return Ok(Value::int(c.digits()));
    }
    Ok(bigint::count_digits(a[0]).map_or(Value::NONE, |n| Value::int(n as i64)))
}

/// `_decimal_kernel`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_decimal_kernel",
    doc: "The quick ways of decimal.",
    functions: &[
        def("setup", "(number, context, /)", setup, "Learn the classes from an object of each."),
        def("remember", "(context, /)", remember, "The current context of this thread."),
        def("remembered", "()", remembered, "That context, or None where it has to be looked up."),
        def("count_digits", "(n, /)", count_digits, "How many digits a coefficient has; None: hard to say."),
    ],
    fill: |_, _| Ok(()),
};
