//! The layout of every object kind. Invariant: value words stand first (`Header::values` of them), raw words
//! after; a number that stands among value words is an int `Value` or an 8-aligned address, neither of which
//! the collector can take for a pointer.

use super::cell::{Header, Kind, Raw, Slot};
use super::value::Value;

/// A layout that a cell of `KIND` has.
///
/// # Safety
/// The struct is `repr(C)`, begins with a [`Header`], and every cell of `KIND` is at least that large.
pub unsafe trait Layout: 'static {
    /// The kind whose cells have this layout.
    const KIND: Kind;
}

macro_rules! layouts {
    ($( $t:ident $k:ident )*) => { $(
        // SAFETY: declared below as repr(C) with a Header first; only `alloc` with this kind makes such cells.
        unsafe impl Layout for $t { const KIND: Kind = Kind::$k; }
    )* };
}

impl Value {
    /// The cell as its struct, if it is of that kind (subclasses of builtins are not; see `Value::base`).
    #[inline(always)]
    pub fn cast<T: Layout>(self) -> Option<&'static T> {
        if self.is_kind(T::KIND) {
            // SAFETY: the kind tells the layout; the reference is used while the value is held in a local,
            // register or cell, so the cell stays live (LAW 2); all fields are atomics.
            Some(unsafe { &*self.addr::<T>() })
        } else {
            None
        }
    }

    /// The cell as its struct; the caller knows the kind.
    #[inline(always)]
    pub fn get<T: Layout>(self) -> &'static T {
        debug_assert!(self.is_kind(T::KIND), "{self:?} is no {:?}", T::KIND);
        // SAFETY: as in `cast`; the caller has established the kind.
        unsafe { &*self.addr::<T>() }
    }

    /// The value itself, or the base value of an instance of a script subclass of a builtin.
    #[inline(always)]
    pub fn base(self) -> Value {
        if self.is_ptr() && self.header().has(super::cell::flag::BASED) && self.kind() == Kind::Instance {
            self.get::<Based>().base.get()
        } else {
            self
        }
    }

    /// As `cast`, seeing through script subclasses of builtins.
    #[inline(always)]
    pub fn like<T: Layout>(self) -> Option<&'static T> {
        match self.cast::<T>() {
            None => self.base().cast::<T>(),
            t => t,
        }
    }
}

layouts! {
    Array Array  Instance Instance  Exception Exception  Extension Extension  Class Class  Float Float
    Big Big  Complex Complex  Str Str  Rope Rope  Bytes Bytes  ByteArray ByteArray  List List  Tuple Tuple
    Dict Dict  DictTable DictTable  Set Set  SetTable SetTable  Range Range  Slice Slice  Cell Cell
    Function Function  Native Native  Method Method  Code Code  Stream Stream  Module Module
    Generator Generator  Property Property  Weak Weak  Traceback Traceback  Frame Frame  Iter Iter
    Boxed Boxed
}

/// Backing array of a list, an extension's slots, a closure. COUNTED.
#[repr(C)]
pub struct Array {
    pub h: Header,
    /// Capacity in values.
    pub count: Raw,
    items: [Slot; 0],
}

/// Instance of a script class. All words are values; inline slots begin at word `Shape::first`.
#[repr(C)]
pub struct Instance {
    pub h: Header,
    /// An `Extension`, or unbound.
    pub ext: Slot,
}

/// Instance of a script class below a builtin: `flag::BASED`, kind `Instance`.
#[repr(C)]
pub struct Based {
    pub h: Header,
    /// An `Extension`, or unbound.
    pub ext: Slot,
    /// The builtin value that the methods of the builtin class work on.
    pub base: Slot,
}
// SAFETY: an Instance cell whose BASED flag is set has the base word.
unsafe impl Layout for Based {
    const KIND: Kind = Kind::Instance;
}

