//! `_io.FileIO`, and reading and writing descriptors through the door. Invariant: a thread waits for a descriptor only
//! in the door; short transfers to regular files, which do not wait, are done in place.

use super::io_base::{closed_error, unsupported};
use super::util::{buffer, errno, integer, missing, path, shape_of, store_into, truth_or};
use crate::heap::object::{Boxed, Class};
use crate::heap::{Kind, Value};
use crate::run::{Args, ClassDef, Def, GetSet, PLAIN, R, Raised, Thread, class, def, door, get, signal};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering::*};

/// Transfers up to this size to and from regular files are done in place.
const SHORT: usize = 1 << 16;

const READ: u8 = 1;
const WRITE: u8 = 2;
const APPEND: u8 = 4;
const CREATED: u8 = 8;

/// An open descriptor and what is known about it.
#[derive(Default)]
pub struct File {
    fd: AtomicI32,
    mode: AtomicU8,
    closefd: AtomicBool,
    regular: AtomicBool,
}

impl Drop for File {
    fn drop(&mut self) {
        let fd = self.fd();
        if fd >= 0 && self.closefd.load(Relaxed) {
            // SAFETY: the descriptor is this object's own.
            unsafe { libc::close(fd) };
        }
    }
}

impl File {
    /// The descriptor, or -1 when closed.
    pub fn fd(&self) -> i32 {
        self.fd.load(Acquire) - 1
    }

    fn set_fd(&self, fd: i32) {
        self.fd.store(fd + 1, Release);
    }

    /// Whether it is a regular file.
    pub fn regular(&self) -> bool {
        self.regular.load(Relaxed)
    }

    /// Whether it was opened for reading.
    pub fn readable(&self) -> bool {
        self.mode.load(Relaxed) & READ != 0
    }

    /// Whether it was opened for writing.
    pub fn writable(&self) -> bool {
        self.mode.load(Relaxed) & WRITE != 0
    }

    /// `rb`, `wb+`, ...
    pub fn mode(&self) -> &'static str {
        let m = self.mode.load(Relaxed);
        let read = m & READ != 0;
        match (m & CREATED != 0, m & APPEND != 0, m & WRITE != 0) {
            (true, ..) => {
                if read {
                    "xb+"
                } else {
                    "xb"
                }
            }
            (_, true, _) => {
                if read {
                    "ab+"
                } else {
                    "ab"
                }
            }
            (_, _, true) => {
                if read {
                    "rb+"
                } else {
                    "wb"
                }
            }
            _ => "rb",
        }
    }
}

static DEF: ClassDef = ClassDef {
    name: "_io.FileIO",
    doc: "A file as an unbuffered byte stream.",
    slots: |s| {
        s.new = Some(new);
        s.init = Some(init);
        s.repr = Some(repr);
        s.iter = Some(super::io_base::iter);
        s.next = Some(super::io_base::next);
    },
    methods: METHODS,
    getset: FIELDS,
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("read", "($self, size=-1, /)", read, "Read up to size bytes by one system call."),
    def("readall", "($self, /)", readall, "Read until the end."),
    def("readinto", "($self, buffer, /)", readinto, "Read into a buffer."),
    def("write", "($self, b, /)", write, "Write bytes; how many were written."),
    def("seek", "($self, pos, whence=0, /)", seek, "Change the position."),
    def("tell", "($self, /)", tell, "The position."),
    def("truncate", "($self, size=None, /)", truncate, "Set the size."),
    def(
        "close",
        "($self, /)",
        |th, a| {
            close(th, a[0])?;
            Ok(Value::NONE)
        },
        "Close the file.",
    ),
    def("fileno", "($self, /)", |th, a| Ok(Value::int(open_file(th, a[0])?.fd() as i64)), "The descriptor."),
    def(
        "isatty",
        "($self, /)",
        |th, a| Ok(Value::bool(is_tty(open_file(th, a[0])?.fd()))),
        "Whether it is a terminal.",
    ),
    def(
        "readable",
        "($self, /)",
        |th, a| Ok(Value::bool(open_file(th, a[0])?.readable())),
        "Whether opened for reading.",
    ),
    def(
        "writable",
        "($self, /)",
        |th, a| Ok(Value::bool(open_file(th, a[0])?.writable())),
        "Whether opened for writing.",
    ),
    def(
        "seekable",
        "($self, /)",
        |th, a| Ok(Value::bool(is_seekable(open_file(th, a[0])?.fd()))),
        "Whether it has positions.",
    ),
];

