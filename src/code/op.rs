//! The instruction set: one table from which the enum, the decoder, the listing, the verifier, liveness and the
//! handler tables come (LAW 7). A row is the only place that knows an instruction's operands.
//!
//! An instruction is one 64-bit word: `op: u8, spare: u8, a: u16, b: u16, c: u16`, followed by the words that
//! its row names. `R[x]` is register x of the current window, counted from its base. Jump operands are signed
//! distances in words from the word after the whole instruction (its extra words included).
//!
//! A *call window* at register `w`: `R[w]` callee, `R[w+1]` saved pc, `R[w+2]` saved base, `R[w+3..]` arguments.
//! The result replaces the callee in `R[w]`; all of `R[w+1..]` is clobbered.
//! A *method window* is the same with `R[w+3]` = self, or unbound when the callee takes no self; the
//! arguments proper start at `R[w+4]`.
//!
//! LAW 4: no row both reads and writes one shared variable, attribute or item.

/// What an operand field means; liveness and the verifier derive register traffic from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Unused, zero.
    No,
    /// Register written.
    W,
    /// Register read.
    R,
    /// Register read and written.
    RW,
    /// Signed 16-bit immediate.
    Int,
    /// Unsigned 16-bit immediate.
    Uint,
    /// Signed jump distance.
    Jump,
    /// First of `c` registers read.
    ReadC,
    /// First of `2 * c` registers read.
    Read2C,
    /// First of `c` registers written.
    WriteC,
    /// First of `before + 1 + after` registers written (`c` = before | after << 8).
    WriteEx,
    /// First of three registers read.
    Read3,
    /// First of three registers written.
    Write3,
    /// First of `3 + c` registers read (function parts and cells).
    ReadFn,
    /// First of `b` registers written.
    WriteB,
    /// Call window with `b` arguments.
    Call,
    /// Method window with `b` arguments beside self.
    Method,
    /// Call window whose arguments are one iterable and one mapping (or None).
    CallEx,
    /// Method window being filled: writes `R[w]` and `R[w+3]`.
    Fill,
}

/// What a word after the instruction holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Word {
    /// An index into the constants in plain code; the value itself once loaded.
    Lit,
    /// Like `Lit`, and the constant is an identifier (interned).
    Name,
    /// An inline cache, zero at first (LAW 6).
    Cache,
    /// A plain number that belongs to the instruction.
    Raw,
}

