//! The part of `posix` about processes beyond forking and plain waiting: what a child used, waiting by kind, starting
//! a program without a fork of the script, users and groups, priorities, processors, limits of the system.
//! Invariant: waiting is in the door; -1 is an error only where the system says so.

use super::posix::{descriptor, done, failed};
use super::posix_more::{self as more, environment, pointers, words};
use super::seq;
use super::util::{errno, integer, integer_or, missing, path, put, put_int, truth_or};
use crate::heap::object::Tuple;
use crate::heap::{Value, list};
use crate::run::{Args, Def, R, Thread, class, def, door, procs, signal};
use crate::struct_seq;
use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

struct_seq!(WAITID, WAITID_FIELDS, "posix.waitid_result", "What waitid() tells of a child.", 5, new = None,
    ["si_pid" 0, "si_uid" 1, "si_signo" 2, "si_status" 3, "si_code" 4]);

static WAITID_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

macro_rules! sets {
    ($name:literal, $params:literal, $call:ident($($i:literal),*), $doc:literal) => {
        def(
            $name,
            $params,
            |th, a| {
                // SAFETY: a plain call on numbers.
                let rc = unsafe { libc::$call($(integer(th, a[$i])? as _),*) };
                done(th, rc as libc::c_int, Value::UNBOUND)
            },
            $doc,
        )
    };
}

/// The functions of `posix` that stand here.
pub(super) static FUNCTIONS: &[Def] = &[
    def(
        "wait3",
        "(options)",
        |th, a| wait4(th, Value::int(-1), a[0]),
        "Wait for any child: number, status, use.",
    ),
    def("wait4", "(pid, options)", |th, a| wait4(th, a[0], a[1]), "Wait for a child: number, status, use."),
    def(
        "waitid",
        "(idtype, id, options, /)",
        waitid,
        "Wait for children of a kind; None if there is none yet.",
    ),
    def(
        "pidfd_open",
        "(pid, flags=0)",
        pidfd_open,
        "A descriptor that is readable when the process has ended.",
    ),
    def(
        "WIFCONTINUED",
        "(status)",
        |th, a| more::status(th, a, |s| Value::bool(libc::WIFCONTINUED(s))),
        "Whether it runs again.",
    ),
    def(
        "posix_spawn",
        "(path, argv, env, /, *, file_actions=(), setpgroup=None, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=None)",
        |th, a| spawn(th, a, false),
        "Start a program; its process number.",
    ),
    def(
        "posix_spawnp",
        "(path, argv, env, /, *, file_actions=(), setpgroup=None, resetids=False, setsid=False, setsigmask=(), setsigdef=(), scheduler=None)",
        |th, a| spawn(th, a, true),
        "Start a program that the search path has; its process number.",
    ),
    def("getsid", "(pid, /)", getsid, "Number of a process's session."),
    sets!("setpgid", "(pid, pgrp, /)", setpgid(0, 1), "Put a process into a group."),
    def("setpgrp", "()", setpgrp, "Make this process the leader of a group."),
    sets!("setuid", "(uid, /)", setuid(0), "Set the user."),
    sets!("seteuid", "(euid, /)", seteuid(0), "Set the effective user."),
    sets!("setgid", "(gid, /)", setgid(0), "Set the group."),
    sets!("setegid", "(egid, /)", setegid(0), "Set the effective group."),
    sets!("setreuid", "(ruid, euid, /)", setreuid(0, 1), "Set the real and the effective user."),
    sets!("setregid", "(rgid, egid, /)", setregid(0, 1), "Set the real and the effective group."),
    sets!(
        "setresuid",
        "(ruid, euid, suid, /)",
        setresuid(0, 1, 2),
        "Set the real, effective and saved user."
    ),
    sets!(
        "setresgid",
        "(rgid, egid, sgid, /)",
        setresgid(0, 1, 2),
        "Set the real, effective and saved group."
    ),
    def("getresuid", "()", getresuid, "The real, effective and saved user."),
    def("getresgid", "()", getresgid, "The real, effective and saved group."),
    def("getgroups", "()", getgroups, "The further groups of the process."),
    def("setgroups", "(groups, /)", setgroups, "Set the further groups of the process."),
    def("nice", "(increment, /)", nice, "Add to the niceness of the process; gives the new one."),
    def("getpriority", "(which, who)", getpriority, "The niceness of a process, a group or a user."),
    sets!(
        "setpriority",
        "(which, who, priority)",
        setpriority(0, 1, 2),
        "Set the niceness of a process, a group or a user."
    ),
    def(
        "sched_setaffinity",
        "(pid, mask, /)",
        sched_setaffinity,
        "Set the processors that a process may use.",
    ),
    def("sched_getscheduler", "(pid, /)", sched_getscheduler, "How a process is scheduled."),
    def(
        "sched_get_priority_max",
        "(policy)",
        |th, a| priority(th, a, true),
        "The highest priority of a policy.",
    ),
    def(
        "sched_get_priority_min",
        "(policy)",
        |th, a| priority(th, a, false),
        "The lowest priority of a policy.",
    ),
    def("sysconf", "(name, /)", sysconf, "A limit or property of the system."),
    def(
        "major",
        "(device, /)",
        |th, a| device(th, a, |d| libc::major(d) as i64),
        "The major number of a device.",
    ),
    def(
        "minor",
        "(device, /)",
        |th, a| device(th, a, |d| libc::minor(d) as i64),
        "The minor number of a device.",
    ),
    def("makedev", "(major, minor, /)", makedev, "A device's number."),
];

