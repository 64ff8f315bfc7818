//! Statements.

use super::unit::Block;
use super::{Compiler, Done};
use crate::asm::Reg;
use crate::op::Op;
use crate::scope::Kind;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// Statements in a row.
    pub fn stmts(&mut self, body: &'t [Stmt]) -> Done {
        body.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    fn stmt(&mut self, stmt: &'t Stmt) -> Done {
        self.depth.check(stmt.span)?;
        if self.u.asm.ins.len() > super::MOST_INSTRUCTIONS {
            return self.wrong(stmt.span, "function is too large to compile");
        }
        let mark = self.mark();
        self.at(stmt.span);
        match &stmt.kind {
            StmtKind::Expr(e) => {
                if self.interactive && self.u.root == 0 {
                    let value = self.operand(e)?;
                    self.at(stmt.span);
                    self.emit(Op::PrintExpr, value, 0, 0);
                } else {
                    self.discard(e)?;
                }
            }
            StmtKind::Assign { targets, value } => self.assign(targets, value)?,
            StmtKind::AugAssign { target, op, value, .. } => self.aug_assign(stmt, target, *op, value)?,
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                self.ann_assign(target, annotation, value.as_ref(), *simple)?;
            }
            StmtKind::Return(value) => self.return_stmt(value.as_ref(), stmt.span)?,
            StmtKind::Delete(targets) => targets.iter().try_for_each(|t| self.delete(t))?,
            StmtKind::Pass if self.watched => self.emit(Op::Nop, 0, 0, 0),
            StmtKind::Pass | StmtKind::Global(_) | StmtKind::Nonlocal(_) => {}
            StmtKind::Break => self.leave_loop(true, stmt.span)?,
            StmtKind::Continue => self.leave_loop(false, stmt.span)?,
            StmtKind::Raise { exception: None, .. } => self.emit(Op::RaiseAgain, 0, 0, 0),
            StmtKind::Raise { exception: Some(exception), cause: None } => {
                let value = self.operand(exception)?;
                self.at(stmt.span);
                self.emit(Op::Raise, value, 0, 0);
            }
            StmtKind::Raise { exception: Some(exception), cause: Some(cause) } => {
                let value = self.operand_before(exception, None, [cause])?;
                let cause = self.operand(cause)?;
                self.at(stmt.span);
                self.emit(Op::RaiseFrom, value, cause, 0);
            }
            StmtKind::Import(names) => self.import(names, stmt.span)?,
            StmtKind::ImportFrom { level, module, names } => {
                self.import_from(*level, module.as_ref(), names, stmt.span)?;
            }
            StmtKind::Assert { test, message } => self.assert(test, message.as_ref())?,
            StmtKind::If { branches, orelse } => self.if_stmt(branches, orelse)?,
            StmtKind::While { test, body, orelse } => self.while_loop(test, body, orelse, stmt.span)?,
            StmtKind::For(node) => self.for_loop(node, stmt.span)?,
            StmtKind::Try(node) => self.try_stmt(node, stmt.span)?,
            StmtKind::With { is_async, items, body } => self.with(*is_async, items, body, stmt.span)?,
            StmtKind::FunctionDef(node) => self.function_def(node)?,
            StmtKind::ClassDef(node) => self.class_def(node)?,
            StmtKind::Match { subject, cases } => self.match_stmt(subject, cases)?,
            StmtKind::TypeAlias { name, type_params, value } => {
                self.type_alias(stmt, name, type_params, value)?;
            }
        }
        self.reset(mark);
        Ok(())
    }

    fn if_stmt(&mut self, branches: &'t [Branch], orelse: &'t [Stmt]) -> Done {
        let end = self.label();
        for branch in branches {
            let next = self.label();
            self.cond(&branch.test, next, false)?;
            self.stmts(&branch.body)?;
            self.jump(end);
            self.bind(next);
        }
        self.stmts(orelse)?;
        self.bind(end);
        Ok(())
    }

    fn assert(&mut self, test: &'t Expr, message: Option<&'t Expr>) -> Done {
        let holds = self.label();
        self.cond(test, holds, true)?;
        let window = self.alloc();
        self.at(test.span);
        self.emit(Op::LoadAssertion, window, 0, 0);
        if let Some(message) = message {
            self.links();
            let argument = self.alloc();
            self.expr_to(message, argument)?;
            self.at(test.span);
            self.emit(Op::Call, window, 1, 0);
        }
        self.at(test.span);
        self.emit(Op::Raise, window, 0, 0);
        self.bind(holds);
        Ok(())
    }

    fn return_stmt(&mut self, value: Option<&'t Expr>, span: Span) -> Done {
        if !matches!(self.scopes.all[self.u.root].kind, Kind::Function | Kind::Lambda) {
            return self.wrong(span, "'return' outside function");
        }
        if self.u.blocks.iter().any(|b| matches!(b, Block::Group)) {
            return self.group_exit(span);
        }
        let value = match value {
            None => None,
            Some(Expr { kind: ExprKind::None, .. }) => None,
            Some(value) => Some(self.returned(value)?),
        };
        self.unwind(0, value, |c| {
            c.at(span);
            match value {
                Some(value) => c.emit(Op::Return, value, 0, 0),
                None => c.emit(Op::ReturnNone, 0, 0, 0),
            }
        })
    }

    /// The value to return, where nothing that runs on the way out can change it.
    fn returned(&mut self, e: &'t Expr) -> Done<Reg> {
        let value = self.operand(e)?;
        let runs = self.u.blocks.iter().any(|block| match block {
            Block::Finally { body, .. } => !body.is_empty(),
            Block::Handler { name, .. } => name.is_some(),
            Block::Loop { .. } | Block::With { .. } | Block::Group => false,
        });
        if runs && !self.is_temp(value) {
            let copy = self.alloc();
            self.copy(copy, value);
            return Ok(copy);
        }
        Ok(value)
    }
}
