//! `_io.TextIOWrapper`: text over a byte stream.
//!
//! What is read ahead stays bytes until it is given out, so that a position is a byte position. Encodings of wide
//! units are turned into UTF-8 when they are read; their positions are exact only where nothing is read ahead.
//! Invariant: the state's mutex is held for copying only; one `write` puts one piece into the buffer below.

use super::io_base::{self, closed_error, text_arg, unsupported};
use super::io_buffer::{self, as_buffer};
use super::io_text_read::*;
use super::util::{integer, integer_or, missing, shape_of, truth_or};
use crate::heap::known::{C, N};
use crate::heap::object::{Boxed, Class};
use crate::heap::text::codec::{Bad, Codec, Fault, Order, Policy, encode_into};
use crate::heap::text::{self};
use crate::heap::{Kind, Value};
use crate::run::wait::Patience;
use crate::run::{Args, ClassDef, Def, GetSet, PLAIN, R, Raised, Thread, class, def, get, getset, tag};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes read from below at once.
pub const CHUNK: usize = 8192;

/// What `newline` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Newline {
    /// Any line end when reading, translated.
    #[default]
    Universal,
    /// Any line end, as it is.
    Any,
    /// `\n` only.
    Lf,
    /// `\r` only.
    Cr,
    /// `\r\n` only.
    CrLf,
}

impl Newline {
    /// By the value of the `newline` argument; the text of the error otherwise.
    pub fn of(th: &mut Thread, v: Value) -> R<Newline> {
        if missing(v) {
            return Ok(Newline::Universal);
        }
        if !text::is_text(v.base()) {
            let text =
                format!("TextIOWrapper() argument 'newline' must be str or None, not {}", th.type_name(v));
            return Err(th.type_error(text));
        }
        Ok(match th.text_of(v)?.as_str() {
            "" => Newline::Any,
            "\n" => Newline::Lf,
            "\r" => Newline::Cr,
            "\r\n" => Newline::CrLf,
            _ => {
                let text = format!("illegal newline value: {}", th.repr_text(v)?);
                return Err(th.value_error(text));
            }
        })
    }

    /// What `\n` is written as, where it is something else.
    pub fn written(self) -> Option<&'static [u8]> {
        match self {
            Newline::Cr => Some(b"\r"),
            Newline::CrLf => Some(b"\r\n"),
            _ => None,
        }
    }

    /// End of the first line in `b` (behind its line end); `None` if no line ends here. `last`: nothing follows.
    pub fn line_end(self, b: &[u8], last: bool) -> Option<usize> {
        match self {
            Newline::Lf => memchr::memchr(b'\n', b).map(|i| i + 1),
            Newline::Cr => memchr::memchr(b'\r', b).map(|i| i + 1),
            Newline::CrLf => memchr::memmem::find(b, b"\r\n").map(|i| i + 2),
            Newline::Universal | Newline::Any => {
                let i = memchr::memchr2(b'\n', b'\r', b)?;
                if b[i] == b'\n' {
                    return Some(i + 1);
                }
                match b.get(i + 1) {
                    Some(b'\n') => Some(i + 2),
                    Some(_) => Some(i + 1),
                    None if last => Some(i + 1),
                    None => None,
                }
            }
        }
    }
}

pub(super) struct State {
    pub(super) codec: Codec,
    pub(super) policy: Policy,
    pub(super) newline: Newline,
    pub(super) line_buffering: bool,
    pub(super) write_through: bool,
    /// Read ahead, from `at` on not yet given out; UTF-8 where the encoding is no plain one.
    pub(super) ahead: Vec<u8>,
    pub(super) at: usize,
    /// Bytes of a wide encoding that wait for the rest of their character.
    pub(super) cut: Vec<u8>,
    pub(super) end: bool,
    /// A mark is still to be read or written.
    pub(super) mark: bool,
    /// Line ends seen: 1 `\r`, 2 `\n`, 4 `\r\n`.
    pub(super) seen: u8,
    pub(super) telling: bool,
    pub(super) detached: bool,
    pub(super) mode: String,
}

/// The payload.
pub struct Text(Mutex<State>);

