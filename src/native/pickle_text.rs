//! The instructions of pickles whose argument is a line, and the strings of Python 2. Invariant: a line is bytes until it
//! is decoded; what cannot be read as a number is an error with the peer's text.

use super::pickle_load::recall;
use super::pickle_op::*;
use super::pickle_read::{Reader, bad, truncated};
use crate::heap::known::C;
use crate::heap::text;
use crate::heap::{Value, bigint};
use crate::run::{R, Thread};

/// Reads one of them.
pub fn lines(r: &mut Reader, th: &mut Thread, op: u8) -> R<()> {
    match op {
        INT | LONG | FLOAT | GET | PUT => {}
        STRING => {
            let inner = match r.line(th)? {
                [b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"'] => inner,
                _ => return Err(bad(th, "the STRING opcode argument must be quoted")),
            };
            let b = unescaped(th, inner)?;
            return old_string(r, th, &b);
        }
        UNICODE => {
            let line = r.line(th)?;
            let v = decoded(th, line, "raw_unicode_escape", "strict")?;
            return r.push(th, v);
        }
        PERSID => {
            let line = r.line(th)?;
            if !line.is_ascii() {
                return Err(bad(th, "persistent IDs in protocol 0 must be ASCII strings"));
            }
            let id = text::of_bytes(&mut th.heap, line)?;
            return persistent(r, th, id);
        }
        0x20..=0x7e if op != b'\'' && op != b'\\' => {
            return Err(bad(th, format!("invalid load key, '{}'.", op as char)));
        }
        _ => return Err(bad(th, format!("invalid load key, '\\x{op:02x}'."))),
    }
    let line = r.line(th)?;
    if line.is_empty() {
        return Err(truncated(th));
    }
    // Numbers end where a C string would.
    let line = line.split(|b| *b == 0).next().unwrap_or(line);
    match op {
        INT => {
            let v = match line {
                b"00" => Value::FALSE,
                b"01" => Value::TRUE,
                _ => match read_int(th, line, "") {
                    Ok(v) => v,
                    Err(e) if !th.raised_is(C::ValueError) => return Err(e),
                    Err(_) => {
                        th.take_raised();
                        return Err(th.value_error("could not convert string to int"));
                    }
                },
            };
            r.push(th, v)
        }
        LONG => {
            let (digits, end) = line.strip_suffix(b"L").map_or((line, "\n"), |d| (d, ""));
            let v = read_int(th, digits, end)?;
            r.push(th, v)
        }
        FLOAT => {
            let v = read_float(th, line)?;
            r.push(th, v)
        }
        GET => {
            let n = read_place(th, line)?;
            recall(r, th, n as u64)
        }
        _ => {
            let n = read_place(th, line)?;
            let v = r.top(th)?;
            match usize::try_from(n) {
                Ok(n) => r.known.put(th, n, v),
                Err(_) => Err(th.value_error("negative PUT argument")),
            }
        }
    }
}

/// An int of text; `end` is what errors show behind it.
fn read_int(th: &mut Thread, line: &[u8], end: &str) -> R {
    if let Ok(s) = std::str::from_utf8(line)
        && s.len() < 18
        && let Ok(i) = s.parse::<i64>()
    {
        return Ok(th.heap.int(i)?);
    }
    let shown = decoded(th, &[line, end.as_bytes()].concat(), "latin-1", "strict")?;
    th.call(C::int.v(), &[shown])
}

/// The number of a memo place.
fn read_place(th: &mut Thread, line: &[u8]) -> R<i64> {
    let n = read_int(th, line, "\n")?;
    match bigint::to_i64(n) {
        Some(n) => Ok(n),
        None => Err(th.overflow_error("Python int too large to convert to C ssize_t")),
    }
}

fn read_float(th: &mut Thread, line: &[u8]) -> R {
    let shown = decoded(th, line, "latin-1", "strict")?;
    let whole = |th: &mut Thread| -> R<String> { Ok(format!("'{}\n'", th.text_of(shown)?)) };
    let start = line.strip_prefix(b"-").or(line.strip_prefix(b"+")).unwrap_or(line);
    if !start.first().is_some_and(|b| b.is_ascii_digit() || b".iInN".contains(b)) {
        let text = format!("could not convert string to float: {}", whole(th)?);
        return Err(th.value_error(text));
    }
    if line.contains(&b'_') {
        return Err(th.value_error("could not convert string to float"));
    }
    match th.call(C::float.v(), &[shown]) {
        Ok(v) if super::util::as_float(v).is_some_and(f64::is_infinite) && start[0].is_ascii_digit() => {
            let text = format!("value too large to convert to float: {}", whole(th)?);
            Err(th.overflow_error(text))
        }
        Ok(v) => Ok(v),
        Err(e) if !th.raised_is(C::ValueError) => Err(e),
        Err(_) => {
            th.take_raised();
            Err(th.value_error("could not convert string to float"))
        }
    }
}

/// `bytes.decode`.
pub fn decoded(th: &mut Thread, b: &[u8], encoding: &str, errors: &str) -> R {
    let (encoding, errors) = (th.intern(encoding)?, th.intern(errors)?);
    decode_by(th, b, encoding, errors)
}

fn decode_by(th: &mut Thread, b: &[u8], encoding: Value, errors: Value) -> R {
    let b = th.bytes(b)?;
    let name = th.intern("decode")?;
    let f = th.getattr(b, name)?;
    th.call(f, &[encoding, errors])
}

/// A string of Python 2: decoded, or bytes.
pub fn old_string(r: &mut Reader, th: &mut Thread, b: &[u8]) -> R<()> {
    let plain = r.encoding.is_unbound();
    if !plain && th.text_of(r.encoding)? == "bytes" {
        let v = crate::types::bytes::make(th, b)?;
        return r.push(th, v);
    }
    let v = if plain && b.is_ascii() {
        text::of_bytes(&mut th.heap, b)?
    } else {
        let encoding = if plain { th.intern("ASCII")? } else { r.encoding };
        let errors = if r.errors.is_unbound() { th.intern("strict")? } else { r.errors };
        decode_by(th, b, encoding, errors)?
    };
    r.push(th, v)
}

/// The bytes of a literal's inside.
fn unescaped(th: &mut Thread, s: &[u8]) -> R<Vec<u8>> {
    let mut out = Vec::new();
    out.try_reserve(s.len()).map_err(|_| crate::heap::Full)?;
    let mut at = 0;
    while at < s.len() {
        let b = s[at];
        at += 1;
        if b != b'\\' {
            out.push(b);
            continue;
        }
        let Some(c) = s.get(at).copied() else { return Err(th.value_error("Trailing \\ in string")) };
        at += 1;
        let digit = |i: usize, radix: u32| s.get(i).and_then(|b| (*b as char).to_digit(radix));
        match c {
            b'\n' => {}
            b'\\' | b'\'' | b'"' => out.push(c),
            b'a' => out.push(7),
            b'b' => out.push(8),
            b'f' => out.push(12),
            b'n' => out.push(10),
            b'r' => out.push(13),
            b't' => out.push(9),
            b'v' => out.push(11),
            b'0'..=b'7' => {
                let mut n = (c - b'0') as u32;
                let end = at + 2;
                while let Some(d) = digit(at, 8).filter(|_| at < end) {
                    n = n * 8 + d;
                    at += 1;
                }
                out.push(n as u8);
            }
            b'x' => match (digit(at, 16), digit(at + 1, 16)) {
                (Some(high), Some(low)) => {
                    out.push((high * 16 + low) as u8);
                    at += 2;
                }
                _ => return Err(th.value_error(format!("invalid \\x escape at position {}", at - 2))),
            },
            _ => out.extend_from_slice(&[b'\\', c]),
        }
    }
    Ok(out)
}

/// A line that is the name of a module or of something in it.
pub fn name_line(r: &mut Reader, th: &mut Thread) -> R {
    let line = r.line(th)?;
    if line.is_empty() {
        return Err(truncated(th));
    }
    decoded(th, line, "utf-8", "strict")
}

/// Puts the object of a persistent id on the stack.
pub fn persistent(r: &mut Reader, th: &mut Thread, id: Value) -> R<()> {
    if r.persistent.is_unbound() {
        let text = "A load persistent id instruction was encountered, but no persistent_load function was specified.";
        return Err(bad(th, text));
    }
    let v = th.call(r.persistent, &[id])?;
    r.push(th, v)
}
