//! The clocks of this machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The wall clock as it was when the program started, carried on by the clock that counts since boot:
/// it never jumps, whatever is done to the time of day.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// The time of day at boot, in ms since 1970.
    booted_ms: i64,
}

impl WallClock {
    /// Takes the time of day, once.
    #[must_use]
    pub fn start() -> Self {
        Self { booted_ms: unix_ms() as i64 - uptime_ms() }
    }

    /// Now, in ms since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        (self.booted_ms + uptime_ms()).max(0) as u64
    }

    /// By how much the time of day is ahead of this clock, in ms.
    #[must_use]
    pub fn behind_ms(&self) -> i64 {
        unix_ms() as i64 - self.now_ms() as i64
    }

    /// The same clock, set by so many ms.
    #[must_use]
    pub fn set_by(self, by_ms: i64) -> Self {
        Self { booted_ms: self.booted_ms + by_ms }
    }
}

/// The time of day, in ms since 1970; 0 before that.
#[must_use]
pub fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64
}

fn uptime_ms() -> i64 {
    (uptime_us() / 1000) as i64
}

/// Time since boot, in µs. On Linux it includes sleep (`CLOCK_BOOTTIME`), elsewhere it is monotonic
/// from some start.
#[must_use]
pub fn uptime_us() -> u64 {
    since_boot().as_micros() as u64
}

/// How long the machine was asleep since boot, in µs: what [`uptime_us`] is ahead of clocks that stand
/// still then, as that of the kernel's log does.
#[must_use]
pub fn asleep_us() -> u64 {
    since_boot().saturating_sub(monotonic()).as_micros() as u64
}

/// Time until the monotonic clock is at the next whole multiple of `period`.
#[must_use]
pub fn until_next(period: Duration) -> Duration {
    let period_ns = period.as_nanos().max(1);
    let into_ns = monotonic().as_nanos() % period_ns;
    Duration::from_nanos((period_ns - into_ns) as u64)
}

#[cfg(unix)]
fn of(id: rustix::time::ClockId) -> Duration {
    let time = rustix::time::clock_gettime(id);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

#[cfg(unix)]
fn monotonic() -> Duration {
    of(rustix::time::ClockId::Monotonic)
}

#[cfg(target_os = "linux")]
fn since_boot() -> Duration {
    of(rustix::time::ClockId::Boottime)
}

#[cfg(not(target_os = "linux"))]
fn since_boot() -> Duration {
    monotonic()
}

#[cfg(not(unix))]
fn monotonic() -> Duration {
    use std::time::Instant;
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    START.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_go_forward() {
        let clock = WallClock::start();
        let (wall, up) = (clock.now_ms(), uptime_us());
        std::thread::sleep(Duration::from_millis(5));
        assert!(clock.now_ms() >= wall + 5);
        assert!(uptime_us() >= up + 5000);
    }

    #[test]
    fn a_clock_that_is_set_follows_the_time_of_day() {
        let clock = WallClock::start().set_by(-5000);
        assert!((4990..5100).contains(&clock.behind_ms()), "{}", clock.behind_ms());
        let clock = clock.set_by(clock.behind_ms());
        assert!(clock.behind_ms().abs() < 100);
    }

    #[test]
    fn the_next_tick_is_within_a_period() {
        let period = Duration::from_secs(1);
        let wait = until_next(period);
        assert!(!wait.is_zero() && wait <= period);
    }
}
