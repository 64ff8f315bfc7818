//! The commonest mistakes of beginners: what minipy says of them, word for word. `tests/mistakes/NAME.mp` is the
//! program, `NAME.txt` its whole stderr (the program's path as `FILE`, frames of the library left out), rewritten by
//! `MINIPY_BLESS=1`. Where a CPython 3.14 is found (`MINIPY_CPYTHON`, a command line, or `python3.14` on PATH;
//! `MINIPY_CPYTHON_ROOT` is its file system's root) each text is the same as CPython's, but for those that
//! `better.txt` lists with a reason.

mod program;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const FOLDER: &str = "tests/mistakes";
const LIMIT: Duration = Duration::from_secs(30);

/// Stderr with the program's path as `FILE` and without the library's frames.
fn said(command: &mut Command, path: &str) -> String {
    let out = program::run(command, "", LIMIT);
    assert!(out.code.is_some(), "{path} does not end");
    // Hints about the command line follow the error; they have tests of their own.
    let text = program::own_frames(&out.stderr.replace(path, "FILE"));
    text.lines().filter(|l| !l.starts_with("minipy: hint: ")).map(|l| format!("{l}\n")).collect()
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn by_minipy(path: &Path) -> String {
    let path = path.canonicalize().unwrap();
    said(Command::new(program::MINIPY).arg(&path), path.to_str().unwrap())
}

#[test]
fn mistakes_are_told_as_before() {
    let paths = program::programs(FOLDER);
    assert!(paths.len() >= 100 || std::env::var_os("MINIPY_ONLY").is_some());
    let bless = std::env::var_os("MINIPY_BLESS").is_some();
    let wrong = program::all(&paths, |path| {
        let (golden, found) = (path.with_extension("txt"), by_minipy(path));
        if bless {
            std::fs::write(&golden, &found).unwrap();
        }
        match std::fs::read_to_string(&golden) {
            Ok(want) if want == found => Ok(()),
            want => Err(format!("--- golden\n{}--- found\n{found}", want.unwrap_or_default())),
        }
    });
    let text: String = wrong.iter().map(|(i, why)| format!("{}\n{why}", paths[*i].display())).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{text}", wrong.len(), paths.len());
}

/// Name and reason of the texts that are better than CPython's.
fn better() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(format!("{FOLDER}/better.txt")).unwrap();
    let rows = text.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    rows.map(|l| l.split_once(": ").expect("a reason")).map(|(n, r)| (n.into(), r.into())).collect()
}

/// A program's text on CPython: it is copied to where that CPython sees it.
fn by_cpython(words: &[String], path: &Path) -> String {
    let inner = format!("/tmp/minipy-mistakes-{}", std::process::id());
    let root = std::env::var("MINIPY_CPYTHON_ROOT").unwrap_or_default();
    let outer = PathBuf::from(format!("{root}{inner}"));
    std::fs::create_dir_all(&outer).unwrap();
    let file = path.file_name().unwrap().to_str().unwrap();
    std::fs::copy(path, outer.join(file)).unwrap();
    let seen = format!("{inner}/{file}");
    let text = said(Command::new(&words[0]).args(&words[1..]).arg(&seen), &seen);
    std::fs::remove_file(outer.join(file)).unwrap();
    text
}

#[test]
fn mistakes_are_told_as_by_cpython_or_better() {
    let better = better();
    let paths = program::programs(FOLDER);
    for name in better.keys() {
        assert!(
            Path::new(&format!("{FOLDER}/{name}.mp")).exists(),
            "{name} stands in better.txt, but is not there"
        );
    }
    let Some(words) = program::cpython() else {
        eprintln!("skipped: no CPython 3.14 (MINIPY_CPYTHON, python3.14)");
        return;
    };
    let wrong = program::all(&paths, |path| {
        let (want, found) = (by_cpython(&words, path), by_minipy(path));
        match (want == found, better.contains_key(&name(path))) {
            (true, false) | (false, true) => Ok(()),
            (true, true) => Err("the same as CPython's, but stands in better.txt\n".to_string()),
            (false, false) => Err(format!("--- CPython\n{want}--- minipy\n{found}")),
        }
    });
    let text: String = wrong.iter().map(|(i, why)| format!("{}\n{why}", paths[*i].display())).collect();
    assert!(wrong.is_empty(), "{} of {}:\n{text}", wrong.len(), paths.len());
}

#[test]
fn hints_stand_where_they_help() {
    let paths = program::programs(FOLDER);
    let wrong = program::all(&paths, |path| {
        let out = program::run(Command::new(program::MINIPY).arg(path), "", LIMIT);
        let hinted = out.stderr.contains("minipy: hint: ");
        let old_or_copied = ["019_curly_quotes", "020_print_statement", "021_exec_statement"];
        match hinted == old_or_copied.contains(&name(path).as_str()) {
            true => Ok(()),
            false => Err(out.stderr),
        }
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}
