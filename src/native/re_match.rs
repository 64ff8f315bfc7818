//! `re.Match` and the scanner behind `finditer`. Invariant: a match keeps byte offsets; indices in characters are
//! computed when asked for. A scanner's place is one word, claimed by exchange.

use super::re::{self, Subject};
use super::re_exec::{Matcher, NOWHERE, Want};
use super::re_prog::Program;
use super::re_sub;
use crate::heap::cell::{Header, Kind, Raw, Slot};
use crate::heap::known::S;
use crate::heap::object::*;
use crate::heap::text::{self, index};
use crate::heap::{Mutator, Value};
use crate::run::class::{self};
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, arith, def, get};
use crate::types;
use std::sync::atomic::{AtomicU32, Ordering::*};

static MATCH_SHAPE: AtomicU32 = AtomicU32::new(0);
static SCANNER_SHAPE: AtomicU32 = AtomicU32::new(0);
static ITER_SHAPE: AtomicU32 = AtomicU32::new(0);

/// A match.
#[repr(C)]
pub struct Match {
    h: Header,
    pattern: Slot,
    /// The object that was given.
    given: Slot,
    /// The flat text or byte string.
    value: Slot,
    /// Tuple of byte offsets, two for each group, -1 where it has none.
    spans: Slot,
    pos: Raw,
    endpos: Raw,
    /// The group closed last, 0 if none.
    last: Raw,
}
// SAFETY: repr(C) with a Header first; the class's instances are made only by `make`.
unsafe impl Layout for Match {
    const KIND: Kind = Kind::Record;
}

static MATCH: ClassDef = ClassDef {
    name: "re.Match",
    doc: "The result of re.match() and re.search().\nMatch objects always have a boolean value of True.",
    slots: |s| {
        s.new = None;
        s.repr = Some(repr);
        s.getitem = Some(|th, o, k| {
            let g = number(th, o, k)?;
            piece(th, o, g)
        });
    },
    methods: &METHODS,
    class_methods: &[def(
        "__class_getitem__",
        "($type, object, /)",
        |th, a| th.generic_alias(a[0], a[1]),
        "See PEP 585",
    )],
    getset: &[
        get("string", |_, o| Ok(this(o).given.get()), "The string passed to match() or search()."),
        get("re", |_, o| Ok(this(o).pattern.get()), "The regular expression object."),
        get(
            "pos",
            |_, o| Ok(Value::int(this(o).pos.get() as i64)),
            "The index into the string at which the RE engine started looking for a match.",
        ),
        get(
            "endpos",
            |_, o| Ok(Value::int(this(o).endpos.get() as i64)),
            "The index into the string beyond which the RE engine will not go.",
        ),
        get(
            "lastindex",
            |_, o| {
                Ok(Some(this(o).last.get()).filter(|g| *g > 0).map_or(Value::NONE, |g| Value::int(g as i64)))
            },
            "The integer index of the last matched capturing group.",
        ),
        get("lastgroup", last_group, "The name of the last matched capturing group."),
        get("regs", |th, o| collect(th, o, 0, span), ""),
    ],
    kind: Kind::Record,
    ..PLAIN
};

static METHODS: [Def; 9] = [
    def("group", "($self, /, *groups)", group, "group([group1, ...]) -> str or tuple."),
    def(
        "groups",
        "($self, /, default=None)",
        |th, a| {
            let default = a[1].or(Value::NONE);
            collect(th, a[0], 1, |th, o, g| if has(o, g) { piece(th, o, g) } else { Ok(default) })
        },
        "Return a tuple containing all the subgroups of the match, from 1.",
    ),
    def(
        "groupdict",
        "($self, /, default=None)",
        group_dict,
        "Return a dictionary containing all the named subgroups of the match, keyed by the subgroup name.",
    ),
    def(
        "start",
        "($self, group=0, /)",
        |th, a| Ok(ends(th, a)?.0),
        "Return index of the start of the substring matched by group.",
    ),
    def(
        "end",
        "($self, group=0, /)",
        |th, a| Ok(ends(th, a)?.1),
        "Return index of the end of the substring matched by group.",
    ),
    def(
        "span",
        "($self, group=0, /)",
        |th, a| {
            let (x, y) = ends(th, a)?;
            Ok(th.tuple(&[x, y])?)
        },
        "For match object m, return the 2-tuple (m.start(group), m.end(group)).",
    ),
    def(
        "expand",
        "($self, /, template)",
        |th, a| re_sub::expand(th, a[0], this(a[0]).pattern.get(), a[1]),
        "Return the string obtained by doing backslash substitution on the string template, as done by the sub() method.",
    ),
    def("__copy__", "($self, /)", |_, a| Ok(a[0]), ""),
    def("__deepcopy__", "($self, memo, /)", |_, a| Ok(a[0]), ""),
];

