//! Frames and tracebacks as scripts see them. Invariant: a frame object is a snapshot: it names its function and the
//! place in its code, and holds the locals that could be read when it was made; nothing of it is live.

use super::{address, bind, text};
use crate::code::data::flag;
use crate::code::liveness::Liveness;
use crate::heap::cell::ALL;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::frame::{At, code_of, walk};
use crate::run::slots::GetSet;
use crate::run::{Args, ClassDef, Def, PLAIN, R, Thread, arith, def, get, getset};

/// `frame`.
pub static FRAME: ClassDef = ClassDef {
    name: "frame",
    slots: |s| {
        s.repr = Some(frame_repr);
        s.new = None;
    },
    methods: FRAME_METHODS,
    getset: FRAME_GETSET,
    kind: Kind::Frame,
    ..PLAIN
};

static FRAME_METHODS: &[Def] =
    &[def("clear", "($self, /)", clear, "Clear all references held by the frame.")];

static FRAME_GETSET: &[GetSet] = &[
    get("f_code", |_, o| Ok(func(o).code.get()), ""),
    getset(
        "f_lineno",
        |_, o| Ok(Value::int(line(o) as i64)),
        |th, _, _| Err(th.value_error("f_lineno can only be set in a trace function")),
        "",
    ),
    get("f_back", |_, o| Ok(fr(o).back.get()), ""),
    get("f_globals", |_, o| Ok(fr(o).globals.get()), ""),
    get("f_locals", |_, o| Ok(fr(o).locals.get()), ""),
    get("f_builtins", |_, o| Ok(func(o).builtins.get()), ""),
    get("f_lasti", |_, o| Ok(Value::int(2 * fr(o).word.get().as_int())), ""),
    getset("f_trace", |_, _| Ok(Value::NONE), |_, _, _| Ok(()), ""),
    get("f_generator", |_, _| Ok(Value::NONE), ""),
];

fn fr(o: Value) -> &'static Frame {
    o.get::<Frame>()
}

fn func(o: Value) -> &'static Function {
    fr(o).func.get().get::<Function>()
}

fn line(o: Value) -> u32 {
    code_of(func(o)).position(fr(o).word.get().as_int() as u32).line
}

fn frame_repr(th: &mut Thread, o: Value) -> R {
    let code = code_of(func(o));
    let at = address(o);
    text(th, format!("<frame at {at}, file '{}', line {}, code {}>", code.filename, line(o), code.name))
}

fn clear(th: &mut Thread, a: Args) -> R {
    let code = code_of(func(a[0]));
    if code.flags & flag::MODULE == 0 {
        let none = th.heap.new_dict()?;
        fr(a[0]).locals.set(none);
    }
    Ok(Value::NONE)
}

/// A frame object; `locals` and `back` as given, no locals where None.
pub fn make(th: &mut Thread, func: Value, word: u32, locals: Value, back: Value) -> R {
    let f = func.get::<Function>();
    let locals = match locals {
        _ if code_of(f).flags & flag::MODULE != 0 => f.globals.get(),
        v if v.is_none() => th.heap.new_dict()?,
        v => v,
    };
    let (v, frame) = th.heap.new::<Frame>(C::frame.shape(), ALL, 0)?;
    frame.func.set(func);
    frame.back.set(back);
    frame.locals.set(locals);
    frame.word.set(Value::int(word as i64));
    frame.globals.set(f.globals.get());
    Ok(v)
}

/// The frame `depth` above the innermost script frame, with the chain behind it; None if the stack is not that deep.
pub fn current(th: &mut Thread, depth: usize) -> R<Option<Value>> {
    let frames: Vec<At> = walk(th).skip(depth).collect();
    let mut back = Value::NONE;
    for at in frames.iter().rev() {
        // SAFETY: the callee's word of a live window.
        let func = unsafe { *at.base.sub(3) };
        let locals = locals(th, at)?;
        back = make(th, func, at.word, locals, back)?;
    }
    Ok(if back.is_none() { None } else { Some(back) })
}

/// The locals of a live frame as a fresh dict (of a module or class body: its namespace). A register that is dead at
/// this place holds anything, so it is passed over.
pub fn locals(th: &mut Thread, at: &At) -> R {
    let code = code_of(at.func);
    if code.flags & flag::MODULE != 0 {
        return Ok(at.func.globals.get());
    }
    if code.flags & (flag::CLASS_BODY | flag::NAMESPACE) != 0 {
        // SAFETY: register 0 of such code is its namespace.
        return Ok(unsafe { *at.base });
    }
    let out = th.heap.new_dict()?;
    let live = Liveness::of(code).at(code, at.word);
    let readable = |reg: u16| code.flags & flag::SEES_LOCALS != 0 || live.contains(reg);
    for i in 0..code.nlocals {
        let Some(name) = code.varnames.get(i as usize) else { continue };
        if name.starts_with('.') || !readable(i) {
            continue;
        }
        // SAFETY: a local's register lies in the live window; it holds a value, by `readable`.
        let mut v = unsafe { *at.base.add(i as usize) };
        if code.cellvars.iter().any(|c| c.0 == i) {
            v = v.cast::<Cell>().map_or(Value::UNBOUND, |c| c.value.get());
        }
        put(th, out, name, v)?;
    }
    for (reg, name) in code.cellvars.iter().filter(|c| c.0 >= code.nlocals && readable(c.0)) {
        // SAFETY: as above.
        let v =
            unsafe { *at.base.add(*reg as usize) }.cast::<Cell>().map_or(Value::UNBOUND, |c| c.value.get());
        put(th, out, name, v)?;
    }
    for (i, name) in code.freevars.iter().enumerate() {
        let cell = at.func.closure.get().cast::<Array>().and_then(|a| a.slot(i)).map(|s| s.get());
        let v = cell.and_then(|c| c.cast::<Cell>()).map_or(Value::UNBOUND, |c| c.value.get());
        put(th, out, name, v)?;
    }
    Ok(out)
}

