//! What the machine is built of: classes, builtins, native modules, the library. The one place that knows all lists.

use super::library::SOURCES;
use crate::native;
use crate::run::import::Library;
use crate::run::start::Parts;
use crate::types;

/// The lists for `run::start`.
pub fn parts() -> Parts {
    Parts {
        classes: types::classes(),
        finish: types::finish,
        builtins: native::BUILTINS,
        build_class: &native::BUILD_CLASS,
        more: native::MORE,
        library: Library { natives: native::MODULES, sources: SOURCES },
    }
}
