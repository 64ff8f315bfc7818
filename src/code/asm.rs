//! The assembler: a growing list of instructions with labels, turned at the end into words, tables and constants.
//!
//! Invariants: code that no path reaches is never stored; every stored instruction carries its position and the
//! exception region that it stands in; a jump that does not fit its operand is spelled as an inverted jump around
//! a `JumpFar`.

use crate::data::{Const, Handler, Pos};
use crate::op::{Op, Role, Word, encode};
use std::collections::HashMap;

/// A register of the window.
pub type Reg = u16;

/// "No label" and "no region".
pub const NONE: u32 = u32::MAX;

/// A place in the code that jumps can name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Label(pub u32);

/// Where an instruction stands in the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Place {
    /// First line, from 1.
    pub line: u32,
    /// Last line.
    pub end_line: u32,
    /// First column in bytes.
    pub col: u32,
    /// Column after the last byte.
    pub end_col: u32,
}

/// One instruction that is not yet encoded.
#[derive(Clone, Copy, Debug)]
pub struct Ins {
    pub op: Op,
    pub a: u16,
    pub b: u16,
    pub c: u16,
    /// Constant index for a `Lit` or `Name` word.
    pub k: u32,
    /// Value of a `Raw` word.
    pub raw: u32,
    /// Label that operand c jumps to, or [`NONE`].
    pub target: u32,
    /// Exception region, or [`NONE`].
    pub region: u32,
    pub place: Place,
    /// Taken out again.
    pub gone: bool,
}

/// A label's state: index of the instruction that it precedes, and the number of jumps to it.
#[derive(Clone, Copy)]
struct LabelState {
    at: u32,
    refs: u32,
}

/// An exception region: where faults in it go.
#[derive(Clone, Copy)]
pub struct Region {
    /// Region around it, or [`NONE`].
    pub parent: u32,
    /// The handler.
    pub target: Label,
    /// Register that receives the exception.
    pub reg: Reg,
    depth: u32,
    used: bool,
}

/// What [`Asm::finish`] makes.
pub struct Assembled {
    pub words: Vec<u64>,
    pub handlers: Vec<Handler>,
    pub positions: Vec<Pos>,
}

/// The instructions of one code object while they are being made.
pub struct Asm {
    pub ins: Vec<Ins>,
    labels: Vec<LabelState>,
    pub regions: Vec<Region>,
    /// Whether the next instruction can be reached.
    reachable: bool,
    /// Region that new instructions belong to.
    pub region: u32,
    /// Position that new instructions get.
    pub place: Place,
    /// The constants.
    pub pool: Pool,
}

impl Default for Asm {
    fn default() -> Asm {
        Asm {
            ins: Vec::new(),
            labels: Vec::new(),
            regions: Vec::new(),
            reachable: true,
            region: NONE,
            place: Place::default(),
            pool: Pool::default(),
        }
    }
}

impl Asm {
    /// Whether the next instruction can be reached.
    pub fn reachable(&self) -> bool {
        self.reachable
    }

    /// Adds an instruction, unless nothing reaches it.
    pub fn push(&mut self, mut ins: Ins) {
        if !self.reachable {
            return;
        }
        ins.region = self.region;
        ins.place = self.place;
        if ins.target != NONE {
            self.labels[ins.target as usize].refs += 1;
        }
        if let Some(region) = self.regions.get_mut(self.region as usize) {
            region.used = true;
        }
        self.reachable = !ins.op.ends_block();
        self.ins.push(ins);
    }

    /// Adds a plain instruction.
    pub fn emit(&mut self, op: Op, a: u16, b: u16, c: u16) {
        self.push(bare(op, a, b, c));
    }

    /// Adds an instruction with a constant in its first word.
    pub fn emit_k(&mut self, op: Op, a: u16, b: u16, c: u16, k: u32) {
        self.push(Ins { k, ..bare(op, a, b, c) });
    }

