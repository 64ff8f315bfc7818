//! The module `unicodedata`. Invariant: every answer is a property of one code point in the database, or of the text's
//! code points in order.

use super::unicode_db::{Number, db};
use super::util::put_text;
use crate::heap::Value;
use crate::heap::known::C;
use crate::heap::text::{self, StrBuilder, index};
use crate::run::{Args, ModuleDef, R, Thread, def};
use crate::types::{self, seq};

/// `unicodedata`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "unicodedata",
    doc: "This module provides access to the Unicode Character Database.",
    functions: &[
        def(
            "bidirectional",
            "(chr, /)",
            |th, a| {
                let c = char_arg(th, a[0], "bidirectional()", "argument")?;
                types::text(th, db().record(c).direction)
            },
            "Returns the bidirectional class assigned to the character chr as string.",
        ),
        def(
            "category",
            "(chr, /)",
            |th, a| {
                let c = char_arg(th, a[0], "category()", "argument")?;
                types::text(th, db().record(c).category)
            },
            "Returns the general category assigned to the character chr as string.",
        ),
        def(
            "combining",
            "(chr, /)",
            |th, a| {
                let c = char_arg(th, a[0], "combining()", "argument")?;
                Ok(Value::int(db().record(c).combining as i64))
            },
            "Returns the canonical combining class assigned to the character chr as integer.",
        ),
        def(
            "east_asian_width",
            "(chr, /)",
            |th, a| {
                let c = char_arg(th, a[0], "east_asian_width()", "argument")?;
                types::text(th, db().record(c).width)
            },
            "Returns the east asian width assigned to the character chr as string.",
        ),
        def(
            "mirrored",
            "(chr, /)",
            |th, a| {
                let c = char_arg(th, a[0], "mirrored()", "argument")?;
                Ok(Value::int(db().record(c).mirrored as i64))
            },
            "Returns the mirrored property assigned to the character chr as integer.",
        ),
        def(
            "decomposition",
            "(chr, /)",
            |th, a| {
                let c = char_arg(th, a[0], "decomposition()", "argument")?;
                types::text(th, db().decomposition(c))
            },
            "Returns the character decomposition mapping assigned to the character chr as string.",
        ),
        def(
            "decimal",
            "(chr, default=<unrepresentable>, /)",
            |th, a| whole(th, a, "decimal()", |n| n.decimal, "not a decimal"),
            "Converts a Unicode character into its equivalent decimal value.",
        ),
        def(
            "digit",
            "(chr, default=<unrepresentable>, /)",
            |th, a| whole(th, a, "digit()", |n| n.digit, "not a digit"),
            "Converts a Unicode character into its equivalent digit value.",
        ),
        def(
            "numeric",
            "(chr, default=<unrepresentable>, /)",
            |th, a| {
                let c = char_arg(th, a[0], "numeric()", "argument 1")?;
                match db().number(c) {
                    Some(n) => Ok(th.float(n.value)?),
                    None if !a[1].is_unbound() => Ok(a[1]),
                    None => Err(th.value_error("not a numeric character")),
                }
            },
            "Converts a Unicode character into its equivalent numeric value.",
        ),
        def(
            "name",
            "(chr, default=<unrepresentable>, /)",
            |th, a| {
                let c = char_arg(th, a[0], "name()", "argument 1")?;
                match name(c) {
                    Some(name) => types::text(th, name),
                    None if !a[1].is_unbound() => Ok(a[1]),
                    None => Err(th.value_error("no such name")),
                }
            },
            "Returns the name assigned to the character chr as a string.",
        ),
        def("lookup", "(name, /)", lookup, "Look up character by name."),
        def(
            "normalize",
            "(form, unistr, /)",
            |th, a| match normal(th, a, "normalize")? {
                Some(codes) => {
                    let mut out = StrBuilder::new();
                    for c in codes {
                        out.push_code(c)?;
                    }
                    Ok(out.finish(&mut th.heap)?)
                }
                None => Ok(a[1].base()),
            },
            "Return the normal form 'form' for the Unicode string unistr.",
        ),
        def(
            "is_normalized",
            "(form, unistr, /)",
            |th, a| match normal(th, a, "is_normalized")? {
                Some(codes) => {
                    let text = text::bytes_of(&mut th.heap, a[1].base())?;
                    Ok(Value::bool(index::codes(text).eq(codes)))
                }
                None => Ok(Value::TRUE),
            },
            "Return whether the Unicode string unistr is in the normal form 'form'.",
        ),
    ],
    fill: |th, dict| put_text(th, dict, "unidata_version", "16.0.0"),
};

