//! A deadlock in words: who waits for whom, since which lines, and what would mend it. Invariant: the first line says
//! what happened; every thread of the finding has its lines; names are the script's own.

use super::deadlock::{Cause, Finding, blocker, wanted};
use super::table::{WIDTH, count, left, letter, time, wrap};
use crate::run::event::{Fellow, For, Graph, Lost, Owned, Place};
use minipy_grammar::display_width;

/// Locks shown of one thread, at most.
const HOLDS: usize = 4;

/// `file:line`.
pub fn spot(p: &Place) -> String {
    format!("{}:{}", p.file.rsplit('/').next().unwrap_or(&p.file), p.line)
}

/// ` at file:line` of the thread's innermost frame.
fn at(f: &Fellow) -> String {
    f.frames.first().map_or(String::new(), |p| format!(" at {}", spot(p)))
}

fn named<'a>(name: &'a str, kind: &'a str) -> &'a str {
    if name.is_empty() { kind } else { name }
}

/// `a, b and c`.
fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

fn letters(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(|n| letter(*n as usize)).collect()
}

/// A thread that others speak of: its letter, and more if it has ended.
fn who(g: &Graph, number: u32) -> String {
    let name = letter(number as usize);
    if g.fellow(number).is_some() {
        return name;
    }
    match g.ended.iter().find(|e| e.0 == number) {
        Some((_, called, true)) => format!("{name} {called}, which an exception has ended"),
        Some((_, called, false)) => format!("{name} {called}, which has ended"),
        None => format!("{name}, a thread that is not in this process"),
    }
}

/// As `who`, in few words.
fn holder(g: &Graph, number: u32) -> String {
    let gone = if g.fellow(number).is_none() { " (ended)" } else { "" };
    format!("{}{gone}", letter(number as usize))
}

/// As `who`, in a list.
fn user(g: &Graph, number: u32) -> String {
    match g.ended.iter().find(|e| e.0 == number) {
        Some((_, name, _)) if g.fellow(number).is_none() => {
            format!("{} {name} [ended]", letter(number as usize))
        }
        _ => letter(number as usize),
    }
}

/// The first line, without the word DEADLOCK.
pub fn headline(g: &Graph, f: &Finding) -> String {
    match &f.cause {
        Cause::Circle(m) if m.len() == 2 => format!("{} wait for each other", list(&letters(m))),
        Cause::Circle(m) => format!("{} wait for each other in a circle", list(&letters(m))),
        Cause::Own(n) => {
            let lock = g.fellow(*n).and_then(wanted).map_or("", |o| o.name.as_str());
            format!("{} waits for {}, which it holds itself", letter(*n as usize), named(lock, "a lock"))
        }
        Cause::Ended(n, by) | Cause::Left(n, by) => {
            let lock = g.fellow(*n).and_then(wanted).map_or("", |o| o.name.as_str());
            let (waiter, lock) = (letter(*n as usize), named(lock, "a lock"));
            format!("{waiter} waits for {lock}, never released by {}", who(g, *by))
        }
        Cause::Empty(name) => format!("nobody is left to put into {}", named(name, "a queue")),
        Cause::Full(name) => format!("nobody is left to take from {}", named(name, "a queue")),
        Cause::Undone(name, 1) => format!("1 item of {} is never done", named(name, "a queue")),
        Cause::Undone(name, n) => format!("{n} items of {} are never done", named(name, "a queue")),
        Cause::Silent(verb, name) => {
            let kind = match *verb {
                "notify" => "a condition",
                "set" => "an event",
                _ => "a semaphore",
            };
            format!("nobody is left to {verb} {}", named(name, kind))
        }
        Cause::Barrier(name, come, parties) => {
            format!("only {come} of {parties} threads have come to {}", named(name, "a barrier"))
        }
        Cause::Other => "all threads wait, and nothing can wake them".to_string(),
    }
}

/// What a thread waits for and where: the end of its line.
fn waits(g: &Graph, f: &Fellow) -> String {
    let Some(w) = &f.wait else { return "runs".to_string() };
    let at = at(f);
    match &w.what {
        For::Join(n) if f.frames.is_empty() => {
            format!("waits at the end of the program for {}", letter(*n as usize))
        }
        For::Join(n) => format!("waits in join({}){at}", letter(*n as usize)),
        For::Lock(o) => {
            let by = o.by.map_or(String::new(), |by| format!(", held by {}", holder(g, by)));
            format!("wants {}{at}{by}", named(&o.name, "a lock"))
        }
        For::Import => format!("waits for a module that another thread imports{at}"),
        _ if !w.call.is_empty() => format!("waits in {}{at}", w.call),
        _ => format!("waits{at}"),
    }
}

