//! Calls. A callee stands in a window with its arguments; entering it either makes a frame for the dispatch loop or
//! gives a value. Invariant: a script function called from script code never uses the native stack.

// Slots are compared with functions that are neither generic nor inlined across units: one address each.
#![allow(unpredictable_function_pointer_comparisons)]

use super::dispatch;
use super::frame;
use super::slots::Windowed;
use super::thread::{R, Raised, Thread};
use super::{class, generator};
use crate::code::data::{self, flag};
use crate::heap::known::{C, N, S};
use crate::heap::object::{Class, Code, Function, Method, Native, Str, Tuple};
use crate::heap::{Kind, Value};
use std::sync::atomic::Ordering::Relaxed;

/// What entering a callee gave.
pub enum Entered {
    /// A frame: go on at `Thread::next_pc` in `Thread::next_base`.
    Frame,
    /// The result.
    Value(Value),
}

/// Words that must stay free above any window for link words, shifted arguments and stubs.
const SLACK: usize = 64;

/// Makes sure that `need` words fit above `at`; RecursionError otherwise.
pub fn room(th: &mut Thread, at: *mut Value, need: usize) -> R<()> {
    let end = at.wrapping_add(need + SLACK);
    if end < th.soft_limit { Ok(()) } else { deeper(th, end) }
}

/// As `room`, asking only.
#[inline]
pub fn has_room(th: &Thread, at: *mut Value, need: usize) -> bool {
    at.wrapping_add(need + SLACK) < th.soft_limit
}

/// The soft limit was crossed: counts the frames, and raises or moves the limit.
#[cold]
#[inline(never)]
pub fn deeper(th: &mut Thread, end: *mut Value) -> R<()> {
    let limit = super::start::recursion_limit();
    // The frame to be entered counts as well.
    let depth = frame::walk(th).take(limit + 1).count() + 1;
    if depth >= limit || end.wrapping_add(SLACK) >= th.stack_end {
        // Frames are counted afresh: those to come may be smaller than those that moved the limit.
        th.soft_limit = th.stack;
        return Err(th.recursion_error("maximum recursion depth exceeded"));
    }
    // Each further frame needs at least four words; handlers that enter without `room` count no slack.
    let more = (limit - depth) * 4;
    th.soft_limit = end.wrapping_sub(SLACK).wrapping_add(more).min(th.stack_end.wrapping_sub(SLACK));
    Ok(())
}

/// Enters the callee at `w` with `n` arguments, the last of them named by `kw`. `ret` is where a frame returns to;
/// the window's base below is `th.base`.
///
/// # Safety
/// `w` is a window on this thread's stack at or above its current one, filled as said.
pub unsafe fn enter(
    th: &mut Thread,
    w: *mut Value,
    n: usize,
    kw: Option<&'static Tuple>,
    ret: *const u64,
) -> R<Entered> {
    // SAFETY: as promised by the caller.
    unsafe {
        if (*w).is_kind(Kind::Native) { enter_native(th, w, n, kw) } else { enter_other(th, w, n, kw, ret) }
    }
}

/// Natives go their own way: the frame of `enter_other` is large, and the collector, which natives may call, takes what
/// lies in its gaps for references.
#[inline(never)]
unsafe fn enter_native(
    th: &mut Thread,
    w: *mut Value,
    mut n: usize,
    kw: Option<&'static Tuple>,
) -> R<Entered> {
    // SAFETY: as for `enter`; room for one more argument is asked for.
    unsafe {
        let native = (*w).get::<Native>();
        let this = native.this.get();
        if !this.is_unbound() {
            room(th, w.add(3), n + 2)?;
            std::ptr::copy(w.add(3), w.add(4), n);
            *w.add(3) = this;
            n += 1;
        }
        native_call(th, native, w, n, kw).map(Entered::Value)
    }
}

