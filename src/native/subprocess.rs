//! Native module `_posixsubprocess`: starting a program in a child, and waiting for one. The child shares the memory
//! of the waiting parent until it becomes the program (as the system's own spawn does it), so starting costs the same
//! however large the heap is; only a `preexec_fn` asks for a real fork, since it runs script code.
//!
//! Invariant: between the start of the child and its program nothing is allocated and no lock is taken; all texts
//! and arrays are made before.

use super::posix::descriptor;
use super::posix_fork;
use super::posix_more::{environment, pointers, words};
use super::posix_process::group_numbers;
use super::util::{errno, integer, missing, path};
use crate::heap::Value;
use crate::heap::object::Tuple;
use crate::run::{Args, Def, ModuleDef, R, Thread, def, door, procs, signal, threads};
use std::ffi::CString;

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_posixsubprocess",
    doc: "Starting programs.",
    functions: FUNCTIONS,
    fill: |_, _| Ok(()),
};

static FUNCTIONS: &[Def] = &[
    def(
        "fork_exec",
        "(args, executables, env, cwd, streams, pass_fds, close_fds, restore_signals, session, group, ids, umask, preexec_fn, /)",
        fork_exec,
        "Start a program: (its number, 0, 0), or (0, what failed, the error's number).",
    ),
    def(
        "wait",
        "(pid, seconds, /)",
        wait,
        "Wait until the child has ended, without taking its status; False when the time is over.",
    ),
];

/// What failed in the child.
mod stage {
    pub const EXEC: i32 = 1;
    pub const BEFORE: i32 = 2;
    pub const FOLDER: i32 = 3;
    pub const PREEXEC: i32 = 4;
}

/// Native stack of the child while it shares the parent's memory.
const STACK: usize = 64 << 10;

/// All that the child needs, made before it starts.
struct Plan {
    programs: Vec<CString>,
    argv: Vec<*const libc::c_char>,
    env: Option<Vec<*const libc::c_char>>,
    cwd: Option<CString>,
    streams: [i32; 3],
    keep: Vec<i32>,
    close: bool,
    restore: bool,
    session: bool,
    group: i32,
    gid: Option<libc::gid_t>,
    groups: Option<Vec<libc::gid_t>>,
    uid: Option<libc::uid_t>,
    umask: Option<libc::mode_t>,
    /// Signals that the parent lets wait.
    mask: libc::sigset_t,
    /// What failed, and the error.
    failed: (i32, i32),
}

fn id(th: &mut Thread, v: Value) -> R<Option<u32>> {
    if missing(v) { Ok(None) } else { Ok(Some(integer(th, v)? as u32)) }
}

fn fork_exec(th: &mut Thread, a: Args) -> R {
    let argv = words(th, a[0], "args must not be empty")?;
    let programs = words(th, a[1], "no program")?;
    let env = if a[2].is_none() { None } else { Some(environment(th, a[2])?) };
    let cwd = if a[3].is_none() { None } else { Some(path(th, a[3])?.0) };
    let given = a[4].get::<Tuple>();
    let mut streams = [-1; 3];
    for (to, v) in streams.iter_mut().zip(given.iter()) {
        *to = integer(th, v)? as i32;
    }
    let mut keep = Vec::new();
    let all = th.to_tuple(a[5])?;
    for v in all.base().get::<Tuple>().iter() {
        let fd = descriptor(th, v)?;
        if fd < 0 {
            return Err(th.value_error("bad value(s) in fds_to_keep"));
        }
        keep.push(fd);
    }
    keep.sort_unstable();
    let (close, restore, session) = (th.truth(a[6])?, th.truth(a[7])?, th.truth(a[8])?);
    let group = integer(th, a[9])? as i32;
    let ids = a[10].get::<Tuple>();
    let groups = if ids.at(1).is_none() { None } else { Some(group_numbers(th, ids.at(1))?) };
    let (gid, uid) = (id(th, ids.at(0))?, id(th, ids.at(2))?);
    let umask = integer(th, a[11])?;
    let mut plan = Plan {
        argv: pointers(&argv),
        env: env.as_deref().map(pointers),
        programs,
        cwd,
        streams,
        keep,
        close,
        restore,
        session,
        group,
        gid,
        groups,
        uid,
        umask: (umask >= 0).then_some(umask as libc::mode_t),
        // SAFETY: a set of bits.
        mask: unsafe { std::mem::zeroed() },
        failed: (0, 0),
    };
    let pid = if a[12].is_none() { share(&mut plan) } else { fork(th, &mut plan, a[12])? };
    if pid < 0 {
        return Err(th.os_error(plan.failed.1, Value::UNBOUND));
    }
    let (what, e) = plan.failed;
    if what != 0 {
        // The child has ended or is about to.
        // SAFETY: a plain call.
        while unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) } < 0 && errno() == libc::EINTR {}
        return Ok(th.tuple(&[Value::int(0), Value::int(what as i64), Value::int(e as i64)])?);
    }
    if a[12].is_none() {
        procs::started(th, pid);
    }
    let program = argv.first().map_or(String::new(), |p| p.to_string_lossy().into_owned());
    procs::add(pid, procs::Fact::Named(program.rsplit('/').next().unwrap_or("").to_string(), 0));
    Ok(th.tuple(&[Value::int(pid as i64), Value::int(0), Value::int(0)])?)
}

