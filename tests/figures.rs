//! Figures add up, in every GIL mode: shares of a thread's life to 100.0, switches by reason to the narration's, turns
//! to switches, lost updates to what is missing in the end. The page, the trace and the report of one run tell the same,
//! for each process: shares sum to 100.0, holds of the GIL and what lies between to the whole time, and who holds it runs.

mod program;

use program::{MINIPY, Outcome};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const MODES: [&str; 6] = ["py310", "py32", "py2", "ticks:97", "ticks:7", "off"];

struct Run {
    outcome: Outcome,
    narration: String,
    json: String,
}

fn run(label: &str, mode: &str, args: &[&str]) -> Run {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("figures");
    std::fs::create_dir_all(&folder).unwrap();
    let path = |end: &str| {
        let name = format!("{label}.{}.{end}", mode.replace(':', "_"));
        folder.join(name).to_str().unwrap().to_string()
    };
    let (text, json) = (path("txt"), path("json"));
    let gil = format!("--gil={mode}");
    let to = format!("--json={json}");
    let mut command = Command::new(MINIPY);
    command.args([&gil, "--narrate", "-o", &text, &to]).args(args);
    let outcome = program::run(&mut command, "", LIMIT);
    let read = |p: &str| std::fs::read_to_string(p).unwrap_or_default();
    Run { outcome, narration: read(&text), json: read(&json) }
}

/// The number behind `key` in a text.
fn number(text: &str, key: &str) -> Option<f64> {
    let at = text.find(key)? + key.len();
    let rest: String =
        text[at..].chars().take_while(|c| c.is_ascii_digit() || *c == '.' || *c == ' ').collect();
    rest.replace(' ', "").parse().ok()
}

/// The line of the narration that begins so, with the lines that go on with it.
fn line(text: &str, begin: &str) -> String {
    let at = text.rfind(begin).unwrap_or(text.len());
    let mut lines = text[at..].lines();
    let mut out = lines.next().unwrap_or("").to_string();
    lines.take_while(|l| l.starts_with("    ")).for_each(|l| out.push_str(&format!(" {}", l.trim())));
    out
}

fn check(name: &str, mode: &str, r: &Run) -> Result<(), String> {
    let wrong = |what: String| Err(format!("{name} in mode {mode}: {what}\n{:?}", r.outcome));
    // Two of the examples are there to get stuck.
    let stuck = r.outcome.code == Some(67) && ["12", "13"].contains(&&name[..2]);
    if r.outcome.code != Some(0) && !stuck {
        return wrong("failed".to_string());
    }
    if let Some(l) = r.narration.lines().find(|l| minipy_grammar::display_width(l) > 80) {
        return wrong(format!("a wide line: {l}"));
    }
    for thread in r.json.split("\"percent\": {").skip(1) {
        let shares = thread.split('}').next().unwrap_or("");
        let sum: f64 = shares.split(',').filter_map(|s| s.rsplit(' ').next()?.parse::<f64>().ok()).sum();
        if (sum - 100.0).abs() > 0.001 {
            return wrong(format!("shares sum to {sum}: {shares}"));
        }
    }
    if mode == "off" {
        return Ok(());
    }
    let told = line(&r.narration, "  turns ");
    let (turns, all) = (number(&told, "turns "), number(&told, "switches "));
    if turns != all.map(|n| n + 1.0) {
        return wrong(format!("turns and switches: {told}"));
    }
    let mut sum = 0.0;
    let switches = r.json.split("\"switches\": ").nth(1).unwrap_or("");
    for reason in ["limit", "request", "blocking", "yield", "end"] {
        let told = number(&told, &format!("{reason} ")).unwrap_or(0.0);
        sum += told;
        let counted = number(switches, &format!("\"{reason}\": ")).unwrap_or(-1.0);
        if told != counted {
            return wrong(format!("switches for {reason}: narrated {told}, reported {counted}"));
        }
    }
    if Some(sum) != all {
        return wrong(format!("reasons sum to {sum}: {told}"));
    }
    Ok(())
}

