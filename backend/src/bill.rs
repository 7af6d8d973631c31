//! The visible bill: what this program itself costs the machine it runs on.
//!
//! It is of this process, whichever trees the probe reads: a program that is told to read another
//! `/proc` still costs what it costs. On the head's machine agent and head are one process.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use shared::{Field, Sample};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Between two looks, in readings: as what hardly ever changes is looked up. What moved meanwhile costs
/// a few bytes of the link then, and nothing in between.
const LOOK_EVERY: u32 = 60;

/// Bytes that this process gave to the network.
static SENT: AtomicU64 = AtomicU64::new(0);

/// This many bytes were sent.
pub fn count_sent(bytes: usize) {
    SENT.fetch_add(bytes as u64, Ordering::Relaxed);
}

/// What this process costs, as far as its system tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// RAM it takes, in bytes.
    pub memory: Option<u64>,
    /// CPU time it took since it was started, in µs.
    pub cpu_us: Option<u64>,
    /// Bytes that it sent.
    pub sent: u64,
    /// Bytes that it had written to disks.
    pub written: Option<u64>,
}

/// Looks up what this process costs.
#[must_use]
pub fn cost() -> Cost {
    Cost {
        memory: memory(),
        cpu_us: cpu_us(),
        sent: SENT.load(Ordering::Relaxed),
        written: written(),
    }
}

#[cfg(target_os = "linux")]
fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    pages.checked_mul(rustix::param::page_size() as u64)
}

#[cfg(not(target_os = "linux"))]
fn memory() -> Option<u64> {
    None
}

#[cfg(unix)]
fn cpu_us() -> Option<u64> {
    use rustix::time::{ClockId, clock_gettime};

    let time = clock_gettime(ClockId::ProcessCPUTime);
    let (seconds, ns) = (u64::try_from(time.tv_sec).ok()?, u64::try_from(time.tv_nsec).ok()?);
    Some(seconds * 1_000_000 + ns / 1000)
}

#[cfg(not(unix))]
fn cpu_us() -> Option<u64> {
    None
}

#[cfg(target_os = "linux")]
fn written() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/io").ok()?;
    text.lines().find_map(|line| line.strip_prefix("write_bytes:")?.trim().parse().ok())
}

#[cfg(not(target_os = "linux"))]
fn written() -> Option<u64> {
    None
}

/// The bill as readings carry it.
#[derive(Debug, Default)]
pub struct Bill {
    found: Cost,
    until_next_look: u32,
}

impl Bill {
    /// Adds what was found last; it is looked up with the first reading, and then with every sixtieth.
    pub fn add_to(&mut self, sample: &mut Sample) {
        if self.until_next_look == 0 {
            self.until_next_look = LOOK_EVERY;
            self.found = cost();
        }
        self.until_next_look -= 1;
        let Cost { memory, cpu_us, sent, written } = self.found;
        sample.set(Field::OwnMemory, memory);
        sample.set(Field::OwnCpu, cpu_us);
        sample.set(Field::OwnSent, Some(sent));
        sample.set(Field::OwnWritten, written);
    }
}

/// A connection whose bytes out are counted. Below TLS, so that what TLS adds counts too.
#[derive(Debug)]
pub struct Counted<S>(pub S);

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        counted(Pin::new(&mut self.0).poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        counted(Pin::new(&mut self.0).poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

fn counted(poll: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    if let Poll::Ready(Ok(bytes)) = &poll {
        count_sent(*bytes);
    }
    poll
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_sent_is_counted() {
        use tokio::io::AsyncWriteExt as _;

        let (near, _far) = tokio::io::duplex(1 << 16);
        let before = cost().sent;
        Counted(near).write_all(&[7; 5000]).await.unwrap();
        // Other tests may send meanwhile.
        assert!(cost().sent >= before + 5000);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_bill_is_of_this_process_and_carried_on() {
        let mut bill = Bill::default();
        let mut readings = (0..=LOOK_EVERY).map(|_| {
            let mut sample = Sample::EMPTY;
            bill.add_to(&mut sample);
            sample
        });
        let first = readings.next().unwrap();
        assert!(first.get(Field::OwnMemory).unwrap() > 1 << 20, "{first:?}");
        let cpu_us = first.get(Field::OwnCpu).unwrap();
        for _ in 1..LOOK_EVERY {
            assert_eq!(readings.next().unwrap(), first);
        }
        assert!(readings.next().unwrap().get(Field::OwnCpu).unwrap() > cpu_us);
    }
}