#[inline(never)]
unsafe fn enter_other(
    th: &mut Thread,
    w: *mut Value,
    mut n: usize,
    mut kw: Option<&'static Tuple>,
    ret: *const u64,
) -> R<Entered> {
    let mut hops = 0;
    // SAFETY: all pointers below lie in the window or in the slack that `room` asked for.
    unsafe {
        loop {
            let f = *w;
            match f.kind() {
                Kind::Function => {
                    let func = f.get::<Function>();
                    let code = frame::code_of(func);
                    room(th, w.add(3), (code.nregs as usize).max(n))?;
                    if kw.is_some() || code.flags & flag::SIMPLE == 0 || n != code.argcount as usize {
                        bind(th, func, code, w, n, kw)?;
                    }
                    if code.flags & (flag::GENERATOR | flag::COROUTINE | flag::ASYNC_GENERATOR) != 0 {
                        return generator::make(th, f, code, w.add(3)).map(Entered::Value);
                    }
                    *w.add(1) = Value(ret as u64);
                    *w.add(2) = Value(th.base as u64);
                    th.go_on(func.entry.get() as *const u64, w.add(3));
                    return Ok(Entered::Frame);
                }
                Kind::Native => return enter_native(th, w, n, kw),
                Kind::Method => {
                    let m = f.get::<Method>();
                    room(th, w.add(3), n + 2)?;
                    std::ptr::copy(w.add(3), w.add(4), n);
                    *w.add(3) = m.this.get();
                    *w = m.func.get();
                    n += 1;
                }
                Kind::Class if class::slots(th.class_of(f)).call == Some(crate::run::instance::type_call) => {
                    return instantiate(th, w, n, kw, ret);
                }
                _ => {
                    let t = th.class_of(f);
                    if let Some(window) = class::slots(t).window {
                        match window(th, w, n, kw)? {
                            Windowed::Value(v) => return Ok(Entered::Value(v)),
                            Windowed::Callee(m) => {
                                // An object may stand for a call of itself.
                                hops += 1;
                                if hops > super::start::recursion_limit() {
                                    return Err(th.recursion_error("maximum recursion depth exceeded"));
                                }
                                n = m;
                                continue;
                            }
                            Windowed::Ask => {}
                        }
                    }
                    if let Some(call) = class::lookup(t, N::__call__.v())
                        && call.is_kind(Kind::Function)
                    {
                        room(th, w.add(3), n + 2)?;
                        std::ptr::copy(w.add(3), w.add(4), n);
                        *w.add(3) = f;
                        *w = call;
                        n += 1;
                        continue;
                    }
                    let Some(call) = class::slots(t).call else { return Err(not_callable(th, f)) };
                    let (args, kwargs) = gather(th, w, 0, n, kw.take())?;
                    return call(th, f, args, kwargs).map(Entered::Value);
                }
            }
        }
    }
}

#[cold]
#[inline(never)]
fn not_callable(th: &mut Thread, f: Value) -> Raised {
    let text = format!("'{}' object is not callable", th.type_name(f));
    th.type_error(text)
}

/// The arguments from the `skip`th on as a tuple, and the named ones as a dict (unbound if there are none).
///
/// # Safety
/// As `enter`.
pub unsafe fn gather(
    th: &mut Thread,
    w: *mut Value,
    skip: usize,
    n: usize,
    kw: Option<&'static Tuple>,
) -> R<(Value, Value)> {
    let nkw = kw.map_or(0, |k| k.len());
    // SAFETY: the arguments stand in the window.
    unsafe {
        let above = w.add(3 + n);
        if th.free() < above {
            th.top = above;
        }
        let args = th.tuple(std::slice::from_raw_parts(w.add(3 + skip), n - nkw - skip))?;
        let Some(names) = kw.filter(|k| !k.is_empty()) else { return Ok((args, Value::UNBOUND)) };
        let dict = th.heap.new_dict()?;
        for (i, name) in names.iter().enumerate() {
            th.dict_insert(dict, name, *w.add(3 + n - nkw + i))?;
        }
        Ok((args, dict))
    }
}

