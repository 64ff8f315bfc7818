//! Attributes over shapes. Invariant tested: a reader sees a value that the attribute had, in slots or in a dict.

use super::common::{Attached, Random, never};
use minipy::heap::cell::{ALL, Kind};
use minipy::heap::object::{Dict, Instance};
use minipy::heap::slots::{self, Change};
use minipy::heap::{Mutator, Value, dict, intern, shape, text};
use std::sync::atomic::{AtomicBool, Ordering::*};

fn instance(m: &mut Mutator, root: u32) -> Value {
    let s = shape::shape(root);
    let words = s.first as usize + s.inline as usize;
    let v = Value::ptr(m.cell(Kind::Instance, root, ALL, words * 8).unwrap());
    v.get::<Instance>().ext.set(Value::UNBOUND);
    v
}

fn name(m: &mut Mutator, i: usize) -> Value {
    intern::intern_str(m, &format!("attr{i}")).unwrap()
}

fn set(m: &mut Mutator, obj: Value, name: Value, value: Value) {
    if slots::set_attr(m, obj, name, value).unwrap() == Change::InDict {
        let d = slots::to_dict_mode(m, obj).unwrap();
        dict::insert_name(m, d.get::<Dict>(), name, value).unwrap();
    }
}

fn delete(m: &mut Mutator, obj: Value, name: Value) -> Option<Value> {
    slots::delete_attr(m, obj, name).unwrap_or_else(|_| {
        let d = slots::to_dict_mode(m, obj).unwrap();
        dict::remove_name(m, d.get::<Dict>(), name)
    })
}

fn listed(obj: Value) -> Vec<(Value, i64)> {
    let mut out = Vec::new();
    match slots::dict_of(obj) {
        None => slots::for_each_attr(obj, |n, v| out.push((n, v.as_int()))),
        Some(d) => {
            let (t, mut at) = (d.get::<Dict>().table(), 0);
            while let Some((i, n, v)) = dict::next_entry(t, at) {
                at = i + 1;
                out.push((n, v.as_int()));
            }
        }
    }
    out
}

#[test]
fn attributes_agree_with_model() {
    let mut m = Attached::new();
    let m: &mut Mutator = &mut m;
    let root = shape::root(Value::NONE, 2, 3, true).unwrap();
    let mut r = Random(17);
    for round in 0..200 {
        let obj = instance(m, root);
        let mut model: Vec<(Value, i64)> = Vec::new();
        for step in 0..80 {
            let n = name(m, r.below(if round == 0 { 300 } else { 12 }) as usize);
            let at = model.iter().position(|(k, _)| *k == n);
            match r.below(if round == 0 { 100 } else { 10 }) {
                0 => {
                    assert_eq!(delete(m, obj, n).is_some(), at.is_some());
                    if let Some(at) = at {
                        model.remove(at);
                    }
                }
                1 if r.below(20) == 0 => _ = slots::to_dict_mode(m, obj).unwrap(),
                _ => {
                    set(m, obj, n, Value::int(step));
                    match at {
                        Some(at) => model[at].1 = step,
                        None => model.push((n, step)),
                    }
                }
            }
            assert_eq!(listed(obj), model);
            let n = name(m, r.below(12) as usize);
            let want = model.iter().find(|(k, _)| *k == n).map(|(_, v)| Value::int(*v));
            assert_eq!(slots::get_attr(obj, n), want);
        }
    }
    let obj = instance(m, root);
    assert_eq!(slots::identity_hash(m, obj, || 42).unwrap(), 42);
    assert_eq!(slots::identity_hash(m, obj, || 43).unwrap(), 42);
}

#[test]
fn readers_beside_the_change_to_a_dict() {
    let mut m = Attached::new();
    let root = shape::root(Value::NONE, 2, 2, true).unwrap();
    let holder = m.array(1).unwrap();
    let current = move || holder.get::<minipy::heap::object::Array>().slot(0).unwrap();
    let stop = &AtomicBool::new(false);
    let first = instance(&mut m, root);
    let names: Vec<usize> = (0..6).collect();
    for i in &names {
        let n = name(&mut m, *i);
        set(&mut m, first, n, Value::int(*i as i64));
    }
    current().set(first);
    std::thread::scope(|s| {
        let mut readers = Vec::new();
        for _ in 0..2 {
            readers.push(s.spawn(move || {
                let mut m = Attached::new();
                while !stop.load(Relaxed) {
                    for i in 0..6 {
                        let n = name(&mut m, i);
                        let v =
                            slots::get_attr(current().get(), n).expect("an attribute that stays was missed");
                        assert_eq!(v.as_int() % 10, i as i64);
                    }
                    m.poll();
                }
            }));
        }
        for round in 0..3000 {
            let obj = instance(&mut m, root);
            for i in &names {
                let n = name(&mut m, *i);
                set(&mut m, obj, n, Value::int(*i as i64));
            }
            current().set(obj);
            for i in names.iter().chain(&[6, 7, 8]) {
                let n = name(&mut m, *i);
                set(&mut m, obj, n, Value::int(round * 10 + *i as i64));
            }
            let d = slots::to_dict_mode(&mut m, obj).unwrap();
            let n = name(&mut m, 3);
            let h = text::hash_of(n.get());
            dict::insert(&mut *m, d.get::<Dict>(), h, n, Value::int(round * 10 + 3), never).unwrap();
        }
        stop.store(true, Relaxed);
        m.blocking(|| readers.into_iter().for_each(|t| t.join().unwrap()));
    });
}