/// Starts the child on a stack of its own in this process's memory; returns when it has become the program or failed.
fn share(plan: &mut Plan) -> i32 {
    // SAFETY: the stack and the plan outlive the child's use of them, since the call returns only then; all signals
    // wait meanwhile, so no handler of this process runs in the child.
    unsafe {
        let none = std::ptr::null_mut();
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
        let stack = libc::mmap(none, STACK, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
        if stack == libc::MAP_FAILED {
            plan.failed = (0, errno());
            return -1;
        }
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut plan.mask);
        let top = stack.cast::<u8>().add(STACK).cast();
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        let pid = libc::clone(child, top, flags, std::ptr::from_mut(plan).cast());
        let e = errno();
        libc::pthread_sigmask(libc::SIG_SETMASK, &plan.mask, std::ptr::null_mut());
        libc::munmap(stack, STACK);
        if pid < 0 {
            plan.failed = (0, e);
        }
        pid
    }
}

extern "C" fn child(plan: *mut libc::c_void) -> i32 {
    // SAFETY: the plan that `share` gave, whose owner waits.
    let plan = unsafe { &mut *plan.cast::<Plan>() };
    // Handlers would run in the parent's memory; the program starts without them anyway.
    for n in 1..signal::COUNT as i32 {
        // SAFETY: structs of this function; the C library keeps two numbers for itself and refuses them.
        unsafe {
            let mut old: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(n, std::ptr::null(), &mut old) == 0
                && old.sa_sigaction != libc::SIG_DFL
                && old.sa_sigaction != libc::SIG_IGN
            {
                old.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(n, &old, std::ptr::null_mut());
            }
        }
    }
    if let Err(failed) = settle(plan) {
        plan.failed = failed;
        return 255;
    }
    // SAFETY: a set that the parent filled.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &plan.mask, std::ptr::null_mut()) };
    close_others(plan, -1);
    plan.failed = (stage::EXEC, exec(plan));
    255
}

/// Forks for a `preexec_fn`: the child tells what failed by a pipe, which its program's start closes.
fn fork(th: &mut Thread, plan: &mut Plan, preexec: Value) -> R<i32> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for both ends.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        let e = errno();
        return Err(th.os_error(e, Value::UNBOUND));
    }
    let [r, mut w] = ends;
    if w < 3 {
        // SAFETY: plain calls; the standard streams are about to be replaced.
        w = unsafe {
            let high = libc::fcntl(w, libc::F_DUPFD_CLOEXEC, 3);
            libc::close(w);
            high
        };
    }
    let pid = posix_fork::around(th, threads::fork)?;
    if pid == 0 {
        let failed = match settle(plan) {
            Err(failed) => failed,
            Ok(()) if th.call(preexec, &[]).is_err() => (stage::PREEXEC, 0),
            Ok(()) => {
                close_others(plan, w);
                (stage::EXEC, exec(plan))
            }
        };
        let told = [failed.0.to_ne_bytes(), failed.1.to_ne_bytes()].concat();
        // SAFETY: writes a local, and ends the child.
        unsafe {
            libc::write(w, told.as_ptr().cast(), told.len());
            libc::_exit(255)
        }
    }
    let e = errno();
    // SAFETY: this process's copy.
    unsafe { libc::close(w) };
    if pid < 0 {
        plan.failed = (0, e);
    } else {
        posix_fork::warn(th, "fork")?;
        let (got, told) = door::opaque(th, door::Kind::Read(r), || {
            loop {
                let mut told = [0u8; 8];
                // SAFETY: eight bytes of a local.
                let n = unsafe { libc::read(r, told.as_mut_ptr().cast(), 8) };
                if n >= 0 || errno() != libc::EINTR {
                    break (n, told);
                }
            }
        });
        if got == 8 {
            let number = |b: &[u8]| i32::from_ne_bytes([b[0], b[1], b[2], b[3]]);
            plan.failed = (number(&told[..4]), number(&told[4..]));
        }
    }
    // SAFETY: this process's copy.
    unsafe { libc::close(r) };
    Ok(pid)
}

