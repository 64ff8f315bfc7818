//! Native module `posix`: the system's files, processes and environment, for `os`. Invariant: a failed call is OSError
//! with the system's number and the names it was about; what may wait goes through the door.

use super::seq;
use super::util::{buffer, errno, integer, missing, os_bytes, os_text, path, put, put_int, truth_or};
use super::{
    posix_fd as fd, posix_fork as fork, posix_more as more, posix_path as path, posix_process as process,
};
use crate::heap::known::C;
use crate::heap::{Full, Value};
use crate::run::{Args, Def, ModuleDef, R, Raised, Thread, class, def, import};
use crate::struct_seq;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "posix", doc: "Calls of the operating system.", functions: FUNCTIONS, fill };

static FUNCTIONS: &[Def] = &[
    def("getcwd", "()", getcwd, "The current folder."),
    def("getcwdb", "()", getcwdb, "The current folder as bytes."),
    def("listdir", "(path=None)", listdir, "The names in a folder."),
    def("scandir", "(path=None)", more::scandir, "An iterator over the entries of a folder."),
    def("umask", "(mask, /)", umask, "Set the mask for new files; gives the old one."),
    def("read", "(fd, length, /)", read, "Read from a descriptor."),
    def("write", "(fd, data, /)", write, "Write to a descriptor; how many bytes."),
    // SAFETY: a plain call; names are terminated.
    def("close", "(fd)", |th, a| by_fd(th, a[0], |fd| unsafe { libc::close(fd) }), "Close a descriptor."),
    def("dup", "(fd, /)", dup, "Another descriptor for the same file."),
    def("dup2", "(fd, fd2, inheritable=True)", dup2, "Make fd2 a descriptor for the same file."),
    def("pipe", "()", pipe, "Two descriptors: what is written to the second is read from the first."),
    def("lseek", "(fd, position, whence, /)", lseek, "Change the position of a descriptor."),
    def("ftruncate", "(fd, length, /)", ftruncate, "Set the size of an open file."),
    def(
        "fsync",
        "(fd)",
        // SAFETY: a plain call; names are terminated.
        |th, a| by_fd(th, a[0], |fd| unsafe { libc::fsync(fd) }),
        "Write an open file to the disk.",
    ),
    def("isatty", "(fd, /)", isatty, "Whether a descriptor is a terminal."),
    def("set_inheritable", "(fd, inheritable, /)", set_inheritable, "Whether children get the descriptor."),
    def("get_inheritable", "(fd, /)", get_inheritable, "Whether children get the descriptor."),
    def("set_blocking", "(fd, blocking, /)", set_blocking, "Whether calls on the descriptor wait."),
    def("get_blocking", "(fd, /)", get_blocking, "Whether calls on the descriptor wait."),
    def("get_terminal_size", "(fd=1, /)", get_terminal_size, "Columns and lines of a terminal."),
    def("fspath", "(path)", fspath, "The str or bytes of a path."),
    def("strerror", "(code, /)", strerror, "The system's text for an error number."),
    def("_read_environ", "()", |th, _| read_environ(th), "The environment of the process as it is now."),
    def("urandom", "(size, /)", urandom, "Random bytes from the system."),
    def("uname", "()", more::uname, "Names of the system."),
    def("times", "()", more::times, "Times that the process and its children have computed."),
    // SAFETY: a plain call; names are terminated.
    def("getpid", "()", |_, _| Ok(Value::int(unsafe { libc::getpid() } as i64)), "Number of this process."),
    // SAFETY: a plain call; names are terminated.
    def("getppid", "()", |_, _| Ok(Value::int(unsafe { libc::getppid() } as i64)), "Number of the parent."),
    def("getpgid", "(pid)", more::getpgid, "Number of a process's group."),
    def(
        "getpgrp",
        "()",
        // SAFETY: a plain call; names are terminated.
        |_, _| Ok(Value::int(unsafe { libc::getpgrp() } as i64)),
        "Number of this process's group.",
    ),
    def("setsid", "()", more::setsid, "Start a session."),
    // SAFETY: a plain call; names are terminated.
    def("getuid", "()", |_, _| Ok(Value::int(unsafe { libc::getuid() } as i64)), "The real user."),
    // SAFETY: a plain call; names are terminated.
    def("geteuid", "()", |_, _| Ok(Value::int(unsafe { libc::geteuid() } as i64)), "The effective user."),
    // SAFETY: a plain call; names are terminated.
    def("getgid", "()", |_, _| Ok(Value::int(unsafe { libc::getgid() } as i64)), "The real group."),
    // SAFETY: a plain call; names are terminated.
    def("getegid", "()", |_, _| Ok(Value::int(unsafe { libc::getegid() } as i64)), "The effective group."),
    def("getlogin", "()", more::getlogin, "Name of the user who logged in."),
    def("cpu_count", "()", more::cpu_count, "How many processors there are."),
    def("sched_getaffinity", "(pid, /)", more::sched_getaffinity, "The processors that a process may use."),
    def("sched_yield", "()", more::sched_yield, "Let another thread run."),
    def("getloadavg", "()", more::getloadavg, "How many processes ran in the last 1, 5 and 15 minutes."),
    def("fork", "()", fork::fork, "Make a child process; 0 in the child."),
    def(
        "register_at_fork",
        "(*, before=None, after_in_child=None, after_in_parent=None)",
        fork::register,
        "Have functions called around each fork.",
    ),
    def("waitpid", "(pid, options, /)", more::waitpid, "Wait for a child: its number and status."),
    def("wait", "()", more::wait, "Wait for any child."),
    def(
        "waitstatus_to_exitcode",
        "(status)",
        more::to_exitcode,
        "The exit code in a status; negative: the signal.",
    ),
    def(
        "WIFEXITED",
        "(status)",
        |th, a| more::status(th, a, |s| Value::bool(libc::WIFEXITED(s))),
        "Whether it ended by exit.",
    ),
    def(
        "WEXITSTATUS",
        "(status)",
        |th, a| more::status(th, a, |s| Value::int(libc::WEXITSTATUS(s) as i64)),
        "Its exit code.",
    ),
    def(
        "WIFSIGNALED",
        "(status)",
        |th, a| more::status(th, a, |s| Value::bool(libc::WIFSIGNALED(s))),
        "Whether a signal ended it.",
    ),
    def(
        "WTERMSIG",
        "(status)",
        |th, a| more::status(th, a, |s| Value::int(libc::WTERMSIG(s) as i64)),
        "The signal that ended it.",
    ),
    def(
        "WIFSTOPPED",
        "(status)",
        |th, a| more::status(th, a, |s| Value::bool(libc::WIFSTOPPED(s))),
        "Whether it stands still.",
    ),
    def(
        "WSTOPSIG",
        "(status)",
        |th, a| more::status(th, a, |s| Value::int(libc::WSTOPSIG(s) as i64)),
        "The signal that stopped it.",
    ),
    def(
        "WCOREDUMP",
        "(status)",
        |th, a| more::status(th, a, |s| Value::bool(libc::WCOREDUMP(s))),
        "Whether it left a core.",
    ),
    def("_exit", "(status)", more::exit_now, "End the process at once."),
    def("abort", "()", more::abort, "End the process by SIGABRT."),
    def("kill", "(pid, signal, /)", more::kill, "Send a signal to a process."),
    def("killpg", "(pgid, signal, /)", more::killpg, "Send a signal to a group of processes."),
    def("system", "(command)", more::system, "Run a command by the shell; its status."),
    def("execv", "(path, argv, /)", more::execv, "Become another program."),
    def("execve", "(path, argv, env)", more::execve, "Become another program with another environment."),
    def("putenv", "(name, value, /)", more::putenv, "Set a name in the environment."),
    def("unsetenv", "(name, /)", more::unsetenv, "Remove a name from the environment."),
];

