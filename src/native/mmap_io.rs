//! Methods of mapped memory: reading and writing at a position, searching, moving, resizing. Invariant: the position is
//! never beyond the end, unless the mapping has shrunk since.

use super::mmap::{open, own, page, writable};
use super::util::{errno, integer_or, missing};
use crate::heap::Value;
use crate::run::{Args, Def, R, Thread, def};
use crate::types::mapping::Mapping;
use crate::types::{seq, slice};
use std::sync::atomic::Ordering::*;

/// The methods.
pub static METHODS: &[Def] = &[
    def("close", "($self, /)", close, "Close the mapping: nothing can be read from it any more."),
    def("find", "($self, view, start=0, end=len, /)", find, "Where the bytes begin first, or -1."),
    def("rfind", "($self, view, start=0, end=len, /)", rfind, "Where the bytes begin last, or -1."),
    def("flush", "($self, offset=0, size=-1, /)", flush, "Write what was changed to the file."),
    def("madvise", "($self, option, start=0, length=-1, /)", madvise, "Tell the system how it will be used."),
    def("move", "($self, dest, src, count, /)", shift, "Copy count bytes from src to dest."),
    def("read", "($self, n=None, /)", read, "Up to n bytes from the position on, all by default."),
    def("read_byte", "($self, /)", read_byte, "The byte at the position as a number."),
    def("readline", "($self, /)", readline, "The bytes up to the end of the line."),
    def("resize", "($self, newsize, /)", resize, "Change the size of the mapping and of the file below it."),
    def("seek", "($self, pos, whence=0, /)", seek, "Change the position; the new one."),
    def("seekable", "($self, /)", |_, _| Ok(Value::TRUE), "True."),
    def("size", "($self, /)", size, "The size of the file, which may be more than what is mapped."),
    def(
        "tell",
        "($self, /)",
        |th, a| Ok(Value::int(open(th, a[0])?.pos.load(Acquire) as i64)),
        "The position.",
    ),
    def("write", "($self, bytes, /)", write, "Write bytes at the position; how many."),
    def("write_byte", "($self, byte, /)", write_byte, "Write a number as a byte at the position."),
    def(
        "__enter__",
        "($self, /)",
        |th, a| {
            open(th, a[0])?;
            Ok(a[0])
        },
        "The object itself.",
    ),
    def("__exit__", "($self, /, *args)", close, "Close it."),
    def("__sizeof__", "($self, /)", |_, _| Ok(Value::int(88)), "Size of the object in memory, in bytes."),
];

fn close(th: &mut Thread, a: Args) -> R {
    let m = own(a[0]);
    if m.exports.load(Acquire) > 0 {
        return Err(th.buffer_error("cannot close exported pointers exist"));
    }
    m.close();
    Ok(Value::NONE)
}

/// What stands from the position on.
fn rest(m: &Mapping) -> (usize, &'static [u8]) {
    let (pos, bytes) = (m.pos.load(Acquire), m.bytes());
    (pos, bytes.get(pos..).unwrap_or(&[]))
}

fn read(th: &mut Thread, a: Args) -> R {
    let n = if missing(a[1]) {
        -1
    } else if seq::is_index(a[1]) {
        slice::ssize(th, a[1])?
    } else {
        let t = th.type_name(a[1]);
        return Err(th.type_error(format!("argument should be integer or None, not '{t}'")));
    };
    let m = open(th, a[0])?;
    let (pos, rest) = rest(m);
    let n = usize::try_from(n).unwrap_or(usize::MAX).min(rest.len());
    m.pos.store(pos + n, Release);
    Ok(th.bytes(&rest[..n])?)
}

fn read_byte(th: &mut Thread, a: Args) -> R {
    let m = open(th, a[0])?;
    let (pos, rest) = rest(m);
    let Some(b) = rest.first() else { return Err(th.value_error("read byte out of range")) };
    m.pos.store(pos + 1, Release);
    Ok(Value::int(*b as i64))
}

fn readline(th: &mut Thread, a: Args) -> R {
    let m = open(th, a[0])?;
    let (pos, rest) = rest(m);
    let n = memchr::memchr(b'\n', rest).map_or(rest.len(), |i| i + 1);
    m.pos.store(pos + n, Release);
    Ok(th.bytes(&rest[..n])?)
}

