//! String literals: where they end, and what their text stands for.

use crate::fault::Fault;
use crate::tree::{Span, Text};
use std::borrow::Cow;

/// A string or bytes literal's value.
pub enum Literal {
    Text(Text),
    Bytes(Box<[u8]>),
}

/// Finds the end, after its closing quotes, of the string whose text begins at `at`.
pub fn scan(bytes: &[u8], mut at: usize, quote: u8, triple: bool) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            b'\\' => {
                let joined = bytes.get(at + 1) == Some(&b'\r') && bytes.get(at + 2) == Some(&b'\n');
                at += if joined { 3 } else { 2 };
            }
            b'\n' | b'\r' if !triple => return None,
            byte if byte == quote => {
                if !triple {
                    return Some(at + 1);
                }
                if bytes[at + 1..].starts_with(&[quote, quote]) {
                    return Some(at + 3);
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// The value of a whole literal, with its prefix and quotes.
pub fn value(literal: &str, span: Span) -> Result<Literal, Fault> {
    let open = literal.find(['"', '\'']).expect("the lexer ends a prefix at a quote");
    let (prefix, quoted) = literal.split_at(open);
    let quotes = if quoted.len() >= 6
        && quoted[1..].starts_with([quoted.as_bytes()[0] as char])
        && quoted.as_bytes()[2] == quoted.as_bytes()[0]
    {
        3
    } else {
        1
    };
    let text = &quoted[quotes..quoted.len() - quotes];
    let raw = prefix.contains(['r', 'R']);
    if prefix.contains(['b', 'B']) {
        if !text.is_ascii() {
            return Err(Fault::syntax(span, "bytes can only contain ASCII literal characters"));
        }
        let bytes = normal(text).into_owned().into_bytes();
        return Ok(Literal::Bytes(if raw { bytes } else { unescape(&bytes, Wide::No, span)? }.into()));
    }
    Ok(Literal::Text(Text(decode(text, raw, span)?)))
}

/// The text between the quotes, or between the fields of an f-string, with its escapes resolved.
pub fn decode(text: &str, raw: bool, span: Span) -> Result<Box<[u8]>, Fault> {
    let text = normal(text);
    if raw || !text.as_bytes().contains(&b'\\') {
        return Ok(text.into_owned().into_bytes().into());
    }
    Ok(unescape(text.as_bytes(), Wide::Yes, span)?.into())
}

/// The literal text of an f-string, in which braces are doubled.
pub fn decode_doubled(text: &str, raw: bool, span: Span) -> Result<Box<[u8]>, Fault> {
    if !text.as_bytes().iter().any(|byte| matches!(byte, b'{' | b'}')) {
        return decode(text, raw, span);
    }
    // The braces of `\N{...}` are single; all others come in pairs.
    let mut single = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let named = !raw && rest.as_bytes()[at] == b'{' && ends_in_escape(&rest[..at]);
        if let (true, Some(length)) = (named, rest[at..].find('}')) {
            single.push_str(&rest[..=at + length]);
            rest = &rest[at + length + 1..];
        } else {
            single.push_str(&rest[..=at]);
            rest = rest.get(at + 2..).unwrap_or("");
        }
    }
    single.push_str(rest);
    decode(&single, raw, span)
}

/// Whether `text` ends in `\N` whose backslash is not itself escaped.
fn ends_in_escape(text: &str) -> bool {
    text.strip_suffix('N').is_some_and(|before| {
        let backslashes = before.len() - before.trim_end_matches('\\').len();
        backslashes % 2 == 1
    })
}

/// Every line end becomes `\n`.
fn normal(text: &str) -> Cow<'_, str> {
    if text.as_bytes().contains(&b'\r') {
        text.replace("\r\n", "\n").replace('\r', "\n").into()
    } else {
        text.into()
    }
}

/// Whether the escapes for characters beyond a byte exist.
#[derive(Clone, Copy, PartialEq)]
enum Wide {
    Yes,
    No,
}

