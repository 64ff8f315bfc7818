//! `--py2`: the names, methods and modules that Python 2 text expects, from the library module `_py2`. Invariant:
//! without the option nothing of it is loaded, and library code never sees it.

use super::util::class_attr;
use crate::heap::Value;
use crate::heap::object::{Dict, Tuple};
use crate::run::{R, Thread, import};

/// Modules under their names in Python 2.
pub static MODULES: &[(&str, &str)] = &[
    ("Queue", "queue"),
    ("thread", "_thread"),
    ("dummy_thread", "_thread"),
    ("ConfigParser", "configparser"),
    ("SocketServer", "socketserver"),
    ("cPickle", "pickle"),
    ("StringIO", "io"),
    ("cStringIO", "io"),
    ("commands", "subprocess"),
    ("copy_reg", "copyreg"),
    ("__builtin__", "builtins"),
    ("exceptions", "builtins"),
    ("repr", "reprlib"),
    ("UserDict", "collections"),
    ("UserList", "collections"),
    ("urllib2", "urllib.request"),
    ("urlparse", "urllib.parse"),
    ("HTMLParser", "html.parser"),
    ("httplib", "http.client"),
    ("BaseHTTPServer", "http.server"),
    ("xmlrpclib", "xmlrpc.client"),
];

/// Makes the machine ready for Python 2 text.
pub fn begin(th: &mut Thread) -> R<()> {
    let methods = attribute(th, "methods")?;
    import::set_old(import::Old { modules: MODULES, names, loaded });
    let pairs = th.dict_pairs(methods)?;
    let pairs = pairs.get::<Tuple>();
    for i in 0..pairs.len() / 2 {
        let class = pairs.at(2 * i);
        let inner = th.dict_pairs(pairs.at(2 * i + 1))?;
        let inner = inner.get::<Tuple>();
        for j in 0..inner.len() / 2 {
            let name = th.str_text(inner.at(2 * j))?;
            class_attr(th, class, &name, inner.at(2 * j + 1))?;
        }
    }
    for name in ["time", "itertools"] {
        let module = import::import_full(th, name)?;
        loaded(th, name, module)?;
    }
    Ok(())
}

fn attribute(th: &mut Thread, name: &str) -> R {
    let module = import::import_full(th, "_py2")?;
    let name = th.intern(name)?;
    th.getattr(module, name)
}

/// Puts the names into a program's namespace.
fn names(th: &mut Thread, globals: Value) -> R<()> {
    if globals.cast::<Dict>().is_none() {
        return Ok(());
    }
    let all = attribute(th, "names")?;
    let pairs = th.dict_pairs(all)?;
    let pairs = pairs.get::<Tuple>();
    for i in 0..pairs.len() / 2 {
        let name = th.str_text(pairs.at(2 * i))?;
        super::util::put(th, globals, &name, pairs.at(2 * i + 1))?;
    }
    Ok(())
}

/// Gives a module that was just loaded the names that it had.
fn loaded(th: &mut Thread, name: &str, module: Value) -> R<()> {
    let patch = attribute(th, "patch")?;
    let name = th.str(name)?;
    th.call(patch, &[name, module]).map(drop)
}
