//! Module `_pickle_parts`: the functions of `pickle`, and what its classes are made of. Invariant: reader and writer stand
//! on the stack of the native that runs them; what lasts between two dumps or loads is a memo record.

use super::pickle_load;
use super::pickle_op;
use super::pickle_read::{Known, Reader};
use super::pickle_reduce::refused;
use super::pickle_write::{Memo, Writer};
use super::util::{self, missing, put, shape_of};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::{Args, ClassDef, Def, ModuleDef, PLAIN, R, Thread, class, def};

/// `_pickle_parts`: its functions say that they belong to `_pickle`, which a program may rule out.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_pickle_parts",
    doc: "Optimized implementation for the Python pickle module.",
    functions: FUNCTIONS,
    fill: |th, dict| {
        for d in [&BUFFER, &WRITTEN, &READ] {
            let c = class::define(th, None, d)?;
            put(th, dict, d.name.rsplit('.').next().unwrap_or(d.name), c)?;
        }
        let home = th.intern("_pickle")?;
        for d in FUNCTIONS {
            let name = th.intern(d.name)?;
            if let Some(f) = th.dict_get_name(dict, name) {
                f.get::<Native>().owner.set(home);
            }
        }
        let letters = th.heap.new_dict()?;
        for (name, byte) in pickle_op::ALL {
            let b = crate::types::bytes::make(th, &[*byte])?;
            put(th, letters, name, b)?;
        }
        put(th, dict, "opcodes", letters)
    },
};

static FUNCTIONS: &[Def] = &[
    def(
        "dumps",
        "(obj, /, protocol=None, *, fix_imports=True, buffer_callback=None)",
        |th, a| {
            let mut w = writer(th, a[1], a[2], a[3])?;
            finish(&mut w, th, a[0])
        },
        "Return the pickled representation of the object as a bytes object.",
    ),
    def(
        "dump",
        "(obj, file, /, protocol=None, *, fix_imports=True, buffer_callback=None)",
        |th, a| {
            let mut w = writer(th, a[2], a[3], a[4])?;
            w.write = write_of(th, a[1])?;
            w.dump(th, a[0])?;
            Ok(Value::NONE)
        },
        "Write a pickled representation of obj to the open file object file.",
    ),
    def(
        "loads",
        "(data, /, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())",
        |th, a| {
            let mut r = Reader::of(th, a[0])?;
            settings(th, &mut r, [a[1], a[2], a[3], a[4]])?;
            pickle_load::load(&mut r, th)
        },
        "Read and return an object from the given pickle data.",
    ),
    def(
        "load",
        "(file, /, *, fix_imports=True, encoding='ASCII', errors='strict', buffers=())",
        |th, a| {
            let mut r = Reader::new();
            file_of(th, &mut r, a[0])?;
            settings(th, &mut r, [a[1], a[2], a[3], a[4]])?;
            pickle_load::load(&mut r, th)
        },
        "Read and return an object from the pickle data stored in a file.",
    ),
    def(
        "dumps_with",
        "(obj, reducers, protocol=None, /)",
        |th, a| {
            let mut w = writer(th, a[2], Value::UNBOUND, Value::UNBOUND)?;
            if !a[1].is_kind(Kind::Dict) {
                return Err(th.type_error("reducers must be a dict"));
            }
            w.extra = a[1];
            finish(&mut w, th, a[0])
        },
        "dumps() with a dict of reducers that come before those of copyreg.",
    ),
    def(
        "dump_as",
        "(obj, write, protocol, fix_imports, fast, memo, buffer_callback, persistent_id, reducer_override, dispatch_table, /)",
        dump_as,
        "What a Pickler does.",
    ),
    def(
        "load_as",
        "(owner, file, fix_imports, encoding, errors, buffers, memo, find_class, persistent_load, /)",
        load_as,
        "What an Unpickler does.",
    ),
    def(
        "find_class",
        "(module, name, proto, fix_imports, /)",
        |th, a| {
            let proto = th.index(a[2])? as u8;
            let fix = th.truth(a[3])?;
            for v in [a[0], a[1]] {
                if !crate::types::is_str(v) {
                    let text = format!("find_class() arguments must be str, not {}", th.type_name(v));
                    return Err(th.type_error(text));
                }
            }
            pickle_load::find_class(th, a[0], a[1], proto, fix)
        },
        "The object that a module has under a name.",
    ),
    def("write_of", "(file, /)", |th, a| write_of(th, a[0]), "The write method of a file."),
    def(
        "check_file",
        "(file, /)",
        |th, a| {
            file_of(th, &mut Reader::new(), a[0])?;
            Ok(Value::NONE)
        },
        "TypeError if pickles cannot be read from it.",
    ),
    def(
        "protocol_of",
        "(protocol, buffer_callback=None, /)",
        |th, a| Ok(Value::int(protocol(th, a[0], a[1])? as i64)),
        "The protocol that an argument asks for.",
    ),
];

