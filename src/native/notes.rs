//! Functions of `_thread` by which the library tells reports what only it knows: exceptions that somebody should ask
//! for, and what crosses to processes. Invariant: texts and numbers only; nothing here changes what a program does.

use super::thread::integer;
use crate::heap::Value;
use crate::run::procs::{self, Fact};
use crate::run::{Args, R, Thread, graph, unseen};

/// `_unseen(text)`: notes an exception; gives the ticket for `_seen`.
pub(super) fn note(th: &mut Thread, a: Args) -> R {
    let text = th.str_text(a[0])?;
    Ok(Value::int(unseen::note(text) as i64))
}

/// `_seen(ticket)`: somebody asked for it.
pub(super) fn seen(th: &mut Thread, a: Args) -> R {
    if !a[0].is_none() {
        unseen::seen(integer(th, a[0])? as u64);
    }
    Ok(Value::NONE)
}

/// `_process(pid, name, cost, tasks, sent, received)`: what is not given is not said; numbers are added.
pub(super) fn process(th: &mut Thread, a: Args) -> R {
    let pid = integer(th, a[0])? as i32;
    let mut numbers = [0u64; 4];
    for (n, i) in numbers.iter_mut().zip(2..6) {
        if !a[i].is_unbound() {
            *n = integer(th, a[i])?.max(0) as u64;
        }
    }
    let [cost, tasks, sent, received] = numbers;
    if !a[1].is_unbound() && !a[1].is_none() {
        let name = th.str_text(a[1])?;
        procs::add(pid, Fact::Named(name, cost));
    }
    procs::add(pid, Fact::Tasks(tasks));
    procs::add(pid, Fact::Sent(sent));
    procs::add(pid, Fact::Received(received));
    Ok(Value::NONE)
}

/// `_dump(all_threads=True)`: what threads are doing, as text.
pub(super) fn dump(th: &mut Thread, a: Args) -> R {
    let all = a[0].is_unbound() || th.truth(a[0])?;
    let text = graph::dump(th, all);
    Ok(th.str(&text)?)
}
