//! Loops, turned round so that each pass takes one jump, and the ways out of them.

use super::consts::{fold, truth};
use super::unit::Block;
use super::{Compiler, Done};
use crate::asm::{Label, Reg};
use crate::op::Op;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// `while`.
    pub fn while_loop(&mut self, test: &'t Expr, body: &'t [Stmt], orelse: &'t [Stmt], span: Span) -> Done {
        let (top, again, exit) = (self.label(), self.label(), self.label());
        let constant = fold(test).map(|value| truth(&value));
        if constant == Some(false) {
            self.stmts(orelse)?;
            return Ok(());
        }
        self.push_block(Block::Loop { exit, again }, span)?;
        if constant == Some(true) {
            self.bind(top);
            self.stmts(body)?;
            self.bind(again);
            self.at(test.span);
            self.jump(top);
        } else {
            self.at(test.span);
            self.u.asm.enter_loop(again, top);
            self.stmts(body)?;
            self.bind(again);
            self.cond(test, top, true)?;
        }
        self.u.blocks.pop();
        self.stmts(orelse)?;
        self.bind(exit);
        Ok(())
    }

    /// `for`.
    pub fn for_loop(&mut self, node: &'t For, span: Span) -> Done {
        let mark = self.mark();
        let (top, again, exit, end) = (self.label(), self.label(), self.label(), self.label());
        let iter = self.alloc();
        let from = self.operand_in(&node.iter, Some(iter))?;
        self.at(node.iter.span);
        let local = self.local_target(&node.target);
        self.push_block(Block::Loop { exit, again }, span)?;
        if node.is_async {
            self.async_iter(from, iter);
            self.bind(again);
            let item = self.alloc();
            self.at(node.iter.span);
            self.async_next(iter, item, end)?;
            self.store(&node.target, item)?;
            self.reset(item);
            self.stmts(&node.body)?;
            self.at(node.iter.span);
            self.jump(again);
            self.bind(end);
        } else {
            self.emit(Op::GetIter, iter, from, 0);
            self.u.asm.enter_loop(again, top);
            let item = match local {
                Some(reg) => reg,
                None => {
                    let item = self.alloc();
                    self.store(&node.target, item)?;
                    self.reset(item);
                    item
                }
            };
            self.stmts(&node.body)?;
            self.bind(again);
            self.at(node.iter.span);
            self.jump_if(Op::ForIter, item, iter, top);
        }
        self.u.blocks.pop();
        self.stmts(&node.orelse)?;
        self.bind(exit);
        self.reset(mark);
        Ok(())
    }

    /// The asynchronous iterator of `from`, in the temporary `to`.
    pub fn async_iter(&mut self, from: Reg, to: Reg) {
        let mark = self.mark();
        let window = self.special(from, 4);
        self.emit(Op::CallMethod, window, 0, 0);
        self.copy(to, window);
        self.reset(mark);
    }

    /// The next item of an asynchronous iterator in the temporary `item`; at its end goes to `end`.
    pub fn async_next(&mut self, iter: Reg, item: Reg, end: Label) -> Done {
        let mark = self.mark();
        let (fault, next) = (self.alloc(), self.label());
        let region = self.u.asm.open_region(fault);
        let window = self.special(iter, 5);
        self.emit(Op::CallMethod, window, 0, 0);
        self.await_value(window, item, 3);
        self.u.asm.region = self.u.asm.regions[region as usize].parent;
        self.jump(next);
        self.u.asm.bind_handler(region);
        let (class, ended) = (self.alloc(), self.alloc());
        let k = self.name_k(&Name::from("StopAsyncIteration"));
        self.emit_k(Op::LoadGlobal, class, 0, 0, k);
        self.emit(Op::MatchExc, ended, fault, class);
        self.jump_if(Op::JTrue, ended, 0, end);
        self.emit(Op::Reraise, fault, 0, 0);
        self.bind(next);
        self.reset(mark);
        Ok(())
    }

    /// A method window at the top with special method `which` of `from`.
    pub fn special(&mut self, from: Reg, which: u16) -> Reg {
        let window = self.alloc_many(4);
        self.emit(Op::LoadSpecial, window, from, which);
        window
    }

    // ---- ways out

    /// Opens a block.
    pub fn push_block(&mut self, block: Block<'t>, span: Span) -> Done {
        if self.u.blocks.len() >= super::MOST_BLOCKS {
            return self.wrong(span, "too many statically nested blocks");
        }
        self.u.blocks.push(block);
        Ok(())
    }

    /// `break` or `continue`.
    pub fn leave_loop(&mut self, is_break: bool, span: Span) -> Done {
        let found = self.u.blocks.iter().rposition(|b| matches!(b, Block::Loop { .. } | Block::Group));
        match found.map(|i| (i, self.u.blocks[i])) {
            Some((i, Block::Loop { exit, again })) => self.unwind(i + 1, None, |c| {
                c.at(span);
                c.jump(if is_break { exit } else { again });
            }),
            Some(_) => self.group_exit(span),
            None if is_break => self.wrong(span, "'break' outside loop"),
            None => self.wrong(span, "'continue' not properly in loop"),
        }
    }

    /// The fault of leaving an `except*` block.
    pub fn group_exit(&mut self, span: Span) -> Done {
        self.wrong(span, "'break', 'continue' and 'return' cannot appear in an except* block")
    }

    /// Runs what the blocks from number `keep` on have to run when control leaves them, and then leaves; `value`
    /// survives it.
    pub fn unwind(&mut self, keep: usize, value: Option<Reg>, leave: impl FnOnce(&mut Self)) -> Done {
        let blocks = self.u.blocks.clone();
        let region = self.u.asm.region;
        let place = self.u.asm.place;
        for i in (keep..blocks.len()).rev() {
            self.u.blocks.truncate(i);
            match blocks[i] {
                Block::Loop { .. } | Block::Group => {}
                Block::Finally { body, outer } => {
                    self.u.asm.region = outer;
                    self.stmts(body)?;
                }
                Block::Handler { saved, name, outer } => {
                    if let Some(name) = name {
                        self.forget_name(name);
                    }
                    self.emit(Op::PopExc, saved, 0, 0);
                    self.u.asm.region = outer;
                }
                Block::With { window, is_async, place, outer } => {
                    self.u.asm.region = outer;
                    self.u.asm.place = place;
                    self.leave_with(window, is_async, value.is_some_and(|v| v >= window));
                }
            }
        }
        leave(self);
        self.u.asm.place = place;
        self.u.asm.region = region;
        self.u.blocks = blocks;
        Ok(())
    }
}
