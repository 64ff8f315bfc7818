//! Encodings by name, and the exceptions of conversions between text and bytes. Invariant: an unknown error handler is
//! reported only when something has to be handled, as CPython does.

use crate::heap::known::C;
use crate::heap::object::{Bytes, Tuple};
use crate::heap::text::codec::{self, Bad, Codec, Fault, Order, Policy};
use crate::heap::text::index;
use crate::heap::text::{self, StrBuilder, charmap, multi};
use crate::heap::{Kind, Value};
use crate::run::{R, Raised, Thread};

/// An encoding by name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Named {
    /// How it works.
    pub codec: Codec,
    /// Whether a mark of UTF-8 stands at the beginning.
    pub signed: bool,
    /// The name that errors show.
    pub shown: &'static str,
    /// The name that `codecs.lookup` gives.
    pub full: &'static str,
}

/// The encoding of that name.
pub fn named(name: &str) -> Option<Named> {
    let plain: String =
        name.chars().map(|c| if matches!(c, '-' | ' ') { '_' } else { c.to_ascii_lowercase() }).collect();
    let known = |codec, shown, full| Some(Named { codec, signed: false, shown, full });
    match plain.as_str() {
        "utf_8" | "utf8" | "u8" | "utf" | "cp65001" | "locale" => known(Codec::Utf8, "utf-8", "utf-8"),
        "utf_8_sig" | "utf8_sig" => {
            Some(Named { codec: Codec::Utf8, signed: true, shown: "utf-8", full: "utf-8-sig" })
        }
        "ascii" | "us_ascii" | "646" | "ansi_x3.4_1968" => known(Codec::Ascii, "ascii", "ascii"),
        "latin_1" | "latin1" | "latin" | "l1" | "iso_8859_1" | "iso8859_1" | "8859" | "cp819" | "iso8859" => {
            known(Codec::Latin1, "latin-1", "iso8859-1")
        }
        "utf_16" | "utf16" | "u16" => known(Codec::Utf16(Order::Marked), "utf-16", "utf-16"),
        "utf_16_le" | "utf_16le" | "utf16le" | "utf16_le" => {
            known(Codec::Utf16(Order::Little), "utf-16-le", "utf-16-le")
        }
        "utf_16_be" | "utf_16be" | "utf16be" | "utf16_be" => {
            known(Codec::Utf16(Order::Big), "utf-16-be", "utf-16-be")
        }
        "utf_32" | "utf32" | "u32" => known(Codec::Utf32(Order::Marked), "utf-32", "utf-32"),
        "utf_32_le" | "utf_32le" | "utf32le" | "utf32_le" => {
            known(Codec::Utf32(Order::Little), "utf-32-le", "utf-32-le")
        }
        "utf_32_be" | "utf_32be" | "utf32be" | "utf32_be" => {
            known(Codec::Utf32(Order::Big), "utf-32-be", "utf-32-be")
        }
        _ => {
            let plain: String = plain.chars().filter(char::is_ascii_alphanumeric).collect();
            if let Some(set) = multi::named(&plain) {
                return known(Codec::Multi(set), set.name(), set.name());
            }
            let (table, full) = charmap::named(&plain)?;
            known(Codec::Charmap(table), "charmap", full)
        }
    }
}

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
        // A lone surrogate raises UnicodeEncodeError.
        encode(th, v.base(), "utf-8", "strict")?;
        let text = th.text_of(v)?;
        if text.contains('\0') { Err(th.value_error("embedded null character")) } else { Ok(text) }
    };
    Ok((text(encoding, "encoding", "utf-8")?, text(errors, "errors", "strict")?))
}

/// What the library finds for a name that is no encoding of the machine: the object of a registered codec.
fn found(th: &mut Thread, name: &str) -> R {
    let f = super::imported(th, "codecs", "_search")?;
    let text = th.str(name)?;
    let info = th.call(f, &[text])?;
    if info.is_none() { Err(unknown(th, name)) } else { Ok(info) }
}

/// Runs one side of a registered codec: the converted object.
fn by_library(th: &mut Thread, v: Value, name: &str, errors: &str, side: &str) -> R {
    found(th, name)?;
    let f = super::imported(th, "codecs", side)?;
    let (name, errors) = (th.str(name)?, th.str(errors)?);
    th.call(f, &[v, name, errors])
}

/// `text.encode(encoding, errors)`: bytes.
pub fn encode(th: &mut Thread, v: Value, encoding: &str, errors: &str) -> R {
    let Some(named) = named(encoding) else {
        return by_library(th, v, encoding, errors, "_encode_text");
    };
    let policy = Policy::named(errors);
    let used = policy.unwrap_or(Policy::Strict);
    let r = if named.signed {
        let bytes = text::bytes_of(&mut th.heap, v)?;
        let mut out = MARK.to_vec();
        match codec::encode_into(bytes, Codec::Utf8, used, &mut out) {
            Ok(()) => Ok(th.bytes(&out)?),
            Err(f) => Err(f),
        }
    } else {
        codec::encode(&mut th.heap, v, named.codec, used)
    };
    match r {
        Ok(v) => Ok(v),
        Err(Fault::Full) => Err(Raised),
        Err(Fault::Bad(_)) if policy.is_none() => encode_with_handler(th, v, named, errors),
        Err(Fault::Bad(bad)) => Err(raise(th, C::UnicodeEncodeError, named.shown, v, bad)),
    }
}

