//! Constants, registers, cells, globals and namespaces.

use crate::heap::known::{C as Known, N, S};
use crate::heap::object::*;
use crate::heap::{Value, dict};
use crate::run::thread::{R, Raised, Thread};
use crate::{effect, helper, next, op, sibling};
use std::sync::atomic::Ordering;

op! { Nop(s) { next!(s, 1) } }

op! { LoadConst(s) { s.set(s.a(), s.lit(1)); next!(s, 2) } }

op! { LoadInt(s) { s.set(s.a(), Value::int(s.bi())); next!(s, 1) } }

op! { LoadNone(s) { s.set(s.a(), Value::NONE); next!(s, 1) } }

op! { Move(s) { s.set(s.a(), s.r(s.b())); next!(s, 1) } }

op! { Unbind(s) {
    let (a, n) = (s.a(), s.b());
    for i in a..a + n {
        s.set(i, Value::UNBOUND);
    }
    next!(s, 1)
} }

op! { CheckBound(s) {
    if s.r(s.a()).is_unbound() {
        sibling!(unbound_local::<{ C }, { L }>, s);
    }
    next!(s, 2)
} }

op! {
    #[cold]
    #[inline(never)]
    unbound_local(s) {
        effect!(s, 2, |th| Err(no_local(th, s.lit(1))))
    }
}

fn text(name: Value) -> String {
    String::from_utf8_lossy(name.get::<Str>().bytes()).into_owned()
}

#[cold]
fn no_local(th: &mut Thread, name: Value) -> Raised {
    let message =
        format!("cannot access local variable '{}' where it is not associated with a value", text(name));
    th.name_error(Known::UnboundLocalError, name, &message)
}

#[cold]
fn no_free(th: &mut Thread, name: Value, free: bool) -> Raised {
    if !free {
        return no_local(th, name);
    }
    let message = format!(
        "cannot access free variable '{}' where it is not associated with a value in enclosing scope",
        text(name)
    );
    th.name_error(Known::NameError, name, &message)
}

op! { DeleteLocal(s) {
    if s.r(s.a()).is_unbound() {
        sibling!(unbound_local::<{ C }, { L }>, s);
    }
    s.set(s.a(), Value::UNBOUND);
    next!(s, 2)
} }

op! { MakeCell(s) { helper!(s, 1, |th| th.new_cell(s.r(s.a())).map_err(Raised::from)) } }

op! { NewCell(s) { helper!(s, 1, |th| th.new_cell(Value::UNBOUND).map_err(Raised::from)) } }

op! { CopyFree(s) {
    let f = (*s.base.sub(3)).get::<Function>();
    let cells = f.closure.get().get::<Array>();
    let (a, n) = (s.a(), s.b());
    for i in 0..n {
        s.set(a + i, cells.item(i).get());
    }
    next!(s, 1)
} }

op! { LoadCell(s) {
    let v = s.r(s.b()).get::<Cell>().value.get();
    if v.is_unbound() {
        sibling!(empty_cell::<{ C }, { L }>, s);
    }
    s.set(s.a(), v);
    next!(s, 2)
} }

op! {
    #[cold]
    #[inline(never)]
    empty_cell(s) {
        effect!(s, 2, |th| Err(no_free(th, s.lit(1), s.c() == 1)))
    }
}

op! { StoreCell(s) { s.r(s.a()).get::<Cell>().value.set(s.r(s.b())); next!(s, 1) } }

op! { DeleteCell(s) {
    if s.r(s.a()).get::<Cell>().value.swap(Value::UNBOUND).is_unbound() {
        sibling!(empty_cell::<{ C }, { L }>, s);
    }
    next!(s, 2)
} }

// -------------------------------------------------------------------------------------------------------------- globals

/// Marks a cache key, so that an empty cache matches nothing.
const HERE: u32 = 1 << 31;
/// The name is absent from the module's table; the second word speaks of the builtins.
const ABSENT: u32 = 3 << 30;

/// The key of a dict's current table.
#[inline(always)]
fn key(t: &DictTable, mark: u32) -> u64 {
    (t.id.get().as_int() as u32 | mark) as u64
}

