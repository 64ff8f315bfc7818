//! The module `_binascii`: what `binascii` and `base64` do with every byte. Invariant: the functions work on bytes that
//! they hold or that never change, and make their result in one go.

use super::util;
use crate::heap::Value;
use crate::heap::text;
use crate::run::{Args, ModuleDef, R, Raised, Thread, def};
use crate::types::{self, seq};
use std::borrow::Cow;

/// The module.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_binascii",
    doc: "Conversion between bytes and text.",
    functions: &[
        def(
            "b2a_base64",
            "(data, /, *, newline=True)",
            |th, a| {
                let newline = util::truth_or(th, a[1], true)?;
                to64(th, a[0], LETTERS, newline)
            },
            "Base64-code line of data.",
        ),
        def("_to64", "(data, /)", |th, a| to64(th, a[0], LETTERS, false), ""),
        def("_to_safe64", "(data, /)", |th, a| to64(th, a[0], SAFE, false), ""),
        def(
            "_from_safe64",
            "(data, /)",
            |th, a| {
                let data = ascii(th, a[0], "a bytes-like object")?;
                from64(th, &data, &SAFE_VALUES)
            },
            "",
        ),
        def(
            "a2b_base64",
            "(data, /, *, strict_mode=False)",
            |th, a| {
                let strict = util::truth_or(th, a[1], false)?;
                let data = ascii(th, a[0], "bytes, buffer")?;
                if strict {
                    strict_letters(th, &data)?;
                }
                from64(th, &data, &VALUES)
            },
            "Decode a line of base64 data.",
        ),
        def(
            "_from64",
            "(data, /)",
            |th, a| {
                let data = ascii(th, a[0], "a bytes-like object")?;
                from64(th, &data, &VALUES)
            },
            "",
        ),
        def(
            "hexlify",
            "(data, sep=<unrepresentable>, bytes_per_sep=1)",
            hexlify,
            "Hexadecimal representation of binary data.",
        ),
        def(
            "b2a_hex",
            "(data, sep=<unrepresentable>, bytes_per_sep=1)",
            hexlify,
            "Hexadecimal representation of binary data.",
        ),
        def("_upper_hex", "(data, /)", |th, a| hex(th, a[0], b"0123456789ABCDEF"), ""),
        def("_upper_unhex", "(data, /)", upper_unhex, ""),
        def("unhexlify", "(hexstr, /)", unhexlify, "Binary data of hexadecimal representation."),
        def("a2b_hex", "(hexstr, /)", unhexlify, "Binary data of hexadecimal representation."),
        def("b2a_uu", "(data, /, *, backtick=False)", b2a_uu, "Uuencode line of data."),
        def("a2b_uu", "(data, /)", a2b_uu, "Decode a line of uuencoded data."),
        def(
            "crc32",
            "(data, crc=0, /)",
            |th, a| {
                let data = bytes_of(th, a[0])?;
                let start = if a[1].is_unbound() { 0 } else { low_word(th, a[1])? };
                let mut h = crc32fast::Hasher::new_with_initial(start);
                h.update(&data);
                Ok(Value::int(h.finalize() as i64))
            },
            "Compute CRC-32 incrementally.",
        ),
        def(
            "crc_hqx",
            "(data, crc, /)",
            |th, a| {
                let data = bytes_of(th, a[0])?;
                let start = low_word(th, a[1])? as u16;
                Ok(Value::int(data.iter().fold(start, |crc, b| hqx(crc, *b)) as i64))
            },
            "Compute CRC-CCITT incrementally.",
        ),
        def("_to32", "(data, alphabet, /)", to32, ""),
        def("_from32", "(letters, alphabet, /)", from32, ""),
        def("_to85", "(data, alphabet, zero, spaces, /)", to85, ""),
        def("_from85", "(digits, alphabet, name, /)", from85, ""),
        def("_from_ascii85", "(digits, foldspaces, ignorechars, /)", from_ascii85, ""),
    ],
    fill: |_, _| Ok(()),
};

/// Raises `binascii.Error`.
#[cold]
fn fault(th: &mut Thread, text: impl AsRef<str>) -> Raised {
    let made = (|| {
        let class = types::imported(th, "binascii", "Error")?;
        let text = th.str(text.as_ref())?;
        th.call(class, &[text])
    })();
    match made {
        Ok(e) => th.raise_value(e),
        Err(e) => e,
    }
}

