//! Counts connections from the first byte to the last, and keeps them within limits.
//!
//! Who comes when the house is full gets the place of whoever has been here longest without following
//! the feed or reporting: a flood of connections that ask for nothing pushes out itself, and nobody who
//! is being served.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::here::of_one;

/// How many connections there may be.
#[derive(Clone, Debug, Default)]
pub struct Limits {
    /// Of all together.
    pub all: u32,
    /// From one address (of IPv6, from one network of 64 bits).
    pub per_address: u32,
    /// Addresses for which that does not hold: proxies that speak for many.
    pub exempt: Vec<IpAddr>,
}

/// Why a connection is closed at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// There are too many from its address.
    Address,
    /// There are too many, and all are being served.
    House,
}

/// The door of a head. Clones are the same one.
#[derive(Clone)]
pub(super) struct Gate(Arc<Inner>);

struct Inner {
    limits: Limits,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    all: u32,
    by_address: HashMap<IpAddr, u32>,
    /// Who may have to leave, in the order they came.
    guests: BTreeMap<u64, Arc<Notify>>,
    last: u64,
}

impl Gate {
    pub(super) fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner { limits, counts: Mutex::default() }))
    }

    /// Lets a connection from `address` in.
    pub(super) fn enter(&self, address: IpAddr) -> Result<Place, Full> {
        let is_peer = |exempt: &IpAddr| exempt.to_canonical() == address.to_canonical();
        let is_exempt = self.0.limits.exempt.iter().any(is_peer);
        let address = of_one(address);
        let mut counts = self.0.counts();
        let here = counts.by_address.get(&address).copied().unwrap_or(0);
        if here >= self.0.limits.per_address && !is_exempt {
            return Err(Full::Address);
        }
        if counts.all >= self.0.limits.all {
            let (_, leave) = counts.guests.pop_first().ok_or(Full::House)?;
            leave.notify_one();
        }
        counts.all += 1;
        counts.by_address.insert(address, here + 1);
        counts.last += 1;
        let number = counts.last;
        let leave = Arc::new(Notify::new());
        counts.guests.insert(number, Arc::clone(&leave));
        Ok(Place { gate: self.clone(), address, number, leave })
    }
}

impl Inner {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Whoever panicked left nothing half done.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a connection, until it is dropped.
pub(super) struct Place {
    gate: Gate,
    address: IpAddr,
    number: u64,
    leave: Arc<Notify>,
}

impl Place {
    /// Nobody else gets this place from now on.
    pub(super) fn keep(&self) {
        self.gate.0.counts().guests.remove(&self.number);
    }

    /// Ends when another needs the place.
    pub(super) async fn is_needed(&self) {
        self.leave.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.gate.0.counts();
        counts.guests.remove(&self.number);
        counts.all -= 1;
        if let Some(here) = counts.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                counts.by_address.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(all: u32, per_address: u32) -> Gate {
        let exempt = ["127.0.0.9", "2001:db8::9"].map(|proxy| proxy.parse().unwrap()).into();
        Gate::new(Limits { all, per_address, exempt })
    }

    fn enter(gate: &Gate, address: &str) -> Result<Place, Full> {
        gate.enter(address.parse().unwrap())
    }

    fn is_needed(place: &Place) -> bool {
        let mut waiting = std::pin::pin!(place.is_needed());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        waiting.as_mut().poll(&mut context).is_ready()
    }

    #[test]
    fn places_of_one_address_are_counted_and_given_back() {
        let gate = gate(100, 2);
        let first = enter(&gate, "10.0.0.1").unwrap();
        let _second = enter(&gate, "::ffff:10.0.0.1").unwrap();
        assert_eq!(enter(&gate, "10.0.0.1").err(), Some(Full::Address));
        let _other = enter(&gate, "10.0.0.2").unwrap();
        drop(first);
        enter(&gate, "10.0.0.1").unwrap();
        let _network = ["2001:db8::1", "2001:db8::2"].map(|one| enter(&gate, one).unwrap());
        assert_eq!(enter(&gate, "2001:db8::3").err(), Some(Full::Address));
        enter(&gate, "2001:db8:0:1::3").unwrap();
        enter(&gate, "2001:db8::9").unwrap();
        let proxied: Vec<_> = (0..10).map(|_| enter(&gate, "127.0.0.9").unwrap()).collect();
        assert_eq!(gate.0.counts().all, 14);
        drop(proxied);
        assert_eq!(gate.0.counts().by_address.len(), 3);
    }

    #[test]
    fn the_longest_guest_makes_room_and_who_is_kept_does_not() {
        let gate = gate(3, 10);
        let kept = enter(&gate, "10.0.0.1").unwrap();
        kept.keep();
        let guests = ["10.0.0.2", "10.0.0.3"].map(|one| enter(&gate, one).unwrap());
        assert!(!is_needed(&guests[0]));
        let next = enter(&gate, "10.0.0.4").unwrap();
        assert!(is_needed(&guests[0]) && !is_needed(&guests[1]) && !is_needed(&kept));
        drop(guests);
        next.keep();
        let last = enter(&gate, "10.0.0.5").unwrap();
        last.keep();
        assert_eq!(enter(&gate, "10.0.0.6").err(), Some(Full::House));
        drop(last);
        enter(&gate, "10.0.0.6").unwrap();
    }
}
