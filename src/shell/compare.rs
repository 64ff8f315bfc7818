//! `minipy compare`: one program in several GIL modes, each run in a fresh process, side by side. Invariant: every
//! run gets the same standard input, arguments and surroundings; only the mode differs.

use super::args::Compare;
use super::report::HANDBACK;
use super::script::{self, Script};
use super::{UNEXPECTED, USAGE, bold, dis, product};
use crate::code::data::{Code, Const};
use crate::code::dis::switches_py310;
use crate::code::liveness::jump_target;
use crate::run::gil::Mode;
use crate::trace::json::Json;
use crate::trace::table::{WIDTH, count, cut, left, right, wrap};
use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The descriptor on which a run hands back what it recorded.
const FD: i32 = 9;

/// How a mode's output stands to the first mode's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
pub enum Same {
    /// Byte for byte.
    Same,
    /// But for lengths of time.
    Times,
    /// The same lines in another order.
    Order,
    /// Otherwise.
    Differs,
}

impl Same {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Same::Same => "same",
            Same::Times => "same but times",
            Same::Order => "same lines, other order",
            Same::Differs => "differs",
        }
    }
}

/// One run.
#[derive(Clone, Debug, Default)]
struct Outcome {
    wall: Duration,
    cpu: Duration,
    code: i32,
    output: String,
    errors: String,
    switches: Option<u64>,
    hot: Option<(u32, u64)>,
    surprises: Vec<String>,
}

/// All runs in a mode: the fastest, and how the outputs stand.
struct Row {
    mode: Mode,
    best: Outcome,
    same: Same,
}

impl Row {
    fn cores(&self) -> f64 {
        let wall = self.best.wall.as_secs_f64();
        if wall > 0.0 { self.best.cpu.as_secs_f64() / wall } else { 0.0 }
    }
}

/// Compares; gives the exit code.
pub fn compare(job: &Compare) -> i32 {
    let script = match script::read(&super::args::Program::File(job.file.clone())) {
        Ok(Some(s)) => s,
        Ok(None) => return USAGE,
        Err((why, code)) => {
            eprintln!("minipy: {why}");
            return code;
        }
    };
    let mut input = Vec::new();
    if !std::io::stdin().is_terminal()
        && let Err(e) = std::io::stdin().lock().read_to_end(&mut input)
    {
        eprintln!("minipy: can't read standard input: {e}");
        return 1;
    }
    let mut rows: Vec<Row> = Vec::new();
    for &mode in &job.modes {
        let mut runs = Vec::new();
        for _ in 0..job.repeat {
            match one(job, mode, &input) {
                Ok(o) => runs.push(o),
                Err(e) => {
                    eprintln!("minipy: can't run in mode {mode}: {e}");
                    return 1;
                }
            }
        }
        let base = rows.first().map_or_else(|| runs[0].clone(), |r| r.best.clone());
        let same = runs.iter().map(|o| classify(&base, o)).max().unwrap_or(Same::Same);
        // An output that differs is the one to show; else the fastest run.
        let shown = runs.into_iter().min_by_key(|o| (classify(&base, o) != same, o.wall));
        rows.push(Row { mode, best: shown.unwrap_or_default(), same });
    }
    let differs = rows.iter().any(|r| r.same != Same::Same && r.same != Same::Times);
    let text = table(&rows, &script, bold_for(job));
    let mut code = product(&text);
    if let Some(file) = &job.json
        && let Err(e) = std::fs::write(file, format!("{}\n", json(job, &rows)))
    {
        eprintln!("minipy: can't write '{file}': {e}");
        code = 1;
    }
    if job.expect_same && differs { UNEXPECTED } else { code }
}

fn bold_for(job: &Compare) -> (&'static str, &'static str) {
    bold(job.color, std::io::stdout().is_terminal())
}

/// Runs the program once.
fn one(job: &Compare, mode: Mode, input: &[u8]) -> std::io::Result<Outcome> {
    let (mut back, handed) = std::io::pipe()?;
    let fd = handed.as_raw_fd();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(format!("--gil={mode}"));
    if let Some(t) = job.timeout {
        command.arg(format!("--timeout={}", t.as_secs_f64()));
    }
    command.arg(&job.file).args(&job.args).env(HANDBACK, FD.to_string());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // SAFETY: only system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            let done = if fd == FD { libc::fcntl(fd, libc::F_SETFD, 0) } else { libc::dup2(fd, FD) };
            if done < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
        });
    }
    let begin = Instant::now();
    let mut child = command.spawn()?;
    drop(handed);
    let mut stdin = child.stdin.take();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let pid = child.id() as i32;
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // A program need not read its input to the end.
            let _ = stdin.take().map(|mut s| s.write_all(input));
        });
        let errors = scope.spawn(|| text_of(stderr.as_mut()));
        let output = scope.spawn(|| text_of(stdout.as_mut()));
        let (code, cpu) = wait(pid);
        (outcome.wall, outcome.cpu, outcome.code) = (begin.elapsed(), cpu, code);
        outcome.output = output.join().unwrap_or_default();
        outcome.errors = errors.join().unwrap_or_default();
    });
    let mut data = String::new();
    back.read_to_string(&mut data)?;
    for line in data.lines() {
        let mut words = line.split('\t');
        let mut number = || words.next().and_then(|w| w.parse::<u64>().ok());
        match line.split('\t').next() {
            Some("switches") => {
                number();
                outcome.switches = number();
            }
            Some("hot") => {
                number();
                outcome.hot = number().zip(number()).map(|(l, n)| (l as u32, n));
            }
            Some("surprise") => outcome.surprises.extend(line.split_once('\t').map(|s| s.1.to_string())),
            _ => {}
        }
    }
    Ok(outcome)
}

