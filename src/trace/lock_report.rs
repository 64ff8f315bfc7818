//! The report on locks and queues as data: how often each was taken, who waited for it and how long, who held it
//! longest, how full queues became. Invariants: waits are those of the lives that the GIL report tiles, so they sum to
//! its part `lock`; an address counts as a new lock when one is made there.

use super::json::Json;
use super::life::{Clock, Lives, Part};
use super::table::letter;
use crate::run::event::{Call, Inventory, Log, What};
use std::collections::HashMap;

/// A long stretch and who it was.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hold {
    /// How long.
    pub length: u64,
    /// Index of the thread.
    pub thread: usize,
    /// Line at which it was acquired.
    pub line: u32,
}

/// A lock, condition, event, semaphore or barrier.
#[derive(Clone, Debug, Default)]
pub struct LockRow {
    /// Name; empty: none was found.
    pub name: String,
    /// `Lock`, `RLock` or the library's class.
    pub kind: String,
    /// Line at which it was first acquired, for those without a name.
    pub first: u32,
    /// How often it was acquired.
    pub acquired: u64,
    /// How often after a wait.
    pub contended: u64,
    /// Waits for the lock itself.
    pub waited: u64,
    /// Calls of the library on it in which threads waited, and for how long.
    pub waits: u64,
    /// Time in these.
    pub slept: u64,
    /// The longest hold.
    pub longest: Option<Hold>,
    rank: u32,
}

/// A queue.
#[derive(Clone, Debug, Default)]
pub struct QueueRow {
    /// Name.
    pub name: String,
    /// Items put.
    pub puts: u64,
    /// Items taken.
    pub gets: u64,
    /// Most items inside.
    pub most: u64,
    /// Waits of put: how many, how long.
    pub blocked_puts: (u64, u64),
    /// Waits of get.
    pub blocked_gets: (u64, u64),
    /// Waits of join.
    pub blocked_joins: (u64, u64),
    rank: u32,
}

/// The report.
#[derive(Clone, Debug)]
pub struct Report {
    /// What measures time.
    pub clock: Clock,
    /// Length of the run.
    pub length: u64,
    /// Locks, those that were waited for longest first.
    pub locks: Vec<LockRow>,
    /// Queues.
    pub queues: Vec<QueueRow>,
    /// Waiting inside the library that belongs to none of these.
    pub other: u64,
    /// Waiting in all: the part `lock` of all lives.
    pub waited: u64,
    /// Events that did not fit.
    pub dropped: u64,
}

/// An address and how many locks had been made there before.
type Key = (u64, u32);

#[derive(Default)]
struct Raw {
    own: bool,
    row: LockRow,
    /// (clock, thread, line) while held.
    held: Option<(u64, usize, u32)>,
}

