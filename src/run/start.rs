//! Start-up: the main thread, the names, the builtin classes, `builtins`, `sys.modules`. Invariant: when this returns
//! every known name, class and single object is set, and no second thread exists yet.

use super::native::Def;
use super::slots::{ClassDef, ModuleDef};
use super::thread::{R, Thread};
use super::{class, gil, import, signal, threads};
use crate::heap::known::{C, CLASSES, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value, shape};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

static RECURSION: AtomicUsize = AtomicUsize::new(1000);

/// `sys.getrecursionlimit()`.
pub fn recursion_limit() -> usize {
    RECURSION.load(Ordering::Relaxed)
}

/// `sys.setrecursionlimit(n)`.
pub fn set_recursion_limit(n: usize) {
    RECURSION.store(n, Ordering::Relaxed);
}

/// What the program is made of beside the machine.
pub struct Parts {
    /// Definitions of the fixed classes.
    pub classes: Vec<(C, &'static ClassDef)>,
    /// What remains to be said of the classes once all are there.
    pub finish: fn(&mut Thread) -> R<()>,
    /// The module `builtins`.
    pub builtins: &'static ModuleDef,
    /// Its function `__build_class__`.
    pub build_class: &'static Def,
    /// Further builtin functions.
    pub more: &'static [Def],
    /// Modules.
    pub library: import::Library,
}

/// Starts the machine in the GIL mode; the calling OS thread becomes the main script thread.
pub fn start(mode: gil::Mode, parts: Parts) -> R<&'static mut Thread> {
    gil::begin(mode);
    shapes()?;
    let th = threads::main();
    crate::heap::weak::set_drop_hook(Kind::Code, drop_code);
    crate::heap::intern::start(&mut th.heap)?;
    for (c, def) in parts.classes {
        class::define(th, Some(c), def)?;
    }
    for c in CLASSES {
        assert!(c.v().is_kind(Kind::Class), "the class {} has no definition", c.text());
    }
    let oom = th.exception(C::MemoryError, &[])?;
    S::memory_error.fill(oom);
    let text = th.str("maximum recursion depth exceeded")?;
    let deep = th.exception(C::RecursionError, &[text])?;
    S::recursion_error.fill(deep);
    import::set_library(parts.library);
    let modules = th.heap.new_dict()?;
    S::modules.fill(modules);
    let sys = th.heap.new_dict()?;
    S::sys.fill(sys);
    let b = import::native_module(th, parts.builtins)?;
    let dict = b.get::<Module>().dict.get();
    S::builtins.fill(dict);
    for c in CLASSES {
        if in_builtins(*c) {
            let name = th.intern(c.text())?;
            th.dict_insert(dict, name, c.v())?;
        }
    }
    for (name, v) in [
        ("True", Value::TRUE),
        ("False", Value::FALSE),
        ("None", Value::NONE),
        ("Ellipsis", Value::ELLIPSIS),
        ("NotImplemented", Value::NOT_IMPLEMENTED),
        ("__debug__", Value::TRUE),
    ] {
        let name = th.intern(name)?;
        th.dict_insert(dict, name, v)?;
    }
    for (alias, c) in [("IOError", C::OSError), ("EnvironmentError", C::OSError)] {
        let name = th.intern(alias)?;
        th.dict_insert(dict, name, c.v())?;
    }
    let owner = b.get::<Module>().name.get();
    for f in parts.more {
        import::add_function(th, dict, f, owner)?;
    }
    let build = th.native(parts.build_class, Value::UNBOUND, owner)?;
    S::build_class.fill(build);
    th.dict_insert(dict, N::__build_class__.v(), build)?;
    th.dict_insert(modules, N::builtins.v(), b)?;
    (parts.finish)(th)?;
    Ok(th)
}

/// The part that lets signals reach the script; after `sys` stands.
pub fn signals(th: &mut Thread) -> R<()> {
    signal::begin(th)
}

/// Shapes of the fixed classes, in order, so that their ids are known numbers.
fn shapes() -> R<()> {
    for c in CLASSES {
        let exception = (*c as u16) >= C::BaseException as u16;
        let first = if exception { 11 } else { 2 };
        let id = shape::root(Value::UNBOUND, first, 0, exception).ok_or(crate::heap::Full)?;
        assert_eq!(id, c.shape(), "shape ids of the fixed classes are their numbers");
    }
    Ok(())
}

/// Whether scripts find the class under its name without an import.
fn in_builtins(c: C) -> bool {
    if (C::BaseException as u16..=C::EncodingWarning as u16).contains(&(c as u16)) {
        return true;
    }
    matches!(
        c,
        C::object
            | C::type_
            | C::int
            | C::bool
            | C::float
            | C::complex
            | C::str
            | C::bytes
            | C::bytearray
            | C::memoryview
            | C::list
            | C::tuple
            | C::dict
            | C::set
            | C::frozenset
            | C::range
            | C::slice
            | C::property
            | C::staticmethod
            | C::classmethod
            | C::super_
            | C::enumerate
            | C::zip
            | C::map
            | C::filter
            | C::reversed
    )
}

/// A code object died: its plain data and liveness table go with it.
fn drop_code(cell: &crate::heap::cell::Header) {
    let v = Value::ptr(cell);
    let c = v.get::<Code>();
    super::codes::forget_code(v);
    // Its names may be gone, and others may come to stand in their cells.
    super::memo::forget();
    super::frame::drop_liveness(c);
    let data = c.data.get() as *const crate::code::data::Code;
    if !data.is_null() {
        // SAFETY: `load` leaked exactly this Arc into the cell.
        drop(unsafe { Arc::from_raw(data) });
    }
}
