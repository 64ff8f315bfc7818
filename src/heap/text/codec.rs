//! Text to bytes and back. Invariant: what goes wrong is a value ([`Fault`]) with the positions that the exception
//! shows; nothing here raises.

use super::charmap;
use super::chars::push_escape;
use super::index::{codes, count, decode as code_at, encode as put_code};
use super::multi::{Multi, Step};
use super::{StrBuilder, bytes_of};
use crate::heap::space::Mutator;
use crate::heap::value::Value;
use crate::heap::{Full, Make};

/// Byte order of the wide encodings.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Little,
    Big,
    /// By a mark at the beginning (written; expected but not required when read).
    Marked,
}

/// An encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    Utf8,
    Ascii,
    Latin1,
    Utf16(Order),
    Utf32(Order),
    /// One byte a character, by the table of that number.
    Charmap(u8),
    /// One to four bytes a character.
    Multi(Multi),
}

impl Codec {
    /// Whether the bytes of an ASCII text are its characters, and no others are.
    pub fn is_plain(self) -> bool {
        matches!(self, Codec::Utf8 | Codec::Ascii | Codec::Latin1)
    }
}

/// What to do with what cannot be converted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    Strict,
    Ignore,
    Replace,
    BackslashReplace,
    XmlCharRefReplace,
    SurrogateEscape,
    SurrogatePass,
}

impl Policy {
    /// The policy of that name.
    pub fn named(name: &str) -> Option<Policy> {
        Some(match name {
            "strict" => Policy::Strict,
            "ignore" => Policy::Ignore,
            "replace" => Policy::Replace,
            "backslashreplace" => Policy::BackslashReplace,
            "xmlcharrefreplace" => Policy::XmlCharRefReplace,
            "surrogateescape" => Policy::SurrogateEscape,
            "surrogatepass" => Policy::SurrogatePass,
            _ => return None,
        })
    }
}

/// The part that cannot be converted: bytes when decoding, code points when encoding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bad {
    pub start: usize,
    pub end: usize,
    pub reason: &'static str,
}

/// Why a conversion failed.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// The heap is full.
    Full,
    /// UnicodeDecodeError or UnicodeEncodeError.
    Bad(Bad),
}

impl From<Full> for Fault {
    fn from(_: Full) -> Fault {
        Fault::Full
    }
}

/// The text of bytes.
pub fn decode(m: &mut Mutator, bytes: &[u8], codec: Codec, policy: Policy) -> Result<Value, Fault> {
    if codec == Codec::Utf8 && std::str::from_utf8(bytes).is_ok() {
        return Ok(super::of_bytes(m, bytes)?);
    }
    let mut out = StrBuilder::new();
    out.reserve(bytes.len())?;
    decode_part(bytes, codec, policy, true, &mut out)?;
    Ok(out.finish(m)?)
}

/// Appends the text of bytes; how many were used. Unless this is the `last` part, an incomplete character at the
/// end is left for the next.
pub fn decode_part(
    bytes: &[u8],
    codec: Codec,
    policy: Policy,
    last: bool,
    out: &mut StrBuilder,
) -> Result<usize, Fault> {
    match codec {
        Codec::Utf8 => decode_utf8(bytes, policy, last, out),
        Codec::Ascii => {
            for (i, &b) in bytes.iter().enumerate() {
                if b < 128 {
                    out.push_bytes(&[b])?;
                } else {
                    let bad = Bad { start: i, end: i + 1, reason: "ordinal not in range(128)" };
                    mend(bytes, bad, policy, out)?;
                }
            }
            Ok(bytes.len())
        }
        Codec::Latin1 => {
            for &b in bytes {
                out.push_code(b as u32)?;
            }
            Ok(bytes.len())
        }
        Codec::Utf16(order) => {
            let (skip, big) = order_of(bytes, order, &[0xff, 0xfe], &[0xfe, 0xff]);
            decode_utf16(bytes, skip, big, policy, last, out)
        }
        Codec::Utf32(order) => {
            let (skip, big) = order_of(bytes, order, &[0xff, 0xfe, 0, 0], &[0, 0, 0xfe, 0xff]);
            decode_utf32(bytes, skip, big, policy, last, out)
        }
        Codec::Charmap(table) => {
            for (i, &b) in bytes.iter().enumerate() {
                match charmap::code(table, b) {
                    Some(code) => out.push_code(code)?,
                    None => {
                        let bad = Bad { start: i, end: i + 1, reason: "character maps to <undefined>" };
                        mend(bytes, bad, policy, out)?;
                    }
                }
            }
            Ok(bytes.len())
        }
        Codec::Multi(set) => decode_multi(bytes, set, policy, last, out),
    }
}