    /// Adds an instruction that jumps.
    pub fn jump(&mut self, op: Op, a: u16, b: u16, target: Label) {
        debug_assert!(op.jumps());
        self.push(Ins { target: target.0, ..bare(op, a, b, 0) });
    }

    /// A label with no place yet.
    pub fn label(&mut self) -> Label {
        self.labels.push(LabelState { at: NONE, refs: 0 });
        Label(self.labels.len() as u32 - 1)
    }

    /// Puts the label here.
    pub fn bind(&mut self, label: Label) {
        let state = &mut self.labels[label.0 as usize];
        debug_assert_eq!(state.at, NONE, "a label is bound once");
        state.at = self.ins.len() as u32;
        self.reachable |= state.refs > 0;
    }

    /// Jumps to the test at the bottom of a loop and puts the label of its body here.
    pub fn enter_loop(&mut self, test: Label, body: Label) {
        let reached = self.reachable;
        self.jump(Op::Jump, 0, 0, test);
        self.bind(body);
        self.reachable = reached;
    }

    /// Opens a region inside the current one; its handler gets the exception in `reg`.
    pub fn open_region(&mut self, reg: Reg) -> u32 {
        let target = self.label();
        let depth = self.regions.get(self.region as usize).map_or(0, |r| r.depth + 1);
        self.regions.push(Region { parent: self.region, target, reg, depth, used: false });
        self.region = self.regions.len() as u32 - 1;
        self.region
    }

    /// Puts the handler of `region` here, in the region around it. Nothing reaches it if the region is empty.
    pub fn bind_handler(&mut self, region: u32) {
        let Region { parent, target, used, .. } = self.regions[region as usize];
        debug_assert!(!self.reachable, "a handler is entered by faults only");
        self.region = parent;
        self.bind(target);
        self.reachable = used;
    }

    /// Index of the instruction at the label.
    pub fn at(&self, label: u32) -> usize {
        self.labels[label as usize].at as usize
    }

    /// Leads jumps to jumps to their end, and drops jumps to the next instruction.
    fn thread_jumps(&mut self) {
        for i in 0..self.ins.len() {
            let Ins { op, mut target, gone, .. } = self.ins[i];
            if target == NONE || gone || matches!(op, Op::ForIter | Op::Send | Op::YieldFrom) {
                continue;
            }
            for _ in 0..8 {
                match self.next_kept(self.at(target)).map(|at| self.ins[at]) {
                    Some(to) if to.op == Op::Jump && to.target != target => target = to.target,
                    _ => break,
                }
            }
            self.ins[i].target = target;
        }
        for i in (0..self.ins.len()).rev() {
            let Ins { op, target, gone, .. } = self.ins[i];
            if op == Op::Jump && !gone {
                let to = self.at(target);
                if to > i && self.ins[i + 1..to].iter().all(|x| x.gone) {
                    self.ins[i].gone = true;
                }
            }
        }
    }

    /// The first instruction from `at` on that stays.
    fn next_kept(&self, at: usize) -> Option<usize> {
        (at..self.ins.len()).find(|&i| !self.ins[i].gone)
    }

