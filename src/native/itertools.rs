//! Module `itertools`: the class table, the record all its iterators share, and the simple iterators. Invariant: every
//! field is an atomic word; where one step is one claim it is claimed atomically, where it runs user code the iterator
//! behaves as CPython's without the GIL: it stays whole, but two threads may see an item in either order.

use super::{itertools_comb as comb, itertools_group as group, itertools_take as take};
use crate::heap::cell::{Header, Kind, Raw, Slot};
use crate::heap::object::*;
use crate::heap::{Value, list};
use crate::run::class::{self, class_of};
use crate::run::{Args, Bin, ClassDef, Def, ModuleDef, PLAIN, R, Thread, TypeSlots, def, poll};
use crate::types;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "itertools",
    doc: "Functional tools for creating and using iterators.",
    functions: &[def("tee", "(iterable, n=2, /)", group::tee, "Returns a tuple of n independent iterators.")],
    fill: |th, dict| {
        for d in [
            &COUNT,
            &CYCLE,
            &REPEAT,
            &CHAIN,
            &take::COMPRESS,
            &take::DROPWHILE,
            &take::TAKEWHILE,
            &take::FILTERFALSE,
            &take::ISLICE,
            &take::STARMAP,
            &take::ZIP_LONGEST,
            &take::ACCUMULATE,
            &take::PAIRWISE,
            &take::BATCHED,
            &group::GROUPBY,
            &comb::PRODUCT,
            &comb::PERMUTATIONS,
            &comb::COMBINATIONS,
            &comb::WITH_REPLACEMENT,
        ] {
            let c = class::define(th, None, d)?;
            let name = th.intern(d.name.trim_start_matches("itertools."))?;
            th.dict_insert(dict, name, c)?;
        }
        group::classes(th, dict)
    },
};

/// State of any of these iterators; the class says what the fields mean.
#[repr(C)]
pub struct Tool {
    pub h: Header,
    pub a: Slot,
    pub b: Slot,
    pub c: Slot,
    pub d: Slot,
    pub e: Slot,
    pub i: Raw,
    pub j: Raw,
    pub k: Raw,
    pub l: Raw,
}
// SAFETY: repr(C) with a Header first; the classes' instances are made only by `cell`.
unsafe impl Layout for Tool {
    const KIND: Kind = Kind::Record;
}

/// A record of that shape, its values unbound and its numbers 0.
pub fn cell(th: &mut Thread, shape: u32) -> R<(Value, &'static Tool)> {
    let (v, t) = th.heap.new::<Tool>(shape, 5, 0)?;
    for s in [&t.a, &t.b, &t.c, &t.d, &t.e] {
        s.set(Value::UNBOUND);
    }
    Ok((v, t))
}

/// A new instance of `cls`, filled.
pub fn make(th: &mut Thread, cls: Value, fill: impl FnOnce(&Tool)) -> R {
    let solid = cls.get::<Class>().solid.get();
    let (v, t) = cell(th, super::lock::shape_of(solid))?;
    fill(t);
    if cls == solid { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

/// The state behind an instance.
#[inline]
pub fn me(o: Value) -> &'static Tool {
    o.base().get::<Tool>()
}

/// The next item of an inner iterator.
#[inline]
pub fn pull(th: &mut Thread, it: Value) -> R<Option<Value>> {
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded"));
    }
    th.next(it)
}

/// The slots every iterator has.
pub fn iterator(s: &mut TypeSlots) {
    s.iter = Some(|_, o| Ok(o));
}

/// Counts the steps of a loop that may be long, and polls.
#[derive(Default)]
pub struct Steps(u32);

impl Steps {
    /// One more.
    #[inline]
    pub fn tick(&mut self, th: &mut Thread) -> R<()> {
        self.0 = self.0.wrapping_add(1);
        if self.0.is_multiple_of(4096) { poll::native_poll(th) } else { Ok(()) }
    }
}

