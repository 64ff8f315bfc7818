//! Class `multiprocessing.connection.Connection`: an end of a pipe or socket over which messages go, each with its
//! length before it. Invariant: nothing is read beyond the message that is asked for, so that other processes and
//! `poll` see the rest; no call blocks in the system: the wait is in the door.

use super::descriptor::{Guarded, c_int};
use super::semlock::instance;
use super::socket_io::place;
use super::util::{
    as_float, bind, buffer, errno, integer, missing, put, real, shape_of, store_into, truth_or,
};
use crate::heap::known::C;
use crate::heap::object::{Boxed, Bytes, List};
use crate::heap::{Kind, Value};
use crate::run::door::{self, Kind as Wait};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Raised, Thread, class, def, get, import, signal};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::*};
use std::time::Instant;

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
/// Asks the system itself not to wait.
const SOCKET: u8 = 4;
/// Is set so that calls never wait.
const FIFO: u8 = 8;

struct Conn {
    own: Guarded,
    flags: AtomicU8,
}

static CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);
/// `dumps` and `loads`, kept by the module's namespace; unbound until the first object is sent.
static PICKLER: [AtomicU64; 2] = [const { AtomicU64::new(Value::UNBOUND.0) }; 2];

static DEF: ClassDef = ClassDef {
    name: "multiprocessing.connection.Connection",
    doc: "An end of a connection between processes.",
    slots: |s| s.new = Some(new),
    methods: METHODS,
    getset: &[
        get("closed", |_, v| Ok(Value::bool(conn(v).own.fd() < 0)), "Whether it has been closed."),
        get("readable", |_, v| Ok(Value::bool(conn(v).is(READABLE))), "Whether one can receive from it."),
        get("writable", |_, v| Ok(Value::bool(conn(v).is(WRITABLE))), "Whether one can send over it."),
        get("_handle", handle, "The descriptor, or None."),
    ],
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("fileno", "($self, /)", fileno, "The descriptor."),
    def("close", "($self, /)", close, "Close it."),
    def("send", "($self, obj, /)", send, "Send an object."),
    def("recv", "($self, /)", recv, "Receive an object; EOFError when nothing is left and nobody can send."),
    def(
        "send_bytes",
        "($self, buf, offset=0, size=None)",
        send_bytes,
        "Send the bytes of an object as one message.",
    ),
    def("recv_bytes", "($self, maxlength=None)", recv_bytes, "Receive a message."),
    def(
        "recv_bytes_into",
        "($self, buf, offset=0)",
        recv_bytes_into,
        "Receive a message into a buffer; its length.",
    ),
    def("poll", "($self, timeout=0.0)", poll, "Whether there is something to receive, in time."),
    def("__enter__", "($self, /)", |_, a| Ok(a[0]), "The connection itself."),
    def("__exit__", "($self, exc_type=None, exc_value=None, exc_tb=None, /)", close, "Close it."),
    def("__reduce__", "($self, /)", reduce, "For children that are being started."),
    def("_send_all", "($self, messages, /)", send_all, "Send each bytes object of a list as one message."),
];

pub(super) fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &DEF)?;
    CLASS.store(c.0, Relaxed);
    crate::heap::roots::add(|f| PICKLER.iter().for_each(|p| f(Value(p.load(Relaxed)))));
    put(th, dict, "Connection", c)
}

fn conn(v: Value) -> &'static Conn {
    v.base().get::<Boxed>().payload::<Conn>().expect("the class makes its instances")
}

impl Conn {
    fn is(&self, flag: u8) -> bool {
        self.flags.load(Relaxed) & flag != 0
    }

    fn of(fd: i32, direction: u8) -> Conn {
        // SAFETY: fstat fills the struct.
        let kind = unsafe {
            let mut st: libc::stat = std::mem::zeroed();
            if libc::fstat(fd, &mut st) == 0 { st.st_mode & libc::S_IFMT } else { 0 }
        };
        let kind = match kind {
            libc::S_IFSOCK => SOCKET,
            libc::S_IFIFO => {
                // SAFETY: plain calls on a number.
                unsafe {
                    let flags = libc::fcntl(fd, libc::F_GETFL);
                    if flags >= 0 && flags & libc::O_NONBLOCK == 0 {
                        libc::fcntl(fd, libc::F_SETFL, flags | libc::O_NONBLOCK);
                    }
                }
                FIFO
            }
            _ => 0,
        };
        Conn { own: Guarded::of(fd), flags: AtomicU8::new(direction | kind) }
    }
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let names = ["handle", "readable", "writable"];
    let [handle, readable, writable] = bind(th, "Connection", names, 1, args, kwargs)?;
    let fd = c_int(th, handle)?;
    if fd < 0 {
        return Err(th.value_error("invalid handle"));
    }
    let mut direction = 0;
    for (v, flag) in [(readable, READABLE), (writable, WRITABLE)] {
        if truth_or(th, v, true)? {
            direction |= flag;
        }
    }
    if direction == 0 {
        return Err(th.value_error("at least one of `readable` and `writable` must be True"));
    }
    instance(th, cls, Conn::of(fd, direction))
}

