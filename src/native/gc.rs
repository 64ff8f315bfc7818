//! The module `gc`: asks for collections and tells of them. There are no generations and no reference counts.

use super::util::put_int;
use crate::heap::Value;
use crate::heap::space;
use crate::run::{Args, ModuleDef, R, Thread, def, poll};
use std::sync::atomic::{AtomicBool, Ordering};

static ENABLED: AtomicBool = AtomicBool::new(true);

/// `gc`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "gc",
    doc: "The collector: non-moving mark, no reference counts.",
    functions: &[
        def("collect", "(generation=2)", collect, "Run a full collection; returns the number of finalisers it ran."),
        def("enable", "()", enable, "Note that automatic collection is wanted."),
        def("disable", "()", disable, "Note that automatic collection is not wanted (memory limits still collect)."),
        def("isenabled", "()", isenabled, "Whether automatic collection is wanted."),
        def("get_count", "()", get_count, "A tuple of three zeros: there are no generations."),
        def("get_threshold", "()", get_count, "A tuple of three zeros: there are no generations."),
        def("set_threshold", "(threshold0, *args)", nothing, "Accepted and ignored: collections follow a budget."),
        def("freeze", "()", nothing, "Accepted and ignored."),
        def("unfreeze", "()", nothing, "Accepted and ignored."),
        def("get_stats", "()", get_stats, "A list of one dict: collections so far."),
        def("is_tracked", "(obj, /)", is_tracked, "Whether the object is a heap cell."),
    ],
    fill: |th, d| {
        put_int(th, d, "DEBUG_STATS", 1)?;
        put_int(th, d, "DEBUG_COLLECTABLE", 2)?;
        put_int(th, d, "DEBUG_UNCOLLECTABLE", 4)?;
        put_int(th, d, "DEBUG_SAVEALL", 32)?;
        put_int(th, d, "DEBUG_LEAK", 38)?;
        for name in ["garbage", "callbacks"] {
            let (key, list) = (th.intern(name)?, th.list(&[])?);
            th.dict_insert(d, key, list)?;
        }
        Ok(())
    },
};

fn collect(th: &mut Thread, _: Args) -> R {
    th.heap.collect();
    poll::run_finalizers(th);
    Ok(Value::int(0))
}

fn enable(_: &mut Thread, _: Args) -> R {
    ENABLED.store(true, Ordering::Relaxed);
    Ok(Value::NONE)
}

fn disable(_: &mut Thread, _: Args) -> R {
    ENABLED.store(false, Ordering::Relaxed);
    Ok(Value::NONE)
}

fn isenabled(_: &mut Thread, _: Args) -> R {
    Ok(Value::bool(ENABLED.load(Ordering::Relaxed)))
}

fn get_count(th: &mut Thread, _: Args) -> R {
    Ok(th.tuple(&[Value::int(0); 3])?)
}

fn nothing(_: &mut Thread, _: Args) -> R {
    Ok(Value::NONE)
}

fn get_stats(th: &mut Thread, _: Args) -> R {
    let d = th.heap.new_dict()?;
    let stats = space::stats();
    for (name, n) in [("collections", stats.collections as i64), ("collected", 0), ("uncollectable", 0)] {
        put_int(th, d, name, n)?;
    }
    Ok(th.list(&[d])?)
}

fn is_tracked(_: &mut Thread, a: Args) -> R {
    Ok(Value::bool(a[0].is_ptr()))
}
