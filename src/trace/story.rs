//! The records of all processes of a run as one story: threads, turns, locks and arrows on one clock. Charts are drawn
//! from this and from nothing else. Invariants: threads are lettered through all processes, those of the first one as
//! in its report; every figure of time is on the first process's clock.

use super::life::{self, Clock, End, Life, Lives, Mark, Part, Stretch};
use super::table::letter;
use crate::run::event::{self, Call, Log, What};
use std::collections::{HashMap, HashSet};

/// What the script calls an object at the end of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    /// The name; of a lock inside an object of the library, that object's.
    pub name: String,
    /// Its class.
    pub kind: String,
}

/// One process as it was recorded.
#[derive(Default)]
pub struct Recorded {
    /// Its number.
    pub pid: u32,
    /// GIL mode as the command line spells it.
    pub mode: String,
    /// Whether there is a GIL.
    pub gil: bool,
    /// Whether turns are handed over in order, so that instructions measure time.
    pub ordered: bool,
    /// Its begin in nanoseconds of the first process's clock.
    pub begin: i64,
    /// Events.
    pub logs: Vec<(u32, Log)>,
    /// Where they end.
    pub end: Option<End>,
    /// Names of objects by their number in events.
    pub names: HashMap<u64, Name>,
    /// Names of native functions by their address in events.
    pub natives: HashMap<usize, String>,
    /// Present: it recorded nothing, and this is what is known of it.
    pub fate: Option<Fate>,
}

/// What others know of a process that left no record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Its name.
    pub name: String,
    /// How many nanoseconds it lived, as far as was noticed.
    pub lived: u64,
    /// How it ended: `killed by SIGKILL`.
    pub how: String,
}

/// A process of the story.
pub struct Process {
    /// Its number in the system.
    pub pid: u32,
    /// The script's name for it, empty if it has none.
    pub name: String,
    /// GIL mode.
    pub mode: String,
    /// Whether there is a GIL.
    pub gil: bool,
    /// Index of its first thread among all.
    pub first: usize,
    /// Index of the thread that made it.
    pub by: Option<usize>,
    /// What its threads did. Indices of lives in here count from its own first one.
    pub lives: Lives,
    /// Locks, queues and whatever else threads waited for, in order of first use.
    pub things: Vec<Thing>,
    /// Names of natives.
    pub natives: HashMap<usize, String>,
    /// How it ended, if it was killed before it could hand in its record.
    pub fate: Option<String>,
}

/// A lock, queue or anything that threads wait for.
#[derive(Clone, Debug, Default)]
pub struct Thing {
    /// Its number in events.
    pub object: u64,
    /// What kind of thing.
    pub kind: &'static str,
    /// The script's name for it, or its kind and number.
    pub name: String,
    /// Indices of its holds.
    pub holds: Vec<usize>,
    /// Depths after each change.
    pub depths: Vec<(u64, u32)>,
    /// Waits for it.
    pub waits: u64,
    /// Their lengths together.
    pub waited: u64,
    /// The longest: length, thread (index in its process), line.
    pub longest: (u64, usize, u32),
}

/// What leads from one thread to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// The GIL.
    Handover,
    /// A thread started another one.
    Start,
    /// A thread ended and another one had waited for that.
    Join,
    /// A lock was released.
    Unlock,
    /// An item was put into a queue.
    Item,
    /// A condition, event or the like was set.
    Notify,
    /// A process was made.
    Fork,
}

/// Words for the ways, in order.
pub const WAYS: [&str; 7] = ["handoff", "start", "join", "unlock", "item", "notify", "fork"];

/// From a moment in one thread to a moment in another; threads counted through all processes.
#[derive(Clone, Copy, Debug)]
pub struct Arrow {
    /// What it stands for.
    pub way: Way,
    /// Thread and moment.
    pub from: (usize, u64),
    /// Thread and moment.
    pub to: (usize, u64),
}

