//! Classes `_thread.lock` and `_thread.RLock` over `run::wait::Lock`. Invariant: instances are records of that
//! layout; a script subclass of RLock keeps one as its base value.

use crate::heap::Value;
use crate::heap::object::{Class, Tuple};
use crate::run::wait::{Lock, Patience};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Raised, Thread, class, def, door, threads};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Longest timeout in seconds.
pub const TIMEOUT_MAX: f64 = 9223372036.0;

static LOCK_SHAPE: AtomicU32 = AtomicU32::new(0);
static RLOCK_SHAPE: AtomicU32 = AtomicU32::new(0);

static LOCK: ClassDef = ClassDef {
    name: "_thread.lock",
    doc: "A lock object is a synchronization primitive: at most one thread holds it at a time.",
    slots: |s| {
        s.new = Some(lock_new);
        s.repr = Some(lock_repr);
    },
    methods: &LOCK_METHODS,
    kind: crate::heap::Kind::Record,
    ..PLAIN
};

static LOCK_METHODS: [Def; 9] = [
    def(
        "acquire",
        "($self, blocking=True, timeout=-1)",
        lock_acquire,
        "Lock the lock, waiting for it if asked to. Whether it was acquired.",
    ),
    def("release", "($self, /)", lock_release, "Release the lock, so that another thread can acquire it."),
    def("locked", "($self, /)", locked, "Whether the lock is held."),
    def(
        "acquire_lock",
        "($self, blocking=True, timeout=-1)",
        lock_acquire,
        "An obsolete synonym of acquire().",
    ),
    def("release_lock", "($self, /)", lock_release, "An obsolete synonym of release()."),
    def("locked_lock", "($self, /)", locked, "An obsolete synonym of locked()."),
    def("__enter__", "($self, /)", lock_enter, "Lock the lock."),
    def("__exit__", "($self, exc_type=None, exc=None, traceback=None, /)", lock_exit, "Release the lock."),
    def("_at_fork_reinit", "($self, /)", reinit, "Forget who holds it."),
];

static RLOCK: ClassDef = ClassDef {
    name: "_thread.RLock",
    doc: "A lock that its holder may acquire again; it must be released as often.",
    slots: |s| {
        s.new = Some(rlock_new);
        s.repr = Some(rlock_repr);
    },
    methods: &RLOCK_METHODS,
    basetype: true,
    kind: crate::heap::Kind::Record,
    ..PLAIN
};

static RLOCK_METHODS: [Def; 10] = [
    def(
        "acquire",
        "($self, blocking=True, timeout=-1)",
        rlock_acquire,
        "Lock the lock, waiting for another holder if asked to. Whether it was acquired.",
    ),
    def("release", "($self, /)", rlock_release, "Release the lock once."),
    def("locked", "($self, /)", locked, "Whether the lock is held."),
    def("__enter__", "($self, /)", rlock_enter, "Lock the lock."),
    def(
        "__exit__",
        "($self, exc_type=None, exc=None, traceback=None, /)",
        rlock_exit,
        "Release the lock once.",
    ),
    def("_is_owned", "($self, /)", is_owned, "Whether the calling thread holds it."),
    def("_recursion_count", "($self, /)", recursion_count, "How often the calling thread holds it."),
    def(
        "_release_save",
        "($self, /)",
        release_save,
        "Release it altogether; gives what _acquire_restore wants.",
    ),
    def(
        "_acquire_restore",
        "($self, state, /)",
        acquire_restore,
        "Acquire it as often as it was held before.",
    ),
    def("_at_fork_reinit", "($self, /)", reinit, "Forget who holds it."),
];

/// Makes both classes: `(lock, RLock)`.
pub fn classes(th: &mut Thread) -> R<(Value, Value)> {
    let lock = class::define(th, None, &LOCK)?;
    LOCK_SHAPE.store(shape_of(lock), Relaxed);
    let rlock = class::define(th, None, &RLOCK)?;
    RLOCK_SHAPE.store(shape_of(rlock), Relaxed);
    Lock::classes(shape_of(lock), shape_of(rlock));
    Ok((lock, rlock))
}

/// The shape of a class's plain instances.
pub(super) fn shape_of(class: Value) -> u32 {
    class.get::<Class>().root_shape.get().as_int() as u32
}

/// The lock behind an instance of one of the two classes.
fn this(v: Value) -> &'static Lock {
    v.base().get::<Lock>()
}

/// The lock that `v` is, if it is an instance of one of the two classes themselves.
pub(super) fn behind(th: &mut Thread, v: Value) -> Option<&'static Lock> {
    if !v.is_kind(crate::heap::Kind::Record) {
        return None;
    }
    let shape = shape_of(th.class_of(v));
    (shape == LOCK_SHAPE.load(Relaxed) || shape == RLOCK_SHAPE.load(Relaxed)).then(|| v.get::<Lock>())
}

/// A new plain lock: `allocate_lock()`.
pub fn new_lock(th: &mut Thread) -> R {
    Lock::make(th, LOCK_SHAPE.load(Relaxed))
}

/// `allocate_lock`.
pub(super) fn allocate(th: &mut Thread, _: Args) -> R {
    stated(th)
}

/// A new plain lock of the script's or the library's own, stated for reports.
fn stated(th: &mut Thread) -> R {
    let v = new_lock(th)?;
    v.get::<Lock>().state(th);
    Ok(v)
}

