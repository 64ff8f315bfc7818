//! The module `_zlib`: compression as functions and objects. Invariant: a stream stands in a Rust payload behind a lock
//! that is held while it works on bytes copied beforehand.

use super::util::{self, put, shape_of};
use super::zlib_stream::{Deflater, Inflater, Wrap, adler32};
use crate::heap::Value;
use crate::heap::object::*;
use crate::run::{Args, ClassDef, ModuleDef, PLAIN, R, Raised, Thread, class, def, get};
use crate::types;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// `_zlib`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_zlib",
    doc: "Compression and decompression.",
    functions: &[
        def(
            "compress",
            "(data, /, level=-1, wbits=15)",
            compress,
            "Returns a bytes object containing compressed data.",
        ),
        def(
            "decompress",
            "(data, /, wbits=15, bufsize=16384)",
            decompress,
            "Returns a bytes object containing the uncompressed data.",
        ),
        def(
            "compressobj",
            "(level=-1, method=8, wbits=15, memLevel=8, strategy=0, zdict=None)",
            compressobj,
            "Return a compressor object.",
        ),
        def("decompressobj", "(wbits=15, zdict=b'')", decompressobj, "Return a decompressor object."),
        def(
            "crc32",
            "(data, value=0, /)",
            |th, a| {
                let data = util::buffer(th, a[0])?;
                let start = if a[1].is_unbound() { 0 } else { low_word(th, a[1])? };
                let mut h = crc32fast::Hasher::new_with_initial(start);
                h.update(&data);
                Ok(Value::int(h.finalize() as i64))
            },
            "Compute a CRC-32 checksum of data.",
        ),
        def(
            "adler32",
            "(data, value=1, /)",
            |th, a| {
                let data = util::buffer(th, a[0])?;
                let start = if a[1].is_unbound() { 1 } else { low_word(th, a[1])? };
                Ok(Value::int(adler32(start, &data) as i64))
            },
            "Compute an Adler-32 checksum of data.",
        ),
    ],
    fill: |th, dict| {
        for (d, shape) in [(&COMPRESS, &OUTER), (&DECOMPRESS, &INNER)] {
            let c = class::define(th, None, d)?;
            shape.store(shape_of(c), Relaxed);
            put(th, dict, d.name.rsplit('.').next().unwrap_or(d.name), c)?;
        }
        Ok(())
    },
};

static OUTER: AtomicU32 = AtomicU32::new(0);
static INNER: AtomicU32 = AtomicU32::new(0);

static COMPRESS: ClassDef = ClassDef {
    name: "zlib.Compress",
    slots: |s| s.new = None,
    methods: &[
        def(
            "compress",
            "($self, data, /)",
            |th, a| {
                let data = util::buffer(th, a[1])?;
                let made = deflater(th, a[0], |d| if d.done { None } else { d.run(&data, 0) })?;
                given(th, made, "compressing data")
            },
            "Returns a bytes object containing compressed data.",
        ),
        def(
            "flush",
            "($self, mode=zlib.Z_FINISH, /)",
            |th, a| {
                let mode = util::integer_or(th, a[1], 4)?;
                if mode == 0 {
                    return types::bytes::make(th, b"");
                }
                let made = deflater(th, a[0], |d| if d.done { None } else { d.run(b"", mode) })?;
                given(th, made, "flushing")
            },
            "Return a bytes object containing any remaining compressed data.",
        ),
        def("copy", "($self, /)", copy_deflater, "Return a copy of the compression object."),
        def("__copy__", "($self, /)", copy_deflater, ""),
        def("__deepcopy__", "($self, memo, /)", copy_deflater, ""),
    ],
    kind: crate::heap::Kind::Boxed,
    ..PLAIN
};

static DECOMPRESS: ClassDef = ClassDef {
    name: "zlib.Decompress",
    slots: |s| s.new = None,
    methods: &[
        def(
            "decompress",
            "($self, data, /, max_length=0)",
            |th, a| {
                let data = util::buffer(th, a[1])?;
                let most = util::integer_or(th, a[2], 0)?;
                let Ok(most) = usize::try_from(most) else {
                    return Err(th.value_error("max_length must be non-negative"));
                };
                let most = if most == 0 { usize::MAX } else { most };
                let r = inflater(th, a[0], |i| {
                    if i.ended() && !data.is_empty() {
                        Err((-2, "inconsistent stream state"))
                    } else {
                        i.run(&data, most)
                    }
                })?;
                inflated(th, r)
            },
            "Return a bytes object containing the decompressed version of the data.",
        ),
        def(
            "flush",
            "($self, length=zlib.DEF_BUF_SIZE, /)",
            |th, a| {
                if util::integer_or(th, a[1], 1)? <= 0 {
                    return Err(th.value_error("length must be greater than zero"));
                }
                let r = inflater(th, a[0], |i| {
                    let rest = std::mem::take(&mut i.rest);
                    i.run(&rest, usize::MAX)
                })?;
                inflated(th, r)
            },
            "Return a bytes object containing any remaining decompressed data.",
        ),
        def("copy", "($self, /)", copy_inflater, "Return a copy of the decompression object."),
        def("__copy__", "($self, /)", copy_inflater, ""),
        def("__deepcopy__", "($self, memo, /)", copy_inflater, ""),
    ],
    getset: &[
        get(
            "unused_data",
            |th, o| {
                let b = inflater(th, o, |i| i.unused.clone())?;
                types::bytes::make(th, &b)
            },
            "What followed the end of the compressed data.",
        ),
        get(
            "unconsumed_tail",
            |th, o| {
                let b = inflater(th, o, |i| i.rest.clone())?;
                types::bytes::make(th, &b)
            },
            "What the last call did not take since its output was limited.",
        ),
        get(
            "eof",
            |th, o| inflater(th, o, |i| Value::bool(i.ended())),
            "Whether the end of the compressed data was reached.",
        ),
    ],
    kind: crate::heap::Kind::Boxed,
    ..PLAIN
};

