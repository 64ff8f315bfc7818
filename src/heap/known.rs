//! Names and classes that the machine itself refers to. Invariant: filled once at start-up by `run`, before the
//! second thread exists; listed roots. The shape of a fixed builtin class is its number plus one.

use super::value::Value;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! names {
    ($($id:ident)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        #[repr(u16)]
        enum Number { $($id),* }

        /// An identifier that Rust code refers to.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub struct N(u16);

        #[allow(non_upper_case_globals, missing_docs)]
        impl N {
            $(pub const $id: N = N(Number::$id as u16);)*
        }
        const TEXTS: &[&str] = &[$(stringify!($id)),*];
    };
}

names! {
    __abs__ __abstractmethods__ __add__ __aenter__ __aexit__ __aiter__ __all__ __and__ __anext__ __annotate__
    __annotations__ __await__ __bases__ __bool__ __build_class__ __builtins__ __bytes__ __cached__ __call__ __cause__
    __ceil__ __class__ __class_getitem__ __classcell__ __closure__ __code__ __complex__ __contains__
    __context__ __debug__ __defaults__ __del__ __delattr__ __delete__ __delitem__ __dict__ __dir__
    __divmod__ __doc__ __enter__ __eq__ __exit__ __file__ __float__ __floor__ __floordiv__ __format__
    __func__ __ge__ __get__ __getattr__ __getattribute__ __getitem__ __getnewargs__ __getstate__
    __globals__ __gt__ __hash__ __iadd__ __iand__ __ifloordiv__ __ilshift__ __imatmul__ __imod__
    __import__ __imul__ __index__ __init__ __init_subclass__ __instancecheck__ __int__ __invert__ __ior__
    __ipow__ __irshift__ __isub__ __iter__ __itruediv__ __ixor__ __kwdefaults__ __le__ __len__
    __length_hint__ __loader__ __lshift__ __lt__ __main__ __match_args__ __matmul__ __missing__ __mod__
    __module__ __mro__ __mro_entries__ __mul__ __name__ __ne__ __neg__ __new__ __next__ __notes__ __objclass__
    __or__ __orig_bases__ __origin__ __package__ __path__ __pos__ __pow__ __prepare__ __qualname__ __radd__ __rand__
    __rdivmod__ __reduce__ __reduce_ex__ __repr__ __reversed__ __rfloordiv__ __rlshift__ __rmatmul__
    __rmod__ __rmul__ __ror__ __round__ __rpow__ __rrshift__ __rshift__ __rsub__ __rtruediv__ __rxor__
    __self__ __set__ __set_name__ __setattr__ __setitem__ __slots__ __spec__ __static_attributes__ __str__
    __sub__ __subclasscheck__ __subclasses__ __subclasshook__ __suppress_context__ __traceback__
    __truediv__ __trunc__ __type_params__ __weakref__ __wrapped__ __xor__
    add_note append args builtins close code copy default end endpos encoding errors errno exceptions excepthook
    extend fget file filename filename2 flush get indent items join key keys kwargs lineno maxsplit metaclass
    mode msg name newline next obj object offset path pop print_file_and_line read readline reason
    remove reverse send sep sort start stderr stdin stdout step stop strerror sys text
    threading throw update value values write _shutdown _initializing __lazy__ displayhook last_exc argv modules
    mro flags repeat func strict initial __exception__ iter aclose asend athrow
    _fields _field_defaults __newobj__ __newobj_ex__ __getnewargs_ex__ __setstate__ copyreg dispatch_table
    _extension_registry __iter_end__ isatty fileno line_buffering buffering closefd opener
}

static NAME_VALUES: [AtomicU64; TEXTS.len()] = [const { AtomicU64::new(Value::UNBOUND.0) }; TEXTS.len()];

impl N {
    /// Its interned string.
    #[inline(always)]
    pub fn v(self) -> Value {
        Value(NAME_VALUES[self.0 as usize].load(Ordering::Relaxed))
    }

    /// Its text.
    pub fn spelling(self) -> &'static str {
        TEXTS[self.0 as usize]
    }
}

