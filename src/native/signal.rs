//! Native module `_signal`: handlers, masks, alarms, waiting for signals; `signal` gives the numbers their names. Invariant: handlers are set in the main thread only and run
//! there (`run::signal`).

use super::posix::{descriptor, failed};
use super::posix_process::signals;
use super::seq;
use super::util::{errno, integer, integer_or, missing, put, put_int};
use crate::heap::known::C;
use crate::heap::{Kind as Cells, Value};
use crate::run::door::{self, Kind, What, Woken};
use crate::run::{Args, Def, ModuleDef, R, Thread, class, def, signal, threads};
use crate::struct_seq;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_signal",
    doc: "Handlers for the signals that the operating system sends to the process.",
    functions: FUNCTIONS,
    fill,
};

static FUNCTIONS: &[Def] = &[
    def(
        "signal",
        "(signalnum, handler, /)",
        set,
        "Set the action for the given signal; returns the previous one.",
    ),
    def("getsignal", "(signalnum, /)", get, "The current action for the given signal."),
    def("raise_signal", "(signalnum, /)", raise_signal, "Send a signal to the executing process."),
    def("pause", "()", pause, "Wait until a signal arrives."),
    def("alarm", "(seconds, /)", alarm, "Arrange for SIGALRM to arrive after the given number of seconds."),
    def(
        "setitimer",
        "(which, seconds, interval=0.0, /)",
        setitimer,
        "Set an interval timer; returns its old values.",
    ),
    def("getitimer", "(which, /)", getitimer, "The current values of an interval timer."),
    def("strsignal", "(signalnum, /)", strsignal, "The system's description of a signal."),
    def("valid_signals", "()", valid_signals, "The set of signal numbers that the platform has."),
    def(
        "siginterrupt",
        "(signalnum, flag, /)",
        siginterrupt,
        "Accepted for compatibility: an interrupted call is always resumed after the handler.",
    ),
    def(
        "pthread_sigmask",
        "(how, mask, /)",
        sigmask,
        "Change which signals this thread lets wait; the old set.",
    ),
    def("pthread_kill", "(thread_id, signalnum, /)", pthread_kill, "Send a signal to a thread."),
    def("sigpending", "()", sigpending, "The signals that have been sent and wait."),
    def("sigwait", "(sigset, /)", sigwait, "Wait for one of these signals; its number."),
    def("sigwaitinfo", "(sigset, /)", sigwaitinfo, "Wait for one of these signals; what is known of it."),
    def("sigtimedwait", "(sigset, timeout, /)", sigtimedwait, "The same; None when the time is over."),
    def(
        "set_wakeup_fd",
        "(fd, *, warn_on_full_buffer=True)",
        set_wakeup_fd,
        "Have the number of each signal written to a descriptor; gives the old one.",
    ),
    def(
        "pidfd_send_signal",
        "(pidfd, signalnum, siginfo=None, flags=0, /)",
        pidfd_send_signal,
        "Send a signal to the process behind a descriptor.",
    ),
];

struct_seq!(INFO, INFO_FIELDS, "signal.struct_siginfo", "What is known of a signal.", 7, new = None,
    ["si_signo" 0, "si_code" 1, "si_errno" 2, "si_pid" 3, "si_uid" 4, "si_status" 5, "si_band" 6]);

static INFO_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);
/// The class `ItimerError`, which the module's namespace keeps.
static ITIMER_ERROR: AtomicU64 = AtomicU64::new(Value::NONE.0);

