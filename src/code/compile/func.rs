//! Functions: parameters, defaults, annotations, decorators, closures.

use super::{Compiler, Done};
use crate::asm::Reg;
use crate::data::{Code, Const, flag};
use crate::op::Op;
use crate::scope::{Kind, Part, ScopeId, annotations_of, bit};
use minipy_grammar::tree::*;
use std::sync::Arc;

impl<'t> Compiler<'t> {
    /// `def`, with its decorators.
    pub fn function_def(&mut self, node: &'t FunctionDef) -> Done {
        let place = Span::new(node.header.start, node.header.end);
        self.decorated(&node.decorators, &node.name, place, |c, to| {
            if node.type_params.is_empty() {
                return c.function(node, to);
            }
            c.generic(&node.type_params, node, &node.name, place, to, |c, to| {
                c.function(node, to)?;
                c.store_type_params(&node.type_params, to);
                Ok(())
            })
        })
    }

    /// Makes a value, calls the decorators on it from the inside out, and binds the name.
    pub fn decorated(
        &mut self,
        decorators: &'t [Expr],
        name: &'t Ident,
        span: Span,
        make: impl FnOnce(&mut Self, Reg) -> Done,
    ) -> Done {
        let mark = self.mark();
        if decorators.is_empty() {
            let to = match self.local(&name.name) {
                Some(reg) => reg,
                None => self.alloc(),
            };
            make(self, to)?;
            self.at(span);
            self.store_name(&name.name, to, name.span);
            self.reset(mark);
            return Ok(());
        }
        // Each decorator's window has the next one's result as its argument.
        let mut windows = Vec::new();
        for decorator in decorators {
            let window = self.alloc();
            self.expr_to(decorator, window)?;
            self.links();
            windows.push((window, decorator.span));
        }
        let value = self.alloc();
        make(self, value)?;
        for &(window, span) in windows.iter().rev() {
            self.at(span);
            self.emit(Op::Call, window, 1, 0);
        }
        self.at(span);
        self.store_name(&name.name, windows[0].0, name.span);
        self.reset(mark);
        Ok(())
    }

