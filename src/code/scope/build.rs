//! The walk that collects scopes and symbols, in the order in which the program is evaluated, and reports the faults
//! that depend on that order or on the kind of block (`global` after use, `yield` outside a function, ...).

use super::{
    Depth, Found, Kind, Part, Scope, ScopeId, Scopes, Setting, Symbol, Wrong, bit, mangle, patterns,
};
use minipy_grammar::Fault;
use minipy_grammar::tree::*;
use std::collections::{HashMap, HashSet};

pub struct Builder {
    pub scopes: Scopes,
    /// Scope being collected.
    pub here: ScopeId,
    pub depth: Depth,
    /// How many blocks of the current module or class body are open.
    pub nested: u32,
    /// How many iterables of comprehensions are open.
    pub iterables: u32,
    /// First parameter of the method being collected.
    pub this: Option<Name>,
}

pub type Done = Result<(), Wrong>;

/// Collects all scopes of a module.
pub fn build(module: &Module, setting: Setting) -> Result<Scopes, Wrong> {
    let scopes = Scopes {
        all: Vec::new(),
        by_node: HashMap::new(),
        doubts: Vec::new(),
        future_annotations: setting.future_annotations || future_annotations(&module.body)?,
    };
    let depth = Depth::new(setting.stack);
    let mut builder = Builder { scopes, here: 0, depth, nested: 0, iterables: 0, this: None };
    builder.open(Kind::Module, module, Part::Body);
    builder.scopes.all[0].parent = None;
    builder.stmts(&module.body)?;
    Ok(builder.scopes)
}

/// Whether annotations are kept as text; faults for misplaced or unknown future imports.
fn future_annotations(body: &[Stmt]) -> Result<bool, Wrong> {
    const KNOWN: [&str; 10] = [
        "nested_scopes",
        "generators",
        "division",
        "absolute_import",
        "with_statement",
        "print_function",
        "unicode_literals",
        "barry_as_FLUFL",
        "generator_stop",
        "annotations",
    ];
    let mut found = false;
    let mut allowed = true;
    for (i, stmt) in body.iter().enumerate() {
        match &stmt.kind {
            StmtKind::Expr(Expr { kind: ExprKind::Str(_), .. }) if i == 0 => {}
            StmtKind::ImportFrom { level: 0, module: Some(module), names }
                if &*module.name == "__future__" =>
            {
                if !allowed {
                    let message = "from __future__ imports must occur at the beginning of the file";
                    return Err(Box::new(Fault::syntax(stmt.span, message)));
                }
                if let ImportNames::List(names) = names {
                    for alias in names {
                        let name = &*alias.name.name;
                        if name == "braces" {
                            return Err(Box::new(Fault::syntax(alias.span, "not a chance")));
                        }
                        if !KNOWN.contains(&name) {
                            let message = format!("future feature {name} is not defined");
                            return Err(Box::new(Fault::syntax(alias.span, message)));
                        }
                        found |= name == "annotations";
                    }
                }
            }
            _ => allowed = false,
        }
    }
    Ok(found)
}

impl Builder {
    // ---- scopes

    pub fn open<T>(&mut self, kind: Kind, node: &T, part: Part) -> ScopeId {
        let id = self.scopes.all.len();
        let parent = (id > 0).then_some(self.here);
        let unit = if kind == Kind::Comp { self.scopes.all[self.here].unit } else { id };
        self.scopes.all.push(Scope {
            kind,
            parent,
            unit,
            symbols: Vec::new(),
            index: HashMap::new(),
            frees: Vec::new(),
            private: parent.and_then(|p| self.scopes.all[p].private.clone()),
            is_async: false,
            place: Span::new(0, 0),
            inside: "",
            yields: false,
            returns_value: None,
            has_walrus: false,
            sees_locals: false,
            needs_class_cell: false,
            needs_class_dict: false,
            annotate: None,
            has_conditional_annotations: false,
            self_attrs: HashSet::new(),
        });
        self.scopes.by_node.insert((node as *const T as usize, part), id);
        self.here = id;
        id
    }

