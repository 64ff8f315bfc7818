//! Methods that bytes and bytearray share. Invariant: `self` is read once, before anything that runs user code could
//! resize it, or read again after.

use super::bytes::{byte, content, make_like};
use super::seq;
use super::slice::ssize;
use crate::heap::list::push;
use crate::heap::object::{Bytes, List, Tuple};
use crate::heap::text::{self, search};
use crate::heap::{Full, Kind, Value};
use crate::run::{Args, Def, R, Thread, def};
use std::borrow::Cow;

/// The rows that both classes have, with more of one's own.
macro_rules! shared {
    ($($more:expr),* $(,)?) => { &[
        def("capitalize", "($self, /)", |th, a| mapped(th, a, Case::Capital), "Return a copy with only its first character capitalized."),
        def("lower", "($self, /)", |th, a| mapped(th, a, Case::Lower), "Return a copy with all ASCII characters converted to lowercase."),
        def("upper", "($self, /)", |th, a| mapped(th, a, Case::Upper), "Return a copy with all ASCII characters converted to uppercase."),
        def("swapcase", "($self, /)", |th, a| mapped(th, a, Case::Swap), "Return a copy with uppercase ASCII characters converted to lowercase and vice versa."),
        def("title", "($self, /)", |th, a| mapped(th, a, Case::Title), "Return a titlecased version."),
        def("center", "($self, width, fillchar=b' ', /)", |th, a| aligned(th, a, "center"), "Return a centered copy of length width."),
        def("ljust", "($self, width, fillchar=b' ', /)", |th, a| aligned(th, a, "ljust"), "Return a left-justified copy of length width."),
        def("rjust", "($self, width, fillchar=b' ', /)", |th, a| aligned(th, a, "rjust"), "Return a right-justified copy of length width."),
        def("zfill", "($self, width, /)", zfill, "Pad a numeric string with zeros on the left, to fill a field of the given width."),
        def("count", "($self, sub, start=None, end=None, /)", count, "Return the number of non-overlapping occurrences of sub."),
        def("find", "($self, sub, start=None, end=None, /)", |th, a| Ok(Value::int(found(th, a, false)?)), "Return the lowest index where sub is found, -1 on failure."),
        def("rfind", "($self, sub, start=None, end=None, /)", |th, a| Ok(Value::int(found(th, a, true)?)), "Return the highest index where sub is found, -1 on failure."),
        def("index", "($self, sub, start=None, end=None, /)", |th, a| must_find(th, a, false), "Return the lowest index where sub is found; ValueError on failure."),
        def("rindex", "($self, sub, start=None, end=None, /)", |th, a| must_find(th, a, true), "Return the highest index where sub is found; ValueError on failure."),
        def("startswith", "($self, prefix, start=None, end=None, /)", |th, a| edge(th, a, "startswith"), "Return True if it starts with the specified prefix, False otherwise."),
        def("endswith", "($self, suffix, start=None, end=None, /)", |th, a| edge(th, a, "endswith"), "Return True if it ends with the specified suffix, False otherwise."),
        def("decode", "($self, /, encoding='utf-8', errors='strict')", decode, "Decode the bytes using the codec registered for encoding."),
        def("expandtabs", "($self, /, tabsize=8)", expandtabs, "Return a copy where all tab characters are expanded using spaces."),
        def("hex", "($self, /, sep=<unrepresentable>, bytes_per_sep=1)", hex, "Create a string of hexadecimal numbers."),
        def("isalnum", "($self, /)", |_, a| Ok(Value::bool(all(content(a[0]), u8::is_ascii_alphanumeric))), "Return True if all characters are alphanumeric and there is at least one."),
        def("isalpha", "($self, /)", |_, a| Ok(Value::bool(all(content(a[0]), u8::is_ascii_alphabetic))), "Return True if all characters are alphabetic and there is at least one."),
        def("isascii", "($self, /)", |_, a| Ok(Value::bool(content(a[0]).is_ascii())), "Return True if empty or all characters are ASCII."),
        def("isdigit", "($self, /)", |_, a| Ok(Value::bool(all(content(a[0]), u8::is_ascii_digit))), "Return True if all characters are digits and there is at least one."),
        def("isspace", "($self, /)", |_, a| Ok(Value::bool(all(content(a[0]), is_space))), "Return True if all characters are whitespace and there is at least one."),
        def("islower", "($self, /)", |_, a| Ok(Value::bool(cased(content(a[0]), u8::is_ascii_lowercase, u8::is_ascii_uppercase))), "Return True if all cased characters are lowercase and there is at least one."),
        def("isupper", "($self, /)", |_, a| Ok(Value::bool(cased(content(a[0]), u8::is_ascii_uppercase, u8::is_ascii_lowercase))), "Return True if all cased characters are uppercase and there is at least one."),
        def("istitle", "($self, /)", |_, a| Ok(Value::bool(text::chars::all_title(&ascii_only(content(a[0]))))), "Return True if titlecased and there is at least one character."),
        def("join", "($self, iterable_of_bytes, /)", join, "Concatenate any number of bytes objects."),
        def("strip", "($self, bytes=None, /)", |th, a| strip(th, a, true, true), "Strip leading and trailing bytes contained in the argument."),
        def("lstrip", "($self, bytes=None, /)", |th, a| strip(th, a, true, false), "Strip leading bytes contained in the argument."),
        def("rstrip", "($self, bytes=None, /)", |th, a| strip(th, a, false, true), "Strip trailing bytes contained in the argument."),
        def("partition", "($self, sep, /)", |th, a| partition(th, a, false), "Partition into three parts using the given separator."),
        def("rpartition", "($self, sep, /)", |th, a| partition(th, a, true), "Partition into three parts using the given separator."),
        def("removeprefix", "($self, prefix, /)", |th, a| removed(th, a, true), "Return a bytes object with the given prefix string removed if present."),
        def("removesuffix", "($self, suffix, /)", |th, a| removed(th, a, false), "Return a bytes object with the given suffix string removed if present."),
        def("replace", "($self, old, new, count=-1, /)", replace, "Return a copy with all occurrences of old replaced by new."),
        def("split", "($self, /, sep=None, maxsplit=-1)", |th, a| split(th, a, false), "Return a list of the sections, using sep as the delimiter."),
        def("rsplit", "($self, /, sep=None, maxsplit=-1)", |th, a| split(th, a, true), "Return a list of the sections, using sep as the delimiter."),
        def("splitlines", "($self, /, keepends=False)", splitlines, "Return a list of the lines, breaking at line boundaries."),
        def("translate", "($self, table, /, delete=b'')", translate, "Return a copy with each character mapped by the given translation table."),
        $($more),*
    ] };
}

