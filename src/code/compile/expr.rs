//! Expressions: into a register, in place where a local will do, or for their effect alone.

use super::{Compiler, Done, consts};
use crate::asm::Reg;
use crate::data::flag;
use crate::op::Op;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// The register that holds the value of `e`: a local's own, else a fresh temporary.
    pub fn operand(&mut self, e: &'t Expr) -> Done<Reg> {
        self.operand_in(e, None)
    }

    /// As [`Compiler::operand`]; a value that needs a temporary uses `hint` if there is one.
    pub fn operand_in(&mut self, e: &'t Expr, hint: Option<Reg>) -> Done<Reg> {
        match &e.kind {
            ExprKind::Name(name) => {
                if let Some(reg) = self.local_target(e) {
                    self.read_local(reg, name, e.span);
                    return Ok(reg);
                }
            }
            ExprKind::Named { target, value } => {
                if let Some(reg) = self.local(&target.name) {
                    self.assign_local(reg, value)?;
                    return Ok(reg);
                }
            }
            _ => {}
        }
        let to = match hint {
            Some(hint) => hint,
            None => self.alloc(),
        };
        self.expr_to(e, to)?;
        Ok(to)
    }

    /// As [`Compiler::operand_in`], where `later` is computed before the value is used: a local that it may rebind
    /// is copied.
    pub fn operand_before(
        &mut self,
        e: &'t Expr,
        hint: Option<Reg>,
        later: impl IntoIterator<Item = &'t Expr>,
    ) -> Done<Reg> {
        let mark = self.mark();
        let reg = self.operand_in(e, hint)?;
        if Some(reg) != hint && reg < mark && later.into_iter().any(|e| self.rebinds(e)) {
            let to = match hint {
                Some(hint) => hint,
                None => self.alloc(),
            };
            self.copy(to, reg);
            return Ok(to);
        }
        Ok(reg)
    }

    /// Whether computing `e` may rebind a local of the unit.
    pub fn rebinds(&self, e: &Expr) -> bool {
        self.scopes.all[self.u.root].has_walrus && has_named(e)
    }

    /// Whether `reg` is a temporary rather than a variable.
    pub fn is_temp(&self, reg: Reg) -> bool {
        reg >= self.u.first_temp
    }

    /// `to` itself if it is a temporary, as a hint.
    pub fn hint(&self, to: Reg) -> Option<Reg> {
        self.is_temp(to).then_some(to)
    }

    /// A register to build a value for `to` in: a variable must keep its old value until the last step.
    pub fn scratch(&mut self, to: Reg) -> Reg {
        if self.is_temp(to) { to } else { self.alloc() }
    }

    /// Computes `e` for its effect.
    pub fn discard(&mut self, e: &'t Expr) -> Done {
        if consts::fold(e).is_some() {
            return Ok(());
        }
        let mark = self.mark();
        self.operand(e)?;
        self.reset(mark);
        Ok(())
    }

    /// Assigns `value` to the local in `reg`.
    pub fn assign_local(&mut self, reg: Reg, value: &'t Expr) -> Done {
        self.expr_to(value, reg)
    }

    /// Computes `e` into `to`: a variable, or a temporary that nothing else uses.
    pub fn expr_to(&mut self, e: &'t Expr, to: Reg) -> Done {
        self.depth.check(e.span)?;
        let mark = self.mark();
        self.expr_inner(e, to)?;
        self.reset(mark);
        Ok(())
    }

    fn expr_inner(&mut self, e: &'t Expr, to: Reg) -> Done {
        if self.const_to(e, to)? {
            return Ok(());
        }
        match &e.kind {
            ExprKind::None
            | ExprKind::True
            | ExprKind::False
            | ExprKind::Ellipsis
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Imaginary(_)
            | ExprKind::Str(_)
            | ExprKind::Bytes(_) => Ok(()),
            ExprKind::Name(name) => {
                self.load_name(name, to, e.span);
                Ok(())
            }
            ExprKind::FString(parts) => self.fstring(parts, to, e.span),
            ExprKind::Tuple(items) => self.sequence(items, Op::BuildTuple, to, e.span),
            ExprKind::List(items) => self.sequence(items, Op::BuildList, to, e.span),
            ExprKind::Set(items) => self.sequence(items, Op::BuildSet, to, e.span),
            ExprKind::Dict(items) => self.dict(items, to, e.span),
            ExprKind::Comp(comp) => self.comprehension(comp, to, e.span),
            ExprKind::Lambda { params, body } => self.lambda(params, body, to, e.span),
            ExprKind::Conditional { test, body, orelse } => self.conditional(test, body, orelse, to),
            ExprKind::Binary { first, rest } => self.binary(e, first, rest, to),
            ExprKind::Unary { op, operand } => self.unary(e, *op, operand, to),
            ExprKind::Compare { first, rest } => self.compare(e, first, rest, to),
            ExprKind::Bool { op, items } => self.bool_value(*op, items, to),
            ExprKind::Call { func, args } => self.call(e, func, args, to),
            ExprKind::Attribute { value, name } => self.attribute(e, value, name, to),
            ExprKind::Subscript { value, index, .. } => self.subscript(e, value, index, to),
            ExprKind::Slice(slice) => {
                let parts = self.slice_parts(slice)?;
                self.at(e.span);
                self.emit(Op::BuildSlice, to, parts, 0);
                Ok(())
            }
            ExprKind::Starred(_) => self.wrong(e.span, "can't use starred expression here"),
            ExprKind::Named { target, value } => match self.local(&target.name) {
                Some(reg) => {
                    self.assign_local(reg, value)?;
                    self.copy(to, reg);
                    Ok(())
                }
                None => {
                    let value = self.operand_in(value, self.hint(to))?;
                    self.store_name(&target.name, value, target.span);
                    self.copy(to, value);
                    Ok(())
                }
            },
            ExprKind::Await(value) => {
                let built = self.scratch(to);
                let value = self.operand_in(value, Some(built))?;
                self.at(e.span);
                self.await_value(value, built, 0);
                self.copy(to, built);
                Ok(())
            }
            ExprKind::Yield(value) => {
                let from = match value {
                    Some(value) => self.operand_in(value, self.hint(to))?,
                    None => {
                        let none = self.scratch(to);
                        self.at(e.span);
                        self.emit(Op::LoadNone, none, 0, 0);
                        none
                    }
                };
                self.at(e.span);
                self.yield_value(from, to);
                Ok(())
            }
            ExprKind::YieldFrom(value) => {
                let built = self.scratch(to);
                let value = self.operand_in(value, Some(built))?;
                self.at(e.span);
                let iter = self.alloc();
                self.emit(Op::GetYieldIter, iter, value, 0);
                self.drive(iter, built);
                self.copy(to, built);
                Ok(())
            }
        }
    }

    // ---- generators

    /// Yields the value in `from`; what is sent lands in `to`.
    pub fn yield_value(&mut self, mut from: Reg, to: Reg) {
        if self.u.flags & flag::ASYNC_GENERATOR != 0 {
            let wrapped = self.alloc();
            self.emit(Op::AsyncWrap, wrapped, from, 0);
            from = wrapped;
        }
        self.emit(Op::Yield, to, from, 0);
    }

    /// Awaits the value in `value`, at the current position; the result lands in the temporary `to`. `origin` is what
    /// gave the value, as in `GetAwaitable`.
    pub fn await_value(&mut self, value: Reg, to: Reg, origin: u16) {
        let mark = self.mark();
        let iter = self.alloc();
        self.emit(Op::GetAwaitable, iter, value, origin);
        self.drive(iter, to);
        self.reset(mark);
    }

    /// Yields all that the iterator in `iter` yields; its result lands in the temporary `to`.
    fn drive(&mut self, iter: Reg, to: Reg) {
        let (again, end) = (self.label(), self.label());
        self.emit(Op::LoadNone, to, 0, 0);
        self.bind(again);
        self.jump_if(Op::Send, to, iter, end);
        self.jump_if(Op::YieldFrom, to, iter, end);
        self.jump(again);
        self.bind(end);
    }

    // ---- attributes and items

    /// Position of an access to attribute `name` ending `span`: where the parts stand on several lines, from the name.
    pub fn at_attribute(&mut self, span: Span, name: &Ident) {
        let start =
            if self.line(span.start) == self.line(name.span.end) { span.start } else { name.span.start };
        self.at(Span::new(start, span.end));
    }

    fn attribute(&mut self, e: &'t Expr, value: &'t Expr, name: &'t Ident, to: Reg) -> Done {
        let k = self.mangled(&name.name);
        let k = self.name_k(&k);
        if let Some(args) = self.super_call(value) {
            let function = self.scratch(to);
            let (class, this) = self.super_operands(value, args, function)?;
            self.at_attribute(e.span, name);
            self.emit_k(Op::LoadSuper, function, class, this, k);
            self.copy(to, function);
            return Ok(());
        }
        let object = self.operand_in(value, self.hint(to))?;
        self.at_attribute(e.span, name);
        self.emit_k(Op::LoadAttr, to, object, 0, k);
        Ok(())
    }

    fn subscript(&mut self, e: &'t Expr, value: &'t Expr, index: &'t Expr, to: Reg) -> Done {
        let object = self.operand_before(value, self.hint(to), [index])?;
        self.get_item(object, index, to, e.span)
    }

    /// `to = object[index]`.
    pub fn get_item(&mut self, object: Reg, index: &'t Expr, to: Reg, span: Span) -> Done {
        if let ExprKind::Slice(slice) = &index.kind {
            let parts = self.slice_parts(slice)?;
            self.at(span);
            self.emit(Op::GetSlice, to, object, parts);
        } else if let Some(index) = consts::small_int(index) {
            self.at(span);
            self.emit(Op::GetItemInt, to, object, index as u16);
        } else {
            let index = self.operand(index)?;
            self.at(span);
            self.emit(Op::GetItem, to, object, index);
        }
        Ok(())
    }

    /// The first of three temporaries with the parts of a slice.
    fn slice_parts(&mut self, slice: &'t Slice) -> Done<Reg> {
        let first = self.alloc_many(3);
        let mark = self.mark();
        for (i, part) in [&slice.lower, &slice.upper, &slice.step].into_iter().enumerate() {
            match part {
                Some(part) => self.expr_to(part, first + i as Reg)?,
                None => self.emit(Op::LoadNone, first + i as Reg, 0, 0),
            }
            self.reset(mark);
        }
        Ok(first)
    }
}

