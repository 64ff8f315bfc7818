//! The abstract stream classes of `_io`: what a stream in script code inherits. Invariant: a method here works only
//! by calling the object's other methods.

use super::util::{class_attr, integer, missing};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Value, text};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Raised, Thread, class, def, getset};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// `io.UnsupportedOperation`.
pub static UNSUPPORTED: AtomicU64 = AtomicU64::new(Value::NONE.0);

/// Raises `io.UnsupportedOperation`.
#[cold]
pub fn unsupported(th: &mut Thread, what: &str) -> Raised {
    let class = Value(UNSUPPORTED.load(Relaxed));
    let made = th.str(what).map_err(Raised::from).and_then(|t| th.call(class, &[t]));
    match made {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}

/// "I/O operation on closed file."
#[cold]
pub fn closed_error(th: &mut Thread) -> Raised {
    th.value_error("I/O operation on closed file.")
}

static BASE: ClassDef = ClassDef {
    name: "_io._IOBase",
    doc: "The abstract base class of all streams.",
    base: Some(C::object),
    slots: |s| {
        s.iter = Some(iter);
        s.next = Some(next);
    },
    methods: BASE_METHODS,
    getset: &[getset("closed", get_closed, set_closed, "Whether the stream is closed.")],
    basetype: true,
    ..PLAIN
};

static BASE_METHODS: &[Def] = &[
    def("seek", "($self, offset, whence=0, /)", |th, _| Err(unsupported(th, "seek")), "Change the position."),
    def("tell", "($self, /)", tell, "The position."),
    def("truncate", "($self, pos=None, /)", |th, _| Err(unsupported(th, "truncate")), "Set the size."),
    def("flush", "($self, /)", flush, "Hand buffered data on."),
    def("close", "($self, /)", close, "Flush and close the stream."),
    def("readable", "($self, /)", |_, _| Ok(Value::FALSE), "Whether it can be read from."),
    def("writable", "($self, /)", |_, _| Ok(Value::FALSE), "Whether it can be written to."),
    def("seekable", "($self, /)", |_, _| Ok(Value::FALSE), "Whether its position can be changed."),
    def("fileno", "($self, /)", |th, _| Err(unsupported(th, "fileno")), "The descriptor behind it."),
    def("isatty", "($self, /)", isatty, "Whether it is a terminal."),
    def("readline", "($self, size=-1, /)", readline, "Read a line."),
    def("readlines", "($self, hint=-1, /)", readlines, "A list of lines."),
    def("writelines", "($self, lines, /)", writelines, "Write each of an iterable."),
    def("_checkClosed", "($self, msg=None, /)", check_closed, "ValueError if it is closed."),
    def(
        "_checkReadable",
        "($self, msg=None, /)",
        |th, a| need(th, a, "readable", "File or stream is not readable."),
        "",
    ),
    def(
        "_checkWritable",
        "($self, msg=None, /)",
        |th, a| need(th, a, "writable", "File or stream is not writable."),
        "",
    ),
    def(
        "_checkSeekable",
        "($self, msg=None, /)",
        |th, a| need(th, a, "seekable", "File or stream is not seekable."),
        "",
    ),
    def("__enter__", "($self, /)", enter, "The stream itself."),
    def("__exit__", "($self, /, *exc_info)", exit, "Close the stream."),
];

static RAW: ClassDef = ClassDef {
    name: "_io._RawIOBase",
    doc: "Base class of unbuffered byte streams.",
    base: Some(C::object),
    slots: |s| {
        s.iter = Some(iter);
        s.next = Some(next);
    },
    methods: RAW_METHODS,
    basetype: true,
    ..PLAIN
};

static RAW_METHODS: &[Def] = &[
    def("read", "($self, size=-1, /)", raw_read, "Read up to size bytes by readinto()."),
    def("readall", "($self, /)", raw_readall, "Read until the end."),
];

static BUFFERED: ClassDef = ClassDef {
    name: "_io._BufferedIOBase",
    doc: "Base class of buffered byte streams.",
    base: Some(C::object),
    slots: |s| {
        s.iter = Some(iter);
        s.next = Some(next);
    },
    methods: BUFFERED_METHODS,
    basetype: true,
    ..PLAIN
};

static BUFFERED_METHODS: &[Def] = &[
    def("read", "($self, size=-1, /)", |th, _| Err(unsupported(th, "read")), "Read up to size bytes."),
    def("read1", "($self, size=-1, /)", |th, _| Err(unsupported(th, "read1")), "Read by one call below."),
    def("write", "($self, b, /)", |th, _| Err(unsupported(th, "write")), "Write bytes."),
    def("detach", "($self, /)", |th, _| Err(unsupported(th, "detach")), "Separate the stream below."),
    def("readinto", "($self, buffer, /)", |th, a| readinto(th, a, N::read), "Read into a buffer."),
    def("readinto1", "($self, buffer, /)", |th, a| readinto(th, a, N::read), "Read into a buffer."),
];

static TEXT: ClassDef = ClassDef {
    name: "_io._TextIOBase",
    doc: "Base class of text streams.",
    base: Some(C::object),
    slots: |s| {
        s.iter = Some(iter);
        s.next = Some(next);
    },
    methods: TEXT_METHODS,
    getset: &[
        crate::run::get("encoding", |_, _| Ok(Value::NONE), "Name of the encoding."),
        crate::run::get("newlines", |_, _| Ok(Value::NONE), "Line ends seen so far."),
        crate::run::get("errors", |_, _| Ok(Value::NONE), "Name of the error handler."),
    ],
    basetype: true,
    ..PLAIN
};

static TEXT_METHODS: &[Def] = &[
    def("read", "($self, size=-1, /)", |th, _| Err(unsupported(th, "read")), "Read up to size characters."),
    def("write", "($self, s, /)", |th, _| Err(unsupported(th, "write")), "Write a text."),
    def("readline", "($self, size=-1, /)", |th, _| Err(unsupported(th, "readline")), "Read a line."),
    def("detach", "($self, /)", |th, _| Err(unsupported(th, "detach")), "Separate the buffer below."),
];

/// The four classes: base, raw, buffered, text.
pub fn classes(th: &mut Thread) -> R<[Value; 4]> {
    let base = class::define(th, None, &BASE)?;
    let raw = class::define(th, None, &RAW)?;
    let buffered = class::define(th, None, &BUFFERED)?;
    let text = class::define(th, None, &TEXT)?;
    for c in [raw, buffered, text] {
        derive(th, c, base)?;
    }
    Ok([base, raw, buffered, text])
}

/// Makes `class`, which derives from object only, derive from `base`; before anything has looked at it.
pub fn derive(th: &mut Thread, class: Value, base: Value) -> R<()> {
    let c = class.get::<Class>();
    let above = base.get::<Class>().mro.get();
    let above = above.get::<Tuple>();
    let mro = th.tuple_with(above.len() + 1)?;
    for i in 0..=above.len() {
        let v = if i == 0 { class } else { above.at(i - 1) };
        // SAFETY: i is below the tuple's length.
        unsafe { mro.get::<Tuple>().item(i) }.set(v);
    }
    let bases = th.tuple(&[base])?;
    c.bases.set(bases);
    c.mro.set(mro);
    let weak = th.weak(class)?;
    if let Some(l) = base.get::<Class>().subclasses.get().cast::<List>() {
        crate::heap::list::push(&mut th.heap, l, weak)?;
    }
    Ok(())
}

/// `io.UnsupportedOperation`, below OSError and ValueError.
pub fn unsupported_class(th: &mut Thread) -> R {
    let name = th.intern("UnsupportedOperation")?;
    let bases = th.tuple(&[C::OSError.v(), C::ValueError.v()])?;
    let ns = th.heap.new_dict()?;
    let module = th.intern("io")?;
    th.dict_insert(ns, N::__module__.v(), module)?;
    let c = class::new_class(th, C::type_.v(), name, bases, ns, Value::UNBOUND)?;
    UNSUPPORTED.store(c.0, Relaxed);
    class_attr(th, c, "__doc__", Value::NONE)?;
    Ok(c)
}

fn method(th: &mut Thread, o: Value, name: &str, args: &[Value]) -> R {
    let name = th.intern(name)?;
    let f = th.getattr(o, name)?;
    th.call(f, args)
}

/// Whether the object says that it is closed.
pub fn is_closed(th: &mut Thread, o: Value) -> R<bool> {
    let name = th.intern("closed")?;
    let v = th.getattr(o, name)?;
    th.truth(v)
}

fn open_or_raise(th: &mut Thread, o: Value) -> R<()> {
    if is_closed(th, o)? { Err(closed_error(th)) } else { Ok(()) }
}

fn mark(th: &mut Thread) -> R {
    th.intern("__IOBase_closed")
}

fn get_closed(th: &mut Thread, o: Value) -> R {
    let name = mark(th)?;
    Ok(Value::bool(crate::run::attr::has_own(o, name)))
}

fn set_closed(th: &mut Thread, o: Value, _: Value) -> R<()> {
    let text = format!("attribute 'closed' of '{}' objects is not writable", th.type_name(o));
    let name = th.intern("closed")?;
    Err(th.attribute_error(o, name, &text))
}

fn tell(th: &mut Thread, a: Args) -> R {
    method(th, a[0], "seek", &[Value::int(0), Value::int(1)])
}

fn flush(th: &mut Thread, a: Args) -> R {
    open_or_raise(th, a[0])?;
    Ok(Value::NONE)
}

fn close(th: &mut Thread, a: Args) -> R {
    if is_closed(th, a[0])? {
        return Ok(Value::NONE);
    }
    let flushed = method(th, a[0], "flush", &[]);
    let name = mark(th)?;
    if let Err(r) = flushed {
        let raised = th.take_raised();
        th.setattr(a[0], name, Value::TRUE)?;
        th.raised = raised;
        return Err(r);
    }
    th.setattr(a[0], name, Value::TRUE)?;
    Ok(Value::NONE)
}

fn isatty(th: &mut Thread, a: Args) -> R {
    open_or_raise(th, a[0])?;
    Ok(Value::FALSE)
}

fn check_closed(th: &mut Thread, a: Args) -> R {
    if is_closed(th, a[0])? {
        if missing(a[1]) {
            return Err(closed_error(th));
        }
        let text = th.str_text(a[1])?;
        return Err(th.value_error(text));
    }
    Ok(Value::NONE)
}

fn need(th: &mut Thread, a: Args, what: &str, text: &str) -> R {
    let v = method(th, a[0], what, &[])?;
    if v == Value::TRUE { Ok(v) } else { Err(unsupported(th, text)) }
}

fn enter(th: &mut Thread, a: Args) -> R {
    open_or_raise(th, a[0])?;
    Ok(a[0])
}

fn exit(th: &mut Thread, a: Args) -> R {
    th.call_method(a[0], N::close, &[])?;
    Ok(Value::NONE)
}

/// `iter(stream)`: the stream, if it is open.
pub fn iter(th: &mut Thread, o: Value) -> R {
    open_or_raise(th, o)?;
    Ok(o)
}

/// `next(stream)`: a line.
pub fn next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let line = method(th, o, "readline", &[])?;
    Ok(if th.len(line)? == 0 { None } else { Some(line) })
}

