//! `memoryview` over bytes, bytearrays and mapped memory, one dimension. A view is an Iter cell: `over` the buffer's owner (unbound once
//! released), `x` the format, `at` the first byte, `end` the number of items, `step` the bytes from item to item.
//! Invariant: every access is checked against the owner as it is now, so a bytearray may shrink under a view. A view
//! keeps its bytearray from being resized only inside `with`, since nothing else says when it is no longer used.

use super::mapping::Mapping;
use super::seq;
use crate::heap::cell::flag;
use crate::heap::known::C;
use crate::heap::object::{ByteArray, Bytes, Iter, List, Tuple};
use crate::heap::text;
use crate::heap::{Kind, Value};
use crate::run::slots::GetSet;
use crate::run::{Args, ClassDef, Cmp, Def, PLAIN, R, Thread, TypeSlots, def, get};
use std::borrow::Cow;
use std::sync::atomic::Ordering;

/// `memoryview`.
pub static DEF: ClassDef = ClassDef {
    name: "memoryview",
    doc: "Create a new memoryview object which references the given object.",
    slots,
    methods: METHODS,
    getset: GETSET,
    kind: Kind::Iter,
    ..PLAIN
};

/// The iterator over a view.
pub static ITERATOR: ClassDef = ClassDef {
    name: "memory_iterator",
    slots: |s| {
        s.iter = Some(|_, o| Ok(o));
        s.next = Some(|th, o| {
            let i = o.get::<Iter>();
            let view = i.over.get();
            if view.is_unbound() {
                return Ok(None);
            }
            let at = super::iters::claim(th, i);
            if at < open(th, view)?.end.get() {
                return item(th, view, at).map(Some);
            }
            i.over.set(Value::UNBOUND);
            Ok(None)
        });
    },
    kind: Kind::Iter,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def(
        "tobytes",
        "($self, /, order='C')",
        |th, a| {
            open(th, a[0])?;
            let bytes = contents(a[0]).unwrap_or_default();
            super::bytes::make(th, &bytes)
        },
        "Return the data in the buffer as a byte string.",
    ),
    def("tolist", "($self, /)", tolist, "Return the data in the buffer as a list of elements."),
    def(
        "release",
        "($self, /)",
        |th, a| release(th, a[0]),
        "Release the underlying buffer exposed by the memoryview object.",
    ),
    def(
        "cast",
        "($self, /, format, shape=<unrepresentable>)",
        cast,
        "Cast a memoryview to a new format or shape.",
    ),
    def(
        "hex",
        "($self, /, sep=<unrepresentable>, bytes_per_sep=1)",
        |th, a| {
            open(th, a[0])?;
            let bytes = contents(a[0]).unwrap_or_default();
            super::bytes_more::hex_of(th, &bytes, a[1], a[2])
        },
        "Return the data in the buffer as a str of hexadecimal numbers.",
    ),
    def(
        "toreadonly",
        "($self, /)",
        |th, a| {
            let i = open(th, a[0])?;
            view(th, i.over.get(), i.x.get(), i.at.get(), i.end.get(), i.step.get() as isize, true)
        },
        "Return a readonly version of the memoryview.",
    ),
    def(
        "count",
        "($self, value, /)",
        |th, a| {
            let mut n = 0;
            for k in 0..open(th, a[0])?.end.get() {
                let x = item(th, a[0], k)?;
                n += th.eq(x, a[1])? as i64;
            }
            Ok(Value::int(n))
        },
        "Count the number of occurrences of a value.",
    ),
    def(
        "index",
        "($self, value, start=0, stop=sys.maxsize, /)",
        |th, a| {
            let n = open(th, a[0])?.end.get();
            let (from, to) = seq::window(th, a[2], a[3], n)?;
            for k in from..to {
                let x = item(th, a[0], k)?;
                if th.eq(x, a[1])? {
                    return Ok(Value::int(k as i64));
                }
            }
            Err(th.value_error("memoryview.index(x): x not found"))
        },
        "Return the index of the first occurrence of a value.",
    ),
    def(
        "__enter__",
        "($self, /)",
        |th, a| {
            let i = open(th, a[0])?;
            if i.y.swap(Value::TRUE) != Value::TRUE {
                match i.over.get().cast::<ByteArray>() {
                    Some(b) => drop(b.exports.atomic().fetch_add(1, Ordering::AcqRel)),
                    None => {
                        Mapping::of(i.over.get()).map(|m| m.exports.fetch_add(1, Ordering::AcqRel));
                    }
                }
            }
            Ok(a[0])
        },
        "",
    ),
    def("__exit__", "($self, /, *args)", |th, a| release(th, a[0]), ""),
];

