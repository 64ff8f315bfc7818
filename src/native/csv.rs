//! The module `_csv_rows`: rows of fields read from lines of text. Invariant: what is in the middle of a row stands in
//! the call that reads it; a reader keeps only its lines, its dialect and a count.

use super::util::{self, put, shape_of};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::text;
use crate::heap::{Kind, Value, list};
use crate::run::{ClassDef, ModuleDef, PLAIN, R, Raised, Thread, class, def, get};
use crate::types;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering::Relaxed};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_csv_rows",
    doc: "Readers and writers of csv.",
    functions: &[def(
        "_limit",
        "(new=None, /)",
        |th, a| {
            let old = LIMIT.load(Relaxed);
            if !util::missing(a[0]) {
                LIMIT.store(th.index(a[0])? as i64, Relaxed);
            }
            Ok(th.int(old)?)
        },
        "The longest field that is read.",
    )],
    fill: |th, dict| {
        for (d, shape) in [(&READER, &READER_SHAPE), (&super::csv_write::WRITER, &super::csv_write::SHAPE)] {
            let c = class::define(th, None, d)?;
            shape.store(shape_of(c), Relaxed);
            put(th, dict, d.name.rsplit('.').next().unwrap_or(d.name), c)?;
        }
        Ok(())
    },
};

static LIMIT: AtomicI64 = AtomicI64::new(131_072);
static READER_SHAPE: AtomicU32 = AtomicU32::new(0);

/// When fields are quoted: the numbers of the QUOTE_ constants.
pub const ALL: i64 = 1;
pub const NONNUMERIC: i64 = 2;
pub const NONE: i64 = 3;
pub const STRINGS: i64 = 4;
pub const NOTNULL: i64 = 5;

/// A dialect, its characters as bytes; none is the empty string.
pub struct Form {
    pub delimiter: Vec<u8>,
    pub quote: Vec<u8>,
    pub escape: Vec<u8>,
    pub end: Vec<u8>,
    pub double: bool,
    pub skip: bool,
    pub strict: bool,
    pub quoting: i64,
    /// By the first byte of a character: what it may end.
    stops: [u8; 256],
}

/// It may end what is plain outside quotes.
const OUTSIDE: u8 = 1;
/// It may end what is plain within quotes.
const WITHIN: u8 = 2;
/// It may have to be escaped or to stand in quotes.
const WRITTEN: u8 = 4;

impl Form {
    /// How many bytes stand before one that may end them.
    #[inline]
    fn plain(&self, text: &[u8], stop: u8) -> usize {
        text.iter().position(|b| self.stops[*b as usize] & stop != 0).unwrap_or(text.len())
    }

    /// Whether nothing in a text needs quotes or escapes.
    #[inline]
    pub fn harmless(&self, text: &[u8]) -> bool {
        self.plain(text, WRITTEN) == text.len()
    }
}

/// Raises `_csv.Error`.
#[cold]
pub fn fault(th: &mut Thread, text: impl AsRef<str>) -> Raised {
    let made = (|| {
        let class = types::imported(th, "_csv", "Error")?;
        let text = th.str(text.as_ref())?;
        th.call(class, &[text])
    })();
    match made {
        Ok(e) => th.raise_value(e),
        Err(e) => e,
    }
}

/// The form that a dialect object has, which keeps what it was made of in a dict, and there the form once it was asked.
pub fn form_of(th: &mut Thread, dialect: Value) -> R<Arc<Form>> {
    let (held, kept) = (th.intern("_held")?, th.intern("_form")?);
    let held = th.getattr(dialect, held)?;
    if let Some(v) = th.dict_get(held, kept)?
        && let Some(form) = v.cast::<Boxed>().and_then(|b| b.payload::<Arc<Form>>())
    {
        return Ok(form.clone());
    }
    let form = Arc::new(form_in(th, held)?);
    let v = th.heap.boxed(READER_SHAPE.load(Relaxed), Box::new(form.clone()), 512)?;
    th.dict_insert(held, kept, v)?;
    Ok(form)
}

