//! `--narrate`: what the threads did, turn by turn, in the six steps of the tutorials, with the instructions of the
//! script and the values that they read and wrote.
//!
//! Invariants: a turn is the time from another thread's having had the GIL to another thread's getting it, so there
//! is one more turn than switches; the tale is bounded and says what it leaves out; equal events give equal bytes.

pub mod fold;
pub mod lost;
pub mod row;
mod tale;

use super::table::{count, letter};
use crate::run::event::seen::{About, End, Observer, Step};
use crate::run::event::{Reason, What};
use fold::{Fold, Weight};
use lost::Lost;
use row::{Piece, Row};
use std::collections::{BTreeMap, HashMap};

/// Turns told whole before alike ones are folded.
pub const TURNS: usize = 40;
/// Turns of the library in sequence that are worth a line.
pub const LIBRARY: u64 = 4;
/// Rows of a turn told whole.
const ROWS: usize = 6;
/// A thread.
#[derive(Default)]
struct Person {
    name: String,
    row: Option<Row>,
    /// The instruction that has not ended.
    step: Option<Step>,
    /// The call that went into the library.
    entered: Option<Step>,
    /// Its first turn with instructions of the script has been told.
    introduced: bool,
    /// What it called last.
    call: String,
    /// What it waits for, and at which line.
    waits: Option<(String, u32)>,
    /// Instructions it had run when its turn, or the part of it that lasts, began.
    from: u64,
    ended: bool,
}

/// One turn.
struct Turn {
    number: u64,
    thread: u32,
    /// Told in six steps.
    whole: bool,
    /// There are instructions of the script in it.
    script: bool,
    /// There is more in it than instructions of the library.
    told: bool,
    rows: Fold<Row>,
    instructions: u64,
    lost: u64,
    false_wakes: u64,
    reason: Option<Reason>,
}

enum Chapter {
    Turn(Box<Turn>),
    /// Turns in which nothing but library code ran: numbers of the first and the last, threads and instructions.
    Library(u64, u64, BTreeMap<u32, u64>),
    Row(u32, Box<Row>),
}

/// Listens and tells in the end.
pub struct Narrator {
    mode: String,
    gil: bool,
    file: String,
    persons: BTreeMap<u32, Person>,
    turn: Option<Turn>,
    turns: u64,
    switches: [u64; 5],
    false_wakes: u64,
    lost: Lost,
    /// Updates that are missing, by line and name.
    places: BTreeMap<(u32, String), i64>,
    /// Names of locks and who holds them since which line.
    names: HashMap<u64, String>,
    holders: HashMap<u64, (u32, u32)>,
    story: Fold<Chapter>,
    /// Turns of the library that are not yet in the story.
    library: Option<(u64, u64, BTreeMap<u32, u64>)>,
    /// Length of a turn, where turns have one.
    limit: Option<u64>,
    /// Instructions seen, of all threads.
    seen: u64,
}

impl Narrator {
    /// Of a run in that GIL mode. `gil`: there is one. `limit`: how many instructions a turn has, where that is fixed.
    /// `file`: the script's name.
    pub fn new(mode: String, gil: bool, limit: Option<u64>, file: String) -> Narrator {
        let whole = if gil { TURNS } else { TURNS * 2 };
        Narrator {
            mode,
            gil,
            file,
            persons: BTreeMap::new(),
            turn: None,
            turns: 0,
            switches: [0; 5],
            false_wakes: 0,
            lost: Lost::new(gil),
            places: BTreeMap::new(),
            names: HashMap::new(),
            holders: HashMap::new(),
            story: Fold::new(whole, 4, whole * 10),
            library: None,
            limit,
            seen: 0,
        }
    }

    fn person(&mut self, thread: u32) -> &mut Person {
        self.persons.entry(thread).or_default()
    }

