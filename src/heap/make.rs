//! Constructors of plain objects. Each returns `Full` when there is no room; the caller's `?` turns that into
//! MemoryError. Invariant: a cell is complete before its value leaves the constructor.

use super::cell::{ALL, COUNTED, Kind, Raw, Slot, flag};
use super::known::{C, S};
use super::object::*;
use super::space::Mutator;
use super::value::{INT_MAX, INT_MIN, Value};
use super::{Full, Make};

/// Largest number of elements a constructor accepts.
const MAX_LEN: usize = 1 << 40;

impl Mutator {
    /// A cell for struct `T` plus `extra` bytes; all words behind the header are zero.
    #[inline(always)]
    #[allow(clippy::new_ret_no_self)] // Makes cells of the heap, not a mutator.
    pub fn new<T: Layout>(&mut self, shape: u32, values: u8, extra: usize) -> Make<(Value, &'static T)> {
        let p = self.cell(T::KIND, shape, values, size_of::<T>() + extra)?;
        let v = Value::ptr(p);
        Ok((v, v.get::<T>()))
    }

    /// An int of any size that fits 64 bits.
    #[inline(always)]
    pub fn int(&mut self, i: i64) -> Make {
        match Value::try_int(i) {
            Some(v) => Ok(v),
            None => self.big(i < 0, &[i.unsigned_abs()]),
        }
    }

    /// An unsigned int.
    #[inline(always)]
    pub fn uint(&mut self, i: u64) -> Make {
        if i <= INT_MAX as u64 { Ok(Value::int(i as i64)) } else { self.big(false, &[i]) }
    }

    /// An int from sign and magnitude (least limb first); immediate where it fits.
    pub fn big(&mut self, negative: bool, limbs: &[u64]) -> Make {
        let n = limbs.len() - limbs.iter().rev().take_while(|l| **l == 0).count();
        if n == 0 {
            return Ok(Value::int(0));
        }
        if n == 1 {
            let m = limbs[0];
            if !negative && m <= INT_MAX as u64 {
                return Ok(Value::int(m as i64));
            }
            if negative && m <= INT_MIN.unsigned_abs() {
                return Ok(Value::int((m as i64).wrapping_neg()));
            }
        }
        if n > MAX_LEN / 8 {
            return Err(Full);
        }
        let (v, b) = self.new::<Big>(C::int.shape(), 0, n * 8)?;
        b.size.set(n << 1 | negative as usize);
        for (i, l) in limbs[..n].iter().enumerate() {
            // SAFETY: the cell was made with n limbs.
            unsafe { b.limb(i) }.set(*l as usize);
        }
        Ok(v)
    }

    /// A float.
    #[inline(always)]
    pub fn float(&mut self, x: f64) -> Make {
        match Value::try_float(x) {
            Some(v) => Ok(v),
            None => self.boxed_float(x),
        }
    }

    #[cold]
    #[inline(never)]
    fn boxed_float(&mut self, x: f64) -> Make {
        let (v, f) = self.new::<Float>(C::float.shape(), 0, 0)?;
        f.bits.set(x.to_bits() as usize);
        Ok(v)
    }

    /// A complex number.
    pub fn complex(&mut self, re: f64, im: f64) -> Make {
        let (v, c) = self.new::<Complex>(C::complex.shape(), 0, 0)?;
        c.re.set(re.to_bits() as usize);
        c.im.set(im.to_bits() as usize);
        Ok(v)
    }

    /// A backing array of `cap` values, all unbound.
    pub fn array(&mut self, cap: usize) -> Make {
        if cap > MAX_LEN {
            return Err(Full);
        }
        let (v, a) = self.new::<Array>(C::internal.shape(), COUNTED, cap * 8)?;
        for i in 0..cap {
            // SAFETY: i is below the capacity.
            unsafe { a.item(i) }.set(Value::UNBOUND);
        }
        a.count.set(cap);
        Ok(v)
    }