/// Makes the classes; gives `Match`.
pub fn classes(th: &mut Thread) -> R {
    for (d, shape) in [(&SCANNER, &SCANNER_SHAPE), (&ITER, &ITER_SHAPE)] {
        let c = class::define(th, None, d)?;
        shape.store(super::lock::shape_of(c), Relaxed);
    }
    let c = class::define(th, None, &MATCH)?;
    MATCH_SHAPE.store(super::lock::shape_of(c), Relaxed);
    Ok(c)
}

/// A match of the groups in `slots`.
pub fn make(th: &mut Thread, pattern: Value, s: &Subject, slots: &[usize]) -> R {
    let n = re::program(pattern).groups;
    let spans = th.tuple_with(2 * n)?;
    for (i, at) in slots[..2 * n].iter().enumerate() {
        // A group whose end was never reached has no start either.
        let set = slots[i | 1] != NOWHERE && *at != NOWHERE;
        let v = if set { Value::int(*at as i64) } else { Value::int(-1) };
        // SAFETY: the tuple was made with two items for each group.
        unsafe { spans.get::<Tuple>().item(i) }.set(v);
    }
    let (v, m) = th.heap.new::<Match>(MATCH_SHAPE.load(Relaxed), 4, 0)?;
    m.pattern.set(pattern);
    m.given.set(s.given);
    m.value.set(s.value);
    m.spans.set(spans);
    m.pos.set(s.pos);
    m.endpos.set(s.endpos);
    let last = slots[2 * n];
    m.last.set(if last == NOWHERE { 0 } else { last });
    Ok(v)
}

fn this(o: Value) -> &'static Match {
    o.get::<Match>()
}

/// Byte offsets of a group, if it has matched.
fn offsets(o: Value, g: usize) -> Option<(usize, usize)> {
    let spans = this(o).spans.get();
    let t = spans.get::<Tuple>();
    let (a, b) = (t.at(2 * g).as_int(), t.at(2 * g + 1).as_int());
    (a >= 0 && b >= a).then_some((a as usize, b as usize))
}

fn has(o: Value, g: usize) -> bool {
    offsets(o, g).is_some()
}

/// Part of a flat text or byte string.
pub fn part(m: &mut Mutator, value: Value, from: usize, to: usize) -> R {
    if let Some(b) = value.cast::<Bytes>() {
        let all = b.bytes();
        return match from == to {
            true => Ok(S::empty_bytes.v()),
            false if from == 0 && to == all.len() => Ok(value),
            false => Ok(m.bytes(&all[from..to])?),
        };
    }
    let all = value.get::<Str>().bytes();
    if from == 0 && to == all.len() {
        return Ok(value);
    }
    Ok(text::of_bytes(m, &all[from..to])?)
}

/// What a group matched, or None.
pub fn piece(th: &mut Thread, o: Value, g: usize) -> R {
    match offsets(o, g) {
        Some((a, b)) => part(&mut th.heap, this(o).value.get(), a, b),
        None => Ok(Value::NONE),
    }
}

