//! Character sets of one byte a character. Invariant: the tables are spread out once, on first use, and never change.

use super::charmap_table::CHARMAPS;
use std::sync::OnceLock;

/// Stands where a byte means nothing.
const NOTHING: u16 = 0xfffe;

static SPREAD: OnceLock<Vec<[u16; 256]>> = OnceLock::new();

fn tables() -> &'static [[u16; 256]] {
    SPREAD.get_or_init(|| {
        let spread = |(_, text): &(&str, &str)| {
            let mut table: [u16; 256] = std::array::from_fn(|i| i as u16);
            let n = text.chars().count();
            for (slot, c) in table[256 - n.min(256)..].iter_mut().zip(text.chars()) {
                *slot = c as u16;
            }
            table
        };
        CHARMAPS.iter().map(spread).collect()
    })
}

/// The character of a byte.
pub fn code(table: u8, byte: u8) -> Option<u32> {
    Some(tables()[table as usize][byte as usize]).filter(|c| *c != NOTHING).map(u32::from)
}

/// The byte of a character.
pub fn byte(table: u8, code: u32) -> Option<u8> {
    let code = u16::try_from(code).ok().filter(|c| *c != NOTHING)?;
    let table = &tables()[table as usize];
    // Most bytes below 128 mean themselves.
    if code < 128 && table[code as usize] == code {
        return Some(code as u8);
    }
    table.iter().position(|c| *c == code).map(|i| i as u8)
}

/// The number and the full name of a set by a name without punctuation, in small letters.
pub fn named(plain: &str) -> Option<(u8, &'static str)> {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let full = match plain {
        "latin2" | "l2" | "iso885921987" => "iso88592",
        "latin3" | "l3" => "iso88593",
        "latin4" | "l4" => "iso88594",
        "cyrillic" => "iso88595",
        "arabic" | "ecma114" | "asmo708" => "iso88596",
        "greek" | "greek8" | "ecma118" | "elot928" => "iso88597",
        "hebrew" => "iso88598",
        "latin5" | "l5" => "iso88599",
        "latin6" | "l6" => "iso885910",
        "thai" => "iso885911",
        "latin7" | "l7" => "iso885913",
        "latin8" | "l8" | "isoceltic" => "iso885914",
        "latin9" | "l9" => "iso885915",
        "latin10" | "l10" => "iso885916",
        "macintosh" | "macroman" => "macroman",
        "maccentraleurope" | "maclatin2" => "maclatin2",
        "cskoi8r" => "koi8r",
        "tis620" | "tis6200" => "tis620",
        "pt154" | "cp154" | "cyrillicasian" => "ptcp154",
        "roman8" | "r8" => "hproman8",
        "strk10482002" | "rk1048" => "kz1048",
        p => p,
    };
    let page = full.strip_prefix("windows").or(full.strip_prefix("ibm")).unwrap_or(full);
    let wanted = if digits(page) { format!("cp{page}") } else { full.to_string() };
    let same = |name: &str| {
        let mut letters = name.bytes().filter(u8::is_ascii_alphanumeric);
        wanted.bytes().all(|b| letters.next() == Some(b)) && letters.next().is_none()
    };
    CHARMAPS.iter().position(|(name, _)| same(name)).map(|i| (i as u8, CHARMAPS[i].0))
}
