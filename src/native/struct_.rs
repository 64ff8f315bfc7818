//! The module `_struct`: `Struct` and the functions of `struct`. Invariant: what is written into a buffer of others was
//! made beforehand, so no script code runs while the place for it is held.

use super::itertools::{self, Tool};
use super::struct_plan::{Plan, fault, forget, plan};
use super::util::{self, put, shape_of};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::{Args, ClassDef, ModuleDef, PLAIN, R, Thread, class, def, get, loose};
use crate::types::{self, seq};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering::AcqRel, Ordering::Relaxed};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_struct",
    doc: "Values packed into bytes by a format, and read back from them.",
    functions: &[
        def(
            "calcsize",
            "(format, /)",
            |th, a| {
                let p = plan(th, a[0])?;
                Ok(Value::int(p.size as i64))
            },
            "Return size in bytes of the struct described by the format string.",
        ),
        loose(
            "pack",
            "(*args)",
            |th, a| {
                let p = first_plan(th, a)?;
                packed(th, &p, "pack", a.rest(1))
            },
            "pack(format, *values): the values as bytes.",
        ),
        loose(
            "pack_into",
            "(*args)",
            |th, a| {
                let p = first_plan(th, a)?;
                pack_into(th, &p, a.rest(1))
            },
            "pack_into(format, buffer, offset, *values): write the values into the buffer.",
        ),
        def(
            "unpack",
            "(format, buffer, /)",
            |th, a| {
                let p = plan(th, a[0])?;
                unpack(th, &p, a[1])
            },
            "The values that the bytes stand for.",
        ),
        def(
            "unpack_from",
            "(format, /, buffer, offset=0)",
            |th, a| {
                let p = plan(th, a[0])?;
                unpack_from(th, &p, a[1], a[2])
            },
            "The values that the bytes from the offset on stand for.",
        ),
        def(
            "iter_unpack",
            "(format, buffer, /)",
            |th, a| {
                let p = plan(th, a[0])?;
                iter_unpack(th, &p, a[1])
            },
            "The values of one piece of the buffer after the other.",
        ),
        def(
            "_clearcache",
            "()",
            |_, _| {
                forget();
                Ok(Value::NONE)
            },
            "Forget the compiled formats.",
        ),
    ],
    fill: |th, dict| {
        for (d, shape) in [(&STRUCT, &WHOLE), (&PIECES, &STEPS)] {
            let c = class::define(th, None, d)?;
            shape.store(shape_of(c), Relaxed);
            put(th, dict, d.name.rsplit('.').next().unwrap_or(d.name), c)?;
        }
        Ok(())
    },
};

static WHOLE: AtomicU32 = AtomicU32::new(0);
static STEPS: AtomicU32 = AtomicU32::new(0);