fn form_in(th: &mut Thread, held: Value) -> R<Form> {
    let mut field = |name: &str| -> R {
        let name = th.intern(name)?;
        th.getitem(held, name)
    };
    let texts = [field("delimiter")?, field("quotechar")?, field("escapechar")?, field("lineterminator")?];
    let flags = [field("doublequote")?, field("skipinitialspace")?, field("strict")?];
    let quoting = field("quoting")?;
    let mut bytes = Vec::with_capacity(4);
    for v in texts {
        let b = if v.is_none() { &[][..] } else { text::bytes_of(&mut th.heap, v.base())? };
        bytes.push(b.to_vec());
    }
    let [delimiter, quote, escape, end] = <[Vec<u8>; 4]>::try_from(bytes).unwrap_or_default();
    let [double, skip, strict] = flags.map(|v| v == Value::TRUE);
    let mut stops = [0; 256];
    let all = OUTSIDE | WITHIN | WRITTEN;
    for (text, stop) in
        [(&delimiter, OUTSIDE | WRITTEN), (&quote, WITHIN | WRITTEN), (&escape, all), (&end, WRITTEN)]
    {
        // Of what ends a line each character counts.
        text.iter().enumerate().filter(|(i, _)| *i == 0 || stop == WRITTEN).for_each(|(_, b)| {
            stops[*b as usize] |= stop;
        });
    }
    for b in [b'\r', b'\n'] {
        stops[b as usize] |= OUTSIDE | WRITTEN;
    }
    let quoting = th.index(quoting)? as i64;
    Ok(Form { delimiter, quote, escape, end, double, skip, strict, quoting, stops })
}

/// `reader`: the iterator over lines in `y`, the dialect in `z`.
static READER: ClassDef = ClassDef {
    name: "_csv.reader",
    doc: "Iterator over the rows of lines of text.",
    slots: |s| {
        s.new = Some(|th, _, args, kwargs| {
            let [lines, dialect] = types::positional(th, "reader", 2, args, kwargs)?;
            let lines = th.iter(lines)?;
            let form = form_of(th, dialect)?;
            let state = State { form, line_num: AtomicU64::new(0) };
            let v = th.heap.boxed(READER_SHAPE.load(Relaxed), Box::new(state), 192)?;
            v.get::<Boxed>().y.set(lines);
            v.get::<Boxed>().z.set(dialect);
            Ok(v)
        });
        s.iter = Some(|_, o| Ok(o));
        s.next = Some(next);
    },
    getset: &[
        get("dialect", |_, o| Ok(o.get::<Boxed>().z.get()), "The dialect that is read."),
        get(
            "line_num",
            |th, o| {
                let n = me(th, o)?.line_num.load(Relaxed);
                Ok(th.heap.uint(n)?)
            },
            "How many lines have been read.",
        ),
    ],
    kind: Kind::Boxed,
    ..PLAIN
};

struct State {
    form: Arc<Form>,
    line_num: AtomicU64,
}

fn me(th: &mut Thread, o: Value) -> R<&'static State> {
    match o.get::<Boxed>().payload::<State>() {
        Some(s) => Ok(s),
        None => Err(th.type_error("not a reader of csv")),
    }
}

/// The next line, which must be text.
fn line(th: &mut Thread, o: Value, state: &State) -> R<Option<Value>> {
    let Some(v) = th.next(o.get::<Boxed>().y.get())? else { return Ok(None) };
    if !types::is_str(v) {
        let text = format!(
            "iterator should return strings, not {} (the file should be opened in text mode)",
            th.type_name(v)
        );
        return Err(fault(th, text));
    }
    state.line_num.fetch_add(1, Relaxed);
    Ok(Some(v))
}

/// What the reader is in the middle of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Record,
    Field,
    InField,
    InQuotes,
    AfterQuote,
    Escaped,
    EscapedQuoted,
    End,
    EscapedEnd,
}