op! { LoadGlobal(s) {
    let f = (*s.base.sub(3)).get::<Function>();
    let t = f.globals.get().get::<Dict>().table.get().get::<DictTable>();
    let ic = s.cache(2).load(Ordering::Relaxed);
    if ic >> 32 == key(t, HERE) {
        let v = dict::value_at(t, ic as u32 as usize);
        if !v.is_unbound() {
            s.set(s.a(), v);
            next!(s, 4)
        }
    } else if ic >> 32 == key(t, ABSENT) {
        let t = f.builtins.get().get::<Dict>().table.get().get::<DictTable>();
        let ic = s.cache(3).load(Ordering::Relaxed);
        if ic >> 32 == key(t, HERE) {
            let v = dict::value_at(t, ic as u32 as usize);
            if !v.is_unbound() {
                s.set(s.a(), v);
                next!(s, 4)
            }
        }
    }
    sibling!(load_global::<{ C }, { L }>, s)
} }

op! {
    #[cold]
    #[inline(never)]
    load_global(s) {
        helper!(s, 4, |th| {
            let f = (*s.base.sub(3)).get::<Function>();
            let (g, b) = (f.globals.get(), f.builtins.get());
            global(th, g, b, s.lit(1), Some((s.cache(2), s.cache(3))))
        })
    }
}

/// Ids leave the two marking bits free; exhaustion only means that nothing is cached.
fn usable(id: u32) -> bool {
    id != 0 && id < 1 << 30
}

/// Fills a cache word with the entry of `name` in the dict's current table.
fn remember(th: &mut Thread, d: &Dict, name: Value, cache: &std::sync::atomic::AtomicU64) {
    if let (id, Some(i)) = dict::cache_entry(&mut th.heap, d, name)
        && usable(id)
    {
        cache.store(((id | HERE) as u64) << 32 | i as u64, Ordering::Relaxed);
    }
}

type Caches = (&'static std::sync::atomic::AtomicU64, &'static std::sync::atomic::AtomicU64);

#[inline(never)]
fn global(th: &mut Thread, globals: Value, builtins: Value, name: Value, caches: Option<Caches>) -> R {
    let (g, b) = (globals.get::<Dict>(), builtins.get::<Dict>());
    if let Some(v) = dict::get_name(g, name) {
        if let Some((c, _)) = caches {
            remember(th, g, name, c);
        }
        return Ok(v);
    }
    let Some(v) = dict::get_name(b, name) else { return Err(no_name(th, name)) };
    if let Some((c, d)) = caches
        && let (id, None) = dict::cache_entry(&mut th.heap, g, name)
        && usable(id)
    {
        remember(th, b, name, d);
        c.store(((id | ABSENT) as u64) << 32, Ordering::Relaxed);
    }
    Ok(v)
}

#[cold]
fn no_name(th: &mut Thread, name: Value) -> Raised {
    let message = format!("name '{}' is not defined", text(name));
    th.name_error(Known::NameError, name, &message)
}

op! { StoreGlobal(s) {
    let f = (*s.base.sub(3)).get::<Function>();
    let d = f.globals.get();
    if !L {
        let t = d.get::<Dict>().table.get().get::<DictTable>();
        let ic = s.cache(2).load(Ordering::Relaxed);
        if ic >> 32 == key(t, HERE) {
            let e = t.entry(ic as u32 as usize);
            if !e.value.get().is_unbound() {
                e.value.set(s.r(s.a()));
                next!(s, 3)
            }
        }
    }
    sibling!(store_global::<{ C }, { L }>, s)
} }

op! {
    #[inline(never)]
    store_global(s) {
        effect!(s, 3, |th| {
            let d = (*s.base.sub(3)).get::<Function>().globals.get();
            set_global(th, d, s.lit(1), s.r(s.a()), s.cache(2), L)
        })
    }
}