/// Instance of a class below BaseException; inline slots follow.
#[repr(C)]
pub struct Exception {
    pub h: Header,
    /// An `Extension`, or unbound.
    pub ext: Slot,
    /// The tuple `args`.
    pub args: Slot,
    /// A `Traceback` or None.
    pub traceback: Slot,
    /// `__context__` or None.
    pub context: Slot,
    /// `__cause__` or None.
    pub cause: Slot,
    /// `__suppress_context__`.
    pub suppress: Slot,
    /// First extra datum by class: `value` of StopIteration, `code` of SystemExit, `name` of NameError,
    /// ImportError, AttributeError, `errno` of OSError, `msg` of SyntaxError, `object` of UnicodeError; unbound if none.
    pub x0: Slot,
    /// Second: `obj` of AttributeError, `path` of ImportError, `strerror` of OSError, ...
    pub x1: Slot,
    /// Third: `filename` of OSError, ...
    pub x2: Slot,
    /// Fourth: `filename2` of OSError, ...
    pub x3: Slot,
}

/// What an instance grew beyond its inline slots. All words are values.
#[repr(C)]
pub struct Extension {
    pub h: Header,
    /// Array of the slots beyond the inline ones, or unbound. Index i keeps its name for the object's life (LAW 5).
    pub slots: Slot,
    /// The dict of an object in dictionary mode, or unbound.
    pub dict: Slot,
    /// Identity hash as an int, or unbound.
    pub hash: Slot,
}

/// A class. Its shape's class is the metaclass. All words are values or 8-aligned addresses.
#[repr(C)]
pub struct Class {
    pub h: Header,
    /// `&'static run::slots::TypeSlots`, as an address.
    pub slots: Raw,
    /// Shape id of a fresh instance (int).
    pub root_shape: Slot,
    /// `run::class` bits (int).
    pub bits: Slot,
    /// Class id, never reused (int).
    pub id: Slot,
    /// `__name__`.
    pub name: Slot,
    /// `__qualname__`.
    pub qualname: Slot,
    /// Tuple of direct bases.
    pub bases: Slot,
    /// Tuple of the linearisation, this class first.
    pub mro: Slot,
    /// Dict of interned name to `Cell` (class cells).
    pub dict: Slot,
    /// List of weak references to direct subclasses, or None.
    pub subclasses: Slot,
    /// The nearest builtin class whose layout instances have.
    pub solid: Slot,
    /// Identity hash (int).
    pub hash: Slot,
    /// Inline cache of `__init__` for instantiation: the function, or unbound.
    pub init: Slot,
    /// Value words of an instance after the header, inline slots included (int).
    pub instance_words: Slot,
    /// `__doc__`-like spare for builtin classes: text signature or None.
    pub doc: Slot,
    /// `__module__` of a builtin class, whose namespace has none; unbound for others.
    pub module: Slot,
}

/// A double of far exponent.
#[repr(C)]
pub struct Float {
    pub h: Header,
    pub bits: Raw,
}

/// A big integer: sign and magnitude, least limb first. Always outside the immediate range.
#[repr(C)]
pub struct Big {
    pub h: Header,
    /// Limb count, shifted left once; low bit is the sign.
    pub size: Raw,
    limbs: [Raw; 0],
}

/// A complex number.
#[repr(C)]
pub struct Complex {
    pub h: Header,
    pub re: Raw,
    pub im: Raw,
}

/// Text: UTF-8 with lone surrogates (WTF-8), inline.
#[repr(C)]
pub struct Str {
    pub h: Header,
    /// Breadcrumbs of a long non-ASCII text: a Data cell, or unbound.
    pub crumbs: Slot,
    /// Hash, 0 while not computed.
    pub hash: Raw,
    /// Length in bytes.
    pub nbytes: Raw,
    /// Length in code points.
    pub nchars: Raw,
    data: [u8; 0],
}

/// Text made by concatenation. `data` is an Array of two texts, later the flat Str: the one word that changes.
#[repr(C)]
pub struct Rope {
    pub h: Header,
    pub data: Slot,
    /// Length in bytes.
    pub nbytes: Raw,
    /// Length in code points.
    pub nchars: Raw,
}

/// An immutable byte string, inline.
#[repr(C)]
pub struct Bytes {
    pub h: Header,
    /// Hash, 0 while not computed.
    pub hash: Raw,
    pub len: Raw,
    data: [u8; 0],
}

/// A mutable byte string; also an `array`, whose class is another and whose cell has the type code behind the struct.
#[repr(C)]
pub struct ByteArray {
    pub h: Header,
    /// A Bytes cell used as buffer; its `len` is the capacity.
    pub data: Slot,
    pub len: Raw,
    /// Buffer views that forbid resizing.
    pub exports: Raw,
}

