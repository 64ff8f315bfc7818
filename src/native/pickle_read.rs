//! Reading pickles: where the bytes come from, the stack, the marks and the memo. Invariant: a [`Reader`] is a local of
//! the running native; stack and memo are heap arrays, and every length the data claim is checked against the data.

use super::pickle_reduce::fault;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::{R, Raised, Thread};

/// Slots of a fresh stack.
const FIRST: usize = 24;
/// Memo numbers up to this far beyond the known ones stand in the array; others in a dict.
const AHEAD: usize = 1024;
/// How much a file is asked to show ahead of reading.
const AHEAD_BYTES: i64 = 128 * 1024;
/// A file is asked for so much at once at most: what the data claim need not be there.
const PIECE: usize = 1 << 20;

/// Numbered objects.
#[derive(Clone, Copy)]
pub struct Known {
    /// Array of the objects with small numbers.
    pub dense: Value,
    /// Dict of the others, or unbound.
    pub sparse: Value,
    /// How many there are.
    pub count: usize,
}

impl Known {
    /// None yet.
    pub const EMPTY: Known = Known { dense: Value::UNBOUND, sparse: Value::UNBOUND, count: 0 };

    /// The object of a number.
    pub fn get(&self, th: &mut Thread, n: usize) -> R<Option<Value>> {
        if let Some(v) = self.dense.cast::<Array>().and_then(|a| a.slot(n)).and_then(|s| s.get().bound()) {
            return Ok(Some(v));
        }
        if self.sparse.is_unbound() {
            return Ok(None);
        }
        let key = th.heap.uint(n as u64)?;
        th.dict_get(self.sparse, key)
    }

    /// Numbers an object.
    #[inline]
    pub fn put(&mut self, th: &mut Thread, n: usize, v: Value) -> R<()> {
        if let Some(slot) = self.dense.cast::<Array>().and_then(|a| a.slot(n)) {
            self.count += slot.swap(v).is_unbound() as usize;
            return Ok(());
        }
        self.put_slowly(th, n, v)
    }

    #[cold]
    #[inline(never)]
    fn put_slowly(&mut self, th: &mut Thread, n: usize, v: Value) -> R<()> {
        let old = self.dense.cast::<Array>();
        let cap = old.map_or(0, |a| a.count.get());
        if n <= cap + AHEAD {
            self.dense = grown(th, old, cap, (cap * 2).max(n + 1).max(16))?;
            return self.put(th, n, v);
        }
        if self.sparse.is_unbound() {
            self.sparse = th.heap.new_dict()?;
        }
        let key = th.heap.uint(n as u64)?;
        let before = self.sparse.get::<Dict>().len();
        th.dict_insert(self.sparse, key, v)?;
        self.count += self.sparse.get::<Dict>().len() - before;
        Ok(())
    }
}

/// An array of `cap` slots with the first `n` of an old one.
fn grown(th: &mut Thread, old: Option<&'static Array>, n: usize, cap: usize) -> R {
    let fresh = th.heap.array(cap)?;
    let a = fresh.get::<Array>();
    for i in 0..n {
        if let (Some(from), Some(to)) = (old.and_then(|o| o.slot(i)), a.slot(i)) {
            to.set(from.get());
        }
    }
    Ok(fresh)
}

/// A pickle being read.
pub struct Reader {
    /// The bytes at hand.
    data: &'static [u8],
    /// The object that they are in.
    holder: Value,
    at: usize,
    /// Where the frame that was begun ends: no read may cross that.
    frame: usize,
    /// The bytes at hand were shown by the file, not read from it.
    shown: bool,
    /// Methods of the file, or unbound: all the bytes are at hand.
    pub read: Value,
    /// `readline`.
    pub readline: Value,
    /// `peek`, or unbound.
    pub peek: Value,
    stack: Value,
    len: usize,
    marks: Vec<usize>,
    /// Numbered objects.
    pub known: Known,
    /// Protocol that the data state.
    pub proto: u8,
    /// Names as Python 2 had them are translated.
    pub fix: bool,
    /// How old strings are decoded.
    pub encoding: Value,
    /// And what is done about bytes that cannot be.
    pub errors: Value,
    /// Iterator over out-of-band buffers, or unbound.
    pub buffers: Value,
    /// `find_class`, if it is not the usual one.
    pub find: Value,
    /// `persistent_load`, or unbound.
    pub persistent: Value,
    /// The Unpickler that is told the protocol, or unbound.
    pub owner: Value,
}

