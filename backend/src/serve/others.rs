//! What other programs change in the data directory: `headroom token`, `password`, `setup` and `restore`.

use std::path::PathBuf;
use std::time::Duration;

use actix_web::rt::time::sleep;

use crate::data;
use crate::error::tell;
use crate::tokens::Tokens;
use crate::viewers::Viewers;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// Follows tokens and password. Ends when another state of the head waits to be restored.
pub(super) async fn follow(dir: PathBuf, tokens: Tokens, viewers: Viewers) {
    while !data::is_called(&dir) {
        sleep(LOOK).await;
        tokens.look().await;
        viewers.look().await;
    }
    tell("a backup is restored: the head begins anew");
}