const NUMBERS: &[(&str, i32)] = &[
    ("SIGHUP", libc::SIGHUP),
    ("SIGINT", libc::SIGINT),
    ("SIGQUIT", libc::SIGQUIT),
    ("SIGILL", libc::SIGILL),
    ("SIGTRAP", libc::SIGTRAP),
    ("SIGABRT", libc::SIGABRT),
    ("SIGBUS", libc::SIGBUS),
    ("SIGFPE", libc::SIGFPE),
    ("SIGKILL", libc::SIGKILL),
    ("SIGUSR1", libc::SIGUSR1),
    ("SIGSEGV", libc::SIGSEGV),
    ("SIGUSR2", libc::SIGUSR2),
    ("SIGPIPE", libc::SIGPIPE),
    ("SIGALRM", libc::SIGALRM),
    ("SIGTERM", libc::SIGTERM),
    ("SIGCHLD", libc::SIGCHLD),
    ("SIGCONT", libc::SIGCONT),
    ("SIGSTOP", libc::SIGSTOP),
    ("SIGTSTP", libc::SIGTSTP),
    ("SIGTTIN", libc::SIGTTIN),
    ("SIGTTOU", libc::SIGTTOU),
    ("SIGURG", libc::SIGURG),
    ("SIGXCPU", libc::SIGXCPU),
    ("SIGXFSZ", libc::SIGXFSZ),
    ("SIGVTALRM", libc::SIGVTALRM),
    ("SIGPROF", libc::SIGPROF),
    ("SIGWINCH", libc::SIGWINCH),
    ("SIGIO", libc::SIGIO),
    ("SIGSYS", libc::SIGSYS),
    ("SIGSTKFLT", libc::SIGSTKFLT),
    ("SIGPWR", libc::SIGPWR),
    ("SIGCLD", libc::SIGCHLD),
    ("SIGPOLL", libc::SIGIO),
    ("SIGIOT", libc::SIGABRT),
    ("SIG_BLOCK", libc::SIG_BLOCK),
    ("SIG_UNBLOCK", libc::SIG_UNBLOCK),
    ("SIG_SETMASK", libc::SIG_SETMASK),
    ("ITIMER_REAL", libc::ITIMER_REAL),
    ("ITIMER_VIRTUAL", libc::ITIMER_VIRTUAL),
    ("ITIMER_PROF", libc::ITIMER_PROF),
    ("SIG_DFL", 0),
    ("SIG_IGN", 1),
    ("NSIG", signal::COUNT as i32),
];

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for (name, n) in NUMBERS {
        let name = th.intern(name)?;
        th.dict_insert(dict, name, Value::int(*n as i64))?;
    }
    for (name, n) in [("SIGRTMIN", libc::SIGRTMIN()), ("SIGRTMAX", libc::SIGRTMAX())] {
        put_int(th, dict, name, n as i64)?;
    }
    let c = class::define(th, None, &INFO)?;
    seq::finish(th, c, 7, INFO_FIELDS)?;
    INFO_CLASS.store(c.0, Relaxed);
    put(th, dict, "struct_siginfo", c)?;
    let bases = th.tuple(&[C::OSError.v()])?;
    let (name, body) = (th.str("ItimerError")?, th.heap.new_dict()?);
    let module = th.str("signal")?;
    put(th, body, "__module__", module)?;
    let timer_error = th.call(C::type_.v(), &[name, bases, body])?;
    put(th, dict, "ItimerError", timer_error)?;
    ITIMER_ERROR.store(timer_error.0, Relaxed);
    signal::on_frame(super::sys::current_frame);
    // The one that is in force, so that scripts can compare it.
    let f = match signal::handler(libc::SIGINT as u32) {
        h if h.is_kind(Cells::Native) => h,
        _ => th.native(&signal::DEFAULT_INT, Value::UNBOUND, Value::NONE)?,
    };
    let name = th.intern("default_int_handler")?;
    th.dict_insert(dict, name, f)
}

/// The signal number that `v` stands for.
fn number(th: &mut Thread, v: Value) -> R<u32> {
    let n = super::thread::integer(th, v)?;
    if n < 1 || n >= signal::COUNT as i64 {
        return Err(th.value_error("signal number out of range"));
    }
    Ok(n as u32)
}

fn set(th: &mut Thread, a: Args) -> R {
    if !threads::is_main(&th.shared) {
        return Err(th.value_error("signal only works in main thread of the main interpreter"));
    }
    let n = number(th, a[0])?;
    let mut h = a[1];
    if !super::thread::callable(th, h) {
        h = match h {
            signal::DEFAULT | signal::IGNORE => h,
            _ => {
                let text = "signal handler must be signal.SIG_IGN, signal.SIG_DFL, or a callable object";
                return Err(th.type_error(text));
            }
        };
    }
    if signal::waiting(&th.shared) {
        signal::run_pending(th)?;
    }
    signal::set_handler(n, h).map_err(|e| th.os_error(e, Value::UNBOUND))
}

fn get(th: &mut Thread, a: Args) -> R {
    let n = number(th, a[0])?;
    Ok(signal::handler(n))
}

fn raise_signal(th: &mut Thread, a: Args) -> R {
    let n = number(th, a[0])?;
    // SAFETY: sends a signal to this process.
    if unsafe { libc::raise(n as i32) } != 0 {
        return Err(last_error(th));
    }
    if signal::waiting(&th.shared) {
        signal::run_pending(th)?;
    }
    Ok(Value::NONE)
}

fn last_error(th: &mut Thread) -> crate::run::Raised {
    let e = std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL);
    th.os_error(e, Value::UNBOUND)
}

fn pause(th: &mut Thread, _: Args) -> R {
    loop {
        let what = What { kind: Kind::Sleep, object: 0, deadline: None, still: None };
        if door::wait(th, what) == Woken::Signal {
            signal::run_pending(th)?;
            return Ok(Value::NONE);
        }
    }
}