/// Two connected ends; one way unless `duplex`.
pub(super) fn pipe(th: &mut Thread, a: Args) -> R {
    let mut fds = [0; 2];
    let duplex = truth_or(th, a[0], true)?;
    // SAFETY: both calls fill the pair.
    let rc = unsafe {
        if duplex {
            libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0, fds.as_mut_ptr())
        } else {
            libc::pipe2(fds.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK)
        }
    };
    if rc != 0 {
        return Err(super::semlock::failed(th));
    }
    let flags = if duplex { [READABLE | WRITABLE | SOCKET; 2] } else { [READABLE | FIFO, WRITABLE | FIFO] };
    let shape = shape_of(Value(CLASS.load(Relaxed)));
    let [one, two] = [0, 1].map(|i| Conn { own: Guarded::of(fds[i]), flags: AtomicU8::new(flags[i]) });
    let one = th.heap.boxed(shape, Box::new(one), 512)?;
    let two = th.heap.boxed(shape, Box::new(two), 512)?;
    Ok(th.tuple(&[one, two])?)
}

#[cold]
fn oserror(th: &mut Thread, text: &str) -> Raised {
    th.raise(C::OSError, text)
}

fn usable(th: &mut Thread, v: Value, flag: u8) -> R<&'static Conn> {
    let c = conn(v);
    if c.own.fd() < 0 {
        return Err(oserror(th, "handle is closed"));
    }
    if !c.is(flag) {
        let text = if flag == READABLE { "connection is write-only" } else { "connection is read-only" };
        return Err(oserror(th, text));
    }
    Ok(c)
}

fn handle(_: &mut Thread, v: Value) -> R {
    match conn(v).own.fd() {
        fd if fd < 0 => Ok(Value::NONE),
        fd => Ok(Value::int(fd as i64)),
    }
}

fn fileno(th: &mut Thread, a: Args) -> R {
    let c = usable(th, a[0], READABLE | WRITABLE)?;
    Ok(Value::int(c.own.fd() as i64))
}

fn close(th: &mut Thread, a: Args) -> R {
    match conn(a[0]).own.close(a[0].base().0) {
        0 => Ok(Value::NONE),
        e => Err(th.os_error(e, Value::UNBOUND)),
    }
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let module = import::import_full(th, "multiprocessing.reduction")?;
    let name = th.intern("reduce_connection")?;
    let f = th.getattr(module, name)?;
    th.call(f, &[a[0]])
}

