//! What a script calls its objects: the variable, attribute or place in a list by which an object can be reached,
//! searched for when a report wants to name it. Invariants: all of this runs in a stopped world, allocates nothing in
//! the heap and calls no script; objects are looked into at most once, nearest names first, globals before locals.

use super::frame::{self, At};
use super::threads;
use crate::code::data::flag;
use crate::heap::dict::next_entry;
use crate::heap::known::{N, S};
use crate::heap::object::*;
use crate::heap::shape::{Fx, shape};
use crate::heap::text::peek_bytes;
use crate::heap::{Kind, Value, dict, list, slots};
use std::collections::HashMap;

/// Objects looked at, at most.
const MOST: usize = 200_000;
/// Items of one container looked at, at most.
const ITEMS: usize = 2_000;
/// Steps from a variable, at most.
const DEPTH: u8 = 6;

/// Attributes of the library's objects that would give what they hold a second, stranger name.
const INNER: [&str; 14] = [
    "_target",
    "_args",
    "_kwargs",
    "_context",
    "_started",
    "_handle",
    "_thread",
    "_waiters",
    "_release_save",
    "_acquire_restore",
    "_is_owned",
    "_invoke_excepthook",
    "acquire",
    "release",
];

/// The word that stands for the object at an address.
pub fn word(address: u64) -> u64 {
    Value::ptr(address as *const u64).0
}

enum Step {
    /// A variable.
    Variable(String),
    Attribute(String),
    Index(usize),
    Key(String),
}

struct Node {
    at: u64,
    /// Index of the node it was reached from; its own for a variable.
    from: u32,
    depth: u8,
    step: Step,
}

/// Objects that can be named.
#[derive(Default)]
pub struct Names {
    nodes: Vec<Node>,
    /// Word of an object to its first node.
    index: HashMap<u64, u32, Fx>,
}

/// Whether objects of the value's kind are worth a name or a look inside.
fn of_interest(v: Value) -> bool {
    v.is_ptr()
        && matches!(
            v.kind(),
            Kind::List
                | Kind::Tuple
                | Kind::Dict
                | Kind::Instance
                | Kind::Record
                | Kind::Function
                | Kind::Method
                | Kind::Class
                | Kind::Module
        )
}

/// The text of a str that is flat.
fn text(v: Value) -> Option<String> {
    peek_bytes(v).map(|b| String::from_utf8_lossy(b).into_owned())
}

/// A key or other small value as a script would write it.
fn written(v: Value) -> Option<String> {
    if v.is_int() {
        return Some(v.as_int().to_string());
    }
    text(v).filter(|t| t.len() <= 40).map(|t| format!("'{t}'"))
}

/// Name of an object's class.
pub fn class_name(v: Value) -> String {
    text(shape(v.header().shape()).class().get::<Class>().name.get()).unwrap_or_default()
}

/// An attribute that an object keeps itself.
pub fn attribute(v: Value, name: &str) -> Option<Value> {
    if !v.is_kind(Kind::Instance) {
        return None;
    }
    let mut found = None;
    slots::for_each_attr(v, |n, value| {
        if peek_bytes(n) == Some(name.as_bytes()) {
            found = Some(value);
        }
    });
    found
}

/// Whether the module was imported from the library, or is native.
fn is_library(module: &Module) -> bool {
    let file = module.dict.get().cast::<Dict>().and_then(|d| dict::get_name(d, N::__file__.v()));
    file.and_then(peek_bytes).is_none_or(|b| b.starts_with(b"<stdlib>"))
}

/// Calls `f` with each live entry of a dict, as long as it wants more.
fn entries(d: &Dict, mut f: impl FnMut(Value, Value) -> bool) {
    let t = d.table();
    let mut at = 0;
    while let Some((i, key, value)) = next_entry(t, at) {
        if !f(key, value) {
            return;
        }
        at = i + 1;
    }
}

impl Names {
    /// Searches. `wanted`: objects that exist for certain, so a variable that is not used any more may name them.
    pub fn search(wanted: &[u64]) -> Names {
        let mut names = Names::default();
        if let Some(modules) = S::modules.v().cast::<Dict>() {
            let mut others = Vec::new();
            entries(modules, |key, m| {
                if let Some(module) = m.cast::<Module>() {
                    match peek_bytes(key) {
                        Some(b"__main__") => names.globals(module, ""),
                        Some(b) if !is_library(module) => {
                            others.push((String::from_utf8_lossy(b).into_owned(), module))
                        }
                        _ => {}
                    }
                }
                true
            });
            for (name, module) in others {
                names.globals(module, &format!("{name}."));
            }
        }
        names.spread(0);
        let from = names.nodes.len();
        threads::each(|t| {
            let frames: Vec<At> = frame::walk(t).collect();
            for at in frames.iter().rev() {
                names.locals(at, wanted);
            }
        });
        names.spread(from);
        names
    }

    /// The name of an object by its word.
    pub fn of(&self, word: u64) -> Option<String> {
        let mut at = *self.index.get(&word)?;
        let mut parts = Vec::new();
        loop {
            let n = &self.nodes[at as usize];
            parts.push(match &n.step {
                Step::Variable(name) => name.clone(),
                Step::Attribute(name) => format!(".{name}"),
                Step::Index(i) => format!("[{i}]"),
                Step::Key(key) => format!("[{key}]"),
            });
            if n.from == at {
                break;
            }
            at = n.from;
        }
        parts.reverse();
        Some(parts.concat())
    }