/// A row in the making.
struct Row<'a> {
    form: &'a Form,
    fields: Value,
    field: Vec<u8>,
    quoted: bool,
    at: At,
}

fn next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let state = me(th, o)?;
    let Some(mut v) = line(th, o, state)? else { return Ok(None) };
    let fields = th.list_with(8)?;
    let mut row = Row { form: &state.form, fields, field: Vec::new(), quoted: false, at: At::Record };
    loop {
        let bytes = text::bytes_of(&mut th.heap, v.base())?;
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = row.step(th, rest)?;
        }
        row.end_of_line(th)?;
        if row.at == At::Record {
            return Ok(Some(row.fields));
        }
        match line(th, o, state)? {
            Some(more) => v = more,
            None if row.field.is_empty() && row.at != At::InQuotes => return Ok(None),
            None if row.form.strict => return Err(fault(th, "unexpected end of data")),
            None => {
                row.save(th)?;
                return Ok(Some(row.fields));
            }
        }
    }
}

/// The length of the character that begins there.
fn width(text: &[u8]) -> usize {
    match text[0] {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    }
    .min(text.len())
}

/// Whether the text begins with this character, which may be none.
#[inline]
fn begins(text: &[u8], char: &[u8]) -> bool {
    match char {
        [] => false,
        [b] => text[0] == *b,
        _ => text.starts_with(char),
    }
}

impl<'a> Row<'a> {
    fn add(&mut self, th: &mut Thread, text: &[u8]) -> R<()> {
        self.field.extend_from_slice(text);
        let limit = LIMIT.load(Relaxed);
        // There are never more characters than bytes.
        if self.field.len() as i64 > limit {
            let chars = self.field.iter().filter(|b| **b & 0xc0 != 0x80).count();
            if chars as i64 > limit {
                return Err(fault(th, format!("field larger than field limit ({limit})")));
            }
        }
        Ok(())
    }

    fn save(&mut self, th: &mut Thread) -> R<()> {
        let text = std::mem::take(&mut self.field);
        self.put(th, &text)?;
        self.field = text;
        self.field.clear();
        Ok(())
    }

    /// Adds a field of this text to the row.
    fn put(&mut self, th: &mut Thread, text: &[u8]) -> R<()> {
        let quoting = self.form.quoting;
        let v = match std::mem::take(&mut self.quoted) {
            false if text.is_empty() && matches!(quoting, STRINGS | NOTNULL) => Value::NONE,
            false if !text.is_empty() && matches!(quoting, NONNUMERIC | STRINGS) => {
                let v = th.heap.wtf8(text)?;
                th.call(C::float.v(), &[v])?
            }
            _ if text.len() == 1 => text::char_string(&mut th.heap, text[0] as u32)?,
            _ if text.is_ascii() => th.heap.ascii(text)?,
            _ => th.heap.wtf8(text)?,
        };
        list::push(&mut th.heap, self.fields.get::<List>(), v)?;
        Ok(())
    }

