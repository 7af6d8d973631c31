//! Serves what the head knows: the page, the feed, and JSON for scripts. Never reads a node.

mod access;
mod agents;
mod alive;
mod api;
mod body;
mod bounded;
mod chart;
mod client;
mod csv;
mod exports;
mod fit;
mod gate;
mod guard;
mod history;
mod incident_page;
mod incidents;
mod joining;
mod listen;
mod metrics;
mod page;
mod params;
mod session;
mod small;
mod socket;

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::time::Duration;

use actix_server::Server;
use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, CACHE_CONTROL, HeaderValue};
use actix_web::middleware::{DefaultHeaders, from_fn};
use actix_web::{App, HttpResponse, rt, web};
use rustls::ServerConfig;
use serde::Serialize;
use serde_json::json;

use crate::alerts::Alerts;
use crate::exports::Exports;
use crate::fit::Desk;
use crate::head::Head;
use crate::holds::Holds;
use crate::keeper::Archive;
use crate::notify::Notifier;
use crate::tls::Fingerprint;
use crate::tokens::Tokens;
use crate::viewers::Viewers;

pub use alive::Alive;
pub use gate::Limits;
pub use page::BUILD;

/// What every request handler may use.
pub struct State {
    /// The way to the head.
    pub head: Head,
    /// The past.
    pub archive: Archive,
    /// Incidents and rules.
    pub alerts: Alerts,
    /// Who is told of them.
    pub notifier: Notifier,
    /// Memory that is spoken for.
    pub holds: Holds,
    /// Where readings are sent.
    pub exports: Exports,
    /// Who may report.
    pub tokens: Tokens,
    /// Who may look.
    pub viewers: Viewers,
    /// How the thread that serves is asked whether it does.
    pub alive: Alive,
    /// How long one who follows the feed may take nothing and say nothing.
    pub viewer_timeout: Duration,
}

/// Browsers load nothing from elsewhere, run no inline script, and show the page in no frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; \
     style-src 'self'; img-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// How this head is entered.
#[derive(Clone, Default)]
pub struct Entrance {
    /// With TLS, if at all.
    pub tls: Option<ServerConfig>,
    /// What agents know the certificate by.
    pub fingerprint: Option<Fingerprint>,
    /// How many connections there may be.
    pub limits: Limits,
    /// Names it may be asked by, besides IP addresses, localhost and names in .local.
    pub host_names: Vec<String>,
    /// Proxies that are believed who their client is.
    pub trusted_proxies: Vec<IpAddr>,
    /// Whether everybody may read.
    pub anonymous_read: bool,
    /// Whether others than the users of this machine may reach it: then nobody reads without a password.
    pub is_exposed: bool,
    /// Whether it listens on loopback only.
    pub is_local: bool,
    /// Where agents reach it.
    pub url: String,
}

/// Serves on `listener`.
pub fn server(listener: TcpListener, state: State, entrance: Entrance) -> io::Result<Server> {
    let (tls, limits) = (entrance.tls.clone(), entrance.limits.clone());
    let names = web::Data::new(guard::Names::new(entrance.host_names.clone()));
    let room = web::Data::new(history::Room::default());
    let (head, archive) = (state.head.clone(), state.archive.clone());
    let desk = web::Data::new(Desk::new(head, archive, state.holds.clone()));
    let pages = web::Data::new(metrics::Pages::default());
    let alive = state.alive.clone();
    let state = web::Data::new(state);
    let entrance = web::Data::new(entrance);
    let application = move || {
        rt::spawn(alive.clone().answer());
        App::new()
            .app_data(state.clone())
            .app_data(names.clone())
            .app_data(room.clone())
            .app_data(desk.clone())
            .app_data(pages.clone())
            .app_data(entrance.clone())
            .wrap(from_fn(access::check))
            .wrap(from_fn(guard::check))
            .wrap(
                DefaultHeaders::new()
                    .add(("Content-Security-Policy", CONTENT_SECURITY_POLICY))
                    .add(("X-Content-Type-Options", "nosniff"))
                    .add(("Referrer-Policy", "no-referrer"))
                    .add(("Cross-Origin-Opener-Policy", "same-origin"))
                    .add(("Cross-Origin-Resource-Policy", "same-origin")),
            )
            .configure(api::routes)
            .configure(chart::routes)
            .configure(history::routes)
            .configure(fit::routes)
            .configure(metrics::routes)
            .configure(exports::routes)
            .configure(incidents::routes)
            .configure(socket::routes)
            .configure(session::routes)
            .configure(joining::routes)
            .configure(agents::routes)
            .configure(incident_page::routes)
            .configure(page::routes)
    };
    listen::server(listener, tls, limits, application)
}

/// Binds `address`, so that a port that is taken is known before anything else starts. A client that
/// takes nothing for as long as `stuck` is gone.
pub fn bind(address: SocketAddr, stuck: Duration) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    // Connections inherit it (tcp(7)). Without it one whose client takes nothing stays for good: the
    // server waits for room to write, and never looks up. Where it is not known, they do.
    #[cfg(target_os = "linux")]
    rustix::net::sockopt::set_tcp_user_timeout(&listener, stuck.as_millis() as u32).ok();
    Ok(listener)
}

/// The answer to a request that does more than read.
fn wrong_method(allowed: &'static str) -> HttpResponse {
    let message = format!("only {} is served here", allowed.replace(", ", " or "));
    let mut response = error(StatusCode::METHOD_NOT_ALLOWED, message);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// An error as scripts read it: `{"error": "…"}`.
fn error(status: StatusCode, message: impl AsRef<str>) -> HttpResponse {
    HttpResponse::build(status).json(json!({ "error": message.as_ref() }))
}

/// What is true only now.
fn fresh(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).json(body)
}
