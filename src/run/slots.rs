//! What the machine asks of a class: one table of function pointers per class, filled by `types` for builtin
//! classes and by `run::class` for script ones. Invariant: a table never changes its address; re-computing a script
//! class's entries happens with the world stopped.

use super::thread::{R, Thread};
use crate::heap::Value;
use crate::heap::known::N;
use crate::heap::object::Tuple;

/// A binary operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Bin {
    Add,
    Sub,
    Mul,
    TrueDiv,
    FloorDiv,
    Mod,
    Pow,
    MatMul,
    LShift,
    RShift,
    And,
    Or,
    Xor,
    DivMod,
}

/// A comparison.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Cmp {
    Lt,
    Le,
    Eq,
    Ne,
    Gt,
    Ge,
}

/// A unary operator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Un {
    Neg,
    Pos,
    Invert,
    Abs,
}

/// Which operand's class is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    /// The left one: `a.__op__(b)`.
    Left,
    /// The right one: `b.__rop__(a)`.
    Right,
}

/// A slot of one operand.
pub type One<T = Value> = fn(&mut Thread, Value) -> R<T>;
/// A slot of two operands.
pub type Two<T = Value> = fn(&mut Thread, Value, Value) -> R<T>;
/// A slot of three operands.
pub type Three<T = Value> = fn(&mut Thread, Value, Value, Value) -> R<T>;

/// A slot for one of several binary operations.
pub type Binary = fn(&mut Thread, Bin, Value, Value, Side) -> R;
/// A slot for one of several in-place operations.
pub type Inplace = fn(&mut Thread, Bin, Value, Value) -> R;
/// A slot for one of several comparisons.
pub type Compare = fn(&mut Thread, Cmp, Value, Value) -> R;

/// A builtin class's constructor on the arguments as they stand in the call window.
pub type Direct = fn(&mut Thread, super::native::Args) -> R<Option<Value>>;

