//! Documents as they come out, of good texts and of hostile ones.

use super::*;
use serde_json::Value;
use shared::alert::{Holder, Step};
use shared::black_box::{BlackBox, Killed, Ranked, Ranking};
use shared::breakdown::{Breakdown, Part};
use shared::run::Run;
use shared::wire::Reading;
use shared::{Field, Sample};

const MIB: u64 = 1 << 20;
/// 2026-11-26 21:03:00 UTC.
const START_MS: u64 = 1_795_726_980_000;

fn sample(second: u64) -> Sample {
    let mut sample = Sample::EMPTY;
    let grown = second.min(100) * 9 * MIB;
    for (field, value) in [
        (Field::Total, 2048 * MIB),
        (Field::Free, 1100 * MIB - grown),
        (Field::Available, 1300 * MIB - grown),
        (Field::Buffers, 50 * MIB),
        (Field::Cached, 300 * MIB),
        (Field::ActiveFile, 150 * MIB),
        (Field::InactiveFile, 180 * MIB),
        (Field::Shmem, 20 * MIB),
        (Field::SlabReclaimable, 30 * MIB),
        (Field::SlabUnreclaimable, 40 * MIB),
        (Field::Anon, 400 * MIB + grown),
        (Field::KernelStack, 3 * MIB),
        (Field::PageTables, 9 * MIB),
        (Field::SwapTotal, 100 * MIB),
        (Field::SwapFree, 60 * MIB),
        (Field::PressureSome, second * second * 50),
        (Field::OomKills, second / 101),
    ] {
        sample.set(field, Some(value));
    }
    sample
}

/// A box of a hundred seconds and twenty, in which `grower` grows and `victim` is killed.
fn a_box(victim: &str, grower: &str, is_logged: bool) -> BoxAt {
    let row = |pid, name: &str, bytes| Ranked { pid, name: name.to_owned(), bytes };
    let rankings = (0..60).map(|place| {
        let second = place * 2;
        let mut rows = vec![
            row(7, grower, 40 * MIB + second.min(100) * 9 * MIB),
            row(8, victim, 300 * MIB),
            row(9, "sshd", 5 * MIB),
        ];
        rows.retain(|row| row.pid != 8 || second <= 100);
        rows.sort_by_key(|row| std::cmp::Reverse(row.bytes));
        Ranking { uptime_us: second * 1_000_000, rows }
    });
    let node = NodeId::from_host_name("pi-07");
    let reading = |second: u64| Reading {
        at_ms: START_MS + second * 1000,
        uptime_us: second * 1_000_000,
        sample: sample(second),
    };
    BoxAt {
        node,
        at_ms: START_MS + 101_000,
        offset_ms: START_MS,
        what: BlackBox {
            why: Why::OutOfMemory,
            uptime_us: 101_000_000,
            killed: vec![Killed {
                pid: 8,
                name: victim.into(),
                bytes: Some(310 * MIB),
                group: is_logged.then(|| "/docker/x".into()),
                uptime_us: 100_500_000,
                is_logged,
            }],
            rankings: rankings.collect(),
            readings: Run::default(),
            note: (!is_logged).then(|| "The log cannot be read, so it is concluded.".into()),
        },
        readings: (0..120).map(reading).collect(),
    }
}

fn an_incident(title: &str) -> Incident {
    let step = |at_s: u64, kind, text: &str| Step {
        at_ms: START_MS + at_s * 1000,
        kind,
        text: text.into(),
        is_told: true,
    };
    Incident {
        id: 7,
        cause: Cause::Memory,
        nodes: vec![NodeId::from_host_name("pi-07")],
        severity: Severity::Trouble,
        title: title.into(),
        since_ms: START_MS + 40_000,
        over_ms: Some(START_MS + 700_000),
        steps: vec![
            step(40, StepKind::Opened, "Little is available: 4.1 % of memory for a minute."),
            step(101, StepKind::Worse, "The kernel killed a program for want of memory."),
            step(700, StepKind::Over, "8 % and more have been available for two minutes."),
        ],
        harms: vec![],
        top: vec![Holder {
            node: NodeId::from_host_name("pi-07"),
            pid: 7,
            name: "python3".into(),
            bytes: 940 * MIB,
        }],
        acknowledged_ms: None,
        silenced: false,
        boxes: 1,
    }
}

