//! The node's side of `headroom setup`.

mod plan;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use shared::NodeId;

use super::edit::Text;
use super::files::Place;
use super::print_json;
use super::service::Service;
use crate::agent::uplink::search;
use crate::ask::{NoSeat, Seat, seat};
use crate::config::{HeadUrl, Place as Way, RootArgs, ServeArgs, Settings, SetupArgs};
use crate::error::{Error, print, tell};
use crate::systemd::{AGENT_UNIT, HEAD_UNIT};
use crate::tokens::Tokens;
use crate::viewers::Viewers;
use plan::Plan;

/// How long the head may take until it hears this node.
const HEARD_WITHIN: Duration = Duration::from_secs(30);
/// How long it may take until a head knows a token that was made.
const KNOWN_WITHIN: Duration = Duration::from_secs(1);
/// Between two questions whether it does.
const ASK_EVERY: Duration = Duration::from_millis(500);

pub(super) fn run(args: &SetupArgs) -> Result<(), Error> {
    let place = Place::of(args.config.as_deref())?;
    let lock = place.lock()?;
    let old = place.read()?;
    let before = Settings::parse(&old, &place.settings)?;
    let is_idle_head = place.is_of_service
        && Text::new(&old).has_only("agent")
        && was_never_set_up(&before, &place);
    let plan = Plan::settle(args, &place, &old, &before.agent)?;
    let is_new_text = plan.text != old;
    let mut is_changed = is_new_text || plan.is_new_token;
    let seat = if args.node.offline { None } else { call(&plan, is_changed)? };
    let staged = if is_new_text { Some(place.stage(&plan.text)?) } else { None };
    plan.keep_token(&place)?;
    if let Some(staged) = staged {
        staged.commit()?;
    }
    let service = if place.is_of_service { Service::of(AGENT_UNIT) } else { None };
    if let Some(service) = service {
        is_changed |= service.switch_on(is_changed)?;
    }
    let is_elsewhere = !matches!(&plan.way, Way::At { url, .. } if url.is_loopback());
    if is_idle_head && is_elsewhere && service.is_some() {
        is_changed |= switch_off_head()?;
    }
    let mut is_live = false;
    if let (Some(service), Some((url, _))) = (service, &seat) {
        wait(&plan, url, service)?;
        is_live = true;
    }
    drop(lock);
    let node = seat.as_ref().and_then(|(_, seat)| seat.node.clone());
    told(
        args,
        &place,
        &plan,
        node.as_ref(),
        Came { is_changed, is_live, has_service: service.is_some() },
    )
}

/// Switches off the head that the package started here and nobody wants. Says whether it was on.
fn switch_off_head() -> Result<bool, Error> {
    let Some(head) = Service::of(HEAD_UNIT) else { return Ok(false) };
    let was_on = head.switch_off()?;
    if was_on {
        tell(
            "the head of this machine, which was never set up, is switched off; `sudo headroom setup` has \
             it back",
        );
    }
    Ok(was_on)
}

/// Calls on the head: whether it is there, is the one that is meant, and lets this node in. If nothing is to be
/// changed, it need not be there.
fn call(plan: &Plan, is_changed: bool) -> Result<Option<(HeadUrl, Seat)>, Error> {
    let urls = match &plan.way {
        Way::At { url, .. } => vec![url.clone()],
        Way::Near { .. } => search().map_err(Error::Refused)?,
    };
    let ask = |url: &HeadUrl| seat(url, plan.way.fingerprints(), &plan.token, &plan.machine);
    let mut away = Error::Refused("no head announces itself on this network".into());
    for url in urls {
        let answer = match ask(&url) {
            // A token that was just made is not known yet.
            Err(NoSeat::Refused(_)) => {
                thread::sleep(KNOWN_WITHIN);
                ask(&url)
            }
            answer => answer,
        };
        match answer {
            Ok(seat) => return Ok(Some((url, seat))),
            Err(NoSeat::Refused(why)) => {
                let text = format!("the head at {url} refuses this node: {why}");
                return Err(Error::Refused(text));
            }
            Err(NoSeat::Away(error)) => away = error,
        }
    }
    if is_changed {
        let text = format!(
            "{}. Nothing was changed; --offline sets this node up before its head is there",
            away.chain()
        );
        return Err(Error::Refused(text));
    }
    tell(away.chain());
    Ok(None)
}

/// Waits until the head says that it hears this node.
fn wait(plan: &Plan, url: &HeadUrl, service: Service) -> Result<(), Error> {
    let deadline = Instant::now() + HEARD_WITHIN;
    loop {
        let why = match seat(url, plan.way.fingerprints(), &plan.token, &plan.machine) {
            // An older head does not say whom it hears.
            Ok(Seat { node: None, .. }) if service.runs() => return Ok(()),
            Ok(Seat { state: Some(state), .. }) if state.as_str() == "live" => return Ok(()),
            Ok(_) => "the head does not hear it".to_owned(),
            Err(NoSeat::Refused(why)) => why,
            Err(NoSeat::Away(error)) => error.to_string(),
        };
        if Instant::now() > deadline {
            let seconds = HEARD_WITHIN.as_secs();
            let why = format!("{AGENT_UNIT} was started, but after {seconds} s {why}");
            return Err(service.failed(&why));
        }
        thread::sleep(ASK_EVERY);
    }
}

/// Whether the head that the package starts was left alone: nobody reaches it, has a password, or may report.
fn was_never_set_up(settings: &Settings, place: &Place) -> bool {
    let args = ServeArgs {
        config: Some(place.settings.clone()),
        settings: Settings::default(),
        roots: RootArgs::default(),
    };
    let Ok(config) = args.over(settings.clone()) else { return false };
    let has_tokens =
        Tokens::open(&config.data_dir).map_or(true, |tokens| !tokens.list().is_empty());
    let has_password =
        Viewers::open(&config.data_dir).map_or(true, |viewers| viewers.has_password());
    !config.is_exposed() && !has_tokens && !has_password && config.channels.is_empty()
}

/// What came of it.
#[derive(Clone, Copy)]
struct Came {
    is_changed: bool,
    is_live: bool,
    has_service: bool,
}

fn told(
    args: &SetupArgs,
    place: &Place,
    plan: &Plan,
    node: Option<&NodeId>,
    came: Came,
) -> Result<(), Error> {
    let head = plan.settings.head.as_ref().map(HeadUrl::as_str);
    if args.json {
        return print_json(&json!({
            "changed": came.is_changed,
            "head": head,
            "node": node,
            "settings": place.settings,
            "live": came.is_live,
        }));
    }
    let whom = head.unwrap_or("the head that announces itself on this network");
    let name = node.map_or_else(String::new, |node| format!(" as {node}"));
    let mut text = match (came.is_live, came.has_service) {
        (true, _) => format!("This node reports to {whom}{name}.\n"),
        (false, true) => format!("This node reports to {whom}{name} as soon as that answers.\n"),
        (false, false) => {
            let start = if place.is_of_service {
                "headroom agent".into()
            } else {
                format!("headroom agent --config {}", place.settings.display())
            };
            format!(
                "This node is to report to {whom}{name}.\nNo service starts its agent here: `{start}` does.\n"
            )
        }
    };
    if !came.is_changed {
        text.push_str("Nothing was changed: all is as it was.\n");
    }
    print(&text)
}
