//! `--timeline`: a chart in text, a row for each thread and one for the GIL. Invariants: no line is wider than asked
//! for; a column shows what its thread did for most of that time; equal stories give equal charts.

use super::life::{Clock, Life, Stretch};
use super::story::{Does, Process, Story, Thing, plain};
use super::table::{count, cut, left, letter, time};
use minipy_grammar::display_width;

/// Least width of a chart.
pub const LEAST: usize = 40;
/// Most threads with a row of their own: the main one and forty.
const ROWS: usize = 41;
/// Most things waited for that are listed.
const LISTED: usize = 5;
/// Widest name.
const NAME: usize = 20;

/// What a cell can show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cell {
    /// Not begun, or over.
    Nothing,
    /// A state; the object waited for.
    State(Does, u64),
    /// Mostly waited for the GIL, but ran too.
    Partly,
    /// Waited for the GIL, and was woken in vain.
    Vain,
    /// The end.
    End,
    /// The GIL held by that thread.
    Held(usize),
    /// How many threads ran at a time.
    Running(u64),
    /// Part of a name written into the chart.
    Name(char),
}

/// Character and meaning of each state, in the order of [`Does`].
const STATES: [(char, &str); 8] = [
    ('#', "run"),
    ('.', "wait GIL"),
    ('L', "lock"),
    ('z', "sleep"),
    ('i', "io"),
    ('j', "join"),
    ('q', "queue"),
    ('?', "not recorded"),
];

/// Which of two states that fill the same share of a column is shown, and the colour of each.
const RANK: [(u8, &str); 8] = [
    (6, "\x1b[32m"),
    (5, "\x1b[33m"),
    (4, "\x1b[35m"),
    (0, "\x1b[2m"),
    (2, "\x1b[34m"),
    (1, "\x1b[2m"),
    (3, "\x1b[36m"),
    (0, "\x1b[2m"),
];

impl Cell {
    fn text(self) -> char {
        match self {
            Cell::Nothing => ' ',
            Cell::State(does, _) => STATES[does as usize].0,
            Cell::Partly => '+',
            Cell::Vain => '!',
            Cell::End => '|',
            Cell::Held(i) => single(i),
            Cell::Running(n @ 0..10) => (b'0' + n as u8) as char,
            Cell::Running(_) => '+',
            Cell::Name(c) => c,
        }
    }

    fn color(self) -> &'static str {
        match self {
            Cell::State(does, _) => RANK[does as usize].1,
            Cell::Partly => RANK[0].1,
            Cell::Vain => "\x1b[1;31m",
            Cell::Held(_) => "\x1b[1m",
            Cell::Nothing | Cell::End | Cell::Running(_) | Cell::Name(_) => "",
        }
    }
}

/// A thread's letter in one character; from the 27th on it is a small one.
fn single(i: usize) -> char {
    match i {
        0..26 => (b'A' + i as u8) as char,
        26..52 => (b'a' + (i - 26) as u8) as char,
        _ => '*',
    }
}

/// The columns of a chart.
struct Columns {
    count: usize,
    length: u64,
}

impl Columns {
    /// Begin of a column.
    fn begin(&self, c: usize) -> u64 {
        (self.length as u128 * c as u128 / self.count as u128) as u64
    }

    /// Column of a moment.
    fn of(&self, at: u64) -> usize {
        let c = (at as u128 * self.count as u128 / self.length.max(1) as u128) as usize;
        // Columns begin at rounded moments.
        if self.begin(c + 1) <= at { c + 1 } else { c }
    }

    /// Calls `f` with every column that a span touches, and how much of it.
    fn each(&self, from: u64, to: u64, mut f: impl FnMut(usize, u64)) {
        let mut c = self.of(from);
        while c < self.count && self.begin(c) < to {
            let part = to.min(self.begin(c + 1)).saturating_sub(from.max(self.begin(c)));
            if part > 0 {
                f(c, part);
            }
            c += 1;
        }
    }
}

