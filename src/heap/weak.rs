//! Weak references, finalisers, and cells that own something outside the heap. Invariant: a weak reference with
//! a target that died is unbound before anything else of the collection is seen; a dead object with a finaliser
//! lives on in the ready queue until it is taken.

use super::block::View;
use super::cell::{Header, Kind};
use super::object::{Boxed, Generator, Weak};
use super::space::{Mutator, State, state};
use super::stop::{FINALIZE, each_thread};
use super::value::Value;
use std::any::Any;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::SeqCst;

/// Releases what a dead cell owns. Called in a stopped world: no use of the heap.
pub type DropHook = fn(&Header);

const KINDS: usize = Kind::Boxed as usize + 1;
static HOOKS: [OnceLock<DropHook>; KINDS] = [const { OnceLock::new() }; KINDS];

/// Sets what happens when a registered cell of that kind dies; the first call wins. `Kind::Boxed` needs none.
pub fn set_drop_hook(kind: Kind, hook: DropHook) {
    let _ = HOOKS[kind as usize].set(hook);
}

/// The target of a weak reference, or unbound. The collector clears targets only while this thread is stopped,
/// and then sees the value in the caller's local.
#[inline]
pub fn target(w: &Weak) -> Value {
    Value(w.target.get() as u64)
}

/// Calls `f` with every weak reference to `v`. `f` must not allocate.
pub fn each_to(v: Value, mut f: impl FnMut(Value)) {
    let s = state();
    for &w in s.weak.iter().filter(|w| target(w.get::<Weak>()) == v) {
        f(w);
    }
}

impl Mutator {
    /// Registers a `Weak` cell whose target is set.
    pub fn register_weak(&mut self, v: Value) {
        debug_assert!(v.is_kind(Kind::Weak));
        state().weak.push(v);
    }

    /// Registers an object whose finaliser is to be queued when it dies, once.
    pub fn register_finalizable(&mut self, v: Value) {
        // In a list of the thread's own: coroutines are such objects, and threads that make them must not meet.
        self.finalizable.push(v);
    }

    /// Hands over what this thread registered.
    pub(super) fn tell_finalizable(&mut self) {
        if !self.finalizable.is_empty() {
            state().finalizable.append(&mut self.finalizable);
        }
    }

    /// Registers a cell whose kind has a drop hook.
    pub fn register_dying(&mut self, v: Value) {
        self.owns_payload(v, 0);
    }

    /// Registers `v` as owner of a payload of `external` bytes.
    pub fn owns_payload(&mut self, v: Value, external: usize) {
        let mut s = state();
        s.owners.push((v, external));
        s.fresh_owners += 1;
        s.used = s.used.saturating_add(external);
    }

    /// How many owners were registered since the last collection: descriptors may be waiting to be closed.
    pub fn fresh_owners(&self) -> usize {
        state().fresh_owners
    }

    /// Charges memory outside the heap that is tied to no cell (less if negative).
    pub fn external(&mut self, delta: isize) {
        let mut s = state();
        s.external = s.external.saturating_add_signed(delta);
        s.used = s.used.saturating_add_signed(delta);
    }

    /// The next object whose finaliser is due, or (kind `Weak`) weak reference whose callback is due. The pending
    /// bit goes when there is none.
    pub fn take_ready(&mut self) -> Option<Value> {
        let mut s = state();
        if s.ready.len() <= 1 {
            self.pending().fetch_and(!FINALIZE, SeqCst);
        }
        s.ready.pop_front()
    }

    /// Queues the finalisers of all objects that have one, dead or not, in creation order: for the exit.
    pub fn finalize_all(&mut self) {
        self.stop_world(|| gather(&mut state()));
        let mut s = state();
        let all = std::mem::take(&mut s.finalizable);
        s.ready.extend(all.into_iter().filter(|&v| has_end(v)));
        if !s.ready.is_empty() {
            self.pending().fetch_or(FINALIZE, SeqCst);
        }
    }
}

/// Brings together what all threads registered. Only in a stopped world.
pub(super) fn gather(s: &mut State) {
    each_thread(|t| {
        // SAFETY: the world is stopped, so records are valid and nobody else uses them.
        s.finalizable.append(unsafe { &mut (*t).finalizable });
    });
}

/// After marking: clears references to what is not marked, and queues callbacks.
pub(super) fn clear_dead(s: &mut State, view: &View) {
    let (weak, ready) = (&mut s.weak, &mut s.ready);
    weak.retain(|&v| {
        let w = v.get::<Weak>();
        let t = target(w);
        if !t.is_ptr() {
            return false;
        }
        if view.marked(t) {
            return true;
        }
        w.target.set(Value::UNBOUND.0 as usize);
        // A reference that died with its target is not called back.
        if view.marked(v) && w.callback.get().is_ptr() {
            ready.push_back(v);
        }
        false
    });
}

/// Then: moves dead finalisable objects to the ready queue and has them marked.
pub(super) fn queue_dead(s: &mut State, view: &View, mut mark: impl FnMut(Value)) {
    let (finalizable, ready) = (&mut s.finalizable, &mut s.ready);
    finalizable.retain(|&v| {
        let live = view.marked(v);
        if !live && has_end(v) {
            ready.push_back(v);
        }
        live
    });
    for &v in ready.iter() {
        mark(v);
    }
}

/// A generator that has ended has nothing to finalise.
fn has_end(v: Value) -> bool {
    v.cast::<Generator>().is_none_or(|g| g.state.get() != Value::int(Generator::ENDED))
}

/// Last: drops dead weak references from the list and lets dead owners go.
pub(super) fn forget_dead(s: &mut State, view: &View) {
    s.weak.retain(|&v| view.marked(v));
    let (owners, doomed) = (&mut s.owners, &mut s.doomed);
    owners.retain(|&(v, _)| {
        if view.marked(v) {
            return true;
        }
        if let Some(b) = v.cast::<Boxed>() {
            let payload = b.payload.get();
            b.payload.set(0);
            if payload != 0 {
                doomed.push(payload);
            }
        } else if let Some(hook) = HOOKS[v.kind() as usize].get() {
            hook(v.header());
        }
        false
    });
}

/// Drops payloads of dead records, in a running world.
pub(super) fn drop_payloads(doomed: Vec<usize>) {
    for payload in doomed {
        // SAFETY: leaked as this type by `Mutator::boxed`; the record that held it is dead and gave it up.
        drop(unsafe { Box::from_raw(payload as *mut Box<dyn Any + Send + Sync>) });
    }
}
