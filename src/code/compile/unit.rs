//! Units: the state of one code object while it is compiled, and how it becomes [`Code`].

use super::{Compiler, Done, MOST_INSTRUCTIONS};
use crate::asm::{Asm, Assembled, Ins, Place, Reg, bare};
use crate::data::{Code, flag};
use crate::flow;
use crate::op::Op;
use crate::scope::{Kind, ScopeId, bit};
use minipy_grammar::tree::{Ident, Name, Span, Stmt};
use std::collections::HashMap;
use std::sync::Arc;

/// A block that control leaves by more ways than its end.
#[derive(Clone, Copy)]
pub enum Block<'t> {
    /// A loop: where `break` and `continue` go.
    Loop { exit: crate::asm::Label, again: crate::asm::Label },
    /// A `try` whose `finally` runs on the way out, in region `outer`.
    Finally { body: &'t [Stmt], outer: u32 },
    /// An exception is being handled: the one before is in `saved`; `name` is unbound at the end.
    Handler { saved: Reg, name: Option<&'t Ident>, outer: u32 },
    /// The body of a `with`: its exit method is in the method window.
    With { window: Reg, is_async: bool, place: Place, outer: u32 },
    /// The body of an `except*`, which control may not leave by a jump.
    Group,
}

/// One code object while it is compiled.
#[derive(Default)]
pub struct Unit<'t> {
    pub asm: Asm,
    /// Scope of the unit.
    pub root: ScopeId,
    /// Scope that names are looked up from: the unit's or one of its comprehensions'.
    pub here: ScopeId,
    pub name: Name,
    pub qualname: Name,
    /// Qualified name that those of inner blocks begin with: the unit's own unless that is a generic's hidden function.
    pub prefix: Name,
    pub first_line: u32,
    pub flags: u32,
    pub argcount: u16,
    pub posonly: u16,
    pub kwonly: u16,
    pub nlocals: u16,
    pub varnames: Vec<Name>,
    pub cellvars: Vec<(Reg, Name)>,
    pub free_base: Reg,
    /// Register of each variable.
    pub regs: HashMap<(ScopeId, usize), Reg>,
    pub first_temp: Reg,
    /// First register that is not in use.
    pub top: Reg,
    /// Registers used at most.
    pub most: u32,
    pub too_large: bool,
    pub blocks: Vec<Block<'t>>,
    /// Number of each bare annotation that counts only when reached.
    pub annotation_index: HashMap<usize, i64>,
    pub self_attrs: u16,
}

