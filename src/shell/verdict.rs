//! What a comparison comes to: how outputs stand to each other, the table, the verdicts. Invariant: nothing is said of
//! the GIL that the runs do not show: a program whose answer changes in one mode too is called that.

use super::TIMEOUT;
use super::dis;
use super::script::Script;
use crate::code::data::{Code, Const};
use crate::code::dis::switches_py310;
use crate::code::liveness::jump_target;
use crate::run::gil::Mode;
use crate::trace::json::Json;
use crate::trace::table::{WIDTH, count, cut, left, right, wrap};
use std::time::Duration;

/// How a mode's output stands to the first mode's.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord)]
#[allow(clippy::enum_variant_names)] // The name of the question and of one answer.
pub enum Same {
    /// Byte for byte.
    Same,
    /// But for lengths of time.
    Times,
    /// The same lines in another order.
    Order,
    /// Otherwise.
    Differs,
}

impl Same {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Same::Same => "same",
            Same::Times => "same but times",
            Same::Order => "same lines, other order",
            Same::Differs => "differs",
        }
    }
}

/// One run.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// From its start to its end.
    pub wall: Duration,
    /// Processor time.
    pub cpu: Duration,
    /// Exit code, or 128 + signal.
    pub code: i32,
    /// What it wrote to stdout.
    pub output: Vec<u8>,
    /// What it wrote to stderr.
    pub errors: String,
    /// Thread switches.
    pub switches: Option<u64>,
    /// Threads that ran or could have run at a time, on average.
    pub busy: Option<f64>,
    /// The line of most forced switches, and how many fell there.
    pub hot: Option<(u32, u64)>,
    /// What its report found surprising.
    pub surprises: Vec<String>,
    /// The data that a page shows of it.
    pub page: String,
}

impl Outcome {
    /// Its output as text, if it is that.
    fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.output).ok().filter(|t| !t.contains('\0'))
    }

    fn lines(&self) -> Vec<&str> {
        self.text().map_or(Vec::new(), |t| t.lines().collect())
    }

    /// Its output at that line, for a cell of the table.
    fn cell(&self, at: usize) -> String {
        let said = match (self.text(), self.lines().get(at)) {
            (None, _) => format!("(binary, {} bytes)", count(self.output.len() as u64)),
            (_, Some(line)) => plain(line.trim_end()),
            _ if self.output.is_empty() => "(nothing)".to_string(),
            _ => "(ended before)".to_string(),
        };
        match self.code {
            0 => said,
            TIMEOUT => format!("stopped; {said}"),
            code => format!("exit code {code}; {said}"),
        }
    }

    /// The last line of its errors, with the place in the script where a traceback ends.
    fn complaint(&self, script: &Script) -> String {
        if self.code == TIMEOUT {
            return "stopped by --timeout".to_string();
        }
        let last = self.errors.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("no message").trim();
        let place =
            self.errors.lines().rfind(|l| l.starts_with("  File ") && l.contains(script.name.as_str()));
        let line = place
            .and_then(|l| l.split(", line ").nth(1))
            .map(|l| l.chars().take_while(char::is_ascii_digit).collect::<String>());
        let at = line.map_or(String::new(), |l| format!(" ({}:{l})", script.short()));
        format!("exit code {}: {}{at}", self.code, cut(&plain(last), 240))
    }
}

/// Cells of the table's figures.
const FIGURES: usize = 37;

/// A line without characters that move a terminal's cursor.
fn plain(line: &str) -> String {
    line.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect()
}

/// All runs in a mode.
pub struct Row {
    /// The mode.
    pub mode: Mode,
    /// The run to show.
    pub shown: Outcome,
    /// How the outputs stand to the first mode's.
    pub same: Same,
}

impl Row {
    /// Cores busy; runs of a few milliseconds are mostly start-up and say nothing about that.
    fn cores(&self) -> Option<f64> {
        let wall = self.shown.wall.as_secs_f64();
        (wall >= 0.05).then(|| self.shown.cpu.as_secs_f64() / wall)
    }
}

