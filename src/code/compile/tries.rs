//! `try` in its forms. Each handler saves the exception handled before it and restores it on every way out.

use super::unit::Block;
use super::{Compiler, Done};
use crate::asm::{Label, Reg};
use crate::op::Op;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// `try`.
    pub fn try_stmt(&mut self, node: &'t Try, span: Span) -> Done {
        let bare = node.handlers.iter().rposition(|handler| handler.exception.is_none());
        if let Some(i) = bare
            && i + 1 < node.handlers.len()
        {
            return self.wrong(node.handlers[i].span, "default 'except:' must be last");
        }
        if self.watched {
            self.emit(Op::Nop, 0, 0, 0);
        }
        if node.finally.is_empty() {
            return self.try_except(node, span);
        }
        let mark = self.mark();
        let (fault, saved) = (self.alloc(), self.alloc());
        let outer = self.u.asm.region;
        self.push_block(Block::Finally { body: &node.finally, outer }, span)?;
        let region = self.u.asm.open_region(fault);
        if node.handlers.is_empty() {
            self.stmts(&node.body)?;
            self.stmts(&node.orelse)?;
        } else {
            self.try_except(node, span)?;
        }
        self.u.blocks.pop();
        self.u.asm.region = outer;
        let end = self.label();
        self.stmts(&node.finally)?;
        self.jump(end);
        self.u.asm.bind_handler(region);
        if self.u.asm.reachable() {
            self.emit(Op::PushExc, saved, fault, 0);
            let cleanup = self.u.asm.open_region(fault);
            self.push_block(Block::Handler { saved, name: None, outer }, span)?;
            self.stmts(&node.finally)?;
            self.u.blocks.pop();
            self.u.asm.region = outer;
            self.restore_and_reraise(saved, fault);
            self.u.asm.bind_handler(cleanup);
            self.restore_and_reraise(saved, fault);
        }
        self.bind(end);
        self.reset(mark);
        Ok(())
    }

    fn restore_and_reraise(&mut self, saved: Reg, fault: Reg) {
        self.emit(Op::PopExc, saved, 0, 0);
        self.emit(Op::Reraise, fault, 0, 0);
    }

    fn try_except(&mut self, node: &'t Try, span: Span) -> Done {
        let mark = self.mark();
        let (fault, saved) = (self.alloc(), self.alloc());
        let outer = self.u.asm.region;
        let end = self.label();
        let region = self.u.asm.open_region(fault);
        // The body counts as a block, as CPython's limit has it.
        self.push_block(Block::Finally { body: &[], outer }, span)?;
        self.stmts(&node.body)?;
        self.u.blocks.pop();
        self.u.asm.region = outer;
        self.stmts(&node.orelse)?;
        self.jump(end);
        self.u.asm.bind_handler(region);
        if self.u.asm.reachable() {
            if let Some(handler) = node.handlers.first() {
                self.at(handler.span);
            }
            self.emit(Op::PushExc, saved, fault, 0);
            let cleanup = self.u.asm.open_region(fault);
            if node.is_star {
                self.star_handlers(&node.handlers, fault, saved, outer, end)?;
            } else {
                self.handlers(&node.handlers, fault, saved, outer, end)?;
            }
            self.u.asm.bind_handler(cleanup);
            self.restore_and_reraise(saved, fault);
        } else {
            self.check_dead(node)?;
        }
        self.bind(end);
        self.reset(mark);
        Ok(())
    }

    /// Handlers that nothing reaches still have their faults found.
    fn check_dead(&mut self, node: &'t Try) -> Done {
        for handler in &node.handlers {
            if node.is_star {
                self.push_block(Block::Group, handler.span)?;
            }
            self.stmts(&handler.body)?;
            if node.is_star {
                self.u.blocks.pop();
            }
        }
        Ok(())
    }

    fn handlers(&mut self, handlers: &'t [Handler], fault: Reg, saved: Reg, outer: u32, end: Label) -> Done {
        let region = self.u.asm.region;
        for handler in handlers {
            let next = self.label();
            if let Some(class) = &handler.exception {
                let mark = self.mark();
                let class_reg = self.operand(class)?;
                let matched = self.alloc();
                self.at(class.span);
                self.emit(Op::MatchExc, matched, fault, class_reg);
                self.jump_if(Op::JFalse, matched, 0, next);
                self.reset(mark);
            }
            self.push_block(Block::Handler { saved, name: handler.name.as_ref(), outer }, handler.span)?;
            match &handler.name {
                None => self.stmts(&handler.body)?,
                Some(name) => {
                    self.store_name(&name.name, fault, name.span);
                    let naming = self.u.asm.open_region(fault);
                    self.stmts(&handler.body)?;
                    self.u.asm.region = region;
                    self.forget_name(name);
                    let leave = self.label();
                    self.jump(leave);
                    self.u.asm.bind_handler(naming);
                    self.forget_name(name);
                    self.emit(Op::Reraise, fault, 0, 0);
                    self.bind(leave);
                }
            }
            self.u.blocks.pop();
            self.u.asm.region = outer;
            self.emit(Op::PopExc, saved, 0, 0);
            self.jump(end);
            self.u.asm.region = region;
            self.bind(next);
        }
        self.u.asm.region = outer;
        self.restore_and_reraise(saved, fault);
        Ok(())
    }

    /// `except*`: each handler takes its part of the group; what is left and what they raise is raised together.
    fn star_handlers(
        &mut self,
        handlers: &'t [Handler],
        fault: Reg,
        saved: Reg,
        outer: u32,
        end: Label,
    ) -> Done {
        let region = self.u.asm.region;
        let (rest, raised, part) = (self.alloc(), self.alloc(), self.alloc());
        let thrown = self.alloc();
        self.emit(Op::Move, rest, fault, 0);
        self.emit(Op::BuildList, raised, 0, 0);
        for handler in handlers {
            let next = self.label();
            self.jump_if(Op::JNone, rest, 0, next);
            if let Some(class) = &handler.exception {
                let mark = self.mark();
                let class_reg = self.operand(class)?;
                self.at(class.span);
                self.emit(Op::MatchGroup, part, rest, class_reg);
                self.reset(mark);
            }
            self.jump_if(Op::JNone, part, 0, next);
            let inner = self.alloc();
            self.emit(Op::PushExc, inner, part, 0);
            self.push_block(Block::Group, handler.span)?;
            let body = self.u.asm.open_region(thrown);
            if let Some(name) = &handler.name {
                self.store_name(&name.name, part, name.span);
            }
            self.stmts(&handler.body)?;
            self.u.asm.region = region;
            self.u.blocks.pop();
            if let Some(name) = &handler.name {
                self.forget_name(name);
            }
            self.emit(Op::PopExc, inner, 0, 0);
            self.jump(next);
            self.u.asm.bind_handler(body);
            if let Some(name) = &handler.name {
                self.forget_name(name);
            }
            self.emit(Op::PopExc, inner, 0, 0);
            self.emit(Op::ListAppend, raised, thrown, 0);
            self.bind(next);
            self.reset(inner);
        }
        let nothing = self.label();
        let unmatched = self.label();
        self.jump_if(Op::JNone, rest, 0, unmatched);
        self.emit(Op::ListAppend, raised, rest, 0);
        self.bind(unmatched);
        self.emit(Op::MergeGroup, part, raised, fault);
        self.jump_if(Op::JNone, part, 0, nothing);
        self.u.asm.region = outer;
        self.restore_and_reraise(saved, part);
        self.bind(nothing);
        self.emit(Op::PopExc, saved, 0, 0);
        self.jump(end);
        Ok(())
    }
}
