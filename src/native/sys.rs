//! Native module `sys`: what the program knows about its interpreter, and the switches that it may turn. Invariant:
//! its namespace is `S::sys`, where the machine itself reads `path`, `modules`, `stdout` and the hooks.

use super::seq;
use super::util::{integer, missing, put, put_int, put_text, sys_attr, tuple_of};
use crate::heap::known::{C, N, S};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::{
    Args, Def, ModuleDef, R, Thread, backtrace, class, def, error, frame, gil, show, start, traced,
};
use crate::struct_seq;
use crate::types::frame as frames;
use crate::types::int_text::MAX_STR_DIGITS;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "sys",
    doc: "Access to what the interpreter itself uses or maintains.",
    functions: FUNCTIONS,
    fill,
};

/// The version of the language that is followed.
pub const VERSION: (i64, i64, i64) = (3, 14, 0);

static FUNCTIONS: &[Def] = &[
    def("exit", "(status=None, /)", exit, "Exit the interpreter by raising SystemExit(status)."),
    def("getrecursionlimit", "()", getrecursionlimit, "The greatest depth of calls."),
    def("setrecursionlimit", "(limit, /)", setrecursionlimit, "Set the greatest depth of calls."),
    def("getsizeof", "(object, default=None)", getsizeof, "The size of an object's own cell in bytes."),
    def("intern", "(string, /)", intern, "The one copy of a text that names are compared with."),
    def(
        "exc_info",
        "()",
        exc_info,
        "(type, value, traceback) of the exception being handled, or three Nones.",
    ),
    def("exception", "()", exception, "The exception being handled, or None."),
    def("_getframe", "(depth=0, /)", getframe, "The frame that many calls below the top of the stack."),
    def("_getframemodulename", "(depth=0)", getframemodulename, "The name of the module of that frame."),
    def("getswitchinterval", "()", getswitchinterval, "The switch interval in seconds."),
    def("setswitchinterval", "(interval, /)", setswitchinterval, "Set the switch interval in seconds."),
    def("getcheckinterval", "()", getcheckinterval, "The check interval in instructions."),
    def("setcheckinterval", "(n, /)", setcheckinterval, "Set the check interval in instructions."),
    def("_is_gil_enabled", "()", is_gil_enabled, "Whether the GIL is in use."),
    def(
        "excepthook",
        "(exctype, value, traceback, /)",
        excepthook,
        "Write an exception with its traceback to stderr.",
    ),
    def(
        "displayhook",
        "(object, /)",
        displayhook,
        "Write the repr of an object to stdout and keep it as builtins._.",
    ),
    def("unraisablehook", "(unraisable, /)", unraisablehook, "Report an exception that nobody can catch."),
    def("breakpointhook", "(*args, **kws)", breakpointhook, "What breakpoint() calls."),
    def(
        "settrace",
        "(function, /)",
        settrace,
        "Set the function that hears of the calling thread's frames, lines, returns and exceptions.",
    ),
    def("_settraceallthreads", "(function, /)", settrace_all, "Set the trace function of all threads."),
    def("_setprofileallthreads", "(function, /)", setprofile_all, "Set the profile function of all threads."),
    def("gettrace", "()", gettrace, "The trace function that was set."),
    def(
        "setprofile",
        "(function, /)",
        setprofile,
        "Set the function that hears of the calling thread's frames and returns.",
    ),
    def("getprofile", "()", getprofile, "The profile function that was set."),
    def("get_int_max_str_digits", "()", get_digits, "The most digits in a conversion between int and str."),
    def(
        "set_int_max_str_digits",
        "(maxdigits)",
        set_digits,
        "Set the most digits in a conversion between int and str.",
    ),
    def("getdefaultencoding", "()", utf8, "The encoding of str.encode() by default."),
    def("getfilesystemencoding", "()", utf8, "The encoding of file names."),
    def("getfilesystemencodeerrors", "()", escape, "The error handler for file names."),
    def(
        "getrefcount",
        "(object, /)",
        getrefcount,
        "Objects are not counted here: always the same small number.",
    ),
    def(
        "set_asyncgen_hooks",
        "(firstiter=<default>, finalizer=<default>)",
        set_asyncgen_hooks,
        "Set what this thread calls with async generators: at their first use, and when they are dropped.",
    ),
    def("get_asyncgen_hooks", "()", get_asyncgen_hooks, "The hooks of this thread's async generators."),
    def("is_finalizing", "()", no, "Whether the interpreter is shutting down."),
    def("call_tracing", "(func, args, /)", call_tracing, "func(*args)."),
    def("_clear_type_cache", "()", nothing, "There is no such cache to clear."),
    def("audit", "(event, /, *args)", audit, "There are no audit hooks."),
    def("_current_frames", "()", current_frames, "The frame of the calling thread by its identifier."),
];

