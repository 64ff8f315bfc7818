//! Calls, returns, functions.

use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::call::{self, Entered};
use crate::run::class::{class_of, is_subclass, slots};
use crate::run::native::Sig;
use crate::run::thread::{R, Raised, Thread};
use crate::run::{dispatch, frame, instance, load};
use crate::{go, helper, op, poll, raise, sibling};

/// Enters the callee of window `a` with `n` arguments and goes on behind `len` words when it gave a value.
macro_rules! enter {
    ($s:ident, $w:expr, $n:expr, $kw:expr, $len:expr) => {{
        let w = $w;
        let r = {
            let th = $s.save();
            call::enter(th, w, $n, $kw, $s.pc.add($len))
        };
        let mut s = $s.reload();
        match r {
            Ok(Entered::Frame) => {
                s.pc = (*s.th).next_pc;
                s.base = (*s.th).next_base;
                poll!(s);
                go!(s)
            }
            Ok(Entered::Value(v)) => {
                *w = v;
                s.pc = s.pc.add($len);
                poll!(s);
                go!(s)
            }
            Err(_) => raise!(s),
        }
    }};
}

/// Ends a handler by calling the native, which takes the `$n` arguments at `$w` as they stand.
macro_rules! call_direct {
    ($s:ident, $native:ident, $w:ident, $n:expr) => {{
        let r = {
            let th = $s.save();
            call::native_direct(th, $native, $w, $n)
        };
        let mut s = $s.reload();
        match r {
            Ok(v) => {
                *$w = v;
                s.pc = s.pc.add(1);
                poll!(s);
                go!(s)
            }
            Err(_) => raise!(s),
        }
    }};
}

op! { Call(s) {
    let w = s.base.add(s.a());
    let f = *w;
    if f.is_kind(Kind::Function) {
        let f = f.get::<Function>();
        let shape = f.shape.get();
        let base = w.add(3);
        if (shape as u32 >> 3) as usize == s.b() && base.add(shape >> 32) < (*s.th).soft_limit {
            *w.add(1) = Value(s.pc.add(1) as u64);
            *w.add(2) = Value(s.base as u64);
            let mut s = s;
            s.pc = f.entry.get() as *const u64;
            s.base = base;
            poll!(s);
            go!(s)
        }
    }
    if f.is_kind(Kind::Native) {
        sibling!(call_native::<{ C }, { L }>, s);
    }
    if f.is_kind(Kind::Class) {
        sibling!(call_class::<{ C }, { L }>, s);
    }
    if f.is_kind(Kind::Method) {
        sibling!(call_bound::<{ C }, { L }>, s);
    }
    sibling!(call_slow::<{ C }, { L }>, s)
} }

op! {
    #[inline(never)]
    call_bound(s) {
        let (w, n) = (s.base.add(s.a()), s.b());
        let m = (*w).get::<Method>();
        let f = m.func.get();
        if !f.is_kind(Kind::Native) || w.add(n + 16) >= (*s.th).soft_limit {
            sibling!(call_slow::<{ C }, { L }>, s);
        }
        for i in (0..n).rev() {
            *w.add(4 + i) = *w.add(3 + i);
        }
        *w.add(3) = m.this.get();
        *w = f;
        let native = f.get::<Native>();
        if !direct(native, w, n + 1, (*s.th).soft_limit) {
            enter!(s, w, n + 1, None, 1)
        }
        call_direct!(s, native, w, n + 1)
    }
}

op! {
    #[inline(never)]
    call_native(s) {
        let (w, n) = (s.base.add(s.a()), s.b());
        let native = (*w).get::<Native>();
        if !direct(native, w, n, (*s.th).soft_limit) {
            sibling!(call_slow::<{ C }, { L }>, s);
        }
        call_direct!(s, native, w, n)
    }
}

op! {
    #[inline(never)]
    call_method_native(s) {
        let w = s.base.add(s.a());
        let n = s.b() + 1;
        let native = (*w).get::<Native>();
        if !direct(native, w, n, (*s.th).soft_limit) {
            sibling!(call_method_slow::<{ C }, { L }>, s);
        }
        call_direct!(s, native, w, n)
    }
}

/// Whether `n` positional arguments at `w` suit the native as they stand: no names to bind, no self to insert or to
/// refuse, and room for what is absent.
#[inline(always)]
unsafe fn direct(native: &Native, w: *mut Value, n: usize, limit: *mut Value) -> bool {
    let sig = native.sig.get() as *const Sig;
    // SAFETY: the word is null or the address of a leaked Sig; the arguments stand in the window.
    unsafe {
        !sig.is_null()
            && (*sig).quick
            && n >= (*sig).min
            && n <= (*sig).most
            && w.add(16 + n.max((*sig).fill)) < limit
            && native.this.get().is_unbound()
            && (!(*sig).method
                || !native.owner.get().is_kind(Kind::Class)
                || class_of(*w.add(3)) == native.owner.get()
                || is_subclass(class_of(*w.add(3)), native.owner.get()))
    }
}

