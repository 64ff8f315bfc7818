//! The diagnosis: from the token that the parser could not take to what is most likely wrong.
//!
//! The parser says where it stopped and what it would have taken. The rules here look at the tokens about that
//! place, the most telling first; what none of them knows is "invalid syntax". Nothing here is run on sound text.

mod field;
mod statement;
mod typo;
mod walk;

use crate::fault::{Fault, Faults};
use crate::lex::{line_of, one};
use crate::token::{Tok, Token};
use crate::tree::Span;
use lalrpop_util::ParseError;
use walk::{Level, Walk};

/// The place where the parser stopped.
struct Place<'t> {
    text: &'t str,
    tokens: &'t [Token],
    walk: Walk<'t>,
    /// The index of the token that it could not take.
    at: usize,
    /// What it would have taken, as the grammar spells it.
    expected: &'t [String],
    /// The bracket around `at`.
    bracket: Option<usize>,
}

impl Place<'_> {
    fn tok(&self, at: usize) -> Tok {
        self.walk.tok(at)
    }

    fn cur(&self) -> Tok {
        self.tok(self.at)
    }

    fn prev(&self) -> Tok {
        self.tok(self.at - 1)
    }

    fn word(&self, at: usize) -> &str {
        let token = self.tokens[at];
        &self.text[token.start as usize..token.end as usize]
    }

    /// Whether the parser would have taken a keyword, operator or bracket.
    fn expects(&self, tok: Tok) -> bool {
        let spelling = tok.spelling().unwrap_or("");
        let quoted = |item: &String| {
            item.strip_prefix('"')
                .and_then(|item| item.strip_suffix('"'))
                .is_some_and(|item| item == spelling)
        };
        self.expected.iter().any(quoted)
    }

    /// The span of the token at an index; the end of a line is one character.
    fn span(&self, at: usize) -> Span {
        let token = self.tokens[at.min(self.tokens.len() - 1)];
        match token.tok {
            Tok::Newline | Tok::End | Tok::Dedent => one(token.start as usize),
            _ => token.span(),
        }
    }

    /// The span from one token to before another.
    fn range(&self, from: usize, to: usize) -> Span {
        Span::new(self.tokens[from].start, self.tokens[to - 1].end)
    }

    fn invalid(&self) -> Fault {
        Fault::syntax(self.span(self.at), "invalid syntax")
    }
}

/// A fault that a node builder found; an open bracket on an earlier line is the likelier cause.
pub fn checked(text: &str, open: Option<Token>, fault: Fault) -> Faults {
    match open {
        Some(open) if is_later(text, open, fault.span.start) => Faults::new(unclosed(text, open), false),
        _ => Faults::new(fault, false),
    }
}

/// A token that the grammar does not allow.
pub fn rejected(
    text: &str,
    tokens: &[Token],
    open: Option<Token>,
    error: ParseError<u32, Tok, Fault>,
) -> Faults {
    let ParseError::UnrecognizedToken { token: (start, tok, end), expected } = error else {
        return Faults::new(Fault::syntax(one(text.len()), "invalid syntax"), false);
    };
    let failing = Token { tok, start, end };
    let at = tokens.partition_point(|token| token.start < start);
    let at = (at..tokens.len()).find(|&index| tokens[index] == failing).unwrap_or(tokens.len() - 1);
    let at_end = start as usize >= text.len();
    if let Some(open) = open
        && (at_end || is_later(text, open, start))
    {
        return Faults::new(unclosed(text, open), at_end);
    }
    let walk = Walk { tokens };
    let place = Place { text, tokens, walk, at: at.max(1), expected: &expected, bracket: walk.enclosing(at) };
    let fault = statement::layout(&place)
        .or_else(|| field::diagnose(&place))
        .or_else(|| statement::diagnose(&place))
        .or_else(|| expression(&place))
        .or_else(|| open.is_none().then(|| misspelt(&place)).flatten());
    if let Some(open) = open
        && runs_out(&place, open, fault.as_ref())
    {
        return Faults::new(unclosed(text, open), false);
    }
    let fault = fault.unwrap_or_else(|| place.invalid());
    Faults::new(fault, at_end && matches!(tok, Tok::End | Tok::Dedent))
}

/// Whether an open bracket is the cause: it is what the parser could not take, or the fault that was found reaches
/// to the end of the text.
fn runs_out(place: &Place, open: Token, fault: Option<&Fault>) -> bool {
    match fault {
        None => {
            let inside = place.walk.expressions(place.at + 1).and_then(|end| place.tokens.get(end));
            let at_end = inside.is_some_and(|token| token.start as usize >= place.text.len());
            place.tokens[place.at] == open && place.prev().ends_expr() && at_end
        }
        Some(fault) => {
            let next = place.tokens.iter().find(|token| token.start >= fault.span.end);
            fault.message.starts_with("invalid syntax")
                && next.is_none_or(|next| next.start as usize >= place.text.len())
        }
    }
}