/// Whether an assignment expression stands in `e`, outside inner functions.
fn has_named(e: &Expr) -> bool {
    let any = |items: &[Expr]| items.iter().any(has_named);
    match &e.kind {
        ExprKind::Named { .. } => true,
        ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items) => any(items),
        ExprKind::Bool { items, .. } => any(items),
        ExprKind::FString(parts) => in_parts(parts),
        ExprKind::Dict(items) => {
            items.iter().any(|item| item.key.as_ref().is_some_and(has_named) || has_named(&item.value))
        }
        ExprKind::Comp(comp) => {
            has_named(&comp.element)
                || comp.value.as_ref().is_some_and(has_named)
                || comp.clauses.iter().any(|c| has_named(&c.iter) || any(&c.tests))
        }
        ExprKind::Conditional { test, body, orelse } => {
            has_named(test) || has_named(body) || has_named(orelse)
        }
        ExprKind::Binary { first, rest } => has_named(first) || rest.iter().any(|s| has_named(&s.right)),
        ExprKind::Compare { first, rest } => has_named(first) || rest.iter().any(|s| has_named(&s.right)),
        ExprKind::Unary { operand, .. } => has_named(operand),
        ExprKind::Call { func, args } => has_named(func) || args.items.iter().any(|a| has_named(&a.value)),
        ExprKind::Attribute { value, .. } | ExprKind::Starred(value) | ExprKind::Await(value) => {
            has_named(value)
        }
        ExprKind::Subscript { value, index, .. } => has_named(value) || has_named(index),
        ExprKind::Slice(slice) => {
            [&slice.lower, &slice.upper, &slice.step].into_iter().flatten().any(has_named)
        }
        ExprKind::Yield(value) => value.as_ref().is_some_and(|v| has_named(v)),
        ExprKind::YieldFrom(value) => has_named(value),
        _ => false,
    }
}

fn in_parts(parts: &[FPart]) -> bool {
    parts.iter().any(|part| match part {
        FPart::Literal(_) => false,
        FPart::Field(field) => has_named(&field.value) || field.spec.as_ref().is_some_and(|s| in_parts(s)),
    })
}
