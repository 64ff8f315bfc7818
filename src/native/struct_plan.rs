//! Formats of `struct`: text compiled to runs, and values written and read by them. Invariant: a plan holds no heap
//! value; its runs lie one behind the other within its size.

use super::util;
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Value, bigint};
use crate::run::{R, Raised, Thread, arith, class};
use crate::types::{self, memoryview, seq};
use std::cell::RefCell;
use std::rc::Rc;

/// The same code some times over.
#[derive(Clone)]
struct Run {
    code: u8,
    /// Bytes of one value; of `s` and `p` of all.
    size: usize,
    count: usize,
    offset: usize,
}

/// A compiled format.
#[derive(Clone)]
pub struct Plan {
    runs: Vec<Run>,
    /// Bytes in all.
    pub size: usize,
    /// Values in all.
    pub values: usize,
    little: bool,
    /// The format.
    pub format: Box<[u8]>,
}

/// Raises `struct.error`.
#[cold]
pub fn fault(th: &mut Thread, text: impl AsRef<str>) -> Raised {
    let made = (|| {
        let class = types::imported(th, "struct", "error")?;
        let text = th.str(text.as_ref())?;
        th.call(class, &[text])
    })();
    match made {
        Ok(e) => th.raise_value(e),
        Err(e) => e,
    }
}

// ------------------------------------------------------------------------------------------------------------ formats

/// Size and alignment of a code; `own`: as the machine has it.
fn measure(code: u8, own: bool) -> Option<(usize, usize)> {
    let (size, align) = match code {
        b'x' | b'b' | b'B' | b'c' | b's' | b'p' | b'?' => (1, 1),
        b'h' | b'H' | b'e' => (2, 2),
        b'i' | b'I' | b'f' => (4, 4),
        b'l' | b'L' if !own => (4, 4),
        b'l' | b'L' | b'q' | b'Q' | b'd' => (8, 8),
        b'n' | b'N' | b'P' if own => (8, 8),
        b'F' => (8, 4),
        b'D' => (16, 8),
        _ => return None,
    };
    Some((size, if own { align } else { 1 }))
}

const LONGEST: usize = isize::MAX as usize;

/// Compiles a format; the text of the error otherwise.
fn compile(format: &[u8]) -> Result<Plan, &'static str> {
    if format.contains(&0) {
        return Err("embedded null character");
    }
    let (own, little, mut rest) = match format.first() {
        Some(b'@') => (true, cfg!(target_endian = "little"), &format[1..]),
        Some(b'=') => (false, cfg!(target_endian = "little"), &format[1..]),
        Some(b'<') => (false, true, &format[1..]),
        Some(b'>' | b'!') => (false, false, &format[1..]),
        _ => (true, cfg!(target_endian = "little"), format),
    };
    let (mut runs, mut total, mut values) = (Vec::new(), 0usize, 0usize);
    while let [first, tail @ ..] = rest {
        let mut code = *first;
        rest = tail;
        if matches!(code, b' ' | 9..=13 | 0x1c..=0x1f | 0x85 | 0xa0) {
            continue;
        }
        let mut count = 1;
        if code.is_ascii_digit() {
            count = (code - b'0') as usize;
            loop {
                let [next, tail @ ..] = rest else {
                    return Err("repeat count given without format specifier");
                };
                (code, rest) = (*next, tail);
                if !code.is_ascii_digit() {
                    break;
                }
                count = count
                    .checked_mul(10)
                    .and_then(|n| n.checked_add((code - b'0') as usize))
                    .filter(|n| *n <= LONGEST)
                    .ok_or("total struct size too long")?;
            }
        }
        let (size, align) = measure(code, own).ok_or("bad char in struct format")?;
        let offset = total.next_multiple_of(align);
        total = size
            .checked_mul(count)
            .and_then(|n| n.checked_add(offset))
            .filter(|n| *n <= LONGEST)
            .ok_or("total struct size too long")?;
        match code {
            b's' | b'p' => {
                runs.push(Run { code, size: count, count: 1, offset });
                values += 1;
            }
            b'x' => {}
            _ if count == 0 => {}
            _ => {
                runs.push(Run { code, size, count, offset });
                values += count;
            }
        }
    }
    Ok(Plan { runs, size: total, values, little, format: format.into() })
}

/// Formats that a thread keeps compiled.
const KEPT: usize = 64;

thread_local! {
    static LATELY: RefCell<Vec<Option<Rc<Plan>>>> = const { RefCell::new(Vec::new()) };
}

/// Forgets the compiled formats of this thread.
pub fn forget() {
    LATELY.with_borrow_mut(Vec::clear);
}

