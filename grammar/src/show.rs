//! The tree as text to be read: a line for each statement, expressions in parentheses with the operator first.

use crate::tree::*;
use std::fmt::{Display, Write};

/// Shows a whole tree.
pub fn show(module: &Module) -> String {
    let mut out = Show { text: String::new(), depth: 0 };
    out.block(&module.body);
    out.text
}

struct Show {
    text: String,
    depth: usize,
}

impl Show {
    fn put(&mut self, text: impl Display) {
        write!(self.text, "{text}").expect("a string takes all text");
    }

    fn line(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("  ");
        }
    }

    fn block(&mut self, body: &[Stmt]) {
        for stmt in body {
            self.line();
            self.stmt(stmt);
        }
    }

    fn deeper(&mut self, body: &[Stmt]) {
        self.text.push('\n');
        self.depth += 1;
        self.block(body);
        self.depth -= 1;
    }

    /// A further block of a statement, if there is one.
    fn also(&mut self, word: &str, body: &[Stmt]) {
        if !body.is_empty() {
            self.line();
            self.put(word);
            self.deeper(body);
        }
    }

    /// ` word expr`, if there is one.
    fn optional(&mut self, word: &str, expr: &Option<Expr>) {
        if let Some(expr) = expr {
            self.put(word);
            self.expr(expr);
        }
    }

    fn exprs<'e>(&mut self, items: impl IntoIterator<Item = &'e Expr>) {
        for item in items {
            self.text.push(' ');
            self.expr(item);
        }
    }

    fn stmt(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::Expr(value) => self.expr(value),
            StmtKind::Assign { targets, value } => {
                self.put("=");
                self.exprs(targets);
                self.put(" <- ");
                self.expr(value);
            }
            StmtKind::AugAssign { target, op, value, .. } => {
                self.put(format_args!("{}= ", binary(*op)));
                self.expr(target);
                self.put(" <- ");
                self.expr(value);
            }
            StmtKind::AnnAssign { target, annotation, value, simple } => {
                self.put(if *simple { "ann " } else { "ann-other " });
                self.expr(target);
                self.put(" : ");
                self.expr(annotation);
                self.optional(" <- ", value);
            }
            StmtKind::Return(value) => {
                self.put("return");
                self.exprs(value);
            }
            StmtKind::Delete(targets) => {
                self.put("del");
                self.exprs(targets);
            }
            StmtKind::Pass => self.put("pass"),
            StmtKind::Break => self.put("break"),
            StmtKind::Continue => self.put("continue"),
            StmtKind::Raise { exception, cause } => {
                self.put("raise");
                self.exprs(exception);
                self.optional(" from ", cause);
            }
            StmtKind::Global(names) => self.names("global", names),
            StmtKind::Nonlocal(names) => self.names("nonlocal", names),
            StmtKind::Import(names) => {
                self.put("import");
                self.aliases(names);
            }
            StmtKind::ImportFrom { level, module, names } => {
                let module = module.as_ref().map_or("", |module| &module.name);
                self.put(format_args!("from {}{module} import", ".".repeat(*level as usize)));
                match names {
                    ImportNames::Star(_) => self.put(" *"),
                    ImportNames::List(names) => self.aliases(names),
                }
            }
            StmtKind::Assert { test, message } => {
                self.put("assert ");
                self.expr(test);
                self.optional(", ", message);
            }
            StmtKind::TypeAlias { name, type_params, value } => {
                self.put(format_args!("type {}", name.name));
                self.type_params(type_params);
                self.put(" <- ");
                self.expr(value);
            }
            _ => return self.compound(stmt),
        }
        self.text.push('\n');
    }

    fn names(&mut self, word: &str, names: &[Ident]) {
        self.put(word);
        for name in names {
            self.put(format_args!(" {}", name.name));
        }
    }

    fn aliases(&mut self, names: &[Alias]) {
        for Alias { name, alias, .. } in names {
            self.put(format_args!(" {}", name.name));
            if let Some(alias) = alias {
                self.put(format_args!(" as {}", alias.name));
            }
        }
    }

    fn compound(&mut self, stmt: &Stmt) {
        match &stmt.kind {
            StmtKind::If { branches, orelse } => {
                for (at, branch) in branches.iter().enumerate() {
                    if at > 0 {
                        self.line();
                    }
                    self.put(if at > 0 { "elif " } else { "if " });
                    self.expr(&branch.test);
                    self.deeper(&branch.body);
                }
                self.also("else", orelse);
            }
            StmtKind::While { test, body, orelse } => {
                self.put("while ");
                self.expr(test);
                self.deeper(body);
                self.also("else", orelse);
            }
            StmtKind::For(r#for) => {
                self.put(if r#for.is_async { "async for " } else { "for " });
                self.expr(&r#for.target);
                self.put(" in ");
                self.expr(&r#for.iter);
                self.deeper(&r#for.body);
                self.also("else", &r#for.orelse);
            }
            StmtKind::Try(r#try) => {
                self.put("try");
                self.deeper(&r#try.body);
                for handler in &r#try.handlers {
                    self.line();
                    self.put(if r#try.is_star { "except*" } else { "except" });
                    self.exprs(&handler.exception);
                    if let Some(name) = &handler.name {
                        self.put(format_args!(" as {}", name.name));
                    }
                    self.deeper(&handler.body);
                }
                self.also("else", &r#try.orelse);
                self.also("finally", &r#try.finally);
            }
            StmtKind::With { is_async, items, body } => {
                self.put(if *is_async { "async with" } else { "with" });
                for item in items {
                    self.text.push(' ');
                    self.expr(&item.context);
                    self.optional(" as ", &item.target);
                }
                self.deeper(body);
            }
            StmtKind::FunctionDef(def) => {
                self.decorators(&def.decorators);
                self.put(if def.is_async { "async def " } else { "def " });
                self.put(&def.name.name);
                self.type_params(&def.type_params);
                self.params(&def.params);
                self.optional(" -> ", &def.returns);
                self.deeper(&def.body);
            }
            StmtKind::ClassDef(def) => {
                self.decorators(&def.decorators);
                self.put(format_args!("class {}", def.name.name));
                self.type_params(&def.type_params);
                self.args(&def.args);
                self.deeper(&def.body);
            }
            StmtKind::Match { subject, cases } => {
                self.put("match ");
                self.expr(subject);
                self.text.push('\n');
                self.depth += 1;
                for case in cases {
                    self.line();
                    self.put("case ");
                    self.pattern(&case.pattern);
                    self.optional(" if ", &case.guard);
                    self.deeper(&case.body);
                }
                self.depth -= 1;
            }
            _ => unreachable!("simple statements are shown above"),
        }
    }

    fn decorators(&mut self, decorators: &[Expr]) {
        for decorator in decorators {
            self.put("@");
            self.expr(decorator);
            self.text.push('\n');
            self.line();
        }
    }

    fn type_params(&mut self, params: &[TypeParam]) {
        for param in params {
            let stars = match param.kind {
                TypeParamKind::Var => "",
                TypeParamKind::VarTuple => "*",
                TypeParamKind::ParamSpec => "**",
            };
            self.put(format_args!(" [{stars}{}", param.name.name));
            self.optional(" : ", &param.bound);
            self.optional(" = ", &param.default);
            self.put("]");
        }
    }

    fn params(&mut self, params: &Params) {
        self.put(" (");
        let start = self.text.len();
        let each = |show: &mut Show, stars: &str, param: &Param| {
            if show.text.len() > start {
                show.text.push(' ');
            }
            show.put(format_args!("{stars}{}", param.name.name));
            show.optional(":", &param.annotation);
            show.optional("=", &param.default);
        };
        params.positional_only.iter().for_each(|param| each(self, "", param));
        if !params.positional_only.is_empty() {
            self.put(" /");
        }
        params.positional.iter().for_each(|param| each(self, "", param));
        params.star.iter().for_each(|param| each(self, "*", param));
        if params.star.is_none() && !params.keyword_only.is_empty() {
            self.put(if self.text.len() > start { " *" } else { "*" });
        }
        let each = |show: &mut Show, stars: &str, param: &Param| {
            show.put(format_args!(
                "{}{stars}{}",
                if show.text.len() > start { " " } else { "" },
                param.name.name
            ));
            show.optional(":", &param.annotation);
            show.optional("=", &param.default);
        };
        params.keyword_only.iter().for_each(|param| each(self, "", param));
        params.double_star.iter().for_each(|param| each(self, "**", param));
        self.put(")");
    }

    fn args(&mut self, args: &[Arg]) {
        for arg in args {
            self.text.push(' ');
            match &arg.kind {
                ArgKind::Positional => {}
                ArgKind::Star => self.put("*"),
                ArgKind::DoubleStar => self.put("**"),
                ArgKind::Keyword(name) => self.put(format_args!("{}=", name.name)),
            }
            self.expr(&arg.value);
        }
    }

    fn list<'e>(&mut self, word: &str, items: impl IntoIterator<Item = &'e Expr>) {
        self.put(format_args!("({word}"));
        self.exprs(items);
        self.put(")");
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::None => self.put("None"),
            ExprKind::True => self.put("True"),
            ExprKind::False => self.put("False"),
            ExprKind::Ellipsis => self.put("..."),
            ExprKind::Int(Int::Small(int)) => self.put(int),
            ExprKind::Int(Int::Big(hex)) => self.put(format_args!("0x{hex}")),
            ExprKind::Float(float) => self.put(format_args!("{float:?}")),
            ExprKind::Imaginary(float) => self.put(format_args!("{float:?}j")),
            ExprKind::Str(Text(text)) => self.bytes("", text),
            ExprKind::Bytes(bytes) => self.bytes("b", bytes),
            ExprKind::FString(parts) => {
                self.put("(f");
                self.parts(parts);
                self.put(")");
            }
            ExprKind::Name(name) => self.put(name),
            ExprKind::Tuple(items) => self.list("tuple", items),
            ExprKind::List(items) => self.list("list", items),
            ExprKind::Set(items) => self.list("set", items),
            ExprKind::Dict(items) => {
                self.put("(dict");
                for item in items {
                    match &item.key {
                        Some(key) => {
                            self.exprs([key]);
                            self.put(":");
                        }
                        None => self.put(" **"),
                    }
                    self.expr(&item.value);
                }
                self.put(")");
            }
            ExprKind::Comp(comp) => self.comp(comp),
            ExprKind::Lambda { params, body } => {
                self.put("(lambda");
                self.params(params);
                self.exprs([&**body]);
                self.put(")");
            }
            ExprKind::Conditional { test, body, orelse } => self.list("if", [&**test, &**body, &**orelse]),
            ExprKind::Binary { first, rest } => {
                self.put("(chain ");
                self.expr(first);
                for step in rest {
                    self.put(format_args!(" {} ", binary(step.op)));
                    self.expr(&step.right);
                }
                self.put(")");
            }
            ExprKind::Compare { first, rest } => {
                self.put("(compare ");
                self.expr(first);
                for step in rest {
                    self.put(format_args!(" {} ", compare(step.op)));
                    self.expr(&step.right);
                }
                self.put(")");
            }
            ExprKind::Unary { op, operand } => {
                let word = match op {
                    UnaryOp::Plus => "+",
                    UnaryOp::Minus => "-",
                    UnaryOp::Invert => "~",
                    UnaryOp::Not => "not",
                };
                self.list(word, [&**operand]);
            }
            ExprKind::Bool { op, items } => self.list(if *op == BoolOp::And { "and" } else { "or" }, items),
            ExprKind::Call { func, args } => {
                self.put("(call ");
                self.expr(func);
                self.args(&args.items);
                self.put(")");
            }
            ExprKind::Attribute { value, name } => {
                self.put("(. ");
                self.expr(value);
                self.put(format_args!(" {})", name.name));
            }
            ExprKind::Subscript { value, index, .. } => self.list("at", [&**value, &**index]),
            ExprKind::Slice(slice) => {
                self.put("(slice");
                for part in [&slice.lower, &slice.upper, &slice.step] {
                    match part {
                        Some(part) => self.exprs([part]),
                        None => self.put(" _"),
                    }
                }
                self.put(")");
            }
            ExprKind::Starred(value) => self.list("*", [&**value]),
            ExprKind::Named { target, value } => {
                self.put(format_args!("(:= {} ", target.name));
                self.expr(value);
                self.put(")");
            }
            ExprKind::Await(value) => self.list("await", [&**value]),
            ExprKind::Yield(value) => self.list("yield", value.as_deref()),
            ExprKind::YieldFrom(value) => self.list("yield-from", [&**value]),
        }
    }

    fn comp(&mut self, comp: &Comp) {
        let word = match comp.kind {
            CompKind::List => "list",
            CompKind::Set => "set",
            CompKind::Dict => "dict",
            CompKind::Generator => "generator",
        };
        self.put(format_args!("({word}-comp"));
        self.exprs([&comp.element].into_iter().chain(&comp.value));
        for clause in &comp.clauses {
            self.put(if clause.is_async { " async-for " } else { " for " });
            self.expr(&clause.target);
            self.put(" in ");
            self.expr(&clause.iter);
            for test in &clause.tests {
                self.put(" if ");
                self.expr(test);
            }
        }
        self.put(")");
    }

    fn parts(&mut self, parts: &[FPart]) {
        for part in parts {
            self.text.push(' ');
            match part {
                FPart::Literal(Text(text)) => self.bytes("", text),
                FPart::Field(field) => {
                    self.put("{");
                    self.expr(&field.value);
                    if let Some(conversion) = field.conversion {
                        self.put(format_args!("!{conversion}"));
                    }
                    if let Some(spec) = &field.spec {
                        self.put(":");
                        self.parts(spec);
                    }
                    self.put("}");
                }
            }
        }
    }

    fn bytes(&mut self, prefix: &str, bytes: &[u8]) {
        self.put(format_args!("{prefix}\""));
        let text = if prefix.is_empty() { std::str::from_utf8(bytes).ok() } else { None };
        match text {
            Some(text) => self.put(text.escape_debug()),
            None => self.put(bytes.escape_ascii()),
        }
        self.put("\"");
    }

    fn pattern(&mut self, pattern: &Pattern) {
        match &pattern.kind {
            PatternKind::Wildcard => self.put("_"),
            PatternKind::Capture(name) => self.put(&name.name),
            PatternKind::Value(value) => self.list("value", [value]),
            PatternKind::Singleton(value) => self.expr(value),
            PatternKind::As { pattern, name } => {
                self.put("(as ");
                self.pattern(pattern);
                self.put(format_args!(" {})", name.name));
            }
            PatternKind::Or(items) => self.patterns("or", items),
            PatternKind::Sequence(items) => self.patterns("sequence", items),
            PatternKind::Star(name) => {
                self.put(format_args!("*{}", name.as_ref().map_or("_", |name| &name.name)))
            }
            PatternKind::Mapping { items, rest } => {
                self.put("(mapping");
                for (key, value) in items {
                    self.exprs([key]);
                    self.put(":");
                    self.pattern(value);
                }
                if let Some(rest) = rest {
                    self.put(format_args!(" **{}", rest.name));
                }
                self.put(")");
            }
            PatternKind::Class { class, positional, keywords } => {
                self.put("(class ");
                self.expr(class);
                for item in positional {
                    self.text.push(' ');
                    self.pattern(item);
                }
                for (name, item) in keywords {
                    self.put(format_args!(" {}=", name.name));
                    self.pattern(item);
                }
                self.put(")");
            }
        }
    }

    fn patterns(&mut self, word: &str, items: &[Pattern]) {
        self.put(format_args!("({word}"));
        for item in items {
            self.text.push(' ');
            self.pattern(item);
        }
        self.put(")");
    }
}

/// How a binary operator is spelt.
fn binary(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "-",
        BinaryOp::Mul => "*",
        BinaryOp::MatMul => "@",
        BinaryOp::Div => "/",
        BinaryOp::FloorDiv => "//",
        BinaryOp::Mod => "%",
        BinaryOp::Pow => "**",
        BinaryOp::LShift => "<<",
        BinaryOp::RShift => ">>",
        BinaryOp::BitAnd => "&",
        BinaryOp::BitOr => "|",
        BinaryOp::BitXor => "^",
    }
}

/// How a comparison is spelt.
fn compare(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Eq => "==",
        CompareOp::Ne => "!=",
        CompareOp::Lt => "<",
        CompareOp::Le => "<=",
        CompareOp::Gt => ">",
        CompareOp::Ge => ">=",
        CompareOp::Is => "is",
        CompareOp::IsNot => "is-not",
        CompareOp::In => "in",
        CompareOp::NotIn => "not-in",
    }
}
