//! What is no fault but surely a mistake: texts of SyntaxWarnings. Invariant: only the shapes of expressions count,
//! never what names stand for.

use minipy_grammar::tree::*;
use minipy_grammar::{Tok, Token};

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

/// What leaves a `finally` block: it hides the exception that is on its way.
pub fn leaving(finally: &[Stmt], out: &mut Vec<Doubt>) {
    leaves(finally, false, out);
}

fn leaves(body: &[Stmt], looping: bool, out: &mut Vec<Doubt>) {
    for stmt in body {
        let word = match &stmt.kind {
            StmtKind::Return(_) => "return",
            StmtKind::Break if !looping => "break",
            StmtKind::Continue if !looping => "continue",
            StmtKind::If { branches, orelse } => {
                branches.iter().for_each(|b| leaves(&b.body, looping, out));
                leaves(orelse, looping, out);
                continue;
            }
            StmtKind::While { body, orelse, .. } => {
                leaves(body, true, out);
                leaves(orelse, looping, out);
                continue;
            }
            StmtKind::For(node) => {
                leaves(&node.body, true, out);
                leaves(&node.orelse, looping, out);
                continue;
            }
            // The `finally` of an inner `try` is told of by itself.
            StmtKind::Try(node) => {
                leaves(&node.body, looping, out);
                node.handlers.iter().for_each(|h| leaves(&h.body, looping, out));
                leaves(&node.orelse, looping, out);
                continue;
            }
            StmtKind::With { body, .. } => {
                leaves(body, looping, out);
                continue;
            }
            StmtKind::Match { cases, .. } => {
                cases.iter().for_each(|c| leaves(&c.body, looping, out));
                continue;
            }
            _ => continue,
        };
        out.push((stmt.span.start, format!("'{word}' in a 'finally' block")));
    }
}

/// Escapes that stand for nothing in the literals of a text; of each literal the first.
pub fn escapes(text: &str) -> Vec<Doubt> {
    if !text.as_bytes().contains(&b'\\') {
        return Vec::new();
    }
    minipy_grammar::tokens(text).iter().filter_map(|token| escape(text, *token)).collect()
}

fn escape(text: &str, token: Token) -> Option<Doubt> {
    let bytes = text.as_bytes();
    let (mut at, end) = (token.start as usize, token.end as usize);
    let mut wide = true;
    match token.tok {
        Tok::Str => {
            let open = at + bytes[at..end].iter().position(|b| matches!(b, b'"' | b'\''))?;
            let prefix = bytes[at..open].to_ascii_lowercase();
            if prefix.contains(&b'r') {
                return None;
            }
            wide = !prefix.contains(&b'b');
            at = open;
        }
        Tok::FMiddle | Tok::FSpec => {}
        _ => return None,
    }
    while at < end {
        if bytes[at] != b'\\' {
            at += 1;
            continue;
        }
        let next = *bytes.get(at + 1)?;
        let digits = bytes[at + 1..].iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
        let kind = match next {
            b'4'..=b'7' if digits == 3 => "octal ",
            b'\n' | b'\r' | b'\\' | b'\'' | b'"' | b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'x' => {
                ""
            }
            b'0'..=b'7' | 0x80.. => "",
            b'N' | b'u' | b'U' if wide => "",
            _ => " ",
        };
        if !kind.is_empty() {
            let said = &text[at..at + 1 + if kind == " " { 1 } else { 3 }];
            let text = format!(
                "\"{said}\" is an invalid {}escape sequence. Such sequences will not work in the future. Did you mean \
                 \"\\{said}\"? A raw string is also an option.",
                kind.trim_start()
            );
            return Some((at as u32, text));
        }
        at += 2;
    }
    None
}
