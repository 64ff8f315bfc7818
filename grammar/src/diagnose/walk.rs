//! Walking about in the tokens without the grammar: where expressions, brackets and lines begin and end.
//!
//! Everything is iterative; indices past the end read as `End`.

use crate::token::{Tok, Token};

/// Which operators an expression may hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Arithmetic only.
    Operand,
    /// Comparisons and boolean operators too.
    Disjunction,
    /// Everything but `:=` and commas.
    Expression,
}

/// The tokens, to be walked about in.
#[derive(Clone, Copy)]
pub struct Walk<'t> {
    pub tokens: &'t [Token],
}

impl Walk<'_> {
    /// The kind of the token at an index.
    pub fn tok(&self, at: usize) -> Tok {
        self.tokens.get(at).map_or(Tok::End, |token| token.tok)
    }

    /// The index of the first token of the logical line that holds `at`.
    pub fn line_first(&self, at: usize) -> usize {
        let before = self.tokens[..at.min(self.tokens.len())].iter().rposition(|token| {
            matches!(token.tok, Tok::Newline | Tok::Indent | Tok::Dedent | Tok::StartFile | Tok::StartEval)
        });
        before.map_or(0, |index| index + 1)
    }

    /// The index of the innermost bracket that is open before `at`.
    pub fn enclosing(&self, at: usize) -> Option<usize> {
        let mut depth = 0usize;
        for index in (0..at).rev() {
            let tok = self.tok(index);
            if tok.closes() || tok == Tok::FEnd {
                depth += 1;
            } else if tok.opens() || tok == Tok::FStart {
                if depth == 0 {
                    return Some(index);
                }
                depth -= 1;
            } else if tok == Tok::Newline {
                return None;
            }
        }
        None
    }

    /// The index after the bracket or f-string that opens at `at`.
    fn after_group(&self, at: usize) -> Option<usize> {
        let mut depth = 0usize;
        for index in at..self.tokens.len() {
            let tok = self.tok(index);
            if tok.opens() || tok == Tok::FStart {
                depth += 1;
            } else if tok.closes() || tok == Tok::FEnd {
                depth -= 1;
                if depth == 0 {
                    return Some(index + 1);
                }
            }
        }
        None
    }

    /// The index after the operand that begins at `at`, with its prefixes and what is called or indexed on it.
    fn operand(&self, mut at: usize, level: Level) -> Option<usize> {
        while matches!(self.tok(at), Tok::Plus | Tok::Minus | Tok::Tilde | Tok::Await)
            || self.tok(at) == Tok::Not && level != Level::Operand
        {
            at += 1;
        }
        let mut end = match self.tok(at) {
            Tok::Name | Tok::Number | Tok::None | Tok::True | Tok::False | Tok::Ellipsis => at + 1,
            Tok::Str | Tok::FStart => {
                let mut end = at;
                loop {
                    match self.tok(end) {
                        Tok::Str => end += 1,
                        Tok::FStart => end = self.after_group(end)?,
                        _ => break end,
                    }
                }
            }
            tok if tok.opens() => self.after_group(at)?,
            _ => return None,
        };
        loop {
            match self.tok(end) {
                Tok::Dot if self.tok(end + 1) == Tok::Name => end += 2,
                Tok::LParen | Tok::LBracket => match self.after_group(end) {
                    Some(after) => end = after,
                    None => return Some(end),
                },
                _ => return Some(end),
            }
        }
    }

    /// How many tokens the binary operator at `at` has; 0 if there is none.
    fn operator(&self, at: usize, level: Level) -> usize {
        use Tok::*;
        match self.tok(at) {
            Plus | Minus | Star | Slash | SlashSlash | Percent | At | StarStar | Shl | Shr | Amp | Caret
            | Bar => 1,
            _ if level == Level::Operand => 0,
            Not if self.tok(at + 1) == In => 2,
            Is if self.tok(at + 1) == Not => 2,
            EqEq | NotEq | Lt | LtEq | Gt | GtEq | Is | In | And | Or => 1,
            _ => 0,
        }
    }

    /// The index after the longest expression that begins at `at`.
    pub fn expression(&self, mut at: usize, level: Level) -> Option<usize> {
        let mut found = None;
        loop {
            if level == Level::Expression && self.tok(at) == Tok::Lambda {
                while !matches!(self.tok(at), Tok::Colon | Tok::Newline | Tok::End | Tok::FieldColon) {
                    at = if self.tok(at).opens() { self.after_group(at)? } else { at + 1 };
                }
                if self.tok(at) != Tok::Colon {
                    return found;
                }
                at += 1;
                continue;
            }
            let Some(end) = self.operand(at, level) else { return found };
            found = Some(end);
            let operator = self.operator(end, level);
            if operator > 0 {
                at = end + operator;
                continue;
            }
            if level == Level::Expression && self.tok(end) == Tok::If {
                match self.expression(end + 1, Level::Disjunction) {
                    Some(test) if self.tok(test) == Tok::Else => {
                        at = test + 1;
                        continue;
                    }
                    _ => return found,
                }
            }
            return found;
        }
    }

    /// The index after the expressions, with commas between, that begin at `at`.
    pub fn expressions(&self, mut at: usize) -> Option<usize> {
        let mut found = None;
        while let Some(end) = self.expression(at, Level::Expression) {
            found = Some(end);
            if self.tok(end) != Tok::Comma {
                break;
            }
            at = end + 1;
        }
        found
    }

    /// Where the expression begins that ends before `at`, and whether it belongs to a comprehension's clause.
    /// `base` is the index of the bracket around it, or of the token before its line.
    pub fn slot(&self, base: usize, at: usize) -> (usize, bool) {
        let (mut slot, mut clause) = (base + 1, false);
        let mut index = base + 1;
        while index < at {
            match self.tok(index) {
                tok if tok.opens() || tok == Tok::FStart => {
                    match self.after_group(index) {
                        Some(after) if after <= at => index = after,
                        _ => index += 1,
                    }
                    continue;
                }
                Tok::Comma => (slot, clause) = (index + 1, false),
                Tok::For | Tok::Async => (slot, clause) = (index + 1, true),
                Tok::Star | Tok::StarStar if slot == index => slot = index + 1,
                Tok::Colon
                | Tok::Eq
                | Tok::ColonEq
                | Tok::Else
                | Tok::Return
                | Tok::Yield
                | Tok::Semi
                | Tok::While
                | Tok::Elif
                | Tok::Assert
                | Tok::Del
                | Tok::Raise
                | Tok::Lambda
                | Tok::From => {
                    slot = index + 1;
                }
                Tok::If if slot == index => slot = index + 1,
                _ => {}
            }
            index += 1;
        }
        (slot, clause)
    }
}
