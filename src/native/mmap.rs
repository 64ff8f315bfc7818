//! The modules `mmap` and `_posixshmem`: memory that the system maps. Invariant: an object keeps
//! the protection and the file that it was made with; the bytes themselves are reached through `types::mapping` only.

use super::mmap_io::METHODS;
use super::util::{bind, errno, missing, put, put_int, shape_of, truth_or};
use crate::heap::known::C;
use crate::heap::object::{Class, List};
use crate::heap::{Full, Kind, Value};
use crate::run::{Args, ClassDef, ModuleDef, PLAIN, R, Thread, TypeSlots, class, def, get, instance};
use crate::types::mapping::Mapping;
use crate::types::{seq, slice};
use std::ffi::CString;

/// `mmap`.
pub static MODULE: ModuleDef =
    ModuleDef { name: "mmap", doc: "Memory that the system maps.", functions: &[], fill };

/// `_posixshmem`.
pub static SHM: ModuleDef = ModuleDef {
    name: "_posixshmem",
    doc: "Named memory that processes share.",
    functions: &[
        def(
            "shm_open",
            "(path, flags, mode=511)",
            shm_open,
            "Open a named shared memory; a file descriptor.",
        ),
        def("shm_unlink", "(path)", shm_unlink, "Remove the name of a shared memory."),
    ],
    fill: |_, _| Ok(()),
};

macro_rules! constants {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name as i64)),*] };
}

const NUMBERS: &[(&str, i64)] = constants! {
    PROT_READ PROT_WRITE PROT_EXEC MAP_SHARED MAP_PRIVATE MAP_ANONYMOUS MAP_ANON MAP_DENYWRITE MAP_EXECUTABLE
    MAP_NORESERVE MAP_POPULATE MAP_STACK MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED
    MADV_REMOVE MADV_DONTFORK MADV_DOFORK MADV_HWPOISON MADV_MERGEABLE MADV_UNMERGEABLE MADV_HUGEPAGE
    MADV_NOHUGEPAGE MADV_DONTDUMP MADV_DODUMP MADV_FREE
};

/// The numbers of `access`, with their names.
const ACCESS: [&str; 4] = ["ACCESS_DEFAULT", "ACCESS_READ", "ACCESS_WRITE", "ACCESS_COPY"];

static DEF: ClassDef = ClassDef {
    name: "mmap.mmap",
    doc: "mmap(fileno, length[, flags[, prot[, access[, offset[, trackfd]]]]])\n\nMaps length bytes of the file with \
          that descriptor, or all of it where length is 0; with -1, memory of no file. What is written to a MAP_SHARED \
          mapping is seen by every process that has it, to a MAP_PRIVATE one by none.",
    slots,
    methods: METHODS,
    getset: &[get("closed", |_, o| Ok(Value::bool(own(o).closed())), "Whether it was closed.")],
    basetype: true,
    kind: Kind::Boxed,
    ..PLAIN
};

fn fill(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &DEF)?;
    put(th, dict, "mmap", c)?;
    put(th, dict, "error", C::OSError.v())?;
    for (name, n) in NUMBERS {
        put_int(th, dict, name, *n)?;
    }
    #[cfg(target_arch = "x86_64")]
    put_int(th, dict, "MAP_32BIT", libc::MAP_32BIT as i64)?;
    for (n, name) in ACCESS.iter().enumerate() {
        put_int(th, dict, name, n as i64)?;
    }
    put_int(th, dict, "PAGESIZE", page() as i64)?;
    put_int(th, dict, "ALLOCATIONGRANULARITY", page() as i64)
}

/// Bytes of a page.
pub(super) fn page() -> usize {
    // SAFETY: a plain call.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
}

fn slots(s: &mut TypeSlots) {
    s.new = Some(new);
    s.init = Some(|_, _, _, _| Ok(()));
    s.repr = Some(|th, o| {
        let (m, name) = (own(o), full_name(th, o)?);
        if m.closed() {
            return Ok(th.str(&format!("<{name} closed=True>"))?);
        }
        let access = ACCESS[m.access as usize & 3];
        let (pos, len) = (m.pos.load(std::sync::atomic::Ordering::Relaxed), m.bytes().len());
        let text =
            format!("<{name} closed=False, access={access}, length={len}, pos={pos}, offset={}>", m.offset);
        Ok(th.str(&text)?)
    });
    s.len = Some(|th, o| Ok(open(th, o)?.bytes().len()));
    s.bool = Some(|th, o| Ok(!open(th, o)?.bytes().is_empty()));
    s.getitem = Some(getitem);
    s.setitem = Some(setitem);
    // As a sequence, a mapping is one of single bytes.
    s.iter = Some(|th, o| {
        let n = open(th, o)?.bytes().len();
        let out = th.list_with(n)?;
        for i in 0..n {
            let Some(b) = open(th, o)?.bytes().get(i).copied() else { break };
            let b = th.bytes(&[b])?;
            crate::heap::list::push(&mut th.heap, out.get::<List>(), b)?;
        }
        th.iter(out)
    });
}

