//! Finding text in text. Invariant: UTF-8 synchronises itself, so a match of whole texts in bytes is a match of code
//! points; only positions are translated.

use super::index::{count, index_of, offset, width};
use super::{StrBuilder, bytes_of, is_ascii, len};
use crate::heap::space::Mutator;
use crate::heap::value::Value;
use crate::heap::{Full, Make};
use memchr::memmem;

/// Below so many bytes a search is not prepared.
const SHORT: usize = 128;

/// Bytes: results that may be longer are counted before they are written.
const BIG: usize = 1 << 28;

/// First match in bytes.
#[inline]
pub fn find_bytes(hay: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [] => Some(0),
        [b] => memchr::memchr(*b, hay),
        // Preparing a searcher costs more than looking through so little.
        [b, ..] if hay.len() < SHORT => {
            memchr::memchr_iter(*b, hay).find(|at| hay[*at..].starts_with(needle))
        }
        _ => memmem::find(hay, needle),
    }
}

/// Last match in bytes.
#[inline]
pub fn rfind_bytes(hay: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [] => Some(hay.len()),
        [b] => memchr::memrchr(*b, hay),
        _ => memmem::rfind(hay, needle),
    }
}

/// Matches in bytes that do not overlap; `needle` is not empty.
pub fn count_bytes(hay: &[u8], needle: &[u8]) -> usize {
    match needle {
        [b] => memchr::memchr_iter(*b, hay).count(),
        _ => memmem::find_iter(hay, needle).count(),
    }
}

/// Whether `needle` stands in `v`.
pub fn contains(m: &mut Mutator, v: Value, needle: Value) -> Make<bool> {
    let n = bytes_of(m, needle)?;
    Ok(find_bytes(bytes_of(m, v)?, n).is_some())
}

/// The bytes of code points `start..stop` and where they begin; nothing if `start` is beyond `stop` or the end.
fn window(m: &mut Mutator, v: Value, start: usize, stop: usize) -> Make<Option<(usize, &'static [u8])>> {
    if start == 0 && stop >= len(v) {
        return Ok(Some((0, bytes_of(m, v)?)));
    }
    let stop = stop.min(len(v));
    if start > stop {
        return Ok(None);
    }
    let (from, to) = (offset(m, v, start)?, offset(m, v, stop)?);
    Ok(Some((from, &bytes_of(m, v)?[from..to])))
}

/// Index of the first (or last) match that lies in code points `start..stop`.
pub fn find(
    m: &mut Mutator,
    v: Value,
    needle: Value,
    start: usize,
    stop: usize,
    last: bool,
) -> Make<Option<usize>> {
    let needle = bytes_of(m, needle)?;
    let Some((from, hay)) = window(m, v, start, stop)? else { return Ok(None) };
    let at = if last { rfind_bytes(hay, needle) } else { find_bytes(hay, needle) };
    match at {
        Some(at) => Ok(Some(index_of(m, v, from + at)?)),
        None => Ok(None),
    }
}

/// Number of matches in code points `start..stop` that do not overlap.
pub fn count_in(m: &mut Mutator, v: Value, needle: Value, start: usize, stop: usize) -> Make<usize> {
    let needle = bytes_of(m, needle)?;
    let Some((_, hay)) = window(m, v, start, stop)? else { return Ok(0) };
    if needle.is_empty() {
        return Ok(if is_ascii(v) { hay.len() } else { count(hay) } + 1);
    }
    Ok(count_bytes(hay, needle))
}

/// `v` with the first `limit` matches of `old` replaced by `new`.
pub fn replace(m: &mut Mutator, v: Value, old: Value, new: Value, limit: usize) -> Make {
    let (hay, old, new) = (bytes_of(m, v)?, bytes_of(m, old)?, bytes_of(m, new)?);
    if limit == 0 || hay.len() < old.len() {
        return Ok(v);
    }
    let mut out = StrBuilder::new();
    if old.is_empty() {
        let hits = limit.min(count(hay) + 1);
        out.reserve(new.len().checked_mul(hits).ok_or(Full)?.saturating_add(hay.len()))?;
        let mut at = 0;
        let mut left = limit;
        while left > 0 {
            left -= 1;
            out.push_bytes(new)?;
            let Some(&b) = hay.get(at) else { break };
            out.push_bytes(&hay[at..at + width(b)])?;
            at += width(b);
        }
        out.push_bytes(&hay[at.min(hay.len())..])?;
        return out.finish(m);
    }
    let mut at = 0;
    let mut left = limit;
    let finder = (hay.len() >= SHORT).then(|| memmem::Finder::new(old));
    let next = |rest: &[u8]| match &finder {
        Some(f) => f.find(rest),
        None => find_bytes(rest, old),
    };
    if new.len() > old.len() && (hay.len() / old.len()).saturating_mul(new.len()) > BIG {
        // Refused before anything is written where the result is beyond all memory.
        let hits = memmem::find_iter(hay, old).take(limit).count();
        out.reserve((new.len() - old.len()).checked_mul(hits).ok_or(Full)?.saturating_add(hay.len()))?;
    }
    while left > 0
        && let Some(hit) = next(&hay[at..])
    {
        left -= 1;
        out.push_bytes(&hay[at..at + hit])?;
        out.push_bytes(new)?;
        at += hit + old.len();
    }
    if at == 0 {
        return Ok(v);
    }
    out.push_bytes(&hay[at..])?;
    out.finish(m)
}
