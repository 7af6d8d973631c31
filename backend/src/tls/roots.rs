//! Clients that trust what this system trusts, or what its owner names.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::provider;
use crate::secrets;

/// A client for servers whose certificates are signed by an authority that this system trusts (on Debian
/// those of `ca-certificates`), or by one of those in `ca_file` (PEM), if that is given. Reads files.
///
/// An error is a sentence for people.
pub fn trusting(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities(ca_file)?);
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(Arc::new(roots)).with_no_client_auth())
}

/// The certificates that [`trusting`] is about: those that can be used, and one at least.
pub fn authorities(ca_file: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, String> {
    let mut found = match ca_file {
        Some(path) => in_file(path)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    // A system may keep some that nobody could use.
    let mut scratch = RootCertStore::empty();
    found.retain(|certificate| scratch.add(certificate.clone()).is_ok());
    if !found.is_empty() {
        return Ok(found);
    }
    Err(ca_file.map_or_else(
        || {
            "this system trusts no certificates; install the package ca-certificates, or name a file of \
             them as `ca_file`"
                .into()
        },
        |path| format!("none of the certificates in {} can be used", path.display()),
    ))
}

fn in_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let wrong = |why: String| format!("cannot use the certificates in {}: {why}", path.display());
    let text = match secrets::read(path) {
        Ok(Some(text)) => text,
        Ok(None) => return Err(wrong("there is no such file".into())),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    found.map_err(|error| wrong(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::of_head;

    #[test]
    fn a_file_takes_the_place_of_the_systems() {
        let dir = tempfile::tempdir().unwrap();
        of_head(dir.path(), None, &["pi".into()]).unwrap();
        let made = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
        let path = made.into_iter().find(|path| trusting(Some(path)).is_ok());
        assert_eq!(authorities(path.as_deref()).unwrap().len(), 1);
        let error = trusting(Some(Path::new("/no/such.pem"))).unwrap_err();
        assert!(error.contains("/no/such.pem") && error.contains("no such file"), "{error}");
        let empty = dir.path().join("empty");
        std::fs::write(&empty, "").unwrap();
        assert!(trusting(Some(&empty)).unwrap_err().contains("can be used"));
    }
}
