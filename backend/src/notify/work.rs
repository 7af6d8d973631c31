//! The tasks that tell: one for each channel, and one that makes tests.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use shared::backoff::Backoff;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::http::{Failure, Then};
use super::letter::{self, Letter};
use super::outbox::{self, Entry};
use super::{Channel, Desk, Test, made, picture};
use crate::clock::unix_ms;
use crate::config::ChannelConfig;
use crate::error::tell;
use crate::secrets;

/// The first time it is tried again about so soon, in ms…
const FIRST_MS: u32 = 1000;
/// …and at last once in so long: a link that comes back is used within minutes.
const MOST_MS: u32 = 300_000;
/// What somebody has to change first is tried no sooner than that, in ms.
const SLOWLY_MS: u32 = 30_000;

/// The tasks that tell; see [`super::Notifier::start`].
#[derive(Default)]
pub struct Telling {
    desk: Option<Arc<Desk>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Telling {
    /// Lets what is being told be told, for `most` at most, and begins nothing new. What is broken off then
    /// is told again after the next start, under the same name.
    pub async fn stop(self, most: Duration) {
        let Some(desk) = self.desk else { return };
        desk.stop.send_replace(true);
        let ended = async {
            for task in self.tasks {
                task.await.ok();
            }
        };
        if timeout(most, ended).await.is_err() {
            tell(
                "a channel takes too long: what it was being told is told again after the next start",
            );
        }
    }
}

pub(super) fn start(desk: &Arc<Desk>) -> Telling {
    let incoming = desk.incoming.lock().map_or(None, |mut incoming| incoming.take());
    // They tell nothing that counts, and end with the program.
    if let Some(incoming) = incoming {
        rt::spawn(make_tests(Arc::clone(desk), incoming));
    }
    let task = |place| rt::spawn(work(Arc::clone(desk), place));
    Telling { desk: Some(Arc::clone(desk)), tasks: (0..desk.channels.len()).map(task).collect() }
}

/// Tells what waits for one channel, one message after the other.
async fn work(desk: Arc<Desk>, place: usize) {
    let channel = &desk.channels[place];
    let name = &channel.config.name;
    let mut stop = desk.stop.subscribe();
    let mut backoff = Backoff::new(FIRST_MS, MOST_MS);
    while !*stop.borrow() {
        let Some(telling) = desk.outbox().next(name, unix_ms()) else {
            tokio::select! {
                () = channel.wake.notified() => {}
                _ = stop.changed() => {}
            }
            continue;
        };
        let letter = {
            let picture = picture_of(&desk, channel, &telling.entry).await;
            let outbox = desk.outbox();
            Letter::of(telling.clone(), outbox.instance(), picture)
        };
        let wait_ms = match told(Arc::clone(&channel.config), letter).await {
            Ok(reply_to) => {
                *channel.trouble() = None;
                desk.outbox().told(name, &telling, reply_to, unix_ms());
                desk.save().await;
                backoff.reset();
                continue;
            }
            Err(Failure { why, then: Then::Never }) => {
                let why = format!("a message was dropped: {why}");
                tell(format_args!("channel {name:?}: {why}"));
                *channel.trouble() = Some(why);
                desk.outbox().give_up(name, &telling);
                desk.save().await;
                continue;
            }
            Err(Failure { why, then }) => {
                desk.outbox().put_off(name, telling.entry.incident.id);
                fails(channel, why);
                let wait_ms = backoff.next_ms(chance());
                match then {
                    Then::Again(least) => wait_ms.max(least.as_millis() as u32),
                    _ => wait_ms.max(SLOWLY_MS),
                }
            }
        };
        tokio::select! {
            () = sleep(Duration::from_millis(wait_ms.into())) => {}
            _ = stop.changed() => {}
        }
    }
}

/// Keeps why a channel takes nothing. It is said once, not each time.
fn fails(channel: &Channel, why: String) {
    let mut trouble = channel.trouble();
    if trouble.as_ref() != Some(&why) {
        tell(format_args!("channel {:?}: {why}", channel.config.name));
        *trouble = Some(why);
    }
}

/// The picture of a message, for a channel that takes it.
async fn picture_of(desk: &Desk, channel: &Channel, entry: &Entry) -> Option<Vec<u8>> {
    if !(entry.has_picture && channel.config.picture) {
        return None;
    }
    let path = outbox::picture(&desk.dir, entry.id());
    tokio::task::spawn_blocking(move || secrets::read(&path).ok().flatten()).await.ok().flatten()
}

/// Tells it in a task of its own: whatever goes wrong there ends no more than that.
async fn told(channel: Arc<ChannelConfig>, letter: Letter) -> Result<Option<i64>, Failure> {
    let told = rt::spawn(async move { letter::tell(&channel, &letter).await });
    told.await.unwrap_or_else(|_| Err(Failure::again("this program failed; please report it")))
}

/// A random number of 0 to 1.
fn chance() -> f64 {
    f64::from(u32::from_le_bytes(secrets::random())) / f64::from(u32::MAX)
}

async fn make_tests(desk: Arc<Desk>, mut incoming: mpsc::Receiver<Test>) {
    while let Some(Test { channel, answer }) = incoming.recv().await {
        let desk = Arc::clone(&desk);
        rt::spawn(async move {
            let chosen =
                |one: &&Channel| channel.as_ref().is_none_or(|name| *name == one.config.name);
            let tests = desk
                .channels
                .iter()
                .filter(chosen)
                .map(|one| rt::spawn(test(Arc::clone(&one.config))));
            let mut told = Vec::new();
            for test in tests.collect::<Vec<_>>() {
                told.extend(test.await);
            }
            // Nobody may wait for it any more.
            answer.send(told).ok();
        });
    }
}

/// Tells one channel something made up.
async fn test(channel: Arc<ChannelConfig>) -> (String, Option<String>) {
    let message = made::message(unix_ms());
    let picture = message
        .timeline
        .as_ref()
        .filter(|_| channel.picture)
        .and_then(|(facts, readings)| picture::png(&facts.host_name, facts, readings));
    let letter = Letter::test(Entry::from(&message), picture);
    let name = channel.name.clone();
    (name, told(channel, letter).await.err().map(|failure| failure.why))
}
