//! Rows: the instructions of one thread that stand together (a source line, or a round of a loop), and their text.
//! Invariant: no line of text is wider than 80 cells, whatever names and values the script has.

use super::super::table::{WIDTH, count, cut};
use crate::run::event::seen::{Access, Calls, End, Op, Short, Site, Step};
use minipy_grammar::display_width;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Most instructions of a row.
const PIECES: usize = 24;
/// Widest text of one instruction.
const PIECE: usize = 48;

/// One instruction, or some of the library's.
#[derive(Clone, Debug, Default)]
pub struct Piece {
    /// The instruction; none: the library's.
    site: Option<Arc<Site>>,
    line: u32,
    file: Option<Arc<str>>,
    value: Option<Short>,
    index: Option<Short>,
    args: Option<String>,
    prints: Option<String>,
    taken: bool,
    /// Whether it has ended.
    pub ended: bool,
    /// Instructions of the library inside.
    pub inside: u64,
    /// A lock was acquired or released by it.
    pub locked: bool,
    /// What happened meanwhile.
    notes: Vec<String>,
    /// What a store has lost.
    lost: Option<String>,
    /// In what of the library the thread is; what came back to it.
    text: String,
}

impl Piece {
    /// An instruction that begins.
    pub fn step(step: &Step) -> Piece {
        Piece {
            site: Some(step.site.clone()),
            line: step.site.line,
            file: step.file.clone(),
            value: step.value.clone(),
            index: step.index.clone(),
            args: step.args.clone(),
            prints: step.prints.clone(),
            ..Piece::default()
        }
    }

    /// Instructions of the library, called from where that instruction stands.
    pub fn library(text: String, from: Option<&Step>) -> Piece {
        let (line, file) = from.map_or((0, None), |s| (s.site.line, s.file.clone()));
        Piece { text, ended: true, line, file, ..Piece::default() }
    }

    /// Whether it is a call that has not come back.
    pub fn is_open_call(&self) -> bool {
        !self.ended && self.site.as_ref().is_some_and(|s| s.calls.is_some() || s.verb == "IMPORT")
    }

    /// Whether it stands for instructions of the library.
    pub fn is_library(&self) -> bool {
        self.site.is_none()
    }

    /// A loop goes on with another round.
    fn is_round(&self) -> bool {
        self.taken && self.site.as_ref().is_some_and(|s| s.back)
    }

    fn end(&mut self, end: &End) {
        let calls = self.site.as_ref().is_some_and(|s| s.calls.is_some() || s.verb == "IMPORT");
        self.ended = *end != End::Entered || !calls;
        match end {
            End::Done { value, taken, .. } => {
                self.taken = *taken;
                if value.is_some() {
                    self.value = value.clone();
                }
            }
            End::Entered => {}
            End::Raised(name) => self.notes.push(format!("raises {name}")),
        }
    }

    fn sign(&self, h: &mut DefaultHasher, at: usize) {
        at.hash(h);
        self.lost.is_some().hash(h);
        for n in &self.notes {
            n.split(' ').next().hash(h);
        }
    }

    fn text(&self) -> String {
        let mut out = match &self.site {
            None => self.text.clone(),
            Some(site) => self.told(site),
        };
        if self.inside > 0 {
            out.push_str(&format!(" [{} inside]", count(self.inside)));
        }
        let mut out = cut(&out, PIECE);
        for (i, note) in self.notes.iter().enumerate() {
            out.push_str(if i == 0 { ": " } else { ", " });
            out.push_str(note);
        }
        if let Some(lost) = &self.lost {
            out.push_str(&format!("   LOST: {lost}"));
        }
        out
    }

