//! Tracebacks as text: chained causes, groups, frames with their source lines and carets. The layout is CPython 3.14's.
//! Invariant: (code, word) becomes text only here.

use super::class::is_instance;
use super::frame::code_of;
use super::import;
use super::show::only;
use super::thread::Thread;
use crate::code::anchors::{self, Shown};
use crate::code::data::{Pos, flag};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};

/// Groups within groups shown at most.
const GROUP_DEPTH: usize = 10;
/// Members of a group shown at most.
const GROUP_WIDTH: usize = 15;

/// Text under way, indented by how deep it stands in groups.
struct Out {
    text: String,
    /// Groups around the line.
    depth: usize,
    /// The line below the last member is still to be drawn.
    open: bool,
}

impl Out {
    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n(' ', self.depth * 2));
    }

    /// Adds lines behind the margin of the group they belong to.
    fn lines(&mut self, text: &str, margin: char) {
        if self.depth == 0 {
            self.text.push_str(text);
            return;
        }
        for l in text.split_inclusive('\n') {
            self.indent();
            self.text.extend([margin, ' ']);
            self.text.push_str(l);
        }
    }
}

/// The whole report of an exception, chained ones first.
pub fn exception_text(th: &mut Thread, exc: Value) -> String {
    let mut out = Out { text: String::new(), depth: 0, open: false };
    report(th, exc, &mut out);
    out.text
}

/// Why an exception is shown below another.
fn link(exc: Value) -> Option<(Value, &'static str)> {
    let e = exc.cast::<Exception>()?;
    let (cause, context) = (e.cause.get(), e.context.get());
    if cause.is_kind(Kind::Exception) {
        return Some((cause, "\nThe above exception was the direct cause of the following exception:\n\n"));
    }
    let shown = context.is_kind(Kind::Exception) && e.suppress.get() != Value::TRUE && cause.is_none();
    shown.then_some((context, "\nDuring handling of the above exception, another exception occurred:\n\n"))
}

fn report(th: &mut Thread, exc: Value, out: &mut Out) {
    // The chain stands in a list of the heap: texts are made by user code, which may change the links.
    let mark = th.keep(exc);
    let mut texts = vec![""];
    let mut seen = std::collections::HashSet::from([exc.0]);
    let mut at = exc;
    let mut length = 1;
    while let Some((next, text)) = link(at) {
        if !seen.insert(next.0) {
            break;
        }
        th.keep(next);
        texts.push(text);
        at = next;
        length += 1;
    }
    for i in (0..length).rev() {
        let e = th.kept[mark + i];
        one(th, e, out);
        if i > 0 {
            out.lines(texts[i], '|');
        }
    }
    th.drop_kept(mark);
}

fn one(th: &mut Thread, exc: Value, out: &mut Out) {
    let tb = exc.cast::<Exception>().map_or(Value::NONE, |e| e.traceback.get());
    let mut body = String::new();
    if !tb.is_none() {
        frames(th, tb, &mut body);
    }
    if !is_instance(exc, C::BaseExceptionGroup) {
        if !tb.is_none() {
            out.lines("Traceback (most recent call last):\n", '|');
            out.lines(&body, '|');
        }
        let last = only(th, exc);
        out.lines(&last, '|');
        return;
    }
    if out.depth > GROUP_DEPTH {
        out.lines(&format!("... (max_group_depth is {GROUP_DEPTH})\n"), '|');
        return;
    }
    let top = out.depth == 0;
    out.depth += top as usize;
    if !tb.is_none() {
        out.lines("Exception Group Traceback (most recent call last):\n", if top { '+' } else { '|' });
        out.lines(&body, '|');
    }
    let last = only(th, exc);
    out.lines(&last, if top && tb.is_none() { '+' } else { '|' });
    members(th, exc, out);
    if top {
        out.depth = 0;
    }
}