fn unescape(text: &[u8], wide: Wide, span: Span) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    let put = |out: &mut Vec<u8>, code: u32| match wide {
        Wide::Yes => push_char(out, code),
        Wide::No => out.push(code as u8),
    };
    while at < text.len() {
        if text[at] != b'\\' {
            let plain = text[at..].iter().position(|&byte| byte == b'\\').unwrap_or(text.len() - at);
            out.extend_from_slice(&text[at..at + plain]);
            at += plain;
            continue;
        }
        let start = at;
        at += 2;
        let Some(&escape) = text.get(start + 1) else {
            out.push(b'\\');
            break;
        };
        let simple = match escape {
            b'\n' => continue,
            b'\\' | b'\'' | b'"' => escape,
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'0'..=b'7' => {
                let digits = text[start + 1..].iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7'));
                let (count, code) =
                    digits.fold((0, 0), |(n, code), byte| (n + 1, code * 8 + u32::from(byte - b'0')));
                at = start + 1 + count;
                put(&mut out, code);
                continue;
            }
            b'x' => {
                let code = hex(text, start, 2, wide, span)?;
                at = start + 4;
                put(&mut out, code);
                continue;
            }
            b'u' | b'U' if wide == Wide::Yes => {
                let width = if escape == b'u' { 4 } else { 8 };
                let code = hex(text, start, width, wide, span)?;
                if code > 0x10ffff {
                    return Err(bad_escape(start, start + 1 + width, "illegal Unicode character", span));
                }
                at = start + 2 + width;
                push_char(&mut out, code);
                continue;
            }
            b'N' if wide == Wide::Yes => {
                at = named(text, start, &mut out, span)?;
                continue;
            }
            _ => {
                out.push(b'\\');
                at = start + 1;
                // What follows is plain text, be it one byte or the first of several.
                let next = text[at];
                if next != b'\\' {
                    out.push(next);
                    at += 1;
                }
                continue;
            }
        };
        out.push(simple);
    }
    Ok(out)
}

/// Appends a character, or a surrogate in the same way.
fn push_char(out: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        None => {
            out.extend([0xe0 | (code >> 12) as u8, 0x80 | (code >> 6 & 63) as u8, 0x80 | (code & 63) as u8])
        }
    }
}

/// The value of the `width` hexadecimal digits of the escape at `start`.
fn hex(text: &[u8], start: usize, width: usize, wide: Wide, span: Span) -> Result<u32, Fault> {
    let digits = text[start + 2..].iter().take(width).take_while(|byte| byte.is_ascii_hexdigit());
    let (count, code) = digits.fold((0, 0u32), |(n, code), &byte| {
        (n + 1, code.wrapping_mul(16) + (byte as char).to_digit(16).expect("a hexadecimal digit"))
    });
    if count == width {
        return Ok(code);
    }
    if wide == Wide::No {
        let position = start;
        let message = format!("(value error) invalid \\x escape at position {position}");
        return Err(Fault::syntax(span, message));
    }
    let reason = match width {
        2 => "truncated \\xXX escape",
        4 => "truncated \\uXXXX escape",
        _ => "truncated \\UXXXXXXXX escape",
    };
    Err(bad_escape(start, start + 1 + count, reason, span))
}

/// `\N{name}`: appends the character, and says where the escape ends.
fn named(text: &[u8], start: usize, out: &mut Vec<u8>, span: Span) -> Result<usize, Fault> {
    let malformed = |last| bad_escape(start, last, "malformed \\N character escape", span);
    if text.get(start + 2) != Some(&b'{') {
        return Err(malformed(start + 1));
    }
    let Some(length) = text[start + 3..].iter().position(|&byte| byte == b'}') else {
        return Err(malformed(text.len() - 1));
    };
    let close = start + 3 + length;
    if length == 0 {
        return Err(malformed(close));
    }
    let name = std::str::from_utf8(&text[start + 3..close]).unwrap_or("");
    match character(name) {
        Some(char) => push_char(out, char as u32),
        None => return Err(bad_escape(start, close, "unknown Unicode character name", span)),
    }
    Ok(close + 1)
}

/// The character of a name. The table matches loosely; Python wants every blank and hyphen.
fn character(name: &str) -> Option<char> {
    let edge = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let bytes = name.as_bytes();
    if edge(bytes.first()) || edge(bytes.last()) || bytes.contains(&b'_') {
        return None;
    }
    let char = unicode_names2::character(name)?;
    let Some(full) = unicode_names2::name(char) else { return Some(char) };
    let full = full.to_string();
    let letters = |text: &str| -> String {
        text.chars().filter(char::is_ascii_alphanumeric).map(|char| char.to_ascii_uppercase()).collect()
    };
    // What differs in its letters, too, is an alias.
    (full.eq_ignore_ascii_case(name) || letters(&full) != letters(name)).then_some(char)
}

#[cold]
fn bad_escape(first: usize, last: usize, reason: &str, span: Span) -> Fault {
    Fault::syntax(
        span,
        format!(
            "(unicode error) 'unicodeescape' codec can't decode bytes in position {first}-{last}: {reason}"
        ),
    )
}
