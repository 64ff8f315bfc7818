//! The module `_datetime_kernel`: the quick ways of `datetime` for dates, naive times and spans. It fills the slots of
//! the library's classes; what it leaves goes to their methods. Invariant: only plain instances of the very classes are
//! worked on, and what would raise, call a zone or need a locale is left to the library.

use super::datetime_make as more;
use super::util::slots_first;
use crate::heap::cell::{ALL, Slot};
use crate::heap::known::C;
use crate::heap::object::*;
use crate::heap::{Kind, Value, dict, shape};
use crate::run::inherit as script;
use crate::run::{Args, Bin, Cmp, Def, ModuleDef, R, Side, Thread, TypeSlots, Un, class, def};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A class of the library: the shape of its complete instances and their words behind the header.
pub struct Known {
    shape: AtomicU32,
    words: AtomicU32,
    slots: &'static [&'static str],
}

impl Known {
    const fn new(slots: &'static [&'static str]) -> Known {
        Known { shape: AtomicU32::new(0), words: AtomicU32::new(0), slots }
    }

    /// Whether it is a complete plain instance.
    #[inline(always)]
    pub fn has(&self, v: Value) -> bool {
        v.is_kind(Kind::Instance) && v.header().shape() == self.shape.load(Relaxed)
    }

    /// Whether it is the class.
    pub fn is_class(&self, class: Value) -> bool {
        shape::shape(self.shape.load(Relaxed)).class() == class
    }

    /// The int in slot `i` of an instance.
    #[inline(always)]
    fn int(&self, v: Value, i: usize) -> i64 {
        // Fields of complete instances are small ints; whatever else was put there by force reads as some number.
        let field = slot(v, i).get();
        if field.is_int() { field.as_int().clamp(-999_999_999, 999_999_999) } else { 0 }
    }

    /// Slot `i` of an instance.
    pub fn at(&self, v: Value, i: usize) -> Value {
        slot(v, i).get()
    }

    /// Fills slot `i` of a fresh instance.
    pub fn put(&self, v: Value, i: usize, x: Value) {
        slot(v, i).set(x);
    }

    /// An instance whose slots hold these.
    pub fn make<const N: usize>(&self, th: &mut Thread, fields: [Value; N]) -> R {
        let words = self.words.load(Relaxed) as usize;
        let p = th.heap.cell(Kind::Instance, self.shape.load(Relaxed), ALL, 8 + words * 8)?;
        for i in 1..=words {
            // SAFETY: the cell was made with that many words behind the header.
            unsafe { *p.add(i) = Value::UNBOUND.0 };
        }
        let v = Value::ptr(p);
        for (i, f) in fields.into_iter().enumerate() {
            slot(v, i).set(f);
        }
        Ok(v)
    }
}

/// `date`.
pub static DATE: Known = Known::new(&["_year", "_month", "_day"]);
/// `datetime`.
pub static DATETIME: Known = Known::new(&[
    "_year",
    "_month",
    "_day",
    "_hour",
    "_minute",
    "_second",
    "_microsecond",
    "_tzinfo",
    "_fold",
]);
static DELTA: Known = Known::new(&["_days", "_seconds", "_microseconds"]);

/// Word of an instance where its slots begin: behind the header and the extension.
const FIRST: usize = 2;
const ZONE: usize = 7;
const DAY: i128 = 86_400_000_000;
const LAST_DAY: i64 = 3_652_059;

#[inline(always)]
fn slot(v: Value, i: usize) -> &'static Slot {
    // SAFETY: `v` has one of the shapes that `setup` has checked: that slot stands in the object.
    unsafe { &*v.addr::<Slot>().add(FIRST + i) }
}

// ------------------------------------------------------------------------------------------------------------- calendar

fn is_leap(y: i64) -> bool {
    y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)
}

