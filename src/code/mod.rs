//! Tree to code: scopes, the register compiler, the instruction table, listings. Plain data, no heap values.

pub mod data;
pub mod op;
