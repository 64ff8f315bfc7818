//! Ctrl-C: SIGINT ends whatever the main thread does, in every GIL mode, by KeyboardInterrupt and exit code 130.
//! Each program says "ready" when it is about to block, so that nothing here waits by the clock.

mod program;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const MODES: [&str; 5] = ["py310", "py32", "py2", "ticks:7", "off"];
/// A program that has not ended by then hangs.
const LIMIT: Duration = Duration::from_secs(30);

struct Running {
    child: Child,
    out: BufReader<std::process::ChildStdout>,
    /// Dropped when the program has ended: then nobody kills it any more.
    ended: mpsc::Sender<()>,
}

impl Running {
    fn start(mode: &str, code: &str) -> Running {
        let mut child = program::heeds_signals(&mut Command::new(program::MINIPY))
            // Some programs wait for what never comes.
            .args([&format!("--gil={mode}"), "--on-deadlock=off", "-c", code])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("minipy starts");
        let out = BufReader::new(child.stdout.take().unwrap());
        let (ended, end) = mpsc::channel();
        let id = child.id() as i32;
        std::thread::spawn(move || {
            if end.recv_timeout(LIMIT) == Err(mpsc::RecvTimeoutError::Timeout) {
                // SAFETY: a signal to a child that has not been waited for.
                unsafe { libc::kill(id, libc::SIGKILL) };
            }
        });
        Running { child, out, ended }
    }

    /// Waits for a line of stdout.
    fn said(&mut self, what: &str) {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        assert_eq!(line.trim_end(), what, "{:?}", self.child);
    }

    fn interrupt(&self) {
        // SAFETY: as above.
        assert_eq!(unsafe { libc::kill(self.child.id() as i32, libc::SIGINT) }, 0);
    }

    /// Exit code (none if it had to be killed), the rest of stdout, and stderr.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        let mut stderr = self.child.stderr.take().unwrap();
        let errors = std::thread::spawn(move || {
            stderr.read_to_string(&mut err).unwrap();
            err
        });
        self.out.read_to_string(&mut out).unwrap();
        let err = errors.join().unwrap();
        drop(self.ended);
        // The input stays open until now: its end would end a read.
        let input = self.child.stdin.take();
        let code = self.child.wait().unwrap().code();
        drop(input);
        (code, out, err)
    }
}

/// Runs the program in every mode, interrupts it when it says so, and looks at its end.
fn interrupted(what: &str, code: &str) {
    for mode in MODES {
        let mut p = Running::start(mode, code);
        p.said("ready");
        p.interrupt();
        let (code, _, err) = p.end();
        assert!(err.starts_with("Traceback (most recent call last):\n"), "{what} [{mode}]: {err}");
        assert_eq!(err.lines().last(), Some("KeyboardInterrupt"), "{what} [{mode}]: {err}");
        assert_eq!(code, Some(130), "{what} [{mode}]");
    }
}

const READY: &str = "print('ready', flush=True)\n";

#[test]
fn ends_waits_for_other_threads() {
    let held = "import threading\nl = threading.Lock()\nl.acquire()\n";
    interrupted("lock.acquire()", &format!("{held}{READY}l.acquire()\n"));
    interrupted("with lock", &format!("{held}{READY}with l:\n    pass\n"));
    interrupted("acquire with a timeout", &format!("{held}{READY}l.acquire(timeout=1000)\n"));
    let thread = "import threading\ne = threading.Event()\nt = threading.Thread(target=e.wait, daemon=True)\nt.start()\n";
    interrupted("join", &format!("{thread}{READY}t.join()\n"));
    interrupted("event.wait()", &format!("{thread}{READY}e.wait()\n"));
    interrupted("queue.get()", &format!("import queue\nq = queue.Queue()\n{READY}q.get()\n"));
    interrupted("barrier", &format!("import threading\nb = threading.Barrier(2)\n{READY}b.wait()\n"));
}

#[test]
fn ends_sleeps_and_reads() {
    interrupted("sleep", &format!("import time\n{READY}time.sleep(1000)\n"));
    interrupted("read of stdin", &format!("import sys\n{READY}sys.stdin.read()\n"));
    interrupted("input()", &format!("{READY}input()\n"));
    interrupted("read of a pipe", &format!("import os\nr, w = os.pipe()\n{READY}os.read(r, 1)\n"));
}

#[test]
fn ends_waits_for_sockets() {
    let pair = "import select, selectors, socket\na, b = socket.socketpair()\n";
    interrupted("recv", &format!("{pair}{READY}a.recv(1)\n"));
    interrupted("recv with a timeout", &format!("{pair}a.settimeout(1000)\n{READY}a.recv(1)\n"));
    interrupted("sendall", &format!("{pair}{READY}a.sendall(bytes(10 ** 7))\n"));
    interrupted("accept", &format!("{pair}s = socket.create_server(('127.0.0.1', 0))\n{READY}s.accept()\n"));
    interrupted("select", &format!("{pair}{READY}select.select([a, b], [], [])\n"));
    interrupted("select of nothing", &format!("{pair}{READY}select.select([], [], [])\n"));
    interrupted("epoll", &format!("{pair}e = select.epoll()\ne.register(a, 1)\n{READY}e.poll()\n"));
    let server = "import socketserver\ns = socketserver.TCPServer(('127.0.0.1', 0), None)\n";
    interrupted("serve_forever", &format!("{server}{READY}s.serve_forever()\n"));
}

#[test]
fn ends_computations() {
    interrupted("loop", &format!("{READY}while True: pass\n"));
    interrupted("calls", &format!("def f(n): return f(n - 1) + f(n - 1) if n else 0\n{READY}f(200)\n"));
    let busy =
        "import threading\ndef f():\n    while True: pass\nthreading.Thread(target=f, daemon=True).start()\n";
    interrupted("loop beside another", &format!("{busy}{READY}while True: pass\n"));
    interrupted("sum of a range", &format!("{READY}sum(range(10 ** 14))\n"));
    interrupted("search in an endless iterator", &format!("{READY}1 in iter(int, 1)\n"));
}

#[test]
fn goes_through_handlers_and_finally() {
    let code = format!(
        "import threading\nl = threading.Lock()\nl.acquire()\ntry:\n    {}    l.acquire()\n\
         except KeyboardInterrupt:\n    print('caught')\nfinally:\n    print('finally')\n",
        READY
    );
    for mode in MODES {
        let mut p = Running::start(mode, &code);
        p.said("ready");
        p.interrupt();
        assert_eq!(p.end(), (Some(0), "caught\nfinally\n".to_string(), String::new()), "[{mode}]");
    }
}

#[test]
fn ends_the_wait_for_threads_at_exit() {
    // The thread keeps the program from ending, and sees it begin to; each Ctrl-C ends one of the waits on the way.
    let code = "import atexit, threading\n\
                def last():\n    print('atexit', flush=True)\n    threading.Event().wait()\n\
                atexit.register(last)\n\
                def f():\n    threading.main_thread().join()\n    print('ready', flush=True)\n\
                \x20   threading.Event().wait()\n\
                threading.Thread(target=f).start()\n";
    for mode in MODES {
        let mut p = Running::start(mode, code);
        p.said("ready");
        p.interrupt();
        p.said("atexit");
        p.interrupt();
        let (code, _, err) = p.end();
        assert!(code.is_some(), "[{mode}] does not end: {err}");
        assert_eq!(err.matches("KeyboardInterrupt\n").count(), 2, "[{mode}]: {err}");
    }
}
