//! Native module `_multiprocessing`: what `multiprocessing` needs of the system: locks that processes share,
//! connections, waiting for descriptors, and starting a fresh interpreter. Invariant: every wait is in the door.

use super::descriptor::{number_of, wait_many};
use super::semlock::failed;
use super::util::{integer, missing, path};
use super::{connection, semlock, wait_room};
use crate::heap::object::{List, Tuple};
use crate::heap::{Value, list};
use crate::run::{Args, Def, ModuleDef, R, Thread, def, door, gil, procs};
use std::ffi::CString;
use std::sync::OnceLock;

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "_multiprocessing", doc: "Natives of multiprocessing.", functions: FUNCTIONS, fill };

static FUNCTIONS: &[Def] = &[
    def("pipe", "(duplex=True, /)", connection::pipe, "Two connected connections."),
    def("ready", "(fd, timeout=None, /)", ready, "Wait until a descriptor can be read; whether it can."),
    def(
        "ended",
        "(pidfd, timeout=None, /)",
        ended,
        "Wait for the end of a process; whether it came in time.",
    ),
    def("ready_many", "(fds, timeout=None, /)", ready_many, "Wait for any of them; those that can be read."),
    def("pidfd_open", "(pid, /)", pidfd_open, "A descriptor that can be read once the process has ended."),
    def("signalled", "()", signalled, "A descriptor that can be read."),
    def("options", "()", options, "Options of the command line for children that are started afresh."),
    def(
        "spawn",
        "(path, argv, fds, /)",
        spawn,
        "Start a program that has these descriptors too; its number.",
    ),
];

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    semlock::fill(th, dict)?;
    wait_room::fill(th, dict)?;
    connection::fill(th, dict)
}

fn pollfd(fd: i32) -> libc::pollfd {
    libc::pollfd { fd, events: libc::POLLIN, revents: 0 }
}

/// Whether to wait, and until when.
fn patience(th: &mut Thread, timeout: Value) -> R<(bool, Option<std::time::Instant>)> {
    if !missing(timeout) && super::util::real(th, timeout)? <= 0.0 {
        return Ok((false, None));
    }
    Ok((true, connection::until(th, timeout)?))
}

fn ready(th: &mut Thread, a: Args) -> R {
    let mut fds = [pollfd(number_of(th, a[0])?)];
    let (wait, deadline) = patience(th, a[1])?;
    let n = wait_many(th, &mut fds, wait, deadline)?;
    Ok(Value::bool(n > 0))
}

fn ended(th: &mut Thread, a: Args) -> R {
    let fd = number_of(th, a[0])?;
    let (wait, deadline) = patience(th, a[1])?;
    let at_once = wait_many(th, &mut [pollfd(fd)], false, None)? > 0;
    Ok(Value::bool(at_once || wait && door::ready(th, door::Kind::Process(fd), deadline)?))
}

fn ready_many(th: &mut Thread, a: Args) -> R {
    let Some(all) = a[0].base().cast::<List>() else { return Err(th.type_error("a list is needed")) };
    let mut fds = Vec::new();
    for i in 0..all.len.get() {
        let fd = number_of(th, list::peek(all, i).unwrap_or(Value::NONE))?;
        fds.push(pollfd(fd));
    }
    let (wait, deadline) = patience(th, a[1])?;
    wait_many(th, &mut fds, wait, deadline)?;
    if fds.iter().any(|f| f.revents & libc::POLLNVAL != 0) {
        return Err(th.os_error(libc::EBADF, Value::UNBOUND));
    }
    let out = th.list(&[])?;
    for f in fds.iter().filter(|f| f.revents != 0) {
        list::push(&mut th.heap, out.get(), Value::int(f.fd as i64))?;
    }
    Ok(out)
}

fn pidfd_open(th: &mut Thread, a: Args) -> R {
    let pid = integer(th, a[0])?;
    // SAFETY: a plain call; such descriptors are closed by exec.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid as libc::pid_t, 0) };
    if fd < 0 { Err(failed(th)) } else { Ok(Value::int(fd)) }
}

fn signalled(th: &mut Thread, _: Args) -> R {
    // SAFETY: a plain call.
    let fd = unsafe { libc::eventfd(1, libc::EFD_CLOEXEC) };
    if fd < 0 { Err(failed(th)) } else { Ok(Value::int(fd as i64)) }
}

/// Options of the command line that children get too, but for the GIL mode.
static INHERITED: OnceLock<Vec<String>> = OnceLock::new();

/// Says which options of the command line children that are started afresh get; the first call wins.
pub fn inherit(options: Vec<String>) {
    let _ = INHERITED.set(options);
}

fn options(th: &mut Thread, _: Args) -> R {
    let out = th.list(&[])?;
    let mode = format!("--gil={}", gil::mode());
    let more = INHERITED.get().map_or(&[][..], Vec::as_slice);
    for word in std::iter::once(&mode).chain(more) {
        let word = th.str(word)?;
        list::push(&mut th.heap, out.get(), word)?;
    }
    Ok(out)
}

/// Sends SIGTERM to every child: for an end that waits for nobody.
pub fn terminate_children() {
    for task in std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace().filter_map(|n| n.parse().ok()) {
            // SAFETY: a plain call about a child, which nobody has reaped.
            unsafe { libc::kill(pid, libc::SIGTERM) };
        }
    }
}

fn spawn(th: &mut Thread, a: Args) -> R {
    let (program, shown) = path(th, a[0])?;
    let words = th.to_tuple(a[1])?;
    let words = words.base().get::<Tuple>();
    let mut argv = Vec::new();
    for word in words.iter() {
        let (word, _): (CString, Value) = path(th, word)?;
        argv.push(word);
    }
    let passed = th.to_tuple(a[2])?;
    let passed = passed.base().get::<Tuple>();
    let mut fds = Vec::new();
    for fd in passed.iter() {
        let fd = number_of(th, fd)?;
        fds.push(fd);
    }
    let pointers: Vec<*mut libc::c_char> =
        argv.iter().map(|w| w.as_ptr().cast_mut()).chain([std::ptr::null_mut()]).collect();
    let mut pid = 0;
    // SAFETY: the actions are initialised before use and destroyed once; texts are terminated and arrays end with
    // null. To duplicate a descriptor onto itself is how the child is made to keep it.
    let e = unsafe {
        let mut actions = std::mem::zeroed();
        libc::posix_spawn_file_actions_init(&mut actions);
        for fd in &fds {
            libc::posix_spawn_file_actions_adddup2(&mut actions, *fd, *fd);
        }
        let e = libc::posix_spawn(
            &mut pid,
            program.as_ptr(),
            &actions,
            std::ptr::null(),
            pointers.as_ptr(),
            environ.cast(),
        );
        libc::posix_spawn_file_actions_destroy(&mut actions);
        e
    };
    if e != 0 {
        return Err(th.os_error(e, shown));
    }
    procs::started(th, pid);
    Ok(Value::int(pid as i64))
}

unsafe extern "C" {
    static environ: *const *const libc::c_char;
}
