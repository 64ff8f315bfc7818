//! Words, cells, memory. Runs no user code. Invariant (LAW 2): a heap reference lives in a heap cell, a listed
//! root, a script register or a local variable of a running native, nowhere else.

pub mod bigint;
pub mod block;
pub mod cell;
pub mod check;
mod cycles;
pub mod dict;
pub mod intern;
pub mod known;
pub mod limbs;
pub mod list;
pub mod lock;
pub mod make;
pub mod mark;
pub mod object;
pub mod roots;
pub mod set;
pub mod shape;
pub mod slots;
pub mod space;
pub mod spill;
pub mod stop;
pub mod text;
pub mod value;
pub mod weak;

pub use cell::{Kind, Raw, Slot};
pub use space::Mutator;
pub use value::Value;

/// The heap is full: the script sees MemoryError.
#[derive(Clone, Copy, Debug)]
pub struct Full;

/// What a constructor gives.
pub type Make<T = Value> = Result<T, Full>;
