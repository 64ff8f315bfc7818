//! The compiler: golden listings (`tests/golden/code`, rewritten by `MINIPY_BLESS=1`), the verifier on all that is
//! compiled, and the faults that scopes and blocks give. `MINIPY_CORPUS=DIR` compiles every `.py` file below DIR.

use minipy::code::data::{Code, Const};
use minipy::code::{Flags, Mode, compile, dis, store, verify};
use minipy_grammar as grammar;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn build(source: &str, mode: Mode) -> Result<Arc<Code>, String> {
    let parse_mode = match mode {
        Mode::Eval { .. } => grammar::Mode::Eval,
        Mode::Interactive => grammar::Mode::Interactive,
        _ => grammar::Mode::File,
    };
    let module = grammar::parse(source, parse_mode).map_err(|f| format!("parse: {}", f.first().message))?;
    let code = compile(&module, source, "test.py", mode, Flags::default()).map_err(|f| f.message.clone())?;
    check(&code);
    Ok(code)
}

fn file(source: &str) -> Result<Arc<Code>, String> {
    build(source, Mode::File)
}

/// Verifies a code object and those nested in it.
fn check(code: &Code) {
    if let Err(why) = verify::verify(code) {
        panic!("{}: {why}\n{}", code.qualname, dis::listing(code, ""));
    }
    for constant in &code.consts {
        if let Const::Code(inner) = constant {
            check(inner);
        }
    }
}

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "py") {
            out.push(path);
        }
    }
    out.sort();
}

