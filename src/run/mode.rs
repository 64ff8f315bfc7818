//! The modes of the GIL and their numbers: names, intervals, lengths of turns. Invariant: the mode changes only
//! before the second thread exists or while the world is stopped (`gil::change`).

use super::thread::Thread;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

/// How the GIL switches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// CPython 3.10 and later: a waiter asks after the switch interval; honoured at calls and backward jumps.
    Py310,
    /// CPython 3.2 to 3.9: the same, honoured at any instruction.
    Py32,
    /// CPython 2: after the check interval the GIL is released and at once wanted again.
    Py2,
    /// After that many instructions the longest waiter is next.
    Ticks(u32),
    /// No GIL.
    Off,
}

/// Instructions of a turn in ticks mode unless given: a prime, so that turns do not resonate with short loops.
pub const TICKS: u32 = 97;
/// Instructions between two looks at the pending word in py32 mode, before jitter.
const LOOK: u64 = 24;
/// A count that does not run out.
pub(super) const ENDLESS: u64 = i64::MAX as u64;

impl Mode {
    /// The mode of a text as the command line takes it.
    pub fn parse(text: &str) -> Option<Mode> {
        match text {
            "py310" => Some(Mode::Py310),
            "py32" => Some(Mode::Py32),
            "py2" => Some(Mode::Py2),
            "ticks" => Some(Mode::Ticks(TICKS)),
            "off" => Some(Mode::Off),
            _ => match text.strip_prefix("ticks:") {
                Some(n) => n.parse().ok().filter(|n| *n > 0).map(Mode::Ticks),
                None => Mode::of_version(text),
            },
        }
    }

    /// The mode of a CPython version: `3.8`, `2.7.18`, `3.13t`.
    fn of_version(text: &str) -> Option<Mode> {
        let (text, free) = match text.strip_suffix('t') {
            Some(t) => (t, true),
            None => (text, false),
        };
        let mut parts = text.split('.').map(|p| p.parse::<u32>().ok());
        let (major, minor) = (parts.next()??, parts.next().unwrap_or(Some(0))?);
        if !parts.all(|p| p.is_some()) {
            return None;
        }
        match (major, minor, free) {
            (3, 13.., true) => Some(Mode::Off),
            (_, _, true) => None,
            (2, _, _) | (3, 0..=1, _) => Some(Mode::Py2),
            (3, 2..=9, _) => Some(Mode::Py32),
            (3, ..) => Some(Mode::Py310),
            _ => None,
        }
    }

    /// Whether instructions are counted.
    pub fn counted(self) -> bool {
        matches!(self, Mode::Py32 | Mode::Py2 | Mode::Ticks(_))
    }

    /// Whether whoever wakes a thread puts it into the GIL's queue.
    pub(super) fn ordered(self) -> bool {
        !matches!(self, Mode::Py2 | Mode::Off)
    }

    fn code(self) -> u64 {
        match self {
            Mode::Py310 => 0,
            Mode::Py32 => 1,
            Mode::Py2 => 2,
            Mode::Off => 3,
            Mode::Ticks(n) => 4 | (n as u64) << 8,
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Mode::Py310 => f.write_str("py310"),
            Mode::Py32 => f.write_str("py32"),
            Mode::Py2 => f.write_str("py2"),
            Mode::Ticks(n) => write!(f, "ticks:{n}"),
            Mode::Off => f.write_str("off"),
        }
    }
}

static MODE: AtomicU64 = AtomicU64::new(0);
static INTERVAL_NS: AtomicU64 = AtomicU64::new(5_000_000);
static CHECK: AtomicI64 = AtomicI64::new(100);

/// The mode.
#[inline]
pub fn mode() -> Mode {
    match MODE.load(SeqCst) {
        0 => Mode::Py310,
        1 => Mode::Py32,
        2 => Mode::Py2,
        3 => Mode::Off,
        n => Mode::Ticks((n >> 8) as u32),
    }
}

/// Sets the mode before the first script thread runs.
pub fn begin(mode: Mode) {
    set(mode);
}

/// Sets the mode, in a stopped world.
pub(super) fn set(mode: Mode) {
    MODE.store(mode.code(), SeqCst);
}

/// `sys.getswitchinterval`.
pub fn interval() -> Duration {
    Duration::from_nanos(INTERVAL_NS.load(Relaxed))
}

/// `sys.setswitchinterval`; at least a microsecond.
pub fn set_interval(d: Duration) {
    INTERVAL_NS.store((d.as_nanos() as u64).max(1000), Relaxed);
}

/// `sys.getcheckinterval`.
pub fn check_interval() -> i64 {
    CHECK.load(Relaxed)
}

/// `sys.setcheckinterval`: 0 or less means every instruction. In ticks mode it is the length of a turn.
pub fn set_check_interval(n: i64) {
    CHECK.store(n, Relaxed);
    if let Mode::Ticks(_) = mode() {
        MODE.store(Mode::Ticks(n.clamp(1, u32::MAX as i64) as u32).code(), SeqCst);
    }
}

/// What a count begins with.
pub fn quantum(mode: Mode, th: &mut Thread) -> u64 {
    match mode {
        Mode::Ticks(n) => n as u64,
        Mode::Py2 => CHECK.load(Relaxed).max(1) as u64,
        // The interval ends at a moment that has nothing to do with the program's loops.
        Mode::Py32 => {
            let x = th.ran.wrapping_add(th.shared.number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            LOOK + (x >> 59)
        }
        Mode::Py310 | Mode::Off => ENDLESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_and_shown() {
        for (text, mode) in [
            ("py310", Mode::Py310),
            ("py32", Mode::Py32),
            ("py2", Mode::Py2),
            ("ticks", Mode::Ticks(97)),
            ("ticks:5", Mode::Ticks(5)),
            ("off", Mode::Off),
            ("3.8", Mode::Py32),
            ("2.7", Mode::Py2),
            ("2.7.18", Mode::Py2),
            ("3.12", Mode::Py310),
            ("3.14", Mode::Py310),
            ("3.14t", Mode::Off),
            ("3.13t", Mode::Off),
        ] {
            assert_eq!(Mode::parse(text), Some(mode), "{text}");
            assert_eq!(Mode::parse(&mode.to_string()), Some(mode));
        }
        for text in ["", "ticks:0", "ticks:", "ticks:x", "3.12t", "py3", "3.x", "4.0", "t"] {
            assert_eq!(Mode::parse(text), None, "{text}");
        }
    }
}
