//! The actions of the grammar: functions that build nodes, and check what the grammar alone cannot say.
//!
//! Invariant: no expression deeper than `MAX_DEPTH` is ever built, so that no tree, finished or abandoned, can
//! overflow the native stack when it is dropped.

mod expr;
mod params;
mod pattern;
mod stmt;
mod strings;
mod target;

pub use expr::*;
pub use params::*;
pub use pattern::*;
pub use stmt::*;
pub use strings::*;

use crate::fault::Fault;
use crate::number::{self, Number};
use crate::token::Tok;
use crate::tree::*;
use lalrpop_util::ParseError;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use unicode_normalization::UnicodeNormalization;

/// What a checking action returns.
pub type Made<T> = Result<T, ParseError<u32, Tok, Fault>>;

/// A fault as the parser wants it.
pub fn fail<T>(fault: Fault) -> Made<T> {
    Err(ParseError::User { error: fault })
}

/// A `SyntaxError` as the parser wants it.
pub fn refuse<T>(span: Span, message: impl Into<String>) -> Made<T> {
    fail(Fault::syntax(span, message))
}

/// What the actions share: the text, the names seen so far, and whether something nests too deeply.
pub struct Cx<'a> {
    text: &'a str,
    names: RefCell<HashSet<Name, BuildHasherDefault<NameHasher>>>,
    too_deep: Cell<Option<Span>>,
}

impl<'a> Cx<'a> {
    /// The actions for `text`.
    pub fn new(text: &'a str) -> Cx<'a> {
        Cx { text, names: RefCell::default(), too_deep: Cell::new(None) }
    }

    /// The first expression that nests too deeply.
    pub fn too_deep(&self) -> Option<Span> {
        self.too_deep.get()
    }

    /// The source between two offsets.
    pub fn slice(&self, l: u32, r: u32) -> &'a str {
        &self.text[l as usize..r as usize]
    }

    fn intern(&self, text: &str) -> Name {
        let mut names = self.names.borrow_mut();
        if let Some(name) = names.get(text) {
            return name.clone();
        }
        let name = Name::from(text);
        names.insert(name.clone());
        name
    }

    fn normal(&self, text: &str) -> Name {
        if text.is_ascii() { self.intern(text) } else { self.intern(&text.nfkc().collect::<String>()) }
    }

    /// The name between two offsets.
    pub fn ident(&self, l: u32, r: u32) -> Ident {
        Ident { name: self.normal(self.slice(l, r)), span: Span::new(l, r) }
    }

    /// Names with dots, without the blanks that may stand around them.
    pub fn dotted(&self, l: u32, r: u32) -> Ident {
        let text = self.slice(l, r);
        if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.') {
            return Ident { name: self.intern(text), span: Span::new(l, r) };
        }
        let words: Vec<&str> =
            text.split('.').map(|word| word.trim_matches([' ', '\t', '\\', '\n', '\r'])).collect();
        Ident { name: self.normal(&words.join(".")), span: Span::new(l, r) }
    }

    /// A name as an expression.
    pub fn name(&self, l: u32, r: u32) -> Expr {
        self.node(l, ExprKind::Name(self.normal(self.slice(l, r))), r)
    }

    /// A number literal.
    pub fn number(&self, l: u32, r: u32) -> Made<Expr> {
        let kind = match number::value(self.slice(l, r), Span::new(l, r)) {
            Ok(Number::Int(int)) => ExprKind::Int(int),
            Ok(Number::Float(float)) => ExprKind::Float(float),
            Ok(Number::Imaginary(float)) => ExprKind::Imaginary(float),
            Err(fault) => return fail(fault),
        };
        Ok(self.node(l, kind, r))
    }

    /// An expression. One that nests too deeply is dropped, and noted, for an empty one.
    pub fn node(&self, l: u32, kind: ExprKind, r: u32) -> Expr {
        let span = Span::new(l, r);
        let depth = 1 + inner_depth(&kind);
        if depth > MAX_DEPTH {
            if self.too_deep.get().is_none() {
                self.too_deep.set(Some(span));
            }
            return Expr { kind: ExprKind::None, span, depth: 1, parenthesised: false };
        }
        Expr { kind, span, depth, parenthesised: false }
    }

    /// A tuple with parentheses of its own (its span says so), or an index.
    pub fn tuple(&self, l: u32, mut items: Vec<Expr>, last: Option<Expr>, r: u32) -> Expr {
        items.extend(last);
        let mut tuple = self.node(l, ExprKind::Tuple(items), r);
        tuple.parenthesised = true;
        tuple
    }

    /// A tuple without parentheses.
    pub fn bare_tuple(&self, l: u32, mut items: Vec<Expr>, last: Option<Expr>, r: u32) -> Expr {
        items.extend(last);
        self.node(l, ExprKind::Tuple(items), r)
    }
}

