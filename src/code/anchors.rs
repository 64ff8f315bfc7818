//! Which part of a failing expression the carets stress: the operator of a binary operation, the brackets of a
//! subscript, the argument list of a call (as CPython 3.13 and later show them).

use minipy_grammar::tree::{ExprKind, StmtKind};
use minipy_grammar::{Mode, parse};

/// Byte range in `segment` (one line of source, the failing expression) to be marked `^`; the rest is marked `~`.
pub fn anchors(segment: &str) -> Option<(usize, usize)> {
    let tree = parse(segment, Mode::Eval).ok()?;
    let StmtKind::Expr(e) = &tree.body.first()?.kind else { return None };
    let bytes = segment.as_bytes();
    match &e.kind {
        ExprKind::Binary { first, rest } => {
            let (step, before) = rest.split_last()?;
            let right = &step.right;
            let mut at = before.last().map_or(first.span.end, |s| s.right.span.end) as usize;
            while matches!(bytes.get(at), Some(b' ' | b')' | b'\\' | b'\t')) {
                at += 1;
            }
            let mut end = at + 1;
            while end < right.span.start as usize && matches!(bytes.get(end), Some(b'*' | b'/' | b'<' | b'>'))
            {
                end += 1;
            }
            Some((at, end))
        }
        ExprKind::Subscript { value, .. } => {
            let at = value.span.end as usize;
            let open = at + segment[at..].find('[')?;
            Some((open, segment.len()))
        }
        ExprKind::Call { func, .. } => {
            let at = func.span.end as usize;
            let open = at + segment[at..].find('(')?;
            Some((open, segment.len()))
        }
        _ => None,
    }
}