    fn told(&self, s: &Site) -> String {
        if let Some(text) = &self.prints {
            return format!("prints {text}");
        }
        let about = match (s.about.is_empty(), &self.index) {
            (true, _) => String::new(),
            (_, Some(key)) => format!(" {}", s.about.replace("(...)", &key.to_string())),
            _ => format!(" {}", s.about),
        };
        // What a name stands for is worth saying only if it is data.
        let data = self.value.as_ref().filter(|v| match v {
            Short::Int(_) => true,
            Short::Word(w) => !w.ends_with(" object") && !DULL.iter().any(|d| w.starts_with(d)),
        });
        let gives = |sign: &str| data.map_or(String::new(), |v| format!(" {sign} {v}"));
        let local = s.local.as_ref().filter(|n| *n != "_" && self.ended);
        let into = local.map_or(String::new(), |n| format!("{n} = "));
        match s.verb.as_str() {
            "STORE" => format!("STORE{about}{}", gives("<-")),
            "TEST" if self.ended => {
                let holds = s.jump_if.map(|j| j == self.taken);
                let holds = holds.or(self.value.as_ref().map(|v| v.to_string() == "True"));
                format!("TEST{about}{}", holds.map_or("", |h| if h { ": yes" } else { ": no" }))
            }
            "NEXT" if self.ended && !self.taken => "NEXT: end".to_string(),
            "NEXT" => match (local, &self.value) {
                (Some(n), Some(v)) => format!("NEXT {n} = {v}"),
                _ => "NEXT".to_string(),
            },
            "CALL" => match s.calls {
                Some(Calls::Enter) if !self.notes.is_empty() && !self.locked => s.about.clone(),
                Some(Calls::Enter) => {
                    format!("{}: {}", s.about, if self.locked { "acquire" } else { "enter" })
                }
                Some(Calls::Exit) => {
                    format!("{}: {}", s.about, if self.locked { "release" } else { "leave" })
                }
                _ => {
                    let value = self.value.as_ref().filter(|v| self.ended && v.to_string() != "None");
                    let value = value.map_or(String::new(), |v| format!(" -> {v}"));
                    format!("{into}CALL{about}({}){value}", self.args.as_deref().unwrap_or(""))
                }
            },
            "CONST" => match (&self.value, local) {
                (Some(v), Some(n)) => format!("{n} = {v}"),
                (Some(v), None) => format!("CONST {v}"),
                _ => "CONST".to_string(),
            },
            "MOVE" => match (data, local) {
                (Some(v), Some(n)) => format!("{n} = {v}"),
                _ => "MOVE".to_string(),
            },
            "RETURN" | "RAISE" | "YIELD" => {
                let value = self.value.as_ref().filter(|v| v.to_string() != "None");
                format!("{}{}", s.verb, value.map_or(String::new(), |v| format!(" {v}")))
            }
            "ITER" | "FUNCTION" | "IMPORT" => format!("{}{about}", s.verb),
            verb => format!("{into}{verb}{about}{}", gives("->")),
        }
    }
}

/// Values that say no more than the name they stand under.
const DULL: [&str; 5] = ["builtin", "method", "function", "class ", "module"];

/// Instructions that stand together.
#[derive(Clone, Debug)]
pub struct Row {
    frame: usize,
    pieces: Vec<Piece>,
    hash: DefaultHasher,
    /// Instructions in it, those of the library included.
    pub instructions: u64,
    /// Lost updates in it.
    pub lost: u64,
    /// Place in the order of all instructions at which it began.
    pub from: u64,
    /// Whether another thread ran meanwhile.
    pub beside: bool,
    last: usize,
}

impl Row {
    /// An empty row of that frame.
    pub fn new(frame: usize, from: u64) -> Row {
        let hash = DefaultHasher::new();
        Row { frame, pieces: Vec::new(), hash, instructions: 0, lost: 0, from, beside: false, last: 0 }
    }

    /// Whether the instruction stands in another row.
    pub fn breaks(&self, step: &Step) -> bool {
        let Some(last) = self.pieces.last() else { return false };
        let s = &step.site;
        let first = self.pieces.iter().all(|p| p.line == s.line);
        let other = last.line != s.line || last.file != step.file;
        self.frame != step.frame
            || self.pieces.len() >= PIECES
            || other && !last.is_round()
            || s.op == Op::ForIter
            || s.back && !first
    }

    /// Adds an instruction.
    pub fn push(&mut self, piece: Piece, at: usize) {
        if let Some(p) = self.pieces.last() {
            p.sign(&mut self.hash, self.last);
        }
        self.instructions += piece.site.is_some() as u64;
        self.last = at;
        self.pieces.push(piece);
    }

    /// The last instruction.
    pub fn last(&mut self) -> Option<&mut Piece> {
        self.pieces.last_mut()
    }

    /// Whether the last instruction has not ended.
    pub fn is_open(&self) -> bool {
        self.pieces.last().is_some_and(|p| !p.ended && !p.is_library())
    }

