//! The report on the GIL as data: who ran, who waited, how turns ended, what stands out and what it means.
//! Invariants: shares sum to 100.0; counts are exact unless it says how many events were dropped.

use super::json::Json;
use super::life::{self, Clock, End, Lives, PARTS, Part};
use super::table::{count, letter, tenths, time};
use crate::run::event::{Log, Reason};
use std::collections::BTreeMap;

/// Words for the reasons of a switch, in the order of [`Reason`].
pub const REASONS: [&str; 5] = ["limit", "request", "blocking", "yield", "end"];

/// What a report is made of.
pub struct Input<'a> {
    /// The GIL mode as the command line spells it.
    pub mode: String,
    /// Whether there is a GIL.
    pub gil: bool,
    /// What measures time.
    pub clock: Clock,
    /// Whether instructions were counted.
    pub counted: bool,
    /// Length of a turn in instructions, where turns have one, and how to ask for another.
    pub turn: Option<(u32, &'a str)>,
    /// After how many nanoseconds a waiter asks for the GIL, where it does.
    pub interval: Option<u64>,
    /// The events.
    pub logs: &'a [(u32, Log)],
    /// Where they end.
    pub end: End,
    /// The script's name without its folder.
    pub file: &'a str,
    /// Its text.
    pub source: &'a str,
    /// The name of a native by its address in an event.
    pub native: &'a dyn Fn(usize) -> String,
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Letter.
    pub letter: String,
    /// Name.
    pub name: String,
    /// Instructions, if counted.
    pub ran: Option<u64>,
    /// Shares of its life in tenths of a percent, in the order of [`Part`].
    pub shares: [u64; 6],
    /// Whether it came to anything but starting and ending.
    pub worked: bool,
}

/// A stretch worth naming.
#[derive(Clone, Debug)]
pub struct Long {
    /// How long, by the report's clock.
    pub length: u64,
    /// Letter of the thread.
    pub letter: String,
    /// Line, 0 if unknown.
    pub line: u32,
    /// The native call that kept the GIL.
    pub native: Option<String>,
}

/// The line on which most forced switches fell.
#[derive(Clone, Debug)]
pub struct Hot {
    /// Line.
    pub line: u32,
    /// Switches there.
    pub switches: u64,
    /// Forced switches in all.
    pub of: u64,
    /// Its text.
    pub text: String,
}

/// What it comes to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Only one thread ran.
    Alone,
    /// There was no GIL.
    Free,
    /// Nearly nobody waited.
    Harmless,
    /// Threads waited part of the time.
    Costs,
    /// Threads waited most of the time.
    Bound,
}

impl Verdict {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Verdict::Alone => "one thread: there was nobody to share the GIL with",
            Verdict::Free => "no GIL: threads run at the same time",
            Verdict::Harmless => "harmless: threads hardly waited for the GIL",
            Verdict::Costs => "the GIL costs: threads waited for it part of the time",
            Verdict::Bound => "GIL-bound: threads cannot speed this up (see: minipy compare)",
        }
    }
}

/// The report.
#[derive(Clone, Debug)]
pub struct Report {
    /// GIL mode.
    pub mode: String,
    /// Whether there was a GIL.
    pub gil: bool,
    /// What measures time.
    pub clock: Clock,
    /// Length of the run.
    pub length: u64,
    /// Threads.
    pub rows: Vec<Row>,
    /// Switches by reason, in the order of [`REASONS`].
    pub switches: [u64; 5],
    /// Threads woken in vain.
    pub false_wakes: u64,
    /// The longest wait for the GIL.
    pub longest_wait: Option<Long>,
    /// The longest stretch in which somebody waited for one holder.
    pub longest_hold: Option<Long>,
    /// Share of the run in which the GIL was held, in tenths.
    pub held: u64,
    /// Share of the run in which somebody waited for it, in tenths.
    pub waiting: u64,
    /// Threads running at a time, on average.
    pub busy: f64,
    /// The line of most switches.
    pub hot: Option<Hot>,
    /// Verdict.
    pub verdict: Verdict,
    /// What a learner would not expect.
    pub surprises: Vec<String>,
    /// Events that were not kept; if any, all but instructions is of the first `length` of the run.
    pub dropped: u64,
    /// The script's name.
    pub file: String,
}

impl Report {
    /// Switches for all reasons.
    pub fn all_switches(&self) -> u64 {
        self.switches.iter().sum()
    }

    /// A length by the report's clock.
    pub fn amount(&self, n: u64) -> String {
        match self.clock {
            Clock::Time => time(n),
            Clock::Instructions if n == 1 => "1 instruction".to_string(),
            Clock::Instructions => format!("{} instructions", count(n)),
        }
    }

    /// `B at race.mp:5`.
    pub fn place(&self, long: &Long) -> String {
        let native = long.native.as_ref().map_or(String::new(), |n| format!(" in {n}()"));
        match long.line {
            0 => format!("{}{native}", long.letter),
            line => format!("{}{native} at {}:{line}", long.letter, self.file),
        }
    }
}

