//! Programs that say beside the line what must happen (the comments of `tests/lang/README.md`), run in a GIL mode.
//! Invariant: a program that does not end in time is killed and fails.

#![allow(unused, reason = "each test file uses its part")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The program under test.
pub const MINIPY: &str = env!("CARGO_BIN_EXE_minipy");

/// What a program says must happen.
#[derive(Debug, Default)]
pub struct Expected {
    pub stdout: Vec<String>,
    /// Line and last line of stderr.
    pub raises: Option<(usize, String)>,
    /// Line and message of a syntax error.
    pub error: Option<(usize, String)>,
    pub args: Vec<String>,
    pub options: Vec<String>,
    pub stdin: String,
    pub exit: Option<i32>,
    pub stderr: Option<String>,
    /// Whether anything is said of stdout.
    pub says: bool,
}

/// What happened.
#[derive(Debug)]
pub struct Outcome {
    pub stdout: String,
    pub stderr: String,
    /// Exit code, 128 + signal, or `None`: killed after its time.
    pub code: Option<i32>,
}

/// Reads the expectations of a program.
pub fn expected(path: &Path) -> Expected {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let mut out = Expected {
        stderr: std::fs::read_to_string(path.with_extension("stderr")).ok(),
        ..Expected::default()
    };
    for (i, line) in text.lines().enumerate() {
        let after = |key: &str| {
            line.find(key)
                .map(|at| line[at + key.len()..].strip_prefix(' ').unwrap_or(&line[at + key.len()..]))
        };
        let alone = |key: &str| line.strip_prefix(key).map(|t| t.strip_prefix(' ').unwrap_or(t));
        if let Some(t) = after("# expect:") {
            out.says = true;
            out.stdout.push(t.to_string());
        } else if let Some(t) = after("# raises:") {
            out.raises = Some((i + 1, t.to_string()));
        } else if let Some((n, t)) = alone("# error").and_then(|t| t.split_once(": ")) {
            if let Ok(n) = n.trim().parse() {
                out.error = Some((n, t.to_string()));
            }
        } else if let Some(t) = alone("# args:") {
            out.args = t.split_whitespace().map(String::from).collect();
        } else if let Some(t) = alone("# options:") {
            out.options = t.split_whitespace().map(String::from).collect();
        } else if let Some(t) = alone("# stdin:") {
            out.stdin = t.replace("\\n", "\n");
        } else if let Some(t) = alone("# exit:") {
            out.exit = t.trim().parse().ok();
        }
    }
    out
}

/// The program gets Ctrl-C and Ctrl-\ also where the tests run with both ignored, as a shell's background job does.
pub fn heeds_signals(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt;
    let heed = || {
        for number in [libc::SIGINT, libc::SIGQUIT] {
            // SAFETY: the default action is no function of ours; signal() may be called between fork and exec.
            unsafe { libc::signal(number, libc::SIG_DFL) };
        }
        Ok(())
    };
    // SAFETY: `heed` calls signal() only, allocates nothing and takes no lock.
    unsafe { command.pre_exec(heed) }
}

/// Runs the command with that input; kills it after `limit`.
pub fn run(command: &mut Command, stdin: &str, limit: Duration) -> Outcome {
    use std::os::unix::process::CommandExt;
    heeds_signals(command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    for name in ["MINIPY_GIL", "MINIPY_PATH", "PYTHON_GIL", "PYTHONUNBUFFERED", "FORCE_COLOR"] {
        command.env_remove(name);
    }
    let mut child = command.spawn().expect("the program starts");
    let group = child.id() as i32;
    let mut input = child.stdin.take().unwrap();
    let (mut o, mut e) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program need not read its input.
            let _ = input.write_all(stdin.as_bytes());
        });
        let read = |s: &mut dyn Read| {
            let mut bytes = Vec::new();
            let _ = s.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let stdout = scope.spawn(move || read(&mut o));
        let stderr = scope.spawn(move || read(&mut e));
        let end = Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        let code = loop {
            match child.try_wait().expect("the program can be waited for") {
                Some(status) => {
                    use std::os::unix::process::ExitStatusExt;
                    break status.code().or_else(|| status.signal().map(|s| 128 + s));
                }
                None if Instant::now() > end => {
                    // SAFETY: the group of the child, which has not been waited for.
                    unsafe { libc::kill(-group, libc::SIGKILL) };
                    let _ = child.wait();
                    break None;
                }
                None => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(20));
                }
            }
        };
        Outcome { stdout: stdout.join().unwrap(), stderr: stderr.join().unwrap(), code }
    })
}

/// A traceback without the frames of the library and the source lines below them.
pub fn own_frames(text: &str) -> String {
    let mut out = String::new();
    let mut library = false;
    for line in text.lines() {
        if line.starts_with("  File ") || !line.starts_with("    ") {
            library = line.contains("/lib/python3.") || line.starts_with("  File \"<stdlib>");
        }
        if !library {
            out += line;
            out.push('\n');
        }
    }
    out
}