const NUMBERS: &[(&str, i64)] = &[
    ("P_ALL", 0),
    ("P_PID", 1),
    ("P_PGID", 2),
    ("P_PIDFD", 3),
    ("WEXITED", libc::WEXITED as i64),
    ("WSTOPPED", libc::WSTOPPED as i64),
    ("WNOWAIT", libc::WNOWAIT as i64),
    ("CLD_EXITED", 1),
    ("CLD_KILLED", 2),
    ("CLD_DUMPED", 3),
    ("CLD_TRAPPED", 4),
    ("CLD_STOPPED", 5),
    ("CLD_CONTINUED", 6),
    ("PRIO_PROCESS", 0),
    ("PRIO_PGRP", 1),
    ("PRIO_USER", 2),
    ("SCHED_OTHER", 0),
    ("SCHED_FIFO", 1),
    ("SCHED_RR", 2),
    ("SCHED_BATCH", 3),
    ("SCHED_IDLE", 5),
    ("PIDFD_NONBLOCK", libc::O_NONBLOCK as i64),
    ("POSIX_SPAWN_OPEN", 0),
    ("POSIX_SPAWN_CLOSE", 1),
    ("POSIX_SPAWN_DUP2", 2),
    ("NGROUPS_MAX", 65536),
    ("EX_NOINPUT", 66),
    ("EX_NOUSER", 67),
    ("EX_NOHOST", 68),
    ("EX_UNAVAILABLE", 69),
    ("EX_OSFILE", 72),
    ("EX_CANTCREAT", 73),
    ("EX_IOERR", 74),
    ("EX_TEMPFAIL", 75),
    ("EX_PROTOCOL", 76),
    ("EX_NOPERM", 77),
    ("EX_CONFIG", 78),
];

