//! Native module `select`: waiting for several descriptors. Invariant: the system is only asked what is ready now; the
//! wait itself is in the door.

use super::descriptor::{Guarded, Use, c_int, number_of, wait_many};
use super::util::{as_float, errno, integer, missing, put, put_int, shape_of};
use crate::heap::known::C;
use crate::heap::object::{Boxed, Class, List};
use crate::heap::{Kind, Value};
use crate::run::door::Kind as Wait;
use crate::run::{Args, ClassDef, Def, ModuleDef, PLAIN, R, Raised, Thread, class, def, get, signal};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::*};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "select", doc: "Waiting for several descriptors.", functions: FUNCTIONS, fill };

static FUNCTIONS: &[Def] = &[
    def(
        "select",
        "(rlist, wlist, xlist, timeout=None, /)",
        select,
        "Wait until one of the objects can be read, be written, or has something special.",
    ),
    def("poll", "()", poll_new, "An object that waits for the descriptors registered with it."),
];

macro_rules! constants {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name as u32 as i64)),*] };
}

const NUMBERS: &[(&str, i64)] = constants! {
    PIPE_BUF POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL POLLRDNORM POLLRDBAND POLLWRNORM POLLWRBAND POLLRDHUP
    EPOLLIN EPOLLOUT EPOLLPRI EPOLLERR EPOLLHUP EPOLLRDHUP EPOLLRDNORM EPOLLRDBAND EPOLLWRNORM EPOLLWRBAND EPOLLMSG
    EPOLLET EPOLLONESHOT EPOLLEXCLUSIVE EPOLLWAKEUP EPOLL_CLOEXEC
};

static POLL_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &POLL)?;
    POLL_CLASS.store(c.0, Relaxed);
    let c = class::define(th, None, &EPOLL)?;
    put(th, dict, "epoll", c)?;
    put(th, dict, "error", C::OSError.v())?;
    // The class of `poll()` has no name in the module; this keeps it.
    put(th, dict, "_poll", Value(POLL_CLASS.load(Relaxed)))?;
    put_int(th, dict, "POLLMSG", 0x400)?;
    for (name, n) in NUMBERS {
        put_int(th, dict, name, *n)?;
    }
    Ok(())
}

fn boxed(v: Value) -> &'static Boxed {
    v.base().get::<Boxed>()
}

// -------------------------------------------------------------------------------------------------------------- select

/// Highest descriptor + 1 that `select` takes, as its sets of bits had it.
const SELECT_MAX: i32 = 1024;

/// Seconds as a deadline; `(false, _)` is not to wait at all.
fn seconds(th: &mut Thread, v: Value, complaint: &str) -> R<(bool, Option<Instant>)> {
    if missing(v) {
        return Ok((true, None));
    }
    let x = number(th, v, complaint)?;
    if x < 0.0 {
        return Err(th.value_error("timeout must be non-negative"));
    }
    within(th, x)
}

fn number(th: &mut Thread, v: Value, complaint: &str) -> R<f64> {
    let x = match as_float(v) {
        Some(x) => x,
        None if class::slots(th.class_of(v)).index.is_some() => {
            let i = crate::run::arith::index(th, v)?;
            if i.is_int() { i.as_int() as f64 } else { f64::INFINITY }
        }
        None => return Err(th.type_error(complaint)),
    };
    if x.is_nan() { Err(th.value_error("Invalid value NaN (not a number)")) } else { Ok(x) }
}

/// The deadline that many seconds from now.
fn within(th: &mut Thread, x: f64) -> R<(bool, Option<Instant>)> {
    if x >= i64::MAX as f64 / 1e9 {
        return Err(th.overflow_error("timestamp out of range for C PyTime_t"));
    }
    if x <= 0.0 {
        return Ok((false, None));
    }
    Ok((true, Instant::now().checked_add(Duration::from_secs_f64(x))))
}

fn item(l: Value, i: usize) -> Value {
    crate::heap::list::peek(l.get::<List>(), i).unwrap_or(Value::NONE)
}

