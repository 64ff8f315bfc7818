//! Events to lives: each thread's time tiled by what it did, and the turns in which the GIL was held.
//!
//! Invariants: the parts of a life sum to its length; turns do not overlap; if some thread's record was full, all
//! records are read only up to that moment. With the clock of instructions every
//! figure follows from the order of turns and the instructions run in them, never from the time of day: there a
//! thread is ready from the moment that another one woke it, whenever its OS thread noticed.

use crate::run::event::{Call, Event, Log, Reason, State, What};
use std::collections::HashMap;

/// What a thread did: the parts that tile its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Ran.
    Run,
    /// Waited for the GIL.
    Gil,
    /// Waited for a lock, condition, event, semaphore, barrier or queue.
    Lock,
    /// Slept.
    Sleep,
    /// Waited for a descriptor or a process.
    Io,
    /// Waited for a thread to end.
    Join,
    /// Nobody knows: its process was killed and its record lost. Only charts show it.
    Unseen,
}

/// Words for the parts that are counted, in order.
pub const PARTS: [&str; 6] = ["run", "GIL", "lock", "sleep", "io", "join"];

fn part_of(state: State) -> Part {
    match state {
        State::Run | State::Ended => Part::Run,
        State::Gil => Part::Gil,
        State::Lock => Part::Lock,
        State::Sleep => Part::Sleep,
        State::Io => Part::Io,
        State::Join => Part::Join,
    }
}

/// What measures time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Nanoseconds.
    Time,
    /// Instructions of all threads together; right only where turns are handed over in order.
    Instructions,
}

/// The moment at which the record ends.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// Nanoseconds since the program began.
    pub at: u64,
    /// The thread that ended the process.
    pub thread: u32,
    /// Instructions it had run.
    pub ran: u64,
}

/// One stretch of waiting for the GIL.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// From when.
    pub from: u64,
    /// To when.
    pub to: u64,
    /// Line before which the thread waited.
    pub line: u32,
}

/// A stretch of one part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// What the thread did.
    pub part: Part,
    /// From when.
    pub from: u64,
    /// To when; later than `from`.
    pub to: u64,
    /// Line at its begin, 0 if unknown.
    pub line: u32,
    /// Line at its end.
    pub last: u32,
    /// What it waited for, as `event::word` names its kind; 0 for nothing.
    pub kind: u8,
    /// The object waited for, 0 for none.
    pub object: u64,
    /// The call of the library that the wait served, and on what.
    pub aim: Option<(u64, Call)>,
}

/// One thread's life.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// Number of the thread.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// When it could first have run.
    pub from: u64,
    /// When it ended, or the end of the record.
    pub to: u64,
    /// Lengths of the parts, in the order of [`Part`].
    pub parts: [u64; 6],
    /// Instructions run, 0 where they are not counted.
    pub ran: u64,
    /// Its waits for the GIL.
    pub waits: Vec<Wait>,
    /// How often it was woken in vain.
    pub false_wakes: u64,
    /// When that was.
    pub vain: Vec<u64>,
    /// What it did, one after the other: stretches fill its life and sum to `parts`.
    pub stretches: Vec<Stretch>,
    /// Number of the thread that started it.
    pub by: u32,
    /// Whether it ended before the record.
    pub ended: bool,
    /// Events that were not kept.
    pub dropped: u64,
}

impl Life {
    fn spend(&mut self, now: &Now, to: u64, last: u32) {
        let (part, from) = (now.part, now.since);
        if to <= from {
            return;
        }
        self.parts[part as usize] += to - from;
        let (kind, object, aim) = match part {
            Part::Run | Part::Gil => (0, 0, None),
            _ => (now.kind, now.object, now.aim),
        };
        match self.stretches.last_mut() {
            Some(s) if s.part == part && s.to == from && s.object == object && s.aim == aim => {
                (s.to, s.last) = (to, last)
            }
            _ => self.stretches.push(Stretch { part, from, to, line: now.line, last, kind, object, aim }),
        }
    }
}

/// What a thread does while its events are read.
struct Now {
    part: Part,
    since: u64,
    line: u32,
    kind: u8,
    object: u64,
    aim: Option<(u64, Call)>,
}

impl Now {
    fn begin(&mut self, part: Part, since: u64, line: u32) {
        (self.part, self.since, self.line) = (part, since, line);
    }
}

/// A lock held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hold {
    /// The lock.
    pub object: u64,
    /// Index of the holder's life.
    pub life: usize,
    /// From when.
    pub from: u64,
    /// To when.
    pub to: u64,
    /// Line at which it was acquired.
    pub line: u32,
}

