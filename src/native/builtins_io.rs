//! Text in and out: `print`, `input`, `open`, `help`, `exit`. Invariant: `print` gives the stream each piece by its own
//! `write`, in order, as CPython does; so what another thread writes may come in between.

use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::text;
use crate::heap::{Kind, Value};
use crate::run::class::class_of;
use crate::run::frame::code_of;
use crate::run::{Args, Def, R, Thread, import};

/// A stream of module sys; RuntimeError if it is not there.
fn stream(th: &mut Thread, name: N, lost: &str) -> R {
    match th.dict_get_name(S::sys.v(), name.v()) {
        Some(v) => Ok(v),
        None => Err(th.runtime_error(lost)),
    }
}

/// `sep` and `end`: a str, or None for the default.
fn separator(th: &mut Thread, what: &str, v: Value, default: &str) -> R {
    if v.is_unbound() || v.is_none() {
        return th.intern(default);
    }
    if !text::is_text(v.base()) {
        let text = format!("{what} must be None or a string, not {}", th.type_name(v));
        return Err(th.type_error(text));
    }
    Ok(v)
}

/// `print(*args, sep=' ', end='\n', file=None, flush=False)`.
pub fn print(th: &mut Thread, a: Args) -> R {
    let args = a[0].get::<Tuple>();
    let file = match a[3].or(Value::NONE) {
        v if v.is_none() => stream(th, N::stdout, "lost sys.stdout")?,
        v => v,
    };
    if file.is_none() {
        return Ok(Value::NONE);
    }
    let sep = separator(th, "sep", a[1], " ")?;
    let end = separator(th, "end", a[2], "\n")?;
    let write = th.getattr(file, N::write.v())?;
    for (i, v) in args.iter().enumerate() {
        if i > 0 {
            th.call(write, &[sep])?;
        }
        let s = th.str_of(v)?;
        th.call(write, &[s])?;
    }
    th.call(write, &[end])?;
    if !a[4].is_unbound() && th.truth(a[4])? {
        th.call_method(file, N::flush, &[])?;
    }
    Ok(Value::NONE)
}

/// Flushes a stream if it can be; errors do not matter here.
fn flush(th: &mut Thread, name: N) {
    let Some(f) = th.dict_get_name(S::sys.v(), name.v()).filter(|f| !f.is_none()) else { return };
    if th.call_method(f, N::flush, &[]).is_err() {
        th.take_raised();
    }
}

/// `input(prompt='')`.
pub fn input(th: &mut Thread, a: Args) -> R {
    let stdin = stream(th, N::stdin, "input(): lost sys.stdin")?;
    let stdout = stream(th, N::stdout, "input(): lost sys.stdout")?;
    if stdin.is_none() {
        return Err(th.runtime_error("input(): lost sys.stdin"));
    }
    flush(th, N::stderr);
    if !a[0].is_unbound() && !stdout.is_none() {
        let prompt = th.str_of(a[0])?;
        th.call_method(stdout, N::write, &[prompt])?;
    }
    flush(th, N::stdout);
    let line = th.call_method(stdin, N::readline, &[])?;
    if !text::is_text(line.base()) {
        return Err(th.type_error("object.readline() returned non-string"));
    }
    let n = text::len(line.base());
    if n == 0 {
        return Err(th.eof_error("EOF when reading a line"));
    }
    let last = text::index::code_at(&mut th.heap, line.base(), n - 1)?;
    let end = if last == '\n' as u32 { n - 1 } else { n };
    Ok(text::index::substring(&mut th.heap, line.base(), 0, end)?)
}

/// `open(...)`: that of module `_io`.
pub fn open(th: &mut Thread, a: Args) -> R {
    let module = import::import_full(th, "_io")?;
    let name = th.intern("open")?;
    let f = th.getattr(module, name)?;
    let mode = th.intern("r")?;
    let none = Value::NONE;
    let defaults = [none, mode, Value::int(-1), none, none, none, Value::TRUE, none];
    let mut args = [none; 8];
    for (i, (slot, default)) in args.iter_mut().zip(defaults).enumerate() {
        *slot = a[i].or(default);
    }
    th.call(f, &args)
}

