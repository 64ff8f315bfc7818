//! The header of a heap cell and the one store and load (LAW 3). Invariant: after the header stand `values`
//! words that are [`Value`]s, then raw words; the collector needs no other knowledge of a layout.

use super::value::Value;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

macro_rules! kinds {
    ($( $name:ident $doc:literal )*) => {
        /// The layout of a cell: which struct of `heap::object` describes it. The class of an object is a
        /// matter of its shape; a subclass of a builtin is an `Instance` with a base value.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u8)]
        pub enum Kind { $( #[doc = $doc] $name ),* }
    };
}

kinds! {
    None "Not a cell."
    Array "Backing array: a count word, then that many values."
    Data "Raw bytes."
    Instance "Instance of a script class (perhaps with a base value)."
    Exception "Instance of a class below BaseException."
    Extension "What an instance grew: more slots, its dict, its identity hash."
    Class "A class."
    Float "A double of far exponent."
    Big "A big integer."
    Complex "A complex number."
    Str "Text, its bytes inline."
    Rope "Text made by concatenation."
    Bytes "An immutable byte string."
    ByteArray "A mutable byte string."
    List "A list."
    Tuple "A tuple."
    Dict "A dict."
    DictTable "A table of a dict."
    Set "A set or frozenset."
    SetTable "A table of a set."
    Range "A range."
    Slice "A slice."
    Cell "A captured variable or a class cell."
    Function "A script function."
    Native "A builtin function or method descriptor."
    Method "A bound method."
    Code "Loaded code."
    Stream "Instruction words of loaded code."
    Module "A module."
    Generator "A generator, coroutine or async generator."
    Iter "A builtin iterator or view: values and raw words by its class."
    Property "property, classmethod, staticmethod and slot descriptors."
    Weak "A weak reference."
    Traceback "One entry of a traceback."
    Frame "A frame as scripts see it."
    Record "A native record: values and raw words, meaning private to its class."
    Boxed "A native record that owns a Rust payload, dropped when it dies."
}

/// `Header::values`: the word after the header counts the value words that follow it.
pub const COUNTED: u8 = 254;
/// `Header::values`: every word of the cell is a value.
pub const ALL: u8 = 255;

/// First word of every cell.
#[repr(C, align(8))]
pub struct Header {
    /// Shape id; gives the class and, for instances, the slot layout.
    pub shape: AtomicU32,
    /// Layout.
    pub kind: Kind,
    /// The object's one-byte lock: 0 free, 1 held, 3 held and waited for (LAW 10).
    pub lock: AtomicU8,
    /// Bits of [`flag`].
    pub flags: AtomicU8,
    /// Value words after the header, or `COUNTED`, or `ALL`.
    pub values: u8,
}

/// Bits of [`Header::flags`].
pub mod flag {
    /// An instance with a base value in word 2 (subclass of a builtin).
    pub const BASED: u8 = 1;
    /// A Str with only ASCII bytes.
    pub const ASCII: u8 = 2;
    /// A Str that is interned.
    pub const INTERNED: u8 = 4;
    /// A weak reference to this cell exists or existed.
    pub const WEAKLY: u8 = 8;
    /// A Set that is a frozenset; a Class whose lookups an inline cache relies on.
    pub const FROZEN: u8 = 16;
    /// The finaliser has been run.
    pub const FINALIZED: u8 = 32;
    /// The class has a `__del__` (on instances).
    pub const FINALIZE: u8 = 64;
}

impl Header {
    /// Shape id.
    #[inline(always)]
    pub fn shape(&self) -> u32 {
        self.shape.load(Ordering::Acquire)
    }

    /// Whether flag bit `f` is set.
    #[inline(always)]
    pub fn has(&self, f: u8) -> bool {
        self.flags.load(Ordering::Relaxed) & f != 0
    }

    /// Sets flag bit `f`.
    #[inline(always)]
    pub fn set(&self, f: u8) {
        self.flags.fetch_or(f, Ordering::Relaxed);
    }

    /// Takes flag bit `f` back.
    pub fn unset(&self, f: u8) {
        self.flags.fetch_and(!f, Ordering::Relaxed);
    }
}

/// A word of a heap cell that holds a value. All access is atomic; there is no other way to store a reference.
#[repr(transparent)]
pub struct Slot(AtomicU64);

impl Slot {
    /// A slot for a struct literal of a fresh cell.
    #[inline(always)]
    pub const fn new(v: Value) -> Slot {
        Slot(AtomicU64::new(v.0))
    }

    /// Acquire load.
    #[inline(always)]
    pub fn get(&self) -> Value {
        Value(self.0.load(Ordering::Acquire))
    }

    /// The one store (Release). A write barrier would stand here.
    #[inline(always)]
    pub fn set(&self, v: Value) {
        self.0.store(v.0, Ordering::Release)
    }

    /// Stores and gives what was there.
    #[inline(always)]
    pub fn swap(&self, v: Value) -> Value {
        Value(self.0.swap(v.0, Ordering::AcqRel))
    }

    /// Stores `new` if `old` is there.
    #[inline(always)]
    pub fn cas(&self, old: Value, new: Value) -> bool {
        self.0.compare_exchange(old.0, new.0, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// A raw word of a heap cell: a number, never a reference.
#[repr(transparent)]
pub struct Raw(AtomicU64);

impl Raw {
    /// A raw word for a struct literal.
    #[inline(always)]
    pub const fn new(n: u64) -> Raw {
        Raw(AtomicU64::new(n))
    }

    /// Acquire load.
    #[inline(always)]
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Acquire) as usize
    }

    /// Release store.
    #[inline(always)]
    pub fn set(&self, n: usize) {
        self.0.store(n as u64, Ordering::Release)
    }

    /// The atomic itself, for counters and claims.
    #[inline(always)]
    pub fn atomic(&self) -> &AtomicU64 {
        &self.0
    }
}
