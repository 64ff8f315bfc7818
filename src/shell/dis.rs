//! `minipy dis FILE`: instructions beside their source lines, switch points marked. Runs nothing.

use super::{USAGE, product, script};
use crate::code::{self, Flags, Mode, dis};
use minipy_grammar::{self as grammar, Fault, LineIndex};
use std::sync::Arc;

/// The code of a program text, or its fault as text.
pub fn compile(text: &str, name: &str) -> Result<Arc<code::data::Code>, String> {
    let tree = grammar::parse(text, grammar::Mode::File).map_err(|f| located(text, name, f.first()))?;
    code::compile(&tree, text, name, Mode::File, Flags::default()).map_err(|f| located(text, name, &f))
}

fn located(text: &str, name: &str, fault: &Fault) -> String {
    let line = LineIndex::new(text).position(text, fault.span.start).0;
    format!("{name}:{line}: {}: {}", fault.kind.exception(), fault.message)
}

/// Prints the listing; gives the exit code.
pub fn dis(file: &str) -> i32 {
    let program = super::args::Program::File(file.to_string());
    let (text, short) = match script::read(&program) {
        Ok(Some(s)) => (String::from_utf8_lossy(&s.text).into_owned(), s.short().to_string()),
        Ok(None) => return USAGE,
        Err((why, code)) => {
            eprintln!("minipy: {why}");
            return code;
        }
    };
    match compile(&text, &short) {
        Ok(code) => product(&dis::listing(&code, &text)),
        Err(why) => {
            eprintln!("minipy: {why}");
            1
        }
    }
}
