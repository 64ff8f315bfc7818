//! The machine: code to effects. Handlers, frames, threads, the GIL, the door, unwinding, classes, import.
//! It states events and knows no observer; module lists and type definitions are handed to it at start-up.

pub mod arith;
pub mod attr;
pub mod awaitables;
pub mod backtrace;
pub mod bases;
pub mod call;
pub mod class;
pub mod codes;
pub mod dispatch;
pub mod door;
pub mod error;
pub mod event;
pub mod exit;
pub mod frame;
pub mod generator;
pub mod gil;
pub mod glance;
pub mod graph;
pub mod group;
pub mod import;
pub mod inherit;
pub mod instance;
pub mod iterate;
pub mod load;
pub mod memo;
pub mod mode;
pub mod names;
pub mod native;
pub mod observe;
mod offers;
pub mod ops;
pub mod park;
pub mod poll;
pub mod procs;
pub mod protocol;
pub mod seen;
pub mod show;
pub mod signal;
pub mod slots;
pub mod start;
pub mod tag;
pub mod thread;
pub mod threads;
pub mod traced;
pub mod unseen;
pub mod unwind;
pub mod wait;

pub use native::{Args, Def, def, loose};
pub use slots::{
    Bin, ClassDef, Cmp, GetSet, ModuleDef, PLAIN, Side, TypeSlots, Un, Window, Windowed, get, getset,
};
pub use thread::{R, Raised, Thread};
