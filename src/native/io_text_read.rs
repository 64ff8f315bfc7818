//! Reading from text streams: decoding piece by piece, line ends, lines.
//! Invariant: `ready` holds decoded text that no reader was given yet; only the holder of the stream changes it.

use super::io_base::{self, closed_error, unsupported};
use super::io_buffer::{self, as_buffer};
use super::io_text::*;
use super::util::{buffer, integer, missing};
use crate::heap::known::N;
use crate::heap::text::codec::{Codec, Order, Policy, decode, decode_part};
use crate::heap::text::{self, StrBuilder, index};
use crate::heap::{Kind, Value};
use crate::run::wait::{Lock, Patience};
use crate::run::{Args, R, Thread};

/// Runs `f` as the only reader.
pub fn only<T>(th: &mut Thread, v: Value, f: impl FnOnce(&mut Thread) -> R<T>) -> R<T> {
    let lock = boxed(v).y.get().get::<Lock>();
    if lock.is_mine(th) {
        let shown = th.repr_text(v)?;
        return Err(th.runtime_error(format!("reentrant call inside {shown}")));
    }
    lock.acquire(th, Patience::Forever)?;
    let result = f(th);
    lock.release(th);
    result
}

/// Before reading: the stream is open and can be read.
pub fn readable(th: &mut Thread, v: Value) -> R {
    let b = below(th, v)?;
    if let Some(reads) = io_buffer::reads(b) {
        if io_base::is_closed(th, b)? {
            return Err(closed_error(th));
        }
        return if reads { Ok(b) } else { Err(unsupported(th, "not readable")) };
    }
    if io_base::is_closed(th, b)? {
        return Err(closed_error(th));
    }
    let ok = ask(th, v, "readable")?;
    if th.truth(ok)? { Ok(b) } else { Err(unsupported(th, "not readable")) }
}

/// Reads ahead once; `false` at the end.
pub fn fill(th: &mut Thread, v: Value, b: Value) -> R<bool> {
    if as_buffer(b).is_some() && b.is_kind(Kind::Boxed) {
        let piece = io_buffer::read_once(th, b, CHUNK)?;
        return feed(th, v, piece);
    }
    let read1 = th.intern("read1")?;
    let f = match th.getattr_opt(b, read1)? {
        Some(f) => f,
        None => th.getattr(b, N::read.v())?,
    };
    let got = th.call(f, &[Value::int(CHUNK as i64)])?;
    if !got.base().is_kind(Kind::Bytes) && !got.base().is_kind(Kind::ByteArray) {
        let text = format!(
            "underlying read1() should have returned a bytes-like object, not '{}'",
            th.type_name(got)
        );
        return Err(th.type_error(text));
    }
    let piece = buffer(th, got)?;
    feed(th, v, piece)
}

pub fn feed(th: &mut Thread, v: Value, mut piece: Vec<u8>) -> R<bool> {
    let came = !piece.is_empty();
    let fault = {
        let mut t = text_of(v).state();
        let at = t.at;
        t.ahead.drain(..at);
        t.at = 0;
        t.end = !came;
        if t.codec == Codec::Utf8 && t.mark && came {
            t.mark = false;
            if piece.starts_with(b"\xef\xbb\xbf") {
                piece.drain(..3);
            }
        }
        match t.codec {
            c if !c.is_plain() => {
                let mut bytes = std::mem::take(&mut t.cut);
                bytes.extend_from_slice(&piece);
                if t.mark && bytes.len() >= 4 && matches!(c, Codec::Utf16(_) | Codec::Utf32(_)) {
                    t.mark = false;
                    let wide = matches!(t.codec, Codec::Utf32(_));
                    let (order, skip) = match &bytes[..] {
                        [0xff, 0xfe, ..] => (Order::Little, if wide { 4 } else { 2 }),
                        [0xfe, 0xff, ..] => (Order::Big, 2),
                        [0, 0, 0xfe, 0xff, ..] => (Order::Big, 4),
                        _ => (Order::Little, 0),
                    };
                    t.codec = if wide { Codec::Utf32(order) } else { Codec::Utf16(order) };
                    bytes.drain(..skip);
                }
                let mut out = StrBuilder::new();
                match decode_part(&bytes, t.codec, t.policy, !came, &mut out) {
                    Ok(used) => {
                        t.cut = bytes[used..].to_vec();
                        t.ahead.extend_from_slice(out.bytes());
                        None
                    }
                    Err(fault) => Some((t.codec, bytes, fault)),
                }
            }
            _ => {
                t.ahead.extend_from_slice(&piece);
                None
            }
        }
    };
    if let Some((codec, bytes, fault)) = fault {
        let object = th.bytes(&bytes)?;
        return Err(unicode_error(th, codec_name(codec), object, fault, true));
    }
    Ok(came)
}