    /// Encodes everything, `prologue` first.
    pub fn finish(mut self, prologue: Vec<Ins>) -> (Assembled, Vec<Const>) {
        self.thread_jumps();
        let shift = prologue.len();
        let all: Vec<Ins> = prologue.into_iter().chain(self.ins.iter().copied()).collect();
        let target_of = |ins: &Ins, labels: &[LabelState]| labels[ins.target as usize].at as usize + shift;
        // Sizes grow from the short form until every short jump reaches.
        let mut far = vec![false; all.len()];
        let mut starts = vec![0u32; all.len() + 1];
        loop {
            let mut word = 0;
            for (i, ins) in all.iter().enumerate() {
                starts[i] = word;
                word += size(ins, far[i]);
            }
            starts[all.len()] = word;
            let mut grew = false;
            for (i, ins) in all.iter().enumerate() {
                if ins.gone || far[i] || ins.target == NONE {
                    continue;
                }
                let from = starts[i] as i64 + ins.op.len() as i64;
                let distance = starts[target_of(ins, &self.labels)] as i64 - from;
                if i16::try_from(distance).is_err() {
                    far[i] = true;
                    grew = true;
                }
            }
            if !grew {
                break;
            }
        }
        let mut words = Vec::with_capacity(starts[all.len()] as usize);
        let mut positions = Vec::with_capacity(all.len());
        for (i, ins) in all.iter().enumerate().filter(|(_, ins)| !ins.gone) {
            let to = (ins.target != NONE).then(|| starts[target_of(ins, &self.labels)] as i64);
            let mut put = |op: Op, a: u16, b: u16, c: u16, k: u32, raw: u64| {
                let Place { line, end_line, col, end_col } = ins.place;
                positions.push(Pos { word: words.len() as u32, line, end_line, col, end_col });
                words.push(encode(op, a, b, c));
                for word in op.row().words {
                    words.push(match word {
                        Word::Lit | Word::Name => k as u64,
                        Word::Cache => 0,
                        Word::Raw => raw,
                    });
                }
                words.len() as i64
            };
            match to {
                None => {
                    put(ins.op, ins.a, ins.b, ins.c, ins.k, ins.raw as u64);
                }
                Some(to) if !far[i] => {
                    let distance = to - (starts[i] as i64 + ins.op.len() as i64);
                    put(ins.op, ins.a, ins.b, distance as i16 as u16, ins.k, ins.raw as u64);
                }
                Some(to) => {
                    let end = starts[i] as i64 + size(ins, true) as i64;
                    if ins.op != Op::Jump {
                        match inverse(ins.op) {
                            Some(op) => {
                                put(op, ins.a, ins.b, 2, ins.k, ins.raw as u64);
                            }
                            None => {
                                put(ins.op, ins.a, ins.b, 1, ins.k, ins.raw as u64);
                                put(Op::Jump, 0, 0, 2, 0, 0);
                            }
                        }
                    }
                    put(Op::JumpFar, 0, 0, 0, 0, (to - end) as u64);
                }
            }
        }
        let handlers = self.handler_table(&all, &starts, shift);
        (Assembled { words, handlers, positions }, self.pool.consts)
    }

    /// The exception table: deeper regions first, each as its runs of instructions.
    fn handler_table(&self, all: &[Ins], starts: &[u32], shift: usize) -> Vec<Handler> {
        let mut runs: Vec<Vec<(u32, u32)>> = vec![Vec::new(); self.regions.len()];
        for (i, ins) in all.iter().enumerate().filter(|(_, ins)| !ins.gone) {
            let mut region = ins.region;
            while let Some(r) = self.regions.get(region as usize) {
                let (start, end) = (starts[i], starts[i + 1]);
                match runs[region as usize].last_mut() {
                    Some(last) if last.1 == start => last.1 = end,
                    _ => runs[region as usize].push((start, end)),
                }
                region = r.parent;
            }
        }
        let mut order: Vec<usize> = (0..self.regions.len()).collect();
        order.sort_by_key(|&r| std::cmp::Reverse(self.regions[r].depth));
        let mut table = Vec::new();
        for r in order {
            let region = &self.regions[r];
            for &(start, end) in &runs[r] {
                let target = starts[self.at(region.target.0) + shift];
                table.push(Handler { start, end, target, reg: region.reg });
            }
        }
        table
    }
}

/// An instruction without words, jump or place.
pub fn bare(op: Op, a: u16, b: u16, c: u16) -> Ins {
    Ins { op, a, b, c, k: 0, raw: 0, target: NONE, region: NONE, place: Place::default(), gone: false }
}

