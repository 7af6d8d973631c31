//! Which head is meant: the one that is named, or the one on this machine.

use std::path::Path;

use crate::clock::unix_ms;
use crate::config::{FleetArgs, TrustArgs};
use crate::error::Error;
use crate::here::Reached;
use crate::viewers;

/// The address of the head that is meant, and how it is trusted: the one that is named, or else the one on
/// this machine.
pub fn place(of: FleetArgs) -> Result<(String, TrustArgs), Error> {
    let FleetArgs { head, trust, data } = of;
    if let Some(url) = head {
        return Ok((url, trust));
    }
    let dir = data.resolve()?;
    let Some(found) = here(&dir, trust) else {
        let text = format!(
            "this needs a head, which knows the nodes and what they had; no head keeps its data in {}. \
             Name one with --head, such as --head http://127.0.0.1:8080, or start one with `headroom`",
            dir.display()
        );
        return Err(Error::Refused(text));
    };
    Ok(found)
}

/// The address of the head that keeps its data in `dir`, if it was ever started, and how it is trusted. Who
/// may read its secrets there need not know its password.
#[must_use]
pub fn here(dir: &Path, trust: TrustArgs) -> Option<(String, TrustArgs)> {
    let reached = Reached::last(dir)?;
    let fingerprint = trust.fingerprint.or(reached.fingerprint);
    let session = viewers::session_of_owner(dir, unix_ms());
    Some((reached.url(), TrustArgs { fingerprint, session, ..trust }))
}
