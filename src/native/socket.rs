//! Native module `_socket`: the class of sockets, making them, connecting and accepting. Invariant: no call on a
//! socket blocks in the system: it is made so that it does not wait, and the wait is in the door, where `close` by
//! another thread ends it too.

use super::descriptor::{Guarded, Use, c_int};
use super::socket_addr::{self as addr, Addr};
use super::util::{as_float, errno, missing, put, shape_of};
use super::{socket_io as io, socket_name as name, socket_numbers, socket_opt as opt};
use crate::heap::known::C;
use crate::heap::object::{Boxed, Class};
use crate::heap::{Kind, Value};
use crate::run::door::{self, Kind as Wait};
use crate::run::{Args, ClassDef, Def, GetSet, ModuleDef, PLAIN, R, Raised, Thread, class, def, get, signal};
use std::sync::atomic::{AtomicI32, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "_socket", doc: "Sockets of the operating system.", functions: FUNCTIONS, fill };

static FUNCTIONS: &[Def] = &[
    def("socketpair", "(family=None, type=SOCK_STREAM, proto=0, /)", socketpair, "Two connected sockets."),
    def("close", "(fd, /)", close_fd, "Close a socket's descriptor."),
    def("dup", "(fd, /)", dup, "Another descriptor for the same socket."),
    def("getdefaulttimeout", "()", getdefaulttimeout, "The timeout of new sockets."),
    def("setdefaulttimeout", "(timeout, /)", setdefaulttimeout, "Set the timeout of new sockets."),
    def(
        "getaddrinfo",
        "(host, port, family=0, type=0, proto=0, flags=0)",
        name::getaddrinfo,
        "The addresses of a host and service.",
    ),
    def("getnameinfo", "(sockaddr, flags, /)", name::getnameinfo, "Host and service of an address."),
    def("gethostname", "()", name::gethostname, "Name of this machine."),
    def("sethostname", "(name, /)", name::sethostname, "Set the name of this machine."),
    def("gethostbyname", "(host, /)", name::gethostbyname, "The IPv4 address of a host."),
    def("gethostbyname_ex", "(host, /)", name::gethostbyname_ex, "Names and IPv4 addresses of a host."),
    def("gethostbyaddr", "(host, /)", name::gethostbyaddr, "Names and addresses of a host's address."),
    def("getservbyname", "(name, protocol=None, /)", name::getservbyname, "The port of a service."),
    def("getservbyport", "(port, protocol=None, /)", name::getservbyport, "The service at a port."),
    def("getprotobyname", "(name, /)", name::getprotobyname, "The number of a protocol."),
    def("inet_aton", "(ip_addr, /)", name::inet_aton, "The four bytes of an IPv4 address."),
    def("inet_ntoa", "(packed_ip, /)", name::inet_ntoa, "The text of an IPv4 address."),
    def("inet_pton", "(family, ip, /)", name::inet_pton, "The bytes of an address."),
    def("inet_ntop", "(family, packed_ip, /)", name::inet_ntop, "The text of an address."),
    def("htons", "(integer, /)", name::swap16, "16 bits from host to network order."),
    def("ntohs", "(integer, /)", name::swap16, "16 bits from network to host order."),
    def("htonl", "(integer, /)", name::swap32, "32 bits from host to network order."),
    def("ntohl", "(integer, /)", name::swap32, "32 bits from network to host order."),
    def("if_nameindex", "()", name::if_nameindex, "Numbers and names of the network interfaces."),
    def("if_nametoindex", "(name, /)", name::if_nametoindex, "The number of a network interface."),
    def("if_indextoname", "(index, /)", name::if_indextoname, "The name of a network interface."),
    def("CMSG_LEN", "(length, /)", opt::cmsg_len, "Bytes of a control message with that much data."),
    def("CMSG_SPACE", "(length, /)", opt::cmsg_space, "Room for a control message with that much data."),
];

/// A socket.
#[derive(Default)]
pub(super) struct Sock {
    pub own: Guarded,
    pub family: AtomicI32,
    kind: AtomicI32,
    proto: AtomicI32,
    /// Nanoseconds, -1 for none, 0 for calls that never wait.
    timeout: AtomicI64,
}

