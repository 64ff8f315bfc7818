//! Encodings by name, and the exceptions of conversions between text and bytes. Invariant: an unknown error handler is
//! reported only when something has to be handled, as CPython does.

use crate::heap::known::C;
use crate::heap::text::codec::{self, Bad, Codec, Fault, Order, Policy};
use crate::heap::text::index::codes;
use crate::heap::text::{self, StrBuilder, chars};
use crate::heap::{Kind, Value};
use crate::run::{R, Raised, Thread};

/// An encoding by name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    Core(Codec),
    /// UTF-8 with a mark at the beginning.
    Utf8Sig,
    Cp1252,
}

/// The encoding, and its name as errors show it.
fn named(name: &str) -> Option<(Named, &'static str)> {
    let plain: String =
        name.chars().map(|c| if matches!(c, '-' | ' ') { '_' } else { c.to_ascii_lowercase() }).collect();
    use Named::{Core, Cp1252, Utf8Sig};
    Some(match plain.as_str() {
        "utf_8" | "utf8" | "u8" | "utf" | "cp65001" => (Core(Codec::Utf8), "utf-8"),
        "utf_8_sig" | "utf8_sig" => (Utf8Sig, "utf-8"),
        "ascii" | "us_ascii" | "646" | "ansi_x3.4_1968" => (Core(Codec::Ascii), "ascii"),
        "latin_1" | "latin1" | "latin" | "l1" | "iso_8859_1" | "iso8859_1" | "8859" | "cp819" | "iso8859" => {
            (Core(Codec::Latin1), "latin-1")
        }
        "utf_16" | "utf16" | "u16" => (Core(Codec::Utf16(Order::Marked)), "utf-16"),
        "utf_16_le" | "utf_16le" | "utf16le" | "utf16_le" => (Core(Codec::Utf16(Order::Little)), "utf-16-le"),
        "utf_16_be" | "utf_16be" | "utf16be" | "utf16_be" => (Core(Codec::Utf16(Order::Big)), "utf-16-be"),
        "utf_32" | "utf32" | "u32" => (Core(Codec::Utf32(Order::Marked)), "utf-32"),
        "utf_32_le" | "utf_32le" | "utf32le" | "utf32_le" => (Core(Codec::Utf32(Order::Little)), "utf-32-le"),
        "utf_32_be" | "utf_32be" | "utf32be" | "utf32_be" => (Core(Codec::Utf32(Order::Big)), "utf-32-be"),
        "cp1252" | "windows_1252" | "1252" => (Cp1252, "charmap"),
        _ => return None,
    })
}

/// What bytes 0x80 to 0x9f mean in cp1252; 0 is nothing.
const CP1252: [u16; 32] = [
    0x20ac, 0, 0x201a, 0x192, 0x201e, 0x2026, 0x2020, 0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0, 0x17d,
    0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0,
    0x17e, 0x178,
];

/// Whether there is such an encoding.
pub fn known(name: &str) -> bool {
    named(name).is_some()
}

fn unknown(th: &mut Thread, name: &str) -> Raised {
    th.lookup_error(format!("unknown encoding: {name}"))
}

/// The type of an argument as errors show it.
pub fn argument_type(th: &Thread, v: Value) -> String {
    if v.is_none() { "None".to_string() } else { th.type_name(v) }
}

/// The optional `encoding` and `errors` of a method.
pub fn options(th: &mut Thread, function: &str, encoding: Value, errors: Value) -> R<(String, String)> {
    let mut text = |v: Value, name: &str, default: &str| -> R<String> {
        if v.is_unbound() {
            return Ok(default.to_string());
        }
        if !text::is_text(v.base()) {
            let t = argument_type(th, v);
            return Err(th.type_error(format!("{function}() argument '{name}' must be str, not {t}")));
        }
        th.text_of(v)
    };
    Ok((text(encoding, "encoding", "utf-8")?, text(errors, "errors", "strict")?))
}

/// `text.encode(encoding, errors)`: bytes.
pub fn encode(th: &mut Thread, v: Value, encoding: &str, errors: &str) -> R {
    let Some((codec, shown)) = named(encoding) else { return Err(unknown(th, encoding)) };
    let policy = Policy::named(errors);
    let used = policy.unwrap_or(Policy::Strict);
    let r = match codec {
        Named::Core(c) => codec::encode(&mut th.heap, v, c, used),
        Named::Utf8Sig => {
            let bytes = text::bytes_of(&mut th.heap, v)?;
            let mut out = vec![0xef, 0xbb, 0xbf];
            match codec::encode_into(bytes, Codec::Utf8, used, &mut out) {
                Ok(()) => Ok(th.bytes(&out)?),
                Err(f) => Err(f),
            }
        }
        Named::Cp1252 => {
            let bytes = text::bytes_of(&mut th.heap, v)?;
            match encode_cp1252(bytes, used) {
                Ok(out) => Ok(th.bytes(&out)?),
                Err(f) => Err(f),
            }
        }
    };
    match r {
        Ok(v) => Ok(v),
        Err(Fault::Full) => Err(Raised),
        Err(Fault::Bad(_)) if policy.is_none() => Err(no_handler(th, errors)),
        Err(Fault::Bad(bad)) => Err(raise(th, C::UnicodeEncodeError, shown, v, bad)),
    }
}

