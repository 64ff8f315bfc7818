//! Import: modules by name from the native list, the embedded library and the search path, each under a lock of its
//! own. Invariant: `sys.modules` holds a module before its body runs; a circular import between threads does not wait
//! for a module whose importer waits for us.

use super::native::Def;
use super::slots::ModuleDef;
use super::thread::{R, Raised, Thread};
use super::{attr, class, door, load};
use crate::code::{Flags, Mode, compile_doubting, store};
use crate::heap::cell::{ALL, flag};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock};

/// What the runtime can import without a file.
pub struct Library {
    /// Modules in Rust.
    pub natives: &'static [&'static ModuleDef],
    /// Modules of the library in minipy, sorted by name.
    pub sources: &'static [Source],
}

/// A module of the library in minipy.
pub struct Source {
    /// Its name: `a.b`; a package's own file is `a.__init__`.
    pub name: &'static str,
    /// Its text, for tracebacks and `inspect`.
    pub text: &'static str,
    /// Its code in stored form.
    pub code: &'static [u8],
}

impl Library {
    /// The text module of that name.
    fn source(&self, name: &str) -> Option<&'static Source> {
        self.sources.binary_search_by(|s| s.name.cmp(name)).ok().map(|i| &self.sources[i])
    }
}

/// Where the files of the library are said to be.
const STDLIB: &str = "<stdlib>/";

static LIBRARY: OnceLock<Library> = OnceLock::new();
static SOURCES: Mutex<Option<HashMap<String, Arc<str>>>> = Mutex::new(None);
/// Modules whose bodies run: name to the number of the importing thread.
static LOADING: Mutex<Option<HashMap<String, u32>>> = Mutex::new(None);

/// How many modules `LOADING` names, written under its lock: at 0 every module that is found is whole.
static BUSY: AtomicUsize = AtomicUsize::new(0);
/// Key of the one wait queue of importers: a finished body wakes them all and each looks again.
const LOCK_KEY: u64 = 0x1_4d50_0001;
/// Words by which a text speaks of trace functions. From such a text on code is made so that they see everything.
const WATCH_WORDS: [&str; 3] = ["settrace", "set_trace", "f_locals"];
static WATCHED: AtomicBool = AtomicBool::new(false);
/// Which module each thread waits for.
static WAITING: Mutex<Option<HashMap<u32, String>>> = Mutex::new(None);

/// What Python 2 text needs of the machine.
pub struct Old {
    /// Old names of modules with the new ones.
    pub modules: &'static [(&'static str, &'static str)],
    /// Puts the old built-in names into a program's namespace.
    pub names: fn(&mut Thread, Value) -> R<()>,
    /// Told of each module that was loaded.
    pub loaded: fn(&mut Thread, &str, Value) -> R<()>,
}

static OLD: OnceLock<Old> = OnceLock::new();

/// From now on program text is Python 2.
pub fn set_old(old: Old) {
    let _ = OLD.set(old);
}

/// Whether program text is Python 2.
pub fn is_old() -> bool {
    OLD.get().is_some()
}

/// Puts the names that Python 2 text expects into a program's namespace.
pub fn old_names(th: &mut Thread, globals: Value) -> R<()> {
    match OLD.get() {
        Some(old) => (old.names)(th, globals),
        None => Ok(()),
    }
}

/// Hands the module lists to the machine (once, by the shell).
pub fn set_library(library: Library) {
    let _ = LIBRARY.set(library);
}

/// Remembers the text behind a file name, for tracebacks.
pub fn remember_source(filename: &str, text: &str) {
    SOURCES.lock().unwrap().get_or_insert_default().insert(filename.to_string(), Arc::from(text));
}

/// The text behind a file name: what was compiled, or the file.
pub fn source(filename: &str) -> Option<Arc<str>> {
    if let Some(t) = SOURCES.lock().unwrap().as_ref().and_then(|s| s.get(filename)) {
        return Some(t.clone());
    }
    if let Some(name) = filename.strip_prefix(STDLIB).and_then(|f| f.strip_suffix(".mp")) {
        return LIBRARY.get().and_then(|l| l.source(&name.replace('/', "."))).map(|s| Arc::from(s.text));
    }
    std::fs::read(filename).ok().map(|b| Arc::from(String::from_utf8_lossy(&b).as_ref()))
}

