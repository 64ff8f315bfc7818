//! The README's session: every `$` line runs and must say what stands below it. Figures are masked, and what depends on
//! luck is not compared: whether an update is lost without a GIL or by py32's clock. What must hold is checked as
//! such. Invariant: the README shows nothing that does not happen.

mod program;

use program::MINIPY;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A command of the session and what stands below it.
struct Step {
    line: usize,
    command: String,
    shown: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut out: Vec<Step> = Vec::new();
    let mut inside = false;
    for (i, line) in text.lines().enumerate() {
        let Some(line) = line.strip_prefix("    ") else {
            inside = inside && line.trim().is_empty();
            continue;
        };
        if let Some(command) = line.strip_prefix("$ ") {
            inside = command.starts_with("minipy");
            if inside {
                out.push(Step { line: i + 1, command: command.to_string(), shown: Vec::new() });
            }
        } else if inside && let Some(step) = out.last_mut() {
            step.shown.push(line.to_string());
        }
    }
    out
}

/// Modes in which the scheduler of the operating system has its say about the answer.
const LUCK: [&str; 3] = ["py32 ", "py2 ", "off "];

/// What is compared of an output: words, with one mark for figures of any length. Rows of modes of luck are compared up
/// to what they printed; what follows from how busy the machine is does not count.
fn masked<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut out = Vec::new();
    for line in lines {
        let lucky = LUCK.iter().any(|mode| line.starts_with(mode));
        let mut words: Vec<String> = Vec::new();
        for word in line.split_whitespace() {
            let figure =
                word.chars().any(|c| c.is_ascii_digit()) && !word.contains(':') && !word.starts_with("py");
            let word = if figure || word == "-" { "#" } else { word };
            if lucky && ["same", "differs"].contains(&word)
                || word == "#" && words.last().is_some_and(|w| w == "#")
            {
                continue;
            }
            words.push(word.to_string());
        }
        let line = words.join(" ");
        if !line.is_empty() && !line.starts_with("off: ") && !line.starts_with("longest ") {
            out.push(line);
        }
    }
    out
}

#[test]
fn the_session_happens() {
    let text = std::fs::read_to_string("README.md").expect("README.md");
    let steps = steps(&text);
    assert!(steps.len() >= 2, "the README has a session");
    let folder = Path::new(MINIPY).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    for s in steps {
        let mut command = Command::new("bash");
        command.args(["-c", &s.command]).env("PATH", &path);
        let o = program::run(&mut command, "", Duration::from_secs(300));
        let said = format!("{}{}", o.stdout, o.stderr);
        assert!(
            said.lines().chain(s.shown.iter().map(String::as_str)).all(|l| l.chars().count() <= 80),
            "{said}"
        );
        let (got, shown) = (masked(said.lines()), masked(s.shown.iter().map(String::as_str)));
        assert_eq!(got, shown, "README.md:{}: $ {}\n{said}", s.line, s.command);
        let deadlock = said.contains("DEADLOCK");
        assert_eq!(o.code, Some(if deadlock { 67 } else { 0 }), "{said}");
        if s.command.starts_with("minipy compare") {
            what_must_hold(&said);
            what_must_hold(&s.shown.join("\n"));
        }
    }
}

/// py310 loses no update in a loop without calls; turns of 97 instructions lose some in every run.
fn what_must_hold(table: &str) {
    let row =
        |mode: &str| table.lines().find(|l| l.starts_with(mode)).unwrap_or_else(|| panic!("{mode}: {table}"));
    assert!(row("py310 ").ends_with("counter = 40000000"), "{table}");
    assert!(row("ticks:97 ").ends_with("  differs"), "{table}");
    assert!(table.contains("THE ANSWER DEPENDS ON THE GIL."), "{table}");
}
