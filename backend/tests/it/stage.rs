//! A head whose cluster is made up: the real page, and a feed that says what a test wants.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt, web};
use futures_util::StreamExt as _;
use headroom::web::BUILD;
use shared::alert::Incident;
use shared::history::{HistoryStatus, to_postcard};
use shared::overview::{Brief, Briefs, Label, NodeStanding, Roster, RosterEntry, Standing, Trace};
use shared::wire::{
    self, Encoding, FeedMessage, FeedRequest, NodeReading, NodeState, PROTOCOL, Reading,
};
use shared::{Field, NodeFacts, NodeId, Sample};
use tokio::sync::broadcast;

/// Made-up nodes, and who follows them.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    pub(crate) play: Arc<Play>,
    handle: ServerHandle,
}

/// What is going on.
pub(crate) struct Play {
    cast: Mutex<Cast>,
    news: broadcast::Sender<FeedMessage>,
}

/// The nodes.
pub(crate) struct Cast {
    seq: u64,
    pub(crate) entries: BTreeMap<u32, RosterEntry>,
    /// Nodes that say nothing at present.
    pub(crate) silent: Vec<u32>,
    /// Nodes that somebody has open.
    open: Vec<u32>,
    /// What the head says of this browser, as JSON.
    pub(crate) session: &'static str,
    /// What it answers: by method and path, such as `GET /api/v1/fit`, a status and a body.
    pub(crate) answers: BTreeMap<String, (u16, Vec<u8>)>,
    /// What it was asked beside the feed: method, path and query, and the body.
    pub(crate) asked: Vec<(String, String)>,
    /// Whether files of the page that are loaded late are missing.
    pub(crate) is_late_lost: bool,
}

/// The time, in ms since 1970.
pub(crate) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// A node of this name, with five minutes behind it.
pub(crate) fn node(number: u32, name: &str) -> RosterEntry {
    let now_ms = now_ms();
    let mut trace = Trace::default();
    for back in (0..60).rev() {
        let at_ms = now_ms - back * Trace::STEP_MS;
        trace.note(at_ms, brief(number, at_ms).share());
    }
    let racks = ["a", "b", "c", "d"];
    RosterEntry {
        node: number,
        id: NodeId::from_host_name(name),
        host_name: name.into(),
        labels: vec![Label { key: "rack".into(), value: racks[number as usize % 4].into() }],
        period_ms: 1000,
        standing: Standing::Connected { since_ms: now_ms - 100_000 },
        brief: Some(brief(number, now_ms)),
        trace,
    }
}

/// What a node has at a time: each has its own size and its own waves.
pub(crate) fn brief(node: u32, at_ms: u64) -> Brief {
    let total_kib = (1 << 20) << (node % 4);
    let phase = at_ms as f64 / 40_000.0 + f64::from(node) * 1.7;
    let depth = f64::from(node % 7) / 8.0;
    let share = (0.55 + 0.4 * (phase.sin() * 0.6 - depth)).clamp(0.02, 0.98);
    Brief {
        node,
        at_ms,
        total_kib,
        available_kib: Some((total_kib as f64 * share) as u64),
        swap_total_kib: if node.is_multiple_of(3) { 0 } else { 1 << 20 },
        swap_used_kib: if node.is_multiple_of(3) { 0 } else { u64::from(node) * 997 % 900_000 },
        pressure: (!node.is_multiple_of(5)).then_some((node * 37 % 220) as u16),
        cpu: Some(100),
        temperature: Some((400 + node * 13 % 350) as u16),
        flags: if node % 11 == 7 { Brief::UNDER_VOLTAGE } else { 0 },
    }
}

