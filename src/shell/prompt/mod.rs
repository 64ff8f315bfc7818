//! The prompt: statements typed one by one. Invariants: waiting for a line happens in the door, so that other threads
//! run while the user thinks; only the main script thread touches values (the thread that edits lines asks it); a
//! statement that fails leaves the session as it was.

mod colour;
mod edit;
mod paste;
mod percent;
mod reader;

use super::args::Run;
use super::run::{flush_streams, show_exception, uncaught};
use crate::code::Mode;
use crate::heap::Value;
use crate::heap::known::C;
use crate::heap::object::List;
use crate::run::{R, Raised, Thread, gil, import, load};
use minipy_grammar as grammar;
use reader::{Line, Reader};
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

/// One session at the prompt.
struct Session {
    reader: Reader,
    /// The namespace of `__main__`.
    main: Value,
    /// Statements run so far.
    number: usize,
    /// The process that the session belongs to: a forked child does not go on with it.
    process: u32,
}

/// Where lines of earlier sessions are kept.
fn history() -> Option<PathBuf> {
    match std::env::var_os("MINIPY_HISTORY") {
        Some(p) if p.is_empty() => None,
        Some(p) => Some(PathBuf::from(p)),
        None => std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".minipy_history")),
    }
}

/// Runs the prompt until Ctrl-D or `exit()`; gives the exit code. `quiet`: after a program, without the greeting.
/// `main` is the namespace of `__main__`, which `sys.modules` keeps.
pub fn prompt(th: &mut Thread, main: Value, job: &Run, quiet: bool) -> i32 {
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let reader = if terminal { Reader::terminal(history(), job.color) } else { None };
    let reader = reader.unwrap_or(Reader::Stream);
    let mut session = Session { reader, main, number: 0, process: std::process::id() };
    if !quiet {
        let (version, mode) = (env!("CARGO_PKG_VERSION"), gil::mode());
        eprintln!("minipy {version} (GIL mode {mode}). Type %help for commands, Ctrl-D to leave.");
    }
    let code = session.go(th);
    session.reader.end();
    code
}

impl Session {
    fn go(&mut self, th: &mut Thread) -> i32 {
        while let Some(text) = self.statement(th) {
            if text.trim().is_empty() {
                continue;
            }
            if matches!(text.trim(), "exit" | "quit") {
                return 0;
            }
            self.reader.remember(text.trim_end());
            self.number += 1;
            let outcome = match text.trim_start().strip_prefix('%') {
                Some(command) => percent::run(th, self.main, command.trim(), self.number),
                None => run(th, self.main, &text, self.number),
            };
            if let Err(Raised) = outcome {
                if th.raised_is(C::SystemExit) {
                    return uncaught(th);
                }
                show_exception(th);
            }
            flush_streams(th);
            if std::process::id() != self.process {
                return 0;
            }
        }
        0
    }

    /// Reads lines until they are a whole statement, or wrong. `None` at the end of input.
    fn statement(&mut self, th: &mut Thread) -> Option<String> {
        let mut text = String::new();
        loop {
            let prompt = if text.is_empty() { ">>> " } else { "... " };
            match self.reader.read(th, prompt, &text, &mut |th, before| candidates(th, self.main, before)) {
                Line::Text(line) => {
                    if !text.is_empty() {
                        text.push('\n');
                    }
                    // What auto-indent wrote is no reason to go on with a block.
                    text.push_str(if line.trim().is_empty() { "" } else { &line });
                }
                Line::Interrupted => {
                    eprintln!("KeyboardInterrupt");
                    text.clear();
                    continue;
                }
                Line::End if text.is_empty() => {
                    if std::io::stdout().is_terminal() {
                        println!();
                        let _ = std::io::stdout().flush();
                    }
                    return None;
                }
                Line::End => return Some(paste::clean(&text) + "\n"),
            }
            if text.trim_start().starts_with('%') {
                return Some(text);
            }
            let clean = paste::clean(&text);
            if clean.trim().is_empty() {
                return Some(String::new());
            }
            match grammar::parse(&clean, grammar::Mode::Interactive) {
                Err(faults) if faults.is_incomplete() => {}
                _ => return Some(clean),
            }
        }
    }
}

/// Compiles and runs what was typed as statement `number`.
fn run(th: &mut Thread, main: Value, text: &str, number: usize) -> R<()> {
    let name = format!("<input-{number}>");
    let code = import::compile_text(th, text, &name, Mode::Interactive)?;
    let f = load::module_function(th, &code, main)?;
    th.call(f, &[]).map(drop)
}

/// What could stand at the end of `before`: how many bytes of it they replace, and the candidates.
fn candidates(th: &mut Thread, main: Value, before: &str) -> (usize, Vec<String>) {
    let found = library(th, "complete", before, main).and_then(|all| {
        let mut out = Vec::new();
        if let Some(list) = all.cast::<List>() {
            let mut at = 0;
            while let Some(item) = crate::heap::list::get(&mut th.heap, list, at) {
                out.push(th.str_text(item)?);
                at += 1;
            }
        }
        Ok(out)
    });
    match found {
        // The first tells how much is replaced.
        Ok(mut all) if !all.is_empty() => {
            let width = all.remove(0).parse().unwrap_or(0);
            (width, all)
        }
        Ok(_) => (0, Vec::new()),
        Err(Raised) => {
            th.take_raised();
            (0, Vec::new())
        }
    }
}

/// Calls a function of the prompt's part in the library with a text and the namespace of `__main__`.
fn library(th: &mut Thread, function: &str, text: &str, main: Value) -> R {
    let module = import::import_full(th, "_prompt")?;
    let name = th.intern(function)?;
    let f = th.getattr(module, name)?;
    let text = th.str(text)?;
    th.call(f, &[text, main])
}
