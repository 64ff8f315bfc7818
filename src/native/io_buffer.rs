//! `_io.BufferedReader`, `BufferedWriter`, `BufferedRandom`: bytes kept between a raw stream and its users.
//!
//! Invariant: the state's mutex is held for copying only (no heap, no door, no script code under it), so that one
//! write is atomic; transfers are ordered by the stream's door lock. What is written to a regular file is handed to
//! the system at once; to anything else when the buffer is full or flushed.

use super::io_base::{self, unsupported};
use super::io_file::{self, File, as_file};
use super::util::{buffer, integer, integer_or, missing, shape_of, store_into};
use crate::heap::known::N;
use crate::heap::object::{Boxed, Class};
use crate::heap::{Full, Kind, Value};
use crate::run::wait::{Lock, Patience};
use crate::run::{Args, ClassDef, Def, GetSet, PLAIN, R, Raised, Thread, class, def, get};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is between the raw stream and the users.
#[derive(Default)]
pub struct State {
    /// Read ahead, from `at` on not yet given out.
    ahead: Vec<u8>,
    at: usize,
    /// Written, not yet handed on.
    behind: Vec<u8>,
    size: usize,
    closed: bool,
    detached: bool,
    reads: bool,
    writes: bool,
}

/// The payload.
#[derive(Default)]
pub struct Buffer(Mutex<State>);

impl Buffer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

macro_rules! buffered_class {
    ($def:ident, $name:literal, $doc:literal, $methods:ident, $init:ident) => {
        static $def: ClassDef = ClassDef {
            name: $name,
            doc: $doc,
            slots: |s| {
                s.new = Some(new);
                s.init = Some($init);
                s.repr = Some(repr);
                s.iter = Some(io_base::iter);
                s.next = Some(next);
            },
            methods: $methods,
            getset: FIELDS,
            basetype: true,
            kind: Kind::Boxed,
            ..PLAIN
        };
    };
}

buffered_class!(READER, "_io.BufferedReader", "A buffered stream for reading.", READER_METHODS, init_reader);
buffered_class!(WRITER, "_io.BufferedWriter", "A buffered stream for writing.", WRITER_METHODS, init_writer);
buffered_class!(
    RANDOM,
    "_io.BufferedRandom",
    "A buffered stream for reading and writing.",
    RANDOM_METHODS,
    init_random
);

const CLOSE: Def = def("close", "($self, /)", |th, a| close(th, a[0]), "Flush and close the stream.");
const FLUSH: Def = def(
    "flush",
    "($self, /)",
    |th, a| {
        check(th, a[0])?;
        flush(th, a[0], Patience::Forever)?;
        Ok(Value::NONE)
    },
    "Hand the written bytes on.",
);
const DETACH: Def = def("detach", "($self, /)", detach, "Separate the raw stream.");
const SEEK: Def = def("seek", "($self, target, whence=0, /)", seek, "Change the position.");
const TELL: Def = def("tell", "($self, /)", |th, a| Ok(Value::int(tell(th, a[0])?)), "The position.");
const TRUNCATE: Def = def("truncate", "($self, pos=None, /)", truncate, "Set the size.");
const FILENO: Def = def("fileno", "($self, /)", |th, a| ask(th, a[0], "fileno"), "The descriptor.");
const ISATTY: Def = def("isatty", "($self, /)", |th, a| ask(th, a[0], "isatty"), "Whether it is a terminal.");
const READABLE: Def =
    def("readable", "($self, /)", |th, a| ask(th, a[0], "readable"), "Whether it can be read from.");
const WRITABLE: Def =
    def("writable", "($self, /)", |th, a| ask(th, a[0], "writable"), "Whether it can be written to.");
const SEEKABLE: Def =
    def("seekable", "($self, /)", |th, a| ask(th, a[0], "seekable"), "Whether it has positions.");
const READ: Def = def("read", "($self, size=-1, /)", read, "Read up to size bytes, all by default.");
const READ1: Def = def("read1", "($self, size=-1, /)", read1, "Read by at most one call below.");
const PEEK: Def = def("peek", "($self, size=0, /)", peek, "What is read ahead; the position stays.");
const READINTO: Def =
    def("readinto", "($self, buffer, /)", |th, a| readinto(th, a, false), "Read into a buffer.");
