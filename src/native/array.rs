//! The module `array`: mutable sequences of machine numbers. Invariant: an array has the layout of a bytearray and a
//! type code that never changes; its length in bytes is a multiple of the item size; every change is one move of
//! `types::bytearray` under the object's lock, made of bytes that were packed before.

use super::array_items::{ITEM_METHODS, pack, size_of};
use super::util::{put, put_text, shape_of};
use crate::heap::known::S;
use crate::heap::object::*;
use crate::heap::text::{self, StrBuilder, index};
use crate::heap::{Full, Kind, Value};
use crate::run::class::{self, class_of};
use crate::run::{
    Bin, ClassDef, Cmp, ModuleDef, PLAIN, R, Side, Thread, TypeSlots, def, get, instance, poll,
};
use crate::types::{self, bytearray, memoryview, seq, slice};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// `array`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "array",
    doc: "Efficient arrays of basic values: characters, integers, floating-point numbers.",
    functions: &[def(
        "_array_reconstructor",
        "(arraytype, typecode, mformat_code, items, /)",
        super::array_items::reconstruct,
        "Internal. Used for pickling support.",
    )],
    fill: |th, dict| {
        let c = class::define(th, None, &DEF)?;
        SHAPE.store(shape_of(c), Relaxed);
        put(th, dict, "array", c)?;
        put(th, dict, "ArrayType", c)?;
        put_text(th, dict, "typecodes", "bBuwhHiIlLqQfd")?;
        let it = class::define(th, None, &ITERATOR)?;
        WALKER.store(shape_of(it), Relaxed);
        // A mutable sequence by registration, as in CPython.
        if let Ok(register) = types::imported(th, "_collections_abc", "MutableSequence") {
            let name = th.intern("register")?;
            let f = th.getattr(register, name)?;
            th.call(f, &[c])?;
        }
        Ok(())
    },
};

static SHAPE: AtomicU32 = AtomicU32::new(0);
static WALKER: AtomicU32 = AtomicU32::new(0);

static DEF: ClassDef = ClassDef {
    name: "array.array",
    doc: "array(typecode [, initializer]) -> array\n\nAn array of items of one machine type, which the type code names, \
          with the items of the initializer.",
    slots,
    methods: &ITEM_METHODS,
    class_methods: &[def(
        "__class_getitem__",
        "($type, object, /)",
        |th, a| th.generic_alias(a[0], a[1]),
        "See PEP 585",
    )],
    getset: &[
        get("typecode", |th, o| text_of_code(th, code(o)), "the typecode character used to create the array"),
        get("itemsize", |_, o| Ok(Value::int(size(o) as i64)), "the size, in bytes, of one array item"),
    ],
    basetype: true,
    kind: Kind::ByteArray,
    ..PLAIN
};

static ITERATOR: ClassDef = ClassDef {
    name: "array.arrayiterator",
    slots: |s| {
        s.iter = Some(|_, o| Ok(o));
        s.next = Some(next);
    },
    methods: &[
        def(
            "__reduce__",
            "($self, /)",
            |th, a| {
                let i = a[0].get::<Iter>();
                let name = th.intern("iter")?;
                let builtins = S::builtins.v();
                let f = th.dict_get_name(builtins, name).unwrap_or(Value::NONE);
                let over = i.over.get();
                if over.is_unbound() {
                    let args = th.tuple(&[S::empty_tuple.v()])?;
                    return Ok(th.tuple(&[f, args])?);
                }
                let args = th.tuple(&[over])?;
                Ok(th.tuple(&[f, args, Value::int(i.at.get() as i64)])?)
            },
            "Return state information for pickling.",
        ),
        def(
            "__setstate__",
            "($self, state, /)",
            |th, a| {
                let n = slice::ssize(th, a[1])?;
                a[0].get::<Iter>().at.set(n.max(0) as usize);
                Ok(Value::NONE)
            },
            "Set state information for unpickling.",
        ),
    ],
    kind: Kind::Iter,
    ..PLAIN
};

fn slots(s: &mut TypeSlots) {
    s.new = Some(new);
    s.init = Some(|_, _, _, _| Ok(()));
    s.repr = Some(repr);
    s.hash = None;
    s.compare = Some(compare);
    s.len = Some(|_, o| Ok(len(o)));
    s.bool = Some(|_, o| Ok(len(o) > 0));
    s.iter = Some(|th, o| {
        let (v, i) = th.heap.new::<Iter>(WALKER.load(Relaxed), 3, 0)?;
        i.over.set(o);
        i.x.set(Value::UNBOUND);
        i.y.set(Value::UNBOUND);
        Ok(v)
    });
    s.getitem = Some(getitem);
    s.setitem = Some(setitem);
    s.contains = Some(|th, o, v| Ok(find(th, o, v, 0, usize::MAX)?.is_some()));
    s.binary = Some(binary);
    s.inplace = Some(inplace);
}

