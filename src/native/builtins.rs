//! The module `builtins`: the table of its functions, and those that ask one object one thing. Classes and constants
//! are put in by start-up. Invariant: every row's text of the signature is what CPython's `help` shows, or as near as
//! one signature comes.

use super::builtins_code::{self as code, globals, locals};
use super::builtins_io as io;
use super::builtins_math as math;
use super::builtins_seq as seq;
use crate::heap::known::N;
use crate::heap::object::*;
use crate::heap::text::{self, StrBuilder};
use crate::heap::{Kind, Value};
use crate::run::class::{class_of, slots};
use crate::run::{Args, Def, ModuleDef, R, Thread, arith, def};
use crate::types::build;

/// `builtins`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "builtins",
    doc: "Built-in functions, types, exceptions, and other objects.",
    functions: FUNCTIONS,
    fill: |_, _| Ok(()),
};

static FUNCTIONS: &[Def] = &[
    def(
        "abs",
        "(number, /)",
        |th, a| arith::unary(th, crate::run::Un::Abs, a[0]),
        "Return the absolute value of the argument.",
    ),
    def("aiter", "(async_iterable, /)", seq::aiter, "Return an AsyncIterator for an AsyncIterable object."),
    def("all", "(iterable, /)", seq::all, "Return True if bool(x) is True for all values x in the iterable."),
    def(
        "anext",
        "(aiterator, default=<unrepresentable>, /)",
        seq::anext,
        "Return the next item from the async iterator.",
    ),
    def("any", "(iterable, /)", seq::any, "Return True if bool(x) is True for any x in the iterable."),
    def("ascii", "(obj, /)", ascii, "Return an ASCII-only representation of an object."),
    def("bin", "(number, /)", math::bin, "Return the binary representation of an integer."),
    def("breakpoint", "(*args, **kws)", breakpoint, "Call sys.breakpointhook."),
    def(
        "callable",
        "(obj, /)",
        |_, a| Ok(Value::bool(slots(class_of(a[0])).call.is_some())),
        "Return whether the object is callable.",
    ),
    def("chr", "(i, /)", chr, "Return a Unicode string of one character with ordinal i."),
    def(
        "compile",
        "(source, filename, mode, flags=0, dont_inherit=False, optimize=-1, *, _feature_version=-1)",
        code::compile,
        "Compile source into a code object that can be executed by exec() or eval().",
    ),
    def("delattr", "(obj, name, /)", delattr, "Deletes the named attribute from the given object."),
    def(
        "dir",
        "(object=<unrepresentable>, /)",
        dir,
        "Show attributes of an object, or the names in the current scope.",
    ),
    def(
        "divmod",
        "(x, y, /)",
        |th, a| th.binary(crate::run::Bin::DivMod, a[0], a[1]),
        "Return the tuple (x//y, x%y).",
    ),
    def(
        "eval",
        "(source, /, globals=None, locals=None)",
        code::eval,
        "Evaluate the given source in the context of globals and locals.",
    ),
    def(
        "exec",
        "(source, /, globals=None, locals=None, *, closure=None)",
        code::exec,
        "Execute the given source in the context of globals and locals.",
    ),
    def("exit", "(code=None)", io::exit, "Leave the program by raising SystemExit."),
    def("format", "(value, format_spec='', /)", format, "Return type(value).__format__(value, format_spec)."),
    def(
        "getattr",
        "(object, name, default=<unrepresentable>, /)",
        getattr,
        "Get a named attribute from an object.",
    ),
    def(
        "globals",
        "()",
        |th, _| globals(th),
        "Return the dictionary containing the current scope's global variables.",
    ),
    def(
        "hasattr",
        "(obj, name, /)",
        hasattr,
        "Return whether the object has an attribute with the given name.",
    ),
    def("hash", "(obj, /)", hash, "Return the hash value for the given object."),
    def("help", "(request=None, /)", io::help, "Show the signature and documentation of an object."),
    def("hex", "(number, /)", math::hex, "Return the hexadecimal representation of an integer."),
    def("id", "(obj, /)", id, "Return the identity of an object."),
    def(
        "input",
        "(prompt='', /)",
        io::input,
        "Read a string from standard input.  The trailing newline is stripped.",
    ),
    def(
        "isinstance",
        "(obj, class_or_tuple, /)",
        |th, a| build::isinstance(th, a[0], a[1]).map(Value::bool),
        "Return whether an object is an instance of a class or of a subclass thereof.",
    ),
    def(
        "issubclass",
        "(cls, class_or_tuple, /)",
        |th, a| build::issubclass(th, a[0], a[1]).map(Value::bool),
        "Return whether 'cls' is derived from another class or is the same class.",
    ),
    def(
        "iter",
        "(object, sentinel=<unrepresentable>, /)",
        seq::iter,
        "Get an iterator from an object, or from a callable and a sentinel.",
    ),
    def(
        "len",
        "(obj, /)",
        |th, a| th.len(a[0]).map(|n| Value::int(n as i64)),
        "Return the number of items in a container.",
    ),
    def(
        "locals",
        "()",
        |th, _| locals(th),
        "Return a dictionary containing the current scope's local variables.",
    ),
    def("max", "(*args, key=None, default=<unrepresentable>)", seq::max, "Return the biggest item."),
    def("min", "(*args, key=None, default=<unrepresentable>)", seq::min, "Return the smallest item."),
    def(
        "next",
        "(iterator, default=<unrepresentable>, /)",
        seq::next,
        "Return the next item from the iterator.",
    ),
    def("oct", "(number, /)", math::oct, "Return the octal representation of an integer."),
    def(
        "open",
        "(file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)",
        io::open,
        "Open file and return a stream.  Raise OSError upon failure.",
    ),
    def("ord", "(character, /)", ord, "Return the ordinal value of a character."),
    def(
        "pow",
        "(base, exp, mod=None)",
        math::pow,
        "Equivalent to base**exp with 2 arguments or base**exp % mod with 3 arguments.",
    ),
    def(
        "print",
        "(*args, sep=' ', end='\\n', file=None, flush=False)",
        io::print,
        "Prints the values to a stream, or to sys.stdout by default.",
    ),
    def("quit", "(code=None)", io::exit, "Leave the program by raising SystemExit."),
    def(
        "repr",
        "(obj, /)",
        |th, a| th.repr(a[0]),
        "Return the canonical string representation of the object.",
    ),
    def(
        "round",
        "(number, ndigits=None)",
        math::round,
        "Round a number to a given precision in decimal digits.",
    ),
    def(
        "setattr",
        "(obj, name, value, /)",
        setattr,
        "Sets the named attribute on the given object to the specified value.",
    ),
    def(
        "sorted",
        "(*args, **kwargs)",
        seq::sorted,
        "Return a new list containing all items from the iterable in ascending order.",
    ),
    def(
        "sum",
        "(iterable, /, start=0)",
        math::sum,
        "Return the sum of a 'start' value (default: 0) plus an iterable of numbers",
    ),
    def("vars", "(object=<unrepresentable>, /)", vars, "Return the __dict__ of an object, or locals()."),
    def(
        "__import__",
        "(name, globals=None, locals=None, fromlist=(), level=0)",
        code::import,
        "Import a module.",
    ),
];

