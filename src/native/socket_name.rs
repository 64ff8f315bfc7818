//! Names and numbers of hosts, services, protocols and interfaces. Invariant: what may ask the network runs as an
//! opaque call of the C library, outside the GIL; what reads a short table of the system is done in place.

use super::descriptor::c_int;
use super::socket::{error_class, failed};
use super::socket_addr::{self as addr, Addr};
use super::util::{buffer, errno, integer, missing, os_bytes, os_text, put};
use crate::heap::known::C;
use crate::heap::object::{ByteArray, Bytes, Tuple};
use crate::heap::{Value, bigint, text};
use crate::run::door::{self, Kind as Wait};
use crate::run::{Args, R, Raised, Thread, signal};
use std::ffi::{CStr, CString};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

static GAI_ERROR: AtomicU64 = AtomicU64::new(Value::NONE.0);
static H_ERROR: AtomicU64 = AtomicU64::new(Value::NONE.0);

/// Puts the classes of errors into the module.
pub(super) fn fill(th: &mut Thread, dict: Value) -> R<()> {
    for (name, place) in [("gaierror", &GAI_ERROR), ("herror", &H_ERROR)] {
        let c = error_class(th, name)?;
        place.store(c.0, Relaxed);
        put(th, dict, name, c)?;
    }
    Ok(())
}

#[cold]
fn raise_numbered(th: &mut Thread, class: &AtomicU64, code: i32, text: &str) -> Raised {
    let made = th.str(text).map_err(Raised::from).and_then(|t| {
        let class = Value(class.load(Relaxed));
        th.call(class, &[Value::int(code as i64), t])
    });
    match made {
        Ok(e) => th.raise_value(e),
        Err(r) => r,
    }
}

/// The error of `getaddrinfo` and `getnameinfo`; `e` is the errno that came with it.
#[cold]
fn gai_error(th: &mut Thread, code: i32, e: i32) -> Raised {
    if code == libc::EAI_SYSTEM {
        return failed(th, e);
    }
    // SAFETY: the call gives a static text.
    let text = unsafe { CStr::from_ptr(libc::gai_strerror(code)) }.to_string_lossy().into_owned();
    raise_numbered(th, &GAI_ERROR, code, &text)
}

/// A host name as the system takes it.
pub(super) fn host_bytes(th: &mut Thread, v: Value) -> R<CString> {
    let b = v.base();
    let bytes = if text::is_text(b) {
        let bytes = text::bytes_of(&mut th.heap, b)?;
        if bytes.is_ascii() {
            bytes.to_vec()
        } else {
            let (encode, idna) = (th.intern("encode")?, th.intern("idna")?);
            let encode = th.getattr(v, encode)?;
            let coded = th.call(encode, &[idna])?;
            buffer(th, coded)?
        }
    } else if b.cast::<Bytes>().is_some() || b.cast::<ByteArray>().is_some() {
        buffer(th, b)?
    } else {
        let text = format!("str, bytes or bytearray expected, not {}", th.type_name(v));
        return Err(th.type_error(text));
    };
    CString::new(bytes).map_err(|_| th.type_error("host name must not contain null character"))
}

/// What `getaddrinfo` found, freed when dropped.
struct Found(*mut libc::addrinfo);

// SAFETY: the list belongs to whoever holds this; nothing else refers to it.
unsafe impl Send for Found {}

impl Drop for Found {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the list came from getaddrinfo and is freed once.
            unsafe { libc::freeaddrinfo(self.0) };
        }
    }
}

impl Found {
    fn each(&self) -> impl Iterator<Item = &libc::addrinfo> {
        // SAFETY: the links of a list that lives as long as this.
        let mut at = unsafe { self.0.as_ref() };
        std::iter::from_fn(move || {
            let one = at?;
            // SAFETY: as above.
            at = unsafe { one.ai_next.as_ref() };
            Some(one)
        })
    }
}