    /// The instance whose attribute names the object.
    pub fn owner(&self, word: u64) -> Option<u64> {
        let n = &self.nodes[*self.index.get(&word)? as usize];
        let from = &self.nodes[n.from as usize];
        (matches!(n.step, Step::Attribute(_)) && Value(from.at).is_kind(Kind::Instance)).then_some(from.at)
    }

    /// Where a name stands among all, by which objects are put into an order.
    pub fn rank(&self, word: u64) -> u32 {
        self.index.get(&word).copied().unwrap_or(u32::MAX)
    }

    /// All objects found, in the order of their names.
    pub fn objects(&self) -> impl Iterator<Item = u64> + '_ {
        self.nodes.iter().map(|n| n.at)
    }

    fn add(&mut self, v: Value, from: Option<u32>, step: Step) {
        if !of_interest(v) || self.nodes.len() >= MOST || self.index.contains_key(&v.0) {
            return;
        }
        let own = self.nodes.len() as u32;
        let depth = from.map_or(0, |f| self.nodes[f as usize].depth + 1);
        self.index.insert(v.0, own);
        self.nodes.push(Node { at: v.0, from: from.unwrap_or(own), depth, step });
    }

    fn globals(&mut self, module: &Module, prefix: &str) {
        let Some(d) = module.dict.get().cast::<Dict>() else { return };
        entries(d, |key, v| {
            if let Some(name) = text(key).filter(|n| !n.starts_with("__")) {
                self.add(v, None, Step::Variable(format!("{prefix}{name}")));
            }
            true
        });
    }

    /// The locals of a frame of the script's own.
    fn locals(&mut self, at: &At, wanted: &[u64]) {
        let code = frame::code_of(at.func);
        if code.flags & (flag::LIBRARY | flag::MODULE | flag::NAMESPACE | flag::CLASS_BODY) != 0 {
            return;
        }
        let set = frame::live_now(at);
        let live = |reg| frame::readable(code, at.word, reg, &set);
        let cells = code.cellvars.iter().map(|(r, n)| (*r, n));
        let free = code.freevars.iter().enumerate().map(|(i, n)| (code.free_base + i as u16, n));
        let plain = code.varnames.iter().enumerate().map(|(i, n)| (i as u16, n));
        for (reg, name) in plain.chain(cells).chain(free) {
            // SAFETY: a register of a live window.
            let mut v = unsafe { *at.base.add(reg as usize) };
            if !wanted.contains(&v.0) {
                if !v.is_ptr() || !live(reg) {
                    continue;
                }
                if let Some(c) = v.cast::<Cell>() {
                    v = c.value.get();
                }
            }
            self.add(v, None, Step::Variable(name.to_string()));
        }
    }

    /// Looks into all nodes from that one on, and those found on the way.
    fn spread(&mut self, from: usize) {
        let mut i = from;
        while i < self.nodes.len() {
            if self.nodes[i].depth < DEPTH {
                self.look_into(i as u32);
            }
            i += 1;
        }
    }

    fn look_into(&mut self, i: u32) {
        let v = Value(self.nodes[i as usize].at);
        match v.kind() {
            Kind::List => {
                let l = v.get::<List>();
                for k in 0..l.len().min(ITEMS) {
                    if let Some(item) = list::peek(l, k) {
                        self.add(item, Some(i), Step::Index(k));
                    }
                }
            }
            Kind::Tuple => {
                for (k, item) in v.get::<Tuple>().iter().take(ITEMS).enumerate() {
                    self.add(item, Some(i), Step::Index(k));
                }
            }
            Kind::Dict => {
                let mut n = 0;
                entries(v.get::<Dict>(), |key, item| {
                    n += 1;
                    if let Some(key) = written(key) {
                        self.add(item, Some(i), Step::Key(key));
                    }
                    n < ITEMS
                });
            }
            Kind::Instance => {
                slots::for_each_attr(v, |name, item| {
                    if of_interest(item)
                        && let Some(name) = text(name).filter(|n| !INNER.contains(&n.as_str()))
                    {
                        self.add(item, Some(i), Step::Attribute(name));
                    }
                });
                if let Some(d) = slots::dict_of(v).and_then(|d| d.cast::<Dict>()) {
                    entries(d, |name, item| {
                        if let Some(name) = text(name) {
                            self.add(item, Some(i), Step::Attribute(name));
                        }
                        true
                    });
                }
                let base = v.base();
                if base != v && base.is_ptr() && !self.index.contains_key(&base.0) {
                    self.index.insert(base.0, i);
                }
            }
            Kind::Function => {
                let f = v.get::<Function>();
                let code = frame::code_of(f);
                if let Some(cells) =
                    f.closure.get().cast::<Array>().filter(|_| code.flags & flag::LIBRARY == 0)
                {
                    let n = cells.count.get().min(code.freevars.len());
                    for (k, name) in code.freevars.iter().enumerate().take(n) {
                        // SAFETY: below the number of elements of the array.
                        let cell = unsafe { cells.item(k) }.get();
                        if let Some(c) = cell.cast::<Cell>() {
                            self.add(c.value.get(), None, Step::Variable(name.to_string()));
                        }
                    }
                }
            }
            Kind::Method => {
                self.add(v.get::<Method>().this.get(), Some(i), Step::Attribute("__self__".into()))
            }
            Kind::Class => {
                if let Some(d) = v.get::<Class>().dict.get().cast::<Dict>() {
                    entries(d, |name, cell| {
                        if let (Some(name), Some(c)) = (text(name), cell.cast::<Cell>()) {
                            self.add(c.value.get(), Some(i), Step::Attribute(name));
                        }
                        true
                    });
                }
            }
            _ => {}
        }
    }
}
