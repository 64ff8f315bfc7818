//! Keys made of passwords (PBKDF2 of RFC 8018, scrypt of RFC 7914), keyed digests (RFC 2104) and comparison in constant
//! time. Invariant: everything here works on copies of the bytes, so nothing changes under it.

use super::hash::{State, begin};
use super::util;
use crate::heap::Value;
use crate::run::{Args, Def, R, Thread, def, poll};
use crate::types;

/// The rows of `_hashlib` that stand here.
pub const FUNCTIONS: [Def; 3] = [
    def(
        "pbkdf2_hmac",
        "(hash_name, password, salt, iterations, dklen=None)",
        pbkdf2_hmac,
        "Password based key derivation function 2 (PKCS #5 v2.0) with HMAC as pseudorandom function.",
    ),
    def(
        "scrypt",
        "(password, *, salt, n, r, p, maxmem=0, dklen=64)",
        scrypt,
        "scrypt password-based key derivation function.",
    ),
    def(
        "compare_digest",
        "(a, b, /)",
        compare_digest,
        "Return 'a == b' in a time that does not depend on where they differ.",
    ),
];

/// The two blocks that a key makes.
fn pads(key: &[u8], block: usize) -> (Vec<u8>, Vec<u8>) {
    let mut pair = (vec![0x36; block], vec![0x5c; block]);
    for (i, k) in key.iter().enumerate().take(block) {
        pair.0[i] ^= k;
        pair.1[i] ^= k;
    }
    pair
}

/// An HMAC whose key has been taken in.
struct Keyed {
    inner: State,
    outer: State,
}

impl Keyed {
    fn new(name: &str, key: &[u8]) -> Option<Keyed> {
        let (mut inner, mut outer) = (begin(name)?, begin(name)?);
        if inner.size == 0 {
            return None;
        }
        let short = if key.len() > inner.block {
            let mut h = inner.hash.copy();
            h.take(key);
            h.finish(inner.size)
        } else {
            key.to_vec()
        };
        let (i, o) = pads(&short, inner.block);
        inner.hash.take(&i);
        outer.hash.take(&o);
        Some(Keyed { inner, outer })
    }

    fn digest(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut i = self.inner.hash.copy();
        parts.iter().for_each(|p| i.take(p));
        let mut o = self.outer.hash.copy();
        o.take(&i.finish(self.inner.size));
        o.finish(self.outer.size)
    }
}

/// The key of `n` bytes, asking every so often whether the thread is wanted elsewhere.
fn derive(th: &mut Thread, mac: &Keyed, salt: &[u8], rounds: u64, n: usize) -> R<Vec<u8>> {
    let mut out = Vec::with_capacity(n);
    let mut block = 0u32;
    let mut steps = 0u64;
    while out.len() < n {
        block += 1;
        let mut u = mac.digest(&[salt, &block.to_be_bytes()]);
        let mut t = u.clone();
        for _ in 1..rounds {
            u = mac.digest(&[&u]);
            t.iter_mut().zip(&u).for_each(|(t, u)| *t ^= u);
            steps += 1;
            if steps.is_multiple_of(4096) {
                poll::native_poll(th)?;
            }
        }
        out.extend_from_slice(&t);
    }
    out.truncate(n);
    Ok(out)
}

fn pbkdf2_hmac(th: &mut Thread, a: Args) -> R {
    if !types::is_str(a[0]) {
        let t = types::seq::said(th, a[0]);
        return Err(th.type_error(format!("pbkdf2_hmac() argument 'hash_name' must be str, not {t}")));
    }
    let name = th.text_of(a[0])?;
    let (password, salt) = (util::buffer(th, a[1])?, util::buffer(th, a[2])?);
    let rounds = util::integer(th, a[3])?;
    let Some(mac) = Keyed::new(&name, &password) else {
        return Err(th.value_error(format!("unsupported hash type {name}")));
    };
    let n = if util::missing(a[4]) { mac.inner.size as i64 } else { util::integer(th, a[4])? };
    if rounds < 1 {
        return Err(th.value_error("iteration value must be greater than 0."));
    }
    if n < 1 {
        return Err(th.value_error("key length must be greater than 0."));
    }
    if n > i32::MAX as i64 {
        return Err(th.overflow_error("key length is too great."));
    }
    let out = derive(th, &mac, &salt, rounds as u64, n as usize)?;
    Ok(th.bytes(&out)?)
}

fn salsa(b: &mut [u32; 16]) {
    const ROWS: [[usize; 4]; 8] = [
        [0, 4, 8, 12],
        [5, 9, 13, 1],
        [10, 14, 2, 6],
        [15, 3, 7, 11],
        [0, 1, 2, 3],
        [5, 6, 7, 4],
        [10, 11, 8, 9],
        [15, 12, 13, 14],
    ];
    let mut x = *b;
    for _ in 0..4 {
        for [a, b, c, d] in ROWS {
            x[b] ^= x[a].wrapping_add(x[d]).rotate_left(7);
            x[c] ^= x[b].wrapping_add(x[a]).rotate_left(9);
            x[d] ^= x[c].wrapping_add(x[b]).rotate_left(13);
            x[a] ^= x[d].wrapping_add(x[c]).rotate_left(18);
        }
    }
    b.iter_mut().zip(x).for_each(|(b, x)| *b = b.wrapping_add(x));
}

