//! Asks a server on this machine, and takes the time.

use crate::error::{Error, Result};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Answers of which the median is taken, after those that only warm up.
const ASKED: usize = 15;
const WARM: usize = 3;
/// Many of them would take too long.
const LONGEST: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_mins(2);

/// One connection, kept open.
pub(super) struct Client {
    port: u16,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    pub(super) fn new(port: u16) -> Self {
        Self { port, stream: None }
    }

    /// How long it takes to ask for all of `paths`, one after another, in ms: the median of some times.
    pub(super) fn median(&mut self, paths: &[String]) -> Result<f64> {
        let begun = Instant::now();
        let mut times = Vec::new();
        for round in 0..WARM + ASKED {
            let start = Instant::now();
            for path in paths {
                self.get(path)?;
            }
            if round >= WARM {
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
            if !times.is_empty() && begun.elapsed() > LONGEST {
                break;
            }
        }
        times.sort_by(f64::total_cmp);
        println!("{:.3} ms ({} times) for {}", times[times.len() / 2], times.len(), paths[0]);
        Ok(times[times.len() / 2])
    }

    /// Waits until there is something at `path`: what serves may still be opening what it has.
    pub(super) fn wait_for(&mut self, path: &str) -> Result<()> {
        let begun = Instant::now();
        loop {
            match self.get(path) {
                Ok(_) => return Ok(()),
                Err(error) if begun.elapsed() > LONGEST => return Err(error),
                Err(_) => std::thread::sleep(Duration::from_millis(20)),
            }
        }
    }

    /// The body of what is at `path`.
    pub(super) fn get(&mut self, path: &str) -> Result<Vec<u8>> {
        let subject = format!("http://127.0.0.1:{}{path}", self.port);
        let failed = |cause| Error::Io { subject: subject.clone(), cause };
        let (status, body) = self.ask(path).map_err(failed)?;
        if status != 200 && status != 204 {
            let body = String::from_utf8_lossy(&body[..body.len().min(500)]).into_owned();
            return Err(Error::say(format!("{subject} answers {status}: {body}")));
        }
        Ok(body)
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(BufReader::with_capacity(1 << 18, stream))
    }

    fn ask(&mut self, path: &str) -> io::Result<(u16, Vec<u8>)> {
        let mut stream = self.stream.take().map_or_else(|| self.connect(), Ok)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", self.port);
        stream.get_mut().write_all(request.as_bytes())?;
        let head = head(&mut stream)?;
        let value = |name: &str| {
            let line = head.iter().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned())
        };
        let status = head.first().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let mut body = Vec::new();
        if value("transfer-encoding:").is_some_and(|how| how.contains("chunked")) {
            loop {
                let mut size = String::new();
                stream.read_line(&mut size)?;
                let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
                stream.by_ref().take(size).read_to_end(&mut body)?;
                stream.read_line(&mut String::new())?;
                if size == 0 {
                    break;
                }
            }
        } else {
            let length = value("content-length:").and_then(|length| length.parse().ok());
            stream.by_ref().take(length.unwrap_or(0)).read_to_end(&mut body)?;
        }
        if value("connection:").is_none_or(|how| how != "close") {
            self.stream = Some(stream);
        }
        Ok((status.unwrap_or(0), body))
    }
}

/// The lines before the body, in small letters.
fn head(stream: &mut impl io::BufRead) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            return Ok(lines);
        }
        lines.push(line);
    }
}
