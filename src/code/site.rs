//! One instruction in the words of the source: what it does, which name it reads or writes, what it calls. Made from
//! the instruction table and the code around it; narrations, `atomic` and the promise per mode rest on it.
//!
//! Invariant: a name is given only where every path to the instruction gives the register that meaning.

use super::data::{Code, Const};
use super::liveness::jump_target;
use super::op::{Op, Role, operands, registers};
use std::collections::BTreeSet;

/// What kind of place an instruction touches that other threads may touch too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// A global, or a name of a namespace.
    Name,
    /// A captured variable.
    Cell,
    /// An attribute.
    Attr,
    /// An item of a container.
    Item,
}

/// What it does to that place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Reads it.
    Read,
    /// Writes it.
    Write,
    /// Empties it.
    Delete,
}

/// How an instruction calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Calls {
    /// By name.
    Plain,
    /// `__enter__` of a `with` statement.
    Enter,
    /// `__exit__` of it.
    Exit,
}

/// An instruction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// The instruction.
    pub op: Op,
    /// Its line, 0 if none.
    pub line: u32,
    /// Its verb: LOAD, STORE, ADD, CALL.
    pub verb: String,
    /// What it is about, as the source spells it: `counter`, `a.balance`, `L.append`, `i < 3`.
    pub about: String,
    /// The other operand of arithmetic, if it stands in the text.
    pub with: String,
    /// The place that it touches.
    pub place: Option<(Access, Place)>,
    /// How it calls.
    pub calls: Option<Calls>,
    /// The object that a call belongs to, as the source spells it: `m` of `m.acquire()` and of `with m`.
    pub owner: String,
    /// The register that it writes.
    pub into: Option<u16>,
    /// The local variable that this is.
    pub local: Option<String>,
    /// Registers from which the value that it writes or stores is made.
    pub from: Vec<u16>,
    /// For a jump on a condition: whether going to the target means that the condition holds.
    pub jump_if: Option<bool>,
    /// Whether it can go backwards.
    pub back: bool,
    /// The words to the target of its jump, from the instruction.
    pub target: Option<i64>,
}

/// How deep names are spelled: `a.b.c.d`.
const DEPTH: usize = 6;
/// How far back the maker of a register is looked for.
const FAR: usize = 400;

