//! Native module `_io`: streams. Here: the module, `open`, the standard streams. Invariant: the classes are made once,
//! when the module is first filled.

use super::io_base::{self, unsupported_class};
use super::io_text::{self, as_text};
use super::util::{integer_or, missing, put, put_int, sys_attr, truth_or};
use super::{io_buffer, io_file, io_mem};
use crate::heap::Value;
use crate::heap::known::{C, N, S};
use crate::run::{Args, Def, ModuleDef, R, Raised, Thread, def, import};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Default size of a buffer.
pub const BUFFER: usize = 131072;

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "_io", doc: "The streams of bytes and text.", functions: FUNCTIONS, fill };

const SIG: &str =
    "(file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)";

static FUNCTIONS: &[Def] = &[
    def("open", SIG, open, "Open a file and return a stream."),
    def("open_code", "(path)", open_code, "Open a file of source or compiled code for reading bytes."),
    def("text_encoding", "(encoding, stacklevel=2, /)", text_encoding, "The encoding that None stands for."),
];

/// The row of `open` for the builtins.
pub static OPEN: Def = def("open", SIG, open, "Open a file and return a stream.");

static FILE: AtomicU64 = AtomicU64::new(Value::NONE.0);
static READER: AtomicU64 = AtomicU64::new(Value::NONE.0);
static WRITER: AtomicU64 = AtomicU64::new(Value::NONE.0);
static RANDOM: AtomicU64 = AtomicU64::new(Value::NONE.0);
static TEXT: AtomicU64 = AtomicU64::new(Value::NONE.0);

fn class(c: &AtomicU64) -> Value {
    Value(c.load(Relaxed))
}

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    // Streams are ordered by locks, whose class that module makes.
    import::import_full(th, "_thread")?;
    let [base, raw, buffered, text_base] = io_base::classes(th)?;
    let unsupported = unsupported_class(th)?;
    let file = io_file::class(th)?;
    io_base::derive(th, file, raw)?;
    let [reader, writer, random] = io_buffer::classes(th)?;
    let text = io_text::class(th)?;
    let [bytes, string] = io_mem::classes(th)?;
    for c in [reader, writer, random, bytes] {
        io_base::derive(th, c, buffered)?;
    }
    for c in [text, string] {
        io_base::derive(th, c, text_base)?;
    }
    let rows = [
        ("_IOBase", base),
        ("_RawIOBase", raw),
        ("_BufferedIOBase", buffered),
        ("_TextIOBase", text_base),
        ("IOBase", base),
        ("RawIOBase", raw),
        ("BufferedIOBase", buffered),
        ("TextIOBase", text_base),
        ("FileIO", file),
        ("BufferedReader", reader),
        ("BufferedWriter", writer),
        ("BufferedRandom", random),
        ("TextIOWrapper", text),
        ("BytesIO", bytes),
        ("StringIO", string),
        ("UnsupportedOperation", unsupported),
        ("BlockingIOError", C::BlockingIOError.v()),
    ];
    for (name, v) in rows {
        put(th, dict, name, v)?;
    }
    for (slot, v) in [(&FILE, file), (&READER, reader), (&WRITER, writer), (&RANDOM, random), (&TEXT, text)] {
        slot.store(v.0, Relaxed);
    }
    put_int(th, dict, "DEFAULT_BUFFER_SIZE", BUFFER as i64)
}

/// What the letters of a mode ask for.
#[derive(Default)]
struct Mode {
    main: Option<char>,
    plus: bool,
    binary: bool,
    text: bool,
}

fn parse_mode(th: &mut Thread, mode: &str) -> R<Mode> {
    let mut m = Mode::default();
    let mut mains = 0;
    let mut seen = String::new();
    for c in mode.chars() {
        if seen.contains(c) || !"rwaxbt+".contains(c) {
            return Err(th.value_error(format!("invalid mode: '{mode}'")));
        }
        seen.push(c);
        match c {
            '+' => m.plus = true,
            'b' => m.binary = true,
            't' => m.text = true,
            c => {
                m.main = Some(c);
                mains += 1;
            }
        }
    }
    if m.text && m.binary {
        return Err(th.value_error("can't have text and binary mode at once"));
    }
    if mains > 1 {
        return Err(th.value_error("must have exactly one of create/read/write/append mode"));
    }
    if mains == 0 {
        let text = "Must have exactly one of create/read/write/append mode and at most one plus";
        return Err(th.value_error(text));
    }
    Ok(m)
}

/// `open(file, mode, buffering, encoding, errors, newline, closefd, opener)`.
pub fn open(th: &mut Thread, a: Args) -> R {
    if class(&FILE).is_none() {
        import::import_full(th, "_io")?;
    }
    let mode = match a[1] {
        Value::UNBOUND => "r".to_string(),
        m if crate::heap::text::is_text(m.base()) => th.text_of(m)?,
        m => {
            let text = format!("open() argument 'mode' must be str, not {}", th.type_name(m));
            return Err(th.type_error(text));
        }
    };
    let buffering = integer_or(th, a[2], -1)?;
    let m = parse_mode(th, &mode)?;
    if m.binary {
        for (v, what) in [(a[3], "an encoding"), (a[4], "an errors"), (a[5], "a newline")] {
            if !missing(v) {
                return Err(th.value_error(format!("binary mode doesn't take {what} argument")));
            }
        }
    }
    let closefd = truth_or(th, a[6], true)?;
    let raw_mode = format!("{}{}", m.main.unwrap_or('r'), if m.plus { "+" } else { "" });
    let f = class(&FILE);
    let raw = make(th, f)?;
    io_file::open_into(th, raw, a[0], &raw_mode, closefd, a[7])?;
    match finish(th, raw, &m, &mode, buffering, a) {
        Ok(v) => Ok(v),
        Err(r) => {
            let raised = th.take_raised();
            io_file::close(th, raw)?;
            th.raised = raised;
            Err(r)
        }
    }
}

