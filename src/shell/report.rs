//! Reports at the end of a run: turns recording on, gathers what was recorded, writes it where it was asked for.
//! Invariant: only the process that was started writes, never a forked child; text comes after the program's last
//! output.

use super::args::Run;
use super::bold;
use super::script::Script;
use crate::run::event::want;
use crate::run::native::Def;
use crate::run::{Thread, event, gil, observe};
use crate::trace::gil_report::{self, Input, Report};
use crate::trace::gil_text;
use crate::trace::life::{Clock, End};
use crate::trace::narrate::Narrator;
use std::io::{IsTerminal, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Mutex, OnceLock};

/// Name of the variable by which `compare` hands a descriptor to the runs that it starts.
pub const HANDBACK: &str = "MINIPY_HANDBACK";

struct Settings {
    pid: u32,
    text: bool,
    output: Option<String>,
    json: Option<String>,
    handback: Mutex<Option<OwnedFd>>,
    bold: (&'static str, &'static str),
    file: String,
    source: String,
}

static SETTINGS: OnceLock<Settings> = OnceLock::new();

/// Turns recording on if this run is to be reported. Before the machine starts.
pub fn prepare(job: &Run, script: Option<&Script>) {
    let handback = std::env::var(HANDBACK).ok().and_then(|v| v.parse::<i32>().ok()).filter(|fd| *fd > 2);
    // SAFETY: only this thread reads or writes variables before the machine starts; the descriptor was opened for us.
    let handback = handback.and_then(|fd| unsafe {
        std::env::remove_var(HANDBACK);
        (libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) == 0).then(|| OwnedFd::from_raw_fd(fd))
    });
    let recorded = job.report || job.json.is_some() || handback.is_some();
    if !recorded && !job.narrate {
        return;
    }
    let terminal = job.output.is_none() && std::io::stderr().is_terminal();
    let settings = Settings {
        pid: std::process::id(),
        text: job.report,
        output: job.output.clone(),
        json: job.json.clone(),
        handback: Mutex::new(handback),
        bold: bold(job.color, terminal),
        file: script.map_or("<stdin>", Script::short).to_string(),
        source: script.map_or(String::new(), |s| String::from_utf8_lossy(&s.text).into_owned()),
    };
    if job.narrate {
        let gil = job.mode != gil::Mode::Off;
        let limit = match job.mode {
            gil::Mode::Ticks(n) => Some(n as u64),
            gil::Mode::Py2 => Some(gil::check_interval().max(1) as u64),
            _ => None,
        };
        observe::begin(Box::new(Narrator::new(job.mode.to_string(), gil, limit, settings.file.clone())));
    }
    if SETTINGS.set(settings).is_ok() && recorded {
        // Counting slows a run a little, which a comparison of times should not see.
        let counts = job.report || job.json.is_some();
        event::listen(want::TURNS | if counts { want::COUNTS } else { 0 });
    }
}

/// Writes the reports. The world is stopped. Gives the exit code.
pub fn write(th: &mut Thread, code: i32) -> i32 {
    let Some(settings) = SETTINGS.get().filter(|s| s.pid == std::process::id()) else { return code };
    let mut text = observe::told(th).unwrap_or_default();
    let report = gather(th, settings);
    let mut code = code;
    if settings.text {
        text.push_str(&gil_text::text(&report, settings.bold));
    }
    if !text.is_empty() {
        match &settings.output {
            None => eprint!("{text}"),
            Some(file) => code = save(file, &text, code),
        }
    }
    if let Some(file) = &settings.json {
        code = save(file, &format!("{}\n", gil_report::json(&report)), code);
    }
    if let Some(fd) = settings.handback.lock().ok().and_then(|mut h| h.take()) {
        // The parent may be gone; then nobody misses this.
        let _ = std::fs::File::from(fd).write_all(hand_back(&report).as_bytes());
    }
    code
}

fn save(file: &str, text: &str, code: i32) -> i32 {
    match std::fs::write(file, text) {
        Ok(()) => code,
        Err(e) => {
            eprintln!("minipy: can't write '{file}': {e}");
            if code == 0 { 1 } else { code }
        }
    }
}

fn gather(th: &mut Thread, settings: &Settings) -> Report {
    let logs = event::collect();
    let mode = gil::mode();
    // SAFETY: rows of natives are statics, and the machine noted the address of one.
    let native = |at: usize| unsafe { &*(at as *const Def) }.name.to_string();
    gil_report::report(&Input {
        mode: mode.to_string(),
        gil: mode != gil::Mode::Off,
        clock: if matches!(mode, gil::Mode::Ticks(_)) { Clock::Instructions } else { Clock::Time },
        counted: gil::counts(mode),
        turn: match mode {
            gil::Mode::Ticks(97) => Some((97, "--gil=ticks:89")),
            gil::Mode::Ticks(n) => Some((n, "--gil=ticks:97")),
            gil::Mode::Py2 => Some((gil::check_interval().max(1) as u32, "sys.setcheckinterval(97)")),
            _ => None,
        },
        interval: matches!(mode, gil::Mode::Py310 | gil::Mode::Py32)
            .then(|| gil::interval().as_nanos() as u64),
        logs: &logs,
        end: End { at: event::now(), thread: th.shared.number, ran: th.instructions() },
        file: &settings.file,
        source: &settings.source,
        native: &native,
    })
}

/// What `compare` wants to know about a run: lines of words with tabs between them, short enough for a pipe.
fn hand_back(r: &Report) -> String {
    let mut out = format!("switches\t{}\nbusy\t{}\n", r.all_switches(), (r.busy * 1000.0) as u64);
    if let Some(h) = &r.hot {
        out.push_str(&format!("hot\t{}\t{}\n", h.line, h.switches));
    }
    for s in r.surprises.iter().filter(|s| s.len() < 400) {
        out.push_str(&format!("surprise\t{s}\n"));
    }
    out
}
