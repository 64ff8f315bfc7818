//! From the tree of a regular expression to a program for the matcher. Invariant: every jump stays inside the program,
//! and every sub-program (of a lookaround or an atomic part) ends with `Done`.

use super::re_set::{Case, Test};
use super::re_tree::{At, MANY, Node, Parsed, Way, width};
use crate::heap::text::index;
use memchr::memmem::Finder;

/// One instruction.
#[derive(Debug)]
pub enum Inst {
    /// These bytes.
    Lit(Box<[u8]>),
    /// One character that the test accepts.
    One(usize),
    At(At),
    /// Remembers the place; an odd slot closes a group.
    Save(usize),
    /// Goes on at the first; if that fails, at the second.
    Split(usize, usize),
    Jump(usize),
    /// A repeated character: test, bounds, way, and the byte that must follow, if one must.
    Run(usize, u32, u32, Way, Option<u8>),
    /// Forgets the count of a loop.
    Begin(usize),
    /// Head of a counted loop, whose body follows: registers, bounds, lazy, exit.
    Loop(usize, u32, u32, bool, usize),
    /// What the group matched.
    Back(usize, Case),
    /// A lookaround, whose sub-program follows: characters to go back, negated, where it goes on.
    Look(usize, bool, usize),
    /// An atomic part, whose sub-program follows, and where it goes on.
    Atomic(usize),
    /// Goes on if the group has matched, else at the place.
    Cond(usize, usize),
    Done,
}

/// How to find places where a match may begin.
#[derive(Debug)]
pub enum Prefix {
    /// Anywhere.
    None,
    /// Only at the start.
    Start,
    /// At one of these bytes.
    Bytes(Box<[bool; 256]>),
    /// At this byte.
    Byte(u8),
    /// At this text.
    Text(Box<Finder<'static>>),
}

/// A compiled expression.
pub struct Program {
    pub code: Vec<Inst>,
    pub tests: Vec<Test>,
    pub prefix: Prefix,
    /// Number of groups, the whole match included.
    pub groups: usize,
    /// Words of the matcher's state: group ends, the last group, loop registers.
    pub slots: usize,
    /// Whether it is for byte strings.
    pub bytes: bool,
    /// Names of groups.
    pub names: Vec<(String, usize)>,
    /// All flags.
    pub flags: u32,
}

impl Program {
    /// The slot that has the number of the group closed last.
    pub fn last_slot(&self) -> usize {
        2 * self.groups
    }

    /// About how much memory it takes.
    pub fn size(&self) -> usize {
        self.code.len() * size_of::<Inst>() + self.tests.len() * 96 + 200
    }
}

struct Compiler {
    p: Program,
    widths: Vec<Option<(u64, u64)>>,
}

/// Compiles a parsed expression.
pub fn compile(parsed: Parsed, bytes: bool) -> Program {
    let mut c = Compiler {
        widths: parsed.widths,
        p: Program {
            code: Vec::new(),
            tests: Vec::new(),
            prefix: Prefix::None,
            groups: parsed.groups,
            slots: 2 * parsed.groups + 1,
            bytes,
            names: parsed.names,
            flags: parsed.flags,
        },
    };
    c.node(&parsed.node);
    c.emit(Inst::Done);
    c.follow();
    c.p.prefix = prefix(&parsed.node, bytes);
    c.p
}

/// Adds the bytes of a character.
fn push_char(out: &mut Vec<u8>, c: u32, bytes: bool) {
    if bytes {
        out.push(c as u8);
    } else {
        let mut b = [0; 4];
        let n = index::encode(c, &mut b);
        out.extend_from_slice(&b[..n]);
    }
}

impl Compiler {
    fn emit(&mut self, i: Inst) -> usize {
        self.p.code.push(i);
        self.p.code.len() - 1
    }

    fn here(&self) -> usize {
        self.p.code.len()
    }

