//! The module `_functools_calls`: the callables behind `lru_cache` and `partial`. Invariant: what a call needs stands in
//! one tuple that never changes; counts are atomic, and a bounded cache is trimmed under its dict's lock.

use super::functools_key::{self, KEY, cmp_to_key};
use super::functools_partial::{self, PARTIAL, know_place};
use super::util::{self, put, shape_of};
use crate::heap::dict;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::call::room;
use crate::run::class::{self, class_of};
use crate::run::{Args, ClassDef, ModuleDef, PLAIN, R, Thread, Windowed, def};
use crate::types;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_functools_calls",
    doc: "Callables of functools.",
    functions: &[
        def("_know_place", "(place, /)", |_, a| know_place(a[0]), ""),
        def(
            "cmp_to_key",
            "(mycmp)",
            |th, a| cmp_to_key(th, a[0]),
            "Convert a cmp= function into a key= function.",
        ),
    ],
    fill: |th, dict| {
        for (d, shape) in
            [(&CACHED, &CACHED_SHAPE), (&PARTIAL, &functools_partial::SHAPE), (&KEY, &functools_key::SHAPE)]
        {
            let c = class::define(th, None, d)?;
            shape.store(shape_of(c), Relaxed);
            put(th, dict, d.name.rsplit('.').next().unwrap_or(d.name), c)?;
        }
        Ok(())
    },
};

static CACHED_SHAPE: AtomicU32 = AtomicU32::new(0);

