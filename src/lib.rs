//! minipy: a small Python-like language in which concurrency can be seen.
//!
//! text -> tokens -> tree -> code -> run -> events -> reports; a folder names only those before it.

pub mod heap;
pub mod native;
pub mod run;
pub mod shell;
pub mod trace;
pub mod types;

pub use minipy_code as code;
