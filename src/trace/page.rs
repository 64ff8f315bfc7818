//! `--html=FILE`: one page that needs nothing beside itself. The page's own text, style and program stand in `page.html`,
//! `page.css` and `page.js`; here is the data that they show. Invariants: no text of a script can end or break the
//! element in which the data stands; the figures are those of the report; the page names no other resource.

use super::gil_report::{self, REASONS, Report};
use super::json::Json;
use super::life::Clock;
use super::story::{Arrow, DOES, Story, WAYS, Way, plain};
use super::table::{letter, percent, tenths};
use crate::run::event::Reason;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Most stretches, turns and holds in a page.
const LIMIT: usize = 300_000;
/// Most arrows.
const ARROWS: usize = 20_000;
/// Most lines of the program.
const LINES: usize = 4_000;

const HTML: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page. `data`: what [`data`] or [`comparison`] gave.
pub fn page(title: &str, data: &str) -> String {
    let title: String = title
        .chars()
        .map(|c| match c {
            '<' => "&lt;".to_string(),
            '>' => "&gt;".to_string(),
            '&' => "&amp;".to_string(),
            c => c.to_string(),
        })
        .collect();
    let mut out = String::with_capacity(HTML.len() + STYLE.len() + SCRIPT.len() + data.len() + 64);
    for (i, part) in HTML.split("@@").enumerate() {
        match (i % 2, part) {
            (1, "title") => out.push_str(&title),
            (1, "style") => out.push_str(STYLE),
            (1, "script") => out.push_str(SCRIPT),
            (1, "data") => out.push_str(data),
            _ => out.push_str(part),
        }
    }
    out
}

/// JSON that may stand inside a page: no `<`, no line separators of JavaScript.
fn safe(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => _ = write!(out, "\\u{:04x}", c as u32),
            c => out.push(c),
        }
    }
    out
}

/// Texts and numbers in a row.
fn numbers(out: &mut String, items: impl Iterator<Item = i64>) {
    out.push('[');
    for (i, n) in items.enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        _ = write!(out, "{n}");
    }
    out.push(']');
}

/// A list written by `each`.
fn list<T>(out: &mut String, items: impl Iterator<Item = T>, mut each: impl FnMut(&mut String, T)) {
    out.push('[');
    for (i, item) in items.enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        each(out, item);
    }
    out.push(']');
}

/// The data of a comparison: what is said of all runs, and each one's own data.
pub fn comparison(said: &Json, runs: &[String]) -> String {
    let said = safe(&said.to_string());
    format!("{{\"compare\":{said},\"runs\":[{}]}}", runs.join(","))
}

