//! `headroom serve`: agent, head and web together, until a signal ends them.

mod entrance;
mod others;
mod watched;

use std::net::SocketAddr;
use std::pin::pin;
use std::process::Command;
use std::time::Duration;
use std::{env, io};

use actix_web::rt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::spawn_blocking;

use crate::agent::{Agent, JournalPlace};
use crate::alerts::{Alerts, Means};
use crate::announce::Announcement;
use crate::clock::{WallClock, unix_ms};
use crate::config::Config;
use crate::data::{self, Holder};
use crate::error::{Error, tell};
use crate::exports::Exports;
use crate::head::Head;
use crate::head::fleet::Expected;
use crate::holds::Holds;
use crate::keeper::{Archive, Keeper};
use crate::notify::Notifier;
use crate::probe::Probe;
use crate::systemd::life::{self, Pulse};
use crate::tls::Fingerprint;
use crate::tokens::{Issued, Tokens};
use crate::viewers::Viewers;
use crate::web::{self, Alive, State};
use crate::{agent, alerts, head, secrets, signals};

/// Bytes of readings at most that wait for disk.
const UNSAVED: usize = 64 << 20;

/// How long the last messages may take.
const LAST_MESSAGE: Duration = Duration::from_secs(10);
/// How long the last commit may take.
const LAST_COMMIT: Duration = Duration::from_secs(20);

/// How long what was just seen of harm may take to be written.
const LAST_LOOK: Duration = Duration::from_secs(3);

/// Serves until SIGINT or SIGTERM. Prints the address once it can be opened. When a backup is restored it
/// ends as on a signal, and then begins anew in the same process.
pub fn run(config: &Config) -> Result<(), Error> {
    if serve(config)? { Err(begin_anew()) } else { Ok(()) }
}

/// Whether to begin anew then.
fn serve(config: &Config) -> Result<bool, Error> {
    let address = config.listen;
    let listener = web::bind(address, config.viewer_timeout)
        .map_err(|source| Error::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| Error::Listen { address, source })?;
    // What cannot be read now is more likely a wrong flag than a passing trouble.
    Probe::open(&config.roots).read()?;
    data::enter(&config.data_dir)?;
    let holder = Holder::of(&config.data_dir);
    let entrance = entrance::open(config, address)?;
    // A head that keeps anything has a directory now.
    let _holder = holder.or_of(&config.data_dir);
    let tokens = Tokens::open(&config.data_dir)?;
    let viewers = Viewers::open(&config.data_dir)?;
    let alerts = Alerts::open(&config.data_dir, config.alerts.clone())?;
    let holds = Holds::open(&config.data_dir)?;
    let notifier = Notifier::open(config.channels.clone(), &config.data_dir)?;
    rt::System::new().block_on(async {
        let clock = WallClock::start();
        let unsaved = config.history.is_some().then_some(UNSAVED);
        let plan = head::Plan { build: web::BUILD.into(), unsaved };
        let (head, task) = head::new(plan, move || clock.now_ms());
        rt::spawn(task);
        // The head is not gone while it is being started.
        if config.own_node
            && let Ok(link) = head.connect(None).await
        {
            let (links, incoming) = mpsc::channel(1);
            links.try_send(link).ok();
            let agent = Agent {
                roots: config.roots.clone(),
                period_ms: config.period_ms,
                name: config.node_name.clone(),
                labels: Vec::new(),
                journal: journal(config),
                shows: None,
                pulse: Pulse::of_part(),
            };
            rt::spawn(agent::run(agent, incoming));
        }
        let archive = Archive::new(config.history.clone());
        let keeper = Keeper::new(archive.clone(), head.clone(), &config.data_dir, unix_ms);
        rt::spawn(keep_time(head.clone(), alerts.clone(), holds.clone(), clock));
        let telling = notifier.start();
        let means = Means {
            head: head.clone(),
            archive: archive.clone(),
            notifier: notifier.clone(),
            url: entrance.url.clone(),
        };
        let watching = rt::spawn(alerts::watch(alerts.clone(), means));
        rt::spawn(keep_tokens(head.clone(), tokens.changes()));
        let restoring =
            rt::spawn(others::follow(config.data_dir.clone(), tokens.clone(), viewers.clone()));
        let exports = Exports::default();
        rt::spawn(exports.clone().run(config.export.clone(), head.clone(), unix_ms));
        let (alive, viewer_timeout) = (Alive::default(), config.viewer_timeout);
        let state = State {
            head: head.clone(),
            archive,
            alerts,
            notifier,
            holds,
            exports,
            tokens,
            viewers: viewers.clone(),
            alive: alive.clone(),
            viewer_timeout,
        };
        let server = web::server(listener, state, entrance.clone()).map_err(Error::Server)?;
        let handle = server.handle();
        let serving = rt::spawn(server);
        let mut stop = pin!(signals::stop().map_err(Error::Server)?);
        let announced = announce(config, address, entrance.fingerprint);
        entrance::say(config, &entrance, address, &viewers)?;
        rt::spawn(watched::show(head.clone(), alive));
        let (stop_keeping, stops) = oneshot::channel();
        let keeping = keeper.map(|keeper| rt::spawn(keeper.run(stops)));
        let restores = tokio::select! {
            ended = serving => {
                ended.map_err(io::Error::other).flatten().map_err(Error::Server)?;
                return Ok(false);
            }
            () = &mut stop => false,
            _ = restoring => true,
        };
        if !restores {
            life::stopping();
        }
        drop(announced);
        stop_keeping.send(()).ok();
        if let Some(keeping) = keeping
            && rt::time::timeout(LAST_COMMIT, keeping).await.is_err()
        {
            tell("history could not be written in time: agents will report the last minutes again");
        }
        // For the last time: what is left takes less than a watchdog waits.
        life::beat();
        // Followers are told first: a graceful stop waits for their connections to end.
        head.stop().await;
        rt::time::timeout(LAST_LOOK, watching).await.ok();
        telling.stop(LAST_MESSAGE).await;
        handle.stop(true).await;
        // Who has told it to end meanwhile means it.
        Ok(restores && rt::time::timeout(Duration::ZERO, stop).await.is_err())
    })
}

