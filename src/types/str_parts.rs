//! Methods of `str` that take text apart, put it together or tabulate it. Invariant: pieces are cut at boundaries of code
//! points, which a match of whole text always is.

use super::str_more::need;
use crate::heap::list::push;
use crate::heap::object::{Dict, List, Tuple};
use crate::heap::text::index::{codes, decode};
use crate::heap::text::{self, chars, search};
use crate::heap::{Kind, Value, bigint};
use crate::run::{Args, R, Thread};

/// `sep.join(items)`.
pub fn join(th: &mut Thread, sep: Value, items: Value) -> R {
    let items = if matches!(items.kind(), Kind::List | Kind::Tuple) {
        th.to_tuple(items)?
    } else {
        match th.iter(items) {
            Ok(it) => th.to_tuple(it)?,
            Err(_) if th.raised_is(crate::heap::known::C::TypeError) => {
                th.take_raised();
                return Err(th.type_error("can only join an iterable"));
            }
            Err(e) => return Err(e),
        }
    };
    let t = items.get::<Tuple>();
    if t.is_empty() {
        return Ok(crate::heap::known::S::empty_str.v());
    }
    if t.len() == 1 && text::is_text(t.at(0)) {
        return Ok(t.at(0));
    }
    let between = text::bytes_of(&mut th.heap, sep)?;
    let mut n = between.len() * (t.len() - 1);
    for (i, v) in t.iter().enumerate() {
        let b = v.base();
        if !text::is_text(b) {
            let name = th.type_name(v);
            return Err(th.type_error(format!("sequence item {i}: expected str instance, {name} found")));
        }
        n += text::bytes_of(&mut th.heap, b)?.len();
    }
    Ok(text::written(&mut th.heap, n, |to| {
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            // SAFETY: the pieces have the lengths that were summed up: texts do not change.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.add(at), bytes.len()) };
            at += bytes.len();
        };
        for (i, v) in t.iter().enumerate() {
            if i > 0 {
                put(between);
            }
            put(text::peek_bytes(v.base()).unwrap_or_default());
        }
    })?)
}

/// `strip` and its one-sided forms.
pub fn strip(th: &mut Thread, a: Args, name: &str, left: bool, right: bool) -> R {
    let v = a[0].base();
    let bytes = text::bytes_of(&mut th.heap, v)?;
    let set: Option<&[u8]> = if a[1].is_unbound() || a[1].is_none() {
        None
    } else if text::is_text(a[1].base()) {
        Some(text::bytes_of(&mut th.heap, a[1].base())?)
    } else {
        return Err(th.type_error(format!("{name} arg must be None or str")));
    };
    if text::is_ascii(v) && set.is_none_or(|s| s.is_ascii()) {
        let drop = |b: &u8| set.map_or_else(|| is_blank(*b), |s| s.contains(b));
        let from = if left { bytes.iter().position(|b| !drop(b)).unwrap_or(bytes.len()) } else { 0 };
        let rest = &bytes[from..];
        let end = if right { rest.iter().rposition(|b| !drop(b)).map_or(0, |n| n + 1) } else { rest.len() };
        return if end == bytes.len() { Ok(v) } else { Ok(text::of_ascii(&mut th.heap, &rest[..end])?) };
    }
    let drop = |c: u32| match set {
        None => chars::is_space(c),
        Some(set) => codes(set).any(|s| s == c),
    };
    let mut rest = codes(bytes);
    if left {
        let mut ahead = rest.clone();
        while ahead.next().is_some_and(drop) {
            rest = ahead.clone();
        }
    }
    if right {
        let mut ahead = rest.clone();
        while ahead.next_back().is_some_and(drop) {
            rest = ahead.clone();
        }
    }
    let kept = rest.rest();
    if kept.len() == bytes.len() { Ok(v) } else { Ok(text::of_bytes(&mut th.heap, kept)?) }
}

fn add(th: &mut Thread, out: Value, piece: &[u8]) -> R<()> {
    let v = text::of_bytes(&mut th.heap, piece)?;
    Ok(push(&mut th.heap, out.get::<List>(), v)?)
}