/// Calls the native at `w` with `n` arguments, its bound `this` already among them.
///
/// # Safety
/// As `enter`.
pub unsafe fn native_call(
    th: &mut Thread,
    native: &'static Native,
    w: *mut Value,
    n: usize,
    kw: Option<&'static Tuple>,
) -> R {
    // SAFETY: the address was stored from a `&'static Def`.
    let def = unsafe { &*(native.def.get() as *const super::native::Def) };
    // SAFETY: as promised by the caller.
    let (bound, words) = unsafe { native_bind(th, native, def, w, n, kw)? };
    let base = th.base;
    let own = if base.is_null() { th.stack } else { frame::window_end(base) };
    th.top = own.max(w.wrapping_add(3 + words as usize));
    let outer = th.native.load(Relaxed);
    th.native.store(std::ptr::from_ref(def).cast_mut(), Relaxed);
    let r = (def.func)(th, super::native::Args { at: w.wrapping_add(3), n: bound as usize });
    th.native.store(outer, Relaxed);
    th.top = std::ptr::null_mut();
    r
}

/// Puts the arguments of a native in their places: how many it is told there are, and how many words they take. Not inlined, for
/// the same reason as `enter_native`: the gaps of its frame are not to lie below the native's.
#[inline(never)]
unsafe fn native_bind(
    th: &mut Thread,
    native: &'static Native,
    def: &'static super::native::Def,
    w: *mut Value,
    n: usize,
    kw: Option<&'static Tuple>,
) -> R<(u32, u32)> {
    let sig = super::native::signature(native);
    // SAFETY: room for the parameters is asked for; the window's words are ours.
    unsafe {
        room(th, w.add(3), (n + sig.params.len()) * 2 + 8)?;
        let kw = kw.filter(|k| !k.is_empty());
        let bound = th.bind_native(def, sig, w, n, kw)?;
        if sig.method {
            check_this(th, native, def, *w.add(3))?;
        }
        let given = if def.loose && kw.is_some() { super::native::Args::NAMED as u32 } else { bound as u32 };
        Ok((given, bound.max(sig.params.len()) as u32))
    }
}

/// Calls the native at `w`, which was found to take its `n` arguments as they stand.
///
/// # Safety
/// As `enter`; the native's signature is plain, `n` is within its bounds, and there is room for the maximum.
#[inline(always)]
pub unsafe fn native_direct(th: &mut Thread, native: &'static Native, w: *mut Value, n: usize) -> R {
    // SAFETY: the addresses were stored from a `&'static Def` and a leaked Sig; the window's words are ours.
    unsafe {
        let def = native.def.get() as *const super::native::Def;
        let sig = native.sig.get() as *const super::native::Sig;
        let fill = (*sig).fill;
        for i in n..fill {
            *w.add(3 + i) = Value::UNBOUND;
        }
        th.top = frame::window_end(th.base).max(w.add(3 + n.max(fill)));
        let n = if (*sig).plain { n } else { fill };
        let outer = th.native.load(Relaxed);
        th.native.store(def.cast_mut(), Relaxed);
        let r = ((*def).func)(th, super::native::Args { at: w.add(3), n });
        th.native.store(outer, Relaxed);
        th.top = std::ptr::null_mut();
        r
    }
}

/// Lets a builtin class make an object of the `n` arguments at `w` as they stand; `None`: it asks for the general way.
///
/// # Safety
/// As `enter`.
#[inline(always)]
pub unsafe fn class_direct(
    th: &mut Thread,
    make: super::slots::Direct,
    w: *mut Value,
    n: usize,
) -> R<Option<Value>> {
    // SAFETY: the arguments stand in the window.
    unsafe {
        th.top = frame::window_end(th.base).max(w.add(3 + n));
        let r = make(th, super::native::Args { at: w.add(3), n });
        th.top = std::ptr::null_mut();
        r
    }
}

/// A method descriptor wants an instance of its class first.
#[inline]
fn check_this(th: &mut Thread, native: &Native, def: &super::native::Def, this: Value) -> R<()> {
    let owner = native.owner.get();
    if native.this.get().is_unbound() && owner.is_kind(Kind::Class) {
        let t = th.class_of(this);
        if t != owner && !class::is_subclass(t, owner) {
            return Err(wrong_this(th, owner, def.name, this));
        }
    }
    Ok(())
}

