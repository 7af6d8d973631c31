//! A program of the owner's: it is given JSON on its standard input, and has taken the message if it ends
//! with 0. There is no shell, so nothing in a message is ever taken for more than text.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::time::timeout;

use super::http::Failure;
use super::letter::Letter;
use super::words::clean;
use crate::config::Program;

/// Bytes of what it says on standard error that are listened to.
const MOST_SAID: usize = 4096;
/// Characters of its first line that are told.
const MOST_LINE: usize = 200;
/// What of the environment it has; settings of this program are none of its business.
const KEPT: [&str; 5] = ["PATH", "HOME", "LANG", "LC_ALL", "TZ"];

pub(super) async fn tell(
    program: &Program,
    letter: &Letter,
    limit: Duration,
) -> Result<Option<i64>, Failure> {
    let name = program.path.display();
    let mut child = start(program)
        .map_err(|error| Failure::slowly(format!("{name} cannot be started: {error}")))?;
    let input = letter.json().to_string();
    let ended = timeout(limit, talk(&mut child, &input)).await;
    let (status, said) = match ended {
        Ok(Ok(ended)) => ended,
        Ok(Err(error)) => return Err(Failure::again(format!("{name}: {error}"))),
        Err(_) => {
            end_group(&child);
            child.kill().await.ok();
            let seconds = limit.as_secs();
            return Err(Failure::again(format!("{name} did not end within {seconds} s")));
        }
    };
    if status.success() {
        return Ok(None);
    }
    let line = String::from_utf8_lossy(&said);
    let line = clean(line.lines().find(|line| !line.trim().is_empty()).unwrap_or(""), MOST_LINE);
    let colon = if line.is_empty() { "" } else { ": " };
    Err(Failure::again(format!("{name} ended with {status}{colon}{line}")))
}

fn start(program: &Program) -> io::Result<Child> {
    let mut command = Command::new(&program.path);
    command.args(&program.args).env_clear().current_dir("/");
    for name in KEPT {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    #[cfg(unix)]
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.kill_on_drop(true).spawn()
}

/// Gives it `input`, and hears it out: how it ended, and what it said.
async fn talk(child: &mut Child, input: &str) -> io::Result<(std::process::ExitStatus, Vec<u8>)> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let mut said = Vec::new();
    let status = {
        let talk = async {
            tokio::join!(give(stdin, input), hear(stderr, &mut said));
        };
        let mut talk = std::pin::pin!(talk);
        tokio::select! {
            () = &mut talk => child.wait().await?,
            status = child.wait() => {
                // What it started may hold the pipe open.
                timeout(Duration::from_millis(100), &mut talk).await.ok();
                status?
            }
        }
    };
    Ok((status, said))
}

async fn give(stdin: Option<ChildStdin>, input: &str) {
    if let Some(mut stdin) = stdin {
        // One that does not read has its reasons.
        stdin.write_all(input.as_bytes()).await.ok();
    }
}

async fn hear(stderr: Option<ChildStderr>, said: &mut Vec<u8>) {
    let Some(mut stderr) = stderr else { return };
    let mut piece = [0; 1024];
    // Read to its end, so that it never waits for somebody to listen.
    while let Ok(count @ 1..) = stderr.read(&mut piece).await {
        let room = MOST_SAID.saturating_sub(said.len()).min(count);
        said.extend_from_slice(&piece[..room]);
    }
}

/// Ends it with whatever it started. Once it has ended and was waited for, its number is another's.
#[cfg(unix)]
fn end_group(child: &Child) {
    use rustix::process::{Pid, Signal, kill_process_group};

    let pid = child.id().and_then(|id| Pid::from_raw(id as i32));
    if let Some(pid) = pid {
        kill_process_group(pid, Signal::KILL).ok();
    }
}

#[cfg(not(unix))]
fn end_group(_child: &Child) {}