fn decode_multi(
    bytes: &[u8],
    set: Multi,
    policy: Policy,
    last: bool,
    out: &mut StrBuilder,
) -> Result<usize, Fault> {
    let mut at = 0;
    while at < bytes.len() {
        match set.step(&bytes[at..]) {
            Step::Char(text, n) => {
                out.push(&text)?;
                at += n;
            }
            Step::More if !last => return Ok(at),
            Step::More => {
                let bad = Bad { start: at, end: bytes.len(), reason: "incomplete multibyte sequence" };
                mend(bytes, bad, policy, out)?;
                at = bytes.len();
            }
            Step::Bad(n) => {
                let bad = Bad { start: at, end: at + n, reason: "illegal multibyte sequence" };
                mend(bytes, bad, policy, out)?;
                at += n;
            }
        }
    }
    Ok(at)
}

fn order_of(bytes: &[u8], order: Order, little: &[u8], big: &[u8]) -> (usize, bool) {
    match order {
        Order::Little => (0, false),
        Order::Big => (0, true),
        Order::Marked if bytes.starts_with(big) => (big.len(), true),
        Order::Marked if bytes.starts_with(little) => (little.len(), false),
        Order::Marked => (0, false),
    }
}

/// Appends what the policy makes of bad bytes.
fn mend(bytes: &[u8], bad: Bad, policy: Policy, out: &mut StrBuilder) -> Result<(), Fault> {
    let part = &bytes[bad.start..bad.end];
    match policy {
        Policy::Ignore => {}
        Policy::Replace => out.push_code(0xfffd)?,
        Policy::BackslashReplace => {
            for &b in part {
                out.push(&format!("\\x{b:02x}"))?;
            }
        }
        Policy::SurrogateEscape if part.iter().all(|b| *b >= 128) => {
            for &b in part {
                out.push_code(0xdc00 + b as u32)?;
            }
        }
        _ => return Err(Fault::Bad(bad)),
    }
    Ok(())
}

fn decode_utf8(bytes: &[u8], policy: Policy, last: bool, out: &mut StrBuilder) -> Result<usize, Fault> {
    let mut at = 0;
    loop {
        let Err(e) = std::str::from_utf8(&bytes[at..]) else {
            out.push_bytes(&bytes[at..])?;
            return Ok(bytes.len());
        };
        let start = at + e.valid_up_to();
        out.push_bytes(&bytes[at..start])?;
        if policy == Policy::SurrogatePass && bytes[start] == 0xed {
            match &bytes[start..] {
                [_, 0xa0..=0xbf, 0x80..=0xbf, ..] => {
                    out.push_bytes(&bytes[start..start + 3])?;
                    at = start + 3;
                    continue;
                }
                [_, 0xa0..=0xbf] | [_] if !last => return Ok(start),
                _ => {}
            }
        }
        let (end, reason) = match e.error_len() {
            None if !last => return Ok(start),
            None => (bytes.len(), "unexpected end of data"),
            Some(n) if matches!(bytes[start], 0xc2..=0xf4) => (start + n, "invalid continuation byte"),
            Some(n) => (start + n, "invalid start byte"),
        };
        mend(bytes, Bad { start, end, reason }, policy, out)?;
        at = end;
    }
}

