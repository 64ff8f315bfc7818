//! The module `_hashlib`: digests of every kind as objects. Invariant: the state of a digest stands in a Rust payload
//! behind a lock that is held only while bytes are taken in; nothing is allocated in the heap meanwhile.

use super::hash_blake::{Blake2b, Blake2s, Parameters};
use super::util::{class_attr, put, shape_of};
use super::{hash_key, util};
use crate::heap::Value;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::run::{ClassDef, Def, ModuleDef, PLAIN, R, Thread, class, def, get};
use crate::types;
use sha2::Digest;
use sha3::digest::{ExtendableOutput, Update, XofReader};
use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// `_hashlib`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_hashlib",
    doc: "Digests, keys made of passwords, and comparison in constant time.",
    functions: &FUNCTIONS,
    fill: |th, dict| {
        for (i, d) in CLASSES.iter().enumerate() {
            let c = class::define(th, None, d)?;
            SHAPES[i].store(shape_of(c), Relaxed);
            let short = d.name.rsplit('.').next().unwrap_or(d.name);
            put(th, dict, short, c)?;
            let (salt, most) = match i {
                2 => (16, 64),
                3 => (8, 32),
                _ => continue,
            };
            let sizes = [
                ("SALT_SIZE", salt),
                ("PERSON_SIZE", salt),
                ("MAX_KEY_SIZE", most),
                ("MAX_DIGEST_SIZE", most),
            ];
            for (name, n) in sizes {
                class_attr(th, c, name, Value::int(n))?;
            }
        }
        Ok(())
    },
};

/// A digest in progress.
pub trait Hash: Send {
    /// Takes more.
    fn take(&mut self, data: &[u8]);
    /// The digest of what came so far; `n` bytes where the length is free.
    fn finish(&self, n: usize) -> Vec<u8>;
    /// The same state again.
    fn copy(&self) -> Box<dyn Hash>;
}

#[derive(Clone)]
struct Fixed<D>(D);

impl<D: Digest + Clone + Send + 'static> Hash for Fixed<D> {
    fn take(&mut self, data: &[u8]) {
        Digest::update(&mut self.0, data);
    }
    fn finish(&self, _: usize) -> Vec<u8> {
        self.0.clone().finalize().to_vec()
    }
    fn copy(&self) -> Box<dyn Hash> {
        Box::new(self.clone())
    }
}

#[derive(Clone)]
struct Free<D>(D);

impl<D: Update + ExtendableOutput + Clone + Send + 'static> Hash for Free<D> {
    fn take(&mut self, data: &[u8]) {
        self.0.update(data);
    }
    fn finish(&self, n: usize) -> Vec<u8> {
        let mut out = vec![0; n];
        self.0.clone().finalize_xof().read(&mut out);
        out
    }
    fn copy(&self) -> Box<dyn Hash> {
        Box::new(self.clone())
    }
}

macro_rules! blake_hash {
    ($($name:ident)*) => { $(
        impl Hash for $name {
            fn take(&mut self, data: &[u8]) {
                self.update(data);
            }
            fn finish(&self, _: usize) -> Vec<u8> {
                $name::finish(self)
            }
            fn copy(&self) -> Box<dyn Hash> {
                Box::new(self.clone())
            }
        }
    )* };
}

blake_hash! { Blake2b Blake2s }

/// What a digest object owns.
pub struct State {
    name: &'static str,
    /// Index of its class.
    kind: usize,
    /// Bytes of a block.
    pub block: usize,
    /// Bytes of the digest; 0 where the length is free.
    pub size: usize,
    /// The state.
    pub hash: Box<dyn Hash>,
}

impl State {
    fn again(&self) -> State {
        State { hash: self.hash.copy(), ..*self }
    }
}

fn fixed<D: Digest + Clone + Send + 'static>(name: &'static str, block: usize) -> State {
    State { name, kind: 0, block, size: <D as Digest>::output_size(), hash: Box::new(Fixed(D::new())) }
}

fn free<D: Update + ExtendableOutput + Clone + Default + Send + 'static>(
    name: &'static str,
    block: usize,
) -> State {
    State { name, kind: 1, block, size: 0, hash: Box::new(Free(D::default())) }
}

const PLAIN_BLAKE: Parameters = Parameters {
    size: 64,
    key: b"",
    salt: b"",
    person: b"",
    fanout: 1,
    depth: 1,
    leaf_size: 0,
    node_offset: 0,
    node_depth: 0,
    inner_size: 0,
    last_node: false,
};