fn select(th: &mut Thread, a: Args) -> R {
    let (wait, deadline) = seconds(th, a[3], "timeout must be a float or None")?;
    let mut lists = [Value::NONE; 3];
    let asked = [libc::POLLIN, libc::POLLOUT, libc::POLLPRI];
    let mut fds: Vec<libc::pollfd> = Vec::new();
    let mut places = BTreeMap::new();
    // For every object of every list, where its descriptor stands in `fds`.
    let mut at: [Vec<usize>; 3] = Default::default();
    for i in 0..3 {
        let list = th.call(C::list.v(), &[a[i]]);
        lists[i] = match th.catch(list, C::TypeError)? {
            Some(l) => l,
            None => return Err(th.type_error("arguments 1-3 must be sequences")),
        };
        for k in 0..lists[i].get::<List>().len.get() {
            let fd = number_of(th, item(lists[i], k))?;
            if fd >= SELECT_MAX {
                return Err(th.value_error("filedescriptor out of range in select()"));
            }
            let place = *places.entry(fd).or_insert_with(|| {
                fds.push(libc::pollfd { fd, events: 0, revents: 0 });
                fds.len() - 1
            });
            fds[place].events |= asked[i];
            at[i].push(place);
        }
    }
    wait_many(th, &mut fds, wait, deadline)?;
    if fds.iter().any(|f| f.revents & libc::POLLNVAL != 0) {
        return Err(th.os_error(libc::EBADF, Value::UNBOUND));
    }
    let shows = [libc::POLLIN | libc::POLLHUP | libc::POLLERR, libc::POLLOUT | libc::POLLERR, libc::POLLPRI];
    let mut ready = [Value::NONE; 3];
    for i in 0..3 {
        ready[i] = th.list(&[])?;
        for (k, place) in at[i].iter().enumerate() {
            if fds[*place].revents & shows[i] != 0 {
                crate::heap::list::push(&mut th.heap, ready[i].get(), item(lists[i], k))?;
            }
        }
    }
    Ok(th.tuple(&ready)?)
}

// ---------------------------------------------------------------------------------------------------------------- poll

/// What a poll object has registered: descriptors and events, by number.
#[derive(Default)]
struct Poll {
    fds: Mutex<BTreeMap<i32, u16>>,
    busy: AtomicBool,
}

impl Poll {
    fn fds(&self) -> MutexGuard<'_, BTreeMap<i32, u16>> {
        self.fds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static POLL: ClassDef =
    ClassDef { name: "select.poll", slots: |_| {}, methods: POLL_METHODS, kind: Kind::Boxed, ..PLAIN };

static POLL_METHODS: &[Def] = &[
    def(
        "register",
        "($self, fd, eventmask=POLLIN | POLLPRI | POLLOUT, /)",
        poll_register,
        "Add a descriptor.",
    ),
    def("modify", "($self, fd, eventmask, /)", poll_modify, "Change the events of a descriptor."),
    def("unregister", "($self, fd, /)", poll_unregister, "Remove a descriptor."),
    def("poll", "($self, timeout=None, /)", poll, "Wait that many milliseconds: (descriptor, events) pairs."),
];

fn poll_of(v: Value) -> &'static Poll {
    boxed(v).payload::<Poll>().expect("the class makes its instances")
}

fn poll_new(th: &mut Thread, _: Args) -> R {
    let cls = Value(POLL_CLASS.load(Relaxed));
    Ok(th.heap.boxed(shape_of(cls), Box::new(Poll::default()), 64)?)
}

fn mask(th: &mut Thread, v: Value, bits: u32) -> R<u32> {
    let i = crate::run::arith::index(th, v)?;
    let small = if i.is_int() { Some(i.as_int()) } else { None };
    match small {
        Some(n) if n < 0 => Err(th.value_error("Cannot convert negative int")),
        Some(n) if n < 1 << bits => Ok(n as u32),
        _ => {
            let kind = if bits == 16 { "short" } else { "int" };
            Err(th.overflow_error(format!("Python int too large for C unsigned {kind}")))
        }
    }
}

fn poll_register(th: &mut Thread, a: Args) -> R {
    let fd = number_of(th, a[1])?;
    let all = (libc::POLLIN | libc::POLLPRI | libc::POLLOUT) as u32;
    let events = if a[2].is_unbound() { all } else { mask(th, a[2], 16)? };
    poll_of(a[0]).fds().insert(fd, events as u16);
    Ok(Value::NONE)
}

