//! The line that says what a long comparison is at, on a pseudo-terminal: it comes, goes on, fits into its row and is
//! gone before the results. Nothing waits by the clock: the program that is compared waits for the test.

mod program;

use minipy_grammar::display_width;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A step that takes longer hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A terminal of that width: our side, and that of programs.
fn terminal(columns: u16) -> (std::fs::File, OwnedFd) {
    let (mut ours, mut theirs) = (0, 0);
    let size = libc::winsize { ws_row: 30, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let null = std::ptr::null_mut();
    // SAFETY: two numbers to be filled; the descriptors become ours, and programs get only what they are given.
    unsafe {
        assert_eq!(libc::openpty(&mut ours, &mut theirs, null, null.cast(), &size), 0);
        libc::fcntl(ours, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::fcntl(theirs, libc::F_SETFD, libc::FD_CLOEXEC);
        (std::fs::File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs))
    }
}

/// What a terminal shows after that many bytes: rows of text. Knows the begin of the row, the next row, and erasing
/// to the end of the row.
fn screen(bytes: &str, columns: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    let mut at = 0;
    let mut rest = bytes;
    while let Some(c) = rest.chars().next() {
        if let Some(more) = rest.strip_prefix("\x1b[K") {
            rest = more;
            let row = rows.last_mut().unwrap();
            let kept: String = row.chars().take(at).collect();
            *row = kept;
            continue;
        }
        if let Some(more) = rest.strip_prefix("\x1b[") {
            // A colour.
            rest = more.split_once('m').expect("only colours and erasing").1;
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '\r' => at = 0,
            '\n' => rows.push(String::new()),
            c => {
                let row = rows.last_mut().unwrap();
                let mut all: Vec<char> = row.chars().collect();
                all.truncate(at);
                all.push(c);
                *row = all.into_iter().collect();
                at += 1;
                assert!(display_width(row) < columns, "too wide: {row:?}");
            }
        }
    }
    rows
}

/// Reads on until `seen` is content with what has come.
fn until(side: &mut std::fs::File, said: &mut Vec<u8>, seen: impl Fn(&str) -> bool) -> String {
    let end = Instant::now() + LIMIT;
    loop {
        let text = String::from_utf8_lossy(said).into_owned();
        if seen(&text) {
            return text;
        }
        let mut fd = libc::pollfd { fd: side.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let left = end.saturating_duration_since(Instant::now()).as_millis() as i32;
        let mut part = [0; 4096];
        // SAFETY: one record.
        let ready = unsafe { libc::poll(&mut fd, 1, left) } > 0;
        let n = if ready { side.read(&mut part).unwrap_or(0) } else { 0 };
        assert!(n > 0, "it ends too early: {text:?}");
        said.extend_from_slice(&part[..n]);
    }
}

fn script(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("progress");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, "import sys\nprint(len(sys.stdin.readline()))\n").unwrap();
    path.to_str().unwrap().to_string()
}

/// The line on a terminal of that width; gives what the terminal shows in the end.
fn on_terminal(name: &str, columns: u16, no_color: bool, begin: &str) -> Vec<String> {
    let (mut side, theirs) = terminal(columns);
    let end = || Stdio::from(theirs.try_clone().unwrap());
    let mut command = Command::new(program::MINIPY);
    command.args(["compare", "--modes=py310,off", &script(name)]);
    command.stdin(Stdio::piped()).stdout(end()).stderr(end()).env_remove("NO_COLOR");
    if no_color {
        command.env("NO_COLOR", "1");
    }
    let mut child = command.spawn().unwrap();
    drop((command, theirs));
    let mut said = Vec::new();
    // It is written and written anew while the first run waits for its input.
    let lines = |text: &str| text.split("\r\x1b[K").filter(|l| l.contains(" s")).count();
    let text = until(&mut side, &mut said, |t| lines(t) >= 3);
    let shown = screen(&text, columns as usize).pop().unwrap();
    assert!(shown.starts_with(begin) && shown.contains(" (1 of 2), "), "{shown:?}");
    assert!(shown.ends_with(" s"), "{shown:?}");
    child.stdin.take().unwrap().write_all(b"input\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    // The other end is closed: reading ends in an error behind what was said.
    let _ = side.read_to_end(&mut said);
    let text = String::from_utf8(said).unwrap();
    assert!(!no_color || !text.contains("\x1b[1m"), "{text:?}");
    screen(&text.replace("\r\n", "\n\r"), 500)
}

#[test]
fn it_comes_and_goes() {
    for no_color in [false, true] {
        let shown = on_terminal("waits.mp", 80, no_color, "waits.mp in mode py310 (1 of 2), ");
        assert!(shown[0].starts_with("GIL mode"), "{shown:#?}");
        assert!(shown.iter().all(|row| !row.contains(" of 2)")), "{shown:#?}");
        assert!(shown.iter().any(|row| row.starts_with("off ")), "{shown:#?}");
    }
}

#[test]
fn it_fits_whatever_the_name() {
    let name = "多线程与全局解释器锁的比较程序的一个很长很长的名字.mp";
    let shown = on_terminal(name, 40, true, "多线程与全局解");
    assert!(shown.iter().all(|row| !row.contains(" of 2)")), "{shown:#?}");
    on_terminal(name, 80, true, "多线程与全局解释器锁的比较程序");
    on_terminal(&format!("{}.mp", "n".repeat(200)), 80, true, "nnnnn");
}

#[test]
fn in_a_pipe_there_is_none() {
    let mut command = Command::new(program::MINIPY);
    command.args(["compare", "--modes=py310,off", &script("pipe.mp")]);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Longer than the line would take to come.
    std::thread::sleep(Duration::from_millis(900));
    child.stdin.take().unwrap().write_all(b"input\n").unwrap();
    let o = child.wait_with_output().unwrap();
    assert_eq!((o.status.code(), String::from_utf8_lossy(&o.stderr).as_ref()), (Some(0), ""));
    assert!(!String::from_utf8_lossy(&o.stdout).contains('\x1b'));
}
