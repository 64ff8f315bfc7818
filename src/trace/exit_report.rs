//! The report on the end: what was cut off, left over or never looked at. Invariant: it says nothing of what ended as
//! it should; if all did it says so in one line.

use super::deadlock_text::spot;
use super::json::Json;
use super::table::{count, letter, wrap};
use crate::run::event::{Graph, Inventory};

/// What is left at the end.
pub struct Report {
    lines: Vec<(&'static str, String)>,
}

/// Makes the report. `main`: the thread that ended the process; `unseen`: exceptions that nobody asked for.
pub fn report(g: &Graph, inventory: &Inventory, main: u32, unseen: &[String]) -> Report {
    let mut lines = Vec::new();
    for f in g.threads.iter().filter(|f| f.number != main) {
        let at = f.frames.first().map_or(String::new(), |p| format!(" at {}", spot(p)));
        let holds: Vec<&str> = f.holds.iter().map(|o| o.name.as_str()).filter(|n| !n.is_empty()).collect();
        let holding = if holds.is_empty() { String::new() } else { format!(" holding {}", holds.join(", ")) };
        let kind = if f.daemon { "daemon " } else { "" };
        lines.push((
            "stopped",
            format!("{kind}{} {} stopped{at}{holding}", letter(f.number as usize), f.name),
        ));
    }
    for (name, q, _) in inventory.queues.iter().filter(|(_, q, _)| q.depth > 0) {
        let items = if q.depth == 1 { "1 item".to_string() } else { format!("{} items", count(q.depth)) };
        lines.push(("left", format!("queue {name}: {items} never taken")));
    }
    for (number, name, failed) in &g.ended {
        if *failed {
            lines.push(("failed", format!("{} {name} was ended by an exception", letter(*number as usize))));
        }
    }
    for what in unseen {
        lines.push(("unseen", what.clone()));
    }
    for o in &inventory.orphans {
        let Some(by) = o.by else { continue };
        let name = g.ended.iter().find(|e| e.0 == by).map_or("", |e| &e.1);
        let since =
            if o.since.line > 0 { format!(", acquired at {}", spot(&o.since)) } else { String::new() };
        lines.push(("held", format!("{} {name} ended holding {}{since}", letter(by as usize), o.name)));
    }
    Report { lines }
}

/// As text.
pub fn text(r: &Report, bold: (&str, &str)) -> String {
    let mut out = format!("{}Exit report{}\n", bold.0, bold.1);
    for (_, line) in &r.lines {
        out.push_str(&wrap(&format!("  {line}"), "    "));
    }
    if r.lines.is_empty() {
        out.push_str("  all threads ended, all queues are empty, all exceptions were seen\n");
    }
    out
}

/// As JSON.
pub fn json(r: &Report) -> Json {
    let lines = r
        .lines
        .iter()
        .map(|(kind, line)| Json::Map(vec![("kind", (*kind).into()), ("text", line.clone().into())]));
    Json::Map(vec![("report", "exit".into()), ("findings", Json::List(lines.collect()))])
}