fn text_of(stream: Option<&mut impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(s) = stream {
        // What came before an error is what the program said.
        let _ = s.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits for the process: exit code (128 + signal) and CPU time of it and its children.
fn wait(pid: i32) -> (i32, Duration) {
    let mut status = 0;
    // SAFETY: plain data, filled by the kernel.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        while libc::wait4(pid, &mut status, 0, &mut usage) < 0 && *libc::__errno_location() == libc::EINTR {}
        usage
    };
    let part = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
    let code = if libc::WIFEXITED(status) { libc::WEXITSTATUS(status) } else { 128 + libc::WTERMSIG(status) };
    (code, part(usage.ru_utime) + part(usage.ru_stime))
}

fn classify(base: &Outcome, o: &Outcome) -> Same {
    if base.code != o.code {
        return Same::Differs;
    }
    same(&base.output, &o.output)
}

/// How two outputs stand to each other.
pub fn same(a: &str, b: &str) -> Same {
    if a == b {
        return Same::Same;
    }
    let lines = |t: &str| t.lines().map(mask).collect::<Vec<_>>();
    let (mut x, mut y) = (lines(a), lines(b));
    if x == y {
        return Same::Times;
    }
    x.sort_unstable();
    y.sort_unstable();
    if x == y { Same::Order } else { Same::Differs }
}

/// The line with lengths of time (`0.213 s`, `12ms`, `1.5 seconds`) masked.
fn mask(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[at..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |n| at + n);
        let behind = rest[end..].strip_prefix(' ').unwrap_or(&rest[end..]);
        let unit = behind.find(|c: char| !c.is_alphanumeric()).map_or(behind, |n| &behind[..n]);
        let time = matches!(unit, "s" | "ms" | "us" | "µs" | "ns" | "sec" | "secs" | "second" | "seconds");
        out.push_str(&rest[..at]);
        out.push_str(if time { "#" } else { &rest[at..end] });
        rest = &rest[end..];
    }
    out + rest
}

/// The line to show for each output: the first at which any of them differs from the first one.
fn telling_line(rows: &[Row]) -> usize {
    let base: Vec<String> = rows[0].best.output.lines().map(mask).collect();
    let first = |r: &Row| {
        let own: Vec<String> = r.best.output.lines().map(mask).collect();
        (0..base.len().max(own.len())).find(|i| base.get(*i) != own.get(*i))
    };
    rows.iter().filter(|r| r.same == Same::Differs).filter_map(first).min().unwrap_or(0)
}

fn table(rows: &[Row], script: &Script, bold: (&str, &str)) -> String {
    let mut out = String::from("GIL mode     wall      CPU  cores   switches  output\n");
    let at = telling_line(rows);
    for (i, r) in rows.iter().enumerate() {
        let b = &r.best;
        let mut said = match b.output.lines().nth(at) {
            Some(line) => line.trim_end().to_string(),
            None if b.output.is_empty() => "(nothing)".to_string(),
            None => "(ended before)".to_string(),
        };
        if b.code != 0 {
            said = format!("exit code {}; {said}", b.code);
        }
        let lead = format!(
            "{}{}{}{}{}  ",
            left(&r.mode.to_string(), 9),
            right(&seconds(b.wall), 8),
            right(&seconds(b.cpu), 9),
            right(&format!("{:.1}", r.cores()), 7),
            right(&b.switches.filter(|_| r.mode != Mode::Off).map_or("-".to_string(), count), 11),
        );
        let verdict = match (i, r.same) {
            (0, Same::Same) => "",
            (_, same) => same.text(),
        };
        let room = WIDTH - 46 - if verdict.is_empty() { 0 } else { verdict.len() + 2 };
        let said = if room < 8 { String::new() } else { cut(&said, room) };
        let gap = if verdict.is_empty() || said.is_empty() { "" } else { "  " };
        out.push_str(format!("{lead}{said}{gap}{verdict}").trim_end());
        out.push('\n');
    }
    out.push('\n');
    out.push_str(&verdicts(rows, script, bold));
    for r in rows.iter().filter(|r| r.best.code != 0) {
        if let Some(last) = r.best.errors.lines().rfind(|l| !l.trim().is_empty()) {
            out.push_str(&wrap(&format!("{}: {}", r.mode, cut(last, 300)), "  "));
        }
    }
    out
}

