//! Lexer, parser and compiler on broken and on made-up programs: no panic, no endless run, positions inside the text,
//! and code that the verifier accepts. Bytes and tokens of the programs of `tests/lang`, `examples` and `stdlib` are
//! changed and spliced, and texts are made by a small grammar. `MINIPY_FUZZ_SECONDS=600` runs each part that long,
//! `MINIPY_FUZZ_SEED=N` with other changes. Invariant: a text depends on the seed and its number alone.

mod program;

use minipy::code::data::{Code, Const};
use minipy::code::{Flags, Mode, compile, dis, verify};
use minipy_grammar as grammar;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

/// Texts of each part where no time is given.
const CASES: u64 = 3_000;
/// The longest that anything here may take: far above what it takes, far below what squares take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The stack of the main thread, on which programs are compiled.
const STACK: usize = 8 << 20;

/// Random numbers by a linear congruence.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % n.max(1)
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// Bytes and texts that lexers trip over.
const SCRAPS: [&str; 64] = [
    "\0",
    "\t",
    "\n",
    "\r",
    "\x0c",
    " ",
    "        ",
    "\\",
    "\\\n",
    "#",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "f'",
    "f\"{",
    "rb'",
    "{",
    "}",
    "{{",
    "!r",
    ":=",
    ":",
    "->",
    "...",
    ".",
    "0x",
    "0_",
    "1e",
    "1__0",
    "0777",
    "1.e5j",
    "9999999999999999999999",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    "@",
    "**",
    "//=",
    "<>",
    "!=",
    "!",
    "$",
    "?",
    "`",
    "é",
    "’",
    "“",
    "\u{a0}",
    "\u{feff}",
    "\u{200b}",
    "中",
    "😀",
    "\u{301}",
    "\\N{DIGIT ONE}",
    "\\u12",
    "\\x",
    "t'{x}'",
    "print ",
    "=",
    "==",
];

const WORDS: [&str; 60] = [
    "if",
    "else",
    "elif",
    "for",
    "while",
    "in",
    "not",
    "and",
    "or",
    "is",
    "def",
    "class",
    "return",
    "yield",
    "from",
    "import",
    "as",
    "with",
    "try",
    "except",
    "finally",
    "raise",
    "lambda",
    "global",
    "nonlocal",
    "del",
    "pass",
    "break",
    "continue",
    "assert",
    "async",
    "await",
    "match",
    "case",
    "type",
    "None",
    "True",
    "False",
    "x",
    "y",
    "self",
    "print",
    "_",
    "__class__",
    "super()",
    "*x",
    "**k",
    "1",
    "0.5",
    "'s'",
    "f'{x!r:>{y}}'",
    "b''",
    "x[1:2]",
    "x.y",
    "(x for y in x)",
    "[*x]",
    "{**x}",
    "x := 1",
    "...",
    "@x",
];

/// What is changed.
struct Corpus(Vec<String>);

impl Corpus {
    fn new() -> Corpus {
        let folders = ["tests/lang", "examples", "stdlib"];
        let paths = folders.iter().flat_map(|f| program::programs(f));
        Corpus(paths.map(|p| std::fs::read_to_string(p).unwrap()).collect())
    }

    /// Some lines of a program.
    fn part(&self, dice: &mut Dice) -> String {
        let text = &self.0[dice.below(self.0.len())];
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let from = if dice.below(2) == 0 { 0 } else { dice.below(lines.len()) };
        let n = 1 + dice.below(40);
        lines[from..(from + n).min(lines.len())].concat()
    }

    /// The text of that number.
    fn text(&self, seed: u64, number: u64) -> String {
        let mut dice =
            Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
        dice.below(1);
        if dice.below(4) == 0 {
            let mut out = String::new();
            for _ in 0..1 + dice.below(4) {
                statement(&mut dice, 4, 0, &mut out);
            }
            return if dice.below(2) == 0 { out } else { self.by_bytes(&mut dice, out) };
        }
        let text = self.part(&mut dice);
        match dice.below(3) {
            0 => self.by_bytes(&mut dice, text),
            1 => self.by_tokens(&mut dice, &text),
            _ => {
                let text = self.by_tokens(&mut dice, &text);
                self.by_bytes(&mut dice, text)
            }
        }
    }

