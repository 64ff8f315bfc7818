//! Definite assignment: which checks of local variables can be left out, and which locals must be made unbound when
//! a function starts.
//!
//! The compiler checks every local before it reads it. Here a forward pass over the unencoded instructions finds
//! the registers that are bound on every path, exceptional ones included, and takes their checks out.

use super::asm::{Asm, NONE, Reg, registers};
use super::op::Op;
use std::collections::HashMap;

type Bits = Vec<u64>;

fn get(bits: &Bits, i: usize) -> bool {
    bits[i / 64] >> (i % 64) & 1 != 0
}

fn put(bits: &mut Bits, i: usize, on: bool) {
    if on {
        bits[i / 64] |= 1 << (i % 64);
    } else {
        bits[i / 64] &= !(1 << (i % 64));
    }
}

/// `into &= from`; whether it changed.
fn meet(into: &mut Option<Bits>, from: &Bits) -> bool {
    match into {
        None => {
            *into = Some(from.clone());
            true
        }
        Some(into) => {
            let mut changed = false;
            for (x, y) in into.iter_mut().zip(from) {
                changed |= *x & !y != 0;
                *x &= y;
            }
            changed
        }
    }
}

/// Takes out checks that cannot fail. Returns the registers that still need one, in ascending order: those must be
/// unbound before their first write.
pub fn settle(asm: &mut Asm, bound_at_entry: impl Fn(Reg) -> bool, sees_locals: bool) -> Vec<Reg> {
    let mut index: HashMap<Reg, usize> = HashMap::new();
    for ins in &asm.ins {
        if matches!(ins.op, Op::CheckBound | Op::DeleteLocal | Op::JUnbound) {
            let next = index.len();
            index.entry(ins.a).or_insert(next);
        }
    }
    if index.is_empty() {
        if !sees_locals {
            drop_unbinds(asm, &[]);
        }
        return Vec::new();
    }
    let n = asm.ins.len();
    let mut leader = vec![false; n + 1];
    leader[0] = true;
    for i in 0..n {
        let ins = asm.ins[i];
        if ins.target != NONE {
            leader[asm.at(ins.target)] = true;
            leader[i + 1] = true;
        }
        if ins.op.ends_block() {
            leader[i + 1] = true;
        }
        if i > 0 && asm.ins[i - 1].region != ins.region {
            leader[i] = true;
        }
    }
    for r in 0..asm.regions.len() {
        let at = asm.at(asm.regions[r].target.0);
        if at <= n {
            leader[at] = true;
        }
    }
    let mut start: Bits = vec![0; index.len().div_ceil(64)];
    for (&reg, &i) in &index {
        put(&mut start, i, bound_at_entry(reg));
    }
    let mut states: Vec<Option<Bits>> = vec![None; n + 1];
    states[0] = Some(start);
    let mut work = vec![0usize];
    while let Some(block) = work.pop() {
        let Some(mut state) = states[block].clone() else { continue };
        let mut i = block;
        let mut told = false;
        while i < n {
            let ins = asm.ins[i];
            if ins.region != NONE && !told {
                let handler = asm.at(asm.regions[ins.region as usize].target.0);
                if meet(&mut states[handler], &state) {
                    work.push(handler);
                }
                told = true;
            }
            let before = state.clone();
            step(&index, &mut state, &asm.ins[i]);
            told &= before == state;
            if ins.target != NONE {
                let to = asm.at(ins.target);
                if meet(&mut states[to], &state) {
                    work.push(to);
                }
            }
            // An exhausted iterator binds nothing.
            if ins.op == Op::ForIter {
                state = before;
            }
            i += 1;
            if ins.op.ends_block() {
                break;
            }
            if leader[i] {
                if meet(&mut states[i], &state) {
                    work.push(i);
                }
                break;
            }
        }
    }
    let mut needed = Vec::new();
    let mut state: Option<Bits> = None;
    for i in 0..n {
        if leader[i] {
            state = states[i].clone();
        }
        let Some(state) = &mut state else { continue };
        let ins = asm.ins[i];
        if matches!(ins.op, Op::CheckBound | Op::DeleteLocal | Op::JUnbound) && !get(state, index[&ins.a]) {
            needed.push(ins.a);
        } else if ins.op == Op::CheckBound {
            asm.ins[i].gone = true;
        }
        step(&index, state, &ins);
    }
    needed.sort_unstable();
    needed.dedup();
    if !sees_locals {
        drop_unbinds(asm, &needed);
    }
    needed
}

/// What an instruction does to the set of bound registers.
fn step(index: &HashMap<Reg, usize>, state: &mut Bits, ins: &super::asm::Ins) {
    match ins.op {
        Op::CheckBound => put(state, index[&ins.a], true),
        Op::DeleteLocal => put(state, index[&ins.a], false),
        Op::Unbind => {
            for reg in ins.a..ins.a + ins.b {
                if let Some(&i) = index.get(&reg) {
                    put(state, i, false);
                }
            }
        }
        _ => registers(
            ins,
            |_| {},
            |reg| {
                if let Some(&i) = index.get(&reg) {
                    put(state, i, true);
                }
            },
        ),
    }
}

/// Takes out `Unbind`s of registers whose state nobody asks for.
fn drop_unbinds(asm: &mut Asm, needed: &[Reg]) {
    for ins in &mut asm.ins {
        if ins.op == Op::Unbind && ins.b == 1 && needed.binary_search(&ins.a).is_err() {
            ins.gone = true;
        }
    }
}