struct_seq!(VERSION_INFO, VERSION_FIELDS, "sys.version_info", "Version information as a named tuple.", 5, new = None,
    ["major" 0, "minor" 1, "micro" 2, "releaselevel" 3, "serial" 4]);

struct_seq!(FLOAT_INFO, FLOAT_FIELDS, "sys.float_info", "Information about the float type.", 11, new = None,
    ["max" 0, "max_exp" 1, "max_10_exp" 2, "min" 3, "min_exp" 4, "min_10_exp" 5, "dig" 6, "mant_dig" 7, "epsilon" 8,
     "radix" 9, "rounds" 10]);

struct_seq!(INT_INFO, INT_FIELDS, "sys.int_info", "Information about the int type.", 4, new = None,
    ["bits_per_digit" 0, "sizeof_digit" 1, "default_max_str_digits" 2, "str_digits_check_threshold" 3]);

struct_seq!(HASH_INFO, HASH_FIELDS, "sys.hash_info", "Parameters of the numeric hash.", 9, new = None,
    ["width" 0, "modulus" 1, "inf" 2, "nan" 3, "imag" 4, "algorithm" 5, "hash_bits" 6, "seed_bits" 7, "cutoff" 8]);

struct_seq!(THREAD_INFO, THREAD_FIELDS, "sys.thread_info", "Information about the thread implementation.", 3, new = None,
    ["name" 0, "lock" 1, "version" 2]);

struct_seq!(ASYNCGEN, ASYNCGEN_FIELDS, "sys.asyncgen_hooks", "The hooks of async generators.", 2, new = None,
    ["firstiter" 0, "finalizer" 1]);