#[inline]
fn bytes_of(th: &mut Thread, v: Value) -> R<Cow<'static, [u8]>> {
    match seq::buffer(v) {
        Some(b) => Ok(b),
        None => util::buffer(th, v).map(Cow::Owned),
    }
}

/// The bytes of what may be ASCII text too; `said` are the other things that it may be.
fn ascii(th: &mut Thread, v: Value, said: &str) -> R<Cow<'static, [u8]>> {
    if text::is_text(v.base()) {
        let bytes = text::bytes_of(&mut th.heap, v.base())?;
        if !bytes.is_ascii() {
            return Err(th.value_error("string argument should contain only ASCII characters"));
        }
        return Ok(Cow::Borrowed(bytes));
    }
    match bytes_of(th, v) {
        Err(_) if th.raised_is(crate::heap::known::C::TypeError) => {
            th.take_raised();
            let t = th.type_name(v);
            Err(th.type_error(format!("argument should be {said} or ASCII string, not '{t}'")))
        }
        r => r,
    }
}

fn low_word(th: &mut Thread, v: Value) -> R<u32> {
    let i = crate::run::arith::index(th, v)?;
    Ok(match crate::heap::bigint::to_i64(i) {
        Some(x) => x as u32,
        None => {
            let mask = Value::int(0xffff_ffff);
            th.binary(crate::run::Bin::And, i, mask)?.as_int() as u32
        }
    })
}

/// A bytes object of `n` bytes, filled by `f`.
fn made(th: &mut Thread, n: usize, f: impl FnOnce(&mut [u8])) -> R {
    let (v, b) = th.heap.bytes_with(n)?;
    // SAFETY: the cell was made with that many bytes, and nobody else has seen it.
    f(unsafe { std::slice::from_raw_parts_mut(b.bytes_ptr(), n) });
    Ok(v)
}

// ------------------------------------------------------------------------------------------------------------ base 64

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The value of each letter, 255 for what is none.
static VALUES: [u8; 256] = values_of(LETTERS);

const SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// The same with `-` and `_` beside the usual letters.
static SAFE_VALUES: [u8; 256] = {
    let mut out = values_of(LETTERS);
    out[b'-' as usize] = 62;
    out[b'_' as usize] = 63;
    out
};

const fn values_of(letters: &[u8]) -> [u8; 256] {
    let mut out = [255; 256];
    let mut i = 0;
    while i < letters.len() {
        out[letters[i] as usize] = i as u8;
        i += 1;
    }
    out
}

/// Four letters for each three bytes; zeros stand for what the last group lacks.
fn sixes(data: &[u8], letters: &[u8; 64], out: &mut [u8]) {
    let put = |word: u32, to: &mut [u8; 4]| {
        let at = |shift: u32| letters[(word >> shift) as usize & 63];
        *to = [at(18), at(12), at(6), at(0)];
    };
    let ((whole, last), (groups, _)) = (data.as_chunks::<3>(), out.as_chunks_mut::<4>());
    for ([a, b, c], to) in whole.iter().zip(&mut *groups) {
        put((*a as u32) << 16 | (*b as u32) << 8 | *c as u32, to);
    }
    if let (Some(one), Some(to)) = (last.first(), groups.get_mut(whole.len())) {
        put((*one as u32) << 16 | (last.get(1).copied().unwrap_or(0) as u32) << 8, to);
    }
}

fn to64(th: &mut Thread, v: Value, letters: &[u8; 64], newline: bool) -> R {
    let data = bytes_of(th, v)?;
    let n = data.len().div_ceil(3) * 4;
    made(th, n + newline as usize, |out| {
        sixes(&data, letters, out);
        out[n - (n / 4 * 3 - data.len())..].fill(b'=');
        if newline {
            out[n] = b'\n';
        }
    })
}

