//! A line that says what a long command is at, on a terminal. Invariants: it is gone before anything else is written;
//! it fits into one row; where stderr is no terminal nothing is written at all.

use super::report::columns;
use crate::trace::table::cut;
use minipy_grammar::display_width;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What takes less time needs no line.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often the line is written anew.
const BEAT: Duration = Duration::from_millis(200);

enum Word {
    /// This begins.
    Begin(String),
    /// The line goes; an answer says that it has gone.
    Pause(Sender<()>),
}

/// The line.
pub struct Progress {
    to: Option<Sender<Word>>,
    writer: Option<JoinHandle<()>>,
}

impl Progress {
    /// For that many steps.
    pub fn new(steps: usize) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress { to: None, writer: None };
        }
        let (to, from) = channel();
        let writer =
            std::thread::Builder::new().name("progress".to_string()).spawn(move || write(&from, steps));
        Progress { to: Some(to), writer: writer.ok() }
    }

    /// The next step begins.
    pub fn next(&self, what: &str) {
        if let Some(to) = &self.to {
            // Without a writer there is no line.
            let _ = to.send(Word::Begin(what.to_string()));
        }
    }

    /// Erases the line until the next step.
    pub fn pause(&self) {
        let (done, gone) = channel();
        if let Some(to) = &self.to
            && to.send(Word::Pause(done)).is_ok()
        {
            let _ = gone.recv();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.pause();
        self.to = None;
        if let Some(w) = self.writer.take() {
            let _ = w.join();
        }
    }
}

fn write(from: &Receiver<Word>, steps: usize) {
    let (mut step, mut doing): (usize, Option<(String, Instant)>) = (0, None);
    let mut shown = false;
    // A terminal that takes nothing is no reason to stop.
    let say = |text: &str| _ = std::io::stderr().write_all(text.as_bytes());
    loop {
        match from.recv_timeout(BEAT) {
            Ok(Word::Begin(what)) => {
                step += 1;
                doing = Some((what, Instant::now()));
            }
            Ok(Word::Pause(done)) => {
                if shown {
                    say("\r\x1b[K");
                }
                (shown, doing) = (false, None);
                let _ = done.send(());
            }
            Err(RecvTimeoutError::Timeout) => {
                let Some((what, since)) = doing.as_ref().filter(|(_, t)| t.elapsed() >= PATIENCE) else {
                    continue;
                };
                let of = steps.max(step);
                let behind = format!(" ({step} of {of}), {:.1} s", since.elapsed().as_secs_f64());
                // A line that fills its row could not be erased by going back to its begin.
                let room = columns().saturating_sub(display_width(&behind) + 1);
                say(&format!("\r\x1b[K{}{behind}", cut(what, room)));
                shown = true;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}