struct_seq!(FLAGS, FLAGS_FIELDS, "sys.flags", "Flags of the command line.", 18, new = None,
    ["debug" 0, "inspect" 1, "interactive" 2, "optimize" 3, "dont_write_bytecode" 4, "no_user_site" 5, "no_site" 6,
     "ignore_environment" 7, "verbose" 8, "bytes_warning" 9, "quiet" 10, "hash_randomization" 11, "isolated" 12,
     "dev_mode" 13, "utf8_mode" 14, "warn_default_encoding" 15, "safe_path" 16, "int_max_str_digits" 17]);

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    // What the start-up has put into the provisional namespace moves here.
    let before = S::sys.v();
    if before.is_kind(Kind::Dict) {
        let pairs = th.dict_pairs(before)?;
        let t = pairs.get::<Tuple>();
        for i in 0..t.len() / 2 {
            th.dict_insert(dict, t.at(2 * i), t.at(2 * i + 1))?;
        }
    }
    S::sys.fill(dict);
    put(th, dict, "modules", S::modules.v())?;
    for name in ["argv", "path", "warnoptions", "meta_path", "path_hooks"] {
        let key = th.intern(name)?;
        if th.dict_get_name(dict, key).is_none() {
            let list = th.list(&[])?;
            th.dict_insert(dict, key, list)?;
        }
    }
    let given = th.list(&[])?;
    for word in std::env::args_os() {
        let word = th.str(&word.to_string_lossy())?;
        crate::heap::list::push(&mut th.heap, given.get::<List>(), word)?;
    }
    put(th, dict, "orig_argv", given)?;
    let none_yet = th.heap.new_dict()?;
    put(th, dict, "path_importer_cache", none_yet)?;
    put_text(th, dict, "abiflags", "")?;
    let (major, minor, micro) = VERSION;
    let own = env!("CARGO_PKG_VERSION");
    put_text(th, dict, "version", &format!("{major}.{minor}.{micro} (minipy {own})"))?;
    put_int(th, dict, "hexversion", major << 24 | minor << 16 | micro << 8 | 0xf0)?;
    put_int(th, dict, "api_version", 1013)?;
    put_int(th, dict, "maxsize", i64::MAX)?;
    put_int(th, dict, "maxunicode", 0x10ffff)?;
    put_text(th, dict, "platform", std::env::consts::OS)?;
    put_text(th, dict, "byteorder", "little")?;
    let exe = std::env::current_exe().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default();
    put_text(th, dict, "executable", &exe)?;
    put_text(th, dict, "_base_executable", &exe)?;
    let prefix = std::path::Path::new(&exe).parent().and_then(|p| p.parent());
    let prefix = prefix.map_or(String::from("/usr"), |p| p.to_string_lossy().into_owned());
    for name in ["prefix", "exec_prefix", "base_prefix", "base_exec_prefix"] {
        put_text(th, dict, name, &prefix)?;
    }
    put_text(th, dict, "platlibdir", "lib")?;
    put_text(th, dict, "float_repr_style", "short")?;
    put_text(th, dict, "copyright", "minipy is free software: MIT or Apache-2.0.")?;
    put(th, dict, "dont_write_bytecode", Value::TRUE)?;
    put(th, dict, "pycache_prefix", Value::NONE)?;
    let final_ = th.str("final")?;
    let version = sequence(
        th,
        &VERSION_INFO,
        VERSION_FIELDS,
        5,
        &[Value::int(major), Value::int(minor), Value::int(micro), final_, Value::int(0)],
    )?;
    put(th, dict, "version_info", version)?;
    numbers(th, dict)?;
    flags(th, dict)?;
    implementation(th, dict, version)?;
    names(th, dict)?;
    for (hook, kept) in [
        ("excepthook", "__excepthook__"),
        ("displayhook", "__displayhook__"),
        ("breakpointhook", "__breakpointhook__"),
        ("unraisablehook", "__unraisablehook__"),
    ] {
        let key = th.intern(hook)?;
        if let Some(f) = th.dict_get_name(dict, key) {
            put(th, dict, kept, f)?;
        }
    }
    let class = class::define(th, None, &UNRAISABLE)?;
    seq::finish(th, class, 5, UNRAISABLE_FIELDS)?;
    put(th, dict, "_UnraisableHookArgs", class)?;
    let class = class::define(th, None, &ASYNCGEN)?;
    seq::finish(th, class, 2, ASYNCGEN_FIELDS)?;
    put(th, dict, "_asyncgen_hooks", class)?;
    error::set_unraisable(unraisable);
    super::io::standard_streams(th, dict)
}

struct_seq!(UNRAISABLE, UNRAISABLE_FIELDS, "builtins.UnraisableHookArgs", "What unraisablehook is told.", 5, new = None,
    ["exc_type" 0, "exc_value" 1, "exc_traceback" 2, "err_msg" 3, "object" 4]);

fn sequence(
    th: &mut Thread,
    def: &'static crate::run::ClassDef,
    fields: &[&str],
    visible: usize,
    items: &[Value],
) -> R {
    let class = class::define(th, None, def)?;
    seq::finish(th, class, visible, fields)?;
    seq::make(th, class, visible, items)
}