const SYSCONF: &[(&str, i32)] = &[
    ("SC_ARG_MAX", libc::_SC_ARG_MAX),
    ("SC_CHILD_MAX", libc::_SC_CHILD_MAX),
    ("SC_CLK_TCK", libc::_SC_CLK_TCK),
    ("SC_NGROUPS_MAX", libc::_SC_NGROUPS_MAX),
    ("SC_NPROCESSORS_CONF", libc::_SC_NPROCESSORS_CONF),
    ("SC_NPROCESSORS_ONLN", libc::_SC_NPROCESSORS_ONLN),
    ("SC_OPEN_MAX", libc::_SC_OPEN_MAX),
    ("SC_PAGESIZE", libc::_SC_PAGESIZE),
    ("SC_PAGE_SIZE", libc::_SC_PAGESIZE),
    ("SC_PHYS_PAGES", libc::_SC_PHYS_PAGES),
    ("SC_AVPHYS_PAGES", libc::_SC_AVPHYS_PAGES),
    ("SC_IOV_MAX", libc::_SC_IOV_MAX),
    ("SC_SEM_NSEMS_MAX", libc::_SC_SEM_NSEMS_MAX),
    ("SC_SEM_VALUE_MAX", libc::_SC_SEM_VALUE_MAX),
    ("SC_VERSION", libc::_SC_VERSION),
];

pub(super) fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for (name, n) in NUMBERS {
        put_int(th, dict, name, *n)?;
    }
    let names = th.heap.new_dict()?;
    for (name, n) in SYSCONF {
        put_int(th, names, name, *n as i64)?;
    }
    put(th, dict, "sysconf_names", names)?;
    let c = class::define(th, None, &WAITID)?;
    seq::finish(th, c, 5, WAITID_FIELDS)?;
    WAITID_CLASS.store(c.0, Relaxed);
    put(th, dict, "waitid_result", c)
}

fn wait4(th: &mut Thread, pid: Value, options: Value) -> R {
    let (pid, options) = (integer(th, pid)? as i32, integer(th, options)? as i32);
    let (got, status, used) = super::posix_more::wait_for(th, pid, options)?;
    let used = super::resource::usage_value(th, &used)?;
    Ok(th.tuple(&[Value::int(got as i64), Value::int(status as i64), used])?)
}

fn waitid(th: &mut Thread, a: Args) -> R {
    let (kind, id, options) = (integer(th, a[0])?, integer(th, a[1])?, integer(th, a[2])?);
    loop {
        // SAFETY: numbers only; the call fills the struct.
        let (rc, e, info) = door::opaque(th, door::Kind::Process(-1), || unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let rc = libc::waitid(kind as libc::idtype_t, id as libc::id_t, &mut info, options as i32);
            (rc, errno(), info)
        });
        if rc == 0 {
            // SAFETY: fields of a child's end, which the call has filled.
            let (pid, uid, status) = unsafe { (info.si_pid(), info.si_uid(), info.si_status()) };
            if pid == 0 {
                return Ok(Value::NONE);
            }
            let all = [pid as i64, uid as i64, info.si_signo as i64, status as i64, info.si_code as i64];
            return seq::make(th, Value(WAITID_CLASS.load(Relaxed)), 5, &all.map(Value::int));
        }
        if e != libc::EINTR {
            return Err(th.os_error(e, Value::UNBOUND));
        }
        signal::run_pending(th)?;
    }
}

fn pidfd_open(th: &mut Thread, a: Args) -> R {
    let (pid, flags) = (integer(th, a[0])?, integer_or(th, a[1], 0)?);
    // SAFETY: a plain call.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as i32, flags as libc::c_uint) };
    if fd < 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(Value::int(fd)) }
}

/// A set of signals from an iterable of numbers.
pub(super) fn signals(th: &mut Thread, v: Value) -> R<libc::sigset_t> {
    // SAFETY: an empty set.
    let mut set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        set
    };
    if missing(v) {
        return Ok(set);
    }
    let all = th.to_tuple(v)?;
    for v in all.get::<Tuple>().iter() {
        let n = integer(th, v)?;
        if !(1..signal::COUNT as i64).contains(&n) {
            return Err(th.value_error(format!("signal number {n} out of range [1; {}]", signal::COUNT - 1)));
        }
        // SAFETY: a number in range.
        unsafe { libc::sigaddset(&mut set, n as i32) };
    }
    Ok(set)
}

