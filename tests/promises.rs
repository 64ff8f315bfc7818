//! Each example shows under `ticks` what its comment promises. A promise is a sentence of the comment, an observer that
//! shows it, and a rule for what must be seen. What is printed stands in `tests/golden/examples`: all of it where
//! instructions measure time; where sleeps, native calls or processes take their time, without figures of time, and of
//! the chart the names of the rows. `MINIPY_BLESS=1` writes it anew. Invariant: rules hold however busy the machine is.

mod program;

use program::{MINIPY, Outcome};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A sentence of an example's comment and how to see that it is true.
struct Promise {
    example: &'static str,
    words: &'static str,
    options: &'static str,
    args: &'static str,
    seen: fn(&Seen),
}

/// What a run said.
struct Seen {
    stdout: String,
    stderr: String,
    rows: Vec<Row>,
}

/// A row of a chart.
struct Row {
    /// Number of its process, from 1.
    process: usize,
    name: String,
    cells: Vec<char>,
}

impl Seen {
    fn new(o: &Outcome) -> Seen {
        let mut rows = Vec::new();
        let chart = o.stderr.split("timeline: ").nth(1).unwrap_or("");
        let mut lines = chart.lines().skip_while(|l| !l.contains("+---"));
        let begin = lines.next().map_or(0, |ruler| ruler.find('+').unwrap());
        let mut process = 1;
        for line in lines.take_while(|l| !l.starts_with("  # ")) {
            if line.starts_with("  -- process ") {
                process += 1;
                continue;
            }
            let name: String = line.chars().take(begin).collect();
            let cells = line.chars().skip(begin).collect();
            rows.push(Row { process, name: name.trim().to_string(), cells });
        }
        Seen { stdout: o.stdout.clone(), stderr: o.stderr.clone(), rows }
    }

    /// The cells of the row with that name or letter.
    fn row(&self, name: &str) -> &[char] {
        let found = self.rows.iter().find(|r| r.name == name || r.name.split(' ').next() == Some(name));
        &found.unwrap_or_else(|| panic!("no row {name}: {}", self.stderr)).cells
    }

    /// The rows of a process.
    fn of(&self, process: usize) -> Vec<&Row> {
        self.rows.iter().filter(|r| r.process == process).collect()
    }

    fn processes(&self) -> usize {
        self.rows.last().map_or(0, |r| r.process)
    }

    /// The main thread of a process.
    fn main(&self, process: usize) -> &[char] {
        let rows = self.of(process);
        assert_eq!(rows[0].name, "GIL", "a process has a GIL of its own: {}", self.stderr);
        &rows[1].cells
    }

    /// In how many columns each of the rows shows one of the characters that stand with it.
    fn together(&self, all: &[(&[char], &str)]) -> usize {
        let shows = |c: usize, (row, marks): &(&[char], &str)| row.get(c).is_some_and(|r| marks.contains(*r));
        (0..200).filter(|c| all.iter().all(|one| shows(*c, one))).count()
    }

    fn says(&self, what: &str) {
        assert!(self.stdout.contains(what), "{what:?} in {}{}", self.stdout, self.stderr);
    }

    fn holds(&self, what: bool) {
        assert!(what, "{}{}", self.stdout, self.stderr);
    }

    /// The figures of a line that begins like that.
    fn figures(&self, begin: &str) -> Vec<f64> {
        let line = self.stdout.lines().find(|l| l.trim_start().starts_with(begin));
        let line = line.unwrap_or_else(|| panic!("no line {begin}: {}", self.stdout));
        let words = line.split(|c: char| !c.is_ascii_digit() && c != '.');
        words.filter_map(|w| w.trim_matches('.').parse().ok()).collect()
    }
}

/// How often a row shows one of the marks.
fn count(row: &[char], marks: &str) -> usize {
    row.iter().filter(|c| marks.contains(**c)).count()
}

/// The longest stretch of a mark: its columns.
fn longest(row: &[char], mark: char) -> std::ops::Range<usize> {
    let mut best = 0..0;
    let mut from = 0;
    for (i, c) in row.iter().chain(&['\0']).enumerate() {
        if *c != mark {
            best = if i - from > best.len() { from..i } else { best };
            from = i + 1;
        }
    }
    best
}