    /// The function of a `def`, without decorators, in `to`.
    fn function(&mut self, node: &'t FunctionDef, to: Reg) -> Done {
        let root = self.scopes.of(node, Part::Body);
        let line = self.line(node.decorators.first().map_or(node.header.start, |d| d.span.start));
        let parts = self.defaults(&node.params)?;
        if let Some(scope) = self.scopes.get(node, Part::Annotations) {
            let pairs: Vec<(Name, &'t Expr)> = annotations_of(node).collect();
            let code =
                self.annotate_code(scope, self.line(node.header.start), |c| c.annotation_map(&pairs))?;
            let mark = self.mark();
            let function = self.alloc();
            self.at(node.header);
            self.closure(scope, code, None, function)?;
            self.copy(parts + 2, function);
            self.reset(mark);
        }
        let scope = &self.scopes.all[root];
        if let (true, true, Some(span)) = (scope.is_async, scope.yields, scope.returns_value) {
            return self.wrong(span, "'return' with value in async generator");
        }
        let code = self.body_code(root, &node.name.name, &node.params, line, |c| {
            c.docstring(&node.body);
            c.stmts(&node.body)
        })?;
        self.at(node.header);
        self.closure(root, code, Some(parts), to)
    }

    /// `lambda`.
    pub fn lambda(&mut self, params: &'t Params, body: &'t Expr, to: Reg, span: Span) -> Done {
        let root = self.scopes.of(params, Part::Body);
        let line = self.line(span.start);
        let parts = self.defaults(params)?;
        let code = self.body_code(root, &Name::from("<lambda>"), params, line, |c| {
            let value = c.operand(body)?;
            c.at(body.span);
            c.emit(Op::Return, value, 0, 0);
            Ok(())
        })?;
        self.at(span);
        self.closure(root, code, Some(parts), to)
    }

    /// Code of a function body.
    fn body_code(
        &mut self,
        root: ScopeId,
        name: &Name,
        params: &'t Params,
        line: u32,
        body: impl FnOnce(&mut Self) -> Done,
    ) -> Done<Arc<Code>> {
        let scope = &self.scopes.all[root];
        let mut flags = match (scope.is_async, scope.yields) {
            (false, false) => 0,
            (false, true) => flag::GENERATOR,
            (true, false) => flag::COROUTINE,
            (true, true) => flag::ASYNC_GENERATOR,
        };
        if params.star.is_some() {
            flags |= flag::VARARGS;
        }
        if params.double_star.is_some() {
            flags |= flag::VARKEYWORDS;
        }
        let mut unit = self.unit(root, name, flags, line);
        unit.posonly = params.positional_only.len() as u16;
        unit.argcount = unit.posonly + params.positional.len() as u16;
        unit.kwonly = params.keyword_only.len() as u16;
        self.within(unit, body)
    }

    /// Gives the unit the docstring of its body.
    fn docstring(&mut self, body: &[Stmt]) {
        if let Some(text) = doc_of(body) {
            self.u.flags |= flag::DOCSTRING;
            self.u.asm.pool.add(Const::Str(text));
        }
    }

    /// Three temporaries: the defaults of the positional and of the keyword-only parameters, and `None`.
    fn defaults(&mut self, params: &'t Params) -> Done<Reg> {
        let parts = self.alloc_many(3);
        let mark = self.mark();
        let mut n = 0;
        for param in params.positional_only.iter().chain(&params.positional) {
            if let Some(value) = &param.default {
                let slot = self.alloc();
                self.expr_to(value, slot)?;
                n += 1;
            }
        }
        match n {
            0 => self.emit(Op::LoadNone, parts, 0, 0),
            _ => self.emit(Op::BuildTuple, parts, mark, n),
        }
        self.reset(mark);
        n = 0;
        for param in &params.keyword_only {
            if let Some(value) = &param.default {
                let slot = self.alloc();
                let name = self.mangled(&param.name.name);
                self.load_name_str(&name, slot);
                let slot = self.alloc();
                self.expr_to(value, slot)?;
                n += 1;
            }
        }
        match n {
            0 => self.emit(Op::LoadNone, parts + 1, 0, 0),
            _ => self.emit(Op::BuildMap, parts + 1, mark, n),
        }
        self.reset(mark);
        self.emit(Op::LoadNone, parts + 2, 0, 0);
        Ok(parts)
    }

    /// A function of `code`, closed over the cells that scope `root` needs. `parts` are the three registers of
    /// [`Compiler::defaults`], which must be the topmost temporaries.
    pub fn closure(&mut self, root: ScopeId, code: Arc<Code>, parts: Option<Reg>, to: Reg) -> Done {
        let mark = self.mark();
        let parts = match parts {
            Some(parts) => parts,
            None => {
                let parts = self.alloc_many(3);
                for i in 0..3 {
                    self.emit(Op::LoadNone, parts + i, 0, 0);
                }
                parts
            }
        };
        let scopes = self.scopes;
        let frees = &scopes.all[root].frees;
        for name in frees {
            let slot = self.alloc();
            let cell = self.cell_register(root, name);
            self.copy(slot, cell);
        }
        let k = self.u.asm.pool.add_new(Const::Code(code));
        self.emit_k(Op::MakeFunction, to, parts, frees.len() as u16, k);
        self.reset(mark);
        Ok(())
    }

    /// The register of this unit that holds the cell which inner scope `inner` calls `name`.
    fn cell_register(&self, inner: ScopeId, name: &Name) -> Reg {
        let mut at = self.scopes.all[inner].parent;
        while let Some(id) = at {
            let scope = &self.scopes.all[id];
            if scope.unit != self.u.root {
                break;
            }
            let index = match scope.kind {
                Kind::Class => scope.index_of(&format!(".{name}")),
                _ => scope.index_of(name).filter(|&i| {
                    let flags = scope.symbols[i].flags;
                    flags & bit::BOUND != 0 && flags & (bit::GLOBAL | bit::NONLOCAL) == 0
                }),
            };
            if let Some(&reg) = index.and_then(|i| self.u.regs.get(&(id, i))) {
                return reg;
            }
            at = scope.parent;
        }
        let index = self.scopes.all[self.u.root].free_index(name).unwrap_or(0);
        self.u.free_base + index as Reg
    }

    // ---- annotations

    /// Code of a function that computes annotations when asked for their values.
    pub fn annotate_code(
        &mut self,
        scope: ScopeId,
        line: u32,
        body: impl FnOnce(&mut Self) -> Done,
    ) -> Done<Arc<Code>> {
        self.lazy_code(scope, "__annotate__", line, body)
    }

    /// Code of a function of one parameter, the wanted format, which must be that of values.
    pub fn lazy_code(
        &mut self,
        scope: ScopeId,
        name: &str,
        line: u32,
        body: impl FnOnce(&mut Self) -> Done,
    ) -> Done<Arc<Code>> {
        let mut unit = self.unit(scope, &Name::from(name), 0, line);
        unit.argcount = 1;
        unit.posonly = 1;
        if let Some(first) = unit.varnames.first_mut() {
            *first = Name::from("format");
        }
        self.within(unit, |c| {
            let supported = c.label();
            c.jump_if(Op::JNotGtInt, 0, 2, supported);
            let error = c.alloc();
            let k = c.name_k(&Name::from("NotImplementedError"));
            c.emit_k(Op::LoadGlobal, error, 0, 0, k);
            c.emit(Op::Raise, error, 0, 0);
            c.reset(error);
            c.bind(supported);
            body(c)
        })
    }

    /// Returns a dict of annotations.
    fn annotation_map(&mut self, pairs: &[(Name, &'t Expr)]) -> Done {
        let map = self.alloc();
        self.emit(Op::BuildMap, map, 0, 0);
        for (name, value) in pairs {
            self.annotation_item(map, name, value)?;
        }
        self.emit(Op::Return, map, 0, 0);
        Ok(())
    }

    /// Adds one annotation to the dict in `map`.
    pub fn annotation_item(&mut self, map: Reg, name: &Name, value: &'t Expr) -> Done {
        let mark = self.mark();
        let key = self.alloc();
        let name = self.mangled(name);
        self.at(value.span);
        self.load_name_str(&name, key);
        let to = self.alloc();
        if self.scopes.future_annotations {
            let text = self.source.get(value.span.start as usize..value.span.end as usize).unwrap_or("");
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            self.load_str(&text, to);
        } else if let ExprKind::Starred(inner) = &value.kind {
            // `*args: *Ts` means the one item that `*Ts` unpacks to.
            let items = self.operand(inner)?;
            self.at(value.span);
            self.emit(Op::Unpack, to, items, 1);
        } else {
            self.expr_to(value, to)?;
        }
        self.at(value.span);
        self.emit(Op::MapAdd, map, key, to);
        self.reset(mark);
        Ok(())
    }
}

/// The docstring of a body, its indentation taken off.
pub fn doc_of(body: &[Stmt]) -> Option<Text> {
    match body.first().map(|stmt| &stmt.kind) {
        Some(StmtKind::Expr(Expr { kind: ExprKind::Str(text), .. })) => {
            Some(text.as_str().map_or_else(|| text.clone(), |doc| Text(clean(doc).into_bytes().into())))
        }
        _ => None,
    }
}

/// Takes the margin that all lines but the first share off a docstring.
fn clean(doc: &str) -> String {
    let expanded = if doc.contains('\t') { expand_tabs(doc) } else { doc.to_string() };
    let margin = expanded
        .split('\n')
        .skip(1)
        .filter(|line| !line.trim_start_matches(' ').is_empty())
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    let mut lines = expanded.split('\n');
    let mut out = lines.next().unwrap_or("").trim_start_matches(' ').to_string();
    for line in lines {
        out.push('\n');
        let indent = line.len() - line.trim_start_matches(' ').len();
        out.push_str(&line[indent.min(margin)..]);
    }
    out
}

fn expand_tabs(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' => {
                let n = 8 - column % 8;
                out.extend(std::iter::repeat_n(' ', n));
                column += n;
            }
            '\n' | '\r' => {
                out.push(c);
                column = 0;
            }
            _ => {
                out.push(c);
                column += 1;
            }
        }
    }
    out
}
