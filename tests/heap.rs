//! The heap under load: what is reachable stays whole, what is not goes. Invariant: each test attaches and
//! detaches its own threads, so that they can share the one heap of the process.

use minipy::heap::cell::{COUNTED, Kind};
use minipy::heap::known::C;
use minipy::heap::object::{Boxed, Tuple, Weak};
use minipy::heap::{Mutator, Value, check, space, stop, weak};
use std::hint::black_box;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// An attached thread.
struct Attached(Box<Mutator>);

impl Attached {
    fn new() -> Attached {
        let mut m = Box::new(Mutator::detached());
        m.attach();
        Attached(m)
    }
}

impl Deref for Attached {
    type Target = Mutator;
    fn deref(&self) -> &Mutator {
        &self.0
    }
}

impl DerefMut for Attached {
    fn deref_mut(&mut self) -> &mut Mutator {
        &mut self.0
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.detach();
    }
}

/// Held by tests that look at the one queue of finalisers.
static QUEUE: Mutex<()> = Mutex::new(());

/// Holds it as a stopped thread would wait for it, with the queue empty.
fn queue(m: &mut Mutator) -> MutexGuard<'static, ()> {
    let guard = m.blocking(|| QUEUE.lock().unwrap_or_else(PoisonError::into_inner));
    while m.take_ready().is_some() {}
    guard
}

