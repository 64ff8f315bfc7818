//! What native modules share: filling a namespace, reading arguments, attributes of classes made in Rust. Invariant:
//! nothing here keeps a value beyond the call.

use crate::heap::known::{C, S};
use crate::heap::object::{Class, Float, Native, Tuple};
use crate::heap::{Kind, Value, shape};
use crate::run::{R, Thread, class};

/// `dict[name] = v`.
pub fn put(th: &mut Thread, dict: Value, name: &str, v: Value) -> R<()> {
    let name = th.intern(name)?;
    th.dict_insert(dict, name, v)
}

/// `dict[name] = text`.
pub fn put_text(th: &mut Thread, dict: Value, name: &str, text: &str) -> R<()> {
    let v = th.str(text)?;
    put(th, dict, name, v)
}

/// `dict[name] = i`.
pub fn put_int(th: &mut Thread, dict: Value, name: &str, i: i64) -> R<()> {
    let v = th.heap.int(i)?;
    put(th, dict, name, v)
}

/// `dict[name] = x`.
pub fn put_float(th: &mut Thread, dict: Value, name: &str, x: f64) -> R<()> {
    let v = th.float(x)?;
    put(th, dict, name, v)
}

/// An attribute of a class made in Rust that no cache has seen yet.
pub fn class_attr(th: &mut Thread, class: Value, name: &str, v: Value) -> R<()> {
    let cell = th.new_cell(v)?;
    let name = th.intern(name)?;
    th.dict_insert(class.get::<Class>().dict.get(), name, cell)
}

/// The shape of a class's plain instances.
pub fn shape_of(class: Value) -> u32 {
    class.get::<Class>().root_shape.get().as_int() as u32
}

/// The double of a float value, boxed or not.
pub fn as_float(v: Value) -> Option<f64> {
    let v = v.base();
    if v.is_float() {
        return Some(v.as_float());
    }
    v.cast::<Float>().map(|f| f64::from_bits(f.bits.get() as u64))
}

/// A real number as a double: floats, ints, what has `__float__` or `__index__`.
pub fn real(th: &mut Thread, v: Value) -> R<f64> {
    if let Some(x) = as_float(v) {
        return Ok(x);
    }
    if v.is_int() {
        return Ok(v.as_int() as f64);
    }
    let slots = class::slots(th.class_of(v));
    if crate::heap::text::is_text(v.base()) || slots.float.is_none() && slots.index.is_none() {
        return Err(th.type_error(format!("must be real number, not {}", th.type_name(v))));
    }
    let f = match slots.float {
        Some(f) => f(th, v)?,
        None => {
            let i = crate::run::arith::index(th, v)?;
            match class::slots(C::int.v()).float {
                Some(f) => f(th, i)?,
                None => i,
            }
        }
    };
    match as_float(f) {
        Some(x) => Ok(x),
        None => {
            let text =
                format!("{}.__float__() must return a float, not {}", th.type_name(v), th.type_name(f));
            Err(th.type_error(text))
        }
    }
}

/// `v` as an `i64`; OverflowError where it does not fit.
pub fn integer(th: &mut Thread, v: Value) -> R<i64> {
    Ok(th.index(v)? as i64)
}

/// An optional int argument.
pub fn integer_or(th: &mut Thread, v: Value, default: i64) -> R<i64> {
    if v.is_unbound() { Ok(default) } else { integer(th, v) }
}

/// An optional truth argument.
pub fn truth_or(th: &mut Thread, v: Value, default: bool) -> R<bool> {
    if v.is_unbound() { Ok(default) } else { th.truth(v) }
}

/// Whether an argument is absent or None.
pub fn missing(v: Value) -> bool {
    v.is_unbound() || v.is_none()
}

/// `sys.name`, if it is there and not None.
pub fn sys_attr(th: &mut Thread, name: &str) -> R<Option<Value>> {
    let name = th.intern(name)?;
    Ok(th.dict_get_name(S::sys.v(), name).filter(|v| !v.is_none()))
}

/// A tuple of values that stand on the heap already, made item by item.
pub fn tuple_of(th: &mut Thread, n: usize, mut item: impl FnMut(&mut Thread, usize) -> R) -> R {
    let out = th.tuple_with(n)?;
    for i in 0..n {
        let v = item(th, i)?;
        // SAFETY: i is below the tuple's length.
        unsafe { out.get::<Tuple>().item(i) }.set(v);
    }
    Ok(out)
}

/// The arguments of a constructor bound to parameters, by position or name; the first `min` are required.
pub use crate::types::bind;

/// Whether keyword arguments were given.
pub fn has_keywords(kwargs: Value) -> bool {
    !kwargs.is_unbound() && kwargs.get::<crate::heap::object::Dict>().used.get() > 0
}

/// A module's own native function object called `name`, as its functions refer to each other by value.
pub fn is_native(v: Value, name: &str) -> bool {
    match v.cast::<Native>() {
        // SAFETY: the word is the address of the row that the function was made of.
        Some(n) => unsafe { (*(n.def.get() as *const crate::run::Def)).name == name },
        None => false,
    }
}

