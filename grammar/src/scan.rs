//! A coarse scanner for text that is not Python 3 yet: words, numbers, strings, comments and signs, whatever they
//! mean. Invariant: the pieces cover the text but for blanks, in order, and never fail.

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Word,
    Number,
    Str,
    Comment,
    Sign,
    /// The end of a line outside brackets, which ends a statement.
    Newline,
}

/// A piece where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub piece: Piece,
    pub start: usize,
    pub end: usize,
    /// Depth of brackets, before an opening and after a closing one.
    pub depth: usize,
}

impl Part {
    /// Its text.
    pub fn of(self, text: &str) -> &str {
        &text[self.start..self.end]
    }
}

/// The signs of more than one character, longest first.
const SIGNS: [&str; 24] = [
    "**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<>", "<=", ">=", "==", "!=", "->", "+=",
    "-=", "*=", "/=", "%=", "&=", "|=", "^=", ":=",
];

/// The end of a string that begins with a quote at `at`.
pub(crate) fn string_end(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let quote = bytes[at];
    let triple = bytes[at..].starts_with(&[quote; 3]);
    let mut i = at + if triple { 3 } else { 1 };
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 1,
            b'\n' if !triple => return i,
            c if c == quote && !triple => return i + 1,
            c if c == quote && bytes[i..].starts_with(&[quote; 3]) => return i + 3,
            _ => {}
        }
        i += 1;
    }
    text.len()
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The pieces of `text`.
pub(crate) fn scan(text: &str) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut depth: usize = 0;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        let rest = &text[at..];
        let (piece, len) = match c {
            '\n' => {
                at += 1;
                if depth == 0 {
                    parts.push(Part { piece: Piece::Newline, start, end: at, depth });
                }
                continue;
            }
            '\\' if rest[1..].starts_with('\n') || rest[1..].starts_with("\r\n") => {
                at += 1 + rest[1..].find('\n').unwrap_or(0) + 1;
                continue;
            }
            '#' => (Piece::Comment, rest.find('\n').unwrap_or(rest.len())),
            '"' | '\'' => (Piece::Str, string_end(text, at) - at),
            '0'..='9' => (Piece::Number, number(rest)),
            '.' if rest[1..].starts_with(|d: char| d.is_ascii_digit()) => (Piece::Number, number(rest)),
            c if is_word(c) => {
                let len = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let prefix = len <= 2 && rest[..len].chars().all(|c| "rRuUbB".contains(c));
                if prefix && rest[len..].starts_with(['"', '\'']) {
                    (Piece::Str, string_end(text, at + len) - at)
                } else {
                    (Piece::Word, len)
                }
            }
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            c => {
                let sign = SIGNS.iter().find(|s| rest.starts_with(**s));
                (Piece::Sign, sign.map_or(c.len_utf8(), |s| s.len()))
            }
        };
        at += len;
        let sign = &text[start..at];
        if matches!(sign, ")" | "]" | "}") && piece == Piece::Sign {
            depth = depth.saturating_sub(1);
        }
        parts.push(Part { piece, start, end: at, depth });
        if matches!(sign, "(" | "[" | "{") && piece == Piece::Sign {
            depth += 1;
        }
    }
    parts
}

/// How long the number at the start is.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let hex = bytes.len() > 1 && bytes[0] == b'0' && matches!(bytes[1], b'x' | b'X');
    let mut i = 0;
    while i < bytes.len() {
        let c = bytes[i];
        let exponent = !hex && i > 0 && matches!(bytes[i - 1], b'e' | b'E') && matches!(c, b'+' | b'-');
        if !(c.is_ascii_alphanumeric() || c == b'.' || c == b'_' || exponent) {
            break;
        }
        i += 1;
    }
    i
}
