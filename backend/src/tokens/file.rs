//! `tokens.json`: what is kept of tokens, and how it is changed.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use shared::NodeId;

use crate::data;
use crate::error::Error;
use crate::secrets::{self, hex, random, sha256, unhex};

/// Tokens at most: as many nodes as a head carries, and some.
const MOST: usize = 20_000;
/// What a token starts with, so that people and scanners for leaked secrets know it when they see it.
const PREFIX: &str = "hrt_";

/// What is kept of a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) name: NodeId,
    /// The SHA-256 of the token.
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    pub(super) hash: [u8; 32],
    pub(super) created_ms: u64,
    pub(super) bound: Option<Bound>,
    /// The version of the agent that used it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) agent: Option<String>,
}

/// The machine that used a token first.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Bound {
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    pub(super) machine: [u8; 32],
    pub(super) at_ms: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    tokens: Vec<Entry>,
}

fn write_hex<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

fn read_hex<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
    let text = String::deserialize(deserializer)?;
    unhex(&text).ok_or_else(|| de::Error::custom("expected 64 hexadecimal digits"))
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("tokens.json")
}

/// All that are kept in `dir`.
pub(super) fn read(dir: &Path) -> io::Result<Vec<Entry>> {
    let Some(bytes) = secrets::read(&path(dir))? else { return Ok(Vec::new()) };
    data::known(&bytes)?;
    Ok(serde_json::from_slice::<Kept>(&bytes)?.tokens)
}

/// Makes a token for each of `names`, and keeps their hashes: all of them, or none.
pub(super) fn create(dir: &Path, names: &[NodeId], now_ms: u64) -> Result<Vec<String>, Error> {
    let made: Vec<_> = names.iter().map(|_| format!("{PREFIX}{}", hex(&random::<32>()))).collect();
    change(dir, |tokens| {
        let taken: HashSet<_> = tokens.iter().map(|entry| &entry.name).collect();
        if let Some(name) = names.iter().find(|name| taken.contains(name)) {
            let text = format!(
                "there is a token for {name} already; revoke it first, or choose another name"
            );
            return Err(Error::Refused(text));
        }
        if tokens.len() + names.len() > MOST {
            let text = format!("there would be more than {MOST} tokens; revoke some");
            return Err(Error::Refused(text));
        }
        tokens.extend(names.iter().zip(&made).map(|(name, token)| Entry {
            name: name.clone(),
            hash: sha256(token.as_bytes()),
            created_ms: now_ms,
            bound: None,
            agent: None,
        }));
        Ok(true)
    })?;
    Ok(made)
}

/// Makes a token for each of `names` that has none, and keeps its hash. What is told of one that has a
/// token is `None`.
pub(super) fn create_missing(
    dir: &Path,
    names: &[NodeId],
    now_ms: u64,
) -> Result<Vec<Option<String>>, Error> {
    let kept = read(dir).map_err(|source| Error::Kept { path: path(dir), source })?;
    let taken: HashSet<_> = kept.iter().map(|entry| &entry.name).collect();
    let missing: Vec<_> = names.iter().filter(|name| !taken.contains(name)).cloned().collect();
    if missing.is_empty() {
        // Nothing is written where nothing changes.
        return Ok(vec![None; names.len()]);
    }
    let mut made = create(dir, &missing, now_ms)?.into_iter();
    Ok(names.iter().map(|name| if taken.contains(name) { None } else { made.next() }).collect())
}

/// Takes the token of `name` away: `false` if there is none.
pub(super) fn revoke(dir: &Path, name: &NodeId) -> Result<bool, Error> {
    // Nothing is written where nothing is kept.
    if secrets::stamp(&path(dir)).is_none() {
        return Ok(false);
    }
    change(dir, |tokens| {
        let before = tokens.len();
        tokens.retain(|entry| entry.name != *name);
        Ok(tokens.len() < before)
    })
}

/// How a token was used.
#[derive(Clone, Debug)]
pub(super) struct Used {
    pub(super) bound: Option<Bound>,
    pub(super) agent: Option<String>,
}

/// Keeps which machines used tokens first, and which agents last. One that is bound already stays so.
pub(super) fn keep_used(dir: &Path, mut used: HashMap<[u8; 32], Used>) -> Result<(), Error> {
    change(dir, |tokens| {
        let mut is_news = false;
        for entry in tokens.iter_mut() {
            let Some(used) = used.remove(&entry.hash) else { continue };
            is_news |= (entry.bound.is_none() && used.bound.is_some())
                || (used.agent.is_some() && used.agent != entry.agent);
            entry.bound = entry.bound.take().or(used.bound);
            entry.agent = used.agent.or(entry.agent.take());
        }
        Ok(is_news)
    })?;
    Ok(())
}

/// Lets `change` have all tokens, while nobody else changes them. They are written if it says so.
fn change(
    dir: &Path,
    change: impl FnOnce(&mut Vec<Entry>) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let kept = |source| Error::Data { path: dir.into(), source };
    let _lock = secrets::lock(dir).map_err(kept)?;
    let mut tokens = read(dir).map_err(|source| data::unusable(&path(dir), source))?;
    if !change(&mut tokens)? {
        return Ok(false);
    }
    let text = serde_json::to_vec_pretty(&Kept { tokens }).map_err(|error| kept(error.into()))?;
    secrets::write(&path(dir), &text).map_err(kept)?;
    Ok(true)
}