fn numbers(th: &mut Thread, dict: Value) -> R<()> {
    let (max, min, eps) = (th.float(f64::MAX)?, th.float(f64::MIN_POSITIVE)?, th.float(f64::EPSILON)?);
    let i = Value::int;
    let items = [max, i(1024), i(308), min, i(-1021), i(-307), i(15), i(53), eps, i(2), i(1)];
    let info = sequence(th, &FLOAT_INFO, FLOAT_FIELDS, 11, &items)?;
    put(th, dict, "float_info", info)?;
    let info = sequence(th, &INT_INFO, INT_FIELDS, 4, &[i(30), i(4), i(4300), i(640)])?;
    put(th, dict, "int_info", info)?;
    let (modulus, algorithm) = (th.heap.int((1 << 61) - 1)?, th.str("siphash13")?);
    let items = [i(64), modulus, i(314159), i(0), i(1000003), algorithm, i(64), i(128), i(0)];
    let info = sequence(th, &HASH_INFO, HASH_FIELDS, 9, &items)?;
    put(th, dict, "hash_info", info)?;
    let (name, lock) = (th.str("pthread")?, th.str("pymutex")?);
    let info = sequence(th, &THREAD_INFO, THREAD_FIELDS, 3, &[name, lock, Value::NONE])?;
    put(th, dict, "thread_info", info)
}

fn flags(th: &mut Thread, dict: Value) -> R<()> {
    let mut items = [Value::int(0); 18];
    (items[4], items[11], items[14]) = (Value::int(1), Value::int(1), Value::int(1));
    (items[13], items[16], items[17]) = (Value::FALSE, Value::FALSE, Value::int(4300));
    let v = sequence(th, &FLAGS, FLAGS_FIELDS, 18, &items)?;
    put(th, dict, "flags", v)
}

fn implementation(th: &mut Thread, dict: Value, version: Value) -> R<()> {
    let name = th.str("minipy")?;
    let tag = th.str("minipy-314")?;
    let keys = ["name", "cache_tag", "version", "hexversion"];
    let keys = tuple_of(th, keys.len(), |th, i| th.intern(keys[i]))?;
    let hex = Value::int(VERSION.0 << 24 | VERSION.1 << 16 | 0xf0);
    let v = th.call_named(C::namespace.v(), &[name, tag, version, hex], Some(keys.get()))?;
    put(th, dict, "implementation", v)
}

fn names(th: &mut Thread, dict: Value) -> R<()> {
    let all = super::MODULES;
    let natives = tuple_of(th, all.len(), |th, i| th.intern(all[i].name))?;
    put(th, dict, "builtin_module_names", natives)?;
    let sources = crate::run::import::source_names();
    let whole = |name: &&str| !name.contains('.') && *name != "__main__";
    let packages = |name: &'static str| name.strip_suffix(".__init__").unwrap_or(name);
    let library: Vec<&str> = sources.map(packages).chain(all.iter().map(|m| m.name)).filter(whole).collect();
    let library = tuple_of(th, library.len(), |th, i| th.intern(library[i]))?;
    let set = th.call(C::frozenset.v(), &[library])?;
    put(th, dict, "stdlib_module_names", set)
}

/// Sets `sys.argv`.
pub fn set_argv(th: &mut Thread, args: &[String]) -> R<()> {
    let items = tuple_of(th, args.len(), |th, i| Ok(th.str(&args[i])?))?;
    let list = th.to_list(items)?;
    put(th, S::sys.v(), "argv", list)
}

fn exit(th: &mut Thread, a: Args) -> R {
    let code = if a[0].is_unbound() { Value::NONE } else { a[0] };
    let e = match code.cast::<Tuple>() {
        Some(_) => th.exception_with(C::SystemExit.v(), code)?,
        None if a[0].is_unbound() => th.exception(C::SystemExit, &[])?,
        None => th.exception(C::SystemExit, &[code])?,
    };
    e.get::<Exception>().x0.set(code);
    Err(th.raise_value(e))
}

fn getrecursionlimit(_: &mut Thread, _: Args) -> R {
    Ok(Value::int(start::recursion_limit() as i64))
}

