//! The part of `posix` about descriptors beyond opening, reading and closing them: positions given with the call,
//! several buffers at once, terminals, counters, attributes of files, file systems. Invariant: what may wait goes
//! through the door.

use super::io_file;
use super::posix::{by_fd, descriptor, done, failed, is_number};
use super::seq;
use super::util::{buffer, errno, integer, integer_or, missing, os_text, path, put, put_int, truth_or};
use crate::heap::object::Tuple;
use crate::heap::{Value, list};
use crate::run::{Args, Def, R, Thread, class, def, door, signal};
use crate::struct_seq;
use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct_seq!(STATVFS, STATVFS_FIELDS, "os.statvfs_result", "What the system knows about a file system.", 10,
    new = None,
    ["f_bsize" 0, "f_frsize" 1, "f_blocks" 2, "f_bfree" 3, "f_bavail" 4, "f_files" 5, "f_ffree" 6, "f_favail" 7,
     "f_flag" 8, "f_namemax" 9, "f_fsid" 10]);

static STATVFS_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

/// The functions of `posix` that stand here.
pub(super) static FUNCTIONS: &[Def] = &[
    def("pipe2", "(flags, /)", pipe2, "A pipe whose ends have these flags."),
    def(
        "closerange",
        "(fd_low, fd_high, /)",
        closerange,
        "Close the descriptors from fd_low to below fd_high.",
    ),
    def("pread", "(fd, length, offset, /)", pread, "Read at a position, leaving the descriptor's own."),
    def("pwrite", "(fd, buffer, offset, /)", pwrite, "Write at a position, leaving the descriptor's own."),
    def("readv", "(fd, buffers, /)", readv, "Read into several writable buffers, one after the other."),
    def("writev", "(fd, buffers, /)", writev, "Write several buffers, one after the other."),
    def("readinto", "(fd, buffer, /)", readinto, "Read into a writable buffer; how many bytes."),
    def(
        "sendfile",
        "(out_fd, in_fd, offset, count)",
        sendfile,
        "Copy from one descriptor to another within the system; how many bytes.",
    ),
    def(
        "fdatasync",
        "(fd)",
        // SAFETY: a plain call.
        |th, a| by_fd(th, a[0], |fd| unsafe { libc::fdatasync(fd) }),
        "Write a file's data to the disk.",
    ),
    def("sync", "()", sync, "Write all files to the disk."),
    def("lockf", "(fd, command, length, /)", lockf, "Lock or unlock a part of a file."),
    def(
        "posix_fallocate",
        "(fd, offset, length, /)",
        fallocate,
        "See that a part of a file has room on the disk.",
    ),
    def("ttyname", "(fd, /)", ttyname, "The name of the terminal that the descriptor is."),
    def("openpty", "()", openpty, "A new terminal: descriptors of its two ends."),
    def(
        "login_tty",
        "(fd, /)",
        login_tty,
        "Make a terminal the one of a new session, and the standard streams.",
    ),
    def("ctermid", "()", ctermid, "The name of the process's terminal."),
    def("tcgetpgrp", "(fd, /)", tcgetpgrp, "The group that the terminal listens to."),
    def("tcsetpgrp", "(fd, pgid, /)", tcsetpgrp, "Set the group that the terminal listens to."),
    def("memfd_create", "(name, flags=1)", memfd_create, "A descriptor of a file in memory."),
    def("eventfd", "(initval, flags=524288)", eventfd, "A descriptor of a counter."),
    def("eventfd_read", "(fd)", eventfd_read, "Read and clear a counter; waits while it is 0."),
    def("eventfd_write", "(fd, value)", eventfd_write, "Add to a counter."),
    def("statvfs", "(path)", statvfs, "What the system knows about a file system."),
    def("fstatvfs", "(fd, /)", statvfs, "The same for an open file."),
    def(
        "getxattr",
        "(path, attribute, *, follow_symlinks=True)",
        getxattr,
        "An extended attribute of a file.",
    ),
    def(
        "setxattr",
        "(path, attribute, value, flags=0, *, follow_symlinks=True)",
        setxattr,
        "Set an extended attribute of a file.",
    ),
    def(
        "removexattr",
        "(path, attribute, *, follow_symlinks=True)",
        removexattr,
        "Remove an extended attribute.",
    ),
    def(
        "listxattr",
        "(path=None, *, follow_symlinks=True)",
        listxattr,
        "The names of a file's extended attributes.",
    ),
    def("getrandom", "(size, flags=0)", getrandom, "Random bytes from the system, as many as it has now."),
    def(
        "device_encoding",
        "(fd)",
        device_encoding,
        "The encoding of the terminal that the descriptor is, or None.",
    ),
];