/// The locks of a thread worth showing: those that others of the finding wait for, or else the first ones.
fn shown<'a>(g: &Graph, f: &'a Fellow) -> Vec<&'a Owned> {
    let awaited = |o: &Owned| {
        g.threads.iter().filter_map(wanted).any(|w| w.by == o.by && w.rank == o.rank && w.name == o.name)
    };
    let mut locks: Vec<&Owned> = f.holds.iter().filter(|o| awaited(o)).collect();
    if locks.is_empty() {
        locks = f.holds.iter().filter(|o| !o.name.is_empty()).collect();
    }
    locks.truncate(HOLDS);
    locks
}

/// The lines below the first.
pub fn body(g: &Graph, f: &Finding) -> String {
    let fellows: Vec<&Fellow> = f.threads.iter().filter_map(|n| g.fellow(*n)).collect();
    let name = |f: &Fellow| format!("{} {}", letter(f.number as usize), f.name);
    let width = fellows.iter().map(|f| display_width(&name(f))).max().unwrap_or(0).min(30);
    let locks = fellows.iter().flat_map(|f| {
        shown(g, f).into_iter().chain(wanted(f)).map(|o| display_width(named(&o.name, "a lock")))
    });
    let column = locks.max().unwrap_or(0).min(24);
    let mut out = String::new();
    for f in fellows {
        let mut lead = left(&name(f), width);
        let mut line = |text: String| {
            let text = text.trim_end();
            let narrow = display_width(text) + width + 4 <= WIDTH;
            let (text, rest) = match text.find(", ").filter(|_| !narrow) {
                Some(at) => text.split_at(at + 2),
                None => (text, ""),
            };
            out.push_str(&format!("  {lead}  {}\n", text.trim_end()));
            lead = " ".repeat(width);
            if !rest.is_empty() {
                out.push_str(&format!("  {lead}    {rest}\n"));
            }
        };
        for o in shown(g, f) {
            let since = if o.since.line > 0 { format!("  since {}", spot(&o.since)) } else { String::new() };
            line(format!("holds {}{since}", left(named(&o.name, "a lock"), column)));
        }
        match wanted(f) {
            Some(o) => {
                let place = f.frames.first().map_or(String::new(), |p| format!("  at    {}", spot(p)));
                let by = o.by.map_or(String::new(), |by| format!(", held by {}", holder(g, by)));
                line(format!("wants {}{place}{by}", left(named(&o.name, "a lock"), column)));
            }
            None => line(waits(g, f)),
        }
    }
    out.push_str(&queue(g, f));
    out.push_str(&left_behind(g, f));
    if !f.dead {
        out.push_str("  The other threads go on.\n");
    }
    out.push_str(&advice(g, f));
    out
}

/// How a lock came to be left behind.
fn left_behind(g: &Graph, f: &Finding) -> String {
    let (Cause::Ended(n, by) | Cause::Left(n, by)) = &f.cause else { return String::new() };
    let Some(o) = g.fellow(*n).and_then(wanted).filter(|o| o.since.line > 0) else { return String::new() };
    let (who, place) = (letter(*by as usize), spot(&o.since));
    let why = match o.lost {
        Some(Lost::Missed(line)) => format!(" and missed the release in line {line}"),
        Some(Lost::Never) => "; no line of the program releases a lock".to_string(),
        None => String::new(),
    };
    wrap(&format!("  {who} took it at {place}{why}"), "    ")
}

/// What is known of the queue that the finding is about.
fn queue(g: &Graph, f: &Finding) -> String {
    let (Cause::Empty(name) | Cause::Full(name) | Cause::Undone(name, _)) = &f.cause else {
        return String::new();
    };
    let waiting = f.threads.iter().filter_map(|n| g.fellow(*n)?.wait.as_ref());
    let Some(q) = waiting.filter(|w| w.name == *name).find_map(|w| match &w.what {
        For::Queue { queue, .. } => Some(queue),
        _ => None,
    }) else {
        return String::new();
    };
    let users = |numbers: &[u32]| {
        let all: Vec<String> = numbers.iter().map(|n| user(g, *n)).collect();
        if all.is_empty() { String::new() } else { format!(" by {}", list(&all)) }
    };
    let inside = if q.depth == 0 { "empty".to_string() } else { format!("{} inside", count(q.depth)) };
    let (puts, gets) = (count(q.puts), count(q.gets));
    let (put_by, got_by) = (users(&q.putters), users(&q.getters));
    let name = named(name, "the queue");
    wrap(&format!("  {name}: {inside}; {puts} put{put_by}; {gets} taken{got_by}"), "    ")
}

