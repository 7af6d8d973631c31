//! `headroom agent`: reads this node and reports it to a head on another machine, until a signal ends it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};

use super::{Agent, JournalPlace, facts, metrics, run as read_and_report, uplink};
use crate::config::AgentConfig;
use crate::error::{Error, tell};
use crate::probe::Probe;
use crate::signals;
use crate::systemd::life::{self, Pulse};

/// Threads at most for what would hold up readings: looking around, sweeps, looking up names.
const THREADS: usize = 4;
/// How long one of them waits for more to do: its memory is worth more than its start.
const KEEP_ALIVE: Duration = Duration::from_millis(500);

/// Reports until SIGINT or SIGTERM.
pub fn run(config: AgentConfig) -> Result<(), Error> {
    let AgentConfig { roots, period_ms, name, labels, runtime_dir, metrics, uplink } = config;
    // What cannot be read now is more likely a wrong flag than a passing trouble.
    Probe::open(&roots).read()?;
    let listener = metrics.map(listen).transpose()?;
    let journal = runtime_dir.map(|dir| JournalPlace { dir, name: "agent".into() });
    let runtime = Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(THREADS)
        .thread_keep_alive(KEEP_ALIVE)
        .build()
        .map_err(Error::Server)?;
    let result = runtime.block_on(async {
        let (stop, stopped) = watch::channel(false);
        let (links, incoming) = mpsc::channel(1);
        let (shows, latest) = watch::channel(None);
        let (of, labelled) = (facts(&roots, name.as_deref()), labels.clone());
        let scraped = async move {
            match listener.map(TcpListener::from_std) {
                Some(Ok(listener)) => {
                    metrics::serve(listener, of, period_ms, labelled, latest).await;
                }
                Some(Err(error)) => tell(format_args!("no metrics are served: {error}")),
                None => {}
            }
            std::future::pending::<()>().await;
        };
        let shows = metrics.is_some().then_some(shows);
        let pulse = Pulse::of_service();
        let agent = Agent { roots, period_ms, name, labels, journal, shows, pulse };
        let signal = signals::stop()?;
        let until_signal = async move {
            signal.await;
            life::stopping();
            // Nobody waits for it once the uplink has ended.
            stop.send(true).ok();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = read_and_report(agent, incoming) => {}
            () = uplink::run(uplink, links, stopped) => {}
            () = scraped => {}
            () = until_signal => {}
        }
        Ok(())
    });
    // A name that is being looked up would hold it up.
    runtime.shutdown_background();
    result.map_err(Error::Server)
}

/// Takes the address at once: one that is taken already is more likely a mistake than a passing trouble.
fn listen(address: SocketAddr) -> Result<std::net::TcpListener, Error> {
    let failed = |source| Error::Listen { address, source };
    let listener = std::net::TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    if !address.ip().is_loopback() {
        tell(format_args!(
            "everybody who reaches {address} may read this node's metrics, in the clear"
        ));
    }
    Ok(listener)
}
