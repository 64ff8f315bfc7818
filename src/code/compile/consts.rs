//! Constants: expressions whose value is known, folded as far as nothing could fail and nothing grows large.

use super::{Compiler, Done};
use crate::asm::Reg;
use crate::data::Const;
use crate::op::Op;
use minipy_grammar::tree::*;
use std::sync::Arc;

/// Longest text or tuple that folding makes.
const MOST_LENGTH: usize = 4096;

/// The value of an expression, if it is constant.
pub fn fold(e: &Expr) -> Option<Const> {
    Some(match &e.kind {
        ExprKind::None => Const::None,
        ExprKind::True => Const::Bool(true),
        ExprKind::False => Const::Bool(false),
        ExprKind::Ellipsis => Const::Ellipsis,
        ExprKind::Int(Int::Small(x)) => Const::Int(*x),
        ExprKind::Int(Int::Big(digits)) => Const::Big(Arc::from(&**digits)),
        ExprKind::Float(x) => Const::Float(*x),
        ExprKind::Imaginary(x) => Const::Imaginary(*x),
        ExprKind::Str(text) => Const::Str(text.clone()),
        ExprKind::Bytes(bytes) => Const::Bytes(bytes.clone()),
        ExprKind::Name(name) if &**name == "__debug__" => Const::Bool(true),
        ExprKind::Tuple(items) => Const::Tuple(items.iter().map(fold).collect::<Option<_>>()?),
        ExprKind::Unary { op, operand } => unary(*op, fold(operand)?)?,
        ExprKind::Binary { first, rest } => {
            let mut value = fold(first)?;
            for step in rest {
                value = binary(step.op, &value, &fold(&step.right)?)?;
            }
            value
        }
        _ => return None,
    })
}

/// Whether a constant counts as true.
pub fn truth(constant: &Const) -> bool {
    match constant {
        Const::None => false,
        Const::Bool(x) => *x,
        Const::Int(x) => *x != 0,
        Const::Float(x) | Const::Imaginary(x) => *x != 0.0,
        Const::Str(text) => !text.0.is_empty(),
        Const::Bytes(bytes) => !bytes.is_empty(),
        Const::Tuple(items) | Const::FrozenSet(items) => !items.is_empty(),
        Const::Ellipsis | Const::Big(_) | Const::Name(_) | Const::Code(_) => true,
    }
}

fn unary(op: UnaryOp, value: Const) -> Option<Const> {
    Some(match (op, value) {
        (UnaryOp::Not, value) => Const::Bool(!truth(&value)),
        (UnaryOp::Minus, Const::Int(x)) => Const::Int(x.checked_neg()?),
        // The least 64-bit integer is the negative of one that is too large.
        (UnaryOp::Minus, Const::Big(digits)) if &*digits == "8000000000000000" => Const::Int(i64::MIN),
        (UnaryOp::Minus, Const::Float(x)) => Const::Float(-x),
        (UnaryOp::Plus, value @ (Const::Int(_) | Const::Big(_) | Const::Float(_) | Const::Imaginary(_))) => {
            value
        }
        (UnaryOp::Invert, Const::Int(x)) => Const::Int(!x),
        _ => return None,
    })
}

fn binary(op: BinaryOp, left: &Const, right: &Const) -> Option<Const> {
    match (left, right) {
        (Const::Int(x), Const::Int(y)) => ints(op, *x, *y),
        (Const::Float(x), Const::Float(y)) => floats(op, *x, *y),
        (Const::Int(x), Const::Float(y)) => floats(op, *x as f64, *y),
        (Const::Float(x), Const::Int(y)) => floats(op, *x, *y as f64),
        (Const::Str(x), Const::Str(y)) if op == BinaryOp::Add => Some(Const::Str(Text(joined(&x.0, &y.0)?))),
        (Const::Bytes(x), Const::Bytes(y)) if op == BinaryOp::Add => Some(Const::Bytes(joined(x, y)?)),
        (Const::Str(x), Const::Int(n)) | (Const::Int(n), Const::Str(x)) if op == BinaryOp::Mul => {
            Some(Const::Str(Text(repeated(&x.0, *n)?)))
        }
        (Const::Bytes(x), Const::Int(n)) | (Const::Int(n), Const::Bytes(x)) if op == BinaryOp::Mul => {
            Some(Const::Bytes(repeated(x, *n)?))
        }
        (Const::Tuple(x), Const::Tuple(y)) if op == BinaryOp::Add && x.len() + y.len() <= MOST_LENGTH => {
            Some(Const::Tuple(x.iter().chain(y).cloned().collect()))
        }
        (Const::Tuple(x), Const::Int(n)) | (Const::Int(n), Const::Tuple(x)) if op == BinaryOp::Mul => {
            let n = usize::try_from(*n).unwrap_or(0);
            if x.len().saturating_mul(n) > 256 {
                return None;
            }
            Some(Const::Tuple(std::iter::repeat_n(x, n).flatten().cloned().collect()))
        }
        _ => None,
    }
}