fn facts() -> BTreeMap<NodeId, NodeFacts> {
    let facts = NodeFacts {
        host_name: "pi-07".into(),
        model: Some("Raspberry Pi 4 Model B Rev 1.4".into()),
        cores: Some(4),
        page_size: 4096,
        ..NodeFacts::default()
    };
    [(NodeId::from_host_name("pi-07"), facts)].into()
}

fn made(incident: &Incident, boxes: &[BoxAt]) -> String {
    let facts = facts();
    let (url, now_ms) = ("http://head:8080", START_MS + 900_000);
    document(&Known { incident, boxes, facts: &facts, url, now_ms })
}

/// The data that are in a document.
fn data(html: &str) -> Value {
    let (_, data) = html.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    let (data, rest) = data.split_once("</script>").unwrap();
    assert_eq!(rest, "\n</body>\n</html>\n", "nothing comes after the data");
    serde_json::from_str(data).unwrap()
}

/// The numbers of the table of seconds, row by row: by column.
fn seconds(html: &str) -> Vec<BTreeMap<String, u64>> {
    let (_, table) = html.split_once("class=\"grid seconds\"").unwrap();
    let (table, _) = table.split_once("</table>").unwrap();
    let rows = table.split("<tr>").skip(2);
    let cell = |cell: &str| {
        let (label, rest) = cell.split_once('"')?;
        let (_, value) = rest.split_once("<data value=\"")?;
        Some((label.to_owned(), value.split_once('"')?.0.parse().ok()?))
    };
    rows.map(|row| row.split("data-label=\"").filter_map(cell).collect()).collect()
}

#[test]
fn it_tells_what_happened() {
    let html = made(&an_incident("pi-07 ran out of memory"), &[a_box("mysqld", "python3", true)]);
    for said in [
        "<h1>pi-07 ran out of memory</h1>",
        "On <bdi>pi-07</bdi> the kernel killed <bdi>mysqld</bdi> (",
        "as control group <bdi>/docker/x</bdi> was at its limit; <bdi>python3</bdi> had grown by ",
        ">900\u{a0}MiB</data>.",
        "The kernel’s log says so.",
        "Raspberry Pi 4 Model B",
        "Thu 26 Nov 2026 21:03:40 UTC",
        "<dt>Lasted</dt><dd>11\u{a0}min</dd>",
        "Most memory was held by <bdi>python3</bdi>",
        "href=\"http://head:8080/\"",
        "http://head:8080/api/v1/incidents/7",
    ] {
        assert!(html.contains(said), "{said}: {html:.9000}");
    }
    let html = made(&an_incident("t"), &[a_box("mysqld", "python3", false)]);
    assert!(html.contains("the kernel, as far as can be concluded, killed <bdi>mysqld</bdi>"));
    assert!(html.contains("This is concluded") && html.contains("The log cannot be read"));
    assert!(!html.contains("log says so"));
}

#[test]
fn one_that_goes_on_and_has_no_box_is_told_too() {
    let incident = Incident { over_ms: None, steps: vec![], top: vec![], ..an_incident("t") };
    let html = made(&incident, &[]);
    assert!(html.contains("<dt>Goes on</dt>") && !html.contains("<svg xmlns"));
    assert_eq!(data(&html)["boxes"], serde_json::json!([]));
    let mut at = a_box("a", "b", true);
    at.what.why = Why::LastWords;
    (at.what.killed, at.what.rankings) = (vec![], vec![]);
    assert!(made(&incident, &[at]).contains("is what it reported last."));
    let many = vec![a_box("a", "b", true); MOST_BOXES + 2];
    let html = made(&incident, &many);
    assert!(html.contains("2 more black boxes"));
    assert_eq!(html.matches("class=\"panel box\"").count(), MOST_BOXES);
}

