//! Options of sockets, and sizes of control messages. Invariant: an option's value is passed as the script gives it;
//! only its length is checked.

use super::descriptor::c_int;
use super::socket::{failed, sock};
use super::util::{buffer, errno, integer};
use crate::heap::Value;
use crate::heap::known::C;
use crate::run::{Args, R, Thread};

/// An option that is an int; or an errno.
pub(super) fn number(fd: i32, level: i32, option: i32) -> Result<i32, i32> {
    let mut n: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option's room is an int, as is said.
    let rc = unsafe { libc::getsockopt(fd, level, option, (&raw mut n).cast(), &mut len) };
    if rc == 0 { Ok(n) } else { Err(errno()) }
}

pub(super) fn getsockopt(th: &mut Thread, a: Args) -> R {
    let (level, option) = (c_int(th, a[1])?, c_int(th, a[2])?);
    let n = if a[3].is_unbound() { 0 } else { c_int(th, a[3])? };
    let u = sock(a[0]).enter(th)?;
    if n == 0 {
        return match number(u.fd, level, option) {
            Ok(n) => Ok(Value::int(n as i64)),
            Err(e) => Err(failed(th, e)),
        };
    }
    if !(1..=1024).contains(&n) {
        return Err(th.raise(C::OSError, "getsockopt buflen out of range"));
    }
    let mut room = [0u8; 1024];
    let mut len = n as libc::socklen_t;
    // SAFETY: the room has the length that is said.
    if unsafe { libc::getsockopt(u.fd, level, option, room.as_mut_ptr().cast(), &mut len) } != 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    Ok(th.bytes(&room[..len as usize])?)
}

pub(super) fn setsockopt(th: &mut Thread, a: Args) -> R {
    let (level, option) = (c_int(th, a[1])?, c_int(th, a[2])?);
    let length = if a[4].is_unbound() { None } else { Some(integer(th, a[4])?) };
    if a[3].is_none() != length.is_some() {
        if a[3].is_none() {
            return Err(th.type_error("a bytes-like object is required, not 'NoneType'"));
        }
        return Err(th.type_error("setsockopt() takes exactly 3 arguments (4 given)"));
    }
    let word;
    let copy;
    let (at, len) = if let Some(n) = length {
        (std::ptr::null(), n as libc::socklen_t)
    } else if a[3].base().is_bool() || crate::heap::bigint::is_integer(a[3].base()) {
        word = c_int(th, a[3])?;
        ((&raw const word).cast::<libc::c_void>(), size_of::<libc::c_int>() as libc::socklen_t)
    } else {
        copy = buffer(th, a[3])?;
        (copy.as_ptr().cast(), copy.len() as libc::socklen_t)
    };
    let u = sock(a[0]).enter(th)?;
    // SAFETY: the value is valid for its length; a null pointer is what None means.
    if unsafe { libc::setsockopt(u.fd, level, option, at, len) } != 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    Ok(Value::NONE)
}

fn message_length(th: &mut Thread, a: Args, name: &str) -> R<u32> {
    let n = integer(th, a[0])?;
    match u32::try_from(n) {
        Ok(n) if n < i32::MAX as u32 - 64 => Ok(n),
        _ => Err(th.overflow_error(format!("{name}() argument out of range"))),
    }
}

pub(super) fn cmsg_len(th: &mut Thread, a: Args) -> R {
    let n = message_length(th, a, "CMSG_LEN")?;
    // SAFETY: pure arithmetic.
    Ok(Value::int(unsafe { libc::CMSG_LEN(n) } as i64))
}

pub(super) fn cmsg_space(th: &mut Thread, a: Args) -> R {
    let n = message_length(th, a, "CMSG_SPACE")?;
    // SAFETY: pure arithmetic.
    Ok(Value::int(unsafe { libc::CMSG_SPACE(n) } as i64))
}
