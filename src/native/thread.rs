//! Native module `_thread`: starting threads, handles to join them, locks, thread-local objects. Invariant: what
//! blocks here blocks in the door (`run::door`); the module owns no state but its classes' shapes.

use super::{local, lock, notes, queue_log, seq};
use crate::heap::Value;
use crate::heap::cell::Kind;
use crate::heap::known::C;
use crate::heap::object::{Dict, Float, Str, Tuple};
use crate::run::slots::GetSet;
use crate::run::threads::{self, Handle};
use crate::run::{
    Args, ClassDef, Def, ModuleDef, PLAIN, R, Thread, backtrace, class, def, door, get, show, signal,
};
use crate::struct_seq;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_thread",
    doc: "This module provides primitive operations to write multi-threaded programs.",
    functions: &FUNCTIONS,
    fill,
};

static FUNCTIONS: [Def; 24] = [
    def("allocate_lock", "()", lock::allocate, "Create a new lock object."),
    def("allocate", "()", lock::allocate, "An obsolete synonym of allocate_lock()."),
    def(
        "start_new_thread",
        "(function, args, kwargs={}, /)",
        start_new,
        "Start a new thread and return its identifier.",
    ),
    def(
        "start_new",
        "(function, args, kwargs={}, /)",
        start_new,
        "An obsolete synonym of start_new_thread().",
    ),
    def(
        "start_joinable_thread",
        "(function, handle=None, daemon=True)",
        start_joinable,
        "Start a new thread and return a handle by which it can be joined.",
    ),
    def("get_ident", "()", get_ident, "A number that identifies the current thread."),
    def(
        "get_native_id",
        "()",
        get_native_id,
        "The number that the operating system gave the current thread.",
    ),
    def("_context", "()", context, "The context in which the current thread runs, or None."),
    def(
        "_enter_context",
        "(context, /)",
        enter_context,
        "Make it that, or say that its values have changed.",
    ),
    def("_get_main_thread_ident", "()", main_ident, "The main thread's identifier."),
    def("_is_main_interpreter", "()", yes, "Whether this is the main interpreter."),
    def("daemon_threads_allowed", "()", yes, "Whether daemon threads may be started."),
    def("_count", "()", count, "How many threads are running that were started by this module."),
    def("stack_size", "(size=0, /)", stack_size, "The native stack size of new threads; sets it if given."),
    def("set_name", "(name)", set_name, "Name the current thread for the system's tools and for reports."),
    def("exit", "()", exit, "Raise SystemExit: ends the thread silently."),
    def("exit_thread", "()", exit, "An obsolete synonym of exit()."),
    def("interrupt_main", "(signum=2, /)", interrupt_main, "Simulate a signal in the main thread."),
    def("_shutdown", "()", shutdown, "Wait for the joinable threads that are not daemons."),
    def("_dump", "(all_threads=True)", notes::dump, "What threads are doing, as text."),
    def("_unseen", "(text, /)", notes::note, "Note an exception that somebody should ask for: a ticket."),
    def("_seen", "(ticket, /)", notes::seen, "Take that back: somebody asked."),
    def(
        "_process",
        "(pid, name=None, cost=0, tasks=0, sent=0, received=0)",
        notes::process,
        "Tell reports about a process.",
    ),
    def("_excepthook", "(args, /)", excepthook, "Report an exception that ended a thread."),
];

static HANDLE: ClassDef = ClassDef {
    name: "_thread._ThreadHandle",
    doc: "By this a thread is joined.",
    slots: |s| {
        s.new = Some(handle_new);
        s.repr = Some(handle_repr);
    },
    methods: &HANDLE_METHODS,
    getset: HANDLE_FIELDS,
    kind: Kind::Record,
    ..PLAIN
};

static HANDLE_METHODS: [Def; 3] = [
    def("join", "($self, timeout=None)", handle_join, "Wait until the thread has ended."),
    def("is_done", "($self)", handle_done, "Whether the thread has ended."),
    def("_set_done", "($self)", handle_set_done, "Say that the thread has ended."),
];

static HANDLE_FIELDS: &[GetSet] = &[get("ident", handle_ident, "The thread's identifier.")];

struct_seq!(HOOK_ARGS, HOOK_FIELDS, "_thread._ExceptHookArgs", "What threading.excepthook is told.", 4,
    new = Some(hook_new), ["exc_type" 0, "exc_value" 1, "exc_traceback" 2, "thread" 3]);