/// The whole.
pub struct Story {
    /// What measures time.
    pub clock: Clock,
    /// Length of the whole.
    pub length: u64,
    /// Processes; the first one is the program's.
    pub processes: Vec<Process>,
    /// The script's name without its folder.
    pub file: String,
    /// Events that were not kept.
    pub dropped: u64,
}

/// What a thread does in a stretch, as charts tell it: queues apart from other things waited for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Does {
    /// Runs.
    Run,
    /// Waits for the GIL.
    Gil,
    /// Waits for a lock, condition, event, semaphore or barrier.
    Lock,
    /// Sleeps.
    Sleep,
    /// Waits for input, output or a process.
    Io,
    /// Waits for a thread to end.
    Join,
    /// Waits for a queue.
    Queue,
    /// Nobody knows.
    Unseen,
}

/// Words for what threads do, in order.
pub const DOES: [&str; 8] =
    ["run", "wait GIL", "wait lock", "sleep", "io", "join", "wait queue", "not recorded"];

impl Stretch {
    /// What kind of thing the thread waits for.
    pub fn what(&self) -> &'static str {
        match self.aim.map(|a| a.1) {
            Some(Call::Get | Call::Put | Call::Done) => "queue",
            Some(Call::Condition) => "condition",
            Some(Call::Event) => "event",
            Some(Call::Semaphore) => "semaphore",
            Some(Call::Barrier) => "barrier",
            Some(Call::Future) => "result",
            None => event::word(self.kind),
        }
    }

    /// What the thread does.
    pub fn does(&self) -> Does {
        match self.part {
            Part::Run => Does::Run,
            Part::Gil => Does::Gil,
            Part::Lock if self.what() == "queue" => Does::Queue,
            Part::Lock => Does::Lock,
            Part::Sleep => Does::Sleep,
            Part::Io => Does::Io,
            Part::Join => Does::Join,
            Part::Unseen => Does::Unseen,
        }
    }
}

impl Process {
    /// The thing of that number.
    pub fn thing(&self, object: u64) -> Option<&Thing> {
        self.things.iter().find(|t| t.object == object)
    }

    /// Who held a thing at that moment, or last before it, and since which line.
    pub fn holder(&self, thing: &Thing, at: u64) -> Option<(usize, u32)> {
        let holds = &self.lives.holds;
        let i = thing.holds.partition_point(|h| holds[*h].from <= at).checked_sub(1)?;
        let hold = &holds[thing.holds[i]];
        Some((hold.life, hold.line))
    }

    /// The turn of that moment, or the next one.
    pub fn turn(&self, at: u64) -> Option<&life::Turn> {
        let turns = &self.lives.turns;
        turns.get(turns.partition_point(|t| t.to <= at))
    }
}

impl Story {
    /// The story of the first process and of those that it made, in the order in which they were made. The clock is that
    /// of instructions where they measure time, unless `clock` says otherwise: where there are several processes they
    /// do not.
    pub fn new(mut all: Vec<Recorded>, file: &str, clock: Option<Clock>) -> Story {
        let ordered = all.len() == 1 && all[0].ordered;
        let clock = clock.unwrap_or(if ordered { Clock::Instructions } else { Clock::Time });
        if all.len() > 1 {
            let made = made(&all);
            all[1..].sort_by_key(|r| made.get(&r.pid).copied().unwrap_or(r.begin));
        }
        let mut story = Story { clock, length: 0, processes: Vec::new(), file: file.to_string(), dropped: 0 };
        for r in all {
            story.add(r);
        }
        story
    }

