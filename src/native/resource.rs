//! Native module `resource`: limits of the process and what it has used. Invariant: no limit is -1, as the system's
//! largest number is shown.

use super::posix::failed;
use super::seq;
use super::util::{integer, put, put_int};
use crate::heap::Value;
use crate::heap::known::C;
use crate::heap::object::Tuple;
use crate::run::{Args, Def, ModuleDef, R, Thread, class, def};
use crate::struct_seq;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "resource",
    doc: "Limits of the process and what it has used.",
    functions: FUNCTIONS,
    fill,
};

static FUNCTIONS: &[Def] = &[
    def("getrusage", "(who, /)", getrusage, "What the process, its children or this thread have used."),
    def("getrlimit", "(resource, /)", getrlimit, "The soft and the hard limit."),
    def("setrlimit", "(resource, limits, /)", setrlimit, "Set the soft and the hard limit."),
    def(
        "prlimit",
        "(pid, resource, limits=None, /)",
        prlimit,
        "The limits of any process; sets them if given.",
    ),
    def("getpagesize", "()", getpagesize, "Bytes in a page of memory."),
];

struct_seq!(USAGE, USAGE_FIELDS, "resource.struct_rusage", "What has been used.", 16, new = None,
    ["ru_utime" 0, "ru_stime" 1, "ru_maxrss" 2, "ru_ixrss" 3, "ru_idrss" 4, "ru_isrss" 5, "ru_minflt" 6,
     "ru_majflt" 7, "ru_nswap" 8, "ru_inblock" 9, "ru_oublock" 10, "ru_msgsnd" 11, "ru_msgrcv" 12,
     "ru_nsignals" 13, "ru_nvcsw" 14, "ru_nivcsw" 15]);

static USAGE_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

const NUMBERS: &[(&str, i64)] = &[
    ("RLIM_INFINITY", -1),
    ("RUSAGE_SELF", 0),
    ("RUSAGE_CHILDREN", -1),
    ("RUSAGE_THREAD", 1),
    ("RLIMIT_CPU", libc::RLIMIT_CPU as i64),
    ("RLIMIT_FSIZE", libc::RLIMIT_FSIZE as i64),
    ("RLIMIT_DATA", libc::RLIMIT_DATA as i64),
    ("RLIMIT_STACK", libc::RLIMIT_STACK as i64),
    ("RLIMIT_CORE", libc::RLIMIT_CORE as i64),
    ("RLIMIT_RSS", libc::RLIMIT_RSS as i64),
    ("RLIMIT_NPROC", libc::RLIMIT_NPROC as i64),
    ("RLIMIT_NOFILE", libc::RLIMIT_NOFILE as i64),
    ("RLIMIT_OFILE", libc::RLIMIT_NOFILE as i64),
    ("RLIMIT_MEMLOCK", libc::RLIMIT_MEMLOCK as i64),
    ("RLIMIT_AS", libc::RLIMIT_AS as i64),
    ("RLIMIT_SIGPENDING", libc::RLIMIT_SIGPENDING as i64),
    ("RLIMIT_MSGQUEUE", libc::RLIMIT_MSGQUEUE as i64),
    ("RLIMIT_NICE", libc::RLIMIT_NICE as i64),
    ("RLIMIT_RTPRIO", libc::RLIMIT_RTPRIO as i64),
    ("RLIMIT_RTTIME", libc::RLIMIT_RTTIME as i64),
];

/// How many kinds of limits there are.
const LIMITS: i64 = 16;

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for (name, n) in NUMBERS {
        put_int(th, dict, name, *n)?;
    }
    let c = usage_class(th)?;
    put(th, dict, "struct_rusage", c)?;
    put(th, dict, "error", C::OSError.v())
}

fn usage_class(th: &mut Thread) -> R {
    let known = Value(USAGE_CLASS.load(Relaxed));
    if !known.is_none() {
        return Ok(known);
    }
    let c = class::define(th, None, &USAGE)?;
    seq::finish(th, c, 16, USAGE_FIELDS)?;
    USAGE_CLASS.store(c.0, Relaxed);
    Ok(c)
}

