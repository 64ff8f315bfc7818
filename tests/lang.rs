//! The language: every program of `tests/lang` in `py310` and `off`, and in one further GIL mode each.
//! `tests/differences.txt` is the exact list of those known to fail; one that passes must leave it.
//! `MINIPY_ONLY=TEXT` runs the programs whose path contains TEXT.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

const OTHERS: [&str; 3] = ["py32", "ticks:7", "py2"];
const LIMIT: Duration = Duration::from_secs(30);

/// Known failures: path below `tests/lang` to reason.
fn differences() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string("tests/differences.txt").expect("tests/differences.txt");
    let rows = text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#'));
    rows.map(|l| {
        let (path, why) = l.split_once(": ").unwrap_or_else(|| panic!("no reason beside {l}"));
        (path.to_string(), why.to_string())
    })
    .collect()
}

#[test]
fn programs_do_what_they_say() {
    let programs = program::programs("tests/lang");
    assert!(!programs.is_empty());
    let mut jobs: Vec<(PathBuf, &str)> = Vec::new();
    for (i, path) in programs.iter().enumerate() {
        for mode in ["py310", "off", OTHERS[i % OTHERS.len()]] {
            jobs.push((path.clone(), mode));
        }
    }
    let short = |i: usize| jobs[i].0.strip_prefix("tests/lang").unwrap().to_string_lossy().into_owned();
    let wrong = program::all(&jobs, |(path, mode)| program::check(path, mode, LIMIT));
    let known = differences();
    let failed: BTreeSet<String> = wrong.iter().map(|(i, _)| short(*i)).collect();
    let mut text = String::new();
    for (i, why) in &wrong {
        if !known.contains_key(&short(*i)) {
            text.push_str(&format!("{} [{}]: {why}\n", short(*i), jobs[*i].1));
        }
    }
    let run: BTreeSet<String> = (0..jobs.len()).map(short).collect();
    for path in known.keys().filter(|p| run.contains(*p) && !failed.contains(*p)) {
        text.push_str(&format!("{path}: passes, but stands in tests/differences.txt\n"));
    }
    if std::env::var_os("MINIPY_ONLY").is_none() {
        for path in known.keys().filter(|p| !run.contains(*p)) {
            text.push_str(&format!("{path}: stands in tests/differences.txt, but is not there\n"));
        }
    }
    assert!(text.is_empty(), "{} of {} programs:\n{text}", text.lines().count(), programs.len());
}
