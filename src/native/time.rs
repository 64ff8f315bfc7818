//! Native module `time`: clocks, sleeping, and calendar times through the C library. Invariant: `sleep` is the only
//! function here that blocks, and it does so in the door.

use super::seq;
use super::util::{integer, missing, put, put_int};
use crate::heap::known::C;
use crate::heap::object::Tuple;
use crate::heap::{Value, text};
use crate::run::{Args, Def, ModuleDef, R, Thread, class, def, door, import};
use crate::struct_seq;
use std::ffi::{CStr, CString};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The module.
pub static MODULE: ModuleDef =
    ModuleDef { name: "time", doc: "Clocks and calendar times.", functions: FUNCTIONS, fill };

static FUNCTIONS: &[Def] = &[
    def("time", "()", |th, _| clock(th, libc::CLOCK_REALTIME), "Seconds since the epoch."),
    def("time_ns", "()", |th, _| clock_ns(th, libc::CLOCK_REALTIME), "Nanoseconds since the epoch."),
    def(
        "monotonic",
        "()",
        |th, _| clock(th, libc::CLOCK_MONOTONIC),
        "A clock that cannot go backward, in seconds.",
    ),
    def("monotonic_ns", "()", |th, _| clock_ns(th, libc::CLOCK_MONOTONIC), "The same in nanoseconds."),
    def(
        "perf_counter",
        "()",
        |th, _| clock(th, libc::CLOCK_MONOTONIC),
        "The clock for measuring, in seconds.",
    ),
    def("perf_counter_ns", "()", |th, _| clock_ns(th, libc::CLOCK_MONOTONIC), "The same in nanoseconds."),
    def(
        "process_time",
        "()",
        |th, _| clock(th, libc::CLOCK_PROCESS_CPUTIME_ID),
        "Time that the process has computed.",
    ),
    def(
        "process_time_ns",
        "()",
        |th, _| clock_ns(th, libc::CLOCK_PROCESS_CPUTIME_ID),
        "The same in nanoseconds.",
    ),
    def(
        "thread_time",
        "()",
        |th, _| clock(th, libc::CLOCK_THREAD_CPUTIME_ID),
        "Time that the thread has computed.",
    ),
    def(
        "thread_time_ns",
        "()",
        |th, _| clock_ns(th, libc::CLOCK_THREAD_CPUTIME_ID),
        "The same in nanoseconds.",
    ),
    def(
        "clock_gettime",
        "(clk_id, /)",
        |th, a| {
            let id = clock_id(th, a[0])?;
            clock(th, id)
        },
        "The time of a clock in seconds.",
    ),
    def(
        "clock_gettime_ns",
        "(clk_id, /)",
        |th, a| {
            let id = clock_id(th, a[0])?;
            clock_ns(th, id)
        },
        "The same in nanoseconds.",
    ),
    def("clock_getres", "(clk_id, /)", clock_getres, "The resolution of a clock in seconds."),
    def("get_clock_info", "(name, /)", get_clock_info, "What is known about a clock."),
    def("sleep", "(seconds, /)", sleep, "Wait that many seconds; 0 lets another thread run."),
    def("localtime", "(seconds=None, /)", localtime, "Seconds since the epoch as local time."),
    def("gmtime", "(seconds=None, /)", gmtime, "Seconds since the epoch as UTC."),
    def("mktime", "(seconds_tuple, /)", mktime, "Local time as seconds since the epoch."),
    def("strftime", "(format, time_tuple=None, /)", strftime, "A time as text by a format."),
    def("asctime", "(time_tuple=None, /)", asctime, "A time as text such as 'Sat Jun  6 16:26:11 1998'."),
    def("ctime", "(seconds=None, /)", ctime, "Seconds since the epoch as text in local time."),
    def(
        "strptime",
        "(string, format='%a %b %d %H:%M:%S %Y', /)",
        strptime,
        "A time read from a text by a format.",
    ),
    def("tzset", "()", tzset, "Read the time zone from the environment again."),
];

