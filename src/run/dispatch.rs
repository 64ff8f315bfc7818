//! How handlers are reached. A handler is one small function per instruction; the next one is reached by a sibling
//! call through the table, so the machine's state lives in registers: pc, base, thread, table, left.
//!
//! Invariants: a handler holds no live `Drop` value and no address-taken local at its sibling call; it stores pc and
//! base (`save`) before any helper that may raise, allocate or run user code, and reloads table and left (`reload`)
//! after it (LAW 9). With the feature `loop-dispatch` the same handlers are driven by a plain loop.

use super::thread::Thread;
use crate::code::op::Op;
use crate::heap::Value;

/// Entry of a handler table.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Handler(pub Entry);

/// Signature of a handler.
#[cfg(target_arch = "x86_64")]
pub type Entry =
    unsafe extern "sysv64-unwind" fn(*const u64, *mut Value, *mut Thread, *const Handler, u64) -> u64;
/// Signature of a handler.
#[cfg(not(target_arch = "x86_64"))]
pub type Entry = unsafe extern "C-unwind" fn(*const u64, *mut Value, *mut Thread, *const Handler, u64) -> u64;

/// What a handler returns to the driving loop to go on (`loop-dispatch` only): no value has this bit pattern.
pub const CONTINUE: u64 = 0x3e;

/// The machine's state while one handler runs. `C`: instructions are counted; `L`: mutations take object locks.
#[derive(Clone, Copy)]
pub struct M<const C: bool, const L: bool> {
    /// The instruction.
    pub pc: *const u64,
    /// Register 0.
    pub base: *mut Value,
    /// The thread record.
    pub th: *mut Thread,
    /// The handler table.
    pub tab: *const Handler,
    /// Instructions left.
    pub left: u64,
}

/// SAFETY of all methods rests on verified code: operands lie inside the window, words inside the stream.
#[allow(clippy::missing_safety_doc)]
impl<const C: bool, const L: bool> M<C, L> {
    /// Operand a.
    #[inline(always)]
    pub unsafe fn a(self) -> usize {
        // SAFETY: verified code, see above.
        unsafe { *(self.pc as *const u16).add(1) as usize }
    }

    /// Operand b.
    #[inline(always)]
    pub unsafe fn b(self) -> usize {
        // SAFETY: verified code, see above.
        unsafe { *(self.pc as *const u16).add(2) as usize }
    }

    /// Operand c.
    #[inline(always)]
    pub unsafe fn c(self) -> usize {
        // SAFETY: verified code, see above.
        unsafe { *(self.pc as *const u16).add(3) as usize }
    }

    /// Operand b as a signed number.
    #[inline(always)]
    pub unsafe fn bi(self) -> i64 {
        // SAFETY: verified code, see above.
        unsafe { *(self.pc as *const i16).add(2) as i64 }
    }

    /// Operand c as a signed number.
    #[inline(always)]
    pub unsafe fn ci(self) -> i64 {
        // SAFETY: verified code, see above.
        unsafe { *(self.pc as *const i16).add(3) as i64 }
    }

    /// Word `i` behind the instruction, from 1.
    #[inline(always)]
    pub unsafe fn word(self, i: usize) -> u64 {
        // SAFETY: verified code, see above.
        unsafe { *self.pc.add(i) }
    }

    /// Literal word `i`.
    #[inline(always)]
    pub unsafe fn lit(self, i: usize) -> Value {
        // SAFETY: verified code, see above.
        Value(unsafe { self.word(i) })
    }

    /// Inline cache word `i`: one relaxed atomic (LAW 6).
    #[inline(always)]
    pub unsafe fn cache(self, i: usize) -> &'static std::sync::atomic::AtomicU64 {
        // SAFETY: verified code, see above.
        unsafe { &*(self.pc.add(i) as *const std::sync::atomic::AtomicU64) }
    }

    /// Register `i`.
    #[inline(always)]
    pub unsafe fn r(self, i: usize) -> Value {
        // SAFETY: verified code, see above.
        unsafe { *self.base.add(i) }
    }

    /// Sets register `i`.
    #[inline(always)]
    pub unsafe fn set(self, i: usize, v: Value) {
        // SAFETY: verified code, see above.
        unsafe { *self.base.add(i) = v }
    }

    /// Stores pc, base and left into the record; required before any helper.
    #[inline(always)]
    pub unsafe fn save(self) -> &'static mut Thread {
        // SAFETY: verified code, see above.
        unsafe {
            let th = &mut *self.th;
            th.pc = self.pc;
            th.base = self.base;
            th.top = std::ptr::null_mut();
            if C {
                th.left = self.left;
            }
            th
        }
    }

    /// Picks table and left up again after a helper.
    #[inline(always)]
    pub unsafe fn reload(mut self) -> Self {
        // SAFETY: verified code, see above.
        unsafe {
            self.tab = (*self.th).table;
            self.left = (*self.th).left;
        }
        self
    }
}

