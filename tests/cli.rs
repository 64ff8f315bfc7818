//! The command line: usage errors, exit codes, where output goes, `compare`, `dis`, `help`, reports, the examples.
//!
//! `tests/golden/shell/*.mp` say in their first lines which commands to give; what those print stands beside them.
//! `MINIPY_BLESS=1` writes it anew: instruction counts change with the instruction set.

mod program;

use program::{MINIPY, Outcome};
use std::io::Read;
use std::os::fd::{FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
    assert!(refused(&["atomic"]).contains("usage: minipy atomic"));
    assert_eq!(refused(&["--seed=1", "x"]), "minipy: this version has no option --seed");
    assert!(refused(&["explore", "x"]).contains("no command 'explore'"));
    assert!(refused(&["help", "tick"]).contains("did you mean 'ticks'?"));
    assert!(refused(&["compare", "nothing.mp"]).contains("[Errno 2]"));
    assert!(refused(&["--report=loks", "x"]).contains("gil, locks, procs, exit"));
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
fn tags_keep_lines_whole() {
    let code = "import threading, sys\nboth = threading.Barrier(2)\ndef f(word):\n    for n in range(50):\n        \
        both.wait()\n        print(word, end=' ')\n        sys.stdout.write(word + '\\n' + word)\n        print()\n\
        ts = [threading.Thread(target=f, args=(w,), name=w) for w in ('one', 'two')]\nfor t in ts: t.start()\n\
        for t in ts: t.join()\nprint('no end', end='')\n";
    for mode in ["py310", "ticks:7", "off"] {
        let o = minipy(&["--tag", "--gil", mode, "-c", code]);
        assert_eq!((o.code, o.stderr.as_str()), (Some(0), ""), "{o:?}");
        let count = |line: &str| o.stdout.lines().filter(|l| *l == line).count();
        for (letter, word) in [("B", "one"), ("C", "two")] {
            assert_eq!(count(&format!("[{letter} {word}] {word} {word}")), 50, "{o:?}");
            assert_eq!(count(&format!("[{letter} {word}] {word}")), 50, "{o:?}");
        }
        assert!(o.stdout.ends_with("[A MainThread] no end\n"), "{o:?}");
    }
    let o = typed(&["--tag", "-c", "print('hello', input('name? '))"], "you\n");
    assert_eq!(o.stdout, "[A MainThread] name? [A MainThread] hello you\n");
}

#[test]
fn timeout_lists_threads() {
    let o = minipy(&["--timeout=0.5", "-c", "import time; print('begun'); time.sleep(60)"]);
    assert_eq!(o.code, Some(124), "{o:?}");
    assert_eq!(o.stdout, "begun\n");
    assert_eq!(
        o.stderr,
        "minipy: stopped after 500 ms\nA MainThread: sleeps\n  File \"<string>\", line 1, in <module>\n"
    );
    let busy = "import threading\n\ndef f():\n    while True: pass\n\nt = threading.Thread(target=f, daemon=True)\nt.start()\nwhile True: pass\n";
    for mode in ["py310", "off"] {
        let o = minipy(&["--timeout=0.5", "--gil", mode, &file("busy.mp", busy)]);
        assert_eq!(o.code, Some(124), "{o:?}");
        assert!(o.stderr.contains("line 8, in <module>\n"), "{o:?}");
        assert!(o.stderr.contains("line 4, in f\n"), "{o:?}");
    }
}

#[test]
fn prompt_runs_statements() {
    let o = typed(&["-i"], "x = 20\nx + 1\n_ * 2\nif x:\n    print('yes')\n\n1/0\nx\n");
    assert_eq!(o.stdout, "21\n42\nyes\n20\n", "{o:?}");
    assert!(o.stderr.contains("ZeroDivisionError"));
    assert_eq!(o.code, Some(0));
}

#[test]
fn shares_sum_to_the_whole() {
    let path = "examples/10_pool_by_hand.mp";
    for mode in ["py310", "py32", "py2", "ticks:97", "off"] {
        let o = minipy(&["--gil", mode, "--report=gil", path, "--n", "20"]);
        assert_eq!(o.code, Some(0), "{o:?}");
        let rows: Vec<&str> = o
            .stderr
            .lines()
            .filter(|l| {
                l.len() > 3
                    && l.starts_with("  ")
                    && l.as_bytes()[2].is_ascii_uppercase()
                    && l.as_bytes()[3] == b' '
            })
            .collect();
        assert_eq!(rows.len(), 5, "{o:?}");
        for row in rows {
            let figures: Vec<&str> = row.split_whitespace().collect();
            let shares =
                figures[figures.len() - 6..].iter().map(|w| w.replace('.', "").parse::<u32>().unwrap());
            assert_eq!(shares.sum::<u32>(), 1000, "{row}");
        }
        assert!(o.stderr.lines().all(|l| l.chars().count() <= 80), "{o:?}");
    }
}

#[test]
fn reports_repeat_under_ticks() {
    for args in [
        &["examples/02_lost_update.mp", "--n", "3000"][..],
        &["examples/10_pool_by_hand.mp", "--n", "5"],
        &["examples/11_gil_loop_step_by_step.mp", "--n", "500"],
    ] {
        let run = || minipy(&[&["--gil=ticks:7", "--report=gil"], args].concat());
        let first = run();
        assert_eq!(first.code, Some(0), "{first:?}");
        for _ in 0..4 {
            let again = run();
            assert_eq!((again.stdout, again.stderr), (first.stdout.clone(), first.stderr.clone()));
        }
    }
}

#[test]
fn a_native_call_that_keeps_the_gil_is_named() {
    let path = file(
        "holds.mp",
        "import threading\nnumbers = list(range(2_000_000)) * 2\nstop = False\n\ndef want():\n    while not stop:\n        \
         pass\n\nt = threading.Thread(target=want)\nt.start()\nx = sorted(numbers, reverse=True)\nstop = True\nt.join()\n",
    );
    let o = minipy(&["--report", &path]);
    assert_eq!(o.code, Some(0), "{o:?}");
    let text = o.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        text.contains("A in sorted() at holds.mp:11 (a native call keeps the GIL until it returns)"),
        "{o:?}"
    );
}