/// What was used, as scripts see it.
pub(super) fn usage_value(th: &mut Thread, u: &libc::rusage) -> R {
    let class = usage_class(th)?;
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 * 1e-6;
    let mut all = [Value::NONE; 16];
    all[0] = th.float(seconds(u.ru_utime))?;
    all[1] = th.float(seconds(u.ru_stime))?;
    let numbers = [
        u.ru_maxrss,
        u.ru_ixrss,
        u.ru_idrss,
        u.ru_isrss,
        u.ru_minflt,
        u.ru_majflt,
        u.ru_nswap,
        u.ru_inblock,
        u.ru_oublock,
        u.ru_msgsnd,
        u.ru_msgrcv,
        u.ru_nsignals,
        u.ru_nvcsw,
        u.ru_nivcsw,
    ];
    for (slot, n) in all[2..].iter_mut().zip(numbers) {
        *slot = Value::int(n);
    }
    seq::make(th, class, 16, &all)
}

fn getrusage(th: &mut Thread, a: Args) -> R {
    let who = integer(th, a[0])?;
    // SAFETY: the call fills the struct.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        if libc::getrusage(who as i32, &mut used) != 0 {
            return Err(if super::util::errno() == libc::EINVAL {
                th.value_error("invalid who parameter")
            } else {
                failed(th, Value::UNBOUND)
            });
        }
        used
    };
    usage_value(th, &used)
}

fn shown(th: &mut Thread, l: libc::rlimit) -> R {
    let one = |n: u64| if n == libc::RLIM_INFINITY { Value::int(-1) } else { Value::int(n as i64) };
    Ok(th.tuple(&[one(l.rlim_cur), one(l.rlim_max)])?)
}

fn kind(th: &mut Thread, v: Value) -> R<u32> {
    let n = integer(th, v)?;
    if !(0..LIMITS).contains(&n) {
        return Err(th.value_error("invalid resource specified"));
    }
    Ok(n as u32)
}

fn limits(th: &mut Thread, v: Value) -> R<libc::rlimit> {
    let pair = th.to_tuple(v)?;
    let pair = pair.base().get::<Tuple>();
    if pair.len() != 2 {
        return Err(th.value_error("expected a tuple of 2 integers"));
    }
    Ok(libc::rlimit { rlim_cur: integer(th, pair.at(0))? as u64, rlim_max: integer(th, pair.at(1))? as u64 })
}

fn change(th: &mut Thread, pid: i32, which: u32, new: Option<libc::rlimit>) -> R<libc::rlimit> {
    let mut old = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let given = new.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: two structs, or null where nothing is to be set.
    if unsafe { libc::prlimit(pid, which, given, &mut old) } != 0 {
        return Err(match super::util::errno() {
            libc::EINVAL => th.value_error("current limit exceeds maximum limit"),
            libc::EPERM if pid == 0 => th.value_error("not allowed to raise maximum limit"),
            _ => failed(th, Value::UNBOUND),
        });
    }
    Ok(old)
}

fn getrlimit(th: &mut Thread, a: Args) -> R {
    let which = kind(th, a[0])?;
    let now = change(th, 0, which, None)?;
    shown(th, now)
}

fn setrlimit(th: &mut Thread, a: Args) -> R {
    let which = kind(th, a[0])?;
    let new = limits(th, a[1])?;
    change(th, 0, which, Some(new))?;
    Ok(Value::NONE)
}

fn prlimit(th: &mut Thread, a: Args) -> R {
    let (pid, which) = (integer(th, a[0])?, kind(th, a[1])?);
    let new = if super::util::missing(a[2]) { None } else { Some(limits(th, a[2])?) };
    let old = change(th, pid as i32, which, new)?;
    shown(th, old)
}

fn getpagesize(_: &mut Thread, _: Args) -> R {
    // SAFETY: a plain call.
    Ok(Value::int(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }))
}
