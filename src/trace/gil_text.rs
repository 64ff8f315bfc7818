//! The report on the GIL as text. Invariant: no line is wider than 80 cells, whatever names the script gave.

use super::gil_report::{REASONS, Report};
use super::life::{Clock, PARTS};
use super::table::{WIDTH, count, cut, left, percent, right, wrap};

/// Cells for a thread's letter and name.
const NAME: usize = 22;
/// Cells for a count of instructions.
const COUNT: usize = 15;
/// Rows shown; the rest stands in the JSON.
const ROWS: usize = 48;

/// The report. `bold` is put around what matters most.
pub fn text(r: &Report, bold: (&str, &str)) -> String {
    let mut out = String::new();
    let (mode, length) = (&r.mode, r.amount(r.length));
    let all = if r.dropped > 0 { "recorded" } else { "in all" };
    out.push_str(&format!("GIL report: mode {mode}, {length} {all}\n"));
    if r.clock == Clock::Instructions {
        out.push_str("  times are instructions: a native call is one, however long it takes\n");
    }
    if r.dropped > 0 {
        let said = format!(
            "  the record was full after that ({} events did not fit): all but the count of instructions is of \
             that first part",
            count(r.dropped)
        );
        out.push_str(&wrap(&said, "    "));
    }
    out.push_str(&format!("  {}{}", left("thread", NAME), right("instructions", COUNT)));
    for (part, width) in PARTS.iter().zip(COLUMNS) {
        let part = if *part == "GIL" { "wait GIL" } else { part };
        out.push_str(&right(&format!("{part}%"), width));
    }
    out.push('\n');
    for row in r.rows.iter().take(ROWS) {
        let ran = row.ran.map_or("-".to_string(), count);
        out.push_str(&format!(
            "  {}{}",
            left(&format!("{} {}", row.letter, row.name), NAME),
            right(&ran, COUNT)
        ));
        for (share, width) in row.shares.iter().zip(COLUMNS) {
            out.push_str(&right(&percent(*share), width));
        }
        out.push('\n');
    }
    if r.rows.len() > ROWS {
        out.push_str(&format!("  ... and {} more threads (all with --json=FILE)\n", r.rows.len() - ROWS));
    }
    if r.gil {
        let by: Vec<String> =
            REASONS.iter().zip(r.switches).map(|(n, c)| format!("{n} {}", count(c))).collect();
        out.push_str(&wrap(&format!("  switches: {}", by.join(", ")), "    "));
        if let Some(w) = &r.longest_wait {
            out.push_str(&wrap(&format!("  longest wait {}: {}", r.amount(w.length), r.place(w)), "    "));
        }
        if let Some(h) = &r.longest_hold {
            let why = if h.native.is_some() { " (a native call keeps the GIL until it returns)" } else { "" };
            out.push_str(&wrap(
                &format!("  longest hold {}: {}{why}", r.amount(h.length), r.place(h)),
                "    ",
            ));
        }
        if let Some(h) = r.hot.as_ref().filter(|h| h.of > 2) {
            let lead = format!(
                "  most switches fell on line {} ({} of {}): ",
                h.line,
                count(h.switches),
                count(h.of)
            );
            let room = WIDTH.saturating_sub(lead.len());
            out.push_str(&format!("{lead}{}\n", cut(&h.text, room)));
        }
        let (held, waiting, wakes) = (percent(r.held), percent(r.waiting), count(r.false_wakes));
        out.push_str(&format!("  GIL held {held}%, somebody waited {waiting}%, false wakes: {wakes}\n"));
    } else {
        out.push_str(&format!("  threads running at a time, on average: {:.1}\n", r.busy));
    }
    out.push_str(&format!("  {}{}{}\n", bold.0, r.verdict.text(), bold.1));
    for s in &r.surprises {
        out.push_str(&wrap(&format!("  {s}"), "    "));
    }
    out
}

/// Widths of the columns of shares.
const COLUMNS: [usize; 6] = [6, 10, 6, 7, 6, 6];

#[cfg(test)]
mod tests {
    use super::super::gil_report::{Input, report};
    use super::super::life::{Clock, End};
    use super::*;
    use crate::run::event::{Event, Log, Reason, State, What};

