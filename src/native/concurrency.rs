//! The built-ins `spawn`, `lock` and `queue`: they load the library module behind them when first called, so that
//! programs which do not use them start as quickly as before.

use crate::run::{Args, Def, R, Thread, def, import};

/// Rows for the builtins module.
pub static FUNCTIONS: &[Def] = &[
    def("spawn", "(*args, **kwargs)", spawn, "Run f(*args, **kwargs) in a new thread and return its handle."),
    def("lock", "(*args, **kwargs)", lock, "A new lock: use it in `with`, or acquire() and release() it."),
    def("queue", "(*args, **kwargs)", queue, "A new first-in first-out queue for threads: put() and get()."),
];

fn forward(th: &mut Thread, what: &str, a: Args) -> R {
    let (args, kwargs) = (a[0], a[1]);
    let module = import::import_full(th, "_concurrency")?;
    let key = th.intern(what)?;
    let f = th.getattr(module, key)?;
    th.call_ex(f, args, kwargs)
}

fn spawn(th: &mut Thread, a: Args) -> R {
    forward(th, "spawn", a)
}

fn lock(th: &mut Thread, a: Args) -> R {
    forward(th, "lock", a)
}

fn queue(th: &mut Thread, a: Args) -> R {
    forward(th, "queue", a)
}