/// `exit(code=None)` and `quit`.
pub fn exit(th: &mut Thread, a: Args) -> R {
    let code = a[0].or(Value::NONE);
    let e = th.exception(C::SystemExit, &[code])?;
    e.get::<Exception>().x0.set(code);
    Err(th.raise_value(e))
}

// ---------------------------------------------------------------------------------------------------------------- help

/// `help(object)`: what it is, its signature, its documentation.
pub fn help(th: &mut Thread, a: Args) -> R {
    let mut out = String::new();
    if a[0].is_unbound() {
        out.push_str("help(object) shows the signature and the documentation of an object.\n");
    } else {
        describe(th, a[0], &mut out)?;
    }
    let file = stream(th, N::stdout, "lost sys.stdout")?;
    if !file.is_none() {
        let s = th.str(&out)?;
        th.call_method(file, N::write, &[s])?;
    }
    Ok(Value::NONE)
}

fn describe(th: &mut Thread, v: Value, out: &mut String) -> R<()> {
    let subject = match v.kind() {
        Kind::Class | Kind::Function | Kind::Native | Kind::Method | Kind::Module => v,
        _ => class_of(v),
    };
    let name = match th.getattr_opt(subject, N::__name__.v())? {
        Some(n) => th.str_text(n)?,
        None => th.type_name(subject),
    };
    let what = match subject.kind() {
        Kind::Class => "class",
        Kind::Function => "function",
        Kind::Native => "built-in function",
        Kind::Method => "method",
        Kind::Module => "module",
        _ => "object",
    };
    out.push_str(&format!("Help on {what} {name}"));
    if let Some(m) = th.getattr_opt(subject, N::__module__.v())?.filter(|m| text::is_text(*m)) {
        out.push_str(&format!(" in module {}", th.text_of(m)?));
    }
    out.push_str(&format!(":\n\n{name}{}\n", signature(th, subject)?));
    if let Some(doc) = th.getattr_opt(subject, N::__doc__.v())?.filter(|d| text::is_text(d.base())) {
        let doc = th.text_of(doc)?;
        for line in doc.trim_end().lines() {
            out.push_str(&format!("    {}\n", line.trim()));
        }
    }
    Ok(())
}

/// The parameters of a function; empty for what has none to show.
fn signature(th: &mut Thread, v: Value) -> R<String> {
    Ok(match v.kind() {
        Kind::Method => signature(th, v.get::<Method>().func.get())?,
        Kind::Native => {
            // SAFETY: the address was stored from a `&'static Def`.
            let def = unsafe { &*(v.get::<Native>().def.get() as *const Def) };
            def.sig.replacen("$self, ", "self, ", 1).replacen("$type, ", "", 1)
        }
        Kind::Function => {
            let f = v.get::<Function>();
            let code = code_of(f);
            let argc = code.argcount as usize;
            let defaults = f.defaults.get().cast::<Tuple>();
            let nd = defaults.map_or(0, |d| d.len());
            let mut parts: Vec<String> = Vec::new();
            for (i, name) in code.varnames[..argc].iter().enumerate() {
                match defaults {
                    Some(d) if i >= argc - nd => {
                        parts.push(format!("{name}={}", th.repr_text(d.at(i - (argc - nd)))?))
                    }
                    _ => parts.push(name.to_string()),
                }
                if i + 1 == code.posonly as usize {
                    parts.push("/".to_string());
                }
            }
            use crate::code::data::flag;
            let kwonly = code.kwonly as usize;
            let mut at = argc + kwonly;
            if code.flags & flag::VARARGS != 0 {
                parts.push(format!("*{}", code.varnames[at]));
                at += 1;
            } else if kwonly > 0 {
                parts.push("*".to_string());
            }
            for name in &code.varnames[argc..argc + kwonly] {
                let key = th.intern(name)?;
                let d = f.kwdefaults.get();
                match if d.is_kind(Kind::Dict) { th.dict_get_name(d, key) } else { None } {
                    Some(v) => parts.push(format!("{name}={}", th.repr_text(v)?)),
                    None => parts.push(name.to_string()),
                }
            }
            if code.flags & flag::VARKEYWORDS != 0 {
                parts.push(format!("**{}", code.varnames[at]));
            }
            format!("({})", parts.join(", "))
        }
        _ => String::new(),
    })
}
