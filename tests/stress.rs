//! Programs that race and allocate on purpose: `tests/litmus`, `tests/stress`. Each runs free-threaded and in two
//! further GIL modes within a time. Invariant: a wrong result, a crash or a hang fails.

mod program;

use std::path::PathBuf;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

fn run(folder: &str) {
    let mut jobs: Vec<(PathBuf, &str)> = Vec::new();
    for (i, path) in program::programs(folder).into_iter().enumerate() {
        let other = ["py310", "py32", "py2"][i % 3];
        for mode in ["off", "ticks:7", other] {
            jobs.push((path.clone(), mode));
        }
    }
    let wrong = program::all(&jobs, |(path, mode)| program::check(path, mode, LIMIT));
    let line = |(i, why): &(usize, String)| format!("{} [{}]: {why}\n", jobs[*i].0.display(), jobs[*i].1);
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
