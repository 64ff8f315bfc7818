//! What the line editor asks while a line is typed: colours, candidates for completion, indentation. Invariant: it
//! touches no values; it asks the main script thread for what only that one can know.

use super::colour;
use super::reader::{Asker, Typed};
use minipy_grammar::{self as grammar, Tok};
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, ConditionalEventHandler, Context, Event, EventContext, Helper, Movement, RepeatCount, Result,
};
use std::borrow::Cow;
use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

/// Spaces of a level.
const LEVEL: usize = 4;

/// The helper of the line editor.
pub struct Help {
    /// The earlier lines of the statement.
    pub before: Arc<Mutex<String>>,
    /// The way to the main script thread.
    pub asker: Asker,
    /// The bracket that stands out.
    pub bracket: Cell<Option<usize>>,
}

impl Help {
    fn earlier(&self) -> String {
        self.before.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Helper for Help {}

impl Validator for Help {}

impl Hinter for Help {
    type Hint = String;
}

impl Highlighter for Help {
    fn highlight<'l>(&self, line: &'l str, _pos: usize) -> Cow<'l, str> {
        Cow::Owned(colour::line(&self.earlier(), line, self.bracket.get()))
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        Cow::Owned(format!("\x1b[1;35m{prompt}\x1b[0m"))
    }

    fn highlight_char(&self, line: &str, pos: usize, kind: CmdKind) -> bool {
        self.bracket.set(if kind == CmdKind::ForcedRefresh { None } else { colour::partner(line, pos) });
        true
    }
}

impl Completer for Help {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> Result<(usize, Vec<Pair>)> {
        let before = self.earlier();
        let text =
            if before.is_empty() { line[..pos].to_string() } else { format!("{before}\n{}", &line[..pos]) };
        let (width, all) = self.asker.candidates(text);
        let pairs = all.into_iter().map(|c| Pair { display: c.clone(), replacement: c }).collect();
        Ok((pos - width.min(pos), pairs))
    }
}

/// Tab: spaces where the line only has blanks so far, else completion.
pub struct Tab;

impl ConditionalEventHandler for Tab {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, cx: &EventContext) -> Option<Cmd> {
        let line = &cx.line()[..cx.pos()];
        let blank = line.rsplit('\n').next().unwrap_or("").trim().is_empty();
        blank.then(|| Cmd::Insert(1, " ".repeat(LEVEL - line.len() % LEVEL)))
    }
}

/// Backspace: a whole level where only blanks stand before it.
pub struct Back;

impl ConditionalEventHandler for Back {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, cx: &EventContext) -> Option<Cmd> {
        let line = cx.line()[..cx.pos()].rsplit('\n').next().unwrap_or("");
        let blank = !line.is_empty() && line.bytes().all(|b| b == b' ');
        let n = if line.len().is_multiple_of(LEVEL) { LEVEL } else { line.len() % LEVEL };
        blank.then_some(Cmd::Kill(Movement::BackwardChar(n as RepeatCount)))
    }
}

/// Ctrl-\: the dump of all threads, as where no line is edited and the terminal itself sends the signal.
pub struct Quit;

impl ConditionalEventHandler for Quit {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, _: &EventContext) -> Option<Cmd> {
        // SAFETY: a signal to this process, which has a handler for it or wants to end by it.
        unsafe { libc::kill(libc::getpid(), libc::SIGQUIT) };
        Some(Cmd::Noop)
    }
}

/// The blanks with which the line behind `text` begins.
pub fn indentation(text: &str) -> String {
    let Some(last) = text.lines().rfind(|l| !l.trim().is_empty()) else { return String::new() };
    if text.trim_start().starts_with(">>>") || text.ends_with('\n') {
        return String::new();
    }
    let own = last.len() - last.trim_start().len();
    let mut depth = 0i32;
    let mut end = None;
    for t in grammar::tokens(text) {
        match t.tok {
            Tok::LParen | Tok::LBracket | Tok::LBrace => depth += 1,
            Tok::RParen | Tok::RBracket | Tok::RBrace => depth -= 1,
            _ => {}
        }
        if t.end > t.start && !text[t.start as usize..].starts_with(['\n', '\r']) {
            end = Some(t);
        }
    }
    let Some(end) = end else { return String::new() };
    let open = text[end.end as usize..]
        .find(['"', '\''])
        .is_some_and(|at| !text[end.end as usize..][..at].contains('#'));
    let first = last.split_whitespace().next().unwrap_or("");
    let width = if open {
        0
    } else if end.tok == Tok::Colon && depth <= 0 {
        own + LEVEL
    } else if depth > 0 {
        own + if matches!(end.tok, Tok::LParen | Tok::LBracket | Tok::LBrace) { LEVEL } else { 0 }
    } else if matches!(first.trim_end_matches(';'), "return" | "pass" | "break" | "continue" | "raise") {
        own.saturating_sub(LEVEL)
    } else {
        own
    };
    " ".repeat(width)
}

/// What rustyline gave back, as the session sees it.
pub fn typed(result: Result<String>) -> Typed {
    match result {
        Ok(text) => Typed::Text(text),
        Err(rustyline::error::ReadlineError::Interrupted) => Typed::Interrupted,
        Err(_) => Typed::End,
    }
}

#[cfg(test)]
mod tests {
    use super::indentation;

    #[test]
    fn blocks_indent() {
        for (text, width) in [
            ("if x:", 4),
            ("if x:  # why", 4),
            ("def f():\n    if x:", 8),
            ("def f():\n    return 1", 0),
            ("def f():\n    if x:\n        pass", 4),
            ("def f():\n    x = 1", 4),
            ("f(", 4),
            ("f(1,\n    2,", 4),
            ("x = {'a': 1,", 0),
            ("s = '''one", 0),
            ("", 0),
        ] {
            assert_eq!(indentation(text).len(), width, "{text}");
        }
    }
}
