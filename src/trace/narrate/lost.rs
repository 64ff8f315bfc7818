//! Lost updates: a store of a value that was made from an older content of the same place, while another thread has
//! written there in between. Invariants: a value is followed through registers, arithmetic and local variables of
//! one frame only, so nothing is called lost that was computed from something else; memory is bounded.

use crate::run::event::seen::{Access, Spot, Step};
use std::collections::HashMap;

/// Places remembered; beyond that all are forgotten.
const MOST: usize = 1 << 16;
/// Frames remembered.
const FRAMES: usize = 1 << 10;

type Key = (u64, u64);

/// Who wrote last.
#[derive(Clone, Copy, Debug)]
struct Last {
    thread: u32,
    turn: u64,
    /// Writes so far.
    version: u64,
    /// Updates that the content holds: the lost ones are not in it.
    depth: u64,
    word: u64,
}

/// A register's value was made from what stood there.
#[derive(Clone, Copy, Debug)]
struct Origin {
    key: Key,
    version: u64,
    depth: u64,
    word: u64,
}

/// What a store overwrites.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overwritten {
    /// Who wrote it.
    pub thread: u32,
    /// In which turn.
    pub turn: u64,
    /// How many writes it goes over.
    pub writes: u64,
    /// By how many updates the content is poorer than without; below zero: it brings back some that were lost.
    pub net: i64,
}

/// All places and registers of a run.
#[derive(Default)]
pub struct Lost {
    places: HashMap<Key, Last>,
    /// By thread and frame, then by register.
    frames: HashMap<(u32, usize), HashMap<u16, Origin>>,
    /// With a GIL the order of what is told is that of what happened. Without one a thread may have read a newer
    /// value than was told: then equal values are taken for the same.
    exact: bool,
}

impl Lost {
    /// Nothing known yet. `exact`: there is a GIL.
    pub fn new(exact: bool) -> Lost {
        Lost { exact, ..Lost::default() }
    }

    /// The instruction stores: what is lost by that.
    pub fn stores(&mut self, thread: u32, turn: u64, step: &Step) -> Option<Overwritten> {
        let spot = step.spot.filter(|_| matches!(step.site.place, Some((Access::Write, _))))?;
        let frame = self.frames.get(&(thread, step.frame));
        let origin = frame.and_then(|f| step.site.from.iter().find_map(|r| f.get(r))).copied();
        if self.places.len() >= MOST {
            self.places.clear();
        }
        let last = self.places.get(&spot.key).copied();
        let (version, depth) = last.map_or((1, 1), |l| (l.version + 1, l.depth + 1));
        let gone = match (origin.filter(|o| o.key == spot.key), last) {
            (Some(o), Some(l)) => {
                let newer = l.version.saturating_sub(o.version);
                let same = !self.exact && o.word == l.word;
                (newer > 0 && l.thread != thread && !same).then(|| {
                    let net = l.depth as i64 - o.depth as i64;
                    (Overwritten { thread: l.thread, turn: l.turn, writes: newer, net }, o.depth + 1)
                })
            }
            _ => None,
        };
        let depth = gone.map_or(depth, |(_, depth)| depth);
        self.places.insert(spot.key, Last { thread, turn, version, depth, word: spot.word });
        gone.map(|(o, _)| o)
    }

    /// The instruction is done: what it read, if it read a place.
    pub fn done(&mut self, thread: u32, step: &Step, spot: Option<Spot>) {
        let Some(into) = step.site.into else { return };
        if self.frames.len() >= FRAMES {
            self.frames.clear();
        }
        let frame = self.frames.entry((thread, step.frame)).or_default();
        let origin = match spot {
            Some(s) => {
                let (version, depth) = self.places.get(&s.key).map_or((0, 0), |l| (l.version, l.depth));
                Some(Origin { key: s.key, version, depth, word: s.word })
            }
            None => step.site.from.iter().find_map(|r| frame.get(r)).copied(),
        };
        match origin {
            Some(o) => drop(frame.insert(into, o)),
            None => drop(frame.remove(&into)),
        }
    }

