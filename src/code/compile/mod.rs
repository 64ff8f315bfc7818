//! The compiler: from the tree and its scopes to register code.
//!
//! Invariants: temporaries are a stack above the named registers, so a call window at the top clobbers nothing that
//! lives; a register that holds a variable is written only by the last instruction of the expression assigned to it.

mod assign;
mod calls;
mod class;
mod comp;
mod cond;
mod consts;
mod display;
mod expr;
mod func;
mod generic;
mod imports;
mod loops;
mod matching;
mod names;
mod ops;
mod stmt;
mod tries;
mod unit;
mod with;

use super::asm::{Label, Place, Reg};
use super::data::{Code, flag};
use super::op::Op;
use super::scope::doubts::Doubt;
use super::scope::{self, Depth, ScopeId, Scopes, Setting, Wrong};
use minipy_grammar::Fault;
use minipy_grammar::tree::*;
use std::sync::Arc;
use unit::Unit;

/// What the text is compiled as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// A file: statements whose names are globals.
    File,
    /// One expression; the code returns its value. With `namespace`, names live in register 0.
    Eval { namespace: bool },
    /// A statement at the prompt: values of expression statements are shown.
    Interactive,
    /// The text of `exec`. With `namespace`, names live in register 0.
    Exec { namespace: bool },
}

/// Further settings.
#[derive(Clone, Copy, Debug)]
pub struct Flags {
    /// The text belongs to the library.
    pub library: bool,
    /// As if `from __future__ import annotations` stood at the start.
    pub future_annotations: bool,
    /// For trace functions: locals can be read as long as their frame runs, each statement has an instruction.
    pub watched: bool,
    /// Bytes of native stack that compiling may use; a deeper tree is a fault.
    pub stack: usize,
}

impl Default for Flags {
    fn default() -> Flags {
        Flags { library: false, future_annotations: false, watched: false, stack: 2 << 20 }
    }
}

/// Compiles a module.
pub fn compile(
    module: &Module,
    source: &str,
    filename: &str,
    mode: Mode,
    flags: Flags,
) -> Result<Arc<Code>, Wrong> {
    compile_doubting(module, source, filename, mode, flags).map(|(code, _)| code)
}

/// Compiles a module; gives what is surely a mistake in it as well.
pub fn compile_doubting(
    module: &Module,
    source: &str,
    filename: &str,
    mode: Mode,
    flags: Flags,
) -> Result<(Arc<Code>, Vec<Doubt>), Wrong> {
    let namespace = matches!(mode, Mode::Eval { namespace: true } | Mode::Exec { namespace: true });
    let setting = Setting { namespace, future_annotations: flags.future_annotations, stack: flags.stack };
    let mut scopes = scope::analyse(module, setting)?;
    let doubts = std::mem::take(&mut scopes.doubts);
    let mut compiler = Compiler {
        scopes: &scopes,
        source,
        lines: line_starts(source),
        filename: Arc::from(filename),
        library: flags.library,
        watched: flags.watched,
        interactive: mode == Mode::Interactive,
        depth: Depth::new(flags.stack),
        u: Unit::default(),
    };
    let name: Name = Arc::from("<module>");
    compiler.u = compiler.unit(0, &name, if namespace { flag::NAMESPACE } else { flag::MODULE }, 1);
    match (mode, &module.body[..]) {
        (Mode::Eval { .. }, [Stmt { kind: StmtKind::Expr(value), .. }]) => {
            let value = compiler.operand(value)?;
            compiler.emit(Op::Return, value, 0, 0);
        }
        _ => compiler.module_body(module)?,
    }
    let unit = std::mem::take(&mut compiler.u);
    Ok((Arc::new(compiler.finish(unit)?), doubts))
}

/// What statements and expressions give beside their code.
pub(super) type Done<T = ()> = Result<T, Wrong>;

/// The state of one compilation.
pub(super) struct Compiler<'t> {
    scopes: &'t Scopes,
    source: &'t str,
    /// Byte offset of each line's start.
    lines: Vec<u32>,
    filename: Arc<str>,
    library: bool,
    watched: bool,
    interactive: bool,
    depth: Depth,
    /// The unit being compiled.
    u: Unit<'t>,
}

/// Registers that a function may use: call windows need room above, and operands are 16 bits.
const MOST_REGISTERS: u32 = 60_000;
/// Instructions of one unit.
const MOST_INSTRUCTIONS: usize = 1 << 23;
/// Blocks that may be open at once, as in CPython.
const MOST_BLOCKS: usize = 20;

impl<'t> Compiler<'t> {
    /// A fault.
    fn wrong<T>(&self, span: Span, message: impl Into<String>) -> Done<T> {
        Err(Box::new(Fault::syntax(span, message)))
    }

    // ---- positions

    /// Sets the position of the instructions that follow.
    fn at(&mut self, span: Span) {
        let (line, col) = self.line_col(span.start);
        let (end_line, end_col) = self.line_col(span.end);
        self.u.asm.place = Place { line, end_line, col, end_col };
    }

    fn line_col(&self, offset: u32) -> (u32, u32) {
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        (line as u32, offset - self.lines[line - 1])
    }

    fn line(&self, offset: u32) -> u32 {
        self.line_col(offset).0
    }

    // ---- emitting

    fn emit(&mut self, op: Op, a: Reg, b: u16, c: u16) {
        self.u.asm.emit(op, a, b, c);
    }

    fn emit_k(&mut self, op: Op, a: Reg, b: u16, c: u16, k: u32) {
        self.u.asm.emit_k(op, a, b, c, k);
    }

    fn jump(&mut self, target: Label) {
        self.u.asm.jump(Op::Jump, 0, 0, target);
    }

    fn jump_if(&mut self, op: Op, a: Reg, b: u16, target: Label) {
        self.u.asm.jump(op, a, b, target);
    }

    fn label(&mut self) -> Label {
        self.u.asm.label()
    }

    fn bind(&mut self, label: Label) {
        self.u.asm.bind(label);
    }

    /// `R[to] = R[from]`, where they differ.
    fn copy(&mut self, to: Reg, from: Reg) {
        if to != from {
            self.emit(Op::Move, to, from, 0);
        }
    }

    // ---- temporaries

    /// The height of the temporaries, to go back to.
    fn mark(&self) -> Reg {
        self.u.top
    }

    /// Gives up the temporaries from `mark` on.
    fn reset(&mut self, mark: Reg) {
        self.u.top = mark;
    }

    /// A fresh temporary.
    fn alloc(&mut self) -> Reg {
        self.alloc_many(1)
    }

    /// The first of `n` fresh temporaries in a row.
    fn alloc_many(&mut self, n: usize) -> Reg {
        let first = self.u.top;
        let next = first as u32 + n.min(MOST_REGISTERS as usize) as u32;
        if next > MOST_REGISTERS {
            self.u.too_large = true;
            self.u.top = self.u.first_temp;
            return self.u.first_temp;
        }
        self.u.top = next as Reg;
        self.u.most = self.u.most.max(next);
        first
    }

    /// The scope that names are looked up from.
    fn here(&self) -> ScopeId {
        self.u.here
    }
}

/// Byte offsets of the lines of a text, which end in `\n`, `\r` or both.
fn line_starts(source: &str) -> Vec<u32> {
    let bytes = source.as_bytes();
    let mut starts = vec![0];
    for (i, &byte) in bytes.iter().enumerate() {
        if byte == b'\n' || byte == b'\r' && bytes.get(i + 1) != Some(&b'\n') {
            starts.push(i as u32 + 1);
        }
    }
    starts
}
