//! Conditions: truth as jumps, comparisons as values or fused with their jump.

use super::consts::{fold, small_int, truth};
use super::{Compiler, Done};
use crate::asm::{Label, Reg};
use crate::data::Const;
use crate::op::Op;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// Jumps to `target` if the truth of `e` is `on`; else goes on.
    pub fn cond(&mut self, e: &'t Expr, target: Label, on: bool) -> Done {
        self.depth.check(e.span)?;
        if let Some(constant) = fold(e) {
            if truth(&constant) == on {
                self.at(e.span);
                self.jump(target);
            }
            return Ok(());
        }
        let mark = self.mark();
        match &e.kind {
            ExprKind::Unary { op: UnaryOp::Not, operand } => self.cond(operand, target, !on)?,
            ExprKind::Bool { op, items } => {
                // `and` leaves early when an item is false, `or` when one is true.
                let leaves_on = *op == BoolOp::Or;
                let skip = self.label();
                for (i, item) in items.iter().enumerate() {
                    if i + 1 == items.len() || leaves_on == on {
                        self.cond(item, target, on)?;
                    } else {
                        self.cond(item, skip, leaves_on)?;
                    }
                }
                self.bind(skip);
            }
            ExprKind::Compare { first, rest } => self.cond_compare(e, first, rest, target, on)?,
            _ => {
                let value = self.operand(e)?;
                self.at(e.span);
                self.jump_if(if on { Op::JTrue } else { Op::JFalse }, value, 0, target);
            }
        }
        self.reset(mark);
        Ok(())
    }

    fn cond_compare(
        &mut self,
        e: &'t Expr,
        first: &'t Expr,
        rest: &'t [CompareStep],
        target: Label,
        on: bool,
    ) -> Done {
        let skip = self.label();
        let mut left = self.operand_before(first, None, [&rest[0].right])?;
        for (i, step) in rest.iter().enumerate() {
            let last = i + 1 == rest.len();
            let (to, sense) = match (last, on) {
                (true, on) => (target, on),
                (false, true) => (skip, false),
                (false, false) => (target, false),
            };
            if last && self.jump_on_literal(e, left, step, to, sense) {
                break;
            }
            let later = rest.get(i + 1).map(|next| &next.right);
            let right = self.compared(step, later)?;
            self.at(e.span);
            self.jump_if(jump_form(step.op, sense), left, right, to);
            left = right;
        }
        self.bind(skip);
        Ok(())
    }

    /// The right side of a comparison step, which `later` may follow.
    fn compared(&mut self, step: &'t CompareStep, later: Option<&'t Expr>) -> Done<Reg> {
        if matches!(step.op, CompareOp::In | CompareOp::NotIn) {
            let constant = match &step.right.kind {
                ExprKind::Set(items) => items.iter().map(fold).collect::<Option<_>>().map(Const::FrozenSet),
                ExprKind::List(items) => items.iter().map(fold).collect::<Option<_>>().map(Const::Tuple),
                _ => None,
            };
            if let Some(constant) = constant {
                let to = self.alloc();
                self.at(step.right.span);
                self.load_const(constant, to);
                return Ok(to);
            }
        }
        self.operand_before(&step.right, None, later)
    }

    /// Jumps by a comparison with `None` or a small integer, if `step` is one.
    fn jump_on_literal(&mut self, e: &Expr, left: Reg, step: &CompareStep, to: Label, sense: bool) -> bool {
        if let ExprKind::None = step.right.kind
            && matches!(step.op, CompareOp::Is | CompareOp::IsNot)
        {
            let is = (step.op == CompareOp::Is) == sense;
            self.at(e.span);
            self.jump_if(if is { Op::JNone } else { Op::JNotNone }, left, 0, to);
            return true;
        }
        let Some(int) = small_int(&step.right) else { return false };
        let op = match (step.op, sense) {
            (CompareOp::Lt, true) => Op::JLtInt,
            (CompareOp::Le, true) => Op::JLeInt,
            (CompareOp::Eq, true) => Op::JEqInt,
            (CompareOp::Ne, true) => Op::JNeInt,
            (CompareOp::Gt, true) => Op::JGtInt,
            (CompareOp::Ge, true) => Op::JGeInt,
            (CompareOp::Lt, false) => Op::JNotLtInt,
            (CompareOp::Le, false) => Op::JNotLeInt,
            (CompareOp::Eq, false) => Op::JNotEqInt,
            (CompareOp::Ne, false) => Op::JNotNeInt,
            (CompareOp::Gt, false) => Op::JNotGtInt,
            (CompareOp::Ge, false) => Op::JNotGeInt,
            _ => return false,
        };
        self.at(e.span);
        self.jump_if(op, left, int as u16, to);
        true
    }

    /// A comparison's value: of a chain, the first false one or the last.
    pub fn compare(&mut self, e: &'t Expr, first: &'t Expr, rest: &'t [CompareStep], to: Reg) -> Done {
        let result = if rest.len() == 1 { to } else { self.scratch(to) };
        let end = self.label();
        let mut left = self.operand_before(first, None, [&rest[0].right])?;
        for (i, step) in rest.iter().enumerate() {
            let later = rest.get(i + 1).map(|next| &next.right);
            let right = self.compared(step, later)?;
            self.at(e.span);
            self.emit(value_form(step.op), result, left, right);
            if i + 1 < rest.len() {
                self.jump_if(Op::JFalse, result, 0, end);
            }
            left = right;
        }
        self.bind(end);
        self.copy(to, result);
        Ok(())
    }

    /// `and` or `or` as a value.
    pub fn bool_value(&mut self, op: BoolOp, items: &'t [Expr], to: Reg) -> Done {
        let result = self.scratch(to);
        let end = self.label();
        for (i, item) in items.iter().enumerate() {
            self.expr_to(item, result)?;
            if i + 1 < items.len() {
                self.at(item.span);
                self.jump_if(if op == BoolOp::And { Op::JFalse } else { Op::JTrue }, result, 0, end);
            }
        }
        self.bind(end);
        self.copy(to, result);
        Ok(())
    }

    /// `body if test else orelse`.
    pub fn conditional(&mut self, test: &'t Expr, body: &'t Expr, orelse: &'t Expr, to: Reg) -> Done {
        let (otherwise, end) = (self.label(), self.label());
        self.cond(test, otherwise, false)?;
        self.expr_to(body, to)?;
        self.jump(end);
        self.bind(otherwise);
        self.expr_to(orelse, to)?;
        self.bind(end);
        Ok(())
    }
}

