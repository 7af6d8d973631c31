//! The signals that end the program.

use std::io;

use tokio::signal;

/// Ends with the first signal to stop. Such signals are heard from now on.
#[cfg(unix)]
pub fn stop() -> io::Result<impl Future<Output = ()>> {
    use signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends with the first signal to stop.
#[cfg(not(unix))]
pub fn stop() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        // Where signals cannot be heard, there are none.
        signal::ctrl_c().await.ok();
    })
}