/// Timeout of new sockets, in nanoseconds; -1: none.
static DEFAULT: AtomicI64 = AtomicI64::new(-1);
static CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

static DEF: ClassDef = ClassDef {
    name: "_socket.socket",
    doc: "An end of a connection, or of what may become one.",
    slots: |s| {
        s.new = Some(new);
        s.init = Some(init);
        s.repr = Some(repr);
    },
    methods: METHODS,
    getset: FIELDS,
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("_accept", "($self, /)", accept, "Wait for a connection: its descriptor and the peer's address."),
    def("bind", "($self, address, /)", bind, "Give the socket a local address."),
    def("close", "($self, /)", close, "Close the socket; threads that wait for it get an error."),
    def("connect", "($self, address, /)", connect, "Connect to an address."),
    def("connect_ex", "($self, address, /)", connect_ex, "As connect, but gives the error number."),
    def("detach", "($self, /)", detach, "Give the descriptor away: the object counts as closed."),
    def("fileno", "($self, /)", |_, a| Ok(Value::int(sock(a[0]).own.fd() as i64)), "The descriptor, or -1."),
    def(
        "getblocking",
        "($self, /)",
        |_, a| Ok(Value::bool(sock(a[0]).timeout() != 0)),
        "Whether calls wait.",
    ),
    def("gettimeout", "($self, /)", |th, a| seconds(th, sock(a[0]).timeout()), "Seconds that calls wait."),
    def("setblocking", "($self, flag, /)", setblocking, "Whether calls wait."),
    def("settimeout", "($self, timeout, /)", settimeout, "Set how long calls wait; None: for ever."),
    def("getpeername", "($self, /)", getpeername, "The peer's address."),
    def("getsockname", "($self, /)", getsockname, "The socket's own address."),
    def("listen", "($self, backlog=128, /)", listen, "Accept connections from now on."),
    def("shutdown", "($self, how, /)", shutdown, "End one or both directions."),
    def("getsockopt", "($self, level, option, buflen=0, /)", opt::getsockopt, "An option of the socket."),
    def(
        "setsockopt",
        "($self, level, option, value, optlen=0, /)",
        opt::setsockopt,
        "Set an option: an int, bytes, or None and a length.",
    ),
    def("send", "($self, data, flags=0, /)", io::send, "Send bytes; how many were taken."),
    def("sendall", "($self, data, flags=0, /)", io::sendall, "Send all the bytes."),
    def(
        "sendto",
        "($self, data, flags_or_address, address=None, /)",
        io::sendto,
        "Send bytes to an address.",
    ),
    def("recv", "($self, bufsize, flags=0, /)", io::recv, "Receive up to bufsize bytes; none: the end."),
    def("recv_into", "($self, buffer, nbytes=0, flags=0)", io::recv_into, "Receive into a buffer; how many."),
    def("recvfrom", "($self, bufsize, flags=0, /)", io::recvfrom, "Receive bytes and the sender's address."),
    def(
        "recvfrom_into",
        "($self, buffer, nbytes=0, flags=0)",
        io::recvfrom_into,
        "Receive into a buffer: how many, and the sender's address.",
    ),
    def(
        "sendmsg",
        "($self, buffers, ancdata=(), flags=0, address=None, /)",
        io::sendmsg,
        "Send bytes and control messages.",
    ),
    def(
        "recvmsg",
        "($self, bufsize, ancbufsize=0, flags=0, /)",
        io::recvmsg,
        "Receive bytes, control messages, flags and the sender's address.",
    ),
    def(
        "recvmsg_into",
        "($self, buffers, ancbufsize=0, flags=0, /)",
        io::recvmsg_into,
        "As recvmsg, into buffers: how many, control messages, flags and address.",
    ),
];

