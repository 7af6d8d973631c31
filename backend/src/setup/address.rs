//! Whether a head can listen where it is told to, before it is told.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};

use crate::ask;
use crate::config::{Config, TrustArgs};
use crate::error::Error;
use crate::here::{self, Reached};
use crate::tls::Fingerprint;

use super::service::Service;

/// The port and address that are proposed: every address of this machine.
pub(super) const PROPOSED: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 8080);

/// Where Linux says from which port on everybody may listen.
const FREE_PORTS: &str = "/proc/sys/net/ipv4/ip_unprivileged_port_start";

/// Refuses an address where the head could not listen. `before` is where its settings had it listen until
/// now.
pub(super) fn check(
    config: &Config,
    before: SocketAddr,
    service: Option<Service>,
) -> Result<(), Error> {
    let address = config.listen;
    let refused = |why: String| Err(Error::Refused(format!("{why}; choose another with --listen")));
    if address.port() == 0 {
        return refused("port 0 is another one at each start, and nodes have to know it".into());
    }
    if let Some(service) = service
        && address.port() < free_ports()
        && !service.may_bind_low_ports()
    {
        return refused(format!(
            "only privileged programs may listen on port {}, and the service is none (`sudo systemctl edit \
             headroom` lets it, with AmbientCapabilities=CAP_NET_BIND_SERVICE and CapabilityBoundingSet= the \
             same)",
            address.port()
        ));
    }
    let Err(error) = TcpListener::bind(address) else { return Ok(()) };
    match error.kind() {
        ErrorKind::AddrInUse if is_own(config, before, service) => Ok(()),
        ErrorKind::AddrInUse => refused(format!(
            "another program listens on port {} (`sudo ss -ltnp` says which)",
            address.port()
        )),
        ErrorKind::AddrNotAvailable => {
            let known: Vec<_> = here::addresses().map(|address| address.to_string()).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            refused(format!("{} is no address of this machine, which has {known}", address.ip()))
        }
        // A user's own head on a port for privileged programs.
        _ => refused(format!("this machine does not let it listen on {address}: {error}")),
    }
}

/// Whether it is this very head that listens there already.
fn is_own(config: &Config, before: SocketAddr, service: Option<Service>) -> bool {
    let port = config.listen.port();
    if service.is_some_and(Service::runs) {
        return before.port() == port;
    }
    Reached::last(&config.data_dir)
        .is_some_and(|reached| reached.listen.port() == port && answers(&reached).is_ok())
}

/// Asks a head on this machine whether it is there; with TLS, whether it is the one with this certificate.
pub(super) fn answers(reached: &Reached) -> Result<(), Error> {
    let mut address = reached.listen;
    if address.ip().is_unspecified() {
        let loopback = if address.is_ipv4() { "127.0.0.1" } else { "::1" };
        address.set_ip(loopback.parse().unwrap_or(address.ip()));
    }
    let url = Reached { listen: address, ..reached.clone() }.url();
    let fingerprint: Option<Fingerprint> = reached.fingerprint;
    let trust = TrustArgs { fingerprint, ..TrustArgs::default() };
    ask::Head::enter(&url, &trust)?.get::<serde_json::Value>("/healthz").map(drop)
}

fn free_ports() -> u16 {
    let told = fs::read_to_string(FREE_PORTS).ok();
    told.and_then(|text| text.trim().parse().ok()).unwrap_or(1024)
}