/// The code point of an argument that is one character.
fn char_arg(th: &mut Thread, v: Value, function: &str, which: &str) -> R<u32> {
    if !types::is_str(v) {
        let t = seq::said(th, v);
        return Err(th.type_error(format!("{function} {which} must be a unicode character, not {t}")));
    }
    let n = text::len(v.base());
    if n != 1 {
        let text = format!("{function}: {which} must be a unicode character, not a string of length {n}");
        return Err(th.type_error(text));
    }
    Ok(index::code_at(&mut th.heap, v.base(), 0)?)
}

fn whole(th: &mut Thread, a: Args, function: &str, has: fn(&Number) -> bool, missing: &str) -> R {
    let c = char_arg(th, a[0], function, "argument 1")?;
    match db().number(c).filter(has) {
        Some(n) => Ok(Value::int(n.value as i64)),
        None if !a[1].is_unbound() => Ok(a[1]),
        None => Err(th.value_error(missing)),
    }
}

/// The name of a character, of those that this version of the database has.
fn name(code: u32) -> Option<String> {
    if matches!(db().record(code).category, "Cn" | "Cc" | "Co" | "Cs") {
        return None;
    }
    // The names of these scripts are made of numbers, which CPython's table leaves out.
    if matches!(code, 0x17000..=0x187f7 | 0x18d00..=0x18d08 | 0x18b00..=0x18cff) {
        return None;
    }
    let c = char::from_u32(code)?;
    unicode_names2::name(c).map(|n| n.to_string())
}

fn lookup(th: &mut Thread, a: Args) -> R {
    if !types::is_str(a[0]) {
        let t = seq::said(th, a[0]);
        return Err(th.type_error(format!("a bytes-like object is required, not '{t}'")));
    }
    let wanted = th.text_of(a[0])?;
    let found = unicode_names2::character(&wanted).or_else(|| alias(&wanted));
    match found {
        Some(c) => Ok(text::char_string(&mut th.heap, c as u32)?),
        None => Err(th.raise(C::KeyError, &format!("undefined character name '{wanted}'"))),
    }
}

/// Names of the control characters, and corrected names.
fn alias(name: &str) -> Option<char> {
    Some(match name.to_ascii_uppercase().as_str() {
        "NULL" | "NUL" => '\0',
        "BACKSPACE" | "BS" => '\x08',
        "CHARACTER TABULATION" | "HORIZONTAL TABULATION" | "TAB" | "HT" => '\t',
        "LINE FEED" | "NEW LINE" | "END OF LINE" | "LF" | "NL" | "EOL" => '\n',
        "LINE TABULATION" | "VERTICAL TABULATION" | "VT" => '\x0b',
        "FORM FEED" | "FF" => '\x0c',
        "CARRIAGE RETURN" | "CR" => '\r',
        "ESCAPE" | "ESC" => '\x1b',
        "DELETE" | "DEL" => '\x7f',
        "NEXT LINE" | "NEL" => '\u{85}',
        "NBSP" => '\u{a0}',
        "ZWSP" => '\u{200b}',
        "ZWNJ" => '\u{200c}',
        "ZWJ" => '\u{200d}',
        "BOM" | "BYTE ORDER MARK" => '\u{feff}',
        "LATIN SMALL LETTER GHA" => '\u{1a3}',
        "LATIN CAPITAL LETTER GHA" => '\u{1a2}',
        _ => return None,
    })
}

/// The normal form of the text; nothing where an ASCII text is its own.
fn normal(th: &mut Thread, a: Args, function: &str) -> R<Option<Vec<u32>>> {
    for i in 0..2 {
        if !types::is_str(a[i]) {
            let t = seq::said(th, a[i]);
            return Err(th.type_error(format!("{function}() argument {} must be str, not {t}", i + 1)));
        }
    }
    let form = th.text_of(a[0])?;
    let (compatible, composed) = match form.as_str() {
        "NFC" => (false, true),
        "NFD" => (false, false),
        "NFKC" => (true, true),
        "NFKD" => (true, false),
        _ => return Err(th.value_error("invalid normalization form")),
    };
    if text::is_ascii(a[1].base()) {
        return Ok(None);
    }
    let bytes = text::bytes_of(&mut th.heap, a[1].base())?;
    Ok(Some(db().normalized(index::codes(bytes), compatible, composed)))
}