struct_seq!(STAT, STAT_FIELDS, "os.stat_result", "What the system knows about a file.", 10,
    new = Some(|th, cls, args, kwargs| seq::new(th, cls, "os.stat_result", 10, STAT_FIELDS, args, kwargs)),
    ["st_mode" 0, "st_ino" 1, "st_dev" 2, "st_nlink" 3, "st_uid" 4, "st_gid" 5, "st_size" 6, "_integer_atime" 7,
     "_integer_mtime" 8, "_integer_ctime" 9, "st_atime" 10, "st_mtime" 11, "st_ctime" 12, "st_atime_ns" 13,
     "st_mtime_ns" 14, "st_ctime_ns" 15, "st_blksize" 16, "st_blocks" 17, "st_rdev" 18]);

struct_seq!(SIZE, SIZE_FIELDS, "os.terminal_size", "Columns and lines of a terminal.", 2,
    new = Some(|th, cls, args, kwargs| seq::new(th, cls, "os.terminal_size", 2, SIZE_FIELDS, args, kwargs)),
    ["columns" 0, "lines" 1]);

static STAT_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);
static SIZE_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

macro_rules! constants {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name as i64)),*] };
}

const NUMBERS: &[(&str, i64)] = constants! {
    F_OK R_OK W_OK X_OK O_RDONLY O_WRONLY O_RDWR O_CREAT O_EXCL O_TRUNC O_APPEND O_NONBLOCK O_CLOEXEC O_SYNC O_NOFOLLOW
    O_DIRECTORY O_NOCTTY WNOHANG WUNTRACED WCONTINUED
};

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &STAT)?;
    seq::finish(th, c, 10, STAT_FIELDS)?;
    STAT_CLASS.store(c.0, Relaxed);
    put(th, dict, "stat_result", c)?;
    let c = class::define(th, None, &SIZE)?;
    seq::finish(th, c, 2, SIZE_FIELDS)?;
    SIZE_CLASS.store(c.0, Relaxed);
    put(th, dict, "terminal_size", c)?;
    put(th, dict, "error", C::OSError.v())?;
    for (name, n) in NUMBERS {
        put_int(th, dict, name, *n)?;
    }
    for (name, n) in
        [("EX_OK", 0), ("EX_USAGE", 64), ("EX_DATAERR", 65), ("EX_SOFTWARE", 70), ("EX_OSERR", 71)]
    {
        put_int(th, dict, name, n)?;
    }
    let environ = read_environ(th)?;
    put(th, dict, "environ", environ)?;
    for def in [path::FUNCTIONS, fd::FUNCTIONS, process::FUNCTIONS].into_iter().flatten() {
        import::add_function(th, dict, def, Value::UNBOUND)?;
    }
    fork::fill(th, dict)?;
    fd::fill(th, dict)?;
    process::fill(th, dict)?;
    more::fill(th, dict)
}

