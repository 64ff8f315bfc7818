//! What a child process recorded, as bytes for the first process. Invariant: `read` gives back what `write` was given;
//! bytes that end early end the reading, nothing else.

use super::life::End;
use super::story::{Fate, Name, Recorded};
use crate::run::event::{Call, Event, Log, Reason, State, What};
use std::collections::HashMap;

fn put(out: &mut Vec<u8>, n: u64) {
    // Seven bits a byte, the last one without its highest bit.
    let mut n = n;
    while n >= 128 {
        out.push(n as u8 | 128);
        n >>= 7;
    }
    out.push(n as u8);
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

/// The record as one block: its length first, so that a reader knows where the next one begins.
pub fn write(r: &Recorded) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, r.pid as u64);
    put_text(&mut out, &r.mode);
    put(&mut out, r.gil as u64 | (r.ordered as u64) << 1 | (r.fate.is_some() as u64) << 2);
    if let Some(f) = &r.fate {
        put_text(&mut out, &f.name);
        put(&mut out, f.lived);
        put_text(&mut out, &f.how);
    }
    put(&mut out, r.begin as u64);
    let end = r.end.unwrap_or(End { at: 0, thread: 0, ran: 0 });
    [end.at, end.thread as u64, end.ran].into_iter().for_each(|n| put(&mut out, n));
    put(&mut out, r.names.len() as u64);
    for (object, name) in &r.names {
        put(&mut out, *object);
        put_text(&mut out, &name.name);
        put_text(&mut out, &name.kind);
    }
    put(&mut out, r.natives.len() as u64);
    for (at, name) in &r.natives {
        put(&mut out, *at as u64);
        put_text(&mut out, name);
    }
    put(&mut out, r.logs.len() as u64);
    for (number, log) in &r.logs {
        put(&mut out, *number as u64);
        put_text(&mut out, &log.name);
        [log.ran, log.dropped, log.full.map_or(0, |n| n + 1), log.events.len() as u64]
            .into_iter()
            .for_each(|n| put(&mut out, n));
        for e in &log.events {
            [e.at, e.place as u64, e.line as u64, e.ran].into_iter().for_each(|n| put(&mut out, n));
            let (tag, a, b) = fields(e.what);
            out.push(tag);
            put(&mut out, a);
            put(&mut out, b);
        }
    }
    let mut block = (out.len() as u64).to_le_bytes().to_vec();
    block.append(&mut out);
    block
}

/// All records in `bytes`.
pub fn read(bytes: &[u8]) -> Vec<Recorded> {
    let mut out = Vec::new();
    let mut rest = bytes;
    while let Some((length, behind)) = rest.split_first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        if behind.len() < length {
            break;
        }
        let (block, next) = behind.split_at(length);
        out.extend(Reader { rest: block }.record());
        rest = next;
    }
    out
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let (mut n, mut shift) = (0, 0);
        loop {
            let b = self.byte()?;
            n |= ((b & 127) as u64).checked_shl(shift)?;
            if b < 128 {
                return Some(n);
            }
            shift += 7;
        }
    }

    fn text(&mut self) -> Option<String> {
        let length = self.number()? as usize;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(String::from_utf8_lossy(text).into_owned())
    }

    fn record(&mut self) -> Option<Recorded> {
        let (pid, mode, bits) = (self.number()? as u32, self.text()?, self.number()?);
        let fate = match bits & 4 {
            0 => None,
            _ => Some(Fate { name: self.text()?, lived: self.number()?, how: self.text()? }),
        };
        let begin = self.number()?;
        let end = End { at: self.number()?, thread: self.number()? as u32, ran: self.number()? };
        let mut r = Recorded {
            pid,
            mode,
            gil: bits & 1 != 0,
            ordered: bits & 2 != 0,
            begin: begin as i64,
            end: Some(end),
            names: HashMap::new(),
            natives: HashMap::new(),
            logs: Vec::new(),
            fate,
        };
        for _ in 0..self.number()? {
            let object = self.number()?;
            r.names.insert(object, Name { name: self.text()?, kind: self.text()? });
        }
        for _ in 0..self.number()? {
            r.natives.insert(self.number()? as usize, self.text()?);
        }
        for _ in 0..self.number()? {
            let number = self.number()? as u32;
            let mut log =
                Log { name: self.text()?, ran: self.number()?, dropped: self.number()?, ..Log::default() };
            log.full = self.number()?.checked_sub(1);
            for _ in 0..self.number()? {
                let (at, place, line) = (self.number()?, self.number()? as u32, self.number()? as u32);
                let ran = self.number()?;
                let what = what(self.byte()?, self.number()?, self.number()?)?;
                log.events.push(Event { at, place, line, ran, what });
            }
            r.logs.push((number, log));
        }
        Some(r)
    }
}

