//! What the service manager is told of a service's life: that it works, what it is at, that it ends
//! (`sd_notify(3)`). Where nobody asked for that, nothing is told.
//!
//! No library: what there is waits for a manager that does not read, and readings would wait with it.

use std::env;
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tokio::time::Instant;

/// Characters of a status at most.
const MOST: usize = 200;

/// Whether a service manager wants to be told.
#[must_use]
pub fn is_asked() -> bool {
    env::var_os("NOTIFY_SOCKET").is_some_and(|path| !path.is_empty())
}

/// It does what it is for.
pub fn ready() {
    tell("READY=1");
}

/// It is about to end.
pub fn stopping() {
    tell("STOPPING=1");
}

/// What it is at, for whoever asks the manager (`systemctl status`).
pub fn status(text: &str) {
    tell(&status_line(text));
}

/// It works. See [`every`].
pub fn beat() {
    tell("WATCHDOG=1");
}

/// How often the manager is to be told that it works: half of the time after which it takes it for hung.
/// `None` if it does not watch.
#[must_use]
pub fn every() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    // What was meant for another process, which started this one.
    let is_meant = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    let us = number("WATCHDOG_USEC").filter(|us| is_meant && *us > 0)?;
    Some(Duration::from_micros(us / 2))
}

fn status_line(text: &str) -> String {
    // Each line is a message of its own.
    let text = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c });
    "STATUS=".chars().chain(text).collect()
}

/// A manager that does not read, or is gone, is no trouble of ours.
#[cfg(unix)]
fn tell(message: &str) {
    let Some(path) = env::var_os("NOTIFY_SOCKET") else { return };
    let send = || {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to(message.as_bytes(), path)
    };
    send().ok();
}

#[cfg(not(unix))]
fn tell(_message: &str) {}

/// Shows that something works which comes by every so often, without waking it for that, unless it comes
/// by too seldom.
#[derive(Clone, Debug)]
pub struct Pulse {
    is_ready: bool,
    every: Option<Duration>,
    due: Instant,
}

impl Pulse {
    /// Of a service, as often as its manager wants it.
    #[must_use]
    pub fn of_service() -> Self {
        Self::new(false, every())
    }

    /// Of what is only a part of a service.
    #[must_use]
    pub fn of_part() -> Self {
        Self::new(true, None)
    }

    fn new(is_ready: bool, every: Option<Duration>) -> Self {
        Self { is_ready, every, due: Instant::now() }
    }

    /// It does what it is for: told once.
    pub fn ready(&mut self) {
        if !std::mem::replace(&mut self.is_ready, true) {
            ready();
        }
    }

    /// When it is to be shown next…
    #[must_use]
    pub fn due(&self) -> Instant {
        self.due
    }

    /// …and whether that is before `tick`, when it would come by anyway.
    #[must_use]
    pub fn is_due_before(&self, tick: Instant) -> bool {
        self.every.is_some() && self.due < tick
    }

    /// It came by, and does next at `tick`.
    pub fn came_by(&mut self, tick: Instant) {
        if self.is_shown(tick) {
            beat();
        }
    }

    fn is_shown(&mut self, tick: Instant) -> bool {
        let Some(every) = self.every.filter(|_| self.due < tick) else { return false };
        self.due = Instant::now() + every;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_one_line_of_bounded_length() {
        assert_eq!(status_line("3 of 4 nodes live"), "STATUS=3 of 4 nodes live");
        assert_eq!(status_line("a\nREADY=1"), "STATUS=a READY=1");
        assert_eq!(status_line(&"é".repeat(1000)).chars().count(), 7 + MOST);
    }

    /// Comes by every `period` for `seconds`; gives how often it woke, and the waits between beats.
    async fn ticks(
        period: Duration,
        every: Option<Duration>,
        seconds: u64,
    ) -> (u32, Vec<Duration>) {
        let begun = Instant::now();
        let (mut pulse, mut tick) = (Pulse::new(false, every), begun);
        let (mut woken, mut last, mut waits) = (0, begun, Vec::new());
        while begun.elapsed() < Duration::from_secs(seconds) {
            let wake = if pulse.is_due_before(tick) { pulse.due() } else { tick };
            tokio::time::sleep_until(wake).await;
            woken += 1;
            if Instant::now() >= tick {
                tick += period;
            }
            if pulse.is_shown(tick) {
                waits.push(last.elapsed());
                last = Instant::now();
            }
        }
        (woken, waits)
    }

    #[tokio::test(start_paused = true)]
    async fn what_ticks_is_not_woken_for_it_and_what_seldom_ticks_is() {
        let s = Duration::from_secs;
        let every = Some(s(15));
        let (woken, waits) = ticks(s(1), every, 120).await;
        assert!(woken <= 121, "no more than without: {woken}");
        assert!((8..=10).contains(&waits.len()), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= s(15)), "{waits:?}");
        let (woken, waits) = ticks(s(60), every, 600).await;
        assert!(woken <= 10 + 41, "{woken}");
        assert!(waits.iter().all(|wait| *wait <= s(15)), "{waits:?}");
        assert!(waits.iter().sum::<Duration>() >= s(540), "{waits:?}");
        let (woken, waits) = ticks(s(60), None, 600).await;
        assert!(woken <= 11 && waits.is_empty(), "nobody watches: {woken} {waits:?}");
    }
}