#[test]
fn reports_go_where_they_are_sent() {
    let path = file("quiet.mp", "print('out')\n");
    let (text, json) = (file("r.txt", ""), file("r.json", ""));
    let o = minipy(&["--report=gil", "-o", &text, &format!("--json={json}"), &path]);
    assert_eq!((o.stdout.as_str(), o.stderr.as_str(), o.code), ("out\n", "", Some(0)), "{o:?}");
    assert!(std::fs::read_to_string(&text).unwrap().contains("one thread: "));
    assert!(std::fs::read_to_string(&json).unwrap().starts_with("{\"report\": \"gil\", \"mode\": \"py310\""));
}

#[test]
fn comparisons_hand_on_what_is_typed() {
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

/// A program that does not read is not held up by an input that does not end.
#[test]
fn comparisons_do_not_wait_for_input() {
    let path = file("unread.mp", "print('done')\n");
    let mut command = Command::new(MINIPY);
    command.args(["compare", "--modes=py310,off", &path]).stdout(Stdio::piped()).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _open = child.stdin.take();
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success() && said.contains("done"), "{said}");
}

/// Figures of the table's rows become `#`; lines that depend on time go.
fn without_times(text: &str) -> String {
    let mut out = String::new();
    // Cells before the figures and before the output, in the rows of the table.
    let mut table: Option<(usize, usize)> = None;
    for line in text.lines() {
        if line.starts_with("GIL mode ") {
            table = line.find("    wall").zip(line.find("output"));
        } else if line.is_empty() {
            table = None;
        } else if let Some((mode, output)) = table {
            let cells: Vec<char> = line.chars().collect();
            let part = |from, to: usize| cells[from..to.min(cells.len())].iter().collect::<String>();
            let said = part(output, usize::MAX);
            let said: String = match said.starts_with("process ") {
                true => said.replace(|c: char| c.is_ascii_digit(), ""),
                false => said,
            };
            out.push_str(&format!("{} #  {said}\n", part(0, mode)));
            continue;
        }
        if !line.starts_with("off: ") || line.contains(" exit code ") {
            out.push_str(&format!("{line}\n"));
        }
    }
    out
}

#[test]
fn commands_print_what_stands_beside_them() {
    let folder = Path::new("tests/golden/shell").canonicalize().unwrap();
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "mp"));
    paths.sort();
    assert!(!paths.is_empty());
    let mut wrong = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let stdin = text.lines().find_map(|l| l.strip_prefix("# stdin: ")).unwrap_or("").replace("\\n", "\n");
        let name = path.file_name().unwrap().to_str().unwrap();
        let mut got = String::new();
        for line in text.lines().filter_map(|l| l.strip_prefix("# $ minipy ")) {
            let args = line.split_whitespace().map(|w| if w == "FILE" { name } else { w });
            let o = program::run(Command::new(MINIPY).args(args).current_dir(&folder), &stdin, LIMIT);
            let mut said = (o.stdout + &o.stderr).replace(&format!("{}/", folder.display()), "");
            if line.starts_with("compare") {
                said = without_times(&said);
            }
            let narrow = |l: &str| l.starts_with('{') || l.chars().count() <= 80;
            assert!(said.lines().all(narrow), "{name}: {said}");
            got.push_str(&format!(
                "$ minipy {}\n{said}exit {}\n",
                line.replace("FILE", name),
                o.code.unwrap_or(-1)
            ));
        }
        let beside = path.with_extension("golden");
        if std::env::var_os("MINIPY_BLESS").is_some() {
            std::fs::write(&beside, &got).unwrap();
        } else if std::fs::read_to_string(&beside).unwrap_or_default() != got {
            wrong.push(format!("{name}:\n{got}"));
        }
    }
    assert!(wrong.is_empty(), "not as in the .golden file:\n{}", wrong.join("\n"));
}

