//! Statements.

use super::expr::check_args;
use super::target::{self, Use, check_plain, describe};
use super::{Cx, Made, refuse};
use crate::tree::*;

/// A statement.
pub fn stmt(l: u32, kind: StmtKind, r: u32) -> Stmt {
    Stmt { kind, span: Span::new(l, r) }
}

/// Where a compound statement ends: with the last of its blocks.
fn block_end(l: u32, blocks: &[&[Stmt]]) -> u32 {
    blocks.iter().rev().find_map(|block| block.last()).map_or(l, |last| last.span.end)
}

/// The body of a text to be evaluated.
pub fn eval(value: Expr) -> Made<Vec<Stmt>> {
    check_plain(&value)?;
    let span = value.span;
    Ok(vec![Stmt { kind: StmtKind::Expr(value), span }])
}

/// An expression as a statement.
pub fn expr_stmt(value: Expr) -> Made<StmtKind> {
    check_plain(&value)?;
    Ok(StmtKind::Expr(value))
}

/// `return`.
pub fn return_stmt(value: Option<Expr>) -> Made<StmtKind> {
    value.iter().try_for_each(check_plain)?;
    Ok(StmtKind::Return(value))
}

/// `targets = value`.
pub fn assign(cx: &Cx, targets: Vec<Expr>, value: Expr) -> Made<StmtKind> {
    for (at, target) in targets.iter().enumerate() {
        let yields = matches!(target.kind, ExprKind::Yield(_) | ExprKind::YieldFrom(_));
        if yields && !target.parenthesised {
            return refuse(target.span, "assignment to yield expression not possible");
        }
        if let Some(part) = target::invalid(target, Use::Assign) {
            let what = describe(part);
            if at == 0 && targets.len() == 1 && may_compare(target, part) && starts_operand(cx, &value) {
                let message = format!("cannot assign to {what} here. Maybe you meant '==' instead of '='?");
                return refuse(part.span, message);
            }
            return refuse(part.span, format!("cannot assign to {what}"));
        }
        target::check(target, Use::Assign)?;
    }
    check_plain(&value)?;
    Ok(StmtKind::Assign { targets, value })
}

/// Whether `part` of the target could have been meant as the left side of a comparison: it stands last, and is
/// an operand.
fn may_compare(target: &Expr, part: &Expr) -> bool {
    let last = match &target.kind {
        ExprKind::Tuple(items) if !target.parenthesised => items.last(),
        _ => Some(target),
    };
    last.is_some_and(|last| std::ptr::eq(last, part)) && is_operand(part)
}

/// Whether an expression is below the level of comparisons, and not itself a list, tuple or constant.
fn is_operand(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::None | ExprKind::True | ExprKind::False | ExprKind::Tuple(_) | ExprKind::List(_) => false,
        ExprKind::Comp(comp) => comp.kind != CompKind::Generator,
        ExprKind::Unary { op: UnaryOp::Not, .. } => expr.parenthesised,
        ExprKind::Conditional { .. }
        | ExprKind::Lambda { .. }
        | ExprKind::Bool { .. }
        | ExprKind::Compare { .. }
        | ExprKind::Starred(_)
        | ExprKind::Named { .. }
        | ExprKind::Yield(_)
        | ExprKind::YieldFrom(_) => expr.parenthesised,
        _ => true,
    }
}

/// Whether the first word of `value` begins an operand of a comparison.
fn starts_operand(cx: &Cx, value: &Expr) -> bool {
    let text = cx.slice(value.span.start, value.span.end);
    let word =
        text.find(|char: char| !char.is_alphanumeric() && char != '_').map_or(text, |end| &text[..end]);
    !(text.starts_with('*') || matches!(word, "not" | "lambda" | "yield"))
}

/// `target op= value`.
pub fn aug_assign(target: Expr, op: BinaryOp, op_span: Span, value: Expr) -> Made<StmtKind> {
    if !matches!(target.kind, ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Subscript { .. }) {
        let what = describe(&target);
        let message = format!("'{what}' is an illegal expression for augmented assignment");
        return refuse(target.span, message);
    }
    check_plain(&value)?;
    Ok(StmtKind::AugAssign { target, op, op_span, value })
}