fn protocol(th: &mut Thread, v: Value, callback: Value) -> R<u8> {
    let n = if missing(v) { -1 } else { th.index(v)? };
    let n = match u8::try_from(n) {
        Ok(n) if n <= pickle_op::HIGHEST => n,
        _ if n < 0 => pickle_op::HIGHEST,
        _ => {
            let text = format!("pickle protocol must be <= {}", pickle_op::HIGHEST);
            return Err(th.value_error(text));
        }
    };
    if n < 5 && !missing(callback) {
        return Err(th.value_error("buffer_callback needs protocol >= 5"));
    }
    Ok(n)
}

fn writer(th: &mut Thread, proto: Value, fix: Value, callback: Value) -> R<Writer> {
    let mut w = Writer::new(protocol(th, proto, callback)?);
    w.fix = util::truth_or(th, fix, true)?;
    if !missing(callback) {
        w.buffers = callback;
    }
    Ok(w)
}

fn finish(w: &mut Writer, th: &mut Thread, v: Value) -> R {
    w.dump(th, v)?;
    Ok(th.bytes(&w.out)?)
}

fn write_of(th: &mut Thread, file: Value) -> R {
    let name = th.intern("write")?;
    match th.getattr_opt(file, name)? {
        Some(f) => Ok(f),
        None => Err(th.type_error("file must have a 'write' attribute")),
    }
}

fn file_of(th: &mut Thread, r: &mut Reader, file: Value) -> R<()> {
    let (read, line, peek) = (th.intern("read")?, th.intern("readline")?, th.intern("peek")?);
    let (Some(f), Some(g)) = (th.getattr_opt(file, read)?, th.getattr_opt(file, line)?) else {
        return Err(th.type_error("file must have 'read' and 'readline' attributes"));
    };
    (r.read, r.readline) = (f, g);
    if let Some(f) = th.getattr_opt(file, peek)? {
        r.peek = f;
    }
    Ok(())
}

fn settings(th: &mut Thread, r: &mut Reader, [fix, encoding, errors, buffers]: [Value; 4]) -> R<()> {
    r.fix = util::truth_or(th, fix, true)?;
    if !missing(encoding) {
        r.encoding = encoding;
    }
    if !missing(errors) {
        r.errors = errors;
    }
    if !missing(buffers) {
        r.buffers = th.iter(buffers)?;
    }
    Ok(())
}

fn dump_as(th: &mut Thread, a: Args) -> R {
    let mut w = writer(th, a[2], a[3], a[6])?;
    w.write = a[1];
    w.fast = th.truth(a[4])?;
    let opt = |v: Value| if v.is_none() { Value::UNBOUND } else { v };
    (w.persistent, w.chosen, w.dispatch) = (opt(a[7]), opt(a[8]), opt(a[9]));
    let Some(record) = a[5].cast::<Boxed>() else { return Err(th.type_error("no memo")) };
    w.memo = Memo { table: record.x.get(), count: count_of(record) };
    let r = w.dump(th, a[0]);
    record.x.set(w.memo.table);
    record.z.set(Value::int(w.memo.count as i64));
    r?;
    Ok(Value::NONE)
}

fn load_as(th: &mut Thread, a: Args) -> R {
    let mut r = Reader::new();
    r.owner = a[0];
    file_of(th, &mut r, a[1])?;
    r.fix = th.truth(a[2])?;
    (r.encoding, r.errors) = (a[3], a[4]);
    let opt = |v: Value| if v.is_none() { Value::UNBOUND } else { v };
    (r.buffers, r.find, r.persistent) = (opt(a[5]), opt(a[7]), opt(a[8]));
    let Some(record) = a[6].cast::<Boxed>() else { return Err(th.type_error("no memo")) };
    r.known = Known { dense: record.x.get(), sparse: record.y.get(), count: count_of(record) };
    let v = pickle_load::load(&mut r, th);
    record.x.set(r.known.dense);
    record.y.set(r.known.sparse);
    record.z.set(Value::int(r.known.count as i64));
    v
}

// -------------------------------------------------------------------------------------------------------------- memos

/// What tells the records of this module apart.
struct OfWriter;
struct OfReader;
struct OfBuffer;

fn count_of(record: &Boxed) -> usize {
    let n = record.z.get();
    if n.is_int() { n.as_int() as usize } else { 0 }
}

fn record(th: &mut Thread, class: Value, payload: Box<dyn std::any::Any + Send + Sync>) -> R {
    Ok(th.heap.boxed(shape_of(class), payload, 16)?)
}

