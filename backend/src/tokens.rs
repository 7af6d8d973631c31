//! Who may report to this head: one token for each node.
//!
//! `tokens.json` in the data directory is the truth; the command line and a running head both change it,
//! under a lock, and the head sees within half a second what others changed. A token is 256 random bits
//! and told once; its SHA-256 is kept, which is enough, as nobody can try so many. It belongs to the
//! machine that uses it first.

pub mod command;
mod file;
mod line;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::NodeId;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::clock::WallClock;
use crate::error::{Error, tell};
use crate::secrets::{self, Stamp, sha256, unhex};
use file::{Bound, Entry};

pub use line::{joining, setting_up};

/// Between two looks whether others changed the file.
const LOOK: Duration = Duration::from_millis(250);
/// Between two complaints about it.
const COMPLAIN: Duration = Duration::from_mins(1);

/// A token, without what is secret about it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Issued {
    /// The node that it is for.
    pub name: NodeId,
    /// When it was made, in ms since 1970.
    pub created_ms: u64,
    /// When a machine used it first, in ms since 1970.
    pub bound_ms: Option<u64>,
}

impl From<&Entry> for Issued {
    fn from(entry: &Entry) -> Self {
        Self {
            name: entry.name.clone(),
            created_ms: entry.created_ms,
            bound_ms: entry.bound.as_ref().map(|bound| bound.at_ms),
        }
    }
}

/// Why an agent is not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Never made, or revoked. HTTP status 401.
    #[error(
        "this token is not known here; on the head's machine, `headroom token create NAME` makes one"
    )]
    Unknown,
    /// Used from another machine than the first. HTTP status 403.
    #[error(
        "the token of {0} belongs to the machine that used it first, and this is another; on the head's \
         machine, `headroom token revoke {0}` and `headroom token create {0}` make a new one"
    )]
    OtherMachine(NodeId),
    /// The machine is not said, or not as it should be. HTTP status 403.
    #[error("X-Headroom-Machine is not 64 hexadecimal digits")]
    NoMachine,
}

/// Makes tokens of the head that keeps its data in `dir`, for those of `names` that have none; each is told
/// this once. `None` is one that has a token. Names are different.
pub fn create_missing(dir: &Path, names: &[NodeId]) -> Result<Vec<Option<String>>, Error> {
    file::create_missing(dir, names, WallClock::start().now_ms())
}

/// The tokens of a running head. Clones are the same ones.
#[derive(Clone)]
pub struct Tokens(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    known: Mutex<Known>,
    issued: watch::Sender<Vec<Issued>>,
}

#[derive(Default)]
struct Known {
    /// By the hash of the token.
    entries: HashMap<[u8; 32], Entry>,
    /// Of the file that they were read from.
    stamp: Option<Stamp>,
    /// Tokens that were bound since, by their hashes.
    unsaved: Vec<[u8; 32]>,
    complained: Option<Instant>,
}

