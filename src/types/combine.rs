//! `enumerate`, `zip`, `map`, `filter`, `reversed`. Invariant: they hold iterators and never more than one item; what
//! an inner iterator raises leaves them usable.

use super::iters::{backward_state, claim, item_at, rec, reduced_by, set_backward_state};
use super::list::made;
use super::positional;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, lookup, slots};
use crate::run::{Args, Bin, ClassDef, Def, PLAIN, R, Thread, TypeSlots, arith, attr, def};

macro_rules! combiner {
    ($id:ident $name:literal $new:ident $next:ident $methods:ident $class_methods:expr, $doc:literal) => {
        #[doc = concat!("`", $name, "`.")]
        pub static $id: ClassDef = ClassDef {
            name: $name,
            doc: $doc,
            slots: |s: &mut TypeSlots| {
                s.iter = Some(|_, o| Ok(o));
                s.next = Some($next);
                s.new = Some($new);
            },
            methods: $methods,
            class_methods: $class_methods,
            basetype: true,
            kind: Kind::Iter,
            ..PLAIN
        };
    };
}

combiner! { ENUMERATE "enumerate" enumerate_new enumerate_next ENUMERATE_METHODS super::alias::CLASS_GETITEM,
"Return an enumerate object.\n\nIts items are pairs of a count (from start, which defaults to zero) and an item of the iterable." }
combiner! { ZIP "zip" zip_new zip_next ZIP_METHODS &[],
"The zip object yields n-length tuples, where n is the number of iterables\npassed as positional arguments to zip()." }
combiner! { MAP "map" map_new map_next MAP_METHODS &[],
"Make an iterator that computes the function using arguments from\neach of the iterables.  Stops when the shortest iterable is exhausted." }
combiner! { FILTER "filter" filter_new filter_next FILTER_METHODS &[],
"Return an iterator yielding those items of iterable for which function(item)\nis true. If function is None, return the items that are true." }
combiner! { REVERSED "reversed" reversed_new reversed_next REVERSED_METHODS &[],
"Return a reverse iterator over the values of the given sequence." }

static ENUMERATE_METHODS: &[Def] = &[def("__reduce__", "($self, /)", enumerate_reduce, "")];
static ZIP_METHODS: &[Def] = &[def("__reduce__", "($self, /)", zip_reduce, "")];
static MAP_METHODS: &[Def] = &[def("__reduce__", "($self, /)", map_reduce, "")];
static FILTER_METHODS: &[Def] = &[def("__reduce__", "($self, /)", filter_reduce, "")];
static REVERSED_METHODS: &[Def] = &[
    def(
        "__length_hint__",
        "($self, /)",
        reversed_hint,
        "Private method returning an estimate of len(list(it)).",
    ),
    def("__reduce__", "($self, /)", reversed_reduce, "Return state information for pickling."),
    def("__setstate__", "($self, object, /)", reversed_setstate, "Set state information for unpickling."),
];

/// One item of an inner iterator; chains of these may be deeper than the native stack.
fn inner(th: &mut Thread, it: Value) -> R<Option<Value>> {
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded"));
    }
    th.next(it)
}

/// Keywords reach a script class's own `__init__`.
fn own_kwargs(cls: Value, c: C, kwargs: Value) -> Value {
    if cls == c.v() || lookup(cls, N::__init__.v()) == lookup(C::object.v(), N::__init__.v()) {
        kwargs
    } else {
        Value::UNBOUND
    }
}

// ----------------------------------------------------------------------------------------------------------- enumerate

fn enumerate_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [over, start] = enumerate_args(th, args.get::<Tuple>(), kwargs)?;
    let start = if start.is_unbound() { Value::int(0) } else { arith::index(th, start)? };
    let it = th.iter(over)?;
    let v = th.heap.iter(C::enumerate, it, 0, 0, 0)?;
    v.get::<Iter>().x.set(start);
    made(th, cls, C::enumerate, v)
}

/// `iterable` and, perhaps unbound, `start`.
fn enumerate_args(th: &mut Thread, args: &Tuple, kwargs: Value) -> R<[Value; 2]> {
    let pairs =
        if kwargs.is_unbound() { crate::heap::known::S::empty_tuple.v() } else { th.dict_pairs(kwargs)? };
    let named = pairs.get::<Tuple>();
    let given = args.len() + named.len() / 2;
    if given > 2 {
        return Err(th.type_error(format!("enumerate() takes at most 2 arguments ({given} given)")));
    }
    if given == 0 {
        return Err(th.type_error("enumerate() missing required argument 'iterable'"));
    }
    let mut out = [Value::UNBOUND; 2];
    for (slot, v) in out.iter_mut().zip(args.iter()) {
        *slot = v;
    }
    for k in 0..named.len() / 2 {
        let name = th.text_of(named.at(2 * k))?;
        let place = match &*name {
            "iterable" if args.is_empty() => 0,
            "start" if given == 2 => 1,
            _ => {
                return Err(th.type_error(format!("'{name}' is an invalid keyword argument for enumerate()")));
            }
        };
        out[place] = named.at(2 * k + 1);
    }
    Ok(out)
}