/// Methods of bytes.
pub static METHODS: &[Def] = shared! {
    def("__bytes__", "($self, /)", |th, a| super::bytes::make(th, content(a[0])), "Convert this value to exact type bytes."),
    def("__getnewargs__", "($self, /)", |th, a| {
        let v = super::bytes::make(th, content(a[0]))?;
        Ok(th.tuple(&[v])?)
    }, ""),
    def("__sizeof__", "($self, /)", |_, a| Ok(Value::int(33 + content(a[0]).len() as i64)), "Size of object in memory, in bytes."),
};

/// Methods of bytearray.
pub static ARRAY_METHODS: &[Def] = {
    use super::bytearray::*;
    shared! {
        def("append", "($self, item, /)", append, "Append a single item to the end of the bytearray."),
        def("clear", "($self, /)", clear, "Remove all items from the bytearray."),
        def("copy", "($self, /)", |th, a| make(th, content(a[0])), "Return a copy of B."),
        def("extend", "($self, iterable_of_ints, /)", extend, "Append all the items from the iterator or sequence to the end of the bytearray."),
        def("insert", "($self, index, item, /)", insert, "Insert a single item into the bytearray before the given index."),
        def("pop", "($self, index=-1, /)", pop, "Remove and return a single item from B."),
        def("remove", "($self, value, /)", remove, "Remove the first occurrence of a value in the bytearray."),
        def("resize", "($self, size, /)", resize, "Resize the internal buffer of bytearray to len."),
        def("reverse", "($self, /)", reverse, "Reverse the order of the values in B in place."),
        def("__reduce__", "($self, /)", |th, a| reduce_array(th, a[0], 2), "Return state information for pickling."),
        def("__reduce_ex__", "($self, proto=0, /)", |th, a| {
            let proto = if a[1].is_unbound() { 0 } else { th.index(a[1])? };
            reduce_array(th, a[0], proto)
        }, "Return state information for pickling."),
        def("__sizeof__", "($self, /)", |_, a| Ok(Value::int(57 + content(a[0]).len() as i64)), "Returns the size of the bytearray object in memory, in bytes."),
    }
};

