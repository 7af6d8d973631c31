//! The head's side of `headroom setup`.

use std::time::{Duration, Instant};
use std::{path, thread};

use shared::NodeId;

use super::address::{self, PROPOSED};
use super::edit::{Text, list};
use super::files::Place;
use super::questions::{self, Password};
use super::report::{Node, Report};
use super::service::Service;
use super::{may_ask, secret_of};
use crate::config::{Config, HeadSetupArgs, RootArgs, ServeArgs, Settings, SetupArgs};
use crate::error::{Error, tell};
use crate::here::{self, Reached};
use crate::systemd::{HEAD_UNIT, is_here};
use crate::tokens::{self, Tokens};
use crate::viewers::{self, Viewers};
use crate::{secrets, tls};

/// How long a head may take until it answers: one that has years to look through takes a while.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);
/// Between two questions whether it does.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// What is to be done.
struct Plan {
    /// The settings file as it will be.
    text: String,
    /// What it says then.
    config: Config,
    /// Whether that is new.
    is_changed: bool,
    password: Password,
    nodes: Vec<NodeId>,
}

pub(super) fn run(args: &SetupArgs) -> Result<(), Error> {
    let place = Place::of(args.config.as_deref())?;
    let lock = place.lock()?;
    let service = if place.is_of_service { Service::of(HEAD_UNIT) } else { None };
    let plan = plan(args, &place, service)?;
    let mut report = Report::new(&place, &plan.config, service.is_some());
    let done = carry_out(plan, &place, service, &mut report);
    drop(lock);
    // What was made is told even if something failed later: it is not told again.
    let printed = if done.is_ok() || report.has_secrets() {
        report.print(&args.head, args.json)
    } else {
        Ok(())
    };
    done.and(printed)
}

/// Settles everything, and changes nothing.
fn plan(args: &SetupArgs, place: &Place, service: Option<Service>) -> Result<Plan, Error> {
    let said = &args.head;
    let old = place.read()?;
    let before = Settings::parse(&old, &place.settings)?;
    let listened = before.listen.map(|listen| listen.0);
    let proposed = listened.unwrap_or(PROPOSED);
    let asks = may_ask(args);
    let listen = match said.listen {
        Some(listen) => listen.0,
        None if asks => questions::listen(proposed)?,
        None => proposed,
    };
    let text = edited(&old, said, listen.to_string())?;
    let is_changed = text != old;
    let config = ServeArgs {
        config: Some(place.settings.clone()),
        settings: Settings::default(),
        roots: RootArgs::default(),
    };
    let config = config.over(Settings::parse(&text, &place.settings)?)?;
    address::check(&config, listened.unwrap_or(([127, 0, 0, 1], 8080).into()), service)?;
    // Files that cannot be used are found now, not half-way.
    Tokens::open(&config.data_dir)?;
    let is_set = Viewers::open(&config.data_dir)?.has_password();
    let needed = config.is_exposed();
    let password = match &said.password_file {
        Some(file) => {
            let given = secret_of(file, "password", viewers::MOST_BYTES)?;
            viewers::check(&given)?;
            Password::Given(given)
        }
        None if asks => questions::password(is_set, needed)?,
        None if needed && !is_set => Password::Made,
        None => Password::Kept,
    };
    let nodes = if said.nodes.is_empty() && asks {
        questions::nodes()?
    } else {
        questions::names(said.nodes.iter().map(String::as_str)).map_err(Error::Refused)?
    };
    Ok(Plan { text, config, is_changed, password, nodes })
}

/// The settings with what was said.
fn edited(old: &str, said: &HeadSetupArgs, listen: String) -> Result<String, Error> {
    let mut text = Text::new(old);
    text.set("listen", listen)?;
    if !said.host_names.is_empty() {
        text.set("host_names", list(said.host_names.clone()))?;
    }
    if let Some(anonymous_read) = said.anonymous_read {
        text.set("anonymous_read", anonymous_read)?;
    }
    if let Some(announce) = said.announce {
        text.set("announce", announce)?;
    }
    if let Some(dir) = &said.data_dir {
        let dir = path::absolute(dir).unwrap_or_else(|_| dir.clone());
        let dir = dir.to_str().ok_or_else(|| {
            Error::Refused(format!("{} is no name that settings can hold", dir.display()))
        })?;
        text.set("data_dir", dir)?;
    }
    Ok(text.into_string())
}

/// Settings first, as a whole; then secrets, which are told once; then the service.
fn carry_out(
    plan: Plan,
    place: &Place,
    service: Option<Service>,
    report: &mut Report,
) -> Result<(), Error> {
    let Plan { text, config, is_changed, password, nodes } = plan;
    let staged = if is_changed { Some(place.stage(&text)?) } else { None };
    let fingerprint = if config.transport.is_tls() {
        let certificate = config.data_dir.join("cert.pem");
        let is_new = config.transport.given().is_none() && secrets::stamp(&certificate).is_none();
        let names = here::names(&config.host_names);
        let identity = tls::of_head(&config.data_dir, config.transport.given(), &names)?;
        report.is_changed |= is_new;
        Some(identity.fingerprint())
    } else {
        None
    };
    let reached = Reached { listen: config.listen, tls: config.transport.is_tls(), fingerprint };
    report.reach(&reached, &config);
    if let Some(staged) = staged {
        staged.commit()?;
        report.is_changed = true;
    }
    match password {
        Password::Kept => {}
        Password::Made => {
            let made = viewers::make();
            viewers::set(&config.data_dir, &made)?;
            report.password = Some(made);
            report.is_changed = true;
        }
        // Who gives the same one again signs nobody out.
        Password::Given(given) if viewers::is_set_to(&config.data_dir, &given)? => {}
        Password::Given(given) => {
            viewers::set(&config.data_dir, &given)?;
            tell("the password is set, and whoever was signed in is signed out");
            report.is_changed = true;
        }
    }
    let made = tokens::create_missing(&config.data_dir, &nodes)?;
    report.is_changed |= made.iter().any(Option::is_some);
    let node = |(name, token): (NodeId, Option<String>)| Node::new(name, token, &reached);
    report.nodes = nodes.into_iter().zip(made).map(node).collect();
    let Some(service) = service else {
        report.runs = address::answers(&reached).is_ok();
        if is_changed && report.runs {
            tell("the head runs with its old settings; start it anew");
        }
        return Ok(());
    };
    report.is_changed |= service.switch_on(is_changed)?;
    wait(&reached, service)?;
    report.runs = true;
    Ok(())
}

/// Waits until the head answers where it should, with the certificate that it should have.
fn wait(reached: &Reached, service: Service) -> Result<(), Error> {
    let deadline = Instant::now() + ANSWERS_WITHIN;
    loop {
        let Err(error) = address::answers(reached) else { return Ok(()) };
        if Instant::now() > deadline || !is_here() {
            let seconds = ANSWERS_WITHIN.as_secs();
            let why =
                format!("{HEAD_UNIT} was started, but does not answer in {seconds} s: {error}");
            return Err(service.failed(&why));
        }
        thread::sleep(ASK_EVERY);
    }
}
