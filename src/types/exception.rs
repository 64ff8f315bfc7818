//! The builtin exceptions as one table: name, base, what differs from the base. Invariant: `args` is always a tuple;
//! an extra datum that was not given is unbound in its word and then read from `args`.

use super::exc_fields as fields;
use super::exc_text as texts;
use crate::heap::known::{C, N};
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::run::class::class_of;
use crate::run::native::Def;
use crate::run::slots::{GetSet, TypeSlots};
use crate::run::{Args, ClassDef, PLAIN, R, Thread, def, getset};

/// What an exception class states beyond its base.
struct Own {
    slots: fn(&mut TypeSlots),
    methods: &'static [Def],
    class_methods: &'static [Def],
    getset: &'static [GetSet],
}

const NOTHING: Own = Own { slots: |_| {}, methods: &[], class_methods: &[], getset: &[] };

const fn row(name: &'static str, base: C, doc: &'static str, own: Own) -> ClassDef {
    ClassDef {
        name,
        doc,
        base: Some(base),
        slots: own.slots,
        methods: own.methods,
        class_methods: own.class_methods,
        getset: own.getset,
        basetype: true,
        kind: Kind::Exception,
        ..PLAIN
    }
}

macro_rules! rows {
    ($( $name:ident $base:ident $doc:literal $(=> $own:expr)?; )*) => {
        /// The rows, bases first.
        pub static CLASSES: &[(C, ClassDef)] =
            &[$( (C::$name, row(stringify!($name), C::$base, $doc, own!($($own)?))) ),*];
    };
}

macro_rules! own {
    () => {
        NOTHING
    };
    ($own:expr) => {
        $own
    };
}

