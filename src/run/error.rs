//! Raising from Rust. Invariant: an exception under way stands in `Thread::raised`; whoever returns `Raised` has put
//! it there (or means MemoryError).

use super::frame;
use super::thread::{R, Raised, Thread};
use crate::heap::cell::ALL;
use crate::heap::known::{C, S};
use crate::heap::object::{Class, Exception, Traceback};
use crate::heap::{Kind, Value};
use std::sync::OnceLock;

macro_rules! raisers {
    ($($f:ident $c:ident)*) => {
        impl Thread {
            $(
                /// Raises that exception with the message.
                #[cold]
                #[inline(never)]
                pub fn $f(&mut self, message: impl AsRef<str>) -> Raised {
                    self.raise(C::$c, message.as_ref())
                }
            )*
        }
    };
}

raisers! {
    type_error TypeError  value_error ValueError  index_error IndexError  runtime_error RuntimeError
    overflow_error OverflowError  zero_division ZeroDivisionError  system_error SystemError  lookup_error LookupError
    assertion_error AssertionError  recursion_error RecursionError  buffer_error BufferError  eof_error EOFError
    arithmetic_error ArithmeticError  reference_error ReferenceError  not_implemented NotImplementedError
    unbound_local UnboundLocalError  memory_error MemoryError
}

impl Thread {
    /// A new exception of a builtin class with the given `args`; its constructor is not run.
    pub fn exception(&mut self, class: C, args: &[Value]) -> R {
        let t = self.tuple(args)?;
        self.exception_with(class.v(), t)
    }

    /// A new instance of an exception class with the `args` tuple; inline slots are unbound.
    pub fn exception_with(&mut self, class: Value, args: Value) -> R {
        let c = class.get::<Class>();
        let words = c.instance_words.get().as_int() as usize;
        let shape = c.root_shape.get().as_int() as u32;
        let p = self.heap.cell(Kind::Exception, shape, ALL, 8 + words * 8)?;
        for i in 1..=words {
            // SAFETY: the cell was made with that many words behind the header.
            unsafe { *p.add(i) = Value::UNBOUND.0 };
        }
        let v = Value::ptr(p);
        let e = v.get::<Exception>();
        e.args.set(args);
        for s in [&e.traceback, &e.context, &e.cause] {
            s.set(Value::NONE);
        }
        e.suppress.set(Value::FALSE);
        if c.bits.get().as_int() & super::class::HAS_DEL != 0 {
            self.heap.register_finalizable(v);
        }
        Ok(v)
    }

    /// Raises `class(message)`.
    #[cold]
    #[inline(never)]
    pub fn raise(&mut self, class: C, message: &str) -> Raised {
        let made = self.str(message).map_err(Raised::from).and_then(|m| self.exception(class, &[m]));
        match made {
            Ok(exc) => self.raise_value(exc),
            Err(r) => r,
        }
    }

    /// Raises the exception object as the machine does for `raise`: links the context.
    pub fn raise_value(&mut self, exc: Value) -> Raised {
        let context = self.handled;
        if !context.is_none() && context != exc {
            link_context(exc, context);
        }
        self.raised = exc;
        Raised
    }

    /// Raises `KeyError(key)`.
    #[cold]
    pub fn key_error(&mut self, key: Value) -> Raised {
        match self.exception(C::KeyError, &[key]) {
            Ok(e) => self.raise_value(e),
            Err(r) => r,
        }
    }

    /// Raises AttributeError for `name` of `obj` with the message.
    #[cold]
    pub fn attribute_error(&mut self, obj: Value, name: Value, message: &str) -> Raised {
        let r = self.raise(C::AttributeError, message);
        if let Some(e) = self.raised.cast::<Exception>() {
            e.x0.set(name);
            e.x1.set(obj);
        }
        r
    }

    /// Raises NameError about `name`.
    #[cold]
    pub fn name_error(&mut self, class: C, name: Value, message: &str) -> Raised {
        let r = self.raise(class, message);
        if let Some(e) = self.raised.cast::<Exception>() {
            e.x0.set(name);
            // For the suggestion `self.name`; the window is gone when it is made.
            if let Some(at) = super::frame::walk(self).next()
                && super::frame::code_of(at.func).varnames.first().is_some_and(|n| &**n == "self")
            {
                // SAFETY: a function with a parameter has register 0.
                let this = unsafe { *at.base };
                if this.is_ptr() && !this.is_kind(Kind::Cell) {
                    e.x1.set(this);
                }
            }
        }
        r
    }

