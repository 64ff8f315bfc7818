//! The handlers, by topic, and the tables made of them. Every instruction of the table has a handler under its own
//! name; a missing one does not compile.

pub mod access;
pub mod arith;
pub mod build;
pub mod calls;
pub mod compare;
pub mod exc;
pub mod flow;
pub mod items;
pub mod names;

use super::dispatch::Handler;
use access::*;
use arith::*;
use build::*;
use calls::*;
use compare::*;
use exc::*;
use flow::*;
use items::*;
use names::*;

macro_rules! tables {
    ($($op:ident)*) => {
        const fn fill<const C: bool, const L: bool>() -> [Handler; 256] {
            let mut t = [Handler(Nop::<{ C }, { L }>); 256];
            $( t[crate::code::op::Op::$op as usize] = Handler($op::<{ C }, { L }>); )*
            t
        }
    };
}

crate::code::for_all_ops!(tables);

/// One thread, or a GIL: nothing is counted or locked.
pub static PLAIN: [Handler; 256] = fill::<false, false>();
/// Free-threaded with more than one thread.
pub static SHARED: [Handler; 256] = fill::<false, true>();
/// Counted GIL modes, and reports.
pub static COUNTED: [Handler; 256] = fill::<true, false>();
/// Reports without a GIL.
pub static COUNTED_SHARED: [Handler; 256] = fill::<true, true>();
