//! What the REPL asks: whether a text is complete, faulty, or goes on in the next line.

use minipy_grammar::{Mode, parse};

#[derive(Debug, PartialEq)]
enum Answer {
    Complete,
    More,
    Faulty,
}
use Answer::*;

fn answer(text: &str) -> Answer {
    match parse(text, Mode::Interactive) {
        Ok(_) => Complete,
        Err(faults) if faults.is_incomplete() => More,
        Err(_) => Faulty,
    }
}

#[test]
fn simple_statements_are_complete_at_once() {
    for text in ["", "\n", "x = 1", "x = 1\n", "x; y", "# remark", "print('a')", "x = (1,\n2)", "'''a\nb'''"]
    {
        assert_eq!(answer(text), Complete, "{text:?}");
    }
}

#[test]
fn compound_statements_wait_for_a_blank_line() {
    for text in [
        "if x:\n    y",
        "if x: y",
        "def f():\n    pass",
        "while x:\n    y\n    z",
        "if x:\n    y\nelse:\n    z",
    ] {
        assert_eq!(answer(text), More, "{text:?}");
        assert_eq!(answer(&format!("{text}\n")), Complete, "{text:?}");
        assert_eq!(answer(&format!("{text}\n    ")), Complete, "{text:?}");
    }
}

#[test]
fn open_ends_ask_for_more() {
    let texts = [
        "x = (1,",
        "x = [",
        "f(a,\n  b",
        "'''a",
        "f'''{a}",
        "f'''{",
        "x = 1 + \\",
        "x = \\\n",
        "if x:",
        "if x:\n",
        "def f():",
        "class A:",
        "try:\n    x\n",
        "@a",
        "@a\n",
        "for x in y:",
        "else_ = {",
        "match x:",
        "match x:\n",
        "if x:\n    if y:",
    ];
    for text in texts {
        assert_eq!(answer(text), More, "{text:?}");
    }
}

#[test]
fn faults_are_faults_at_once() {
    let texts = [
        "x = ",
        "f(a b",
        ")",
        "x y",
        "'abc",
        "f'{a",
        "if x",
        "if x:\ny",
        "  x",
        "for in",
        "x = 1 +",
        "0777",
        "f(]",
        "\\ x",
        "return = 1",
        "def f(a, a):",
    ];
    for text in texts {
        let wanted = if text == "f'{a" { More } else { Faulty };
        assert_eq!(answer(text), wanted, "{text:?}");
    }
}

#[test]
fn an_expression_may_begin_with_blanks() {
    assert!(parse(" \t1 + 2", Mode::Eval).is_ok());
    assert!(parse("a, b\n", Mode::Eval).is_ok());
    assert!(parse("x = 1", Mode::Eval).is_err());
    assert!(parse("", Mode::Eval).is_err());
    assert!(parse(" x", Mode::File).is_err());
}
