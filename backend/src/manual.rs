//! `headroom completions` and `headroom manual`: commands, options and settings as shells complete them and
//! as man pages tell them, from their own declarations.

mod command;
mod settings;
mod text;
mod troubleshoot;
mod words;

use std::env;
use std::fs;

use clap::CommandFactory as _;
use time::OffsetDateTime;

use crate::config::{Cli, CompletionsArgs, ManualArgs};
use crate::error::{self, Error};

/// A man page: the name of its file, such as `headroom-free.1`, and what stands in it.
pub type Page = (String, String);

/// Prints what a shell completes commands and options with.
pub fn completions(args: &CompletionsArgs) -> Result<(), Error> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut commands(), "headroom", &mut text);
    error::print(&String::from_utf8_lossy(&text))
}

/// Writes all man pages.
pub fn write(args: &ManualArgs) -> Result<(), Error> {
    let refused = |path: &std::path::Path| {
        let path = path.to_owned();
        move |source| Error::File { what: "write", path, source }
    };
    fs::create_dir_all(&args.dir).map_err(refused(&args.dir))?;
    for (name, text) in pages() {
        let path = args.dir.join(name);
        fs::write(&path, text).map_err(refused(&path))?;
    }
    Ok(())
}

/// All man pages.
#[must_use]
pub fn pages() -> Vec<Page> {
    let date = date();
    let mut pages = command::pages(&commands(), &date);
    pages.push(settings::page(&date));
    pages.push(troubleshoot::page(&date));
    pages
}

/// The command line as people are told of it: without commands that are hidden, and without `help`, which
/// has no page.
fn commands() -> clap::Command {
    let all = Cli::command();
    let shown = all.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    let mut commands = clap::Command::new("headroom")
        .version(env!("CARGO_PKG_VERSION"))
        .about(all.get_about().cloned().unwrap_or_default())
        .after_help(all.get_after_help().cloned().unwrap_or_default())
        .args_conflicts_with_subcommands(true)
        .disable_help_subcommand(true)
        .args(all.get_arguments().cloned())
        .subcommands(shown);
    commands.build();
    commands
}

/// The date of the pages: when the package was made (<https://reproducible-builds.org/specs/source-date-epoch>),
/// else today.
fn date() -> String {
    let epoch = env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let then = epoch.and_then(|epoch| OffsetDateTime::from_unix_timestamp(epoch).ok());
    then.unwrap_or_else(OffsetDateTime::now_utc).date().to_string()
}

#[cfg(test)]
mod tests;
