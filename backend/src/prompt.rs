//! Asks whoever sits at the terminal.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use crate::error::Error;

/// Bytes of an answer at most.
const MOST_BYTES: usize = 4096;

/// Whether somebody sits there to be asked.
#[must_use]
pub fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks `question`. Typing is seen. Blanks around the answer are left out.
pub fn shown(question: &str) -> Result<String, Error> {
    write!(io::stderr(), "{question}").ok();
    let mut bytes = Vec::new();
    let mut part = [0; 256];
    while bytes.len() <= MOST_BYTES && !bytes.ends_with(b"\n") {
        let count = io::stdin().lock().read(&mut part).map_err(|error| unreadable(&error))?;
        if count == 0 {
            // Control-D.
            writeln!(io::stderr()).ok();
            return Err(unchanged());
        }
        bytes.extend_from_slice(&part[..count]);
    }
    Ok(line(&bytes)?.trim().to_owned())
}

/// Asks for a secret: the terminal does not show what is typed.
#[cfg(unix)]
pub fn hidden(question: &str) -> Result<String, Error> {
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
        return Err(unchanged());
    }
    line(&bytes)
}

/// Asks at the terminal.
#[cfg(not(unix))]
pub fn hidden(question: &str) -> Result<String, Error> {
    shown(question)
}

/// The first line in `bytes`, without its end.
fn line(bytes: &[u8]) -> Result<String, Error> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let not_text = |_| Error::Refused("an answer is text, in UTF-8".into());
    String::from_utf8(line.to_vec()).map_err(not_text)
}

fn unchanged() -> Error {
    Error::Refused("nothing was changed".into())
}

fn unreadable(error: &io::Error) -> Error {
    Error::Refused(format!("cannot read the answer: {error}"))
}
