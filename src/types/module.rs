//! Modules. Invariant: a module's attributes are its namespace dict, which keeps its identity.

use super::{bind, is_str, text};
use crate::heap::cell::ALL;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::slots::GetSet;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, attr, class, def, get, getset, import};

/// `module`.
pub static DEF: ClassDef = ClassDef {
    name: "module",
    doc: "Create a module object.\n\nThe name must be a string; the optional docstring can have any type.",
    slots: |s| {
        s.repr = Some(repr);
        s.getattr = Some(module_get);
        s.setattr = Some(module_set);
        s.new = Some(|th, cls, _, _| empty(th, cls));
        s.init = Some(init);
    },
    methods: METHODS,
    getset: GETSET,
    basetype: true,
    kind: Kind::Module,
    ..PLAIN
};

static METHODS: &[Def] = &[def("__dir__", "($self, /)", dir, "__dir__() -> list")];

static GETSET: &[GetSet] = &[
    get("__dict__", |_, o| Ok(module(o).dict.get()), ""),
    getset("__annotations__", annotations, set_annotations, ""),
    getset("__annotate__", annotate, set_annotate, ""),
];

fn module(o: Value) -> &'static Module {
    o.base().get::<Module>()
}

fn empty(th: &mut Thread, cls: Value) -> R {
    let dict = th.heap.new_dict()?;
    let (v, m) = th.heap.new::<Module>(C::module.shape(), ALL, 0)?;
    m.dict.set(dict);
    m.name.set(Value::NONE);
    if cls == C::module.v() { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    let [name, doc] = bind(th, "module", ["name", "doc"], 1, args, kwargs)?;
    if !is_str(name) {
        let text = format!("module() argument 'name' must be str, not {}", th.type_name(name));
        return Err(th.type_error(text));
    }
    let m = module(o);
    m.name.set(name);
    let dict = m.dict.get();
    th.dict_insert(dict, N::__name__.v(), name)?;
    th.dict_insert(dict, N::__doc__.v(), doc.or(Value::NONE))?;
    for n in [N::__package__, N::__loader__, N::__spec__] {
        th.dict_insert(dict, n.v(), Value::NONE)?;
    }
    Ok(())
}

/// Attributes of an instance of a script subclass stand in the namespace too.
fn module_get(th: &mut Thread, o: Value, name: Value) -> R {
    if o.is_kind(Kind::Module) {
        return import::module_get(th, o, name);
    }
    if let Some(v) = th.dict_get_name(module(o).dict.get(), name)
        && class::lookup(th.class_of(o), name).is_none_or(|d| attr::descriptor_kind(d) != attr::Desc::Data)
    {
        return Ok(v);
    }
    match attr::try_get(th, o, name)? {
        Some(v) => Ok(v),
        None => import::module_get(th, o.base(), name),
    }
}

fn module_set(th: &mut Thread, o: Value, name: Value, v: Value) -> R<()> {
    let data = class::lookup(th.class_of(o), name)
        .is_some_and(|d| attr::descriptor_kind(d) == attr::Desc::Data && !is_shared_name(name));
    if data || o.is_kind(Kind::Module) {
        attr::generic_set(th, o, name, v)
    } else {
        attr::generic_set(th, o.base(), name, v)
    }
}

/// Names whose descriptor stands in `module` itself.
fn is_shared_name(name: Value) -> bool {
    [N::__annotations__.v(), N::__annotate__.v()].contains(&name)
}

fn repr(th: &mut Thread, o: Value) -> R {
    let dict = module(o).dict.get();
    let name = match th.dict_get_name(dict, N::__name__.v()) {
        Some(n) if is_str(n) => th.repr_text(n)?,
        _ => "'?'".to_string(),
    };
    if let Some(f) = th.dict_get_name(dict, N::__file__.v())
        && is_str(f)
    {
        let file = th.repr_text(f)?;
        return text(th, format!("<module {name} from {file}>"));
    }
    let plain = th.text_of(module(o).name.get()).unwrap_or_default();
    let built_in = import::is_library_module(&plain);
    text(th, if built_in { format!("<module {name} (built-in)>") } else { format!("<module {name}>") })
}

fn annotations(th: &mut Thread, o: Value) -> R {
    let dict = module(o).dict.get();
    if let Some(v) = th.dict_get_name(dict, N::__annotations__.v()) {
        return Ok(v);
    }
    let f = annotate(th, o)?;
    let made = if f.is_none() { th.heap.new_dict()? } else { th.call(f, &[Value::int(1)])? };
    if made.like::<Dict>().is_none() {
        let text = format!("__annotate__ returned non-dict of type '{}'", th.type_name(made));
        return Err(th.type_error(text));
    }
    th.dict_insert(dict, N::__annotations__.v(), made)?;
    Ok(made)
}

fn set_annotations(th: &mut Thread, o: Value, v: Value) -> R<()> {
    let dict = module(o).dict.get();
    if !v.is_unbound() {
        return th.dict_insert(dict, N::__annotations__.v(), v);
    }
    match th.dict_remove_name(dict, N::__annotations__.v())? {
        true => Ok(()),
        false => Err(attr::no_attribute(th, o, N::__annotations__.v())),
    }
}

fn annotate(th: &mut Thread, o: Value) -> R {
    Ok(th.dict_get_name(module(o).dict.get(), N::__annotate__.v()).unwrap_or(Value::NONE))
}

fn set_annotate(th: &mut Thread, o: Value, v: Value) -> R<()> {
    if v.is_unbound() {
        return Err(th.type_error("cannot delete __annotate__ attribute"));
    }
    let dict = module(o).dict.get();
    th.dict_remove_name(dict, N::__annotations__.v())?;
    th.dict_insert(dict, N::__annotate__.v(), v)
}

fn dir(th: &mut Thread, a: Args) -> R {
    let dict = module(a[0]).dict.get();
    if let Some(f) = th.dict_get_name(dict, N::__dir__.v()) {
        return th.call(f, &[]);
    }
    th.to_list(dict)
}
