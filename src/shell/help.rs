//! `-h`, `--help` and `minipy help TOPIC`. Invariant: `-h` fits a screen of 24 lines and 80 columns.

use super::{options, product, usage};
use crate::run::show::nearest;

/// `-h`.
pub const USAGE: &str = "\
minipy [options] FILE [args]     run a program; all that follows FILE is its own
  -c CODE, -m MODULE, -          run a text, a module, standard input
  -i  -u  -V  -h  --help         prompt afterwards, unbuffered, version, help
  --gil=MODE                     how threads share the interpreter:
      py310    as CPython 3.10 and later: switches at calls and loops (default)
      py32     as CPython 3.2 to 3.9: after 5 ms, at any instruction
      py2      as CPython 2: every 100 instructions, the OS picks who is next
      ticks:N  after exactly N instructions, in turn: the same in every run
      off      free-threaded: no GIL. --no-gil means the same
      3.8      a version of Python: the mode it had
  --report[=gil,locks,procs,exit,all] [-o FILE] [--json=FILE]  what happened
  --narrate  --timeline  --tag   turn by turn; as a chart; each line's thread
  --html=FILE  --trace=FILE      a page to look into; for Perfetto's viewer
  --on-deadlock=report|exit|raise|off             see help deadlock
  --timeout=SECS                 list all threads and stop, exit code 124
  --max-heap=64m  --color=auto|always|never       memory limit, colours
  --py2, --pasted                Python 2 text; text copied from a web page
minipy compare FILE              the same program in several GIL modes
minipy dis FILE                  its instructions and where threads may switch
minipy atomic 'STATEMENT'        can another thread come between?
minipy fix FILE                  a copied text repaired, to stdout
minipy help TOPIC                gil ticks report locks deadlock narrate
                                 timeline trace html atomic compare prompt exit
Without FILE: the prompt on a terminal, else the program on standard input.
";

/// What `--help` adds.
pub const EXAMPLES: &str = "
Examples
  minipy count.mp                        as CPython 3.10 and later would
  minipy --no-gil count.mp               threads side by side
  minipy --gil=ticks:5 count.mp          a switch after every fifth instruction
  minipy --gil=2.7 --report count.mp     the GIL of Python 2, and what it did
  minipy compare count.mp -- --n 1000    all modes, with the script's arguments
  minipy help bash (zsh, fish, man)      completions for a shell, a manual page
Variables: MINIPY_GIL, MINIPY_PATH, MINIPY_HISTORY, NO_COLOR, FORCE_COLOR,
  PYTHONUNBUFFERED, PYTHON_GIL (0: off, 1: the default)
";

const TOPICS: [(&str, &str); 13] = [
    ("gil", GIL),
    ("ticks", TICKS),
    ("report", REPORT),
    ("locks", LOCKS),
    ("deadlock", DEADLOCK),
    ("narrate", NARRATE),
    ("timeline", TIMELINE),
    ("trace", TRACE),
    ("html", HTML),
    ("atomic", ATOMIC),
    ("prompt", PROMPT),
    ("compare", COMPARE),
    ("exit", EXIT),
];

const GIL: &str = "\
The GIL (global interpreter lock) lets one thread run at a time. A thread gives
it up when it blocks, when it ends, and when it is made to. The GIL mode says
when it is made to:

  py310      another thread has waited 5 ms, and this one is at a call or at the
             end of a loop's round. Inside `counter += 1` is no such place: no
             update is lost there; Python does not promise that.
  py32       the same, but at any instruction: updates can be lost.
  py2        after 100 instructions the GIL is released and wanted back at once.
             The operating system picks the winner; a thread that was woken and
             finds the GIL taken is a false wake.
  ticks:N    after N instructions the longest waiter is next (see help ticks).
  off        there is no GIL. Threads run at the same time.

In every mode a call into a built-in function (sorted, sum, a large
multiplication) keeps the GIL until it returns, unless it blocks.
sys.setswitchinterval changes the 5 ms, sys.setcheckinterval the 100.
";

const TICKS: &str = "\
--gil=ticks:N (N is 97 unless given) is the loop of the textbooks:
  (1) acquire the GIL        (4) put the thread to sleep
  (2) switch to a thread     (5) release the GIL
  (3) run N instructions,    (6) again, with the thread that has waited longest
      or until it yields
A tick is one instruction of minipy (see minipy dis). Turns depend on nothing
but the program, so a program that only computes does the same in every run,
and its report, in instructions, repeats byte for byte. Where threads sleep or
wait for input or a process, reports and charts are in time. An N that is a
multiple of a loop's length always switches at the same place: prime numbers
such as 97 show more.
";

const REPORT: &str = "\
minipy --report[=gil] [-o FILE] [--json=FILE] program.mp

