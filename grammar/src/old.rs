//! Python 2 text as Python 3 text, statement by statement. What cannot be said in text is left to the run:
//! `print(..., soft=1)` and `print(to=(f), ...)` are calls of the old `print`, and `@` stands for the division that
//! rounds down between integers. Invariant: lines keep their numbers; text that is no Python 2 is left as it is.

use crate::scan::{Part, Piece, scan};

/// The text as Python 3.
pub fn modern(text: &str) -> String {
    let text = &untabbed(text);
    let parts = scan(text);
    let future = |name: &str| {
        let mut lines = text.lines().filter(|l| l.trim_start().starts_with("from __future__ import"));
        lines.any(|l| l.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == name))
    };
    let mut out = Edits::default();
    for part in &parts {
        spelling(text, *part, !future("division"), &mut out);
    }
    backticks(text, &parts, &mut out);
    for s in statements(text, &parts) {
        statement(text, s, !future("print_function"), &mut out);
    }
    out.apply(text)
}

/// Changes to a text: what stands from `start` to `end` becomes something else.
#[derive(Default)]
struct Edits(Vec<(usize, usize, String)>);

impl Edits {
    fn put(&mut self, start: usize, end: usize, new: impl Into<String>) {
        self.0.push((start, end, new.into()));
    }

    fn apply(mut self, text: &str) -> String {
        self.0.sort_by_key(|e| (e.0, e.1));
        let mut out = String::with_capacity(text.len() + 64);
        let mut at = 0;
        for (start, end, new) in self.0 {
            if start >= at {
                out.push_str(&text[at..start]);
                out.push_str(&new);
                at = end;
            }
        }
        out + &text[at..]
    }
}

/// Indentation by tabs, which Python 2 takes as steps to columns of eight, as blanks.
fn untabbed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let strings: Vec<(usize, usize)> =
        scan(text).iter().filter(|p| p.piece == Piece::Str).map(|p| (p.start, p.end)).collect();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let within = strings.iter().any(|(s, e)| *s < at && at < *e);
        let mut column = 0;
        let rest = line.trim_start_matches([' ', '\t']);
        if within || !line[..line.len() - rest.len()].contains('\t') {
            out.push_str(line);
        } else {
            for c in line[..line.len() - rest.len()].chars() {
                column = if c == '\t' { (column / 8 + 1) * 8 } else { column + 1 };
            }
            out.push_str(&" ".repeat(column));
            out.push_str(rest);
        }
        at += line.len();
    }
    out
}

/// Spellings that need no context: numbers, string prefixes, `<>`, division.
fn spelling(text: &str, part: Part, divide: bool, out: &mut Edits) {
    let s = part.of(text);
    match part.piece {
        Piece::Number => {
            let digits = s.trim_end_matches(['l', 'L']);
            let hex = digits.starts_with("0x") || digits.starts_with("0X");
            let octal = digits.len() > 1
                && digits.starts_with('0')
                && digits.bytes().all(|b| (b'0'..=b'7').contains(&b))
                && digits.bytes().any(|b| b != b'0');
            if octal {
                out.put(part.start, part.end, format!("0o{}", digits.trim_start_matches('0')));
            } else if digits.len() < s.len() && (hex || digits.bytes().all(|b| b.is_ascii_digit())) {
                let zeros = digits.len() > 1 && digits.bytes().all(|b| b == b'0');
                out.put(part.start, part.end, if zeros { "0" } else { digits });
            }
        }
        Piece::Str => {
            let prefix = s.find(['"', '\'']).unwrap_or(0);
            if prefix == 2 && s[..2].eq_ignore_ascii_case("ur") {
                out.put(part.start, part.start + 2, "r");
            }
        }
        Piece::Sign if s == "<>" => out.put(part.start, part.end, "!="),
        Piece::Sign if divide && s == "/" => out.put(part.start, part.end, "@"),
        Piece::Sign if divide && s == "/=" => out.put(part.start, part.end, "@="),
        _ => {}
    }
}

fn backticks(text: &str, parts: &[Part], out: &mut Edits) {
    let ticks = parts.iter().filter(|p| p.piece == Piece::Sign && p.of(text) == "`");
    for (i, tick) in ticks.enumerate() {
        out.put(tick.start, tick.end, if i % 2 == 0 { "repr((" } else { "))" });
    }
}

/// The simple statements and the heads of compound ones, each without its end.
fn statements<'a>(text: &str, parts: &'a [Part]) -> Vec<&'a [Part]> {
    let mut all = Vec::new();
    let mut begin = 0;
    let mut lambdas = 0;
    let mut head = false;
    for (i, p) in parts.iter().enumerate() {
        let s = p.of(text);
        if i == begin {
            lambdas = 0;
            head = p.piece == Piece::Word
                && matches!(
                    s,
                    "if" | "elif"
                        | "else"
                        | "for"
                        | "while"
                        | "try"
                        | "except"
                        | "finally"
                        | "with"
                        | "def"
                        | "class"
                );
        }
        let top = p.depth == 0;
        let ends = match p.piece {
            Piece::Newline => true,
            Piece::Sign if top && s == ";" => true,
            Piece::Sign if top && s == ":" && head => {
                lambdas == 0 || {
                    lambdas -= 1;
                    false
                }
            }
            _ => false,
        };
        if top && p.piece == Piece::Word && s == "lambda" {
            lambdas += 1;
        }
        if ends {
            all.push(&parts[begin..i]);
            begin = i + 1;
        }
    }
    all.push(&parts[begin..]);
    all.iter_mut().for_each(|s| {
        while let [rest @ .., Part { piece: Piece::Comment, .. }] = s {
            *s = rest;
        }
        while let [Part { piece: Piece::Comment, .. }, rest @ ..] = s {
            *s = rest;
        }
    });
    all.retain(|s| !s.is_empty());
    all
}

