//! What is wrong in a field of an f-string.

use super::Place;
use super::walk::Level;
use crate::fault::Fault;
use crate::token::Tok;
use crate::tree::Span;

/// The fault, if the parser stopped directly within a field.
pub fn diagnose(place: &Place) -> Option<Fault> {
    let (cur, prev, at) = (place.cur(), place.prev(), place.at);
    let open = place.bracket.filter(|&index| place.tok(index) == Tok::FieldOpen)?;
    let here = |message: &str| Some(Fault::syntax(place.span(at), format!("f-string: {message}")));
    if prev == Tok::FieldOpen {
        let ends = match cur {
            Tok::FieldClose => "'}'",
            Tok::Bang => "'!'",
            Tok::FieldColon => "':'",
            Tok::Eq => "'='",
            _ => return here("expecting a valid expression after '{'"),
        };
        return here(&format!("valid expression required before {ends}"));
    }
    let inside = &place.tokens[open + 1..at];
    if inside.iter().any(|token| token.tok == Tok::FieldColon) {
        return here("expecting '}', or format specs");
    }
    if let Some(lambda) = inside.iter().position(|token| token.tok == Tok::Lambda)
        && cur == Tok::FieldColon
    {
        let span = Span::new(inside[lambda].start, place.tokens[at].end);
        let message = "f-string: lambda expressions are not allowed without parentheses";
        return Some(Fault::syntax(span, message));
    }
    if prev == Tok::Bang {
        return match cur {
            Tok::FieldClose | Tok::FieldColon => here("missing conversion character"),
            _ => here("invalid conversion character"),
        };
    }
    if prev == Tok::Name && place.tok(at - 2) == Tok::Bang {
        return here("expecting ':' or '}'");
    }
    if prev == Tok::Eq && place.walk.expressions(open + 1) == Some(at - 1) {
        return here("expecting '!', or ':', or '}'");
    }
    if prev.ends_expr() && cur.starts_expr() && place.walk.expression(at, Level::Expression).is_some() {
        return None;
    }
    let expected = match place.walk.expressions(open + 1) {
        Some(end) if end <= at => (end, "expecting '=', or '!', or ':', or '}'"),
        Some(_) => return None,
        None => (open + 1, "expecting a valid expression after '{'"),
    };
    Some(Fault::syntax(place.span(expected.0), format!("f-string: {}", expected.1)))
}