    /// Runs `inside` in a new scope, with no block or iterable open.
    pub fn within<T>(
        &mut self,
        kind: Kind,
        node: &T,
        part: Part,
        inside: impl FnOnce(&mut Builder) -> Done,
    ) -> Done {
        let saved = (self.here, self.nested, self.iterables, self.this.take());
        self.open(kind, node, part);
        self.nested = 0;
        if kind != Kind::Comp && kind != Kind::Generator {
            self.iterables = 0;
        }
        let done = inside(self);
        (self.here, self.nested, self.iterables, self.this) = saved;
        done
    }

    pub fn scope(&mut self) -> &mut Scope {
        &mut self.scopes.all[self.here]
    }

    /// Adds flags to a name of scope `id`.
    pub fn mark(&mut self, id: ScopeId, name: &Name, flags: u16, span: Span) {
        let scope = &mut self.scopes.all[id];
        let name = mangle(scope.private.as_ref(), name);
        match scope.index.get(&name) {
            Some(&i) => scope.symbols[i].flags |= flags,
            None => {
                scope.index.insert(name.clone(), scope.symbols.len());
                scope.symbols.push(Symbol { name, flags, span, found: Found::Global });
            }
        }
    }

    pub fn flags(&self, name: &Name) -> u16 {
        let scope = &self.scopes.all[self.here];
        scope.find(&mangle(scope.private.as_ref(), name)).map_or(0, |s| s.flags)
    }

    pub fn bind(&mut self, name: &Name, span: Span) -> Done {
        if &**name == "__debug__" {
            return wrong(span, "cannot assign to __debug__");
        }
        self.mark(self.here, name, bit::BOUND, span);
        Ok(())
    }

    pub fn bind_ident(&mut self, ident: &Ident) -> Done {
        self.bind(&ident.name, ident.span)
    }

    pub fn use_name(&mut self, name: &Name, span: Span) {
        self.mark(self.here, name, bit::USED, span);
        let unit = self.scopes.all[self.here].unit;
        match &**name {
            "super" if self.scopes.all[self.here].kind.holds_locals() => {
                self.mark(self.here, &Name::from("__class__"), bit::USED, span);
            }
            "locals" | "vars" | "dir" | "eval" | "exec" => self.scopes.all[unit].sees_locals = true,
            _ => {}
        }
    }

    // ---- statements

    pub fn stmts(&mut self, body: &[Stmt]) -> Done {
        body.iter().try_for_each(|stmt| self.stmt(stmt))
    }

    pub fn block(&mut self, body: &[Stmt]) -> Done {
        self.nested += 1;
        let done = self.stmts(body);
        self.nested -= 1;
        done
    }

