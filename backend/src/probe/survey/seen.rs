//! Files that were looked at, and how what stood there is quoted.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::probe::text;

/// More than this of one file is not read: the largest of them, mountinfo, is far below.
const MOST_BYTES: u64 = 1 << 20;

/// Quotes longer than this are cut: one line of a terminal or two.
const MOST_CHARS: usize = 160;

/// A file that was looked at, and what stood there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub content: Content,
}

/// What stood in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// There is no such file.
    #[default]
    Absent,
    /// It may not be read.
    Denied,
    /// It cannot be read; what the system said.
    Failed(String),
    /// Its text; what is no UTF-8 is replaced.
    Text(String),
}

impl Seen {
    /// Looks at `path`.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        let content = match bytes(&path) {
            Ok(bytes) => Content::Text(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Content::Absent,
                io::ErrorKind::PermissionDenied => Content::Denied,
                _ => Content::Failed(error.to_string()),
            },
        };
        Self { path, content }
    }

    /// Its text, if it could be read.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            Content::Absent | Content::Denied | Content::Failed(_) => None,
        }
    }

    /// Its text without blanks around it and the NUL that ends those of a device tree.
    #[must_use]
    pub fn word(&self) -> Option<&str> {
        self.text().map(|text| text.trim_matches(['\0', ' ', '\t', '\n', '\r']))
    }

    /// The one number that it holds, in decimal.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.word()?.parse().ok()
    }

    /// The number of the line `key: number` (`/proc/meminfo`): bytes if it is in kB, else as it is.
    #[must_use]
    pub fn line_number(&self, key: &str) -> Option<u64> {
        let rest = self.line(key)?.strip_prefix(key)?.strip_prefix(':')?.trim();
        match rest.strip_suffix("kB") {
            Some(kib) => kib.trim().parse::<u64>().ok()?.checked_mul(1024),
            None => rest.parse().ok(),
        }
    }

    /// The first line `key: …`.
    #[must_use]
    pub fn line(&self, key: &str) -> Option<&str> {
        let is_it = |line: &&str| line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
        self.text()?.lines().find(is_it)
    }

    /// The file and all that stood there, safe to print.
    #[must_use]
    pub fn quote(&self) -> String {
        match &self.content {
            Content::Absent => format!("{} is not there", self.name()),
            Content::Denied => format!("{} may not be read", self.name()),
            Content::Failed(why) => format!("{} cannot be read ({})", self.name(), clean(why)),
            Content::Text(text) => self.quote_part(text),
        }
    }

    /// The file and a part of what stood there, safe to print.
    #[must_use]
    pub fn quote_part(&self, part: &str) -> String {
        format!("{}: \"{}\"", self.name(), clean(part))
    }

    /// The file and the lines of these keys that are there, safe to print.
    #[must_use]
    pub fn quote_lines(&self, keys: &[&str]) -> String {
        let lines: Vec<&str> = keys.iter().filter_map(|key| self.line(key)).collect();
        self.quote_part(&lines.join(", "))
    }

    /// The file's name, safe to print.
    #[must_use]
    pub fn name(&self) -> String {
        name(&self.path)
    }
}

/// A path, safe to print.
#[must_use]
pub fn name(path: &Path) -> String {
    clean(&path.to_string_lossy())
}

/// The start of a file.
pub(super) fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// One line that no terminal acts upon: blanks of all kinds become one, what cannot be seen
/// (control characters, those that turn the direction of writing) is left out, and it is cut.
#[must_use]
pub fn clean(text: &str) -> String {
    let visible = |c: &char| !text::is_hidden(*c);
    let mut line = String::new();
    let mut length = 0;
    // NUL separates the texts of a device tree.
    for word in text.split(|c: char| c.is_whitespace() || c == '\0') {
        let blank = if line.is_empty() { None } else { Some(' ') };
        let mut visible = word.chars().filter(visible).peekable();
        if visible.peek().is_none() {
            continue;
        }
        for c in blank.into_iter().chain(visible) {
            if length == MOST_CHARS {
                line.push('…');
                return line;
            }
            line.push(c);
            length += 1;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seen(text: &str) -> Seen {
        Seen { path: "/proc/meminfo".into(), content: Content::Text(text.into()) }
    }

    #[test]
    fn lines_are_bytes_or_counts() {
        let meminfo = seen("HugePages_Total:  12\nHugePages_Free:x\nCmaTotal:65536 kB\nCma 1\n");
        assert_eq!(meminfo.line_number("CmaTotal"), Some(65536 * 1024));
        assert_eq!(meminfo.line_number("HugePages_Total"), Some(12));
        assert_eq!(meminfo.line_number("HugePages_Free"), None);
        assert_eq!(meminfo.line_number("Cma"), None);
        assert_eq!(seen("A: 18446744073709551615 kB").line_number("A"), None);
        assert_eq!(
            meminfo.quote_lines(&["CmaTotal", "CmaFree"]),
            "/proc/meminfo: \"CmaTotal:65536 kB\""
        );
    }

    #[test]
    fn what_is_not_there_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        let none = Seen::at(dir.path().join("none"));
        assert_eq!(none.content, Content::Absent);
        assert!(none.quote().ends_with("none is not there"));
        let directory = Seen::at(dir.path().into());
        assert!(matches!(directory.content, Content::Failed(_)), "{directory:?}");
        assert!(directory.quote().contains("cannot be read (Is a directory"), "{directory:?}");
    }

    #[test]
    fn quotes_are_one_safe_line() {
        assert_eq!(clean(" a\n\tb\0c \u{1b}[31m\u{202e}d \u{7} \"é\\\"\n"), "a b c [31md \"é\\\"");
        let long = clean(&"x y".repeat(200));
        assert_eq!(long.chars().count(), MOST_CHARS + 1);
        assert!(long.ends_with('…'));
        assert_eq!(clean(&"x".repeat(MOST_CHARS)), "x".repeat(MOST_CHARS));
    }

    proptest! {
        #[test]
        fn no_text_acts_on_a_terminal(text in "\\PC*|[\\x00-\\xff]*|.*") {
            let line = clean(&text);
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(line.chars().count() <= MOST_CHARS + 1);
            prop_assert_eq!(line.trim(), &line);
        }
    }
}