const NUMBERS: &[(&str, i64)] = &[
    ("O_ACCMODE", libc::O_ACCMODE as i64),
    ("O_ASYNC", libc::O_ASYNC as i64),
    ("O_DSYNC", libc::O_DSYNC as i64),
    ("O_NDELAY", libc::O_NDELAY as i64),
    ("O_PATH", libc::O_PATH as i64),
    ("O_RSYNC", libc::O_RSYNC as i64),
    ("O_TMPFILE", libc::O_TMPFILE as i64),
    ("SEEK_DATA", 3),
    ("SEEK_HOLE", 4),
    ("F_LOCK", 1),
    ("F_TEST", 3),
    ("F_TLOCK", 2),
    ("F_ULOCK", 0),
    ("MFD_CLOEXEC", 1),
    ("MFD_ALLOW_SEALING", 2),
    ("EFD_CLOEXEC", libc::EFD_CLOEXEC as i64),
    ("EFD_NONBLOCK", libc::EFD_NONBLOCK as i64),
    ("EFD_SEMAPHORE", libc::EFD_SEMAPHORE as i64),
    ("GRND_NONBLOCK", 1),
    ("GRND_RANDOM", 2),
    ("ST_RDONLY", 1),
    ("ST_NOSUID", 2),
    ("XATTR_CREATE", 1),
    ("XATTR_REPLACE", 2),
    ("XATTR_SIZE_MAX", 65536),
];

pub(super) fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for (name, n) in NUMBERS {
        put_int(th, dict, name, *n)?;
    }
    let c = class::define(th, None, &STATVFS)?;
    seq::finish(th, c, 10, STATVFS_FIELDS)?;
    STATVFS_CLASS.store(c.0, Relaxed);
    put(th, dict, "statvfs_result", c)
}

fn number(th: &mut Thread, n: i64) -> R {
    if n < 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(th.heap.int(n)?) }
}

fn pipe2(th: &mut Thread, a: Args) -> R {
    let flags = integer(th, a[0])? as i32;
    let mut ends = [0; 2];
    // SAFETY: the array has room for both ends.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), flags) } != 0 {
        return Err(failed(th, Value::UNBOUND));
    }
    Ok(th.tuple(&[Value::int(ends[0] as i64), Value::int(ends[1] as i64)])?)
}

fn closerange(th: &mut Thread, a: Args) -> R {
    let (low, high) = (integer(th, a[0])?.max(0), integer(th, a[1])?);
    if high > low {
        // SAFETY: closes descriptors of the script's choice; errors are ignored by definition.
        unsafe { libc::syscall(libc::SYS_close_range, low as libc::c_uint, (high - 1) as libc::c_uint, 0) };
    }
    Ok(Value::NONE)
}

/// Room for that many bytes.
fn room(th: &mut Thread, n: i64) -> R<Vec<u8>> {
    if n < 0 {
        return Err(th.os_error(libc::EINVAL, Value::UNBOUND));
    }
    let mut out = Vec::new();
    if out.try_reserve_exact(n as usize).is_err() {
        return Err(th.memory_error(""));
    }
    out.resize(n as usize, 0);
    Ok(out)
}

fn pread(th: &mut Thread, a: Args) -> R {
    let (fd, n, at) = (descriptor(th, a[0])?, integer(th, a[1])?, integer(th, a[2])?);
    let mut into = room(th, n)?;
    // SAFETY: the buffer is as long as is said.
    let n = unsafe { libc::pread(fd, into.as_mut_ptr().cast(), into.len(), at) };
    if n < 0 {
        return Err(failed(th, Value::UNBOUND));
    }
    Ok(th.bytes(&into[..n as usize])?)
}

fn pwrite(th: &mut Thread, a: Args) -> R {
    let (fd, data, at) = (descriptor(th, a[0])?, buffer(th, a[1])?, integer(th, a[2])?);
    // SAFETY: the buffer is as long as is said.
    let n = unsafe { libc::pwrite(fd, data.as_ptr().cast(), data.len(), at) };
    number(th, n as i64)
}