fn blake(kind: usize, p: &Parameters) -> State {
    let size = p.size as usize;
    match kind {
        2 => State { name: "blake2b", kind, block: Blake2b::BLOCK, size, hash: Box::new(Blake2b::new(p)) },
        _ => State { name: "blake2s", kind, block: Blake2s::BLOCK, size, hash: Box::new(Blake2s::new(p)) },
    }
}

/// A fresh state by the name of its algorithm.
pub fn begin(name: &str) -> Option<State> {
    let plain = name.to_ascii_lowercase().replace('-', "_");
    Some(match plain.as_str() {
        "md5" => fixed::<md5::Md5>("md5", 64),
        "sha1" | "sha_1" => fixed::<sha1::Sha1>("sha1", 64),
        "sha224" | "sha2_224" | "sha_224" => fixed::<sha2::Sha224>("sha224", 64),
        "sha256" | "sha2_256" | "sha_256" => fixed::<sha2::Sha256>("sha256", 64),
        "sha384" | "sha2_384" | "sha_384" => fixed::<sha2::Sha384>("sha384", 128),
        "sha512" | "sha2_512" | "sha_512" => fixed::<sha2::Sha512>("sha512", 128),
        "sha512_224" | "sha512/224" => fixed::<sha2::Sha512_224>("sha512_224", 128),
        "sha512_256" | "sha512/256" => fixed::<sha2::Sha512_256>("sha512_256", 128),
        "sha3_224" => fixed::<sha3::Sha3_224>("sha3_224", 144),
        "sha3_256" => fixed::<sha3::Sha3_256>("sha3_256", 136),
        "sha3_384" => fixed::<sha3::Sha3_384>("sha3_384", 104),
        "sha3_512" => fixed::<sha3::Sha3_512>("sha3_512", 72),
        "shake_128" | "shake128" => free::<sha3::Shake128>("shake_128", 168),
        "shake_256" | "shake256" => free::<sha3::Shake256>("shake_256", 136),
        "blake2b" | "blake2b512" => blake(2, &PLAIN_BLAKE),
        "blake2s" | "blake2s256" => blake(3, &Parameters { size: 32, ..PLAIN_BLAKE }),
        _ => return None,
    })
}

static SHAPES: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];

const OBJECT: ClassDef = ClassDef {
    name: "_hashlib.HASH",
    doc: "A hash is an object used to calculate a checksum of a string of information.",
    slots: |s| {
        s.new = None;
        s.repr = Some(|th, o| {
            let name = state(th, o, |s| s.name)?;
            let class = types::full_name(th, class::class_of(o))?;
            types::text(th, format!("<{name} {class} object @ {}>", types::address(o)))
        });
    },
    methods: &METHODS,
    getset: &[
        get(
            "name",
            |th, o| {
                let name = state(th, o, |s| s.name)?;
                types::text(th, name)
            },
            "Canonical name of the algorithm.",
        ),
        get("digest_size", |th, o| state(th, o, |s| Value::int(s.size as i64)), "Bytes of the digest."),
        get(
            "block_size",
            |th, o| state(th, o, |s| Value::int(s.block as i64)),
            "Bytes that are digested at a time.",
        ),
    ],
    kind: crate::heap::Kind::Boxed,
    ..PLAIN
};

static CLASSES: [ClassDef; 4] = [
    OBJECT,
    ClassDef { name: "_hashlib.HASHXOF", methods: &FREE_METHODS, ..OBJECT },
    ClassDef {
        name: "_blake2.blake2b",
        doc: "Return a new BLAKE2b hash object.",
        slots: |s| s.new = Some(|th, _, args, kwargs| new_blake(th, 2, args, kwargs)),
        ..OBJECT
    },
    ClassDef {
        name: "_blake2.blake2s",
        doc: "Return a new BLAKE2s hash object.",
        slots: |s| s.new = Some(|th, _, args, kwargs| new_blake(th, 3, args, kwargs)),
        ..OBJECT
    },
];

const UPDATE: Def = def(
    "update",
    "($self, obj, /)",
    |th, a| {
        let data = data(th, a[1])?;
        state(th, a[0], |s| s.hash.take(&data))?;
        Ok(Value::NONE)
    },
    "Update this hash object's state with the provided bytes.",
);
const COPY: Def = def(
    "copy",
    "($self, /)",
    |th, a| {
        let s = state(th, a[0], |s| s.again())?;
        object(th, s)
    },
    "Return a copy of the hash object.",
);