struct_seq!(STRUCT_TIME, FIELDS, "time.struct_time", "A calendar time: a tuple whose items have names.", 9,
    new = Some(|th, cls, args, kwargs| seq::new(th, cls, "time.struct_time", 9, FIELDS, args, kwargs)),
    ["tm_year" 0, "tm_mon" 1, "tm_mday" 2, "tm_hour" 3, "tm_min" 4, "tm_sec" 5, "tm_wday" 6, "tm_yday" 7,
     "tm_isdst" 8, "tm_zone" 9, "tm_gmtoff" 10]);

static CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &STRUCT_TIME)?;
    seq::finish(th, c, 9, FIELDS)?;
    CLASS.store(c.0, Relaxed);
    put(th, dict, "struct_time", c)?;
    for (name, id) in [
        ("CLOCK_REALTIME", libc::CLOCK_REALTIME),
        ("CLOCK_MONOTONIC", libc::CLOCK_MONOTONIC),
        ("CLOCK_MONOTONIC_RAW", libc::CLOCK_MONOTONIC_RAW),
        ("CLOCK_PROCESS_CPUTIME_ID", libc::CLOCK_PROCESS_CPUTIME_ID),
        ("CLOCK_THREAD_CPUTIME_ID", libc::CLOCK_THREAD_CPUTIME_ID),
        ("CLOCK_BOOTTIME", libc::CLOCK_BOOTTIME),
    ] {
        put_int(th, dict, name, id as i64)?;
    }
    zone(th, dict)
}

/// Sets `timezone`, `altzone`, `daylight` and `tzname` from the winter and summer of the current year.
fn zone(th: &mut Thread, dict: Value) -> R<()> {
    let now = now_seconds();
    const HALF: i64 = 365 * 12 * 3600;
    let year = now - now.rem_euclid(2 * HALF);
    let (a, b) = (local(year).unwrap_or_default(), local(year + HALF).unwrap_or_default());
    // What is further west (smaller offset) is the standard time.
    let (standard, summer) = if a.offset <= b.offset { (&a, &b) } else { (&b, &a) };
    put_int(th, dict, "timezone", -standard.offset)?;
    put_int(th, dict, "altzone", -summer.offset)?;
    put_int(th, dict, "daylight", (a.offset != b.offset) as i64)?;
    let (x, y) = (th.str(&standard.zone)?, th.str(&summer.zone)?);
    let names = th.tuple(&[x, y])?;
    put(th, dict, "tzname", names)
}

fn tzset(th: &mut Thread, _: Args) -> R {
    unsafe extern "C" {
        fn tzset();
    }
    // SAFETY: a plain call of the C library.
    unsafe { tzset() };
    let module = import::import_full(th, "time")?;
    let dict = module.get::<crate::heap::object::Module>().dict.get();
    zone(th, dict)?;
    Ok(Value::NONE)
}

// -------------------------------------------------------------------------------------------------------------- clocks

fn read(th: &mut Thread, id: libc::clockid_t) -> R<libc::timespec> {
    // SAFETY: clock_gettime fills the struct; a failure is looked at.
    unsafe {
        let mut t: libc::timespec = std::mem::zeroed();
        if libc::clock_gettime(id, &mut t) != 0 {
            let e = super::util::errno();
            return Err(th.os_error(e, Value::UNBOUND));
        }
        Ok(t)
    }
}

fn clock(th: &mut Thread, id: libc::clockid_t) -> R {
    let t = read(th, id)?;
    Ok(th.float(t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9)?)
}

fn clock_ns(th: &mut Thread, id: libc::clockid_t) -> R {
    let t = read(th, id)?;
    Ok(th.heap.int(t.tv_sec * 1_000_000_000 + t.tv_nsec)?)
}

fn clock_id(th: &mut Thread, v: Value) -> R<libc::clockid_t> {
    Ok(integer(th, v)? as libc::clockid_t)
}

fn resolution(th: &mut Thread, id: libc::clockid_t) -> R<f64> {
    // SAFETY: clock_getres fills the struct; a failure is looked at.
    unsafe {
        let mut t: libc::timespec = std::mem::zeroed();
        if libc::clock_getres(id, &mut t) != 0 {
            let e = super::util::errno();
            return Err(th.os_error(e, Value::UNBOUND));
        }
        Ok(t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9)
    }
}

