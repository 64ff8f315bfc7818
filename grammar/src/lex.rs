//! The lexer: text to the list of tokens that the grammar reads.
//!
//! On top of the regular tokens it does the layout (indentation to `Indent`/`Dedent`, line ends to `Newline`,
//! none of them within brackets), matches brackets, takes f-strings apart, and decides where `match`, `case` and
//! `type` are keywords. Invariant: the list always ends with as many `Dedent` as it has `Indent`, and `End`,
//! unless there is a fault.

use crate::fault::Fault;
use crate::token::{Tok, Token};
use crate::tree::Span;
use crate::{literal, number};
use logos::Logos;

/// How many brackets may be open at once.
const MAX_BRACKETS: usize = 200;
/// How many blocks may be open at once.
const MAX_INDENTS: usize = 100;
/// How many f-strings may be open at once.
const MAX_FSTRINGS: usize = 100;

/// The tokens of a text.
pub struct Lexed {
    pub tokens: Vec<Token>,
    /// What stopped the lexer.
    pub fault: Option<Fault>,
    /// The innermost bracket still open at the end.
    pub open: Option<Token>,
    /// The end of the text cut a token or a joined line short.
    pub cut: bool,
}

/// An open bracket.
struct Bracket {
    token: Token,
    /// Its index among the tokens.
    index: usize,
    /// It is a field of an f-string whose `:` has been passed.
    in_spec: bool,
}

/// An open f-string.
struct FString {
    start: u32,
    quote: u8,
    triple: bool,
    raw: bool,
}

struct Lexer<'t> {
    text: &'t str,
    bytes: &'t [u8],
    raw: logos::Lexer<'t, Tok>,
    tokens: Vec<Token>,
    /// Columns with tabs to eight and with tabs to one; the two agree on what is deeper unless tabs are mixed.
    indents: Vec<(u32, u32)>,
    /// For each open block, whether it belongs to a `match`.
    match_blocks: Vec<bool>,
    brackets: Vec<Bracket>,
    fstrings: Vec<FString>,
    /// The index of the first token of the logical line.
    line_first: usize,
    /// The logical line holds a word that may be a soft keyword.
    soft: bool,
    /// The logical line that ended last is the head of a `match`.
    after_match: bool,
    cut: bool,
}

