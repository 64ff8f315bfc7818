//! `match`: each pattern is a chain of tests that jump to the next case; names are bound only when all have passed.

use super::consts::fold;
use super::{Compiler, Done};
use crate::asm::{Ins, Label, Reg, bare};
use crate::data::Const;
use crate::op::Op;
use minipy_grammar::tree::*;

/// The names bound so far in a pattern, each with the temporary that holds its value.
type Captures<'t> = Vec<(&'t Ident, Reg)>;

impl<'t> Compiler<'t> {
    /// `match`.
    pub fn match_stmt(&mut self, subject: &'t Expr, cases: &'t [Case]) -> Done {
        let end = self.label();
        let mark = self.mark();
        let mut value = self.operand(subject)?;
        // A case that fails in its guard has bound its names already.
        if value < mark && cases.iter().any(|case| case.guard.is_some()) {
            let copy = self.alloc();
            self.copy(copy, value);
            value = copy;
        }
        for case in cases {
            let mark = self.mark();
            let next = self.label();
            let mut captures = Vec::new();
            self.pattern(&case.pattern, value, next, &mut captures)?;
            for (name, from) in captures {
                self.store_name(&name.name, from, name.span);
            }
            if let Some(guard) = &case.guard {
                self.cond(guard, next, false)?;
            }
            self.reset(mark);
            self.stmts(&case.body)?;
            self.jump(end);
            self.bind(next);
        }
        self.bind(end);
        Ok(())
    }

    /// Tests `value` against a pattern; goes to `fail` if it does not match. Temporaries that captures are in stay.
    fn pattern(
        &mut self,
        pattern: &'t Pattern,
        value: Reg,
        fail: Label,
        captures: &mut Captures<'t>,
    ) -> Done {
        self.depth.check(pattern.span)?;
        self.at(pattern.span);
        match &pattern.kind {
            PatternKind::Wildcard | PatternKind::Star(None) => {}
            PatternKind::Capture(name) | PatternKind::Star(Some(name)) => captures.push((name, value)),
            PatternKind::Value(e) => {
                let mark = self.mark();
                let wanted = self.operand(e)?;
                self.at(pattern.span);
                self.jump_if(Op::JNotEq, value, wanted, fail);
                self.reset(mark);
            }
            PatternKind::Singleton(e) => {
                let mark = self.mark();
                if let ExprKind::None = e.kind {
                    self.jump_if(Op::JNotNone, value, 0, fail);
                } else {
                    let wanted = self.operand(e)?;
                    self.jump_if(Op::JIsNot, value, wanted, fail);
                }
                self.reset(mark);
            }
            PatternKind::As { pattern, name } => {
                self.pattern(pattern, value, fail, captures)?;
                captures.push((name, value));
            }
            PatternKind::Or(alternatives) => self.alternatives(alternatives, value, fail, captures)?,
            PatternKind::Sequence(items) => self.sequence_pattern(pattern, items, value, fail, captures)?,
            PatternKind::Mapping { items, rest } => {
                self.mapping_pattern(pattern, items, rest.as_ref(), value, fail, captures)?;
            }
            PatternKind::Class { class, positional, keywords } => {
                self.class_pattern(pattern, class, positional, keywords, value, fail, captures)?;
            }
        }
        Ok(())
    }

    fn alternatives(
        &mut self,
        alternatives: &'t [Pattern],
        value: Reg,
        fail: Label,
        captures: &mut Captures<'t>,
    ) -> Done {
        let matched = self.label();
        // Every alternative leaves its names in the registers that the first one's names are given.
        let names = crate::scope::captures(&alternatives[0])?;
        let slots = self.alloc_many(names.len());
        for (i, alternative) in alternatives.iter().enumerate() {
            let mark = self.mark();
            let next = if i + 1 == alternatives.len() { fail } else { self.label() };
            let mut own = Vec::new();
            self.pattern(alternative, value, next, &mut own)?;
            for (name, from) in own {
                if let Some(at) = names.iter().position(|known| known.name == name.name) {
                    self.copy(slots + at as Reg, from);
                }
            }
            self.reset(mark);
            if next != fail {
                self.jump(matched);
                self.bind(next);
            }
        }
        self.bind(matched);
        captures.extend(names.into_iter().enumerate().map(|(i, name)| (name, slots + i as Reg)));
        Ok(())
    }

