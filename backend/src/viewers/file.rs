//! `viewer.json`: the password, and what sessions are signed with.

use std::io;
use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::data;
use crate::error::Error;
use crate::secrets::{self, hex, random, same, unhex};

/// Characters of a password at least.
const LEAST: usize = 8;
/// Bytes of a password at most.
pub const MOST_BYTES: usize = 1024;

/// What is kept of viewers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    password: Argon2id,
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    pub(super) session_key: [u8; 32],
}

/// A password as argon2id (RFC 9106), with what it was made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Argon2id {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    salt: [u8; 16],
    #[serde(serialize_with = "write_hex", deserialize_with = "read_hex")]
    hash: [u8; 32],
}

fn write_hex<const N: usize, S: Serializer>(
    bytes: &[u8; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex(bytes))
}

fn read_hex<'de, const N: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    let text = String::deserialize(deserializer)?;
    let wrong = || de::Error::custom(format_args!("expected {} hexadecimal digits", N * 2));
    unhex(&text).ok_or_else(wrong)
}

impl Argon2id {
    /// As OWASP advises at least: a Raspberry Pi takes a fraction of a second, and a head has no more
    /// memory to spare.
    fn of(password: &str) -> Result<Self, argon2::Error> {
        let empty = Self { memory_kib: 19_456, passes: 2, lanes: 1, salt: random(), hash: [0; 32] };
        Ok(Self { hash: empty.compute(password)?, ..empty })
    }

    fn compute(&self, password: &str) -> Result<[u8; 32], argon2::Error> {
        let mut hash = [0; 32];
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(hash.len()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(password.as_bytes(), &self.salt, &mut hash)?;
        Ok(hash)
    }
}

impl Kept {
    /// Whether `password` is the one that is kept. Takes a while.
    pub(super) fn is_password(&self, password: &str) -> bool {
        self.password.compute(password).is_ok_and(|hash| same(&hash, &self.password.hash))
    }
}

pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join("viewer.json")
}

pub(super) fn read(path: &Path) -> io::Result<Option<Kept>> {
    let bytes = secrets::read(path)?;
    bytes.as_deref().map_or(Ok(()), data::known)?;
    Ok(bytes.map(|bytes| serde_json::from_slice(&bytes)).transpose()?)
}

/// Whether `password` is the one of the head that keeps its data in `dir`. Takes a while.
pub fn is_set_to(dir: &Path, password: &str) -> Result<bool, Error> {
    let path = path(dir);
    let kept = read(&path).map_err(|source| Error::Kept { path, source })?;
    Ok(kept.is_some_and(|kept| kept.is_password(password)))
}

/// Refuses what is too short to be a password, or too long.
pub fn check(password: &str) -> Result<(), Error> {
    if password.chars().count() < LEAST {
        return Err(Error::Refused(format!("a password has at least {LEAST} characters")));
    }
    if password.len() > MOST_BYTES {
        return Err(Error::Refused(format!("a password has at most {MOST_BYTES} bytes")));
    }
    Ok(())
}

/// Sets the password of the head that keeps its data in `dir`. Ends all sessions.
pub fn set(dir: &Path, password: &str) -> Result<(), Error> {
    check(password)?;
    let failed = |source| Error::Data { path: dir.into(), source };
    let hash =
        Argon2id::of(password).map_err(|error| failed(io::Error::other(error.to_string())))?;
    let kept = Kept { password: hash, session_key: random() };
    let text = serde_json::to_vec_pretty(&kept).map_err(|error| failed(error.into()))?;
    secrets::write(&path(dir), &text).map_err(failed)
}

/// A password that nobody guesses and everybody can copy from a screen: a hundred random bits.
#[must_use]
pub fn make() -> String {
    /// Without those that look like others.
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let letters = random::<20>().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    letters.chunks(5).map(String::from_iter).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_neither_short_nor_endless() {
        let dir = tempfile::tempdir().unwrap();
        for (password, word) in [("1234567", "at least 8"), (&"x".repeat(1025), "at most 1024")] {
            let error = set(dir.path(), password).unwrap_err();
            assert!(error.to_string().contains(word) && error.exit_code() == 2, "{error}");
        }
        assert!(!path(dir.path()).exists());
        set(dir.path(), "pässword").unwrap();
        assert!(read(&path(dir.path())).unwrap().unwrap().is_password("pässword"));
    }

    #[test]
    fn made_passwords_differ() {
        let (one, other) = (make(), make());
        assert_ne!(one, other);
        assert_eq!(one.len(), 23, "{one}");
    }

    #[test]
    fn a_file_that_is_broken_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "{}", r#"{"password":null,"session_key":""}"#] {
            std::fs::write(path(dir.path()), text).unwrap();
            read(&path(dir.path())).unwrap_err();
        }
    }
}