/// Class methods of both.
pub static CLASS_METHODS: &[Def] = &[FROM_HEX];
/// Class methods of bytearray.
pub static ARRAY_CLASS_METHODS: &[Def] = &[FROM_HEX];
const FROM_HEX: Def = def(
    "fromhex",
    "($type, string, /)",
    from_hex,
    "Create a bytes object from a string of hexadecimal numbers.",
);

/// Static methods of bytes.
pub static STATIC_METHODS: &[Def] = &[MAKETRANS];
/// Static methods of bytearray.
pub static ARRAY_STATIC_METHODS: &[Def] = &[MAKETRANS];
const MAKETRANS: Def = def(
    "maketrans",
    "(frm, to, /)",
    maketrans,
    "Return a translation table usable for the bytes or bytearray translate method.",
);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Lower,
    Upper,
    Swap,
    Title,
    Capital,
}

fn is_space(b: &u8) -> bool {
    matches!(b, b' ' | 9..=13)
}

fn all(bytes: &[u8], test: fn(&u8) -> bool) -> bool {
    !bytes.is_empty() && bytes.iter().all(test)
}

fn cased(bytes: &[u8], yes: fn(&u8) -> bool, no: fn(&u8) -> bool) -> bool {
    bytes.iter().any(yes) && !bytes.iter().any(no)
}

/// Bytes beyond ASCII are no letters.
fn ascii_only(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|b| if b.is_ascii() { *b } else { b'.' }).collect()
}

fn mapped(th: &mut Thread, a: Args, case: Case) -> R {
    let mut out = content(a[0]).to_vec();
    let mut inside = false;
    for b in &mut out {
        let was = b.is_ascii_alphabetic();
        *b = match case {
            Case::Lower => b.to_ascii_lowercase(),
            Case::Upper => b.to_ascii_uppercase(),
            Case::Swap if b.is_ascii_uppercase() => b.to_ascii_lowercase(),
            Case::Swap => b.to_ascii_uppercase(),
            _ if inside => b.to_ascii_lowercase(),
            _ => b.to_ascii_uppercase(),
        };
        inside = was || case == Case::Capital;
    }
    make_like(th, a[0], &out)
}

fn aligned(th: &mut Thread, a: Args, name: &str) -> R {
    let width = ssize(th, a[1])?.max(0) as usize;
    let fill = if a[2].is_unbound() {
        b' '
    } else {
        match (a[2].base().kind(), content(a[2])) {
            (Kind::Bytes | Kind::ByteArray, [b]) => *b,
            (kind, c) => {
                let t = th.type_name(a[2]);
                let text = match kind {
                    Kind::Bytes | Kind::ByteArray => format!(
                        "{name}(): argument 2 must be a byte string of length 1, not a {t} object of length {}",
                        c.len()
                    ),
                    _ => {
                        let t = super::seq::said(th, a[2]);
                        format!("{name}() argument 2 must be a byte string of length 1, not {t}")
                    }
                };
                return Err(th.type_error(text));
            }
        }
    };
    let bytes = content(a[0]);
    let room = width.saturating_sub(bytes.len());
    let left = match name {
        "rjust" => room,
        "center" => room / 2 + (room & width & 1),
        _ => 0,
    };
    padded(th, a[0], bytes, fill, left, room - left)
}

fn padded(th: &mut Thread, like: Value, bytes: &[u8], fill: u8, left: usize, right: usize) -> R {
    let mut out = text::StrBuilder::new();
    out.reserve(bytes.len() + left + right)?;
    for _ in 0..left {
        out.push_bytes(&[fill])?;
    }
    out.push_bytes(bytes)?;
    for _ in 0..right {
        out.push_bytes(&[fill])?;
    }
    make_like(th, like, out.bytes())
}

