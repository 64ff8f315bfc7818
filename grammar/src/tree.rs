//! The syntax tree: plain owned data, what the parser builds and the compiler reads.
//!
//! Invariants: spans are byte offsets in the source text that was parsed, and a child's span lies within its
//! parent's (a parenthesised expression's span leaves its parentheses out, a tuple's and a generator's keep
//! them, and a generator that is a call's only argument owns the call's). Names are in normal form. Targets (of assignment, `del`, `for`, `with ... as`) have been checked: they
//! hold only the expression kinds that may stand there. Chains of one precedence level (`a + b - c`, `a < b < c`,
//! `a and b and c`, `elif`) are flat, and what nests is at most [`MAX_DEPTH`] deep, so that walking or dropping a
//! tree recursively is safe on an ordinary stack.

use std::fmt;
use std::sync::Arc;

/// How deep expressions may nest in one another; deeper source is a fault.
pub const MAX_DEPTH: u16 = 800;

/// A name: cheap to clone, and shared between all its occurrences in one module.
pub type Name = Arc<str>;

/// A part of the source text, as byte offsets; `end` is exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The span from `start` up to, and not including, `end`.
    #[inline]
    pub fn new(start: u32, end: u32) -> Span {
        Span { start, end }
    }

    /// The span from the start of `self` to the end of `last`.
    #[inline]
    pub fn to(self, last: Span) -> Span {
        Span { start: self.start, end: last.end }
    }
}

/// The bytes of a string constant: UTF-8, except that lone surrogates are encoded too (WTF-8).
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Text(pub Box<[u8]>);

impl Text {
    /// The text as a `str`, unless it holds a lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// A name where it stands in the source.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    pub name: Name,
    pub span: Span,
}

/// What `parse` returns. In `Mode::Eval` the body is one `StmtKind::Expr`.
#[derive(Clone, Debug, PartialEq)]
pub struct Module {
    pub body: Vec<Stmt>,
    pub span: Span,
}

/// One statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

/// The statements.
#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// An expression for its effect (or, interactively, for its display).
    Expr(Expr),
    /// `t1 = t2 = value`: targets are assigned from left to right.
    Assign {
        targets: Vec<Expr>,
        value: Expr,
    },
    /// `target op= value`; `op_span` covers the whole operator.
    AugAssign {
        target: Expr,
        op: BinaryOp,
        op_span: Span,
        value: Expr,
    },
    /// `target: annotation = value`; `simple` when the target is a name that is not in parentheses.
    AnnAssign {
        target: Expr,
        annotation: Expr,
        value: Option<Expr>,
        simple: bool,
    },
    Return(Option<Expr>),
    Delete(Vec<Expr>),
    Pass,
    Break,
    Continue,
    Raise {
        exception: Option<Expr>,
        cause: Option<Expr>,
    },
    Global(Vec<Ident>),
    Nonlocal(Vec<Ident>),
    /// `import a.b, c as d`.
    Import(Vec<Alias>),
    /// `from ..a.b import c as d`; `level` counts the dots.
    ImportFrom {
        level: u32,
        module: Option<Ident>,
        names: ImportNames,
    },
    Assert {
        test: Expr,
        message: Option<Expr>,
    },
    /// `if` and its `elif`s, tested in turn.
    If {
        branches: Vec<Branch>,
        orelse: Vec<Stmt>,
    },
    While {
        test: Expr,
        body: Vec<Stmt>,
        orelse: Vec<Stmt>,
    },
    For(Box<For>),
    Try(Box<Try>),
    With {
        is_async: bool,
        items: Vec<WithItem>,
        body: Vec<Stmt>,
    },
    FunctionDef(Box<FunctionDef>),
    ClassDef(Box<ClassDef>),
    Match {
        subject: Expr,
        cases: Vec<Case>,
    },
    /// `type name[params] = value`.
    TypeAlias {
        name: Ident,
        type_params: Vec<TypeParam>,
        value: Expr,
    },
}

/// What a `from` import names.
#[derive(Clone, Debug, PartialEq)]
pub enum ImportNames {
    /// `*`.
    Star(Span),
    List(Vec<Alias>),
}

/// `name as alias`; in `import`, `name` may be dotted.
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    pub name: Ident,
    pub alias: Option<Ident>,
    pub span: Span,
}

