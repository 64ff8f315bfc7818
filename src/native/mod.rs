//! Native modules: one file each. A module is a table of functions and a filler.

pub mod array;
pub mod array_items;
pub mod atexit;
pub mod binascii;
pub mod builtins;
pub mod builtins_code;
pub mod builtins_io;
pub mod builtins_num;
pub mod builtins_obj;
pub mod codecs;
pub mod collections;
pub mod collections_deque;
pub mod collections_ring;
pub mod concurrency;
mod connection;
pub mod csv;
mod csv_write;
mod datetime;
mod datetime_make;
mod decimal;
mod decimal_methods;
mod decimal_num;
mod decimal_small;
mod decimal_text;
mod descriptor;
mod dis;
pub mod errno;
pub mod fcntl;
pub mod functools;
mod functools_key;
mod functools_partial;
pub mod gc;
pub mod hash;
mod hash_blake;
mod hash_key;
pub mod heapq;
pub mod io;
pub mod io_base;
pub mod io_buffer;
pub mod io_file;
pub mod io_mem;
pub mod io_text;
mod io_text_read;
pub mod itertools;
pub mod itertools_comb;
pub mod itertools_group;
pub mod itertools_take;
pub mod json;
pub mod local;
pub mod lock;
pub mod math;
pub mod math_gamma;
pub mod math_int;
pub mod mmap;
mod mmap_io;
pub mod multiprocessing;
mod notes;
pub mod old;
pub mod pickle;
mod pickle_load;
mod pickle_names;
mod pickle_op;
mod pickle_read;
mod pickle_reduce;
mod pickle_text;
mod pickle_write;
pub mod posix;
mod posix_fd;
mod posix_fork;
pub mod posix_more;
mod posix_path;
mod posix_process;
pub mod pwd;
mod queue_log;
pub mod random;
pub mod re;
pub mod re_exec;
pub mod re_flag;
pub mod re_match;
pub mod re_parse;
pub mod re_prog;
pub mod re_set;
pub mod re_sub;
pub mod re_tree;
pub mod resource;
pub mod select;
mod semlock;
pub mod seq;
mod shared_cells;
pub mod signal;
pub mod socket;
mod socket_addr;
mod socket_io;
mod socket_name;
mod socket_numbers;
mod socket_opt;
pub mod string_;
pub mod struct_;
mod struct_plan;
pub mod subprocess;
pub mod sys;
pub mod thread;
pub mod time;
pub mod traceback;
mod unicode_db;
pub mod unicodedata;
pub mod util;
mod wait_room;
pub mod weakref;
pub mod zlib;
mod zlib_stream;

use crate::run::{Args, Def, ModuleDef, R, Thread, def};

/// The module `builtins`.
pub static BUILTINS: &ModuleDef = &builtins::MODULE;

/// Builtin functions whose body is a library module.
pub static MORE: &[Def] = concurrency::FUNCTIONS;

/// `__build_class__`.
pub static BUILD_CLASS: Def =
    def("__build_class__", "(func, name, /, *bases, **kwds)", build_class, "What class statements call.");

fn build_class(th: &mut Thread, a: Args) -> R {
    crate::types::build::build_class(th, a[0], a[1], a[2], a[3])
}

/// Every native module that can be imported.
pub static MODULES: &[&ModuleDef] = &[
    &atexit::MODULE,
    &binascii::MODULE,
    &dis::MODULE,
    &errno::MODULE,
    &functools::MODULE,
    &gc::MODULE,
    &traceback::MODULE,
    &math::MODULE,
    &mmap::MODULE,
    &mmap::SHM,
    &multiprocessing::MODULE,
    &posix::MODULE,
    &subprocess::MODULE,
    &fcntl::MODULE,
    &pwd::PWD,
    &pwd::GRP,
    &resource::MODULE,
    &datetime::MODULE,
    &decimal::MODULE,
    &random::MODULE,
    &select::MODULE,
    &socket::MODULE,
    &array::MODULE,
    &codecs::MODULE,
    &hash::MODULE,
    &heapq::MODULE,
    &unicodedata::MODULE,
    &zlib::MODULE,
    &io::MODULE,
    &sys::MODULE,
    &time::MODULE,
    &thread::MODULE,
    &signal::MODULE,
    &weakref::MODULE,
    &collections::MODULE,
    &csv::MODULE,
    &itertools::MODULE,
    &re::MODULE,
    &json::MODULE,
    &pickle::MODULE,
    &string_::MODULE,
    &struct_::MODULE,
];