/// An iterator class: its constructor and its step.
#[macro_export]
macro_rules! itertool {
    ($id:ident $name:literal $new:ident $next:ident $doc:literal) => {
        #[doc = concat!("`itertools.", $name, "`.")]
        pub static $id: ClassDef = ClassDef {
            name: concat!("itertools.", $name),
            doc: $doc,
            slots: |s| {
                $crate::native::itertools::iterator(s);
                s.new = Some($new);
                s.next = Some($next);
            },
            basetype: true,
            kind: Kind::Record,
            ..PLAIN
        };
    };
}

// -------------------------------------------------------------------------------------------------------------- count

/// `itertools.count`: the next number in `a`, the step in `b`.
static COUNT: ClassDef = ClassDef {
    name: "itertools.count",
    doc: "Return a count object whose .__next__() method returns consecutive values.",
    slots: |s| {
        iterator(s);
        s.new = Some(count_new);
        s.next = Some(count_next);
        s.repr = Some(|th, o| {
            let t = me(o);
            let (name, at) = (th.class_name(th.class_of(o)), th.repr_text(t.a.get())?);
            let text = match t.b.get() {
                step if step == Value::int(1) => format!("{name}({at})"),
                step => format!("{name}({at}, {})", th.repr_text(step)?),
            };
            types::text(th, text)
        });
    },
    basetype: true,
    kind: Kind::Record,
    ..PLAIN
};

fn is_number(v: Value) -> bool {
    let b = v.base();
    let s = class::slots(class_of(v));
    b.is_int()
        || b.is_float()
        || matches!(b.kind(), Kind::Big | Kind::Float | Kind::Complex)
        || s.index.is_some()
        || s.int.is_some()
        || s.float.is_some()
}

fn count_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [start, step] = types::bind(th, "count", ["start", "step"], 0, args, kwargs)?;
    let (start, step) = (start.or(Value::int(0)), step.or(Value::int(1)));
    if !is_number(start) || !is_number(step) {
        return Err(th.type_error("a number is required"));
    }
    make(th, cls, |t| {
        t.a.set(start);
        t.b.set(step);
    })
}

fn count_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    loop {
        let (at, step) = (t.a.get(), t.b.get());
        let quick =
            if Value::both_int(at, step) { Value::try_int(at.as_int() + step.as_int()) } else { None };
        let after = match quick {
            Some(v) => v,
            None => th.binary(Bin::Add, at, step)?,
        };
        if t.a.cas(at, after) {
            return Ok(Some(at));
        }
    }
}

// -------------------------------------------------------------------------------------------------------------- cycle

crate::itertool!(CYCLE "cycle" cycle_new cycle_next
    "Return elements from the iterable until it is exhausted. Then repeat the sequence indefinitely.");

fn cycle_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [iterable] = types::positional(th, "cycle", 1, args, kwargs)?;
    let it = th.iter(iterable)?;
    let saved = th.list(&[])?;
    make(th, cls, |t| {
        t.a.set(it);
        t.b.set(saved);
    })
}

fn cycle_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let (it, saved) = (t.a.get(), t.b.get());
    if !it.is_unbound() {
        if let Some(v) = pull(th, it)? {
            list::push(&mut th.heap, saved.get::<List>(), v)?;
            return Ok(Some(v));
        }
        t.a.set(Value::UNBOUND);
    }
    let l = saved.get::<List>();
    match l.len() {
        0 => Ok(None),
        n if th.heap.shared => Ok(list::peek(l, t.i.atomic().fetch_add(1, AcqRel) as usize % n)),
        n => {
            let i = t.i.get();
            t.i.set(if i + 1 >= n { 0 } else { i + 1 });
            Ok(list::peek(l, i))
        }
    }
}

// ------------------------------------------------------------------------------------------------------------- repeat

