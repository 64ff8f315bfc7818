//! Module `_json`: what `json` is quick by. Invariant: what is not plain JSON, or too deep, is left to the library
//! module: `dumps_simple` then gives None and `loads_simple` raises ValueError; neither runs user code.

use crate::heap::known::{C, S};
use crate::heap::object::*;
use crate::heap::text::{self, index};
use crate::heap::{Full, Kind, Value, bigint, dict, list};
use crate::run::{Args, Def, ModuleDef, R, Raised, Thread, class, def, poll};

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "_json", doc: "json speedups", functions: &FUNCTIONS, fill: |_, _| Ok(()) };

static FUNCTIONS: [Def; 5] = [
    def(
        "encode_basestring",
        "(string, /)",
        |th, a| quoted(th, a, false),
        "encode_basestring(string) -> string\n\nReturn a JSON representation of a Python string",
    ),
    def(
        "encode_basestring_ascii",
        "(string, /)",
        |th, a| quoted(th, a, true),
        "encode_basestring_ascii(string) -> string\n\nReturn an ASCII-only JSON representation of a Python string",
    ),
    def(
        "scanstring",
        "(string, end, strict=True, /)",
        scanstring,
        "scanstring(string, end, strict=True) -> (string, end)\n\nScan the string s for a JSON string. End is the index \
         of the character after the quote that started the JSON string.",
    ),
    def("dumps_simple", "(obj, /)", dumps, "The JSON text of plain values, or None."),
    def("loads_simple", "(text, /)", loads, "The value of JSON text; ValueError if it is anything else."),
];

/// Nesting that is left to the library module.
const DEEPEST: usize = 400;
/// Digits of an int that is left to the library module.
const DIGITS: usize = 4300;

// ----------------------------------------------------------------------------------------------------------- writing

fn quoted(th: &mut Thread, a: Args, ascii: bool) -> R {
    let b = a[0].base();
    if !text::is_text(b) {
        let text = format!("first argument must be a string, not {}", th.type_name(a[0]));
        return Err(th.type_error(text));
    }
    let bytes = text::bytes_of(&mut th.heap, b)?;
    let mut out = Vec::new();
    quote(&mut out, bytes, ascii)?;
    Ok(text::of_bytes(&mut th.heap, &out)?)
}

fn room(out: &mut Vec<u8>, n: usize) -> Result<(), Full> {
    out.try_reserve(n).map_err(|_| Full)
}

fn escape_unit(out: &mut Vec<u8>, unit: u32) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(b"0123456789abcdef"[(unit >> shift & 15) as usize]);
    }
}

/// Adds a text as a JSON string.
fn quote(out: &mut Vec<u8>, bytes: &[u8], ascii: bool) -> Result<(), Full> {
    room(out, bytes.len() + 2)?;
    out.push(b'"');
    let mut at = 0;
    while at < bytes.len() {
        let plain = |b: &u8| *b >= b' ' && *b != b'"' && *b != b'\\' && (!ascii || *b < 0x7f);
        let n = bytes[at..].iter().position(|b| !plain(b)).unwrap_or(bytes.len() - at);
        out.extend_from_slice(&bytes[at..at + n]);
        at += n;
        if at == bytes.len() {
            break;
        }
        room(out, bytes.len() - at + 16)?;
        let (c, n) = index::decode(bytes, at);
        at += n;
        let short = match c {
            0x22 => b'"',
            0x5c => b'\\',
            8 => b'b',
            9 => b't',
            10 => b'n',
            12 => b'f',
            13 => b'r',
            _ => 0,
        };
        if short != 0 {
            out.extend_from_slice(&[b'\\', short]);
        } else if c > 0xffff {
            escape_unit(out, 0xd800 | (c - 0x10000) >> 10);
            escape_unit(out, 0xdc00 | (c - 0x10000) & 0x3ff);
        } else {
            escape_unit(out, c);
        }
    }
    out.push(b'"');
    Ok(())
}

fn dumps(th: &mut Thread, a: Args) -> R {
    let mut out = Vec::new();
    if !write(th, &mut out, a[0], 0)? {
        return Ok(Value::NONE);
    }
    Ok(text::of_bytes(&mut th.heap, &out)?)
}

