//! `re.RegexFlag` and `re.PatternError`. Invariant: a flag is an instance of a class below int around its bits, so it
//! works wherever an int does; an error knows the pattern and the place that it speaks of.

use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value, bigint};
use crate::run::class;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Raised, Thread, def};
use crate::types;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

pub const IGNORECASE: u32 = 2;
pub const LOCALE: u32 = 4;
pub const MULTILINE: u32 = 8;
pub const DOTALL: u32 = 16;
pub const UNICODE: u32 = 32;
pub const VERBOSE: u32 = 64;
pub const DEBUG: u32 = 128;
pub const ASCII: u32 = 256;

/// Names in the order of definition: long, short, bit.
const NAMES: [(&str, &str, u32); 8] = [
    ("ASCII", "A", ASCII),
    ("IGNORECASE", "I", IGNORECASE),
    ("LOCALE", "L", LOCALE),
    ("UNICODE", "U", UNICODE),
    ("MULTILINE", "M", MULTILINE),
    ("DOTALL", "S", DOTALL),
    ("VERBOSE", "X", VERBOSE),
    ("DEBUG", "", DEBUG),
];

static FLAG_SHAPE: AtomicU32 = AtomicU32::new(0);
static ERROR_SHAPE: AtomicU32 = AtomicU32::new(0);

fn class_by(shape: &AtomicU32) -> Value {
    crate::heap::shape::shape(shape.load(Relaxed)).class()
}

/// Makes both classes and the constants.
pub fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let put = |th: &mut Thread, name: &str, v: Value| -> R<()> {
        let name = th.intern(name)?;
        th.dict_insert(dict, name, v)
    };
    let c = flag_class(th)?;
    put(th, "RegexFlag", c)?;
    for (long, short, bits) in NAMES {
        let v = flag(th, bits as i64)?;
        put(th, long, v)?;
        if !short.is_empty() {
            put(th, short, v)?;
        }
        let name = th.intern(long)?;
        class::set_attr(th, c, name, v)?;
    }
    let none = flag(th, 0)?;
    put(th, "NOFLAG", none)?;
    let e = class::define(th, None, &ERROR)?;
    ERROR_SHAPE.store(super::lock::shape_of(e), Relaxed);
    put(th, "PatternError", e)?;
    put(th, "error", e)
}

// ------------------------------------------------------------------------------------------------------------- flags

static FLAG: [Def; 10] = [
    def("__or__", "($self, value, /)", |th, a| combine(th, a, |x, y| x | y), "Return self|value."),
    def("__ror__", "($self, value, /)", |th, a| combine(th, a, |x, y| x | y), "Return value|self."),
    def("__and__", "($self, value, /)", |th, a| combine(th, a, |x, y| x & y), "Return self&value."),
    def("__rand__", "($self, value, /)", |th, a| combine(th, a, |x, y| x & y), "Return value&self."),
    def("__xor__", "($self, value, /)", |th, a| combine(th, a, |x, y| x ^ y), "Return self^value."),
    def("__rxor__", "($self, value, /)", |th, a| combine(th, a, |x, y| x ^ y), "Return value^self."),
    def("__invert__", "($self, /)", invert, "Return ~self."),
    def("__repr__", "($self, /)", |th, a| shown(th, a[0]), "Return repr(self)."),
    def("__str__", "($self, /)", |th, a| shown(th, a[0]), "Return str(self)."),
    def("__hash__", "($self, /)", |_, a| Ok(Value::int(bits(a[0]))), "Return hash(self)."),
];

static NAME: Def = def(
    "name",
    "(flag, /)",
    |th, a| {
        let names = names(bits(a[0]), "");
        if names.is_empty() { Ok(Value::NONE) } else { types::text(th, names) }
    },
    "The name of the Enum member.",
);
static VALUE: Def = def("value", "(flag, /)", |_, a| Ok(a[0].base()), "The value of the Enum member.");

fn flag_class(th: &mut Thread) -> R {
    let ns = th.heap.new_dict()?;
    let module = th.intern("re")?;
    th.dict_insert(ns, N::__module__.v(), module)?;
    for d in [&NAME, &VALUE] {
        let getter = th.native(d, Value::UNBOUND, module)?;
        let property = th.call(C::property.v(), &[getter])?;
        let name = th.intern(d.name)?;
        th.dict_insert(ns, name, property)?;
    }
    let name = th.intern("RegexFlag")?;
    let bases = th.tuple(&[C::int.v()])?;
    let c = class::new_class(th, C::type_.v(), name, bases, ns, Value::UNBOUND)?;
    for d in &FLAG {
        class::add_method(th, c, d)?;
    }
    class::recompute(c);
    FLAG_SHAPE.store(super::lock::shape_of(c), Relaxed);
    Ok(c)
}

/// A flag of these bits.
pub fn flag(th: &mut Thread, bits: i64) -> R {
    let bits = th.heap.int(bits)?;
    crate::run::instance::wrap_base(th, class_by(&FLAG_SHAPE), bits)
}

