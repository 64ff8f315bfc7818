//! The command line: words to a job. Invariant: whatever this version does not do is refused by name with one line,
//! never taken silently; all words behind the program belong to the script.

use super::options;
use crate::run::gil::Mode;
use crate::run::show::nearest;
use crate::trace::timeline;
use lexopt::{Arg, Parser};
use std::ffi::OsString;
use std::time::Duration;

/// What runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Program {
    /// A file.
    File(String),
    /// `-c`.
    Code(String),
    /// `-m`.
    Module(String),
    /// `-`, or standard input that is no terminal.
    Stdin,
    /// Statements typed one by one.
    Prompt,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// On a terminal, unless NO_COLOR says otherwise.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a deadlock leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDeadlock {
    /// It is reported; the process ends when nothing can run.
    Report,
    /// It is reported and the process ends.
    Exit,
    /// The thread that closes the circle gets an exception.
    Raise,
    /// Nothing.
    Off,
}

/// A run of a program.
#[derive(Clone, Debug)]
pub struct Run {
    /// What runs.
    pub program: Program,
    /// `sys.argv[1:]`.
    pub args: Vec<String>,
    /// GIL mode.
    pub mode: Mode,
    /// `-i`.
    pub inspect: bool,
    /// `-u`.
    pub unbuffered: bool,
    /// `--report=gil`.
    pub report: bool,
    /// `--report=locks`.
    pub locks: bool,
    /// `--report=procs`.
    pub procs: bool,
    /// `--report=exit`.
    pub exit: bool,
    /// `--on-deadlock`.
    pub on_deadlock: OnDeadlock,
    /// `--tag`.
    pub tag: bool,
    /// `--narrate`.
    pub narrate: bool,
    /// `--json=FILE`.
    pub json: Option<String>,
    /// `--timeline[=COLS]`: its width, if given.
    pub timeline: Option<Option<usize>>,
    /// `--trace=FILE`.
    pub trace: Option<String>,
    /// `--html=FILE`.
    pub html: Option<String>,
    /// `-o FILE`.
    pub output: Option<String>,
    /// `--timeout`.
    pub timeout: Option<Duration>,
    /// `--max-heap`.
    pub max_heap: Option<usize>,
    /// `--color`.
    pub color: Color,
    /// `--py2`.
    pub old: bool,
    /// `--pasted`.
    pub pasted: bool,
}

impl Run {
    /// A run without options.
    pub fn of(program: Program) -> Run {
        Run {
            program,
            args: Vec::new(),
            mode: Mode::Py310,
            inspect: false,
            unbuffered: false,
            report: false,
            locks: false,
            procs: false,
            exit: false,
            on_deadlock: OnDeadlock::Report,
            tag: false,
            narrate: false,
            json: None,
            timeline: None,
            trace: None,
            html: None,
            output: None,
            timeout: None,
            max_heap: None,
            color: Color::Auto,
            old: false,
            pasted: false,
        }
    }

    /// The options, but for the GIL mode, that processes started by the program get too.
    pub fn inherited(&self) -> Vec<String> {
        let color = match self.color {
            Color::Auto => None,
            Color::Always => Some("--color=always".to_string()),
            Color::Never => Some("--color=never".to_string()),
        };
        let old = self.old.then(|| "--py2".to_string());
        color.into_iter().chain(old).chain(self.max_heap.map(|bytes| format!("--max-heap={bytes}"))).collect()
    }
}

/// `minipy compare`.
#[derive(Clone, Debug)]
pub struct Compare {
    /// The script.
    pub file: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// The modes, in order.
    pub modes: Vec<Mode>,
    /// Runs in each.
    pub repeat: u32,
    /// `--json=FILE`.
    pub json: Option<String>,
    /// `--html=FILE`.
    pub html: Option<String>,
    /// `--expect-same`.
    pub expect_same: bool,
    /// `--timeout`, for each run.
    pub timeout: Option<Duration>,
    /// `--color`.
    pub color: Color,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum Job {
    /// Run a program.
    Run(Box<Run>),
    /// Run it in several GIL modes.
    Compare(Box<Compare>),
    /// List its instructions.
    Dis(String),
    /// What of a statement no other thread can come between.
    Atomic(String),
    /// Print the text of a file repaired.
    Fix(String),
    /// A short text.
    Help(Option<String>),
    /// `-h`.
    Usage,
    /// `--help`.
    LongUsage,
    /// `-V`.
    Version,
}

/// What surrounds the command line.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// MINIPY_GIL.
    pub minipy_gil: Option<String>,
    /// PYTHON_GIL.
    pub python_gil: Option<String>,
    /// Whether standard input is a terminal.
    pub terminal: bool,
}

