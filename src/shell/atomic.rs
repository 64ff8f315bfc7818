//! `minipy atomic 'STATEMENT'`: its instructions, where threads may be switched inside it in each GIL mode, and what
//! is promised of it. Computed from the compiled code; runs nothing. The levels are those of CPython's documentation:
//! atomic, safe on shared objects, compatible (safe under a lock of one's own).

use super::{dis, product};
use crate::code::data::Code;
use crate::code::dis::switches_py310;
use crate::code::op::Op;
use crate::code::site::{Access, Calls, Place, Site, site};
use crate::trace::table::wrap;

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

fn parts(code: &Code) -> Vec<Part> {
    let mut all: Vec<Part> = Vec::new();
    for p in &code.positions {
        let site = site(code, p.word);
        if matches!(site.op, Op::ReturnNone | Op::Nop) {
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
        all.push(Part { site, switch, known });
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
    for (write, w) in parts.iter().enumerate() {
        let Some(what) = w.writes() else { continue };
        for (read, r) in parts[..write].iter().enumerate() {
            let Some((seen, test)) = r.reads() else { continue };
            // The name of a container is read only to find it.
            let finds =
                w.site.calls.is_some() && matches!(r.site.place, Some((_, Place::Name | Place::Cell)));
            let wider = best.as_ref().is_none_or(|b| write - read > b.write - b.read);
            if !finds && wider && touches(r, &seen, test, &what) {
                best = Some(Window { read, write, what: what.clone(), test });
            }
        }
    }
    best
}

fn told(text: &str, code: &Code) -> String {
    let parts = parts(code);
    let mut out = String::new();
    for line in text.lines() {
        out.push_str(&format!("  {line}\n"));
    }
    let all: Vec<String> = parts.iter().map(Part::text).collect();
    out.push_str(&wrap(&format!("    {}", all.join(" | ")), "      "));
    let mut say =
        |mode: &str, what: String| out.push_str(&wrap(&format!("    {mode:<19}{what}"), &" ".repeat(23)));
    let places = |n: usize| match n {
        0 => "no place for a switch inside".to_string(),
        1 => "1 place for a switch inside".to_string(),
        n => format!("{n} places for a switch inside"),
    };
    let writes: Vec<String> = parts.iter().filter_map(Part::writes).collect();
    let unknown = parts.iter().find(|p| p.known == Some(Known::No));
    match window(&parts) {
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
    if first { all.next() } else { all.last() }.unwrap_or(0)
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
