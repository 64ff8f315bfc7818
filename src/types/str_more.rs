//! Methods of `str`. Invariant: `self` and arguments are taken through `Value::base`; what is unchanged is given back as
//! it is.

use super::str_parts::*;
use super::{codec, seq, str_fmt};
use crate::heap::object::{Str, Tuple};
use crate::heap::text::chars::{self, Case};
use crate::heap::text::index::{codes, offset};
use crate::heap::text::{self, StrBuilder, search};
use crate::heap::{Kind, Value};
use crate::run::{Args, Def, R, Thread, def};

macro_rules! cased {
    ($name:literal $case:ident $doc:literal) => {
        def($name, "($self, /)", |th, a| Ok(chars::to_case(&mut th.heap, a[0].base(), Case::$case)?), $doc)
    };
}

macro_rules! test {
    ($name:literal $test:expr, $doc:literal) => {
        def(
            $name,
            "($self, /)",
            |th, a| {
                let bytes = text::bytes_of(&mut th.heap, a[0].base())?;
                let test: fn(&[u8]) -> bool = $test;
                Ok(Value::bool(test(bytes)))
            },
            $doc,
        )
    };
}

/// Methods.
pub static METHODS: &[Def] = &[
    cased!("capitalize" Capital "Return a capitalized version of the string."),
    cased!("casefold" Fold "Return a version of the string suitable for caseless comparisons."),
    cased!("lower" Lower "Return a copy of the string converted to lowercase."),
    cased!("upper" Upper "Return a copy of the string converted to uppercase."),
    cased!("title" Title "Return a version of the string where each word is titlecased."),
    cased!("swapcase" Swap "Convert uppercase characters to lowercase and lowercase characters to uppercase."),
    test!(
        "isalnum" | b | chars::all(b, chars::is_alnum),
        "Return True if the string is an alpha-numeric string, False otherwise."
    ),
    test!(
        "isalpha" | b | chars::all(b, chars::is_alpha),
        "Return True if the string is an alphabetic string, False otherwise."
    ),
    test!(
        "isascii" | b | b.is_ascii(),
        "Return True if all characters in the string are ASCII, False otherwise."
    ),
    test!(
        "isdecimal" | b | chars::all(b, chars::is_decimal),
        "Return True if the string is a decimal string, False otherwise."
    ),
    test!(
        "isdigit" | b | chars::all(b, chars::is_digit),
        "Return True if the string is a digit string, False otherwise."
    ),
    test!("isidentifier" chars::is_identifier, "Return True if the string is a valid Python identifier, False otherwise."),
    test!("islower" chars::all_lower, "Return True if the string is a lowercase string, False otherwise."),
    test!(
        "isnumeric" | b | chars::all(b, chars::is_numeric),
        "Return True if the string is a numeric string, False otherwise."
    ),
    test!(
        "isprintable" | b | codes(b).all(chars::is_printable),
        "Return True if all characters in the string are printable, False otherwise."
    ),
    test!(
        "isspace" | b | chars::all(b, chars::is_space),
        "Return True if the string is a whitespace string, False otherwise."
    ),
    test!("istitle" chars::all_title, "Return True if the string is a title-cased string, False otherwise."),
    test!("isupper" chars::all_upper, "Return True if the string is an uppercase string, False otherwise."),
    def(
        "center",
        "($self, width, fillchar=' ', /)",
        |th, a| aligned(th, a, b'^'),
        "Return a centered string of length width.",
    ),
    def(
        "ljust",
        "($self, width, fillchar=' ', /)",
        |th, a| aligned(th, a, b'<'),
        "Return a left-justified string of length width.",
    ),
    def(
        "rjust",
        "($self, width, fillchar=' ', /)",
        |th, a| aligned(th, a, b'>'),
        "Return a right-justified string of length width.",
    ),
    def(
        "count",
        "($self, sub, start=None, end=None, /)",
        count,
        "Return the number of non-overlapping occurrences of substring sub.",
    ),
    def(
        "encode",
        "($self, /, encoding='utf-8', errors='strict')",
        |th, a| {
            if a[1].is_unbound() && a[2].is_unbound() {
                let bytes = text::bytes_of(&mut th.heap, a[0].base())?;
                if std::str::from_utf8(bytes).is_ok() {
                    return Ok(th.bytes(bytes)?);
                }
            }
            let (encoding, errors) = codec::options(th, "encode", a[1], a[2])?;
            codec::encode(th, a[0].base(), &encoding, &errors)
        },
        "Encode the string using the codec registered for encoding.",
    ),
    def(
        "startswith",
        "($self, prefix, start=None, end=None, /)",
        |th, a| edge(th, a, "startswith"),
        "Return True if the string starts with the specified prefix, False otherwise.",
    ),
    def(
        "endswith",
        "($self, suffix, start=None, end=None, /)",
        |th, a| edge(th, a, "endswith"),
        "Return True if the string ends with the specified suffix, False otherwise.",
    ),
    def(
        "expandtabs",
        "($self, /, tabsize=8)",
        expandtabs,
        "Return a copy where all tab characters are expanded using spaces.",
    ),
    def(
        "find",
        "($self, sub, start=None, end=None, /)",
        |th, a| Ok(Value::int(found(th, a, "find", false)?)),
        "Return the lowest index in S where substring sub is found.",
    ),
    def(
        "rfind",
        "($self, sub, start=None, end=None, /)",
        |th, a| Ok(Value::int(found(th, a, "rfind", true)?)),
        "Return the highest index in S where substring sub is found.",
    ),
    def(
        "index",
        "($self, sub, start=None, end=None, /)",
        |th, a| must_find(th, a, "index", false),
        "Return the lowest index in S where substring sub is found.",
    ),
    def(
        "rindex",
        "($self, sub, start=None, end=None, /)",
        |th, a| must_find(th, a, "rindex", true),
        "Return the highest index in S where substring sub is found.",
    ),
    def(
        "format",
        "($self, /, *args, **kwargs)",
        str_fmt::format,
        "Return a formatted version of the string, using substitutions from args and kwargs.",
    ),
    def(
        "format_map",
        "($self, mapping, /)",
        str_fmt::format_map,
        "Return a formatted version of the string, using substitutions from mapping.",
    ),
    def(
        "join",
        "($self, iterable, /)",
        |th, a| join(th, a[0].base(), a[1]),
        "Concatenate any number of strings.",
    ),
    def(
        "strip",
        "($self, chars=None, /)",
        |th, a| strip(th, a, "strip", true, true),
        "Return a copy of the string with leading and trailing whitespace removed.",
    ),
    def(
        "lstrip",
        "($self, chars=None, /)",
        |th, a| strip(th, a, "lstrip", true, false),
        "Return a copy of the string with leading whitespace removed.",
    ),
    def(
        "rstrip",
        "($self, chars=None, /)",
        |th, a| strip(th, a, "rstrip", false, true),
        "Return a copy of the string with trailing whitespace removed.",
    ),
    def(
        "partition",
        "($self, sep, /)",
        |th, a| partition(th, a, false),
        "Partition the string into three parts using the given separator.",
    ),
    def(
        "rpartition",
        "($self, sep, /)",
        |th, a| partition(th, a, true),
        "Partition the string into three parts using the given separator.",
    ),
    def(
        "replace",
        "($self, old, new, /, count=-1)",
        replace,
        "Return a copy with all occurrences of substring old replaced by new.",
    ),
    def(
        "removeprefix",
        "($self, prefix, /)",
        |th, a| removed(th, a, "removeprefix"),
        "Return a str with the given prefix string removed if present.",
    ),
    def(
        "removesuffix",
        "($self, suffix, /)",
        |th, a| removed(th, a, "removesuffix"),
        "Return a str with the given suffix string removed if present.",
    ),
    def(
        "split",
        "($self, /, sep=None, maxsplit=-1)",
        |th, a| split(th, a, false),
        "Return a list of the substrings in the string, using sep as the separator string.",
    ),
    def(
        "rsplit",
        "($self, /, sep=None, maxsplit=-1)",
        |th, a| split(th, a, true),
        "Return a list of the substrings in the string, using sep as the separator string.",
    ),
    def(
        "splitlines",
        "($self, /, keepends=False)",
        splitlines,
        "Return a list of the lines in the string, breaking at line boundaries.",
    ),
    def(
        "translate",
        "($self, table, /)",
        translate,
        "Replace each character in the string using the given translation table.",
    ),
    def(
        "zfill",
        "($self, width, /)",
        zfill,
        "Pad a numeric string with zeros on the left, to fill a field of the given width.",
    ),
    def(
        "__format__",
        "($self, format_spec, /)",
        |th, a| super::format::str(th, a[0], a[1]),
        "Return a formatted version of the string as described by format_spec.",
    ),
    def("__getnewargs__", "($self, /)", |th, a| Ok(th.tuple(&[a[0].base()])?), ""),
    def(
        "__sizeof__",
        "($self, /)",
        |_, a| Ok(Value::int(41 + text::byte_len(a[0].base()) as i64)),
        "Return the size of the string in memory, in bytes.",
    ),
];

