//! Long chains parse, deep nesting is a fault, and neither overflows a small native stack.

use minipy_grammar::tree::{ExprKind, StmtKind};
use minipy_grammar::{Faults, Mode, Module, parse, show};

/// Parses on a small stack and drops the tree there, too.
fn outcome(text: String) -> Result<(), String> {
    let parse_and_drop = move || match parse(&text, Mode::File) {
        Ok(module) => {
            assert!(!show(&module).is_empty());
            Ok(())
        }
        Err(faults) => Err(faults.first().message.clone()),
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20).spawn(parse_and_drop);
    thread.expect("a thread can start").join().expect("no panic")
}

fn tree(text: &str) -> Result<Module, Faults> {
    parse(text, Mode::File)
}

#[test]
fn long_chains_parse() {
    for operator in ["+", "*", "|", "and", "or", "<", "in", "is not"] {
        assert_eq!(outcome(format!("x = a{}\n", format!(" {operator} a").repeat(10_000))), Ok(()));
    }
    assert_eq!(outcome(format!("if a:\n  b\n{}", "elif a:\n  b\n".repeat(5_000))), Ok(()));
    assert_eq!(outcome(format!("x = [{}]\n", "a, ".repeat(20_000))), Ok(()));
    assert_eq!(outcome(format!("x = {}1\n", "y = ".repeat(5_000))), Ok(()));
    assert_eq!(outcome(format!("x = {}\n", "'a' ".repeat(10_000))), Ok(()));
    assert_eq!(outcome("x = 1\n".repeat(50_000)), Ok(()));
    assert_eq!(outcome(format!("match x:\n  case {}1: pass\n", "1 | ".repeat(5_000))), Ok(()));
}

#[test]
fn a_chain_is_flat() {
    let module = tree("x = a + b - c * d").unwrap();
    let StmtKind::Assign { value, .. } = &module.body[0].kind else { panic!("an assignment") };
    let ExprKind::Binary { rest, .. } = &value.kind else { panic!("a chain") };
    assert_eq!(rest.len(), 2);
}

#[test]
fn deep_nesting_is_a_fault() {
    let deep = "too many nested expressions";
    for (open, close) in
        [("-", ""), ("not ", ""), ("~", ""), ("lambda: ", ""), ("a if b else ", ""), ("2 ** ", "")]
    {
        let text = format!("x = {}a{}\n", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(outcome(text), Err(deep.into()), "{open}");
    }
    assert_eq!(outcome(format!("a{}\n", ".b".repeat(100_000))), Err(deep.into()));
    assert_eq!(outcome(format!("a{}\n", "()".repeat(100_000))), Err(deep.into()));
    assert_eq!(outcome(format!("a{}\n", ".b()[c]".repeat(200))), Ok(()));
}

#[test]
fn brackets_blocks_and_fstrings_have_limits() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("f(", ")"), ("a[", "]")] {
        let text = |depth: usize| format!("x = {}a{}\n", open.repeat(depth), close.repeat(depth));
        assert_eq!(outcome(text(200)), Ok(()));
        assert_eq!(outcome(text(201)), Err("too many nested parentheses".into()));
        assert_eq!(outcome(text(100_000)), Err("too many nested parentheses".into()));
    }
    let blocks = |depth: usize| -> String {
        let lines = (0..depth).map(|level| format!("{}if x:\n", " ".repeat(level)));
        lines.collect::<String>() + &" ".repeat(depth) + "y\n"
    };
    assert_eq!(outcome(blocks(99)), Ok(()));
    assert_eq!(outcome(blocks(100)), Err("too many levels of indentation".into()));
    assert_eq!(outcome(format!("{}1{}", "f'{".repeat(90), "}'".repeat(90))), Ok(()));
    assert_eq!(outcome("f'{".repeat(500)), Err("too many nested f-strings".into()));
    assert_eq!(outcome(format!("match x:\n  case {}a{}: pass", "[".repeat(200), "]".repeat(200))), Ok(()));
}

#[test]
fn big_integers_are_exact() {
    let hex = |text: &str| show(&tree(text).unwrap());
    assert_eq!(hex("9223372036854775807"), "9223372036854775807\n");
    assert_eq!(hex("9223372036854775808"), "0x8000000000000000\n");
    assert_eq!(hex("123456789012345678901234567890"), "0x18ee90ff6c373e0ee4e3f0ad2\n");
    assert_eq!(hex("0o7777777777777777777777777"), "0x7ffffffffffffffffff\n");
    assert_eq!(
        hex("0b1_0000000000000000000000000000000000000000000000000000000000000000"),
        "0x10000000000000000\n"
    );
    assert_eq!(hex("0x00FF_ffff_ffff_ffff_ffff"), "0xffffffffffffffffff\n");
    assert!(tree(&"9".repeat(4300)).is_ok());
    assert!(tree(&"9".repeat(4301)).unwrap_err().first().message.contains("4300 digits"));
}