/// `bytes.decode(encoding, errors)`: text. `object` stands in the exception.
pub fn decode(th: &mut Thread, bytes: &[u8], object: Value, encoding: &str, errors: &str) -> R {
    let Some((codec, shown)) = named(encoding) else { return Err(unknown(th, encoding)) };
    // What other threads may write meanwhile is decoded from a copy: it is looked at more than once.
    let copy: Vec<u8>;
    let bytes = if th.heap.shared && !object.is_kind(Kind::Bytes) {
        copy = bytes.to_vec();
        &copy
    } else {
        bytes
    };
    let policy = Policy::named(errors);
    let used = policy.unwrap_or(Policy::Strict);
    let r = match codec {
        Named::Core(c) => codec::decode(&mut th.heap, bytes, c, used),
        Named::Utf8Sig => {
            let body = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            codec::decode(&mut th.heap, body, Codec::Utf8, used)
        }
        Named::Cp1252 => match decode_cp1252(bytes, used) {
            Ok(out) => Ok(out.finish(&mut th.heap)?),
            Err(f) => Err(f),
        },
    };
    match r {
        Ok(v) => Ok(v),
        Err(Fault::Full) => Err(Raised),
        Err(Fault::Bad(_)) if policy.is_none() => Err(no_handler(th, errors)),
        Err(Fault::Bad(_)) if policy == Some(Policy::XmlCharRefReplace) => {
            Err(th.type_error("don't know how to handle UnicodeDecodeError in error callback"))
        }
        Err(Fault::Bad(bad)) => {
            let object = if object.is_kind(Kind::Bytes) { object } else { th.bytes(bytes)? };
            // What a mark decides is named by the order that it decided.
            let shown = match codec {
                Named::Core(Codec::Utf16(Order::Marked)) if bytes.starts_with(&[0xfe, 0xff]) => "utf-16-be",
                Named::Core(Codec::Utf16(Order::Marked)) => "utf-16-le",
                Named::Core(Codec::Utf32(Order::Marked)) if bytes.starts_with(&[0, 0, 0xfe, 0xff]) => {
                    "utf-32-be"
                }
                Named::Core(Codec::Utf32(Order::Marked)) => "utf-32-le",
                _ => shown,
            };
            Err(raise(th, C::UnicodeDecodeError, shown, object, bad))
        }
    }
}

fn no_handler(th: &mut Thread, errors: &str) -> Raised {
    th.lookup_error(format!("unknown error handler name '{errors}'"))
}

fn raise(th: &mut Thread, class: C, encoding: &str, object: Value, bad: Bad) -> Raised {
    let mut made = || {
        let encoding = th.str(encoding)?;
        let reason = th.str(bad.reason)?;
        let (start, end) = (Value::int(bad.start as i64), Value::int(bad.end as i64));
        th.call(class.v(), &[encoding, object, start, end, reason])
    };
    match made() {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}

fn encode_cp1252(bytes: &[u8], policy: Policy) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    out.try_reserve(bytes.len()).map_err(|_| Fault::Full)?;
    for (i, c) in codes(bytes).enumerate() {
        if c < 0x80 || (0xa0..0x100).contains(&c) {
            out.push(c as u8);
            continue;
        }
        if let Some(k) = CP1252.iter().position(|x| *x as u32 == c) {
            out.push(0x80 + k as u8);
            continue;
        }
        match policy {
            Policy::Ignore => {}
            Policy::Replace => out.push(b'?'),
            Policy::XmlCharRefReplace => out.extend(format!("&#{c};").bytes()),
            Policy::BackslashReplace => {
                let mut s = StrBuilder::new();
                chars::push_escape(c, &mut s)?;
                out.extend_from_slice(s.bytes());
            }
            Policy::SurrogateEscape if (0xdc80..0xdd00).contains(&c) => out.push((c - 0xdc00) as u8),
            _ => {
                return Err(Fault::Bad(Bad {
                    start: i,
                    end: i + 1,
                    reason: "character maps to <undefined>",
                }));
            }
        }
    }
    Ok(out)
}

fn decode_cp1252(bytes: &[u8], policy: Policy) -> Result<StrBuilder, Fault> {
    let mut out = StrBuilder::new();
    for (i, &b) in bytes.iter().enumerate() {
        let code = match b {
            0x80..0xa0 => CP1252[b as usize - 0x80] as u32,
            b => b as u32,
        };
        if code != 0 || b == 0 {
            out.push_code(code)?;
            continue;
        }
        match policy {
            Policy::Ignore => {}
            Policy::Replace => out.push_code(0xfffd)?,
            Policy::BackslashReplace => out.push(&format!("\\x{b:02x}"))?,
            Policy::SurrogateEscape => out.push_code(0xdc00 + b as u32)?,
            _ => {
                return Err(Fault::Bad(Bad {
                    start: i,
                    end: i + 1,
                    reason: "character maps to <undefined>",
                }));
            }
        }
    }
    Ok(out)
}