/// A call of an object in its window, before the arguments are made a tuple.
pub type Window = unsafe fn(&mut Thread, *mut Value, usize, Option<&'static Tuple>) -> R<Windowed>;

/// What became of a call in its window.
pub enum Windowed {
    /// The result.
    Value(Value),
    /// Another callee stands in the window now, with that many arguments (those named last as before).
    Callee(usize),
    /// Nothing: `call` is to be asked.
    Ask,
}

/// The slots of a class. Any may be absent; a present one works for every instance of the class.
#[derive(Clone, Copy, Default)]
pub struct TypeSlots {
    /// `repr(o)`.
    pub repr: Option<One>,
    /// `str(o)`; absent: repr.
    pub str: Option<One>,
    /// `hash(o)`; absent: unhashable.
    pub hash: Option<One<i64>>,
    /// `o(...)`: the arguments stand bound as `(self, args tuple, kwargs dict or unbound)`.
    pub call: Option<Three>,
    /// `o(...)` with the arguments as they stand in the call window; goes with `call` of the same class.
    pub window: Option<Window>,
    /// `iter(o)`.
    pub iter: Option<One>,
    /// `next(o)`; `None` when exhausted.
    pub next: Option<One<Option<Value>>>,
    /// `o.name`; raises AttributeError.
    pub getattr: Option<Two>,
    /// `o.name = v`, or `del o.name` when `v` is unbound.
    pub setattr: Option<Three<()>>,
    /// `a op b` seen from `a`; may give NotImplemented.
    pub compare: Option<Compare>,
    /// Truth; absent: by `len`, else true.
    pub bool: Option<One<bool>>,
    /// `len(o)`.
    pub len: Option<One<usize>>,
    /// `o[k]`.
    pub getitem: Option<Two>,
    /// `o[k] = v`, or `del o[k]` when `v` is unbound.
    pub setitem: Option<Three<()>>,
    /// `k in o`; absent: by iteration.
    pub contains: Option<Two<bool>>,
    /// `a op b`; either operand is of this class; may give NotImplemented.
    pub binary: Option<Binary>,
    /// `a op= b`; may give NotImplemented (then `binary`).
    pub inplace: Option<Inplace>,
    /// `-o`, `+o`, `~o`, `abs(o)`; NotImplemented where there is none.
    pub unary: Option<fn(&mut Thread, Un, Value) -> R>,
    /// `operator.index(o)`: an int.
    pub index: Option<One>,
    /// `int(o)` by `__int__`.
    pub int: Option<One>,
    /// `float(o)` by `__float__`.
    pub float: Option<One>,
    /// Descriptor: `__get__(o, instance or None, class)`.
    pub get: Option<Three>,
    /// Descriptor: `get` makes a method, as that of functions does.
    pub binds: bool,
    /// Descriptor: a `Property` whose `get` is the index of the item of a tuple that `get` gives.
    pub item_getter: bool,
    /// Descriptor: `__set__`, or `__delete__` when `v` is unbound. Present: a data descriptor.
    pub set: Option<Three<()>>,
    /// `cls(...)`: `__new__(cls, args, kwargs or unbound)`.
    pub new: Option<Three>,
    /// `__init__(self, args, kwargs or unbound)`.
    pub init: Option<Three<()>>,
    /// `__del__`.
    pub del: Option<One<()>>,
    /// `cls(a, ...)` with positional arguments as they stand in the call window; `None`: the general way decides.
    /// Of this very class: neither this nor the next is inherited.
    pub direct: Option<Direct>,
    /// `format(o, spec)`.
    pub format: Option<Two>,
}

/// A class in Rust: `types` and `native` state it, `run::class` makes it.
pub struct ClassDef {
    /// `__name__`; a dotted name gives `__module__` too.
    pub name: &'static str,
    /// `__doc__`.
    pub doc: &'static str,
    /// Base class; `None` is object.
    pub base: Option<crate::heap::known::C>,
    /// Sets the slots that differ from the base's.
    pub slots: fn(&mut TypeSlots),
    /// Methods.
    pub methods: &'static [super::native::Def],
    /// Class methods.
    pub class_methods: &'static [super::native::Def],
    /// Static methods (`__new__` is made from the `new` slot).
    pub static_methods: &'static [super::native::Def],
    /// Attributes computed by a getter, with an optional setter (value unbound: delete).
    pub getset: &'static [GetSet],
    /// Whether scripts may derive from it.
    pub basetype: bool,
    /// Kind of plain instances.
    pub kind: crate::heap::Kind,
}

/// A computed attribute of a builtin class.
pub struct GetSet {
    /// Name.
    pub name: &'static str,
    /// Getter.
    pub get: One,
    /// Setter; value unbound: delete.
    pub set: Option<Two<()>>,
    /// `__doc__`.
    pub doc: &'static str,
}

/// A row without a setter.
pub const fn get(name: &'static str, get: One, doc: &'static str) -> GetSet {
    GetSet { name, get, set: None, doc }
}

/// A row with a setter.
pub const fn getset(name: &'static str, get: One, set: Two<()>, doc: &'static str) -> GetSet {
    GetSet { name, get, set: Some(set), doc }
}

/// A class with nothing but a name: the start of a definition.
pub const PLAIN: ClassDef = ClassDef {
    name: "",
    doc: "",
    base: None,
    slots: |_| {},
    methods: &[],
    class_methods: &[],
    static_methods: &[],
    getset: &[],
    basetype: false,
    kind: crate::heap::Kind::Instance,
};

/// A native module: a name, functions and a filler for the rest. Listed by `shell`.
pub struct ModuleDef {
    /// Name.
    pub name: &'static str,
    /// `__doc__`.
    pub doc: &'static str,
    /// Functions.
    pub functions: &'static [super::native::Def],
    /// Adds constants and classes to the module's dict.
    pub fill: One<()>,
}

impl Bin {
    /// Names of the method, the reflected and the in-place one.
    pub fn names(self) -> (N, N, Option<N>) {
        match self {
            Bin::Add => (N::__add__, N::__radd__, Some(N::__iadd__)),
            Bin::Sub => (N::__sub__, N::__rsub__, Some(N::__isub__)),
            Bin::Mul => (N::__mul__, N::__rmul__, Some(N::__imul__)),
            Bin::TrueDiv => (N::__truediv__, N::__rtruediv__, Some(N::__itruediv__)),
            Bin::FloorDiv => (N::__floordiv__, N::__rfloordiv__, Some(N::__ifloordiv__)),
            Bin::Mod => (N::__mod__, N::__rmod__, Some(N::__imod__)),
            Bin::Pow => (N::__pow__, N::__rpow__, Some(N::__ipow__)),
            Bin::MatMul => (N::__matmul__, N::__rmatmul__, Some(N::__imatmul__)),
            Bin::LShift => (N::__lshift__, N::__rlshift__, Some(N::__ilshift__)),
            Bin::RShift => (N::__rshift__, N::__rrshift__, Some(N::__irshift__)),
            Bin::And => (N::__and__, N::__rand__, Some(N::__iand__)),
            Bin::Or => (N::__or__, N::__ror__, Some(N::__ior__)),
            Bin::Xor => (N::__xor__, N::__rxor__, Some(N::__ixor__)),
            Bin::DivMod => (N::__divmod__, N::__rdivmod__, None),
        }
    }

    /// The operator as errors show it.
    pub fn symbol(self) -> &'static str {
        match self {
            Bin::Add => "+",
            Bin::Sub => "-",
            Bin::Mul => "*",
            Bin::TrueDiv => "/",
            Bin::FloorDiv => "//",
            Bin::Mod => "%",
            Bin::Pow => "** or pow()",
            Bin::MatMul => "@",
            Bin::LShift => "<<",
            Bin::RShift => ">>",
            Bin::And => "&",
            Bin::Or => "|",
            Bin::Xor => "^",
            Bin::DivMod => "divmod()",
        }
    }
}

impl Cmp {
    /// The method's name.
    pub fn name(self) -> N {
        match self {
            Cmp::Lt => N::__lt__,
            Cmp::Le => N::__le__,
            Cmp::Eq => N::__eq__,
            Cmp::Ne => N::__ne__,
            Cmp::Gt => N::__gt__,
            Cmp::Ge => N::__ge__,
        }
    }

    /// The operator as errors show it.
    pub fn symbol(self) -> &'static str {
        match self {
            Cmp::Lt => "<",
            Cmp::Le => "<=",
            Cmp::Eq => "==",
            Cmp::Ne => "!=",
            Cmp::Gt => ">",
            Cmp::Ge => ">=",
        }
    }

    /// The comparison with the operands exchanged.
    pub fn swapped(self) -> Cmp {
        match self {
            Cmp::Lt => Cmp::Gt,
            Cmp::Le => Cmp::Ge,
            Cmp::Gt => Cmp::Lt,
            Cmp::Ge => Cmp::Le,
            same => same,
        }
    }

    /// The result for an ordering.
    #[inline]
    pub fn of(self, o: std::cmp::Ordering) -> bool {
        match self {
            Cmp::Lt => o.is_lt(),
            Cmp::Le => o.is_le(),
            Cmp::Eq => o.is_eq(),
            Cmp::Ne => o.is_ne(),
            Cmp::Gt => o.is_gt(),
            Cmp::Ge => o.is_ge(),
        }
    }
}
