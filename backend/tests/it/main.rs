//! Tests of the program as people and browsers use it: the real executable, real sockets, and a
//! tree of files in place of /proc.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that fails")]

mod bounds;
mod browser;
mod captures;
mod chromium;
mod cli;
mod client;
mod doctor;
mod explain;
mod fake;
mod feed;
mod free;
mod http;
mod live;
mod page;
mod panels;
mod partition;
mod peers;
mod quiet;
mod socket;
mod stop;
mod support;
mod trouble;
mod zram;
