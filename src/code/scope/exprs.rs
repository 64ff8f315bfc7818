//! The part of the scope walk that visits targets and expressions.

use super::build::{Builder, Done, wrong};
use super::{Kind, Part, bit, doubts, mangle};
use minipy_grammar::tree::*;

impl Builder {
    // ---- targets

    pub fn target(&mut self, target: &Expr) -> Done {
        self.depth.check(target.span)?;
        match &target.kind {
            ExprKind::Name(name) => self.bind(name, target.span),
            ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().try_for_each(|t| self.target(t)),
            ExprKind::Starred(inner) => self.target(inner),
            ExprKind::Attribute { value, name } => {
                if let (ExprKind::Name(object), Some(this)) = (&value.kind, &self.this)
                    && object == this
                    && let Some(class) = self.scopes.all[self.here].parent
                {
                    let class = match self.scopes.all[class].kind {
                        Kind::TypeParams => self.scopes.all[class].parent.unwrap_or(class),
                        _ => class,
                    };
                    let class = &mut self.scopes.all[class];
                    class.self_attrs.insert(mangle(class.private.as_ref(), &name.name));
                }
                self.expr(value)
            }
            _ => self.expr(target),
        }
    }

    // ---- expressions

    /// Keeps a warning.
    pub fn doubt(&mut self, doubt: Option<doubts::Doubt>) {
        self.scopes.doubts.extend(doubt);
    }

