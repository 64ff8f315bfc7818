//! What is no fault but surely a mistake: texts of SyntaxWarnings. Invariant: only the shapes of expressions count,
//! never what names stand for.

use minipy_grammar::tree::*;

/// The offset of what is doubtful, and the warning.
pub type Doubt = (u32, String);

/// The type of a literal or display, as far as the expression shows it.
fn shown_type(e: &Expr) -> Option<&'static str> {
    Some(match &e.kind {
        ExprKind::None => "NoneType",
        ExprKind::True | ExprKind::False => "bool",
        ExprKind::Ellipsis => "ellipsis",
        ExprKind::Int(_) => "int",
        ExprKind::Float(_) => "float",
        ExprKind::Imaginary(_) => "complex",
        ExprKind::Str(_) | ExprKind::FString(_) => "str",
        ExprKind::Bytes(_) => "bytes",
        ExprKind::Tuple(_) => "tuple",
        ExprKind::List(_) => "list",
        ExprKind::Set(_) => "set",
        ExprKind::Dict(_) => "dict",
        ExprKind::Lambda { .. } => "function",
        ExprKind::Comp(comp) => match comp.kind {
            CompKind::List => "list",
            CompKind::Set => "set",
            CompKind::Dict => "dict",
            CompKind::Generator => "generator",
        },
        _ => return None,
    })
}

/// `2(3)`: what is no function is called.
pub fn call(func: &Expr) -> Option<Doubt> {
    let name = shown_type(func).filter(|_| !matches!(func.kind, ExprKind::Lambda { .. }))?;
    Some((func.span.start, format!("'{name}' object is not callable; perhaps you missed a comma?")))
}

/// `5[0]`, `[1]["a"]`: what has no items, or an index of the wrong kind.
pub fn subscript(e: &Expr, value: &Expr, index: &Expr) -> Option<Doubt> {
    let name = shown_type(value)?;
    match name {
        "str" | "bytes" | "tuple" | "list" => {
            let of = shown_type(index)?;
            let text =
                format!("{name} indices must be integers or slices, not {of}; perhaps you missed a comma?");
            (!matches!(of, "int" | "bool")).then_some((e.span.start, text))
        }
        "dict" | "bool" => None,
        _ => {
            let text = format!("'{name}' object is not subscriptable; perhaps you missed a comma?");
            Some((e.span.start, text))
        }
    }
}

/// The type of a literal that may be there twice.
fn literal(e: &Expr) -> Option<&'static str> {
    let simple = match &e.kind {
        ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Imaginary(_)
        | ExprKind::Str(_)
        | ExprKind::Bytes(_) => true,
        ExprKind::Tuple(items) => items.iter().all(|i| literal(i).is_some()),
        _ => false,
    };
    shown_type(e).filter(|_| simple)
}

/// `x is 5`: identity with a literal.
pub fn compare(e: &Expr, first: &Expr, rest: &[CompareStep]) -> Option<Doubt> {
    let mut left = first;
    for step in rest {
        let words = match step.op {
            CompareOp::Is => Some(("is", "==")),
            CompareOp::IsNot => Some(("is not", "!=")),
            _ => None,
        };
        if let Some((said, meant)) = words
            && let Some(name) = literal(left).or_else(|| literal(&step.right))
        {
            let text = format!("\"{said}\" with '{name}' literal. Did you mean \"{meant}\"?");
            return Some((e.span.start, text));
        }
        left = &step.right;
    }
    None
}

/// `assert (x, "why")`: a tuple is true.
pub fn assertion(test: &Expr, statement: u32) -> Option<Doubt> {
    let always = matches!(&test.kind, ExprKind::Tuple(items) if !items.is_empty());
    always.then(|| (statement, "assertion is always true, perhaps remove parentheses?".to_string()))
}
