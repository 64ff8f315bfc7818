//! Who waits for what and who holds it, as plain data for reports: taken while the world stands still. Invariant: it
//! holds no heap value, so it may be kept and shown when the world runs on.

use super::door::{self, Kind};
use super::event::Call;
use super::frame::{self, At};
use super::gil::{self, Mode};
use super::names::{self, Names, word};
use super::thread::{State, Thread};
use super::threads::{self, Handle};
pub use super::wait::Lost;
use super::wait::{Lock, QueueLog};
use super::{event, signal};
use crate::code::data::flag;
use crate::heap::object::List;
use crate::heap::{Kind as CellKind, Value};
use std::sync::{OnceLock, PoisonError};

/// A place in the script.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// File as the script knows it.
    pub file: String,
    /// Line, 0 if unknown.
    pub line: u32,
    /// Name of the function.
    pub func: String,
}

/// A lock and who holds it.
#[derive(Clone, Debug, Default)]
pub struct Owned {
    /// What the script calls it; empty if it has no name.
    pub name: String,
    /// Its place among all names.
    pub rank: u32,
    /// Number of the thread that holds it.
    pub by: Option<u32>,
    /// Where it was acquired.
    pub since: Place,
    /// Nobody but the holder will release it.
    pub proof: bool,
    /// Nobody but the holder can.
    pub reentrant: bool,
    /// Why nobody can be expected to release it once its holder has ended.
    pub lost: Option<Lost>,
}

/// A queue.
#[derive(Clone, Debug, Default)]
pub struct Queue {
    /// Items inside.
    pub depth: u64,
    /// Items ever put.
    pub puts: u64,
    /// Items ever taken.
    pub gets: u64,
    /// Items for which `task_done` was not called.
    pub unfinished: i64,
    /// Numbers of the threads that have put.
    pub putters: Vec<u32>,
    /// Numbers of the threads that have taken.
    pub getters: Vec<u32>,
}

/// What a thread waits for.
#[derive(Clone, Debug)]
pub enum For {
    /// A lock.
    Lock(Owned),
    /// The end of that thread.
    Join(u32),
    /// An item, room, or the end of the work in a queue: `get`, `put` or `join`.
    Queue { call: &'static str, queue: Queue },
    /// A condition.
    Condition,
    /// An event.
    Event,
    /// A semaphore.
    Semaphore,
    /// A barrier: how many have come, and of how many.
    Barrier { come: i64, parties: i64 },
    /// The result of a call given to a pool.
    Future,
    /// A module that another thread imports.
    Import,
    /// Something else.
    Other,
}

/// A thread in the door.
#[derive(Clone, Debug)]
pub struct Wait {
    /// For what.
    pub what: For,
    /// What the script calls the object; empty if it has no name.
    pub name: String,
    /// The call of the library in which it waits: `jobs.get()`; empty where the script itself waits.
    pub call: String,
}

/// One thread.
#[derive(Clone, Debug)]
pub struct Fellow {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Whether it runs signal handlers.
    pub main: bool,
    /// Whether the program ends without waiting for it.
    pub daemon: bool,
    /// What it does.
    pub state: State,
    /// Only another thread can make it run again.
    pub stuck: bool,
    /// Its script frames, innermost first.
    pub frames: Vec<Place>,
    /// For what it waits.
    pub wait: Option<Wait>,
    /// Locks known to be held by it.
    pub holds: Vec<Owned>,
}

/// All threads at one moment.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Threads that live, in order.
    pub threads: Vec<Fellow>,
    /// Those that have ended, as far as known: number, name, whether an exception ended it.
    pub ended: Vec<(u32, String, bool)>,
    /// A signal handler of the script, or a signal on its way, may make the main thread run.
    pub handlers: bool,
    /// Nanoseconds since the program began.
    pub at: u64,
    /// Instructions run by all threads, where these are the clock.
    pub ticks: Option<u64>,
}

impl Graph {
    /// The thread of that number.
    pub fn fellow(&self, number: u32) -> Option<&Fellow> {
        self.threads.iter().find(|f| f.number == number)
    }

    /// Whether nothing can make any thread run again.
    pub fn dead(&self) -> bool {
        !self.handlers && !self.threads.is_empty() && self.threads.iter().all(|f| f.stuck)
    }
}

static DUMPER: OnceLock<fn(&Graph) -> String> = OnceLock::new();

/// Sets who makes the text of a dump.
pub fn on_dump(f: fn(&Graph) -> String) {
    let _ = DUMPER.set(f);
}