/// Asks for addresses; numbers are answered in place, names in the door.
fn look_up(th: &mut Thread, host: Option<&CStr>, service: Option<&CStr>, hints: &libc::addrinfo) -> R<Found> {
    loop {
        let call = || {
            let mut found = Found(std::ptr::null_mut());
            let at = |s: Option<&CStr>| s.map_or(std::ptr::null(), CStr::as_ptr);
            // SAFETY: the texts are terminated and the hints live through the call.
            let code = unsafe { libc::getaddrinfo(at(host), at(service), hints, &mut found.0) };
            (code, errno(), found)
        };
        let (code, e, found) = door::opaque(th, Wait::Read(-1), call);
        match code {
            0 => return Ok(found),
            libc::EAI_SYSTEM if e == libc::EINTR => signal::run_pending(th)?,
            code => return Err(gai_error(th, code, e)),
        }
    }
}

/// The first address of a host, with port 0. Empty means any address of this machine.
pub(super) fn resolve(th: &mut Thread, host: &CStr, family: i32) -> R<Addr> {
    let text = host.to_str().unwrap_or("");
    if family == libc::AF_INET {
        match text {
            "" => return Ok(Addr::v4([0; 4], 0)),
            "<broadcast>" => return Ok(Addr::v4([255; 4], 0)),
            _ => {}
        }
        if let Ok(ip) = text.parse::<Ipv4Addr>() {
            return Ok(Addr::v4(ip.octets(), 0));
        }
    } else {
        if text.is_empty() {
            return Ok(Addr::v6([0; 16], 0));
        }
        if let Ok(ip) = text.parse::<Ipv6Addr>() {
            return Ok(Addr::v6(ip.octets(), 0));
        }
    }
    // SAFETY: a struct of numbers and null pointers.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = family;
    let found = look_up(th, Some(host), None, &hints)?;
    match found.each().next() {
        // SAFETY: an entry's address has the length that it says.
        Some(one) => Ok(unsafe { Addr::copied(one.ai_addr, one.ai_addrlen) }),
        None => Err(gai_error(th, libc::EAI_NONAME, 0)),
    }
}

fn given(th: &mut Thread, v: Value) -> R<i32> {
    if v.is_unbound() { Ok(0) } else { c_int(th, v) }
}

pub(super) fn getaddrinfo(th: &mut Thread, a: Args) -> R {
    let is_name = |v: Value| text::is_text(v.base()) || v.base().cast::<Bytes>().is_some();
    let host = if a[0].is_none() {
        None
    } else if is_name(a[0]) {
        Some(host_bytes(th, a[0])?)
    } else {
        return Err(th.type_error("getaddrinfo() argument 1 must be string or None"));
    };
    let service = if a[1].is_none() {
        None
    } else if bigint::is_integer(a[1].base()) {
        Some(CString::new(integer(th, a[1])?.to_string()).unwrap_or_default())
    } else if is_name(a[1]) {
        let bytes = os_bytes(th, a[1])?;
        Some(CString::new(bytes).map_err(|_| th.value_error("embedded null character"))?)
    } else {
        return Err(th.raise(C::OSError, "Int or String expected"));
    };
    // SAFETY: a struct of numbers and null pointers.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_family = given(th, a[2])?;
    hints.ai_socktype = given(th, a[3])?;
    hints.ai_protocol = given(th, a[4])?;
    hints.ai_flags = given(th, a[5])?;
    let found = look_up(th, host.as_deref(), service.as_deref(), &hints)?;
    let out = th.list(&[])?;
    for one in found.each() {
        // SAFETY: an entry's address has the length that it says.
        let to = unsafe { Addr::copied(one.ai_addr, one.ai_addrlen) };
        let to = addr::show(th, &to)?;
        let name: &[u8] = if one.ai_canonname.is_null() {
            b""
        } else {
            // SAFETY: a terminated text that lives as long as the list.
            unsafe { CStr::from_ptr(one.ai_canonname) }.to_bytes()
        };
        let name = os_text(th, name)?;
        let [family, kind, proto] =
            [one.ai_family, one.ai_socktype, one.ai_protocol].map(|n| Value::int(n as i64));
        let row = th.tuple(&[family, kind, proto, name, to])?;
        crate::heap::list::push(&mut th.heap, out.get(), row)?;
    }
    Ok(out)
}