impl Tokens {
    /// Reads the tokens in `dir`. There need not be any, nor a directory.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let shared = Shared {
            dir: dir.into(),
            known: Mutex::default(),
            issued: watch::Sender::new(Vec::new()),
        };
        shared.reload().map_err(|source| Error::Kept { path: file::path(dir), source })?;
        Ok(Self(Arc::new(shared)))
    }

    /// Lets an agent in that shows `token` and says that it runs on `machine` (64 hexadecimal digits):
    /// which node it is. The first machine to use a token is the only one that may from then on.
    pub fn admit(&self, token: &str, machine: &str, now_ms: u64) -> Result<NodeId, TokenRefusal> {
        let hash = sha256(token.as_bytes());
        let machine: [u8; 32] = unhex(machine).ok_or(TokenRefusal::NoMachine)?;
        let mut known = self.0.known();
        let entry = known.entries.get_mut(&hash).ok_or(TokenRefusal::Unknown)?;
        let name = entry.name.clone();
        match &entry.bound {
            Some(bound) if secrets::same(&bound.machine, &machine) => return Ok(name),
            Some(_) => return Err(TokenRefusal::OtherMachine(name)),
            None => entry.bound = Some(Bound { machine, at_ms: now_ms }),
        }
        known.unsaved.push(hash);
        drop(known);
        self.0.issued.send_if_modified(|issued| {
            if let Ok(place) = issued.binary_search_by(|one| one.name.cmp(&name)) {
                issued[place].bound_ms = Some(now_ms);
            }
            // Nobody waits for it, and a thousand nodes may come within a second.
            false
        });
        Ok(name)
    }

    /// Makes a token for `name`. It is told this once.
    pub async fn create(&self, name: NodeId, now_ms: u64) -> Result<String, Error> {
        self.blocking(move |shared| {
            let mut made = file::create(&shared.dir, &[name], now_ms)?;
            shared.reload_or_tell();
            Ok(made.remove(0))
        })
        .await
    }

    /// Revokes the token of `name`: `false` if there is none.
    pub async fn revoke(&self, name: NodeId) -> Result<bool, Error> {
        self.blocking(move |shared| {
            let revoked = file::revoke(&shared.dir, &name)?;
            shared.reload_or_tell();
            Ok(revoked)
        })
        .await
    }

    /// Every token that was not revoked, by name.
    #[must_use]
    pub fn list(&self) -> Vec<Issued> {
        self.0.issued.borrow().clone()
    }

    /// [`Self::list`], and whenever it changes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<Vec<Issued>> {
        self.0.issued.subscribe()
    }

    /// Sees what others change, and keeps which machines tokens are bound to. Never ends.
    pub async fn keep_up(self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let (stamp, is_unsaved) = {
                let known = self.0.known();
                (known.stamp, !known.unsaved.is_empty())
            };
            if is_unsaved || secrets::stamp(&file::path(&self.0.dir)) != stamp {
                let keep = |shared: &Shared| {
                    shared.save_bindings();
                    shared.reload_or_tell();
                    Ok(())
                };
                // It reports its errors itself.
                self.blocking(keep).await.ok();
            }
        }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let shared = Arc::clone(&self.0);
        let done = spawn_blocking(move || work(&shared)).await;
        done.unwrap_or_else(|error| Err(Error::Server(error.into())))
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        // Whoever panicked left nothing half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what the file says, but for machines that are not in it yet.
    fn reload(&self) -> std::io::Result<()> {
        // The stamp first: what changes in between is seen next time.
        let stamp = secrets::stamp(&file::path(&self.dir));
        let read = file::read(&self.dir)?;
        let mut known = self.known();
        let mut entries: HashMap<_, _> =
            read.into_iter().map(|entry| (entry.hash, entry)).collect();
        let mut unsaved = std::mem::take(&mut known.unsaved);
        unsaved.retain(|hash| {
            let bound = known.entries.get(hash).and_then(|entry| entry.bound.clone());
            match entries.get_mut(hash) {
                Some(entry) if entry.bound.is_none() => {
                    entry.bound = bound;
                    true
                }
                // Kept, or revoked.
                _ => false,
            }
        });
        known.entries = entries;
        known.unsaved = unsaved;
        known.stamp = stamp;
        self.publish(&known);
        Ok(())
    }

    /// A file that cannot be read shuts nobody out, and lets nobody in.
    fn reload_or_tell(&self) {
        if let Err(source) = self.reload() {
            self.complain(&Error::Kept { path: file::path(&self.dir), source });
        }
    }

    fn save_bindings(&self) {
        let bound: HashMap<_, _> = {
            let known = self.known();
            let of = |hash: &[u8; 32]| Some((*hash, known.entries.get(hash)?.bound.clone()?));
            known.unsaved.iter().filter_map(of).collect()
        };
        if bound.is_empty() {
            return;
        }
        if let Err(error) = file::bind(&self.dir, bound) {
            self.complain(&error);
        }
    }

    fn publish(&self, known: &Known) {
        let mut list: Vec<_> = known.entries.values().map(Issued::from).collect();
        list.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        self.issued.send_if_modified(|issued| {
            let differs = *issued != list;
            *issued = list;
            differs
        });
    }

    fn complain(&self, error: &Error) {
        let mut known = self.known();
        if known.complained.is_none_or(|at| at.elapsed() > COMPLAIN) {
            known.complained = Some(Instant::now());
            tell(error.chain());
        }
    }
}

#[cfg(test)]
mod tests;
