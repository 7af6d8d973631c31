//! What this machine is called, where others reach it, and what an address stands for.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sysinfo::Networks;

use crate::secrets;
use crate::tls::Fingerprint;

/// Where a head keeps how it was reached last.
const REACHED: &str = "reached.json";

/// The name of this machine, if it has one.
#[must_use]
pub fn host_name() -> Option<String> {
    sysinfo::System::host_name().ok().filter(|name| !name.is_empty())
}

/// Every name and address by which browsers may reach this machine, `more` among them.
#[must_use]
pub fn names(more: &[String]) -> Vec<String> {
    let mut names: Vec<String> = more.to_vec();
    if let Some(name) = host_name() {
        let short = name.split('.').next().unwrap_or(&name);
        names.push(format!("{short}.local"));
        names.push(name);
    }
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    names.extend(addresses().map(|address| address.to_string()));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.to_ascii_lowercase()));
    names
}

/// Where agents reach a head, as it keeps it for the command that lets them join: how it was started, the
/// command does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// What it listens on.
    pub listen: SocketAddr,
    /// Whether it serves TLS…
    pub tls: bool,
    /// …and with which certificate.
    pub fingerprint: Option<Fingerprint>,
}

impl Reached {
    /// The head's URL, of today: addresses of machines change. By its name where it has none yet.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        let port = self.listen.port();
        match (self.address(), host_name()) {
            (None, Some(name)) => {
                let short = name.split('.').next().unwrap_or(&name).to_ascii_lowercase();
                format!("{scheme}://{short}.local:{port}")
            }
            (address, _) => {
                let address = address.unwrap_or(self.listen.ip());
                format!("{scheme}://{}", SocketAddr::new(address, port))
            }
        }
    }

    /// The address of this machine under which it is reached today, if there is one.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.listen.ip() {
            any if any.is_unspecified() => address(),
            address => Some(address),
        }
    }

    /// Whether other machines reach it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.listen.ip().is_loopback()
    }

    /// Of the head that keeps its data in `dir`, if it was ever started and could tell.
    #[must_use]
    pub fn last(dir: &Path) -> Option<Self> {
        let bytes = secrets::read(&dir.join(REACHED)).ok()??;
        serde_json::from_slice(&bytes).ok()
    }

    /// Keeps it in `dir`. A head that only its own machine reaches makes no directory for that, unless it
    /// `makes` one anyway.
    pub fn keep(&self, dir: &Path, makes: bool) -> io::Result<()> {
        let has_data = makes || secrets::stamp(dir).is_some();
        if (self.is_local() && !has_data) || Self::last(dir).as_ref() == Some(self) {
            return Ok(());
        }
        secrets::write(&dir.join(REACHED), &serde_json::to_vec_pretty(self)?)
    }
}

/// The address under which others reach this machine most likely: the one that it would itself use for
/// going elsewhere, or the first there is.
fn address() -> Option<IpAddr> {
    // Nothing is sent: to connect a datagram socket is to choose the way.
    let route = |from: IpAddr, to: IpAddr| {
        let socket = UdpSocket::bind((from, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(is_elsewhere)
    };
    // Addresses for documentation, which are nowhere (RFC 5737, RFC 3849).
    let v4 = Ipv4Addr::new(192, 0, 2, 1).into();
    let v6 = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into();
    route(Ipv4Addr::UNSPECIFIED.into(), v4)
        .or_else(|| addresses().find(IpAddr::is_ipv4))
        .or_else(|| route(Ipv6Addr::UNSPECIFIED.into(), v6))
        .or_else(|| addresses().next())
}

/// Addresses of this machine that others may reach.
pub fn addresses() -> impl Iterator<Item = IpAddr> {
    let networks = Networks::new_with_refreshed_list().ok();
    let mut all: Vec<_> = networks
        .iter()
        .flat_map(|networks| networks.iter())
        .flat_map(|(_, network)| network.ip_networks().iter().map(|network| network.addr))
        .filter(is_elsewhere)
        .collect();
    all.sort_unstable();
    all.into_iter()
}

/// Whether it is neither this machine's alone nor of one wire (`fe80::…`, which needs its name).
fn is_elsewhere(address: &IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !address.is_loopback() && !address.is_unspecified() && !is_link_local
}

/// What counts as one address: whoever has one address of IPv6 has 2⁶⁴.
#[must_use]
pub fn of_one(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            Ipv6Addr::from_bits(network).into()
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_once() {
        let names = names(&["Dash.example.org".into(), "localhost".into()]);
        for name in ["Dash.example.org", "localhost", "127.0.0.1", "::1"] {
            assert_eq!(names.iter().filter(|other| *other == name).count(), 1, "{names:?}");
        }
    }

    #[test]
    fn an_address_is_a_machine_and_of_ipv6_a_network() {
        let one = |text: &str| of_one(text.parse().unwrap()).to_string();
        assert_eq!(one("::ffff:10.0.0.1"), "10.0.0.1");
        assert_eq!(one("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(one("::1"), "::");
    }
}