#[cold]
fn wrong_this(th: &mut Thread, owner: Value, name: &str, this: Value) -> Raised {
    let text = format!(
        "descriptor '{name}' for '{}' objects doesn't apply to a '{}' object",
        th.class_name(owner),
        th.type_name(this)
    );
    th.type_error(text)
}

/// The script `__new__` of a class whose instances nothing else is done with.
fn only_new(cls: Value, slots: &super::slots::TypeSlots) -> Option<Value> {
    if slots.init.is_some_and(|init| init != crate::run::instance::object_init) {
        return None;
    }
    let new = class::lookup(cls, N::__new__.v())?;
    if new.is_kind(Kind::Property) && new.header().shape() == C::staticmethod.shape() {
        let f = new.get::<crate::heap::object::Property>().get.get();
        return f.is_kind(Kind::Function).then_some(f);
    }
    new.is_kind(Kind::Function).then_some(new)
}

/// `class(...)`: makes the instance and enters a script `__init__` in a frame of its own.
unsafe fn instantiate(
    th: &mut Thread,
    w: *mut Value,
    n: usize,
    kw: Option<&'static Tuple>,
    ret: *const u64,
) -> R<Entered> {
    // SAFETY: as `enter`.
    unsafe {
        let cls = *w;
        let c = cls.get::<Class>();
        let slots = class::slots(cls);
        let init = c.init.get();
        let native_new = slots.new == Some(crate::run::instance::object_new);
        if init.is_unbound() || !native_new && !class::is_subclass(cls, C::BaseException.v()) {
            if slots.direct.is_none()
                && let Some(new) = only_new(cls, slots)
            {
                room(th, w.add(3), n + 2)?;
                std::ptr::copy(w.add(3), w.add(4), n);
                *w.add(3) = cls;
                *w = new;
                return enter(th, w, n + 1, kw, ret);
            }
            // General way: `__new__`, then `__init__`.
            if cls == C::type_.v() && n == 1 && kw.is_none() {
                return Ok(Entered::Value(th.class_of(*w.add(3))));
            }
            if let (None, Some(make)) = (kw, slots.direct) {
                let own = if th.base.is_null() { th.stack } else { frame::window_end(th.base) };
                th.top = own.max(w.add(3 + n));
                if let Some(v) = make(th, super::native::Args { at: w.add(3), n })? {
                    return Ok(Entered::Value(v));
                }
            }
            let (args, kwargs) = gather(th, w, 0, n, kw)?;
            return crate::run::instance::type_call(th, cls, args, kwargs).map(Entered::Value);
        }
        let this = if native_new {
            crate::run::instance::new_instance(th, cls)?
        } else {
            let (args, kwargs) = gather(th, w, 0, n, kw)?;
            match slots.new {
                Some(new) => new(th, cls, args, kwargs)?,
                None => {
                    return Err(
                        th.type_error(format!("cannot create '{}' instances", th.full_class_name(cls)))
                    );
                }
            }
        };
        if !native_new && !class::is_subclass(th.class_of(this), cls) {
            return Ok(Entered::Value(this));
        }
        room(th, w.add(3), n + 8)?;
        std::ptr::copy(w.add(3), w.add(7), n);
        *w = this;
        *w.add(1) = Value(ret as u64);
        *w.add(2) = Value(th.base as u64);
        *w.add(3) = init;
        *w.add(6) = this;
        th.top = w.add(7 + n);
        let base = th.base;
        th.base = w.add(3);
        let entered = enter(th, w.add(3), n + 1, kw, dispatch::init_done());
        th.base = base;
        match entered? {
            Entered::Frame => Ok(Entered::Frame),
            Entered::Value(v) if v.is_none() => Ok(Entered::Value(this)),
            Entered::Value(v) => Err(bad_init(th, v)),
        }
    }
}

/// `__init__` returned something.
#[cold]
pub fn bad_init(th: &mut Thread, v: Value) -> Raised {
    let text = format!("__init__() should return None, not '{}'", th.type_name(v));
    th.type_error(text)
}