/// Classes that functions here need, as values; their shapes keep them alive.
static HANDLE_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);
static HOOK_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let (lock, rlock) = lock::classes(th)?;
    let handle = class::define(th, None, &HANDLE)?;
    HANDLE_CLASS.store(handle.0, Relaxed);
    let hook = class::define(th, None, &HOOK_ARGS)?;
    seq::finish(th, hook, 4, HOOK_FIELDS)?;
    HOOK_CLASS.store(hook.0, Relaxed);
    let local = local::class(th)?;
    let max = th.float(lock::TIMEOUT_MAX)?;
    let log = queue_log::class(th)?;
    let rows = [
        ("_QueueLog", log),
        ("lock", lock),
        ("LockType", lock),
        ("RLock", rlock),
        ("_ThreadHandle", handle),
        ("_ExceptHookArgs", hook),
        ("_local", local),
        ("error", C::RuntimeError.v()),
        ("TIMEOUT_MAX", max),
    ];
    for (name, v) in rows {
        let name = th.intern(name)?;
        th.dict_insert(dict, name, v)?;
    }
    Ok(())
}

/// Whether `v` can be called.
pub(super) fn callable(th: &mut Thread, v: Value) -> bool {
    matches!(v.kind(), Kind::Function | Kind::Native | Kind::Method | Kind::Class)
        || class::slots(th.class_of(v)).call.is_some()
}

/// `v` as an int that fits.
pub(super) fn integer(th: &mut Thread, v: Value) -> R<i64> {
    Ok(th.index(v)? as i64)
}

/// `v` as a number of seconds.
pub(super) fn seconds(th: &mut Thread, v: Value) -> R<f64> {
    let x = if v.is_int() {
        v.as_int() as f64
    } else if v.is_float() {
        v.as_float()
    } else if let Some(f) = class::slots(th.class_of(v)).float.filter(|_| v.like::<Str>().is_none()) {
        let f = f(th, v)?;
        match f.cast::<Float>() {
            Some(far) => f64::from_bits(far.bits.get() as u64),
            None => f.as_float(),
        }
    } else {
        th.index(v)? as f64
    };
    if x.is_nan() { Err(th.value_error("Invalid value NaN (not a number)")) } else { Ok(x) }
}

fn start_new(th: &mut Thread, a: Args) -> R {
    if !callable(th, a[0]) {
        return Err(th.type_error("first arg must be callable"));
    }
    if a[1].like::<Tuple>().is_none() {
        return Err(th.type_error("2nd arg must be a tuple"));
    }
    if !a[2].is_unbound() && a[2].like::<Dict>().is_none() {
        return Err(th.type_error("optional 3rd arg must be a dictionary"));
    }
    let kwargs = if a[2].is_unbound() { a[2] } else { a[2].base() };
    let n = threads::start(th, a[0], a[1].base(), kwargs, Value::NONE)?;
    Ok(th.heap.uint(threads::ident(n))?)
}

fn start_joinable(th: &mut Thread, a: Args) -> R {
    if !callable(th, a[0]) {
        return Err(th.type_error("thread function must be callable"));
    }
    let class = Value(HANDLE_CLASS.load(Relaxed));
    let handle = match a[1] {
        Value::UNBOUND | Value::NONE => Handle::make(th, lock::shape_of(class))?,
        h if th.class_of(h) == class => h,
        _ => return Err(th.type_error("'handle' must be a _ThreadHandle")),
    };
    let daemon = if a[2].is_unbound() { true } else { th.truth(a[2])? };
    if !handle.get::<Handle>().claim() {
        return Err(th.runtime_error("thread already started"));
    }
    handle.get::<Handle>().set_daemon(daemon);
    let empty = crate::heap::known::S::empty_tuple.v();
    threads::start(th, a[0], empty, Value::UNBOUND, handle)?;
    Ok(handle)
}

fn get_ident(th: &mut Thread, _: Args) -> R {
    Ok(th.heap.uint(th.shared.ident)?)
}

fn context(th: &mut Thread, _: Args) -> R {
    Ok(if th.context.is_unbound() { Value::NONE } else { th.context })
}

fn enter_context(th: &mut Thread, a: Args) -> R {
    th.context = a[0];
    th.decimal = Value::UNBOUND;
    Ok(Value::NONE)
}

fn get_native_id(th: &mut Thread, _: Args) -> R {
    Ok(th.heap.uint(th.shared.native_id.load(Relaxed))?)
}

fn main_ident(th: &mut Thread, _: Args) -> R {
    let ident = threads::main_shared().map_or(0, |m| m.ident);
    Ok(th.heap.uint(ident)?)
}

fn yes(_: &mut Thread, _: Args) -> R {
    Ok(Value::TRUE)
}

fn count(_: &mut Thread, _: Args) -> R {
    Ok(Value::int(threads::alive() as i64 - 1))
}

