//! Golden texts: what the parser makes of the programs in `tests/golden`, tree or fault.
//!
//! Each `NAME.py` has its `NAME.golden`; `MINIPY_BLESS=1` writes those anew. A file under `fault` may hold several
//! programs with `# ---` between them.

use minipy_grammar::{LineIndex, Mode, display_width, parse, show};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn programs(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let entries = fs::read_dir(&folder).expect("the folder of golden texts is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "py"));
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

fn check(folder: &str, make: impl Fn(&str) -> String) {
    let bless = std::env::var_os("MINIPY_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in programs(folder) {
        let made = make(&fs::read_to_string(&path).expect("a program is text"));
        let golden = path.with_extension("golden");
        if bless {
            fs::write(&golden, made).expect("the golden text can be written");
        } else if fs::read_to_string(&golden).ok().as_deref() != Some(&made) {
            wrong.push(format!("{}:\n{made}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "differs from its golden text: {}", wrong.join("\n"));
}

/// The fault as a person sees it: the line, carets, the message.
fn report(text: &str) -> String {
    let faults = match parse(text, Mode::File) {
        Ok(module) => return format!("no fault\n{}", show(&module)),
        Err(faults) => faults,
    };
    let fault = faults.first();
    let lines = LineIndex::new(text);
    let end = (fault.span.end).min(text.len() as u32).max(fault.span.start);
    let (line, column) = lines.position(text, fault.span.start);
    let source = lines.text(text, line);
    let (last, last_column) = lines.position(text, end);
    let before: String = source.chars().take(column as usize).collect();
    let until = if last == line { last_column as usize } else { source.chars().count() };
    let marked: String = source.chars().take(until).skip(column as usize).collect();
    let mut out = format!("{line}: {source}\n");
    let indent = " ".repeat(display_width(&before) + format!("{line}: ").len());
    writeln!(out, "{indent}{}", "^".repeat(display_width(&marked).max(1))).expect("a string takes all text");
    write!(out, "{}: {}", fault.kind.exception(), fault.message).expect("a string takes all text");
    if let Some(hint) = &fault.hint {
        write!(out, "\nhint: {hint}").expect("a string takes all text");
    }
    out + if faults.is_incomplete() { "\n(incomplete)\n\n" } else { "\n\n" }
}

#[test]
fn trees() {
    check("tree", |text| match parse(text, Mode::File) {
        Ok(module) => show(&module),
        Err(faults) => format!("{faults:?}\n"),
    });
}

#[test]
fn faults() {
    check("fault", |text| text.split("# ---\n").map(report).collect());
}
