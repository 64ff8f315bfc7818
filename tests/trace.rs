//! Charts, traces and pages of real runs: they keep the rules of their viewers, agree with the report, and show what
//! the examples promise. Invariant: figures of time are never compared with fixed ones.

mod program;

use program::{MINIPY, Outcome};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const MODES: [&str; 5] = ["py310", "py32", "py2", "ticks:97", "off"];

fn minipy(args: &[&str]) -> Outcome {
    program::run(Command::new(MINIPY).args(args), "", LIMIT)
}

/// A file of that name in the test's own folder.
fn file(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("trace");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name).to_str().unwrap().to_string()
}

/// A program in the test's own folder.
fn script(name: &str, text: &str) -> String {
    let path = file(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Examples with arguments that keep them short.
fn examples() -> Vec<(String, &'static str)> {
    let mut names: Vec<String> = std::fs::read_dir("examples")
        .unwrap()
        .map(|e| e.unwrap().path().to_str().unwrap().to_string())
        .filter(|p| p.ends_with(".mp"))
        .collect();
    names.sort();
    let n = |path: &str| match &path["examples/".len()..][..2] {
        "04" => "600",
        "05" => "2",
        "06" => "20000",
        "08" => "2",
        "09" => "20",
        "10" => "4",
        _ => "200",
    };
    names.into_iter().map(|p| (p.clone(), n(&p))).collect()
}

#[test]
fn traces_keep_their_rules_and_agree_with_the_report() {
    let mut jobs = Vec::new();
    for (path, n) in examples() {
        // Long loops make many turns where these are short.
        let long = ["05", "08"].iter().any(|e| path.starts_with(&format!("examples/{e}")));
        let mode = |mode| if long && matches!(mode, "py2" | "ticks:97") { "ticks:99991" } else { mode };
        // Those with processes take a while to start them: one mode is enough.
        let modes = if path.as_str() < "examples/14" { &MODES[..] } else { &MODES[..1] };
        jobs.extend(modes.iter().map(|m| (path.clone(), n, mode(m))));
    }
    // Each run has files of its own.
    jobs.dedup();
    let wrong = program::all(&jobs, |(path, n, mode)| {
        let name = format!("{}_{}", &path["examples/".len()..][..2], mode.replace(':', "_"));
        let (trace, report) = (file(&format!("{name}.trace.json")), file(&format!("{name}.report.json")));
        let files = [format!("--trace={trace}"), format!("--json={report}")];
        // Philosophers that do not wait for each other for ever.
        let o = minipy(&["--gil", mode, &files[0], &files[1], path, "--n", n, "--safe"]);
        // Some examples end in a deadlock.
        if !matches!(o.code, Some(0 | 67)) {
            return Err(format!("{name}: {o:?}"));
        }
        let o = minipy(&["tests/trace/check.mp", &trace, &report]);
        if o.code == Some(0) { Ok(()) } else { Err(format!("{name}: {o:?}")) }
    });
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The rows of a chart by their name, without it.
fn rows(o: &Outcome) -> Vec<(String, String)> {
    let chart = o.stderr.split("timeline: ").nth(1).unwrap_or_else(|| panic!("{o:?}"));
    let ruler = chart.lines().find(|l| l.contains("+---")).unwrap();
    let begin = ruler.find('+').unwrap();
    chart
        .lines()
        .skip_while(|l| !l.contains("+---"))
        .skip(1)
        .take_while(|l| !l.starts_with("  # "))
        .map(|l| {
            let at = l.char_indices().nth(begin).map_or(l.len(), |c| c.0);
            (l[..at].trim().to_string(), l[at..].to_string())
        })
        .collect()
}

fn chart(mode: &str, path: &str, args: &[&str]) -> Outcome {
    let o = minipy(&[&["--gil", mode, "--timeline=100", path], args].concat());
    assert!(matches!(o.code, Some(0 | 67)), "{o:?}");
    assert!(o.stderr.lines().all(|l| l.chars().count() <= 100), "{}", o.stderr);
    o
}

/// The row of a thread.
fn row<'a>(rows: &'a [(String, String)], letter: &str) -> &'a str {
    let found = rows.iter().find(|(name, _)| name.split(' ').next() == Some(letter));
    &found.unwrap_or_else(|| panic!("{letter} in {rows:?}")).1
}

#[test]
fn charts_show_what_the_examples_promise() {
    // Threads take turns: while one runs the others wait.
    let hello = rows(&chart("ticks:97", "examples/01_hello_threads.mp", &["--n", "2000"]));
    for letter in ["B", "C", "D"] {
        assert!(row(&hello, letter).contains(['#', '+']) && row(&hello, letter).contains('.'), "{hello:?}");
        assert!(row(&hello, "GIL").contains(letter));
    }
    assert!(row(&hello, "A").contains('j'));
    // Sleeping threads have given up the GIL, computing ones wait for it.
    let sleeps = rows(&chart("py310", "examples/05_sleep_overlaps.mp", &["--n", "2"]));
    assert!(row(&sleeps, "B").contains("zzz") && row(&sleeps, "C").contains("zzz"), "{sleeps:?}");
    assert!(row(&sleeps, "D").contains(['.', '+', '#']) && !row(&sleeps, "D").contains('z'), "{sleeps:?}");
    // Without a GIL nobody waits for it.
    for (path, n) in examples().into_iter().filter(|(p, _)| p.as_str() < "examples/12") {
        let free = rows(&chart("off", &path, &["--n", n, "--safe"]));
        assert_eq!(free[0].0, "running", "{free:?}");
        assert!(free[1..].iter().all(|(_, r)| !r.contains('!') && !r.starts_with('.')), "{path}: {free:?}");
    }
    // With one, at most one thread runs in a column that is as long as an instruction.
    let turns = rows(&chart("ticks:5", "examples/11_gil_loop_step_by_step.mp", &["--n", "3"]));
    assert!(row(&turns, "GIL").chars().all(|c| "ABC ".contains(c)), "{turns:?}");
}

#[test]
fn charts_fit_and_repeat() {
    let many = script(
        "many.mp",
        "import sys, threading\ndef f():\n    for _ in range(50): pass\nn = int(sys.argv[1])\nfor k in \
         range(n):\n    t = threading.Thread(target=f, name=f'线程 {k}')\n    t.start()\n    t.join()\n",
    );
    for (n, width) in [(1, 40), (2, 60), (40, 80), (60, 120), (300, 80)] {
        let args = ["--gil=ticks:50", &format!("--timeline={width}"), "--color=never", &many, &n.to_string()];
        let first = minipy(&args);
        assert_eq!(first.code, Some(0), "{first:?}");
        assert!(first.stderr.lines().all(|l| minipy_grammar::display_width(l) <= width), "{}", first.stderr);
        assert_eq!(minipy(&args).stderr, first.stderr);
        let own = first.stderr.lines().filter(|l| l.contains("线程")).count();
        assert_eq!(own, if n <= 40 { n } else { 39 }, "{}", first.stderr);
        assert_eq!(first.stderr.contains(" more "), n > 40, "{}", first.stderr);
    }
    assert!(minipy(&["--timeline", "--color=always", &many, "1"]).stderr.contains("\x1b[32m#"));
    assert!(minipy(&["--timeline=12", &many, "1"]).stderr.contains("is no width"));
}

#[test]
fn children_stand_in_the_charts() {
    let forks = script(
        "forks.mp",
        "import os, threading\ndef work():\n    for _ in range(300): pass\npid = os.fork()\nif pid == 0:\n    t = \
         threading.Thread(target=work, name='inner')\n    t.start()\n    t.join()\n    os._exit(0)\nos.waitpid(pid, \
         0)\n",
    );
    for mode in MODES {
        let (trace, report) = (file("forks.json"), file("forks.report.json"));
        let args =
            ["--gil", mode, "--timeline", &format!("--trace={trace}"), &format!("--json={report}"), &forks];
        let o = minipy(&args);
        assert_eq!(o.code, Some(0), "{o:?}");
        assert!(o.stderr.contains("-- process 2, made by A"), "{mode}: {}", o.stderr);
        assert!(o.stderr.contains("B MainThread") && o.stderr.contains("C inner"), "{mode}: {}", o.stderr);
        let text = std::fs::read_to_string(&trace).unwrap();
        assert!(text.contains("\"cat\":\"fork\"") || text.contains("\"name\":\"fork\""), "{mode}");
        let checked = minipy(&["tests/trace/check.mp", &trace, &report]);
        assert_eq!(checked.code, Some(0), "{mode}: {checked:?}");
    }
}

/// The data of a page.
fn data(page: &str) -> &str {
    let begin = page.find("id=\"data\">").unwrap() + "id=\"data\">".len();
    let end = page[begin..].find("</script>").unwrap();
    &page[begin..begin + end]
}

#[test]
fn pages_need_nothing_beside_themselves() {
    let nasty = script(
        "nasty.mp",
        "import threading\ndef f(): return '</script><script>alert(1)</script><!-- & \\u2028'\nt = \
         threading.Thread(target=f, name='线程</script><b>')\nt.start()\nt.join()\n",
    );
    for mode in MODES {
        let (html, report) = (file("nasty.html"), file("nasty.json"));
        let o = minipy(&["--gil", mode, &format!("--html={html}"), &format!("--json={report}"), &nasty]);
        assert_eq!((o.code, o.stderr.as_str()), (Some(0), ""), "{o:?}");
        let page = std::fs::read_to_string(&html).unwrap();
        // Two scripts of the page's own, one element for each pair of marks.
        assert_eq!(page.matches("<script").count(), 2, "{mode}");
        assert_eq!(page.matches("</script>").count(), 2, "{mode}");
        assert!(!page.contains("<b>") && !data(&page).contains(['<', '>', '&', '\u{2028}']));
        assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("@@"));
        for word in ["src=", "href=", "@import", "url(", "fetch(", "XMLHttpRequest", "innerHTML", "eval("] {
            assert!(!page.contains(word), "{word}");
        }
        assert!(page.contains("default-src 'none'"));
        // The figures are the report's, byte for byte.
        let report = std::fs::read_to_string(&report).unwrap();
        let safe = report.trim_end().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026");
        assert!(data(&page).contains(&safe), "{mode}: {safe}");
        // It is JSON.
        let json = script("nasty.data", data(&page));
        let code = "import json, sys; d = json.load(open(sys.argv[1])); print(d['threads'][1]['name'], \
                    [round(sum(t['percent']) * 10) for t in d['threads']])";
        assert_eq!(minipy(&["-c", code, &json]).stdout, "线程</script><b> [1000, 1000]\n");
    }
}

