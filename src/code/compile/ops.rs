//! Arithmetic: chains of binary operators, unary operators, and the instruction for each.

use super::consts::{self, fold};
use super::{Compiler, Done};
use crate::asm::Reg;
use crate::data::Const;
use crate::op::Op;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// A chain of one precedence level, computed from left to right.
    pub fn binary(&mut self, e: &'t Expr, first: &'t Expr, rest: &'t [BinaryStep], to: Reg) -> Done {
        let mark = self.mark();
        // Leading constants are folded into one.
        let mut folded = fold(first);
        let mut done = 0;
        while done + 1 < rest.len()
            && let Some(left) = &folded
            && let Some(value) = consts::fold_step(rest[done].op, left, &rest[done].right)
        {
            folded = Some(value);
            done += 1;
        }
        let mut left = match folded {
            Some(value) if done > 0 => {
                let left = self.scratch(to);
                self.at(first.span);
                self.load_const(value, left);
                left
            }
            _ => self.operand_before(first, self.hint(to), [&rest[0].right])?,
        };
        let temps = self.mark();
        for (i, step) in rest.iter().enumerate().skip(done) {
            let last = i + 1 == rest.len();
            let right = self.right_operand(step.op, &step.right)?;
            let result = match last {
                true => to,
                false if left >= mark || Some(left) == self.hint(to) => left,
                false => match self.hint(to) {
                    Some(hint) => hint,
                    None => {
                        self.reset(temps);
                        self.alloc()
                    }
                },
            };
            let end = if last { e.span.end } else { self.past_parentheses(&step.right) };
            self.at(Span::new(e.span.start, end));
            self.apply(step.op, right, result, left);
            self.reset(if result >= temps { result + 1 } else { temps });
            left = result;
        }
        Ok(())
    }

    /// End of `e` with its own parentheses.
    fn past_parentheses(&self, e: &Expr) -> u32 {
        let end = e.span.end as usize;
        if e.is_parenthesised()
            && let Some(close) = self.source.get(end..).and_then(|rest| rest.find(')'))
        {
            return (end + close + 1) as u32;
        }
        e.span.end
    }

    /// The right operand of an arithmetic instruction.
    fn right_operand(&mut self, op: BinaryOp, e: &'t Expr) -> Done<Right> {
        if let Some(int) = consts::small_int(e)
            && int_form(op).is_some()
        {
            return Ok(Right::Int(int));
        }
        if literal_form(op).is_some()
            && let Some(constant @ (Const::Int(_) | Const::Float(_) | Const::Big(_))) = fold(e)
        {
            return Ok(Right::Literal(self.u.asm.pool.add(constant)));
        }
        Ok(Right::Reg(self.operand(e)?))
    }

    fn apply(&mut self, op: BinaryOp, right: Right, to: Reg, left: Reg) {
        match (right, int_form(op), literal_form(op)) {
            (Right::Int(int), Some(op), _) => self.emit(op, to, left, int as u16),
            (Right::Literal(k), _, Some(op)) => self.emit_k(op, to, left, 0, k),
            (Right::Reg(right), ..) => self.emit(plain_form(op), to, left, right),
            (Right::Int(_), None, _) | (Right::Literal(_), _, None) => {}
        }
    }

    /// `to = left op= value`.
    pub fn in_place(&mut self, op: BinaryOp, left: Reg, value: &'t Expr, to: Reg, span: Span) -> Done {
        let immediate = match op {
            BinaryOp::Add => Some(Op::InAddInt),
            BinaryOp::Sub => Some(Op::InSubInt),
            _ => None,
        };
        if let (Some(op), Some(int)) = (immediate, consts::small_int(value)) {
            self.at(span);
            self.emit(op, to, left, int as u16);
            return Ok(());
        }
        let right = self.operand(value)?;
        self.at(span);
        self.emit(in_place_form(op), to, left, right);
        Ok(())
    }

    pub fn unary(&mut self, e: &'t Expr, op: UnaryOp, operand: &'t Expr, to: Reg) -> Done {
        let from = self.operand_in(operand, self.hint(to))?;
        self.at(e.span);
        let op = match op {
            UnaryOp::Plus => Op::Pos,
            UnaryOp::Minus => Op::Neg,
            UnaryOp::Invert => Op::Invert,
            UnaryOp::Not => Op::Not,
        };
        self.emit(op, to, from, 0);
        Ok(())
    }
}

/// A right operand: in a register, in the instruction or in its literal word.
enum Right {
    Reg(Reg),
    Int(i16),
    Literal(u32),
}

fn int_form(op: BinaryOp) -> Option<Op> {
    Some(match op {
        BinaryOp::Add => Op::AddInt,
        BinaryOp::Sub => Op::SubInt,
        BinaryOp::Mul => Op::MulInt,
        BinaryOp::FloorDiv => Op::FloorDivInt,
        BinaryOp::Mod => Op::ModInt,
        BinaryOp::BitAnd => Op::AndInt,
        BinaryOp::LShift => Op::LShiftInt,
        BinaryOp::RShift => Op::RShiftInt,
        _ => return None,
    })
}

fn literal_form(op: BinaryOp) -> Option<Op> {
    Some(match op {
        BinaryOp::Add => Op::AddK,
        BinaryOp::Sub => Op::SubK,
        BinaryOp::Mul => Op::MulK,
        BinaryOp::Div => Op::TrueDivK,
        _ => return None,
    })
}

fn plain_form(op: BinaryOp) -> Op {
    match op {
        BinaryOp::Add => Op::Add,
        BinaryOp::Sub => Op::Sub,
        BinaryOp::Mul => Op::Mul,
        BinaryOp::MatMul => Op::MatMul,
        BinaryOp::Div => Op::TrueDiv,
        BinaryOp::FloorDiv => Op::FloorDiv,
        BinaryOp::Mod => Op::Mod,
        BinaryOp::Pow => Op::Pow,
        BinaryOp::LShift => Op::LShift,
        BinaryOp::RShift => Op::RShift,
        BinaryOp::BitAnd => Op::And,
        BinaryOp::BitOr => Op::Or,
        BinaryOp::BitXor => Op::Xor,
    }
}

fn in_place_form(op: BinaryOp) -> Op {
    match op {
        BinaryOp::Add => Op::InAdd,
        BinaryOp::Sub => Op::InSub,
        BinaryOp::Mul => Op::InMul,
        BinaryOp::MatMul => Op::InMatMul,
        BinaryOp::Div => Op::InTrueDiv,
        BinaryOp::FloorDiv => Op::InFloorDiv,
        BinaryOp::Mod => Op::InMod,
        BinaryOp::Pow => Op::InPow,
        BinaryOp::LShift => Op::InLShift,
        BinaryOp::RShift => Op::InRShift,
        BinaryOp::BitAnd => Op::InAnd,
        BinaryOp::BitOr => Op::InOr,
        BinaryOp::BitXor => Op::InXor,
    }
}
