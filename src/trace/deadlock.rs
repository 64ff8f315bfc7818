//! Judges a picture of who waits for whom: is it a deadlock, whose, and why. Invariant (no false alarm): a circle is
//! reported only if every wait in it is proof (the lock is held by `with` or is reentrant, or an end is waited for)
//! and no signal handler may break it, or else if nothing at all can run again. A lock that its holder left behind may
//! still be released by anybody: waiting for it is a warning, never a deadlock, while others run.

use crate::run::event::{Fellow, For, Graph, Owned, Queue, Wait};

/// Why nobody goes on.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// These threads wait for each other, each for the next.
    Circle(Vec<u32>),
    /// The thread waits for what it holds itself.
    Own(u32),
    /// The first waits for a lock that the second still held when it ended.
    Ended(u32, u32),
    /// The same with a lock that others might release, though nothing says that one will.
    Left(u32, u32),
    /// Threads wait for an item of a queue: its name.
    Empty(String),
    /// Threads wait for room in a queue.
    Full(String),
    /// Threads wait for the end of the work in a queue.
    Undone(String, i64),
    /// Nobody can notify the condition, set the event, release the semaphore.
    Silent(&'static str, String),
    /// Too few threads have come to the barrier.
    Barrier(String, i64, i64),
    /// Something else that all wait for.
    Other,
}

/// A deadlock.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Why.
    pub cause: Cause,
    /// Threads to show: those of the cause first, then all that wait for them.
    pub threads: Vec<u32>,
    /// Nothing can run again.
    pub dead: bool,
}

/// The lock that a thread waits for.
pub fn wanted(f: &Fellow) -> Option<&Owned> {
    match &f.wait {
        Some(Wait { what: For::Lock(o), .. }) if f.stuck => Some(o),
        _ => None,
    }
}

/// The thread that must act before this one goes on, and whether that is certain.
pub fn blocker(f: &Fellow) -> Option<(u32, bool)> {
    match &f.wait {
        Some(Wait { what: For::Join(n), .. }) if f.stuck => Some((*n, true)),
        _ => wanted(f).and_then(|o| o.by.map(|by| (by, o.proof))),
    }
}

/// The circle that a thread is in: its members, and whether it is certain.
fn circle(g: &Graph, from: u32) -> Option<(Vec<u32>, bool)> {
    let (mut members, mut proof, mut at) = (Vec::new(), true, from);
    loop {
        if let Some(i) = members.iter().position(|m| *m == at) {
            return (i == 0).then_some((members, proof));
        }
        members.push(at);
        let f = g.fellow(at)?;
        let (next, sure) = blocker(f)?;
        proof &= sure && !(f.main && g.handlers);
        at = next;
    }
}

/// What stands for a warning among the sets of threads reported: the thread that ended, and where it took the lock.
pub fn left(o: &Owned) -> Vec<u32> {
    vec![u32::MAX, o.by.unwrap_or(0), o.since.line]
}

/// What is new in the picture; `seen` says which sets of threads have been reported.
pub fn judge(g: &Graph, seen: &dyn Fn(&[u32]) -> bool) -> Option<Finding> {
    let dead = g.dead();
    let found = |cause: Cause, first: Vec<u32>| {
        let mut threads = first;
        if dead {
            threads.extend(
                g.threads.iter().map(|f| f.number).filter(|n| !threads.contains(n)).collect::<Vec<_>>(),
            );
        } else {
            waiters(g, &mut threads);
        }
        Some(Finding { cause, threads, dead })
    };
    for f in &g.threads {
        if let Some((members, proof)) = circle(g, f.number)
            && (proof && !seen(&members) || dead)
        {
            let cause =
                if members.len() == 1 { Cause::Own(members[0]) } else { Cause::Circle(members.clone()) };
            return found(cause, members);
        }
    }
    for f in &g.threads {
        if let Some(o) = wanted(f)
            && let Some(by) = o.by.filter(|by| g.fellow(*by).is_none())
            && (o.reentrant && !seen(&[f.number]) && !(f.main && g.handlers) || dead)
        {
            return found(Cause::Ended(f.number, by), vec![f.number]);
        }
    }
    if !dead {
        let lost = |f: &&Fellow| {
            let gone = |o: &Owned| o.by.is_some_and(|by| g.fellow(by).is_none());
            wanted(f).is_some_and(|o| gone(o) && o.lost.is_some() && !seen(&left(o)))
        };
        let f = g.threads.iter().filter(|f| !(f.main && g.handlers)).find(lost)?;
        return found(Cause::Left(f.number, wanted(f)?.by?), vec![f.number]);
    }
    let (cause, first) = g
        .threads
        .iter()
        .filter_map(|f| Some((silent(f.wait.as_ref()?)?, f.number)))
        .min_by_key(|(cause, _)| urgency(cause))
        .unwrap_or((Cause::Other, g.threads[0].number));
    let same = g.threads.iter().filter(|f| f.wait.as_ref().and_then(silent).as_ref() == Some(&cause));
    let mut members: Vec<u32> = same.map(|f| f.number).collect();
    if members.is_empty() {
        members.push(first);
    }
    found(cause, members)
}

