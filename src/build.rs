//! Compiles the library in minipy ahead, so that importing it parses nothing: one row per file below `stdlib/`, with
//! its text and its code in stored form.

use minipy_code::{Flags, Mode, compile, store};
use minipy_grammar::{Fault, LineIndex};
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=stdlib");
    println!("cargo::rerun-if-changed=src/build.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo names the output folder"));
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo names the package"));
    let mut files = Vec::new();
    walk(&root.join("stdlib"), "", &mut files);
    files.sort();
    let mut rows = String::from("&[\n");
    for (name, path) in &files {
        let code = match stored(name, path) {
            Ok(code) => code,
            Err(why) => {
                println!("cargo::error={why}");
                return;
            }
        };
        let file = out.join(format!("{name}.code"));
        fs::write(&file, code).expect("the output folder can be written to");
        let row = format!(
            "    Source {{ name: {name:?}, text: include_str!({path:?}), code: include_bytes!({file:?}) }},"
        );
        writeln!(rows, "{row}").expect("text takes text");
    }
    rows.push(']');
    fs::write(out.join("library.rs"), rows).expect("the output folder can be written to");
}

/// Modules below a folder, with their files.
fn walk(folder: &Path, prefix: &str, files: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(folder).expect("the library lies beside the sources").flatten() {
        let path = entry.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            walk(&path, &format!("{prefix}{stem}."), files);
        } else if path.extension().is_some_and(|e| e == "mp") {
            files.push((format!("{prefix}{stem}"), path));
        }
    }
}

/// The stored code of a file, under the name that tracebacks show.
fn stored(name: &str, path: &Path) -> Result<Vec<u8>, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let located = |fault: &Fault| {
        let (line, column) = LineIndex::new(&text).position(&text, fault.span.start);
        format!("{}:{line}:{column}: {}", path.display(), fault.message)
    };
    let tree = minipy_grammar::parse(&text, minipy_grammar::Mode::File).map_err(|f| located(f.first()))?;
    let shown = format!("<stdlib>/{}.mp", name.replace('.', "/"));
    let flags = Flags { library: true, ..Flags::default() };
    let code =
        compile(&tree, &text, &shown, Mode::Exec { namespace: false }, flags).map_err(|f| located(&f))?;
    Ok(store::encode(&code))
}