static FIELDS: &[GetSet] = &[
    get("family", |_, v| Ok(Value::int(sock(v).family.load(Relaxed) as i64)), "The kind of addresses."),
    get("type", |_, v| Ok(Value::int(sock(v).kind.load(Relaxed) as i64)), "The kind of connection."),
    get("proto", |_, v| Ok(Value::int(sock(v).proto.load(Relaxed) as i64)), "The protocol."),
    get("timeout", |th, v| seconds(th, sock(v).timeout()), "Seconds that calls wait."),
];

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &DEF)?;
    CLASS.store(c.0, Relaxed);
    put(th, dict, "socket", c)?;
    put(th, dict, "SocketType", c)?;
    put(th, dict, "error", C::OSError.v())?;
    put(th, dict, "timeout", C::TimeoutError.v())?;
    put(th, dict, "has_ipv6", Value::TRUE)?;
    name::fill(th, dict)?;
    socket_numbers::fill(th, dict)
}

/// A class of errors below OSError, as `socket` shows it.
pub(super) fn error_class(th: &mut Thread, name: &str) -> R {
    let (name, module, bases) = (th.str(name)?, th.intern("socket")?, th.tuple(&[C::OSError.v()])?);
    let body = th.heap.new_dict()?;
    put(th, body, "__module__", module)?;
    th.call(C::type_.v(), &[name, bases, body])
}

/// The socket behind an exact or derived instance.
pub(super) fn sock(v: Value) -> &'static Sock {
    v.base().get::<Boxed>().payload::<Sock>().expect("the class makes its instances")
}

/// The wait queue of a socket's users: its address.
pub(super) fn key(v: Value) -> u64 {
    v.base().0
}

#[cold]
pub(super) fn failed(th: &mut Thread, e: i32) -> Raised {
    th.os_error(e, Value::UNBOUND)
}

#[cold]
pub(super) fn timed_out(th: &mut Thread) -> Raised {
    th.raise(C::TimeoutError, "timed out")
}

impl Sock {
    /// Nanoseconds, -1 for none.
    pub fn timeout(&self) -> i64 {
        self.timeout.load(Relaxed)
    }

    /// When a call that begins now gives up.
    pub fn deadline(&self) -> Option<Instant> {
        let t = self.timeout();
        if t > 0 { Instant::now().checked_add(Duration::from_nanos(t as u64)) } else { None }
    }

    /// Uses the descriptor; EBADF when closed.
    pub fn enter(&self, th: &mut Thread) -> R<Use<'_>> {
        match self.own.enter() {
            Some(u) => Ok(u),
            None => Err(failed(th, libc::EBADF)),
        }
    }
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let solid = cls.get::<Class>().solid.get();
    let fresh = Sock { timeout: AtomicI64::new(-1), ..Sock::default() };
    let v = th.heap.boxed(shape_of(solid), Box::new(fresh), 64)?;
    if cls == solid { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

fn given(th: &mut Thread, v: Value) -> R<i32> {
    if missing(v) { Ok(-1) } else { c_int(th, v) }
}

fn init(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    let names = ["family", "type", "proto", "fileno"];
    let [family, kind, proto, fileno] = super::util::bind(th, "socket", names, 0, args, kwargs)?;
    let (mut family, mut kind, mut proto) = (given(th, family)?, given(th, kind)?, given(th, proto)?);
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let fd = if missing(fileno) {
        family = if family == -1 { libc::AF_INET } else { family };
        kind = if kind == -1 { libc::SOCK_STREAM } else { kind };
        proto = proto.max(0);
        // SAFETY: a plain call.
        let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, proto) };
        if fd < 0 {
            let e = errno();
            return Err(failed(th, e));
        }
        fd
    } else {
        let fd = c_int(th, fileno)?;
        if fd < 0 {
            return Err(th.value_error("negative file descriptor"));
        }
        match addr::own_name(fd) {
            Ok(a) if family == -1 => family = a.family(),
            Ok(_) => {}
            Err(e @ (libc::EBADF | libc::ENOTSOCK)) => return Err(failed(th, e)),
            Err(e) if family == -1 => return Err(failed(th, e)),
            Err(_) => {}
        }
        for (n, option) in [(&mut kind, libc::SO_TYPE), (&mut proto, libc::SO_PROTOCOL)] {
            if *n == -1 {
                *n = match opt::number(fd, libc::SOL_SOCKET, option) {
                    Ok(n) => n,
                    Err(e) => return Err(failed(th, e)),
                };
            }
        }
        fd
    };
    adopt(sock(this), fd, family, kind & !flags, proto);
    if kind & libc::SOCK_NONBLOCK != 0 {
        sock(this).timeout.store(0, Relaxed);
    }
    Ok(())
}