const READINTO1: Def =
    def("readinto1", "($self, buffer, /)", |th, a| readinto(th, a, true), "Read into a buffer.");
const READLINE: Def = def("readline", "($self, size=-1, /)", readline, "Read a line.");
const WRITE: Def = def("write", "($self, buffer, /)", write_method, "Write bytes; how many.");

static READER_METHODS: &[Def] = &[
    CLOSE, FLUSH, DETACH, SEEK, TELL, TRUNCATE, FILENO, ISATTY, READABLE, SEEKABLE, READ, READ1, PEEK,
    READINTO, READINTO1, READLINE,
];
static WRITER_METHODS: &[Def] =
    &[CLOSE, FLUSH, DETACH, SEEK, TELL, TRUNCATE, FILENO, ISATTY, WRITABLE, SEEKABLE, WRITE];
static RANDOM_METHODS: &[Def] = &[
    CLOSE, FLUSH, DETACH, SEEK, TELL, TRUNCATE, FILENO, ISATTY, READABLE, WRITABLE, SEEKABLE, READ, READ1,
    PEEK, READINTO, READINTO1, READLINE, WRITE,
];

static FIELDS: &[GetSet] = &[
    get("raw", |_, v| Ok(boxed(v).x.get().or(Value::NONE)), "The raw stream."),
    get("closed", |th, v| Ok(Value::bool(is_closed(th, v)?)), "Whether the stream is closed."),
    get("name", |th, v| of_raw(th, v, "name"), "What was opened."),
    get("mode", |th, v| of_raw(th, v, "mode"), "How it was opened."),
];

/// Makes the three classes: reader, writer, random.
pub fn classes(th: &mut Thread) -> R<[Value; 3]> {
    Ok([
        class::define(th, None, &READER)?,
        class::define(th, None, &WRITER)?,
        class::define(th, None, &RANDOM)?,
    ])
}

fn boxed(v: Value) -> &'static Boxed {
    v.base().get::<Boxed>()
}

/// The payload of one of the three classes.
pub fn as_buffer(v: Value) -> Option<&'static Buffer> {
    v.base().cast::<Boxed>()?.payload::<Buffer>()
}

/// Whether it is a buffered stream that can be written to.
pub fn writes(v: Value) -> bool {
    as_buffer(v).is_some_and(|b| {
        let s = b.state();
        s.writes && !s.closed
    })
}

/// Whether a buffered stream can be read from; `None` for other objects.
pub fn reads(v: Value) -> Option<bool> {
    as_buffer(v).map(|b| b.state().reads)
}

