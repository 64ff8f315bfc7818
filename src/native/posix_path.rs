//! The part of `posix` about names of files: each call may start from an open folder (`dir_fd`) and may stop at links
//! (`follow_symlinks`), and takes a descriptor where the system does. Invariant: a failed call is OSError with the
//! names it was about.

use super::posix::{by_fd, descriptor, done, failed, is_number, stat_value};
use super::util::{errno, integer, integer_or, missing, os_text, path, real, truth_or};
use crate::heap::Value;
use crate::heap::object::Tuple;
use crate::run::{Args, Def, R, Thread, def, door, signal};
use std::ffi::CStr;

/// The functions of `posix` that stand here.
pub(super) static FUNCTIONS: &[Def] = &[
    def("stat", "(path, *, dir_fd=None, follow_symlinks=True)", stat, "What the system knows about a file."),
    def("lstat", "(path, *, dir_fd=None)", lstat, "The same about a link itself."),
    def("fstat", "(fd)", fstat, "The same about an open file."),
    def("mkdir", "(path, mode=511, *, dir_fd=None)", mkdir, "Make a folder."),
    def("mkfifo", "(path, mode=438, *, dir_fd=None)", mkfifo, "Make a named pipe."),
    def(
        "mknod",
        "(path, mode=384, device=0, *, dir_fd=None)",
        mknod,
        "Make a file, a device or a named pipe.",
    ),
    def(
        "rmdir",
        "(path, *, dir_fd=None)",
        |th, a| remove(th, a, libc::AT_REMOVEDIR),
        "Remove an empty folder.",
    ),
    def("remove", "(path, *, dir_fd=None)", |th, a| remove(th, a, 0), "Remove a file."),
    def("unlink", "(path, *, dir_fd=None)", |th, a| remove(th, a, 0), "Remove a file."),
    def("rename", "(src, dst, *, src_dir_fd=None, dst_dir_fd=None)", rename, "Give a file another name."),
    def("replace", "(src, dst, *, src_dir_fd=None, dst_dir_fd=None)", rename, "Give a file another name."),
    def(
        "link",
        "(src, dst, *, src_dir_fd=None, dst_dir_fd=None, follow_symlinks=True)",
        link,
        "Make another name for a file.",
    ),
    def("symlink", "(src, dst, target_is_directory=False, *, dir_fd=None)", symlink, "Make a symbolic link."),
    def("readlink", "(path, *, dir_fd=None)", readlink, "What a symbolic link refers to."),
    def(
        "chmod",
        "(path, mode, *, dir_fd=None, follow_symlinks=True)",
        chmod,
        "Change the permissions of a file.",
    ),
    def("fchmod", "(fd, mode)", chmod, "Change the permissions of an open file."),
    def(
        "chown",
        "(path, uid, gid, *, dir_fd=None, follow_symlinks=True)",
        chown,
        "Change the owner and the group of a file; -1 leaves one as it is.",
    ),
    def("lchown", "(path, uid, gid)", lchown, "The same for a link itself."),
    def("fchown", "(fd, uid, gid)", chown, "The same for an open file."),
    def(
        "access",
        "(path, mode, *, dir_fd=None, effective_ids=False, follow_symlinks=True)",
        access,
        "Whether the file may be used so.",
    ),
    def(
        "utime",
        "(path, times=None, *, ns=None, dir_fd=None, follow_symlinks=True)",
        utime,
        "Set the times of a file.",
    ),
    def("truncate", "(path, length)", truncate, "Set the size of a file."),
    def("open", "(path, flags, mode=511, *, dir_fd=None)", open, "Open a file; gives the descriptor."),
    def("chdir", "(path)", chdir, "Change the current folder."),
    def("fchdir", "(fd)", chdir, "Change the current folder to an open one."),
    def(
        "chroot",
        "(path)",
        // SAFETY: a terminated name.
        |th, a| one(th, a[0], |c| unsafe { libc::chroot(c.as_ptr()) }),
        "Make a folder the root of this process.",
    ),
];

/// The folder that a name starts from.
fn folder(th: &mut Thread, v: Value) -> R<i32> {
    if missing(v) { Ok(libc::AT_FDCWD) } else { descriptor(th, v) }
}

fn one(th: &mut Thread, v: Value, f: impl FnOnce(&CStr) -> libc::c_int) -> R {
    let (c, shown) = path(th, v)?;
    let rc = f(&c);
    done(th, rc, shown)
}

/// A call with two names; an error tells both.
fn both(th: &mut Thread, src: Value, dst: Value, f: impl FnOnce(&CStr, &CStr) -> libc::c_int) -> R {
    let ((x, shown), (y, second)) = (path(th, src)?, path(th, dst)?);
    if f(&x, &y) < 0 {
        let r = failed(th, shown);
        if let Some(e) = th.raised.cast::<crate::heap::object::Exception>() {
            e.x3.set(second);
        }
        return Err(r);
    }
    Ok(Value::NONE)
}

