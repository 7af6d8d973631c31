//! `headroom serve`: agent, head and web together, until a signal ends them.

use std::io::{self, Write as _};
use std::time::Duration;

use actix_web::rt;
use tokio::signal;
use tokio::sync::watch;

use crate::clock::WallClock;
use crate::config::Config;
use crate::error::{Error, tell};
use crate::head::Head;
use crate::head::fleet::Expected;
use crate::probe::Probe;
use crate::tokens::{Issued, Tokens};
use crate::web::{self, State};
use crate::{agent, head};

/// Serves until SIGINT or SIGTERM. Prints the address once it can be opened.
pub fn run(config: &Config) -> Result<(), Error> {
    let address = config.listen;
    let listener = web::bind(address).map_err(|source| Error::Listen { address, source })?;
    let address = listener.local_addr().map_err(|source| Error::Listen { address, source })?;
    // What cannot be read now is more likely a wrong flag than a passing trouble.
    Probe::open(&config.roots).read()?;
    let tokens = Tokens::open(&config.data_dir)?;
    let result = rt::System::new().block_on(async {
        let clock = WallClock::start();
        let (head, task) = head::new(web::BUILD.into(), move || clock.now_ms());
        rt::spawn(task);
        // The head is not gone while it is being started.
        if let Ok(link) = head.connect(None).await {
            rt::spawn(agent::run(config.roots.clone(), config.period_ms, link));
        }
        rt::spawn(keep_time(head.clone(), clock));
        rt::spawn(tokens.clone().keep_up());
        rt::spawn(keep_tokens(head.clone(), tokens.changes()));
        let state = State { head: head.clone(), tokens };
        let mut host_names = config.host_names.clone();
        host_names.extend(sysinfo::System::host_name().ok());
        let server = web::server(listener, state, host_names)?;
        let handle = server.handle();
        let serving = rt::spawn(server);
        // Whoever reads the address may end the program at once; or nobody reads it.
        let stop = stop_signal()?;
        writeln!(io::stdout(), "Headroom is at http://{address}").ok();
        tokio::select! {
            ended = serving => return ended.map_err(io::Error::other)?,
            () = stop => {}
        }
        // Followers are told first: a graceful stop waits for their connections to end.
        head.stop().await;
        handle.stop(true).await;
        Ok(())
    });
    result.map_err(Error::Server)
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

/// Between two looks at the time of day.
const CLOCK_EVERY: Duration = Duration::from_secs(2);
/// What the time of day may differ by, in ms, before it counts as set: less is how NTP steers.
const CLOCK_SET_MS: i64 = 500;

/// Moves the head's time line when the clock of its machine is set, as it is on a Raspberry Pi once
/// the network is there.
async fn keep_time(head: Head, mut clock: WallClock) {
    loop {
        rt::time::sleep(CLOCK_EVERY).await;
        let by_ms = clock.behind_ms();
        if by_ms.abs() < CLOCK_SET_MS {
            continue;
        }
        clock = clock.set_by(by_ms);
        tell(format_args!("the clock of this machine was set by {by_ms} ms; so were all readings"));
        if head.clock_set(by_ms).await.is_err() {
            return;
        }
    }
}

/// Ends with the first signal to stop. Such signals are heard from now on.
#[cfg(unix)]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends with the first signal to stop.
#[cfg(not(unix))]
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Where signals cannot be heard, there are none.
        signal::ctrl_c().await.ok();
    })
}
