//! The command line: usage errors, exit codes, where output goes, `compare`, `dis`, `help`, reports.

mod program;

use program::{MINIPY, Outcome};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn minipy(args: &[&str]) -> Outcome {
    typed(args, "")
}

fn typed(args: &[&str], stdin: &str) -> Outcome {
    program::run(Command::new(MINIPY).args(args), stdin, LIMIT)
}

/// A file of that name and text in the test's own folder.
fn file(name: &str, text: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cli");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_string()
}

/// One line on stderr, exit code 2.
fn refused(args: &[&str]) -> String {
    let o = minipy(args);
    assert_eq!(o.code, Some(2), "{args:?}: {o:?}");
    assert_eq!(o.stderr.lines().count(), 1, "{o:?}");
    assert_eq!(o.stdout, "");
    o.stderr.trim_end().to_string()
}

#[test]
fn wrong_command_lines_are_one_line() {
    assert_eq!(refused(&["x.mp"]), "minipy: can't open file 'x.mp': [Errno 2] No such file or directory");
    assert_eq!(refused(&["comapre"]), "minipy: no file 'comapre'; did you mean 'compare'?");
    assert_eq!(refused(&["--gill=off"]), "minipy: unknown option '--gill'; did you mean '--gil'?");
    assert!(refused(&["--gil=py4", "x"]).contains("'py4' is no GIL mode"));
    assert_eq!(refused(&["--narrate", "x"]), "minipy: this version has no option --narrate");
    assert!(refused(&["atomic", "x"]).contains("no command 'atomic'"));
    assert!(refused(&["help", "tick"]).contains("did you mean 'ticks'?"));
    assert!(refused(&["compare", "nothing.mp"]).contains("[Errno 2]"));
    assert!(refused(&["--report=locks", "x"]).contains("--report=gil"));
}

