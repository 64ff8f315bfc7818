//! One run of a program: the machine is wired and started, `__main__` is made, the text compiled and run, and the
//! process ends with the code that the outcome asks for. Invariant: the script's main thread is an OS thread of its
//! own with a roomy stack, and the process ends from there.

use super::args::{Program, Run};
use super::script::{self, Script};
use super::{INTERRUPTED, TIMEOUT, deadlock, dump, painted, parts, pasted, prompt, report, timeout};
use crate::code::Mode as CodeMode;
use crate::code::data::{Code, Const};
use crate::heap::known::{C, N, S};
use crate::heap::object::{Exception, Module, Tuple};
use crate::heap::{Value, space};
use crate::native::old;
use crate::run::{R, Raised, Thread, backtrace, exit, import, load, show, signal, start, tag};
use crate::trace::table::letter;
use std::io::IsTerminal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

/// Native stack of the main script thread; pages are committed when touched.
const STACK: usize = 512 << 20;

/// Runs a program to the end of the process.
pub fn program(job: Run) -> ! {
    program_on(job, STACK)
}

/// As `program`, with that native stack for the main script thread.
pub fn program_on(job: Run, stack: usize) -> ! {
    if job.program != Program::Stdin {
        signal::hold_dumps();
    }
    let script = match script::read(&job.program) {
        Ok(s) => s,
        Err((why, code)) => {
            eprintln!("minipy: {why}");
            std::process::exit(code)
        }
    };
    if job.unbuffered {
        // SAFETY: no second thread exists yet.
        unsafe { std::env::set_var("PYTHONUNBUFFERED", "1") };
    }
    signal::prepare();
    let started = std::thread::Builder::new().stack_size(stack).spawn(move || {
        // A panic has been told; the process must not stay behind it.
        let _ = catch_unwind(AssertUnwindSafe(|| life(&job, script)));
        std::process::exit(1)
    });
    match started {
        Ok(_) => signal::attend(),
        Err(e) => eprintln!("minipy: can't start the main thread: {e}"),
    }
    std::process::exit(1)
}

/// The main script thread from its start to the end of the process.
fn life(job: &Run, script: Option<Script>) -> ! {
    let _ = FIRST.set(std::process::id());
    report::prepare(job, script.as_ref());
    crate::native::multiprocessing::inherit(job.inherited());
    if let Some(bytes) = job.max_heap {
        space::set_limit(bytes);
    }
    let Ok(th) = start::start(job.mode, parts::parts()) else {
        eprintln!("minipy: not enough memory to start");
        std::process::exit(1)
    };
    if job.tag {
        let color = painted(job.color, std::io::stdout().is_terminal());
        tag::begin(if color { marked_in_color } else { marked });
    }
    deadlock::prepare(job, job.inspect || script.is_none());
    exit::set_hooks(exit::Hooks { atexit: run_atexit, flush: flush_streams, report: report::write });
    let code = match begin(th, job, script.as_ref()) {
        Ok(main) => {
            dump::prepare();
            if let Some(t) = job.timeout {
                timeout::start(t);
            }
            let code = match &script {
                Some(s) => run(th, main, s, job),
                None => 0,
            };
            if code != TIMEOUT && (job.inspect || script.is_none()) {
                prompt::prompt(th, main, job, job.inspect && script.is_some())
            } else {
                code
            }
        }
        Err(Raised) => uncaught(th),
    };
    if timeout::passed() {
        crate::native::multiprocessing::terminate_children();
        flush_streams(th);
        exit::stop(th, TIMEOUT)
    }
    exit::finish(th, code)
}

/// What stands before a line of that thread: its letter and the short form of its name. Threads of further processes
/// say which one, as letters begin anew there.
fn marked(number: u32, name: &str) -> String {
    let short = name.split(" (").next().unwrap_or(name);
    match FIRST.get() {
        Some(first) if *first != std::process::id() => {
            format!("[{}:{} {short}] ", std::process::id(), letter(number as usize))
        }
        _ => format!("[{} {short}] ", letter(number as usize)),
    }
}

/// The same in the colour of the letter.
fn marked_in_color(number: u32, name: &str) -> String {
    let color = 31 + number % 6;
    format!("\x1b[{color}m{}\x1b[0m ", marked(number, name).trim_end())
}

/// The process that was started from the command line.
static FIRST: OnceLock<u32> = OnceLock::new();

