//! Lines for the prompt. On a terminal an OS thread of its own edits them and asks the main script thread for what
//! only that one may touch; the main thread waits for it in the door. Invariants: between two lines the editing
//! thread does nothing; what script threads print while a line is edited goes above it, whole lines at a time.

use super::edit::{self, Back, Help, Tab};
use crate::native::io_file;
use crate::run::door::{self, Kind, What, Woken};
use crate::run::{Raised, Thread, signal};
use crate::shell::args::Color;
use crate::shell::report::columns;
use crossbeam::channel::{Receiver, Sender, bounded, unbounded};
use rustyline::history::DefaultHistory;
use rustyline::{
    ColorMode, CompletionType, Config, Editor, EventHandler, ExternalPrinter, KeyCode, KeyEvent, Modifiers,
};
use std::cell::Cell;
use std::io::{BufRead, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What a line came to, for the session.
pub use Typed as Line;

/// What a line came to.
pub enum Typed {
    /// Its text, without the end of line.
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D, or no more input.
    End,
}

/// What the main thread asks of the editing thread.
enum Ask {
    Read { prompt: String, initial: String },
    Remember(String),
    End,
}

/// How many bytes before the cursor the candidates replace, and the candidates.
type Candidates = (usize, Vec<String>);

/// What the editing thread says.
enum Said {
    Line(Typed),
    Complete { before: String, answer: Sender<Candidates> },
}

/// The editing thread's way to the main thread: a channel, and a descriptor for which the door can wait.
#[derive(Clone)]
pub struct Asker {
    said: Sender<Said>,
    bell: Arc<OwnedFd>,
}

impl Asker {
    fn say(&self, what: Said) {
        if self.said.send(what).is_ok() {
            let one = 1u64.to_ne_bytes();
            // SAFETY: eight bytes to an event descriptor that is open as long as `self` lives.
            unsafe { libc::write(self.bell.as_raw_fd(), one.as_ptr().cast(), 8) };
        }
    }

    /// What could stand at the end of `before`; waits until the main thread has looked.
    pub fn candidates(&self, before: String) -> Candidates {
        let (answer, answered) = bounded(1);
        self.say(Said::Complete { before, answer });
        answered.recv().unwrap_or_default()
    }
}

/// Where lines come from.
pub enum Reader {
    /// A line editor.
    Terminal(Box<Terminal>),
    /// Standard input that is no terminal.
    Stream,
}

/// The main thread's end of a line editor.
pub struct Terminal {
    ask: Sender<Ask>,
    said: Receiver<Said>,
    bell: Arc<OwnedFd>,
    before: Arc<Mutex<String>>,
    ended: Receiver<()>,
}

impl Reader {
    /// A line editor on the terminal, `None` if it cannot be had.
    pub fn terminal(history: Option<PathBuf>, color: Color) -> Option<Reader> {
        // SAFETY: a plain call; the descriptor is nobody else's.
        let bell = unsafe {
            let fd = libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK);
            (fd >= 0).then(|| Arc::new(OwnedFd::from_raw_fd(fd)))?
        };
        let (ask, asked) = unbounded();
        let (say, said) = unbounded();
        let (ending, ended) = bounded(1);
        let before = Arc::new(Mutex::new(String::new()));
        let asker = Asker { said: say, bell: bell.clone() };
        let help = Help { before: before.clone(), asker: asker.clone(), bracket: Cell::new(None) };
        let work = move || {
            if let Some(mut editor) = editor(help, color) {
                edit_lines(&mut editor, &asked, &asker, history);
            } else {
                asker.say(Said::Line(Typed::End));
            }
            let _ = ending.send(());
        };
        std::thread::Builder::new().name("prompt".to_string()).spawn(work).ok()?;
        Some(Reader::Terminal(Box::new(Terminal { ask, said, bell, before, ended })))
    }

    /// Reads a line behind `prompt`. `before`: the earlier lines of the statement. `complete`: finds candidates.
    pub fn read(
        &mut self,
        th: &mut Thread,
        prompt: &str,
        before: &str,
        complete: &mut dyn FnMut(&mut Thread, &str) -> Candidates,
    ) -> Line {
        match self {
            Reader::Terminal(t) => t.read(th, prompt, before, complete),
            Reader::Stream => {
                eprint!("{prompt}");
                let mut text = String::new();
                match door::opaque(th, Kind::ReadLine(0), || std::io::stdin().lock().read_line(&mut text)) {
                    Ok(n) if n > 0 => Line::Text(text.trim_end_matches(['\n', '\r']).to_string()),
                    _ => Line::End,
                }
            }
        }
    }

    /// Adds to the history.
    pub fn remember(&mut self, text: &str) {
        if let Reader::Terminal(t) = self {
            let _ = t.ask.send(Ask::Remember(text.to_string()));
        }
    }

    /// Ends the session: the history is saved when this returns.
    pub fn end(&mut self) {
        if let Reader::Terminal(t) = self
            && t.ask.send(Ask::End).is_ok()
        {
            let _ = t.ended.recv_timeout(std::time::Duration::from_secs(2));
        }
    }
}

