//! A node's last minutes as a picture.

use crate::client::{get, node_when, request};
use crate::support::{FakeProc, Server};

#[test]
fn a_chart_shows_what_was_reported() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "100"]);
    node_when(server.address(), "pi-test", |node| !node["sample"].is_null());
    let svg = get(server.address(), "/api/v1/nodes/pi-test/chart.svg");
    assert_eq!((svg.status, svg.header("content-type")), (200, Some("image/svg+xml")));
    let text = svg.text();
    // 2716808 of 3883512 kB.
    assert!(text.starts_with("<svg ") && text.contains("2.59 GiB of 3.70 GiB available"), "{text}");
    let png = get(server.address(), "/api/v1/nodes/pi-test/chart.png");
    assert_eq!((png.status, png.header("content-type")), (200, Some("image/png")));
    assert!(png.body.starts_with(b"\x89PNG\r\n\x1a\n"), "{} bytes", png.body.len());
    assert_eq!(get(server.address(), "/api/v1/nodes/nobody/chart.png").status, 404);
    let refused = request(server.address(), "DELETE", "/api/v1/nodes/pi-test/chart.svg", &[]);
    assert_eq!(refused.status, 405, "nothing is changed here");
}
