//! Dicts. Invariant tested: a table read once shows what was true at some moment.

use super::common::{Attached, Random, never};
use minipy::heap::object::{Dict, Str};
use minipy::heap::{Mutator, Value, dict, intern, text};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::*};

fn key(m: &mut Mutator, i: u64) -> (i64, Value) {
    if i.is_multiple_of(2) {
        (i as i64, Value::int(i as i64))
    } else {
        let v = m.str(&format!("key {i}")).unwrap();
        (text::hash_of(v.get::<Str>()), v)
    }
}

#[test]
fn dict_agrees_with_model() {
    let mut m = Attached::new();
    let mut r = Random(77);
    for round in 0..60 {
        let v = dict::new(&mut m).unwrap();
        let d = v.get::<Dict>();
        let mut map: HashMap<u64, i64> = HashMap::new();
        let mut order: Vec<u64> = Vec::new();
        let span = 1 + r.below(400);
        for step in 0..2000 {
            let k = r.below(span);
            let (h, kv) = key(&mut m, k);
            match r.below(if round % 2 == 0 { 12 } else { 40 }) {
                0 => {
                    let old = dict::remove(&mut *m, d, h, kv, never).unwrap();
                    assert_eq!(old.map(|v| v.as_int()), map.remove(&k));
                    order.retain(|o| *o != k);
                }
                1 => {
                    let last = dict::pop_last(&mut m, d);
                    assert_eq!(last.is_some(), !order.is_empty());
                    if let Some(k) = order.pop() {
                        assert_eq!(last.unwrap().1.as_int(), map.remove(&k).unwrap());
                    }
                }
                2 => {
                    let first = dict::pop_first(&mut m, d);
                    assert_eq!(first.is_some(), !order.is_empty());
                    if !order.is_empty() {
                        let k = order.remove(0);
                        assert_eq!(first.unwrap().1.as_int(), map.remove(&k).unwrap());
                    }
                }
                3 => {
                    let last = r.below(2) == 0;
                    let there = dict::move_to_end(&mut *m, d, h, kv, last, never).unwrap();
                    assert_eq!(there, map.contains_key(&k));
                    if there {
                        order.retain(|o| *o != k);
                        order.insert(if last { order.len() } else { 0 }, k);
                    }
                }
                4 if step % 50 == 0 => {
                    dict::clear(&mut m, d);
                    map.clear();
                    order.clear();
                }
                5 => {
                    let got = dict::set_default(&mut *m, d, h, kv, Value::int(step), never).unwrap();
                    let want = *map.entry(k).or_insert_with(|| {
                        order.push(k);
                        step
                    });
                    assert_eq!(got.as_int(), want);
                }
                6 => assert_eq!(
                    dict::find(&mut *m, d, h, kv, never).unwrap().map(|v| v.as_int()),
                    map.get(&k).copied()
                ),
                _ => {
                    let old = dict::insert(&mut *m, d, h, kv, Value::int(step), never).unwrap();
                    let was = map.insert(k, step);
                    assert_eq!(old.map(|v| v.as_int()), was);
                    if was.is_none() {
                        order.push(k);
                    }
                }
            }
            assert_eq!(d.len(), map.len());
            if step % 100 == 0 {
                let c = dict::copy(&mut m, d).unwrap();
                for d in [d, c.get::<Dict>()] {
                    check_order(d, &map, &order);
                }
            }
        }
    }
}

fn check_order(d: &Dict, map: &HashMap<u64, i64>, order: &[u64]) {
    let t = d.table();
    let (mut at, mut seen) = (0, Vec::new());
    while let Some((i, _, value)) = dict::next_entry(t, at) {
        at = i + 1;
        seen.push(value.as_int());
    }
    let want: Vec<i64> = order.iter().map(|k| map[k]).collect();
    assert_eq!(seen, want);
    let mut at = t.filled();
    for want in want.iter().rev() {
        let (i, _, value) = dict::prev_entry(t, at).unwrap();
        at = i;
        assert_eq!(value.as_int(), *want);
    }
    assert!(dict::prev_entry(t, at).is_none());
}

#[test]
fn numbers_of_equal_value_are_one_key() {
    let mut m = Attached::new();
    let v = dict::new(&mut m).unwrap();
    let d = v.get::<Dict>();
    for (i, k) in [Value::int(1), Value::TRUE, Value::try_float(1.0).unwrap()].into_iter().enumerate() {
        dict::insert(&mut *m, d, 1, k, Value::int(i as i64), never).unwrap();
    }
    assert_eq!(d.len(), 1);
    let (_, k, v) = dict::next_entry(d.table(), 0).unwrap();
    assert_eq!((k, v), (Value::int(1), Value::int(2)));
}

