//! Listings: code beside its source lines, each instruction with the places where a GIL mode can switch threads.
//!
//! The first column marks the switch points before an instruction: `*` where every mode can switch, `.` where all
//! but py310 can. py310 switches only at calls and backward jumps.

use super::data::{Code, Const, flag};
use super::liveness::jump_target;
use super::op::{Op, Role, Word, operands};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;

/// Whether py310 can switch threads at the instruction.
pub fn switches_py310(code: &Code, word: u32) -> bool {
    let op = Op::of(code.words[word as usize]);
    match op.row().roles[0] {
        Role::Call | Role::Method | Role::CallEx => true,
        _ => jump_target(code, word).is_some_and(|target| target <= word),
    }
}

/// The listing of a code object and of those nested in it.
pub fn listing(code: &Code, source: &str) -> String {
    let mut out = String::new();
    out.push_str("switch points before an instruction: * in every GIL mode, . in all but py310\n");
    let lines: Vec<&str> = source.lines().collect();
    one(code, &lines, &mut out);
    out
}

fn one(code: &Code, lines: &[&str], out: &mut String) {
    let _ = writeln!(out, "\n{} (line {})", code.qualname, code.first_line);
    let traits = [
        (flag::GENERATOR, "generator"),
        (flag::COROUTINE, "coroutine"),
        (flag::ASYNC_GENERATOR, "async generator"),
        (flag::AWAITABLE, "awaitable"),
        (flag::CLASS_BODY, "class body"),
        (flag::NAMESPACE, "namespace"),
        (flag::SEES_LOCALS, "sees its locals"),
        (flag::SIMPLE, "simple"),
    ];
    let _ = write!(out, "  registers {}", code.nregs);
    for (_, name) in traits.iter().filter(|(bit, _)| code.flags & bit != 0) {
        let _ = write!(out, ", {name}");
    }
    for (i, name) in code.varnames.iter().enumerate() {
        let _ = write!(out, "{}r{i} {name}", if i == 0 { "; " } else { ", " });
    }
    for (i, name) in code.freevars.iter().enumerate() {
        let _ = write!(out, "; r{} free {name}", code.free_base as usize + i);
    }
    out.push('\n');
    let mut targets = BTreeSet::new();
    let mut word = 0;
    while word < code.words.len() as u32 {
        targets.extend(jump_target(code, word));
        word += Op::of(code.words[word as usize]).len() as u32;
    }
    targets.extend(code.handlers.iter().map(|h| h.target));
    let mut shown = 0;
    for position in code.positions.iter() {
        let word = position.word;
        if position.line != shown && position.line > 0 {
            shown = position.line;
            let text = lines.get(shown as usize - 1).map_or("", |line| line.trim());
            let _ = writeln!(out, "  {shown:>4} | {text}");
        }
        let mark = if switches_py310(code, word) { '*' } else { '.' };
        let arrow = if targets.contains(&word) { ">" } else { " " };
        let _ = writeln!(out, "    {mark} {arrow}{word:>5}  {}", instruction(code, word));
    }
    for h in &code.handlers {
        let _ = writeln!(out, "    faults in {}..{} go to {}, in r{}", h.start, h.end, h.target, h.reg);
    }
    for constant in &code.consts {
        if let Const::Code(inner) = constant {
            one(inner, lines, out);
        }
    }
}

/// One instruction as text: name, operands, constants.
pub fn instruction(code: &Code, word: u32) -> String {
    let w = code.words[word as usize];
    let op = Op::of(w);
    let row = op.row();
    let (a, b, c) = operands(w);
    let mut text = format!("{:<16}", row.name);
    let mut parts: Vec<String> = Vec::new();
    for (role, x) in row.roles.iter().zip([a, b, c]) {
        match role {
            Role::No => {}
            Role::Int => parts.push(format!("{}", x as i16)),
            Role::Uint => parts.push(format!("{x}")),
            Role::Jump => parts.push(format!("-> {}", jump_target(code, word).unwrap_or(0))),
            _ => parts.push(register(code, x)),
        }
    }
    for (i, kind) in row.words.iter().enumerate() {
        let value = code.words[word as usize + 1 + i];
        match kind {
            Word::Lit | Word::Name => {
                parts.push(code.consts.get(value as usize).map_or("?".to_string(), show));
            }
            Word::Raw if op == Op::JumpFar => {
                parts.push(format!("-> {}", jump_target(code, word).unwrap_or(0)));
            }
            Word::Raw => parts.push(format!("{value}")),
            Word::Cache => {}
        }
    }
    text.push_str(&parts.join(", "));
    text.trim_end().to_string()
}

fn register(code: &Code, reg: u16) -> String {
    match code.varnames.get(reg as usize) {
        Some(name) => format!("{name}"),
        None => format!("r{reg}"),
    }
}

/// A constant as the source would spell it.
fn show(constant: &Const) -> String {
    let list = |items: &[Const]| items.iter().map(show).collect::<Vec<_>>().join(", ");
    match constant {
        Const::None => "None".to_string(),
        Const::Bool(true) => "True".to_string(),
        Const::Bool(false) => "False".to_string(),
        Const::Ellipsis => "...".to_string(),
        Const::Int(x) => x.to_string(),
        Const::Big(digits) => format!("0x{digits}"),
        Const::Float(x) => format!("{x:?}"),
        Const::Imaginary(x) => format!("{x:?}j"),
        Const::Str(text) => format!("{text:?}"),
        Const::Name(name) => name.to_string(),
        Const::Bytes(bytes) => format!("b\"{}\"", bytes.escape_ascii()),
        Const::Tuple(items) if items.len() == 1 => format!("({},)", show(&items[0])),
        Const::Tuple(items) => format!("({})", list(items)),
        Const::FrozenSet(items) => format!("{{{}}}", list(items)),
        Const::Code(code) => format!("<code {}>", Arc::as_ref(&code.qualname)),
    }
}
