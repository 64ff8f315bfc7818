//! The command: arguments, wiring of the machine, the prompt, comparisons, listings, help. Names everything; nothing
//! names it. Invariant: every way out of `main` is an exit code of the table in `help exit`.

pub mod args;
mod atomic;
mod charts;
pub mod compare;
mod deadlock;
mod dis;
mod dump;
pub mod help;
pub mod library;
mod options;
mod parts;
mod pasted;
mod progress;
mod prompt;
mod report;
pub mod run;
mod script;
mod timeout;
mod verdict;

use args::{Around, Color, Job};
use std::io::{IsTerminal, Write};

/// Usage error.
pub const USAGE: i32 = 2;
/// Outcome not as expected.
pub const UNEXPECTED: i32 = 65;
/// Threads wait for each other for ever.
pub const DEADLOCK: i32 = 67;
/// Stopped by `--timeout`.
pub const TIMEOUT: i32 = 124;
/// Interrupted by Ctrl-C.
pub const INTERRUPTED: i32 = 130;

/// The command, from its arguments to its exit.
pub fn main() -> ! {
    let variable = |name| std::env::var(name).ok();
    let around = Around {
        minipy_gil: variable("MINIPY_GIL"),
        python_gil: variable("PYTHON_GIL"),
        terminal: std::io::stdin().is_terminal(),
    };
    let code = match args::parse(std::env::args_os().skip(1).collect(), &around) {
        Ok(Job::Run(job)) => run::program(*job),
        Ok(Job::Compare(job)) => compare::compare(&job),
        Ok(Job::Dis(file)) => dis::dis(&file),
        Ok(Job::Fix(file)) => pasted::fix(&file),
        Ok(Job::Atomic(text)) => atomic::atomic(&text),
        Ok(Job::Help(topic)) => help::topic(topic.as_deref()),
        Ok(Job::Usage) => product(help::USAGE),
        Ok(Job::LongUsage) => product(&format!("{}{}", help::USAGE, help::EXAMPLES)),
        Ok(Job::Version) => {
            product(&format!("minipy {} (language: Python 3.14)\n", env!("CARGO_PKG_VERSION")))
        }
        Err(wrong) => usage(&wrong),
    };
    std::process::exit(code)
}

/// Says what is wrong with the command line.
fn usage(wrong: &str) -> i32 {
    eprintln!("minipy: {wrong}");
    USAGE
}

/// Writes what was asked for to stdout. A closed pipe is no fault.
fn product(text: &str) -> i32 {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => 0,
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => 0,
        Err(e) => {
            eprintln!("minipy: can't write: {e}");
            1
        }
    }
}

/// What to put around bold text.
fn bold(color: Color, terminal: bool) -> (&'static str, &'static str) {
    if painted(color, terminal) { ("\x1b[1m", "\x1b[0m") } else { ("", "") }
}

/// Whether to colour what goes to a terminal, or not to one.
fn painted(color: Color, terminal: bool) -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if set("NO_COLOR") => false,
        Color::Auto => terminal || set("FORCE_COLOR"),
    }
}
