//! `str.format` and `str.format_map`: fields, their names, conversions, nested specs. Invariant: a template is read
//! once from left to right; nothing of it is interpreted twice.

use crate::heap::Value;
use crate::heap::object::Tuple;
use crate::heap::text::index::decode;
use crate::heap::text::{self, StrBuilder};
use crate::run::{Args, R, Thread};

/// How fields without a name are numbered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Numbering {
    Unknown,
    Automatic(usize),
    Manual,
}

/// What fields are looked up in.
struct Source {
    /// A tuple, or unbound for `format_map`.
    args: Value,
    /// Dict or mapping, or unbound.
    names: Value,
    numbering: Numbering,
}

/// `str.format`: `a[1]` the arguments, `a[2]` the keywords.
pub fn format(th: &mut Thread, a: Args) -> R {
    build_value(th, a[0], a[1], a[2])
}

/// `str.format_map`.
pub fn format_map(th: &mut Thread, a: Args) -> R {
    build_value(th, a[0], Value::UNBOUND, a[1])
}

fn build_value(th: &mut Thread, template: Value, args: Value, names: Value) -> R {
    let bytes = text::bytes_of(&mut th.heap, template.base())?;
    let mut out = StrBuilder::new();
    let mut source = Source { args, names, numbering: Numbering::Unknown };
    build(th, bytes, &mut source, 2, &mut out)?;
    Ok(out.finish(&mut th.heap)?)
}

fn build(th: &mut Thread, template: &[u8], source: &mut Source, depth: u32, out: &mut StrBuilder) -> R<()> {
    if depth == 0 {
        return Err(th.value_error("Max string recursion exceeded"));
    }
    let mut at = 0;
    while at < template.len() {
        let next = memchr::memchr2(b'{', b'}', &template[at..]).map_or(template.len(), |n| at + n);
        out.push_bytes(&template[at..next])?;
        at = next;
        let Some(&brace) = template.get(at) else { break };
        at += 1;
        if template.get(at) == Some(&brace) {
            out.push_bytes(&[brace])?;
            at += 1;
            continue;
        }
        if brace == b'}' {
            return Err(th.value_error("Single '}' encountered in format string"));
        }
        if at == template.len() {
            return Err(th.value_error("Single '{' encountered in format string"));
        }
        let field = scan(th, template, &mut at)?;
        render(th, &field, source, depth, out)?;
    }
    Ok(())
}

/// The parts of a replacement field.
pub struct Field<'a> {
    /// What names the object.
    pub name: &'a [u8],
    /// The conversion's character, or 0.
    pub conversion: u32,
    /// The format spec.
    pub spec: &'a [u8],
}

/// Reads the field whose inside begins at `at`; leaves `at` behind its brace.
pub fn scan<'a>(th: &mut Thread, template: &'a [u8], at: &mut usize) -> R<Field<'a>> {
    let start = *at;
    let mut bracket = false;
    let end = loop {
        match template.get(*at) {
            None => return Err(th.value_error("expected '}' before end of string")),
            Some(b'{') if !bracket => return Err(th.value_error("unexpected '{' in field name")),
            Some(b'[') => bracket = true,
            Some(b']') => bracket = false,
            Some(b'}' | b':' | b'!') if !bracket => break *at,
            Some(_) => {}
        }
        *at += 1;
    };
    let name = &template[start..end];
    let mut conversion = 0;
    let mut stop = template[*at];
    *at += 1;
    if stop == b'!' {
        if *at >= template.len() {
            return Err(th.value_error("end of string while looking for conversion specifier"));
        }
        let (code, n) = decode(template, *at);
        conversion = code;
        *at += n;
        match template.get(*at) {
            None => return Err(th.value_error("unmatched '{' in format spec")),
            Some(b) if matches!(b, b':' | b'}') => stop = *b,
            Some(_) => return Err(th.value_error("expected ':' after conversion specifier")),
        }
        *at += 1;
    }
    if stop == b'}' {
        return Ok(Field { name, conversion, spec: b"" });
    }
    let start = *at;
    let mut depth = 1;
    loop {
        match template.get(*at) {
            None => return Err(th.value_error("unmatched '{' in format spec")),
            Some(b'{') => depth += 1,
            Some(b'}') => depth -= 1,
            Some(_) => {}
        }
        *at += 1;
        if depth == 0 {
            return Ok(Field { name, conversion, spec: &template[start..*at - 1] });
        }
    }
}