/// Takes `text` apart, with `first` before its tokens.
pub fn lex(text: &str, first: Tok) -> Lexed {
    let mut lexer = Lexer {
        text,
        bytes: text.as_bytes(),
        raw: Tok::lexer(text),
        tokens: Vec::with_capacity(text.len() / 4 + 8),
        indents: vec![(0, 0)],
        match_blocks: vec![false],
        brackets: Vec::new(),
        fstrings: Vec::new(),
        line_first: 1,
        soft: false,
        after_match: false,
        cut: false,
    };
    lexer.push(first, 0, 0);
    if text.starts_with('\u{feff}') {
        lexer.seek(3);
    }
    if first == Tok::StartEval {
        // The blanks before an expression are no indentation.
        let start = lexer.raw.span().end;
        let blanks = lexer.bytes[start..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        lexer.seek(start + blanks);
    }
    let fault = lexer.run().err();
    let open = lexer.brackets.last().map(|bracket| bracket.token);
    Lexed { tokens: lexer.tokens, fault, open, cut: lexer.cut }
}

impl<'t> Lexer<'t> {
    fn push(&mut self, tok: Tok, start: usize, end: usize) {
        self.tokens.push(Token { tok, start: start as u32, end: end as u32 });
    }

    /// Goes on at `pos`, which lies at or after the end of the last token.
    fn seek(&mut self, pos: usize) {
        self.raw.bump(pos - self.raw.span().end);
    }

    fn run(&mut self) -> Result<(), Fault> {
        self.indentation()?;
        while let Some(next) = self.raw.next() {
            let Span { start, end } = to_span(self.raw.span());
            let (start, end) = (start as usize, end as usize);
            match next {
                Ok(Tok::Name) => self.name(start, end),
                Ok(Tok::Number) => {
                    let end = number::scan(self.text, start)?;
                    self.seek(end);
                    self.push(Tok::Number, start, end);
                }
                Ok(Tok::Str) => self.string(start, end)?,
                Ok(Tok::FStart) => self.begin_fstring(start, end)?,
                Ok(Tok::TStart) => {
                    return Err(Fault::syntax(
                        one(start),
                        "template strings are not supported; use an f-string",
                    ));
                }
                Ok(tok @ (Tok::LParen | Tok::LBracket | Tok::LBrace)) => self.open(tok, start, end)?,
                Ok(tok @ (Tok::RParen | Tok::RBracket | Tok::RBrace)) => self.close(tok, start, end)?,
                Ok(Tok::LineEnd) => {
                    if self.brackets.is_empty() {
                        self.end_line(start, end);
                        self.indentation()?;
                    }
                }
                Ok(Tok::Backslash) => self.backslash(start)?,
                Ok(tok @ (Tok::Colon | Tok::ColonEq)) => self.colon(tok, start, end)?,
                Ok(Tok::As) => {
                    if let Some(top) = self.brackets.last()
                        && self.tokens[top.index - 1].tok == Tok::With
                        && self.tokens[top.index].tok == Tok::LParen
                    {
                        self.tokens[top.index].tok = Tok::WithOpen;
                    }
                    self.push(Tok::As, start, end);
                }
                Ok(tok) => self.push(tok, start, end),
                Err(()) => self.foreign(start)?,
            }
        }
        self.finish()
    }

    /// Ends the list.
    fn finish(&mut self) -> Result<(), Fault> {
        let end = self.text.len();
        if let Some(fstring) = self.fstrings.last() {
            self.cut |= fstring.triple;
        }
        if self.tokens.len() > self.line_first {
            self.end_line(end, end);
        }
        for _ in 1..self.indents.len() {
            self.push(Tok::Dedent, end, end);
        }
        self.push(Tok::End, end, end);
        Ok(())
    }

    /// At the start of a line: skips blank lines, then states the change of depth.
    fn indentation(&mut self) -> Result<(), Fault> {
        let mut at = self.raw.span().end;
        let (mut column, mut plain);
        let mut line;
        loop {
            (column, plain, line) = (0u32, 0u32, at);
            loop {
                match self.bytes.get(at) {
                    Some(b' ') => (column, plain) = (column + 1, plain + 1),
                    Some(b'\t') => (column, plain) = ((column / 8 + 1) * 8, plain + 1),
                    Some(b'\x0c') => (column, plain) = (0, 0),
                    _ => break,
                }
                at += 1;
            }
            if self.bytes.get(at) == Some(&b'#') {
                at = line_end(self.bytes, at);
            }
            match self.bytes.get(at) {
                Some(b'\n' | b'\r') => at += 1,
                _ => break,
            }
        }
        self.seek(at);
        self.line_first = self.tokens.len();
        if at == self.bytes.len() {
            return Ok(());
        }
        self.change_depth(column, plain, line, at)?;
        self.line_first = self.tokens.len();
        Ok(())
    }

    fn change_depth(&mut self, column: u32, plain: u32, line: usize, at: usize) -> Result<(), Fault> {
        let mixed = || Err(Fault::tab(one(line), "inconsistent use of tabs and spaces in indentation"));
        let (top, top_plain) = *self.indents.last().expect("the outermost level stays");
        if column == top {
            return if plain == top_plain { Ok(()) } else { mixed() };
        }
        if column > top {
            if plain <= top_plain {
                return mixed();
            }
            if self.indents.len() >= MAX_INDENTS {
                return Err(Fault::indentation(one(at), "too many levels of indentation"));
            }
            self.indents.push((column, plain));
            self.match_blocks.push(std::mem::take(&mut self.after_match));
            self.push(Tok::Indent, line, at);
            return Ok(());
        }
        loop {
            let (top, top_plain) = *self.indents.last().expect("the outermost level is never deeper");
            if column == top {
                return if plain == top_plain { Ok(()) } else { mixed() };
            }
            if column > top {
                let end = line_end(self.bytes, at);
                let message = "unindent does not match any outer indentation level";
                return Err(Fault::indentation(one(end), message));
            }
            self.indents.pop();
            self.match_blocks.pop();
            self.push(Tok::Dedent, at, at);
        }
    }

    /// Ends a logical line and settles its soft keywords.
    fn end_line(&mut self, start: usize, end: usize) {
        let first = self.line_first;
        self.after_match = false;
        if self.tokens.len() == first {
            return;
        }
        if std::mem::take(&mut self.soft) {
            self.soft_keywords(first);
        }
        self.after_match = self.tokens[first].tok == Tok::Match;
        self.push(Tok::Newline, start, end);
    }

    /// The kind of the token at an index; past the last one the line ends.
    fn tok(&self, at: usize) -> Tok {
        self.tokens.get(at).map_or(Tok::Newline, |token| token.tok)
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        let Token { tok, start, end } = self.tokens[at];
        tok == Tok::Name && &self.text[start as usize..end as usize] == word
    }

    fn soft_keywords(&mut self, first: usize) {
        let last = self.tokens.len() - 1;
        if last > first && self.is_word(first, "match") {
            let is_keyword = match self.tok(first + 1) {
                Tok::Not => self.tok(first + 2) != Tok::In,
                Tok::LParen | Tok::LBracket | Tok::Minus | Tok::Plus | Tok::Star => {
                    self.tok(last) == Tok::Colon
                }
                next => next.starts_expr(),
            };
            if is_keyword {
                self.tokens[first].tok = Tok::Match;
                return;
            }
        }
        if self.match_blocks.last() == Some(&true) && self.is_word(first, "case") {
            self.tokens[first].tok = Tok::Case;
        }
        for at in first..last {
            let begins = at == first || matches!(self.tok(at - 1), Tok::Semi | Tok::Colon);
            if begins && self.tok(at + 1) == Tok::Name && self.is_word(at, "type") {
                self.tokens[at].tok = Tok::Type;
            }
        }
    }

    fn name(&mut self, start: usize, mut end: usize) {
        if self.bytes.get(end).is_some_and(|byte| !byte.is_ascii()) {
            end = name_end(self.text, end);
            self.seek(end);
        } else if end - start <= 5 && matches!(&self.bytes[start..end], b"match" | b"case" | b"type") {
            self.soft = true;
        }
        self.push(Tok::Name, start, end);
    }

    /// What no regular token begins with: a letter outside ASCII, or a character that may not stand here.
    fn foreign(&mut self, start: usize) -> Result<(), Fault> {
        let Some(char) = self.text[start..].chars().next() else { return Ok(()) };
        let end = start + char.len_utf8();
        self.raw = Tok::lexer(self.text);
        if unicode_ident::is_xid_start(char) {
            let end = name_end(self.text, end);
            self.seek(end);
            self.push(Tok::Name, start, end);
            return Ok(());
        }
        let code = char as u32;
        let span = Span::new(start as u32, end as u32);
        Err(Fault::syntax(
            span,
            if is_printable(char) {
                format!("invalid character '{char}' (U+{code:04X})")
            } else {
                format!("invalid non-printable character U+{code:04X}")
            },
        ))
    }

    /// A backslash must end its line, and joins the next one to it.
    fn backslash(&mut self, start: usize) -> Result<(), Fault> {
        let mut at = start + 1;
        match self.bytes.get(at) {
            Some(b'\n') => at += 1,
            Some(b'\r') => at += 1 + usize::from(self.bytes.get(at + 1) == Some(&b'\n')),
            None => {}
            Some(_) => {
                let message = "unexpected character after line continuation character";
                return Err(Fault::syntax(one(at), message));
            }
        }
        if at >= self.bytes.len() {
            self.cut = true;
            return Err(Fault::syntax(one(at), "unexpected EOF while parsing"));
        }
        self.seek(at);
        Ok(())
    }

    fn open(&mut self, tok: Tok, start: usize, end: usize) -> Result<(), Fault> {
        if self.brackets.len() >= MAX_BRACKETS {
            return Err(Fault::syntax(one(start), "too many nested parentheses"));
        }
        let token = Token { tok, start: start as u32, end: end as u32 };
        self.brackets.push(Bracket { token, index: self.tokens.len(), in_spec: false });
        self.tokens.push(token);
        Ok(())
    }

    fn close(&mut self, tok: Tok, start: usize, end: usize) -> Result<(), Fault> {
        let text = &self.text[start..end];
        let Some(top) = self.brackets.last() else {
            return Err(Fault::syntax(one(start), format!("unmatched '{text}'")));
        };
        let opened = top.token;
        let (spelling, expected) = match opened.tok {
            Tok::LBracket => ('[', Tok::RBracket),
            Tok::LBrace => ('{', Tok::RBrace),
            Tok::FieldOpen => ('{', Tok::RBrace),
            _ => ('(', Tok::RParen),
        };
        if tok != expected {
            if opened.tok == Tok::FieldOpen {
                return Err(Fault::syntax(one(start), format!("f-string: unmatched '{text}'")));
            }
            let between = &self.bytes[opened.start as usize..start];
            let place = if between.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
                format!(" on line {}", line_of(self.bytes, opened.start as usize))
            } else {
                String::new()
            };
            return Err(Fault::syntax(
                one(start),
                format!(
                    "closing parenthesis '{text}' does not match opening parenthesis '{spelling}'{place}"
                ),
            ));
        }
        self.brackets.pop();
        if opened.tok == Tok::FieldOpen {
            self.push(Tok::FieldClose, start, end);
            return self.fstring_text();
        }
        self.push(tok, start, end);
        Ok(())
    }

    /// A colon directly within a field of an f-string begins its format specification.
    fn colon(&mut self, tok: Tok, start: usize, end: usize) -> Result<(), Fault> {
        if let Some(top) = self.brackets.last_mut()
            && top.token.tok == Tok::FieldOpen
        {
            top.in_spec = true;
            self.push(Tok::FieldColon, start, start + 1);
            if tok == Tok::ColonEq {
                self.raw = Tok::lexer(self.text);
                self.seek(start + 1);
            }
            return self.fstring_text();
        }
        self.push(tok, start, end);
        Ok(())
    }

    fn string(&mut self, start: usize, end: usize) -> Result<(), Fault> {
        let quote = self.bytes[end - 1];
        let (body, triple) = self.quotes(quote, end);
        match literal::scan(self.bytes, body, quote, triple) {
            Some(end) => {
                self.seek(end);
                self.push(Tok::Str, start, end);
                Ok(())
            }
            None => Err(self.unterminated(start, quote, triple)),
        }
    }

    /// Where the text of a string begins whose first quote ends at `end`, and whether it has triple quotes.
    fn quotes(&self, quote: u8, end: usize) -> (usize, bool) {
        let triple = self.bytes[end..].starts_with(&[quote, quote]);
        (if triple { end + 2 } else { end }, triple)
    }

    #[cold]
    fn unterminated(&mut self, start: usize, quote: u8, triple: bool) -> Fault {
        // A quote that the surrounding f-string also uses was meant to end that f-string.
        if let Some(outer) = self.fstrings.last()
            && outer.quote == quote
            && outer.triple == triple
        {
            return Fault::syntax(one(start), "f-string: expecting '}'");
        }
        if triple {
            self.cut = true;
            let line = line_of(self.bytes, self.bytes.len());
            let message = format!("unterminated triple-quoted string literal (detected at line {line})");
            return Fault::syntax(one(start), message);
        }
        let line = line_of(self.bytes, start);
        let fault =
            Fault::syntax(one(start), format!("unterminated string literal (detected at line {line})"));
        let before = self.bytes[..start].last();
        if quote == b'\'' && before.is_some_and(u8::is_ascii_alphabetic) {
            return fault.with_hint("an apostrophe within a string needs double quotes around the string");
        }
        fault
    }

    fn begin_fstring(&mut self, start: usize, end: usize) -> Result<(), Fault> {
        if self.fstrings.len() >= MAX_FSTRINGS {
            return Err(Fault::syntax(one(start), "too many nested f-strings"));
        }
        let quote = self.bytes[end - 1];
        let (body, triple) = self.quotes(quote, end);
        let raw = self.bytes[start..end].iter().any(|byte| matches!(byte, b'r' | b'R'));
        self.fstrings.push(FString { start: start as u32, quote, triple, raw });
        self.push(Tok::FStart, start, body);
        self.seek(body);
        self.fstring_text()
    }

    /// Scans the text of the innermost f-string up to its next field or its end.
    fn fstring_text(&mut self) -> Result<(), Fault> {
        let fstring = self.fstrings.last().expect("only called within an f-string");
        let (quote, triple, raw) = (fstring.quote, fstring.triple, fstring.raw);
        let mut start = self.tokens.last().expect("there is a token before").end as usize;
        let mut at = start;
        loop {
            let string_start = self.fstrings.last().expect("as above").start;
            let top = self.brackets.last();
            let in_spec = top.is_some_and(|top| top.in_spec && top.token.start > string_start);
            let tok = match (in_spec, raw) {
                (false, false) => Tok::FMiddle,
                (false, true) => Tok::FMiddleRaw,
                (true, false) => Tok::FSpec,
                (true, true) => Tok::FSpecRaw,
            };
            let Some(&byte) = self.bytes.get(at) else { return Err(self.unended_fstring()) };
            match byte {
                b'{' if !in_spec && self.bytes.get(at + 1) == Some(&b'{') => at += 2,
                b'{' => {
                    self.text_token(tok, start, at);
                    self.raw.bump(at + 1 - self.raw.span().end);
                    self.open(Tok::FieldOpen, at, at + 1)?;
                    return self.check_nesting(at);
                }
                b'}' if in_spec => {
                    self.text_token(tok, start, at);
                    self.push(Tok::FieldClose, at, at + 1);
                    self.brackets.pop();
                    at += 1;
                    start = at;
                }
                b'}' if self.bytes.get(at + 1) == Some(&b'}') => at += 2,
                b'}' => return Err(Fault::syntax(one(at), "f-string: single '}' is not allowed")),
                b'\n' | b'\r' if !triple => {
                    if in_spec {
                        let message = "f-string: newlines are not allowed in format specifiers for single \
                                       quoted f-strings";
                        return Err(Fault::syntax(one(at), message));
                    }
                    return Err(self.unended_fstring());
                }
                b'\\' => at += self.escape_length(at, raw),
                _ if byte == quote && (!triple || self.bytes[at + 1..].starts_with(&[quote, quote])) => {
                    if in_spec {
                        return Err(Fault::syntax(one(at), "f-string: expecting '}'"));
                    }
                    self.text_token(tok, start, at);
                    let end = at + if triple { 3 } else { 1 };
                    self.push(Tok::FEnd, at, end);
                    self.fstrings.pop();
                    self.seek(end);
                    return Ok(());
                }
                _ => at += 1,
            }
        }
    }

    /// How far a backslash reaches in an f-string: it never hides a brace, except in `\N{...}`.
    fn escape_length(&self, at: usize, raw: bool) -> usize {
        match self.bytes.get(at + 1) {
            Some(b'N') if !raw && self.bytes.get(at + 2) == Some(&b'{') => {
                let name = &self.bytes[at + 3..];
                let stop =
                    name.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b" -".contains(byte)));
                match stop {
                    Some(length) if name[length] == b'}' => length + 4,
                    _ => 2,
                }
            }
            Some(b'{' | b'}') | None => 1,
            Some(b'\r') if self.bytes.get(at + 2) == Some(&b'\n') => 3,
            Some(_) => 2,
        }
    }

    fn text_token(&mut self, tok: Tok, start: usize, end: usize) {
        if start < end {
            self.push(tok, start, end);
        }
    }

    /// Fields within format specifications nest at most twice.
    fn check_nesting(&self, at: usize) -> Result<(), Fault> {
        let string_start = self.fstrings.last().map_or(0, |fstring| fstring.start);
        let own = self.brackets.iter().rev().take_while(|bracket| bracket.token.start > string_start);
        if own.filter(|bracket| bracket.in_spec).count() >= 3 {
            return Err(Fault::syntax(one(at), "f-string: expressions nested too deeply"));
        }
        Ok(())
    }

    #[cold]
    fn unended_fstring(&mut self) -> Fault {
        let fstring = self.fstrings.last().expect("only called within an f-string");
        let start = fstring.start as usize;
        let (line, kind) = if fstring.triple {
            self.cut = true;
            (line_of(self.bytes, self.bytes.len()), "triple-quoted f-string")
        } else {
            (line_of(self.bytes, start), "f-string")
        };
        Fault::syntax(one(start), format!("unterminated {kind} literal (detected at line {line})"))
    }
}