const PROMISES: &[Promise] = &[
    Promise {
        example: "01_hello_threads",
        words: "While one computes, the others wait for the GIL; they take turns.",
        // As on a terminal, each line is written at once.
        options: "-u --gil=ticks:97 --timeline",
        args: "--n 300",
        seen: |s| {
            for (one, a, b) in [("B", "C", "D"), ("C", "B", "D"), ("D", "B", "C")] {
                s.holds(
                    s.together(&[
                        (s.row("GIL"), one),
                        (s.row(one), "#+"),
                        (s.row(a), ".+"),
                        (s.row(b), ".+"),
                    ]) > 1,
                );
            }
            s.holds(s.together(&[(s.row("B"), "#"), (s.row("C"), "#")]) == 0);
        },
    },
    Promise {
        example: "01_hello_threads",
        words: "each thread has ended before the next one starts",
        options: "--gil=ticks:99991 --timeline",
        args: "--n 1000",
        seen: |s| s.holds(s.together(&[(s.row("B"), "#"), (s.row("C"), "#.+")]) == 0),
    },
    Promise {
        example: "04_cpu_bound_threads",
        words: "the ratio of the two times. With the GIL it is near 1.0",
        options: "--gil=ticks:997 --timeline --report=gil",
        args: "--n 3000",
        seen: |s| {
            // By instructions: one thread needs as many columns as two that take turns.
            let (both, alone) = (s.row("B").len() - count(s.row("B"), " "), count(s.row("A"), "#"));
            s.holds(alone.abs_diff(both) < 4);
            s.holds(s.together(&[(s.row("B"), "#"), (s.row("C"), "#")]) == 0);
        },
    },
    Promise {
        example: "05_sleep_overlaps",
        words: "ten waits take as long as one. Ten computations take as long as ten.",
        options: "--gil=ticks:99991 --timeline",
        args: "",
        seen: |s| {
            let rows: Vec<&[char]> = "B C D E F G H I J K".split(' ').map(|l| s.row(l)).collect();
            let asleep = |c: usize| rows.iter().filter(|r| r.get(c) == Some(&'z')).count();
            s.holds((0..80).filter(|c| asleep(*c) > 6).count() >= 3);
            s.holds(rows.iter().all(|r| count(r, "#.+") <= 3));
            // Those that compute never sleep, and no two run for most of a column, but where they begin or end in it.
            let rows: Vec<&[char]> = "L M N O P Q R S T U".split(' ').map(|l| s.row(l)).collect();
            s.holds(rows.iter().all(|r| count(r, "z") == 0 && count(r, ".+") > 0));
            let all = rows.concat();
            s.holds(count(&all, ".+") > count(&all, "#"));
            let busy = |c: usize| rows.iter().filter(|r| r.get(c) == Some(&'#')).count();
            s.holds((0..80).filter(|c| busy(*c) > 1).count() <= 3);
            let together = s.figures("10 sleeps")[1];
            s.holds(together < s.figures("10 sleeps")[2] / 2.0);
        },
    },
    Promise {
        example: "06_native_call_holds_gil",
        words: "a second thread that only wants to tick stands still",
        options: "--gil=ticks:97 --timeline",
        args: "--n 300000",
        seen: |s| {
            // The calls are the longest stretch in which the main thread runs after its sleep.
            let slept = s.row("A").iter().position(|c| *c == 'z').unwrap();
            let run = longest(&s.row("A")[slept..], '#');
            s.holds(run.len() >= 10);
            let inside = slept + run.start + 1..slept + run.end - 1;
            // It may wake late where others keep the processors busy, but run it cannot.
            let beside = &s.row("B")[inside.clone()];
            s.holds(count(beside, "z.") == beside.len() && count(beside, ".") >= 3);
            s.holds(s.row("GIL")[inside].iter().all(|c| *c == 'A'));
            let calls = s.figures("sorted()");
            s.holds(s.figures("the longest gap")[0] > calls[0].max(calls[1]) / 2.0);
        },
    },
    Promise {
        example: "08_convoy",
        words: "each time the waiting thread wakes it must get the GIL back",
        options: "--gil=ticks:4999999 --timeline",
        args: "--n 8",
        seen: |s| {
            // Alone it sleeps, and never waits for the GIL; beside the other one that is nearly all it does.
            let starts = s.row("B").iter().position(|c| *c != ' ').unwrap();
            s.holds(count(&s.row("A")[..starts.saturating_sub(2)], ".+") == 0);
            s.holds(s.together(&[(s.row("A"), ".+"), (s.row("B"), "#+")]) >= 20);
            s.holds(
                s.together(&[(s.row("A"), ".+"), (s.row("GIL"), "B")]) > count(&s.row("A")[starts..], "z"),
            );
        },
    },
    Promise {
        example: "14_processes",
        words: "they compute at the same time whatever the GIL mode",
        options: "--gil=ticks:97 --timeline",
        args: "",
        seen: |s| {
            s.holds(s.processes() == 4);
            let pairs = [(2, 3), (3, 4), (2, 4)];
            s.holds(pairs.iter().any(|(a, b)| s.together(&[(s.main(*a), "#"), (s.main(*b), "#")]) >= 3));
            s.holds((2..5).all(|p| s.together(&[(s.main(1), "i"), (s.main(p), "#")]) >= 1));
            s.says("exit codes [0, 1, 2]; here the counter is still 0");
            s.holds(s.stdout.matches("I counted to 10000000").count() == 3);
        },
    },
    Promise {
        example: "15_pool_of_processes",
        words: "more than one process worked, and nothing had to be locked",
        options: "--gil=ticks:97 --timeline",
        args: "",
        seen: |s| {
            s.holds(s.processes() == 3);
            s.holds(s.together(&[(s.main(2), "#"), (s.main(3), "#")]) >= 3);
            s.holds([2, 3].iter().all(|p| count(s.main(*p), "L.") == 0));
            s.says("33860 primes in all");
        },
    },
    Promise {
        example: "16_queue_between_processes",
        words: "every item is taken exactly once, by whoever is free",
        options: "--gil=ticks:97 --timeline",
        args: "--n 5000",
        seen: |s| {
            s.holds(s.processes() == 4);
            // Consumers wait for what comes out of the pipe, while the producer is there.
            let with = |p: usize| s.together(&[(s.main(p), "#+.Liqj"), (s.main(4), "#+.Liqj")]);
            s.holds(with(2) + with(3) >= 1);
            s.holds(count(s.main(2), "iL") + count(s.main(3), "iL") > 0);
            let took: f64 = s
                .stdout
                .lines()
                .filter(|l| l.contains(" took "))
                .map(|l| l.split(' ').nth(3).unwrap().parse::<f64>().unwrap())
                .sum();
            s.holds(took == 5000.0);
            s.says("the sum of all squares is 41654167500; it should be 41654167500\n");
            s.says("queue() is for threads");
        },
    },
    Promise {
        example: "17_pipe",
        words: "recv() waits",
        options: "--gil=ticks:97 --timeline --report=gil",
        args: "--n 3000",
        seen: |s| {
            // Here and there wait in turn; the report's last column but one is io%.
            let line = s.stderr.lines().find(|l| l.starts_with("  A MainThread ")).unwrap();
            let share = line.split_whitespace().rev().nth(1).and_then(|w| w.parse::<f64>().ok());
            s.holds(share.unwrap() >= 2.0 && s.processes() == 2);
            s.holds(s.together(&[(s.main(1), "#i"), (s.main(2), "#i")]) >= 3);
            s.says("the number went 3000 times there and back and is 3000\n");
        },
    },
    Promise {
        example: "18_shared_memory",
        words: "the processes run truly at the same time",
        options: "--gil=ticks:97 --timeline",
        args: "",
        seen: |s| {
            s.holds(s.processes() == 5);
            s.holds(s.together(&[(s.main(2), "#"), (s.main(3), "#")]) >= 3);
            s.holds(s.together(&[(s.main(4), "#"), (s.main(5), "#")]) >= 3);
            s.says("locked: 0 of 400000 lost");
        },
    },
    Promise {
        example: "19_manager",
        words: "each call on a proxy is a message there and an answer back",
        options: "--gil=ticks:97 --timeline",
        args: "--n 60",
        seen: |s| {
            s.holds(s.processes() == 5 && s.stderr.contains("-- process 2 SyncManager-1, made by A\n"));
            // The manager has a thread for each connection; who calls waits for its answer.
            s.holds(
                s.of(2).iter().filter(|r| r.name.contains("(handle") || r.name.contains("Process-")).count()
                    >= 3,
            );
            s.holds((3..6).map(|p| count(s.main(p), "i")).sum::<usize>() >= 3);
            s.says(
                "counted 180 of 180 words: {'lock': 60, 'pipe': 60, 'queue': 60}\nended: ['X', 'Y', 'Z']\n",
            );
            s.says("0 here, still some there");
        },
    },
    Promise {
        example: "20_threads_or_processes",
        words: "two processes take half",
        options: "--gil=ticks:9973 --timeline",
        args: "--n 30000000",
        seen: |s| {
            // Threads share one GIL, processes have each its own.
            let (b, c) = (s.row("B"), s.row("C"));
            s.holds(s.processes() == 3 && s.together(&[(b, "#"), (c, "#")]) <= 2);
            s.holds(s.together(&[(b, ".+"), (c, "#+")]) + s.together(&[(b, "#+"), (c, ".+")]) >= 3);
            s.holds(s.together(&[(s.main(2), "#"), (s.main(3), "#")]) >= 3);
            s.says("the results are the same\n");
        },
    },
    Promise {
        example: "21_pipeline",
        words: "Waiting for a child leaves the other threads of this program running",
        options: "--gil=ticks:97 --timeline",
        args: "--n 3000000",
        seen: |s| {
            s.holds(s.together(&[(s.row("A"), "i"), (s.row("B"), "#"), (s.row("GIL"), "B")]) >= 2);
            s.says("numbers up to 3000000 with a 7 in them: 1405677\nexit codes: 0 0\nthe counter moved meanwhile: True\n");
        },
    },
    Promise {
        example: "22_socket_server",
        words: "a client that asks for much does not keep the others waiting",
        options: "--gil=ticks:97 --timeline",
        args: "--n 200000",
        seen: |s| {
            // Clients are processes 2 to 5, those that answer them 6 to 9.
            s.holds(s.processes() == 9);
            let pairs = (6..10).flat_map(|a| (a + 1..10).map(move |b| (a, b)));
            s.holds(
                pairs.filter(|(a, b)| s.together(&[(s.main(*a), "#"), (s.main(*b), "#")]) >= 2).count() >= 1,
            );
            s.holds((2..6).all(|p| count(s.main(p), "i") > count(s.main(p), "#")));
            s.says("4 processes answered 12 questions; handlers counted up to 3,\nin the server asked = 0\n");
        },
    },
    Promise {
        example: "22_socket_server",
        words: "`asked` stays 0 in the server unless threads share it",
        options: "--gil=ticks:97 --timeline",
        args: "--threads --n 200000",
        seen: |s| {
            s.holds(
                s.processes() == 5 && s.of(1).iter().filter(|r| r.name.ends_with(" (handle)")).count() == 4,
            );
            s.says("1 process answered 12 questions; handlers counted up to 12,\nin the server asked = 12\n");
        },
    },
];

