//! Whether the thread that serves gets round to its work.

use std::sync::Arc;

use tokio::sync::Notify;

/// See the module. Clones ask the same thread.
#[derive(Clone, Default)]
pub struct Alive {
    asked: Arc<Notify>,
    answered: Arc<Notify>,
}

impl Alive {
    /// Waits until it does; forever, if it does not.
    pub async fn answers(&self) {
        self.asked.notify_one();
        self.answered.notified().await;
    }

    /// Answers, on the thread that serves.
    pub(super) async fn answer(self) {
        loop {
            self.asked.notified().await;
            self.answered.notify_one();
        }
    }
}
