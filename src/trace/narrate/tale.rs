//! The tale as text. Invariant: no line is wider than 80 cells, and the end says how many turns, switches and lost
//! updates there were, told or not.

use super::super::table::{WIDTH, count, cut, letter, wrap};
use super::fold::{Fold, Kept, Weight};
use super::{Chapter, Narrator, Turn};
use crate::run::event::Reason;
use crate::trace::gil_report::REASONS;
use minipy_grammar::display_width;
use std::collections::{BTreeMap, BTreeSet};

/// Cells before what a turn tells.
const INDENT: usize = 13;
/// Places with lost updates that the end names.
const PLACES: usize = 8;
/// Threads that a line about the library names.
const THREADS: usize = 8;

/// Words for how a turn ended, in the order of [`Reason`].
const ENDS: [&str; 5] = ["limit", "another thread asked", "it has to wait", "it yields", "it ends"];

impl Narrator {
    /// All of it.
    pub(super) fn text(&mut self) -> String {
        let mut out = format!("Narration of {}: mode {}\n", cut(&self.file, 40), self.mode);
        let how = match self.gil {
            true => {
                "  each thread's first turn in the script is told in six steps, later ones in short; [n inside]: \
                 instructions of the library, which is told nowhere else: a turn whose number is missing ran \
                 nothing but that"
            }
            false => {
                "  no GIL, so no turns: each row is one thread's, in the order in which they ended; ~ another \
                 thread ran meanwhile; [n inside]: instructions of the library"
            }
        };
        out.push_str(&wrap(how, "  "));
        let story = std::mem::replace(&mut self.story, Fold::new(0, 0, 0));
        let mut met = BTreeSet::new();
        for kept in story.into_items() {
            match kept {
                Kept::Shown(Chapter::Turn(turn)) => out.push_str(&self.turn_text(*turn, &mut met)),
                Kept::Shown(Chapter::Library(first, last, threads)) => {
                    out.push_str(&self.library_text(first, last, &threads, &mut met));
                }
                Kept::Shown(Chapter::Row(thread, row)) => {
                    if met.insert(thread) {
                        met.remove(&thread);
                        out.push_str(&format!("  {}\n", self.who(thread, &mut met)));
                    }
                    let mark = if row.beside { '~' } else { ' ' };
                    let lead = format!("  {:<2}{mark} ", letter(thread as usize));
                    out.push_str(&row.text(&lead, 5));
                }
                Kept::Left(w) => {
                    let what = if self.gil { "turn" } else { "row" };
                    out.push_str(&wrap(&format!("  ... {}", left(w, what)), "      "));
                }
            }
        }
        self.end_text(&mut out);
        out
    }

    fn end_text(&self, out: &mut String) {
        if self.gil {
            let all: u64 = self.switches.iter().sum();
            let by: Vec<String> = REASONS
                .iter()
                .zip(self.switches)
                .filter(|(_, n)| *n > 0)
                .map(|(r, n)| format!("{r} {}", count(n)))
                .collect();
            let by = if by.is_empty() { String::new() } else { format!(" ({})", by.join(", ")) };
            out.push_str(&wrap(
                &format!("  turns {}, switches {}{by}", count(self.turns), count(all)),
                "    ",
            ));
        }
        for (thread, person) in self.persons.iter().filter(|(_, p)| !p.ended) {
            if let Some((what, line)) = &person.waits {
                let at = if *line > 0 { format!(", at line {line}") } else { String::new() };
                let text = format!("  in the end {} {what}{at}", letter(*thread as usize));
                out.push_str(&wrap(&text, "    "));
            }
        }
        let lost: i64 = self.places.values().sum();
        let lost = lost.max(0) as u64;
        if self.places.is_empty() {
            out.push_str("  lost updates: none\n");
            return;
        }
        let mut places: Vec<(&(u32, String), u64)> =
            self.places.iter().map(|(p, n)| (p, (*n).max(0) as u64)).collect();
        places.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let more = places.len().saturating_sub(PLACES);
        let named: Vec<String> = places
            .iter()
            .take(PLACES)
            .map(|((line, name), n)| format!("{} at line {line}: {}", cut(name, 30), count(*n)))
            .collect();
        let more = if more > 0 { format!(", {more} more places") } else { String::new() };
        out.push_str(&wrap(&format!("  lost updates: {} ({}{more})", count(lost), named.join(", ")), "    "));
    }

    /// The thread's letter, with its name at the first mention.
    fn who(&self, thread: u32, met: &mut BTreeSet<u32>) -> String {
        let who = letter(thread as usize);
        if !met.insert(thread) {
            return who;
        }
        let name = self.persons.get(&thread).map_or("", |p| p.name.as_str());
        let name: String = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        format!("{who} {}", cut(&name, 40)).trim_end().to_string()
    }

