//! What an agent costs the node that it runs on, while it reports to a head over TLS.

use super::program::{Program, cpu_ns, resident_kib};
use super::{NETDATA_HALF_PERCENT, Row};
use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, Guard};
use crate::swarm::{self, Scratch};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Resident memory of an agent, its program's pages included.
const RESIDENT_KIB: u64 = 5 * 1024;
/// The first sweep over the node is over.
const SETTLED: Duration = Duration::from_secs(5);

/// An agent over so long.
pub(super) fn measure(binary: &Path, watch: Duration) -> Result<Vec<Row>> {
    let scratch = Scratch::new("agent")?;
    let dir = scratch.path().display().to_string();
    let head = Program::start_with(binary, &["--tls", "--data-dir", &dir])?;
    let fingerprint = head.fingerprint.clone().unwrap_or_default();
    let token = token(&files::read_text(&swarm::tokens(binary, scratch.path(), 1)?)?)?;
    // A program of its own, as on another machine: what it shares with the head is not free there.
    let alone = scratch.path().join("headroom");
    let copied = std::fs::copy(binary, &alone);
    copied.map_err(|cause| Error::Io { subject: alone.display().to_string(), cause })?;
    let mut command = Command::new(&alone);
    command.args(["agent", "--head", &format!("https://127.0.0.1:{}", head.port)]);
    command.args(["--fingerprint", &fingerprint, "--token-file"]).arg("-");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    process::forget(&mut command, |name| name.starts_with("HEADROOM_"));
    let subject = "the agent does not start".to_owned();
    let mut agent = Guard(command.spawn().map_err(|cause| Error::Io { subject, cause })?);
    if let Some(mut input) = agent.0.stdin.take() {
        // An agent that is gone is noticed below.
        writeln!(input, "{token}").ok();
    }
    let pid = agent.0.id();
    std::thread::sleep(SETTLED);
    let (begun, before) = (Instant::now(), cpu_ns(pid)?);
    std::thread::sleep(watch);
    let spent = cpu_ns(pid)?.saturating_sub(before);
    let percent = spent as f64 / begun.elapsed().as_nanos() as f64 * 100.0;
    let kib = resident_kib(pid)?;
    let memory = Row::new(
        &format!("agent afar, resident after {} s", (SETTLED + watch).as_secs()),
        format!("{:.1} MiB", kib as f64 / 1024.0),
        format!("{} MiB", RESIDENT_KIB / 1024),
        kib <= RESIDENT_KIB,
    );
    let note = format!("({NETDATA_HALF_PERCENT} % is half of Netdata)");
    Ok(vec![memory, Row::told("the same, CPU of one core", format!("{percent:.3} %"), &note)])
}

/// The first token in a file of them.
pub(super) fn token(text: &str) -> Result<String> {
    let is_in = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
    let token: String = text
        .find("hrt_")
        .map(|at| text[at..].chars().take_while(is_in).collect())
        .unwrap_or_default();
    if token.is_empty() { Err(Error::say("`headroom token create` made none")) } else { Ok(token) }
}

#[cfg(test)]
mod tests {
    use super::token;

    #[test]
    fn a_token_is_found() {
        assert_eq!(token(r#"[{"name":"a","token":"hrt_0f_"},{"#).unwrap(), "hrt_0f_");
        token("[]").unwrap_err();
    }
}
