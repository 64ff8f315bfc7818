//! Tests of one character: literals, sets, categories, with or without regard to case. Invariant: the 256 bits hold
//! the whole answer for code points below 256; `slow` gives the same answer for any code point.

use crate::heap::text::chars;

/// How letters of different case compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// Different.
    Exact,
    /// Equal where both are ASCII.
    Ascii,
    /// Equal.
    Unicode,
}

/// A category, by `\d`, `\s` and `\w`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Category {
    Digit,
    Space,
    Word,
}

/// A member of a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Item {
    /// Code points from the first to the second.
    Range(u32, u32),
    /// A category; ASCII only; negated.
    Class(Category, bool, bool),
}

/// A test of one character.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Test {
    bits: [u64; 4],
    items: Vec<Item>,
    negate: bool,
    case: Case,
}

/// Whether a character is of a category.
pub fn is_category(c: u32, category: Category, ascii: bool) -> bool {
    let small = c < 128;
    let byte = c as u8;
    match category {
        Category::Digit if small => byte.is_ascii_digit(),
        Category::Space if small => {
            matches!(byte, b' ' | b'\t'..=b'\r') || !ascii && (0x1c..=0x1f).contains(&byte)
        }
        Category::Word if small => byte.is_ascii_alphanumeric() || byte == b'_',
        _ if ascii => false,
        Category::Digit => chars::is_decimal(c),
        Category::Space => chars::is_space(c),
        Category::Word => chars::is_alnum(c),
    }
}

fn single(c: u32, mut of: impl Iterator<Item = char>) -> u32 {
    match (of.next(), of.next()) {
        (Some(x), None) => x as u32,
        _ => c,
    }
}

fn lower(c: u32) -> u32 {
    match char::from_u32(c) {
        Some('İ') => 'i' as u32,
        Some(x) => single(c, x.to_lowercase()),
        None => c,
    }
}

fn upper(c: u32) -> u32 {
    char::from_u32(c).map_or(c, |x| single(c, x.to_uppercase()))
}

/// What equal characters have in common.
pub fn fold(c: u32, case: Case) -> u32 {
    match case {
        Case::Exact => c,
        _ if c < 128 => (c as u8).to_ascii_lowercase() as u32,
        Case::Ascii => c,
        Case::Unicode => lower(upper(lower(c))),
    }
}

impl Test {
    /// A test for a set.
    pub fn new(items: Vec<Item>, negate: bool, case: Case) -> Test {
        let mut t = Test { bits: [0; 4], items, negate, case };
        for c in 0..256u32 {
            if t.slow(c) {
                t.bits[c as usize / 64] |= 1 << (c % 64);
            }
        }
        t
    }

    /// Any character, or any but a line feed.
    pub fn any(newline: bool) -> Test {
        let items = if newline { Vec::new() } else { vec![Item::Range(10, 10)] };
        Test::new(items, true, Case::Exact)
    }

    /// Whether it accepts everything.
    pub fn is_all(&self) -> bool {
        self.negate && self.items.is_empty()
    }

    /// Whether it accepts everything but a line feed.
    pub fn is_line(&self) -> bool {
        self.negate && self.items == [Item::Range(10, 10)] && self.case == Case::Exact
    }

    fn among(&self, c: u32) -> bool {
        self.items.iter().any(|i| match *i {
            Item::Range(a, b) => (a..=b).contains(&c),
            Item::Class(category, ascii, negated) => is_category(c, category, ascii) != negated,
        })
    }

    /// The answer by the items.
    pub fn slow(&self, c: u32) -> bool {
        let found = self.among(c)
            || match self.case {
                Case::Exact => false,
                Case::Ascii => {
                    c < 128 && {
                        let b = c as u8;
                        self.among(b.to_ascii_lowercase() as u32) || self.among(b.to_ascii_uppercase() as u32)
                    }
                }
                Case::Unicode => {
                    let f = fold(c, Case::Unicode);
                    self.among(lower(c)) || self.among(upper(c)) || self.among(f) || self.equal_literal(f)
                }
            };
        found != self.negate
    }

    /// Whether a literal of the set is the same as a folded character but for case.
    fn equal_literal(&self, folded: u32) -> bool {
        self.items
            .iter()
            .any(|i| matches!(*i, Item::Range(a, b) if a == b && fold(a, Case::Unicode) == folded))
    }

    /// The answer for a byte below 128, or for any byte of a byte string.
    #[inline(always)]
    pub fn byte(&self, b: u8) -> bool {
        self.bits[b as usize / 64] >> (b % 64) & 1 != 0
    }

    /// The answer for any character.
    #[inline]
    pub fn accepts(&self, c: u32) -> bool {
        if c < 256 { self.byte(c as u8) } else { self.slow(c) }
    }
}
