//! How many objects a collection found in dead cycles, or hanging from them: what reference counts would not have
//! freed. Invariant: the words of dead cells are scratch by now, their value words excepted; no live cell is written.

use super::block::{self, Use, View, WORDS};
use super::cell::Kind;
use super::value::Value;

/// The number a dead cell has when reference counts would have freed it.
const GONE: u32 = u32::MAX;

/// Counts them; and how many words of the mark stack were used. The shape of a dead cell's header becomes the number
/// of references to it from other dead cells; who has none goes, and takes its references along.
///
/// # Safety
/// The world is stopped, marking is over, nothing asks for the shapes of dead cells any more, and the mark stack is
/// empty.
pub(super) unsafe fn count(view: &View) -> (usize, usize) {
    let (stack, cap) = block::mark_stack();
    let (mut len, mut high, mut found) = (0, 0, 0);
    // SAFETY: all cells visited are allocated and not marked, so that their headers are this function's own; their
    // value words refer to cells that were allocated when this collection began.
    unsafe {
        each_dead(view, |cell| *number(cell) = 0);
        each_dead(view, |cell| {
            each_dead_child(view, cell, |child| *number(child) = (*number(child)).wrapping_add(1))
        });
        each_dead(view, |cell| {
            let mut next = cell;
            if *number(next) != 0 {
                return;
            }
            loop {
                *number(next) = GONE;
                each_dead_child(view, next, |child| {
                    let n = number(child);
                    *n -= 1;
                    // Without room it counts as part of a cycle.
                    if *n == 0 && len < cap {
                        *n = GONE;
                        *stack.add(len) = child as u64;
                        len += 1;
                    }
                });
                high = high.max(len);
                if len == 0 {
                    return;
                }
                len -= 1;
                next = *stack.add(len) as *mut u64;
            }
        });
        each_dead(view, |cell| found += (*number(cell) != GONE && is_container(cell)) as usize);
    }
    (found, high)
}

/// The shape's place in a cell.
fn number(cell: *mut u64) -> *mut u32 {
    cell.cast()
}

/// Whether scripts see the cell as an object that may hold others.
///
/// # Safety
/// An allocated cell.
unsafe fn is_container(cell: *mut u64) -> bool {
    use Kind::*;
    matches!(
        Value::ptr(cell).kind(),
        Instance
            | Exception
            | Class
            | List
            | Tuple
            | Dict
            | Set
            | Slice
            | Cell
            | Function
            | Native
            | Method
            | Module
            | Generator
            | Iter
            | Property
            | Weak
            | Traceback
            | Frame
            | Record
            | Boxed
    )
}

/// # Safety
/// As for `count`; `cell` is dead.
#[inline(always)]
unsafe fn each_dead_child(view: &View, cell: *mut u64, mut f: impl FnMut(*mut u64)) {
    // SAFETY: by the caller's promise; value words lie inside their cell.
    unsafe {
        let (at, n) = view.values_of(cell);
        for i in 0..n {
            let v = Value(*at.add(i));
            if v.is_ptr() && !view.marked(v) {
                f(v.addr());
            }
        }
    }
}

/// Calls `f` with every allocated cell that has a header and no mark.
///
/// # Safety
/// The world is stopped.
unsafe fn each_dead(view: &View, mut f: impl FnMut(*mut u64)) {
    for b in 0..view.end {
        let k = view.block(b);
        if matches!(k.used, Use::Free | Use::Inside) {
            continue;
        }
        for w in b * WORDS..(b + 1) * WORDS {
            // SAFETY: inside the bitmaps; an allocated cell is readable memory.
            unsafe {
                let mut bits = *view.alloc.add(w) & !*view.mark.add(w);
                while bits != 0 {
                    let i = (w - b * WORDS) * 64 + bits.trailing_zeros() as usize;
                    bits &= bits - 1;
                    let cell = (view.base + b * block::BLOCK + i * k.bytes as usize) as *mut u64;
                    if *cell != 0 {
                        f(cell);
                    }
                }
            }
        }
    }
}