static GETSET: &[GetSet] = &[
    get(
        "nbytes",
        |th, o| {
            let i = open(th, o)?;
            Ok(Value::int((i.end.get() * size_of_format(i)) as i64))
        },
        "The amount of space in bytes that the array would use in a contiguous representation.",
    ),
    get(
        "itemsize",
        |th, o| {
            let i = open(th, o)?;
            Ok(Value::int(size_of_format(i) as i64))
        },
        "The size in bytes of each element of the memoryview.",
    ),
    get(
        "format",
        |th, o| Ok(open(th, o)?.x.get()),
        "A string containing the format (in struct module style) of each element.",
    ),
    get("ndim", |th, o| open(th, o).map(|_| Value::int(1)), "The number of dimensions."),
    get(
        "shape",
        |th, o| {
            let n = open(th, o)?.end.get();
            Ok(th.tuple(&[Value::int(n as i64)])?)
        },
        "The shape of the array.",
    ),
    get(
        "strides",
        |th, o| {
            let n = open(th, o)?.step.get();
            Ok(th.tuple(&[Value::int(n as isize as i64)])?)
        },
        "The strides of the array.",
    ),
    get(
        "suboffsets",
        |th, o| open(th, o).map(|_| crate::heap::known::S::empty_tuple.v()),
        "Used internally for PIL-style arrays.",
    ),
    get(
        "readonly",
        |th, o| open(th, o).map(|_| Value::bool(readonly(o))),
        "Whether the memory is read only.",
    ),
    get("obj", |th, o| Ok(open(th, o)?.over.get()), "The underlying object of the memoryview."),
    get("contiguous", contiguous, "Whether the memory is contiguous."),
    get("c_contiguous", contiguous, "Whether the memory is C-contiguous."),
    get("f_contiguous", contiguous, "Whether the memory is Fortran contiguous."),
];

fn contiguous(th: &mut Thread, o: Value) -> R {
    let i = open(th, o)?;
    Ok(Value::bool(i.step.get() == size_of_format(i) || i.end.get() <= 1))
}

fn slots(s: &mut TypeSlots) {
    s.repr = Some(|th, o| {
        let released = o.get::<Iter>().over.get().is_unbound();
        let text = match released {
            true => format!("<released memory at {}>", super::address(o)),
            false => format!("<memory at {}>", super::address(o)),
        };
        Ok(th.str(&text)?)
    });
    s.len = Some(|th, o| open(th, o).map(|i| i.end.get()));
    s.bool = Some(|th, o| open(th, o).map(|i| i.end.get() != 0));
    s.iter = Some(|th, o| {
        open(th, o)?;
        Ok(th.heap.iter(C::memory_iterator, o, 0, 0, 0)?)
    });
    s.getitem = Some(getitem);
    s.setitem = Some(setitem);
    s.compare = Some(compare);
    s.hash = Some(|th, o| {
        open(th, o)?;
        if !readonly(o) {
            return Err(th.value_error("cannot hash writable memoryview object"));
        }
        Ok(text::hash_text(&contents(o).unwrap_or_default()))
    });
    s.new = Some(new);
}

/// The view, unless it was released.
fn open(th: &mut Thread, o: Value) -> R<&'static Iter> {
    let i = o.get::<Iter>();
    if i.over.get().is_unbound() {
        return Err(th.value_error("operation forbidden on released memoryview object"));
    }
    Ok(i)
}