const REASONS: [Reason; 5] = [Reason::Limit, Reason::Request, Reason::Blocking, Reason::Yield, Reason::End];
const STATES: [State; 7] =
    [State::Run, State::Gil, State::Lock, State::Sleep, State::Io, State::Join, State::Ended];

const CALLS: [Call; 8] = [
    Call::Get,
    Call::Put,
    Call::Done,
    Call::Condition,
    Call::Event,
    Call::Semaphore,
    Call::Barrier,
    Call::Future,
];

/// A fact as a number and two figures.
fn fields(what: What) -> (u8, u64, u64) {
    let state = |s: State| STATES.iter().position(|x| *x == s).unwrap_or(0) as u64;
    match what {
        What::Start { by } => (0, by as u64, 0),
        What::End => (1, 0, 0),
        What::GilWait => (2, 0, 0),
        What::FalseWake => (3, 0, 0),
        What::GilAcquire => (4, 0, 0),
        What::GilRelease { reason, native } => (5, reason as u64, native as u64),
        What::Enter { state: s, kind, object } => (6, state(s) | (kind as u64) << 8, object),
        What::Leave => (7, 0, 0),
        What::Acquire { object } => (8, object, 0),
        What::Release { object } => (9, object, 0),
        What::Depth { object, depth } => (10, object, depth as u64),
        What::Wake { other } => (11, other as u64, 0),
        What::Fork { pid } => (12, pid as u64, 0),
        What::Collection { ns } => (13, ns, 0),
        What::NewLock { object, own } => (14, object, own as u64),
        What::Already { state: s } => (15, state(s), 0),
        What::For { object, call } => (16, object, CALLS.iter().position(|c| *c == call).unwrap_or(0) as u64),
    }
}

fn what(tag: u8, a: u64, b: u64) -> Option<What> {
    Some(match tag {
        0 => What::Start { by: a as u32 },
        1 => What::End,
        2 => What::GilWait,
        3 => What::FalseWake,
        4 => What::GilAcquire,
        5 => What::GilRelease { reason: *REASONS.get(a as usize)?, native: b as usize },
        6 => What::Enter { state: *STATES.get(a as usize & 255)?, kind: (a >> 8) as u8, object: b },
        7 => What::Leave,
        8 => What::Acquire { object: a },
        9 => What::Release { object: a },
        10 => What::Depth { object: a, depth: b as u32 },
        11 => What::Wake { other: a as u32 },
        12 => What::Fork { pid: a as u32 },
        13 => What::Collection { ns: a },
        14 => What::NewLock { object: a, own: b != 0 },
        15 => What::Already { state: *STATES.get(a as usize & 255)? },
        16 => What::For { object: a, call: *CALLS.get(b as usize)? },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were() {
        let all = (0..16).filter_map(|tag| what(tag, 3, 70_000));
        let events: Vec<Event> = all
            .enumerate()
            .map(|(i, what)| Event { at: i as u64 * 1_000_003, place: 7, line: 9, ran: 300, what })
            .collect();
        let log =
            Log { name: "线程".to_string(), ran: 5, dropped: 1, full: Some(0), events, ..Log::default() };
        let r = Recorded {
            pid: 77,
            mode: "ticks:7".to_string(),
            gil: true,
            ordered: true,
            begin: -5,
            end: Some(End { at: 9, thread: 2, ran: 4 }),
            names: [(u64::MAX, Name { name: "guard".to_string(), kind: "Lock".to_string() })].into(),
            natives: [(4096, "sorted".to_string())].into(),
            logs: vec![(4, log)],
            fate: Some(Fate { name: "worker".to_string(), lived: 9, how: "killed by SIGKILL".to_string() }),
        };
        let bytes = [write(&r), write(&r)].concat();
        let back = read(&bytes);
        assert_eq!(back.len(), 2);
        for b in &back {
            assert_eq!((b.pid, b.mode.as_str(), b.gil, b.ordered, b.begin), (77, "ticks:7", true, true, -5));
            assert_eq!((&b.names, &b.natives, &b.fate), (&r.names, &r.natives, &r.fate));
            let (old, new) = (&r.logs[0].1, &b.logs[0].1);
            assert_eq!((&new.name, new.ran, new.dropped, new.full), (&old.name, 5, 1, Some(0)));
            assert!(old.events.iter().zip(&new.events).all(|(a, b)| a.what == b.what && a.at == b.at));
            assert_eq!(old.events.len(), new.events.len());
        }
        assert_eq!(read(&bytes[..bytes.len() - 1]).len(), 1);
    }
}
