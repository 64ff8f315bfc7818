//! Calls: windows at the top of the temporaries, with the arguments computed in place.

use super::names::Access;
use super::{Compiler, Done};
use crate::asm::Reg;
use crate::op::Op;
use crate::scope::Kind;
use minipy_grammar::tree::*;

/// How the arguments of a call lie in its window.
#[derive(Clone, Copy)]
enum Shape {
    /// So many, in registers, none named.
    Plain(usize),
    /// So many, in registers, the last ones named by the tuple constant.
    Named(usize, u32),
    /// A tuple and a dict.
    Spread,
}

impl<'t> Compiler<'t> {
    /// The register of a call window whose result is wanted in `to`: `to` itself if it is the topmost temporary.
    fn window(&mut self, to: Reg) -> Reg {
        if self.is_temp(to) && to + 1 == self.u.top { to } else { self.alloc() }
    }

    /// Reserves the link registers of the window just begun.
    pub fn links(&mut self) {
        self.alloc_many(2);
    }

    /// A call.
    pub fn call(&mut self, e: &'t Expr, func: &'t Expr, args: &'t Args, to: Reg) -> Done {
        self.check_keywords(&args.items)?;
        let window = self.window(to);
        let spread = args.items.iter().any(|a| matches!(a.kind, ArgKind::Star | ArgKind::DoubleStar));
        if let ExprKind::Attribute { value, name } = &func.kind
            && !spread
        {
            let k = self.mangled(&name.name);
            let k = self.name_k(&k);
            if let Some(super_args) = self.super_call(value) {
                self.alloc_many(3);
                let mark = self.mark();
                let (class, this) = self.super_operands(value, super_args, window)?;
                self.at_attribute(func.span, name);
                self.emit_k(Op::LoadSuperMethod, window, class, this, k);
                self.reset(mark);
            } else {
                let object = self.operand_in(value, Some(window))?;
                self.at_attribute(func.span, name);
                self.emit_k(Op::LoadMethod, window, object, 0, k);
                self.alloc_many(3);
            }
            let shape = self.arguments(window, 0, &args.items, None)?;
            self.at_attribute(e.span, name);
            match shape {
                Shape::Plain(n) => self.emit(Op::CallMethod, window, n as u16, 0),
                Shape::Named(n, k) => self.emit_k(Op::CallMethodKw, window, n as u16, 0, k),
                Shape::Spread => self.emit(Op::CallEx, window, 0, 0),
            }
        } else {
            self.expr_to(func, window)?;
            self.links();
            if let Some([]) = self.super_call(e) {
                self.super_arguments(window)?;
                self.at(e.span);
                self.emit(Op::Call, window, 2, 0);
            } else {
                let shape = self.arguments(window, 0, &args.items, None)?;
                self.at(e.span);
                self.invoke(window, shape);
            }
        }
        self.copy(to, window);
        Ok(())
    }

    /// Calls the window with `placed` arguments that are there, those of `args`, and a last positional one.
    pub fn call_placed(
        &mut self,
        window: Reg,
        placed: usize,
        args: &'t [Arg],
        extra: Option<Reg>,
        span: Span,
    ) -> Done {
        self.check_keywords(args)?;
        let shape = self.arguments(window, placed, args, extra)?;
        self.at(span);
        self.invoke(window, shape);
        Ok(())
    }

    fn invoke(&mut self, window: Reg, shape: Shape) {
        match shape {
            Shape::Plain(n) => self.emit(Op::Call, window, n as u16, 0),
            Shape::Named(n, k) => self.emit_k(Op::CallKw, window, n as u16, 0, k),
            Shape::Spread => self.emit(Op::CallEx, window, 0, 0),
        }
    }

    fn check_keywords(&mut self, args: &[Arg]) -> Done {
        let mut seen: Vec<&Name> = Vec::new();
        for arg in args {
            if let ArgKind::Keyword(name) = &arg.kind {
                if seen.contains(&&name.name) {
                    return self.wrong(arg.span, format!("keyword argument repeated: {}", name.name));
                }
                seen.push(&name.name);
            }
        }
        Ok(())
    }

    /// Puts arguments into a window whose first `placed` ones are there; the top is after those.
    fn arguments(&mut self, window: Reg, placed: usize, args: &'t [Arg], extra: Option<Reg>) -> Done<Shape> {
        if args.iter().any(|a| matches!(a.kind, ArgKind::Star | ArgKind::DoubleStar)) {
            return self.spread(window, placed, args, extra);
        }
        let mut n = placed;
        for arg in args.iter().filter(|a| matches!(a.kind, ArgKind::Positional)) {
            let slot = self.alloc();
            self.expr_to(&arg.value, slot)?;
            n += 1;
        }
        if let Some(extra) = extra {
            let slot = self.alloc();
            self.copy(slot, extra);
            n += 1;
        }
        let mut names = Vec::new();
        for arg in args {
            if let ArgKind::Keyword(name) = &arg.kind {
                let slot = self.alloc();
                self.expr_to(&arg.value, slot)?;
                names.push(self.mangled(&name.name));
                n += 1;
            }
        }
        Ok(if names.is_empty() { Shape::Plain(n) } else { Shape::Named(n, self.names_k(names.into_iter())) })
    }