fn enumerate_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = rec(o);
    let Some(v) = inner(th, i.over.get())? else { return Ok(None) };
    let n = claim(th, i);
    let index = counted(th, i.x.get(), n)?;
    Ok(Some(th.tuple(&[index, v])?))
}

fn counted(th: &mut Thread, start: Value, n: usize) -> R {
    if start.is_int()
        && let Some(v) = start.as_int().checked_add(n as i64).and_then(Value::try_int)
    {
        return Ok(v);
    }
    th.binary(Bin::Add, start, Value::int(n as i64))
}

fn enumerate_reduce(th: &mut Thread, a: Args) -> R {
    let i = rec(a[0]);
    let index = counted(th, i.x.get(), i.at.get())?;
    let args = th.tuple(&[i.over.get(), index])?;
    Ok(th.tuple(&[class_of(a[0]), args])?)
}

// ---------------------------------------------------------------------------------------------------------- zip and map

/// The iterators of the arguments from the `from`th on, as a tuple.
fn iterators(th: &mut Thread, args: &Tuple, from: usize) -> R {
    let n = args.len() - from;
    let out = th.tuple_with(n)?;
    for k in 0..n {
        let it = th.iter(args.at(from + k))?;
        // SAFETY: k is below the tuple's length.
        unsafe { out.get::<Tuple>().item(k) }.set(it);
    }
    Ok(out)
}

/// The keyword `strict`, the only one there is.
fn strict_of(th: &mut Thread, name: &str, kwargs: Value) -> R<bool> {
    if kwargs.is_unbound() {
        return Ok(false);
    }
    let pairs = th.dict_pairs(kwargs)?;
    let p = pairs.get::<Tuple>();
    let mut strict = false;
    if p.len() > 2 {
        let n = p.len() / 2;
        return Err(th.type_error(format!("{name}() takes at most 1 keyword argument ({n} given)")));
    }
    for i in 0..p.len() / 2 {
        if p.at(2 * i) != N::strict.v() {
            let text = format!("{name}() got an unexpected keyword argument '{}'", th.str_text(p.at(2 * i))?);
            return Err(th.type_error(text));
        }
        strict = th.truth(p.at(2 * i + 1))?;
    }
    Ok(strict)
}

/// One item of each iterator; nothing when one of them ends, with ValueError where `strict` forbids that.
fn round(th: &mut Thread, name: &str, its: &Tuple, strict: bool) -> R<Option<Value>> {
    let n = its.len();
    let out = th.tuple_with(n)?;
    for k in 0..n {
        match inner(th, its.at(k))? {
            // SAFETY: k is below the tuple's length.
            Some(v) => unsafe { out.get::<Tuple>().item(k) }.set(v),
            None if strict => {
                uneven(th, name, its, k)?;
                return Ok(None);
            }
            None => return Ok(None),
        }
    }
    Ok(Some(out))
}

/// Iterator `k` has ended: were the others as long?
fn uneven(th: &mut Thread, name: &str, its: &Tuple, k: usize) -> R<()> {
    let others = |n: usize| if n == 1 { "argument 1".to_string() } else { format!("arguments 1-{n}") };
    if k > 0 {
        return Err(th.value_error(format!("{name}() argument {} is shorter than {}", k + 1, others(k))));
    }
    for j in 1..its.len() {
        if inner(th, its.at(j))?.is_some() {
            return Err(th.value_error(format!("{name}() argument {} is longer than {}", j + 1, others(j))));
        }
    }
    Ok(())
}

fn zip_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let strict = strict_of(th, "zip", kwargs)?;
    let its = iterators(th, args.get::<Tuple>(), 0)?;
    let v = th.heap.iter(C::zip, its, 0, 0, strict as usize)?;
    made(th, cls, C::zip, v)
}

fn zip_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = rec(o);
    let its = i.over.get();
    if its.get::<Tuple>().is_empty() {
        return Ok(None);
    }
    round(th, "zip", its.get::<Tuple>(), i.step.get() == 1)
}

fn zip_reduce(th: &mut Thread, a: Args) -> R {
    let i = rec(a[0]);
    if i.step.get() == 1 {
        return Ok(th.tuple(&[class_of(a[0]), i.over.get(), Value::TRUE])?);
    }
    Ok(th.tuple(&[class_of(a[0]), i.over.get()])?)
}