/// The exceptions of a group, numbered.
fn members(th: &mut Thread, exc: Value, out: &mut Out) {
    let all = match th.getattr_opt(exc, N::exceptions.v()) {
        Ok(Some(list)) => th.to_tuple(list),
        Ok(None) => return,
        Err(e) => Err(e),
    };
    let Ok(all) = all else {
        th.take_raised();
        return;
    };
    let mark = th.keep(all);
    let total = all.get::<Tuple>().len();
    let n = total.min(GROUP_WIDTH + 1);
    for i in 0..n {
        out.open |= i + 1 == n;
        out.indent();
        out.text.push_str(if i == 0 { "+-" } else { "  " });
        let cut = i == GROUP_WIDTH;
        let title = if cut { "...".to_string() } else { (i + 1).to_string() };
        out.text.push_str(&format!("+---------------- {title} ----------------\n"));
        out.depth += 1;
        if cut {
            let rest = total - i;
            out.lines(&format!("and {rest} more exception{}\n", if rest == 1 { "" } else { "s" }), '|');
        } else if !th.native_full() {
            let e = all.get::<Tuple>().iter().nth(i).unwrap_or(Value::NONE);
            report(th, e, out);
        }
        if i + 1 == n && out.open {
            out.indent();
            out.text.push_str("+------------------------------------\n");
            out.open = false;
        }
        out.depth -= 1;
    }
    th.drop_kept(mark);
}

/// The entries of a traceback, repeated ones folded as CPython does.
pub fn frames(th: &mut Thread, tb: Value, out: &mut String) {
    let mut at = tb;
    let mut previous: Option<(u64, i64)> = None;
    let mut repeats = 0;
    while let Some(t) = at.cast::<Traceback>() {
        let line = t.line.get().as_int();
        let here = (t.func.get().0, line);
        if previous == Some(here) {
            repeats += 1;
        } else {
            folded(repeats, out);
            repeats = 0;
            previous = Some(here);
        }
        if repeats < 3 {
            entry(th, t, out);
        }
        at = t.next.get();
    }
    folded(repeats, out);
}

fn folded(repeats: usize, out: &mut String) {
    if repeats > 2 {
        let n = repeats - 2;
        let s = if n == 1 { "" } else { "s" };
        out.push_str(&format!("  [Previous line repeated {n} more time{s}]\n"));
    }
}

fn entry(_th: &mut Thread, t: &Traceback, out: &mut String) {
    let Some(f) = t.func.get().cast::<Function>() else { return };
    let code = code_of(f);
    let line = t.line.get().as_int() as u32;
    out.push_str(&format!("  File \"{}\", line {line}, in {}\n", code.filename, code.name));
    let word = t.word.get().as_int();
    let pos =
        if word >= 0 { code.position(word as u32) } else { Pos { line, end_line: line, ..Pos::default() } };
    if code.flags & flag::LIBRARY != 0 {
        return;
    }
    if let Some(text) = import::source(&code.filename) {
        source_lines(&text, pos, out);
    }
}

/// The source lines of a position, and marks under the part that failed.
fn source_lines(text: &str, pos: Pos, out: &mut String) {
    let first = pos.line.max(1) as usize - 1;
    let count = (pos.end_line.max(pos.line) - pos.line) as usize + 1;
    let lines: Vec<&str> = text.lines().skip(first).take(count).map(str::trim_end).collect();
    let Some(line) = lines.first() else { return };
    if lines.iter().all(|l| l.trim().is_empty()) {
        return;
    }
    let known = pos.col != 0 || pos.end_col != 0;
    if !known || lines.len() != count {
        out.push_str(&format!("    {}\n", line.trim()));
        return;
    }
    for row in anchors::marked(&lines, pos.col as usize, pos.end_col as usize) {
        match row {
            Shown::Line(l) => out.push_str(&format!("    {l}\n")),
            Shown::Skipped(n) => out.push_str(&format!("    ...<{n} lines>...\n")),
        }
    }
}
