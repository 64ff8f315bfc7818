//! Building a text piece by piece in plain bytes. Invariant: every growth is fallible, so that a script-chosen size
//! is MemoryError and not an abort.

use super::{index, of_bytes};
use crate::heap::space::Mutator;
use crate::heap::value::Value;
use crate::heap::{Full, Make};

/// A text in the making. The bytes are no references, so they may stand outside the heap.
#[derive(Default)]
pub struct StrBuilder {
    bytes: Vec<u8>,
}

impl StrBuilder {
    /// An empty one.
    pub fn new() -> StrBuilder {
        StrBuilder::default()
    }

    /// Room for `n` more bytes.
    #[inline]
    pub fn reserve(&mut self, n: usize) -> Make<()> {
        if self.bytes.capacity() - self.bytes.len() >= n {
            return Ok(());
        }
        // The first growth covers most texts, so that they grow once.
        let n = if self.bytes.capacity() == 0 { n.max(64) } else { n };
        self.bytes.try_reserve(n).map_err(|_| Full)
    }

    /// Bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Number of bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether nothing has been pushed.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Forgets the bytes beyond the first `n`, a character boundary.
    pub fn truncate(&mut self, n: usize) {
        self.bytes.truncate(n)
    }

    /// Adds text.
    #[inline]
    pub fn push(&mut self, s: &str) -> Make<()> {
        self.push_bytes(s.as_bytes())
    }

    /// Adds bytes of generalised UTF-8.
    #[inline]
    pub fn push_bytes(&mut self, bytes: &[u8]) -> Make<()> {
        self.reserve(bytes.len())?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds a code point, perhaps a surrogate.
    #[inline]
    pub fn push_code(&mut self, code: u32) -> Make<()> {
        let mut bytes = [0; 4];
        let n = index::encode(code, &mut bytes);
        self.push_bytes(&bytes[..n])
    }

    /// Adds the code point `times` times.
    #[inline]
    pub fn push_repeated(&mut self, code: u32, times: usize) -> Make<()> {
        if times == 0 {
            return Ok(());
        }
        let mut bytes = [0; 4];
        let n = index::encode(code, &mut bytes);
        self.reserve(n.checked_mul(times).ok_or(Full)?)?;
        if n == 1 {
            self.bytes.resize(self.bytes.len() + times, bytes[0]);
            return Ok(());
        }
        for _ in 0..times {
            self.bytes.extend_from_slice(&bytes[..n]);
        }
        Ok(())
    }

    /// Adds a text value.
    pub fn push_value(&mut self, m: &mut Mutator, v: Value) -> Make<()> {
        let bytes = super::bytes_of(m, v)?;
        self.push_bytes(bytes)
    }

    /// The text.
    pub fn finish(self, m: &mut Mutator) -> Make {
        of_bytes(m, &self.bytes)
    }
}
