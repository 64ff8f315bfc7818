//! What exceptions say of themselves. Invariant: texts are CPython 3.14's; they are made anew at each asking.

use super::exc_fields::{syntax_part, unicode};
use super::exception::{exc, nargs};
use super::{is_str, text};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, is_subclass};
use crate::run::{R, Thread};

/// `Name(args)`.
pub fn repr(th: &mut Thread, o: Value) -> R {
    let name = th.type_name(o);
    let args = exc(o).args.get();
    let inner = match nargs(o) {
        1 => format!("({})", th.repr_text(args.get::<Tuple>().at(0))?),
        _ => th.repr_text(args)?,
    };
    text(th, format!("{name}{inner}"))
}

/// The arguments as a message.
pub fn str(th: &mut Thread, o: Value) -> R {
    let args = exc(o).args.get();
    match nargs(o) {
        0 => text(th, ""),
        1 => th.str_of(args.get::<Tuple>().at(0)),
        _ => th.str_of(args),
    }
}

/// A missing key is shown as it would be written.
pub fn key_str(th: &mut Thread, o: Value) -> R {
    match nargs(o) {
        1 => th.repr(exc(o).args.get().get::<Tuple>().at(0)),
        _ => str(th, o),
    }
}

/// ImportError: its message where that is a str.
pub fn import_str(th: &mut Thread, o: Value) -> R {
    str(th, o)
}

fn shown(th: &mut Thread, v: Value) -> R<String> {
    if v.is_unbound() { Ok("None".to_string()) } else { th.str_text(v) }
}

/// `[Errno 2] No such file or directory: 'x'`.
pub fn os_str(th: &mut Thread, o: Value) -> R {
    let e = exc(o);
    let (errno, message, file) = (e.x0.get(), e.x1.get(), e.x2.get());
    let file2 = if is_subclass(class_of(o), C::BlockingIOError.v()) { Value::UNBOUND } else { e.x3.get() };
    let given = |v: Value| !v.is_unbound() && !v.is_none();
    if given(file) {
        let (errno, message) = (shown(th, errno)?, shown(th, message)?);
        let first = th.repr_text(file)?;
        let second = if given(file2) { format!(" -> {}", th.repr_text(file2)?) } else { String::new() };
        return text(th, format!("[Errno {errno}] {message}: {first}{second}"));
    }
    if given(errno) && given(message) {
        let (errno, message) = (shown(th, errno)?, shown(th, message)?);
        return text(th, format!("[Errno {errno}] {message}"));
    }
    str(th, o)
}

/// `message (file, line n)`.
pub fn syntax_str(th: &mut Thread, o: Value) -> R {
    let message = exc(o).x0.get().or(Value::NONE);
    let (file, line) = (syntax_part(o, 0), syntax_part(o, 1));
    let file = match is_str(file) {
        true => {
            let f = th.text_of(file)?;
            Some(f.rsplit('/').next().unwrap_or(&f).to_string())
        }
        false => None,
    };
    let message = th.str_text(message)?;
    let line = if line.is_int() { Some(line.as_int()) } else { None };
    text(
        th,
        match (file, line) {
            (Some(f), Some(l)) => format!("{message} ({f}, line {l})"),
            (Some(f), None) => format!("{message} ({f})"),
            (None, Some(l)) => format!("{message} (line {l})"),
            (None, None) => message,
        },
    )
}

/// Start and end of the faulty part, brought into the object's `0..len`.
fn span(o: Value, len: usize) -> (usize, usize) {
    let at = |v: Value| if v.is_int() { v.as_int().max(0) as usize } else { 0 };
    let start = at(unicode(o, 2)).min(len.saturating_sub(1));
    let end = at(unicode(o, 3)).clamp((start + 1).min(len), len.max(start));
    (start, end)
}

/// UnicodeDecodeError.
pub fn decode_str(th: &mut Thread, o: Value) -> R {
    let object = unicode(o, 1);
    let bytes = match object.base().kind() {
        Kind::Bytes => object.base().get::<Bytes>().bytes(),
        _ => return text(th, ""),
    };
    let (encoding, reason) = (shown(th, unicode(o, 0))?, shown(th, unicode(o, 4))?);
    let (start, end) = span(o, bytes.len());
    text(
        th,
        match bytes.get(start) {
            Some(b) if end == start + 1 => {
                format!("'{encoding}' codec can't decode byte 0x{b:02x} in position {start}: {reason}")
            }
            _ => {
                let last = end as i64 - 1;
                format!("'{encoding}' codec can't decode bytes in position {start}-{last}: {reason}")
            }
        },
    )
}

/// The one character in `start..end` as an escape, or `None`.
fn bad_char(th: &mut Thread, object: Value, start: usize, end: usize) -> R<Option<String>> {
    let object = object.base();
    if end != start + 1 || start >= crate::heap::text::len(object) {
        return Ok(None);
    }
    let code = crate::heap::text::index::code_at(&mut th.heap, object, start)?;
    Ok(Some(match code {
        0..=0xff => format!("\\x{code:02x}"),
        0x100..=0xffff => format!("\\u{code:04x}"),
        _ => format!("\\U{code:08x}"),
    }))
}

/// UnicodeEncodeError.
pub fn encode_str(th: &mut Thread, o: Value) -> R {
    let object = unicode(o, 1);
    if !is_str(object) {
        return text(th, "");
    }
    let (encoding, reason) = (shown(th, unicode(o, 0))?, shown(th, unicode(o, 4))?);
    let (start, end) = span(o, crate::heap::text::len(object.base()));
    let bad = bad_char(th, object, start, end)?;
    text(
        th,
        match bad {
            Some(c) => {
                format!("'{encoding}' codec can't encode character '{c}' in position {start}: {reason}")
            }
            None => {
                let last = end as i64 - 1;
                format!("'{encoding}' codec can't encode characters in position {start}-{last}: {reason}")
            }
        },
    )
}

/// UnicodeTranslateError.
pub fn translate_str(th: &mut Thread, o: Value) -> R {
    let object = unicode(o, 1);
    if !is_str(object) {
        return text(th, "");
    }
    let reason = shown(th, unicode(o, 4))?;
    let (start, end) = span(o, crate::heap::text::len(object.base()));
    let bad = bad_char(th, object, start, end)?;
    text(
        th,
        match bad {
            Some(c) => format!("can't translate character '{c}' in position {start}: {reason}"),
            None => format!("can't translate characters in position {start}-{}: {reason}", end as i64 - 1),
        },
    )
}
