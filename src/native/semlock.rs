//! Class `_multiprocessing.SemLock`: the locks and semaphores that processes share. Invariant: word 0 of its cell is
//! how often it may still be acquired, word 1 how many threads may be waiting for that; who holds it how often is each
//! process's own knowledge, and a child of a fork holds nothing.

use super::shared_cells::{Cell, forks, take, take_in_time, wake};
use super::util::{as_float, bind, class_attr, errno, integer, missing, put, real, shape_of};
use crate::heap::known::C;
use crate::heap::object::{Boxed, Class, Tuple};
use crate::heap::{Kind, Value};
use crate::run::door::{self, Kind as Wait};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Raised, Thread, class, def, get};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::*};
use std::time::Instant;

/// May be acquired again by its holder.
const RECURSIVE_MUTEX: i64 = 0;
const SEMAPHORE: i64 = 1;
/// Highest value of a semaphore.
const VALUE_MAX: i64 = i32::MAX as i64;

struct Sem {
    cell: Cell,
    recursive: bool,
    max: u32,
    /// How often this process holds it, as far as it acquired it itself.
    count: AtomicU32,
    /// The thread that acquired it last.
    owner: AtomicU64,
    /// The process in which `count` and `owner` are true.
    forks: AtomicU32,
}

static DEF: ClassDef = ClassDef {
    name: "_multiprocessing.SemLock",
    doc: "A lock or semaphore that processes share.",
    slots: |s| s.new = Some(new),
    methods: METHODS,
    getset: &[
        get("handle", |th, v| Ok(th.heap.uint(sem(v).cell.handle())?), "A number for it in this process."),
        get("kind", |_, v| Ok(Value::int(!sem(v).recursive as i64)), "RECURSIVE_MUTEX or SEMAPHORE."),
        get("maxvalue", |_, v| Ok(Value::int(sem(v).max as i64)), "Its highest value."),
        get("name", |_, _| Ok(Value::NONE), "None: it has no name that would have to be removed."),
    ],
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def(
        "acquire",
        "($self, /, block=True, timeout=None)",
        acquire,
        "Acquire it, waiting if asked to; whether it was.",
    ),
    def("release", "($self, /)", release, "Release it."),
    def("locked", "($self, /)", is_zero, "Whether it cannot be acquired now."),
    def("__enter__", "($self, /)", enter, "Acquire it."),
    def("__exit__", "($self, exc_type=None, exc_value=None, exc_tb=None, /)", release, "Release it."),
    def(
        "_count",
        "($self, /)",
        |_, a| Ok(Value::int(held(sem(a[0])) as i64)),
        "How often this process holds it.",
    ),
    def(
        "_is_mine",
        "($self, /)",
        |th, a| Ok(Value::bool(mine(th, sem(a[0])))),
        "Whether this thread holds it.",
    ),
    def("_get_value", "($self, /)", get_value, "How often it can be acquired now."),
    def("_is_zero", "($self, /)", is_zero, "Whether it cannot be acquired now."),
    def("_after_fork", "($self, /)", after_fork, "Forget who holds it."),
    def("_share", "($self, /)", share, "Descriptor and index by which another process attaches itself."),
];

pub(super) fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &DEF)?;
    class_attr(th, c, "SEM_VALUE_MAX", Value::int(VALUE_MAX))?;
    class_attr(th, c, "RECURSIVE_MUTEX", Value::int(RECURSIVE_MUTEX))?;
    class_attr(th, c, "SEMAPHORE", Value::int(SEMAPHORE))?;
    put(th, dict, "SemLock", c)
}

fn sem(v: Value) -> &'static Sem {
    v.base().get::<Boxed>().payload::<Sem>().expect("the class makes its instances")
}

/// The cell that `(descriptor, index)` names, or a new one.
pub(super) fn cell_of(th: &mut Thread, shared: Value) -> R<(Cell, bool)> {
    let made = if missing(shared) {
        Cell::make()
    } else {
        let Some(t) = shared.base().cast::<Tuple>().filter(|t| t.len() == 2) else {
            return Err(th.type_error("a pair of descriptor and index is needed"));
        };
        let (fd, index) = (integer(th, t.at(0))?, integer(th, t.at(1))?);
        Cell::attach(fd as i32, index as usize)
    };
    match made {
        Ok(cell) => Ok((cell, missing(shared))),
        Err(e) => Err(th.os_error(e, Value::UNBOUND)),
    }
}