/// One tested block of an `if`.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    pub test: Expr,
    pub body: Vec<Stmt>,
    /// From `if` or `elif` to the end of the block.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct For {
    pub is_async: bool,
    pub target: Expr,
    pub iter: Expr,
    pub body: Vec<Stmt>,
    pub orelse: Vec<Stmt>,
}

/// `try`; with `is_star` every handler is an `except*`.
#[derive(Clone, Debug, PartialEq)]
pub struct Try {
    pub body: Vec<Stmt>,
    pub is_star: bool,
    pub handlers: Vec<Handler>,
    pub orelse: Vec<Stmt>,
    pub finally: Vec<Stmt>,
}

/// One `except`. Several exceptions without parentheses arrive as a tuple in `exception`.
#[derive(Clone, Debug, PartialEq)]
pub struct Handler {
    pub exception: Option<Expr>,
    pub name: Option<Ident>,
    pub body: Vec<Stmt>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WithItem {
    pub context: Expr,
    pub target: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct FunctionDef {
    pub is_async: bool,
    pub name: Ident,
    pub type_params: Vec<TypeParam>,
    pub params: Params,
    pub returns: Option<Expr>,
    pub body: Vec<Stmt>,
    pub decorators: Vec<Expr>,
    /// From `def` (or `async`) to the colon.
    pub header: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ClassDef {
    pub name: Ident,
    pub type_params: Vec<TypeParam>,
    /// Bases and keywords, as in a call.
    pub args: Vec<Arg>,
    pub body: Vec<Stmt>,
    pub decorators: Vec<Expr>,
    /// From `class` to the colon.
    pub header: Span,
}

/// `T: bound = default`, `*Ts`, `**P`.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeParam {
    pub kind: TypeParamKind,
    pub name: Ident,
    pub bound: Option<Expr>,
    pub default: Option<Expr>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeParamKind {
    /// `T`.
    Var,
    /// `*Ts`.
    VarTuple,
    /// `**P`.
    ParamSpec,
}

/// The parameters of a function or lambda, in their order; no two have one name.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Params {
    /// Before `/`.
    pub positional_only: Vec<Param>,
    pub positional: Vec<Param>,
    /// `*args`.
    pub star: Option<Param>,
    /// After `*` or `*args`.
    pub keyword_only: Vec<Param>,
    /// `**kwargs`.
    pub double_star: Option<Param>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    pub name: Ident,
    /// For `*args: *Ts`, a `Starred`.
    pub annotation: Option<Expr>,
    pub default: Option<Expr>,
    pub span: Span,
}

/// One expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    pub kind: ExprKind,
    pub span: Span,
    pub(crate) depth: u16,
    pub(crate) parenthesised: bool,
}

impl Expr {
    /// Whether the expression stood in parentheses of its own.
    #[inline]
    pub fn is_parenthesised(&self) -> bool {
        self.parenthesised
    }
}

/// The expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    None,
    True,
    False,
    Ellipsis,
    Int(Int),
    Float(f64),
    /// `2.5j`.
    Imaginary(f64),
    Str(Text),
    Bytes(Box<[u8]>),
    /// An f-string, with the plain strings beside it joined in. Neighbouring literals are merged.
    FString(Vec<FPart>),
    Name(Name),
    Tuple(Vec<Expr>),
    List(Vec<Expr>),
    Set(Vec<Expr>),
    Dict(Vec<DictItem>),
    Comp(Box<Comp>),
    Lambda {
        params: Box<Params>,
        body: Box<Expr>,
    },
    /// `body if test else orelse`.
    Conditional {
        test: Box<Expr>,
        body: Box<Expr>,
        orelse: Box<Expr>,
    },
    /// `first op right op right ...`, computed from left to right. All operators are of one precedence level;
    /// `**` always stands alone. The span of a partial result runs from `first` to that step's `right`.
    Binary {
        first: Box<Expr>,
        rest: Vec<BinaryStep>,
    },
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    /// `first < right < right ...`.
    Compare {
        first: Box<Expr>,
        rest: Vec<CompareStep>,
    },
    /// `a and b and c`: two items or more.
    Bool {
        op: BoolOp,
        items: Vec<Expr>,
    },
    Call {
        func: Box<Expr>,
        args: Box<Args>,
    },
    Attribute {
        value: Box<Expr>,
        name: Ident,
    },
    /// `value[index]`; `open` is the offset of the bracket. Several indices arrive as a tuple.
    Subscript {
        value: Box<Expr>,
        index: Box<Expr>,
        open: u32,
    },
    /// `lower:upper:step`, only within a subscript.
    Slice(Box<Slice>),
    /// `*value`, in displays, calls' tuples, subscripts and targets.
    Starred(Box<Expr>),
    /// `target := value`.
    Named {
        target: Ident,
        value: Box<Expr>,
    },
    Await(Box<Expr>),
    Yield(Option<Box<Expr>>),
    YieldFrom(Box<Expr>),
}

