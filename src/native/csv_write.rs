//! Writers of csv. Invariant: a row is made as one text beforehand and handed to the file in one call.

use super::csv::{ALL, Form, NONE, NONNUMERIC, NOTNULL, STRINGS, fault, form_of};
use crate::heap::Value;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, text};
use crate::run::class::{class_of, slots};
use crate::run::{Args, ClassDef, PLAIN, R, Thread, def, get};
use crate::types;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The shape of writers.
pub static SHAPE: AtomicU32 = AtomicU32::new(0);

/// `writer`: what writes a text in `y`, the dialect in `z`.
pub static WRITER: ClassDef = ClassDef {
    name: "_csv.writer",
    doc: "Writes rows to anything with a write method.",
    slots: |s| {
        s.new = Some(|th, _, args, kwargs| {
            let [write, dialect] = types::positional(th, "writer", 2, args, kwargs)?;
            let form = form_of(th, dialect)?;
            let v = th.heap.boxed(SHAPE.load(Relaxed), Box::new(form), 192)?;
            v.get::<Boxed>().y.set(write);
            v.get::<Boxed>().z.set(dialect);
            Ok(v)
        });
    },
    methods: &[
        def("writerow", "($self, row, /)", |th, a| write_row(th, a[0], a[1]), "Write one row."),
        def("writerows", "($self, rows, /)", write_rows, "Write all the rows."),
    ],
    getset: &[get("dialect", |_, o| Ok(o.get::<Boxed>().z.get()), "The dialect that is written.")],
    kind: Kind::Boxed,
    ..PLAIN
};

fn write_rows(th: &mut Thread, a: Args) -> R {
    th.each(a[1], |th, row| write_row(th, a[0], row).map(drop))?;
    Ok(Value::NONE)
}

fn write_row(th: &mut Thread, o: Value, row: Value) -> R {
    let b = o.get::<Boxed>();
    let Some(form) = b.payload::<Arc<Form>>() else { return Err(th.type_error("not a writer of csv")) };
    let fields = match th.iter(row) {
        Err(_) if th.raised_is(C::TypeError) => {
            th.take_raised();
            let text = format!("iterable expected, not {}", th.type_name(row));
            return Err(fault(th, text));
        }
        r => r?,
    };
    let mut out = Vec::with_capacity(64);
    let (mut n, mut last) = (0, Value::UNBOUND);
    while let Some(v) = th.next(fields)? {
        if n > 0 {
            out.extend_from_slice(&form.delimiter);
        }
        field(th, form, v, &mut out)?;
        (n, last) = (n + 1, v);
    }
    if n > 0 && out.is_empty() {
        if form.quoting == NONE || last.is_none() && matches!(form.quoting, STRINGS | NOTNULL) {
            return Err(fault(th, "single empty field record must be quoted"));
        }
        out.extend_from_slice(&form.quote);
        out.extend_from_slice(&form.quote);
    }
    out.extend_from_slice(&form.end);
    let line = th.heap.wtf8(&out)?;
    th.call(b.y.get(), &[line])
}

/// Whether the dialect puts quotes around a field whatever is in it.
fn always_quoted(form: &Form, v: Value) -> bool {
    match form.quoting {
        ALL => true,
        NONNUMERIC => {
            let s = slots(class_of(v));
            s.float.is_none() && s.index.is_none()
        }
        STRINGS => types::is_str(v),
        NOTNULL => !v.is_none(),
        _ => false,
    }
}

/// Adds a field as it is written.
fn field(th: &mut Thread, form: &Form, v: Value, out: &mut Vec<u8>) -> R<()> {
    let mut quoted = always_quoted(form, v);
    let start = out.len();
    // Plain numbers are written in place unless something in them means something.
    if (v.is_int() || v.is_float()) && !quoted {
        let done = match v.is_int() {
            true => write!(out, "{}", v.as_int()),
            false => out.write_all(types::float_text::repr(v.as_float()).as_bytes()),
        };
        if done.is_ok() && form.harmless(&out[start..]) {
            return Ok(());
        }
        out.truncate(start);
    }
    let shown = if types::is_str(v) {
        v.base()
    } else if v.is_none() {
        crate::heap::known::S::empty_str.v()
    } else {
        th.str_of(v)?.base()
    };
    let bytes = text::bytes_of(&mut th.heap, shown)?;
    if bytes.is_empty() && form.skip && form.delimiter == b" " {
        if form.quoting == NONE || v.is_none() && matches!(form.quoting, STRINGS | NOTNULL) {
            let text = "empty field must be quoted if delimiter is a space and skipinitialspace is true";
            return Err(fault(th, text));
        }
        quoted = true;
    }
    out.extend_from_slice(bytes);
    if !form.harmless(bytes) && (0..bytes.len()).any(|i| special(form, &bytes[i..])) {
        out.truncate(start);
        quoted |= escaped(th, form, bytes, out)?;
    }
    if quoted {
        out.splice(start..start, form.quote.iter().copied());
        out.extend_from_slice(&form.quote);
    }
    Ok(())
}

/// Whether a character that means something begins there.
#[inline]
fn special(form: &Form, rest: &[u8]) -> bool {
    let is = |char: &[u8]| match char {
        [] => false,
        [b] => rest[0] == *b,
        _ => rest.starts_with(char),
    };
    matches!(rest[0], b'\r' | b'\n')
        || is(&form.delimiter)
        || is(&form.quote)
        || is(&form.escape)
        || rest[0] & 0xc0 != 0x80
            && text::index::codes(&form.end).any(|c| text::index::codes(rest).next() == Some(c))
}

/// Adds a text with what must be escaped; whether it needs quotes.
fn escaped(th: &mut Thread, form: &Form, bytes: &[u8], out: &mut Vec<u8>) -> R<bool> {
    let mut quotes = false;
    for i in 0..bytes.len() {
        let rest = &bytes[i..];
        if rest[0] & 0xc0 != 0x80 && special(form, rest) {
            let is = |char: &[u8]| !char.is_empty() && rest.starts_with(char);
            let mut escape = form.quoting == NONE;
            if !escape {
                if is(&form.quote) && form.double {
                    out.extend_from_slice(&form.quote);
                } else if is(&form.quote) || is(&form.escape) {
                    escape = true;
                }
                quotes |= !escape;
            }
            if escape {
                if form.escape.is_empty() {
                    return Err(fault(th, "need to escape, but no escapechar set"));
                }
                out.extend_from_slice(&form.escape);
            }
        }
        out.push(rest[0]);
    }
    Ok(quotes)
}