/// `Struct`: in `y` the record that owns the plan, once there is one.
static STRUCT: ClassDef = ClassDef {
    name: "_struct.Struct",
    doc: "A compiled format: its text, its size in bytes, and the functions of this module without a format.",
    slots: |s| {
        s.new = Some(|th, cls, _, _| {
            let v = record(th, None)?;
            if shape_of(cls) == v.header().shape() {
                Ok(v)
            } else {
                crate::run::instance::wrap_base(th, cls, v)
            }
        });
        s.init = Some(|th, o, args, kwargs| {
            let [format] = types::bind(th, "Struct", ["format"], 1, args, kwargs)?;
            let p = plan(th, format)?;
            let owner = record(th, Some((*p).clone()))?;
            o.base().get::<Boxed>().y.set(owner);
            Ok(())
        });
        s.repr = Some(|th, o| {
            let format = mine(th, o, text)?;
            let (name, format) = (th.class_name(class::class_of(o)), th.repr_text(format)?);
            types::text(th, format!("{name}({format})"))
        });
    },
    methods: &[
        loose(
            "pack",
            "($self, /, *values)",
            |th, a| mine(th, a[0], |th, p| packed(th, p, "pack", a.rest(1))),
            "The values as bytes.",
        ),
        loose(
            "pack_into",
            "($self, /, *args)",
            |th, a| mine(th, a[0], |th, p| pack_into(th, p, a.rest(1))),
            "Write values into a buffer: pack_into(buffer, offset, *values).",
        ),
        def(
            "unpack",
            "($self, buffer, /)",
            |th, a| mine(th, a[0], |th, p| unpack(th, p, a[1])),
            "The values that the bytes stand for.",
        ),
        def(
            "unpack_from",
            "($self, /, buffer, offset=0)",
            |th, a| mine(th, a[0], |th, p| unpack_from(th, p, a[1], a[2])),
            "The values that the bytes from the offset on stand for.",
        ),
        def(
            "iter_unpack",
            "($self, buffer, /)",
            |th, a| mine(th, a[0], |th, p| iter_unpack(th, p, a[1])),
            "The values of one piece of the buffer after the other.",
        ),
        def(
            "__sizeof__",
            "($self, /)",
            |th, a| {
                let n = mine(th, a[0], |_, p| Ok(p.values))?;
                Ok(Value::int((80 + n * 32) as i64))
            },
            "Size of the object in memory, in bytes.",
        ),
    ],
    getset: &[
        get("format", |th, o| mine(th, o, text), "The format, as text."),
        get(
            "size",
            |th, o| {
                let n = mine(th, o, |_, p| Ok(p.size))?;
                Ok(Value::int(n as i64))
            },
            "How many bytes the format takes.",
        ),
    ],
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

/// A record of the class Struct that owns a plan, or is to point to one.
fn record(th: &mut Thread, plan: Option<Plan>) -> R {
    let external = plan.as_ref().map_or(0, |p| 64 + p.format.len());
    Ok(th.heap.boxed(WHOLE.load(Relaxed), Box::new(plan), external)?)
}

/// Does something with an object's plan, whose owner stays in this call.
fn mine<T>(th: &mut Thread, o: Value, f: impl FnOnce(&mut Thread, &Plan) -> R<T>) -> R<T> {
    let owner = o.base().get::<Boxed>().y.get();
    match owner.cast::<Boxed>().and_then(|b| b.payload::<Option<Plan>>()) {
        Some(Some(p)) => {
            let r = f(th, p);
            std::hint::black_box(owner);
            r
        }
        _ => Err(th.raise(C::RuntimeError, "Struct object is not initialized")),
    }
}

fn text(th: &mut Thread, p: &Plan) -> R {
    let format: String = p.format.iter().map(|b| *b as char).collect();
    Ok(th.str(&format)?)
}

/// The plan of the format that comes first among any arguments.
fn first_plan(th: &mut Thread, a: Args) -> R<Rc<Plan>> {
    if a.n == 0 {
        return Err(th.type_error("missing format argument"));
    }
    plan(th, a[0])
}

// ----------------------------------------------------------------------------------------------------------- packing

fn expect(th: &mut Thread, p: &Plan, name: &str, n: usize) -> R<()> {
    if n == p.values {
        return Ok(());
    }
    Err(fault(th, format!("{name} expected {} items for packing (got {n})", p.values)))
}

fn packed(th: &mut Thread, p: &Plan, name: &str, values: &[Value]) -> R {
    expect(th, p, name, values.len())?;
    let (v, b) = th.heap.bytes_with(p.size)?;
    // SAFETY: the cell was made with that many bytes, and nobody else has seen it.
    let room = unsafe { std::slice::from_raw_parts_mut(b.bytes_ptr(), p.size) };
    room.fill(0);
    p.write(th, values, room)?;
    Ok(v)
}

fn pack_into(th: &mut Thread, p: &Plan, args: &[Value]) -> R {
    let (target, offset, values) = match args {
        [] => return Err(fault(th, "pack_into expected buffer argument")),
        [_] => return Err(fault(th, "pack_into expected offset argument")),
        [target, offset, values @ ..] => (*target, *offset, values),
    };
    expect(th, p, "pack_into", values.len())?;
    let view = match target.base().is_kind(Kind::ByteArray) {
        true => Value::UNBOUND,
        false => writable(th, target)?,
    };
    let length = match target.base().cast::<ByteArray>() {
        Some(b) => b.len.get(),
        None => th.len(view)?,
    };
    let offset = th.index(offset)?;
    let at = place(th, offset, length, p.size, ["pack_into", "packing", "no space to pack"])?;
    let made = packed(th, p, "pack_into", values)?;
    let bytes = made.get::<Bytes>().bytes();
    let Some(b) = target.base().cast::<ByteArray>() else {
        let (start, stop) = (Value::int(at as i64), Value::int((at + p.size) as i64));
        let range = th.heap.slice(start, stop, Value::NONE)?;
        th.setitem(view, range, made)?;
        return Ok(Value::NONE);
    };
    th.heap.lock(&b.h);
    let there = at + bytes.len() <= seq::array_bytes(b).len();
    if there {
        // SAFETY: within the buffer as it is under the lock.
        unsafe {
            let to = b.data.get().get::<Bytes>().bytes_ptr().add(at);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
        }
    }
    th.heap.unlock(&b.h);
    if there { Ok(Value::NONE) } else { Err(fault(th, "buffer changed size while values were packed")) }
}

/// A view of bytes over a buffer that may be written.
fn writable(th: &mut Thread, target: Value) -> R {
    let view = th.call(C::memoryview.v(), &[target]);
    if let Some(view) = th.catch(view, C::TypeError)? {
        let name = th.intern("readonly")?;
        if th.getattr(view, name)? == Value::FALSE {
            let (cast, code) = (th.intern("cast")?, th.str("B")?);
            let cast = th.getattr(view, cast)?;
            return th.call(cast, &[code]);
        }
    }
    let t = th.type_name(target);
    Err(th.type_error(format!("argument must be read-write bytes-like object, not {t}")))
}

/// Where `size` bytes at `offset` begin in a buffer of `length`; what does not fit is told.
fn place(
    th: &mut Thread,
    offset: isize,
    length: usize,
    size: usize,
    [name, doing, short]: [&str; 3],
) -> R<usize> {
    if offset < 0 && offset.saturating_add_unsigned(size) > 0 {
        return Err(fault(th, format!("{short} {size} bytes at offset {offset}")));
    }
    let at = match offset < 0 {
        true => length.checked_sub(offset.unsigned_abs()),
        false => Some(offset as usize),
    };
    let Some(at) = at else {
        return Err(fault(th, format!("offset {offset} out of range for {length}-byte buffer")));
    };
    match length.checked_sub(at) {
        Some(left) if left >= size => Ok(at),
        _ => {
            let text = format!(
                "{name} requires a buffer of at least {} bytes for {doing} {size} bytes at offset {at} (actual \
                 buffer size is {length})",
                at.saturating_add(size)
            );
            Err(fault(th, text))
        }
    }
}

// ---------------------------------------------------------------------------------------------------------- unpacking

#[inline]
fn bytes_of(th: &mut Thread, v: Value) -> R<Cow<'static, [u8]>> {
    match seq::buffer(v) {
        Some(b) => Ok(b),
        None => util::buffer(th, v).map(Cow::Owned),
    }
}

