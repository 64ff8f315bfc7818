//! Native module `_traceback`: the machine's own texts of exceptions, and sources that were compiled. Invariant:
//! what is shown here is what an uncaught exception shows.

use crate::heap::{Kind, Value};
use crate::run::{Args, Def, ModuleDef, R, Thread, backtrace, def, import, show};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_traceback",
    doc: "Exceptions as the interpreter prints them.",
    functions: FUNCTIONS,
    fill: |_, _| Ok(()),
};

static FUNCTIONS: &[Def] = &[
    def("format", "(exc, /)", format, "The exception with its traceback and what it came from, as text."),
    def("format_only", "(exc, /)", format_only, "The exception without a traceback, as text."),
    def("source", "(filename, /)", source, "The text that was compiled under that name, or None."),
];

fn exception(th: &mut Thread, v: Value) -> R<()> {
    if v.is_kind(Kind::Exception) {
        return Ok(());
    }
    let text = format!("an exception is required, not '{}'", th.type_name(v));
    Err(th.type_error(text))
}

fn format(th: &mut Thread, a: Args) -> R {
    exception(th, a[0])?;
    let text = backtrace::exception_text(th, a[0]);
    Ok(th.str(&text)?)
}

fn format_only(th: &mut Thread, a: Args) -> R {
    exception(th, a[0])?;
    let text = show::only(th, a[0]);
    Ok(th.str(&text)?)
}

fn source(th: &mut Thread, a: Args) -> R {
    let name = th.text_of(a[0])?;
    match import::source(&name) {
        Some(text) => Ok(th.str(&text)?),
        None => Ok(Value::NONE),
    }
}
