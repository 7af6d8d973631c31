//! The past over HTTP, of a head that is running.

use serde_json::json;
use shared::Field;
use shared::history::{Event, HistoryStatus, POSTCARD, Stretch, from_postcard};

use crate::client::{get, request};
use crate::support::{FakeProc, Server, until};

/// What the head holds and has not written yet is told as if it were on disk.
#[test]
fn the_last_seconds_are_told_in_every_form() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--period-ms", "100"]);
    let at = server.address();
    let path = "/api/v1/nodes/pi-test/history?step=raw&fields=available,faults";
    let answer = until("five readings", || {
        let answer = get(at, path);
        (answer.status == 200)
            .then(|| answer.json())
            .filter(|answer| answer["nodes"][0]["rows"].as_array().unwrap().len() >= 5)
    });
    assert_eq!(answer["tier"], "raw");
    assert_eq!(answer["step_ms"], 0);
    assert_eq!(answer["fields"], json!(["available", "faults"]));
    let columns = ["at_ms", "uptime_us", "boot", "seq", "available", "faults"];
    assert_eq!(answer["columns"], json!(columns));
    assert_eq!(answer["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(answer["nodes"][0]["id"], "pi-test");
    let available = 2_716_808_u64 * 1024;
    let mut last_seq = None;
    for row in answer["nodes"][0]["rows"].as_array().unwrap() {
        let row = row.as_array().unwrap();
        assert_eq!(row.len(), columns.len());
        let seq = row[3].as_u64();
        assert!(last_seq < seq, "{row:?}");
        last_seq = seq;
        assert_eq!(row[4..], [json!(available), json!(99_991)]);
    }

    let frames = |path: &str| {
        let answer = request(at, "GET", path, &[("Accept", POSTCARD)]);
        assert_eq!(answer.header("content-type"), Some(POSTCARD), "{}", answer.text());
        Stretch::read_all(&answer.body).unwrap()
    };
    let stretches = frames("/api/v1/nodes/pi-test/history?from=-5m&step=1s&fields=all&bands=free");
    assert_eq!(stretches.len(), 1);
    let stretch = &stretches[0];
    assert_eq!((stretch.id.as_str(), stretch.step_ms), ("pi-test", 1000));
    assert_eq!(stretch.from_ms % 1000, 0);
    let last = stretch.readings.iter().last().unwrap();
    assert_eq!(last.sample.get(Field::Available), Some(available));
    assert_eq!(stretch.low.len(), stretch.readings.len());
    assert_eq!(
        stretch.high.iter().last().unwrap().sample.get(Field::Free),
        last.sample.get(Field::Free)
    );
    assert_eq!(frames("/api/v1/history?step=1s")[0].id, "pi-test");
    assert!(frames("/api/v1/history?from=-2d&to=-1d").is_empty());
    let empty = frames("/api/v1/nodes/pi-test/history?from=-2d&to=-1d");
    assert!(empty.len() == 1 && empty[0].readings.is_empty());

    let csv = get(at, "/api/v1/history?step=2s&fields=free&format=csv");
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8"));
    let text = csv.text();
    let mut lines = text.split("\r\n");
    assert_eq!(lines.next(), Some("node,at_ms,count,free.min,free.mean,free.max"));
    let free = 1_203_344 * 1024;
    let first: Vec<_> = lines.next().unwrap().split(',').collect();
    assert_eq!(first[0], "pi-test");
    assert_eq!(first[3..], [free.to_string(), free.to_string(), free.to_string()]);

    let events = request(at, "GET", "/api/v1/events", &[("Accept", POSTCARD)]);
    from_postcard::<Vec<Event>>(&events.body).unwrap();
    assert!(get(at, "/api/v1/events?from=-1h").json().is_array());
    let status = request(at, "GET", "/api/v1/history/status?format=postcard", &[]);
    assert!(from_postcard::<HistoryStatus>(&status.body).unwrap().is_kept);
    assert_eq!(get(at, "/api/v1/history/status").json()["is_kept"], true);
}