/// How a run stands to the first one.
pub fn classify(base: &Outcome, o: &Outcome) -> Same {
    if base.code != o.code {
        return Same::Differs;
    }
    if base.output == o.output {
        return Same::Same;
    }
    let (Some(a), Some(b)) = (base.text(), o.text()) else { return Same::Differs };
    if o.code != TIMEOUT {
        return same(a, b);
    }
    // Both were stopped somewhere: as far as both came.
    let (mut a, mut b) = (a.lines(), b.lines());
    let (a, b): (Vec<&str>, Vec<&str>) = std::iter::from_fn(|| a.next().zip(b.next())).unzip();
    same(&a.join("\n"), &b.join("\n"))
}

/// How two texts stand to each other.
fn same(a: &str, b: &str) -> Same {
    if a == b {
        return Same::Same;
    }
    let lines = |t: &str| t.lines().map(mask).collect::<Vec<_>>();
    let (mut x, mut y) = (lines(a), lines(b));
    if x == y {
        return Same::Times;
    }
    x.sort_unstable();
    y.sort_unstable();
    if x == y { Same::Order } else { Same::Differs }
}

/// The line with lengths of time (`0.213 s`, `12ms`, `1.5 seconds`) masked.
fn mask(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(|c: char| c.is_ascii_digit()) {
        let end = rest[at..].find(|c: char| !c.is_ascii_digit() && c != '.').map_or(rest.len(), |n| at + n);
        let behind = rest[end..].strip_prefix(' ').unwrap_or(&rest[end..]);
        let unit = behind.find(|c: char| !c.is_alphanumeric()).map_or(behind, |n| &behind[..n]);
        let time = matches!(unit, "s" | "ms" | "us" | "µs" | "ns" | "sec" | "secs" | "second" | "seconds");
        out.push_str(&rest[..at]);
        out.push_str(if time { "#" } else { &rest[at..end] });
        rest = &rest[end..];
    }
    out + rest
}

/// A comparison ready to be told.
pub struct Comparison<'a> {
    /// The modes, in order; the first is what the others are compared with.
    pub rows: &'a [Row],
    /// The program.
    pub script: &'a Script,
    /// `--timeout`.
    pub limit: Option<Duration>,
    /// Whether the first mode alone gives different answers.
    pub unsteady: bool,
}

