//! How far it is, on standard error if that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use shared::units::human;

/// Between two looks of a bar whose end is not known.
const TICK: Duration = Duration::from_millis(100);

/// See the module. It goes when it is dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    /// Of `steps`; of `None` nobody knows how many.
    pub(crate) fn new(steps: Option<u64>) -> Self {
        // It draws nothing where there is no terminal.
        let (bar, look) = match steps {
            Some(steps) => (ProgressBar::new(steps), "{bar:40} {percent} %  {msg}  {elapsed}"),
            None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
        };
        if let Ok(style) = ProgressStyle::with_template(look) {
            bar.set_style(style.progress_chars("█▉▊▋▌▍▎▏ "));
        }
        if steps.is_none() {
            bar.enable_steady_tick(TICK);
        }
        Self(bar)
    }

    /// So many steps are done, which made so many bytes.
    pub(crate) fn at(&self, step: u64, bytes: u64) {
        self.0.set_position(step);
        self.0.set_message(human(bytes));
    }

    /// So many bytes of so many are done.
    pub(crate) fn of(&self, done: u64, of: u64) {
        self.0.set_length(of);
        self.at(done, done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
