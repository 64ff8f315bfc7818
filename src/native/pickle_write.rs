//! Writing pickles: frames, the memo, builtin values and containers. Invariant: a [`Writer`] is a local of the running
//! native, so the values in it are seen by the collector; the memo is a heap table from identity to number.

use super::pickle_op::*;
use super::pickle_reduce;
use crate::heap::cell::flag;
use crate::heap::known::{C, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value, bigint, dict, list, set, text};
use crate::run::{R, Raised, Thread, class, poll};

/// What was written already: an open-addressed heap table from a cell's identity to its number.
#[derive(Clone, Copy)]
pub struct Memo {
    /// Array of pairs (object, number), or unbound while there is none.
    pub table: Value,
    /// Objects in it.
    pub count: usize,
}

/// Places of a fresh memo.
const FIRST: usize = 16;
/// Bytes that many pickles need no more than.
const USUAL: usize = 512;

impl Memo {
    /// An empty one.
    pub const EMPTY: Memo = Memo { table: Value::UNBOUND, count: 0 };

    fn place(array: &Array, v: Value) -> usize {
        let places = array.count.get() / 2;
        let mut at = (v.0 >> 4).wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> 20 & (places - 1);
        for _ in 0..places {
            match array.slot(2 * at) {
                Some(s) if s.get() != v && !s.get().is_unbound() => at = (at + 1) & (places - 1),
                _ => break,
            }
        }
        2 * at
    }

    /// The number of an object.
    pub fn get(&self, v: Value) -> Option<usize> {
        let array = self.table.cast::<Array>()?;
        let at = Memo::place(array, v);
        if array.slot(at)?.get() == v { Some(array.slot(at + 1)?.get().as_int() as usize) } else { None }
    }

    /// Gives an object a number.
    pub fn put(&mut self, th: &mut Thread, v: Value, number: usize) -> R<()> {
        let places = self.table.cast::<Array>().map_or(0, |a| a.count.get() / 2);
        if (self.count + 1) * 3 > places * 2 {
            let fresh = th.heap.array(if places == 0 { FIRST * 2 } else { places * 8 })?;
            if let Some(old) = self.table.cast::<Array>() {
                for i in 0..places {
                    let (Some(key), Some(n)) = (old.slot(2 * i), old.slot(2 * i + 1)) else { break };
                    if !key.get().is_unbound() {
                        Memo::set(fresh.get::<Array>(), key.get(), n.get());
                    }
                }
            }
            self.table = fresh;
        }
        if Memo::set(self.table.get::<Array>(), v, Value::int(number as i64)) {
            self.count += 1;
        }
        Ok(())
    }

    /// Whether the object was new.
    fn set(array: &Array, v: Value, number: Value) -> bool {
        let at = Memo::place(array, v);
        let (Some(key), Some(n)) = (array.slot(at), array.slot(at + 1)) else { return false };
        let new = key.get().is_unbound();
        n.set(number);
        key.set(v);
        new
    }
}

/// A pickle in the making.
pub struct Writer {
    /// What was written and not handed to the file.
    pub out: Vec<u8>,
    /// Where the open frame's head stands.
    frame: Option<usize>,
    framing: bool,
    /// Protocol.
    pub proto: u8,
    /// Names as Python 2 had them, below protocol 3.
    pub fix: bool,
    /// No memo.
    pub fast: bool,
    /// Numbers of what was written.
    pub memo: Memo,
    /// `persistent_id`, or unbound.
    pub persistent: Value,
    /// `reducer_override`, or unbound.
    pub chosen: Value,
    /// A dispatch table of its own, or unbound: copyreg's.
    pub dispatch: Value,
    /// Reducers that come before those of copyreg, or unbound.
    pub extra: Value,
    /// copyreg's dispatch table once asked for, or unbound.
    pub common: Value,
    /// `buffer_callback`, or unbound.
    pub buffers: Value,
    /// The file's `write`, or unbound.
    pub write: Value,
}

