//! Cells of captured variables. Invariant: an empty cell holds unbound.

use super::{address, positional, text};
use crate::heap::known::C;
use crate::heap::object::Cell;
use crate::heap::{Kind, Value};
use crate::run::class::class_of;
use crate::run::slots::GetSet;
use crate::run::{ClassDef, Cmp, PLAIN, R, Thread, getset};

/// `cell`.
pub static DEF: ClassDef = ClassDef {
    name: "cell",
    doc: "Create a new cell object.\n\n  contents\n    the contents of the cell. If not specified, the cell will be empty,\n    and further attempts to access its cell_contents attribute will\n    raise a ValueError.",
    slots: |s| {
        s.repr = Some(repr);
        s.compare = Some(compare);
        s.hash = None;
        s.new = Some(new);
    },
    getset: GETSET,
    kind: Kind::Cell,
    ..PLAIN
};

static GETSET: &[GetSet] = &[getset(
    "cell_contents",
    |th, o| match o.get::<Cell>().value.get() {
        v if v.is_unbound() => Err(th.value_error("Cell is empty")),
        v => Ok(v),
    },
    |_, o, v| {
        o.get::<Cell>().value.set(v);
        Ok(())
    },
    "",
)];

fn new(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let [v] = positional::<1>(th, "cell", 0, args, kwargs)?;
    Ok(th.new_cell(v)?)
}

fn repr(th: &mut Thread, o: Value) -> R {
    let what = match o.get::<Cell>().value.get() {
        v if v.is_unbound() => "empty".to_string(),
        v => format!("{} object at {}", th.type_name(v), address(v)),
    };
    text(th, format!("<cell at {}: {what}>", address(o)))
}

/// Cells compare by content; an empty one comes first.
fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if class_of(b) != C::cell.v() {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (x, y) = (a.get::<Cell>().value.get(), b.get::<Cell>().value.get());
    if x.is_unbound() || y.is_unbound() {
        return Ok(Value::bool(op.of((!x.is_unbound()).cmp(&!y.is_unbound()))));
    }
    th.compare(op, x, y)
}
