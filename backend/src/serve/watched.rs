//! Shows the service manager that the head works: it hears as often as the head's task and the thread that
//! serves have both answered. One that hangs is ended and started again; agents keep what it misses.

use std::time::Duration;

use actix_web::rt::time::sleep;

use crate::head::Head;
use crate::systemd::life;
use crate::web::Alive;

/// Between two looks at how many nodes are live.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Until the head has ended.
pub(super) async fn show(head: Head, alive: Alive) {
    if !life::is_asked() {
        return;
    }
    let every = life::every().map_or(LOOK_EVERY, |every| every.min(LOOK_EVERY));
    let (mut is_ready, mut told) = (false, String::new());
    loop {
        alive.answers().await;
        let Ok(count) = head.count().await else { return };
        if !std::mem::replace(&mut is_ready, true) {
            life::ready();
        }
        life::beat();
        let text = format!("{} of {} nodes live", count.live, count.all);
        if text != told {
            life::status(&text);
            told = text;
        }
        sleep(every).await;
    }
}
