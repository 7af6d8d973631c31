//! The page: embedded in the program, compressed when it was built.

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH,
    VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};

use super::{error, wrong_method};

/// A file of the page in its three forms.
pub(super) struct Embedded {
    path: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What is served in place of the page by a program that was built without one.
const NO_PAGE: &str = "This program was built without its page.\n\
     In a clone of the repository, `cargo xtask run` builds both and starts them.\n";

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.default_service(web::to(serve));
}

async fn serve(request: HttpRequest) -> HttpResponse {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return wrong_method("GET, HEAD");
    }
    let path = request.path();
    let path = if is_view(path) { "/index.html" } else { path };
    match FILES.iter().find(|file| file.path == path) {
        Some(file) => answer(file, request.headers()),
        None if FILES.is_empty() && path == "/index.html" => HttpResponse::ServiceUnavailable()
            .content_type("text/plain; charset=utf-8")
            .body(NO_PAGE),
        None => error(StatusCode::NOT_FOUND, format!("there is nothing at {path:?}")),
    }
}

/// Whether this is the address of a view of the page: the page itself knows which.
fn is_view(path: &str) -> bool {
    let is_node =
        path.strip_prefix("/nodes/").is_some_and(|id| !id.is_empty() && !id.contains('/'));
    is_node || matches!(path, "/" | "/compare" | "/incidents")
}

fn answer(file: &'static Embedded, headers: &HeaderMap) -> HttpResponse {
    let (body, coding) = file.form(headers);
    let etag = format!("\"{BUILD}-{}\"", coding.unwrap_or("plain"));
    let known = headers
        .get_all(IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == etag);
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header((ETAG, etag)).insert_header((VARY, "Accept-Encoding")).insert_header((
        CACHE_CONTROL,
        if is_hashed(file.path) { "public, max-age=31536000, immutable" } else { "no-cache" },
    ));
    if known {
        return response.finish();
    }
    if let Some(coding) = coding {
        response.insert_header((CONTENT_ENCODING, coding));
    }
    response.insert_header((CONTENT_TYPE, content_type(file.path))).body(body)
}

impl Embedded {
    /// The smallest form that the client takes.
    fn form(&self, headers: &HeaderMap) -> (&'static [u8], Option<&'static str>) {
        let takes = |coding: &str| {
            headers
                .get_all(ACCEPT_ENCODING)
                .filter_map(|value| value.to_str().ok())
                .flat_map(|value| value.split(','))
                .any(|item| accepts(item, coding))
        };
        if takes("br") {
            (self.brotli, Some("br"))
        } else if takes("gzip") {
            (self.gzip, Some("gzip"))
        } else {
            (self.plain, None)
        }
    }
}

/// Whether `item` of an `Accept-Encoding`, such as `br;q=0.5`, takes `coding`.
fn accepts(item: &str, coding: &str) -> bool {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let refused = parts.any(|part| {
        part.strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()).is_some_and(|q| q <= 0.0)
    });
    name.eq_ignore_ascii_case(coding) && !refused
}

/// Whether the name carries a hash of the content (`app-0123456789abcdef.css`): then what it names
/// never changes.
fn is_hashed(path: &str) -> bool {
    let stem = path.split('.').next().unwrap_or_default();
    stem.rsplit_once('-').is_some_and(|(_, hash)| {
        hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("webmanifest") => "application/manifest+json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_names_are_known() {
        assert!(is_hashed("/headroom_bg-0123456789abcdef.wasm"));
        assert!(!is_hashed("/index.html"));
        assert!(!is_hashed("/a-0123456789abcdeg.css"));
    }

    #[test]
    fn views_have_addresses_and_files_keep_theirs() {
        for path in ["/", "/compare", "/nodes/pi-07"] {
            assert!(is_view(path), "{path}");
        }
        for path in ["/nodes/", "/nodes/a/b", "/nodes", "/compare/", "/favicon.ico"] {
            assert!(!is_view(path), "{path}");
        }
    }

    #[test]
    fn codings_are_taken_only_when_wanted() {
        assert!(accepts(" br ", "br"));
        assert!(accepts("gzip;q=0.5", "gzip"));
        assert!(!accepts("br;q=0", "br"));
        assert!(!accepts("brotli", "br"));
    }
}
