//! The part of `posix` about processes, the environment and the entries of folders. Invariant: a wait for a child is
//! in the door; what a fork's child does first is the machine's business.

use super::posix::{descriptor, done, failed, folder, names, stat_value, text};
use super::seq;
use super::util::{errno, integer, os_text, put, shape_of, truth_or, tuple_of};
use crate::heap::known::C;
use crate::heap::object::{Boxed, Dict, List, Tuple};
use crate::heap::{Kind, Value};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, class, def, door, exit, get, gil, procs, signal};
use crate::struct_seq;
use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct_seq!(UNAME, UNAME_FIELDS, "posix.uname_result", "Names of the system.", 5, new = None,
    ["sysname" 0, "nodename" 1, "release" 2, "version" 3, "machine" 4]);

struct_seq!(TIMES, TIMES_FIELDS, "posix.times_result", "Times of the process.", 5, new = None,
    ["user" 0, "system" 1, "children_user" 2, "children_system" 3, "elapsed" 4]);

static UNAME_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);
static TIMES_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);
static SCAN_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);
static ENTRY_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

fn of(c: &AtomicU64) -> Value {
    Value(c.load(Relaxed))
}

/// x: the entries as a list, last first; None when closed.
static SCAN: ClassDef = ClassDef {
    name: "posix.ScandirIterator",
    slots: |s| {
        s.iter = Some(|_, v| Ok(v));
        s.next = Some(|th, v| {
            let entries = v.get::<Boxed>().x.get();
            Ok(match entries.cast::<List>() {
                Some(l) => crate::heap::list::pop(&mut th.heap, l),
                None => None,
            })
        });
    },
    methods: SCAN_METHODS,
    kind: Kind::Boxed,
    ..PLAIN
};

static SCAN_METHODS: &[Def] = &[
    def("close", "($self, /)", close_scan, "Forget the rest."),
    def("__enter__", "($self, /)", |_, a| Ok(a[0]), "The iterator itself."),
    def("__exit__", "($self, /, *exc_info)", close_scan, "Forget the rest."),
];

/// x: the name, y: the path.
static ENTRY: ClassDef = ClassDef {
    name: "posix.DirEntry",
    slots: |s| s.repr = Some(entry_repr),
    methods: ENTRY_METHODS,
    getset: &[
        get("name", |_, v| Ok(v.get::<Boxed>().x.get()), "The name in its folder."),
        get("path", |_, v| Ok(v.get::<Boxed>().y.get()), "The folder and the name."),
    ],
    kind: Kind::Boxed,
    ..PLAIN
};

static ENTRY_METHODS: &[Def] = &[
    def(
        "is_dir",
        "($self, /, *, follow_symlinks=True)",
        |th, a| entry_is(th, a, libc::S_IFDIR),
        "Whether it is a folder.",
    ),
    def(
        "is_file",
        "($self, /, *, follow_symlinks=True)",
        |th, a| entry_is(th, a, libc::S_IFREG),
        "Whether it is a file.",
    ),
    def("is_symlink", "($self, /)", is_symlink, "Whether it is a symbolic link."),
    def("is_junction", "($self, /)", |_, _| Ok(Value::FALSE), "False."),
    def("stat", "($self, /, *, follow_symlinks=True)", entry_stat, "What the system knows about it."),
    def("inode", "($self, /)", inode, "Its number in the file system."),
    def("__fspath__", "($self, /)", |_, a| Ok(a[0].get::<Boxed>().y.get()), "The path."),
];

pub(super) fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for (slot, def, fields) in [(&UNAME_CLASS, &UNAME, UNAME_FIELDS), (&TIMES_CLASS, &TIMES, TIMES_FIELDS)] {
        let c = class::define(th, None, def)?;
        seq::finish(th, c, 5, fields)?;
        slot.store(c.0, Relaxed);
        put(th, dict, def.name.rsplit('.').next().unwrap_or(""), c)?;
    }
    let scan = class::define(th, None, &SCAN)?;
    SCAN_CLASS.store(scan.0, Relaxed);
    let entry = class::define(th, None, &ENTRY)?;
    ENTRY_CLASS.store(entry.0, Relaxed);
    put(th, dict, "DirEntry", entry)
}