fn regular(fd: i32) -> bool {
    // SAFETY: fstat fills the struct.
    unsafe {
        let mut st: libc::stat = std::mem::zeroed();
        libc::fstat(fd, &mut st) == 0 && st.st_mode & libc::S_IFMT == libc::S_IFREG
    }
}

/// Reads up to as much as the buffers together hold, and spreads it over them.
fn spread(th: &mut Thread, fd: i32, buffers: Value) -> R {
    let all = buffers.get::<Tuple>();
    let mut sizes = Vec::new();
    for b in all.iter() {
        sizes.push(buffer(th, b)?.len());
    }
    let mut into = room(th, sizes.iter().sum::<usize>() as i64)?;
    let n = match io_file::read_fd(th, fd, regular(fd), &mut into)? {
        Ok(n) => n,
        Err(e) => return Err(th.os_error(e, Value::UNBOUND)),
    };
    let mut rest = &into[..n];
    for (b, size) in all.iter().zip(sizes) {
        let (part, more) = rest.split_at(size.min(rest.len()));
        super::util::store_into(th, b, size, part)?;
        rest = more;
    }
    Ok(Value::int(n as i64))
}

fn readv(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    let all = th.to_tuple(a[1])?;
    spread(th, fd, all)
}

fn readinto(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    let all = th.tuple(&[a[1]])?;
    spread(th, fd, all)
}

fn writev(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    let all = th.to_tuple(a[1])?;
    let mut data = Vec::new();
    for b in all.get::<Tuple>().iter() {
        data.extend(buffer(th, b)?);
    }
    match io_file::write_fd(th, fd, regular(fd), &data)? {
        Ok(n) => Ok(Value::int(n as i64)),
        Err(e) => Err(th.os_error(e, Value::UNBOUND)),
    }
}

fn sendfile(th: &mut Thread, a: Args) -> R {
    let (to, from) = (descriptor(th, a[0])?, descriptor(th, a[1])?);
    let mut at = if a[2].is_none() { 0 } else { integer(th, a[2])? };
    let count = integer(th, a[3])?;
    let own = a[2].is_none();
    let start = &raw mut at as usize;
    loop {
        let (n, e) = door::opaque(th, door::Kind::Write(to), || {
            let at = if own { std::ptr::null_mut() } else { start as *mut i64 };
            // SAFETY: the position is a local that outlives the call.
            unsafe { (libc::sendfile(to, from, at, count as usize), errno()) }
        });
        if n >= 0 {
            return Ok(Value::int(n as i64));
        }
        if e != libc::EINTR {
            return Err(th.os_error(e, Value::UNBOUND));
        }
        signal::run_pending(th)?;
    }
}

fn sync(_: &mut Thread, _: Args) -> R {
    // SAFETY: a plain call.
    unsafe { libc::sync() };
    Ok(Value::NONE)
}

fn lockf(th: &mut Thread, a: Args) -> R {
    let (fd, command, n) = (descriptor(th, a[0])?, integer(th, a[1])? as i32, integer(th, a[2])?);
    let (rc, e) = door::opaque(th, door::Kind::Lock, || {
        // SAFETY: a plain call.
        unsafe { (libc::lockf(fd, command, n), errno()) }
    });
    if rc < 0 { Err(th.os_error(e, Value::UNBOUND)) } else { Ok(Value::NONE) }
}

fn fallocate(th: &mut Thread, a: Args) -> R {
    let (fd, at, n) = (descriptor(th, a[0])?, integer(th, a[1])?, integer(th, a[2])?);
    // SAFETY: a plain call; it gives the error's number.
    match unsafe { libc::posix_fallocate(fd, at, n) } {
        0 => Ok(Value::NONE),
        e => Err(th.os_error(e, Value::UNBOUND)),
    }
}

fn ttyname(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    let mut name = [0 as libc::c_char; 256];
    // SAFETY: the buffer is as long as is said.
    match unsafe { libc::ttyname_r(fd, name.as_mut_ptr(), name.len()) } {
        0 => {
            // SAFETY: the call has written a terminated text.
            let name = unsafe { std::ffi::CStr::from_ptr(name.as_ptr()) }.to_bytes().to_vec();
            os_text(th, &name)
        }
        e => Err(th.os_error(e, Value::UNBOUND)),
    }
}

