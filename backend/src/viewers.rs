//! Who may look at this head: whoever knows its password.
//!
//! `viewer.json` in the data directory has the password, as argon2id, and the key that sessions are signed
//! with. Both change together, so a new password ends every session. A running head sees within half a
//! second that they were changed.

pub mod command;
mod file;
mod throttle;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ring::hmac;
use tokio::sync::{Semaphore, watch};
use tokio::task::spawn_blocking;

use crate::data;
use crate::error::{Error, tell};
use crate::secrets::{self, Stamp, hex, unhex};
use file::Kept;
use throttle::Throttle;

pub use file::{MOST_BYTES, check, is_set_to, make, set};

/// The cookie that a session is kept in.
pub const COOKIE_NAME: &str = "headroom_session";
/// How long a session of [`session_of_owner`] lasts, in s: as long as a long answer takes.
const OWNER_S: u64 = 3600;
/// How long a session lasts.
pub const SESSION: Duration = Duration::from_hours(30 * 24);
/// Passwords that are known again: there is one at a time.
const MOST_SHOWN: usize = 4;
/// Who may wait while a password is being compared. It takes a noticeable part of a second, and memory.
const MOST_WAITING: usize = 8;

/// Why somebody is not signed in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSignedIn {
    /// HTTP status 401.
    #[error("this is not the password")]
    WrongPassword,
    /// HTTP status 401.
    #[error("no password is set yet; on the head's machine, `headroom password` sets one")]
    NoPassword,
    /// HTTP status 429.
    #[error("too many have tried; try again in {} s", .0.as_secs())]
    TooMany(
        /// When to try again, in whole seconds.
        Duration,
    ),
    /// HTTP status 503.
    #[error("the password cannot be compared: {0}")]
    Failed(String),
}

/// The viewers of a running head. Clones are the same ones.
#[derive(Clone)]
pub struct Viewers(Arc<Shared>);

struct Shared {
    path: PathBuf,
    /// Nothing, as long as no password is set. Whoever waits for changes learns that sessions ended.
    kept: watch::Sender<Option<Arc<Kept>>>,
    stamp: Mutex<Option<Stamp>>,
    throttle: Mutex<Throttle>,
    started: Instant,
    /// Passwords that were shown with requests and were right, by their digests, with the session that
    /// each is good for: to compare one takes a noticeable part of a second, and some come every second.
    shown: Mutex<VecDeque<([u8; 32], String)>>,
    /// Who compares a password.
    comparing: Semaphore,
    waiting: AtomicUsize,
}

impl Viewers {
    /// Reads what is kept in `dir`. There need not be anything, nor a directory.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let shared = Shared {
            path: file::path(dir),
            kept: watch::Sender::new(None),
            stamp: Mutex::default(),
            throttle: Mutex::default(),
            shown: Mutex::default(),
            started: Instant::now(),
            comparing: Semaphore::new(1),
            waiting: AtomicUsize::new(0),
        };
        shared.reload().map_err(|source| data::unusable(&file::path(dir), source))?;
        Ok(Self(Arc::new(shared)))
    }

    /// Whether a password is set.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.0.kept.borrow().is_some()
    }

    /// Signs in with `password` from the address `from`: a session, which [`Self::knows`] knows again.
    /// `now_ms` is the time of day.
    pub async fn sign_in(
        &self,
        password: String,
        from: IpAddr,
        now_ms: u64,
    ) -> Result<String, NotSignedIn> {
        let kept = self.0.kept.borrow().clone().ok_or(NotSignedIn::NoPassword)?;
        let _waiting = Waiting::begin(&self.0.waiting)?;
        // Counted as wrong before it is compared: others cannot try meanwhile.
        lock(&self.0.throttle).attempt(from, self.0.started.elapsed())?;
        let failed = |why: &dyn std::error::Error| NotSignedIn::Failed(why.to_string());
        let _turn = self.0.comparing.acquire().await.map_err(|error| failed(&error))?;
        let comparing = Arc::clone(&kept);
        let is_right = spawn_blocking(move || comparing.is_password(&password)).await;
        if !is_right.map_err(|error| failed(&error))? {
            return Err(NotSignedIn::WrongPassword);
        }
        lock(&self.0.throttle).succeed(from);
        Ok(session(&kept, now_ms / 1000 + SESSION.as_secs()))
    }

    /// Whether whoever shows `password` with a request may read. It is compared once, and known again until
    /// another is set.
    pub async fn may_read(
        &self,
        password: String,
        from: IpAddr,
        now_ms: u64,
    ) -> Result<(), NotSignedIn> {
        let kept = self.0.kept.borrow().clone().ok_or(NotSignedIn::NoPassword)?;
        // With the key, so that what is in memory tells nothing of the password.
        let digest = hmac::sign(&key(&kept), password.as_bytes());
        let digest = secrets::sha256(digest.as_ref());
        let session = lock(&self.0.shown).iter().find(|(known, _)| *known == digest).cloned();
        if session.is_some_and(|(_, session)| self.knows(&session, now_ms)) {
            return Ok(());
        }
        let session = self.sign_in(password, from, now_ms).await?;
        let mut shown = lock(&self.0.shown);
        shown.retain(|(known, _)| *known != digest);
        shown.push_back((digest, session));
        if shown.len() > MOST_SHOWN {
            shown.pop_front();
        }
        Ok(())
    }

    /// Whether `session` was made by [`Self::sign_in`] with the password that is still set, and has not
    /// ended. `now_ms` is the time of day.
    #[must_use]
    pub fn knows(&self, session: &str, now_ms: u64) -> bool {
        let Some(kept) = self.0.kept.borrow().clone() else { return false };
        let Some((ends_s, tag)) = session.split_once('.') else { return false };
        let (Ok(ends_s), Some(tag)) = (ends_s.parse::<u64>(), unhex::<32>(tag)) else {
            return false;
        };
        hmac::verify(&key(&kept), signed(ends_s).as_bytes(), &tag).is_ok() && now_ms / 1000 < ends_s
    }

    /// Ends when the password is changed: sessions from before are over then.
    pub fn change(&self) -> impl Future<Output = ()> + use<> {
        let mut kept = self.0.kept.subscribe();
        async move {
            // Without a sender there is no head.
            kept.changed().await.ok();
        }
    }

    /// Sees whether others changed the password.
    pub async fn look(&self) {
        if secrets::stamp(&self.0.path) != *lock(&self.0.stamp) {
            let shared = Arc::clone(&self.0);
            // Whether it panics is nothing to act on.
            spawn_blocking(move || shared.reload_or_tell()).await.ok();
        }
    }
}