/// The text of bytes that were read, line ends translated where that is asked for.
pub fn to_text(th: &mut Thread, v: Value, mut bytes: Vec<u8>) -> R {
    let (codec, policy) = {
        let mut t = text_of(v).state();
        if matches!(t.newline, Newline::Universal | Newline::Any)
            && memchr::memchr2(b'\r', b'\n', &bytes).is_some()
        {
            t.seen |= line_ends(&bytes);
        }
        if t.newline == Newline::Universal && memchr::memchr(b'\r', &bytes).is_some() {
            bytes = translated(&bytes);
        }
        match t.codec {
            c if !c.is_plain() => (Codec::Utf8, Policy::SurrogatePass),
            c => (c, t.policy),
        }
    };
    match decode(&mut th.heap, &bytes, codec, policy) {
        Ok(s) => Ok(s),
        Err(fault) => {
            let object = th.bytes(&bytes)?;
            Err(unicode_error(th, codec_name(codec), object, fault, true))
        }
    }
}

/// `\r\n` and `\r` as `\n`.
pub fn translated(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i] == b'\r' {
            out.push(b'\n');
            i += (bytes.get(i + 1) == Some(&b'\n')) as usize;
        } else {
            out.push(bytes[i]);
        }
        i += 1;
    }
    out
}

pub fn line_ends(bytes: &[u8]) -> u8 {
    let mut seen = 0;
    let mut i = 0;
    while let Some(k) = memchr::memchr2(b'\r', b'\n', &bytes[i..]) {
        i += k;
        let pair = bytes[i] == b'\r' && bytes.get(i + 1) == Some(&b'\n');
        seen |= if pair {
            4
        } else if bytes[i] == b'\r' {
            1
        } else {
            2
        };
        i += 1 + pair as usize;
    }
    seen
}

pub fn newlines(th: &mut Thread, v: Value) -> R {
    let seen = text_of(v).state().seen;
    let mut all = Vec::new();
    for (bit, end) in [(1, "\r"), (2, "\n"), (4, "\r\n")] {
        if seen & bit != 0 {
            all.push(end);
        }
    }
    match all[..] {
        [] => Ok(Value::NONE),
        [one] => Ok(th.str(one)?),
        _ => super::util::tuple_of(th, all.len(), |th, i| Ok(th.str(all[i])?)),
    }
}

/// The bytes of up to `n` characters at the start of `b`, and how many there are; an incomplete one at the end is
/// left out unless it is the `last`. `pairs`: `\r\n` counts as one.
pub fn prefix(b: &[u8], n: usize, utf8: bool, pairs: bool, last: bool) -> (usize, usize) {
    let (mut at, mut count) = (0, 0);
    while at < b.len() && count < n {
        let w = if utf8 { index::width(b[at]).max(1) } else { 1 };
        if at + w > b.len() {
            if !last {
                break;
            }
            at = b.len();
            count += 1;
            break;
        }
        if pairs && b[at] == b'\r' {
            match b.get(at + 1) {
                Some(b'\n') => at += 1,
                None if !last => break,
                _ => {}
            }
        }
        at += w;
        count += 1;
    }
    (at, count)
}

pub fn take(v: Value, n: usize) -> Vec<u8> {
    let mut t = text_of(v).state();
    let out = t.ahead[t.at..t.at + n].to_vec();
    t.at += n;
    if t.at == t.ahead.len() {
        t.ahead.clear();
        t.at = 0;
    }
    out
}

