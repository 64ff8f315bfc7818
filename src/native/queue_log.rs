//! Class `_thread._QueueLog`: by it a library queue states what is put and taken, so that reports know its depth and
//! who uses it. Invariant: a queue calls `put` after an item is inside and `got` after one was taken.

use super::lock::shape_of;
use crate::heap::Value;
use crate::run::wait::QueueLog;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, class, def};

static LOG: ClassDef = ClassDef {
    name: "_thread._QueueLog",
    doc: "What reports know of a queue.",
    slots: |s| s.new = Some(new),
    methods: &METHODS,
    kind: crate::heap::Kind::Record,
    ..PLAIN
};

static METHODS: [Def; 2] =
    [def("put", "($self, /)", put, "An item was put."), def("got", "($self, /)", got, "An item was taken.")];

/// Makes the class.
pub(super) fn class(th: &mut Thread) -> R {
    class::define(th, None, &LOG)
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    QueueLog::make(th, shape_of(cls))
}

fn put(th: &mut Thread, a: Args) -> R {
    a[0].get::<QueueLog>().put(th);
    Ok(Value::NONE)
}

fn got(th: &mut Thread, a: Args) -> R {
    a[0].get::<QueueLog>().got(th);
    Ok(Value::NONE)
}