/// An integer literal, never negative.
#[derive(Clone, Debug, PartialEq)]
pub enum Int {
    Small(i64),
    /// Hexadecimal digits, lower case, without a prefix or leading zeros; more than `i64` holds.
    Big(Box<str>),
}

/// One part of an f-string.
#[derive(Clone, Debug, PartialEq)]
pub enum FPart {
    Literal(Text),
    Field(Box<FField>),
}

/// `{value!conversion:spec}`. For `{value=}` the text `value=` is a literal before this field, and `conversion`
/// is `r` where neither a conversion nor a spec was given.
#[derive(Clone, Debug, PartialEq)]
pub struct FField {
    pub value: Expr,
    /// `r`, `s` or `a`.
    pub conversion: Option<char>,
    pub spec: Option<Vec<FPart>>,
    pub span: Span,
}

/// `key: value`, or `**value` without a key.
#[derive(Clone, Debug, PartialEq)]
pub struct DictItem {
    pub key: Option<Expr>,
    pub value: Expr,
}

/// A comprehension or generator expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Comp {
    pub kind: CompKind,
    /// The element; of a dict comprehension the key.
    pub element: Expr,
    /// Of a dict comprehension the value.
    pub value: Option<Expr>,
    /// One or more.
    pub clauses: Vec<CompClause>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompKind {
    List,
    Set,
    Dict,
    Generator,
}

/// `for target in iter if test if test`.
#[derive(Clone, Debug, PartialEq)]
pub struct CompClause {
    pub is_async: bool,
    pub target: Expr,
    pub iter: Expr,
    pub tests: Vec<Expr>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct BinaryStep {
    pub op: BinaryOp,
    pub op_span: Span,
    pub right: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CompareStep {
    pub op: CompareOp,
    pub op_span: Span,
    pub right: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    pub lower: Option<Expr>,
    pub upper: Option<Expr>,
    pub step: Option<Expr>,
}

/// The arguments of a call; `span` runs from `(` to `)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Args {
    pub items: Vec<Arg>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Arg {
    pub kind: ArgKind,
    pub value: Expr,
    pub span: Span,
}

/// How an argument is passed.
#[derive(Clone, Debug, PartialEq)]
pub enum ArgKind {
    Positional,
    /// `*value`.
    Star,
    /// `name=value`.
    Keyword(Ident),
    /// `**value`.
    DoubleStar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    MatMul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    LShift,
    RShift,
    BitAnd,
    BitOr,
    BitXor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Plus,
    Minus,
    Invert,
    Not,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BoolOp {
    And,
    Or,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Is,
    IsNot,
    In,
    NotIn,
}

/// One `case` of a `match`.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub pattern: Pattern,
    pub guard: Option<Expr>,
    pub body: Vec<Stmt>,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Pattern {
    pub kind: PatternKind,
    pub span: Span,
}

/// The patterns.
#[derive(Clone, Debug, PartialEq)]
pub enum PatternKind {
    /// `_`.
    Wildcard,
    /// A name that is bound.
    Capture(Ident),
    /// A literal (compared by `==`) or a dotted name; a signed or complex number is a `Unary` or `Binary`.
    Value(Expr),
    /// `None`, `True` or `False`, compared by identity.
    Singleton(Expr),
    /// `pattern as name`.
    As { pattern: Box<Pattern>, name: Ident },
    /// Two or more.
    Or(Vec<Pattern>),
    /// At most one `Star` among them.
    Sequence(Vec<Pattern>),
    /// `*name`, or `*_` without one; only within a sequence.
    Star(Option<Ident>),
    /// `{key: pattern, **rest}`.
    Mapping { items: Vec<(Expr, Pattern)>, rest: Option<Ident> },
    /// `class(pattern, name=pattern)`.
    Class { class: Expr, positional: Vec<Pattern>, keywords: Vec<(Ident, Pattern)> },
}