fn readline(th: &mut Thread, a: Args) -> R {
    let limit = if missing(a[1]) { -1 } else { integer(th, a[1])? };
    let mut out = Vec::new();
    while limit < 0 || (out.len() as i64) < limit {
        let piece = th.call_method(a[0], N::read, &[Value::int(1)])?;
        let Some(b) = piece.base().cast::<Bytes>() else {
            let text = format!("read() should have returned a bytes object, not '{}'", th.type_name(piece));
            return Err(th.raise(C::OSError, &text));
        };
        if b.bytes().is_empty() {
            break;
        }
        out.extend_from_slice(b.bytes());
        if b.bytes().ends_with(b"\n") {
            break;
        }
    }
    Ok(th.bytes(&out)?)
}

/// `readlines(hint)` by iteration.
pub fn readlines(th: &mut Thread, a: Args) -> R {
    let hint = if missing(a[1]) { -1 } else { integer(th, a[1])? };
    let out = th.list(&[])?;
    let mut size = 0;
    let it = th.iter(a[0])?;
    while let Some(line) = th.next(it)? {
        crate::heap::list::push(&mut th.heap, out.get(), line)?;
        size += th.len(line)? as i64;
        if hint > 0 && size >= hint {
            break;
        }
    }
    Ok(out)
}