/// Makes the report.
pub fn report(logs: &[(u32, Log)], lives: &Lives, inventory: &Inventory, clock: Clock) -> Report {
    let mut now: HashMap<u64, u32> = HashMap::new();
    let mut raw: HashMap<Key, Raw> = HashMap::new();
    let mut queues: HashMap<u64, QueueRow> = HashMap::new();
    let mut depths: HashMap<u64, u32> = HashMap::new();
    // All that happened to locks, in order.
    let mut all: Vec<(u64, usize, u64, u32, What)> = Vec::new();
    for (t, (_, log)) in logs.iter().enumerate() {
        for (e, at) in log.events.iter().zip(&lives.clocks[t]) {
            if matches!(
                e.what,
                What::NewLock { .. } | What::Acquire { .. } | What::Release { .. } | What::Depth { .. }
            ) {
                all.push((e.at, t, *at, e.line, e.what));
            }
        }
    }
    all.sort_by_key(|e| e.0);
    // Since when which address means which lock.
    let mut made: HashMap<u64, Vec<u64>> = HashMap::new();
    let mut ends: Vec<(Key, Hold)> = Vec::new();
    let waits = contended(logs, lives);
    for &(_, thread, at, line, what) in &all {
        match what {
            What::NewLock { object, own } => {
                let n = now.entry(object).and_modify(|n| *n += 1).or_insert(0);
                raw.insert((object, *n), Raw { own, ..Raw::default() });
                made.entry(object).or_default().push(at);
            }
            What::Acquire { object } => {
                let n = *now.entry(object).or_insert(0);
                let r = raw.entry((object, n)).or_default();
                if r.row.acquired == 0 {
                    r.row.first = line;
                }
                r.row.acquired += 1;
                r.held = Some((at, thread, line));
            }
            What::Release { object } => {
                let key = (object, now.get(&object).copied().unwrap_or(0));
                if let Some((from, thread, line)) = raw.get_mut(&key).and_then(|r| r.held.take()) {
                    ends.push((key, Hold { length: at.saturating_sub(from), thread, line }));
                }
            }
            What::Depth { object, depth } => {
                let q = queues.entry(object).or_default();
                let before = depths.insert(object, depth).unwrap_or(0);
                if depth > before {
                    q.puts += 1
                } else {
                    q.gets += 1
                }
                q.most = q.most.max(depth as u64);
            }
            _ => {}
        }
    }
    for (key, r) in &mut raw {
        if let Some((from, thread, line)) = r.held {
            ends.push((*key, Hold { length: lives.length.saturating_sub(from), thread, line }));
        }
    }
    for (key, hold) in ends {
        let row = &mut raw.get_mut(&key).expect("a lock that was held").row;
        let before = row.longest.map_or((0, 0), |h| (h.length, u32::MAX - h.line));
        if row.longest.is_none() || (hold.length, u32::MAX - hold.line) > before {
            row.longest = Some(hold);
        }
    }
    let at_that_time = |object: u64, at: u64| {
        let n = made.get(&object).map_or(0, |m| m.partition_point(|from| *from <= at));
        (object, (n.max(1) - 1) as u32)
    };
    for (object, at) in waits {
        if let Some(r) = raw.get_mut(&at_that_time(object, at)) {
            r.row.contended += 1;
        }
    }
    let (mut other, mut waited) = (0, 0);
    let mut calls: HashMap<u64, LockRow> = HashMap::new();
    for life in &lives.lives {
        waited += life.parts[Part::Lock as usize];
        for b in life.stretches.iter().filter(|s| s.part == Part::Lock) {
            let n = b.to - b.from;
            let add = |w: &mut (u64, u64)| *w = (w.0 + 1, w.1 + n);
            match b.aim {
                Some((q, Call::Get)) => add(&mut queues.entry(q).or_default().blocked_gets),
                Some((q, Call::Put)) => add(&mut queues.entry(q).or_default().blocked_puts),
                Some((q, Call::Done)) => add(&mut queues.entry(q).or_default().blocked_joins),
                Some((object, _)) => {
                    let row = calls.entry(object).or_default();
                    row.waits += 1;
                    row.slept += n;
                }
                None => match raw.get_mut(&at_that_time(b.object, b.from)) {
                    Some(r) => r.row.waited += n,
                    None => other += n,
                },
            }
        }
    }
    let known = |object: u64| inventory.known.iter().find(|k| k.object == object);
    let mut locks = Vec::new();
    for ((object, n), r) in raw {
        // Only the last lock at an address can have a name.
        let name = known(object).filter(|_| now.get(&object) == Some(&n));
        let mut row = r.row;
        match name {
            Some(k) => (row.name, row.kind, row.rank) = (k.name.clone(), k.kind.clone(), k.rank),
            None if r.own => (row.kind, row.rank) = ("Lock".to_string(), u32::MAX),
            None => {
                other += row.waited;
                continue;
            }
        }
        locks.push(row);
    }
    for (object, c) in calls {
        match known(object) {
            Some(k) => match locks.iter_mut().find(|l| l.name == k.name && l.kind == k.kind) {
                Some(l) => (l.waits, l.slept) = (l.waits + c.waits, l.slept + c.slept),
                None => locks.push(LockRow { name: k.name.clone(), kind: k.kind.clone(), rank: k.rank, ..c }),
            },
            None => other += c.slept,
        }
    }
    let mut rows = Vec::new();
    for (object, mut q) in queues {
        match known(object) {
            Some(k) => (q.name, q.rank) = (k.name.clone(), k.rank),
            None => q.rank = u32::MAX,
        }
        // A queue's own lock is no concern of the script; waits for it are.
        if let Some(i) =
            locks.iter().position(|l| l.kind == "Queue" && l.name == q.name && !q.name.is_empty())
        {
            other += locks.swap_remove(i).waited;
        }
        rows.push(q);
    }
    locks.retain(|l| l.acquired + l.waits > 0);
    locks.sort_by(|a, b| {
        let order = |l: &LockRow| (std::cmp::Reverse(l.waited + l.slept), l.rank, l.first, l.acquired);
        order(a).cmp(&order(b))
    });
    rows.sort_by_key(|q| (q.rank, q.puts, q.gets, q.most));
    Report {
        clock,
        length: lives.length,
        locks,
        queues: rows,
        other,
        waited,
        dropped: lives.lives.iter().map(|l| l.dropped).sum(),
    }
}