fn ascii(th: &mut Thread, a: Args) -> R {
    let r = th.repr(a[0])?;
    let r = r.base();
    if text::is_ascii(r) {
        return Ok(r);
    }
    let bytes = text::bytes_of(&mut th.heap, r)?;
    let mut out = StrBuilder::new();
    for c in text::index::codes(bytes) {
        if c < 128 {
            out.push_code(c)?;
        } else {
            text::chars::push_escape(c, &mut out)?;
        }
    }
    Ok(out.finish(&mut th.heap)?)
}

fn breakpoint(th: &mut Thread, _: Args) -> R {
    Err(th.runtime_error("breakpoint() needs a debugger, and there is none here"))
}

fn chr(th: &mut Thread, a: Args) -> R {
    let i = arith::index(th, a[0])?;
    match i.is_int().then(|| i.as_int()) {
        Some(c) if (0..0x11_0000).contains(&c) => Ok(text::char_string(&mut th.heap, c as u32)?),
        _ => Err(th.value_error("chr() arg not in range(0x110000)")),
    }
}

fn ord(th: &mut Thread, a: Args) -> R {
    let v = a[0].base();
    let (n, code) = if text::is_text(v) {
        let n = text::len(v);
        (n, if n == 1 { text::index::code_at(&mut th.heap, v, 0)? } else { 0 })
    } else if let Some(b) = v.cast::<Bytes>() {
        (b.bytes().len(), b.bytes().first().copied().unwrap_or(0) as u32)
    } else if let Some(b) = v.cast::<ByteArray>() {
        (b.len.get(), b.data.get().get::<Bytes>().bytes().first().copied().unwrap_or(0) as u32)
    } else {
        return Err(
            th.type_error(format!("ord() expected string of length 1, but {} found", th.type_name(v)))
        );
    };
    if n != 1 {
        return Err(th.type_error(format!("ord() expected a character, but string of length {n} found")));
    }
    Ok(Value::int(code as i64))
}

