//! Each page has what its command declares, and no other.

mod example;

use clap::Parser as _;
use shared::alert::Harm;

use super::*;
use crate::config::Settings;

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
            let line = &line[line.find("headroom").unwrap()..];
            let of_shell = [" < ", " > ", " | ", ")"];
            let end = of_shell.iter().filter_map(|sign| line.find(sign)).min();
            let line = line[..end.unwrap_or(line.len())].replace("SHA256", &"0".repeat(64));
            let parsed = Cli::try_parse_from(line.split(' '));
            assert!(parsed.is_ok(), "{line}: {}", parsed.err().unwrap());
        }
    }
}

/// Which keys `serde` takes in a table, by what it says of one that it does not.
fn taken(table: &str) -> Vec<String> {
    let text = if table.is_empty() {
        "no_such_key = 1".into()
    } else {
        format!("{}\nno_such_key = 1", table.replace("NAME", "low_share"))
    };
    let error = toml::from_str::<Settings>(&text).unwrap_err();
    expected(&error.to_string())
}

/// The same of a channel of some kind.
fn taken_by_channel(kind: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("headroom.toml");
    let text = format!("[[alerts.channels]]\nname = \"x\"\nkind = {kind:?}\nno_such_key = 1\n");
    fs::write(&path, text).unwrap();
    let cli = Cli::try_parse_from(["headroom", "--config", path.to_str().unwrap()]).unwrap();
    expected(&cli.serve.resolve().unwrap_err().chain().to_string())
}

fn expected(error: &str) -> Vec<String> {
    let (_, keys) = error.split_once("unknown field `no_such_key`, expected ").unwrap();
    let keys = keys.lines().next().unwrap().split('`').skip(1).step_by(2);
    let mut keys: Vec<String> = keys.map(String::from).collect();
    keys.sort();
    keys
}

#[test]
fn the_page_of_settings_has_the_keys_that_the_file_takes() {
    let (_, page) = settings::page("2026-01-01");
    let tables = settings::tables();
    let headings: Vec<_> = tables.iter().map(|table| table.heading.as_str()).collect();
    for table in &tables {
        let heading = table.heading.replace("]] ", "]], of kind ");
        let heading = if heading.is_empty() { "SETTINGS OF THE HEAD" } else { &heading };
        let section =
            page.split(".SH ").find(|part| part.trim_start_matches('"').starts_with(heading));
        let section = section.unwrap_or_else(|| panic!("{heading} is not in {page}"));
        for key in &table.keys {
            assert!(
                section.contains(&format!("\\fB{}\\fR = ", key.name)),
                "{}: {section}",
                key.name
            );
        }
        let of_path = table.heading.trim_matches(['[', ']']);
        let mut keys: Vec<String> = table
            .keys
            .iter()
            .filter_map(|key| Some(key.name.split('.').next()?.to_owned()))
            .collect();
        // Tables within it have sections of their own.
        let below = headings.iter().filter_map(|other| {
            let other = other.strip_prefix('[')?.trim_matches(['[', ']']);
            let rest = if of_path.is_empty() {
                Some(other)
            } else {
                other.strip_prefix(of_path)?.strip_prefix('.')
            };
            rest?.split(['.', ' ', ']']).next().filter(|name| *name != "NAME")
        });
        if !table.heading.contains(' ') {
            keys.extend(below.map(String::from));
        }
        keys.sort();
        keys.dedup();
        let taken = match table.heading.strip_prefix("[[alerts.channels]]") {
            // What all kinds have is one struct, by which the file is read.
            Some("") => keys.clone(),
            Some(kind) => taken_by_channel(kind.trim()),
            None => taken(&table.heading),
        };
        assert_eq!(keys, taken, "{}", table.heading);
    }
    for heading in
        ["", "[history]", "[alerts.rules.NAME]", "[[alerts.channels]] email", "[export.mqtt]"]
    {
        assert!(headings.contains(&heading), "{heading:?} is not in {headings:?}");
    }
    for odd in ["[`", "Self::", "::", "See ["] {
        assert!(!page.contains(odd), "{odd} is for those who read the code: {page}");
    }
    for harm in Harm::ALL {
        assert!(page.contains(&format!("\\fB{}\\fR", harm.def().id)), "{harm:?}");
    }
}

#[test]
fn pages_name_only_pages_that_there_are() {
    let pages = pages();
    for (file, page) in &pages {
        let page = plain(page);
        for (place, _) in page.match_indices("headroom") {
            let word = page[place..].split([' ', ',', ';', '/']).next().unwrap();
            let Some((name, section)) = word.split_once('(') else { continue };
            let section = section.split(')').next().unwrap();
            let named = format!("{name}.{section}");
            assert!(pages.iter().any(|(file, _)| *file == named), "{file} names {word}");
        }
    }
}
