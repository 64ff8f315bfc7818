//! What the source must look like: rooms (LAW 1), heads, sizes, visible values (LAW 2), reasons beside `unsafe`,
//! the library's table, the licences of what is built upon. Invariant: each exception stands here with its reason.

use minipy::shell::library::SOURCES;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Folder and the folders of `src` that it may name beside its own.
const ROOMS: [(&str, &[&str]); 7] = [
    ("code", &[]),
    ("heap", &["code"]),
    ("run", &["code", "heap"]),
    ("types", &["code", "heap", "run"]),
    ("native", &["code", "heap", "run", "types"]),
    ("trace", &["run"]),
    ("shell", &["code", "heap", "run", "types", "native", "trace"]),
];

/// What reports may name of the machine: the vocabulary of events.
const VOCABULARY: &str = "crate::run::event";

const LONGEST: usize = 800;

/// Files that are tables, so may be long.
const TABLES: [&str; 3] = ["src/heap/known.rs", "src/heap/text/charmap_table.rs", "src/code/op.rs"];

/// Places where values stand outside the heap, and why the collector sees them.
const VALUES: [(&str, &str); 3] = [
    ("src/heap/space.rs", "the collector's own lists of cells that die with a notice"),
    ("src/run/thread.rs", "`kept` and `repr_guard` are listed roots"),
    ("src/run/threads.rs", "hands out the listed roots"),
];

fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, ending: &str, out: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())).flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, ending, out);
            } else if path.extension().is_some_and(|e| e == ending) {
                out.push(path);
            }
        }
    }
    let mut out = Vec::new();
    walk(Path::new(folder), ending, &mut out);
    out.sort();
    out
}

fn sources() -> Vec<(String, String)> {
    let all = ["src", "grammar/src", "tests", "grammar/tests"].into_iter().flat_map(|f| files(f, "rs"));
    all.map(|p| (p.to_string_lossy().into_owned(), fs::read_to_string(&p).unwrap())).collect()
}

fn report(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}

/// The part of a line that is code.
fn code(line: &str) -> &str {
    match line.find("//") {
        Some(at) => &line[..at],
        None => line,
    }
}

#[test]
fn rooms_name_only_what_stands_before_them() {
    let mut wrong = Vec::new();
    for (room, may) in ROOMS {
        for path in files(&format!("src/{room}"), "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for (i, line) in text.lines().enumerate() {
                let line = code(line);
                for (at, _) in line.match_indices("crate::") {
                    let rest = &line[at + "crate::".len()..];
                    let named = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
                    let known = ROOMS.iter().any(|r| r.0 == named);
                    let fits = named == room || may.contains(&named) || !known;
                    let vocabulary = room != "trace" || named != "run" || line[at..].starts_with(VOCABULARY);
                    if !fits || !vocabulary {
                        wrong.push(format!("{}:{}: {room} names crate::{named}", path.display(), i + 1));
                    }
                }
            }
        }
    }
    report(&wrong);
}

#[test]
fn files_open_with_their_job_and_stay_short() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if !text.starts_with("//! ") {
            wrong.push(format!("{path}: does not open with a //! head"));
        }
        let lines = text.lines().count();
        if lines > LONGEST && !TABLES.contains(&path.as_str()) {
            wrong.push(format!("{path}: {lines} lines"));
        }
    }
    for path in files("stdlib", "mp").into_iter().chain(files("examples", "mp")) {
        let text = fs::read_to_string(&path).unwrap();
        let claim = path.starts_with("examples/tutorial") && text.starts_with("# shows: ");
        if !text.starts_with(['"', '\'']) && !text.starts_with("r\"") && !claim {
            wrong.push(format!("{}: does not open with a docstring", path.display()));
        }
        if text.lines().count() > LONGEST {
            wrong.push(format!("{}: {} lines", path.display(), text.lines().count()));
        }
    }
    report(&wrong);
}

