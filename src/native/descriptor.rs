//! Descriptors that several threads may use while one of them closes: what sockets and epoll objects own, and waiting
//! for descriptors in the door. Invariant: a descriptor is given back to the system only when no native call is using
//! it any more, so its number cannot come to mean another file in the middle of a call; whoever closes wakes the
//! threads that wait for it.

use super::util::errno;
use crate::heap::Value;
use crate::run::door::{self, Kind, What, Woken};
use crate::run::{R, Thread, signal};
use std::sync::atomic::{AtomicU64, Ordering::*};
use std::time::Instant;

/// Low half of the state: the descriptor + 1, 0 when there is none.
const FD: u64 = 0xffff_ffff;
/// Closed by a thread while others used it: the last of them gives it back.
const CLOSING: u64 = 1 << 32;
/// One native call that uses it.
const USER: u64 = 1 << 33;

/// A descriptor and who uses it.
#[derive(Default)]
pub struct Guarded(AtomicU64);

/// The right to use a descriptor until dropped.
pub struct Use<'a> {
    of: &'a Guarded,
    /// The descriptor.
    pub fd: i32,
}

impl Drop for Use<'_> {
    fn drop(&mut self) {
        let old = self.of.0.fetch_sub(USER, AcqRel);
        if old / USER == 1 && old & CLOSING != 0 {
            self.of.0.fetch_and(!(FD | CLOSING), AcqRel);
            close_now(old);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        close_now(*self.0.get_mut());
    }
}

fn close_now(state: u64) -> i32 {
    match state & FD {
        0 => 0,
        // SAFETY: the owner's descriptor, taken out of its state just now.
        n => unsafe { libc::close(n as i32 - 1) },
    }
}

impl Guarded {
    /// Owns `fd`.
    pub fn of(fd: i32) -> Guarded {
        Guarded(AtomicU64::new(fd as u64 + 1))
    }

    /// Owns `fd` from now on, which only the maker of a fresh object may say.
    pub fn set(&self, fd: i32) {
        let _ = self.0.fetch_update(AcqRel, Acquire, |s| Some(s & !(FD | CLOSING) | (fd as u64 + 1)));
    }

    /// The descriptor, or -1 when closed.
    pub fn fd(&self) -> i32 {
        match self.0.load(Acquire) {
            s if s & CLOSING != 0 => -1,
            s => (s & FD) as i32 - 1,
        }
    }

    /// Uses the descriptor; `None` when closed.
    pub fn enter(&self) -> Option<Use<'_>> {
        let old = self.0.fetch_add(USER, AcqRel);
        let it = Use { of: self, fd: (old & FD) as i32 - 1 };
        // Dropping `it` is what ends the use of a closed one.
        (old & FD != 0 && old & CLOSING == 0).then_some(it)
    }

    /// Takes the descriptor out without closing it; -1 when closed. `key` is the wait queue of its users.
    pub fn detach(&self, key: u64) -> i32 {
        let old =
            self.0.fetch_update(AcqRel, Acquire, |s| (s & CLOSING == 0 && s & FD != 0).then_some(s & !FD));
        match old {
            Ok(s) => {
                if s / USER > 0 {
                    door::wake(key);
                }
                (s & FD) as i32 - 1
            }
            Err(_) => -1,
        }
    }

    /// Closes: at once, or when the last user, who is woken, has left. Gives an errno, 0 if all went well.
    pub fn close(&self, key: u64) -> i32 {
        let old = self.0.fetch_update(AcqRel, Acquire, |s| match s {
            s if s & FD == 0 || s & CLOSING != 0 => None,
            s if s / USER > 0 => Some(s | CLOSING),
            _ => Some(0),
        });
        match old {
            Err(_) => 0,
            Ok(s) if s / USER > 0 => {
                door::wake(key);
                0
            }
            Ok(s) => match close_now(s) {
                0 => 0,
                _ => errno(),
            },
        }
    }

    /// Waits until the descriptor is ready or the object is closed, running signal handlers on the way; `false` when
    /// the deadline has passed. `kind` names the descriptor that is in use.
    pub fn wait(&self, th: &mut Thread, key: u64, kind: Kind, deadline: Option<Instant>) -> R<bool> {
        loop {
            let mut still = || self.fd() >= 0;
            match door::wait(th, What { kind, object: key, deadline, still: Some(&mut still) }) {
                Woken::Ready => return Ok(true),
                Woken::Timeout => return Ok(false),
                Woken::Signal => signal::run_pending(th)?,
            }
        }
    }
}