impl<'t> Compiler<'t> {
    /// Starts a unit: gives registers to its parameters, locals, cells and closure cells.
    pub fn unit(&mut self, root: ScopeId, name: &Name, flags: u32, first_line: u32) -> Unit<'t> {
        let scope = &self.scopes.all[root];
        let mut unit = Unit { root, here: root, name: name.clone(), flags, first_line, ..Unit::default() };
        unit.qualname = self.qualname(root, name);
        unit.prefix = unit.qualname.clone();
        if self.library {
            unit.flags |= flag::LIBRARY;
        }
        let own_locals = flags & (flag::MODULE | flag::NAMESPACE | flag::CLASS_BODY) == 0;
        if scope.sees_locals || self.watched && own_locals {
            unit.flags |= flag::SEES_LOCALS;
        }
        let mut ancestor = Some(root);
        while let Some(id) = ancestor {
            if self.scopes.all[id].kind == Kind::Class {
                unit.flags |= flag::METHOD;
            }
            ancestor = self.scopes.all[id].parent;
        }
        if flags & (flag::CLASS_BODY | flag::NAMESPACE) != 0 {
            unit.varnames.push(Arc::from(".namespace"));
        }
        if scope.kind.holds_locals() {
            let parameters = |on: bool| {
                let symbols = scope.symbols.iter().enumerate();
                symbols.filter(move |(_, s)| (s.flags & bit::PARAM != 0) == on)
            };
            for (i, symbol) in parameters(true).chain(parameters(false)) {
                let bound = symbol.flags & bit::BOUND != 0;
                if bound && symbol.flags & (bit::GLOBAL | bit::NONLOCAL) == 0 {
                    let reg = unit.varnames.len() as Reg;
                    unit.regs.insert((root, i), reg);
                    unit.varnames.push(symbol.name.clone());
                    if symbol.flags & bit::CELL != 0 {
                        unit.cellvars.push((reg, symbol.name.clone()));
                    }
                }
            }
        }
        if unit.varnames.len() > super::MOST_REGISTERS as usize / 2 {
            unit.too_large = true;
        }
        unit.nlocals = unit.varnames.len().min(u16::MAX as usize) as u16;
        let mut top = unit.nlocals;
        if scope.kind == Kind::Class {
            for (i, symbol) in scope.symbols.iter().enumerate() {
                if let Some(name) = symbol.name.strip_prefix(".__class") {
                    unit.regs.insert((root, i), top);
                    unit.cellvars.push((top, Arc::from(format!("__class{name}"))));
                    top += 1;
                }
            }
        }
        unit.free_base = top;
        unit.first_temp = top + scope.frees.len() as Reg;
        unit.top = unit.first_temp;
        unit.most = unit.top as u32;
        unit.asm.place = Place { line: first_line, end_line: first_line, ..Place::default() };
        unit
    }

    /// The qualified name of a block called `name`.
    fn qualname(&self, root: ScopeId, name: &Name) -> Name {
        let Some(mut parent) = self.scopes.all[root].parent else { return name.clone() };
        while matches!(self.scopes.all[parent].kind, Kind::TypeParams | Kind::Comp) {
            match self.scopes.all[parent].parent {
                Some(outer) => parent = outer,
                None => break,
            }
        }
        let scope = &self.scopes.all[parent];
        let declared_global = scope.find(name).is_some_and(|s| s.flags & bit::GLOBAL != 0);
        let outer = &self.u.prefix;
        match scope.kind {
            Kind::Module => name.clone(),
            _ if declared_global => name.clone(),
            Kind::Class => Arc::from(format!("{outer}.{name}")),
            _ => Arc::from(format!("{outer}.<locals>.{name}")),
        }
    }

    /// Runs `inside` with a new unit and gives its code.
    pub fn within(
        &mut self,
        unit: Unit<'t>,
        inside: impl FnOnce(&mut Compiler<'t>) -> Done,
    ) -> Done<Arc<Code>> {
        let outer = std::mem::replace(&mut self.u, unit);
        inside(self)?;
        let unit = std::mem::replace(&mut self.u, outer);
        Ok(Arc::new(self.finish(unit)?))
    }

    /// Makes code of a unit whose body has been compiled.
    pub fn finish(&mut self, mut unit: Unit<'t>) -> Done<Code> {
        if unit.asm.reachable() {
            unit.asm.emit(Op::ReturnNone, 0, 0, 0);
        }
        if unit.too_large || unit.most > super::MOST_REGISTERS || unit.asm.ins.len() > MOST_INSTRUCTIONS {
            let start = self.lines.get(unit.first_line.saturating_sub(1) as usize).copied().unwrap_or(0);
            return self.wrong(Span::new(start, start), format!("'{}' is too large to compile", unit.name));
        }
        let scope = &self.scopes.all[unit.root];
        let mut code = Code {
            name: unit.name,
            qualname: unit.qualname,
            filename: self.filename.clone(),
            first_line: unit.first_line,
            flags: unit.flags,
            argcount: unit.argcount,
            posonly: unit.posonly,
            kwonly: unit.kwonly,
            nlocals: unit.nlocals,
            nregs: unit.most.max(1) as u16,
            varnames: unit.varnames,
            cellvars: unit.cellvars,
            freevars: scope.frees.clone(),
            free_base: unit.free_base,
            self_attrs: unit.self_attrs,
            ..Code::default()
        };
        let nparams = if code.flags & (flag::CLASS_BODY | flag::NAMESPACE) != 0 { 1 } else { code.nparams() };
        let is_cell = |reg: Reg| code.cellvars.iter().any(|c| c.0 == reg);
        let sees_locals = code.flags & flag::SEES_LOCALS != 0;
        let needed = flow::settle(&mut unit.asm, |reg| (reg as usize) < nparams, sees_locals);
        let unbind: Vec<Reg> = match sees_locals {
            true => (nparams as Reg..code.nlocals).filter(|&reg| !is_cell(reg)).collect(),
            false => {
                needed.into_iter().filter(|&reg| reg as usize >= nparams && reg < code.nlocals).collect()
            }
        };
        let mut prologue = Vec::new();
        if !code.freevars.is_empty() {
            prologue.push(bare(Op::CopyFree, code.free_base, code.freevars.len() as u16, 0));
        }
        for &(reg, _) in &code.cellvars {
            let op = if (reg as usize) < nparams { Op::MakeCell } else { Op::NewCell };
            prologue.push(bare(op, reg, 0, 0));
        }
        let mut i = 0;
        while i < unbind.len() {
            let mut n = 1;
            while i + n < unbind.len() && unbind[i + n] == unbind[i] + n as Reg {
                n += 1;
            }
            prologue.push(bare(Op::Unbind, unbind[i], n as u16, 0));
            i += n;
        }
        let line = code.first_line;
        let place = Place { line, end_line: line, ..Place::default() };
        let prologue: Vec<Ins> = prologue.into_iter().map(|ins| Ins { place, ..ins }).collect();
        const PLAIN: u32 =
            flag::VARARGS | flag::VARKEYWORDS | flag::GENERATOR | flag::COROUTINE | flag::ASYNC_GENERATOR;
        let own_frame = flag::CLASS_BODY | flag::NAMESPACE | flag::MODULE;
        let cell_parameter = code.cellvars.iter().any(|c| (c.0 as usize) < nparams);
        if code.flags & (PLAIN | own_frame) == 0 && code.kwonly == 0 && !cell_parameter {
            code.flags |= flag::SIMPLE;
        }
        let (Assembled { words, handlers, positions }, consts) = unit.asm.finish(prologue);
        code.words = words;
        code.handlers = handlers;
        code.positions = positions.into();
        code.consts = consts;
        if cfg!(debug_assertions)
            && let Err(why) = crate::verify::verify(&code)
        {
            panic!("bad code for {}: {why}\n{}", code.qualname, crate::dis::listing(&code, self.source));
        }
        Ok(code)
    }
}
