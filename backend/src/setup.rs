//! `headroom setup`: makes this machine the head of a cluster, or a node of one.
//!
//! What is not said is asked, all of it before anything is written. Settings are changed key by key, secrets
//! are made where there are none, and the service is started anew if its settings changed. To repeat it
//! changes nothing.

mod address;
mod agent;
mod edit;
mod files;
mod head;
mod pasted;
mod qr;
mod questions;
mod report;
mod service;

use std::io;
use std::path::Path;

use serde::Serialize;

use crate::config::SetupArgs;
use crate::error::{Error, print};
use crate::{prompt, secrets};

/// Does what is asked, and prints what came of it.
pub fn run(args: &SetupArgs) -> Result<(), Error> {
    if let Some(flag) = args.stray() {
        return Err(Error::Refused(format!(
            "{flag} is about a node, which is set up with --agent"
        )));
    }
    if args.agent { agent::run(args) } else { head::run(args) }
}

/// Whether there is somebody to ask. Who gives a secret through standard input is not asked for others.
fn may_ask(args: &SetupArgs) -> bool {
    let is_taken = [&args.head.password_file, &args.node.token_file]
        .into_iter()
        .any(|file| file.as_deref() == Some(Path::new("-")));
    !args.yes && !args.json && !is_taken && prompt::is_possible()
}

/// The secret in the first line of a file, or of standard input, where typing it is not shown.
fn secret_of(path: &Path, what: &str, most: usize) -> Result<String, Error> {
    if path == Path::new("-") && prompt::is_possible() {
        return prompt::hidden(&format!("The {what}: "));
    }
    secrets::first_line(path, most).map_err(|error| {
        Error::Refused(format!("cannot read the {what} in {}: {error}", path.display()))
    })
}

fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value);
    print(&(text.map_err(|error| Error::Output(io::Error::from(error)))? + "\n"))
}
