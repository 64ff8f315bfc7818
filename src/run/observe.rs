//! The observed handlers: one that tells an observer of the instruction and goes on to its counted handler.
//!
//! Invariants: the observed tables hold nothing but [`observe`], so that each instruction passes here once; an
//! instruction's end is told before its thread gives up the GIL. What is told is plain data (LAW 2). With the tables
//! out of use nothing here costs anything.

use super::dispatch::Handler;
use super::event::{self, What};
use super::frame;
use super::seen::{About, Access, Calls, End, Observer, Op, Place, Short, Site, Spot, Step};
use super::thread::Thread;
use crate::code::data::{Code as Plain, flag};
use crate::code::op::{Role, operands};
use crate::code::site;
use crate::heap::object::*;
use crate::heap::{Kind, Value};
use crate::op;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

op! {
    /// Tells of the instruction at pc, then runs it.
    observe(s) {
        {
            let th = &mut *s.th;
            tell(th, s.pc, s.base);
        }
        let t = if L { &super::ops::COUNTED_SHARED } else { &super::ops::COUNTED };
        let h = *t.as_ptr().add(*(s.pc as *const u8) as usize);
        return (h.0)(s.pc, s.base, s.th, s.tab, s.left);
    }
}

/// With a GIL, or one thread.
pub static OBSERVED: [Handler; 256] = [Handler(observe::<true, false>); 256];
/// Without a GIL.
pub static OBSERVED_SHARED: [Handler; 256] = [Handler(observe::<true, true>); 256];

/// The instruction that a thread has begun and not ended.
#[derive(Clone)]
pub struct Open {
    site: Arc<Site>,
    pc: *const u64,
    base: *mut Value,
    /// Where it reads.
    key: Option<(u64, u64)>,
}

/// Most descriptions of instructions kept.
const SITES: usize = 1 << 16;

struct Watch {
    observer: Box<dyn Observer>,
    /// Descriptions by code and word. The code is kept alive, so that its address stays its own.
    sites: HashMap<(usize, u32), Arc<Site>>,
    codes: HashMap<usize, Arc<Plain>>,
    /// The program's own file.
    file: Option<Arc<str>>,
}

static WATCH: Mutex<Option<Watch>> = Mutex::new(None);
/// In a forked child nobody listens.
static DEAF: AtomicBool = AtomicBool::new(false);

fn watch() -> MutexGuard<'static, Option<Watch>> {
    WATCH.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells that observer of everything, from before the first script thread on.
pub fn begin(observer: Box<dyn Observer>) {
    *watch() = Some(Watch { observer, sites: HashMap::new(), codes: HashMap::new(), file: None });
    event::observe();
}

/// What the observer says in the end.
pub fn told(th: &mut Thread) -> Option<String> {
    let name = name(th);
    let mut w = watch().take()?;
    Some(w.observer.told(&about(th, &name)))
}

/// In the child of a fork: the parent's observer hears no more, and its lock may be held for ever.
pub(super) fn after_fork() {
    DEAF.store(true, Relaxed);
}

fn name(th: &Thread) -> String {
    th.shared.name.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn about<'a>(th: &Thread, name: &'a str) -> About<'a> {
    let waits = super::door::word_of(&th.shared);
    About { thread: th.shared.number, name, line: frame::script_line(th), ran: th.instructions(), waits }
}

/// Something at the door, of locks, threads or the GIL happened.
#[cold]
pub(super) fn state(th: &mut Thread, what: What) {
    if DEAF.load(Relaxed) {
        return;
    }
    let mut guard = watch();
    let Some(w) = guard.as_mut() else { return };
    // A forced switch falls between two instructions: the one before has ended.
    let forced = matches!(
        what,
        What::GilRelease { reason: event::Reason::Limit | event::Reason::Request, .. } | What::End
    );
    if forced && let Some(open) = th.open.take() {
        // SAFETY: pc and base of the record were saved at this edge.
        unsafe { end(w, th.shared.number, &open, th.pc, th.base) };
    }
    let name = name(th);
    w.observer.event(&about(th, &name), what);
}

/// An exception is raised in the script.
#[cold]
pub(super) fn raised(th: &mut Thread) {
    let Some(f) = (!th.base.is_null()).then(|| frame::function(th.base)).flatten() else { return };
    if DEAF.load(Relaxed) || frame::code_of(f).flags & flag::LIBRARY != 0 {
        return;
    }
    let class = th.class_of(th.raised);
    let text = th.class_name(class);
    if let Some(w) = watch().as_mut()
        && th.open.take().is_some()
    {
        w.observer.ends(th.shared.number, End::Raised(text));
    }
}