/// The descriptor of an int or of what has `fileno()`.
pub fn number_of(th: &mut Thread, v: Value) -> R<i32> {
    let b = v.base();
    let n = if crate::heap::bigint::is_integer(b) || b.is_bool() {
        v
    } else {
        let name = th.intern("fileno")?;
        let Some(f) = th.getattr_opt(v, name)? else {
            return Err(th.type_error("argument must be an int, or have a fileno() method."));
        };
        let n = th.call(f, &[])?;
        if !crate::heap::bigint::is_integer(n.base()) {
            return Err(th.type_error("fileno() returned a non-integer"));
        }
        n
    };
    let fd = c_int(th, n)?;
    if fd < 0 {
        let text = format!("file descriptor cannot be a negative integer ({fd})");
        return Err(th.value_error(text));
    }
    Ok(fd)
}

/// `v` as a C int.
pub fn c_int(th: &mut Thread, v: Value) -> R<i32> {
    let i = crate::run::arith::index(th, v)?;
    let small = if i.is_int() { i32::try_from(i.as_int()).ok() } else { None };
    match small {
        Some(n) => Ok(n),
        None => Err(th.overflow_error("Python int too large to convert to C int")),
    }
}

/// Waits until one of the descriptors shows what is asked of it; how many do, 0 when the deadline has passed.
/// With `wait` false it only looks.
pub fn wait_many(
    th: &mut Thread,
    fds: &mut [libc::pollfd],
    wait: bool,
    deadline: Option<Instant>,
) -> R<usize> {
    let mut all = None;
    let mut last = !wait;
    loop {
        // SAFETY: the entries are valid and no time is given, so the call does not wait.
        let n = unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, 0) };
        if n < 0 {
            match errno() {
                libc::EINTR => signal::run_pending(th)?,
                e => return Err(th.os_error(e, Value::UNBOUND)),
            }
            continue;
        }
        if n > 0 || last {
            return Ok(n as usize);
        }
        let kind = match fds {
            [] => Kind::Sleep,
            [one] if one.events == libc::POLLIN => Kind::Read(one.fd),
            [one] if one.events == libc::POLLOUT => Kind::Write(one.fd),
            _ => {
                if all.is_none() {
                    all = Some(gather(th, fds)?);
                }
                Kind::Read(all.as_ref().map_or(-1, Guarded::fd))
            }
        };
        match door::wait(th, What::fd(kind, 0, deadline)) {
            Woken::Ready => {}
            Woken::Timeout => last = true,
            Woken::Signal => signal::run_pending(th)?,
        }
    }
}

/// One descriptor that is readable when any of those shows what is asked of it.
fn gather(th: &mut Thread, fds: &[libc::pollfd]) -> R<Guarded> {
    // SAFETY: a plain call.
    let set = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if set < 0 {
        let e = errno();
        return Err(th.os_error(e, Value::UNBOUND));
    }
    let set = Guarded::of(set);
    for f in fds.iter().filter(|f| f.fd >= 0) {
        let mut event = libc::epoll_event { events: f.events as u16 as u32, u64: 0 };
        // SAFETY: the set was made above and the event lives through the call.
        let rc = unsafe { libc::epoll_ctl(set.fd(), libc::EPOLL_CTL_ADD, f.fd, &mut event) };
        if rc != 0 {
            match errno() {
                // What cannot be waited for is always ready, and nobody asked whether it is.
                libc::EPERM | libc::EEXIST | libc::EBADF => {}
                e => return Err(th.os_error(e, Value::UNBOUND)),
            }
        }
    }
    Ok(set)
}
