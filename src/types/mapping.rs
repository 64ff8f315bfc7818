//! Memory that the system maps: what `mmap` objects own and views look into. Invariant: an address that was once handed
//! out stays readable until the owner dies: a mapping that is closed or moved leaves zeros in its old place.

use crate::heap::Value;
use crate::heap::object::Boxed;
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::*};
use std::sync::{Mutex, PoisonError};

/// A mapping, its descriptor and its position.
pub struct Mapping {
    at: AtomicUsize,
    len: AtomicUsize,
    /// Old places, with their lengths.
    retired: Mutex<Vec<(usize, usize)>>,
    /// Views that hold the mapping by `with`.
    pub exports: AtomicUsize,
    /// Read and write position.
    pub pos: AtomicUsize,
    /// The descriptor, or -1.
    pub fd: AtomicI32,
    /// Where in the file the mapping begins.
    pub offset: i64,
    /// `MAP_` bits.
    pub flags: i32,
    /// `PROT_` bits.
    pub prot: i32,
    /// `ACCESS_` number.
    pub access: i64,
}

impl Mapping {
    /// Owns `len` bytes that were mapped at `at`, and the descriptor.
    pub fn new(
        at: usize,
        len: usize,
        fd: i32,
        (flags, prot): (i32, i32),
        access: i64,
        offset: i64,
    ) -> Mapping {
        Mapping {
            at: AtomicUsize::new(at),
            len: AtomicUsize::new(len),
            retired: Mutex::default(),
            exports: AtomicUsize::new(0),
            pos: AtomicUsize::new(0),
            fd: AtomicI32::new(fd),
            offset,
            flags,
            prot,
            access,
        }
    }

    /// The mapping of an object that has one.
    pub fn of(v: Value) -> Option<&'static Mapping> {
        v.base().cast::<Boxed>()?.payload::<Mapping>()
    }

    /// Whether it was closed.
    pub fn closed(&self) -> bool {
        self.at.load(Acquire) == 0
    }

    /// Whether nothing may be written.
    pub fn readonly(&self) -> bool {
        self.prot & libc::PROT_WRITE == 0
    }

    /// First address and length; (0, 0) when closed.
    pub fn place(&self) -> (usize, usize) {
        // Closing and moving set the length to 0 before they change the address, and a new length after.
        loop {
            let len = self.len.load(Acquire);
            let at = self.at.load(Acquire);
            if self.len.load(Acquire) == len {
                return (at, len);
            }
        }
    }

    /// The bytes as they are now; others may change them at any time.
    pub fn bytes(&self) -> &'static [u8] {
        match self.place() {
            (0, _) | (_, 0) => &[],
            // SAFETY: the place was mapped with that length and is not unmapped before the owner dies.
            (at, len) => unsafe { std::slice::from_raw_parts(at as *const u8, len) },
        }
    }

    /// Writes within the bytes; false if they do not fit.
    pub fn write(&self, from: usize, with: &[u8]) -> bool {
        let (at, len) = self.place();
        if self.readonly() || at == 0 || from.checked_add(with.len()).is_none_or(|to| to > len) {
            return false;
        }
        let to = (at + from) as *mut u8;
        // SAFETY: within the mapping, which is writable and stays mapped. Machine numbers go in one piece where they
        // are aligned, so that another process never sees half of one.
        unsafe {
            match with.len() {
                8 if (to as usize).is_multiple_of(8) => (*(to as *const std::sync::atomic::AtomicU64))
                    .store(u64::from_ne_bytes(word(with)), Relaxed),
                4 if (to as usize).is_multiple_of(4) => (*(to as *const std::sync::atomic::AtomicU32))
                    .store(u32::from_ne_bytes(word(with)), Relaxed),
                n => std::ptr::copy(with.as_ptr(), to, n),
            }
        }
        true
    }

    /// Moves `n` bytes within the mapping; all must lie within.
    pub fn shift(&self, to: usize, from: usize, n: usize) {
        let (at, len) = self.place();
        if at != 0 && from.max(to).saturating_add(n) <= len {
            // SAFETY: both parts lie within the mapping.
            unsafe { std::ptr::copy((at + from) as *const u8, (at + to) as *mut u8, n) };
        }
    }

    /// Takes a new place; the old one is left as zeros.
    pub fn replace(&self, at: usize, len: usize) {
        let old = (self.at.load(Acquire), self.len.swap(0, AcqRel));
        self.at.store(at, Release);
        self.len.store(len, Release);
        if old.0 != 0 && old.1 != 0 && old.0 != at {
            blank(old);
            self.retired.lock().unwrap_or_else(PoisonError::into_inner).push(old);
        }
    }

    /// Closes the mapping and its descriptor.
    pub fn close(&self) {
        self.replace(0, 0);
        close_fd(self.fd.swap(-1, AcqRel));
    }
}

fn word<const N: usize>(b: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(b);
    out
}

fn close_fd(fd: i32) {
    if fd >= 0 {
        // SAFETY: the mapping owned the descriptor and gave it up by a swap.
        unsafe { libc::close(fd) };
    }
}

/// Gives the memory of a place back; zeros are read there from now on.
fn blank((at, len): (usize, usize)) {
    let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the place belongs to this mapping, and stays mapped as plain memory.
    unsafe { libc::mmap(at as *mut _, len, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let mut places = std::mem::take(self.retired.get_mut().unwrap_or_else(PoisonError::into_inner));
        places.push((*self.at.get_mut(), *self.len.get_mut()));
        for (at, len) in places {
            if at != 0 && len != 0 {
                // SAFETY: nobody has the owner any more, so nobody has an address within.
                unsafe { libc::munmap(at as *mut _, len) };
            }
        }
        close_fd(*self.fd.get_mut());
    }
}