impl Stage {
    /// Serves these nodes.
    pub(crate) fn open(entries: Vec<RosterEntry>) -> Self {
        let (news, _) = broadcast::channel(64);
        let entries = entries.into_iter().map(|entry| (entry.node, entry)).collect();
        let session = r#"{"may_read":true,"may_write":true,"password_set":true,"plain":false}"#;
        let cast = Cast {
            seq: 1,
            entries,
            silent: vec![],
            open: vec![],
            session,
            answers: BTreeMap::new(),
            asked: vec![],
            is_late_lost: false,
        };
        let play = Arc::new(Play { cast: Mutex::new(cast), news });
        let shown = web::Data::from(play.clone());
        let server = HttpServer::new(move || {
            App::new().app_data(shown.clone()).default_service(web::to(serve))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", 0))
        .unwrap();
        let address = server.addrs()[0];
        let running = server.run();
        let handle = running.handle();
        rt::spawn(running);
        let ticking = play.clone();
        rt::spawn(async move {
            loop {
                rt::time::sleep(Duration::from_secs(1)).await;
                ticking.tick(|_| {});
            }
        });
        Self { address, play, handle }
    }

    pub(crate) async fn close(self) {
        self.handle.stop(false).await;
    }
}

impl Play {
    pub(crate) fn cast(&self) -> MutexGuard<'_, Cast> {
        self.cast.lock().unwrap()
    }

    /// Tells whoever follows.
    pub(crate) fn tell(&self, message: FeedMessage) {
        self.news.send(message).ok();
    }

    /// Answers a request with this, in postcard, from now on.
    pub(crate) fn answer<T: serde::Serialize>(&self, request: &str, answer: &T) {
        self.cast().answers.insert(request.into(), (200, to_postcard(answer)));
    }

    /// What was asked that begins with this, with bodies.
    pub(crate) fn asked(&self, start: &str) -> Vec<(String, String)> {
        let asked = self.cast().asked.clone();
        asked.into_iter().filter(|(what, _)| what.starts_with(start)).collect()
    }

    /// Lets every node that is not silent say something, and tells what `add` adds to it.
    pub(crate) fn tick(&self, add: impl FnOnce(&mut Briefs)) {
        let mut cast = self.cast();
        cast.seq += 1;
        let now_ms = now_ms();
        let (silent, open) = (cast.silent.clone(), cast.open.clone());
        let mut briefs = Briefs { seq: cast.seq, now_ms, ..Briefs::default() };
        for (number, entry) in &mut cast.entries {
            let speaks = matches!(entry.standing, Standing::Connected { .. });
            if speaks && !silent.contains(number) {
                let brief = brief(*number, now_ms);
                entry.trace.note(now_ms, brief.share());
                entry.brief = Some(brief);
                briefs.rows.push(brief);
                // Of all of them there would be too many to wait.
                if open.contains(number) {
                    let news = NodeReading { node: *number, reading: reading(&brief) };
                    self.news.send(FeedMessage::Reading(Box::new(news))).ok();
                }
            }
        }
        add(&mut briefs);
        for entry in &briefs.joined {
            cast.entries.insert(entry.node, entry.clone());
        }
        self.news.send(FeedMessage::Briefs(briefs)).ok();
    }

    /// A node stands differently from now on.
    pub(crate) fn stand(&self, node: u32, standing: Standing) {
        self.cast().entries.get_mut(&node).unwrap().standing = standing.clone();
        self.tick(|briefs| briefs.standings.push(NodeStanding { node, standing }));
    }

    fn roster(&self) -> FeedMessage {
        let cast = self.cast();
        FeedMessage::Roster(Roster {
            protocol: PROTOCOL,
            build: BUILD.into(),
            seq: cast.seq,
            now_ms: now_ms(),
            nodes: cast.entries.values().cloned().collect(),
        })
    }

    fn opened(&self, node: u32) -> Option<FeedMessage> {
        let cast = self.cast();
        let entry = cast.entries.get(&node)?;
        Some(FeedMessage::Opened(Box::new(NodeState {
            node,
            id: entry.id.clone(),
            facts: NodeFacts { host_name: entry.host_name.clone(), ..NodeFacts::default() },
            period_ms: entry.period_ms,
            latest: entry.brief.as_ref().map(reading),
            trouble: None,
        })))
    }
}

/// A reading that has this in brief.
fn reading(brief: &Brief) -> Reading {
    let mut sample = Sample::EMPTY;
    let available = brief.available_kib.map(|kib| kib * 1024);
    for (field, value) in [
        (Field::Total, Some(brief.total_kib * 1024)),
        (Field::Available, available),
        (Field::Free, available.map(|bytes| bytes / 2)),
        (Field::Cached, available.map(|bytes| bytes / 2)),
        (Field::ActiveFile, available.map(|bytes| bytes / 4)),
        (Field::InactiveFile, available.map(|bytes| bytes / 4)),
        (Field::SwapTotal, Some(brief.swap_total_kib * 1024)),
        (Field::SwapFree, Some((brief.swap_total_kib - brief.swap_used_kib) * 1024)),
    ] {
        sample.set(field, value);
    }
    Reading { at_ms: brief.at_ms, uptime_us: brief.at_ms % 1_000_000_000 * 1000, sample }
}

async fn serve(
    request: HttpRequest,
    body: web::Payload,
    play: web::Data<Play>,
) -> actix_web::Result<HttpResponse> {
    let path = request.path();
    let session = play.cast().session;
    if path.starts_with("/api/") && path != "/api/v1/feed" {
        let what = format!("{} {path}", request.method());
        let body = body.to_bytes().await?;
        let mut cast = play.cast();
        let whole = format!("{} {}", request.method(), request.uri());
        cast.asked.push((whole, String::from_utf8_lossy(&body).into_owned()));
        if let Some((status, answer)) = cast.answers.get(&what) {
            let status = StatusCode::from_u16(*status).unwrap();
            return Ok(HttpResponse::build(status).body(answer.clone()));
        }
        drop(cast);
        return Ok(match path {
            "/api/v1/session" => HttpResponse::Ok().content_type("application/json").body(session),
            // Nothing is kept of a play.
            "/api/v1/history/status" => {
                HttpResponse::Ok().body(to_postcard(&HistoryStatus::default()))
            }
            "/api/v1/tokens" => HttpResponse::Ok().body("{\"tokens\": []}"),
            "/api/v1/incidents" => HttpResponse::Ok().body(to_postcard(&Vec::<Incident>::new())),
            _ => {
                let refusal = "{\"error\": \"This head is only played.\"}";
                HttpResponse::build(StatusCode::NOT_FOUND).body(refusal)
            }
        });
    }
    Ok(match path {
        "/api/v1/feed" if session.contains("\"may_read\":false") => {
            HttpResponse::Unauthorized().finish()
        }
        "/api/v1/feed" => return follow(&request, body, play),
        _ if path.starts_with("/late") && play.cast().is_late_lost => {
            HttpResponse::NotFound().finish()
        }
        _ => page(path),
    })
}

/// A file of the page as it was built.
fn page(path: &str) -> HttpResponse {
    let is_view = ["/", "/compare", "/incidents"].contains(&path) || path.starts_with("/nodes/");
    let name = if is_view { "index.html" } else { path.trim_start_matches('/') };
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/page");
    let Ok(bytes) = std::fs::read(dir.join(name)) else {
        return HttpResponse::NotFound().finish();
    };
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    HttpResponse::Ok().content_type(kind).body(bytes)
}

fn follow(
    request: &HttpRequest,
    body: web::Payload,
    play: web::Data<Play>,
) -> actix_web::Result<HttpResponse> {
    let protocol = Encoding::Postcard.subprotocol();
    let (answer, mut session, mut messages) =
        actix_ws::handle_with_protocols(request, body, &[protocol])?;
    rt::spawn(async move {
        let mut open = Vec::new();
        let mut news = play.news.subscribe();
        let mut next = Some(play.roster());
        loop {
            if let Some(message) = next.take() {
                let bytes = wire::to_postcard(&message).unwrap();
                if session.binary(bytes).await.is_err() {
                    return;
                }
            }
            tokio::select! {
                heard = news.recv() => next = match heard {
                    Ok(FeedMessage::Reading(news)) if !open.contains(&news.node) => None,
                    Ok(message) => Some(message),
                    Err(_) => return,
                },
                asked = messages.next() => {
                    let Some(Ok(actix_ws::Message::Binary(bytes))) = asked else { return };
                    match wire::from_postcard(&bytes) {
                        Ok(Some(FeedRequest::Open { node })) => {
                            open.push(node);
                            play.cast().open.push(node);
                            next = play.opened(node);
                        }
                        Ok(Some(FeedRequest::Close { node })) => open.retain(|one| *one != node),
                        Ok(Some(FeedRequest::Resync {})) => next = Some(play.roster()),
                        _ => {}
                    }
                }
            }
        }
    });
    Ok(answer)
}