/// The environment of the process, bytes to bytes.
fn read_environ(th: &mut Thread) -> R {
    use std::os::unix::ffi::OsStrExt;
    let environ = th.heap.new_dict()?;
    for (k, v) in std::env::vars_os() {
        let (k, v) = (th.bytes(k.as_bytes())?, th.bytes(v.as_bytes())?);
        th.dict_insert(environ, k, v)?;
    }
    Ok(environ)
}

/// The OSError that the last call left.
#[cold]
pub(super) fn failed(th: &mut Thread, shown: Value) -> Raised {
    let e = errno();
    th.os_error(e, shown)
}

/// None, or the OSError of a failed call.
pub(super) fn done(th: &mut Thread, rc: libc::c_int, shown: Value) -> R {
    if rc < 0 { Err(failed(th, shown)) } else { Ok(Value::NONE) }
}

pub(super) fn descriptor(th: &mut Thread, v: Value) -> R<i32> {
    let v = match th.intern("fileno") {
        Ok(name) if !crate::heap::bigint::is_integer(v.base()) => match th.getattr_opt(v, name)? {
            Some(f) => th.call(f, &[])?,
            None => v,
        },
        _ => v,
    };
    let n = integer(th, v)?;
    i32::try_from(n).map_err(|_| th.overflow_error("Python int too large to convert to C int"))
}

