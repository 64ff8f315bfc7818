//! The options as one table, and what is made of it: hints on misspelt ones, the manual page, completions for shells.
//! Invariant: an option that stands here is taken by `args`, and the other way round (a test asks each).

use std::fmt::Write;

/// What follows an option.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing.
    Nothing,
    /// One of these words, or a list of them.
    Words(&'static [&'static str]),
    /// Nothing or one of these words.
    MayWords(&'static [&'static str]),
    /// Nothing or a number.
    MayNumber,
    /// A file to be written.
    File,
    /// Something else, as the manual calls it.
    Other(&'static str),
}

/// One option.
pub struct Opt {
    /// Its name without dashes.
    pub name: &'static str,
    /// What follows it.
    pub takes: Takes,
    /// Whether `compare` takes it; all but the last three are options of a run.
    pub compare: bool,
    /// What it does, in one line.
    pub text: &'static str,
}

const MODES: &[&str] = &["py310", "py32", "py2", "ticks:97", "off"];
const REPORTS: &[&str] = &["gil", "locks", "procs", "exit", "all"];

const fn opt(name: &'static str, takes: Takes, compare: bool, text: &'static str) -> Opt {
    Opt { name, takes, compare, text }
}

/// All options with a long name; those of `compare` alone come last.
pub const OPTIONS: [Opt; 20] = [
    opt("gil", Takes::Words(MODES), false, "how threads share the interpreter"),
    opt("no-gil", Takes::Nothing, false, "free-threaded, as --gil=off"),
    opt("report", Takes::MayWords(REPORTS), false, "report on who ran and who waited"),
    opt("timeline", Takes::MayNumber, false, "draw the run as a chart in text"),
    opt("narrate", Takes::Nothing, false, "tell what the threads did, turn by turn"),
    opt("tag", Takes::Nothing, false, "begin each line of output with the thread that wrote it"),
    opt("trace", Takes::File, false, "write the run for Perfetto's viewer"),
    opt("html", Takes::File, true, "write a page to look into"),
    opt("json", Takes::File, true, "write the report as JSON"),
    opt("on-deadlock", Takes::Words(&["report", "exit", "raise", "off"]), false, "what to do at a deadlock"),
    opt("timeout", Takes::Other("SECS"), true, "list all threads and stop after that time"),
    opt("max-heap", Takes::Other("SIZE"), false, "memory limit, such as 64m"),
    opt("py2", Takes::Nothing, false, "run Python 2 text"),
    opt("pasted", Takes::Nothing, false, "mend text pasted from a page"),
    opt("color", Takes::Words(&["auto", "always", "never"]), true, "when to colour"),
    opt("help", Takes::Nothing, false, "help with examples"),
    opt("version", Takes::Nothing, false, "the version"),
    opt("modes", Takes::Words(MODES), true, "the GIL modes to compare, with commas between them"),
    opt("repeat", Takes::Other("N"), true, "runs in each mode"),
    opt("expect-same", Takes::Nothing, true, "exit code 65 if outputs differ"),
];
/// How many of them are options of a run.
const OF_RUN: usize = 17;

/// Options without a long name.
const SHORT: [(&str, &str); 7] = [
    ("-c CODE", "run a text"),
    ("-m MODULE", "run a module"),
    ("-i", "prompt afterwards"),
    ("-u", "write output at once"),
    ("-o FILE", "where reports in text go"),
    ("-V", "the version"),
    ("-h", "a short help"),
];

/// Names of the options of a run.
pub fn names() -> impl Iterator<Item = &'static str> {
    OPTIONS[..OF_RUN].iter().map(|o| o.name)
}

impl Opt {
    fn shown(&self) -> String {
        match self.takes {
            Takes::Nothing => format!("--{}", self.name),
            Takes::Words(w) => format!("--{}={}", self.name, w.join("|")),
            Takes::MayWords(w) => format!("--{}[={}]", self.name, w.join("|")),
            Takes::MayNumber => format!("--{}[=COLS]", self.name),
            Takes::File => format!("--{}=FILE", self.name),
            Takes::Other(what) => format!("--{}={what}", self.name),
        }
    }

