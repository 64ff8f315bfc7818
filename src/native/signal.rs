//! Native module `signal`: handlers, numbers, alarms. Invariant: handlers are set in the main thread only and run
//! there (`run::signal`).

use crate::heap::{Kind as Cells, Value};
use crate::run::door::{self, Kind, What, Woken};
use crate::run::{Args, Def, ModuleDef, R, Thread, def, signal, threads};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "signal",
    doc: "Handlers for the signals that the operating system sends to the process.",
    functions: &FUNCTIONS,
    fill,
};

static FUNCTIONS: [Def; 10] = [
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
];

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
        return Err(last_error(th));
    }
    pair(th, old)
}

fn getitimer(th: &mut Thread, a: Args) -> R {
    let which = super::thread::integer(th, a[0])?;
    let mut now = libc::itimerval { it_value: timeval(0.0), it_interval: timeval(0.0) };
    // SAFETY: a valid timer value to write to.
    if unsafe { libc::getitimer(which as _, &mut now) } != 0 {
        return Err(last_error(th));
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