/// A call about a descriptor.
pub(super) fn by_fd(th: &mut Thread, v: Value, f: impl FnOnce(i32) -> libc::c_int) -> R {
    let fd = descriptor(th, v)?;
    let rc = f(fd);
    done(th, rc, Value::UNBOUND)
}

pub(super) fn is_number(v: Value) -> bool {
    crate::heap::bigint::is_integer(v.base())
}

/// A stat result as scripts see it.
pub(super) fn stat_value(th: &mut Thread, st: &libc::stat) -> R {
    let mut all = [Value::NONE; 19];
    let ns = |s: i64, n: i64| s * 1_000_000_000 + n;
    let times =
        [(st.st_atime, st.st_atime_nsec), (st.st_mtime, st.st_mtime_nsec), (st.st_ctime, st.st_ctime_nsec)];
    let whole = [
        st.st_mode as i64,
        st.st_ino as i64,
        st.st_dev as i64,
        st.st_nlink as i64,
        st.st_uid as i64,
        st.st_gid as i64,
        st.st_size,
        st.st_atime,
        st.st_mtime,
        st.st_ctime,
    ];
    for (slot, n) in all.iter_mut().zip(whole) {
        *slot = th.heap.int(n)?;
    }
    for (i, (s, n)) in times.into_iter().enumerate() {
        all[10 + i] = Value::try_float(s as f64 + n as f64 * 1e-9).unwrap_or(Value::int(s));
        all[13 + i] = Value::try_int(ns(s, n)).unwrap_or(Value::NONE);
    }
    all[16] = Value::int(st.st_blksize);
    all[17] = Value::int(st.st_blocks);
    all[18] = Value::int(st.st_rdev as i64);
    seq::make(th, Value(STAT_CLASS.load(Relaxed)), 10, &all)
}

fn cwd(th: &mut Thread) -> R<Vec<u8>> {
    let mut room = vec![0u8; 4096];
    // SAFETY: the buffer is as long as is said.
    if unsafe { libc::getcwd(room.as_mut_ptr().cast(), room.len()) }.is_null() {
        return Err(failed(th, Value::UNBOUND));
    }
    let n = room.iter().position(|b| *b == 0).unwrap_or(0);
    room.truncate(n);
    Ok(room)
}

fn getcwd(th: &mut Thread, _: Args) -> R {
    let b = cwd(th)?;
    os_text(th, &b)
}

fn getcwdb(th: &mut Thread, _: Args) -> R {
    let b = cwd(th)?;
    Ok(th.bytes(&b)?)
}

/// The names in a folder.
pub(super) fn names(th: &mut Thread, c: &CStr, shown: Value) -> R<Vec<Vec<u8>>> {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let folder = std::path::Path::new(std::ffi::OsStr::from_bytes(c.to_bytes()));
    let all =
        std::fs::read_dir(folder).and_then(|d| d.map(|e| e.map(|e| e.file_name().into_vec())).collect());
    match all {
        Ok(v) => Ok(v),
        Err(e) => Err(th.os_error(e.raw_os_error().unwrap_or(libc::EIO), shown)),
    }
}

/// A folder argument, the current one by default: as the system takes it, as errors show it, whether it is bytes.
pub(super) fn folder(th: &mut Thread, v: Value) -> R<(CString, Value, bool)> {
    if is_number(v) {
        let fd = descriptor(th, v)?;
        let link = CString::new(format!("/proc/self/fd/{fd}")).unwrap_or_default();
        return Ok((link, v, false));
    }
    if missing(v) {
        let dot = th.str(".")?;
        return Ok((CString::from(c"."), dot, false));
    }
    let (c, shown) = path(th, v)?;
    let bytes = !crate::heap::text::is_text(shown.base());
    Ok((c, shown, bytes))
}