const MARK: [u8; 3] = *b"\xef\xbb\xbf";

/// The error handler that the library knows by that name.
fn handler(th: &mut Thread, errors: &str) -> R {
    let f = super::imported(th, "codecs", "_handler")?;
    let name = th.str(errors)?;
    let h = th.call(f, &[name])?;
    if h.is_none() { Err(no_handler(th, errors)) } else { Ok(h) }
}

/// What a handler made of an error: the replacement and where to go on, within `len`.
fn handled(th: &mut Thread, h: Value, exc: Value, len: usize, what: &str) -> R<(Value, usize)> {
    let got = th.call(h, &[exc])?;
    let kinds = if what == "encoding" { "str/bytes" } else { "str" };
    let wrong = format!("{what} error handler must return ({kinds}, int) tuple");
    let Some(t) = got.like::<Tuple>().filter(|t| t.len() == 2) else { return Err(th.type_error(wrong)) };
    if !super::seq::is_index(t.at(1)) {
        return Err(th.type_error(wrong));
    }
    let i = th.index(t.at(1))?;
    let at = if i < 0 { i + len as isize } else { i };
    match usize::try_from(at).ok().filter(|at| *at <= len) {
        Some(at) => Ok((t.at(0), at)),
        None => Err(th.index_error(format!("position {i} from error handler out of bounds"))),
    }
}

/// Encodes piece by piece, asking the handler about each part that the encoding does not have.
fn encode_with_handler(th: &mut Thread, v: Value, named: Named, errors: &str) -> R {
    let h = handler(th, errors)?;
    let text = text::bytes_of(&mut th.heap, v)?;
    let len = index::count(text);
    let mut out = if named.signed { MARK.to_vec() } else { Vec::new() };
    let mut codec = named.codec;
    let mut at = 0;
    loop {
        let from = byte_place(text, at);
        let mut piece = Vec::new();
        match codec::encode_into(&text[from..], codec, Policy::Strict, &mut piece) {
            Ok(()) => {
                out.extend_from_slice(&piece);
                return Ok(th.bytes(&out)?);
            }
            Err(Fault::Full) => return Err(Raised),
            Err(Fault::Bad(bad)) => {
                piece.clear();
                let to = byte_place(text, at + bad.start);
                let part = |th: &mut Thread, bytes: &[u8], codec, out: &mut Vec<u8>| -> R<()> {
                    match codec::encode_into(bytes, codec, Policy::Strict, out) {
                        Ok(()) => Ok(()),
                        Err(Fault::Full) => Err(Raised),
                        Err(Fault::Bad(_)) => {
                            let bad = Bad { start: at + bad.start, end: at + bad.end, reason: bad.reason };
                            Err(raise(th, C::UnicodeEncodeError, named.shown, v, bad))
                        }
                    }
                };
                part(th, &text[from..to], codec, &mut out)?;
                // A mark stands only at the beginning.
                codec = match codec {
                    Codec::Utf16(Order::Marked) => Codec::Utf16(Order::Little),
                    Codec::Utf32(Order::Marked) => Codec::Utf32(Order::Little),
                    c => c,
                };
                let whole = Bad { start: at + bad.start, end: at + bad.end, reason: bad.reason };
                let exc = error(th, C::UnicodeEncodeError, named.shown, v, whole)?;
                let (with, next) = handled(th, h, exc, len, "encoding")?;
                if let Some(b) = with.base().cast::<Bytes>() {
                    out.extend_from_slice(b.bytes());
                } else if text::is_text(with.base()) {
                    let bytes = text::bytes_of(&mut th.heap, with.base())?;
                    part(th, bytes, codec, &mut out)?;
                } else {
                    let text = "encoding error handler must return (str/bytes, int) tuple";
                    return Err(th.type_error(text));
                }
                at = next;
            }
        }
    }
}

/// Where code point `at` begins.
fn byte_place(text: &[u8], at: usize) -> usize {
    let mut rest = index::codes(text);
    for _ in 0..at {
        rest.next();
    }
    text.len() - rest.rest().len()
}