    fn log(thread: u32, name: &str, events: &[(u64, u32, u64, What)]) -> (u32, Log) {
        let events: Vec<Event> =
            events.iter().map(|&(at, line, ran, what)| Event { at, place: line, line, ran, what }).collect();
        let ran = events.last().map_or(0, |e: &Event| e.ran);
        (thread, Log { events, ran, name: name.to_string(), ..Log::default() })
    }

    /// Main starts two threads and joins them; they take three turns of ten instructions each.
    fn logs(jitter: u64) -> Vec<(u32, Log)> {
        let release = |reason| What::GilRelease { reason, native: 0 };
        let t = |n: u64| n * 1000 + jitter * (n % 3);
        vec![
            log(
                0,
                "MainThread",
                &[
                    (t(0), 0, 0, What::GilAcquire),
                    (t(0), 0, 0, What::Start { by: 0 }),
                    (t(1), 9, 4, What::Wake { other: 1 }),
                    (t(1), 10, 6, What::Wake { other: 2 }),
                    (t(2), 11, 8, What::Enter { state: State::Join, kind: 7, object: 7 }),
                    (t(2), 11, 8, release(Reason::Blocking)),
                    (t(9), 11, 8, What::GilWait),
                    (t(9) + 1, 11, 8, What::GilAcquire),
                    (t(9) + 2, 11, 8, What::Leave),
                ],
            ),
            log(
                1,
                "线程 one",
                &[
                    (t(2), 0, 0, What::GilWait),
                    (t(3), 0, 0, What::GilAcquire),
                    (t(3), 5, 0, What::Start { by: 0 }),
                    (t(4), 5, 10, release(Reason::Limit)),
                    (t(5), 5, 10, What::GilAcquire),
                    (t(6), 5, 20, What::Wake { other: 0 }),
                    (t(6), 5, 20, What::End),
                    (t(6), 5, 20, release(Reason::End)),
                ],
            ),
            log(
                2,
                "two",
                &[
                    (t(4), 5, 0, What::GilAcquire),
                    (t(4), 5, 0, What::Start { by: 0 }),
                    (t(5), 6, 10, release(Reason::Limit)),
                    (t(7), 6, 10, What::GilAcquire),
                    (t(8), 6, 20, What::End),
                    (t(8), 6, 20, release(Reason::End)),
                ],
            ),
        ]
    }

    fn shown(clock: Clock, jitter: u64) -> String {
        let mut logs = logs(jitter);
        logs[0].1.ran = 12;
        let input = Input {
            mode: "ticks:10".to_string(),
            gil: true,
            clock,
            counted: true,
            turn: Some((10, "--gil=ticks:97")),
            interval: None,
            logs: &logs,
            end: End { at: 12_000 + jitter, thread: 0, ran: 12 },
            file: "race.mp",
            source: "a\nb\nc\nd\ncounter += 1\ntotal += 1\n",
            native: &|_| String::new(),
        };
        text(&report(&input), ("", ""))
    }

    #[test]
    fn instructions_tile_lives_and_repeat_exactly() {
        let first = shown(Clock::Instructions, 0);
        assert_eq!(first, shown(Clock::Instructions, 211));
        let expected = "\
GIL report: mode ticks:10, 52 instructions in all
  times are instructions: a native call is one, however long it takes
  thread                   instructions  run% wait GIL% lock% sleep%   io% join%
  A MainThread                       12  23.1      19.2   0.0    0.0   0.0  57.7
  B 线程 one                         20  58.8      41.2   0.0    0.0   0.0   0.0
  C two                              20  47.6      52.4   0.0    0.0   0.0   0.0
  switches: limit 2, request 0, blocking 1, yield 0, end 2
";
        assert_eq!(first.lines().take(7).map(|l| format!("{l}\n")).collect::<String>(), expected);
        assert!(first.contains("GIL-bound"), "{first}");
    }

    #[test]
    fn no_line_is_too_wide() {
        for clock in [Clock::Time, Clock::Instructions] {
            let text = shown(clock, 0);
            assert!(text.lines().all(|l| minipy_grammar::display_width(l) <= WIDTH), "{text}");
        }
    }
}
