//! `functools.partial`. Invariant: a partial's function, arguments, keywords and the number of places kept for later
//! arguments stand in one tuple, which is exchanged as a whole.

use super::functools::no_names;
use crate::heap::known::N;
use crate::heap::object::*;
use crate::heap::{Kind, Value, dict};
use crate::run::call::room;
use crate::run::class::{self, class_of, lookup};
use crate::run::{Args, ClassDef, PLAIN, R, Thread, Windowed, def, get};
use crate::types;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// The shape of plain partials.
pub static SHAPE: AtomicU32 = AtomicU32::new(0);
/// The shape of the object that keeps a place.
static PLACE: AtomicU32 = AtomicU32::new(0);

/// `partial`: in `x` its attributes, in `y` the tuple (function, arguments, keywords, places).
pub static PARTIAL: ClassDef = ClassDef {
    name: "functools.partial",
    doc: "Create a new function with partial application of the given arguments and keywords.",
    slots: |s| {
        s.new = Some(new);
        s.call = Some(call);
        s.window = Some(window);
        s.repr = Some(repr);
        s.binds = true;
        s.get = Some(|th, o, this, _| if this.is_none() { Ok(o) } else { Ok(th.method(o, this)?) });
    },
    methods: &[
        def("__reduce__", "($self, /)", reduce, "Return state information for pickling."),
        def("__setstate__", "($self, state, /)", setstate, "Set state from what __reduce__ gave."),
    ],
    class_methods: &[def(
        "__class_getitem__",
        "($type, object, /)",
        |th, a| th.generic_alias(a[0], a[1]),
        "See PEP 585",
    )],
    getset: &[
        get("func", |_, o| Ok(part(o, 0)), "function object to use in future partial calls"),
        get("args", |_, o| Ok(part(o, 1)), "tuple of arguments to future partial calls"),
        get("keywords", |_, o| Ok(part(o, 2)), "dictionary of keyword arguments to future partial calls"),
    ],
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

/// Tells which object keeps a place for an argument of the later call.
pub fn know_place(v: Value) -> R {
    PLACE.store(v.header().shape(), Relaxed);
    Ok(Value::NONE)
}

fn is_place(v: Value) -> bool {
    v.kind() == Kind::Instance && v.header().shape() == PLACE.load(Relaxed)
}

fn part(o: Value, i: usize) -> Value {
    o.base().get::<Boxed>().y.get().get::<Tuple>().at(i)
}

fn places(args: &Tuple) -> usize {
    args.iter().filter(|v| is_place(*v)).count()
}

fn no_trailing_place(th: &mut Thread, args: &Tuple) -> R<()> {
    match args.len().checked_sub(1).map(|i| args.at(i)) {
        Some(last) if is_place(last) => Err(th.type_error("trailing Placeholders are not allowed")),
        _ => Ok(()),
    }
}

fn is_callable(v: Value) -> bool {
    class::slots(class_of(v)).call.is_some() || lookup(class_of(v), N::__call__.v()).is_some()
}

/// A tuple of the items of two.
fn joined(th: &mut Thread, a: &Tuple, b: &Tuple) -> R {
    let out = th.tuple_with(a.len() + b.len())?;
    for (i, v) in a.iter().chain(b.iter()).enumerate() {
        // SAFETY: there are no more items than the tuple was made for.
        unsafe { out.get::<Tuple>().item(i) }.set(v);
    }
    Ok(out)
}

/// Positional arguments: later ones first fill the places kept among those given.
fn gather(th: &mut Thread, given: &Tuple, later: &Tuple) -> R {
    let kept = places(given);
    if kept == 0 {
        return joined(th, given, later);
    }
    let out = th.tuple_with(given.len() + later.len().saturating_sub(kept))?;
    let mut rest = later.iter();
    let filled = given.iter().map(|v| if is_place(v) { (v, true) } else { (v, false) });
    let mut at = 0;
    let mut add = |v: Value| {
        // SAFETY: there are no more items than the tuple was made for.
        unsafe { out.get::<Tuple>().item(at) }.set(v);
        at += 1;
    };
    for (v, place) in filled {
        add(if place { rest.next().unwrap_or(v) } else { v });
    }
    rest.for_each(add);
    Ok(out)
}

/// A dict of the pairs of two dicts, of which the second wins.
fn merged(th: &mut Thread, first: Value, second: Value) -> R {
    let out = dict::copy(&mut th.heap, first.get::<Dict>())?;
    if !no_names(second) {
        let pairs = th.dict_pairs(second)?;
        let p = pairs.get::<Tuple>();
        for i in 0..p.len() / 2 {
            th.dict_insert(out, p.at(2 * i), p.at(2 * i + 1))?;
        }
    }
    Ok(out)
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let all = args.get::<Tuple>();
    let Some(n) = all.len().checked_sub(1) else {
        return Err(th.type_error("type 'partial' takes at least one argument"));
    };
    let mut function = all.at(0);
    if !is_callable(function) {
        return Err(th.type_error("the first argument must be callable"));
    }
    let mut given = th.tuple_with(n)?;
    for i in 0..n {
        // SAFETY: i is below the tuple's length.
        unsafe { given.get::<Tuple>().item(i) }.set(all.at(i + 1));
    }
    no_trailing_place(th, given.get::<Tuple>())?;
    let mut keywords = th.heap.new_dict()?;
    if !no_names(kwargs) {
        keywords = merged(th, keywords, kwargs)?;
    }
    if !no_names(kwargs) && th.dict_pairs(keywords)?.get::<Tuple>().iter().skip(1).step_by(2).any(is_place) {
        return Err(th.type_error("Placeholder cannot be passed as a keyword argument"));
    }
    // A partial of a partial that has no attributes of its own is a partial of its function.
    if function.base().kind() == Kind::Boxed
        && function.base().header().shape() == SHAPE.load(Relaxed)
        && types::object::own_attributes(th, function)?.get::<Dict>().is_empty()
    {
        given = gather(th, part(function, 1).get::<Tuple>(), given.get::<Tuple>())?;
        keywords = merged(th, part(function, 2), keywords)?;
        function = part(function, 0);
        let t = given.get::<Tuple>();
        let mut n = t.len();
        while n > 0 && is_place(t.at(n - 1)) {
            n -= 1;
        }
        if n < t.len() {
            given = super::util::tuple_of(th, n, |_, i| Ok(t.at(i)))?;
        }
    }
    let state = state_of(th, function, given, keywords)?;
    let attributes = th.heap.new_dict()?;
    let (v, b) = th.heap.new::<Boxed>(SHAPE.load(Relaxed), 4, 0)?;
    b.x.set(attributes);
    b.y.set(state);
    b.z.set(Value::UNBOUND);
    b.w.set(Value::UNBOUND);
    if cls.get::<Class>().solid.get() == cls { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

fn state_of(th: &mut Thread, function: Value, given: Value, keywords: Value) -> R {
    let places = Value::int(places(given.get::<Tuple>()) as i64);
    Ok(th.tuple(&[function, given, keywords, places])?)
}

/// A call puts the given arguments before those in the window, and the function in the callee's place.
unsafe fn window(th: &mut Thread, w: *mut Value, n: usize, _: Option<&'static Tuple>) -> R<Windowed> {
    // SAFETY: the callee and its arguments stand in the window; room is asked for before they move up.
    unsafe {
        let state = (*w).base().get::<Boxed>().y.get().get::<Tuple>();
        let given = state.at(1).get::<Tuple>();
        if state.at(3) != Value::int(0) || !state.at(2).get::<Dict>().is_empty() {
            return Ok(Windowed::Ask);
        }
        let k = given.len();
        room(th, w.add(3), n + k + 2)?;
        std::ptr::copy(w.add(3), w.add(3 + k), n);
        for i in 0..k {
            *w.add(3 + i) = given.at(i);
        }
        *w = state.at(0);
        Ok(Windowed::Callee(n + k))
    }
}

/// A call with keywords of its own or places to fill.
fn call(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R {
    let state = o.base().get::<Boxed>().y.get();
    let state = state.get::<Tuple>();
    let (given, later) = (state.at(1).get::<Tuple>(), args.get::<Tuple>());
    let kept = places(given);
    if later.len() < kept {
        let text = format!(
            "missing positional arguments in 'partial' call; expected at least {kept}, got {}",
            later.len()
        );
        return Err(th.type_error(text));
    }
    let all = if given.is_empty() { args } else { gather(th, given, later)? };
    let own = state.at(2);
    let keywords = match (own.get::<Dict>().is_empty(), no_names(kwargs)) {
        (true, _) => kwargs,
        (false, true) => own,
        (false, false) => merged(th, own, kwargs)?,
    };
    th.call_ex(state.at(0), all, keywords)
}

fn repr(th: &mut Thread, o: Value) -> R {
    if th.repr_guard.contains(&o) {
        return types::text(th, "...");
    }
    th.repr_guard.push(o);
    let shown = (|| -> R<String> {
        let mut parts = vec![th.repr_text(part(o, 0))?];
        let given = part(o, 1);
        for v in given.get::<Tuple>().iter() {
            parts.push(th.repr_text(v)?);
        }
        let pairs = th.dict_pairs(part(o, 2))?;
        let p = pairs.get::<Tuple>();
        for i in 0..p.len() / 2 {
            parts.push(format!("{}={}", th.str_text(p.at(2 * i))?, th.repr_text(p.at(2 * i + 1))?));
        }
        Ok(parts.join(", "))
    })();
    th.repr_guard.pop();
    let name = types::full_name(th, class_of(o))?;
    types::text(th, format!("{name}({})", shown?))
}

fn reduce(th: &mut Thread, a: Args) -> R {
    let o = a[0];
    let args = th.tuple(&[part(o, 0)])?;
    let keywords = part(o, 2);
    let keywords = if keywords.get::<Dict>().is_empty() { Value::NONE } else { keywords };
    let attributes = types::object::own_attributes(th, o)?;
    let attributes = if attributes.get::<Dict>().is_empty() { Value::NONE } else { attributes };
    let state = th.tuple(&[part(o, 0), part(o, 1), keywords, attributes])?;
    Ok(th.tuple(&[class_of(o), args, state])?)
}

fn setstate(th: &mut Thread, a: Args) -> R {
    let wrong = "invalid partial state";
    let Some(state) = a[1].like::<Tuple>().filter(|t| t.len() == 4) else { return Err(th.type_error(wrong)) };
    let (function, given, keywords, attributes) = (state.at(0), state.at(1), state.at(2), state.at(3));
    if !is_callable(function)
        || given.like::<Tuple>().is_none()
        || !keywords.is_none() && keywords.like::<Dict>().is_none()
    {
        return Err(th.type_error(wrong));
    }
    no_trailing_place(th, given.base().get::<Tuple>())?;
    let nothing = th.heap.new_dict()?;
    let keywords = if keywords.is_none() { nothing } else { merged(th, nothing, keywords.base())? };
    let state = state_of(th, function, given.base(), keywords)?;
    a[0].base().get::<Boxed>().y.set(state);
    if !attributes.is_none() {
        let name = N::__dict__.v();
        let own = th.getattr(a[0], name)?;
        th.call_method(own, N::update, &[attributes])?;
    }
    Ok(Value::NONE)
}