fn setrecursionlimit(th: &mut Thread, a: Args) -> R {
    let n = integer(th, a[0])?;
    if n < 1 {
        return Err(th.value_error("recursion limit must be greater or equal than 1"));
    }
    let depth = frame::walk(th).take(n as usize + 1).count() as i64;
    if depth >= n {
        let text = format!(
            "cannot set the recursion limit to {n} at the recursion depth {depth}: the limit is too low"
        );
        return Err(th.recursion_error(text));
    }
    start::set_recursion_limit(n as usize);
    th.soft_limit = th.stack;
    Ok(Value::NONE)
}

fn getsizeof(_: &mut Thread, a: Args) -> R {
    let v = a[0];
    let words = match v.base().kind() {
        Kind::None => 2,
        Kind::Str => 6 + v.base().get::<Str>().nbytes.get().div_ceil(8),
        Kind::Bytes => 3 + v.base().get::<Bytes>().len.get().div_ceil(8),
        Kind::Big => 2 + (v.base().get::<Big>().size.get() >> 1),
        Kind::List => 5 + v.base().get::<List>().array().count.get(),
        Kind::Tuple => 3 + v.base().get::<Tuple>().len(),
        Kind::Dict => 10,
        Kind::Set => 10 + 3 * v.base().get::<Set>().len(),
        Kind::Instance | Kind::Exception => {
            1 + class::class_of(v).get::<Class>().instance_words.get().as_int() as usize
        }
        _ => 8,
    };
    Ok(Value::int(words as i64 * 8))
}

fn intern(th: &mut Thread, a: Args) -> R {
    if !crate::heap::text::is_text(a[0]) {
        let text = format!("intern() argument must be str, not {}", th.type_name(a[0]));
        return Err(th.type_error(text));
    }
    Ok(crate::heap::intern::intern_value(&mut th.heap, a[0])?)
}

fn exc_info(th: &mut Thread, _: Args) -> R {
    let e = th.handled;
    if !e.is_kind(Kind::Exception) {
        return Ok(th.tuple(&[Value::NONE; 3])?);
    }
    let class = th.class_of(e);
    Ok(th.tuple(&[class, e, e.get::<Exception>().traceback.get()])?)
}

fn exception(th: &mut Thread, _: Args) -> R {
    Ok(th.handled)
}

fn getframe(th: &mut Thread, a: Args) -> R {
    let depth = if a[0].is_unbound() { 0 } else { integer(th, a[0])?.max(0) };
    match frames::current(th, depth as usize)? {
        Some(v) => Ok(v),
        None => Err(th.value_error("call stack is not deep enough")),
    }
}

/// The innermost frame of the script, or None.
pub(super) fn current_frame(th: &mut Thread) -> R {
    Ok(frames::current(th, 0)?.unwrap_or(Value::NONE))
}

fn getframemodulename(th: &mut Thread, a: Args) -> R {
    let depth = if a[0].is_unbound() { 0 } else { integer(th, a[0])?.max(0) };
    let globals = frame::walk(th).nth(depth as usize).map(|at| at.func.globals.get());
    Ok(globals.and_then(|g| th.dict_get_name(g, N::__name__.v())).unwrap_or(Value::NONE))
}

fn current_frames(th: &mut Thread, _: Args) -> R {
    let dict = th.heap.new_dict()?;
    if let Some(f) = frames::current(th, 0)? {
        let ident = th.heap.uint(th.shared.ident)?;
        th.dict_insert(dict, ident, f)?;
    }
    Ok(dict)
}

fn getswitchinterval(th: &mut Thread, _: Args) -> R {
    Ok(th.float(gil::interval().as_secs_f64())?)
}

fn setswitchinterval(th: &mut Thread, a: Args) -> R {
    let s = super::util::real(th, a[0])?;
    if s.is_nan() || s <= 0.0 {
        return Err(th.value_error("switch interval must be strictly positive"));
    }
    gil::set_interval(Duration::try_from_secs_f64(s).unwrap_or(Duration::MAX).max(Duration::from_micros(1)));
    Ok(Value::NONE)
}

fn getcheckinterval(_: &mut Thread, _: Args) -> R {
    Ok(Value::int(gil::check_interval()))
}

