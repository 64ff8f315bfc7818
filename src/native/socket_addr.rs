//! Addresses of sockets: from the values that scripts write and back. Invariant: an address is valid for the length
//! that it carries, whatever family it says.

use super::descriptor::c_int;
use super::socket::Sock;
use super::socket_name::{self as name, host_bytes};
use super::util::{buffer, errno, os_bytes, os_text};
use crate::heap::object::Tuple;
use crate::heap::{Value, text};
use crate::run::{R, Thread};
use std::sync::atomic::Ordering::Relaxed;

/// An address as the system takes it.
#[derive(Clone, Copy)]
pub(super) struct Addr {
    room: libc::sockaddr_storage,
    /// How much of it counts.
    pub len: libc::socklen_t,
}

impl Default for Addr {
    fn default() -> Addr {
        // SAFETY: a struct of numbers.
        Addr { room: unsafe { std::mem::zeroed() }, len: 0 }
    }
}

impl Addr {
    /// Room of an address.
    pub const ROOM: libc::socklen_t = size_of::<libc::sockaddr_storage>() as libc::socklen_t;

    /// One for a call to fill.
    pub fn room() -> Addr {
        Addr { len: Addr::ROOM, ..Addr::default() }
    }

    /// The address of one family's struct.
    fn from<T>(t: &T) -> Addr {
        let mut a = Addr { len: size_of::<T>() as libc::socklen_t, ..Addr::default() };
        assert!(a.len <= Addr::ROOM);
        // SAFETY: socket address structs are plain numbers and fit, as was checked.
        unsafe { std::ptr::copy_nonoverlapping((&raw const *t).cast::<u8>(), a.bytes_mut(), size_of::<T>()) };
        a
    }

    /// A copy of the address that the system put at `p`.
    ///
    /// # Safety
    /// `p` points to `len` bytes.
    pub unsafe fn copied(p: *const libc::sockaddr, len: libc::socklen_t) -> Addr {
        let mut a = Addr { len: len.min(Addr::ROOM), ..Addr::default() };
        // SAFETY: both have that many bytes.
        unsafe { std::ptr::copy_nonoverlapping(p.cast::<u8>(), a.bytes_mut(), a.len as usize) };
        a
    }

    fn bytes_mut(&mut self) -> *mut u8 {
        (&raw mut self.room).cast()
    }

    /// For a call that reads it.
    pub fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.room).cast()
    }

    /// For a call that fills it.
    pub fn as_mut_ptr(&mut self) -> *mut libc::sockaddr {
        (&raw mut self.room).cast()
    }

    /// Its length.
    pub fn len(&self) -> libc::socklen_t {
        self.len
    }

    /// Its family; 0 where there is no address.
    pub fn family(&self) -> i32 {
        if self.len < 2 { 0 } else { self.room.ss_family as i32 }
    }

    fn data(&self) -> &[u8] {
        let n = self.len.min(Addr::ROOM) as usize;
        // SAFETY: the storage has that many bytes.
        unsafe { std::slice::from_raw_parts((&raw const self.room).cast::<u8>(), n) }
    }

    fn inet(&self) -> libc::sockaddr_in {
        // SAFETY: the storage is larger and aligned for every address.
        unsafe { *(&raw const self.room).cast() }
    }

    fn inet6(&self) -> libc::sockaddr_in6 {
        // SAFETY: as above.
        unsafe { *(&raw const self.room).cast() }
    }

    /// An IPv4 address.
    pub fn v4(ip: [u8; 4], port: u16) -> Addr {
        // SAFETY: a struct of numbers.
        let mut a: libc::sockaddr_in = unsafe { std::mem::zeroed() };
        a.sin_family = libc::AF_INET as libc::sa_family_t;
        a.sin_port = port.to_be();
        a.sin_addr.s_addr = u32::from_ne_bytes(ip);
        Addr::from(&a)
    }

    /// An IPv6 address.
    pub fn v6(ip: [u8; 16], port: u16) -> Addr {
        // SAFETY: a struct of numbers.
        let mut a: libc::sockaddr_in6 = unsafe { std::mem::zeroed() };
        a.sin6_family = libc::AF_INET6 as libc::sa_family_t;
        a.sin6_port = port.to_be();
        a.sin6_addr.s6_addr = ip;
        Addr::from(&a)
    }

    /// The same with port, and for IPv6 flow and scope.
    pub fn with(mut self, port: u16, flow: u32, scope: Option<u32>) -> Addr {
        match self.family() {
            libc::AF_INET => {
                let mut a = self.inet();
                a.sin_port = port.to_be();
                self = Addr::from(&a);
            }
            libc::AF_INET6 => {
                let mut a = self.inet6();
                a.sin6_port = port.to_be();
                a.sin6_flowinfo = flow.to_be();
                if let Some(scope) = scope {
                    a.sin6_scope_id = scope;
                }
                self = Addr::from(&a);
            }
            _ => {}
        }
        self
    }

    /// The text of the host.
    pub fn host(&self) -> String {
        match self.family() {
            libc::AF_INET => std::net::Ipv4Addr::from(self.inet().sin_addr.s_addr.to_ne_bytes()).to_string(),
            libc::AF_INET6 => {
                let a = self.inet6();
                let text = std::net::Ipv6Addr::from(a.sin6_addr.s6_addr).to_string();
                match a.sin6_scope_id {
                    0 => text,
                    scope => format!("{text}%{}", name::interface(scope)),
                }
            }
            _ => String::new(),
        }
    }

    fn port(&self) -> u16 {
        u16::from_be(self.inet().sin_port)
    }
}

