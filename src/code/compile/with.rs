//! `with`: the exit method is fetched on entry and kept in a window below everything in the body.

use super::unit::Block;
use super::{Compiler, Done};
use crate::asm::Reg;
use crate::op::Op;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// `with`, one item at a time.
    pub fn with(&mut self, is_async: bool, items: &'t [WithItem], body: &'t [Stmt], span: Span) -> Done {
        let [item, rest @ ..] = items else { return self.stmts(body) };
        let mark = self.mark();
        let (fault, saved) = (self.alloc(), self.alloc());
        let window = self.alloc_many(4);
        let (enter, exit) = if is_async { (2, 3) } else { (0, 1) };
        let context = self.operand(&item.context)?;
        self.at(item.context.span);
        let place = self.u.asm.place;
        let entering = self.special(context, enter);
        self.emit(Op::LoadSpecial, window, context, exit);
        self.emit(Op::CallMethod, entering, 0, 0);
        if is_async {
            self.await_value(entering, entering, 1);
        }
        let outer = self.u.asm.region;
        self.push_block(Block::With { window, is_async, place, outer }, span)?;
        let region = self.u.asm.open_region(fault);
        if let Some(target) = &item.target {
            self.store(target, entering)?;
        }
        self.reset(window + 4);
        self.with(is_async, rest, body, span)?;
        self.u.blocks.pop();
        self.u.asm.region = outer;
        let end = self.label();
        self.u.asm.place = place;
        self.leave_with(window, is_async, false);
        self.jump(end);

        self.u.asm.bind_handler(region);
        self.u.asm.place = place;
        self.emit(Op::PushExc, saved, fault, 0);
        let cleanup = self.u.asm.open_region(fault);
        let info = self.alloc_many(3);
        debug_assert_eq!(info, window + 4);
        self.emit(Op::ExcInfo, info, fault, 0);
        self.emit(Op::CallMethod, window, 3, 0);
        if is_async {
            self.await_value(window, window, 2);
        }
        let suppressed = self.label();
        self.jump_if(Op::JTrue, window, 0, suppressed);
        self.u.asm.region = outer;
        self.emit(Op::PopExc, saved, 0, 0);
        self.emit(Op::Reraise, fault, 0, 0);
        self.bind(suppressed);
        self.emit(Op::PopExc, saved, 0, 0);
        self.jump(end);
        self.u.asm.bind_handler(cleanup);
        self.emit(Op::PopExc, saved, 0, 0);
        self.emit(Op::Reraise, fault, 0, 0);
        self.bind(end);
        self.reset(mark);
        Ok(())
    }

    /// Calls the exit method in `window` without an exception. With `keep`, temporaries above the window live on.
    pub fn leave_with(&mut self, window: Reg, is_async: bool, keep: bool) {
        let mark = self.mark();
        let call = if keep {
            let call = self.alloc_many(4);
            self.emit(Op::Move, call, window, 0);
            self.emit(Op::Move, call + 3, window + 3, 0);
            call
        } else {
            self.reset(window + 4);
            window
        };
        let arguments = self.alloc_many(3);
        for i in 0..3 {
            self.emit(Op::LoadNone, arguments + i, 0, 0);
        }
        self.emit(Op::CallMethod, call, 3, 0);
        if is_async {
            self.await_value(call, call, 2);
        }
        self.reset(mark);
    }
}