/// `sys`, signals, `__main__`. Gives the namespace of `__main__`.
fn begin(th: &mut Thread, job: &Run, script: Option<&Script>) -> R {
    let sys = import::import_full(th, "sys")?;
    let sys = sys.get::<Module>().dict.get();
    S::sys.fill(sys);
    let mut argv = vec![script.map_or("", |s| s.argv0.as_str()).to_string()];
    argv.extend(job.args.iter().cloned());
    let argv = texts(th, &argv)?;
    th.dict_insert(sys, N::argv.v(), argv)?;
    let mut path = vec![script.map_or("", |s| s.folder.as_str()).to_string()];
    path.extend(script::search_path());
    let path = texts(th, &path)?;
    th.dict_insert(sys, N::path.v(), path)?;
    start::signals(th)?;
    if job.old {
        old::begin(th)?;
    }
    let main = import::new_module(th, "__main__")?;
    let dict = main.get::<Module>().dict.get();
    let name = th.intern("builtins")?;
    let builtins = import::import(th, dict, name, Value::NONE, 0)?;
    th.dict_insert(dict, N::__builtins__.v(), builtins)?;
    if let Some(file) = script.and_then(|s| s.file.as_ref()) {
        let file = th.str(file)?;
        th.dict_insert(dict, N::__file__.v(), file)?;
    }
    if let Some(package) = script.and_then(|s| s.package.as_ref()) {
        let package = th.intern(package)?;
        th.dict_insert(dict, N::__package__.v(), package)?;
    }
    let key = th.intern("__main__")?;
    th.dict_insert(S::modules.v(), key, main)?;
    import::old_names(th, dict)?;
    Ok(dict)
}

fn texts(th: &mut Thread, items: &[String]) -> R {
    let list = th.list(&[])?;
    for item in items {
        let item = th.str(item)?;
        crate::heap::list::push(&mut th.heap, list.get(), item)?;
    }
    Ok(list)
}

/// Compiles and runs the program; gives the exit code.
fn run(th: &mut Thread, main: Value, script: &Script, job: &Run) -> i32 {
    match execute(th, main, script, job) {
        Ok(()) => 0,
        Err(Raised) => {
            let code = uncaught(th);
            if let Some(hint) = pasted::hint() {
                write_stderr(th, &hint);
            }
            code
        }
    }
}

fn execute(th: &mut Thread, main: Value, script: &Script, job: &Run) -> R<()> {
    let text = match minipy_grammar::decode(script.text.clone()) {
        Ok(t) => t,
        Err(faults) => {
            let lossy = String::from_utf8_lossy(&script.text).into_owned();
            return Err(show::syntax_error(th, &lossy, &script.name, &faults));
        }
    };
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let repaired = job.pasted.then(|| pasted::repair(text, &script.name));
    let text = repaired.as_deref().unwrap_or(text);
    let code = match import::compile_text(th, text, &script.name, CodeMode::File) {
        Ok(code) => code,
        Err(Raised) => {
            pasted::remember(text, script.short(), job);
            return Err(Raised);
        }
    };
    late_option(job, &code);
    let f = load::module_function(th, &code, main)?;
    th.call(f, &[]).map(drop)
}

/// A hint when `--no-gil` stands behind the script and the script never looks at its arguments.
fn late_option(job: &Run, code: &Code) {
    let late = job.args.iter().find(|a| *a == "--no-gil" || a.starts_with("--gil="));
    if let (Some(option), Program::File(file)) = (late, &job.program)
        && std::io::stderr().is_terminal()
        && !reads_arguments(code)
    {
        eprintln!(
            "minipy: note: {option} stands after the script and is the script's: minipy {option} {file}"
        );
    }
}

/// Whether the code, or code nested in it, names `argv` or a module that reads it.
fn reads_arguments(code: &Code) -> bool {
    code.consts.iter().any(|c| match c {
        Const::Name(n) => matches!(&**n, "argv" | "argparse" | "getopt" | "optparse"),
        Const::Code(inner) => reads_arguments(inner),
        _ => false,
    })
}

/// Deals with the exception that ended the program (or a statement at the prompt): the exit code.
pub fn uncaught(th: &mut Thread) -> i32 {
    if timeout::passed() {
        th.take_raised();
        return TIMEOUT;
    }
    if th.raised_is(C::SystemExit) {
        return system_exit(th);
    }
    let interrupted = th.raised_is(C::KeyboardInterrupt);
    show_exception(th);
    if interrupted { INTERRUPTED } else { 1 }
}