/// A new module object.
pub fn new_module(th: &mut Thread, name: &str) -> R {
    let dict = th.heap.new_dict()?;
    let name = th.intern(name)?;
    let (v, m) = th.heap.new::<Module>(C::module.shape(), ALL, 0)?;
    m.dict.set(dict);
    m.name.set(name);
    th.dict_insert(dict, N::__name__.v(), name)?;
    for n in [N::__doc__, N::__package__, N::__loader__, N::__spec__] {
        th.dict_insert(dict, n.v(), Value::NONE)?;
    }
    Ok(v)
}

/// A native module's object, filled.
pub fn native_module(th: &mut Thread, def: &'static ModuleDef) -> R {
    let v = new_module(th, def.name)?;
    let dict = v.get::<Module>().dict.get();
    if !def.doc.is_empty() {
        let doc = th.str(def.doc)?;
        th.dict_insert(dict, N::__doc__.v(), doc)?;
    }
    let owner = v.get::<Module>().name.get();
    for f in def.functions {
        add_function(th, dict, f, owner)?;
    }
    (def.fill)(th, dict)?;
    Ok(v)
}

/// Adds a native function to a namespace; `owner` is the module's name.
pub fn add_function(th: &mut Thread, dict: Value, def: &'static Def, owner: Value) -> R<()> {
    let f = th.native(def, Value::UNBOUND, owner)?;
    let name = th.intern(def.name)?;
    th.dict_insert(dict, name, f)
}

/// Attribute of a module: its namespace, then its own `__getattr__` (PEP 562).
pub fn module_get(th: &mut Thread, o: Value, name: Value) -> R {
    if let Some(v) = attr::try_get(th, o, name)? {
        return Ok(v);
    }
    let dict = o.get::<Module>().dict.get();
    if let Some(f) = th.dict_get_name(dict, N::__getattr__.v()) {
        return th.call(f, &[name]);
    }
    let module = o.get::<Module>().name.get();
    let (m, n) = (th.text_of(module)?, th.text_of(name)?);
    let loading = LOADING.lock().unwrap().as_ref().is_some_and(|l| l.contains_key(&m));
    let text = match shadowing(th, o, &m, loading)? {
        Some(why) => format!("module '{m}' has no attribute '{n}' ({why})"),
        None if loading => format!(
            "partially initialized module '{m}' has no attribute '{n}' (most likely due to a circular import)"
        ),
        None => format!("module '{m}' has no attribute '{n}'"),
    };
    Err(th.attribute_error(o, name, &text))
}

/// Why a name is missing from a script's module that stands in the way of another of its name: it lies in the first
/// folder of `sys.path`, and is called as a library module or is still loading.
fn shadowing(th: &mut Thread, module: Value, name: &str, loading: bool) -> R<Option<String>> {
    let Some(m) = module.cast::<Module>() else { return Ok(None) };
    let Some(file) = th.dict_get_name(m.dict.get(), N::__file__.v()) else { return Ok(None) };
    if file.like::<Str>().is_none() {
        return Ok(None);
    }
    let file = th.text_of(file)?;
    let path = std::path::Path::new(&file);
    let mut folder = path.parent();
    if path.file_stem().is_some_and(|s| s == "__init__") {
        folder = folder.and_then(std::path::Path::parent);
    }
    let first = script_folder(th);
    if folder.is_none() || folder != first.as_deref().map(std::path::Path::new) {
        return Ok(None);
    }
    if is_library_module(name) {
        return Ok(Some(format!(
            "consider renaming '{file}' since it has the same name as the standard library module named '{name}' \
             and prevents importing that standard library module"
        )));
    }
    let text = "if it has the same name as a library you intended to import";
    Ok(loading.then(|| format!("consider renaming '{file}' {text}")))
}