/// `target: annotation = value`.
pub fn ann_assign(target: Expr, annotation: Expr, value: Option<Expr>) -> Made<StmtKind> {
    match &target.kind {
        ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Subscript { .. } => {}
        ExprKind::List(_) => return refuse(target.span, "only single target (not list) can be annotated"),
        ExprKind::Tuple(items) => {
            let span = if target.parenthesised { target.span } else { items[0].span };
            return refuse(span, "only single target (not tuple) can be annotated");
        }
        _ => return refuse(target.span, "illegal target for annotation"),
    }
    value.iter().try_for_each(check_plain)?;
    let simple = matches!(target.kind, ExprKind::Name(_)) && !target.parenthesised;
    Ok(StmtKind::AnnAssign { target, annotation, value, simple })
}

/// `raise exception from cause`.
pub fn raise(exception: Option<Expr>, cause: Option<Expr>) -> StmtKind {
    StmtKind::Raise { exception, cause }
}

/// `del targets`.
pub fn delete(targets: Expr) -> Made<StmtKind> {
    target::check(&targets, Use::Delete)?;
    Ok(StmtKind::Delete(match targets.kind {
        ExprKind::Tuple(items) if !targets.parenthesised => items,
        _ => vec![targets],
    }))
}

/// `assert test, message`.
pub fn assert(test: Expr, message: Option<Expr>) -> StmtKind {
    StmtKind::Assert { test, message }
}

/// `name as alias`.
pub fn alias(l: u32, name: Ident, alias: Option<Ident>, r: u32) -> Alias {
    Alias { name, alias, span: Span::new(l, r) }
}

/// `from dots module import names`.
pub fn import_from(level: u32, module: Option<Ident>, import: Span, names: ImportNames) -> Made<StmtKind> {
    if level == 0 && module.is_none() {
        return refuse(import, "invalid syntax");
    }
    Ok(StmtKind::ImportFrom { level, module, names })
}

/// `type name = value`.
pub fn type_alias(name: Ident, type_params: Vec<TypeParam>, value: Expr) -> StmtKind {
    StmtKind::TypeAlias { name, type_params, value }
}

/// `if` with its `elif`s.
pub fn if_stmt(branches: Vec<Branch>, orelse: Vec<Stmt>) -> Stmt {
    let start = branches[0].span.start;
    let end = branches.last().map_or(start, |branch| branch.span.end);
    let end = block_end(end, &[&orelse]);
    stmt(start, StmtKind::If { branches, orelse }, end)
}

/// One tested block of an `if`.
pub fn branch(l: u32, test: Expr, body: Vec<Stmt>) -> Branch {
    let end = block_end(l, &[&body]);
    Branch { test, body, span: Span::new(l, end) }
}

/// `while`.
pub fn while_stmt(l: u32, test: Expr, body: Vec<Stmt>, orelse: Vec<Stmt>) -> Stmt {
    let end = block_end(l, &[&body, &orelse]);
    stmt(l, StmtKind::While { test, body, orelse }, end)
}

/// `for`.
pub fn for_stmt(
    l: u32,
    is_async: bool,
    target: Expr,
    iter: Expr,
    body: Vec<Stmt>,
    orelse: Vec<Stmt>,
) -> Made<Stmt> {
    target::check(&target, Use::Assign)?;
    check_plain(&iter)?;
    let end = block_end(l, &[&body, &orelse]);
    Ok(stmt(l, StmtKind::For(Box::new(For { is_async, target, iter, body, orelse })), end))
}

/// `try`.
pub fn try_stmt(
    l: u32,
    body: Vec<Stmt>,
    handlers: Vec<(Handler, bool)>,
    orelse: Vec<Stmt>,
    finally: Vec<Stmt>,
) -> Made<Stmt> {
    let is_star = handlers.first().is_some_and(|handler| handler.1);
    if let Some((handler, _)) = handlers.iter().find(|handler| handler.1 != is_star) {
        let span = Span::new(handler.span.start, handler.span.start + "except*".len() as u32);
        return refuse(span, "cannot have both 'except' and 'except*' on the same 'try'");
    }
    let handlers: Vec<Handler> = handlers.into_iter().map(|handler| handler.0).collect();
    let last = handlers.last().map_or(&[][..], |handler| &handler.body);
    let end = block_end(l, &[&body, last, &orelse, &finally]);
    Ok(stmt(l, StmtKind::Try(Box::new(Try { body, is_star, handlers, orelse, finally })), end))
}

/// `except:`.
pub fn bare_handler(l: u32, body: Vec<Stmt>) -> (Handler, bool) {
    let span = Span::new(l, block_end(l, &[&body]));
    (Handler { exception: None, name: None, body, span }, false)
}

