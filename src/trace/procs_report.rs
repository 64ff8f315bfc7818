//! The report on processes: who was started where, what that cost, what crossed to it and how it ended. Invariant: one
//! row for each process that this one started, in order, and a last row that sums them.

use super::json::Json;
use super::table::{count, left, letter, right, time};
use crate::run::event::Proc;

/// Cells for a name.
const NAME: usize = 24;
/// Rows shown; the rest stands in the JSON.
const ROWS: usize = 40;

/// The report.
pub struct Report {
    procs: Vec<Proc>,
    end: u64,
}

/// Makes the report; `end`: the end of the run.
pub fn report(procs: &[Proc], end: u64) -> Report {
    Report { procs: procs.to_vec(), end }
}

/// Name of a signal.
pub fn signal(number: i32) -> String {
    let names = [
        (libc::SIGHUP, "SIGHUP"),
        (libc::SIGINT, "SIGINT"),
        (libc::SIGQUIT, "SIGQUIT"),
        (libc::SIGILL, "SIGILL"),
        (libc::SIGTRAP, "SIGTRAP"),
        (libc::SIGABRT, "SIGABRT"),
        (libc::SIGBUS, "SIGBUS"),
        (libc::SIGFPE, "SIGFPE"),
        (libc::SIGKILL, "SIGKILL"),
        (libc::SIGUSR1, "SIGUSR1"),
        (libc::SIGSEGV, "SIGSEGV"),
        (libc::SIGUSR2, "SIGUSR2"),
        (libc::SIGPIPE, "SIGPIPE"),
        (libc::SIGALRM, "SIGALRM"),
        (libc::SIGTERM, "SIGTERM"),
        (libc::SIGXCPU, "SIGXCPU"),
    ];
    let found = names.iter().find(|n| n.0 == number);
    found.map_or_else(|| format!("signal {number}"), |n| n.1.to_string())
}

fn bytes(n: u64) -> String {
    match n {
        0 => "-".to_string(),
        1..10_000 => format!("{n} B"),
        10_000..10_000_000 => format!("{} kB", count(n / 1000)),
        _ => format!("{} MB", count(n / 1_000_000)),
    }
}

fn some(n: u64) -> String {
    if n == 0 { "-".to_string() } else { count(n) }
}

fn row(name: &str, cost: u64, lived: &str, tasks: u64, sent: u64, received: u64, code: &str) -> String {
    let cost = if cost == 0 { "-".to_string() } else { time(cost) };
    format!(
        "  {}{}{}{}{}{}{}\n",
        left(name, NAME),
        right(&cost, 9),
        right(lived, 9),
        right(&some(tasks), 8),
        right(&bytes(sent), 10),
        right(&bytes(received), 10),
        right(code, 8)
    )
}

/// As text.
pub fn text(r: &Report, bold: (&str, &str)) -> String {
    let mut out = format!("{}Process report{}\n", bold.0, bold.1);
    if r.procs.is_empty() {
        out.push_str("  no process was started\n");
        return out;
    }
    out.push_str(&format!(
        "  {}{}{}{}{}{}{}\n",
        left("process", NAME),
        right("start", 9),
        right("lived", 9),
        right("tasks", 8),
        right("sent", 10),
        right("received", 10),
        right("code", 8)
    ));
    for (i, p) in r.procs.iter().enumerate().take(ROWS) {
        let name = if p.name.is_empty() { format!("(line {})", p.line) } else { p.name.clone() };
        let lived = time(p.ended.unwrap_or(r.end).saturating_sub(p.started));
        let code = p.code.map_or("runs".to_string(), |c| match signal(-c) {
            name if c < 0 && name.starts_with("SIG") => name,
            _ => c.to_string(),
        });
        out.push_str(&row(&format!("{} {name}", i + 1), p.cost, &lived, p.tasks, p.sent, p.received, &code));
    }
    if r.procs.len() > ROWS {
        out.push_str(&format!("  ... and {} more (all with --json=FILE)\n", r.procs.len() - ROWS));
    }
    let sum = |f: &dyn Fn(&Proc) -> u64| r.procs.iter().map(f).sum::<u64>();
    let n = r.procs.len();
    let (tasks, sent, received) = (sum(&|p| p.tasks), sum(&|p| p.sent), sum(&|p| p.received));
    let title = if n == 1 { "1 process".to_string() } else { format!("{n} processes") };
    out.push_str(&row(&title, sum(&|p| p.cost), "", tasks, sent, received, ""));
    out
}

/// As JSON.
pub fn json(r: &Report) -> Json {
    let one = |p: &Proc| {
        let code = p.code.map_or(Json::Null, |c| Json::Str(c.to_string()));
        Json::Map(vec![
            ("pid", (p.pid as u64).into()),
            ("name", p.name.clone().into()),
            ("by", letter(p.by as usize).into()),
            ("line", (p.line as u64).into()),
            ("started", p.started.into()),
            ("start_cost", p.cost.into()),
            ("ended", p.ended.into()),
            ("code", code),
            ("tasks", p.tasks.into()),
            ("sent", p.sent.into()),
            ("received", p.received.into()),
        ])
    };
    Json::Map(vec![
        ("report", "procs".into()),
        ("unit", "ns".into()),
        ("processes", Json::List(r.procs.iter().map(one).collect())),
    ])
}