    fn sequence_pattern(
        &mut self,
        pattern: &'t Pattern,
        items: &'t [Pattern],
        value: Reg,
        fail: Label,
        captures: &mut Captures<'t>,
    ) -> Done {
        let flag = self.alloc();
        self.emit(Op::MatchSequence, flag, value, 0);
        self.jump_if(Op::JFalse, flag, 0, fail);
        let star = items.iter().position(|p| matches!(p.kind, PatternKind::Star(_)));
        let least = items.len() - star.is_some() as usize;
        if least > i16::MAX as usize || star.is_some_and(|i| i > 255 || least - i > 255) {
            return self.wrong(pattern.span, "too many expressions in star-unpacking sequence pattern");
        }
        if star.is_none() || least > 0 {
            self.emit(Op::GetLen, flag, value, 0);
            let op = if star.is_some() { Op::JNotGeInt } else { Op::JNotEqInt };
            self.jump_if(op, flag, least as u16, fail);
        }
        let plain = |p: &Pattern| matches!(p.kind, PatternKind::Wildcard | PatternKind::Star(None));
        if items.iter().all(plain) {
            return Ok(());
        }
        let first = self.alloc_many(items.len());
        match star {
            None => self.emit(Op::Unpack, first, value, items.len() as u16),
            Some(i) => self.emit(Op::UnpackEx, first, value, (i | (least - i) << 8) as u16),
        }
        for (i, item) in items.iter().enumerate() {
            self.pattern(item, first + i as Reg, fail, captures)?;
        }
        Ok(())
    }

    fn mapping_pattern(
        &mut self,
        pattern: &'t Pattern,
        items: &'t [(Expr, Pattern)],
        rest: Option<&'t Ident>,
        value: Reg,
        fail: Label,
        captures: &mut Captures<'t>,
    ) -> Done {
        let flag = self.alloc();
        self.emit(Op::MatchMapping, flag, value, 0);
        self.jump_if(Op::JFalse, flag, 0, fail);
        if items.is_empty() && rest.is_none() {
            return Ok(());
        }
        if !items.is_empty() {
            if items.len() > i16::MAX as usize {
                return self.wrong(pattern.span, "too many sub-patterns in mapping pattern");
            }
            self.emit(Op::GetLen, flag, value, 0);
            self.jump_if(Op::JNotGeInt, flag, items.len() as u16, fail);
        }
        let mut known: Vec<Const> = Vec::new();
        for (key, _) in items {
            if let Some(constant) = fold(key) {
                if known.contains(&constant) {
                    let text = self.source.get(key.span.start as usize..key.span.end as usize).unwrap_or("");
                    return self
                        .wrong(pattern.span, format!("mapping pattern checks duplicate key ({text})"));
                }
                known.push(constant);
            }
        }
        let keys = self.alloc();
        let first = self.mark();
        for (key, _) in items {
            let slot = self.alloc();
            self.expr_to(key, slot)?;
        }
        self.at(pattern.span);
        self.emit(Op::BuildTuple, keys, first, items.len() as u16);
        self.reset(first);
        let values = self.alloc();
        self.emit(Op::MatchKeys, values, value, keys);
        self.jump_if(Op::JNone, values, 0, fail);
        let first = self.alloc_many(items.len());
        self.emit(Op::Unpack, first, values, items.len() as u16);
        for (i, (_, item)) in items.iter().enumerate() {
            self.pattern(item, first + i as Reg, fail, captures)?;
        }
        if let Some(rest) = rest {
            let copy = self.alloc();
            self.at(pattern.span);
            self.emit(Op::MatchRest, copy, value, keys);
            captures.push((rest, copy));
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a class pattern beside the usual four")]
    fn class_pattern(
        &mut self,
        pattern: &'t Pattern,
        class: &'t Expr,
        positional: &'t [Pattern],
        keywords: &'t [(Ident, Pattern)],
        value: Reg,
        fail: Label,
        captures: &mut Captures<'t>,
    ) -> Done {
        let mut names: Vec<Name> = Vec::new();
        for (name, _) in keywords {
            if names.contains(&name.name) {
                let message = format!("attribute name repeated in class pattern: {}", name.name);
                return self.wrong(name.span, message);
            }
            names.push(name.name.clone());
        }
        let names: Vec<Name> = names.iter().map(|name| self.mangled(name)).collect();
        let k = self.names_k(names.into_iter());
        let found = self.alloc();
        let class = self.operand_in(class, Some(found))?;
        self.at(pattern.span);
        let raw = positional.len() as u32;
        self.u.asm.push(Ins { k, raw, ..bare(Op::MatchClass, found, value, class) });
        self.jump_if(Op::JNone, found, 0, fail);
        let n = positional.len() + keywords.len();
        if n == 0 {
            return Ok(());
        }
        let first = self.alloc_many(n);
        self.emit(Op::Unpack, first, found, n as u16);
        for (i, item) in positional.iter().chain(keywords.iter().map(|(_, item)| item)).enumerate() {
            self.pattern(item, first + i as Reg, fail, captures)?;
        }
        Ok(())
    }
}