    /// The last instruction has ended.
    pub fn end(&mut self, end: &End) {
        if let Some(p) = self.pieces.last_mut() {
            p.end(end);
        }
    }

    /// Something happened during the last instruction.
    pub fn note(&mut self, text: String) {
        if self.pieces.is_empty() {
            self.push(Piece::library("in the library".to_string(), None), 0);
        }
        if let Some(p) = self.pieces.last_mut()
            && p.notes.len() < 4
        {
            p.notes.push(text);
        }
    }

    /// The last instruction overwrote something.
    pub fn lost(&mut self, text: String) {
        self.lost += 1;
        if let Some(p) = self.pieces.last_mut() {
            p.lost = Some(text);
        }
    }

    /// The name of what the last instruction lost, and its line.
    pub fn place(&self) -> Option<(u32, String)> {
        let site = self.pieces.last()?.site.as_ref()?;
        matches!(site.place, Some((Access::Write, _))).then(|| (site.line, site.about.clone()))
    }

    /// A number that rows of the same instructions share.
    pub fn signature(&self) -> u64 {
        let mut h = self.hash.clone();
        if let Some(p) = self.pieces.last() {
            p.sign(&mut h, self.last);
        }
        h.finish()
    }

    /// Whether it tells of nothing but instructions of the library.
    pub fn is_library(&self) -> bool {
        self.pieces.iter().all(|p| p.is_library() && p.notes.is_empty())
    }

    /// Whether it has instructions of the script.
    pub fn has_steps(&self) -> bool {
        self.pieces.iter().any(|p| !p.is_library())
    }

    /// The row in one line, behind a row that ended at that line of that file.
    pub fn line(&self, label: &mut (u32, Option<Arc<str>>)) -> String {
        let mut out = String::new();
        for p in &self.pieces {
            if !out.is_empty() {
                out.push_str(" | ");
            }
            let here = (p.line, p.file.clone());
            if p.line > 0 && here != *label {
                *label = here;
                let file = p.file.as_ref().map(|f| f.rsplit('/').next().unwrap_or(f));
                out.push_str(&file.map_or(String::new(), |f| format!("{f} ")));
                out.push_str(&format!("line {}   ", p.line));
            }
            out.push_str(&p.text());
        }
        out
    }

    /// The row as lines: the first behind `lead`, the others indented by `indent` cells.
    pub fn text(&self, lead: &str, indent: usize) -> String {
        let mut lines = Lines { out: String::new(), line: lead.to_string(), indent, empty: true };
        let mut label: (u32, &Option<Arc<str>>) = (0, &None);
        for p in &self.pieces {
            let here = (p.line, &p.file);
            let mut text = p.text();
            if p.line > 0 && (lines.empty || here != label) {
                label = here;
                let file = p.file.as_ref().map(|f| f.rsplit('/').next().unwrap_or(f));
                let file = file.map_or(String::new(), |f| format!("{f} "));
                text = format!("{file}line {}   {text}", p.line);
            }
            lines.add(&text);
        }
        lines.end()
    }
}

struct Lines {
    out: String,
    line: String,
    indent: usize,
    empty: bool,
}

impl Lines {
    fn add(&mut self, text: &str) {
        let between = if self.empty { "" } else { " | " };
        if !self.empty && display_width(&self.line) + between.len() + display_width(text) > WIDTH - 2 {
            self.out.push_str(self.line.trim_end());
            self.out.push_str(" |\n");
            self.line = " ".repeat(self.indent + 2);
        } else {
            self.line.push_str(between);
        }
        self.line.push_str(text);
        self.empty = false;
        // Two cells are for the sign that the row goes on.
        if display_width(&self.line) > WIDTH - 2 {
            // A store and what it has lost are told in two lines if they must be.
            if let Some((store, lost)) = self.line.clone().rsplit_once("   LOST: ") {
                self.out.push_str(&cut(store, WIDTH));
                self.out.push('\n');
                self.line = format!("{}LOST: {lost}", " ".repeat(self.indent + 4));
            }
            self.line = cut(&self.line, WIDTH - 2);
        }
    }

    fn end(mut self) -> String {
        self.out.push_str(self.line.trim_end());
        self.out.push('\n');
        self.out
    }
}