fn buf(v: Value) -> &'static Buffer {
    as_buffer(v).expect("the class makes its instances")
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let solid = cls.get::<Class>().solid.get();
    let v = th.heap.boxed(shape_of(solid), Box::new(Buffer::default()), 256)?;
    let lock = super::lock::new_lock(th)?;
    v.get::<Boxed>().y.set(lock);
    if cls == solid { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

fn init_reader(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    init(th, this, args, kwargs, "BufferedReader", true, false)
}

fn init_writer(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    init(th, this, args, kwargs, "BufferedWriter", false, true)
}

fn init_random(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    init(th, this, args, kwargs, "BufferedRandom", true, true)
}

fn init(
    th: &mut Thread,
    this: Value,
    args: Value,
    kwargs: Value,
    name: &str,
    reads: bool,
    writes: bool,
) -> R<()> {
    let [raw, size] = super::util::bind(th, name, ["raw", "buffer_size"], 1, args, kwargs)?;
    let size = integer_or(th, size, super::io::BUFFER as i64)?;
    if size <= 0 {
        return Err(th.value_error("buffer size must be strictly positive"));
    }
    if reads && !says(th, raw, "readable")? {
        return Err(unsupported(th, "File or stream is not readable."));
    }
    if writes && !says(th, raw, "writable")? {
        return Err(unsupported(th, "File or stream is not writable."));
    }
    boxed(this).x.set(raw);
    *buf(this).state() = State { size: size as usize, reads, writes, ..State::default() };
    Ok(())
}

fn says(th: &mut Thread, o: Value, what: &str) -> R<bool> {
    let name = th.intern(what)?;
    let f = th.getattr(o, name)?;
    let v = th.call(f, &[])?;
    th.truth(v)
}

fn raw(th: &mut Thread, v: Value) -> R {
    let detached = buf(v).state().detached;
    match boxed(v).x.get() {
        Value::UNBOUND if detached => Err(th.value_error("raw stream has been detached")),
        Value::UNBOUND => Err(th.value_error("I/O operation on uninitialized object")),
        r => Ok(r),
    }
}

fn of_raw(th: &mut Thread, v: Value, name: &str) -> R {
    let r = raw(th, v)?;
    let name = th.intern(name)?;
    th.getattr(r, name)
}

fn ask(th: &mut Thread, v: Value, what: &str) -> R {
    let f = of_raw(th, v, what)?;
    th.call(f, &[])
}

fn is_closed(th: &mut Thread, v: Value) -> R<bool> {
    if buf(v).state().closed {
        return Ok(true);
    }
    let r = raw(th, v)?;
    match as_file(r) {
        Some(f) => Ok(f.fd() < 0),
        None => io_base::is_closed(th, r),
    }
}

fn check(th: &mut Thread, v: Value) -> R {
    let r = raw(th, v)?;
    if is_closed(th, v)? { Err(io_base::closed_error(th)) } else { Ok(r) }
}

#[cold]
fn reentrant(th: &mut Thread, v: Value) -> Raised {
    match th.repr_text(v) {
        Ok(shown) => th.runtime_error(format!("reentrant call inside {shown}")),
        Err(r) => r,
    }
}

/// Runs `f` as the only one that transfers from or to the raw stream.
fn alone<T>(
    th: &mut Thread,
    v: Value,
    patience: Patience,
    f: impl FnOnce(&mut Thread) -> R<T>,
) -> R<Option<T>> {
    let lock = boxed(v).y.get().get::<Lock>();
    if lock.is_mine(th) {
        return Err(reentrant(th, v));
    }
    if !lock.acquire(th, patience)? {
        return Ok(None);
    }
    let result = f(th);
    lock.release(th);
    result.map(Some)
}

/// As [`alone`], however long it takes.
fn only<T>(th: &mut Thread, v: Value, f: impl FnOnce(&mut Thread) -> R<T>) -> R<T> {
    match alone(th, v, Patience::Forever, f)? {
        Some(t) => Ok(t),
        None => Err(th.runtime_error("could not acquire lock for a buffered stream")),
    }
}

// ------------------------------------------------------------------------------------------------------------- writing

/// What a write found out.
enum Put {
    /// The bytes are in the buffer.
    Kept,
    /// They are, and the buffer should be handed on.
    Full,
    Closed,
}

/// Adds bytes in one piece; then hands on what has to be.
pub fn write(th: &mut Thread, v: Value, data: &[u8]) -> R<()> {
    let put = {
        let mut s = buf(v).state();
        if s.closed || s.detached {
            Put::Closed
        } else if s.behind.try_reserve(data.len()).is_err() {
            drop(s);
            return Err(th.memory_error(""));
        } else {
            s.behind.extend_from_slice(data);
            if s.behind.len() >= s.size { Put::Full } else { Put::Kept }
        }
    };
    match put {
        Put::Closed => {
            check(th, v)?;
            Err(io_base::closed_error(th))
        }
        Put::Full => flush(th, v, Patience::Forever).map(drop),
        Put::Kept => match as_file(boxed(v).x.get()) {
            Some(f) if f.fd() < 0 => {
                buf(v).state().behind.clear();
                Err(io_base::closed_error(th))
            }
            Some(f) if f.regular() => flush(th, v, Patience::Forever).map(drop),
            _ => Ok(()),
        },
    }
}

/// Hands the written bytes on; `false` if another thread is at it for longer than the patience.
pub fn flush(th: &mut Thread, v: Value, patience: Patience) -> R<bool> {
    let idle = {
        let s = buf(v).state();
        s.behind.is_empty() && (!s.writes || s.ahead.is_empty())
    };
    let lock = boxed(v).y.get().get::<Lock>();
    if idle && !lock.locked() {
        return Ok(true);
    }
    let done = alone(th, v, patience, |th| {
        rewind(th, v)?;
        flush_alone(th, v)
    })?;
    Ok(done.is_some())
}

/// Under the door lock: writes until nothing is left. What could not be written stays in front.
fn flush_alone(th: &mut Thread, v: Value) -> R<()> {
    loop {
        let data = std::mem::take(&mut buf(v).state().behind);
        if data.is_empty() {
            return Ok(());
        }
        let (mut at, mut result) = (0, Ok(()));
        while at < data.len() {
            match write_raw(th, v, &data[at..]) {
                Ok(Some(n)) => at += n.min(data.len() - at),
                Ok(None) => {
                    let text = "write could not complete without blocking";
                    result = Err(th.raise(crate::heap::known::C::BlockingIOError, text));
                    break;
                }
                Err(r) => {
                    result = Err(r);
                    break;
                }
            }
        }
        if result.is_err() {
            let mut s = buf(v).state();
            let newer = std::mem::take(&mut s.behind);
            s.behind = data[at..].to_vec();
            s.behind.extend_from_slice(&newer);
            return result;
        }
    }
}

fn write_raw(th: &mut Thread, v: Value, data: &[u8]) -> R<Option<usize>> {
    let r = raw(th, v)?;
    if let Some(f) = as_file(r).filter(|_| r.is_kind(Kind::Boxed)) {
        return io_file::write_some(th, f, data);
    }
    let bytes = th.bytes(data)?;
    let n = th.call_method(r, N::write, &[bytes])?;
    if n.is_none() {
        return Ok(None);
    }
    let n = integer(th, n)?;
    if n < 0 || n > data.len() as i64 {
        let text = format!(
            "raw write() returned invalid length {n} (should have been between 0 and {})",
            data.len()
        );
        return Err(th.raise(crate::heap::known::C::OSError, &text));
    }
    Ok(Some(n as usize))
}

/// Before writing: forgets what was read ahead, so that the raw position is where the users think it is.
fn rewind(th: &mut Thread, v: Value) -> R<()> {
    let back = {
        let mut s = buf(v).state();
        if !s.writes {
            return Ok(());
        }
        let left = s.ahead.len() - s.at;
        s.ahead.clear();
        s.at = 0;
        left
    };
    if back > 0 {
        seek_raw(th, v, -(back as i64), 1)?;
    }
    Ok(())
}

fn write_method(th: &mut Thread, a: Args) -> R {
    if crate::heap::text::is_text(a[1].base()) {
        return Err(th.type_error("a bytes-like object is required, not 'str'"));
    }
    let data = buffer(th, a[1])?;
    check(th, a[0])?;
    let read_ahead = !buf(a[0]).state().ahead.is_empty();
    if read_ahead {
        only(th, a[0], |th| rewind(th, a[0]))?;
    }
    write(th, a[0], &data)?;
    Ok(Value::int(data.len() as i64))
}

// ------------------------------------------------------------------------------------------------------------- reading

fn read_raw(th: &mut Thread, v: Value, n: usize) -> R<Option<Vec<u8>>> {
    let r = raw(th, v)?;
    if let Some(f) = as_file(r).filter(|_| r.is_kind(Kind::Boxed)) {
        return io_file::read_some(th, f, n);
    }
    let got = th.call_method(r, N::read, &[Value::int(n as i64)])?;
    if got.is_none() { Ok(None) } else { buffer(th, got).map(Some) }
}

/// Under the door lock: reads ahead once; how many bytes came.
fn fill(th: &mut Thread, v: Value) -> R<usize> {
    let (size, writes) = {
        let s = buf(v).state();
        (s.size, s.writes)
    };
    if writes {
        flush_alone(th, v)?;
    }
    let Some(piece) = read_raw(th, v, size)? else { return Ok(0) };
    let mut s = buf(v).state();
    let at = s.at;
    s.ahead.drain(..at);
    s.at = 0;
    s.ahead.extend_from_slice(&piece);
    Ok(piece.len())
}

/// Takes up to `n` bytes of what is read ahead.
fn take(v: Value, n: usize) -> Vec<u8> {
    let mut s = buf(v).state();
    let end = s.at + n.min(s.ahead.len() - s.at);
    let out = s.ahead[s.at..end].to_vec();
    s.at = end;
    if s.at == s.ahead.len() {
        s.ahead.clear();
        s.at = 0;
    }
    out
}

fn left(v: Value) -> usize {
    let s = buf(v).state();
    s.ahead.len() - s.at
}

fn readable(th: &mut Thread, v: Value) -> R<()> {
    check(th, v)?;
    if buf(v).state().reads { Ok(()) } else { Err(unsupported(th, "not readable")) }
}

fn push(out: &mut Vec<u8>, more: &[u8]) -> R<()> {
    out.try_reserve(more.len()).map_err(|_| Full)?;
    out.extend_from_slice(more);
    Ok(())
}

/// Reads `n` bytes, or until the end.
pub fn read_bytes(th: &mut Thread, v: Value, n: Option<usize>) -> R<Vec<u8>> {
    readable(th, v)?;
    only(th, v, |th| {
        let mut out = take(v, n.unwrap_or(usize::MAX));
        if let Some(f) = plain_file(v).filter(|_| n.is_none()) {
            if buf(v).state().writes {
                flush_alone(th, v)?;
            }
            let rest = io_file::read_all(th, f)?;
            if out.is_empty() {
                return Ok(rest);
            }
            push(&mut out, &rest)?;
            return Ok(out);
        }
        while n.is_none_or(|n| out.len() < n) {
            if fill(th, v)? == 0 {
                break;
            }
            let more = take(v, n.map_or(usize::MAX, |n| n - out.len()));
            push(&mut out, &more)?;
        }
        Ok(out)
    })
}

fn plain_file(v: Value) -> Option<&'static File> {
    let r = boxed(v).x.get();
    as_file(r).filter(|_| r.is_kind(Kind::Boxed))
}

