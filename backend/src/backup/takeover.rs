//! How a head comes to go on with what was restored: one that runs ends in order, and begins anew.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::ask::{self, Head};
use crate::config::TrustArgs;
use crate::error::Error;
use crate::history::{Store, StoreError};
use crate::{data, keeper, systemd};

/// A head may take so long: to write what it holds, to end, and to begin.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(100);
/// The directory that the service manager makes for the head.
const OF_UNIT: &str = "/var/lib/headroom";

/// Refuses a directory on which a head runs that would not see what was restored, being of an older
/// version.
pub(super) fn refuse_strangers(dir: &Path) -> Result<(), Error> {
    let path = keeper::file_in(dir);
    match Store::open_to_read(&path) {
        Err(StoreError::Locked(path)) if !data::is_held(dir) => Err(Error::InUse {
            path,
            help: "it is of an older version, or another program reads there: stop it first",
        }),
        _ => Ok(()),
    }
}

/// Lets the head on `dir` take what waits there, and waits until it has. If none runs, it is done here.
pub(super) fn take_over(dir: &Path) -> Result<(), Error> {
    if data::settle(dir)? {
        return Ok(());
    }
    if is_of_unit(dir) {
        // Settings may be new too, and secrets are handed over when it starts.
        systemd::control(&["restart", systemd::HEAD_UNIT])?;
    }
    // Any other head sees within half a second that something waits for it.
    let until = Instant::now() + PATIENCE;
    while data::is_waiting(dir) || !answers(dir) {
        if Instant::now() > until {
            let text = format!(
                "the head on {} does not answer; what was restored {}. See what it says, as with \
                 `journalctl -u headroom`",
                dir.display(),
                if data::is_waiting(dir) { "waits for its next start" } else { "is in its place" }
            );
            return Err(Error::Refused(text));
        }
        sleep(LOOK);
    }
    Ok(())
}

/// Whether the service manager runs the head on `dir`, and starts it anew if it is asked to.
pub(super) fn is_of_unit(dir: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    systemd::is_active(systemd::HEAD_UNIT)
        && real(dir).is_some_and(|dir| Some(dir) == real(Path::new(OF_UNIT)))
}

/// Whether the head on `dir` is there again.
fn answers(dir: &Path) -> bool {
    let Some((url, trust)) = ask::here(dir, TrustArgs::default()) else { return false };
    let head = Head::enter(&url, &trust);
    head.and_then(|mut head| head.get::<serde_json::Value>("/healthz")).is_ok()
}