/// Defines a handler: `op!(Name(s) { ... })`. The body ends in one of the macros below.
#[macro_export]
macro_rules! op {
    ($(#[$meta:meta])* $name:ident($s:ident) $body:block) => {
        $(#[$meta])*
        #[allow(non_snake_case, unused_mut, clippy::missing_safety_doc, clippy::macro_metavars_in_unsafe)]
        #[cfg(target_arch = "x86_64")]
        pub unsafe extern "sysv64-unwind" fn $name<const C: bool, const L: bool>(
            pc: *const u64,
            base: *mut $crate::heap::Value,
            th: *mut $crate::run::thread::Thread,
            tab: *const $crate::run::dispatch::Handler,
            left: u64,
        ) -> u64 {
            let mut $s = $crate::run::dispatch::M::<C, L> { pc, base, th, tab, left };
            // SAFETY: handlers are entered only through verified code with a live window and thread record.
            unsafe { $body }
        }
        $(#[$meta])*
        #[allow(non_snake_case, unused_mut, clippy::missing_safety_doc, clippy::macro_metavars_in_unsafe)]
        #[cfg(not(target_arch = "x86_64"))]
        pub unsafe extern "C-unwind" fn $name<const C: bool, const L: bool>(
            pc: *const u64,
            base: *mut $crate::heap::Value,
            th: *mut $crate::run::thread::Thread,
            tab: *const $crate::run::dispatch::Handler,
            left: u64,
        ) -> u64 {
            let mut $s = $crate::run::dispatch::M::<C, L> { pc, base, th, tab, left };
            // SAFETY: as above.
            unsafe { $body }
        }
    };
}

/// Calls handler `$h` as a sibling with the state `$s`.
#[macro_export]
macro_rules! sibling {
    ($h:path, $s:expr) => {{
        let s = $s;
        return $h(s.pc, s.base, s.th, s.tab, s.left);
    }};
}

/// Goes to the instruction at `$s.pc` without counting it.
#[macro_export]
macro_rules! dispatch {
    ($s:expr) => {{
        let s = $s;
        #[cfg(not(feature = "loop-dispatch"))]
        {
            let h = *s.tab.add(*(s.pc as *const u8) as usize);
            return (h.0)(s.pc, s.base, s.th, s.tab, s.left);
        }
        #[cfg(feature = "loop-dispatch")]
        {
            let th = &mut *s.th;
            th.pc = s.pc;
            th.base = s.base;
            th.left = s.left;
            return $crate::run::dispatch::CONTINUE;
        }
    }};
}

/// Counts and goes to the instruction at `$s.pc`.
#[macro_export]
macro_rules! go {
    ($s:expr) => {{
        let mut s = $s;
        if C {
            s.left = s.left.wrapping_sub(1);
            if s.left == 0 {
                $crate::sibling!($crate::run::poll::expired::<{ C }, { L }>, s);
            }
        }
        $crate::dispatch!(s)
    }};
}

/// Goes on behind the instruction, which has `$n` words.
#[macro_export]
macro_rules! next {
    ($s:expr, $n:expr) => {{
        let mut s = $s;
        s.pc = s.pc.add($n);
        $crate::go!(s)
    }};
}

/// Looks at the pending word before the instruction at `$s.pc`: a script poll.
#[macro_export]
macro_rules! poll {
    ($s:expr) => {
        if (*(*$s.th).pending).load(std::sync::atomic::Ordering::Relaxed) != 0 {
            $crate::sibling!($crate::run::poll::polled::<{ C }, { L }>, $s);
        }
    };
}

/// Jumps by `$d` words from behind the instruction of `$n` words; backward jumps poll.
#[macro_export]
macro_rules! jump {
    ($s:expr, $n:expr, $d:expr) => {{
        let mut s = $s;
        let d = $d as isize;
        s.pc = s.pc.add($n).offset(d);
        if d < 0 {
            $crate::poll!(s);
        }
        $crate::go!(s)
    }};
}

/// Unwinds: the exception stands in the record, pc and base were saved.
#[macro_export]
macro_rules! raise {
    ($s:expr) => {
        $crate::sibling!($crate::run::unwind::raised::<{ C }, { L }>, $s)
    };
}

/// Runs `$e` (with `$th` the saved record), reloads, stores the value in register a and goes on behind `$n` words.
#[macro_export]
macro_rules! helper {
    ($s:ident, $n:expr, |$th:ident| $e:expr) => {{
        let r = {
            let $th = $s.save();
            $e
        };
        let s = $s.reload();
        match r {
            Ok(v) => {
                s.set(s.a(), v);
                $crate::next!(s, $n)
            }
            Err(_) => $crate::raise!(s),
        }
    }};
}

/// As `helper!` for effects without a value.
#[macro_export]
macro_rules! effect {
    ($s:ident, $n:expr, |$th:ident| $e:expr) => {{
        let r = {
            let $th = $s.save();
            $e
        };
        let s = $s.reload();
        match r {
            Ok(()) => $crate::next!(s, $n),
            Err(_) => $crate::raise!(s),
        }
    }};
}

/// Return address of runs entered from native code.
pub static HALT: [u64; 2] = [Op::Halt as u64, Op::Halt as u64];
/// Return address of `__init__` called by instantiation.
pub static INIT_DONE: [u64; 2] = [Op::InitDone as u64, Op::Halt as u64];

/// Address of the `Halt` stub.
#[inline(always)]
pub fn halt() -> *const u64 {
    HALT.as_ptr()
}

/// Address of the `InitDone` stub.
#[inline(always)]
pub fn init_done() -> *const u64 {
    INIT_DONE.as_ptr()
}

/// The handlers of a mode: counting or not, locking or not; those of an observer if there is one.
pub fn table(counted: bool, locked: bool) -> *const Handler {
    let t: &'static [Handler; 256] = match (counted, locked) {
        _ if super::event::observing() => match locked {
            false => &super::observe::OBSERVED,
            true => &super::observe::OBSERVED_SHARED,
        },
        (false, false) => &super::ops::PLAIN,
        (false, true) => &super::ops::SHARED,
        (true, false) => &super::ops::COUNTED,
        (true, true) => &super::ops::COUNTED_SHARED,
    };
    t.as_ptr()
}

/// Runs from `pc` in window `base` until the `Halt` of that entry; gives its value or `Value::ERROR`.
///
/// # Safety
/// `pc` and `base` are a prepared frame whose saved pc is the `Halt` stub.
pub unsafe fn run(th: &mut Thread, pc: *const u64, base: *mut Value) -> Value {
    let th: *mut Thread = th;
    let mut at = (pc, base);
    loop {
        // SAFETY: by the caller's promise; a panic unwinds through the handlers (their ABI allows it) and leaves the
        // record as of the last `save`.
        let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| unsafe { enter(th, at.0, at.1) }));
        match r {
            Ok(v) => return v,
            // SAFETY: the record is valid between instructions; `raised` finds the handler or the boundary.
            Err(panic) => unsafe {
                let th = &mut *th;
                super::error::panicked(th, &*panic);
                if !super::unwind::find(th) {
                    return Value::ERROR;
                }
                at = (th.next_pc, th.next_base);
            },
        }
    }
}

#[cfg(not(feature = "loop-dispatch"))]
unsafe fn enter(th: *mut Thread, pc: *const u64, base: *mut Value) -> Value {
    // SAFETY: see `run`.
    unsafe {
        let tab = (*th).table;
        let h = *tab.add(*(pc as *const u8) as usize);
        Value((h.0)(pc, base, th, tab, (*th).left))
    }
}

#[cfg(feature = "loop-dispatch")]
unsafe fn enter(th: *mut Thread, pc: *const u64, base: *mut Value) -> Value {
    // SAFETY: see `run`; between two handlers the whole state stands in the record.
    unsafe {
        (*th).pc = pc;
        (*th).base = base;
        loop {
            let (pc, tab) = ((*th).pc, (*th).table);
            let h = *tab.add(*(pc as *const u8) as usize);
            let r = (h.0)(pc, (*th).base, th, tab, (*th).left);
            if r != CONTINUE {
                return Value(r);
            }
        }
    }
}