/// Tells of the end of the instruction before and of the beginning of this one.
#[inline(never)]
unsafe fn tell(th: &mut Thread, pc: *const u64, base: *mut Value) {
    if DEAF.load(Relaxed) {
        return;
    }
    let mut guard = watch();
    let Some(w) = guard.as_mut() else { return };
    let number = th.shared.number;
    // SAFETY: as handlers: verified code with a live window; the window of the instruction before is one of this
    // thread's, above or below.
    unsafe {
        match th.open.take() {
            Some(open) => {
                end(w, number, &open, pc, base);
                if base != open.base && open.site.calls.is_some() {
                    th.entered = Some(open);
                }
            }
            None => {
                // Back from a call that went into the library.
                let back =
                    |o: &mut Open| base == o.base && pc as usize == o.pc as usize + o.site.op.len() * 8;
                if let Some(open) = th.entered.take_if(back) {
                    end(w, number, &open, pc, base);
                }
            }
        }
        if matches!(Op::of(*pc), Op::Halt | Op::InitDone) {
            return;
        }
        let Some(f) = frame::function(base) else { return };
        let code = frame::code_of(f);
        if code.flags & flag::LIBRARY != 0 {
            w.observer.library(number);
            return;
        }
        let word = ((pc as usize - f.entry.get()) / 8) as u32;
        let site = w.site(f, word);
        let step = w.step(&site, f, pc, base);
        let key = match site.place {
            Some((Access::Read, place)) => key(&site, place, pc, base),
            _ => None,
        };
        th.open = Some(Open { site, pc, base, key });
        w.observer.begins(number, step);
    }
}

/// Tells how `open` ended, the thread being at `pc` in `base` now.
unsafe fn end(w: &mut Watch, number: u32, open: &Open, pc: *const u64, base: *mut Value) {
    let s = &*open.site;
    if base != open.base {
        return w.observer.ends(number, End::Entered);
    }
    let here = (pc as i64 - open.pc as i64) / 8;
    let taken = s.target == Some(here);
    if here != s.op.len() as i64 && !taken {
        return w.observer.ends(number, End::Entered);
    }
    // SAFETY: the window is the current one, and the register lies in it.
    let value = s.into.map(|r| unsafe { *open.base.add(r as usize) });
    let value = value.filter(|v| !v.is_unbound() && (s.op != Op::ForIter || taken));
    let spot = match (open.key, value) {
        (Some(key), Some(v)) => Some(Spot { key, word: v.0 }),
        _ => None,
    };
    w.observer.ends(number, End::Done { value: value.map(short), spot, taken });
}

impl Watch {
    fn site(&mut self, f: &Function, word: u32) -> Arc<Site> {
        let at = f.code.get().get::<Code>().data.get();
        if let Some(site) = self.sites.get(&(at, word)) {
            return site.clone();
        }
        if self.sites.len() >= SITES {
            self.sites.clear();
            self.codes.clear();
        }
        self.codes.entry(at).or_insert_with(|| {
            let p = at as *const Plain;
            // SAFETY: the address came from `Arc::into_raw`, and the code object that owns the count is running.
            unsafe {
                Arc::increment_strong_count(p);
                Arc::from_raw(p)
            }
        });
        let site = Arc::new(site::site(frame::code_of(f), word));
        self.sites.insert((at, word), site.clone());
        site
    }

    /// The beginning of an instruction, in plain data.
    unsafe fn step(&mut self, site: &Arc<Site>, f: &Function, pc: *const u64, base: *mut Value) -> Step {
        let file = &frame::code_of(f).filename;
        let own = self.file.get_or_insert_with(|| file.clone());
        let mut step = Step {
            site: site.clone(),
            at: pc as usize,
            frame: base as usize,
            first: pc as usize == f.entry.get(),
            index: None,
            file: (own != file).then(|| file.clone()),
            value: None,
            spot: None,
            args: None,
            prints: None,
        };
        // SAFETY: operands of verified code lie in the window.
        unsafe {
            let (a, b, _) = operands(*pc);
            let reg = |r: u16| *base.add(r as usize);
            let given = match site.op {
                Op::StoreCell => Some(reg(b)),
                Op::Return | Op::ReturnGen | Op::Raise | Op::RaiseFrom => Some(reg(a)),
                _ if matches!(site.place, Some((Access::Write, _))) => Some(reg(a)),
                Op::Yield => Some(reg(b)),
                _ => None,
            };
            step.value = given.filter(|v| !v.is_unbound()).map(short);
            if let (Some((Access::Write, place)), Some(v)) = (site.place, given) {
                step.spot = key(site, place, pc, base).map(|key| Spot { key, word: v.0 });
            }
            if matches!(site.place, Some((_, Place::Item))) && site.about.ends_with("[(...)]") {
                step.index = Some(short(*base.add(operands(*pc).2 as usize)));
            }
            if site.calls == Some(Calls::Plain) {
                (step.args, step.prints) = call(site.op, pc, base);
            }
        }
        step
    }
}