static WRITTEN: ClassDef = ClassDef {
    name: "_pickle.PicklerMemoProxy",
    slots: |s| s.new = Some(|th, class, _, _| record(th, class, Box::new(OfWriter))),
    methods: &[
        def("clear", "($self, /)", clear, "Remove all items from memo."),
        def("copy", "($self, /)", copy_written, "Copy the memo to a new object."),
        def("__reduce__", "($self, /)", reduce_memo, "Implement pickle support."),
        def("fill", "($self, memo, /)", fill_written, "Take the items of a dict or of another memo."),
    ],
    kind: Kind::Boxed,
    ..PLAIN
};

static READ: ClassDef = ClassDef {
    name: "_pickle.UnpicklerMemoProxy",
    slots: |s| s.new = Some(|th, class, _, _| record(th, class, Box::new(OfReader))),
    methods: &[
        def("clear", "($self, /)", clear, "Remove all items from memo."),
        def("copy", "($self, /)", copy_read, "Copy the memo to a new object."),
        def("__reduce__", "($self, /)", reduce_memo, "Implement pickle support."),
        def("fill", "($self, memo, /)", fill_read, "Take the items of a dict or of another memo."),
    ],
    kind: Kind::Boxed,
    ..PLAIN
};

fn clear(_: &mut Thread, a: Args) -> R {
    let b = a[0].get::<Boxed>();
    b.x.set(Value::UNBOUND);
    b.y.set(Value::UNBOUND);
    b.z.set(Value::int(0));
    Ok(Value::NONE)
}

fn copy_written(th: &mut Thread, a: Args) -> R {
    let out = th.heap.new_dict()?;
    let table = a[0].get::<Boxed>().x.get();
    if let Some(array) = table.cast::<Array>() {
        let id = th.intern("id")?;
        let id = th.builtin(id).unwrap_or(Value::NONE);
        for i in 0..array.count.get() / 2 {
            let (Some(k), Some(n)) = (array.slot(2 * i), array.slot(2 * i + 1)) else { break };
            let (k, n) = (k.get(), n.get());
            if !k.is_unbound() {
                let key = th.call(id, &[k])?;
                let pair = th.tuple(&[n, k])?;
                th.dict_insert(out, key, pair)?;
            }
        }
    }
    Ok(out)
}

fn copy_read(th: &mut Thread, a: Args) -> R {
    let b = a[0].get::<Boxed>();
    let (dense, sparse) = (b.x.get(), b.y.get());
    let out = th.heap.new_dict()?;
    if let Some(array) = dense.cast::<Array>() {
        for i in 0..array.count.get() {
            if let Some(v) = array.slot(i).and_then(|s| s.get().bound()) {
                th.dict_insert(out, Value::int(i as i64), v)?;
            }
        }
    }
    if !sparse.is_unbound() {
        let pairs = th.dict_pairs(sparse)?;
        let p = pairs.get::<Tuple>();
        for i in 0..p.len() / 2 {
            th.dict_insert(out, p.at(2 * i), p.at(2 * i + 1))?;
        }
    }
    Ok(out)
}

fn reduce_memo(th: &mut Thread, a: Args) -> R {
    let copy = match a[0].get::<Boxed>().payload::<OfWriter>() {
        Some(_) => copy_written(th, a)?,
        None => copy_read(th, a)?,
    };
    let args = th.tuple(&[copy])?;
    Ok(th.tuple(&[C::dict.v(), args])?)
}

/// The pairs of a dict, or of the copy of a memo of the same kind.
fn memo_pairs(th: &mut Thread, v: Value, what: &str, of: Option<R>) -> R {
    let d = match of {
        Some(copy) => copy?,
        None if v.like::<Dict>().is_some() => v,
        None => {
            let text = format!("'memo' attribute must be a {what} object or dict, not {}", th.type_name(v));
            return Err(th.type_error(text));
        }
    };
    th.dict_pairs(d)
}

fn fill_written(th: &mut Thread, a: Args) -> R {
    let other = a[1].cast::<Boxed>().and_then(|b| b.payload::<OfWriter>());
    let copy = other.map(|_| copy_written(th, Args { at: std::ptr::from_ref(&a[1]), n: 1 }));
    let pairs = memo_pairs(th, a[1], "PicklerMemoProxy", copy)?;
    let p = pairs.get::<Tuple>();
    let mut memo = Memo::EMPTY;
    for i in 0..p.len() / 2 {
        let Some(t) = p.at(2 * i + 1).like::<Tuple>().filter(|t| t.len() == 2) else {
            return Err(th.type_error("'memo' values must be 2-item tuples"));
        };
        let n = th.index(t.at(0))?;
        memo.put(th, t.at(1), n.max(0) as usize)?;
    }
    let b = a[0].get::<Boxed>();
    b.x.set(memo.table);
    b.z.set(Value::int(memo.count as i64));
    Ok(Value::NONE)
}

