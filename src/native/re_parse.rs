//! From the text of a regular expression to its tree. Invariant: whatever CPython's parser refuses is refused here with
//! the same words and place; positions count code points.

use super::re_flag::{ASCII, DOTALL, IGNORECASE, LOCALE, MULTILINE, UNICODE, VERBOSE};
use super::re_set::{Case, Category, Item, Test};
use super::re_tree::{At, Fault, MANY, Node, Parsed, Way, fix_flags, width};
use crate::heap::text::{chars, index};

/// Nesting of groups that is accepted.
const DEEPEST: usize = 400;

type P<T> = Result<T, Stop>;

enum Stop {
    Fault(Fault),
    /// Verbose mode was asked for inside: begin again with these flags.
    Again(u32),
}

struct Parser<'a> {
    p: &'a [u32],
    at: usize,
    bytes: bool,
    /// Flags of the whole.
    global: u32,
    /// Whether the group of that number is closed, and its width.
    groups: Vec<Option<(u64, u64)>>,
    names: Vec<(String, usize)>,
    /// Groups that were there when the outermost lookbehind under way began.
    behind: Option<usize>,
    /// Groups that conditions name, with the place.
    asked: Vec<(usize, usize)>,
    depth: usize,
}

/// Parses an expression (code points, or bytes).
pub fn parse(p: &[u32], bytes: bool, flags: u32) -> Result<Parsed, Fault> {
    let mut flags = flags;
    loop {
        let mut s = Parser {
            p,
            at: 0,
            bytes,
            global: flags,
            groups: vec![None],
            names: Vec::new(),
            behind: None,
            asked: Vec::new(),
            depth: 0,
        };
        match s.whole() {
            Ok(node) => return s.finish(node),
            Err(Stop::Fault(f)) => return Err(f),
            Err(Stop::Again(more)) => flags = more,
        }
    }
}

fn fail<T>(text: impl Into<String>, at: usize) -> P<T> {
    Err(Stop::Fault(Fault::Pattern(text.into(), Some(at))))
}

/// Text of code points.
fn shown(codes: &[u32]) -> String {
    codes.iter().map(|c| char::from_u32(*c).unwrap_or('\u{fffd}')).collect()
}

/// The character of a name, written in full.
fn character(name: &str) -> Option<char> {
    let c = unicode_names2::character(name)?;
    let full = unicode_names2::name(c).map(|n| n.to_string());
    full.is_none_or(|f| f.eq_ignore_ascii_case(name)).then_some(c)
}