    /// A backing array of `cap` values, for the caller to fill whole before it allocates again or publishes it.
    #[inline]
    pub fn array_to_fill(&mut self, cap: usize) -> Make {
        if cap > MAX_LEN {
            return Err(Full);
        }
        let (v, a) = self.new::<Array>(C::internal.shape(), COUNTED, cap * 8)?;
        a.count.set(cap);
        Ok(v)
    }

    /// A list with room for `cap` items. The items are pushed by `types::list`.
    pub fn list_with(&mut self, cap: usize) -> Make {
        let items = if cap == 0 { S::empty_array.v() } else { self.array(cap)? };
        let (v, l) = self.new::<List>(C::list.shape(), 1, 0)?;
        l.items.set(items);
        Ok(v)
    }

    /// A list of the items.
    pub fn list(&mut self, items: &[Value]) -> Make {
        let v = self.list_with(items.len())?;
        let l = v.get::<List>();
        let a = l.items.get().get::<Array>();
        for (i, x) in items.iter().enumerate() {
            // SAFETY: the array was made with items.len() slots.
            unsafe { a.item(i) }.set(*x);
        }
        l.len.set(items.len());
        Ok(v)
    }

    /// A tuple of `n` items, all unbound: fill it with `Tuple::item` before it is seen.
    pub fn tuple_with(&mut self, n: usize) -> Make {
        if n > MAX_LEN {
            return Err(Full);
        }
        let (v, t) = self.bare_tuple(n)?;
        for i in 0..n {
            // SAFETY: i is below the length.
            unsafe { t.item(i) }.set(Value::UNBOUND);
        }
        Ok(v)
    }

    /// A tuple of the items.
    pub fn tuple(&mut self, items: &[Value]) -> Make {
        if items.is_empty() {
            return Ok(S::empty_tuple.v());
        }
        let (v, t) = self.bare_tuple(items.len())?;
        for (i, x) in items.iter().enumerate() {
            // SAFETY: i is below the length.
            unsafe { t.item(i) }.set(*x);
        }
        Ok(v)
    }

    /// A tuple whose `n` items are still to be set, its hash unknown.
    #[inline(always)]
    fn bare_tuple(&mut self, n: usize) -> Make<(Value, &'static Tuple)> {
        let (v, t) = self.new::<Tuple>(C::tuple.shape(), COUNTED, (n + Tuple::keeps_hash(n) as usize) * 8)?;
        t.len.set(n);
        if let Some(h) = t.kept_hash() {
            h.set(0);
        }
        Ok((v, t))
    }

    /// A string of UTF-8 text.
    pub fn str(&mut self, text: &str) -> Make {
        self.wtf8(text.as_bytes())
    }

    /// A string of UTF-8 bytes that may hold lone surrogates (three bytes each); the caller vouches for validity.
    pub fn wtf8(&mut self, bytes: &[u8]) -> Make {
        let (v, s) = self.str_with(bytes.len())?;
        // SAFETY: the cell has room for these bytes and no one else has seen it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), s.bytes_ptr(), bytes.len()) };
        seal(s);
        Ok(v)
    }

    /// A string of ASCII bytes; the caller vouches for that.
    #[inline]
    pub fn ascii(&mut self, bytes: &[u8]) -> Make {
        debug_assert!(bytes.is_ascii());
        let (v, s) = self.str_with(bytes.len())?;
        // SAFETY: the cell has room for these bytes and no one else has seen it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), s.bytes_ptr(), bytes.len()) };
        s.h.set(flag::ASCII);
        Ok(v)
    }

    /// A string in the making: fill `bytes_ptr()` with `n` bytes, then [`seal`] it.
    pub fn str_with(&mut self, n: usize) -> Make<(Value, &'static Str)> {
        if n > MAX_LEN {
            return Err(Full);
        }
        let (v, s) = self.new::<Str>(C::str.shape(), 1, n)?;
        s.crumbs.set(Value::UNBOUND);
        s.nbytes.set(n);
        s.nchars.set(n);
        Ok((v, s))
    }

    /// A bytes object in the making (zeroed).
    pub fn bytes_with(&mut self, n: usize) -> Make<(Value, &'static Bytes)> {
        if n > MAX_LEN {
            return Err(Full);
        }
        let (v, b) = self.new::<Bytes>(C::bytes.shape(), 0, n)?;
        b.len.set(n);
        Ok((v, b))
    }