/// Whether the value is an array or an instance of a subclass.
pub fn is_array(v: Value) -> bool {
    v.base().cast::<ByteArray>().is_some_and(|b| !b.is_plain())
}

/// The bytes as they are now.
pub fn content(o: Value) -> &'static [u8] {
    seq::array_bytes(bytearray::array(o))
}

/// The type code.
pub fn code(o: Value) -> u8 {
    bytearray::array(o).code()
}

/// Bytes of an item.
pub fn size(o: Value) -> usize {
    size_of(code(o))
}

/// Number of items.
pub fn len(o: Value) -> usize {
    content(o).len() / size(o)
}

/// A type code as text.
pub fn text_of_code(th: &mut Thread, code: u8) -> R {
    Ok(text::char_string(&mut th.heap, code as u32)?)
}

/// Item `i`, if there is one now.
pub fn item(th: &mut Thread, o: Value, i: usize) -> R<Option<Value>> {
    let n = size(o);
    match i.checked_mul(n).and_then(|at| content(o).get(at..at + n)) {
        Some(b) => memoryview::unpacked(th, code(o), b).map(Some),
        None => Ok(None),
    }
}

/// A new array of these bytes.
pub fn make(th: &mut Thread, code: u8, bytes: &[u8]) -> R {
    let data = if bytes.is_empty() { S::empty_bytes.v() } else { th.bytes(bytes)? };
    let (v, b) = th.heap.new::<ByteArray>(SHAPE.load(Relaxed), 1, 8)?;
    // SAFETY: the cell was just made with that word.
    unsafe { b.code_word() }.set(code as usize);
    b.data.set(data);
    b.len.set(bytes.len());
    Ok(v)
}

/// Adds bytes, which are no part of the array, at the end.
pub fn push(th: &mut Thread, o: Value, with: &[u8]) -> R<()> {
    bytearray::edit(th, o, with, |b| Some((b.len(), b.len(), ())))?;
    Ok(())
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    let own = shape_of(cls) == SHAPE.load(Relaxed);
    if own && super::util::has_keywords(kwargs) {
        return Err(th.type_error("array.array() takes no keyword arguments"));
    }
    let t = args.get::<Tuple>();
    let n = t.len();
    if n == 0 || n > 2 {
        let (bound, s) = if n == 0 { ("at least 1", "") } else { ("at most 2", "s") };
        return Err(th.type_error(format!("array() takes {bound} argument{s} ({n} given)")));
    }
    let given = t.at(0);
    if !types::is_str(given) {
        let name = seq::said(th, given);
        return Err(th.type_error(format!("array() argument 1 must be a unicode character, not {name}")));
    }
    let chars = text::len(given.base());
    if chars != 1 {
        let text = format!("array() argument 1 must be a unicode character, not a string of length {chars}");
        return Err(th.type_error(text));
    }
    let c = index::code_at(&mut th.heap, given.base(), 0)?;
    let Some(code) = u8::try_from(c).ok().filter(|c| b"bBuwhHiIlLqQfd".contains(c)) else {
        let text = "bad typecode (must be b, B, u, w, h, H, i, I, l, L, q, Q, f or d)";
        return Err(th.value_error(text));
    };
    let v = make(th, code, b"")?;
    if n == 2 {
        fill(th, v, t.at(1))?;
    }
    if own { Ok(v) } else { instance::wrap_base(th, cls, v) }
}

/// Gives a fresh array the content that a constructor is asked for.
fn fill(th: &mut Thread, v: Value, from: Value) -> R<()> {
    let code = code(v);
    let letters = matches!(code, b'u' | b'w');
    if types::is_str(from) {
        if !letters {
            let text = format!("cannot use a str to initialize an array with typecode '{}'", code as char);
            return Err(th.type_error(text));
        }
        return super::array_items::push_text(th, v, from);
    }
    if is_array(from) && matches!(self::code(from), b'u' | b'w') && !letters {
        let text =
            format!("cannot use a unicode array to initialize an array with typecode '{}'", code as char);
        return Err(th.type_error(text));
    }
    if let Kind::Bytes | Kind::ByteArray = from.base().kind()
        && !is_array(from)
    {
        return super::array_items::push_bytes(th, v, from);
    }
    extend(th, v, from)
}