/// Whether a line ends between an open bracket and the place of a fault behind it.
fn is_later(text: &str, open: Token, start: u32) -> bool {
    let between = text.as_bytes().get(open.start as usize..(start as usize).min(text.len()));
    between.is_some_and(|between| between.iter().any(|byte| matches!(byte, b'\n' | b'\r')))
}

fn unclosed(text: &str, open: Token) -> Fault {
    let spelling = &text[open.start as usize..open.end as usize];
    Fault::syntax(one(open.start as usize), format!("'{spelling}' was never closed"))
}

fn misspelt(place: &Place) -> Option<Fault> {
    let (token, keyword) = typo::misspelt(place.text, place.tokens, place.at)?;
    Some(Fault::syntax(token.span(), format!("invalid syntax. Did you mean '{keyword}'?")))
}

/// What is wrong within an expression.
fn expression(place: &Place) -> Option<Fault> {
    legacy_call(place)
        .or_else(|| prefixes(place))
        .or_else(|| place.bracket.and_then(|bracket| in_bracket(place, bracket)))
        .or_else(|| conditional(place))
        .or_else(|| assignment(place))
        .or_else(|| cut_string(place))
        .or_else(|| missing_comma(place))
        .or_else(|| operators(place))
}

/// `print x`.
fn legacy_call(place: &Place) -> Option<Fault> {
    let is_call = |at: usize| {
        let named = place.tok(at) == Tok::Name && matches!(place.word(at), "print" | "exec");
        let bound = matches!(place.tok(at.wrapping_sub(1)), Tok::Dot | Tok::From | Tok::Import | Tok::As);
        let operator = matches!(
            place.tok(at + 1),
            Tok::Not | Tok::LParen | Tok::LBracket | Tok::Plus | Tok::Minus | Tok::WithOpen
        );
        let follows = place.tok(at + 1).starts_expr() && !operator;
        named && !bound && follows
    };
    if matches!(place.tok(place.walk.line_first(place.at)), Tok::From | Tok::Import) {
        return None;
    }
    let start = [place.at - 1, place.at].into_iter().find(|&at| is_call(at))?;
    let name = place.word(start);
    let end = place.walk.expressions(start + 1)?;
    let message = format!("Missing parentheses in call to '{name}'. Did you mean {name}(...)?");
    Some(Fault::syntax(place.range(start, end), message))
}

/// `ur"text"`: the letters before a string do not go together.
fn prefixes(place: &Place) -> Option<Fault> {
    let (before, at) = (place.at - 1, place.at);
    let adjacent = place.tokens[before].end == place.tokens[at].start;
    if place.prev() != Tok::Name || !matches!(place.cur(), Tok::Str | Tok::FStart) || !adjacent {
        return None;
    }
    let prefix: String = place.word(at).split(['"', '\'']).next()?.into();
    let letters = format!("{}{prefix}", place.word(before)).to_ascii_lowercase();
    let pairs = [('u', 'b'), ('u', 'r'), ('u', 'f'), ('b', 'f')];
    let known = letters.len() <= 3 && letters.chars().all(|char| "urbf".contains(char));
    let (a, b) = pairs.into_iter().find(|&(a, b)| known && letters.contains(a) && letters.contains(b))?;
    let start = place.tokens[before].start;
    let span = Span::new(start, start + letters.len() as u32);
    Some(Fault::syntax(span, format!("'{a}' and '{b}' prefixes are incompatible")))
}