/// What `posix_spawn` is told to do with descriptors, freed at the end.
struct Actions(libc::posix_spawn_file_actions_t);

impl Drop for Actions {
    fn drop(&mut self) {
        // SAFETY: made by `posix_spawn_file_actions_init`.
        unsafe { libc::posix_spawn_file_actions_destroy(&mut self.0) };
    }
}

struct Attributes(libc::posix_spawnattr_t);

impl Drop for Attributes {
    fn drop(&mut self) {
        // SAFETY: made by `posix_spawnattr_init`.
        unsafe { libc::posix_spawnattr_destroy(&mut self.0) };
    }
}

fn file_actions(th: &mut Thread, v: Value, names: &mut Vec<CString>) -> R<Actions> {
    // SAFETY: the struct is filled by its own init.
    let mut acts = unsafe {
        let mut acts = Actions(std::mem::zeroed());
        libc::posix_spawn_file_actions_init(&mut acts.0);
        acts
    };
    if missing(v) {
        return Ok(acts);
    }
    let all = th.to_tuple(v)?;
    for act in all.get::<Tuple>().iter() {
        let wrong = "Each file_actions element must be a non-empty tuple";
        let Some(t) = act.like::<Tuple>().filter(|t| !t.is_empty()) else { return Err(th.type_error(wrong)) };
        let tag = integer(th, t.at(0))?;
        let rc = match (tag, t.len()) {
            (0, 5) => {
                let fd = descriptor(th, t.at(1))?;
                let (name, _) = path(th, t.at(2))?;
                let (flags, mode) = (integer(th, t.at(3))? as i32, integer(th, t.at(4))? as libc::mode_t);
                names.push(name);
                let name = names[names.len() - 1].as_ptr();
                // SAFETY: the name lives until the program has been started.
                unsafe { libc::posix_spawn_file_actions_addopen(&mut acts.0, fd, name, flags, mode) }
            }
            (1, 2) => {
                let fd = descriptor(th, t.at(1))?;
                // SAFETY: a plain call.
                unsafe { libc::posix_spawn_file_actions_addclose(&mut acts.0, fd) }
            }
            (2, 3) => {
                let (from, to) = (descriptor(th, t.at(1))?, descriptor(th, t.at(2))?);
                // SAFETY: a plain call.
                unsafe { libc::posix_spawn_file_actions_adddup2(&mut acts.0, from, to) }
            }
            (0, _) => return Err(th.type_error("A open file_action tuple must have 5 elements")),
            (1, _) => return Err(th.type_error("A close file_action tuple must have 2 elements")),
            (2, _) => return Err(th.type_error("A dup2 file_action tuple must have 3 elements")),
            _ => return Err(th.type_error("Unknown file_actions identifier")),
        };
        if rc != 0 {
            return Err(th.os_error(rc, Value::UNBOUND));
        }
    }
    Ok(acts)
}

fn attributes(th: &mut Thread, a: Args) -> R<Attributes> {
    // SAFETY: the struct is filled by its own init; what is set below are numbers and sets.
    let mut attr = unsafe {
        let mut attr = Attributes(std::mem::zeroed());
        libc::posix_spawnattr_init(&mut attr.0);
        attr
    };
    let mut flags = 0;
    if !missing(a[4]) {
        let group = integer(th, a[4])? as i32;
        flags |= libc::POSIX_SPAWN_SETPGROUP;
        // SAFETY: as above.
        unsafe { libc::posix_spawnattr_setpgroup(&mut attr.0, group) };
    }
    if truth_or(th, a[5], false)? {
        flags |= libc::POSIX_SPAWN_RESETIDS;
    }
    if truth_or(th, a[6], false)? {
        flags |= 0x80;
    }
    if !missing(a[7]) {
        let set = signals(th, a[7])?;
        flags |= libc::POSIX_SPAWN_SETSIGMASK;
        // SAFETY: as above.
        unsafe { libc::posix_spawnattr_setsigmask(&mut attr.0, &set) };
    }
    if !missing(a[8]) {
        let set = signals(th, a[8])?;
        flags |= libc::POSIX_SPAWN_SETSIGDEF;
        // SAFETY: as above.
        unsafe { libc::posix_spawnattr_setsigdefault(&mut attr.0, &set) };
    }
    if !missing(a[9]) {
        return Err(th.value_error("posix_spawn: 'scheduler' is not supported"));
    }
    // SAFETY: as above.
    unsafe { libc::posix_spawnattr_setflags(&mut attr.0, flags as libc::c_short) };
    Ok(attr)
}