fn clock_getres(th: &mut Thread, a: Args) -> R {
    let id = clock_id(th, a[0])?;
    let x = resolution(th, id)?;
    Ok(th.float(x)?)
}

fn get_clock_info(th: &mut Thread, a: Args) -> R {
    let name = th.text_of(a[0])?;
    let (id, call, adjustable) = match name.as_str() {
        "time" => (libc::CLOCK_REALTIME, "CLOCK_REALTIME", true),
        "monotonic" | "perf_counter" => (libc::CLOCK_MONOTONIC, "CLOCK_MONOTONIC", false),
        "process_time" => (libc::CLOCK_PROCESS_CPUTIME_ID, "CLOCK_PROCESS_CPUTIME_ID", false),
        "thread_time" => (libc::CLOCK_THREAD_CPUTIME_ID, "CLOCK_THREAD_CPUTIME_ID", false),
        _ => return Err(th.value_error("unknown clock")),
    };
    let shown = th.str(&format!("clock_gettime({call})"))?;
    let r = resolution(th, id)?;
    let r = th.float(r)?;
    let keys = ["implementation", "monotonic", "adjustable", "resolution"];
    let keys = super::util::tuple_of(th, 4, |th, i| th.intern(keys[i]))?;
    let args = [shown, Value::bool(!adjustable), Value::bool(adjustable), r];
    th.call_named(C::namespace.v(), &args, Some(keys.get()))
}

fn sleep(th: &mut Thread, a: Args) -> R {
    let s = if let Some(x) = super::util::as_float(a[0]) {
        x
    } else {
        if !crate::heap::bigint::is_integer(a[0].base())
            && crate::run::class::lookup(th.class_of(a[0]), crate::heap::known::N::__index__.v()).is_none()
        {
            let text =
                format!("'{}' object cannot be interpreted as an integer or float", th.type_name(a[0]));
            return Err(th.type_error(text));
        }
        let i = crate::run::arith::index(th, a[0])?;
        if i.is_int() { i.as_int() as f64 } else { 1e300 }
    };
    if s.is_nan() {
        return Err(th.value_error("Invalid value NaN (not a number)"));
    }
    if s < 0.0 {
        return Err(th.value_error("sleep length must be non-negative"));
    }
    if s > 9.2e9 {
        return Err(th.overflow_error("timestamp too large to convert to C PyTime_t"));
    }
    door::sleep(th, s)?;
    Ok(Value::NONE)
}

// ------------------------------------------------------------------------------------------------------ calendar times

#[derive(Default)]
struct Broken {
    year: i64,
    /// mon (from 1), mday, hour, min, sec, wday (Monday 0), yday (from 1), isdst
    rest: [i64; 8],
    zone: String,
    offset: i64,
}

fn now_seconds() -> i64 {
    // SAFETY: a plain call.
    unsafe { libc::time(std::ptr::null_mut()) }
}

fn broken(tm: &libc::tm) -> Broken {
    let zone = if tm.tm_zone.is_null() {
        String::new()
    } else {
        // SAFETY: the C library's terminated name of a zone.
        unsafe { CStr::from_ptr(tm.tm_zone) }.to_string_lossy().into_owned()
    };
    let n = |i: libc::c_int| i as i64;
    Broken {
        year: n(tm.tm_year) + 1900,
        rest: [
            n(tm.tm_mon) + 1,
            n(tm.tm_mday),
            n(tm.tm_hour),
            n(tm.tm_min),
            n(tm.tm_sec),
            (n(tm.tm_wday) + 6) % 7,
            n(tm.tm_yday) + 1,
            n(tm.tm_isdst),
        ],
        zone,
        offset: tm.tm_gmtoff,
    }
}

fn local(t: i64) -> Option<Broken> {
    // SAFETY: localtime_r fills the struct or gives null.
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&t, &mut tm).is_null() { None } else { Some(broken(&tm)) }
    }
}

