//! The vocabulary of the observed handlers: instructions of the script with the values that they read and wrote,
//! told to one observer as they happen. Part of `run::event`.
//!
//! Invariant: an observer is told in the order of things while there is a GIL; it runs no script code, takes no lock
//! of the runtime and keeps no heap value.

use super::event::What;
pub use crate::code::op::Op;
pub use crate::code::site::{Access, Calls, Place, Site};
use std::sync::Arc;

/// A value, as it is shown without running script code.
#[derive(Clone, PartialEq, Debug)]
pub enum Short {
    /// An integer.
    Int(i64),
    /// Anything else, as text.
    Word(Arc<str>),
}

impl std::fmt::Display for Short {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Short::Int(i) => write!(f, "{i}"),
            Short::Word(w) => f.write_str(w),
        }
    }
}

/// A place that threads may share, and the word in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spot {
    /// Object and name in it, as numbers.
    pub key: (u64, u64),
    /// The value, as a number that tells it from others.
    pub word: u64,
}

/// An instruction of the script that begins.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it is.
    pub site: Arc<Site>,
    /// Where it stands: a number that tells it from others.
    pub at: usize,
    /// The frame that it runs in.
    pub frame: usize,
    /// Whether it is the first one of its frame.
    pub first: bool,
    /// The file, if it is not the program's own.
    pub file: Option<Arc<str>>,
    /// What it writes, returns or raises, if that is known beforehand.
    pub value: Option<Short>,
    /// Where it writes.
    pub spot: Option<Spot>,
    /// The key of an item that the source computes.
    pub index: Option<Short>,
    /// Arguments of a call.
    pub args: Option<String>,
    /// What a call of `print` prints.
    pub prints: Option<String>,
}

/// How an instruction ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// It was done: the value that it read or made, where it read, whether a jump was taken.
    Done {
        /// Value.
        value: Option<Short>,
        /// Place.
        spot: Option<Spot>,
        /// Jump.
        taken: bool,
    },
    /// It went into another frame, or came back from one.
    Entered,
    /// It raised.
    Raised(String),
}

/// What is known of a thread when something is told of it.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// Its number.
    pub thread: u32,
    /// Its name.
    pub name: &'a str,
    /// Line of the script, 0 if none.
    pub line: u32,
    /// Instructions that it has run.
    pub ran: u64,
    /// What kind of thing it waits for, if it is about to.
    pub waits: &'static str,
}

/// Who listens to the observed handlers.
pub trait Observer: Send {
    /// An instruction of the script begins.
    fn begins(&mut self, thread: u32, step: Step);
    /// The last one that began in the thread has ended.
    fn ends(&mut self, thread: u32, end: End);
    /// An instruction of the library.
    fn library(&mut self, thread: u32);
    /// Something else happened.
    fn event(&mut self, about: &About<'_>, what: What);
    /// Everything, as text; once. `about`: the thread that ends the program.
    fn told(&mut self, about: &About<'_>) -> String;
}