/// What would mend it.
fn advice(g: &Graph, f: &Finding) -> String {
    let text = match &f.cause {
        Cause::Circle(members) => {
            let mut locks: Vec<&Owned> =
                members.iter().filter_map(|n| wanted(g.fellow(*n)?)).filter(|o| !o.name.is_empty()).collect();
            locks.sort_by_key(|o| o.rank);
            locks.dedup_by_key(|o| &o.name);
            let joins = members.iter().filter_map(|n| g.fellow(*n)).filter(|f| wanted(f).is_none());
            let joins: Vec<&Fellow> = joins.filter(|f| blocker(f).is_some()).collect();
            match (joins.first(), locks.len()) {
                (None, n) if n == members.len() && n > 1 => {
                    let names: Vec<&str> = locks.iter().map(|o| o.name.as_str()).collect();
                    format!("Take locks in one order: {}.", names.join(", then "))
                }
                (None, _) => "Take locks in one order, the same in all threads.".to_string(),
                (Some(f), 1..) => {
                    let name = &locks[0].name;
                    format!("{} should release {name} before it joins.", letter(f.number as usize))
                }
                (Some(_), 0) => "A thread must not join one that joins it.".to_string(),
            }
        }
        Cause::Own(_) => "A lock that its holder takes again must be an RLock.".to_string(),
        Cause::Ended(..) | Cause::Left(..) => {
            "Take locks by `with`: it releases them whatever happens.".to_string()
        }
        Cause::Empty(_) => {
            "Whoever puts last must put a sentinel, such as None, for each thread that gets.".to_string()
        }
        Cause::Full(_) => "Threads that get must go on until all is put.".to_string(),
        Cause::Undone(..) => "Call task_done() for each item taken, also if work on it fails.".to_string(),
        Cause::Silent("notify", _) => {
            "Look at the state before waiting, `while not ready: cv.wait()`, and notify after each change."
                .to_string()
        }
        Cause::Silent("set", _) => "Somebody must call set(), also if its work fails.".to_string(),
        Cause::Silent(..) => "Give back each permit: `with` does so whatever happens.".to_string(),
        Cause::Barrier(..) => {
            "A barrier needs as many threads as it was made for; abort() frees those that wait.".to_string()
        }
        Cause::Other => return String::new(),
    };
    wrap(&text, "")
}

/// The whole report: of a deadlock, or a warning.
pub fn text(g: &Graph, f: &Finding, bold: (&str, &str)) -> String {
    let what = if matches!(f.cause, Cause::Left(..)) { "WARNING" } else { "DEADLOCK" };
    let after = match g.ticks {
        Some(n) => format!("{} ticks", count(n)),
        None => time(g.at),
    };
    let first = wrap(&format!("{what} after {after}: {}", headline(g, f)), "  ");
    format!("{}{}{}\n{}", bold.0, first.trim_end(), bold.1, body(g, f))
}

/// What is left to say when a deadlock that was reported has stopped everything.
pub fn rest(g: &Graph, f: &Finding, bold: (&str, &str)) -> String {
    let mut out = format!("{}DEADLOCK: now nothing can run any more{}\n", bold.0, bold.1);
    let circle: &[u32] = match &f.cause {
        Cause::Circle(m) => m,
        Cause::Own(n) | Cause::Ended(n, _) => &[*n],
        _ => &[],
    };
    for f in g.threads.iter().filter(|f| !circle.contains(&f.number)) {
        out.push_str(&format!("  {} {}  {}\n", letter(f.number as usize), f.name, waits(g, f)));
    }
    out
}

/// What each thread does, in one line each, with its frames: the dump of all threads.
pub fn dump(g: &Graph, running: &dyn Fn(&Fellow) -> String) -> String {
    let mut out = String::new();
    for f in &g.threads {
        let daemon = if f.daemon { ", daemon" } else { "" };
        let does = if f.wait.is_some() && !matches!(f.wait.as_ref().map(|w| &w.what), Some(For::Other)) {
            let text = waits(g, f);
            match f.frames.first().map(|p| format!(" at {}", spot(p))) {
                Some(at) => text.replacen(&at, "", 1),
                None => text,
            }
        } else {
            running(f)
        };
        out.push_str(&format!("{} {}{daemon}: {does}\n", letter(f.number as usize), f.name));
        for p in f.frames.iter().rev() {
            out.push_str(&format!("  File \"{}\", line {}, in {}\n", p.file, p.line, p.func));
        }
        for o in f.holds.iter().filter(|o| !o.name.is_empty()).take(HOLDS * 4) {
            let since = if o.since.line > 0 { format!(" since {}", spot(&o.since)) } else { String::new() };
            out.push_str(&format!("  holds {}{since}\n", o.name));
        }
    }
    out
}
