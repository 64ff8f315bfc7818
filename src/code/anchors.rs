//! The source lines of a traceback entry with marks under the part that failed; within it `^` stresses the operator of
//! a binary operation, the brackets of a subscript, the argument list of a call, and `~` marks the rest (as CPython
//! 3.13 and later show them).

use minipy_grammar::tree::{ExprKind, StmtKind};
use minipy_grammar::{Mode, display_width, parse};
use std::collections::BTreeSet;

/// What to show.
#[derive(Debug, PartialEq)]
pub enum Shown {
    /// A source line, or the marks below one.
    Line(String),
    /// So many lines are left out.
    Skipped(usize),
}

/// The lines without their common indentation, each followed by its marks; nothing is marked where that would say no
/// more than the line itself. `col` counts bytes in the first line, `end_col` in the last.
pub fn marked(lines: &[&str], col: usize, end_col: usize) -> Vec<Shown> {
    let indent = |l: &&str| l.len() - l.trim_start().len();
    let cut = lines.iter().filter(|l| !l.is_empty()).map(indent).min().unwrap_or(0);
    let lines: Vec<&str> = lines.iter().map(|l| l.get(cut..).unwrap_or("")).collect();
    let text = lines.join("\n");
    let start = col.saturating_sub(cut).min(lines[0].len());
    let last = lines[lines.len() - 1];
    let end = text.len() - last.len() + end_col.saturating_sub(cut).min(last.len());
    let whole = start > end || !text.is_char_boundary(start) || !text.is_char_boundary(end);
    let blamed = if whole { None } else { anchors(&text[start..end]).map(|(a, b)| (start + a, start + b)) };
    let marks = !whole && worth_marking(&text, start, end, blamed.is_some());
    let line_of = |at: usize| text[..at].matches('\n').count();
    let mut wanted = BTreeSet::from([0, lines.len() - 1]);
    if let Some((a, b)) = blamed {
        for n in [line_of(a), line_of(b)] {
            wanted.extend(n.saturating_sub(1)..(n + 2).min(lines.len()));
        }
    }
    let mut out = Vec::new();
    let show = |n: usize, out: &mut Vec<Shown>| {
        let line = lines[n];
        out.push(Shown::Line(line.to_string()));
        if !marks {
            return;
        }
        let from = lines[..n].iter().map(|l| l.len() + 1).sum::<usize>();
        let inside = line.len() - line.trim_start().len();
        let mut row = String::new();
        for (i, c) in line.char_indices() {
            let at = from + i;
            let mark = match blamed {
                _ if i < inside || at < start => ' ',
                _ if at >= end => break,
                Some((a, b)) if at < a || at >= b => '~',
                _ => '^',
            };
            row.extend(std::iter::repeat_n(mark, display_width(c.encode_utf8(&mut [0; 4]))));
        }
        out.push(Shown::Line(row));
    };
    let mut before = None;
    for &n in &wanted {
        match before.map_or(0, |b: usize| n - b - 1) {
            0 => {}
            1 => show(n - 1, &mut out),
            skipped => out.push(Shown::Skipped(skipped)),
        }
        show(n, &mut out);
        before = Some(n);
    }
    out
}

/// Marks say nothing where the failing part is all there is, or the call that a line returns or assigns.
fn worth_marking(text: &str, start: usize, end: usize, blamed: bool) -> bool {
    if let Ok(tree) = parse(text, Mode::File) {
        let value = match tree.body.first().map(|s| &s.kind) {
            None => return false,
            Some(StmtKind::Return(Some(v))) => match &v.kind {
                ExprKind::Call { func, .. } if matches!(func.kind, ExprKind::Name(_)) => Some(v.span),
                _ => None,
            },
            Some(StmtKind::Assign { value, .. }) if matches!(value.kind, ExprKind::Call { .. }) => {
                Some(value.span)
            }
            _ => None,
        };
        if value.is_some_and(|s| (s.start as usize, s.end as usize) == (start, end)) {
            return false;
        }
    }
    blamed || !text[..start].trim().is_empty() || !text[end..].trim().is_empty()
}

/// Byte range in `segment` (the failing expression) to be marked `^`; the rest is marked `~`.
fn anchors(segment: &str) -> Option<(usize, usize)> {
    // Within brackets, so that line breaks do not end the expression.
    let tree = parse(&format!("(\n{segment}\n)"), Mode::Eval).ok()?;
    let StmtKind::Expr(e) = &tree.body.first()?.kind else { return None };
    let bytes = segment.as_bytes();
    let inside = |at: u32| (at as usize).saturating_sub(2);
    match &e.kind {
        ExprKind::Binary { first, rest } => {
            let (step, before) = rest.split_last()?;
            let right = inside(step.right.span.start);
            let mut at = inside(before.last().map_or(first.span.end, |s| s.right.span.end));
            while matches!(bytes.get(at), Some(b' ' | b')' | b'\\' | b'\t' | b'\n')) {
                at += 1;
            }
            let mut end = at + 1;
            while end < right && matches!(bytes.get(end), Some(b'*' | b'/' | b'<' | b'>')) {
                end += 1;
            }
            Some((at, end))
        }
        ExprKind::Subscript { value, .. } => {
            let at = inside(value.span.end);
            let open = at + segment.get(at..)?.find('[')?;
            Some((open, segment.len()))
        }
        ExprKind::Call { func, .. } => {
            let at = inside(func.span.end);
            let open = at + segment.get(at..)?.find('(')?;
            Some((open, segment.len()))
        }
        _ => None,
    }
}