/// What all threads, or the calling one, are doing, as text.
pub fn dump(th: &mut Thread, all: bool) -> String {
    let mut graph = take(th);
    let me = th.shared.number;
    graph.threads.retain(|f| all || f.number == me);
    DUMPER.get().map_or(String::new(), |f| f(&graph))
}

/// Whether threads wait only for each other: a look before anything is named.
pub(super) fn stands_still(th: &mut Thread) -> bool {
    // Asked before the look: a thread that a signal has woken is seen to run.
    !signal::scripted()
        && !signal::under_way()
        && th.heap.stop_world(|| {
            let mut still = true;
            threads::each(|t| still &= t.shared.state() == State::Ended || door::stuck(&t.shared));
            still
        })
}

/// Takes the picture.
pub fn take(th: &mut Thread) -> Graph {
    let handlers = signal::scripted() || signal::under_way();
    let (at, ended) = (event::now(), threads::ended());
    let mut graph = th.heap.stop_world(|| {
        let mut wanted = Vec::new();
        threads::each(|t| {
            let (kind, object) = t.shared.door.waited_for();
            if kind == Kind::Lock.code() && object != 0 {
                wanted.push(word(object));
            }
        });
        let names = Names::search(&wanted);
        let mut graph = Graph::default();
        let mut ran = threads::ran_by_ended();
        threads::each(|t| {
            ran += t.instructions();
            if t.shared.state() != State::Ended {
                graph.threads.push(fellow(t, &names));
            }
        });
        graph.ticks = matches!(gil::mode(), Mode::Ticks(_)).then_some(ran);
        held(&mut graph, &names);
        graph
    });
    graph.threads.sort_by_key(|f| f.number);
    Graph { ended, handlers, at, ..graph }
}

fn place(at: &At) -> Place {
    let code = frame::code_of(at.func);
    Place { file: code.filename.to_string(), line: at.line(), func: code.qualname.to_string() }
}

fn fellow(t: &Thread, names: &Names) -> Fellow {
    let s = &t.shared;
    let walk: Vec<At> = frame::walk(t).collect();
    let own = |a: &&At| frame::code_of(a.func).flags & flag::LIBRARY == 0;
    Fellow {
        number: s.number,
        name: s.name.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        main: threads::is_main(s),
        daemon: t.handle.is_ptr() && t.handle.get::<Handle>().is_daemon(),
        state: match s.state() {
            State::Run => door::state_of(s.door.waited_for().0),
            state => state,
        },
        stuck: door::stuck(s),
        frames: walk.iter().filter(own).map(place).collect(),
        wait: wait(t, &walk, names),
        holds: Vec::new(),
    }
}

/// What the thread waits for: told by the library functions in which it is, else by what it gave the door.
fn wait(t: &Thread, walk: &[At], names: &Names) -> Option<Wait> {
    let (kind, object) = t.shared.door.waited_for();
    if kind == 0 {
        return None;
    }
    let library: Vec<&At> =
        walk.iter().take_while(|a| frame::code_of(a.func).flags & flag::LIBRARY != 0).collect();
    // What starts a thread says nothing of a library function that is all of its work.
    let starts = |a: &&&At| matches!(&*frame::code_of(a.func).qualname, "Thread._bootstrap" | "Thread.run");
    let outer = library.iter().rev().find(|a| !starts(a)).or(library.last());
    let call = outer.map_or(String::new(), |a| call_text(a, names));
    if kind == Kind::Join.code() && object != 0 {
        // The waiting native holds its handle.
        let number = Value::ptr(object as *const u64).get::<Handle>().number().unwrap_or(u32::MAX);
        return Some(Wait { what: For::Join(number), name: String::new(), call });
    }
    // A lock of the operating system has no object.
    if kind != Kind::Lock.code() || object == 0 {
        let what = if kind == Kind::Import.code() { For::Import } else { For::Other };
        return Some(Wait { what, name: String::new(), call });
    }
    for a in library.iter().rev() {
        if let Some((what, this)) = known(a) {
            let name = this.and_then(|v| names.of(v.0)).unwrap_or_default();
            return Some(Wait { what, name, call });
        }
    }
    let lock = Value::ptr(object as *const u64);
    let owned = owned(lock.get::<Lock>(), names);
    Some(Wait { name: owned.name.clone(), what: For::Lock(owned), call })
}

