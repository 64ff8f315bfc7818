//! Built-ins whose body is a library module, loaded when they are first called: `spawn`,
//! `process`, `lock`, `queue` and `pool`,
//! and what the compiler calls for type parameters. Programs which do not use them start as quickly as before.

use crate::run::{Args, Def, R, Thread, def, import};

/// Rows for the builtins module.
pub static FUNCTIONS: &[Def] = &[
    def("spawn", "(*args, **kwargs)", spawn, "Run f(*args, **kwargs) in a new thread and return its handle."),
    def(
        "process",
        "(*args, **kwargs)",
        process,
        "Run f(*args, **kwargs) in a new process and return its handle.",
    ),
    def("lock", "(*args, **kwargs)", lock, "A new lock: use it in `with`, or acquire() and release() it."),
    def("queue", "(*args, **kwargs)", queue, "A new first-in first-out queue: put() and get()."),
    def("pool", "(*args, **kwargs)", pool, "A new pool of workers: map(), imap() and submit()."),
    def("__type_param__", "(*args, **kwargs)", type_param, ""),
    def("__type_generic__", "(*args, **kwargs)", type_generic, ""),
    def("__type_alias__", "(*args, **kwargs)", type_alias, ""),
];

fn forward(th: &mut Thread, module: &str, what: &str, a: Args) -> R {
    let (args, kwargs) = (a[0], a[1]);
    let module = import::import_full(th, module)?;
    let key = th.intern(what)?;
    let f = th.getattr(module, key)?;
    th.call_ex(f, args, kwargs)
}

fn spawn(th: &mut Thread, a: Args) -> R {
    forward(th, "_concurrency", "spawn", a)
}

fn process(th: &mut Thread, a: Args) -> R {
    forward(th, "_concurrency", "process", a)
}

fn lock(th: &mut Thread, a: Args) -> R {
    forward(th, "_concurrency", "lock", a)
}

fn queue(th: &mut Thread, a: Args) -> R {
    forward(th, "_concurrency", "queue", a)
}

fn pool(th: &mut Thread, a: Args) -> R {
    forward(th, "_concurrency", "pool", a)
}

fn type_param(th: &mut Thread, a: Args) -> R {
    forward(th, "_type_params", "type_param", a)
}

fn type_generic(th: &mut Thread, a: Args) -> R {
    forward(th, "_type_params", "type_generic", a)
}

fn type_alias(th: &mut Thread, a: Args) -> R {
    forward(th, "_type_params", "type_alias", a)
}
