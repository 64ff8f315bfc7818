//! Generics: type parameters live in a hidden function around the function, class or alias that has them.

use super::{Compiler, Done};
use crate::asm::Reg;
use crate::data::Const;
use crate::op::Op;
use crate::scope::Part;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// Computes a value into `to` inside the scope of its type parameters.
    pub fn generic<T>(
        &mut self,
        params: &'t [TypeParam],
        node: &'t T,
        name: &'t Ident,
        span: Span,
        to: Reg,
        make: impl FnOnce(&mut Self, Reg) -> Done,
    ) -> Done {
        let root = self.scopes.of(node, Part::TypeParams);
        let hidden = Name::from(format!("<generic parameters of {}>", name.name));
        let mut unit = self.unit(root, &hidden, 0, self.line(span.start));
        unit.qualname = hidden.clone();
        unit.prefix = self.u.prefix.clone();
        let code = self.within(unit, |c| {
            c.at(span);
            for param in params {
                c.type_param(param)?;
            }
            let value = c.alloc();
            make(c, value)?;
            c.at(span);
            c.emit(Op::Return, value, 0, 0);
            Ok(())
        })?;
        let mark = self.mark();
        let window = self.alloc();
        self.at(span);
        self.closure(root, code, None, window)?;
        self.links();
        self.emit(Op::Call, window, 0, 0);
        self.copy(to, window);
        self.reset(mark);
        Ok(())
    }

    /// Binds one type parameter: `__type_param__(name, kind, bound, default)`, where kind is 0 for a plain one, 1 for
    /// `*Ts`, 2 for `**P` and 3 for one whose bound is a tuple of constraints.
    fn type_param(&mut self, param: &'t TypeParam) -> Done {
        let window = self.alloc();
        self.at(param.span);
        let k = self.name_k(&Name::from("__type_param__"));
        self.emit_k(Op::LoadGlobal, window, 0, 0, k);
        self.links();
        let (name, kind) = (self.alloc(), self.alloc());
        self.load_name_str(&param.name.name, name);
        let constrained = matches!(param.bound, Some(Expr { kind: ExprKind::Tuple(_), .. }));
        let number = match param.kind {
            TypeParamKind::Var if constrained => 3,
            TypeParamKind::Var => 0,
            TypeParamKind::VarTuple => 1,
            TypeParamKind::ParamSpec => 2,
        };
        self.load_const(Const::Int(number), kind);
        for (part, value) in [(Part::Bound, &param.bound), (Part::Default, &param.default)] {
            let slot = self.alloc();
            match value {
                Some(value) => self.thunk(param, part, &param.name.name, value, slot)?,
                None => self.emit(Op::LoadNone, slot, 0, 0),
            }
        }
        self.at(param.span);
        self.emit(Op::Call, window, 4, 0);
        self.store_name(&param.name.name, window, param.name.span);
        self.reset(window);
        Ok(())
    }

    /// A function that computes `value` when asked.
    fn thunk<T>(&mut self, node: &'t T, part: Part, name: &Name, value: &'t Expr, to: Reg) -> Done {
        let scope = self.scopes.of(node, part);
        let line = self.line(value.span.start);
        let code = self.lazy_code(scope, name, line, |c| {
            let result = match &value.kind {
                ExprKind::Starred(_) => {
                    let result = c.alloc();
                    c.sequence(std::slice::from_ref(value), Op::BuildTuple, result, value.span)?;
                    result
                }
                _ => c.operand(value)?,
            };
            c.at(value.span);
            c.emit(Op::Return, result, 0, 0);
            Ok(())
        })?;
        self.closure(scope, code, None, to)
    }

    /// A tuple of the type parameters, in a temporary.
    pub fn type_params_tuple(&mut self, params: &'t [TypeParam]) -> Reg {
        let to = self.alloc();
        let first = self.mark();
        for param in params {
            let slot = self.alloc();
            self.load_name(&param.name.name, slot, param.name.span);
        }
        self.emit(Op::BuildTuple, to, first, params.len() as u16);
        self.reset(first);
        to
    }

    /// Sets `__type_params__` of the function in `function`.
    pub fn store_type_params(&mut self, params: &'t [TypeParam], function: Reg) {
        let mark = self.mark();
        let tuple = self.type_params_tuple(params);
        let k = self.name_k(&Name::from("__type_params__"));
        self.emit_k(Op::StoreAttr, tuple, function, 0, k);
        self.reset(mark);
    }

    /// `type name = value`: `__type_alias__(name, thunk, type_params)`.
    pub fn type_alias(
        &mut self,
        stmt: &'t Stmt,
        name: &'t Ident,
        params: &'t [TypeParam],
        value: &'t Expr,
    ) -> Done {
        let mark = self.mark();
        let to = self.alloc();
        let build = |c: &mut Self, to: Reg| {
            let mark = c.mark();
            let window = c.alloc();
            c.at(stmt.span);
            let k = c.name_k(&Name::from("__type_alias__"));
            c.emit_k(Op::LoadGlobal, window, 0, 0, k);
            c.links();
            let (text, thunk) = (c.alloc(), c.alloc());
            c.load_name_str(&name.name, text);
            c.thunk(stmt, Part::Value, &name.name, value, thunk)?;
            match params {
                [] => {
                    let empty = c.alloc();
                    c.load_const(Const::Tuple(Vec::new()), empty);
                }
                params => {
                    c.type_params_tuple(params);
                }
            }
            c.at(stmt.span);
            c.emit(Op::Call, window, 3, 0);
            c.copy(to, window);
            c.reset(mark);
            Ok(())
        };
        match params {
            [] => build(self, to)?,
            params => self.generic(params, stmt, name, stmt.span, to, build)?,
        }
        self.store_name(&name.name, to, name.span);
        self.reset(mark);
        Ok(())
    }
}