fn stat_by(th: &mut Thread, shown: Value, f: impl FnOnce(*mut libc::stat) -> libc::c_int) -> R {
    // SAFETY: a struct of numbers.
    let mut st: libc::stat = unsafe { std::mem::zeroed() };
    if f(&mut st) != 0 {
        return Err(failed(th, shown));
    }
    stat_value(th, &st)
}

fn stat_at(th: &mut Thread, name: Value, dir: Value, follow: bool) -> R {
    let at = folder(th, dir)?;
    let (c, shown) = path(th, name)?;
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: the call fills the struct for a terminated name.
    stat_by(th, shown, |st| unsafe { libc::fstatat(at, c.as_ptr(), st, flags) })
}

fn stat(th: &mut Thread, a: Args) -> R {
    let follow = truth_or(th, a[2], true)?;
    if is_number(a[0]) {
        if !missing(a[1]) {
            return Err(th.value_error("stat: can't specify dir_fd without matching path"));
        }
        if !follow {
            return Err(th.value_error("stat: cannot use fd and follow_symlinks together"));
        }
        return fstat(th, a);
    }
    stat_at(th, a[0], a[1], follow)
}

fn lstat(th: &mut Thread, a: Args) -> R {
    stat_at(th, a[0], a[1], false)
}

fn fstat(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    // SAFETY: fstat fills the struct.
    stat_by(th, Value::UNBOUND, |st| unsafe { libc::fstat(fd, st) })
}

fn mkdir(th: &mut Thread, a: Args) -> R {
    let (mode, at) = (integer_or(th, a[1], 0o777)?, folder(th, a[2])?);
    // SAFETY: a terminated name.
    one(th, a[0], |c| unsafe { libc::mkdirat(at, c.as_ptr(), mode as libc::mode_t) })
}

fn mkfifo(th: &mut Thread, a: Args) -> R {
    let (mode, at) = (integer_or(th, a[1], 0o666)?, folder(th, a[2])?);
    // SAFETY: a terminated name.
    one(th, a[0], |c| unsafe { libc::mkfifoat(at, c.as_ptr(), mode as libc::mode_t) })
}

fn mknod(th: &mut Thread, a: Args) -> R {
    let (mode, device) = (integer_or(th, a[1], 0o600)?, integer_or(th, a[2], 0)?);
    let at = folder(th, a[3])?;
    // SAFETY: a terminated name.
    one(th, a[0], |c| unsafe { libc::mknodat(at, c.as_ptr(), mode as libc::mode_t, device as libc::dev_t) })
}

fn remove(th: &mut Thread, a: Args, flags: i32) -> R {
    let at = folder(th, a[1])?;
    // SAFETY: a terminated name.
    one(th, a[0], |c| unsafe { libc::unlinkat(at, c.as_ptr(), flags) })
}

fn rename(th: &mut Thread, a: Args) -> R {
    let (from, to) = (folder(th, a[2])?, folder(th, a[3])?);
    // SAFETY: terminated names.
    both(th, a[0], a[1], |x, y| unsafe { libc::renameat(from, x.as_ptr(), to, y.as_ptr()) })
}

fn link(th: &mut Thread, a: Args) -> R {
    let (from, to) = (folder(th, a[2])?, folder(th, a[3])?);
    let flags = if truth_or(th, a[4], true)? && !a[4].is_unbound() { libc::AT_SYMLINK_FOLLOW } else { 0 };
    // SAFETY: terminated names.
    both(th, a[0], a[1], |x, y| unsafe { libc::linkat(from, x.as_ptr(), to, y.as_ptr(), flags) })
}

fn symlink(th: &mut Thread, a: Args) -> R {
    let at = folder(th, a[3])?;
    // SAFETY: terminated names.
    both(th, a[0], a[1], |x, y| unsafe { libc::symlinkat(x.as_ptr(), at, y.as_ptr()) })
}

fn readlink(th: &mut Thread, a: Args) -> R {
    let at = folder(th, a[1])?;
    let (c, shown) = path(th, a[0])?;
    let mut room = vec![0u8; 4096];
    // SAFETY: a terminated name; the buffer is as long as is said.
    let n = unsafe { libc::readlinkat(at, c.as_ptr(), room.as_mut_ptr().cast(), room.len()) };
    if n < 0 {
        return Err(failed(th, shown));
    }
    room.truncate(n as usize);
    if crate::heap::text::is_text(shown.base()) { os_text(th, &room) } else { Ok(th.bytes(&room)?) }
}

fn chmod(th: &mut Thread, a: Args) -> R {
    let mode = integer(th, a[1])? as libc::mode_t;
    if is_number(a[0]) {
        // SAFETY: a plain call.
        return by_fd(th, a[0], |fd| unsafe { libc::fchmod(fd, mode) });
    }
    let at = if a.n > 2 { folder(th, a[2])? } else { libc::AT_FDCWD };
    let follow = a.n <= 3 || truth_or(th, a[3], true)?;
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: a terminated name.
    one(th, a[0], |c| unsafe { libc::fchmodat(at, c.as_ptr(), mode, flags) })
}

/// A user's or group's number; -1: leave it.
fn id(th: &mut Thread, v: Value) -> R<u32> {
    Ok(integer(th, v)? as u32)
}

