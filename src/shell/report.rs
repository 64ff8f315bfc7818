//! Reports at the end of a run: turns recording on, gathers what was recorded, writes it where it was asked for.
//! Invariant: only the process that was started writes, never a forked child; text comes after the program's last
//! output.

use super::args::Run;
use super::charts::{self, Gather};
use super::script::Script;
use super::{bold, painted};
use crate::heap::Value;
use crate::run::event::want;
use crate::run::{R, Thread, event, gil, graph, observe, procs, unseen};
use crate::trace::gil_report::{self, Input, Report};
use crate::trace::json::Json;
use crate::trace::life::{self, Clock, End};
use crate::trace::narrate::Narrator;
use crate::trace::story::{Recorded, Story};
use crate::trace::{chrome, exit_report, gil_text, lock_report, lock_text, page, procs_report, timeline};
use std::io::{BufWriter, IsTerminal, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::{Mutex, OnceLock};

/// Name of the variable by which `compare` hands a descriptor to the runs that it starts.
pub const HANDBACK: &str = "MINIPY_HANDBACK";
/// Name of the variable by which `compare` tells them where to write what its page shows of them.
pub const PAGE: &str = "MINIPY_PAGE";

struct Settings {
    pid: u32,
    gil: bool,
    locks: bool,
    procs: bool,
    exit: bool,
    output: Option<String>,
    json: Option<String>,
    /// Width of the chart.
    timeline: Option<usize>,
    trace: Option<String>,
    html: Option<String>,
    /// Where `compare` wants the data of its page.
    page: Option<String>,
    /// Where children hand their records.
    gather: Mutex<Option<Gather>>,
    /// Where this process hands its own.
    above: Option<Gather>,
    color: bool,
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
    let page = std::env::var(PAGE).ok();
    if page.is_some() {
        // SAFETY: as above.
        unsafe { std::env::remove_var(PAGE) };
    }
    let above = Gather::above();
    let charts = job.timeline.is_some() || job.trace.is_some() || job.html.is_some() || page.is_some();
    let recorded = job.reports() || job.json.is_some() || handback.is_some() || charts || above.is_some();
    if !recorded && !job.narrate {
        return;
    }
    let terminal = job.output.is_none() && std::io::stderr().is_terminal();
    let (page, paged) = (page.is_some(), page);
    let settings = Settings {
        page: paged,
        pid: std::process::id(),
        gil: job.report,
        locks: job.locks,
        procs: job.procs,
        exit: job.exit,
        output: job.output.clone(),
        json: job.json.clone(),
        timeline: job.timeline.map(|cols| cols.unwrap_or_else(|| width(terminal))),
        trace: job.trace.clone(),
        html: job.html.clone(),
        gather: Mutex::new(if charts { Gather::open() } else { None }),
        above,
        color: painted(job.color, terminal),
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
        let counts = job.report || job.json.is_some() || job.html.is_some();
        let locks = job.locks || job.timeline.is_some() || job.trace.is_some() || job.html.is_some() || page;
        event::listen(
            want::TURNS | if counts { want::COUNTS } else { 0 } | if locks { want::LOCKS } else { 0 },
        );
    }
}

/// Writes the reports. The world is stopped. Gives the exit code.
pub fn write(th: &mut Thread, code: i32) -> i32 {
    let Some(settings) = SETTINGS.get() else { return code };
    let mut gather = settings.gather.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let record = charts::record(th, gather.is_some() || settings.above.is_some());
    if settings.pid != std::process::id() {
        // A forked child.
        if let Some(up) = gather.as_ref().or(settings.above.as_ref()) {
            up.hand_up(record);
        }
        return code;
    }
    let report = report(&settings.file, &settings.source, &record);
    let mut code = code;
    let mut said = observe::told(th).unwrap_or_default();
    let others = others(th, settings, &record);
    if settings.gil {
        said.push_str(&gil_text::text(&report, settings.bold));
    }
    for o in &others {
        said.push_str(&o.text);
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
    match (gather.as_mut(), &settings.above) {
        (None, None) => {}
        (None, Some(up)) => up.hand_up(record),
        (Some(_), _) => {
            // Runs that are compared are drawn on one scale.
            let clock = settings.page.as_ref().map(|_| Clock::Time);
            // A page's tables are on the clock of its charts.
            let by_time = of_record(&settings.file, &settings.source, &record, Clock::Time);
            let story = charts::story(record, gather.as_mut(), &settings.file, clock);
            let report = if story.clock == Clock::Time { &by_time } else { &report };
            code = draw(settings, &story, report, &mut said, code);
        }
    }
    match &settings.output {
        _ if said.is_empty() => {}
        None => eprint!("{said}"),
        Some(file) => code = save(file, &said, code),
    }
    code
}

/// The charts that were asked for: the one in text is added to `said`.
fn draw(settings: &Settings, story: &Story, report: &Report, said: &mut String, code: i32) -> i32 {
    let mut code = code;
    if let Some(width) = settings.timeline {
        said.push_str(if said.is_empty() { "" } else { "\n" });
        said.push_str(&timeline::text(story, width, settings.color));
    }
    if let Some(file) = &settings.trace {
        let written = std::fs::File::create(file).and_then(|f| {
            let mut out = BufWriter::new(f);
            let left = chrome::write(story, &mut out)?;
            out.flush()?;
            Ok(left)
        });
        match written {
            Ok(0) => {}
            Ok(left) => {
                eprintln!("minipy: the trace holds the first {} events; {left} were left out", chrome::LIMIT)
            }
            Err(e) => code = cannot_write(file, &e, code),
        }
    }
    if settings.html.is_some() || settings.page.is_some() {
        let data = page::data(story, report, &settings.source);
        if let Some(file) = &settings.html {
            code = save(file, &page::page(&settings.file, &data), code);
        }
        if let Some(file) = &settings.page {
            code = save(file, &data, code);
        }
    }
    code
}

/// Width of the chart: that of the terminal, or 80.
fn width(terminal: bool) -> usize {
    if terminal { columns().max(timeline::LEAST) } else { 80 }
}

/// Columns of the terminal behind stderr, 80 where nobody knows.
pub fn columns() -> usize {
    // SAFETY: plain data, filled by the system.
    let size = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        (libc::ioctl(2, libc::TIOCGWINSZ, &mut size) == 0).then_some(size.ws_col as usize)
    };
    size.filter(|n| *n > 0).unwrap_or(80)
}

fn save(file: &str, text: &str, code: i32) -> i32 {
    match std::fs::write(file, text) {
        Ok(()) => code,
        Err(e) => cannot_write(file, &e, code),
    }
}

/// A report beside that on the GIL.
struct Other {
    name: &'static str,
    text: String,
    json: Json,
}

fn others(th: &mut Thread, settings: &Settings, record: &Recorded) -> Vec<Other> {
    let mut out = Vec::new();
    if !(settings.locks || settings.exit || settings.procs) {
        return out;
    }
    let inventory = graph::inventory(th);
    if settings.locks {
        let clock = if record.ordered { Clock::Instructions } else { Clock::Time };
        let end = record.end.unwrap_or(End { at: 0, thread: 0, ran: 0 });
        let lives = life::tile(&record.logs, clock, record.gil, end);
        let r = lock_report::report(&record.logs, &lives, &inventory, clock);
        out.push(Other {
            name: "locks",
            text: lock_text::text(&r, settings.bold),
            json: lock_report::json(&r),
        });
    }
    if settings.procs {
        procs::look();
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

fn cannot_write(file: &str, e: &std::io::Error, code: i32) -> i32 {
    eprintln!("minipy: can't write '{file}': {e}");
    if code == 0 { 1 } else { code }
}

/// Calls `f` and reports on it alone: the outcome, and the text. `file` and `source`: what is called.
pub fn of_call(th: &mut Thread, f: Value, file: &str, source: &str) -> (R, String) {
    if event::listening() {
        let why = "minipy: this run is recorded as a whole: no report of a part\n";
        return (th.call(f, &[]), why.to_string());
    }
    event::begin(th, want::TURNS | want::COUNTS);
    let (from, before) = (event::now(), th.instructions());
    let outcome = th.call(f, &[]);
    let end = End { at: event::now() - from, thread: th.shared.number, ran: th.instructions() - before };
    let mut logs = event::finish(th);
    event::since(&mut logs, from);
    let report = report(file, source, &charts::of_logs(logs, end));
    (outcome, gil_text::text(&report, ("", "")))
}

/// The report on the GIL, on the clock that suits the record.
fn report(file: &str, source: &str, record: &Recorded) -> Report {
    of_record(file, source, record, if record.ordered { Clock::Instructions } else { Clock::Time })
}

fn of_record(file: &str, source: &str, record: &Recorded, clock: Clock) -> Report {
    let mode = gil::mode();
    let native = |at: usize| record.natives.get(&at).cloned().unwrap_or_default();
    gil_report::report(&Input {
        mode: record.mode.clone(),
        gil: record.gil,
        clock,
        counted: gil::counts(mode),
        turn: match mode {
            gil::Mode::Ticks(97) => Some((97, "--gil=ticks:89")),
            gil::Mode::Ticks(n) => Some((n, "--gil=ticks:97")),
            gil::Mode::Py2 => Some((gil::check_interval().max(1) as u32, "sys.setcheckinterval(97)")),
            _ => None,
        },
        interval: matches!(mode, gil::Mode::Py310 | gil::Mode::Py32)
            .then(|| gil::interval().as_nanos() as u64),
        logs: &record.logs,
        end: record.end.unwrap_or(End { at: 0, thread: 0, ran: 0 }),
        file,
        source,
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
