//! `headroom password`: sets the password of this machine's head.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use super::{MOST_BYTES, set};
use crate::config::PasswordArgs;
use crate::error::{Error, tell};
use crate::secrets::first_line;

/// Asks for a password, twice, or takes it from standard input, and keeps it.
pub fn run(args: PasswordArgs) -> Result<(), Error> {
    let dir = args.data.resolve()?;
    let password = if args.stdin {
        first_line(Path::new("-"), MOST_BYTES).map_err(|error| unreadable(&error))?
    } else if io::stdin().is_terminal() {
        let password = ask("New password of the head's viewers: ")?;
        if ask("Again: ")? != password {
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

/// The first line in `bytes`, without its end.
fn line(bytes: &[u8]) -> Result<String, Error> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let not_text = |_| Error::Refused("a password is text, in UTF-8".into());
    String::from_utf8(line.to_vec()).map_err(not_text)
}

fn unreadable(error: &io::Error) -> Error {
    Error::Refused(format!("cannot read the password: {error}"))
}

/// Asks at the terminal, which does not show what is typed.
#[cfg(unix)]
fn ask(question: &str) -> Result<String, Error> {
    use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};

    /// What Ctrl-C types while signals are off.
    const INTERRUPT: u8 = 3;

    /// Shows again what is typed.
    struct Restore(Termios);

    impl Drop for Restore {
        fn drop(&mut self) {
            rustix::termios::tcsetattr(io::stdin(), OptionalActions::Flush, &self.0).ok();
        }
    }

    let failed = |error: rustix::io::Errno| unreadable(&error.into());
    let before = rustix::termios::tcgetattr(io::stdin()).map_err(failed)?;
    let mut quiet = before.clone();
    // A signal would end the program before what is typed is shown again, so Ctrl-C ends the line.
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    quiet.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
    let restore = Restore(before);
    rustix::termios::tcsetattr(io::stdin(), OptionalActions::Flush, &quiet).map_err(failed)?;
    // Not before: what was typed until now is dropped.
    write!(io::stderr(), "{question}").ok();
    let mut bytes = Vec::new();
    let mut part = [0; 256];
    while bytes.len() <= MOST_BYTES {
        let count = io::stdin().lock().read(&mut part).map_err(|error| unreadable(&error))?;
        bytes.extend_from_slice(&part[..count]);
        if count == 0 || bytes.ends_with(b"\n") || bytes.ends_with(&[INTERRUPT]) {
            break;
        }
    }
    drop(restore);
    writeln!(io::stderr()).ok();
    if !bytes.ends_with(b"\n") {
        return Err(Error::Refused("nothing was changed".into()));
    }
    line(&bytes)
}

/// Asks at the terminal.
#[cfg(not(unix))]
fn ask(question: &str) -> Result<String, Error> {
    write!(io::stderr(), "{question}").ok();
    let mut text = String::new();
    io::stdin().read_line(&mut text).map_err(|error| unreadable(&error))?;
    line(text.as_bytes())
}