/// Rounds of a test: fewer when every allocation collects.
fn rounds(n: u64) -> u64 {
    match check::hard().gc {
        0 => n,
        _ => n / 50,
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn at(t: Value, i: usize) -> Value {
    t.get::<Tuple>().at(i)
}

fn put(t: Value, i: usize, v: Value) {
    assert!(i < t.get::<Tuple>().len());
    // SAFETY: checked.
    unsafe { t.get::<Tuple>().item(i) }.set(v);
}

/// A tree whose shape and numbers follow from depth and seed; sizes differ between levels.
fn grow(m: &mut Mutator, depth: u64, seed: u64) -> Value {
    let width = if depth == 0 { 0 } else { 2 + (seed % 3) as usize };
    let t = m.tuple_with(width + 1 + (seed % 7) as usize).unwrap();
    put(t, 0, Value::int((seed % 1_000_003) as i64));
    for i in 0..width {
        let child = grow(m, depth - 1, seed.wrapping_mul(31).wrapping_add(i as u64 + 1));
        put(t, i + 1, child);
    }
    t
}

fn verify(t: Value, depth: u64, seed: u64) {
    let width = if depth == 0 { 0 } else { 2 + (seed % 3) as usize };
    assert_eq!(t.get::<Tuple>().len(), width + 1 + (seed % 7) as usize);
    assert_eq!(at(t, 0), Value::int((seed % 1_000_003) as i64));
    for i in 0..width {
        verify(at(t, i + 1), depth - 1, seed.wrapping_mul(31).wrapping_add(i as u64 + 1));
    }
}

/// Overwrites what earlier calls left on the stack below.
#[inline(never)]
fn scrub() {
    black_box([0u64; 4096]);
}

/// Collects from a frame of its own, so that nothing dead is in registers.
#[inline(never)]
fn collect(m: &mut Mutator) {
    scrub();
    m.collect();
}

#[test]
fn cells_of_all_sizes_are_zero_and_apart() {
    let mut m = Attached::new();
    let mut r = Random(42);
    let keep = m.tuple_with(200).unwrap();
    for round in 0..rounds(20_000) {
        let bytes = match r.below(100) {
            0 => 8200 + r.below(300_000),
            1..10 => 512 + r.below(8000),
            _ => 16 + r.below(500),
        } as usize;
        let p = m.cell(Kind::Data, 7, 0, bytes).unwrap();
        assert_eq!(p as usize % 16, 0);
        let v = Value::ptr(p);
        assert_eq!(space::from_index(space::index_of(v)), v);
        // SAFETY: the cell has that many bytes.
        unsafe {
            for i in 1..bytes / 8 {
                assert_eq!(*p.add(i), 0);
            }
            for i in 1..bytes / 8 {
                *p.add(i) = round << 8;
            }
        }
        let slot = r.below(200) as usize;
        let t = m.tuple_with(3).unwrap();
        put(t, 0, v);
        put(t, 1, Value::int(bytes as i64));
        put(t, 2, Value::int(round as i64));
        put(keep, slot, t);
        let t = at(keep, r.below(200) as usize);
        if t.is_ptr() {
            let p = at(t, 0).addr::<u64>();
            for i in 1..at(t, 1).as_int() as usize / 8 {
                // SAFETY: as above.
                assert_eq!(unsafe { *p.add(i) }, (at(t, 2).as_int() as u64) << 8);
            }
        }
    }
    m.check();
}

#[test]
fn a_tree_survives_what_dies_around_it() {
    let mut m = Attached::new();
    let tree = grow(&mut m, 7, 5);
    for i in 0..rounds(50) / 2 {
        black_box(grow(&mut m, 6, i));
        if i % 5 == 0 {
            collect(&mut m);
        }
    }
    verify(tree, 7, 5);
    m.check();
}

#[test]
fn garbage_is_reused() {
    let mut m = Attached::new();
    let before = space::stats();
    for _ in 0..rounds(12_000_000) {
        black_box(m.new_cell(Value::int(1)).unwrap());
    }
    let after = space::stats();
    assert!(after.collections > before.collections);
    assert!(after.heap_bytes < before.heap_bytes + (300 << 20), "{after:?}");
}

#[test]
fn large_objects_come_and_go() {
    let mut m = Attached::new();
    let big = m.tuple_with(1_000_000).unwrap();
    for i in 0..1000 {
        let c = m.new_cell(Value::int(i)).unwrap();
        put(big, i as usize * 1000, c);
    }
    for _ in 0..200 {
        black_box(m.tuple_with(200_000).unwrap());
    }
    collect(&mut m);
    for i in 0..1000 {
        let c = at(big, i * 1000).get::<minipy::heap::object::Cell>();
        assert_eq!(c.value.get(), Value::int(i as i64));
    }
    assert!(m.cell(Kind::Data, 1, 0, 1 << 45).is_err());
    m.check();
}

#[inline(never)]
fn weak_pair(m: &mut Mutator, keep: Value) {
    for i in 0..2 {
        let target = m.new_cell(Value::int(i)).unwrap();
        let callback = m.new_cell(Value::NONE).unwrap();
        let (v, w) = m.new::<Weak>(C::weakref.shape(), 2, 0).unwrap();
        w.callback.set(callback);
        w.hash.set(Value::UNBOUND);
        w.target.set(target.0 as usize);
        m.register_weak(v);
        put(keep, i as usize, v);
        if i == 0 {
            put(keep, 2, target);
        }
    }
}

#[test]
fn weak_references_are_cleared_and_called_back() {
    let mut m = Attached::new();
    let _queue = queue(&mut m);
    let keep = m.tuple_with(3).unwrap();
    weak_pair(&mut m, keep);
    collect(&mut m);
    assert_eq!(weak::target(at(keep, 0).get::<Weak>()), at(keep, 2));
    assert!(weak::target(at(keep, 1).get::<Weak>()).is_unbound());
    m.check();
    assert_eq!(m.take_ready(), Some(at(keep, 1)));
    assert_eq!(m.take_ready(), None);
}

#[inline(never)]
fn dying(m: &mut Mutator, count: &Arc<AtomicUsize>) {
    struct Payload(Arc<AtomicUsize>);
    impl Drop for Payload {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    for _ in 0..100 {
        let v = m.boxed(1, Box::new(Payload(count.clone())), 1000).unwrap();
        assert!(v.get::<Boxed>().payload::<Payload>().is_some());
    }
}

#[test]
fn payloads_of_dead_records_are_dropped() {
    let mut m = Attached::new();
    let count = Arc::new(AtomicUsize::new(0));
    dying(&mut m, &count);
    collect(&mut m);
    assert!(count.load(SeqCst) >= 95, "{count:?}");
}

#[inline(never)]
fn finalizable(m: &mut Mutator, n: i64) {
    for i in 0..n {
        let inner = m.tuple(&[Value::int(i)]).unwrap();
        let v = m.tuple(&[Value::int(-77), inner]).unwrap();
        m.register_finalizable(v);
    }
}

#[test]
fn finalizable_objects_queue_in_order_and_whole() {
    let mut m = Attached::new();
    let _queue = queue(&mut m);
    finalizable(&mut m, 100);
    collect(&mut m);
    m.check();
    let mut last = -1;
    let mut seen = 0;
    while let Some(v) = m.take_ready() {
        if v.is_kind(Kind::Tuple) && at(v, 0) == Value::int(-77) {
            let i = at(at(v, 1), 0).as_int();
            assert!(i > last);
            (last, seen) = (i, seen + 1);
        }
    }
    assert!(seen >= 90);
}

#[test]
fn threads_keep_their_graphs_while_others_collect() {
    let threads: Vec<_> = (0..6u64)
        .map(|n| {
            std::thread::spawn(move || {
                let mut m = Attached::new();
                let mut r = Random(n * 7919 + 1);
                let table = m.tuple_with(64).unwrap();
                let seeds = m.tuple_with(64).unwrap();
                for round in 0..rounds(1500) {
                    let i = r.below(64) as usize;
                    let seed = r.below(1 << 40);
                    let tree = grow(&mut m, 4, seed);
                    put(table, i, tree);
                    put(seeds, i, Value::int(seed as i64));
                    let i = r.below(64) as usize;
                    if at(table, i).is_ptr() {
                        verify(at(table, i), 4, at(seeds, i).as_int() as u64);
                    }
                    match r.below(100) {
                        0 => drop(m.collect()),
                        1 => m.blocking(|| std::thread::sleep(Duration::from_micros(200))),
                        2 => m.stop_world(|| ()),
                        3 if round % 10 == 0 => m.check(),
                        _ => {}
                    }
                }
            })
        })
        .collect();
    for t in threads {
        t.join().unwrap();
    }
}

#[test]
fn threads_come_and_go_while_others_collect() {
    let done = Arc::new(AtomicBool::new(false));
    let collector = std::thread::spawn({
        let done = done.clone();
        move || {
            let mut m = Attached::new();
            while !done.load(SeqCst) {
                m.collect();
            }
        }
    });
    for n in 0..rounds(100) {
        let all: Vec<_> = (0..3)
            .map(|k| {
                std::thread::spawn(move || {
                    let mut m = Attached::new();
                    let tree = grow(&mut m, 5, n + k);
                    m.blocking(|| ());
                    verify(tree, 5, n + k);
                })
            })
            .collect();
        for t in all {
            t.join().unwrap();
        }
    }
    done.store(true, SeqCst);
    collector.join().unwrap();
}

#[test]
fn a_fork_gives_the_child_a_working_heap() {
    let mut m = Attached::new();
    let tree = grow(&mut m, 7, 11);
    for _ in 0..5 {
        in_child(&mut m, |m| {
            assert_eq!(m.threads(), 1);
            for i in 0..rounds(50) / 10 {
                let other = grow(m, 8, i);
                m.collect();
                verify(other, 8, i);
            }
            verify(tree, 7, 11);
            m.check();
        });
        black_box(grow(&mut m, 6, 3));
    }
    verify(tree, 7, 11);
}

#[test]
fn an_object_lock_excludes() {
    let mut m = Attached::new();
    m.set_shared(true);
    let cell = m.cell(Kind::Data, 1, 0, 64).unwrap() as usize;
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                let mut m = Attached::new();
                m.shared = true;
                for i in 0..30_000 {
                    let v = Value::ptr(cell as *const u64);
                    m.lock(v.header());
                    // SAFETY: the cell has 8 words; the lock is held.
                    unsafe {
                        let p = (cell as *mut u64).add(1);
                        let n = p.read_volatile();
                        if i % 64 == 0 {
                            std::thread::yield_now();
                        }
                        p.write_volatile(n + 1);
                    }
                    m.unlock(v.header());
                    if i % 100 == 0 {
                        black_box(m.new_cell(v).unwrap());
                    }
                    if i % 5000 == 0 {
                        m.collect();
                    }
                }
            })
        })
        .collect();
    m.blocking(|| {
        for t in threads {
            t.join().unwrap();
        }
    });
    // SAFETY: as above; all writers have ended.
    assert_eq!(unsafe { *(cell as *const u64).add(1) }, 120_000);
}