fn stack_size(th: &mut Thread, a: Args) -> R {
    let old = Value::int(threads::stack_size() as i64);
    if !a[0].is_unbound() {
        let n = integer(th, a[0])?;
        if n < 0 {
            return Err(th.value_error("size must be 0 or a positive value"));
        }
        if !threads::set_stack_size(n as usize) {
            let least = threads::LEAST_STACK;
            return Err(th.value_error(format!("size must be at least {least} bytes")));
        }
    }
    Ok(old)
}

fn set_name(th: &mut Thread, a: Args) -> R {
    let name = th.str_text(a[0])?;
    threads::set_name(th, &name);
    Ok(Value::NONE)
}

fn exit(th: &mut Thread, _: Args) -> R {
    let e = th.exception(C::SystemExit, &[])?;
    Err(th.raise_value(e))
}

fn interrupt_main(th: &mut Thread, a: Args) -> R {
    let n = if a[0].is_unbound() { libc::SIGINT as i64 } else { integer(th, a[0])? };
    if n < 1 || n >= signal::COUNT as i64 {
        return Err(th.value_error("signal number out of range"));
    }
    let h = signal::handler(n as u32);
    if h != signal::DEFAULT && h != signal::IGNORE {
        signal::trip(n as u32);
    }
    Ok(Value::NONE)
}

fn shutdown(th: &mut Thread, _: Args) -> R {
    while let Some(handle) = threads::unfinished(th) {
        handle.get::<Handle>().join(th, None)?;
    }
    Ok(Value::NONE)
}

fn handle_new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    Handle::make(th, lock::shape_of(cls))
}

fn handle_repr(th: &mut Thread, v: Value) -> R {
    let ident = v.get::<Handle>().number().map_or(0, threads::ident);
    Ok(th.str(&format!("<_ThreadHandle object: ident={ident}>"))?)
}

fn handle_ident(th: &mut Thread, v: Value) -> R {
    let ident = v.get::<Handle>().number().map_or(0, threads::ident);
    Ok(th.heap.uint(ident)?)
}

fn handle_join(th: &mut Thread, a: Args) -> R {
    let h = a[0].get::<Handle>();
    let deadline = match a[1] {
        Value::UNBOUND | Value::NONE => None,
        t => {
            let s = seconds(th, t)?;
            if s > lock::TIMEOUT_MAX {
                return Err(th.overflow_error("timestamp out of range for C PyTime_t"));
            }
            if s < 0.0 { None } else { door::deadline(s) }
        }
    };
    if !h.started() {
        return Err(th.runtime_error("thread not started"));
    }
    if h.number() == Some(th.shared.number) && !h.done() {
        return Err(th.runtime_error("Cannot join current thread"));
    }
    h.join(th, deadline)?;
    Ok(Value::NONE)
}

fn handle_done(_: &mut Thread, a: Args) -> R {
    Ok(Value::bool(a[0].get::<Handle>().done()))
}

fn handle_set_done(th: &mut Thread, a: Args) -> R {
    a[0].get::<Handle>().set_done(th);
    Ok(Value::NONE)
}

fn hook_new(th: &mut Thread, cls: Value, args: Value, _: Value) -> R {
    let given = args.get::<Tuple>();
    if given.len() != 1 {
        return Err(th.type_error("_ExceptHookArgs() takes a 4-sequence"));
    }
    let items = th.to_tuple(given.at(0))?;
    let items = items.get::<Tuple>();
    if items.len() != 4 {
        let text = format!("_thread._ExceptHookArgs() takes a 4-sequence ({}-sequence given)", items.len());
        return Err(th.type_error(text));
    }
    th.failed = items.at(0) != C::SystemExit.v();
    let items: [Value; 4] = std::array::from_fn(|i| items.at(i));
    seq::make(th, cls, 4, &items)
}

fn excepthook(th: &mut Thread, a: Args) -> R {
    if th.class_of(a[0]).0 != HOOK_CLASS.load(Relaxed) {
        return Err(th.type_error("_thread._excepthook argument type must be ExceptHookArgs"));
    }
    let told = a[0].get::<Tuple>();
    let (class, exc, thread) = (told.at(0), told.at(1), told.at(3));
    if class == C::SystemExit.v() {
        return Ok(Value::NONE);
    }
    let name = if thread.is_none() {
        th.shared.ident.to_string()
    } else {
        let name = th.intern("name")?;
        let name = th.getattr(thread, name)?;
        th.str_text(name)?
    };
    let text = backtrace::exception_text(th, exc);
    show::stderr(th, &format!("Exception in thread {name}:\n{text}"));
    Ok(Value::NONE)
}