fn poll_modify(th: &mut Thread, a: Args) -> R {
    let fd = number_of(th, a[1])?;
    let events = mask(th, a[2], 16)?;
    let known = match poll_of(a[0]).fds().get_mut(&fd) {
        Some(e) => {
            *e = events as u16;
            true
        }
        None => false,
    };
    if known { Ok(Value::NONE) } else { Err(th.os_error(libc::ENOENT, Value::UNBOUND)) }
}

fn poll_unregister(th: &mut Thread, a: Args) -> R {
    let fd = number_of(th, a[1])?;
    let gone = poll_of(a[0]).fds().remove(&fd);
    match gone {
        Some(_) => Ok(Value::NONE),
        None => Err(th.key_error(Value::int(fd as i64))),
    }
}

/// A flag that falls when this goes.
struct Busy<'a>(&'a AtomicBool);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}

fn poll(th: &mut Thread, a: Args) -> R {
    let p = poll_of(a[0]);
    let (wait, deadline) = if missing(a[1]) {
        (true, None)
    } else {
        let ms = number(th, a[1], "timeout must be an integer or None")?;
        if ms < 0.0 { (true, None) } else { within(th, ms / 1000.0)? }
    };
    if p.busy.swap(true, AcqRel) {
        return Err(th.runtime_error("concurrent poll() invocation"));
    }
    let _busy = Busy(&p.busy);
    let mut fds: Vec<libc::pollfd> = {
        let entry = |(fd, events): (&i32, &u16)| libc::pollfd { fd: *fd, events: *events as i16, revents: 0 };
        p.fds().iter().map(entry).collect()
    };
    wait_many(th, &mut fds, wait, deadline)?;
    let out = th.list(&[])?;
    for f in fds.iter().filter(|f| f.revents != 0) {
        let pair = th.tuple(&[Value::int(f.fd as i64), Value::int(f.revents as u16 as i64)])?;
        crate::heap::list::push(&mut th.heap, out.get(), pair)?;
    }
    Ok(out)
}

// --------------------------------------------------------------------------------------------------------------- epoll

static EPOLL: ClassDef = ClassDef {
    name: "select.epoll",
    doc: "Waits for the descriptors registered with it; the system keeps the list.",
    slots: |s| s.new = Some(epoll_new),
    methods: EPOLL_METHODS,
    class_methods: &[def("fromfd", "($type, fd, /)", epoll_from, "The object for an epoll descriptor.")],
    getset: &[get("closed", |_, v| Ok(Value::bool(own(v).fd() < 0)), "Whether it is closed.")],
    kind: Kind::Boxed,
    ..PLAIN
};

static EPOLL_METHODS: &[Def] = &[
    def("close", "($self, /)", epoll_close, "Close it."),
    def("fileno", "($self, /)", |th, a| Ok(Value::int(enter(th, a[0])?.fd as i64)), "Its own descriptor."),
    def(
        "register",
        "($self, fd, eventmask=EPOLLIN | EPOLLPRI | EPOLLOUT)",
        |th, a| control(th, a, libc::EPOLL_CTL_ADD),
        "Add a descriptor.",
    ),
    def(
        "modify",
        "($self, fd, eventmask)",
        |th, a| control(th, a, libc::EPOLL_CTL_MOD),
        "Change the events of a descriptor.",
    ),
    def("unregister", "($self, fd)", epoll_unregister, "Remove a descriptor."),
    def(
        "poll",
        "($self, timeout=None, maxevents=-1)",
        epoll_poll,
        "Wait that many seconds: (descriptor, events) pairs.",
    ),
    def(
        "__enter__",
        "($self, /)",
        |th, a| {
            enter(th, a[0])?;
            Ok(a[0])
        },
        "The object itself.",
    ),
    def("__exit__", "($self, exc_type=None, exc_value=None, exc_tb=None, /)", epoll_close, "Close it."),
];

fn own(v: Value) -> &'static Guarded {
    boxed(v).payload::<Guarded>().expect("the class makes its instances")
}

fn enter(th: &mut Thread, v: Value) -> R<Use<'static>> {
    match own(v).enter() {
        Some(u) => Ok(u),
        None => Err(epoll_closed(th)),
    }
}

#[cold]
fn epoll_closed(th: &mut Thread) -> Raised {
    th.value_error("I/O operation on closed epoll object")
}