fn write(th: &mut Thread, a: Args) -> R {
    open(th, a[0])?;
    let with = seq::need_buffer(th, a[1])?.into_owned();
    let m = writable(th, a[0])?;
    let pos = m.pos.load(Acquire);
    if !m.write(pos, &with) {
        return Err(th.value_error("data out of range"));
    }
    m.pos.store(pos + with.len(), Release);
    Ok(Value::int(with.len() as i64))
}

fn write_byte(th: &mut Thread, a: Args) -> R {
    open(th, a[0])?;
    let n = th.index(a[1])?;
    let m = writable(th, a[0])?;
    let pos = m.pos.load(Acquire);
    let Ok(b) = u8::try_from(n) else {
        let side = if n < 0 { "less than minimum" } else { "greater than maximum" };
        return Err(th.overflow_error(format!("unsigned byte integer is {side}")));
    };
    if !m.write(pos, &[b]) {
        return Err(th.value_error("write byte out of range"));
    }
    m.pos.store(pos + 1, Release);
    Ok(Value::NONE)
}

fn seek(th: &mut Thread, a: Args) -> R {
    let m = open(th, a[0])?;
    let by = slice::ssize(th, a[1])?;
    let whence = integer_or(th, a[2], 0)?;
    let len = m.bytes().len();
    let from = match whence {
        0 => 0,
        1 => m.pos.load(Acquire),
        2 => len,
        _ => return Err(th.value_error("unknown seek type")),
    };
    match from.checked_add_signed(by).filter(|to| *to <= len) {
        Some(to) => {
            m.pos.store(to, Release);
            Ok(Value::int(to as i64))
        }
        None => Err(th.value_error("seek out of range")),
    }
}

/// The part that a search looks at, where it begins, and what it looks for.
fn searched(th: &mut Thread, a: Args) -> R<(&'static [u8], usize, Vec<u8>)> {
    let pos = open(th, a[0])?.pos.load(Acquire);
    let what = seq::need_buffer(th, a[1])?.into_owned();
    let len = open(th, a[0])?.bytes().len();
    let mut edge = |v: Value, default: usize| -> R<usize> {
        if missing(v) {
            return Ok(default);
        }
        let i = slice::ssize(th, v)?;
        Ok(if i < 0 { i.saturating_add_unsigned(len).max(0) as usize } else { (i as usize).min(len) })
    };
    let (from, to) = (edge(a[2], pos)?, edge(a[3], len)?);
    let bytes = open(th, a[0])?.bytes();
    Ok((bytes.get(from..to.min(bytes.len())).unwrap_or(&[]), from, what))
}

fn answer(at: Option<usize>, from: usize) -> R {
    Ok(Value::int(at.map_or(-1, |i| (from + i) as i64)))
}

fn find(th: &mut Thread, a: Args) -> R {
    let (bytes, from, what) = searched(th, a)?;
    answer(memchr::memmem::find(bytes, &what), from)
}

fn rfind(th: &mut Thread, a: Args) -> R {
    let (bytes, from, what) = searched(th, a)?;
    answer(memchr::memmem::rfind(bytes, &what), from)
}

fn shift(th: &mut Thread, a: Args) -> R {
    open(th, a[0])?;
    let mut part = [0; 3];
    for (i, p) in part.iter_mut().enumerate() {
        *p = slice::ssize(th, a[i + 1])?;
    }
    let m = writable(th, a[0])?;
    let len = m.bytes().len() as isize;
    let [to, from, n] = part;
    if to < 0 || from < 0 || n < 0 || len - to < n || len - from < n {
        return Err(th.value_error("source, destination, or count out of range"));
    }
    m.shift(to as usize, from as usize, n as usize);
    Ok(Value::NONE)
}

