//! `minipy atomic 'STATEMENT'`: its instructions, where threads may be switched inside it in each GIL mode, and what
//! is promised of it. Computed from the compiled code; runs nothing. The levels are those of CPython's documentation:
//! atomic, safe on shared objects, compatible (safe under a lock of one's own).

use super::{dis, product};
use crate::code::data::Code;
use crate::code::dis::switches_py310;
use crate::code::op::Op;
use crate::code::site::{Access, Calls, Place, Site, site};
use crate::trace::table::wrap;
use std::collections::{BTreeSet, HashMap};

/// Methods of the built-in containers and locks that touch one slot: atomic with and without a GIL.
const ATOMIC: [&str; 12] = [
    "append",
    "appendleft",
    "pop",
    "popleft",
    "popitem",
    "get",
    "setdefault",
    "add",
    "discard",
    "acquire",
    "release",
    "locked",
];
/// Methods that touch more: whole with a GIL, and safe on shared objects without.
const SAFE: [&str; 14] = [
    "clear", "copy", "count", "extend", "index", "insert", "items", "keys", "put", "remove", "reverse",
    "sort", "update", "values",
];
/// Of both, those that only look.
const LOOKS: [&str; 8] = ["get", "locked", "copy", "count", "index", "items", "keys", "values"];

/// How a call is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Known {
    /// One slot.
    Atomic,
    /// Several.
    Safe,
    /// Any code may run.
    No,
}

/// An instruction of the statement.
struct Part {
    site: Site,
    word: u32,
    /// Whether py310 may switch after it.
    switch: bool,
    known: Option<Known>,
}

/// A read on which a later write rests.
struct Window {
    /// Instruction that reads.
    read: usize,
    /// Instruction that writes.
    write: usize,
    what: String,
    /// It tests, then acts.
    test: bool,
}

/// Prints what is known of the statement; gives the exit code.
pub fn atomic(text: &str) -> i32 {
    match dis::compile(&format!("{}\n", text.trim()), "statement") {
        Ok(code) => product(&told(text.trim(), &code)),
        Err(why) => {
            eprintln!("minipy: {why}");
            1
        }
    }
}

/// The instructions, those left out that only an exception reaches.
fn parts(code: &Code) -> Vec<Part> {
    let mut all: Vec<Part> = Vec::new();
    let mut skip = 0;
    for p in code.positions.iter() {
        if code.handlers.iter().any(|h| h.target == p.word) {
            let before = all.last().filter(|b| b.site.op == Op::Jump).and_then(|b| b.site.target);
            skip = match before {
                Some(distance) => {
                    (code.words.len() as u32).min(all.last().map_or(0, |b| b.word) + distance as u32)
                }
                None => code.words.len() as u32,
            };
        }
        let site = site(code, p.word);
        if p.word < skip || matches!(site.op, Op::ReturnNone | Op::Nop) {
            continue;
        }
        let method = site.about.rsplit_once('.').map(|(_, m)| m);
        let known = site.calls.map(|c| match (c, method) {
            (Calls::Enter | Calls::Exit, _) => Known::Atomic,
            (_, Some(m)) if ATOMIC.contains(&m) => Known::Atomic,
            (_, Some(m)) if SAFE.contains(&m) => Known::Safe,
            _ => Known::No,
        });
        let switch = switches_py310(code, p.word);
        all.push(Part { site, word: p.word, switch, known });
    }
    all
}

impl Part {
    fn method(&self) -> &str {
        self.site.about.rsplit_once('.').map_or("", |(_, m)| m)
    }

    /// What it reads that a later write may rest on, and whether it is a test.
    fn reads(&self) -> Option<(String, bool)> {
        let s = &self.site;
        match s.place {
            Some((Access::Read, _)) => return Some((s.about.clone(), false)),
            _ if s.verb == "TEST" => {
                let container = s.about.split_once(" not in ").or(s.about.split_once(" in "));
                return Some((container.map_or(s.about.clone(), |(_, c)| c.to_string()), true));
            }
            _ => {}
        }
        let looks = matches!(self.known, Some(Known::Atomic | Known::Safe)) && self.method() != "release";
        (looks && s.calls == Some(Calls::Plain)).then(|| (s.owner.clone(), false))
    }

    /// What it changes.
    fn writes(&self) -> Option<String> {
        let s = &self.site;
        match s.place {
            Some((Access::Write | Access::Delete, _)) => Some(s.about.clone()),
            _ => {
                let changes = matches!(self.known, Some(Known::Atomic | Known::Safe))
                    && !LOOKS.contains(&self.method());
                (changes && s.calls == Some(Calls::Plain)).then(|| s.owner.clone())
            }
        }
    }