// ---------------------------------------------------------------------------------------------------- folder entries

fn record(th: &mut Thread, class: Value, x: Value, y: Value) -> R {
    let v = th.heap.boxed(shape_of(class), Box::new(()), 0)?;
    v.get::<Boxed>().x.set(x);
    v.get::<Boxed>().y.set(y);
    Ok(v)
}

pub(super) fn scandir(th: &mut Thread, a: Args) -> R {
    let (c, shown, bytes) = folder(th, a[0])?;
    let mut all = names(th, &c, shown)?;
    all.reverse();
    let out = th.list(&[])?;
    for name in all {
        let mut full = c.to_bytes().to_vec();
        if !full.ends_with(b"/") {
            full.push(b'/');
        }
        full.extend_from_slice(&name);
        let (x, y) = if bytes {
            (th.bytes(&name)?, th.bytes(&full)?)
        } else {
            (os_text(th, &name)?, os_text(th, &full)?)
        };
        let entry = record(th, of(&ENTRY_CLASS), x, y)?;
        crate::heap::list::push(&mut th.heap, out.get(), entry)?;
    }
    record(th, of(&SCAN_CLASS), out, Value::NONE)
}

fn close_scan(_: &mut Thread, a: Args) -> R {
    a[0].get::<Boxed>().x.set(Value::NONE);
    Ok(Value::NONE)
}

fn entry_repr(th: &mut Thread, v: Value) -> R {
    let name = th.repr_text(v.get::<Boxed>().x.get())?;
    Ok(th.str(&format!("<DirEntry {name}>"))?)
}

fn look(th: &mut Thread, v: Value, follow: bool) -> R<Result<libc::stat, i32>> {
    let c = text(th, v.get::<Boxed>().y.get())?;
    // SAFETY: the call fills the struct for a terminated name.
    unsafe {
        let mut st: libc::stat = std::mem::zeroed();
        let rc = if follow { libc::stat(c.as_ptr(), &mut st) } else { libc::lstat(c.as_ptr(), &mut st) };
        Ok(if rc == 0 { Ok(st) } else { Err(errno()) })
    }
}

fn entry_is(th: &mut Thread, a: Args, kind: libc::mode_t) -> R {
    let follow = truth_or(th, a[1], true)?;
    match look(th, a[0], follow)? {
        Ok(st) => Ok(Value::bool(st.st_mode & libc::S_IFMT == kind)),
        Err(libc::ENOENT) => Ok(Value::FALSE),
        Err(e) => Err(th.os_error(e, a[0].get::<Boxed>().y.get())),
    }
}

fn is_symlink(th: &mut Thread, a: Args) -> R {
    let st = look(th, a[0], false)?;
    Ok(Value::bool(st.is_ok_and(|st| st.st_mode & libc::S_IFMT == libc::S_IFLNK)))
}

fn entry_stat(th: &mut Thread, a: Args) -> R {
    let follow = truth_or(th, a[1], true)?;
    match look(th, a[0], follow)? {
        Ok(st) => stat_value(th, &st),
        Err(e) => Err(th.os_error(e, a[0].get::<Boxed>().y.get())),
    }
}

fn inode(th: &mut Thread, a: Args) -> R {
    match look(th, a[0], false)? {
        Ok(st) => Ok(th.heap.uint(st.st_ino)?),
        Err(e) => Err(th.os_error(e, a[0].get::<Boxed>().y.get())),
    }
}

// ----------------------------------------------------------------------------------------------------------- processes

