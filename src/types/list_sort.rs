//! Sorting: stable, adaptive, on items that nobody else sees. Invariant: what is sorted is an order of positions; the
//! detached array and the keys stay as they were, so an error leaves every item, in the order reached.

use crate::heap::list;
use crate::heap::object::{Array, List, Str, Tuple};
use crate::heap::{Full, Kind, Value};
use crate::run::poll::native_poll;
use crate::run::{Cmp, R, Thread};

/// Runs shorter than this are filled up by insertion.
const SHORT: usize = 32;
/// So many ints are sorted on the native stack.
const FEW: usize = 32;

/// Sorts the list in place. `key` may be None.
pub fn sort(th: &mut Thread, l: &List, key: Value, reverse: bool) -> R<()> {
    let (items, n) = list::detach(&mut th.heap, l);
    let (sorted, ended) = match sorted_array(th, items, n, key, reverse) {
        Ok(both) => both,
        Err(e) => (items, Err(e)),
    };
    let untouched = list::attach(&mut th.heap, l, sorted, n);
    ended?;
    if untouched { Ok(()) } else { Err(th.value_error("list modified during sort")) }
}

/// A fresh array of the items in order (the same one if they already are), and how the sort ended.
fn sorted_array(th: &mut Thread, items: Value, n: usize, key: Value, reverse: bool) -> R<(Value, R<()>)> {
    if u32::try_from(n).is_err() {
        return Err(Full.into());
    }
    let keys = if key.is_none() { items } else { keys_of(th, items, n, key)? };
    if n < 2 {
        return Ok((items, Ok(())));
    }
    if key.is_none() && n <= FEW && (0..n as u32).all(|i| at(items.get::<Array>(), i).is_int()) {
        return few_ints(th, items.get::<Array>(), n, reverse).map(|sorted| (sorted, Ok(())));
    }
    let (mut order, ended) = order_of(th, keys.get::<Array>(), n, reverse);
    if reverse {
        order.reverse();
    }
    if order.iter().enumerate().all(|(i, k)| i as u32 == *k) {
        return Ok((items, ended));
    }
    let made = th.array(n)?;
    for (i, k) in order.iter().enumerate() {
        put(made.get::<Array>(), i, at(items.get::<Array>(), *k));
    }
    Ok((made, ended))
}

/// A fresh array of so few ints in order. Equal ints are one value: there is no order among them to keep.
fn few_ints(th: &mut Thread, items: &Array, n: usize, reverse: bool) -> R {
    let mut few = [0; FEW];
    let few = &mut few[..n];
    for (i, x) in few.iter_mut().enumerate() {
        *x = at(items, i as u32).as_int();
    }
    few.sort_unstable();
    if reverse {
        few.reverse();
    }
    let made = th.array(n)?;
    for (i, x) in few.iter().enumerate() {
        put(made.get::<Array>(), i, Value::int(*x));
    }
    Ok(made)
}

fn keys_of(th: &mut Thread, items: Value, n: usize, key: Value) -> R {
    let keys = th.array(n)?;
    for i in 0..n {
        let k = th.call(key, &[at(items.get::<Array>(), i as u32)])?;
        put(keys.get::<Array>(), i, k);
    }
    Ok(keys)
}

#[inline(always)]
fn at(a: &Array, i: u32) -> Value {
    a.slot(i as usize).map_or(Value::NONE, |s| s.get())
}

fn put(a: &Array, i: usize, v: Value) {
    if let Some(s) = a.slot(i) {
        s.set(v);
    }
}

/// The stable order of the keys; for `reverse` the order whose reversal is stable.
fn order_of(th: &mut Thread, keys: &'static Array, n: usize, reverse: bool) -> (Vec<u32>, R<()>) {
    let start = |i: usize| if reverse { (n - 1 - i) as u32 } else { i as u32 };
    let all = |test: fn(Value) -> bool| (0..n as u32).all(|i| test(at(keys, i)));
    if all(|v| v.is_int()) {
        let mut v: Vec<(i64, u32)> = (0..n).map(|i| (at(keys, start(i)).as_int(), start(i))).collect();
        v.sort_by_key(|e| e.0);
        return (v.into_iter().map(|e| e.1).collect(), Ok(()));
    }
    if all(|v| v.is_float() && !v.as_float().is_nan()) {
        let mut v: Vec<(f64, u32)> = (0..n).map(|i| (at(keys, start(i)).as_float(), start(i))).collect();
        v.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
        return (v.into_iter().map(|e| e.1).collect(), Ok(()));
    }
    if all(|v| v.is_kind(Kind::Str)) {
        // The bytes belong to the keys, which the array keeps alive; their order is that of code points.
        let mut v: Vec<(&[u8], u32)> =
            (0..n).map(|i| (at(keys, start(i)).get::<Str>().bytes(), start(i))).collect();
        v.sort_by(|a, b| a.0.cmp(b.0));
        return (v.into_iter().map(|e| e.1).collect(), Ok(()));
    }
    let mut order: Vec<u32> = (0..n).map(start).collect();
    let ended = Merge { keys, spare: Vec::new(), asked: 0 }.sort(th, &mut order);
    (order, ended)
}

