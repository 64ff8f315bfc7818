//! Dicts as namespaces: look-up by text without user code, and ids for global caches. Invariant: the id of a table
//! vouches for "this name is at this entry" and "this name is not here" as long as the table word and the id stay.

use super::{DictTable, Probe, Seek, append, make_room, same, seek, spare, take, value_at};
use crate::heap::object::{Dict, Str};
use crate::heap::space::Mutator;
use crate::heap::value::Value;
use crate::heap::{Make, text};
use std::sync::atomic::{AtomicU32, Ordering};

/// The next id for global caches; 0 is "none".
static NEXT_ID: AtomicU32 = AtomicU32::new(1);

/// What a look-up by text found without asking user code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// The value.
    Found(Value),
    /// The key is not there.
    Absent,
    /// A stored key of equal hash may be equal by a method of its class: use [`find`].
    Unsure,
}

/// The value of a (flat) text key, without user code.
#[inline]
pub fn look_str(d: &Dict, key: Value) -> Look {
    let t = d.table();
    match seek(t, text::hash_of(key.get::<Str>()), key) {
        Seek::Hit(i) => t.at(i).value.get().bound().map_or(Look::Absent, Look::Found),
        Seek::Miss => Look::Absent,
        Seek::Ask => Look::Unsure,
    }
}

/// The entry of an interned name. Keys of script classes count as equal only where their base value is that text.
#[inline]
pub fn entry_index(t: &DictTable, name: Value) -> Option<usize> {
    let hash = text::hash_of(name.get::<Str>());
    let mut p = Probe::new(hash, t.index_mask());
    loop {
        let n = t.index(p.at).load(Ordering::Acquire) as usize;
        if n == 0 {
            return None;
        }
        let e = t.at(n - 1);
        let k = e.key.get();
        if k == name || e.hash.get() == Value::int(hash) && same(k.base(), name) == Some(true) {
            return Some(n - 1);
        }
        p.next();
    }
}

/// The value of an interned name in a namespace (see [`entry_index`]).
#[inline]
pub fn get_name(d: &Dict, name: Value) -> Option<Value> {
    let t = d.table();
    value_at(t, entry_index(t, name)?).bound()
}

/// As [`get_name`], for a flat text that need not be interned.
pub fn get_str(d: &Dict, key: Value) -> Option<Value> {
    get_name(d, key)
}

/// Sets the value of an interned name.
pub fn insert_name(m: &mut Mutator, d: &Dict, name: Value, value: Value) -> Make<()> {
    let hash = text::hash_of(name.get::<Str>());
    loop {
        let spare = spare(m, d, hash, name)?;
        m.lock(&d.h);
        let t = d.table();
        let done = match entry_index(t, name) {
            Some(i) => {
                t.at(i).value.set(value);
                true
            }
            None if make_room(d, spare) => {
                append(d, hash, name, value);
                true
            }
            None => false,
        };
        m.unlock(&d.h);
        if done {
            return Ok(());
        }
    }
}

/// Removes an interned name; its value if it was there.
pub fn remove_name(m: &mut Mutator, d: &Dict, name: Value) -> Option<Value> {
    m.lock(&d.h);
    let t = d.table();
    let old = entry_index(t, name).map(|i| take(d, t, i).1);
    m.unlock(&d.h);
    old
}

/// Id of the current table for global caches, given at the first asking; 0 when ids have run out. Ask before
/// the look-up that the cache is to remember: a key added in between makes the id stale.
pub fn cache_id(m: &mut Mutator, d: &Dict) -> u32 {
    m.lock(&d.h);
    let id = table_id(d.table());
    m.unlock(&d.h);
    id
}

/// Id of the current table, and the entry of `name` in that same table.
pub fn cache_entry(m: &mut Mutator, d: &Dict, name: Value) -> (u32, Option<usize>) {
    m.lock(&d.h);
    let t = d.table();
    let found = (table_id(t), entry_index(t, name));
    m.unlock(&d.h);
    found
}

fn table_id(t: &DictTable) -> u32 {
    let id = t.cache_id();
    if id != 0 {
        return id;
    }
    let Ok(fresh) = NEXT_ID.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_add(1)) else {
        return 0;
    };
    // The table without room belongs to many dicts, so the lock of one does not keep others out.
    if t.id.cas(Value::int(0), Value::int(fresh as i64)) { fresh } else { t.cache_id() }
}
