//! Every public name of the builtin types and of the library is used by a program of `tests/lang` that speaks of its
//! type or module. minipy itself is asked for the names; `tests/uncovered.txt` is the exact list of those that no
//! program uses yet (`MINIPY_BLESS=1` rewrites it). Invariant: the list grows only by a decision.

mod program;

use minipy::native::MODULES;
use minipy::shell::library::SOURCES;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::process::Command;
use std::time::Duration;

const LIST: &str = "tests/uncovered.txt";
const HEAD: &str = "\
# Public names that no program of tests/lang uses yet: kind, type or module, names.
# ast: trees of statements are not given. doctest: needs a debugger.
# builtins, code: what generated code calls. spawn: the end of a child's command line. union: its class answers isinstance.
";

/// Modules that are programs of their own when imported.
const PROGRAMS: [&str; 3] = ["this", "antigravity", "__main__"];
/// Parts of a package that CPython does not have: programs see their names in the package.
const INNER: [&str; 2] = ["asyncio.loop", "asyncio.waiting"];

/// The modules with a public name.
fn modules() -> BTreeSet<String> {
    let sources = SOURCES.iter().map(|s| s.name.strip_suffix(".__init__").unwrap_or(s.name).to_string());
    let all = sources.chain(MODULES.iter().map(|m| m.name.to_string()));
    let hidden = |m: &String| {
        INNER.contains(&m.as_str())
            || m.split('.').any(|part| part.starts_with('_') || PROGRAMS.contains(&part))
    };
    all.filter(|m| !hidden(m)).collect()
}

/// A program's path and its words.
fn texts() -> Vec<(String, HashSet<String>)> {
    fn walk(folder: &std::path::Path, out: &mut Vec<(String, HashSet<String>)>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "mp" || e == "py") {
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                let words = text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty());
                out.push((path.to_string_lossy().into_owned(), words.map(String::from).collect()));
            }
        }
    }
    let mut out = Vec::new();
    walk("tests/lang".as_ref(), &mut out);
    out
}

/// Whether the program speaks of the type or module.
fn speaks(path: &str, words: &HashSet<String>, kind: &str, of: &str) -> bool {
    match kind {
        "type" => words.contains(of) || path.contains(&format!("/{of}/")),
        _ => of == "builtins" || of.split('.').all(|part| words.contains(part)),
    }
}

#[test]
fn every_public_name_is_used_by_a_program() {
    let mut command = Command::new(program::MINIPY);
    command.arg("tests/coverage/names.mp").args(modules());
    let out = program::run(&mut command, "", Duration::from_secs(60));
    assert_eq!(out.code, Some(0), "{}", out.stderr);
    let texts = texts();
    let mut found = BTreeMap::new();
    for line in out.stdout.lines() {
        let mut words = line.split(' ');
        let (kind, of) = (words.next().unwrap(), words.next().unwrap());
        let there: Vec<_> = texts.iter().filter(|(path, words)| speaks(path, words, kind, of)).collect();
        let missing: Vec<&str> =
            words.filter(|n| !there.iter().any(|(_, words)| words.contains(*n))).collect();
        if !missing.is_empty() {
            found.insert(format!("{kind} {of}"), missing.join(" "));
        }
    }
    let text: String = found.iter().map(|(of, names)| format!("{of}: {names}\n")).collect();
    let text = format!("{HEAD}{text}");
    if std::env::var_os("MINIPY_BLESS").is_some() {
        std::fs::write(LIST, &text).unwrap();
    }
    let listed = std::fs::read_to_string(LIST).unwrap_or_default();
    let lines = |t: &str| t.lines().map(String::from).collect::<BTreeSet<String>>();
    let (want, got) = (lines(&listed), lines(&text));
    let more: Vec<_> = got.difference(&want).map(|l| format!("now    {l}\n")).collect();
    let less: Vec<_> = want.difference(&got).map(|l| format!("listed {l}\n")).collect();
    assert!(
        more.is_empty() && less.is_empty(),
        "names without a program (write one, or MINIPY_BLESS=1):\n{}{}",
        more.concat(),
        less.concat()
    );
}