fn from64(th: &mut Thread, data: &[u8], values: &[u8; 256]) -> R {
    // Text of nothing but whole groups is decoded into place.
    if data.len().is_multiple_of(4) && data.last() != Some(&b'=') {
        let mut good = true;
        let v = made(th, data.len() / 4 * 3, |out| good = groups(data, values, out) == data.len() / 4)?;
        if good {
            return Ok(v);
        }
    }
    let mut out = vec![0; data.len() / 4 * 3];
    let done = groups(data, values, &mut out);
    out.truncate(done * 3);
    let rest = &data[done * 4..];
    let (mut have, mut word, mut pads) = (0, 0u32, 0);
    for x in rest {
        let value = values[*x as usize];
        if value < 64 {
            (word, have, pads) = (word << 6 | value as u32, have + 1, 0);
            if have == 4 {
                out.extend_from_slice(&word.to_be_bytes()[1..]);
                (word, have) = (0, 0);
            }
        } else if *x == b'=' {
            pads += 1;
        }
    }
    match have {
        0 => Ok(th.bytes(&out)?),
        1 => Err(too_few(th, out.len() / 3 * 4 + 1)),
        // Padding counts that stands behind the last letter.
        _ if have + pads >= 4 => {
            let bytes = (word << (6 * (4 - have))).to_be_bytes();
            out.extend_from_slice(&bytes[1..have]);
            Ok(th.bytes(&out)?)
        }
        _ => Err(fault(th, "Incorrect padding")),
    }
}

/// Decodes groups of four letters; how many there are before anything else.
fn groups(data: &[u8], values: &[u8; 256], out: &mut [u8]) -> usize {
    let mut done = 0;
    for (from, to) in data.as_chunks::<4>().0.iter().zip(out.as_chunks_mut::<3>().0) {
        let at = |k: usize| values[from[k] as usize] as u32;
        let (a, b, c, d) = (at(0), at(1), at(2), at(3));
        if (a | b | c | d) > 63 {
            break;
        }
        let word = a << 18 | b << 12 | c << 6 | d;
        *to = [(word >> 16) as u8, (word >> 8) as u8, word as u8];
        done += 1;
    }
    done
}

#[cold]
fn too_few(th: &mut Thread, count: usize) -> Raised {
    fault(
        th,
        format!(
            "Invalid base64-encoded string: number of data characters ({count}) cannot be 1 more than a multiple of 4"
        ),
    )
}

/// Text in which nothing but letters and their padding may be.
fn strict_letters(th: &mut Thread, data: &[u8]) -> R<()> {
    let at = data.iter().position(|b| *b == b'=');
    let letters = &data[..at.unwrap_or(data.len())];
    if letters.iter().any(|b| VALUES[*b as usize] > 63) {
        return Err(fault(th, "Only base64 data is allowed"));
    }
    let Some(at) = at else { return Ok(()) };
    let refuse = |th: &mut Thread, b: u8, data_text: &str| match VALUES[b as usize] {
        _ if b == b'=' => fault(th, "Excess padding not allowed"),
        0..64 => fault(th, data_text),
        _ => fault(th, "Only base64 data is allowed"),
    };
    let mut rest = &data[at + 1..];
    match letters.len() % 4 {
        _ if letters.is_empty() => return Err(fault(th, "Leading padding not allowed")),
        0 => return Err(fault(th, "Excess padding not allowed")),
        1 => return Err(too_few(th, letters.len())),
        2 => match rest {
            [] => return Err(fault(th, "Incorrect padding")),
            [b'=', tail @ ..] => rest = tail,
            [b, ..] => return Err(refuse(th, *b, "Discontinuous padding not allowed")),
        },
        _ => {}
    }
    match rest {
        [] => Ok(()),
        [b, ..] => Err(refuse(th, *b, "Excess data after padding")),
    }
}

// ---------------------------------------------------------------------------------------------------------------- hex

/// The value of each hex digit, 255 for what is none.
static DIGITS: [u8; 256] = {
    let mut out = values_of(b"0123456789ABCDEF");
    let mut i = 0;
    while i < 6 {
        out[b'a' as usize + i] = 10 + i as u8;
        i += 1;
    }
    out
};

fn hex(th: &mut Thread, v: Value, digits: &[u8; 16]) -> R {
    let data = bytes_of(th, v)?;
    made(th, data.len() * 2, |out| {
        for (b, to) in data.iter().zip(out.as_chunks_mut::<2>().0) {
            *to = [digits[(b >> 4) as usize], digits[(b & 15) as usize]];
        }
    })
}

fn hexlify(th: &mut Thread, a: Args) -> R {
    if util::missing(a[1]) {
        return hex(th, a[0], b"0123456789abcdef");
    }
    let data = bytes_of(th, a[0])?;
    let shown = types::bytes_more::hex_of(th, &data, a[1], a[2])?;
    let bytes = text::bytes_of(&mut th.heap, shown)?;
    Ok(th.bytes(bytes)?)
}