fn is_view(v: Value) -> bool {
    v.is_kind(Kind::Iter) && crate::run::class::class_of(v) == C::memoryview.v()
}

fn readonly(o: Value) -> bool {
    if o.header().has(flag::FROZEN) {
        return true;
    }
    let over = o.get::<Iter>().over.get();
    !over.is_kind(Kind::ByteArray) && Mapping::of(over).is_none_or(Mapping::readonly)
}

fn owner_bytes(i: &Iter) -> &'static [u8] {
    let over = i.over.get();
    if let Some(b) = over.cast::<ByteArray>() {
        return seq::array_bytes(b);
    }
    match over.cast::<Bytes>() {
        Some(b) => b.bytes(),
        None => Mapping::of(over).map_or(&[], Mapping::bytes),
    }
}

/// The bytes that a view shows, item by item; nothing for other objects and released views.
pub fn contents(v: Value) -> Option<Cow<'static, [u8]>> {
    if !is_view(v) || v.get::<Iter>().over.get().is_unbound() {
        return None;
    }
    let i = v.get::<Iter>();
    let (all, at, n, size) = (owner_bytes(i), i.at.get(), i.end.get(), size_of_format(i));
    if i.step.get() == size {
        let to = (at + n * size).min(all.len());
        return Some(Cow::Borrowed(&all[at.min(to)..to]));
    }
    let mut out = Vec::with_capacity(n * size);
    for k in 0..n {
        let from = place(i, k);
        out.extend_from_slice(all.get(from..from + size).unwrap_or(&[]));
    }
    Some(Cow::Owned(out))
}

fn place(i: &Iter, k: usize) -> usize {
    i.at.get().wrapping_add_signed(i.step.get() as isize * k as isize)
}

fn format_of(i: &Iter) -> u8 {
    text::peek_bytes(i.x.get()).and_then(|b| b.last().copied()).unwrap_or(b'B')
}

/// Bytes of an item of that format.
pub fn size_of_code(code: u8) -> Option<usize> {
    Some(match code {
        b'b' | b'B' | b'c' | b'?' => 1,
        b'h' | b'H' | b'e' => 2,
        b'i' | b'I' | b'f' | b'w' | b'u' => 4,
        b'l' | b'L' | b'q' | b'Q' | b'n' | b'N' | b'd' | b'P' => 8,
        _ => return None,
    })
}

fn size_of_format(i: &Iter) -> usize {
    size_of_code(format_of(i)).unwrap_or(1)
}

fn view(th: &mut Thread, over: Value, format: Value, at: usize, n: usize, step: isize, frozen: bool) -> R {
    let v = th.heap.iter(C::memoryview, over, at, n, step as usize)?;
    v.get::<Iter>().x.set(format);
    if frozen {
        v.header().set(flag::FROZEN);
    }
    Ok(v)
}

fn new(th: &mut Thread, _: Value, args: Value, kwargs: Value) -> R {
    let [object] = super::bind::<1>(th, "memoryview", ["object"], 1, args, kwargs)?;
    let b = object.base();
    if is_view(b) {
        let i = open(th, b)?;
        return view(
            th,
            i.over.get(),
            i.x.get(),
            i.at.get(),
            i.end.get(),
            i.step.get() as isize,
            readonly(b),
        );
    }
    let mapping = Mapping::of(b);
    if mapping.is_some_and(Mapping::closed) {
        return Err(th.value_error("mmap closed or invalid"));
    }
    if !matches!(b.kind(), Kind::Bytes | Kind::ByteArray) && mapping.is_none() {
        if let Some(given) = shown(th, object)? {
            return Ok(given);
        }
        let t = th.type_name(object);
        return Err(th.type_error(format!("memoryview: a bytes-like object is required, not '{t}'")));
    }
    let code = b.cast::<ByteArray>().map_or(b'B', |a| a.code());
    let code = if code == b'u' { b'w' } else { code };
    let format = th.intern(std::str::from_utf8(&[code]).unwrap_or("B"))?;
    let size = size_of_code(code).unwrap_or(1);
    let len = mapping.map_or_else(|| super::bytes::content(b).len(), |m| m.bytes().len());
    view(th, b, format, 0, len / size, size as isize, false)
}