op! {
    #[inline(never)]
    call_class(s) {
        let (w, n) = (s.base.add(s.a()), s.b());
        let c = (*w).get::<Class>();
        let init = c.init.get();
        if init.is_kind(Kind::Function) && n <= 8 {
            let f = init.get::<Function>();
            let shape = f.shape.get();
            let base = w.add(6);
            if (shape as u32 >> 3) as usize == n + 1
                && base.add((shape >> 32) + 16) < (*s.th).soft_limit
                && instance::is_plain(*w)
            {
                let r = {
                    let th = s.save();
                    instance::new_instance(th, *w)
                };
                let s = s.reload();
                let this = match r {
                    Ok(this) => this,
                    Err(_) => raise!(s),
                };
                for i in (0..n).rev() {
                    *w.add(7 + i) = *w.add(3 + i);
                }
                // The stub's window: its result is the instance; then that of `__init__`.
                *w = this;
                *w.add(1) = Value(s.pc.add(1) as u64);
                *w.add(2) = Value(s.base as u64);
                *w.add(3) = init;
                *w.add(4) = Value(dispatch::init_done() as u64);
                *w.add(5) = Value(w.add(3) as u64);
                *w.add(6) = this;
                let mut s = s;
                s.pc = f.entry.get() as *const u64;
                s.base = base;
                poll!(s);
                go!(s)
            }
        }
        if let Some(f) = slots(*w).direct {
            let r = {
                let th = s.save();
                call::class_direct(th, f, w, n)
            };
            let mut s = s.reload();
            match r {
                Ok(Some(v)) => {
                    *w = v;
                    s.pc = s.pc.add(1);
                    poll!(s);
                    go!(s)
                }
                Ok(None) => sibling!(call_slow::<{ C }, { L }>, s),
                Err(_) => raise!(s),
            }
        }
        sibling!(call_slow::<{ C }, { L }>, s)
    }
}

op! {
    #[inline(never)]
    call_slow(s) { enter!(s, s.base.add(s.a()), s.b(), None, 1) }
}

op! { CallKw(s) { enter!(s, s.base.add(s.a()), s.b(), Some(s.lit(1).get::<Tuple>()), 2) } }

op! { CallMethod(s) {
    let w = s.base.add(s.a());
    let f = *w;
    if f.is_kind(Kind::Function) && !(*w.add(3)).is_unbound() {
        let f = f.get::<Function>();
        let shape = f.shape.get();
        let base = w.add(3);
        if (shape as u32 >> 3) as usize == s.b() + 1 && base.add(shape >> 32) < (*s.th).soft_limit {
            *w.add(1) = Value(s.pc.add(1) as u64);
            *w.add(2) = Value(s.base as u64);
            let mut s = s;
            s.pc = f.entry.get() as *const u64;
            s.base = base;
            poll!(s);
            go!(s)
        }
    }
    if f.is_kind(Kind::Native) && !(*w.add(3)).is_unbound() {
        sibling!(call_method_native::<{ C }, { L }>, s);
    }
    if f.is_kind(Kind::Native) || f.is_kind(Kind::Function) && (*w.add(3)).is_unbound() {
        sibling!(call_without_self::<{ C }, { L }>, s);
    }
    if f.is_kind(Kind::Method) && (*w.add(3)).is_unbound() {
        // The place of self is free for what the method is bound to.
        let m = f.get::<Method>();
        if m.func.get().is_kind(Kind::Native) {
            *w.add(3) = m.this.get();
            *w = m.func.get();
            sibling!(call_method_native::<{ C }, { L }>, s);
        }
    }
    sibling!(call_method_slow::<{ C }, { L }>, s)
} }

op! {
    #[inline(never)]
    call_without_self(s) {
        // A function of a module, mostly: the arguments move into the place of self.
        let (w, n) = (s.base.add(s.a()), s.b());
        for i in 0..n {
            *w.add(3 + i) = *w.add(4 + i);
        }
        if let Some(f) = (*w).cast::<Function>() {
            let shape = f.shape.get();
            let base = w.add(3);
            if (shape as u32 >> 3) as usize == n && base.add(shape >> 32) < (*s.th).soft_limit {
                *w.add(1) = Value(s.pc.add(1) as u64);
                *w.add(2) = Value(s.base as u64);
                let mut s = s;
                s.pc = f.entry.get() as *const u64;
                s.base = base;
                poll!(s);
                go!(s)
            }
            enter!(s, w, n, None, 1)
        }
        let native = (*w).get::<Native>();
        if !direct(native, w, n, (*s.th).soft_limit) {
            enter!(s, w, n, None, 1)
        }
        call_direct!(s, native, w, n)
    }
}

/// Closes the gap of a method window whose callee takes no self; gives the number of arguments.
#[inline(always)]
unsafe fn close_gap(w: *mut Value, n: usize) -> usize {
    // SAFETY: the window holds self's place and `n` arguments.
    unsafe {
        if (*w.add(3)).is_unbound() {
            std::ptr::copy(w.add(4), w.add(3), n);
            n
        } else {
            n + 1
        }
    }
}