pub(super) fn getnameinfo(th: &mut Thread, a: Args) -> R {
    let Some(t) = a[0].base().cast::<Tuple>() else {
        return Err(th.type_error("getnameinfo() argument 1 must be a tuple"));
    };
    if !(2..=4).contains(&t.len()) {
        return Err(th.type_error("getnameinfo(): illegal sockaddr argument"));
    }
    let host = if text::is_text(t.at(0).base()) {
        host_bytes(th, t.at(0))?
    } else {
        return Err(th.type_error("getnameinfo(): illegal sockaddr argument"));
    };
    let port = c_int(th, t.at(1))?;
    let flow = if t.len() > 2 { integer(th, t.at(2))? } else { 0 };
    let scope = if t.len() > 3 { integer(th, t.at(3))? } else { 0 };
    let flags = c_int(th, a[1])?;
    if !(0..1 << 20).contains(&flow) {
        return Err(th.overflow_error("getnameinfo(): flowinfo must be 0-1048575."));
    }
    // SAFETY: a struct of numbers and null pointers.
    let mut hints: libc::addrinfo = unsafe { std::mem::zeroed() };
    hints.ai_socktype = libc::SOCK_DGRAM;
    hints.ai_flags = libc::AI_NUMERICHOST;
    let service = CString::new(port.to_string()).unwrap_or_default();
    let found = look_up(th, Some(&host), Some(&service), &hints)?;
    let mut all = found.each();
    let (Some(one), None) = (all.next(), all.next()) else {
        return Err(th.raise(C::OSError, "sockaddr resolved to multiple addresses"));
    };
    if one.ai_family == libc::AF_INET && t.len() != 2 {
        return Err(th.raise(C::OSError, "IPv4 sockaddr must be 2 tuple"));
    }
    // SAFETY: an entry's address has the length that it says.
    let to = unsafe { Addr::copied(one.ai_addr, one.ai_addrlen) };
    let to = to.with(port as u16, flow as u32, Some(scope as u32));
    let mut names = [[0 as libc::c_char; 1025]; 2];
    loop {
        let [host, service] = &mut names;
        let call = || {
            let (h, s) = (host.as_mut_ptr(), service.as_mut_ptr());
            // SAFETY: address and rooms have the lengths that are said.
            let code = unsafe { libc::getnameinfo(to.as_ptr(), to.len(), h, 1025, s, 32, flags) };
            (code, errno())
        };
        let (code, e) = door::opaque(th, Wait::Read(-1), call);
        match code {
            0 => break,
            libc::EAI_SYSTEM if e == libc::EINTR => signal::run_pending(th)?,
            code => return Err(gai_error(th, code, e)),
        }
    }
    let text = |i: usize| {
        // SAFETY: the call has written terminated texts.
        unsafe { CStr::from_ptr(names[i].as_ptr()) }.to_bytes().to_vec()
    };
    let (host, service) = (os_text(th, &text(0))?, os_text(th, &text(1))?);
    Ok(th.tuple(&[host, service])?)
}

// --------------------------------------------------------------------------------------------------------------- hosts

pub(super) fn gethostname(th: &mut Thread, _: Args) -> R {
    let mut room = [0u8; 256];
    // SAFETY: the room has the length that is said, and a zero stays at its end.
    if unsafe { libc::gethostname(room.as_mut_ptr().cast(), room.len() - 1) } != 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    let end = room.iter().position(|b| *b == 0).unwrap_or(room.len());
    os_text(th, &room[..end])
}