/// Static methods.
pub static STATIC_METHODS: &[Def] = &[def(
    "maketrans",
    "(x, y=None, z=None, /)",
    maketrans,
    "Return a translation table usable for str.translate().",
)];

/// A text argument, or TypeError naming its position.
pub fn need(th: &mut Thread, v: Value, function: &str, n: usize) -> R {
    let b = v.base();
    if text::is_text(b) {
        return Ok(b);
    }
    let t = seq::said(th, v);
    let n = if n == 0 { String::new() } else { format!(" {n}") };
    Err(th.type_error(format!("{function}() argument{n} must be str, not {t}")))
}

/// The text with everything beyond ASCII escaped.
pub fn ascii_only(th: &mut Thread, v: Value) -> R {
    if text::is_ascii(v) {
        return Ok(v);
    }
    let bytes = text::bytes_of(&mut th.heap, v)?;
    let mut out = StrBuilder::new();
    for c in codes(bytes) {
        if c < 128 { out.push_code(c)? } else { chars::push_escape(c, &mut out)? }
    }
    Ok(out.finish(&mut th.heap)?)
}

fn aligned(th: &mut Thread, a: Args, align: u8) -> R {
    let width = super::slice::ssize(th, a[1])?.max(0) as usize;
    let fill = if a[2].is_unbound() {
        b' ' as u32
    } else {
        let b = a[2].base();
        if !text::is_text(b) {
            let t = th.type_name(a[2]);
            return Err(th.type_error(format!("The fill character must be a unicode character, not {t}")));
        }
        let bytes = text::bytes_of(&mut th.heap, b)?;
        match super::format::only_char(bytes) {
            Some(c) => c,
            None => return Err(th.type_error("The fill character must be exactly one character long")),
        }
    };
    let v = a[0].base();
    let room = width.saturating_sub(text::len(v));
    if room == 0 {
        return Ok(v);
    }
    let left = match align {
        b'>' => room,
        // An odd room goes left when the width is odd too.
        b'^' => room / 2 + (room & width & 1),
        _ => 0,
    };
    let mut out = StrBuilder::new();
    out.push_repeated(fill, left)?;
    out.push_value(&mut th.heap, v)?;
    out.push_repeated(fill, room - left)?;
    Ok(out.finish(&mut th.heap)?)
}