impl Comparison<'_> {
    /// Table and verdicts.
    pub fn text(&self, bold: (&str, &str)) -> String {
        let mut out = self.table();
        out.push('\n');
        out.push_str(&self.first_difference());
        for line in self.verdicts() {
            let text = wrap(&line, "  ");
            // The loud part comes first and fits its line.
            let loud = line.find('.').filter(|_| line.starts_with("THE ANSWER"));
            let (head, rest) = text.split_at(loud.map_or(0, |at| at + 1));
            let (on, off) = if head.is_empty() { ("", "") } else { bold };
            out.push_str(&format!("{on}{head}{off}{rest}"));
        }
        out
    }

    /// The line to show for each output: the first at which any of them differs from the first one.
    fn telling_line(&self) -> usize {
        let lines = |r: &Row| r.shown.lines().into_iter().map(mask).collect::<Vec<_>>();
        let base = lines(&self.rows[0]);
        let first = |r: &Row| {
            let own = lines(r);
            (0..base.len().max(own.len())).find(|i| base.get(*i) != own.get(*i))
        };
        self.rows.iter().filter(|r| r.same == Same::Differs).filter_map(first).min().unwrap_or(0)
    }

    /// Cells for the name of a mode.
    fn names(&self) -> usize {
        self.rows.iter().map(|r| r.mode.to_string().len() + 1).max().unwrap_or(0).clamp(9, 17)
    }

    fn table(&self) -> String {
        let names = self.names();
        let mut out = format!("{}    wall      CPU  cores   switches  output\n", left("GIL mode", names));
        let at = self.telling_line();
        for (i, r) in self.rows.iter().enumerate() {
            let o = &r.shown;
            let lead = format!(
                "{}{}{}{}{}  ",
                left(&r.mode.to_string(), names),
                right(&seconds(o.wall), 8),
                right(&seconds(o.cpu), 9),
                right(&r.cores().map_or("-".to_string(), |c| format!("{c:.1}")), 7),
                right(&o.switches.filter(|_| r.mode != Mode::Off).map_or("-".to_string(), count), 11),
            );
            let verdict = if i == 0 && r.same != Same::Differs { "" } else { r.same.text() };
            let room = WIDTH - FIGURES - names - if verdict.is_empty() { 0 } else { verdict.len() + 2 };
            let said = if room < 8 { String::new() } else { cut(&o.cell(at), room) };
            let gap = if verdict.is_empty() || said.is_empty() { "" } else { "  " };
            out.push_str(format!("{lead}{said}{gap}{verdict}").trim_end());
            out.push('\n');
        }
        out
    }

    /// The first lines that differ, where the table has no room for them.
    fn first_difference(&self) -> String {
        let at = self.telling_line();
        let wide = |r: &Row| {
            minipy_grammar::display_width(&r.shown.cell(at))
                > WIDTH - FIGURES - self.names() - "  differs".len()
        };
        let differs = self.rows.iter().any(|r| r.same == Same::Differs && r.shown.text().is_some());
        if !differs || at == 0 && !self.rows.iter().any(wide) {
            return String::new();
        }
        let mut out = format!("First difference, line {} of the output:\n", at + 1);
        let shown = WIDTH - 3 - self.names();
        let cells: Vec<String> = self.rows.iter().map(|r| r.shown.cell(at)).collect();
        let apart = |c: &String| c.chars().zip(cells[0].chars()).take_while(|(a, b)| a == b).count();
        let alike = cells.iter().filter(|c| **c != cells[0]).map(apart).min().unwrap_or(0);
        let wide = cells.iter().any(|c| minipy_grammar::display_width(c) > shown);
        let from = if wide { alike.saturating_sub(30) } else { 0 };
        for (r, cell) in self.rows.iter().zip(&cells) {
            let lead = if from > 0 { "…" } else { "" };
            let text: String = cell.chars().skip(from).collect();
            let text = cut(&format!("{lead}{text}"), shown);
            out.push_str(&format!("  {}{text}\n", left(&r.mode.to_string(), self.names())));
        }
        out.push('\n');
        out
    }

    /// What it comes to, a line for each thing, the most important one first.
    fn verdicts(&self) -> Vec<String> {
        let mut out = self.outputs();
        out.extend(self.failures());
        out.extend(self.cores());
        out.extend(self.surprises());
        out
    }

    fn outputs(&self) -> Vec<String> {
        let rows = self.rows;
        let one = &rows[0].shown;
        let alike = rows.iter().all(|r| r.shown.code == one.code);
        let said = match rows.iter().map(|r| r.same).max().unwrap_or(Same::Same) {
            Same::Differs if self.unsteady => format!(
                "THE ANSWER CHANGES FROM RUN TO RUN. It does so in {} alone too: the mode is not its cause.",
                rows[0].mode
            ),
            Same::Differs => return self.depends(),
            _ if alike && one.code == TIMEOUT => {
                format!("Every mode was stopped after {}.", seconds(self.limit.unwrap_or_default()))
            }
            _ if alike && one.code != 0 => format!("Every mode failed alike: {}", one.complaint(self.script)),
            Same::Order => "The same lines in every mode; their order depends on who runs when.".to_string(),
            Same::Times => "Every mode gave the same output but for times.".to_string(),
            Same::Same if one.output.is_empty() => {
                "Every mode printed nothing: let the program print what it computes.".to_string()
            }
            Same::Same => "Every mode gave the same output.".to_string(),
        };
        vec![said]
    }

    /// The answer depends on the mode: the line of most switches in modes whose answer differs.
    fn depends(&self) -> Vec<String> {
        let lead = "THE ANSWER DEPENDS ON THE GIL.";
        let counted = self.rows.iter().filter(|r| r.same == Same::Differs);
        let Some((line, _)) = counted.filter_map(|r| r.shown.hot).max_by_key(|h| h.1) else {
            return vec![lead.to_string()];
        };
        let text = String::from_utf8_lossy(&self.script.text);
        let code = plain(text.lines().nth(line as usize - 1).unwrap_or("").trim());
        let mut out = vec![format!("{lead} Most switches fell on line {line}: {}", cut(&code, 60))];
        let py310 = self.rows.iter().any(|r| r.mode == Mode::Py310);
        if py310 && dis::compile(&text, self.script.short()).is_ok_and(|code| never_inside(&code, line)) {
            out.push("py310 never switches inside that line; Python does not promise this.".to_string());
        }
        out
    }

    /// Complaints, each once with the modes that have it.
    fn failures(&self) -> Vec<String> {
        let failed = self.rows.iter().filter(|r| r.shown.code != 0);
        let said = grouped(failed.map(|r| (r.mode, r.shown.complaint(self.script))), |c| c);
        let mut out = Vec::new();
        if said.iter().any(|(_, complaint)| complaint.contains("EOFError")) {
            out.push("The program reads input: minipy compare FILE < input.txt".to_string());
        }
        let all = self.rows.iter().all(|r| r.shown.code == self.rows[0].shown.code) && said.len() == 1;
        if !all {
            out.extend(said.into_iter().map(|(modes, complaint)| format!("{modes}: {complaint}")));
        }
        out
    }

    /// What the free-threaded run did with the cores.
    fn cores(&self) -> Option<String> {
        let base = self.rows.iter().find(|r| r.mode != Mode::Off)?;
        let free = self.rows.iter().find(|r| r.mode == Mode::Off)?;
        let (was, is) = (base.shown.wall.as_secs_f64(), free.shown.wall.as_secs_f64());
        if base.shown.code != free.shown.code || free.shown.code == TIMEOUT {
            return None;
        }
        let cores = free.cores()?;
        let lead = format!("off: {cores:.1} cores busy");
        let shared = match self.rows.iter().any(|r| r.same == Same::Differs) {
            true => "threads share one variable",
            false => "threads share one variable or lock",
        };
        let wanted = free.shown.busy.unwrap_or(cores);
        match () {
            _ if wanted < 0.5 => Some("off: the program mostly waits, the GIL does not matter.".to_string()),
            _ if wanted > cores * 1.5 => {
                Some(format!("{lead}, {wanted:.1} wanted: the machine is busy, so times say little."))
            }
            _ if cores < 1.3 => None,
            _ if is > was * 1.2 => Some(format!("{lead}, yet {:.1}x slower: {shared}.", is / was)),
            _ if was > is * 1.2 => Some(format!("{lead}, {:.1}x faster than {}.", was / is, base.mode)),
            _ => Some(format!("{lead}, but no faster than {}.", base.mode)),
        }
    }

    /// What the runs' own reports found surprising, each once with the modes that say it (figures stand in brackets).
    fn surprises(&self) -> Vec<String> {
        let all = self.rows.iter().flat_map(|r| r.shown.surprises.iter().map(|s| (r.mode, s.clone())));
        let said = grouped(all, |s| s.split(" (").next().unwrap_or(s));
        said.into_iter().map(|(modes, s)| format!("{modes}: {s}")).collect()
    }

    /// What a page says of all runs together.
    pub fn page(&self, file: &str) -> Json {
        let at = self.telling_line();
        let row = |r: &Row| {
            let o = &r.shown;
            Json::Map(vec![
                ("mode", r.mode.to_string().into()),
                ("wall", seconds(o.wall).into()),
                ("cpu", seconds(o.cpu).into()),
                ("cores", r.cores().map_or(Json::Null, Json::Real)),
                ("switches", o.switches.filter(|_| r.mode != Mode::Off).into()),
                ("compared", r.same.text().into()),
                ("shown", cut(&o.cell(at), 200).into()),
            ])
        };
        Json::Map(vec![
            ("file", file.into()),
            ("at", (at as u64).into()),
            ("modes", Json::List(self.rows.iter().map(row).collect())),
            ("verdict", self.verdicts().into()),
        ])
    }

    /// The same as JSON.
    pub fn json(&self, file: &str, repeat: u32) -> Json {
        let at = self.telling_line();
        let row = |r: &Row| {
            let o = &r.shown;
            Json::Map(vec![
                ("mode", r.mode.to_string().into()),
                ("wall_s", Json::Real(o.wall.as_secs_f64())),
                ("cpu_s", Json::Real(o.cpu.as_secs_f64())),
                ("cores", r.cores().map_or(Json::Null, Json::Real)),
                ("switches", o.switches.filter(|_| r.mode != Mode::Off).into()),
                ("exit_code", (o.code as u64).into()),
                ("output", String::from_utf8_lossy(&o.output).into_owned().into()),
                ("compared", r.same.text().into()),
                (
                    "first_difference",
                    o.lines().get(at).filter(|_| r.same == Same::Differs).map(|l| l.to_string()).into(),
                ),
                ("most_switches_on_line", o.hot.map(|h| h.0 as u64).into()),
                ("surprises", o.surprises.clone().into()),
            ])
        };
        Json::Map(vec![
            ("report", "compare".into()),
            ("file", file.into()),
            ("repeat", (repeat as u64).into()),
            ("modes", Json::List(self.rows.iter().map(row).collect())),
            ("changes_from_run_to_run", self.unsteady.into()),
            ("verdict", self.verdicts().into()),
        ])
    }
}