pub fn read_chars(th: &mut Thread, v: Value, b: Value, n: usize) -> R {
    let (mut out, mut count) = (Vec::new(), 0);
    loop {
        let (bytes, chars, end) = {
            let t = text_of(v).state();
            let utf8 = !matches!(t.codec, Codec::Ascii | Codec::Latin1);
            let (bytes, chars) =
                prefix(&t.ahead[t.at..], n - count, utf8, t.newline == Newline::Universal, t.end);
            (bytes, chars, t.end)
        };
        out.extend_from_slice(&take(v, bytes));
        count += chars;
        if count >= n || end && bytes == 0 {
            break;
        }
        if !fill(th, v, b)? && text_of(v).state().ahead.is_empty() {
            break;
        }
    }
    text_of(v).state().end = false;
    to_text(th, v, out)
}

pub fn read_everything(th: &mut Thread, v: Value, b: Value) -> R {
    let wide = !text_of(v).state().codec.is_plain() || text_of(v).state().mark;
    if wide {
        while fill(th, v, b)? {}
    } else {
        let rest = if as_buffer(b).is_some() && b.is_kind(Kind::Boxed) {
            io_buffer::read_bytes(th, b, None)?
        } else {
            let got = th.call_method(b, N::read, &[])?;
            if got.is_none() { Vec::new() } else { buffer(th, got)? }
        };
        let mut t = text_of(v).state();
        if t.ahead.is_empty() {
            t.ahead = rest;
            t.at = 0;
        } else {
            t.ahead.extend_from_slice(&rest);
        }
    }
    let out = {
        let mut t = text_of(v).state();
        let at = std::mem::take(&mut t.at);
        let mut all = std::mem::take(&mut t.ahead);
        t.end = false;
        all.drain(..at);
        all
    };
    to_text(th, v, out)
}

pub fn read(th: &mut Thread, a: Args) -> R {
    let v = a[0];
    let n = if missing(a[1]) { -1 } else { integer(th, a[1])? };
    let b = readable(th, v)?;
    flush_written(th, b)?;
    only(th, v, |th| if n < 0 { read_everything(th, v, b) } else { read_chars(th, v, b, n as usize) })
}

/// Before reading from a stream that was written to.
pub fn flush_written(th: &mut Thread, b: Value) -> R<()> {
    if as_buffer(b).is_some() && io_buffer::writes(b) {
        io_buffer::flush(th, b, Patience::Forever).map(drop)
    } else {
        Ok(())
    }
}

/// A line of at most `limit` characters; the empty text at the end.
pub fn line(th: &mut Thread, v: Value, limit: Option<usize>) -> R {
    let b = readable(th, v)?;
    flush_written(th, b)?;
    only(th, v, |th| {
        let mut out = Vec::new();
        let mut room = limit;
        loop {
            let (n, chars, done) = {
                let t = text_of(v).state();
                let rest = &t.ahead[t.at..];
                let utf8 = !matches!(t.codec, Codec::Ascii | Codec::Latin1);
                let found = t.newline.line_end(rest, t.end);
                let mut n = match found {
                    Some(n) => n,
                    // Half of a line end stays until the other half is known.
                    None if !t.end && rest.ends_with(b"\r") => rest.len() - 1,
                    None => rest.len(),
                };
                let (mut chars, mut done) = (0, found.is_some() || t.end);
                if let Some(room) = room {
                    let pairs = t.newline == Newline::Universal;
                    let (bytes, count) = prefix(&rest[..n], room, utf8, pairs, true);
                    (n, chars) = (bytes, count);
                    done |= count == room;
                }
                (n, chars, done)
            };
            out.extend_from_slice(&take(v, n));
            room = room.map(|r| r - chars);
            if done {
                break;
            }
            fill(th, v, b)?;
        }
        text_of(v).state().end = false;
        to_text(th, v, out)
    })
}

pub fn readline(th: &mut Thread, a: Args) -> R {
    let n = if missing(a[1]) { -1 } else { integer(th, a[1])? };
    line(th, a[0], usize::try_from(n).ok())
}

pub fn next(th: &mut Thread, v: Value) -> R<Option<Value>> {
    if !v.is_kind(Kind::Boxed) {
        return io_base::next(th, v);
    }
    text_of(v).state().telling = false;
    let s = line(th, v, None)?;
    if text::byte_len(s) == 0 {
        text_of(v).state().telling = true;
        return Ok(None);
    }
    Ok(Some(s))
}