/// Describes the instruction at `word`.
pub fn site(code: &Code, word: u32) -> Site {
    let w = code.words[word as usize];
    let op = Op::of(w);
    let (a, b, c) = operands(w);
    let look = Look { code, targets: targets(code) };
    let at = look.index(word);
    let name = |reg: u16| look.text(at, reg, DEPTH);
    let lit = || look.literal(word);
    let mut s = Site {
        op,
        line: code.position(word).line,
        verb: verb(op),
        about: String::new(),
        with: String::new(),
        place: None,
        calls: None,
        owner: String::new(),
        into: None,
        local: None,
        from: Vec::new(),
        jump_if: None,
        back: false,
        target: jump_target(code, word).map(|t| t as i64 - word as i64),
    };
    s.back = s.target.is_some_and(|t| t <= 0);
    let mut written = Vec::new();
    let mut read = Vec::new();
    registers(w, |r| read.push(r), |r| written.push(r));
    if let [one] = written[..] {
        s.into = Some(one);
        s.local = code.varnames.get(one as usize).map(|n| n.to_string());
    }
    use Access::*;
    match op {
        Op::LoadGlobal | Op::LoadName | Op::LoadNameCell => {
            (s.about, s.place) = (lit(), Some((Read, Place::Name)))
        }
        Op::StoreGlobal | Op::StoreName => (s.about, s.place) = (lit(), Some((Write, Place::Name))),
        Op::DeleteGlobal | Op::DeleteName => (s.about, s.place) = (lit(), Some((Delete, Place::Name))),
        Op::LoadCell => (s.about, s.place) = (lit(), Some((Read, Place::Cell))),
        Op::StoreCell => (s.about, s.place) = (look.cell(a), Some((Write, Place::Cell))),
        Op::DeleteCell => (s.about, s.place) = (lit(), Some((Delete, Place::Cell))),
        Op::LoadAttr => (s.about, s.place) = (format!("{}.{}", name(b), lit()), Some((Read, Place::Attr))),
        Op::StoreAttr => (s.about, s.place) = (format!("{}.{}", name(b), lit()), Some((Write, Place::Attr))),
        Op::DeleteAttr => {
            (s.about, s.place) = (format!("{}.{}", name(b), lit()), Some((Delete, Place::Attr)))
        }
        Op::LoadMethod => s.about = format!("{}.{}", name(b), lit()),
        Op::LoadSpecial => s.about = format!("{}.{}", name(b), special(c)),
        Op::LoadSuper | Op::LoadSuperMethod => s.about = format!("super().{}", lit()),
        Op::GetItem => (s.about, s.place) = (format!("{}[{}]", name(b), name(c)), Some((Read, Place::Item))),
        Op::GetItemInt => {
            (s.about, s.place) = (format!("{}[{}]", name(b), c as i16), Some((Read, Place::Item)))
        }
        Op::SetItem => (s.about, s.place) = (format!("{}[{}]", name(b), name(c)), Some((Write, Place::Item))),
        Op::DelItem => {
            (s.about, s.place) = (format!("{}[{}]", name(b), name(c)), Some((Delete, Place::Item)))
        }
        Op::ImportName | Op::ImportFrom => s.about = lit(),
        Op::Move => s.from = vec![b],
        Op::ForIter => s.jump_if = Some(true),
        Op::MakeFunction => s.about = lit(),
        _ => {}
    }
    if let Some((Write, _)) = s.place {
        s.from = vec![if op == Op::StoreCell { b } else { a }];
    }
    if let Some((sign, plain)) = compares(op) {
        let jump = s.target.is_some();
        let (x, y) = if jump { (a, b) } else { (b, c) };
        let row = op.row().roles;
        let y = match row[if jump { 1 } else { 2 }] {
            Role::Int => format!("{}", y as i16),
            _ => name(y),
        };
        s.about = format!("{} {sign} {y}", name(x));
        s.jump_if = jump.then_some(plain);
    } else if s.target.is_some() && op.row().roles[0] == Role::R {
        (s.about, s.jump_if) = match op {
            Op::JTrue => (name(a), Some(true)),
            Op::JFalse => (name(a), Some(false)),
            Op::JNone => (format!("{} is None", name(a)), Some(true)),
            Op::JNotNone => (format!("{} is None", name(a)), Some(false)),
            _ => (String::new(), None),
        };
    } else if calculates(op) {
        s.from = read;
        s.with = match (op.row().roles[2], op.row().words) {
            (Role::Int, _) => format!("{}", c as i16),
            (_, [_]) => lit(),
            (Role::R, _) => name(c),
            _ => String::new(),
        };
    }
    if matches!(op.row().roles[0], Role::Call | Role::Method | Role::CallEx) {
        s.calls = Some(Calls::Plain);
        match look.maker(at, a, true).map(|i| (i, Op::of(look.word(i)))) {
            Some((i, Op::LoadSpecial)) => {
                let (_, b, c) = operands(look.word(i));
                s.owner = look.text(i, b, DEPTH);
                match c {
                    0 => s.calls = Some(Calls::Enter),
                    1 => s.calls = Some(Calls::Exit),
                    _ => {}
                }
                s.about = match c {
                    0 | 1 => format!("with {}", s.owner),
                    _ => format!("{}.{}", s.owner, special(c)),
                };
            }
            _ => {
                s.about = name(a);
                if let Some((owner, _)) = s.about.rsplit_once('.') {
                    s.owner = owner.to_string();
                }
            }
        }
    }
    s
}

/// Words at which jumps and handlers arrive.
fn targets(code: &Code) -> BTreeSet<u32> {
    let mut all: BTreeSet<u32> = code.positions.iter().filter_map(|p| jump_target(code, p.word)).collect();
    all.extend(code.handlers.iter().map(|h| h.target));
    all
}

struct Look<'a> {
    code: &'a Code,
    targets: BTreeSet<u32>,
}

