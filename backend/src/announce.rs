//! Announces the head on its network with mDNS, for agents that are to find it by themselves.
//!
//! What is announced proves nothing: anyone can announce anything. An agent sends its token only to a head
//! that has the certificate whose fingerprint the agent was given.

use std::net::SocketAddr;

use mdns_sd::{Error, ServiceDaemon, ServiceInfo};

use crate::config::SERVICE;
use crate::here;
use crate::tls::Fingerprint;

/// The head is announced for as long as this lives.
pub struct Announcement {
    daemon: ServiceDaemon,
    name: String,
}

impl Announcement {
    /// Announces the head that listens on `address`. An error says why that cannot be.
    pub fn begin(address: SocketAddr, fingerprint: Option<Fingerprint>) -> Result<Self, String> {
        let begin = || {
            let service = service(address, fingerprint)?;
            let name = service.get_fullname().to_owned();
            let daemon = ServiceDaemon::new()?;
            daemon.register(service)?;
            Ok(Self { daemon, name })
        };
        begin().map_err(|error: Error| format!("the head cannot be announced: {error}"))
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        // Whoever is told too late sees that nobody answers.
        if let Ok(done) = self.daemon.unregister(&self.name) {
            done.recv_timeout(std::time::Duration::from_millis(200)).ok();
        }
        self.daemon.shutdown().ok();
    }
}

fn service(address: SocketAddr, fingerprint: Option<Fingerprint>) -> Result<ServiceInfo, Error> {
    let host = here::host_name().unwrap_or_else(|| "headroom".into());
    let host = host.split('.').next().unwrap_or("headroom");
    let mut properties = vec![("tls", u8::from(fingerprint.is_some()).to_string())];
    properties.extend(fingerprint.map(|fingerprint| ("fingerprint", fingerprint.to_string())));
    let addresses: &[_] = if address.ip().is_unspecified() { &[] } else { &[address.ip()] };
    let name = format!("Headroom on {host}");
    let host = format!("{host}.local.");
    let service =
        ServiceInfo::new(SERVICE, &name, &host, addresses, address.port(), properties.as_slice())?;
    Ok(if addresses.is_empty() { service.enable_addr_auto() } else { service })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced() {
        let fingerprint: Fingerprint = "ab".repeat(32).parse().unwrap();
        let service = service(([192, 0, 2, 7], 8443).into(), Some(fingerprint)).unwrap();
        assert_eq!(service.get_port(), 8443);
        assert_eq!(service.get_property_val_str("tls"), Some("1"));
        let told = service.get_property_val_str("fingerprint");
        assert_eq!(told, Some(fingerprint.to_string().as_str()));
        let plain = super::service(([0, 0, 0, 0], 80).into(), None).unwrap();
        assert_eq!(plain.get_property_val_str("tls"), Some("0"));
        assert!(plain.is_addr_auto());
    }
}
