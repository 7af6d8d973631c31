//! What the kernel says of a process: CPU time and memory.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A process of this machine.
#[derive(Clone, Debug)]
pub(crate) struct Process(PathBuf);

/// What a process has used up to a moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    at: Instant,
    cpu: Duration,
}

impl Process {
    pub(crate) fn of(pid: u32) -> Self {
        Self(format!("/proc/{pid}").into())
    }

    pub(crate) fn this() -> Self {
        Self("/proc/self".into())
    }

    /// CPU time so far; `None` if the process is no more.
    pub(crate) fn used(&self) -> Option<Used> {
        let stat = fs::read_to_string(self.0.join("stat")).ok()?;
        Some(Used { at: Instant::now(), cpu: cpu(&stat)? })
    }

    /// CPU time since `before`, in percent of one core.
    pub(crate) fn percent_since(&self, before: Used) -> Option<f64> {
        let now = self.used()?;
        let cpu = now.cpu.saturating_sub(before.cpu);
        Some(cpu.as_secs_f64() / now.at.duration_since(before.at).as_secs_f64() * 100.0)
    }

    /// Resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        let status = fs::read_to_string(self.0.join("status")).ok()?;
        let value = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        value.trim().strip_suffix("kB")?.trim().parse().ok()
    }
}

/// `utime` and `stime`, in ticks of 10 ms on every port (`proc_pid_stat(5)`). The name before them may
/// hold anything, but for a closing bracket after it.
fn cpu(stat: &str) -> Option<Duration> {
    let (_, after) = stat.rsplit_once(')')?;
    let mut ticks = after.split_whitespace().skip(11).map_while(|word| word.parse::<u64>().ok());
    Some(Duration::from_millis((ticks.next()? + ticks.next()?) * 10))
}

#[cfg(test)]
mod tests {
    use super::{Process, cpu};
    use std::time::Duration;

    #[test]
    fn the_kernel_is_understood() {
        let stat = "7 (a) b) c) S 1 2 3 4 -1 6 7 8 9 10 250 150 0 0 20";
        assert_eq!(cpu(stat), Some(Duration::from_secs(4)));
        assert_eq!(cpu("7 (x) S"), None);
        let this = Process::this();
        assert!(this.resident_kib().unwrap() > 100);
        assert!(this.percent_since(this.used().unwrap()).is_some());
    }
}