fn openpty(th: &mut Thread, _: Args) -> R {
    let (mut master, mut slave) = (0, 0);
    let none = std::ptr::null_mut::<libc::c_char>();
    // SAFETY: two numbers to write to; nothing else is asked for. The descriptors are made private to the process.
    unsafe {
        if libc::openpty(&mut master, &mut slave, none, std::ptr::null(), std::ptr::null()) != 0 {
            return Err(failed(th, Value::UNBOUND));
        }
        libc::fcntl(master, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(slave, libc::F_SETFD, libc::FD_CLOEXEC);
    }
    Ok(th.tuple(&[Value::int(master as i64), Value::int(slave as i64)])?)
}

fn login_tty(th: &mut Thread, a: Args) -> R {
    // SAFETY: a plain call.
    by_fd(th, a[0], |fd| unsafe { libc::login_tty(fd) })
}

fn ctermid(th: &mut Thread, _: Args) -> R {
    Ok(th.str("/dev/tty")?)
}

fn tcgetpgrp(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    // SAFETY: a plain call.
    let n = unsafe { libc::tcgetpgrp(fd) };
    number(th, n as i64)
}

fn tcsetpgrp(th: &mut Thread, a: Args) -> R {
    let group = integer(th, a[1])? as i32;
    // SAFETY: a plain call.
    by_fd(th, a[0], |fd| unsafe { libc::tcsetpgrp(fd, group) })
}

fn memfd_create(th: &mut Thread, a: Args) -> R {
    let (name, _) = path(th, a[0])?;
    let flags = integer_or(th, a[1], 1)?;
    // SAFETY: a terminated name.
    let fd = unsafe { libc::memfd_create(name.as_ptr(), flags as libc::c_uint) };
    number(th, fd as i64)
}

fn eventfd(th: &mut Thread, a: Args) -> R {
    let (start, flags) = (integer(th, a[0])?, integer_or(th, a[1], libc::EFD_CLOEXEC as i64)?);
    // SAFETY: a plain call.
    let fd = unsafe { libc::eventfd(start as libc::c_uint, flags as i32) };
    number(th, fd as i64)
}

fn eventfd_read(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    let mut count = [0u8; 8];
    match io_file::read_fd(th, fd, false, &mut count)? {
        Ok(_) => Ok(th.heap.uint(u64::from_ne_bytes(count))?),
        Err(e) => Err(th.os_error(e, Value::UNBOUND)),
    }
}

fn eventfd_write(th: &mut Thread, a: Args) -> R {
    let (fd, n) = (descriptor(th, a[0])?, integer(th, a[1])? as u64);
    match io_file::write_fd(th, fd, false, &n.to_ne_bytes())? {
        Ok(_) => Ok(Value::NONE),
        Err(e) => Err(th.os_error(e, Value::UNBOUND)),
    }
}

fn statvfs(th: &mut Thread, a: Args) -> R {
    // SAFETY: a struct of numbers.
    let mut s: libc::statvfs = unsafe { std::mem::zeroed() };
    let mut shown = Value::UNBOUND;
    let rc = if is_number(a[0]) {
        let fd = descriptor(th, a[0])?;
        // SAFETY: the call fills the struct.
        unsafe { libc::fstatvfs(fd, &mut s) }
    } else {
        let (c, v) = path(th, a[0])?;
        shown = v;
        // SAFETY: a terminated name; the call fills the struct.
        unsafe { libc::statvfs(c.as_ptr(), &mut s) }
    };
    if rc != 0 {
        return Err(failed(th, shown));
    }
    let numbers = [
        s.f_bsize,
        s.f_frsize,
        s.f_blocks,
        s.f_bfree,
        s.f_bavail,
        s.f_files,
        s.f_ffree,
        s.f_favail,
        s.f_flag,
        s.f_namemax,
        s.f_fsid,
    ];
    let mut all = [Value::NONE; 11];
    for (slot, n) in all.iter_mut().zip(numbers) {
        *slot = th.heap.uint(n)?;
    }
    seq::make(th, Value(STATVFS_CLASS.load(Relaxed)), 10, &all)
}

// ------------------------------------------------------------------------------------------------ extended attributes

/// A file by descriptor or by name, as the three forms of each call take it.
struct Target {
    fd: Option<i32>,
    name: CString,
    shown: Value,
    follow: bool,
}

impl Target {
    fn of(th: &mut Thread, v: Value, follow: Value) -> R<Target> {
        let follow = truth_or(th, follow, true)?;
        if is_number(v) {
            let fd = descriptor(th, v)?;
            return Ok(Target { fd: Some(fd), name: CString::default(), shown: v, follow });
        }
        let v = if missing(v) { th.str(".")? } else { v };
        let (name, shown) = path(th, v)?;
        Ok(Target { fd: None, name, shown, follow })
    }
}

/// Asks for the size, then for the bytes.
fn sized(th: &mut Thread, t: &Target, call: impl Fn(*mut libc::c_void, usize) -> isize) -> R<Vec<u8>> {
    let n = call(std::ptr::null_mut(), 0);
    if n < 0 {
        return Err(failed(th, t.shown));
    }
    let mut out = vec![0u8; n as usize];
    let n = call(out.as_mut_ptr().cast(), out.len());
    if n < 0 {
        return Err(failed(th, t.shown));
    }
    out.truncate(n as usize);
    Ok(out)
}

fn getxattr(th: &mut Thread, a: Args) -> R {
    let (t, name) = (Target::of(th, a[0], a[2])?, super::posix::text(th, a[1])?);
    // SAFETY: terminated names; the buffer is as long as is said.
    let got = sized(th, &t, |p, n| unsafe {
        match t.fd {
            Some(fd) => libc::fgetxattr(fd, name.as_ptr(), p, n),
            None if t.follow => libc::getxattr(t.name.as_ptr(), name.as_ptr(), p, n),
            None => libc::lgetxattr(t.name.as_ptr(), name.as_ptr(), p, n),
        }
    })?;
    Ok(th.bytes(&got)?)
}

fn setxattr(th: &mut Thread, a: Args) -> R {
    let (t, name) = (Target::of(th, a[0], a[4])?, super::posix::text(th, a[1])?);
    let (value, flags) = (buffer(th, a[2])?, integer_or(th, a[3], 0)? as i32);
    let (p, n) = (value.as_ptr().cast(), value.len());
    // SAFETY: terminated names; the buffer is as long as is said.
    let rc = unsafe {
        match t.fd {
            Some(fd) => libc::fsetxattr(fd, name.as_ptr(), p, n, flags),
            None if t.follow => libc::setxattr(t.name.as_ptr(), name.as_ptr(), p, n, flags),
            None => libc::lsetxattr(t.name.as_ptr(), name.as_ptr(), p, n, flags),
        }
    };
    done(th, rc, t.shown)
}

fn removexattr(th: &mut Thread, a: Args) -> R {
    let (t, name) = (Target::of(th, a[0], a[2])?, super::posix::text(th, a[1])?);
    // SAFETY: terminated names.
    let rc = unsafe {
        match t.fd {
            Some(fd) => libc::fremovexattr(fd, name.as_ptr()),
            None if t.follow => libc::removexattr(t.name.as_ptr(), name.as_ptr()),
            None => libc::lremovexattr(t.name.as_ptr(), name.as_ptr()),
        }
    };
    done(th, rc, t.shown)
}

fn listxattr(th: &mut Thread, a: Args) -> R {
    let t = Target::of(th, a[0], a[1])?;
    // SAFETY: a terminated name; the buffer is as long as is said.
    let got = sized(th, &t, |p, n| unsafe {
        match t.fd {
            Some(fd) => libc::flistxattr(fd, p.cast(), n),
            None if t.follow => libc::listxattr(t.name.as_ptr(), p.cast(), n),
            None => libc::llistxattr(t.name.as_ptr(), p.cast(), n),
        }
    })?;
    let out = th.list(&[])?;
    for name in got.split(|b| *b == 0).filter(|n| !n.is_empty()) {
        let v = os_text(th, name)?;
        list::push(&mut th.heap, out.get(), v)?;
    }
    Ok(out)
}

fn getrandom(th: &mut Thread, a: Args) -> R {
    let (n, flags) = (integer(th, a[0])?, integer_or(th, a[1], 0)?);
    let mut out = room(th, n)?;
    // SAFETY: the buffer is as long as is said.
    let n = unsafe { libc::getrandom(out.as_mut_ptr().cast(), out.len(), flags as libc::c_uint) };
    if n < 0 {
        return Err(failed(th, Value::UNBOUND));
    }
    Ok(th.bytes(&out[..n as usize])?)
}

fn device_encoding(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    if io_file::is_tty(fd) { Ok(th.str("utf-8")?) } else { Ok(Value::NONE) }
}