/// Waits for a child: number, status and what it used; the numbers are 0 if none has ended and the options say not to
/// wait.
pub(super) fn wait_for(th: &mut Thread, pid: i32, options: i32) -> R<(i32, i32, libc::rusage)> {
    loop {
        // SAFETY: numbers only; the call fills the status and the struct.
        let call = || unsafe {
            let (mut status, mut used): (i32, libc::rusage) = (0, std::mem::zeroed());
            let got = libc::wait4(pid, &mut status, options, &mut used);
            (got, errno(), status, used)
        };
        let (got, e, status, used) = if options & libc::WNOHANG != 0 {
            call()
        } else {
            door::opaque(th, door::Kind::Process(-1), call)
        };
        if got >= 0 {
            if got > 0 {
                procs::ended(got, status);
            }
            return Ok((got, status, used));
        }
        if e != libc::EINTR {
            return Err(th.os_error(e, Value::UNBOUND));
        }
        signal::run_pending(th)?;
    }
}

fn pair(th: &mut Thread, (pid, status, _): (i32, i32, libc::rusage)) -> R {
    Ok(th.tuple(&[Value::int(pid as i64), Value::int(status as i64)])?)
}

pub(super) fn waitpid(th: &mut Thread, a: Args) -> R {
    let (pid, options) = (integer(th, a[0])?, integer(th, a[1])?);
    let got = wait_for(th, pid as i32, options as i32)?;
    pair(th, got)
}

pub(super) fn wait(th: &mut Thread, _: Args) -> R {
    let got = wait_for(th, -1, 0)?;
    pair(th, got)
}

pub(super) fn status(th: &mut Thread, a: Args, f: impl FnOnce(i32) -> Value) -> R {
    let s = integer(th, a[0])?;
    Ok(f(s as i32))
}

fn exit_code(s: i32) -> Option<i64> {
    if libc::WIFEXITED(s) {
        Some(libc::WEXITSTATUS(s) as i64)
    } else if libc::WIFSIGNALED(s) {
        Some(-(libc::WTERMSIG(s) as i64))
    } else {
        None
    }
}

pub(super) fn to_exitcode(th: &mut Thread, a: Args) -> R {
    let s = integer(th, a[0])? as i32;
    match exit_code(s) {
        Some(code) => Ok(Value::int(code)),
        None if libc::WIFSTOPPED(s) => {
            Err(th.value_error(format!("process stopped by delivery of signal {}", libc::WSTOPSIG(s))))
        }
        None => Err(th.value_error(format!("invalid wait status: {s}"))),
    }
}

pub(super) fn exit_now(th: &mut Thread, a: Args) -> R {
    let code = integer(th, a[0])?;
    exit::stop(th, code as i32)
}

pub(super) fn abort(_: &mut Thread, _: Args) -> R {
    std::process::abort()
}

pub(super) fn kill(th: &mut Thread, a: Args) -> R {
    let (pid, n) = (integer(th, a[0])?, integer(th, a[1])?);
    // SAFETY: a plain call.
    let rc = unsafe { libc::kill(pid as i32, n as i32) };
    let r = done(th, rc, Value::UNBOUND)?;
    if signal::waiting(&th.shared) {
        signal::run_pending(th)?;
    }
    Ok(r)
}

pub(super) fn killpg(th: &mut Thread, a: Args) -> R {
    let (pid, n) = (integer(th, a[0])?, integer(th, a[1])?);
    // SAFETY: a plain call.
    let rc = unsafe { libc::killpg(pid as i32, n as i32) };
    let r = done(th, rc, Value::UNBOUND)?;
    if signal::waiting(&th.shared) {
        signal::run_pending(th)?;
    }
    Ok(r)
}

pub(super) fn system(th: &mut Thread, a: Args) -> R {
    let command = text(th, a[0])?;
    // SAFETY: a terminated command; the call waits for the shell itself.
    let status = door::opaque(th, door::Kind::Process(-1), || unsafe { libc::system(command.as_ptr()) });
    Ok(Value::int(status as i64))
}