pub(super) fn sethostname(th: &mut Thread, a: Args) -> R {
    let (name, _) = super::util::path(th, a[0])?;
    // SAFETY: the name has the length that is said.
    if unsafe { libc::sethostname(name.as_ptr(), name.as_bytes().len()) } != 0 {
        let e = errno();
        return Err(failed(th, e));
    }
    Ok(Value::NONE)
}

fn host_argument(th: &mut Thread, v: Value, caller: &str) -> R<CString> {
    let b = v.base();
    if text::is_text(b) || b.cast::<Bytes>().is_some() || b.cast::<ByteArray>().is_some() {
        return host_bytes(th, v);
    }
    let text = format!("{caller}() argument 1 must be str, bytes or bytearray, not {}", th.type_name(v));
    Err(th.type_error(text))
}

pub(super) fn gethostbyname(th: &mut Thread, a: Args) -> R {
    let host = host_argument(th, a[0], "gethostbyname")?;
    let found = resolve(th, &host, libc::AF_INET)?;
    Ok(th.str(&found.host())?)
}

unsafe extern "C" {
    /// glibc: looks a name up into caller's memory; an errno, and `h_errno` where nothing was found.
    fn gethostbyname_r(
        name: *const libc::c_char,
        out: *mut libc::hostent,
        room: *mut libc::c_char,
        len: libc::size_t,
        result: *mut *mut libc::hostent,
        code: *mut libc::c_int,
    ) -> libc::c_int;
    /// glibc: the same for an address.
    fn gethostbyaddr_r(
        address: *const libc::c_void,
        size: libc::socklen_t,
        family: libc::c_int,
        out: *mut libc::hostent,
        room: *mut libc::c_char,
        len: libc::size_t,
        result: *mut *mut libc::hostent,
        code: *mut libc::c_int,
    ) -> libc::c_int;
}

/// What the C library knows about a host.
#[derive(Default)]
struct Host {
    name: Vec<u8>,
    aliases: Vec<Vec<u8>>,
    addresses: Vec<String>,
}

/// # Safety
/// `h` is what one of the lookups filled, its memory still there.
unsafe fn host_of(h: &libc::hostent) -> Host {
    let mut out = Host::default();
    // SAFETY: names and lists are terminated; addresses have the length that is said.
    unsafe {
        out.name = CStr::from_ptr(h.h_name).to_bytes().to_vec();
        let mut at = h.h_aliases;
        while !at.is_null() && !(*at).is_null() {
            out.aliases.push(CStr::from_ptr(*at).to_bytes().to_vec());
            at = at.add(1);
        }
        let mut at = h.h_addr_list;
        while !at.is_null() && !(*at).is_null() {
            let bytes = std::slice::from_raw_parts((*at).cast::<u8>(), h.h_length as usize);
            out.addresses.extend(address_text(bytes));
            at = at.add(1);
        }
    }
    out
}

fn address_text(bytes: &[u8]) -> Option<String> {
    match bytes.len() {
        4 => Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string()),
        16 => Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).to_string()),
        _ => None,
    }
}