/// Texts of the same key once, with all modes that say them.
fn grouped(said: impl Iterator<Item = (Mode, String)>, key: fn(&str) -> &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    for (mode, text) in said {
        match out.iter_mut().find(|(_, t)| key(t) == key(&text)) {
            Some((modes, _)) => modes.push_str(&format!(", {mode}")),
            None => out.push((mode.to_string(), text)),
        }
    }
    out
}

fn seconds(d: Duration) -> String {
    let s = d.as_secs_f64();
    if s < 0.0995 { format!("{s:.3} s") } else { format!("{s:.2} s") }
}

/// Whether py310 has no switch point on that line but the jump back at a loop's end.
fn never_inside(code: &Code, line: u32) -> bool {
    let back = |word| jump_target(code, word).is_some_and(|t| t <= word);
    code.positions.iter().filter(|p| p.line == line).all(|p| back(p.word) || !switches_py310(code, p.word))
        && code.consts.iter().all(|c| match c {
            Const::Code(inner) => never_inside(inner, line),
            _ => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_told_apart() {
        assert_eq!(same("a\nb\n", "a\nb\n"), Same::Same);
        assert_eq!(same("a\nb\n", "b\na\n"), Same::Order);
        assert_eq!(same("took 0.21 s\n", "took 1.5 s\n"), Same::Times);
        assert_eq!(same("n = 21\n", "n = 22\n"), Same::Differs);
        assert_eq!(same("in 12ms 3 x\n", "in 15ms 4 x\n"), Same::Differs);
        assert_eq!(mask("took 0.213 s, 3 rounds, 1.5 seconds"), "took # s, 3 rounds, # seconds");
    }

    #[test]
    fn stopped_runs_are_compared_as_far_as_both_came() {
        let stopped = |text: &str| Outcome { code: TIMEOUT, output: text.into(), ..Outcome::default() };
        assert_eq!(classify(&stopped("a\nb\n"), &stopped("a\nb\nc\n")), Same::Same);
        assert_eq!(classify(&stopped("a\nb\n"), &stopped("a\nx\nc\n")), Same::Differs);
        let bytes = |b: &[u8]| Outcome { output: b.to_vec(), ..Outcome::default() };
        assert_eq!(classify(&bytes(&[255, 0]), &bytes(&[255, 0])), Same::Same);
        assert_eq!(classify(&bytes(&[255, 0]), &bytes(&[254, 0])), Same::Differs);
    }
}