fn map_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let strict = strict_of(th, "map", kwargs)?;
    let t = args.get::<Tuple>();
    if t.len() < 2 {
        return Err(th.type_error("map() must have at least two arguments."));
    }
    let its = iterators(th, t, 1)?;
    let v = th.heap.iter(C::map, t.at(0), 0, 0, strict as usize)?;
    v.get::<Iter>().x.set(its);
    made(th, cls, C::map, v)
}

fn map_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = rec(o);
    let (f, its) = (i.over.get(), i.x.get().get::<Tuple>());
    if its.len() == 1 {
        return match inner(th, its.at(0))? {
            Some(v) => th.call(f, &[v]).map(Some),
            None => Ok(None),
        };
    }
    match round(th, "map", its, i.step.get() == 1)? {
        Some(args) => th.call_ex(f, args, Value::UNBOUND).map(Some),
        None => Ok(None),
    }
}

fn map_reduce(th: &mut Thread, a: Args) -> R {
    let i = rec(a[0]);
    let args = crate::run::inherit::prepend(th, i.over.get(), i.x.get())?;
    Ok(th.tuple(&[class_of(a[0]), args])?)
}

// -------------------------------------------------------------------------------------------------------------- filter

fn filter_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [f, over] = positional::<2>(th, "filter", 2, args, own_kwargs(cls, C::filter, kwargs))?;
    let it = th.iter(over)?;
    let v = th.heap.iter(C::filter, f, 0, 0, 0)?;
    v.get::<Iter>().x.set(it);
    made(th, cls, C::filter, v)
}

fn filter_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = rec(o);
    let (f, it) = (i.over.get(), i.x.get());
    let mut n = 0usize;
    while let Some(v) = inner(th, it)? {
        let wanted = if f.is_none() || f == C::bool.v() {
            th.truth(v)?
        } else {
            let t = th.call(f, &[v])?;
            th.truth(t)?
        };
        if wanted {
            return Ok(Some(v));
        }
        n += 1;
        if n.is_multiple_of(8192) {
            crate::run::poll::native_poll(th)?;
        }
    }
    Ok(None)
}

fn filter_reduce(th: &mut Thread, a: Args) -> R {
    let i = rec(a[0]);
    let args = th.tuple(&[i.over.get(), i.x.get()])?;
    Ok(th.tuple(&[class_of(a[0]), args])?)
}

// ------------------------------------------------------------------------------------------------------------ reversed

fn reversed_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let [over] = positional::<1>(th, "reversed", 1, args, own_kwargs(cls, C::reversed, kwargs))?;
    if let Some(f) = lookup(class_of(over), N::__reversed__.v()) {
        if f.is_none() {
            return Err(not_reversible(th, over));
        }
        let f = attr::bind(th, f, over)?;
        return th.call(f, &[]);
    }
    let s = slots(class_of(over));
    if s.getitem.is_none() || over.is_kind(Kind::Class) || over.like::<Dict>().is_some() {
        return Err(not_reversible(th, over));
    }
    let n = th.len(over)?;
    let v = th.heap.iter(C::reversed, over, 0, n, 0)?;
    made(th, cls, C::reversed, v)
}

#[cold]
fn not_reversible(th: &mut Thread, v: Value) -> crate::run::Raised {
    let text = format!("'{}' object is not reversible", th.type_name(v));
    th.type_error(text)
}

fn reversed_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = rec(o);
    let over = i.over.get();
    if over.is_unbound() {
        return Ok(None);
    }
    let n = claim(th, i);
    let found = match i.end.get().checked_sub(n + 1) {
        Some(k) => item_at(th, over, k)?,
        None => None,
    };
    if found.is_none() {
        i.over.set(Value::UNBOUND);
    }
    Ok(found)
}

fn reversed_hint(th: &mut Thread, a: Args) -> R {
    let i = rec(a[0]);
    if i.over.get().is_unbound() {
        return Ok(Value::int(0));
    }
    let left = i.end.get().saturating_sub(i.at.get());
    let n = th.len(i.over.get())?;
    Ok(Value::int(if n < left { 0 } else { left as i64 }))
}

fn reversed_reduce(th: &mut Thread, a: Args) -> R {
    let i = rec(a[0]);
    let class = class_of(a[0]);
    match i.over.get().bound() {
        Some(over) => reduced_by(th, class, over, Some(backward_state(i))),
        None => reduced_by(th, class, crate::heap::known::S::empty_tuple.v(), None),
    }
}

fn reversed_setstate(th: &mut Thread, a: Args) -> R {
    let n = super::slice::ssize(th, a[1])?;
    set_backward_state(rec(a[0]), n);
    Ok(Value::NONE)
}