fn days_in_month(y: i64, m: i64) -> i64 {
    match m {
        2 => 28 + is_leap(y) as i64,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn day_of_year(y: i64, m: i64, d: i64) -> i64 {
    const BEFORE: [i64; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    BEFORE[m.clamp(0, 12) as usize] + (m > 2 && is_leap(y)) as i64 + d
}

/// Day 1 is 0001-01-01.
fn to_ordinal(y: i64, m: i64, d: i64) -> i64 {
    let past = y - 1;
    past * 365 + past / 4 - past / 100 + past / 400 + day_of_year(y, m, d)
}

/// Counted in years that begin in March, so that a leap day comes last.
fn from_ordinal(n: i64) -> (i64, i64, i64) {
    let days = n + 305;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let year = year + era * 400;
    if shifted < 10 { (year, shifted + 3, day) } else { (year + 1, shifted - 9, day) }
}

/// Whether there is such a day.
pub fn is_date(y: i64, m: i64, d: i64) -> bool {
    (1..=9999).contains(&y) && (1..=12).contains(&m) && d >= 1 && d <= days_in_month(y, m)
}

fn ordinal(v: Value) -> i64 {
    to_ordinal(DATE.int(v, 0), DATE.int(v, 1), DATE.int(v, 2))
}

/// Microseconds since the beginning of day 0 on a datetime's own clock.
fn instant(v: Value) -> i128 {
    let f = |i| DATETIME.int(v, i);
    let seconds = ordinal(v) * 86_400 + f(3) * 3600 + f(4) * 60 + f(5);
    seconds as i128 * 1_000_000 + f(6) as i128
}

fn span(v: Value) -> i128 {
    (DELTA.int(v, 0) * 86_400 + DELTA.int(v, 1)) as i128 * 1_000_000 + DELTA.int(v, 2) as i128
}

fn make_date(th: &mut Thread, n: i64) -> R<Option<Value>> {
    if !(1..=LAST_DAY).contains(&n) {
        return Ok(None);
    }
    let (y, m, d) = from_ordinal(n);
    Ok(Some(DATE.make(th, [y, m, d].map(Value::int))?))
}

fn make_datetime(th: &mut Thread, at: i128, zone: Value) -> R<Option<Value>> {
    let (days, rest) = (at.div_euclid(DAY), at.rem_euclid(DAY) as i64);
    if days < 1 || days > LAST_DAY as i128 {
        return Ok(None);
    }
    let (y, m, d) = from_ordinal(days as i64);
    let (seconds, micros) = (rest / 1_000_000, rest % 1_000_000);
    let [y, m, d, h, min, s, us] =
        [y, m, d, seconds / 3600, seconds / 60 % 60, seconds % 60, micros].map(Value::int);
    Ok(Some(DATETIME.make(th, [y, m, d, h, min, s, us, zone, Value::int(0)])?))
}

fn make_delta(th: &mut Thread, micros: i128) -> R<Option<Value>> {
    let (days, rest) = (micros.div_euclid(DAY), micros.rem_euclid(DAY) as i64);
    if !(-999_999_999..=999_999_999).contains(&days) {
        return Ok(None);
    }
    let fields = [days as i64, rest / 1_000_000, rest % 1_000_000];
    Ok(Some(DELTA.make(th, fields.map(Value::int))?))
}

// ---------------------------------------------------------------------------------------------------------------- slots

fn quick_binary(th: &mut Thread, op: Bin, a: Value, b: Value) -> R<Option<Value>> {
    let (da, db) = (DELTA.has(a), DELTA.has(b));
    match op {
        Bin::Add if da && db => make_delta(th, span(a) + span(b)),
        Bin::Sub if da && db => make_delta(th, span(a) - span(b)),
        Bin::Add | Bin::Sub if db && DATETIME.has(a) => {
            let by = if op == Bin::Add { span(b) } else { -span(b) };
            make_datetime(th, instant(a) + by, slot(a, ZONE).get())
        }
        Bin::Add if da && DATETIME.has(b) => make_datetime(th, instant(b) + span(a), slot(b, ZONE).get()),
        Bin::Add if db && DATE.has(a) => make_date(th, ordinal(a) + DELTA.int(b, 0)),
        Bin::Add if da && DATE.has(b) => make_date(th, ordinal(b) + DELTA.int(a, 0)),
        Bin::Sub if db && DATE.has(a) => make_date(th, ordinal(a) - DELTA.int(b, 0)),
        Bin::Sub if DATE.has(a) && DATE.has(b) => make_delta(th, (ordinal(a) - ordinal(b)) as i128 * DAY),
        Bin::Sub if DATETIME.has(a) && DATETIME.has(b) && slot(a, ZONE).get() == slot(b, ZONE).get() => {
            make_delta(th, instant(a) - instant(b))
        }
        Bin::Mul if da && b.is_int() => product(th, a, b),
        Bin::Mul if db && a.is_int() => product(th, b, a),
        Bin::TrueDiv if da && db => {
            let (x, y) = (span(a), span(b));
            let exact = |n: i128| n.unsigned_abs() <= 1 << 53;
            // One rounding of exact doubles.
            match y != 0 && exact(x) && exact(y) {
                true => Ok(Some(th.float(x as f64 / y as f64)?)),
                false => Ok(None),
            }
        }
        Bin::FloorDiv if da && b.is_int() && b.as_int() != 0 => {
            make_delta(th, floor_div(span(a), b.as_int() as i128))
        }
        Bin::FloorDiv if da && db && span(b) != 0 => {
            let q = floor_div(span(a), span(b));
            Ok(i64::try_from(q).ok().and_then(Value::try_int))
        }
        Bin::Mod if da && db && span(b) != 0 => {
            let (x, y) = (span(a), span(b));
            make_delta(th, x - floor_div(x, y) * y)
        }
        _ => Ok(None),
    }
}

fn product(th: &mut Thread, delta: Value, by: Value) -> R<Option<Value>> {
    match span(delta).checked_mul(by.as_int() as i128) {
        Some(n) => make_delta(th, n),
        None => Ok(None),
    }
}

fn floor_div(a: i128, b: i128) -> i128 {
    let q = a / b;
    if a % b != 0 && (a < 0) != (b < 0) { q - 1 } else { q }
}

fn binary(th: &mut Thread, op: Bin, a: Value, b: Value, side: Side) -> R {
    match quick_binary(th, op, a, b)? {
        Some(v) => Ok(v),
        None => script::g_binary(th, op, a, b, side),
    }
}

fn unary(th: &mut Thread, op: Un, o: Value) -> R {
    if DELTA.has(o) {
        let n = span(o);
        let made = match op {
            Un::Neg => make_delta(th, -n)?,
            Un::Abs => make_delta(th, n.abs())?,
            _ => None,
        };
        if let Some(v) = made {
            return Ok(v);
        }
    }
    script::g_unary(th, op, o)
}

fn compare(th: &mut Thread, op: Cmp, a: Value, b: Value) -> R {
    let order = if DATETIME.has(a) && DATETIME.has(b) && slot(a, ZONE).get() == slot(b, ZONE).get() {
        instant(a).cmp(&instant(b))
    } else if DELTA.has(a) && DELTA.has(b) {
        span(a).cmp(&span(b))
    } else if DATE.has(a) && DATE.has(b) {
        ordinal(a).cmp(&ordinal(b))
    } else {
        return script::g_compare(th, op, a, b);
    };
    Ok(Value::bool(op.of(order)))
}

fn truth(th: &mut Thread, o: Value) -> R<bool> {
    if DELTA.has(o) { Ok(span(o) != 0) } else { script::g_bool(th, o) }
}

fn hash(th: &mut Thread, o: Value) -> R<i64> {
    let key = if DELTA.has(o) || DATE.has(o) {
        let fields = [0, 1, 2].map(|i| slot(o, i).get());
        th.heap.tuple(&fields)?
    } else if DATETIME.has(o) && slot(o, ZONE).get().is_none() {
        let name = th.intern("datetime")?;
        // The library counts from 1970.
        let micros = th.heap.int((instant(o) - 719_163 * DAY) as i64)?;
        th.heap.tuple(&[name, micros])?
    } else {
        return script::g_hash(th, o);
    };
    th.hash(key)
}

fn str(th: &mut Thread, o: Value) -> R {
    let mut out = String::with_capacity(32);
    if DATE.has(o) {
        write_day(&mut out, o);
    } else if DATETIME.has(o) && slot(o, ZONE).get().is_none() {
        write_both(&mut out, o, ' ');
    } else {
        return script::g_str(th, o);
    }
    Ok(th.heap.ascii(out.as_bytes())?)
}

fn write_day(out: &mut String, v: Value) {
    digits(out, DATE.int(v, 0), 4);
    out.push('-');
    digits(out, DATE.int(v, 1), 2);
    out.push('-');
    digits(out, DATE.int(v, 2), 2);
}

fn write_both(out: &mut String, v: Value, sep: char) {
    write_day(out, v);
    out.push(sep);
    write_clock(out, v);
    let micros = DATETIME.int(v, 6);
    if micros != 0 {
        out.push('.');
        digits(out, micros, 6);
    }
}

fn write_clock(out: &mut String, v: Value) {
    for i in 3..6 {
        if i > 3 {
            out.push(':');
        }
        digits(out, DATETIME.int(v, i), 2);
    }
}

/// A number below 10**places.
fn digits(out: &mut String, n: i64, places: u32) {
    let mut unit = 10i64.pow(places - 1);
    while unit != 0 {
        out.push((b'0' + (n / unit).rem_euclid(10) as u8) as char);
        unit /= 10;
    }
}

// --------------------------------------------------------------------------------------------------------- constructors

const DELTA_NAMES: [&str; 7] =
    ["days", "seconds", "microseconds", "milliseconds", "minutes", "hours", "weeks"];
const DATETIME_NAMES: [&str; 8] =
    ["year", "month", "day", "hour", "minute", "second", "microsecond", "tzinfo"];

fn delta_of(th: &mut Thread, given: &[Value]) -> R<Option<Value>> {
    const UNITS: [i128; 7] = [DAY, 1_000_000, 1, 1000, 60_000_000, 3_600_000_000, 7 * DAY];
    let mut micros = 0i128;
    for (v, unit) in given.iter().zip(UNITS) {
        match *v {
            v if v.is_int() => micros += v.as_int() as i128 * unit,
            v if v.is_unbound() => {}
            _ => return Ok(None),
        }
    }
    make_delta(th, micros)
}

/// A naive moment of its fields, if they are right.
pub fn datetime_of(th: &mut Thread, given: &[Value]) -> R<Option<Value>> {
    let mut f = [0; 7];
    for (i, v) in given.iter().enumerate() {
        match *v {
            v if i == ZONE && (v.is_none() || v.is_unbound()) => {}
            v if i < ZONE && v.is_int() => f[i] = v.as_int(),
            v if v.is_unbound() && i > 2 => {}
            _ => return Ok(None),
        }
    }
    let clock = (0..24).contains(&f[3]) && (0..60).contains(&f[4]) && (0..60).contains(&f[5]);
    if given.len() < 3 || !is_date(f[0], f[1], f[2]) || !clock || !(0..1_000_000).contains(&f[6]) {
        return Ok(None);
    }
    let [y, m, d, h, min, s, us] = f.map(Value::int);
    Ok(Some(DATETIME.make(th, [y, m, d, h, min, s, us, Value::NONE, Value::int(0)])?))
}

/// Arguments by position and name, absent ones unbound; `None` where a name is another.
fn gathered<const N: usize>(names: [&str; N], args: Value, kwargs: Value) -> Option<[Value; N]> {
    let mut out = [Value::UNBOUND; N];
    let t = args.get::<Tuple>();
    if t.len() > N {
        return None;
    }
    for (i, v) in t.iter().enumerate() {
        out[i] = v;
    }
    if let Some(d) = kwargs.cast::<Dict>() {
        let (table, mut at) = (d.table.get(), 0);
        while let Some((i, k, v)) = dict::next_entry(table.get::<DictTable>(), at) {
            at = i + 1;
            let name = k.cast::<Str>()?.bytes();
            let place = names.iter().position(|n| n.as_bytes() == name)?;
            if !out[place].is_unbound() {
                return None;
            }
            out[place] = v;
        }
    }
    Some(out)
}

fn new_delta(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    if DELTA.is_class(cls)
        && let Some(given) = gathered(DELTA_NAMES, args, kwargs)
        && let Some(v) = delta_of(th, &given)?
    {
        return Ok(v);
    }
    script::g_new(th, cls, args, kwargs)
}

fn new_datetime(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    if DATETIME.is_class(cls)
        && let Some(given) = gathered(DATETIME_NAMES, args, kwargs)
        && let Some(v) = datetime_of(th, &given)?
    {
        return Ok(v);
    }
    script::g_new(th, cls, args, kwargs)
}

fn direct_delta(th: &mut Thread, a: Args) -> R<Option<Value>> {
    if a.n > 7 { Ok(None) } else { delta_of(th, a.all()) }
}

fn direct_datetime(th: &mut Thread, a: Args) -> R<Option<Value>> {
    if a.n > 8 { Ok(None) } else { datetime_of(th, a.all()) }
}

fn direct_date(th: &mut Thread, a: Args) -> R<Option<Value>> {
    if a.n != 3
        || !a.all().iter().all(|v| v.is_int())
        || !is_date(a[0].as_int(), a[1].as_int(), a[2].as_int())
    {
        return Ok(None);
    }
    Ok(Some(DATE.make(th, [a[0], a[1], a[2]])?))
}

// -------------------------------------------------------------------------------------------------------------- methods

static DATE_METHODS: [Def; 2] = [
    def("isoformat", "($self, /)", isoformat, "The day as YYYY-MM-DD."),
    def("strftime", "($self, /, format)", strftime, "The day by a format of time.strftime()."),
];
static DATETIME_METHODS: [Def; 2] = [
    def(
        "isoformat",
        "($self, /, sep='T', timespec='auto')",
        isoformat,
        "The moment in the format of ISO 8601.",
    ),
    def("strftime", "($self, /, format)", strftime, "The moment by a format of time.strftime()."),
];
static DELTA_METHODS: [Def; 1] = [def("total_seconds", "($self, /)", total_seconds, "The span in seconds.")];

/// The method of the library of that name, called with the arguments that were given; from the first absent one on they
/// go by the names of the parameters.
pub fn by_name(th: &mut Thread, name: &str, a: Args, names: &[&str]) -> R {
    let name = th.intern(name)?;
    let n = (1..a.n.min(names.len())).find(|i| a[*i].is_unbound()).unwrap_or(a.n.min(names.len()));
    let mut kwargs = Value::UNBOUND;
    for (i, key) in names.iter().enumerate().skip(n) {
        if i < a.n && !a[i].is_unbound() {
            if kwargs.is_unbound() {
                kwargs = th.heap.new_dict()?;
            }
            let key = th.intern(key)?;
            th.dict_insert(kwargs, key, a[i])?;
        }
    }
    let f = th.getattr(a[0], name)?;
    let args = th.heap.tuple(&a.all()[1..n])?;
    th.call_ex(f, args, kwargs)
}

fn isoformat(th: &mut Thread, a: Args) -> R {
    if a.n == 1 {
        let mut out = String::with_capacity(32);
        if DATE.has(a[0]) {
            write_day(&mut out, a[0]);
            return Ok(th.heap.ascii(out.as_bytes())?);
        }
        if DATETIME.has(a[0]) && slot(a[0], ZONE).get().is_none() {
            write_both(&mut out, a[0], 'T');
            return Ok(th.heap.ascii(out.as_bytes())?);
        }
    }
    by_name(th, "_isoformat", a, &["", "sep", "timespec"])
}

fn strftime(th: &mut Thread, a: Args) -> R {
    let naive = DATETIME.has(a[0]) && slot(a[0], ZONE).get().is_none();
    if (naive || DATE.has(a[0]))
        && let Some(format) = a[1].cast::<Str>()
        && let Ok(format) = std::str::from_utf8(format.bytes())
        && let Some(text) = formatted(a[0], naive, format)
    {
        return Ok(th.heap.str(&text)?);
    }
    by_name(th, "_strftime", a, &["", "format"])
}

/// The text by a format without what depends on the locale.
fn formatted(v: Value, clock: bool, format: &str) -> Option<String> {
    let mut out = String::with_capacity(format.len() * 2);
    let time = |i: usize| if clock { DATETIME.int(v, i) } else { 0 };
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            if c == '\0' {
                return None;
            }
            out.push(c);
            continue;
        }
        match rest.next()? {
            'Y' => digits(&mut out, DATE.int(v, 0), 4),
            'm' => digits(&mut out, DATE.int(v, 1), 2),
            'd' => digits(&mut out, DATE.int(v, 2), 2),
            'y' => digits(&mut out, DATE.int(v, 0) % 100, 2),
            'F' => write_day(&mut out, v),
            'H' => digits(&mut out, time(3), 2),
            'M' => digits(&mut out, time(4), 2),
            'S' => digits(&mut out, time(5), 2),
            'f' => digits(&mut out, time(6), 6),
            'T' if clock => write_clock(&mut out, v),
            'j' => digits(&mut out, day_of_year(DATE.int(v, 0), DATE.int(v, 1), DATE.int(v, 2)), 3),
            '%' => out.push('%'),
            _ => return None,
        }
    }
    Some(out)
}

fn total_seconds(th: &mut Thread, a: Args) -> R {
    if DELTA.has(a[0]) {
        let n = span(a[0]);
        if n.unsigned_abs() <= 1 << 53 {
            return Ok(th.float(n as f64 / 1e6)?);
        }
    }
    by_name(th, "_total_seconds", a, &[""])
}

// --------------------------------------------------------------------------------------------------------------- module

fn fits(v: Value, names: &[&str]) -> bool {
    slots_first(v, names, FIRST) && shape::shape(v.header().shape()).names().len() == names.len()
}

fn fill_date(s: &mut TypeSlots) {
    s.binary = Some(binary);
    s.compare = Some(compare);
    s.hash = Some(hash);
    s.str = Some(str);
    s.direct = Some(direct_date);
}

fn fill_datetime(s: &mut TypeSlots) {
    fill_date(s);
    s.direct = Some(direct_datetime);
    s.new = Some(new_datetime);
}

fn fill_delta(s: &mut TypeSlots) {
    s.binary = Some(binary);
    s.unary = Some(unary);
    s.compare = Some(compare);
    s.hash = Some(hash);
    s.bool = Some(truth);
    s.direct = Some(direct_delta);
    s.new = Some(new_delta);
}

type Fill = fn(&mut TypeSlots);

fn put(th: &mut Thread, class: Value, name: &str, v: Value) -> R<()> {
    let name = th.intern(name)?;
    class::set_attr(th, class, name, v)
}

fn setup(th: &mut Thread, a: Args) -> R {
    let all: [(&Known, &'static [Def], Fill); 3] = [
        (&DATE, &DATE_METHODS, fill_date),
        (&DATETIME, &DATETIME_METHODS, fill_datetime),
        (&DELTA, &DELTA_METHODS, fill_delta),
    ];
    for (i, (known, methods, fill)) in all.into_iter().enumerate() {
        if !a[i].is_ptr() || !fits(a[i], known.slots) {
            return Err(th.type_error("objects with the slots of the library are needed"));
        }
        let class = th.class_of(a[i]);
        known.words.store(class.get::<Class>().instance_words.get().as_int() as u32, Relaxed);
        known.shape.store(a[i].header().shape(), Relaxed);
        for d in methods {
            let f = th.native(d, Value::UNBOUND, class)?;
            put(th, class, d.name, f)?;
        }
        let of_class: &'static [Def] = match i {
            0 => &more::OF_DATE,
            1 => &more::OF_DATETIME,
            _ => &[],
        };
        for d in of_class {
            let f = th.native(d, Value::UNBOUND, Value::NONE)?;
            let f = class::wrap(th, C::classmethod, f)?;
            put(th, class, d.name, f)?;
        }
        if i == 1 {
            for name in ["replace", "__replace__"] {
                let f = th.native(&more::REPLACE, Value::UNBOUND, class)?;
                put(th, class, name, f)?;
            }
        }
        class::refine(th, class, fill);
    }
    Ok(Value::NONE)
}

/// `_datetime_kernel`.
pub static MODULE: ModuleDef = ModuleDef {
    name: "_datetime_kernel",
    doc: "The quick ways of datetime.",
    functions: &[def(
        "setup",
        "(date, datetime, timedelta, /)",
        setup,
        "Learn the classes from an object of each.",
    )],
    fill: |_, _| Ok(()),
};
