//! Slows down who guesses passwords: per address, and all together, twice as long each time.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use super::NotSignedIn;
use crate::here::of_one;

/// Wrong passwords of one address before it has to wait.
const FREE: u32 = 5;
/// The longest wait of one address.
const LONGEST: Duration = Duration::from_mins(15);
/// Wrong passwords of all together before all have to wait: many addresses guess, not one person.
const FREE_OF_ALL: u32 = 50;
/// The longest wait of all: whoever knows the password gets in all the same, before long.
const LONGEST_OF_ALL: Duration = Duration::from_secs(8);
/// So long after the last wrong one, all are forgotten.
const FORGOTTEN: Duration = Duration::from_hours(1);
/// Addresses that are remembered at most.
const MOST: usize = 4096;

/// Who gave wrong passwords, and how often. Times are since some start.
#[derive(Default)]
pub(super) struct Throttle {
    of: HashMap<IpAddr, Wrong>,
    all: Wrong,
}

#[derive(Clone, Copy, Default)]
struct Wrong {
    count: u32,
    last: Duration,
    /// When to try again.
    again: Duration,
}

impl Wrong {
    fn is_forgotten(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) > FORGOTTEN
    }

    fn wait(&self, now: Duration) -> Duration {
        self.again.saturating_sub(now)
    }

    fn count(&mut self, now: Duration, free: u32, longest: Duration) {
        if self.is_forgotten(now) {
            *self = Self::default();
        }
        self.count = self.count.saturating_add(1);
        self.last = now;
        if let Some(over) = self.count.checked_sub(free) {
            let wait = Duration::from_secs(1 << over.min(20));
            self.again = now + wait.min(longest);
        }
    }
}

impl Throttle {
    /// Counts an attempt of `address` at `now` as wrong, or says when it may be made.
    pub(super) fn attempt(&mut self, address: IpAddr, now: Duration) -> Result<(), NotSignedIn> {
        let address = of_one(address);
        let known = self.of.get(&address).copied().unwrap_or_default();
        let wait = known.wait(now).max(self.all.wait(now));
        if !wait.is_zero() {
            return Err(NotSignedIn::TooMany(Duration::from_secs(
                wait.as_millis().div_ceil(1000) as u64
            )));
        }
        if self.of.len() >= MOST && !self.of.contains_key(&address) {
            self.forget(now);
        }
        self.of.entry(address).or_default().count(now, FREE, LONGEST);
        self.all.count(now, FREE_OF_ALL, LONGEST_OF_ALL);
        Ok(())
    }

    /// The last attempt of `address` was right.
    pub(super) fn succeed(&mut self, address: IpAddr) {
        self.of.remove(&of_one(address));
        self.all.count = self.all.count.saturating_sub(1);
    }

    fn forget(&mut self, now: Duration) {
        self.of.retain(|_, wrong| !wrong.is_forgotten(now));
        if self.of.len() >= MOST
            && let Some((&oldest, _)) = self.of.iter().min_by_key(|(_, wrong)| wrong.last)
        {
            self.of.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(number: u32) -> IpAddr {
        std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()
    }

    fn seconds(result: Result<(), NotSignedIn>) -> Option<u64> {
        match result {
            Ok(()) => None,
            Err(NotSignedIn::TooMany(wait)) => Some(wait.as_secs()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn one_address_waits_twice_as_long_each_time_and_others_do_not() {
        let mut throttle = Throttle::default();
        let mut now = Duration::from_secs(10);
        for _ in 0..FREE {
            assert_eq!(seconds(throttle.attempt(address(1), now)), None);
        }
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(seconds(throttle.attempt(address(1), now)), Some(wait));
            assert_eq!(
                seconds(throttle.attempt(address(1), now)),
                Some(wait),
                "asking costs nothing"
            );
            assert_eq!(seconds(throttle.attempt(address(2), now)), None);
            throttle.succeed(address(2));
            now += Duration::from_secs(wait);
            assert_eq!(seconds(throttle.attempt(address(1), now)), None);
        }
        now += LONGEST;
        throttle.succeed(address(1));
        for _ in 0..FREE {
            assert_eq!(seconds(throttle.attempt(address(1), now)), None);
        }
        now += FORGOTTEN + Duration::from_secs(1);
        for _ in 0..FREE {
            assert_eq!(seconds(throttle.attempt(address(1), now)), None);
        }
    }

    #[test]
    fn many_addresses_wait_together_but_never_long() {
        let mut throttle = Throttle::default();
        let mut now = Duration::ZERO;
        let mut tried = 0;
        for number in 0..100_000 {
            match seconds(throttle.attempt(address(number), now)) {
                None => tried += 1,
                Some(wait) => {
                    assert!(wait <= 8, "{wait}");
                    now += Duration::from_millis(100);
                }
            }
        }
        let minutes = now.as_secs() / 60;
        assert!(tried < 100 + minutes * 8, "{tried} in {minutes} minutes");
        assert!(throttle.of.len() <= MOST);
        // Whoever knows the password comes in within those few seconds.
        now += LONGEST_OF_ALL;
        assert_eq!(seconds(throttle.attempt(address(999_999), now)), None);
    }
}
