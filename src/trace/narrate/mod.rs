//! `--narrate`: what the threads did, turn by turn, in the six steps of the tutorials, with the instructions of the
//! script and the values that they read and wrote.
//!
//! Invariants: a turn is the time from another thread's having had the GIL to another thread's getting it, so there
//! is one more turn than switches; the tale is bounded and says what it leaves out; equal events give equal bytes.

pub mod fold;
pub mod lost;
pub mod row;

use super::table::{WIDTH, count, cut, letter, wrap};
use crate::run::event::seen::{About, Calls, End, Observer, Step};
use crate::run::event::{Reason, What};
use fold::{Fold, Kept, Weight};
use lost::Lost;
use minipy_grammar::display_width;
use row::{Piece, Row};
use std::collections::{BTreeMap, HashMap};

/// Turns told whole before alike ones are folded.
pub const TURNS: usize = 40;
/// Rows of a turn told whole.
const ROWS: usize = 6;
/// Cells before what a turn tells.
const INDENT: usize = 13;
/// Places with lost updates that the end names.
const PLACES: usize = 8;

/// Words for how a turn ended, in the order of [`Reason`].
const ENDS: [&str; 5] = ["limit", "another thread asked", "it has to wait", "it yields", "it ends"];

/// A thread.
#[derive(Default)]
struct Person {
    name: String,
    row: Option<Row>,
    /// The instruction that has not ended.
    step: Option<Step>,
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
    rows: Fold<Row>,
    instructions: u64,
    lost: u64,
    false_wakes: u64,
    reason: Option<Reason>,
}

enum Chapter {
    Turn(Box<Turn>),
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
    places: BTreeMap<(u32, String), u64>,
    /// Names of locks and who holds them since which line.
    names: HashMap<u64, String>,
    holders: HashMap<u64, (u32, u32)>,
    story: Fold<Chapter>,
    /// Instructions seen, of all threads.
    seen: u64,
}

impl Narrator {
    /// Of a run in that GIL mode. `gil`: there is one. `file`: the script's name.
    pub fn new(mode: String, gil: bool, file: String) -> Narrator {
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
        let Some(turn) = self.turn.take() else { return };
        let reason = turn.reason.map_or(9, |r| r as u64);
        let signature = turn.rows.signature().wrapping_mul(31).wrapping_add(thread as u64 * 10 + reason);
        let weight = Weight { items: 1, instructions: turn.instructions, lost: turn.lost };
        self.story.push(signature, weight, Chapter::Turn(Box::new(turn)));
    }