    /// A bytes object.
    pub fn bytes(&mut self, bytes: &[u8]) -> Make {
        let (v, b) = self.bytes_with(bytes.len())?;
        // SAFETY: the cell has room for these bytes and no one else has seen it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), b.bytes_ptr(), bytes.len()) };
        Ok(v)
    }

    /// An empty dict.
    pub fn new_dict(&mut self) -> Make {
        super::dict::new(self)
    }

    /// An empty set.
    pub fn new_set(&mut self) -> Make {
        super::set::new(self, false)
    }

    /// A cell for a captured variable or class attribute.
    pub fn new_cell(&mut self, content: Value) -> Make {
        let (v, c) = self.new::<Cell>(C::cell.shape(), ALL, 0)?;
        c.value.set(content);
        Ok(v)
    }

    /// A slice.
    pub fn slice(&mut self, start: Value, stop: Value, step: Value) -> Make {
        let (v, s) = self.new::<Slice>(C::slice.shape(), ALL, 0)?;
        s.start.set(start);
        s.stop.set(stop);
        s.step.set(step);
        Ok(v)
    }

    /// A bound method.
    pub fn method(&mut self, func: Value, this: Value) -> Make {
        // Bound builtins have classes of their own.
        let class = match func.is_kind(Kind::Native) {
            true if func.header().shape() == C::wrapper.shape() => C::method_wrapper,
            true => C::builtin,
            false => C::method,
        };
        let (v, m) = self.new::<Method>(class.shape(), ALL, 0)?;
        m.func.set(func);
        m.this.set(this);
        Ok(v)
    }

    /// A builtin iterator of class `class` over `over`; other fields as given.
    pub fn iter(&mut self, class: C, over: Value, at: usize, end: usize, step: usize) -> Make {
        let (v, i) = self.new::<Iter>(class.shape(), 3, 0)?;
        i.over.set(over);
        i.x.set(Value::UNBOUND);
        i.y.set(Value::UNBOUND);
        i.at.set(at);
        i.end.set(end);
        i.step.set(step);
        Ok(v)
    }

    /// A record that owns a Rust payload, dropped when the record dies. `shape` is of the record's class;
    /// `external` is the payload's size in bytes, charged to the heap's budget.
    pub fn boxed(
        &mut self,
        shape: u32,
        payload: Box<dyn std::any::Any + Send + Sync>,
        external: usize,
    ) -> Make {
        let (v, b) = self.new::<Boxed>(shape, 4, 0)?;
        for s in [&b.x, &b.y, &b.z, &b.w] {
            s.set(Value::UNBOUND);
        }
        b.payload.set(Box::into_raw(Box::new(payload)) as usize);
        self.owns_payload(v, external);
        Ok(v)
    }
}

impl Boxed {
    /// The payload as `T`, if that is what it is.
    pub fn payload<T: 'static>(&self) -> Option<&'static T> {
        let p = self.payload.get() as *const Box<dyn std::any::Any + Send + Sync>;
        // SAFETY: the box was leaked by `boxed` and is dropped only when the record is unreachable, while the
        // caller holds the record in a local (LAW 2).
        if p.is_null() { None } else { unsafe { (*p).downcast_ref::<T>() } }
    }
}

/// Completes a string whose bytes have been filled in: counts code points and sets the ASCII flag.
pub fn seal(s: &Str) {
    let b = s.bytes();
    if b.is_ascii() {
        s.h.set(flag::ASCII);
    } else {
        s.nchars.set(b.iter().filter(|b| **b & 0xc0 != 0x80).count());
    }
}

impl Array {
    /// The slot, if the array is that long.
    #[inline(always)]
    pub fn slot(&self, i: usize) -> Option<&'static Slot> {
        // SAFETY: checked against this same array's capacity.
        if i < self.count.get() { Some(unsafe { self.item(i) }) } else { None }
    }
}

const _: () = assert!(size_of::<Slot>() == 8 && size_of::<Raw>() == 8);
const _: () = assert!(Kind::Boxed as u8 as usize + 1 < 64);