/// The bytes a group matched.
pub fn bytes(o: Value, g: usize) -> &'static [u8] {
    let value = this(o).value.get();
    let all = match value.cast::<Bytes>() {
        Some(b) => b.bytes(),
        None => value.get::<Str>().bytes(),
    };
    offsets(o, g).map_or(&[], |(a, b)| &all[a..b])
}

fn place(th: &mut Thread, value: Value, at: usize) -> R {
    let i = if value.is_kind(Kind::Bytes) { at } else { index::index_of(&mut th.heap, value, at)? };
    Ok(Value::int(i as i64))
}

fn bounds(th: &mut Thread, o: Value, g: usize) -> R<(Value, Value)> {
    let Some((a, b)) = offsets(o, g) else { return Ok((Value::int(-1), Value::int(-1))) };
    let value = this(o).value.get();
    Ok((place(th, value, a)?, place(th, value, b)?))
}

fn span(th: &mut Thread, o: Value, g: usize) -> R {
    let (a, b) = bounds(th, o, g)?;
    Ok(th.tuple(&[a, b])?)
}

fn program(o: Value) -> &'static Program {
    re::program(this(o).pattern.get())
}

/// The number of a group named by number or name.
fn number(th: &mut Thread, o: Value, k: Value) -> R<usize> {
    let p = program(o);
    let found = if types::is_str(k) {
        let name = th.text_of(k)?;
        p.names.iter().find(|(n, _)| *n == name).map(|(_, g)| *g)
    } else if k.is_int() {
        usize::try_from(k.as_int()).ok()
    } else if class::slots(class::class_of(k)).index.is_some() || k.is_bool() || k.base().is_int() {
        usize::try_from(arith::clamped(th, k)?).ok()
    } else {
        None
    };
    match found.filter(|g| *g < p.groups) {
        Some(g) => Ok(g),
        None => Err(th.index_error("no such group")),
    }
}

fn ends(th: &mut Thread, a: Args) -> R<(Value, Value)> {
    let g = if a[1].is_unbound() { 0 } else { number(th, a[0], a[1])? };
    bounds(th, a[0], g)
}

fn group(th: &mut Thread, a: Args) -> R {
    let wanted = a[1].get::<Tuple>();
    match wanted.len() {
        0 => piece(th, a[0], 0),
        1 => {
            let g = number(th, a[0], wanted.at(0))?;
            piece(th, a[0], g)
        }
        n => {
            let out = th.tuple_with(n)?;
            for (i, k) in wanted.iter().enumerate() {
                let g = number(th, a[0], k)?;
                let v = piece(th, a[0], g)?;
                // SAFETY: the tuple was made with n items.
                unsafe { out.get::<Tuple>().item(i) }.set(v);
            }
            Ok(out)
        }
    }
}

/// A tuple of `f` of the groups from `first` on.
fn collect(th: &mut Thread, o: Value, first: usize, f: impl Fn(&mut Thread, Value, usize) -> R) -> R {
    let n = program(o).groups - first;
    if n == 0 {
        return Ok(S::empty_tuple.v());
    }
    let out = th.tuple_with(n)?;
    for i in 0..n {
        let v = f(th, o, first + i)?;
        // SAFETY: the tuple was made with n items.
        unsafe { out.get::<Tuple>().item(i) }.set(v);
    }
    Ok(out)
}

fn group_dict(th: &mut Thread, a: Args) -> R {
    let out = th.heap.new_dict()?;
    for (name, g) in &program(a[0]).names {
        let v = if has(a[0], *g) { piece(th, a[0], *g)? } else { a[1].or(Value::NONE) };
        let name = th.intern(name)?;
        th.dict_insert(out, name, v)?;
    }
    Ok(out)
}

fn last_group(th: &mut Thread, o: Value) -> R {
    let last = this(o).last.get();
    match program(o).names.iter().find(|(_, g)| *g == last) {
        Some((name, _)) => th.intern(name),
        None => Ok(Value::NONE),
    }
}

