//! What a node is to report to, from flags, answers and the settings that are there.

use std::io;
use std::path::Path;

use shared::overview::Label;

use crate::agent::uplink::machine_digest;
use crate::config::{
    AgentSettings, HeadUrl, NodeSetupArgs, Place as Way, RootArgs, Settings, SetupArgs, Token,
};
use crate::error::{Error, JoinError};
use crate::probe::host;
use crate::setup::edit::{Text, list};
use crate::setup::files::Place;
use crate::setup::pasted::{self, Pasted};
use crate::setup::{may_ask, secret_of};
use crate::tls::Fingerprint;
use crate::{prompt, secrets};

/// The name of the file with the token.
const TOKEN: &str = "token";
/// Bytes of the line with a token at most.
const MOST_BYTES: usize = 1024;

/// See the module.
pub(super) struct Plan {
    /// The settings file as it will be…
    pub(super) text: String,
    /// …and what it says of the agent.
    pub(super) settings: AgentSettings,
    /// Where the head is.
    pub(super) way: Way,
    pub(super) token: Token,
    /// Whether the token is to be written.
    pub(super) is_new_token: bool,
    /// What tells this machine from others, as the head hears it.
    pub(super) machine: String,
}

/// What was said or answered. `None` and empty is what stays as it is.
struct Said {
    head: Option<HeadUrl>,
    fingerprint: Vec<Fingerprint>,
    token: Option<String>,
}

impl Plan {
    /// Settles everything, and changes nothing. `old` is what stands in the settings file, and says `before`.
    pub(super) fn settle(
        args: &SetupArgs,
        place: &Place,
        old: &str,
        before: &AgentSettings,
    ) -> Result<Self, Error> {
        let said = Said::of(args, before)?;
        let secret = place.secret(TOKEN);
        let (token, is_new_token) = match (&said.token, &before.token_file) {
            (Some(given), _) => {
                let token: Token = given.parse().map_err(JoinError::Token)?;
                let is_new = kept(&secret)?.is_none_or(|kept| kept.trim() != token.secret());
                (token, is_new)
            }
            (None, Some(file)) => {
                let none = || JoinError::TokenFile {
                    path: file.clone(),
                    source: io::ErrorKind::NotFound.into(),
                };
                (kept(file)?.ok_or_else(none)?.parse().map_err(JoinError::Token)?, false)
            }
            (None, None) => return Err(JoinError::NoToken.into()),
        };
        let text = edited(old, &said, &args.node, &secret)?;
        let settings = Settings::parse(&text, &place.settings)?.agent;
        let way = settings.place()?;
        if settings.label.len() > Label::MOST {
            return Err(JoinError::Labels(settings.label.len()).into());
        }
        let roots =
            RootArgs { proc_root: settings.proc_root.clone(), sys_root: settings.sys_root.clone() };
        let file = settings.machine_id_file.clone();
        let machine =
            host::machine_id(&roots.resolve(), file.as_deref(), settings.node_name.as_deref())
                .map_err(|source| JoinError::MachineId {
                    path: file.unwrap_or_default(),
                    source,
                })?;
        let machine = machine_digest(&machine);
        Ok(Self { text, settings, way, token, is_new_token, machine })
    }

    /// Writes the token where the settings say that it is.
    pub(super) fn keep_token(&self, place: &Place) -> Result<(), Error> {
        if self.is_new_token { place.keep_secret(TOKEN, self.token.secret()) } else { Ok(()) }
    }
}

impl Said {
    /// Asks for what neither flags nor settings say, where there is somebody to ask.
    fn of(args: &SetupArgs, before: &AgentSettings) -> Result<Self, Error> {
        let said = &args.node;
        let mut head = said.head.clone();
        let mut fingerprint = said.fingerprint.clone();
        let mut pasted = Pasted::default();
        let is_known = before.head.is_some() || before.discover == Some(true);
        if head.is_none() && !said.discover && !is_known && may_ask(args) {
            let question = "The line that the head printed for this node, or the head's address: ";
            let answer = prompt::shown(question)?;
            pasted = pasted::parse(&answer).unwrap_or_else(|| Pasted {
                head: Some(pasted::address(&answer)),
                ..Pasted::default()
            });
            head = pasted.head.map(|typed| typed.parse()).transpose().map_err(Error::Refused)?;
        }
        let needs_pin = said.discover || head.as_ref().is_some_and(HeadUrl::is_tls);
        if fingerprint.is_empty() && before.fingerprint.is_empty() && needs_pin && may_ask(args) {
            let question = "The fingerprint of its certificate (sha256:…): ";
            let typed = pasted.fingerprint.map_or_else(|| prompt::shown(question), Ok)?;
            let one = |one: &str| one.trim().parse().map_err(Error::Refused);
            fingerprint = typed.split(',').map(one).collect::<Result<_, _>>()?;
        }
        let token = match &said.token_file {
            Some(file) => Some(secret_of(file, "token", MOST_BYTES)?),
            None if pasted.token.is_some() => pasted.token,
            None if before.token_file.is_none() && may_ask(args) => {
                Some(prompt::hidden("The token of this node (hrt_…): ")?)
            }
            None => None,
        };
        Ok(Self { head, fingerprint, token })
    }
}

/// The settings with what was said. A token that was given is going to be at `secret`.
fn edited(old: &str, said: &Said, flags: &NodeSetupArgs, secret: &Path) -> Result<String, Error> {
    let mut text = Text::new(old);
    if let Some(head) = &said.head {
        text.set_in("agent", "head", head.as_str())?;
        text.remove_in("agent", "discover")?;
    }
    if flags.discover {
        text.set_in("agent", "discover", true)?;
        text.remove_in("agent", "head")?;
    }
    if !said.fingerprint.is_empty() {
        let all = said.fingerprint.iter().map(ToString::to_string);
        text.set_in("agent", "fingerprint", list(all))?;
    }
    if said.token.is_some() {
        let path = secret.to_str().ok_or_else(|| {
            Error::Refused(format!("{} is no name that settings can hold", secret.display()))
        })?;
        text.set_in("agent", "token_file", path)?;
    }
    if !flags.label.is_empty() {
        let labels = flags.label.iter().map(|label| format!("{}={}", label.key, label.value));
        text.set_in("agent", "label", list(labels))?;
    }
    if flags.insecure_http {
        text.set_in("agent", "insecure_http", true)?;
    }
    Ok(text.into_string())
}

/// The first line of the file of a token, if there is one.
fn kept(path: &Path) -> Result<Option<String>, Error> {
    match secrets::first_line(path, MOST_BYTES) {
        Ok(line) => Ok(Some(line)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(JoinError::TokenFile { path: path.into(), source }.into()),
    }
}