fn format(th: &mut Thread, a: Args) -> R {
    let spec = a[1].or(crate::heap::known::S::empty_str.v());
    if !text::is_text(spec.base()) {
        return Err(th.type_error(format!("format() argument 2 must be str, not {}", th.type_name(spec))));
    }
    th.format(a[0], spec)
}

fn hash(th: &mut Thread, a: Args) -> R {
    let h = th.hash(a[0])?;
    Ok(th.int(h)?)
}

fn id(th: &mut Thread, a: Args) -> R {
    // Cells do not move; the words of immediates are no addresses of cells.
    let v = a[0];
    Ok(th.uint(if v.is_ptr() { v.0 - 2 } else { v.0 })?)
}

// ---------------------------------------------------------------------------------------------------------- attributes

fn getattr(th: &mut Thread, a: Args) -> R {
    let name = th.attr_name(a[1])?;
    if a[2].is_unbound() {
        return th.getattr(a[0], name);
    }
    Ok(th.getattr_opt(a[0], name)?.unwrap_or(a[2]))
}

fn hasattr(th: &mut Thread, a: Args) -> R {
    let name = th.attr_name(a[1])?;
    Ok(Value::bool(th.getattr_opt(a[0], name)?.is_some()))
}

fn setattr(th: &mut Thread, a: Args) -> R {
    let name = th.attr_name(a[1])?;
    th.setattr(a[0], name, a[2])?;
    Ok(Value::NONE)
}

fn delattr(th: &mut Thread, a: Args) -> R {
    let name = th.attr_name(a[1])?;
    th.setattr(a[0], name, Value::UNBOUND)?;
    Ok(Value::NONE)
}

fn vars(th: &mut Thread, a: Args) -> R {
    if a[0].is_unbound() {
        return locals(th);
    }
    match th.getattr_opt(a[0], N::__dict__.v())? {
        Some(d) => Ok(d),
        None => Err(th.type_error("vars() argument must have __dict__ attribute")),
    }
}

fn dir(th: &mut Thread, a: Args) -> R {
    let names = if a[0].is_unbound() {
        let d = locals(th)?;
        if d.is_kind(Kind::Dict) { d } else { th.call_method(d, N::keys, &[])? }
    } else {
        match th.special(a[0], N::__dir__)? {
            Some(f) => th.call(f, &[])?,
            None => return Err(th.type_error("object does not provide __dir__")),
        }
    };
    let list = th.heap.list_with(0)?;
    crate::types::list::extend(th, list.get::<List>(), names)?;
    crate::types::list_sort::sort(th, list.get::<List>(), Value::NONE, false)?;
    Ok(list)
}
