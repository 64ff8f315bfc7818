//! The module `builtins`: one row per function.

use super::builtins_code as code;
use super::builtins_io as io;
use super::builtins_num as num;
use super::builtins_obj as obj;
use crate::run::{Def, ModuleDef, def, loose};

static FUNCTIONS: &[Def] = &[
    def("abs", "(number, /)", num::abs, "Return the absolute value of the argument."),
    def("aiter", "(async_iterable, /)", obj::aiter, "Return an AsyncIterator for an AsyncIterable object."),
    def("all", "(iterable, /)", num::all, "Return True if bool(x) is True for all values x in the iterable."),
    def(
        "anext",
        "(async_iterator, default=<default>, /)",
        obj::anext,
        "Return the next item from the async iterator, or the default if it has ended.",
    ),
    def("any", "(iterable, /)", num::any, "Return True if bool(x) is True for any x in the iterable."),
    def("ascii", "(obj, /)", obj::ascii, "Return an ASCII-only representation of an object."),
    def("bin", "(number, /)", num::bin, "Return the binary representation of an integer."),
    def("breakpoint", "(*args, **kws)", code::breakpoint, "Call sys.breakpointhook."),
    def("callable", "(obj, /)", obj::callable, "Return whether the object is callable."),
    def("chr", "(i, /)", num::chr, "Return a Unicode string of one character with ordinal i."),
    def(
        "compile",
        "(source, filename, mode, flags=0, dont_inherit=False, optimize=-1, *, _feature_version=-1)",
        code::compile,
        "Compile source into a code object that can be executed by exec() or eval().",
    ),
    def("delattr", "(obj, name, /)", obj::delattr, "Deletes the named attribute from the given object."),
    def(
        "dir",
        "(object=<default>, /)",
        obj::dir,
        "Names in the current scope, or the attributes of an object.",
    ),
    def("divmod", "(x, y, /)", num::divmod, "Return the tuple (x//y, x%y)."),
    def("eval", "(source, /, globals=None, locals=None)", code::eval, "Evaluate the given source."),
    def(
        "exec",
        "(source, /, globals=None, locals=None, *, closure=None)",
        code::exec,
        "Execute the given source.",
    ),
    def("exit", "(code=None)", code::exit, "Leave the program: raises SystemExit."),
    def(
        "format",
        "(value, format_spec='', /)",
        obj::format,
        "Return type(value).__format__(value, format_spec).",
    ),
    def(
        "getattr",
        "(object, name, default=<default>, /)",
        obj::getattr,
        "Get a named attribute from an object.",
    ),
    def(
        "globals",
        "()",
        code::globals,
        "Return the dictionary containing the current scope's global variables.",
    ),
    def(
        "hasattr",
        "(obj, name, /)",
        obj::hasattr,
        "Return whether the object has an attribute with the given name.",
    ),
    def("hash", "(obj, /)", obj::hash, "Return the hash value for the given object."),
    def("help", "(request=None, /)", obj::help, "Print the signature and the documentation of an object."),
    def("hex", "(number, /)", num::hex, "Return the hexadecimal representation of an integer."),
    def("id", "(obj, /)", obj::id, "Return the identity of an object."),
    def("input", "(prompt='', /)", io::input, "Read a string from standard input."),
    def(
        "isinstance",
        "(obj, class_or_tuple, /)",
        obj::isinstance,
        "Return whether an object is an instance of a class.",
    ),
    def(
        "issubclass",
        "(cls, class_or_tuple, /)",
        obj::issubclass,
        "Return whether 'cls' is derived from another class.",
    ),
    def("iter", "(object, sentinel=<default>, /)", obj::iter, "Get an iterator from an object."),
    def("len", "(obj, /)", obj::len, "Return the number of items in a container."),
    def("locals", "()", code::locals, "Return a dictionary containing the current scope's local variables."),
    loose(
        "max",
        "(*args, key=None, default=<default>)",
        num::max,
        "With one iterable argument, its biggest item.",
    ),
    loose(
        "min",
        "(*args, key=None, default=<default>)",
        num::min,
        "With one iterable argument, its smallest item.",
    ),
    def("next", "(iterator, default=<default>, /)", obj::next, "Return the next item from the iterator."),
    def("oct", "(number, /)", num::oct, "Return the octal representation of an integer."),
    def(
        "open",
        "(file, mode='r', buffering=-1, encoding=None, errors=None, newline=None, closefd=True, opener=None)",
        io::open,
        "Open file and return a stream.",
    ),
    def("ord", "(c, /)", num::ord, "Return the ordinal value of a character."),
    def(
        "pow",
        "(base, exp, mod=None)",
        num::pow,
        "Equivalent to base**exp, or base**exp % mod with three arguments.",
    ),
    def(
        "print",
        "(*args, sep=' ', end='\\n', file=None, flush=False)",
        io::print,
        "Prints the values to a stream.",
    ),
    def("quit", "(code=None)", code::exit, "Leave the program: raises SystemExit."),
    def("repr", "(obj, /)", obj::repr, "Return the canonical string representation of the object."),
    def(
        "round",
        "(number, ndigits=None)",
        num::round,
        "Round a number to a given precision in decimal digits.",
    ),
    def("setattr", "(obj, name, value, /)", obj::setattr, "Sets the named attribute on the given object."),
    def(
        "sorted",
        "(*args, **kwargs)",
        num::sorted,
        "sorted(iterable, /, *, key=None, reverse=False)\n\nReturn a new list containing all items from the iterable in ascending order.",
    ),
    def(
        "sum",
        "(iterable, /, start=0)",
        num::sum,
        "Return the sum of a start value and an iterable of numbers.",
    ),
    def(
        "vars",
        "(object=<default>, /)",
        code::vars,
        "Return the __dict__ attribute of an object, or locals().",
    ),
    def(
        "__import__",
        "(name, globals=None, locals=None, fromlist=(), level=0)",
        code::import,
        "Import a module.",
    ),
];

/// `builtins`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "builtins",
    doc: "Built-in functions, types, exceptions, and other objects.",
    functions: FUNCTIONS,
    fill: |_, _| Ok(()),
};
