//! Code in stored form: the build compiles the library's text ahead and keeps it as these bytes.
//!
//! Invariant: bytes given to [`decode`] were made by [`encode`] of the same build, so reading does not check them.
//! Numbers are LEB128, signed ones in zigzag form; texts stand once, in a table at the front.

use super::data::{Code, Const, Handler, Pos, Positions};
use super::op::{Op, Word};
use minipy_grammar::tree::Text;
use std::collections::HashMap;
use std::sync::Arc;

/// The stored form of code and all that is nested in it.
pub fn encode(code: &Code) -> Vec<u8> {
    let mut w = Writer::default();
    w.text(&code.filename);
    w.code(code);
    let mut out = Writer::default();
    out.number(w.texts.len() as u64);
    for t in &w.texts {
        out.bytes(t.as_bytes());
    }
    out.out.append(&mut w.out);
    out.out
}

/// The code of a stored form. Positions stay packed until somebody asks for them.
///
/// # Panics
/// If the bytes are not what [`encode`] made.
pub fn decode(bytes: &'static [u8]) -> Arc<Code> {
    let mut r = Reader { rest: bytes, texts: Vec::new(), filename: Arc::from("") };
    r.texts = (0..r.count()).map(|_| Arc::from(std::str::from_utf8(r.bytes()).expect("UTF-8"))).collect();
    r.filename = r.text();
    Arc::new(r.code())
}

/// The positions in packed form.
fn pack(positions: &[Pos]) -> Vec<u8> {
    let mut w = Writer::default();
    let mut last = Pos::default();
    for p in positions {
        w.number(u64::from(p.word - last.word));
        w.signed(i64::from(p.line) - i64::from(last.line));
        w.signed(i64::from(p.end_line) - i64::from(p.line));
        w.number(u64::from(p.col));
        w.signed(i64::from(p.end_col) - i64::from(p.col));
        last = *p;
    }
    w.out
}

/// The positions of a packed form.
pub(super) fn unpack(packed: &'static [u8]) -> Vec<Pos> {
    let mut r = Reader { rest: packed, texts: Vec::new(), filename: Arc::from("") };
    let mut last = Pos::default();
    let mut all = Vec::new();
    while !r.rest.is_empty() {
        let word = last.word + r.count() as u32;
        let line = (i64::from(last.line) + r.signed()) as u32;
        let end_line = (i64::from(line) + r.signed()) as u32;
        let col = r.count() as u32;
        let end_col = (i64::from(col) + r.signed()) as u32;
        last = Pos { word, line, end_line, col, end_col };
        all.push(last);
    }
    all
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    texts: Vec<Arc<str>>,
    index: HashMap<Arc<str>, usize>,
}

impl Writer {
    fn number(&mut self, mut n: u64) {
        while n >= 0x80 {
            self.out.push(n as u8 | 0x80);
            n >>= 7;
        }
        self.out.push(n as u8);
    }

    fn signed(&mut self, n: i64) {
        self.number((n << 1 ^ n >> 63) as u64);
    }

    fn bytes(&mut self, b: &[u8]) {
        self.number(b.len() as u64);
        self.out.extend_from_slice(b);
    }

    fn text(&mut self, t: &Arc<str>) {
        let next = self.texts.len();
        let at = *self.index.entry(t.clone()).or_insert(next);
        if at == next {
            self.texts.push(t.clone());
        }
        self.number(at as u64);
    }

    fn texts(&mut self, all: &[Arc<str>]) {
        self.number(all.len() as u64);
        all.iter().for_each(|t| self.text(t));
    }

