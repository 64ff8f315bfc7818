//! `--trace=FILE`: JSON as Chrome's and Perfetto's viewers read it. What their importer asks for holds here: slices of
//! a row never overlap and are longer than nothing; events stand in order of time; an arrow begins and ends inside
//! slices, half a unit from their edges; numbers of rows differ through all processes; a row is named once.

use super::gil_report::REASONS;
use super::json::Json;
use super::life::{Clock, Stretch};
use super::story::{Arrow, DOES, Process, Story, Thing, WAYS};
use super::table::{count, letter};
use std::io::{self, Write};

/// Most events in a file.
pub const LIMIT: usize = 1_000_000;
/// Most rows for locks in one process: those waited for longest come first.
const LOCKS: usize = 64;
/// Numbers set apart for a process.
const SPAN: usize = 1_000_000;
/// Where in them its locks begin.
const FIRST_LOCK: usize = 900_000;

/// Colours of the older viewer, in the order of `Does`.
const COLORS: [&str; 8] = [
    "thread_state_running",
    "thread_state_runnable",
    "thread_state_uninterruptible",
    "thread_state_sleeping",
    "thread_state_iowait",
    "thread_state_sleeping",
    "thread_state_uninterruptible",
    "thread_state_sleeping",
];

/// One event of the file, before it is written.
#[derive(Clone, Copy)]
enum Item {
    Turn(usize, usize),
    State(usize, usize, usize),
    Hold(usize, usize),
    Waiters(usize, u32),
    Contenders(usize, usize, u32),
    Depth(usize, usize, usize),
    Vain(usize, usize),
    Tail(usize),
    Head(usize),
}

impl Item {
    /// Slices come before what points into them.
    fn rank(self) -> u8 {
        match self {
            Item::Turn(..) | Item::State(..) | Item::Hold(..) => 0,
            Item::Waiters(..) | Item::Contenders(..) | Item::Depth(..) | Item::Vain(..) => 1,
            Item::Tail(_) => 2,
            Item::Head(_) => 3,
        }
    }
}

struct Writer<'a> {
    story: &'a Story,
    arrows: Vec<Arrow>,
    /// Things with a row, by process.
    rows: Vec<Vec<usize>>,
}

/// Writes the trace; gives how many events were left out.
pub fn write(story: &Story, out: &mut dyn Write) -> io::Result<usize> {
    let mut w = Writer { story, arrows: Vec::new(), rows: story.processes.iter().map(rows).collect() };
    let (items, left) = w.items();
    writeln!(out, "{{\"traceEvents\":[")?;
    w.names(out)?;
    for (at, item) in &items {
        w.item(*at, *item, out)?;
    }
    let clock = match story.clock {
        Clock::Time => "microseconds",
        Clock::Instructions => "instructions: 1 us = 1 instruction",
    };
    // Ends the list without a comma behind its last event.
    let end = json_line(&[("ph", "M".into()), ("name", "process_labels".into()), ("pid", pid(0).into())]);
    let end = end.replace("}\n", "");
    let label = Json::from(if left > 0 {
        format!("{} events left out", count(left as u64))
    } else {
        clock.to_string()
    });
    writeln!(out, "{end},\"args\":{{\"labels\":{label}}}}}")?;
    let other = Json::Map(vec![
        ("minipy_trace", "1".into()),
        ("file", story.file.clone().into()),
        ("mode", story.processes.first().map_or("", |p| p.mode.as_str()).into()),
        ("clock", clock.into()),
        ("length", story.length.into()),
        ("events_left_out", (left as u64).into()),
        ("events_not_recorded", story.dropped.into()),
    ]);
    writeln!(out, "],\n\"otherData\":{other}}}")?;
    Ok(left)
}

fn pid(process: usize) -> u64 {
    ((process + 1) * SPAN) as u64
}

fn rows(p: &Process) -> Vec<usize> {
    let mut all: Vec<usize> = (0..p.things.len()).filter(|t| !p.things[*t].holds.is_empty()).collect();
    all.sort_by_key(|t| std::cmp::Reverse(p.things[*t].waited));
    all.truncate(LOCKS);
    all.sort_unstable();
    all
}