impl Reader {
    /// A reader without data.
    pub fn new() -> Reader {
        let none = Value::UNBOUND;
        Reader {
            data: &[],
            holder: none,
            at: 0,
            frame: 0,
            shown: false,
            read: none,
            readline: none,
            peek: none,
            stack: none,
            len: 0,
            marks: Vec::new(),
            known: Known::EMPTY,
            proto: 0,
            fix: true,
            encoding: none,
            errors: none,
            buffers: none,
            find: none,
            persistent: none,
            owner: none,
        }
    }

    /// A reader of a bytes-like object.
    pub fn of(th: &mut Thread, v: Value) -> R<Reader> {
        let mut r = Reader::new();
        if v.is_kind(Kind::Bytes) {
            r.hold(v);
        } else {
            let copy = super::util::buffer(th, v)?;
            let b = th.bytes(&copy)?;
            r.hold(b);
        }
        Ok(r)
    }

    fn hold(&mut self, b: Value) {
        self.holder = b;
        self.data = b.get::<Bytes>().bytes();
        self.at = 0;
        self.frame = 0;
        self.shown = false;
    }

    // ---------------------------------------------------------------------------------------------------------- bytes

    /// The next byte, if there is one: an instruction.
    #[inline]
    pub fn op(&mut self, th: &mut Thread) -> R<u8> {
        if self.at == self.data.len() && (self.read.is_unbound() || !self.fetch(th, 1)?) {
            return Err(th.eof_error("Ran out of input"));
        }
        self.at += 1;
        Ok(self.data[self.at - 1])
    }