/// The socket owns `fd` from now on.
fn adopt(s: &Sock, fd: i32, family: i32, kind: i32, proto: i32) {
    s.family.store(family, Relaxed);
    s.kind.store(kind, Relaxed);
    s.proto.store(proto, Relaxed);
    let timeout = DEFAULT.load(Relaxed);
    s.timeout.store(timeout, Relaxed);
    if timeout >= 0 {
        set_nonblocking(fd, true);
    }
    s.own.set(fd);
}

fn repr(th: &mut Thread, v: Value) -> R {
    let s = sock(v);
    let text = format!(
        "<socket object, fd={}, family={}, type={}, proto={}>",
        s.own.fd(),
        s.family.load(Relaxed),
        s.kind.load(Relaxed),
        s.proto.load(Relaxed)
    );
    Ok(th.str(&text)?)
}

/// Sets whether calls on the descriptor return at once; gives what was before.
fn set_nonblocking(fd: i32, on: bool) -> bool {
    // SAFETY: plain calls on a number.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFL);
        let before = flags & libc::O_NONBLOCK != 0;
        if flags >= 0 && before != on {
            libc::fcntl(fd, libc::F_SETFL, flags ^ libc::O_NONBLOCK);
        }
        before
    }
}

// ------------------------------------------------------------------------------------------------------------ timeouts

fn seconds(th: &mut Thread, nanos: i64) -> R {
    if nanos < 0 { Ok(Value::NONE) } else { Ok(th.float(nanos as f64 / 1e9)?) }
}

/// A timeout argument in nanoseconds, rounded up; -1 for None.
fn timeout_of(th: &mut Thread, v: Value) -> R<i64> {
    if v.is_none() {
        return Ok(-1);
    }
    let x = match as_float(v) {
        Some(x) => x,
        None if class::slots(th.class_of(v)).index.is_some() => {
            let i = crate::run::arith::index(th, v)?;
            if i.is_int() { i.as_int() as f64 } else { f64::INFINITY }
        }
        None => {
            let text = format!("'{}' object cannot be interpreted as an integer or float", th.type_name(v));
            return Err(th.type_error(text));
        }
    };
    if x.is_nan() {
        return Err(th.value_error("Invalid value NaN (not a number)"));
    }
    if x.abs() >= i64::MAX as f64 / 1e9 {
        return Err(th.overflow_error("timestamp out of range for C PyTime_t"));
    }
    if x < 0.0 {
        return Err(th.value_error("Timeout value out of range"));
    }
    Ok((x * 1e9).ceil() as i64)
}

fn getdefaulttimeout(th: &mut Thread, _: Args) -> R {
    seconds(th, DEFAULT.load(Relaxed))
}

fn setdefaulttimeout(th: &mut Thread, a: Args) -> R {
    DEFAULT.store(timeout_of(th, a[0])?, Relaxed);
    Ok(Value::NONE)
}

fn set_timeout(th: &mut Thread, v: Value, nanos: i64) -> R {
    let s = sock(v);
    s.timeout.store(nanos, Relaxed);
    let u = s.enter(th)?;
    set_nonblocking(u.fd, nanos >= 0);
    Ok(Value::NONE)
}

fn settimeout(th: &mut Thread, a: Args) -> R {
    let nanos = timeout_of(th, a[1])?;
    set_timeout(th, a[0], nanos)
}

fn setblocking(th: &mut Thread, a: Args) -> R {
    let on = th.truth(a[1])?;
    set_timeout(th, a[0], if on { -1 } else { 0 })
}

// --------------------------------------------------------------------------------------------------------- connections

fn bind(th: &mut Thread, a: Args) -> R {
    let s = sock(a[0]);
    let to = addr::read(th, s, a[1], "bind")?;
    let u = s.enter(th)?;
    // SAFETY: the address is valid for its length.
    if unsafe { libc::bind(u.fd, to.as_ptr(), to.len()) } != 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    Ok(Value::NONE)
}

