//! Extra data of single exceptions: constructors and attributes. Invariant: what each of the four words `x0..x3` means
//! depends on the class alone.
//!
//! | class | x0 | x1 | x2 | x3 |
//! |---|---|---|---|---|
//! | OSError | errno | strerror | filename | filename2; characters_written of BlockingIOError |
//! | ImportError | name | path | name_from | the module |
//! | AttributeError | name | obj | | |
//! | NameError | name | | | |
//! | SyntaxError | msg | tuple: filename, lineno, offset, text, end_lineno, end_offset | print_file_and_line | _metadata |
//! | UnicodeError | object | tuple: encoding, reason | start | end |

use super::exception::{arg, exc, nargs, no_keywords, reduced};
use super::is_str;
use crate::heap::cell::Slot;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, is_subclass, slots};
use crate::run::native::Def;
use crate::run::slots::GetSet;
use crate::run::{R, Thread, arith, def, get, getset};

fn word(o: Value, i: usize) -> &'static Slot {
    let e = exc(o);
    [&e.x0, &e.x1, &e.x2, &e.x3][i]
}

macro_rules! field {
    ($name:literal $i:literal) => {
        getset(
            $name,
            |_, o| Ok(word(o, $i).get().or(Value::NONE)),
            |_, o, v| {
                word(o, $i).set(v.or(Value::NONE));
                Ok(())
            },
            concat!("exception ", $name),
        )
    };
}

// ------------------------------------------------------------------------------------- StopIteration, SystemExit

/// `StopIteration.value`.
pub static STOP_ITERATION: &[GetSet] = &[getset(
    "value",
    |_, o| Ok(word(o, 0).get().or(arg(o, 0).unwrap_or(Value::NONE))),
    |_, o, v| {
        word(o, 0).set(v.or(Value::NONE));
        Ok(())
    },
    "generator return value",
)];

/// `SystemExit.code`.
pub static SYSTEM_EXIT: &[GetSet] = &[getset(
    "code",
    |_, o| Ok(word(o, 0).get().or(code_of_args(o))),
    |_, o, v| {
        word(o, 0).set(v.or(Value::NONE));
        Ok(())
    },
    "exception code",
)];

fn code_of_args(o: Value) -> Value {
    match nargs(o) {
        0 => Value::NONE,
        1 => arg(o, 0).unwrap_or(Value::NONE),
        _ => exc(o).args.get(),
    }
}

/// StopIteration: the first argument is the value.
pub fn first_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    super::exception::init(th, o, args, kwargs)?;
    word(o, 0).set(arg(o, 0).unwrap_or(Value::NONE));
    Ok(())
}

/// SystemExit: the argument, or all of them, is the code.
pub fn value_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    super::exception::init(th, o, args, kwargs)?;
    word(o, 0).set(code_of_args(o));
    Ok(())
}

// ---------------------------------------------------------------------- keywords: AttributeError, NameError, ImportError

/// Takes the keywords `names` into the words of the same index; others are errors.
fn keywords(th: &mut Thread, o: Value, function: &str, names: &[&str], args: Value, kwargs: Value) -> R<()> {
    exc(o).args.set(args);
    if kwargs.is_unbound() {
        return Ok(());
    }
    let pairs = th.dict_pairs(kwargs)?;
    let p = pairs.get::<Tuple>();
    for i in 0..p.len() / 2 {
        let name = th.text_of(p.at(2 * i))?;
        match names.iter().position(|n| *n == name) {
            Some(k) => word(o, k).set(p.at(2 * i + 1)),
            None => {
                let text = format!("{function}() got an unexpected keyword argument '{name}'");
                return Err(th.type_error(text));
            }
        }
    }
    Ok(())
}

/// `AttributeError(*args, name=None, obj=None)`.
pub fn attribute_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    keywords(th, o, "AttributeError", &["name", "obj"], args, kwargs)
}

/// Attributes of AttributeError.
pub static ATTRIBUTE: &[GetSet] = &[field!("name" 0), field!("obj" 1)];

/// Methods of AttributeError.
pub static ATTRIBUTE_METHODS: &[Def] = &[def(
    "__reduce__",
    "($self, /)",
    |th, a| {
        let args = exc(a[0]).args.get();
        reduced(th, a[0], args, &[(N::name, word(a[0], 0).get()), (N::args, args)])
    },
    "",
)];

