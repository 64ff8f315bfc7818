//! Expressions other than strings.

use super::target::{self, Use, describe};
use super::{Cx, Made, refuse};
use crate::tree::*;

/// `yield`.
pub fn yield_expr(cx: &Cx, l: u32, value: Option<Expr>, r: u32) -> Made<Expr> {
    value.iter().try_for_each(target::check_plain)?;
    Ok(cx.node(l, ExprKind::Yield(value.map(Box::new)), r))
}

/// `target := value`.
pub fn named(cx: &Cx, l: u32, target: Expr, value: Expr, r: u32) -> Made<Expr> {
    let what = describe(&target);
    let ExprKind::Name(name) = target.kind else {
        return refuse(target.span, format!("cannot use assignment expressions with {what}"));
    };
    let target = Ident { name, span: target.span };
    Ok(cx.node(l, ExprKind::Named { target, value: Box::new(value) }, r))
}

/// `body if test else orelse`.
pub fn conditional(cx: &Cx, l: u32, body: Expr, test: Expr, orelse: Expr, r: u32) -> Expr {
    let kind = ExprKind::Conditional { test: Box::new(test), body: Box::new(body), orelse: Box::new(orelse) };
    cx.node(l, kind, r)
}

/// `lambda params: body`.
pub fn lambda(cx: &Cx, l: u32, params: Params, body: Expr, r: u32) -> Expr {
    cx.node(l, ExprKind::Lambda { params: Box::new(params), body: Box::new(body) }, r)
}

/// A chain of `and` or `or`.
pub fn boolean(cx: &Cx, l: u32, op: BoolOp, items: Vec<Expr>, r: u32) -> Expr {
    cx.node(l, ExprKind::Bool { op, items }, r)
}

/// A prefix operator.
pub fn unary(cx: &Cx, l: u32, op: UnaryOp, operand: Expr, r: u32) -> Expr {
    cx.node(l, ExprKind::Unary { op, operand: Box::new(operand) }, r)
}

/// A chain of comparisons.
pub fn compare(cx: &Cx, l: u32, first: Expr, rest: Vec<CompareStep>, r: u32) -> Expr {
    cx.node(l, ExprKind::Compare { first: Box::new(first), rest }, r)
}

/// One comparison of a chain.
pub fn compare_step(op: CompareOp, l: u32, r: u32, right: Expr) -> CompareStep {
    CompareStep { op, op_span: Span::new(l, r), right }
}

/// A chain of binary operators.
pub fn binary(cx: &Cx, l: u32, first: Expr, rest: Vec<BinaryStep>, r: u32) -> Expr {
    cx.node(l, ExprKind::Binary { first: Box::new(first), rest }, r)
}

/// One operation of a chain.
pub fn binary_step(op: BinaryOp, l: u32, r: u32, right: Expr) -> BinaryStep {
    BinaryStep { op, op_span: Span::new(l, r), right }
}

/// `base ** right`.
pub fn power(cx: &Cx, l: u32, base: Expr, op_span: Span, right: Expr, r: u32) -> Expr {
    let rest = vec![BinaryStep { op: BinaryOp::Pow, op_span, right }];
    cx.node(l, ExprKind::Binary { first: Box::new(base), rest }, r)
}

/// `value.name`.
pub fn attribute(cx: &Cx, l: u32, value: Expr, name: Ident, r: u32) -> Expr {
    cx.node(l, ExprKind::Attribute { value: Box::new(value), name }, r)
}

/// `func(args)`.
pub fn call(cx: &Cx, l: u32, func: Expr, open: u32, args: (Vec<Arg>, bool), r: u32) -> Made<Expr> {
    let (mut items, comma) = args;
    check_args(&items, comma)?;
    let span = Span::new(open, r);
    if let [only] = &mut items[..]
        && is_bare_generator(only)
    {
        // It owns the parentheses of the call.
        only.value.span = span;
        only.span = span;
    }
    let args = Box::new(Args { items, span });
    Ok(cx.node(l, ExprKind::Call { func: Box::new(func), args }, r))
}

/// The order of arguments, and names given twice.
pub fn check_args(args: &[Arg], comma: bool) -> Made<()> {
    let (mut keyword, mut double) = (false, false);
    for (at, arg) in args.iter().enumerate() {
        match &arg.kind {
            ArgKind::Positional => {
                if is_bare_generator(arg) && (args.len() > 1 || comma) {
                    return refuse(arg.span, "Generator expression must be parenthesized");
                }
                let end = args.last().map_or(arg.span, |last| last.span);
                if double {
                    let message = "positional argument follows keyword argument unpacking";
                    return refuse(follower(args, at).unwrap_or(end), message);
                }
                if keyword {
                    let message = "positional argument follows keyword argument";
                    return refuse(follower(args, at).unwrap_or(end), message);
                }
            }
            ArgKind::Star => {
                if double {
                    let message = "iterable argument unpacking follows keyword argument unpacking";
                    return refuse(arg.span, message);
                }
            }
            ArgKind::DoubleStar => double = true,
            ArgKind::Keyword(name) => {
                keyword = true;
                let same = |other: &Arg| matches!(&other.kind, ArgKind::Keyword(n) if n.name == name.name);
                if args.len() < 64 && args[..at].iter().any(same) {
                    return refuse(arg.span, format!("keyword argument repeated: {}", name.name));
                }
            }
        }
    }
    if args.len() >= 64 {
        let mut seen = std::collections::HashSet::new();
        for arg in args {
            if let ArgKind::Keyword(name) = &arg.kind
                && !seen.insert(&name.name)
            {
                return refuse(arg.span, format!("keyword argument repeated: {}", name.name));
            }
        }
    }
    Ok(())
}