/// The data of one run, safe inside a page.
pub fn data(story: &Story, report: &Report, source: &str) -> String {
    let shown = shown(story);
    let mut out = String::from("{");
    let clock = if story.clock == Clock::Time { "ns" } else { "instructions" };
    let mut field = |name: &str, value: Json| _ = write!(out, "\"{name}\":{value},");
    field("file", story.file.clone().into());
    field("mode", report.mode.clone().into());
    field("clock", clock.into());
    field("length", story.length.into());
    field("shown", shown.into());
    field("dropped", story.dropped.into());
    field("report", gil_report::json(report));
    field("does", DOES.to_vec().into());
    field("reasons", REASONS.to_vec().into());
    field("ways", WAYS.to_vec().into());
    field("source", source.lines().take(LINES).map(plain_line).collect::<Vec<_>>().into());
    let mut lines: Vec<u64> = Vec::new();
    switches(story).into_iter().for_each(|(line, n)| lines.extend([line as u64, n]));
    field("lines", lines.into());
    out.push_str("\"processes\":");
    list(&mut out, story.processes.iter(), |out, p| {
        let natives: Vec<(&usize, &String)> = {
            let mut all: Vec<_> = p.natives.iter().collect();
            all.sort();
            all
        };
        _ = write!(
            out,
            "{{\"mode\":{},\"gil\":{},\"first\":{},",
            Json::from(p.mode.as_str()),
            p.gil,
            p.first
        );
        _ = write!(out, "\"fate\":{},", p.fate.clone().map_or(Json::Null, Json::from));
        _ = write!(out, "\"by\":{},", p.by.map_or("null".to_string(), |b| b.to_string()));
        let names: Vec<String> = natives.iter().map(|n| n.1.clone()).collect();
        _ = write!(out, "\"natives\":{},\"turns\":", Json::from(names));
        let mut last = 0;
        let turns = p.lives.turns.iter().take_while(|t| t.from < shown).flat_map(|t| {
            let gap = t.from as i64 - last;
            last = t.to as i64;
            let native = natives.iter().position(|n| *n.0 == t.native && t.native != 0);
            let reason = t.reason.map_or(-1, |r| r as i64);
            [
                gap,
                (t.to - t.from) as i64,
                (p.first + t.life) as i64,
                reason,
                t.line as i64,
                native.map_or(-1, |n| n as i64),
            ]
        });
        numbers(out, turns);
        out.push('}');
    });
    out.push_str(",\"threads\":");
    let number: Vec<usize> =
        story.processes.iter().enumerate().flat_map(|(i, p)| p.lives.lives.iter().map(move |_| i)).collect();
    // Things are numbered through all processes.
    let mut before = vec![0];
    story.processes.iter().for_each(|p| before.push(before.last().unwrap_or(&0) + p.things.len()));
    list(&mut out, story.threads().enumerate(), |out, (i, (p, l))| {
        let index: BTreeMap<u64, usize> = p.things.iter().enumerate().map(|(i, t)| (t.object, i)).collect();
        let base = before[number[i]];
        _ = write!(
            out,
            "{{\"letter\":{},\"name\":{},\"process\":{},\"from\":{},\"to\":{},\"ended\":{},\"ran\":",
            Json::from(letter(i)),
            Json::from(plain(&l.name)),
            number[i],
            l.from,
            l.to,
            l.ended
        );
        let mut shares = tenths(l.parts);
        if l.parts.iter().all(|p| *p == 0) {
            shares[0] = 1000;
        }
        let ran = report.rows.iter().any(|r| r.ran.is_some()).then_some(l.ran);
        _ = write!(out, "{},\"percent\":", Json::from(ran));
        let known = shares.iter().filter(|_| p.fate.is_none());
        list(out, known, |out, n| _ = write!(out, "{}", percent(*n)));
        out.push_str(",\"vain\":");
        numbers(out, l.vain.iter().take_while(|at| **at < shown).take(LIMIT / 4).map(|at| *at as i64));
        out.push_str(",\"row\":");
        let row = l.stretches.iter().take_while(|s| s.from < shown).flat_map(|s| {
            let thing = index.get(&s.object).filter(|_| s.object != 0);
            let thing = thing.map_or(-1, |t| (base + t) as i64);
            [s.does() as i64, (s.to - s.from) as i64, s.line as i64, s.last as i64, thing]
        });
        numbers(out, row);
        out.push('}');
    });
    out.push_str(",\"things\":");
    let things =
        story.processes.iter().enumerate().flat_map(|(i, p)| p.things.iter().map(move |t| (i, p, t)));
    list(&mut out, things, |out, (i, p, t)| {
        let (longest, life, line) = t.longest;
        _ = write!(
            out,
            "{{\"name\":{},\"kind\":{},\"process\":{i},\"acquired\":{},\"waits\":{},\"waited\":{},\"longest\":{longest},\"by\":{},\"line\":{line},\"holds\":",
            Json::from(t.name.as_str()),
            Json::from(t.kind),
            t.holds.len(),
            t.waits,
            t.waited,
            p.first + life
        );
        let mut last = 0;
        let holds = t.holds.iter().map(|h| &p.lives.holds[*h]).take_while(|h| h.from < shown).flat_map(|h| {
            let gap = h.from as i64 - last;
            last = h.to as i64;
            [gap, (h.to - h.from) as i64, (p.first + h.life) as i64, h.line as i64]
        });
        numbers(out, holds);
        out.push_str(",\"depth\":");
        let depth = t.depths.iter().take_while(|d| d.0 < shown).flat_map(|d| [d.0 as i64, d.1 as i64]);
        numbers(out, depth);
        out.push('}');
    });
    out.push_str(",\"arrows\":");
    // Turns tell of the GIL's way.
    let arrows: Vec<Arrow> = story
        .arrows()
        .into_iter()
        .filter(|a| a.way != Way::Handover && a.from.1 < shown)
        .take(ARROWS)
        .collect();
    numbers(
        &mut out,
        arrows
            .iter()
            .flat_map(|a| [a.way as i64, a.from.0 as i64, a.from.1 as i64, a.to.0 as i64, a.to.1 as i64]),
    );
    out.push('}');
    safe(&out)
}

fn plain_line(line: &str) -> String {
    line.chars().map(|c| if c.is_control() && c != '\t' { '?' } else { c }).collect()
}

/// The moment up to which the page shows all there is.
fn shown(story: &Story) -> u64 {
    let mut all: Vec<u64> = Vec::new();
    for p in &story.processes {
        all.extend(p.lives.turns.iter().map(|t| t.from));
        all.extend(p.lives.holds.iter().map(|h| h.from));
        p.lives.lives.iter().for_each(|l| all.extend(l.stretches.iter().map(|s| s.from)));
    }
    if all.len() <= LIMIT {
        return story.length;
    }
    *all.select_nth_unstable(LIMIT).1
}

/// Forced switches by line, as the report counts them.
fn switches(story: &Story) -> BTreeMap<u32, u64> {
    let mut out = BTreeMap::new();
    for p in story.processes.iter().take(1) {
        for pair in p.lives.turns.windows(2).filter(|t| t[0].life != t[1].life && t[0].line > 0) {
            if matches!(pair[0].reason, Some(Reason::Limit | Reason::Request)) {
                *out.entry(pair[0].line).or_default() += 1;
            }
        }
    }
    out
}