impl Terminal {
    fn read(
        &mut self,
        th: &mut Thread,
        prompt: &str,
        before: &str,
        complete: &mut dyn FnMut(&mut Thread, &str) -> Candidates,
    ) -> Line {
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = before.to_string();
        let ask = Ask::Read { prompt: prompt.to_string(), initial: edit::indentation(before) };
        if self.ask.send(ask).is_err() {
            return Line::End;
        }
        loop {
            match door::wait(th, What::fd(Kind::ReadLine(self.bell.as_raw_fd()), 0, None)) {
                Woken::Signal => {
                    if let Err(Raised) = signal::run_pending(th) {
                        th.take_raised();
                        print_above(libc::STDERR_FILENO, b"KeyboardInterrupt\n");
                    }
                }
                _ => {
                    let mut count = [0u8; 8];
                    // SAFETY: eight bytes from our event descriptor, which does not block.
                    unsafe { libc::read(self.bell.as_raw_fd(), count.as_mut_ptr().cast(), 8) };
                    while let Ok(said) = self.said.try_recv() {
                        match said {
                            Said::Line(line) => return line,
                            Said::Complete { before, answer } => {
                                let _ = answer.send(complete(th, &before));
                            }
                        }
                    }
                }
            }
        }
    }
}

type Lines = Editor<Help, DefaultHistory>;

fn editor(help: Help, color: Color) -> Option<Lines> {
    let color = match color {
        Color::Always => ColorMode::Forced,
        Color::Never => ColorMode::Disabled,
        Color::Auto if std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty()) => ColorMode::Disabled,
        Color::Auto => ColorMode::Enabled,
    };
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .history_ignore_dups(true)
        .and_then(|c| c.max_history_size(10_000))
        .ok()?
        .color_mode(color)
        .build();
    let mut editor = Lines::with_config(config).ok()?;
    editor.set_helper(Some(help));
    editor.bind_sequence(KeyEvent(KeyCode::Tab, Modifiers::NONE), EventHandler::Conditional(Box::new(Tab)));
    editor.bind_sequence(KeyEvent::ctrl('\\'), EventHandler::Conditional(Box::new(edit::Quit)));
    editor.bind_sequence(
        KeyEvent(KeyCode::Backspace, Modifiers::NONE),
        EventHandler::Conditional(Box::new(Back)),
    );
    Some(editor)
}

/// The editing thread's work.
fn edit_lines(editor: &mut Lines, asked: &Receiver<Ask>, asker: &Asker, history: Option<PathBuf>) {
    if let Some(file) = &history {
        // No history yet is no fault.
        let _ = editor.load_history(file);
    }
    if let Ok(printer) = editor.create_external_printer() {
        ABOVE.get_or_init(|| Mutex::new(Above::default())).lock().unwrap().printer = Some(Box::new(printer));
        io_file::set_aside(print_above);
    }
    for ask in asked {
        match ask {
            Ask::Read { prompt, initial } => {
                next_row();
                EDITING.store(true, Ordering::SeqCst);
                let line = edit::typed(editor.readline_with_initial(&prompt, (&initial, "")));
                EDITING.store(false, Ordering::SeqCst);
                leave_above();
                asker.say(Said::Line(line));
            }
            Ask::Remember(text) => {
                let _ = editor.add_history_entry(text);
            }
            Ask::End => break,
        }
    }
    if let Some(file) = &history {
        // A history that cannot be kept is no reason to end otherwise.
        let _ = editor.save_history(file);
    }
}

/// Whether a line is being edited.
static EDITING: AtomicBool = AtomicBool::new(false);
/// Whether what was written last, before that, did not end its line.
static OPEN: AtomicBool = AtomicBool::new(false);

/// Keeps the prompt from taking the place of a line that has no end: blanks to the width of the terminal end in the
/// next row unless the cursor stood at the begin of one.
fn next_row() {
    if OPEN.swap(false, Ordering::SeqCst) {
        let mut out = std::io::stdout();
        let _ = write!(out, "{}\r", " ".repeat(columns())).and_then(|()| out.flush());
    }
}
static ABOVE: OnceLock<Mutex<Above>> = OnceLock::new();

/// Output on its way to the terminal while a line is edited.
#[derive(Default)]
struct Above {
    printer: Option<Box<dyn Print>>,
    /// The beginning of a line whose end has not come yet.
    rest: Vec<u8>,
}

/// A printer of whatever type the line editor has.
trait Print: Send {
    fn show(&mut self, text: String) -> bool;
}

impl<P: ExternalPrinter + Send> Print for P {
    fn show(&mut self, text: String) -> bool {
        self.print(text).is_ok()
    }
}

/// Takes what a thread writes to the terminal if a line is being edited there: `false` leaves it to the caller.
fn print_above(fd: i32, data: &[u8]) -> bool {
    if !io_file::is_tty(fd) {
        return false;
    }
    if !EDITING.load(Ordering::SeqCst) {
        OPEN.store(data.last() != Some(&b'\n'), Ordering::SeqCst);
        return false;
    }
    let Some(above) = ABOVE.get() else { return false };
    let mut above = above.lock().unwrap_or_else(PoisonError::into_inner);
    above.rest.extend_from_slice(data);
    let Some(end) = above.rest.iter().rposition(|b| *b == b'\n') else { return true };
    let lines: Vec<u8> = above.rest.drain(..=end).collect();
    let text = String::from_utf8_lossy(&lines).into_owned();
    match &mut above.printer {
        Some(p) => p.show(text),
        None => false,
    }
}

/// Writes what is left of an unfinished line, when the edited line is out of the way.
fn leave_above() {
    let Some(above) = ABOVE.get() else { return };
    let rest = std::mem::take(&mut above.lock().unwrap_or_else(PoisonError::into_inner).rest);
    if !rest.is_empty() {
        OPEN.store(true, Ordering::SeqCst);
        let mut out = std::io::stdout();
        let _ = out.write_all(&rest).and_then(|()| out.flush());
    }
}
