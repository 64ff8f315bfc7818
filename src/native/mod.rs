//! Native modules: one file each. A module is a table of functions and a filler.

pub mod concurrency;
pub mod local;
pub mod lock;
pub mod signal;
pub mod thread;
pub mod weakref;