/// Mixes `2 * r` blocks of 16 words, the even ones first in the result.
fn mix(words: &mut [u32], spare: &mut [u32], r: usize) {
    let mut x = [0; 16];
    x.copy_from_slice(&words[words.len() - 16..]);
    for i in 0..2 * r {
        x.iter_mut().zip(&words[16 * i..]).for_each(|(x, w)| *x ^= w);
        salsa(&mut x);
        let at = if i % 2 == 0 { i / 2 } else { r + i / 2 };
        spare[16 * at..16 * at + 16].copy_from_slice(&x);
    }
    words.copy_from_slice(spare);
}

fn scrypt(th: &mut Thread, a: Args) -> R {
    let (password, salt) = (util::buffer(th, a[0])?, util::buffer(th, a[1])?);
    let (n, r, p) = (util::integer(th, a[2])?, util::integer(th, a[3])?, util::integer(th, a[4])?);
    let most = util::integer_or(th, a[5], 0)?;
    let size = util::integer_or(th, a[6], 64)?;
    if n < 2 || n & (n - 1) != 0 {
        return Err(th.value_error("n must be a power of 2."));
    }
    if !(0..=i32::MAX as i64).contains(&most) {
        return Err(th.value_error("maxmem must be positive and smaller than 2147483647"));
    }
    if !(1..=i32::MAX as i64).contains(&size) {
        return Err(th.value_error("dklen must be greater than 0 and smaller than 2147483647"));
    }
    let limit = if most == 0 { 32 << 20 } else { most as u128 };
    let need = 128 * r.max(1) as u128 * (n as u128 + p.max(1) as u128 + 2);
    if r < 1 || p < 1 || r.saturating_mul(p) >= 1 << 30 {
        return Err(th.value_error("Invalid parameter combination for n, r, p, maxmem."));
    }
    if need > limit {
        return Err(th.value_error("[digital envelope routines] memory limit exceeded"));
    }
    let (n, r, p) = (n as usize, r as usize, p as usize);
    let Some(mac) = Keyed::new("sha256", &password) else { return Err(th.value_error("no sha256")) };
    let first = derive(th, &mac, &salt, 1, 128 * r * p)?;
    let mut words: Vec<u32> =
        first.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
    let width = 32 * r;
    let (mut table, mut spare) = (vec![0u32; width * n], vec![0u32; width]);
    for x in words.chunks_exact_mut(width) {
        for i in 0..n {
            table[i * width..(i + 1) * width].copy_from_slice(x);
            mix(x, &mut spare, r);
        }
        poll::native_poll(th)?;
        for _ in 0..n {
            let j = x[width - 16] as usize & (n - 1);
            x.iter_mut().zip(&table[j * width..]).for_each(|(x, t)| *x ^= t);
            mix(x, &mut spare, r);
        }
        poll::native_poll(th)?;
    }
    let salt: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).collect();
    let out = derive(th, &mac, &salt, 1, size as usize)?;
    Ok(th.bytes(&out)?)
}

fn compare_digest(th: &mut Thread, a: Args) -> R {
    let (x, y) = match (types::is_str(a[0]), types::is_str(a[1])) {
        (true, true) => {
            let (x, y) = (th.text_of(a[0])?, th.text_of(a[1])?);
            if !x.is_ascii() || !y.is_ascii() {
                return Err(th.type_error("comparing strings with non-ASCII characters is not supported"));
            }
            (x.into_bytes(), y.into_bytes())
        }
        _ => match (types::seq::buffer(a[0]), types::seq::buffer(a[1])) {
            (Some(x), Some(y)) => (x.into_owned(), y.into_owned()),
            (x, y) if x.is_some() != y.is_some() => {
                let t = th.type_name(if x.is_none() { a[0] } else { a[1] });
                return Err(th.type_error(format!("a bytes-like object is required, not '{t}'")));
            }
            _ => {
                let (s, t) = (th.type_name(a[0]), th.type_name(a[1]));
                let text = format!("unsupported operand types(s) or combination of types: '{s}' and '{t}'");
                return Err(th.type_error(text));
            }
        },
    };
    let same = x.len() == y.len();
    // Every byte of the second is looked at, whatever came before.
    let other = if same { &x } else { &y };
    let differ = other.iter().zip(&y).fold(0u8, |d, (x, y)| d | std::hint::black_box(x ^ y));
    Ok(Value::bool(same && differ == 0))
}