    fn add(&mut self, r: Recorded) {
        let end = r.end.unwrap_or(End { at: 0, thread: 0, ran: 0 });
        let by = self.processes.iter().find_map(|p| {
            let made = p.lives.moments.iter().find(|m| m.mark == Mark::Fork { pid: r.pid })?;
            Some(p.first + made.life)
        });
        let mut lives = match &r.fate {
            Some(f) => Lives::unseen(f.lived),
            None => life::tile(&r.logs, self.clock, r.gil, end),
        };
        lives.shift(r.begin);
        let first = self.processes.last().map_or(0, |p| p.first + p.lives.lives.len());
        self.length = self.length.max(lives.length);
        self.dropped += lives.lives.iter().map(|l| l.dropped).sum::<u64>();
        let own = identify(&mut lives);
        let things = things(&lives, &r.names, &own);
        self.processes.push(Process {
            pid: r.pid,
            name: r.fate.as_ref().map_or(String::new(), |f| plain(&f.name)),
            mode: r.mode,
            gil: r.gil,
            first,
            by,
            lives,
            things,
            natives: r.natives,
            fate: r.fate.map(|f| f.how),
        });
    }

    /// All threads with their process, in the order of their letters.
    pub fn threads(&self) -> impl Iterator<Item = (&Process, &Life)> {
        self.processes.iter().flat_map(|p| p.lives.lives.iter().map(move |l| (p, l)))
    }

    /// How many threads there are.
    pub fn count(&self) -> usize {
        self.processes.iter().map(|p| p.lives.lives.len()).sum()
    }

    /// `B worker`.
    pub fn who(&self, index: usize) -> String {
        let name = self.threads().nth(index).map_or(String::new(), |(_, l)| plain(&l.name));
        format!("{} {name}", letter(index))
    }

    /// Arrows between threads, in order of their begin.
    pub fn arrows(&self) -> Vec<Arrow> {
        let mut out = Vec::new();
        for p in &self.processes {
            for pair in p.lives.turns.windows(2).filter(|t| t[0].life != t[1].life) {
                let (a, b) = (&pair[0], &pair[1]);
                out.push(Arrow {
                    way: Way::Handover,
                    from: (p.first + a.life, a.to),
                    to: (p.first + b.life, b.from),
                });
            }
            let numbers: HashMap<u32, usize> =
                p.lives.lives.iter().enumerate().map(|(i, l)| (l.number, i)).collect();
            for m in &p.lives.moments {
                let from = (p.first + m.life, m.at);
                let Mark::Wake { other } = m.mark else { continue };
                let Some(&to) = numbers.get(&other) else { continue };
                let woken = &p.lives.lives[to];
                let i = woken.stretches.partition_point(|s| s.to < m.at);
                let Some(s) = woken.stretches.get(i) else { continue };
                let (way, at) = match s.does() {
                    Does::Lock if s.what() == "lock" => (Way::Unlock, s.to),
                    Does::Lock => (Way::Notify, s.to),
                    Does::Queue => (Way::Item, s.to),
                    Does::Join => (Way::Join, s.to),
                    _ if i == 0 => (Way::Start, s.from.max(m.at)),
                    _ => continue,
                };
                out.push(Arrow { way, from, to: (p.first + to, at) });
            }
            let begin = p.lives.lives.first().map_or(0, |l| l.from);
            out.extend(p.by.map(|by| Arrow { way: Way::Fork, from: (by, begin), to: (p.first, begin) }));
        }
        out.sort_by_key(|a| (a.from.1, a.to.1));
        out
    }
}

/// When each process was forked, by its number.
fn made(all: &[Recorded]) -> HashMap<u32, i64> {
    let mut out = HashMap::new();
    for r in all {
        for e in r.logs.iter().flat_map(|(_, log)| &log.events) {
            if let What::Fork { pid } = e.what {
                out.insert(pid, r.begin + e.at as i64);
            }
        }
    }
    out
}

/// A name without characters that move a terminal's cursor.
pub fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

/// Bits of an address; those above count the locks that were made there before.
const ADDRESS: u32 = 48;

