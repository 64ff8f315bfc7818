//! Repairs of text that was copied from a web page or a word processor: numbers and bullets before the lines, curly
//! quotes and full-width signs, blanks that are no blanks, prompts with their output. Invariant: what stands within
//! strings and comments stays, but for blanks that cannot be seen; lost indentation is never guessed.

use crate::scan::string_end;

/// A repaired text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The text.
    pub text: String,
    /// What was repaired, in words.
    pub notes: Vec<String>,
}

/// Repairs `text`.
pub fn repair(text: &str) -> Repaired {
    let mut notes = Vec::new();
    let mut text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    for step in [blanks, prompts, numbers, bullets, margin, signs] {
        if let Some((new, note)) = step(&text) {
            text = new;
            notes.push(note);
        }
    }
    Repaired { text, notes }
}

type Step = Option<(String, String)>;

fn several(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// Blanks of other widths become blanks; marks without width go.
fn blanks(text: &str) -> Step {
    let (mut wide, mut none) = (0, 0);
    let new: String = text
        .chars()
        .filter_map(|c| match c {
            '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => {
                wide += 1;
                Some(' ')
            }
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' | '\u{202a}'..='\u{202e}' => {
                none += 1;
                None
            }
            '\u{2028}' | '\u{2029}' | '\u{85}' => {
                wide += 1;
                Some('\n')
            }
            c => Some(c),
        })
        .collect();
    (wide + none > 0)
        .then(|| (new, several(wide + none, "unusual or invisible blank", "unusual or invisible blanks")))
}

/// What a line of a session is.
fn prompt(line: &str) -> Option<&str> {
    let line = line.trim_start();
    for mark in [">>>", "..."] {
        if let Some(rest) = line.strip_prefix(mark) {
            return Some(rest.strip_prefix(' ').unwrap_or(rest));
        }
    }
    let rest = line.strip_prefix("In [")?;
    let (number, rest) = rest.split_once("]:")?;
    number.bytes().all(|b| b.is_ascii_digit()).then(|| rest.strip_prefix(' ').unwrap_or(rest))
}

/// Sessions: the lines behind prompts stay, output goes.
fn prompts(text: &str) -> Step {
    let starts = |l: &str| {
        l.trim_start().starts_with(">>>") || l.trim_start().starts_with("In [") && prompt(l).is_some()
    };
    if !text.lines().any(starts) {
        return None;
    }
    let (mut kept, mut dropped) = (0, 0);
    let mut out = String::new();
    let mut session = false;
    for line in text.lines() {
        session |= starts(line);
        match prompt(line) {
            Some(code) if session => {
                kept += 1;
                out.push_str(code);
            }
            _ if line.trim().is_empty() || line.trim_start().starts_with('#') || !session => {
                out.push_str(line)
            }
            _ => dropped += 1,
        }
        out.push('\n');
    }
    let mut note = several(kept, "prompt", "prompts");
    if dropped > 0 {
        note += &format!(" and {} of output", several(dropped, "line", "lines"));
    }
    Some((out, note))
}

/// The number that a line begins with, and what follows it.
fn numbered(line: &str) -> Option<(u64, &str)> {
    let line = line.trim_start();
    let len = line.bytes().take_while(u8::is_ascii_digit).count();
    let number = line[..len].parse().ok()?;
    let rest = &line[len..];
    let marked = rest.strip_prefix(['.', ':', ')', '|', '、', '．']);
    let rest = marked.unwrap_or(rest);
    // A bare number must be followed by a blank, or it belongs to the code.
    (marked.is_some() || rest.is_empty() || rest.starts_with([' ', '\t'])).then_some((number, rest))
}

/// Numbers before all lines, or alone in front of the program.
fn numbers(text: &str) -> Step {
    let lines: Vec<&str> = text.lines().collect();
    let alone = lines.iter().take_while(|l| l.trim().parse::<u64>().is_ok() || l.trim().is_empty()).count();
    let all: Vec<u64> = lines[..alone].iter().filter_map(|l| l.trim().parse().ok()).collect();
    if all.len() >= 2 && all.windows(2).all(|w| w[1] == w[0] + 1) && alone < lines.len() {
        return Some((lines[alone..].join("\n") + "\n", several(all.len(), "line number", "line numbers")));
    }
    let full: Vec<&&str> = lines.iter().filter(|l| !l.trim().is_empty()).collect();
    let all: Vec<u64> = full.iter().map_while(|l| numbered(l)).map(|n| n.0).collect();
    if all.len() < 2 || all.len() < full.len() || !all.windows(2).all(|w| w[1] > w[0] && w[1] - w[0] <= 3) {
        return None;
    }
    let bare = lines.iter().map(|l| numbered(l).map_or("", |n| n.1).replace('\t', "    "));
    Some((bare.collect::<Vec<_>>().join("\n") + "\n", several(all.len(), "line number", "line numbers")))
}

/// Bullets before all lines.
fn bullets(text: &str) -> Step {
    let full = || text.lines().filter(|l| !l.trim().is_empty());
    let is_bullet =
        |c: char| matches!(c, '•' | '·' | '‣' | '▪' | '◦' | '●' | '○' | '■' | '□' | '➢' | '\u{f0b7}');
    if full().count() == 0 || !full().all(|l| l.trim_start().starts_with(is_bullet)) {
        return None;
    }
    let n = full().count();
    let lines = text.lines().map(|l| l.trim_start().trim_start_matches(is_bullet).replace('\t', "    "));
    Some((lines.collect::<Vec<_>>().join("\n") + "\n", several(n, "bullet", "bullets")))
}