/// `bytes.decode(encoding, errors)`: text. `object` stands in the exception.
pub fn decode(th: &mut Thread, bytes: &[u8], object: Value, encoding: &str, errors: &str) -> R {
    let known = named(encoding);
    // Nothing is decoded by no codec at all, even one that is not there.
    if bytes.is_empty() && known.is_none() {
        return Ok(crate::heap::known::S::empty_str.v());
    }
    let Some(named) = known else {
        let object = if object.is_kind(Kind::Bytes) { object } else { th.bytes(bytes)? };
        return by_library(th, object, encoding, errors, "_decode_text");
    };
    // What other threads may write meanwhile is decoded from a copy: it is looked at more than once.
    let copy: Vec<u8>;
    let bytes = if th.heap.shared && !object.is_kind(Kind::Bytes) {
        copy = bytes.to_vec();
        &copy
    } else {
        bytes
    };
    let mut out = StrBuilder::new();
    let body = if named.signed { bytes.strip_prefix(&MARK[..]).unwrap_or(bytes) } else { bytes };
    if Policy::named(errors).is_some() && !named.signed {
        let policy = Policy::named(errors).unwrap_or(Policy::Strict);
        return match codec::decode(&mut th.heap, bytes, named.codec, policy) {
            Ok(v) => Ok(v),
            Err(Fault::Full) => Err(Raised),
            Err(Fault::Bad(bad)) => Err(decode_error(th, bytes, object, named, policy, bad)),
        };
    }
    decode_onto(th, body, object, named, errors, true, &mut out)?;
    Ok(out.finish(&mut th.heap)?)
}

fn decode_error(
    th: &mut Thread,
    bytes: &[u8],
    object: Value,
    named: Named,
    policy: Policy,
    bad: Bad,
) -> Raised {
    if policy == Policy::XmlCharRefReplace {
        return th.type_error("don't know how to handle UnicodeDecodeError in error callback");
    }
    let object = if object.is_kind(Kind::Bytes) && super::bytes::content(object).len() == bytes.len() {
        object
    } else {
        match th.bytes(bytes) {
            Ok(v) => v,
            Err(r) => return r.into(),
        }
    };
    raise(th, C::UnicodeDecodeError, shown_order(named, bytes), object, bad)
}

/// What a mark decides is named by the order that it decided.
fn shown_order(named: Named, bytes: &[u8]) -> &'static str {
    match named.codec {
        Codec::Utf16(Order::Marked) if bytes.starts_with(&[0xfe, 0xff]) => "utf-16-be",
        Codec::Utf16(Order::Marked) => "utf-16-le",
        Codec::Utf32(Order::Marked) if bytes.starts_with(&[0, 0, 0xfe, 0xff]) => "utf-32-be",
        Codec::Utf32(Order::Marked) => "utf-32-le",
        _ => named.shown,
    }
}

/// Appends the text of bytes; how many were used. Unless this is the `last` part, an incomplete character at the end
/// is left. Errors are handled by the handler of that name, also one that a script registered.
pub fn decode_onto(
    th: &mut Thread,
    bytes: &[u8],
    object: Value,
    named: Named,
    errors: &str,
    last: bool,
    out: &mut StrBuilder,
) -> R<usize> {
    let policy = Policy::named(errors);
    if let Some(policy) = policy {
        return match codec::decode_part(bytes, named.codec, policy, last, out) {
            Ok(n) => Ok(n),
            Err(Fault::Full) => Err(Raised),
            Err(Fault::Bad(bad)) => Err(decode_error(th, bytes, object, named, policy, bad)),
        };
    }
    let mut codec = named.codec;
    let mut at = 0;
    loop {
        let mut piece = StrBuilder::new();
        match codec::decode_part(&bytes[at..], codec, Policy::Strict, last, &mut piece) {
            Ok(n) => {
                out.push_bytes(piece.bytes())?;
                return Ok(at + n);
            }
            Err(Fault::Full) => return Err(Raised),
            Err(Fault::Bad(bad)) => {
                // Strict decoding stops at the first fault, so the piece is what stands before it.
                out.push_bytes(piece.bytes())?;
                let h = handler(th, errors)?;
                let whole = Bad { start: at + bad.start, end: at + bad.end, reason: bad.reason };
                let object = th.bytes(bytes)?;
                let exc = error(th, C::UnicodeDecodeError, shown_order(named, bytes), object, whole)?;
                let (with, next) = handled(th, h, exc, bytes.len(), "decoding")?;
                if !text::is_text(with.base()) {
                    return Err(th.type_error("decoding error handler must return (str, int) tuple"));
                }
                let with = text::bytes_of(&mut th.heap, with.base())?;
                out.push_bytes(with)?;
                codec = match shown_order(named, bytes) {
                    "utf-16-be" => Codec::Utf16(Order::Big),
                    "utf-16-le" => Codec::Utf16(Order::Little),
                    "utf-32-be" => Codec::Utf32(Order::Big),
                    "utf-32-le" => Codec::Utf32(Order::Little),
                    _ => codec,
                };
                at = next;
            }
        }
    }
}

fn no_handler(th: &mut Thread, errors: &str) -> Raised {
    th.lookup_error(format!("unknown error handler name '{errors}'"))
}

fn error(th: &mut Thread, class: C, encoding: &str, object: Value, bad: Bad) -> R {
    let encoding = th.str(encoding)?;
    let reason = th.str(bad.reason)?;
    let (start, end) = (Value::int(bad.start as i64), Value::int(bad.end as i64));
    th.call(class.v(), &[encoding, object, start, end, reason])
}

fn raise(th: &mut Thread, class: C, encoding: &str, object: Value, bad: Bad) -> Raised {
    match error(th, class, encoding, object, bad) {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}
