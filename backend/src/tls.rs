//! TLS: this head's certificate, and who trusts it by its fingerprint.
//!
//! Names and dates prove little in a cluster that no authority knows, so agents trust one certificate:
//! the one whose fingerprint stands in the line that let them join.

mod own;
mod pinned;
mod roots;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, crypto, version};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::secrets;

pub use own::{Files, of_head};
pub use pinned::pinned;
pub use roots::{authorities, trusting};

/// What a certificate is known by: the SHA-256 of all of it, as it is sent (DER).
///
/// It is written `sha256:AB:CD:…`, and read with or without the name and the colons, in any case of
/// letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if place == 0 { "sha256:" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = match text.split_at_checked("sha256:".len()) {
            Some((name, digits)) if name.eq_ignore_ascii_case("sha256:") => digits,
            _ => text,
        };
        let digits: String = digits.chars().filter(|c| *c != ':').collect();
        secrets::unhex(&digits).map(Self).ok_or_else(|| {
            format!(
                "{text:?} is not a fingerprint: it is sha256: and 64 hexadecimal digits, as the head \
                 prints it when it starts"
            )
        })
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

/// The fingerprint of `certificate`.
#[must_use]
pub fn fingerprint(certificate: &CertificateDer<'_>) -> Fingerprint {
    Fingerprint(secrets::sha256(certificate))
}

/// A certificate with what signed it, and its key.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// Where the certificate was read from.
    path: PathBuf,
}

impl Identity {
    /// Reads both from files in PEM; the certificate of this machine comes first in its file.
    fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let wrong = |path: &Path, reason: String| Error::Certificate { path: path.into(), reason };
        let text = |path: &Path| match secrets::read(path) {
            Ok(Some(bytes)) => Ok(bytes),
            Ok(None) => Err(wrong(path, "there is no such file".into())),
            Err(error) => Err(wrong(path, error.to_string())),
        };
        let chain = CertificateDer::pem_slice_iter(&text(certificate)?)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(certificate, error.to_string()))?;
        if chain.is_empty() {
            return Err(wrong(certificate, "there is no certificate in it".into()));
        }
        let key = PrivateKeyDer::from_pem_slice(&text(key)?)
            .map_err(|error| wrong(key, format!("there is no private key in it: {error}")))?;
        Ok(Self { chain, key, path: certificate.into() })
    }

    /// The fingerprint of the certificate.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        fingerprint(&self.chain[0])
    }

    /// What a server needs to be known by it. An error is a key that does not fit.
    pub fn server(self) -> Result<ServerConfig, Error> {
        let wrong = |error: rustls::Error| Error::Certificate {
            path: self.path.clone(),
            reason: error.to_string(),
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13])
            .map_err(wrong)?
            .with_no_client_auth()
            .with_single_cert(self.chain, self.key)
            .map_err(wrong)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn provider() -> Arc<crypto::CryptoProvider> {
    Arc::new(crypto::ring::default_provider())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_as_people_copy_them() {
        let fingerprint = fingerprint(&CertificateDer::from(b"abc".to_vec()));
        let text = fingerprint.to_string();
        assert!(text.starts_with("sha256:BA:78:16:BF:") && text.ends_with(":15:AD"), "{text}");
        let bare = text.trim_start_matches("sha256:");
        for same in
            [&text, bare, &bare.replace(':', ""), &text.to_lowercase(), &text.to_uppercase()]
        {
            assert_eq!(same.parse(), Ok(fingerprint), "{same}");
        }
        for wrong in ["", "sha256:", "sha1:BA", &bare[1..], &format!("{bare}:00"), "é"] {
            let error = wrong.parse::<Fingerprint>().unwrap_err();
            assert!(error.contains("64 hexadecimal digits"), "{error}");
        }
    }
}