/// `split` and `rsplit`.
pub fn split(th: &mut Thread, a: Args, right: bool) -> R {
    let limit = if a[2].is_unbound() { -1 } else { super::slice::ssize(th, a[2])? };
    let limit = if limit < 0 { usize::MAX } else { limit as usize };
    let v = a[0].base();
    let bytes = text::bytes_of(&mut th.heap, v)?;
    let out = th.list_with(0)?;
    if a[1].is_unbound() || a[1].is_none() {
        match right {
            true => words_back(th, bytes, limit, out)?,
            false if text::is_ascii(v) => ascii_words(th, bytes, limit, out)?,
            false => words(th, bytes, limit, out)?,
        }
    } else {
        let sep = a[1].base();
        if !text::is_text(sep) {
            let t = th.type_name(a[1]);
            return Err(th.type_error(format!("must be str or None, not {t}")));
        }
        let sep = text::bytes_of(&mut th.heap, sep)?;
        if sep.is_empty() {
            return Err(th.value_error("empty separator"));
        }
        if right { pieces_back(th, bytes, sep, limit, out)? } else { pieces(th, bytes, sep, limit, out)? }
    }
    if right {
        crate::heap::list::reverse(&mut th.heap, out.get::<List>());
    }
    Ok(out)
}

fn pieces(th: &mut Thread, bytes: &[u8], sep: &[u8], mut limit: usize, out: Value) -> R<()> {
    let mut at = 0;
    if let [one] = sep {
        for hit in memchr::memchr_iter(*one, bytes) {
            if limit == 0 {
                break;
            }
            limit -= 1;
            add(th, out, &bytes[at..hit])?;
            at = hit + 1;
        }
    } else {
        let finder = memchr::memmem::Finder::new(sep);
        while limit > 0
            && let Some(hit) = finder.find(&bytes[at..])
        {
            limit -= 1;
            add(th, out, &bytes[at..at + hit])?;
            at += hit + sep.len();
        }
    }
    add(th, out, &bytes[at..])
}

fn pieces_back(th: &mut Thread, bytes: &[u8], sep: &[u8], mut limit: usize, out: Value) -> R<()> {
    let mut end = bytes.len();
    while limit > 0
        && let Some(hit) = search::rfind_bytes(&bytes[..end], sep)
    {
        limit -= 1;
        add(th, out, &bytes[hit + sep.len()..end])?;
        end = hit;
    }
    add(th, out, &bytes[..end])
}

/// White space among ASCII bytes.
#[inline(always)]
fn is_blank(b: u8) -> bool {
    matches!(b, b' ' | 9..=13 | 0x1c..=0x1f)
}

fn ascii_words(th: &mut Thread, bytes: &[u8], mut limit: usize, out: Value) -> R<()> {
    let mut at = 0;
    loop {
        while at < bytes.len() && is_blank(bytes[at]) {
            at += 1;
        }
        if at == bytes.len() {
            return Ok(());
        }
        let start = at;
        at = bytes.len();
        if limit > 0 {
            limit -= 1;
            at = bytes[start..].iter().position(|b| is_blank(*b)).map_or(at, |n| start + n);
        }
        let v = text::of_ascii(&mut th.heap, &bytes[start..at])?;
        push(&mut th.heap, out.get::<List>(), v)?;
    }
}

fn words(th: &mut Thread, bytes: &[u8], mut limit: usize, out: Value) -> R<()> {
    let mut at = 0;
    let space = |at: usize| {
        let b = bytes[at];
        if b < 128 {
            (matches!(b, b' ' | 9..=13 | 0x1c..=0x1f), 1)
        } else {
            let (c, n) = decode(bytes, at);
            (chars::is_space(c), n)
        }
    };
    loop {
        while at < bytes.len()
            && let (true, n) = space(at)
        {
            at += n;
        }
        if at == bytes.len() {
            return Ok(());
        }
        if limit == 0 {
            return add(th, out, &bytes[at..]);
        }
        limit -= 1;
        let start = at;
        while at < bytes.len()
            && let (false, n) = space(at)
        {
            at += n;
        }
        add(th, out, &bytes[start..at])?;
    }
}