/// `NameError(*args, name=None)`.
pub fn name_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    keywords(th, o, "NameError", &["name"], args, kwargs)
}

/// Attributes of NameError.
pub static NAME: &[GetSet] = &[field!("name" 0)];

/// `ImportError(*args, name=None, path=None, name_from=None)`.
pub fn import_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    keywords(th, o, "ImportError", &["name", "path", "name_from"], args, kwargs)
}

/// Attributes of ImportError.
pub static IMPORT: &[GetSet] = &[
    get(
        "msg",
        |_, o| Ok(if nargs(o) == 1 { arg(o, 0).unwrap_or(Value::NONE) } else { Value::NONE }),
        "exception message",
    ),
    field!("name" 0),
    field!("path" 1),
    field!("name_from" 2),
];

/// Methods of ImportError.
pub static IMPORT_METHODS: &[Def] = &[def(
    "__reduce__",
    "($self, /)",
    |th, a| {
        let extra = [(N::name, word(a[0], 0).get()), (N::path, word(a[0], 1).get())];
        reduced(th, a[0], exc(a[0]).args.get(), &extra)
    },
    "",
)];

// -------------------------------------------------------------------------------------------------------------- OSError

/// The class for an errno.
fn class_for(errno: i64) -> C {
    match errno as i32 {
        libc::EAGAIN | libc::EALREADY | libc::EINPROGRESS => C::BlockingIOError,
        libc::ECHILD => C::ChildProcessError,
        libc::EPIPE | libc::ESHUTDOWN => C::BrokenPipeError,
        libc::ECONNABORTED => C::ConnectionAbortedError,
        libc::ECONNREFUSED => C::ConnectionRefusedError,
        libc::ECONNRESET => C::ConnectionResetError,
        libc::EEXIST => C::FileExistsError,
        libc::ENOENT => C::FileNotFoundError,
        libc::EINTR => C::InterruptedError,
        libc::EISDIR => C::IsADirectoryError,
        libc::ENOTDIR => C::NotADirectoryError,
        libc::EACCES | libc::EPERM => C::PermissionError,
        libc::ESRCH => C::ProcessLookupError,
        libc::ETIMEDOUT => C::TimeoutError,
        _ => C::OSError,
    }
}

/// Whether a script class has its own `__init__`, which then passes the arguments on as it likes.
fn parsed_by_init(cls: Value) -> bool {
    slots(cls).init.map(|f| f as usize)
        != Some(os_init as fn(&mut Thread, Value, Value, Value) -> R<()> as usize)
}

/// `OSError.__new__`: the errno chooses the subclass.
pub fn os_new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    if parsed_by_init(cls) {
        let none = crate::run::call::no_args();
        return th.exception_with(cls, none);
    }
    if !kwargs.is_unbound() && kwargs.get::<Dict>().used.get() > 0 {
        return Err(th.type_error(format!("{}() takes no keyword arguments", th.class_name(cls))));
    }
    let a = args.get::<Tuple>();
    let mut cls = cls;
    if cls == C::OSError.v() && (2..=5).contains(&a.len()) && a.at(0).is_int() {
        cls = class_for(a.at(0).as_int()).v();
    }
    let o = th.exception_with(cls, args)?;
    os_parse(th, o, args)?;
    Ok(o)
}

/// `OSError.__init__`.
pub fn os_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    if !parsed_by_init(class_of(o)) {
        return Ok(());
    }
    no_keywords(th, o, kwargs)?;
    exc(o).args.set(args);
    os_parse(th, o, args)
}

fn os_parse(th: &mut Thread, o: Value, args: Value) -> R<()> {
    let a = args.get::<Tuple>();
    if !(2..=5).contains(&a.len()) {
        return Ok(());
    }
    word(o, 0).set(a.at(0));
    word(o, 1).set(a.at(1));
    if a.len() == 2 || a.at(2).is_none() {
        return Ok(());
    }
    if is_subclass(class_of(o), C::BlockingIOError.v()) && slots(class_of(a.at(2))).index.is_some() {
        let n = arith::index(th, a.at(2))?;
        word(o, 3).set(n);
        return Ok(());
    }
    word(o, 2).set(a.at(2));
    if a.len() == 5 && !a.at(4).is_none() {
        word(o, 3).set(a.at(4));
    }
    let two = th.tuple(&[a.at(0), a.at(1)])?;
    exc(o).args.set(two);
    Ok(())
}

