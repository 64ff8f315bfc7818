//! Methods of arrays, and items as bytes. Invariant: an item is packed before anything is changed, so a refused one
//! changes nothing.

use super::array::*;
use super::util;
use crate::heap::list::push as push_item;
use crate::heap::object::*;
use crate::heap::text::{self, StrBuilder, index};
use crate::heap::{Full, Kind, Value, bigint};
use crate::run::class::class_of;
use crate::run::{Args, Def, R, Raised, Thread, arith, def};
use crate::types::{self, bytearray, memoryview, seq, slice};

/// Bytes of an item of that type code.
pub fn size_of(code: u8) -> usize {
    memoryview::size_of_code(code).unwrap_or(1)
}

/// The bytes of a value as an item.
pub fn pack(th: &mut Thread, code: u8, v: Value) -> R<([u8; 8], usize)> {
    let size = size_of(code);
    let word = match code {
        b'd' => util::real(th, v)?.to_bits(),
        b'f' => (util::real(th, v)? as f32).to_bits() as u64,
        b'u' | b'w' => letter(th, v)? as u64,
        _ => return integer(th, code, size, v),
    };
    Ok((word.to_le_bytes(), size))
}

fn letter(th: &mut Thread, v: Value) -> R<u32> {
    if !types::is_str(v) {
        let t = seq::said(th, v);
        return Err(th.type_error(format!("array item must be a unicode character, not {t}")));
    }
    let n = text::len(v.base());
    if n != 1 {
        let text = format!("array item must be a unicode character, not a string of length {n}");
        return Err(th.type_error(text));
    }
    Ok(index::code_at(&mut th.heap, v.base(), 0)?)
}

fn integer(th: &mut Thread, code: u8, size: usize, v: Value) -> R<([u8; 8], usize)> {
    let i = arith::index(th, v)?;
    match bigint::to_bytes(i, size, false, code.is_ascii_lowercase()) {
        Ok(b) => {
            let mut out = [0; 8];
            out[..size].copy_from_slice(&b);
            Ok((out, size))
        }
        Err(_) => Err(out_of_range(th, code, i)),
    }
}

#[cold]
fn out_of_range(th: &mut Thread, code: u8, i: Value) -> Raised {
    let negative = bigint::is_negative(i);
    let name = match code {
        b'b' => "signed char",
        b'B' => "unsigned byte integer",
        b'h' => "signed short integer",
        b'H' => "unsigned short",
        b'i' => "signed integer",
        b'I' if negative => return th.overflow_error("can't convert negative value to unsigned int"),
        b'I' if i.is_int() => return th.overflow_error("unsigned int is greater than maximum"),
        b'L' if negative => return th.overflow_error("can't convert negative value to unsigned int"),
        b'I' | b'L' => return th.overflow_error("Python int too large to convert to C unsigned long"),
        b'l' => return th.overflow_error("Python int too large to convert to C long"),
        b'Q' if negative => return th.overflow_error("can't convert negative int to unsigned"),
        _ => return th.overflow_error("int too big to convert"),
    };
    let side = if negative { "less than minimum" } else { "greater than maximum" };
    th.overflow_error(format!("{name} is {side}"))
}

/// Adds the characters of a text.
pub fn push_text(th: &mut Thread, o: Value, v: Value) -> R<()> {
    let bytes = text::bytes_of(&mut th.heap, v.base())?;
    let words: Vec<u8> = index::codes(bytes).flat_map(|c| c.to_le_bytes()).collect();
    push(th, o, &words)
}

/// Adds the items that bytes make.
pub fn push_bytes(th: &mut Thread, o: Value, v: Value) -> R<()> {
    let bytes = seq::need_buffer(th, v)?.into_owned();
    whole(th, o, bytes.len())?;
    push(th, o, &bytes)
}

/// Adds the items of an array of the same kind.
pub fn extend_same(th: &mut Thread, o: Value, v: Value) -> R<()> {
    same_kind(th, o, v)?;
    extend(th, o, v)
}

/// The items as a list.
pub fn to_list(th: &mut Thread, o: Value) -> R {
    let out = th.list_with(len(o))?;
    let mut i = 0;
    while let Some(v) = item(th, o, i)? {
        push_item(&mut th.heap, out.get::<List>(), v)?;
        i += 1;
    }
    Ok(out)
}

