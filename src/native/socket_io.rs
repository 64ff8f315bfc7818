//! Sending and receiving. Invariant: every transfer asks the system not to wait and waits in the door; bytes received
//! are copied into a script's buffer only after the wait, under that object's own rules.

use super::descriptor::c_int;
use super::socket::{Sock, failed, key, sock, timed_out};
use super::socket_addr::{self as addr, Addr};
use super::util::{buffer, errno, integer, missing, store_into};
use crate::heap::Value;
use crate::heap::known::C;
use crate::heap::object::{ByteArray, Bytes, List, Tuple};
use crate::run::door::{self, Kind as Wait};
use crate::run::{Args, R, Thread, signal};
use std::mem::MaybeUninit;
use std::time::Instant;

const NOWAIT: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// How a transfer waits.
struct Patience {
    write: bool,
    flags: i32,
    deadline: Option<Option<Instant>>,
}

impl Patience {
    fn new(write: bool, flags: i32) -> Patience {
        Patience { write, flags, deadline: None }
    }
}

/// Does `call`, which does not wait in the system, until it gives a count; between the attempts waits in the door.
fn transfer(
    th: &mut Thread,
    v: Value,
    patience: &mut Patience,
    mut call: impl FnMut(i32) -> isize,
) -> R<usize> {
    let s = sock(v);
    let u = s.enter(th)?;
    loop {
        let n = call(u.fd);
        if n >= 0 {
            return Ok(n as usize);
        }
        match errno() {
            libc::EINTR => signal::run_pending(th)?,
            libc::EAGAIN if waits(s, patience.flags) => {
                let until = *patience.deadline.get_or_insert_with(|| s.deadline());
                let kind = if patience.write { Wait::Write(u.fd) } else { Wait::Read(u.fd) };
                // A datagram's full receiver may look ready.
                let late = until.is_some_and(|d| Instant::now() >= d);
                if late || !s.own.wait(th, key(v), kind, until)? {
                    return Err(timed_out(th));
                }
                if s.own.fd() < 0 {
                    return Err(failed(th, libc::EBADF));
                }
            }
            e => return Err(failed(th, e)),
        }
    }
}

fn waits(s: &Sock, flags: i32) -> bool {
    match s.timeout() {
        0 => false,
        t => t > 0 || flags & libc::MSG_DONTWAIT == 0,
    }
}

/// Bytes to send: those of a bytes object where they stand, else a copy.
enum Data {
    There(&'static [u8]),
    Copy(Vec<u8>),
}

impl std::ops::Deref for Data {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Data::There(b) => b,
            Data::Copy(b) => b,
        }
    }
}

fn data(th: &mut Thread, v: Value) -> R<Data> {
    match v.base().cast::<Bytes>() {
        Some(b) => Ok(Data::There(b.bytes())),
        None => Ok(Data::Copy(buffer(th, v)?)),
    }
}

fn flags_of(th: &mut Thread, v: Value) -> R<i32> {
    if v.is_unbound() { Ok(0) } else { c_int(th, v) }
}

// ------------------------------------------------------------------------------------------------------------- sending

fn send_some(th: &mut Thread, v: Value, bytes: &[u8], patience: &mut Patience) -> R<usize> {
    let flags = patience.flags | NOWAIT;
    // SAFETY: the slice is valid for its length; its owner stands in the window and does not move.
    transfer(th, v, patience, |fd| unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) })
}

pub(super) fn send(th: &mut Thread, a: Args) -> R {
    let (bytes, flags) = (data(th, a[1])?, flags_of(th, a[2])?);
    let n = send_some(th, a[0], &bytes, &mut Patience::new(true, flags))?;
    Ok(Value::int(n as i64))
}

pub(super) fn sendall(th: &mut Thread, a: Args) -> R {
    let (bytes, flags) = (data(th, a[1])?, flags_of(th, a[2])?);
    let mut patience = Patience::new(true, flags);
    let mut at = 0;
    loop {
        at += send_some(th, a[0], &bytes[at..], &mut patience)?;
        if at >= bytes.len() {
            return Ok(Value::NONE);
        }
    }
}