    fn by_bytes(&self, dice: &mut Dice, text: String) -> String {
        let mut bytes = text.into_bytes();
        for _ in 0..1 + dice.below(4) {
            let (at, to) = (dice.below(bytes.len() + 1), dice.below(bytes.len() + 1));
            let (at, to) = (at.min(to), at.max(to));
            match dice.below(7) {
                0 => drop(bytes.splice(at..(at + 1).min(bytes.len()), [dice.below(128) as u8])),
                1 | 2 => drop(bytes.splice(at..at, dice.pick(&SCRAPS).bytes())),
                3 => drop(bytes.drain(at..to.min(at + 6))),
                4 => bytes.truncate(to),
                5 => {
                    let copy = bytes[at..to].to_vec();
                    bytes.splice(at..at, copy);
                }
                _ => {
                    let other = self.part(dice).into_bytes();
                    let from = dice.below(other.len() + 1);
                    bytes.splice(at..to, other[from..].iter().copied());
                }
            }
            bytes.truncate(20_000);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn by_tokens(&self, dice: &mut Dice, text: &str) -> String {
        let mut parts = pieces(text);
        let other = self.part(dice);
        let others = pieces(&other);
        for _ in 0..1 + dice.below(6) {
            let at = dice.below(parts.len());
            if parts.is_empty() {
                break;
            }
            match dice.below(6) {
                0 => drop(parts.remove(at)),
                1 => parts.insert(at, parts[dice.below(parts.len())]),
                2 => {
                    let to = dice.below(parts.len());
                    parts.swap(at, to);
                }
                3 if !others.is_empty() => parts[at] = others[dice.below(others.len())],
                4 => parts.insert(at, dice.pick(&WORDS)),
                _ => parts[at] = dice.pick(&WORDS),
            }
        }
        parts.concat()
    }
}

/// A text as its tokens, each with the space before it.
fn pieces(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut at = 0;
    for token in grammar::tokens(text) {
        let end = token.end as usize;
        if end > at && text.is_char_boundary(end) {
            out.push(&text[at..end]);
            at = end;
        }
    }
    out.push(&text[at..]);
    out
}

/// An expression, nested at most `depth` deep.
fn expression(dice: &mut Dice, depth: usize, out: &mut String) {
    if depth == 0 {
        *out += dice.pick(&WORDS[35..]);
        return;
    }
    let shapes = [
        "(%)",
        "[%, %]",
        "{%: %, **%}",
        "{%, *%}",
        "% + %",
        "% ** -%",
        "not %",
        "% if % else %",
        "lambda x, *y, z=%: %",
        "%[%:%:%]",
        "%(%, *%, k=%, **%)",
        "%.y",
        "[% for x in % if %]",
        "{x: % for x, *y in %}",
        "(% async for x in %)",
        "(x := %)",
        "await %",
        "(yield %)",
        "(yield from %)",
        "f'{%}'",
        "f'{%!r:{%}}'",
        "% < % <= %",
        "% is not %",
        "% and % or %",
        "-%",
        "%, *%",
        "(%,)",
        "t'{%}'",
        "% @ %",
        "% in %",
    ];
    let shape = dice.pick(&shapes);
    fill(dice, shape, depth, out);
}

fn fill(dice: &mut Dice, shape: &str, depth: usize, out: &mut String) {
    let mut pieces = shape.split('%');
    *out += pieces.next().unwrap_or("");
    for piece in pieces {
        let less = dice.below(depth);
        expression(dice, less, out);
        *out += piece;
    }
}

/// A statement with its blocks.
fn statement(dice: &mut Dice, depth: usize, indent: usize, out: &mut String) {
    let simple = [
        "%",
        "x = %",
        "x, *y = %",
        "x: % = %",
        "x += %",
        "return %",
        "del x, y[%]",
        "assert %, %",
        "raise % from %",
        "global x",
        "nonlocal y",
        "import a.b as c",
        "from . import x as y",
        "from a import *",
        "pass",
        "break",
        "continue",
        "type X[T: %] = %",
        "% = %",
        "x.y[%] = z = %",
        "print %",
    ];
    let heads = [
        "if %:",
        "while %:",
        "for x, y in %:",
        "async for x in %:",
        "def f(a, /, b=%, *c, d: %, **e) -> %:",
        "async def f[T](x):",
        "class A(%, k=%):",
        "with % as x, %:",
        "async with (% as x):",
        "try:",
        "@%\ndef f():",
        "match %:",
        "for x in %:",
        "class B[T]:",
    ];
    let pad = " ".repeat(indent);
    *out += &pad;
    if depth == 0 || dice.below(3) == 0 {
        let shape = dice.pick(&simple);
        fill(dice, shape, 3, out);
        out.push('\n');
        return;
    }
    let head = heads[dice.below(heads.len())].replace('\n', &format!("\n{pad}"));
    fill(dice, &head, 2, out);
    out.push('\n');
    let step = if dice.below(30) == 0 { dice.below(9) } else { 4 };
    let block = |dice: &mut Dice, out: &mut String, extra: usize| {
        for _ in 0..1 + dice.below(3) {
            statement(dice, depth - 1, indent + step + extra, out);
        }
    };
    if head.starts_with("match") {
        let cases = [
            "case x:",
            "case [x, *y]:",
            "case {'k': x, **y}:",
            "case A(x, k=1) | B():",
            "case (1 | -2.5) as x if %:",
            "case _:",
            "case a.b:",
            "case 'a' 'b':",
            "case [1, _, 3]:",
            "case None:",
        ];
        for _ in 0..1 + dice.below(3) {
            *out += &" ".repeat(indent + step);
            let shape = dice.pick(&cases);
            fill(dice, shape, 2, out);
            out.push('\n');
            block(dice, out, step);
        }
        return;
    }
    block(dice, out, 0);
    let tails: &[&str] = match head {
        h if h.starts_with("try") => {
            &["except %:", "except* % as e:", "finally:", "except:", "else:", "except %, %:"]
        }
        h if h.starts_with("if") => &["elif %:", "else:"],
        h if h.starts_with("for") || h.starts_with("while") => &["else:"],
        _ => &[],
    };
    for _ in 0..dice.below(3) {
        if let Some(tail) = tails.get(dice.below(tails.len())) {
            *out += &pad;
            fill(dice, tail, 1, out);
            out.push('\n');
            block(dice, out, 0);
        }
    }
}

/// Runs the check on text after text in a thread like the one that compiles programs; says which text it was that made
/// it panic, or that took too long.
fn run(part: &'static str, check: fn(&str)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|v| v.parse::<u64>().ok());
    let seed = number("MINIPY_FUZZ_SEED").unwrap_or(1);
    let end = number("MINIPY_FUZZ_SECONDS").map(|s| Instant::now() + Duration::from_secs(s));
    let current = Arc::new(Mutex::new(String::new()));
    let (tell, told) = mpsc::channel();
    let shown = current.clone();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        let corpus = Corpus::new();
        let mut i = 0;
        while end.map_or(i < CASES, |end| Instant::now() < end) {
            let text = corpus.text(seed, i);
            shown.lock().unwrap().clone_from(&text);
            if catch_unwind(AssertUnwindSafe(|| check(&text))).is_err() {
                tell.send(Some(i)).unwrap();
                return i;
            }
            tell.send(None).unwrap();
            i += 1;
        }
        i
    });
    loop {
        let text = || current.lock().unwrap().clone();
        match told.recv_timeout(PATIENCE) {
            Ok(None) => {}
            Ok(Some(i)) => panic!("{part}: text {i} of seed {seed}:\n{}\n{:?}", text(), text()),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("{part} does not end on\n{}", text()),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    println!("{part}: {} texts", worker.unwrap().join().unwrap());
}

fn lexed(text: &str) {
    let mut last = 0;
    for token in grammar::tokens(text) {
        assert!(
            token.start <= token.end && token.end as usize <= text.len() + 1,
            "a token {token:?} outside"
        );
        assert!(token.start >= last || token.start == token.end, "a token {token:?} before the last one");
        last = last.max(token.start);
    }
    // Bytes that are no UTF-8 as well.
    let mut bytes = text.as_bytes().to_vec();
    if let Some(b) = bytes.get_mut(text.len() / 2) {
        *b ^= 0x80;
        let _ = grammar::decode(bytes);
    }
}

fn parsed(text: &str) {
    for mode in [grammar::Mode::File, grammar::Mode::Eval, grammar::Mode::Interactive] {
        match grammar::parse(text, mode) {
            Ok(module) => drop(grammar::show(&module)),
            Err(faults) => {
                let fault = faults.first();
                let end = text.len() as u32 + 1;
                assert!(fault.span.start < fault.span.end && fault.span.end <= end, "{fault:?} is outside");
                assert!(!fault.message.is_empty());
                let lines = grammar::LineIndex::new(text);
                lines.position(text, fault.span.start);
                lines.position(text, fault.span.end);
            }
        }
    }
}

fn verified(code: &Code) {
    if let Err(why) = verify::verify(code) {
        panic!("{}: {why}\n{}", code.qualname, dis::listing(code, ""));
    }
    for constant in &code.consts {
        if let Const::Code(inner) = constant {
            verified(inner);
        }
    }
}

fn compiled(text: &str) {
    let modes = [
        (grammar::Mode::File, Mode::File),
        (grammar::Mode::Interactive, Mode::Interactive),
        (grammar::Mode::Eval, Mode::Eval { namespace: false }),
    ];
    for (parse, mode) in modes {
        if let Ok(module) = grammar::parse(text, parse)
            && let Ok(code) = compile(&module, text, "fuzz.py", mode, Flags::default())
        {
            verified(&code);
            drop(dis::listing(&code, text));
        }
    }
}

#[test]
fn the_lexer_stands_everything() {
    run("lexer", lexed);
}

#[test]
fn the_parser_stands_everything() {
    run("parser", parsed);
}

#[test]
fn the_compiler_stands_everything() {
    run("compiler", compiled);
}

/// Long texts of one thing over and over, closed or not, take no squares of their length.
#[test]
fn repetition_takes_linear_time() {
    let repeated = [
        "(",
        "[",
        "{",
        "()",
        "x.",
        "x+",
        "x ",
        "x\n",
        "\n",
        "#\n",
        "\\\n",
        ";",
        ",",
        "x,",
        "x=",
        "not ",
        "-",
        "**",
        "lambda:",
        "x if y else ",
        "f'{",
        "f'{x}'",
        "'",
        "'a'",
        "'''",
        "\"",
        "@x\n",
        "if x:\n",
        "elif x:\n",
        "else:\n",
        "if x: pass\nelif x: pass\n",
        "try:\n",
        "def f():\n",
        "class A: pass\n",
        "x = 1\n",
        "x(",
        "x[",
        "x for x in ",
        "await ",
        "0",
        "1_",
        "0x",
        "é",
        "’",
        "\t",
        " ",
        "\r",
        "{x:",
        "*",
        "*x,",
        "print x\n",
        "import a\n",
        "from a import (b,\n",
        "match x:\n case 1: pass\n",
        "x: int = 1\n",
        "a<",
        "a and ",
        "\"\"\"a\n",
        "f'''{\n",
        "global x\n",
        "nonlocal x\n",
        "del x\n",
        "x := ",
        "return\n",
        "x = = 1\n",
        "  x\n y\n",
        ")",
        "]",
        "}",
    ];
    let (tell, told) = mpsc::channel();
    let worker = std::thread::Builder::new().stack_size(STACK).spawn(move || {
        for piece in repeated {
            let text = piece.repeat(100_000 / piece.len());
            lexed(&text);
            compiled(&text);
            parsed(&format!("x = ({text}"));
            tell.send(piece).unwrap();
        }
    });
    let mut last = "";
    loop {
        match told.recv_timeout(PATIENCE) {
            Ok(piece) => last = piece,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("too long on what follows {last:?}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
    }
    assert!(worker.unwrap().join().is_ok(), "a panic on what follows {last:?}");
}
