//! The prompt: statements typed one by one. Invariant: reading a line happens in the door, so that other threads run
//! while the user thinks; a statement that fails leaves the session as it was.

use super::run::{flush_streams, show_exception, uncaught};
use crate::code::Mode;
use crate::heap::Value;
use crate::heap::known::C;
use crate::run::{R, Raised, Thread, door, gil, import, load};
use minipy_grammar as grammar;
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::io::{BufRead, IsTerminal, Write};
use std::path::PathBuf;

/// What a line came to.
enum Line {
    Text(String),
    Interrupted,
    End,
}

/// Where lines come from.
enum Source {
    Terminal(Box<DefaultEditor>),
    Stream,
}

impl Source {
    fn read(&mut self, prompt: &str) -> Line {
        match self {
            Source::Terminal(editor) => match editor.readline(prompt) {
                Ok(text) => Line::Text(text),
                Err(ReadlineError::Interrupted) => Line::Interrupted,
                Err(_) => Line::End,
            },
            Source::Stream => {
                eprint!("{prompt}");
                let mut text = String::new();
                match std::io::stdin().lock().read_line(&mut text) {
                    Ok(n) if n > 0 => Line::Text(text.trim_end_matches(['\n', '\r']).to_string()),
                    _ => Line::End,
                }
            }
        }
    }
}

fn history() -> Option<PathBuf> {
    match std::env::var_os("MINIPY_HISTORY") {
        Some(p) if p.is_empty() => None,
        Some(p) => Some(PathBuf::from(p)),
        None => std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".minipy_history")),
    }
}

/// Runs the prompt until Ctrl-D or `exit()`; gives the exit code. `quiet`: after a program, without the greeting.
pub fn prompt(th: &mut Thread, main: Value, quiet: bool) -> i32 {
    let mut source = match DefaultEditor::new() {
        Ok(editor) if std::io::stdin().is_terminal() => Source::Terminal(Box::new(editor)),
        _ => Source::Stream,
    };
    let file = history();
    if let (Source::Terminal(editor), Some(file)) = (&mut source, &file) {
        // No history yet is no fault.
        let _ = editor.load_history(file);
    }
    if !quiet {
        let mode = gil::mode();
        eprintln!("minipy {} (GIL mode {mode}). Ctrl-D leaves.", env!("CARGO_PKG_VERSION"));
    }
    let mut code = 0;
    let mut number = 0;
    while let Some(text) = statement(th, &mut source) {
        if text.trim().is_empty() {
            continue;
        }
        if let Source::Terminal(editor) = &mut source {
            let _ = editor.add_history_entry(text.trim_end());
        }
        number += 1;
        if let Err(Raised) = run(th, main, &text, number) {
            if th.raised_is(C::SystemExit) {
                code = uncaught(th);
                break;
            }
            show_exception(th);
        }
        flush_streams(th);
    }
    if let (Source::Terminal(editor), Some(file)) = (&mut source, &file) {
        // A history that cannot be kept is no reason to end otherwise.
        let _ = editor.save_history(file);
    }
    code
}

/// Reads lines until they are a whole statement, or wrong. `None` at the end of input.
fn statement(th: &mut Thread, source: &mut Source) -> Option<String> {
    let mut text = String::new();
    loop {
        let prompt = if text.is_empty() { ">>> " } else { "... " };
        match door::opaque(th, door::Kind::ReadLine, || source.read(prompt)) {
            Line::Text(line) if text.is_empty() => text = line,
            Line::Text(line) => {
                text.push('\n');
                text.push_str(&line);
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
            Line::End => return Some(text + "\n"),
        }
        match grammar::parse(&text, grammar::Mode::Interactive) {
            Err(faults) if faults.is_incomplete() => {}
            _ => return Some(text),
        }
    }
}

fn run(th: &mut Thread, main: Value, text: &str, number: usize) -> R<()> {
    let name = format!("<input-{number}>");
    let code = import::compile_text(th, text, &name, Mode::Interactive, false)?;
    let f = load::module_function(th, &code, main)?;
    th.call(f, &[]).map(drop)
}