fn value_form(op: CompareOp) -> Op {
    match op {
        CompareOp::Eq => Op::Eq,
        CompareOp::Ne => Op::Ne,
        CompareOp::Lt => Op::Lt,
        CompareOp::Le => Op::Le,
        CompareOp::Gt => Op::Gt,
        CompareOp::Ge => Op::Ge,
        CompareOp::Is => Op::Is,
        CompareOp::IsNot => Op::IsNot,
        CompareOp::In => Op::In,
        CompareOp::NotIn => Op::NotIn,
    }
}

/// The jump taken if the comparison's truth is `on`.
fn jump_form(op: CompareOp, on: bool) -> Op {
    match (op, on) {
        (CompareOp::Eq, true) => Op::JEq,
        (CompareOp::Ne, true) => Op::JNe,
        (CompareOp::Lt, true) => Op::JLt,
        (CompareOp::Le, true) => Op::JLe,
        (CompareOp::Gt, true) => Op::JGt,
        (CompareOp::Ge, true) => Op::JGe,
        (CompareOp::Eq, false) => Op::JNotEq,
        (CompareOp::Ne, false) => Op::JNotNe,
        (CompareOp::Lt, false) => Op::JNotLt,
        (CompareOp::Le, false) => Op::JNotLe,
        (CompareOp::Gt, false) => Op::JNotGt,
        (CompareOp::Ge, false) => Op::JNotGe,
        (CompareOp::Is, true) | (CompareOp::IsNot, false) => Op::JIs,
        (CompareOp::Is, false) | (CompareOp::IsNot, true) => Op::JIsNot,
        (CompareOp::In, true) | (CompareOp::NotIn, false) => Op::JIn,
        (CompareOp::In, false) | (CompareOp::NotIn, true) => Op::JNotIn,
    }
}
