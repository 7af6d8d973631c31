//! A past that is known, asked for over HTTP: what is told equals what was made up.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::history::{POSTCARD, Stretch};
use shared::{Field, rates};

use crate::client::{get, request};
use crate::made::{Made, buckets, head_with, life, lines, now_ms, singles};

const FIELDS: [Field; 3] = [Field::Available, Field::Faults, Field::Temperature];
const IDS: &str = "available,faults,temperature_millicelsius";

fn rows(answer: &Value) -> Vec<Value> {
    answer["nodes"][0]["rows"].as_array().unwrap().clone()
}

fn close(told: &Value, expected: &Value) -> bool {
    match (told.as_f64(), expected.as_f64()) {
        // The expected one is computed with floating point.
        (Some(told), Some(expected)) => (told - expected).abs() <= 0.001,
        _ => told == expected,
    }
}

fn same_rows(told: &[Value], expected: &[Value], what: &str) {
    for (told, expected) in told.iter().zip(expected) {
        let (told, expected) = (told.as_array().unwrap(), expected.as_array().unwrap());
        assert_eq!(told.len(), expected.len());
        let same = told.iter().zip(expected).all(|(told, expected)| close(told, expected));
        assert!(same, "{what}: told {told:?}, expected {expected:?}");
    }
    assert_eq!(told.len(), expected.len(), "{what}");
}

/// With a gap and a reboot; in every form and at every fineness.
#[test]
fn what_was_made_up_is_what_is_told() {
    let begin_ms = now_ms() - 3 * 3_600_000 + 123;
    let all = life("pi-07", begin_ms, 1800, 300);
    let others = life("pi-08", begin_ms, 300, 10);
    let (server, _fake) = head_with(&lines(all.iter().chain(&others)), &["--period-ms", "60000"]);
    let at = server.address();
    let span = format!("from={}&to={}&fields={IDS}", begin_ms - 3_600_000, begin_ms + 7_200_000);
    let path = |more: &str| format!("/api/v1/nodes/pi-07/history?{span}&{more}");

    let answer = get(at, &path("step=raw")).json();
    assert_eq!(answer["tier"], "raw");
    same_rows(&rows(&answer), &singles(&all, &FIELDS), "raw");
    for (step, tier, step_ms) in [
        ("1s", "raw", 1000),
        ("7s", "raw", 7000),
        ("10s", "10s", 10_000),
        ("30s", "10s", 30_000),
        ("1m", "1m", 60_000),
        ("5m", "1m", 300_000),
        ("10m", "10m", 600_000),
        ("2h", "2h", 7_200_000),
    ] {
        let answer = get(at, &path(&format!("step={step}"))).json();
        assert_eq!((&answer["tier"], &answer["step_ms"]), (&json!(tier), &json!(step_ms)));
        assert_eq!(answer["from_ms"].as_u64().unwrap() % step_ms, 0);
        same_rows(&rows(&answer), &buckets(&all, &FIELDS, step_ms), step);
    }
    // Three hours and 180 points: a minute each.
    let answer = get(at, &path("points=180")).json();
    assert_eq!(answer["step_ms"], 60_000);
    let expected = buckets(&all, &FIELDS, 60_000);
    same_rows(&rows(&answer), &expected, "points");
    let (first, last) = (&all[0], &all[all.len() - 1]);
    let minutes = last.at_ms / 60_000 - first.at_ms / 60_000 + 1;
    assert!((expected.len() as u64) < minutes, "where there is a gap there is no row");

    csv_says_the_same(&get(at, &path("step=10s&format=csv")).text(), &all);
    let frames = |path: &str| {
        let answer = request(at, "GET", path, &[("Accept", POSTCARD)]);
        Stretch::read_all(&answer.body).unwrap()
    };
    let stretches = frames(&path("step=10s&bands=available,faults"));
    assert_eq!(stretches.len(), 1);
    stretch_says_the_same(&stretches[0], &all);
    let raw = frames(&path("step=raw"));
    let read: Vec<_> = raw.iter().flat_map(|stretch| stretch.readings.iter()).collect();
    assert_eq!(read.len(), all.len());
    for (read, made) in read.iter().zip(&all) {
        assert_eq!((read.at_ms, read.uptime_us), (made.at_ms, made.uptime_us));
        for field in FIELDS {
            assert_eq!(read.sample.get(field), made.values.get(&field).copied());
        }
    }

    // The fleet, in the order of ids, and some of it.
    let fleet = |more: &str| get(at, &format!("/api/v1/history?{span}&step=1m&{more}")).json();
    let both = fleet("nodes=pi-08,pi-07");
    assert_eq!(both["nodes"][0]["id"], "pi-07");
    assert_eq!(both["nodes"][1]["id"], "pi-08");
    let of_other = both["nodes"][1]["rows"].as_array().unwrap();
    same_rows(of_other, &buckets(&others, &FIELDS, 60_000), "the other");
    assert_eq!(fleet("nodes=pi-08")["nodes"].as_array().unwrap().len(), 1);
    let whole = fleet("");
    assert_eq!(whole["nodes"], both["nodes"], "this machine has nothing from then");
}

