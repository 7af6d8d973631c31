//! What whoever runs the program is told, on standard error: at a terminal as it is; in a log on one line,
//! and in the journal of systemd with what it weighs before it (sd-daemon(3)). What comes from others, such
//! as names of nodes, makes no line of its own there and steers no terminal. That nobody reads it ends
//! nothing, as `eprintln` would.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use crate::table::plain;

/// What a message weighs, as syslog(3) counts: who looks for trouble in the journal need not see the rest.
#[derive(Clone, Copy)]
enum Weight {
    Error = 3,
    Warning = 4,
    Info = 6,
}

/// The program ends for this, or does not do what it was asked for.
pub fn fail(message: impl Display) {
    write(Weight::Error, message);
}

/// Something is not as it should be.
pub fn tell(message: impl Display) {
    write(Weight::Warning, message);
}

/// Something is as it should be, and good to know afterwards.
pub fn inform(message: impl Display) {
    write(Weight::Info, message);
}

fn write(weight: Weight, message: impl Display) {
    let message = told(&message.to_string(), io::stderr().is_terminal());
    let text = if is_journal() {
        format!("<{}>{message}\n", weight as u8)
    } else {
        format!("headroom: {message}\n")
    };
    // Whole, so that nothing else gets between.
    io::stderr().write_all(text.as_bytes()).ok();
}

/// `text` as it is told. What stands on several lines, as errors of the settings file do, stays so at a
/// terminal; in a log it is one line, without the frame around its quotations.
fn told(text: &str, is_terminal: bool) -> String {
    if is_terminal {
        return text.split('\n').map(plain).collect::<Vec<_>>().join("\n");
    }
    let is_frame = |line: &str| line.chars().all(|c| matches!(c, '|' | '^' | ' ' | '\t'));
    let lines = text.split('\n').map(str::trim).filter(|line| !is_frame(line));
    lines.map(plain).collect::<Vec<_>>().join("; ")
}

/// Whether standard error goes to the journal: systemd says which file that is, and a shell in between may
/// have sent it elsewhere (systemd.exec(5), `$JOURNAL_STREAM`).
#[cfg(unix)]
fn is_journal() -> bool {
    static IS_JOURNAL: OnceLock<bool> = OnceLock::new();
    *IS_JOURNAL.get_or_init(|| {
        let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
        let Ok(file) = rustix::fs::fstat(io::stderr()) else { return false };
        stream == format!("{}:{}", file.st_dev, file.st_ino)
    })
}

#[cfg(not(unix))]
fn is_journal() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_settings_file_fits_on_one_line() {
        let error = toml::from_str::<crate::config::Settings>("listen = \"a\"\n").unwrap_err();
        let text = format!("the settings file is wrong: {error}");
        let line = told(&text, false);
        assert!(!line.contains('\n') && !line.contains('^'), "{line}");
        assert!(line.starts_with("the settings file is wrong: TOML parse error at line 1, column 10; 1 | listen = \"a\"; \"a\" is not an address"), "{line}");
        assert!(told(&text, true).lines().count() > 3);
        assert_eq!(told("as it was", false), "as it was");
    }

    #[test]
    fn nobody_forges_a_line() {
        for is_terminal in [true, false] {
            let forged = told("a\u{1b}[2J\rheadroom: b\u{202e}", is_terminal);
            assert_eq!(forged, "a\\u{1b}[2J\\u{d}headroom: b\\u{202e}");
        }
        assert_eq!(told("pi\nheadroom: all is well", false), "pi; headroom: all is well");
    }
}
