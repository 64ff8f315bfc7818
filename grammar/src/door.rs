//! The door: what the rest of minipy calls.

use crate::fault::{Fault, Faults, Kind};
use crate::grammar::TopParser;
use crate::lex::Lexed;
use crate::make::Cx;
use crate::token::{Tok, Token};
use crate::tree::{Module, Span, Stmt, StmtKind};
use crate::{diagnose, lex};
use lalrpop_util::ParseError;

/// What a text is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Statements.
    File,
    /// One expression.
    Eval,
    /// Statements typed line by line, joined by `\n` without one at the end. A compound statement is complete only
    /// when a blank line follows.
    Interactive,
}

/// The tree of `text`.
pub fn parse(text: &str, mode: Mode) -> Result<Module, Faults> {
    if let Some(at) = text.bytes().position(|byte| byte == 0) {
        let fault = Fault::syntax(lex::one(at), "source code cannot contain null bytes");
        return Err(Faults::new(fault, false));
    }
    if u32::try_from(text.len()).is_err() {
        return Err(Faults::new(Fault::syntax(lex::one(0), "source code is too long"), false));
    }
    let start = if mode == Mode::Eval { Tok::StartEval } else { Tok::StartFile };
    let mut lexed = lex::lex(text, start);
    if let Some(fault) = lexed.fault.take() {
        return Err(earlier(text, &mut lexed, &fault).unwrap_or_else(|| Faults::new(fault, lexed.cut)));
    }
    match build(text, &lexed) {
        Ok(body) if mode == Mode::Interactive && is_unfinished(text, &body) => {
            let end = text.len().saturating_sub(1);
            Err(Faults::new(Fault::syntax(lex::one(end), "unexpected EOF while parsing"), true))
        }
        Ok(body) => Ok(Module { body, span: Span::new(0, text.len() as u32) }),
        Err(faults) => Err(faults),
    }
}

/// Runs the parser over the tokens.
fn build(text: &str, lexed: &Lexed) -> Result<Vec<Stmt>, Faults> {
    let cx = Cx::new(text);
    let tokens = lexed.tokens.iter().map(|&Token { tok, start, end }| (start, tok, end));
    let result = TopParser::new().parse(&cx, tokens);
    if let Some(span) = cx.too_deep() {
        return Err(Faults::new(Fault::syntax(span, "too many nested expressions"), false));
    }
    result.map_err(|error| match error {
        ParseError::User { error } => diagnose::checked(text, lexed.open, error),
        error => diagnose::rejected(text, &lexed.tokens, lexed.open, error),
    })
}

/// A fault of the grammar before the place where the lexer stopped. The lexer's goes first, except that an
/// unexpected indent is the likelier cause of what follows it, and wrong indentation a likely consequence.
fn earlier(text: &str, lexed: &mut Lexed, fault: &Fault) -> Option<Faults> {
    let stop = fault.span.start;
    lexed.open = None;
    lexed.tokens.extend([Tok::Newline, Tok::End].map(|tok| Token { tok, start: stop, end: stop }));
    let faults = build(text, lexed).err()?;
    let first = faults.first();
    let layout = fault.kind != Kind::Syntax;
    let wins = first.message == "unexpected indent" || layout;
    let before = &text[..(stop as usize).min(text.len())];
    let line = if layout { before.rfind(['\n', '\r']).map_or(0, |end| end as u32) } else { stop };
    (wins && first.span.start <= line).then(|| Faults::new(first.clone(), false))
}

/// Whether the last statement may go on: it has blocks, and no blank line stands behind it.
fn is_unfinished(text: &str, body: &[Stmt]) -> bool {
    let Some(last) = body.last() else { return false };
    let compound = matches!(
        last.kind,
        StmtKind::If { .. }
            | StmtKind::While { .. }
            | StmtKind::For(_)
            | StmtKind::Try(_)
            | StmtKind::With { .. }
            | StmtKind::FunctionDef(_)
            | StmtKind::ClassDef(_)
            | StmtKind::Match { .. }
    );
    compound && !text.rsplit_once('\n').is_some_and(|(_, last)| last.trim().is_empty())
}

/// The tokens of `text`, as far as the lexer comes: for colouring and for listings.
pub fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = lex::lex(text, Tok::StartFile).tokens;
    tokens.remove(0);
    tokens
}

/// Source text from the bytes of a file.
pub fn decode(bytes: Vec<u8>) -> Result<String, Faults> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = lex::line_of(bytes, at);
        let message = format!(
            "Non-UTF-8 code starting with '\\x{:02x}' on line {line}, but no encoding declared; see \
             https://peps.python.org/pep-0263/ for details",
            bytes[at]
        );
        Faults::new(Fault::syntax(lex::one(at), message), false)
    })
}
