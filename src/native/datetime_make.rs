//! Ways of `datetime` to make a date or moment from a text, a timestamp, the clock or another moment. Invariant: as in
//! `datetime`; what is left goes to the method of the library whose name has `_` before it.

use super::datetime::{DATE, DATETIME, by_name, datetime_of, is_date};
use crate::heap::Value;
use crate::heap::object::{Float, Str};
use crate::run::{Args, Def, R, Thread, def};

/// Class methods of date.
pub static OF_DATE: [Def; 1] = [def(
    "fromisoformat",
    "($type, date_string, /)",
    date_from_iso,
    "The day that a text in ISO format names.",
)];
/// Class methods of datetime.
pub static OF_DATETIME: [Def; 3] = [
    def("fromisoformat", "($type, date_string, /)", from_iso, "The moment that a text in ISO format names."),
    def(
        "fromtimestamp",
        "($type, /, timestamp, tz=None)",
        from_timestamp,
        "The moment of a POSIX timestamp.",
    ),
    def("now", "($type, /, tz=None)", now, "This moment."),
];
/// `replace`.
pub static REPLACE: Def = def(
    "replace",
    "($self, /, year=None, month=None, day=None, hour=None, minute=None, second=None, microsecond=None, \
     tzinfo=True, *, fold=None)",
    replace,
    "A moment with some fields changed.",
);

const FIELDS: [&str; 10] =
    ["", "year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo", "fold"];

/// `n` digits at `at`.
fn number(text: &[u8], at: usize, n: usize) -> Option<i64> {
    let part = text.get(at..at + n)?;
    part.iter().all(u8::is_ascii_digit).then(|| part.iter().fold(0, |v, b| v * 10 + (b - b'0') as i64))
}

/// YYYY-MM-DD
fn day(text: &[u8]) -> Option<[i64; 3]> {
    let (y, m, d) = (number(text, 0, 4)?, number(text, 5, 2)?, number(text, 8, 2)?);
    (text[4] == b'-' && text[7] == b'-' && is_date(y, m, d)).then_some([y, m, d])
}

/// HH:MM[:SS[.mmm[uuu]]]
fn clock(text: &[u8]) -> Option<[i64; 4]> {
    let colon = |i: usize| text.get(i) == Some(&b':');
    let (h, m) = (number(text, 0, 2)?, number(text, 3, 2)?);
    let s = if text.len() > 5 { number(text, 6, 2)? } else { 0 };
    let us = match text.len() {
        5 | 8 => 0,
        12 => number(text, 9, 3)? * 1000,
        15 => number(text, 9, 6)?,
        _ => return None,
    };
    let right = colon(2) && (text.len() == 5 || colon(5)) && (text.len() < 9 || text[8] == b'.');
    (right && h < 24 && m < 60 && s < 60).then_some([h, m, s, us])
}

fn date_from_iso(th: &mut Thread, a: Args) -> R {
    if DATE.is_class(a[0])
        && let Some(s) = a[1].cast::<Str>()
        && s.bytes().len() == 10
        && let Some(fields) = day(s.bytes())
    {
        return DATE.make(th, fields.map(Value::int));
    }
    by_name(th, "_fromisoformat", a, &["", "date_string"])
}

fn from_iso(th: &mut Thread, a: Args) -> R {
    if DATETIME.is_class(a[0])
        && let Some(s) = a[1].cast::<Str>()
        && s.bytes().len() >= 10
        && s.bytes().is_ascii()
        && let Some([y, m, d]) = day(s.bytes())
    {
        let rest = &s.bytes()[10..];
        let time = if rest.is_empty() { Some([0; 4]) } else { clock(&rest[1..]) };
        if let Some([h, min, s, us]) = time {
            return moment(th, [y, m, d, h, min, s, us], Value::NONE, 0);
        }
    }
    by_name(th, "_fromisoformat", a, &["", "date_string"])
}

