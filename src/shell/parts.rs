//! What the machine is built of: classes, builtins, native modules, the library. The one place that knows all lists.

use super::library::SOURCES;
use crate::native;
use crate::run::import::Library;
use crate::run::start::Parts;
use crate::run::{Args, Def, R, Thread, def};
use crate::types;

/// `__build_class__`, which class statements call.
static BUILD_CLASS: Def =
    def("__build_class__", "(func, name, /, *bases, **kwds)", build_class, "What class statements call.");

fn build_class(th: &mut Thread, a: Args) -> R {
    types::build::build_class(th, a[0], a[1], a[2], a[3])
}

/// The lists for `run::start`.
pub fn parts() -> Parts {
    Parts {
        classes: types::classes(),
        finish: types::finish,
        builtins: &native::builtins::MODULE,
        build_class: &BUILD_CLASS,
        more: native::concurrency::FUNCTIONS,
        library: Library { natives: native::MODULES, sources: SOURCES },
    }
}
