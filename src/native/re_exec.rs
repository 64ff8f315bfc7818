//! The matcher: a program run over bytes with an explicit stack of what to try next. Invariant: every change of a slot
//! is logged on that stack, so that a failed attempt leaves the slots as they were; places are character boundaries.

use super::re_prog::{Inst, Prefix, Program};
use super::re_set::{Case, Category, Test, fold, is_category};
use super::re_tree::{At, MANY, Way};
use crate::heap::text::index;
use crate::run::{Raised, Thread, poll};

/// No place.
pub const NOWHERE: usize = usize::MAX;
/// Entries of the stack that are accepted.
const DEEPEST: usize = 24_000_000;
/// Steps back that are accepted.
const LONGEST: u64 = 1 << 34;
/// Steps between polls.
const PATIENCE: u64 = 1 << 16;

/// What kind of match is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Anywhere from the place on.
    Search,
    /// At the place.
    Match,
    /// At the place, up to the end.
    Full,
}

/// Why there is no answer.
pub enum Trouble {
    /// An exception is under way.
    Raised(Raised),
    /// The stack is full.
    Deep,
    /// It takes too long.
    Long,
}

/// What to try next, or to undo.
#[derive(Clone, Copy)]
enum Try {
    Branch(usize, usize),
    Undo(usize, usize),
    /// A run that may give back characters: its instruction, least and present end.
    Shorter(usize, usize, usize),
    /// A run that may take more: its instruction, present end, how many more.
    Longer(usize, usize, u32),
}

/// A matcher over one subject.
pub struct Matcher<'a> {
    p: &'a Program,
    s: &'a [u8],
    /// The state: group ends, the last group, loop registers.
    pub slots: Vec<usize>,
    stack: Vec<Try>,
    steps: u64,
    want: Want,
    /// A match that ends here (an empty one) does not count.
    refused: usize,
}

