//! Programs that start and end many processes, by all means and at all moments, leave nothing behind: no child, no
//! descriptor, no segment of shared memory, no folder. The programs count themselves; what outlives them is looked for
//! here.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

/// Counts what is there: children, descriptors, named memory.
const COUNT: &str = "
import gc, os
def count():
    gc.collect()
    children = 0
    for tid in os.listdir('/proc/self/task'):
        try:
            with open('/proc/self/task/%s/children' % tid) as f:
                children += len(f.read().split())
        except OSError:    # that thread has ended, or is about to
            pass
    return children, len(os.listdir('/proc/self/fd'))
";

/// Processes that end in every way: by themselves, killed before, while and after they do something.
const KILLED: &str = "
import multiprocessing, random, sys, time
def work(lock, queue, conn, i):
    with lock:
        queue.put(i)
    try:
        conn.send(i)
        if i % 3 == 0:
            conn.recv()
    except (EOFError, OSError):
        pass
def round(ctx, n, dice):
    queue, ends = ctx.Queue(), []
    processes = []
    for i in range(n):
        # A killed process may take its lock with it, so each has its own.
        here, there = ctx.Pipe()
        p = ctx.Process(target=work, args=(ctx.Lock(), ctx.Queue(), there, i), daemon=i % 2 == 0)
        p.start()
        there.close()
        processes.append((p, here))
        if dice.random() < 0.3:
            dice.choice(processes)[0].kill()
    dice.shuffle(processes)
    for p, here in processes:
        how = dice.random()
        if how < 0.4:
            p.terminate()
        elif how < 0.6:
            p.kill()
        else:
            try:
                here.send(1)
            except OSError:
                pass
        here.close()
        p.join()
        assert p.exitcode is not None
    queue.close()
dice = random.Random(int(sys.argv[1]))
for method, rounds in (('fork', int(sys.argv[2])), ('spawn', 1), ('forkserver', 1)):
    ctx = multiprocessing.get_context(method)
    # What is needed once is there after the first round.
    round(ctx, 2, dice)
    before = count()
    for _ in range(rounds):
        round(ctx, 20 if method == 'fork' else 6, dice)
    after = count()
    # The collector may find the last round's connections in use still.
    print(method, after[0] - before[0], max(0, after[1] - before[1] - 4))
";

/// Pools whose workers are killed at any moment.
const POOLS: &str = "
import multiprocessing, os, random, signal, sys
def work(x):
    return x * x
dice = random.Random(int(sys.argv[1]))
before = None
for i in range(51):
    with multiprocessing.Pool(2) as pool:
        result = pool.map_async(work, range(20))
        if i % 5 == 1:
            os.kill(dice.choice(multiprocessing.active_children()).pid, signal.SIGKILL)
        else:
            assert result.get(60) == [x * x for x in range(20)]
    pool.join()
    if before is None:
        before = count()
after = count()
print(after[0] - before[0], max(0, after[1] - before[1] - 2))
";

/// The end comes by an error while children run, items wait to be sent and memory is shared.
const CRASH: &str = "
import multiprocessing, time
from multiprocessing import shared_memory
multiprocessing.set_start_method('fork')
def stay(event):
    event.set()
    time.sleep(600)
event, queue = multiprocessing.Event(), multiprocessing.Queue()
p = multiprocessing.Process(target=stay, args=(event,), daemon=True)
p.start()
event.wait()
queue.put('x' * 100)
print(p.pid)
1 / 0
";

const MODES: [&str; 5] = ["py310", "py32", "py2", "ticks:7", "off"];

fn shared_memory() -> BTreeSet<String> {
    let names = std::fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    names.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|n| n.contains("psm")).collect()
}

/// Runs a program from a file, so that the other start methods find it; stdout and stderr.
fn run(name: &str, mode: &str, program: &str, args: &[&str]) -> (String, String) {
    let path = std::env::temp_dir().join(format!("minipy-{}-{name}-{mode}.mp", std::process::id()));
    let guarded: String = program.trim().lines().map(|l| format!("{l}\n")).collect();
    std::fs::write(&path, guarded).expect("a file for the program");
    let out = Command::new(env!("CARGO_BIN_EXE_minipy"))
        .args([&format!("--gil={mode}"), "--timeout=100"])
        .arg(&path)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("minipy starts");
    std::fs::remove_file(&path).expect("the file is there");
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    (text(&out.stdout), text(&out.stderr))
}

/// The program with everything but definitions and imports under the guard that children need.
fn guarded(program: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    let mut main = false;
    for line in format!("{COUNT}{program}").lines().filter(|l| !l.is_empty()) {
        let top = !line.starts_with(' ');
        let definition = top && ["def ", "import ", "from "].iter().any(|w| line.starts_with(w));
        if definition {
            inside = true;
            main = false;
        } else if top && !line.starts_with('#') {
            inside = false;
        }
        if !inside && !main {
            out.push_str("if __name__ == '__main__':\n");
            main = true;
        }
        out.push_str(if inside { "" } else { "    " });
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[test]
fn killed_processes_leave_nothing_behind() {
    for (i, mode) in MODES.iter().enumerate() {
        // Five hundred in the two modes that differ most.
        let rounds = if matches!(*mode, "py310" | "off") { "25" } else { "5" };
        let (out, err) = run("killed", mode, &guarded(KILLED), &[&i.to_string(), rounds]);
        assert_eq!(out, "fork 0 0\nspawn 0 0\nforkserver 0 0\n", "[{mode}] {err}");
    }
}

#[test]
fn pools_with_killed_workers_leave_nothing_behind() {
    let before = shared_memory();
    for (i, mode) in ["py310", "off"].iter().enumerate() {
        let (out, err) = run("pools", mode, &guarded(POOLS), &[&i.to_string()]);
        assert_eq!(out, "0 0\n", "[{mode}] {err}");
    }
    assert_eq!(shared_memory(), before);
}

#[test]
fn a_crash_ends_the_children_too() {
    for mode in MODES {
        let (out, err) = run("crash", mode, CRASH, &[]);
        assert!(err.ends_with("ZeroDivisionError: division by zero\n"), "[{mode}] {err}");
        let child = out.trim();
        assert!(!child.is_empty());
        let alive = std::path::Path::new("/proc").join(child).exists();
        assert!(!alive, "[{mode}] process {child} is left");
    }
}
