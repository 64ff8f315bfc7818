//! Runs in ticks mode that only compute repeat exactly: output and report, byte for byte.

mod program;

use program::MINIPY;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

const CODE: &str = "import threading\n\
    counter = 0\n\
    def work(n):\n    global counter\n    for _ in range(n):\n        counter += 1\n\
    threads = [threading.Thread(target=work, args=(ROUNDS,)) for _ in range(3)]\n\
    for t in threads:\n    t.start()\n\
    for t in threads:\n    t.join()\n\
    print(counter)\n";

/// Output and report of a run.
fn run(mode: &str, rounds: u32) -> (String, String) {
    let code = CODE.replace("ROUNDS", &rounds.to_string());
    let mut command = Command::new(MINIPY);
    command.args([&format!("--gil={mode}"), "--report=gil", "-c", &code]);
    let o = program::run(&mut command, "", LIMIT);
    assert_eq!(o.code, Some(0), "{o:?}");
    (o.stdout, o.stderr)
}

#[test]
fn turns_repeat() {
    for mode in ["ticks:97", "ticks:7", "ticks:1"] {
        let first = run(mode, 3_000);
        assert!(first.1.contains("switches"), "{first:?}");
        for _ in 0..3 {
            assert_eq!(run(mode, 3_000), first, "{mode}");
        }
    }
}