fn utc(t: i64) -> Option<Broken> {
    // SAFETY: gmtime_r fills the struct or gives null.
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::gmtime_r(&t, &mut tm).is_null() { None } else { Some(broken(&tm)) }
    }
}

fn to_struct(th: &mut Thread, b: &Broken) -> R {
    let mut items = [Value::NONE; 11];
    items[0] = Value::int(b.year);
    for (slot, n) in items[1..9].iter_mut().zip(b.rest) {
        *slot = Value::int(n);
    }
    items[9] = th.intern(&b.zone)?;
    items[10] = Value::int(b.offset);
    seq::make(th, Value(CLASS.load(Relaxed)), 9, &items)
}

/// A `seconds` argument: absent or None is now; fractions are cut off downwards.
fn moment(th: &mut Thread, v: Value) -> R<i64> {
    if missing(v) {
        return Ok(now_seconds());
    }
    let x = match super::util::as_float(v) {
        Some(x) if x.is_nan() => return Err(th.value_error("Invalid value NaN (not a number)")),
        Some(x) => x.floor(),
        None => {
            let i = crate::run::arith::index(th, v)?;
            if i.is_int() { i.as_int() as f64 } else { f64::INFINITY }
        }
    };
    if x.abs() >= 9.2e18 {
        return Err(th.overflow_error("timestamp out of range for platform time_t"));
    }
    Ok(x as i64)
}

#[cold]
fn out_of_range(th: &mut Thread) -> crate::run::Raised {
    let e = libc::EOVERFLOW;
    th.os_error(e, Value::UNBOUND)
}

fn localtime(th: &mut Thread, a: Args) -> R {
    let t = moment(th, a[0])?;
    match local(t) {
        Some(b) => to_struct(th, &b),
        None => Err(out_of_range(th)),
    }
}

fn gmtime(th: &mut Thread, a: Args) -> R {
    let t = moment(th, a[0])?;
    match utc(t) {
        Some(mut b) => {
            b.zone = "UTC".to_string();
            to_struct(th, &b)
        }
        None => Err(out_of_range(th)),
    }
}

/// A tuple of nine ints as a C struct; `check`: fields are checked as strftime needs them.
fn to_tm(th: &mut Thread, v: Value, check: bool) -> R<(libc::tm, i64)> {
    let Some(t) = v.like::<Tuple>() else {
        return Err(th.type_error("Tuple or struct_time argument required"));
    };
    if t.len() != 9 {
        let text = format!("function takes exactly 9 arguments ({} given)", t.len());
        return Err(th.type_error(text));
    }
    let mut f = [0i64; 9];
    for (slot, x) in f.iter_mut().zip(t.iter()) {
        *slot = integer(th, x)?;
        if i32::try_from(*slot).is_err() {
            return Err(th.overflow_error("signed integer is greater than maximum"));
        }
    }
    // SAFETY: a struct of numbers and a pointer, for which null is fine.
    let mut tm: libc::tm = unsafe { std::mem::zeroed() };
    if f[0] - 1900 < i32::MIN as i64 {
        return Err(th.overflow_error("year out of range"));
    }
    tm.tm_year = (f[0] - 1900) as i32;
    tm.tm_mon = f[1] as i32 - 1;
    tm.tm_mday = f[2] as i32;
    tm.tm_hour = f[3] as i32;
    tm.tm_min = f[4] as i32;
    tm.tm_sec = f[5] as i32;
    tm.tm_wday = (f[6] as i32 + 1) % 7;
    tm.tm_yday = f[7] as i32 - 1;
    tm.tm_isdst = f[8] as i32;
    if check {
        // Zeros are taken for the first month and day.
        tm.tm_mon = if f[1] == 0 { 0 } else { tm.tm_mon };
        tm.tm_mday = if f[2] == 0 { 1 } else { tm.tm_mday };
        tm.tm_yday = if f[7] == 0 { 0 } else { tm.tm_yday };
        let wrong = match () {
            _ if !(0..=11).contains(&tm.tm_mon) => "month out of range",
            _ if !(1..=31).contains(&tm.tm_mday) => "day of month out of range",
            _ if !(0..=23).contains(&tm.tm_hour) => "hour out of range",
            _ if !(0..=59).contains(&tm.tm_min) => "minute out of range",
            _ if !(0..=61).contains(&tm.tm_sec) => "seconds out of range",
            _ if tm.tm_wday < 0 => "day of week out of range",
            _ if !(0..=365).contains(&tm.tm_yday) => "day of year out of range",
            _ => "",
        };
        if !wrong.is_empty() {
            return Err(th.value_error(wrong));
        }
    }
    Ok((tm, f[0]))
}