/// The function that `lru_cache` makes: in `x` its attributes, in `y` the tuple (function, maxsize, what makes
/// `cache_info`'s result), in `z` the results by key, in `w` what parts positional arguments from keywords in a key.
static CACHED: ClassDef = ClassDef {
    name: "functools._lru_cache_wrapper",
    doc: "Create a cached callable that wraps another function.",
    slots: |s| {
        s.new = Some(new);
        s.call = Some(|th, o, args, kwargs| th.call_ex(o, args, kwargs));
        s.window = Some(call);
        s.binds = true;
        s.get = Some(|th, o, this, _| if this.is_none() { Ok(o) } else { Ok(th.method(o, this)?) });
    },
    methods: &[
        def("cache_info", "($self, /)", info, "Report cache statistics"),
        def("cache_clear", "($self, /)", clear, "Clear the cache and cache statistics"),
        def(
            "__reduce__",
            "($self, /)",
            |th, a| {
                let name = th.intern("__qualname__")?;
                th.getattr(a[0], name)
            },
            "",
        ),
        def("__copy__", "($self, /)", |_, a| Ok(a[0]), ""),
        def("__deepcopy__", "($self, memo, /)", |_, a| Ok(a[0]), ""),
    ],
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

/// Counts and kind of a cache.
struct Cache {
    hits: AtomicU64,
    misses: AtomicU64,
    /// Most results kept; the greatest number where there is no bound.
    most: usize,
    typed: bool,
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let names = ["user_function", "maxsize", "typed", "cache_info_type"];
    let [function, maxsize, typed, kind] = types::bind(th, "lru_cache", names, 4, args, kwargs)?;
    let most = if maxsize.is_none() { usize::MAX } else { th.index(maxsize)?.max(0) as usize };
    let typed = th.truth(typed)?;
    let parts = th.tuple(&[function, maxsize, kind])?;
    let marker = crate::run::instance::new_instance(th, C::object.v())?;
    let (attributes, results) = (th.heap.new_dict()?, th.heap.new_dict()?);
    let cache = Cache { hits: AtomicU64::new(0), misses: AtomicU64::new(0), most, typed };
    let v = th.heap.boxed(CACHED_SHAPE.load(Relaxed), Box::new(cache), 64)?;
    let b = v.get::<Boxed>();
    b.x.set(attributes);
    b.y.set(parts);
    b.z.set(results);
    b.w.set(marker);
    if cls.get::<Class>().solid.get() == cls { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

fn me(o: Value) -> (&'static Boxed, &'static Cache) {
    let b = o.base().get::<Boxed>();
    // The class makes no instance without its payload.
    (b, b.payload::<Cache>().unwrap_or(&NONE))
}

static NONE: Cache = Cache { hits: AtomicU64::new(0), misses: AtomicU64::new(0), most: 0, typed: false };

/// The key of the arguments: a plain number or string stands for itself, else a tuple.
fn key_of(th: &mut Thread, marker: Value, typed: bool, args: &[Value], names: Option<&Tuple>) -> R {
    if let ([v], None, false) = (args, names, typed) {
        let class = class_of(*v);
        if class == C::int.v() || class == C::str.v() {
            return Ok(*v);
        }
        return Ok(th.tuple(args)?);
    }
    let named = names.map_or(0, |k| k.len());
    let spare = if named > 0 { 1 + named } else { 0 };
    let types = if typed { args.len() } else { 0 };
    let out = th.tuple_with(args.len() + spare + types)?;
    let plain = args.len() - named;
    let mut at = 0;
    let mut add = |v: Value| {
        // SAFETY: no more are added than the tuple was made for.
        unsafe { out.get::<Tuple>().item(at) }.set(v);
        at += 1;
    };
    args[..plain].iter().for_each(|v| add(*v));
    if let Some(names) = names {
        add(marker);
        for (name, v) in names.iter().zip(&args[plain..]) {
            add(name);
            add(*v);
        }
    }
    if typed {
        args.iter().for_each(|v| add(class_of(*v)));
    }
    Ok(out)
}

/// A call of the cached function.
unsafe fn call(th: &mut Thread, w: *mut Value, n: usize, kw: Option<&'static Tuple>) -> R<Windowed> {
    // SAFETY: the callee and its arguments stand in the window; what comes to lie above them stays above.
    let (o, args) = unsafe {
        let above = w.add(3 + n);
        room(th, above, 8)?;
        if th.free() < above {
            th.top = above;
        }
        (*w, std::slice::from_raw_parts(w.add(3), n))
    };
    let kw = kw.filter(|k| !k.is_empty());
    let (b, cache) = me(o);
    let function = b.y.get().get::<Tuple>().at(0);
    if cache.most == 0 {
        cache.misses.fetch_add(1, Relaxed);
        return th.call_named(function, args, kw).map(Windowed::Value);
    }
    let results = b.z.get().get::<Dict>();
    let key = key_of(th, b.w.get(), cache.typed, args, kw)?;
    let key = th.key(key)?;
    let hash = dict::fold(th.hash(key)?);
    if cache.most != usize::MAX
        && let Some(v) = dict::refresh(&mut th.heap, results, hash, key)
    {
        cache.hits.fetch_add(1, Relaxed);
        return Ok(Windowed::Value(v));
    }
    let mut known = Value::UNBOUND;
    let found = dict::find(th, results, hash, key, |th: &mut Thread, stored| -> R<bool> {
        let same = th.eq(stored, key)?;
        if same {
            known = stored;
        }
        Ok(same)
    })?;
    if let Some(v) = found {
        cache.hits.fetch_add(1, Relaxed);
        if cache.most != usize::MAX {
            dict::move_to_end(th, results, hash, key, true, |th, stored| match known.is_unbound() {
                true => th.eq(stored, key),
                false => Ok(stored == known),
            })?;
        }
        return Ok(Windowed::Value(v));
    }
    cache.misses.fetch_add(1, Relaxed);
    let mark = th.keep(key);
    let made = th.call_named(function, args, kw);
    th.drop_kept(mark);
    let v = made?;
    let same = |th: &mut Thread, stored| th.eq(stored, key);
    if cache.most == usize::MAX {
        dict::insert(th, results, hash, key, v, same)?;
    } else {
        dict::set_default(th, results, hash, key, v, same)?;
        dict::trim(&mut th.heap, results, cache.most);
    }
    Ok(Windowed::Value(v))
}

fn info(th: &mut Thread, a: Args) -> R {
    let (b, cache) = me(a[0]);
    let parts = b.y.get().get::<Tuple>();
    let hits = th.heap.uint(cache.hits.load(Relaxed))?;
    let misses = th.heap.uint(cache.misses.load(Relaxed))?;
    // A result that just came in may be there before another went.
    let full = b.z.get().get::<Dict>().len().min(cache.most);
    th.call(parts.at(2), &[hits, misses, parts.at(1), Value::int(full as i64)])
}

fn clear(th: &mut Thread, a: Args) -> R {
    let (b, cache) = me(a[0]);
    dict::clear(&mut th.heap, b.z.get().get::<Dict>());
    cache.hits.store(0, Relaxed);
    cache.misses.store(0, Relaxed);
    Ok(Value::NONE)
}

/// Whether there are no named arguments.
pub(super) fn no_names(kwargs: Value) -> bool {
    kwargs.is_none() || !util::has_keywords(kwargs)
}