    fn test(&mut self, t: &Test) -> usize {
        match self.p.tests.iter().position(|x| x == t) {
            Some(i) => i,
            None => {
                self.p.tests.push(t.clone());
                self.p.tests.len() - 1
            }
        }
    }

    fn registers(&mut self) -> usize {
        self.p.slots += 2;
        self.p.slots - 2
    }

    fn node(&mut self, n: &Node) {
        match n {
            Node::Char(c) => {
                let mut b = Vec::new();
                push_char(&mut b, *c, self.p.bytes);
                self.emit(Inst::Lit(b.into()));
            }
            Node::One(t) => {
                let t = self.test(t);
                self.emit(Inst::One(t));
            }
            Node::Cat(all) => self.cat(all),
            Node::Alt(all) => self.alt(all),
            Node::Repeat(n, min, max, way) => self.repeat(n, *min, *max, *way),
            Node::Group(None, n) => self.node(n),
            Node::Group(Some(g), n) => {
                self.emit(Inst::Save(2 * g));
                self.node(n);
                self.emit(Inst::Save(2 * g + 1));
            }
            Node::Look(behind, negated, n) => {
                let back = if *behind { width(n, &self.widths).0.min(1 << 40) as usize } else { 0 };
                let at = self.emit(Inst::Look(back, *negated, 0));
                self.node(n);
                self.emit(Inst::Done);
                let on = self.here();
                self.p.code[at] = Inst::Look(back, *negated, on);
            }
            Node::Atomic(n) => self.atomic(|c| c.node(n)),
            Node::Back(g, case) => {
                self.emit(Inst::Back(*g, *case));
            }
            Node::Cond(g, yes, no) => {
                let at = self.emit(Inst::Cond(*g, 0));
                self.node(yes);
                let jump = self.emit(Inst::Jump(0));
                self.p.code[at] = Inst::Cond(*g, jump + 1);
                self.node(no);
                let on = self.here();
                self.p.code[jump] = Inst::Jump(on);
            }
            Node::At(at) => {
                self.emit(Inst::At(*at));
            }
        }
    }

    fn atomic(&mut self, body: impl FnOnce(&mut Compiler)) {
        let at = self.emit(Inst::Atomic(0));
        body(self);
        self.emit(Inst::Done);
        let on = self.here();
        self.p.code[at] = Inst::Atomic(on);
    }

    /// Literals that follow each other become one.
    fn cat(&mut self, all: &[Node]) {
        let mut text = Vec::new();
        for n in all {
            if let Node::Char(c) = n {
                push_char(&mut text, *c, self.p.bytes);
                continue;
            }
            if !text.is_empty() {
                self.emit(Inst::Lit(std::mem::take(&mut text).into()));
            }
            self.node(n);
        }
        if !text.is_empty() {
            self.emit(Inst::Lit(text.into()));
        }
    }

    fn alt(&mut self, all: &[Node]) {
        let mut jumps = Vec::new();
        for (i, n) in all.iter().enumerate() {
            if i + 1 == all.len() {
                self.node(n);
                break;
            }
            let split = self.emit(Inst::Split(0, 0));
            self.node(n);
            jumps.push(self.emit(Inst::Jump(0)));
            self.p.code[split] = Inst::Split(split + 1, self.here());
        }
        let on = self.here();
        for j in jumps {
            self.p.code[j] = Inst::Jump(on);
        }
    }

