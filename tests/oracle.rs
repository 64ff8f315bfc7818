//! The programs of `tests/lang` on CPython 3.14, where one is found (`MINIPY_CPYTHON`, a command line, or `python3.14`
//! on PATH; `MINIPY_CPYTHON_ROOT` is its file system's root): what is expected of minipy is what CPython does.
//! `tests/oracle.txt` is the exact list of programs of which that cannot be said, with the reasons; one that holds on
//! CPython must leave it. `MINIPY_BLESS=1` prints the list that would be exact.

mod program;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Folders whose programs are not Python 3: names that only minipy has built in, and text of Python 2.
const OTHERS: [&str; 2] = ["builtin_concurrency", "old"];

/// Programs that open a pseudo-terminal, which not every root has.
const TERMINALS: [&str; 2] = ["modules/termios_pty_modes.mp", "processes/os_descriptors.mp"];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn expectations_are_what_cpython_does() {
    let Some(words) = program::cpython() else {
        eprintln!("skipped: no CPython 3.14 (MINIPY_CPYTHON, python3.14)");
        return;
    };
    let root = std::env::var("MINIPY_CPYTHON_ROOT").unwrap_or_default();
    let inside = format!("{}/minipy-oracle-{}", std::env::temp_dir().display(), std::process::id());
    let folder = PathBuf::from(format!("{root}{inside}"));
    copy(Path::new("tests/lang"), &folder);
    let programs = program::programs("tests/lang");
    let short = |p: &PathBuf| p.strip_prefix("tests/lang").unwrap().to_string_lossy().into_owned();
    let terminals = Path::new(&format!("{root}/dev/pts/ptmx")).exists();
    let fits = |p: &PathBuf| {
        !OTHERS.iter().any(|o| short(p).starts_with(o))
            && (terminals || !TERMINALS.contains(&short(p).as_str()))
    };
    let jobs: Vec<PathBuf> = programs.into_iter().filter(fits).collect();
    let wrong = program::all(&jobs, |path| {
        let mut want = program::expected(path);
        let inner = format!("{inside}/{}", short(path));
        let (place, name) = inner.rsplit_once('/').unwrap();
        // A root of its own is entered by the command itself, the folder behind it.
        let script = format!("cd {place} && exec \"$@\"");
        let mut command = if root.is_empty() {
            let mut c = Command::new(&words[0]);
            c.args(&words[1..]).current_dir(place);
            c
        } else {
            let at = words.iter().position(|w| w.contains("python")).unwrap_or(words.len() - 1);
            let mut c = Command::new(&words[0]);
            c.args(&words[1..at]).args(["sh", "-c", &script, "sh"]).args(&words[at..]);
            c
        };
        command.arg(name).args(&want.args);
        let mut got = program::run(&mut command, &want.stdin, LIMIT);
        // Texts of stderr are compared elsewhere; warnings are CPython's affair.
        want.stderr = None;
        if want.raises.is_none() && want.error.is_none() {
            got.stderr.clear();
        }
        program::judge(&want, &got, &inner, LIMIT)
    });
    let _ = std::fs::remove_dir_all(&folder);
    let text = std::fs::read_to_string("tests/oracle.txt").expect("tests/oracle.txt");
    let known: BTreeMap<&str, &str> = text
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'))
        .filter_map(|l| l.split_once(": "))
        .collect();
    let failed: BTreeSet<String> = wrong.iter().map(|(i, _)| short(&jobs[*i])).collect();
    if std::env::var_os("MINIPY_BLESS").is_some() {
        for (i, why) in &wrong {
            eprintln!("{}: {}", short(&jobs[*i]), why.lines().next().unwrap_or(""));
        }
        return;
    }
    let mut text = String::new();
    for (i, why) in wrong.iter().filter(|(i, _)| !known.contains_key(short(&jobs[*i]).as_str())) {
        text.push_str(&format!("{}: {why}\n", short(&jobs[*i])));
    }
    for path in known.keys().filter(|p| !failed.contains(**p)) {
        text.push_str(&format!("{path}: holds on CPython, but stands in tests/oracle.txt\n"));
    }
    assert!(text.is_empty(), "{} of {} programs:\n{text}", text.lines().count(), jobs.len());
}
