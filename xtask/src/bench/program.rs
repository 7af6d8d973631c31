//! A running `headroom serve`, and what the kernel says about it.

use crate::error::{Error, Result};
use crate::files;
use crate::process::{self, Guard};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// So long may a start take before we call it a failure.
const PATIENCE: Duration = Duration::from_secs(10);

/// Ends with this value.
pub(super) struct Program {
    child: Guard,
    /// Where it serves, on 127.0.0.1.
    pub(super) port: u16,
    /// What its certificate is known by, if it speaks TLS.
    pub(super) fingerprint: Option<String>,
    /// From its start to the last byte of its first page.
    pub(super) served_after: Duration,
}

impl Program {
    pub(super) fn start(binary: &Path) -> Result<Self> {
        Self::start_with(binary, &[])
    }

    /// The same with more arguments.
    pub(super) fn start_with(binary: &Path, args: &[&str]) -> Result<Self> {
        let shown = format!("`{} serve --listen 127.0.0.1:0`", binary.display());
        let failed = |what: &str| Error::say(format!("{shown} {what}; run it by hand to see why"));
        let mut command = Command::new(binary);
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(args)
            .current_dir(std::env::temp_dir());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Settings of this shell are not what is measured.
        process::forget(&mut command, |name| name.starts_with("HEADROOM_"));
        let begun = Instant::now();
        let child = command.spawn().map_err(|cause| Error::Io { subject: shown.clone(), cause })?;
        let mut child = Guard(child);
        let stdout = child.0.stdout.take().ok_or_else(|| failed("has no output"))?;
        let (port, fingerprint) =
            told(stdout).ok_or_else(|| failed("named no http://127.0.0.1:PORT"))?;
        while begun.elapsed() < PATIENCE {
            // Over TLS nothing is asked: what it told is enough.
            if fingerprint.is_some() || serves(port).unwrap_or(false) {
                return Ok(Self { child, port, fingerprint, served_after: begun.elapsed() });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err(failed("did not answer GET / with 200"))
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// CPU time of all its threads so far.
    pub(super) fn cpu_ns(&self) -> Result<u64> {
        cpu_ns(self.pid())
    }

    pub(super) fn resident_kib(&self) -> Result<u64> {
        resident_kib(self.pid())
    }
}

fn proc(pid: u32, file: &str) -> PathBuf {
    Path::new("/proc").join(pid.to_string()).join(file)
}

/// CPU time of all threads of a process so far.
pub(super) fn cpu_ns(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in files::list(&proc(pid, "task"))? {
        // A thread may end between the listing and the reading.
        let text = files::read_text(&task.join("schedstat")).unwrap_or_default();
        sum += text.split(' ').next().and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(sum)
}

pub(super) fn resident_kib(pid: u32) -> Result<u64> {
    let path = proc(pid, "status");
    let status = files::read_text(&path)?;
    vm_rss(&status)
        .ok_or_else(|| Error::say(format!("{}: no VmRSS; is it running?", path.display())))
}

/// Bytes that a process caused to be written to disks so far.
pub(super) fn written(pid: u32) -> Result<u64> {
    let path = proc(pid, "io");
    let io = files::read_text(&path)?;
    let bytes = io.lines().find_map(|line| line.strip_prefix("write_bytes:")?.trim().parse().ok());
    bytes.ok_or_else(|| Error::say(format!("{}: no write_bytes; is it running?", path.display())))
}

/// The port, and over TLS the fingerprint, that it tells; the rest of the output is read and dropped,
/// so that the program never waits for us.
fn told(stdout: ChildStdout) -> Option<(u16, Option<String>)> {
    let (tell, told) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut over_tls = None;
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            over_tls = over_tls.or(port_in(&line, "https"));
            let fingerprint = line.strip_prefix("Its certificate is ").map(str::to_owned);
            let found = match (port_in(&line, "http"), over_tls, fingerprint) {
                (Some(port), ..) => (port, None),
                (None, Some(port), Some(fingerprint)) => (port, Some(fingerprint)),
                _ => continue,
            };
            // Only the first is waited for.
            tell.try_send(found).ok();
        }
    });
    told.recv_timeout(PATIENCE).ok()
}

fn port_in(line: &str, scheme: &str) -> Option<u16> {
    let (_, after) = line.split_once(&format!("{scheme}://127.0.0.1:"))?;
    after.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn serves(port: u16) -> io::Result<bool> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200 "))
}

fn vm_rss(status: &str) -> Option<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    value.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{port_in, vm_rss};

    #[test]
    fn reads_what_the_program_and_the_kernel_print() {
        assert_eq!(port_in("Headroom is at http://127.0.0.1:4321/", "http"), Some(4321));
        assert_eq!(port_in("http://127.0.0.1:80", "http"), Some(80));
        assert_eq!(port_in("http://localhost:80", "http"), None);
        assert_eq!(port_in("https://127.0.0.1:80", "http"), None);
        assert_eq!(port_in("https://127.0.0.1:80", "https"), Some(80));
        assert_eq!(vm_rss("VmHWM:\t  9 kB\nVmRSS:\t  8123 kB\n"), Some(8123));
        assert_eq!(vm_rss("Name:\tx\n"), None);
    }
}