fn seconds(d: Duration) -> String {
    format!("{:.2} s", d.as_secs_f64())
}

fn verdicts(rows: &[Row], script: &Script, bold: (&str, &str)) -> String {
    let mut out = String::new();
    let worst = rows.iter().map(|r| r.same).max().unwrap_or(Same::Same);
    let text = String::from_utf8_lossy(&script.text);
    match worst {
        Same::Differs => {
            out.push_str(&format!("{}THE ANSWER DEPENDS ON THE GIL.{}", bold.0, bold.1));
            let counted = rows.iter().filter(|r| r.same == Same::Differs);
            match counted.filter_map(|r| r.best.hot).max_by_key(|h| h.1) {
                Some((line, _)) => {
                    let code = text.lines().nth(line as usize - 1).unwrap_or("").trim();
                    let said = format!(" Most switches fell on line {line}: ");
                    out.push_str(&said);
                    out.push_str(&cut(code, WIDTH.saturating_sub(30 + said.len())));
                    out.push('\n');
                    let py310 = rows.iter().any(|r| r.mode == Mode::Py310);
                    let sealed =
                        dis::compile(&text, script.short()).is_ok_and(|code| never_inside(&code, line));
                    if py310 && sealed {
                        out.push_str(
                            "py310 never switches inside that line; Python does not promise this.\n",
                        );
                    }
                }
                None => out.push('\n'),
            }
        }
        Same::Order => {
            out.push_str("The same lines in every mode; their order depends on who runs when.\n");
        }
        Same::Times => out.push_str("Every mode gave the same output but for times.\n"),
        Same::Same => out.push_str("Every mode gave the same output.\n"),
    }
    let base = rows.iter().find(|r| r.mode != Mode::Off);
    let free = rows.iter().find(|r| r.mode == Mode::Off);
    if let (Some(base), Some(free)) = (base, free) {
        let (was, is) = (base.best.wall.as_secs_f64().max(0.001), free.best.wall.as_secs_f64().max(0.001));
        let cores = free.cores();
        let said = if cores >= 1.3 && is > was * 1.2 {
            format!("off: {cores:.1} cores busy, yet {:.1}x slower: threads share one variable.", is / was)
        } else if cores >= 1.3 && was > is * 1.2 {
            format!("off: {cores:.1} cores busy, {:.1}x faster than {}.", was / is, base.mode)
        } else if cores >= 1.3 {
            format!("off: {cores:.1} cores busy, but no faster than {}.", base.mode)
        } else if cores < 0.5 {
            format!("off: {cores:.1} cores busy: the program mostly waits, so the GIL does not matter.")
        } else {
            String::new()
        };
        if !said.is_empty() {
            out.push_str(&wrap(&said, "  "));
        }
    }
    for r in rows {
        for s in &r.best.surprises {
            out.push_str(&wrap(&format!("{}: {s}", r.mode), "  "));
        }
    }
    out
}

/// Whether py310 has no switch point on that line but the jump back at a loop's end.
fn never_inside(code: &Code, line: u32) -> bool {
    let back = |word| jump_target(code, word).is_some_and(|t| t <= word);
    code.positions.iter().filter(|p| p.line == line).all(|p| back(p.word) || !switches_py310(code, p.word))
        && code.consts.iter().all(|c| match c {
            Const::Code(inner) => never_inside(inner, line),
            _ => true,
        })
}

fn json(job: &Compare, rows: &[Row]) -> Json {
    let row = |r: &Row| {
        Json::Map(vec![
            ("mode", r.mode.to_string().into()),
            ("wall_s", Json::Real(r.best.wall.as_secs_f64())),
            ("cpu_s", Json::Real(r.best.cpu.as_secs_f64())),
            ("cores", Json::Real(r.cores())),
            ("switches", r.best.switches.into()),
            ("exit_code", (r.best.code as u64).into()),
            ("output", r.best.output.clone().into()),
            ("compared", r.same.text().into()),
            ("surprises", r.best.surprises.clone().into()),
        ])
    };
    Json::Map(vec![
        ("report", "compare".into()),
        ("file", job.file.clone().into()),
        ("repeat", (job.repeat as u64).into()),
        ("modes", Json::List(rows.iter().map(row).collect())),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_apart() {
        assert_eq!(same("a\nb\n", "a\nb\n"), Same::Same);
        assert_eq!(same("a\nb\n", "b\na\n"), Same::Order);
        assert_eq!(same("took 0.21 s\n", "took 1.5 s\n"), Same::Times);
        assert_eq!(same("n = 21\n", "n = 22\n"), Same::Differs);
        assert_eq!(same("in 12ms 3 x\n", "in 15ms 4 x\n"), Same::Differs);
        assert_eq!(mask("took 0.213 s, 3 rounds, 1.5 seconds"), "took # s, 3 rounds, # seconds");
    }
}