fn owned(lock: &Lock, names: &Names) -> Owned {
    let held = lock.held();
    let at = word(std::ptr::from_ref(lock) as u64);
    // A lock inside an object of the library goes by that object's name.
    let outer = |at: u64| names.owner(at).filter(|o| kind_of(Value(*o)).is_some());
    let mut shown = at;
    while let Some(o) = outer(shown) {
        shown = o;
    }
    let name = names.of(shown).unwrap_or_default();
    Owned {
        name,
        rank: names.rank(at),
        by: held.by,
        since: Place { file: held.file, line: held.line, func: String::new() },
        proof: held.proof,
        reentrant: held.reentrant,
        lost: held.by.and_then(|_| lock.if_lost()),
    }
}

/// The object of a method's frame, if it is certainly alive.
fn this(a: &At) -> Option<Value> {
    // SAFETY: the first register of a live window.
    let v = unsafe { *a.base };
    let live = frame::live_now(a).contains(0);
    (live && v.is_kind(CellKind::Instance)).then_some(v)
}

/// The call of the library that a frame is in, if reports can explain it.
fn call_of(a: &At) -> Option<Call> {
    let code = frame::code_of(a.func);
    let file: &str = code.filename.rsplit('/').next().unwrap_or("");
    Some(match (file, &*code.qualname) {
        ("queue.mp", "Queue.get") | ("_queue.mp", "SimpleQueue.get") => Call::Get,
        ("queue.mp", "Queue.put") => Call::Put,
        ("queue.mp", "Queue.join") => Call::Done,
        ("_threading_sync.mp", "Event.wait") => Call::Event,
        ("_threading_sync.mp", "Semaphore.acquire") => Call::Semaphore,
        ("_threading_sync.mp", "Barrier.wait") => Call::Barrier,
        ("_threading_sync.mp", "Condition.wait" | "Condition.wait_for") => Call::Condition,
        (_, "Future.result" | "Future.exception") => Call::Future,
        _ => return None,
    })
}

/// For which call of the library, and on what object, the thread is about to wait. Queues go by their log.
pub(super) fn purpose(th: &Thread) -> Option<(u64, Call)> {
    let library = frame::walk(th).take_while(|a| frame::code_of(a.func).flags & flag::LIBRARY != 0);
    let (a, call) = library.filter_map(|a| call_of(&a).map(|c| (a, c))).last()?;
    // SAFETY: the first register of a live window. Methods of queues need their object to the end.
    let this = unsafe { *a.base };
    let object = match call {
        Call::Get | Call::Put | Call::Done => names::attribute(this, "_log").unwrap_or(this),
        _ => this,
    };
    Some((object.addr::<u64>() as u64, call))
}

/// What a wait in the library's function is for; and the object of the call.
fn known(a: &At) -> Option<(For, Option<Value>)> {
    let call = call_of(a)?;
    let this = this(a);
    let number = |name: &str| {
        let v = this.and_then(|v| names::attribute(v, name));
        v.filter(|v| v.is_int()).map_or(0, |v| v.as_int())
    };
    let what = match call {
        Call::Get => For::Queue { call: "get", queue: queue(this) },
        Call::Put => For::Queue { call: "put", queue: queue(this) },
        Call::Done => For::Queue { call: "join", queue: queue(this) },
        Call::Event => For::Event,
        Call::Semaphore => For::Semaphore,
        Call::Barrier => For::Barrier { come: number("_count"), parties: number("_parties") },
        Call::Condition => For::Condition,
        Call::Future => For::Future,
    };
    // An object that its method does not need any more may still be known by its name.
    // SAFETY: the first register of a live window; it is only compared.
    Some((what, this.or(Some(unsafe { *a.base }))))
}

/// The library's class of an object, if it is one of those that reports know.
fn kind_of(v: Value) -> Option<&'static str> {
    let name = names::class_name(v);
    let known = ["Condition", "Event", "Semaphore", "BoundedSemaphore", "Barrier", "Queue"];
    known.into_iter().find(|k| *k == name).or_else(|| names::attribute(v, "_log").map(|_| "Queue"))
}

/// What a lock or queue of a report is called at the end of the run.
#[derive(Clone, Debug)]
pub struct Known {
    /// Address as events state it.
    pub object: u64,
    /// Name; of a lock inside an object of the library, that object's.
    pub name: String,
    /// `Lock`, `RLock`, or the library's class around it.
    pub kind: String,
    /// Place among all names.
    pub rank: u32,
}