/// Attributes of OSError.
pub static OS: &[GetSet] = &[
    field!("errno" 0),
    field!("strerror" 1),
    field!("filename" 2),
    getset(
        "filename2",
        |_, o| Ok(if is_blocking(o) { Value::NONE } else { word(o, 3).get().or(Value::NONE) }),
        |_, o, v| {
            if !is_blocking(o) {
                word(o, 3).set(v.or(Value::NONE));
            }
            Ok(())
        },
        "second exception filename",
    ),
    getset("characters_written", characters, set_characters, ""),
];

fn is_blocking(o: Value) -> bool {
    is_subclass(class_of(o), C::BlockingIOError.v())
}

fn characters(th: &mut Thread, o: Value) -> R {
    match word(o, 3).get() {
        n if is_blocking(o) && n.is_int() => Ok(n),
        _ => Err(th.raise(C::AttributeError, "characters_written")),
    }
}

fn set_characters(th: &mut Thread, o: Value, v: Value) -> R<()> {
    if !is_blocking(o) {
        return Err(th.raise(C::AttributeError, "characters_written"));
    }
    let v = if v.is_unbound() { v } else { arith::index(th, v)? };
    word(o, 3).set(v);
    Ok(())
}

/// Methods of OSError.
pub static OS_METHODS: &[Def] = &[def("__reduce__", "($self, /)", os_reduce, "")];

fn os_reduce(th: &mut Thread, a: crate::run::Args) -> R {
    let o = a[0];
    let given = |v: Value| !v.is_unbound() && !v.is_none();
    let (file, file2) = (word(o, 2).get(), word(o, 3).get());
    let mut args = exc(o).args.get();
    if nargs(o) == 2 && given(file) {
        let (x, y) = (args.get::<Tuple>().at(0), args.get::<Tuple>().at(1));
        args = match given(file2) && !is_blocking(o) {
            true => th.tuple(&[x, y, file, Value::NONE, file2])?,
            false => th.tuple(&[x, y, file])?,
        };
    }
    reduced(th, o, args, &[])
}

// ---------------------------------------------------------------------------------------------------------- SyntaxError

/// `SyntaxError(msg, (filename, lineno, offset, text[, end_lineno, end_offset[, metadata]]))`.
pub fn syntax_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    super::exception::init(th, o, args, kwargs)?;
    word(o, 0).set(arg(o, 0).unwrap_or(Value::NONE));
    if nargs(o) != 2 {
        return Ok(());
    }
    let info = th.to_tuple(args.get::<Tuple>().at(1))?;
    let t = info.get::<Tuple>();
    if t.len() < 4 || t.len() > 7 {
        let (bound, n) = if t.len() < 4 { ("least", 4) } else { ("most", 7) };
        let text = format!("function takes at {bound} {n} arguments ({} given)", t.len());
        return Err(th.type_error(text));
    }
    if t.len() == 5 {
        return Err(th.type_error("end_offset must be provided when end_lineno is provided"));
    }
    let at = |i: usize| if i < t.len() { t.at(i) } else { Value::NONE };
    let six = th.tuple(&[at(0), at(1), at(2), at(3), at(4), at(5)])?;
    word(o, 1).set(six);
    word(o, 3).set(at(6));
    Ok(())
}

/// Part `i` of where the error is, or None.
pub fn syntax_part(o: Value, i: usize) -> Value {
    match word(o, 1).get().cast::<Tuple>() {
        Some(t) if i < t.len() => t.at(i),
        _ => Value::NONE,
    }
}

fn set_part(th: &mut Thread, o: Value, i: usize, v: Value) -> R<()> {
    let mut parts: [Value; 6] = std::array::from_fn(|k| syntax_part(o, k));
    parts[i] = v.or(Value::NONE);
    let t = th.tuple(&parts)?;
    word(o, 1).set(t);
    Ok(())
}

macro_rules! part {
    ($name:literal $i:literal) => {
        getset(
            $name,
            |_, o| Ok(syntax_part(o, $i)),
            |th, o, v| set_part(th, o, $i, v),
            concat!("exception ", $name),
        )
    };
}

/// Attributes of SyntaxError.
pub static SYNTAX: &[GetSet] = &[
    field!("msg" 0),
    part!("filename" 0),
    part!("lineno" 1),
    part!("offset" 2),
    part!("text" 3),
    part!("end_lineno" 4),
    part!("end_offset" 5),
    field!("print_file_and_line" 2),
    field!("_metadata" 3),
];