#[test]
fn allocation_under_a_lock_does_not_stop() {
    let mut m = Attached::new();
    let v = m.new_cell(Value::NONE).unwrap();
    m.lock(v.header());
    for _ in 0..3000 {
        let p = m.cell_no_stop(Kind::Data, 1, 0, 20_000).unwrap();
        assert!(!p.is_null());
    }
    m.unlock(v.header());
}

#[test]
fn a_long_chain_needs_no_deep_stack() {
    let mut m = Attached::new();
    let mut chain = Value::NONE;
    for i in 0..rounds(300_000) as i64 {
        let t = m.tuple_with(2).unwrap();
        put(t, 0, Value::int(i));
        put(t, 1, chain);
        chain = t;
    }
    collect(&mut m);
    for i in (0..rounds(300_000) as i64).rev() {
        assert_eq!(at(chain, 0), Value::int(i));
        chain = at(chain, 1);
    }
}

#[test]
fn an_address_into_a_cell_keeps_it() {
    let mut m = Attached::new();
    let text = "x".repeat(100_000);
    let inside = {
        let v = m.str(&text).unwrap();
        &v.get::<minipy::heap::object::Str>().bytes()[70_000..70_010]
    };
    for _ in 0..50 {
        collect(&mut m);
        black_box(m.cell(Kind::Data, 1, COUNTED, 100_000).unwrap());
    }
    assert_eq!(inside, b"xxxxxxxxxx");
}