fn mktime(th: &mut Thread, a: Args) -> R {
    let (mut tm, _) = to_tm(th, a[0], false)?;
    tm.tm_wday = -1;
    // SAFETY: mktime reads and normalises the struct.
    let t = unsafe { libc::mktime(&mut tm) };
    if t == -1 && tm.tm_wday == -1 {
        return Err(th.overflow_error("mktime argument out of range"));
    }
    Ok(th.float(t as f64)?)
}

fn now_tm() -> libc::tm {
    let t = now_seconds();
    // SAFETY: localtime_r fills the struct.
    unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        libc::localtime_r(&t, &mut tm);
        tm
    }
}

fn strftime(th: &mut Thread, a: Args) -> R {
    if !text::is_text(a[0].base()) {
        let text = format!("strftime() argument 1 must be str, not {}", th.type_name(a[0]));
        return Err(th.type_error(text));
    }
    let format = th.text_of(a[0])?;
    let mut tm = if missing(a[1]) { now_tm() } else { to_tm(th, a[1], true)?.0 };
    if tm.tm_zone.is_null() {
        let (mut copy, zone) = (tm, now_tm());
        // SAFETY: mktime reads and normalises the copy.
        let known = unsafe { libc::mktime(&mut copy) } != -1;
        tm.tm_zone = if known { copy.tm_zone } else { zone.tm_zone };
        tm.tm_gmtoff = if known { copy.tm_gmtoff } else { zone.tm_gmtoff };
    }
    let mut out = String::new();
    // The C library ends at a NUL; the pieces between are formatted one by one.
    for (i, piece) in format.split('\0').enumerate() {
        if i > 0 {
            out.push('\0');
        }
        if piece.is_empty() {
            continue;
        }
        // A mark tells an empty result from a full buffer.
        let Ok(c) = CString::new(format!("{piece}.")) else { continue };
        let mut room = vec![0u8; piece.len() * 16 + 256];
        // SAFETY: the buffer is as long as is said; format and struct are valid.
        let n = unsafe { libc::strftime(room.as_mut_ptr().cast(), room.len(), c.as_ptr(), &tm) };
        room.truncate(n);
        room.pop();
        out.push_str(&String::from_utf8_lossy(&room));
    }
    Ok(th.str(&out)?)
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn line(th: &mut Thread, tm: &libc::tm, year: i64) -> R {
    let text = format!(
        "{} {} {:>2} {:02}:{:02}:{:02} {year}",
        DAYS[tm.tm_wday as usize % 7],
        MONTHS[tm.tm_mon as usize % 12],
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec
    );
    Ok(th.str(&text)?)
}

fn asctime(th: &mut Thread, a: Args) -> R {
    if a[0].is_unbound() {
        let tm = now_tm();
        return line(th, &tm, tm.tm_year as i64 + 1900);
    }
    let (tm, year) = to_tm(th, a[0], true)?;
    line(th, &tm, year)
}

fn ctime(th: &mut Thread, a: Args) -> R {
    let t = moment(th, a[0])?;
    // SAFETY: localtime_r fills the struct or gives null.
    let tm = unsafe {
        let mut tm: libc::tm = std::mem::zeroed();
        if libc::localtime_r(&t, &mut tm).is_null() {
            return Err(out_of_range(th));
        }
        tm
    };
    line(th, &tm, tm.tm_year as i64 + 1900)
}

fn strptime(th: &mut Thread, a: Args) -> R {
    let f = crate::types::imported(th, "_strptime", "_strptime_time")?;
    match a[1].bound() {
        Some(format) => th.call(f, &[a[0], format]),
        None => th.call(f, &[a[0]]),
    }
}