#[test]
fn help_and_version() {
    for args in [&["-h"][..], &["--help"], &["help"], &["help", "gil"], &["help", "exit"]] {
        let o = minipy(args);
        assert_eq!((o.code, o.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(o.stdout.lines().all(|l| l.chars().count() <= 80));
    }
    assert!(minipy(&["-V"]).stdout.starts_with("minipy "));
}

#[test]
fn listings_mark_switch_points() {
    let path = file(
        "dis.mp",
        "counter = 0\ndef f():\n    global counter\n    for i in range(3):\n        counter += 1\nf()\n",
    );
    let o = minipy(&["dis", &path]);
    assert_eq!(o.code, Some(0));
    let at = o.stdout.find("5 | counter += 1").expect("the line is shown");
    let line: Vec<&str> = o.stdout[at..].lines().skip(1).take_while(|l| !l.contains(" | ")).collect();
    assert!(
        line.iter().any(|l| l.contains("LoadGlobal")) && line.iter().any(|l| l.contains("StoreGlobal")),
        "{line:?}"
    );
    let wrong = file("wrong.mp", "x = = 1\n");
    let o = minipy(&["dis", &wrong]);
    assert_eq!((o.code, o.stderr.trim_end()), (Some(1), "minipy: wrong.mp:1: SyntaxError: invalid syntax"));
}

#[test]
fn programs_come_from_everywhere() {
    let o = minipy(&["-c", "import sys; print(sys.argv)", "--no-gil", "a"]);
    assert_eq!(o.stdout, "['-c', '--no-gil', 'a']\n", "{o:?}");
    let o = typed(&[], "import sys\nprint(__name__, sys.argv)\n");
    assert_eq!(o.stdout, "__main__ ['-']\n", "{o:?}");
    let o = typed(&["-", "x"], "import sys\nprint(sys.argv)\n");
    assert_eq!(o.stdout, "['-', 'x']\n", "{o:?}");
    let path =
        file("main.mp", "import sys, cli_beside\nprint(cli_beside.x, __file__ == sys.argv[0], __spec__)\n");
    file("cli_beside.mp", "x = 'beside'\n");
    assert_eq!(minipy(&[&path]).stdout, "beside True None\n");
}

#[test]
fn exit_codes() {
    for (code, want, err) in [
        ("pass", 0, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit(-1)", 255, ""),
        ("raise SystemExit(True)", 1, ""),
        ("raise SystemExit('bad')", 1, "bad"),
        ("raise SystemExit((1, 2))", 1, "(1, 2)"),
        ("1/0", 1, "ZeroDivisionError: division by zero"),
        ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
    ] {
        let o = minipy(&["-c", code]);
        assert_eq!(o.code, Some(want), "{code}: {o:?}");
        assert_eq!(o.stderr.lines().last().unwrap_or(""), err, "{code}");
    }
}

#[test]
fn timeout_lists_threads() {
    let o = minipy(&["--timeout=0.5", "-c", "import time; print('begun'); time.sleep(60)"]);
    assert_eq!(o.code, Some(124), "{o:?}");
    assert_eq!(o.stdout, "begun\n");
    assert!(o.stderr.contains("A MainThread  sleeps at line 1"), "{o:?}");
}

#[test]
fn prompt_runs_statements() {
    let o = typed(&["-i"], "x = 20\nx + 1\n_ * 2\nif x:\n    print('yes')\n\n1/0\nx\n");
    assert_eq!(o.stdout, "21\n42\nyes\n20\n", "{o:?}");
    assert!(o.stderr.contains("ZeroDivisionError"));
    assert_eq!(o.code, Some(0));
}

const RACE: &str = "\
import threading
counter = 0

def work():
    global counter
    for _ in range(3000):
        counter += 1

a = threading.Thread(target=work)
b = threading.Thread(target=work)
a.start()
b.start()
a.join()
b.join()
print('counter =', counter)
";

#[test]
fn reports_repeat_under_ticks() {
    let path = file("race.mp", RACE);
    let first = minipy(&["--gil=ticks:7", "--report=gil", &path]);
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.stderr.contains("GIL report: mode ticks:7, times in instructions"), "{first:?}");
    assert!(first.stderr.contains("GIL-BOUND"), "{first:?}");
    for _ in 0..3 {
        let again = minipy(&["--gil=ticks:7", "--report=gil", &path]);
        assert_eq!((&again.stdout, &again.stderr), (&first.stdout, &first.stderr));
    }
    assert!(first.stderr.lines().all(|l| l.chars().count() <= 80));
    for row in first
        .stderr
        .lines()
        .filter(|l| l.starts_with("  A ") || l.starts_with("  B ") || l.starts_with("  C "))
    {
        let shares: Vec<f64> = row.split_whitespace().rev().take(6).map(|w| w.parse().unwrap()).collect();
        assert!((shares.iter().sum::<f64>() - 100.0).abs() < 0.01, "{row}");
    }
}

#[test]
fn reports_go_where_they_are_sent() {
    let path = file("quiet.mp", "print('out')\n");
    let (text, json) = (file("r.txt", ""), file("r.json", ""));
    let o = minipy(&["--report=gil", "-o", &text, &format!("--json={json}"), &path]);
    assert_eq!((o.stdout.as_str(), o.stderr.as_str(), o.code), ("out\n", "", Some(0)), "{o:?}");
    assert!(std::fs::read_to_string(&text).unwrap().contains("ONE THREAD"));
    assert!(std::fs::read_to_string(&json).unwrap().starts_with("{\"report\": \"gil\", \"mode\": \"py310\""));
}

#[test]
fn comparisons_tell_modes_apart() {
    let path = file("compared.mp", &RACE.replace("3000", "300000"));
    let o = minipy(&["compare", "--modes=py310,ticks:7", &path]);
    assert_eq!(o.code, Some(0), "{o:?}");
    assert!(o.stdout.contains("counter = 600000"), "{o:?}");
    assert!(o.stdout.contains("THE ANSWER DEPENDS ON THE GIL."), "{o:?}");
    assert!(o.stdout.lines().all(|l| l.chars().count() <= 80), "{o:?}");
    let o = minipy(&["compare", "--modes=py310,ticks:7", "--expect-same", &path]);
    assert_eq!(o.code, Some(65));
    let same = file("same.mp", "import sys\nprint(sys.stdin.read(), sys.argv[1:])\n");
    let json = file("c.json", "");
    let o = typed(&["compare", "--expect-same", &format!("--json={json}"), &same, "--", "-x"], "typed");
    assert_eq!(o.code, Some(0), "{o:?}");
    assert!(
        o.stdout.contains("typed ['-x']") && o.stdout.contains("Every mode gave the same output."),
        "{o:?}"
    );
    assert!(std::fs::read_to_string(&json).unwrap().starts_with("{\"report\": \"compare\""));
}
