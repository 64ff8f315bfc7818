//! The cores of the builtin containers against models from the standard library, and under threads. Invariant: each
//! test attaches and detaches its own threads; the one start-up is shared.

#[path = "containers/bigint.rs"]
mod bigint;
#[path = "containers/common.rs"]
mod common;
#[path = "containers/dict.rs"]
mod dict;
#[path = "containers/list.rs"]
mod list;
#[path = "containers/set.rs"]
mod set;
#[path = "containers/slots.rs"]
mod slots;
#[path = "containers/text.rs"]
mod text;
