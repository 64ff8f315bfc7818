//! Patterns.

use super::{Cx, Made, binary, binary_step, refuse};
use crate::tree::*;

fn pattern(l: u32, kind: PatternKind, r: u32) -> Pattern {
    Pattern { kind, span: Span::new(l, r) }
}

/// A literal or a dotted name.
pub fn value_pattern(value: Expr) -> Pattern {
    let span = value.span;
    Pattern { kind: PatternKind::Value(value), span }
}

/// `None`, `True` or `False`.
pub fn singleton_pattern(value: Expr) -> Pattern {
    let span = value.span;
    Pattern { kind: PatternKind::Singleton(value), span }
}

/// A name that is bound, or `_`.
pub fn capture_pattern(name: Ident) -> Pattern {
    let span = name.span;
    let kind = if &*name.name == "_" { PatternKind::Wildcard } else { PatternKind::Capture(name) };
    Pattern { kind, span }
}

/// `*name`.
pub fn star_pattern(l: u32, name: Ident, r: u32) -> Pattern {
    pattern(l, PatternKind::Star((&*name.name != "_").then_some(name)), r)
}

/// `inner as name`.
pub fn as_pattern(l: u32, inner: Pattern, name: Ident, r: u32) -> Made<Pattern> {
    if &*name.name == "_" {
        return refuse(name.span, "cannot use '_' as a target");
    }
    Ok(pattern(l, PatternKind::As { pattern: Box::new(inner), name }, r))
}

/// Alternatives.
pub fn or_pattern(l: u32, alternatives: Vec<Pattern>, r: u32) -> Pattern {
    pattern(l, PatternKind::Or(alternatives), r)
}

/// A sequence, whatever brackets it has.
pub fn sequence_pattern(l: u32, mut items: Vec<Pattern>, last: Option<Pattern>, r: u32) -> Made<Pattern> {
    items.extend(last);
    if items.iter().filter(|item| matches!(item.kind, PatternKind::Star(_))).nth(1).is_some() {
        return refuse(Span::new(l, r), "multiple starred expressions in sequence pattern");
    }
    Ok(pattern(l, PatternKind::Sequence(items), r))
}

/// A mapping; only its last item may be `**rest`.
pub fn mapping_pattern(l: u32, pieces: Vec<(Expr, Option<Pattern>)>, r: u32) -> Made<Pattern> {
    let mut items = Vec::with_capacity(pieces.len());
    let mut rest: Option<Ident> = None;
    for (key, value) in pieces {
        if rest.is_some() {
            return refuse(key.span, "double star pattern must be the last (right-most) subpattern");
        }
        match (value, key.kind) {
            (Some(value), kind) => items.push((Expr { kind, ..key }, value)),
            (None, ExprKind::Name(name)) if &*name != "_" => rest = Some(Ident { name, span: key.span }),
            (None, _) => return refuse(key.span, "invalid syntax"),
        }
    }
    Ok(pattern(l, PatternKind::Mapping { items, rest }, r))
}

/// A class with patterns for its attributes.
pub fn class_pattern(l: u32, class: Expr, args: Vec<(Option<Ident>, Pattern)>, r: u32) -> Made<Pattern> {
    let mut positional = Vec::new();
    let mut keywords: Vec<(Ident, Pattern)> = Vec::new();
    for (name, value) in args {
        match name {
            None if !keywords.is_empty() => {
                return refuse(value.span, "positional patterns follow keyword patterns");
            }
            None => positional.push(value),
            Some(name) => {
                if keywords.iter().any(|(earlier, _)| earlier.name == name.name) {
                    let message = format!("attribute name repeated in class pattern: {}", name.name);
                    return refuse(value.span, message);
                }
                keywords.push((name, value));
            }
        }
    }
    Ok(pattern(l, PatternKind::Class { class, positional, keywords }, r))
}

/// `real + imaginary`.
pub fn complex_pattern(cx: &Cx, real: Expr, op: BinaryOp, op_span: Span, imaginary: Expr) -> Made<Expr> {
    let plain = match &real.kind {
        ExprKind::Unary { operand, .. } => &operand.kind,
        kind => kind,
    };
    if let ExprKind::Imaginary(_) = plain {
        return refuse(real.span, "real number required in complex literal");
    }
    if !matches!(imaginary.kind, ExprKind::Imaginary(_)) {
        return refuse(imaginary.span, "imaginary number required in complex literal");
    }
    let (l, r) = (real.span.start, imaginary.span.end);
    Ok(binary(cx, l, real, vec![binary_step(op, op_span.start, op_span.end, imaginary)], r))
}

/// A string in a pattern has no fields.
pub fn pattern_string(value: Expr) -> Made<Expr> {
    match value.kind {
        ExprKind::FString(_) => refuse(value.span, "patterns may only match literals and attribute lookups"),
        _ => Ok(value),
    }
}