/// `x < y` of tuples whose first items say it: unequal, both ints, numbers or texts.
#[inline(always)]
fn first_differs(x: Value, y: Value) -> Option<bool> {
    let (p, q) = (x.cast::<Tuple>()?.iter().next()?, y.cast::<Tuple>()?.iter().next()?);
    if Value::both_int(p, q) {
        return (p != q).then(|| p.as_int() < q.as_int());
    }
    if let (Some(s), Some(t)) = (p.cast::<Str>(), q.cast::<Str>()) {
        return (s.bytes() != t.bytes()).then(|| s.bytes() < t.bytes());
    }
    if Value::both_float(p, q) {
        let order = p.as_float().partial_cmp(&q.as_float())?;
        return order.is_ne().then(|| order.is_lt());
    }
    None
}

/// A merge sort whose comparison may fail.
struct Merge {
    keys: &'static Array,
    spare: Vec<u32>,
    asked: u32,
}

impl Merge {
    fn less(&mut self, th: &mut Thread, a: u32, b: u32) -> R<bool> {
        self.asked = self.asked.wrapping_add(1);
        if self.asked.is_multiple_of(4096) {
            native_poll(th)?;
        }
        let (x, y) = (at(self.keys, a), at(self.keys, b));
        match first_differs(x, y) {
            Some(less) => Ok(less),
            None => th.holds(Cmp::Lt, x, y),
        }
    }

    /// Natural runs, merged so that each waiting run is at least twice as long as the next.
    fn sort(&mut self, th: &mut Thread, v: &mut [u32]) -> R<()> {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let mut start = 0;
        while start < v.len() {
            let mut end = start + self.run(th, &mut v[start..])?;
            let wanted = (start + SHORT).min(v.len());
            if end < wanted {
                self.insert(th, &mut v[start..wanted], end - start)?;
                end = wanted;
            }
            runs.push((start, end));
            while let [.., (a, m), (_, z)] = runs[..]
                && (m - a) < 2 * (z - m)
            {
                self.merge(th, &mut v[a..z], m - a)?;
                runs.pop();
                runs.pop();
                runs.push((a, z));
            }
            start = end;
        }
        while let [.., (a, m), (_, z)] = runs[..] {
            self.merge(th, &mut v[a..z], m - a)?;
            runs.pop();
            runs.pop();
            runs.push((a, z));
        }
        Ok(())
    }

    /// Length of the ascending run at the start; a descending one is turned round, and goes on ascending if it can.
    fn run(&mut self, th: &mut Thread, v: &mut [u32]) -> R<usize> {
        if v.len() < 2 {
            return Ok(v.len());
        }
        let mut n = 1;
        while n < v.len() && !self.less(th, v[n], v[n - 1])? {
            n += 1;
        }
        if n == v.len() {
            return Ok(n);
        }
        if n > 1 {
            if self.less(th, v[0], v[n - 1])? {
                return Ok(n);
            }
            // Equal so far, so the run goes down.
            v[..n].reverse();
        }
        n += 1;
        let mut equal = 0;
        while n < v.len() {
            let smaller = self.less(th, v[n], v[n - 1])?;
            if !smaller && self.less(th, v[n - 1], v[n])? {
                break;
            }
            // Equal items are turned round twice, which keeps their order.
            if smaller && equal > 0 {
                v[n - 1 - equal..n].reverse();
            }
            equal = if smaller { 0 } else { equal + 1 };
            n += 1;
        }
        if equal > 0 {
            v[n - 1 - equal..n].reverse();
        }
        v[..n].reverse();
        while n < v.len() && !self.less(th, v[n], v[n - 1])? {
            n += 1;
        }
        Ok(n)
    }

    /// Binary insertion of the items from `sorted` on.
    fn insert(&mut self, th: &mut Thread, v: &mut [u32], sorted: usize) -> R<()> {
        for i in sorted..v.len() {
            let x = v[i];
            let (mut low, mut high) = (0, i);
            while low < high {
                let mid = (low + high) / 2;
                if self.less(th, x, v[mid])? {
                    high = mid;
                } else {
                    low = mid + 1;
                }
            }
            v.copy_within(low..i, low + 1);
            v[low] = x;
        }
        Ok(())
    }

    /// Merges the sorted parts before and from `mid` on.
    fn merge(&mut self, th: &mut Thread, v: &mut [u32], mid: usize) -> R<()> {
        if !self.less(th, v[mid], v[mid - 1])? {
            return Ok(());
        }
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare.extend_from_slice(&v[..mid]);
        let (mut left, mut right, mut out) = (0, mid, 0);
        let mut failed = None;
        while left < spare.len() && right < v.len() {
            match self.less(th, v[right], spare[left]) {
                Ok(true) => {
                    v[out] = v[right];
                    right += 1;
                }
                Ok(false) => {
                    v[out] = spare[left];
                    left += 1;
                }
                Err(e) => {
                    failed = Some(e);
                    break;
                }
            }
            out += 1;
        }
        v[out..out + spare.len() - left].copy_from_slice(&spare[left..]);
        self.spare = spare;
        failed.map_or(Ok(()), Err)
    }
}