    fn acquires(&mut self, about: &About<'_>) {
        let thread = about.thread;
        if self.turn.as_ref().is_some_and(|t| t.thread == thread) {
            self.person(thread).from = about.ran;
            return;
        }
        if let Some(reason) = self.turn.as_ref().and_then(|t| t.reason) {
            self.switches[reason as usize] += 1;
        }
        self.close_turn();
        let whole = !self.persons.contains_key(&thread) || self.person(thread).name.is_empty();
        let person = self.person(thread);
        person.name = about.name.to_string();
        person.from = about.ran;
        self.turns += 1;
        self.turn = Some(Turn {
            number: self.turns,
            thread,
            whole: whole && thread < 26,
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
    fn name_lock(&mut self, thread: u32, object: u64) {
        let person = self.person(thread);
        let direct =
            person.row.as_mut().and_then(|r| r.last()).is_some_and(|p| p.inside == 0 && p.is_open_call());
        let owner = person.step.as_ref().map_or("", |s| s.site.owner.as_str());
        if direct && !owner.is_empty() && !owner.contains("(...)") {
            let owner = owner.to_string();
            if self.names.len() < 1 << 12 {
                self.names.entry(object).or_insert(owner);
            }
        }
    }

    fn waits(&mut self, about: &About<'_>, object: u64) -> String {
        match about.waits {
            "lock" => {
                self.name_lock(about.thread, object);
                let held = match self.holders.get(&object) {
                    Some((by, 0)) => format!(", held by {}", letter(*by as usize)),
                    Some((by, line)) => format!(", held by {} since line {line}", letter(*by as usize)),
                    None => String::new(),
                };
                match self.names.get(&object) {
                    Some(name) => format!("waits for lock {name}{held}"),
                    None => format!("waits for a lock{held}"),
                }
            }
            "sleep" => "sleeps".to_string(),
            "thread" => "waits for the end of a thread".to_string(),
            "terminal" => "waits for input".to_string(),
            "process" | "condition" | "event" | "import" => {
                format!("waits for an {}", about.waits).replace("an c", "a c").replace("an p", "a p")
            }
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
            person.call = match step.site.calls {
                Some(Calls::Plain) => step.site.about.clone(),
                _ => step.site.about.clone(),
            };
        } else if step.site.verb == "RETURN" {
            person.call.clear();
        } else if step.site.verb == "IMPORT" {
            person.call = format!("import {}", step.site.about);
        }
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
                *self.places.entry(place).or_default() += 1;
            }
        }
    }

    fn ends(&mut self, thread: u32, end: End) {
        let person = self.persons.entry(thread).or_default();
        let Some(step) = person.step.take() else { return };
        if let End::Done { spot, .. } = &end {
            self.lost.done(thread, &step, *spot);
        }
        if let Some(row) = person.row.as_mut().filter(|r| r.is_open()) {
            row.end(&end);
        } else if let End::Done { value: Some(v), .. } = &end
            && v.to_string() != "None"
        {
            let text = format!("back from {} -> {v}", step.site.about);
            let row = person.row.get_or_insert_with(|| Row::new(step.frame, self.seen));
            row.push(Piece::library(text), step.at);
        } else if let End::Raised(name) = &end {
            let row = person.row.get_or_insert_with(|| Row::new(step.frame, self.seen));
            row.note(format!("raises {name}"));
        }
    }

    fn library(&mut self, thread: u32) {
        self.seen += 1;
        let person = self.person(thread);
        let call = match person.call.is_empty() {
            true => "in the library".to_string(),
            false => format!("in {}", person.call),
        };
        let row = self.row(thread);
        row.instructions += 1;
        match row.last() {
            Some(p) if p.is_open_call() || p.is_library() => p.inside += 1,
            _ => {
                let mut piece = Piece::library(call);
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
                self.note(thread, text);
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
        if !self.gil {
            let open: Vec<u32> = self.persons.keys().copied().collect();
            open.into_iter().for_each(|t| self.close_row(t));
        }
        self.text(about.thread)
    }
}

impl Narrator {
    fn text(&mut self, last: u32) -> String {
        let mut out = format!("Narration of {}: mode {}\n", cut(&self.file, 40), self.mode);
        out.push_str(match self.gil {
            true => "  a thread's first turn in six steps, later ones in short; [n inside]: instructions\n  of the library\n",
            false => "  no GIL, no turns: each row is one thread's, in the order in which rows ended;\n  ~ another thread ran meanwhile; [n inside]: instructions of the library\n",
        });
        let story = std::mem::replace(&mut self.story, Fold::new(0, 0, 0));
        for kept in story.into_items() {
            match kept {
                Kept::Shown(Chapter::Turn(turn)) => out.push_str(&self.turn_text(*turn)),
                Kept::Shown(Chapter::Row(thread, row)) => {
                    let mark = if row.beside { '~' } else { ' ' };
                    let lead = format!("  {:<2}{mark} ", letter(thread as usize));
                    out.push_str(&row.text(&lead, lead.len()));
                }
                Kept::Left(w) => {
                    let what = if self.gil { "turn" } else { "row" };
                    out.push_str(&wrap(&format!("  ... {}", left(w, what)), "      "));
                }
            }
        }
        if self.gil {
            let all: u64 = self.switches.iter().sum();
            let names = super::gil_report::REASONS.iter().zip(self.switches);
            let names: Vec<String> =
                names.filter(|(_, n)| *n > 0).map(|(r, n)| format!("{r} {}", count(n))).collect();
            let by = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
            out.push_str(&wrap(
                &format!("  turns {}, switches {}{by}", count(self.turns), count(all)),
                "    ",
            ));
        }
        for (thread, person) in self.persons.iter().filter(|(t, p)| !p.ended && **t != last) {
            if let Some((what, line)) = &person.waits {
                let text = format!(
                    "  in the end {} {} {what}, at line {line}",
                    letter(*thread as usize),
                    person.name
                );
                out.push_str(&wrap(&text, "    "));
            }
        }
        let lost: u64 = self.places.values().sum();
        out.push_str(&wrap(&self.lost_text(lost), "    "));
        out
    }

    fn lost_text(&self, lost: u64) -> String {
        if lost == 0 {
            return "  lost updates: none".to_string();
        }
        let mut places: Vec<(&(u32, String), u64)> = self.places.iter().map(|(p, n)| (p, *n)).collect();
        places.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let more = places.len().saturating_sub(PLACES);
        let named: Vec<String> = places
            .iter()
            .take(PLACES)
            .map(|((line, name), n)| format!("line {line} {} {}", cut(name, 30), count(*n)))
            .collect();
        let more = if more > 0 { format!(", {more} more places") } else { String::new() };
        format!("  lost updates: {} ({}{more})", count(lost), named.join(", "))
    }

    fn turn_text(&self, turn: Turn) -> String {
        let head = format!("{:<9}", format!("turn {}", turn.number));
        let who = letter(turn.thread as usize);
        let name = self.persons.get(&turn.thread).map_or("", |p| p.name.as_str());
        let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let mut out = String::new();
        if turn.whole {
            let wakes = match turn.false_wakes {
                0 => String::new(),
                n => format!(", after {} false wakes", count(n)),
            };
            let n = if turn.instructions == 1 {
                "1 instruction".to_string()
            } else {
                format!("{} instructions", count(turn.instructions))
            };
            let end = turn.reason.map_or("the program ends", |r| ENDS[r as usize]);
            steps(
                &mut out,
                &head,
                &[
                    format!("(1) {who} {} acquires the GIL{wakes}", cut(&name, 40)),
                    format!("(2) {who} runs"),
                    format!("(3) {n}: {end}"),
                ],
            );
        }
        let rows = if turn.whole { 11 } else { INDENT };
        let mut lead = if turn.whole { " ".repeat(rows) } else { format!("{head}{who:<4}") };
        let mut told = false;
        for kept in turn.rows.into_items() {
            match kept {
                Kept::Shown(row) => out.push_str(&row.text(&lead, rows.max(lead.len()))),
                Kept::Left(w) => {
                    out.push_str(&wrap(&format!("{lead}... {}", left(w, "row")), &" ".repeat(rows)))
                }
            }
            lead = " ".repeat(rows.max(display_width(&lead)));
            told = true;
        }
        if !told && !turn.whole {
            out.push_str(&format!("{head}{who:<4}nothing\n"));
        }
        if turn.whole
            && let Some(reason) = turn.reason
        {
            let sleeps = match reason {
                Reason::End => "ends",
                Reason::Blocking => "waits",
                _ => "sleeps",
            };
            steps(
                &mut out,
                &" ".repeat(9),
                &[format!("(4) {who} {sleeps}"), "(5) GIL released".to_string(), "(6) again".to_string()],
            );
        }
        out
    }
}

/// What is left out, in words.
fn left(w: Weight, what: &str) -> String {
    let many = if w.items == 1 { "" } else { "s" };
    let lost = match w.lost {
        0 => String::new(),
        1 => ", 1 lost update".to_string(),
        n => format!(", {} lost updates", count(n)),
    };
    format!("{} {what}{many} like those above: {} instructions{lost}", count(w.items), count(w.instructions))
}

/// Steps of the tutorials in lines.
fn steps(out: &mut String, lead: &str, all: &[String]) {
    let mut line = lead.to_string();
    let mut empty = true;
    for step in all {
        if !empty && display_width(&line) + 2 + display_width(step) > WIDTH {
            out.push_str(&line);
            out.push('\n');
            line = " ".repeat(9);
            empty = true;
        }
        if !empty {
            line.push_str("  ");
        }
        line.push_str(step);
        empty = false;
    }
    out.push_str(&line);
    out.push('\n');
}
