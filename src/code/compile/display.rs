//! Displays: tuples, lists, sets, dicts and formatted strings.

use super::consts::fold;
use super::{Compiler, Done};
use crate::asm::Reg;
use crate::data::Const;
use crate::op::Op;
use minipy_grammar::tree::*;

/// Items that are held in registers at once; longer displays are built item by item.
const MOST_ITEMS: usize = 256;

impl<'t> Compiler<'t> {
    /// A tuple, list or set (by its `build` instruction).
    pub fn sequence(&mut self, items: &'t [Expr], build: Op, to: Reg, span: Span) -> Done {
        let starred = items.iter().any(|item| matches!(item.kind, ExprKind::Starred(_)));
        if !starred && items.len() >= 3 && build != Op::BuildTuple {
            // A tuple of constants is one literal.
            if let Some(constants) = items.iter().map(fold).collect::<Option<Vec<Const>>>() {
                let built = self.scratch(to);
                let literal = self.alloc();
                self.at(span);
                self.emit(build, built, 0, 0);
                self.load_const(Const::Tuple(constants), literal);
                let extend = if build == Op::BuildList { Op::ListExtend } else { Op::SetUpdate };
                self.emit(extend, built, literal, 0);
                self.copy(to, built);
                return Ok(());
            }
        }
        if !starred && items.len() <= MOST_ITEMS {
            let first = self.mark();
            for item in items {
                let slot = self.alloc();
                self.expr_to(item, slot)?;
            }
            self.at(span);
            self.emit(build, to, first, items.len() as u16);
            return Ok(());
        }
        let built = self.scratch(to);
        self.at(span);
        let (make, append, extend) = match build {
            Op::BuildSet => (Op::BuildSet, Op::SetAdd, Op::SetUpdate),
            _ => (Op::BuildList, Op::ListAppend, Op::ListExtend),
        };
        self.emit(make, built, 0, 0);
        for item in items {
            let mark = self.mark();
            let (value, op) = match &item.kind {
                ExprKind::Starred(inner) => (self.operand(inner)?, extend),
                _ => (self.operand(item)?, append),
            };
            self.at(if op == extend { item.span } else { span });
            self.emit(op, built, value, 0);
            self.reset(mark);
        }
        if build == Op::BuildTuple {
            self.at(span);
            self.emit(Op::ListToTuple, built, built, 0);
        }
        self.copy(to, built);
        Ok(())
    }

    /// A dict display.
    pub fn dict(&mut self, items: &'t [DictItem], to: Reg, span: Span) -> Done {
        if items.len() <= MOST_ITEMS / 2 && items.iter().all(|item| item.key.is_some()) {
            let first = self.mark();
            for item in items {
                for part in item.key.iter().chain([&item.value]) {
                    let slot = self.alloc();
                    self.expr_to(part, slot)?;
                }
            }
            self.at(span);
            self.emit(Op::BuildMap, to, first, items.len() as u16);
            return Ok(());
        }
        let built = self.scratch(to);
        self.at(span);
        self.emit(Op::BuildMap, built, 0, 0);
        for item in items {
            let mark = self.mark();
            match &item.key {
                Some(key) => {
                    let key = self.operand_before(key, None, [&item.value])?;
                    let value = self.operand(&item.value)?;
                    self.at(span);
                    self.emit(Op::MapAdd, built, key, value);
                }
                None => {
                    let value = self.operand(&item.value)?;
                    self.at(item.value.span);
                    self.emit(Op::DictUpdate, built, value, 0);
                }
            }
            self.reset(mark);
        }
        self.copy(to, built);
        Ok(())
    }

    /// A formatted string.
    pub fn fstring(&mut self, parts: &'t [FPart], to: Reg, span: Span) -> Done {
        match parts {
            [] => {
                self.at(span);
                self.load_str("", to);
                return Ok(());
            }
            [FPart::Literal(text)] => {
                self.at(span);
                self.load_const(Const::Str(text.clone()), to);
                return Ok(());
            }
            [FPart::Field(field)] => {
                let built = self.scratch(to);
                self.field(field, built)?;
                self.copy(to, built);
                return Ok(());
            }
            _ => {}
        }
        let first = self.mark();
        let mut held = 0;
        for part in parts {
            if held == MOST_ITEMS {
                self.at(span);
                self.emit(Op::BuildString, first, first, held as u16);
                self.reset(first + 1);
                held = 1;
            }
            let slot = self.alloc();
            held += 1;
            match part {
                FPart::Literal(text) => {
                    self.at(span);
                    self.load_const(Const::Str(text.clone()), slot);
                }
                FPart::Field(field) => self.field(field, slot)?,
            }
        }
        self.at(span);
        self.emit(Op::BuildString, to, first, held as u16);
        Ok(())
    }

    /// One field of a formatted string, into a temporary.
    fn field(&mut self, field: &'t FField, to: Reg) -> Done {
        let mark = self.mark();
        let mut value = self.operand_in(&field.value, Some(to))?;
        if let Some(conversion) = field.conversion {
            self.at(field.span);
            let which = match conversion {
                's' => 0,
                'r' => 1,
                _ => 2,
            };
            self.emit(Op::Convert, to, value, which);
            value = to;
        }
        match &field.spec {
            None => {
                self.at(field.span);
                self.emit(Op::FormatSimple, to, value, 0);
            }
            Some(spec) => {
                let text = self.alloc();
                self.fstring(spec, text, field.span)?;
                self.at(field.span);
                self.emit(Op::Format, to, value, text);
            }
        }
        self.reset(mark);
        Ok(())
    }
}
