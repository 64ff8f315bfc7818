//! Script code does not grow the native stack: 100 million instructions of all kinds run on 256 KiB of it.
//! Invariant: the handlers' sibling calls (or the plain loop that stands for them) return to no handler.

use minipy::run::gil::Mode;
use minipy::shell::args::{Color, Program, Run};
use minipy::shell::run::program_on;
use std::process::Command;

const STACK: usize = 256 << 10;

/// At least 60 instructions a round.
const PROGRAM: &str = include_str!("stack/all_kinds.mp");

/// The other side of the tests below: a process of its own, since a program ends its process.
#[test]
fn runs_the_program() {
    let Ok(mode) = std::env::var("STACK_MODE") else { return };
    let mode = Mode::parse(&mode).expect("a GIL mode");
    let mut job = Run::of(Program::Code(PROGRAM.to_string()));
    (job.mode, job.color) = (mode, Color::Never);
    program_on(job, STACK)
}

fn ends_well(mode: &str, more: &[(&str, &str)]) {
    let out = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "runs_the_program", "--nocapture"])
        .env("STACK_MODE", mode)
        .envs(more.iter().copied())
        .output()
        .unwrap();
    let (text, errors) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && text.trim_end().ends_with("done"), "{mode}: {text}{errors}");
}

#[test]
fn plain() {
    ends_well("py310", &[]);
}

#[test]
fn counted() {
    ends_well("ticks", &[]);
}

#[test]
fn shared() {
    ends_well("off", &[("STACK_THREADS", "2")]);
}

/// Four million instructions of a thread with a trace function.
#[test]
fn watched() {
    ends_well("py310", &[("STACK_WATCHED", "")]);
}
