//! Reports at the end of a run: turns recording on, gathers what was recorded, writes it where it was asked for.
//! Invariant: only the process that was started writes, never a forked child; text comes after the program's last
//! output.

use super::args::Run;
use super::bold;
use super::script::Script;
use crate::run::event::Log;
use crate::run::event::want;
use crate::run::native::Def;
use crate::run::{Thread, event, gil, graph, procs, unseen};
use crate::trace::gil_report::{self, Input, Report};
use crate::trace::json::Json;
use crate::trace::life::{self, Clock, End};
use crate::trace::{exit_report, gil_text, lock_report, lock_text, procs_report};
use std::io::{IsTerminal, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Mutex, OnceLock};

/// Name of the variable by which `compare` hands a descriptor to the runs that it starts.
pub const HANDBACK: &str = "MINIPY_HANDBACK";

struct Settings {
    pid: u32,
    gil: bool,
    locks: bool,
    procs: bool,
    exit: bool,
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
    if !job.reports() && job.json.is_none() && handback.is_none() {
        return;
    }
    let terminal = job.output.is_none() && std::io::stderr().is_terminal();
    let settings = Settings {
        pid: std::process::id(),
        gil: job.report,
        locks: job.locks,
        procs: job.procs,
        exit: job.exit,
        output: job.output.clone(),
        json: job.json.clone(),
        handback: Mutex::new(handback),
        bold: bold(job.color, terminal),
        file: script.map_or("<stdin>", Script::short).to_string(),
        source: script.map_or(String::new(), |s| String::from_utf8_lossy(&s.text).into_owned()),
    };
    if SETTINGS.set(settings).is_ok() {
        // Counting slows a run a little, which a comparison of times should not see.
        let counts = job.report || job.json.is_some();
        let locks = if job.locks { want::LOCKS } else { 0 };
        event::listen(want::TURNS | locks | if counts { want::COUNTS } else { 0 });
    }
}

/// Writes the reports. The world is stopped. Gives the exit code.
pub fn write(th: &mut Thread, code: i32) -> i32 {
    let Some(settings) = SETTINGS.get().filter(|s| s.pid == std::process::id()) else { return code };
    let logs = event::collect();
    let report = gather(th, settings, &logs);
    let others = others(th, settings, &logs);
    let mut text = if settings.gil { gil_text::text(&report, settings.bold) } else { String::new() };
    others.iter().for_each(|o| text.push_str(&o.text));
    let mut code = code;
    match &settings.output {
        _ if text.is_empty() => {}
        None => eprint!("{text}"),
        Some(file) => code = save(file, &text, code),
    }
    if let Some(file) = &settings.json {
        let gil = gil_report::json(&report);
        let json = if others.is_empty() {
            gil
        } else {
            let gil = settings.gil.then_some(("gil", gil)).into_iter();
            Json::Map(gil.chain(others.into_iter().map(|o| (o.name, o.json))).collect())
        };
        code = save(file, &format!("{json}\n"), code);
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

/// A report beside that on the GIL.
struct Other {
    name: &'static str,
    text: String,
    json: Json,
}

fn others(th: &mut Thread, settings: &Settings, logs: &[(u32, Log)]) -> Vec<Other> {
    let mut out = Vec::new();
    if !(settings.locks || settings.exit || settings.procs) {
        return out;
    }
    let inventory = graph::inventory(th);
    if settings.locks {
        let mode = gil::mode();
        let end = End { at: event::now(), thread: th.shared.number, ran: th.instructions() };
        let lives = life::tile(logs, clock(mode), mode != gil::Mode::Off, end);
        let r = lock_report::report(logs, &lives, &inventory, clock(mode), &settings.file);
        out.push(Other {
            name: "locks",
            text: lock_text::text(&r, settings.bold),
            json: lock_report::json(&r),
        });
    }
    if settings.procs {
        let r = procs_report::report(&procs::all(), event::now());
        let text = procs_report::text(&r, settings.bold);
        out.push(Other { name: "procs", text, json: procs_report::json(&r) });
    }
    if settings.exit {
        let g = graph::take(th);
        let r = exit_report::report(&g, &inventory, th.shared.number, &unseen::all());
        out.push(Other {
            name: "exit",
            text: exit_report::text(&r, settings.bold),
            json: exit_report::json(&r),
        });
    }
    out
}

fn clock(mode: gil::Mode) -> Clock {
    if matches!(mode, gil::Mode::Ticks(_)) { Clock::Instructions } else { Clock::Time }
}

fn gather(th: &mut Thread, settings: &Settings, logs: &[(u32, Log)]) -> Report {
    let mode = gil::mode();
    // SAFETY: rows of natives are statics, and the machine noted the address of one.
    let native = |at: usize| unsafe { &*(at as *const Def) }.name.to_string();
    gil_report::report(&Input {
        mode: mode.to_string(),
        gil: mode != gil::Mode::Off,
        clock: clock(mode),
        counted: gil::counts(mode),
        turn: match mode {
            gil::Mode::Ticks(97) => Some((97, "--gil=ticks:89")),
            gil::Mode::Ticks(n) => Some((n, "--gil=ticks:97")),
            gil::Mode::Py2 => Some((gil::check_interval().max(1) as u32, "sys.setcheckinterval(97)")),
            _ => None,
        },
        interval: matches!(mode, gil::Mode::Py310 | gil::Mode::Py32)
            .then(|| gil::interval().as_nanos() as u64),
        logs,
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
