//! Native modules: one file each. A module is a table of functions and a filler.

pub mod builtins;
pub mod builtins_code;
pub mod builtins_io;
pub mod builtins_num;
pub mod builtins_obj;
pub mod concurrency;
pub mod local;
pub mod lock;
pub mod signal;
pub mod seq;
pub mod sys;
pub mod thread;
pub mod util;
pub mod weakref;

use crate::run::ModuleDef;

/// Every native module that can be imported.
pub static MODULES: &[&ModuleDef] = &[&sys::MODULE, &thread::MODULE, &signal::MODULE, &weakref::MODULE];