fn spawn(th: &mut Thread, a: Args, search: bool) -> R {
    let (program, shown) = path(th, a[0])?;
    let argv = words(th, a[1], "posix_spawn: argv must not be empty")?;
    let env = if a[2].is_none() { None } else { Some(environment(th, a[2])?) };
    let mut names = Vec::new();
    let acts = file_actions(th, a[3], &mut names)?;
    let attr = attributes(th, a)?;
    let (argv, env) = (pointers(&argv), env.as_deref().map(pointers));
    let mut pid = 0;
    // SAFETY: terminated texts in arrays that end with null; the process's own environment where none is given.
    let rc = unsafe {
        let env = env.as_ref().map_or(libc::environ as *const *mut libc::c_char, |e| e.as_ptr().cast());
        let (p, argv) = (program.as_ptr(), argv.as_ptr().cast());
        if search {
            libc::posix_spawnp(&mut pid, p, &acts.0, &attr.0, argv, env)
        } else {
            libc::posix_spawn(&mut pid, p, &acts.0, &attr.0, argv, env)
        }
    };
    if rc != 0 {
        return Err(th.os_error(rc, shown));
    }
    procs::started(th, pid);
    Ok(Value::int(pid as i64))
}

fn setpgrp(th: &mut Thread, _: Args) -> R {
    // SAFETY: a plain call.
    let rc = unsafe { libc::setpgid(0, 0) };
    done(th, rc, Value::UNBOUND)
}

fn getsid(th: &mut Thread, a: Args) -> R {
    let pid = integer(th, a[0])?;
    // SAFETY: a plain call.
    let got = unsafe { libc::getsid(pid as i32) };
    if got < 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(Value::int(got as i64)) }
}

fn three(th: &mut Thread, rc: i32, ids: [u32; 3]) -> R {
    done(th, rc, Value::UNBOUND)?;
    Ok(th.tuple(&ids.map(|n| Value::int(n as i64)))?)
}

fn getresuid(th: &mut Thread, _: Args) -> R {
    let [mut r, mut e, mut s] = [0; 3];
    // SAFETY: three numbers to write to.
    let rc = unsafe { libc::getresuid(&mut r, &mut e, &mut s) };
    three(th, rc, [r, e, s])
}

fn getresgid(th: &mut Thread, _: Args) -> R {
    let [mut r, mut e, mut s] = [0; 3];
    // SAFETY: three numbers to write to.
    let rc = unsafe { libc::getresgid(&mut r, &mut e, &mut s) };
    three(th, rc, [r, e, s])
}

fn getgroups(th: &mut Thread, _: Args) -> R {
    let mut all = vec![0 as libc::gid_t; 65536];
    // SAFETY: the buffer has room for as many as is said.
    let n = unsafe { libc::getgroups(all.len() as i32, all.as_mut_ptr()) };
    if n < 0 {
        return Err(failed(th, Value::UNBOUND));
    }
    let out = th.list(&[])?;
    for g in &all[..n as usize] {
        list::push(&mut th.heap, out.get(), Value::int(*g as i64))?;
    }
    Ok(out)
}

