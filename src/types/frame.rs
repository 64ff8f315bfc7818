//! Frames and tracebacks as scripts see them. Invariant: a frame object names its function, window and place in the
//! code. While the window is one of the asking thread's and runs that function, line and locals are read from there;
//! else they are those last known. Nothing can be written through it.

use super::{address, bind, text};
use crate::code::data::flag;
use crate::code::liveness::Liveness;
use crate::heap::cell::ALL;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::frame::{At, code_of, walk};
use crate::run::slots::GetSet;
use crate::run::traced::Event;
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
        |th, o| Ok(Value::int(line(th, o) as i64)),
        |th, _, _| Err(th.value_error("f_lineno cannot be set: minipy's trace functions only look on")),
        "",
    ),
    get("f_back", back, ""),
    get("f_globals", |_, o| Ok(fr(o).globals.get()), ""),
    get("f_locals", locals_now, ""),
    get("f_builtins", |_, o| Ok(func(o).builtins.get()), ""),
    get("f_lasti", |th, o| Ok(Value::int(word(th, o).map_or(-1, |w| 2 * i64::from(w)))), ""),
    getset("f_trace", |_, o| Ok(fr(o).trace.get()), set_trace, ""),
    get("f_trace_lines", |_, _| Ok(Value::TRUE), ""),
    get("f_trace_opcodes", |_, _| Ok(Value::FALSE), ""),
    get("f_generator", |_, _| Ok(Value::NONE), ""),
];

fn fr(o: Value) -> &'static Frame {
    o.get::<Frame>()
}

fn func(o: Value) -> &'static Function {
    fr(o).func.get().get::<Function>()
}

/// The number that tells a window from others.
fn place(base: *mut Value) -> Value {
    Value::int((base as usize >> 3) as i64)
}

/// The frame, if it runs in the calling thread, and how many stand above it.
fn live(th: &Thread, o: Value) -> Option<(usize, At)> {
    let f = fr(o);
    // SAFETY: the callee's word of a live window.
    let same = |a: &At| place(a.base) == f.place.get() && unsafe { *a.base.sub(3) } == f.func.get();
    walk(th).enumerate().find(|(_, a)| same(a))
}

/// The word of the instruction in progress, None while the frame is about to begin.
fn word(th: &Thread, o: Value) -> Option<u32> {
    match fr(o).word.get().as_int() {
        BEGINS => None,
        n if n < 0 => Some((RESUMED - n) as u32),
        n => Some(live(th, o).map_or(n as u32, |(_, at)| at.word)),
    }
}

/// In the place of a frame's word while its `call` is told: it stands at the line of its definition.
const BEGINS: i64 = -1;
/// This less the word of the `yield` from which a generator goes on, while its `call` is told.
const RESUMED: i64 = -2;

fn line(th: &Thread, o: Value) -> u32 {
    let code = code_of(func(o));
    word(th, o).map_or(code.first_line, |w| code.position(w).line)
}

fn back(th: &mut Thread, o: Value) -> R {
    let f = fr(o);
    if f.back.get().is_unbound() {
        let below = match live(th, o) {
            Some((depth, _)) => below(th, depth)?,
            None => Value::NONE,
        };
        f.back.set(below);
    }
    Ok(f.back.get())
}

/// The frame object of the frame under number `depth`: the one that its trace function knows, else a new one.
fn below(th: &mut Thread, depth: usize) -> R {
    let Some(at) = walk(th).nth(depth + 1) else { return Ok(Value::NONE) };
    // SAFETY: the callee's word of a live window.
    let func = unsafe { *at.base.sub(3) };
    if let Some(list) = th.traced.cast::<List>() {
        for i in 2..list.len() {
            if let Some(known) = crate::heap::list::peek(list, i)
                && let Some(f) = known.cast::<Frame>()
                && f.place.get() == place(at.base)
                && f.func.get() == func
            {
                return Ok(known);
            }
        }
    }
    Ok(current(th, depth + 1)?.unwrap_or(Value::NONE))
}

fn locals_now(th: &mut Thread, o: Value) -> R {
    let f = fr(o);
    if !f.locals.get().is_unbound() {
        return Ok(f.locals.get());
    }
    match live(th, o) {
        Some((_, at)) => locals(th, &at),
        None => Ok(th.heap.new_dict()?),
    }
}

fn set_trace(_: &mut Thread, o: Value, v: Value) -> R<()> {
    fr(o).trace.set(if v.is_unbound() { Value::NONE } else { v });
    Ok(())
}

