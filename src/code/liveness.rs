//! Liveness: which registers of a frame can still be read, so that a collection keeps just those.
//!
//! A backward pass over the words of a code object; operands come from the instruction table, edges from jumps and
//! the exception table. Only the sets at block ends are kept; a query walks one block.

use super::data::{Code, flag};
use super::op::{Op, operands, registers};
use std::collections::HashMap;

/// A set of registers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RegSet(Vec<u64>);

impl RegSet {
    /// The empty set over `n` registers.
    pub fn new(n: usize) -> RegSet {
        RegSet(vec![0; n.div_ceil(64)])
    }

    /// Whether the register is in the set.
    pub fn contains(&self, reg: u16) -> bool {
        self.0.get(reg as usize / 64).is_some_and(|word| word >> (reg % 64) & 1 != 0)
    }

    /// Adds a register.
    pub fn insert(&mut self, reg: u16) {
        if let Some(word) = self.0.get_mut(reg as usize / 64) {
            *word |= 1 << (reg % 64);
        }
    }

    /// Takes a register out.
    pub fn remove(&mut self, reg: u16) {
        if let Some(word) = self.0.get_mut(reg as usize / 64) {
            *word &= !(1 << (reg % 64));
        }
    }

    /// Adds all of `other`; whether that changed anything.
    pub fn union(&mut self, other: &RegSet) -> bool {
        let mut changed = false;
        for (x, y) in self.0.iter_mut().zip(&other.0) {
            changed |= y & !*x != 0;
            *x |= y;
        }
        changed
    }

    /// The registers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().enumerate().flat_map(|(i, &word)| {
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| (i * 64 + bit) as u16)
        })
    }
}

/// One instruction: its word index and where control goes from it.
struct Step {
    word: u32,
    next: Option<u32>,
    jump: Option<u32>,
    handler: Option<(u32, u16)>,
}

/// Live registers of one code object.
pub struct Liveness {
    /// Instructions in order.
    steps: Vec<Step>,
    /// Index into `steps` of each block's first instruction, ascending.
    blocks: Vec<usize>,
    /// Registers live on entry to each block.
    entry: Vec<RegSet>,
    /// Block that starts at a word.
    at_word: HashMap<u32, usize>,
    /// Registers that are live everywhere.
    always: RegSet,
    nregs: usize,
}

/// Target of the jump in the instruction at `word`, if it jumps.
pub fn jump_target(code: &Code, word: u32) -> Option<u32> {
    let w = code.words[word as usize];
    let op = Op::of(w);
    let after = word as i64 + op.len() as i64;
    if op == Op::JumpFar {
        return Some((after + code.words[word as usize + 1] as i64) as u32);
    }
    op.jumps().then(|| (after + operands(w).2 as i16 as i64) as u32)
}

impl Liveness {
    /// Computes the sets of `code`.
    pub fn of(code: &Code) -> Liveness {
        let mut steps = Vec::new();
        let mut starts = vec![0u32];
        let mut word = 0u32;
        while (word as usize) < code.words.len() {
            let op = Op::of(code.words[word as usize]);
            let after = word + op.len() as u32;
            let jump = jump_target(code, word);
            let next = (!op.ends_block() && (after as usize) < code.words.len()).then_some(after);
            let handler = code.handler(word).map(|h| (h.target, h.reg));
            if jump.is_some() || op.ends_block() {
                starts.push(after);
            }
            starts.extend(jump);
            steps.push(Step { word, next, jump, handler });
            word = after;
        }
        for h in &code.handlers {
            starts.extend([h.start, h.end, h.target]);
        }
        starts.sort_unstable();
        starts.dedup();
        let index = |word: u32| steps.binary_search_by_key(&word, |s| s.word).ok();
        let blocks: Vec<usize> = starts.iter().filter_map(|&word| index(word)).collect();
        let at_word = blocks.iter().enumerate().map(|(b, &i)| (steps[i].word, b)).collect();
        let nregs = code.nregs as usize;
        let mut always = RegSet::new(nregs);
        if code.flags & flag::SEES_LOCALS != 0 {
            (0..code.nlocals).for_each(|reg| always.insert(reg));
        }
        let entry = vec![always.clone(); blocks.len()];
        let mut live = Liveness { steps, blocks, entry, at_word, always, nregs };
        loop {
            let mut changed = false;
            for block in (0..live.blocks.len()).rev() {
                let set = live.before(code, block, live.blocks[block]);
                changed |= live.entry[block].union(&set);
            }
            if !changed {
                return live;
            }
        }
    }