/// The address that a socket is bound to.
pub(super) fn own_name(fd: i32) -> Result<Addr, i32> {
    let mut a = Addr::room();
    // SAFETY: the address has the room that is said.
    let rc = unsafe { libc::getsockname(fd, a.as_mut_ptr(), &mut a.len) };
    if rc == 0 { Ok(a) } else { Err(errno()) }
}

/// An address as scripts see it: a tuple, a path, None where there is none.
pub(super) fn show(th: &mut Thread, a: &Addr) -> R {
    match a.family() {
        0 => Ok(Value::NONE),
        libc::AF_INET => {
            let host = th.str(&a.host())?;
            Ok(th.tuple(&[host, Value::int(a.port() as i64)])?)
        }
        libc::AF_INET6 => {
            let six = a.inet6();
            let host = th.str(&a.host())?;
            let (flow, scope) = (u32::from_be(six.sin6_flowinfo), six.sin6_scope_id);
            let numbers = [a.port() as i64, flow as i64, scope as i64].map(Value::int);
            Ok(th.tuple(&[host, numbers[0], numbers[1], numbers[2]])?)
        }
        libc::AF_UNIX => {
            let path = a.data().get(2..).unwrap_or_default();
            if path.first() == Some(&0) {
                return Ok(th.bytes(path)?);
            }
            let end = path.iter().position(|b| *b == 0).unwrap_or(path.len());
            os_text(th, &path[..end])
        }
        family => {
            let raw = th.bytes(a.data().get(2..).unwrap_or_default())?;
            Ok(th.tuple(&[Value::int(family as i64), raw])?)
        }
    }
}

fn tuple_for(th: &mut Thread, v: Value, family: &str, caller: &str) -> R<&'static Tuple> {
    match v.base().cast::<Tuple>() {
        Some(t) => Ok(t),
        None => {
            let text = format!("{caller}(): {family} address must be tuple, not {}", th.type_name(v));
            Err(th.type_error(text))
        }
    }
}

fn port_of(th: &mut Thread, v: Value, caller: &str) -> R<u16> {
    let port = c_int(th, v)?;
    match u16::try_from(port) {
        Ok(p) => Ok(p),
        Err(_) => Err(th.overflow_error(format!("{caller}(): port must be 0-65535."))),
    }
}

/// Reads the address that a script gives to `caller` for this socket.
pub(super) fn read(th: &mut Thread, s: &Sock, v: Value, caller: &str) -> R<Addr> {
    match s.family.load(Relaxed) {
        libc::AF_INET => {
            let t = tuple_for(th, v, "AF_INET", caller)?;
            if t.len() != 2 {
                return Err(th.type_error("AF_INET address must be a pair (host, port)"));
            }
            let host = host_bytes(th, t.at(0))?;
            let port = port_of(th, t.at(1), caller)?;
            Ok(name::resolve(th, &host, libc::AF_INET)?.with(port, 0, None))
        }
        libc::AF_INET6 => {
            let t = tuple_for(th, v, "AF_INET6", caller)?;
            if !(2..=4).contains(&t.len()) {
                let text = "AF_INET6 address must be a tuple (host, port[, flowinfo[, scopeid]])";
                return Err(th.type_error(text));
            }
            let host = host_bytes(th, t.at(0))?;
            let port = port_of(th, t.at(1), caller)?;
            let flow = if t.len() > 2 { super::util::integer(th, t.at(2))? } else { 0 };
            if !(0..1 << 20).contains(&flow) {
                return Err(th.overflow_error(format!("{caller}(): flowinfo must be 0-1048575.")));
            }
            let scope = if t.len() > 3 { Some(super::util::integer(th, t.at(3))? as u32) } else { None };
            Ok(name::resolve(th, &host, libc::AF_INET6)?.with(port, flow as u32, scope.filter(|s| *s > 0)))
        }
        libc::AF_UNIX => unix(th, v),
        family => {
            let text = format!("{caller}(): unknown address family {family}");
            Err(th.raise(crate::heap::known::C::OSError, &text))
        }
    }
}

/// A path, or bytes that begin with a zero: an abstract name.
fn unix(th: &mut Thread, v: Value) -> R<Addr> {
    let path = if text::is_text(v.base()) { os_bytes(th, v)? } else { buffer(th, v)? };
    // SAFETY: a struct of numbers.
    let mut a: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    let hidden = path.first() == Some(&0);
    // A path needs its end mark; an abstract name is all the bytes.
    if path.len() + !hidden as usize > a.sun_path.len() {
        return Err(th.raise(crate::heap::known::C::OSError, "AF_UNIX path too long"));
    }
    a.sun_family = libc::AF_UNIX as libc::sa_family_t;
    for (to, from) in a.sun_path.iter_mut().zip(&path) {
        *to = *from as libc::c_char;
    }
    let mut all = Addr::from(&a);
    all.len = (2 + path.len() + (!hidden && !path.is_empty()) as usize) as libc::socklen_t;
    Ok(all)
}
