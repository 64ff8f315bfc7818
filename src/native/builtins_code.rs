//! Code at run time: `compile`, `eval`, `exec`, `globals`, `locals`, `__import__`. Invariant: code made by `compile`
//! keeps its names in register 0, so that the same code object runs with or without separate locals.

use crate::code::compile::Mode;
use crate::code::data::flag;
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::text;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, slots};
use crate::run::load::{self, Parts};
use crate::run::{Args, R, Thread, frame, import};
use crate::types::function::plain_code;

/// `globals()` of the calling frame.
pub fn globals(th: &mut Thread) -> R {
    match frame::walk(th).next() {
        Some(at) => Ok(at.func.globals.get()),
        None => Ok(th.heap.new_dict()?),
    }
}

/// `locals()` of the calling frame: its namespace, or a snapshot of a function's variables.
pub fn locals(th: &mut Thread) -> R {
    let Some(at) = frame::walk(th).next() else { return Ok(th.heap.new_dict()?) };
    let code = frame::code_of(at.func);
    if code.flags & flag::MODULE != 0 {
        return Ok(at.func.globals.get());
    }
    // SAFETY: the window of a live frame has all the registers that its code names.
    let reg = |i: usize| unsafe { *at.base.add(i) };
    if code.flags & (flag::CLASS_BODY | flag::NAMESPACE) != 0 {
        return Ok(reg(0));
    }
    let d = th.heap.new_dict()?;
    let mut names: Vec<(&str, usize, bool)> = Vec::new();
    for (i, name) in code.varnames.iter().enumerate() {
        names.push((name, i, code.cellvars.iter().any(|c| c.0 as usize == i)));
    }
    for (k, name) in code.freevars.iter().enumerate() {
        names.push((name, code.free_base as usize + k, true));
    }
    for (name, i, captured) in names {
        let v = match reg(i).cast::<Cell>() {
            Some(c) if captured => c.value.get(),
            _ => reg(i),
        };
        if !v.is_unbound() && !name.starts_with('.') && name != "__class__" {
            let key = th.intern(name)?;
            th.dict_insert(d, key, v)?;
        }
    }
    Ok(d)
}

/// Globals and locals that `exec` or `eval` was given, or those of the caller.
fn scopes(th: &mut Thread, exec: bool, globals_arg: Value, locals_arg: Value) -> R<(Value, Value)> {
    let given = |v: Value| !v.is_unbound() && !v.is_none();
    if given(globals_arg) && globals_arg.like::<Dict>().is_none() {
        let text = match exec {
            true => format!("exec() globals must be a dict, not {}", th.type_name(globals_arg)),
            false => "globals must be a dict".to_string(),
        };
        return Err(th.type_error(text));
    }
    if given(locals_arg) && slots(class_of(locals_arg)).getitem.is_none() {
        let text = match exec {
            true => format!("locals must be a mapping or None, not {}", th.type_name(locals_arg)),
            false => "locals must be a mapping".to_string(),
        };
        return Err(th.type_error(text));
    }
    let (g, l) = match (given(globals_arg), given(locals_arg)) {
        (true, true) => (globals_arg.base(), locals_arg),
        (true, false) => (globals_arg.base(), globals_arg.base()),
        (false, true) => (globals(th)?, locals_arg),
        (false, false) => (globals(th)?, locals(th)?),
    };
    let key = N::__builtins__.v();
    if th.dict_get_name(g, key).is_none() {
        th.dict_insert(g, key, S::builtins.v())?;
    }
    Ok((g, l))
}

/// The dict that names outside the globals are looked up in.
fn builtins_of(th: &mut Thread, g: Value) -> Value {
    match th.dict_get_name(g, N::__builtins__.v()) {
        Some(b) if b.is_kind(Kind::Dict) => b,
        Some(b) if b.is_kind(Kind::Module) => b.get::<Module>().dict.get(),
        _ => S::builtins.v(),
    }
}

/// Source text of a str or bytes argument; `None` for anything else.
fn source(th: &mut Thread, v: Value) -> R<Option<String>> {
    let b = v.base();
    let text = if text::is_text(b) {
        th.text_of(b)?
    } else if let Some(bytes) = b.cast::<Bytes>() {
        let bytes = bytes.bytes().strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes.bytes());
        match std::str::from_utf8(bytes) {
            Ok(t) => t.to_string(),
            Err(_) => return Err(th.raise(C::SyntaxError, "source is not valid UTF-8")),
        }
    } else {
        return Ok(None);
    };
    if text.contains('\0') {
        return Err(th.raise(C::SyntaxError, "source code string cannot contain null bytes"));
    }
    Ok(Some(text))
}

