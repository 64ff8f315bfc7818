//! Tree to code: scopes, the register compiler, the instruction table, listings. Plain data, no heap values.

pub mod anchors;
pub mod answer;
pub mod asm;
mod compile;
pub mod data;
pub mod dis;
mod flow;
pub mod liveness;
pub mod op;
pub mod scope;
pub mod site;
pub mod store;
pub mod verify;

pub use compile::{Flags, Mode, compile, compile_doubting};