fn frame_repr(th: &mut Thread, o: Value) -> R {
    let code = code_of(func(o));
    let at = address(o);
    let line = line(th, o);
    text(th, format!("<frame at {at}, file '{}', line {line}, code {}>", code.filename, code.name))
}

fn clear(th: &mut Thread, a: Args) -> R {
    let code = code_of(func(a[0]));
    if code.flags & flag::MODULE == 0 {
        let none = th.heap.new_dict()?;
        fr(a[0]).locals.set(none);
    }
    Ok(Value::NONE)
}

/// A frame object of no window; `locals` and `back` as given, no locals where None.
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
    frame.place.set(Value::int(0));
    frame.trace.set(Value::NONE);
    Ok(v)
}

/// The frame object of a frame that runs.
pub fn running(th: &mut Thread, at: &At) -> R {
    let (v, frame) = th.heap.new::<Frame>(C::frame.shape(), ALL, 0)?;
    let module = code_of(at.func).flags & flag::MODULE != 0;
    // SAFETY: the callee's word of a live window.
    frame.func.set(unsafe { *at.base.sub(3) });
    frame.back.set(Value::UNBOUND);
    frame.locals.set(if module { at.func.globals.get() } else { Value::UNBOUND });
    frame.word.set(Value::int(at.word as i64));
    frame.globals.set(at.func.globals.get());
    frame.place.set(place(at.base));
    frame.trace.set(Value::NONE);
    Ok(v)
}

/// The frame `depth` above the innermost script frame, with the chain behind it; None if the stack is not that deep.
pub fn current(th: &mut Thread, depth: usize) -> R<Option<Value>> {
    let (mut first, mut last) = (None, Value::NONE);
    let frames: Vec<At> = walk(th).skip(depth).collect();
    for at in &frames {
        let v = running(th, at)?;
        fr(v).back.set(Value::NONE);
        match last.cast::<Frame>() {
            Some(above) => above.back.set(v),
            None => first = Some(v),
        }
        last = v;
    }
    Ok(first)
}

/// Tells the functions of `sys.settrace` and `sys.setprofile` of an event in the innermost frame listed.
pub fn tell(th: &mut Thread, event: Event, at: &At, arg: Value) -> R<()> {
    let all = th.traced;
    let Some(list) = all.cast::<List>() else { return Ok(()) };
    let item = |i: usize| crate::heap::list::peek(list, i).unwrap_or(Value::NONE);
    let own = list.len() - 1;
    let (tracer, profiler, known) = (item(0), item(1), item(own));
    let hears = match event {
        Event::Call => tracer,
        _ => known.cast::<Frame>().map_or(Value::NONE, |f| f.trace.get()),
    };
    let counted = !profiler.is_none() && matches!(event, Event::Call | Event::Return);
    if hears.is_none() && !counted {
        return Ok(());
    }
    let mark = th.keep(all);
    let frame = if known.is_none() { running(th, at)? } else { known };
    th.keep(frame);
    crate::heap::list::set(&mut th.heap, list, own as isize, frame);
    let shown = match event {
        Event::Call if at.word == 0 => BEGINS,
        Event::Call => RESUMED - i64::from(at.word),
        _ => i64::from(at.word),
    };
    fr(frame).word.set(Value::int(shown));
    let r = told(th, event, frame, arg, hears, if counted { profiler } else { Value::NONE });
    fr(frame).word.set(Value::int(at.word as i64));
    th.drop_kept(mark);
    r
}

fn told(th: &mut Thread, event: Event, frame: Value, arg: Value, hears: Value, profiler: Value) -> R<()> {
    let word = th.intern(event.word())?;
    if !hears.is_none() {
        let then = th.call(hears, &[frame, word, arg])?;
        if event == Event::Call || !then.is_none() {
            fr(frame).trace.set(then);
        }
    }
    if !profiler.is_none() {
        th.call(profiler, &[frame, word, arg])?;
    }
    Ok(())
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
    let readable = |reg: u16| crate::run::frame::readable(code, at.word, reg, &live);
    for i in 0..code.nlocals {
        let Some(name) = code.varnames.get(i as usize) else { continue };
        if name.starts_with('.') || !readable(i) {
            continue;
        }
        // SAFETY: a local's register lies in the live window; it holds a value, by `readable`.
        let mut v = unsafe { *at.base.add(i as usize) };
        // A parameter is put into its cell at the beginning.
        if code.cellvars.iter().any(|c| c.0 == i)
            && let Some(c) = v.cast::<Cell>()
        {
            v = c.value.get();
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