/// What can be named at the end of the run, and what is left over.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Locks and objects that threads wait for.
    pub known: Vec<Known>,
    /// Queues that hold items: name and state.
    pub queues: Vec<(String, Queue, u64)>,
    /// Named locks held by threads that have ended.
    pub orphans: Vec<Owned>,
}

/// Looks at everything that has a name. The world is stopped.
pub fn inventory(th: &mut Thread) -> Inventory {
    th.heap.stop_world(|| {
        let names = Names::search(&[]);
        let mut out = Inventory::default();
        let address = |v: Value| v.addr::<u64>() as u64;
        for at in names.objects() {
            let v = Value(at);
            let (name, rank) = (names.of(at).unwrap_or_default(), names.rank(at));
            if let Some(lock) = Lock::of(v) {
                let kind = if lock.held().reentrant { "RLock" } else { "Lock" }.to_string();
                out.known.push(Known { object: address(v), name, kind, rank });
                let held = owned(lock, &names);
                if lock.locked() && held.by.is_some_and(|by| threads::shared(by).is_none()) {
                    out.orphans.push(held);
                }
                continue;
            }
            let Some(kind) = v.is_kind(CellKind::Instance).then(|| kind_of(v)).flatten() else { continue };
            if names.owner(at).is_some_and(|o| kind_of(Value(o)).is_some()) {
                continue;
            }
            let inner = |v: Value| {
                let inside = ["mutex", "_lock", "_cond"].into_iter().find_map(|n| names::attribute(v, n))?;
                Some(names::attribute(inside, "_lock").unwrap_or(inside).base())
            };
            if let Some(lock) = inner(v).filter(|l| Lock::of(*l).is_some()) {
                let reached = names.of(lock.0).unwrap_or_default();
                if reached.is_empty() || reached.starts_with(&format!("{name}.")) {
                    out.known.retain(|k| k.object != address(lock));
                    out.known.push(Known {
                        object: address(lock),
                        name: name.clone(),
                        kind: kind.to_string(),
                        rank,
                    });
                }
            }
            let log = names::attribute(v, "_log");
            if let Some(counts) = log.and_then(QueueLog::of) {
                out.queues.push((name.clone(), queue(Some(v)), counts.most()));
            }
            let object = address(log.unwrap_or(v));
            out.known.push(Known { object, name, kind: kind.to_string(), rank });
        }
        out
    })
}

fn queue(this: Option<Value>) -> Queue {
    let Some(this) = this else { return Queue::default() };
    let log = names::attribute(this, "_log").and_then(QueueLog::of);
    let unfinished = names::attribute(this, "unfinished_tasks").filter(|v| v.is_int());
    let inside = names::attribute(this, "queue").and_then(|v| v.cast::<List>()).map(|l| l.len() as u64);
    let mut q = Queue { unfinished: unfinished.map_or(0, |v| v.as_int()), ..Queue::default() };
    if let Some(log) = log {
        (q.puts, q.gets) = log.counts();
        (q.putters, q.getters) = log.users();
    }
    q.depth = inside.unwrap_or(q.puts.saturating_sub(q.gets));
    q
}

/// `name.method()` as the script called it.
fn call_text(a: &At, names: &Names) -> String {
    let code = frame::code_of(a.func);
    let Some((class, method)) = code.qualname.rsplit_once('.').filter(|(c, _)| !c.ends_with("<locals>"))
    else {
        return format!("{}()", code.name);
    };
    // SAFETY: the first register of a live window; it is only compared.
    let object = unsafe { *a.base };
    let name = names.of(object.0).unwrap_or_else(|| class.rsplit('.').next().unwrap_or(class).to_string());
    match method {
        "_bootstrap" => String::new(),
        _ => format!("{name}.{method}()"),
    }
}

/// Adds to each thread the named locks that it holds, and those that others wait for.
fn held(graph: &mut Graph, names: &Names) {
    let mut all: Vec<Owned> = Vec::new();
    for at in names.objects() {
        if let Some(lock) = Lock::of(Value(at)).filter(|l| l.locked()) {
            all.push(owned(lock, names));
        }
    }
    for f in &graph.threads {
        if let Some(Wait { what: For::Lock(o), .. }) = &f.wait
            && o.by.is_some()
            && !all.iter().any(|x| x.rank == o.rank && x.name == o.name && x.since == o.since)
        {
            all.push(o.clone());
        }
    }
    for o in all {
        if let Some(f) = graph.threads.iter_mut().find(|f| Some(f.number) == o.by) {
            f.holds.push(o);
        }
    }
}
