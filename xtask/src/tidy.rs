//! The rules that no compiler checks, as a list. Run by `check`, and by `cargo test` here.

mod code;
mod edges;
mod theme;
mod whole;

use crate::error::{Error, Result};
use crate::files;
use crate::process::root;
use std::fmt;
use std::path::Path;

/// A place that breaks a rule, and what to do about it.
#[derive(Debug, PartialEq)]
pub(crate) struct Finding {
    /// Relative to the workspace.
    file: String,
    /// From 1; 0 stands for the whole file.
    line: usize,
    what: String,
}

impl Finding {
    fn new(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what } = self;
        if *line == 0 { write!(f, "{file}: {what}") } else { write!(f, "{file}:{line}: {what}") }
    }
}

/// A text file of ours.
pub(crate) struct Source {
    /// Relative to the workspace, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|kind| kind == "rs")
    }
}

struct Rule {
    name: &'static str,
    check: fn(&[Source]) -> Result<Vec<Finding>>,
}

const RULES: [Rule; 9] = [
    Rule { name: "every Rust file says what it is", check: |all| Ok(each(all, header)) },
    Rule { name: "no source file is long", check: |all| Ok(each(all, length)) },
    Rule { name: "modules only look one way", check: |all| Ok(each(all, edges::check)) },
    Rule { name: "colours exist in both themes", check: |all| Ok(theme::themes(all)) },
    Rule { name: "colours of fields exist", check: |all| Ok(theme::fields(all)) },
    Rule { name: "no server crates in the page", check: |_| whole::page_dependencies() },
    Rule { name: "docs/fields.md is current", check: |_| Ok(whole::written_docs(root())) },
    Rule { name: "required files are there", check: |_| Ok(whole::required(root())) },
    Rule { name: "README and CI test alike", check: |_| Ok(whole::one_way_to_test(root())) },
];

/// Checks every rule; the error lists all that is wrong.
pub(crate) fn check() -> Result<()> {
    let sources = sources(root())?;
    let mut report = Vec::new();
    for Rule { name, check } in &RULES {
        for finding in check(&sources)? {
            report.push(format!("  {finding} ({name})"));
        }
    }
    if report.is_empty() {
        return Ok(());
    }
    Err(Error::say(format!("untidy:\n{}", report.join("\n"))))
}

fn sources(root: &Path) -> Result<Vec<Source>> {
    const KINDS: [&str; 5] = ["rs", "css", "html", "js", "svg"];
    let mut sources = Vec::new();
    for dir in ["shared", "backend", "frontend", "xtask", "static"] {
        for path in files::walk(&root.join(dir))? {
            if path.extension().is_some_and(|kind| KINDS.iter().any(|known| kind == *known)) {
                let text = files::read_text(&path)?;
                let path = path.strip_prefix(root).unwrap_or(&path);
                sources.push(Source { path: path.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    Ok(sources)
}

fn each(sources: &[Source], check: impl Fn(&Source) -> Vec<Finding>) -> Vec<Finding> {
    sources.iter().flat_map(check).collect()
}

fn header(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.text.starts_with("//!") {
        return Vec::new();
    }
    vec![Finding::new(&source.path, 1, "begin the file with `//!` and say what it is for")]
}

const MAX_LINES: usize = 400;

fn length(source: &Source) -> Vec<Finding> {
    let lines = source.text.lines().count();
    if lines <= MAX_LINES {
        return Vec::new();
    }
    let what = format!("{lines} lines; split it, {MAX_LINES} are the most");
    vec![Finding::new(&source.path, MAX_LINES + 1, what)]
}

#[cfg(test)]
mod tests {
    use super::{Finding, Source, header, length};

    #[test]
    fn the_workspace_is_tidy() {
        if let Err(error) = super::check() {
            panic!("{error}");
        }
    }

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_file_without_header_is_found() {
        let finding = header(&source("a/b.rs", "use x;\n")).remove(0);
        let says = "a/b.rs:1: begin the file with `//!` and say what it is for";
        assert_eq!(finding.to_string(), says);
        assert_eq!(header(&source("a/b.rs", "//! B.\n")), []);
        assert_eq!(header(&source("a/b.css", "p {}\n")), []);
    }

    #[test]
    fn a_long_file_is_found() {
        assert_eq!(length(&source("a.css", &"\n".repeat(400))), []);
        let long = length(&source("a.css", &"\n".repeat(401)));
        assert_eq!(long, [Finding::new("a.css", 401, "401 lines; split it, 400 are the most")]);
    }
}