/// The words of a command; `empty` is said if there is none.
pub(super) fn words(th: &mut Thread, v: Value, empty: &str) -> R<Vec<CString>> {
    let all = th.to_tuple(v)?;
    let all = all.base().get::<Tuple>();
    if all.is_empty() {
        return Err(th.value_error(empty));
    }
    let mut out = Vec::new();
    for v in all.iter() {
        let (c, _) = super::util::path(th, v)?;
        out.push(c);
    }
    Ok(out)
}

/// Their addresses, and null.
pub(super) fn pointers(words: &[CString]) -> Vec<*const libc::c_char> {
    words.iter().map(|w| w.as_ptr()).chain([std::ptr::null()]).collect()
}

pub(super) fn execv(th: &mut Thread, a: Args) -> R {
    let (program, _) = super::util::path(th, a[0])?;
    let argv = words(th, a[1], "execv() arg 2 must not be empty")?;
    // SAFETY: terminated texts in arrays that end with null.
    unsafe { libc::execv(program.as_ptr(), pointers(&argv).as_ptr()) };
    Err(failed(th, Value::UNBOUND))
}

/// The lines of an environment given as a mapping.
pub(super) fn environment(th: &mut Thread, v: Value) -> R<Vec<CString>> {
    let keys = th.intern("keys")?;
    if v.like::<Dict>().is_none() && th.getattr_opt(v, keys)?.is_none() {
        return Err(th.type_error("environment must be a mapping object"));
    }
    let pairs = th.dict_pairs(v)?;
    let pairs = pairs.get::<Tuple>();
    let mut env = Vec::new();
    for i in 0..pairs.len() / 2 {
        let mut line = environ_bytes(th, pairs.at(2 * i))?;
        if line.is_empty() || line[1..].contains(&b'=') {
            return Err(th.value_error("illegal environment variable name"));
        }
        line.push(b'=');
        line.extend(environ_bytes(th, pairs.at(2 * i + 1))?);
        match CString::new(line) {
            Ok(c) => env.push(c),
            Err(_) => return Err(th.value_error("embedded null byte")),
        }
    }
    Ok(env)
}

/// A name or value of an environment: str, bytes or a path.
fn environ_bytes(th: &mut Thread, v: Value) -> R<Vec<u8>> {
    Ok(super::util::path(th, v)?.0.into_bytes())
}

pub(super) fn execve(th: &mut Thread, a: Args) -> R {
    let (program, shown) = super::util::path(th, a[0])?;
    let argv = words(th, a[1], "execve: argv must not be empty")?;
    let env = environment(th, a[2])?;
    // SAFETY: terminated texts in arrays that end with null.
    unsafe { libc::execve(program.as_ptr(), pointers(&argv).as_ptr(), pointers(&env).as_ptr()) };
    Err(failed(th, shown))
}

pub(super) fn putenv(th: &mut Thread, a: Args) -> R {
    let (name, value) = (text(th, a[0])?, text(th, a[1])?);
    if name.as_bytes().contains(&b'=') {
        return Err(th.value_error("illegal environment variable name"));
    }
    // SAFETY: terminated texts, which the call copies. Threads of the machine do not read the environment.
    let rc = unsafe { libc::setenv(name.as_ptr(), value.as_ptr(), 1) };
    done(th, rc, Value::UNBOUND)
}

pub(super) fn unsetenv(th: &mut Thread, a: Args) -> R {
    let name = text(th, a[0])?;
    // SAFETY: a terminated text.
    let rc = unsafe { libc::unsetenv(name.as_ptr()) };
    done(th, rc, Value::UNBOUND)
}

// ---------------------------------------------------------------------------------------------------------- the system

