//! `headroom token`: lets nodes join the head of this machine, or shuts them out.

use std::collections::HashSet;
use std::io::{self, IsTerminal as _};

use serde::Serialize;
use serde_json::json;
use shared::NodeId;
use shared::units::span;

use super::{Issued, file, joining, kubernetes, setting_up};
use crate::clock::WallClock;
use crate::config::{Config, CreateArgs, ListArgs, RevokeArgs, TokenCommand};
use crate::data;
use crate::error::{Error, print, tell};
use crate::here::{self, Reached};
use crate::table::aligned;
use crate::tls;

/// Does what is asked, and prints.
pub fn run(command: TokenCommand) -> Result<(), Error> {
    match command {
        TokenCommand::Create(args) => create(*args),
        TokenCommand::List(args) => list(args),
        TokenCommand::Revoke(args) => revoke(args),
    }
}

fn create(args: CreateArgs) -> Result<(), Error> {
    let names = numbered(args.names, args.count)?;
    let config = args.serve.resolve()?;
    data::enter(&config.data_dir)?;
    let reached = match Reached::last(&config.data_dir) {
        Some(reached) => reached,
        None => expected(&config)?,
    };
    let head = args.head.or_else(|| config.url.as_ref().map(ToString::to_string));
    if head.is_none() && !args.kubernetes && reached.is_local() {
        tell("this head listens on loopback, where only this machine reaches it; see --listen");
    }
    let head = head.unwrap_or_else(|| reached.url());
    if !["http://", "https://"].iter().any(|scheme| head.starts_with(scheme)) {
        let text = format!("{head:?} is no address of a head, such as https://192.168.1.10:8443");
        return Err(Error::Refused(text));
    }
    // In Kubernetes the manifest says where the head is.
    let is_tls = if args.kubernetes { reached.tls } else { head.starts_with("https://") };
    let fingerprint = match reached.fingerprint {
        _ if !is_tls => None,
        Some(fingerprint) => Some(fingerprint),
        None => Some(fingerprint(&config)?),
    };
    let made = file::create(&config.data_dir, &names, WallClock::start().now_ms())?;
    if args.kubernetes {
        tell("kubectl takes this; the tokens are not told again");
        return print_json(&kubernetes::secret(&names, &made, fingerprint));
    }
    let lines = made.iter().map(|token| joining(token, &head, fingerprint));
    let longer = made.iter().map(|token| setting_up(token, &head, fingerprint));
    if args.json {
        let of = |(((name, token), line), setup)| json!({ "name": name, "token": token, "line": line, "setup": setup });
        let all: Vec<_> = names.iter().zip(&made).zip(lines).zip(longer).map(of).collect();
        return print_json(&all);
    }
    match names.as_slice() {
        [name] => tell(format_args!(
            "run this line on {name}, once; its token is not told again, and belongs to the machine \
             that uses it first"
        )),
        _ => tell(format_args!(
            "run one of these lines on each node, once; their tokens are not told again, and belong \
             to the machines that use them first"
        )),
    }
    let listed = |lines: &mut dyn Iterator<Item = String>| -> String {
        lines.map(|line| line + "\n").collect()
    };
    let (mut lines, mut longer) = (lines, longer);
    // Whoever takes the output apart gets the line that works everywhere, and nothing else.
    if !io::stdout().is_terminal() {
        return print(&listed(&mut lines));
    }
    print(&format!(
        "\nWhere the package is installed, for good:\n{}\nWith the program alone, as long as it runs:\n{}",
        listed(&mut longer),
        listed(&mut lines)
    ))
}

/// The nodes of these names, or `count` of the only one, which sort as they count.
fn numbered(names: Vec<String>, count: Option<u32>) -> Result<Vec<NodeId>, Error> {
    let (Some(count), [name]) = (count, names.as_slice()) else {
        if count.is_some() {
            return Err(Error::Refused("--count is for one name".into()));
        }
        let mut seen = HashSet::new();
        return match names.iter().find(|name| !seen.insert(*name)) {
            Some(twice) => Err(Error::Refused(format!("{twice} is named twice"))),
            None => names.into_iter().map(node).collect(),
        };
    };
    let width = count.to_string().len();
    (1..=count).map(|number| node(format!("{name}-{number:0width$}"))).collect()
}

fn print_json(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(value);
    print(&(text.map_err(|error| Error::Output(io::Error::from(error)))? + "\n"))
}

/// Where a head that was not started yet will be reached.
fn expected(config: &Config) -> Result<Reached, Error> {
    let tls = config.transport.is_tls();
    let fingerprint = if tls { Some(fingerprint(config)?) } else { None };
    Ok(Reached { listen: config.listen, tls, fingerprint })
}

/// Of the certificate that the head serves with, which is made if it has none yet.
fn fingerprint(config: &Config) -> Result<tls::Fingerprint, Error> {
    let given = config.transport.given();
    Ok(tls::of_head(&config.data_dir, given, &here::names(&config.host_names))?.fingerprint())
}

fn list(args: ListArgs) -> Result<(), Error> {
    let dir = args.data.resolve()?;
    let entries = file::read(&dir).map_err(|source| data::unusable(&file::path(&dir), source))?;
    let mut tokens: Vec<_> = entries.iter().map(Issued::from).collect();
    tokens.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    if args.json {
        return print_json(&tokens);
    }
    let now_ms = WallClock::start().now_ms();
    let ago = |at_ms: u64| format!("{} ago", span(now_ms.saturating_sub(at_ms) / 1000));
    let mut rows = vec![["node", "made", "first used", "agent"].map(str::to_owned)];
    for token in tokens {
        let used = token.bound_ms.map_or_else(|| "never".into(), ago);
        let agent = token.agent.unwrap_or_else(|| "—".into());
        rows.push([token.name.into(), ago(token.created_ms), used, agent]);
    }
    print(&aligned(&rows, "lrrr"))
}

fn revoke(args: RevokeArgs) -> Result<(), Error> {
    let name = node(args.name)?;
    let dir = args.data.resolve()?;
    data::enter(&dir)?;
    if file::revoke(&dir, &name)? {
        tell(format_args!("{name} is shut out"));
        return Ok(());
    }
    let text = format!("there is no token for {name} in {}", dir.display());
    Err(Error::Refused(text))
}

fn node(text: String) -> Result<NodeId, Error> {
    NodeId::try_from(text).map_err(|error| Error::Refused(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn many_names_are_of_one_length() {
        let names = |names: &[&str], count| {
            let names = names.iter().copied().map(str::to_owned).collect();
            numbered(names, count).map(|ids| ids.into_iter().map(String::from).collect::<Vec<_>>())
        };
        assert_eq!(names(&["pi"], None).unwrap(), ["pi"]);
        assert_eq!(names(&["pi"], Some(1)).unwrap(), ["pi-1"]);
        let ten = names(&["pi"], Some(10)).unwrap();
        assert_eq!((ten[0].as_str(), ten[9].as_str()), ("pi-01", "pi-10"));
        assert!(names(&["Pi"], Some(2)).is_err());
        assert_eq!(names(&["b", "a"], None).unwrap(), ["b", "a"]);
        for (wrong, count) in [(&["a", "b"][..], Some(2)), (&["a", "a"], None), (&["a", "B"], None)]
        {
            assert!(names(wrong, count).is_err(), "{wrong:?}");
        }
    }
}