fn lock_new(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let n = args.get::<Tuple>().len();
    if n > 0 || !kwargs.is_unbound() {
        return Err(th.type_error(format!("lock() takes no arguments ({n} given)")));
    }
    stated(th)
}

fn rlock_new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let solid = cls.get::<Class>().solid.get();
    let lock = Lock::make(th, shape_of(solid))?;
    lock.get::<Lock>().state(th);
    if cls == solid { Ok(lock) } else { crate::run::instance::wrap_base(th, cls, lock) }
}

fn lock_repr(th: &mut Thread, v: Value) -> R {
    let word = if this(v).locked() { "locked" } else { "unlocked" };
    let text = format!("<{word} {} object at {:#x}>", full_name(th, v), v.addr::<u64>() as usize);
    Ok(th.str(&text)?)
}

fn rlock_repr(th: &mut Thread, v: Value) -> R {
    let l = this(v);
    let word = if l.locked() { "locked" } else { "unlocked" };
    let owner = l.owner().map_or(0, threads::ident);
    let at = v.addr::<u64>() as usize;
    let text = format!("<{word} {} object owner={owner} count={} at {at:#x}>", full_name(th, v), l.count());
    Ok(th.str(&text)?)
}

/// `module.name` of an object's class.
pub(super) fn full_name(th: &mut Thread, v: Value) -> String {
    let class = th.class_of(v);
    let name = th.class_name(class);
    let module = class::module_of(class);
    match module.and_then(|m| th.str_text(m).ok()) {
        Some(m) => format!("{m}.{name}"),
        None => name,
    }
}

/// What `acquire(blocking, timeout)` asks for.
fn patience(th: &mut Thread, blocking: Value, timeout: Value) -> R<Patience> {
    let blocking = if blocking.is_unbound() { true } else { th.truth(blocking)? };
    let timeout = match timeout {
        Value::UNBOUND => -1.0,
        v if v == Value::int(-1) => -1.0,
        v => super::thread::seconds(th, v)?,
    };
    if !blocking && timeout != -1.0 {
        return Err(th.value_error("can't specify a timeout for a non-blocking call"));
    }
    if timeout < 0.0 && timeout != -1.0 {
        return Err(th.value_error("timeout value must be a non-negative number"));
    }
    if timeout > TIMEOUT_MAX {
        return Err(th.overflow_error("timestamp out of range for C PyTime_t"));
    }
    if !blocking || timeout == 0.0 {
        return Ok(Patience::Try);
    }
    Ok(match timeout {
        -1.0 => Patience::Forever,
        t => door::deadline(t).map_or(Patience::Forever, Patience::Until),
    })
}

fn lock_acquire(th: &mut Thread, a: Args) -> R {
    let p = if a.n == 1 { Patience::Forever } else { patience(th, a[1], a[2])? };
    Ok(Value::bool(this(a[0]).acquire(th, p)?))
}

fn lock_enter(th: &mut Thread, a: Args) -> R {
    let l = this(a[0]);
    l.acquire(th, Patience::Forever)?;
    l.within();
    Ok(Value::TRUE)
}

fn lock_release(th: &mut Thread, a: Args) -> R {
    if this(a[0]).release(th) { Ok(Value::NONE) } else { Err(th.runtime_error("release unlocked lock")) }
}

fn lock_exit(th: &mut Thread, a: Args) -> R {
    lock_release(th, a)
}

fn locked(_: &mut Thread, a: Args) -> R {
    Ok(Value::bool(this(a[0]).locked()))
}

fn reinit(_: &mut Thread, a: Args) -> R {
    this(a[0]).reset();
    Ok(Value::NONE)
}

fn rlock_acquire(th: &mut Thread, a: Args) -> R {
    let p = if a.n == 1 { Patience::Forever } else { patience(th, a[1], a[2])? };
    Ok(Value::bool(this(a[0]).acquire_again(th, p)?))
}

fn rlock_enter(th: &mut Thread, a: Args) -> R {
    this(a[0]).acquire_again(th, Patience::Forever)?;
    Ok(Value::TRUE)
}

#[cold]
fn not_mine(th: &mut Thread) -> Raised {
    th.runtime_error("cannot release un-acquired lock")
}

fn rlock_release(th: &mut Thread, a: Args) -> R {
    if this(a[0]).release_once(th) { Ok(Value::NONE) } else { Err(not_mine(th)) }
}

fn rlock_exit(th: &mut Thread, a: Args) -> R {
    rlock_release(th, a)
}

fn is_owned(th: &mut Thread, a: Args) -> R {
    Ok(Value::bool(this(a[0]).is_mine(th)))
}

fn recursion_count(th: &mut Thread, a: Args) -> R {
    let l = this(a[0]);
    Ok(Value::int(if l.is_mine(th) { l.count() as i64 } else { 0 }))
}

fn release_save(th: &mut Thread, a: Args) -> R {
    let n = this(a[0]).release_all(th);
    if n == 0 {
        return Err(not_mine(th));
    }
    let owner = th.heap.uint(th.shared.ident)?;
    Ok(th.tuple(&[Value::int(n as i64), owner])?)
}

fn acquire_restore(th: &mut Thread, a: Args) -> R {
    let Some(state) = a[1].like::<Tuple>().filter(|t| t.len() == 2 && t.at(0).is_int()) else {
        let text = format!("_acquire_restore() argument 1 must be tuple, not {}", th.type_name(a[1]));
        return Err(th.type_error(text));
    };
    let n = state.at(0).as_int().max(1) as usize;
    this(a[0]).restore(th, n)?;
    Ok(Value::NONE)
}