One line for each thread, lettered A, B, C: the instructions it ran and what it
did with its life, in shares that sum to 100.0:
  run%       it ran                    sleep%  it slept
  wait GIL%  it could run, but for     io%     it waited for input, output or
             the GIL                           a process
  lock%      it waited for a lock,     join%   it waited for a thread to end
             queue or event
A switch is the GIL going to another thread, because of
  limit      the count of instructions was out (ticks, py2)
  request    another thread had waited for the switch interval (py310, py32)
  blocking, yield, end     it was about to wait, slept 0 seconds, ended
A false wake is a thread woken while the GIL is taken again (py2). The longest
hold is the longest time for which others waited for one thread. Under ticks:N
all times are counts of instructions: a native call is one, and a sleep lasts as
long as others run meanwhile.
";

const TIMELINE: &str = "\
minipy --timeline[=COLS] [-o FILE] program.mp

A chart on stderr after the program's last output: time runs to the right, a row
for each thread, a column shows what the thread did for most of that time.
  #  ran                          z  slept
  .  waited for the GIL           i  waited for input, output or a process
  +  waited for it, and ran too   j  waited in join
  L  waited for a lock            |  its end
  q  waited for a queue           !  woken while the GIL was taken (py2)
Where there is room the name of the lock or queue is written in: L[guard]LLL.
The row GIL has the letter of the thread that held it; without a GIL the row
running counts the threads that ran at a time. Under ticks:N the columns are
instructions and the chart is the same in every run, unless a thread sleeps or
waits for input or a process: that takes time. Forked processes follow.
More than 40 threads: the rest share a row. COLS is the width, 40 or more.
";

const TRACE: &str = "\
minipy --trace=FILE program.mp

A file for ui.perfetto.dev or chrome://tracing: a row with who held the GIL, a
row for each thread with what it did, one for each lock with who held it, the
number of waiters and of items in queues, and arrows where the GIL, a lock or an
item was handed on, or a thread started or ended. Forked processes are in it.
Times are microseconds, under ticks:N instructions (1 us is one). At most a
million events are written; the command says so if there were more. A process
that is killed leaves no record. Recording takes memory and some time.
";

const HTML: &str = "\
minipy --html=FILE program.mp
minipy compare --html=FILE program.mp

One page for a browser that needs no network: the verdict, a timeline to zoom
into (wheel, + and -) and to move (drag, arrows), tables of threads, switches
and locks, and the program with the switches that fell on each line. Point at a
stretch, or go there with the arrow keys and n and p, and it says what the
thread did, where, for how long and who held what it waited for. The figures
are those of --report. With compare the modes stand one below the other, on one
scale of time; recording makes these runs a little slower.
";

const NARRATE: &str = "\
minipy --narrate [-o FILE] program.mp        (--gil=ticks:3 shows most)

What the threads did, turn by turn, after the program's last output:
  turn 9   B   line 28   STORE counter <- 33   LOST: C's write of turn 8
A turn lasts until another thread has the GIL. The first turn of each thread in
the script is told in the six steps of help ticks, later ones in short; the
first 40 whole, then only what is new and the last ones: the rest is counted.
  LOAD x -> 1, STORE x <- 1    x is read, written; 1 is the value
  LOST                         the value stored was made from an older content:
                               the other thread's write in between is gone
  NEXT, TEST                   a round of a loop begins, a condition is asked
  CALL q.get() [9 inside]      9 instructions of the library in it, which is
                               not told itself; a missing turn ran only library
  : waits, sleeps, yield       why the GIL was given up
  with m: acquire, release     the lock m
Values are shown without running methods of the script. With --gil=off there
are no turns: rows of all threads, ~ where another one ran meanwhile; of two
threads that wrote at once, either update may be the lost one. Watching costs
time, so turns that end by time (py310, py32) hold fewer instructions.
";

const ATOMIC: &str = "\
minipy atomic 'counter += 1'

Lists the instructions of a statement (its names taken as globals) and the
places inside it where a GIL mode can switch threads: between what it reads and
what it writes for that reason. Computed from the code; runs nothing.
Levels, in the words of Python's documentation:
  atomic                  no other thread sees it half done
  safe on shared objects  nothing breaks, but others may see it half done
  compatible              right only under a lock that all its users take
Single operations of built-in containers are atomic in every mode, also without
a GIL: L.append(x), L.pop(), d[k] = v, d.get(k), s.add(x). x += 1 is not, nor is
a test and what follows from it. That py310 has no place inside `x += 1` is so
in CPython 3.10 and later; nobody promises it.
";

const LOCKS: &str = "\
minipy --report=locks [-o FILE] [--json=FILE] program.mp

One line for each lock, condition, event and semaphore, by the name that the
script gave it, those that were waited for longest first:
  acquired      how often        waited        for the lock itself, all threads
  contended     after a wait     longest hold  how long, by which thread, since
                                               which line