/// Adds the items of an iterable.
pub fn extend(th: &mut Thread, o: Value, from: Value) -> R<()> {
    if is_array(from) && code(from) == code(o) {
        let bytes = bytearray::snapshot(th, bytearray::array(from))?;
        return push(th, o, &bytes);
    }
    let code = code(o);
    let mut n = 0u32;
    th.each(from, |th, v| {
        n = n.wrapping_add(1);
        if n.is_multiple_of(4096) {
            poll::native_poll(th)?;
        }
        let (bytes, size) = pack(th, code, v)?;
        push(th, o, &bytes[..size])
    })
}

fn next(th: &mut Thread, o: Value) -> R<Option<Value>> {
    let i = o.get::<Iter>();
    let over = i.over.get();
    if over.is_unbound() {
        return Ok(None);
    }
    let at = types::iters::claim(th, i);
    let v = item(th, over, at)?;
    if v.is_none() {
        i.over.set(Value::UNBOUND);
    }
    Ok(v)
}

fn repr(th: &mut Thread, o: Value) -> R {
    let name = th.class_name(class_of(o));
    let letter = code(o) as char;
    let mut out = StrBuilder::new();
    out.push(&format!("{name}('{letter}'"))?;
    if len(o) > 0 {
        let items = if matches!(letter, 'u' | 'w') {
            super::array_items::to_text(th, o)?
        } else {
            super::array_items::to_list(th, o)?
        };
        let shown = th.repr_text(items)?;
        out.push(", ")?;
        out.push(&shown)?;
    }
    out.push(")")?;
    Ok(out.finish(&mut th.heap)?)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    if !is_array(a) || !is_array(b) {
        return Ok(Value::NOT_IMPLEMENTED);
    }
    let (n, m) = (len(a), len(b));
    let equality = matches!(op, Cmp::Eq | Cmp::Ne);
    if equality && n != m {
        return Ok(Value::bool(op == Cmp::Ne));
    }
    for i in 0..n.min(m) {
        let (Some(x), Some(y)) = (item(th, a, i)?, item(th, b, i)?) else { break };
        if !th.eq(x, y)? {
            return if equality { Ok(Value::bool(op == Cmp::Ne)) } else { th.compare(op, x, y) };
        }
    }
    Ok(Value::bool(op.of(n.cmp(&m))))
}

/// The first place of an equal item from `start` up to `stop`.
pub fn find(th: &mut Thread, o: Value, v: Value, start: usize, stop: usize) -> R<Option<usize>> {
    let mut i = start;
    while i < stop {
        let Some(x) = item(th, o, i)? else { break };
        if th.eq(x, v)? {
            return Ok(Some(i));
        }
        i += 1;
    }
    Ok(None)
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    const OUT: &str = "array index out of range";
    if k.is_kind(Kind::Slice) {
        let (start, step, n) = seq::slice(th, k, len(o))?;
        let (bytes, size) = (content(o), size(o));
        let mut out = Vec::new();
        out.try_reserve(n * size).map_err(|_| Full)?;
        for i in 0..n {
            let at = start.wrapping_add_signed(step * i as isize) * size;
            out.extend_from_slice(bytes.get(at..at + size).unwrap_or(&[]));
        }
        return make(th, code(o), &out);
    }
    if !seq::is_index(k) {
        return Err(th.type_error("array indices must be integers"));
    }
    let i = seq::item(th, k, len(o), OUT)?;
    match item(th, o, i)? {
        Some(v) => Ok(v),
        None => Err(th.index_error(OUT)),
    }
}

fn setitem(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    const OUT: &str = "array assignment index out of range";
    if let Some(s) = k.cast::<Slice>() {
        return set_slice(th, o, s, v);
    }
    if !seq::is_index(k) {
        return Err(th.type_error("array indices must be integers"));
    }
    let i = seq::item(th, k, len(o), OUT)?;
    let size = size(o);
    let there = move |b: &[u8]| ((i + 1) * size <= b.len()).then_some((i * size, (i + 1) * size, ()));
    let done = if v.is_unbound() {
        bytearray::edit(th, o, b"", there)?
    } else {
        let (bytes, size) = pack(th, code(o), v)?;
        bytearray::edit(th, o, &bytes[..size], there)?
    };
    if done.is_some() { Ok(()) } else { Err(th.index_error(OUT)) }
}