fn chown(th: &mut Thread, a: Args) -> R {
    let (uid, gid) = (id(th, a[1])?, id(th, a[2])?);
    if is_number(a[0]) {
        // SAFETY: a plain call.
        return by_fd(th, a[0], |fd| unsafe { libc::fchown(fd, uid, gid) });
    }
    let at = if a.n > 3 { folder(th, a[3])? } else { libc::AT_FDCWD };
    let follow = a.n <= 4 || truth_or(th, a[4], true)?;
    let flags = if follow { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: a terminated name.
    one(th, a[0], |c| unsafe { libc::fchownat(at, c.as_ptr(), uid, gid, flags) })
}

fn lchown(th: &mut Thread, a: Args) -> R {
    let (uid, gid) = (id(th, a[1])?, id(th, a[2])?);
    // SAFETY: a terminated name.
    one(th, a[0], |c| unsafe { libc::lchown(c.as_ptr(), uid, gid) })
}

fn access(th: &mut Thread, a: Args) -> R {
    let (c, _) = path(th, a[0])?;
    let (mode, at) = (integer(th, a[1])? as i32, folder(th, a[2])?);
    let effective = if truth_or(th, a[3], false)? { libc::AT_EACCESS } else { 0 };
    let link = if truth_or(th, a[4], true)? { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: a terminated name.
    Ok(Value::bool(unsafe { libc::faccessat(at, c.as_ptr(), mode, effective | link) } == 0))
}

/// The two times of `utime`.
fn both_times(th: &mut Thread, times: Value, ns: Value) -> R<[libc::timespec; 2]> {
    // SAFETY: a struct of numbers.
    let mut out: [libc::timespec; 2] = unsafe { std::mem::zeroed() };
    if !missing(times) && !ns.is_unbound() {
        return Err(th.value_error("utime: you may specify either 'times' or 'ns' but not both"));
    }
    if missing(times) && missing(ns) {
        out.iter_mut().for_each(|t| t.tv_nsec = libc::UTIME_NOW);
        return Ok(out);
    }
    let (given, name) = if missing(ns) { (times, "times") } else { (ns, "ns") };
    let Some(pair) = given.like::<Tuple>().filter(|t| t.len() == 2) else {
        let or = if name == "times" { " or None" } else { "" };
        return Err(th.type_error(format!("utime: '{name}' must be a tuple of two ints{or}")));
    };
    for (i, slot) in out.iter_mut().enumerate() {
        if name == "ns" {
            let n = integer(th, pair.at(i))?;
            slot.tv_sec = n.div_euclid(1_000_000_000);
            slot.tv_nsec = n.rem_euclid(1_000_000_000);
        } else {
            let x = real(th, pair.at(i))?;
            slot.tv_sec = x.floor() as i64;
            slot.tv_nsec = ((x - x.floor()) * 1e9) as i64;
        }
    }
    Ok(out)
}

fn utime(th: &mut Thread, a: Args) -> R {
    let times = both_times(th, a[1], a[2])?;
    if is_number(a[0]) {
        // SAFETY: two times.
        return by_fd(th, a[0], |fd| unsafe { libc::futimens(fd, times.as_ptr()) });
    }
    let at = folder(th, a[3])?;
    let flags = if truth_or(th, a[4], true)? { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    // SAFETY: a terminated name and two times.
    one(th, a[0], |c| unsafe { libc::utimensat(at, c.as_ptr(), times.as_ptr(), flags) })
}

fn truncate(th: &mut Thread, a: Args) -> R {
    let n = integer(th, a[1])?;
    if is_number(a[0]) {
        // SAFETY: a plain call.
        return by_fd(th, a[0], |fd| unsafe { libc::ftruncate(fd, n) });
    }
    // SAFETY: a terminated name.
    one(th, a[0], |c| unsafe { libc::truncate(c.as_ptr(), n) })
}

fn open(th: &mut Thread, a: Args) -> R {
    let (c, shown) = path(th, a[0])?;
    let (flags, mode) = (integer(th, a[1])? as i32, integer_or(th, a[2], 0o777)? as libc::c_uint);
    let at = folder(th, a[3])?;
    loop {
        // A named pipe's other end may be long in coming.
        let (fd, e) = door::opaque(th, door::Kind::Read(-1), || {
            // SAFETY: a terminated name.
            unsafe { (libc::openat(at, c.as_ptr(), flags | libc::O_CLOEXEC, mode), errno()) }
        });
        if fd >= 0 {
            return Ok(Value::int(fd as i64));
        }
        if e != libc::EINTR {
            return Err(th.os_error(e, shown));
        }
        signal::run_pending(th)?;
    }
}

fn chdir(th: &mut Thread, a: Args) -> R {
    if is_number(a[0]) {
        // SAFETY: a plain call.
        return by_fd(th, a[0], |fd| unsafe { libc::fchdir(fd) });
    }
    // SAFETY: a terminated name.
    one(th, a[0], |c| unsafe { libc::chdir(c.as_ptr()) })
}