/// Figures that differ from run to run: those of time, numbers of processes, and how much of what could be lost was.
fn masked(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut words: Vec<String> = Vec::new();
        for word in line.split(' ') {
            let before = words.last().map_or("", String::as_str);
            let lost = before == "bare:";
            let bare = word.trim_end_matches([',', ':', ';']);
            let figure = bare.chars().all(|c| c.is_ascii_digit() || c == '.') && bare != "...";
            let changes = bare.contains('.') || matches!(before, "pid" | "process") || lost;
            words.push(if figure && changes && !bare.is_empty() {
                word.replace(bare, "#")
            } else {
                word.to_string()
            });
        }
        out.push_str(&words.join(" "));
        out.push('\n');
    }
    out
}

/// What is compared of a run.
fn told(p: &Promise, s: &Seen) -> String {
    let mut lines: Vec<String> = masked(&s.stdout).lines().map(String::from).collect();
    let counts = s.stderr.contains(" instructions; a column is ");
    if !counts {
        // Processes print when they can, and share work as it comes.
        lines.iter_mut().for_each(|l| {
            if l.contains(" counted by process ") {
                l.replace_range(l.len() - 1.., "A or B");
            } else if l.starts_with("process # took ") {
                *l = "process # took # items".to_string();
            }
        });
        if p.example.starts_with("14") {
            lines.sort();
        }
    }
    if counts {
        lines.extend(s.stderr.lines().map(String::from));
    } else {
        for process in 1..=s.processes() {
            let names = s.of(process).into_iter().map(|r| r.name.as_str());
            lines.push(match p.example.starts_with("19") {
                // How many threads a server of many connections has had, and so the letters, is not fixed.
                true => format!(
                    "process {process}: GIL{}",
                    ", MainThread".repeat(names.filter(|n| n.ends_with("MainThread")).count())
                ),
                false => format!("process {process}: {}", names.collect::<Vec<_>>().join(", ")),
            });
        }
    }
    lines.join("\n") + "\n"
}