/// Words that the instruction takes.
fn size(ins: &Ins, far: bool) -> u32 {
    let own = ins.op.len() as u32;
    match (ins.gone, far) {
        (true, _) => 0,
        (false, false) => own,
        (false, true) if ins.op == Op::Jump => 2,
        (false, true) if inverse(ins.op).is_some() => own + 2,
        (false, true) => own + 1 + 2,
    }
}

/// The jump that is taken exactly when `op` is not.
pub fn inverse(op: Op) -> Option<Op> {
    use Op::*;
    const PAIRS: [(Op, Op); 16] = [
        (JTrue, JFalse),
        (JNone, JNotNone),
        (JIs, JIsNot),
        (JLt, JNotLt),
        (JLe, JNotLe),
        (JEq, JNotEq),
        (JNe, JNotNe),
        (JGt, JNotGt),
        (JGe, JNotGe),
        (JIn, JNotIn),
        (JLtInt, JNotLtInt),
        (JLeInt, JNotLeInt),
        (JEqInt, JNotEqInt),
        (JNeInt, JNotNeInt),
        (JGtInt, JNotGtInt),
        (JGeInt, JNotGeInt),
    ];
    PAIRS.into_iter().find_map(|(x, y)| match op {
        _ if op == x => Some(y),
        _ if op == y => Some(x),
        _ => None,
    })
}

/// Calls `read` and `write` with each register that the instruction touches.
pub fn registers(ins: &Ins, read: impl FnMut(u16), write: impl FnMut(u16)) {
    let c = if ins.op.row().roles[2] == Role::Jump { 0 } else { ins.c };
    crate::op::registers(encode(ins.op, ins.a, ins.b, c), read, write);
}

/// The constants of one code object; equal ones (by type and bits) share an index.
#[derive(Default)]
pub struct Pool {
    consts: Vec<Const>,
    known: HashMap<Vec<u8>, u32>,
}

impl Pool {
    /// Index of the constant, added if it is new.
    pub fn add(&mut self, constant: Const) -> u32 {
        let mut key = Vec::new();
        if !key_of(&constant, &mut key) {
            return self.add_new(constant);
        }
        if let Some(&k) = self.known.get(&key) {
            return k;
        }
        let k = self.add_new(constant);
        self.known.insert(key, k);
        k
    }

    /// Index of the constant, which gets a slot of its own.
    pub fn add_new(&mut self, constant: Const) -> u32 {
        self.consts.push(constant);
        self.consts.len() as u32 - 1
    }

    /// The constant at an index.
    pub fn get(&self, k: u32) -> &Const {
        &self.consts[k as usize]
    }
}

/// Writes bytes that tell constants apart by type and bits; false for code, which is never shared.
fn key_of(constant: &Const, key: &mut Vec<u8>) -> bool {
    let mut bytes = |tag: u8, bytes: &[u8]| {
        key.push(tag);
        key.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
        key.extend_from_slice(bytes);
    };
    match constant {
        Const::None => bytes(0, &[]),
        Const::Bool(x) => bytes(1, &[*x as u8]),
        Const::Ellipsis => bytes(2, &[]),
        Const::Int(x) => bytes(3, &x.to_le_bytes()),
        Const::Big(x) => bytes(4, x.as_bytes()),
        Const::Float(x) => bytes(5, &x.to_bits().to_le_bytes()),
        Const::Imaginary(x) => bytes(6, &x.to_bits().to_le_bytes()),
        Const::Str(x) => bytes(7, &x.0),
        Const::Name(x) => bytes(8, x.as_bytes()),
        Const::Bytes(x) => bytes(9, x),
        Const::Tuple(items) | Const::FrozenSet(items) => {
            let tag = if matches!(constant, Const::Tuple(_)) { 10 } else { 11 };
            bytes(tag, &(items.len() as u32).to_le_bytes());
            return items.iter().all(|item| key_of(item, key));
        }
        Const::Code(_) => return false,
    }
    true
}
