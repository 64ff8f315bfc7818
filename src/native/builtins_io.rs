//! `print`, `input`, `open`.

use crate::heap::known::{N, S};
use crate::heap::object::*;
use crate::heap::{Value, text};
use crate::run::{Args, R, Thread, import, tag};

/// `sys.NAME`, which scripts may replace.
fn stream(th: &mut Thread, name: N) -> Option<Value> {
    th.dict_get_name(S::sys.v(), name.v())
}

/// Writes text to `sys.stdout`.
pub fn write_out(th: &mut Thread, out: &str) -> R<()> {
    let s = th.str(out)?;
    match stream(th, N::stdout) {
        Some(f) if !f.is_none() => th.call_method(f, N::write, &[s]).map(drop),
        _ => Ok(()),
    }
}

fn separator(th: &mut Thread, v: Value, name: &str, default: char) -> R {
    if v.is_unbound() || v.is_none() {
        return Ok(text::char_string(&mut th.heap, default as u32)?);
    }
    if text::is_text(v.base()) {
        return Ok(v);
    }
    let text = format!("{name} must be None or a string, not {}", th.type_name(v));
    Err(th.type_error(text))
}

/// `print(*args, sep, end, file, flush)`. The whole line is one write, so lines of threads do not mix.
pub fn print(th: &mut Thread, a: Args) -> R {
    let (args, sep, end) = (a[0], a[1], a[2]);
    let sep = separator(th, sep, "sep", ' ')?;
    let end = separator(th, end, "end", '\n')?;
    let file = match a[3].bound() {
        Some(f) if !f.is_none() => f,
        _ => match stream(th, N::stdout) {
            Some(f) => f,
            None => return Err(th.runtime_error("lost sys.stdout")),
        },
    };
    if file.is_none() {
        return Ok(Value::NONE);
    }
    let mut out = text::StrBuilder::new();
    for (i, v) in args.get::<Tuple>().iter().enumerate() {
        if i > 0 {
            out.push_value(&mut th.heap, sep.base())?;
        }
        let s = th.str_of(v)?;
        out.push_value(&mut th.heap, s.base())?;
    }
    out.push_value(&mut th.heap, end.base())?;
    let s = out.finish(&mut th.heap)?;
    super::io::write_to(th, file, s)?;
    if !a[4].is_unbound() && th.truth(a[4])? {
        th.call_method(file, N::flush, &[])?;
    }
    Ok(Value::NONE)
}

/// `input(prompt)`: through `sys.stdin.readline`, so that the wait goes through the door.
pub fn input(th: &mut Thread, a: Args) -> R {
    for (name, what) in [(N::stdin, "input(): lost sys.stdin"), (N::stdout, "input(): lost sys.stdout")] {
        if stream(th, name).is_none_or(|s| s.is_none()) {
            return Err(th.runtime_error(what));
        }
    }
    if !a[0].is_unbound() {
        let s = th.str_of(a[0])?;
        let out = stream(th, N::stdout).unwrap_or(Value::NONE);
        th.call_method(out, N::write, &[s])?;
    }
    if tag::on() {
        let out = stream(th, N::stdout).unwrap_or(Value::NONE);
        super::io_text::show_prompt(th, out)?;
    }
    let out = stream(th, N::stdout).unwrap_or(Value::NONE);
    th.call_method(out, N::flush, &[])?;
    let from = stream(th, N::stdin).unwrap_or(Value::NONE);
    let line = th.call_method(from, N::readline, &[])?;
    let b = text::bytes_of(&mut th.heap, line.base())?;
    if b.is_empty() {
        return Err(th.eof_error("EOF when reading a line"));
    }
    let b = b.strip_suffix(b"\n").unwrap_or(b);
    Ok(th.wtf8(b)?)
}

/// `open(...)`: the one of `_io`.
pub fn open(th: &mut Thread, a: Args) -> R {
    let module = import::import_full(th, "_io")?;
    let name = th.intern("open")?;
    let f = th.getattr(module, name)?;
    let mut args = [Value::UNBOUND; 8];
    let defaults = [
        Value::UNBOUND,
        th.str("r")?,
        Value::int(-1),
        Value::NONE,
        Value::NONE,
        Value::NONE,
        Value::TRUE,
        Value::NONE,
    ];
    for (i, slot) in args.iter_mut().enumerate() {
        *slot = a[i].or(defaults[i]);
    }
    th.call(f, &args)
}
