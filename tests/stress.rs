//! Programs that race, allocate and recurse on purpose: `tests/litmus` (one per promise) and `tests/stress`. Each runs
//! in every GIL mode and in the heap's hostile modes, where the number of its rounds is divided so that it ends soon.
//! Invariant: a wrong result, a crash or a hang fails; what hangs is made to list its threads, then killed.

mod program;

use program::Around;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a program may take, and what it is given to list its threads and end before it is killed.
const LIMIT: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);

/// A way to run programs: GIL mode, `MINIPY_HARD`, divisor of the rounds.
type Way = (&'static str, &'static str, u32);

/// Ways for programs whose threads race.
const RACING: &[Way] = &[
    ("off", "", 1),
    ("py310", "", 1),
    ("py32", "", 2),
    ("py2", "", 2),
    ("ticks:7", "", 25),
    ("ticks", "", 10),
    ("off", "switch", 5),
    ("off", "small,check", 10),
    ("off", "gc:61", 25),
    ("off", "gc:5,switch", 100),
    ("py310", "gc:17,small,check", 100),
    ("ticks:3", "gc:31,switch", 100),
    ("py2", "gc:23,small,switch", 100),
];

/// Ways for programs of one thread, or whose size is the point.
const ALONE: &[Way] = &[("py310", "", 1), ("off", "small,check", 1), ("ticks:7", "switch", 1)];

/// Whether the rounds of the program can be divided.
fn divides(path: &Path) -> bool {
    std::fs::read_to_string(path).is_ok_and(|t| t.contains("\"SCALE\""))
}

fn run(folder: &str) {
    let mut jobs: Vec<(PathBuf, Way)> = Vec::new();
    for path in program::programs(folder) {
        let ways = if divides(&path) { RACING } else { ALONE };
        jobs.extend(ways.iter().map(|w| (path.clone(), *w)));
    }
    let wrong = program::all(&jobs, |(path, (mode, hard, scale))| {
        let around = Around {
            env: vec![("MINIPY_HARD", hard.to_string()), ("SCALE", scale.to_string())],
            options: vec![format!("--timeout={}", LIMIT.as_secs())],
            limit: LIMIT + GRACE,
        };
        program::check_around(path, mode, &around)
    });
    let line = |(i, why): &(usize, String)| {
        let (path, (mode, hard, scale)) = &jobs[*i];
        format!("SCALE={scale} MINIPY_HARD={hard} minipy --gil={mode} {}: {why}\n", path.display())
    };
    let text: String = wrong.iter().map(line).collect();
    assert!(text.is_empty(), "\n{text}");
}

#[test]
fn litmus() {
    run("tests/litmus");
}

#[test]
fn stress() {
    run("tests/stress");
}
