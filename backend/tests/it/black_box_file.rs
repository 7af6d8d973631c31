//! The file of an incident in a real browser that has no network.

use std::fs;

use serde_json::{Value, json};

use crate::chromium::Browser;

/// Opens `html` as a file without a network, and compares what it shows with what the API tells.
pub(crate) async fn check_in_browser(html: &str, told: &Value) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("incident.html");
    fs::write(&file, html).unwrap();
    let browser = Browser::visit("about:blank").await;
    browser.devtools("Network.enable", json!({})).await;
    let off =
        json!({ "offline": true, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0 });
    browser.devtools("Network.emulateNetworkConditions", off).await;
    browser.page.goto(&format!("file://{}", file.display())).await.unwrap();
    let data = browser.run("return JSON.parse(document.getElementById('data').textContent)").await;
    let without_null = |value: &Value| {
        let mut value = value.clone();
        for at in value["boxes"].as_array_mut().unwrap() {
            for reading in at["readings"].as_array_mut().unwrap() {
                reading["sample"].as_object_mut().unwrap().retain(|_, value| !value.is_null());
            }
        }
        value
    };
    let told = without_null(told);
    assert_eq!((&data["incident"], &data["boxes"]), (&told["incident"], &told["boxes"]));
    // What people read: each second of the table, and who was killed.
    let rows = browser
        .run(
            "return [...document.querySelector('table.seconds').tBodies[0].rows].map(row =>
                Object.fromEntries([...row.cells].filter(cell => cell.dataset.label)
                    .map(cell => [cell.dataset.label, Number(cell.querySelector('data')?.value)])))",
        )
        .await;
    let readings = told["boxes"][0]["readings"].as_array().unwrap();
    assert_eq!(rows.as_array().unwrap().len(), readings.len());
    for (row, reading) in rows.as_array().unwrap().iter().zip(readings) {
        let sample = &reading["sample"];
        for (label, field) in
            [("Total", "total"), ("Available", "available"), ("Free", "free"), ("Programs", "anon")]
        {
            assert_eq!(row[label].as_u64(), sample[field].as_u64(), "{label}");
        }
        let besides = ["Total", "Available", "Waiting", "Swap used"];
        let parts = row.as_object().unwrap().iter().filter(|it| !besides.contains(&it.0.as_str()));
        assert_eq!(Some(parts.map(|it| it.1.as_u64().unwrap()).sum()), sample["total"].as_u64());
    }
    let killed = browser.run("return document.querySelector('.killed strong').innerText").await;
    let boxes = told["boxes"].as_array().unwrap();
    let victim = boxes.iter().find_map(|at| at["what"]["killed"].get(0)).unwrap();
    assert_eq!(killed, victim["name"]);
    let bytes = browser.run("return Number(document.querySelector('.killed data').value)").await;
    assert_eq!(bytes, victim["bytes"]);
    let pictures = browser.run("return document.querySelectorAll('.plot polygon').length").await;
    assert!(pictures.as_u64() > Some(3), "{pictures}");
    for (width, height) in [(360, 800), (1280, 900), (2560, 1400)] {
        browser.resize(width, height).await;
        let wide = browser.run("return document.documentElement.scrollWidth").await;
        assert!(wide.as_u64() <= Some(width.into()), "{wide} of {width}");
    }
    let loaded = browser.run("return performance.getEntriesByType('resource').length").await;
    assert_eq!(loaded, 0);
    assert_eq!(browser.complaints().await, [""; 0]);
    browser.close().await;
}