/// A list.
#[repr(C)]
pub struct List {
    pub h: Header,
    /// The Array.
    pub items: Slot,
    pub len: Raw,
}

/// A tuple. COUNTED.
#[repr(C)]
pub struct Tuple {
    pub h: Header,
    pub len: Raw,
    items: [Slot; 0],
}

/// A dict.
#[repr(C)]
pub struct Dict {
    pub h: Header,
    /// The current DictTable.
    pub table: Slot,
    /// Live entries.
    pub used: Raw,
}

/// A table of a dict. COUNTED; entries are append-only, a removal unbinds value then key.
/// After the entries stand `mask + 1` u32 indices (entry + 1, 0 free), raw.
#[repr(C)]
pub struct DictTable {
    pub h: Header,
    /// Value words that follow: 4 + 3 * capacity.
    pub count: Raw,
    /// Entries in use, tombstones included (int).
    pub fill: Slot,
    /// Id for global caches, 0 while none (int).
    pub id: Slot,
    /// Entry capacity (int).
    pub cap: Slot,
    /// Index mask (int).
    pub mask: Slot,
    entries: [Entry; 0],
}

/// An entry of a dict table.
#[repr(C)]
pub struct Entry {
    /// Hash as an int (62 bits).
    pub hash: Slot,
    pub key: Slot,
    pub value: Slot,
}

/// A set or (`flag::FROZEN`) frozenset.
#[repr(C)]
pub struct Set {
    pub h: Header,
    /// The current SetTable.
    pub table: Slot,
    /// Live entries.
    pub used: Raw,
    /// Hash of a frozenset, 0 while not computed.
    pub hash: Raw,
}

/// A table of a set. COUNTED; probing as CPython's sets do, so that the order of small ints is the same.
#[repr(C)]
pub struct SetTable {
    pub h: Header,
    /// Value words that follow: 2 + 2 * (mask + 1).
    pub count: Raw,
    /// Entries in use, dummies included (int).
    pub fill: Slot,
    /// Index mask (int).
    pub mask: Slot,
    entries: [SetEntry; 0],
}

/// An entry of a set table: free while `key` is unbound and `hash` is unbound; a dummy keeps its hash.
#[repr(C)]
pub struct SetEntry {
    pub hash: Slot,
    pub key: Slot,
}

/// A range: three ints (perhaps big) and the length.
#[repr(C)]
pub struct Range {
    pub h: Header,
    pub start: Slot,
    pub stop: Slot,
    pub step: Slot,
    /// Length as an int value (perhaps big).
    pub len: Slot,
}

/// A slice.
#[repr(C)]
pub struct Slice {
    pub h: Header,
    pub start: Slot,
    pub stop: Slot,
    pub step: Slot,
}

/// A captured variable, or a class cell.
#[repr(C)]
pub struct Cell {
    pub h: Header,
    pub value: Slot,
}

/// A script function. All words are values or safe numbers.
#[repr(C)]
pub struct Function {
    pub h: Header,
    /// Address of the first instruction.
    pub entry: Raw,
    /// `nregs << 32 | (argcount if plain positional call may jump in, else 0xffff) << 3`.
    pub shape: Raw,
    pub globals: Slot,
    pub closure: Slot,
    pub code: Slot,
    /// The builtins dict.
    pub builtins: Slot,
    /// Tuple or None.
    pub defaults: Slot,
    /// Dict or None.
    pub kwdefaults: Slot,
    pub name: Slot,
    pub qualname: Slot,
    pub module: Slot,
    pub doc: Slot,
    /// Annotation function or dict or None.
    pub annotations: Slot,
    /// Attribute dict, or unbound.
    pub dict: Slot,
    /// Type parameters, or unbound.
    pub type_params: Slot,
}

/// A builtin function, bound builtin method (`this` bound), or method descriptor (`owner` a class, `this` unbound).
#[repr(C)]
pub struct Native {
    pub h: Header,
    /// `&'static run::native::Def`, as an address.
    pub def: Raw,
    pub this: Slot,
    /// The class it is a method of, the module's name, or None.
    pub owner: Slot,
    /// Address of the parsed signature, 0 until the first call.
    pub sig: Raw,
}

