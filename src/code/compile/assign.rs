//! Assignment in all its forms, and `del`.

use super::consts::{fold, small_int};
use super::{Compiler, Done};
use crate::asm::Reg;
use crate::op::Op;
use crate::scope::Kind;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// `t1 = t2 = value`.
    pub fn assign(&mut self, targets: &'t [Expr], value: &'t Expr) -> Done {
        let [first, others @ ..] = targets else { return Ok(()) };
        if others.is_empty()
            && let (ExprKind::Tuple(to) | ExprKind::List(to), ExprKind::Tuple(from) | ExprKind::List(from)) =
                (&first.kind, &value.kind)
            && to.len() == from.len()
            && to.iter().chain(from).all(|e| !matches!(e.kind, ExprKind::Starred(_)))
        {
            return self.assign_pairwise(to, from);
        }
        if let Some(reg) = self.local_target(first) {
            self.assign_local(reg, value)?;
            return others.iter().try_for_each(|target| self.store(target, reg));
        }
        let value = self.operand(value)?;
        targets.iter().try_for_each(|target| self.store(target, value))
    }

    /// `a, b = x, y` without a tuple: all values first, then the targets from left to right.
    fn assign_pairwise(&mut self, to: &'t [Expr], from: &'t [Expr]) -> Done {
        let mut rebound = Vec::new();
        let mut values = Vec::new();
        for (i, (target, value)) in to.iter().zip(from).enumerate() {
            let constant = fold(value).is_some() && self.local_target(target).is_some();
            let held = if constant {
                None
            } else {
                let mut held = self.operand_before(value, None, &from[i + 1..])?;
                if rebound.contains(&held) {
                    let copy = self.alloc();
                    self.copy(copy, held);
                    held = copy;
                }
                Some(held)
            };
            values.push(held);
            self.rebound_by(target, &mut rebound);
        }
        for ((target, value), held) in to.iter().zip(from).zip(values) {
            match (held, self.local_target(target)) {
                (None, Some(reg)) => self.expr_to(value, reg)?,
                (Some(held), _) => self.store(target, held)?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Adds the registers of the locals that a target binds.
    fn rebound_by(&self, target: &Expr, rebound: &mut Vec<Reg>) {
        match &target.kind {
            ExprKind::Name(_) => rebound.extend(self.local_target(target)),
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                items.iter().for_each(|item| self.rebound_by(item, rebound));
            }
            ExprKind::Starred(inner) => self.rebound_by(inner, rebound),
            _ => {}
        }
    }

    /// Binds a target to the value in `from`.
    pub fn store(&mut self, target: &'t Expr, from: Reg) -> Done {
        self.depth.check(target.span)?;
        let mark = self.mark();
        match &target.kind {
            ExprKind::Name(name) => self.store_name(name, from, target.span),
            ExprKind::Attribute { value, name } => {
                let object = self.operand(value)?;
                let k = self.mangled(&name.name);
                let k = self.name_k(&k);
                self.at_attribute(target.span, name);
                self.emit_k(Op::StoreAttr, from, object, 0, k);
            }
            ExprKind::Subscript { value, index, .. } => {
                let object = self.operand_before(value, None, [&**index])?;
                let index = self.operand(index)?;
                self.at(target.span);
                self.emit(Op::SetItem, from, object, index);
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => self.unpack(target, items, from)?,
            ExprKind::Starred(_) => {
                return self.wrong(target.span, "starred assignment target must be in a list or tuple");
            }
            _ => return self.wrong(target.span, "cannot assign to expression"),
        }
        self.reset(mark);
        Ok(())
    }

    fn unpack(&mut self, target: &'t Expr, items: &'t [Expr], from: Reg) -> Done {
        let mut starred = items.iter().enumerate().filter(|(_, e)| matches!(e.kind, ExprKind::Starred(_)));
        let star = starred.next().map(|(i, _)| i);
        if starred.next().is_some() {
            return self.wrong(target.span, "multiple starred expressions in assignment");
        }
        let n = items.len();
        if let Some(i) = star
            && (i > 255 || n - i - 1 > 255)
        {
            return self.wrong(target.span, "too many expressions in star-unpacking assignment");
        }
        // Locals in consecutive registers take the items directly.
        let locals: Option<Vec<Reg>> = items.iter().map(|item| self.local_target(item)).collect();
        let first = match locals {
            Some(regs) if n > 0 && regs.windows(2).all(|w| w[1] == w[0] + 1) && star.is_none() => {
                self.at(target.span);
                self.emit(Op::Unpack, regs[0], from, n as u16);
                return Ok(());
            }
            _ => self.alloc_many(n),
        };
        self.at(target.span);
        match star {
            None => self.emit(Op::Unpack, first, from, n as u16),
            Some(i) => self.emit(Op::UnpackEx, first, from, (i | (n - i - 1) << 8) as u16),
        }
        for (i, item) in items.iter().enumerate() {
            let item = match &item.kind {
                ExprKind::Starred(inner) => inner,
                _ => item,
            };
            self.store(item, first + i as Reg)?;
        }
        Ok(())
    }

    /// `target op= value`: the target is read, the value computed, the result stored.
    pub fn aug_assign(&mut self, stmt: &'t Stmt, target: &'t Expr, op: BinaryOp, value: &'t Expr) -> Done {
        match &target.kind {
            ExprKind::Name(name) => {
                let left = self.operand_before(target, None, [value])?;
                match self.local_target(target) {
                    Some(reg) => self.in_place(op, left, value, reg, stmt.span)?,
                    None => {
                        self.in_place(op, left, value, left, stmt.span)?;
                        self.store_name(name, left, target.span);
                    }
                }
            }
            ExprKind::Attribute { value: object, name } => {
                let object = self.operand_before(object, None, [value])?;
                let k = self.mangled(&name.name);
                let k = self.name_k(&k);
                let left = self.alloc();
                self.at_attribute(target.span, name);
                self.emit_k(Op::LoadAttr, left, object, 0, k);
                self.in_place(op, left, value, left, stmt.span)?;
                self.at_attribute(target.span, name);
                self.emit_k(Op::StoreAttr, left, object, 0, k);
            }
            ExprKind::Subscript { value: object, index, .. } => {
                let object = self.operand_before(object, None, [&**index, value])?;
                let int = small_int(index);
                let index = self.operand_before(index, None, [value])?;
                let left = self.alloc();
                self.at(target.span);
                match int {
                    Some(int) => self.emit(Op::GetItemInt, left, object, int as u16),
                    None => self.emit(Op::GetItem, left, object, index),
                }
                self.in_place(op, left, value, left, stmt.span)?;
                self.at(target.span);
                self.emit(Op::SetItem, left, object, index);
            }
            _ => return self.wrong(target.span, "illegal expression for augmented assignment"),
        }
        Ok(())
    }

    /// `target: annotation = value`.
    pub fn ann_assign(
        &mut self,
        target: &'t Expr,
        annotation: &'t Expr,
        value: Option<&'t Expr>,
        simple: bool,
    ) -> Done {
        if let Some(value) = value {
            self.assign(std::slice::from_ref(target), value)?;
        }
        if !matches!(self.scopes.all[self.u.root].kind, Kind::Module | Kind::Class) {
            return Ok(());
        }
        if simple {
            self.reach_annotation(annotation);
            return Ok(());
        }
        if value.is_none() {
            match &target.kind {
                ExprKind::Attribute { value, .. } => self.discard(value)?,
                ExprKind::Subscript { value, index, .. } => {
                    self.discard(value)?;
                    self.discard(index)?;
                }
                _ => {}
            }
        }
        if self.scopes.future_annotations { Ok(()) } else { self.discard(annotation) }
    }

    /// `del target`.
    pub fn delete(&mut self, target: &'t Expr) -> Done {
        let mark = self.mark();
        match &target.kind {
            ExprKind::Name(name) => self.delete_name(name, target.span),
            ExprKind::Attribute { value, name } => {
                let object = self.operand(value)?;
                let k = self.mangled(&name.name);
                let k = self.name_k(&k);
                self.at_attribute(target.span, name);
                self.emit_k(Op::DeleteAttr, 0, object, 0, k);
            }
            ExprKind::Subscript { value, index, .. } => {
                let object = self.operand_before(value, None, [&**index])?;
                let index = self.operand(index)?;
                self.at(target.span);
                self.emit(Op::DelItem, 0, object, index);
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                items.iter().try_for_each(|t| self.delete(t))?
            }
            _ => return self.wrong(target.span, "cannot delete expression"),
        }
        self.reset(mark);
        Ok(())
    }
}
