//! Between slots and special methods: what a script class's slots do (they call the method), and the methods that
//! scripts see for slots filled in Rust. Invariant: a slot of a script class is inherited from the first class of the
//! linearisation that states it, be it by a method or in Rust.

// Slots are compared with functions that are neither generic nor inlined across units: one address each.
#![allow(unpredictable_function_pointer_comparisons)]

use super::class::{self, HEAP, class_of, lookup, slots};
use super::native::{Args, Def, def};
use super::slots::{Bin, Cmp, Side, TypeSlots, Un};
use super::thread::{R, Thread};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value};

/// Calls the special method `name` of `o`'s class.
pub fn call_special(th: &mut Thread, o: Value, name: N, args: &[Value]) -> R {
    let Some(f) = lookup(class_of(o), name.v()) else {
        return Err(super::attr::no_attribute(th, o, name.v()));
    };
    call_found(th, o, f, args)
}

pub(super) fn call_found(th: &mut Thread, o: Value, f: Value, args: &[Value]) -> R {
    if super::attr::descriptor_kind(f) == super::attr::Desc::Function {
        let mut buf = [Value::UNBOUND; 4];
        buf[0] = o;
        buf[1..=args.len()].copy_from_slice(args);
        return th.call(f, &buf[..=args.len()]);
    }
    let f = super::attr::bind(th, f, o)?;
    th.call(f, args)
}

fn expect_str(th: &mut Thread, v: Value, what: &str) -> R {
    if v.like::<Str>().is_some() || v.is_kind(Kind::Rope) {
        return Ok(v);
    }
    let text = format!("{what} returned non-string (type {})", th.type_name(v));
    Err(th.type_error(text))
}

// What the slots of script classes do; natives that fill such a slot leave cases to these.
pub fn g_repr(th: &mut Thread, o: Value) -> R {
    let v = call_special(th, o, N::__repr__, &[])?;
    expect_str(th, v, "__repr__")
}

pub fn g_str(th: &mut Thread, o: Value) -> R {
    let v = call_special(th, o, N::__str__, &[])?;
    expect_str(th, v, "__str__")
}

pub fn g_hash(th: &mut Thread, o: Value) -> R<i64> {
    let f = lookup(class_of(o), N::__hash__.v()).unwrap_or(Value::NONE);
    if f.is_none() {
        return Err(th.type_error(format!("unhashable type: '{}'", th.type_name(o))));
    }
    let v = call_found(th, o, f, &[])?;
    match v.base() {
        i if i.is_int() => Ok(i.as_int()),
        b if b.is_bool() => Ok((b == Value::TRUE) as i64),
        b if b.is_kind(Kind::Big) => match crate::heap::bigint::to_i64(b) {
            Some(i) => Ok(i),
            None => th.hash(b),
        },
        _ => Err(th.type_error("__hash__ method should return an integer")),
    }
}

fn g_call(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R {
    let f = match lookup(class_of(o), N::__call__.v()) {
        Some(f) => super::attr::bind(th, f, o)?,
        None => return Err(super::attr::no_attribute(th, o, N::__call__.v())),
    };
    th.call_ex(f, args, kwargs)
}

fn g_iter(th: &mut Thread, o: Value) -> R {
    let f = lookup(class_of(o), N::__iter__.v()).unwrap_or(Value::NONE);
    if f.is_none() {
        return Err(th.type_error(format!("'{}' object is not iterable", th.type_name(o))));
    }
    let it = call_found(th, o, f, &[])?;
    if slots(class_of(it)).next.is_none() {
        let text = format!("iter() returned non-iterator of type '{}'", th.type_name(it));
        return Err(th.type_error(text));
    }
    Ok(it)
}

fn g_next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let r = call_special(th, o, N::__next__, &[]);
    th.catch(r, C::StopIteration)
}