/// Makes the report.
pub fn report(input: &Input) -> Report {
    let lives = life::tile(input.logs, input.clock, input.gil, input.end);
    let rows = rows(input, &lives);
    let (switches, hot) = switches(input, &lives);
    let stretches = life::waited(&lives.lives);
    let share = |n: u64| tenths([n.min(lives.length), lives.length.saturating_sub(n)])[0];
    let held = share(lives.turns.iter().map(|t| t.to - t.from).sum());
    let waiting = share(stretches.iter().map(|(from, to)| to - from).sum());
    let ran: u64 = lives.lives.iter().map(|l| l.parts[Part::Run as usize]).sum();
    let verdict = match () {
        _ if rows.iter().filter(|r| r.worked).count() < 2 => Verdict::Alone,
        _ if !input.gil => Verdict::Free,
        _ if waiting < 100 => Verdict::Harmless,
        _ if waiting < 500 => Verdict::Costs,
        _ => Verdict::Bound,
    };
    let longest_wait = lives
        .lives
        .iter()
        .enumerate()
        .flat_map(|(i, l)| l.waits.iter().map(move |w| (w.to - w.from, i, w.line)))
        .max_by_key(|(n, i, line)| (*n, std::cmp::Reverse((*i, *line))))
        .map(|(length, i, line)| Long { length, letter: letter(i), line, native: None });
    Report {
        mode: input.mode.clone(),
        gil: input.gil,
        clock: input.clock,
        length: lives.length,
        longest_hold: longest_hold(input, &lives, &stretches),
        surprises: surprises(input, &lives, &switches),
        false_wakes: lives.lives.iter().map(|l| l.false_wakes).sum(),
        dropped: lives.lives.iter().map(|l| l.dropped).sum(),
        busy: if lives.length == 0 { 1.0 } else { ran as f64 / lives.length as f64 },
        file: input.file.to_string(),
        rows,
        switches,
        longest_wait,
        held,
        waiting,
        hot,
        verdict,
    }
}

fn rows(input: &Input, lives: &Lives) -> Vec<Row> {
    let row = |(i, l): (usize, &life::Life)| {
        let mut shares = tenths(l.parts);
        if shares.iter().sum::<u64>() == 0 {
            shares[Part::Run as usize] = 1000;
        }
        Row {
            letter: letter(i),
            name: l.name.chars().map(|c| if c.is_control() { '?' } else { c }).collect(),
            ran: input.counted.then_some(l.ran),
            shares,
            worked: l.parts[Part::Run as usize] > 0,
        }
    };
    lives.lives.iter().enumerate().map(row).collect()
}

/// Switches by reason, and the line of most forced ones. A switch is a turn followed by another thread's.
fn switches(input: &Input, lives: &Lives) -> ([u64; 5], Option<Hot>) {
    let mut by_reason = [0; 5];
    let mut by_line: BTreeMap<u32, u64> = BTreeMap::new();
    for pair in lives.turns.windows(2) {
        let Some(reason) = pair[0].reason.filter(|_| pair[0].life != pair[1].life) else { continue };
        by_reason[reason as usize] += 1;
        if matches!(reason, Reason::Limit | Reason::Request) {
            *by_line.entry(pair[0].line).or_default() += 1;
        }
    }
    let of = by_line.values().sum();
    let most = by_line
        .iter()
        .filter(|(line, _)| **line > 0)
        .max_by_key(|(line, n)| (**n, std::cmp::Reverse(**line)));
    let hot = most.map(|(&line, &switches)| {
        let text = input.source.lines().nth(line as usize - 1).unwrap_or("").trim().to_string();
        Hot { line, switches, of, text }
    });
    (by_reason, hot)
}

/// The turn through which others waited longest.
fn longest_hold(input: &Input, lives: &Lives, stretches: &[(u64, u64)]) -> Option<Long> {
    let mut best: Option<Long> = None;
    let mut first = 0;
    for t in &lives.turns {
        while stretches.get(first).is_some_and(|s| s.1 <= t.from) {
            first += 1;
        }
        let overlap = |s: &(u64, u64)| s.1.min(t.to).saturating_sub(s.0.max(t.from));
        let length: u64 = stretches[first..].iter().take_while(|s| s.0 < t.to).map(overlap).sum();
        if length > best.as_ref().map_or(0, |b| b.length) {
            let native = (t.native != 0).then(|| (input.native)(t.native));
            best = Some(Long { length, letter: letter(t.life), line: t.line, native });
        }
    }
    best
}