/// The descriptor of standard output or standard error, if that is what the buffer writes to.
pub fn standard(v: Value) -> Option<i32> {
    plain_file(v).map(File::fd).filter(|fd| matches!(fd, 1 | 2))
}

/// Reads what one call below gives, at most `n` bytes.
pub fn read_once(th: &mut Thread, v: Value, n: usize) -> R<Vec<u8>> {
    readable(th, v)?;
    only(th, v, |th| {
        if left(v) == 0 {
            fill(th, v)?;
        }
        Ok(take(v, n))
    })
}

fn read(th: &mut Thread, a: Args) -> R {
    let n = if missing(a[1]) { -1 } else { integer(th, a[1])? };
    if n < -1 {
        return Err(th.value_error("read length must be non-negative or -1"));
    }
    let out = read_bytes(th, a[0], usize::try_from(n).ok())?;
    Ok(th.bytes(&out)?)
}

fn read1(th: &mut Thread, a: Args) -> R {
    let n = integer_or(th, a[1], -1)?;
    let size = buf(a[0]).state().size;
    let out = read_once(th, a[0], usize::try_from(n).unwrap_or(size))?;
    Ok(th.bytes(&out)?)
}

fn peek(th: &mut Thread, a: Args) -> R {
    readable(th, a[0])?;
    let v = a[0];
    let out = only(th, v, |th| {
        if left(v) == 0 {
            fill(th, v)?;
        }
        let s = buf(v).state();
        Ok(s.ahead[s.at..].to_vec())
    })?;
    Ok(th.bytes(&out)?)
}