fn in_bracket(place: &Place, bracket: usize) -> Option<Fault> {
    let (cur, prev, at) = (place.cur(), place.prev(), place.at);
    let is_def = is_parameters(place, bracket);
    let ends = matches!(cur, Tok::Comma | Tok::RParen | Tok::RBracket | Tok::RBrace);
    match place.tok(bracket) {
        Tok::LParen if is_def => {
            if prev == Tok::Eq && ends {
                return Some(Fault::syntax(place.span(at - 1), "expected default value expression"));
            }
            let mut names = place.tokens[at + 1..].iter().map(|token| token.tok);
            let names = names.find(|tok| !matches!(tok, Tok::Name | Tok::Comma)) == Some(Tok::RParen);
            let begins = matches!(prev, Tok::LParen | Tok::Comma) && place.tok(at + 1) == Tok::Name;
            if cur == Tok::LParen && names && begins {
                let end = place.walk.expression(at, Level::Operand)?;
                return Some(Fault::syntax(
                    place.range(at, end),
                    "Function parameters cannot be parenthesized",
                ));
            }
        }
        Tok::LParen if prev == Tok::Eq && ends && place.tok(at.wrapping_sub(2)) == Tok::Name => {
            return Some(Fault::syntax(place.range(at - 2, at), "expected argument value expression"));
        }
        Tok::LBrace => {
            if let Some(fault) = in_braces(place, bracket) {
                return Some(fault);
            }
        }
        _ => {}
    }
    let alone = matches!(place.tok(at.wrapping_sub(2)), Tok::Comma | Tok::LParen);
    let is_call = place.tok(bracket) == Tok::LParen && place.tok(bracket - 1).ends_expr();
    if prev == Tok::Star && alone && is_call && !cur.starts_expr() && !is_def {
        return Some(Fault::syntax(place.span(at), "Invalid star expression"));
    }
    let displays = matches!(place.tok(bracket), Tok::LBracket | Tok::LBrace);
    if displays && cur == Tok::For && place.tok(bracket - 1) != Tok::Name {
        let end = place.walk.expressions(bracket + 1)?;
        if end == at && place.walk.expression(bracket + 1, Level::Expression)? < at {
            let message = "did you forget parentheses around the comprehension target?";
            return Some(Fault::syntax(place.range(bracket + 1, at), message));
        }
    }
    if place.expects(Tok::In) && cur != Tok::In && place.walk.slot(bracket, at).1 {
        let targets = place.tokens[bracket..at].iter().rposition(|token| token.tok == Tok::For)?;
        if !place.tokens[bracket + targets..at].iter().any(|token| token.tok == Tok::In) {
            return Some(Fault::syntax(place.span(at), "'in' expected after for-loop variables"));
        }
    }
    None
}

/// Whether a bracket holds the parameters of a function.
fn is_parameters(place: &Place, bracket: usize) -> bool {
    let first = place.walk.line_first(bracket);
    let def = if place.tok(first) == Tok::Async { first + 1 } else { first };
    let generic = place.tok(def + 2) == Tok::LBracket && place.tok(bracket - 1) == Tok::RBracket;
    place.tok(def) == Tok::Def && place.tok(bracket) == Tok::LParen && (bracket == def + 2 || generic)
}

/// Dicts.
fn in_braces(place: &Place, bracket: usize) -> Option<Fault> {
    let (cur, prev, at) = (place.cur(), place.prev(), place.at);
    let mut inside = bracket + 1;
    let mut is_dict = false;
    while inside < at && !is_dict {
        is_dict = matches!(place.tok(inside), Tok::Colon);
        inside = match place.walk.expression(inside, Level::Expression) {
            Some(end) if end > inside && end <= at => end,
            _ => inside + 1,
        };
    }
    if prev == Tok::Colon && matches!(cur, Tok::RBrace | Tok::Comma) {
        return Some(Fault::syntax(place.span(at - 1), "expression expected after dictionary key and ':'"));
    }
    if prev == Tok::Colon && cur == Tok::Star {
        let end = place.walk.expression(at + 1, Level::Operand)?;
        let message = "cannot use a starred expression in a dictionary value";
        return Some(Fault::syntax(place.range(at, end), message));
    }
    if is_dict && prev.ends_expr() && place.expects(Tok::Colon) && !place.expects(Tok::Comma) {
        let last = place.tokens[at - 1].end as usize - 1;
        return Some(Fault::syntax(one(last), "':' expected after dictionary key"));
    }
    None
}

/// `a if b`, `pass if a else b`.
fn conditional(place: &Place) -> Option<Fault> {
    let (cur, prev, at) = (place.cur(), place.prev(), place.at);
    let base = place.bracket.unwrap_or(place.walk.line_first(at) - 1);
    if prev == Tok::Else && at - 1 > base + 1 {
        let message = "expected expression after 'else', but statement is given";
        return Some(Fault::syntax(place.span(at), message));
    }
    if matches!(cur, Tok::Pass | Tok::Break | Tok::Continue) && place.tok(at + 1) == Tok::If {
        let test = place.walk.expression(at + 2, Level::Disjunction)?;
        if place.tok(test) == Tok::Else {
            let message = "expected expression before 'if', but statement is given";
            return Some(Fault::syntax(place.span(at), message));
        }
    }
    let (slot, clause) = place.walk.slot(base, at);
    if clause || place.tok(place.walk.line_first(at)) == Tok::Case {
        return None;
    }
    let body = place.walk.expression(slot, Level::Disjunction).filter(|&body| place.tok(body) == Tok::If)?;
    let test = place.walk.expression(body + 1, Level::Disjunction)?;
    if test <= at && !matches!(place.tok(test), Tok::Else | Tok::Colon) {
        return Some(Fault::syntax(place.range(slot, test), "expected 'else' after 'if' expression"));
    }
    None
}