/// Starts this program again in the same process, as it was started. An error is that it cannot be.
fn begin_anew() -> Error {
    let mut args = env::args_os();
    let name = args.next().unwrap_or_default();
    // One that was replaced while it ran has no path any more.
    let program = env::current_exe().ok().filter(|path| path.exists());
    let mut same = Command::new(program.unwrap_or_else(|| "/proc/self/exe".into()));
    same.args(args);
    #[cfg(unix)]
    let failed = {
        use std::os::unix::process::CommandExt as _;
        same.arg0(name).exec()
    };
    #[cfg(not(unix))]
    let failed = {
        drop((same, name));
        io::Error::from(io::ErrorKind::Unsupported)
    };
    Error::Server(failed)
}

/// Where this machine's readings outlive the program, until they are on disk.
fn journal(config: &Config) -> Option<JournalPlace> {
    config.history.as_ref()?;
    let Some(dir) = config.runtime_dir.clone() else {
        tell(
            "no directory in RAM is known: if this program is killed, this machine's readings since the \
             last commit are lost (see --runtime-dir)",
        );
        return None;
    };
    // Two heads on one machine have data of their own.
    let data = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let digest = secrets::hex(&secrets::sha256(data.as_os_str().as_encoded_bytes()));
    Some(JournalPlace { dir, name: format!("head-{}", &digest[..12]) })
}

/// Tells the head which nodes have tokens, now and whenever that changes.
async fn keep_tokens(head: Head, mut changes: watch::Receiver<Vec<Issued>>) {
    changes.mark_changed();
    while changes.changed().await.is_ok() {
        let expected = |issued: &Issued| Expected {
            id: issued.name.clone(),
            created_ms: issued.created_ms,
            used: issued.bound_ms.is_some(),
        };
        let list = changes.borrow_and_update().iter().map(expected).collect();
        if head.expect(list).await.is_err() {
            return;
        }
    }
}

/// Announces the head to those who can reach it. Whatever fails, it can be reached by its address.
fn announce(
    config: &Config,
    address: SocketAddr,
    fingerprint: Option<Fingerprint>,
) -> Option<Announcement> {
    if !config.announce {
        return None;
    }
    if address.ip().is_loopback() {
        tell("nothing is announced: only this machine reaches a head that listens on loopback");
        return None;
    }
    Announcement::begin(address, fingerprint).map_err(tell).ok()
}

/// Between two looks at the time of day.
const CLOCK_EVERY: Duration = Duration::from_secs(2);
/// What the time of day may differ by, in ms, before it counts as set: less is how NTP steers.
const CLOCK_SET_MS: i64 = 500;

/// Moves the head's time line when the clock of its machine is set, as it is on a Raspberry Pi once
/// the network is there.
async fn keep_time(head: Head, alerts: Alerts, holds: Holds, mut clock: WallClock) {
    loop {
        rt::time::sleep(CLOCK_EVERY).await;
        let by_ms = clock.behind_ms();
        if by_ms.abs() < CLOCK_SET_MS {
            continue;
        }
        clock = clock.set_by(by_ms);
        tell(format_args!("the clock of this machine was set by {by_ms} ms; so were all readings"));
        if alerts.clock_set(&head, by_ms).await.is_err() {
            return;
        }
        let holds = holds.clone();
        if let Ok(Err(error)) = spawn_blocking(move || holds.shift(by_ms)).await {
            tell(error.chain());
        }
    }
}