/// The plan of a format, which is a str or bytes.
pub fn plan(th: &mut Thread, format: Value) -> R<Rc<Plan>> {
    let b = format.base();
    let bytes = if let Some(b) = b.cast::<Bytes>() {
        b.bytes()
    } else if crate::heap::text::is_text(b) {
        crate::heap::text::bytes_of(&mut th.heap, b)?
    } else {
        let t = th.type_name(format);
        return Err(th.type_error(format!("Struct() argument 1 must be a str or bytes object, not {t}")));
    };
    let ends = bytes.first().map_or(0, |b| *b as usize * 5) + bytes.last().map_or(0, |b| *b as usize);
    let place = (ends + bytes.len() * 11) % KEPT;
    let kept = LATELY.with_borrow(|all| match all.get(place) {
        Some(Some(p)) if *p.format == *bytes => Some(p.clone()),
        _ => None,
    });
    if let Some(p) = kept {
        return Ok(p);
    }
    if !bytes.is_ascii() && crate::heap::text::is_text(b) {
        // Encoding it says what is wrong with it.
        let ascii = th.str("ascii")?;
        let encode = th.intern("encode")?;
        let encode = th.getattr(format, encode)?;
        th.call(encode, &[ascii])?;
    }
    let p = Rc::new(compile(bytes).map_err(|text| fault(th, text))?);
    LATELY.with_borrow_mut(|all| {
        if all.is_empty() {
            all.resize(KEPT, None);
        }
        all[place] = Some(p.clone());
    });
    Ok(p)
}

// ------------------------------------------------------------------------------------------------------------ writing

/// An int as 128 bits, in which any that fits a code fits; far ones come out as the nearest.
fn wide(th: &mut Thread, v: Value) -> R<i128> {
    if v.is_int() {
        return Ok(v.as_int() as i128);
    }
    if !seq::is_index(v) {
        return Err(fault(th, "required argument is not an integer"));
    }
    let i = arith::index(th, v)?;
    Ok(match (bigint::to_i64(i), bigint::to_u64(i)) {
        (Some(x), _) => x as i128,
        (None, Some(x)) => x as i128,
        (None, None) if bigint::is_negative(i) => i128::MIN,
        (None, None) => i128::MAX,
    })
}

fn is_signed(code: u8) -> bool {
    matches!(code, b'b' | b'h' | b'i' | b'l' | b'q' | b'n')
}

fn word(th: &mut Thread, code: u8, size: usize, v: Value) -> R<u64> {
    let x = wide(th, v)?;
    if code == b'P' {
        return match x >= i64::MIN as i128 && x <= u64::MAX as i128 {
            true => Ok(x as u64),
            false => Err(fault(th, "int too large to convert")),
        };
    }
    let bits = size * 8;
    let (low, high) = match is_signed(code) {
        true => (-1i128 << (bits - 1), (1i128 << (bits - 1)) - 1),
        false => (0, (1i128 << bits) - 1),
    };
    if x < low || x > high {
        return Err(fault(th, format!("'{}' format requires {low} <= number <= {high}", code as char)));
    }
    Ok(x as u64)
}

/// Whether what was raised only says that a value is no number.
fn no_number(th: &Thread) -> bool {
    [C::TypeError, C::AttributeError, C::ValueError, C::OverflowError].iter().any(|c| th.raised_is(*c))
}

fn real(th: &mut Thread, v: Value) -> R<f64> {
    match util::real(th, v) {
        Err(_) if no_number(th) => {
            th.take_raised();
            Err(fault(th, "required argument is not a float"))
        }
        r => r,
    }
}

/// Four bytes of a double; OverflowError where it rounds to infinity.
fn single(th: &mut Thread, x: f64) -> R<u32> {
    let y = x as f32;
    if y.is_infinite() && x.is_finite() {
        return Err(th.overflow_error("float too large to pack with f format"));
    }
    Ok(y.to_bits())
}

fn pair(th: &mut Thread, v: Value) -> R<(f64, f64)> {
    if let Some(p) = types::complex::value(v) {
        return Ok(p);
    }
    let made = match seq::buffer(v).is_some() || types::is_str(v) {
        true => None,
        false => match th.call(C::complex.v(), &[v]) {
            Ok(made) => types::complex::value(made),
            Err(_) if no_number(th) => {
                th.take_raised();
                None
            }
            Err(e) => return Err(e),
        },
    };
    made.ok_or_else(|| fault(th, "required argument is not a complex"))
}

fn text_of<'a>(th: &mut Thread, code: u8, v: Value) -> R<std::borrow::Cow<'a, [u8]>> {
    if class::is_instance(v, C::bytes) || class::is_instance(v, C::bytearray) {
        return seq::need_buffer(th, v);
    }
    Err(fault(th, format!("argument for '{}' must be a bytes object", code as char)))
}

impl Plan {
    fn put(&self, out: &mut [u8], word: u64) {
        let word = match self.little {
            true => word,
            false => word.swap_bytes() >> (64 - 8 * out.len()),
        };
        // Each of the sizes by itself: a copy of unknown length is a call.
        match out {
            [a] => *a = word as u8,
            [a, b] => [*a, *b] = (word as u16).to_le_bytes(),
            [a, b, c, d] => [*a, *b, *c, *d] = (word as u32).to_le_bytes(),
            _ => out.copy_from_slice(&word.to_le_bytes()[..out.len()]),
        }
    }

