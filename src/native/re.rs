//! Module `re`: compiled patterns, their cache and the functions that use them. Invariant: a Pattern owns its program
//! and never changes; whoever runs a program keeps its Pattern alive.

use super::re_exec::{Matcher, Trouble, Want};
use super::re_flag;
use super::re_parse;
use super::re_prog::{self, Program};
use super::re_tree::Fault;
use super::{re_match, re_sub};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::text::{self, index};
use crate::heap::{Kind, Value, bigint, dict};
use crate::run::class::{self, class_of};
use crate::run::{Args, ClassDef, Cmp, Def, ModuleDef, PLAIN, R, Raised, Thread, arith, def, get};
use crate::types;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "re",
    doc: "Support for regular expressions (RE).",
    functions: &FUNCTIONS,
    fill: |th, dict| {
        re_flag::fill(th, dict)?;
        let c = class::define(th, None, &PATTERN)?;
        PATTERN_SHAPE.store(super::lock::shape_of(c), Relaxed);
        let name = th.intern("Pattern")?;
        th.dict_insert(dict, name, c)?;
        let cache = th.heap.new_dict()?;
        let cell = th.new_cell(cache)?;
        let name = th.intern(CACHE)?;
        th.dict_insert(c.get::<Class>().dict.get(), name, cell)?;
        let m = re_match::classes(th)?;
        let name = th.intern("Match")?;
        th.dict_insert(dict, name, m)
    },
};

static FUNCTIONS: [Def; 12] = [
    def(
        "compile",
        "(pattern, flags=0)",
        |th, a| compiled(th, a[0], a[1]),
        "Compile a regular expression pattern, returning a Pattern object.",
    ),
    def("_compile", "(pattern, flags)", |th, a| compiled(th, a[0], a[1]), "What pickles of patterns name."),
    def(
        "match",
        "(pattern, string, flags=0)",
        |th, a| one(th, a[0], a[1], a[2], Want::Match),
        "Try to apply the pattern at the start of the string, returning a Match object, or None if no match was found.",
    ),
    def(
        "fullmatch",
        "(pattern, string, flags=0)",
        |th, a| one(th, a[0], a[1], a[2], Want::Full),
        "Try to apply the pattern to all of the string, returning a Match object, or None if no match was found.",
    ),
    def(
        "search",
        "(pattern, string, flags=0)",
        |th, a| one(th, a[0], a[1], a[2], Want::Search),
        "Scan through string looking for a match to the pattern, returning a Match object, or None if no match was found.",
    ),
    def(
        "findall",
        "(pattern, string, flags=0)",
        |th, a| {
            let p = compiled(th, a[0], a[2])?;
            with(th, p, |th, _| re_sub::findall(th, p, a[1], Value::UNBOUND, Value::UNBOUND))
        },
        "Return a list of all non-overlapping matches in the string.",
    ),
    def(
        "finditer",
        "(pattern, string, flags=0)",
        |th, a| {
            let p = compiled(th, a[0], a[2])?;
            re_match::scanner(th, p, a[1], Value::UNBOUND, Value::UNBOUND, true)
        },
        "Return an iterator over all non-overlapping matches in the string.",
    ),
    def(
        "split",
        "(pattern, string, maxsplit=0, flags=0)",
        |th, a| {
            let p = compiled(th, a[0], a[3])?;
            with(th, p, |th, _| re_sub::split(th, p, a[1], a[2]))
        },
        "Split the source string by the occurrences of the pattern, returning a list containing the resulting substrings.",
    ),
    def(
        "sub",
        "(pattern, repl, string, count=0, flags=0)",
        |th, a| {
            let p = compiled(th, a[0], a[4])?;
            with(th, p, |th, _| Ok(re_sub::sub(th, p, a[1], a[2], a[3])?.0))
        },
        "Return the string obtained by replacing the leftmost non-overlapping occurrences of the pattern in string by \
         the replacement repl.",
    ),
    def(
        "subn",
        "(pattern, repl, string, count=0, flags=0)",
        |th, a| {
            let p = compiled(th, a[0], a[4])?;
            let (s, n) = with(th, p, |th, _| re_sub::sub(th, p, a[1], a[2], a[3]))?;
            Ok(th.tuple(&[s, Value::int(n as i64)])?)
        },
        "Return a 2-tuple containing (new_string, number).",
    ),
    def("escape", "(pattern)", re_sub::escape, "Escape special characters in a string."),
    def("purge", "()", purge, "Clear the regular expression caches"),
];