fn alarm(th: &mut Thread, a: Args) -> R {
    let n = super::thread::integer(th, a[0])?;
    // SAFETY: no pointers.
    Ok(Value::int(unsafe { libc::alarm(n.clamp(0, u32::MAX as i64) as u32) } as i64))
}

fn timeval(x: f64) -> libc::timeval {
    let x = x.max(0.0);
    libc::timeval { tv_sec: x as libc::time_t, tv_usec: (x.fract() * 1e6) as libc::suseconds_t }
}

fn pair(th: &mut Thread, t: libc::itimerval) -> R {
    let number = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    let left = th.float(number(t.it_value))?;
    let every = th.float(number(t.it_interval))?;
    Ok(th.tuple(&[left, every])?)
}

fn setitimer(th: &mut Thread, a: Args) -> R {
    let which = super::thread::integer(th, a[0])?;
    let seconds = super::thread::seconds(th, a[1])?;
    let every = if a[2].is_unbound() { 0.0 } else { super::thread::seconds(th, a[2])? };
    let new = libc::itimerval { it_value: timeval(seconds), it_interval: timeval(every) };
    let mut old = new;
    // SAFETY: two valid timer values.
    if unsafe { libc::setitimer(which as _, &new, &mut old) } != 0 {
        return Err(timer_error(th));
    }
    pair(th, old)
}

fn getitimer(th: &mut Thread, a: Args) -> R {
    let which = super::thread::integer(th, a[0])?;
    let mut now = libc::itimerval { it_value: timeval(0.0), it_interval: timeval(0.0) };
    // SAFETY: a valid timer value to write to.
    if unsafe { libc::getitimer(which as _, &mut now) } != 0 {
        return Err(timer_error(th));
    }
    pair(th, now)
}

fn strsignal(th: &mut Thread, a: Args) -> R {
    let n = number(th, a[0])?;
    // SAFETY: the text is static or belongs to this thread; it is copied at once.
    let text = unsafe {
        let p = libc::strsignal(n as i32);
        if p.is_null() { None } else { Some(std::ffi::CStr::from_ptr(p).to_string_lossy().into_owned()) }
    };
    match text {
        Some(t) => Ok(th.str(&t)?),
        None => Ok(Value::NONE),
    }
}

fn valid_signals(th: &mut Thread, _: Args) -> R {
    // The C library keeps the two below SIGRTMIN for itself.
    let all: Vec<i64> = (1..signal::COUNT as i64).filter(|n| !(32..34).contains(n)).collect();
    let mut numbers = [Value::NONE; signal::COUNT];
    for (to, n) in numbers.iter_mut().zip(&all) {
        *to = Value::int(*n);
    }
    let t = th.tuple(&numbers[..all.len()])?;
    let set = crate::heap::known::C::set.v();
    th.call(set, &[t])
}

fn siginterrupt(th: &mut Thread, a: Args) -> R {
    number(th, a[0])?;
    Ok(Value::NONE)
}

/// The `ItimerError` of a failed call.
fn timer_error(th: &mut Thread) -> crate::run::Raised {
    let e = errno();
    let made =
        th.str(&std::io::Error::from_raw_os_error(e).to_string()).map_err(Into::into).and_then(|text| {
            let text = th.str_text(text)?;
            let text = th.str(text.split(" (os error").next().unwrap_or_default())?;
            th.call(Value(ITIMER_ERROR.load(Relaxed)), &[Value::int(e as i64), text])
        });
    match made {
        Ok(exc) => th.raise_value(exc),
        Err(r) => r,
    }
}

/// A set of numbers from a set of signals.
fn numbers(th: &mut Thread, set: &libc::sigset_t) -> R {
    let all = th.list(&[])?;
    for n in 1..signal::COUNT as i32 {
        // SAFETY: a number in range.
        if unsafe { libc::sigismember(set, n) } == 1 {
            crate::heap::list::push(&mut th.heap, all.get(), Value::int(n as i64))?;
        }
    }
    th.call(C::set.v(), &[all])
}

fn sigmask(th: &mut Thread, a: Args) -> R {
    let how = integer(th, a[0])? as i32;
    let set = signals(th, a[1])?;
    // SAFETY: two sets.
    let (e, old) = unsafe {
        let mut old: libc::sigset_t = std::mem::zeroed();
        (libc::pthread_sigmask(how, &set, &mut old), old)
    };
    if e != 0 {
        return Err(th.os_error(e, Value::UNBOUND));
    }
    if signal::waiting(&th.shared) {
        signal::run_pending(th)?;
    }
    numbers(th, &old)
}

