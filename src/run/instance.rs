//! Instances: how `cls(...)` makes them, for script classes and for those derived from builtin ones.
//! Invariant: an instance has its class's shape before anything can see it.

// Slots are compared with functions that are neither generic nor inlined across units: one address each.
#![allow(unpredictable_function_pointer_comparisons)]

use super::class::*;
use super::thread::{R, Thread};
use crate::heap::cell::{ALL, flag};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value};

/// Whether calling the class makes an instance by [`new_instance`] and then runs its `__init__`.
#[inline]
pub fn is_plain(class: Value) -> bool {
    slots(class).new == Some(object_new)
        && slots(class_of(class)).call == Some(type_call)
        && class.get::<Class>().bits.get().as_int() & (ABSTRACT | BASED | META) == 0
}

/// A fresh instance of a script class whose layout is plain.
#[inline]
pub fn new_instance(th: &mut Thread, class: Value) -> R {
    let c = class.get::<Class>();
    let bits = c.bits.get().as_int();
    if bits & (ABSTRACT | BASED | META) != 0 {
        return special_instance(th, class);
    }
    let words = c.instance_words.get().as_int() as usize;
    let p = th.heap.cell(Kind::Instance, c.root_shape.get().as_int() as u32, ALL, 8 + words * 8)?;
    for i in 1..=words {
        // SAFETY: the cell was made with that many words behind the header.
        unsafe { *p.add(i) = Value::UNBOUND.0 };
    }
    let v = Value::ptr(p);
    if bits & HAS_DEL != 0 {
        th.heap.register_finalizable(v);
    }
    Ok(v)
}

#[cold]
fn special_instance(th: &mut Thread, class: Value) -> R {
    let c = class.get::<Class>();
    if c.bits.get().as_int() & ABSTRACT != 0 {
        let names = lookup(class, N::__abstractmethods__.v()).unwrap_or(Value::NONE);
        let sorted = th.call(S::builtins.v().get::<Dict>().find_builtin("sorted"), &[names])?;
        let mut list = Vec::new();
        let l = sorted.get::<List>();
        for i in 0..l.len.get() {
            let n = crate::heap::list::peek(l, i).unwrap_or(Value::NONE);
            list.push(format!("'{}'", th.text_of(n)?));
        }
        let s = if list.len() == 1 { "" } else { "s" };
        let text = format!(
            "Can't instantiate abstract class {} without an implementation for abstract method{s} {}",
            th.class_name(class),
            list.join(", ")
        );
        return Err(th.type_error(text));
    }
    let text = format!("object.__new__({0}) is not safe, use {1}.__new__()", th.class_name(class), {
        th.class_name(c.solid.get())
    });
    Err(th.type_error(text))
}

impl Dict {
    /// A builtin function by name.
    fn find_builtin(&self, name: &str) -> Value {
        let mut at = 0;
        let table = self.table.get();
        while let Some((next, k, v)) = crate::heap::dict::next_entry(table.get::<DictTable>(), at) {
            at = next + 1;
            if k.cast::<Str>().is_some_and(|s| s.bytes() == name.as_bytes()) {
                return v;
            }
        }
        Value::NONE
    }
}

/// An instance of a script class below a builtin, around the builtin value.
pub fn wrap_base(th: &mut Thread, class: Value, base: Value) -> R {
    let c = class.get::<Class>();
    let words = c.instance_words.get().as_int() as usize;
    let p = th.heap.cell(Kind::Instance, c.root_shape.get().as_int() as u32, ALL, 8 + words * 8)?;
    for i in 1..=words {
        // SAFETY: the cell was made with that many words behind the header.
        unsafe { *p.add(i) = Value::UNBOUND.0 };
    }
    let v = Value::ptr(p);
    v.header().set(flag::BASED);
    v.get::<Based>().base.set(base);
    if c.bits.get().as_int() & HAS_DEL != 0 {
        th.heap.register_finalizable(v);
    }
    Ok(v)
}

/// `object.__new__`.
pub fn object_new(th: &mut Thread, class: Value, args: Value, kwargs: Value) -> R {
    let some = !args.get::<Tuple>().is_empty() || !kwargs.is_unbound();
    if some && (slots(class).new != Some(object_new) || slots(class).init == Some(object_init)) {
        if slots(class).new != Some(object_new) {
            return Err(
                th.type_error("object.__new__() takes exactly one argument (the type to instantiate)")
            );
        }
        return Err(th.type_error(format!("{}() takes no arguments", th.class_name(class))));
    }
    new_instance(th, class)
}

/// `object.__init__`.
pub fn object_init(th: &mut Thread, this: Value, args: Value, kwargs: Value) -> R<()> {
    let some = !args.get::<Tuple>().is_empty() || !kwargs.is_unbound();
    let s = slots(class_of(this));
    if some && s.init != Some(object_init) {
        return Err(
            th.type_error("object.__init__() takes exactly one argument (the instance to initialize)")
        );
    }
    if some && s.new == Some(object_new) {
        return Err(th.type_error(format!("{}() takes no arguments", th.type_name(this))));
    }
    Ok(())
}

/// `type.__call__`: `__new__`, then `__init__` if the result is an instance.
pub fn type_call(th: &mut Thread, class: Value, args: Value, kwargs: Value) -> R {
    let Some(new) = slots(class).new else {
        return Err(th.type_error(format!("cannot create '{}' instances", th.full_class_name(class))));
    };
    if class == C::type_.v() {
        let n = args.get::<Tuple>().len();
        if n == 1 && kwargs.is_unbound() {
            return Ok(class_of(args.get::<Tuple>().at(0)));
        }
        if n != 3 {
            return Err(th.type_error("type() takes 1 or 3 arguments"));
        }
    }
    let obj = new(th, class, args, kwargs)?;
    if is_subclass(class_of(obj), class)
        && let Some(init) = slots(class_of(obj)).init
    {
        init(th, obj, args, kwargs)?;
    }
    Ok(obj)
}
