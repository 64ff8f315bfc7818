//! The tree of a regular expression, and what can be asked of it. Invariant: it is plain data; places in faults count
//! code points.

use super::re_flag::{ASCII, LOCALE, UNICODE};
use super::re_set::{Case, Test};

/// "No upper bound" of a repetition.
pub const MANY: u32 = u32::MAX;

/// A part of an expression.
#[derive(Clone, Debug)]
pub enum Node {
    Char(u32),
    One(Box<Test>),
    Cat(Vec<Node>),
    Alt(Vec<Node>),
    Repeat(Box<Node>, u32, u32, Way),
    /// A capturing group, or another one.
    Group(Option<usize>, Box<Node>),
    /// Lookahead or (true) lookbehind; negated.
    Look(bool, bool, Box<Node>),
    Atomic(Box<Node>),
    Back(usize, Case),
    Cond(usize, Box<Node>, Box<Node>),
    At(At),
}

/// How a repetition takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Greedy,
    Lazy,
    Possessive,
}

/// A place between characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum At {
    Start,
    LineStart,
    /// The end, or before a line feed there.
    End,
    LineEnd,
    VeryEnd,
    /// A word's boundary; ASCII only; negated.
    Boundary(bool, bool),
}

/// Why an expression is refused.
#[derive(Debug)]
pub enum Fault {
    /// PatternError, perhaps with a place.
    Pattern(String, Option<usize>),
    Value(String),
    Overflow(String),
}

/// A parsed expression.
pub struct Parsed {
    pub node: Node,
    /// All flags that apply to the whole.
    pub flags: u32,
    /// Number of groups, the whole match included.
    pub groups: usize,
    /// Names of groups in order.
    pub names: Vec<(String, usize)>,
    /// Least and most width of each group.
    pub widths: Vec<Option<(u64, u64)>>,
}

/// Checks the flags given to `compile`, and adds UNICODE to those of a text.
pub fn fix_flags(flags: u32, bytes: bool) -> Result<u32, Fault> {
    let value = |s: &str| Err(Fault::Value(s.to_string()));
    if bytes {
        if flags & UNICODE != 0 {
            return value("cannot use UNICODE flag with a bytes pattern");
        }
        if flags & LOCALE != 0 && flags & ASCII != 0 {
            return value("ASCII and LOCALE flags are incompatible");
        }
        return Ok(flags);
    }
    if flags & LOCALE != 0 {
        return value("cannot use LOCALE flag with a str pattern");
    }
    if flags & ASCII != 0 && flags & UNICODE != 0 {
        return value("ASCII and UNICODE flags are incompatible");
    }
    Ok(if flags & ASCII == 0 { flags | UNICODE } else { flags })
}

/// Width in characters: least and most.
pub fn width(n: &Node, groups: &[Option<(u64, u64)>]) -> (u64, u64) {
    let many = MANY as u64;
    match n {
        Node::Char(_) | Node::One(_) => (1, 1),
        Node::Cat(all) => all.iter().fold((0, 0), |(a, b), n| {
            let (x, y) = width(n, groups);
            ((a + x).min(many), (b + y).min(many))
        }),
        Node::Alt(all) => all
            .iter()
            .map(|n| width(n, groups))
            .reduce(|(a, b), (x, y)| (a.min(x), b.max(y)))
            .unwrap_or((0, 0)),
        Node::Repeat(n, min, max, _) => {
            let (x, y) = width(n, groups);
            let top = if *max == MANY && y > 0 { many } else { y.saturating_mul(*max as u64).min(many) };
            (x.saturating_mul(*min as u64).min(many), top)
        }
        Node::Group(_, n) | Node::Atomic(n) => width(n, groups),
        Node::Look(..) | Node::At(_) => (0, 0),
        Node::Back(g, _) => groups.get(*g).copied().flatten().unwrap_or((0, many)),
        Node::Cond(_, yes, no) => {
            let ((a, b), (x, y)) = (width(yes, groups), width(no, groups));
            (a.min(x), b.max(y))
        }
    }
}