pub(super) fn sendto(th: &mut Thread, a: Args) -> R {
    let bytes = data(th, a[1])?;
    let (flags, to) = if a[3].is_unbound() { (0, a[2]) } else { (c_int(th, a[2])?, a[3]) };
    let s = sock(a[0]);
    let to = addr::read(th, s, to, "sendto")?;
    let mut patience = Patience::new(true, flags);
    if to.family() == libc::AF_UNIX && s.timeout() < 0 && flags & libc::MSG_DONTWAIT == 0 {
        return send_unix(th, s, &bytes, flags, &to);
    }
    // SAFETY: bytes and address are valid for their lengths.
    let n = transfer(th, a[0], &mut patience, |fd| unsafe {
        libc::sendto(fd, bytes.as_ptr().cast(), bytes.len(), flags | NOWAIT, to.as_ptr(), to.len())
    })?;
    Ok(Value::int(n as i64))
}

/// Sends to a path. Whether the receiver there has room cannot be polled, so where it has none the system waits.
fn send_unix(th: &mut Thread, s: &Sock, bytes: &[u8], flags: i32, to: &Addr) -> R {
    let u = s.enter(th)?;
    let mut more = NOWAIT;
    loop {
        // SAFETY: bytes and address are valid for their lengths and the caller keeps them.
        let call = || unsafe {
            let (p, n) = (bytes.as_ptr().cast(), bytes.len());
            (libc::sendto(u.fd, p, n, flags | more, to.as_ptr(), to.len()), errno())
        };
        let (n, e) = if more == NOWAIT { call() } else { door::opaque(th, Wait::Write(u.fd), call) };
        match e {
            _ if n >= 0 => return Ok(Value::int(n as i64)),
            libc::EINTR => signal::run_pending(th)?,
            libc::EAGAIN if more == NOWAIT => more = libc::MSG_NOSIGNAL,
            e => return Err(failed(th, e)),
        }
    }
}

// ----------------------------------------------------------------------------------------------------------- receiving

/// Up to this size bytes are received on the native stack.
const SMALL: usize = 1024;

/// Receives up to `n` bytes by `call` and hands them to `done`.
fn receive<T>(
    th: &mut Thread,
    n: usize,
    call: impl FnOnce(&mut Thread, *mut u8) -> R<usize>,
    done: impl FnOnce(&mut Thread, &[u8]) -> R<T>,
) -> R<T> {
    let mut small = MaybeUninit::<[u8; SMALL]>::uninit();
    let mut large = Vec::<u8>::new();
    let at = if n <= SMALL {
        small.as_mut_ptr().cast::<u8>()
    } else {
        if large.try_reserve_exact(n).is_err() {
            return Err(th.memory_error(""));
        }
        large.as_mut_ptr()
    };
    let got = call(th, at)?.min(n);
    // SAFETY: the call has written that many bytes there.
    let bytes = unsafe { std::slice::from_raw_parts(at, got) };
    done(th, bytes)
}

/// `recv` into memory; with MSG_WAITALL until it is full, as the system would do if it waited itself.
fn recv_some(th: &mut Thread, v: Value, at: *mut u8, n: usize, flags: i32) -> R<usize> {
    let mut patience = Patience::new(false, flags);
    let s = sock(v);
    let all = flags & libc::MSG_WAITALL != 0 && flags & libc::MSG_PEEK == 0 && waits(s, flags);
    let mut got = 0;
    loop {
        let (to, room) = (at.wrapping_add(got), n - got);
        // SAFETY: the caller's memory has `n` bytes.
        let more = transfer(th, v, &mut patience, |fd| unsafe {
            libc::recv(fd, to.cast(), room, flags | libc::MSG_DONTWAIT)
        })?;
        got += more;
        if !all || more == 0 || got >= n || s.timeout() > 0 {
            return Ok(got);
        }
    }
}

fn recv_from(th: &mut Thread, v: Value, at: *mut u8, n: usize, flags: i32, from: &mut Addr) -> R<usize> {
    let mut patience = Patience::new(false, flags);
    transfer(th, v, &mut patience, |fd| {
        from.len = Addr::ROOM;
        let flags = flags | libc::MSG_DONTWAIT;
        // SAFETY: memory and address have the room that is said.
        unsafe { libc::recvfrom(fd, at.cast(), n, flags, from.as_mut_ptr(), &mut from.len) }
    })
}