/// What SystemExit asks for: a number, nothing, or a text for stderr.
fn system_exit(th: &mut Thread) -> i32 {
    let exc = th.take_raised();
    let mark = th.keep(exc);
    let args = exc.get::<Exception>().args.get();
    let key = th.intern("code");
    let code = match key.and_then(|k| th.getattr_opt(exc, k)) {
        Ok(Some(v)) => v,
        _ => {
            th.raised = Value::UNBOUND;
            match args.cast::<Tuple>() {
                Some(t) if t.len() == 1 => t.at(0),
                Some(t) if t.len() > 1 => args,
                _ => Value::NONE,
            }
        }
    };
    let result = match code {
        c if c.is_none() || c == Value::FALSE => 0,
        c if c == Value::TRUE => 1,
        c if c.is_int() => (c.as_int() & 0xff) as i32,
        c if th.class_of(c) == C::int.v() => 255,
        c => {
            let text = show_str(th, c);
            flush_streams(th);
            write_stderr(th, &format!("{text}\n"));
            1
        }
    };
    th.drop_kept(mark);
    result
}

fn show_str(th: &mut Thread, v: Value) -> String {
    match th.str_text(v) {
        Ok(t) => t,
        Err(Raised) => {
            th.take_raised();
            show::short_repr(th, v)
        }
    }
}

/// Shows the exception under way by `sys.excepthook`, or by itself where that fails.
pub fn show_exception(th: &mut Thread) {
    let exc = th.take_raised();
    let mark = th.keep(exc);
    flush(th, "stdout");
    let hook = th.intern("excepthook").ok().and_then(|k| th.dict_get_name(S::sys.v(), k));
    if let Ok(k) = th.intern("last_exc") {
        let _ = th.dict_insert(S::sys.v(), k, exc);
    }
    let tb = exc.cast::<Exception>().map_or(Value::NONE, |e| e.traceback.get());
    let class = th.class_of(exc);
    match hook {
        Some(h) => {
            if let Err(Raised) = th.call(h, &[class, exc, tb]) {
                let second = th.take_raised();
                th.keep(second);
                let (a, b) = (backtrace::exception_text(th, second), backtrace::exception_text(th, exc));
                write_stderr(th, &format!("Error in sys.excepthook:\n{a}\nOriginal exception was:\n{b}"));
            }
        }
        None => {
            let text = backtrace::exception_text(th, exc);
            write_stderr(th, &text);
        }
    }
    flush(th, "stderr");
    th.drop_kept(mark);
    th.raised = Value::UNBOUND;
}

fn write_stderr(th: &mut Thread, text: &str) {
    flush(th, "stderr");
    show::stderr(th, text);
}

/// Runs what was registered with `atexit`, if that was imported.
fn run_atexit(th: &mut Thread) {
    let module = th.intern("atexit").ok().and_then(|k| th.dict_get_name(S::modules.v(), k));
    let Some(module) = module.filter(|m| !m.is_none()) else { return };
    let Ok(key) = th.intern("_run_exitfuncs") else { return };
    let outcome = match th.getattr_opt(module, key) {
        Ok(Some(f)) => th.call(f, &[]).map(drop),
        Ok(None) => Ok(()),
        Err(r) => Err(r),
    };
    if let Err(Raised) = outcome {
        show_exception(th);
    }
}

/// Flushes `sys.stdout` and `sys.stderr`; what fails is said.
pub fn flush_streams(th: &mut Thread) {
    flush(th, "stdout");
    flush(th, "stderr");
}

fn flush(th: &mut Thread, name: &str) {
    let Ok(key) = th.intern(name) else { return };
    let Some(stream) = th.dict_get_name(S::sys.v(), key).filter(|s| !s.is_none()) else { return };
    let saved = std::mem::replace(&mut th.raised, Value::UNBOUND);
    let mark = th.keep(saved);
    let outcome = th.intern("flush").and_then(|k| th.getattr_opt(stream, k)).and_then(|f| match f {
        Some(f) => th.call(f, &[]).map(drop),
        None => Ok(()),
    });
    // A stream that the script closed, or a pipe that nobody reads, is not worth a second report here.
    if let Err(Raised) = outcome {
        let quiet = th.raised_is(C::ValueError) || th.raised_is(C::BrokenPipeError);
        let exc = th.take_raised();
        if !quiet {
            let text = backtrace::exception_text(th, exc);
            show::stderr(th, &format!("Exception ignored while flushing sys.{name}:\n{text}"));
        }
    }
    th.drop_kept(mark);
    th.raised = saved;
}
