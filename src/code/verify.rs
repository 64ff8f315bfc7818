//! The verifier: what the machine relies on in every code object, checked where code is made.

use super::data::{Code, Const, flag};
use super::liveness::{Liveness, jump_target};
use super::op::{COUNT, Op, Role, Word, operands, registers};

/// Checks one code object; nested ones are checked when they are made. The error says what is wrong and where.
pub fn verify(code: &Code) -> Result<(), String> {
    let n = code.words.len();
    let mut starts = vec![false; n + 1];
    let mut word = 0;
    let mut last = Op::Nop;
    while word < n {
        starts[word] = true;
        if code.words[word] as u8 as usize >= COUNT {
            return Err(format!("word {word}: no such instruction"));
        }
        last = Op::of(code.words[word]);
        instruction(code, word, last).map_err(|why| format!("word {word} ({}): {why}", last.row().name))?;
        word += last.len();
    }
    if word != n || !last.ends_block() {
        return Err("the code runs past its end".to_string());
    }
    for word in (0..n).filter(|&word| starts[word]) {
        if let Some(target) = jump_target(code, word as u32)
            && !starts.get(target as usize).copied().unwrap_or(false)
        {
            return Err(format!("word {word}: jumps into the middle of an instruction, or out of the code"));
        }
    }
    for h in &code.handlers {
        let on_edge = |word: u32| starts.get(word as usize).copied().unwrap_or(false) || word as usize == n;
        if h.start >= h.end || !on_edge(h.start) || !on_edge(h.end) {
            return Err(format!("exception table: bad range {}..{}", h.start, h.end));
        }
        if !on_edge(h.target) || h.target as usize == n || h.reg >= code.nregs {
            return Err(format!("exception table: bad handler {}", h.target));
        }
    }
    let instructions = starts.iter().filter(|&&start| start).count();
    let positions = code.positions.windows(2).all(|p| p[0].word < p[1].word);
    if code.positions.len() != instructions || !positions {
        return Err("positions are not one for each instruction".to_string());
    }
    frame(code)?;
    liveness(code)
}

/// Operands of one instruction.
fn instruction(code: &Code, word: usize, op: Op) -> Result<(), String> {
    if matches!(op, Op::Halt | Op::InitDone | Op::ReturnGen | Op::ReturnGenNone) {
        return Err("is the machine's own".to_string());
    }
    if word + op.len() > code.words.len() {
        return Err("is cut short".to_string());
    }
    let w = code.words[word];
    let mut most = 0u32;
    registers(w, |reg| most = most.max(reg as u32), |_| {});
    registers(w, |_| {}, |reg| most = most.max(reg as u32));
    let (a, b, _) = operands(w);
    most = match op.row().roles[0] {
        Role::Call => most.max(a as u32 + 2 + b as u32),
        Role::Method => most.max(a as u32 + 3 + b as u32),
        _ => most,
    };
    if most >= code.nregs as u32 {
        return Err(format!("register {most} of {}", code.nregs));
    }
    for (i, kind) in op.row().words.iter().enumerate() {
        let value = code.words[word + 1 + i];
        match kind {
            Word::Lit if value as usize >= code.consts.len() => return Err(format!("constant {value}")),
            Word::Name if !matches!(code.consts.get(value as usize), Some(Const::Name(_))) => {
                return Err(format!("constant {value} is no name"));
            }
            Word::Cache if value != 0 => return Err("cache is not empty".to_string()),
            _ => {}
        }
    }
    Ok(())
}

/// The shape of the frame.
fn frame(code: &Code) -> Result<(), String> {
    let own = (code.flags & (flag::CLASS_BODY | flag::NAMESPACE) != 0) as usize;
    if code.nparams() + own > code.nlocals as usize || code.varnames.len() != code.nlocals as usize {
        return Err("parameters and locals disagree".to_string());
    }
    if code.free_base as usize + code.freevars.len() > code.nregs as usize {
        return Err("closure cells lie outside the frame".to_string());
    }
    if code.cellvars.iter().any(|cell| cell.0 >= code.nregs) {
        return Err("a cell lies outside the frame".to_string());
    }
    if code.flags & flag::DOCSTRING != 0 && !matches!(code.consts.first(), Some(Const::Str(_))) {
        return Err("the docstring is not the first constant".to_string());
    }
    Ok(())
}

/// No register is read before it is written, and nothing that lives lies in a window during its call.
fn liveness(code: &Code) -> Result<(), String> {
    let live = Liveness::of(code);
    let own = code.flags & (flag::CLASS_BODY | flag::NAMESPACE) != 0;
    let given = code.nparams() + own as usize;
    if code.flags & flag::SEES_LOCALS == 0
        && let Some(reg) = live.at(code, 0).iter().find(|&reg| reg as usize >= given)
    {
        return Err(format!("register {reg} can be read before it is written"));
    }
    let mut found = Ok(());
    live.for_each(code, |word, after| {
        let w = code.words[word as usize];
        if !matches!(Op::of(w).row().roles[0], Role::Call | Role::Method | Role::CallEx) {
            return;
        }
        let (window, ..) = operands(w);
        let mut after = after.clone();
        if let Some(h) = code.handler(word) {
            let mut caught = live.at(code, h.target);
            caught.remove(h.reg);
            after.union(&caught);
        }
        if let Some(reg) = after.iter().find(|&reg| reg > window) {
            found = Err(format!("word {word}: register {reg} lives across a call in window {window}"));
        }
    });
    found
}