#[test]
fn values_stay_visible() {
    let mut wrong = Vec::new();
    for (path, text) in sources().into_iter().filter(|(p, _)| p.starts_with("src/")) {
        if VALUES.iter().any(|(p, _)| *p == path) {
            continue;
        }
        // Tests of a file hold no heap that is collected behind their back.
        let body = text.split("#[cfg(test)]").next().unwrap_or("");
        for (i, line) in body.lines().enumerate() {
            let line = code(line);
            let hidden = ["Vec", "Box", "VecDeque", "HashMap", "BTreeMap", "HashSet"].iter().any(|outer| {
                line.match_indices(&format!("{outer}<")).any(|(at, _)| {
                    let inner = &line[at + outer.len()..];
                    let mut depth = 0;
                    let end = inner.find(|c| {
                        depth += (c == '<') as i32 - (c == '>') as i32;
                        depth == 0
                    });
                    let inner = &inner[..end.unwrap_or(inner.len())];
                    inner.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "Value")
                        && !inner.contains("fn(")
                        && !inner.contains("Fn")
                })
            });
            if hidden {
                wrong.push(format!("{path}:{}: {}", i + 1, line.trim()));
            }
        }
    }
    report(&wrong);
}

#[test]
fn unsafe_code_says_why_it_is_sound() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let line = code(line);
            let opens = line.contains("unsafe {") || line.contains("unsafe impl");
            let quoted = line.matches('"').count() >= 2 && line.contains("\"unsafe");
            if !opens || quoted {
                continue;
            }
            // A head may speak for all methods of an `impl`.
            if lines[..i].iter().any(|l| l.contains("All methods: SAFETY")) {
                continue;
            }
            let near = &lines[i.saturating_sub(15)..=(i + 2).min(lines.len() - 1)];
            if !near.iter().any(|l| l.contains("SAFETY:") || l.contains("# Safety")) {
                wrong.push(format!("{path}:{}: no SAFETY line", i + 1));
            }
        }
    }
    report(&wrong);
}

#[test]
fn nothing_is_left_open() {
    let words = [
        ["to", "do!("],
        ["db", "g!("],
        ["unimple", "mented!("],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["allow(dead", "_code)"],
    ];
    let words: Vec<String> = words.map(|w| w.concat()).to_vec();
    let library =
        files("stdlib", "mp").into_iter().map(|p| (p.display().to_string(), fs::read_to_string(&p).unwrap()));
    let mut wrong = Vec::new();
    for (path, text) in sources().into_iter().chain(library) {
        for (i, line) in text.lines().enumerate() {
            for w in words.iter().filter(|w| line.contains(w.as_str())) {
                wrong.push(format!("{path}:{}: {w}", i + 1));
            }
        }
    }
    report(&wrong);
}

#[test]
fn the_library_is_whole() {
    let name = |p: &PathBuf| {
        let p = p.strip_prefix("stdlib").unwrap().with_extension("");
        p.to_string_lossy().replace('/', ".")
    };
    let there: BTreeSet<String> = files("stdlib", "mp").iter().map(name).collect();
    let listed: Vec<String> = SOURCES.iter().map(|s| s.name.to_string()).collect();
    let set: BTreeSet<String> = listed.iter().cloned().collect();
    let missing: Vec<String> =
        there.symmetric_difference(&set).map(|n| format!("{n} in the embedded library")).collect();
    report(&missing);
    assert!(listed.is_sorted(), "the embedded library is sorted by name: it is searched by halves");
    for source in SOURCES {
        let path = format!("stdlib/{}.mp", source.name.replace('.', "/"));
        assert_eq!(fs::read_to_string(&path).unwrap(), source.text, "{path} stands beside another name");
    }
}

/// Whether a licence expression can be met by permissive licences alone.
fn permissive(expression: &str) -> bool {
    const FINE: [&str; 9] = [
        "MIT",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "Zlib",
        "Unicode-3.0",
        "Unlicense",
        "BSL-1.0",
    ];
    let plain = expression.replace(['(', ')'], "").replace(" WITH LLVM-exception", "");
    plain
        .split(" AND ")
        .all(|all| all.split(" OR ").flat_map(|l| l.split('/')).any(|l| FINE.contains(&l.trim())))
}

#[test]
fn licences_are_permissive() {
    let run = Command::new(env!("CARGO"))
        .args(["metadata", "--offline", "--format-version=1", "--filter-platform=x86_64-unknown-linux-gnu"])
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let text = String::from_utf8(run.stdout).unwrap();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for package in text.split("{\"name\":\"").skip(1) {
        let Some((name, rest)) = package.split_once('"') else { continue };
        let Some((_, rest)) = rest.split_once("\"license\":") else { continue };
        if !package.contains("\"manifest_path\":") {
            continue;
        }
        seen += 1;
        let licence = rest.strip_prefix('"').and_then(|r| r.split('"').next()).unwrap_or("none");
        if !permissive(licence) {
            wrong.push(format!("{name}: {licence}"));
        }
    }
    assert!(seen > 10, "the packages were found");
    report(&wrong);
}