/// Runs with stderr on a terminal; gives what it shows.
fn on_terminal(args: &[&str]) -> String {
    let (mut ours, mut theirs) = (0, 0);
    let null = std::ptr::null_mut();
    // SAFETY: two numbers to be filled; the descriptors become ours.
    let (mut ours, theirs) = unsafe {
        assert_eq!(libc::openpty(&mut ours, &mut theirs, null, null.cast(), null.cast()), 0);
        (std::fs::File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    };
    let mut command = Command::new(MINIPY);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(theirs);
    let mut child = command.spawn().unwrap();
    drop(command);
    child.wait().unwrap();
    let mut said = Vec::new();
    // The other end is closed: reading ends in an error behind what was said.
    let _ = ours.read_to_end(&mut said);
    String::from_utf8(said).unwrap().replace("\r\n", "\n")
}

#[test]
fn options_behind_the_script_are_noticed_on_a_terminal() {
    let deaf = file("deaf.mp", "x = 1\n");
    let said = on_terminal(&[&deaf, "--no-gil"]);
    assert_eq!(
        said,
        format!(
            "minipy: note: --no-gil stands after the script and is the script's: minipy --no-gil {deaf}\n"
        )
    );
    let reads = file("reads.mp", "import sys\nx = sys.argv\n");
    assert_eq!(on_terminal(&[&reads, "--no-gil"]), "");
    assert_eq!(minipy(&[&deaf, "--no-gil"]).stderr, "");
    assert!(on_terminal(&["--report", &deaf]).contains("\x1b[1mone thread"));
    assert!(!on_terminal(&["--report", "--color=never", &deaf]).contains('\x1b'));
}

/// One claim each, in the order in which tutorials on threads and processes make them.
#[test]
fn claims_of_tutorials_hold_in_every_mode() {
    let mut jobs = Vec::new();
    for path in program::programs("examples/tutorial") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("\"\"\"Shows: "), "{}", path.display());
        assert!(text.contains("# expect: "), "{}", path.display());
        for mode in ["py310", "py32", "py2", "ticks:97", "off"] {
            jobs.push((path.clone(), mode));
        }
    }
    let wrong = program::all(&jobs, |(path, mode)| program::check(path, mode, LIMIT));
    let said: Vec<_> =
        wrong.iter().map(|(i, why)| format!("{} [{}]: {why}", jobs[*i].0.display(), jobs[*i].1)).collect();
    assert!(said.is_empty(), "{said:#?}");
}

