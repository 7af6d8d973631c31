//! The page of a command.

use clap::builder::PossibleValue;
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::words::Words;
use super::{Page, text};

/// The pages of a command and of those below it.
pub(super) fn pages(command: &Command, date: &str) -> Vec<Page> {
    let mut pages = Vec::new();
    add(&mut pages, command, None, date);
    pages
}

fn add(pages: &mut Vec<Page>, command: &Command, above: Option<&Command>, date: &str) {
    pages.push(page(command, above, date));
    for below in shown(command) {
        add(pages, below, Some(command), date);
    }
}

/// The commands below one that are for people.
fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|below| !below.is_hide_set())
}

/// What its page is called, such as `headroom-token-create`.
pub(super) fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command, above: Option<&Command>, date: &str) -> Page {
    let name = page_name(command);
    let words = Words::of(name);
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();

    let mut roff = text::title(name, "1", date);
    text::name(&mut roff, name, &about);
    let mut page = roff.render();
    let man = Man::new(command.clone().mut_args(brief));
    page += &of_library(|to| man.render_synopsis_section(to));

    let mut roff = Roff::new();
    let about = format!("{}.", about.trim_end_matches('.'));
    let further = command.get_after_help().map(ToString::to_string);
    let paragraphs = [about.as_str()].into_iter().chain(words.more.iter().copied());
    text::section(&mut roff, "DESCRIPTION", paragraphs.chain(further.as_deref()));
    page += &rest(&roff);
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        page += &of_library(|to| man.render_options_section(to));
    }

    let mut roff = Roff::new();
    if shown(command).next().is_some() {
        roff.control("SH", ["COMMANDS"]);
        for below in shown(command) {
            let term = vec![bold(page_name(below)), roman("(1)")];
            let about = below.get_about().map(ToString::to_string).unwrap_or_default();
            text::item(&mut roff, term, &about);
        }
    }
    environment(&mut roff, command);
    files(&mut roff, command);
    roff.control("SH", ["EXIT STATUS"]);
    text::item(&mut roff, vec![bold("0")], "It is done.");
    text::item(&mut roff, vec![bold("1")], words.fails);
    text::item(
        &mut roff,
        vec![bold("2")],
        "What was asked for cannot be, as it was said: an option, a setting, a file or an address is \
         wrong. Standard error says which, and what to say instead.",
    );
    examples(&mut roff, &words);
    see_also(&mut roff, command, above, &words);
    page += &rest(&roff);
    (format!("{name}.1"), page)
}

/// A part of a page that is not its first.
fn rest(roff: &Roff) -> String {
    text::of_library(roff.render().as_bytes())
}

fn of_library(write: impl Fn(&mut dyn std::io::Write) -> std::io::Result<()>) -> String {
    let mut written = Vec::new();
    // Memory takes it all.
    write(&mut written).ok();
    text::of_library(&written)
}

/// Variables have a section of their own, and what is yes or no needs no list.
fn brief(arg: Arg) -> Arg {
    let values = arg.get_possible_values();
    let is_bool = values.iter().map(PossibleValue::get_name).eq(["true", "false"]);
    arg.hide_env(true).hide_possible_values(is_bool)
}

fn environment(roff: &mut Roff, command: &Command) {
    let told = |arg: &&Arg| !arg.is_hide_set() && arg.get_env().is_some();
    let args: Vec<&Arg> = command.get_arguments().filter(told).collect();
    if args.is_empty() {
        return;
    }
    text::section(
        roff,
        "ENVIRONMENT",
        [
            "These variables stand for options. Options win over them, and they over the settings file. A \
          variable that begins with `HEADROOM_` and is not known is an error.",
        ],
    );
    for arg in args {
        let name = arg.get_env().unwrap_or_default().to_string_lossy();
        let option = format!("--{}", arg.get_long().unwrap_or_default());
        roff.control("TP", ["40"]).text([bold(name)]).text([bold(option)]);
    }
}

/// Files that a command may read or write, by the options that name others.
const FILES: [(&str, &str, &str); 6] = [
    ("config", "/etc/headroom/headroom.toml", "The settings, see `headroom.toml`(5)."),
    (
        "token_file",
        "/etc/headroom/secrets/token",
        "The token of this node, where `headroom setup --agent` puts it.",
    ),
    (
        "listen",
        "/etc/headroom/secrets",
        "Secrets of the owner, such as the passwords of channels, each in a file of its own. The services \
         read them through the service manager; nobody but root reads the directory.",
    ),
    (
        "data_dir",
        "/var/lib/headroom",
        "Where root's head, and the service, keeps tokens, the password, its certificate, history and \
         incidents. Of other users it is `~/.local/state/headroom`.",
    ),
    (
        "runtime_dir",
        "/run/headroom",
        "Readings of the head's own node that are not on disk yet, in RAM.",
    ),
    (
        "discover",
        "/run/headroom-agent",
        "Readings that the head does not have on its disk yet, in RAM, where the service runs the agent.",
    ),
];

fn files(roff: &mut Roff, command: &Command) {
    let has = |id: &str| command.get_arguments().any(|arg| arg.get_id() == id);
    let files: Vec<_> = FILES.iter().filter(|(id, ..)| has(id)).collect();
    if !files.is_empty() {
        roff.control("SH", ["FILES"]);
    }
    for (_, path, what) in files {
        text::item(roff, vec![bold(*path)], what);
    }
}

fn examples(roff: &mut Roff, words: &Words) {
    if words.examples.is_empty() {
        return;
    }
    roff.control("SH", ["EXAMPLES"]);
    for (place, (what, line)) in words.examples.iter().enumerate() {
        if place > 0 {
            roff.control("PP", []);
        }
        roff.text(text::marked(what));
        roff.control("PP", []).control("RS", ["4"]).control("nf", []);
        roff.text([bold(*line)]);
        roff.control("fi", []).control("RE", []);
    }
}

fn see_also(roff: &mut Roff, command: &Command, above: Option<&Command>, words: &Words) {
    let page = |command: &Command| format!("{}(1)", page_name(command));
    let mut pages: Vec<String> = above.into_iter().map(page).collect();
    pages.extend(shown(command).map(page));
    pages.extend(words.see.iter().map(|page| (*page).to_owned()));
    let is_named = words.see.contains(&"headroom.toml(5)");
    let has_settings = command.get_arguments().any(|arg| arg.get_id() == "config");
    if above.is_none() || has_settings && !is_named {
        pages.push("headroom.toml(5)".into());
    }
    text::see(roff, &pages);
}
