//! Deadlocks that are none: programs in `tests/deadlock` that wait in all the ways in which something can still come,
//! and must end well without a word on stderr, in every GIL mode. What real ones look like stands in
//! `tests/golden/shell/deadlock_*`. Also: the dump of all threads.

mod program;

use program::MINIPY;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{ChildStderr, Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::Duration;

const MODES: [&str; 6] = ["py310", "py32", "py2", "ticks:97", "ticks:3", "off"];
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn nothing_is_reported_that_can_go_on() {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir("tests/deadlock").unwrap().map(|e| e.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 8);
    let mut wrong = Vec::new();
    for path in paths {
        let expected = program::expected(&path);
        for mode in MODES {
            let mut command = Command::new(MINIPY);
            let o = program::run(command.arg(format!("--gil={mode}")).arg(&path), &expected.stdin, LIMIT);
            let said: Vec<&str> = o.stdout.lines().collect();
            if o.code != Some(0) || !o.stderr.is_empty() || said != expected.stdout {
                wrong.push(format!("{} in {mode}: {o:?}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn deadlocks_are_found_in_every_mode() {
    for name in ["philosophers", "two_locks", "own_lock", "sentinel", "joins", "condition", "ended"] {
        let path = format!("tests/golden/shell/deadlock_{name}.mp");
        for mode in MODES {
            let o = program::run(Command::new(MINIPY).arg(format!("--gil={mode}")).arg(&path), "", LIMIT);
            assert_eq!(o.code, Some(67), "{path} in {mode}: {o:?}");
            // A warning may come first: then the rest is short.
            let told = ["DEADLOCK after", "WARNING after"].map(|w| o.stderr.matches(w).count());
            assert_eq!(told[0] + told[1], 1, "{path} in {mode}: {o:?}");
            assert!(o.stderr.contains("DEADLOCK"), "{path} in {mode}: {o:?}");
        }
    }
}

/// Runs a program that reads a line of input when all is said; gives what it wrote to stderr until `word` came.
fn until(mode: &str, code: &str, word: &str) -> String {
    let mut child = program::heeds_signals(&mut Command::new(MINIPY))
        .args([&format!("--gil={mode}"), "-c", code])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains(word) && err.read_line(&mut text).unwrap() > 0 {}
    drop(child.stdin.take());
    let _ = err.read_to_string(&mut text);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{text}");
    text
}

#[test]
fn a_lock_left_behind_is_told_while_others_go_on() {
    let code = "import sys, threading\nm = threading.Lock()\ndef f(n):\n    m.acquire()\n    if n: go.wait(); return\n    \
        m.release()\ngo = threading.Event()\nt = threading.Thread(target=f, args=(1,))\nt.start()\n";
    let use_it = "threading.Thread(target=f, args=(0,), daemon=True).start()\n";
    for mode in MODES {
        // The holder has ended when the other one begins to wait, or the other way about.
        for rest in [format!("go.set()\nt.join()\n{use_it}"), format!("{use_it}go.set()\n")] {
            let text = until(mode, &format!("{code}{rest}sys.stdin.readline()\n"), "by `with`");
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(text.matches("WARNING after").count(), 1, "{mode}: {text}");
            assert!(
                text.contains("C waits for m, never released by B Thread-1 (f), which"),
                "{mode}: {text}"
            );
            assert!(
                text.contains("B took it at <string>:4 and missed the release in line 6"),
                "{mode}: {text}"
            );
            assert!(!text.contains("DEADLOCK"), "{mode}: {text}");
        }
    }
}

#[test]
fn off_means_off() {
    let path = "tests/golden/shell/deadlock_own_lock.mp";
    let o = program::run(Command::new(MINIPY).args(["--on-deadlock=off", "--timeout=0.5", path]), "", LIMIT);
    assert_eq!(o.code, Some(124), "{o:?}");
    assert!(!o.stderr.contains("DEADLOCK"), "{o:?}");
    assert!(o.stderr.contains("A MainThread: wants guard, held by A\n"), "{o:?}");
    assert!(o.stderr.contains("line 13, in add\n  holds guard since deadlock_own_lock.mp:8\n"), "{o:?}");
}

#[test]
fn a_signal_dumps_all_threads() {
    let code = "import threading, sys\nlock = threading.Lock()\nlock.acquire()\ndef f():\n    with lock:\n        pass\n\
        t = threading.Thread(target=f)\nt.start()\nprint('go', flush=True)\nsys.stdin.readline()\n\
        lock.release()\nt.join()\nprint('well')\n";
    let mut child = program::heeds_signals(&mut Command::new(MINIPY))
        .args(["-c", code])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let err = child.stderr.take().unwrap();
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, "go\n");
    let (said, reader) = lines_of(err);
    // The threads may be on their way to where they wait: then they are asked again.
    let mut dump = String::new();
    for _ in 0..200 {
        if dump.contains("in f\n") && dump.contains("A MainThread: waits for input, output or a process\n") {
            break;
        }
        // SAFETY: a signal to a child that has not been waited for.
        assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGQUIT) }, 0);
        while let Ok(line) = said.recv_timeout(std::time::Duration::from_millis(100)) {
            dump.push_str(&line);
        }
    }
    assert!(dump.contains("A MainThread: waits for input, output or a process\n"), "{dump}");
    assert!(dump.contains("  File \"<string>\", line 10, in <module>\n"), "{dump}");
    drop(child.stdin.take());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!((rest.as_str(), child.wait().unwrap().code()), ("well\n", Some(0)));
    reader.join().unwrap();
}

/// The lines of a child's stderr as they come, and their reader.
fn lines_of(err: ChildStderr) -> (Receiver<String>, JoinHandle<()>) {
    let mut err = BufReader::new(err);
    let (say, said) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        while err.read_line(&mut text).is_ok_and(|n| n > 0) {
            let _ = say.send(std::mem::take(&mut text));
        }
    });
    (said, reader)
}

#[test]
fn a_dump_does_not_wait_for_a_native_call() {
    let code = "import threading\nprint('up', flush=True)\n\
        t = threading.Thread(target=lambda: sum(range(10**12)), daemon=True)\nt.start()\nprint('over')\n";
    let mut child = program::heeds_signals(&mut Command::new(MINIPY))
        .args(["--gil=py310", "-c", code])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Before it runs a signal ends it.
    let mut up = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut up).unwrap();
    let err = child.stderr.take().unwrap();
    let (said, reader) = lines_of(err);
    // Main may answer as long as it has not let the other one begin.
    let mut dump = String::new();
    for _ in 0..300 {
        if dump.contains("the whole list follows") {
            break;
        }
        // SAFETY: a signal to a child that has not been waited for.
        assert_eq!(unsafe { libc::kill(child.id() as i32, libc::SIGQUIT) }, 0);
        while let Ok(line) = said.recv_timeout(Duration::from_millis(500)) {
            dump.push_str(&line);
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    assert!(dump.contains("A MainThread: waits for the GIL\n"), "{dump}");
    assert!(dump.contains("B Thread-1 (<lambda>): in sum(), file \"<string>\", line 3\n"), "{dump}");
}

#[test]
fn the_list_of_a_timeout_does_not_wait_either() {
    let code = "import threading\ndef f():\n    sum(range(10**12))\nt = threading.Thread(target=f)\nt.start()\nt.join()\n";
    let o = program::run(Command::new(MINIPY).args(["--gil=py310", "--timeout=1.5", "-c", code]), "", LIMIT);
    assert_eq!(o.code, Some(124), "{o:?}");
    assert!(o.stderr.contains("B Thread-1 (f): in sum(), file \"<string>\", line 3\n"), "{o:?}");
}
