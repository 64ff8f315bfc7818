//! What goes through all matches of a subject: findall, split, sub; and templates, escape. Invariant: after a match
//! the search goes on at its end, where after an empty one another empty match does not count.

use super::re::{self, Subject};
use super::re_exec::{Matcher, NOWHERE, Want};
use super::re_prog::Program;
use super::{re_flag, re_match};
use crate::heap::known::{N, S};
use crate::heap::object::*;
use crate::heap::text::{self, chars, index};
use crate::heap::{Kind, Value, list};
use crate::run::class::{class_of, lookup, slots};
use crate::run::{Args, R, Thread, arith, poll};

/// Calls `f` with the slots of each match, at most `limit` times, until it says false.
fn each(
    th: &mut Thread,
    p: &Program,
    s: &Subject,
    limit: usize,
    mut f: impl FnMut(&mut Thread, &[usize]) -> R<()>,
) -> R<()> {
    if s.from > s.bytes.len() {
        return Ok(());
    }
    let mut m = Matcher::new(p, s.bytes);
    let (mut at, mut advance, mut n) = (s.from, false, 0);
    while n < limit {
        match m.find(th, at, Want::Search, advance) {
            Ok(true) => {}
            Ok(false) => break,
            Err(t) => return Err(re::trouble(th, t)),
        }
        let (from, to) = (m.slots[0], m.slots[1]);
        f(th, &m.slots)?;
        (at, advance) = (to, from == to);
        n += 1;
        if n.is_multiple_of(4096) {
            poll::native_poll(th)?;
        }
    }
    Ok(())
}

/// The part of the subject that a group matched, `default` if it did not.
fn group(th: &mut Thread, s: &Subject, slots: &[usize], g: usize, default: Value) -> R {
    let (a, b) = (slots[2 * g], slots[2 * g + 1]);
    if a == NOWHERE || b == NOWHERE || b < a {
        return Ok(default);
    }
    re_match::part(&mut th.heap, s.value, a, b)
}

fn empty(p: &Program) -> Value {
    if p.bytes { S::empty_bytes.v() } else { S::empty_str.v() }
}

fn count(th: &mut Thread, v: Value) -> R<usize> {
    Ok(match if v.is_unbound() { 0 } else { arith::clamped(th, v)? } {
        0 => usize::MAX,
        n if n < 0 => 0,
        n => n as usize,
    })
}

/// `findall`.
pub fn findall(th: &mut Thread, pattern: Value, string: Value, pos: Value, endpos: Value) -> R {
    let p = re::program(pattern);
    let s = re::subject(th, p, string, pos, endpos)?;
    let out = th.list_with(0)?;
    each(th, p, &s, usize::MAX, |th, slots| {
        let v = match p.groups {
            1 => group(th, &s, slots, 0, Value::NONE)?,
            2 => group(th, &s, slots, 1, empty(p))?,
            n => {
                let t = th.tuple_with(n - 1)?;
                for g in 1..n {
                    let v = group(th, &s, slots, g, empty(p))?;
                    // SAFETY: the tuple was made with an item for each group.
                    unsafe { t.get::<Tuple>().item(g - 1) }.set(v);
                }
                t
            }
        };
        Ok(list::push(&mut th.heap, out.get::<List>(), v)?)
    })?;
    Ok(out)
}

/// `split`.
pub fn split(th: &mut Thread, pattern: Value, string: Value, maxsplit: Value) -> R {
    let p = re::program(pattern);
    let limit = count(th, maxsplit)?;
    let s = re::subject(th, p, string, Value::UNBOUND, Value::UNBOUND)?;
    let out = th.list_with(0)?;
    let mut last = 0;
    each(th, p, &s, limit, |th, slots| {
        let v = re_match::part(&mut th.heap, s.value, last, slots[0])?;
        list::push(&mut th.heap, out.get::<List>(), v)?;
        for g in 1..p.groups {
            let v = group(th, &s, slots, g, Value::NONE)?;
            list::push(&mut th.heap, out.get::<List>(), v)?;
        }
        last = slots[1];
        Ok(())
    })?;
    let v = re_match::part(&mut th.heap, s.value, last, s.bytes.len())?;
    list::push(&mut th.heap, out.get::<List>(), v)?;
    Ok(out)
}

// --------------------------------------------------------------------------------------------------------- templates

/// A part of a replacement.
enum Piece {
    Text(Vec<u8>),
    Group(usize),
}

struct Reader<'a> {
    codes: &'a [u32],
    at: usize,
}

impl Reader<'_> {
    fn byte(&self) -> Option<u8> {
        self.codes.get(self.at).filter(|c| **c < 128).map(|c| *c as u8)
    }

    fn octal(&self) -> bool {
        self.byte().is_some_and(|b| (b'0'..b'8').contains(&b))
    }

    fn text(&self, from: usize) -> String {
        self.codes[from..self.at].iter().filter_map(|c| char::from_u32(*c)).collect()
    }
}