/// What a view asks a `__buffer__` for: `PyBUF_FULL_RO`.
const FLAGS: i64 = 0x11c;

/// The view that the `__buffer__` of an object's class gives.
pub fn shown(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let name = th.intern("__buffer__")?;
    let Some(f) = crate::run::class::lookup(th.class_of(o), name) else { return Ok(None) };
    let f = crate::run::attr::bind(th, f, o)?;
    let given = th.call(f, &[Value::int(FLAGS)])?;
    if is_view(given) {
        return Ok(Some(given));
    }
    Err(th.type_error("__buffer__ returned non-memoryview object"))
}

/// Item `k`, which is below the length.
fn item(th: &mut Thread, o: Value, k: usize) -> R {
    let i = open(th, o)?;
    let (from, size) = (place(i, k), size_of_format(i));
    let Some(b) = owner_bytes(i).get(from..from + size) else {
        return Err(th.index_error("index out of bounds on dimension 1"));
    };
    unpacked(th, format_of(i), b)
}

/// The value of an item's bytes.
pub fn unpacked(th: &mut Thread, code: u8, b: &[u8]) -> R {
    let size = b.len();
    let mut wide = [0; 8];
    wide[..size].copy_from_slice(b);
    let n = u64::from_le_bytes(wide);
    let shift = 64 - 8 * size as u32;
    Ok(match code {
        b'b' | b'h' | b'i' | b'l' | b'q' | b'n' => th.int(((n << shift) as i64) >> shift)?,
        b'c' => th.bytes(b)?,
        b'?' => Value::bool(n != 0),
        b'd' => th.float(f64::from_bits(n))?,
        b'f' => th.float(f32::from_bits(n as u32) as f64)?,
        b'e' => th.float(half(n as u16))?,
        b'w' | b'u' if n < 0x11_0000 => text::char_string(&mut th.heap, n as u32)?,
        b'w' | b'u' => {
            let text = format!("character U+{n:x} is not in range [U+0000; U+10ffff]");
            return Err(th.value_error(text));
        }
        _ => th.uint(n)?,
    })
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let i = open(th, o)?;
    let n = i.end.get();
    if k.is_kind(Kind::Slice) {
        let (start, step, n) = seq::slice(th, k, n)?;
        let i = open(th, o)?;
        let at = if n == 0 { i.at.get() } else { place(i, start) };
        return view(th, i.over.get(), i.x.get(), at, n, i.step.get() as isize * step, readonly(o));
    }
    if let Some(t) = k.cast::<Tuple>() {
        if t.len() == 1 {
            return getitem(th, o, t.at(0));
        }
        let text = format!("cannot index 1-dimension view with {}-element tuple", t.len());
        return Err(th.type_error(text));
    }
    if !seq::is_index(k) {
        return Err(th.type_error("memoryview: invalid slice key"));
    }
    let at = seq::item(th, k, n, "index out of bounds on dimension 1")?;
    item(th, o, at)
}

fn setitem(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    let i = open(th, o)?;
    if readonly(o) {
        return Err(th.type_error("cannot modify read-only memory"));
    }
    if v.is_unbound() {
        return Err(th.type_error("cannot delete memory"));
    }
    let n = i.end.get();
    if k.is_kind(Kind::Slice) {
        let (start, step, n) = seq::slice(th, k, n)?;
        let bytes = seq::need_buffer(th, v)?.into_owned();
        let i = open(th, o)?;
        let size = size_of_format(i);
        if bytes.len() != n * size {
            return Err(th.value_error("memoryview assignment: lvalue and rvalue have different structures"));
        }
        if i.step.get() as isize * step == size as isize {
            return if n == 0 { Ok(()) } else { write(th, o, start, &bytes) };
        }
        for (j, part) in bytes.chunks_exact(size).enumerate() {
            let k = start.wrapping_add_signed(step * j as isize);
            write(th, o, k, part)?;
        }
        return Ok(());
    }
    if !seq::is_index(k) {
        return Err(th.type_error("memoryview: invalid slice key"));
    }
    let at = seq::item(th, k, n, "index out of bounds on dimension 1")?;
    let (bytes, size) = packed(th, o, v)?;
    write(th, o, at, &bytes[..size])
}