and one for each queue: items put and taken, most inside at a time, how long
put() waited for room and get() for items. `waited in all` is the sum, and the
part lock% of --report=gil. Under ticks:N all times are ticks (t).

--report=exit says what is left at the end: daemon threads cut off, where and
  holding what; items never taken; exceptions that nobody has seen; threads that
  ended holding a lock.
--report=procs has one line for each process: what its start cost, how long it
  lived, calls given to it, bytes pickled to it and from it, its exit code.
--report=all is gil,locks,procs,exit.
";

const DEADLOCK: &str = "\
A deadlock is named at the moment it closes, also while other threads go on: who
holds which lock since which line, who wants it where, and what would mend it.
Reported is what is certain:
  - threads that wait for each other in a circle, each for a lock that another
    holds by `with` (or an RLock) or for another's end;
  - or, when no thread, timer, descriptor, process or signal handler can make
    anything run again: whatever they wait for. A lock taken again by its
    holder, an empty queue that nobody fills, a condition that nobody notifies.
Ctrl-C does not count as a rescue, a signal handler of the script does. A wait
with a timeout is no deadlock. A thread that waits for a Lock that an ended
thread has left behind gets a warning at once if that thread's code releases it
on another path, or no line of the program releases a lock; others go on.

--on-deadlock=report   report; others go on; exit code 67 when nothing can run
              exit     report, and end with exit code 67 at once
              raise    threading.DeadlockError in the thread that closed it
              off      nothing: the program hangs
Ctrl-\\ (SIGQUIT) lists all threads with their lines and locks, and goes on;
where a long call keeps them from answering, a line for each comes first.
";

const PROMPT: &str = "\
minipy without a FILE is the prompt. A statement runs when it is whole: blocks
end with a blank line, the editor indents them. Tab completes names, attributes,
modules and commands; up and down bring back earlier statements, also those of
earlier sessions (MINIPY_HISTORY names their file). Blocks pasted from a page
run as they are, with their >>> too. _ is the last value shown. Ctrl-C ends the
line, or what runs; Ctrl-D leaves. Other threads run while you type; what they
print goes above your line.

  %gil [MODE]        show or change the GIL mode, while threads run
  %threads           every thread: what it does, where, what it waits for
  %time, %timeit     how long a statement takes, once or at its best
  %dis STATEMENT     its instructions, or those of a function by its name
  %report STATEMENT  run it and say who ran and who waited for the GIL
  %load FILE         run a file here
  %who               your names and their values
";

const COMPARE: &str = "\
minipy compare FILE [--modes=py310,py32,ticks:97,off] [--repeat=N]
       [--expect-same] [--json=FILE] [--html=FILE] [--timeout=SECS] [-- ARGS]

Runs the program once in each GIL mode, each in a process of its own. Standard
input is read once and given to each. The table shows time, CPU time, how many
cores were busy, thread switches, and whether the output is the same:
  same, same but times, other order (the same lines), differs
With --repeat the fastest run counts, and an output that changes from run to run
differs. If outputs differ the first mode is run once more: an answer that
changes there too is not the GIL's doing. Exit codes count as output; what goes
to stderr does not. --expect-same makes a difference exit code 65.
--timeout stops each run; such outputs are compared as far as both came.
";

const EXIT: &str = "\
  0    the program ended well
  1    an uncaught exception, or sys.exit with a text
  2    a wrong command line, or no such file
  65   compare --expect-same: the outputs differ
  67   a deadlock: nothing could run any more (see help deadlock)
  124  --timeout
  130  interrupted by Ctrl-C
sys.exit(n) ends with n.
";

/// `minipy help [TOPIC]`.
pub fn topic(topic: Option<&str>) -> i32 {
    let Some(topic) = topic else { return product(USAGE) };
    if let Some((_, text)) = TOPICS.iter().find(|(name, _)| *name == topic) {
        return product(text);
    }
    let names = TOPICS.map(|t| t.0);
    if topic == "man" {
        return product(&options::manual(&TOPICS));
    }
    if let Some(text) = options::completions(topic, &names) {
        return product(&text);
    }
    match nearest(topic, names.into_iter()) {
        Some(hint) => usage(&format!("no help on '{topic}'; did you mean '{hint}'?")),
        None => usage(&format!("no help on '{topic}'; topics: {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_fits_a_screen() {
        assert!(USAGE.lines().count() <= 24);
        for text in [USAGE, EXAMPLES].into_iter().chain(TOPICS.map(|t| t.1)) {
            assert!(text.lines().all(|l| minipy_grammar::display_width(l) <= 80), "{text}");
            assert!(text.lines().count() <= 24);
        }
    }
}