/// What happened between threads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// Thread number `other` was woken, or started.
    Wake { other: u32 },
    /// A queue came to hold that many items.
    Depth { object: u64, depth: u32 },
    /// Process `pid` was made.
    Fork { pid: u32 },
}

/// A mark with its moment.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// When.
    pub at: u64,
    /// Index of the life that did it.
    pub life: usize,
    /// Line.
    pub line: u32,
    /// What.
    pub mark: Mark,
}

/// One turn: the GIL held from `from` to `to`.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    /// Index of the holder's life.
    pub life: usize,
    /// From when.
    pub from: u64,
    /// To when.
    pub to: u64,
    /// Why it ended; `None`: the record ends.
    pub reason: Option<Reason>,
    /// Line at which it ended.
    pub line: u32,
    /// Instruction at which it ended.
    pub place: u32,
    /// The native call that kept the GIL while another thread asked, or 0.
    pub native: usize,
}

/// What the events tell.
#[derive(Clone, Debug, Default)]
pub struct Lives {
    /// Threads in order of creation.
    pub lives: Vec<Life>,
    /// Turns in order.
    pub turns: Vec<Turn>,
    /// Locks held, in order of their begin; those of one lock do not overlap.
    pub holds: Vec<Hold>,
    /// What happened between threads, in order.
    pub moments: Vec<Moment>,
    /// Since when an address means which lock, and whether a line of the script made it.
    pub made: HashMap<u64, Vec<(u64, bool)>>,
    /// Length of the record.
    pub length: u64,
    /// Whether the record ends before the run.
    pub full: bool,
    /// The clock of each event that counts, by thread.
    pub clocks: Vec<Vec<u64>>,
}

impl Lives {
    /// Of a process of which it is only known how long it lived.
    pub fn unseen(lived: u64) -> Lives {
        let (part, from, to) = (Part::Unseen, 0, lived.max(1));
        let whole = Stretch { part, from, to, line: 0, last: 0, kind: 0, object: 0, aim: None };
        let name = "MainThread".to_string();
        let life = Life { name, from, to, ended: true, stretches: vec![whole], ..Life::default() };
        Lives { lives: vec![life], length: to, ..Lives::default() }
    }

    /// Moves everything by that much in time.
    pub fn shift(&mut self, by: i64) {
        let go = |at: &mut u64| *at = at.saturating_add_signed(by);
        for l in &mut self.lives {
            go(&mut l.from);
            go(&mut l.to);
            l.vain.iter_mut().for_each(go);
            l.waits.iter_mut().for_each(|w| [&mut w.from, &mut w.to].into_iter().for_each(go));
            l.stretches.iter_mut().for_each(|s| [&mut s.from, &mut s.to].into_iter().for_each(go));
        }
        self.turns.iter_mut().for_each(|t| [&mut t.from, &mut t.to].into_iter().for_each(go));
        self.holds.iter_mut().for_each(|h| [&mut h.from, &mut h.to].into_iter().for_each(go));
        self.moments.iter_mut().for_each(|m| go(&mut m.at));
        self.made.values_mut().flatten().for_each(|m| go(&mut m.0));
        go(&mut self.length);
    }
}

/// The part of a thread's record that is read.
struct Read<'a> {
    number: u32,
    events: &'a [Event],
}

/// Tiles the lives of the threads in `logs`. `gil`: the GIL is on.
pub fn tile(logs: &[(u32, Log)], clock: Clock, gil: bool, mut end: End) -> Lives {
    let full = logs.iter().filter_map(|(_, log)| log.full).min();
    let kept = |log: &Log| full.map_or(log.events.len(), |at| log.events.partition_point(|e| e.at < at));
    let parts: Vec<Read> =
        logs.iter().map(|(number, log)| Read { number: *number, events: &log.events[..kept(log)] }).collect();
    if let Some(at) = full {
        end = End { at, ran: 0, ..end };
    }
    let mut out = Lives { length: end.at, full: full.is_some(), ..Lives::default() };
    let clocks: Vec<Vec<u64>> = match clock {
        Clock::Time => parts.iter().map(|r| r.events.iter().map(|e| e.at).collect()).collect(),
        Clock::Instructions => {
            let (clocks, length) = by_instructions(&parts, end);
            out.length = length;
            clocks
        }
    };
    let wakes = if clock == Clock::Instructions { wakes(&parts, &clocks) } else { HashMap::new() };
    for (index, ((part, at), (_, log))) in parts.iter().zip(&clocks).zip(logs).enumerate() {
        let own = wakes.get(&part.number).map_or(&[][..], Vec::as_slice);
        let mut life = Life {
            number: part.number,
            name: log.name.clone(),
            dropped: log.dropped,
            ran: log.ran,
            ..Life::default()
        };
        one(&mut life, part.events, at, own, clock, gil, out.length);
        turns(index, part.events, at, out.length, &mut out.turns);
        out.lives.push(life);
    }
    out.turns.sort_by_key(|t| (t.from, t.to));
    between(&parts, &clocks, &mut out);
    out.clocks = clocks;
    out
}