/// The bytes of a value in the view's format.
fn packed(th: &mut Thread, o: Value, v: Value) -> R<([u8; 8], usize)> {
    let i = open(th, o)?;
    let (code, size) = (format_of(i), size_of_format(i));
    let kind =
        |th: &mut Thread| th.type_error(format!("memoryview: invalid type for format '{}'", code as char));
    let range =
        |th: &mut Thread| th.value_error(format!("memoryview: invalid value for format '{}'", code as char));
    let word = match code {
        b'd' | b'f' | b'e' => {
            let Some(x) = super::float::real(th, v)? else { return Err(kind(th)) };
            match code {
                b'd' => x.to_bits(),
                b'f' => (x as f32).to_bits() as u64,
                _ => match to_half(x) {
                    Some(h) => h as u64,
                    None => return Err(range(th)),
                },
            }
        }
        b'w' | b'u' => {
            match text::peek_bytes(v.base()).map(text::index::codes).map(|mut c| (c.next(), c.next())) {
                Some((Some(c), None)) => c as u64,
                _ => return Err(kind(th)),
            }
        }
        b'?' => th.truth(v)? as u64,
        b'c' => match seq::buffer(v).as_deref() {
            Some([b]) => *b as u64,
            Some(_) => return Err(range(th)),
            None => return Err(kind(th)),
        },
        _ => {
            if !seq::is_index(v) {
                return Err(kind(th));
            }
            let x = crate::run::arith::index(th, v)?;
            let signed = code.is_ascii_lowercase();
            return match crate::heap::bigint::to_bytes(x, size, false, signed) {
                Ok(b) => {
                    let mut out = [0; 8];
                    out[..size].copy_from_slice(&b);
                    Ok((out, size))
                }
                Err(_) => Err(range(th)),
            };
        }
    };
    Ok((word.to_le_bytes(), size))
}

/// The value of a half-precision float.
pub fn half(bits: u16) -> f64 {
    let (sign, exponent, fraction) = (bits >> 15, (bits >> 10 & 31) as i32, (bits & 1023) as f64);
    let x = match exponent {
        0 => fraction * (-24f64).exp2(),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * ((exponent - 25) as f64).exp2(),
    };
    if sign == 1 { -x } else { x }
}

/// The nearest half-precision float, ties to even; nothing where it is too large.
pub fn to_half(x: f64) -> Option<u16> {
    let sign = (x.is_sign_negative() as u16) << 15;
    let a = x.abs();
    if a.is_nan() {
        return Some(sign | 0x7e00);
    }
    if a.is_infinite() {
        return Some(sign | 0x7c00);
    }
    // The exponent that the fraction's last place has; below the normal numbers it stays the same.
    let e = ((a.to_bits() >> 52) as i32 - 1023).max(-14);
    if e > 15 {
        return None;
    }
    let units = (a * ((10 - e) as f64).exp2()).round_ties_even() as u32;
    // A fraction that rounds up to the next power of two carries into the exponent.
    let bits = if units < 1024 { units } else { ((e + 15) as u32) * 1024 + units - 1024 };
    if bits >= 0x7c00 { None } else { Some(sign | bits as u16) }
}