pub(super) fn uname(th: &mut Thread, _: Args) -> R {
    // SAFETY: uname fills the struct with terminated texts.
    let names = unsafe {
        let mut u: libc::utsname = std::mem::zeroed();
        libc::uname(&mut u);
        [&u.sysname, &u.nodename, &u.release, &u.version, &u.machine]
            .map(|n| std::ffi::CStr::from_ptr(n.as_ptr()).to_string_lossy().into_owned())
    };
    let items = tuple_of(th, 5, |th, i| Ok(th.str(&names[i])?))?;
    let t = items.get::<Tuple>();
    seq::make(th, of(&UNAME_CLASS), 5, &[t.at(0), t.at(1), t.at(2), t.at(3), t.at(4)])
}

pub(super) fn times(th: &mut Thread, _: Args) -> R {
    // SAFETY: times fills the struct.
    let (t, elapsed, hz) = unsafe {
        let mut t: libc::tms = std::mem::zeroed();
        let elapsed = libc::times(&mut t);
        (t, elapsed, libc::sysconf(libc::_SC_CLK_TCK) as f64)
    };
    let ticks = [t.tms_utime, t.tms_stime, t.tms_cutime, t.tms_cstime, elapsed];
    let items = tuple_of(th, 5, |th, i| Ok(th.float(ticks[i] as f64 / hz)?))?;
    let t = items.get::<Tuple>();
    seq::make(th, of(&TIMES_CLASS), 5, &[t.at(0), t.at(1), t.at(2), t.at(3), t.at(4)])
}

pub(super) fn getpgid(th: &mut Thread, a: Args) -> R {
    let pid = integer(th, a[0])?;
    // SAFETY: a plain call.
    let got = unsafe { libc::getpgid(pid as i32) };
    if got < 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(Value::int(got as i64)) }
}

pub(super) fn setsid(th: &mut Thread, _: Args) -> R {
    // SAFETY: a plain call.
    let rc = unsafe { libc::setsid() };
    done(th, rc, Value::UNBOUND)
}

pub(super) fn getlogin(th: &mut Thread, _: Args) -> R {
    let mut room = [0 as libc::c_char; 256];
    // SAFETY: the buffer is as long as is said.
    let e = unsafe { getlogin_r(room.as_mut_ptr(), room.len()) };
    if e != 0 {
        return Err(th.os_error(e, Value::UNBOUND));
    }
    // SAFETY: the call has written a terminated text.
    let name = unsafe { std::ffi::CStr::from_ptr(room.as_ptr()) }.to_bytes().to_vec();
    os_text(th, &name)
}

pub(super) fn cpu_count(_: &mut Thread, _: Args) -> R {
    // SAFETY: a plain call.
    let n = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    Ok(if n < 1 { Value::NONE } else { Value::int(n) })
}

pub(super) fn sched_getaffinity(th: &mut Thread, a: Args) -> R {
    let pid = descriptor(th, a[0])?;
    // SAFETY: the call fills the set, whose size is said.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(pid, size_of::<libc::cpu_set_t>(), &mut set) != 0 {
            return Err(failed(th, Value::UNBOUND));
        }
        set
    };
    let out = th.list(&[])?;
    for i in 0..libc::CPU_SETSIZE as usize {
        // SAFETY: i is within the set.
        if unsafe { libc::CPU_ISSET(i, &set) } {
            crate::heap::list::push(&mut th.heap, out.get(), Value::int(i as i64))?;
        }
    }
    th.call(C::set.v(), &[out])
}

pub(super) fn sched_yield(th: &mut Thread, _: Args) -> R {
    gil::yield_now(th);
    Ok(Value::NONE)
}

pub(super) fn getloadavg(th: &mut Thread, _: Args) -> R {
    let mut loads = [0f64; 3];
    // SAFETY: the array has room for three.
    if unsafe { libc::getloadavg(loads.as_mut_ptr(), 3) } != 3 {
        return Err(th.os_error(libc::EIO, Value::UNBOUND));
    }
    tuple_of(th, 3, |th, i| Ok(th.float(loads[i])?))
}

unsafe extern "C" {
    /// POSIX: writes the login name and a NUL into the buffer; an errno.
    fn getlogin_r(name: *mut libc::c_char, len: libc::size_t) -> libc::c_int;
}
