//! What is wrong with the layout, or with the form of a statement.

use super::walk::Level;
use super::{Place, line_of};
use crate::fault::Fault;
use crate::lex::one;
use crate::token::Tok;
use crate::tree::Span;

/// Blocks that are missing or not expected.
pub fn layout(place: &Place) -> Option<Fault> {
    let at = place.at;
    if place.expected.iter().any(|item| item == "indent") && place.prev() == Tok::Newline {
        let head = place.walk.line_first(at - 1);
        let line = line_of(place.text.as_bytes(), place.tokens[head].start as usize);
        let message = format!("expected an indented block after {} on line {line}", head_name(place, head));
        return Some(Fault::indentation(place.span(at), message));
    }
    if place.cur() == Tok::Indent {
        let end = place.tokens[at].end as usize;
        return Some(Fault::indentation(one(end.saturating_sub(1)), "unexpected indent"));
    }
    None
}

/// What a block belongs to.
fn head_name(place: &Place, head: usize) -> String {
    let word = if place.tok(head) == Tok::Async { head + 1 } else { head };
    match place.tok(word) {
        Tok::Def => "function definition".into(),
        Tok::Class => "class definition".into(),
        Tok::Except if place.tok(word + 1) == Tok::Star => "'except*' statement".into(),
        _ => format!("'{}' statement", place.word(word)),
    }
}

/// What kind of expression the tokens from `from` to before `to` make up, for a fault about a target.
pub fn describe(place: &Place, from: usize, to: usize) -> Option<&'static str> {
    let last = place.tok(to - 1);
    let postfix = |end: usize| place.walk.expression(from, Level::Operand) == Some(end);
    if !postfix(to) {
        return None;
    }
    if to == from + 1 {
        return match last {
            Tok::Name => Some("name"),
            Tok::Number | Tok::Str => Some("literal"),
            Tok::Ellipsis => Some("ellipsis"),
            tok => tok.spelling(),
        };
    }
    let mut depth = 0usize;
    for at in from..to {
        let tok = place.tok(at);
        if tok.opens() {
            depth += 1;
        } else if tok.closes() {
            depth -= 1;
        } else if depth == 0 && !matches!(tok, Tok::Name | Tok::Dot | Tok::Str | Tok::Number) {
            return Some("expression");
        }
    }
    match last {
        Tok::Name if place.tok(to - 2) == Tok::Dot => Some("attribute"),
        Tok::RParen if place.tok(from) != Tok::LParen => Some("function call"),
        Tok::RBracket if place.tok(from) != Tok::LBracket => Some("subscript"),
        Tok::RBrace => Some("set display"),
        Tok::Str => Some("literal"),
        _ => None,
    }
}

/// The form of statements.
pub fn diagnose(place: &Place) -> Option<Fault> {
    let (cur, prev, at) = (place.cur(), place.prev(), place.at);
    let here = |message: &str| Some(Fault::syntax(place.span(at), message));
    if place.expects(Tok::Except) && place.expects(Tok::Finally) && !place.expects(Tok::Else) {
        return here("expected 'except' or 'finally' block");
    }
    let first = place.walk.line_first(at);
    let head = if place.tok(first) == Tok::Async { first + 1 } else { first };
    if let Some(fault) = alias_target(place, place.tok(head)) {
        return Some(fault);
    }
    if place.bracket.is_some() {
        return None;
    }
    match place.tok(head) {
        Tok::Import | Tok::From => return import(place, first),
        Tok::Except if place.tok(head + 1) == Tok::Star && cur == Tok::Colon && at == head + 2 => {
            return here("expected one or more exception types");
        }
        Tok::Def
            if at >= head + 2 && !place.tokens[head..at].iter().any(|token| token.tok == Tok::LParen) =>
        {
            return here("expected '('");
        }
        Tok::Def if prev == Tok::Arrow => {
            return Some(Fault::syntax(place.span(at - 1), "expected ':'"));
        }
        _ => {}
    }
    if !place.expects(Tok::Colon) {
        return None;
    }
    let forced = match place.tok(head) {
        Tok::Def => matches!(prev, Tok::RParen) || cur == Tok::Newline,
        Tok::Try | Tok::Else | Tok::Finally => at == head + 1,
        Tok::If
        | Tok::Elif
        | Tok::While
        | Tok::For
        | Tok::With
        | Tok::Class
        | Tok::Except
        | Tok::Match
        | Tok::Case => cur == Tok::Newline && place.tok(at.saturating_sub(1)) != Tok::Lambda,
        _ => false,
    };
    if forced && !has_lambda(place, head) {
        return here("expected ':'");
    }
    None
}

/// Whether the colon that is missing could be that of a lambda.
fn has_lambda(place: &Place, head: usize) -> bool {
    let count = |tok| place.tokens[head..place.at].iter().filter(|token| token.tok == tok).count();
    count(Tok::Lambda) > count(Tok::Colon)
}

/// `import a as b.c`, `except a as b.c`, `case a as b.c`.
fn alias_target(place: &Place, head: Tok) -> Option<Fault> {
    let at = place.at;
    let start = [at, at - 1].into_iter().find(|&start| place.tok(start.wrapping_sub(1)) == Tok::As)?;
    let end = place.walk.expression(start, Level::Operand)?;
    if end <= at.saturating_sub(1) {
        return None;
    }
    let what = describe(place, start, end)?;
    if what == "name" {
        return None;
    }
    let message = match head {
        Tok::Import | Tok::From => format!("cannot use {what} as import target"),
        Tok::Except => format!("cannot use except statement with {what}"),
        Tok::Case => format!("cannot use {what} as pattern target"),
        _ => return None,
    };
    Some(Fault::syntax(place.range(start, end), message))
}

fn import(place: &Place, first: usize) -> Option<Fault> {
    let (cur, prev, at) = (place.cur(), place.prev(), place.at);
    if prev == Tok::Import && cur == Tok::Newline {
        return Some(Fault::syntax(place.span(at), "Expected one or more names after 'import'"));
    }
    if prev == Tok::Comma && cur == Tok::Newline && place.tok(first) == Tok::From {
        let message = "trailing comma not allowed without surrounding parentheses";
        return Some(Fault::syntax(place.span(at), message));
    }
    if place.tok(first) == Tok::Import
        && cur == Tok::From
        && prev == Tok::Name
        && place.tok(at + 1) == Tok::Name
    {
        let end = place.walk.expression(at + 1, Level::Operand).unwrap_or(at + 1);
        let span = Span::new(place.tokens[first].start, place.tokens[end - 1].end);
        return Some(Fault::syntax(span, "Did you mean to use 'from ... import ...' instead?"));
    }
    None
}