fn listen(th: &mut Thread, a: Args) -> R {
    let backlog = if a[1].is_unbound() { 128 } else { c_int(th, a[1])?.max(0) };
    let u = sock(a[0]).enter(th)?;
    // SAFETY: a plain call.
    if unsafe { libc::listen(u.fd, backlog) } != 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    Ok(Value::NONE)
}

fn accept(th: &mut Thread, a: Args) -> R {
    let s = sock(a[0]);
    let u = s.enter(th)?;
    let mut deadline = None;
    let mut from = Addr::room();
    let fd = loop {
        // A connection that goes away between the wait and the call must not leave the call waiting.
        set_nonblocking(u.fd, true);
        from.len = Addr::ROOM;
        // SAFETY: the address has the room that is said.
        let fd = unsafe { libc::accept4(u.fd, from.as_mut_ptr(), &mut from.len, libc::SOCK_CLOEXEC) };
        if fd >= 0 {
            break fd;
        }
        match errno() {
            libc::EINTR => signal::run_pending(th)?,
            libc::ECONNABORTED => {}
            libc::EAGAIN if s.timeout() != 0 => {
                let until = *deadline.get_or_insert_with(|| s.deadline());
                if !s.own.wait(th, key(a[0]), Wait::Read(u.fd), until)? {
                    return Err(timed_out(th));
                }
                if s.own.fd() < 0 {
                    return Err(failed(th, libc::EBADF));
                }
            }
            e => return Err(failed(th, e)),
        }
    };
    // Owned until it is a value, lest an error lose it.
    let own = Guarded::of(fd);
    let peer = addr::show(th, &from)?;
    let pair = th.tuple(&[Value::int(fd as i64), peer])?;
    own.detach(0);
    Ok(pair)
}

/// How a connection that was in progress ended: an errno, 0 if all went well.
fn outcome(fd: i32, to: &Addr, again: bool) -> i32 {
    if again {
        // Asking by another call leaves the socket as one call that waited would: it may try again.
        // SAFETY: the address is valid for its length.
        let rc = unsafe { libc::connect(fd, to.as_ptr(), to.len()) };
        return match errno() {
            _ if rc == 0 => 0,
            libc::EISCONN => 0,
            e => e,
        };
    }
    match opt::number(fd, libc::SOL_SOCKET, libc::SO_ERROR) {
        Ok(0 | libc::EISCONN) => 0,
        Ok(e) | Err(e) => e,
    }
}

/// Connects; gives an errno, 0 if all went well, EAGAIN after `timed` out.
fn connect_to(th: &mut Thread, v: Value, to: &Addr) -> R<Result<i32, ()>> {
    let s = sock(v);
    let u = s.enter(th)?;
    let before = set_nonblocking(u.fd, true);
    let restore = |fd: i32| {
        if !before {
            set_nonblocking(fd, false);
        }
    };
    // SAFETY: the address is valid for its length.
    let rc = unsafe { libc::connect(u.fd, to.as_ptr(), to.len()) };
    let mut e = if rc == 0 { 0 } else { errno() };
    if e == libc::EAGAIN && s.timeout() < 0 && to.family() == libc::AF_UNIX {
        // The listener's queue is full, which cannot be polled.
        set_nonblocking(u.fd, false);
        loop {
            // SAFETY: as above; the caller keeps socket and address.
            let call = || unsafe { (libc::connect(u.fd, to.as_ptr(), to.len()), errno()) };
            let (rc, code) = door::opaque(th, Wait::Write(u.fd), call);
            e = if rc == 0 { 0 } else { code };
            if e != libc::EINTR {
                break;
            }
            signal::run_pending(th)?;
        }
        return Ok(Ok(e));
    }
    if matches!(e, libc::EINPROGRESS | libc::EINTR) && s.timeout() != 0 {
        let deadline = s.deadline();
        while matches!(e, libc::EINPROGRESS | libc::EINTR | libc::EALREADY) {
            let got = s.own.wait(th, key(v), Wait::Write(u.fd), deadline);
            if !matches!(got, Ok(true)) {
                restore(u.fd);
            }
            if !got? {
                return Ok(Err(()));
            }
            if s.own.fd() < 0 {
                return Ok(Ok(libc::EBADF));
            }
            e = outcome(u.fd, to, s.timeout() < 0);
        }
        restore(u.fd);
    } else {
        restore(u.fd);
    }
    Ok(Ok(e))
}