fn unpack(th: &mut Thread, p: &Plan, v: Value) -> R {
    if let Some(b) = v.cast::<Bytes>()
        && b.len.get() == p.size
    {
        return p.read(th, b.bytes());
    }
    let data = bytes_of(th, v)?;
    if data.len() != p.size {
        return Err(fault(th, format!("unpack requires a buffer of {} bytes", p.size)));
    }
    p.read(th, &data)
}

fn unpack_from(th: &mut Thread, p: &Plan, v: Value, offset: Value) -> R {
    let offset = if offset.is_unbound() { 0 } else { th.index(offset)? };
    let data = bytes_of(th, v)?;
    let words = ["unpack_from", "unpacking", "not enough data to unpack"];
    let at = place(th, offset, data.len(), p.size, words)?;
    p.read(th, &data[at..at + p.size])
}

fn iter_unpack(th: &mut Thread, p: &Plan, v: Value) -> R {
    if p.size == 0 {
        return Err(fault(th, "cannot iteratively unpack with a struct of length 0"));
    }
    let data = match v.is_kind(Kind::Bytes) {
        true => v,
        false => {
            let copy = bytes_of(th, v)?;
            th.bytes(&copy)?
        }
    };
    if !data.get::<Bytes>().bytes().len().is_multiple_of(p.size) {
        let text = format!("iterative unpacking requires a buffer of a multiple of {} bytes", p.size);
        return Err(fault(th, text));
    }
    let owner = record(th, Some(p.clone()))?;
    let (v, t) = itertools::cell(th, STEPS.load(Relaxed))?;
    t.a.set(data);
    t.b.set(owner);
    Ok(v)
}

/// `unpack_iterator`: the bytes in `a`, what owns the plan in `b`, the place of the next piece in `i`.
static PIECES: ClassDef = ClassDef {
    name: "_struct.unpack_iterator",
    doc: "What iter_unpack() returns: a tuple for each piece of the buffer.",
    slots: |s| {
        itertools::iterator(s);
        s.new = None;
        s.next = Some(|th, o| {
            let (t, p, data) = parts(th, o)?;
            let at = t.i.atomic().fetch_add(p.size as u64, AcqRel) as usize;
            match data.get(at..at.saturating_add(p.size)) {
                Some(piece) => p.read(th, piece).map(Some),
                None => {
                    t.i.set(data.len());
                    Ok(None)
                }
            }
        });
    },
    methods: &[def(
        "__length_hint__",
        "($self, /)",
        |th, a| {
            let (t, p, data) = parts(th, a[0])?;
            Ok(Value::int((data.len().saturating_sub(t.i.get()) / p.size) as i64))
        },
        "How many pieces are left.",
    )],
    kind: Kind::Record,
    ..PLAIN
};

/// The iterator, the plan (which the iterator keeps) and the bytes.
fn parts(th: &mut Thread, o: Value) -> R<(&'static Tool, &'static Plan, &'static [u8])> {
    let t = itertools::me(o);
    match t.b.get().cast::<Boxed>().and_then(|b| b.payload::<Option<Plan>>()) {
        Some(Some(p)) => Ok((t, p, t.a.get().get::<Bytes>().bytes())),
        _ => Err(th.raise(C::RuntimeError, "Struct object is not initialized")),
    }
}