fn size_of_buffer(th: &mut Thread, v: Value, what: &str) -> R<usize> {
    let n = integer(th, v)?;
    usize::try_from(n).map_err(|_| th.value_error(format!("negative buffersize in {what}")))
}

pub(super) fn recv(th: &mut Thread, a: Args) -> R {
    let (n, flags) = (size_of_buffer(th, a[1], "recv")?, flags_of(th, a[2])?);
    let v = a[0];
    receive(th, n, |th, at| recv_some(th, v, at, n, flags), |th, bytes| Ok(th.bytes(bytes)?))
}

pub(super) fn recvfrom(th: &mut Thread, a: Args) -> R {
    let (n, flags) = (size_of_buffer(th, a[1], "recvfrom")?, flags_of(th, a[2])?);
    let (v, mut from) = (a[0], Addr::default());
    let bytes =
        receive(th, n, |th, at| recv_from(th, v, at, n, flags, &mut from), |th, bytes| Ok(th.bytes(bytes)?))?;
    let peer = addr::show(th, &from)?;
    Ok(th.tuple(&[bytes, peer])?)
}

/// The place that a script gives to be filled: an object that `store_into` takes, and its bytes.
pub(super) fn place(th: &mut Thread, v: Value, caller: &str) -> R<(Value, usize)> {
    if let Some(b) = v.base().cast::<ByteArray>() {
        return Ok((v, b.len.get()));
    }
    let view = th.call(C::memoryview.v(), &[v]).ok();
    if view.is_none() {
        th.take_raised();
    }
    let fixed = match view {
        Some(view) => {
            let name = th.intern("readonly")?;
            let fixed = th.getattr(view, name)?;
            th.truth(fixed)?
        }
        None => true,
    };
    let (Some(view), false) = (view, fixed) else {
        let text =
            format!("{caller}() argument 1 must be read-write bytes-like object, not {}", th.type_name(v));
        return Err(th.type_error(text));
    };
    let (cast, byte) = (th.intern("cast")?, th.intern("B")?);
    let cast = th.getattr(view, cast)?;
    let view = th.call(cast, &[byte])?;
    let n = th.len(view)?;
    Ok((view, n))
}

pub(super) fn recv_into(th: &mut Thread, a: Args) -> R {
    let (to, room) = place(th, a[1], "recv_into")?;
    let n = if a[2].is_unbound() { 0 } else { size_of_buffer(th, a[2], "recv_into")? };
    let flags = flags_of(th, a[3])?;
    if n > room {
        return Err(th.value_error("buffer too small for requested bytes"));
    }
    let (v, n) = (a[0], if n == 0 { room } else { n });
    let got =
        receive(th, n, |th, at| recv_some(th, v, at, n, flags), |th, bytes| store_into(th, to, room, bytes))?;
    Ok(Value::int(got as i64))
}

pub(super) fn recvfrom_into(th: &mut Thread, a: Args) -> R {
    let (to, room) = place(th, a[1], "recvfrom_into")?;
    let n = if a[2].is_unbound() { 0 } else { size_of_buffer(th, a[2], "recvfrom_into")? };
    let flags = flags_of(th, a[3])?;
    if n > room {
        return Err(th.value_error("nbytes is greater than the length of the buffer"));
    }
    let (v, n, mut from) = (a[0], if n == 0 { room } else { n }, Addr::default());
    let got = receive(
        th,
        n,
        |th, at| recv_from(th, v, at, n, flags, &mut from),
        |th, bytes| store_into(th, to, room, bytes),
    )?;
    let peer = addr::show(th, &from)?;
    Ok(th.tuple(&[Value::int(got as i64), peer])?)
}

// ---------------------------------------------------------------------------------------------------- control messages

/// The items of an iterable as a list.
fn items(th: &mut Thread, v: Value, complaint: &str) -> R<&'static List> {
    let r = th.call(C::list.v(), &[v]);
    match th.catch(r, C::TypeError)? {
        Some(l) => Ok(l.get::<List>()),
        None => Err(th.type_error(complaint)),
    }
}