fn add(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Full> {
    room(out, bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

/// A value that is neither text nor a container; false if it is another one.
fn write_atom(th: &mut Thread, out: &mut Vec<u8>, v: Value) -> R<bool> {
    match v {
        Value::NONE => add(out, b"null")?,
        Value::TRUE => add(out, b"true")?,
        Value::FALSE => add(out, b"false")?,
        v if v.is_int() => add(out, v.as_int().to_string().as_bytes())?,
        v if v.is_kind(Kind::Big) => {
            if bigint::decimal_digits(v) > DIGITS {
                return Ok(false);
            }
            let digits = bigint::to_decimal(&mut th.heap, v);
            add(out, digits.as_bytes())?;
        }
        v if v.is_float() || v.is_kind(Kind::Float) => {
            let x = match v.cast::<Float>() {
                Some(f) => f64::from_bits(f.bits.get() as u64),
                None => v.as_float(),
            };
            let special = match x {
                x if x.is_nan() => "NaN",
                f64::INFINITY => "Infinity",
                f64::NEG_INFINITY => "-Infinity",
                _ => "",
            };
            if !special.is_empty() {
                add(out, special.as_bytes())?;
                return Ok(true);
            }
            let Some(repr) = class::slots(C::float.v()).repr else { return Ok(false) };
            let shown = repr(th, v)?;
            let bytes = text::bytes_of(&mut th.heap, shown)?;
            add(out, bytes)?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// Adds a value; false if it is not plain.
fn write(th: &mut Thread, out: &mut Vec<u8>, v: Value, depth: usize) -> R<bool> {
    match v.kind() {
        Kind::Str | Kind::Rope => {
            let bytes = text::bytes_of(&mut th.heap, v)?;
            quote(out, bytes, true)?;
            Ok(true)
        }
        Kind::List | Kind::Tuple | Kind::Dict if depth > DEEPEST || th.native_full() => Ok(false),
        Kind::List => {
            let l = v.get::<List>();
            let mut i = 0;
            while let Some(x) = list::get(&mut th.heap, l, i) {
                if !item(th, out, x, i, depth)? {
                    return Ok(false);
                }
                i += 1;
            }
            add(out, if i == 0 { b"[]" } else { b"]" })?;
            Ok(true)
        }
        Kind::Tuple => {
            let t = v.get::<Tuple>();
            for (i, x) in t.iter().enumerate() {
                if !item(th, out, x, i, depth)? {
                    return Ok(false);
                }
            }
            add(out, if t.is_empty() { b"[]" } else { b"]" })?;
            Ok(true)
        }
        Kind::Dict => write_dict(th, out, v, depth),
        _ => write_atom(th, out, v),
    }
}

fn item(th: &mut Thread, out: &mut Vec<u8>, v: Value, i: usize, depth: usize) -> R<bool> {
    add(out, if i == 0 { b"[" } else { b", " })?;
    if i % 4096 == 4095 {
        poll::native_poll(th)?;
    }
    write(th, out, v, depth + 1)
}

fn write_dict(th: &mut Thread, out: &mut Vec<u8>, v: Value, depth: usize) -> R<bool> {
    let table = v.get::<Dict>().table.get();
    let (mut at, mut n) = (0, 0usize);
    while let Some((found, key, value)) = dict::next_entry(table.get::<DictTable>(), at) {
        at = found + 1;
        add(out, if n == 0 { b"{" } else { b", " })?;
        n += 1;
        if n.is_multiple_of(4096) {
            poll::native_poll(th)?;
        }
        if text::is_text(key) {
            let bytes = text::bytes_of(&mut th.heap, key)?;
            quote(out, bytes, true)?;
        } else {
            add(out, b"\"")?;
            if !write_atom(th, out, key)? {
                return Ok(false);
            }
            add(out, b"\"")?;
        }
        add(out, b": ")?;
        if !write(th, out, value, depth + 1)? {
            return Ok(false);
        }
    }
    add(out, if n == 0 { b"{}" } else { b"}" })?;
    Ok(true)
}

// ----------------------------------------------------------------------------------------------------------- reading

/// Why there is no value.
enum Wrong {
    /// The text is not JSON, or is left to the library module.
    Text,
    Raised(Raised),
}

impl From<Raised> for Wrong {
    fn from(r: Raised) -> Wrong {
        Wrong::Raised(r)
    }
}

impl From<Full> for Wrong {
    fn from(f: Full) -> Wrong {
        Wrong::Raised(f.into())
    }
}

/// Recent keys, so that equal ones are one object.
const KEYS: usize = 64;

struct Reader {
    s: &'static [u8],
    at: usize,
    steps: u32,
    /// Local to the reading native: on its stack, where the collector sees it.
    keys: [Value; KEYS],
}

fn loads(th: &mut Thread, a: Args) -> R {
    let b = a[0].base();
    if !text::is_text(b) {
        return Err(th.type_error(format!("expected str, got {}", th.type_name(a[0]))));
    }
    let flat = text::flat_value(&mut th.heap, b)?;
    let mut r = Reader { s: flat.get::<Str>().bytes(), at: 0, steps: 0, keys: [Value::UNBOUND; KEYS] };
    r.white();
    let found = r.value(th, 0).and_then(|v| {
        r.white();
        if r.at == r.s.len() { Ok(v) } else { Err(Wrong::Text) }
    });
    finish(th, found)
}

fn finish<T>(th: &mut Thread, found: Result<T, Wrong>) -> R<T> {
    match found {
        Ok(v) => Ok(v),
        Err(Wrong::Raised(r)) => Err(r),
        Err(Wrong::Text) => Err(th.value_error("not plain JSON")),
    }
}

fn scanstring(th: &mut Thread, a: Args) -> R {
    let b = a[0].base();
    if !text::is_text(b) {
        let text = format!("first argument must be a string, not {}", th.type_name(a[0]));
        return Err(th.type_error(text));
    }
    let end = th.index(a[1])?;
    let strict = a[2].is_unbound() || th.truth(a[2])?;
    let flat = text::flat_value(&mut th.heap, b)?;
    if end < 0 || end as usize > text::len(flat) {
        return Err(th.value_error("end is out of bounds"));
    }
    let at = index::offset(&mut th.heap, flat, end as usize)?;
    let mut r = Reader { s: flat.get::<Str>().bytes(), at, steps: 0, keys: [Value::UNBOUND; KEYS] };
    let found = r.string(th, strict, false);
    let v = finish(th, found)?;
    let end = index::index_of(&mut th.heap, flat, r.at)?;
    Ok(th.tuple(&[v, Value::int(end as i64)])?)
}

impl Reader {
    fn peek(&self) -> u8 {
        self.s.get(self.at).copied().unwrap_or(0)
    }

    fn white(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &[u8], v: Value) -> Result<Value, Wrong> {
        if !self.s[self.at..].starts_with(word) {
            return Err(Wrong::Text);
        }
        self.at += word.len();
        Ok(v)
    }

    fn tick(&mut self, th: &mut Thread) -> Result<(), Wrong> {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(4096) {
            poll::native_poll(th)?;
        }
        Ok(())
    }

    fn value(&mut self, th: &mut Thread, depth: usize) -> Result<Value, Wrong> {
        match self.peek() {
            b'"' => {
                self.at += 1;
                self.string(th, true, false)
            }
            b'{' | b'[' if depth > DEEPEST || th.native_full() => Err(Wrong::Text),
            b'{' => self.object(th, depth),
            b'[' => self.array(th, depth),
            b'n' => self.word(b"null", Value::NONE),
            b't' => self.word(b"true", Value::TRUE),
            b'f' => self.word(b"false", Value::FALSE),
            b'N' => {
                let v = th.heap.float(f64::NAN)?;
                self.word(b"NaN", v)
            }
            b'I' => {
                let v = th.heap.float(f64::INFINITY)?;
                self.word(b"Infinity", v)
            }
            b'-' if self.s.get(self.at + 1) == Some(&b'I') => {
                let v = th.heap.float(f64::NEG_INFINITY)?;
                self.word(b"-Infinity", v)
            }
            _ => self.number(th),
        }
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        self.at - from
    }

    fn number(&mut self, th: &mut Thread) -> Result<Value, Wrong> {
        let from = self.at;
        let negative = self.peek() == b'-';
        self.at += negative as usize;
        let first = self.at;
        let n = if self.peek() == b'0' {
            self.at += 1;
            1
        } else {
            self.digits()
        };
        if n == 0 {
            return Err(Wrong::Text);
        }
        let whole = self.at;
        let digit = |at: usize| self.s.get(at).is_some_and(u8::is_ascii_digit);
        let mut real = false;
        if self.peek() == b'.' && digit(self.at + 1) {
            real = true;
            self.at += 1;
            self.digits();
        }
        if matches!(self.peek(), b'e' | b'E') {
            let signed = matches!(self.s.get(self.at + 1), Some(b'+' | b'-')) as usize;
            if self.s.get(self.at + 1 + signed).is_some_and(u8::is_ascii_digit) {
                real = true;
                self.at += 1 + signed;
                self.digits();
            }
        }
        let text = |from: usize, to: usize| std::str::from_utf8(&self.s[from..to]).unwrap_or("");
        if real {
            let x: f64 = text(from, self.at).parse().map_err(|_| Wrong::Text)?;
            return Ok(th.heap.float(x)?);
        }
        if n <= 18 {
            let i: i64 = text(from, whole).parse().map_err(|_| Wrong::Text)?;
            return Ok(th.heap.int(i)?);
        }
        if n > DIGITS {
            return Err(Wrong::Text);
        }
        bigint::parse(&mut th.heap, &self.s[first..whole], 10, negative).map_err(|_| Wrong::Text)
    }

    fn array(&mut self, th: &mut Thread, depth: usize) -> Result<Value, Wrong> {
        self.at += 1;
        let out = th.list_with(0)?;
        self.white();
        if self.peek() == b']' {
            self.at += 1;
            return Ok(out);
        }
        loop {
            self.white();
            let v = self.value(th, depth + 1)?;
            list::push(&mut th.heap, out.get::<List>(), v)?;
            self.tick(th)?;
            self.white();
            match self.peek() {
                b',' => self.at += 1,
                b']' => {
                    self.at += 1;
                    return Ok(out);
                }
                _ => return Err(Wrong::Text),
            }
        }
    }

    fn object(&mut self, th: &mut Thread, depth: usize) -> Result<Value, Wrong> {
        self.at += 1;
        let out = th.heap.new_dict()?;
        self.white();
        if self.peek() == b'}' {
            self.at += 1;
            return Ok(out);
        }
        loop {
            self.white();
            if self.peek() != b'"' {
                return Err(Wrong::Text);
            }
            self.at += 1;
            let key = self.string(th, true, true)?;
            self.white();
            if self.peek() != b':' {
                return Err(Wrong::Text);
            }
            self.at += 1;
            self.white();
            let v = self.value(th, depth + 1)?;
            th.dict_insert(out, key, v)?;
            self.tick(th)?;
            self.white();
            match self.peek() {
                b',' => self.at += 1,
                b'}' => {
                    self.at += 1;
                    return Ok(out);
                }
                _ => return Err(Wrong::Text),
            }
        }
    }

    /// The string whose opening quote has been read.
    fn string(&mut self, th: &mut Thread, strict: bool, key: bool) -> Result<Value, Wrong> {
        let from = self.at;
        let n = self.plain(strict)?;
        if self.s[self.at] == b'"' {
            self.at += 1;
            let bytes = &self.s[from..from + n];
            return if key { self.key(th, bytes) } else { Ok(text::of_bytes(&mut th.heap, bytes)?) };
        }
        let mut out = Vec::new();
        add(&mut out, &self.s[from..from + n])?;
        loop {
            if self.s[self.at] == b'"' {
                self.at += 1;
                return Ok(text::of_bytes(&mut th.heap, &out)?);
            }
            self.at += 1;
            let c = self.escape()?;
            let mut b = [0; 4];
            let n = index::encode(c, &mut b);
            add(&mut out, &b[..n])?;
            let from = self.at;
            let n = self.plain(strict)?;
            add(&mut out, &self.s[from..from + n])?;
        }
    }

    /// Passes what needs no interpretation, up to a quote or backslash; its length.
    fn plain(&mut self, strict: bool) -> Result<usize, Wrong> {
        let rest = &self.s[self.at..];
        let n =
            rest.iter().position(|b| *b == b'"' || *b == b'\\' || strict && *b < b' ').ok_or(Wrong::Text)?;
        if rest[n] < b' ' {
            return Err(Wrong::Text);
        }
        self.at += n;
        Ok(n)
    }

    fn unit(&mut self) -> Result<u32, Wrong> {
        let hex = self.s.get(self.at..self.at + 4).ok_or(Wrong::Text)?;
        let mut n = 0;
        for b in hex {
            n = n << 4 | (*b as char).to_digit(16).ok_or(Wrong::Text)?;
        }
        self.at += 4;
        Ok(n)
    }

    /// The character of an escape whose backslash has been read.
    fn escape(&mut self) -> Result<u32, Wrong> {
        let b = self.peek();
        self.at += 1;
        Ok(match b {
            b'"' | b'\\' | b'/' => b as u32,
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let high = self.unit()?;
                if (0xd800..0xdc00).contains(&high) && self.s[self.at..].starts_with(b"\\u") {
                    let mark = self.at;
                    self.at += 2;
                    let low = self.unit()?;
                    if (0xdc00..0xe000).contains(&low) {
                        return Ok(0x10000 + ((high - 0xd800) << 10 | (low - 0xdc00)));
                    }
                    self.at = mark;
                }
                high
            }
            _ => return Err(Wrong::Text),
        })
    }

    /// A key: the same object as the last equal one.
    fn key(&mut self, th: &mut Thread, bytes: &[u8]) -> Result<Value, Wrong> {
        if bytes.is_empty() {
            return Ok(S::empty_str.v());
        }
        let (first, last) = (bytes[0] as usize, bytes[bytes.len() - 1] as usize);
        let i = (first.wrapping_mul(7) ^ last.wrapping_mul(31) ^ bytes.len()) % KEYS;
        let old = self.keys[i];
        if old.cast::<Str>().is_some_and(|s| s.bytes() == bytes) {
            return Ok(old);
        }
        let v = text::of_bytes(&mut th.heap, bytes)?;
        self.keys[i] = v;
        Ok(v)
    }
}