    /// The row in which the thread is, a new one if there is none.
    fn row(&mut self, thread: u32) -> &mut Row {
        let seen = self.seen;
        self.person(thread).row.get_or_insert_with(|| Row::new(0, seen))
    }

    fn close_row(&mut self, thread: u32) {
        let Some(row) = self.person(thread).row.take() else { return };
        let weight = Weight { items: 1, instructions: row.instructions, lost: row.lost };
        let signature = row.signature();
        match self.turn.as_mut().filter(|_| self.gil) {
            Some(turn) => {
                turn.lost += row.lost;
                turn.script |= row.has_steps();
                turn.told |= !row.is_library();
                turn.rows.push(signature, weight, row);
            }
            None => {
                let signature = signature.wrapping_mul(31).wrapping_add(thread as u64);
                self.story.push(signature, weight, Chapter::Row(thread, Box::new(row)));
            }
        }
    }

    fn close_turn(&mut self) {
        let Some(thread) = self.turn.as_ref().map(|t| t.thread) else { return };
        self.close_row(thread);
        let Some(mut turn) = self.turn.take() else { return };
        if !turn.told {
            let (_, last, threads) = self.library.get_or_insert((turn.number, turn.number, BTreeMap::new()));
            *last = turn.number;
            *threads.entry(thread).or_default() += turn.instructions;
            return;
        }
        self.close_library();
        let person = self.person(thread);
        turn.whole = turn.script && !std::mem::replace(&mut person.introduced, true) && thread < 26;
        let reason = turn.reason.map_or(9, |r| r as u64);
        let signature = turn.rows.signature().wrapping_mul(31).wrapping_add(thread as u64 * 10 + reason);
        let weight = Weight { items: 1, instructions: turn.instructions, lost: turn.lost };
        self.story.push(signature, weight, Chapter::Turn(Box::new(turn)));
    }

    /// Turns of the library are told together.
    fn close_library(&mut self) {
        let few = |(first, last, _): &(u64, u64, BTreeMap<u32, u64>)| last - first + 1 < LIBRARY;
        let Some((first, last, threads)) = self.library.take().filter(|l| !few(l)) else { return };
        let weight = Weight { items: last - first + 1, instructions: threads.values().sum(), lost: 0 };
        let signature = threads.keys().fold(7, |h: u64, t| h.wrapping_mul(31).wrapping_add(*t as u64));
        self.story.push(signature, weight, Chapter::Library(first, last, threads));
    }

    fn acquires(&mut self, about: &About<'_>) {
        let thread = about.thread;
        if let Some(turn) = self.turn.as_mut().filter(|t| t.thread == thread) {
            turn.reason = None;
            self.person(thread).from = about.ran;
            return;
        }
        if let Some(reason) = self.turn.as_ref().and_then(|t| t.reason) {
            self.switches[reason as usize] += 1;
        }
        self.close_turn();
        let person = self.person(thread);
        person.name = about.name.to_string();
        person.from = about.ran;
        self.turns += 1;
        self.turn = Some(Turn {
            number: self.turns,
            thread,
            whole: false,
            script: false,
            told: false,
            rows: Fold::new(ROWS, 2, ROWS * 4),
            instructions: 0,
            lost: 0,
            false_wakes: std::mem::take(&mut self.false_wakes),
            reason: None,
        });
    }

    fn releases(&mut self, about: &About<'_>, reason: Reason) {
        if reason == Reason::Yield {
            self.note(about.thread, "yield".to_string());
        }
        let from = self.person(about.thread).from;
        if let Some(turn) = self.turn.as_mut().filter(|t| t.thread == about.thread) {
            turn.instructions += about.ran.saturating_sub(from);
            turn.reason = Some(reason);
        }
        self.person(about.thread).from = about.ran;
    }

    fn note(&mut self, thread: u32, text: String) {
        self.row(thread).note(text);
    }