fn listdir(th: &mut Thread, a: Args) -> R {
    let (c, shown, bytes) = folder(th, a[0])?;
    let all = names(th, &c, shown)?;
    let out = th.list(&[])?;
    for name in all {
        let v = if bytes { th.bytes(&name)? } else { os_text(th, &name)? };
        crate::heap::list::push(&mut th.heap, out.get(), v)?;
    }
    Ok(out)
}

fn umask(th: &mut Thread, a: Args) -> R {
    let mask = integer(th, a[0])?;
    // SAFETY: a plain call.
    Ok(Value::int(unsafe { libc::umask(mask as libc::mode_t) } as i64))
}

fn regular(fd: i32) -> bool {
    // SAFETY: fstat fills the struct.
    unsafe {
        let mut st: libc::stat = std::mem::zeroed();
        libc::fstat(fd, &mut st) == 0 && st.st_mode & libc::S_IFMT == libc::S_IFREG
    }
}

fn read(th: &mut Thread, a: Args) -> R {
    let (fd, n) = (descriptor(th, a[0])?, integer(th, a[1])?);
    if n < 0 {
        return Err(th.os_error(libc::EINVAL, Value::UNBOUND));
    }
    let mut room = Vec::new();
    if room.try_reserve_exact(n as usize).is_err() {
        return Err(th.memory_error(""));
    }
    room.resize(n as usize, 0);
    match super::io_file::read_fd(th, fd, regular(fd), &mut room)? {
        Ok(n) => Ok(th.bytes(&room[..n])?),
        Err(e) => Err(th.os_error(e, Value::UNBOUND)),
    }
}

fn write(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    let data = buffer(th, a[1])?;
    match super::io_file::write_fd(th, fd, regular(fd), &data)? {
        Ok(n) => Ok(Value::int(n as i64)),
        Err(e) => Err(th.os_error(e, Value::UNBOUND)),
    }
}

fn dup(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    // SAFETY: a plain call.
    let new = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
    if new < 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(Value::int(new as i64)) }
}

fn dup2(th: &mut Thread, a: Args) -> R {
    let (fd, to) = (descriptor(th, a[0])?, descriptor(th, a[1])?);
    let flags = if truth_or(th, a[2], true)? || fd == to { 0 } else { libc::O_CLOEXEC };
    // SAFETY: plain calls.
    let rc = unsafe { if flags == 0 { libc::dup2(fd, to) } else { libc::dup3(fd, to, flags) } };
    if rc < 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(Value::int(rc as i64)) }
}

fn pipe(th: &mut Thread, _: Args) -> R {
    let mut ends = [0; 2];
    // SAFETY: the array has room for both ends.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(failed(th, Value::UNBOUND));
    }
    Ok(th.tuple(&[Value::int(ends[0] as i64), Value::int(ends[1] as i64)])?)
}

fn lseek(th: &mut Thread, a: Args) -> R {
    let (fd, pos, whence) = (descriptor(th, a[0])?, integer(th, a[1])?, integer(th, a[2])?);
    // SAFETY: a plain call.
    let at = unsafe { libc::lseek(fd, pos, whence as i32) };
    if at < 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(th.heap.int(at)?) }
}

fn ftruncate(th: &mut Thread, a: Args) -> R {
    let n = integer(th, a[1])?;
    // SAFETY: a plain call.
    by_fd(th, a[0], |fd| unsafe { libc::ftruncate(fd, n) })
}

fn isatty(th: &mut Thread, a: Args) -> R {
    let fd = descriptor(th, a[0])?;
    Ok(Value::bool(super::io_file::is_tty(fd)))
}