fn surprises(input: &Input, lives: &Lives, switches: &[u64; 5]) -> Vec<String> {
    let mut out = Vec::new();
    let main = lives.lives.iter().position(|l| l.number == 0);
    let forced = switches[Reason::Limit as usize] + switches[Reason::Request as usize];
    let others: Vec<usize> = (0..lives.lives.len()).filter(|i| Some(*i) != main).collect();
    // Threads that only computed: they gave the GIL up at their end and nowhere else.
    let computed = |i: &&usize| {
        let own =
            |t: &&life::Turn| t.life == **i && matches!(t.reason, Some(Reason::Blocking | Reason::Yield));
        !lives.turns.iter().any(|t| own(&t))
    };
    if input.gil && forced == 0 && others.len() > 1 && others.iter().filter(computed).count() > 1 {
        let own = lives.turns.iter().filter(|t| Some(t.life) != main);
        out.extend(no_switch(input, lives, own.map(|t| t.to - t.from).max().unwrap_or(0)));
    }
    out.extend(input.turn.and_then(|(n, other)| one_place(input, lives, n, other)));
    let mut spans: Vec<(u64, u64, usize)> =
        others.iter().map(|i| (lives.lives[*i].from, lives.lives[*i].to, *i)).collect();
    spans.sort_unstable();
    if spans.len() > 1 && spans.windows(2).all(|p| p[0].1 <= p[1].0) {
        let (a, b) = (letter(spans[0].2), letter(spans[1].2));
        out.push(match spans.len() {
            2 => format!("{b} started after {a} had ended: nothing ran at the same time"),
            _ => format!("{b} started after {a} had ended, and so on: nothing ran at the same time"),
        });
    }
    out
}

/// Why threads that only computed did not take turns.
fn no_switch(input: &Input, lives: &Lives, longest: u64) -> Option<String> {
    let false_wakes: u64 = lives.lives.iter().map(|l| l.false_wakes).sum();
    if let (Some((n, _)), Clock::Instructions) = (input.turn, input.clock) {
        return Some(format!(
            "NO SWITCH: no thread ran {} instructions in one turn (longest {}). More iterations, or shorter turns: \
             --gil=ticks:7",
            count(n as u64),
            count(longest)
        ));
    }
    if let (Some((n, _)), 1..) = (input.turn, false_wakes) {
        return Some(format!(
            "NO SWITCH: who gave up the GIL after {n} instructions took it back before the others were awake \
             (false wakes {})",
            count(false_wakes)
        ));
    }
    let interval = time(input.interval.filter(|i| longest < *i)?).replace(".0 ", " ");
    Some(format!(
        "NO SWITCH: threads ended before the first {interval} request (longest {}). More iterations, or --gil=ticks",
        time(longest)
    ))
}

/// Turns that (nearly) all end at the same instruction: their length is a multiple of the loop's.
fn one_place(input: &Input, lives: &Lives, n: u32, other: &str) -> Option<String> {
    let mut places: BTreeMap<u32, (u64, u32)> = BTreeMap::new();
    let switch = |p: &&[life::Turn]| p[0].reason == Some(Reason::Limit) && p[0].life != p[1].life;
    for pair in lives.turns.windows(2).filter(switch) {
        let seen = places.entry(pair[0].place).or_insert((0, pair[0].line));
        seen.0 += 1;
    }
    let of: u64 = places.values().map(|(seen, _)| seen).sum();
    let (most, line) = places.values().copied().max()?;
    if of < 8 || most * 20 < of * 19 || other.contains(&n.to_string()) {
        return None;
    }
    let lead = match most == of {
        true => "every switch fell".to_string(),
        false => format!("{} of {} switches fell", count(most), count(of)),
    };
    Some(format!(
        "{lead} at {}:{line}: {} is a multiple of the loop; try {other}",
        input.file,
        count(n as u64)
    ))
}

/// The same as JSON.
pub fn json(r: &Report) -> Json {
    let long = |l: &Option<Long>| match l {
        None => Json::Null,
        Some(l) => Json::Map(vec![
            ("length", l.length.into()),
            ("thread", l.letter.clone().into()),
            ("line", (l.line as u64).into()),
            ("native", l.native.clone().into()),
        ]),
    };
    let share = |t: u64| Json::Real(t as f64 / 10.0);
    let threads = r.rows.iter().map(|row| {
        Json::Map(vec![
            ("letter", row.letter.clone().into()),
            ("name", row.name.clone().into()),
            ("instructions", row.ran.into()),
            ("percent", Json::Map(PARTS.iter().zip(row.shares).map(|(p, t)| (*p, share(t))).collect())),
        ])
    });
    let hot = r.hot.as_ref().map(|h| {
        Json::Map(vec![
            ("line", (h.line as u64).into()),
            ("switches", h.switches.into()),
            ("of", h.of.into()),
            ("text", h.text.clone().into()),
        ])
    });
    Json::Map(vec![
        ("report", "gil".into()),
        ("mode", r.mode.clone().into()),
        ("unit", if r.clock == Clock::Time { "ns" } else { "instructions" }.into()),
        ("length", r.length.into()),
        ("threads", Json::List(threads.collect())),
        ("switches", Json::Map(REASONS.iter().zip(r.switches).map(|(n, c)| (*n, c.into())).collect())),
        ("false_wakes", r.false_wakes.into()),
        ("longest_wait", long(&r.longest_wait)),
        ("longest_hold", long(&r.longest_hold)),
        ("gil_held_percent", share(r.held)),
        ("waiting_percent", share(r.waiting)),
        ("threads_running", Json::Real(r.busy)),
        ("most_switches", hot.unwrap_or(Json::Null)),
        ("verdict", r.verdict.text().into()),
        ("surprises", r.surprises.clone().into()),
        ("dropped_events", r.dropped.into()),
    ])
}
