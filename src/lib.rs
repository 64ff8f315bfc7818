//! minipy: a small Python-like language in which concurrency can be seen.
pub mod code;
