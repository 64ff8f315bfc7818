//! `_weakref`: what `weakref` builds on. Invariant: everything here is a thin name for `types::weakref`.

use crate::heap::Value;
use crate::heap::known::C;
use crate::run::{Args, Def, ModuleDef, R, Thread, def};
use crate::types::weakref;

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_weakref",
    doc: "Weak-reference support module.",
    functions: FUNCTIONS,
    fill: |th, dict| {
        for (name, class) in [
            ("ref", C::weakref),
            ("ReferenceType", C::weakref),
            ("ProxyType", C::proxy),
            ("CallableProxyType", C::callable_proxy),
        ] {
            let name = th.intern(name)?;
            th.dict_insert(dict, name, class.v())?;
        }
        Ok(())
    },
};

static FUNCTIONS: &[Def] = &[
    def(
        "proxy",
        "(object, callback=None, /)",
        |th, a| weakref::proxy(th, a[0], a[1].or(Value::NONE)),
        "Create a proxy object that weakly references 'object'.",
    ),
    def(
        "getweakrefcount",
        "(object, /)",
        weakref::count,
        "Return the number of weak references to 'object'.",
    ),
    def(
        "getweakrefs",
        "(object, /)",
        weakref::references,
        "Return a list of all weak reference objects pointing to 'object'.",
    ),
    def(
        "_remove_dead_weakref",
        "(dct, key, /)",
        remove_dead,
        "Atomically remove key from dict if it points to a dead weakref.",
    ),
];

fn remove_dead(th: &mut Thread, a: Args) -> R {
    if let Some(v) = th.dict_get(a[0], a[1])?
        && v.base().is_kind(crate::heap::Kind::Weak)
        && weakref::target(v).is_unbound()
    {
        th.dict_remove(a[0], a[1])?;
    }
    Ok(Value::NONE)
}
