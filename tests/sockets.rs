//! A socket that one thread closes while others wait for it: they get an error, in every GIL mode, where CPython leaves
//! them waiting. No thread of a program here waits by the clock for another.

use std::process::Command;

const MODES: [&str; 5] = ["py310", "py32", "py2", "ticks:7", "off"];

/// The waiter is inside its call, or about to be, when the other thread closes; either way it must end by the error.
const CLOSE: &str = "
import select, socket, threading

def closes(closed, work):
    seen = []
    begun = threading.Event()
    def run():
        begun.set()
        try:
            work()
            seen.append('nothing')
        except (OSError, ValueError) as problem:
            seen.append(str(problem))
    thread = threading.Thread(target=run)
    thread.start()
    begun.wait()
    closed.close()
    thread.join()
    print(*seen)

for _ in range(20):
    a, b = socket.socketpair()
    closes(a, lambda: a.recv(1))
    b.close()
    a, b = socket.socketpair()
    closes(a, lambda: a.sendall(bytes(10_000_000)))
    b.close()
    listener = socket.create_server(('127.0.0.1', 0))
    closes(listener, listener.accept)
    a, b = socket.socketpair()
    with a, b:
        epoll = select.epoll()
        epoll.register(a, select.EPOLLIN)
        closes(epoll, epoll.poll)
";

#[test]
fn closing_ends_the_waits_of_other_threads() {
    let bad = "[Errno 9] Bad file descriptor\n";
    let expected = format!("{bad}{bad}{bad}I/O operation on closed epoll object\n").repeat(20);
    for mode in MODES {
        let out = Command::new(env!("CARGO_BIN_EXE_minipy"))
            .args([&format!("--gil={mode}"), "--timeout=60", "-c", CLOSE])
            .output()
            .expect("minipy starts");
        assert_eq!(String::from_utf8_lossy(&out.stderr), "", "[{mode}]");
        assert_eq!(String::from_utf8_lossy(&out.stdout), expected, "[{mode}]");
    }
}
