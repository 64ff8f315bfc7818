//! Builtin functions over code and namespaces: compile, eval, exec, globals, locals, import.

use crate::code::Mode;
use crate::code::data::flag;
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value, text};
use crate::run::{Args, R, Thread, frame, import as imports, load};

/// `breakpoint()`.
pub fn breakpoint(th: &mut Thread, a: Args) -> R {
    match super::util::sys_attr(th, "breakpointhook")? {
        Some(hook) => th.call_ex(hook, a[0], a[1]),
        None => Err(th.runtime_error("lost sys.breakpointhook")),
    }
}

/// `exit(code)`, `quit(code)`.
pub fn exit(th: &mut Thread, a: Args) -> R {
    let code = a[0].or(Value::NONE);
    let args: &[Value] = if code.is_none() { &[] } else { &[code] };
    let e = th.exception(C::SystemExit, args)?;
    e.get::<Exception>().x0.set(code);
    Err(th.raise_value(e))
}

/// Globals of the running script function.
fn current_globals(th: &mut Thread) -> R {
    match frame::walk(th).next() {
        Some(at) => Ok(at.func.globals.get()),
        None => Ok(S::builtins.v()),
    }
}

/// `globals()`.
pub fn globals(th: &mut Thread, _: Args) -> R {
    current_globals(th)
}

/// `locals()`: the namespace of a module or class body, a fresh dict of a function's bound variables.
pub fn current_locals(th: &mut Thread) -> R {
    let Some(at) = frame::walk(th).next() else { return Ok(S::builtins.v()) };
    crate::types::frame::locals(th, &at)
}

/// `locals()`.
pub fn locals(th: &mut Thread, _: Args) -> R {
    current_locals(th)
}

/// `vars(x)`.
pub fn vars(th: &mut Thread, a: Args) -> R {
    if a[0].is_unbound() {
        return current_locals(th);
    }
    match th.getattr_opt(a[0], N::__dict__.v())? {
        Some(d) => Ok(d),
        None => Err(th.type_error("vars() argument must have __dict__ attribute")),
    }
}

/// `__import__(...)`.
pub fn import(th: &mut Thread, a: Args) -> R {
    if !text::is_text(a[0].base()) {
        let text = format!("__import__() argument 1 must be str, not {}", th.type_name(a[0]));
        return Err(th.type_error(text));
    }
    let name = th.attr_name(a[0])?;
    let globals = match a[1].bound() {
        Some(g) if g.is_kind(Kind::Dict) => g,
        _ => current_globals(th)?,
    };
    let level = match a[4].bound() {
        Some(l) => th.index(l)?,
        None => 0,
    };
    if level < 0 {
        return Err(th.value_error("level must be >= 0"));
    }
    imports::import(th, globals, name, a[3].or(Value::NONE), level as usize)
}

/// Source text of what `eval`, `exec` or `compile` was given.
fn source(th: &mut Thread, v: Value, what: &str) -> R<String> {
    let b = v.base();
    let text = match b.kind() {
        Kind::Str | Kind::Rope => th.text_of(b)?,
        Kind::Bytes => String::from_utf8_lossy(b.get::<Bytes>().bytes()).into_owned(),
        _ => {
            let t = th.type_name(v);
            return Err(
                th.type_error(format!("{what}() arg 1 must be a string, bytes or code object, not {t}"))
            );
        }
    };
    if text.contains('\0') {
        return Err(th.raise(C::SyntaxError, "source code string cannot contain null bytes"));
    }
    Ok(text)
}

/// `compile(source, filename, mode)`.
pub fn compile(th: &mut Thread, a: Args) -> R {
    let text = source(th, a[0], "compile")?;
    let file = th.text_of(a[1])?;
    let mode = th.text_of(a[2])?;
    // Whoever runs the code may give it locals of its own.
    let mode = match &*mode {
        "exec" => Mode::Exec { namespace: true },
        "eval" => Mode::Eval { namespace: true },
        "single" => Mode::Interactive,
        _ => return Err(th.value_error("compile() mode must be 'exec', 'eval' or 'single'")),
    };
    let text = if matches!(mode, Mode::Eval { .. }) { text.trim_start().to_string() } else { text };
    let code = imports::compile_text(th, &text, &file, mode)?;
    load::load(th, &code)
}

/// Globals and locals of `eval` and `exec`; locals unbound when they are the globals.
fn namespaces(th: &mut Thread, what: &str, globals: Value, locals: Value) -> R<(Value, Value)> {
    let none = |v: Value| v.is_unbound() || v.is_none();
    let (g, l) = match (none(globals), none(locals)) {
        (true, true) => {
            let g = current_globals(th)?;
            let l = current_locals(th)?;
            (g, if l == g { Value::UNBOUND } else { l })
        }
        (true, false) => (current_globals(th)?, locals),
        (false, true) => (globals, Value::UNBOUND),
        (false, false) => (globals, if locals == globals { Value::UNBOUND } else { locals }),
    };
    if !g.is_kind(Kind::Dict) {
        if g.like::<Dict>().is_some() {
            return Ok((g.base(), l));
        }
        let text = format!("{what}() globals must be a dict, not {}", th.type_name(g));
        return Err(th.type_error(text));
    }
    if th.dict_get_name(g, N::__builtins__.v()).is_none() {
        th.dict_insert(g, N::__builtins__.v(), S::builtins.v())?;
    }
    Ok((g, l))
}

fn run(th: &mut Thread, what: &str, a: Args, eval: bool) -> R {
    let (g, l) = namespaces(th, what, a[1], a[2])?;
    let code = if a[0].is_kind(Kind::Code) {
        a[0]
    } else {
        let text = source(th, a[0], what)?;
        let namespace = !l.is_unbound();
        let mode = if eval { Mode::Eval { namespace } } else { Mode::Exec { namespace } };
        let text = if eval { text.trim_start_matches([' ', '\t']).to_string() } else { text };
        let code = imports::compile_text(th, &text, "<string>", mode)?;
        load::load(th, &code)?
    };
    let builtins = match th.dict_get_name(g, N::__builtins__.v()) {
        Some(b) if b.is_kind(Kind::Dict) => b,
        Some(b) if b.is_kind(Kind::Module) => b.get::<Module>().dict.get(),
        _ => S::builtins.v(),
    };
    let none = Value::NONE;
    let parts = load::Parts {
        globals: g,
        builtins,
        closure: none,
        defaults: none,
        kwdefaults: none,
        annotations: none,
    };
    let f = load::function(th, code, parts)?;
    let wants = frame::code_of(f.get::<Function>()).flags & flag::NAMESPACE != 0;
    if !wants {
        return th.call(f, &[]);
    }
    let ns = if l.is_unbound() { g } else { l };
    th.call(f, &[ns])
}

/// `eval(source, globals, locals)`.
pub fn eval(th: &mut Thread, a: Args) -> R {
    run(th, "eval", a, true)
}

/// `exec(source, globals, locals)`.
pub fn exec(th: &mut Thread, a: Args) -> R {
    run(th, "exec", a, false)?;
    Ok(Value::NONE)
}