#[test]
fn names_and_their_cache_ids() {
    let mut m = Attached::new();
    let v = dict::new(&mut m).unwrap();
    let d = v.get::<Dict>();
    let names: Vec<&'static Str> =
        (0..40).map(|i| intern::intern_str(&mut m, &format!("n{i}")).unwrap().get::<Str>()).collect();
    let name = |i: usize| Value::ptr(names[i]);
    let (empty, none) = dict::cache_entry(&mut m, d, name(0));
    assert!(empty != 0 && none.is_none());
    for i in 0..40 {
        dict::insert_name(&mut m, d, name(i), Value::int(i as i64)).unwrap();
    }
    let (id, at) = dict::cache_entry(&mut m, d, name(7));
    assert!(id != 0 && id != empty && id == d.table().cache_id());
    dict::insert_name(&mut m, d, name(7), Value::int(70)).unwrap();
    assert_eq!(id, dict::cache_id(&mut m, d), "a new value keeps the id");
    assert_eq!(dict::value_at(d.table(), at.unwrap()), Value::int(70));
    assert_eq!(dict::remove_name(&mut m, d, name(7)), Some(Value::int(70)));
    assert!(dict::value_at(d.table(), at.unwrap()).is_unbound());
    assert_eq!(dict::get_name(d, name(7)), None);
    let other = m.str("n8").unwrap();
    assert_eq!(dict::look_str(d, other), dict::Look::Found(Value::int(8)));
    dict::insert_name(&mut m, d, name(7), Value::NONE).unwrap();
    assert_ne!(id, d.table().cache_id(), "a new name takes the id away");
}

#[test]
fn comparison_by_user_code_begins_again_after_a_change() {
    let mut m = Attached::new();
    let v = dict::new(&mut m).unwrap();
    let d = v.get::<Dict>();
    // Tuples in tuples are compared by whoever asks.
    let (x, y) = (m.tuple(&[Value::int(1)]).unwrap(), m.tuple(&[Value::int(1)]).unwrap());
    let (a, b) = (m.tuple(&[x]).unwrap(), m.tuple(&[y]).unwrap());
    let eq = |_: &mut Mutator, _: Value| Ok::<bool, minipy::heap::Full>(true);
    dict::insert(&mut *m, d, 5, a, Value::int(10), eq).unwrap();
    let mut asked = 0;
    let found = dict::find(&mut *m, d, 5, b, |m: &mut Mutator, stored| {
        asked += 1;
        if asked == 1 {
            assert_eq!(stored, a);
            dict::clear(m, d);
            dict::insert(m, d, 5, a, Value::int(11), eq)?;
        }
        Ok::<bool, minipy::heap::Full>(true)
    });
    assert_eq!((found.unwrap(), asked), (Some(Value::int(11)), 2));
}

#[test]
fn readers_beside_a_writer_see_whole_entries() {
    let mut m = Attached::new();
    let v = dict::new(&mut m).unwrap();
    let stop = &AtomicBool::new(false);
    // Keys below 100 are always there; the others come and go. A value is its key plus 1000 times a counter.
    for k in 0..100 {
        dict::insert(&mut *m, v.get::<Dict>(), k, Value::int(k), Value::int(k), never).unwrap();
    }
    std::thread::scope(|s| {
        let mut readers = Vec::new();
        for seed in 1..3 {
            readers.push(s.spawn(move || {
                let mut m = Attached::new();
                let d = v.get::<Dict>();
                let mut r = Random(seed * 7919);
                while !stop.load(Relaxed) {
                    let k = r.below(3000) as i64;
                    match dict::find(&mut *m, d, k, Value::int(k), never).unwrap() {
                        Some(v) => assert_eq!(v.as_int() % 1_000_000, k),
                        None => assert!(k >= 100, "a key that stays was missed"),
                    }
                    let t = d.table();
                    let mut at = 0;
                    for _ in 0..40 {
                        let Some((i, k, v)) = dict::next_entry(t, at) else { break };
                        at = i + 1;
                        assert_eq!(v.as_int() % 1_000_000, k.as_int());
                    }
                    m.poll();
                }
            }));
        }
        let mut r = Random(5);
        let d = v.get::<Dict>();
        for n in 0..150_000 {
            let k = r.below(3000) as i64;
            let value = Value::int(k + n % 1000 * 1_000_000);
            if k >= 100 && n % 3 == 0 {
                dict::remove(&mut *m, d, k, Value::int(k), never).unwrap();
            } else if k < 100 && n % 5 == 0 {
                dict::move_to_end(&mut *m, d, k, Value::int(k), true, never).unwrap();
            } else {
                dict::insert(&mut *m, d, k, Value::int(k), value, never).unwrap();
            }
        }
        stop.store(true, Relaxed);
        m.blocking(|| readers.into_iter().for_each(|t| t.join().unwrap()));
    });
}

#[test]
fn no_insertion_of_many_writers_is_lost() {
    let mut m = Attached::new();
    let v = dict::new(&mut m).unwrap();
    std::thread::scope(|s| {
        let threads: Vec<_> = (0..4)
            .map(|t| {
                s.spawn(move || {
                    let mut m = Attached::new();
                    for i in 0..5000 {
                        let k = i * 4 + t;
                        dict::insert(&mut *m, v.get::<Dict>(), k, Value::int(k), Value::int(t), never)
                            .unwrap();
                    }
                })
            })
            .collect();
        m.blocking(|| threads.into_iter().for_each(|t| t.join().unwrap()));
    });
    assert_eq!(v.get::<Dict>().len(), 20_000);
    for k in 0..20_000 {
        let got = dict::find(&mut *m, v.get::<Dict>(), k, Value::int(k), never).unwrap();
        assert_eq!(got, Some(Value::int(k % 4)));
    }
}
