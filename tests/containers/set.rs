//! Sets. Invariant tested: contents as a model's, order of small ints as CPython's.

use super::common::{Attached, Random, never};
use minipy::heap::object::Set;
use minipy::heap::{Full, Mutator, Value, set};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::*};

fn add(m: &mut Mutator, v: Value, k: i64) -> bool {
    set::insert(m, v.get::<Set>(), k, Value::int(k), never).unwrap()
}

fn order(v: Value) -> Vec<i64> {
    let (t, mut at, mut seen) = (v.get::<Set>().table(), 0, Vec::new());
    while let Some((i, k, _)) = set::next_entry(t, at) {
        at = i + 1;
        seen.push(k.as_int());
    }
    seen
}

#[test]
fn set_agrees_with_model() {
    let mut m = Attached::new();
    let mut r = Random(99);
    for _ in 0..40 {
        let v = set::new(&mut m, false).unwrap();
        let s = v.get::<Set>();
        let mut model = HashSet::new();
        let span = 1 + r.below(500);
        for step in 0..2000 {
            let k = r.below(span) as i64;
            match r.below(8) {
                0..3 => {
                    let there = set::remove(&mut *m, s, k, Value::int(k), never).unwrap();
                    assert_eq!(there, model.remove(&k));
                }
                3 => {
                    let popped = set::pop(&mut m, s);
                    assert_eq!(popped.is_some(), !model.is_empty());
                    if let Some(p) = popped {
                        assert!(model.remove(&p.as_int()));
                    }
                }
                4 if step % 40 == 0 => {
                    set::clear(&mut m, s);
                    model.clear();
                }
                _ => assert_eq!(add(&mut m, v, k), model.insert(k)),
            }
            assert_eq!(s.len(), model.len());
        }
        let copy = set::copy(&mut m, s, true).unwrap();
        let mut seen = order(copy);
        seen.sort();
        let mut want: Vec<i64> = model.into_iter().collect();
        want.sort();
        assert_eq!(seen, want);
    }
}

#[test]
fn order_of_small_ints_is_the_known_one() {
    let mut m = Attached::new();
    let cases: &[(&[i64], &[i64], &[i64])] = &[
        (&[5, 3, 1, 100, 20], &[1, 3, 100, 5, 20], &[1, 3, 100, 5, 20]),
        (&[8, 16, 24, 0], &[8, 16, 24, 0], &[8, 16, 24, 0]),
        (&[-3, -5, 7, 33, 65, 9, 12], &[65, 33, 7, 9, 12, -5, -3], &[65, 33, 7, 9, -5, 12, -3]),
    ];
    let eq = |_: &mut Mutator, _: Value, _: Value| Ok::<bool, Full>(false);
    for (given, want, merged) in cases {
        let v = set::new(&mut m, false).unwrap();
        given.iter().for_each(|k| assert!(add(&mut m, v, *k)));
        assert_eq!(&order(v), want);
        let other = set::new(&mut m, false).unwrap();
        set::merge(&mut *m, other.get::<Set>(), v.get::<Set>(), false, eq).unwrap();
        assert_eq!(&order(other), merged);
    }
    let v = set::new(&mut m, false).unwrap();
    let mut x = 12345i64;
    for _ in 0..3000 {
        x = (x * 1103515245 + 12345) & 0x7fff_ffff;
        let k = x % 5000 - 1000;
        if k == -1 {
            continue;
        }
        if x % 3 != 0 {
            add(&mut m, v, k);
        } else {
            set::remove(&mut *m, v.get::<Set>(), k, Value::int(k), never).unwrap();
        }
    }
    let sum = |v: Value| order(v).iter().fold(0, |h, k| (h * 31 + k) & 0xffff_ffff);
    assert_eq!((order(v).len(), sum(v)), (1522, 52007855));
    let union = set::copy(&mut m, v.get::<Set>(), false).unwrap();
    (1..4).for_each(|k| _ = add(&mut m, union, k));
    assert_eq!((order(union).len(), sum(union)), (1523, 2450194706));
    let popped = [(); 3].map(|()| set::pop(&mut m, v.get::<Set>()).unwrap().as_int());
    assert_eq!(popped, [1, 2, 4]);
}

#[test]
fn readers_beside_a_writer_find_what_stays() {
    let mut m = Attached::new();
    let v = set::new(&mut m, false).unwrap();
    (0..100).for_each(|k| assert!(add(&mut m, v, k * 7)));
    let stop = &AtomicBool::new(false);
    std::thread::scope(|s| {
        let readers = [s.spawn(move || {
            let mut m = Attached::new();
            let mut r = Random(3);
            while !stop.load(Relaxed) {
                let k = r.below(100) as i64 * 7;
                assert!(set::contains(&mut *m, v.get::<Set>(), k, Value::int(k), never).unwrap());
                m.poll();
            }
        })];
        let mut r = Random(4);
        for _ in 0..150_000 {
            let k = r.below(5000) as i64;
            if k % 7 == 0 && k < 700 {
                continue;
            }
            if r.below(2) == 0 {
                add(&mut m, v, k);
            } else {
                set::remove(&mut *m, v.get::<Set>(), k, Value::int(k), never).unwrap();
            }
        }
        stop.store(true, Relaxed);
        m.blocking(|| readers.into_iter().for_each(|t| t.join().unwrap()));
    });
}