/// Attributes of instances whose class has a `__getattribute__` or `__getattr__` of its own.
pub fn g_getattr(th: &mut Thread, o: Value, name: Value) -> R {
    let class = class_of(o);
    let r = match lookup(class, N::__getattribute__.v()) {
        Some(f) if f.is_kind(Kind::Function) => th.call(f, &[o, name]),
        Some(f) if f.is_kind(Kind::Native) => super::attr::native_getattr(th, o, name),
        Some(f) => {
            let f = super::attr::bind(th, f, o)?;
            th.call(f, &[name])
        }
        None => super::attr::generic_get(th, o, name),
    };
    match r {
        Err(e) if th.raised_is(C::AttributeError) => match lookup(class, N::__getattr__.v()) {
            Some(f) => {
                th.take_raised();
                call_found(th, o, f, &[name])
            }
            None => Err(e),
        },
        r => r,
    }
}

fn g_setattr(th: &mut Thread, o: Value, name: Value, v: Value) -> R<()> {
    let r = if v.is_unbound() {
        call_special(th, o, N::__delattr__, &[name])
    } else {
        call_special(th, o, N::__setattr__, &[name, v])
    };
    r.map(drop)
}

pub fn g_compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    match lookup(class_of(a), op.name().v()) {
        Some(f) if !f.is_none() => call_found(th, a, f, &[b]),
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

pub fn g_bool(th: &mut Thread, o: Value) -> R<bool> {
    let v = call_special(th, o, N::__bool__, &[])?;
    match v {
        Value::TRUE => Ok(true),
        Value::FALSE => Ok(false),
        _ => Err(th.type_error(format!("__bool__ should return bool, returned {}", th.type_name(v)))),
    }
}

fn g_len(th: &mut Thread, o: Value) -> R<usize> {
    let v = call_special(th, o, N::__len__, &[])?;
    let i = super::arith::index(th, v)?;
    if !i.is_int() {
        return Err(th.overflow_error("cannot fit 'int' into an index-sized integer"));
    }
    if i.as_int() < 0 {
        return Err(th.value_error("__len__() should return >= 0"));
    }
    Ok(i.as_int() as usize)
}

fn g_getitem(th: &mut Thread, o: Value, k: Value) -> R {
    call_special(th, o, N::__getitem__, &[k])
}

fn g_setitem(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    let name = if v.is_unbound() { N::__delitem__ } else { N::__setitem__ };
    let Some(f) = lookup(class_of(o), name.v()) else {
        let what = if v.is_unbound() { "deletion" } else { "assignment" };
        let text = format!("'{}' object does not support item {what}", th.type_name(o));
        return Err(th.type_error(text));
    };
    let r = if v.is_unbound() { call_found(th, o, f, &[k]) } else { call_found(th, o, f, &[k, v]) };
    r.map(drop)
}

fn g_contains(th: &mut Thread, o: Value, k: Value) -> R<bool> {
    let f = lookup(class_of(o), N::__contains__.v()).unwrap_or(Value::NONE);
    if f.is_none() {
        return Err(th.type_error(format!("'{}' object is not a container", th.type_name(o))));
    }
    let v = call_found(th, o, f, &[k])?;
    th.truth(v)
}

pub fn g_binary(th: &mut Thread, op: Bin, a: Value, b: Value, side: Side) -> R {
    let (left, right, _) = op.names();
    let (o, other, name) = if side == Side::Left { (a, b, left) } else { (b, a, right) };
    match lookup(class_of(o), name.v()) {
        Some(f) if !f.is_none() => call_found(th, o, f, &[other]),
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn g_inplace(th: &mut Thread, op: Bin, a: Value, b: Value) -> R {
    match op.names().2.and_then(|n| lookup(class_of(a), n.v())) {
        Some(f) if !f.is_none() => call_found(th, a, f, &[b]),
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn unary_name(op: Un) -> N {
    match op {
        Un::Neg => N::__neg__,
        Un::Pos => N::__pos__,
        Un::Invert => N::__invert__,
        Un::Abs => N::__abs__,
    }
}

pub fn g_unary(th: &mut Thread, op: Un, o: Value) -> R {
    match lookup(class_of(o), unary_name(op).v()) {
        Some(f) if !f.is_none() => call_found(th, o, f, &[]),
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn g_index(th: &mut Thread, o: Value) -> R {
    let v = call_special(th, o, N::__index__, &[])?;
    expect_int(th, v, "__index__")
}

pub fn g_int(th: &mut Thread, o: Value) -> R {
    let v = call_special(th, o, N::__int__, &[])?;
    expect_int(th, v, "__int__")
}

fn expect_int(th: &mut Thread, v: Value, what: &str) -> R {
    let b = v.base();
    if b.is_int() || b.is_kind(Kind::Big) {
        return Ok(b);
    }
    if b.is_bool() {
        return Ok(Value::int((b == Value::TRUE) as i64));
    }
    let text = format!("{what} returned non-int (type {})", th.type_name(v));
    Err(th.type_error(text))
}

pub fn g_float(th: &mut Thread, o: Value) -> R {
    let v = call_special(th, o, N::__float__, &[])?;
    let b = v.base();
    if b.is_float() || b.is_kind(Kind::Float) {
        return Ok(b);
    }
    let text = format!("{}.__float__ returned non-float (type {})", th.type_name(o), th.type_name(v));
    Err(th.type_error(text))
}

fn g_get(th: &mut Thread, d: Value, this: Value, class: Value) -> R {
    match lookup(class_of(d), N::__get__.v()) {
        Some(f) => call_found(th, d, f, &[this, class]),
        None => Ok(d),
    }
}

fn g_set(th: &mut Thread, d: Value, this: Value, v: Value) -> R<()> {
    if v.is_unbound() {
        if lookup(class_of(d), N::__delete__.v()).is_none() {
            return Err(th.raise(C::AttributeError, "__delete__"));
        }
        return call_special(th, d, N::__delete__, &[this]).map(drop);
    }
    if lookup(class_of(d), N::__set__.v()).is_none() {
        return Err(th.raise(C::AttributeError, "__set__"));
    }
    call_special(th, d, N::__set__, &[this, v]).map(drop)
}

pub fn g_new(th: &mut Thread, class: Value, args: Value, kwargs: Value) -> R {
    let Some(f) = lookup(class, N::__new__.v()) else {
        return crate::run::instance::object_new(th, class, args, kwargs);
    };
    let f = super::attr::get_descriptor(th, f, Value::NONE, class)?;
    let args = prepend(th, class, args)?;
    th.call_ex(f, args, kwargs)
}

/// `(first, *args)`.
pub fn prepend(th: &mut Thread, first: Value, args: Value) -> R {
    let t = args.get::<Tuple>();
    let out = th.tuple_with(t.len() + 1)?;
    let o = out.get::<Tuple>();
    // SAFETY: the indices are below the new tuple's length.
    unsafe {
        o.item(0).set(first);
        for (i, v) in t.iter().enumerate() {
            o.item(i + 1).set(v);
        }
    }
    Ok(out)
}

fn g_init(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    let Some(f) = lookup(class_of(this), N::__init__.v()) else { return Ok(()) };
    let v = if super::attr::descriptor_kind(f) == super::attr::Desc::Function {
        let args = prepend(th, this, args)?;
        th.call_ex(f, args, kwargs)?
    } else {
        let f = super::attr::bind(th, f, this)?;
        th.call_ex(f, args, kwargs)?
    };
    if v.is_none() { Ok(()) } else { Err(super::call::bad_init(th, v)) }
}

fn g_del(th: &mut Thread, this: Value) -> R<()> {
    call_special(th, this, N::__del__, &[]).map(drop)
}

/// The slots of a script class, computed along its linearisation.
pub fn inherit(class: Value) -> TypeSlots {
    let mut out = TypeSlots::default();
    let mro = class.get::<Class>().mro.get().get::<Tuple>();
    let states = |c: Value, names: &[N]| {
        let d = c.get::<Class>().dict.get().get::<Dict>();
        names.iter().any(|n| crate::heap::dict::get_name(d, n.v()).is_some())
    };
    let is_script = |c: Value| c.get::<Class>().bits.get().as_int() & HEAP != 0;
    macro_rules! slot {
        ($field:ident, $generic:expr, [$($n:ident)*]) => {
            for c in mro.iter() {
                if !is_script(c) {
                    if slots(c).$field.is_some() || c == C::object.v() {
                        out.$field = slots(c).$field;
                        break;
                    }
                } else if states(c, &[$(N::$n),*]) {
                    out.$field = Some($generic);
                    break;
                }
            }
        };
    }
    slot!(repr, g_repr, [__repr__]);
    slot!(str, g_str, [__str__]);
    slot!(hash, g_hash, [__hash__]);
    slot!(call, g_call, [__call__]);
    out.window = super::bases::window_of(mro);
    slot!(iter, g_iter, [__iter__]);
    slot!(next, g_next, [__next__]);
    slot!(getattr, g_getattr, [__getattribute__ __getattr__]);
    // A builtin class has no say about names that are missing: `__getattr__` counts wherever it stands.
    if mro.iter().any(|c| is_script(c) && states(c, &[N::__getattr__])) {
        out.getattr = Some(g_getattr);
    }
    slot!(setattr, g_setattr, [__setattr__ __delattr__]);
    slot!(compare, g_compare, [__lt__ __le__ __eq__ __ne__ __gt__ __ge__]);
    slot!(bool, g_bool, [__bool__]);
    slot!(len, g_len, [__len__]);
    slot!(getitem, g_getitem, [__getitem__]);
    slot!(setitem, g_setitem, [__setitem__ __delitem__]);
    slot!(contains, g_contains, [__contains__]);
    slot!(binary, g_binary, [
        __add__ __radd__ __sub__ __rsub__ __mul__ __rmul__ __truediv__ __rtruediv__ __floordiv__ __rfloordiv__
        __mod__ __rmod__ __pow__ __rpow__ __matmul__ __rmatmul__ __lshift__ __rlshift__ __rshift__ __rrshift__
        __and__ __rand__ __or__ __ror__ __xor__ __rxor__ __divmod__ __rdivmod__
    ]);
    slot!(inplace, g_inplace, [
        __iadd__ __isub__ __imul__ __itruediv__ __ifloordiv__ __imod__ __ipow__ __imatmul__ __ilshift__
        __irshift__ __iand__ __ior__ __ixor__
    ]);
    slot!(unary, g_unary, [__neg__ __pos__ __invert__ __abs__]);
    slot!(index, g_index, [__index__]);
    slot!(int, g_int, [__int__]);
    slot!(float, g_float, [__float__]);
    slot!(get, g_get, [__get__]);
    slot!(set, g_set, [__set__ __delete__]);
    slot!(new, g_new, [__new__]);
    slot!(init, g_init, [__init__]);
    slot!(del, g_del, [__del__]);
    // A str slot of a builtin base must not hide a script's `__repr__`.
    if out.repr == Some(g_repr as fn(&mut Thread, Value) -> R) && out.str == slots(C::object.v()).str {
        out.str = None;
    }
    out
}

// ------------------------------------------------------------------------------------------------------------ wrappers

/// A method that scripts see for a slot, and when a class has it of its own.
pub struct Wrapper {
    /// The method.
    pub def: Def,
    /// Whether the class's slot is there and not its base's.
    pub differs: fn(&TypeSlots, &TypeSlots) -> bool,
}

/// The slots of the class that the wrapper was taken from.
fn owner(a: &Args) -> &'static TypeSlots {
    slots(a.callee().owner.get())
}

macro_rules! differs {
    ($f:ident) => {
        |s, b| s.$f.is_some() && s.$f.map(|f| f as usize) != b.$f.map(|f| f as usize)
    };
}

fn none(r: R<()>) -> R {
    r.map(|()| Value::NONE)
}

macro_rules! binary_wrappers {
    ($($name:literal $op:ident $side:ident)*) => {
        [$(Wrapper {
            def: def($name, "($self, value, /)", |th, a| {
                let (x, y) = if Side::$side == Side::Left { (a[0], a[1]) } else { (a[1], a[0]) };
                let v = owner(&a).binary.unwrap()(th, Bin::$op, x, y, Side::$side)?;
                if v == Value::NOT_IMPLEMENTED { refused(th, Bin::$op, a[0], a[1]) } else { Ok(v) }
            }, ""),
            differs: differs!(binary),
        }),*]
    };
}

/// What an operation gives that the class does not know for that operand: sequences say why.
fn refused(th: &mut Thread, op: Bin, this: Value, other: Value) -> R {
    if super::arith::is_sequence(this) {
        match op {
            Bin::Add => return Err(super::arith::unsupported(th, "+", op, this, other)),
            Bin::Mul => super::arith::index(th, other).map(drop)?,
            _ => {}
        }
    }
    Ok(Value::NOT_IMPLEMENTED)
}

macro_rules! inplace_wrappers {
    ($($name:literal $op:ident)*) => {
        [$(Wrapper {
            def: def($name, "($self, value, /)", |th, a| {
                let v = owner(&a).inplace.unwrap()(th, Bin::$op, a[0], a[1])?;
                if v == Value::NOT_IMPLEMENTED { refused(th, Bin::$op, a[0], a[1]) } else { Ok(v) }
            }, ""),
            differs: differs!(inplace),
        }),*]
    };
}

macro_rules! compare_wrappers {
    ($($name:literal $op:ident)*) => {
        [$(Wrapper {
            def: def($name, "($self, value, /)", |th, a| {
                if a.callee().owner.get() == C::int.v() && class_of(a[1].base()) == C::float.v() {
                    return Ok(Value::NOT_IMPLEMENTED);
                }
                owner(&a).compare.unwrap()(th, Cmp::$op, a[0], a[1])
            }, ""),
            differs: differs!(compare),
        }),*]
    };
}

macro_rules! unary_wrappers {
    ($($name:literal $op:ident)*) => {
        [$(Wrapper {
            def: def($name, "($self, /)", |th, a| owner(&a).unary.unwrap()(th, Un::$op, a[0]), ""),
            differs: differs!(unary),
        }),*]
    };
}

static SIMPLE: [Wrapper; 25] = [
    Wrapper {
        def: def("__repr__", "($self, /)", |th, a| owner(&a).repr.unwrap()(th, a[0]), "Return repr(self)."),
        differs: differs!(repr),
    },
    Wrapper {
        def: def("__str__", "($self, /)", |th, a| owner(&a).str.unwrap()(th, a[0]), "Return str(self)."),
        differs: differs!(str),
    },
    Wrapper {
        def: def(
            "__hash__",
            "($self, /)",
            |th, a| {
                let h = owner(&a).hash.unwrap()(th, a[0])?;
                Ok(th.int(h)?)
            },
            "Return hash(self).",
        ),
        differs: differs!(hash),
    },
    Wrapper {
        def: def(
            "__call__",
            "($self, /, *args, **kwargs)",
            |th, a| owner(&a).call.unwrap()(th, a[0], a[1], no_empty(a[2])),
            "",
        ),
        differs: differs!(call),
    },
    Wrapper {
        def: def(
            "__iter__",
            "($self, /)",
            |th, a| owner(&a).iter.unwrap()(th, a[0]),
            "Implement iter(self).",
        ),
        differs: differs!(iter),
    },
    Wrapper {
        def: def(
            "__next__",
            "($self, /)",
            |th, a| match owner(&a).next.unwrap()(th, a[0])? {
                Some(v) => Ok(v),
                None => Err(th.stop_iteration(Value::NONE)),
            },
            "Implement next(self).",
        ),
        differs: differs!(next),
    },
    Wrapper {
        def: def(
            "__getattribute__",
            "($self, name, /)",
            |th, a| {
                let name = th.attr_name(a[1])?;
                owner(&a).getattr.unwrap()(th, a[0], name)
            },
            "Return getattr(self, name).",
        ),
        differs: differs!(getattr),
    },
    Wrapper {
        def: def(
            "__setattr__",
            "($self, name, value, /)",
            |th, a| {
                let name = th.attr_name(a[1])?;
                none(owner(&a).setattr.unwrap()(th, a[0], name, a[2]))
            },
            "Implement setattr(self, name, value).",
        ),
        differs: differs!(setattr),
    },
    Wrapper {
        def: def(
            "__delattr__",
            "($self, name, /)",
            |th, a| {
                let name = th.attr_name(a[1])?;
                none(owner(&a).setattr.unwrap()(th, a[0], name, Value::UNBOUND))
            },
            "Implement delattr(self, name).",
        ),
        differs: differs!(setattr),
    },
    Wrapper {
        def: def(
            "__bool__",
            "($self, /)",
            |th, a| owner(&a).bool.unwrap()(th, a[0]).map(Value::bool),
            "True if self else False",
        ),
        differs: differs!(bool),
    },
    Wrapper {
        def: def(
            "__len__",
            "($self, /)",
            |th, a| {
                let n = owner(&a).len.unwrap()(th, a[0])?;
                Ok(th.int(n as i64)?)
            },
            "Return len(self).",
        ),
        differs: differs!(len),
    },
    Wrapper {
        def: def(
            "__getitem__",
            "($self, key, /)",
            |th, a| owner(&a).getitem.unwrap()(th, a[0], a[1]),
            "Return self[key].",
        ),
        differs: differs!(getitem),
    },
    Wrapper {
        def: def(
            "__setitem__",
            "($self, key, value, /)",
            |th, a| none(owner(&a).setitem.unwrap()(th, a[0], a[1], a[2])),
            "Set self[key] to value.",
        ),
        differs: differs!(setitem),
    },
    Wrapper {
        def: def(
            "__delitem__",
            "($self, key, /)",
            |th, a| none(owner(&a).setitem.unwrap()(th, a[0], a[1], Value::UNBOUND)),
            "Delete self[key].",
        ),
        differs: differs!(setitem),
    },
    Wrapper {
        def: def(
            "__contains__",
            "($self, key, /)",
            |th, a| owner(&a).contains.unwrap()(th, a[0], a[1]).map(Value::bool),
            "Return bool(key in self).",
        ),
        differs: differs!(contains),
    },
    Wrapper {
        def: def("__index__", "($self, /)", |th, a| owner(&a).index.unwrap()(th, a[0]), ""),
        differs: differs!(index),
    },
    Wrapper {
        def: def("__int__", "($self, /)", |th, a| owner(&a).int.unwrap()(th, a[0]), "int(self)"),
        differs: differs!(int),
    },
    Wrapper {
        def: def("__float__", "($self, /)", |th, a| owner(&a).float.unwrap()(th, a[0]), "float(self)"),
        differs: differs!(float),
    },
    Wrapper {
        def: def(
            "__get__",
            "($self, instance, owner=None, /)",
            |th, a| {
                let no_class = a[2].is_unbound() || a[2].is_none();
                if no_class && a[1].is_none() {
                    return Err(th.type_error("__get__(None, None) is invalid"));
                }
                let class = if no_class { class_of(a[1]) } else { a[2] };
                owner(&a).get.unwrap()(th, a[0], a[1], class)
            },
            "Return an attribute of instance, which is of type owner.",
        ),
        differs: differs!(get),
    },
    Wrapper {
        def: def(
            "__set__",
            "($self, instance, value, /)",
            |th, a| none(owner(&a).set.unwrap()(th, a[0], a[1], a[2])),
            "Set an attribute of instance to value.",
        ),
        differs: differs!(set),
    },
    Wrapper {
        def: def(
            "__delete__",
            "($self, instance, /)",
            |th, a| none(owner(&a).set.unwrap()(th, a[0], a[1], Value::UNBOUND)),
            "Delete an attribute of instance.",
        ),
        differs: differs!(set),
    },
    Wrapper {
        def: def(
            "__init__",
            "($self, /, *args, **kwargs)",
            |th, a| {
                let kwargs = no_empty(a[2]);
                none(owner(&a).init.unwrap()(th, a[0], a[1], kwargs))
            },
            "Initialize self.  See help(type(self)) for accurate signature.",
        ),
        differs: differs!(init),
    },
    Wrapper {
        def: def(
            "__new__",
            "(*args, **kwargs)",
            new_wrapper,
            "Create and return a new object.  See help(type) for accurate signature.",
        ),
        differs: differs!(new),
    },
    Wrapper {
        def: def("__del__", "($self, /)", |th, a| none(owner(&a).del.unwrap()(th, a[0])), ""),
        differs: differs!(del),
    },
    Wrapper {
        def: def("__abs__", "($self, /)", |th, a| owner(&a).unary.unwrap()(th, Un::Abs, a[0]), "abs(self)"),
        differs: differs!(unary),
    },
];

fn no_empty(kwargs: Value) -> Value {
    match kwargs.cast::<Dict>() {
        Some(d) if d.used.get() > 0 => kwargs,
        _ => Value::UNBOUND,
    }
}

/// `int.__new__(cls, ...)`: the window's callee is bound to the class whose `__new__` it is.
fn new_wrapper(th: &mut Thread, a: Args) -> R {
    let args = a[0].get::<Tuple>();
    // The bound `this` (the owner) was put first by the call, then the class asked for.
    let owner = args.at(0);
    let Some(cls) = (if args.len() > 1 { Some(args.at(1)) } else { None }) else {
        let text = format!("{}.__new__(): not enough arguments", th.class_name(owner));
        return Err(th.type_error(text));
    };
    if !cls.is_kind(Kind::Class) {
        let text =
            format!("{}.__new__(X): X is not a type object ({})", th.class_name(owner), th.type_name(cls));
        return Err(th.type_error(text));
    }
    if !class::is_subclass(cls, owner) {
        let (o, c) = (th.class_name(owner), th.class_name(cls));
        return Err(th.type_error(format!("{o}.__new__({c}): {c} is not a subtype of {o}")));
    }
    let rest = th.tuple_with(args.len() - 2)?;
    for i in 2..args.len() {
        // SAFETY: i - 2 is below the tuple's length.
        unsafe { rest.get::<Tuple>().item(i - 2) }.set(args.at(i));
    }
    let rest = if args.len() == 2 { S::empty_tuple.v() } else { rest };
    match slots(owner).new {
        Some(new) => new(th, cls, rest, no_empty(a[1])),
        None => Err(th.type_error(format!("cannot create '{}' instances", th.full_class_name(cls)))),
    }
}

static BINARY: [Wrapper; 26] = binary_wrappers! {
    "__add__" Add Left "__radd__" Add Right "__sub__" Sub Left "__rsub__" Sub Right "__mul__" Mul Left
    "__rmul__" Mul Right "__truediv__" TrueDiv Left "__rtruediv__" TrueDiv Right "__floordiv__" FloorDiv Left
    "__rfloordiv__" FloorDiv Right "__mod__" Mod Left "__rmod__" Mod Right
    "__matmul__" MatMul Left "__rmatmul__" MatMul Right "__lshift__" LShift Left "__rlshift__" LShift Right
    "__rshift__" RShift Left "__rrshift__" RShift Right "__and__" And Left "__rand__" And Right "__or__" Or Left
    "__ror__" Or Right "__xor__" Xor Left "__rxor__" Xor Right "__divmod__" DivMod Left "__rdivmod__" DivMod Right
};

macro_rules! power_wrapper {
    ($name:literal $side:ident) => {
        Wrapper {
            def: def(
                $name,
                "($self, value, mod=None, /)",
                |th, a| {
                    let (x, y) = if Side::$side == Side::Left { (a[0], a[1]) } else { (a[1], a[0]) };
                    match a[2].is_unbound() || a[2].is_none() {
                        true => owner(&a).binary.unwrap()(th, Bin::Pow, x, y, Side::$side),
                        false => super::arith::power_by(th, a.callee().owner.get(), x, y, a[2]),
                    }
                },
                "",
            ),
            differs: differs!(binary),
        }
    };
}

static POWER: [Wrapper; 2] = [power_wrapper!("__pow__" Left), power_wrapper!("__rpow__" Right)];

static INPLACE: [Wrapper; 13] = inplace_wrappers! {
    "__iadd__" Add "__isub__" Sub "__imul__" Mul "__itruediv__" TrueDiv "__ifloordiv__" FloorDiv "__imod__" Mod
    "__ipow__" Pow "__imatmul__" MatMul "__ilshift__" LShift "__irshift__" RShift "__iand__" And "__ior__" Or
    "__ixor__" Xor
};

static COMPARE: [Wrapper; 6] =
    compare_wrappers! { "__lt__" Lt "__le__" Le "__eq__" Eq "__ne__" Ne "__gt__" Gt "__ge__" Ge };

static UNARY: [Wrapper; 3] = unary_wrappers! { "__neg__" Neg "__pos__" Pos "__invert__" Invert };

/// All wrappers.
pub fn wrappers() -> impl Iterator<Item = &'static Wrapper> {
    SIMPLE.iter().chain(&BINARY).chain(&POWER).chain(&INPLACE).chain(&COMPARE).chain(&UNARY)
}
