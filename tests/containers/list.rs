//! Lists. Invariant tested: contents as a Vec's; under threads every item read was there and none is lost.

use super::common::{Attached, Random};
use minipy::heap::list::{self, Source};
use minipy::heap::object::{Array, List, Tuple};
use minipy::heap::{Mutator, Value};
use std::sync::atomic::{AtomicBool, Ordering::*};

fn items(m: &mut Mutator, v: Value) -> Vec<i64> {
    list::snapshot(m, v.get::<List>()).unwrap().get::<Tuple>().iter().map(|v| v.as_int()).collect()
}

#[test]
fn list_agrees_with_model() {
    let mut m = Attached::new();
    let m: &mut Mutator = &mut m;
    let mut r = Random(31);
    for _ in 0..60 {
        let v = m.list(&[]).unwrap();
        let l = v.get::<List>();
        let mut model: Vec<i64> = Vec::new();
        for step in 0..1500i64 {
            let n = model.len();
            let (i, k) = (r.below(n as u64 + 1) as usize, r.below(n as u64 + 2) as usize);
            let x = Value::int(step);
            match r.below(16) {
                0..5 => {
                    list::push(m, l, x).unwrap();
                    model.push(step);
                }
                5 => assert_eq!(list::pop(m, l).map(|v| v.as_int()), model.pop()),
                6 => {
                    list::insert(m, l, i, x).unwrap();
                    model.insert(i, step);
                }
                7 => {
                    let popped = list::pop_at(m, l, i).map(|v| v.as_int());
                    assert_eq!(popped, (i < n).then(|| model.remove(i)));
                }
                8 => {
                    let signed = if step % 2 == 0 || i >= n { i as isize } else { i as isize - n as isize };
                    assert_eq!(list::set(m, l, signed, x), i < n);
                    if i < n {
                        model[i] = step;
                    }
                }
                9 if r.below(3) == 0 => {
                    list::remove_range(m, l, i, k);
                    model.drain(i..k.clamp(i, n));
                }
                10 => {
                    let more = [x, Value::int(-step), x];
                    list::splice(m, l, i, k, Source::Slice(&more)).unwrap();
                    model.splice(i..k.clamp(i, n), [step, -step, step]);
                }
                11 => {
                    let (array, n) = list::snapshot_array(m, l).unwrap();
                    if n < 300 {
                        list::extend(m, l, Source::Array(array.get::<Array>(), n)).unwrap();
                        model.extend(model.clone());
                    }
                }
                12 => {
                    list::reverse(m, l);
                    model.reverse();
                }
                13 => {
                    let count = n.saturating_sub(i).div_ceil(3);
                    list::remove_stepped(m, l, i, 3, count);
                    let mut at = 0;
                    model.retain(|_| {
                        at += 1;
                        at - 1 < i || (at - 1 - i) % 3 != 0
                    });
                }
                14 => {
                    let (array, n) = list::detach(m, l);
                    assert!(l.is_empty());
                    assert!(list::attach(m, l, array, n));
                }
                _ => {
                    let count = if n == 0 { 0 } else { i.min(n - 1) / 2 + 1 };
                    let s = list::slice(m, l, i.min(n.saturating_sub(1)), -2, count).unwrap();
                    let want: Vec<i64> = (0..count).map(|k| model[i.min(n - 1) - 2 * k]).collect();
                    assert_eq!(items(m, s), want);
                }
            }
            assert_eq!(l.len(), model.len());
            assert_eq!(list::get(m, l, i).map(|v| v.as_int()), model.get(i).copied());
        }
        assert_eq!(items(m, v), model);
    }
}

#[test]
fn appends_of_many_threads_are_all_there() {
    let mut m = Attached::new();
    let v = m.list(&[]).unwrap();
    let stop = &AtomicBool::new(false);
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..3)
            .map(|t| {
                s.spawn(move || {
                    let mut m = Attached::new();
                    for i in 0..20_000 {
                        list::push(&mut m, v.get::<List>(), Value::int(i * 3 + t)).unwrap();
                    }
                })
            })
            .collect();
        let readers = [s.spawn(move || {
            let mut m = Attached::new();
            let l = v.get::<List>();
            while !stop.load(Relaxed) {
                let n = l.len();
                // Items are never removed, so what the length promises is there.
                assert!((0..n).step_by(97).all(|i| list::get(&mut m, l, i).is_some()));
                m.poll();
            }
        })];
        m.blocking(|| threads.into_iter().for_each(|t| t.join().unwrap()));
        stop.store(true, Relaxed);
        m.blocking(|| readers.into_iter().for_each(|t| t.join().unwrap()));
    });
    let mut seen = items(&mut m, v);
    seen.sort();
    assert!(seen.into_iter().eq(0..60_000));
}

#[test]
fn each_item_is_popped_once() {
    let mut m = Attached::new();
    let all: Vec<i64> = (0..30_000).collect();
    let v = m.list(&[]).unwrap();
    all.iter().for_each(|i| list::push(&mut m, v.get::<List>(), Value::int(*i)).unwrap());
    let mut popped: Vec<i64> = std::thread::scope(|s| {
        let threads: Vec<_> = (0..3)
            .map(|t| {
                s.spawn(move || {
                    let mut m = Attached::new();
                    let l = v.get::<List>();
                    let mut mine = Vec::new();
                    while let Some(x) = if t == 0 { list::pop_at(&mut m, l, 0) } else { list::pop(&mut m, l) }
                    {
                        mine.push(x.as_int());
                    }
                    mine
                })
            })
            .collect();
        m.blocking(|| threads.into_iter().flat_map(|t| t.join().unwrap()).collect())
    });
    popped.sort();
    assert_eq!(popped, all);
}