    /// Takes what stands first; gives the rest.
    fn step<'t>(&mut self, th: &mut Thread, text: &'t [u8]) -> R<&'t [u8]> {
        let form = self.form;
        let n = width(text);
        let first = &text[..n];
        match self.at {
            At::InQuotes => {
                let plain = form.plain(text, WITHIN);
                // A byte may begin another character than the one that means something.
                let plain = match text.get(plain..) {
                    Some(t) if plain == 0 && !begins(t, &form.quote) && !begins(t, &form.escape) => n,
                    _ => plain,
                };
                if plain > 0 {
                    self.add(th, &text[..plain])?;
                    return Ok(&text[plain..]);
                }
                self.at = if begins(text, &form.escape) {
                    At::EscapedQuoted
                } else if form.double {
                    At::AfterQuote
                } else {
                    At::InField
                };
            }
            At::Record | At::Field => return self.start(th, text),
            At::EscapedQuoted => {
                self.add(th, first)?;
                self.at = At::InQuotes;
            }
            At::Escaped => {
                self.add(th, first)?;
                self.at = if matches!(first, b"\r" | b"\n") { At::EscapedEnd } else { At::InField };
            }
            At::AfterQuote => self.after_quote(th, first)?,
            At::End => {
                if !matches!(first, b"\r" | b"\n") {
                    let text = "new-line character seen in unquoted field - do you need to open the file with \
                                newline=''?";
                    return Err(fault(th, text));
                }
            }
            At::InField | At::EscapedEnd => return self.in_field(th, text),
        }
        Ok(&text[n..])
    }

    fn start<'t>(&mut self, th: &mut Thread, text: &'t [u8]) -> R<&'t [u8]> {
        let form = self.form;
        let n = width(text);
        if matches!(text[0], b'\r' | b'\n') {
            if self.at == At::Field {
                self.save(th)?;
            }
            self.at = At::End;
            return Ok(&text[n..]);
        }
        self.at = At::Field;
        if form.quoting != NONE && begins(text, &form.quote) {
            self.quoted = true;
            self.at = At::InQuotes;
        } else if begins(text, &form.escape) {
            self.at = At::Escaped;
        } else if text[0] == b' ' && form.skip {
        } else if begins(text, &form.delimiter) {
            self.save(th)?;
        } else {
            self.at = At::InField;
            return self.in_field(th, text);
        }
        Ok(&text[n..])
    }

    fn in_field<'t>(&mut self, th: &mut Thread, text: &'t [u8]) -> R<&'t [u8]> {
        let form = self.form;
        let special =
            |t: &[u8]| matches!(t[0], b'\r' | b'\n') || begins(t, &form.delimiter) || begins(t, &form.escape);
        let plain = (0..text.len()).find(|i| special(&text[*i..])).unwrap_or(text.len());
        let rest = &text[plain..];
        if self.field.is_empty()
            && plain as i64 <= LIMIT.load(Relaxed)
            && !rest.is_empty()
            && begins(rest, &form.delimiter)
        {
            // A whole field that nothing was in the way of.
            self.put(th, &text[..plain])?;
            self.at = At::Field;
            return Ok(&rest[form.delimiter.len()..]);
        }
        if plain > 0 {
            self.add(th, &text[..plain])?;
            return Ok(rest);
        }
        if matches!(text[0], b'\r' | b'\n') {
            self.save(th)?;
            self.at = At::End;
        } else if begins(text, &form.delimiter) {
            self.save(th)?;
            self.at = At::Field;
        } else {
            self.at = At::Escaped;
        }
        Ok(&text[width(text)..])
    }

    fn after_quote(&mut self, th: &mut Thread, first: &[u8]) -> R<()> {
        let form = self.form;
        if begins(first, &form.quote) {
            self.add(th, first)?;
            self.at = At::InQuotes;
        } else if begins(first, &form.delimiter) {
            self.save(th)?;
            self.at = At::Field;
        } else if matches!(first, b"\r" | b"\n") {
            self.save(th)?;
            self.at = At::End;
        } else if form.strict {
            let (delimiter, quote) =
                (String::from_utf8_lossy(&form.delimiter), String::from_utf8_lossy(&form.quote));
            return Err(fault(th, format!("'{delimiter}' expected after '{quote}'")));
        } else {
            self.add(th, first)?;
            self.at = At::InField;
        }
        Ok(())
    }

    fn end_of_line(&mut self, th: &mut Thread) -> R<()> {
        match self.at {
            At::Escaped => {
                self.add(th, b"\n")?;
                self.at = At::InField;
            }
            At::EscapedQuoted => {
                self.add(th, b"\n")?;
                self.at = At::InQuotes;
            }
            At::Field | At::InField | At::AfterQuote => {
                self.save(th)?;
                self.at = At::Record;
            }
            At::End => self.at = At::Record,
            At::Record | At::InQuotes | At::EscapedEnd => {}
        }
        Ok(())
    }
}
