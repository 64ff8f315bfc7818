//! What may be assigned to or deleted, and what things are called in faults about that.

use super::{Made, refuse};
use crate::tree::*;

/// What is done to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Assign,
    Delete,
}

impl Use {
    fn verb(self) -> &'static str {
        match self {
            Use::Assign => "assign to",
            Use::Delete => "delete",
        }
    }
}

/// What CPython calls an expression of this kind.
pub fn describe(expr: &Expr) -> &'static str {
    match &expr.kind {
        ExprKind::None => "None",
        ExprKind::True => "True",
        ExprKind::False => "False",
        ExprKind::Ellipsis => "ellipsis",
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Imaginary(_)
        | ExprKind::Str(_)
        | ExprKind::Bytes(_) => "literal",
        ExprKind::FString(_) => "f-string expression",
        ExprKind::Name(_) => "name",
        ExprKind::Tuple(_) => "tuple",
        ExprKind::List(_) => "list",
        ExprKind::Set(_) => "set display",
        ExprKind::Dict(_) => "dict literal",
        ExprKind::Comp(comp) => match comp.kind {
            CompKind::List => "list comprehension",
            CompKind::Set => "set comprehension",
            CompKind::Dict => "dict comprehension",
            CompKind::Generator => "generator expression",
        },
        ExprKind::Lambda { .. } => "lambda",
        ExprKind::Conditional { .. } => "conditional expression",
        ExprKind::Binary { .. } | ExprKind::Unary { .. } | ExprKind::Bool { .. } => "expression",
        ExprKind::Compare { .. } => "comparison",
        ExprKind::Call { .. } => "function call",
        ExprKind::Attribute { .. } => "attribute",
        ExprKind::Subscript { .. } => "subscript",
        ExprKind::Slice(_) => "slice",
        ExprKind::Starred(_) => "starred",
        ExprKind::Named { .. } => "named expression",
        ExprKind::Await(_) => "await expression",
        ExprKind::Yield(_) | ExprKind::YieldFrom(_) => "yield expression",
    }
}

/// The first part of `expr` that cannot be a target.
pub fn invalid(expr: &Expr, usage: Use) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Name(_) | ExprKind::Attribute { .. } | ExprKind::Subscript { .. } => None,
        ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().find_map(|item| invalid(item, usage)),
        ExprKind::Starred(value) if usage == Use::Assign => invalid(value, usage),
        _ => Some(expr),
    }
}

/// Refuses what cannot be a target.
pub fn check(expr: &Expr, usage: Use) -> Made<()> {
    if let Some(part) = invalid(expr, usage) {
        return refuse(part.span, format!("cannot {} {}", usage.verb(), describe(part)));
    }
    if let ExprKind::Starred(_) = expr.kind {
        return refuse(expr.span, "starred assignment target must be in a list or tuple");
    }
    check_stars(expr)
}

/// At most one starred target in each list or tuple.
fn check_stars(expr: &Expr) -> Made<()> {
    if let ExprKind::Tuple(items) | ExprKind::List(items) = &expr.kind {
        let mut stars = items.iter().filter(|item| matches!(item.kind, ExprKind::Starred(_)));
        if stars.nth(1).is_some() {
            return refuse(expr.span, "multiple starred expressions in assignment");
        }
        return items.iter().try_for_each(check_stars);
    }
    Ok(())
}

/// Refuses a starred expression that stands alone.
pub fn check_plain(expr: &Expr) -> Made<()> {
    match expr.kind {
        ExprKind::Starred(_) => refuse(expr.span, "can't use starred expression here"),
        _ => Ok(()),
    }
}