/// The place that the instruction touches.
unsafe fn key(s: &Site, place: Place, pc: *const u64, base: *mut Value) -> Option<(u64, u64)> {
    // SAFETY: operands of verified code lie in the window; names stand in the word behind the instruction.
    unsafe {
        let (a, b, c) = operands(*pc);
        let reg = |r: u16| *base.add(r as usize);
        Some(match place {
            Place::Name => {
                let space = match s.op {
                    Op::LoadName | Op::LoadNameCell | Op::StoreName | Op::DeleteName => reg(b),
                    _ => frame::function(base)?.globals.get(),
                };
                (space.0, *pc.add(1))
            }
            Place::Cell => (reg(if s.op == Op::LoadCell { b } else { a }).0, 0),
            Place::Attr => (reg(b).0, *pc.add(1)),
            Place::Item => {
                let index = match s.op {
                    Op::GetItemInt => Value::int(c as i16 as i64),
                    _ => reg(c),
                };
                (reg(b).0, item(index))
            }
        })
    }
}

/// A number that is the same for equal small keys.
fn item(index: Value) -> u64 {
    match index.cast::<Str>() {
        Some(text) => {
            let mut h = DefaultHasher::new();
            text.bytes().hash(&mut h);
            h.finish()
        }
        None => index.0,
    }
}

/// Arguments shown.
const ARGS: usize = 4;

/// The arguments of a call, and what it prints.
unsafe fn call(op: Op, pc: *const u64, base: *mut Value) -> (Option<String>, Option<String>) {
    // SAFETY: the window of the call lies in the frame's; the literal of a keyword call is a tuple of names.
    unsafe {
        let (a, b, _) = operands(*pc);
        let w = base.add(a as usize);
        let first = match op.row().roles[0] {
            Role::Call => 3,
            Role::Method => 4,
            _ => return (Some("...".to_string()), None),
        };
        let names = match op {
            Op::CallKw | Op::CallMethodKw => Value(*pc.add(1)).cast::<Tuple>(),
            _ => None,
        };
        let named = names.map_or(0, Tuple::len);
        let n = b as usize;
        let mut out: Vec<String> = Vec::new();
        for i in 0..n.min(ARGS) {
            let value = short(*w.add(first + i));
            match (i + named).checked_sub(n).and_then(|k| names?.at(k).cast::<Str>()) {
                Some(name) => out.push(format!("{}={value}", String::from_utf8_lossy(name.bytes()))),
                None => out.push(value.to_string()),
            }
        }
        if n > ARGS {
            out.push("...".to_string());
        }
        let prints = (*w).cast::<Native>().filter(|f| f.this.get().is_unbound() || f.this.get().is_none());
        let prints = prints.is_some_and(|f| (*(f.def.get() as *const super::native::Def)).name == "print");
        let text = prints.then(|| {
            let mut all: Vec<u8> = Vec::new();
            for i in 0..n.saturating_sub(named) {
                if i > 0 {
                    all.push(b' ');
                }
                let v = *w.add(first + i);
                match v.cast::<Str>() {
                    Some(t) => all.extend(&t.bytes()[..t.bytes().len().min(200)]),
                    None => all.extend(short(v).to_string().as_bytes()),
                }
            }
            site::quoted(&all)
        });
        (Some(out.join(", ")), text)
    }
}

fn word(text: &str) -> Short {
    Short::Word(text.into())
}

fn class_name(class: Value) -> String {
    let name = class.cast::<Class>().and_then(|c| c.name.get().cast::<Str>());
    name.map_or("?".to_string(), |s| String::from_utf8_lossy(s.bytes()).into_owned())
}

fn named(kind: &str, name: Value) -> Short {
    match name.cast::<Str>() {
        Some(s) => word(&format!("{kind} {}", String::from_utf8_lossy(s.bytes()))),
        None => word(kind),
    }
}

/// A value in a few words, made without running script code and without the heap's help.
pub fn short(v: Value) -> Short {
    if v.is_int() {
        return Short::Int(v.as_int());
    }
    if v.is_float() {
        return word(&format!("{:?}", v.as_float()));
    }
    if !v.is_ptr() {
        return word(match v {
            Value::NONE => "None",
            Value::TRUE => "True",
            Value::FALSE => "False",
            Value::ELLIPSIS => "...",
            _ => "-",
        });
    }
    let class = super::class::class_of(v);
    let many = |n: usize| {
        let items = if n == 1 { "item" } else { "items" };
        word(&format!("{} of {n} {items}", class_name(class)))
    };
    match v.kind() {
        Kind::Str => word(&site::quoted(v.get::<Str>().bytes())),
        Kind::Rope => word("text"),
        Kind::Float => word(&format!("{:?}", f64::from_bits(v.get::<Float>().bits.get() as u64))),
        Kind::Big => word("big int"),
        Kind::Bytes => word(&format!("bytes of length {}", v.get::<Bytes>().len.get())),
        Kind::List => many(v.get::<List>().len.get()),
        Kind::Tuple => many(v.get::<Tuple>().len()),
        Kind::Dict => many(v.get::<Dict>().used.get()),
        Kind::Set => many(v.get::<Set>().used.get()),
        Kind::Function => named("function", v.get::<Function>().name.get()),
        Kind::Class => word(&format!("class {}", class_name(v))),
        Kind::Module => named("module", v.get::<Module>().name.get()),
        Kind::Native => word("builtin"),
        Kind::Method => word("method"),
        _ => word(&format!("{} object", class_name(class))),
    }
}
