//! Exceptions as text: tracebacks with source lines and carets, chained causes, suggestions. The layout is CPython
//! 3.14's. Invariant: (code, word) becomes text only here.

use super::class::{class_of, is_instance};
use super::frame::code_of;
use super::thread::{R, Raised, Thread};
use super::{import, tag};
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use minipy_grammar::{Fault, Faults, LineIndex};

/// Writes text to descriptor 2 at once.
pub fn stderr(th: &mut Thread, text: &str) {
    let marked = if tag::on() { Some(tag::lines(th, 2, text.as_bytes())) } else { None };
    let mut rest = marked.as_deref().unwrap_or(text.as_bytes());
    th.heap.blocking(|| {
        while !rest.is_empty() {
            // SAFETY: the slice is valid for its length.
            let n = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
            if n < 0 {
                if std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted {
                    continue;
                }
                break;
            }
            rest = &rest[n as usize..];
        }
    });
}

/// `repr(v)` for a message, whatever happens.
pub fn short_repr(th: &mut Thread, v: Value) -> String {
    match th.repr_text(v) {
        Ok(t) => t,
        Err(Raised) => {
            th.take_raised();
            format!("<{} object>", th.type_name(v))
        }
    }
}

/// Adds a note to the exception under way.
pub fn add_note(th: &mut Thread, note: &str) {
    let exc = th.raised;
    if exc.is_kind(Kind::Exception)
        && let Ok(n) = th.str(note)
    {
        th.raised = Value::UNBOUND;
        let mark = th.keep(exc);
        if th.call_method(exc, N::add_note, &[n]).is_err() {
            th.take_raised();
        }
        th.drop_kept(mark);
        th.raised = exc;
    }
}

/// `Name: message` with notes and suggestions, as the last lines of a report.
pub fn only(th: &mut Thread, exc: Value) -> String {
    let class = class_of(exc);
    let name = class_label(th, class);
    if is_instance(exc, C::SyntaxError)
        && let Some(text) = syntax_text(th, exc, &name)
    {
        return text;
    }
    let message = match th.str_text(exc) {
        Ok(m) => m,
        Err(Raised) => {
            th.take_raised();
            "<exception str() failed>".to_string()
        }
    };
    let mut out = if message.is_empty() { name } else { format!("{name}: {message}") };
    if let Some(s) = suggestion(th, exc) {
        out.push_str(&s);
    }
    out.push('\n');
    notes(th, exc, &mut out);
    out
}

fn notes(th: &mut Thread, exc: Value, out: &mut String) {
    if let Some(list) = super::attr::own(exc, N::__notes__.v())
        && let Ok(t) = th.to_tuple(list)
    {
        for n in t.get::<Tuple>().iter() {
            match th.str_text(n) {
                Ok(n) => out.push_str(&format!("{n}\n")),
                Err(Raised) => {
                    th.take_raised();
                }
            }
        }
    }
}

/// The class as reports name it: with its module unless that is `builtins` or `__main__`.
fn class_label(th: &mut Thread, class: Value) -> String {
    let q = class.get::<Class>().qualname.get();
    let q = th.text_of(q).unwrap_or_default();
    let m = super::class::module_of(class);
    match m.map(|m| th.text_of(m)) {
        Some(Ok(m)) if m != "builtins" && m != "__main__" => format!("{m}.{q}"),
        Some(Err(Raised)) => {
            th.take_raised();
            q
        }
        _ => q,
    }
}

// --------------------------------------------------------------------------------------------------------- suggestions

/// The candidate nearest to `wrong`, if near enough (CPython's limits: cost 2 a change, 1 for a case change).
pub fn nearest<'a>(wrong: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for c in candidates {
        if c == wrong || c.is_empty() {
            continue;
        }
        let limit = (wrong.len() + c.len() + 3) * 2 / 6;
        let d = distance(wrong, c);
        if d <= limit && best.is_none_or(|b| d < b.0) {
            best = Some((d, c));
        }
    }
    best.map(|b| b.1.to_string())
}

fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > 40 || b.len() > 40 {
        return usize::MAX;
    }
    let cost = |x: char, y: char| match x == y {
        true => 0,
        false if x.eq_ignore_ascii_case(&y) => 1,
        false => 2,
    };
    let mut row: Vec<usize> = (0..=b.len()).map(|i| i * 2).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = (i + 1) * 2;
        for (j, y) in b.iter().enumerate() {
            let next = (diagonal + cost(*x, *y)).min(row[j] + 2).min(row[j + 1] + 2);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

fn suggestion(th: &mut Thread, exc: Value) -> Option<String> {
    let e = exc.cast::<Exception>()?;
    let name = e.x0.get();
    if is_instance(exc, C::AttributeError) && name.is_kind(Kind::Str) && !e.x1.get().is_unbound() {
        let wrong = th.text_of(name).ok()?;
        if let Some(hint) = shadowed_module(e.x1.get(), &wrong) {
            return Some(hint);
        }
        let names = attribute_names(th, e.x1.get());
        let hint = nearest(
            &wrong,
            names.iter().map(String::as_str).filter(|n| wrong.starts_with('_') || !n.starts_with('_')),
        )?;
        return Some(format!(". Did you mean: '{hint}'?"));
    }
    if is_instance(exc, C::ImportError) && e.x2.get().is_kind(Kind::Str) && e.x3.get().is_kind(Kind::Module) {
        let wrong = th.text_of(e.x2.get()).ok()?;
        let names = attribute_names(th, e.x3.get());
        let hint = nearest(&wrong, names.iter().map(String::as_str))?;
        return Some(format!(". Did you mean: '{hint}'?"));
    }
    if is_instance(exc, C::ModuleNotFoundError) && name.is_kind(Kind::Str) {
        let wrong = th.text_of(name).ok()?;
        // A module that is there was found, but for a part of it.
        if import::is_library_module(&wrong) {
            return None;
        }
        let public = |n: &&str| !n.contains('.') && (wrong.starts_with('_') || !n.starts_with('_'));
        let hint = nearest(&wrong, import::library_modules().filter(public))?;
        return Some(format!(". Did you mean: '{hint}'?"));
    }
    if is_instance(exc, C::NameError)
        && name.is_kind(Kind::Str)
        && let this = e.x1.get()
        && !this.is_unbound()
        && let wrong = th.text_of(name).ok()?
        && attribute_names(th, this).contains(&wrong)
    {
        return Some(format!(". Did you mean: 'self.{wrong}'?"));
    }
    if is_instance(exc, C::NameError) && !is_instance(exc, C::UnboundLocalError) && name.is_kind(Kind::Str) {
        let wrong = th.text_of(name).ok()?;
        let mut names: Vec<String> = Vec::new();
        let mut at = e.traceback.get();
        let mut func = Value::NONE;
        while let Some(t) = at.cast::<Traceback>() {
            func = t.func.get();
            at = t.next.get();
        }
        if let Some(f) = func.cast::<Function>() {
            let code = code_of(f);
            names.extend(code.varnames.iter().chain(&code.freevars).map(|n| n.to_string()));
            names.extend(code.cellvars.iter().map(|c| c.1.to_string()));
            for d in [f.globals.get(), f.builtins.get()] {
                dict_names(d, &mut names);
            }
        }
        if let Some(hint) = nearest(&wrong, names.iter().map(String::as_str)) {
            return Some(format!(". Did you mean: '{hint}'?"));
        }
        if import::is_library_module(&wrong) {
            return Some(format!(". Did you forget to import '{wrong}'?"));
        }
    }
    None
}

/// `queue.Queue` where `queue` is the built-in: the import is missing; `queue()` after `import queue`: it hid it.
fn shadowed_module(o: Value, wrong: &str) -> Option<String> {
    let n = o.cast::<Native>()?;
    // SAFETY: the address was stored from a `&'static Def`.
    let name = unsafe { (*(n.def.get() as *const super::Def)).name };
    if name == "queue"
        && matches!(
            wrong,
            "Queue" | "LifoQueue" | "PriorityQueue" | "SimpleQueue" | "Empty" | "Full" | "ShutDown"
        )
    {
        return Some(format!(". Did you forget 'import {name}'?"));
    }
    None
}

fn dict_names(d: Value, out: &mut Vec<String>) {
    let Some(d) = d.cast::<Dict>() else { return };
    let table = d.table.get();
    let mut at = 0;
    while let Some((next, k, _)) = crate::heap::dict::next_entry(table.get::<DictTable>(), at) {
        at = next + 1;
        if let Some(s) = k.cast::<Str>() {
            out.push(String::from_utf8_lossy(s.bytes()).into_owned());
        }
    }
}

/// Names that `dir` would show, without running user code.
fn attribute_names(_th: &mut Thread, o: Value) -> Vec<String> {
    let mut out = Vec::new();
    match o.kind() {
        Kind::Module => dict_names(o.get::<Module>().dict.get(), &mut out),
        Kind::Instance | Kind::Exception => {
            let s = crate::heap::shape::shape(o.header().shape());
            if s.is_dict {
                if let Some(d) = crate::heap::slots::dict_of(o) {
                    dict_names(d, &mut out);
                }
            } else {
                out.extend(s.names().into_iter().map(|n| n.1));
            }
        }
        _ => {}
    }
    let class = if o.is_kind(Kind::Class) { o } else { class_of(o) };
    if let Some(mro) = class.get::<Class>().mro.get().cast::<Tuple>() {
        for c in mro.iter() {
            dict_names(c.get::<Class>().dict.get(), &mut out);
        }
    }
    out
}

// ------------------------------------------------------------------------------------------------------- syntax errors

/// Raises the SyntaxError for what the grammar found.
pub fn syntax_error(th: &mut Thread, text: &str, file: &str, faults: &Faults) -> Raised {
    wrong_code(th, text, file, faults.first())
}

/// Raises the SyntaxError for a located fault.
pub fn wrong_code(th: &mut Thread, text: &str, file: &str, fault: &Fault) -> Raised {
    let class = match fault.kind.exception() {
        "IndentationError" => C::IndentationError,
        "TabError" => C::TabError,
        _ => C::SyntaxError,
    };
    match syntax_exception(th, text, file, fault, class) {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}

fn syntax_exception(th: &mut Thread, text: &str, file: &str, fault: &Fault, class: C) -> R {
    let index = LineIndex::new(text);
    let (mut line, mut col) = index.position(text, fault.span.start);
    let (mut end_line, end_col) = index.position(text, fault.span.end);
    // A fault at the end of the text belongs to its last line, behind everything in it.
    if fault.span.start as usize >= text.len() && text.ends_with('\n') && col == 0 && line > 1 {
        line -= 1;
        end_line = line;
        col = u32::MAX;
    }
    let message = match &fault.hint {
        Some(h) => format!("{}{}{h}", fault.message, if fault.message.ends_with('.') { " " } else { ". " }),
        None => fault.message.clone(),
    };
    let message = th.str(&message)?;
    let file = th.str(file)?;
    let source = match text.lines().nth(line as usize - 1) {
        Some(l) => th.str(&format!("{l}\n"))?,
        None => Value::NONE,
    };
    let detail = th.tuple(&[
        file,
        Value::int(line as i64),
        Value::int(col.wrapping_add(1) as i64),
        source,
        Value::int(end_line as i64),
        Value::int(end_col as i64 + 1),
    ])?;
    th.call(class.v(), &[message, detail])
}

/// The report of a SyntaxError: the place, the line with carets, the message.
fn syntax_text(th: &mut Thread, exc: Value, name: &str) -> Option<String> {
    let get = |th: &mut Thread, n: &str| -> Option<Value> {
        let key = th.intern(n).ok()?;
        let v = th.getattr_opt(exc, key).ok()??;
        if v.is_none() { None } else { Some(v) }
    };
    let msg = get(th, "msg")?;
    let msg = th.str_text(msg).ok()?;
    let Some(line) = get(th, "lineno") else {
        return Some(format!("{name}: {msg}\n"));
    };
    let line = line.as_int();
    let file = match get(th, "filename") {
        Some(f) => th.str_text(f).ok()?,
        None => "<string>".to_string(),
    };
    let mut out = format!("  File \"{file}\", line {line}\n");
    if let Some(text) = get(th, "text") {
        let text = th.text_of(text).ok()?;
        let text = text.trim_end_matches(['\n', '\r']);
        let stripped = text.trim_start_matches([' ', '\x0c']);
        let indent = text.chars().count() - stripped.chars().count();
        let shown = stripped.trim_end();
        out.push_str(&format!("    {shown}\n"));
        if let Some(col) = get(th, "offset")
            && col.is_int()
            && col.as_int() > indent as i64
        {
            let chars: Vec<char> = text.chars().collect();
            let start = (col.as_int() as usize - 1).min(chars.len()).max(indent);
            let end = match (get(th, "end_lineno"), get(th, "end_offset")) {
                (Some(l), Some(c)) if l.as_int() == line && c.as_int() as usize > start + 1 => {
                    c.as_int() as usize - 1
                }
                (Some(l), _) if l.as_int() > line => chars.len(),
                _ => start + 1,
            };
            let part = |a: usize, b: usize| -> String {
                chars[a.min(chars.len())..b.min(chars.len())].iter().collect()
            };
            // Tabs stay tabs, so that the carets stand below what they mean.
            let before: String = part(indent, start)
                .chars()
                .map(|c| match c {
                    '\t' => c.to_string(),
                    c => " ".repeat(minipy_grammar::display_width(&c.to_string())),
                })
                .collect();
            let marked = minipy_grammar::display_width(&part(start, end)).max(1);
            out.push_str(&format!("    {before}{}\n", "^".repeat(marked)));
        }
    }
    out.push_str(&format!("{name}: {msg}\n"));
    notes(th, exc, &mut out);
    Some(out)
}