/// Sets all names; `intern` gives the interned string of a text.
pub fn fill_names(mut intern: impl FnMut(&str) -> Value) {
    for (slot, text) in NAME_VALUES.iter().zip(TEXTS) {
        slot.store(intern(text).0, Ordering::Relaxed);
    }
}

macro_rules! classes {
    ($($id:ident $text:literal)*) => {
        /// A builtin class that Rust code refers to by number. Order is fixed: the shape of its plain instances is
        /// the number plus one.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        #[repr(u16)]
        pub enum C { $($id),* }
        const CLASS_TEXTS: &[&str] = &[$($text),*];
        /// All of them, in order.
        pub const CLASSES: &[C] = &[$(C::$id),*];
    };
}

classes! {
    object "object" type_ "type" int "int" bool "bool" float "float" complex "complex" str "str"
    bytes "bytes" bytearray "bytearray" memoryview "memoryview" list "list" tuple "tuple" dict "dict"
    set "set" frozenset "frozenset" range "range" slice "slice" none "NoneType"
    not_implemented "NotImplementedType" ellipsis "ellipsis" function "function"
    builtin "builtin_function_or_method" method_descriptor "method_descriptor" wrapper "wrapper_descriptor"
    method_wrapper "method-wrapper" classmethod_descriptor "classmethod_descriptor" method "method" cell "cell" code "code" module "module"
    generator "generator" coroutine "coroutine" async_generator "async_generator" property "property"
    staticmethod "staticmethod" classmethod "classmethod" super_ "super" getset "getset_descriptor"
    member "member_descriptor" mappingproxy "mappingproxy" weakref "ReferenceType" traceback "traceback" frame "frame"
    internal "internal" namespace "SimpleNamespace" generic_alias "GenericAlias" union "Union"
    // iterators and views
    list_iterator "list_iterator" list_reverseiterator "list_reverseiterator" tuple_iterator "tuple_iterator"
    str_iterator "str_iterator" str_ascii_iterator "str_ascii_iterator" bytes_iterator "bytes_iterator"
    bytearray_iterator "bytearray_iterator" range_iterator "range_iterator" longrange_iterator "longrange_iterator"
    set_iterator "set_iterator" dict_keys "dict_keys" dict_values "dict_values" dict_items "dict_items"
    dict_keyiterator "dict_keyiterator" dict_valueiterator "dict_valueiterator" dict_itemiterator "dict_itemiterator"
    dict_reversekeyiterator "dict_reversekeyiterator" dict_reversevalueiterator "dict_reversevalueiterator"
    dict_reverseitemiterator "dict_reverseitemiterator" callable_iterator "callable_iterator" iterator "iterator"
    memory_iterator "memory_iterator" enumerate "enumerate" zip "zip" map "map" filter "filter" reversed "reversed"
    // exceptions
    BaseException "BaseException" Exception "Exception" SystemExit "SystemExit" KeyboardInterrupt "KeyboardInterrupt"
    GeneratorExit "GeneratorExit" BaseExceptionGroup "BaseExceptionGroup" ExceptionGroup "ExceptionGroup"
    StopIteration "StopIteration" StopAsyncIteration "StopAsyncIteration" ArithmeticError "ArithmeticError"
    FloatingPointError "FloatingPointError" OverflowError "OverflowError" ZeroDivisionError "ZeroDivisionError"
    AssertionError "AssertionError" AttributeError "AttributeError" BufferError "BufferError" EOFError "EOFError"
    ImportError "ImportError" ModuleNotFoundError "ModuleNotFoundError" LookupError "LookupError"
    IndexError "IndexError" KeyError "KeyError" MemoryError "MemoryError" NameError "NameError"
    UnboundLocalError "UnboundLocalError" OSError "OSError" BlockingIOError "BlockingIOError"
    ChildProcessError "ChildProcessError" ConnectionError "ConnectionError" BrokenPipeError "BrokenPipeError"
    ConnectionAbortedError "ConnectionAbortedError" ConnectionRefusedError "ConnectionRefusedError"
    ConnectionResetError "ConnectionResetError" FileExistsError "FileExistsError" FileNotFoundError "FileNotFoundError"
    InterruptedError "InterruptedError" IsADirectoryError "IsADirectoryError" NotADirectoryError "NotADirectoryError"
    PermissionError "PermissionError" ProcessLookupError "ProcessLookupError" TimeoutError "TimeoutError"
    ReferenceError "ReferenceError" RuntimeError "RuntimeError" NotImplementedError "NotImplementedError"
    RecursionError "RecursionError" PythonFinalizationError "PythonFinalizationError" SyntaxError "SyntaxError"
    IndentationError "IndentationError" TabError "TabError" SystemError "SystemError" TypeError "TypeError"
    ValueError "ValueError" UnicodeError "UnicodeError" UnicodeDecodeError "UnicodeDecodeError"
    UnicodeEncodeError "UnicodeEncodeError" UnicodeTranslateError "UnicodeTranslateError" Warning "Warning"
    DeprecationWarning "DeprecationWarning" PendingDeprecationWarning "PendingDeprecationWarning"
    RuntimeWarning "RuntimeWarning" SyntaxWarning "SyntaxWarning" UserWarning "UserWarning"
    FutureWarning "FutureWarning" ImportWarning "ImportWarning" UnicodeWarning "UnicodeWarning"
    BytesWarning "BytesWarning" ResourceWarning "ResourceWarning" EncodingWarning "EncodingWarning"
    // awaitables and proxies
    coroutine_wrapper "coroutine_wrapper" async_generator_asend "async_generator_asend"
    async_generator_athrow "async_generator_athrow" anext_awaitable "anext_awaitable" proxy "ProxyType" callable_proxy "CallableProxyType"
}