/// `except exception as name:`, and whether it is an `except*`.
pub fn handler(
    l: u32,
    is_star: bool,
    exception: Expr,
    name: Option<Ident>,
    body: Vec<Stmt>,
) -> Made<(Handler, bool)> {
    let several = matches!(exception.kind, ExprKind::Tuple(_)) && !exception.parenthesised;
    if let (true, Some(name)) = (several, &name) {
        let message = "multiple exception types must be parenthesized when using 'as'";
        return refuse(exception.span.to(name.span), message);
    }
    let span = Span::new(l, block_end(l, &[&body]));
    Ok((Handler { exception: Some(exception), name, body, span }, is_star))
}

/// The items of a `with`. A lone tuple in parentheses stands for its items.
pub fn with_items(mut items: Vec<WithItem>) -> Vec<WithItem> {
    let [WithItem { context, target: None, .. }] = &mut items[..] else { return items };
    match &mut context.kind {
        ExprKind::Tuple(parts) if context.parenthesised && !parts.is_empty() => {
            let plain = |part: Expr| WithItem { span: part.span, context: part, target: None };
            std::mem::take(parts).into_iter().map(plain).collect()
        }
        _ => items,
    }
}

/// An item of a `with`.
pub fn with_item(l: u32, context: Expr, r: u32) -> WithItem {
    WithItem { context, target: None, span: Span::new(l, r) }
}

/// An item of a `with` that is bound.
pub fn with_item_as(l: u32, context: Expr, target: Expr, r: u32) -> Made<WithItem> {
    target::check(&target, Use::Assign)?;
    Ok(WithItem { context, target: Some(target), span: Span::new(l, r) })
}

/// `with`.
pub fn with_stmt(l: u32, is_async: bool, items: Vec<WithItem>, body: Vec<Stmt>) -> Stmt {
    let end = block_end(l, &[&body]);
    stmt(l, StmtKind::With { is_async, items, body }, end)
}

/// A function or class with its decorators.
pub fn decorate(decorators: Vec<Expr>, mut definition: Stmt) -> Stmt {
    match &mut definition.kind {
        StmtKind::FunctionDef(function) => function.decorators = decorators,
        StmtKind::ClassDef(class) => class.decorators = decorators,
        _ => unreachable!("the grammar decorates only definitions"),
    }
    definition
}

/// `def`.
#[expect(clippy::too_many_arguments, reason = "one per part of the header")]
pub fn function(
    l: u32,
    is_async: bool,
    name: Ident,
    type_params: Vec<TypeParam>,
    params: Params,
    returns: Option<Expr>,
    header: u32,
    body: Vec<Stmt>,
) -> Stmt {
    let end = block_end(l, &[&body]);
    let header = Span::new(l, header);
    let decorators = Vec::new();
    let function = FunctionDef { is_async, name, type_params, params, returns, body, decorators, header };
    stmt(l, StmtKind::FunctionDef(Box::new(function)), end)
}

/// `class`.
pub fn class(
    l: u32,
    name: Ident,
    type_params: Vec<TypeParam>,
    args: Option<(Vec<Arg>, bool)>,
    header: u32,
    body: Vec<Stmt>,
) -> Made<Stmt> {
    let (args, comma) = args.unwrap_or_default();
    check_args(&args, comma)?;
    if let Some(clause) = args.iter().find_map(generator_clause) {
        return refuse(Span::new(clause.start, clause.start + "for".len() as u32), "invalid syntax");
    }
    let end = block_end(l, &[&body]);
    let header = Span::new(l, header);
    let class = ClassDef { name, type_params, args, body, decorators: Vec::new(), header };
    Ok(stmt(l, StmtKind::ClassDef(Box::new(class)), end))
}

/// Where the clauses of a generator expression without parentheses begin.
fn generator_clause(arg: &Arg) -> Option<Span> {
    match &arg.value.kind {
        ExprKind::Comp(comp) if comp.kind == CompKind::Generator && !arg.value.parenthesised => {
            Some(comp.clauses[0].span)
        }
        _ => None,
    }
}

/// `match`.
pub fn match_stmt(l: u32, subject: Expr, cases: Vec<Case>) -> Stmt {
    let end = cases.last().map_or(l, |case| case.span.end);
    stmt(l, StmtKind::Match { subject, cases }, end)
}

/// `case`.
pub fn case(l: u32, pattern: Pattern, guard: Option<Expr>, body: Vec<Stmt>) -> Case {
    let span = Span::new(l, block_end(l, &[&body]));
    Case { pattern, guard, body, span }
}
