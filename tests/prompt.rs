//! The prompt through a pseudo-terminal: what a user types and sees. Nothing waits by the clock: every step waits for
//! what the program writes, and each looked-for text is one that the typed line does not hold.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A step that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

struct Terminal {
    child: Child,
    side: File,
    seen: Vec<u8>,
    /// How much of it steps have looked at.
    at: usize,
}

impl Terminal {
    fn start(args: &[&str]) -> Terminal {
        let history = std::env::temp_dir().join(format!("minipy-history-{}-{:p}", std::process::id(), &args));
        let _ = std::fs::remove_file(&history);
        Terminal::with_history(args, history.to_str().unwrap())
    }

    fn with_history(args: &[&str], history: &str) -> Terminal {
        let (mut ours, mut theirs) = (0, 0);
        let size = libc::winsize { ws_row: 40, ws_col: 100, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: both numbers are written before they are used, and belong to nobody else.
        let (ours, theirs) = unsafe {
            let rc = libc::openpty(&mut ours, &mut theirs, std::ptr::null_mut(), std::ptr::null(), &size);
            assert_eq!(rc, 0);
            libc::fcntl(ours, libc::F_SETFD, libc::FD_CLOEXEC);
            libc::fcntl(theirs, libc::F_SETFD, libc::FD_CLOEXEC);
            (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
        };
        let end = || Stdio::from(theirs.try_clone().unwrap());
        let mut command = Command::new(env!("CARGO_BIN_EXE_minipy"));
        command.args(args).stdin(end()).stdout(end()).stderr(end());
        command.env("TERM", "xterm").env("MINIPY_HISTORY", history).env("NO_COLOR", "1");
        // SAFETY: two system calls, allowed between fork and exec.
        unsafe {
            command.pre_exec(|| {
                libc::setsid();
                libc::ioctl(0, libc::TIOCSCTTY, 0);
                Ok(())
            });
        }
        let child = command.spawn().expect("minipy starts");
        Terminal { child, side: File::from(ours), seen: Vec::new(), at: 0 }
    }

    fn send(&mut self, keys: &str) {
        self.side.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `text` comes up behind what earlier steps saw.
    fn sees(&mut self, text: &str) {
        let end = Instant::now() + LIMIT;
        loop {
            let rest = &self.seen[self.at..];
            if let Some(i) = rest.windows(text.len()).position(|w| w == text.as_bytes()) {
                self.at += i + text.len();
                return;
            }
            let more = self.more(end);
            assert!(more, "no {text:?} in {:?}", String::from_utf8_lossy(&self.seen[self.at..]));
        }
    }

    /// Reads what the program writes until then; `false` when nothing comes any more.
    fn more(&mut self, end: Instant) -> bool {
        let mut fd = libc::pollfd { fd: self.side.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let left = end.saturating_duration_since(Instant::now()).as_millis() as i32;
        // SAFETY: one record.
        let ready = unsafe { libc::poll(&mut fd, 1, left) };
        let mut part = [0; 4096];
        let n = if ready > 0 { self.side.read(&mut part).unwrap_or(0) } else { 0 };
        self.seen.extend_from_slice(&part[..n]);
        n > 0
    }

    /// Types a line and waits for what it prints.
    fn line(&mut self, keys: &str, text: &str) {
        self.send(keys);
        self.send("\r");
        self.sees(text);
    }

    /// Waits for a fresh prompt: nothing is typed yet.
    fn prompt(&mut self) {
        self.sees(">>> ");
    }

    fn leaves(mut self) -> i32 {
        // The editor redraws its line: only the prompt behind an answer is sure to be a fresh one.
        self.line("'la' + 'st'", "'last'");
        self.prompt();
        self.send("\x04");
        // The end of the program closes the terminal.
        let end = Instant::now() + LIMIT;
        while self.more(end) {}
        let left = String::from_utf8_lossy(&self.seen[self.at..]).into_owned();
        assert!(Instant::now() < end, "Ctrl-D does not end it: {left:?}");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn blocks_are_read_to_their_end() {
    let mut t = Terminal::start(&[]);
    t.prompt();
    t.line("6 * 7", "\n42\r");
    t.line("def double(x):", "... ");
    // The editor indents: a level for the body, none after the return.
    t.line("return x + x", "... ");
    t.line("", ">>> ");
    t.line("double('ab')", "'abab'");
    t.line("for i in range(2):", "... ");
    t.line("if i:", "... ");
    t.line("print(i + 100)", "... ");
    t.line("", "101");
    t.line("_ = 5; s = '''one", "... ");
    t.line("two'''; s.split()", "['one', 'two']");
    t.line("[1,", "... ");
    t.line("2 + 1]", "[1, 3]");
    t.line("len(_)", "2");
    t.line("1 +", "SyntaxError: invalid syntax");
    t.line("1 / 0", "ZeroDivisionError: division by zero");
    assert_eq!(t.leaves(), 0);
}

#[test]
fn names_attributes_and_modules_complete() {
    let mut t = Terminal::start(&[]);
    t.prompt();
    t.line("import threadi\t as th", ">>> ");
    t.line("th.Barr\t", "<class 'threading.Barrier'>");
    t.line("class Tower: height_in_metres = 3300 // 10", "... ");
    t.line("", ">>> ");
    t.line("Tow\t.heig\t", "330");
    t.line("from math import facto\t", ">>> ");
    t.line("facto\t(5)", "120");
    t.line("prin\t('don' + 'e')", "done");
    t.line("whil\t 0: pass", "... ");
    t.line("", ">>> ");
    t.line("%gi\t", "GIL mode py310");
    assert_eq!(t.leaves(), 0);
}

#[test]
fn history_outlives_the_session() {
    let path = std::env::temp_dir().join(format!("minipy-history-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let file = path.to_str().unwrap();
    let mut t = Terminal::with_history(&[], file);
    t.prompt();
    t.line("'fi' + 'rst'", "'first'");
    t.line("def block():", "... ");
    t.line("return 'se' + 'cond'", "... ");
    t.line("", ">>> ");
    assert_eq!(t.leaves(), 0);
    let mut t = Terminal::with_history(&[], file);
    t.prompt();
    // Up over the last line of that session: the block, as one piece. Up from its first line: the line before it.
    t.send("\x1b[A\x1b[A");
    t.sees("return");
    t.line("\r", ">>> ");
    t.line("block()", "'second'");
    t.send(&"\x1b[A".repeat(7));
    t.line("", "'first'");
    assert_eq!(t.leaves(), 0);
    let _ = std::fs::remove_file(&path);
}

#[test]
fn ctrl_c_ends_the_line_or_what_runs() {
    let mut t = Terminal::start(&[]);
    t.prompt();
    t.send("half a li");
    t.sees("li");
    t.send("\x03");
    t.sees("KeyboardInterrupt");
    t.prompt();
    t.line("def f():", "... ");
    t.send("\x03");
    t.sees("KeyboardInterrupt");
    t.prompt();
    t.line("n = 0", ">>> ");
    t.line("while True: n += 1; n == 9 and print('lo' + 'op')", "... ");
    t.line("", "loop");
    t.send("\x03");
    t.sees("KeyboardInterrupt");
    t.prompt();
    t.line("import threading; k = threading.Lock(); k.acquire()", "True");
    t.line("print('wai' + 'ting'); k.acquire()", "waiting");
    t.send("\x03");
    t.sees("KeyboardInterrupt");
    t.prompt();
    t.line("k.locked() + 1", "\n2\r");
    assert_eq!(t.leaves(), 0);
}

#[test]
fn threads_run_while_a_line_is_typed() {
    let mut t = Terminal::start(&[]);
    t.prompt();
    t.line("import threading; go = threading.Event(); stop = threading.Event()", ">>> ");
    t.line("def work():", "... ");
    t.line("go.wait(); print('from ' + 'below'); stop.wait()", "... ");
    t.line("", ">>> ");
    t.line("w = threading.Thread(target=work, name='worker'); w.start()", ">>> ");
    t.line("%threads", "B worker");
    t.sees("waits");
    t.sees(">>> ");
    // The thread prints while a line is half typed: the line comes back whole below.
    t.line("go.set(); 'hal' + 'f'", "'half'");
    t.sees("from below");
    for mode in ["off", "ticks:7", "py2", "py32", "py310"] {
        t.line(&format!("%gil {mode}"), &format!("GIL mode {mode}\r"));
        t.line("sum(range(1000))", "499500");
    }
    t.line("stop.set(); w.join(); w.is_alive()", "False");
    assert_eq!(t.leaves(), 0);
}

#[test]
fn modes_change_while_threads_compute() {
    let mut t = Terminal::start(&[]);
    t.prompt();
    t.line("import threading, time; n = [0, 0]; go = True", ">>> ");
    t.line("def busy(i):", "... ");
    t.line("while go: n[i] += 1", "... ");
    t.line("", ">>> ");
    t.line(
        "ts = [threading.Thread(target=busy, args=(i,)) for i in (0, 1)]; [t.start() for t in ts]",
        "[None, None]",
    );
    t.line("def moves():", "... ");
    t.line("old = n[:]", "... ");
    t.line("while n[0] == old[0] or n[1] == old[1]: time.sleep(0)", "... ");
    t.line("return 'both ' + 'move'", "... ");
    t.line("", ">>> ");
    for mode in ["off", "ticks:7", "off", "py2", "py32", "ticks", "py310"] {
        let told = if mode == "ticks" { "ticks:97" } else { mode };
        t.line(&format!("%gil {mode}"), &format!("GIL mode {told}\r"));
        t.line("moves()", "'both move'");
    }
    t.line("%threads", "B Thread-1 (busy): ");
    t.line("def forever():", "... ");
    t.line("print('be' + 'gins')", "... ");
    t.line("for _ in iter(int, 1): pass", "... ");
    t.line("", ">>> ");
    t.line("forever()", "begins");
    t.send("\x03");
    t.sees("KeyboardInterrupt");
    t.prompt();
    t.line("go = False; [t.join() for t in ts]; 'en' + 'ded'", "'ended'");
    assert_eq!(t.leaves(), 0);
}

#[test]
fn what_is_typed_is_coloured() {
    let mut t = Terminal::start(&["--color=always"]);
    t.sees("\x1b[1;35m>>> ");
    t.send("while len('a'");
    t.sees("\x1b[1;34mwhile");
    t.sees("\x1b[32m'a'");
    // The partner of the bracket before the cursor stands out.
    t.send(")");
    t.sees("\x1b[1;7m(");
    t.send("\x03");
    t.sees("KeyboardInterrupt");
    t.sees("\x1b[1;35m>>> ");
    assert_eq!(t.leaves(), 0);
}

#[test]
fn a_line_without_an_end_stays() {
    let mut t = Terminal::start(&[]);
    t.prompt();
    t.line("print('no' + 'nl', end='')", &format!("nonl{}\r", " ".repeat(100)));
    t.prompt();
    t.line("print('wi' + 'th')", "with\r\n");
    t.prompt();
    assert_eq!(t.leaves(), 0);
}

#[test]
fn pasted_blocks_run() {
    let mut t = Terminal::start(&[]);
    t.prompt();
    t.line("\x1b[200~>>> def g(n):\n...     return n * 11\n...\n>>> g(2)\n22\n>>> g(3)\x1b[201~", "\r\n33");
    t.line(
        "\x1b[200~class A:\n\n    def m(self):\n        return 'p' + 'q'\n\na = A()\na.m()\x1b[201~",
        "'pq'",
    );
    // Lines that arrive before the prompt stands are not lost.
    t.send("x = 70\ry = 7\rx + y\r");
    t.sees("77\r");
    assert_eq!(t.leaves(), 0);
}

#[test]
fn commands_answer() {
    let mut t = Terminal::start(&["--gil=ticks:5"]);
    t.prompt();
    t.line("%gil", "GIL mode ticks:5\r");
    t.line("%gil green", "no GIL mode");
    t.line("%thread", "did you mean %threads?");
    t.line("%time 'a' + 'b'", "'ab'");
    t.sees("wall");
    t.line("%timeit 1 + 1", "a run, best of 5");
    t.line("%dis v = 1 + 2", "Return");
    t.line("%report sum(range(10))", "GIL report: mode ticks:5");
    t.line("%who", "nothing yet");
    t.line("tower = 33 * 10", ">>> ");
    t.line("%who", "330");
    t.line("%load /nowhere/at.mp", "No such file");
    assert_eq!(t.leaves(), 0);
}
