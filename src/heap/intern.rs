//! Interned texts: one canonical Str per text, so that names compare by identity. Invariant: the tables are a
//! listed root (interned texts live as long as the process); nothing allocates from the heap under a shard's
//! lock, so a stopped thread never holds one.

use super::cell::{COUNTED, flag};
use super::known::{self, C, S};
use super::object::{Array, Str, Tuple};
use super::space::Mutator;
use super::value::Value;
use super::{Full, Make, dict, set, text};
use std::sync::{Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// Open addressing over the words of interned Strs; 0 is free.
struct Shard {
    words: Vec<u64>,
    used: usize,
}

static TABLE: [Mutex<Shard>; SHARDS] = [const { Mutex::new(Shard { words: Vec::new(), used: 0 }) }; SHARDS];

fn shard(hash: i64) -> MutexGuard<'static, Shard> {
    let i = (hash as u64 >> 40) as usize % SHARDS;
    TABLE[i].lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shard {
    /// The interned text, or the free place for it.
    fn find(&self, hash: i64, bytes: &[u8]) -> Result<Value, usize> {
        let mask = self.words.len().wrapping_sub(1);
        let mut i = hash as usize & mask;
        loop {
            match self.words.get(i) {
                None | Some(0) => return Err(i),
                Some(&w) => {
                    let s = Value(w).get::<Str>();
                    if text::hash_of(s) == hash && s.bytes() == bytes {
                        return Ok(Value(w));
                    }
                }
            }
            i = (i + 1) & mask;
        }
    }

    fn add(&mut self, hash: i64, v: Value) -> Make<()> {
        if (self.used + 1) * 4 > self.words.len() * 3 {
            self.widen()?;
        }
        if let Err(i) = self.find(hash, v.get::<Str>().bytes()) {
            self.words[i] = v.0;
            self.used += 1;
        }
        Ok(())
    }

    fn widen(&mut self) -> Make<()> {
        let size = (self.words.len() * 2).max(64);
        let mut wider = Vec::new();
        wider.try_reserve_exact(size).map_err(|_| Full)?;
        wider.resize(size, 0);
        for &w in self.words.iter().filter(|w| **w != 0) {
            let mut i = text::hash_of(Value(w).get::<Str>()) as usize & (size - 1);
            while wider[i] != 0 {
                i = (i + 1) & (size - 1);
            }
            wider[i] = w;
        }
        self.words = wider;
        Ok(())
    }
}

/// The interned Str of a text.
pub fn intern_str(m: &mut Mutator, s: &str) -> Make {
    intern_bytes(m, s.as_bytes())
}

/// As [`intern_str`], for text that may hold lone surrogates.
pub fn intern_bytes(m: &mut Mutator, bytes: &[u8]) -> Make {
    let hash = text::hash_text(bytes);
    if let Ok(v) = shard(hash).find(hash, bytes) {
        return Ok(v);
    }
    let fresh = m.wtf8(bytes)?;
    text::hash_of(fresh.get::<Str>());
    settle(hash, fresh)
}

/// The canonical Str of a text value (a Str or a rope).
pub fn intern_value(m: &mut Mutator, v: Value) -> Make {
    let s = text::flat(m, v)?;
    if s.h.has(flag::INTERNED) {
        return Ok(Value::ptr(s));
    }
    settle(text::hash_of(s), Value::ptr(s))
}

/// Puts `v` into the table unless its text is there; gives the canonical one.
fn settle(hash: i64, v: Value) -> Make {
    let mut table = shard(hash);
    if let Ok(known) = table.find(hash, v.get::<Str>().bytes()) {
        return Ok(known);
    }
    table.add(hash, v)?;
    v.header().set(flag::INTERNED);
    Ok(v)
}

/// The canonical Str of a text if it is interned already; makes nothing.
pub fn lookup(bytes: &[u8]) -> Option<Value> {
    let hash = text::hash_text(bytes);
    shard(hash).find(hash, bytes).ok()
}

/// Calls `f` with every interned text: a listed root. The world is stopped.
pub fn roots(mut f: impl FnMut(Value)) {
    for s in &TABLE {
        let s = s.lock().unwrap_or_else(PoisonError::into_inner);
        s.words.iter().filter(|w| **w != 0).for_each(|&w| f(Value(w)));
    }
}

/// Start-up: the single objects of this room (empty containers and texts, one-character strings) and the names.
/// The shapes of the builtin classes exist already; their class objects need not.
pub fn start(m: &mut Mutator) -> Make<()> {
    super::roots::add(|f| roots(f));
    let (array, a) = m.new::<Array>(C::internal.shape(), COUNTED, 0)?;
    a.count.set(0);
    S::empty_array.fill(array);
    let (tuple, t) = m.new::<Tuple>(C::tuple.shape(), COUNTED, 0)?;
    t.len.set(0);
    S::empty_tuple.fill(tuple);
    S::empty_bytes.fill(m.bytes(b"")?);
    S::empty_table.fill(dict::empty_table(m)?);
    S::empty_set_table.fill(set::empty_table(m)?);
    S::empty_str.fill(intern_str(m, "")?);
    let chars = m.array(256)?;
    S::chars.fill(chars);
    for i in 0..=255u8 {
        let c = intern_str(m, (i as char).encode_utf8(&mut [0; 4]))?;
        if let Some(slot) = chars.get::<Array>().slot(i as usize) {
            slot.set(c);
        }
    }
    names(m)
}

/// Fills the known names.
pub fn names(m: &mut Mutator) -> Make<()> {
    let mut done = Ok(());
    known::fill_names(|s| match intern_str(m, s) {
        Ok(v) => v,
        Err(full) => {
            done = Err(full);
            Value::UNBOUND
        }
    });
    done
}