/// Locks held and marks, from the events of all threads in order.
fn between(parts: &[Read], clocks: &[Vec<u64>], out: &mut Lives) {
    let mut all: Vec<(u64, u64, usize, &Event)> = Vec::new();
    for (l, (part, clock)) in parts.iter().zip(clocks).enumerate() {
        for (e, &at) in part.events.iter().zip(clock) {
            match e.what {
                What::Acquire { .. }
                | What::Release { .. }
                | What::Depth { .. }
                | What::Wake { .. }
                | What::Fork { .. } => {
                    all.push((at, e.at, l, e));
                }
                What::NewLock { object, own } => out.made.entry(object).or_default().push((at, own)),
                _ => {}
            }
        }
    }
    all.sort_by_key(|(at, ns, ..)| (*at, *ns));
    out.made.values_mut().for_each(|m| m.sort_unstable());
    // Open holds: index in `out.holds` by lock.
    let mut open: HashMap<u64, usize> = HashMap::new();
    for (at, _, life, e) in all {
        let mut mark = |mark| out.moments.push(Moment { at, life, line: e.line, mark });
        match e.what {
            What::Wake { other } => mark(Mark::Wake { other }),
            What::Depth { object, depth } => mark(Mark::Depth { object, depth }),
            What::Fork { pid } => mark(Mark::Fork { pid }),
            What::Acquire { object } => {
                let new = Hold { object, life, from: at, to: out.length, line: e.line };
                if let Some(before) = open.insert(object, out.holds.len()) {
                    out.holds[before].to = at;
                }
                out.holds.push(new);
            }
            What::Release { object } => {
                if let Some(i) = open.remove(&object) {
                    out.holds[i].to = at;
                }
            }
            _ => {}
        }
    }
}

/// The clock of instructions: turns one after the other, each as long as the instructions run in it. Gives the
/// clock of every event and the length of the whole.
fn by_instructions(parts: &[Read], end: End) -> (Vec<Vec<u64>>, u64) {
    // (time of the acquire, log, its index, index behind the last event, instructions at the start and the end)
    let mut turns: Vec<(u64, usize, usize, usize, u64, u64)> = Vec::new();
    for (l, part) in parts.iter().enumerate() {
        let mut open: Option<usize> = None;
        for (i, e) in part.events.iter().enumerate() {
            match e.what {
                What::GilAcquire => open = Some(i),
                What::GilRelease { .. } => {
                    if let Some(first) = open.take() {
                        turns.push((part.events[first].at, l, first, i + 1, part.events[first].ran, e.ran));
                    }
                }
                _ => {}
            }
        }
        if let Some(first) = open {
            let last = part.events.last().map_or(0, |e| e.ran);
            let ran = if part.number == end.thread { end.ran.max(last) } else { last };
            turns.push((part.events[first].at, l, first, part.events.len(), part.events[first].ran, ran));
        }
    }
    turns.sort_unstable();
    let mut clocks: Vec<Vec<u64>> = parts.iter().map(|r| vec![0; r.events.len()]).collect();
    let mut now = 0;
    for (_, l, first, behind, start, stop) in turns {
        let events = parts[l].events;
        for i in first..behind {
            clocks[l][i] = now + events[i].ran.saturating_sub(start).min(stop - start.min(stop));
        }
        now += stop.saturating_sub(start);
    }
    // Events between two turns (looking for the GIL) take the clock of what came before them.
    for (clock, part) in clocks.iter_mut().zip(parts) {
        let mut last = 0;
        for (c, e) in clock.iter_mut().zip(part.events) {
            if matches!(e.what, What::GilWait | What::FalseWake) {
                *c = last;
            }
            last = *c;
        }
    }
    (clocks, now)
}

