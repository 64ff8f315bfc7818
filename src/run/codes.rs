//! The loaded code objects: found by an address in their instructions, and their inline caches cleared. Invariant: a
//! code object is listed from its loading until the collector finds it dead.

use crate::code::op::{Op, Word};
use crate::heap::Value;
use crate::heap::object::{Code, Stream};
use std::sync::Mutex;

/// Loaded code objects, for clearing caches; words of cells, purged when they die.
static CODES: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// Remembers a loaded code object.
pub fn register_code(code: Value) {
    CODES.lock().unwrap().push(code.0);
}

/// Forgets a code object that died (world stopped).
pub fn forget_code(code: Value) {
    CODES.lock().unwrap().retain(|c| *c != code.0);
}

/// The code object whose instructions lie at address `pc`, and the word there.
pub fn code_at(pc: usize) -> Option<(&'static Code, u32)> {
    CODES.lock().unwrap().iter().find_map(|word| {
        let code = Value(*word).get::<Code>();
        let s = code.stream.get().get::<Stream>();
        // SAFETY: a stream has at least one word.
        let first = unsafe { s.word(0) } as *const _ as usize;
        let offset = pc.wrapping_sub(first) / 8;
        (offset < s.len.get()).then_some((code, offset as u32))
    })
}

/// Clears every inline cache. Only in a stopped world.
pub(super) fn clear_caches() {
    for word in CODES.lock().unwrap().iter() {
        let s = Value(*word).get::<Code>().stream.get().get::<Stream>();
        let (mut at, n) = (0, s.len.get());
        while at < n {
            // SAFETY: at and the instruction's words are below the stream's length; the world is stopped.
            unsafe {
                let op = Op::of(s.word(at).get() as u64);
                for (k, kind) in op.row().words.iter().enumerate() {
                    if *kind == Word::Cache {
                        s.word(at + 1 + k).set(0);
                    }
                }
                at += op.len();
            }
        }
    }
}