    /// Writes the values, as many as the plan has, into zeroed bytes, as many as it takes.
    pub fn write(&self, th: &mut Thread, values: &[Value], out: &mut [u8]) -> R<()> {
        let mut values = values.iter();
        for run in &self.runs {
            let Run { code, size, .. } = *run;
            if matches!(code, b's' | b'p') {
                let Some(v) = values.next() else { return Ok(()) };
                let given = text_of(th, code, *v)?;
                let room = &mut out[run.offset..run.offset + size];
                let room = match room {
                    [told, rest @ ..] if code == b'p' => {
                        *told = given.len().min(rest.len()).min(255) as u8;
                        rest
                    }
                    room => room,
                };
                let n = given.len().min(room.len());
                room[..n].copy_from_slice(&given[..n]);
                continue;
            }
            let area = &mut out[run.offset..run.offset + size * run.count];
            for (room, v) in area.chunks_exact_mut(size).zip(values.by_ref().take(run.count)) {
                self.write_one(th, code, *v, room)?;
            }
        }
        Ok(())
    }

    #[inline]
    fn write_one(&self, th: &mut Thread, code: u8, v: Value, room: &mut [u8]) -> R<()> {
        let word = match code {
            b'd' => real(th, v)?.to_bits(),
            b'f' => {
                let x = real(th, v)?;
                single(th, x)? as u64
            }
            b'e' => {
                let x = real(th, v)?;
                match memoryview::to_half(x) {
                    Some(h) => h as u64,
                    None => return Err(th.overflow_error("float too large to pack with e format")),
                }
            }
            b'?' => th.truth(v)? as u64,
            b'c' => match v.base().cast::<Bytes>().map(|b| b.bytes()) {
                Some([b]) => *b as u64,
                _ => return Err(fault(th, "char format requires a bytes object of length 1")),
            },
            b'F' | b'D' => {
                let (re, im) = pair(th, v)?;
                let half = room.len() / 2;
                for (part, room) in [re, im].into_iter().zip(room.chunks_exact_mut(half)) {
                    let word = match code {
                        b'D' => part.to_bits(),
                        _ if self.little == cfg!(target_endian = "little") => (part as f32).to_bits() as u64,
                        _ => single(th, part)? as u64,
                    };
                    self.put(room, word);
                }
                return Ok(());
            }
            _ => word(th, code, room.len(), v)?,
        };
        self.put(room, word);
        Ok(())
    }

    /// The values that the bytes stand for, of which there are as many as the plan takes.
    pub fn read(&self, th: &mut Thread, data: &[u8]) -> R {
        let out = th.tuple_with(self.values)?;
        let mut at = 0;
        for run in &self.runs {
            if matches!(run.code, b's' | b'p') {
                let part = &data[run.offset..run.offset + run.size];
                let part = match part {
                    [told, rest @ ..] if run.code == b'p' => &rest[..(*told as usize).min(rest.len())],
                    part => part,
                };
                let v = th.bytes(part)?;
                // SAFETY: there are no more runs' values than the tuple has items.
                unsafe { out.get::<Tuple>().item(at) }.set(v);
                at += 1;
                continue;
            }
            for part in data[run.offset..run.offset + run.size * run.count].chunks_exact(run.size) {
                let v = self.read_one(th, run.code, part)?;
                // SAFETY: as above.
                unsafe { out.get::<Tuple>().item(at) }.set(v);
                at += 1;
            }
        }
        Ok(out)
    }

    #[inline]
    fn get(&self, part: &[u8]) -> u64 {
        let word = match *part {
            [a] => a as u64,
            [a, b] => u16::from_le_bytes([a, b]) as u64,
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]) as u64,
            [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            _ => 0,
        };
        if self.little { word } else { word.swap_bytes() >> (64 - 8 * part.len()) }
    }

    #[inline]
    fn read_one(&self, th: &mut Thread, code: u8, part: &[u8]) -> R {
        match code {
            b'c' => return Ok(th.bytes(part)?),
            b'D' | b'F' => {
                let (re, im) = part.split_at(part.len() / 2);
                let float = |w: u64| match code {
                    b'D' => f64::from_bits(w),
                    _ => f32::from_bits(w as u32) as f64,
                };
                let (re, im) = (float(self.get(re)), float(self.get(im)));
                return Ok(th.heap.complex(re, im)?);
            }
            _ => {}
        }
        let word = self.get(part);
        match code {
            b'd' => Ok(th.float(f64::from_bits(word))?),
            b'f' => Ok(th.float(f32::from_bits(word as u32) as f64)?),
            b'e' => Ok(th.float(memoryview::half(word as u16))?),
            b'?' => Ok(Value::bool(word != 0)),
            _ if is_signed(code) => {
                let unused = 64 - part.len() * 8;
                Ok(th.heap.int(((word << unused) as i64) >> unused)?)
            }
            _ => Ok(th.heap.uint(word)?),
        }
    }
}
