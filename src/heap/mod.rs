//! Words, cells, memory. Runs no user code. Invariant (LAW 2): a heap reference lives in a heap cell, a listed
//! root, a script register or a local variable of a running native, nowhere else.

pub mod cell;
pub mod dict;
pub mod intern;
pub mod known;
pub mod make;
pub mod object;
pub mod set;
pub mod shape;
pub mod space;
pub mod text;
pub mod value;

pub use cell::{Kind, Raw, Slot};
pub use space::Mutator;
pub use value::Value;

/// The heap is full: the script sees MemoryError.
#[derive(Clone, Copy, Debug)]
pub struct Full;

/// What a constructor gives.
pub type Make<T = Value> = Result<T, Full>;