static METHODS: [Def; 4] = [
    UPDATE,
    COPY,
    def(
        "digest",
        "($self, /)",
        |th, a| {
            let out = state(th, a[0], |s| s.hash.finish(s.size))?;
            Ok(th.bytes(&out)?)
        },
        "Return the digest value as a bytes object.",
    ),
    def(
        "hexdigest",
        "($self, /)",
        |th, a| {
            let out = state(th, a[0], |s| s.hash.finish(s.size))?;
            types::text(th, hex(&out))
        },
        "Return the digest value as a string of hexadecimal digits.",
    ),
];

static FREE_METHODS: [Def; 4] = [
    UPDATE,
    COPY,
    def(
        "digest",
        "($self, /, length)",
        |th, a| {
            let n = length(th, a[1])?;
            let out = state(th, a[0], |s| s.hash.finish(n))?;
            Ok(th.bytes(&out)?)
        },
        "Return the digest value as a bytes object.",
    ),
    def(
        "hexdigest",
        "($self, /, length)",
        |th, a| {
            let n = length(th, a[1])?;
            let out = state(th, a[0], |s| s.hash.finish(n))?;
            types::text(th, hex(&out))
        },
        "Return the digest value as a string of hexadecimal digits.",
    ),
];

/// A function that makes a digest object of one algorithm.
macro_rules! makers {
    ($($function:literal $name:literal),*) => {
        [$(def(
            $function,
            "(data=b'', *, usedforsecurity=True, string=None)",
            |th, a| make(th, $name, a[0], a[2]),
            "Returns a hash object; optionally initialized with a string.",
        )),*]
    };
}

static FUNCTIONS: [Def; 17] = {
    let [a, b, c, d, e, f, g, h, i, j, k, l] = makers! {
        "openssl_md5" "md5", "openssl_sha1" "sha1", "openssl_sha224" "sha224", "openssl_sha256" "sha256",
        "openssl_sha384" "sha384", "openssl_sha512" "sha512", "openssl_sha3_224" "sha3_224",
        "openssl_sha3_256" "sha3_256", "openssl_sha3_384" "sha3_384", "openssl_sha3_512" "sha3_512",
        "openssl_shake_128" "shake_128", "openssl_shake_256" "shake_256"
    };
    let [m, n, o] = hash_key::FUNCTIONS;
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, NEW, SEED]
};

const NEW: Def = def(
    "new",
    "(name, data=b'', *, usedforsecurity=True, string=None)",
    |th, a| {
        if !types::is_str(a[0]) {
            let t = types::seq::said(th, a[0]);
            return Err(th.type_error(format!("new() argument 'name' must be str, not {t}")));
        }
        let name = th.text_of(a[0])?;
        make(th, &name, a[1], a[3])
    },
    "Return a new hash object using the named algorithm.",
);

const SEED: Def = def(
    "sha2_512_digest",
    "(data, /)",
    |th, a| {
        let data = data(th, a[0])?;
        let out = sha2::Sha512::digest(&data);
        Ok(th.bytes(&out)?)
    },
    "The SHA-512 digest of the data.",
);

/// Runs `f` on the state of a digest object, under its lock.
pub fn state<T>(th: &mut Thread, o: Value, f: impl FnOnce(&mut State) -> T) -> R<T> {
    match o.like::<Boxed>().and_then(|b| b.payload::<Mutex<State>>()) {
        Some(s) => Ok(f(&mut s.lock().unwrap_or_else(PoisonError::into_inner))),
        None => Err(th.type_error("a hash object is needed")),
    }
}

fn object(th: &mut Thread, s: State) -> R {
    let shape = SHAPES[s.kind].load(Relaxed);
    Ok(th.boxed(shape, Box::new(Mutex::new(s)), 512)?)
}

fn make(th: &mut Thread, name: &str, given: Value, string: Value) -> R {
    let given = if util::missing(string) { given } else { string };
    let Some(mut s) = begin(name) else {
        return Err(th.value_error(format!("unsupported hash type {name}")));
    };
    if !given.is_unbound() {
        s.hash.take(&data(th, given)?);
    }
    object(th, s)
}