    fn words(&self) -> &'static [&'static str] {
        match self.takes {
            Takes::Words(w) | Takes::MayWords(w) => w,
            _ => &[],
        }
    }
}

/// The manual page. `topics`: names and texts of the help.
pub fn manual(topics: &[(&str, &str)]) -> String {
    let plain = |text: &str| text.replace('\\', "\\e").replace('-', "\\-");
    let mut out = String::from(
        ".TH MINIPY 1\n.SH NAME\nminipy \\- a small Python\\-like language in which concurrency can be seen\n",
    );
    out.push_str(".SH SYNOPSIS\n.B minipy\n[options] FILE [args]\n.br\n.B minipy compare\nFILE [options] [\\-\\- args]\n");
    out.push_str(".br\n.B minipy dis\nFILE\n.br\n.B minipy atomic\nSTATEMENT\n.br\n.B minipy help\n[TOPIC]\n.SH OPTIONS\n");
    for (name, text) in SHORT {
        _ = write!(out, ".TP\n.B {}\n{text}\n", plain(name));
    }
    for (i, o) in OPTIONS.iter().enumerate() {
        if i == OF_RUN {
            out.push_str(".SH OPTIONS OF COMPARE\n");
        }
        _ = write!(out, ".TP\n.B {}\n{}\n", plain(&o.shown()), plain(o.text));
    }
    for (name, text) in topics {
        _ = write!(out, ".SH {}\n.nf\n", name.to_uppercase());
        for line in text.lines() {
            let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
            _ = writeln!(out, "{guard}{}", plain(line));
        }
        out.push_str(".fi\n");
    }
    out
}

/// Completions for a shell, if there are any for it. `topics`: names of the help.
pub fn completions(shell: &str, topics: &[&str]) -> Option<String> {
    let topics = topics.join(" ");
    match shell {
        "bash" => Some(bash(&topics)),
        "zsh" => Some(zsh(&topics)),
        "fish" => Some(fish(&topics)),
        _ => None,
    }
}

const COMMANDS: &str = "compare dis atomic fix help";

fn bash(topics: &str) -> String {
    let list = |options: &mut dyn Iterator<Item = &Opt>| {
        let word = |o: &Opt| match o.takes {
            Takes::Nothing | Takes::MayNumber | Takes::MayWords(_) => format!("--{}", o.name),
            _ => format!("--{}=", o.name),
        };
        options.map(word).collect::<Vec<_>>().join(" ")
    };
    let run = list(&mut OPTIONS[..OF_RUN].iter());
    let compare = list(&mut OPTIONS.iter().filter(|o| o.compare));
    let mut out = String::from(
        "_minipy() {\n    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} name\n",
    );
    out.push_str("    if [[ $word == = ]]; then name=$before word=; elif [[ $before == = ]]; then name=${COMP_WORDS[COMP_CWORD-2]}; fi\n");
    out.push_str("    case $name in\n");
    for o in OPTIONS.iter().filter(|o| !o.words().is_empty()) {
        _ = writeln!(
            out,
            "    --{}) COMPREPLY=($(compgen -W '{}' -- \"$word\")); return ;;",
            o.name,
            o.words().join(" ")
        );
    }
    out.push_str("    --?*) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n    esac\n");
    _ = writeln!(
        out,
        "    if [[ ${{COMP_WORDS[1]}} == help ]]; then COMPREPLY=($(compgen -W '{topics}' -- \"$word\")); return; fi"
    );
    _ = writeln!(
        out,
        "    local options='{run}'\n    [[ ${{COMP_WORDS[1]}} == compare ]] && options='{compare}'"
    );
    out.push_str("    if [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"$options\" -- \"$word\"))\n");
    _ = writeln!(
        out,
        "    elif (( COMP_CWORD == 1 )); then COMPREPLY=($(compgen -W '{COMMANDS}' -- \"$word\") $(compgen -f -- \"$word\"))"
    );
    out.push_str("    else COMPREPLY=($(compgen -f -- \"$word\")); fi\n    [[ ${COMPREPLY[0]} == *= ]] && compopt -o nospace\n}\ncomplete -o filenames -F _minipy minipy\n");
    out
}

