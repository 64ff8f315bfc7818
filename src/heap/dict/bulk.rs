//! Whole dicts at once. Invariant: a source is copied under its own lock before the target's is taken.

use super::{DictTable, insert, new_table, next_entry, set_default, size_for, wrap, write_live};
use crate::heap::known::S;
use crate::heap::object::Dict;
use crate::heap::space::Mutator;
use crate::heap::value::Value;
use crate::heap::{Full, Make};
use std::sync::atomic::Ordering;

/// A new dict of the same entries.
pub fn copy(m: &mut Mutator, d: &Dict) -> Make {
    let (t, used) = snapshot(m, d)?;
    wrap(m, t, used)
}

/// A table of the entries as they stand at one moment, nobody else's, and their number.
pub fn snapshot(m: &mut Mutator, d: &Dict) -> Make<(Value, usize)> {
    loop {
        let (t, used) = (d.table(), d.len());
        if used == 0 {
            return Ok((S::empty_table.v(), 0));
        }
        let size = if t.filled() == used { t.index_mask() + 1 } else { size_for(used)? };
        let (v, made) = new_table(m, size)?;
        m.lock(&d.h);
        let (t, used) = (d.table(), d.len());
        let fits = used <= made.capacity();
        if fits {
            copy_entries(made, t, used);
        }
        m.unlock(&d.h);
        if fits {
            return Ok((v, used));
        }
    }
}

fn copy_entries(made: &DictTable, t: &DictTable, used: usize) {
    if t.filled() != used || t.index_mask() != made.index_mask() {
        write_live(made, t, usize::MAX);
        return;
    }
    for i in 0..used {
        let (from, to) = (t.at(i), made.at(i));
        to.hash.set(from.hash.get());
        to.key.set(from.key.get());
        to.value.set(from.value.get());
    }
    for i in 0..=t.index_mask() {
        made.index(i).store(t.index(i).load(Ordering::Relaxed), Ordering::Relaxed);
    }
    made.fill.set(Value::int(used as i64));
}

/// Puts the entries of `from` into `d`; `replace` says whether they win over those that are there.
/// `eq(m, stored, key)` compares.
pub fn merge<M: AsMut<Mutator>, E: From<Full>>(
    m: &mut M,
    d: &Dict,
    from: &Dict,
    replace: bool,
    mut eq: impl FnMut(&mut M, Value, Value) -> Result<bool, E>,
) -> Result<(), E> {
    if std::ptr::eq(d, from) || from.is_empty() {
        return Ok(());
    }
    let h = m.as_mut();
    let table = if h.shared || d.is_empty() { snapshot(h, from)?.0 } else { from.table.get() };
    let t = table.get::<DictTable>();
    h.lock(&d.h);
    let adopt = d.is_empty() && t.filled() > 0 && !std::ptr::eq(t, from.table());
    if adopt {
        d.table.set(table);
        d.used.set(t.filled());
    }
    h.unlock(&d.h);
    if adopt {
        return Ok(());
    }
    let end = t.filled();
    let mut at = 0;
    while let Some((i, key, value)) = next_entry(t, at) {
        if i >= end {
            break;
        }
        at = i + 1;
        let Some(hash) = t.at(i).hash.get().is_int().then(|| t.at(i).hash.get().as_int()) else { continue };
        if replace {
            insert(m, d, hash, key, value, |m, stored| eq(m, stored, key))?;
        } else {
            set_default(m, d, hash, key, value, |m, stored| eq(m, stored, key))?;
        }
    }
    Ok(())
}
