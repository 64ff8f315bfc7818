//! Strings: single, joined, and with fields.

use super::{Cx, Made, fail, refuse};
use crate::literal::{self, Literal};
use crate::tree::*;
use std::borrow::Cow;

/// One of several strings side by side.
pub enum Piece {
    Plain(Literal, Span),
    Fields(Vec<FPart>, Span),
}

/// What may follow the expression in a field.
pub struct FieldTail {
    /// The end of `=`.
    pub equals: Option<u32>,
    /// The place of `!`, and what follows it.
    pub conversion: Option<(u32, Ident)>,
    pub spec: Option<Vec<FPart>>,
}

fn plain(cx: &Cx, l: u32, r: u32) -> Made<Literal> {
    literal::value(cx.slice(l, r), Span::new(l, r)).or_else(fail)
}

fn kind_of(literal: Literal) -> ExprKind {
    match literal {
        Literal::Text(text) => ExprKind::Str(text),
        Literal::Bytes(bytes) => ExprKind::Bytes(bytes),
    }
}

/// A string without neighbours.
pub fn string(cx: &Cx, l: u32, r: u32) -> Made<Expr> {
    Ok(cx.node(l, kind_of(plain(cx, l, r)?), r))
}

/// A string with neighbours.
pub fn plain_piece(cx: &Cx, l: u32, r: u32) -> Made<Piece> {
    Ok(Piece::Plain(plain(cx, l, r)?, Span::new(l, r)))
}

/// An f-string with neighbours.
pub fn fstring_piece(l: u32, parts: Vec<FPart>, r: u32) -> Piece {
    Piece::Fields(parts, Span::new(l, r))
}

/// An f-string without neighbours.
pub fn fstring(cx: &Cx, l: u32, parts: Vec<FPart>, r: u32) -> Expr {
    cx.node(l, ExprKind::FString(parts), r)
}

/// Strings side by side become one.
pub fn joined(cx: &Cx, l: u32, pieces: Vec<Piece>, r: u32) -> Made<Expr> {
    let is_bytes = |piece: &Piece| matches!(piece, Piece::Plain(Literal::Bytes(_), _));
    let first_is_bytes = is_bytes(&pieces[0]);
    if pieces.iter().any(|piece| is_bytes(piece) != first_is_bytes) {
        let span = match &pieces[0] {
            Piece::Plain(_, span) | Piece::Fields(_, span) => *span,
        };
        return refuse(span.to(Span::new(r, r)), "cannot mix bytes and nonbytes literals");
    }
    let has_fields = pieces.iter().any(|piece| matches!(piece, Piece::Fields(..)));
    let mut bytes = Vec::new();
    let mut parts = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Plain(Literal::Text(Text(text)) | Literal::Bytes(text), _) if has_fields => {
                append(&mut parts, text);
            }
            Piece::Plain(Literal::Text(Text(text)) | Literal::Bytes(text), _) => {
                bytes.extend_from_slice(&text)
            }
            Piece::Fields(fields, _) => {
                for part in fields {
                    match part {
                        FPart::Literal(Text(text)) => append(&mut parts, text),
                        field => parts.push(field),
                    }
                }
            }
        }
    }
    let kind = if has_fields {
        ExprKind::FString(parts)
    } else if first_is_bytes {
        ExprKind::Bytes(bytes.into())
    } else {
        ExprKind::Str(Text(bytes.into()))
    };
    Ok(cx.node(l, kind, r))
}

/// Appends literal text, to the literal before it if there is one.
fn append(parts: &mut Vec<FPart>, text: Box<[u8]>) {
    if text.is_empty() {
        return;
    }
    if let Some(FPart::Literal(last)) = parts.last_mut() {
        last.0 = [&*last.0, &*text].concat().into();
    } else {
        parts.push(FPart::Literal(Text(text)));
    }
}

/// Appends text in which braces are doubled.
pub fn push_doubled(cx: &Cx, mut parts: Vec<FPart>, l: u32, raw: bool, r: u32) -> Made<Vec<FPart>> {
    let text = literal::decode_doubled(cx.slice(l, r), raw, Span::new(l, r)).or_else(fail)?;
    append(&mut parts, text);
    Ok(parts)
}

/// Appends text of a format specification.
pub fn push_text(cx: &Cx, mut parts: Vec<FPart>, l: u32, raw: bool, r: u32) -> Made<Vec<FPart>> {
    let text = literal::decode(cx.slice(l, r), raw, Span::new(l, r)).or_else(fail)?;
    append(&mut parts, text);
    Ok(parts)
}

/// Appends a field, and before it the text of a field that shows itself.
pub fn push_field(
    cx: &Cx,
    mut parts: Vec<FPart>,
    l: u32,
    value: Expr,
    tail: FieldTail,
    r: u32,
) -> Made<Vec<FPart>> {
    super::target::check_plain(&value)?;
    let mut conversion = None;
    if let Some((bang, word)) = tail.conversion {
        if word.span.start != bang + 1 {
            let message = "f-string: conversion type must come right after the exclamation mark";
            return refuse(Span::new(bang, word.span.end), message);
        }
        conversion = match &*word.name {
            "r" => Some('r'),
            "s" => Some('s'),
            "a" => Some('a'),
            other => {
                let message =
                    format!("f-string: invalid conversion character '{other}': expected 's', 'r', or 'a'");
                return refuse(word.span, message);
            }
        };
    }
    if let Some(equals) = tail.equals {
        let end = equals + blanks(cx.slice(equals, r)) as u32;
        let shown = without_comments(cx.slice(l + 1, end));
        append(&mut parts, literal::decode(&shown, true, value.span).or_else(fail)?);
        if conversion.is_none() && tail.spec.is_none() {
            conversion = Some('r');
        }
    }
    parts.push(FPart::Field(Box::new(FField { value, conversion, spec: tail.spec, span: Span::new(l, r) })));
    Ok(parts)
}

/// How many bytes of blanks, line ends and comments `text` begins with.
fn blanks(text: &str) -> usize {
    let mut rest = text.trim_start();
    while rest.starts_with('#') {
        rest = rest.find('\n').map_or("", |end| rest[end..].trim_start());
    }
    text.len() - rest.len()
}

/// The text of an expression that shows itself, less its comments.
fn without_comments(text: &str) -> Cow<'_, str> {
    if !text.contains('#') {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    let (mut quote, mut escaped, mut comment) = (None, false, false);
    for char in text.chars() {
        comment = comment && char != '\n' || quote.is_none() && char == '#';
        if comment {
            continue;
        }
        match quote {
            Some(open) if char == open && !escaped => quote = None,
            None if matches!(char, '"' | '\'') => quote = Some(char),
            _ => {}
        }
        escaped = char == '\\' && !escaped;
        shown.push(char);
    }
    shown.into()
}
