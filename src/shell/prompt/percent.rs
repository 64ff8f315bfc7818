//! The commands of the prompt: `%gil`, `%threads` and the others. Invariant: what a command prints goes through
//! `sys.stdout`, like what a statement prints.

use super::library;
use crate::code::{Mode as CodeMode, dis};
use crate::heap::Value;
use crate::heap::object::Function;
use crate::run::gil::{self, Mode};
use crate::run::show::nearest;
use crate::run::{R, Thread, frame, import, load};
use crate::shell::{dump, report};

/// Commands, what follows them, and what they do.
const COMMANDS: [(&str, &str, &str); 9] = [
    ("gil", "[MODE]", "show or change the GIL mode, while threads run"),
    ("threads", "", "every thread: what it does, at which line, what it waits for"),
    ("time", "STATEMENT", "run it once and say how long it took"),
    ("timeit", "STATEMENT", "run it often and say how long one run takes"),
    ("dis", "STATEMENT", "its instructions, or those of a function by its name"),
    ("report", "STATEMENT", "run it and say who ran and who waited for the GIL"),
    ("load", "FILE", "run a file here, so that its names are yours"),
    ("who", "", "the names that you have defined"),
    ("help", "", "this list"),
];

/// Runs `command`, the line without its `%`.
pub fn run(th: &mut Thread, main: Value, command: &str, number: usize) -> R<()> {
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    let Some((_, what, _)) = COMMANDS.iter().find(|c| c.0 == word) else {
        let hint = match nearest(word, COMMANDS.iter().map(|c| c.0)) {
            Some(near) => format!("did you mean %{near}?"),
            None => "%help lists them".to_string(),
        };
        return say(th, main, &format!("no command %{word}; {hint}"));
    };
    if rest.is_empty() && !what.is_empty() && !what.starts_with('[') {
        return say(th, main, &format!("usage: %{word} {what}"));
    }
    match word {
        "gil" => gil(th, main, rest),
        "threads" => threads(th, main),
        "dis" => listing(th, main, rest, number),
        "report" => report_of(th, main, rest, number),
        "help" => {
            let line = |c: &(&str, &str, &str)| format!("{:<18} {}", format!("%{} {}", c.0, c.1), c.2);
            let list: Vec<String> = COMMANDS.iter().map(line).collect();
            say(th, main, &list.join("\n"))
        }
        _ => library(th, word, rest, main).map(drop),
    }
}

fn say(th: &mut Thread, main: Value, text: &str) -> R<()> {
    library(th, "say", text, main).map(drop)
}

fn gil(th: &mut Thread, main: Value, rest: &str) -> R<()> {
    if !rest.is_empty() {
        match Mode::parse(rest) {
            Some(mode) => gil::change(th, mode),
            None => {
                let why = format!(
                    "'{rest}' is no GIL mode; it is py310, py32, py2, ticks[:N], off or a version such as 3.8"
                );
                return say(th, main, &why);
            }
        }
    }
    let mode = gil::mode();
    say(th, main, &format!("GIL mode {mode}"))
}

fn threads(th: &mut Thread, main: Value) -> R<()> {
    let text = dump::text(th);
    say(th, main, text.trim_end())
}

fn listing(th: &mut Thread, main: Value, rest: &str, number: usize) -> R<()> {
    let known = if rest.chars().all(|c| c.is_alphanumeric() || c == '_') {
        let name = th.intern(rest)?;
        th.dict_get_name(main, name)
    } else {
        None
    };
    let text = match known.and_then(|v| v.cast::<Function>()) {
        Some(f) => {
            let code = frame::code_of(f);
            let source = import::source(&code.filename);
            dis::listing(code, source.as_deref().unwrap_or(""))
        }
        None => {
            let name = format!("<input-{number}>");
            let code = import::compile_text(th, rest, &name, CodeMode::Interactive)?;
            dis::listing(&code, rest)
        }
    };
    say(th, main, text.trim_end())
}

fn report_of(th: &mut Thread, main: Value, rest: &str, number: usize) -> R<()> {
    let name = format!("<input-{number}>");
    let code = import::compile_text(th, rest, &name, CodeMode::Interactive)?;
    let f = load::module_function(th, &code, main)?;
    let (outcome, text) = report::of_call(th, f, &name, rest);
    let mark = th.keep(outcome.unwrap_or(Value::UNBOUND));
    super::flush_streams(th);
    eprint!("{text}");
    th.drop_kept(mark);
    outcome.map(drop)
}