#[test]
fn listings() {
    let mut paths = Vec::new();
    sources(Path::new("tests/golden/code"), &mut paths);
    assert!(!paths.is_empty());
    let bless = std::env::var_os("MINIPY_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in paths {
        let source = std::fs::read_to_string(&path).unwrap();
        let code = file(&source).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let found = dis::listing(&code, &source);
        let golden = path.with_extension("golden");
        if bless {
            std::fs::write(&golden, &found).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != found {
            wrong.push(format!("{}\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "listings differ (MINIPY_BLESS=1 accepts):\n{}", wrong.join("\n"));
}

#[test]
fn faults() {
    let cases = [
        ("return 1", "'return' outside function"),
        ("class C:\n return 1", "'return' outside function"),
        ("break", "'break' outside loop"),
        ("def f():\n continue", "'continue' not properly in loop"),
        ("yield 1", "'yield' outside function"),
        ("yield from x", "'yield from' outside function"),
        ("await x", "'await' outside function"),
        ("def f():\n await x", "'await' outside async function"),
        ("def f():\n async for x in y: pass", "'async for' outside async function"),
        ("def f():\n async with x: pass", "'async with' outside async function"),
        ("async def f():\n yield from x", "'yield from' inside async function"),
        ("async def f():\n yield 1\n return 2", "'return' with value in async generator"),
        ("def f():\n x = 1\n global x", "name 'x' is assigned to before global declaration"),
        ("def f():\n print(x)\n global x", "name 'x' is used prior to global declaration"),
        ("def f(x):\n global x", "name 'x' is parameter and global"),
        ("def f():\n x: int\n global x", "annotated name 'x' can't be global"),
        ("def f():\n def g():\n  global x\n  nonlocal x", "name 'x' is nonlocal and global"),
        ("def f():\n nonlocal x", "no binding for nonlocal 'x' found"),
        ("nonlocal x", "nonlocal declaration not allowed at module level"),
        ("def f():\n from x import *", "import * only allowed at module level"),
        ("[x := 1 for x in y]", "assignment expression cannot rebind comprehension iteration variable 'x'"),
        (
            "[1 for x in (y := z)]",
            "assignment expression cannot be used in a comprehension iterable expression",
        ),
        (
            "class C:\n [(y := x) for x in z]",
            "assignment expression within a comprehension cannot be used in a class body",
        ),
        ("f(a=1, a=2)", "keyword argument repeated: a"),
        ("match x:\n case _: pass\n case 1: pass", "wildcard makes remaining patterns unreachable"),
        ("match x:\n case y: pass\n case 1: pass", "name capture 'y' makes remaining patterns unreachable"),
        ("match x:\n case (a, a): pass", "multiple assignments to name 'a' in pattern"),
        ("match x:\n case [a] | b: pass", "alternative patterns bind different names"),
        ("try: pass\nexcept: pass\nexcept E: pass", "default 'except:' must be last"),
        (
            "while 1:\n try: pass\n except* E: break",
            "'break', 'continue' and 'return' cannot appear in an except* block",
        ),
        (
            "x = 1\nfrom __future__ import annotations",
            "from __future__ imports must occur at the beginning of the file",
        ),
        ("from __future__ import nothing", "future feature nothing is not defined"),
        ("def f():\n [(yield) for x in y]", "'yield' inside list comprehension"),
        ("def f():\n [x async for x in y]", "asynchronous comprehension outside of an asynchronous function"),
    ];
    let mut wrong = Vec::new();
    for (source, message) in cases {
        match file(source) {
            Err(found) if found == message || found == format!("parse: {message}") => {}
            found => wrong.push(format!("{source:?}\n  wanted {message}\n  found  {:?}", found.err())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modes() {
    for namespace in [false, true] {
        build("a + f(b)", Mode::Eval { namespace }).unwrap();
        build("x = [a + y for y in b]\ndef g(): return x", Mode::Exec { namespace }).unwrap();
    }
    let code = build("1 + x\n", Mode::Interactive).unwrap();
    assert!(dis::listing(&code, "").contains("PrintExpr"));
}

/// A deep tree is a fault on a small native stack, and code on a large one.
#[test]
fn depth() {
    let source = format!("x = {}1{}", "-(a + ".repeat(60), ")".repeat(60));
    let module = grammar::parse(&source, grammar::Mode::File).unwrap();
    let small = Flags { stack: 8 << 10, ..Flags::default() };
    let fault = compile(&module, &source, "test.py", Mode::File, small).unwrap_err();
    assert_eq!(fault.message, "source is too deeply nested to compile");
    compile(&module, &source, "test.py", Mode::File, Flags::default()).unwrap();
}

/// Jumps beyond 16 bits.
#[test]
fn far_jumps() {
    let body = "  x = f(x, 'a', g.h)\n".repeat(20_000);
    let source = format!(
        "def f(x):\n for y in x:\n  if x: continue\n  while x:\n   if y: break\n{body}  try:\n   x\n  except E: pass\n"
    );
    let code = file(&source).unwrap();
    assert!(dis::listing(&code, "").contains("JumpFar"));
}

/// What the build keeps of the library is what its text compiles to, and sound.
#[test]
fn the_library_as_stored() {
    for source in minipy::shell::library::SOURCES {
        let tree = grammar::parse(source.text, grammar::Mode::File).unwrap();
        let name = format!("<stdlib>/{}.mp", source.name.replace('.', "/"));
        let flags = Flags { library: true, ..Flags::default() };
        let code = compile(&tree, source.text, &name, Mode::Exec { namespace: false }, flags).unwrap();
        assert!(store::decode(source.code) == code, "{name}");
        check(&code);
    }
}

#[test]
fn corpus() {
    let Some(folder) = std::env::var_os("MINIPY_CORPUS") else { return };
    let mut paths = Vec::new();
    sources(Path::new(&folder), &mut paths);
    let (mut done, mut wrong) = (0, 0);
    for path in paths {
        let Ok(source) = std::fs::read_to_string(&path) else { continue };
        match std::panic::catch_unwind(|| file(&source)) {
            Ok(Ok(_)) => done += 1,
            Ok(Err(why)) => println!("{}: {why}", path.display()),
            Err(_) => {
                println!("PANIC {}", path.display());
                wrong += 1;
            }
        }
    }
    println!("{done} compiled");
    assert_eq!(wrong, 0);
}