impl Look<'_> {
    /// Which instruction stands at that word.
    fn index(&self, word: u32) -> usize {
        self.code.positions.partition_point(|p| p.word <= word).saturating_sub(1)
    }

    fn word(&self, index: usize) -> u64 {
        self.code.words[self.code.positions[index].word as usize]
    }

    fn literal(&self, word: u32) -> String {
        let at = self.code.words[word as usize + 1] as usize;
        match self.code.consts.get(at) {
            Some(Const::Name(n)) => n.to_string(),
            Some(Const::Code(c)) => c.name.to_string(),
            Some(c) => constant(c),
            None => "?".to_string(),
        }
    }

    /// The instruction before `at` that made register `reg`. `far`: also behind jumps, for windows of `with`.
    fn maker(&self, at: usize, reg: u16, far: bool) -> Option<usize> {
        let mut straight = !self.targets.contains(&self.code.positions.get(at)?.word);
        for i in (at.saturating_sub(FAR)..at).rev() {
            let w = self.word(i);
            let op = Op::of(w);
            straight &= !op.ends_block();
            if !straight && !far {
                return None;
            }
            let mut made = false;
            registers(w, |_| {}, |r| made |= r == reg);
            if made {
                return (straight || op == Op::LoadSpecial).then_some(i);
            }
            straight &= !self.targets.contains(&self.code.positions[i].word);
        }
        None
    }

    /// What stands in register `reg` before instruction `at`, as the source spells it.
    fn text(&self, at: usize, reg: u16, depth: usize) -> String {
        let unknown = || "(...)".to_string();
        if let Some(name) = self.code.varnames.get(reg as usize) {
            return name.to_string();
        }
        let Some(i) = self.maker(at, reg, false).filter(|_| depth > 0) else { return unknown() };
        let w = self.word(i);
        let (_, b, c) = operands(w);
        let word = self.code.positions[i].word;
        match Op::of(w) {
            Op::LoadGlobal | Op::LoadName | Op::LoadNameCell | Op::LoadCell | Op::LoadConst => {
                self.literal(word)
            }
            Op::LoadInt => format!("{}", b as i16),
            Op::LoadNone => "None".to_string(),
            Op::LoadAttr | Op::LoadMethod => {
                format!("{}.{}", self.text(i, b, depth - 1), self.literal(word))
            }
            Op::LoadSuper | Op::LoadSuperMethod => format!("super().{}", self.literal(word)),
            Op::GetItem => format!("{}[{}]", self.text(i, b, depth - 1), self.text(i, c, depth - 1)),
            Op::GetItemInt => format!("{}[{}]", self.text(i, b, depth - 1), c as i16),
            Op::Call | Op::CallMethod => format!("{}()", self.text(i, operands(w).0, depth - 1)),
            Op::Move => self.text(i, b, depth - 1),
            _ => unknown(),
        }
    }

    /// The name of the captured variable whose cell stands in a register.
    fn cell(&self, reg: u16) -> String {
        let own = self.code.cellvars.iter().find(|(r, _)| *r == reg).map(|(_, n)| n);
        let free = reg.checked_sub(self.code.free_base).and_then(|i| self.code.freevars.get(i as usize));
        own.or(free).map_or("(...)".to_string(), |n| n.to_string())
    }
}

fn special(c: u16) -> &'static str {
    ["__enter__", "__exit__", "__aenter__", "__aexit__", "__aiter__", "__anext__"][c as usize % 6]
}

/// A constant, short.
fn constant(c: &Const) -> String {
    match c {
        Const::None => "None".to_string(),
        Const::Bool(b) => if *b { "True" } else { "False" }.to_string(),
        Const::Int(i) => i.to_string(),
        Const::Float(x) => format!("{x:?}"),
        Const::Str(t) => quoted(&t.0),
        Const::Tuple(items) => format!("({} items)", items.len()),
        _ => "(...)".to_string(),
    }
}