impl Shared {
    fn reload(&self) -> std::io::Result<()> {
        // The stamp first: what changes in between is seen next time.
        *lock(&self.stamp) = secrets::stamp(&self.path);
        let kept = file::read(&self.path)?.map(Arc::new);
        self.kept.send_if_modified(|old| {
            let differs = *old != kept;
            *old = kept;
            differs
        });
        Ok(())
    }

    /// A file that cannot be read changes nothing. It is said once, as it is not read again.
    fn reload_or_tell(&self) {
        if let Err(source) = self.reload() {
            tell(data::unusable(&self.path, source).chain());
        }
    }
}

/// A session, as a cookie, with the head that keeps its data in `dir`, for whoever may read the key that
/// sessions are signed with: they could as well set another password. `None` if there is no password.
#[must_use]
pub fn session_of_owner(dir: &Path, now_ms: u64) -> Option<String> {
    let kept = file::read(&file::path(dir)).ok()??;
    Some(format!("{COOKIE_NAME}={}", session(&kept, now_ms / 1000 + OWNER_S)))
}

fn session(kept: &Kept, ends_s: u64) -> String {
    let tag = hmac::sign(&key(kept), signed(ends_s).as_bytes());
    format!("{ends_s}.{}", hex(tag.as_ref()))
}

fn key(kept: &Kept) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &kept.session_key)
}

/// What the signature of a session is of.
fn signed(ends_s: u64) -> String {
    format!("headroom viewer until {ends_s}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Whoever panicked left nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One of few who wait for a comparison.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Result<Self, NotSignedIn> {
        let waiting = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
            return Err(NotSignedIn::TooMany(Duration::from_secs(1)));
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[tokio::test]
    async fn a_session_lasts_until_its_end_or_a_new_password() {
        let dir = tempfile::tempdir().unwrap();
        let viewers = Viewers::open(&dir.path().join("data")).unwrap();
        let sign_in = |password: &str| viewers.sign_in(password.into(), HERE, 5000);
        assert_eq!(sign_in("").await, Err(NotSignedIn::NoPassword));
        assert!(!dir.path().join("data").exists(), "nothing is written before there is a password");
        set(&dir.path().join("data"), "correct horse").unwrap();
        viewers.0.reload().unwrap();
        assert_eq!(sign_in("correct horse ").await, Err(NotSignedIn::WrongPassword));
        let session = sign_in("correct horse").await.unwrap();
        let end_ms = 5000 + SESSION.as_millis() as u64;
        assert!(viewers.knows(&session, 5000) && viewers.knows(&session, end_ms - 1));
        assert!(!viewers.knows(&session, end_ms));
        let later = session.replacen(|c: char| c.is_ascii_digit(), "9", 1);
        let (ends, tag) = session.split_once('.').unwrap();
        for forged in
            [&later, "", ".", ends, tag, &format!("{ends}."), &session[..session.len() - 1]]
        {
            assert!(!viewers.knows(forged, 5000), "{forged}");
        }
        let change = viewers.change();
        set(&dir.path().join("data"), "correct horse").unwrap();
        viewers.look().await;
        tokio::time::timeout(Duration::ZERO, change).await.unwrap();
        assert!(!viewers.knows(&session, 5000), "the key changed with the password");
        let text = std::fs::read_to_string(dir.path().join("data/viewer.json")).unwrap();
        assert!(!text.contains("horse"), "{text}");
    }

    #[tokio::test]
    async fn few_wait_for_a_comparison() {
        let dir = tempfile::tempdir().unwrap();
        set(dir.path(), "correct horse").unwrap();
        let viewers = Viewers::open(dir.path()).unwrap();
        let from = |last: u8| IpAddr::from([10, 0, 0, last]);
        let all: Vec<_> = (0..20)
            .map(|last| {
                let viewers = viewers.clone();
                tokio::spawn(async move { viewers.sign_in("wrong".into(), from(last), 0).await })
            })
            .collect();
        let mut refused = 0;
        for one in all {
            refused += usize::from(matches!(one.await.unwrap(), Err(NotSignedIn::TooMany(_))));
        }
        assert_eq!(refused, 20 - MOST_WAITING);
        viewers.sign_in("correct horse".into(), from(99), 0).await.unwrap();
    }
}
