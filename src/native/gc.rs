//! Native module `gc`: the collector as scripts see it. Invariant: `collect` runs the finalisers and callbacks that
//! became due; the generations and thresholds of other implementations are kept as numbers only.

use super::util::{integer, put, put_int};
use crate::heap::known::S;
use crate::heap::object::Tuple;
use crate::heap::{Kind, Value, space};
use crate::run::{Args, Def, ModuleDef, R, Thread, def, import, poll};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "gc", doc: "The garbage collector.", functions: FUNCTIONS, fill };

static FUNCTIONS: &[Def] = &[
    def(
        "collect",
        "(generation=2)",
        collect,
        "Collect now; how many objects were found in dead cycles, or reached only from them.",
    ),
    def(
        "enable",
        "()",
        |_, _| {
            ENABLED.store(true, Relaxed);
            Ok(Value::NONE)
        },
        "Say that collection is wanted.",
    ),
    def(
        "disable",
        "()",
        |_, _| {
            ENABLED.store(false, Relaxed);
            Ok(Value::NONE)
        },
        "Say that it is not; memory is still reclaimed when it is short.",
    ),
    def("isenabled", "()", |_, _| Ok(Value::bool(ENABLED.load(Relaxed))), "What was last said."),
    def(
        "get_count",
        "()",
        |th, _| Ok(th.tuple(&[Value::int(0); 3])?),
        "Three zeros: there are no generations.",
    ),
    def("get_stats", "()", get_stats, "A list of one dict about the collections so far."),
    def("get_threshold", "()", get_threshold, "The thresholds that were set."),
    def(
        "set_threshold",
        "(threshold0, threshold1=10, threshold2=0, /)",
        set_threshold,
        "Keep thresholds; they have no effect.",
    ),
    def("get_debug", "()", |_, _| Ok(Value::int(DEBUG.load(Relaxed))), "The debugging flags that were set."),
    def(
        "set_debug",
        "(flags, /)",
        |th, a| {
            DEBUG.store(integer(th, a[0])?, Relaxed);
            Ok(Value::NONE)
        },
        "Keep debugging flags.",
    ),
    def("freeze", "()", |_, _| Ok(Value::NONE), "Nothing to do: cells do not move."),
    def("unfreeze", "()", |_, _| Ok(Value::NONE), "Nothing to do."),
    def("get_freeze_count", "()", |_, _| Ok(Value::int(0)), "Zero."),
    def("is_tracked", "(obj, /)", is_tracked, "Whether the object can refer to others."),
    def("is_finalized", "(obj, /)", is_finalized, "Whether the object's finaliser has been run."),
];

static ENABLED: AtomicBool = AtomicBool::new(true);
/// What all calls of `collect` have found.
static COLLECTED: AtomicI64 = AtomicI64::new(0);
static DEBUG: AtomicI64 = AtomicI64::new(0);
static THRESHOLDS: [AtomicI64; 3] = [AtomicI64::new(2000), AtomicI64::new(10), AtomicI64::new(0)];

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for name in ["garbage", "callbacks"] {
        let list = th.list(&[])?;
        put(th, dict, name, list)?;
    }
    for (name, bit) in [
        ("DEBUG_STATS", 1),
        ("DEBUG_COLLECTABLE", 2),
        ("DEBUG_UNCOLLECTABLE", 4),
        ("DEBUG_SAVEALL", 32),
        ("DEBUG_LEAK", 38),
    ] {
        put_int(th, dict, name, bit)?;
    }
    Ok(())
}