fn csv_says_the_same(text: &str, all: &[Made]) {
    let mut lines = text.split_terminator("\r\n");
    let header = lines.next().unwrap();
    assert!(header.starts_with("node,at_ms,count,available.min,available.mean,"), "{header}");
    let expected = buckets(all, &FIELDS, 10_000);
    let mut count = 0;
    for (line, expected) in lines.zip(&expected) {
        let cells: Vec<_> = line.split(',').collect();
        assert_eq!(cells[0], "pi-07");
        let told: Vec<Value> = cells[1..]
            .iter()
            .map(|cell| if cell.is_empty() { Value::Null } else { cell.parse().unwrap() })
            .collect();
        let expected = expected.as_array().unwrap();
        let same = told.iter().zip(expected).all(|(told, expected)| close(told, expected));
        assert!(same && told.len() == expected.len(), "told {told:?}, expected {expected:?}");
        count += 1;
    }
    assert_eq!(count, expected.len());
}

/// Gauges are means, and counters rise from bucket to bucket by their mean rate.
fn stretch_says_the_same(stretch: &Stretch, all: &[Made]) {
    let expected = buckets(all, &FIELDS, 10_000);
    let readings: Vec<_> = stretch.readings.iter().collect();
    assert_eq!(readings.len(), expected.len());
    let (low, high): (Vec<_>, Vec<_>) =
        (stretch.low.iter().collect(), stretch.high.iter().collect());
    assert_eq!((low.len(), high.len()), (readings.len(), readings.len()));
    let mut compared = 0;
    for (place, row) in expected.iter().enumerate() {
        let reading = &readings[place];
        assert_eq!(reading.at_ms, row[0]);
        assert_eq!(json!(low[place].sample.get(Field::Available)), row[2]);
        assert_eq!(json!(reading.sample.get(Field::Available)), row[3]);
        assert_eq!(json!(high[place].sample.get(Field::Available)), row[4]);
        assert_eq!(json!(low[place].sample.get(Field::Faults)), row[5]);
        assert_eq!(json!(high[place].sample.get(Field::Faults)), row[7]);
        assert_eq!(json!(reading.sample.get(Field::Temperature)), row[9]);
        assert_eq!(low[place].sample.get(Field::Temperature), None, "no band was asked for");
        let rate = place
            .checked_sub(1)
            .and_then(|before| rates::per_second(&readings[before], reading, Field::Faults));
        if let (Some(rate), Some(expected)) = (rate, row[6].as_f64()) {
            // Totals are whole numbers.
            assert!((rate - expected).abs() < 0.2, "{place}: {rate}, expected {expected}");
            compared += 1;
        }
    }
    // Not at the beginning, after the gap and after the reboot.
    assert!(compared + 6 >= expected.len(), "{compared} of {}", expected.len());
}

/// What lasted a second is still to be seen in a month.
#[test]
fn a_second_of_a_month_is_seen() {
    let now = now_ms();
    let spike_ms = now - 20 * 86_400_000;
    let first_ms = now - 29 * 86_400_000;
    let mut all = Vec::new();
    let mut seq = 0;
    let mut add = |at_ms: u64, available: u64| {
        seq += 1;
        let values = BTreeMap::from([(Field::Available, available)]);
        let uptime_us = (at_ms - first_ms + 1000) * 1000;
        let (node, boot) = ("pi-07".into(), "boot".into());
        all.push(Made { node, boot, seq, at_ms, uptime_us, values });
    };
    let mut at_ms = first_ms;
    while at_ms < now {
        if at_ms.abs_diff(spike_ms) < 60_000 {
            add(spike_ms, 777 << 20);
            at_ms = spike_ms + 1000;
        }
        add(at_ms, 100 << 20);
        at_ms += 120_000;
    }
    let (server, _fake) = head_with(&lines(&all), &["--period-ms", "60000"]);
    let at = server.address();
    let path = format!(
        "/api/v1/nodes/pi-07/history?from={first_ms}&to={now}&points=1200&fields=available"
    );
    let answer = get(at, &path).json();
    assert_eq!(answer["step_ms"], 3_600_000, "about one for each pixel");
    assert_eq!(answer["tier"], "10m");
    let rows = rows(&answer);
    assert!((690..=700).contains(&rows.len()), "{}", rows.len());
    for row in &rows {
        let has_it = row[0] == spike_ms / 3_600_000 * 3_600_000;
        let most = if has_it { 777_u64 << 20 } else { 100 << 20 };
        assert_eq!(row[4], most, "{row}");
        assert_eq!(row[2], 100 << 20);
    }
}