    fn code(&mut self, c: &Code) {
        // Taken apart by name, so that a new field cannot be forgotten here.
        let Code {
            name,
            qualname,
            filename: _,
            first_line,
            flags,
            argcount,
            posonly,
            kwonly,
            nlocals,
            nregs,
            varnames,
            cellvars,
            freevars,
            free_base,
            words,
            consts,
            handlers,
            positions,
            self_attrs,
        } = c;
        self.text(name);
        self.text(qualname);
        self.number(u64::from(*first_line));
        self.number(u64::from(*flags));
        for n in [*argcount, *posonly, *kwonly, *nlocals, *nregs, *free_base, *self_attrs] {
            self.number(u64::from(n));
        }
        self.texts(varnames);
        self.number(cellvars.len() as u64);
        for (reg, name) in cellvars {
            self.number(u64::from(*reg));
            self.text(name);
        }
        self.texts(freevars);
        self.words(words);
        self.number(consts.len() as u64);
        consts.iter().for_each(|c| self.constant(c));
        self.number(handlers.len() as u64);
        for h in handlers {
            for n in [h.start, h.end, h.target, u32::from(h.reg)] {
                self.number(u64::from(n));
            }
        }
        let packed = pack(positions);
        self.bytes(&packed);
    }

    /// Instructions: number, operands, and of the words that follow all but the caches, which are zero.
    fn words(&mut self, words: &[u64]) {
        self.number(words.len() as u64);
        let mut at = 0;
        while at < words.len() {
            let word = words[at];
            let op = Op::of(word);
            self.out.push(word as u8);
            debug_assert_eq!(word >> 8 & 0xff, 0, "the spare byte is not used");
            for shift in [16, 32, 48] {
                self.number(word >> shift & 0xffff);
            }
            for (k, kind) in op.row().words.iter().enumerate() {
                if !matches!(kind, Word::Cache) {
                    self.number(words[at + 1 + k]);
                }
            }
            at += op.len();
        }
    }

    fn constant(&mut self, c: &Const) {
        match c {
            Const::None => self.out.push(0),
            Const::Bool(b) => self.out.extend([1, u8::from(*b)]),
            Const::Ellipsis => self.out.push(2),
            Const::Int(n) => {
                self.out.push(3);
                self.signed(*n);
            }
            Const::Big(digits) => {
                self.out.push(4);
                self.text(digits);
            }
            Const::Float(x) => {
                self.out.push(5);
                self.out.extend(x.to_bits().to_le_bytes());
            }
            Const::Imaginary(x) => {
                self.out.push(6);
                self.out.extend(x.to_bits().to_le_bytes());
            }
            Const::Str(text) => {
                self.out.push(7);
                self.bytes(&text.0);
            }
            Const::Name(name) => {
                self.out.push(8);
                self.text(name);
            }
            Const::Bytes(b) => {
                self.out.push(9);
                self.bytes(b);
            }
            Const::Tuple(items) | Const::FrozenSet(items) => {
                self.out.push(if matches!(c, Const::Tuple(_)) { 10 } else { 11 });
                self.number(items.len() as u64);
                items.iter().for_each(|c| self.constant(c));
            }
            Const::Code(code) => {
                self.out.push(12);
                self.code(code);
            }
        }
    }
}

struct Reader {
    rest: &'static [u8],
    texts: Vec<Arc<str>>,
    filename: Arc<str>,
}

impl Reader {
    fn byte(&mut self) -> u8 {
        let b = self.rest[0];
        self.rest = &self.rest[1..];
        b
    }

    fn number(&mut self) -> u64 {
        let mut n = 0;
        let mut shift = 0;
        loop {
            let b = self.byte();
            n |= u64::from(b & 0x7f) << shift;
            if b < 0x80 {
                return n;
            }
            shift += 7;
        }
    }

    fn count(&mut self) -> usize {
        self.number() as usize
    }

    fn short(&mut self) -> u16 {
        self.number() as u16
    }

    fn signed(&mut self) -> i64 {
        let n = self.number();
        (n >> 1) as i64 ^ -((n & 1) as i64)
    }