/// What a browser makes of a page, where there is one: `MINIPY_BROWSER`, or `chromium` on the path.
fn in_a_browser(html: &str) -> Option<String> {
    let browser = std::env::var("MINIPY_BROWSER").unwrap_or("chromium".to_string());
    let out = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", &format!("file://{html}")])
        .output()
        .ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// The script of a page runs to its end: it draws the charts and fills the foot last.
#[test]
fn pages_run_to_their_end() {
    let (one, killed, all) = (file("ran.html"), file("ran.killed.html"), file("ran.compare.html"));
    let n = ["examples/02_lost_update.mp", "--", "--n", "300"];
    minipy(&[&[&format!("--html={one}")[..], "--gil=py32"], &[n[0], n[2], n[3]][..]].concat());
    minipy(&[&format!("--html={killed}"), &script("ran.mp", KILLED)]);
    minipy(&[&["compare", "--modes=py310,off", &format!("--html={all}")[..]], &n[..]].concat());
    for html in [one, killed, all] {
        assert!(std::fs::metadata(&html).is_ok_and(|m| m.len() > 10_000), "{html}");
        let Some(page) = in_a_browser(&html) else { return };
        assert!(page.contains("Made by minipy."), "the script of {html} stops halfway");
        assert!(page.matches("<canvas").count() > 1, "{html}");
    }
}

#[test]
fn comparisons_have_a_page() {
    let html = file("compare.html");
    let o = minipy(&[
        "compare",
        "--modes=py310,ticks:97,off",
        &format!("--html={html}"),
        "examples/02_lost_update.mp",
        "--",
        "--n",
        "300",
    ]);
    assert_eq!(o.code, Some(0), "{o:?}");
    assert_eq!(o.stderr, "", "no progress where there is no terminal");
    let page = std::fs::read_to_string(&html).unwrap();
    let json = script("compare.data", data(&page));
    let code = "import json, sys; d = json.load(open(sys.argv[1])); print([r['mode'] for r in d['runs']], [m['mode'] \
                for m in d['compare']['modes']], {r['clock'] for r in d['runs']})";
    let said = minipy(&["-c", code, &json]).stdout;
    let modes = "['py310', 'ticks:97', 'off']";
    assert_eq!(said, format!("{modes} {modes} {{'ns'}}\n"));
}

#[test]
fn charts_go_where_they_are_sent() {
    let quiet = script("quiet.mp", "print('out')\n");
    let text = file("chart.txt");
    let o = minipy(&["--timeline", "-o", &text, &quiet]);
    assert_eq!((o.code, o.stdout.as_str(), o.stderr.as_str()), (Some(0), "out\n", ""), "{o:?}");
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("timeline: mode py310, "));
    let o = minipy(&["--trace=/nowhere/x.json", &quiet]);
    assert_eq!((o.code, o.stdout.as_str()), (Some(1), "out\n"), "{o:?}");
    assert!(o.stderr.starts_with("minipy: can't write '/nowhere/x.json'"), "{o:?}");
}

