//! Colours of a line while it is typed. Invariant: only escape sequences are added, so the width stays.

use minipy_grammar::{Tok, Token, tokens};

const PLAIN: &str = "\x1b[0m";
const KEYWORD: &str = "\x1b[1;34m";
const STRING: &str = "\x1b[32m";
const NUMBER: &str = "\x1b[33m";
const DEFINED: &str = "\x1b[36m";
const COMMENT: &str = "\x1b[2m";
const BRACKET: &str = "\x1b[1;7m";

/// The colour of a token, given the one before it.
fn colour(text: &str, token: &Token, before: Option<&Token>) -> Option<&'static str> {
    let word = token.tok.spelling().is_some_and(|s| s.as_bytes()[0].is_ascii_alphabetic());
    match token.tok {
        _ if word => Some(KEYWORD),
        Tok::Name if before.is_some_and(|b| matches!(b.tok, Tok::Def | Tok::Class)) => Some(DEFINED),
        _ => match text.as_bytes().get(token.start as usize)? {
            b'0'..=b'9' => Some(NUMBER),
            b'.' if token.end - token.start > 1 && token.tok != Tok::Ellipsis => Some(NUMBER),
            b'"' | b'\'' => Some(STRING),
            first if first.is_ascii_alphabetic() => {
                let quoted = text[token.start as usize..token.end as usize].contains(['"', '\'']);
                quoted.then_some(STRING)
            }
            _ => None,
        },
    }
}

/// `line` with colours. `before`: the lines of the block that were typed earlier. `mark`: the byte of `line` whose
/// bracket is to stand out.
pub fn line(before: &str, line: &str, mark: Option<usize>) -> String {
    let text = if before.is_empty() { line.to_string() } else { format!("{before}\n{line}") };
    let offset = text.len() - line.len();
    let mut spans: Vec<(usize, usize, &'static str)> = Vec::new();
    let all = tokens(&text);
    let mut end = 0;
    for (i, token) in all.iter().enumerate() {
        let (from, to) = (token.start as usize, token.end as usize);
        if from >= to || to > text.len() {
            continue;
        }
        comment(&text, end, from, &mut spans);
        end = to;
        let before = i.checked_sub(1).and_then(|i| all.get(i));
        if let Some(c) = colour(&text, token, before) {
            spans.push((from, to, c));
        }
    }
    comment(&text, end, text.len(), &mut spans);
    if let Some(at) = mark {
        spans.retain(|s| !(s.0..s.1).contains(&(at + offset)));
        spans.push((at + offset, at + offset + 1, BRACKET));
        spans.sort_unstable();
    }
    let mut out = String::new();
    let mut at = offset;
    for (from, to, c) in spans {
        let (from, to) = (from.max(at), to.max(at));
        if from < to {
            out.push_str(&text[at..from]);
            out.push_str(c);
            out.push_str(&text[from..to]);
            out.push_str(PLAIN);
            at = to;
        }
    }
    out.push_str(&text[at..]);
    out
}

/// The comment between two tokens, if one is there; what an unfinished string left behind is one too.
fn comment(text: &str, from: usize, to: usize, spans: &mut Vec<(usize, usize, &'static str)>) {
    let gap = &text[from.min(to)..to];
    if let Some(at) = gap.find(['#', '"', '\'']) {
        let (start, hash) = (from + at, gap.as_bytes()[at] == b'#');
        let end = if hash { gap[at..].find('\n').map_or(to, |n| start + n) } else { to };
        spans.push((start, end, if hash { COMMENT } else { STRING }));
    }
}

/// The bracket that belongs to the one under or before `pos`, in the same line.
pub fn partner(line: &str, pos: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    let at = [Some(pos), pos.checked_sub(1)]
        .into_iter()
        .flatten()
        .find(|i| bytes.get(*i).is_some_and(|b| b"()[]{}".contains(b)))?;
    let all = tokens(line);
    let here = all.iter().position(|t| t.start as usize == at && t.end == t.start + 1)?;
    let open = |t: &Token| matches!(t.tok, Tok::LParen | Tok::LBracket | Tok::LBrace);
    let close = |t: &Token| matches!(t.tok, Tok::RParen | Tok::RBracket | Tok::RBrace);
    let mut depth = 0i32;
    let mut walk: Box<dyn Iterator<Item = &Token>> = if open(&all[here]) {
        Box::new(all[here..].iter())
    } else if close(&all[here]) {
        Box::new(all[..=here].iter().rev())
    } else {
        return None;
    };
    walk.find(|t| {
        depth += open(t) as i32 - close(t) as i32;
        depth == 0 && (open(t) || close(t))
    })
    .map(|t| t.start as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('\x1b') {
            out.push_str(&rest[..at]);
            rest = &rest[at + rest[at..].find('m').unwrap() + 1..];
        }
        out + rest
    }

    #[test]
    fn colours_keep_the_text() {
        for (before, text) in [
            ("", "def f(x): return x + 1  # one"),
            ("", "print('a', \"b\""),
            ("s = '''", "still text ''' + 'x'"),
            ("", "x = 'open"),
            ("", "名字 = '值'  # 注"),
            ("", "a $ b"),
            ("", ""),
        ] {
            assert_eq!(plain(&line(before, text, None)), text);
            assert_eq!(plain(&line(before, text, text.find('('))), text);
        }
        assert!(line("", "def f", None).starts_with("\x1b[1;34mdef\x1b[0m"));
        assert!(line("", "x = 1 # c", None).ends_with("\x1b[2m# c\x1b[0m"));
    }

    #[test]
    fn brackets_find_their_partners() {
        assert_eq!(partner("f(a[1])", 7), Some(1));
        assert_eq!(partner("f(a[1])", 1), Some(6));
        assert_eq!(partner("f(a[1])", 3), Some(5));
        assert_eq!(partner("f(", 1), None);
        assert_eq!(partner("')'", 1), None);
    }
}