/// The characters as a text.
pub fn to_text(th: &mut Thread, o: Value) -> R {
    let mut out = StrBuilder::new();
    for b in content(o).chunks_exact(4) {
        let c = u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
        if c > 0x10_ffff {
            let text = format!("character U+{c:x} is not in range [U+0000; U+10ffff]");
            return Err(th.value_error(text));
        }
        out.push_code(c)?;
    }
    Ok(out.finish(&mut th.heap)?)
}

fn letters_only(th: &mut Thread, o: Value, name: &str) -> R<()> {
    if matches!(code(o), b'u' | b'w') {
        return Ok(());
    }
    Err(th.value_error(format!("{name}() may only be called on unicode type arrays ('u' or 'w')")))
}

/// The methods.
pub static ITEM_METHODS: [Def; 23] = [
    def("append", "($self, v, /)", append, "Append new value v to the end of the array."),
    def("buffer_info", "($self, /)", buffer_info, "Return a tuple (address, length) of the current memory."),
    def("byteswap", "($self, /)", byteswap, "Byteswap all items of the array."),
    def("clear", "($self, /)", clear, "Remove all items from the array."),
    def("count", "($self, v, /)", count, "Return number of occurrences of v in the array."),
    def("extend", "($self, bb, /)", extend_method, "Append items to the end of the array."),
    def("frombytes", "($self, buffer, /)", frombytes, "Appends items from the buffer of machine values."),
    def("fromfile", "($self, f, n, /)", fromfile, "Read n objects from the file object f and append them."),
    def("fromlist", "($self, list, /)", fromlist, "Append items to array from list."),
    def(
        "fromunicode",
        "($self, ustr, /)",
        fromunicode,
        "Extends this array with data from the unicode string.",
    ),
    def(
        "index",
        "($self, v, start=0, stop=sys.maxsize, /)",
        index_method,
        "Return index of first occurrence of v in the array.",
    ),
    def("insert", "($self, i, v, /)", insert, "Insert a new item v into the array before position i."),
    def("pop", "($self, i=-1, /)", pop, "Return the i-th element and delete it from the array."),
    def("remove", "($self, v, /)", remove, "Remove the first occurrence of v in the array."),
    def("reverse", "($self, /)", reverse, "Reverse the order of the items in the array."),
    def(
        "tobytes",
        "($self, /)",
        tobytes,
        "Convert the array to an array of machine values and return the bytes.",
    ),
    def("tofile", "($self, f, /)", tofile, "Write all items (as machine values) to the file object f."),
    def(
        "tolist",
        "($self, /)",
        |th, a| to_list(th, a[0]),
        "Convert array to an ordinary list with the same items.",
    ),
    def(
        "tounicode",
        "($self, /)",
        |th, a| {
            letters_only(th, a[0], "tounicode")?;
            to_text(th, a[0])
        },
        "Convert the array to a unicode string.",
    ),
    def("__copy__", "($self, /)", copy, "Return a copy of the array."),
    def("__deepcopy__", "($self, unused, /)", copy, "Return a copy of the array."),
    def("__reduce_ex__", "($self, value, /)", reduce_ex, "Return state information for pickling."),
    def(
        "__sizeof__",
        "($self, /)",
        |_, a| Ok(Value::int(64 + content(a[0]).len() as i64)),
        "Size of the array in memory, in bytes.",
    ),
];

fn append(th: &mut Thread, a: Args) -> R {
    let (bytes, size) = pack(th, code(a[0]), a[1])?;
    push(th, a[0], &bytes[..size])?;
    Ok(Value::NONE)
}

fn buffer_info(th: &mut Thread, a: Args) -> R {
    let at = th.heap.uint(content(a[0]).as_ptr() as u64)?;
    Ok(th.tuple(&[at, Value::int(len(a[0]) as i64)])?)
}

fn byteswap(th: &mut Thread, a: Args) -> R {
    let size = size(a[0]);
    bytearray::renew(th, a[0], |b| {
        Ok(Some(b.chunks_exact(size).flat_map(|x| x.iter().rev()).copied().collect()))
    })?;
    Ok(Value::NONE)
}

fn clear(th: &mut Thread, a: Args) -> R {
    bytearray::put(th, bytearray::array(a[0]), crate::heap::known::S::empty_bytes.v(), 0)?;
    Ok(Value::NONE)
}