fn zfill(th: &mut Thread, a: Args) -> R {
    let width = ssize(th, a[1])?.max(0) as usize;
    let bytes = content(a[0]);
    let room = width.saturating_sub(bytes.len());
    let signed = matches!(bytes.first(), Some(b'+' | b'-')) as usize;
    let mut out = text::StrBuilder::new();
    out.push_bytes(&bytes[..signed])?;
    out.push_repeated(b'0' as u32, room)?;
    out.push_bytes(&bytes[signed..])?;
    make_like(th, a[0], out.bytes())
}

/// What is searched for: a bytes-like, or one byte.
fn needle(th: &mut Thread, v: Value) -> R<Cow<'static, [u8]>> {
    if let Some(b) = seq::buffer(v) {
        return Ok(b);
    }
    if seq::is_index(v) {
        return Ok(Cow::Owned(vec![byte(th, v, "byte must be in range(0, 256)")?]));
    }
    let t = th.type_name(v);
    Err(th.type_error(format!("argument should be integer or bytes-like object, not '{t}'")))
}

/// What `find(sub, start, stop)` and the like search for; `start` and `stop` are looked at first.
fn sought(th: &mut Thread, a: &Args) -> R<Cow<'static, [u8]>> {
    seq::window(th, a[2], a[3], 0)?;
    needle(th, a[1])
}

/// The part `start..stop` and where it begins; nothing if they are crossed.
fn part(th: &mut Thread, o: Value, start: Value, stop: Value) -> R<Option<(usize, &'static [u8])>> {
    let (from, to) = seq::window(th, start, stop, content(o).len())?;
    let bytes = content(o);
    let to = to.min(bytes.len());
    Ok((from <= to).then(|| (from, &bytes[from..to])))
}

fn count(th: &mut Thread, a: Args) -> R {
    let needle = sought(th, &a)?;
    let n = match part(th, a[0], a[2], a[3])? {
        None => 0,
        Some((_, hay)) if needle.is_empty() => hay.len() + 1,
        Some((_, hay)) => search::count_bytes(hay, &needle),
    };
    Ok(Value::int(n as i64))
}

fn found(th: &mut Thread, a: Args, last: bool) -> R<i64> {
    let needle = sought(th, &a)?;
    let Some((from, hay)) = part(th, a[0], a[2], a[3])? else { return Ok(-1) };
    let at = if last { search::rfind_bytes(hay, &needle) } else { search::find_bytes(hay, &needle) };
    Ok(at.map_or(-1, |at| (from + at) as i64))
}

fn must_find(th: &mut Thread, a: Args, last: bool) -> R {
    match found(th, a, last)? {
        -1 => Err(th.value_error("subsection not found")),
        i => Ok(Value::int(i)),
    }
}

fn edge(th: &mut Thread, a: Args, name: &str) -> R {
    let hay = part(th, a[0], a[2], a[3])?.map(|p| p.1);
    let holds =
        |x: &[u8]| hay.is_some_and(|h| if name == "startswith" { h.starts_with(x) } else { h.ends_with(x) });
    if let Some(t) = a[1].base().cast::<Tuple>() {
        for x in t.iter() {
            let x = seq::need_buffer(th, x)?;
            if holds(&x) {
                return Ok(Value::TRUE);
            }
        }
        return Ok(Value::FALSE);
    }
    match seq::buffer(a[1]) {
        Some(x) => Ok(Value::bool(holds(&x))),
        None => {
            let t = th.type_name(a[1]);
            Err(th.type_error(format!("{name} first arg must be bytes or a tuple of bytes, not {t}")))
        }
    }
}

fn decode(th: &mut Thread, a: Args) -> R {
    if a[1].is_unbound()
        && a[2].is_unbound()
        && let Some(b) = a[0].base().cast::<Bytes>()
        && b.bytes().is_ascii()
    {
        return Ok(text::of_ascii(&mut th.heap, b.bytes())?);
    }
    let (encoding, errors) = super::codec::options(th, "decode", a[1], a[2])?;
    super::codec::decode(th, content(a[0]), a[0].base(), &encoding, &errors)
}