/// An empty instance of a stream class.
fn make(th: &mut Thread, class: Value) -> R {
    match crate::run::class::slots(class).new {
        Some(new) => new(th, class, S::empty_tuple.v(), Value::UNBOUND),
        None => Err(Raised),
    }
}

/// A stream class called with arguments.
fn build(th: &mut Thread, class: Value, args: &[Value]) -> R {
    let v = make(th, class)?;
    let args = th.tuple(args)?;
    if let Some(init) = crate::run::class::slots(class).init {
        init(th, v, args, Value::UNBOUND)?;
    }
    Ok(v)
}

fn finish(th: &mut Thread, raw: Value, m: &Mode, mode: &str, buffering: i64, a: Args) -> R {
    let tty = io_file::as_file(raw).is_some_and(|f| io_file::is_tty(f.fd()));
    let line_buffering = buffering == 1 && !m.binary || buffering < 0 && tty;
    if buffering == 0 {
        return if m.binary { Ok(raw) } else { Err(th.value_error("can't have unbuffered text I/O")) };
    }
    if buffering < -1 {
        return Err(th.value_error("invalid buffering size"));
    }
    let size = if buffering > 1 { buffering } else { BUFFER as i64 };
    let c = match (m.plus, m.main) {
        (true, _) => &RANDOM,
        (_, Some('r')) => &READER,
        _ => &WRITER,
    };
    let buffer = build(th, class(c), &[raw, Value::int(size)])?;
    if m.binary {
        return Ok(buffer);
    }
    let or_none = |v: Value| v.or(Value::NONE);
    let args = [buffer, or_none(a[3]), or_none(a[4]), or_none(a[5]), Value::bool(line_buffering)];
    let text = build(th, class(&TEXT), &args)?;
    io_text::set_open_mode(text, mode);
    Ok(text)
}

fn open_code(th: &mut Thread, a: Args) -> R {
    if !crate::heap::text::is_text(a[0].base()) {
        let kind = th.type_name(a[0]);
        return Err(th.type_error(format!("open_code() argument 'path' must be str, not {kind}")));
    }
    let f = th.native(&OPEN, Value::UNBOUND, Value::NONE)?;
    let mode = th.str("rb")?;
    th.call(f, &[a[0], mode])
}

fn text_encoding(th: &mut Thread, a: Args) -> R {
    if missing(a[0]) { th.intern("utf-8") } else { Ok(a[0]) }
}

// ---------------------------------------------------------------------------------------------------- standard streams

/// Makes `sys.stdin`, `stdout` and `stderr`.
pub fn standard_streams(th: &mut Thread, sys: Value) -> R<()> {
    import::import_full(th, "_io")?;
    let unbuffered = std::env::var_os("PYTHONUNBUFFERED").is_some_and(|v| !v.is_empty());
    for (fd, name, mode) in [(0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")] {
        let stream = standard(th, fd, &format!("<{name}>"), mode, unbuffered)?;
        put(th, sys, name, stream)?;
        put(th, sys, &format!("__{name}__"), stream)?;
    }
    Ok(())
}

fn standard(th: &mut Thread, fd: i32, name: &str, mode: &str, unbuffered: bool) -> R {
    let raw = make(th, class(&FILE))?;
    if io_file::open_into(th, raw, Value::int(fd as i64), mode, false, Value::NONE).is_err() {
        th.take_raised();
        return Ok(Value::NONE);
    }
    let shown = th.str(name)?;
    let key = th.intern("name")?;
    th.setattr(raw, key, shown)?;
    let buffer = build(th, class(if fd == 0 { &READER } else { &WRITER }), &[raw])?;
    let line = fd == 2 || io_file::is_tty(fd);
    let errors = th.intern(if fd == 2 { "backslashreplace" } else { "strict" })?;
    let encoding = th.intern("utf-8")?;
    let newline = if fd == 0 { Value::NONE } else { th.intern("\n")? };
    let through = Value::bool(unbuffered && fd != 0);
    let text = build(th, class(&TEXT), &[buffer, encoding, errors, newline, Value::bool(line), through])?;
    io_text::set_open_mode(text, mode);
    Ok(text)
}

/// `-u`: what is written to the standard streams is handed on at once.
pub fn set_unbuffered(th: &mut Thread) -> R<()> {
    for name in ["stdout", "stderr"] {
        if let Some(v) = sys_attr(th, name)? {
            io_text::set_write_through(v);
        }
    }
    Ok(())
}

/// Writes a text to `sys.stdout` in one piece; nothing where there is no stdout.
pub fn write_stdout(th: &mut Thread, text: Value) -> R<()> {
    let Some(out) = th.dict_get_name(S::sys.v(), N::stdout.v()) else {
        return Err(th.runtime_error("lost sys.stdout"));
    };
    write_to(th, out, text)
}

/// Writes a text to any stream in one piece.
pub fn write_to(th: &mut Thread, out: Value, text: Value) -> R<()> {
    if out.is_none() {
        return Ok(());
    }
    if out.is_kind(crate::heap::Kind::Boxed) && as_text(out).is_some() {
        return io_text::write(th, out, text);
    }
    th.call_method(out, N::write, &[text]).map(drop)
}

/// Flushes `sys.stdout` and `sys.stderr` at the end; faults are dropped, as nobody is left to handle them.
pub fn flush_std(th: &mut Thread) {
    for name in [N::stdout, N::stderr] {
        if let Some(v) = th.dict_get_name(S::sys.v(), name.v())
            && !v.is_none()
            && th.call_method(v, N::flush, &[]).is_err()
        {
            th.take_raised();
        }
    }
}