#[test]
fn a_bit_asks_for_the_queue() {
    let mut m = Attached::new();
    let _queue = queue(&mut m);
    let v = m.tuple(&[Value::int(3)]).unwrap();
    m.register_finalizable(v);
    m.finalize_all();
    assert!(m.pending().load(SeqCst) & stop::FINALIZE != 0);
    assert_eq!(m.take_ready(), Some(v));
    assert!(m.pending().load(SeqCst) & stop::FINALIZE == 0);
}

/// Runs `f` in a forked child and asserts that it ends well.
fn in_child(m: &mut Mutator, f: impl FnOnce(&mut Mutator)) {
    let pid = m.fork(|| (), |(), _| ());
    if pid == 0 {
        let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(m)));
        // SAFETY: the child ends here.
        unsafe { libc::_exit(if fine.is_ok() { 0 } else { 1 }) };
    }
    assert!(pid > 0);
    let status = m.blocking(|| {
        let mut status = 0;
        // SAFETY: waits for the own child.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        status
    });
    assert_eq!(status, 0);
}

#[test]
fn a_limited_heap_is_full_and_recovers() {
    let mut m = Attached::new();
    in_child(&mut m, |m| {
        m.collect();
        space::set_limit(space::stats().live_bytes + (16 << 20));
        for _ in 0..rounds(1_000_000) {
            black_box(m.tuple_with(20).unwrap());
        }
        assert!(m.tuple_with(4_000_000).is_err());
        for _ in 0..2 {
            fill(m);
            collect(m);
            black_box(m.tuple_with(100_000).unwrap());
        }
        m.check();
    });
}

/// Makes a list until the heap is full.
#[inline(never)]
fn fill(m: &mut Mutator) {
    let mut list = Value::NONE;
    let mut n = 0;
    while let Ok(t) = m.tuple_with(1000) {
        put(t, 0, list);
        list = t;
        n += 1;
        assert!(n < 4000);
    }
    assert!(n > 500, "{n}");
}

#[test]
fn a_frozen_world_leaves_one_thread() {
    let mut m = Attached::new();
    in_child(&mut m, |m| {
        let count = Arc::new(AtomicUsize::new(0));
        for blocks in [true, false] {
            let count = count.clone();
            std::thread::spawn(move || {
                let mut m = Attached::new();
                loop {
                    count.fetch_add(1, SeqCst);
                    if blocks {
                        m.blocking(|| std::thread::sleep(Duration::from_micros(50)));
                    } else {
                        m.poll();
                    }
                }
            });
        }
        m.blocking(|| std::thread::sleep(Duration::from_millis(20)));
        m.freeze_world();
        let before = count.load(SeqCst);
        assert!(before > 0);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(count.load(SeqCst), before);
        let tree = grow(m, 6, 3);
        collect(m);
        m.stop_world(|| ());
        verify(tree, 6, 3);
    });
}

#[test]
fn memory_of_the_dead_goes_back() {
    let mut m = Attached::new();
    in_child(&mut m, |m| {
        for _ in 0..400 {
            black_box(m.tuple_with(100_000).unwrap());
        }
        collect(m);
        collect(m);
        let status = std::fs::read_to_string("/proc/self/statm").unwrap();
        let pages: usize = status.split(' ').nth(1).unwrap().parse().unwrap();
        assert!(pages < (150 << 20) / 4096, "{pages} pages");
    });
}
