//! Finding the program's text: a file, a module, `-c`, standard input. Invariant: what cannot be read is one line
//! on stderr, with the exit code that it deserves.

use super::args::{Program, missing};
use super::library::SOURCES;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A program ready to be compiled.
#[derive(Debug)]
pub struct Script {
    /// Its text.
    pub text: Vec<u8>,
    /// The name that tracebacks show.
    pub name: String,
    /// `__file__`, if it has one.
    pub file: Option<String>,
    /// `sys.argv[0]`.
    pub argv0: String,
    /// `sys.path[0]`.
    pub folder: String,
    /// The package of `-m`.
    pub package: Option<String>,
}

impl Script {
    /// The name for reports: without its folder.
    pub fn short(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// Why there is no program: the line to show and the exit code.
pub type Missing = (String, i32);

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf()).to_string_lossy().into_owned()
}

/// Reads the program. The prompt has none.
pub fn read(program: &Program) -> Result<Option<Script>, Missing> {
    Ok(Some(match program {
        Program::Prompt => return Ok(None),
        Program::File(name) => file(name)?,
        Program::Code(text) => Script {
            text: format!("{text}\n").into_bytes(),
            name: "<string>".to_string(),
            file: None,
            argv0: "-c".to_string(),
            folder: String::new(),
            package: None,
        },
        Program::Stdin => {
            let mut text = Vec::new();
            std::io::stdin()
                .lock()
                .read_to_end(&mut text)
                .map_err(|e| (format!("can't read standard input: {e}"), 1))?;
            Script {
                text,
                name: "<stdin>".to_string(),
                file: None,
                argv0: "-".to_string(),
                folder: String::new(),
                package: None,
            }
        }
        Program::Module(name) => module(name)?,
    }))
}

/// A file, or the `__main__` of a folder.
fn file(name: &str) -> Result<Script, Missing> {
    let given = Path::new(name);
    let inner = ["__main__.mp", "__main__.py"].map(|m| given.join(m)).into_iter().find(|m| m.is_file());
    let path = match inner {
        Some(main) => main,
        None if given.is_dir() => return Err((format!("can't find '__main__' module in '{name}'"), 1)),
        None => given.to_path_buf(),
    };
    let text = std::fs::read(&path).map_err(|e| {
        let errno = e.raw_os_error().unwrap_or(libc::EIO);
        let why = e.to_string();
        (missing(name, errno, why.split(" (os error").next().unwrap_or(&why)), super::USAGE)
    })?;
    let real = path.canonicalize().unwrap_or_else(|_| PathBuf::from(absolute(&path)));
    let shown = absolute(&path);
    Ok(Script {
        text,
        name: shown.clone(),
        file: Some(shown),
        argv0: name.to_string(),
        folder: real.parent().map_or(String::new(), |p| p.to_string_lossy().into_owned()),
        package: None,
    })
}

/// A module by name: beside us, on MINIPY_PATH, in the library.
fn module(name: &str) -> Result<Script, Missing> {
    let parts = name.split('.').collect::<PathBuf>();
    let folders = std::iter::once(PathBuf::from(".")).chain(search_path().into_iter().map(PathBuf::from));
    for folder in folders {
        let at = folder.join(&parts);
        for (path, package) in [
            (at.join("__main__.mp"), true),
            (at.join("__main__.py"), true),
            (at.with_extension("mp"), false),
            (at.with_extension("py"), false),
        ] {
            if let Ok(text) = std::fs::read(&path) {
                let shown = absolute(&path);
                let here = std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned();
                let parent = if package { Some(name) } else { name.rsplit_once('.').map(|p| p.0) };
                return Ok(Script {
                    text,
                    name: shown.clone(),
                    file: Some(shown.clone()),
                    argv0: shown,
                    folder: here,
                    package: Some(parent.unwrap_or("").to_string()),
                });
            }
        }
    }
    for (wanted, package) in [(format!("{name}.__main__"), true), (name.to_string(), false)] {
        if let Some(source) = SOURCES.iter().find(|s| s.name == wanted) {
            let shown = format!("<stdlib>/{}.mp", wanted.replace('.', "/"));
            let parent = if package { name } else { name.rsplit_once('.').map_or("", |p| p.0) };
            return Ok(Script {
                text: source.text.as_bytes().to_vec(),
                name: shown.clone(),
                file: Some(shown.clone()),
                argv0: shown,
                folder: std::env::current_dir().unwrap_or_default().to_string_lossy().into_owned(),
                package: Some(parent.to_string()),
            });
        }
    }
    if SOURCES.iter().any(|s| s.name.strip_suffix(".__init__") == Some(name)) {
        let text =
            format!("No module named {name}.__main__; '{name}' is a package and cannot be directly executed");
        return Err((text, 1));
    }
    Err((format!("No module named {name}"), 1))
}

/// Folders of MINIPY_PATH.
pub fn search_path() -> Vec<String> {
    let value = std::env::var("MINIPY_PATH").unwrap_or_default();
    value.split(':').filter(|p| !p.is_empty()).map(String::from).collect()
}
