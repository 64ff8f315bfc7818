//! The module `atexit`: functions to call at the end, last registered first. The list lives in the module's own
//! namespace, a heap list of tuples, so that the collector sees it.

use crate::heap::known::S;
use crate::heap::object::*;
use crate::heap::{Value, list};
use crate::run::{Args, ModuleDef, R, Raised, Thread, def, error};

/// `atexit`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "atexit",
    doc: "Functions that run when the program ends.",
    functions: &[
        def("register", "(func, /, *args, **kwargs)", register, "Call func(*args, **kwargs) at the end; returns func."),
        def("unregister", "(func, /)", unregister, "Forget every registration of func."),
        def("_clear", "()", clear, "Forget all registrations."),
        def("_run_exitfuncs", "()", run, "Run the registered functions now."),
        def("_ncallbacks", "()", count, "How many functions are registered."),
    ],
    fill: |th, d| {
        let (key, l) = (th.intern("_registered")?, th.list(&[])?);
        th.dict_insert(d, key, l)
    },
};

/// The list, if the module has been imported.
fn registered(th: &mut Thread) -> Option<Value> {
    let name = th.intern("atexit").ok()?;
    let module = th.dict_get_name(S::modules.v(), name)?;
    let key = th.intern("_registered").ok()?;
    th.dict_get_name(module.cast::<Module>()?.dict.get(), key)
}

fn register(th: &mut Thread, a: Args) -> R {
    let callable = crate::run::class::slots(th.class_of(a[0])).call.is_some();
    if !callable {
        return Err(th.type_error("the first argument must be callable"));
    }
    if let Some(l) = registered(th) {
        let entry = th.tuple(&[a[0], a[1], a[2]])?;
        list::push(&mut th.heap, l.get::<List>(), entry)?;
    }
    Ok(a[0])
}

fn unregister(th: &mut Thread, a: Args) -> R {
    if let Some(l) = registered(th) {
        let l = l.get::<List>();
        let mut i = 0;
        while let Some(entry) = list::peek(l, i) {
            if th.eq(entry.get::<Tuple>().at(0), a[0])? {
                list::pop_at(&mut th.heap, l, i);
            } else {
                i += 1;
            }
        }
    }
    Ok(Value::NONE)
}

fn clear(th: &mut Thread, _: Args) -> R {
    if let Some(l) = registered(th) {
        list::clear(&mut th.heap, l.get::<List>());
    }
    Ok(Value::NONE)
}

fn count(th: &mut Thread, _: Args) -> R {
    let n = registered(th).map_or(0, |l| l.get::<List>().len());
    Ok(Value::int(n as i64))
}

fn run(th: &mut Thread, _: Args) -> R {
    run_all(th);
    Ok(Value::NONE)
}

/// Runs and forgets the registered functions, last first; their exceptions are reported.
pub fn run_all(th: &mut Thread) {
    let Some(l) = registered(th) else { return };
    while let Some(entry) = list::pop(&mut th.heap, l.get::<List>()) {
        let t = entry.get::<Tuple>();
        let mark = th.keep(entry);
        if let Err(Raised) = th.call_ex(t.at(0), t.at(1), t.at(2)) {
            error::unraisable(th, t.at(0));
        }
        th.drop_kept(mark);
    }
}