    /// The lock that the thread's last call is about gets the name that the script uses there.
    fn name_lock(&mut self, thread: u32, object: u64) -> Option<String> {
        let person = self.person(thread);
        let last = person.row.as_mut().and_then(|r| r.last());
        let direct = last.is_some_and(|p| p.inside == 0 && p.is_open_call());
        let owner = person.step.as_ref().map_or("", |s| s.site.owner.as_str());
        if !direct || owner.is_empty() || owner.contains("(...)") {
            return None;
        }
        let owner = owner.to_string();
        if self.names.len() < 1 << 12 {
            self.names.entry(object).or_insert_with(|| owner.clone());
        }
        Some(owner)
    }

    fn waits(&mut self, about: &About<'_>, object: u64) -> String {
        match about.waits {
            "lock" => {
                // The name that it has here, else the one that it had first.
                let here = self.name_lock(about.thread, object);
                let Some(name) = here.or_else(|| self.names.get(&object).cloned()) else {
                    return "waits for a lock".to_string();
                };
                match self.holders.get(&object) {
                    Some((by, 0)) => format!("waits for {name}, held by {}", letter(*by as usize)),
                    Some((by, line)) => {
                        format!("waits for {name}, held by {} (line {line})", letter(*by as usize))
                    }
                    None => format!("waits for {name}"),
                }
            }
            "sleep" => "sleeps".to_string(),
            "thread" => "waits for the end of a thread".to_string(),
            "terminal" => "waits for input".to_string(),
            "event" | "import" => format!("waits for an {}", about.waits),
            "condition" | "process" | "semaphore" | "barrier" => format!("waits for a {}", about.waits),
            "" => "waits".to_string(),
            what => format!("waits for {what}"),
        }
    }

    fn locks(&mut self, thread: u32, object: u64) {
        self.name_lock(thread, object);
        if let Some(p) = self.person(thread).row.as_mut().and_then(|r| r.last())
            && p.inside == 0
        {
            p.locked = true;
        }
    }
}

impl Observer for Narrator {
    fn begins(&mut self, thread: u32, step: Step) {
        self.seen += 1;
        if step.first {
            self.lost.fresh(thread, step.frame);
        }
        if self.person(thread).row.as_ref().is_some_and(|r| r.breaks(&step)) {
            self.close_row(thread);
        }
        let turn = self.turn.as_ref().map_or(0, |t| t.number);
        let gone = self.lost.stores(thread, turn, &step);
        let (seen, gil) = (self.seen, self.gil);
        let person = self.person(thread);
        if step.site.calls.is_some() {
            person.call = step.site.about.clone();
        } else if step.site.verb == "RETURN" {
            person.call.clear();
        } else if step.site.verb == "IMPORT" {
            person.call = format!("import {}", step.site.about);
        }
        person.entered = None;
        let row = person.row.get_or_insert_with(|| Row::new(step.frame, seen));
        row.beside |= seen - row.from > row.instructions;
        row.push(Piece::step(&step), step.at);
        person.step = Some(step);
        if let Some(o) = gone {
            let row = person.row.as_mut();
            let place = row.as_ref().and_then(|r| r.place());
            let by = letter(o.thread as usize);
            let text = match (o.writes, gil) {
                (1, true) => format!("{by}'s write of turn {}", o.turn),
                (1, false) => format!("{by}'s write"),
                (n, true) => format!("{} writes, the last by {by} in turn {}", count(n), o.turn),
                (n, false) => format!("{} writes, the last by {by}", count(n)),
            };
            if let Some(row) = row {
                row.lost(text);
            }
            if let Some(place) = place
                && (self.places.len() < 1 << 10 || self.places.contains_key(&place))
            {
                *self.places.entry(place).or_default() += o.net;
            }
        }
    }