    /// Arguments with `*` or `**`: one tuple and one dict.
    fn spread(&mut self, window: Reg, placed: usize, args: &'t [Arg], extra: Option<Reg>) -> Done<Shape> {
        let first = window + 3;
        let positional: Vec<&'t Arg> =
            args.iter().filter(|a| matches!(a.kind, ArgKind::Positional | ArgKind::Star)).collect();
        if placed == 0 {
            self.alloc();
        }
        match &positional[..] {
            [Arg { kind: ArgKind::Star, value, .. }] if placed == 0 && extra.is_none() => {
                let mark = self.mark();
                let from = self.operand_in(value, Some(first))?;
                self.at(value.span);
                self.emit(Op::StarArgs, first, from, window);
                self.reset(mark);
            }
            _ => {
                let mark = self.mark();
                let list = if placed == 0 { first } else { self.alloc() };
                self.emit(Op::BuildList, list, first, placed as u16);
                for arg in positional {
                    let mark = self.mark();
                    let value = self.operand(&arg.value)?;
                    self.at(arg.value.span);
                    let op = if matches!(arg.kind, ArgKind::Star) { Op::ListExtend } else { Op::ListAppend };
                    self.emit(op, list, value, 0);
                    self.reset(mark);
                }
                if let Some(extra) = extra {
                    self.emit(Op::ListAppend, list, extra, 0);
                }
                self.emit(Op::ListToTuple, first, list, 0);
                self.reset(mark);
            }
        }
        self.reset(first + 1);
        let keywords = self.alloc();
        let named = args.iter().filter(|a| matches!(a.kind, ArgKind::Keyword(_) | ArgKind::DoubleStar));
        let named: Vec<&'t Arg> = named.collect();
        if named.is_empty() {
            self.emit(Op::LoadNone, keywords, 0, 0);
            return Ok(Shape::Spread);
        }
        if let [Arg { kind: ArgKind::DoubleStar, value, .. }] = &named[..] {
            let mark = self.mark();
            let from = self.operand_in(value, Some(keywords))?;
            self.at(value.span);
            self.emit(Op::StarKwargs, keywords, from, window);
            self.reset(mark);
            return Ok(Shape::Spread);
        }
        let mut started = false;
        let mut rest = &named[..];
        while let Some(arg) = rest.first() {
            let mark = self.mark();
            if let ArgKind::DoubleStar = arg.kind {
                if !started {
                    self.emit(Op::BuildMap, keywords, 0, 0);
                }
                let value = self.operand(&arg.value)?;
                self.at(arg.value.span);
                self.emit(Op::DictMerge, keywords, value, window);
                rest = &rest[1..];
            } else {
                let from = self.mark();
                let mut n = 0;
                while let Some(Arg { kind: ArgKind::Keyword(name), value, .. }) = rest.first() {
                    let slot = self.alloc_many(2);
                    let name = self.mangled(&name.name);
                    self.at(value.span);
                    self.load_name_str(&name, slot);
                    self.reset(slot + 2);
                    self.expr_to(value, slot + 1)?;
                    n += 1;
                    rest = &rest[1..];
                }
                if started {
                    let some = self.alloc();
                    self.emit(Op::BuildMap, some, from, n);
                    self.emit(Op::DictMerge, keywords, some, window);
                } else {
                    self.emit(Op::BuildMap, keywords, from, n);
                }
            }
            started = true;
            self.reset(mark);
        }
        Ok(Shape::Spread)
    }

    // ---- super

    /// The arguments of a call of the builtin `super` that the compiler can give its class and object: none, or two
    /// plain ones.
    pub fn super_call(&self, e: &'t Expr) -> Option<&'t [Arg]> {
        let ExprKind::Call { func, args } = &e.kind else { return None };
        match &func.kind {
            ExprKind::Name(name) if &**name == "super" && self.is_global(name) => {}
            _ => return None,
        }
        match &args.items[..] {
            [] => {
                let class = self.access(&Name::from("__class__"));
                let kind = self.scopes.all[self.u.root].kind;
                let known =
                    matches!(class, Access::Cell(..)) && self.u.argcount > 0 && kind == Kind::Function;
                known.then_some(&args.items[..])
            }
            [x, y] if matches!((&x.kind, &y.kind), (ArgKind::Positional, ArgKind::Positional)) => {
                let starred = |a: &Arg| matches!(a.value.kind, ExprKind::Starred(_));
                (!starred(x) && !starred(y)).then_some(&args.items[..])
            }
            _ => None,
        }
    }

    /// Loads what the name `super` gives into `function`, and gives the registers of the class and the object.
    pub fn super_operands(&mut self, call: &'t Expr, args: &'t [Arg], function: Reg) -> Done<(Reg, Reg)> {
        if let ExprKind::Call { func, .. } = &call.kind {
            self.expr_to(func, function)?;
        }
        match args {
            [class, this] => {
                let class = self.operand_before(&class.value, None, [&this.value])?;
                Ok((class, self.operand(&this.value)?))
            }
            _ => {
                let class = self.alloc();
                self.load_name(&Name::from("__class__"), class, call.span);
                Ok((class, self.first_parameter(None, call.span)))
            }
        }
    }

    /// The class and the object as arguments of a window.
    fn super_arguments(&mut self, window: Reg) -> Done {
        let place = self.u.asm.place;
        let (class, this) = (self.alloc(), self.alloc());
        debug_assert_eq!(class, window + 3);
        self.load_name(&Name::from("__class__"), class, Span::default());
        self.first_parameter(Some(this), Span::default());
        self.u.asm.place = place;
        Ok(())
    }

    /// The register of the unit's first argument, copied to `to` if there is one.
    fn first_parameter(&mut self, to: Option<Reg>, span: Span) -> Reg {
        let name = self.u.varnames[0].clone();
        let k = self.name_k(&name);
        self.at(span);
        if self.u.cellvars.iter().any(|cell| cell.0 == 0) {
            let to = match to {
                Some(to) => to,
                None => self.alloc(),
            };
            self.emit_k(Op::LoadCell, to, 0, 0, k);
            return to;
        }
        self.emit_k(Op::CheckBound, 0, 0, 0, k);
        match to {
            Some(to) => {
                self.copy(to, 0);
                to
            }
            None => 0,
        }
    }
}
