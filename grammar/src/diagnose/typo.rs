//! Misspelt keywords: which keyword in place of a name would make the line right.

use super::walk::Walk;
use crate::grammar::TopParser;
use crate::make::Cx;
use crate::token::{KEYWORDS, Tok, Token};
use lalrpop_util::ParseError;
use logos::Logos;

/// How many names of a line are looked at.
const MAX_NAMES: usize = 10;
/// How alike a name and a keyword must be, of 1.
const CUTOFF: f64 = 0.5;

/// A name on the line of the failing token, and the keyword that it was meant to be.
pub fn misspelt(text: &str, tokens: &[Token], at: usize) -> Option<(Token, &'static str)> {
    let walk = Walk { tokens };
    let first = walk.line_first(at);
    let length = tokens[first..].iter().position(|token| token.tok == Tok::Newline)?;
    let line_end = tokens[first + length].start;
    let names = (first..first + length).filter(|&index| tokens[index].tok == Tok::Name).take(MAX_NAMES);
    let mut trial = tokens.to_vec();
    for index in names {
        let word = &text[tokens[index].start as usize..tokens[index].end as usize];
        for keyword in close(word) {
            trial[index].tok = Tok::lexer(keyword).next()?.ok()?;
            if reaches(text, &trial, line_end) {
                return Some((tokens[index], keyword));
            }
        }
        trial[index].tok = Tok::Name;
    }
    None
}

/// Whether the parser comes past `end`.
fn reaches(text: &str, tokens: &[Token], end: u32) -> bool {
    let cx = Cx::new(text);
    let stream = tokens.iter().map(|&Token { tok, start, end }| (start, tok, end));
    match TopParser::new().parse(&cx, stream) {
        Ok(_) => true,
        Err(ParseError::UnrecognizedToken { token, .. }) => token.0 > end,
        Err(ParseError::User { error }) => error.span.start > end,
        Err(_) => false,
    }
}

/// The three keywords most like `word`, the likest first.
fn close(word: &str) -> Vec<&'static str> {
    if word.len() > 16 {
        return Vec::new();
    }
    let scored = KEYWORDS.iter().map(|&keyword| (likeness(word.as_bytes(), keyword.as_bytes()), keyword));
    let mut near: Vec<_> = scored.filter(|pair| pair.0 >= CUTOFF).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(a.1)));
    near.into_iter().take(3).map(|pair| pair.1).collect()
}

/// Twice the share of letters in common parts.
fn likeness(a: &[u8], b: &[u8]) -> f64 {
    2.0 * common(a, b) as f64 / (a.len() + b.len()) as f64
}

/// How many letters lie in the longest common part, and in those to its left and right. The words are short.
fn common(a: &[u8], b: &[u8]) -> usize {
    let (mut length, mut in_a, mut in_b) = (0, 0, 0);
    for i in 0..a.len() {
        for j in 0..b.len() {
            let run = a[i..].iter().zip(&b[j..]).take_while(|(x, y)| x == y).count();
            if run > length {
                (length, in_a, in_b) = (run, i, j);
            }
        }
    }
    if length == 0 {
        return 0;
    }
    length + common(&a[..in_a], &b[..in_b]) + common(&a[in_a + length..], &b[in_b + length..])
}