    /// The next `n` bytes.
    #[inline]
    pub fn take(&mut self, th: &mut Thread, n: usize) -> R<&'static [u8]> {
        if self.at < self.frame && n > self.frame - self.at {
            return Err(crossed(th));
        }
        if n > self.data.len() - self.at && (self.read.is_unbound() || !self.fetch(th, n)?) {
            return Err(truncated(th));
        }
        self.at += n;
        Ok(&self.data[self.at - n..self.at])
    }

    /// The next `N` bytes as a number.
    #[inline(always)]
    pub fn short<const N: usize>(&mut self, th: &mut Thread) -> R<u64> {
        let inside = self.at >= self.frame || N <= self.frame - self.at;
        if inside && let Some(bytes) = self.data.get(self.at..).and_then(|d| d.first_chunk::<N>()) {
            self.at += N;
            return Ok(bytes.iter().rev().fold(0, |n, b| n << 8 | *b as u64));
        }
        self.number(th, N)
    }

    /// The next `n` bytes as a number.
    pub fn number(&mut self, th: &mut Thread, n: usize) -> R<u64> {
        let mut b = [0; 8];
        b[..n].copy_from_slice(self.take(th, n)?);
        Ok(u64::from_le_bytes(b))
    }

    /// Begins a frame of `n` bytes, which must be there.
    pub fn enter(&mut self, th: &mut Thread, n: usize) -> R<()> {
        self.frame = 0;
        self.take(th, n)?;
        self.frame = self.at;
        self.at -= n;
        Ok(())
    }

    /// The next line, without its end.
    pub fn line(&mut self, th: &mut Thread) -> R<&'static [u8]> {
        if let Some(n) = self.data[self.at..].iter().position(|b| *b == b'\n') {
            let line = &self.data[self.at..self.at + n];
            if self.at < self.frame && self.at + n >= self.frame {
                return Err(crossed(th));
            }
            self.at += n + 1;
            return Ok(line);
        }
        if self.at < self.frame {
            return Err(crossed(th));
        }
        if self.read.is_unbound() {
            return Err(truncated(th));
        }
        self.pass_shown(th)?;
        let line = th.call(self.readline, &[])?;
        self.accept(th, line, "readline")?;
        match self.data.split_last() {
            Some((b'\n', line)) => {
                self.at = self.data.len();
                Ok(line)
            }
            _ => Err(truncated(th)),
        }
    }

    /// Takes what a method of the file gave as the bytes at hand.
    fn accept(&mut self, th: &mut Thread, v: Value, method: &str) -> R<()> {
        if v.is_kind(Kind::Bytes) {
            self.hold(v);
            return Ok(());
        }
        if v.base().is_kind(Kind::Bytes) || v.base().is_kind(Kind::ByteArray) {
            let copy = super::util::buffer(th, v)?;
            let b = th.bytes(&copy)?;
            self.hold(b);
            return Ok(());
        }
        let text = format!("{method}() returned non-bytes object ({})", th.type_name(v));
        Err(th.value_error(text))
    }

    /// Reads what was used of the bytes that the file only showed.
    pub fn pass_shown(&mut self, th: &mut Thread) -> R<()> {
        if self.shown {
            self.shown = false;
            if self.at > 0 {
                th.call(self.read, &[Value::int(self.at as i64)])?;
            }
            self.data = &[];
            (self.at, self.frame) = (0, 0);
        }
        Ok(())
    }

    /// Gets bytes of the file until `n` are at hand; false if it has fewer.
    #[cold]
    #[inline(never)]
    fn fetch(&mut self, th: &mut Thread, n: usize) -> R<bool> {
        self.pass_shown(th)?;
        let rest = &self.data[self.at..];
        if rest.is_empty() && !self.peek.is_unbound() && n < AHEAD_BYTES as usize {
            let v = th.call(self.peek, &[Value::int(AHEAD_BYTES)])?;
            self.accept(th, v, "peek")?;
            self.shown = true;
            if self.data.len() >= n {
                return Ok(true);
            }
            self.pass_shown(th)?;
        }
        let first = n - self.data[self.at..].len();
        if self.at == self.data.len() && first <= PIECE {
            let v = th.call(self.read, &[Value::int(first as i64)])?;
            self.accept(th, v, "read")?;
            return Ok(self.data.len() >= n);
        }
        let mut all = self.data[self.at..].to_vec();
        while all.len() < n {
            let piece = (n - all.len()).min(PIECE);
            let v = th.call(self.read, &[Value::int(piece as i64)])?;
            self.accept(th, v, "read")?;
            all.try_reserve(self.data.len()).map_err(|_| crate::heap::Full)?;
            all.extend_from_slice(self.data);
            if self.data.is_empty() {
                break;
            }
        }
        let b = th.bytes(&all)?;
        self.hold(b);
        Ok(all.len() >= n)
    }

    // ---------------------------------------------------------------------------------------------------------- stack

    #[inline(always)]
    fn slots(&self) -> Option<&'static Array> {
        self.stack.cast::<Array>()
    }

    /// Objects on the stack.
    pub fn height(&self) -> usize {
        self.len
    }

    /// Objects below the last mark: they are not to be taken.
    #[inline]
    pub fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    /// How many objects the data at hand may have, at least `least`: room is made for them at once.
    fn room(&self, least: usize) -> usize {
        (self.data.len() / 12).clamp(least, 256)
    }

    /// Numbers the topmost object with the next number.
    #[inline]
    pub fn memoize(&mut self, th: &mut Thread) -> R<()> {
        let v = self.top(th)?;
        if self.known.dense.is_unbound() {
            self.known.dense = th.heap.array(self.room(16))?;
        }
        self.known.put(th, self.known.count, v)
    }

    /// Puts an object on the stack.
    #[inline]
    pub fn push(&mut self, th: &mut Thread, v: Value) -> R<()> {
        if self.slots().is_none_or(|a| a.count.get() == self.len) {
            self.stack = grown(th, self.slots(), self.len, (self.len * 2).max(self.room(FIRST)))?;
        }
        if let Some(slot) = self.slots().and_then(|a| a.slot(self.len)) {
            slot.set(v);
            self.len += 1;
        }
        Ok(())
    }

    /// Takes the topmost object.
    #[inline]
    pub fn pop(&mut self, th: &mut Thread) -> R {
        let v = self.top(th)?;
        self.len -= 1;
        Ok(v)
    }

    /// The topmost object.
    #[inline]
    pub fn top(&self, th: &mut Thread) -> R {
        if self.len <= self.fence() {
            return Err(self.underflow(th));
        }
        Ok(self.item(self.len - 1))
    }

    /// The object at a height.
    #[inline(always)]
    pub fn item(&self, i: usize) -> Value {
        self.slots().and_then(|a| a.slot(i)).map_or(Value::NONE, |s| s.get())
    }

    /// Puts an object in place of another.
    pub fn replace(&mut self, i: usize, v: Value) {
        if let Some(s) = self.slots().and_then(|a| a.slot(i)) {
            s.set(v);
        }
    }

    /// Drops all from a height on.
    pub fn cut(&mut self, from: usize) {
        self.len = self.len.min(from);
    }

    /// Takes all from a height on, as a tuple.
    pub fn pop_tuple(&mut self, th: &mut Thread, from: usize) -> R {
        if from < self.fence() || from > self.len {
            return Err(self.underflow(th));
        }
        let n = self.len - from;
        let t = if n == 0 { crate::run::call::no_args() } else { th.tuple_with(n)? };
        for i in 0..n {
            // SAFETY: i is below the tuple's length.
            unsafe { t.get::<Tuple>().item(i) }.set(self.item(from + i));
        }
        self.len = from;
        Ok(t)
    }

    /// Takes the topmost `n` objects, as a tuple.
    pub fn pop_few(&mut self, th: &mut Thread, n: usize) -> R {
        match self.len.checked_sub(n) {
            Some(from) => self.pop_tuple(th, from),
            None => Err(self.underflow(th)),
        }
    }

    /// Puts a mark.
    pub fn mark(&mut self) -> R<()> {
        self.marks.try_reserve(1).map_err(|_| crate::heap::Full)?;
        self.marks.push(self.len);
        Ok(())
    }

    /// Takes the last mark: its height.
    pub fn unmark(&mut self, th: &mut Thread) -> R<usize> {
        match self.marks.pop() {
            Some(n) => Ok(n.min(self.len)),
            None => Err(bad(th, "could not find MARK")),
        }
    }

    /// Takes the last mark if nothing stands above it.
    pub fn unmark_top(&mut self) -> bool {
        self.marks.last() == Some(&self.len) && self.marks.pop().is_some()
    }

    /// There is too little on the stack.
    #[cold]
    pub fn underflow(&self, th: &mut Thread) -> Raised {
        bad(th, if self.marks.is_empty() { "unpickling stack underflow" } else { "unexpected MARK found" })
    }

    /// Forgets stack and marks, before another pickle.
    pub fn restart(&mut self) {
        self.len = 0;
        self.marks.clear();
        self.proto = 0;
    }
}

/// UnpicklingError.
#[cold]
pub fn bad(th: &mut Thread, message: impl AsRef<str>) -> Raised {
    fault(th, "UnpicklingError", message.as_ref())
}

/// A frame ends within what is read.
#[cold]
fn crossed(th: &mut Thread) -> Raised {
    bad(th, "pickle exhausted before end of frame")
}

/// The data end early.
#[cold]
pub fn truncated(th: &mut Thread) -> Raised {
    bad(th, "pickle data was truncated")
}