/// The chart, `width` cells wide.
pub fn text(story: &Story, width: usize, color: bool) -> String {
    let width = width.max(LEAST);
    let total = story.count();
    let mut labels: Vec<String> = story.threads().enumerate().map(|(i, (_, l))| label(i, l)).collect();
    let shown = if total > ROWS { ROWS - 1 } else { total };
    let widest = labels.iter().take(shown).map(|l| display_width(l)).max().unwrap_or(0);
    let names = widest.clamp(7, NAME.min(width / 3));
    let room = width - names - 4;
    let columns =
        Columns { count: room.min(story.length.max(1) as usize).max(1), length: story.length.max(1) };
    let mut out = head(story, &columns, width);
    let scale = Scale::of(story.clock, &columns);
    out.push_str(&scale.lines(names, &columns));
    let mut row = |name: &str, cells: &[Cell]| line(&mut out, names, name, cells, color);
    let mut index = 0;
    for (n, p) in story.processes.iter().enumerate() {
        if n > 0 {
            let by = p.by.map_or(String::new(), |by| format!(", made by {}", letter(by)));
            let name = if p.name.is_empty() { String::new() } else { format!(" {}", p.name) };
            let fate = p.fate.as_ref().map_or(String::new(), |f| format!(", {f}"));
            row(&cut(&format!("-- process {}{name}{by}{fate}", n + 1), width - 2), &[]);
        }
        match p.gil {
            _ if p.fate.is_some() => {}
            true => row("GIL", &gil(p, &columns)),
            false => row("running", &running(p, &columns)),
        }
        for life in &p.lives.lives {
            if index < shown {
                row(&std::mem::take(&mut labels[index]), &named(cells(life, &columns), p));
            }
            index += 1;
        }
    }
    if total > shown {
        let rest: Vec<&Life> = story.threads().map(|(_, l)| l).skip(shown).collect();
        row(&format!("{} more", count(rest.len() as u64)), &together(&rest, &columns));
    }
    out + &foot(story, &columns, width, color)
}

/// A thread's letter and name.
fn label(i: usize, l: &Life) -> String {
    let small = if (26..52).contains(&i) { format!(" ({})", single(i)) } else { String::new() };
    format!("{}{small} {}", letter(i), plain(&l.name))
}

fn line(out: &mut String, names: usize, name: &str, cells: &[Cell], color: bool) {
    let end = cells.iter().rposition(|c| *c != Cell::Nothing).map_or(0, |i| i + 1);
    if end == 0 {
        out.push_str(&format!("  {}\n", if cells.is_empty() { name.to_string() } else { cut(name, names) }));
        return;
    }
    out.push_str(&format!("  {}  ", left(name, names)));
    let mut on = "";
    for c in &cells[..end] {
        let wanted = if color { c.color() } else { "" };
        if wanted != on {
            out.push_str(if on.is_empty() { "" } else { "\x1b[0m" });
            out.push_str(wanted);
            on = wanted;
        }
        out.push(c.text());
    }
    out.push_str(if on.is_empty() { "\n" } else { "\x1b[0m\n" });
}

fn head(story: &Story, columns: &Columns, width: usize) -> String {
    let mode = story.processes.first().map_or("", |p| p.mode.as_str());
    let amount = |n: u64| match story.clock {
        Clock::Time => time(n),
        Clock::Instructions => format!("{} instructions", count(n)),
    };
    let each = story.length / columns.count as u64;
    let each = match story.clock {
        _ if each == 0 => String::new(),
        Clock::Time => format!("; a column is {}", time(each)),
        Clock::Instructions => format!("; a column is {}", count(each)),
    };
    let mut out = vec![format!("timeline: mode {mode}, {}{each}", amount(story.length))];
    if display_width(&out[0]) > width {
        out = out[0].split("; ").map(String::from).collect();
        out.iter_mut().skip(1).for_each(|l| *l = format!("  {l}"));
    }
    if story.processes.first().is_some_and(|p| !p.gil) {
        out.push("  no GIL: the first row counts the threads that ran at a time".to_string());
    }
    if story.dropped > 0 {
        out.push(format!("  the record was full then: {} events did not fit", count(story.dropped)));
    }
    out.iter().map(|l| format!("{}\n", cut(l, width))).collect()
}

/// Round labels for the axis.
struct Scale {
    step: u64,
    unit: u64,
    name: &'static str,
}