#[test]
fn all_numbers_are_those_of_the_readings_and_sum_up() {
    let at = a_box("mysqld", "python3", true);
    let html = made(&an_incident("t"), std::slice::from_ref(&at));
    let (rows, facts) = (seconds(&html), facts());
    assert_eq!(rows.len(), at.readings.len());
    for (row, reading) in rows.iter().zip(&at.readings) {
        let breakdown = Breakdown::of(&reading.sample, &facts[&at.node]);
        for (part, bytes) in breakdown.iter() {
            assert_eq!(row.get(part.label()).copied().unwrap_or(0), bytes, "{part:?}");
        }
        let parts = Part::ALL.iter().filter_map(|part| row.get(part.label()));
        assert_eq!(parts.sum::<u64>(), row["Total"]);
        assert_eq!(Some(row["Available"]), reading.sample.get(Field::Available));
        assert_eq!(row["Swap used"], 40 * MIB);
    }
    let data = data(&html);
    let readings: Vec<Reading> =
        serde_json::from_value(data["boxes"][0]["readings"].clone()).unwrap();
    assert_eq!(readings, at.readings);
    let incident: Incident = serde_json::from_value(data["incident"].clone()).unwrap();
    assert_eq!(incident, an_incident("t"));
    assert_eq!(data["facts"]["pi-07"]["cores"], 4);
}

#[test]
fn where_parts_cannot_be_told_apart_the_rest_still_sums_up() {
    let mut at = a_box("a", "b", true);
    at.readings.iter_mut().for_each(|reading| reading.sample.set(Field::Lxcfs, Some(1)));
    let rows = seconds(&made(&an_incident("t"), &[at]));
    let row = &rows[7];
    assert_eq!(row["In use"] + row["Given back on request"] + row["Free"], row["Total"]);
}

#[test]
fn names_are_text_whatever_they_hold() {
    for hostile in [
        "</script><script>alert(1)</script>",
        "<!--<script>",
        "\u{202e}gnp.exe\u{2066}",
        "'\"><img src=x onerror=alert(1)>",
        "</bdi></style>&amp;",
    ] {
        let mut incident = an_incident(hostile);
        incident.steps[0].text = hostile.into();
        incident.top[0].name = hostile.into();
        let mut at = a_box(hostile, &format!("{hostile}2"), true);
        at.what.note = Some(hostile.into());
        at.what.killed[0].group = Some(hostile.into());
        let html = made(&incident, &[at]);
        let lower = html.to_lowercase();
        assert_eq!(lower.matches("<script").count(), 1, "{hostile}");
        assert_eq!(lower.matches("</script").count(), 1, "{hostile}");
        assert_eq!(lower.matches("</style").count(), 1, "{hostile}");
        assert!(!lower.contains("<img") && !lower.contains("<!--"), "{hostile}");
        let (shown, _) = html.split_once("<script").unwrap();
        assert!(!shown.contains(['\u{202e}', '\u{2066}']), "{hostile:?}");
        assert_eq!(data(&html)["boxes"][0]["what"]["killed"][0]["name"], hostile);
        assert!(!not_found(hostile, "http://h").to_lowercase().contains("<img"));
    }
}

#[test]
fn absurd_numbers_break_nothing() {
    let mut at = a_box("a", "b", true);
    (at.offset_ms, at.at_ms) = (u64::MAX, u64::MAX);
    at.readings[0].at_ms = 0;
    at.readings[119].at_ms = u64::MAX;
    at.readings[119].uptime_us = u64::MAX;
    at.readings[5].sample.set(Field::Total, Some(u64::MAX));
    at.readings[6].sample.set(Field::Total, Some(0));
    at.what.killed[0].uptime_us = u64::MAX;
    at.what.rankings[30].uptime_us = u64::MAX;
    at.what.rankings[31].rows[0].bytes = u64::MAX;
    let incident = Incident { since_ms: u64::MAX, over_ms: Some(0), ..an_incident("t") };
    let html = made(&incident, &[at.clone(), at]);
    assert_eq!(data(&html)["boxes"].as_array().unwrap().len(), 2);
    assert!(html.len() < 2_000_000, "{}", html.len());
}

#[test]
fn nothing_is_loaded_or_run() {
    let html = made(&an_incident("t"), &[a_box("a", "b", true)]);
    for never in [" src=", "url(", "@import", " style=", " onclick=", "<link", "javascript:"] {
        assert!(!html.contains(never), "{never}");
    }
    let (_, style) = html.split_once("<style>").unwrap();
    let (style, _) = style.split_once("</style>").unwrap();
    let digest = html::base64(&secrets::sha256(style.as_bytes()));
    assert!(html.contains(&format!("style-src 'sha256-{digest}'; base-uri 'none'")));
    assert!(POLICY.contains(&digest) && POLICY.contains("frame-ancestors 'none'"));
}
