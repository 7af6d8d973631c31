//! Tests of the program as people and browsers use it: the real executable, real sockets, and a
//! tree of files in place of /proc.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at the first thing that fails")]

mod afar;
mod agent;
mod bounds;
mod browser;
mod bygone;
mod captures;
mod chromium;
mod cli;
mod client;
mod cluster;
mod crash;
mod disk;
mod doctor;
mod explain;
mod fake;
mod false_head;
mod faults;
mod feed;
mod fleet;
mod free;
mod hostile;
mod hosts;
mod http;
mod joined;
mod limits;
mod live;
mod made;
mod many;
mod netns;
mod page;
mod panels;
mod partition;
mod past;
mod past_inout;
mod past_query;
mod past_refused;
mod peers;
mod proxy;
mod quiet;
mod socket;
mod spy;
mod stage;
mod stall;
mod stop;
mod support;
mod terminal;
mod tls;
mod tokens;
mod travel;
mod trouble;
mod viewers;
mod zram;