    /// Raises `StopIteration(value)`.
    pub fn stop_iteration(&mut self, value: Value) -> Raised {
        let args: &[Value] = if value.is_none() { &[] } else { &[value] };
        match self.exception(C::StopIteration, args) {
            Ok(e) => {
                e.get::<Exception>().x0.set(value);
                self.raise_value(e)
            }
            Err(r) => r,
        }
    }

    /// Raises OSError for an errno, as the subclass that Python maps it to. `filename` may be unbound.
    #[cold]
    pub fn os_error(&mut self, errno: i32, filename: Value) -> Raised {
        let class = match errno {
            libc::EAGAIN | libc::EALREADY | libc::EINPROGRESS => C::BlockingIOError,
            libc::ECHILD => C::ChildProcessError,
            libc::EPIPE | libc::ESHUTDOWN => C::BrokenPipeError,
            libc::ECONNABORTED => C::ConnectionAbortedError,
            libc::ECONNREFUSED => C::ConnectionRefusedError,
            libc::ECONNRESET => C::ConnectionResetError,
            libc::EEXIST => C::FileExistsError,
            libc::ENOENT => C::FileNotFoundError,
            libc::EINTR => C::InterruptedError,
            libc::EISDIR => C::IsADirectoryError,
            libc::ENOTDIR => C::NotADirectoryError,
            libc::EACCES | libc::EPERM => C::PermissionError,
            libc::ESRCH => C::ProcessLookupError,
            libc::ETIMEDOUT => C::TimeoutError,
            _ => C::OSError,
        };
        // SAFETY: strerror_r writes a terminated text into the buffer.
        let text = unsafe {
            let mut buf = [0 as libc::c_char; 256];
            libc::strerror_r(errno, buf.as_mut_ptr(), buf.len());
            std::ffi::CStr::from_ptr(buf.as_ptr()).to_string_lossy().into_owned()
        };
        let made = self.str(&text).map_err(Raised::from).and_then(|t| {
            let e = self.exception(class, &[Value::int(errno as i64), t])?;
            let x = e.get::<Exception>();
            x.x0.set(Value::int(errno as i64));
            x.x1.set(t);
            x.x2.set(filename);
            Ok(e)
        });
        match made {
            Ok(e) => self.raise_value(e),
            Err(r) => r,
        }
    }

    /// Takes the exception under way.
    pub fn take_raised(&mut self) -> Value {
        let e = std::mem::replace(&mut self.raised, Value::UNBOUND);
        if e.is_unbound() { S::memory_error.v() } else { e }
    }

    /// Whether the exception under way is an instance of the builtin class.
    pub fn raised_is(&self, class: C) -> bool {
        let e = if self.raised.is_unbound() { S::memory_error.v() } else { self.raised };
        super::class::is_subclass(self.class_of(e), class.v())
    }

    /// Turns an exception of `class` under way into `None`; any other one goes on.
    pub fn catch(&mut self, r: R, class: C) -> R<Option<Value>> {
        match r {
            Ok(v) => Ok(Some(v)),
            Err(e) if !self.raised_is(class) => Err(e),
            Err(_) => {
                self.take_raised();
                Ok(None)
            }
        }
    }

    /// Adds the frame to the traceback of the exception under way.
    pub(super) fn add_traceback(&mut self, at: frame::At) {
        let exc = self.raised;
        let Some(e) = exc.cast::<Exception>() else { return };
        if let Ok((v, t)) = self.heap.new::<Traceback>(C::traceback.shape(), ALL, 0) {
            t.next.set(e.traceback.get());
            // SAFETY: the callee's word of a script frame.
            t.func.set(unsafe { *at.base.sub(3) });
            t.frame.set(Value::UNBOUND);
            t.word.set(Value::int(at.word as i64));
            t.line.set(Value::int(at.line() as i64));
            e.traceback.set(v);
        }
    }
}

