//! `headroom password`: sets the password of this machine's head.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use super::{MOST_BYTES, set};
use crate::config::PasswordArgs;
use crate::data;
use crate::error::{Error, tell};
use crate::prompt;
use crate::secrets::first_line;

/// Asks for a password, twice, or takes it from standard input, and keeps it.
pub fn run(args: PasswordArgs) -> Result<(), Error> {
    let dir = args.data.resolve()?;
    data::enter(&dir)?;
    let password = if args.stdin {
        let unreadable = |error| Error::Refused(format!("cannot read the password: {error}"));
        first_line(Path::new("-"), MOST_BYTES).map_err(unreadable)?
    } else if io::stdin().is_terminal() {
        let password = prompt::hidden("New password of the head's viewers: ")?;
        if prompt::hidden("Again: ")? != password {
            return Err(Error::Refused("the two differ; nothing was changed".into()));
        }
        password
    } else {
        let text = "there is no terminal to ask at; say --stdin to take the password from there";
        return Err(Error::Refused(text.into()));
    };
    set(&dir, &password)?;
    tell("the password is set, and everybody is signed out");
    Ok(())
}
