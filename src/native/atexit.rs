//! Native module `atexit`: functions to run at the end. Invariant: they stand in a list of the module, each as
//! (function, args, kwargs); the last registered runs first, and only once.

use super::sys::write_stderr;
use crate::heap::object::{List, Module, Tuple};
use crate::heap::{Value, list};
use crate::run::{Args, Def, ModuleDef, R, Raised, Thread, backtrace, def, import, show};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "atexit",
    doc: "Functions that run when the program ends.",
    functions: FUNCTIONS,
    fill,
};

static FUNCTIONS: &[Def] = &[
    def(
        "register",
        "(func, /, *args, **kwargs)",
        register,
        "Run func(*args, **kwargs) at the end; gives func.",
    ),
    def("unregister", "(func, /)", unregister, "Forget all registrations of func."),
    def("_clear", "()", clear, "Forget all registrations."),
    def("_ncallbacks", "()", count, "How many there are."),
    def("_run_exitfuncs", "()", run, "Run what is registered."),
];

const HIDDEN: &str = "_registered";

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let all = th.list(&[])?;
    super::util::put(th, dict, HIDDEN, all)
}

fn registered(th: &mut Thread) -> R<&'static List> {
    let module = import::import_full(th, "atexit")?;
    let key = th.intern(HIDDEN)?;
    let found = th.dict_get_name(module.get::<Module>().dict.get(), key);
    match found.and_then(|v| v.cast::<List>()) {
        Some(l) => Ok(l),
        None => Err(th.runtime_error("atexit's list of functions is gone")),
    }
}

fn register(th: &mut Thread, a: Args) -> R {
    if !super::thread::callable(th, a[0]) {
        return Err(th.type_error("the first argument must be callable"));
    }
    let entry = th.tuple(&[a[0], a[1], a[2].or(Value::NONE)])?;
    let all = registered(th)?;
    list::push(&mut th.heap, all, entry)?;
    Ok(a[0])
}

fn unregister(th: &mut Thread, a: Args) -> R {
    let all = registered(th)?;
    let mut i = all.len();
    while i > 0 {
        i -= 1;
        let Some(entry) = list::get(&mut th.heap, all, i) else { continue };
        if th.eq(entry.get::<Tuple>().at(0), a[0])? && list::peek(all, i) == Some(entry) {
            list::pop_at(&mut th.heap, all, i);
        }
    }
    Ok(Value::NONE)
}

fn clear(th: &mut Thread, _: Args) -> R {
    let all = registered(th)?;
    list::clear(&mut th.heap, all);
    Ok(Value::NONE)
}

fn count(th: &mut Thread, _: Args) -> R {
    Ok(Value::int(registered(th)?.len() as i64))
}

fn run(th: &mut Thread, _: Args) -> R {
    let all = registered(th)?;
    while let Some(entry) = list::pop(&mut th.heap, all) {
        let t = entry.get::<Tuple>();
        if let Err(Raised) = th.call_ex(t.at(0), t.at(1), t.at(2)) {
            let exc = th.take_raised();
            let what = show::short_repr(th, t.at(0));
            let text = backtrace::exception_text(th, exc);
            write_stderr(th, &format!("Exception ignored in atexit callback {what}:\n{text}"))?;
        }
    }
    Ok(Value::NONE)
}