impl Writer {
    /// A writer of plain settings.
    pub fn new(proto: u8) -> Writer {
        let none = Value::UNBOUND;
        Writer {
            out: Vec::new(),
            frame: None,
            framing: false,
            proto,
            fix: true,
            fast: false,
            memo: Memo::EMPTY,
            persistent: none,
            chosen: none,
            dispatch: none,
            extra: none,
            common: none,
            buffers: none,
            write: none,
        }
    }

    /// Whether the protocol is a binary one.
    pub fn binary(&self) -> bool {
        self.proto > 0
    }

    /// Writes one object as a whole pickle.
    pub fn dump(&mut self, th: &mut Thread, v: Value) -> R<()> {
        self.out.try_reserve(USUAL).map_err(|_| crate::heap::Full)?;
        if self.proto >= 2 {
            self.put(&[PROTO, self.proto])?;
            self.framing = self.proto >= 4;
        }
        self.save(th, v)?;
        self.put(&[STOP])?;
        self.end_frame();
        self.framing = false;
        if self.write.is_unbound() { Ok(()) } else { self.flush(th) }
    }

    // ---------------------------------------------------------------------------------------------------------- bytes

    /// Adds bytes, in a frame where there are frames.
    #[inline]
    pub fn put(&mut self, bytes: &[u8]) -> R<()> {
        if self.frame.is_some() && self.out.capacity() - self.out.len() >= bytes.len() {
            self.out.extend_from_slice(bytes);
            return Ok(());
        }
        self.put_slowly(bytes)
    }