    fn repeat(&mut self, n: &Node, min: u32, max: u32, way: Way) {
        if max == 0 {
            return;
        }
        if (min, max) == (1, 1) {
            return if way == Way::Possessive { self.atomic(|c| c.node(n)) } else { self.node(n) };
        }
        let one = match n {
            Node::One(t) => Some(self.test(t)),
            Node::Char(c) => {
                let t = Test::new(vec![super::re_set::Item::Range(*c, *c)], false, Case::Exact);
                Some(self.test(&t))
            }
            _ => None,
        };
        if let Some(t) = one {
            self.emit(Inst::Run(t, min, max, way, None));
            return;
        }
        if way == Way::Possessive {
            return self.atomic(|c| c.repeat(n, min, max, Way::Greedy));
        }
        let lazy = way == Way::Lazy;
        let split = |lazy: bool, body: usize, exit: usize| {
            if lazy { Inst::Split(exit, body) } else { Inst::Split(body, exit) }
        };
        let solid = width(n, &self.widths).0 > 0;
        if (min, max) == (0, 1) {
            let at = self.emit(Inst::Split(0, 0));
            self.node(n);
            self.p.code[at] = split(lazy, at + 1, self.here());
        } else if solid && max == MANY && min == 0 {
            let at = self.emit(Inst::Split(0, 0));
            self.node(n);
            self.emit(Inst::Jump(at));
            self.p.code[at] = split(lazy, at + 1, self.here());
        } else if solid && max == MANY && min == 1 {
            let at = self.here();
            self.node(n);
            let end = self.emit(Inst::Split(0, 0));
            self.p.code[end] = split(lazy, at, end + 1);
        } else {
            let r = self.registers();
            self.emit(Inst::Begin(r));
            let at = self.emit(Inst::Loop(r, min, max, lazy, 0));
            self.node(n);
            self.emit(Inst::Jump(at));
            let on = self.here();
            self.p.code[at] = Inst::Loop(r, min, max, lazy, on);
        }
    }

    /// Tells every run which byte must follow it.
    fn follow(&mut self) {
        for i in 0..self.p.code.len() {
            let mut j = i + 1;
            while let Some(Inst::Save(_)) = self.p.code.get(j) {
                j += 1;
            }
            let first = match self.p.code.get(j) {
                Some(Inst::Lit(b)) => b.first().copied(),
                _ => None,
            };
            if let Inst::Run(.., after) = &mut self.p.code[i] {
                *after = first;
            }
        }
    }
}

/// Bytes a match may begin with; true if it may be empty, too.
fn first(n: &Node, bytes: bool, set: &mut [bool; 256]) -> bool {
    match n {
        Node::Char(c) => {
            let mut b = Vec::new();
            push_char(&mut b, *c, bytes);
            set[b[0] as usize] = true;
            false
        }
        Node::One(t) => {
            for b in 0..=255u8 {
                // A lead byte stands for many characters.
                set[b as usize] |= if bytes || b < 0x80 { t.byte(b) } else { b >= 0xc0 };
            }
            false
        }
        Node::Cat(all) => all.iter().all(|n| first(n, bytes, set)),
        Node::Alt(all) => {
            // Every branch adds its first bytes, also after one that may match nothing.
            let mut empty = false;
            for n in all {
                empty |= first(n, bytes, set);
            }
            empty
        }
        Node::Repeat(n, min, max, _) => *max == 0 || first(n, bytes, set) || *min == 0,
        Node::Group(_, n) | Node::Atomic(n) => first(n, bytes, set),
        Node::Look(..) | Node::At(_) => true,
        Node::Back(..) | Node::Cond(..) => {
            set.fill(true);
            true
        }
    }
}

fn prefix(n: &Node, bytes: bool) -> Prefix {
    let one = [n.clone()];
    let all = if let Node::Cat(all) = n { &all[..] } else { &one };
    if let Some(Node::At(At::Start)) = all.first() {
        return Prefix::Start;
    }
    let mut text = Vec::new();
    for n in all {
        let Node::Char(c) = n else { break };
        push_char(&mut text, *c, bytes);
    }
    if text.len() > 1 {
        return Prefix::Text(Box::new(Finder::new(&text).into_owned()));
    }
    let mut set = [false; 256];
    if first(n, bytes, &mut set) {
        return Prefix::None;
    }
    let mut on = (0..=255u8).filter(|b| set[*b as usize]);
    match (on.next(), on.next()) {
        (Some(b), None) => Prefix::Byte(b),
        _ => Prefix::Bytes(Box::new(set)),
    }
}