static FIELDS: &[GetSet] = &[
    get("closed", |_, v| Ok(Value::bool(file(v).fd() < 0)), "Whether the file is closed."),
    get(
        "closefd",
        |_, v| Ok(Value::bool(file(v).closefd.load(Relaxed))),
        "Whether the descriptor is closed with it.",
    ),
    get("mode", |th, v| th.intern(file(v).mode()), "How it was opened."),
    crate::run::getset(
        "name",
        name,
        |_, v, new| {
            boxed(v).x.set(new);
            Ok(())
        },
        "What was opened.",
    ),
    get("_blksize", |_, _| Ok(Value::int(super::io::BUFFER as i64)), "Preferred size of transfers."),
];

/// Makes the class.
pub fn class(th: &mut Thread) -> R {
    class::define(th, None, &DEF)
}

fn boxed(v: Value) -> &'static Boxed {
    v.base().get::<Boxed>()
}

fn file(v: Value) -> &'static File {
    boxed(v).payload::<File>().expect("the class makes its instances")
}

/// The file behind an exact or derived `FileIO`.
pub fn as_file(v: Value) -> Option<&'static File> {
    v.base().cast::<Boxed>()?.payload::<File>()
}

fn open_file(th: &mut Thread, v: Value) -> R<&'static File> {
    let f = file(v);
    if f.fd() < 0 { Err(th.value_error("I/O operation on closed file")) } else { Ok(f) }
}