fn to_span(range: std::ops::Range<usize>) -> Span {
    Span::new(range.start as u32, range.end as u32)
}

/// A span of one byte.
pub fn one(at: usize) -> Span {
    Span::new(at as u32, at as u32 + 1)
}

/// The line (from 1) that holds the byte at `offset`.
pub fn line_of(bytes: &[u8], offset: usize) -> usize {
    let before = &bytes[..offset.min(bytes.len())];
    let ends =
        |(at, &byte): (usize, &u8)| byte == b'\n' || (byte == b'\r' && bytes.get(at + 1) != Some(&b'\n'));
    let lines = before.iter().enumerate().filter(|&pair| ends(pair)).count() + 1;
    // A line end that ends the text begins no line.
    if offset >= bytes.len() && bytes.last() == Some(&b'\n') { lines - 1 } else { lines }
}

/// Where the line that holds `at` ends, before its line end.
fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|byte| matches!(byte, b'\n' | b'\r'))
        .map_or(bytes.len(), |length| at + length)
}

fn name_end(text: &str, from: usize) -> usize {
    let rest = &text[from..];
    rest.find(|char: char| !(char == '_' || unicode_ident::is_xid_continue(char)))
        .map_or(text.len(), |length| from + length)
}

/// Whether a character outside the letters can be shown: no control, separator, format or unassigned one.
fn is_printable(char: char) -> bool {
    use unicode_width::UnicodeWidthChar;
    let blank = char.is_whitespace() || char.is_control();
    let private = matches!(char as u32, 0xe000..=0xf8ff | 0xf_0000..);
    let format = matches!(char as u32, 0xad | 0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0xfeff);
    !(blank || private || format) && char.width().is_some()
}