    /// Registers live on entry to the instruction `step` of `block`.
    fn before(&self, code: &Code, block: usize, step: usize) -> RegSet {
        let end = self.blocks.get(block + 1).copied().unwrap_or(self.steps.len());
        let mut set = RegSet::new(self.nregs);
        for i in (step..end).rev() {
            if i + 1 == end {
                set = self.after(i);
            }
            self.step_back(code, i, &mut set);
        }
        set
    }

    /// Registers live after the instruction, which ends its block, has been done.
    fn after(&self, step: usize) -> RegSet {
        let mut set = self.always.clone();
        let Step { next, jump, .. } = self.steps[step];
        for word in next.into_iter().chain(jump) {
            if let Some(&block) = self.at_word.get(&word) {
                set.union(&self.entry[block]);
            }
        }
        set
    }

    /// From the set after an instruction to the set before it.
    fn step_back(&self, code: &Code, step: usize, set: &mut RegSet) {
        let Step { word, handler, .. } = self.steps[step];
        let w = code.words[word as usize];
        registers(w, |_| {}, |reg| set.remove(reg));
        // An exhausted iterator writes nothing.
        if let (Op::ForIter, Some(next)) = (Op::of(w), self.steps[step].next)
            && let Some(&block) = self.at_word.get(&next)
            && self.entry[block].contains(operands(w).0)
        {
            set.insert(operands(w).0);
        }
        registers(w, |reg| set.insert(reg), |_| {});
        if let Some((target, reg)) = handler
            && let Some(&block) = self.at_word.get(&target)
        {
            let had = set.contains(reg);
            set.union(&self.entry[block]);
            if !had {
                set.remove(reg);
            }
        }
        set.union(&self.always);
    }

    /// Block and step of the instruction at `word` (or that contains it).
    fn find(&self, word: u32) -> (usize, usize) {
        let step = self.steps.partition_point(|s| s.word <= word).max(1) - 1;
        (self.blocks.partition_point(|&first| first <= step).max(1) - 1, step)
    }

    /// Registers to keep while the instruction at `word` is in progress: those it reads, and those that are read
    /// later, by its handler too, without being written before.
    pub fn at(&self, code: &Code, word: u32) -> RegSet {
        let (block, step) = self.find(word);
        self.before(code, block, step)
    }

    /// Registers to keep while a callee runs in the window of the call at `word`: the callee itself, and what is
    /// read after the call. The arguments now belong to the callee's frame.
    pub fn under_call(&self, code: &Code, word: u32) -> RegSet {
        let (block, step) = self.find(word);
        let end = self.blocks.get(block + 1).copied().unwrap_or(self.steps.len());
        let mut set = if step + 1 < end { self.before(code, block, step + 1) } else { self.after(step) };
        if let Some((target, reg)) = self.steps[step].handler
            && let Some(&handler) = self.at_word.get(&target)
        {
            let had = set.contains(reg);
            set.union(&self.entry[handler]);
            if !had {
                set.remove(reg);
            }
        }
        set.insert(operands(code.words[self.steps[step].word as usize]).0);
        set
    }

    /// Calls `see` for every instruction, with its word and the registers live after it.
    pub fn for_each(&self, code: &Code, mut see: impl FnMut(u32, &RegSet)) {
        for (block, &first) in self.blocks.iter().enumerate() {
            let end = self.blocks.get(block + 1).copied().unwrap_or(self.steps.len());
            let mut set = self.after(end - 1);
            for step in (first..end).rev() {
                see(self.steps[step].word, &set);
                self.step_back(code, step, &mut set);
            }
        }
    }
}
