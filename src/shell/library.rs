//! The library in minipy, embedded: text and code of every file below `stdlib/`, sorted by name; a package's own file
//! stands under `name.__init__`. The table is made by `src/build.rs`.

use crate::run::import::Source;

/// The modules of the library that are text.
pub static SOURCES: &[Source] = include!(concat!(env!("OUT_DIR"), "/library.rs"));