fn inheritable(fd: i32) -> i32 {
    // SAFETY: plain calls.
    unsafe {
        let flags = libc::fcntl(fd, libc::F_GETFD);
        if flags < 0 { flags } else { libc::fcntl(fd, libc::F_SETFD, flags & !libc::FD_CLOEXEC) }
    }
}

/// In the child: descriptors, folder, signals, session, users. What failed, and the error.
fn settle(plan: &Plan) -> Result<(), (i32, i32)> {
    let ok = |rc: i32, what: i32| if rc < 0 { Err((what, errno())) } else { Ok(()) };
    let before = |rc: i32| ok(rc, stage::BEFORE);
    for fd in &plan.keep {
        before(inheritable(*fd))?;
    }
    // A stream that stands where another one is to be put moves out of the way first.
    let [input, mut output, mut error] = plan.streams;
    // SAFETY: plain calls on numbers and on texts and arrays made before.
    unsafe {
        if output == 0 {
            output = libc::fcntl(output, libc::F_DUPFD_CLOEXEC, 3);
            before(output)?;
        }
        while error == 0 || error == 1 {
            error = libc::fcntl(error, libc::F_DUPFD_CLOEXEC, 3);
            before(error)?;
        }
        for (to, from) in [input, output, error].into_iter().enumerate() {
            if from == to as i32 {
                before(inheritable(from))?;
            } else if from >= 0 {
                before(libc::dup2(from, to as i32))?;
            }
        }
        if let Some(cwd) = &plan.cwd {
            ok(libc::chdir(cwd.as_ptr()), stage::FOLDER)?;
        }
        if let Some(mask) = plan.umask {
            libc::umask(mask);
        }
        if plan.restore {
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::signal(libc::SIGXFSZ, libc::SIG_DFL);
        }
        if plan.session {
            before(libc::setsid())?;
        }
        if plan.group >= 0 {
            before(libc::setpgid(0, plan.group))?;
        }
        // By system calls: the library's functions would change the users of the parent's threads too.
        if let Some(g) = &plan.groups {
            before(libc::syscall(libc::SYS_setgroups, g.len(), g.as_ptr()) as i32)?;
        }
        if let Some(g) = plan.gid {
            before(libc::syscall(libc::SYS_setregid, g, g) as i32)?;
        }
        if let Some(u) = plan.uid {
            before(libc::syscall(libc::SYS_setreuid, u, u) as i32)?;
        }
    }
    Ok(())
}

/// Closes all descriptors above the standard streams but those to keep and `also`.
fn close_others(plan: &Plan, also: i32) {
    if !plan.close {
        return;
    }
    let close = |from: i32, below: i32| {
        if below > from {
            // SAFETY: descriptors that the program is not to have.
            unsafe { libc::syscall(libc::SYS_close_range, from as u32, (below - 1) as u32, 0) };
        }
    };
    let mut from = 3;
    loop {
        let kept = plan.keep.iter().copied().filter(|fd| *fd >= from);
        let next = kept.chain((also >= from).then_some(also)).min();
        let Some(next) = next else { break };
        close(from, next);
        from = next + 1;
    }
    close(from, i32::MAX);
}

/// Becomes the program; returns the most telling error.
fn exec(plan: &Plan) -> i32 {
    let mut told = 0;
    let mut last = 0;
    for p in &plan.programs {
        // SAFETY: terminated texts in arrays that end with null.
        unsafe {
            match &plan.env {
                Some(env) => libc::execve(p.as_ptr(), plan.argv.as_ptr(), env.as_ptr()),
                None => libc::execv(p.as_ptr(), plan.argv.as_ptr()),
            };
        }
        last = errno();
        if last != libc::ENOENT && last != libc::ENOTDIR && told == 0 {
            told = last;
        }
    }
    if told == 0 { last } else { told }
}

fn wait(th: &mut Thread, a: Args) -> R {
    let pid = integer(th, a[0])? as i32;
    let deadline = match a[1] {
        Value::NONE => None,
        v => door::deadline(super::thread::seconds(th, v)?),
    };
    // SAFETY: a plain call.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32;
    if fd < 0 {
        // It has been waited for already: there is nothing to wait for.
        return Ok(Value::TRUE);
    }
    let r = door::ready(th, door::Kind::Process(fd), deadline);
    // SAFETY: opened above.
    unsafe { libc::close(fd) };
    Ok(Value::bool(r?))
}
