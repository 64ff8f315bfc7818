//! Classes and module bodies: namespaces with their documentation, annotations and own cells.

use super::func::doc_of;
use super::{Compiler, Done};
use crate::asm::Reg;
use crate::data::{Const, flag};
use crate::op::Op;
use crate::scope::Part;
use minipy_grammar::tree::*;

impl<'t> Compiler<'t> {
    /// `class`, with its decorators.
    pub fn class_def(&mut self, node: &'t ClassDef) -> Done {
        self.decorated(&node.decorators, &node.name, node.header, |c, to| {
            if node.type_params.is_empty() {
                return c.class(node, None, to);
            }
            c.generic(&node.type_params, node, &node.name, node.header, to, |c, to| {
                let params = c.type_params_tuple(&node.type_params);
                c.store_name(&Name::from(".type_params"), params, node.name.span);
                let window = c.alloc();
                let k = c.name_k(&Name::from("__type_generic__"));
                c.emit_k(Op::LoadGlobal, window, 0, 0, k);
                c.links();
                let slot = c.alloc();
                c.copy(slot, params);
                c.emit(Op::Call, window, 1, 0);
                c.reset(window + 1);
                c.class(node, Some(window), to)
            })
        })
    }

    /// Builds the class; `generic` is a base that its type parameters add.
    fn class(&mut self, node: &'t ClassDef, generic: Option<Reg>, to: Reg) -> Done {
        let root = self.scopes.of(node, Part::Body);
        let line = self.line(node.decorators.first().map_or(node.header.start, |d| d.span.start));
        let mark = self.mark();
        let window = self.alloc();
        self.at(node.header);
        self.emit(Op::LoadBuildClass, window, 0, 0);
        self.links();
        let mut unit = self.unit(root, &node.name.name, flag::CLASS_BODY, line);
        unit.self_attrs = self.scopes.all[root].self_attrs.len().min(u16::MAX as usize) as u16;
        let code = self.within(unit, |c| c.class_body(node, line))?;
        let function = self.alloc();
        self.at(node.header);
        self.closure(root, code, None, function)?;
        let name = self.alloc();
        self.load_name_str(&node.name.name, name);
        self.call_placed(window, 2, &node.args, generic, node.header)?;
        self.copy(to, window);
        self.reset(mark);
        Ok(())
    }

    fn class_body(&mut self, node: &'t ClassDef, line: u32) -> Done {
        let scopes = self.scopes;
        let scope = &scopes.all[self.u.root];
        let value = self.alloc();
        let module = self.name_k(&Name::from("__name__"));
        self.emit_k(Op::LoadName, value, 0, 0, module);
        self.store_in_namespace("__module__", value);
        let qualname = self.u.qualname.clone();
        self.load_str(&qualname, value);
        self.store_in_namespace("__qualname__", value);
        self.load_const(Const::Int(line as i64), value);
        self.store_in_namespace("__firstlineno__", value);
        if !node.type_params.is_empty() {
            self.load_name(&Name::from(".type_params"), value, node.name.span);
            self.store_in_namespace("__type_params__", value);
        }
        let own_cell = |c: &Self, name: &str| {
            let index = scope.index_of(name)?;
            c.u.regs.get(&(c.u.root, index)).copied()
        };
        if let Some(cell) = own_cell(self, ".__classdict__") {
            self.emit(Op::StoreCell, cell, 0, 0);
        }
        self.reset(value);
        self.body(&node.body)?;
        if let Some(cell) = own_cell(self, ".__class__") {
            self.store_in_namespace("__classcell__", cell);
        }
        Ok(())
    }

    fn store_in_namespace(&mut self, name: &str, from: Reg) {
        let k = self.name_k(&Name::from(name));
        self.emit_k(Op::StoreName, from, 0, 0, k);
    }

    /// Stores a name that the body itself has.
    fn store_own(&mut self, name: &str, from: Reg) {
        if self.u.flags & flag::MODULE != 0 {
            let k = self.name_k(&Name::from(name));
            self.emit_k(Op::StoreGlobal, from, 0, 0, k);
        } else {
            self.store_in_namespace(name, from);
        }
    }

    /// The statements of a module.
    pub fn module_body(&mut self, module: &'t Module) -> Done {
        self.body(&module.body)
    }