impl Scale {
    /// Steps of 1, 2 or 5 and as many zeros as keep labels ten columns apart.
    fn of(clock: Clock, columns: &Columns) -> Scale {
        let least = (columns.length * 10).div_ceil(columns.count as u64).max(1);
        let mut power = 1;
        let step = loop {
            match [1, 2, 5].into_iter().map(|n| n * power).find(|s| *s >= least) {
                Some(step) => break step,
                None => power *= 10,
            }
        };
        let (unit, name) = match (clock, step) {
            (Clock::Instructions, _) => (1, "tick"),
            (_, 0..1_000) => (1, "ns"),
            (_, 1_000..1_000_000) => (1_000, "µs"),
            (_, 1_000_000..1_000_000_000) => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        Scale { step, unit, name }
    }

    fn lines(&self, names: usize, columns: &Columns) -> String {
        let (mut labels, mut ruler) = (String::new(), String::new());
        for at in (0..=columns.length).step_by(self.step as usize) {
            let c = columns.of(at);
            let label = (at / self.unit).to_string();
            if c >= columns.count || c + label.len() > columns.count || labels.len() > c {
                continue;
            }
            labels.push_str(&" ".repeat(c - labels.len()));
            labels.push_str(&label);
            ruler.push_str(&"-".repeat(c - ruler.len()));
            ruler.push('+');
        }
        ruler.push_str(&"-".repeat(columns.count - ruler.len()));
        format!("  {}  {labels}\n  {}  {ruler}\n", left(self.name, names), " ".repeat(names))
    }
}

fn better(a: (u64, Does), b: (u64, Does)) -> bool {
    a.0 > b.0 || a.0 == b.0 && RANK[a.1 as usize].0 > RANK[b.1 as usize].0
}

/// Shares of each column, and the stretch that fills most of it.
struct Tally {
    shares: [u64; 8],
    most: (u64, u64),
}

impl Tally {
    /// Whether the thread ran for a tenth of the time at least.
    fn partly(&self) -> bool {
        self.shares[Does::Run as usize] * 10 >= self.shares.iter().sum()
    }

    fn does(&self) -> Option<Does> {
        use Does::*;
        let all = [Run, Gil, Lock, Sleep, Io, Join, Queue, Unseen];
        let mut best: Option<(u64, Does)> = None;
        for d in all.into_iter().filter(|d| self.shares[*d as usize] > 0) {
            let new = (self.shares[d as usize], d);
            best = if best.is_none_or(|b| better(new, b)) { Some(new) } else { best };
        }
        best.map(|b| b.1)
    }
}

fn tally<'a>(stretches: impl Iterator<Item = &'a Stretch>, columns: &Columns) -> Vec<Tally> {
    let mut all: Vec<Tally> = (0..columns.count).map(|_| Tally { shares: [0; 8], most: (0, 0) }).collect();
    for s in stretches {
        columns.each(s.from, s.to, |c, part| {
            all[c].shares[s.does() as usize] += part;
            if s.object != 0 && part > all[c].most.0 {
                all[c].most = (part, s.object);
            }
        });
    }
    all
}

/// A thread's row.
fn cells(life: &Life, columns: &Columns) -> Vec<Cell> {
    let mut out: Vec<Cell> = tally(life.stretches.iter(), columns)
        .iter()
        .map(|t| match t.does() {
            None => Cell::Nothing,
            Some(Does::Gil) if t.partly() => Cell::Partly,
            Some(d) => Cell::State(d, t.most.1),
        })
        .collect();
    for at in &life.vain {
        if let Some(cell @ (Cell::State(Does::Gil, _) | Cell::Partly)) = out.get_mut(columns.of(*at)) {
            *cell = Cell::Vain;
        }
    }
    let behind = out.iter().rposition(|c| *c != Cell::Nothing).map_or(columns.of(life.to), |i| i + 1);
    if let Some(cell) = out.get_mut(behind).filter(|_| life.ended) {
        *cell = Cell::End;
    }
    out
}

/// Several threads in one row.
fn together(lives: &[&Life], columns: &Columns) -> Vec<Cell> {
    let all = tally(lives.iter().flat_map(|l| &l.stretches), columns);
    all.iter().map(|t| t.does().map_or(Cell::Nothing, |d| Cell::State(d, 0))).collect()
}

/// Writes the names of what is waited for into stretches that are long enough: `L[guard]LLL`.
fn named(mut cells: Vec<Cell>, p: &Process) -> Vec<Cell> {
    let mut i = 0;
    while i < cells.len() {
        let same = cells[i..].iter().take_while(|c| **c == cells[i]).count();
        if let Cell::State(Does::Lock | Does::Queue, object) = cells[i]
            && let Some(t) = p.thing(object)
        {
            let name = format!("[{}]", t.name);
            if display_width(&name) == name.chars().count() && name.len() + 3 <= same {
                for (k, c) in name.chars().enumerate() {
                    cells[i + 1 + k] = Cell::Name(c);
                }
            }
        }
        i += same.max(1);
    }
    cells
}

/// The holder of most of each column.
fn gil(p: &Process, columns: &Columns) -> Vec<Cell> {
    let mut best: Vec<(u64, usize)> = vec![(0, 0); columns.count];
    let mut sums: Vec<(usize, u64)> = Vec::new();
    let mut column = usize::MAX;
    let settle = |column: usize, sums: &mut Vec<(usize, u64)>, best: &mut Vec<(u64, usize)>| {
        if let Some((life, most)) = sums.drain(..).reduce(|a, b| if b.1 > a.1 { b } else { a }) {
            best[column] = (most, life);
        }
    };
    for t in &p.lives.turns {
        columns.each(t.from, t.to, |c, part| {
            if c != column {
                if column != usize::MAX {
                    settle(column, &mut sums, &mut best);
                }
                column = c;
            }
            match sums.iter_mut().find(|s| s.0 == t.life) {
                Some(s) => s.1 += part,
                None => sums.push((t.life, part)),
            }
        });
    }
    if column != usize::MAX {
        settle(column, &mut sums, &mut best);
    }
    let cell =
        |&(part, life): &(u64, usize)| if part == 0 { Cell::Nothing } else { Cell::Held(p.first + life) };
    best.iter().map(cell).collect()
}