macro_rules! ops {
    ($( $name:ident [$a:ident $b:ident $c:ident] [$($w:ident)*] $doc:literal; )*) => {
        /// An instruction's number: the low byte of its word.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        #[repr(u8)]
        pub enum Op { $( #[doc = $doc] $name ),* }

        /// One row of the table.
        pub struct Row {
            /// Name as listings show it.
            pub name: &'static str,
            /// Roles of the operands a, b, c.
            pub roles: [Role; 3],
            /// The words that follow.
            pub words: &'static [Word],
            /// Meaning in one line.
            pub doc: &'static str,
        }

        /// The table, indexed by `Op as usize`.
        pub static ROWS: &[Row] = &[ $( Row {
            name: stringify!($name), roles: [Role::$a, Role::$b, Role::$c],
            words: &[$(Word::$w),*], doc: $doc,
        } ),* ];

        /// Every instruction, in table order.
        pub const ALL: &[Op] = &[ $( Op::$name ),* ];

        /// Calls `$m!` with the names of all instructions, so that handler tables cannot miss one.
        #[macro_export]
        macro_rules! for_all_ops { ($m:ident) => { $m! { $($name)* } }; }
    };
}

ops! {
    // ---- constants, registers, cells
    Nop            [No No No]       []          "Do nothing.";
    LoadConst      [W No No]        [Lit]       "R[a] = literal.";
    LoadInt        [W Int No]       []          "R[a] = integer b.";
    LoadNone       [W No No]        []          "R[a] = None.";
    Move           [W R No]         []          "R[a] = R[b].";
    Unbind         [WriteB Uint No] []          "Make R[a..a+b] unbound.";
    CheckBound     [R No No]        [Name]      "UnboundLocalError if R[a] is unbound.";
    DeleteLocal    [RW No No]       [Name]      "Make R[a] unbound; UnboundLocalError if it was.";
    MakeCell       [RW No No]       []          "R[a] = new cell holding R[a] (a value or unbound).";
    NewCell        [W No No]        []          "R[a] = new empty cell.";
    CopyFree       [WriteB Uint No] []          "R[a..a+b] = the closure cells of the running function.";
    LoadCell       [W R Uint]       [Name]      "R[a] = content of cell R[b]; NameError if empty (c = 1: free variable, else local).";
    StoreCell      [R R No]         []          "Content of cell R[a] = R[b].";
    DeleteCell     [R No Uint]      [Name]      "Empty the cell R[a]; NameError if empty (c as in LoadCell).";
    // ---- globals and namespaces
    LoadGlobal     [W No No]        [Name Cache Cache] "R[a] = global or builtin name.";
    StoreGlobal    [R No No]        [Name Cache] "Global name = R[a].";
    DeleteGlobal   [No No No]       [Name]      "Remove the global name.";
    LoadName       [W R No]         [Name]      "R[a] = name in namespace R[b], else global, else builtin.";
    LoadNameCell   [W R R]          [Name]      "R[a] = name in namespace R[b], else content of cell R[c].";
    StoreName      [R R No]         [Name]      "Name in namespace R[b] = R[a].";
    DeleteName     [No R No]        [Name]      "Remove the name from namespace R[b].";
    LoadLocals     [W No No]        []          "R[a] = the namespace of a module or exec body (its globals dict).";
    LoadBuildClass [W No No]        []          "R[a] = the builtin __build_class__.";
    LoadAssertion  [W No No]        []          "R[a] = AssertionError.";
    // ---- attributes
    LoadAttr       [W R No]         [Name Cache] "R[a] = R[b].name.";
    StoreAttr      [R R No]         [Name Cache] "R[b].name = R[a].";
    DeleteAttr     [No R No]        [Name]      "Delete R[b].name.";
    LoadMethod     [Fill R No]      [Name Cache] "Method window a = R[b].name, with self where it is a plain method.";
    LoadSpecial    [Fill R Uint]    []          "Method window a = special method c of type(R[b]) (0 __enter__, 1 __exit__, 2 __aenter__, 3 __aexit__, 4 __aiter__, 5 __anext__), with self.";
    LoadSuper      [W R R]          [Name]      "R[a] = R[a](R[b], R[c]).name; R[a] holds what the name `super` gave, R[b] the class, R[c] self.";
    LoadSuperMethod [Fill R R]      [Name Cache] "As LoadSuper, filling a method window.";
    // ---- items
    GetItem        [W R R]          []          "R[a] = R[b][R[c]].";
    GetItemInt     [W R Int]        []          "R[a] = R[b][c].";
    SetItem        [R R R]          []          "R[b][R[c]] = R[a].";
    DelItem        [No R R]         []          "del R[b][R[c]].";
    GetSlice       [W R Read3]      []          "R[a] = R[b][R[c]:R[c+1]:R[c+2]].";
    BuildSlice     [W Read3 No]     []          "R[a] = slice(R[b], R[b+1], R[b+2]).";
    // ---- arithmetic
    Add            [W R R]          []          "R[a] = R[b] + R[c].";
    Sub            [W R R]          []          "R[a] = R[b] - R[c].";
    Mul            [W R R]          []          "R[a] = R[b] * R[c].";
    TrueDiv        [W R R]          []          "R[a] = R[b] / R[c].";
    FloorDiv       [W R R]          []          "R[a] = R[b] // R[c].";
    Mod            [W R R]          []          "R[a] = R[b] % R[c].";
    Pow            [W R R]          []          "R[a] = R[b] ** R[c].";
    MatMul         [W R R]          []          "R[a] = R[b] @ R[c].";
    LShift         [W R R]          []          "R[a] = R[b] << R[c].";
    RShift         [W R R]          []          "R[a] = R[b] >> R[c].";
    And            [W R R]          []          "R[a] = R[b] & R[c].";
    Or             [W R R]          []          "R[a] = R[b] | R[c].";
    Xor            [W R R]          []          "R[a] = R[b] ^ R[c].";
    InAdd          [W R R]          []          "R[a] = R[b] += R[c] (in-place protocol).";
    InSub          [W R R]          []          "R[a] = R[b] -= R[c].";
    InMul          [W R R]          []          "R[a] = R[b] *= R[c].";
    InTrueDiv      [W R R]          []          "R[a] = R[b] /= R[c].";
    InFloorDiv     [W R R]          []          "R[a] = R[b] //= R[c].";
    InMod          [W R R]          []          "R[a] = R[b] %= R[c].";
    InPow          [W R R]          []          "R[a] = R[b] **= R[c].";
    InMatMul       [W R R]          []          "R[a] = R[b] @= R[c].";
    InLShift       [W R R]          []          "R[a] = R[b] <<= R[c].";
    InRShift       [W R R]          []          "R[a] = R[b] >>= R[c].";
    InAnd          [W R R]          []          "R[a] = R[b] &= R[c].";
    InOr           [W R R]          []          "R[a] = R[b] |= R[c].";
    InXor          [W R R]          []          "R[a] = R[b] ^= R[c].";
    AddInt         [W R Int]        []          "R[a] = R[b] + c.";
    SubInt         [W R Int]        []          "R[a] = R[b] - c.";
    MulInt         [W R Int]        []          "R[a] = R[b] * c.";
    FloorDivInt    [W R Int]        []          "R[a] = R[b] // c.";
    ModInt         [W R Int]        []          "R[a] = R[b] % c.";
    AndInt         [W R Int]        []          "R[a] = R[b] & c.";
    LShiftInt      [W R Int]        []          "R[a] = R[b] << c.";
    RShiftInt      [W R Int]        []          "R[a] = R[b] >> c.";
    InAddInt       [W R Int]        []          "R[a] = R[b] += c.";
    InSubInt       [W R Int]        []          "R[a] = R[b] -= c.";
    AddK           [W R No]         [Lit]       "R[a] = R[b] + literal.";
    SubK           [W R No]         [Lit]       "R[a] = R[b] - literal.";
    MulK           [W R No]         [Lit]       "R[a] = R[b] * literal.";
    TrueDivK       [W R No]         [Lit]       "R[a] = R[b] / literal.";
    Neg            [W R No]         []          "R[a] = -R[b].";
    Pos            [W R No]         []          "R[a] = +R[b].";
    Invert         [W R No]         []          "R[a] = ~R[b].";
    Not            [W R No]         []          "R[a] = not R[b].";
    Truth          [W R No]         []          "R[a] = bool(R[b]).";
    // ---- comparison
    Lt             [W R R]          []          "R[a] = R[b] < R[c].";
    Le             [W R R]          []          "R[a] = R[b] <= R[c].";
    Eq             [W R R]          []          "R[a] = R[b] == R[c].";
    Ne             [W R R]          []          "R[a] = R[b] != R[c].";
    Gt             [W R R]          []          "R[a] = R[b] > R[c].";
    Ge             [W R R]          []          "R[a] = R[b] >= R[c].";
    Is             [W R R]          []          "R[a] = R[b] is R[c].";
    IsNot          [W R R]          []          "R[a] = R[b] is not R[c].";
    In             [W R R]          []          "R[a] = R[b] in R[c].";
    NotIn          [W R R]          []          "R[a] = R[b] not in R[c].";
    // ---- jumps
    Jump           [No No Jump]     []          "Go to c.";
    JumpFar        [No No No]       [Raw]       "Go to the signed distance in the word.";
    JTrue          [R No Jump]      []          "Go to c if R[a] is true.";
    JFalse         [R No Jump]      []          "Go to c if R[a] is false.";
    JNone          [R No Jump]      []          "Go to c if R[a] is None.";
    JNotNone       [R No Jump]      []          "Go to c if R[a] is not None.";
    JIs            [R R Jump]       []          "Go to c if R[a] is R[b].";
    JIsNot         [R R Jump]       []          "Go to c if R[a] is not R[b].";
    JUnbound       [R No Jump]      []          "Go to c if R[a] is unbound.";
    JLt            [R R Jump]       []          "Go to c if R[a] < R[b].";
    JLe            [R R Jump]       []          "Go to c if R[a] <= R[b].";
    JEq            [R R Jump]       []          "Go to c if R[a] == R[b].";
    JNe            [R R Jump]       []          "Go to c if R[a] != R[b].";
    JGt            [R R Jump]       []          "Go to c if R[a] > R[b].";
    JGe            [R R Jump]       []          "Go to c if R[a] >= R[b].";
    JIn            [R R Jump]       []          "Go to c if R[a] in R[b].";
    JNotLt         [R R Jump]       []          "Go to c unless R[a] < R[b].";
    JNotLe         [R R Jump]       []          "Go to c unless R[a] <= R[b].";
    JNotEq         [R R Jump]       []          "Go to c unless R[a] == R[b].";
    JNotNe         [R R Jump]       []          "Go to c unless R[a] != R[b].";
    JNotGt         [R R Jump]       []          "Go to c unless R[a] > R[b].";
    JNotGe         [R R Jump]       []          "Go to c unless R[a] >= R[b].";
    JNotIn         [R R Jump]       []          "Go to c unless R[a] in R[b].";
    JLtInt         [R Int Jump]     []          "Go to c if R[a] < b.";
    JLeInt         [R Int Jump]     []          "Go to c if R[a] <= b.";
    JEqInt         [R Int Jump]     []          "Go to c if R[a] == b.";
    JNeInt         [R Int Jump]     []          "Go to c if R[a] != b.";
    JGtInt         [R Int Jump]     []          "Go to c if R[a] > b.";
    JGeInt         [R Int Jump]     []          "Go to c if R[a] >= b.";
    JNotLtInt      [R Int Jump]     []          "Go to c unless R[a] < b.";
    JNotLeInt      [R Int Jump]     []          "Go to c unless R[a] <= b.";
    JNotEqInt      [R Int Jump]     []          "Go to c unless R[a] == b.";
    JNotNeInt      [R Int Jump]     []          "Go to c unless R[a] != b.";
    JNotGtInt      [R Int Jump]     []          "Go to c unless R[a] > b.";
    JNotGeInt      [R Int Jump]     []          "Go to c unless R[a] >= b.";
    // ---- calls
    Call           [Call Uint No]   []          "Call window a with b positional arguments.";
    CallKw         [Call Uint No]   [Lit]       "Call window a with b arguments, the last ones named by the tuple.";
    CallMethod     [Method Uint No] []          "Call method window a with b positional arguments.";
    CallMethodKw   [Method Uint No] [Lit]       "Call method window a with b arguments, the last ones named by the tuple.";
    CallEx         [CallEx No No]   []          "R[a] = R[a](*R[a+3], **R[a+4]); R[a+3] a tuple, R[a+4] a dict or None.";
    Return         [R No No]        []          "Return R[a].";
    ReturnNone     [No No No]       []          "Return None.";
    MakeFunction   [W ReadFn Uint]  [Lit]       "R[a] = function of the code literal with defaults R[b], keyword defaults R[b+1], annotate function R[b+2] (None where absent) and c closure cells R[b+3..].";
    // ---- iteration
    GetIter        [W R No]         []          "R[a] = iter(R[b]).";
    ForIter        [W R Jump]       []          "R[a] = next(R[b]) and go to c (backwards); fall through when exhausted.";
    Unpack         [WriteC R Uint]  []          "R[a..a+c] = the c items of R[b].";
    UnpackEx       [WriteEx R Uint] []          "R[a..] = items of R[b] with one starred target: c = before | after << 8.";
    // ---- builders
    BuildTuple     [W ReadC Uint]   []          "R[a] = tuple of R[b..b+c].";
    BuildList      [W ReadC Uint]   []          "R[a] = list of R[b..b+c].";
    BuildSet       [W ReadC Uint]   []          "R[a] = set of R[b..b+c].";
    BuildMap       [W Read2C Uint]  []          "R[a] = dict of the c pairs R[b], R[b+1], ...";
    BuildString    [W ReadC Uint]   []          "R[a] = concatenation of the strings R[b..b+c].";
    ListAppend     [R R No]         []          "Append R[b] to the list R[a] (a comprehension's own).";
    SetAdd         [R R No]         []          "Add R[b] to the set R[a] (a comprehension's own).";
    MapAdd         [R R R]          []          "dict R[a][R[b]] = R[c] (a comprehension's own).";
    ListExtend     [R R No]         []          "Extend the list R[a] by the iterable R[b].";
    SetUpdate      [R R No]         []          "Update the set R[a] by the iterable R[b].";
    DictUpdate     [R R No]         []          "Update the dict R[a] by the mapping R[b] ({**x}).";
    DictMerge      [R R R]          []          "As DictUpdate for call keywords: TypeError on a repeated or non-string key; R[c] is the callee.";
    ListToTuple    [W R No]         []          "R[a] = tuple of the list R[b].";
    StarArgs       [W R R]          []          "R[a] = tuple of the iterable R[b] for a call of R[c]; TypeError names the callee.";
    StarKwargs     [W R R]          []          "R[a] = dict of the mapping R[b], or R[b] itself, for a call of R[c]; TypeError names the callee.";
    Convert        [W R Uint]       []          "R[a] = str, repr or ascii of R[b] (c = 0, 1, 2).";
    Format         [W R R]          []          "R[a] = format(R[b], R[c]).";
    FormatSimple   [W R No]         []          "R[a] = format(R[b], '').";
    // ---- exceptions
    Raise          [R No No]        []          "Raise R[a].";
    RaiseFrom      [R R No]         []          "Raise R[a] from R[b].";
    RaiseAgain     [No No No]       []          "Raise the exception being handled again (bare raise).";
    Reraise        [R No No]        []          "Go on raising R[a] with its traceback as it is.";
    PushExc        [W R No]         []          "R[a] = the exception being handled; R[b] is being handled now.";
    PopExc         [R No No]        []          "R[a] (from PushExc) is being handled again.";
    MatchExc       [W R R]          []          "R[a] = whether the exception R[b] matches the class or tuple R[c].";
    MatchGroup     [W RW R]         []          "except*: R[a] = the part of R[b] that matches R[c] or None; R[b] = the rest or None.";
    MergeGroup     [W R R]          []          "except*: R[a] = what to raise from the list R[b] of raised ones and the original R[c], or None.";
    ExcInfo        [Write3 R No]    []          "R[a..a+3] = type, exception, traceback of R[b].";
    // ---- generators
    Yield          [W R No]         [Cache]     "Yield R[b]; R[a] = what is sent. The cache holds the live registers.";
    GetYieldIter   [W R No]         []          "R[a] = the iterator that `yield from R[b]` drives.";
    GetAwaitable   [W R Uint]       []          "R[a] = the iterator that `await R[b]` drives (c: 0 await, or what __aenter__ 1, __aexit__ 2, __anext__ 3 gave).";
    Send           [RW R Jump]      []          "Send R[a] to R[b]: R[a] = what it yields; when it returns, R[a] = the value and go to c.";
    YieldFrom      [RW R Jump]      [Cache]          "Yield R[a] on behalf of R[b]; R[a] = what is sent; where a throw ended R[b], R[a] = its value and go to c.";
    AsyncWrap      [W R No]         []          "R[a] = R[b] wrapped as a value of an async generator.";
    // ---- imports
    ImportName     [W R Uint]       [Name]      "R[a] = import name with from-list R[b] at level c.";
    ImportFrom     [W R No]         [Name]      "R[a] = name of the module R[b].";
    ImportStar     [R No No]        []          "All public names of the module R[a] into the globals.";
    // ---- match
    MatchSequence  [W R No]         []          "R[a] = whether R[b] is a sequence for patterns.";
    MatchMapping   [W R No]         []          "R[a] = whether R[b] is a mapping for patterns.";
    MatchKeys      [W R R]          []          "R[a] = tuple of R[b]'s values at the keys of tuple R[c], or None.";
    MatchRest      [W R R]          []          "R[a] = dict copy of R[b] without the keys of tuple R[c].";
    MatchClass     [W R R]          [Lit Raw]   "R[a] = tuple of attributes of R[b] if isinstance of R[c], else None; names in the literal, word = positional count.";
    GetLen         [W R No]         []          "R[a] = len(R[b]).";
    // ---- the rest
    PrintExpr      [R No No]        []          "Show R[a] as the interactive prompt does.";
    // ---- stubs of the machine, never emitted by the compiler
    ReturnGen      [R No No]        []          "Return R[a] from a generator (loading puts it in place of Return).";
    ReturnGenNone  [No No No]       []          "Return None from a generator.";
    Halt           [No No No]       []          "End of a run entered from native code.";
    InitDone       [No No No]       []          "Return address of __init__ called by instantiation.";
}

/// Number of instructions.
pub const COUNT: usize = ALL.len();

impl Op {
    /// This instruction's row.
    #[inline]
    pub fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }

    /// The instruction in the low byte of `word`. Panics on a byte that names none: code is verified when made.
    #[inline]
    pub fn of(word: u64) -> Op {
        ALL[word as u8 as usize]
    }

    /// Length in words, the instruction word included.
    #[inline]
    #[allow(clippy::len_without_is_empty)] // Never empty.
    pub fn len(self) -> usize {
        1 + self.row().words.len()
    }

    /// Whether a jump distance stands in operand `c`.
    pub fn jumps(self) -> bool {
        self.row().roles[2] == Role::Jump
    }

    /// Whether the instruction after this one is reached only by a jump.
    pub fn ends_block(self) -> bool {
        matches!(
            self,
            Op::Jump
                | Op::JumpFar
                | Op::Return
                | Op::ReturnNone
                | Op::ReturnGen
                | Op::ReturnGenNone
                | Op::Raise
                | Op::RaiseFrom
                | Op::RaiseAgain
                | Op::Reraise
                | Op::Halt
        )
    }
}

/// Packs an instruction word.
#[inline]
pub fn encode(op: Op, a: u16, b: u16, c: u16) -> u64 {
    op as u64 | (a as u64) << 16 | (b as u64) << 32 | (c as u64) << 48
}

/// Operands a, b, c of a word.
#[inline]
pub fn operands(word: u64) -> (u16, u16, u16) {
    ((word >> 16) as u16, (word >> 32) as u16, (word >> 48) as u16)
}

/// Calls `read` and `write` with each register that the instruction word touches.
pub fn registers(word: u64, mut read: impl FnMut(u16), mut write: impl FnMut(u16)) {
    let op = Op::of(word);
    let (a, b, c) = operands(word);
    for (i, (role, x)) in op.row().roles.into_iter().zip([a, b, c]).enumerate() {
        debug_assert!(i < 3);
        match role {
            Role::No | Role::Int | Role::Uint | Role::Jump => {}
            Role::W => write(x),
            Role::R => read(x),
            Role::RW => {
                read(x);
                write(x);
            }
            Role::ReadC => (x..x + c).for_each(&mut read),
            Role::Read2C => (x..x + 2 * c).for_each(&mut read),
            Role::WriteC => (x..x + c).for_each(&mut write),
            Role::WriteEx => (x..x + (c & 255) + 1 + (c >> 8)).for_each(&mut write),
            Role::Read3 => (x..x + 3).for_each(&mut read),
            Role::Write3 => (x..x + 3).for_each(&mut write),
            Role::ReadFn => (x..x + 3 + c).for_each(&mut read),
            Role::WriteB => (x..x + b).for_each(&mut write),
            Role::Call => {
                read(x);
                (x + 3..x + 3 + b).for_each(&mut read);
                write(x);
            }
            Role::Method => {
                read(x);
                (x + 3..x + 4 + b).for_each(&mut read);
                write(x);
            }
            Role::CallEx => {
                read(x);
                read(x + 3);
                read(x + 4);
                write(x);
            }
            Role::Fill => {
                if op == Op::LoadSuperMethod {
                    read(x);
                }
                write(x);
                write(x + 3);
            }
        }
    }
    if op == Op::LoadSuper {
        read(a);
    }
}

const _: () = assert!(COUNT <= 256, "an instruction's number is one byte");
