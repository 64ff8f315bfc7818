//! Plain code to heap objects: constants become values, literal words are patched, the stream is verified plain
//! data before it is run. Invariant: a loaded stream's literals are kept alive by its code object's constants.

use super::thread::{R, Thread};
use crate::code::answer;
use crate::code::data::{self, Const, flag};
use crate::code::op::{Op, Word};
use crate::heap::Value;
use crate::heap::cell::ALL;
use crate::heap::known::{C, S};
use crate::heap::object::{Array, Code, Function, Stream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether code of the program's own names what releases a lock.
static RELEASES: AtomicBool = AtomicBool::new(false);

/// Whether a line of the program, outside the library, may release a lock other than by `with`.
pub fn releases() -> bool {
    RELEASES.load(Relaxed)
}

fn names_release(c: &Const) -> bool {
    match c {
        Const::Name(n) => answer::releases(n),
        Const::Str(text) => std::str::from_utf8(&text.0).is_ok_and(answer::releases),
        Const::Tuple(items) => items.iter().any(names_release),
        _ => false,
    }
}

/// The value of a constant.
pub fn constant(th: &mut Thread, c: &Const) -> R {
    Ok(match c {
        Const::None => Value::NONE,
        Const::Bool(b) => Value::bool(*b),
        Const::Ellipsis => Value::ELLIPSIS,
        Const::Int(i) => th.int(*i)?,
        Const::Big(digits) => match crate::heap::bigint::from_hex(&mut th.heap, digits) {
            Ok(v) => v,
            Err(_) => return Err(th.overflow_error("integer literal is too large")),
        },
        Const::Float(x) => th.float(*x)?,
        Const::Imaginary(x) => th.complex(0.0, *x)?,
        Const::Str(text) => {
            let v = th.wtf8(&text.0)?;
            // Identifier-like constants are often attribute names or keys: interning makes them equal by word.
            if text.0.len() <= 40 { crate::heap::intern::intern_value(&mut th.heap, v)? } else { v }
        }
        Const::Name(name) => crate::heap::intern::intern_str(&mut th.heap, name)?,
        Const::Bytes(b) => th.bytes(b)?,
        Const::Tuple(items) => {
            let t = th.tuple_with(items.len())?;
            for (i, c) in items.iter().enumerate() {
                let v = constant(th, c)?;
                // SAFETY: i is below the tuple's length.
                unsafe { t.get::<crate::heap::object::Tuple>().item(i) }.set(v);
            }
            if items.is_empty() { S::empty_tuple.v() } else { t }
        }
        Const::FrozenSet(items) => {
            let t = constant(th, &Const::Tuple(items.clone()))?;
            th.call(C::frozenset.v(), &[t])?
        }
        Const::Code(code) => load(th, code)?,
    })
}

/// Loads code: the code object.
pub fn load(th: &mut Thread, code: &Arc<data::Code>) -> R {
    let consts = th.array(code.consts.len())?;
    if code.flags & flag::LIBRARY == 0 && code.consts.iter().any(names_release) {
        RELEASES.store(true, Relaxed);
    }
    for (i, c) in code.consts.iter().enumerate() {
        let v = constant(th, c)?;
        // SAFETY: i is below the array's capacity.
        unsafe { consts.get::<Array>().item(i) }.set(v);
    }
    let (stream, s) = th.heap.new::<Stream>(C::internal.shape(), 0, code.words.len() * 8)?;
    s.len.set(code.words.len());
    let generator = code.flags & (flag::GENERATOR | flag::COROUTINE | flag::ASYNC_GENERATOR) != 0;
    let mut at = 0;
    while at < code.words.len() {
        let mut word = code.words[at];
        let op = Op::of(word);
        if generator {
            word = match op {
                Op::Return => word & !0xff | Op::ReturnGen as u64,
                Op::ReturnNone => word & !0xff | Op::ReturnGenNone as u64,
                _ => word,
            };
        }
        // SAFETY: at and its words are below the stream's length (the code was verified when made).
        unsafe {
            s.word(at).set(word as usize);
            for (k, kind) in op.row().words.iter().enumerate() {
                let raw = code.words[at + 1 + k];
                let w = match kind {
                    Word::Lit | Word::Name => consts.get::<Array>().item(raw as usize).get().0,
                    Word::Cache => 0,
                    Word::Raw => raw,
                };
                s.word(at + 1 + k).set(w as usize);
            }
        }
        at += op.len();
    }
    let name = crate::heap::intern::intern_str(&mut th.heap, &code.name)?;
    let qualname = th.str(&code.qualname)?;
    let filename = crate::heap::intern::intern_str(&mut th.heap, &code.filename)?;
    let varnames = th.tuple_with(code.varnames.len())?;
    for (i, n) in code.varnames.iter().enumerate() {
        let v = crate::heap::intern::intern_str(&mut th.heap, n)?;
        // SAFETY: i is below the tuple's length.
        unsafe { varnames.get::<crate::heap::object::Tuple>().item(i) }.set(v);
    }
    let (v, c) = th.heap.new::<Code>(C::code.shape(), ALL, 0)?;
    c.stream.set(stream);
    c.consts.set(consts);
    c.name.set(name);
    c.qualname.set(qualname);
    c.filename.set(filename);
    c.varnames.set(varnames);
    c.data.set(Arc::into_raw(code.clone()) as usize);
    c.live.set(0);
    th.heap.register_dying(v);
    super::codes::register_code(v);
    Ok(v)
}

/// What `MakeFunction` is given beside the code.
#[derive(Clone, Copy)]
pub struct Parts {
    /// Globals dict.
    pub globals: Value,
    /// Builtins dict.
    pub builtins: Value,
    /// Array of cells, or None.
    pub closure: Value,
    /// Tuple or None.
    pub defaults: Value,
    /// Dict or None.
    pub kwdefaults: Value,
    /// Annotation function or None.
    pub annotations: Value,
}

/// A function of the code object.
pub fn function(th: &mut Thread, code: Value, parts: Parts) -> R {
    let c = code.get::<Code>();
    // SAFETY: the code object owns the Arc.
    let d: &'static data::Code = unsafe { &*(c.data.get() as *const data::Code) };
    let doc = match d.consts.first() {
        // SAFETY: the array has as many items as there are constants.
        Some(_) if d.flags & flag::DOCSTRING != 0 => unsafe { c.consts.get().get::<Array>().item(0) }.get(),
        _ => Value::NONE,
    };
    let module = match parts.globals.is_unbound() {
        true => Value::NONE,
        false => th.dict_get_name(parts.globals, crate::heap::known::N::__name__.v()).unwrap_or(Value::NONE),
    };
    let (v, f) = th.heap.new::<Function>(C::function.shape(), ALL, 0)?;
    // SAFETY: the stream has at least one word.
    f.entry.set(unsafe { std::ptr::from_ref(c.stream.get().get::<Stream>().word(0)) } as usize);
    let argc = if d.flags & flag::SIMPLE != 0 { d.argcount as usize } else { 0xffff };
    f.shape.set((d.nregs as usize) << 32 | argc << 3);
    f.globals.set(parts.globals);
    f.closure.set(parts.closure);
    f.code.set(code);
    f.builtins.set(parts.builtins);
    f.defaults.set(parts.defaults);
    f.kwdefaults.set(parts.kwdefaults);
    f.name.set(c.name.get());
    f.qualname.set(c.qualname.get());
    f.module.set(module);
    f.doc.set(doc);
    f.annotations.set(parts.annotations);
    f.dict.set(Value::UNBOUND);
    f.type_params.set(Value::UNBOUND);
    Ok(v)
}

/// A function of module-level code with these globals.
pub fn module_function(th: &mut Thread, code: &Arc<data::Code>, globals: Value) -> R {
    let code = load(th, code)?;
    let none = Value::NONE;
    let builtins = S::builtins.v();
    function(
        th,
        code,
        Parts { globals, builtins, closure: none, defaults: none, kwdefaults: none, annotations: none },
    )
}