/// `sys.path[0]`.
fn script_folder(th: &mut Thread) -> Option<String> {
    let sys = th.intern("sys").ok()?;
    let sys = th.dict_get_name(S::modules.v(), sys)?;
    let path = th.intern("path").ok()?;
    let list = th.dict_get_name(sys.cast::<Module>()?.dict.get(), path)?;
    let first = crate::heap::list::peek(list.cast::<List>()?, 0)?;
    th.text_of(first).ok()
}

// ---------------------------------------------------------------------------------------------------------- statements

fn import_error(th: &mut Thread, class: C, text: &str, name: &str) -> Raised {
    let r = th.raise(class, text);
    if let Ok(n) = th.str(name)
        && let Some(e) = th.raised.cast::<Exception>()
    {
        e.x0.set(n);
    }
    r
}

/// `import name` and `from name import ...`: the top package, or the module itself with a from-list.
pub fn import_name(th: &mut Thread, globals: Value, name: Value, fromlist: Value, level: usize) -> R {
    // A replaced `__import__` is honoured.
    let key = N::__import__.v();
    if let Some(f) = th.builtin(key)
        && !f.is_kind(Kind::Native)
    {
        let level = Value::int(level as i64);
        return th.call(f, &[name, globals, Value::NONE, fromlist, level]);
    }
    import(th, globals, name, fromlist, level)
}

/// `__import__`.
pub fn import(th: &mut Thread, globals: Value, name: Value, fromlist: Value, level: usize) -> R {
    if level == 0
        && let Some(module) = whole(th, name, fromlist)
    {
        return Ok(module);
    }
    let text = th.text_of(name)?;
    let full = if level > 0 { absolute(th, globals, &text, level)? } else { text.clone() };
    if full.is_empty() {
        return Err(th.value_error("Empty module name"));
    }
    let module = import_full(th, &full)?;
    let wants_parts = !fromlist.is_none() && !fromlist.is_unbound() && th.len(fromlist)? > 0;
    if !wants_parts {
        if level == 0 {
            let top = full.split('.').next().unwrap_or(&full);
            return import_full(th, top);
        }
        let top = text.split('.').next().unwrap_or("");
        let cut = full.len() - (text.len() - top.len());
        return import_full(th, full[..cut].trim_end_matches('.'));
    }
    // `from package import module`.
    if module.is_kind(Kind::Module)
        && th.dict_get_name(module.get::<Module>().dict.get(), N::__path__.v()).is_some()
    {
        let names = th.to_tuple(fromlist)?;
        for n in names.get::<Tuple>().iter() {
            let n = th.text_of(n)?;
            if n == "*" {
                continue;
            }
            let key = th.intern(&n)?;
            if th.dict_get_name(module.get::<Module>().dict.get(), key).is_none() {
                let sub = format!("{full}.{n}");
                if let Err(e) = import_full(th, &sub) {
                    let missing = th.raised_is(C::ModuleNotFoundError)
                        && th.raised.cast::<Exception>().is_some_and(|x| is_text(x.x0.get(), &sub));
                    if !missing {
                        return Err(e);
                    }
                    th.take_raised();
                }
            }
        }
    }
    Ok(module)
}

/// What `import` gives where the module and all that is wanted of it are there and no module is being loaded.
fn whole(th: &Thread, name: Value, fromlist: Value) -> Option<Value> {
    let text = name.cast::<Str>().filter(|s| s.h.has(flag::INTERNED))?.bytes();
    let module = th.dict_get_name(S::modules.v(), name).filter(|m| m.is_kind(Kind::Module))?;
    // After the look: the module was found, so it was not whole only if it is being loaded still.
    if BUSY.load(Ordering::Acquire) != 0 {
        return None;
    }
    if fromlist.is_none() || fromlist.is_unbound() {
        return (!text.contains(&b'.')).then_some(module);
    }
    let dict = module.get::<Module>().dict.get();
    let there = |n: Value| {
        n.cast::<Str>().is_some_and(|s| s.h.has(flag::INTERNED)) && th.dict_get_name(dict, n).is_some()
    };
    let names = fromlist.cast::<Tuple>()?;
    (!names.is_empty() && names.iter().all(there)).then_some(module)
}