// --------------------------------------------------------------------------------------------------------- UnicodeError

/// Datum `i` of a Unicode error: encoding, object, start, end, reason. Of one that was made without its
/// constructor, the argument.
pub fn unicode(o: Value, i: usize) -> Value {
    let e = exc(o);
    let pair = |k: usize| e.x1.get().cast::<Tuple>().map_or(Value::UNBOUND, |t| t.at(k));
    let v = match i {
        0 => pair(0),
        1 => e.x0.get(),
        2 => e.x2.get(),
        3 => e.x3.get(),
        _ => pair(1),
    };
    if !v.is_unbound() {
        return v;
    }
    let translate = is_subclass(class_of(o), C::UnicodeTranslateError.v());
    match (translate, i) {
        (true, 0) => Value::NONE,
        (true, i) => arg(o, i - 1).unwrap_or(Value::NONE),
        (false, i) => arg(o, i).unwrap_or(Value::NONE),
    }
}

fn set_unicode(th: &mut Thread, o: Value, i: usize, v: Value) -> R<()> {
    let v = v.or(Value::NONE);
    match i {
        1 => word(o, 0).set(v),
        2 => word(o, 2).set(v),
        3 => word(o, 3).set(v),
        _ => {
            let mut pair = [unicode(o, 0), unicode(o, 4)];
            pair[(i == 4) as usize] = v;
            let t = th.tuple(&pair)?;
            word(o, 1).set(t);
        }
    }
    Ok(())
}

macro_rules! unicode {
    ($name:literal $i:literal) => {
        getset(
            $name,
            |_, o| Ok(unicode(o, $i)),
            |th, o, v| set_unicode(th, o, $i, v),
            concat!("exception ", $name),
        )
    };
}

/// Attributes of the Unicode errors.
pub static UNICODE: &[GetSet] = &[
    unicode!("encoding" 0),
    unicode!("object" 1),
    unicode!("start" 2),
    unicode!("end" 3),
    unicode!("reason" 4),
];

fn want_str(th: &mut Thread, v: Value, position: usize) -> R<()> {
    if is_str(v) {
        return Ok(());
    }
    let text = format!("argument {position} must be str, not {}", th.type_name(v));
    Err(th.type_error(text))
}

/// Checks the arguments and keeps them: encoding (unless `translate`), object, start, end, reason.
fn unicode_init(
    th: &mut Thread,
    o: Value,
    args: Value,
    kwargs: Value,
    decode: bool,
    translate: bool,
) -> R<()> {
    super::exception::init(th, o, args, kwargs)?;
    let want = if translate { 4 } else { 5 };
    if nargs(o) != want {
        return Err(th.type_error(format!("function takes exactly {want} arguments ({} given)", nargs(o))));
    }
    let a = args.get::<Tuple>();
    let skip = translate as usize;
    if !translate {
        want_str(th, a.at(0), 1)?;
    }
    let mut object = a.at(1 - skip);
    if decode {
        object = match object.base().kind() {
            Kind::Bytes => object,
            _ if is_str(object) || slots(class_of(object)).len.is_none() => {
                let text = format!("a bytes-like object is required, not '{}'", th.type_name(object));
                return Err(th.type_error(text));
            }
            _ => th.call(C::bytes.v(), &[object])?,
        };
    } else {
        want_str(th, object, 2 - skip)?;
    }
    let start = arith::index(th, a.at(2 - skip))?;
    let end = arith::index(th, a.at(3 - skip))?;
    want_str(th, a.at(4 - skip), 5 - skip)?;
    let encoding = if translate { Value::NONE } else { a.at(0) };
    let pair = th.tuple(&[encoding, a.at(4 - skip)])?;
    word(o, 0).set(object);
    word(o, 1).set(pair);
    word(o, 2).set(start);
    word(o, 3).set(end);
    Ok(())
}

/// `UnicodeDecodeError(encoding, object, start, end, reason)`.
pub fn decode_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    unicode_init(th, o, args, kwargs, true, false)
}

/// `UnicodeEncodeError(encoding, object, start, end, reason)`.
pub fn encode_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    unicode_init(th, o, args, kwargs, false, false)
}

/// `UnicodeTranslateError(object, start, end, reason)`.
pub fn translate_init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    unicode_init(th, o, args, kwargs, false, true)
}