/// Text in quotes, cut where it is long; what is no text is escaped.
pub fn quoted(bytes: &[u8]) -> String {
    const MOST: usize = 24;
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::from("'");
    for (i, c) in text.chars().enumerate() {
        match c {
            _ if i == MOST => {
                out.push('…');
                break;
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\'' => out.push_str("\\'"),
            c if c.is_control() => out.push('?'),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// Whether the instruction makes its value from those in its operands alone, as arithmetic does.
fn calculates(op: Op) -> bool {
    let first = Op::Add as u8;
    (first..=Op::Truth as u8).contains(&(op as u8))
}

/// The sign of a comparison, and whether the instruction asks for it as it stands.
fn compares(op: Op) -> Option<(&'static str, bool)> {
    let name = op.row().name;
    let (name, plain) = match name.strip_prefix('J') {
        None => (name, true),
        Some(rest) if matches!(op, Op::JIsNot) => (&rest[..2], false),
        Some(rest) => match rest.strip_prefix("Not") {
            Some(rest) => (rest, false),
            None => (rest, true),
        },
    };
    let sign = match name.strip_suffix("Int").unwrap_or(name) {
        "Lt" => "<",
        "Le" => "<=",
        "Eq" => "==",
        "Ne" => "!=",
        "Gt" => ">",
        "Ge" => ">=",
        "Is" => "is",
        "IsNot" => "is not",
        "In" => "in",
        "NotIn" => "not in",
        _ => return None,
    };
    Some((sign, plain))
}

/// The verb of an instruction: its name in capitals without what its operands say anyway.
fn verb(op: Op) -> String {
    match op {
        Op::LoadGlobal
        | Op::LoadName
        | Op::LoadNameCell
        | Op::LoadCell
        | Op::LoadAttr
        | Op::LoadMethod
        | Op::LoadSpecial
        | Op::LoadSuper
        | Op::LoadSuperMethod
        | Op::GetItem
        | Op::GetItemInt => "LOAD",
        Op::StoreGlobal | Op::StoreName | Op::StoreCell | Op::StoreAttr | Op::SetItem => "STORE",
        Op::DeleteGlobal
        | Op::DeleteName
        | Op::DeleteCell
        | Op::DeleteAttr
        | Op::DelItem
        | Op::DeleteLocal => "DELETE",
        Op::LoadConst | Op::LoadInt | Op::LoadNone => "CONST",
        Op::ForIter => "NEXT",
        Op::GetIter => "ITER",
        Op::MakeFunction => "FUNCTION",
        Op::ImportName | Op::ImportFrom | Op::ImportStar => "IMPORT",
        Op::ReturnNone | Op::ReturnGen | Op::ReturnGenNone => "RETURN",
        Op::Jump | Op::JumpFar => "JUMP",
        _ => return plain_verb(op),
    }
    .to_string()
}

/// The verb of an instruction that has no word of its own.
fn plain_verb(op: Op) -> String {
    if matches!(op.row().roles[0], Role::Call | Role::Method | Role::CallEx) {
        return "CALL".to_string();
    }
    if compares(op).is_some() || op.jumps() {
        return "TEST".to_string();
    }
    let name = op.row().name;
    let inplace = name.strip_prefix("In").filter(|_| calculates(op) && op != Op::Invert);
    let name = inplace.unwrap_or(name);
    capitals(name.strip_suffix("Int").or(name.strip_suffix('K')).unwrap_or(name))
}

/// `BuildList` as `BUILD LIST`.
fn capitals(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.char_indices() {
        if i > 0 && c.is_uppercase() {
            out.push(' ');
        }
        out.extend(c.to_uppercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flags, Mode, compile};

    /// Verbs and names of all instructions of a text's innermost function (or of the text itself).
    fn told(text: &str) -> Vec<String> {
        let tree = minipy_grammar::parse(text, minipy_grammar::Mode::File).expect(text);
        let code = compile(&tree, text, "t", Mode::File, Flags::default()).expect(text);
        let inner = code.consts.iter().find_map(|c| match c {
            Const::Code(c) => Some(c.clone()),
            _ => None,
        });
        let code = inner.unwrap_or(code);
        let one = |p: &crate::data::Pos| {
            let s = site(&code, p.word);
            format!("{} {}", s.verb, s.about).trim().to_string()
        };
        code.positions.iter().map(one).collect()
    }

    #[test]
    fn places_have_their_names() {
        assert_eq!(told("x += 1\n"), ["LOAD x", "ADD", "STORE x", "RETURN"]);
        assert_eq!(told("a.b.c = 1\n"), ["CONST", "LOAD a", "LOAD a.b", "STORE a.b.c", "RETURN"]);
        assert_eq!(
            told("d['k'] += 1\n"),
            ["LOAD d", "CONST", "LOAD d['k']", "ADD", "STORE d['k']", "RETURN"]
        );
        assert_eq!(told("L.append(x)\n"), ["LOAD L", "LOAD L.append", "LOAD x", "CALL L.append", "RETURN"]);
        assert_eq!(
            told("def f():\n    i = 0\n    def g():\n        nonlocal i\n        i += 1\n")[1],
            "CONST"
        );
    }

    #[test]
    fn waits_of_with_have_their_names() {
        let all = told("with m:\n    for i in x:\n        y = i\n");
        assert_eq!(all[3], "CALL with m");
        assert!(all[4..].contains(&"CALL with m".to_string()), "{all:?}");
    }

    #[test]
    fn conditions_are_spelled() {
        let all = told("def f(i):\n    while i < n:\n        i += 1\n    if 'k' not in d: return 1\n");
        assert!(all.contains(&"TEST i < n".to_string()), "{all:?}");
        assert!(
            all.contains(&"TEST 'k' in d".to_string()) || all.contains(&"TEST 'k' not in d".to_string()),
            "{all:?}"
        );
    }

    #[test]
    fn texts_are_cut_and_escaped() {
        assert_eq!(quoted(b"a\nb'"), "'a\\nb\\''");
        assert_eq!(quoted("工".repeat(30).as_bytes()), format!("'{}…'", "工".repeat(24)));
    }
}