fn zsh(topics: &str) -> String {
    let line = |o: &Opt| {
        let text = o.text.replace('\'', "'\\''");
        let tail = match o.takes {
            Takes::Nothing => String::new(),
            Takes::Words(w) | Takes::MayWords(w) => {
                format!(":{}:({})", o.name, w.join(" ").replace(':', "\\:"))
            }
            Takes::File => ":file:_files".to_string(),
            Takes::MayNumber => ":columns:".to_string(),
            Takes::Other(what) => format!(":{what}:"),
        };
        let equals = match o.takes {
            Takes::Nothing => "",
            Takes::MayWords(_) | Takes::MayNumber => "=-",
            _ => "=",
        };
        let colons = if matches!(o.takes, Takes::MayWords(_) | Takes::MayNumber) { ":" } else { "" };
        format!("'--{}{equals}[{text}]{colons}{tail}'", o.name)
    };
    let all =
        |options: &mut dyn Iterator<Item = &Opt>| options.map(line).collect::<Vec<_>>().join(" \\\n      ");
    let run = all(&mut OPTIONS[..OF_RUN].iter());
    let compare = all(&mut OPTIONS.iter().filter(|o| o.compare));
    format!(
        "#compdef minipy\n_minipy() {{\n  case $words[2] in\n  compare) shift words; (( CURRENT-- )); _arguments \\\n      {compare} \\\n      \
         '*:file:_files' ;;\n  help) _values topic {topics} ;;\n  *) _arguments \\\n      {run} \\\n      \
         '1:command or file:{{ _values command {COMMANDS}; _files }}' '*:file:_files' ;;\n  esac\n}}\n_minipy \"$@\"\n"
    )
}

fn fish(topics: &str) -> String {
    let mut out = String::new();
    _ = writeln!(out, "complete -c minipy -n __fish_is_first_arg -a '{COMMANDS}'");
    _ = writeln!(out, "complete -c minipy -f -n '__fish_seen_subcommand_from help' -a '{topics}'");
    for (i, o) in OPTIONS.iter().enumerate() {
        let when = match (i < OF_RUN, o.compare) {
            (true, true) => "",
            (true, false) => " -n 'not __fish_seen_subcommand_from compare'",
            (false, _) => " -n '__fish_seen_subcommand_from compare'",
        };
        let takes = match o.takes {
            Takes::Nothing | Takes::MayNumber => String::new(),
            Takes::Words(w) | Takes::MayWords(w) => format!(" -x -a '{}'", w.join(" ")),
            Takes::File => " -r -F".to_string(),
            Takes::Other(_) => " -x".to_string(),
        };
        _ = writeln!(
            out,
            "complete -c minipy{when} -l {}{takes} -d '{}'",
            o.name,
            o.text.replace('\'', "\\'")
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::args::{Around, parse};
    use super::*;

    #[test]
    fn the_table_is_what_is_taken() {
        let takes = |line: &str| {
            let words = line.split_whitespace().map(Into::into).collect();
            !parse(words, &Around::default()).is_err_and(|e| e.contains("option '--"))
        };
        for (i, o) in OPTIONS.iter().enumerate() {
            let value = match o.takes {
                Takes::Nothing => String::new(),
                Takes::Words(w) | Takes::MayWords(w) => format!("={}", w[0]),
                Takes::MayNumber => "=80".to_string(),
                Takes::File => "=f".to_string(),
                Takes::Other(_) => "=64000000".to_string(),
            };
            let text = format!("--{}{value}", o.name);
            assert_eq!(takes(&format!("{text} x.mp")), i < OF_RUN, "{text}");
            if o.compare {
                assert!(takes(&format!("compare {text} x.mp")), "{text}");
            }
        }
        assert_eq!(names().count(), OF_RUN);
    }

    #[test]
    fn shells_and_the_manual_know_every_option() {
        for shell in ["bash", "zsh", "fish"] {
            let text = completions(shell, &["gil", "ticks"]).unwrap();
            assert!(OPTIONS.iter().all(|o| text.contains(o.name)), "{text}");
        }
        assert!(completions("tcsh", &[]).is_none());
        let page = manual(&[("gil", ".x\n")]);
        assert!(page.contains("\\&.x") && OPTIONS.iter().all(|o| page.contains(&o.name.replace('-', "\\-"))));
    }
}