fn repr(th: &mut Thread, o: Value) -> R {
    let (a, b) = bounds(th, o, 0)?;
    let what = piece(th, o, 0)?;
    let what: String = th.repr_text(what)?.chars().take(50).collect();
    types::text(th, format!("<re.Match object; span=({}, {}), match={what}>", a.as_int(), b.as_int()))
}

// ----------------------------------------------------------------------------------------------------------- scanner

/// A search that goes on.
#[repr(C)]
struct Scanner {
    h: Header,
    pattern: Slot,
    given: Slot,
    value: Slot,
    /// Twice the byte to go on at, plus 1 if an empty match there does not count; all ones at the end.
    at: Raw,
    /// Bytes of the subject that are searched.
    end: Raw,
    pos: Raw,
    endpos: Raw,
}
// SAFETY: repr(C) with a Header first; the classes' instances are made only by `scanner`.
unsafe impl Layout for Scanner {
    const KIND: Kind = Kind::Record;
}

const ENDED: usize = usize::MAX;

static SCANNER: ClassDef = ClassDef {
    name: "_sre.SRE_Scanner",
    slots: |s| s.new = None,
    methods: &[
        def("match", "($self, /)", |th, a| Ok(step(th, a[0], Want::Match)?.unwrap_or(Value::NONE)), ""),
        def("search", "($self, /)", |th, a| Ok(step(th, a[0], Want::Search)?.unwrap_or(Value::NONE)), ""),
    ],
    getset: &[get("pattern", |_, o| Ok(o.get::<Scanner>().pattern.get()), "")],
    kind: Kind::Record,
    ..PLAIN
};

static ITER: ClassDef = ClassDef {
    name: "callable_iterator",
    slots: |s| {
        s.new = None;
        s.iter = Some(|_, o| Ok(o));
        s.next = Some(|th, o| step(th, o, Want::Search));
    },
    kind: Kind::Record,
    ..PLAIN
};

/// A scanner, or (`iterate`) the iterator that `finditer` gives.
pub fn scanner(
    th: &mut Thread,
    pattern: Value,
    string: Value,
    pos: Value,
    endpos: Value,
    iterate: bool,
) -> R {
    let s = re::with(th, pattern, |th, p| re::subject(th, p, string, pos, endpos))?;
    let shape = if iterate { &ITER_SHAPE } else { &SCANNER_SHAPE };
    let (v, c) = th.heap.new::<Scanner>(shape.load(Relaxed), 3, 0)?;
    c.pattern.set(pattern);
    c.given.set(s.given);
    c.value.set(s.value);
    c.at.set(if s.from > s.bytes.len() { ENDED } else { 2 * s.from });
    c.end.set(s.bytes.len());
    c.pos.set(s.pos);
    c.endpos.set(s.endpos);
    Ok(v)
}

fn step(th: &mut Thread, o: Value, want: Want) -> R<Option<Value>> {
    let c = o.get::<Scanner>();
    let (pattern, value) = (c.pattern.get(), c.value.get());
    re::with(th, pattern, |th, p| {
        let all = match value.cast::<Bytes>() {
            Some(b) => b.bytes(),
            None => value.get::<Str>().bytes(),
        };
        let bytes = &all[..c.end.get()];
        let mut m = Matcher::new(p, bytes);
        loop {
            let at = c.at.get();
            if at == ENDED {
                return Ok(None);
            }
            let found = match m.find(th, at >> 1, want, at & 1 == 1) {
                Ok(found) => found,
                Err(t) => return Err(re::trouble(th, t)),
            };
            let next = if found { (2 * m.slots[1]) | (m.slots[0] == m.slots[1]) as usize } else { ENDED };
            if c.at.atomic().compare_exchange(at as u64, next as u64, AcqRel, Acquire).is_err() {
                continue;
            }
            if !found {
                return Ok(None);
            }
            let s = Subject {
                given: c.given.get(),
                value,
                bytes,
                from: at >> 1,
                pos: c.pos.get(),
                endpos: c.endpos.get(),
            };
            return make(th, pattern, &s, &m.slots).map(Some);
        }
    })
}