fn readinto(th: &mut Thread, a: Args, once: bool) -> R {
    let room = th.len(a[1])?;
    let data = if once { read_once(th, a[0], room)? } else { read_bytes(th, a[0], Some(room))? };
    Ok(Value::int(store_into(th, a[1], room, &data)? as i64))
}

/// Reads a line of at most `limit` bytes.
fn line(th: &mut Thread, v: Value, limit: Option<usize>) -> R<Vec<u8>> {
    readable(th, v)?;
    only(th, v, |th| {
        let mut out: Vec<u8> = Vec::new();
        loop {
            let room = limit.map_or(usize::MAX, |l| l - out.len());
            let (n, found) = {
                let s = buf(v).state();
                let rest = &s.ahead[s.at..];
                let rest = &rest[..rest.len().min(room)];
                match memchr::memchr(b'\n', rest) {
                    Some(i) => (i + 1, true),
                    None => (rest.len(), rest.len() == room),
                }
            };
            out.extend_from_slice(&take(v, n));
            if found || limit.is_some_and(|l| out.len() >= l) || fill(th, v)? == 0 {
                return Ok(out);
            }
        }
    })
}

fn readline(th: &mut Thread, a: Args) -> R {
    let n = if missing(a[1]) { -1 } else { integer(th, a[1])? };
    let out = line(th, a[0], usize::try_from(n).ok())?;
    Ok(th.bytes(&out)?)
}