/// The bytes to be digested.
pub fn data(th: &mut Thread, v: Value) -> R<Cow<'static, [u8]>> {
    if types::is_str(v) {
        return Err(th.type_error("Strings must be encoded before hashing"));
    }
    if let Some(b) = types::seq::buffer(v) {
        return Ok(b);
    }
    match util::buffer(th, v) {
        Ok(b) => Ok(Cow::Owned(b)),
        Err(_) if th.raised_is(C::TypeError) => {
            th.take_raised();
            Err(th.type_error("object supporting the buffer API required"))
        }
        Err(e) => Err(e),
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|b| [b >> 4, b & 15])
        .map(|d| char::from_digit(d as u32, 16).unwrap_or('0'))
        .collect()
}

/// The length that a digest of free length is asked for.
fn length(th: &mut Thread, v: Value) -> R<usize> {
    match usize::try_from(th.index(v)?) {
        Ok(n) if n < 1 << 29 => Ok(n),
        _ => Err(th.value_error("length must be between 0 and 536870911")),
    }
}

fn new_blake(th: &mut Thread, kind: usize, args: Value, kwargs: Value) -> R {
    let (name, shown, most, salts) =
        if kind == 2 { ("blake2b", "Blake2b", 64, 16) } else { ("blake2s", "Blake2s", 32, 8) };
    let n = args.get::<Tuple>().len();
    if n > 1 {
        return Err(th.type_error(format!("{name}() takes at most 1 positional argument ({n} given)")));
    }
    let names = [
        "data",
        "digest_size",
        "key",
        "salt",
        "person",
        "fanout",
        "depth",
        "leaf_size",
        "node_offset",
        "node_depth",
        "inner_size",
        "last_node",
        "usedforsecurity",
        "string",
    ];
    let a = types::bind::<14>(th, name, names, 0, args, kwargs)?;
    let size = util::integer_or(th, a[1], most)?;
    if !(1..=most).contains(&size) {
        let text = format!("digest_size for {shown} must be between 1 and {most} bytes, here it is {size}");
        return Err(th.value_error(text));
    }
    let part = |th: &mut Thread, v: Value, what: &str, most: i64| -> R<Vec<u8>> {
        let b = if v.is_unbound() { Vec::new() } else { util::buffer(th, v)? };
        if b.len() as i64 > most {
            return Err(th.value_error(format!("maximum {what} length is {most} bytes")));
        }
        Ok(b)
    };
    let (salt, person) = (part(th, a[3], "salt", salts)?, part(th, a[4], "person", salts)?);
    let number = |th: &mut Thread, v: Value, default: i64, low: i64, high: i64, text: &str| -> R<u8> {
        let i = util::integer_or(th, v, default)?;
        if (low..=high).contains(&i) { Ok(i as u8) } else { Err(th.value_error(text)) }
    };
    let fanout = number(th, a[5], 1, 0, 255, "fanout must be between 0 and 255")?;
    let depth = number(th, a[6], 1, 1, 255, "depth must be between 1 and 255")?;
    let leaf_size = unsigned(th, a[7], "leaf_size", 32)? as u32;
    let node_offset = unsigned(th, a[8], "node_offset", if kind == 2 { 64 } else { 48 })?;
    let node_depth = number(th, a[9], 0, 0, 255, "node_depth must be between 0 and 255")?;
    let inner_size = number(th, a[10], 0, 0, most, &format!("inner_size must be between 0 and is {most}"))?;
    let last_node = util::truth_or(th, a[11], false)?;
    let key = part(th, a[2], "key", most)?;
    let mut s = blake(
        kind,
        &Parameters {
            size: size as u8,
            key: &key,
            salt: &salt,
            person: &person,
            fanout,
            depth,
            leaf_size,
            node_offset,
            node_depth,
            inner_size,
            last_node,
        },
    );
    let given = if util::missing(a[13]) { a[0] } else { a[13] };
    if !given.is_unbound() {
        s.hash.take(&data(th, given)?);
    }
    object(th, s)
}

/// A number without sign of at most `bits` bits.
fn unsigned(th: &mut Thread, v: Value, what: &str, bits: u32) -> R<u64> {
    if v.is_unbound() {
        return Ok(0);
    }
    let i = crate::run::arith::index(th, v)?;
    if i.is_int() && i.as_int() < 0 {
        return Err(th.value_error("Cannot convert negative int"));
    }
    let wide = crate::heap::bigint::to_bytes(i, 8, false, false).ok();
    let n = wide.and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    match n {
        Some(n) if bits == 64 || n >> bits == 0 => Ok(n),
        None if bits == 64 => Err(th.overflow_error("Python int too large for C unsigned long long")),
        _ => Err(th.overflow_error(format!("{what} is too large"))),
    }
}