fn flush(th: &mut Thread, a: Args) -> R {
    open(th, a[0])?;
    let offset = if a[1].is_unbound() { 0 } else { slice::ssize(th, a[1])? };
    let n = if a[2].is_unbound() { -1 } else { slice::ssize(th, a[2])? };
    let m = open(th, a[0])?;
    let (at, len) = m.place();
    let len = len as isize;
    if offset < 0 || offset > len || n < -1 || n > len - offset {
        return Err(th.value_error("flush values out of range"));
    }
    if m.access == 1 || m.access == 3 {
        return Ok(Value::NONE);
    }
    let n = if n < 0 { len - offset } else { n };
    // SAFETY: the part lies within the mapping.
    if unsafe { libc::msync((at + offset as usize) as *mut _, n as usize, libc::MS_SYNC) } < 0 {
        return Err(th.os_error(errno(), Value::UNBOUND));
    }
    Ok(Value::NONE)
}

fn madvise(th: &mut Thread, a: Args) -> R {
    open(th, a[0])?;
    let option = super::descriptor::c_int(th, a[1])?;
    let start = if a[2].is_unbound() { 0 } else { slice::ssize(th, a[2])? };
    let n = if a[3].is_unbound() { None } else { Some(slice::ssize(th, a[3])?) };
    let (at, len) = open(th, a[0])?.place();
    if start < 0 || start as usize >= len {
        return Err(th.value_error("madvise start out of bounds"));
    }
    if n.is_some_and(|n| n < 0) {
        return Err(th.value_error("madvise length invalid"));
    }
    let n = n.map_or(len, |n| n as usize).min(len - start as usize);
    // SAFETY: the part lies within the mapping; whole pages of it are advised about.
    if unsafe { libc::madvise((at + start as usize) as *mut _, n, option) } < 0 {
        return Err(th.os_error(errno(), Value::UNBOUND));
    }
    Ok(Value::NONE)
}

fn size(th: &mut Thread, a: Args) -> R {
    let fd = open(th, a[0])?.fd.load(Acquire);
    // SAFETY: all-zero is a valid value of this plain struct, which the call fills.
    let mut st: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: as above; a descriptor that is none fails.
    if unsafe { libc::fstat(fd, &mut st) } < 0 {
        return Err(th.os_error(libc::EBADF, Value::UNBOUND));
    }
    Ok(Value::int(st.st_size))
}

fn resize(th: &mut Thread, a: Args) -> R {
    open(th, a[0])?;
    let new = slice::ssize(th, a[1])?;
    let m = open(th, a[0])?;
    if m.exports.load(Acquire) > 0 {
        return Err(th.buffer_error("mmap can't resize with extant buffers exported."));
    }
    let fd = m.fd.load(Acquire);
    if fd == -2 {
        return Err(th.value_error("mmap can't resize with trackfd=False."));
    }
    if m.access == 1 || m.access == 3 {
        return Err(th.type_error("mmap can't resize a readonly or copy-on-write memory map."));
    }
    if new < 0 {
        return Err(th.value_error("new size out of range"));
    }
    let (new, (at, old)) = (new as usize, m.place());
    let shared = m.flags & libc::MAP_SHARED != 0;
    if fd < 0 && shared && new > old {
        return Err(th.value_error("mmap: can't expand a shared anonymous mapping"));
    }
    // SAFETY: plain calls; the descriptor is the mapping's own.
    if fd >= 0 && unsafe { libc::ftruncate(fd, (m.offset + new as i64) as libc::off_t) } < 0 {
        return Err(th.os_error(errno(), Value::UNBOUND));
    }
    if new == 0 {
        return Err(th.os_error(libc::EINVAL, Value::UNBOUND));
    }
    if new.div_ceil(page()) == old.div_ceil(page()) {
        m.replace(at, new);
        return Ok(Value::NONE);
    }
    // The new place is a second mapping of the same file, or of memory that takes the old content over: whoever looks
    // at the old place meanwhile finds it there.
    // SAFETY: the system chooses the place.
    let fresh = unsafe { libc::mmap(std::ptr::null_mut(), new, m.prot, m.flags, fd, m.offset) };
    if fresh == libc::MAP_FAILED {
        return Err(th.os_error(errno(), Value::UNBOUND));
    }
    if fd < 0 || !shared {
        // SAFETY: both places are mapped with at least that many bytes.
        unsafe { std::ptr::copy_nonoverlapping(at as *const u8, fresh as *mut u8, old.min(new)) };
    }
    m.replace(fresh as usize, new);
    Ok(Value::NONE)
}
