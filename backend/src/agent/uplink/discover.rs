//! Finds heads that announce themselves on this network. What is found is only an address: whether it is
//! the head that is meant, its certificate has to prove.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use mdns_sd::{ResolvedService, ScopedIp, ServiceDaemon, ServiceEvent};
use tokio::task::spawn_blocking;

use crate::config::{HeadUrl, SERVICE};

/// How long to listen for answers.
const LISTEN: Duration = Duration::from_secs(3);
/// Addresses at most: anyone on the network can announce as many as he likes.
const MOST: usize = 16;

/// The addresses of heads on this network, all of them with TLS; or why nobody can be asked.
pub(super) async fn heads() -> Result<Vec<HeadUrl>, String> {
    let search = spawn_blocking(search).await;
    search.unwrap_or_else(|_| Err("the search for heads failed".into()))
}

/// The same, for who can wait for some seconds.
pub fn search() -> Result<Vec<HeadUrl>, String> {
    let failed = |error: mdns_sd::Error| format!("heads cannot be searched for: {error}");
    let daemon = ServiceDaemon::new().map_err(failed)?;
    let found = daemon.browse(SERVICE).map_err(failed)?;
    let until = Instant::now() + LISTEN;
    let mut heads = Vec::new();
    while let Ok(event) = found.recv_deadline(until) {
        if let ServiceEvent::ServiceResolved(service) = event {
            heads.extend(urls(&service));
        }
        if heads.len() >= MOST {
            break;
        }
    }
    heads.truncate(MOST);
    // Its thread ends with it.
    daemon.shutdown().ok();
    Ok(heads)
}

/// Nothing goes to a head without TLS that could be anyone.
fn urls(service: &ResolvedService) -> impl Iterator<Item = HeadUrl> {
    let is_tls = service.get_property_val_str("tls") == Some("1");
    let port = service.get_port();
    let addresses = service.get_addresses().iter().filter(move |_| is_tls);
    // Addresses of one link only would need its name, which the other side cannot know.
    let addresses = addresses.map(ScopedIp::to_ip_addr);
    let is_usable = |address: &IpAddr| match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(address) => !address.is_unicast_link_local(),
    };
    addresses.filter(is_usable).map(move |address| HeadUrl::tls(address, port))
}