#[inline(never)]
fn set_global(
    th: &mut Thread,
    d: Value,
    name: Value,
    v: Value,
    cache: &std::sync::atomic::AtomicU64,
    locked: bool,
) -> R<()> {
    // Free-threaded: an existing entry is replaced under the dict's lock, so that no resize loses it.
    if locked {
        let dict = d.get::<Dict>();
        th.heap.lock(&dict.h);
        let t = dict.table.get().get::<DictTable>();
        let ic = cache.load(Ordering::Relaxed);
        // SAFETY: the entry was recorded for the table with this id, and tables never shrink.
        let hit = ic >> 32 == key(t, HERE)
            && unsafe {
                let slot = &t.entry(ic as u32 as usize).value;
                let there = !slot.get().is_unbound();
                if there {
                    slot.set(v);
                }
                there
            };
        th.heap.unlock(&dict.h);
        if hit {
            return Ok(());
        }
    }
    let r = th.dict_insert(d, name, v);
    remember(th, d.get::<Dict>(), name, cache);
    r
}

op! { DeleteGlobal(s) {
    effect!(s, 2, |th| {
        let d = (*s.base.sub(3)).get::<Function>().globals.get();
        match th.dict_remove_name(d, s.lit(1)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(no_name(th, s.lit(1))),
            Err(e) => Err(e),
        }
    })
} }

// ----------------------------------------------------------------------------------------------------------- namespaces

/// A name in a namespace, which may be any mapping.
#[inline(never)]
fn from_namespace(th: &mut Thread, ns: Value, name: Value) -> R<Option<Value>> {
    if let Some(d) = ns.cast::<Dict>() {
        return Ok(dict::get_name(d, name));
    }
    let r = th.getitem(ns, name);
    th.catch(r, Known::KeyError)
}

op! { LoadName(s) {
    helper!(s, 2, |th| {
        let name = s.lit(1);
        match from_namespace(th, s.r(s.b()), name) {
            Ok(Some(v)) => Ok(v),
            Ok(None) => {
                let f = (*s.base.sub(3)).get::<Function>();
                global(th, f.globals.get(), f.builtins.get(), name, None)
            }
            Err(e) => Err(e),
        }
    })
} }

op! { LoadNameCell(s) {
    helper!(s, 2, |th| {
        let name = s.lit(1);
        match from_namespace(th, s.r(s.b()), name) {
            Ok(Some(v)) => Ok(v),
            Ok(None) => match s.r(s.c()).get::<Cell>().value.get().bound() {
                Some(v) => Ok(v),
                None => Err(no_free(th, name, true)),
            },
            Err(e) => Err(e),
        }
    })
} }

op! { StoreName(s) {
    effect!(s, 2, |th| to_namespace(th, s.r(s.b()), s.lit(1), s.r(s.a())))
} }

#[inline(never)]
fn to_namespace(th: &mut Thread, ns: Value, name: Value, v: Value) -> R<()> {
    if ns.is_kind(crate::heap::Kind::Dict) { th.dict_insert(ns, name, v) } else { th.setitem(ns, name, v) }
}

op! { DeleteName(s) {
    effect!(s, 2, |th| {
        let (ns, name) = (s.r(s.b()), s.lit(1));
        match from_namespace(th, ns, name) {
            Ok(Some(_)) => th.setitem(ns, name, Value::UNBOUND),
            Ok(None) => Err(no_name(th, name)),
            Err(e) => Err(e),
        }
    })
} }

op! { LoadLocals(s) {
    s.set(s.a(), (*s.base.sub(3)).get::<Function>().globals.get());
    next!(s, 1)
} }

op! { LoadBuildClass(s) {
    s.set(s.a(), S::build_class.v());
    next!(s, 1)
} }

op! { LoadAssertion(s) {
    s.set(s.a(), Known::AssertionError.v());
    next!(s, 1)
} }

op! { PrintExpr(s) { effect!(s, 1, |th| display(th, s.r(s.a()))) } }

#[inline(never)]
fn display(th: &mut Thread, v: Value) -> R<()> {
    match th.dict_get_name(S::sys.v(), N::displayhook.v()) {
        Some(hook) => th.call(hook, &[v]).map(drop),
        None => Err(th.runtime_error("lost sys.displayhook")),
    }
}