#[test]
fn old_and_pasted_text() {
    let old = file("old.py", "import Queue\nprint 'seen', 7 / 2, Queue.Queue().empty()\n");
    let o = minipy(&["--py2", &old]);
    assert_eq!((o.code, o.stdout.as_str(), o.stderr.as_str()), (Some(0), "seen 3 True\n", ""));
    let o = minipy(&[&old]);
    assert_eq!(o.code, Some(1));
    let [.., fault, hint] = &o.stderr.lines().collect::<Vec<_>>()[..] else { panic!("{o:?}") };
    assert_eq!(*fault, "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?");
    assert_eq!(*hint, "minipy: hint: this is Python 2: minipy --py2 old.py runs it");

    let page = " 1  def f（x）：\n 2      return x\u{a0}+ 1\n 3  \n 4  print(“sum”, f（2）)  # “so”\n";
    let page = file("page.py", page);
    let o = minipy(&["--pasted", &page]);
    let note = "minipy: repaired in page.py: 1 unusual or invisible blank; 4 line numbers; a margin of 2 blanks; \
                2 curly quotes, 5 full-width or typographic signs\n";
    assert_eq!((o.code, o.stdout.as_str(), o.stderr.as_str()), (Some(0), "sum 3\n", note));
    let o = minipy(&["fix", &page]);
    let text = "def f(x):\n    return x + 1\n\nprint(\"sum\", f(2))  # “so”\n";
    assert_eq!((o.code, o.stdout.as_str(), o.stderr.as_str()), (Some(0), text, note));
    let o = minipy(&[&page]);
    let hint = o.stderr.lines().last().unwrap_or_default();
    assert!(hint.contains("minipy --pasted page.py runs it, minipy fix page.py prints it repaired"), "{o:?}");

    let session =
        file("session.txt", ">>> x = 2\n>>> x\n2\n>>> for i in range(x):\n...     print(i)\n...\n0\n1\n");
    let o = minipy(&["--pasted", &session]);
    assert_eq!((o.code, o.stdout.as_str()), (Some(0), "0\n1\n"));
    let lost = file("lost.py", "def f():\nreturn 1\nprint(f())\n");
    let o = minipy(&["--pasted", &lost]);
    assert_eq!(o.code, Some(1));
    let said = o.stderr.lines().last().unwrap_or_default();
    let line =
        "minipy: lost.py:2: indentation was lost in copying; it cannot be guessed: indent the block here";
    assert_eq!(said, line);
    let both = file("both.py", "1. print “old”\n2. print 7 / 2\n");
    let o = minipy(&["--pasted", "--py2", &both]);
    assert_eq!((o.code, o.stdout.as_str()), (Some(0), "old\n3\n"));
    let o = minipy(&[&both]);
    assert!(o.stderr.contains("minipy --pasted --py2 both.py runs it"), "{o:?}");
}

#[test]
fn examples_run_in_every_mode() {
    let mut names: Vec<PathBuf> = std::fs::read_dir("examples").unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|p| p.is_file());
    names.sort();
    assert!(names.len() >= 22);
    let mut jobs = Vec::new();
    for path in &names {
        let name = path.file_name().unwrap().to_str().unwrap();
        let n = match &name[..2] {
            "05" => "2",
            "08" => "3",
            "10" => "8",
            _ => "200",
        };
        for mode in ["py310", "py32", "py2", "ticks:97", "ticks:7", "off"] {
            jobs.push((name.to_string(), mode, vec![n]));
            match &name[..2] {
                "09" => jobs.push((name.to_string(), mode, vec![n, "--safe"])),
                "12" | "13" => jobs.push((name.to_string(), mode, vec![n, "--mend"])),
                _ => {}
            }
        }
    }
    let wrong = program::all(&jobs, |(name, mode, args)| {
        let path = format!("examples/{name}");
        let o = minipy(&[&["--gil", mode, &path, "--n"], &args[..]].concat());
        let must = match &name[..2] {
            "01" => "all joined",
            "03" => "counter = 200 of 200: nothing is lost",
            "04" => "primes below 200: 46 by one thread, 46 by two",
            "07" => "sum 19900, expected 19900",
            "09" if args.len() > 1 => "all 1000 meals eaten",
            "12" if args.len() > 1 => "200 jobs done",
            "13" if args.len() > 1 => "ann has -3900, bob has 4100",
            "10" => "8 jobs done, the last one says (129, 121)",
            "11" => "400 rounds in",
            "14" => "exit codes [0, 1, 2]; here the counter is still 0",
            "15" => "22 primes in all",
            "16" => "the sum of all squares is 2646700; it should be 2646700",
            "17" => "the number went 200 times there and back and is 200",
            "18" => "locked: 0 of 200 lost",
            "19" => "counted 600 of 600 words: {'lock': 201, 'pipe': 198, 'queue': 201}",
            "20" => "the results are the same",
            "21" => "exit codes: 0 0\nthe counter moved meanwhile: True",
            "22" => "4 processes answered 12 questions; handlers counted up to 3",
            _ => "",
        };
        // The philosophers may be lucky; the other two never are.
        let stuck = matches!(&name[..2], "09" | "12" | "13") && args.len() == 1;
        if stuck && o.code == Some(67) && o.stderr.starts_with("DEADLOCK after ") {
            return Ok(());
        }
        let lucky = !stuck || name.starts_with("09");
        match lucky
            && o.code == Some(0)
            && o.stderr.is_empty()
            && o.stdout.contains(must)
            && !o.stdout.is_empty()
        {
            true => Ok(()),
            false => Err(format!("{name} {args:?} in mode {mode}: {o:?}")),
        }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
    for path in names {
        let text = std::fs::read_to_string(&path).unwrap();
        for word in ["What it shows:", "Try:", "Look for:", "\"--n\" in sys.argv"] {
            assert!(text.contains(word), "{}: {word}", path.display());
        }
    }
}
