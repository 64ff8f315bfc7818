//! Programs with random damage: the parser must neither panic nor hang, and its spans must lie within the text.

use minipy_grammar::{LineIndex, Mode, parse, show, tokens};
use std::fs;
use std::path::Path;

const ROUNDS: usize = 40_000;

/// A small generator of random numbers (xorshift), the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % limit.max(1)
    }
}

const PIECES: &[&str] = &[
    "(", ")", "[", "]", "{", "}", "'", "\"", "'''", "f'", "f\"{", "}}", "{{", ":", ":=", "=", "==", ",", ".",
    "...", "*", "**", "->", "@", ";", "\\", "\n", "\r\n", "\t", "    ", "\n    ", "#", "!", "!r", "0x", "1_",
    "1e", "1j", "0b2", "é", "‘", "\u{a0}", "\u{feff}", "\0", "\\x", "\\N{", "\\u12", "b'", "rb'", "lambda ",
    "if ", "else ", "elif ", "for ", "in ", "not ", "is ", "await ", "async ", "yield ", "match ", "case ",
    "type ", "print ", "def ", "class ", "with ", "as ", "try:", "except ", "import ", "from ", "return ",
    "del ", "None", "True", "_", "x", "<>", "==", "++", "&&",
];

fn sources() -> Vec<String> {
    let mut texts = Vec::new();
    for folder in ["tree", "fault"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "py")) {
            let text = fs::read_to_string(path).unwrap();
            texts.extend(text.split("# ---\n").map(str::to_owned));
        }
    }
    texts
}

fn damage(text: &str, random: &mut Random) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..1 + random.below(4) {
        let at = random.below(chars.len() + 1);
        match random.below(5) {
            0 => {
                let end = (at + 1 + random.below(6)).min(chars.len());
                chars.drain(at.min(end)..end);
            }
            1 | 2 => {
                let piece: Vec<char> = PIECES[random.below(PIECES.len())].chars().collect();
                chars.splice(at..at, piece);
            }
            3 => {
                let end = (at + 1 + random.below(20)).min(chars.len());
                let copy: Vec<char> = chars[at.min(end)..end].to_vec();
                let to = random.below(chars.len() + 1);
                chars.splice(to..to, copy);
            }
            _ => chars.truncate(at),
        }
    }
    chars.into_iter().collect()
}

fn probe(text: &str) {
    for mode in [Mode::File, Mode::Interactive, Mode::Eval] {
        match parse(text, mode) {
            Ok(module) => {
                show(&module);
            }
            Err(faults) => {
                let span = faults.first().span;
                assert!(span.start < span.end && span.start as usize <= text.len(), "{span:?} in {text:?}");
                LineIndex::new(text).position(text, span.start);
            }
        }
    }
    let mut end = 0;
    for token in tokens(text) {
        assert!(token.start >= end && token.end >= token.start, "{token:?} in {text:?}");
        end = token.end;
    }
}

#[test]
fn damaged_programs_do_no_harm() {
    let sources = sources();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..ROUNDS {
        let source = &sources[random.below(sources.len())];
        let source = if source.len() > 1_500 {
            let lines: Vec<&str> = source.lines().collect();
            let from = random.below(lines.len());
            lines[from..(from + 30).min(lines.len())].join("\n")
        } else {
            source.clone()
        };
        probe(&damage(&source, &mut random));
    }
}

#[test]
fn random_pieces_do_no_harm() {
    let mut random = Random(42);
    for _ in 0..ROUNDS {
        let text: String = (0..1 + random.below(30)).map(|_| PIECES[random.below(PIECES.len())]).collect();
        probe(&text);
    }
}