fn set_slice(th: &mut Thread, o: Value, s: &Slice, v: Value) -> R<()> {
    let parts = slice::unpack(th, s)?;
    let with = if v.is_unbound() {
        Vec::new()
    } else if !is_array(v) {
        let t = th.type_name(v);
        return Err(th.type_error(format!("can only assign array (not \"{t}\") to array slice")));
    } else if code(v) != code(o) {
        return Err(th.type_error("bad argument type for built-in operation"));
    } else {
        bytearray::snapshot(th, bytearray::array(v))?
    };
    let size = size(o);
    if parts.within(len(o)).step == 1 {
        bytearray::edit(th, o, &with, |b| {
            let s = parts.within(b.len() / size);
            Some((s.start as usize * size, s.stop.max(s.start) as usize * size, ()))
        })?;
        return Ok(());
    }
    let n = parts.within(len(o)).n;
    if with.is_empty() {
        if n > 0 {
            bytearray::renew(th, o, |b| {
                let s = parts.within(b.len() / size);
                let step = s.step.unsigned_abs();
                let low = if s.step > 0 { s.start } else { s.start + s.step * (s.n as isize - 1) } as usize;
                let gone = |i: usize| i >= low && (i - low).is_multiple_of(step) && (i - low) / step < s.n;
                let kept = b.chunks_exact(size).enumerate().filter(|(i, _)| s.n == 0 || !gone(*i));
                Ok(Some(kept.flat_map(|(_, x)| x).copied().collect()))
            })?;
        }
        return Ok(());
    }
    let fits = bytearray::renew(th, o, |b| {
        let s = parts.within(b.len() / size);
        let mut out = b.to_vec();
        if s.n * size != with.len() {
            return Ok(None);
        }
        for (i, x) in with.chunks_exact(size).enumerate() {
            let at = s.start.wrapping_add(s.step * i as isize) as usize * size;
            out[at..at + size].copy_from_slice(x);
        }
        Ok(Some(out))
    })?;
    if fits {
        return Ok(());
    }
    let m = with.len() / size;
    Err(th.value_error(format!("attempt to assign array of size {m} to extended slice of size {n}")))
}

fn repeated(th: &mut Thread, o: Value, times: usize) -> R<Vec<u8>> {
    let bytes = bytearray::snapshot(th, bytearray::array(o))?;
    let mut out = Vec::new();
    let total = bytes.len().checked_mul(times).filter(|n| *n < isize::MAX as usize).ok_or(Full)?;
    out.try_reserve(total).map_err(|_| Full)?;
    (0..times).for_each(|_| out.extend_from_slice(&bytes));
    Ok(out)
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, _: Side) -> R {
    match op {
        Bin::Add if is_array(a) => {
            if !is_array(b) {
                let t = th.type_name(b);
                return Err(th.type_error(format!("can only append array (not \"{t}\") to array")));
            }
            if code(a) != code(b) {
                return Err(th.type_error("bad argument type for built-in operation"));
            }
            let mut out = bytearray::snapshot(th, bytearray::array(a))?;
            out.extend_from_slice(content(b));
            make(th, code(a), &out)
        }
        Bin::Mul => {
            let (v, n) = if is_array(a) { (a, b) } else { (b, a) };
            if !seq::is_index(n) {
                return Ok(Value::NOT_IMPLEMENTED);
            }
            let n = seq::times(th, n)?;
            let out = repeated(th, v, n)?;
            make(th, code(v), &out)
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

fn inplace(th: &mut Thread, op: Bin, o: Value, v: Value) -> R {
    match op {
        Bin::Add => {
            if !is_array(v) {
                let t = th.type_name(v);
                return Err(th.type_error(format!("can only extend array with array (not \"{t}\")")));
            }
            super::array_items::extend_same(th, o, v)?;
            Ok(o)
        }
        Bin::Mul if seq::is_index(v) => {
            let n = seq::times(th, v)?;
            let out = repeated(th, o, n)?;
            let (data, len) =
                if out.is_empty() { (S::empty_bytes.v(), 0) } else { (th.bytes(&out)?, out.len()) };
            bytearray::put(th, bytearray::array(o), data, len)?;
            Ok(o)
        }
        _ => Ok(Value::NOT_IMPLEMENTED),
    }
}

/// Refuses an array of another kind.
pub fn same_kind(th: &mut Thread, o: Value, v: Value) -> R<()> {
    if code(o) == code(v) { Ok(()) } else { Err(th.type_error("can only extend with array of same kind")) }
}

/// Refuses a number of bytes that makes no whole items.
pub fn whole(th: &mut Thread, o: Value, n: usize) -> R<()> {
    if n.is_multiple_of(size(o)) {
        return Ok(());
    }
    Err(th.value_error("bytes length not a multiple of item size"))
}
