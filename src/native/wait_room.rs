//! Classes `_multiprocessing.WaitRoom` and `Words`: what conditions, events and barriers between processes are made
//! of. Invariant of a room: its callers hold one lock around everything but `wait`; who waits belongs to a group, and
//! a group that was told to wake takes no newcomers, so that nobody who came later takes what was meant for others.
//! A process that dies while it waits keeps nobody from waking the rest.

use super::semlock::{cell_of, instance, patience, share_cell};
use super::shared_cells::{Cell, WORDS, take, take_in_time, wake};
use super::util::{bind, integer, put};
use crate::heap::object::Boxed;
use crate::heap::{Kind, Value};
use crate::run::door::Kind as Wait;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, class, def};
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

/// Groups of a room: words 2g and 2g + 1 are a group's wake-ups not yet taken and its members not yet woken.
const GROUPS: usize = 7;
/// The word that says which group newcomers join.
const OPEN: usize = 14;

struct Room(Cell);

static ROOM: ClassDef = ClassDef {
    name: "_multiprocessing.WaitRoom",
    doc: "Where processes wait to be notified.",
    slots: |s| s.new = Some(new_room),
    methods: &ROOM_METHODS,
    kind: Kind::Boxed,
    ..PLAIN
};

static ROOM_METHODS: [Def; 6] = [
    def("enter", "($self, /)", enter, "Join those who wait; gives the group."),
    def("wait", "($self, group, timeout=None, /)", wait, "Wait to be notified; whether that came in time."),
    def("leave", "($self, group, /)", leave, "Give up waiting; whether a notification had come after all."),
    def("notify", "($self, n, /)", notify, "Wake up to n who wait, those who came first before the others."),
    def("waiters", "($self, /)", waiters, "How many wait."),
    def(
        "_share",
        "($self, /)",
        |th, a| share_cell(th, &room(a[0]).0),
        "By which another process attaches itself.",
    ),
];

static NUMBERS: ClassDef = ClassDef {
    name: "_multiprocessing.Words",
    doc: "Sixteen small numbers that processes share.",
    slots: |s| s.new = Some(new_words),
    methods: &NUMBER_METHODS,
    kind: Kind::Boxed,
    ..PLAIN
};

static NUMBER_METHODS: [Def; 3] = [
    def("get", "($self, index, /)", get_word, "One of them."),
    def("set", "($self, index, value, /)", set_word, "Set one of them."),
    def(
        "_share",
        "($self, /)",
        |th, a| share_cell(th, &words(a[0]).0),
        "By which another process attaches itself.",
    ),
];

struct Words(Cell);

pub(super) fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &ROOM)?;
    put(th, dict, "WaitRoom", c)?;
    let c = class::define(th, None, &NUMBERS)?;
    put(th, dict, "Words", c)
}

fn room(v: Value) -> &'static Room {
    v.base().get::<Boxed>().payload::<Room>().expect("the class makes its instances")
}

fn words(v: Value) -> &'static Words {
    v.base().get::<Boxed>().payload::<Words>().expect("the class makes its instances")
}

fn new_room(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [shared] = bind(th, "WaitRoom", ["shared"], 0, args, kwargs)?;
    let (cell, _) = cell_of(th, shared)?;
    instance(th, cls, Room(cell))
}

fn new_words(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [shared] = bind(th, "Words", ["shared"], 0, args, kwargs)?;
    let (cell, _) = cell_of(th, shared)?;
    instance(th, cls, Words(cell))
}

impl Room {
    fn tokens(&self, group: usize) -> &AtomicU32 {
        self.0.word(2 * group)
    }

    fn members(&self, group: usize) -> &AtomicU32 {
        self.0.word(2 * group + 1)
    }

    fn open(&self) -> usize {
        self.0.word(OPEN).load(SeqCst) as usize % GROUPS
    }
}

fn group(th: &mut Thread, v: Value) -> R<usize> {
    match integer(th, v)? {
        g if (0..GROUPS as i64).contains(&g) => Ok(g as usize),
        _ => Err(th.value_error("no such group")),
    }
}

fn enter(_: &mut Thread, a: Args) -> R {
    let r = room(a[0]);
    let g = r.open();
    r.members(g).fetch_add(1, SeqCst);
    Ok(Value::int(g as i64))
}

fn wait(th: &mut Thread, a: Args) -> R {
    let r = room(a[0]);
    let g = group(th, a[1])?;
    let got = match patience(th, Value::UNBOUND, a[2])? {
        None => take(r.tokens(g)),
        Some(deadline) => take_in_time(th, r.tokens(g), Wait::Condition, deadline)?,
    };
    Ok(Value::bool(got))
}

fn leave(th: &mut Thread, a: Args) -> R {
    let r = room(a[0]);
    let g = group(th, a[1])?;
    let notified = take(r.tokens(g));
    if !notified {
        take(r.members(g));
    }
    Ok(Value::bool(notified))
}

fn notify(th: &mut Thread, a: Args) -> R {
    let r = room(a[0]);
    let mut left = integer(th, a[1])?.clamp(0, u32::MAX as i64) as u32;
    let open = r.open();
    // The open group is the youngest: the one behind it is the oldest.
    for g in (1..=GROUPS).map(|i| (open + i) % GROUPS) {
        let n = left.min(r.members(g).load(SeqCst));
        if n == 0 {
            continue;
        }
        left -= n;
        r.members(g).fetch_sub(n, SeqCst);
        r.tokens(g).fetch_add(n, SeqCst);
        wake(r.tokens(g), n);
        if g == open {
            let unused = |g: &usize| r.members(*g).load(SeqCst) == 0 && r.tokens(*g).load(SeqCst) == 0;
            let mut others = (1..GROUPS).map(|i| (open + i) % GROUPS);
            let next = others.find(unused).unwrap_or((open + 1) % GROUPS);
            r.0.word(OPEN).store(next as u32, SeqCst);
        }
    }
    Ok(Value::NONE)
}

fn waiters(_: &mut Thread, a: Args) -> R {
    let r = room(a[0]);
    let n: i64 = (0..GROUPS).map(|g| r.members(g).load(SeqCst) as i64).sum();
    Ok(Value::int(n))
}

fn index(th: &mut Thread, v: Value) -> R<usize> {
    match integer(th, v)? {
        i if (0..WORDS as i64).contains(&i) => Ok(i as usize),
        _ => Err(th.raise(crate::heap::known::C::IndexError, "no such word")),
    }
}

fn get_word(th: &mut Thread, a: Args) -> R {
    let i = index(th, a[1])?;
    Ok(Value::int(words(a[0]).0.word(i).load(SeqCst) as i32 as i64))
}

fn set_word(th: &mut Thread, a: Args) -> R {
    let (i, n) = (index(th, a[1])?, integer(th, a[2])?);
    words(a[0]).0.word(i).store(n as u32, SeqCst);
    Ok(Value::NONE)
}