    fn bytes(&mut self) -> &'static [u8] {
        let n = self.count();
        let (b, rest) = self.rest.split_at(n);
        self.rest = rest;
        b
    }

    fn float(&mut self) -> f64 {
        let (b, rest) = self.rest.split_at(8);
        self.rest = rest;
        f64::from_bits(u64::from_le_bytes(b.try_into().expect("eight bytes")))
    }

    fn text(&mut self) -> Arc<str> {
        let at = self.count();
        self.texts[at].clone()
    }

    fn texts(&mut self) -> Vec<Arc<str>> {
        (0..self.count()).map(|_| self.text()).collect()
    }

    fn code(&mut self) -> Code {
        // Fields are read in the order in which they are written.
        Code {
            filename: self.filename.clone(),
            name: self.text(),
            qualname: self.text(),
            first_line: self.number() as u32,
            flags: self.number() as u32,
            argcount: self.short(),
            posonly: self.short(),
            kwonly: self.short(),
            nlocals: self.short(),
            nregs: self.short(),
            free_base: self.short(),
            self_attrs: self.short(),
            varnames: self.texts(),
            cellvars: (0..self.count()).map(|_| (self.short(), self.text())).collect(),
            freevars: self.texts(),
            words: self.words(),
            consts: (0..self.count()).map(|_| self.constant()).collect(),
            handlers: (0..self.count()).map(|_| self.handler()).collect(),
            positions: Positions::packed(self.bytes()),
        }
    }

    fn handler(&mut self) -> Handler {
        let mut n = || self.number() as u32;
        Handler { start: n(), end: n(), target: n(), reg: n() as u16 }
    }

    fn words(&mut self) -> Vec<u64> {
        let n = self.count();
        let mut words = Vec::with_capacity(n);
        while words.len() < n {
            let number = u64::from(self.byte());
            let (a, b, c) = (self.number(), self.number(), self.number());
            words.push(number | a << 16 | b << 32 | c << 48);
            for kind in Op::of(number).row().words {
                words.push(if matches!(kind, Word::Cache) { 0 } else { self.number() });
            }
        }
        words
    }

    fn constant(&mut self) -> Const {
        match self.byte() {
            0 => Const::None,
            1 => Const::Bool(self.byte() != 0),
            2 => Const::Ellipsis,
            3 => Const::Int(self.signed()),
            4 => Const::Big(self.text()),
            5 => Const::Float(self.float()),
            6 => Const::Imaginary(self.float()),
            7 => Const::Str(Text(self.bytes().into())),
            8 => Const::Name(self.text()),
            9 => Const::Bytes(self.bytes().into()),
            10 => Const::Tuple((0..self.count()).map(|_| self.constant()).collect()),
            11 => Const::FrozenSet((0..self.count()).map(|_| self.constant()).collect()),
            12 => Const::Code(Arc::new(self.code())),
            other => unreachable!("no constant has the number {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flags, Mode, compile};

    #[test]
    fn code_comes_back_as_it_was() {
        let text = "\
import os
x = [1, -2, 1 << 40, 123456789012345678901234567890, 1.5, -0.0, 2j, ..., None, True, b'\\xff', '\\ud800', 'na\u{ef}ve']
def f(a, /, b=(1, 'two'), *c, d=frozenset, **e) -> int:
    '''Text.'''
    def g():
        nonlocal b
        yield a, b in {1, 2, 3}
    try:
        with open(a) as h:
            return [i for i in h
                    if i]
    except (OSError,
            ValueError) as why:
        raise why from None
class C[T](object, metaclass=type):
    async def m(self, x: T): self.x = await x; return super().m
";
        let tree = minipy_grammar::parse(text, minipy_grammar::Mode::File).unwrap();
        let code = compile(&tree, text, "a.mp", Mode::File, Flags::default()).unwrap();
        let stored: &'static [u8] = encode(&code).leak();
        let back = decode(stored);
        assert_eq!(back, code);
        let signs = |c: &Code| {
            c.consts
                .iter()
                .filter_map(|c| if let Const::Float(x) = c { Some(x.to_bits()) } else { None })
                .collect()
        };
        let (a, b): (Vec<u64>, Vec<u64>) = (signs(&back), signs(&code));
        assert_eq!(a, b);
    }
}