fn count(th: &mut Thread, a: Args) -> R {
    let (mut i, mut n) = (0, 0);
    while let Some(x) = item(th, a[0], i)? {
        n += th.eq(x, a[1])? as i64;
        i += 1;
    }
    Ok(Value::int(n))
}

fn extend_method(th: &mut Thread, a: Args) -> R {
    if is_array(a[1]) {
        extend_same(th, a[0], a[1])?;
    } else {
        extend(th, a[0], a[1])?;
    }
    Ok(Value::NONE)
}

fn frombytes(th: &mut Thread, a: Args) -> R {
    push_bytes(th, a[0], a[1])?;
    Ok(Value::NONE)
}

fn fromfile(th: &mut Thread, a: Args) -> R {
    let read = th.intern("read")?;
    let f = th.getattr(a[1], read)?;
    let n = slice::ssize(th, a[2])?;
    let Some(want) = usize::try_from(n).ok().and_then(|n| n.checked_mul(size(a[0]))) else {
        return Err(th.value_error("negative count"));
    };
    let want_value = th.heap.uint(want as u64)?;
    let got = th.call(f, &[want_value])?;
    if !got.base().is_kind(Kind::Bytes) {
        return Err(th.type_error("read() didn't return bytes"));
    }
    let short = types::bytes::content(got).len() < want;
    push_bytes(th, a[0], got)?;
    if short {
        return Err(th.raise(crate::heap::known::C::EOFError, "read() didn't return enough bytes"));
    }
    Ok(Value::NONE)
}

fn fromlist(th: &mut Thread, a: Args) -> R {
    if !a[1].base().is_kind(Kind::List) {
        return Err(th.type_error("arg must be list"));
    }
    let (code, mut all) = (code(a[0]), Vec::new());
    th.each(a[1], |th, v| {
        let (bytes, size) = pack(th, code, v)?;
        all.try_reserve(size).map_err(|_| Full)?;
        all.extend_from_slice(&bytes[..size]);
        Ok(())
    })?;
    push(th, a[0], &all)?;
    Ok(Value::NONE)
}

fn fromunicode(th: &mut Thread, a: Args) -> R {
    if !types::is_str(a[1]) {
        let t = seq::said(th, a[1]);
        return Err(th.type_error(format!("fromunicode() argument must be str, not {t}")));
    }
    letters_only(th, a[0], "fromunicode")?;
    push_text(th, a[0], a[1])?;
    Ok(Value::NONE)
}

fn index_method(th: &mut Thread, a: Args) -> R {
    let n = len(a[0]) as isize;
    let place = |i: isize| if i < 0 { i.saturating_add(n).max(0) as usize } else { i as usize };
    let start = slice::bound(th, a[2], 0)?;
    let stop = slice::bound(th, a[3], isize::MAX)?;
    match find(th, a[0], a[1], place(start), place(stop))? {
        Some(i) => Ok(Value::int(i as i64)),
        None => Err(th.value_error("array.index(x): x not in array")),
    }
}

fn insert(th: &mut Thread, a: Args) -> R {
    let i = slice::ssize(th, a[1])?;
    let (bytes, size) = pack(th, code(a[0]), a[2])?;
    bytearray::edit(th, a[0], &bytes[..size], |b| {
        let n = (b.len() / size) as isize;
        let at = if i < 0 { i.saturating_add(n).max(0) } else { i.min(n) } as usize * size;
        Some((at, at, ()))
    })?;
    Ok(Value::NONE)
}

fn pop(th: &mut Thread, a: Args) -> R {
    let i = if a[1].is_unbound() { -1 } else { slice::ssize(th, a[1])? };
    let size = size(a[0]);
    let popped = bytearray::edit(th, a[0], b"", |b| {
        let at = slice::place(i, b.len() / size)? * size;
        let mut word = [0; 8];
        word[..size].copy_from_slice(&b[at..at + size]);
        Some((at, at + size, word))
    })?;
    match popped {
        Some(word) => memoryview::unpacked(th, code(a[0]), &word[..size]),
        None if len(a[0]) == 0 => Err(th.index_error("pop from empty array")),
        None => Err(th.index_error("pop index out of range")),
    }
}