/// The class's name with its module's.
fn full_name(th: &mut Thread, o: Value) -> R<String> {
    let class = class::class_of(o);
    let module = th.intern("__module__")?;
    let module = th.getattr(class, module)?;
    Ok(format!("{}.{}", th.text_of(module)?, th.class_name(class)))
}

/// The mapping of an instance.
pub(super) fn own(v: Value) -> &'static Mapping {
    Mapping::of(v).expect("the class makes its instances")
}

/// The mapping, unless it was closed.
pub(super) fn open(th: &mut Thread, v: Value) -> R<&'static Mapping> {
    let m = own(v);
    if m.closed() { Err(th.value_error("mmap closed or invalid")) } else { Ok(m) }
}

/// The mapping, if it may be written.
pub(super) fn writable(th: &mut Thread, v: Value) -> R<&'static Mapping> {
    let m = open(th, v)?;
    if m.readonly() {
        return Err(th.type_error("mmap can't modify a readonly memory map."));
    }
    Ok(m)
}

fn new(th: &mut Thread, cls: Value, args: Value, kwargs: Value) -> R {
    const NAMES: [&str; 7] = ["fileno", "length", "flags", "prot", "access", "offset", "trackfd"];
    let [fileno, length, flags, prot, access, offset, track] = bind::<7>(th, "mmap", NAMES, 2, args, kwargs)?;
    let fd = super::descriptor::c_int(th, fileno)?;
    let length = slice::ssize(th, length)?;
    let mut number =
        |v: Value, default: i64| if v.is_unbound() { Ok(default) } else { th.index(v).map(|i| i as i64) };
    let both = (libc::PROT_READ | libc::PROT_WRITE) as i64;
    let flags_given = number(flags, libc::MAP_SHARED as i64)?;
    let prot_given = number(prot, both)?;
    let asked = number(access, 0)?;
    let offset = number(offset, 0)?;
    let track = truth_or(th, track, true)?;
    if length < 0 {
        return Err(th.overflow_error("memory mapped length must be positive"));
    }
    if offset < 0 {
        return Err(th.overflow_error("memory mapped offset must be positive"));
    }
    if asked != 0 && (flags_given != libc::MAP_SHARED as i64 || prot_given != both) {
        return Err(th.value_error("mmap can't specify both access and flags, prot."));
    }
    let (mut flags, mut prot) = (flags_given as i32, prot_given as i32);
    let access = match asked {
        0 if prot_given & both == both => 0,
        0 if prot & libc::PROT_WRITE != 0 => 2,
        0 => 1,
        1 => {
            prot = libc::PROT_READ;
            1
        }
        2 => 2,
        3 => {
            flags = libc::MAP_PRIVATE;
            3
        }
        _ => return Err(th.value_error("mmap invalid access parameter.")),
    };
    let mut len = length as usize;
    let mut own_fd = -1;
    if fd == -1 {
        flags |= libc::MAP_ANONYMOUS;
    } else {
        len = length_of_file(th, fd, len, offset)?;
        if track {
            // SAFETY: a plain call.
            own_fd = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) };
            if own_fd < 0 {
                return Err(th.os_error(errno(), Value::UNBOUND));
            }
        }
    }
    // SAFETY: the system chooses the place.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), len, prot, flags, fd, offset) };
    if at == libc::MAP_FAILED {
        let e = errno();
        if own_fd >= 0 {
            // SAFETY: the descriptor was just made.
            unsafe { libc::close(own_fd) };
        }
        return Err(if e == libc::ENOMEM { Full.into() } else { th.os_error(e, Value::UNBOUND) });
    }
    // A descriptor that is not tracked is told from none by -2.
    let own_fd = if fd != -1 && !track { -2 } else { own_fd };
    let mapping = Mapping::new(at as usize, len, own_fd, (flags, prot), access, offset);
    let solid = cls.get::<Class>().solid.get();
    let v = th.heap.boxed(shape_of(solid), Box::new(mapping), 256)?;
    if cls == solid { Ok(v) } else { instance::wrap_base(th, cls, v) }
}

