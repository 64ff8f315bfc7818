//! Writing what is no builtin value: classes and functions by name, objects by what they say of themselves. Invariant:
//! everything that user code gave is checked before it is written.

use super::builtins_obj::is_callable;
use super::pickle_names as names;
use super::pickle_op::*;
use super::pickle_write::{Writer, type_text};
use crate::heap::cell::flag;
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value, text};
use crate::run::class::{class_of, is_subclass, lookup};
use crate::run::{Args, R, Raised, Thread, attr, class, import};
use crate::types::reduce;

/// Raises one of the pickle errors.
#[cold]
pub fn fault(th: &mut Thread, class: &str, message: &str) -> Raised {
    let made = crate::types::imported(th, "pickle", class).and_then(|c| {
        let text = th.str(message)?;
        th.call(c, &[text])
    });
    match made {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}

/// PicklingError.
#[cold]
pub fn refused(th: &mut Thread, message: impl AsRef<str>) -> Raised {
    fault(th, "PicklingError", message.as_ref())
}

/// PicklingError in place of the exception under way, which becomes its context.
#[cold]
fn refused_after(th: &mut Thread, message: impl AsRef<str>) -> Raised {
    let context = th.take_raised();
    let r = refused(th, message);
    if let Some(e) = th.raised.cast::<Exception>()
        && th.raised != context
    {
        e.context.set(context);
    }
    r
}

/// A name of `copyreg`'s.
fn copyreg(th: &mut Thread, name: N) -> R {
    let module = th.dict_get_name(S::modules.v(), N::copyreg.v());
    let found = module.and_then(|m| attr::own(m, name.v()));
    match found {
        Some(v) => Ok(v),
        None => crate::types::imported(th, "copyreg", name.spelling()),
    }
}

/// Writes what `persistent_id` gives for an object; false if it gives None.
pub fn persistent(w: &mut Writer, th: &mut Thread, v: Value) -> R<bool> {
    let id = th.call(w.persistent, &[v])?;
    if id.is_none() {
        return Ok(false);
    }
    if w.binary() {
        w.save_plainly(th, id)?;
        w.put(&[BINPERSID])?;
        return Ok(true);
    }
    let shown = th.str_of(id)?;
    let bytes = text::bytes_of(&mut th.heap, shown.base())?;
    if !bytes.is_ascii() {
        return Err(refused(th, "persistent IDs in protocol 0 must be ASCII strings"));
    }
    w.put(&[PERSID])?;
    w.put(bytes)?;
    w.put(b"\n")?;
    Ok(true)
}

/// Writes an object that is no builtin value and not yet in the memo.
pub fn object(w: &mut Writer, th: &mut Thread, v: Value) -> R<()> {
    if th.native_full() {
        return Err(th.recursion_error("maximum recursion depth exceeded while pickling an object"));
    }
    if v.is_kind(Kind::Boxed) && super::pickle::is_buffer(v) {
        return super::pickle::save_buffer(w, th, v);
    }
    let class = class_of(v);
    let mut made = Value::NOT_IMPLEMENTED;
    if !w.chosen.is_unbound() {
        made = th.call(w.chosen, &[v])?;
    }
    if made == Value::NOT_IMPLEMENTED {
        if class == C::type_.v() {
            return type_object(w, th, v);
        }
        if class == C::function.v() {
            return global(w, th, v, None);
        }
        match reducer(w, th, class)? {
            Some(f) => made = th.call(f, &[v])?,
            None if is_subclass(class, C::type_.v()) => return global(w, th, v, None),
            None => {
                if plain_instance(w, v, class) {
                    let r = instance(w, th, v, class);
                    return w.noted(th, r, |th| Ok(format!("{} object", type_text(th, v)?)));
                }
                made = match th.getattr_opt(v, N::__reduce_ex__.v())? {
                    Some(f) => th.call(f, &[Value::int(w.proto as i64)])?,
                    None => match th.getattr_opt(v, N::__reduce__.v())? {
                        Some(f) => th.call(f, &[])?,
                        None => {
                            let text = format!("can't pickle '{}' object", th.type_name(v));
                            return Err(refused(th, text));
                        }
                    },
                };
            }
        }
    }
    if text::is_text(made.base()) {
        return global(w, th, v, Some(made));
    }
    let r = reduced(w, th, made, v, true);
    w.noted(th, r, |th| Ok(format!("{} object", type_text(th, v)?)))
}

/// The reducer that a dispatch table has for a class.
fn reducer(w: &mut Writer, th: &mut Thread, class: Value) -> R<Option<Value>> {
    if !w.extra.is_unbound()
        && let Some(f) = th.dict_get(w.extra, class)?
    {
        return Ok(Some(f));
    }
    if w.dispatch.is_unbound() {
        if w.common.is_unbound() {
            w.common = copyreg(th, N::dispatch_table)?;
        }
        if w.common.is_kind(Kind::Dict) {
            return th.dict_get(w.common, class);
        }
    }
    let table = if w.dispatch.is_unbound() { w.common } else { w.dispatch };
    let found = th.getitem(table, class);
    th.catch(found, C::KeyError)
}

/// Whether an object is taken apart as `object` does it, without arguments for `__new__`.
fn plain_instance(w: &Writer, v: Value, class: Value) -> bool {
    let own = |n: N| lookup(class, n.v()) == lookup(C::object.v(), n.v()) && !attr::has_own(v, n.v());
    w.proto >= 2
        && v.is_kind(Kind::Instance)
        && !v.header().has(flag::BASED)
        && own(N::__reduce_ex__)
        && own(N::__reduce__)
        && lookup(class, N::__getnewargs_ex__.v()).is_none()
        && lookup(class, N::__getnewargs__.v()).is_none()
}

/// Writes such an object.
fn instance(w: &mut Writer, th: &mut Thread, v: Value, class: Value) -> R<()> {
    let r = w.save(th, class);
    w.noted(th, r, |th| Ok(format!("{} class", type_text(th, v)?)))?;
    let r = w.save(th, S::empty_tuple.v());
    w.noted(th, r, |th| Ok(format!("{} __new__ arguments", type_text(th, v)?)))?;
    w.put(&[NEWOBJ])?;
    if let Some(n) = w.memo.get(v) {
        w.put(&[POP])?;
        w.recall(n)?;
    } else {
        w.remember(th, v)?;
    }
    let state = if lookup(class, N::__getstate__.v()) == lookup(C::object.v(), N::__getstate__.v()) {
        let window = [v];
        reduce::getstate(th, Args { at: window.as_ptr(), n: 1 })?
    } else {
        th.call_method(v, N::__getstate__, &[])?
    };
    if state.is_none() {
        return Ok(());
    }
    let r = w.save(th, state);
    w.noted(th, r, |th| Ok(format!("{} state", type_text(th, v)?)))?;
    w.put(&[BUILD])
}

fn type_object(w: &mut Writer, th: &mut Thread, v: Value) -> R<()> {
    let single = [
        (C::none, Value::NONE),
        (C::not_implemented, Value::NOT_IMPLEMENTED),
        (C::ellipsis, Value::ELLIPSIS),
    ];
    match single.iter().find(|(c, _)| c.v() == v) {
        Some((_, only)) => {
            let args = th.tuple(&[*only])?;
            let made = th.tuple(&[C::type_.v(), args])?;
            reduced(w, th, made, v, true)
        }
        None => global(w, th, v, None),
    }
}

// ------------------------------------------------------------------------------------------------------------- names

/// Writes something that is found again by its name.
pub fn global(w: &mut Writer, th: &mut Thread, v: Value, name: Option<Value>) -> R<()> {
    let name = match name {
        Some(n) => n,
        None => match th.getattr_opt(v, N::__qualname__.v())? {
            Some(n) => n,
            None => th.getattr(v, N::__name__.v())?,
        },
    };
    let path = th.text_of(name)?;
    let module = module_of(th, v, &path)?;
    let module_text = th.text_of(module)?;
    if w.proto >= 2 && extension(w, th, module, name)? {
        return Ok(());
    }
    if w.proto >= 4 {
        w.save(th, module)?;
        w.save(th, name)?;
        w.put(&[STACK_GLOBAL])?;
        return w.remember(th, v);
    }
    let mut parts = path.split('.');
    let first = parts.next().unwrap_or("");
    for _ in parts.clone() {
        let get = th.intern("getattr")?;
        let get = th.builtin(get).unwrap_or(Value::NONE);
        w.save(th, get)?;
        if w.proto < 2 {
            w.put(&[MARK])?;
        }
    }
    top_level(w, th, &module_text, first)?;
    for part in parts {
        let part = th.intern(part)?;
        w.save(th, part)?;
        w.put(&[if w.proto < 2 { TUPLE } else { TUPLE2 }, REDUCE])?;
    }
    w.remember(th, v)
}

/// The line of a module and the line of a name in it.
fn top_level(w: &mut Writer, th: &mut Thread, module: &str, name: &str) -> R<()> {
    let (module, name) = match w.proto < 3 && w.fix {
        true => names::old(module, name),
        false => (module.to_string(), name.to_string()),
    };
    for (text, what) in [(&module, "module"), (&name, "global")] {
        if w.proto < 3 && !text.is_ascii() {
            let shown = th.str(text)?;
            let shown = th.repr_text(shown)?;
            let text = format!("can't pickle {what} identifier {shown} using pickle protocol {}", w.proto);
            return Err(refused(th, text));
        }
    }
    w.put(&[GLOBAL])?;
    w.put(format!("{module}\n{name}\n").as_bytes())
}

/// Writes the number of a name that `copyreg.add_extension` gave one.
fn extension(w: &mut Writer, th: &mut Thread, module: Value, name: Value) -> R<bool> {
    let registry = copyreg(th, N::_extension_registry)?;
    if registry.cast::<Dict>().is_none_or(|d| d.is_empty()) {
        return Ok(false);
    }
    let key = th.tuple(&[module, name])?;
    let Some(code) = th.dict_get(registry, key)? else { return Ok(false) };
    let code = th.index(code)?;
    match code {
        1..=0xff => w.put_number(EXT1, code as u64, 1)?,
        0x100..=0xffff => w.put_number(EXT2, code as u64, 2)?,
        0x1_0000..=0x7fff_ffff => w.put_number(EXT4, code as u64, 4)?,
        _ => {
            let text = format!("extension code {code} is out of range");
            return Err(th.runtime_error(text));
        }
    }
    Ok(true)
}

/// An attribute of an attribute of ...; `None` if there is none.
fn deep(th: &mut Thread, from: Value, path: &str) -> R<Option<Value>> {
    let mut at = from;
    for part in path.split('.') {
        let name = th.intern(part)?;
        let found = th.getattr(at, name);
        match th.catch(found, C::AttributeError)? {
            Some(v) => at = v,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// The module in which an object is found under a name: checked.
fn module_of(th: &mut Thread, v: Value, path: &str) -> R {
    let stated = th.getattr_opt(v, N::__module__.v())?.filter(|m| !m.is_none());
    if path.contains("<locals>") && path.split('.').any(|p| p == "<locals>") {
        let text = format!("Can't pickle local object {}", th.repr_text(v)?);
        return Err(refused(th, text));
    }
    let name = match stated {
        Some(m) => m,
        None => match searched(th, v, path)? {
            Some(m) => return Ok(m),
            None => N::__main__.v(),
        },
    };
    if !text::is_text(name.base()) {
        return Err(th.type_error("module name must be a string"));
    }
    let key = th.attr_name(name)?;
    let module = match th.dict_get_name(S::modules.v(), key) {
        Some(m) => m,
        None => {
            let full = th.text_of(name)?;
            match import::import_full(th, &full) {
                Ok(m) => m,
                Err(e) if !th.raised_is(C::ImportError) && !th.raised_is(C::ValueError) => return Err(e),
                Err(_) => {
                    let exc = th.take_raised();
                    let text = format!("Can't pickle {}: {}", th.repr_text(v)?, th.str_text(exc)?);
                    th.raised = exc;
                    return Err(refused_after(th, text));
                }
            }
        }
    };
    let mut at = module;
    for part in path.split('.') {
        let part = th.intern(part)?;
        let found = th.getattr(at, part);
        match found {
            Ok(v) => at = v,
            Err(e) if !th.raised_is(C::AttributeError) => return Err(e),
            Err(_) => {
                let exc = th.take_raised();
                let (shown, m) = (th.repr_text(v)?, th.text_of(name)?);
                th.raised = exc;
                let text = format!("Can't pickle {shown}: it's not found as {m}.{path}");
                return Err(refused_after(th, text));
            }
        }
    }
    if at != v {
        let (shown, m) = (th.repr_text(v)?, th.text_of(name)?);
        let text = format!("Can't pickle {shown}: it's not the same object as {m}.{path}");
        return Err(refused(th, text));
    }
    Ok(name)
}

/// The module that has an object which names none.
fn searched(th: &mut Thread, v: Value, path: &str) -> R<Option<Value>> {
    let modules = th.dict_pairs(S::modules.v())?;
    let p = modules.get::<Tuple>();
    let main = th.intern("__mp_main__")?;
    for i in 0..p.len() / 2 {
        let (name, module) = (p.at(2 * i), p.at(2 * i + 1));
        if name == N::__main__.v() || name == main || module.is_none() {
            continue;
        }
        if deep(th, module, path)? == Some(v) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

// --------------------------------------------------------------------------------------------------------- reductions

/// An optional part of a reduction.
fn part(t: &Tuple, i: usize) -> Option<Value> {
    (i < t.len()).then(|| t.at(i)).filter(|v| !v.is_none())
}

/// Writes what a `__reduce__` gave for `v`; with `whole` it is numbered as that object.
pub fn reduced(w: &mut Writer, th: &mut Thread, made: Value, v: Value, whole: bool) -> R<()> {
    let Some(t) = made.like::<Tuple>() else {
        let text = format!("__reduce__ must return a string or tuple, not {}", type_text(th, made)?);
        return Err(refused(th, text));
    };
    if t.len() < 2 || t.len() > 6 {
        return Err(refused(th, "tuple returned by __reduce__ must contain 2 through 6 elements"));
    }
    let (f, args) = (t.at(0), t.at(1));
    let iterator = |i: usize| part(t, i).is_none_or(|v| class::slots(class_of(v)).next.is_some());
    let last = part(t, 5).is_none_or(|f| is_callable(th, f));
    for (i, which, want, right) in [
        (0, "first", "callable", is_callable(th, f)),
        (1, "second", "a tuple", args.like::<Tuple>().is_some()),
        (3, "fourth", "an iterator", iterator(3)),
        (4, "fifth", "an iterator", iterator(4)),
        (5, "sixth", "callable", last),
    ] {
        if !right {
            let got = type_text(th, t.at(i))?;
            let text = format!("{which} item of the tuple returned by __reduce__ must be {want}, not {got}");
            return Err(refused(th, text));
        }
    }
    maker(w, th, f, args.base(), v)?;
    if !whole {
        return Ok(());
    }
    if let Some(n) = w.memo.get(v) {
        // Its arguments led back to it: what was written of it last goes again.
        w.put(&[POP])?;
        w.recall(n)?;
    } else {
        w.remember(th, v)?;
    }
    if let Some(items) = part(t, 3) {
        batch_items(w, th, items, v)?;
    }
    if let Some(pairs) = part(t, 4) {
        batch_pairs(w, th, pairs, v)?;
    }
    let Some(state) = part(t, 2) else { return Ok(()) };
    let Some(setter) = part(t, 5) else {
        let r = w.save(th, state);
        w.noted(th, r, |th| Ok(format!("{} state", type_text(th, v)?)))?;
        return w.put(&[BUILD]);
    };
    let r = w.save(th, setter);
    w.noted(th, r, |th| Ok(format!("{} state setter", type_text(th, v)?)))?;
    w.save(th, v)?;
    let r = w.save(th, state);
    w.noted(th, r, |th| Ok(format!("{} state", type_text(th, v)?)))?;
    w.put(&[TUPLE2, REDUCE, POP])
}

/// Writes the call that makes an object again.
fn maker(w: &mut Writer, th: &mut Thread, f: Value, args: Value, v: Value) -> R<()> {
    let a = args.get::<Tuple>();
    let name = match w.proto >= 2 {
        true => th.getattr_opt(f, N::__name__.v())?.unwrap_or(Value::NONE),
        false => Value::NONE,
    };
    let is =
        |n: N| text::is_text(name) && text::peek_bytes(name).is_some_and(|b| b == n.spelling().as_bytes());
    let noted = |w: &Writer, th: &mut Thread, r: R<()>, what: &str| {
        w.noted(th, r, |th| Ok(format!("{} {what}", type_text(th, v)?)))
    };
    if is(N::__newobj_ex__) {
        if a.len() != 3 {
            let text = format!("__newobj_ex__ expected 3 arguments, got {}", a.len());
            return Err(refused(th, text));
        }
        let (class, args, named) = (a.at(0), a.at(1), a.at(2));
        class_argument(th, class, v, "__newobj_ex__")?;
        for (x, which, want, right) in [
            (args, "second", "a tuple", args.like::<Tuple>().is_some()),
            (named, "third", "a dict", named.like::<Dict>().is_some()),
        ] {
            if !right {
                let got = type_text(th, x)?;
                let text = format!("{which} argument to __newobj_ex__() must be {want}, not {got}");
                return Err(refused(th, text));
            }
        }
        if w.proto >= 4 {
            let r = w.save(th, class);
            noted(w, th, r, "class")?;
            let r = w.save(th, args).and_then(|()| w.save(th, named));
            noted(w, th, r, "__new__ arguments")?;
            return w.put(&[NEWOBJ_EX]);
        }
        let partial = crate::types::imported(th, "functools", "partial")?;
        let new = th.getattr(class, N::__new__.v())?;
        let given = args.base().get::<Tuple>();
        let all = th.tuple_with(given.len() + 2)?;
        for i in 0..given.len() + 2 {
            let x = match i {
                0 => new,
                1 => class,
                _ => given.at(i - 2),
            };
            // SAFETY: i is below the tuple's length.
            unsafe { all.get::<Tuple>().item(i) }.set(x);
        }
        let bound = th.call_ex(partial, all, named.base())?;
        let r = w.save(th, bound);
        noted(w, th, r, "reconstructor")?;
        w.save(th, S::empty_tuple.v())?;
        return w.put(&[REDUCE]);
    }
    if is(N::__newobj__) {
        if a.is_empty() {
            return Err(refused(th, "__newobj__ expected at least 1 argument, got 0"));
        }
        class_argument(th, a.at(0), v, "__newobj__")?;
        let r = w.save(th, a.at(0));
        noted(w, th, r, "class")?;
        let rest = super::util::tuple_of(th, a.len() - 1, |_, i| Ok(a.at(i + 1)))?;
        let r = w.save(th, rest);
        noted(w, th, r, "__new__ arguments")?;
        return w.put(&[NEWOBJ]);
    }
    let r = w.save(th, f);
    noted(w, th, r, "reconstructor")?;
    let r = w.save(th, args);
    noted(w, th, r, "reconstructor arguments")?;
    w.put(&[REDUCE])
}

/// The class that `__newobj__` is given must be the object's own.
fn class_argument(th: &mut Thread, class: Value, v: Value, maker: &str) -> R<()> {
    if !class.is_kind(Kind::Class) {
        let text = format!("first argument to {maker}() must be a class, not {}", type_text(th, class)?);
        return Err(refused(th, text));
    }
    let own = th.getattr(v, N::__class__.v())?;
    if own == class {
        return Ok(());
    }
    let (own, given) = (th.repr_text(own)?, th.repr_text(class)?);
    Err(refused(th, format!("first argument to {maker}() must be {own}, not {given}")))
}

/// The items of a list-like object.
fn batch_items(w: &mut Writer, th: &mut Thread, items: Value, v: Value) -> R<()> {
    let mut n = 0usize;
    let save = |w: &mut Writer, th: &mut Thread, x: Value, n: usize| {
        let r = w.save(th, x);
        w.noted(th, r, |th| Ok(format!("{} item {n}", type_text(th, v)?)))
    };
    if !w.binary() {
        while let Some(x) = th.next(items)? {
            save(w, th, x, n)?;
            w.put(&[APPEND])?;
            n += 1;
        }
        return Ok(());
    }
    loop {
        let Some(first) = th.next(items)? else { return Ok(()) };
        let Some(second) = th.next(items)? else {
            save(w, th, first, n)?;
            return w.put(&[APPEND]);
        };
        w.put(&[MARK])?;
        save(w, th, first, n)?;
        save(w, th, second, n + 1)?;
        n += 2;
        let mut batch = 2;
        while batch < BATCH {
            let Some(x) = th.next(items)? else { break };
            save(w, th, x, n)?;
            n += 1;
            batch += 1;
        }
        w.put(&[APPENDS])?;
        if batch < BATCH {
            return Ok(());
        }
    }
}

/// The items of a dict-like object.
fn batch_pairs(w: &mut Writer, th: &mut Thread, pairs: Value, v: Value) -> R<()> {
    let save = |w: &mut Writer, th: &mut Thread, x: Value| {
        let Some(t) = x.like::<Tuple>().filter(|t| t.len() == 2) else {
            return Err(th.type_error("dict items iterator must return 2-tuples"));
        };
        w.save(th, t.at(0))?;
        let r = w.save(th, t.at(1));
        w.noted(th, r, |th| Ok(format!("{} item {}", type_text(th, v)?, th.repr_text(t.at(0))?)))
    };
    if !w.binary() {
        while let Some(x) = th.next(pairs)? {
            save(w, th, x)?;
            w.put(&[SETITEM])?;
        }
        return Ok(());
    }
    loop {
        let Some(first) = th.next(pairs)? else { return Ok(()) };
        let Some(second) = th.next(pairs)? else {
            save(w, th, first)?;
            return w.put(&[SETITEM]);
        };
        w.put(&[MARK])?;
        save(w, th, first)?;
        save(w, th, second)?;
        let mut batch = 2;
        while batch < BATCH {
            let Some(x) = th.next(pairs)? else { break };
            save(w, th, x)?;
            batch += 1;
        }
        w.put(&[SETITEMS])?;
        if batch < BATCH {
            return Ok(());
        }
    }
}