/// A program whose children are killed, crash, or end without a word.
const KILLED: &str = "import multiprocessing, os, signal, subprocess, sys, time\n\
    def work(ready):\n    ready.set()\n    time.sleep(60)\n\
    def outer():\n    p = multiprocessing.Process(target=time.sleep, args=(60,), name='inner')\n    p.start()\n    \
    p.terminate()\n    p.join()\n\
    ready = multiprocessing.Event()\n\
    p = multiprocessing.Process(target=work, args=(ready,), name='worker')\np.start()\nready.wait()\np.kill()\np.join()\n\
    c = multiprocessing.Process(target=os.abort, name='crash')\nc.start()\nc.join()\n\
    o = multiprocessing.Process(target=outer, name='outer')\no.start()\no.join()\n\
    e = os.fork()\nif e == 0: os._exit(3)\nos.waitpid(e, 0)\n\
    s = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\ns.send_signal(signal.SIGUSR1)\ns.wait()\n\
    n = os.fork()\nif n == 0: time.sleep(60)\nos.kill(n, signal.SIGTERM)\n\
    os.waitid(os.P_PID, n, os.WEXITED | os.WNOWAIT)\n";

#[test]
fn processes_that_were_killed_have_their_rows() {
    let program = script("killed.mp", KILLED);
    for mode in ["py310", "ticks:97", "off"] {
        let (trace, html, json) = (file("killed.json"), file("killed.html"), file("killed.report.json"));
        let files = [format!("--trace={trace}"), format!("--html={html}"), format!("--json={json}")];
        let o = minipy(
            &[
                &["--gil", mode, "--timeline=100", "--report=gil,procs"],
                &files.each_ref().map(|f| f.as_str())[..],
                &[&program],
            ]
            .concat(),
        );
        assert_eq!(o.code, Some(0), "{o:?}");
        let page = std::fs::read_to_string(&html).unwrap();
        let written = std::fs::read_to_string(&trace).unwrap();
        let fates = ["SIGKILL", "SIGABRT", "SIGTERM", "SIGUSR1", "SIGTERM"];
        for signal in fates {
            let how = format!("killed by {signal}");
            let times = fates.iter().filter(|s| **s == signal).count();
            assert_eq!(o.stderr.matches(&how).count(), times, "{mode}: {}", o.stderr);
            assert_eq!(written.matches(&how).count(), times, "{mode}: {how}");
            assert_eq!(page.matches(&format!("\"fate\":\"{how}\"")).count(), times, "{mode}: {how}");
            assert!(o.stderr.contains(&format!(" {signal}\n")), "{mode}: {}", o.stderr);
        }
        // The one that left by itself, and the one in between, handed in what they recorded.
        assert_eq!(o.stderr.matches("-- process ").count(), 7, "{mode}: {}", o.stderr);
        let lines: Vec<&str> = o.stderr.lines().collect();
        for name in ["worker, made by A", "crash, made by A", "inner, made by "] {
            let at = lines.iter().position(|l| l.starts_with("  -- process ") && l.contains(name)).unwrap();
            assert!(
                lines[at + 1].contains(" MainThread ") && lines[at + 1].contains('?'),
                "{mode}: {}",
                o.stderr
            );
        }
        let o = minipy(&["tests/trace/check.mp", &trace, &json]);
        assert_eq!(o.code, Some(0), "{o:?}");
    }
}
