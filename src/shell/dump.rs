//! The dump of all threads: on SIGQUIT (Ctrl-\), after which the program goes on, and when the time of `--timeout`
//! is over. Invariant: frames are taken while the world stands still; the text goes to stderr in one piece. Where that
//! has to wait for a native call, a glance comes first: a line for each thread, without stopping any.

use crate::native::io_file;
use crate::run::event::{Fellow, State};
use crate::run::{Thread, glance, graph, signal};
use crate::trace::deadlock_text;
use crate::trace::table::letter;
use std::io::ErrorKind;

/// Lets the two ways ask for a dump.
pub fn prepare() {
    graph::on_dump(|g| deadlock_text::dump(g, &running));
    signal::on_dump(|th| say(&text(th)), glance);
}

/// What all threads are doing.
pub fn text(th: &mut Thread) -> String {
    let text = graph::dump(th, true);
    signal::answered();
    text
}

/// Writes to stderr without the lock of its stream, which a fork might find held; above the line that is being typed.
fn say(text: &str) {
    if io_file::taken_aside(2, text.as_bytes()) {
        return;
    }
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        // SAFETY: the bytes live through the call.
        let n = unsafe { libc::write(2, rest.as_ptr().cast(), rest.len()) };
        let interrupted = n < 0 && std::io::Error::last_os_error().kind() == ErrorKind::Interrupted;
        match n {
            1.. => rest = &rest[n as usize..],
            _ if interrupted => {}
            _ => return,
        }
    }
}

/// What can be told of the threads without their help, while a native call keeps the machine from answering.
fn glance() {
    let mut out = String::new();
    for g in glance::all() {
        let does = match g.native {
            Some(native) => format!("in {native}()"),
            None => doing(g.state).to_string(),
        };
        let at = match &g.place {
            Some((file, line)) if file.is_empty() => format!(", line {line}"),
            Some((file, line)) => format!(", file \"{file}\", line {line}"),
            None => String::new(),
        };
        out.push_str(&format!("{} {}: {does}{at}\n", letter(g.number as usize), g.name));
    }
    say(&(out + "  (the whole list follows when the calls in progress return)\n"));
}

/// What a thread does that waits for nothing that has a name.
fn running(f: &Fellow) -> String {
    doing(f.state).to_string()
}

/// A state in words.
fn doing(state: State) -> &'static str {
    match state {
        State::Run | State::Ended => "runs",
        State::Gil => "waits for the GIL",
        State::Lock => "waits for a lock, queue or event",
        State::Sleep => "sleeps",
        State::Io => "waits for input, output or a process",
        State::Join => "waits for a thread to end",
    }
}
