//! What keeps history from being written: told once, and when it is tried again.

use std::io::ErrorKind;
use std::time::Duration;

use crate::history::StoreError;

/// It is tried again after so long, then after twice as long…
const FIRST: Duration = Duration::from_secs(10);
/// …and at least this often.
const MOST: Duration = Duration::from_mins(5);

/// Kinds of trouble that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Locked,
    Newer,
    Damaged,
    Full,
    ReadOnly,
    Io,
}

impl Kind {
    fn of(error: &StoreError) -> Self {
        match error {
            StoreError::Locked(_) => Self::Locked,
            StoreError::Newer { .. } => Self::Newer,
            StoreError::Damaged { .. } => Self::Damaged,
            StoreError::Full(_) => Self::Full,
            StoreError::Io { source, .. } => match source.kind() {
                ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::ReadOnly,
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
                _ => Self::Io,
            },
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    kind: Option<Kind>,
    /// How often in a row it was tried in vain.
    failed: u32,
}

impl Trouble {
    /// It was tried in vain. Says whether that is news.
    pub(super) fn fail(&mut self, error: &StoreError) -> bool {
        self.failed = self.failed.saturating_add(1);
        let kind = Kind::of(error);
        self.kind.replace(kind) != Some(kind)
    }

    /// It went well. Says whether it did not before.
    pub(super) fn end(&mut self) -> bool {
        self.failed = 0;
        self.kind.take().is_some()
    }

    /// How often in a row it was tried in vain.
    pub(super) fn failed(&self) -> u32 {
        self.failed
    }

    /// How long to wait before it is tried again; `None` if all is well.
    pub(super) fn wait(&self) -> Option<Duration> {
        let doubled = self.failed.checked_sub(1)?;
        Some(FIRST.saturating_mul(1 << doubled.min(8)).min(MOST))
    }
}

/// The message with its causes.
pub(super) fn in_words(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn io(kind: ErrorKind) -> StoreError {
        StoreError::Io { path: "h".into(), source: io::Error::from(kind) }
    }

    #[test]
    fn each_trouble_is_told_once_and_waited_for_longer_and_longer() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.wait(), None);
        assert!(!trouble.end());
        assert!(trouble.fail(&io(ErrorKind::ReadOnlyFilesystem)));
        assert_eq!(trouble.wait(), Some(FIRST));
        assert!(!trouble.fail(&io(ErrorKind::PermissionDenied)));
        assert_eq!(trouble.wait(), Some(FIRST * 2));
        assert!(trouble.fail(&StoreError::Full("h".into())));
        assert!(!trouble.fail(&io(ErrorKind::StorageFull)));
        for _ in 0..100 {
            trouble.fail(&StoreError::Full("h".into()));
        }
        assert_eq!(trouble.wait(), Some(MOST));
        assert!(trouble.end());
        assert_eq!(trouble.wait(), None);
        assert!(in_words(&io(ErrorKind::StorageFull)).starts_with("cannot use h: "));
    }
}
