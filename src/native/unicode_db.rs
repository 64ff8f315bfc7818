//! The Unicode character database, version 16.0: properties, numbers, decompositions. Invariant: the packed text
//! `unicode_data.txt` is read once, on first use, and never changes. It has four parts with a blank line between:
//! records (category, direction, combining class, width, mirrored), runs of code points by record, numbers,
//! decompositions (`!` where composing never makes the character again).

use std::collections::HashMap;
use std::sync::OnceLock;

/// Properties that neighbours often share.
pub struct Record {
    pub category: &'static str,
    pub direction: &'static str,
    pub combining: u8,
    pub width: &'static str,
    pub mirrored: bool,
}

/// The value of a numeric character.
#[derive(Clone, Copy)]
pub struct Number {
    pub value: f64,
    /// Whether it is a digit, also a superscript one.
    pub digit: bool,
    /// Whether it is a digit of decimal numbers.
    pub decimal: bool,
}

/// The database.
pub struct Db {
    records: Vec<Record>,
    /// First code point of each run, and its record.
    runs: Vec<(u32, u8)>,
    numbers: HashMap<u32, Number>,
    /// Mapping as the database writes it, and whether composing leaves it out.
    mappings: HashMap<u32, (&'static str, bool)>,
    /// What two characters compose to.
    pairs: HashMap<(u32, u32), u32>,
}

static DB: OnceLock<Db> = OnceLock::new();

/// Hangul syllables: first syllable, leading, vowel and trailing jamo, and their counts.
const S: u32 = 0xac00;
const L: u32 = 0x1100;
const V: u32 = 0x1161;
const T: u32 = 0x11a7;
const VOWELS: u32 = 21;
const TRAILS: u32 = 28;
const SYLLABLES: u32 = 11172;

/// The database.
pub fn db() -> &'static Db {
    DB.get_or_init(|| read(include_str!("unicode_data.txt")))
}

fn hex(s: &str) -> u32 {
    u32::from_str_radix(s, 16).unwrap_or(0)
}

fn read(text: &'static str) -> Db {
    let mut parts = text.split("\n\n");
    let mut part = || parts.next().unwrap_or("");
    let record = |line: &'static str| {
        let mut f = line.split(' ');
        let mut field = || f.next().unwrap_or("");
        Record {
            category: field(),
            direction: Some(field()).filter(|d| *d != "-").unwrap_or(""),
            combining: field().parse().unwrap_or(0),
            width: field(),
            mirrored: field() == "1",
        }
    };
    let records = part().lines().map(record).collect();
    let mut at = 0;
    let mut runs = Vec::new();
    for (step, i) in part().split_whitespace().filter_map(|w| w.split_once(':')) {
        at += hex(step);
        runs.push((at, hex(i) as u8));
    }
    at = 0;
    let mut numbers = HashMap::new();
    for (step, n) in part().split_whitespace().filter_map(|w| w.split_once(':')) {
        at += hex(step);
        let (kind, n) = n.split_at(1);
        let (top, bottom) = n.split_once('/').unwrap_or((n, "1"));
        let value = top.parse().unwrap_or(0.0) / bottom.parse::<f64>().unwrap_or(1.0);
        numbers.insert(at, Number { value, digit: kind != "n", decimal: kind == "e" });
    }
    let (mut mappings, mut pairs) = (HashMap::new(), HashMap::new());
    for line in part().lines() {
        let Some(i) = line.find(['=', '!']) else { continue };
        let (code, mapping, left_out) = (hex(&line[..i]), &line[i + 1..], line.as_bytes()[i] == b'!');
        mappings.insert(code, (mapping, left_out));
        if let (false, Some((a, b))) = (left_out || mapping.starts_with('<'), mapping.split_once(' ')) {
            pairs.insert((hex(a), hex(b)), code);
        }
    }
    Db { records, runs, numbers, mappings, pairs }
}

impl Db {
    /// The record of a code point.
    pub fn record(&self, code: u32) -> &Record {
        let i = self.runs.partition_point(|r| r.0 <= code);
        &self.records[self.runs[i.saturating_sub(1)].1 as usize]
    }

    /// Its number, if it has one.
    pub fn number(&self, code: u32) -> Option<Number> {
        self.numbers.get(&code).copied()
    }

    /// Its mapping as the database writes it.
    pub fn decomposition(&self, code: u32) -> String {
        match code.wrapping_sub(S) {
            i if i < SYLLABLES => {
                let parts: Vec<String> = jamo(i).map(|c| format!("{c:04X}")).collect();
                parts.join(" ")
            }
            _ => self.mappings.get(&code).map_or(String::new(), |m| m.0.to_string()),
        }
    }

    fn push_decomposed(&self, code: u32, compatible: bool, out: &mut Vec<u32>) {
        let i = code.wrapping_sub(S);
        if i < SYLLABLES {
            out.extend(jamo(i));
            return;
        }
        match self.mappings.get(&code) {
            Some((m, _)) if compatible || !m.starts_with('<') => {
                for part in m.split(' ').filter(|p| !p.starts_with('<')) {
                    self.push_decomposed(hex(part), compatible, out);
                }
            }
            _ => out.push(code),
        }
    }

    fn compose(&self, a: u32, b: u32) -> Option<u32> {
        let (l, v, t) = (a.wrapping_sub(L), b.wrapping_sub(V), b.wrapping_sub(T));
        if l < 19 && v < VOWELS {
            return Some(S + (l * VOWELS + v) * TRAILS);
        }
        let s = a.wrapping_sub(S);
        if s < SYLLABLES && s.is_multiple_of(TRAILS) && (1..TRAILS).contains(&t) {
            return Some(a + t);
        }
        self.pairs.get(&(a, b)).copied()
    }

    /// The normal form: by compatibility or not, composed or not.
    pub fn normalized(&self, text: impl Iterator<Item = u32>, compatible: bool, composed: bool) -> Vec<u32> {
        let mut out = Vec::new();
        text.for_each(|c| self.push_decomposed(c, compatible, &mut out));
        let class = |c: u32| self.record(c).combining;
        // Marks go by their class, those of the same class as they came.
        let mut from = 0;
        while from < out.len() {
            let n = out[from..].iter().take_while(|c| class(**c) != 0).count();
            out[from..from + n].sort_by_key(|c| class(*c));
            from += n + 1;
        }
        if !composed {
            return out;
        }
        let mut made: Vec<u32> = Vec::with_capacity(out.len());
        let mut starter = None;
        let mut last = 0;
        for c in out {
            let k = class(c);
            if let Some(s) = starter {
                // Blocked by a mark of the same or a higher class between; by a starter unless it is next.
                let free = if made.len() == s + 1 { true } else { last != 0 && last < k };
                if free && let Some(p) = self.compose(made[s], c) {
                    made[s] = p;
                    continue;
                }
            }
            if k == 0 {
                starter = Some(made.len());
            }
            last = k;
            made.push(c);
        }
        made
    }
}

/// The jamo of syllable `i`.
fn jamo(i: u32) -> impl Iterator<Item = u32> {
    let t = i % TRAILS;
    [L + i / (VOWELS * TRAILS), V + i % (VOWELS * TRAILS) / TRAILS, T + t].into_iter().take(if t == 0 {
        2
    } else {
        3
    })
}