const COMMANDS: [&str; 5] = ["compare", "dis", "atomic", "fix", "help"];
const OTHER_COMMANDS: [&str; 3] = ["explore", "step", "replay"];
const OTHER_OPTIONS: [&str; 6] = ["seed", "record", "replay", "race", "expect", "explore"];

/// A fault of the command line: one line.
pub type Wrong = String;

fn text(word: OsString) -> Result<String, Wrong> {
    word.into_string().map_err(|w| format!("an argument is not UTF-8: {}", w.to_string_lossy()))
}

fn texts(parser: &mut Parser) -> Result<Vec<String>, Wrong> {
    parser.raw_args().map_err(|e| e.to_string())?.map(text).collect()
}

fn value(parser: &mut Parser) -> Result<String, Wrong> {
    text(parser.value().map_err(|e| e.to_string())?)
}

fn mode(text: &str, from: &str) -> Result<Mode, Wrong> {
    Mode::parse(text).ok_or_else(|| {
        format!(
            "{from}: '{text}' is no GIL mode; it is py310, py32, py2, ticks[:N], off or a version such as 3.8"
        )
    })
}

fn default_mode(around: &Around) -> Result<Mode, Wrong> {
    if let Some(m) = around.minipy_gil.as_ref().filter(|m| !m.is_empty()) {
        return mode(m, "MINIPY_GIL");
    }
    match around.python_gil.as_deref() {
        None | Some("" | "1") => Ok(Mode::Py310),
        Some("0") => Ok(Mode::Off),
        Some(other) => Err(format!("PYTHON_GIL must be 0 or 1, not '{other}'")),
    }
}

fn seconds(text: &str) -> Result<Duration, Wrong> {
    let n: Option<f64> = text.parse().ok();
    n.filter(|n| *n > 0.0)
        .and_then(|n| Duration::try_from_secs_f64(n).ok())
        .ok_or_else(|| format!("--timeout: '{text}' is no number of seconds"))
}

fn size(text: &str) -> Result<usize, Wrong> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(['k', 'm', 'g', 'b', 'i']);
    let unit: Option<usize> = match lower[digits.len()..].trim_end_matches("ib").trim_end_matches('b') {
        "" => Some(1),
        "k" => Some(1 << 10),
        "m" => Some(1 << 20),
        "g" => Some(1 << 30),
        _ => None,
    };
    let bytes = digits.parse::<usize>().ok().and_then(|n| n.checked_mul(unit?));
    bytes
        .filter(|n| *n >= 1 << 20)
        .ok_or_else(|| format!("--max-heap: '{text}' is no size of 1m or more, such as 64m"))
}

fn columns(text: String) -> Result<usize, Wrong> {
    let n = text.parse().ok().filter(|n| (timeline::LEAST..=10_000).contains(n));
    n.ok_or_else(|| format!("--timeline: '{text}' is no width from {} to 10000", timeline::LEAST))
}

fn color(text: &str) -> Result<Color, Wrong> {
    match text {
        "auto" => Ok(Color::Auto),
        "always" => Ok(Color::Always),
        "never" => Ok(Color::Never),
        _ => Err(format!("--color: '{text}' is not auto, always or never")),
    }
}

fn on_deadlock(text: &str) -> Result<OnDeadlock, Wrong> {
    match text {
        "report" => Ok(OnDeadlock::Report),
        "exit" => Ok(OnDeadlock::Exit),
        "raise" => Ok(OnDeadlock::Raise),
        "off" => Ok(OnDeadlock::Off),
        _ => Err(format!("--on-deadlock: '{text}' is not report, exit, raise or off")),
    }
}