/// Two texts in one, unless that is long or joins halves of a surrogate pair.
fn joined(x: &[u8], y: &[u8]) -> Option<Box<[u8]>> {
    let half = x.len() >= 3 && x[x.len() - 3] == 0xED && x[x.len() - 2] >= 0xA0;
    (x.len() + y.len() <= MOST_LENGTH && !half).then(|| [x, y].concat().into())
}

fn repeated(x: &[u8], n: i64) -> Option<Box<[u8]>> {
    let n = usize::try_from(n).unwrap_or(0);
    let half = x.contains(&0xED);
    (x.len().saturating_mul(n) <= MOST_LENGTH && !half).then(|| x.repeat(n).into())
}

fn ints(op: BinaryOp, x: i64, y: i64) -> Option<Const> {
    Some(Const::Int(match op {
        BinaryOp::Add => x.checked_add(y)?,
        BinaryOp::Sub => x.checked_sub(y)?,
        BinaryOp::Mul => x.checked_mul(y)?,
        BinaryOp::Div => {
            const EXACT: i64 = 1 << 53;
            if y == 0 || !(-EXACT..=EXACT).contains(&x) || !(-EXACT..=EXACT).contains(&y) {
                return None;
            }
            return Some(Const::Float(x as f64 / y as f64));
        }
        BinaryOp::FloorDiv => {
            let q = x.checked_div(y)?;
            if x % y != 0 && (x < 0) != (y < 0) { q - 1 } else { q }
        }
        BinaryOp::Mod => {
            let r = x.checked_rem(y)?;
            if r != 0 && (r < 0) != (y < 0) { r + y } else { r }
        }
        BinaryOp::Pow => x.checked_pow(u32::try_from(y).ok()?)?,
        BinaryOp::LShift => {
            let shifted = x.checked_shl(u32::try_from(y).ok()?)?;
            if shifted >> y != x {
                return None;
            }
            shifted
        }
        BinaryOp::RShift if y >= 0 => x >> y.min(63),
        BinaryOp::BitAnd => x & y,
        BinaryOp::BitOr => x | y,
        BinaryOp::BitXor => x ^ y,
        BinaryOp::RShift | BinaryOp::MatMul => return None,
    }))
}

fn floats(op: BinaryOp, x: f64, y: f64) -> Option<Const> {
    Some(Const::Float(match op {
        BinaryOp::Add => x + y,
        BinaryOp::Sub => x - y,
        BinaryOp::Mul => x * y,
        BinaryOp::Div if y != 0.0 => x / y,
        _ => return None,
    }))
}

/// The integer that an instruction can carry in an operand.
pub fn small_int(e: &Expr) -> Option<i16> {
    match fold(e)? {
        Const::Int(x) => i16::try_from(x).ok(),
        _ => None,
    }
}

impl<'t> Compiler<'t> {
    /// Puts a constant into `to`.
    pub fn load_const(&mut self, constant: Const, to: Reg) {
        match constant {
            Const::None => self.emit(Op::LoadNone, to, 0, 0),
            Const::Int(x) if i16::try_from(x).is_ok() => self.emit(Op::LoadInt, to, x as i16 as u16, 0),
            constant => {
                let k = self.u.asm.pool.add(constant);
                self.emit_k(Op::LoadConst, to, 0, 0, k);
            }
        }
    }

    /// A string constant.
    pub fn load_str(&mut self, text: &str, to: Reg) {
        self.load_const(Const::Str(Text(text.as_bytes().into())), to);
    }

    /// A string constant in `to`, for names that the program sees as strings.
    pub fn load_name_str(&mut self, name: &Name, to: Reg) {
        let k = self.u.asm.pool.add(Const::Name(name.clone()));
        self.emit_k(Op::LoadConst, to, 0, 0, k);
    }

    /// The constant index of a tuple of identifiers.
    pub fn names_k(&mut self, names: impl Iterator<Item = Name>) -> u32 {
        self.u.asm.pool.add(Const::Tuple(names.map(Const::Name).collect()))
    }

    /// A constant expression's value into `to`; false if it is none.
    pub fn const_to(&mut self, e: &Expr, to: Reg) -> Done<bool> {
        let Some(constant) = fold(e) else { return Ok(false) };
        self.at(e.span);
        self.load_const(constant, to);
        Ok(true)
    }
}

/// One step of a chain on constants.
pub fn fold_step(op: BinaryOp, left: &Const, right: &Expr) -> Option<Const> {
    binary(op, left, &fold(right)?)
}