/// Reads a template (a flat text or byte string).
fn template(th: &mut Thread, p: &Program, value: Value, all: &[u8]) -> R<Vec<Piece>> {
    if !all.contains(&b'\\') {
        return Ok(vec![Piece::Text(all.to_vec())]);
    }
    let codes = super::re_parse::codes(all, p.bytes);
    let mut r = Reader { codes: &codes, at: 0 };
    let mut out: Vec<Piece> = Vec::new();
    let push = |out: &mut Vec<Piece>, code: u32| {
        if !matches!(out.last(), Some(Piece::Text(_))) {
            out.push(Piece::Text(Vec::new()));
        }
        let Some(Piece::Text(t)) = out.last_mut() else { return };
        if p.bytes {
            t.push(code as u8);
        } else {
            let mut b = [0; 4];
            let n = index::encode(code, &mut b);
            t.extend_from_slice(&b[..n]);
        }
    };
    while let Some(&c) = codes.get(r.at) {
        let here = r.at;
        r.at += 1;
        if c != '\\' as u32 {
            push(&mut out, c);
            continue;
        }
        let Some(&c) = codes.get(r.at) else {
            return Err(re_flag::raise(th, "bad escape (end of pattern)", value, Some(here)));
        };
        r.at += 1;
        match u8::try_from(c).unwrap_or(0) {
            b'g' => {
                let g = named(th, p, value, &mut r)?;
                out.push(Piece::Group(g));
            }
            b'0' => {
                for _ in 0..2 {
                    r.at += r.octal() as usize;
                }
                let n = u32::from_str_radix(&r.text(here + 1), 8).unwrap_or(0);
                push(&mut out, n & 0xff);
            }
            b @ b'1'..=b'9' => {
                let two_octal = b < b'8' && r.octal();
                if r.byte().is_some_and(|b| b.is_ascii_digit()) {
                    r.at += 1;
                    if two_octal && r.octal() {
                        r.at += 1;
                        let text = r.text(here + 1);
                        let n = u32::from_str_radix(&text, 8).unwrap_or(u32::MAX);
                        if n > 0o377 {
                            let msg = format!("octal escape value \\{text} outside of range 0-0o377");
                            return Err(re_flag::raise(th, &msg, value, Some(here)));
                        }
                        push(&mut out, n);
                        continue;
                    }
                }
                let g = r.text(here + 1).parse::<usize>().unwrap_or(usize::MAX);
                if g >= p.groups {
                    let msg = format!("invalid group reference {g}");
                    return Err(re_flag::raise(th, &msg, value, Some(here + 1)));
                }
                out.push(Piece::Group(g));
            }
            b'a' => push(&mut out, 7),
            b'b' => push(&mut out, 8),
            b'f' => push(&mut out, 12),
            b'n' => push(&mut out, 10),
            b'r' => push(&mut out, 13),
            b't' => push(&mut out, 9),
            b'v' => push(&mut out, 11),
            b'\\' => push(&mut out, 92),
            b if b.is_ascii_alphabetic() => {
                let msg = format!("bad escape \\{}", b as char);
                return Err(re_flag::raise(th, &msg, value, Some(here)));
            }
            _ => {
                push(&mut out, 92);
                push(&mut out, c);
            }
        }
    }
    Ok(out)
}

/// `\g<...>`, of which the letter has been read.
fn named(th: &mut Thread, p: &Program, value: Value, r: &mut Reader) -> R<usize> {
    if r.byte() != Some(b'<') {
        return Err(re_flag::raise(th, "missing <", value, Some(r.at)));
    }
    r.at += 1;
    let from = r.at;
    while r.at < r.codes.len() && r.codes[r.at] != '>' as u32 {
        r.at += 1;
    }
    let name = r.text(from);
    if name.is_empty() {
        return Err(re_flag::raise(th, "missing group name", value, Some(from)));
    }
    if r.at >= r.codes.len() {
        return Err(re_flag::raise(th, "missing >, unterminated name", value, Some(from)));
    }
    r.at += 1;
    if name.bytes().all(|b| b.is_ascii_digit()) {
        let g = name.parse::<usize>().unwrap_or(usize::MAX);
        if g >= p.groups {
            let msg = format!("invalid group reference {name}");
            return Err(re_flag::raise(th, &msg, value, Some(from)));
        }
        return Ok(g);
    }
    if !chars::is_identifier(name.as_bytes()) {
        let msg = format!("bad character in group name '{name}'");
        return Err(re_flag::raise(th, &msg, value, Some(from)));
    }
    match p.names.iter().find(|(n, _)| *n == name) {
        Some((_, g)) => Ok(*g),
        None => Err(th.index_error(format!("unknown group name '{name}'"))),
    }
}