    pub fn expr(&mut self, e: &Expr) -> Done {
        self.depth.check(e.span)?;
        match &e.kind {
            ExprKind::None
            | ExprKind::True
            | ExprKind::False
            | ExprKind::Ellipsis
            | ExprKind::Int(_)
            | ExprKind::Float(_)
            | ExprKind::Imaginary(_)
            | ExprKind::Str(_)
            | ExprKind::Bytes(_) => Ok(()),
            ExprKind::FString(parts) => self.fstring(parts),
            ExprKind::Name(name) => {
                self.use_name(name, e.span);
                Ok(())
            }
            ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items) => self.exprs(items),
            ExprKind::Bool { items, .. } => self.exprs(items),
            ExprKind::Dict(items) => items.iter().try_for_each(|item| {
                item.key.iter().try_for_each(|k| self.expr(k))?;
                self.expr(&item.value)
            }),
            ExprKind::Comp(comp) => self.comprehension(comp, e.span),
            ExprKind::Lambda { params, body } => {
                self.defaults(params)?;
                self.within(Kind::Lambda, &**params, Part::Body, |b| {
                    b.params(params)?;
                    b.expr(body)
                })
            }
            ExprKind::Conditional { test, body, orelse } => {
                self.expr(test)?;
                self.expr(body)?;
                self.expr(orelse)
            }
            ExprKind::Binary { first, rest } => {
                self.expr(first)?;
                rest.iter().try_for_each(|step| self.expr(&step.right))
            }
            ExprKind::Compare { first, rest } => {
                self.doubt(doubts::compare(e, first, rest));
                self.expr(first)?;
                rest.iter().try_for_each(|step| self.expr(&step.right))
            }
            ExprKind::Unary { operand, .. } => self.expr(operand),
            ExprKind::Call { func, args } => {
                self.doubt(doubts::call(func));
                self.expr(func)?;
                args.items.iter().try_for_each(|arg| {
                    if let ArgKind::Keyword(Ident { name, span }) = &arg.kind
                        && &**name == "__debug__"
                    {
                        return wrong(*span, "cannot assign to __debug__");
                    }
                    self.expr(&arg.value)
                })
            }
            ExprKind::Attribute { value, name } => {
                if &*name.name == "_getframe" || &*name.name == "currentframe" {
                    let unit = self.scopes.all[self.here].unit;
                    self.scopes.all[unit].sees_locals = true;
                }
                self.expr(value)
            }
            ExprKind::Subscript { value, index, .. } => {
                self.doubt(doubts::subscript(e, value, index));
                self.expr(value)?;
                self.expr(index)
            }
            ExprKind::Slice(slice) => {
                let Slice { lower, upper, step } = &**slice;
                lower.iter().chain(upper).chain(step).try_for_each(|e| self.expr(e))
            }
            ExprKind::Starred(inner) => self.expr(inner),
            ExprKind::Named { target, value } => {
                self.walrus(target, e.span)?;
                self.expr(value)
            }
            ExprKind::Await(inner) => {
                self.need_async(e.span, "await")?;
                self.expr(inner)
            }
            ExprKind::Yield(value) => {
                self.yields(e.span, "yield")?;
                value.iter().try_for_each(|v| self.expr(v))
            }
            ExprKind::YieldFrom(value) => {
                self.yields(e.span, "yield from")?;
                if self.scope().is_async {
                    return wrong(e.span, "'yield from' inside async function");
                }
                self.expr(value)
            }
        }
    }

    pub fn exprs(&mut self, items: &[Expr]) -> Done {
        items.iter().try_for_each(|item| self.expr(item))
    }

    pub fn fstring(&mut self, parts: &[FPart]) -> Done {
        parts.iter().try_for_each(|part| match part {
            FPart::Literal(_) => Ok(()),
            FPart::Field(field) => {
                self.expr(&field.value)?;
                field.spec.iter().try_for_each(|spec| self.fstring(spec))
            }
        })
    }

    pub fn comprehension(&mut self, comp: &Comp, span: Span) -> Done {
        let Some(first) = comp.clauses.first() else { return Ok(()) };
        self.iterable(&first.iter)?;
        let kind = if comp.kind == CompKind::Generator { Kind::Generator } else { Kind::Comp };
        let outer = self.here;
        self.within(kind, comp, Part::Body, |b| {
            b.scope().inside = match comp.kind {
                CompKind::List => "'yield' inside list comprehension",
                CompKind::Set => "'yield' inside set comprehension",
                CompKind::Dict => "'yield' inside dict comprehension",
                CompKind::Generator => "'yield' inside generator expression",
            };
            if kind == Kind::Generator {
                b.mark(b.here, &Name::from(".0"), bit::BOUND | bit::PARAM, span);
            } else {
                b.scope().place = span;
                b.scope().is_async = b.scopes.all[outer].is_async;
            }
            for (i, clause) in comp.clauses.iter().enumerate() {
                if clause.is_async {
                    b.need_async(span, "comprehension")?;
                }
                if i > 0 {
                    b.iterable(&clause.iter)?;
                }
                b.iteration_target(&clause.target)?;
                b.exprs(&clause.tests)?;
            }
            comp.value.iter().try_for_each(|v| b.expr(v))?;
            b.expr(&comp.element)
        })
    }

    pub fn iteration_target(&mut self, target: &Expr) -> Done {
        if let ExprKind::Name(name) = &target.kind {
            if self.flags(name) & bit::NONLOCAL != 0 {
                let message =
                    format!("comprehension inner loop cannot rebind assignment expression target '{name}'");
                return wrong(target.span, message);
            }
            self.bind(name, target.span)?;
            self.mark(self.here, name, bit::ITERATION, target.span);
            return Ok(());
        }
        match &target.kind {
            ExprKind::Tuple(items) | ExprKind::List(items) => {
                items.iter().try_for_each(|t| self.iteration_target(t))
            }
            ExprKind::Starred(inner) => self.iteration_target(inner),
            _ => self.target(target),
        }
    }

    pub fn iterable(&mut self, iter: &Expr) -> Done {
        self.iterables += 1;
        let done = self.expr(iter);
        self.iterables -= 1;
        done
    }

    /// `target := value` binds in the nearest block that is no comprehension.
    pub fn walrus(&mut self, target: &Ident, span: Span) -> Done {
        let Ident { name, span: name_span } = target;
        if self.iterables > 0 {
            return wrong(
                span,
                "assignment expression cannot be used in a comprehension iterable expression",
            );
        }
        let mut id = self.here;
        while matches!(self.scopes.all[id].kind, Kind::Comp | Kind::Generator) {
            if self.scopes.all[id].find(name).is_some_and(|s| s.flags & bit::ITERATION != 0) {
                let message =
                    format!("assignment expression cannot rebind comprehension iteration variable '{name}'");
                return wrong(*name_span, message);
            }
            self.mark(id, name, bit::USED | bit::NONLOCAL, *name_span);
            let Some(parent) = self.scopes.all[id].parent else { break };
            id = parent;
        }
        if id != self.here {
            let message = match self.scopes.all[id].kind {
                Kind::Class => "assignment expression within a comprehension cannot be used in a class body",
                Kind::TypeParams | Kind::Annotations => {
                    "assignment expression within a comprehension cannot be used within an annotation"
                }
                _ => "",
            };
            if !message.is_empty() {
                return wrong(span, message);
            }
        }
        let unit = self.scopes.all[self.here].unit;
        self.scopes.all[unit].has_walrus = true;
        if &**name == "__debug__" {
            return wrong(*name_span, "cannot assign to __debug__");
        }
        self.mark(id, name, bit::BOUND, *name_span);
        Ok(())
    }

    pub fn yields(&mut self, span: Span, word: &str) -> Done {
        let kind = self.scope().kind;
        let inside = match kind {
            Kind::Function | Kind::Lambda => {
                self.scope().yields = true;
                return Ok(());
            }
            Kind::Comp | Kind::Generator => self.scope().inside,
            Kind::TypeParams | Kind::Annotations => "yield expression cannot be used within an annotation",
            Kind::Module | Kind::Class => return wrong(span, format!("'{word}' outside function")),
        };
        wrong(span, inside)
    }

    /// A fault unless `await` and its relatives may stand here.
    pub fn need_async(&mut self, span: Span, word: &str) -> Done {
        let mut id = self.here;
        let (mut span, mut word) = (span, word);
        while self.scopes.all[id].kind == Kind::Comp {
            // What is inside makes the comprehension asynchronous, and so those around it.
            (span, word) = (self.scopes.all[id].place, "comprehension");
            let Some(parent) = self.scopes.all[id].parent else { break };
            id = parent;
        }
        let scope = &mut self.scopes.all[id];
        let message = match scope.kind {
            _ if scope.is_async => return Ok(()),
            Kind::Generator => {
                scope.is_async = true;
                return Ok(());
            }
            _ if word == "comprehension" => {
                "asynchronous comprehension outside of an asynchronous function".to_string()
            }
            Kind::Function | Kind::Lambda => format!("'{word}' outside async function"),
            Kind::TypeParams | Kind::Annotations => {
                "await expression cannot be used within an annotation".to_string()
            }
            Kind::Module | Kind::Class if word == "await" => "'await' outside function".to_string(),
            _ => format!("'{word}' outside async function"),
        };
        wrong(span, message)
    }
}
