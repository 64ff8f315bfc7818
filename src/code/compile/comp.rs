//! Comprehensions: lists, sets and dicts in the code around them, with variables of their own in temporaries;
//! generator expressions as functions.

use super::{Compiler, Done};
use crate::asm::Reg;
use crate::data::flag;
use crate::op::Op;
use crate::scope::{Part, bit};
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// A comprehension or generator expression.
    pub fn comprehension(&mut self, comp: &'t Comp, to: Reg, span: Span) -> Done {
        let root = self.scopes.of(comp, Part::Body);
        let first = &comp.clauses[0];
        if comp.kind == CompKind::Generator {
            return self.generator(comp, to, span);
        }
        let build = match comp.kind {
            CompKind::List => Op::BuildList,
            CompKind::Set => Op::BuildSet,
            CompKind::Dict | CompKind::Generator => Op::BuildMap,
        };
        let built = self.scratch(to);
        let iter = self.alloc();
        self.comp_iter(first, iter)?;
        self.at(span);
        self.emit(build, built, 0, 0);
        let scopes = self.scopes;
        let outer = std::mem::replace(&mut self.u.here, root);
        for (i, symbol) in scopes.all[root].symbols.iter().enumerate() {
            if symbol.flags & bit::BOUND != 0 && symbol.flags & (bit::GLOBAL | bit::NONLOCAL) == 0 {
                let reg = self.alloc();
                self.u.regs.insert((root, i), reg);
                match symbol.flags & bit::CELL {
                    0 => self.emit(Op::Unbind, reg, 1, 0),
                    _ => self.emit(Op::NewCell, reg, 0, 0),
                }
            }
        }
        self.clauses(comp, 0, Some(built), iter)?;
        self.u.here = outer;
        self.copy(to, built);
        Ok(())
    }

    /// The iterator of a clause, in `to`.
    fn comp_iter(&mut self, clause: &'t CompClause, to: Reg) -> Done {
        let from = self.operand_in(&clause.iter, Some(to))?;
        self.at(clause.iter.span);
        if clause.is_async {
            self.async_iter(from, to);
        } else {
            self.emit(Op::GetIter, to, from, 0);
        }
        Ok(())
    }

    /// The loops from clause `i` on; elements go to `built`, or are yielded.
    fn clauses(&mut self, comp: &'t Comp, i: usize, built: Option<Reg>, iter: Reg) -> Done {
        let clause = &comp.clauses[i];
        let mark = self.mark();
        let (body, again, end) = (self.label(), self.label(), self.label());
        let local = self.local_target(&clause.target);
        let item = match local {
            Some(reg) => reg,
            None => self.alloc(),
        };
        if clause.is_async {
            self.bind(again);
            let item = if local.is_some() { self.alloc() } else { item };
            self.at(clause.iter.span);
            self.async_next(iter, item, end)?;
            self.store(&clause.target, item)?;
        } else {
            self.u.asm.enter_loop(again, body);
            if local.is_none() {
                self.store(&clause.target, item)?;
            }
        }
        for test in &clause.tests {
            self.cond(test, again, false)?;
        }
        match comp.clauses.get(i + 1) {
            Some(next) => {
                let mark = self.mark();
                let inner = self.alloc();
                self.comp_iter(next, inner)?;
                self.clauses(comp, i + 1, built, inner)?;
                self.reset(mark);
            }
            None => self.element(comp, built)?,
        }
        self.at(clause.iter.span);
        if clause.is_async {
            self.jump(again);
            self.bind(end);
        } else {
            self.bind(again);
            self.jump_if(Op::ForIter, item, iter, body);
        }
        self.reset(mark);
        Ok(())
    }

    fn element(&mut self, comp: &'t Comp, built: Option<Reg>) -> Done {
        let mark = self.mark();
        let value = self.operand_before(&comp.element, None, &comp.value)?;
        match (built, comp.kind, &comp.value) {
            (Some(built), CompKind::Dict, Some(of_key)) => {
                let of_key = self.operand(of_key)?;
                self.at(Span::new(comp.element.span.start, comp.value.as_ref().map_or(0, |v| v.span.end)));
                self.emit(Op::MapAdd, built, value, of_key);
            }
            (Some(built), kind, _) => {
                self.at(comp.element.span);
                let op = if kind == CompKind::List { Op::ListAppend } else { Op::SetAdd };
                self.emit(op, built, value, 0);
            }
            (None, ..) => {
                let sent = self.alloc();
                self.at(comp.element.span);
                self.yield_value(value, sent);
            }
        }
        self.reset(mark);
        Ok(())
    }

    /// A generator expression: a function of its first iterator, called at once.
    fn generator(&mut self, comp: &'t Comp, to: Reg, span: Span) -> Done {
        let root = self.scopes.of(comp, Part::Body);
        let flags = if self.scopes.all[root].is_async { flag::ASYNC_GENERATOR } else { flag::GENERATOR };
        let mut unit = self.unit(root, &Name::from("<genexpr>"), flags, self.line(span.start));
        unit.argcount = 1;
        unit.posonly = 1;
        let code = self.within(unit, |c| {
            c.at(span);
            c.clauses(comp, 0, None, 0)?;
            c.at(span);
            c.emit(Op::ReturnNone, 0, 0, 0);
            Ok(())
        })?;
        let window = if self.is_temp(to) && to + 1 == self.mark() { to } else { self.alloc() };
        self.at(span);
        self.closure(root, code, None, window)?;
        self.links();
        let argument = self.alloc();
        self.comp_iter(&comp.clauses[0], argument)?;
        self.at(span);
        self.emit(Op::Call, window, 1, 0);
        self.copy(to, window);
        Ok(())
    }
}
