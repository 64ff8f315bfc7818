//! `minipy compare`: one program in several GIL modes, each run in a fresh process. Invariant: every run gets the same
//! standard input, arguments and surroundings; only the mode differs.

use super::args::Compare;
use super::charts;
use super::progress::Progress;
use super::report::{HANDBACK, PAGE};
use super::script;
use super::verdict::{self, Outcome, Row, Same};
use super::{TIMEOUT, UNEXPECTED, USAGE, bold, product};
use crate::run::gil::Mode;
use crate::trace::page;
use std::io::{IsTerminal, PipeReader, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

/// The descriptor on which a run hands back what it recorded.
const FD: i32 = 9;
/// Most bytes of a run's output that are kept and compared.
const KEPT: u64 = 32 << 20;

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
    let mut input = Input { bytes: Vec::new(), ended: std::io::stdin().is_terminal() };
    let mut rows: Vec<Row> = Vec::new();
    let progress = Progress::new(job.modes.len() * job.repeat as usize);
    let mut run = |mode| {
        progress.next(&format!("{} in mode {mode}", script.short()));
        let outcome = one(job, mode, &mut input);
        progress.pause();
        outcome.map_err(|e| eprintln!("minipy: can't run in mode {mode}: {e}")).ok()
    };
    for &mode in &job.modes {
        let mut runs = Vec::new();
        for _ in 0..job.repeat {
            let Some(o) = run(mode) else { return 1 };
            runs.push(o);
        }
        let base = rows.first().map_or_else(|| runs[0].clone(), |r| r.shown.clone());
        let same = runs.iter().map(|o| verdict::classify(&base, o)).max().unwrap_or(Same::Same);
        // An output that differs is the one to show; else the fastest run.
        let shown = runs.into_iter().min_by_key(|o| (verdict::classify(&base, o) != same, o.wall));
        rows.push(Row { mode, shown: shown.unwrap_or_default(), same });
    }
    let mut unsteady = rows[0].same == Same::Differs;
    if !unsteady && rows.iter().any(|r| r.same == Same::Differs) && rows[0].shown.code != TIMEOUT {
        // A program whose answer changes anyway says nothing about the modes.
        let Some(again) = run(rows[0].mode) else { return 1 };
        unsteady = verdict::classify(&rows[0].shown, &again) == Same::Differs;
    }
    let all = verdict::Comparison { rows: &rows, script: &script, limit: job.timeout, unsteady };
    let mut code = product(&all.text(bold(job.color, std::io::stdout().is_terminal())));
    if let Some(file) = &job.json
        && let Err(e) = std::fs::write(file, format!("{}\n", all.json(&job.file, job.repeat)))
    {
        eprintln!("minipy: can't write '{file}': {e}");
        code = 1;
    }
    if let Some(file) = &job.html {
        let runs: Vec<String> = rows.iter().map(|r| r.shown.page.clone()).filter(|p| !p.is_empty()).collect();
        let written = match runs.len() == rows.len() {
            true => std::fs::write(
                file,
                page::page(script.short(), &page::comparison(&all.page(&job.file), &runs)),
            ),
            false => Err(std::io::Error::other("a run ended before it could say what it did")),
        };
        if let Err(e) = written {
            eprintln!("minipy: can't write '{file}': {e}");
            code = 1;
        }
    }
    let differs = rows.iter().any(|r| r.same != Same::Same && r.same != Same::Times);
    if job.expect_same && differs { UNEXPECTED } else { code }
}

/// Standard input as far as a run has asked for it: read once, given to each.
struct Input {
    bytes: Vec<u8>,
    ended: bool,
}

impl Input {
    /// Feeds a run until it has all there is or is over. What nobody asks for is not waited for: a run is over
    /// when the other end of `over` is closed.
    fn feed(&mut self, mut to: ChildStdin, over: &PipeReader) {
        let mut given = 0;
        loop {
            // A program need not read its input.
            if to.write_all(&self.bytes[given..]).is_err() {
                return;
            }
            given = self.bytes.len();
            if self.ended || !self.more(over) {
                return;
            }
        }
    }

    /// Waits for more input; `false` when the run was over first.
    fn more(&mut self, over: &PipeReader) -> bool {
        let poll = |fd, events| libc::pollfd { fd, events, revents: 0 };
        let mut fds = [poll(over.as_raw_fd(), libc::POLLIN), poll(0, libc::POLLIN)];
        // SAFETY: two living records.
        while unsafe { libc::poll(fds.as_mut_ptr(), 2, -1) } < 0 {}
        if fds[0].revents != 0 {
            return false;
        }
        let mut chunk = [0; 1 << 16];
        match std::io::stdin().lock().read(&mut chunk) {
            Ok(n) if n > 0 => self.bytes.extend_from_slice(&chunk[..n]),
            // What cannot be read is no input.
            _ => self.ended = true,
        }
        true
    }
}

/// Runs the program once.
fn one(job: &Compare, mode: Mode, input: &mut Input) -> std::io::Result<Outcome> {
    let (mut back, handed) = std::io::pipe()?;
    let (over, running) = std::io::pipe()?;
    let fd = handed.as_raw_fd();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(format!("--gil={mode}"));
    if let Some(t) = job.timeout {
        command.arg(format!("--timeout={}", t.as_secs_f64()));
    }
    command.arg(&job.file).args(&job.args).env(HANDBACK, FD.to_string());
    let mut page = if job.html.is_some() { charts::nameless() } else { None };
    if let Some((_, path)) = &page {
        command.env(PAGE, path);
    }
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
    let stdin = child.stdin.take();
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let pid = child.id() as i32;
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        scope.spawn(|| stdin.map(|s| input.feed(s, &over)));
        let errors = scope.spawn(|| kept(stderr.as_mut()));
        let output = scope.spawn(|| kept(stdout.as_mut()));
        let (code, cpu) = wait(pid);
        (outcome.wall, outcome.cpu, outcome.code) = (begin.elapsed(), cpu, code);
        drop(running);
        outcome.output = output.join().unwrap_or_default();
        outcome.errors = String::from_utf8_lossy(&errors.join().unwrap_or_default()).into_owned();
    });
    let mut data = String::new();
    back.read_to_string(&mut data)?;
    for line in data.lines() {
        let mut words = line.split('\t');
        let word = words.next();
        let mut number = || words.next().and_then(|w| w.parse::<u64>().ok());
        match word {
            Some("switches") => outcome.switches = number(),
            Some("busy") => outcome.busy = number().map(|n| n as f64 / 1000.0),
            Some("hot") => outcome.hot = number().zip(number()).map(|(l, n)| (l as u32, n)),
            Some("surprise") => outcome.surprises.extend(line.split_once('\t').map(|s| s.1.to_string())),
            _ => {}
        }
    }
    if let Some((file, _)) = &mut page {
        file.rewind()?;
        file.read_to_string(&mut outcome.page)?;
    }
    Ok(outcome)
}

/// The beginning of a stream, read to its end.
fn kept(stream: Option<&mut impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(s) = stream {
        // What came before an error is what the program said.
        let _ = s.by_ref().take(KEPT).read_to_end(&mut bytes);
        let _ = std::io::copy(s, &mut std::io::sink());
    }
    bytes
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