impl Run {
    /// Whether any report is asked for as text.
    pub fn reports(&self) -> bool {
        self.report || self.locks || self.procs || self.exit
    }
}

fn unknown(name: &str) -> Wrong {
    if OTHER_OPTIONS.contains(&name) {
        return format!("this version has no option --{name}");
    }
    match nearest(name, options::names()) {
        Some(hint) => format!("unknown option '--{name}'; did you mean '--{hint}'?"),
        None => format!("unknown option '--{name}' (see minipy -h)"),
    }
}

fn unexpected(arg: Arg) -> Wrong {
    match arg {
        Arg::Long(name) => unknown(name),
        Arg::Short(c) => format!("unknown option '-{c}' (see minipy -h)"),
        Arg::Value(v) => format!("unexpected argument '{}'", v.to_string_lossy()),
    }
}

/// Reads the words of a command line, the program's own name left out.
pub fn parse(words: Vec<OsString>, around: &Around) -> Result<Job, Wrong> {
    let mut parser = Parser::from_args(words);
    let mut run = Run::of(Program::Prompt);
    let mut asked: Option<Mode> = None;
    let mut program = None;
    let mut first = true;
    while program.is_none() {
        let Some(arg) = parser.next().map_err(|e| e.to_string())? else { break };
        match arg {
            Arg::Short('h') => return Ok(Job::Usage),
            Arg::Long("help") => return Ok(Job::LongUsage),
            Arg::Short('V') | Arg::Long("version") => return Ok(Job::Version),
            Arg::Short('c') => program = Some(Program::Code(value(&mut parser)?)),
            Arg::Short('m') => program = Some(Program::Module(value(&mut parser)?)),
            Arg::Short('i') => run.inspect = true,
            Arg::Short('u') => run.unbuffered = true,
            Arg::Short('o') => run.output = Some(value(&mut parser)?),
            Arg::Long("gil") => asked = Some(mode(&value(&mut parser)?, "--gil")?),
            Arg::Long("no-gil") => asked = Some(Mode::Off),
            Arg::Long("report") => {
                let what = parser.optional_value().map(text).transpose()?;
                for what in what.as_deref().unwrap_or("gil").split(',') {
                    match what {
                        "gil" => run.report = true,
                        "locks" => run.locks = true,
                        "procs" => run.procs = true,
                        "exit" => run.exit = true,
                        "all" => (run.report, run.locks, run.procs, run.exit) = (true, true, true, true),
                        _ => {
                            return Err(format!(
                                "--report: '{what}' is no report; there are gil, locks, procs, exit and all"
                            ));
                        }
                    }
                }
            }
            Arg::Long("py2") => run.old = true,
            Arg::Long("pasted") => run.pasted = true,
            Arg::Long("tag") => run.tag = true,
            Arg::Long("narrate") => run.narrate = true,
            Arg::Long("on-deadlock") => run.on_deadlock = on_deadlock(&value(&mut parser)?)?,
            Arg::Long("json") => run.json = Some(value(&mut parser)?),
            Arg::Long("timeline") => {
                run.timeline = Some(parser.optional_value().map(text).transpose()?.map(columns).transpose()?);
            }
            Arg::Long("trace") => run.trace = Some(value(&mut parser)?),
            Arg::Long("html") => run.html = Some(value(&mut parser)?),
            Arg::Long("timeout") => run.timeout = Some(seconds(&value(&mut parser)?)?),
            Arg::Long("max-heap") => run.max_heap = Some(size(&value(&mut parser)?)?),
            Arg::Long("color") => run.color = color(&value(&mut parser)?)?,
            Arg::Value(word) => {
                let word = text(word)?;
                if COMMANDS.contains(&word.as_str()) {
                    if !first {
                        return Err(format!("options of '{word}' stand after it: minipy {word} ..."));
                    }
                    return command(&word, &mut parser);
                }
                if OTHER_COMMANDS.contains(&word.as_str()) {
                    return Err(format!(
                        "this version has no command '{word}' (a file of that name: ./{word})"
                    ));
                }
                program = Some(if word == "-" { Program::Stdin } else { Program::File(word) });
            }
            other => return Err(unexpected(other)),
        }
        first = false;
    }
    run.program = match program {
        Some(p) => {
            run.args = texts(&mut parser)?;
            p
        }
        None if around.terminal || run.inspect => Program::Prompt,
        None => Program::Stdin,
    };
    run.mode = match asked {
        Some(m) => m,
        None => default_mode(around)?,
    };
    if run.output.is_some() && !run.reports() && run.timeline.is_none() && !run.narrate {
        return Err("-o FILE names the file of a report: add --report, --timeline or --narrate".to_string());
    }
    Ok(Job::Run(Box::new(run)))
}

