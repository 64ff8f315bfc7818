//! The dump of all threads: on SIGQUIT (Ctrl-\), after which the program goes on, and when the time of `--timeout`
//! is over. Invariant: frames are taken while the world stands still; the text goes to stderr in one piece.

use crate::run::event::{Fellow, State};
use crate::run::{Thread, graph, signal};
use crate::trace::deadlock_text;

/// Lets the two ways ask for a dump.
pub fn prepare() {
    graph::on_dump(|g| deadlock_text::dump(g, &running));
    signal::on_dump(|th| eprint!("{}", text(th)));
}

/// What all threads are doing.
pub fn text(th: &mut Thread) -> String {
    graph::dump(th, true)
}

/// What a thread does that waits for nothing that has a name.
fn running(f: &Fellow) -> String {
    doing(f.state).to_string()
}

/// A state in words.
pub fn doing(state: State) -> &'static str {
    match state {
        State::Run | State::Ended => "runs",
        State::Gil => "waits for the GIL",
        State::Lock => "waits for a lock, queue or event",
        State::Sleep => "sleeps",
        State::Io => "waits for input, output or a process",
        State::Join => "waits for a thread to end",
    }
}