    /// A frame begins: what stood in its registers is another frame's.
    pub fn fresh(&mut self, thread: u32, frame: usize) {
        self.frames.remove(&(thread, frame));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::seen::{Op, Place, Site};
    use std::sync::Arc;

    fn step(place: Option<(Access, Place)>, from: &[u16], into: Option<u16>, spot: Option<Spot>) -> Step {
        let site = Site {
            op: Op::Nop,
            line: 5,
            verb: String::new(),
            about: String::new(),
            with: String::new(),
            place,
            calls: None,
            owner: String::new(),
            into,
            local: None,
            from: from.to_vec(),
            jump_if: None,
            back: false,
            target: None,
        };
        let site = Arc::new(site);
        Step {
            site,
            at: 0,
            frame: 1,
            file: None,
            value: None,
            spot,
            index: None,
            args: None,
            prints: None,
            first: false,
        }
    }

    const COUNTER: Key = (1, 2);

    struct Run(Lost);

    impl Run {
        fn load(&mut self, thread: u32, into: u16, word: u64) {
            let spot = Some(Spot { key: COUNTER, word });
            self.0.done(thread, &step(Some((Access::Read, Place::Name)), &[], Some(into), None), spot);
        }

        fn add(&mut self, thread: u32, from: u16, into: u16) {
            self.0.done(thread, &step(None, &[from], Some(into), None), None);
        }

        fn constant(&mut self, thread: u32, into: u16) {
            self.0.done(thread, &step(None, &[], Some(into), None), None);
        }

        fn store(&mut self, thread: u32, turn: u64, from: u16, word: u64) -> Option<Overwritten> {
            let spot = Some(Spot { key: COUNTER, word });
            self.0.stores(thread, turn, &step(Some((Access::Write, Place::Name)), &[from], None, spot))
        }
    }

    #[test]
    fn a_store_over_a_newer_value_loses_it() {
        let mut r = Run(Lost::new(true));
        r.load(1, 4, 12);
        r.load(2, 4, 12);
        r.add(1, 4, 4);
        r.add(2, 4, 4);
        assert_eq!(r.store(1, 9, 4, 13), None);
        assert_eq!(r.store(2, 10, 4, 13), Some(Overwritten { thread: 1, turn: 9, writes: 1, net: 1 }));
        r.load(1, 4, 13);
        r.add(1, 4, 4);
        assert_eq!(r.store(1, 11, 4, 14), None);
    }

    #[test]
    fn values_are_followed_through_local_variables() {
        let mut r = Run(Lost::new(true));
        r.load(1, 7, 12);
        r.load(2, 7, 12);
        r.add(2, 7, 0);
        r.add(2, 0, 5);
        r.store(1, 3, 7, 13);
        r.store(1, 4, 7, 14);
        assert_eq!(r.store(2, 5, 5, 13), Some(Overwritten { thread: 1, turn: 4, writes: 2, net: 2 }));
    }

    #[test]
    fn what_comes_back_is_not_lost() {
        let mut r = Run(Lost::new(true));
        let mut net = 0;
        let mut note = |o: Option<Overwritten>| net += o.map_or(0, |o| o.net);
        r.load(1, 4, 10);
        r.load(2, 4, 10);
        note(r.store(2, 1, 4, 11));
        r.load(2, 4, 11);
        note(r.store(2, 1, 4, 12));
        r.load(2, 4, 12);
        note(r.store(1, 2, 4, 11));
        note(r.store(2, 3, 4, 13));
        // Four updates of 10 gave 13.
        assert_eq!(net, 1);
    }

    #[test]
    fn a_fresh_value_loses_nothing() {
        let mut r = Run(Lost::new(true));
        r.load(2, 4, 12);
        r.load(1, 4, 12);
        r.store(1, 3, 4, 13);
        r.constant(2, 4);
        assert_eq!(r.store(2, 5, 4, 0), None);
    }

    #[test]
    fn without_a_gil_equal_values_are_taken_for_the_same() {
        let mut r = Run(Lost::new(false));
        r.load(2, 4, 13);
        r.store(1, 0, 9, 13);
        assert_eq!(r.store(2, 0, 4, 14), None);
        r.load(2, 4, 14);
        r.store(1, 0, 9, 99);
        assert!(r.store(2, 0, 4, 15).is_some());
    }
}
