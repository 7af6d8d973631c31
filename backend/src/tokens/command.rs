//! `headroom token`: lets nodes join the head of this machine, or shuts them out.

use std::io;

use shared::NodeId;
use shared::units::span;

use super::{Issued, file, joining};
use crate::clock::WallClock;
use crate::config::{Config, CreateArgs, ListArgs, RevokeArgs, TokenCommand};
use crate::error::{Error, print, tell};
use crate::table::aligned;
use crate::{here, tls};

/// Does what is asked, and prints.
pub fn run(command: TokenCommand) -> Result<(), Error> {
    match command {
        TokenCommand::Create(args) => create(*args),
        TokenCommand::List(args) => list(args),
        TokenCommand::Revoke(args) => revoke(args),
    }
}

fn create(args: CreateArgs) -> Result<(), Error> {
    let name = name(args.name)?;
    let config = args.serve.resolve()?;
    let head = args.head.unwrap_or_else(|| here::url(&config));
    if !["http://", "https://"].iter().any(|scheme| head.starts_with(scheme)) {
        let text = format!("{head:?} is no address of a head, such as https://192.168.1.10:8443");
        return Err(Error::Refused(text));
    }
    let fingerprint = if head.starts_with("https://") { Some(fingerprint(&config)?) } else { None };
    let token = file::create(&config.data_dir, name.clone(), WallClock::start().now_ms())?;
    tell(format_args!(
        "run this line on {name}, once; its token is not told again, and belongs to the machine that uses \
         it first"
    ));
    print(&(joining(&token, &head, fingerprint) + "\n"))
}

/// Of the certificate that the head serves with, which is made if it has none yet.
fn fingerprint(config: &Config) -> Result<tls::Fingerprint, Error> {
    let given = config.transport.given();
    Ok(tls::of_head(&config.data_dir, given, &here::names(&config.host_names))?.fingerprint())
}

fn list(args: ListArgs) -> Result<(), Error> {
    let dir = args.data.resolve()?;
    let path = file::path(&dir);
    let entries = file::read(&dir).map_err(|source| Error::Kept { path, source })?;
    let mut tokens: Vec<_> = entries.iter().map(Issued::from).collect();
    tokens.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    if args.json {
        let text = serde_json::to_string_pretty(&tokens);
        return print(&(text.map_err(|error| Error::Output(io::Error::from(error)))? + "\n"));
    }
    let now_ms = WallClock::start().now_ms();
    let ago = |at_ms: u64| format!("{} ago", span(now_ms.saturating_sub(at_ms) / 1000));
    let mut rows = vec![["node", "made", "first used"].map(str::to_owned)];
    for token in tokens {
        let used = token.bound_ms.map_or_else(|| "never".into(), ago);
        rows.push([token.name.into(), ago(token.created_ms), used]);
    }
    print(&aligned(&rows, "lrr"))
}

fn revoke(args: RevokeArgs) -> Result<(), Error> {
    let name = name(args.name)?;
    let dir = args.data.resolve()?;
    if file::revoke(&dir, &name)? {
        tell(format_args!("{name} is shut out"));
        return Ok(());
    }
    let text = format!("there is no token for {name} in {}", dir.display());
    Err(Error::Refused(text))
}

fn name(text: String) -> Result<NodeId, Error> {
    NodeId::try_from(text).map_err(|error| Error::Refused(error.to_string()))
}
