//! The report on locks and queues as text. Invariant: no line is wider than 80 cells, whatever names the script gave.

use super::life::Clock;
use super::lock_report::{LockRow, Report};
use super::table::{count, cut, left, percent, right, tenths, time, wrap};

/// Cells for a name.
const NAME: usize = 20;
/// Rows shown; the rest stands in the JSON.
const ROWS: usize = 40;

/// A length in few cells; a thousand ticks are 1 kt.
fn amount(clock: Clock, n: u64) -> String {
    match clock {
        Clock::Time => time(n),
        Clock::Instructions => format!("{} t", count(n)),
    }
}

fn name_of(l: &LockRow) -> String {
    let name = if l.name.is_empty() { format!("(line {})", l.first) } else { l.name.clone() };
    match l.kind.as_str() {
        "Lock" | "RLock" => name,
        kind => format!("{name} {}", kind.to_lowercase()),
    }
}

/// The report. `bold` is put around what matters most.
pub fn text(r: &Report, bold: (&str, &str)) -> String {
    let mut out = format!("Lock report: {} in all", amount(r.clock, r.length));
    if r.clock == Clock::Instructions {
        out.push_str(" (t: ticks, the instructions of all threads)");
    }
    out.push('\n');
    if r.dropped > 0 {
        let n = count(r.dropped);
        out.push_str(&wrap(&format!("  the record was full after a time: {n} events did not fit"), "    "));
    }
    if r.locks.is_empty() && r.queues.is_empty() {
        out.push_str("  no locks, no queues\n");
        return out;
    }
    if !r.locks.is_empty() {
        out.push_str(&format!(
            "  {}{}{}{}  longest hold\n",
            left("lock", NAME),
            right("acquired", 11),
            right("contended", 11),
            right("waited", 13)
        ));
    }
    for l in r.locks.iter().take(ROWS) {
        let part = l.contended.min(l.acquired);
        let share = tenths([part, l.acquired - part])[0];
        let contended = if l.acquired > 0 { format!("{}%", percent(share)) } else { "-".to_string() };
        let longest = l
            .longest
            .as_ref()
            .filter(|_| l.acquired > 0)
            .map_or(String::new(), |h| cut(&format!("  {} {}", amount(r.clock, h.length), r.who(h)), 23));
        out.push_str(&format!(
            "  {}{}{}{}{longest}\n",
            left(&name_of(l), NAME),
            right(&count(l.acquired), 11),
            right(&contended, 11),
            right(&amount(r.clock, l.waited), 13),
        ));
        if l.waits > 0 {
            let slept = amount(r.clock, l.slept);
            let times = if l.waits == 1 { "once".to_string() } else { format!("{} times", count(l.waits)) };
            out.push_str(&format!("  {}threads waited {times} in it, {slept}\n", " ".repeat(NAME + 2)));
        }
    }
    if r.locks.len() > ROWS {
        out.push_str(&format!("  ... and {} more (all with --json=FILE)\n", r.locks.len() - ROWS));
    }
    if !r.queues.is_empty() {
        out.push_str(&format!(
            "  {}{}{}{}{}{}\n",
            left("queue", NAME),
            right("put", 11),
            right("taken", 11),
            right("most", 7),
            right("put waited", 14),
            right("get waited", 14)
        ));
    }
    for q in r.queues.iter().take(ROWS) {
        let blocked = |(times, n): (u64, u64)| match times {
            0 => "-".to_string(),
            _ => amount(r.clock, n),
        };
        out.push_str(&format!(
            "  {}{}{}{}{}{}\n",
            left(if q.name.is_empty() { "(no name)" } else { &q.name }, NAME),
            right(&count(q.puts), 11),
            right(&count(q.gets), 11),
            right(&count(q.most), 7),
            right(&blocked(q.blocked_puts), 14),
            right(&blocked(q.blocked_gets), 14)
        ));
    }
    if r.other > 0 {
        out.push_str(&format!("  waits inside the library: {}\n", amount(r.clock, r.other)));
    }
    out.push_str(&format!("  {}waited in all: {}{}\n", bold.0, amount(r.clock, r.waited), bold.1));
    out
}
