//! What is asked about a head, where there is somebody to ask.

use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;

use shared::NodeId;

use super::address::PROPOSED;
use crate::config::Listen;
use crate::error::{Error, tell};
use crate::{here, prompt, viewers};

/// How often a question is asked again before it is given up.
const TRIES: usize = 5;

/// The password that a head is to have.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Password {
    /// The one that is set, or none.
    Kept,
    /// One that is made here, and told once.
    Made,
    /// This one.
    Given(String),
}

/// Asks until the answer is good, but not for ever.
fn good<T>(mut ask: impl FnMut() -> Result<Result<T, String>, Error>) -> Result<T, Error> {
    for _ in 0..TRIES {
        match ask()? {
            Ok(answer) => return Ok(answer),
            Err(why) => tell(why),
        }
    }
    Err(Error::Refused("that was the last try; nothing was changed".into()))
}

/// Where to listen.
pub(super) fn listen(proposed: SocketAddr) -> Result<SocketAddr, Error> {
    let addresses = joined(here::addresses());
    if addresses.is_empty() {
        tell("this machine has no address yet that others reach");
    } else {
        tell(format_args!("this machine has these addresses: {addresses}"));
    }
    let question =
        format!("Address and port to listen on, 0.0.0.0 for all of them (Enter: {proposed}): ");
    good(|| Ok(address(&prompt::shown(&question)?, proposed)))
}

/// What was answered: nothing, an address, a port, or both.
fn address(answer: &str, proposed: SocketAddr) -> Result<SocketAddr, String> {
    if answer.is_empty() {
        return Ok(proposed);
    }
    if let Ok(port) = answer.parse() {
        return Ok((PROPOSED.ip(), port).into());
    }
    let bare = answer.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok((ip, proposed.port()).into());
    }
    Listen::from_str(answer).map(|listen| listen.0)
}

/// Which password. `needed` is whether others reach this head.
pub(super) fn password(is_set: bool, needed: bool) -> Result<Password, Error> {
    let question = match (is_set, needed) {
        (true, _) => "Password (Enter keeps the one that is set, `new` makes one): ",
        (false, true) => "Password for whoever looks (Enter makes one): ",
        (false, false) => "Password (Enter: none, as only this machine reaches it): ",
    };
    good(|| {
        let answer = prompt::hidden(question)?;
        Ok(match answer.trim() {
            "" if needed && !is_set => Ok(Password::Made),
            "" => Ok(Password::Kept),
            "new" => Ok(Password::Made),
            _ => match viewers::check(&answer) {
                Err(error) => Err(error.to_string()),
                Ok(()) if prompt::hidden("Again: ")? == answer => Ok(Password::Given(answer)),
                Ok(()) => Err("the two differ".into()),
            },
        })
    })
}

/// Which nodes are to join.
pub(super) fn nodes() -> Result<Vec<NodeId>, Error> {
    let question = "Names of nodes that are to join, with commas between them (Enter: none now): ";
    good(|| Ok(names(prompt::shown(question)?.split(','))))
}

/// The names of nodes, each once; an error says which is none.
pub(super) fn names<'a>(texts: impl Iterator<Item = &'a str>) -> Result<Vec<NodeId>, String> {
    let mut names = Vec::new();
    for text in texts.map(str::trim).filter(|text| !text.is_empty()) {
        let name = NodeId::try_from(text.to_owned()).map_err(|error| error.to_string())?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

fn joined(things: impl Iterator<Item = impl Display>) -> String {
    things.map(|thing| thing.to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_half_said() {
        let proposed = "192.168.1.2:9000".parse().unwrap();
        for (answer, meant) in [
            ("", "192.168.1.2:9000"),
            ("8443", "0.0.0.0:8443"),
            ("10.0.0.1", "10.0.0.1:9000"),
            ("10.0.0.1:1", "10.0.0.1:1"),
            ("::", "[::]:9000"),
            ("[::1]", "[::1]:9000"),
            ("[::1]:1", "[::1]:1"),
        ] {
            assert_eq!(address(answer, proposed).unwrap().to_string(), meant, "{answer}");
        }
        for wrong in ["pi", "1.2.3", "99999", "10.0.0.1:", ":80"] {
            assert!(address(wrong, proposed).unwrap_err().contains("such as"), "{wrong}");
        }
    }

    #[test]
    fn names_are_told_apart() {
        let names = |text: &str| names(text.split(',')).map(|names| joined(names.iter()));
        assert_eq!(names(" pi-1,pi-2 , ,pi-1").unwrap(), "pi-1, pi-2");
        assert_eq!(names("").unwrap(), "");
        assert!(names("pi-1, Pi 2").unwrap_err().contains("\"Pi 2\""));
    }
}