const CACHE: &str = "_cache";
/// Patterns that the cache remembers.
const REMEMBERED: usize = 512;

static PATTERN_SHAPE: AtomicU32 = AtomicU32::new(0);

static PATTERN: ClassDef = ClassDef {
    name: "re.Pattern",
    doc: "Compiled regular expression object.",
    slots: |s| {
        s.new = None;
        s.repr = Some(repr);
        s.hash = Some(|th, o| {
            let b = o.get::<Boxed>();
            Ok(th.hash(b.x.get())? ^ b.z.get().as_int().wrapping_mul(0x9e37_79b9))
        });
        s.compare = Some(compare);
    },
    methods: &METHODS,
    class_methods: &[def(
        "__class_getitem__",
        "($type, object, /)",
        |th, a| th.generic_alias(a[0], a[1]),
        "See PEP 585",
    )],
    getset: &[
        get(
            "pattern",
            |_, o| Ok(o.get::<Boxed>().x.get()),
            "The pattern string from which the RE object was compiled.",
        ),
        get("flags", |_, o| Ok(o.get::<Boxed>().z.get()), "The regex matching flags."),
        get(
            "groups",
            |_, o| Ok(Value::int(program(o).groups as i64 - 1)),
            "The number of capturing groups in the pattern.",
        ),
        get(
            "groupindex",
            |_, o| Ok(o.get::<Boxed>().y.get()),
            "A dictionary mapping group names to group numbers.",
        ),
    ],
    kind: Kind::Boxed,
    ..PLAIN
};

static METHODS: [Def; 12] = [
    def(
        "match",
        "($self, string, pos=0, endpos=sys.maxsize)",
        |th, a| apply(th, a[0], a[1], a[2], a[3], Want::Match),
        "Matches zero or more characters at the beginning of the string.",
    ),
    def(
        "fullmatch",
        "($self, string, pos=0, endpos=sys.maxsize)",
        |th, a| apply(th, a[0], a[1], a[2], a[3], Want::Full),
        "Matches against all of the string.",
    ),
    def(
        "search",
        "($self, string, pos=0, endpos=sys.maxsize)",
        |th, a| apply(th, a[0], a[1], a[2], a[3], Want::Search),
        "Scan through string looking for a match, and return a corresponding match object instance.",
    ),
    def(
        "findall",
        "($self, string, pos=0, endpos=sys.maxsize)",
        |th, a| re_sub::findall(th, a[0], a[1], a[2], a[3]),
        "Return a list of all non-overlapping matches of pattern in string.",
    ),
    def(
        "finditer",
        "($self, string, pos=0, endpos=sys.maxsize)",
        |th, a| re_match::scanner(th, a[0], a[1], a[2], a[3], true),
        "Return an iterator over all non-overlapping matches for the RE pattern in string.",
    ),
    def(
        "scanner",
        "($self, string, pos=0, endpos=sys.maxsize)",
        |th, a| re_match::scanner(th, a[0], a[1], a[2], a[3], false),
        "",
    ),
    def(
        "split",
        "($self, string, maxsplit=0)",
        |th, a| re_sub::split(th, a[0], a[1], a[2]),
        "Split string by the occurrences of pattern.",
    ),
    def(
        "sub",
        "($self, repl, string, count=0)",
        |th, a| Ok(re_sub::sub(th, a[0], a[1], a[2], a[3])?.0),
        "Return the string obtained by replacing the leftmost non-overlapping occurrences of pattern in string by the \
         replacement repl.",
    ),
    def(
        "subn",
        "($self, repl, string, count=0)",
        |th, a| {
            let (s, n) = re_sub::sub(th, a[0], a[1], a[2], a[3])?;
            Ok(th.tuple(&[s, Value::int(n as i64)])?)
        },
        "Return the tuple (new_string, number_of_subs_made) found by replacing the leftmost non-overlapping \
         occurrences of pattern with the replacement repl.",
    ),
    def("__copy__", "($self, /)", |_, a| Ok(a[0]), ""),
    def("__deepcopy__", "($self, memo, /)", |_, a| Ok(a[0]), ""),
    def(
        "__reduce__",
        "($self, /)",
        |th, a| {
            let f = types::imported(th, "re", "_compile")?;
            let b = a[0].get::<Boxed>();
            let args = th.tuple(&[b.x.get(), b.z.get()])?;
            Ok(th.tuple(&[f, args])?)
        },
        "",
    ),
];

