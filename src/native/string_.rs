//! Module `_string`: format strings taken apart, for `string.Formatter`. Invariant: the parts are those that
//! `str.format` sees, and faults have its words.

use crate::heap::Value;
use crate::heap::object::List;
use crate::heap::text;
use crate::heap::{list, object};
use crate::run::{Args, Def, ModuleDef, R, Thread, def};
use crate::types::str_fmt;

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "_string", doc: "string helper module", functions: &FUNCTIONS, fill: |_, _| Ok(()) };

static FUNCTIONS: [Def; 2] = [
    def("formatter_parser", "(format_string, /)", parser, "parse the argument as a format string"),
    def("formatter_field_name_split", "(field_name, /)", split, "split the argument as a field name"),
];

/// The bytes of an argument that must be a str.
fn argument(th: &mut Thread, v: Value) -> R<&'static [u8]> {
    let b = v.base();
    if !text::is_text(b) {
        return Err(th.type_error(format!("expected str, got {}", th.type_name(v))));
    }
    let flat = text::flat_value(&mut th.heap, b)?;
    Ok(flat.get::<object::Str>().bytes())
}

fn part(th: &mut Thread, bytes: &[u8]) -> R {
    Ok(text::of_bytes(&mut th.heap, bytes)?)
}

fn push(th: &mut Thread, out: Value, items: &[Value]) -> R<()> {
    let t = th.tuple(items)?;
    Ok(list::push(&mut th.heap, out.get::<List>(), t)?)
}

fn parser(th: &mut Thread, a: Args) -> R {
    let s = argument(th, a[0])?;
    let out = th.list_with(0)?;
    let mut at = 0;
    while at < s.len() {
        let next = memchr::memchr2(b'{', b'}', &s[at..]).map_or(s.len(), |n| at + n);
        let Some(&brace) = s.get(next) else {
            let literal = part(th, &s[at..])?;
            push(th, out, &[literal, Value::NONE, Value::NONE, Value::NONE])?;
            break;
        };
        if s.get(next + 1) == Some(&brace) {
            let literal = part(th, &s[at..next + 1])?;
            push(th, out, &[literal, Value::NONE, Value::NONE, Value::NONE])?;
            at = next + 2;
            continue;
        }
        if brace == b'}' {
            return Err(th.value_error("Single '}' encountered in format string"));
        }
        if next + 1 == s.len() {
            return Err(th.value_error("Single '{' encountered in format string"));
        }
        let literal = part(th, &s[at..next])?;
        at = next + 1;
        let field = str_fmt::scan(th, s, &mut at)?;
        let (name, spec) = (part(th, field.name)?, part(th, field.spec)?);
        let conversion = match field.conversion {
            0 => Value::NONE,
            c => text::char_string(&mut th.heap, c)?,
        };
        push(th, out, &[literal, name, spec, conversion])?;
    }
    th.iter(out)
}

/// A number if it is written as one, else the text.
fn key(th: &mut Thread, bytes: &[u8]) -> R {
    let digits = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    if !digits {
        return part(th, bytes);
    }
    let mut n = 0i64;
    for b in bytes {
        n = match n.checked_mul(10).and_then(|n| n.checked_add((b - b'0') as i64)) {
            Some(n) => n,
            None => return Err(th.value_error("Too many decimal digits in format string")),
        };
    }
    Ok(th.heap.int(n)?)
}

fn split(th: &mut Thread, a: Args) -> R {
    let s = argument(th, a[0])?;
    let end =
        |from: usize| s[from..].iter().position(|b| matches!(b, b'.' | b'[')).map_or(s.len(), |n| from + n);
    let mut at = end(0);
    let first = key(th, &s[..at])?;
    let out = th.list_with(0)?;
    while at < s.len() {
        let (attribute, from) = (s[at] == b'.', at + 1);
        let name;
        if attribute {
            at = end(from);
            name = &s[from..at];
        } else if s[at] == b'[' {
            let Some(n) = s[from..].iter().position(|b| *b == b']') else {
                return Err(th.value_error("Missing ']' in format string"));
            };
            at = from + n + 1;
            name = &s[from..from + n];
        } else {
            return Err(th.value_error("Only '.' or '[' may follow ']' in format field specifier"));
        }
        if name.is_empty() {
            return Err(th.value_error("Empty attribute in format string"));
        }
        let k = if attribute { part(th, name)? } else { key(th, name)? };
        push(th, out, &[Value::bool(attribute), k])?;
    }
    let steps = th.iter(out)?;
    Ok(th.tuple(&[first, steps])?)
}