fn fill_read(th: &mut Thread, a: Args) -> R {
    let other = a[1].cast::<Boxed>().and_then(|b| b.payload::<OfReader>());
    let copy = other.map(|_| copy_read(th, Args { at: std::ptr::from_ref(&a[1]), n: 1 }));
    let pairs = memo_pairs(th, a[1], "UnpicklerMemoProxy", copy)?;
    let p = pairs.get::<Tuple>();
    let mut known = Known::EMPTY;
    for i in 0..p.len() / 2 {
        let Ok(n) = usize::try_from(th.index(p.at(2 * i))?) else {
            return Err(th.value_error("memo key must be positive integers."));
        };
        known.put(th, n, p.at(2 * i + 1))?;
    }
    let b = a[0].get::<Boxed>();
    b.x.set(known.dense);
    b.y.set(known.sparse);
    b.z.set(Value::int(known.count as i64));
    Ok(Value::NONE)
}

// ------------------------------------------------------------------------------------------------------------ buffers

static BUFFER: ClassDef = ClassDef {
    name: "pickle.PickleBuffer",
    doc: "Wrapper for potentially out-of-band buffers",
    slots: |s| s.new = Some(new_buffer),
    methods: &[
        def(
            "raw",
            "($self, /)",
            |th, a| {
                let v = view(th, a[0])?;
                let raw = th.call(C::memoryview.v(), &[v])?;
                let bytes = th.str("B")?;
                let name = th.intern("cast")?;
                let f = th.getattr(raw, name)?;
                th.call(f, &[bytes])
            },
            "Return a memoryview of the raw memory underlying this buffer.",
        ),
        def(
            "release",
            "($self, /)",
            |_, a| {
                a[0].get::<Boxed>().y.set(Value::UNBOUND);
                Ok(Value::NONE)
            },
            "Release the underlying buffer.",
        ),
        def(
            "__buffer__",
            "($self, flags, /)",
            |th, a| {
                let v = view(th, a[0])?;
                th.call(C::memoryview.v(), &[v])
            },
            "Return a buffer object that exposes the underlying memory of the object.",
        ),
    ],
    kind: Kind::Boxed,
    ..PLAIN
};

fn new_buffer(th: &mut Thread, class: Value, args: Value, kwargs: Value) -> R {
    let [v] = crate::types::positional::<1>(th, "PickleBuffer", 1, args, kwargs)?;
    let view = match th.call(C::memoryview.v(), &[v]) {
        Ok(view) => view,
        Err(e) if !th.raised_is(C::TypeError) => return Err(e),
        Err(_) => {
            th.take_raised();
            let text = format!("a bytes-like object is required, not '{}'", th.type_name(v));
            return Err(th.type_error(text));
        }
    };
    let made = record(th, class, Box::new(OfBuffer))?;
    made.get::<Boxed>().y.set(view);
    Ok(made)
}

/// Whether a record is a PickleBuffer.
pub fn is_buffer(v: Value) -> bool {
    v.get::<Boxed>().payload::<OfBuffer>().is_some()
}

fn view(th: &mut Thread, v: Value) -> R {
    match v.get::<Boxed>().y.get() {
        v if !v.is_unbound() => Ok(v),
        _ => Err(th.value_error("operation forbidden on released PickleBuffer object")),
    }
}

/// Writes a PickleBuffer: its bytes, or a reference to a buffer handed over beside the pickle.
pub fn save_buffer(w: &mut Writer, th: &mut Thread, v: Value) -> R<()> {
    if w.proto < 5 {
        return Err(refused(th, "PickleBuffer can only be pickled with protocol >= 5"));
    }
    let view = view(th, v)?;
    let ask = |th: &mut Thread, name: &str| {
        let name = th.intern(name)?;
        let flag = th.getattr(view, name)?;
        th.truth(flag)
    };
    if !ask(th, "contiguous")? {
        return Err(refused(th, "PickleBuffer can not be pickled when pointing to a non-contiguous buffer"));
    }
    let readonly = ask(th, "readonly")?;
    let inside = if w.buffers.is_unbound() {
        true
    } else {
        let r = th.call(w.buffers, &[v])?;
        th.truth(r)?
    };
    if !inside {
        w.put(&[pickle_op::NEXT_BUFFER])?;
        return if readonly { w.put(&[pickle_op::READONLY_BUFFER]) } else { Ok(()) };
    }
    let bytes = util::buffer(th, view)?;
    if readonly { w.bytes_data(th, &bytes, v) } else { w.bytearray_data(th, &bytes, v) }
}