fn setcheckinterval(th: &mut Thread, a: Args) -> R {
    let n = integer(th, a[0])?;
    gil::set_check_interval(n);
    Ok(Value::NONE)
}

fn is_gil_enabled(_: &mut Thread, _: Args) -> R {
    Ok(Value::bool(gil::mode() != gil::Mode::Off))
}

/// Writes text to `sys.stderr`, or to descriptor 2 where there is none.
pub fn write_stderr(th: &mut Thread, text: &str) -> R<()> {
    match sys_attr(th, "stderr")? {
        Some(f) => {
            let t = th.str(text)?;
            th.call_method(f, N::write, &[t])?;
            th.call_method(f, N::flush, &[]).map(drop)
        }
        None => {
            show::stderr(th, text);
            Ok(())
        }
    }
}

fn excepthook(th: &mut Thread, a: Args) -> R {
    let text = backtrace::exception_text(th, a[1]);
    write_stderr(th, &text)?;
    Ok(Value::NONE)
}

fn displayhook(th: &mut Thread, a: Args) -> R {
    if a[0].is_none() {
        return Ok(Value::NONE);
    }
    let underscore = th.intern("_")?;
    th.dict_insert(S::builtins.v(), underscore, Value::NONE)?;
    let text = th.repr(a[0])?;
    let Some(out) = sys_attr(th, "stdout")? else {
        return Err(th.runtime_error("lost sys.stdout"));
    };
    th.call_method(out, N::write, &[text])?;
    let newline = th.str("\n")?;
    th.call_method(out, N::write, &[newline])?;
    th.dict_insert(S::builtins.v(), underscore, a[0])?;
    Ok(Value::NONE)
}

/// Calls what PYTHONBREAKPOINT names: nothing for "0"; a debugger there is not.
fn breakpointhook(th: &mut Thread, a: Args) -> R {
    let name = std::env::var("PYTHONBREAKPOINT").unwrap_or_default();
    if name == "0" {
        return Ok(Value::NONE);
    }
    if name.is_empty() {
        return Err(th.runtime_error("breakpoint(): there is no debugger; use print() or `minipy dis FILE`"));
    }
    let (module, function) = name.rsplit_once('.').unwrap_or(("builtins", &name));
    match crate::types::imported(th, module, function) {
        Ok(f) => th.call_ex(f, a[0], a[1]),
        Err(_) => {
            th.take_raised();
            let text = th.str(&format!("Ignoring unimportable $PYTHONBREAKPOINT: \"{name}\""))?;
            let warn = crate::types::imported(th, "warnings", "warn")?;
            th.call(warn, &[text, C::RuntimeWarning.v()])
        }
    }
}

fn unraisablehook(th: &mut Thread, a: Args) -> R {
    let mut field = |name: &str| {
        let name = th.intern(name)?;
        th.getattr(a[0], name)
    };
    let (exc, message, object) = (field("exc_value")?, field("err_msg")?, field("object")?);
    let message = if message.is_none() { None } else { Some(th.str_text(message)?) };
    let head = match (message, object.is_none()) {
        (None, true) => String::new(),
        (Some(m), true) => format!("{m}:\n"),
        (m, false) => {
            let m = m.as_deref().unwrap_or("Exception ignored in");
            format!("{m}: {}\n", show::short_repr(th, object))
        }
    };
    let text = backtrace::exception_text(th, exc);
    write_stderr(th, &(head + &text))?;
    Ok(Value::NONE)
}

/// Tells `sys.unraisablehook` of an exception that nobody can catch.
fn unraisable(th: &mut Thread, exc: Value, message: &str) -> R<()> {
    let Some(hook) = sys_attr(th, "unraisablehook")? else { return Ok(()) };
    let Some(class) = sys_attr(th, "_UnraisableHookArgs")? else { return Ok(()) };
    let message = th.str(message)?;
    let traceback = exc.get::<Exception>().traceback.get();
    let kind = th.class_of(exc);
    let told = seq::make(th, class, 5, &[kind, exc, traceback, message, Value::NONE])?;
    th.call(hook, &[told]).map(drop)
}