impl<'a> Matcher<'a> {
    /// A matcher over the subject up to its end.
    pub fn new(p: &'a Program, s: &'a [u8]) -> Matcher<'a> {
        let slots = vec![NOWHERE; p.slots];
        Matcher { p, s, slots, stack: Vec::new(), steps: 0, want: Want::Search, refused: NOWHERE }
    }

    /// Whether there is a match; its ends are in the slots. With `advance` an empty match at `at` does not count.
    pub fn find(&mut self, th: &mut Thread, at: usize, want: Want, advance: bool) -> Result<bool, Trouble> {
        self.slots.fill(NOWHERE);
        self.stack.clear();
        self.want = want;
        self.refused = if advance { at } else { NOWHERE };
        if want != Want::Search {
            return self.attempt(th, at);
        }
        let mut at = at;
        while let Some(start) = self.candidate(at) {
            if self.attempt(th, start)? {
                return Ok(true);
            }
            self.refused = NOWHERE;
            if start >= self.s.len() {
                break;
            }
            at = self.after(start);
            self.tick(th)?;
        }
        Ok(false)
    }

    fn tick(&mut self, th: &mut Thread) -> Result<(), Trouble> {
        self.steps += 1;
        if self.steps.is_multiple_of(PATIENCE) {
            if self.steps > LONGEST {
                return Err(Trouble::Long);
            }
            poll::native_poll(th).map_err(Trouble::Raised)?;
        }
        Ok(())
    }

    /// The next place from `at` on where a match may begin.
    fn candidate(&self, at: usize) -> Option<usize> {
        let rest = self.s.get(at..)?;
        match &self.p.prefix {
            Prefix::None => Some(at),
            Prefix::Start => (at == 0).then_some(0),
            Prefix::Byte(b) => memchr::memchr(*b, rest).map(|i| at + i),
            Prefix::Text(f) => f.find(rest).map(|i| at + i),
            Prefix::Bytes(set) => rest.iter().position(|b| set[*b as usize]).map(|i| at + i),
        }
    }

    fn attempt(&mut self, th: &mut Thread, at: usize) -> Result<bool, Trouble> {
        match self.run(th, (0, at), true)? {
            Some(end) => {
                self.slots[0] = at;
                self.slots[1] = end;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// The boundary after the character at `at`, which is before the end.
    #[inline(always)]
    fn after(&self, at: usize) -> usize {
        if self.p.bytes { at + 1 } else { (at + index::width(self.s[at])).min(self.s.len()) }
    }

    /// The boundary before `at`, which is not the start.
    #[inline(always)]
    fn before(&self, mut at: usize) -> usize {
        at -= 1;
        if !self.p.bytes {
            while at > 0 && self.s[at] & 0xc0 == 0x80 {
                at -= 1;
            }
        }
        at
    }

    /// The end of the character at `at`, if the test accepts it.
    #[inline(always)]
    fn one(&self, t: &Test, at: usize) -> Option<usize> {
        let b = *self.s.get(at)?;
        if self.p.bytes || b < 0x80 {
            return t.byte(b).then_some(at + 1);
        }
        let (c, n) = index::decode(self.s, at);
        t.accepts(c).then_some(at + n)
    }

    fn code(&self, at: usize) -> u32 {
        if self.p.bytes { self.s[at] as u32 } else { index::decode(self.s, at).0 }
    }

    fn holds(&self, at: At, pos: usize) -> bool {
        let n = self.s.len();
        match at {
            At::Start => pos == 0,
            At::LineStart => pos == 0 || self.s[pos - 1] == b'\n',
            At::End => pos == n || pos + 1 == n && self.s[pos] == b'\n',
            At::LineEnd => pos == n || self.s[pos] == b'\n',
            At::VeryEnd => pos == n,
            At::Boundary(ascii, negated) => {
                let word = |at: usize| is_category(self.code(at), Category::Word, ascii);
                let left = pos > 0 && word(self.before(pos));
                let right = pos < n && word(pos);
                (left != right) != negated
            }
        }
    }

    #[inline]
    fn set(&mut self, slot: usize, v: usize) {
        self.stack.push(Try::Undo(slot, self.slots[slot]));
        self.slots[slot] = v;
    }

    /// The end of at most `max` accepted characters from `pos` on, and how many they are (or, when more than `min`
    /// of at most 1, any greater number).
    fn take(&self, t: &Test, mut pos: usize, min: u32, max: u32) -> (usize, u32) {
        let (s, mut n) = (self.s, 0u32);
        if max == MANY && (self.p.bytes || min <= 1) {
            if t.is_all() {
                return (s.len(), (s.len() - pos).min(MANY as usize - 1) as u32);
            }
            if t.is_line() {
                let end = memchr::memchr(b'\n', &s[pos..]).map_or(s.len(), |i| pos + i);
                return (end, (end - pos).min(MANY as usize - 1) as u32);
            }
        }
        while n < max {
            match self.one(t, pos) {
                Some(next) => pos = next,
                None => break,
            }
            n += 1;
        }
        (pos, n)
    }

    /// The place after what the group matched, if it is here again.
    fn again(&self, g: usize, case: Case, pos: usize) -> Option<usize> {
        let (from, to) = (self.slots[2 * g], self.slots[2 * g + 1]);
        if from == NOWHERE || to == NOWHERE || to < from {
            return None;
        }
        if case == Case::Exact {
            return self.s[pos..].starts_with(&self.s[from..to]).then(|| pos + to - from);
        }
        let (mut i, mut j) = (from, pos);
        while i < to {
            if j >= self.s.len() || fold(self.code(i), case) != fold(self.code(j), case) {
                return None;
            }
            (i, j) = (self.after(i), self.after(j));
        }
        Some(j)
    }

    /// Undoes everything down to `base`.
    fn undo(&mut self, base: usize) {
        while self.stack.len() > base {
            if let Some(Try::Undo(slot, old)) = self.stack.pop() {
                self.slots[slot] = old;
            }
        }
    }

    /// Forgets what could be tried above `base`, but not what is to be undone.
    fn commit(&mut self, base: usize) {
        let mut to = base;
        for i in base..self.stack.len() {
            if let Try::Undo(..) = self.stack[i] {
                self.stack[to] = self.stack[i];
                to += 1;
            }
        }
        self.stack.truncate(to);
    }

    /// Runs the (sub-)program at `pc` from `pos` on: where it ends.
    fn run(&mut self, th: &mut Thread, from: (usize, usize), top: bool) -> Result<Option<usize>, Trouble> {
        let p = self.p;
        let (mut pc, mut pos) = from;
        let start = pos;
        let base = self.stack.len();
        loop {
            let fine = match &p.code[pc] {
                Inst::Lit(b) => {
                    let fits = self.s.len() - pos >= b.len() && self.s[pos..pos + b.len()] == **b;
                    pos += if fits { b.len() } else { 0 };
                    pc += 1;
                    fits
                }
                Inst::One(t) => match self.one(&p.tests[*t], pos) {
                    Some(next) => {
                        pos = next;
                        pc += 1;
                        true
                    }
                    None => false,
                },
                Inst::At(at) => {
                    pc += 1;
                    self.holds(*at, pos)
                }
                Inst::Save(slot) => {
                    self.set(*slot, pos);
                    if slot & 1 == 1 {
                        self.set(p.last_slot(), slot / 2);
                    }
                    pc += 1;
                    true
                }
                Inst::Split(first, second) => {
                    self.stack.push(Try::Branch(*second, pos));
                    pc = *first;
                    true
                }
                Inst::Jump(to) => {
                    pc = *to;
                    true
                }
                Inst::Run(t, min, max, way, _) => {
                    self.begin_run(&mut pc, &mut pos, &p.tests[*t], *min, *max, *way)
                }
                Inst::Begin(r) => {
                    self.set(*r, 0);
                    self.set(r + 1, NOWHERE);
                    pc += 1;
                    true
                }
                Inst::Loop(r, min, max, lazy, exit) => {
                    let (n, last) = (self.slots[*r], self.slots[r + 1]);
                    if n < *min as usize {
                        self.set(*r, n + 1);
                        self.set(r + 1, pos);
                        pc += 1;
                    } else if n >= *max as usize && *max != MANY || last == pos {
                        pc = *exit;
                    } else if *lazy {
                        // Taking the body later must count it then: the branch goes by way of `Longer`.
                        self.stack.push(Try::Longer(pc, pos, 0));
                        pc = *exit;
                    } else {
                        self.stack.push(Try::Branch(*exit, pos));
                        self.set(*r, n + 1);
                        self.set(r + 1, pos);
                        pc += 1;
                    }
                    true
                }
                Inst::Back(g, case) => match self.again(*g, *case, pos) {
                    Some(next) => {
                        pos = next;
                        pc += 1;
                        true
                    }
                    None => false,
                },
                Inst::Look(back, negated, on) => {
                    let (body, on, negated) = (pc + 1, *on, *negated);
                    let mut from = Some(pos);
                    for _ in 0..*back {
                        from = from.filter(|p| *p > 0).map(|p| self.before(p));
                    }
                    let mark = self.stack.len();
                    let found = match from {
                        Some(from) => self.run(th, (body, from), false)?.is_some(),
                        None => false,
                    };
                    if negated {
                        self.undo(mark);
                    } else {
                        self.commit(mark);
                    }
                    pc = on;
                    found != negated
                }
                Inst::Atomic(on) => {
                    let (body, on) = (pc + 1, *on);
                    let mark = self.stack.len();
                    let found = self.run(th, (body, pos), false)?;
                    self.commit(mark);
                    pc = on;
                    found.map(|end| pos = end).is_some()
                }
                Inst::Cond(g, no) => {
                    let set = self.slots[2 * g + 1] != NOWHERE;
                    pc = if set { pc + 1 } else { *no };
                    true
                }
                Inst::Done => {
                    let refused = top
                        && (self.want == Want::Full && pos != self.s.len()
                            || pos == self.refused && pos == start);
                    if !refused {
                        return Ok(Some(pos));
                    }
                    false
                }
            };
            if fine {
                continue;
            }
            self.tick(th)?;
            if self.stack.len() > DEEPEST {
                return Err(Trouble::Deep);
            }
            if !self.retry(base, &mut pc, &mut pos) {
                return Ok(None);
            }
        }
    }

    /// A run of one repeated character for the first time.
    fn begin_run(&mut self, pc: &mut usize, pos: &mut usize, t: &Test, min: u32, max: u32, way: Way) -> bool {
        let from = *pos;
        if way == Way::Lazy {
            let (end, n) = self.take(t, from, min, min);
            if n < min {
                return false;
            }
            self.stack.push(Try::Longer(*pc, end, max - min));
            *pos = end;
            *pc += 1;
            return true;
        }
        let (end, n) = self.take(t, from, min, max);
        if n < min {
            return false;
        }
        *pos = end;
        if way == Way::Greedy && n > min {
            let least = self.least(from, min);
            return self.shorten(*pc, least, end, false, pc, pos);
        }
        *pc += 1;
        true
    }

    /// The place `n` characters after `from`.
    fn least(&self, from: usize, n: u32) -> usize {
        if self.p.bytes {
            return from + n as usize;
        }
        (0..n).fold(from, |at, _| self.after(at))
    }

    /// Ends a greedy run at `end` or before, where what must follow does; `back` begins one character before.
    fn shorten(
        &mut self,
        run: usize,
        least: usize,
        end: usize,
        back: bool,
        pc: &mut usize,
        pos: &mut usize,
    ) -> bool {
        let Inst::Run(.., after) = &self.p.code[run] else { return false };
        let mut end = end;
        if back {
            if end <= least {
                return false;
            }
            end = self.before(end);
        }
        if let Some(b) = after {
            let stop = (end + 1).min(self.s.len());
            match memchr::memrchr(*b, &self.s[least.min(stop)..stop]) {
                Some(i) => end = least + i,
                None => return false,
            }
        }
        if end > least {
            self.stack.push(Try::Shorter(run, least, end));
        }
        *pos = end;
        *pc = run + 1;
        true
    }

    /// Goes back to the last thing that can be tried otherwise; false if there is none above `base`.
    fn retry(&mut self, base: usize, pc: &mut usize, pos: &mut usize) -> bool {
        while self.stack.len() > base {
            let Some(top) = self.stack.pop() else { return false };
            match top {
                Try::Undo(slot, old) => self.slots[slot] = old,
                Try::Branch(to, at) => {
                    (*pc, *pos) = (to, at);
                    return true;
                }
                Try::Shorter(run, least, end) => {
                    if self.shorten(run, least, end, true, pc, pos) {
                        return true;
                    }
                }
                Try::Longer(run, end, more) => {
                    if self.lengthen(run, end, more, pc, pos) {
                        return true;
                    }
                }
            }
        }
        false
    }

    /// A lazy run takes one more character, up to where what must follow does; a lazy loop its body.
    fn lengthen(&mut self, run: usize, end: usize, more: u32, pc: &mut usize, pos: &mut usize) -> bool {
        let p = self.p;
        match &p.code[run] {
            Inst::Loop(r, ..) => {
                let n = self.slots[*r];
                self.set(*r, n + 1);
                self.set(r + 1, end);
                (*pc, *pos) = (run + 1, end);
                true
            }
            Inst::Run(t, min, max, _, after) => {
                let t = &p.tests[*t];
                let (mut end, mut more) = (end, more);
                let endless = *max == MANY;
                debug_assert!(*min <= *max);
                loop {
                    if more == 0 && !endless {
                        return false;
                    }
                    match self.one(t, end) {
                        Some(next) => end = next,
                        None => return false,
                    }
                    more = more.saturating_sub(1);
                    if after.is_none_or(|b| self.s.get(end) == Some(&b)) {
                        break;
                    }
                }
                self.stack.push(Try::Longer(run, end, more));
                (*pc, *pos) = (run + 1, end);
                true
            }
            _ => false,
        }
    }
}