/// `=` where only `==` or `:=` can stand.
fn assignment(place: &Place) -> Option<Fault> {
    let at = place.at;
    if place.cur() != Tok::Eq {
        return None;
    }
    let line = place.walk.line_first(at);
    let base = place.bracket.unwrap_or(line - 1);
    let (slot, clause) = place.walk.slot(base, at);
    let heads = matches!(place.tok(line), Tok::If | Tok::Elif | Tok::While);
    let named = (place.bracket.is_some() || heads) && place.tok(slot - 1) != Tok::Eq;
    if clause || !named || place.walk.expression(slot, Level::Operand)? != at {
        return None;
    }
    let end = place.walk.expression(at + 1, Level::Operand)?;
    if matches!(place.tok(end), Tok::Eq | Tok::ColonEq) {
        return None;
    }
    if at == slot + 1 && place.prev() == Tok::Name {
        let message = "invalid syntax. Maybe you meant '==' or ':=' instead of '='?";
        return Some(Fault::syntax(place.range(slot, end), message));
    }
    let what = statement::describe(place, slot, at)?;
    let message = format!("cannot assign to {what} here. Maybe you meant '==' instead of '='?");
    Some(Fault::syntax(place.range(slot, at), message))
}

/// A string that ends at quotes which were to be part of it.
fn cut_string(place: &Place) -> Option<Fault> {
    if place.prev() != Tok::Str || place.cur() == Tok::FStart {
        return None;
    }
    let mut end = place.walk.expression(place.at, Level::Expression)?;
    while place.tok(end) != Tok::Str {
        end = place.walk.expression(end, Level::Expression)?;
    }
    let message = "invalid syntax. Is this intended to be part of the string?";
    Some(Fault::syntax(place.range(place.at, end), message))
}

/// Two expressions side by side within brackets.
fn missing_comma(place: &Place) -> Option<Fault> {
    // An empty index is rather an empty list.
    let empty = place.prev() == Tok::LBracket && place.cur() == Tok::RBracket;
    let at = if empty { place.at - 1 } else { place.at };
    let bracket = if empty { place.walk.enclosing(at) } else { place.bracket }?;
    let starts = place.tok(at).starts_expr() || place.tok(at) == Tok::Lambda;
    if !place.tok(at - 1).ends_expr() || !starts {
        return None;
    }
    let is_prefix = place.prev() == Tok::Name && matches!(place.cur(), Tok::Str | Tok::FStart);
    let soft = place.prev() == Tok::Name && matches!(place.word(at - 1), "match" | "case" | "type" | "_");
    if (is_prefix || soft) && !place.tok(at.wrapping_sub(2)).is_keyword() && place.tok(at - 2) != Tok::Dot {
        return None;
    }
    let (slot, clause) = place.walk.slot(bracket, at);
    // Parameters, imported names and patterns are no expressions, but defaults and annotations are.
    let head = place.tok(place.walk.line_first(at));
    let names = is_parameters(place, bracket) || matches!(place.tok(bracket - 1), Tok::Import);
    let is_case = head == Tok::Case && place.walk.line_first(at) < bracket;
    let before = place.tok(slot - 1);
    let unpacks = before == Tok::StarStar && place.tok(bracket) == Tok::LBrace;
    if names && !matches!(before, Tok::Eq | Tok::Colon) || is_case || unpacks || before == Tok::Lambda {
        return None;
    }
    let first = place.walk.expression(slot, Level::Disjunction)?;
    if clause || first != if empty { at + 2 } else { at } {
        return None;
    }
    let end = place.walk.expression(at, Level::Expression)?;
    Some(Fault::syntax(place.range(slot, end), "invalid syntax. Perhaps you forgot a comma?"))
}

/// Operators of other languages.
fn operators(place: &Place) -> Option<Fault> {
    let (cur, prev) = (place.cur(), place.prev());
    if cur == Tok::LtGt {
        let message = "invalid syntax.  Maybe you meant '!=' instead of '<>'?";
        return Some(Fault::syntax(place.span(place.at), message));
    }
    let adjacent = place.tokens[place.at - 1].end == place.tokens[place.at].start;
    let hint = match (prev, cur) {
        (Tok::Amp, Tok::Amp) if adjacent => "'and' joins two conditions",
        (Tok::Bar, Tok::Bar) if adjacent => "'or' joins two conditions",
        (Tok::EqEq, Tok::Eq) if adjacent => "'==' compares",
        (_, Tok::Bang) => "'not' negates a condition",
        (Tok::Plus, Tok::Newline) if place.tok(place.at.wrapping_sub(2)) == Tok::Plus => {
            "'x += 1' adds one to x"
        }
        (Tok::Minus, Tok::Newline) if place.tok(place.at.wrapping_sub(2)) == Tok::Minus => {
            "'x -= 1' takes one from x"
        }
        _ => return None,
    };
    Some(place.invalid().with_hint(hint))
}