fn render(th: &mut Thread, field: &Field, source: &mut Source, depth: u32, out: &mut StrBuilder) -> R<()> {
    let mut v = find(th, field.name, source)?;
    match field.conversion {
        0 => {}
        0x72 => v = th.repr(v)?,
        0x73 => v = th.str_of(v)?,
        0x61 => {
            v = th.repr(v)?;
            v = super::str_more::ascii_only(th, v.base())?;
        }
        c @ 33..127 => {
            return Err(th.value_error(format!("Unknown conversion specifier {}", c as u8 as char)));
        }
        c => return Err(th.value_error(format!("Unknown conversion specifier \\x{c:x}"))),
    }
    let spec = if field.spec.iter().any(|b| matches!(b, b'{' | b'}')) {
        let mut made = StrBuilder::new();
        build(th, field.spec, source, depth - 1, &mut made)?;
        made.finish(&mut th.heap)?
    } else {
        text::of_bytes(&mut th.heap, field.spec)?
    };
    let shown = if text::is_text(v) && field.spec.is_empty() { v } else { th.format(v, spec)? };
    Ok(out.push_value(&mut th.heap, shown.base())?)
}

/// A number that is the whole text, if it is one.
fn as_index(th: &mut Thread, name: &[u8]) -> R<Option<usize>> {
    if name.is_empty() || !name.iter().all(u8::is_ascii_digit) {
        return Ok(None);
    }
    let mut n = 0usize;
    for b in name {
        n = match n.checked_mul(10).and_then(|n| n.checked_add((b - b'0') as usize)) {
            Some(n) if n <= isize::MAX as usize => n,
            _ => return Err(th.value_error("Too many decimal digits in format string")),
        };
    }
    Ok(Some(n))
}

/// The object that a field names.
fn find(th: &mut Thread, name: &[u8], source: &mut Source) -> R {
    let first = name.iter().position(|b| matches!(b, b'.' | b'[')).unwrap_or(name.len());
    let (head, mut rest) = name.split_at(first);
    let mut index = as_index(th, head)?;
    if head.is_empty() || index.is_some() {
        index = Some(numbered(th, index, source)?);
    }
    let mut v = match index {
        Some(i) => {
            if source.args.is_unbound() {
                return Err(th.value_error("Format string contains positional fields"));
            }
            let t = source.args.get::<Tuple>();
            if i >= t.len() {
                return Err(
                    th.index_error(format!("Replacement index {i} out of range for positional args tuple"))
                );
            }
            t.at(i)
        }
        None => {
            let key = text::of_bytes(&mut th.heap, head)?;
            if source.names.is_unbound() {
                return Err(th.key_error(key));
            }
            th.getitem(source.names, key)?
        }
    };
    while let Some(&b) = rest.first() {
        rest = &rest[1..];
        if b == b'.' {
            let n = rest.iter().position(|b| matches!(b, b'.' | b'[')).unwrap_or(rest.len());
            if n == 0 {
                return Err(th.value_error("Empty attribute in format string"));
            }
            let attr = crate::heap::intern::intern_bytes(&mut th.heap, &rest[..n])?;
            v = th.getattr(v, attr)?;
            rest = &rest[n..];
        } else if b == b'[' {
            let Some(n) = rest.iter().position(|b| *b == b']') else {
                return Err(th.value_error("Missing ']' in format string"));
            };
            if n == 0 {
                return Err(th.value_error("Empty attribute in format string"));
            }
            let key = match as_index(th, &rest[..n])? {
                Some(i) => th.int(i as i64)?,
                None => text::of_bytes(&mut th.heap, &rest[..n])?,
            };
            v = th.getitem(v, key)?;
            rest = &rest[n + 1..];
        } else {
            return Err(th.value_error("Only '.' or '[' may follow ']' in format field specifier"));
        }
    }
    Ok(v)
}

/// The number of a field: its own, or the next.
fn numbered(th: &mut Thread, own: Option<usize>, source: &mut Source) -> R<usize> {
    match (own, source.numbering) {
        (Some(i), Numbering::Unknown | Numbering::Manual) => {
            source.numbering = Numbering::Manual;
            Ok(i)
        }
        (None, Numbering::Unknown) => {
            source.numbering = Numbering::Automatic(1);
            Ok(0)
        }
        (None, Numbering::Automatic(n)) => {
            source.numbering = Numbering::Automatic(n + 1);
            Ok(n)
        }
        (Some(_), Numbering::Automatic(_)) => {
            Err(th.value_error("cannot switch from automatic field numbering to manual field specification"))
        }
        (None, Numbering::Manual) => {
            Err(th.value_error("cannot switch from manual field specification to automatic field numbering"))
        }
    }
}
