//! What the container tests share. Invariant: single objects and names are filled once, before any test goes on.

use minipy::heap::known::CLASSES;
use minipy::heap::{Full, Mutator, Value, intern, shape};
use std::ops::{Deref, DerefMut};
use std::sync::Once;

/// An attached thread.
pub struct Attached(Box<Mutator>);

impl Attached {
    /// Attaches this thread; the first one starts the heap's rooms. Threads are taken to be parallel throughout,
    /// because the tests run beside one another.
    pub fn new() -> Attached {
        static START: Once = Once::new();
        START.call_once(|| {
            let mut m = Box::new(Mutator::detached());
            m.attach();
            m.set_shared(true);
            CLASSES.iter().for_each(|_| _ = shape::root(Value::NONE, 0, 0, false).unwrap());
            intern::start(&mut m).unwrap();
            m.detach();
        });
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

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// The comparison of keys that the builtin rules decide: never asked.
pub fn never(_: &mut Mutator, stored: Value) -> Result<bool, Full> {
    panic!("asked about {stored:?}")
}