fn moment(th: &mut Thread, fields: [i64; 7], zone: Value, fold: i64) -> R {
    let [y, m, d, h, min, s, us] = fields.map(Value::int);
    DATETIME.make(th, [y, m, d, h, min, s, us, zone, Value::int(fold)])
}

/// What the local clock shows, if it was not set back within the day before.
fn local(seconds: i64) -> Option<[i64; 6]> {
    let at = |t: i64| {
        // SAFETY: localtime_r fills the struct or gives null.
        unsafe {
            let mut tm: libc::tm = std::mem::zeroed();
            if libc::localtime_r(&t, &mut tm).is_null() { None } else { Some(tm) }
        }
    };
    let (tm, before) = (at(seconds)?, at(seconds - 86_400)?);
    let [y, m, d, h, min, s] =
        [tm.tm_year, tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec].map(|f| f as i64);
    let (y, m) = (y + 1900, m + 1);
    // A leap second of the platform's clock is shown as the second before it.
    (before.tm_gmtoff <= tm.tm_gmtoff && is_date(y, m, d)).then_some([y, m, d, h, min, s.min(59)])
}

fn at(th: &mut Thread, seconds: i64, micros: i64) -> R<Option<Value>> {
    match local(seconds) {
        Some([y, m, d, h, min, s]) => Ok(Some(moment(th, [y, m, d, h, min, s, micros], Value::NONE, 0)?)),
        None => Ok(None),
    }
}

fn now(th: &mut Thread, a: Args) -> R {
    if DATETIME.is_class(a[0]) && (a[1].is_unbound() || a[1].is_none()) {
        let mut t: libc::timespec = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: the clock's time goes into the struct.
        unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut t) };
        if let Some(v) = at(th, t.tv_sec, t.tv_nsec / 1000)? {
            return Ok(v);
        }
    }
    by_name(th, "_now", a, &["", "tz"])
}

fn from_timestamp(th: &mut Thread, a: Args) -> R {
    let naive = DATETIME.is_class(a[0]) && (a[2].is_unbound() || a[2].is_none());
    if naive && let Some((seconds, micros)) = split(a[1]) {
        if let Some(v) = at(th, seconds, micros)? {
            return Ok(v);
        }
    }
    by_name(th, "_fromtimestamp", a, &["", "timestamp", "tz"])
}

/// Whole seconds and microseconds, to the nearest one, ties to even.
fn split(timestamp: Value) -> Option<(i64, i64)> {
    if timestamp.is_int() {
        return Some((timestamp.as_int(), 0)).filter(|t| t.0.unsigned_abs() < 1 << 40);
    }
    let x = match timestamp.cast::<Float>() {
        Some(f) => f64::from_bits(f.bits.get() as u64),
        None if timestamp.is_float() => timestamp.as_float(),
        None => return None,
    };
    if x.is_nan() || x.abs() > 1e12 {
        return None;
    }
    let (seconds, micros) = (x.trunc() as i64, (x.fract() * 1e6).round_ties_even() as i64);
    Some(match micros {
        1_000_000.. => (seconds + 1, micros - 1_000_000),
        ..0 => (seconds - 1, micros + 1_000_000),
        _ => (seconds, micros),
    })
}

fn replace(th: &mut Thread, a: Args) -> R {
    let same = |v: Value| v.is_unbound() || v.is_none();
    if DATETIME.has(a[0]) && a[8].is_unbound() && same(a[9]) && DATETIME.at(a[0], 8) == Value::int(0) {
        let mut fields = [Value::NONE; 8];
        for (i, field) in fields.iter_mut().enumerate().take(7) {
            *field = if same(a[i + 1]) { DATETIME.at(a[0], i) } else { a[i + 1] };
        }
        if let Some(v) = datetime_of(th, &fields)? {
            DATETIME.put(v, 7, DATETIME.at(a[0], 7));
            return Ok(v);
        }
    }
    by_name(th, "_replace", a, &FIELDS)
}