fn item(l: &List, i: usize) -> Value {
    crate::heap::list::peek(l, i).unwrap_or(Value::NONE)
}

/// The control messages of a `sendmsg` as the system takes them, in aligned words.
fn control(th: &mut Thread, v: Value) -> R<(Vec<u64>, usize)> {
    let mut room: Vec<u64> = Vec::new();
    let mut len = 0;
    if missing(v) {
        return Ok((room, 0));
    }
    let all = items(th, v, "sendmsg() argument 2 must be an iterable")?;
    for i in 0..all.len.get() {
        let Some(t) = item(all, i).base().cast::<Tuple>().filter(|t| t.len() == 3) else {
            return Err(th.type_error("[sendmsg() ancillary data items] must be a sequence of length 3"));
        };
        let (level, kind, bytes) = (c_int(th, t.at(0))?, c_int(th, t.at(1))?, buffer(th, t.at(2))?);
        // SAFETY: pure arithmetic on a length.
        let (own, space) = unsafe {
            (libc::CMSG_LEN(bytes.len() as u32) as usize, libc::CMSG_SPACE(bytes.len() as u32) as usize)
        };
        let start = len / 8;
        len += space;
        room.resize(len.div_ceil(8), 0);
        let head = libc::cmsghdr { cmsg_len: own as _, cmsg_level: level, cmsg_type: kind };
        // SAFETY: the words from `start` on have room for the head and, behind it, the data: CMSG_SPACE of it.
        unsafe {
            let at = room.as_mut_ptr().add(start).cast::<libc::cmsghdr>();
            at.write(head);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), libc::CMSG_DATA(at), bytes.len());
        }
    }
    Ok((room, len))
}

pub(super) fn sendmsg(th: &mut Thread, a: Args) -> R {
    let parts = items(th, a[1], "sendmsg() argument 1 must be an iterable")?;
    let mut bytes = Vec::new();
    for i in 0..parts.len.get() {
        bytes.extend_from_slice(&buffer(th, item(parts, i))?);
    }
    let (mut room, len) = control(th, a[2])?;
    let flags = flags_of(th, a[3])?;
    let s = sock(a[0]);
    let mut to = if missing(a[4]) { None } else { Some(addr::read(th, s, a[4], "sendmsg")?) };
    let mut iov = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: a struct of numbers and null pointers.
    let mut m: libc::msghdr = unsafe { std::mem::zeroed() };
    m.msg_iov = &raw mut iov;
    m.msg_iovlen = 1;
    if len > 0 {
        m.msg_control = room.as_mut_ptr().cast();
        m.msg_controllen = len as _;
    }
    if let Some(to) = &mut to {
        m.msg_namelen = to.len();
        m.msg_name = to.as_mut_ptr().cast();
    }
    let mut patience = Patience::new(true, flags);
    // SAFETY: everything that the header points to lives through the call.
    let n = transfer(th, a[0], &mut patience, |fd| unsafe { libc::sendmsg(fd, &m, flags | NOWAIT) })?;
    Ok(Value::int(n as i64))
}

/// What came with a message.
struct Came {
    n: usize,
    control: Vec<u64>,
    len: usize,
    flags: i32,
    from: Addr,
}

fn recv_msg(th: &mut Thread, v: Value, at: *mut u8, n: usize, room: usize, flags: i32) -> R<Came> {
    let mut came = Came { n: 0, control: vec![0; room.div_ceil(8)], len: 0, flags: 0, from: Addr::default() };
    let mut iov = libc::iovec { iov_base: at.cast(), iov_len: n };
    let mut patience = Patience::new(false, flags);
    // SAFETY: a struct of numbers and null pointers.
    let mut m: libc::msghdr = unsafe { std::mem::zeroed() };
    let got = transfer(th, v, &mut patience, |fd| {
        m.msg_name = came.from.as_mut_ptr().cast();
        m.msg_namelen = Addr::ROOM;
        m.msg_iov = &raw mut iov;
        m.msg_iovlen = 1;
        m.msg_control = if room > 0 { came.control.as_mut_ptr().cast() } else { std::ptr::null_mut() };
        m.msg_controllen = room as _;
        // SAFETY: everything that the header points to lives through the call and has the room that is said.
        unsafe { libc::recvmsg(fd, &mut m, flags | libc::MSG_DONTWAIT) }
    })?;
    (came.n, came.len, came.flags, came.from.len) =
        (got, m.msg_controllen as usize, m.msg_flags, m.msg_namelen);
    Ok(came)
}