/// `writelines(lines)` by `write`.
pub fn writelines(th: &mut Thread, a: Args) -> R {
    open_or_raise(th, a[0])?;
    let (o, lines) = (a[0], a[1]);
    th.each(lines, |th, line| th.call_method(o, N::write, &[line]).map(drop))?;
    Ok(Value::NONE)
}

fn raw_read(th: &mut Thread, a: Args) -> R {
    let n = if missing(a[1]) { -1 } else { integer(th, a[1])? };
    if n < 0 {
        return method(th, a[0], "readall", &[]);
    }
    let room = th.call(C::bytearray.v(), &[Value::int(n)])?;
    let got = method(th, a[0], "readinto", &[room])?;
    if got.is_none() {
        return Ok(got);
    }
    let n = integer(th, got)?.clamp(0, n) as usize;
    let bytes = super::util::buffer(th, room)?;
    Ok(th.bytes(&bytes[..n.min(bytes.len())])?)
}

fn raw_readall(th: &mut Thread, a: Args) -> R {
    let mut out = Vec::new();
    loop {
        let piece = th.call_method(a[0], N::read, &[Value::int(65536)])?;
        if piece.is_none() {
            if out.is_empty() {
                return Ok(piece);
            }
            break;
        }
        let bytes = super::util::buffer(th, piece)?;
        if bytes.is_empty() {
            break;
        }
        out.extend_from_slice(&bytes);
    }
    Ok(th.bytes(&out)?)
}

fn readinto(th: &mut Thread, a: Args, by: N) -> R {
    let room = th.len(a[1])?;
    let data = th.call_method(a[0], by, &[Value::int(room as i64)])?;
    if data.is_none() {
        return Ok(data);
    }
    let bytes = super::util::buffer(th, data)?;
    let n = super::util::store_into(th, a[1], room, &bytes)?;
    Ok(Value::int(n as i64))
}

/// A text argument, or TypeError naming the method.
pub fn text_arg(th: &mut Thread, v: Value, what: &str) -> R<&'static [u8]> {
    let b = v.base();
    if !text::is_text(b) {
        let shown = if v.is_none() { "None".to_string() } else { th.type_name(v) };
        return Err(th.type_error(format!("{what} argument must be str, not {shown}")));
    }
    Ok(text::bytes_of(&mut th.heap, b)?)
}
