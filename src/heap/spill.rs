//! Registers to memory before a stack is scanned. Invariant: after `spill` in a frame, every value that a caller
//! of that frame still needs is in the given buffer or on the stack above the returned stack pointer.

/// Room for the registers that a call preserves.
#[repr(C, align(16))]
pub struct Registers([u64; 64]);

impl Registers {
    /// An empty buffer.
    #[inline(always)]
    pub const fn new() -> Registers {
        Registers([0; 64])
    }

    /// Keeps the buffer in its frame up to here.
    #[inline(always)]
    pub fn keep(&self) {
        std::hint::black_box(self);
    }
}

impl Default for Registers {
    fn default() -> Registers {
        Registers::new()
    }
}

/// Writes the preserved registers to the buffer and returns the stack pointer. To be called, or inlined, in the
/// very frame that lives until the scan is over.
///
/// # Safety
/// The buffer is valid for writing.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub unsafe extern "C" fn spill(to: *mut Registers) -> usize {
    core::arch::naked_asm!(
        "mov [rdi], rbx",
        "mov [rdi + 8], rbp",
        "mov [rdi + 16], r12",
        "mov [rdi + 24], r13",
        "mov [rdi + 32], r14",
        "mov [rdi + 40], r15",
        "mov rax, rsp",
        "ret",
    )
}

/// Writes the preserved registers, d8 to d15 among them, to the buffer and returns the stack pointer. To be
/// called, or inlined, in the very frame that lives until the scan is over.
///
/// # Safety
/// The buffer is valid for writing.
#[cfg(target_arch = "aarch64")]
#[unsafe(naked)]
pub unsafe extern "C" fn spill(to: *mut Registers) -> usize {
    core::arch::naked_asm!(
        "stp x19, x20, [x0]",
        "stp x21, x22, [x0, 16]",
        "stp x23, x24, [x0, 32]",
        "stp x25, x26, [x0, 48]",
        "stp x27, x28, [x0, 64]",
        "stp x29, x30, [x0, 80]",
        "stp d8, d9, [x0, 96]",
        "stp d10, d11, [x0, 112]",
        "stp d12, d13, [x0, 128]",
        "stp d14, d15, [x0, 144]",
        "mov x0, sp",
        "ret",
    )
}

/// Writes the preserved registers to the buffer by way of the C library and returns a stack pointer below the
/// caller's frame.
///
/// # Safety
/// The buffer is valid for writing.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(never)]
pub unsafe extern "C" fn spill(to: *mut Registers) -> usize {
    unsafe extern "C" {
        fn _setjmp(to: *mut Registers) -> i32;
    }
    let mark = 0usize;
    // SAFETY: the buffer is larger than any jump buffer; nobody jumps to it.
    unsafe { _setjmp(to) };
    std::hint::black_box(&mark) as *const usize as usize
}

/// The highest address of the running thread's stack.
#[cfg(not(target_vendor = "apple"))]
pub fn stack_top() -> usize {
    // SAFETY: the attributes are initialised by the first call and released by the last.
    unsafe {
        let mut attr: libc::pthread_attr_t = std::mem::zeroed();
        assert!(libc::pthread_getattr_np(libc::pthread_self(), &mut attr) == 0, "no stack attributes");
        let (mut addr, mut size) = (std::ptr::null_mut(), 0);
        libc::pthread_attr_getstack(&attr, &mut addr, &mut size);
        libc::pthread_attr_destroy(&mut attr);
        addr as usize + size
    }
}

/// The highest address of the running thread's stack.
#[cfg(target_vendor = "apple")]
pub fn stack_top() -> usize {
    // SAFETY: only asks about the running thread.
    unsafe { libc::pthread_get_stackaddr_np(libc::pthread_self()) as usize }
}