fn is_text(v: Value, text: &str) -> bool {
    v.cast::<Str>().is_some_and(|s| s.bytes() == text.as_bytes())
}

fn absolute(th: &mut Thread, globals: Value, name: &str, level: usize) -> R<String> {
    let mut package = match th.dict_get_name(globals, N::__package__.v()) {
        Some(p) if !p.is_none() => th.text_of(p)?,
        _ => {
            let n = th.dict_get_name(globals, N::__name__.v()).unwrap_or(Value::NONE);
            let n = if n.is_none() { String::new() } else { th.text_of(n)? };
            if th.dict_get_name(globals, N::__path__.v()).is_some() {
                n
            } else {
                n.rsplit_once('.').map_or(String::new(), |p| p.0.to_string())
            }
        }
    };
    if package.is_empty() {
        return Err(th.raise(C::ImportError, "attempted relative import with no known parent package"));
    }
    for _ in 1..level {
        package = match package.rsplit_once('.') {
            Some((p, _)) => p.to_string(),
            None => {
                return Err(th.raise(C::ImportError, "attempted relative import beyond top-level package"));
            }
        };
    }
    Ok(if name.is_empty() { package } else { format!("{package}.{name}") })
}

/// `from module import name`.
pub fn import_from(th: &mut Thread, module: Value, name: Value) -> R {
    if let Some(v) = th.getattr_opt(module, name)? {
        return Ok(v);
    }
    let text = th.text_of(name)?;
    let owner = match th.getattr_opt(module, N::__name__.v())? {
        Some(n) => th.str_text(n)?,
        None => "<unknown module name>".to_string(),
    };
    let sub = th.intern(&format!("{owner}.{text}"))?;
    if let Some(m) = th.dict_get_name(S::modules.v(), sub) {
        return Ok(m);
    }
    let file = match th.getattr_opt(module, N::__file__.v())? {
        Some(f) if !f.is_none() => th.str_text(f)?,
        _ => "unknown location".to_string(),
    };
    let loading = LOADING.lock().unwrap().as_ref().is_some_and(|l| l.contains_key(&owner));
    let message = match shadowing(th, module, &owner, loading)? {
        Some(why) => format!("cannot import name '{text}' from '{owner}' ({why})"),
        None if loading => format!(
            "cannot import name '{text}' from partially initialized module '{owner}' \
             (most likely due to a circular import) ({file})"
        ),
        None => format!("cannot import name '{text}' from '{owner}' ({file})"),
    };
    let path = if file == "unknown location" { Value::NONE } else { th.str(&file)? };
    let r = import_error(th, C::ImportError, &message, &owner);
    if let Some(e) = th.raised.cast::<Exception>() {
        e.x1.set(path);
        e.x2.set(name);
        e.x3.set(module);
    }
    Err(r)
}

/// `from module import *`.
pub fn import_star(th: &mut Thread, module: Value, into: Value) -> R<()> {
    let dict = match module.cast::<Module>() {
        Some(m) => m.dict.get(),
        None => th.getattr(module, N::__dict__.v())?,
    };
    let all = th.getattr_opt(module, N::__all__.v())?;
    let names = match all {
        Some(a) => th.to_tuple(a)?,
        None => {
            let pairs = th.dict_pairs(dict)?;
            let t = pairs.get::<Tuple>();
            let keys = th.list_with(t.len() / 2)?;
            for i in 0..t.len() / 2 {
                let k = t.at(2 * i);
                if k.cast::<Str>().is_some_and(|s| !s.bytes().starts_with(b"_")) {
                    crate::heap::list::push(&mut th.heap, keys.get::<List>(), k)?;
                }
            }
            th.to_tuple(keys)?
        }
    };
    for n in names.get::<Tuple>().iter() {
        let n = th.attr_name(n)?;
        let v = th.getattr(module, n)?;
        th.dict_insert(into, n, v)?;
    }
    Ok(())
}