fn bits(v: Value) -> i64 {
    match v.base() {
        Value::TRUE => 1,
        b if bigint::is_integer(b) => bigint::clamp_i64(b),
        _ => 0,
    }
}

fn combine(th: &mut Thread, a: Args, f: fn(i64, i64) -> i64) -> R {
    let other = a[1].base();
    if !other.is_bool() && !bigint::is_integer(other) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    flag(th, f(bits(a[0]), bits(other)))
}

fn invert(th: &mut Thread, a: Args) -> R {
    let all = NAMES.iter().fold(0, |all, (_, _, b)| all | *b as i64);
    flag(th, all & !bits(a[0]))
}

/// The names of bits, each behind `prefix`; what has no name as a number.
fn names(bits: i64, prefix: &str) -> String {
    let (mut out, mut rest) = (Vec::new(), bits);
    for (long, _, b) in NAMES {
        if bits & b as i64 != 0 {
            out.push(format!("{prefix}{long}"));
            rest &= !(b as i64);
        }
    }
    if rest != 0 && !out.is_empty() {
        out.push(format!("{rest:#x}"));
    }
    out.join("|")
}

fn shown(th: &mut Thread, v: Value) -> R {
    let n = bits(v);
    let text = match names(n, "re.") {
        _ if n == 0 => "re.NOFLAG".to_string(),
        s if s.is_empty() => format!("re.RegexFlag({n})"),
        s => s,
    };
    types::text(th, text)
}

/// The flags of a pattern as its repr shows them.
pub fn of_pattern(flags: u32, is_bytes: bool) -> String {
    let hidden = if is_bytes { 0 } else { UNICODE };
    let order = [IGNORECASE, LOCALE, MULTILINE, DOTALL, UNICODE, VERBOSE, DEBUG, ASCII];
    let (mut out, mut rest) = (Vec::new(), flags & !hidden);
    for b in order {
        if rest & b != 0 {
            out.push(names(b as i64, "re."));
            rest &= !b;
        }
    }
    if rest != 0 {
        out.push(format!("{rest:#x}"));
    }
    out.join("|")
}

// ------------------------------------------------------------------------------------------------------------ errors

static ERROR: ClassDef = ClassDef {
    name: "re.PatternError",
    doc: "Exception raised for invalid regular expressions.\n\nAttributes:\n\n    msg: The unformatted error message\n    \
          pattern: The regular expression pattern\n    pos: The index in the pattern where compilation failed (may be \
          None)\n    lineno: The line corresponding to pos (may be None)\n    colno: The column corresponding to pos \
          (may be None)",
    base: Some(C::Exception),
    slots: |s| s.init = Some(error_init),
    basetype: true,
    kind: Kind::Exception,
    ..PLAIN
};

fn error_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    let [msg, pattern, pos] = types::bind(th, "PatternError", ["msg", "pattern", "pos"], 1, args, kwargs)?;
    let (pattern, pos) = (pattern.or(Value::NONE), pos.or(Value::NONE));
    let (mut line, mut column, mut shown) = (Value::NONE, Value::NONE, msg);
    if !pattern.is_none() && !pos.is_none() {
        let at = th.index(pos)?.max(0) as usize;
        let codes = codes_of(th, pattern)?;
        let before = &codes[..at.min(codes.len())];
        let row = before.iter().filter(|c| **c == 10).count() + 1;
        let col = at - before.iter().rposition(|c| *c == 10).map_or(0, |i| i + 1) + 1;
        (line, column) = (Value::int(row as i64), Value::int(col as i64));
        let mut text = format!("{} at position {at}", th.str_text(msg)?);
        if codes.contains(&10) {
            text += &format!(" (line {row}, column {col})");
        }
        shown = types::text(th, text)?;
    }
    for (name, v) in [("msg", msg), ("pattern", pattern), ("pos", pos), ("lineno", line), ("colno", column)] {
        let name = th.intern(name)?;
        th.setattr(o, name, v)?;
    }
    let args = th.tuple(&[shown])?;
    o.get::<Exception>().args.set(args);
    Ok(())
}

fn codes_of(th: &mut Thread, pattern: Value) -> R<Vec<u32>> {
    let b = pattern.base();
    if let Some(bytes) = b.cast::<Bytes>() {
        return Ok(super::re_parse::codes(bytes.bytes(), true));
    }
    if !crate::heap::text::is_text(b) {
        return Err(th.type_error(format!("expected str or bytes, got {}", th.type_name(pattern))));
    }
    let bytes = crate::heap::text::bytes_of(&mut th.heap, b)?;
    Ok(super::re_parse::codes(bytes, false))
}

/// Raises PatternError.
#[cold]
pub fn raise(th: &mut Thread, msg: &str, pattern: Value, pos: Option<usize>) -> Raised {
    let made = types::text(th, msg).and_then(|m| {
        let pos = pos.map_or(Value::NONE, |p| Value::int(p as i64));
        th.call(class_by(&ERROR_SHAPE), &[m, pattern, pos])
    });
    match made {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}