fn command(word: &str, parser: &mut Parser) -> Result<Job, Wrong> {
    match word {
        "compare" => compare(parser),
        "dis" => {
            let [file] = words::<1>(parser, "minipy dis FILE")?;
            Ok(Job::Dis(file))
        }
        "atomic" => {
            let [text] = words::<1>(parser, "minipy atomic 'STATEMENT'")?;
            Ok(Job::Atomic(text))
        }
        "fix" => {
            let [file] = words::<1>(parser, "minipy fix FILE")?;
            Ok(Job::Fix(file))
        }
        _ => match parser.next().map_err(|e| e.to_string())? {
            None => Ok(Job::Help(None)),
            Some(Arg::Value(topic)) => Ok(Job::Help(Some(text(topic)?))),
            Some(other) => Err(unexpected(other)),
        },
    }
}

/// Exactly `N` words.
fn words<const N: usize>(parser: &mut Parser, usage: &str) -> Result<[String; N], Wrong> {
    let mut out = Vec::new();
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Arg::Value(v) => out.push(text(v)?),
            other => return Err(unexpected(other)),
        }
    }
    out.try_into().map_err(|_| format!("usage: {usage}"))
}

fn compare(parser: &mut Parser) -> Result<Job, Wrong> {
    let mut job = Compare {
        file: String::new(),
        args: Vec::new(),
        modes: vec![Mode::Py310, Mode::Py32, Mode::Ticks(97), Mode::Off],
        repeat: 1,
        json: None,
        html: None,
        expect_same: false,
        timeout: None,
        color: Color::Auto,
    };
    while let Some(arg) = parser.next().map_err(|e| e.to_string())? {
        match arg {
            Arg::Long("modes") => {
                let list = value(parser)?;
                job.modes = list.split(',').map(|m| mode(m.trim(), "--modes")).collect::<Result<_, _>>()?;
            }
            Arg::Long("repeat") => {
                let n = value(parser)?;
                job.repeat = n
                    .parse()
                    .ok()
                    .filter(|n| (1..=1000).contains(n))
                    .ok_or_else(|| format!("--repeat: '{n}' is no number from 1 to 1000"))?;
            }
            Arg::Long("json") => job.json = Some(value(parser)?),
            Arg::Long("html") => job.html = Some(value(parser)?),
            Arg::Long("expect-same") => job.expect_same = true,
            Arg::Long("timeout") => job.timeout = Some(seconds(&value(parser)?)?),
            Arg::Long("color") => job.color = color(&value(parser)?)?,
            // Options may stand before and behind the script; its own arguments stand behind `--`.
            Arg::Value(v) if job.file.is_empty() => job.file = text(v)?,
            Arg::Value(_) => {
                return Err(
                    "arguments of the script stand behind '--': minipy compare FILE -- ARGS".to_string()
                );
            }
            Arg::Long(name) if !["modes", "repeat", "expect-same"].contains(&name) => {
                return Err(unknown(name));
            }
            other => return Err(unexpected(other)),
        }
        if !job.file.is_empty() {
            let mut raw = parser.raw_args().map_err(|e| e.to_string())?;
            if raw.next_if(|w| w == "--").is_some() {
                job.args = raw.map(text).collect::<Result<_, _>>()?;
                break;
            }
        }
    }
    if job.file.is_empty() {
        return Err("usage: minipy compare FILE [--modes=..] [--repeat=N] [-- ARGS]".to_string());
    }
    Ok(Job::Compare(Box::new(job)))
}