fn command(p: &Promise) -> String {
    format!("minipy {} {}.mp {}", p.options, p.example, p.args).trim_end().to_string()
}

fn check(p: &Promise) -> Result<String, String> {
    let mut command = Command::new(MINIPY);
    command.current_dir("examples").args(p.options.split_whitespace()).arg(format!("{}.mp", p.example));
    let o = program::run(command.args(p.args.split_whitespace()), "", LIMIT);
    if o.code != Some(0) {
        return Err(format!("{o:?}"));
    }
    if let Some(l) = o.stdout.lines().chain(o.stderr.lines()).find(|l| minipy_grammar::display_width(l) > 80)
    {
        return Err(format!("wider than 80 columns: {l}"));
    }
    let s = Seen::new(&o);
    (p.seen)(&s);
    Ok(told(p, &s))
}

#[test]
fn examples_show_what_their_comments_promise() {
    let only = std::env::var("MINIPY_ONLY").unwrap_or_default();
    let all: Vec<&Promise> = PROMISES.iter().filter(|p| p.example.contains(&only)).collect();
    let got = std::sync::Mutex::new(vec![String::new(); all.len()]);
    let jobs: Vec<usize> = (0..all.len()).collect();
    let mut wrong = program::all(&jobs, |i| {
        let p = all[*i];
        let text = std::fs::read_to_string(format!("examples/{}.mp", p.example)).unwrap();
        let comment: Vec<&str> = text.split("\"\"\"").nth(1).unwrap().split_whitespace().collect();
        if !comment.join(" ").contains(p.words) {
            return Err(format!("{}: its comment does not promise {:?}", p.example, p.words));
        }
        let run = std::panic::catch_unwind(|| check(p)).unwrap_or_else(|why| {
            Err(why.downcast_ref::<String>().cloned().unwrap_or_else(|| "a rule is broken".to_string()))
        });
        let told = run.map_err(|why| format!("{}: {:?} does not show: {why}", p.example, p.words))?;
        got.lock().unwrap()[*i] = format!("$ {}\n{told}shows: {}\n", command(p), p.words);
        Ok(())
    });
    let folder = Path::new("tests/golden/examples");
    let got = got.into_inner().unwrap();
    for (i, p) in all.iter().enumerate().filter(|(i, p)| *i == 0 || all[i - 1].example != p.example) {
        let text: String =
            (i..all.len()).filter(|k| all[*k].example == p.example).map(|k| got[k].as_str()).collect();
        let path = folder.join(format!("{}.golden", p.example));
        if std::env::var_os("MINIPY_BLESS").is_some() {
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(&path, &text).unwrap();
        } else if wrong.is_empty() && std::fs::read_to_string(&path).unwrap_or_default() != text {
            wrong.push((i, format!("not as in {}:\n{text}", path.display())));
        }
    }
    let wrong: Vec<String> = wrong.into_iter().map(|(_, why)| why).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