/// Group numbers from a sequence.
pub(super) fn group_numbers(th: &mut Thread, v: Value) -> R<Vec<libc::gid_t>> {
    let all = th.to_tuple(v)?;
    let mut out = Vec::new();
    for v in all.get::<Tuple>().iter() {
        out.push(integer(th, v)? as libc::gid_t);
    }
    Ok(out)
}

fn setgroups(th: &mut Thread, a: Args) -> R {
    let all = group_numbers(th, a[0])?;
    // SAFETY: the buffer has as many as is said.
    let rc = unsafe { libc::setgroups(all.len(), all.as_ptr()) };
    done(th, rc, Value::UNBOUND)
}

/// Runs a call of which -1 may be a result: whether it is an error only `errno` tells.
fn odd(th: &mut Thread, f: impl FnOnce() -> i64) -> R {
    // SAFETY: the calling thread's own errno.
    unsafe { *libc::__errno_location() = 0 };
    let n = f();
    if n == -1 && errno() != 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(Value::int(n)) }
}

fn nice(th: &mut Thread, a: Args) -> R {
    let n = integer(th, a[0])?;
    // SAFETY: a plain call.
    odd(th, || unsafe { libc::nice(n as i32) } as i64)
}

fn getpriority(th: &mut Thread, a: Args) -> R {
    let (which, who) = (integer(th, a[0])?, integer(th, a[1])?);
    // SAFETY: a plain call.
    odd(th, || unsafe { libc::getpriority(which as _, who as libc::id_t) } as i64)
}

fn sched_setaffinity(th: &mut Thread, a: Args) -> R {
    let pid = integer(th, a[0])?;
    let all = th.to_tuple(a[1])?;
    // SAFETY: a set of bits; numbers are checked before they are set in it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        for v in all.get::<Tuple>().iter() {
            let n = integer(th, v)?;
            if n < 0 {
                return Err(th.value_error("negative CPU number"));
            }
            if n < libc::CPU_SETSIZE as i64 {
                libc::CPU_SET(n as usize, &mut set);
            }
        }
        let rc = libc::sched_setaffinity(pid as i32, size_of::<libc::cpu_set_t>(), &set);
        done(th, rc, Value::UNBOUND)
    }
}

fn sched_getscheduler(th: &mut Thread, a: Args) -> R {
    let pid = integer(th, a[0])?;
    // SAFETY: a plain call.
    let n = unsafe { libc::sched_getscheduler(pid as i32) };
    if n < 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(Value::int(n as i64)) }
}

fn priority(th: &mut Thread, a: Args, most: bool) -> R {
    let policy = integer(th, a[0])? as i32;
    // SAFETY: plain calls.
    let n = unsafe {
        if most { libc::sched_get_priority_max(policy) } else { libc::sched_get_priority_min(policy) }
    };
    if n < 0 { Err(failed(th, Value::UNBOUND)) } else { Ok(Value::int(n as i64)) }
}

fn sysconf(th: &mut Thread, a: Args) -> R {
    let n = if crate::heap::text::is_text(a[0].base()) {
        let name = th.str_text(a[0])?;
        match SYSCONF.iter().find(|(n, _)| *n == name) {
            Some((_, n)) => *n as i64,
            None => return Err(th.value_error("unrecognized configuration name")),
        }
    } else {
        integer(th, a[0])?
    };
    // SAFETY: a plain call.
    odd(th, || unsafe { libc::sysconf(n as i32) })
}

fn device(th: &mut Thread, a: Args, f: fn(libc::dev_t) -> i64) -> R {
    let n = integer(th, a[0])?;
    Ok(Value::int(f(n as libc::dev_t)))
}

fn makedev(th: &mut Thread, a: Args) -> R {
    let (major, minor) = (integer(th, a[0])?, integer(th, a[1])?);
    Ok(th.heap.uint(libc::makedev(major as _, minor as _))?)
}