rows! {
    BaseException object "Common base class for all exceptions"
        => Own { slots: base_slots, methods: METHODS, getset: GETSET, ..NOTHING };
    Exception BaseException "Common base class for all non-exit exceptions.";
    SystemExit BaseException "Request to exit from the interpreter."
        => Own { slots: |s| s.init = Some(fields::value_init), getset: fields::SYSTEM_EXIT, ..NOTHING };
    KeyboardInterrupt BaseException "Program interrupted by user.";
    GeneratorExit BaseException "Request that a generator exit.";
    BaseExceptionGroup BaseException "A combination of multiple unrelated exceptions."
        => Own {
            slots: super::group::slots_of,
            methods: super::group::METHODS,
            class_methods: super::alias::CLASS_GETITEM,
            getset: super::group::GETSET,
        };
    ExceptionGroup BaseExceptionGroup "";
    StopIteration Exception "Signal the end from iterator.__next__()."
        => Own { slots: |s| s.init = Some(fields::first_init), getset: fields::STOP_ITERATION, ..NOTHING };
    StopAsyncIteration Exception "Signal the end from iterator.__anext__().";
    ArithmeticError Exception "Base class for arithmetic errors.";
    FloatingPointError ArithmeticError "Floating-point operation failed.";
    OverflowError ArithmeticError "Result too large to be represented.";
    ZeroDivisionError ArithmeticError "Second argument to a division or modulo operation was zero.";
    AssertionError Exception "Assertion failed.";
    AttributeError Exception "Attribute not found."
        => Own {
            slots: |s| s.init = Some(fields::attribute_init),
            methods: fields::ATTRIBUTE_METHODS,
            getset: fields::ATTRIBUTE,
            ..NOTHING
        };
    BufferError Exception "Buffer error.";
    EOFError Exception "Read beyond end of file.";
    ImportError Exception "Import can't find module, or can't find name in module."
        => Own {
            slots: |s| { s.init = Some(fields::import_init); s.str = Some(texts::import_str); },
            methods: fields::IMPORT_METHODS,
            getset: fields::IMPORT,
            ..NOTHING
        };
    ModuleNotFoundError ImportError "Module not found.";
    LookupError Exception "Base class for lookup errors.";
    IndexError LookupError "Sequence index out of range.";
    KeyError LookupError "Mapping key not found."
        => Own { slots: |s| s.str = Some(texts::key_str), ..NOTHING };
    MemoryError Exception "Out of memory.";
    NameError Exception "Name not found globally."
        => Own { slots: |s| s.init = Some(fields::name_init), getset: fields::NAME, ..NOTHING };
    UnboundLocalError NameError "Local name referenced but not bound to a value.";
    OSError Exception "Base class for I/O related errors."
        => Own {
            slots: |s| {
                s.new = Some(fields::os_new);
                s.init = Some(fields::os_init);
                s.str = Some(texts::os_str);
            },
            methods: fields::OS_METHODS,
            getset: fields::OS,
            ..NOTHING
        };
    BlockingIOError OSError "I/O operation would block.";
    ChildProcessError OSError "Child process error.";
    ConnectionError OSError "Connection error.";
    BrokenPipeError ConnectionError "Broken pipe.";
    ConnectionAbortedError ConnectionError "Connection aborted.";
    ConnectionRefusedError ConnectionError "Connection refused.";
    ConnectionResetError ConnectionError "Connection reset.";
    FileExistsError OSError "File already exists.";
    FileNotFoundError OSError "File not found.";
    InterruptedError OSError "Interrupted by signal.";
    IsADirectoryError OSError "Operation doesn't work on directories.";
    NotADirectoryError OSError "Operation only works on directories.";
    PermissionError OSError "Not enough permissions.";
    ProcessLookupError OSError "Process not found.";
    TimeoutError OSError "Timeout expired.";
    ReferenceError Exception "Weak ref proxy used after referent went away.";
    RuntimeError Exception "Unspecified run-time error.";
    NotImplementedError RuntimeError "Method or function hasn't been implemented yet.";
    RecursionError RuntimeError "Recursion limit exceeded.";
    PythonFinalizationError RuntimeError "Operation blocked during Python finalization.";
    SyntaxError Exception "Invalid syntax."
        => Own {
            slots: |s| { s.init = Some(fields::syntax_init); s.str = Some(texts::syntax_str); },
            getset: fields::SYNTAX,
            ..NOTHING
        };
    IndentationError SyntaxError "Improper indentation.";
    TabError IndentationError "Improper mixture of spaces and tabs.";
    SystemError Exception "Internal error in the Python interpreter.\n\nPlease report this to the Python maintainer, along with the traceback,\nthe Python version, and the hardware/OS platform and version.";
    TypeError Exception "Inappropriate argument type.";
    ValueError Exception "Inappropriate argument value (of correct type).";
    UnicodeError ValueError "Unicode related error.";
    UnicodeDecodeError UnicodeError "Unicode decoding error."
        => Own {
            slots: |s| { s.init = Some(fields::decode_init); s.str = Some(texts::decode_str); },
            getset: fields::UNICODE,
            ..NOTHING
        };
    UnicodeEncodeError UnicodeError "Unicode encoding error."
        => Own {
            slots: |s| { s.init = Some(fields::encode_init); s.str = Some(texts::encode_str); },
            getset: fields::UNICODE,
            ..NOTHING
        };
    UnicodeTranslateError UnicodeError "Unicode translation error."
        => Own {
            slots: |s| { s.init = Some(fields::translate_init); s.str = Some(texts::translate_str); },
            getset: fields::UNICODE,
            ..NOTHING
        };
    Warning Exception "Base class for warning categories.";
    DeprecationWarning Warning "Base class for warnings about deprecated features.";
    PendingDeprecationWarning Warning "Base class for warnings about features which will be deprecated\nin the future.";
    RuntimeWarning Warning "Base class for warnings about dubious runtime behavior.";
    SyntaxWarning Warning "Base class for warnings about dubious syntax.";
    UserWarning Warning "Base class for warnings generated by user code.";
    FutureWarning Warning "Base class for warnings about constructs that will change semantically\nin the future.";
    ImportWarning Warning "Base class for warnings about probable mistakes in module imports";
    UnicodeWarning Warning "Base class for warnings about Unicode related problems, mostly\nrelated to conversion problems.";
    BytesWarning Warning "Base class for warnings about bytes and buffer related problems, mostly\nrelated to conversion from str or comparing to str.";
    ResourceWarning Warning "Base class for warnings about resource usage.";
    EncodingWarning Warning "Base class for warnings about encodings.";
}

fn base_slots(s: &mut TypeSlots) {
    s.repr = Some(texts::repr);
    s.str = Some(texts::str);
    s.new = Some(|th, cls, args, _| th.exception_with(cls, args));
    s.init = Some(init);
}

static METHODS: &[Def] = &[
    def(
        "with_traceback",
        "($self, object, /)",
        with_traceback,
        "Set self.__traceback__ to tb and return self.",
    ),
    def("add_note", "($self, object, /)", add_note, "Add a note to the exception"),
    def("__setstate__", "($self, object, /)", setstate, ""),
    def("__reduce__", "($self, /)", reduce, ""),
];

static GETSET: &[GetSet] = &[
    getset("args", |_, o| Ok(exc(o).args.get()), set_args, ""),
    getset("__traceback__", |_, o| Ok(exc(o).traceback.get()), set_traceback, ""),
    getset("__context__", |_, o| Ok(exc(o).context.get()), set_context, "exception context"),
    getset("__cause__", |_, o| Ok(exc(o).cause.get()), set_cause, "exception cause"),
    getset("__suppress_context__", |_, o| Ok(exc(o).suppress.get()), set_suppress, ""),
];

/// The exception's words.
pub fn exc(o: Value) -> &'static Exception {
    o.get::<Exception>()
}

/// Number of positional arguments.
pub fn nargs(o: Value) -> usize {
    exc(o).args.get().get::<Tuple>().len()
}

/// Positional argument `i`, if there is one.
pub fn arg(o: Value, i: usize) -> Option<Value> {
    let args = exc(o).args.get().get::<Tuple>();
    if i < args.len() { Some(args.at(i)) } else { None }
}

