//! Random calls of the builtin types and of `math`, compared with CPython line by line: result or error text, and the
//! receiver afterwards. Runs where a CPython 3.14 is found (`MINIPY_CPYTHON`, a command line, or `python3.14` on PATH);
//! `MINIPY_FUZZ_CALLS=100000` for the full run, `MINIPY_FUZZ_SEED=N` for other calls. Invariant: the calls depend on
//! the seed alone, so a difference can be repeated.

mod program;

use std::process::Command;
use std::time::Duration;

const PROGRAM: &str = "tests/fuzz/calls.mp";
/// Calls of one run of the program.
const BATCH: u64 = 10_000;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default)
}

/// The lines that the program prints for a seed: the program comes by stdin, so that a CPython which does not see
/// this folder runs it too.
fn lines(words: &[String], text: &str, seed: u64, calls: u64) -> Vec<String> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).arg("-").arg(seed.to_string()).arg(calls.to_string());
    let out = program::run(&mut command, text, Duration::from_secs(120));
    assert_eq!(out.code, Some(0), "{} with seed {seed}:\n{}", words[0], out.stderr);
    out.stdout.lines().map(String::from).collect()
}

#[test]
fn calls_do_as_in_cpython() {
    let Some(reference) = program::cpython() else {
        eprintln!("skipped: no CPython 3.14 (MINIPY_CPYTHON, python3.14)");
        return;
    };
    let text = std::fs::read_to_string(PROGRAM).unwrap();
    let (first, total) = (number("MINIPY_FUZZ_SEED", 1), number("MINIPY_FUZZ_CALLS", 4_000));
    let mut wrong = String::new();
    for batch in 0..total.div_ceil(BATCH) {
        let (seed, calls) = (first + batch, BATCH.min(total - batch * BATCH));
        let want = lines(&reference, &text, seed, calls);
        let got = lines(&[program::MINIPY.to_string()], &text, seed, calls);
        let differ = want.iter().zip(&got).filter(|(w, g)| w != g);
        differ.for_each(|(w, g)| wrong += &format!("seed {seed}\n  CPython {w}\n  minipy  {g}\n"));
        assert_eq!(want.len(), got.len(), "lines of seed {seed}\n{wrong}");
    }
    assert!(wrong.is_empty(), "of {total} calls differ:\n{wrong}");
}