/// Binds the `n` arguments in the window to the function's parameters; the rest of the window is not touched.
unsafe fn bind(
    th: &mut Thread,
    f: &Function,
    code: &'static data::Code,
    w: *mut Value,
    n: usize,
    kw: Option<&'static Tuple>,
) -> R<()> {
    if code.flags & (flag::CLASS_BODY | flag::NAMESPACE) != 0 && n == 1 {
        // The namespace stands in register 0 and is no parameter.
        return Ok(());
    }
    let nkw = kw.map_or(0, |k| k.len());
    let npos = n - nkw;
    let argc = code.argcount as usize;
    let nkwonly = code.kwonly as usize;
    let nparams = code.nparams();
    let varargs = code.flags & flag::VARARGS != 0;
    let varkw = code.flags & flag::VARKEYWORDS != 0;
    // Interned, as the names given are: equal names are one word.
    let own_names = f.code.get().get::<Code>().varnames.get().get::<Tuple>();
    // SAFETY: `room` was asked for `nregs` (which covers the parameters) and the slack.
    unsafe {
        let arg = |i: usize| w.add(3 + i);
        // Named values and surplus positional ones move out of the way, above everything.
        let high = arg(nparams.max(n) + 1);
        room(th, high, n)?;
        let extra = if varargs { npos.saturating_sub(argc) } else { 0 };
        if npos > argc && !varargs {
            let kwonly_given = kw.map_or(0, |k| {
                k.iter().filter(|name| (argc..argc + nkwonly).any(|i| own_names.at(i) == *name)).count()
            });
            return Err(too_many(th, f, code, npos, kwonly_given));
        }
        std::ptr::copy(arg(npos - extra), high, extra + nkw);
        let own = if th.base.is_null() { th.stack } else { frame::window_end(th.base) };
        th.top = own.max(high.add(extra + nkw));
        for i in npos.min(argc)..nparams {
            *arg(i) = Value::UNBOUND;
        }
        if varargs {
            *arg(argc + nkwonly) = th.tuple(std::slice::from_raw_parts(high, extra))?;
        }
        let dict = if varkw { th.heap.new_dict()? } else { Value::UNBOUND };
        if varkw {
            *arg(nparams - 1) = dict;
        }
        if let Some(names) = kw {
            for (k, name) in names.iter().enumerate() {
                let value = *high.add(extra + k);
                let at = (0..argc + nkwonly).position(|i| own_names.at(i) == name);
                match at {
                    Some(i) if i >= code.posonly as usize => {
                        if !(*arg(i)).is_unbound() {
                            let q = qualname(f);
                            return Err(th.type_error(format!(
                                "{q}() got multiple values for argument '{}'",
                                text(name)
                            )));
                        }
                        *arg(i) = value;
                    }
                    _ if varkw => th.dict_insert(dict, name, value)?,
                    Some(_) => return Err(positional_only(th, f, code, names)),
                    None => return Err(unexpected(th, f, code, name)),
                }
            }
        }
        if npos < argc {
            let defaults = f.defaults.get().cast::<Tuple>();
            let nd = defaults.map_or(0, |d| d.len());
            let mut missing = Vec::new();
            for i in npos..argc {
                if (*arg(i)).is_unbound() {
                    match defaults {
                        Some(d) if i >= argc - nd => *arg(i) = d.at(i - (argc - nd)),
                        _ => missing.push(&*code.varnames[i]),
                    }
                }
            }
            if !missing.is_empty() {
                return Err(missing_args(th, f, "positional", &missing));
            }
        }
        if nkwonly > 0 {
            let mut missing = Vec::new();
            for i in argc..argc + nkwonly {
                if (*arg(i)).is_unbound() {
                    let d = f.kwdefaults.get();
                    match if d.is_none() { None } else { th.dict_get_name(d, own_names.at(i)) } {
                        Some(v) => *arg(i) = v,
                        None => missing.push(&*code.varnames[i]),
                    }
                }
            }
            if !missing.is_empty() {
                return Err(missing_args(th, f, "keyword-only", &missing));
            }
        }
        Ok(())
    }
}