/// Calls `gc.callbacks` with the phase.
fn announce(th: &mut Thread, phase: &str, collected: i64) -> R<()> {
    let name = th.intern("gc")?;
    let Some(module) = th.dict_get_name(S::modules.v(), name).filter(|m| import::is_module(*m)) else {
        return Ok(());
    };
    let key = th.intern("callbacks")?;
    let Some(callbacks) = th.getattr_opt(module, key)? else { return Ok(()) };
    let all = th.to_list(callbacks)?;
    let all = th.to_tuple(all)?;
    if all.get::<Tuple>().is_empty() {
        return Ok(());
    }
    let info = th.heap.new_dict()?;
    put_int(th, info, "generation", 2)?;
    put_int(th, info, "collected", collected)?;
    put_int(th, info, "uncollectable", 0)?;
    let phase = th.str(phase)?;
    for f in all.get::<Tuple>().iter() {
        th.call(f, &[phase, info])?;
    }
    Ok(())
}

fn collect(th: &mut Thread, a: Args) -> R {
    let generation = if a[0].is_unbound() { 2 } else { integer(th, a[0])? };
    if !(0..=2).contains(&generation) {
        return Err(th.value_error("invalid generation"));
    }
    announce(th, "start", 0)?;
    forget_temporaries(th, a);
    wipe();
    let mut freed = collect_now(th) as i64;
    if poll::run_finalizers(th) {
        // What had a finaliser goes now, unless that brought it back.
        forget_temporaries(th, a);
        wipe();
        freed += collect_now(th) as i64;
        poll::run_finalizers(th);
    }
    COLLECTED.fetch_add(freed, Relaxed);
    announce(th, "stop", freed)?;
    Ok(Value::int(freed))
}

/// Clears the dead temporaries around the arguments of the call in progress, which the scan of the stack would take
/// for values in use.
fn forget_temporaries(th: &mut Thread, a: Args) {
    let end = a.at.wrapping_add(a.n.max(1)).cast_mut();
    // The link words of a native's window are not written: a reference there is older than the call.
    for link in 1..3 {
        let link = a.at.wrapping_sub(link).cast_mut();
        // SAFETY: they lie between the callee and its arguments.
        unsafe {
            if (*link).is_ptr() {
                *link = Value::UNBOUND;
            }
        }
    }
    let mut p = end;
    while p < th.top {
        // SAFETY: from the arguments to `top` the value stack belongs to this call.
        unsafe { *p = Value::UNBOUND };
        p = p.wrapping_add(1);
    }
}

/// Not inlined, so that its frame and those below lie where [`wipe`] has been.
#[inline(never)]
fn collect_now(th: &mut Thread) -> usize {
    th.heap.collect()
}

/// Overwrites the unused native stack below: what earlier calls left there would be taken for references by the
/// conservative scan, where the collector's own frames have gaps.
#[inline(never)]
fn wipe() {
    let mut below = [0u64; 1024];
    std::hint::black_box(&mut below);
}

fn get_stats(th: &mut Thread, _: Args) -> R {
    let n = space::stats().collections as i64;
    let dict = th.heap.new_dict()?;
    put_int(th, dict, "collections", n)?;
    put_int(th, dict, "collected", COLLECTED.load(Relaxed))?;
    put_int(th, dict, "uncollectable", 0)?;
    Ok(th.list(&[dict])?)
}

fn get_threshold(th: &mut Thread, _: Args) -> R {
    let [a, b, c] = [0, 1, 2].map(|i| Value::int(THRESHOLDS[i].load(Relaxed)));
    Ok(th.tuple(&[a, b, c])?)
}

fn set_threshold(th: &mut Thread, a: Args) -> R {
    for (i, slot) in THRESHOLDS.iter().enumerate() {
        if !a[i].is_unbound() {
            let n = integer(th, a[i])?;
            slot.store(n, Relaxed);
        }
    }
    Ok(Value::NONE)
}

fn is_tracked(_: &mut Thread, a: Args) -> R {
    let atom = matches!(
        a[0].kind(),
        Kind::None | Kind::Float | Kind::Big | Kind::Complex | Kind::Str | Kind::Rope | Kind::Bytes
    );
    Ok(Value::bool(!atom))
}

fn is_finalized(_: &mut Thread, a: Args) -> R {
    Ok(Value::bool(a[0].is_ptr() && a[0].header().has(crate::heap::cell::flag::FINALIZED)))
}