/// Keywords are not taken.
pub fn no_keywords(th: &mut Thread, o: Value, kwargs: Value) -> R<()> {
    if !kwargs.is_unbound() && kwargs.get::<Dict>().used.get() > 0 {
        return Err(th.type_error(format!("{}() takes no keyword arguments", th.type_name(o))));
    }
    Ok(())
}

/// `BaseException.__init__`.
pub fn init(th: &mut Thread, o: Value, args: Value, kwargs: Value) -> R<()> {
    no_keywords(th, o, kwargs)?;
    exc(o).args.set(args);
    Ok(())
}

fn set_args(th: &mut Thread, o: Value, v: Value) -> R<()> {
    if v.is_unbound() {
        return Err(th.type_error("args may not be deleted"));
    }
    let t = th.to_tuple(v)?;
    exc(o).args.set(t);
    Ok(())
}

fn set_traceback(th: &mut Thread, o: Value, v: Value) -> R<()> {
    if v.is_unbound() {
        return Err(th.type_error("__traceback__ may not be deleted"));
    }
    if !v.is_none() && !v.is_kind(Kind::Traceback) {
        return Err(th.type_error("__traceback__ must be a traceback or None"));
    }
    exc(o).traceback.set(v);
    Ok(())
}

fn check_link(th: &mut Thread, v: Value, what: &str) -> R<()> {
    if v.is_unbound() {
        return Err(th.type_error(format!("__{what}__ may not be deleted")));
    }
    if !v.is_none() && !v.is_kind(Kind::Exception) {
        return Err(th.type_error(format!("exception {what} must be None or derive from BaseException")));
    }
    Ok(())
}

fn set_context(th: &mut Thread, o: Value, v: Value) -> R<()> {
    check_link(th, v, "context")?;
    exc(o).context.set(v);
    Ok(())
}

fn set_cause(th: &mut Thread, o: Value, v: Value) -> R<()> {
    check_link(th, v, "cause")?;
    exc(o).cause.set(v);
    exc(o).suppress.set(Value::TRUE);
    Ok(())
}

fn set_suppress(th: &mut Thread, o: Value, v: Value) -> R<()> {
    if v.is_unbound() {
        return Err(th.type_error("can't delete numeric/char attribute"));
    }
    if !v.is_bool() {
        return Err(th.type_error("attribute value type must be bool"));
    }
    exc(o).suppress.set(v);
    Ok(())
}

fn with_traceback(th: &mut Thread, a: Args) -> R {
    set_traceback(th, a[0], a[1])?;
    Ok(a[0])
}

fn add_note(th: &mut Thread, a: Args) -> R {
    if !super::is_str(a[1]) {
        let text = format!("add_note() argument must be str, not {}", th.type_name(a[1]));
        return Err(th.type_error(text));
    }
    let notes = match th.getattr_opt(a[0], N::__notes__.v())? {
        Some(n) => n,
        None => {
            let l = th.list_with(0)?;
            th.setattr(a[0], N::__notes__.v(), l)?;
            l
        }
    };
    let Some(l) = notes.like::<List>() else {
        return Err(th.type_error("Cannot add note: __notes__ is not a list"));
    };
    crate::heap::list::push(&mut th.heap, l, a[1])?;
    Ok(Value::NONE)
}

fn setstate(th: &mut Thread, a: Args) -> R {
    if a[1].is_none() {
        return Ok(Value::NONE);
    }
    if a[1].like::<Dict>().is_none() {
        return Err(th.type_error("state is not a dictionary"));
    }
    let pairs = th.dict_pairs(a[1])?;
    let p = pairs.get::<Tuple>();
    for i in 0..p.len() / 2 {
        let name = th.attr_name(p.at(2 * i))?;
        th.setattr(a[0], name, p.at(2 * i + 1))?;
    }
    Ok(Value::NONE)
}

fn reduce(th: &mut Thread, a: Args) -> R {
    reduced(th, a[0], exc(a[0]).args.get(), &[])
}

/// `(class, args)` or, with attributes or `extra` pairs of name and value, `(class, args, state)`.
pub fn reduced(th: &mut Thread, o: Value, args: Value, extra: &[(N, Value)]) -> R {
    let own = super::object::own_attributes(th, o)?;
    let state = th.heap.new_dict()?;
    let pairs = th.dict_pairs(own)?;
    let p = pairs.get::<Tuple>();
    for i in 0..p.len() / 2 {
        th.dict_insert(state, p.at(2 * i), p.at(2 * i + 1))?;
    }
    for (name, v) in extra {
        if !v.is_none() && !v.is_unbound() {
            th.dict_insert(state, name.v(), *v)?;
        }
    }
    let class = class_of(o);
    if state.get::<Dict>().used.get() == 0 {
        return Ok(th.tuple(&[class, args])?);
    }
    Ok(th.tuple(&[class, args, state])?)
}
