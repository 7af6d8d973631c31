//! Clients that trust certificates by their fingerprints, and nothing else.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, SignatureScheme, version,
};

use super::{Fingerprint, fingerprint, provider};
use crate::secrets::same;

/// A client that talks to servers with a certificate of one of `fingerprints` only, whatever name or
/// dates it bears, and only if they prove that they have its key.
///
/// # Panics
/// Never: the provider speaks TLS 1.3.
#[must_use]
pub fn pinned(fingerprints: &[Fingerprint]) -> ClientConfig {
    let provider = provider();
    let pinned = Pinned { fingerprints: fingerprints.to_vec(), provider: Arc::clone(&provider) };
    ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])
        .expect("the provider speaks TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth()
}

#[derive(Debug)]
struct Pinned {
    fingerprints: Vec<Fingerprint>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let seen = fingerprint(end_entity);
        // Each is compared, so that the time does not tell which one was.
        let known =
            self.fingerprints.iter().fold(false, |known, one| known | same(&one.0, &seen.0));
        if known {
            return Ok(ServerCertVerified::assertion());
        }
        // Of the kinds of errors there are, only this one is shown as it is written.
        Err(Error::General(stranger(seen, &self.fingerprints)))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A server that is not the one that is meant.
fn stranger(seen: Fingerprint, expected: &[Fingerprint]) -> String {
    let expected = expected.iter().map(Fingerprint::to_string).collect::<Vec<_>>().join(" or ");
    let expected = if expected.is_empty() {
        "and no fingerprint was given".into()
    } else {
        format!("expected was {expected}")
    };
    format!("this is not the server that is meant: its certificate is {seen}, {expected}")
}

#[cfg(test)]
mod tests {
    use rustls::server::{ClientHello, ResolvesServerCert};
    use rustls::sign::CertifiedKey;
    use rustls::{ClientConnection, ServerConfig, ServerConnection};

    use super::*;
    use crate::tls::{Identity, of_head};

    fn identity() -> Identity {
        of_head(tempfile::tempdir().unwrap().path(), None, &["pi".into()]).unwrap()
    }

    /// What the client says after both sides have spoken, in memory.
    fn talk(server: ServerConfig, fingerprints: &[Fingerprint]) -> Result<(), String> {
        let config = Arc::new(pinned(fingerprints));
        let name = "192.0.2.1".try_into().unwrap();
        let mut client = ClientConnection::new(config, name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let mut bytes = Vec::new();
        while client.is_handshaking() {
            bytes.clear();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            bytes.clear();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    #[test]
    fn only_the_pinned_certificate_is_trusted() {
        let own = identity();
        let (seen, other) = (own.fingerprint(), identity().fingerprint());
        let server = own.server().unwrap();
        talk(server.clone(), &[seen]).unwrap();
        talk(server.clone(), &[other, seen]).unwrap();
        let error = talk(server.clone(), &[other]).unwrap_err();
        assert!(error.contains(&format!("certificate is {seen}, expected was {other}")), "{error}");
        assert!(talk(server, &[]).unwrap_err().contains("no fingerprint was given"));
    }

    /// Shows the certificate of another, and signs with its own key.
    #[derive(Debug)]
    struct Impostor(Arc<CertifiedKey>);

    impl ResolvesServerCert for Impostor {
        fn resolve(&self, _client_hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
            Some(Arc::clone(&self.0))
        }
    }

    #[test]
    fn who_has_the_certificate_but_not_its_key_is_not_trusted() {
        let (victim, own) = (identity(), identity());
        let fingerprint = victim.fingerprint();
        let key = provider().key_provider.load_private_key(own.key).unwrap();
        let impostor = Impostor(Arc::new(CertifiedKey::new(victim.chain, key)));
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(impostor));
        let error = talk(config, &[fingerprint]).unwrap_err();
        assert!(error.contains("BadSignature"), "{error}");
    }
}