    fn library_text(
        &self,
        first: u64,
        last: u64,
        threads: &BTreeMap<u32, u64>,
        met: &mut BTreeSet<u32>,
    ) -> String {
        let one = |(t, n): (&u32, &u64)| format!("{} {}", self.who(*t, met), instructions(*n));
        let mut all: Vec<String> = threads.iter().take(THREADS).map(one).collect();
        if threads.len() > THREADS {
            all.push(format!("{} more", threads.len() - THREADS));
        }
        let turns = if first == last { format!("turn {first}") } else { format!("turns {first} to {last}") };
        wrap(&format!("{turns}, in the library: {}", all.join(", ")), "         ")
    }

    fn turn_text(&self, turn: Turn, met: &mut BTreeSet<u32>) -> String {
        let head = format!("{:<9}", format!("turn {} ", turn.number));
        let who = letter(turn.thread as usize);
        let mut out = String::new();
        let indent = if turn.whole { 11 } else { INDENT };
        if turn.whole {
            met.remove(&turn.thread);
            let wakes = match turn.false_wakes {
                0 => String::new(),
                n => format!(", after {} false wakes", count(n)),
            };
            let alone =
                turn.reason == Some(Reason::Limit) && self.limit.is_some_and(|n| turn.instructions > n);
            let alone = if alone { " (alone for a while)" } else { "" };
            let end = turn.reason.map_or("the program ends", |r| ENDS[r as usize]);
            let first = [
                format!("(1) {} acquires the GIL{wakes}", self.who(turn.thread, met)),
                format!("(2) {who} runs"),
                format!("(3) {}{alone}: {end}", instructions(turn.instructions)),
            ];
            steps(&mut out, &head, &first);
        }
        let lead = match turn.whole {
            true => " ".repeat(indent),
            false => format!("{head}{:<3} ", self.who(turn.thread, met)),
        };
        let mut line = Line { lead, text: String::new(), indent };
        let mut label = (0, None);
        for kept in turn.rows.into_items() {
            match kept {
                Kept::Shown(row) => {
                    // Short rows of a short turn share a line.
                    if !turn.whole && line.takes(&row.line(&mut label)) {
                        continue;
                    }
                    line.end(&mut out);
                    label = (0, None);
                    if !turn.whole && line.takes(&row.line(&mut label)) {
                        continue;
                    }
                    out.push_str(&row.text(&line.lead, indent));
                    line.lead = " ".repeat(indent);
                    label = (0, None);
                }
                Kept::Left(w) => {
                    line.end(&mut out);
                    out.push_str(&cut(&format!("{}... {}", line.lead, left(w, "row")), WIDTH));
                    out.push('\n');
                    line.lead = " ".repeat(indent);
                }
            }
        }
        line.end(&mut out);
        if turn.whole
            && let Some(reason) = turn.reason
        {
            let sleeps = match reason {
                Reason::End => "ends",
                Reason::Blocking => "waits",
                _ => "sleeps",
            };
            let rest =
                [format!("(4) {who} {sleeps}"), "(5) GIL released".to_string(), "(6) again".to_string()];
            steps(&mut out, &" ".repeat(9), &rest);
        }
        out
    }
}

/// A line that rows share.
struct Line {
    lead: String,
    text: String,
    indent: usize,
}

impl Line {
    /// Takes one more row, if there is room for it.
    fn takes(&mut self, row: &str) -> bool {
        let between = if self.text.is_empty() { "" } else { " | " };
        let width =
            display_width(&self.lead) + display_width(&self.text) + between.len() + display_width(row);
        if width > WIDTH {
            return false;
        }
        self.text.push_str(between);
        self.text.push_str(row);
        true
    }

    fn end(&mut self, out: &mut String) {
        if !self.text.is_empty() {
            out.push_str(&format!("{}{}\n", self.lead, self.text));
            self.text.clear();
            self.lead = " ".repeat(self.indent);
        }
    }
}

fn instructions(n: u64) -> String {
    match n {
        1 => "1 instruction".to_string(),
        n => format!("{} instructions", count(n)),
    }
}

/// What is left out, in words.
fn left(w: Weight, what: &str) -> String {
    let many = if w.items == 1 { "" } else { "s" };
    let lost = match w.lost {
        0 => String::new(),
        n => format!(", {} marked LOST", count(n)),
    };
    format!("{} {what}{many} like those above: {}{lost}", count(w.items), instructions(w.instructions))
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