/// The line for a program file that is not there: a hint if a command was meant.
pub fn missing(file: &str, errno: i32, why: &str) -> Wrong {
    match nearest(file, COMMANDS.into_iter()) {
        Some(hint) if errno == libc::ENOENT => {
            format!("no file '{file}'; did you mean '{hint}'?")
        }
        _ => format!("can't open file '{file}': [Errno {errno}] {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str, around: &Around) -> Result<Job, Wrong> {
        parse(line.split_whitespace().map(OsString::from).collect(), around)
    }

    fn run(line: &str) -> Run {
        match read(line, &Around::default()) {
            Ok(Job::Run(r)) => *r,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn wrong(line: &str) -> String {
        read(line, &Around::default()).expect_err(line)
    }

    #[test]
    fn programs_and_their_arguments() {
        let r = run("--gil=ticks:7 x.mp --gil=off -c y");
        assert_eq!((r.program, r.mode), (Program::File("x.mp".into()), Mode::Ticks(7)));
        assert_eq!(r.args, ["--gil=off", "-c", "y"]);
        let r = run("-c pass -V");
        assert_eq!((r.program, r.args), (Program::Code("pass".into()), vec!["-V".to_string()]));
        assert_eq!(run("-m json.tool --no-gil").program, Program::Module("json.tool".into()));
        assert_eq!(run("--no-gil -").mode, Mode::Off);
        assert_eq!(run("").program, Program::Stdin);
        assert_eq!(run("-iu x").program, Program::File("x".into()));
        assert_eq!(run("--max-heap=64m x").max_heap, Some(64 << 20));
        assert!(matches!(read("", &Around { terminal: true, ..Around::default() }),
            Ok(Job::Run(r)) if r.program == Program::Prompt));
    }

    #[test]
    fn modes_of_the_surroundings() {
        let mode = |minipy: Option<&str>, python: Option<&str>, line: &str| {
            let around = Around {
                minipy_gil: minipy.map(Into::into),
                python_gil: python.map(Into::into),
                terminal: false,
            };
            match read(line, &around) {
                Ok(Job::Run(r)) => Ok(r.mode),
                Ok(other) => panic!("{other:?}"),
                Err(e) => Err(e),
            }
        };
        assert_eq!(mode(None, None, "x"), Ok(Mode::Py310));
        assert_eq!(mode(None, Some("0"), "x"), Ok(Mode::Off));
        assert_eq!(mode(Some("3.8"), Some("0"), "x"), Ok(Mode::Py32));
        assert_eq!(mode(Some("3.8"), Some("0"), "--gil=py2 x"), Ok(Mode::Py2));
        assert!(mode(None, Some("2"), "x").is_err());
        assert!(mode(Some("green"), None, "x").unwrap_err().contains("MINIPY_GIL"));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for option in OTHER_OPTIONS {
            assert_eq!(wrong(&format!("--{option} x.mp")), format!("this version has no option --{option}"));
        }
        for command in OTHER_COMMANDS {
            assert!(wrong(command).starts_with("this version has no command"));
        }
        assert_eq!(wrong("--gill=off x"), "unknown option '--gill'; did you mean '--gil'?");
        assert!(wrong("--report=loks x").contains("gil, locks, procs, exit"));
        assert!(wrong("--gil=py3 x").contains("no GIL mode"));
        assert!(wrong("-o f x").contains("add --report"));
        assert!(wrong("--timeout=-1 x").contains("seconds"));
    }

    #[test]
    fn comparisons() {
        let Ok(Job::Compare(c)) = read("compare --modes=py2,off a.mp --repeat=3 -- -x 1", &Around::default())
        else {
            panic!()
        };
        assert_eq!((c.modes.len(), c.repeat, c.file.as_str()), (2, 3, "a.mp"));
        assert_eq!(c.args, ["-x", "1"]);
        assert!(wrong("compare").starts_with("usage"));
        assert!(wrong("compare a.mp b").contains("behind '--'"));
        assert!(wrong("--gil=off compare a.mp").contains("stand after it"));
        assert_eq!(missing("comapre", libc::ENOENT, ""), "no file 'comapre'; did you mean 'compare'?");
    }
}
