//! Weak references and proxies. Invariant: the collector alone clears a target; a reference of a script subclass keeps
//! itself beside its callback, so that the callback is called with it.

use super::{address, text};
use crate::heap::cell::flag;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value, weak};
use crate::run::class::{HEAP, OPEN, class_of, slots};
use crate::run::slots::{Bin, GetSet, TypeSlots};
use crate::run::{Args, ClassDef, Cmp, Def, PLAIN, R, Raised, Side, Thread, arith, def, get};

/// `weakref.ref`.
pub static DEF: ClassDef = ClassDef {
    name: "weakref.ReferenceType",
    slots: |s| {
        s.repr = Some(repr);
        s.hash = Some(hash);
        s.compare = Some(compare);
        s.call = Some(call);
        s.new = Some(new);
        s.init = Some(|_, _, _, _| Ok(()));
    },
    class_methods: super::alias::CLASS_GETITEM,
    getset: GETSET,
    basetype: true,
    kind: Kind::Weak,
    ..PLAIN
};

static GETSET: &[GetSet] = &[get("__callback__", |_, o| Ok(callback(o)), "")];

fn cell(o: Value) -> &'static Weak {
    o.base().get::<Weak>()
}

/// What the reference points to, or unbound.
pub fn target(o: Value) -> Value {
    weak::target(cell(o))
}

fn callback(o: Value) -> Value {
    if target(o).is_unbound() {
        return Value::NONE;
    }
    match cell(o).callback.get() {
        c if c.is_kind(Kind::Tuple) => c.get::<Tuple>().at(0),
        c => c,
    }
}

/// Whether a reference to `v` may be made.
fn can_refer(v: Value) -> bool {
    match v.kind() {
        Kind::Function | Kind::Native | Kind::Method | Kind::Class | Kind::Module | Kind::Generator => true,
        Kind::Code | Kind::Set | Kind::Weak | Kind::Boxed | Kind::Record => true,
        Kind::Instance | Kind::Exception => {
            let c = class_of(v);
            c.get::<Class>().bits.get().as_int() & HEAP != 0 && has_weakref(c)
        }
        _ => false,
    }
}

/// Whether instances are open, or some class lists `__weakref__` among its slots.
fn has_weakref(class: Value) -> bool {
    let c = class.get::<Class>();
    if c.bits.get().as_int() & OPEN != 0 {
        return true;
    }
    c.mro.get().get::<Tuple>().iter().any(|c| {
        let Some(s) = super::type_::own(c, N::__slots__.v()) else { return false };
        let is = |v: Value| v.cast::<Str>().is_some_and(|s| s.bytes() == b"__weakref__");
        match s.kind() {
            Kind::Tuple => s.get::<Tuple>().iter().any(is),
            Kind::List => (0..s.get::<List>().len.get())
                .any(|i| crate::heap::list::peek(s.get::<List>(), i).is_some_and(is)),
            _ => is(s),
        }
    })
}

fn check(th: &mut Thread, v: Value) -> R<()> {
    if can_refer(v) {
        return Ok(());
    }
    let text = format!("cannot create weak reference to '{}' object", th.type_name(v));
    Err(th.type_error(text))
}

/// A reference of class `cls` to `v`.
pub fn make(th: &mut Thread, cls: Value, v: Value, callback: Value) -> R {
    check(th, v)?;
    let plain = cls == C::weakref.v();
    if plain
        && callback.is_none()
        && v.header().has(flag::WEAKLY)
        && let Some(known) = shared(v)
    {
        return Ok(known);
    }
    let w = th.weak(v)?;
    v.header().set(flag::WEAKLY);
    if plain {
        w.get::<Weak>().callback.set(callback);
        return Ok(w);
    }
    let o = crate::run::instance::wrap_base(th, cls, w)?;
    if !callback.is_none() {
        let pair = th.tuple(&[callback, o])?;
        w.get::<Weak>().callback.set(pair);
    }
    Ok(o)
}