/// Raises `zlib.error`.
#[cold]
fn trouble(th: &mut Thread, text: &str) -> Raised {
    let made = (|| {
        let class = types::imported(th, "zlib", "error")?;
        let text = th.str(text)?;
        th.call(class, &[text])
    })();
    match made {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}

fn given(th: &mut Thread, made: Option<Vec<u8>>, doing: &str) -> R {
    match made {
        Some(b) => types::bytes::make(th, &b),
        None => Err(trouble(th, &format!("Error -2 while {doing}: inconsistent stream state"))),
    }
}

fn inflated(th: &mut Thread, r: Result<Vec<u8>, (i32, &'static str)>) -> R {
    match r {
        Ok(b) => types::bytes::make(th, &b),
        Err((code, why)) => Err(trouble(th, &format!("Error {code} while decompressing data: {why}"))),
    }
}

fn low_word(th: &mut Thread, v: Value) -> R<u32> {
    let i = crate::run::arith::index(th, v)?;
    let mask = Value::int(0xffff_ffff);
    let cut = th.binary(crate::run::Bin::And, i, mask)?;
    Ok(cut.as_int() as u32)
}

fn deflater<T>(th: &mut Thread, o: Value, f: impl FnOnce(&mut Deflater) -> T) -> R<T> {
    match o.like::<Boxed>().and_then(|b| b.payload::<Mutex<Deflater>>()) {
        Some(d) => Ok(f(&mut d.lock().unwrap_or_else(PoisonError::into_inner))),
        None => Err(th.type_error("a zlib.Compress object is needed")),
    }
}

fn inflater<T>(th: &mut Thread, o: Value, f: impl FnOnce(&mut Inflater) -> T) -> R<T> {
    match o.like::<Boxed>().and_then(|b| b.payload::<Mutex<Inflater>>()) {
        Some(i) => Ok(f(&mut i.lock().unwrap_or_else(PoisonError::into_inner))),
        None => Err(th.type_error("a zlib.Decompress object is needed")),
    }
}

fn copy_deflater(th: &mut Thread, a: Args) -> R {
    let d = deflater(th, a[0], |d| d.clone())?;
    Ok(th.boxed(OUTER.load(Relaxed), Box::new(Mutex::new(d)), 300_000)?)
}

fn copy_inflater(th: &mut Thread, a: Args) -> R {
    let i = inflater(th, a[0], |i| i.clone())?;
    Ok(th.boxed(INNER.load(Relaxed), Box::new(Mutex::new(i)), 50_000)?)
}

fn compress(th: &mut Thread, a: Args) -> R {
    let data = util::buffer(th, a[0])?;
    let (level, bits) = (util::integer_or(th, a[1], -1)?, util::integer_or(th, a[2], 15)?);
    let wrap = Wrap::of(bits, false).filter(|_| (-1..=9).contains(&level));
    let Some(wrap) = wrap else { return Err(trouble(th, "Bad compression level")) };
    let made = Deflater::new(level, wrap, bits, 0).run(&data, 4);
    given(th, made, "compressing data")
}

fn decompress(th: &mut Thread, a: Args) -> R {
    let data = util::buffer(th, a[0])?;
    let bits = util::integer_or(th, a[1], 15)?;
    let Some(wrap) = Wrap::of(bits, true) else {
        let text = "Error -2 while preparing to decompress data: inconsistent stream state";
        return Err(trouble(th, text));
    };
    if !a[2].is_unbound() && util::integer(th, a[2])? <= 0 {
        return Err(th.value_error("bufsize must be non-zero"));
    }
    let mut i = Inflater::new(wrap, Vec::new());
    let r = i.run(&data, usize::MAX);
    if r.is_ok() && !i.ended() {
        return Err(trouble(th, "Error -5 while decompressing data: incomplete or truncated stream"));
    }
    inflated(th, r)
}

fn compressobj(th: &mut Thread, a: Args) -> R {
    let level = util::integer_or(th, a[0], -1)?;
    let method = util::integer_or(th, a[1], 8)?;
    let bits = util::integer_or(th, a[2], 15)?;
    let memory = util::integer_or(th, a[3], 8)?;
    let strategy = util::integer_or(th, a[4], 0)?;
    let right =
        (-1..=9).contains(&level) && method == 8 && (1..=9).contains(&memory) && (0..=4).contains(&strategy);
    let Some(wrap) = Wrap::of(bits, false).filter(|_| right) else {
        return Err(th.value_error("Invalid initialization option"));
    };
    if !util::missing(a[5]) {
        return Err(th.not_implemented("zlib.compressobj: preset dictionaries are not supported"));
    }
    let d = Deflater::new(level, wrap, bits, strategy);
    Ok(th.boxed(OUTER.load(Relaxed), Box::new(Mutex::new(d)), 300_000)?)
}

fn decompressobj(th: &mut Thread, a: Args) -> R {
    let bits = util::integer_or(th, a[0], 15)?;
    let dictionary = if util::missing(a[1]) { Vec::new() } else { util::buffer(th, a[1])? };
    let Some(wrap) = Wrap::of(bits, true) else {
        return Err(th.value_error("Invalid initialization option"));
    };
    let i = Inflater::new(wrap, dictionary);
    Ok(th.boxed(INNER.load(Relaxed), Box::new(Mutex::new(i)), 50_000)?)
}
