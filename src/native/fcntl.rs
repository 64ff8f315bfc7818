//! Native module `fcntl`: flags of descriptors and locks on files. Invariant: waiting for a lock is in the door.

use super::posix::{descriptor, done};
use super::util::{buffer, errno, integer, integer_or, put_int, store_into, truth_or};
use crate::heap::Value;
use crate::run::{Args, Def, ModuleDef, R, Thread, def, door, signal};

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "fcntl", doc: "Flags of descriptors and locks on files.", functions: FUNCTIONS, fill };

static FUNCTIONS: &[Def] = &[
    def(
        "fcntl",
        "(fd, cmd, arg=0, /)",
        fcntl,
        "Do something to a descriptor: a number or bytes in, the same out.",
    ),
    def("ioctl", "(fd, request, arg=0, mutate_flag=True, /)", ioctl, "Do something to a device."),
    def("flock", "(fd, operation, /)", flock, "Lock or unlock a file."),
    def("lockf", "(fd, cmd, len=0, start=0, whence=0, /)", lockf, "Lock or unlock a part of a file."),
];

/// Most bytes that a call may exchange.
const ROOM: usize = 1024;

macro_rules! constants {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name as i64)),*] };
}

const NUMBERS: &[(&str, i64)] = constants! {
    F_DUPFD F_DUPFD_CLOEXEC F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW F_GETOWN F_SETOWN F_RDLCK F_WRLCK
    F_UNLCK F_GETPIPE_SZ F_SETPIPE_SZ F_ADD_SEALS F_GET_SEALS F_GETLEASE F_SETLEASE F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW
    FD_CLOEXEC LOCK_SH LOCK_EX LOCK_UN LOCK_NB
};

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for (name, n) in NUMBERS {
        put_int(th, dict, name, *n)?;
    }
    Ok(())
}

/// Repeats a call that waits until it is done; `f` gives its result.
fn wait(th: &mut Thread, f: impl Fn() -> i32) -> R<i32> {
    loop {
        let (n, e) = door::opaque(th, door::Kind::Lock, || (f(), errno()));
        match (n, e) {
            (0.., _) => return Ok(n),
            (_, libc::EINTR) => signal::run_pending(th)?,
            (_, e) => return Err(th.os_error(e, Value::UNBOUND)),
        }
    }
}

/// The bytes of an argument that is no number.
fn bytes(th: &mut Thread, v: Value) -> R<Vec<u8>> {
    let data =
        if crate::heap::text::is_text(v.base()) { super::util::os_bytes(th, v)? } else { buffer(th, v)? };
    if data.len() > ROOM {
        return Err(th.value_error("fcntl argument 3 is too long"));
    }
    Ok(data)
}

fn is_number(v: Value) -> bool {
    v.is_unbound() || crate::heap::bigint::is_integer(v.base())
}

fn fcntl(th: &mut Thread, a: Args) -> R {
    let (fd, command) = (descriptor(th, a[0])?, integer(th, a[1])? as i32);
    if is_number(a[2]) {
        let n = integer_or(th, a[2], 0)?;
        // SAFETY: a number is given where the command takes one.
        let got = wait(th, || unsafe { libc::fcntl(fd, command, n as libc::c_long) })?;
        return Ok(Value::int(got as i64));
    }
    let mut room = bytes(th, a[2])?;
    let n = room.len();
    room.resize(ROOM, 0);
    let at = room.as_mut_ptr() as usize;
    // SAFETY: the buffer is larger than any struct of these commands, and outlives the call.
    wait(th, || unsafe { libc::fcntl(fd, command, at as *mut u8) })?;
    Ok(th.bytes(&room[..n])?)
}

fn ioctl(th: &mut Thread, a: Args) -> R {
    let (fd, request) = (descriptor(th, a[0])?, integer(th, a[1])? as libc::c_ulong);
    if is_number(a[2]) {
        let n = integer_or(th, a[2], 0)?;
        // SAFETY: a number is given where the request takes one.
        let rc = unsafe { libc::ioctl(fd, request, n as libc::c_long) };
        done(th, rc, Value::UNBOUND)?;
        return Ok(Value::int(rc as i64));
    }
    let mut room = bytes(th, a[2])?;
    let n = room.len();
    room.resize(ROOM, 0);
    // SAFETY: the buffer is larger than the structs of terminals and sockets, and outlives the call.
    let rc = unsafe { libc::ioctl(fd, request, room.as_mut_ptr()) };
    done(th, rc, Value::UNBOUND)?;
    let fixed = crate::heap::text::is_text(a[2].base()) || a[2].base().is_kind(crate::heap::Kind::Bytes);
    if fixed || !truth_or(th, a[3], true)? {
        return Ok(th.bytes(&room[..n])?);
    }
    store_into(th, a[2], n, &room[..n])?;
    Ok(Value::int(rc as i64))
}

fn flock(th: &mut Thread, a: Args) -> R {
    let (fd, operation) = (descriptor(th, a[0])?, integer(th, a[1])? as i32);
    if fd < 0 {
        return Err(th.value_error(format!("file descriptor cannot be a negative integer ({fd})")));
    }
    // SAFETY: a plain call.
    wait(th, || unsafe { libc::flock(fd, operation) })?;
    Ok(Value::NONE)
}

fn lockf(th: &mut Thread, a: Args) -> R {
    let (fd, operation) = (descriptor(th, a[0])?, integer(th, a[1])? as i32);
    let (len, start) = (integer_or(th, a[2], 0)?, integer_or(th, a[3], 0)?);
    let whence = integer_or(th, a[4], 0)?;
    let kind = match operation {
        libc::LOCK_UN => libc::F_UNLCK,
        _ if operation & libc::LOCK_SH != 0 => libc::F_RDLCK,
        _ if operation & libc::LOCK_EX != 0 => libc::F_WRLCK,
        _ => return Err(th.value_error("unrecognized lockf argument")),
    };
    // SAFETY: a struct of numbers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = whence as libc::c_short;
    (lock.l_start, lock.l_len) = (start, len);
    let command = if operation & libc::LOCK_NB != 0 { libc::F_SETLK } else { libc::F_SETLKW };
    // SAFETY: the struct outlives the call.
    wait(th, || unsafe { libc::fcntl(fd, command, &raw const lock) })?;
    Ok(Value::NONE)
}
