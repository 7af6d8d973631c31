//! How the head is entered, as its settings say, and what whoever starts it is told of that.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::SocketAddr;

use crate::config::Config;
use crate::error::{Error, tell};
use crate::here::{self, Reached};
use crate::tls;
use crate::viewers::{self, Viewers};
use crate::web::{Entrance, Limits};

/// Files that are open besides connections.
const OTHERS: u64 = 128;

/// How a head that listens on `address` is entered. Makes its certificate if it needs one.
pub(super) fn open(config: &Config, address: SocketAddr) -> Result<Entrance, Error> {
    let identity = if config.transport.is_tls() {
        let names = here::names(&config.host_names);
        Some(tls::of_head(&config.data_dir, config.transport.given(), &names)?)
    } else {
        None
    };
    let fingerprint = identity.as_ref().map(tls::Identity::fingerprint);
    let reached = Reached { listen: address, tls: identity.is_some(), fingerprint };
    if let Err(source) = reached.keep(&config.data_dir, config.history.is_some()) {
        // `token create` has to be told then, and commands about history.
        tell(Error::Data { path: config.data_dir.clone(), source }.chain());
    }
    let mut host_names = config.host_names.clone();
    host_names.extend(here::host_name());
    host_names.extend(config.url.as_ref().map(|url| url.host().to_owned()));
    Ok(Entrance {
        tls: identity.map(tls::Identity::server).transpose()?,
        fingerprint,
        limits: Limits {
            all: room(config.max_connections),
            per_address: config.max_connections_per_address,
            exempt: config.trusted_proxies.clone(),
        },
        host_names,
        trusted_proxies: config.trusted_proxies.clone(),
        anonymous_read: config.anonymous_read,
        is_exposed: config.is_exposed(),
        is_local: reached.is_local(),
        url: config.url.as_ref().map_or_else(|| reached.url(), ToString::to_string),
    })
}

/// How many connections there may be: as many as are `wanted`, if the system lets this process open so
/// many files.
#[cfg(unix)]
fn room(wanted: u32) -> u32 {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If that is refused, what was allowed stays so.
    setrlimit(Resource::Nofile, limit).ok();
    let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let room = u32::try_from(most.saturating_sub(OTHERS)).unwrap_or(u32::MAX).max(1);
    if room < wanted {
        tell(format_args!(
            "this system lets it open {most} files, so it takes {room} connections, not {wanted}"
        ));
    }
    wanted.min(room)
}

/// How many connections there may be.
#[cfg(not(unix))]
fn room(wanted: u32) -> u32 {
    wanted
}

/// Tells where the head is and who gets in. Makes a password if one is needed and there is somebody at
/// the terminal to read it.
pub(super) fn say(
    config: &Config,
    entrance: &Entrance,
    address: SocketAddr,
    viewers: &Viewers,
) -> Result<(), Error> {
    let mut out = io::stdout();
    let scheme = if entrance.tls.is_some() { "https" } else { "http" };
    let mut lines = vec![format!("Headroom is at {scheme}://{address}")];
    if let Some(fingerprint) = entrance.fingerprint {
        lines.push(format!("Its certificate is {fingerprint}"));
    }
    if entrance.is_exposed && !viewers.has_password() {
        if out.is_terminal() {
            let password = viewers::make();
            viewers::set(&config.data_dir, &password)?;
            lines.push(format!("Its password is {password}"));
            lines.push("This is not told again; `headroom password` sets another".into());
        } else {
            tell(format_args!(
                "no password is set, so nobody may {} yet; set one with `headroom password --data-dir {}`",
                if entrance.anonymous_read { "add nodes in the page" } else { "look" },
                config.data_dir.display()
            ));
        }
    }
    if !entrance.is_local && entrance.tls.is_none() {
        tell(
            "WARNING: plain HTTP, as --insecure-http says: whoever is on the network sees the password, \
             the tokens of nodes and all numbers, and can change them",
        );
    }
    // Whoever reads the address may end the program at once; or nobody reads it.
    writeln!(out, "{}", lines.join("\n")).ok();
    Ok(())
}
