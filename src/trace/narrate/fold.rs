//! What is left out of a long tale. Invariants: the first items are told whole; afterwards only what is like nothing
//! before it, and the last items; what lies between is counted. Memory is bounded whatever comes.

use std::collections::{HashSet, VecDeque};
use std::ops::AddAssign;

/// Signatures remembered.
const SIGNATURES: usize = 1 << 12;
/// Items between two others that are told although they are like others.
const GAP: usize = 2;

/// What is counted of items that are left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Weight {
    /// Items.
    pub items: u64,
    /// Instructions in them.
    pub instructions: u64,
    /// Stores marked as LOST in them.
    pub lost: u64,
}

impl AddAssign for Weight {
    fn add_assign(&mut self, other: Weight) {
        self.items += other.items;
        self.instructions += other.instructions;
        self.lost += other.lost;
    }
}

/// An item, or how much is left out in its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept<T> {
    /// Told.
    Shown(T),
    /// Left out.
    Left(Weight),
}

/// A tale of items.
#[derive(Clone, Debug)]
pub struct Fold<T> {
    whole: usize,
    last: usize,
    limit: usize,
    seen: HashSet<u64>,
    sum: u64,
    items: Vec<Kept<T>>,
    shown: usize,
    tail: VecDeque<(T, Weight)>,
}

impl<T> Fold<T> {
    /// The first `whole` items and the `last` ones are told; between them what is new, `limit` items in all.
    pub fn new(whole: usize, last: usize, limit: usize) -> Fold<T> {
        let (seen, items, tail) = (HashSet::new(), Vec::new(), VecDeque::new());
        Fold { whole, last, limit, seen, sum: 0, items, shown: 0, tail }
    }

    /// The next item. Items of one signature are alike.
    pub fn push(&mut self, signature: u64, weight: Weight, item: T) {
        let new = self.seen.len() < SIGNATURES && self.seen.insert(signature);
        if new {
            self.sum = self.sum.wrapping_add(signature);
        }
        if self.shown < self.whole || new && self.shown < self.limit {
            // A gap of so few is not worth the line that tells of it.
            let short = self.tail.len() <= GAP && !matches!(self.items.last(), Some(Kept::Left(_)));
            while let Some((item, w)) = self.tail.pop_front() {
                match short && self.shown < self.limit {
                    true => {
                        self.items.push(Kept::Shown(item));
                        self.shown += 1;
                    }
                    false => self.leave(w),
                }
            }
            self.items.push(Kept::Shown(item));
            self.shown += 1;
            return;
        }
        self.tail.push_back((item, weight));
        if self.tail.len() > self.last
            && let Some((_, w)) = self.tail.pop_front()
        {
            self.leave(w);
        }
    }

    fn leave(&mut self, weight: Weight) {
        match self.items.last_mut() {
            Some(Kept::Left(w)) => *w += weight,
            _ => self.items.push(Kept::Left(weight)),
        }
    }

    /// A number that is the same for tales of the same kinds of items, however often they come.
    pub fn signature(&self) -> u64 {
        self.sum
    }

    /// All of it, in order.
    pub fn into_items(self) -> impl Iterator<Item = Kept<T>> {
        self.items.into_iter().chain(self.tail.into_iter().map(|(item, _)| Kept::Shown(item)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(whole: usize, last: usize, limit: usize, signatures: &[u64]) -> Vec<String> {
        let mut fold = Fold::new(whole, last, limit);
        for (i, s) in signatures.iter().enumerate() {
            fold.push(*s, Weight { items: 1, instructions: 10, lost: 0 }, i);
        }
        let text = |k: Kept<usize>| match k {
            Kept::Shown(i) => i.to_string(),
            Kept::Left(w) => format!("-{}/{}", w.items, w.instructions),
        };
        fold.into_items().map(text).collect()
    }

    #[test]
    fn short_tales_are_whole() {
        assert_eq!(told(3, 1, 9, &[1, 1, 1]), ["0", "1", "2"]);
        assert_eq!(told(3, 1, 9, &[1, 1, 1, 1]), ["0", "1", "2", "3"]);
        assert!(told(3, 1, 9, &[]).is_empty());
    }

    #[test]
    fn alike_items_are_counted() {
        assert_eq!(told(2, 1, 9, &[1; 10]), ["0", "1", "-7/70", "9"]);
        assert_eq!(told(2, 2, 9, &[1, 2, 1, 2, 1, 3, 1, 1, 1]), ["0", "1", "-3/30", "5", "-1/10", "7", "8"]);
    }

    #[test]
    fn short_gaps_are_told() {
        assert_eq!(told(2, 3, 9, &[1, 1, 1, 2]), ["0", "1", "2", "3"]);
        assert_eq!(told(2, 3, 9, &[1, 1, 1, 1, 1, 2]), ["0", "1", "-3/30", "5"]);
    }

    #[test]
    fn tales_are_bounded() {
        let all: Vec<u64> = (0..1000).collect();
        assert_eq!(told(2, 1, 4, &all), ["0", "1", "2", "3", "-995/9950", "999"]);
    }

    #[test]
    fn signatures_do_not_count_how_often() {
        let signature = |all: &[u64]| {
            let mut fold = Fold::new(1, 1, 2);
            all.iter().for_each(|s| fold.push(*s, Weight::default(), ()));
            fold.signature()
        };
        assert_eq!(signature(&[7, 9, 7]), signature(&[9, 7]));
        assert_ne!(signature(&[7]), signature(&[9]));
    }
}
