//! Old and pasted text: `--pasted`, `minipy fix FILE`, and the hint that names these when a program is no Python 3
//! as it stands. Invariant: nothing is repaired unless it was asked for, and what was repaired is said on stderr.

use super::args::{Program, Run};
use super::{USAGE, product, script};
use minipy_grammar::{Kind, LineIndex, Mode, modern, parse};
use std::sync::Mutex;

/// The hint for the fault of the program's text.
static HINT: Mutex<Option<String>> = Mutex::new(None);

/// The text repaired; says what was done.
pub fn repair(text: &str, name: &str) -> String {
    let done = minipy_grammar::repair(text);
    let short = name.rsplit('/').next().unwrap_or(name);
    if !done.notes.is_empty() {
        eprintln!("minipy: repaired in {short}: {}", done.notes.join("; "));
    }
    done.text
}

/// Keeps the hint that belongs to a text with a fault, for when the fault has been shown.
pub fn remember(text: &str, name: &str, job: &Run) {
    *HINT.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = find(text, name, job);
}

/// The hint, once.
pub fn hint() -> Option<String> {
    HINT.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
}

fn find(text: &str, name: &str, job: &Run) -> Option<String> {
    let file = match &job.program {
        Program::File(_) => name,
        _ => "FILE",
    };
    let whole = |text: &str| parse(text, Mode::File).is_ok();
    // A fault that the parser does not see has nothing to do with how the text is written. Tabs mixed with spaces
    // are a slip more often than they are old.
    let kind = parse(text, Mode::File).err()?.first().kind;
    if !job.old && kind != Kind::Tab && whole(&modern(text)) {
        let pasted = if job.pasted { " --pasted" } else { "" };
        return Some(format!("minipy: hint: this is Python 2: minipy{pasted} --py2 {file} runs it\n"));
    }
    let repaired = minipy_grammar::repair(text);
    let repairs = repaired.notes.join("; ");
    if !job.pasted && !repaired.notes.is_empty() {
        let old = if job.old { " --py2" } else { "" };
        let runs = if job.old { whole(&modern(&repaired.text)) } else { whole(&repaired.text) };
        if runs {
            return Some(format!(
                "minipy: hint: copying has damaged this text ({repairs}): minipy --pasted{old} {file} runs it, \
                 minipy fix {file} prints it repaired\n"
            ));
        }
        if !job.old && whole(&modern(&repaired.text)) {
            return Some(format!(
                "minipy: hint: this is Python 2, damaged by copying ({repairs}): minipy --pasted --py2 {file} runs it\n"
            ));
        }
    }
    job.pasted.then(|| lost(&if job.old { modern(text) } else { text.to_string() }, name)).flatten()
}

/// What to say where a block has no indentation: it cannot be known how far the block went.
fn lost(text: &str, name: &str) -> Option<String> {
    let faults = parse(text, Mode::File).err()?;
    let fault = faults.first();
    if !fault.message.starts_with("expected an indented block") {
        return None;
    }
    let line = LineIndex::new(text).position(text, fault.span.start).0;
    Some(format!(
        "minipy: {name}:{line}: indentation was lost in copying; it cannot be guessed: indent the block here\n"
    ))
}

/// `minipy fix FILE`.
pub fn fix(file: &str) -> i32 {
    let text = match script::read(&Program::File(file.to_string())) {
        Ok(Some(s)) => String::from_utf8_lossy(&s.text).into_owned(),
        Ok(None) => return USAGE,
        Err((why, code)) => {
            eprintln!("minipy: {why}");
            return code;
        }
    };
    let text = repair(&text, file);
    if let Some(line) = lost(&text, file) {
        eprint!("{line}");
    }
    product(&text)
}
