//! Native module `_random`: the Mersenne Twister MT19937. Invariant: the sequence for a seed is CPython's; one drawing
//! is atomic.

use super::util::shape_of;
use crate::heap::known::C;
use crate::heap::object::{Boxed, Class, Tuple};
use crate::heap::{Kind, Value, bigint};
use crate::run::{Args, ClassDef, Def, ModuleDef, PLAIN, R, Thread, arith, class, def};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "_random", doc: "The Mersenne Twister.", functions: &[], fill };

const N: usize = 624;
const M: usize = 397;

struct Twister {
    state: [u32; N],
    at: usize,
}

impl Twister {
    fn of_word(seed: u32) -> Twister {
        let mut state = [seed; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] = 1812433253u32.wrapping_mul(before ^ before >> 30).wrapping_add(i as u32);
        }
        Twister { state, at: N }
    }

    fn of_key(key: &[u32]) -> Twister {
        let mut t = Twister::of_word(19650218);
        let s = &mut t.state;
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let mixed = (s[i - 1] ^ s[i - 1] >> 30).wrapping_mul(1664525);
            s[i] = (s[i] ^ mixed).wrapping_add(key[j]).wrapping_add(j as u32);
            i += 1;
            j = (j + 1) % key.len();
            if i == N {
                s[0] = s[N - 1];
                i = 1;
            }
        }
        for _ in 0..N - 1 {
            let mixed = (s[i - 1] ^ s[i - 1] >> 30).wrapping_mul(1566083941);
            s[i] = (s[i] ^ mixed).wrapping_sub(i as u32);
            i += 1;
            if i == N {
                s[0] = s[N - 1];
                i = 1;
            }
        }
        s[0] = 0x8000_0000;
        t
    }

    fn next(&mut self) -> u32 {
        if self.at >= N {
            for i in 0..N {
                let y = self.state[i] & 0x8000_0000 | self.state[(i + 1) % N] & 0x7fff_ffff;
                let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + M) % N] ^ y >> 1 ^ twist;
            }
            self.at = 0;
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }
}

struct Source(Mutex<Twister>);

static RANDOM: ClassDef = ClassDef {
    name: "_random.Random",
    doc: "A source of pseudo-random numbers with its own state.",
    slots: |s| {
        s.new = Some(new);
        s.init = Some(|_, _, _, _| Ok(()));
    },
    methods: METHODS,
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

static METHODS: &[Def] = &[
    def("random", "($self, /)", random, "A float in [0, 1)."),
    def("seed", "($self, n=None, /)", seed, "Start the sequence that belongs to n."),
    def("getrandbits", "($self, k, /)", getrandbits, "An int of k random bits."),
    def("getstate", "($self, /)", getstate, "The state as a tuple of 625 ints."),
    def("setstate", "($self, state, /)", setstate, "Go on from a state that getstate() gave."),
];

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &RANDOM)?;
    super::util::put(th, dict, "Random", c)
}

fn new(th: &mut Thread, cls: Value, _: Value, _: Value) -> R {
    let solid = cls.get::<Class>().solid.get();
    let source = Source(Mutex::new(fresh()));
    let v = th.heap.boxed(shape_of(solid), Box::new(source), N * 4)?;
    if cls == solid { Ok(v) } else { class::wrap_base(th, cls, v) }
}

/// Seeded by the system.
fn fresh() -> Twister {
    let mut key = [0u32; N];
    // SAFETY: the buffer is as long as is said; what a failure leaves out stays zero.
    unsafe { libc::getrandom(key.as_mut_ptr().cast(), N * 4, 0) };
    Twister::of_key(&key)
}

fn twister(v: Value) -> MutexGuard<'static, Twister> {
    let source = v.base().get::<Boxed>().payload::<Source>().expect("the class makes its instances");
    source.0.lock().unwrap_or_else(PoisonError::into_inner)
}

fn random(th: &mut Thread, a: Args) -> R {
    let (high, low) = {
        let mut t = twister(a[0]);
        (t.next() >> 5, t.next() >> 6)
    };
    Ok(th.float((high as f64 * 67108864.0 + low as f64) * (1.0 / 9007199254740992.0))?)
}

fn seed(th: &mut Thread, a: Args) -> R {
    if a[1].is_unbound() || a[1].is_none() {
        *twister(a[0]) = fresh();
        return Ok(Value::NONE);
    }
    let b = a[1].base();
    let n = if bigint::is_integer(b) {
        bigint::abs(&mut th.heap, b)?
    } else {
        let hash = th.hash(a[1])?;
        th.heap.uint(hash as u64)?
    };
    let words = bigint::bit_length(n).div_ceil(32).max(1);
    let bytes = match bigint::to_bytes(n, words * 4, false, false) {
        Ok(b) => b,
        Err(f) => return Err(crate::types::int::fault(th, f)),
    };
    let key: Vec<u32> = bytes.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect();
    *twister(a[0]) = Twister::of_key(&key);
    Ok(Value::NONE)
}

fn getrandbits(th: &mut Thread, a: Args) -> R {
    let k = th.index(a[1])?;
    if k < 0 {
        return Err(th.value_error("number of bits must be non-negative"));
    }
    let k = k as usize;
    if k == 0 {
        return Ok(Value::int(0));
    }
    if k <= 32 {
        let word = twister(a[0]).next() >> (32 - k);
        return Ok(Value::int(word as i64));
    }
    let words = k.div_ceil(32);
    let mut limbs: Vec<u64> = Vec::new();
    if limbs.try_reserve(words / 2 + 1).is_err() {
        return Err(th.memory_error(""));
    }
    {
        let mut t = twister(a[0]);
        for i in 0..words {
            let mut word = t.next();
            if i == words - 1 && k % 32 != 0 {
                word >>= 32 - k % 32;
            }
            if i % 2 == 0 {
                limbs.push(word as u64);
            } else {
                limbs[i / 2] |= (word as u64) << 32;
            }
        }
    }
    Ok(th.heap.big(false, &limbs)?)
}

fn getstate(th: &mut Thread, a: Args) -> R {
    let (state, at) = {
        let t = twister(a[0]);
        (t.state, t.at)
    };
    super::util::tuple_of(th, N + 1, |_, i| Ok(Value::int(if i < N { state[i] as i64 } else { at as i64 })))
}

fn setstate(th: &mut Thread, a: Args) -> R {
    let Some(t) = a[1].like::<Tuple>() else {
        return Err(th.type_error("state vector must be a tuple"));
    };
    if t.len() != N + 1 {
        return Err(th.value_error("state vector is the wrong size"));
    }
    let mut state = [0u32; N];
    for (i, slot) in state.iter_mut().enumerate() {
        let v = arith::index(th, t.at(i))?;
        match bigint::to_u64(v).filter(|_| !bigint::is_negative(v)) {
            Some(n) => *slot = n as u32,
            None => return Err(th.raise(C::OverflowError, "can't convert negative value to unsigned int")),
        }
    }
    let at = th.index(t.at(N))?;
    if at < 0 || at as usize > N {
        return Err(th.value_error("invalid state"));
    }
    *twister(a[0]) = Twister { state, at: at as usize };
    Ok(Value::NONE)
}