#[test]
fn narrations_and_reports_of_the_examples_agree() {
    let mut names: Vec<PathBuf> = std::fs::read_dir("examples").unwrap().map(|e| e.unwrap().path()).collect();
    names.retain(|p| p.extension().is_some_and(|e| e == "mp"));
    names.sort();
    let mut jobs = Vec::new();
    for path in &names {
        let name = path.file_name().unwrap().to_str().unwrap().to_string();
        let n = match &name[..2] {
            "05" => "2",
            "08" => "3",
            "10" => "8",
            _ => "200",
        };
        for mode in MODES {
            jobs.push((name.clone(), mode, vec![n]));
        }
    }
    let wrong = program::all(&jobs, |(name, mode, args)| {
        let path = format!("examples/{name}");
        let mut all = vec![path.as_str(), "--n", args[0]];
        if name.starts_with("09") {
            all.push("--safe");
        }
        check(name, mode, &run(&name[..2], mode, &all))
    });
    let wrong: Vec<String> = wrong.into_iter().map(|(_, why)| why).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_missing_was_lost() {
    for mode in ["ticks:3", "ticks:5", "ticks:7", "ticks:11"] {
        let r = run("lost", mode, &["examples/02_lost_update.mp", "--n", "400"]);
        let counter = number(&r.outcome.stdout, "counter = ").unwrap();
        let lost = number(&line(&r.narration, "  lost updates: "), "lost updates: ").unwrap_or(0.0);
        assert_eq!(counter + lost, 400.0, "{mode}: {}", r.narration);
    }
}

#[test]
fn a_lock_keeps_updates() {
    for mode in MODES {
        let r = run("kept", mode, &["examples/03_lock_mends_it.mp", "--n", "200"]);
        assert!(r.narration.contains("  lost updates: none"), "{mode}: {}", r.narration);
        assert!(r.narration.contains("with guard: acquire"), "{mode}: {}", r.narration);
    }
}

/// A file of that name in the test's own folder.
fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("figures");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name).to_str().unwrap().to_string()
}

/// What `tests/trace/agree.mp` says of those files.
fn agree(name: &str, files: &[&str]) -> Result<(), String> {
    let mut command = Command::new(MINIPY);
    let o = program::run(command.arg("tests/trace/agree.mp").args(files), "", LIMIT);
    if o.code == Some(0) && o.stdout.is_empty() { Ok(()) } else { Err(format!("{name}: {o:?}")) }
}

#[test]
fn pages_traces_and_reports_agree() {
    let mut jobs = Vec::new();
    // Threads that compute, wait for a lock, a queue, an end, and sleep; processes, pools, and one that is killed.
    let mut examples: Vec<String> = std::fs::read_dir("examples")
        .unwrap()
        .map(|e| e.unwrap().path().to_str().unwrap().to_string())
        .filter(|p| ["02", "03", "07", "14", "15", "16", "20", "22"].contains(&&p["examples/".len()..][..2]))
        .collect();
    examples.sort();
    assert_eq!(examples.len(), 8);
    for path in examples {
        jobs.extend(MODES.map(|m| (path.clone(), m)));
    }
    let killed = file("killed.mp");
    let text = "import multiprocessing, time\np = multiprocessing.Process(target=time.sleep, args=(60,))\n\
        p.start()\np.kill()\np.join()\n";
    std::fs::write(&killed, text).unwrap();
    jobs.extend(MODES.map(|m| (killed.clone(), m)));
    let wrong = program::all(&jobs, |(path, mode)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        let name = format!("{}_{}", &name[..name.len().min(6)], mode.replace(':', "_"));
        let to = |end: &str| file(&format!("{name}.agree.{end}"));
        let (page, trace, report) = (to("html"), to("trace"), to("json"));
        let files = [format!("--html={page}"), format!("--trace={trace}"), format!("--json={report}")];
        let mut command = Command::new(MINIPY);
        command.arg(format!("--gil={mode}")).args(&files).args([path.as_str(), "--n", "60"]);
        let o = program::run(&mut command, "", LIMIT);
        if o.code != Some(0) {
            return Err(format!("{name}: {o:?}"));
        }
        agree(&name, &[&page, &trace, &report])
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pages_of_comparisons_add_up() {
    let page = file("compare.html");
    let program = file("compare.mp");
    let text = "import threading\nn = 0\nm = threading.Lock()\ndef f():\n    global n\n    for i in range(300):\n        \
        with m: n += 1\nts = [threading.Thread(target=f) for _ in range(3)]\nfor t in ts: t.start()\n\
        for t in ts: t.join()\nprint(n)\n";
    std::fs::write(&program, text).unwrap();
    let mut command = Command::new(MINIPY);
    command.args([
        "compare",
        "--modes=py310,py32,py2,ticks:97,ticks:7,off",
        &format!("--html={page}"),
        &program,
    ]);
    let o = program::run(&mut command, "", LIMIT);
    assert_eq!(o.code, Some(0), "{o:?}");
    let written = std::fs::read_to_string(&page).unwrap();
    for mode in MODES {
        assert!(written.contains(&format!("\"mode\":\"{mode}\"")), "{mode}");
    }
    agree("compare", &[&page]).unwrap();
}