fn expandtabs(th: &mut Thread, a: Args) -> R {
    let size = if a[1].is_unbound() { 8 } else { super::slice::c_int(th, a[1])? };
    let mut out = text::StrBuilder::new();
    let mut column = 0isize;
    for &b in content(a[0]) {
        match b {
            b'\t' if size > 0 => {
                let n = size - column % size;
                out.push_repeated(b' ' as u32, n as usize)?;
                column += n;
            }
            b'\t' => {}
            b => {
                out.push_bytes(&[b])?;
                column = if matches!(b, b'\n' | b'\r') { 0 } else { column + 1 };
            }
        }
    }
    make_like(th, a[0], out.bytes())
}

fn hex(th: &mut Thread, a: Args) -> R {
    hex_of(th, content(a[0]), a[1], a[2])
}

/// `hex(sep, bytes_per_sep)` of bytes.
pub fn hex_of(th: &mut Thread, bytes: &[u8], sep: Value, per: Value) -> R {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let per = if per.is_unbound() { 1 } else { super::slice::c_int(th, per)? };
    let sep = if sep.is_unbound() {
        None
    } else {
        let n = th.len(sep)?;
        if n != 1 {
            return Err(th.value_error("sep must be length 1."));
        }
        let b = sep.base();
        let c = if text::is_text(b) {
            text::bytes_of(&mut th.heap, b)?.to_vec()
        } else if matches!(b.kind(), Kind::Bytes | Kind::ByteArray) {
            content(b).to_vec()
        } else {
            return Err(th.type_error("sep must be str or bytes."));
        };
        if !c.is_ascii() {
            return Err(th.value_error("sep must be ASCII."));
        }
        Some(c[0])
    };
    let n = bytes.len();
    let Some(sep) = sep.filter(|_| per != 0) else {
        return Ok(text::written(&mut th.heap, n * 2, |to| {
            for (i, b) in bytes.iter().enumerate() {
                // SAFETY: the text in the making has room for two digits of each byte.
                unsafe {
                    *to.add(2 * i) = DIGITS[(b >> 4) as usize];
                    *to.add(2 * i + 1) = DIGITS[(b & 15) as usize];
                }
            }
        })?);
    };
    let group = per.unsigned_abs();
    let mut out = text::StrBuilder::new();
    out.reserve(n * 2)?;
    for (i, b) in bytes.iter().enumerate() {
        // Groups are counted from the end, or from the beginning when the size is negative.
        let edge = if per > 0 { (n - i).is_multiple_of(group) } else { i.is_multiple_of(group) };
        if i > 0 && edge {
            out.push_bytes(&[sep])?;
        }
        out.push_bytes(&[DIGITS[(b >> 4) as usize], DIGITS[(b & 15) as usize]])?;
    }
    Ok(out.finish(&mut th.heap)?)
}

fn from_hex(th: &mut Thread, a: Args) -> R {
    let b = a[1].base();
    let source: Cow<'static, [u8]> = if text::is_text(b) {
        Cow::Borrowed(text::bytes_of(&mut th.heap, b)?)
    } else {
        match seq::buffer(b) {
            Some(s) => s,
            None => {
                let t = th.type_name(a[1]);
                return Err(th.type_error(format!("fromhex() argument must be str or bytes-like, not {t}")));
            }
        }
    };
    let mut out = Vec::with_capacity(source.len() / 2);
    let digit = |i: usize| source.get(i).and_then(|b| (*b as char).to_digit(16));
    let mut i = 0;
    while i < source.len() {
        if is_space(&source[i]) {
            i += 1;
            continue;
        }
        let bad = match (digit(i), digit(i + 1)) {
            (Some(h), Some(l)) => {
                out.push((h * 16 + l) as u8);
                i += 2;
                continue;
            }
            (None, _) => i,
            (Some(_), None) => i + 1,
        };
        if bad >= source.len() {
            return Err(th.value_error("fromhex() arg must contain an even number of hexadecimal digits"));
        }
        let at = text::index::count(&source[..bad]);
        return Err(th.value_error(format!("non-hexadecimal number found in fromhex() arg at position {at}")));
    }
    let base = crate::heap::known::C::bytearray.v();
    let array = crate::run::class::is_subclass(a[0], base);
    let v = if array { super::bytearray::make(th, &out)? } else { super::bytes::make(th, &out)? };
    if a[0] == base || a[0] == crate::heap::known::C::bytes.v() { Ok(v) } else { th.call(a[0], &[v]) }
}