/// Makes `context` the context of `exc`, cutting a cycle as CPython does.
fn link_context(exc: Value, context: Value) {
    let mut at = context;
    // A script may have made a cycle that `exc` is not in: it is met again at one of the doubling distances.
    let (mut met, mut steps, mut turn) = (at, 0usize, 1usize);
    while let Some(e) = at.cast::<Exception>() {
        let next = e.context.get();
        if next == exc {
            e.context.set(Value::NONE);
            break;
        }
        if next == met {
            break;
        }
        steps += 1;
        if steps == turn {
            (met, steps, turn) = (next, 0, turn * 2);
        }
        at = next;
    }
    if let Some(e) = exc.cast::<Exception>() {
        e.context.set(context);
    }
}

/// What `raise x` raises: an instance as it is, a class called without arguments.
pub fn to_raise(th: &mut Thread, x: Value) -> R {
    if x.is_kind(Kind::Exception) {
        return Ok(x);
    }
    if x.is_kind(Kind::Class) && super::class::is_subclass(x, C::BaseException.v()) {
        let e = th.call(x, &[])?;
        if e.is_kind(Kind::Exception) {
            return Ok(e);
        }
        let text = format!(
            "calling {} should have returned an instance of BaseException, not {}",
            th.repr_text(x)?,
            th.type_name(e)
        );
        return Err(th.type_error(text));
    }
    Err(th.type_error("exceptions must derive from BaseException"))
}

/// Sets `__cause__` of `exc` for `raise exc from cause`.
pub fn set_cause(th: &mut Thread, exc: Value, cause: Value) -> R<()> {
    let cause = if cause.is_none() {
        cause
    } else if cause.is_kind(Kind::Exception)
        || cause.is_kind(Kind::Class) && super::class::is_subclass(cause, C::BaseException.v())
    {
        to_raise(th, cause)?
    } else {
        return Err(th.type_error("exception causes must derive from BaseException"));
    };
    let e = exc.get::<Exception>();
    e.cause.set(cause);
    e.suppress.set(Value::TRUE);
    Ok(())
}

/// A Rust panic inside a native becomes SystemError.
pub fn panicked(th: &mut Thread, panic: &(dyn std::any::Any + Send)) {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| s.to_string())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_string());
    let Raised = th.system_error(format!("internal error: {text}"));
}

/// Passes an exception and a message to `sys.unraisablehook`.
pub type Unraisable = fn(&mut Thread, Value, &str) -> R<()>;

static UNRAISABLE: OnceLock<Unraisable> = OnceLock::new();

/// Says how exceptions that nobody can catch are reported; the first call wins.
pub fn set_unraisable(f: Unraisable) {
    let _ = UNRAISABLE.set(f);
}

/// Reports the exception under way, which nobody can catch, and drops it. `what` says where it was ignored.
pub fn unraisable(th: &mut Thread, what: &str) {
    let exc = th.take_raised();
    let mark = th.keep(exc);
    let message = format!("Exception ignored {what}");
    let told = UNRAISABLE.get().is_some_and(|f| f(th, exc, &message).is_ok());
    if !told {
        th.raised = Value::UNBOUND;
        let text = super::backtrace::exception_text(th, exc);
        super::show::stderr(th, &format!("{message}:\n{text}"));
    }
    th.drop_kept(mark);
}

/// Reports an exception that ended thread function `func`; SystemExit is silent.
pub fn uncaught_in_thread(th: &mut Thread, func: Value) {
    if th.raised_is(C::SystemExit) {
        th.take_raised();
        return;
    }
    let raised = std::mem::replace(&mut th.raised, Value::UNBOUND);
    let mark = th.keep(raised);
    let what = super::show::short_repr(th, func);
    th.raised = raised;
    th.drop_kept(mark);
    unraisable(th, &format!("in thread started by {what}"));
}

/// `threading.DeadlockError`: what a thread gets whose wait would never end.
#[cold]
pub fn deadlock(th: &mut Thread, text: &str) -> Raised {
    let class = super::import::import_full(th, "_threading_sync").and_then(|m| {
        let name = th.intern("DeadlockError")?;
        th.getattr(m, name)
    });
    let made = class.and_then(|c| {
        let text = th.str(text)?;
        th.call(c, &[text])
    });
    match made {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}