/// A bound method.
#[repr(C)]
pub struct Method {
    pub h: Header,
    pub func: Slot,
    pub this: Slot,
}

/// Loaded code.
#[repr(C)]
pub struct Code {
    pub h: Header,
    /// The Stream.
    pub stream: Slot,
    /// Array of the constants as values.
    pub consts: Slot,
    pub name: Slot,
    pub qualname: Slot,
    pub filename: Slot,
    /// Tuple of parameter and local names.
    pub varnames: Slot,
    /// Leaked `Arc<code::data::Code>`, as a raw address; dropped when the cell dies.
    pub data: Raw,
    /// Lazily computed liveness table, leaked box address or 0; dropped when the cell dies.
    pub live: Raw,
}

/// Instruction words. Raw: the literals in it are kept alive by `Code::consts`.
#[repr(C)]
pub struct Stream {
    pub h: Header,
    pub len: Raw,
    words: [Raw; 0],
}

/// A module.
#[repr(C)]
pub struct Module {
    pub h: Header,
    /// Namespace.
    pub dict: Slot,
    pub name: Slot,
}

/// A generator, coroutine or async generator with its saved window. COUNTED.
#[repr(C)]
pub struct Generator {
    pub h: Header,
    /// Value words that follow.
    pub count: Raw,
    /// The function.
    pub func: Slot,
    /// Exception being handled inside, or None.
    pub handled: Slot,
    pub name: Slot,
    pub qualname: Slot,
    /// 0 not started, 1 suspended, 2 running (claimed), 3 ended (int).
    pub state: Slot,
    /// Address of the suspended Yield instruction (8-aligned), or of the entry.
    pub pc: Raw,
    /// Coroutines: the address of the instruction that made it (int). Async generators in use: their record. Else None.
    pub extra: Slot,
    regs: [Slot; 0],
}

/// property, classmethod, staticmethod, member and getset descriptors: the class tells which.
#[repr(C)]
pub struct Property {
    pub h: Header,
    pub get: Slot,
    pub set: Slot,
    pub del: Slot,
    pub doc: Slot,
    pub name: Slot,
}

/// A weak reference. The target is not a value word: the collector clears it.
#[repr(C)]
pub struct Weak {
    pub h: Header,
    pub callback: Slot,
    /// Hash of the target once asked for (int), or unbound.
    pub hash: Slot,
    /// The target's word, or `UNBOUND`; `run` reads it through `heap::weak::target`.
    pub target: Raw,
}

/// One entry of a traceback, innermost last.
#[repr(C)]
pub struct Traceback {
    pub h: Header,
    /// Next entry towards the fault, or None.
    pub next: Slot,
    pub func: Slot,
    pub frame: Slot,
    /// Word index in the code (int); -1 when `line` was given by hand.
    pub word: Slot,
    pub line: Slot,
}

/// A frame as scripts see it.
#[repr(C)]
pub struct Frame {
    pub h: Header,
    pub func: Slot,
    /// The frame below, or unbound: looked for when asked.
    pub back: Slot,
    /// Its locals, or unbound: read when asked.
    pub locals: Slot,
    /// Word index in the code (int), as last known.
    pub word: Slot,
    pub globals: Slot,
    /// Number of its window (int), by which it is found while it runs.
    pub place: Slot,
    /// What hears of its lines, or None.
    pub trace: Slot,
}

/// A builtin iterator or view. Which fields mean what is the business of its type.
#[repr(C)]
pub struct Iter {
    pub h: Header,
    /// What is iterated, or unbound when exhausted.
    pub over: Slot,
    pub x: Slot,
    pub y: Slot,
    /// Claimed atomically where threads share the iterator.
    pub at: Raw,
    pub end: Raw,
    pub step: Raw,
}

/// A native record that owns a Rust payload.
#[repr(C)]
pub struct Boxed {
    pub h: Header,
    /// Attribute dict or any values the type needs.
    pub x: Slot,
    pub y: Slot,
    pub z: Slot,
    pub w: Slot,
    /// `Box<Box<dyn Any + Send + Sync>>` address or 0; dropped when the cell dies.
    pub payload: Raw,
}