    fn put_slowly(&mut self, bytes: &[u8]) -> R<()> {
        let head = if self.framing && self.frame.is_none() { FRAME_HEAD } else { 0 };
        self.out.try_reserve(bytes.len() + head).map_err(|_| crate::heap::Full)?;
        if head > 0 {
            self.frame = Some(self.out.len());
            self.out.extend_from_slice(&[0; FRAME_HEAD]);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    /// An instruction and a number of `n` bytes, least first.
    pub fn put_number(&mut self, op: u8, x: u64, n: usize) -> R<()> {
        let mut b = [op; 9];
        b[1..].copy_from_slice(&x.to_le_bytes());
        self.put(&b[..=n])
    }

    fn end_frame(&mut self) {
        let Some(at) = self.frame.take() else { return };
        let n = self.out.len() - at - FRAME_HEAD;
        if n >= FRAME_LEAST {
            self.out[at] = FRAME;
            self.out[at + 1..at + FRAME_HEAD].copy_from_slice(&(n as u64).to_le_bytes());
        } else {
            self.out.drain(at..at + FRAME_HEAD);
        }
    }

    /// Between two objects: closes a frame that is full.
    #[inline]
    fn boundary(&mut self, th: &mut Thread) -> R<()> {
        match self.frame {
            Some(at) if self.out.len() - at >= FRAME_FULL + FRAME_HEAD => {
                self.end_frame();
                if self.write.is_unbound() { Ok(()) } else { self.flush(th) }
            }
            _ => Ok(()),
        }
    }

    /// Hands what was written to the file.
    fn flush(&mut self, th: &mut Thread) -> R<()> {
        let b = th.bytes(&self.out)?;
        self.out.clear();
        th.call(self.write, &[b]).map(drop)
    }

    /// An instruction with its length, and the data; long data stand outside frames.
    fn put_data(&mut self, th: &mut Thread, head: &[u8], data: &[u8], whole: Value) -> R<()> {
        if data.len() < FRAME_FULL {
            self.put(head)?;
            return self.put(data);
        }
        self.end_frame();
        let framing = std::mem::replace(&mut self.framing, false);
        self.put(head)?;
        if self.write.is_unbound() {
            self.put(data)?;
        } else {
            self.flush(th)?;
            let b = if whole.is_kind(Kind::Bytes) { whole } else { th.bytes(data)? };
            th.call(self.write, &[b])?;
        }
        self.framing = framing;
        Ok(())
    }

    // ----------------------------------------------------------------------------------------------------------- memo

    /// Numbers an object that has just been written.
    pub fn remember(&mut self, th: &mut Thread, v: Value) -> R<()> {
        if self.fast {
            return Ok(());
        }
        let n = self.memo.count;
        self.memo.put(th, v, n)?;
        match self.proto {
            0 => self.put(format!("p{n}\n").as_bytes()),
            1..=3 if n < 256 => self.put(&[BINPUT, n as u8]),
            1..=3 => self.put_number(LONG_BINPUT, n as u64, 4),
            _ => self.put(&[MEMOIZE]),
        }
    }

    /// Refers to a numbered object.
    pub fn recall(&mut self, n: usize) -> R<()> {
        match n {
            _ if !self.binary() => self.put(format!("g{n}\n").as_bytes()),
            0..256 => self.put(&[BINGET, n as u8]),
            _ => self.put_number(LONG_BINGET, n as u64, 4),
        }
    }

    // --------------------------------------------------------------------------------------------------------- values

    /// Writes an object.
    pub fn save(&mut self, th: &mut Thread, v: Value) -> R<()> {
        self.boundary(th)?;
        if !self.persistent.is_unbound() && pickle_reduce::persistent(self, th, v)? {
            return Ok(());
        }
        self.save_plainly(th, v)
    }

    /// Writes an object that has no persistent id.
    pub fn save_plainly(&mut self, th: &mut Thread, v: Value) -> R<()> {
        self.boundary(th)?;
        if v.is_int() {
            return self.save_int(th, v);
        }
        if !v.is_ptr() {
            return match v {
                Value::NONE => self.put(&[NONE]),
                Value::TRUE if self.proto >= 2 => self.put(&[NEWTRUE]),
                Value::FALSE if self.proto >= 2 => self.put(&[NEWFALSE]),
                Value::TRUE => self.put(b"I01\n"),
                Value::FALSE => self.put(b"I00\n"),
                v if v.is_float() => self.save_float(th, v, v.as_float()),
                _ => pickle_reduce::object(self, th, v),
            };
        }
        match v.kind() {
            Kind::Big => return self.save_int(th, v),
            Kind::Float => {
                return self.save_float(th, v, f64::from_bits(v.get::<Float>().bits.get() as u64));
            }
            _ => {}
        }
        if let Some(n) = self.memo.get(v) {
            return self.recall(n);
        }
        let shape = v.header().shape();
        match v.kind() {
            Kind::Str | Kind::Rope => self.save_text(th, v),
            Kind::Bytes => self.save_bytes(th, v),
            _ if th.native_full() => {
                Err(th.recursion_error("maximum recursion depth exceeded while pickling an object"))
            }
            Kind::List if shape == C::list.shape() => self.save_list(th, v),
            Kind::Tuple if shape == C::tuple.shape() => self.save_tuple(th, v),
            Kind::Dict if shape == C::dict.shape() => self.save_dict(th, v),
            Kind::Set if shape == C::set.shape() || shape == C::frozenset.shape() => self.save_set(th, v),
            Kind::ByteArray if shape == C::bytearray.shape() => self.save_bytearray(th, v),
            _ => pickle_reduce::object(self, th, v),
        }
    }

    fn save_int(&mut self, th: &mut Thread, v: Value) -> R<()> {
        if v.is_int() {
            let i = v.as_int();
            if let Ok(i) = i32::try_from(i) {
                return match i {
                    _ if !self.binary() => self.put(format!("I{i}\n").as_bytes()),
                    0..256 => self.put(&[BININT1, i as u8]),
                    256..0x1_0000 => self.put_number(BININT2, i as u64, 2),
                    _ => self.put_number(BININT, i as u32 as u64, 4),
                };
            }
        }
        if self.proto < 2 {
            let digits = th.repr_text(v)?;
            return self.put(format!("L{digits}L\n").as_bytes());
        }
        let bits = bigint::bit_length(v);
        // Two's complement; the lowest number of so many bits needs none for the sign.
        let lowest = bigint::is_negative(v) && bigint::trailing_zeros(v) + 1 == bits;
        let n = if lowest { bits.div_ceil(8) } else { bits / 8 + 1 };
        let Ok(bytes) = bigint::to_bytes(v, n, false, true) else { return Err(Raised) };
        if n < 256 {
            self.put_number(LONG1, n as u64, 1)?;
        } else if n > i32::MAX as usize {
            return Err(th.overflow_error("int too large to pickle"));
        } else {
            self.put_number(LONG4, n as u64, 4)?;
        }
        self.put(&bytes)
    }

    fn save_float(&mut self, th: &mut Thread, v: Value, x: f64) -> R<()> {
        if self.binary() {
            let mut b = [BINFLOAT; 9];
            b[1..].copy_from_slice(&x.to_be_bytes());
            return self.put(&b);
        }
        let shown = th.repr_text(v)?;
        self.put(format!("F{shown}\n").as_bytes())
    }

    /// The head of data of `n` bytes: the short, the middle or the long instruction.
    fn head(&self, th: &mut Thread, n: usize, ops: [Option<u8>; 3], what: &str) -> R<([u8; 9], usize)> {
        let mut b = [0; 9];
        b[1..].copy_from_slice(&(n as u64).to_le_bytes());
        let (op, len) = match ops {
            [Some(short), ..] if n < 256 => (short, 2),
            [_, Some(middle), _] if n <= u32::MAX as usize => (middle, 5),
            [.., Some(long)] if self.proto >= 4 => (long, 9),
            _ => {
                let text =
                    format!("serializing a {what} larger than 4 GiB requires pickle protocol 4 or higher");
                return Err(th.overflow_error(text));
            }
        };
        b[0] = op;
        Ok((b, len))
    }

    fn save_text(&mut self, th: &mut Thread, v: Value) -> R<()> {
        let bytes = text::bytes_of(&mut th.heap, v)?;
        if self.proto >= 4
            && !self.fast
            && self.frame.is_some()
            && bytes.len() < 256
            && self.out.capacity() - self.out.len() >= bytes.len() + 3
        {
            self.out.extend_from_slice(&[SHORT_BINUNICODE, bytes.len() as u8]);
            self.out.extend_from_slice(bytes);
            self.memo.put(th, v, self.memo.count)?;
            self.out.push(MEMOIZE);
            return Ok(());
        }
        if self.binary() {
            let short = (self.proto >= 4).then_some(SHORT_BINUNICODE);
            let (head, n) =
                self.head(th, bytes.len(), [short, Some(BINUNICODE), Some(BINUNICODE8)], "string")?;
            self.put_data(th, &head[..n], bytes, v)?;
        } else {
            self.put(&[UNICODE])?;
            let mut at = 0;
            while at < bytes.len() {
                let (c, n) = text::index::decode(bytes, at);
                at += n;
                match c {
                    0x10000.. => self.put(format!("\\U{c:08x}").as_bytes())?,
                    0x100.. | 0 | 10 | 13 | 0x1a | 0x5c => self.put(format!("\\u{c:04x}").as_bytes())?,
                    _ => self.put(&[c as u8])?,
                }
            }
            self.put(b"\n")?;
        }
        self.remember(th, v)
    }

    fn save_bytes(&mut self, th: &mut Thread, v: Value) -> R<()> {
        let bytes = v.get::<Bytes>().bytes();
        if self.proto >= 3 {
            return self.bytes_data(th, bytes, v);
        }
        if bytes.is_empty() {
            let made = th.tuple(&[C::bytes.v(), S::empty_tuple.v()])?;
            return pickle_reduce::reduced(self, th, made, v, true);
        }
        let mut wide = Vec::new();
        wide.try_reserve(bytes.len() * 2).map_err(|_| crate::heap::Full)?;
        for b in bytes {
            let mut c = [0; 4];
            let n = text::index::encode(*b as u32, &mut c);
            wide.extend_from_slice(&c[..n]);
        }
        let latin = text::of_bytes(&mut th.heap, &wide)?;
        let codec = th.intern("latin1")?;
        let encode = crate::types::imported(th, "_codecs", "encode")?;
        let args = th.tuple(&[latin, codec])?;
        let made = th.tuple(&[encode, args])?;
        pickle_reduce::reduced(self, th, made, v, true)
    }

    /// Bytes as such, for the object `v`.
    pub fn bytes_data(&mut self, th: &mut Thread, bytes: &[u8], v: Value) -> R<()> {
        let (head, n) = self.head(
            th,
            bytes.len(),
            [Some(SHORT_BINBYTES), Some(BINBYTES), Some(BINBYTES8)],
            "bytes object",
        )?;
        self.put_data(th, &head[..n], bytes, v)?;
        self.remember(th, v)
    }

    fn save_bytearray(&mut self, th: &mut Thread, v: Value) -> R<()> {
        let bytes = super::util::buffer(th, v)?;
        if self.proto >= 5 {
            return self.bytearray_data(th, &bytes, v);
        }
        let args = if bytes.is_empty() {
            S::empty_tuple.v()
        } else {
            let b = th.bytes(&bytes)?;
            th.tuple(&[b])?
        };
        let made = th.tuple(&[C::bytearray.v(), args])?;
        pickle_reduce::reduced(self, th, made, v, true)
    }

    /// Bytes of a bytearray, for the object `v`.
    pub fn bytearray_data(&mut self, th: &mut Thread, bytes: &[u8], v: Value) -> R<()> {
        let (head, n) = self.head(th, bytes.len(), [None, None, Some(BYTEARRAY8)], "bytearray")?;
        self.put_data(th, &head[..n], bytes, v)?;
        self.remember(th, v)
    }

    // ----------------------------------------------------------------------------------------------------- containers

    fn save_tuple(&mut self, th: &mut Thread, v: Value) -> R<()> {
        let t = v.get::<Tuple>();
        let n = t.len();
        if n == 0 {
            return self.put(if self.binary() { &[EMPTY_TUPLE] } else { &[MARK, TUPLE] });
        }
        let short = n <= 3 && self.proto >= 2;
        if !short {
            self.put(&[MARK])?;
        }
        for i in 0..n {
            let r = self.save(th, t.at(i));
            self.noted(th, r, |th| Ok(format!("{} item {i}", type_text(th, v)?)))?;
        }
        if let Some(k) = self.memo.get(v) {
            // It stands in itself, and was written on the way: what was put on the stack goes again.
            if short {
                self.put(&[POP; 3][..n])?;
            } else if self.binary() {
                self.put(&[POP_MARK])?;
            } else {
                for _ in 0..=n {
                    self.put(&[POP])?;
                }
            }
            return self.recall(k);
        }
        self.put(&[if short { TUPLE1 + n as u8 - 1 } else { TUPLE }])?;
        self.remember(th, v)
    }

    fn save_list(&mut self, th: &mut Thread, v: Value) -> R<()> {
        self.put(if self.binary() { &[EMPTY_LIST] } else { &[MARK, LIST] })?;
        self.remember(th, v)?;
        let l = v.get::<List>();
        let single = !self.binary() || l.len() == 1;
        let mut i = 0;
        let mut open = false;
        while let Some(x) = list::get(&mut th.heap, l, i) {
            if !single && !open {
                self.put(&[MARK])?;
                open = true;
            }
            let r = self.save(th, x);
            self.noted(th, r, |th| Ok(format!("{} item {i}", type_text(th, v)?)))?;
            i += 1;
            if single {
                self.put(&[APPEND])?;
            } else if i.is_multiple_of(BATCH) {
                self.put(&[APPENDS])?;
                open = false;
                poll::native_poll(th)?;
            }
        }
        if open { self.put(&[APPENDS]) } else { Ok(()) }
    }

    fn save_dict(&mut self, th: &mut Thread, v: Value) -> R<()> {
        self.put(if self.binary() { &[EMPTY_DICT] } else { &[MARK, DICT] })?;
        self.remember(th, v)?;
        let d = v.get::<Dict>();
        let size = d.len();
        if size == 0 {
            return Ok(());
        }
        let single = !self.binary() || size == 1;
        let table = d.table.get();
        let (mut at, mut n) = (0, 0);
        if !single {
            self.put(&[MARK])?;
        }
        while let Some((found, key, x)) = dict::next_entry(table.get::<DictTable>(), at) {
            at = found + 1;
            if !single && n == BATCH {
                self.put(&[SETITEMS, MARK])?;
                n = 0;
                poll::native_poll(th)?;
            }
            self.save(th, key)?;
            let r = self.save(th, x);
            self.noted(th, r, |th| Ok(format!("{} item {}", type_text(th, v)?, th.repr_text(key)?)))?;
            n += 1;
            if single {
                self.put(&[SETITEM])?;
            }
            if d.len() != size {
                return Err(th.runtime_error("dictionary changed size during iteration"));
            }
        }
        if !single {
            self.put(&[SETITEMS])?;
            if n == BATCH {
                // The writer that others compare with looks for more in a batch of its own.
                self.put(&[MARK, SETITEMS])?;
            }
        }
        Ok(())
    }

    fn save_set(&mut self, th: &mut Thread, v: Value) -> R<()> {
        let frozen = v.header().has(flag::FROZEN);
        if self.proto < 4 {
            let items = th.to_list(v)?;
            let args = th.tuple(&[items])?;
            let made = th.tuple(&[if frozen { C::frozenset.v() } else { C::set.v() }, args])?;
            return pickle_reduce::reduced(self, th, made, v, true);
        }
        let s = v.get::<Set>();
        let size = s.len();
        if frozen {
            self.put(&[MARK])?;
        } else {
            self.put(&[EMPTY_SET])?;
            self.remember(th, v)?;
            if size == 0 {
                return Ok(());
            }
            self.put(&[MARK])?;
        }
        let table = s.table.get();
        let (mut at, mut n) = (0, 0);
        while let Some((found, key, _)) = set::next_entry(table.get::<SetTable>(), at) {
            at = found + 1;
            if n == BATCH && !frozen {
                self.put(&[ADDITEMS, MARK])?;
                n = 0;
                poll::native_poll(th)?;
            }
            let r = self.save(th, key);
            self.noted(th, r, |th| Ok(format!("{} element", type_text(th, v)?)))?;
            n += 1;
            if s.len() != size {
                return Err(th.runtime_error("set changed size during iteration"));
            }
        }
        if !frozen {
            self.put(&[ADDITEMS])?;
            return if n == BATCH { self.put(&[MARK, ADDITEMS]) } else { Ok(()) };
        }
        if let Some(k) = self.memo.get(v) {
            self.put(&[POP_MARK])?;
            return self.recall(k);
        }
        self.put(&[FROZENSET])?;
        self.remember(th, v)
    }

    /// Adds a note that says where a fault was met.
    #[inline]
    pub fn noted(&self, th: &mut Thread, r: R<()>, what: impl FnOnce(&mut Thread) -> R<String>) -> R<()> {
        if r.is_ok() { r } else { note(th, what) }
    }
}

/// Notes where the exception under way was met.
#[cold]
#[inline(never)]
fn note(th: &mut Thread, what: impl FnOnce(&mut Thread) -> R<String>) -> R<()> {
    if th.raised.is_unbound() {
        return Err(Raised);
    }
    let exc = th.take_raised();
    let added = what(th).and_then(|text| {
        let text = th.str(&format!("when serializing {text}"))?;
        th.call_method(exc, crate::heap::known::N::add_note, &[text])
    });
    if added.is_err() {
        th.take_raised();
    }
    th.raised = exc;
    Err(Raised)
}

/// The full name of an object's class, as notes and errors show it.
pub fn type_text(th: &mut Thread, v: Value) -> R<String> {
    let name = crate::types::full_name(th, class::class_of(v))?;
    Ok(name.strip_prefix("__main__.").map_or(name.clone(), str::to_string))
}
