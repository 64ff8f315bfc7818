//! `_io.BytesIO` and `_io.StringIO`: streams in memory. Invariant: the state's mutex is held for copying only; a
//! StringIO's byte position always belongs to its character position.

use super::io_base::{self, text_arg};
use super::io_text::Newline;
use super::io_text_read::translated;
use super::util::{bind, buffer, integer, integer_or, missing, shape_of, store_into};
use crate::heap::known::C;
use crate::heap::object::{Boxed, Class};
use crate::heap::text::{self, index};
use crate::heap::{Full, Kind, Value};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, class, def, get};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
struct State {
    data: Vec<u8>,
    /// Position: bytes for BytesIO, characters for StringIO.
    pos: usize,
    /// Byte position of a StringIO's `pos`; may not lie beyond the data.
    at: usize,
    newline: Newline,
    /// The position was set by hand since the last write and may lie beyond the end.
    sought: bool,
    closed: bool,
}

#[derive(Default)]
struct Memory(Mutex<State>);

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static BYTES: ClassDef = ClassDef {
    name: "_io.BytesIO",
    doc: "A stream of bytes in memory.",
    slots: |s| {
        s.new = Some(new);
        s.init = Some(bytes_init);
        s.iter = Some(io_base::iter);
        s.next = Some(|th, v| line_of(th, v, bytes_line));
    },
    methods: BYTES_METHODS,
    getset: &[get("closed", |_, v| Ok(Value::bool(mem(v).state().closed)), "Whether the stream is closed.")],
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

static BYTES_METHODS: &[Def] = &[
    def("read", "($self, size=-1, /)", bytes_read, "Read up to size bytes, all by default."),
    def("read1", "($self, size=-1, /)", bytes_read, "Read up to size bytes, all by default."),
    def(
        "readline",
        "($self, size=-1, /)",
        |th, a| {
            let n = limit(th, a[1])?;
            bytes_line(th, a[0], n)
        },
        "Read a line.",
    ),
    def("readinto", "($self, buffer, /)", bytes_readinto, "Read into a buffer."),
    def("write", "($self, b, /)", bytes_write, "Write bytes; how many."),
    def("seek", "($self, pos, whence=0, /)", bytes_seek, "Change the position."),
    def("tell", "($self, /)", |th, a| Ok(Value::int(open(th, a[0])?.pos as i64)), "The position."),
    def("truncate", "($self, size=None, /)", bytes_truncate, "Set the size."),
    def(
        "getvalue",
        "($self, /)",
        |th, a| {
            let b = open(th, a[0])?.data.clone();
            Ok(th.bytes(&b)?)
        },
        "All the bytes.",
    ),
    def("getbuffer", "($self, /)", getbuffer, "A view of a copy of the bytes."),
    def("close", "($self, /)", close, "Drop the bytes."),
    def("readable", "($self, /)", |th, a| answer(th, a, Value::TRUE), "True."),
    def("writable", "($self, /)", |th, a| answer(th, a, Value::TRUE), "True."),
    def("seekable", "($self, /)", |th, a| answer(th, a, Value::TRUE), "True."),
    def("isatty", "($self, /)", |th, a| answer(th, a, Value::FALSE), "False."),
    def("flush", "($self, /)", |th, a| answer(th, a, Value::NONE), "Nothing to do."),
];

static STRING: ClassDef = ClassDef {
    name: "_io.StringIO",
    doc: "A stream of text in memory.",
    slots: |s| {
        s.new = Some(new);
        s.init = Some(string_init);
        s.iter = Some(io_base::iter);
        s.next = Some(|th, v| line_of(th, v, string_line));
    },
    methods: STRING_METHODS,
    getset: &[
        get("closed", |_, v| Ok(Value::bool(mem(v).state().closed)), "Whether the stream is closed."),
        get("line_buffering", |_, _| Ok(Value::FALSE), "False."),
        get("newlines", |_, _| Ok(Value::NONE), "Line ends seen so far."),
    ],
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

static STRING_METHODS: &[Def] = &[
    def("read", "($self, size=-1, /)", string_read, "Read up to size characters, all by default."),
    def(
        "readline",
        "($self, size=-1, /)",
        |th, a| {
            let n = limit(th, a[1])?;
            string_line(th, a[0], n)
        },
        "Read a line.",
    ),
    def("write", "($self, s, /)", string_write, "Write a text; how many characters."),
    def("seek", "($self, pos, whence=0, /)", string_seek, "Change the position."),
    def("tell", "($self, /)", |th, a| Ok(Value::int(open(th, a[0])?.pos as i64)), "The position."),
    def("truncate", "($self, pos=None, /)", string_truncate, "Set the size."),
    def(
        "getvalue",
        "($self, /)",
        |th, a| {
            let b = open(th, a[0])?.data.clone();
            Ok(text::of_bytes(&mut th.heap, &b)?)
        },
        "All the text.",
    ),
    def("close", "($self, /)", close, "Drop the text."),
    def("readable", "($self, /)", |th, a| answer(th, a, Value::TRUE), "True."),
    def("writable", "($self, /)", |th, a| answer(th, a, Value::TRUE), "True."),
    def("seekable", "($self, /)", |th, a| answer(th, a, Value::TRUE), "True."),
    def("isatty", "($self, /)", |th, a| answer(th, a, Value::FALSE), "False."),
    def("flush", "($self, /)", |th, a| answer(th, a, Value::NONE), "Nothing to do."),
];

/// Makes the two classes: bytes, text.
pub fn classes(th: &mut Thread) -> R<[Value; 2]> {
    Ok([class::define(th, None, &BYTES)?, class::define(th, None, &STRING)?])
}

fn mem(v: Value) -> &'static Memory {
    v.base().get::<Boxed>().payload::<Memory>().expect("the classes make their instances")
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let solid = cls.get::<Class>().solid.get();
    let v = th.heap.boxed(shape_of(solid), Box::new(Memory::default()), 128)?;
    if cls == solid { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

/// The state of an open stream. Nothing of the heap may be asked for while it is held.
fn open(th: &mut Thread, v: Value) -> R<MutexGuard<'static, State>> {
    let s = mem(v).state();
    if s.closed {
        drop(s);
        let what = if class::lookup(th.class_of(v), th.intern("getbuffer")?).is_some() {
            "I/O operation on closed file."
        } else {
            "I/O operation on closed file"
        };
        return Err(th.value_error(what));
    }
    Ok(s)
}

/// The same answer from every open stream.
fn answer(th: &mut Thread, a: Args, v: Value) -> R {
    drop(open(th, a[0])?);
    Ok(v)
}

fn limit(th: &mut Thread, v: Value) -> R<Option<usize>> {
    let n = if missing(v) { -1 } else { integer(th, v)? };
    Ok(usize::try_from(n).ok())
}

fn line_of(th: &mut Thread, v: Value, by: fn(&mut Thread, Value, Option<usize>) -> R) -> R<Option<Value>> {
    if !v.is_kind(Kind::Boxed) {
        return io_base::next(th, v);
    }
    let line = by(th, v, None)?;
    Ok(if th.len(line)? == 0 { None } else { Some(line) })
}

fn close(_: &mut Thread, a: Args) -> R {
    *mem(a[0]).state() = State { closed: true, ..State::default() };
    Ok(Value::NONE)
}

/// Room for `n` bytes altogether, zeroed.
fn grow(s: &mut State, n: usize) -> bool {
    if n > s.data.len() {
        if s.data.try_reserve(n - s.data.len()).is_err() {
            return false;
        }
        s.data.resize(n, 0);
    }
    true
}

// --------------------------------------------------------------------------------------------------------------- bytes

fn bytes_init(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    let [initial] = bind(th, "BytesIO", ["initial_bytes"], 0, args, kwargs)?;
    let data = if missing(initial) { Vec::new() } else { buffer(th, initial)? };
    *mem(this).state() = State { data, ..State::default() };
    Ok(())
}

fn bytes_read(th: &mut Thread, a: Args) -> R {
    let n = limit(th, a[1])?;
    let out = {
        let mut s = open(th, a[0])?;
        let from = s.pos.min(s.data.len());
        let to = from + n.unwrap_or(usize::MAX).min(s.data.len() - from);
        if to > from {
            s.pos = to;
        }
        s.data[from..to].to_vec()
    };
    Ok(th.bytes(&out)?)
}

fn bytes_line(th: &mut Thread, v: Value, n: Option<usize>) -> R {
    let out = {
        let mut s = open(th, v)?;
        let from = s.pos.min(s.data.len());
        let rest = &s.data[from..];
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
        let to = from + end.min(n.unwrap_or(usize::MAX));
        if to > from {
            s.pos = to;
        }
        s.data[from..to].to_vec()
    };
    Ok(th.bytes(&out)?)
}

fn bytes_readinto(th: &mut Thread, a: Args) -> R {
    let room = th.len(a[1])?;
    let out = {
        let mut s = open(th, a[0])?;
        let from = s.pos.min(s.data.len());
        let to = from + room.min(s.data.len() - from);
        s.pos = s.pos.max(to);
        s.data[from..to].to_vec()
    };
    Ok(Value::int(store_into(th, a[1], room, &out)? as i64))
}

fn bytes_write(th: &mut Thread, a: Args) -> R {
    let data = buffer(th, a[1])?;
    let fits = {
        let mut s = open(th, a[0])?;
        let (pos, end) = (s.pos, s.pos.saturating_add(data.len()));
        let fits = data.is_empty() || grow(&mut s, end);
        if fits && !data.is_empty() {
            s.data[pos..end].copy_from_slice(&data);
            s.pos = end;
        }
        fits
    };
    if fits { Ok(Value::int(data.len() as i64)) } else { Err(th.memory_error("")) }
}

fn bytes_seek(th: &mut Thread, a: Args) -> R {
    let (pos, whence) = (integer(th, a[1])?, integer_or(th, a[2], 0)?);
    let (at, size) = {
        let s = open(th, a[0])?;
        (s.pos as i64, s.data.len() as i64)
    };
    let new = match whence {
        0 if pos < 0 => return Err(th.value_error(format!("negative seek value {pos}"))),
        0 => pos,
        1 => at.saturating_add(pos).max(0),
        2 => size.saturating_add(pos).max(0),
        _ => return Err(th.value_error(format!("invalid whence ({whence}, should be 0, 1 or 2)"))),
    };
    mem(a[0]).state().pos = new as usize;
    Ok(Value::int(new))
}

fn bytes_truncate(th: &mut Thread, a: Args) -> R {
    let size = if missing(a[1]) { open(th, a[0])?.pos as i64 } else { integer(th, a[1])? };
    if size < 0 {
        return Err(th.value_error(format!("negative size value {size}")));
    }
    open(th, a[0])?.data.truncate(size as usize);
    Ok(Value::int(size))
}

fn getbuffer(th: &mut Thread, a: Args) -> R {
    let data = open(th, a[0])?.data.clone();
    let bytes = th.bytes(&data)?;
    let copy = th.call(C::bytearray.v(), &[bytes])?;
    th.call(C::memoryview.v(), &[copy])
}

// ---------------------------------------------------------------------------------------------------------------- text

fn string_init(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    let [initial, newline] = bind(th, "StringIO", ["initial_value", "newline"], 0, args, kwargs)?;
    let newline = if newline.is_unbound() { Newline::Lf } else { Newline::of(th, newline)? };
    let data = if missing(initial) {
        Vec::new()
    } else if text::is_text(initial.base()) {
        turned(text::bytes_of(&mut th.heap, initial.base())?, newline)
    } else {
        let text = format!("initial_value must be str or None, not {}", th.type_name(initial));
        return Err(th.type_error(text));
    };
    *mem(this).state() = State { data, newline, ..State::default() };
    Ok(())
}

/// Text as it is kept: line ends turned as the newline argument says.
fn turned(bytes: &[u8], newline: Newline) -> Vec<u8> {
    if newline == Newline::Universal && memchr::memchr(b'\r', bytes).is_some() {
        return translated(bytes);
    }
    match newline.written() {
        Some(end) => {
            let mut out = Vec::with_capacity(bytes.len() + 8);
            for (i, piece) in bytes.split(|c| *c == b'\n').enumerate() {
                if i > 0 {
                    out.extend_from_slice(end);
                }
                out.extend_from_slice(piece);
            }
            out
        }
        None => bytes.to_vec(),
    }
}

/// How many bytes the first `n` characters take, and how many characters there are up to `n`.
fn span(b: &[u8], n: usize) -> (usize, usize) {
    if b.len() <= n && b.is_ascii() {
        return (b.len(), b.len());
    }
    let (mut at, mut count) = (0, 0);
    while at < b.len() && count < n {
        at = (at + index::width(b[at])).min(b.len());
        count += 1;
    }
    (at, count)
}

fn string_read(th: &mut Thread, a: Args) -> R {
    let n = limit(th, a[1])?;
    let out = {
        let mut s = open(th, a[0])?;
        let at = s.at;
        let (bytes, chars) = match n {
            None => (s.data.len() - at, index::count(&s.data[at..])),
            Some(n) => span(&s.data[at..], n),
        };
        s.at += bytes;
        s.pos += chars;
        s.data[at..at + bytes].to_vec()
    };
    Ok(text::of_bytes(&mut th.heap, &out)?)
}

fn string_line(th: &mut Thread, v: Value, n: Option<usize>) -> R {
    // A short line needs no memory but this: none is asked for while the state is held.
    let (mut short, mut long) = ([0; 256], Vec::new());
    let mut s = open(th, v)?;
    let at = s.at;
    let rest = &s.data[at..];
    let end = s.newline.line_end(rest, true).unwrap_or(rest.len());
    let (bytes, chars) = match n {
        None => (end, index::count(&rest[..end])),
        Some(n) => span(&rest[..end], n),
    };
    let line = match short.get_mut(..bytes) {
        Some(room) => {
            room.copy_from_slice(&rest[..bytes]);
            room
        }
        None => {
            long.extend_from_slice(&rest[..bytes]);
            &mut long[..]
        }
    };
    s.at += bytes;
    s.pos += chars;
    drop(s);
    Ok(text::of_bytes(&mut th.heap, line)?)
}

fn string_write(th: &mut Thread, a: Args) -> R {
    if !text::is_text(a[1].base()) {
        let text = format!("string argument expected, got '{}'", th.type_name(a[1]));
        return Err(th.type_error(text));
    }
    let bytes = text_arg(th, a[1], "write()")?;
    let given = text::len(a[1].base());
    let mut s = open(th, a[0])?;
    let data = turned(bytes, s.newline);
    let chars = index::count(&data);
    if !data.is_empty() {
        // A position beyond the end is filled up with NULs.
        let have = if s.at == s.data.len() { s.pos - beyond(&s) } else { s.pos };
        let gap = s.pos - have;
        let filled = s.data.len() + gap;
        s.data.try_reserve(gap.saturating_add(data.len())).map_err(|_| Full)?;
        s.data.resize(filled, 0);
        s.at += gap;
        let at = s.at;
        let (old, _) = span(&s.data[at..], chars);
        if at == s.data.len() {
            s.data.extend_from_slice(&data);
        } else {
            s.data.splice(at..at + old, data.iter().copied());
        }
        s.at += data.len();
        s.pos += chars;
        s.sought = false;
    }
    Ok(Value::int(given as i64))
}

/// How far the position lies beyond the end.
fn beyond(s: &State) -> usize {
    if !s.sought || s.at < s.data.len() { 0 } else { s.pos.saturating_sub(index::count(&s.data)) }
}

fn move_to(s: &mut State, pos: usize) {
    let (at, _) = span(&s.data, pos);
    (s.pos, s.at, s.sought) = (pos, at, true);
}

fn string_seek(th: &mut Thread, a: Args) -> R {
    let (pos, whence) = (integer(th, a[1])?, integer_or(th, a[2], 0)?);
    drop(open(th, a[0])?);
    if !(0..=2).contains(&whence) {
        return Err(th.value_error(format!("Invalid whence ({whence}, should be 0, 1 or 2)")));
    }
    if whence == 0 && pos < 0 {
        return Err(th.value_error(format!("Negative seek position {pos}")));
    }
    if whence != 0 && pos != 0 {
        return Err(th.raise(C::OSError, "Can't do nonzero cur-relative seeks"));
    }
    let mut s = open(th, a[0])?;
    let to = match whence {
        0 => pos as usize,
        1 => s.pos,
        _ => index::count(&s.data),
    };
    move_to(&mut s, to);
    Ok(Value::int(to as i64))
}

fn string_truncate(th: &mut Thread, a: Args) -> R {
    let n = if missing(a[1]) { open(th, a[0])?.pos as i64 } else { integer(th, a[1])? };
    if n < 0 {
        return Err(th.value_error(format!("Negative size value {n}")));
    }
    let mut s = open(th, a[0])?;
    let (bytes, _) = span(&s.data, n as usize);
    s.data.truncate(bytes);
    let pos = s.pos;
    move_to(&mut s, pos);
    Ok(Value::int(n))
}