/// Gives every lock a number of its own where several were made at one address, and every wait for a call of the
/// library the object of that call. Gives the numbers of locks that the script made itself, if that was recorded.
fn identify(lives: &mut Lives) -> Option<HashSet<u64>> {
    let made = std::mem::take(&mut lives.made);
    let number = |object: u64, at: u64| {
        let before = made.get(&object).map_or(0, |m| m.partition_point(|n| n.0 <= at));
        object | (before.max(1) as u64 - 1) << ADDRESS
    };
    lives.holds.iter_mut().for_each(|h| h.object = number(h.object, h.from));
    for s in lives.lives.iter_mut().flat_map(|l| &mut l.stretches).filter(|s| s.object != 0) {
        s.object = s.aim.map_or_else(|| number(s.object, s.from), |a| a.0);
    }
    let own = |(object, m): (&u64, &Vec<(u64, bool)>)| {
        let object = *object;
        m.iter()
            .enumerate()
            .filter(|(_, n)| n.1)
            .map(move |(i, _)| object | (i as u64) << ADDRESS)
            .collect::<Vec<_>>()
    };
    let out: HashSet<u64> = made.iter().flat_map(own).collect();
    // Only the last lock at an address can have a name; the others stay apart by their numbers.
    lives.made = made;
    (!lives.made.is_empty()).then_some(out)
}

/// What the script held and waited for, in order of first use: what has a name, and locks that it made itself.
fn things(lives: &Lives, names: &HashMap<u64, Name>, own: &Option<HashSet<u64>>) -> Vec<Thing> {
    let mut uses: Vec<(u64, u64, &'static str)> = Vec::new();
    uses.extend(lives.holds.iter().map(|h| (h.from, h.object, "lock")));
    let waits = || {
        let all = lives.lives.iter().enumerate().flat_map(|(i, l)| l.stretches.iter().map(move |s| (i, s)));
        all.filter(|(_, s)| s.part == Part::Lock && s.object != 0)
    };
    uses.extend(waits().map(|(_, s)| (s.from, s.object, s.what())));
    uses.extend(lives.moments.iter().filter_map(|m| match m.mark {
        Mark::Depth { object, .. } => Some((m.at, object, "queue")),
        _ => None,
    }));
    uses.sort_by_key(|u| u.0);
    let mut out: Vec<Thing> = Vec::new();
    let mut index: HashMap<u64, Option<usize>> = HashMap::new();
    let mut counted: HashMap<&str, usize> = HashMap::new();
    for (_, object, kind) in uses {
        index.entry(object).or_insert_with(|| {
            let address = object & ((1 << ADDRESS) - 1);
            let last = lives.made.get(&address).map_or(0, |m| m.len().max(1) as u64 - 1);
            let known = names.get(&address).filter(|_| object >> ADDRESS == last);
            let name = match known {
                Some(n) if kind == "lock" && !matches!(n.kind.as_str(), "Lock" | "RLock") => {
                    format!("{}'s lock", plain(&n.name))
                }
                Some(n) => plain(&n.name),
                None if kind == "lock" && own.as_ref().is_some_and(|own| !own.contains(&object)) => {
                    return None;
                }
                None if !matches!(kind, "lock" | "queue") => return None,
                None => {
                    let n = counted.entry(kind).or_default();
                    *n += 1;
                    format!("{kind} {n}")
                }
            };
            out.push(Thing { object, kind, name, ..Thing::default() });
            Some(out.len() - 1)
        });
    }
    let at = |object: u64| index.get(&object).copied().flatten();
    for (i, h) in lives.holds.iter().enumerate() {
        if let Some(t) = at(h.object) {
            out[t].holds.push(i);
        }
    }
    for (i, s) in waits() {
        let Some(t) = at(s.object) else { continue };
        let (t, length) = (&mut out[t], s.to - s.from);
        t.waits += 1;
        t.waited += length;
        if length > t.longest.0 {
            t.longest = (length, i, s.line);
        }
    }
    for m in &lives.moments {
        if let Mark::Depth { object, depth } = m.mark
            && let Some(t) = at(object)
        {
            out[t].depths.push((m.at, depth));
        }
    }
    out
}