fn connect(th: &mut Thread, a: Args) -> R {
    let to = addr::read(th, sock(a[0]), a[1], "connect")?;
    match connect_to(th, a[0], &to)? {
        Ok(0) => Ok(Value::NONE),
        Ok(e) => Err(failed(th, e)),
        Err(()) => Err(timed_out(th)),
    }
}

fn connect_ex(th: &mut Thread, a: Args) -> R {
    let to = addr::read(th, sock(a[0]), a[1], "connect_ex")?;
    if sock(a[0]).own.fd() < 0 {
        return Ok(Value::int(libc::EBADF as i64));
    }
    let e = connect_to(th, a[0], &to)?.unwrap_or(libc::EAGAIN);
    Ok(Value::int(e as i64))
}

fn getsockname(th: &mut Thread, a: Args) -> R {
    let u = sock(a[0]).enter(th)?;
    match addr::own_name(u.fd) {
        Ok(a) => addr::show(th, &a),
        Err(e) => Err(failed(th, e)),
    }
}

fn getpeername(th: &mut Thread, a: Args) -> R {
    let u = sock(a[0]).enter(th)?;
    let mut peer = Addr::room();
    // SAFETY: the address has the room that is said.
    if unsafe { libc::getpeername(u.fd, peer.as_mut_ptr(), &mut peer.len) } != 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    addr::show(th, &peer)
}

fn shutdown(th: &mut Thread, a: Args) -> R {
    let how = c_int(th, a[1])?;
    let u = sock(a[0]).enter(th)?;
    // SAFETY: a plain call.
    if unsafe { libc::shutdown(u.fd, how) } != 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    Ok(Value::NONE)
}

fn close(th: &mut Thread, a: Args) -> R {
    match sock(a[0]).own.close(key(a[0])) {
        // The peer's reset says nothing about closing.
        0 | libc::ECONNRESET | libc::EINTR => Ok(Value::NONE),
        e => Err(failed(th, e)),
    }
}

fn detach(_: &mut Thread, a: Args) -> R {
    Ok(Value::int(sock(a[0]).own.detach(key(a[0])) as i64))
}

// ------------------------------------------------------------------------------------------------------ the module

fn socketpair(th: &mut Thread, a: Args) -> R {
    let family = if missing(a[0]) { libc::AF_UNIX } else { c_int(th, a[0])? };
    let kind = if a[1].is_unbound() { libc::SOCK_STREAM } else { c_int(th, a[1])? };
    let proto = if a[2].is_unbound() { 0 } else { c_int(th, a[2])? };
    let mut fds = [0; 2];
    // SAFETY: the array has room for two descriptors.
    if unsafe { libc::socketpair(family, kind | libc::SOCK_CLOEXEC, proto, fds.as_mut_ptr()) } != 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    let [x, y] = fds.map(Guarded::of);
    let cls = Value(CLASS.load(Relaxed));
    let (v, w) = (new(th, cls, Value::NONE, Value::NONE)?, new(th, cls, Value::NONE, Value::NONE)?);
    for (v, own) in [(v, &x), (w, &y)] {
        let plain = kind & !(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK);
        adopt(sock(v), own.fd(), family, plain, proto);
        own.detach(0);
    }
    Ok(th.tuple(&[v, w])?)
}

fn close_fd(th: &mut Thread, a: Args) -> R {
    let fd = c_int(th, a[0])?;
    // SAFETY: the caller names the descriptor to close.
    if unsafe { libc::close(fd) } != 0 {
        let e = errno();
        if e != libc::ECONNRESET {
            return Err(failed(th, e));
        }
    }
    Ok(Value::NONE)
}

fn dup(th: &mut Thread, a: Args) -> R {
    let fd = c_int(th, a[0])?;
    // SAFETY: a plain call.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    if copy < 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    Ok(Value::int(copy as i64))
}
