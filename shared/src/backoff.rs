//! How long to wait before trying again: exponential, with full jitter.

/// The delays between attempts. Full jitter keeps a thousand agents that lost their head at the same
/// moment from coming back at the same moment (AWS Architecture Blog, "Exponential Backoff And
/// Jitter", 2015).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base_ms: u32,
    most_ms: u32,
    attempt: u32,
}

impl Backoff {
    /// No delay is shorter, in ms: a refusal that comes at once must not make a busy loop.
    pub const LEAST_MS: u32 = 100;

    /// Delays of up to `base_ms`, then twice that, and so on, up to `most_ms`.
    #[must_use]
    pub const fn new(base_ms: u32, most_ms: u32) -> Self {
        Self { base_ms, most_ms, attempt: 0 }
    }

    /// The next delay in ms, for a `random` number of 0 to 1.
    pub fn next_ms(&mut self, random: f64) -> u32 {
        let ceiling =
            self.base_ms.saturating_mul(1_u32.checked_shl(self.attempt).unwrap_or(u32::MAX));
        self.attempt = (self.attempt + 1).min(31);
        let delay = f64::from(ceiling.min(self.most_ms)) * random.clamp(0.0, 1.0);
        (delay as u32).max(Self::LEAST_MS)
    }

    /// Starts anew, after a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_most() {
        let mut backoff = Backoff::new(500, 5000);
        let delays: Vec<u32> = (0..40).map(|_| backoff.next_ms(1.0)).collect();
        assert_eq!(delays[..5], [500, 1000, 2000, 4000, 5000]);
        assert!(delays[5..].iter().all(|&delay| delay == 5000));
        backoff.reset();
        assert_eq!(backoff.next_ms(0.5), 250);
    }

    #[test]
    fn never_at_once() {
        let mut backoff = Backoff::new(500, 5000);
        assert_eq!(backoff.next_ms(0.0), Backoff::LEAST_MS);
        assert_eq!(backoff.next_ms(f64::NAN), Backoff::LEAST_MS);
    }
}