/// Runs a code object with these globals and locals.
fn run(th: &mut Thread, name: &str, code: Value, g: Value, l: Value) -> R {
    let plain = plain_code(code);
    if !plain.freevars.is_empty() {
        let text = format!("code object passed to {name}() may not contain free variables");
        return Err(th.type_error(text));
    }
    let builtins = builtins_of(th, g);
    let none = Value::NONE;
    let parts =
        Parts { globals: g, builtins, closure: none, defaults: none, kwdefaults: none, annotations: none };
    let f = load::function(th, code, parts)?;
    if plain.flags & flag::NAMESPACE != 0 { th.call(f, &[l]) } else { th.call(f, &[]) }
}

/// `eval(source, /, globals=None, locals=None)`.
pub fn eval(th: &mut Thread, a: Args) -> R {
    let (g, l) = scopes(th, false, a[1], a[2])?;
    if a[0].is_kind(Kind::Code) {
        return run(th, "eval", a[0], g, l);
    }
    let Some(text) = source(th, a[0])? else {
        return Err(th.type_error("eval() arg 1 must be a string, bytes or code object"));
    };
    let text = text.trim_start_matches([' ', '\t']);
    let code = import::compile_text(th, text, "<string>", Mode::Eval { namespace: g != l }, false)?;
    let code = load::load(th, &code)?;
    run(th, "eval", code, g, l)
}

/// `exec(source, /, globals=None, locals=None, *, closure=None)`.
pub fn exec(th: &mut Thread, a: Args) -> R {
    let (g, l) = scopes(th, true, a[1], a[2])?;
    let closure = a[3].or(Value::NONE);
    if !closure.is_none() {
        return Err(th.type_error(match a[0].is_kind(Kind::Code) {
            true => "cannot use a closure with this code object",
            false => "closure can only be used when source is a code object",
        }));
    }
    if a[0].is_kind(Kind::Code) {
        run(th, "exec", a[0], g, l)?;
        return Ok(Value::NONE);
    }
    let Some(text) = source(th, a[0])? else {
        return Err(th.type_error("exec() arg 1 must be a string, bytes or code object"));
    };
    let code = import::compile_text(th, &text, "<string>", Mode::Exec { namespace: g != l }, false)?;
    let code = load::load(th, &code)?;
    run(th, "exec", code, g, l)?;
    Ok(Value::NONE)
}

/// `compile(source, filename, mode, ...)`.
pub fn compile(th: &mut Thread, a: Args) -> R {
    let file = if text::is_text(a[1].base()) {
        th.text_of(a[1])?
    } else if let Some(b) = a[1].like::<Bytes>() {
        String::from_utf8_lossy(b.bytes()).into_owned()
    } else {
        let text = format!("expected str, bytes or os.PathLike object, not {}", th.type_name(a[1]));
        return Err(th.type_error(text));
    };
    if !text::is_text(a[2].base()) {
        return Err(
            th.type_error(format!("compile() argument 'mode' must be str, not {}", th.type_name(a[2])))
        );
    }
    let mode = match &*th.text_of(a[2])? {
        "exec" => Mode::Exec { namespace: true },
        "eval" => Mode::Eval { namespace: true },
        "single" => Mode::Interactive,
        _ => return Err(th.value_error("compile() mode must be 'exec', 'eval' or 'single'")),
    };
    let Some(text) = source(th, a[0])? else {
        return Err(th.type_error("compile() arg 1 must be a string, bytes or AST object"));
    };
    let text = if matches!(mode, Mode::Eval { .. }) { text.trim_start_matches([' ', '\t']) } else { &text };
    let code = import::compile_text(th, text, &file, mode, false)?;
    load::load(th, &code)
}

/// `__import__(name, globals=None, locals=None, fromlist=(), level=0)`.
pub fn import(th: &mut Thread, a: Args) -> R {
    if !text::is_text(a[0].base()) {
        return Err(th.type_error("module name must be a string"));
    }
    let name = crate::heap::intern::intern_value(&mut th.heap, a[0].base())?;
    let level = if a[4].is_unbound() { 0 } else { th.index(a[4])? };
    if level < 0 {
        return Err(th.value_error("level must be >= 0"));
    }
    let g = if a[1].is_kind(Kind::Dict) { a[1] } else { globals(th)? };
    import::import(th, g, name, a[3].or(S::empty_tuple.v()), level as usize)
}
