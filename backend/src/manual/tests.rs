//! Each page has what its command declares, and no other.

use clap::Parser as _;

use super::*;

/// A page without what roff is told: words as they are read.
fn plain(page: &str) -> String {
    let text = page.replace("\\fB", "").replace("\\fR", "").replace("\\fI", "").replace("\\-", "-");
    let text = text.lines().filter(|line| !line.starts_with('.')).collect::<Vec<_>>().join(" ");
    text.replace("\\*(Aq", "'").replace("\\&", "").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn each_command(command: &clap::Command, with: &mut impl FnMut(&clap::Command)) {
    with(command);
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        each_command(below, with);
    }
}

#[test]
fn every_flag_stands_in_the_page_of_its_command() {
    let pages = pages();
    let mut seen = 0;
    each_command(&commands(), &mut |command| {
        let file = format!("{}.1", command::page_name(command));
        let (_, page) = pages.iter().find(|(name, _)| *name == file).unwrap();
        let page = plain(page);
        let what = text::briefly(&command.get_about().unwrap().to_string());
        assert!(page.starts_with(&format!("{} - {what} ", command::page_name(command))), "{page}");
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            let help = arg.get_long_help().or(arg.get_help()).unwrap().to_string().replace('`', "");
            let flag = arg.get_long().map_or(String::new(), |long| format!("--{long}"));
            assert!(page.contains(&flag) && page.contains(&help), "{file}: {flag}: {help}: {page}");
            if let Some(variable) = arg.get_env() {
                assert!(page.contains(variable.to_str().unwrap()), "{file}: {variable:?}");
            }
            seen += 1;
        }
        assert!(!page.contains('`'), "{file}: {page}");
    });
    assert!(seen > 200, "{seen}");
}

#[test]
fn every_command_has_examples_that_are_right() {
    let mut known = Vec::new();
    each_command(&commands(), &mut |command| known.push(command::page_name(command).to_owned()));
    for page in &known {
        assert!(
            !words::Words::of(page).examples.is_empty(),
            "manual/words.rs has no example of {page}"
        );
    }
    for words in words::WORDS {
        assert!(known.iter().any(|page| page == words.of), "there is no command {}", words.of);
        for (_, line) in words.examples {
            let of_shell = [" < ", " > ", " | ", ")"];
            let end = of_shell.iter().filter_map(|sign| line.find(sign)).min();
            let line = &line[..end.unwrap_or(line.len())];
            let start = line.find("headroom").unwrap();
            let line = line[start..].replace("SHA256", &"0".repeat(64));
            let parsed = Cli::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
        }
    }
}