fn unhexlify(th: &mut Thread, a: Args) -> R {
    let data = ascii(th, a[0], "bytes, buffer")?;
    unhex(th, &data)
}

/// As `unhexlify`, of digits without small letters.
fn upper_unhex(th: &mut Thread, a: Args) -> R {
    let data = bytes_of(th, a[0])?;
    if data.iter().fold(false, |bad, b| bad | (DIGITS[*b as usize] > 15) | (*b >= b'a')) {
        return Err(fault(th, "Non-base16 digit found"));
    }
    unhex(th, &data)
}

fn unhex(th: &mut Thread, data: &[u8]) -> R {
    if !data.len().is_multiple_of(2) {
        return Err(fault(th, "Odd-length string"));
    }
    let mut good = true;
    let v = made(th, data.len() / 2, |out| {
        for ([high, low], to) in data.as_chunks::<2>().0.iter().zip(out) {
            let (high, low) = (DIGITS[*high as usize], DIGITS[*low as usize]);
            good &= (high | low) < 16;
            *to = high << 4 | low & 15;
        }
    })?;
    if good { Ok(v) } else { Err(fault(th, "Non-hexadecimal digit found")) }
}

// ----------------------------------------------------------------------------------------------------------- uuencode

fn b2a_uu(th: &mut Thread, a: Args) -> R {
    let data = bytes_of(th, a[0])?;
    let ticks = util::truth_or(th, a[1], false)?;
    if data.len() > 45 {
        return Err(fault(th, "At most 45 bytes at once"));
    }
    let letters: [u8; 64] = std::array::from_fn(|i| if i == 0 && ticks { b'`' } else { i as u8 + 32 });
    let n = data.len().div_ceil(3) * 4;
    made(th, n + 2, |out| {
        out[0] = letters[data.len()];
        sixes(&data, &letters, &mut out[1..=n]);
        out[n + 1] = b'\n';
    })
}

fn a2b_uu(th: &mut Thread, a: Args) -> R {
    let data = ascii(th, a[0], "bytes, buffer")?;
    let Some((first, rest)) = data.split_first() else { return Err(fault(th, "Missing length byte")) };
    let size = (first.wrapping_sub(32) & 63) as usize;
    let count = (size * 8).div_ceil(6);
    let (mut out, mut word, mut bits) = (Vec::with_capacity(size), 0u32, 0);
    for i in 0..count {
        let value = match rest.get(i) {
            None | Some(b'\n' | b'\r') => 0,
            Some(b @ 32..=96) => (b - 32) as u32 & 63,
            Some(_) => return Err(fault(th, "Illegal char")),
        };
        (word, bits) = ((word << 6 | value) & 0xffff, bits + 6);
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
        }
    }
    if rest.iter().skip(count).any(|b| !b" `\n\r".contains(b)) {
        return Err(fault(th, "Trailing garbage"));
    }
    out.truncate(size);
    Ok(th.bytes(&out)?)
}

/// The sum of BinHex after one more byte.
fn hqx(crc: u16, byte: u8) -> u16 {
    (0..8).fold(crc ^ (byte as u16) << 8, |c, _| (c << 1) ^ if c & 0x8000 == 0 { 0 } else { 0x1021 })
}

// -------------------------------------------------------------------------------------------------------- base 32, 85

fn to32(th: &mut Thread, a: Args) -> R {
    let (data, alphabet) = (bytes_of(th, a[0])?, bytes_of(th, a[1])?);
    let Some(letters) = alphabet.get(..32) else { return Err(th.value_error("alphabet too short")) };
    let n = data.len().div_ceil(5) * 8;
    made(th, n, |out| {
        for (from, to) in data.chunks(5).zip(out.chunks_exact_mut(8)) {
            let mut word = [0; 8];
            word[3..3 + from.len()].copy_from_slice(from);
            let word = u64::from_be_bytes(word);
            for (k, to) in to.iter_mut().enumerate() {
                *to = letters[(word >> (35 - 5 * k)) as usize & 31];
            }
        }
        let pads = (n / 8 * 5 - data.len()) * 8 / 5;
        out[n - pads..].fill(b'=');
    })
}