/// How much of the file is mapped: all of it where nothing is asked for.
fn length_of_file(th: &mut Thread, fd: i32, len: usize, offset: i64) -> R<usize> {
    // SAFETY: all-zero is a valid value of this plain struct, which the call fills.
    let mut st: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    if unsafe { libc::fstat(fd, &mut st) } < 0 {
        return Err(th.os_error(errno(), Value::UNBOUND));
    }
    if st.st_mode & libc::S_IFMT != libc::S_IFREG {
        return Ok(len);
    }
    if len == 0 {
        if st.st_size == 0 {
            return Err(th.value_error("cannot mmap an empty file"));
        }
        if offset >= st.st_size {
            return Err(th.value_error("mmap offset is greater than file size"));
        }
        return Ok((st.st_size - offset) as usize);
    }
    if offset > st.st_size || ((st.st_size - offset) as usize) < len {
        return Err(th.value_error("mmap length is greater than file size"));
    }
    Ok(len)
}

fn getitem(th: &mut Thread, o: Value, k: Value) -> R {
    let len = open(th, o)?.bytes().len();
    if k.is_kind(Kind::Slice) {
        let (start, step, n) = seq::slice(th, k, len)?;
        let bytes = open(th, o)?.bytes();
        if step == 1 {
            let part = bytes.get(start..start + n).unwrap_or(&[]);
            return Ok(th.bytes(part)?);
        }
        let mut out = Vec::new();
        out.try_reserve(n).map_err(|_| Full)?;
        out.extend((0..n).filter_map(|i| bytes.get(start.wrapping_add_signed(step * i as isize))));
        return Ok(th.bytes(&out)?);
    }
    if !seq::is_index(k) {
        return Err(th.type_error("mmap indices must be integers"));
    }
    let i = seq::item(th, k, len, "mmap index out of range")?;
    match open(th, o)?.bytes().get(i) {
        Some(b) => Ok(Value::int(*b as i64)),
        None => Err(th.index_error("mmap index out of range")),
    }
}

fn setitem(th: &mut Thread, o: Value, k: Value, v: Value) -> R<()> {
    let len = writable(th, o)?.bytes().len();
    if k.is_kind(Kind::Slice) {
        if v.is_unbound() {
            return Err(th.type_error("mmap object doesn't support slice deletion"));
        }
        let (start, step, n) = seq::slice(th, k, len)?;
        let with = seq::need_buffer(th, v)?.into_owned();
        if with.len() != n {
            return Err(th.index_error("mmap slice assignment is wrong size"));
        }
        let m = writable(th, o)?;
        if step == 1 {
            m.write(start, &with);
        } else {
            with.iter().enumerate().for_each(|(i, b)| {
                m.write(start.wrapping_add_signed(step * i as isize), &[*b]);
            });
        }
        return Ok(());
    }
    if !seq::is_index(k) {
        return Err(th.type_error("mmap indices must be integers"));
    }
    let i = seq::item(th, k, len, "mmap index out of range")?;
    if v.is_unbound() {
        return Err(th.type_error("mmap doesn't support item deletion"));
    }
    if !seq::is_index(v) {
        return Err(th.type_error("mmap item value must be an int"));
    }
    let n = slice::ssize(th, v)?;
    let Ok(b) = u8::try_from(n) else {
        return Err(th.value_error("mmap item value must be in range(0, 256)"));
    };
    if writable(th, o)?.write(i, &[b]) { Ok(()) } else { Err(th.index_error("mmap index out of range")) }
}

// ------------------------------------------------------------------------------------------------------- shared memory

fn name(th: &mut Thread, v: Value) -> R<CString> {
    let bytes = super::util::os_bytes(th, v)?;
    CString::new(bytes).map_err(|_| th.value_error("embedded null character"))
}

fn shm_open(th: &mut Thread, a: Args) -> R {
    let path = name(th, a[0])?;
    let flags = super::descriptor::c_int(th, a[1])?;
    let mode = if missing(a[2]) { 0o777 } else { super::descriptor::c_int(th, a[2])? };
    loop {
        // SAFETY: the name is terminated.
        let fd = unsafe { libc::shm_open(path.as_ptr(), flags | libc::O_CLOEXEC, mode as libc::mode_t) };
        if fd >= 0 {
            return Ok(Value::int(fd as i64));
        }
        let e = errno();
        if e != libc::EINTR {
            return Err(th.os_error(e, a[0]));
        }
        crate::run::signal::run_pending(th)?;
    }
}

fn shm_unlink(th: &mut Thread, a: Args) -> R {
    let path = name(th, a[0])?;
    // SAFETY: the name is terminated.
    if unsafe { libc::shm_unlink(path.as_ptr()) } < 0 {
        return Err(th.os_error(errno(), a[0]));
    }
    Ok(Value::NONE)
}
