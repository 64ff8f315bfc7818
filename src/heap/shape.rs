//! Shapes (hidden classes): which class an object has and which slot of an instance has which name.
//!
//! Invariant (LAW 5): along a chain of transitions index i keeps its name; ids are never reused; a class that
//! runs out of ids or names goes to dictionary mode. Shapes are a listed root: the classes they name live on.

use super::value::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};

/// An object with more named slots than this goes to dictionary mode.
pub const MAX_SLOTS: u16 = 200;
/// Inline cache words keep three bits for a kind beside the shape.
pub const MAX_SHAPES: u32 = 1 << 22;

/// One shape. Read without locks; written once before its id is published.
#[repr(C)]
pub struct Shape {
    /// The class of objects of this shape; may be re-pointed only while the shape is private to a class.
    class: AtomicU64,
    /// Interned name of the last slot (unbound for a root).
    name: AtomicU64,
    /// Shape without the last slot; itself for a root.
    parent: AtomicU32,
    /// The dictionary-mode shape of the same class, 0 until asked for.
    dict_mode: AtomicU32,
    /// Named slots.
    pub count: u16,
    /// Slots that stand in the object.
    pub inline: u16,
    /// Word of the object where inline slots begin.
    pub first: u8,
    /// Objects of this shape keep their attributes in a dict.
    pub is_dict: bool,
    /// Objects take attributes at all.
    pub open: bool,
}

struct Table {
    next: u32,
    children: HashMap<(u32, u64), u32, Fx>,
}

static BASE: OnceLock<usize> = OnceLock::new();
static TABLE: Mutex<Table> = Mutex::new(Table { next: 1, children: HashMap::with_hasher(Fx) });

/// A hasher for words that are already unique.
#[derive(Clone, Copy, Default)]
pub struct Fx;
/// State of [`Fx`].
pub struct FxState(u64);
impl std::hash::BuildHasher for Fx {
    type Hasher = FxState;
    fn build_hasher(&self) -> FxState {
        FxState(0)
    }
}
impl std::hash::Hasher for FxState {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for b in bytes {
            self.write_u64(*b as u64);
        }
    }
    fn write_u32(&mut self, n: u32) {
        self.write_u64(n as u64);
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = (self.0.rotate_left(5) ^ n).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}

fn base() -> usize {
    *BASE.get_or_init(|| {
        let len = MAX_SHAPES as usize * size_of::<Shape>();
        // SAFETY: a fresh private mapping, committed by the kernel page by page as shapes are made.
        let p = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            )
        };
        assert!(p != libc::MAP_FAILED, "cannot reserve the shape table");
        p as usize
    })
}

/// The shape of that id.
#[inline(always)]
pub fn shape(id: u32) -> &'static Shape {
    debug_assert!(id != 0 && id < MAX_SHAPES);
    // SAFETY: ids are handed out only after their entry is written; the mapping lives for ever.
    unsafe { &*(base() as *const Shape).add(id as usize) }
}

fn publish(t: &mut Table, s: Shape) -> Option<u32> {
    let id = t.next;
    if id >= MAX_SHAPES {
        return None;
    }
    t.next += 1;
    // SAFETY: entry `id` is not yet known to anyone; the lock on `t` makes us its only writer.
    unsafe { (base() as *mut Shape).add(id as usize).write(s) };
    Some(id)
}

/// A root shape for instances of `class`; `None` when ids are exhausted.
pub fn root(class: Value, first: u8, inline: u16, open: bool) -> Option<u32> {
    let mut t = TABLE.lock().unwrap();
    let id = t.next;
    publish(
        &mut t,
        Shape {
            class: AtomicU64::new(class.0),
            name: AtomicU64::new(Value::UNBOUND.0),
            parent: AtomicU32::new(id),
            dict_mode: AtomicU32::new(0),
            count: 0,
            inline,
            first,
            is_dict: false,
            open,
        },
    )
}

/// The shape that `id` becomes by a slot called `name` (interned); `None`: use dictionary mode.
pub fn with(id: u32, name: Value) -> Option<u32> {
    let s = shape(id);
    if s.is_dict || s.count >= MAX_SLOTS {
        return None;
    }
    let mut t = TABLE.lock().unwrap();
    if let Some(&child) = t.children.get(&(id, name.0)) {
        return Some(child);
    }
    let child = publish(
        &mut t,
        Shape {
            class: AtomicU64::new(s.class().0),
            name: AtomicU64::new(name.0),
            parent: AtomicU32::new(id),
            dict_mode: AtomicU32::new(0),
            count: s.count + 1,
            inline: s.inline,
            first: s.first,
            is_dict: false,
            open: s.open,
        },
    )?;
    t.children.insert((id, name.0), child);
    Some(child)
}

/// The dictionary-mode shape of the class of shape `id`.
pub fn dict_mode(id: u32) -> u32 {
    let s = shape(id);
    if s.is_dict {
        return id;
    }
    let mut t = TABLE.lock().unwrap();
    match s.dict_mode.load(Ordering::Acquire) {
        0 => {
            let made = publish(
                &mut t,
                Shape {
                    class: AtomicU64::new(s.class().0),
                    name: AtomicU64::new(Value::UNBOUND.0),
                    parent: AtomicU32::new(0),
                    dict_mode: AtomicU32::new(0),
                    count: 0,
                    inline: s.inline,
                    first: s.first,
                    is_dict: true,
                    open: s.open,
                },
            )
            .expect("out of shape ids");
            s.dict_mode.store(made, Ordering::Release);
            made
        }
        made => made,
    }
}

impl Shape {
    /// The class.
    #[inline(always)]
    pub fn class(&self) -> Value {
        Value(self.class.load(Ordering::Acquire))
    }

    /// Sets the class of a shape made before its class (start-up only).
    pub fn set_class(&self, class: Value) {
        self.class.store(class.0, Ordering::Release)
    }

    /// Name of the last slot.
    pub fn name(&self) -> Value {
        Value(self.name.load(Ordering::Acquire))
    }

    /// The shape without the last slot.
    pub fn parent(&self) -> &'static Shape {
        shape(self.parent.load(Ordering::Relaxed))
    }

    /// Index of the slot called `name` (interned), if there is one.
    pub fn find(&self, name: Value) -> Option<u16> {
        let mut s = self;
        loop {
            if s.count == 0 {
                return None;
            }
            if s.name() == name {
                return Some(s.count - 1);
            }
            s = s.parent();
        }
    }

    /// Slot names in order.
    pub fn names(&self) -> Vec<(u16, String)> {
        let mut out: Vec<(u16, String)> = Vec::new();
        let mut s = self;
        while s.count != 0 {
            let bytes = s.name().get::<super::object::Str>().bytes();
            out.push((s.count - 1, String::from_utf8_lossy(bytes).into_owned()));
            s = s.parent();
        }
        out.reverse();
        out
    }
}

/// Calls `f` with every value that a shape holds: a listed root.
pub fn roots(mut f: impl FnMut(Value)) {
    let n = TABLE.lock().unwrap().next;
    for id in 1..n {
        let s = shape(id);
        f(s.class());
        f(s.name());
    }
}