fn put(th: &mut Thread, out: Value, name: &str, v: Value) -> R<()> {
    if v.is_unbound() {
        return Ok(());
    }
    let name = th.intern(name)?;
    th.dict_insert(out, name, v)
}

// ---------------------------------------------------------------------------------------------------------- tracebacks

/// `traceback`.
pub static TRACEBACK: ClassDef = ClassDef {
    name: "traceback",
    doc: "Create a new traceback object.",
    slots: |s| s.new = Some(new_traceback),
    methods: TRACEBACK_METHODS,
    getset: TRACEBACK_GETSET,
    kind: Kind::Traceback,
    ..PLAIN
};

static TRACEBACK_METHODS: &[Def] = &[def(
    "__dir__",
    "($self, /)",
    |th, _| {
        let out = th.list_with(4)?;
        for n in ["tb_frame", "tb_next", "tb_lasti", "tb_lineno"] {
            let n = th.intern(n)?;
            crate::heap::list::push(&mut th.heap, out.get::<List>(), n)?;
        }
        Ok(out)
    },
    "",
)];

static TRACEBACK_GETSET: &[GetSet] = &[
    getset("tb_next", |_, o| Ok(tb(o).next.get()), set_next, ""),
    get("tb_frame", tb_frame, ""),
    get("tb_lineno", |_, o| Ok(tb(o).line.get()), ""),
    get("tb_lasti", |_, o| Ok(Value::int((2 * tb(o).word.get().as_int()).max(-1))), ""),
];

fn tb(o: Value) -> &'static Traceback {
    o.get::<Traceback>()
}

fn new_traceback(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let names = ["tb_next", "tb_frame", "tb_lasti", "tb_lineno"];
    let [next, frame, lasti, line] = bind(th, "traceback", names, 4, args, kwargs)?;
    check_next(th, next)?;
    if !frame.is_kind(Kind::Frame) {
        let text = format!("traceback() argument 'tb_frame' must be frame, not {}", th.type_name(frame));
        return Err(th.type_error(text));
    }
    let (lasti, line) = (arith::index(th, lasti)?, arith::index(th, line)?);
    let (v, t) = th.heap.new::<Traceback>(C::traceback.shape(), ALL, 0)?;
    t.next.set(next);
    t.func.set(fr(frame).func.get());
    t.frame.set(frame);
    let word = if lasti.is_int() && lasti.as_int() >= 0 { lasti.as_int() / 2 } else { -1 };
    t.word.set(Value::int(word));
    t.line.set(line);
    Ok(v)
}

fn check_next(th: &mut Thread, next: Value) -> R<()> {
    if next.is_none() || next.is_kind(Kind::Traceback) {
        return Ok(());
    }
    let text = format!("expected traceback object or None, got '{}'", th.type_name(next));
    Err(th.type_error(text))
}

fn set_next(th: &mut Thread, o: Value, v: Value) -> R<()> {
    if v.is_unbound() {
        return Err(th.type_error("can't delete tb_next attribute"));
    }
    if !v.is_none() && !v.is_kind(Kind::Traceback) {
        let text = format!("expected traceback object, got '{}'", th.type_name(v));
        return Err(th.type_error(text));
    }
    let mut at = v;
    while let Some(t) = at.cast::<Traceback>() {
        if at == o {
            return Err(th.value_error("traceback loop detected"));
        }
        at = t.next.get();
    }
    tb(o).next.set(v);
    Ok(())
}

/// The frame of an entry: with its locals if that frame still runs.
fn tb_frame(th: &mut Thread, o: Value) -> R {
    let t = tb(o);
    if t.frame.get().is_kind(Kind::Frame) {
        return Ok(t.frame.get());
    }
    let func = t.func.get();
    let word = t.word.get().as_int().max(0) as u32;
    // SAFETY: the callee's word of a live window.
    let place = walk(th).position(|at| unsafe { *at.base.sub(3) } == func);
    let made = match place {
        Some(depth) => {
            let frames: Vec<At> = walk(th).skip(depth).take(1).collect();
            let locals = locals(th, &frames[0])?;
            let back = current(th, depth + 1)?.unwrap_or(Value::NONE);
            make(th, func, frames[0].word, locals, back)?
        }
        None => make(th, func, word, Value::NONE, Value::NONE)?,
    };
    t.frame.cas(Value::UNBOUND, made);
    Ok(t.frame.get())
}