/// The plain reference without callback that exists already.
fn shared(v: Value) -> Option<Value> {
    let mut found = None;
    weak::each_to(v, |w| {
        if w.header().shape() == C::weakref.shape() && w.get::<Weak>().callback.get().is_none() {
            found = found.or(Some(w));
        }
    });
    found
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let t = args.get::<Tuple>();
    if cls == C::weakref.v() && !kwargs.is_unbound() && kwargs.get::<Dict>().used.get() > 0 {
        return Err(th.type_error("ref() takes no keyword arguments"));
    }
    if t.is_empty() || t.len() > 2 {
        let (bound, n, s) = if t.is_empty() { ("at least", 1, "") } else { ("at most", 2, "s") };
        return Err(th.type_error(format!("__new__ expected {bound} {n} argument{s}, got {}", t.len())));
    }
    let callback = if t.len() == 2 { t.at(1) } else { Value::NONE };
    make(th, cls, t.at(0), callback)
}

fn call(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R {
    if !args.get::<Tuple>().is_empty() || kwargs.cast::<Dict>().is_some_and(|d| d.used.get() > 0) {
        return Err(th.type_error(format!("ref() takes no arguments ({} given)", args.get::<Tuple>().len())));
    }
    Ok(target(o).or(Value::NONE))
}

fn hash(th: &mut Thread, o: Value) -> R<i64> {
    let slot = &cell(o).hash;
    if slot.get().is_int() {
        return Ok(slot.get().as_int());
    }
    let t = target(o);
    if t.is_unbound() {
        return Err(th.type_error("weak object has gone away"));
    }
    let h = th.hash(t)?;
    slot.set(Value::try_int(h).unwrap_or(Value::int(h >> 3)));
    Ok(slot.get().as_int())
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if !b.base().is_kind(Kind::Weak) || !matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (x, y) = (target(a), target(b));
    if x.is_unbound() || y.is_unbound() {
        return Ok(Value::bool((a == b) == (op == Cmp::Eq)));
    }
    th.compare(op, x, y)
}

fn repr(th: &mut Thread, o: Value) -> R {
    shown(th, o, target(o), "weakref")
}

fn shown(th: &mut Thread, o: Value, t: Value, what: &str) -> R {
    let at = address(o);
    if t.is_unbound() {
        return text(th, format!("<{what} at {at}; dead>"));
    }
    let class = th.type_name(t);
    let name = match what {
        "weakref" => th.getattr_opt(t, N::__name__.v())?,
        _ => None,
    };
    let name = match name {
        Some(n) if super::is_str(n) => format!(" ({})", th.text_of(n)?),
        _ => String::new(),
    };
    text(th, format!("<{what} at {at}; to '{class}' at {}{name}>", address(t)))
}

// -------------------------------------------------------------------------------------------------------------- proxies

/// `weakref.proxy(...)` of an object that is not callable.
pub static PROXY: ClassDef = ClassDef {
    name: "weakref.ProxyType",
    slots: proxy_slots,
    methods: PROXY_METHODS,
    kind: Kind::Iter,
    ..PLAIN
};

/// `weakref.proxy(...)` of a callable object.
pub static CALLABLE_PROXY: ClassDef = ClassDef {
    name: "weakref.CallableProxyType",
    slots: |s| {
        proxy_slots(s);
        s.call = Some(|th, o, args, kwargs| {
            let t = live(th, o)?;
            th.call_ex(t, args, kwargs)
        });
    },
    methods: PROXY_METHODS,
    kind: Kind::Iter,
    ..PLAIN
};

static PROXY_METHODS: &[Def] = &[
    def(
        "__bytes__",
        "($self, /)",
        |th, a| {
            let t = live(th, a[0])?;
            th.call_method(t, N::__bytes__, &[])
        },
        "",
    ),
    def(
        "__reversed__",
        "($self, /)",
        |th, a| {
            let t = live(th, a[0])?;
            th.call_method(t, N::__reversed__, &[])
        },
        "",
    ),
    def(
        "__dir__",
        "($self, /)",
        |th, a| {
            let t = live(th, a[0])?;
            th.call_method(t, N::__dir__, &[])
        },
        "",
    ),
];

/// A proxy of `v`.
pub fn proxy(th: &mut Thread, v: Value, callback: Value) -> R {
    check(th, v)?;
    let w = th.weak(v)?;
    v.header().set(flag::WEAKLY);
    w.get::<Weak>().callback.set(callback);
    let class = if slots(class_of(v)).call.is_some() { C::callable_proxy } else { C::proxy };
    Ok(th.heap.iter(class, w, 0, 0, 0)?)
}

fn gone(th: &mut Thread) -> Raised {
    th.reference_error("weakly-referenced object no longer exists")
}

/// The target of a proxy.
fn live(th: &mut Thread, o: Value) -> R {
    match target(o.get::<Iter>().over.get()) {
        t if t.is_unbound() => Err(gone(th)),
        t => Ok(t),
    }
}

/// The object behind a proxy, or the value itself.
fn behind(th: &mut Thread, v: Value) -> R {
    let proxied = v.is_kind(Kind::Iter) && [C::proxy.v(), C::callable_proxy.v()].contains(&class_of(v));
    if proxied { live(th, v) } else { Ok(v) }
}

fn proxy_slots(s: &mut TypeSlots) {
    s.new = None;
    s.hash = None;
    s.repr = Some(|th, o| shown(th, o, target(o.get::<Iter>().over.get()), "weakproxy"));
    s.str = Some(|th, o| {
        let t = live(th, o)?;
        th.str_of(t)
    });
    s.getattr = Some(|th, o, name| {
        let t = live(th, o)?;
        th.getattr(t, name)
    });
    s.setattr = Some(|th, o, name, v| {
        let t = live(th, o)?;
        th.setattr(t, name, v)
    });
    s.bool = Some(|th, o| {
        let t = live(th, o)?;
        th.truth(t)
    });
    s.len = Some(|th, o| {
        let t = live(th, o)?;
        th.len(t)
    });
    s.iter = Some(|th, o| {
        let t = live(th, o)?;
        th.iter(t)
    });
    s.next = Some(|th, o| {
        let t = live(th, o)?;
        match slots(class_of(t)).next {
            Some(f) => f(th, t),
            None => Err(th.type_error("Weakref proxy referenced a non-iterator")),
        }
    });
    s.getitem = Some(|th, o, k| {
        let t = live(th, o)?;
        th.getitem(t, k)
    });
    s.setitem = Some(|th, o, k, v| {
        let t = live(th, o)?;
        th.setitem(t, k, v)
    });
    s.contains = Some(|th, o, k| {
        let t = live(th, o)?;
        th.contains(t, k)
    });
    s.compare = Some(|th, op, a, b| {
        let (a, b) = (behind(th, a)?, behind(th, b)?);
        th.compare(op, a, b)
    });
    s.binary = Some(proxy_binary);
    s.inplace = Some(|th, op, a, b| {
        let (a, b) = (behind(th, a)?, behind(th, b)?);
        arith::inplace(th, op, a, b)
    });
    s.unary = Some(|th, op, o| {
        let t = live(th, o)?;
        arith::unary(th, op, t)
    });
    s.index = Some(|th, o| {
        let t = live(th, o)?;
        arith::index(th, t)
    });
}

fn proxy_binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    let (a, b) = (behind(th, a)?, behind(th, b)?);
    th.binary(op, a, b)
}

// -------------------------------------------------------------------------------------------------------------- natives

/// `getweakrefs(object)`: references and proxies that point to it.
pub fn references(th: &mut Thread, a: Args) -> R {
    let mut n = 0;
    weak::each_to(a[0], |_| n += 1);
    let found = th.array(n + 8)?;
    let mut at = 0;
    weak::each_to(a[0], |w| {
        if let Some(slot) = found.get::<Array>().slot(at) {
            slot.set(w);
            at += 1;
        }
    });
    let out = th.list_with(at)?;
    for i in 0..at {
        let w = found.get::<Array>().slot(i).map_or(Value::NONE, |s| s.get());
        // What a subclass keeps beside its callback is the reference itself.
        let w = match w.get::<Weak>().callback.get().cast::<Tuple>() {
            Some(t) => t.at(1),
            None => w,
        };
        crate::heap::list::push(&mut th.heap, out.get::<List>(), w)?;
    }
    Ok(out)
}

/// `getweakrefcount(object)`.
pub fn count(_: &mut Thread, a: Args) -> R {
    let mut n = 0;
    if a[0].is_ptr() {
        weak::each_to(a[0], |_| n += 1);
    }
    Ok(Value::int(n))
}