    fn text(&self) -> String {
        let s = &self.site;
        [s.verb.as_str(), s.about.as_str(), s.with.as_str()]
            .iter()
            .filter(|t| !t.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Whether changing `write` touches what `read` saw.
fn touches(reader: &Part, read: &str, test: bool, write: &str) -> bool {
    let inside =
        |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with(['[', '.']));
    let name = matches!(reader.site.place, Some((_, Place::Name | Place::Cell)));
    read == write
        || !name && (inside(read, write) || inside(write, read))
        || test && read.contains(&format!("({write})"))
}

/// The widest window between a read and a write that rests on it.
fn window(parts: &[Part]) -> Option<Window> {
    let mut best: Option<Window> = None;
    // From which reads the value in a register was made, and all reads and tests so far.
    let mut made: HashMap<u16, BTreeSet<usize>> = HashMap::new();
    let (mut reads, mut tests) = (BTreeSet::new(), BTreeSet::new());
    for (i, part) in parts.iter().enumerate() {
        let mut from: BTreeSet<usize> =
            part.site.from.iter().filter_map(|r| made.get(r)).flatten().copied().collect();
        if let Some(what) = part.writes() {
            for &read in from.iter().chain(&tests) {
                let Some((seen, test)) = parts[read].reads() else { continue };
                let wider = best.as_ref().is_none_or(|b| i - read > b.write - b.read);
                if wider && touches(&parts[read], &seen, test, &what) {
                    best = Some(Window { read, write: i, what: what.clone(), test });
                }
            }
        }
        if let Some((_, test)) = part.reads() {
            from.insert(i);
            reads.insert(i);
            if test {
                tests.insert(i);
            }
        }
        // A call may make its result of all that was read before.
        if part.known == Some(Known::No) {
            from.extend(&reads);
        }
        if let Some(into) = part.site.into {
            made.insert(into, from);
        }
    }
    best
}

/// The lock that is held from before `first` to behind `last`.
fn held(parts: &[Part], first: usize, last: usize) -> Option<&str> {
    let enter = parts[..first].iter().rev().find(|p| p.site.calls == Some(Calls::Enter))?;
    let owner = enter.site.owner.as_str();
    let exit = |p: &Part| p.site.calls == Some(Calls::Exit) && p.site.owner == owner;
    (!parts[..first].iter().any(exit) && parts[last..].iter().any(exit)).then_some(owner)
}

fn told(text: &str, code: &Code) -> String {
    let parts = parts(code);
    let mut out = String::new();
    for line in text.lines() {
        out.push_str(&format!("  {line}\n"));
    }
    let all: Vec<String> = parts.iter().map(Part::text).collect();
    out.push_str(&wrap(&format!("    {}", all.join(" | ")), "      "));
    let mut say = |mode: &str, what: String| {
        let mut text = wrap(&format!("{}{what}", " ".repeat(23)), &" ".repeat(23));
        text.replace_range(4..4 + mode.len(), mode);
        out.push_str(&text);
    };
    let places = |n: usize| match n {
        0 => "no place for a switch inside".to_string(),
        1 => "1 place for a switch inside".to_string(),
        n => format!("{n} places for a switch inside"),
    };
    let writes: Vec<String> = parts.iter().filter_map(Part::writes).collect();
    let loops = parts.iter().any(|p| p.site.back);
    let unknown = parts.iter().find(|p| p.known == Some(Known::No));
    match window(&parts) {
        Some(w) if held(&parts, w.read, w.write).is_some() => {
            let lock = held(&parts, w.read, w.write).unwrap_or_default();
            let waits = format!("who else wants {lock} waits");
            say("ticks, py2, py32", format!("{}: {waits}", places(w.write - w.read)));
            match parts[w.read..w.write].iter().filter(|p| p.switch).count() {
                0 => say("py310", "none inside here (CPython promises nothing)".to_string()),
                n => say("py310", format!("{}: {waits}", places(n))),
            }
            say("off", waits);
            say("level", format!("atomic for all who take {lock}, and only for them"));
        }
        Some(w) => {
            let harm =
                if w.test { "another thread may act on the same test" } else { "a lost update is possible" };
            say("ticks, py2, py32", format!("{}: {harm}", places(w.write - w.read)));
            match parts[w.read..w.write].iter().filter(|p| p.switch).count() {
                0 => say("py310", "none inside here (CPython promises nothing)".to_string()),
                n => say("py310", format!("{}: {harm}", places(n))),
            }
            say("off", "not atomic: threads run at the same time".to_string());
            let why = match w.test {
                true => format!("it tests, then changes {}", w.what),
                false => format!("it reads {} and writes it back", w.what),
            };
            say(
                "level",
                format!("compatible: {why}. Safe under a lock of your own that every use of it takes"),
            );
        }
        None if loops => {
            say("ticks, py2, py32", "a switch is possible at every instruction of every round".to_string());
            say("py310", "a switch is possible at the end of every round".to_string());
            say("off", "not atomic: threads run at the same time".to_string());
            say("level", "compatible: a loop of many steps. Safe under a lock of your own".to_string());
        }
        None if writes.len() > 1 => {
            let (first, last) = (position(&parts, true), position(&parts, false));
            say(
                "ticks, py2, py32",
                format!("{}: another thread may see the one change without the other", places(last - first)),
            );
            match parts[first..last].iter().filter(|p| p.switch).count() {
                0 => say("py310", "none inside here (CPython promises nothing)".to_string()),
                n => say("py310", places(n)),
            }
            say("off", "not atomic: threads run at the same time".to_string());
            say(
                "level",
                format!(
                    "safe on shared objects: each change ({}) is whole, all together are not",
                    writes.join(", ")
                ),
            );
        }
        None if unknown.is_some() => {
            let name = unknown.map_or("", |p| p.site.about.as_str());
            let n = parts.len() - 1;
            say("ticks, py2, py32", format!("{}, and more in {name}", places(n)));
            say(
                "py310",
                format!("{}, and more in {name}", places(parts[..n].iter().filter(|p| p.switch).count())),
            );
            say("off", format!("as atomic as {name}"));
            say(
                "level",
                format!(
                    "that of {name}: ask of its own statements. A built-in function keeps the GIL until it returns, unless it blocks"
                ),
            );
        }
        None => match parts.iter().find(|p| p.known == Some(Known::Safe)) {
            Some(p) => {
                say("all with a GIL", format!("atomic: one instruction, {}", p.text()));
                say("off", "safe, but others may see it half done".to_string());
                say("level", format!("safe on shared objects, if {} is built in", p.site.owner));
            }
            None => {
                let one = parts.iter().rev().find(|p| p.writes().is_some() || p.reads().is_some());
                let by = one.map_or(String::new(), |p| format!(": one instruction, {}", p.text()));
                say("all modes", format!("atomic{by}"));
                let object = one.filter(|p| {
                    !matches!(p.site.place, Some((_, Place::Name | Place::Cell)) | None) || p.known.is_some()
                });
                let object = object.map_or(String::new(), |p| format!(", if {} is built in", base(&p.site)));
                say("level", format!("atomic{object}"));
            }
        },
    }
    let calls: Vec<String> = parts.iter().filter(|p| may_call(&p.site)).map(Part::text).collect();
    if !calls.is_empty() {
        out.push_str(&wrap(
            &format!(
                "    With classes of your own these may call methods, and switch in there: {}",
                calls.join(", ")
            ),
            "      ",
        ));
    }
    out
}

/// The first or last instruction that changes something.
fn position(parts: &[Part], first: bool) -> usize {
    let mut all = parts.iter().enumerate().filter(|(_, p)| p.writes().is_some()).map(|(i, _)| i);
    if first { all.next() } else { all.next_back() }.unwrap_or(0)
}

/// The object that an instruction is about.
fn base(s: &Site) -> &str {
    if s.calls.is_some() {
        return &s.owner;
    }
    s.about.rfind(['[', '.']).map_or(&s.about, |i| &s.about[..i])
}

/// Whether the instruction runs methods of the classes of its operands.
fn may_call(s: &Site) -> bool {
    let item = matches!(s.place, Some((_, Place::Item | Place::Attr)));
    item || !s.with.is_empty() || s.verb == "TEST" && s.about.contains([' ', '<', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(text: &str) -> String {
        let code = dis::compile(&format!("{text}\n"), "t").expect(text);
        let said = told(text, &code);
        assert!(said.lines().all(|l| minipy_grammar::display_width(l) <= 80), "{said}");
        let level = said.lines().find_map(|l| l.trim().strip_prefix("level")).expect(&said);
        level.trim().split([':', ',']).next().unwrap_or("").to_string()
    }

    #[test]
    fn updates_need_a_lock() {
        for text in [
            "counter += 1",
            "counter = counter + 1",
            "d[k] += 1",
            "d[k] = d.get(k, 0) + 1",
            "a.n += 1",
            "if k in d: del d[k]",
            "if k not in d: d[k] = 1",
            "if L: L.pop()",
            "self.total = self.total * 2 + f(x)",
        ] {
            assert_eq!(level(text), "compatible", "{text}");
        }
    }

    #[test]
    fn single_operations_are_atomic() {
        for text in [
            "L.append(x)",
            "d[k] = v",
            "x = 1",
            "x",
            "a.n = 2",
            "d.get(k)",
            "s.add(x)",
            "L.pop()",
            "del d[k]",
        ] {
            assert_eq!(level(text), "atomic", "{text}");
        }
    }

    #[test]
    fn others_are_told_apart() {
        assert_eq!(level("with m: counter += 1"), "atomic for all who take m");
        assert_eq!(level("x = [i for i in y]"), "compatible");
        assert_eq!(level("a, b = b, a"), "safe on shared objects");
        assert_eq!(level("L.extend(M)"), "safe on shared objects");
        assert_eq!(level("f(x)"), "that of f");
        assert_eq!(level("x = f(y)"), "that of f");
    }

    #[test]
    fn windows_are_counted() {
        let code = dis::compile("counter += 1\n", "t").unwrap();
        let said = told("counter += 1", &code);
        assert!(said.contains("LOAD counter | ADD 1 | STORE counter"), "{said}");
        assert!(said.contains("2 places for a switch inside: a lost update is possible"), "{said}");
        assert!(said.contains("none inside here"), "{said}");
        let code = dis::compile("x = x + f()\n", "t").unwrap();
        assert!(told("x", &code).contains("py310              1 place for a switch inside"));
    }
}