fn json_line(pairs: &[(&'static str, Json)]) -> String {
    let mut text = String::from("{");
    for (i, (k, v)) in pairs.iter().enumerate() {
        text.push_str(if i > 0 { "," } else { "" });
        text.push_str(&format!("\"{k}\":{v}"));
    }
    text + "}\n"
}

impl Writer<'_> {
    /// A moment in halves of the smallest unit, as microseconds.
    fn ts(&self, halves: u64) -> String {
        match self.story.clock {
            Clock::Instructions if halves.is_multiple_of(2) => (halves / 2).to_string(),
            Clock::Instructions => format!("{}.5", halves / 2),
            Clock::Time => format!("{}.{:04}", halves / 2000, halves % 2000 * 5),
        }
    }

    /// The length of a slice. Readers add it to its begin as binary fractions: the sum must not lie behind the begin
    /// of the next slice.
    fn lasting(&self, from: u64, to: u64) -> String {
        let number = |text: String| text.parse::<f64>().unwrap_or(0.0);
        let length = self.ts(to - from);
        if self.story.clock == Clock::Instructions
            || number(self.ts(from)) + number(length.clone()) <= number(self.ts(to))
        {
            return length;
        }
        // A tenth of a nanosecond less.
        let tenths = (to - from) * 5 - 1;
        format!("{}.{:04}", tenths / 10_000, tenths % 10_000)
    }

    /// Everything in order of time, as far as the limit goes; how many there were beyond it.
    fn items(&mut self) -> (Vec<(u64, Item)>, usize) {
        let mut all: Vec<(u64, Item)> = Vec::new();
        for (p, process) in self.story.processes.iter().enumerate() {
            let lives = &process.lives;
            if process.gil {
                all.extend(
                    lives
                        .turns
                        .iter()
                        .enumerate()
                        .filter(|(_, t)| t.to > t.from)
                        .map(|(i, t)| (2 * t.from, Item::Turn(p, i))),
                );
                let waits = lives.lives.iter().flat_map(|l| l.waits.iter().map(|w| (w.from, w.to)));
                counted(waits, |at, n| all.push((2 * at, Item::Waiters(p, n))));
            }
            for (l, life) in lives.lives.iter().enumerate() {
                all.extend(
                    life.stretches.iter().enumerate().map(|(i, s)| (2 * s.from, Item::State(p, l, i))),
                );
                all.extend(life.vain.iter().map(|at| (2 * at, Item::Vain(p, l))));
            }
            for &t in &self.rows[p] {
                let thing = &process.things[t];
                let holds = thing.holds.iter().filter(|h| lives.holds[**h].to > lives.holds[**h].from);
                all.extend(holds.map(|h| (2 * lives.holds[*h].from, Item::Hold(p, *h))));
            }
            for (t, thing) in process.things.iter().enumerate() {
                all.extend(thing.depths.iter().enumerate().map(|(i, d)| (2 * d.0, Item::Depth(p, t, i))));
                let stretches = lives.lives.iter().flat_map(|l| &l.stretches);
                let waits =
                    stretches.filter(|s| s.object == thing.object && thing.waits > 0).map(|s| (s.from, s.to));
                counted(waits, |at, n| all.push((2 * at, Item::Contenders(p, t, n))));
            }
        }
        for a in self.story.arrows() {
            // Both ends inside slices, the second one later than the first.
            let Some(from) = self.inside(a.from.0, a.from.1, false) else { continue };
            let Some(to) = self.inside(a.to.0, a.to.1, true).filter(|to| *to > from) else { continue };
            all.push((from, Item::Tail(self.arrows.len())));
            all.push((to, Item::Head(self.arrows.len())));
            self.arrows.push(a);
        }
        all.sort_by_key(|(at, item)| (*at, item.rank()));
        let left = all.len().saturating_sub(LIMIT);
        if left > 0 {
            all.truncate(LIMIT);
            // An arrow needs both its ends.
            let mut whole = vec![false; self.arrows.len()];
            all.iter().for_each(|(_, i)| {
                if let Item::Head(a) = i {
                    whole[*a] = true
                }
            });
            all.retain(|(_, i)| !matches!(i, Item::Tail(a) if !whole[*a]));
        }
        (all, left)
    }

    /// A moment inside a slice of that thread's row, in halves: in the one that ends there, or begins there.
    fn inside(&self, thread: usize, at: u64, begins: bool) -> Option<u64> {
        let (p, l) = self.of(thread);
        let stretches = &self.story.processes[p].lives.lives[l].stretches;
        let i = match begins {
            true => stretches.partition_point(|s| s.to <= at),
            false => stretches.partition_point(|s| s.to < at),
        };
        let s = stretches.get(i).or(stretches.last())?;
        Some((2 * at).clamp(2 * s.from + 1, 2 * s.to - 1))
    }

    /// Process and index in it of a thread.
    fn of(&self, thread: usize) -> (usize, usize) {
        let p = self.story.processes.partition_point(|p| p.first <= thread) - 1;
        (p, thread - self.story.processes[p].first)
    }

    fn who(&self, p: usize, life: usize) -> String {
        let process = &self.story.processes[p];
        format!("{} {}", letter(process.first + life), super::story::plain(&process.lives.lives[life].name))
    }

    fn at(&self, line: u32) -> Json {
        if line == 0 { Json::Null } else { format!("{}:{line}", self.story.file).into() }
    }

    fn names(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut name = |kind: &'static str, pid: u64, tid: Option<u64>, args: (&'static str, Json)| {
            let mut pairs = vec![("ph", "M".into()), ("name", kind.into()), ("pid", pid.into())];
            pairs.extend(tid.map(|t| ("tid", t.into())));
            pairs.push(("args", Json::Map(vec![args])));
            writeln!(out, "{},", json_line(&pairs).trim_end())
        };
        for (p, process) in self.story.processes.iter().enumerate() {
            let called = if process.name.is_empty() { String::new() } else { format!(" {}", process.name) };
            let made = process.by.map(|by| format!("made by {}", letter(by)));
            let about: Vec<String> = made.into_iter().chain(process.fate.clone()).collect();
            let by = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
            let title = format!("minipy --gil={} {}{called}{by}", process.mode, self.story.file);
            let id = pid(p);
            name("process_name", id, None, ("name", title.into()))?;
            name("process_sort_index", id, None, ("sort_index", (p as u64).into()))?;
            let mut sort = 0u64;
            let mut row = |tid: u64, title: String| {
                name("thread_name", id, Some(tid), ("name", format!("{sort:02} {title}").into()))?;
                name("thread_sort_index", id, Some(tid), ("sort_index", sort.into()))?;
                sort += 1;
                io::Result::Ok(())
            };
            if process.gil && process.fate.is_none() {
                row(id, "GIL".to_string())?;
            }
            for l in 0..process.lives.lives.len() {
                row(self.tid(p, l), self.who(p, l))?;
            }
            for &t in &self.rows[p] {
                row(
                    self.row_of(p, t),
                    format!("lock {}", process.things[t].name.trim_start_matches("lock ")),
                )?;
            }
        }
        Ok(())
    }

    fn tid(&self, p: usize, life: usize) -> u64 {
        pid(p) + 1 + life as u64
    }

    fn row_of(&self, p: usize, thing: usize) -> u64 {
        pid(p) + (FIRST_LOCK + thing) as u64
    }

    fn item(&self, at: u64, item: Item, out: &mut dyn Write) -> io::Result<()> {
        let ts = self.ts(at);
        let slice = |out: &mut dyn Write,
                     cat: &str,
                     name: &str,
                     color: Option<&str>,
                     tid: u64,
                     p: usize,
                     to: u64,
                     args: Vec<(&'static str, Json)>| {
            let dur = self.lasting(at, 2 * to);
            let args: Vec<_> = args.into_iter().filter(|(_, v)| !matches!(v, Json::Null)).collect();
            let color = color.map_or(String::new(), |c| format!("\"cname\":\"{c}\","));
            writeln!(
                out,
                "{{\"ph\":\"X\",\"cat\":\"{cat}\",\"name\":{},{color}\"pid\":{},\"tid\":{tid},\"ts\":{ts},\"dur\":{dur},\"args\":{}}},",
                Json::from(name),
                pid(p),
                Json::Map(args)
            )
        };
        let counter = |out: &mut dyn Write, p: usize, name: &str, key: &str, n: u32| {
            let name = Json::from(name);
            writeln!(
                out,
                "{{\"ph\":\"C\",\"name\":{name},\"pid\":{},\"ts\":{ts},\"args\":{{\"{key}\":{n}}}}},",
                pid(p)
            )
        };
        match item {
            Item::Turn(p, i) => {
                let process = &self.story.processes[p];
                let t = &process.lives.turns[i];
                let why = t.reason.map_or("end of the record", |r| REASONS[r as usize]);
                let native = process.natives.get(&t.native).filter(|_| t.native != 0);
                let args = vec![
                    ("why_released", why.into()),
                    ("at", self.at(t.line)),
                    ("kept_by", native.map(|n| format!("{n}()")).into()),
                ];
                slice(out, "gil", &self.who(p, t.life), None, pid(p), p, t.to, args)
            }
            Item::State(p, l, i) => {
                let process = &self.story.processes[p];
                let s = &process.lives.lives[l].stretches[i];
                let does = s.does() as usize;
                slice(out, "state", DOES[does], Some(COLORS[does]), self.tid(p, l), p, s.to, self.about(p, s))
            }
            Item::Hold(p, h) => {
                let process = &self.story.processes[p];
                let hold = &process.lives.holds[h];
                let thing = process.things.iter().position(|t| t.object == hold.object).unwrap_or(0);
                let args = vec![("acquired", self.at(hold.line))];
                slice(out, "lock", &self.who(p, hold.life), None, self.row_of(p, thing), p, hold.to, args)
            }
            Item::Waiters(p, n) => counter(out, p, "GIL", "waiters", n),
            Item::Contenders(p, t, n) => counter(out, p, &self.title(p, t), "waiters", n),
            Item::Depth(p, t, i) => {
                counter(out, p, &self.title(p, t), "depth", self.story.processes[p].things[t].depths[i].1)
            }
            Item::Vain(p, l) => writeln!(
                out,
                "{{\"ph\":\"i\",\"s\":\"t\",\"cat\":\"gil\",\"name\":\"false wake\",\"pid\":{},\"tid\":{},\"ts\":{ts}}},",
                pid(p),
                self.tid(p, l)
            ),
            Item::Tail(a) | Item::Head(a) => {
                let arrow = &self.arrows[a];
                let head = matches!(item, Item::Head(_));
                let (p, l) = self.of(if head { arrow.to.0 } else { arrow.from.0 });
                let phase = if head { "\"f\",\"bp\":\"e\"" } else { "\"s\"" };
                let way = WAYS[arrow.way as usize];
                writeln!(
                    out,
                    "{{\"ph\":{phase},\"cat\":\"{way}\",\"name\":\"{way}\",\"id\":{},\"pid\":{},\"tid\":{},\"ts\":{ts}}},",
                    a + 1,
                    pid(p),
                    self.tid(p, l)
                )
            }
        }
    }

    /// `lock guard`, `queue jobs`: the name of a counter.
    fn title(&self, p: usize, t: usize) -> String {
        let thing: &Thing = &self.story.processes[p].things[t];
        let kind = thing.kind;
        if thing.name.starts_with(kind) { thing.name.clone() } else { format!("{kind} {}", thing.name) }
    }

    /// What is told of a stretch.
    fn about(&self, p: usize, s: &Stretch) -> Vec<(&'static str, Json)> {
        let process = &self.story.processes[p];
        let line = if s.does() as usize == 0 { s.last } else { s.line };
        let mut out = vec![("at", self.at(line))];
        if s.does() as usize == 1 {
            let holder = process.turn(s.from).map(|t| self.who(p, t.life));
            out.push(("holder", holder.into()));
        }
        if let Some(t) = process.thing(s.object).filter(|_| s.object != 0) {
            out.push((
                "for",
                self.title(p, process.things.iter().position(|x| x.object == t.object).unwrap_or(0)).into(),
            ));
            if let Some((life, line)) = process.holder(t, s.from) {
                out.push(("owner", self.who(p, life).into()));
                out.push(("owner_at", self.at(line)));
            }
        }
        out
    }
}

/// How many of the spans cover each moment at which that changes.
fn counted(spans: impl Iterator<Item = (u64, u64)>, mut f: impl FnMut(u64, u32)) {
    let mut edges: Vec<(u64, i32)> = spans.flat_map(|(from, to)| [(from, 1), (to, -1)]).collect();
    edges.sort_unstable();
    let mut n = 0;
    for (i, (at, by)) in edges.iter().enumerate() {
        n += by;
        if edges.get(i + 1).is_none_or(|next| next.0 != *at) {
            f(*at, n.max(0) as u32);
        }
    }
}