/// The control messages that came, as a list of `(level, type, bytes)`.
fn messages(th: &mut Thread, came: &Came) -> R {
    let out = th.list(&[])?;
    // SAFETY: a struct of numbers and null pointers.
    let mut m: libc::msghdr = unsafe { std::mem::zeroed() };
    m.msg_control = came.control.as_ptr() as *mut libc::c_void;
    m.msg_controllen = came.len as _;
    // SAFETY: the header describes what the system has written; the walk stays within it.
    unsafe {
        let mut at = libc::CMSG_FIRSTHDR(&m);
        while !at.is_null() {
            let from = libc::CMSG_DATA(at);
            let end = came.control.as_ptr().cast::<u8>().add(came.len);
            let n = ((*at).cmsg_len as usize).saturating_sub(libc::CMSG_LEN(0) as usize);
            let n = n.min((end as usize).saturating_sub(from as usize));
            let bytes = th.bytes(std::slice::from_raw_parts(from, n))?;
            let (level, kind) = ((*at).cmsg_level as i64, (*at).cmsg_type as i64);
            let one = th.tuple(&[Value::int(level), Value::int(kind), bytes])?;
            crate::heap::list::push(&mut th.heap, out.get(), one)?;
            at = libc::CMSG_NXTHDR(&m, at);
        }
    }
    Ok(out)
}

fn control_room(th: &mut Thread, v: Value) -> R<usize> {
    let n = if v.is_unbound() { 0 } else { integer(th, v)? };
    if !(0..=i32::MAX as i64).contains(&n) {
        return Err(th.value_error("invalid ancillary data buffer length"));
    }
    Ok(n as usize)
}

fn with_details(th: &mut Thread, first: Value, came: &Came) -> R {
    let list = messages(th, came)?;
    let peer = addr::show(th, &came.from)?;
    Ok(th.tuple(&[first, list, Value::int(came.flags as i64), peer])?)
}

pub(super) fn recvmsg(th: &mut Thread, a: Args) -> R {
    let n = integer(th, a[1])?;
    if n < 0 {
        return Err(th.value_error("negative buffer size in recvmsg()"));
    }
    let (room, flags, n) = (control_room(th, a[2])?, flags_of(th, a[3])?, n as usize);
    let (v, mut came) = (a[0], None);
    let bytes = receive(
        th,
        n,
        |th, at| Ok(came.insert(recv_msg(th, v, at, n, room, flags)?).n),
        |th, bytes| Ok(th.bytes(bytes)?),
    )?;
    match came {
        Some(came) => with_details(th, bytes, &came),
        None => Ok(Value::NONE),
    }
}

pub(super) fn recvmsg_into(th: &mut Thread, a: Args) -> R {
    let parts = items(th, a[1], "recvmsg_into() argument 1 must be an iterable")?;
    let (room, flags) = (control_room(th, a[2])?, flags_of(th, a[3])?);
    // The places are checked before anything is received.
    let places = th.list(&[])?;
    let mut total = 0;
    for i in 0..parts.len.get() {
        let (to, n) = place(th, item(parts, i), "recvmsg_into")?;
        crate::heap::list::push(&mut th.heap, places.get(), to)?;
        total += n;
    }
    let (v, mut came) = (a[0], None);
    receive(
        th,
        total,
        |th, at| Ok(came.insert(recv_msg(th, v, at, total, room, flags)?).n),
        |th, mut bytes| {
            let places = places.get::<List>();
            for i in 0..places.len.get() {
                let to = item(places, i);
                let n = th.len(to)?.min(bytes.len());
                store_into(th, to, n, &bytes[..n])?;
                bytes = &bytes[n..];
            }
            Ok(())
        },
    )?;
    match came {
        Some(came) => with_details(th, Value::int(came.n as i64), &came),
        None => Ok(Value::NONE),
    }
}