fn remove(th: &mut Thread, a: Args) -> R {
    let size = size(a[0]);
    while let Some(i) = find(th, a[0], a[1], 0, usize::MAX)? {
        // What was found must still stand there when it goes.
        let (bytes, _) = match item(th, a[0], i)? {
            Some(v) => pack(th, code(a[0]), v)?,
            None => continue,
        };
        let done = bytearray::edit(th, a[0], b"", |b| {
            let at = i * size;
            (b.get(at..at + size) == Some(&bytes[..size])).then_some((at, at + size, ()))
        })?;
        if done.is_some() {
            return Ok(Value::NONE);
        }
    }
    Err(th.value_error("array.remove(x): x not in array"))
}

fn reverse(th: &mut Thread, a: Args) -> R {
    let size = size(a[0]);
    bytearray::renew(th, a[0], |b| Ok(Some(b.chunks_exact(size).rev().flatten().copied().collect())))?;
    Ok(Value::NONE)
}

fn tobytes(th: &mut Thread, a: Args) -> R {
    let bytes = bytearray::snapshot(th, bytearray::array(a[0]))?;
    types::bytes::make(th, &bytes)
}

fn tofile(th: &mut Thread, a: Args) -> R {
    let write = th.intern("write")?;
    let f = th.getattr(a[1], write)?;
    let bytes = bytearray::snapshot(th, bytearray::array(a[0]))?;
    for part in bytes.chunks(65536) {
        let part = th.bytes(part)?;
        th.call(f, &[part])?;
    }
    Ok(Value::NONE)
}

fn copy(th: &mut Thread, a: Args) -> R {
    let bytes = bytearray::snapshot(th, bytearray::array(a[0]))?;
    make(th, code(a[0]), &bytes)
}

/// How a pickle names the items: the numbers that CPython gives to machine formats, least byte first.
const FORMATS: [(&[u8], i64); 11] = [
    (b"B", 0),
    (b"b", 1),
    (b"H", 2),
    (b"h", 4),
    (b"I", 6),
    (b"i", 8),
    (b"QL", 10),
    (b"ql", 12),
    (b"f", 14),
    (b"d", 16),
    (b"wu", 20),
];

fn reduce_ex(th: &mut Thread, a: Args) -> R {
    let o = a[0];
    let protocol = th.index(a[1])?;
    let class = class_of(o);
    let state = if o.is_kind(Kind::Instance) { types::object::own_attributes(th, o)? } else { Value::NONE };
    let code_text = text_of_code(th, code(o))?;
    if protocol < 3 {
        let list = to_list(th, o)?;
        let args = th.tuple(&[code_text, list])?;
        return Ok(th.tuple(&[class, args, state])?);
    }
    let format = FORMATS.iter().find(|f| f.0.contains(&code(o))).map_or(0, |f| f.1);
    let f = types::imported(th, "array", "_array_reconstructor")?;
    let bytes = tobytes(th, a)?;
    let args = th.tuple(&[class, code_text, Value::int(format), bytes])?;
    Ok(th.tuple(&[f, args, state])?)
}

/// `_array_reconstructor`: an array of the items as some machine had them.
pub fn reconstruct(th: &mut Thread, a: Args) -> R {
    let format = th.index(a[2])? as i64;
    let data = match a[3].base().cast::<Bytes>() {
        Some(b) => b.bytes(),
        None => {
            let t = th.type_name(a[3]);
            return Err(th.type_error(format!("fourth argument should be bytes, not {t}")));
        }
    };
    // Formats of more than one byte come in pairs: the odd one has the greatest byte first.
    let swapped = format > 1 && format % 2 == 1;
    let Some((codes, _)) = FORMATS.iter().find(|f| f.1 == format - swapped as i64) else {
        return Err(th.value_error("third argument must be a valid machine format code."));
    };
    let o = th.call(a[0], &[a[1]])?;
    if !is_array(o) {
        return Err(th.type_error("first argument must be a type object"));
    }
    let size = size_of(codes[0]);
    if !data.len().is_multiple_of(size) {
        return Err(th.value_error("string length not a multiple of item size"));
    }
    for x in data.chunks_exact(size) {
        let mut word = [0; 8];
        word[..size].copy_from_slice(x);
        if swapped {
            word[..size].reverse();
        }
        let v = memoryview::unpacked(th, codes[0], &word[..size])?;
        let (bytes, n) = pack(th, code(o), v)?;
        push(th, o, &bytes[..n])?;
    }
    Ok(o)
}
