//! Scopes: which names each block of a program binds, and where every name is found.
//!
//! [`build`] walks the tree and collects symbols; [`resolve`] decides their places. A list, set or dict comprehension
//! is a scope of its own but no unit of code: it is compiled into the unit around it, so that a name of the unit used
//! inside it needs no cell. Names are stored mangled.

mod build;
pub mod doubts;
mod exprs;
mod patterns;
mod resolve;

pub use build::annotations_of;
use minipy_grammar::Fault;
use minipy_grammar::tree::{Module, Name, Span};
pub use patterns::captures;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A fault, boxed because results are returned through deep recursion.
pub type Wrong = Box<Fault>;

/// Index of a scope.
pub type ScopeId = usize;

/// The blocks that have names of their own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Module,
    Function,
    Lambda,
    Class,
    /// A list, set or dict comprehension, compiled into its unit.
    Comp,
    /// A generator expression.
    Generator,
    /// The type parameters around a generic function, class or alias.
    TypeParams,
    /// Annotations of a function, class body or module; the value, bound or default of something generic.
    Annotations,
}

impl Kind {
    /// Whether names looked up from inside are found here.
    pub fn holds_locals(self) -> bool {
        !matches!(self, Kind::Module | Kind::Class)
    }

    /// Whether the block, standing directly in a class, sees the names of the class.
    fn sees_class(self) -> bool {
        matches!(self, Kind::TypeParams | Kind::Annotations)
    }
}

/// Bits of [`Symbol::flags`].
pub mod bit {
    /// Bound here.
    pub const BOUND: u16 = 1;
    /// Read here.
    pub const USED: u16 = 2;
    /// A parameter.
    pub const PARAM: u16 = 4;
    /// Declared `global`.
    pub const GLOBAL: u16 = 8;
    /// Declared `nonlocal`.
    pub const NONLOCAL: u16 = 16;
    /// Annotated.
    pub const ANNOTATED: u16 = 32;
    /// A comprehension's iteration variable.
    pub const ITERATION: u16 = 64;
    /// Captured by an inner unit.
    pub const CELL: u16 = 128;
}

/// Where a name is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Found {
    /// A register of this unit; the scope of the unit that owns it, and its symbol there.
    Local(ScopeId, usize),
    /// A cell held in a register of this unit.
    Cell(ScopeId, usize),
    /// A closure cell of this unit.
    Free,
    /// The globals, then the builtins.
    Global,
    /// The namespace of the class, module or exec body, then globals and builtins.
    Name,
    /// The namespace of the class body, then a closure cell.
    NameOrFree,
    /// The namespace of the class around, then globals and builtins.
    ClassName,
    /// The namespace of the class around, then a closure cell.
    ClassNameOrFree,
}

/// One name of a scope.
#[derive(Clone, Debug)]
pub struct Symbol {
    pub name: Name,
    pub flags: u16,
    /// First mention.
    pub span: Span,
    pub found: Found,
}

/// One block.
#[derive(Debug)]
pub struct Scope {
    pub kind: Kind,
    pub parent: Option<ScopeId>,
    /// The scope whose code this block is compiled into: itself unless it is a comprehension.
    pub unit: ScopeId,
    pub symbols: Vec<Symbol>,
    index: HashMap<Name, usize>,
    /// Closure cells of a unit, in order.
    pub frees: Vec<Name>,
    /// The class whose private names are mangled here.
    pub private: Option<Name>,
    pub is_async: bool,
    /// Of a comprehension: where it stands.
    pub place: Span,
    /// Of a comprehension: the fault of a `yield` in it.
    pub inside: &'static str,
    pub yields: bool,
    /// The first `return` with a value.
    pub returns_value: Option<Span>,
    /// Binds names inside expressions.
    pub has_walrus: bool,
    /// May look at its own locals by name.
    pub sees_locals: bool,
    /// A class whose methods use `__class__`.
    pub needs_class_cell: bool,
    /// A class whose annotations look names up in its namespace.
    pub needs_class_dict: bool,
    /// The scope in which the annotations of a module or class body are evaluated.
    pub annotate: Option<ScopeId>,
    /// Some of them stand in a nested block, so that they count only when reached.
    pub has_conditional_annotations: bool,
    /// Attributes that the methods of a class store on `self`.
    pub self_attrs: HashSet<Name>,
}

/// Which of a node's scopes is meant.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Part {
    Body,
    TypeParams,
    Annotations,
    Value,
    Bound,
    Default,
}

/// All scopes of a module.
#[derive(Debug)]
pub struct Scopes {
    pub all: Vec<Scope>,
    by_node: HashMap<(usize, Part), ScopeId>,
    /// What is surely a mistake, in the order of the walk.
    pub doubts: Vec<doubts::Doubt>,
    /// Annotations are kept as text.
    pub future_annotations: bool,
}

/// What the scopes depend on beside the tree.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The module's names live in a separate namespace.
    pub namespace: bool,
    /// `from __future__ import annotations` holds from the start.
    pub future_annotations: bool,
    /// Bytes of native stack that the walk may use.
    pub stack: usize,
}

/// Finds the scopes of a module.
pub fn analyse(module: &Module, setting: Setting) -> Result<Scopes, Wrong> {
    let mut scopes = build::build(module, setting)?;
    resolve::resolve(&mut scopes, setting.namespace)?;
    Ok(scopes)
}

impl Scopes {
    /// The scope of a tree node.
    pub fn of<T>(&self, node: &T, part: Part) -> ScopeId {
        self.by_node[&(node as *const T as usize, part)]
    }

    /// The scope of a tree node, if it has one.
    pub fn get<T>(&self, node: &T, part: Part) -> Option<ScopeId> {
        self.by_node.get(&(node as *const T as usize, part)).copied()
    }

    /// Where `name` (mangled) is found from `scope`.
    pub fn find(&self, scope: ScopeId, name: &str) -> Option<&Symbol> {
        self.all[scope].find(name)
    }
}

impl Scope {
    /// The symbol of a mangled name.
    pub fn find(&self, name: &str) -> Option<&Symbol> {
        self.index.get(name).map(|&i| &self.symbols[i])
    }

    /// The index of a mangled name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }

    /// The closure cell of a name.
    pub fn free_index(&self, name: &str) -> Option<usize> {
        self.frees.iter().position(|free| &**free == name)
    }
}

/// `name` as it is spelled inside class `private`.
pub fn mangle(private: Option<&Name>, name: &Name) -> Name {
    let Some(class) = private else { return name.clone() };
    if !name.starts_with("__") || name.ends_with("__") || name.contains('.') {
        return name.clone();
    }
    let class = class.trim_start_matches('_');
    if class.is_empty() { name.clone() } else { Arc::from(format!("_{class}{name}")) }
}

/// How far native recursion has come, so that deep trees are faults and not overflows.
#[derive(Clone, Copy, Debug)]
pub struct Depth {
    start: usize,
    allowed: usize,
}

impl Depth {
    /// Counts from here.
    pub fn new(allowed: usize) -> Depth {
        Depth { start: Depth::here(), allowed }
    }

    #[inline(never)]
    fn here() -> usize {
        let mark = 0u8;
        std::hint::black_box(&raw const mark) as usize
    }

    /// A fault at `span` if too much of the native stack is used.
    pub fn check(&self, span: Span) -> Result<(), Wrong> {
        if self.start.abs_diff(Depth::here()) > self.allowed {
            return Err(Box::new(Fault::syntax(span, "source is too deeply nested to compile")));
        }
        Ok(())
    }
}
