//! One 64-bit self-tagged word. Ints of 62 bits, nearly all doubles, heap pointers and a few specials are
//! immediate; invariant: a word whose low three bits are `010` is a pointer to a heap cell plus 2.
//!
//! | low bits | meaning |
//! |---|---|
//! | `x0x` | double: `rotl(bits + (5 << 60), 4)`; far exponents are boxed |
//! | `x11` | int, value in the upper 62 bits |
//! | `010` | pointer + 2 |
//! | `110` | special |
//!
//! Zeroed memory reads as a double, so a cleared cell never shows a pointer.

use super::cell::{Header, Kind};

/// A value of the language, or one of the machine's markers.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Value(pub u64);

/// Smallest immediate int.
pub const INT_MIN: i64 = -(1 << 61);
/// Largest immediate int.
pub const INT_MAX: i64 = (1 << 61) - 1;

impl Value {
    /// `False`.
    pub const FALSE: Value = Value(0b0110);
    /// `True`.
    pub const TRUE: Value = Value(0b1110);
    /// `None`.
    pub const NONE: Value = Value(0x16);
    /// `NotImplemented`.
    pub const NOT_IMPLEMENTED: Value = Value(0x1e);
    /// `...`
    pub const ELLIPSIS: Value = Value(0x26);
    /// No value here: an unbound variable, an absent argument, a removed slot. Never seen by scripts.
    pub const UNBOUND: Value = Value(0x2e);
    /// What a machine run returns when it ends by an exception (which stands in the thread record).
    pub const ERROR: Value = Value(0x36);

    /// An immediate int; `i` must be in `INT_MIN..=INT_MAX`.
    #[inline(always)]
    pub const fn int(i: i64) -> Value {
        debug_assert!(i >= INT_MIN && i <= INT_MAX);
        Value(((i as u64) << 2) | 3)
    }

    /// An immediate int if `i` fits.
    #[inline(always)]
    pub const fn try_int(i: i64) -> Option<Value> {
        if i >= INT_MIN && i <= INT_MAX { Some(Value(((i as u64) << 2) | 3)) } else { None }
    }

    /// `True` or `False`.
    #[inline(always)]
    pub const fn bool(b: bool) -> Value {
        Value(6 | (b as u64) << 3)
    }

    /// An immediate double, unless its exponent is far from 1.
    #[inline(always)]
    pub fn try_float(x: f64) -> Option<Value> {
        let t = x.to_bits().wrapping_add(5 << 60).rotate_left(4);
        if t & 2 == 0 { Some(Value(t)) } else { None }
    }

    /// The value of a heap cell.
    #[inline(always)]
    pub fn ptr<T>(p: *const T) -> Value {
        debug_assert!(!p.is_null() && p as u64 & 7 == 0);
        Value(p as u64 + 2)
    }

    /// Whether this is an immediate int (bools are not).
    #[inline(always)]
    pub const fn is_int(self) -> bool {
        self.0 & 3 == 3
    }

    /// Whether both are immediate ints.
    #[inline(always)]
    pub const fn both_int(a: Value, b: Value) -> bool {
        a.0 & b.0 & 3 == 3
    }

    /// The immediate int.
    #[inline(always)]
    pub const fn as_int(self) -> i64 {
        debug_assert!(self.is_int());
        (self.0 as i64) >> 2
    }

    /// Whether this is an immediate double.
    #[inline(always)]
    pub const fn is_float(self) -> bool {
        self.0 & 2 == 0
    }

    /// Whether both are immediate doubles.
    #[inline(always)]
    pub const fn both_float(a: Value, b: Value) -> bool {
        (a.0 | b.0) & 2 == 0
    }

    /// The immediate double.
    #[inline(always)]
    pub const fn as_float(self) -> f64 {
        debug_assert!(self.is_float());
        f64::from_bits(self.0.rotate_right(4).wrapping_sub(5 << 60))
    }

    /// Whether this is a heap cell.
    #[inline(always)]
    pub const fn is_ptr(self) -> bool {
        self.0 & 7 == 2
    }

    /// Whether this is one of the specials.
    #[inline(always)]
    pub const fn is_special(self) -> bool {
        self.0 & 7 == 6
    }

    /// Whether this is `True` or `False`.
    #[inline(always)]
    pub const fn is_bool(self) -> bool {
        self.0 | 8 == 14
    }

    /// Whether this is `None`.
    #[inline(always)]
    pub const fn is_none(self) -> bool {
        self.0 == Value::NONE.0
    }

    /// Whether no value is here.
    #[inline(always)]
    pub const fn is_unbound(self) -> bool {
        self.0 == Value::UNBOUND.0
    }

    /// The cell's address; only meaningful where `is_ptr`.
    #[inline(always)]
    pub const fn addr<T>(self) -> *mut T {
        debug_assert!(self.is_ptr());
        (self.0.wrapping_sub(2)) as *mut T
    }

    /// The cell's header; only where `is_ptr`.
    #[inline(always)]
    pub fn header(self) -> &'static Header {
        // SAFETY: a pointer-tagged value points to a live cell (LAW 2 keeps it marked), whose first word is a
        // header made of atomics.
        unsafe { &*self.addr::<Header>() }
    }

    /// The layout of the cell, or `Kind::None` for an immediate.
    #[inline(always)]
    pub fn kind(self) -> Kind {
        if self.is_ptr() { self.header().kind } else { Kind::None }
    }

    /// Whether this is a cell of that layout.
    #[inline(always)]
    pub fn is_kind(self, kind: Kind) -> bool {
        self.is_ptr() && self.header().kind == kind
    }

    /// `None` where there is no value.
    #[inline(always)]
    pub fn bound(self) -> Option<Value> {
        if self.is_unbound() { None } else { Some(self) }
    }

    /// `other` where there is no value.
    #[inline(always)]
    pub fn or(self, other: Value) -> Value {
        if self.is_unbound() { other } else { self }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Value::FALSE => f.write_str("False"),
            Value::TRUE => f.write_str("True"),
            Value::NONE => f.write_str("None"),
            Value::UNBOUND => f.write_str("<unbound>"),
            v if v.is_int() => write!(f, "{}", v.as_int()),
            v if v.is_float() => write!(f, "{:?}", v.as_float()),
            v if v.is_ptr() => write!(f, "<{:?} {:#x}>", v.kind(), v.0 - 2),
            v => write!(f, "<special {:#x}>", v.0),
        }
    }
}