/// How many threads ran at a time, on average, in each column.
fn running(p: &Process, columns: &Columns) -> Vec<Cell> {
    let mut ran = vec![0u64; columns.count];
    for s in p.lives.lives.iter().flat_map(|l| &l.stretches).filter(|s| s.does() == Does::Run) {
        columns.each(s.from, s.to, |c, part| ran[c] += part);
    }
    let width = |c: usize| (columns.begin(c + 1) - columns.begin(c)).max(1);
    let begin = p.lives.lives.iter().map(|l| l.from).min().unwrap_or(0);
    let end = p.lives.lives.iter().map(|l| l.to).max().unwrap_or(0);
    let cell = |(c, r): (usize, &u64)| match () {
        _ if columns.begin(c + 1) <= begin || columns.begin(c) >= end => Cell::Nothing,
        _ => Cell::Running((r + width(c) / 2) / width(c)),
    };
    ran.iter().enumerate().map(cell).collect()
}

/// The legend of what the chart shows, and the things waited for longest.
fn foot(story: &Story, columns: &Columns, width: usize, color: bool) -> String {
    let mut seen = [false; 8];
    for (_, l) in story.threads() {
        l.stretches.iter().for_each(|s| seen[s.does() as usize] = true);
    }
    let vain = story.threads().any(|(_, l)| !l.vain.is_empty());
    let partly = story.threads().any(|(_, l)| cells(l, columns).contains(&Cell::Partly));
    let ended = story.threads().any(|(_, l)| l.ended && columns.of(l.to) < columns.count);
    use Does::*;
    let order = [Run, Gil, Lock, Queue, Sleep, Io, Join, Unseen];
    let mut words: Vec<(Cell, String)> = Vec::new();
    for d in order.into_iter().filter(|d| seen[*d as usize]) {
        words.push((Cell::State(d, 0), STATES[d as usize].1.to_string()));
        if d == Does::Gil && partly {
            words.push((Cell::Partly, "waited and ran".to_string()));
        }
        if d == Does::Gil && vain {
            words.push((Cell::Vain, "woken in vain".to_string()));
        }
    }
    if ended {
        words.push((Cell::End, "end".to_string()));
    }
    let (mut out, mut used) = (String::from("  "), 2);
    for (i, (cell, word)) in words.iter().enumerate() {
        let gap = if i > 0 { 3 } else { 0 };
        if used + gap + 2 + word.len() > width {
            out.push_str("\n  ");
            used = 2;
        } else {
            out.push_str(&" ".repeat(gap));
            used += gap;
        }
        let paint = if color { cell.color() } else { "" };
        let reset = if paint.is_empty() { "" } else { "\x1b[0m" };
        out.push_str(&format!("{paint}{}{reset} {word}", cell.text()));
        used += 2 + word.len();
    }
    out.push('\n');
    let mut things: Vec<(&Process, &Thing)> =
        story.processes.iter().flat_map(|p| p.things.iter().map(move |t| (p, t))).collect();
    things.retain(|(_, t)| t.waited > 0);
    things.sort_by_key(|(_, t)| std::cmp::Reverse(t.waited));
    let amount = |n: u64| match story.clock {
        Clock::Time => time(n),
        Clock::Instructions => count(n),
    };
    for (p, t) in things.iter().take(LISTED) {
        let (longest, life, line) = t.longest;
        let sign = STATES[if t.kind == "queue" { Does::Queue } else { Does::Lock } as usize].0;
        let times = if t.waits == 1 { "1 wait".to_string() } else { format!("{} waits", count(t.waits)) };
        let who = letter(p.first + life);
        let at = if line > 0 { format!(" at {}:{line}", story.file) } else { String::new() };
        let said = format!(
            "  {sign} {}: {times}, {} in all, longest {} by {who}{at}",
            t.name,
            amount(t.waited),
            amount(longest)
        );
        out.push_str(&cut(&said, width));
        out.push('\n');
    }
    if things.len() > LISTED {
        out.push_str(&format!("  ... and {} more\n", things.len() - LISTED));
    }
    out
}