static CLASS_VALUES: [AtomicU64; CLASS_TEXTS.len()] =
    [const { AtomicU64::new(Value::UNBOUND.0) }; CLASS_TEXTS.len()];

impl C {
    /// The class object.
    #[inline(always)]
    pub fn v(self) -> Value {
        Value(CLASS_VALUES[self as usize].load(Ordering::Relaxed))
    }

    /// The shape of its plain instances.
    #[inline(always)]
    pub const fn shape(self) -> u32 {
        self as u32 + 1
    }

    /// `__name__`.
    pub fn text(self) -> &'static str {
        CLASS_TEXTS[self as usize]
    }

    /// Sets the class object (start-up).
    pub fn fill(self, class: Value) {
        CLASS_VALUES[self as usize].store(class.0, Ordering::Relaxed);
        super::shape::shape(self.shape()).set_class(class);
    }
}

macro_rules! singles {
    ($($id:ident $doc:literal)*) => {
        /// Single objects that the machine refers to.
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy)]
        #[repr(u8)]
        pub enum S { $(#[doc = $doc] $id),* }
        const SINGLES: usize = [$(S::$id),*].len();
    };
}

singles! {
    empty_tuple "`()`"
    empty_str "The empty string."
    empty_bytes "`b''`"
    empty_array "A backing array of capacity 0."
    empty_table "A dict table without room."
    empty_set_table "The set table of all empty sets."
    builtins "The builtins dict."
    modules "`sys.modules`."
    build_class "`__build_class__`."
    sys "The dict of module sys."
    main "The module `__main__`."
    chars "Array of the 256 one-character strings of Latin-1."
    memory_error "A MemoryError made beforehand."
    recursion_error "A RecursionError made beforehand, for when the native stack is short."
}

static SINGLE_VALUES: [AtomicU64; SINGLES] = [const { AtomicU64::new(Value::UNBOUND.0) }; SINGLES];

impl S {
    /// The object.
    #[inline(always)]
    pub fn v(self) -> Value {
        Value(SINGLE_VALUES[self as usize].load(Ordering::Acquire))
    }

    /// Sets it.
    pub fn fill(self, v: Value) {
        SINGLE_VALUES[self as usize].store(v.0, Ordering::Release)
    }
}

/// Calls `f` with every known value: a listed root.
pub fn roots(mut f: impl FnMut(Value)) {
    for s in NAME_VALUES.iter().chain(&CLASS_VALUES).chain(&SINGLE_VALUES) {
        f(Value(s.load(Ordering::Relaxed)));
    }
}