/// Blanks that all lines begin with.
fn margin(text: &str) -> Step {
    let full = || text.lines().filter(|l| !l.trim().is_empty());
    let depth = |l: &str| l.len() - l.trim_start_matches(' ').len();
    let least = full().map(depth).min()?;
    if least == 0 {
        return None;
    }
    let lines = text.lines().map(|l| l.get(least.min(depth(l))..).unwrap_or_default());
    Some((
        lines.collect::<Vec<_>>().join("\n") + "\n",
        format!("a margin of {}", several(least, "blank", "blanks")),
    ))
}

/// The ASCII quote that a curly or wide one stands for.
fn quote(c: char) -> Option<char> {
    match c {
        '“' | '”' | '„' | '‟' | '＂' | '〝' | '〞' | '″' | '«' | '»' => Some('"'),
        '‘' | '’' | '‚' | '‛' | '＇' | '′' => Some('\''),
        _ => None,
    }
}

/// The ASCII sign that a wide or typographic one stands for.
fn sign(c: char) -> Option<&'static str> {
    const WIDE: &str =
        "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";
    match c {
        '\u{ff01}'..='\u{ff5e}' => {
            let at = c as usize - 0xff01;
            Some(&WIDE[at..at + 1])
        }
        '、' => Some(","),
        '。' => Some("."),
        '【' | '〔' => Some("["),
        '】' | '〕' => Some("]"),
        '–' | '—' | '−' | '‐' | '‑' => Some("-"),
        '…' => Some("..."),
        '×' => Some("*"),
        '÷' => Some("/"),
        '≤' => Some("<="),
        '≥' => Some(">="),
        '≠' => Some("!="),
        _ => None,
    }
}

/// Quotes and signs outside strings and comments.
fn signs(text: &str) -> Step {
    let mut out = String::with_capacity(text.len());
    let (mut quotes, mut wide) = (0, 0);
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let line = text[at..].find('\n').map_or(text.len(), |n| at + n);
        if c == '#' || c == '＃' {
            wide += usize::from(c != '#');
            out.push('#');
            out.push_str(&text[at + c.len_utf8()..line]);
            at = line;
        } else if c == '"' || c == '\'' {
            let mut end = string_end(text, at);
            // Opened straight and closed curly.
            let single = !text[at..].starts_with("\"\"\"") && !text[at..].starts_with("'''");
            if single && end == line && !text[at + 1..end].ends_with(c) {
                let curly = text[at + 1..line].char_indices().find(|(_, q)| quote(*q) == Some(c));
                if let Some((n, q)) = curly {
                    out.push_str(&text[at..at + 1 + n]);
                    out.push(c);
                    quotes += 1;
                    at += 1 + n + q.len_utf8();
                    continue;
                }
                end = line;
            }
            out.push_str(&text[at..end]);
            at = end;
        } else if let Some(plain) = quote(c) {
            // Up to the next quote of the kind on the line, whichever way it is bent.
            let body = at + c.len_utf8();
            let close =
                text[body..line].char_indices().find(|(_, q)| quote(*q) == Some(plain) || *q == plain);
            quotes += 1;
            out.push(plain);
            at = body;
            if let Some((n, q)) = close {
                quotes += usize::from(q != plain);
                out.push_str(&text[body..body + n].replace(plain, &format!("\\{plain}")));
                out.push(plain);
                at = body + n + q.len_utf8();
            }
        } else if let Some(plain) = sign(c) {
            wide += 1;
            out.push_str(plain);
            at += c.len_utf8();
        } else {
            out.push(c);
            at += c.len_utf8();
        }
    }
    let mut said = Vec::new();
    if quotes > 0 {
        said.push(several(quotes, "curly quote", "curly quotes"));
    }
    if wide > 0 {
        said.push(several(wide, "full-width or typographic sign", "full-width or typographic signs"));
    }
    (!said.is_empty()).then(|| (out, said.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::repair;

    #[test]
    fn each_damage_is_repaired_and_told() {
        for (damaged, text, note) in [
            ("print(“hé”，‘x’)", "print(\"hé\",'x')", "4 curly quotes, 1 full-width or typographic sign"),
            ("print(\"it’s，ok\") # “so”", "print(\"it’s，ok\") # “so”", ""),
            ("1 if x:\n2     y\n3 z", "if x:\n    y\nz\n", "3 line numbers; a margin of 1 blank"),
            ("1.a\n2.b", "a\nb\n", "2 line numbers"),
            ("1\n2\na = 3\nb", "a = 3\nb\n", "2 line numbers"),
            ("3\n", "3\n", ""),
            (
                ">>> a = 1\n>>> a\n1\n>>> for x in y:\n...     x\n... \n",
                "a = 1\na\n\nfor x in y:\n    x\n\n",
                "5 prompts and 1 line of output",
            ),
            ("\u{a0}\u{a0}a\u{200b}", "a\n", "3 unusual or invisible blanks; a margin of 2 blanks"),
            ("• a\n•     b", "a\n    b\n", "2 bullets; a margin of 1 blank"),
            ("f（1，2）：", "f(1,2):", "4 full-width or typographic signs"),
            ("'''x’s'''", "'''x’s'''", ""),
        ] {
            let r = repair(damaged);
            assert_eq!((r.text.as_str(), r.notes.join("; ").as_str()), (text, note), "{damaged}");
        }
    }
}