fn write(th: &mut Thread, o: Value, k: usize, bytes: &[u8]) -> R<()> {
    let i = open(th, o)?;
    let from = place(i, k);
    if let Some(m) = Mapping::of(i.over.get()) {
        let there = m.write(from, bytes);
        return if there { Ok(()) } else { Err(th.index_error("index out of bounds on dimension 1")) };
    }
    let b = i.over.get().get::<ByteArray>();
    th.heap.lock(&b.h);
    let there = from + bytes.len() <= seq::array_bytes(b).len();
    if there {
        // SAFETY: within the buffer as it is under the lock.
        unsafe {
            let to = b.data.get().get::<Bytes>().bytes_ptr().add(from);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }
    th.heap.unlock(&b.h);
    if there { Ok(()) } else { Err(th.index_error("index out of bounds on dimension 1")) }
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if !matches!(op, Cmp::Eq | Cmp::Ne) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let same = match (contents(a), seq::buffer(b)) {
        (None, _) => a == b,
        (_, None) if is_view(b) => false,
        (_, None) => return Ok(Value::NOT_IMPLEMENTED),
        (Some(x), Some(y)) => {
            let code = format_of(a.get::<Iter>());
            let other = match b.base().cast::<ByteArray>() {
                Some(a) => a.code(),
                None if is_view(b) => format_of(b.get::<Iter>()),
                None => b'B',
            };
            if code == other { x == y } else { equal_items(th, a, b)? }
        }
    };
    Ok(Value::bool(same == (op == Cmp::Eq)))
}

/// Equality of views of different formats: by items.
fn equal_items(th: &mut Thread, a: Value, b: Value) -> R<bool> {
    let (n, m) = (th.len(a)?, th.len(b)?);
    if n != m {
        return Ok(false);
    }
    for k in 0..n {
        let x = item(th, a, k)?;
        let y = th.getitem(b, Value::int(k as i64))?;
        if !th.eq(x, y)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn tolist(th: &mut Thread, a: Args) -> R {
    let n = open(th, a[0])?.end.get();
    let out = th.list_with(n)?;
    for k in 0..n {
        let v = item(th, a[0], k)?;
        crate::heap::list::push(&mut th.heap, out.get::<List>(), v)?;
    }
    Ok(out)
}

fn release(_: &mut Thread, o: Value) -> R {
    let i = o.get::<Iter>();
    let over = i.over.swap(Value::UNBOUND);
    if i.y.swap(Value::UNBOUND) == Value::TRUE && !over.is_unbound() {
        match over.cast::<ByteArray>() {
            Some(b) => drop(b.exports.atomic().fetch_sub(1, Ordering::AcqRel)),
            None => {
                Mapping::of(over).map(|m| m.exports.fetch_sub(1, Ordering::AcqRel));
            }
        }
    }
    Ok(Value::NONE)
}

fn cast(th: &mut Thread, a: Args) -> R {
    let i = open(th, a[0])?;
    if !a[2].is_unbound() {
        return Err(th.not_implemented("memoryview: casts to more than one dimension are not supported"));
    }
    if !text::is_text(a[1].base()) {
        let t = super::codec::argument_type(th, a[1]);
        return Err(th.type_error(format!("cast() argument 'format' must be str, not {t}")));
    }
    let format = th.text_of(a[1])?;
    let code = match format.strip_prefix('@').unwrap_or(&format).as_bytes() {
        [c] => *c,
        _ => 0,
    };
    let Some(size) = size_of_code(code).filter(|_| !matches!(code, b'w' | b'u')) else {
        return Err(th.value_error(
            "memoryview: destination format must be a native single character format prefixed with an optional '@'",
        ));
    };
    let old = size_of_format(i);
    if i.step.get() != old {
        return Err(th.type_error("memoryview: casts are restricted to C-contiguous views"));
    }
    if old != 1 && size != 1 {
        return Err(th.type_error("memoryview: cannot cast between two non-byte formats"));
    }
    let n = i.end.get() * old;
    if !n.is_multiple_of(size) {
        return Err(th.type_error("memoryview: length is not a multiple of itemsize"));
    }
    view(th, i.over.get(), a[1].base(), i.at.get(), n / size, size as isize, readonly(a[0]))
}