/// What a program runs with beside its mode.
#[derive(Debug, Default)]
pub struct Around {
    pub env: Vec<(&'static str, String)>,
    pub options: Vec<String>,
    pub limit: Duration,
}

/// What is wrong with a run of the program in that mode, if anything.
pub fn check(path: &Path, mode: &str, limit: Duration) -> Result<(), String> {
    check_around(path, mode, &Around { limit, ..Around::default() })
}

/// As `check`, with variables and options.
pub fn check_around(path: &Path, mode: &str, around: &Around) -> Result<(), String> {
    let want = expected(path);
    let path = path.canonicalize().unwrap();
    let mut command = Command::new(MINIPY);
    command
        .arg(format!("--gil={mode}"))
        .args(&around.options)
        .args(&want.options)
        .arg(path.file_name().unwrap())
        .args(&want.args);
    command.current_dir(path.parent().unwrap());
    command.envs(around.env.iter().map(|(k, v)| (k, v)));
    let got = run(&mut command, &want.stdin, around.limit);
    judge(&want, &got, path.to_str().unwrap(), around.limit)
}

/// What is wrong with what happened, if anything. `path`: the program's file as stderr names it.
pub fn judge(want: &Expected, got: &Outcome, path: &str, limit: Duration) -> Result<(), String> {
    let stderr = got.stderr.replace(path, "FILE");
    let tail = || {
        let lines: Vec<&str> = stderr.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n    ")
    };
    let Some(code) = got.code else {
        return Err(format!("not ended after {limit:?}\n    {}", tail()));
    };
    if code >= 124 {
        return Err(format!("the exit code is {code}\n    {}", tail()));
    }
    let hint = |l: &&str| !l.starts_with("minipy: hint: ");
    let last = stderr.lines().rfind(hint).unwrap_or("").to_string();
    let failed = want.raises.is_some() || want.error.is_some();
    if want.says || want.error.is_some() {
        let mut lines = got.stdout.lines();
        for (i, w) in want.stdout.iter().enumerate() {
            match lines.next() {
                Some(l) if l.trim_end() == w.trim_end() => {}
                Some(l) => return Err(format!("line {} of stdout is {l:?}, not {w:?}; {last}", i + 1)),
                None => return Err(format!("stdout ends before line {}: {w:?}; {last}", i + 1)),
            }
        }
        if let Some(l) = lines.next() {
            return Err(format!("stdout goes on: {l:?}"));
        }
    }
    if let Some(w) = &want.stderr {
        // Where the library is and how it is written differs.
        let (w, stderr) = (&own_frames(w), own_frames(&stderr));
        if let Some((w, g)) = w.lines().zip(stderr.lines()).find(|(w, g)| w != g) {
            return Err(format!("stderr has {g:?}, not {w:?}"));
        }
        if w.trim_end() != stderr.trim_end() {
            return Err(format!("stderr has {} lines, not {}", stderr.lines().count(), w.lines().count()));
        }
    }
    let place = |stderr: &str| {
        let number =
            |l: &str| l.split("line ").nth(1)?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
        stderr.lines().rfind(|l| l.trim_start().starts_with("File \"FILE\"")).and_then(number)
    };
    if let Some((line, text)) = &want.raises {
        if last.trim_end() != text.trim_end() {
            return Err(format!("the error is {last:?}, not {text:?}"));
        }
        if place(&stderr) != Some(*line) {
            return Err(format!("the error is at line {:?}, not {line}", place(&stderr)));
        }
    }
    if let Some((line, text)) = &want.error {
        let typed = ["SyntaxError: ", "IndentationError: ", "TabError: "].iter().any(|t| text.starts_with(t));
        let text = if typed { text.clone() } else { format!("SyntaxError: {text}") };
        if last.trim_end() != text.trim_end() {
            return Err(format!("the fault is {last:?}, not {text:?}"));
        }
        if place(&stderr) != Some(*line) {
            return Err(format!("the fault is at line {:?}, not {line}", place(&stderr)));
        }
    }
    if !failed && want.stderr.is_none() && !stderr.is_empty() {
        return Err(format!("stderr is not empty: {last:?}"));
    }
    let exit = want.exit.unwrap_or(failed as i32);
    if code != exit {
        return Err(format!("the exit code is {code}, not {exit}; {last}"));
    }
    Ok(())
}

/// Every program below a folder, in order.
pub fn programs(folder: &str) -> Vec<PathBuf> {
    fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, out);
            } else if path.extension().is_some_and(|e| e == "mp") {
                out.push(path);
            }
        }
    }
    let mut out = Vec::new();
    walk(Path::new(folder), &mut out);
    let only = std::env::var("MINIPY_ONLY").unwrap_or_default();
    out.retain(|p| p.to_string_lossy().contains(&only));
    out.sort();
    out
}

/// Does `f` for every job, two at a time; gives what went wrong in the order of the jobs.
pub fn all<J: Sync>(jobs: &[J], f: impl Fn(&J) -> Result<(), String> + Sync) -> Vec<(usize, String)> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(i) else { break };
                    if let Err(why) = f(job) {
                        wrong.lock().unwrap().push((i, why));
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    wrong
}

/// The command line of a CPython 3.14, if there is one.
pub fn cpython() -> Option<Vec<String>> {
    let line = std::env::var("MINIPY_CPYTHON").unwrap_or_else(|_| "python3.14".to_string());
    let words: Vec<String> = line.split_whitespace().map(String::from).collect();
    let out = Command::new(words.first()?).args(&words[1..]).arg("-V").output().ok()?;
    let version = String::from_utf8_lossy(&out.stdout).into_owned();
    version.starts_with("Python 3.14").then_some(words)
}