    fn ends(&mut self, thread: u32, end: End) {
        let person = self.persons.entry(thread).or_default();
        let Some(step) = person.step.take().or_else(|| person.entered.take()) else { return };
        let spot = match &end {
            End::Done { spot, .. } => *spot,
            _ => None,
        };
        self.lost.done(thread, &step, spot);
        if let Some(row) = person.row.as_mut().filter(|r| r.is_open()) {
            row.end(&end);
        } else if let End::Done { value: Some(v), .. } = &end
            && v.to_string() != "None"
        {
            let text = format!("back from {} -> {v}", step.site.about);
            let row = person.row.get_or_insert_with(|| Row::new(step.frame, self.seen));
            row.push(Piece::library(text, Some(&step)), step.at);
        } else if let End::Raised(name) = &end {
            let row = person.row.get_or_insert_with(|| Row::new(step.frame, self.seen));
            row.note(format!("raises {name}"));
        }
        if end == End::Entered && step.site.calls.is_some() {
            person.entered = Some(step);
        }
    }

    fn library(&mut self, thread: u32) {
        self.seen += 1;
        let person = self.person(thread);
        let call = match person.call.is_empty() {
            true => "in the library".to_string(),
            false => format!("in {}", person.call),
        };
        let seen = self.seen;
        let person = self.person(thread);
        let row = person.row.get_or_insert_with(|| Row::new(0, seen));
        row.instructions += 1;
        match row.last() {
            Some(p) if p.is_open_call() || p.is_library() => p.inside += 1,
            _ => {
                let mut piece = Piece::library(call, person.entered.as_ref());
                piece.inside = 1;
                row.push(piece, 1);
            }
        }
    }

    fn event(&mut self, about: &About<'_>, what: What) {
        let thread = about.thread;
        match what {
            What::GilAcquire => self.acquires(about),
            What::GilRelease { reason, .. } => self.releases(about, reason),
            What::FalseWake => self.false_wakes += 1,
            What::Start { .. } => {
                let person = self.person(thread);
                person.name = about.name.to_string();
                if !self.gil && thread > 0 {
                    self.note(thread, "starts".to_string());
                }
            }
            What::End => {
                self.note(thread, "ends".to_string());
                self.person(thread).ended = true;
                if !self.gil {
                    self.close_row(thread);
                }
            }
            What::Enter { object, .. } => {
                let text = self.waits(about, object);
                self.person(thread).waits = Some((text.clone(), about.line));
                // What the end of the program waits for has nothing to do with the script's last instruction.
                let person = self.person(thread);
                let ended =
                    person.row.as_mut().and_then(|r| r.last()).is_some_and(|p| p.ended && !p.is_library());
                if !ended {
                    self.note(thread, text);
                }
            }
            What::Leave => self.person(thread).waits = None,
            What::Acquire { object } => {
                self.locks(thread, object);
                if self.holders.len() < 1 << 16 {
                    self.holders.insert(object, (thread, about.line));
                }
            }
            What::Release { object } => {
                self.locks(thread, object);
                self.holders.remove(&object);
            }
            What::Wake { other } => {
                let known = self.persons.contains_key(&other);
                self.person(other);
                let verb = if known { "wakes" } else { "starts" };
                self.note(thread, format!("{verb} {}", letter(other as usize)));
            }
            What::Collection { .. } => self.note(thread, "collects garbage".to_string()),
            What::Fork { pid } => self.note(thread, format!("makes process {pid}")),
            What::NewLock { object, .. } => {
                self.holders.remove(&object);
            }
            What::GilWait | What::Depth { .. } | What::For { .. } | What::Already { .. } => {}
        }
    }

    fn told(&mut self, about: &About<'_>) -> String {
        if let Some(turn) = self.turn.as_mut().filter(|t| t.thread == about.thread) {
            let from = self.persons.get(&about.thread).map_or(0, |p| p.from);
            turn.instructions += about.ran.saturating_sub(from);
        }
        self.close_turn();
        self.close_library();
        if !self.gil {
            let open: Vec<u32> = self.persons.keys().copied().collect();
            open.into_iter().for_each(|t| self.close_row(t));
        }
        self.text()
    }
}
