//! Who may report to this head: one token for each node.
//!
//! `tokens.json` in the data directory is the truth; the command line and a running head both change it,
//! under a lock, and the head sees within half a second what others changed. A token is 256 random bits
//! and told once; its SHA-256 is kept, which is enough, as nobody can try so many. It belongs to the
//! machine that uses it first.

pub mod command;
mod file;
mod kubernetes;
mod line;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::NodeId;
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use crate::clock::WallClock;
use crate::data;
use crate::error::{Error, tell};
use crate::secrets::{self, Stamp, sha256, unhex};
use file::{Bound, Entry, Used};

pub use line::{joining, setting_up};

/// Between two complaints about it.
const COMPLAIN: Duration = Duration::from_hours(1);

/// Between two writings of which agents use tokens: whole clusters are upgraded at once, and an agent may
/// say something else each time.
const AGENTS: Duration = Duration::from_mins(1);

/// A token, without what is secret about it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Issued {
    /// The node that it is for.
    pub name: NodeId,
    /// When it was made, in ms since 1970.
    pub created_ms: u64,
    /// When a machine used it first, in ms since 1970.
    pub bound_ms: Option<u64>,
    /// The version of the agent that used it last, if it said so.
    pub agent: Option<String>,
}

impl From<&Entry> for Issued {
    fn from(entry: &Entry) -> Self {
        Self {
            name: entry.name.clone(),
            created_ms: entry.created_ms,
            bound_ms: entry.bound.as_ref().map(|bound| bound.at_ms),
            agent: entry.agent.clone(),
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

/// Letters of a version at most.
const MOST_VERSION: usize = 32;

/// Whether it looks like a version, such as `0.1.0` or `1.0.0-rc.2+g12ab`: agents may say anything.
fn is_version(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || ".-+".contains(c);
    (1..=MOST_VERSION).contains(&text.len()) && text.chars().all(allowed)
}

impl Known {
    fn is_agent_due(&self) -> bool {
        self.agents_changed && self.agents_saved.is_none_or(|at| at.elapsed() >= AGENTS)
    }
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
    /// Whether some were used by agents of other versions since.
    agents_changed: bool,
    /// When it was written last which those are.
    agents_saved: Option<Instant>,
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
        shared.reload().map_err(|source| data::unusable(&file::path(dir), source))?;
        Ok(Self(Arc::new(shared)))
    }

    /// Lets an agent in that shows `token` and says that it runs on `machine` (64 hexadecimal digits):
    /// which node it is. The first machine to use a token is the only one that may from then on. `agent` is
    /// the version that it says it is of.
    pub fn admit(
        &self,
        token: &str,
        machine: &str,
        agent: Option<&str>,
        now_ms: u64,
    ) -> Result<NodeId, TokenRefusal> {
        let hash = sha256(token.as_bytes());
        let machine: [u8; 32] = unhex(machine).ok_or(TokenRefusal::NoMachine)?;
        let mut known = self.0.known();
        let entry = known.entries.get_mut(&hash).ok_or(TokenRefusal::Unknown)?;
        let name = entry.name.clone();
        let is_bound = match &entry.bound {
            Some(bound) if secrets::same(&bound.machine, &machine) => true,
            Some(_) => return Err(TokenRefusal::OtherMachine(name)),
            None => false,
        };
        let agent = agent.filter(|version| is_version(version)).map(str::to_owned);
        let is_same_agent = agent.is_none() || entry.agent == agent;
        if is_bound && is_same_agent {
            return Ok(name);
        }
        let bound = entry.bound.get_or_insert(Bound { machine, at_ms: now_ms });
        let bound_ms = Some(bound.at_ms);
        entry.agent = agent.or(entry.agent.take());
        let agent = entry.agent.clone();
        if !is_bound {
            known.unsaved.push(hash);
        }
        known.agents_changed |= !is_same_agent;
        drop(known);
        self.0.issued.send_if_modified(|issued| {
            if let Ok(place) = issued.binary_search_by(|one| one.name.cmp(&name)) {
                issued[place].bound_ms = bound_ms;
                issued[place].agent = agent;
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

    /// Sees what others changed, and keeps which machines tokens are bound to.
    pub async fn look(&self) {
        let (stamp, is_unsaved) = {
            let known = self.0.known();
            (known.stamp, !known.unsaved.is_empty() || known.is_agent_due())
        };
        if is_unsaved || secrets::stamp(&file::path(&self.0.dir)) != stamp {
            let keep = |shared: &Shared| {
                shared.save_used();
                shared.reload_or_tell();
                Ok(())
            };
            // It reports its errors itself.
            self.blocking(keep).await.ok();
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
        // What agents said is known better here.
        for (hash, entry) in &mut entries {
            let said = known.entries.get(hash).and_then(|entry| entry.agent.clone());
            entry.agent = said.or(entry.agent.take());
        }
        known.entries = entries;
        known.unsaved = unsaved;
        known.stamp = stamp;
        self.publish(&known);
        Ok(())
    }

    /// A file that cannot be read shuts nobody out, and lets nobody in.
    fn reload_or_tell(&self) {
        match self.reload() {
            Ok(()) => self.known().complained = None,
            Err(source) => self.complain(&data::unusable(&file::path(&self.dir), source)),
        }
    }

    fn save_used(&self) {
        let used: HashMap<_, _> = {
            let mut known = self.known();
            if known.is_agent_due() {
                known.agents_changed = false;
                known.agents_saved = Some(Instant::now());
            } else if known.unsaved.is_empty() {
                return;
            }
            let of = |(hash, Entry { bound, agent, .. }): (&[u8; 32], &Entry)| {
                (*hash, Used { bound: bound.clone(), agent: agent.clone() })
            };
            known.entries.iter().map(of).collect()
        };
        if let Err(error) = file::keep_used(&self.dir, used) {
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
            drop(known);
            tell(error.chain());
        }
    }
}

#[cfg(test)]
mod tests;