/// The commas of a statement outside brackets.
fn commas<'a>(text: &str, parts: &'a [Part]) -> Vec<&'a Part> {
    let depth = parts.first().map_or(0, |p| p.depth);
    parts.iter().filter(|p| p.piece == Piece::Sign && p.depth == depth && p.of(text) == ",").collect()
}

fn statement(text: &str, parts: &[Part], print: bool, out: &mut Edits) {
    let (first, rest) = (parts[0], &parts[1..]);
    let end = parts[parts.len() - 1].end;
    if first.piece != Piece::Word {
        return;
    }
    match first.of(text) {
        "print" if print => printed(text, first, rest, out),
        "exec" if !(rest.is_empty() || rest[0].of(text) == "(" && rest[rest.len() - 1].of(text) == ")") => {
            open(text, first, rest[0], out);
            let within = rest.iter().find(|p| p.piece == Piece::Word && p.depth == 0 && p.of(text) == "in");
            if let Some(word) = within {
                out.put(word.start, word.end, ",");
            }
            out.put(end, end, ")");
        }
        "raise" => match commas(text, rest)[..] {
            [comma] => {
                out.put(comma.start, comma.end, "(");
                out.put(end, end, ")");
            }
            [comma, second] => {
                out.put(comma.start, comma.end, "(");
                out.put(second.start, second.end, ").with_traceback(");
                out.put(end, end, ")");
            }
            _ => {}
        },
        "except" => {
            if let [comma] = commas(text, rest)[..] {
                out.put(comma.start, comma.end, " as");
            }
        }
        _ => {}
    }
}

/// The bracket that opens the arguments takes the place of a blank, so that columns stay.
fn open(text: &str, word: Part, next: Part, out: &mut Edits) {
    if text[word.end..next.start].starts_with([' ', '\t']) {
        out.put(word.end, word.end + 1, "(");
    } else {
        out.put(word.end, word.end, "(");
    }
}

fn printed(text: &str, first: Part, rest: &[Part], out: &mut Edits) {
    let Some(last) = rest.last() else { return out.put(first.end, first.end, "()") };
    let next = rest[0];
    // A name that is called print, or Python 3's function with its own keywords.
    let sign = next.piece == Piece::Sign;
    if sign && matches!(next.of(text), "=" | "." | ")" | "]" | "," | "==" | ":" | "+=" | "in" | "is") {
        return;
    }
    let closed =
        next.of(text) == "(" && last.of(text) == ")" && rest[1..rest.len() - 1].iter().all(|p| p.depth > 0);
    if sign && closed {
        let (mut items, mut keyword) = (0, false);
        for (i, p) in rest.iter().enumerate().filter(|(_, p)| p.depth == 1) {
            items += usize::from(p.of(text) == ",");
            keyword |= p.of(text) == "=" && matches!(rest[i - 1].of(text), "end" | "sep" | "file" | "flush");
        }
        if items == 0 || keyword {
            return;
        }
    }
    open(text, first, next, out);
    let commas = commas(text, rest);
    let soft = last.of(text) == "," && last.piece == Piece::Sign;
    if sign && next.of(text) == ">>" {
        out.put(next.start, next.end, "to=(");
        match commas.first() {
            Some(comma) => {
                out.put(comma.start, comma.end, "),*[");
                out.put(last.end, last.end, if soft && commas.len() > 1 { "],soft=1)" } else { "])" });
            }
            None => out.put(last.end, last.end, "))"),
        }
        return;
    }
    out.put(last.end, last.end, if soft { "soft=1)" } else { ")" });
}

#[cfg(test)]
mod tests {
    use super::modern;

    #[test]
    fn statements_become_calls() {
        for (old, new) in [
            ("print", "print()"),
            ("print 'a', b # c\n", "print('a', b) # c\n"),
            ("print 'a',\nprint x", "print('a',soft=1)\nprint(x)"),
            ("if x: print 1; print 2\nelse: print 3", "if x: print(1); print(2)\nelse: print(3)"),
            ("print >>f, x, y", "print(to=(f),*[ x, y])"),
            ("print >>f", "print(to=(f))"),
            ("print (1, 2)", "print((1, 2))"),
            ("print ('a')", "print ('a')"),
            ("print ('a') + 'b'", "print(('a') + 'b')"),
            ("print(x, file=f)", "print(x, file=f)"),
            ("raise E, 'text'", "raise E( 'text')"),
            ("raise E, v, tb", "raise E( v).with_traceback( tb)"),
            ("try: f()\nexcept (A, B), e: pass", "try: f()\nexcept (A, B) as e: pass"),
            ("exec code in g, l", "exec(code , g, l)"),
            ("x = `a, b` <> 0777", "x = repr((a, b)) != 0o777"),
            ("n = 10L + 0xFFL + 1.5 + 0", "n = 10 + 0xFF + 1.5 + 0"),
            ("s = ur'a/b' # 1/2", "s = r'a/b' # 1/2"),
            ("x = a / 2; x /= 3", "x = a @ 2; x @= 3"),
            ("from __future__ import division\nx = a / 2", "from __future__ import division\nx = a / 2"),
            ("f = lambda: 1\nif f(lambda x: 1): print x", "f = lambda: 1\nif f(lambda x: 1): print(x)"),
            ("print a, \\\n  b", "print(a, \\\n  b)"),
            ("print = 3", "print = 3"),
            ("if x:\n\tprint 1\n        print 2\n", "if x:\n        print(1)\n        print(2)\n"),
        ] {
            assert_eq!(modern(old), new);
        }
    }
}