/// `itertools.repeat`: the object in `a`, in `i` how often more (all ones: for ever).
static REPEAT: ClassDef = ClassDef {
    name: "itertools.repeat",
    doc: "repeat(object [,times]) -> create an iterator which returns the object\nfor the specified number of times.  \
          If not specified, returns the object\nendlessly.",
    slots: |s| {
        iterator(s);
        s.new = Some(repeat_new);
        s.next = Some(repeat_next);
        s.repr = Some(|th, o| {
            let t = me(o);
            let (name, what) = (th.class_name(th.class_of(o)), th.repr_text(t.a.get())?);
            let text = match t.i.get() {
                usize::MAX => format!("{name}({what})"),
                n => format!("{name}({what}, {n})"),
            };
            types::text(th, text)
        });
    },
    methods: &REPEAT_METHODS,
    basetype: true,
    kind: Kind::Record,
    ..PLAIN
};

static REPEAT_METHODS: [Def; 1] = [def(
    "__length_hint__",
    "($self, /)",
    |th, a: Args| match me(a[0]).i.get() {
        usize::MAX => Err(th.type_error("len() of unsized object")),
        n => Ok(th.heap.uint(n as u64)?),
    },
    "Private method returning an estimate of len(list(it)).",
)];

fn repeat_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [object, times] = types::bind(th, "repeat", ["object", "times"], 1, args, kwargs)?;
    let n = if times.is_unbound() { usize::MAX } else { th.index(times)?.max(0) as usize };
    make(th, cls, |t| {
        t.a.set(object);
        t.i.set(n);
    })
}

fn repeat_next(_: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let claimed = t.i.atomic().fetch_update(AcqRel, Acquire, |n| match n {
        0 => None,
        u64::MAX => Some(n),
        n => Some(n - 1),
    });
    Ok(claimed.ok().map(|_| t.a.get()))
}

// -------------------------------------------------------------------------------------------------------------- chain

/// `itertools.chain`: the iterator of iterables in `a`, the one under way in `b`.
static CHAIN: ClassDef = ClassDef {
    name: "itertools.chain",
    doc: "Return a chain object whose .__next__() method returns elements from the\nfirst iterable until it is \
          exhausted, then elements from the next\niterable, until all of the iterables are exhausted.",
    slots: |s| {
        iterator(s);
        s.new = Some(|th, cls, args, kwargs| {
            if !kwargs.is_unbound() && !kwargs.get::<Dict>().is_empty() {
                return Err(th.type_error("chain() takes no keyword arguments"));
            }
            chain_over(th, cls, args)
        });
        s.next = Some(chain_next);
    },
    class_methods: &CHAIN_METHODS,
    basetype: true,
    kind: Kind::Record,
    ..PLAIN
};

static CHAIN_METHODS: [Def; 2] = [
    def(
        "from_iterable",
        "($type, iterable, /)",
        |th, a| chain_over(th, a[0], a[1]),
        "Alternative chain() constructor taking a single iterable argument that evaluates lazily.",
    ),
    def("__class_getitem__", "($type, object, /)", |th, a| th.generic_alias(a[0], a[1]), "See PEP 585"),
];

fn chain_over(th: &mut Thread, cls: Value, iterables: Value) -> R {
    let it = th.iter(iterables)?;
    make(th, cls, |t| t.a.set(it))
}

fn chain_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let t = me(o);
    let mut steps = Steps::default();
    loop {
        let mut active = t.b.get();
        if active.is_unbound() {
            let source = t.a.get();
            if source.is_unbound() {
                return Ok(None);
            }
            let Some(iterable) = pull(th, source)? else {
                t.a.set(Value::UNBOUND);
                return Ok(None);
            };
            match th.iter(iterable) {
                Ok(it) => active = it,
                Err(e) => {
                    t.a.set(Value::UNBOUND);
                    return Err(e);
                }
            }
            t.b.set(active);
        }
        if let Some(v) = pull(th, active)? {
            return Ok(Some(v));
        }
        t.b.cas(active, Value::UNBOUND);
        steps.tick(th)?;
    }
}