fn text(name: Value) -> &'static str {
    std::str::from_utf8(name.get::<Str>().bytes()).unwrap_or("")
}

fn qualname(f: &Function) -> String {
    String::from_utf8_lossy(f.qualname.get().cast::<Str>().map_or(&[][..], |s| s.bytes())).into_owned()
}

#[cold]
fn missing_args(th: &mut Thread, f: &Function, kind: &str, names: &[&str]) -> Raised {
    let quoted: Vec<String> = names.iter().map(|n| format!("'{n}'")).collect();
    let list = match &quoted[..] {
        [a] => a.clone(),
        [a, b] => format!("{a} and {b}"),
        [most @ .., last] => format!("{}, and {last}", most.join(", ")),
        [] => String::new(),
    };
    let s = if names.len() == 1 { "" } else { "s" };
    let text = format!("{}() missing {} required {kind} argument{s}: {list}", qualname(f), names.len());
    th.type_error(text)
}

#[cold]
fn too_many(th: &mut Thread, f: &Function, code: &data::Code, given: usize, kwonly_given: usize) -> Raised {
    let argc = code.argcount as usize;
    let nd = f.defaults.get().cast::<Tuple>().map_or(0, |d| d.len());
    let takes = if nd > 0 { format!("from {} to {argc}", argc - nd) } else { argc.to_string() };
    let s = |n: usize| if n == 1 { "" } else { "s" };
    let plural = if nd > 0 || argc != 1 { "s" } else { "" };
    let (extra, verb) = if kwonly_given > 0 {
        (
            format!(
                " positional argument{} (and {kwonly_given} keyword-only argument{})",
                s(given),
                s(kwonly_given)
            ),
            "were",
        )
    } else {
        (String::new(), if given == 1 { "was" } else { "were" })
    };
    let text = format!(
        "{}() takes {takes} positional argument{plural} but {given}{extra} {verb} given",
        qualname(f)
    );
    th.type_error(text)
}

#[cold]
fn positional_only(th: &mut Thread, f: &Function, code: &data::Code, names: &Tuple) -> Raised {
    let wrong: Vec<&str> = code.varnames[..code.posonly as usize]
        .iter()
        .map(|v| &**v)
        .filter(|v| names.iter().any(|n| text(n) == *v))
        .collect();
    let message = format!(
        "{}() got some positional-only arguments passed as keyword arguments: '{}'",
        qualname(f),
        wrong.join(", ")
    );
    th.type_error(message)
}

#[cold]
fn unexpected(th: &mut Thread, f: &Function, code: &data::Code, name: Value) -> Raised {
    let params = &code.varnames[code.posonly as usize..code.argcount as usize + code.kwonly as usize];
    let hint = super::show::nearest(text(name), params.iter().map(|p| &**p));
    let mut message = format!("{}() got an unexpected keyword argument '{}'", qualname(f), text(name));
    if let Some(h) = hint {
        message += &format!(". Did you mean '{h}'?");
    }
    th.type_error(message)
}

impl Thread {
    /// Calls `f` with positional arguments from native code.
    pub fn call(&mut self, f: Value, args: &[Value]) -> R {
        self.call_named(f, args, None)
    }

    /// Calls `f`; the last arguments are named by the tuple of interned names `kw`.
    pub fn call_named(&mut self, f: Value, args: &[Value], kw: Option<&'static Tuple>) -> R {
        let p = self.free();
        room(self, p, args.len() + 9)?;
        // SAFETY: `p` is the first free word and there is room.
        unsafe {
            let w = p.add(3);
            *w = f;
            std::ptr::copy_nonoverlapping(args.as_ptr(), w.add(3), args.len());
            self.call_window(p, w, args.len(), kw)
        }
    }