/// Does `call`, which does not wait in the system, until it gives a count; between the attempts waits in the door.
fn transfer(th: &mut Thread, v: Value, write: bool, mut call: impl FnMut(i32, bool) -> isize) -> R<usize> {
    let c = conn(v);
    let Some(u) = c.own.enter() else { return Err(oserror(th, "handle is closed")) };
    let kind = if write { Wait::Write(u.fd) } else { Wait::Read(u.fd) };
    let mut wait = !c.is(SOCKET | FIFO);
    loop {
        if wait {
            c.own.wait(th, v.base().0, kind, None)?;
            if c.own.fd() < 0 {
                return Err(oserror(th, "handle is closed"));
            }
        }
        let n = call(u.fd, c.is(SOCKET));
        if n >= 0 {
            return Ok(n as usize);
        }
        match errno() {
            libc::EINTR => signal::run_pending(th)?,
            libc::EAGAIN => wait = true,
            e => return Err(th.os_error(e, Value::UNBOUND)),
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- sending

/// The length of a message as it stands before it.
fn header(n: usize) -> ([u8; 12], usize) {
    let mut head = [0xff; 12];
    if n <= i32::MAX as usize {
        head[..4].copy_from_slice(&(n as u32).to_be_bytes());
        return (head, 4);
    }
    head[4..].copy_from_slice(&(n as u64).to_be_bytes());
    (head, 12)
}

/// Writes both pieces to the last byte.
fn write(th: &mut Thread, v: Value, mut head: &[u8], mut body: &[u8]) -> R<()> {
    while !head.is_empty() || !body.is_empty() {
        let n = transfer(th, v, true, |fd, socket| {
            let part = |b: &[u8]| libc::iovec { iov_base: b.as_ptr().cast_mut().cast(), iov_len: b.len() };
            let mut parts = [part(head), part(body)];
            // SAFETY: both pieces are valid for their lengths and are only read; the header is zero but for them.
            unsafe {
                if socket {
                    let mut message: libc::msghdr = std::mem::zeroed();
                    message.msg_iov = parts.as_mut_ptr();
                    message.msg_iovlen = parts.len() as _;
                    libc::sendmsg(fd, &message, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
                } else {
                    libc::writev(fd, parts.as_ptr(), parts.len() as i32)
                }
            }
        })?;
        let first = n.min(head.len());
        head = &head[first..];
        body = &body[n - first..];
    }
    Ok(())
}

fn send_message(th: &mut Thread, v: Value, body: &[u8]) -> R<()> {
    let (head, n) = header(body.len());
    write(th, v, &head[..n], body)
}

/// `dumps` or `loads` of `multiprocessing.reduction`.
fn pickler(th: &mut Thread, i: usize) -> R {
    let known = Value(PICKLER[i].load(Relaxed));
    if !known.is_unbound() {
        return Ok(known);
    }
    let module = import::import_full(th, "multiprocessing.reduction")?;
    for (name, slot) in ["_dumps", "_loads"].into_iter().zip(&PICKLER) {
        let name = th.intern(name)?;
        let f = th.getattr(module, name)?;
        slot.store(f.0, Relaxed);
    }
    Ok(Value(PICKLER[i].load(Relaxed)))
}

/// The bytes to send: those of a bytes object where they stand, else a copy.
fn with_bytes<T>(th: &mut Thread, v: Value, f: impl FnOnce(&mut Thread, &[u8]) -> R<T>) -> R<T> {
    match v.base().cast::<Bytes>() {
        Some(b) => f(th, b.bytes()),
        None => {
            let copy = buffer(th, v)?;
            f(th, &copy)
        }
    }
}

fn send(th: &mut Thread, a: Args) -> R {
    let this = a[0];
    usable(th, this, WRITABLE)?;
    let dumps = pickler(th, 0)?;
    let data = th.call(dumps, &[a[1]])?;
    with_bytes(th, data, |th, b| send_message(th, this, b))?;
    Ok(Value::NONE)
}

fn send_bytes(th: &mut Thread, a: Args) -> R {
    let this = a[0];
    usable(th, this, WRITABLE)?;
    let offset = if a[2].is_unbound() { 0 } else { integer(th, a[2])? };
    let size = if missing(a[3]) { None } else { Some(integer(th, a[3])?) };
    let data = match a[1].base().cast::<Bytes>() {
        Some(_) => a[1],
        None => th.call(C::memoryview.v(), &[a[1]])?,
    };
    with_bytes(th, data, |th, b| {
        if offset < 0 {
            return Err(th.value_error("offset is negative"));
        }
        let offset = offset as usize;
        if b.len() < offset {
            return Err(th.value_error("buffer length < offset"));
        }
        let size = match size {
            None => b.len() - offset,
            Some(n) if n < 0 => return Err(th.value_error("size is negative")),
            Some(n) if n as usize > b.len() - offset => {
                return Err(th.value_error("buffer length < offset + size"));
            }
            Some(n) => n as usize,
        };
        send_message(th, this, &b[offset..offset + size])
    })?;
    Ok(Value::NONE)
}

/// Messages are written together up to about this size.
const TOGETHER: usize = 32 << 10;

fn send_all(th: &mut Thread, a: Args) -> R {
    usable(th, a[0], WRITABLE)?;
    let Some(all) = a[1].base().cast::<List>() else {
        return Err(th.type_error("a list is needed"));
    };
    let mut out = Vec::new();
    for i in 0..all.len.get() {
        let item = crate::heap::list::peek(all, i).unwrap_or(Value::NONE);
        with_bytes(th, item, |_, b| {
            let (head, n) = header(b.len());
            out.extend_from_slice(&head[..n]);
            out.extend_from_slice(b);
            Ok(())
        })?;
        if out.len() >= TOGETHER {
            write(th, a[0], &out, &[])?;
            out.clear();
        }
    }
    write(th, a[0], &out, &[])?;
    Ok(Value::NONE)
}

// ----------------------------------------------------------------------------------------------------------- receiving

/// Reads exactly that much.
fn read(th: &mut Thread, v: Value, at: *mut u8, n: usize) -> R<()> {
    let mut got = 0;
    while got < n {
        let (to, room) = (at.wrapping_add(got), n - got);
        // SAFETY: the caller's memory has `n` bytes.
        let more = transfer(th, v, false, |fd, socket| unsafe {
            if socket {
                libc::recv(fd, to.cast(), room, libc::MSG_DONTWAIT)
            } else {
                libc::read(fd, to.cast(), room)
            }
        })?;
        if more == 0 {
            return Err(match got {
                0 => match th.exception(C::EOFError, &[]) {
                    Ok(e) => th.raise_value(e),
                    Err(r) => r,
                },
                _ => oserror(th, "got end of file during message"),
            });
        }
        got += more;
    }
    Ok(())
}

/// Reads the length of the next message.
fn length(th: &mut Thread, v: Value) -> R<u64> {
    let mut head = [0u8; 4];
    read(th, v, head.as_mut_ptr(), 4)?;
    match i32::from_be_bytes(head) {
        -1 => {
            let mut head = [0u8; 8];
            read(th, v, head.as_mut_ptr(), 8)?;
            Ok(u64::from_be_bytes(head))
        }
        n if n < 0 => Err(bad_length(th, v)),
        n => Ok(n as u64),
    }
}

/// After a message that cannot be read nothing more can.
#[cold]
fn bad_length(th: &mut Thread, v: Value) -> Raised {
    let c = conn(v);
    if c.is(WRITABLE) {
        c.flags.fetch_and(!READABLE, Relaxed);
    } else {
        c.own.close(v.base().0);
    }
    oserror(th, "bad message length")
}

fn message(th: &mut Thread, v: Value, most: Option<u64>) -> R {
    let n = length(th, v)?;
    if most.is_some_and(|m| n > m) {
        return Err(bad_length(th, v));
    }
    let (out, bytes) = th.heap.bytes_with(n as usize)?;
    read(th, v, bytes.bytes_ptr(), n as usize)?;
    Ok(out)
}

fn recv(th: &mut Thread, a: Args) -> R {
    usable(th, a[0], READABLE)?;
    let data = message(th, a[0], None)?;
    let loads = pickler(th, 1)?;
    th.call(loads, &[data])
}

fn recv_bytes(th: &mut Thread, a: Args) -> R {
    usable(th, a[0], READABLE)?;
    let most = match missing(a[1]) {
        true => None,
        false => match integer(th, a[1])? {
            n if n < 0 => return Err(th.value_error("negative maxlength")),
            n => Some(n as u64),
        },
    };
    message(th, a[0], most)
}

fn recv_bytes_into(th: &mut Thread, a: Args) -> R {
    usable(th, a[0], READABLE)?;
    let (to, room) = place(th, a[1], "recv_bytes_into")?;
    let offset = if a[2].is_unbound() { 0 } else { integer(th, a[2])? };
    if offset < 0 {
        return Err(th.value_error("negative offset"));
    }
    let offset = offset as usize;
    if offset > room {
        return Err(th.value_error("offset too large"));
    }
    let data = message(th, a[0], None)?;
    let bytes = data.get::<Bytes>().bytes();
    if bytes.len() > room - offset {
        let module = import::import_full(th, "multiprocessing.context")?;
        let name = th.intern("BufferTooShort")?;
        let class = th.getattr(module, name)?;
        let e = th.call(class, &[data])?;
        return Err(th.raise_value(e));
    }
    let to = if offset == 0 {
        to
    } else {
        let view = th.call(C::memoryview.v(), &[to])?;
        let range = th.heap.slice(Value::int(offset as i64), Value::NONE, Value::NONE)?;
        th.getitem(view, range)?
    };
    store_into(th, to, room - offset, bytes)?;
    Ok(Value::int(bytes.len() as i64))
}

/// The moment at which a wait that begins now ends: `None` never.
pub(super) fn until(th: &mut Thread, timeout: Value) -> R<Option<Instant>> {
    if missing(timeout) {
        return Ok(None);
    }
    let seconds = match as_float(timeout) {
        Some(x) => x,
        None => real(th, timeout)?,
    };
    Ok(door::deadline(seconds))
}

fn poll(th: &mut Thread, a: Args) -> R {
    let c = usable(th, a[0], READABLE)?;
    let Some(u) = c.own.enter() else { return Err(oserror(th, "handle is closed")) };
    let mut fds = [libc::pollfd { fd: u.fd, events: libc::POLLIN, revents: 0 }];
    let at_once = a[1].is_unbound() || a[1] == Value::int(0);
    let deadline = if at_once { None } else { until(th, a[1])? };
    let n = super::descriptor::wait_many(th, &mut fds, !at_once, deadline)?;
    Ok(Value::bool(n > 0))
}