    /// The statements of a class or module, after its documentation and annotations.
    fn body(&mut self, body: &'t [Stmt]) -> Done {
        if let (Some(text), false) = (doc_of(body), self.interactive) {
            let mark = self.mark();
            let doc = self.alloc();
            self.at(body[0].span);
            self.load_const(Const::Str(text), doc);
            self.store_own("__doc__", doc);
            self.reset(mark);
        }
        self.lazy_annotations(body)?;
        self.stmts(body)
    }

    /// Stores the function that computes the annotations of a class or module.
    fn lazy_annotations(&mut self, body: &'t [Stmt]) -> Done {
        let scopes = self.scopes;
        let Some(scope) = scopes.all[self.u.root].annotate else { return Ok(()) };
        let mut found = Vec::new();
        collect(body, false, &mut found);
        let mark = self.mark();
        let conditional = Name::from("__conditional_annotations__");
        if scopes.all[self.u.root].has_conditional_annotations {
            for (i, item) in found.iter().enumerate().filter(|(_, item)| item.conditional) {
                self.u.annotation_index.insert(item.value as *const Expr as usize, i as i64);
            }
            let set = self.alloc();
            self.emit(Op::BuildSet, set, 0, 0);
            self.store_name(&conditional, set, Span::default());
            self.reset(mark);
        }
        let line = self.u.first_line;
        let code = self.annotate_code(scope, line, |c| {
            let map = c.alloc();
            c.emit(Op::BuildMap, map, 0, 0);
            for (i, item) in found.iter().enumerate() {
                let skip = c.label();
                if item.conditional {
                    let mark = c.mark();
                    let (index, set) = (c.alloc(), c.alloc());
                    c.load_const(Const::Int(i as i64), index);
                    c.load_name(&conditional, set, item.value.span);
                    c.jump_if(Op::JNotIn, index, set, skip);
                    c.reset(mark);
                }
                c.annotation_item(map, item.name, item.value)?;
                c.bind(skip);
            }
            c.emit(Op::Return, map, 0, 0);
            Ok(())
        })?;
        let function = self.alloc();
        self.closure(scope, code, None, function)?;
        self.store_own("__annotate__", function);
        self.reset(mark);
        Ok(())
    }

    /// Notes that a conditional annotation was reached.
    pub fn reach_annotation(&mut self, annotation: &'t Expr) {
        let Some(&i) = self.u.annotation_index.get(&(annotation as *const Expr as usize)) else { return };
        let mark = self.mark();
        let (set, index) = (self.alloc(), self.alloc());
        self.load_name(&Name::from("__conditional_annotations__"), set, annotation.span);
        self.load_const(Const::Int(i), index);
        self.emit(Op::SetAdd, set, index, 0);
        self.reset(mark);
    }
}

/// A bare annotation of a class or module.
struct Annotation<'t> {
    name: &'t Name,
    value: &'t Expr,
    conditional: bool,
}

/// Collects the annotations of a body and of the blocks in it.
fn collect<'t>(body: &'t [Stmt], conditional: bool, found: &mut Vec<Annotation<'t>>) {
    for stmt in body {
        match &stmt.kind {
            StmtKind::AnnAssign { target, annotation, simple: true, .. } => {
                if let ExprKind::Name(name) = &target.kind {
                    found.push(Annotation { name, value: annotation, conditional });
                }
            }
            StmtKind::If { branches, orelse } => {
                branches.iter().for_each(|branch| collect(&branch.body, true, found));
                collect(orelse, true, found);
            }
            StmtKind::While { body, orelse, .. } => {
                collect(body, true, found);
                collect(orelse, true, found);
            }
            StmtKind::For(node) => {
                collect(&node.body, true, found);
                collect(&node.orelse, true, found);
            }
            StmtKind::Try(node) => {
                collect(&node.body, true, found);
                node.handlers.iter().for_each(|handler| collect(&handler.body, true, found));
                collect(&node.orelse, true, found);
                collect(&node.finally, true, found);
            }
            StmtKind::With { body, .. } => collect(body, true, found),
            StmtKind::Match { cases, .. } => cases.iter().for_each(|case| collect(&case.body, true, found)),
            _ => {}
        }
    }
}
