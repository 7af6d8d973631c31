//! The certificate of a head: one that was given, or its own, made when it is first needed.

use std::io;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, date_time_ymd};

use super::Identity;
use crate::error::Error;
use crate::secrets;

/// A certificate and its key that were given, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// The certificate, and those that signed it after it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// The certificate of the head that keeps its data in `dir`: the one that was `given`, or its own, which
/// is made for `names` (of hosts, or addresses) if there is none yet.
pub fn of_head(dir: &Path, given: Option<&Files>, names: &[String]) -> Result<Identity, Error> {
    if let Some(files) = given {
        return Identity::read(&files.certificate, &files.key);
    }
    let files = Files { certificate: dir.join("cert.pem"), key: dir.join("key.pem") };
    // Two programs that start at once must not make two.
    let kept = |source| Error::Data { path: dir.into(), source };
    let _lock = secrets::lock(dir).map_err(kept)?;
    if secrets::stamp(&files.certificate).is_none() {
        let (certificate, key) = make(names).map_err(io::Error::other).map_err(kept)?;
        // The key first: a certificate that is there has its key.
        secrets::write(&files.key, key.as_bytes()).map_err(kept)?;
        secrets::write(&files.certificate, certificate.as_bytes()).map_err(kept)?;
    }
    Identity::read(&files.certificate, &files.key)
}

/// A certificate for `names` and its key, in PEM. What is no name, as of a machine called `my_pi`, is
/// left out: it is known by its fingerprint, and browsers ask about it anyway.
fn make(names: &[String]) -> Result<(String, String), rcgen::Error> {
    let fit = names.iter().filter(|name| CertificateParams::new(vec![(*name).clone()]).is_ok());
    let mut params = CertificateParams::new(fit.cloned().collect::<Vec<_>>())?;
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, "Headroom");
    params.distinguished_name = subject;
    // A Pi without a clock makes it in 1970, and whoever trusts it by its fingerprint needs no date.
    params.not_before = date_time_ymd(1970, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("data");
        let names = ["pi", "localhost", "192.168.1.7", "::1", "not a näme"].map(str::to_owned);
        let first = of_head(&dir, None, &names).unwrap();
        let again = of_head(&dir, None, &[]).unwrap();
        assert_eq!(first.fingerprint(), again.fingerprint());
        again.server().unwrap();
        let other = of_head(&dir.join("other"), None, &names).unwrap();
        assert_ne!(first.fingerprint(), other.fingerprint());
        let files = Files { certificate: dir.join("cert.pem"), key: dir.join("key.pem") };
        let given = of_head(Path::new("/nowhere"), Some(&files), &[]).unwrap();
        assert_eq!(given.fingerprint(), first.fingerprint());
    }

    #[test]
    fn what_is_wrong_with_given_files_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        of_head(dir.path(), None, &[]).unwrap();
        std::fs::write(path("empty"), "").unwrap();
        for (certificate, key, words) in [
            ("none", "key.pem", &["none", "no such file"][..]),
            ("empty", "key.pem", &["empty", "no certificate"]),
            ("cert.pem", "empty", &["empty", "no private key"]),
        ] {
            let files = Files { certificate: path(certificate), key: path(key) };
            let Err(error) = of_head(dir.path(), Some(&files), &[]) else { panic!("{words:?}") };
            let error = error.chain().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{error}");
        }
    }
}