fn pthread_kill(th: &mut Thread, a: Args) -> R {
    let (ident, n) = (integer(th, a[0])?, integer(th, a[1])?);
    let target = threads::number_of(ident as u64).and_then(threads::shared);
    let Some(target) = target else { return Err(th.os_error(libc::ESRCH, Value::UNBOUND)) };
    let tid = target.native_id.load(Relaxed);
    // SAFETY: numbers only.
    if unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid as i32, n as i32) } != 0 {
        return Err(last_error(th));
    }
    if signal::waiting(&th.shared) {
        signal::run_pending(th)?;
    }
    Ok(Value::NONE)
}

fn sigpending(th: &mut Thread, _: Args) -> R {
    // SAFETY: the call fills the set.
    let set = unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        if libc::sigpending(&mut set) != 0 {
            return Err(failed(th, Value::UNBOUND));
        }
        set
    };
    numbers(th, &set)
}

/// Waits for one of the signals; `None` when the time is over.
fn wait_for(th: &mut Thread, set: &libc::sigset_t, deadline: Option<Instant>) -> R<Option<libc::siginfo_t>> {
    loop {
        let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
        let (n, e, info) = door::opaque(th, Kind::Sleep, || {
            let time = left.map(|d: Duration| libc::timespec {
                tv_sec: d.as_secs() as libc::time_t,
                tv_nsec: d.subsec_nanos() as libc::c_long,
            });
            let time = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
            // SAFETY: a set, a struct to fill, and a time or null.
            unsafe {
                let mut info: libc::siginfo_t = std::mem::zeroed();
                (libc::sigtimedwait(set, &mut info, time), errno(), info)
            }
        });
        match (n, e) {
            (1.., _) => return Ok(Some(info)),
            (_, libc::EAGAIN) => return Ok(None),
            (_, libc::EINTR) => signal::run_pending(th)?,
            (_, e) => return Err(th.os_error(e, Value::UNBOUND)),
        }
    }
}

fn sigwait(th: &mut Thread, a: Args) -> R {
    let set = signals(th, a[0])?;
    let got = wait_for(th, &set, None)?;
    Ok(got.map_or(Value::NONE, |i| Value::int(i.si_signo as i64)))
}

fn info_value(th: &mut Thread, info: Option<libc::siginfo_t>) -> R {
    let Some(i) = info else { return Ok(Value::NONE) };
    // SAFETY: fields that are numbers in every form of the struct.
    let (pid, uid, status) = unsafe { (i.si_pid(), i.si_uid(), i.si_status()) };
    let all =
        [i.si_signo as i64, i.si_code as i64, i.si_errno as i64, pid as i64, uid as i64, status as i64, 0];
    seq::make(th, Value(INFO_CLASS.load(Relaxed)), 7, &all.map(Value::int))
}

fn sigwaitinfo(th: &mut Thread, a: Args) -> R {
    let set = signals(th, a[0])?;
    let got = wait_for(th, &set, None)?;
    info_value(th, got)
}

fn sigtimedwait(th: &mut Thread, a: Args) -> R {
    let set = signals(th, a[0])?;
    let seconds = super::thread::seconds(th, a[1])?;
    if seconds < 0.0 {
        return Err(th.value_error("timeout must be non-negative"));
    }
    let got = wait_for(th, &set, door::deadline(seconds))?;
    info_value(th, got)
}

fn set_wakeup_fd(th: &mut Thread, a: Args) -> R {
    if !threads::is_main(&th.shared) {
        return Err(th.value_error("set_wakeup_fd only works in main thread of the main interpreter"));
    }
    let fd = descriptor(th, a[0])?;
    if fd != -1 {
        // SAFETY: a plain call.
        let flags = unsafe { libc::fcntl(fd, libc::F_GETFL) };
        if flags < 0 {
            return Err(failed(th, Value::UNBOUND));
        }
        if flags & libc::O_NONBLOCK == 0 {
            return Err(th.value_error(format!("the fd {fd} must be in non-blocking mode")));
        }
    }
    Ok(Value::int(signal::set_wakeup(fd) as i64))
}

fn pidfd_send_signal(th: &mut Thread, a: Args) -> R {
    let (fd, n, flags) = (descriptor(th, a[0])?, integer(th, a[1])?, integer_or(th, a[3], 0)?);
    if !missing(a[2]) {
        return Err(th.type_error("siginfo must be None"));
    }
    // SAFETY: numbers only; no further information is given.
    let rc = unsafe {
        let none = std::ptr::null::<libc::siginfo_t>();
        libc::syscall(libc::SYS_pidfd_send_signal, fd, n as i32, none, flags as libc::c_uint)
    };
    super::posix::done(th, rc as libc::c_int, Value::UNBOUND)
}
