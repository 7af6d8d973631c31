//! What may happen with every request, and is told now and then.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::tell;

/// Between two tellings.
const EVERY: Duration = Duration::from_mins(10);

/// Tells something at most once in ten minutes.
#[derive(Debug, Default)]
pub struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// Nothing was told yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Tells it, unless something was told shortly before.
    pub fn tell(&self, message: impl Display) {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= EVERY) {
            *told = Some(Instant::now());
            drop(told);
            tell(message);
        }
    }
}