op! {
    #[inline(never)]
    call_method_slow(s) {
        let w = s.base.add(s.a());
        let n = close_gap(w, s.b());
        enter!(s, w, n, None, 1)
    }
}

op! { CallMethodKw(s) {
    let w = s.base.add(s.a());
    let n = close_gap(w, s.b());
    enter!(s, w, n, Some(s.lit(1).get::<Tuple>()), 2)
} }

op! { CallEx(s) {
    let w = s.base.add(s.a());
    let r = {
        let th = s.save();
        spread(th, w)
    };
    let s = s.reload();
    match r {
        Ok(n) => {
            let names = *w.add(1);
            let kw = if names.is_unbound() { None } else { Some(names.get::<Tuple>()) };
            enter!(s, w, n.as_int() as usize, kw, 1)
        }
        Err(_) => raise!(s),
    }
} }

/// Spreads the tuple and dict of a CallEx window over it; gives the argument count and the names.
#[inline(never)]
unsafe fn spread(th: &mut Thread, w: *mut Value) -> R {
    // SAFETY: room is asked for before anything is written above the window's five words.
    unsafe {
        let args = *w.add(3);
        let kwargs = *w.add(4);
        let t = args.get::<Tuple>();
        let mark = th.keep(args);
        th.keep(kwargs);
        let mut names = Value::UNBOUND;
        let mut pairs = Value::UNBOUND;
        let mut k = 0;
        if let Some(d) = kwargs.cast::<Dict>()
            && d.used.get() > 0
        {
            pairs = th.dict_pairs(kwargs)?;
            th.keep(pairs);
            k = pairs.get::<Tuple>().len() / 2;
            names = th.tuple_with(k)?;
            for i in 0..k {
                let name = pairs.get::<Tuple>().at(2 * i);
                if !matches!(name.base().kind(), Kind::Str | Kind::Rope) {
                    th.drop_kept(mark);
                    return Err(th.type_error("keywords must be strings"));
                }
                let name = crate::heap::intern::intern_value(&mut th.heap, name.base())?;
                names.get::<Tuple>().item(i).set(name);
            }
        }
        call::room(th, w.add(3), t.len() + k + 8)?;
        for (i, v) in t.iter().enumerate() {
            *w.add(3 + i) = v;
        }
        for i in 0..k {
            *w.add(3 + t.len() + i) = pairs.get::<Tuple>().at(2 * i + 1);
        }
        th.drop_kept(mark);
        th.top = w.add(3 + t.len() + k).max(frame::window_end(th.base));
        // The names must outlive the binding: the link word of the window keeps them.
        *w.add(1) = names;
        Ok(Value::int((t.len() + k) as i64))
    }
}

op! { Return(s) {
    let v = s.r(s.a());
    let mut s = s;
    s.pc = (*s.base.sub(2)).0 as *const u64;
    let up = (*s.base.sub(1)).0 as *mut Value;
    *s.base.sub(3) = v;
    s.base = up;
    go!(s)
} }

op! { ReturnNone(s) {
    let mut s = s;
    s.pc = (*s.base.sub(2)).0 as *const u64;
    let up = (*s.base.sub(1)).0 as *mut Value;
    *s.base.sub(3) = Value::NONE;
    s.base = up;
    go!(s)
} }

op! { InitDone(s) {
    // R[0] is what `__init__` returned; the instance stands in this window's callee word.
    if !s.r(0).is_none() {
        sibling!(bad_init::<{ C }, { L }>, s);
    }
    let mut s = s;
    s.pc = (*s.base.sub(2)).0 as *const u64;
    s.base = (*s.base.sub(1)).0 as *mut Value;
    crate::dispatch!(s)
} }

op! {
    #[cold]
    #[inline(never)]
    bad_init(s) {
        let r = {
            let th = s.save();
            call::bad_init(th, s.r(0))
        };
        let Raised = r;
        let s = s.reload();
        raise!(s)
    }
}

op! { MakeFunction(s) { helper!(s, 2, |th| make_function(th, s.base, s.b(), s.c(), s.lit(1))) } }

#[inline(never)]
unsafe fn make_function(th: &mut Thread, base: *mut Value, b: usize, n: usize, code: Value) -> R {
    // SAFETY: the parts and cells stand in the window from register b on (verified).
    unsafe {
        let closure = if n == 0 { Value::NONE } else { th.array(n)? };
        for i in 0..n {
            closure.get::<Array>().item(i).set(*base.add(b + 3 + i));
        }
        let f = (*base.sub(3)).get::<Function>();
        let parts = load::Parts {
            globals: f.globals.get(),
            builtins: f.builtins.get(),
            closure,
            defaults: *base.add(b),
            kwdefaults: *base.add(b + 1),
            annotations: *base.add(b + 2),
        };
        load::function(th, code, parts)
    }
}