fn next(th: &mut Thread, v: Value) -> R<Option<Value>> {
    let out = line(th, v, None)?;
    Ok(if out.is_empty() { None } else { Some(th.bytes(&out)?) })
}

// ------------------------------------------------------------------------------------------------------------ position

fn seek_raw(th: &mut Thread, v: Value, pos: i64, whence: i64) -> R<i64> {
    let r = raw(th, v)?;
    if let Some(f) = as_file(r).filter(|_| r.is_kind(Kind::Boxed)) {
        return io_file::seek_to(th, f, pos, whence as i32);
    }
    let name = th.intern("seek")?;
    let f = th.getattr(r, name)?;
    let at = th.call(f, &[Value::int(pos), Value::int(whence)])?;
    integer(th, at)
}

/// The position as users see it.
pub fn tell(th: &mut Thread, v: Value) -> R<i64> {
    check(th, v)?;
    let at = seek_raw(th, v, 0, 1)?;
    let s = buf(v).state();
    Ok(at - (s.ahead.len() - s.at) as i64 + s.behind.len() as i64)
}

/// Changes the position.
pub fn seek_to(th: &mut Thread, v: Value, pos: i64, whence: i64) -> R<i64> {
    check(th, v)?;
    if !(0..=2).contains(&whence) {
        return Err(th.value_error(format!("whence value {whence} unsupported")));
    }
    if !says(th, v, "seekable")? {
        return Err(unsupported(th, "File or stream is not seekable."));
    }
    only(th, v, |th| {
        flush_alone(th, v)?;
        let pos = if whence == 1 { pos - left(v) as i64 } else { pos };
        let at = seek_raw(th, v, pos, whence)?;
        let mut s = buf(v).state();
        s.ahead.clear();
        s.at = 0;
        Ok(at)
    })
}

fn seek(th: &mut Thread, a: Args) -> R {
    let (pos, whence) = (integer(th, a[1])?, integer_or(th, a[2], 0)?);
    Ok(Value::int(seek_to(th, a[0], pos, whence)?))
}

fn truncate(th: &mut Thread, a: Args) -> R {
    check(th, a[0])?;
    if !buf(a[0]).state().writes {
        return Err(unsupported(th, "truncate"));
    }
    flush(th, a[0], Patience::Forever)?;
    let pos = if missing(a[1]) { Value::int(tell(th, a[0])?) } else { a[1] };
    let f = of_raw(th, a[0], "truncate")?;
    th.call(f, &[pos])
}

fn detach(th: &mut Thread, a: Args) -> R {
    let r = raw(th, a[0])?;
    flush(th, a[0], Patience::Forever)?;
    buf(a[0]).state().detached = true;
    boxed(a[0]).x.set(Value::UNBOUND);
    Ok(r)
}

fn close(th: &mut Thread, v: Value) -> R {
    let r = raw(th, v)?;
    if is_closed(th, v)? {
        return Ok(Value::NONE);
    }
    let flushed = th.call_method(v, N::flush, &[]);
    let first = if flushed.is_err() { th.take_raised() } else { Value::UNBOUND };
    {
        let mut s = buf(v).state();
        s.closed = true;
        s.behind.clear();
        s.ahead.clear();
        s.at = 0;
    }
    let closed = th.call_method(r, N::close, &[]);
    if !first.is_unbound() {
        th.raised = first;
        return Err(Raised);
    }
    closed.map(|_| Value::NONE)
}

fn repr(th: &mut Thread, v: Value) -> R {
    let class = th.type_name(v);
    let name = match boxed(v).x.get() {
        Value::UNBOUND => None,
        r => {
            let key = th.intern("name")?;
            th.getattr_opt(r, key)?
        }
    };
    let text = match name {
        Some(n) => format!("<{class} name={}>", th.repr_text(n)?),
        None => format!("<{class}>"),
    };
    Ok(th.str(&text)?)
}
