//! Compiled code as plain data: what the compiler makes and `run::load` turns into heap objects. No heap values.

use minipy_grammar::tree::Text;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

/// A constant of the program text.
#[derive(Clone, Debug, PartialEq)]
pub enum Const {
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// `...`.
    Ellipsis,
    /// An integer that fits 64 bits.
    Int(i64),
    /// A larger integer: its hexadecimal digits, without sign or prefix.
    Big(Arc<str>),
    /// A float.
    Float(f64),
    /// The imaginary part of a complex literal.
    Imaginary(f64),
    /// Text, possibly with lone surrogates.
    Str(Text),
    /// An identifier; interned when loaded.
    Name(Arc<str>),
    /// A bytes literal.
    Bytes(Box<[u8]>),
    /// A tuple of constants.
    Tuple(Vec<Const>),
    /// A set of constants used only with `in`.
    FrozenSet(Vec<Const>),
    /// The code of a nested function, class body, lambda or comprehension.
    Code(Arc<Code>),
}

/// Bits of [`Code::flags`].
pub mod flag {
    /// A `*args` parameter is there.
    pub const VARARGS: u32 = 1;
    /// A `**kwargs` parameter is there.
    pub const VARKEYWORDS: u32 = 2;
    /// Calling makes a generator.
    pub const GENERATOR: u32 = 4;
    /// Calling makes a coroutine.
    pub const COROUTINE: u32 = 8;
    /// Calling makes an async generator.
    pub const ASYNC_GENERATOR: u32 = 16;
    /// A class body: register 0 is its namespace.
    pub const CLASS_BODY: u32 = 32;
    /// A module body or exec body whose names are its globals.
    pub const MODULE: u32 = 64;
    /// Names live in the namespace in register 0 (exec or eval with separate locals).
    pub const NAMESPACE: u32 = 128;
    /// The first constant is the docstring.
    pub const DOCSTRING: u32 = 256;
    /// Belongs to a library module: hidden from reports about the script's own lines.
    pub const LIBRARY: u32 = 512;
    /// No parameter kinds but plain positional ones, no cells among the parameters, not a generator:
    /// a call with exactly `argcount` arguments may jump straight in.
    pub const SIMPLE: u32 = 1024;
    /// Defined directly in a class body or nested in one (its qualified name has a class part).
    pub const METHOD: u32 = 2048;
    /// May read its own locals by name (`locals()`, `eval`, ...): every named register is live throughout and
    /// unbound at first.
    pub const SEES_LOCALS: u32 = 4096;
    /// The generators that it makes can be awaited (`types.coroutine`).
    pub const AWAITABLE: u32 = 8192;
}

/// Where the instruction at `word` stands in the source. Lines from 1; columns in UTF-8 bytes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Pos {
    /// First word of the instruction.
    pub word: u32,
    /// First line of the failing part.
    pub line: u32,
    /// Last line of the failing part.
    pub end_line: u32,
    /// Start column on the first line.
    pub col: u32,
    /// End column on the last line.
    pub end_col: u32,
}

/// The positions of some code, one per instruction, by ascending word. Those of stored code are unpacked when
/// first asked for: only tracebacks and reports read them.
#[derive(Clone, Default)]
pub struct Positions {
    list: OnceLock<Vec<Pos>>,
    packed: &'static [u8],
}

impl Positions {
    /// Positions in the form of [`crate::store`].
    pub(crate) fn packed(packed: &'static [u8]) -> Positions {
        Positions { list: OnceLock::new(), packed }
    }
}

impl From<Vec<Pos>> for Positions {
    fn from(list: Vec<Pos>) -> Positions {
        Positions { list: OnceLock::from(list), packed: &[] }
    }
}

impl Deref for Positions {
    type Target = [Pos];

    fn deref(&self) -> &[Pos] {
        self.list.get_or_init(|| crate::store::unpack(self.packed))
    }
}

impl std::fmt::Debug for Positions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self[..].fmt(f)
    }
}

impl PartialEq for Positions {
    fn eq(&self, other: &Positions) -> bool {
        self[..] == other[..]
    }
}

/// One row of the exception table: a fault at a word in `start..end` goes to `target`, the exception in `reg`.
/// The first matching row wins, so inner regions come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handler {
    /// First word covered.
    pub start: u32,
    /// First word not covered.
    pub end: u32,
    /// Word of the handler.
    pub target: u32,
    /// Register that receives the exception.
    pub reg: u16,
}

/// Code of one function, class body or module.
///
/// Registers `0..nparams()` are the parameters in the order positional, keyword-only, `*args`, `**kwargs`; then
/// the other locals; then temporaries. `nregs` counts them all, call windows (their three link registers and
/// arguments) included.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Code {
    /// Plain name.
    pub name: Arc<str>,
    /// Qualified name.
    pub qualname: Arc<str>,
    /// File as given.
    pub filename: Arc<str>,
    /// Line of the definition.
    pub first_line: u32,
    /// Bits of [`flag`].
    pub flags: u32,
    /// Positional parameters, positional-only ones included.
    pub argcount: u16,
    /// Positional-only parameters.
    pub posonly: u16,
    /// Keyword-only parameters.
    pub kwonly: u16,
    /// Registers that are named locals (parameters included).
    pub nlocals: u16,
    /// Registers in all.
    pub nregs: u16,
    /// Names of the registers `0..nlocals`.
    pub varnames: Vec<Arc<str>>,
    /// Locals held in cells: (register of the cell, name).
    pub cellvars: Vec<(u16, Arc<str>)>,
    /// Names of the closure cells, in `CopyFree` order, and the first register they are copied to.
    pub freevars: Vec<Arc<str>>,
    /// First register of the copied closure cells.
    pub free_base: u16,
    /// Instructions and their words; a `Lit` or `Name` word holds an index into `consts`.
    pub words: Vec<u64>,
    /// Constants.
    pub consts: Vec<Const>,
    /// Exception table, inner regions first.
    pub handlers: Vec<Handler>,
    /// Positions, one per instruction, by ascending word.
    pub positions: Positions,
    /// For a class body: how many distinct attributes its methods store on `self` (sizes instances).
    pub self_attrs: u16,
}

impl Code {
    /// Number of parameter registers.
    pub fn nparams(&self) -> usize {
        self.argcount as usize
            + self.kwonly as usize
            + (self.flags & flag::VARARGS != 0) as usize
            + (self.flags & flag::VARKEYWORDS != 0) as usize
    }

    /// The position of the instruction that contains `word`.
    pub fn position(&self, word: u32) -> Pos {
        match self.positions.partition_point(|p| p.word <= word) {
            0 => Pos { line: self.first_line, end_line: self.first_line, ..Pos::default() },
            n => self.positions[n - 1],
        }
    }

    /// Where a fault at `word` is handled.
    pub fn handler(&self, word: u32) -> Option<Handler> {
        self.handlers.iter().copied().find(|h| h.start <= word && word < h.end)
    }
}