fn from32(th: &mut Thread, a: Args) -> R {
    let (data, alphabet) = (bytes_of(th, a[0])?, bytes_of(th, a[1])?);
    let values = values_of(&alphabet);
    if data.iter().any(|b| values[*b as usize] > 31) {
        return Err(fault(th, "Non-base32 digit found"));
    }
    let mut out = Vec::with_capacity(data.len() / 8 * 5 + 5);
    for from in data.chunks(8) {
        let word = from.iter().fold(0u64, |w, b| w << 5 | values[*b as usize] as u64);
        let word = word << (5 * (8 - from.len()));
        out.extend_from_slice(&word.to_be_bytes()[3..3 + from.len() * 5 / 8]);
    }
    Ok(th.bytes(&out)?)
}

fn to85(th: &mut Thread, a: Args) -> R {
    let (data, alphabet) = (bytes_of(th, a[0])?, bytes_of(th, a[1])?);
    let Some(digits) = alphabet.get(..85) else { return Err(th.value_error("alphabet too short")) };
    let zero = if util::missing(a[2]) { None } else { Some(bytes_of(th, a[2])?) };
    let spaces = if util::missing(a[3]) { None } else { Some(bytes_of(th, a[3])?) };
    let mut out = Vec::with_capacity(data.len().div_ceil(4) * 5);
    for from in data.chunks(4) {
        let mut word = [0; 4];
        word[..from.len()].copy_from_slice(from);
        let mut word = u32::from_be_bytes(word);
        let short = match word {
            0 if from.len() == 4 => zero.as_ref(),
            // A short group of three spaces is no group of four.
            0x2020_2020 => spaces.as_ref(),
            _ => None,
        };
        if let Some(letter) = short {
            out.extend_from_slice(letter);
            continue;
        }
        let mut five = [0; 5];
        for to in five.iter_mut().rev() {
            *to = digits[(word % 85) as usize];
            word /= 85;
        }
        out.extend_from_slice(&five[..from.len() + 1]);
    }
    Ok(th.bytes(&out)?)
}

fn from85(th: &mut Thread, a: Args) -> R {
    let (data, alphabet) = (bytes_of(th, a[0])?, bytes_of(th, a[1])?);
    let values = values_of(&alphabet);
    if let Some(at) = data.iter().position(|b| values[*b as usize] > 84) {
        // The first kind of wrong byte is told by its first place, which is this one.
        let name = th.text_of(a[2])?;
        return Err(th.value_error(format!("bad {name} character at position {at}")));
    }
    let mut out = Vec::with_capacity(data.len() / 5 * 4 + 4);
    for (i, from) in data.chunks(5).enumerate() {
        let all = (0..5).map(|k| from.get(k).map_or(84, |b| values[*b as usize] as u64));
        let word = all.fold(0, |w, x| w * 85 + x);
        let Ok(word) = u32::try_from(word) else {
            let name = th.text_of(a[2])?;
            return Err(th.value_error(format!("{name} overflow in hunk starting at byte {}", i * 5)));
        };
        out.extend_from_slice(&word.to_be_bytes()[..from.len() - 1]);
    }
    Ok(th.bytes(&out)?)
}

fn from_ascii85(th: &mut Thread, a: Args) -> R {
    let data = bytes_of(th, a[0])?;
    let fold = th.truth(a[1])?;
    let mut out = Vec::with_capacity(data.len() / 5 * 4 + 4);
    let (mut word, mut have) = (0u64, 0);
    // The digits at the end fill a short group; what they stand for is cut off again.
    for b in data.iter().chain(b"uuuu") {
        match *b {
            33..=117 => {
                (word, have) = (word * 85 + (*b - 33) as u64, have + 1);
                if have == 5 {
                    let Ok(four) = u32::try_from(word) else {
                        return Err(th.value_error("Ascii85 overflow"));
                    };
                    out.extend_from_slice(&four.to_be_bytes());
                    (word, have) = (0, 0);
                }
            }
            b'z' if have > 0 => return Err(th.value_error("z inside Ascii85 5-tuple")),
            b'z' => out.extend_from_slice(&[0; 4]),
            b'y' if fold && have > 0 => return Err(th.value_error("y inside Ascii85 5-tuple")),
            b'y' if fold => out.extend_from_slice(b"    "),
            b => {
                if !th.contains(a[2], Value::int(b as i64))? {
                    let text = format!("Non-Ascii85 digit found: {}", b as char);
                    return Err(th.value_error(text));
                }
            }
        }
    }
    out.truncate(out.len() - (4 - have));
    Ok(th.bytes(&out)?)
}