fn decode_utf16(
    bytes: &[u8],
    skip: usize,
    big: bool,
    policy: Policy,
    last: bool,
    out: &mut StrBuilder,
) -> Result<usize, Fault> {
    let unit = |at: usize| {
        let pair = [bytes[at], bytes[at + 1]];
        (if big { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) }) as u32
    };
    let mut at = skip;
    while at < bytes.len() {
        if at + 2 > bytes.len() {
            if !last {
                break;
            }
            mend(bytes, Bad { start: at, end: bytes.len(), reason: "truncated data" }, policy, out)?;
            return Ok(bytes.len());
        }
        let first = unit(at);
        let (used, reason) = match first {
            0xd800..0xdc00 if at + 4 > bytes.len() => {
                if !last {
                    break;
                }
                (bytes.len() - at, "unexpected end of data")
            }
            0xd800..0xdc00 => match unit(at + 2) {
                low @ 0xdc00..0xe000 => {
                    out.push_code(0x1_0000 + ((first - 0xd800) << 10) + (low - 0xdc00))?;
                    at += 4;
                    continue;
                }
                _ => (2, "illegal UTF-16 surrogate"),
            },
            0xdc00..0xe000 => (2, "illegal encoding"),
            _ => {
                out.push_code(first)?;
                at += 2;
                continue;
            }
        };
        if policy == Policy::SurrogatePass {
            out.push_code(first)?;
            at += 2;
        } else {
            mend(bytes, Bad { start: at, end: at + used, reason }, policy, out)?;
            at += used;
        }
    }
    Ok(at)
}

fn decode_utf32(
    bytes: &[u8],
    skip: usize,
    big: bool,
    policy: Policy,
    last: bool,
    out: &mut StrBuilder,
) -> Result<usize, Fault> {
    let mut at = skip;
    while at < bytes.len() {
        let Some(&quad) = bytes[at..].first_chunk::<4>() else {
            if last {
                mend(bytes, Bad { start: at, end: bytes.len(), reason: "truncated data" }, policy, out)?;
                at = bytes.len();
            }
            break;
        };
        let code = if big { u32::from_be_bytes(quad) } else { u32::from_le_bytes(quad) };
        let surrogate = (0xd800..0xe000).contains(&code);
        if code < 0x11_0000 && (!surrogate || policy == Policy::SurrogatePass) {
            out.push_code(code)?;
        } else {
            let reason = match surrogate {
                true => "code point in surrogate code point range(0xd800, 0xe000)",
                false => "code point not in range(0x110000)",
            };
            mend(bytes, Bad { start: at, end: at + 4, reason }, policy, out)?;
        }
        at += 4;
    }
    Ok(at)
}

/// The bytes of a text, as a bytes object.
pub fn encode(m: &mut Mutator, v: Value, codec: Codec, policy: Policy) -> Result<Value, Fault> {
    let text = bytes_of(m, v)?;
    let as_is = match codec {
        Codec::Utf8 => first_surrogate(text).is_none(),
        Codec::Ascii | Codec::Latin1 => super::is_ascii(v),
        _ => false,
    };
    if as_is {
        return Ok(m.bytes(text)?);
    }
    let mut out = Vec::new();
    encode_into(text, codec, policy, &mut out)?;
    Ok(m.bytes(&out)?)
}

/// Byte offset of the first surrogate.
pub fn first_surrogate(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(0xed, text).find(|at| text[at + 1] >= 0xa0)
}

fn reserve(out: &mut Vec<u8>, n: usize) -> Make<()> {
    out.try_reserve(n).map_err(|_| Full)
}

