//! The README's session: every `$` line runs and must say what stands below it, figures masked. Invariant: the README
//! shows nothing that does not happen.

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
            if inside && let Some(step) = out.last_mut() {
                step.shown.push(String::new());
            }
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

/// Figures of any length become one mark, runs of blanks one blank; so do the words that follow from figures alone.
fn mask(line: &str) -> String {
    let mut out = String::new();
    for word in line.split_whitespace() {
        let figure =
            word.chars().any(|c| c.is_ascii_digit()) && !word.contains(':') && !word.starts_with("py");
        let word: String = if figure {
            let mut masked = String::new();
            for c in word.chars() {
                match c {
                    '0'..='9' | '.' if masked.ends_with('#') => {}
                    '0'..='9' => masked.push('#'),
                    c => masked.push(c),
                }
            }
            masked
        } else {
            word.to_string()
        };
        if word == "#" && out.ends_with('#') {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(&word);
    }
    out
}

#[test]
fn the_session_happens() {
    let text = std::fs::read_to_string("README.md").expect("README.md");
    let steps = steps(&text);
    assert!(!steps.is_empty(), "the README has a session");
    let folder = Path::new(MINIPY).parent().unwrap();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    for s in steps {
        let mut command = Command::new("bash");
        command.args(["-c", &s.command]).env("PATH", &path);
        let o = program::run(&mut command, "", Duration::from_secs(120));
        let said = format!("{}{}", o.stdout, o.stderr);
        let lines = |t: &mut dyn Iterator<Item = String>| {
            t.map(|l| mask(&l)).filter(|l| !l.is_empty()).collect::<Vec<_>>()
        };
        let shown = lines(&mut s.shown.iter().cloned());
        let got = lines(&mut said.lines().map(String::from));
        assert_eq!(got, shown, "README.md:{}: $ {}\n{said}", s.line, s.command);
    }
}