/// An instance of `cls`, a class made here or one derived from it.
pub(super) fn instance<T: std::any::Any + Send + Sync>(th: &mut Thread, cls: Value, payload: T) -> R {
    let solid = cls.get::<Class>().solid.get();
    let v = th.heap.boxed(shape_of(solid), Box::new(payload), 128)?;
    if cls == solid { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

/// The pair that `cell_of` takes.
pub(super) fn share_cell(th: &mut Thread, cell: &Cell) -> R {
    let (fd, index) = cell.name();
    Ok(th.tuple(&[Value::int(fd as i64), Value::int(index as i64)])?)
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let names = ["kind", "value", "maxvalue", "shared"];
    let [kind, value, max, shared] = bind(th, "SemLock", names, 3, args, kwargs)?;
    let (kind, value, max) = (integer(th, kind)?, integer(th, value)?, integer(th, max)?);
    if !(RECURSIVE_MUTEX..=SEMAPHORE).contains(&kind) {
        return Err(th.value_error("unrecognized kind"));
    }
    if value < 0 || value > max || max > VALUE_MAX {
        return Err(th.os_error(libc::EINVAL, Value::UNBOUND));
    }
    let (cell, fresh) = cell_of(th, shared)?;
    if fresh {
        cell.word(0).store(value as u32, SeqCst);
    }
    let fresh = Sem {
        cell,
        recursive: kind == RECURSIVE_MUTEX,
        max: max as u32,
        count: AtomicU32::new(0),
        owner: AtomicU64::new(0),
        forks: AtomicU32::new(forks()),
    };
    instance(th, cls, fresh)
}

fn share(th: &mut Thread, a: Args) -> R {
    share_cell(th, &sem(a[0]).cell)
}

/// How often this process holds it.
fn held(s: &Sem) -> u32 {
    if s.forks.load(Relaxed) == forks() { s.count.load(Relaxed) } else { 0 }
}

fn mine(th: &Thread, s: &Sem) -> bool {
    held(s) > 0 && s.owner.load(Relaxed) == th.shared.ident
}

fn acquired(th: &Thread, s: &Sem) {
    let n = held(s);
    s.owner.store(th.shared.ident, Relaxed);
    s.forks.store(forks(), Relaxed);
    s.count.store(n + 1, Relaxed);
}

/// How long to wait: `None` not at all, else until then or for ever.
pub(super) fn patience(th: &mut Thread, block: Value, timeout: Value) -> R<Option<Option<Instant>>> {
    if !block.is_unbound() && !th.truth(block)? {
        return Ok(None);
    }
    if missing(timeout) {
        return Ok(Some(None));
    }
    let seconds = match as_float(timeout) {
        Some(x) => x,
        None => real(th, timeout)?,
    };
    Ok(if seconds > 0.0 { Some(door::deadline(seconds)) } else { None })
}

fn take_slowly(th: &mut Thread, s: &Sem, deadline: Option<Instant>) -> R<bool> {
    s.cell.word(1).fetch_add(1, SeqCst);
    // Not as a lock: those are objects of this process, and reports ask them who holds them.
    let r = take_in_time(th, s.cell.word(0), Wait::Semaphore, deadline);
    s.cell.word(1).fetch_sub(1, SeqCst);
    r
}

fn acquire(th: &mut Thread, a: Args) -> R {
    let s = sem(a[0]);
    if s.recursive && mine(th, s) {
        acquired(th, s);
        return Ok(Value::TRUE);
    }
    let wait = if a.n == 1 { Some(None) } else { patience(th, a[1], a[2])? };
    let got = take(s.cell.word(0))
        || match wait {
            None => false,
            Some(deadline) => take_slowly(th, s, deadline)?,
        };
    if got {
        acquired(th, s);
    }
    Ok(Value::bool(got))
}

fn enter(th: &mut Thread, a: Args) -> R {
    let s = sem(a[0]);
    let again = s.recursive && mine(th, s);
    if !again && !take(s.cell.word(0)) {
        take_slowly(th, s, None)?;
    }
    acquired(th, s);
    Ok(Value::TRUE)
}

#[cold]
fn not_mine(th: &mut Thread) -> Raised {
    th.raise(C::AssertionError, "attempt to release recursive lock not owned by thread")
}

fn release(th: &mut Thread, a: Args) -> R {
    let s = sem(a[0]);
    if s.recursive {
        if !mine(th, s) {
            return Err(not_mine(th));
        }
        if held(s) > 1 {
            s.count.fetch_sub(1, Relaxed);
            return Ok(Value::NONE);
        }
        // From the moment of its release it may be somebody else's.
        s.count.store(0, Relaxed);
    }
    let word = s.cell.word(0);
    if word.fetch_update(SeqCst, SeqCst, |n| (n < s.max).then_some(n + 1)).is_err() {
        return Err(th.value_error("semaphore or lock released too many times"));
    }
    if !s.recursive {
        let n = held(s);
        s.forks.store(forks(), Relaxed);
        // A semaphore may be released by who never acquired it; then nothing is held here.
        s.count.store(n.saturating_sub(1), Relaxed);
    }
    if s.cell.word(1).load(SeqCst) > 0 {
        wake(word, 1);
    }
    Ok(Value::NONE)
}

fn get_value(_: &mut Thread, a: Args) -> R {
    Ok(Value::int(sem(a[0]).cell.word(0).load(SeqCst) as i64))
}

fn is_zero(_: &mut Thread, a: Args) -> R {
    Ok(Value::bool(sem(a[0]).cell.word(0).load(SeqCst) == 0))
}

fn after_fork(_: &mut Thread, a: Args) -> R {
    sem(a[0]).count.store(0, Relaxed);
    Ok(Value::NONE)
}

/// The OSError that the last system call left.
#[cold]
pub(super) fn failed(th: &mut Thread) -> Raised {
    let e = errno();
    th.os_error(e, Value::UNBOUND)
}