/// Runs a lookup with memory that grows until it suffices.
fn host_entry(
    th: &mut Thread,
    mut ask: impl FnMut(
        *mut libc::hostent,
        &mut Vec<libc::c_char>,
        *mut *mut libc::hostent,
        &mut libc::c_int,
    ) -> libc::c_int,
) -> R {
    let mut size = 8192;
    let found = loop {
        let (rc, code, host) = door::opaque(th, Wait::Read(-1), || {
            let mut room = vec![0 as libc::c_char; size];
            // SAFETY: a struct of numbers and null pointers.
            let mut entry: libc::hostent = unsafe { std::mem::zeroed() };
            let (mut result, mut code) = (std::ptr::null_mut(), 0);
            let rc = ask(&mut entry, &mut room, &mut result, &mut code);
            // SAFETY: a result points to the entry that the call filled, whose memory is still here.
            let host = unsafe { result.as_ref().map(|h| host_of(h)) };
            (rc, code, host)
        });
        match host {
            Some(h) => break h,
            None if rc == libc::ERANGE && size < 1 << 22 => size *= 2,
            None => {
                // SAFETY: the call gives a static text.
                let text = unsafe { CStr::from_ptr(libc::hstrerror(code)) }.to_string_lossy().into_owned();
                return Err(raise_numbered(th, &H_ERROR, code, &text));
            }
        }
    };
    let (aliases, addresses) = (th.list(&[])?, th.list(&[])?);
    for name in &found.aliases {
        let name = os_text(th, name)?;
        crate::heap::list::push(&mut th.heap, aliases.get(), name)?;
    }
    for text in &found.addresses {
        let text = th.str(text)?;
        crate::heap::list::push(&mut th.heap, addresses.get(), text)?;
    }
    let name = os_text(th, &found.name)?;
    Ok(th.tuple(&[name, aliases, addresses])?)
}

pub(super) fn gethostbyname_ex(th: &mut Thread, a: Args) -> R {
    let host = host_argument(th, a[0], "gethostbyname_ex")?;
    // The lookup by name says why nothing was found.
    resolve(th, &host, libc::AF_INET)?;
    host_entry(th, |entry, room, result, code| {
        // SAFETY: the name is terminated and the room has the length that is said.
        unsafe { gethostbyname_r(host.as_ptr(), entry, room.as_mut_ptr(), room.len(), result, code) }
    })
}

pub(super) fn gethostbyaddr(th: &mut Thread, a: Args) -> R {
    let host = host_argument(th, a[0], "gethostbyaddr")?;
    let text = host.to_str().unwrap_or("");
    let (family, bytes) = if let Ok(ip) = text.parse::<Ipv6Addr>() {
        (libc::AF_INET6, ip.octets().to_vec())
    } else {
        let found = resolve(th, &host, libc::AF_INET)?.host();
        (libc::AF_INET, found.parse::<Ipv4Addr>().map(|ip| ip.octets().to_vec()).unwrap_or_default())
    };
    host_entry(th, |entry, room, result, code| {
        let (p, n) = (bytes.as_ptr().cast(), bytes.len() as libc::socklen_t);
        // SAFETY: address and room have the lengths that are said.
        unsafe { gethostbyaddr_r(p, n, family, entry, room.as_mut_ptr(), room.len(), result, code) }
    })
}

// --------------------------------------------------------------------------------------------- services and protocols

/// The C library keeps its answer about services and protocols in one place.
static TABLES: Mutex<()> = Mutex::new(());

fn word(th: &mut Thread, v: Value, caller: &str, at: usize) -> R<CString> {
    if !text::is_text(v.base()) {
        let at = if at == 0 { String::new() } else { format!(" {at}") };
        let text = format!("{caller}() argument{at} must be str, not {}", th.type_name(v));
        return Err(th.type_error(text));
    }
    let bytes = os_bytes(th, v)?;
    CString::new(bytes).map_err(|_| th.value_error("embedded null character"))
}

fn protocol(th: &mut Thread, v: Value, caller: &str) -> R<Option<CString>> {
    if missing(v) { Ok(None) } else { Ok(Some(word(th, v, caller, 2)?)) }
}

pub(super) fn getservbyname(th: &mut Thread, a: Args) -> R {
    let name = word(th, a[0], "getservbyname", 1)?;
    let proto = protocol(th, a[1], "getservbyname")?;
    let port = {
        let _one = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        let proto = proto.as_ref().map_or(std::ptr::null(), |p| p.as_ptr());
        // SAFETY: terminated texts; the answer is read while the lock is held.
        unsafe { libc::getservbyname(name.as_ptr(), proto).as_ref().map(|s| u16::from_be(s.s_port as u16)) }
    };
    match port {
        Some(p) => Ok(Value::int(p as i64)),
        None => Err(th.raise(C::OSError, "service/proto not found")),
    }
}

