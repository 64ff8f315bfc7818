//! Blocks and cells.

use super::cell::{Header, Kind};
use super::{Full, Make};
use std::sync::atomic::{AtomicU8, AtomicU32};

/// One thread's allocation state.
pub struct Mutator {
    /// This thread's pending word.
    pub pending: *const AtomicU32,
}

impl Mutator {
    /// A cell of `bytes` bytes, header written, the rest zero. May collect: a collector stop (LAW 8).
    #[inline(always)]
    pub fn cell(&mut self, kind: Kind, shape: u32, values: u8, bytes: usize) -> Make<*mut u64> {
        let layout = std::alloc::Layout::from_size_align(bytes.next_multiple_of(16), 16).map_err(|_| Full)?;
        // SAFETY: the layout has a size above 0; the header is written before the cell is seen.
        unsafe {
            let p = std::alloc::alloc_zeroed(layout) as *mut u64;
            if p.is_null() {
                return Err(Full);
            }
            (p as *mut Header).write(Header {
                shape: AtomicU32::new(shape),
                kind,
                lock: AtomicU8::new(0),
                flags: AtomicU8::new(0),
                values,
            });
            Ok(p)
        }
    }

    /// Registers `v` as owner of a payload of `external` bytes.
    pub fn owns_payload(&mut self, _v: super::Value, _external: usize) {}

    /// As `cell`, but never parks: for use under an object lock. May exceed the budget (LAW 10).
    pub fn cell_no_stop(&mut self, kind: Kind, shape: u32, values: u8, bytes: usize) -> Make<*mut u64> {
        self.cell(kind, shape, values, bytes)
    }
}
