//! What charts are made of: this process's record, and those of the processes that it made. A child hands its record
//! up when it ends, through a nameless file of the first process that the environment names. Invariants: a child
//! writes nothing but its record, in one piece; the first process reads what is there at its own end.

use crate::run::event::{self, Log, Proc, State, What};
use crate::run::native::Def;
use crate::run::{Thread, gil, graph, procs};
use crate::trace::life::{Clock, End};
use crate::trace::story::{Fate, Name, Recorded, Story, plain};
use crate::trace::{procs_report, wire};
use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, FromRawFd};

/// Name of the variable by which processes learn where to hand their records: path and begin of the first one's clock.
const VARIABLE: &str = "MINIPY_EVENTS";

/// Where records of children are gathered.
pub struct Gather {
    /// The file, in the process that reads it.
    file: Option<File>,
    path: String,
    /// Begin of the first process's clock by the system's.
    begin: i64,
}

/// Begin of this process's clock, by the system's monotonic one.
fn begin() -> i64 {
    // SAFETY: plain data, filled by the system.
    let now = unsafe {
        let mut t: libc::timespec = std::mem::zeroed();
        libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut t);
        t.tv_sec * 1_000_000_000 + t.tv_nsec
    };
    now - event::now() as i64
}

/// A file without a name in any folder, and the path by which other processes open it while this one lives.
pub fn nameless() -> Option<(File, String)> {
    // SAFETY: a terminated name; the descriptor is ours.
    let file = unsafe {
        let fd = libc::memfd_create(c"minipy".as_ptr(), libc::MFD_CLOEXEC);
        (fd >= 0).then(|| File::from_raw_fd(fd))?
    };
    // The number that this process has there: it is another one where /proc is that of an outer namespace.
    let own = std::fs::read_link("/proc/self").ok()?;
    let path = format!("/proc/{}/fd/{}", own.display(), file.as_raw_fd());
    Some((file, path))
}

impl Gather {
    /// Where to hand the record of this process, if it is the child of one that gathers. Before the machine starts.
    pub fn above() -> Option<Gather> {
        let value = std::env::var(VARIABLE).ok()?;
        let (path, begin) = value.rsplit_once('@')?;
        Some(Gather { file: None, path: path.to_string(), begin: begin.parse().ok()? })
    }

    /// A file for the records of children, made known to them. Before the machine starts.
    pub fn open() -> Option<Gather> {
        let (file, path) = nameless()?;
        let begin = begin();
        // SAFETY: only this thread reads or writes variables before the machine starts.
        unsafe { std::env::set_var(VARIABLE, format!("{path}@{begin}")) };
        Some(Gather { file: Some(file), path, begin })
    }

    /// Hands a child's record up. If the first process is gone nobody misses it.
    pub fn hand_up(&self, mut record: Recorded) {
        record.begin = begin() - self.begin;
        let mut bytes = wire::write(&record);
        killed(&record, &[]).iter().for_each(|r| bytes.extend(wire::write(r)));
        if let Ok(mut file) = OpenOptions::new().append(true).open(&self.path) {
            let _ = file.write_all(&bytes);
        }
    }

    /// Records of children that have ended.
    pub fn children(&mut self) -> Vec<Recorded> {
        let mut bytes = Vec::new();
        if let Some(file) = &mut self.file
            && file.seek(SeekFrom::Start(0)).is_ok()
        {
            let _ = file.read_to_end(&mut bytes);
        }
        wire::read(&bytes)
    }
}

/// The record of this process. The world is stopped and all events are handed in. `named`: with the names of locks.
pub fn record(th: &mut Thread, named: bool) -> Recorded {
    let end = End { at: event::now(), thread: th.shared.number, ran: th.instructions() };
    let mut out = of_logs(event::collect(), end);
    if named {
        let known = graph::inventory(th).known.into_iter();
        out.names = known.map(|k| (k.object, Name { name: k.name, kind: k.kind })).collect();
    }
    out
}

/// Whether the threads waited for nothing but each other: then instructions measure time. A sleep, an input or a process
/// takes its time whatever the threads do meanwhile.
fn computes(logs: &[(u32, Log)]) -> bool {
    let elsewhere = |what: What| match what {
        What::Enter { state: State::Sleep, .. } => true,
        What::Enter { state: State::Io, kind, .. } => event::word(kind) != "output",
        _ => false,
    };
    procs::all().is_empty() && !logs.iter().any(|(_, log)| log.events.iter().any(|e| elsewhere(e.what)))
}

/// What `logs` hold, which end there.
pub fn of_logs(logs: Vec<(u32, Log)>, end: End) -> Recorded {
    let mode = gil::mode();
    let mut natives = HashMap::new();
    for e in logs.iter().flat_map(|(_, l)| &l.events) {
        if let What::GilRelease { native: at @ 1.., .. } = e.what {
            // SAFETY: rows of natives are statics, and the machine noted the address of one.
            natives.entry(at).or_insert_with(|| unsafe { &*(at as *const Def) }.name.to_string());
        }
    }
    Recorded {
        pid: std::process::id(),
        mode: mode.to_string(),
        gil: mode != gil::Mode::Off,
        ordered: matches!(mode, gil::Mode::Ticks(_)) && computes(&logs),
        begin: 0,
        end: Some(end),
        names: HashMap::new(),
        natives,
        logs,
        fate: None,
    }
}

/// Processes that this one made and that a signal killed: they could not hand in what they recorded. `known`: records
/// that were handed in.
pub fn killed(own: &Recorded, known: &[Recorded]) -> Vec<Recorded> {
    procs::look();
    let all = procs::all().into_iter().filter(|p| !known.iter().any(|r| r.pid == p.pid as u32));
    let one = |p: Proc| {
        let signal = p.code.filter(|c| *c < 0)?;
        let lived = p.ended.unwrap_or(p.started).saturating_sub(p.started);
        let fate = Fate { name: p.name, lived, how: format!("killed by {}", procs_report::signal(-signal)) };
        Some(Recorded {
            pid: p.pid as u32,
            mode: own.mode.clone(),
            gil: own.gil,
            ordered: own.ordered,
            begin: own.begin + p.started as i64,
            fate: Some(fate),
            ..Recorded::default()
        })
    };
    all.filter_map(one).collect()
}

/// The story of this process and of those that it made.
pub fn story(own: Recorded, gather: Option<&mut Gather>, file: &str, clock: Option<Clock>) -> Story {
    let mut all = gather.map_or(Vec::new(), Gather::children);
    all.extend(killed(&own, &all));
    all.insert(0, own);
    let mut story = Story::new(all, file, clock);
    let known = procs::all();
    for p in story.processes.iter_mut().skip(1) {
        let own = known.iter().rev().find(|k| k.pid as u32 == p.pid);
        if let Some(k) = own {
            p.name = plain(&k.name);
        }
    }
    story
}