/// `repr` of a name.
fn quoted(name: &str) -> String {
    if name.contains('\'') && !name.contains('"') {
        format!("\"{name}\"")
    } else {
        format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

fn is(c: Option<u32>, what: char) -> bool {
    c == Some(what as u32)
}

fn ascii(c: u32) -> Option<u8> {
    (c < 128).then_some(c as u8)
}

fn flag_of(c: u32) -> Option<u32> {
    Some(match ascii(c)? {
        b'i' => IGNORECASE,
        b'L' => LOCALE,
        b'm' => MULTILINE,
        b's' => DOTALL,
        b'x' => VERBOSE,
        b'a' => ASCII,
        b'u' => UNICODE,
        _ => return None,
    })
}

impl Parser<'_> {
    fn whole(&mut self) -> P<Node> {
        let flags = self.global;
        let node = self.alternatives(flags, true)?;
        if self.at < self.p.len() {
            return fail("unbalanced parenthesis", self.at);
        }
        Ok(node)
    }

    fn finish(self, node: Node) -> Result<Parsed, Fault> {
        if let Some((g, at)) = self.asked.iter().find(|(g, _)| *g >= self.groups.len()) {
            return Err(Fault::Pattern(format!("invalid group reference {g}"), Some(*at)));
        }
        let flags = fix_flags(self.global, self.bytes)?;
        Ok(Parsed { node, flags, groups: self.groups.len(), names: self.names, widths: self.groups })
    }

    fn peek(&self) -> Option<u32> {
        self.p.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u32> {
        let c = self.peek();
        self.at += c.is_some() as usize;
        c
    }

    fn take(&mut self, what: char) -> bool {
        let found = is(self.peek(), what);
        self.at += found as usize;
        found
    }

    /// Up to `n` characters that are accepted.
    fn run(&mut self, n: usize, accepts: impl Fn(u8) -> bool) -> usize {
        let from = self.at;
        while self.at - from < n && self.peek().and_then(ascii).is_some_and(&accepts) {
            self.at += 1;
        }
        self.at - from
    }

    /// The text up to a terminator, which is passed.
    fn until(&mut self, end: char, what: &str) -> P<String> {
        let from = self.at;
        loop {
            match self.next() {
                None if self.at == from => return fail(format!("missing {what}"), self.at),
                None => return fail(format!("missing {end}, unterminated name"), from),
                Some(c) if c == end as u32 => {
                    if self.at - 1 == from {
                        return fail(format!("missing {what}"), from);
                    }
                    return Ok(shown(&self.p[from..self.at - 1]));
                }
                Some(_) => {}
            }
        }
    }

    fn case(&self, flags: u32) -> Case {
        match () {
            () if flags & IGNORECASE == 0 => Case::Exact,
            () if self.bytes || flags & ASCII != 0 => Case::Ascii,
            () => Case::Unicode,
        }
    }

    fn is_ascii(&self, flags: u32) -> bool {
        self.bytes || flags & ASCII != 0
    }

    fn alternatives(&mut self, flags: u32, top: bool) -> P<Node> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Stop::Fault(Fault::Overflow("regular expression is nested too deeply".to_string())));
        }
        let mut all = Vec::new();
        let mut flags = flags;
        loop {
            let first = top && all.is_empty();
            all.push(self.sequence(&mut flags, first)?);
            if !self.take('|') {
                break;
            }
        }
        self.depth -= 1;
        Ok(if all.len() == 1 { all.swap_remove(0) } else { Node::Alt(all) })
    }

    fn sequence(&mut self, flags: &mut u32, first: bool) -> P<Node> {
        let mut out: Vec<Node> = Vec::new();
        while let Some(c) = self.peek() {
            if c == '|' as u32 || c == ')' as u32 {
                break;
            }
            let here = self.at;
            self.at += 1;
            if *flags & VERBOSE != 0 {
                if matches!(ascii(c), Some(b' ' | b'\t'..=b'\r')) {
                    continue;
                }
                if c == '#' as u32 {
                    while self.next().is_some_and(|c| c != 10) {}
                    continue;
                }
            }
            match ascii(c) {
                Some(b'\\') => out.push(self.escape(here, *flags)?),
                Some(b'[') => out.push(self.set(here, *flags)?),
                Some(b'.') => out.push(Node::One(Box::new(Test::any(*flags & DOTALL != 0)))),
                Some(b'^') => {
                    out.push(Node::At(if *flags & MULTILINE != 0 { At::LineStart } else { At::Start }))
                }
                Some(b'$') => out.push(Node::At(if *flags & MULTILINE != 0 { At::LineEnd } else { At::End })),
                Some(b'(') => {
                    if let Some(n) = self.group(here, flags, first && out.is_empty())? {
                        out.push(n);
                    }
                }
                Some(b'*' | b'+' | b'?' | b'{') => self.repeat(here, c as u8, *flags, &mut out)?,
                _ => out.push(self.literal(c, *flags)),
            }
        }
        Ok(if out.len() == 1 { out.swap_remove(0) } else { Node::Cat(out) })
    }

    fn literal(&self, c: u32, flags: u32) -> Node {
        let case = self.case(flags);
        if case == Case::Exact {
            return Node::Char(c);
        }
        let t = Test::new(vec![Item::Range(c, c)], false, case);
        // A character without case is itself whatever the flags.
        let alone =
            super::re_set::fold(c, case) == c && !char::from_u32(c).is_some_and(|c| c.is_alphabetic());
        if alone { Node::Char(c) } else { Node::One(Box::new(t)) }
    }

    fn repeat(&mut self, here: usize, c: u8, flags: u32, out: &mut Vec<Node>) -> P<()> {
        let (min, max) = match c {
            b'*' => (0, MANY),
            b'+' => (1, MANY),
            b'?' => (0, 1),
            _ => match self.bounds(here)? {
                Some(b) => b,
                None => {
                    let n = self.literal(c as u32, flags);
                    out.push(n);
                    return Ok(());
                }
            },
        };
        match out.last() {
            None | Some(Node::At(_)) => return fail("nothing to repeat", here),
            Some(Node::Repeat(..)) => return fail("multiple repeat", here),
            Some(_) => {}
        }
        let way = if self.take('?') {
            Way::Lazy
        } else if self.take('+') {
            Way::Possessive
        } else {
            Way::Greedy
        };
        if let Some(n) = out.pop() {
            out.push(Node::Repeat(Box::new(n), min, max, way));
        }
        Ok(())
    }

    /// What stands between braces; nothing if they mean themselves.
    fn bounds(&mut self, here: usize) -> P<Option<(u32, u32)>> {
        if is(self.peek(), '}') {
            return Ok(None);
        }
        let from = self.at;
        let n = self.run(usize::MAX, |b| b.is_ascii_digit());
        let low = &self.p[from..from + n];
        let mut high = low;
        if self.take(',') {
            let from = self.at;
            let n = self.run(usize::MAX, |b| b.is_ascii_digit());
            high = &self.p[from..from + n];
        }
        if !self.take('}') {
            self.at = here + 1;
            return Ok(None);
        }
        let number = |digits: &[u32], default: u32| -> P<u32> {
            if digits.is_empty() {
                return Ok(default);
            }
            match shown(digits).parse::<u32>() {
                Ok(n) if n < MANY => Ok(n),
                _ => Err(Stop::Fault(Fault::Overflow("the repetition number is too large".to_string()))),
            }
        };
        let (min, max) = (number(low, 0)?, number(high, MANY)?);
        if max < min {
            return fail("min repeat greater than max repeat", here + 1);
        }
        Ok(Some((min, max)))
    }

    // ------------------------------------------------------------------------------------------------------- escapes

    /// A character by its number or name; the escape's letter has been read.
    fn numbered(&mut self, here: usize, c: u8) -> P<Option<u32>> {
        let digits = match c {
            b'x' => 2,
            b'u' if !self.bytes => 4,
            b'U' if !self.bytes => 8,
            b'N' if !self.bytes => {
                if !self.take('{') {
                    return fail("missing {", self.at);
                }
                let name = self.until('}', "character name")?;
                return match character(&name) {
                    Some(c) => Ok(Some(c as u32)),
                    None => fail(format!("undefined character name {}", quoted(&name)), here),
                };
            }
            _ => return Ok(None),
        };
        let from = self.at;
        let n = self.run(digits, |b| b.is_ascii_hexdigit());
        let text = shown(&self.p[here..self.at]);
        if n != digits {
            return fail(format!("incomplete escape {text}"), here);
        }
        let code = u32::from_str_radix(&shown(&self.p[from..self.at]), 16).unwrap_or(u32::MAX);
        if code > 0x10_ffff {
            return fail(format!("bad escape {text}"), here);
        }
        Ok(Some(code))
    }

    fn octal(&self, here: usize) -> P<u32> {
        let text = shown(&self.p[here + 1..self.at]);
        match u32::from_str_radix(&text, 8) {
            Ok(n) if n <= 0o377 => Ok(n),
            _ => fail(format!("octal escape value \\{text} outside of range 0-0o377"), here),
        }
    }

    fn simple(c: u8) -> Option<u32> {
        Some(match c {
            b'a' => 7,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'v' => 11,
            b'\\' => 92,
            _ => return None,
        })
    }

    fn category(&self, c: u8, flags: u32) -> Option<Item> {
        let ascii = self.is_ascii(flags);
        Some(match c {
            b'd' => Item::Class(Category::Digit, ascii, false),
            b'D' => Item::Class(Category::Digit, ascii, true),
            b's' => Item::Class(Category::Space, ascii, false),
            b'S' => Item::Class(Category::Space, ascii, true),
            b'w' => Item::Class(Category::Word, ascii, false),
            b'W' => Item::Class(Category::Word, ascii, true),
            _ => return None,
        })
    }

    fn escape(&mut self, here: usize, flags: u32) -> P<Node> {
        let Some(c) = self.next() else { return fail("bad escape (end of pattern)", here) };
        let Some(b) = ascii(c) else { return Ok(self.literal(c, flags)) };
        let at = match b {
            b'A' => Some(At::Start),
            b'Z' | b'z' => Some(At::VeryEnd),
            b'b' => Some(At::Boundary(self.is_ascii(flags), false)),
            b'B' => Some(At::Boundary(self.is_ascii(flags), true)),
            _ => None,
        };
        if let Some(at) = at {
            return Ok(Node::At(at));
        }
        if let Some(item) = self.category(b, flags) {
            return Ok(Node::One(Box::new(Test::new(vec![item], false, Case::Exact))));
        }
        if let Some(c) = Self::simple(b) {
            return Ok(self.literal(c, flags));
        }
        if let Some(c) = self.numbered(here, b)? {
            return Ok(self.literal(c, flags));
        }
        if b == b'0' {
            self.run(2, |b| (b'0'..b'8').contains(&b));
            let c = self.octal(here)?;
            return Ok(self.literal(c, flags));
        }
        if b.is_ascii_digit() {
            return self.numeric(here, b, flags);
        }
        if b.is_ascii_alphabetic() {
            return fail(format!("bad escape \\{}", b as char), here);
        }
        Ok(self.literal(c, flags))
    }

    /// A backslash and a digit above 0: three octal digits, or a group.
    fn numeric(&mut self, here: usize, b: u8, flags: u32) -> P<Node> {
        let octal = |c: Option<u32>| c.and_then(ascii).is_some_and(|b| (b'0'..b'8').contains(&b));
        let second = self.peek();
        if second.and_then(ascii).is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
            if b < b'8' && octal(second) && octal(self.peek()) {
                self.at += 1;
                let c = self.octal(here)?;
                return Ok(self.literal(c, flags));
            }
        }
        let g = shown(&self.p[here + 1..self.at]).parse::<usize>().unwrap_or(usize::MAX);
        if g >= self.groups.len() {
            return fail(format!("invalid group reference {g}"), here + 1);
        }
        self.check_group(g, here)?;
        Ok(Node::Back(g, self.case(flags)))
    }

    /// A group that is referred to is closed and not of the same lookbehind.
    fn check_group(&self, g: usize, at: usize) -> P<()> {
        if self.groups[g].is_none() {
            return fail("cannot refer to an open group", at);
        }
        self.check_behind(g, self.at)
    }

    fn check_behind(&self, g: usize, at: usize) -> P<()> {
        match self.behind {
            Some(n) if g >= n && g < self.groups.len() && self.groups[g].is_some() => {
                fail("cannot refer to group defined in the same lookbehind subpattern", at)
            }
            Some(_) if g < self.groups.len() && self.groups[g].is_none() => {
                fail("cannot refer to an open group", at)
            }
            _ => Ok(()),
        }
    }

    // ---------------------------------------------------------------------------------------------------------- sets

    /// One end of a range or a member: a character, or a category.
    fn member(&mut self, from: usize, c: u32, flags: u32) -> P<Result<u32, Item>> {
        if c != '\\' as u32 {
            return Ok(Ok(c));
        }
        let Some(c) = self.next() else { return fail("bad escape (end of pattern)", from) };
        let Some(b) = ascii(c) else { return Ok(Ok(c)) };
        if let Some(item) = self.category(b, flags) {
            return Ok(Err(item));
        }
        if let Some(c) = Self::simple(b) {
            return Ok(Ok(c));
        }
        if b == b'b' {
            return Ok(Ok(8));
        }
        if let Some(c) = self.numbered(from, b)? {
            return Ok(Ok(c));
        }
        if (b'0'..b'8').contains(&b) {
            self.run(2, |b| (b'0'..b'8').contains(&b));
            return self.octal(from).map(Ok);
        }
        if b.is_ascii_alphanumeric() {
            return fail(format!("bad escape \\{}", b as char), from);
        }
        Ok(Ok(c))
    }

    fn set(&mut self, here: usize, flags: u32) -> P<Node> {
        let mut items = Vec::new();
        let negate = self.take('^');
        let first = self.at;
        loop {
            let from = self.at;
            let Some(c) = self.next() else { return fail("unterminated character set", here) };
            if c == ']' as u32 && from > first {
                break;
            }
            let low = self.member(from, c, flags)?;
            if !self.take('-') {
                items.push(low.map_or_else(|i| i, |c| Item::Range(c, c)));
                continue;
            }
            let middle = self.at;
            let Some(c) = self.next() else { return fail("unterminated character set", here) };
            if c == ']' as u32 {
                items.push(low.map_or_else(|i| i, |c| Item::Range(c, c)));
                items.push(Item::Range(45, 45));
                break;
            }
            let high = self.member(middle, c, flags)?;
            match (low, high) {
                (Ok(a), Ok(b)) if a <= b => items.push(Item::Range(a, b)),
                _ => return fail(format!("bad character range {}", shown(&self.p[from..self.at])), from),
            }
        }
        if let [Item::Range(a, b)] = items[..]
            && a == b
            && !negate
        {
            return Ok(self.literal(a, flags));
        }
        Ok(Node::One(Box::new(Test::new(items, negate, self.case(flags)))))
    }

    // -------------------------------------------------------------------------------------------------------- groups

    fn close(&mut self, start: usize) -> P<()> {
        if self.take(')') { Ok(()) } else { fail("missing ), unterminated subpattern", start) }
    }

    /// A name that is an identifier; `at` is where it begins.
    fn check_name(&self, name: &str, at: usize) -> P<()> {
        let fine = chars::is_identifier(name.as_bytes()) && (!self.bytes || name.is_ascii());
        if fine { Ok(()) } else { fail(format!("bad character in group name {}", quoted(name)), at) }
    }

    fn named(&self, name: &str) -> Option<usize> {
        self.names.iter().find(|(n, _)| n == name).map(|(_, g)| *g)
    }

    /// What follows an opening parenthesis; nothing for a comment or flags.
    fn group(&mut self, start: usize, flags: &mut u32, first: bool) -> P<Option<Node>> {
        let mut name = None;
        let mut capture = true;
        let mut atomic = false;
        let mut inner = *flags;
        if self.take('?') {
            let Some(c) = self.next() else { return fail("unexpected end of pattern", self.at) };
            match ascii(c) {
                Some(b'P') => {
                    if self.take('<') {
                        let at = self.at;
                        let n = self.until('>', "group name")?;
                        self.check_name(&n, at)?;
                        name = Some((n, at));
                    } else if self.take('=') {
                        let at = self.at;
                        let n = self.until(')', "group name")?;
                        self.check_name(&n, at)?;
                        let Some(g) = self.named(&n) else {
                            return fail(format!("unknown group name {}", quoted(&n)), at);
                        };
                        self.check_group(g, at)?;
                        return Ok(Some(Node::Back(g, self.case(*flags))));
                    } else {
                        return match self.next() {
                            None => fail("unexpected end of pattern", self.at),
                            Some(c) => fail(format!("unknown extension ?P{}", shown(&[c])), start + 1),
                        };
                    }
                }
                Some(b':') => capture = false,
                Some(b'#') => loop {
                    match self.next() {
                        None => return fail("missing ), unterminated comment", start),
                        Some(c) if c == ')' as u32 => return Ok(None),
                        Some(_) => {}
                    }
                },
                Some(b'=' | b'!' | b'<') => return self.look(start, c as u8, *flags).map(Some),
                Some(b'(') => return self.condition(start, *flags).map(Some),
                Some(b'>') => {
                    capture = false;
                    atomic = true;
                }
                _ if flag_of(c).is_some() || c == '-' as u32 => {
                    let Some((on, off)) = self.flags(c)? else {
                        if !first {
                            return fail("global flags not at the start of the expression", start);
                        }
                        let verbose = *flags & VERBOSE != 0;
                        if self.global & VERBOSE != 0 && !verbose {
                            return Err(Stop::Again(self.global));
                        }
                        *flags = self.global;
                        return Ok(None);
                    };
                    capture = false;
                    if on & (ASCII | LOCALE | UNICODE) != 0 {
                        inner &= !(ASCII | LOCALE | UNICODE);
                    }
                    inner = (inner | on) & !off;
                }
                _ => return fail(format!("unknown extension ?{}", shown(&[c])), start + 1),
            }
        }
        let mut number = None;
        if capture {
            let g = self.groups.len();
            self.groups.push(None);
            if let Some((n, at)) = name {
                if let Some(old) = self.named(&n) {
                    let text =
                        format!("redefinition of group name {} as group {g}; was group {old}", quoted(&n));
                    return fail(text, at);
                }
                self.names.push((n, g));
            }
            number = Some(g);
        }
        let node = self.alternatives(inner, false)?;
        self.close(start)?;
        if let Some(g) = number {
            let w = width(&node, &self.groups);
            self.groups[g] = Some(w);
        }
        Ok(Some(if atomic { Node::Atomic(Box::new(node)) } else { Node::Group(number, Box::new(node)) }))
    }

    fn look(&mut self, start: usize, c: u8, flags: u32) -> P<Node> {
        let (mut kind, behind) = (c, c == b'<');
        if behind {
            match self.next() {
                None => return fail("unexpected end of pattern", self.at),
                Some(c) if c == '=' as u32 || c == '!' as u32 => kind = c as u8,
                Some(c) => return fail(format!("unknown extension ?<{}", shown(&[c])), start + 1),
            }
        }
        let outer = self.behind;
        if behind && outer.is_none() {
            self.behind = Some(self.groups.len());
        }
        let node = self.alternatives(flags, false)?;
        self.behind = outer;
        self.close(start)?;
        if behind {
            let (a, b) = width(&node, &self.groups);
            if a != b {
                let text = "look-behind requires fixed-width pattern".to_string();
                return Err(Stop::Fault(Fault::Pattern(text, None)));
            }
        }
        Ok(Node::Look(behind, kind == b'!', Box::new(node)))
    }

    fn condition(&mut self, start: usize, flags: u32) -> P<Node> {
        let at = self.at;
        let name = self.until(')', "group name")?;
        let g = if chars::is_identifier(name.as_bytes()) {
            match self.named(&name) {
                Some(g) => g,
                None => return fail(format!("unknown group name {}", quoted(&name)), at),
            }
        } else {
            if !name.bytes().all(|b| b.is_ascii_digit()) {
                return fail(format!("bad character in group name {}", quoted(&name)), at);
            }
            let g = name.parse::<usize>().unwrap_or(usize::MAX);
            if g == 0 {
                return fail("bad group number", at);
            }
            if g >= 1 << 30 {
                return fail(format!("invalid group reference {name}"), at);
            }
            self.asked.push((g, at));
            g
        };
        self.check_behind(g, self.at)?;
        let mut inner = flags;
        let yes = self.sequence(&mut inner, false)?;
        let mut no = Node::Cat(Vec::new());
        if self.take('|') {
            no = self.sequence(&mut inner, false)?;
            if is(self.peek(), '|') {
                return fail("conditional backref with more than two branches", self.at);
            }
        }
        self.close(start)?;
        Ok(Node::Cond(g, Box::new(yes), Box::new(no)))
    }

    /// Inline flags from letter `c` on: what is turned on and off for a group, or nothing when they hold for all.
    fn flags(&mut self, c: u32) -> P<Option<(u32, u32)>> {
        const KIND: u32 = ASCII | LOCALE | UNICODE;
        let wrong = |c: u32, other: &str, at: usize| {
            let letter = char::from_u32(c).is_some_and(char::is_alphabetic);
            fail(if letter { "unknown flag" } else { other }, at)
        };
        let (mut on, mut off, mut c) = (0, 0, c);
        if c != '-' as u32 {
            loop {
                let Some(flag) = flag_of(c) else { return wrong(c, "missing -, : or )", self.at - 1) };
                if !self.bytes && flag == LOCALE {
                    return fail("bad inline flags: cannot use 'L' flag with a str pattern", self.at);
                }
                if self.bytes && flag == UNICODE {
                    return fail("bad inline flags: cannot use 'u' flag with a bytes pattern", self.at);
                }
                on |= flag;
                if flag & KIND != 0 && on & KIND != flag {
                    return fail("bad inline flags: flags 'a', 'u' and 'L' are incompatible", self.at);
                }
                let Some(next) = self.next() else { return fail("missing -, : or )", self.at) };
                c = next;
                if [')', '-', ':'].iter().any(|x| *x as u32 == c) {
                    break;
                }
            }
        }
        if c == ')' as u32 {
            self.global |= on;
            return Ok(None);
        }
        if c == '-' as u32 {
            let Some(next) = self.next() else { return fail("missing flag", self.at) };
            c = next;
            if flag_of(c).is_none() {
                return wrong(c, "missing flag", self.at - 1);
            }
            loop {
                let Some(flag) = flag_of(c) else { return wrong(c, "missing :", self.at - 1) };
                if flag & KIND != 0 {
                    return fail("bad inline flags: cannot turn off flags 'a', 'u' and 'L'", self.at);
                }
                off |= flag;
                let Some(next) = self.next() else { return fail("missing :", self.at) };
                c = next;
                if c == ':' as u32 {
                    break;
                }
            }
        }
        if on & off != 0 {
            return fail("bad inline flags: flag turned on and off", self.at - 1);
        }
        Ok(Some((on, off)))
    }
}

/// The code points of a pattern.
pub fn codes(bytes: &[u8], is_bytes: bool) -> Vec<u32> {
    if is_bytes { bytes.iter().map(|b| *b as u32).collect() } else { index::codes(bytes).collect() }
}
