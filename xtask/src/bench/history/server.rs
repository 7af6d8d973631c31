//! The stores that ours is compared with.

use super::client::Client;
use crate::error::{Error, Result};
use crate::files;
use crate::process::Guard;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What one of them is, and how it is started.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) short: &'static str,
    program: &'static str,
    /// Given the address and the directory.
    args: fn(&str, &str) -> Vec<String>,
    /// Answers 200 once it serves.
    ready: &'static str,
    /// Makes it write what it still holds.
    pub(super) flush: Option<&'static str>,
}

pub(super) const PROMETHEUS: Kind = Kind {
    name: "Prometheus",
    short: "prom",
    program: "prometheus",
    args: |address, dir| {
        vec![
            format!("--config.file={dir}/prometheus.yml"),
            format!("--storage.tsdb.path={dir}/data"),
            format!("--web.listen-address={address}"),
            "--web.enable-remote-write-receiver".into(),
            "--storage.tsdb.retention.time=10y".into(),
            "--query.max-samples=500000000".into(),
            "--log.level=error".into(),
        ]
    },
    ready: "/-/ready",
    flush: None,
};

pub(super) const VICTORIA: Kind = Kind {
    name: "VictoriaMetrics",
    short: "vm",
    program: "victoria-metrics",
    args: |address, dir| {
        vec![
            format!("-storageDataPath={dir}/data"),
            format!("-httpListenAddr={address}"),
            "-retentionPeriod=10y".into(),
            "-search.maxPointsPerTimeseries=100000".into(),
            "-loggerLevel=ERROR".into(),
        ]
    },
    ready: "/health",
    flush: Some("/internal/force_flush"),
};

/// One that runs. It is ended when this is dropped.
pub(super) struct Server {
    child: Guard,
    dir: PathBuf,
    pub(super) port: u16,
}

impl Server {
    /// Starts it with its data in `dir`.
    pub(super) fn start(kind: &Kind, dir: &Path) -> Result<Self> {
        // Nothing is scraped: all it holds is what it is sent.
        files::write(&dir.join("prometheus.yml"), "scrape_configs: []\n")?;
        let port = free_port()?;
        let mut command = Command::new(kind.program);
        command.args((kind.args)(&format!("127.0.0.1:{port}"), &dir.display().to_string()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let subject = kind.program.to_owned();
        let child = command.spawn().map_err(|cause| Error::Io { subject, cause })?;
        let server = Self { child: Guard(child), dir: dir.join("data"), port };
        Client::new(port).wait_for(kind.ready)?;
        Ok(server)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    /// All that it has on disk.
    pub(super) fn disk_bytes(&self) -> Result<u64> {
        let sizes = files::walk(&self.dir)?.into_iter().map(|path| {
            // One that is merged away meanwhile takes no room.
            std::fs::metadata(path).map_or(0, |file| file.len())
        });
        Ok(sizes.sum())
    }
}

/// A port that nothing listens on at present.
fn free_port() -> Result<u16> {
    let bound = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    let subject = "a port of 127.0.0.1".to_owned();
    Ok(bound.map_err(|cause| Error::Io { subject, cause })?.port())
}