impl Text {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static DEF: ClassDef = ClassDef {
    name: "_io.TextIOWrapper",
    doc: "Text over a buffered byte stream.",
    slots: |s| {
        s.new = Some(new);
        s.init = Some(init);
        s.repr = Some(repr);
        s.iter = Some(io_base::iter);
        s.next = Some(next);
    },
    methods: METHODS,
    getset: FIELDS,
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("write", "($self, text, /)", write_method, "Write a text; how many characters."),
    def("read", "($self, size=-1, /)", read, "Read up to size characters, all by default."),
    def("readline", "($self, size=-1, /)", readline, "Read a line."),
    def(
        "flush",
        "($self, /)",
        |th, a| {
            open(th, a[0])?;
            flush(th, a[0])?;
            Ok(Value::NONE)
        },
        "Hand the written text on.",
    ),
    def("close", "($self, /)", close, "Flush and close the stream."),
    def("detach", "($self, /)", detach, "Separate the buffer below."),
    def("seek", "($self, cookie, whence=0, /)", seek, "Change the position to one that tell() gave."),
    def("tell", "($self, /)", tell, "The position."),
    def("truncate", "($self, pos=None, /)", truncate, "Set the size."),
    def("fileno", "($self, /)", |th, a| ask(th, a[0], "fileno"), "The descriptor."),
    def("isatty", "($self, /)", |th, a| ask(th, a[0], "isatty"), "Whether it is a terminal."),
    def("readable", "($self, /)", |th, a| ask(th, a[0], "readable"), "Whether it can be read from."),
    def("writable", "($self, /)", |th, a| ask(th, a[0], "writable"), "Whether it can be written to."),
    def("seekable", "($self, /)", |th, a| ask(th, a[0], "seekable"), "Whether it has positions."),
    def(
        "reconfigure",
        "($self, /, *, encoding=None, errors=None, newline=None, line_buffering=None, write_through=None)",
        reconfigure,
        "Change how the stream works.",
    ),
];

static FIELDS: &[GetSet] = &[
    get("buffer", below, "The byte stream below."),
    get("encoding", |_, v| Ok(boxed(v).z.get().or(Value::NONE)), "Name of the encoding."),
    get("errors", |_, v| Ok(boxed(v).w.get().or(Value::NONE)), "Name of the error handler."),
    get(
        "line_buffering",
        |_, v| Ok(Value::bool(text_of(v).state().line_buffering)),
        "Whether a line end flushes.",
    ),
    get(
        "write_through",
        |_, v| Ok(Value::bool(text_of(v).state().write_through)),
        "Whether every write is handed on.",
    ),
    get("closed", |th, v| Ok(Value::bool(is_closed(th, v)?)), "Whether the stream is closed."),
    get("newlines", newlines, "Line ends seen so far."),
    get("name", |th, v| of_below(th, v, "name"), "What was opened."),
    getset("mode", mode, set_mode, "How it was opened."),
];

/// Makes the class.
pub fn class(th: &mut Thread) -> R {
    class::define(th, None, &DEF)
}

pub fn boxed(v: Value) -> &'static Boxed {
    v.base().get::<Boxed>()
}

/// The payload of a text stream.
pub fn as_text(v: Value) -> Option<&'static Text> {
    v.base().cast::<Boxed>()?.payload::<Text>()
}

pub fn text_of(v: Value) -> &'static Text {
    as_text(v).expect("the class makes its instances")
}