/// How deep the children of an expression nest.
fn inner_depth(kind: &ExprKind) -> u16 {
    let all = |items: &[Expr]| items.iter().map(|item| item.depth).max().unwrap_or(0);
    let maybe = |item: &Option<Expr>| item.as_ref().map_or(0, |item| item.depth);
    match kind {
        ExprKind::None
        | ExprKind::True
        | ExprKind::False
        | ExprKind::Ellipsis
        | ExprKind::Int(_)
        | ExprKind::Float(_)
        | ExprKind::Imaginary(_)
        | ExprKind::Str(_)
        | ExprKind::Bytes(_)
        | ExprKind::Name(_)
        | ExprKind::Yield(None) => 0,
        ExprKind::FString(parts) => parts_depth(parts),
        ExprKind::Tuple(items) | ExprKind::List(items) | ExprKind::Set(items) => all(items),
        ExprKind::Bool { items, .. } => all(items),
        ExprKind::Dict(items) => {
            items.iter().map(|item| item.value.depth.max(maybe(&item.key))).max().unwrap_or(0)
        }
        ExprKind::Comp(comp) => {
            let clause =
                |clause: &CompClause| clause.target.depth.max(clause.iter.depth).max(all(&clause.tests));
            let clauses = comp.clauses.iter().map(clause).max().unwrap_or(0);
            comp.element.depth.max(maybe(&comp.value)).max(clauses)
        }
        ExprKind::Lambda { params, body } => {
            let params = params.positional_only.iter().chain(&params.positional).chain(&params.keyword_only);
            params.map(|param| maybe(&param.default)).max().unwrap_or(0).max(body.depth)
        }
        ExprKind::Conditional { test, body, orelse } => test.depth.max(body.depth).max(orelse.depth),
        ExprKind::Binary { first, rest } => {
            rest.iter().map(|step| step.right.depth).fold(first.depth, u16::max)
        }
        ExprKind::Compare { first, rest } => {
            rest.iter().map(|step| step.right.depth).fold(first.depth, u16::max)
        }
        ExprKind::Call { func, args } => {
            args.items.iter().map(|arg| arg.value.depth).fold(func.depth, u16::max)
        }
        ExprKind::Subscript { value, index, .. } => value.depth.max(index.depth),
        ExprKind::Slice(slice) => maybe(&slice.lower).max(maybe(&slice.upper)).max(maybe(&slice.step)),
        ExprKind::Unary { operand: value, .. }
        | ExprKind::Attribute { value, .. }
        | ExprKind::Starred(value)
        | ExprKind::Named { value, .. }
        | ExprKind::Await(value)
        | ExprKind::Yield(Some(value))
        | ExprKind::YieldFrom(value) => value.depth,
    }
}

/// How deep the fields of an f-string nest. Specifications nest at most once, by the lexer.
fn parts_depth(parts: &[FPart]) -> u16 {
    let depth = |part: &FPart| match part {
        FPart::Literal(_) => 0,
        FPart::Field(field) => field.value.depth.max(field.spec.as_deref().map_or(0, parts_depth)),
    };
    parts.iter().map(depth).max().unwrap_or(0)
}

/// A list of one.
pub fn first<T>(item: T) -> Vec<T> {
    vec![item]
}

/// A list of two.
pub fn pair<T>(first: T, second: T) -> Vec<T> {
    vec![first, second]
}

/// The list with one more.
pub fn push<T>(mut list: Vec<T>, item: T) -> Vec<T> {
    list.push(item);
    list
}

/// Hashes names fast; they come from one text, so nobody gains by collisions.
#[derive(Default)]
pub struct NameHasher(u64);

impl Hasher for NameHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(5) ^ u64::from_le_bytes(word)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn write_u8(&mut self, _: u8) {
        self.0 ^= self.0 >> 29;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
