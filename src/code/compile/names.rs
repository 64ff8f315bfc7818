//! Names: reading, binding and deleting a variable wherever its scope keeps it.

use super::Compiler;
use crate::asm::Reg;
use crate::data::Const;
use crate::op::Op;
use crate::scope::{Found, bit, mangle};
use minipy_grammar::tree::{Expr, ExprKind, Ident, Name, Span};

/// How a variable is reached from the code being compiled.
#[derive(Clone, Copy)]
pub enum Access {
    /// In a register.
    Local(Reg),
    /// In a cell of this unit or of its closure, held in a register.
    Cell(Reg, bool),
    Global,
    /// In the namespace in register 0.
    Name,
    /// In the namespace in register 0, else in a closure cell.
    NameOrCell(Reg),
    /// In the namespace whose cell the register holds.
    ClassName(Reg),
    /// The same, else in a closure cell.
    ClassNameOrCell(Reg, Reg),
}

impl<'t> Compiler<'t> {
    /// `name` as spelled here.
    pub fn mangled(&self, name: &Name) -> Name {
        mangle(self.scopes.all[self.here()].private.as_ref(), name)
    }

    /// How a mangled name is reached.
    pub fn access(&self, name: &Name) -> Access {
        let free = |name: &str| {
            let index = self.scopes.all[self.u.root].free_index(name).unwrap_or(0);
            self.u.free_base + index as Reg
        };
        let Some(symbol) = self.scopes.find(self.here(), name) else { return Access::Global };
        match symbol.found {
            Found::Local(owner, i) => Access::Local(self.u.regs[&(owner, i)]),
            Found::Cell(owner, i) => Access::Cell(self.u.regs[&(owner, i)], false),
            Found::Free => Access::Cell(free(name), true),
            Found::Global => Access::Global,
            Found::Name => Access::Name,
            Found::NameOrFree => Access::NameOrCell(free(name)),
            Found::ClassName => Access::ClassName(free("__classdict__")),
            Found::ClassNameOrFree => Access::ClassNameOrCell(free("__classdict__"), free(name)),
        }
    }

    /// The constant index of an identifier.
    pub fn name_k(&mut self, name: &Name) -> u32 {
        self.u.asm.pool.add(Const::Name(name.clone()))
    }

    /// The register of a local variable, checked to be bound.
    pub fn read_local(&mut self, reg: Reg, name: &Name, span: Span) {
        let k = self.name_k(name);
        self.at(span);
        self.emit_k(Op::CheckBound, reg, 0, 0, k);
    }

    /// The register of the variable if it is a plain local.
    pub fn local(&self, name: &Name) -> Option<Reg> {
        match self.access(&self.mangled(name)) {
            Access::Local(reg) => Some(reg),
            _ => None,
        }
    }

    /// The register of the target if it is a plain local variable.
    pub fn local_target(&self, target: &Expr) -> Option<Reg> {
        match &target.kind {
            ExprKind::Name(name) if &**name != "__debug__" => self.local(name),
            _ => None,
        }
    }

    /// Reads a name into `to`.
    pub fn load_name(&mut self, name: &Name, to: Reg, span: Span) {
        let name = self.mangled(name);
        let access = self.access(&name);
        let k = self.name_k(&name);
        match access {
            Access::Local(reg) => {
                self.read_local(reg, &name, span);
                self.copy(to, reg);
            }
            access => {
                self.at(span);
                match access {
                    Access::Cell(reg, free) => self.emit_k(Op::LoadCell, to, reg, free as u16, k),
                    Access::Name => self.emit_k(Op::LoadName, to, 0, 0, k),
                    Access::NameOrCell(cell) => self.emit_k(Op::LoadNameCell, to, 0, cell, k),
                    Access::ClassName(dict) | Access::ClassNameOrCell(dict, _) => {
                        let mark = self.mark();
                        let space = self.alloc();
                        let dict_k = self.name_k(&Name::from("__classdict__"));
                        self.emit_k(Op::LoadCell, space, dict, 1, dict_k);
                        match access {
                            Access::ClassNameOrCell(_, cell) => {
                                self.emit_k(Op::LoadNameCell, to, space, cell, k)
                            }
                            _ => self.emit_k(Op::LoadName, to, space, 0, k),
                        }
                        self.reset(mark);
                    }
                    Access::Local(_) | Access::Global => self.emit_k(Op::LoadGlobal, to, 0, 0, k),
                }
            }
        }
    }

    /// Binds a name to the value in `from`.
    pub fn store_name(&mut self, name: &Name, from: Reg, span: Span) {
        let name = self.mangled(name);
        let access = self.access(&name);
        self.at(span);
        match access {
            Access::Local(reg) => self.copy(reg, from),
            Access::Cell(cell, _) | Access::NameOrCell(cell) => self.emit(Op::StoreCell, cell, from, 0),
            Access::Name => {
                let k = self.name_k(&name);
                self.emit_k(Op::StoreName, from, 0, 0, k);
            }
            Access::Global | Access::ClassName(_) | Access::ClassNameOrCell(..) => {
                let k = self.name_k(&name);
                self.emit_k(Op::StoreGlobal, from, 0, 0, k);
            }
        }
    }

    /// `del name`.
    pub fn delete_name(&mut self, name: &Name, span: Span) {
        let name = self.mangled(name);
        let access = self.access(&name);
        let k = self.name_k(&name);
        self.at(span);
        match access {
            Access::Local(reg) => self.emit_k(Op::DeleteLocal, reg, 0, 0, k),
            Access::Cell(cell, free) => self.emit_k(Op::DeleteCell, cell, 0, free as u16, k),
            Access::NameOrCell(cell) => self.emit_k(Op::DeleteCell, cell, 0, 1, k),
            Access::Name => self.emit_k(Op::DeleteName, 0, 0, 0, k),
            Access::Global | Access::ClassName(_) | Access::ClassNameOrCell(..) => {
                self.emit_k(Op::DeleteGlobal, 0, 0, 0, k);
            }
        }
    }

    /// Makes a name unbound, whether it is bound or not, as after `except E as name`.
    pub fn forget_name(&mut self, ident: &Ident) {
        let access = self.access(&self.mangled(&ident.name));
        if let Access::Local(reg) = access {
            self.emit(Op::Unbind, reg, 1, 0);
            return;
        }
        let mark = self.mark();
        let none = self.alloc();
        let place = self.u.asm.place;
        self.emit(Op::LoadNone, none, 0, 0);
        self.store_name(&ident.name, none, ident.span);
        self.delete_name(&ident.name, ident.span);
        self.u.asm.place = place;
        self.reset(mark);
    }

    /// Whether the name surely means the builtin or global of that name.
    pub fn is_global(&self, name: &str) -> bool {
        let symbol = self.scopes.find(self.here(), name);
        symbol.is_none_or(|s| s.found == Found::Global && s.flags & bit::BOUND == 0)
    }
}
