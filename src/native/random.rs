//! The module `_random`: the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded as CPython seeds it.
//! Invariant: the generator's words stand in a Rust payload and are looked at under the lock of its object.

use super::util::{class_attr, shape_of};
use crate::heap::object::*;
use crate::heap::{Value, bigint};
use crate::run::{Args, ClassDef, ModuleDef, PLAIN, R, Thread, arith, class, def};
use std::cell::UnsafeCell;

const N: usize = 624;
const M: usize = 397;

/// The generator.
struct Twister {
    words: [u32; N],
    at: usize,
}

impl Twister {
    fn seed(&mut self, seed: u32) {
        self.words[0] = seed;
        for i in 1..N {
            let p = self.words[i - 1];
            self.words[i] = 1_812_433_253u32.wrapping_mul(p ^ (p >> 30)).wrapping_add(i as u32);
        }
        self.at = N;
    }

    fn seed_by(&mut self, key: &[u32]) {
        self.seed(19_650_218);
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let p = self.words[i - 1];
            self.words[i] = (self.words[i] ^ (p ^ (p >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            i += 1;
            j += 1;
            if i >= N {
                self.words[0] = self.words[N - 1];
                i = 1;
            }
            if j >= key.len() {
                j = 0;
            }
        }
        for _ in 0..N - 1 {
            let p = self.words[i - 1];
            self.words[i] =
                (self.words[i] ^ (p ^ (p >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i >= N {
                self.words[0] = self.words[N - 1];
                i = 1;
            }
        }
        self.words[0] = 0x8000_0000;
    }

    fn next(&mut self) -> u32 {
        if self.at >= N {
            for k in 0..N {
                let y = (self.words[k] & 0x8000_0000) | (self.words[(k + 1) % N] & 0x7fff_ffff);
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.words[k] = self.words[(k + M) % N] ^ (y >> 1) ^ odd;
            }
            self.at = 0;
        }
        let mut y = self.words[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }
}

struct State(UnsafeCell<Twister>);
// SAFETY: `with` alone looks into the cell, under the lock of the object that owns it.
unsafe impl Sync for State {}

fn with<T>(th: &mut Thread, v: Value, f: impl FnOnce(&mut Twister) -> T) -> R<T> {
    let Some((b, state)) = v.like::<Boxed>().and_then(|b| Some((b, b.payload::<State>()?))) else {
        return Err(th.type_error("a _random.Random object is needed"));
    };
    th.heap.lock(&b.h);
    // SAFETY: under the lock, and the closures neither come back here nor run script code.
    let r = f(unsafe { &mut *state.0.get() });
    th.heap.unlock(&b.h);
    Ok(r)
}

static RANDOM: ClassDef = ClassDef {
    name: "_random.Random",
    doc: "A Mersenne Twister.",
    slots: |s| {
        s.new = Some(new);
        s.init = Some(|_, _, _, _| Ok(()));
    },
    methods: &[
        def("random", "($self, /)", random, "A float in [0.0, 1.0) with 53 random bits."),
        def(
            "seed",
            "($self, n=None, /)",
            seed,
            "Start the sequence anew from an int, or from the system's entropy.",
        ),
        def("getrandbits", "($self, k, /)", getrandbits, "An int with k random bits."),
        def("_below", "($self, n, /)", below, "An int from 0 up to n."),
        def("getstate", "($self, /)", getstate, "The words of the generator as a tuple."),
        def("setstate", "($self, state, /)", setstate, "Go on from what getstate() gave."),
    ],
    basetype: true,
    kind: crate::heap::Kind::Boxed,
    ..PLAIN
};

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let mut t = Twister { words: [0; N], at: N };
    t.seed_by(&entropy());
    let mut plain = cls;
    // A script subclass wraps an object of the native class.
    while plain.get::<Class>().bits.get().as_int() & class::HEAP != 0 {
        plain = plain.get::<Class>().solid.get();
    }
    let v = th.boxed(shape_of(plain), Box::new(State(UnsafeCell::new(t))), size_of::<Twister>())?;
    if plain == cls { Ok(v) } else { crate::run::instance::wrap_base(th, cls, v) }
}

fn entropy() -> [u32; 8] {
    let mut key = [0u32; 8];
    // SAFETY: fills the buffer from the kernel; on failure the clock below still varies it.
    unsafe { libc::getrandom(key.as_mut_ptr().cast(), 32, 0) };
    key[7] ^=
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.subsec_nanos());
    key
}

fn random(th: &mut Thread, a: Args) -> R {
    let x = with(th, a[0], |t| {
        let (x, y) = (t.next() >> 5, t.next() >> 6);
        (x as f64 * 67_108_864.0 + y as f64) * (1.0 / 9_007_199_254_740_992.0)
    })?;
    Ok(th.float(x)?)
}

fn seed(th: &mut Thread, a: Args) -> R {
    let key: Vec<u32> = match a[1].bound() {
        None => entropy().to_vec(),
        Some(v) if v.is_none() => entropy().to_vec(),
        Some(v) => {
            let i = arith::index(th, v)?;
            let i = bigint::abs(&mut th.heap, i)?;
            match i.cast::<Big>() {
                Some(b) => {
                    let mut words: Vec<u32> =
                        b.magnitude().iter().flat_map(|l| [*l as u32, (*l >> 32) as u32]).collect();
                    while words.last() == Some(&0) {
                        words.pop();
                    }
                    words
                }
                None => {
                    let n = i.as_int() as u64;
                    if n >> 32 == 0 { vec![n as u32] } else { vec![n as u32, (n >> 32) as u32] }
                }
            }
        }
    };
    with(th, a[0], |t| t.seed_by(&key))?;
    Ok(Value::NONE)
}

fn getrandbits(th: &mut Thread, a: Args) -> R {
    let k = th.index(a[1])?;
    if k < 0 {
        return Err(th.value_error("number of bits must be non-negative"));
    }
    if k == 0 {
        return Ok(Value::int(0));
    }
    let k = k as usize;
    if k <= 32 {
        let n = with(th, a[0], |t| t.next() >> (32 - k))?;
        return Ok(Value::int(n as i64));
    }
    let words = k.div_ceil(32);
    let mut limbs: Vec<u64> = Vec::new();
    if limbs.try_reserve_exact(words / 2 + 1).is_err() {
        return Err(th.memory_error(""));
    }
    with(th, a[0], |t| {
        for i in 0..words {
            let mut w = t.next();
            if i + 1 == words && !k.is_multiple_of(32) {
                w >>= 32 - k % 32;
            }
            if i % 2 == 0 { limbs.push(w as u64) } else { *limbs.last_mut().unwrap() |= (w as u64) << 32 }
        }
    })?;
    Ok(th.big(false, &limbs)?)
}

/// Draws as many bits as the bound has until they are below it.
fn below(th: &mut Thread, a: Args) -> R {
    let n = if a[1].is_int() { a[1].as_int() } else { 0 };
    if !(1..=u32::MAX as i64).contains(&n) {
        return below_any(th, a);
    }
    let spare = (n as u32).leading_zeros();
    let drawn = with(th, a[0], |t| {
        loop {
            let x = t.next() >> spare;
            if (x as i64) < n {
                return x;
            }
        }
    })?;
    Ok(Value::int(drawn as i64))
}

/// As [`below`], of any size.
fn below_any(th: &mut Thread, a: Args) -> R {
    let n = arith::index(th, a[1])?;
    if bigint::is_negative(n) || bigint::is_zero(n) {
        return Err(th.value_error("the bound must be above 0"));
    }
    let bits = Value::int(bigint::bit_length(n) as i64);
    let window = [a[0], bits];
    loop {
        let drawn = getrandbits(th, Args { at: window.as_ptr(), n: 2 })?;
        if bigint::compare(drawn, n).is_lt() {
            return Ok(drawn);
        }
        crate::run::poll::native_poll(th)?;
    }
}

fn getstate(th: &mut Thread, a: Args) -> R {
    let (words, at) = with(th, a[0], |t| (t.words, t.at))?;
    let out = th.tuple_with(N + 1)?;
    let t = out.get::<Tuple>();
    for (i, w) in words.iter().enumerate() {
        // SAFETY: i is below the tuple's length.
        unsafe { t.item(i) }.set(Value::int(*w as i64));
    }
    // SAFETY: the last item.
    unsafe { t.item(N) }.set(Value::int(at as i64));
    Ok(out)
}

fn setstate(th: &mut Thread, a: Args) -> R {
    let Some(t) = a[1].cast::<Tuple>() else { return Err(th.type_error("state vector must be a tuple")) };
    if t.len() != N + 1 {
        return Err(th.value_error("state vector is the wrong size"));
    }
    let mut words = [0u32; N];
    for (i, w) in words.iter_mut().enumerate() {
        *w = th.index(t.at(i))? as u32;
    }
    let at = th.index(t.at(N))?;
    if !(0..=N as isize).contains(&at) {
        return Err(th.value_error("invalid state"));
    }
    with(th, a[0], |g| {
        g.words = words;
        g.at = at as usize;
    })?;
    Ok(Value::NONE)
}

/// `_random`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_random",
    doc: "The generator behind the module random.",
    functions: &[],
    fill: |th, d| {
        let c = class::define(th, None, &RANDOM)?;
        let doc = th.str(RANDOM.doc)?;
        class_attr(th, c, "__doc__", doc)?;
        let name = th.intern("Random")?;
        th.dict_insert(d, name, c)
    },
};