fn name(th: &mut Thread, v: Value) -> R {
    match boxed(v).x.get() {
        Value::UNBOUND => {
            let name = th.intern("name")?;
            Err(crate::run::attr::no_attribute(th, v, name))
        }
        n => Ok(n),
    }
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let solid = cls.get::<Class>().solid.get();
    let v = th.heap.boxed(shape_of(solid), Box::new(File::default()), 64)?;
    if cls == solid { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

fn init(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    let [target, mode, closefd, opener] =
        super::util::bind(th, "FileIO", ["file", "mode", "closefd", "opener"], 1, args, kwargs)?;
    let mode = if mode.is_unbound() { "r".to_string() } else { th.text_of(mode)? };
    let closefd = truth_or(th, closefd, true)?;
    open_into(th, this, target, &mode, closefd, opener)
}

#[cold]
fn bad_mode(th: &mut Thread) -> Raised {
    th.value_error("Must have exactly one of create/read/write/append mode and at most one plus")
}

/// Opens `target` (a path or a descriptor) as the file of `this`.
pub fn open_into(
    th: &mut Thread,
    this: Value,
    target: Value,
    mode: &str,
    closefd: bool,
    opener: Value,
) -> R<()> {
    let (mut bits, mut main, mut plus) = (0, None, false);
    for c in mode.chars() {
        match c {
            'r' | 'w' | 'a' | 'x' if main.is_none() => main = Some(c),
            'r' | 'w' | 'a' | 'x' => return Err(bad_mode(th)),
            '+' if plus => return Err(bad_mode(th)),
            '+' => plus = true,
            'b' => {}
            _ => return Err(th.value_error(format!("invalid mode: {mode}"))),
        }
    }
    let mut flags = libc::O_CLOEXEC;
    match main {
        Some('r') => bits |= READ,
        Some('w') => (bits, flags) = (bits | WRITE, flags | libc::O_CREAT | libc::O_TRUNC),
        Some('a') => (bits, flags) = (bits | WRITE | APPEND, flags | libc::O_CREAT | libc::O_APPEND),
        Some('x') => (bits, flags) = (bits | WRITE | CREATED, flags | libc::O_CREAT | libc::O_EXCL),
        _ => return Err(bad_mode(th)),
    }
    if plus {
        bits |= READ | WRITE;
    }
    flags |= match (bits & READ != 0, bits & WRITE != 0) {
        (true, true) => libc::O_RDWR,
        (false, _) => libc::O_WRONLY,
        _ => libc::O_RDONLY,
    };
    let number = !target.is_float() && (target.base().is_int() || target.base().is_bool());
    let (fd, shown) = if number {
        let fd = integer(th, target)?;
        if fd < 0 {
            return Err(th.value_error("negative file descriptor"));
        }
        (fd as i32, target)
    } else {
        if !closefd {
            return Err(th.value_error("Cannot use closefd=False with file name"));
        }
        let (c, shown) = path(th, target)?;
        if missing(opener) {
            (open_path(th, &c, flags, shown)?, target)
        } else {
            let fd = th.call(opener, &[target, Value::int(flags as i64)])?;
            let fd = integer(th, fd)?;
            if fd < 0 {
                return Err(th.value_error(format!("opener returned {fd}")));
            }
            (fd as i32, target)
        }
    };
    // SAFETY: fstat fills the struct; a failure is looked at.
    let st = unsafe {
        let mut st: libc::stat = std::mem::zeroed();
        if libc::fstat(fd, &mut st) != 0 {
            let e = errno();
            return Err(th.os_error(e, if number { Value::UNBOUND } else { shown }));
        }
        st
    };
    let kind = st.st_mode & libc::S_IFMT;
    if kind == libc::S_IFDIR {
        if !number {
            // SAFETY: opened just now.
            unsafe { libc::close(fd) };
        }
        return Err(th.os_error(libc::EISDIR, shown));
    }
    let f = file(this);
    f.mode.store(bits, Relaxed);
    f.closefd.store(closefd, Relaxed);
    f.regular.store(kind == libc::S_IFREG, Relaxed);
    boxed(this).x.set(shown);
    f.set_fd(fd);
    if bits & APPEND != 0 {
        // SAFETY: a plain call; streams without positions refuse.
        unsafe { libc::lseek(fd, 0, libc::SEEK_END) };
    }
    Ok(())
}

fn open_path(th: &mut Thread, c: &std::ffi::CStr, flags: i32, shown: Value) -> R<i32> {
    loop {
        // Opening a FIFO waits for the other end; what is not one opens at once.
        // SAFETY: stat fills the struct for a terminated name.
        let slow = unsafe {
            let mut st: libc::stat = std::mem::zeroed();
            libc::stat(c.as_ptr(), &mut st) == 0 && st.st_mode & libc::S_IFMT == libc::S_IFIFO
        };
        // SAFETY: a terminated name.
        let call = || unsafe { (libc::open(c.as_ptr(), flags, 0o666), errno()) };
        let (fd, e) = if slow { door::opaque(th, door::Kind::Read(-1), call) } else { call() };
        if fd >= 0 {
            return Ok(fd);
        }
        match e {
            libc::EINTR => signal::run_pending(th)?,
            e => return Err(th.os_error(e, shown)),
        }
    }
}

/// Whether the descriptor is a terminal.
pub fn is_tty(fd: i32) -> bool {
    // SAFETY: a plain call.
    unsafe { libc::isatty(fd) == 1 }
}

fn is_seekable(fd: i32) -> bool {
    // SAFETY: a plain call.
    unsafe { libc::lseek(fd, 0, libc::SEEK_CUR) >= 0 }
}

/// Takes what is written to a descriptor, or leaves it: see [`set_aside`].
type Aside = fn(i32, &[u8]) -> bool;

static ASIDE: OnceLock<Aside> = OnceLock::new();

/// Sets what is asked first about every write to standard output and standard error: the prompt puts the output of
/// threads above the line that is being typed.
pub fn set_aside(f: Aside) {
    let _ = ASIDE.set(f);
}

/// Whether somebody takes what would be written to that descriptor: for texts that are not a script's.
pub fn taken_aside(fd: i32, data: &[u8]) -> bool {
    ASIDE.get().is_some_and(|aside| aside(fd, data))
}

/// Whether a write of that length waits for nobody: what POSIX calls atomic, into something that has room.
fn takes(fd: i32, regular: bool, len: usize) -> bool {
    let mut one = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one entry, whose revents are written.
    regular || len <= libc::PIPE_BUF && unsafe { libc::poll(&raw mut one, 1, 0) } == 1
}

/// Writes once; how many bytes, or the errno.
pub fn write_fd(th: &mut Thread, fd: i32, regular: bool, data: &[u8]) -> R<Result<usize, i32>> {
    loop {
        // SAFETY: the slice is valid for its length; heap cells do not move and the caller holds its owner.
        let call = || unsafe {
            if (fd == 1 || fd == 2) && ASIDE.get().is_some_and(|aside| aside(fd, data)) {
                return (data.len() as isize, 0);
            }
            (libc::write(fd, data.as_ptr().cast(), data.len()), errno())
        };
        let (n, e) = match regular {
            true if data.len() <= SHORT => call(),
            _ if takes(fd, regular, data.len()) => door::brief(th, door::Kind::Write(fd), call),
            _ => door::opaque(th, door::Kind::Write(fd), call),
        };
        if n >= 0 {
            return Ok(Ok(n as usize));
        }
        if e != libc::EINTR {
            return Ok(Err(e));
        }
        signal::run_pending(th)?;
    }
}

/// Reads once; how many bytes, or the errno (EAGAIN where the descriptor does not wait and has nothing).
pub fn read_fd(th: &mut Thread, fd: i32, regular: bool, into: &mut [u8]) -> R<Result<usize, i32>> {
    loop {
        // SAFETY: a plain call.
        let waits = !regular && unsafe { libc::fcntl(fd, libc::F_GETFL) } & libc::O_NONBLOCK == 0;
        if waits {
            door::ready(th, door::Kind::Read(fd), None)?;
        }
        let (at, len) = (into.as_mut_ptr() as usize, into.len());
        // SAFETY: the slice is valid for its length and nobody else uses it.
        let call = || unsafe { (libc::read(fd, at as *mut libc::c_void, len), errno()) };
        // What was ready may be gone: another reader was faster.
        let (n, e) = match () {
            _ if waits => door::opaque(th, door::Kind::Read(fd), call),
            _ if regular && len > 4 * SHORT => door::brief(th, door::Kind::Read(fd), call),
            _ => call(),
        };
        if n >= 0 {
            return Ok(Ok(n as usize));
        }
        if e != libc::EINTR {
            return Ok(Err(e));
        }
        signal::run_pending(th)?;
    }
}

/// Reads up to `n` bytes; nothing when there is nothing yet.
pub fn read_some(th: &mut Thread, f: &File, n: usize) -> R<Option<Vec<u8>>> {
    if !f.readable() {
        return Err(unsupported(th, "File not open for reading"));
    }
    let mut out = Vec::new();
    if out.try_reserve_exact(n).is_err() {
        return Err(th.memory_error(""));
    }
    out.resize(n, 0);
    match read_fd(th, f.fd(), f.regular(), &mut out)? {
        Ok(n) => {
            out.truncate(n);
            Ok(Some(out))
        }
        Err(libc::EAGAIN) => Ok(None),
        Err(e) => Err(th.os_error(e, Value::UNBOUND)),
    }
}

/// Reads until the end.
pub fn read_all(th: &mut Thread, f: &File) -> R<Vec<u8>> {
    let mut out = Vec::new();
    let mut step = 1 << 16;
    if f.regular() {
        // SAFETY: fstat fills the struct.
        let size = unsafe {
            let mut st: libc::stat = std::mem::zeroed();
            if libc::fstat(f.fd(), &mut st) == 0 { st.st_size } else { 0 }
        };
        step = (size.max(0) as usize + 1).clamp(1 << 10, 1 << 24);
    }
    while let Some(piece) = read_some(th, f, step)? {
        if piece.is_empty() {
            break;
        }
        if out.is_empty() {
            out = piece;
        } else {
            out.extend_from_slice(&piece);
        }
    }
    Ok(out)
}

/// Writes once.
pub fn write_some(th: &mut Thread, f: &File, data: &[u8]) -> R<Option<usize>> {
    if f.fd() < 0 {
        return Err(closed_error(th));
    }
    if !f.writable() {
        return Err(unsupported(th, "File not open for writing"));
    }
    match write_fd(th, f.fd(), f.regular(), data)? {
        Ok(n) => Ok(Some(n)),
        Err(libc::EAGAIN) => Ok(None),
        Err(e) => Err(th.os_error(e, Value::UNBOUND)),
    }
}

/// Changes the position; the new one.
pub fn seek_to(th: &mut Thread, f: &File, pos: i64, whence: i32) -> R<i64> {
    // SAFETY: a plain call.
    let at = unsafe { libc::lseek(f.fd(), pos, whence) };
    if at < 0 {
        let e = errno();
        return Err(th.os_error(e, Value::UNBOUND));
    }
    Ok(at)
}

/// Closes; what `closefd` leaves open is only forgotten.
pub fn close(th: &mut Thread, v: Value) -> R<()> {
    let f = file(v);
    let fd = f.fd.swap(0, AcqRel) - 1;
    if fd >= 0 && f.closefd.load(Relaxed) {
        // SAFETY: the descriptor is this object's own and was taken out of it just now.
        if unsafe { libc::close(fd) } != 0 {
            let e = errno();
            if e != libc::EINTR {
                return Err(th.os_error(e, Value::UNBOUND));
            }
        }
    }
    Ok(())
}

fn read(th: &mut Thread, a: Args) -> R {
    let f = open_file(th, a[0])?;
    let n = if missing(a[1]) { -1 } else { integer(th, a[1])? };
    if n < 0 {
        if !f.readable() {
            return Err(unsupported(th, "File not open for reading"));
        }
        let bytes = read_all(th, f)?;
        return Ok(th.bytes(&bytes)?);
    }
    match read_some(th, f, n as usize)? {
        Some(bytes) => Ok(th.bytes(&bytes)?),
        None => Ok(Value::NONE),
    }
}

fn readall(th: &mut Thread, a: Args) -> R {
    let f = open_file(th, a[0])?;
    let bytes = read_all(th, f)?;
    Ok(th.bytes(&bytes)?)
}

fn readinto(th: &mut Thread, a: Args) -> R {
    let f = open_file(th, a[0])?;
    let room = th.len(a[1])?;
    match read_some(th, f, room)? {
        Some(bytes) => Ok(Value::int(store_into(th, a[1], room, &bytes)? as i64)),
        None => Ok(Value::NONE),
    }
}

fn write(th: &mut Thread, a: Args) -> R {
    let f = open_file(th, a[0])?;
    let data = buffer(th, a[1])?;
    Ok(write_some(th, f, &data)?.map_or(Value::NONE, |n| Value::int(n as i64)))
}

fn seek(th: &mut Thread, a: Args) -> R {
    let f = open_file(th, a[0])?;
    let (pos, whence) = (integer(th, a[1])?, super::util::integer_or(th, a[2], 0)?);
    Ok(Value::int(seek_to(th, f, pos, whence as i32)?))
}

fn tell(th: &mut Thread, a: Args) -> R {
    let f = open_file(th, a[0])?;
    Ok(Value::int(seek_to(th, f, 0, libc::SEEK_CUR)?))
}

fn truncate(th: &mut Thread, a: Args) -> R {
    let f = open_file(th, a[0])?;
    if !f.writable() {
        return Err(unsupported(th, "File not open for writing"));
    }
    let size = if missing(a[1]) { seek_to(th, f, 0, libc::SEEK_CUR)? } else { integer(th, a[1])? };
    cut(th, f, size)?;
    Ok(Value::int(size))
}

/// Sets the file's size.
pub fn cut(th: &mut Thread, f: &File, size: i64) -> R<()> {
    // SAFETY: a plain call.
    if unsafe { libc::ftruncate(f.fd(), size) } != 0 {
        let e = errno();
        return Err(th.os_error(e, Value::UNBOUND));
    }
    Ok(())
}

fn repr(th: &mut Thread, v: Value) -> R {
    let f = file(v);
    if f.fd() < 0 {
        return Ok(th.str("<_io.FileIO [closed]>")?);
    }
    let closefd = if f.closefd.load(Relaxed) { "True" } else { "False" };
    let name = boxed(v).x.get();
    let what =
        if name.is_unbound() { format!("fd={}", f.fd()) } else { format!("name={}", th.repr_text(name)?) };
    Ok(th.str(&format!("<_io.FileIO {what} mode='{}' closefd={closefd}>", f.mode()))?)
}
