//! Struct sequences: tuples whose items have names, such as `time.struct_time`. Invariant: an instance is a tuple
//! cell of the class's shape; items beyond the visible ones stand behind the tuple and are immediates or interned.

use super::util::{class_attr, shape_of};
use crate::heap::cell::COUNTED;
use crate::heap::object::{Dict, Tuple};
use crate::heap::{Kind, Value};
use crate::run::{R, Thread};

/// An instance: `all` are the visible items, then the hidden ones.
pub fn make(th: &mut Thread, class: Value, visible: usize, all: &[Value]) -> R {
    let (v, t) = th.heap.new::<Tuple>(shape_of(class), COUNTED, all.len() * 8)?;
    debug_assert!(v.is_kind(Kind::Tuple));
    for (i, x) in all.iter().enumerate() {
        // SAFETY: the cell was made with room for all of them.
        unsafe { t.item(i) }.set(*x);
    }
    t.len.set(visible);
    Ok(v)
}

/// Item `I`, visible or hidden: for a getter row.
pub fn field<const I: usize>(_: &mut Thread, v: Value) -> R {
    // SAFETY: instances of the class are made by `make` with all its items.
    Ok(unsafe { v.base().get::<Tuple>().item(I) }.get())
}

/// `name(field=..., ...)`.
pub fn repr(th: &mut Thread, v: Value, name: &str, fields: &[&str]) -> R {
    let t = v.base().get::<Tuple>();
    let mut text = format!("{name}(");
    for (i, x) in t.iter().enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        text.push_str(fields[i]);
        text.push('=');
        text.push_str(&th.repr_text(x)?);
    }
    text.push(')');
    Ok(th.str(&text)?)
}

/// The constructor: one sequence of the visible items, or more of them; hidden ones that are not given are None.
pub fn new(
    th: &mut Thread,
    class: Value,
    name: &str,
    visible: usize,
    fields: &[&str],
    args: Value,
    kwargs: Value,
) -> R {
    let given = args.get::<Tuple>();
    if given.is_empty() || given.len() > 2 {
        return Err(th.type_error(format!(
            "{name}() takes from 1 to 2 positional arguments but {} were given",
            given.len()
        )));
    }
    let extra = match (given.len() == 2, kwargs.is_unbound()) {
        (true, _) => given.at(1).base(),
        (false, false) => {
            let key = th.intern("dict")?;
            th.dict_get_name(kwargs, key).unwrap_or(Value::NONE)
        }
        _ => Value::NONE,
    };
    let class_of = th.class_of(given.at(0));
    if crate::run::class::slots(class_of).iter.is_none()
        && crate::run::class::slots(class_of).getitem.is_none()
    {
        return Err(th.type_error("constructor requires a sequence"));
    }
    let items = th.to_list(given.at(0))?;
    let items = crate::heap::list::snapshot(&mut th.heap, items.get())?;
    let t = items.get::<Tuple>();
    let total = fields.len();
    if t.len() < visible || t.len() > total {
        let (how, n) = if t.len() < visible { ("at least", visible) } else { ("at most", total) };
        let how =
            if visible == total { format!("a {visible}-sequence") } else { format!("an {how} {n}-sequence") };
        return Err(th.type_error(format!("{name}() takes {how} ({}-sequence given)", t.len())));
    }
    let mut all = [Value::NONE; 32];
    for (i, x) in t.iter().enumerate() {
        all[i] = x;
    }
    for i in t.len()..total {
        if extra.is_kind(Kind::Dict) {
            let key = th.intern(fields[i])?;
            if let Some(x) = crate::heap::dict::get_name(extra.get::<Dict>(), key) {
                all[i] = x;
            }
        }
    }
    for x in &mut all[visible..total] {
        *x = hidden(th, *x)?;
    }
    make(th, class, visible, &all[..total])
}

/// A value that may stand behind a tuple: not seen by the collector, so an immediate or an interned text.
fn hidden(th: &mut Thread, v: Value) -> R {
    if !v.is_ptr() {
        return Ok(v);
    }
    if crate::heap::text::is_text(v.base()) {
        return Ok(crate::heap::intern::intern_value(&mut th.heap, v.base())?);
    }
    Err(th.type_error("a hidden field must be a number, a text or None"))
}

/// Adds what every such class says about itself.
pub fn finish(th: &mut Thread, class: Value, visible: usize, fields: &[&str]) -> R<()> {
    class_attr(th, class, "n_sequence_fields", Value::int(visible as i64))?;
    class_attr(th, class, "n_fields", Value::int(fields.len() as i64))?;
    class_attr(th, class, "n_unnamed_fields", Value::int(0))?;
    let names = super::util::tuple_of(th, visible, |th, i| th.intern(fields[i]))?;
    class_attr(th, class, "__match_args__", names)
}

/// States a struct sequence class: its definition, field names and class object.
#[macro_export]
macro_rules! struct_seq {
    ($def:ident, $fields:ident, $name:literal, $doc:literal, $visible:expr, new = $new:expr, [$($field:literal $i:literal),* $(,)?]) => {
        const $fields: &[&str] = &[$($field),*];
        static $def: $crate::run::ClassDef = $crate::run::ClassDef {
            name: $name,
            doc: $doc,
            base: Some($crate::heap::known::C::tuple),
            slots: |s| {
                s.repr = Some(|th, v| $crate::native::seq::repr(th, v, $name, $fields));
                s.new = $new;
            },
            getset: &[$($crate::run::get($field, $crate::native::seq::field::<$i>, "")),*],
            kind: $crate::heap::Kind::Tuple,
            ..$crate::run::PLAIN
        };
    };
}