/// Sets one of the two functions that hear of the thread's frames; None: it hears no more.
fn watch(th: &mut Thread, which: usize, f: Value) -> R {
    let mut both = [watcher(th, 0), watcher(th, 1)];
    both[which] = f;
    if both.iter().all(|f| f.is_none()) {
        traced::end(th);
    } else if let Some(list) = th.traced.cast::<List>() {
        crate::heap::list::set(&mut th.heap, list, which as isize, f);
    } else {
        let list = th.list(&both)?;
        traced::begin(th, frames::tell, list);
    }
    Ok(Value::NONE)
}

fn watcher(th: &Thread, which: usize) -> Value {
    th.traced.cast::<List>().and_then(|l| crate::heap::list::peek(l, which)).unwrap_or(Value::NONE)
}

fn settrace(th: &mut Thread, a: Args) -> R {
    watch(th, 0, a[0])
}

fn settrace_all(th: &mut Thread, a: Args) -> R {
    traced::begin_others(th, frames::tell, 0, a[0])?;
    watch(th, 0, a[0])
}

fn setprofile_all(th: &mut Thread, a: Args) -> R {
    traced::begin_others(th, frames::tell, 1, a[0])?;
    watch(th, 1, a[0])
}

fn gettrace(th: &mut Thread, _: Args) -> R {
    Ok(watcher(th, 0))
}

fn setprofile(th: &mut Thread, a: Args) -> R {
    watch(th, 1, a[0])
}

fn getprofile(th: &mut Thread, _: Args) -> R {
    Ok(watcher(th, 1))
}

fn get_digits(_: &mut Thread, _: Args) -> R {
    Ok(Value::int(MAX_STR_DIGITS.load(Relaxed) as i64))
}

fn set_digits(th: &mut Thread, a: Args) -> R {
    let n = integer(th, a[0])?;
    if n != 0 && n < 640 {
        return Err(th.value_error("maxdigits must be >= 640 or 0 for unlimited"));
    }
    MAX_STR_DIGITS.store(n.max(0) as usize, Relaxed);
    Ok(Value::NONE)
}

fn utf8(th: &mut Thread, _: Args) -> R {
    th.intern("utf-8")
}

fn escape(th: &mut Thread, _: Args) -> R {
    th.intern("surrogateescape")
}

fn getrefcount(_: &mut Thread, _: Args) -> R {
    Ok(Value::int(2))
}

fn no(_: &mut Thread, _: Args) -> R {
    Ok(Value::FALSE)
}

fn nothing(_: &mut Thread, _: Args) -> R {
    Ok(Value::NONE)
}

fn audit(_: &mut Thread, _: Args) -> R {
    Ok(Value::NONE)
}

fn call_tracing(th: &mut Thread, a: Args) -> R {
    if missing(a[1]) || !a[1].base().is_kind(Kind::Tuple) {
        return Err(th.type_error("call_tracing() argument 2 must be tuple"));
    }
    th.call_ex(a[0], a[1].base(), Value::UNBOUND)
}

fn set_asyncgen_hooks(th: &mut Thread, a: Args) -> R {
    for (i, name) in ASYNCGEN_FIELDS.iter().enumerate() {
        let v = a[i];
        if !v.is_unbound() && !v.is_none() && !super::builtins_obj::is_callable(th, v) {
            return Err(th.type_error(format!("callable {name} expected, got {}", th.type_name(v))));
        }
    }
    th.asyncgen_first = a[0].or(th.asyncgen_first);
    th.asyncgen_last = a[1].or(th.asyncgen_last);
    Ok(Value::NONE)
}

fn get_asyncgen_hooks(th: &mut Thread, _: Args) -> R {
    let class = sys_attr(th, "_asyncgen_hooks")?.unwrap_or(Value::NONE);
    let hooks = [th.asyncgen_first, th.asyncgen_last];
    seq::make(th, class, 2, &hooks)
}