macro_rules! tail {
    ($( $t:ident . $field:ident : $item:ty => $f:ident; )*) => { $(
        impl $t {
            /// Element `i` behind the struct; the caller has checked `i` against this same cell's count.
            ///
            /// # Safety
            /// `i` is below the number of elements the cell was made with.
            #[inline(always)]
            pub unsafe fn $f(&self, i: usize) -> &'static $item {
                // SAFETY: the cell is live and large enough, by the caller's promise.
                unsafe { &*(&raw const self.$field as *const $item).add(i) }
            }
        }
    )* };
}

tail! {
    Array.items: Slot => item;
    Tuple.items: Slot => item;
    Generator.regs: Slot => reg;
    DictTable.entries: Entry => entry;
    SetTable.entries: SetEntry => entry;
    Big.limbs: Raw => limb;
    Stream.words: Raw => word;
}

impl Generator {
    /// `state` of one that has ended.
    pub const ENDED: i64 = 3;
}

impl Tuple {
    /// Number of items.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a tuple of `n` items has a word for its hash: for odd numbers it costs nothing, and pairs are many.
    #[inline(always)]
    pub fn keeps_hash(n: usize) -> bool {
        n > 2 || n == 1
    }

    /// The word where a plain tuple keeps its hash, 0 while it is not known.
    #[inline(always)]
    pub fn kept_hash(&self) -> Option<&Raw> {
        let n = self.len();
        if !Tuple::keeps_hash(n) || self.h.shape() != super::known::C::tuple.shape() {
            return None;
        }
        // SAFETY: such a tuple was made with one raw word behind its items.
        Some(unsafe { &*(self.item(n) as *const Slot as *const Raw) })
    }

    /// Item `i`; panics when out of range.
    #[inline(always)]
    pub fn at(&self, i: usize) -> Value {
        assert!(i < self.len());
        // SAFETY: checked against this tuple's immutable length.
        unsafe { self.item(i) }.get()
    }

    /// The items in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + '_ {
        (0..self.len()).map(|i| self.at(i))
    }
}

impl Str {
    /// The bytes.
    #[inline(always)]
    pub fn bytes(&self) -> &'static [u8] {
        // SAFETY: a Str is made with `nbytes` bytes behind the struct and is immutable once published.
        unsafe { std::slice::from_raw_parts(&raw const self.data as *const u8, self.nbytes.get()) }
    }

    /// Where the bytes of a Str in the making go.
    pub fn bytes_ptr(&self) -> *mut u8 {
        &raw const self.data as *mut u8
    }
}

impl Bytes {
    /// The bytes.
    #[inline(always)]
    pub fn bytes(&self) -> &'static [u8] {
        // SAFETY: made with `len` bytes behind the struct; immutable, unless it backs a ByteArray, whose
        // methods use `bytes_ptr`.
        unsafe { std::slice::from_raw_parts(&raw const self.data as *const u8, self.len.get()) }
    }

    /// Where the bytes are.
    pub fn bytes_ptr(&self) -> *mut u8 {
        &raw const self.data as *mut u8
    }
}

impl ByteArray {
    /// Whether this is a bytearray, and no array of typed items.
    pub fn is_plain(&self) -> bool {
        self.h.shape() == super::known::C::bytearray.shape()
    }

    /// Where the type code of an array stands.
    ///
    /// # Safety
    /// The cell was made with one more word behind the struct, as arrays are.
    pub unsafe fn code_word(&self) -> &'static Raw {
        // SAFETY: by the caller's promise.
        unsafe { &*(std::ptr::from_ref(self).add(1) as *const Raw) }
    }

    /// The type code of the items; `B` for a bytearray.
    pub fn code(&self) -> u8 {
        // SAFETY: every cell of this kind that is no bytearray is made by the module `array` with that word.
        if self.is_plain() { b'B' } else { unsafe { self.code_word() }.get() as u8 }
    }
}

impl DictTable {
    /// The u32 indices behind the entries.
    #[inline(always)]
    pub fn indices(&self) -> *mut u32 {
        let cap = self.cap.get().as_int() as usize;
        // SAFETY: the cell was made with `cap` entries and the indices behind them.
        unsafe { (&raw const self.entries as *const Entry).add(cap) as *mut u32 }
    }
}
