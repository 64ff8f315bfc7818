//! What modules and names were called in Python 2, which protocols below 3 write and read. Invariant: facts only; a
//! name that is in no table is the same in both.

/// Modules: then, now.
const MODULES: &[(&str, &str)] = &[
    ("__builtin__", "builtins"),
    ("copy_reg", "copyreg"),
    ("Queue", "queue"),
    ("SocketServer", "socketserver"),
    ("ConfigParser", "configparser"),
    ("repr", "reprlib"),
    ("tkFileDialog", "tkinter.filedialog"),
    ("tkSimpleDialog", "tkinter.simpledialog"),
    ("tkColorChooser", "tkinter.colorchooser"),
    ("tkCommonDialog", "tkinter.commondialog"),
    ("Dialog", "tkinter.dialog"),
    ("Tkdnd", "tkinter.dnd"),
    ("tkFont", "tkinter.font"),
    ("tkMessageBox", "tkinter.messagebox"),
    ("ScrolledText", "tkinter.scrolledtext"),
    ("Tkconstants", "tkinter.constants"),
    ("ttk", "tkinter.ttk"),
    ("Tkinter", "tkinter"),
    ("markupbase", "_markupbase"),
    ("_winreg", "winreg"),
    ("thread", "_thread"),
    ("dummy_thread", "_dummy_thread"),
    ("dbhash", "dbm.bsd"),
    ("dumbdbm", "dbm.dumb"),
    ("dbm", "dbm.ndbm"),
    ("gdbm", "dbm.gnu"),
    ("xmlrpclib", "xmlrpc.client"),
    ("SimpleXMLRPCServer", "xmlrpc.server"),
    ("httplib", "http.client"),
    ("htmlentitydefs", "html.entities"),
    ("HTMLParser", "html.parser"),
    ("Cookie", "http.cookies"),
    ("cookielib", "http.cookiejar"),
    ("BaseHTTPServer", "http.server"),
    ("test.test_support", "test.support"),
    ("commands", "subprocess"),
    ("urlparse", "urllib.parse"),
    ("robotparser", "urllib.robotparser"),
    ("urllib2", "urllib.request"),
    ("anydbm", "dbm"),
    ("_abcoll", "collections.abc"),
];

/// Modules that are only read under their old name.
const OLD_MODULES: &[(&str, &str)] = &[
    ("cPickle", "pickle"),
    ("_elementtree", "xml.etree.ElementTree"),
    ("FileDialog", "tkinter.filedialog"),
    ("SimpleDialog", "tkinter.simpledialog"),
    ("DocXMLRPCServer", "xmlrpc.server"),
    ("SimpleHTTPServer", "http.server"),
    ("CGIHTTPServer", "http.server"),
    ("UserDict", "collections"),
    ("UserList", "collections"),
    ("UserString", "collections"),
    ("whichdb", "dbm"),
    ("StringIO", "io"),
    ("cStringIO", "io"),
];

/// Modules that are written under the name of their public face.
const FACES: &[(&str, &str)] = &[
    ("_bz2", "bz2"),
    ("_dbm", "dbm"),
    ("_functools", "functools"),
    ("_gdbm", "gdbm"),
    ("_pickle", "pickle"),
];

/// Names: module and name then, module and name now.
const NAMES: &[[&str; 4]] = &[
    ["__builtin__", "xrange", "builtins", "range"],
    ["__builtin__", "reduce", "functools", "reduce"],
    ["__builtin__", "intern", "sys", "intern"],
    ["__builtin__", "unichr", "builtins", "chr"],
    ["__builtin__", "unicode", "builtins", "str"],
    ["__builtin__", "long", "builtins", "int"],
    ["itertools", "izip", "builtins", "zip"],
    ["itertools", "imap", "builtins", "map"],
    ["itertools", "ifilter", "builtins", "filter"],
    ["itertools", "ifilterfalse", "itertools", "filterfalse"],
    ["itertools", "izip_longest", "itertools", "zip_longest"],
    ["UserDict", "IterableUserDict", "collections", "UserDict"],
    ["UserList", "UserList", "collections", "UserList"],
    ["UserString", "UserString", "collections", "UserString"],
    ["whichdb", "whichdb", "dbm", "whichdb"],
    ["_socket", "fromfd", "socket", "fromfd"],
    ["_multiprocessing", "Connection", "multiprocessing.connection", "Connection"],
    ["multiprocessing.process", "Process", "multiprocessing.context", "Process"],
    ["multiprocessing.forking", "Popen", "multiprocessing.popen_fork", "Popen"],
    ["multiprocessing", "AuthenticationError", "multiprocessing.context", "AuthenticationError"],
    ["multiprocessing", "BufferTooShort", "multiprocessing.context", "BufferTooShort"],
    ["multiprocessing", "ProcessError", "multiprocessing.context", "ProcessError"],
    ["multiprocessing", "TimeoutError", "multiprocessing.context", "TimeoutError"],
    ["urllib", "ContentTooShortError", "urllib.error", "ContentTooShortError"],
    ["urllib", "getproxies", "urllib.request", "getproxies"],
    ["urllib", "pathname2url", "urllib.request", "pathname2url"],
    ["urllib", "quote_plus", "urllib.parse", "quote_plus"],
    ["urllib", "quote", "urllib.parse", "quote"],
    ["urllib", "unquote_plus", "urllib.parse", "unquote_plus"],
    ["urllib", "unquote", "urllib.parse", "unquote"],
    ["urllib", "url2pathname", "urllib.request", "url2pathname"],
    ["urllib", "urlcleanup", "urllib.request", "urlcleanup"],
    ["urllib", "urlencode", "urllib.parse", "urlencode"],
    ["urllib", "urlopen", "urllib.request", "urlopen"],
    ["urllib", "urlretrieve", "urllib.request", "urlretrieve"],
    ["urllib2", "HTTPError", "urllib.error", "HTTPError"],
    ["urllib2", "URLError", "urllib.error", "URLError"],
];