fn words_back(th: &mut Thread, bytes: &[u8], mut limit: usize, out: Value) -> R<()> {
    let mut rest = bytes;
    loop {
        let mut ahead = codes(rest);
        let mut kept = ahead.clone();
        while ahead.next_back().is_some_and(chars::is_space) {
            kept = ahead.clone();
        }
        rest = &rest[..kept.rest().len()];
        if rest.is_empty() {
            return Ok(());
        }
        if limit == 0 {
            return add(th, out, rest);
        }
        limit -= 1;
        let mut ahead = codes(rest);
        let mut kept = ahead.clone();
        while ahead.next_back().is_some_and(|c| !chars::is_space(c)) {
            kept = ahead.clone();
        }
        let n = kept.rest().len();
        add(th, out, &rest[n..])?;
        rest = &rest[..n];
    }
}

/// `splitlines`.
pub fn splitlines(th: &mut Thread, a: Args) -> R {
    let keep = !a[1].is_unbound() && th.truth(a[1])?;
    let bytes = text::bytes_of(&mut th.heap, a[0].base())?;
    let out = th.list_with(0)?;
    let (mut start, mut at) = (0, 0);
    while at < bytes.len() {
        let (c, n) = decode(bytes, at);
        if !chars::is_line_end(c) {
            at += n;
            continue;
        }
        let end = at;
        at += n;
        if c == 0x0d && bytes.get(at) == Some(&b'\n') {
            at += 1;
        }
        add(th, out, &bytes[start..if keep { at } else { end }])?;
        start = at;
    }
    if start < bytes.len() {
        add(th, out, &bytes[start..])?;
    }
    Ok(out)
}

/// `str.maketrans`.
pub fn maketrans(th: &mut Thread, a: Args) -> R {
    let out = th.heap.new_dict()?;
    if a[1].is_unbound() {
        if a[0].like::<Dict>().is_none() {
            return Err(th.type_error("if you give only one argument to maketrans it must be a dict"));
        }
        let pairs = th.dict_pairs(a[0])?;
        let t = pairs.get::<Tuple>();
        for i in 0..t.len() / 2 {
            let (k, v) = (t.at(2 * i), t.at(2 * i + 1));
            let b = k.base();
            let key = if text::is_text(b) {
                let bytes = text::bytes_of(&mut th.heap, b)?;
                match super::format::only_char(bytes) {
                    Some(c) => Value::int(c as i64),
                    None => return Err(th.value_error("string keys in translatetable must be of length 1")),
                }
            } else if bigint::is_integer(b) {
                k
            } else {
                return Err(th.type_error("keys in translate table mustbe strings or integers"));
            };
            th.dict_insert(out, key, v)?;
        }
        return Ok(out);
    }
    let y = need(th, a[1], "maketrans", 2)?;
    let z = if a[2].is_unbound() { Value::UNBOUND } else { need(th, a[2], "maketrans", 3)? };
    if !text::is_text(a[0].base()) {
        return Err(th.type_error("first maketrans argument must be a string if there is a second argument"));
    }
    if text::len(a[0].base()) != text::len(y) {
        return Err(th.value_error("the first two maketrans arguments must have equal length"));
    }
    let (from, to) = (text::bytes_of(&mut th.heap, a[0].base())?, text::bytes_of(&mut th.heap, y)?);
    for (k, v) in codes(from).zip(codes(to)) {
        th.dict_insert(out, Value::int(k as i64), Value::int(v as i64))?;
    }
    if !z.is_unbound() {
        let gone = text::bytes_of(&mut th.heap, z)?;
        for k in codes(gone) {
            th.dict_insert(out, Value::int(k as i64), Value::NONE)?;
        }
    }
    Ok(out)
}