fn count(th: &mut Thread, a: Args) -> R {
    let (v, sub) = (a[0].base(), need(th, a[1], "count", 1)?);
    let (start, stop) = seq::window(th, a[2], a[3], text::len(v))?;
    Ok(Value::int(search::count_in(&mut th.heap, v, sub, start, stop)? as i64))
}

fn found(th: &mut Thread, a: Args, name: &str, last: bool) -> R<i64> {
    let (v, sub) = (a[0].base(), need(th, a[1], name, 1)?);
    let (start, stop) = seq::window(th, a[2], a[3], text::len(v))?;
    Ok(search::find(&mut th.heap, v, sub, start, stop, last)?.map_or(-1, |i| i as i64))
}

fn must_find(th: &mut Thread, a: Args, name: &str, last: bool) -> R {
    match found(th, a, name, last)? {
        -1 => Err(th.value_error("substring not found")),
        i => Ok(Value::int(i)),
    }
}

fn edge(th: &mut Thread, a: Args, name: &str) -> R {
    let v = a[0].base();
    if a[2].is_unbound()
        && let (Some(s), Some(x)) = (v.cast::<Str>(), a[1].cast::<Str>())
    {
        let (s, x) = (s.bytes(), x.bytes());
        return Ok(Value::bool(if name == "startswith" { s.starts_with(x) } else { s.ends_with(x) }));
    }
    let (start, stop) = seq::window(th, a[2], a[3], text::len(v))?;
    let (from, to) = match start <= stop {
        true => (offset(&mut th.heap, v, start)?, offset(&mut th.heap, v, stop)?),
        false => (1, 0),
    };
    let bytes = text::bytes_of(&mut th.heap, v)?;
    let part = if from <= to { Some(&bytes[from..to]) } else { None };
    let holds = |th: &mut Thread, x: Value| -> R<bool> {
        let x = text::bytes_of(&mut th.heap, x)?;
        Ok(part.is_some_and(|p| if name == "startswith" { p.starts_with(x) } else { p.ends_with(x) }))
    };
    let x = a[1].base();
    if let Some(t) = x.cast::<Tuple>() {
        for x in t.iter() {
            if !text::is_text(x.base()) {
                let t = th.type_name(x);
                return Err(th.type_error(format!("tuple for {name} must only contain str, not {t}")));
            }
            if holds(th, x.base())? {
                return Ok(Value::TRUE);
            }
        }
        return Ok(Value::FALSE);
    }
    if !text::is_text(x) {
        let t = th.type_name(a[1]);
        return Err(th.type_error(format!("{name} first arg must be str or a tuple of str, not {t}")));
    }
    holds(th, x).map(Value::bool)
}

