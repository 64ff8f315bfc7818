//! Native module `_sha2`: SHA-512 (FIPS 180-4), which seeds of text go through. Invariant: an object keeps the bytes it
//! was given; the digest is computed when it is asked for.

use super::util::{buffer, put, shape_of};
use crate::heap::object::Boxed;
use crate::heap::{Kind, Value};
use crate::run::{Args, ClassDef, Def, ModuleDef, PLAIN, R, Thread, class, def, get};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_sha2",
    doc: "The hash function SHA-512.",
    functions: &[def("sha512", "(string=b'', /, *, usedforsecurity=True)", sha512, "A SHA-512 object.")],
    fill,
};

static CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

static HASH: ClassDef = ClassDef {
    name: "_sha2.SHA512Type",
    methods: METHODS,
    getset: &[
        get("name", |th, _| th.intern("sha512"), "Name of the function."),
        get("digest_size", |_, _| Ok(Value::int(64)), "Bytes of a digest."),
        get("block_size", |_, _| Ok(Value::int(128)), "Bytes of a block."),
    ],
    kind: Kind::Boxed,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("update", "($self, obj, /)", update, "Add bytes."),
    def("digest", "($self, /)", digest, "The digest as bytes."),
    def("hexdigest", "($self, /)", hexdigest, "The digest as text."),
    def("copy", "($self, /)", copy, "A copy that goes its own way."),
];

struct Data(Mutex<Vec<u8>>);

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &HASH)?;
    CLASS.store(c.0, Relaxed);
    put(th, dict, "SHA512Type", c)
}

fn make(th: &mut Thread, bytes: Vec<u8>) -> R {
    let n = bytes.len();
    Ok(th.heap.boxed(shape_of(Value(CLASS.load(Relaxed))), Box::new(Data(Mutex::new(bytes))), n)?)
}

fn data(v: Value) -> &'static Mutex<Vec<u8>> {
    &v.get::<Boxed>().payload::<Data>().expect("the class makes its instances").0
}

fn bytes_of(v: Value) -> Vec<u8> {
    data(v).lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn given(th: &mut Thread, v: Value) -> R<Vec<u8>> {
    if crate::heap::text::is_text(v.base()) {
        return Err(th.type_error("Strings must be encoded before hashing"));
    }
    buffer(th, v)
}

fn sha512(th: &mut Thread, a: Args) -> R {
    let bytes = if a[0].is_unbound() { Vec::new() } else { given(th, a[0])? };
    make(th, bytes)
}

fn update(th: &mut Thread, a: Args) -> R {
    let more = given(th, a[1])?;
    data(a[0]).lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&more);
    Ok(Value::NONE)
}

fn digest(th: &mut Thread, a: Args) -> R {
    let sum = sum(&bytes_of(a[0]));
    Ok(th.bytes(&sum)?)
}

fn hexdigest(th: &mut Thread, a: Args) -> R {
    let text: String = sum(&bytes_of(a[0])).iter().map(|b| format!("{b:02x}")).collect();
    Ok(th.str(&text)?)
}

fn copy(th: &mut Thread, a: Args) -> R {
    make(th, bytes_of(a[0]))
}

/// The first `count` primes.
fn primes(count: usize) -> Vec<u64> {
    (2u64..).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).take(count).collect()
}

/// The first 64 bits of the fraction of the `root`th root of `n`: the largest x with (whole + x / 2^64)^root <= n.
fn fraction(n: u64, root: u32) -> u64 {
    let whole = (1u64..).take_while(|w| w.pow(root) <= n).last().unwrap_or(0);
    let (mut low, mut high) = (0u128, 1u128 << 64);
    while high - low > 1 {
        let middle = (low + high) / 2;
        if power_at_most((whole as u128) << 64 | middle, root, n) {
            low = middle;
        } else {
            high = middle;
        }
    }
    low as u64
}

/// Whether (x / 2^64)^root <= n, in words of 32 bits.
fn power_at_most(x: u128, root: u32, n: u64) -> bool {
    let words = |mut v: u128| {
        let mut out = Vec::new();
        while v > 0 {
            out.push(v as u32 as u64);
            v >>= 32;
        }
        out
    };
    let factor = words(x);
    let mut power = vec![1u64];
    for _ in 0..root {
        let mut next = vec![0u64; power.len() + factor.len() + 1];
        for (i, p) in power.iter().enumerate() {
            let mut carry = 0u64;
            for (j, f) in factor.iter().enumerate() {
                let t = p * f + next[i + j] + carry;
                next[i + j] = t & 0xffff_ffff;
                carry = t >> 32;
            }
            next[i + factor.len()] += carry;
        }
        power = next;
    }
    // n * 2^(64 * root)
    let mut limit = vec![0u64; 2 * root as usize];
    limit.extend([n & 0xffff_ffff, n >> 32]);
    let len = power.len().max(limit.len());
    power.resize(len, 0);
    limit.resize(len, 0);
    power.iter().rev().le(limit.iter().rev())
}

/// SHA-512 of a message.
pub fn sum(message: &[u8]) -> [u8; 64] {
    static CONSTANTS: std::sync::OnceLock<(Vec<u64>, Vec<u64>)> = std::sync::OnceLock::new();
    let (k, start) = CONSTANTS.get_or_init(|| {
        let p = primes(80);
        (p.iter().map(|n| fraction(*n, 3)).collect(), p[..8].iter().map(|n| fraction(*n, 2)).collect())
    });
    let mut padded = message.to_vec();
    padded.push(0x80);
    while padded.len() % 128 != 112 {
        padded.push(0);
    }
    padded.extend_from_slice(&(message.len() as u128 * 8).to_be_bytes());
    let mut h: Vec<u64> = start.clone();
    for block in padded.chunks_exact(128) {
        let mut w = [0u64; 80];
        for (slot, bytes) in w.iter_mut().zip(block.chunks_exact(8)) {
            *slot = bytes.iter().fold(0, |n, b| n << 8 | *b as u64);
        }
        for t in 16..80 {
            let (x, y) = (w[t - 15], w[t - 2]);
            let s0 = x.rotate_right(1) ^ x.rotate_right(8) ^ x >> 7;
            let s1 = y.rotate_right(19) ^ y.rotate_right(61) ^ y >> 6;
            w[t] = w[t - 16].wrapping_add(s0).wrapping_add(w[t - 7]).wrapping_add(s1);
        }
        let mut v = [0u64; 8];
        v.copy_from_slice(&h);
        for t in 0..80 {
            let [a, b, c, _, e, f, g, last] = v;
            let big1 = e.rotate_right(14) ^ e.rotate_right(18) ^ e.rotate_right(41);
            let choice = e & f ^ !e & g;
            let t1 = last.wrapping_add(big1).wrapping_add(choice).wrapping_add(k[t]).wrapping_add(w[t]);
            let big0 = a.rotate_right(28) ^ a.rotate_right(34) ^ a.rotate_right(39);
            let t2 = big0.wrapping_add(a & b ^ a & c ^ b & c);
            v.rotate_right(1);
            v[0] = t1.wrapping_add(t2);
            v[4] = v[4].wrapping_add(t1);
        }
        for (slot, x) in h.iter_mut().zip(v) {
            *slot = slot.wrapping_add(x);
        }
    }
    let mut out = [0; 64];
    for (slot, x) in out.chunks_exact_mut(8).zip(h) {
        slot.copy_from_slice(&x.to_be_bytes());
    }
    out
}