fn maketrans(th: &mut Thread, a: Args) -> R {
    let (from, to) = (seq::need_buffer(th, a[0])?, seq::need_buffer(th, a[1])?);
    if from.len() != to.len() {
        return Err(th.value_error("maketrans arguments must have same length"));
    }
    let mut table: Vec<u8> = (0..=255).collect();
    for (k, v) in from.iter().zip(to.iter()) {
        table[*k as usize] = *v;
    }
    super::bytes::make(th, &table)
}

fn translate(th: &mut Thread, a: Args) -> R {
    let table = if a[1].is_none() { None } else { Some(seq::need_buffer(th, a[1])?) };
    if table.as_ref().is_some_and(|t| t.len() != 256) {
        return Err(th.value_error("translation table must be 256 characters long"));
    }
    let gone = if a[2].is_unbound() { Cow::Borrowed(&[][..]) } else { seq::need_buffer(th, a[2])? };
    let out: Vec<u8> = content(a[0])
        .iter()
        .filter(|b| !gone.contains(b))
        .map(|b| table.as_ref().map_or(*b, |t| t[*b as usize]))
        .collect();
    make_like(th, a[0], &out)
}

fn join(th: &mut Thread, a: Args) -> R {
    let items = match th.iter(a[1]) {
        Ok(it) => th.to_tuple(it)?,
        Err(_) if th.raised_is(crate::heap::known::C::TypeError) => {
            th.take_raised();
            return Err(th.type_error("can only join an iterable"));
        }
        Err(e) => return Err(e),
    };
    let mut out = text::StrBuilder::new();
    for (i, v) in items.get::<Tuple>().iter().enumerate() {
        if i > 0 {
            out.push_bytes(content(a[0]))?;
        }
        match seq::buffer(v) {
            Some(b) => out.push_bytes(&b)?,
            None => {
                let t = th.type_name(v);
                return Err(
                    th.type_error(format!("sequence item {i}: expected a bytes-like object, {t} found"))
                );
            }
        }
    }
    make_like(th, a[0], out.bytes())
}

fn strip(th: &mut Thread, a: Args, left: bool, right: bool) -> R {
    let set = if a[1].is_unbound() || a[1].is_none() { None } else { Some(seq::need_buffer(th, a[1])?) };
    let drop = |b: &u8| set.as_ref().map_or(is_space(b), |s| s.contains(b));
    let mut bytes = content(a[0]);
    while left
        && let [first, rest @ ..] = bytes
        && drop(first)
    {
        bytes = rest;
    }
    while right
        && let [rest @ .., last] = bytes
        && drop(last)
    {
        bytes = rest;
    }
    make_like(th, a[0], bytes)
}

fn partition(th: &mut Thread, a: Args, last: bool) -> R {
    let sep = seq::need_buffer(th, a[1])?;
    if sep.is_empty() {
        return Err(th.value_error("empty separator"));
    }
    let hay = content(a[0]);
    let at = if last { search::rfind_bytes(hay, &sep) } else { search::find_bytes(hay, &sep) };
    let (x, y, z): (&[u8], &[u8], &[u8]) = match at {
        Some(at) => (&hay[..at], &sep, &hay[at + sep.len()..]),
        None if last => (b"", b"", hay),
        None => (hay, b"", b""),
    };
    let own = at.is_some() && a[0].base().is_kind(Kind::Bytes);
    let y = if own { a[1] } else { make_like(th, a[0], y)? };
    let (x, z) = (make_like(th, a[0], x)?, make_like(th, a[0], z)?);
    Ok(th.tuple(&[x, y, z])?)
}

fn removed(th: &mut Thread, a: Args, front: bool) -> R {
    let x = seq::need_buffer(th, a[1])?;
    let bytes = content(a[0]);
    let rest = if front { bytes.strip_prefix(&x[..]) } else { bytes.strip_suffix(&x[..]) };
    make_like(th, a[0], rest.unwrap_or(bytes))
}