fn fresh() -> State {
    State {
        codec: Codec::Utf8,
        policy: Policy::Strict,
        newline: Newline::Universal,
        line_buffering: false,
        write_through: false,
        ahead: Vec::new(),
        at: 0,
        cut: Vec::new(),
        end: false,
        mark: false,
        seen: 0,
        telling: true,
        detached: false,
        mode: String::new(),
    }
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let solid = cls.get::<Class>().solid.get();
    let v = th.heap.boxed(shape_of(solid), Box::new(Text(Mutex::new(fresh()))), 256)?;
    let lock = super::lock::new_lock(th)?;
    v.get::<Boxed>().y.set(lock);
    if cls == solid { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

/// The codec and its name by the `encoding` argument.
fn encoding_of(th: &mut Thread, v: Value) -> R<(Codec, &'static str)> {
    if missing(v) {
        return Ok((Codec::Utf8, "utf-8"));
    }
    if !text::is_text(v.base()) {
        let text =
            format!("TextIOWrapper() argument 'encoding' must be str or None, not {}", th.type_name(v));
        return Err(th.type_error(text));
    }
    let name = th.text_of(v)?;
    match crate::types::codec::named(&name) {
        Some(n) => Ok((n.codec, n.full)),
        None => Err(th.lookup_error(format!("unknown encoding: {name}"))),
    }
}

fn policy_of(th: &mut Thread, v: Value) -> R<(Policy, String)> {
    if missing(v) {
        return Ok((Policy::Strict, "strict".to_string()));
    }
    if !text::is_text(v.base()) {
        let text = format!("TextIOWrapper() argument 'errors' must be str or None, not {}", th.type_name(v));
        return Err(th.type_error(text));
    }
    let name = th.text_of(v)?;
    match Policy::named(&name) {
        Some(p) => Ok((p, name)),
        None => Err(th.lookup_error(format!("unknown error handler name '{name}'"))),
    }
}

fn init(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    let names = ["buffer", "encoding", "errors", "newline", "line_buffering", "write_through"];
    let [below, encoding, errors, newline, line, through] =
        super::util::bind(th, "TextIOWrapper", names, 1, args, kwargs)?;
    let newline = Newline::of(th, newline)?;
    let (codec, name) = encoding_of(th, encoding)?;
    let (policy, policy_name) = policy_of(th, errors)?;
    let (line_buffering, write_through) = (truth_or(th, line, false)?, truth_or(th, through, false)?);
    let shown = if missing(encoding) { th.intern("UTF-8")? } else { encoding };
    let errors = th.intern(&policy_name)?;
    let b = boxed(this);
    b.x.set(below);
    b.z.set(shown);
    b.w.set(errors);
    let mark =
        name == "utf-8-sig" || matches!(codec, Codec::Utf16(Order::Marked) | Codec::Utf32(Order::Marked));
    *text_of(this).state() = State { codec, policy, newline, line_buffering, write_through, mark, ..fresh() };
    Ok(())
}

/// Sets the mode that `open` was given.
pub fn set_open_mode(v: Value, mode: &str) {
    text_of(v).state().mode = mode.to_string();
}

fn mode(th: &mut Thread, v: Value) -> R {
    let mode = text_of(v).state().mode.clone();
    if mode.is_empty() {
        return of_below(th, v, "mode");
    }
    Ok(th.str(&mode)?)
}

fn set_mode(th: &mut Thread, v: Value, new: Value) -> R<()> {
    let mode = if new.is_unbound() { String::new() } else { th.text_of(new)? };
    text_of(v).state().mode = mode;
    Ok(())
}

pub fn below(th: &mut Thread, v: Value) -> R {
    let detached = text_of(v).state().detached;
    match boxed(v).x.get() {
        Value::UNBOUND if detached => Err(th.value_error("underlying buffer has been detached")),
        Value::UNBOUND => Err(th.value_error("I/O operation on uninitialized object")),
        b => Ok(b),
    }
}

pub fn of_below(th: &mut Thread, v: Value, name: &str) -> R {
    let b = below(th, v)?;
    let name = th.intern(name)?;
    th.getattr(b, name)
}

pub fn ask(th: &mut Thread, v: Value, what: &str) -> R {
    let f = of_below(th, v, what)?;
    th.call(f, &[])
}

pub fn is_closed(th: &mut Thread, v: Value) -> R<bool> {
    let b = below(th, v)?;
    io_base::is_closed(th, b)
}

pub fn open(th: &mut Thread, v: Value) -> R {
    let b = below(th, v)?;
    if io_base::is_closed(th, b)? { Err(closed_error(th)) } else { Ok(b) }
}

/// Hands everything written on, down to the system.
pub fn flush(th: &mut Thread, v: Value) -> R<()> {
    let b = below(th, v)?;
    text_of(v).state().telling = true;
    match as_buffer(b).filter(|_| b.is_kind(Kind::Boxed)) {
        Some(_) => io_buffer::flush(th, b, Patience::Forever).map(drop),
        None => th.call_method(b, N::flush, &[]).map(drop),
    }
}

/// Raises UnicodeEncodeError or UnicodeDecodeError.
#[cold]
pub fn unicode_error(th: &mut Thread, encoding: &str, object: Value, fault: Fault, decoding: bool) -> Raised {
    let Fault::Bad(Bad { start, end, reason }) = fault else { return Raised };
    let class = if decoding { C::UnicodeDecodeError } else { C::UnicodeEncodeError };
    let made = (|| {
        let (e, r) = (th.str(encoding)?, th.str(reason)?);
        th.call(class.v(), &[e, object, Value::int(start as i64), Value::int(end as i64), r])
    })();
    match made {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}

pub fn codec_name(c: Codec) -> &'static str {
    match c {
        Codec::Utf8 => "utf-8",
        Codec::Ascii => "ascii",
        Codec::Latin1 => "latin-1",
        Codec::Utf16(_) => "utf-16",
        Codec::Utf32(_) => "utf-32",
        Codec::Charmap(_) => "charmap",
        Codec::Multi(m) => m.name(),
    }
}

// ------------------------------------------------------------------------------------------------------------- writing

/// Writes a text in one piece.
pub fn write(th: &mut Thread, v: Value, s: Value) -> R<()> {
    let bytes = text_arg(th, s, "write()")?;
    let b = below(th, v)?;
    let (codec, policy, newline, eager, line, mark) = {
        let mut t = text_of(v).state();
        let mark = std::mem::take(&mut t.mark);
        t.ahead.clear();
        (t.at, t.end) = (0, false);
        (t.codec, t.policy, t.newline, t.write_through, t.line_buffering, mark)
    };
    let ends = line && memchr::memchr2(b'\n', b'\r', bytes).is_some();
    let turned;
    let mut out = bytes;
    if let Some(end) = newline.written().filter(|_| memchr::memchr(b'\n', bytes).is_some()) {
        let mut t = Vec::with_capacity(bytes.len() + 16);
        for piece in bytes.split_inclusive(|c| *c == b'\n') {
            match piece.strip_suffix(b"\n") {
                Some(p) => t.extend_from_slice(&[p, end].concat()),
                None => t.extend_from_slice(piece),
            }
        }
        turned = t;
        out = &turned;
    }
    let ascii = text::is_ascii(s.base()) && codec.is_plain();
    let encoded;
    if mark || !ascii && (codec != Codec::Utf8 || text::codec::first_surrogate(out).is_some()) {
        // The mark goes out once: later pieces use the plain order.
        let codec = match codec {
            Codec::Utf16(Order::Marked) if !mark => Codec::Utf16(Order::Little),
            Codec::Utf32(Order::Marked) if !mark => Codec::Utf32(Order::Little),
            c => c,
        };
        let mut e = if mark && codec == Codec::Utf8 { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
        if let Err(fault) = encode_into(out, codec, policy, &mut e) {
            return Err(unicode_error(th, codec_name(codec), s, fault, false));
        }
        encoded = e;
        out = &encoded;
    }
    if as_buffer(b).is_some() && b.is_kind(Kind::Boxed) {
        if !can_write(th, b)? {
            return Err(unsupported(th, "not writable"));
        }
        let marked;
        if tag::on()
            && let Some(fd) = io_buffer::standard(b)
        {
            marked = tag::lines(th, fd, out);
            out = &marked;
        }
        io_buffer::write(th, b, out)?;
    } else {
        let data = th.bytes(out)?;
        if io_base::is_closed(th, b)? {
            return Err(closed_error(th));
        }
        th.call_method(b, N::write, &[data])?;
    }
    if eager || ends {
        flush(th, v)?;
    }
    Ok(())
}

/// Lets go of what the thread has begun to write, where lines are marked: a prompt is to be seen.
pub fn show_prompt(th: &mut Thread, v: Value) -> R<()> {
    if as_text(v).is_none() {
        return Ok(());
    }
    let b = below(th, v)?;
    match io_buffer::standard(b).map(|fd| tag::prompt(th, fd)) {
        Some(begun) if !begun.is_empty() => io_buffer::write(th, b, &begun),
        _ => Ok(()),
    }
}

pub fn can_write(th: &mut Thread, b: Value) -> R<bool> {
    if io_buffer::writes(b) {
        return Ok(true);
    }
    if io_base::is_closed(th, b)? { Err(closed_error(th)) } else { Ok(false) }
}

fn write_method(th: &mut Thread, a: Args) -> R {
    write(th, a[0], a[1])?;
    Ok(Value::int(text::len(a[1].base()) as i64))
}

// ------------------------------------------------------------------------------------------------------------ position

fn seekable(th: &mut Thread, v: Value) -> R<()> {
    let ok = ask(th, v, "seekable")?;
    if th.truth(ok)? { Ok(()) } else { Err(unsupported(th, "underlying stream is not seekable")) }
}

fn tell(th: &mut Thread, a: Args) -> R {
    let b = open(th, a[0])?;
    seekable(th, a[0])?;
    if !text_of(a[0]).state().telling {
        return Err(th.raise(C::OSError, "telling position disabled by next() call"));
    }
    flush(th, a[0])?;
    let tell = th.intern("tell")?;
    let f = th.getattr(b, tell)?;
    let at = th.call(f, &[])?;
    let at = integer(th, at)?;
    let left = {
        let t = text_of(a[0]).state();
        t.ahead.len() - t.at + t.cut.len()
    };
    Ok(Value::int(at - left as i64))
}

fn seek(th: &mut Thread, a: Args) -> R {
    let b = open(th, a[0])?;
    seekable(th, a[0])?;
    let (mut pos, mut whence) = (integer(th, a[1])?, integer_or(th, a[2], 0)?);
    match whence {
        0 if pos < 0 => return Err(th.value_error(format!("negative seek position {pos}"))),
        0 => {}
        1 if pos != 0 => return Err(unsupported(th, "can't do nonzero cur-relative seeks")),
        1 => {
            pos = integer_of_tell(th, a)?;
            whence = 0;
        }
        2 if pos != 0 => return Err(unsupported(th, "can't do nonzero end-relative seeks")),
        2 => {}
        _ => return Err(th.value_error(format!("invalid whence ({whence}, should be 0, 1 or 2)"))),
    }
    flush(th, a[0])?;
    {
        let mut t = text_of(a[0]).state();
        t.ahead.clear();
        t.cut.clear();
        (t.at, t.end, t.telling) = (0, false, true);
    }
    let seek = th.intern("seek")?;
    let f = th.getattr(b, seek)?;
    th.call(f, &[Value::int(pos), Value::int(whence)])
}

fn integer_of_tell(th: &mut Thread, a: Args) -> R<i64> {
    let at = tell(th, a)?;
    integer(th, at)
}

fn truncate(th: &mut Thread, a: Args) -> R {
    let b = open(th, a[0])?;
    flush(th, a[0])?;
    let pos = if missing(a[1]) { Value::int(integer_of_tell(th, a)?) } else { a[1] };
    let name = th.intern("truncate")?;
    let f = th.getattr(b, name)?;
    th.call(f, &[pos])
}

fn detach(th: &mut Thread, a: Args) -> R {
    let b = below(th, a[0])?;
    flush(th, a[0])?;
    text_of(a[0]).state().detached = true;
    boxed(a[0]).x.set(Value::UNBOUND);
    Ok(b)
}

fn close(th: &mut Thread, a: Args) -> R {
    if is_closed(th, a[0])? {
        return Ok(Value::NONE);
    }
    let flushed = th.call_method(a[0], N::flush, &[]);
    let first = if flushed.is_err() { th.take_raised() } else { Value::UNBOUND };
    let b = below(th, a[0])?;
    let closed = th.call_method(b, N::close, &[]);
    if !first.is_unbound() {
        th.raised = first;
        return Err(Raised);
    }
    closed.map(|_| Value::NONE)
}

fn reconfigure(th: &mut Thread, a: Args) -> R {
    let v = a[0];
    flush(th, v)?;
    if !missing(a[1]) {
        let (codec, _) = encoding_of(th, a[1])?;
        boxed(v).z.set(a[1]);
        text_of(v).state().codec = codec;
        if missing(a[2]) {
            let strict = th.intern("strict")?;
            boxed(v).w.set(strict);
            text_of(v).state().policy = Policy::Strict;
        }
    }
    if !missing(a[2]) {
        let (policy, _) = policy_of(th, a[2])?;
        boxed(v).w.set(a[2]);
        text_of(v).state().policy = policy;
    }
    if !a[3].is_unbound() {
        let newline = Newline::of(th, a[3])?;
        text_of(v).state().newline = newline;
    }
    if !missing(a[4]) {
        let on = th.truth(a[4])?;
        text_of(v).state().line_buffering = on;
    }
    if !missing(a[5]) {
        let on = th.truth(a[5])?;
        text_of(v).state().write_through = on;
    }
    Ok(Value::NONE)
}

/// Makes every write go to the system at once (`-u`).
pub fn set_write_through(v: Value) {
    if let Some(t) = as_text(v) {
        t.state().write_through = true;
    }
}

fn repr(th: &mut Thread, v: Value) -> R {
    let mut text = "<_io.TextIOWrapper".to_string();
    let b = boxed(v).x.get();
    if !b.is_unbound() {
        for name in ["name", "mode"] {
            let key = th.intern(name)?;
            if name == "mode" && text_of(v).state().mode.is_empty() {
                continue;
            }
            let from = if name == "name" { b } else { v };
            if let Some(x) = th.getattr_opt(from, key)? {
                text += &format!(" {name}={}", th.repr_text(x)?);
            }
        }
    }
    let encoding = boxed(v).z.get().or(Value::NONE);
    text += &format!(" encoding={}>", th.repr_text(encoding)?);
    Ok(th.str(&text)?)
}