/// Reads, and perhaps sets, one flag bit of a descriptor.
fn flag(th: &mut Thread, v: Value, get: i32, set: i32, bit: i32, on: Option<bool>) -> R<bool> {
    let fd = descriptor(th, v)?;
    // SAFETY: plain calls.
    let flags = unsafe { libc::fcntl(fd, get) };
    if flags < 0 {
        return Err(failed(th, Value::UNBOUND));
    }
    if let Some(on) = on {
        // SAFETY: a plain call.
        if unsafe { libc::fcntl(fd, set, if on { flags | bit } else { flags & !bit }) } < 0 {
            return Err(failed(th, Value::UNBOUND));
        }
    }
    Ok(flags & bit != 0)
}

fn set_inheritable(th: &mut Thread, a: Args) -> R {
    let on = th.truth(a[1])?;
    flag(th, a[0], libc::F_GETFD, libc::F_SETFD, libc::FD_CLOEXEC, Some(!on))?;
    Ok(Value::NONE)
}

fn get_inheritable(th: &mut Thread, a: Args) -> R {
    Ok(Value::bool(!flag(th, a[0], libc::F_GETFD, libc::F_SETFD, libc::FD_CLOEXEC, None)?))
}

fn set_blocking(th: &mut Thread, a: Args) -> R {
    let on = th.truth(a[1])?;
    flag(th, a[0], libc::F_GETFL, libc::F_SETFL, libc::O_NONBLOCK, Some(!on))?;
    Ok(Value::NONE)
}

fn get_blocking(th: &mut Thread, a: Args) -> R {
    Ok(Value::bool(!flag(th, a[0], libc::F_GETFL, libc::F_SETFL, libc::O_NONBLOCK, None)?))
}

fn get_terminal_size(th: &mut Thread, a: Args) -> R {
    let fd = if a[0].is_unbound() { 1 } else { descriptor(th, a[0])? };
    // SAFETY: the call fills the struct.
    let size = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        if libc::ioctl(fd, libc::TIOCGWINSZ, &mut size) != 0 {
            return Err(failed(th, Value::UNBOUND));
        }
        size
    };
    let items = [Value::int(size.ws_col as i64), Value::int(size.ws_row as i64)];
    seq::make(th, Value(SIZE_CLASS.load(Relaxed)), 2, &items)
}

fn fspath(th: &mut Thread, a: Args) -> R {
    let b = a[0].base();
    if crate::heap::text::is_text(b) || b.is_kind(crate::heap::Kind::Bytes) {
        return Ok(a[0]);
    }
    Ok(path(th, a[0])?.1)
}

fn strerror(th: &mut Thread, a: Args) -> R {
    let n = integer(th, a[0])? as i32;
    // SAFETY: strerror_r writes a terminated text into the buffer.
    let text = unsafe {
        let mut room = [0 as libc::c_char; 256];
        libc::strerror_r(n, room.as_mut_ptr(), room.len());
        CStr::from_ptr(room.as_ptr()).to_string_lossy().into_owned()
    };
    Ok(th.str(&text)?)
}

fn urandom(th: &mut Thread, a: Args) -> R {
    let n = th.index(a[0])?;
    if n < 0 {
        return Err(th.value_error("negative argument not allowed"));
    }
    let mut room = Vec::new();
    room.try_reserve_exact(n as usize).map_err(|_| Full)?;
    room.resize(n as usize, 0u8);
    let mut at = 0;
    while at < room.len() {
        // SAFETY: the rest of the buffer is as long as is said.
        let got = unsafe { libc::getrandom(room[at..].as_mut_ptr().cast(), room.len() - at, 0) };
        if got < 0 {
            return Err(failed(th, Value::UNBOUND));
        }
        at += got as usize;
    }
    Ok(th.bytes(&room)?)
}

/// The bytes of a name for the system, without NULs.
pub(super) fn text(th: &mut Thread, v: Value) -> R<CString> {
    let b = os_bytes(th, v)?;
    CString::new(b).map_err(|_| th.value_error("embedded null byte"))
}