/// Queues explain most: then what nobody signals.
fn urgency(cause: &Cause) -> u32 {
    match cause {
        Cause::Empty(_) => 0,
        Cause::Full(_) => 1,
        Cause::Barrier(..) => 2,
        Cause::Silent(..) => 3,
        Cause::Undone(..) => 4,
        _ => 5,
    }
}

fn silent(w: &Wait) -> Option<Cause> {
    let name = w.name.clone();
    Some(match &w.what {
        For::Queue { call: "get", .. } => Cause::Empty(name),
        For::Queue { call: "put", .. } => Cause::Full(name),
        For::Queue { queue: Queue { unfinished, .. }, .. } => Cause::Undone(name, *unfinished),
        For::Condition => Cause::Silent("notify", name),
        For::Event => Cause::Silent("set", name),
        For::Semaphore => Cause::Silent("release", name),
        For::Barrier { come, parties } => Cause::Barrier(name, *come, *parties),
        _ => return None,
    })
}

/// Adds the threads that wait, directly or not, for those in the list.
fn waiters(g: &Graph, threads: &mut Vec<u32>) {
    loop {
        let next = g.threads.iter().find(|f| {
            !threads.contains(&f.number) && blocker(f).is_some_and(|(b, sure)| sure && threads.contains(&b))
        });
        match next {
            Some(f) => threads.push(f.number),
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::event::{Lost, State};

    fn fellow(number: u32, what: For) -> Fellow {
        Fellow {
            number,
            name: format!("Thread-{number}"),
            main: number == 0,
            daemon: false,
            state: State::Lock,
            stuck: true,
            frames: Vec::new(),
            wait: Some(Wait { what, name: String::new(), call: String::new() }),
            holds: Vec::new(),
        }
    }

    fn lock(by: u32, proof: bool) -> For {
        For::Lock(Owned { by: Some(by), proof, ..Owned::default() })
    }

    fn graph(threads: Vec<Fellow>) -> Graph {
        Graph { threads, ..Graph::default() }
    }

    #[test]
    fn circles_of_proofs_count_while_others_run() {
        let mut main = fellow(0, For::Other);
        main.stuck = false;
        let g = graph(vec![main.clone(), fellow(1, lock(2, true)), fellow(2, lock(1, true))]);
        let f = judge(&g, &|_| false).unwrap();
        assert_eq!((f.cause, f.dead), (Cause::Circle(vec![1, 2]), false));
        assert!(judge(&g, &|_| true).is_none());
        // A plain acquire() may be released by anybody.
        let g = graph(vec![main, fellow(1, lock(2, false)), fellow(2, lock(1, true))]);
        assert!(judge(&g, &|_| false).is_none());
    }

    #[test]
    fn when_nothing_runs_everything_counts() {
        let g = graph(vec![fellow(0, For::Join(1)), fellow(1, lock(1, false))]);
        let f = judge(&g, &|_| false).unwrap();
        assert_eq!((f.cause, f.dead, f.threads), (Cause::Own(1), true, vec![1, 0]));
        let g = graph(vec![fellow(0, lock(7, false))]);
        assert_eq!(judge(&g, &|_| false).unwrap().cause, Cause::Ended(0, 7));
    }

    #[test]
    fn what_an_ended_thread_left_locked_is_a_warning() {
        let mut main = fellow(0, For::Other);
        main.stuck = false;
        let left = |lost| For::Lock(Owned { by: Some(7), lost, ..Owned::default() });
        let g = graph(vec![main.clone(), fellow(1, left(None))]);
        assert!(judge(&g, &|_| false).is_none());
        let g = graph(vec![main, fellow(1, left(Some(Lost::Never)))]);
        let f = judge(&g, &|_| false).unwrap();
        assert_eq!((f.cause, f.dead, f.threads), (Cause::Left(1, 7), false, vec![1]));
        assert!(judge(&g, &|set| set[0] == u32::MAX).is_none());
    }

    #[test]
    fn handlers_of_signals_may_save_the_main_thread() {
        let mut g = graph(vec![fellow(0, lock(1, true)), fellow(1, lock(0, true))]);
        g.handlers = true;
        assert!(judge(&g, &|_| false).is_none());
    }
}