/// Acquisitions that came after a wait: the lock's address and when.
fn contended(logs: &[(u32, Log)], lives: &Lives) -> Vec<(u64, u64)> {
    let mut out = Vec::new();
    for (t, (_, log)) in logs.iter().enumerate() {
        let mut waiting = None;
        for (e, at) in log.events.iter().zip(&lives.clocks[t]) {
            if let What::Enter { object, .. } = e.what {
                waiting = Some(object);
            } else if let What::Acquire { object } = e.what
                && waiting.take() == Some(object)
            {
                out.push((object, *at));
            }
        }
    }
    out
}

impl Report {
    /// `B line 7`.
    pub fn who(&self, hold: &Hold) -> String {
        match hold.line {
            0 => letter(hold.thread),
            line => format!("{} line {line}", letter(hold.thread)),
        }
    }
}

/// The same as JSON.
pub fn json(r: &Report) -> Json {
    let locks = r.locks.iter().map(|l| {
        let longest = l.longest.map_or(Json::Null, |h| {
            Json::Map(vec![
                ("length", h.length.into()),
                ("thread", letter(h.thread).into()),
                ("line", (h.line as u64).into()),
            ])
        });
        Json::Map(vec![
            ("name", l.name.clone().into()),
            ("kind", l.kind.clone().into()),
            ("first_line", (l.first as u64).into()),
            ("acquired", l.acquired.into()),
            ("contended", l.contended.into()),
            ("waited", l.waited.into()),
            ("waits", l.waits.into()),
            ("slept", l.slept.into()),
            ("longest_hold", longest),
        ])
    });
    let queues = r.queues.iter().map(|q| {
        let blocked = |b: (u64, u64)| Json::Map(vec![("times", b.0.into()), ("waited", b.1.into())]);
        Json::Map(vec![
            ("name", q.name.clone().into()),
            ("puts", q.puts.into()),
            ("gets", q.gets.into()),
            ("most", q.most.into()),
            ("blocked_puts", blocked(q.blocked_puts)),
            ("blocked_gets", blocked(q.blocked_gets)),
            ("blocked_joins", blocked(q.blocked_joins)),
        ])
    });
    Json::Map(vec![
        ("report", "locks".into()),
        ("unit", if r.clock == Clock::Time { "ns" } else { "instructions" }.into()),
        ("length", r.length.into()),
        ("locks", Json::List(locks.collect())),
        ("queues", Json::List(queues.collect())),
        ("other_waiting", r.other.into()),
        ("waited", r.waited.into()),
        ("dropped_events", r.dropped.into()),
    ])
}