/// The bytes of a replacement of the same type as the pattern.
fn replacement(th: &mut Thread, p: &Program, v: Value) -> R<(Value, &'static [u8])> {
    let b = v.base();
    match b.cast::<Bytes>() {
        Some(x) if p.bytes => return Ok((b, x.bytes())),
        _ if text::is_text(b) && !p.bytes => {
            let flat = text::flat_value(&mut th.heap, b)?;
            return Ok((flat, flat.get::<Str>().bytes()));
        }
        _ => {}
    }
    let (found, want) = (th.type_name(v), if p.bytes { "a bytes-like object" } else { "str instance" });
    let text = match p.bytes || b.is_kind(Kind::Bytes) || text::is_text(b) {
        true => format!("sequence item 0: expected {want}, {found} found"),
        false => format!("decoding to str: need a bytes-like object, {found} found"),
    };
    Err(th.type_error(text))
}

/// A text or byte string of bytes.
fn made(th: &mut Thread, p: &Program, bytes: &[u8]) -> R {
    Ok(if p.bytes { th.heap.bytes(bytes)? } else { text::of_bytes(&mut th.heap, bytes)? })
}

fn grow(th: &mut Thread, out: &mut Vec<u8>, more: &[u8]) -> R<()> {
    if out.try_reserve(more.len()).is_err() {
        return Err(th.memory_error(""));
    }
    out.extend_from_slice(more);
    Ok(())
}

/// `match.expand(template)`.
pub fn expand(th: &mut Thread, m: Value, pattern: Value, v: Value) -> R {
    let p = re::program(pattern);
    let (value, all) = replacement(th, p, v)?;
    let mut out = Vec::new();
    for piece in template(th, p, value, all)? {
        match piece {
            Piece::Text(t) => grow(th, &mut out, &t)?,
            Piece::Group(g) => grow(th, &mut out, re_match::bytes(m, g))?,
        }
    }
    made(th, p, &out)
}

/// `subn`: the new string and how often something was replaced.
pub fn sub(th: &mut Thread, pattern: Value, repl: Value, string: Value, limit: Value) -> R<(Value, usize)> {
    let p = re::program(pattern);
    let limit = count(th, limit)?;
    let callable = !repl.base().is_kind(Kind::Bytes)
        && !text::is_text(repl.base())
        && (slots(class_of(repl)).call.is_some()
            || matches!(repl.kind(), Kind::Class | Kind::Function | Kind::Native | Kind::Method)
            || lookup(class_of(repl), N::__call__.v()).is_some());
    let pieces = match callable {
        true => Vec::new(),
        false => {
            let (value, all) = replacement(th, p, repl)?;
            template(th, p, value, all)?
        }
    };
    let s = re::subject(th, p, string, Value::UNBOUND, Value::UNBOUND)?;
    let (mut out, mut last, mut n, mut items) = (Vec::new(), 0, 0, 0);
    each(th, p, &s, limit, |th, slots| {
        let (from, to) = (slots[0], slots[1]);
        if last < from {
            grow(th, &mut out, &s.bytes[last..from])?;
            items += 1;
        }
        if callable {
            let m = re_match::make(th, pattern, &s, slots)?;
            let r = th.call(repl, &[m])?;
            let b = r.base();
            match b.cast::<Bytes>() {
                Some(x) if p.bytes => grow(th, &mut out, x.bytes())?,
                _ if text::is_text(b) && !p.bytes => {
                    let bytes = text::bytes_of(&mut th.heap, b)?;
                    grow(th, &mut out, bytes)?;
                }
                _ if r.is_none() => items -= 1,
                _ => {
                    let want = if p.bytes { "a bytes-like object" } else { "str instance" };
                    let text = format!("sequence item {items}: expected {want}, {} found", th.type_name(r));
                    return Err(th.type_error(text));
                }
            }
        } else {
            for piece in &pieces {
                match piece {
                    Piece::Text(t) => grow(th, &mut out, t)?,
                    Piece::Group(g) => {
                        let (a, b) = (slots[2 * g], slots[2 * g + 1]);
                        if a != NOWHERE && b != NOWHERE && a <= b {
                            grow(th, &mut out, &s.bytes[a..b])?;
                        }
                    }
                }
            }
        }
        items += 1;
        last = to;
        n += 1;
        Ok(())
    })?;
    if n == 0 {
        return Ok((s.value, 0));
    }
    grow(th, &mut out, &s.bytes[last..])?;
    Ok((made(th, p, &out)?, n))
}

/// `escape`.
pub fn escape(th: &mut Thread, a: Args) -> R {
    let b = a[0].base();
    let (all, is_bytes) = match b.cast::<Bytes>() {
        Some(x) => (x.bytes(), true),
        None if text::is_text(b) => (text::bytes_of(&mut th.heap, b)?, false),
        None => {
            let text = format!("expected str or bytes, got {}", th.type_name(a[0]));
            return Err(th.type_error(text));
        }
    };
    let mut out = Vec::with_capacity(all.len() + 8);
    for c in all {
        if b"()[]{}?*+-|^$\\.&~# \t\n\r\x0b\x0c".contains(c) {
            out.push(b'\\');
        }
        out.push(*c);
    }
    Ok(if is_bytes { th.heap.bytes(&out)? } else { text::of_bytes(&mut th.heap, &out)? })
}
