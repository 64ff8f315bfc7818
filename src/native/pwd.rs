//! Native modules `pwd` and `grp`: the users and groups that the system knows, read from its files. Invariant: a line
//! that is not whole is passed over.

use super::seq;
use super::util::{integer, os_text, put, tuple_of};
use crate::heap::known::C;
use crate::heap::object::Tuple;
use crate::heap::{Value, list};
use crate::run::{Args, Def, ModuleDef, R, Thread, class, def};
use crate::struct_seq;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The module `pwd`.
pub static PWD: ModuleDef =
    ModuleDef { name: "pwd", doc: "The users that the system knows.", functions: USERS, fill: fill_users };

/// The module `grp`.
pub static GRP: ModuleDef =
    ModuleDef { name: "grp", doc: "The groups that the system knows.", functions: GROUPS, fill: fill_groups };

static USERS: &[Def] = &[
    def("getpwnam", "(name, /)", getpwnam, "The user of that name."),
    def("getpwuid", "(uid, /)", getpwuid, "The user of that number."),
    def("getpwall", "()", |th, _| all(th, "/etc/passwd", user), "All users."),
];

static GROUPS: &[Def] = &[
    def("getgrnam", "(name)", getgrnam, "The group of that name."),
    def("getgrgid", "(id)", getgrgid, "The group of that number."),
    def("getgrall", "()", |th, _| all(th, "/etc/group", group), "All groups."),
];

struct_seq!(USER, USER_FIELDS, "pwd.struct_passwd", "A user.", 7, new = None,
    ["pw_name" 0, "pw_passwd" 1, "pw_uid" 2, "pw_gid" 3, "pw_gecos" 4, "pw_dir" 5, "pw_shell" 6]);
struct_seq!(GROUP, GROUP_FIELDS, "grp.struct_group", "A group.", 4, new = None,
    ["gr_name" 0, "gr_passwd" 1, "gr_gid" 2, "gr_mem" 3]);

static USER_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);
static GROUP_CLASS: AtomicU64 = AtomicU64::new(Value::NONE.0);

fn fill_users(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &USER)?;
    seq::finish(th, c, 7, USER_FIELDS)?;
    USER_CLASS.store(c.0, Relaxed);
    put(th, dict, "struct_passwd", c)
}

fn fill_groups(th: &mut Thread, dict: Value) -> R<()> {
    let c = class::define(th, None, &GROUP)?;
    seq::finish(th, c, 4, GROUP_FIELDS)?;
    GROUP_CLASS.store(c.0, Relaxed);
    put(th, dict, "struct_group", c)
}

fn lines(file: &str) -> Vec<Vec<Vec<u8>>> {
    let text = std::fs::read(file).unwrap_or_default();
    text.split(|b| *b == b'\n').map(|l| l.split(|b| *b == b':').map(<[u8]>::to_vec).collect()).collect()
}

fn number(field: &[u8]) -> Option<i64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

fn user(th: &mut Thread, f: &[Vec<u8>]) -> R<Option<Value>> {
    if f.len() < 7 || number(&f[2]).is_none() || number(&f[3]).is_none() {
        return Ok(None);
    }
    let items = tuple_of(th, 7, |th, i| match number(&f[i]) {
        Some(n) if i == 2 || i == 3 => Ok(Value::int(n)),
        _ => os_text(th, &f[i]),
    })?;
    let t = items.get::<Tuple>();
    let all = [0, 1, 2, 3, 4, 5, 6].map(|i| t.at(i));
    seq::make(th, Value(USER_CLASS.load(Relaxed)), 7, &all).map(Some)
}

fn group(th: &mut Thread, f: &[Vec<u8>]) -> R<Option<Value>> {
    let Some(id) = f.get(2).and_then(|n| number(n)).filter(|_| f.len() >= 4) else { return Ok(None) };
    let members = th.list(&[])?;
    for m in f[3].split(|b| *b == b',').filter(|m| !m.is_empty()) {
        let v = os_text(th, m)?;
        list::push(&mut th.heap, members.get(), v)?;
    }
    let (name, word) = (os_text(th, &f[0])?, os_text(th, &f[1])?);
    seq::make(th, Value(GROUP_CLASS.load(Relaxed)), 4, &[name, word, Value::int(id), members]).map(Some)
}

type Make = fn(&mut Thread, &[Vec<u8>]) -> R<Option<Value>>;

fn all(th: &mut Thread, file: &str, make: Make) -> R {
    let out = th.list(&[])?;
    for f in lines(file) {
        if let Some(v) = make(th, &f)? {
            list::push(&mut th.heap, out.get(), v)?;
        }
    }
    Ok(out)
}

/// The first line that fits, or KeyError.
fn find(th: &mut Thread, file: &str, make: Make, fits: impl Fn(&[Vec<u8>]) -> bool, missing: String) -> R {
    for f in lines(file).iter().filter(|f| fits(f)) {
        if let Some(v) = make(th, f)? {
            return Ok(v);
        }
    }
    let text = th.str(&missing)?;
    let e = th.exception(C::KeyError, &[text])?;
    Err(th.raise_value(e))
}

fn getpwnam(th: &mut Thread, a: Args) -> R {
    let name = super::posix::text(th, a[0])?.into_bytes();
    let missing = format!("getpwnam(): name not found: {}", th.repr_text(a[0])?);
    find(th, "/etc/passwd", user, |f| f[0] == name, missing)
}

fn getpwuid(th: &mut Thread, a: Args) -> R {
    let id = integer(th, a[0])?;
    let missing = format!("getpwuid(): uid not found: {id}");
    find(th, "/etc/passwd", user, |f| f.get(2).and_then(|n| number(n)) == Some(id), missing)
}

fn getgrnam(th: &mut Thread, a: Args) -> R {
    let name = super::posix::text(th, a[0])?.into_bytes();
    let missing = format!("getgrnam(): name not found: {}", th.repr_text(a[0])?);
    find(th, "/etc/group", group, |f| f[0] == name, missing)
}

fn getgrgid(th: &mut Thread, a: Args) -> R {
    let id = integer(th, a[0])?;
    let missing = format!("getgrgid(): gid not found: {id}");
    find(th, "/etc/group", group, |f| f.get(2).and_then(|n| number(n)) == Some(id), missing)
}