/// When each thread was woken, in order.
fn wakes(parts: &[Read], clocks: &[Vec<u64>]) -> HashMap<u32, Vec<u64>> {
    let mut out: HashMap<u32, Vec<u64>> = HashMap::new();
    for (part, clock) in parts.iter().zip(clocks) {
        for (e, at) in part.events.iter().zip(clock) {
            if let What::Wake { other } = e.what {
                out.entry(other).or_default().push(*at);
            }
        }
    }
    out.values_mut().for_each(|v| v.sort_unstable());
    out
}

/// One thread's life from its events.
fn one(life: &mut Life, events: &[Event], at: &[u64], wakes: &[u64], clock: Clock, gil: bool, length: u64) {
    let counted = clock == Clock::Instructions;
    // By instructions only turns have a place in time, not the looking for the GIL before the first one.
    let begun = |e: &&Event| !counted || matches!(e.what, What::GilAcquire);
    let first = events.iter().position(|e| begun(&e)).map_or(0, |i| at[i]);
    let started = wakes.first().copied().filter(|w| counted && *w <= first);
    life.from = started.unwrap_or(first);
    life.to = length;
    let part = if gil { Part::Gil } else { Part::Run };
    let mut now = Now { part, since: life.from, line: 0, kind: 0, object: 0, aim: None };
    let mut entered: Option<Part> = None;
    for (e, &at) in events.iter().zip(at) {
        match e.what {
            What::Start { by } => life.by = by,
            What::Enter { state, kind, object } => {
                entered = Some(part_of(state));
                if !gil {
                    life.spend(&now, at, e.line);
                    now.begin(part_of(state), at, e.line);
                }
                (now.kind, now.object, now.aim) = (kind, object, None);
            }
            What::For { object, call } => now.aim = Some((object, call)),
            What::Already { state } => {
                life.spend(&now, at, e.line);
                now.begin(part_of(state), at, e.line);
            }
            What::Leave => {
                entered = None;
                if !gil {
                    life.spend(&now, at, e.line);
                    now.begin(Part::Run, at, e.line);
                }
            }
            What::GilRelease { reason, .. } if gil => {
                life.spend(&now, at, e.line);
                let part = match reason {
                    Reason::Blocking => entered.unwrap_or(Part::Io),
                    _ => Part::Gil,
                };
                now.begin(part, at, e.line);
            }
            What::GilWait if gil && !counted && now.part != Part::Gil => {
                let at = at.max(now.since);
                life.spend(&now, at, e.line);
                now.begin(Part::Gil, at, e.line);
            }
            What::GilAcquire if gil => {
                if counted && now.part != Part::Gil && now.part != Part::Run {
                    let i = wakes.partition_point(|w| *w < now.since);
                    if let Some(&ready) = wakes.get(i).filter(|w| **w <= at) {
                        life.spend(&now, ready, e.line);
                        now.begin(Part::Gil, ready, e.line);
                    }
                }
                life.spend(&now, at, e.line);
                if now.part == Part::Gil && at > now.since {
                    life.waits.push(Wait { from: now.since, to: at, line: e.line });
                }
                now.begin(Part::Run, at, e.line);
            }
            What::FalseWake => {
                life.false_wakes += 1;
                life.vain.push(at);
            }
            What::End => {
                life.spend(&now, at, e.line);
                (life.to, life.ended) = (at, true);
                return;
            }
            _ => {}
        }
    }
    life.spend(&now, length, now.line);
}

/// The turns of one thread.
fn turns(life: usize, events: &[Event], at: &[u64], length: u64, out: &mut Vec<Turn>) {
    let mut open: Option<u64> = None;
    let (mut line, mut place) = (0, 0);
    for (e, &now) in events.iter().zip(at) {
        (line, place) = (e.line, e.place);
        match e.what {
            What::GilAcquire => open = Some(now),
            What::GilRelease { reason, native } => {
                if let Some(from) = open.take() {
                    out.push(Turn { life, from, to: now, reason: Some(reason), line, place, native });
                }
            }
            _ => {}
        }
    }
    if let Some(from) = open {
        out.push(Turn { life, from, to: length, reason: None, line, place, native: 0 });
    }
}

/// Stretches during which at least one thread waited for the GIL, in order, disjoint.
pub fn waited(lives: &[Life]) -> Vec<(u64, u64)> {
    let mut all: Vec<(u64, u64)> = lives.iter().flat_map(|l| &l.waits).map(|w| (w.from, w.to)).collect();
    all.sort_unstable();
    let mut out: Vec<(u64, u64)> = Vec::new();
    for (from, to) in all {
        match out.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => out.push((from, to)),
        }
    }
    out
}
