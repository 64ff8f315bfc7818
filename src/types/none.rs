//! `None`, `NotImplemented`, `...` and the class of cells that scripts never see. Invariant: each class has one
//! instance, which its constructor gives.

use crate::heap::{Kind, Value};
use crate::run::{ClassDef, Def, PLAIN, R, Thread, TypeSlots, def};

/// The class of `None`.
pub static NONE: ClassDef = ClassDef {
    name: "NoneType",
    doc: "The type of the None singleton.",
    slots: |s| {
        s.repr = Some(|th, _| th.intern("None"));
        s.bool = Some(|_, _| Ok(false));
        s.hash = Some(|_, _| Ok(0xfca8_6420));
        s.new = Some(|th, _, args, kwargs| single(th, "NoneType", Value::NONE, args, kwargs));
        binary_or(s);
    },
    kind: Kind::None,
    ..PLAIN
};

/// The class of `NotImplemented`.
pub static NOT_IMPLEMENTED: ClassDef = ClassDef {
    name: "NotImplementedType",
    doc: "The type of the NotImplemented singleton.",
    slots: |s| {
        s.repr = Some(|th, _| th.intern("NotImplemented"));
        s.bool = Some(|th, _| Err(th.type_error("NotImplemented should not be used in a boolean context")));
        s.hash = Some(|_, _| Ok(0x1f2e_3d4c));
        s.new = Some(|th, _, args, kwargs| {
            single(th, "NotImplementedType", Value::NOT_IMPLEMENTED, args, kwargs)
        });
    },
    methods: NOT_IMPLEMENTED_METHODS,
    kind: Kind::None,
    ..PLAIN
};

static NOT_IMPLEMENTED_METHODS: &[Def] =
    &[def("__reduce__", "($self, /)", |th, _| th.intern("NotImplemented"), "")];

/// The class of `...`.
pub static ELLIPSIS: ClassDef = ClassDef {
    name: "ellipsis",
    doc: "The type of the Ellipsis singleton.",
    slots: |s| {
        s.repr = Some(|th, _| th.intern("Ellipsis"));
        s.hash = Some(|_, _| Ok(0x2468_ace0));
        s.new = Some(|th, _, args, kwargs| single(th, "EllipsisType", Value::ELLIPSIS, args, kwargs));
    },
    methods: ELLIPSIS_METHODS,
    kind: Kind::None,
    ..PLAIN
};

static ELLIPSIS_METHODS: &[Def] = &[def("__reduce__", "($self, /)", |th, _| th.intern("Ellipsis"), "")];

/// The class of the heap's own cells.
pub static INTERNAL: ClassDef = ClassDef {
    name: "internal",
    slots: |s| {
        s.new = None;
        s.repr = Some(|th, _| th.intern("<internal>"));
    },
    kind: Kind::Array,
    ..PLAIN
};

/// `None | int` makes a union.
fn binary_or(s: &mut TypeSlots) {
    s.binary = Some(super::union::binary);
}

fn single(th: &mut Thread, name: &str, v: Value, args: Value, kwargs: Value) -> R {
    let some = !args.get::<crate::heap::object::Tuple>().is_empty();
    if some || !kwargs.is_unbound() {
        return Err(th.type_error(format!("{name} takes no arguments")));
    }
    Ok(v)
}