/// Appends the bytes of text given as generalised UTF-8.
pub fn encode_into(text: &[u8], codec: Codec, policy: Policy, out: &mut Vec<u8>) -> Result<(), Fault> {
    reserve(out, text.len())?;
    match codec {
        Codec::Utf16(Order::Marked) => out.extend([0xff, 0xfe]),
        Codec::Utf32(Order::Marked) => out.extend([0xff, 0xfe, 0, 0]),
        _ => {}
    }
    let mut at = 0;
    while at < text.len() {
        if codec == Codec::Utf8 {
            let end = first_surrogate(&text[at..]).map_or(text.len(), |n| at + n);
            reserve(out, end - at)?;
            out.extend_from_slice(&text[at..end]);
            at = end;
            if at == text.len() {
                break;
            }
        }
        let (code, n) = code_at(text, at);
        reserve(out, 4)?;
        let done = match codec {
            Codec::Multi(set) => set.encode(code, out),
            _ => {
                fits(codec, code) && {
                    put(out, codec, code);
                    true
                }
            }
        };
        if done {
            at += n;
            continue;
        }
        let mut end = at + n;
        // Of multibyte sets each character is an error of its own.
        while end < text.len() && !matches!(codec, Codec::Multi(_)) {
            let (code, n) = code_at(text, end);
            if fits(codec, code) {
                break;
            }
            end += n;
        }
        replace(text, at, end, codec, policy, out)?;
        at = end;
    }
    Ok(())
}

fn fits(codec: Codec, code: u32) -> bool {
    match codec {
        Codec::Ascii => code < 128,
        Codec::Latin1 => code < 256,
        Codec::Charmap(table) => charmap::byte(table, code).is_some(),
        Codec::Multi(set) => set.encode(code, &mut Vec::new()),
        _ => !(0xd800..0xe000).contains(&code),
    }
}

fn put(out: &mut Vec<u8>, codec: Codec, code: u32) {
    match codec {
        Codec::Ascii | Codec::Latin1 => out.push(code as u8),
        Codec::Utf8 => {
            let mut bytes = [0; 4];
            let n = put_code(code, &mut bytes);
            out.extend_from_slice(&bytes[..n]);
        }
        Codec::Utf16(order) => {
            let mut unit = |u: u32| {
                let u = u as u16;
                out.extend(if order == Order::Big { u.to_be_bytes() } else { u.to_le_bytes() });
            };
            if code < 0x1_0000 {
                unit(code);
            } else {
                unit(0xd800 + ((code - 0x1_0000) >> 10));
                unit(0xdc00 + ((code - 0x1_0000) & 0x3ff));
            }
        }
        Codec::Utf32(order) => {
            out.extend(if order == Order::Big { code.to_be_bytes() } else { code.to_le_bytes() })
        }
        Codec::Charmap(table) => out.extend(charmap::byte(table, code)),
        Codec::Multi(set) => {
            set.encode(code, out);
        }
    }
}

/// Appends what the policy makes of the code points in bytes `at..end`, none of which the encoding has.
fn replace(
    text: &[u8],
    at: usize,
    end: usize,
    codec: Codec,
    policy: Policy,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let start = count(&text[..at]);
    let bad = |from: usize, n: usize| {
        let reason = match codec {
            Codec::Ascii => "ordinal not in range(128)",
            Codec::Latin1 => "ordinal not in range(256)",
            Codec::Charmap(_) => "character maps to <undefined>",
            Codec::Multi(_) => "illegal multibyte sequence",
            _ => "surrogates not allowed",
        };
        Fault::Bad(Bad { start: start + from, end: start + from + n, reason })
    };
    let total = count(&text[at..end]);
    reserve(out, total.saturating_mul(12))?;
    for (i, code) in codes(&text[at..end]).enumerate() {
        let surrogate = (0xd800..0xe000).contains(&code);
        match policy {
            Policy::Strict => return Err(bad(0, total)),
            Policy::Ignore => {}
            Policy::Replace => put(out, codec, '?' as u32),
            Policy::BackslashReplace => {
                let mut s = StrBuilder::new();
                push_escape(code, &mut s)?;
                s.bytes().iter().for_each(|b| put(out, codec, *b as u32));
            }
            Policy::XmlCharRefReplace => {
                format!("&#{code};").bytes().for_each(|b| put(out, codec, b as u32));
            }
            Policy::SurrogateEscape if (0xdc80..0xdd00).contains(&code) => out.push((code - 0xdc00) as u8),
            Policy::SurrogatePass
                if surrogate && matches!(codec, Codec::Utf8 | Codec::Utf16(_) | Codec::Utf32(_)) =>
            {
                put(out, codec, code)
            }
            _ => return Err(bad(i, total - i)),
        }
    }
    Ok(())
}