    /// Calls `f(*args, **kwargs)` with a tuple and a dict (unbound or None: no keywords).
    pub fn call_ex(&mut self, f: Value, args: Value, kwargs: Value) -> R {
        let t = args.get::<Tuple>();
        let p = self.free();
        let (mut names, mut count) = (None, 0);
        let mark = self.kept.len();
        if !kwargs.is_unbound() && !kwargs.is_none() {
            let pairs = self.dict_pairs(kwargs)?;
            let pt = pairs.get::<Tuple>();
            count = pt.len() / 2;
            if count > 0 {
                let keys = self.tuple_with(count)?;
                for i in 0..count {
                    if pt.at(2 * i).like::<Str>().is_none() && !pt.at(2 * i).is_kind(Kind::Rope) {
                        return Err(self.type_error("keywords must be strings"));
                    }
                    let k = crate::heap::intern::intern_value(&mut self.heap, pt.at(2 * i))?;
                    // SAFETY: i is below the tuple's length.
                    unsafe { keys.get::<Tuple>().item(i) }.set(k);
                }
                self.keep(pairs);
                self.keep(keys);
                names = Some((keys, pt));
            }
        }
        let n = t.len() + count;
        room(self, p, n + 9)?;
        // SAFETY: `p` is the first free word and there is room.
        let r = unsafe {
            let w = p.add(3);
            *w = f;
            for (i, v) in t.iter().enumerate() {
                *w.add(3 + i) = v;
            }
            if let Some((_, pairs)) = names {
                for i in 0..count {
                    *w.add(3 + t.len() + i) = pairs.at(2 * i + 1);
                }
            }
            self.call_window(p, w, n, names.map(|(k, _)| k.get::<Tuple>()))
        };
        self.drop_kept(mark);
        r
    }

    /// Calls the filled window `w` = `p + 3`, where `p` was the first free word.
    unsafe fn call_window(
        &mut self,
        p: *mut Value,
        w: *mut Value,
        n: usize,
        kw: Option<&'static Tuple>,
    ) -> R {
        // Natives that call each other (`__call__` being an instance, partials of partials) make no frame to count.
        if self.native_full() {
            return Err(self.recursion_error("maximum recursion depth exceeded"));
        }
        let (pc, base, top) = (self.pc, self.base, self.top);
        // SAFETY: there is room (asked for by the callers); the words are ours.
        unsafe {
            *p = Value(top as u64);
            *p.add(1) = Value(pc as u64);
            *p.add(2) = Value(base as u64);
            self.top = w.add(3 + n);
            let r = match enter(self, w, n, kw, dispatch::halt()) {
                Ok(Entered::Value(v)) => Ok(v),
                Ok(Entered::Frame) => {
                    *w.add(2) = Value(w as u64);
                    self.run_frame(self.next_pc, self.next_base)
                }
                Err(e) => Err(e),
            };
            self.pc = pc;
            self.base = base;
            self.top = top;
            r
        }
    }

    /// Runs a prepared frame that returns to `Halt`, on the native stack.
    ///
    /// # Safety
    /// See `dispatch::run`.
    pub unsafe fn run_frame(&mut self, pc: *const u64, frame: *mut Value) -> R {
        if self.native_full() {
            return Err(self.recursion_error("maximum recursion depth exceeded"));
        }
        self.top = std::ptr::null_mut();
        // SAFETY: by the caller's promise.
        let v = unsafe { dispatch::run(self, pc, frame) };
        if v == Value::ERROR { Err(Raised) } else { Ok(v) }
    }

    /// Calls method `name` of `o` (looked up on the class first, then as an attribute).
    pub fn call_method(&mut self, o: Value, name: N, args: &[Value]) -> R {
        let t = self.class_of(o);
        if let Some(f) = class::lookup(t, name.v())
            && (f.is_kind(Kind::Function) || f.is_kind(Kind::Native))
            && !super::attr::has_own(o, name.v())
        {
            let mut buf = [Value::UNBOUND; 8];
            if args.len() < 8 {
                buf[0] = o;
                buf[1..=args.len()].copy_from_slice(args);
                return self.call(f, &buf[..=args.len()]);
            }
        }
        let f = self.getattr(o, name.v())?;
        self.call(f, args)
    }
}

/// The empty tuple, for calls without arguments.
pub fn no_args() -> Value {
    S::empty_tuple.v()
}
