//! Man pages as `man` and `mandoc` read them, completions as bash makes them, and the document about
//! findings.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use headroom::{doctor, head};

use crate::support::{command, headroom};

/// Runs a tool to its end; what it says on standard output, and on standard error.
fn run(tool: &mut Command) -> (String, String) {
    let output = tool.output().unwrap_or_else(|error| panic!("{tool:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{tool:?}: {out}{err}");
    (out, err)
}

fn pages() -> (tempfile::TempDir, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let made = headroom(["manual", dir.path().join("man").to_str().unwrap()]);
    assert!(made.status.success() && made.stderr.is_empty() && made.stdout.is_empty());
    let files = fs::read_dir(dir.path().join("man")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    (dir, names)
}

/// As `man` shows it.
fn shown(page: &Path) -> String {
    let mut man = Command::new("man");
    man.args(["--warnings", "--local-file"]).arg(page);
    man.env("LC_ALL", "C.UTF-8").env("MANWIDTH", "100").env("MAN_KEEP_FORMATTING", "");
    let (text, complaints) = run(&mut man);
    assert_eq!(complaints, "", "{}", page.display());
    text
}

#[test]
fn man_shows_every_page_without_a_complaint() {
    let (dir, names) = pages();
    assert!(names.len() > 30, "{names:?}");
    for name in &names {
        let path = dir.path().join("man").join(name);
        let mut lint = Command::new("mandoc");
        run(lint.args(["-Tlint", "-Wwarning"]).arg(&path));
        let text = shown(&path);
        let (page, section) = name.rsplit_once('.').unwrap();
        // Lines are as long as the page is wide.
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(&format!("NAME {page} - ")), "{name}: {text}");
        let sections = match section {
            "1" => &[
                "NAME",
                "SYNOPSIS",
                "DESCRIPTION",
                "OPTIONS",
                "EXIT STATUS",
                "EXAMPLES",
                "SEE ALSO",
            ][..],
            "5" => {
                &["NAME", "SYNOPSIS", "DESCRIPTION", "[history]", "EXAMPLES", "FILES", "SEE ALSO"]
            }
            _ => &["NAME", "Where to look", "Findings", "SEE ALSO"],
        };
        for section in sections {
            assert!(
                text.lines().any(|line| line == *section),
                "{section} is not in {name}: {text}"
            );
        }
    }
    let page = |name: &str| shown(&dir.path().join("man").join(name));
    for flag in ["--listen <ADDR:PORT>", "--history-max-size <SIZE>", "HEADROOM_LISTEN"] {
        assert!(page("headroom-serve.1").contains(flag), "{flag}");
    }
    assert!(page("headroom.toml.5").contains("'s own"), "an apostrophe is one");
    let about = page("headroom-troubleshoot.7");
    assert!(about.contains("\n   psi_off\n") && about.contains("headroom-doctor(1)"), "{about}");
}

#[test]
fn bash_completes_commands_options_and_values() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("headroom");
    fs::write(&file, headroom(["completions", "bash"]).stdout).unwrap();
    // As the shell itself calls it: the words, and which of them is being typed.
    let script = "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                  complete -p headroom | grep -q -- '-F _headroom' || exit 9; \
                  _headroom headroom \"${@: -1}\" \"${@: -2:1}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let complete = |words: &[&str]| {
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", script, "bash"]).arg(&file).args(words);
        let out = run(&mut bash).0;
        out.lines().filter(|line| !line.is_empty()).map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["headroom", "do"]), ["doctor"]);
    assert_eq!(complete(&["headroom", "doctor", "--ask"]), ["--ask-firmware"]);
    assert_eq!(complete(&["headroom", "token", "rev"]), ["revoke"]);
    assert_eq!(complete(&["headroom", "token", "create", "pi-07", "--cou"]), ["--count"]);
    assert_eq!(complete(&["headroom", "export", "--format", "op"]), ["openmetrics"]);
    assert_eq!(complete(&["headroom", "completions", "zs"]), ["zsh"]);
    assert_eq!(complete(&["headroom", "man"]), [""; 0], "what is hidden is not completed");
    let serve = complete(&["headroom", "serve", "--hist"]);
    assert!(serve.iter().any(|word| word == "--history-max-size"), "{serve:?}");
    let all = complete(&["headroom", ""]);
    for word in ["agent", "free", "serve", "password"] {
        assert!(all.iter().any(|known| known == word), "{word}: {all:?}");
    }
}

#[test]
fn a_shell_that_is_not_known_is_refused() {
    let output = command().args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("zsh"));
}

#[test]
fn every_finding_has_a_paragraph() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/troubleshoot.md");
    let document = fs::read_to_string(document).unwrap();
    let (before, findings) = document.split_once("\n## Findings\n").unwrap();
    let (introduction, paragraphs) = findings.split_once("\n### ").unwrap();
    assert!(!introduction.contains("\n## "), "findings are the last part");
    let mut told = Vec::new();
    for paragraph in paragraphs.split("\n### ") {
        let (name, text) = paragraph.split_once('\n').unwrap();
        assert!(text.trim().len() > 100, "{name} is told too briefly: {text}");
        told.push(name);
    }
    let known: BTreeSet<&str> = doctor::names().into_iter().chain(head::FINDINGS).collect();
    let as_set: BTreeSet<&str> = told.iter().copied().collect();
    assert_eq!(as_set, known, "docs/troubleshoot.md, and what can be found");
    assert_eq!(told.len(), known.len(), "each is told once");
    // What links lead to is there.
    for (place, _) in document.match_indices("](#") {
        let target = document[place + 3..].split(')').next().unwrap();
        assert!(known.contains(target), "nothing is called #{target}");
    }
    for file in before.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next()) {
        let there = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(file);
        assert!(file.is_empty() || there.is_file(), "{file} is not there");
    }
}