fn expandtabs(th: &mut Thread, a: Args) -> R {
    let size = if a[1].is_unbound() { 8 } else { super::slice::c_int(th, a[1])? };
    let bytes = text::bytes_of(&mut th.heap, a[0].base())?;
    if !bytes.contains(&b'\t') {
        return Ok(a[0].base());
    }
    let mut out = StrBuilder::new();
    let mut column = 0isize;
    for c in codes(bytes) {
        match c {
            0x09 if size > 0 => {
                let n = size - column % size;
                out.push_repeated(b' ' as u32, n as usize)?;
                column += n;
            }
            0x09 => {}
            c => {
                out.push_code(c)?;
                column = if matches!(c, 0x0a | 0x0d) { 0 } else { column + 1 };
            }
        }
    }
    Ok(out.finish(&mut th.heap)?)
}

fn partition(th: &mut Thread, a: Args, last: bool) -> R {
    let v = a[0].base();
    let sep = a[1].base();
    if !text::is_text(sep) {
        let t = th.type_name(a[1]);
        return Err(th.type_error(format!("must be str, not {t}")));
    }
    let needle = text::bytes_of(&mut th.heap, sep)?;
    if needle.is_empty() {
        return Err(th.value_error("empty separator"));
    }
    let hay = text::bytes_of(&mut th.heap, v)?;
    let at = if last { search::rfind_bytes(hay, needle) } else { search::find_bytes(hay, needle) };
    let empty = crate::heap::known::S::empty_str.v();
    let parts = match at {
        Some(at) => {
            let before = text::of_bytes(&mut th.heap, &hay[..at])?;
            let after = text::of_bytes(&mut th.heap, &hay[at + needle.len()..])?;
            [before, sep, after]
        }
        None if last => [empty, empty, v],
        None => [v, empty, empty],
    };
    Ok(th.tuple(&parts)?)
}

fn replace(th: &mut Thread, a: Args) -> R {
    let (old, new) = (need(th, a[1], "replace", 1)?, need(th, a[2], "replace", 2)?);
    let limit = if a[3].is_unbound() { -1 } else { super::slice::ssize(th, a[3])? };
    let limit = if limit < 0 { usize::MAX } else { limit as usize };
    Ok(search::replace(&mut th.heap, a[0].base(), old, new, limit)?)
}

fn removed(th: &mut Thread, a: Args, name: &str) -> R {
    let v = a[0].base();
    let x = need(th, a[1], name, 0)?;
    let x = text::bytes_of(&mut th.heap, x)?;
    let bytes = text::bytes_of(&mut th.heap, v)?;
    let rest = if name == "removeprefix" { bytes.strip_prefix(x) } else { bytes.strip_suffix(x) };
    match rest {
        Some(rest) if !x.is_empty() => Ok(text::of_bytes(&mut th.heap, rest)?),
        _ => Ok(v),
    }
}

fn zfill(th: &mut Thread, a: Args) -> R {
    let width = super::slice::ssize(th, a[1])?.max(0) as usize;
    let v = a[0].base();
    let room = width.saturating_sub(text::len(v));
    if room == 0 {
        return Ok(v);
    }
    let bytes = text::bytes_of(&mut th.heap, v)?;
    let signed = matches!(bytes.first(), Some(b'+' | b'-')) as usize;
    let mut out = StrBuilder::new();
    out.push_bytes(&bytes[..signed])?;
    out.push_repeated(b'0' as u32, room)?;
    out.push_bytes(&bytes[signed..])?;
    Ok(out.finish(&mut th.heap)?)
}

fn translate(th: &mut Thread, a: Args) -> R {
    let (v, table) = (a[0].base(), a[1]);
    let bytes = text::bytes_of(&mut th.heap, v)?;
    let mut out = StrBuilder::new();
    for c in codes(bytes) {
        let key = Value::int(c as i64);
        let to = if table.is_kind(Kind::Dict) {
            th.dict_get(table, key)?
        } else {
            match th.getitem(table, key) {
                Ok(v) => Some(v),
                Err(_) if th.raised_is(crate::heap::known::C::LookupError) => {
                    th.take_raised();
                    None
                }
                Err(e) => return Err(e),
            }
        };
        match to {
            None => out.push_code(c)?,
            Some(t) if t.is_none() => {}
            Some(t) if text::is_text(t.base()) => out.push_value(&mut th.heap, t.base())?,
            Some(t) if crate::heap::bigint::is_integer(t.base()) => {
                match crate::heap::bigint::to_i64(t.base()).filter(|i| (0..0x11_0000).contains(i)) {
                    Some(i) => out.push_code(i as u32)?,
                    None => return Err(th.value_error("character mapping must be in range(0x110000)")),
                }
            }
            Some(_) => return Err(th.type_error("character mapping must return integer, None or str")),
        }
    }
    Ok(out.finish(&mut th.heap)?)
}