pub(super) fn getservbyport(th: &mut Thread, a: Args) -> R {
    let port = integer(th, a[0])?;
    let proto = protocol(th, a[1], "getservbyport")?;
    let Ok(port) = u16::try_from(port) else {
        return Err(th.overflow_error("getservbyport: port must be 0-65535."));
    };
    let name = {
        let _one = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        let proto = proto.as_ref().map_or(std::ptr::null(), |p| p.as_ptr());
        // SAFETY: a terminated text; the answer is copied while the lock is held.
        unsafe {
            let found = libc::getservbyport(port.to_be() as i32, proto).as_ref();
            found.map(|s| CStr::from_ptr(s.s_name).to_bytes().to_vec())
        }
    };
    match name {
        Some(n) => os_text(th, &n),
        None => Err(th.raise(C::OSError, "port/proto not found")),
    }
}

pub(super) fn getprotobyname(th: &mut Thread, a: Args) -> R {
    let name = word(th, a[0], "getprotobyname", 1)?;
    let number = {
        let _one = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: a terminated text; the answer is read while the lock is held.
        unsafe { libc::getprotobyname(name.as_ptr()).as_ref().map(|p| p.p_proto) }
    };
    match number {
        Some(n) => Ok(Value::int(n as i64)),
        None => Err(th.raise(C::OSError, "protocol not found")),
    }
}

// ----------------------------------------------------------------------------------------------------- texts and bytes

/// The C library's own, which read forms of addresses that nothing else reads.
mod c {
    unsafe extern "C" {
        /// libc: the forms of IPv4 addresses that it has always read, also short ones.
        pub fn inet_aton(text: *const libc::c_char, out: *mut libc::in_addr) -> libc::c_int;
        /// POSIX: the text of an address as bytes; 1 when it is one.
        pub fn inet_pton(
            family: libc::c_int,
            text: *const libc::c_char,
            out: *mut libc::c_void,
        ) -> libc::c_int;
    }
}

pub(super) fn inet_aton(th: &mut Thread, a: Args) -> R {
    let text = word(th, a[0], "inet_aton", 0)?;
    let mut out = libc::in_addr { s_addr: 0 };
    // SAFETY: a terminated text and room for an address.
    if unsafe { c::inet_aton(text.as_ptr(), &mut out) } == 0 || text.as_bytes().is_empty() {
        return Err(th.raise(C::OSError, "illegal IP address string passed to inet_aton"));
    }
    Ok(th.bytes(&out.s_addr.to_ne_bytes())?)
}

pub(super) fn inet_ntoa(th: &mut Thread, a: Args) -> R {
    let bytes = buffer(th, a[0])?;
    match <[u8; 4]>::try_from(&bytes[..]) {
        Ok(ip) => Ok(th.str(&Ipv4Addr::from(ip).to_string())?),
        Err(_) => Err(th.raise(C::OSError, "packed IP wrong length for inet_ntoa")),
    }
}

pub(super) fn inet_pton(th: &mut Thread, a: Args) -> R {
    let family = c_int(th, a[0])?;
    let text = word(th, a[1], "inet_pton", 2)?;
    let mut out = [0u8; 16];
    // SAFETY: a terminated text and room for the largest address.
    match unsafe { c::inet_pton(family, text.as_ptr(), out.as_mut_ptr().cast()) } {
        1 if family == libc::AF_INET => Ok(th.bytes(&out[..4])?),
        1 => Ok(th.bytes(&out)?),
        0 => Err(th.raise(C::OSError, "illegal IP address string passed to inet_pton")),
        _ => {
            let e = errno();
            Err(failed(th, e))
        }
    }
}