    pub fn stmt(&mut self, stmt: &Stmt) -> Done {
        self.depth.check(stmt.span)?;
        match &stmt.kind {
            StmtKind::Expr(e) => self.expr(e),
            StmtKind::Assign { targets, value } => {
                self.expr(value)?;
                targets.iter().try_for_each(|t| self.target(t))
            }
            StmtKind::AugAssign { target, value, .. } => {
                if let ExprKind::Name(name) = &target.kind {
                    self.use_name(name, target.span);
                }
                self.target(target)?;
                self.expr(value)
            }
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                self.annotated(target, annotation, *simple)?;
                if let Some(value) = value {
                    self.expr(value)?;
                }
                if *simple && value.is_none() { Ok(()) } else { self.target(target) }
            }
            StmtKind::Return(value) => {
                if let Some(value) = value {
                    let here = self.scope();
                    here.returns_value = here.returns_value.or(Some(stmt.span));
                    self.expr(value)?;
                }
                Ok(())
            }
            StmtKind::Delete(targets) => targets.iter().try_for_each(|t| {
                match &t.kind {
                    ExprKind::Name(name) if &**name == "__debug__" => {
                        return wrong(t.span, "cannot delete __debug__");
                    }
                    ExprKind::Name(name) => self.use_name(name, t.span),
                    _ => {}
                }
                self.target(t)
            }),
            StmtKind::Pass | StmtKind::Break | StmtKind::Continue => Ok(()),
            StmtKind::Raise { exception, cause } => {
                exception.iter().chain(cause).try_for_each(|e| self.expr(e))
            }
            StmtKind::Global(names) => names.iter().try_for_each(|n| self.declare(n, stmt.span, true)),
            StmtKind::Nonlocal(names) => {
                if self.scope().kind == Kind::Module {
                    return wrong(stmt.span, "nonlocal declaration not allowed at module level");
                }
                names.iter().try_for_each(|n| self.declare(n, stmt.span, false))
            }
            StmtKind::Import(names) => names.iter().try_for_each(|alias| match &alias.alias {
                Some(name) => self.bind_ident(name),
                None => {
                    let full = &alias.name.name;
                    let first = full.split('.').next().unwrap_or(full);
                    self.bind(&Name::from(first), alias.span)
                }
            }),
            StmtKind::ImportFrom { names, .. } => match names {
                ImportNames::Star(span) => {
                    if self.scope().kind != Kind::Module {
                        return wrong(*span, "import * only allowed at module level");
                    }
                    Ok(())
                }
                ImportNames::List(names) => names
                    .iter()
                    .try_for_each(|alias| self.bind_ident(alias.alias.as_ref().unwrap_or(&alias.name))),
            },
            StmtKind::Assert { test, message } => {
                self.doubt(super::doubts::assertion(test, stmt.span.start));
                self.expr(test)?;
                message.iter().try_for_each(|m| self.expr(m))
            }
            StmtKind::If { branches, orelse } => {
                for branch in branches {
                    self.expr(&branch.test)?;
                    self.block(&branch.body)?;
                }
                self.block(orelse)
            }
            StmtKind::While { test, body, orelse } => {
                self.expr(test)?;
                self.block(body)?;
                self.block(orelse)
            }
            StmtKind::For(node) => {
                if node.is_async {
                    self.need_async(stmt.span, "async for")?;
                }
                self.expr(&node.iter)?;
                self.target(&node.target)?;
                self.block(&node.body)?;
                self.block(&node.orelse)
            }
            StmtKind::Try(node) => {
                self.block(&node.body)?;
                for handler in &node.handlers {
                    handler.exception.iter().try_for_each(|e| self.expr(e))?;
                    handler.name.iter().try_for_each(|n| self.bind_ident(n))?;
                    self.block(&handler.body)?;
                }
                self.block(&node.orelse)?;
                super::doubts::leaving(&node.finally, &mut self.scopes.doubts);
                self.block(&node.finally)
            }
            StmtKind::With { is_async, items, body } => {
                if *is_async {
                    self.need_async(stmt.span, "async with")?;
                }
                for item in items {
                    self.expr(&item.context)?;
                    item.target.iter().try_for_each(|t| self.target(t))?;
                }
                self.block(body)
            }
            StmtKind::FunctionDef(node) => self.function(node),
            StmtKind::ClassDef(node) => self.class(node),
            StmtKind::Match { subject, cases } => {
                self.expr(subject)?;
                patterns::check_reachable(cases)?;
                for case in cases {
                    self.pattern_values(&case.pattern)?;
                    for name in patterns::captures(&case.pattern)? {
                        self.bind_ident(name)?;
                    }
                    case.guard.iter().try_for_each(|g| self.expr(g))?;
                    self.block(&case.body)?;
                }
                Ok(())
            }
            StmtKind::TypeAlias { name, type_params, value } => {
                self.bind_ident(name)?;
                self.generic(type_params, stmt, |b| {
                    b.within(Kind::Annotations, stmt, Part::Value, |b| {
                        b.format_parameter();
                        b.expr(value)
                    })
                })
            }
        }
    }

    pub fn declare(&mut self, ident: &Ident, span: Span, global: bool) -> Done {
        let name = &ident.name;
        let flags = self.flags(name);
        let word = if global { "global" } else { "nonlocal" };
        let message = if flags & bit::PARAM != 0 {
            format!("name '{name}' is parameter and {word}")
        } else if global && flags & bit::NONLOCAL != 0 || !global && flags & bit::GLOBAL != 0 {
            format!("name '{name}' is nonlocal and global")
        } else if flags & (bit::GLOBAL | bit::NONLOCAL) != 0 {
            return Ok(());
        } else if flags & bit::ANNOTATED != 0 {
            format!("annotated name '{name}' can't be {word}")
        } else if flags & bit::BOUND != 0 {
            format!("name '{name}' is assigned to before {word} declaration")
        } else if flags & bit::USED != 0 {
            format!("name '{name}' is used prior to {word} declaration")
        } else {
            self.mark(self.here, name, if global { bit::GLOBAL } else { bit::NONLOCAL }, span);
            return Ok(());
        };
        wrong(span, message)
    }

    pub fn annotated(&mut self, target: &Expr, annotation: &Expr, simple: bool) -> Done {
        let in_function = !matches!(self.scope().kind, Kind::Module | Kind::Class);
        if let ExprKind::Name(name) = &target.kind {
            let flags = self.flags(name);
            if simple && self.scope().kind != Kind::Module && flags & (bit::GLOBAL | bit::NONLOCAL) != 0 {
                let word = if flags & bit::GLOBAL != 0 { "global" } else { "nonlocal" };
                return wrong(target.span, format!("annotated name '{name}' can't be {word}"));
            }
            if simple {
                if &**name == "__debug__" {
                    return wrong(target.span, "cannot assign to __debug__");
                }
                self.mark(self.here, name, bit::BOUND | bit::ANNOTATED, target.span);
            }
        }
        if in_function {
            return Ok(());
        }
        if !simple {
            return if self.scopes.future_annotations { Ok(()) } else { self.expr(annotation) };
        }
        let outer = self.here;
        let conditional = self.nested > 0;
        let scope = match self.scope().annotate {
            Some(scope) => scope,
            None => {
                let scope = self.open(Kind::Annotations, annotation, Part::Annotations);
                self.scopes.all[outer].annotate = Some(scope);
                self.format_parameter();
                scope
            }
        };
        if conditional && !self.scopes.all[outer].has_conditional_annotations {
            let name = Name::from("__conditional_annotations__");
            self.scopes.all[outer].has_conditional_annotations = true;
            self.mark(outer, &name, bit::BOUND | bit::USED, target.span);
            self.mark(scope, &name, bit::USED, target.span);
        }
        self.here = scope;
        let saved = (std::mem::take(&mut self.nested), self.this.take());
        let done = if self.scopes.future_annotations { Ok(()) } else { self.expr(annotation) };
        (self.nested, self.this) = saved;
        self.here = outer;
        done
    }

    pub fn format_parameter(&mut self) {
        self.mark(self.here, &Name::from(".format"), bit::BOUND | bit::PARAM, Span::default());
    }

    pub fn pattern_values(&mut self, pattern: &Pattern) -> Done {
        match &pattern.kind {
            PatternKind::Value(e) | PatternKind::Singleton(e) => self.expr(e),
            PatternKind::Wildcard | PatternKind::Capture(_) | PatternKind::Star(_) => Ok(()),
            PatternKind::As { pattern, .. } => self.pattern_values(pattern),
            PatternKind::Or(items) | PatternKind::Sequence(items) => {
                items.iter().try_for_each(|p| self.pattern_values(p))
            }
            PatternKind::Mapping { items, .. } => items.iter().try_for_each(|(key, value)| {
                self.expr(key)?;
                self.pattern_values(value)
            }),
            PatternKind::Class { class, positional, keywords } => {
                self.expr(class)?;
                positional.iter().try_for_each(|p| self.pattern_values(p))?;
                keywords.iter().try_for_each(|(_, p)| self.pattern_values(p))
            }
        }
    }

    // ---- functions and classes

    /// Runs `inside` in a scope that binds the type parameters, if there are any.
    pub fn generic<T>(
        &mut self,
        type_params: &[TypeParam],
        node: &T,
        inside: impl FnOnce(&mut Builder) -> Done,
    ) -> Done {
        if type_params.is_empty() {
            return inside(self);
        }
        self.within(Kind::TypeParams, node, Part::TypeParams, |b| {
            for param in type_params {
                if b.flags(&param.name.name) & bit::BOUND != 0 {
                    return wrong(param.name.span, format!("duplicate type parameter '{}'", param.name.name));
                }
                b.bind_ident(&param.name)?;
                for (part, expr) in [(Part::Bound, &param.bound), (Part::Default, &param.default)] {
                    if let Some(expr) = expr {
                        b.within(Kind::Annotations, param, part, |b| {
                            b.format_parameter();
                            b.expr(expr)
                        })?;
                    }
                }
            }
            inside(b)
        })
    }

    pub fn function(&mut self, node: &FunctionDef) -> Done {
        self.bind_ident(&node.name)?;
        node.decorators.iter().try_for_each(|d| self.expr(d))?;
        let in_class = self.scope().kind == Kind::Class;
        self.generic(&node.type_params, node, |b| {
            b.defaults(&node.params)?;
            b.annotations(node)?;
            b.within(Kind::Function, node, Part::Body, |b| {
                b.scope().is_async = node.is_async;
                b.params(&node.params)?;
                if in_class {
                    b.this = node
                        .params
                        .positional_only
                        .first()
                        .or(node.params.positional.first())
                        .map(|p| p.name.name.clone());
                }
                b.stmts(&node.body)
            })
        })
    }

    pub fn annotations(&mut self, node: &FunctionDef) -> Done {
        if self.scopes.future_annotations && annotations_of(node).next().is_some() {
            return self.within(Kind::Annotations, node, Part::Annotations, |b| {
                b.format_parameter();
                Ok(())
            });
        }
        if annotations_of(node).next().is_none() {
            return Ok(());
        }
        self.within(Kind::Annotations, node, Part::Annotations, |b| {
            b.format_parameter();
            annotations_of(node).try_for_each(|(_, e)| match &e.kind {
                ExprKind::Starred(e) => b.expr(e),
                _ => b.expr(e),
            })
        })
    }

    pub fn defaults(&mut self, params: &Params) -> Done {
        let positional = params.positional_only.iter().chain(&params.positional);
        positional
            .chain(&params.keyword_only)
            .filter_map(|p| p.default.as_ref())
            .try_for_each(|e| self.expr(e))
    }

    pub fn params(&mut self, params: &Params) -> Done {
        let Params { positional_only, positional, star, keyword_only, double_star } = params;
        let named = positional_only.iter().chain(positional).chain(keyword_only);
        for param in named.chain(star).chain(double_star) {
            let Ident { name, span } = &param.name;
            if &**name == "__debug__" {
                return wrong(*span, "cannot assign to __debug__");
            }
            if self.flags(name) & bit::PARAM != 0 {
                return wrong(*span, format!("duplicate parameter '{name}' in function definition"));
            }
            self.mark(self.here, name, bit::BOUND | bit::PARAM, *span);
        }
        Ok(())
    }

    pub fn class(&mut self, node: &ClassDef) -> Done {
        self.bind_ident(&node.name)?;
        node.decorators.iter().try_for_each(|d| self.expr(d))?;
        self.generic(&node.type_params, node, |b| {
            if !node.type_params.is_empty() {
                b.mark(b.here, &Name::from(".type_params"), bit::BOUND, node.name.span);
            }
            node.args.iter().try_for_each(|arg| b.expr(&arg.value))?;
            b.within(Kind::Class, node, Part::Body, |b| {
                b.scope().private = Some(node.name.name.clone());
                if !node.type_params.is_empty() {
                    b.mark(b.here, &Name::from(".type_params"), bit::USED, node.name.span);
                }
                b.stmts(&node.body)
            })
        })
    }
}

/// The annotations of a function with the names that they belong to, in order.
pub fn annotations_of(node: &FunctionDef) -> impl Iterator<Item = (Name, &Expr)> {
    let Params { positional_only, positional, star, keyword_only, double_star } = &node.params;
    let params = positional_only.iter().chain(positional).chain(star).chain(keyword_only).chain(double_star);
    params
        .filter_map(|p| Some((p.name.name.clone(), p.annotation.as_ref()?)))
        .chain(node.returns.iter().map(|e| (Name::from("return"), e)))
}

pub fn wrong<T>(span: Span, message: impl Into<String>) -> Result<T, Wrong> {
    Err(Box::new(Fault::syntax(span, message)))
}