fn pattern_class() -> Value {
    crate::heap::shape::shape(PATTERN_SHAPE.load(Relaxed)).class()
}

/// The program of a Pattern that the caller keeps alive.
pub fn program(pattern: Value) -> &'static Program {
    match pattern.get::<Boxed>().payload::<Program>() {
        Some(p) => p,
        None => unreachable!("a Pattern without its program"),
    }
}

/// Runs `f` with the Pattern kept alive.
pub fn with<T>(
    th: &mut Thread,
    pattern: Value,
    f: impl FnOnce(&mut Thread, &'static Program) -> R<T>,
) -> R<T> {
    let mark = th.keep(pattern);
    let r = f(th, program(pattern));
    th.drop_kept(mark);
    r
}

// --------------------------------------------------------------------------------------------------------- compiling

/// The Pattern for a text, byte string or Pattern.
fn compiled(th: &mut Thread, pattern: Value, flags: Value) -> R {
    let bits = match flags.base() {
        Value::UNBOUND | Value::FALSE => 0,
        Value::TRUE => 1,
        b if bigint::is_integer(b) => bigint::clamp_i64(b),
        _ => {
            let text =
                format!("unsupported operand type(s) for &: '{}' and 'RegexFlag'", th.type_name(flags));
            return Err(th.type_error(text));
        }
    };
    if class_of(pattern) == pattern_class() {
        if bits != 0 {
            return Err(th.value_error("cannot process flags argument with a compiled pattern"));
        }
        return Ok(pattern);
    }
    let text = pattern.base();
    if !text::is_text(text) && !text.is_kind(Kind::Bytes) {
        return Err(th.type_error("first argument must be string or compiled pattern"));
    }
    let text = if text::is_text(text) { text::flat_value(&mut th.heap, text)? } else { text };
    let key = if bits == 0 { text } else { th.tuple(&[text, Value::int(bits & 0xffff_ffff)])? };
    let name = th.intern(CACHE)?;
    let cache = class::lookup(pattern_class(), name).unwrap_or(Value::NONE);
    if cache.is_kind(Kind::Dict)
        && let Some(p) = th.dict_get(cache, key)?
    {
        return Ok(p);
    }
    let p = compile(th, text, bits as u32)?;
    if let Some(d) = cache.cast::<Dict>() {
        if d.len() >= REMEMBERED {
            dict::clear(&mut th.heap, d);
        }
        th.dict_insert(cache, key, p)?;
    }
    Ok(p)
}

fn compile(th: &mut Thread, text: Value, flags: u32) -> R {
    let is_bytes = text.is_kind(Kind::Bytes);
    let codes = match text.cast::<Bytes>() {
        Some(b) => re_parse::codes(b.bytes(), true),
        None => re_parse::codes(text::bytes_of(&mut th.heap, text)?, false),
    };
    let parsed = re_parse::parse(&codes, is_bytes, flags);
    let parsed = match parsed {
        Ok(p) => p,
        Err(Fault::Pattern(msg, at)) => return Err(re_flag::raise(th, &msg, text, at)),
        Err(Fault::Value(msg)) => return Err(th.value_error(msg)),
        Err(Fault::Overflow(msg)) => return Err(th.overflow_error(msg)),
    };
    let p = re_prog::compile(parsed, is_bytes);
    let names = th.heap.new_dict()?;
    for (name, g) in &p.names {
        let name = th.intern(name)?;
        th.dict_insert(names, name, Value::int(*g as i64))?;
    }
    let names = if p.names.is_empty() { names } else { types::proxy::make(th, names)? };
    let (flags, size) = (p.flags, p.size());
    let v = th.heap.boxed(PATTERN_SHAPE.load(Relaxed), Box::new(p), size)?;
    let b = v.get::<Boxed>();
    b.x.set(text);
    b.y.set(names);
    b.z.set(Value::int(flags as i64));
    Ok(v)
}

fn purge(th: &mut Thread, _: Args) -> R {
    let name = th.intern(CACHE)?;
    if let Some(cache) = class::lookup(pattern_class(), name)
        && let Some(d) = cache.cast::<Dict>()
    {
        dict::clear(&mut th.heap, d);
    }
    Ok(Value::NONE)
}

fn repr(th: &mut Thread, o: Value) -> R {
    let b = o.get::<Boxed>();
    let text = th.repr_text(b.x.get())?;
    let text: String = text.chars().take(200).collect();
    let flags = re_flag::of_pattern(b.z.get().as_int() as u32, program(o).bytes);
    let shown =
        if flags.is_empty() { format!("re.compile({text})") } else { format!("re.compile({text}, {flags})") };
    types::text(th, shown)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if class_of(b) != pattern_class() || !matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (x, y) = (a.get::<Boxed>(), b.get::<Boxed>());
    let same =
        x.z.get() == y.z.get() && program(a).bytes == program(b).bytes && th.eq(x.x.get(), y.x.get())?;
    Ok(Value::bool(same == (op == Cmp::Eq)))
}

// ---------------------------------------------------------------------------------------------------------- subjects

/// What is searched: the object given, the flat text or byte string, and its part up to `endpos`.
pub struct Subject {
    pub given: Value,
    pub value: Value,
    pub bytes: &'static [u8],
    /// Where the search begins, in bytes.
    pub from: usize,
    /// The bounds in characters.
    pub pos: usize,
    pub endpos: usize,
}

/// Takes a subject apart; `pos` and `endpos` may be unbound.
pub fn subject(th: &mut Thread, p: &Program, given: Value, pos: Value, endpos: Value) -> R<Subject> {
    let mut value = given.base();
    if let Some(b) = value.cast::<ByteArray>() {
        let data = b.data.get();
        let n = b.len.get().min(data.get::<Bytes>().len.get());
        value = th.heap.bytes(&data.get::<Bytes>().bytes()[..n])?;
    } else if class_of(value) == C::memoryview.v() {
        value = th.call(C::bytes.v(), &[value])?;
    } else if value.is_kind(Kind::Rope) {
        value = text::flat_value(&mut th.heap, value)?;
    }
    let is_bytes = value.is_kind(Kind::Bytes);
    if !is_bytes && !value.is_kind(Kind::Str) {
        let text = format!("expected string or bytes-like object, got '{}'", th.type_name(given));
        return Err(th.type_error(text));
    }
    if is_bytes != p.bytes {
        return Err(th.type_error(match is_bytes {
            true => "cannot use a string pattern on a bytes-like object",
            false => "cannot use a bytes pattern on a string-like object",
        }));
    }
    let all = match value.cast::<Bytes>() {
        Some(b) => b.bytes(),
        None => text::bytes_of(&mut th.heap, value)?,
    };
    let n = if is_bytes { all.len() } else { text::len(value) };
    let cut = |th: &mut Thread, v: Value, default: usize| -> R<usize> {
        Ok(if v.is_unbound() { default } else { arith::clamped(th, v)?.clamp(0, n as isize) as usize })
    };
    let (pos, endpos) = (cut(th, pos, 0)?, cut(th, endpos, n)?);
    let (from, to) = match is_bytes {
        true => (pos, endpos),
        false => (index::offset(&mut th.heap, value, pos)?, index::offset(&mut th.heap, value, endpos)?),
    };
    Ok(Subject { given, value, bytes: &all[..to], from, pos, endpos })
}

/// An error of the matcher as an exception.
#[cold]
pub fn trouble(th: &mut Thread, t: Trouble) -> Raised {
    match t {
        Trouble::Raised(r) => r,
        Trouble::Deep => th.memory_error("regular expression needs too much memory"),
        Trouble::Long => th.runtime_error("regular expression backtracks too long"),
    }
}

/// `pattern.match(string)` and its like.
fn apply(th: &mut Thread, pattern: Value, string: Value, pos: Value, endpos: Value, want: Want) -> R {
    let p = program(pattern);
    let s = subject(th, p, string, pos, endpos)?;
    if s.from > s.bytes.len() {
        return Ok(Value::NONE);
    }
    let mut m = Matcher::new(p, s.bytes);
    match m.find(th, s.from, want, false) {
        Ok(true) => re_match::make(th, pattern, &s, &m.slots),
        Ok(false) => Ok(Value::NONE),
        Err(t) => Err(trouble(th, t)),
    }
}

fn one(th: &mut Thread, pattern: Value, string: Value, flags: Value, want: Want) -> R {
    let p = compiled(th, pattern, flags)?;
    with(th, p, |th, _| apply(th, p, string, Value::UNBOUND, Value::UNBOUND, want))
}