pub(super) fn inet_ntop(th: &mut Thread, a: Args) -> R {
    let family = c_int(th, a[0])?;
    let bytes = buffer(th, a[1])?;
    let size = match family {
        libc::AF_INET => 4,
        libc::AF_INET6 => 16,
        _ => return Err(th.value_error(format!("unknown address family {family}"))),
    };
    match address_text(&bytes) {
        Some(t) if bytes.len() == size => Ok(th.str(&t)?),
        _ => Err(th.value_error("invalid length of packed IP address string")),
    }
}

/// A number of that many bits.
fn unsigned(th: &mut Thread, v: Value, bits: u32) -> R<u32> {
    let i = crate::run::arith::index(th, v)?;
    let negative = if i.is_int() { i.as_int() < 0 } else { bigint::is_negative(i) };
    if negative {
        return Err(th.value_error("Cannot convert negative int"));
    }
    match i.is_int() {
        true if i.as_int() < 1 << bits => Ok(i.as_int() as u32),
        _ => Err(th.overflow_error(format!("Python int too large for C uint{bits}_t"))),
    }
}

pub(super) fn swap16(th: &mut Thread, a: Args) -> R {
    Ok(Value::int((unsigned(th, a[0], 16)? as u16).to_be() as i64))
}

pub(super) fn swap32(th: &mut Thread, a: Args) -> R {
    Ok(Value::int(unsigned(th, a[0], 32)?.to_be() as i64))
}

// ---------------------------------------------------------------------------------------------------------- interfaces

/// The name of an interface, or its number as text.
pub(super) fn interface(index: u32) -> String {
    let mut room = [0 as libc::c_char; libc::IF_NAMESIZE];
    // SAFETY: the room has the size that the call wants.
    let p = unsafe { libc::if_indextoname(index, room.as_mut_ptr()) };
    if p.is_null() {
        return index.to_string();
    }
    // SAFETY: the call has written a terminated text.
    unsafe { CStr::from_ptr(room.as_ptr()) }.to_string_lossy().into_owned()
}

pub(super) fn if_nameindex(th: &mut Thread, _: Args) -> R {
    let mut rows = Vec::new();
    // SAFETY: the list ends with an entry of number 0 and is freed after it was copied.
    unsafe {
        let all = libc::if_nameindex();
        if all.is_null() {
            let e = errno();
            return Err(failed(th, e));
        }
        let mut at = all;
        while (*at).if_index != 0 && !(*at).if_name.is_null() {
            rows.push(((*at).if_index, CStr::from_ptr((*at).if_name).to_bytes().to_vec()));
            at = at.add(1);
        }
        libc::if_freenameindex(all);
    }
    let out = th.list(&[])?;
    for (n, name) in rows {
        let name = os_text(th, &name)?;
        let row = th.tuple(&[Value::int(n as i64), name])?;
        crate::heap::list::push(&mut th.heap, out.get(), row)?;
    }
    Ok(out)
}

pub(super) fn if_nametoindex(th: &mut Thread, a: Args) -> R {
    let (name, _) = super::util::path(th, a[0])?;
    // SAFETY: a terminated text.
    match unsafe { libc::if_nametoindex(name.as_ptr()) } {
        0 => {
            let e = errno();
            Err(failed(th, e))
        }
        n => Ok(Value::int(n as i64)),
    }
}

pub(super) fn if_indextoname(th: &mut Thread, a: Args) -> R {
    let n = integer(th, a[0])?;
    let Ok(n) = u32::try_from(n) else {
        return Err(th.overflow_error("index is too large"));
    };
    let mut room = [0 as libc::c_char; libc::IF_NAMESIZE];
    // SAFETY: the room has the size that the call wants.
    if unsafe { libc::if_indextoname(n, room.as_mut_ptr()) }.is_null() {
        let e = errno();
        return Err(failed(th, e));
    }
    // SAFETY: the call has written a terminated text.
    let name = unsafe { CStr::from_ptr(room.as_ptr()) }.to_bytes().to_vec();
    os_text(th, &name)
}