// --------------------------------------------------------------------------------------------------------------- finding

enum Found {
    Native(&'static ModuleDef),
    Text { body: Body, file: String, package: bool },
}

enum Body {
    Library(&'static Source),
    File(String),
}

/// The module of that full name, its parents first.
pub fn import_full(th: &mut Thread, full: &str) -> R {
    let mut parent = Value::NONE;
    let mut at = 0;
    loop {
        let end = full[at..].find('.').map_or(full.len(), |i| at + i);
        let name = &full[..end];
        let module = import_one(th, name, parent)?;
        if end == full.len() {
            return Ok(module);
        }
        parent = module;
        at = end + 1;
    }
}

fn import_one(th: &mut Thread, name: &str, parent: Value) -> R {
    let key = th.intern(name)?;
    let modules = S::modules.v();
    loop {
        // The module is looked up before the question who loads it: the answer "nobody" then means that it is whole.
        if let Some(m) = th.dict_get_name(modules, key) {
            if wait_for(th, name)? {
                continue;
            }
            if m.is_none() {
                let text = format!("import of {name} halted; None in sys.modules");
                return Err(import_error(th, C::ModuleNotFoundError, &text, name));
            }
            return Ok(m);
        }
        let me = th.shared.number;
        let owner = {
            let mut loading = LOADING.lock().unwrap();
            let all = loading.get_or_insert_default();
            let owner = *all.entry(name.to_string()).or_insert(me);
            BUSY.store(all.len(), Ordering::Release);
            owner
        };
        if owner != me && wait_for(th, name)? {
            continue;
        }
        // Another thread may have loaded it since the look.
        if owner == me && th.dict_get_name(modules, key).is_some() {
            loaded(me, name);
            continue;
        }
        let r = load_one(th, name, key, parent);
        loaded(me, name);
        return r;
    }
}

/// The module's body has run, or failed: those that wait for it look again.
fn loaded(me: u32, name: &str) {
    let mut loading = LOADING.lock().unwrap();
    let all = loading.get_or_insert_default();
    if all.get(name) == Some(&me) {
        all.remove(name);
    }
    BUSY.store(all.len(), Ordering::Release);
    drop(loading);
    super::wait::wake_all(LOCK_KEY, || ());
}

/// In the child of a fork: what other threads were importing nobody will finish.
pub(super) fn after_fork(me: u32) {
    let mut loading = LOADING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let all = loading.get_or_insert_default();
    all.retain(|_, owner| *owner == me);
    BUSY.store(all.len(), Ordering::Release);
    WAITING.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get_or_insert_default().clear();
}

/// Finds the module and runs it.
fn load_one(th: &mut Thread, name: &str, key: Value, parent: Value) -> R {
    let path = if parent.is_none() {
        Value::NONE
    } else {
        match th.getattr_opt(parent, N::__path__.v())? {
            Some(p) => p,
            None => {
                let package = name.rsplit_once('.').map_or("", |p| p.0);
                let text = format!("No module named '{name}'; '{package}' is not a package");
                return Err(import_error(th, C::ModuleNotFoundError, &text, name));
            }
        }
    };
    if let Some(module) = through_finders(th, name, path)? {
        if let Some((_, last)) = name.rsplit_once('.') {
            let last = th.intern(last)?;
            th.setattr(parent, last, module)?;
        }
        return Ok(module);
    }
    let Some(found) = find(th, name, path)? else {
        let new = OLD.get().and_then(|old| old.modules.iter().find(|m| m.0 == name));
        if let Some((_, new)) = new {
            let module = import_full(th, new)?;
            th.dict_insert(S::modules.v(), key, module)?;
            return Ok(module);
        }
        let text = format!("No module named '{name}'");
        return Err(import_error(th, C::ModuleNotFoundError, &text, name));
    };
    let module = run_module(th, name, key, found)?;
    if let Some(old) = OLD.get()
        && name != "_py2"
    {
        (old.loaded)(th, name, module)?;
    }
    if let Some((_, last)) = name.rsplit_once('.') {
        let last = th.intern(last)?;
        th.setattr(parent, last, module)?;
    }
    Ok(module)
}

/// The module that a finder of the program's own `sys.meta_path` gives: each is asked before the machine looks.
fn through_finders(th: &mut Thread, name: &str, path: Value) -> R<Option<Value>> {
    const ASKS: &str = "importlib._find";
    let key = th.intern("meta_path")?;
    let sys = S::modules.v();
    let sys_name = th.intern("sys")?;
    let Some(sys) = th.dict_get_name(sys, sys_name) else { return Ok(None) };
    let Some(sys) = sys.cast::<Module>() else { return Ok(None) };
    let Some(finders) = th.dict_get_name(sys.dict.get(), key) else { return Ok(None) };
    let idle = finders.cast::<List>().is_none_or(|l| crate::heap::list::peek(l, 0).is_none());
    let loading = LOADING.lock().unwrap().as_ref().is_some_and(|l| l.contains_key(ASKS));
    if idle || loading || name == ASKS || name == "importlib" {
        return Ok(None);
    }
    let asks = import_full(th, ASKS)?;
    let f = th.intern("through_finders")?;
    let f = th.getattr(asks, f)?;
    let name = th.intern(name)?;
    let module = th.call(f, &[name, path])?;
    Ok((!module.is_none()).then_some(module))
}

/// Waits while another thread runs the module's body, unless that thread (transitively) waits for us; whether it did.
fn wait_for(th: &mut Thread, name: &str) -> R<bool> {
    let me = th.shared.number;
    let owner = LOADING.lock().unwrap().as_ref().and_then(|l| l.get(name).copied());
    let Some(owner) = owner.filter(|o| *o != me) else { return Ok(false) };
    {
        // Under one lock, so that of two threads that wait for each other the second sees the first.
        let mut waiting = WAITING.lock().unwrap();
        let all = waiting.get_or_insert_default();
        let mut at = owner;
        for _ in 0..=all.len() {
            let Some(wanted) = all.get(&at) else { break };
            match LOADING.lock().unwrap().as_ref().and_then(|l| l.get(wanted).copied()) {
                Some(o) if o == me => return Ok(false),
                Some(o) => at = o,
                None => break,
            }
        }
        all.insert(me, name.to_string());
    }
    let mut still = || LOADING.lock().unwrap().as_ref().is_some_and(|l| l.contains_key(name));
    let what =
        door::What { kind: door::Kind::Import, object: LOCK_KEY, deadline: None, still: Some(&mut still) };
    let woken = door::wait(th, what);
    WAITING.lock().unwrap().get_or_insert_default().remove(&me);
    if woken == door::Woken::Signal {
        super::signal::run_pending(th)?;
    }
    Ok(true)
}

fn find(th: &mut Thread, name: &str, path: Value) -> R<Option<Found>> {
    let library = LIBRARY.get();
    if let Some(l) = library {
        if let Some(d) = l.natives.iter().find(|d| d.name == name) {
            return Ok(Some(Found::Native(d)));
        }
        for (suffix, package) in [("", false), (".__init__", true)] {
            let wanted = format!("{name}{suffix}");
            if let Some(source) = l.source(&wanted) {
                let file = format!("{STDLIB}{}.mp", wanted.replace('.', "/"));
                return Ok(Some(Found::Text { body: Body::Library(source), file, package }));
            }
        }
    }
    let last = name.rsplit('.').next().unwrap_or(name);
    let path = if path.is_none() {
        match th.dict_get_name(S::sys.v(), N::path.v()) {
            Some(p) => p,
            None => return Ok(None),
        }
    } else {
        path
    };
    let entries = th.to_tuple(path)?;
    for entry in entries.get::<Tuple>().iter() {
        let Ok(dir) = th.text_of(entry) else {
            th.take_raised();
            continue;
        };
        let dir = if dir.is_empty() { PathBuf::from(".") } else { PathBuf::from(dir) };
        for ext in ["mp", "py"] {
            for (file, package) in [
                (dir.join(last).join(format!("__init__.{ext}")), true),
                (dir.join(format!("{last}.{ext}")), false),
            ] {
                if file.is_file() {
                    let bytes = match std::fs::read(&file) {
                        Ok(b) => b,
                        Err(e) => {
                            let shown = th.str(&file.to_string_lossy())?;
                            return Err(th.os_error(e.raw_os_error().unwrap_or(libc::EIO), shown));
                        }
                    };
                    let file = absolute_path(&file);
                    let text = match String::from_utf8(bytes) {
                        Ok(t) => t,
                        Err(_) => {
                            let text = format!("(unicode error) '{file}' is not UTF-8 text");
                            return Err(th.raise(C::SyntaxError, &text));
                        }
                    };
                    return Ok(Some(Found::Text { body: Body::File(text), file, package }));
                }
            }
        }
    }
    Ok(None)
}

fn absolute_path(p: &Path) -> String {
    std::path::absolute(p).unwrap_or_else(|_| p.to_path_buf()).to_string_lossy().into_owned()
}

fn run_module(th: &mut Thread, name: &str, key: Value, found: Found) -> R {
    let modules = S::modules.v();
    match found {
        Found::Native(def) => {
            let m = native_module(th, def)?;
            th.dict_insert(modules, key, m)?;
            Ok(m)
        }
        Found::Text { body, file, package } => {
            let m = new_module(th, name)?;
            let dict = m.get::<Module>().dict.get();
            let shown = th.str(&file)?;
            th.dict_insert(dict, N::__file__.v(), shown)?;
            let parent = if package { name } else { name.rsplit_once('.').map_or("", |p| p.0) };
            let parent = th.intern(parent)?;
            th.dict_insert(dict, N::__package__.v(), parent)?;
            if package {
                let dir = file.rsplit_once('/').map_or("", |p| p.0).to_string();
                let dir = th.str(&dir)?;
                let list = th.list(&[dir])?;
                th.dict_insert(dict, N::__path__.v(), list)?;
            }
            th.dict_insert(dict, N::__builtins__.v(), S::builtins.v())?;
            th.dict_insert(modules, key, m)?;
            let ran = match body {
                Body::Library(source) => run_code(th, &store::decode(source.code), dict),
                Body::File(text) => {
                    if text.contains("__spec__") {
                        give_spec(th, name, &file, package, dict)?;
                    }
                    run_source(th, &text, &file, dict)
                }
            };
            if let Err(e) = ran {
                let raised = std::mem::replace(&mut th.raised, Value::UNBOUND);
                let mark = th.keep(raised);
                th.dict_remove_name(modules, key)?;
                th.drop_kept(mark);
                th.raised = raised;
                return Err(e);
            }
            // The body may have replaced its own entry.
            Ok(th.dict_get_name(modules, key).unwrap_or(m))
        }
    }
}

/// Sets `__spec__` of a module whose text speaks of it; the others are spared the loading of importlib.
fn give_spec(th: &mut Thread, name: &str, file: &str, package: bool, dict: Value) -> R<()> {
    let finders = import_full(th, "importlib._find")?;
    let f = th.intern("located")?;
    let f = th.getattr(finders, f)?;
    let mark = th.keep(f);
    let name = th.str(name)?;
    th.keep(name);
    let file = th.str(file)?;
    let spec = th.call(f, &[name, file, Value::bool(package)]);
    th.drop_kept(mark);
    th.dict_insert(dict, N::__spec__.v(), spec?)
}

/// Compiles and runs module text in a namespace.
pub fn run_source(th: &mut Thread, text: &str, file: &str, globals: Value) -> R<()> {
    let code = compile_text(th, text, file, Mode::Exec { namespace: false })?;
    old_names(th, globals)?;
    run_code(th, &code, globals)
}

fn run_code(th: &mut Thread, code: &Arc<crate::code::data::Code>, globals: Value) -> R<()> {
    let f = load::module_function(th, code, globals)?;
    th.call(f, &[]).map(drop)
}

/// Compiles text; faults become SyntaxError.
pub fn compile_text(th: &mut Thread, text: &str, file: &str, mode: Mode) -> R<Arc<crate::code::data::Code>> {
    // Python 2 text is shown as it was written: it has the same lines, and nearly the same columns.
    remember_source(file, text);
    let modern = is_old().then(|| minipy_grammar::modern(text));
    let text = modern.as_deref().unwrap_or(text);
    let grammar = match mode {
        Mode::Eval { .. } => minipy_grammar::Mode::Eval,
        Mode::Interactive => minipy_grammar::Mode::Interactive,
        _ => minipy_grammar::Mode::File,
    };
    let tree = match minipy_grammar::parse(text, grammar) {
        Ok(t) => t,
        Err(faults) => return Err(super::show::syntax_error(th, text, file, &faults)),
    };
    let here = 0u8;
    let left = (&raw const here as usize).saturating_sub(th.native_limit);
    if WATCH_WORDS.iter().any(|w| text.contains(w)) {
        WATCHED.store(true, Relaxed);
    }
    let watched = WATCHED.load(Relaxed);
    let flags = Flags { watched, stack: (left / 2).min(Flags::default().stack), ..Flags::default() };
    match compile_doubting(&tree, text, file, mode, flags) {
        Ok((code, doubts)) => {
            let escapes = crate::code::scope::doubts::escapes;
            let mut all = if is_old() { Vec::new() } else { escapes(text) };
            all.extend(doubts);
            if !all.is_empty() {
                warn(th, text, file, all)?;
            }
            Ok(code)
        }
        Err(wrong) => Err(super::show::wrong_code(th, text, file, &wrong)),
    }
}

/// SyntaxWarnings about a text of the program.
#[cold]
fn warn(th: &mut Thread, text: &str, file: &str, doubts: Vec<crate::code::scope::doubts::Doubt>) -> R<()> {
    let name = th.intern("warnings")?;
    let f = th.builtin(N::__import__.v()).unwrap_or(Value::NONE);
    let module = th.call(f, &[name])?;
    let f = th.intern("warn_explicit")?;
    let f = th.getattr(module, f)?;
    let index = minipy_grammar::LineIndex::new(text);
    for (at, doubt) in doubts {
        let line = Value::int(index.line(at) as i64);
        let (said, name) = (th.str(&doubt)?, th.str(file)?);
        let told = th.call(f, &[said, C::SyntaxWarning.v(), name, line]);
        // A filter that makes errors of these warnings makes the text one that cannot be compiled.
        if th.catch(told, C::SyntaxWarning)?.is_none() {
            let doubt = doubt.replace(" Such sequences will not work in the future.", "");
            let span = minipy_grammar::tree::Span::new(at, at + 1);
            return Err(super::show::wrong_code(th, text, file, &minipy_grammar::Fault::syntax(span, doubt)));
        }
    }
    Ok(())
}

/// Whether a class of natives is shown by a module (used by `help`).
pub fn is_module(v: Value) -> bool {
    v.is_kind(Kind::Module) || class::is_instance(v, C::module)
}

/// The names of the library's modules that are text.
pub fn source_names() -> impl Iterator<Item = &'static str> {
    LIBRARY.get().into_iter().flat_map(|l| l.sources.iter().map(|s| s.name))
}

/// The names of all modules of the library (for hints).
pub fn library_modules() -> impl Iterator<Item = &'static str> {
    let natives = LIBRARY.get().into_iter().flat_map(|l| l.natives.iter().map(|d| d.name));
    natives.chain(source_names().map(|n| n.strip_suffix(".__init__").unwrap_or(n)))
}

/// Whether a library module of that name exists (for hints).
pub fn is_library_module(name: &str) -> bool {
    library_modules().any(|n| n == name)
}