fn epoll_object(th: &mut Thread, cls: Value, fd: i32) -> R {
    let solid = cls.get::<Class>().solid.get();
    Ok(th.heap.boxed(shape_of(solid), Box::new(Guarded::of(fd)), 64)?)
}

fn epoll_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [hint, flags] = super::util::bind(th, "epoll", ["sizehint", "flags"], 0, args, kwargs)?;
    let hint = if hint.is_unbound() { -1 } else { c_int(th, hint)? };
    let flags = if flags.is_unbound() { 0 } else { c_int(th, flags)? };
    if hint != -1 && hint <= 0 {
        return Err(th.value_error("negative sizehint"));
    }
    if flags != 0 && flags != libc::EPOLL_CLOEXEC {
        return Err(th.raise(C::OSError, "invalid flags"));
    }
    // SAFETY: a plain call.
    let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if fd < 0 {
        let e = errno();
        return Err(th.os_error(e, Value::UNBOUND));
    }
    epoll_object(th, cls, fd)
}

fn epoll_from(th: &mut Thread, a: Args) -> R {
    let fd = c_int(th, a[1])?;
    epoll_object(th, a[0], fd)
}

fn epoll_close(th: &mut Thread, a: Args) -> R {
    match own(a[0]).close(a[0].base().0) {
        0 => Ok(Value::NONE),
        e => Err(th.os_error(e, Value::UNBOUND)),
    }
}

fn control(th: &mut Thread, a: Args, op: i32) -> R {
    let u = enter(th, a[0])?;
    let fd = number_of(th, a[1])?;
    let all = (libc::EPOLLIN | libc::EPOLLPRI | libc::EPOLLOUT) as u32;
    let events = if a[2].is_unbound() { all } else { mask(th, a[2], 32)? };
    let mut event = libc::epoll_event { events, u64: fd as u64 };
    // SAFETY: the event lives through the call.
    if unsafe { libc::epoll_ctl(u.fd, op, fd, &mut event) } != 0 {
        let e = errno();
        return Err(th.os_error(e, Value::UNBOUND));
    }
    Ok(Value::NONE)
}

fn epoll_unregister(th: &mut Thread, a: Args) -> R {
    let u = enter(th, a[0])?;
    let fd = number_of(th, a[1])?;
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: the event, which old systems want, lives through the call.
    if unsafe { libc::epoll_ctl(u.fd, libc::EPOLL_CTL_DEL, fd, &mut event) } != 0 {
        let e = errno();
        return Err(th.os_error(e, Value::UNBOUND));
    }
    Ok(Value::NONE)
}

fn epoll_poll(th: &mut Thread, a: Args) -> R {
    let u = enter(th, a[0])?;
    let (wait, deadline) = if missing(a[1]) {
        (true, None)
    } else {
        let x = number(th, a[1], "timeout must be an integer or None")?;
        if x < 0.0 { (true, None) } else { within(th, x)? }
    };
    let most = if a[2].is_unbound() { -1 } else { integer(th, a[2])? };
    if most < -1 || most == 0 {
        return Err(th.value_error(format!("maxevents must be greater than 0, got {most}")));
    }
    let room = if most == -1 { SELECT_MAX as usize - 1 } else { most.min(1 << 16) as usize };
    let mut events: Vec<libc::epoll_event> = Vec::with_capacity(room);
    let mut last = !wait;
    let n = loop {
        // SAFETY: the vector has that much room; no time is given, so the call does not wait.
        let n = unsafe { libc::epoll_wait(u.fd, events.as_mut_ptr(), room as i32, 0) };
        if n < 0 {
            match errno() {
                libc::EINTR => signal::run_pending(th)?,
                e => return Err(th.os_error(e, Value::UNBOUND)),
            }
            continue;
        }
        if n > 0 || last {
            break n as usize;
        }
        last = !own(a[0]).wait(th, a[0].base().0, Wait::Read(u.fd), deadline)?;
        if own(a[0]).fd() < 0 {
            return Err(epoll_closed(th));
        }
    };
    // SAFETY: the call has written that many.
    unsafe { events.set_len(n) };
    let out = th.list(&[])?;
    for e in &events {
        let (fd, shows) = (e.u64 as i64, e.events as i64);
        let pair = th.tuple(&[Value::int(fd), Value::int(shows)])?;
        crate::heap::list::push(&mut th.heap, out.get(), pair)?;
    }
    Ok(out)
}