/// An int value of any size from two 64-bit halves.
pub fn uint128(th: &mut Thread, n: u128) -> R {
    Ok(th.heap.big(false, &[n as u64, (n >> 64) as u64])?)
}

/// The bytes of a bytes-like object as they are now.
pub fn buffer(th: &mut Thread, v: Value) -> R<Vec<u8>> {
    use crate::heap::object::{ByteArray, Bytes};
    let b = v.base();
    if let Some(b) = b.cast::<Bytes>() {
        return Ok(b.bytes().to_vec());
    }
    if let Some(a) = b.cast::<ByteArray>() {
        let data = a.data.get().get::<Bytes>().bytes();
        return Ok(data[..a.len.get().min(data.len())].to_vec());
    }
    if let Some(m) = crate::types::mapping::Mapping::of(b) {
        return Ok(m.bytes().to_vec());
    }
    let view = match crate::run::class::is_instance(v, C::memoryview) {
        true => Some(v),
        false => crate::types::memoryview::shown(th, v)?,
    };
    if let Some(view) = view {
        let copy = th.call(C::bytes.v(), &[view])?;
        return Ok(copy.base().get::<Bytes>().bytes().to_vec());
    }
    Err(th.type_error(format!("a bytes-like object is required, not '{}'", th.type_name(v))))
}

/// Copies bytes into a bytearray or a writable memoryview; how many fitted.
pub fn store_into(th: &mut Thread, target: Value, room: usize, bytes: &[u8]) -> R<usize> {
    use crate::heap::object::{ByteArray, Bytes};
    let n = bytes.len().min(room);
    if let Some(a) = target.base().cast::<ByteArray>() {
        th.heap.lock(&a.h);
        let n = n.min(a.len.get());
        // SAFETY: the buffer has at least `len` bytes, and the object's lock keeps it in place.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), a.data.get().get::<Bytes>().bytes_ptr(), n) };
        th.heap.unlock(&a.h);
        return Ok(n);
    }
    let part = th.bytes(&bytes[..n])?;
    let range = th.heap.slice(Value::int(0), Value::int(n as i64), Value::NONE)?;
    th.setitem(target, range, part)?;
    Ok(n)
}

/// A path argument as the system takes it, and the value that errors show: str, bytes or what has `__fspath__`.
pub fn path(th: &mut Thread, v: Value) -> R<(std::ffi::CString, Value)> {
    let mut shown = v;
    let kind = |v: Value| crate::heap::text::is_text(v.base()) || v.base().is_kind(crate::heap::Kind::Bytes);
    if !kind(v) {
        let name = th.intern("__fspath__")?;
        let Some(f) = class::lookup(th.class_of(v), name) else {
            let text = format!("expected str, bytes or os.PathLike object, not {}", th.type_name(v));
            return Err(th.type_error(text));
        };
        let f = crate::run::attr::bind(th, f, v)?;
        shown = th.call(f, &[])?;
        if !kind(shown) {
            let text = format!(
                "expected {}.__fspath__() to return str or bytes, not {}",
                th.type_name(v),
                th.type_name(shown)
            );
            return Err(th.type_error(text));
        }
    }
    let bytes = os_bytes(th, shown)?;
    match std::ffi::CString::new(bytes) {
        Ok(c) => Ok((c, shown)),
        Err(_) => Err(th.value_error("embedded null byte")),
    }
}

/// The bytes that the system is given for a str or bytes: surrogates stand for single bytes.
pub fn os_bytes(th: &mut Thread, v: Value) -> R<Vec<u8>> {
    use crate::heap::text::codec::{Codec, Policy, encode_into};
    let b = v.base();
    if let Some(b) = b.cast::<crate::heap::object::Bytes>() {
        return Ok(b.bytes().to_vec());
    }
    if !crate::heap::text::is_text(b) {
        return Err(th.type_error(format!("expected str, got {}", th.type_name(v))));
    }
    let text = crate::heap::text::bytes_of(&mut th.heap, b)?;
    let mut out = Vec::new();
    match encode_into(text, Codec::Utf8, Policy::SurrogateEscape, &mut out) {
        Ok(()) => Ok(out),
        Err(_) => Err(th.value_error("surrogates not allowed in a name for the system")),
    }
}

/// A text of bytes that the system gave: bytes that are no UTF-8 become lone surrogates.
pub fn os_text(th: &mut Thread, bytes: &[u8]) -> R {
    use crate::heap::text::codec::{Codec, Policy, decode};
    match decode(&mut th.heap, bytes, Codec::Utf8, Policy::SurrogateEscape) {
        Ok(v) => Ok(v),
        Err(_) => Err(crate::run::Raised),
    }
}

/// The `errno` that the last system call of this thread left.
pub fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// Whether instances of the shape of `v` have these slots first, in the object, from its word `first` on.
pub fn slots_first(v: Value, names: &[&str], first: usize) -> bool {
    if !v.is_kind(Kind::Instance) {
        return false;
    }
    let s = shape::shape(v.header().shape());
    let found = s.names();
    !s.is_dict
        && s.first as usize == first
        && s.inline as usize >= names.len()
        && found.len() >= names.len()
        && names.iter().zip(&found).enumerate().all(|(i, (n, f))| f.0 as usize == i && f.1 == *n)
}