/// Names that are only read.
const OLD_NAMES: &[[&str; 4]] = &[
    ["__builtin__", "basestring", "builtins", "str"],
    ["exceptions", "StandardError", "builtins", "Exception"],
    ["UserDict", "UserDict", "collections", "UserDict"],
    ["socket", "_socketobject", "socket", "SocketType"],
];

/// Names that are only written.
const NEW_NAMES: &[[&str; 4]] = &[
    ["__builtin__", "reduce", "_functools", "reduce"],
    ["SimpleHTTPServer", "SimpleHTTPRequestHandler", "http.server", "SimpleHTTPRequestHandler"],
    ["CGIHTTPServer", "CGIHTTPRequestHandler", "http.server", "CGIHTTPRequestHandler"],
    ["socket", "_socketobject", "_socket", "socket"],
];

/// Exceptions of Python 2, which stood in a module of their own.
const EXCEPTIONS: &[&str] = &[
    "ArithmeticError",
    "AssertionError",
    "AttributeError",
    "BaseException",
    "BufferError",
    "BytesWarning",
    "DeprecationWarning",
    "EOFError",
    "EnvironmentError",
    "Exception",
    "FloatingPointError",
    "FutureWarning",
    "GeneratorExit",
    "IOError",
    "ImportError",
    "ImportWarning",
    "IndentationError",
    "IndexError",
    "KeyError",
    "KeyboardInterrupt",
    "LookupError",
    "MemoryError",
    "NameError",
    "NotImplementedError",
    "OSError",
    "OverflowError",
    "PendingDeprecationWarning",
    "ReferenceError",
    "RuntimeError",
    "RuntimeWarning",
    "StopIteration",
    "SyntaxError",
    "SyntaxWarning",
    "SystemError",
    "SystemExit",
    "TabError",
    "TypeError",
    "UnboundLocalError",
    "UnicodeDecodeError",
    "UnicodeEncodeError",
    "UnicodeError",
    "UnicodeTranslateError",
    "UnicodeWarning",
    "UserWarning",
    "ValueError",
    "Warning",
    "ZeroDivisionError",
];

/// Exceptions that came later, as those of Python 2 that they are kinds of.
const LATER: &[(&str, &str)] = &[
    ("BrokenPipeError", "OSError"),
    ("ChildProcessError", "OSError"),
    ("ConnectionAbortedError", "OSError"),
    ("ConnectionError", "OSError"),
    ("ConnectionRefusedError", "OSError"),
    ("ConnectionResetError", "OSError"),
    ("FileExistsError", "OSError"),
    ("FileNotFoundError", "OSError"),
    ("InterruptedError", "OSError"),
    ("IsADirectoryError", "OSError"),
    ("NotADirectoryError", "OSError"),
    ("PermissionError", "OSError"),
    ("ProcessLookupError", "OSError"),
    ("TimeoutError", "OSError"),
    ("ModuleNotFoundError", "ImportError"),
];

/// The module and name of Python 2.
pub fn old(module: &str, name: &str) -> (String, String) {
    let own = |m: &str, n: &str| (m.to_string(), n.to_string());
    if let Some(row) = NAMES.iter().chain(NEW_NAMES).find(|r| r[2] == module && r[3] == name) {
        return own(row[0], row[1]);
    }
    if module == "builtins" {
        if EXCEPTIONS.contains(&name) {
            return own("exceptions", name);
        }
        if let Some((_, then)) = LATER.iter().find(|(n, _)| *n == name) {
            return own("exceptions", then);
        }
    }
    match MODULES.iter().find(|(_, now)| *now == module) {
        Some((then, _)) => own(then, name),
        None => match FACES.iter().find(|(inner, _)| *inner == module) {
            Some((_, face)) => own(face, name),
            None => own(module, name),
        },
    }
}

/// The module and name of today.
pub fn new(module: &str, name: &str) -> (String, String) {
    let own = |m: &str, n: &str| (m.to_string(), n.to_string());
    if let Some(row) = NAMES.iter().chain(OLD_NAMES).find(|r| r[0] == module && r[1] == name) {
        return own(row[2], row[3]);
    }
    if module == "exceptions" && EXCEPTIONS.contains(&name) {
        return own("builtins", name);
    }
    match MODULES.iter().chain(OLD_MODULES).find(|(then, _)| *then == module) {
        Some((_, now)) => own(now, name),
        None => own(module, name),
    }
}