fn replace(th: &mut Thread, a: Args) -> R {
    let (old, new) = (seq::need_buffer(th, a[1])?, seq::need_buffer(th, a[2])?);
    let limit = if a[3].is_unbound() { -1 } else { ssize(th, a[3])? };
    let mut left = if limit < 0 { usize::MAX } else { limit as usize };
    let hay = content(a[0]);
    let mut out = text::StrBuilder::new();
    let mut at = 0;
    if new.len() > old.len() {
        // Refused before anything is written where the result is beyond all memory.
        let hits = match old.is_empty() {
            true => hay.len() + 1,
            false => search::count_bytes(hay, &old),
        };
        let more = (new.len() - old.len()).checked_mul(hits.min(left)).ok_or(Full)?;
        out.reserve(more.saturating_add(hay.len()))?;
    }
    if old.is_empty() {
        while left > 0 && at <= hay.len() {
            left -= 1;
            out.push_bytes(&new)?;
            out.push_bytes(&hay[at..(at + 1).min(hay.len())])?;
            at += 1;
        }
    } else {
        while left > 0
            && let Some(hit) = search::find_bytes(&hay[at..], &old)
        {
            left -= 1;
            out.push_bytes(&hay[at..at + hit])?;
            out.push_bytes(&new)?;
            at += hit + old.len();
        }
    }
    out.push_bytes(&hay[at.min(hay.len())..])?;
    make_like(th, a[0], out.bytes())
}

fn split(th: &mut Thread, a: Args, right: bool) -> R {
    let limit = if a[2].is_unbound() { -1 } else { ssize(th, a[2])? };
    let limit = if limit < 0 { usize::MAX } else { limit as usize };
    let sep = if a[1].is_unbound() || a[1].is_none() { None } else { Some(seq::need_buffer(th, a[1])?) };
    if sep.as_ref().is_some_and(|s| s.is_empty()) {
        return Err(th.value_error("empty separator"));
    }
    let bytes = content(a[0]);
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    match (&sep, right) {
        (Some(sep), false) => {
            let mut at = 0;
            while cuts.len() < limit
                && let Some(hit) = search::find_bytes(&bytes[at..], sep)
            {
                cuts.push((at, at + hit));
                at += hit + sep.len();
            }
            cuts.push((at, bytes.len()));
        }
        (Some(sep), true) => {
            let mut end = bytes.len();
            while cuts.len() < limit
                && let Some(hit) = search::rfind_bytes(&bytes[..end], sep)
            {
                cuts.push((hit + sep.len(), end));
                end = hit;
            }
            cuts.push((0, end));
        }
        (None, false) => {
            let mut at = 0;
            loop {
                at += bytes[at..].iter().take_while(|b| is_space(b)).count();
                if at == bytes.len() {
                    break;
                }
                if cuts.len() == limit {
                    cuts.push((at, bytes.len()));
                    break;
                }
                let n = bytes[at..].iter().take_while(|b| !is_space(b)).count();
                cuts.push((at, at + n));
                at += n;
            }
        }
        (None, true) => {
            let mut end = bytes.len();
            loop {
                end -= bytes[..end].iter().rev().take_while(|b| is_space(b)).count();
                if end == 0 {
                    break;
                }
                if cuts.len() == limit {
                    cuts.push((0, end));
                    break;
                }
                let n = bytes[..end].iter().rev().take_while(|b| !is_space(b)).count();
                cuts.push((end - n, end));
                end -= n;
            }
        }
    }
    if right {
        cuts.reverse();
    }
    let out = th.list_with(cuts.len())?;
    for (from, to) in cuts {
        let v = make_like(th, a[0], &bytes[from..to])?;
        push(&mut th.heap, out.get::<List>(), v)?;
    }
    Ok(out)
}

fn splitlines(th: &mut Thread, a: Args) -> R {
    let keep = !a[1].is_unbound() && th.truth(a[1])?;
    let bytes = content(a[0]);
    let out = th.list_with(0)?;
    let mut start = 0;
    while start < bytes.len() {
        let end = memchr::memchr2(b'\n', b'\r', &bytes[start..]).map_or(bytes.len(), |n| start + n);
        let next = match &bytes[end..] {
            [b'\r', b'\n', ..] => end + 2,
            [] => end,
            _ => end + 1,
        };
        let v = make_like(th, a[0], &bytes[start..if keep { next } else { end }])?;
        push(&mut th.heap, out.get::<List>(), v)?;
        start = next;
    }
    Ok(out)
}