/// Where the caret of a positional argument that comes too late stands: the last argument of its run.
fn follower(args: &[Arg], at: usize) -> Option<Span> {
    let run = args[at..].iter().take_while(|arg| matches!(arg.kind, ArgKind::Positional));
    run.last().map(|arg| Span::new(arg.span.end, arg.span.end + 1))
}

fn is_bare_generator(arg: &Arg) -> bool {
    matches!(&arg.value.kind, ExprKind::Comp(comp) if comp.kind == CompKind::Generator)
        && !arg.value.parenthesised
}

/// An argument.
pub fn arg(l: u32, kind: ArgKind, value: Expr, r: u32) -> Arg {
    Arg { kind, value, span: Span::new(l, r) }
}

/// A generator expression that borrows the parentheses of its call.
pub fn generator_arg(cx: &Cx, l: u32, element: Expr, clauses: Vec<CompClause>, r: u32) -> Made<Arg> {
    let mut value = comp(cx, l, CompKind::Generator, element, clauses, r)?;
    value.parenthesised = false;
    Ok(arg(l, ArgKind::Positional, value, r))
}

/// `name=value`, whose equals sign ends at `equals`.
pub fn keyword_arg(l: u32, name: Expr, equals: u32, value: Expr, r: u32) -> Made<Arg> {
    let span = name.span;
    match name.kind {
        ExprKind::Name(name) if span.start == l => {
            Ok(arg(l, ArgKind::Keyword(Ident { name, span }), value, r))
        }
        ExprKind::None | ExprKind::True | ExprKind::False => {
            refuse(Span::new(l, equals), format!("cannot assign to {}", describe(&name)))
        }
        _ => {
            let message = "expression cannot contain assignment, perhaps you meant \"==\"?";
            refuse(Span::new(l, equals), message)
        }
    }
}

/// `value[index]`.
pub fn subscript(cx: &Cx, l: u32, value: Expr, open: u32, index: Expr, r: u32) -> Expr {
    let index = match index.kind {
        ExprKind::Starred(_) => {
            let span = index.span;
            cx.bare_tuple(span.start, vec![index], None, span.end)
        }
        _ => index,
    };
    cx.node(l, ExprKind::Subscript { value: Box::new(value), index: Box::new(index), open }, r)
}

/// `lower:upper:step`.
pub fn slice(
    cx: &Cx,
    l: u32,
    lower: Option<Expr>,
    upper: Option<Expr>,
    step: Option<Option<Expr>>,
    r: u32,
) -> Expr {
    cx.node(l, ExprKind::Slice(Box::new(Slice { lower, upper, step: step.flatten() })), r)
}

/// An expression in parentheses.
pub fn group(mut expr: Expr) -> Made<Expr> {
    if let ExprKind::Starred(_) = expr.kind {
        return refuse(expr.span, "cannot use starred expression here");
    }
    expr.parenthesised = true;
    Ok(expr)
}

/// A comprehension of one element.
pub fn comp(cx: &Cx, l: u32, kind: CompKind, element: Expr, clauses: Vec<CompClause>, r: u32) -> Made<Expr> {
    if let ExprKind::Starred(_) = element.kind {
        return refuse(element.span, "iterable unpacking cannot be used in comprehension");
    }
    let mut expr = cx.node(l, ExprKind::Comp(Box::new(Comp { kind, element, value: None, clauses })), r);
    expr.parenthesised = kind == CompKind::Generator;
    Ok(expr)
}

/// A dict comprehension.
pub fn dict_comp(cx: &Cx, l: u32, item: DictItem, clauses: Vec<CompClause>, r: u32) -> Made<Expr> {
    let Some(element) = item.key else {
        let end = item.value.span.start;
        let stars = cx.slice(l, end).rfind("**").map_or(l, |at| l + at as u32);
        let message = "dict unpacking cannot be used in dict comprehension";
        return refuse(Span::new(stars, stars + 2), message);
    };
    let comp = Comp { kind: CompKind::Dict, element, value: Some(item.value), clauses };
    Ok(cx.node(l, ExprKind::Comp(Box::new(comp)), r))
}

/// `key: value`, or `**value`.
pub fn dict_item(key: Option<Expr>, value: Expr) -> DictItem {
    DictItem { key, value }
}

/// `for target in iter if test`.
pub fn comp_clause(
    l: u32,
    is_async: bool,
    target: Expr,
    iter: Expr,
    tests: Vec<Expr>,
    r: u32,
) -> Made<CompClause> {
    target::check(&target, Use::Assign)?;
    Ok(CompClause { is_async, target, iter, tests, span: Span::new(l, r) })
}
