//! What the page tells beyond the numbers: where a job fits and what is foreseen; and that it is loaded
//! when it is first used.

use std::time::Duration;

use actix_web::rt::System;
use serde_json::json;
use shared::NodeId;
use shared::fit::{Answer, Hold, Job, NodeFit, Strategy};
use shared::forecast::{Forecast, Quality, Suspect};
use shared::wire::{FeedMessage, NodeForecast};

use crate::chromium::Browser;
use crate::stage::{Stage, node, now_ms};
use crate::support::SOON;

/// Long enough for a page that has to start on a busy machine.
pub(crate) const START: Duration = Duration::from_secs(30);
pub(crate) const GIB: u64 = 1 << 30;
pub(crate) const MINUTE: u64 = 60_000;
/// A name as somebody mean would choose it.
pub(crate) const MEAN: &str =
    "<img src=x onerror=alert(1)> with a name that goes on and on and on without end";

/// A head with six nodes.
pub(crate) fn stage() -> Stage {
    let names = ["pi-01", "pi-02", "pi-03", "pi-04", "pi-05", "pi-06"];
    Stage::open(names.iter().zip(1..).map(|(name, number)| node(number, name)).collect())
}

pub(crate) fn id(name: &str) -> NodeId {
    NodeId::from_host_name(name)
}

pub(crate) async fn becomes(browser: &Browser, what: &str, script: &str) {
    browser.wait(what, SOON, || async { browser.run(script).await == true }).await;
}

pub(crate) async fn says(browser: &Browser, name: &str, words: &str) {
    let what = format!("{name} says {words:?}");
    browser.wait(&what, SOON, || async { browser.text(name).await.contains(words) }).await;
}

pub(crate) async fn click(browser: &Browser, selector: &str) {
    browser.run(&format!("document.querySelector('{selector}').click()")).await;
}

/// Types into a field, as somebody would.
async fn fill(browser: &Browser, name: &str, text: &str) {
    let script = format!(
        "const field = document.querySelector('[data-name={name}]');
         field.value = {};
         field.dispatchEvent(new Event('input', {{ bubbles: true }}))",
        json!(text)
    );
    browser.run(&script).await;
}

/// Which late files were fetched.
async fn late_files(browser: &Browser) -> u64 {
    let script = "return performance.getEntriesByType('resource')
        .filter(it => new URL(it.name).pathname.startsWith('/late')).length";
    browser.run(script).await.as_u64().unwrap()
}

pub(crate) async fn is_as_wide_as_the_window(browser: &Browser) {
    let wide = "return document.documentElement.scrollWidth > innerWidth";
    assert_eq!(browser.run(wide).await, false, "nothing scrolls sideways");
}

fn answer(fits: bool) -> Answer {
    let place = |name: &str, copies: u32, because: Option<&str>| NodeFit {
        id: id(name),
        host_name: name.into(),
        floor: Some(u64::from(copies) * 3 * GIB + GIB / 2),
        floor_over_ms: 10 * MINUTE,
        reserve: 256 << 20,
        held: if name == "pi-02" { GIB } else { 0 },
        room: copies,
        copies: if fits { copies } else { 0 },
        because: because.map(Into::into),
    };
    Answer {
        now_ms: now_ms(),
        job: Job {
            size: 3 * GIB,
            copies: 4,
            strategy: Strategy::Spread,
            over_min: 10,
            reserve: Some(256 << 20),
            duration_s: None,
            most_per_node: None,
            nodes: vec![],
            labels: vec![],
        },
        fits,
        nodes: vec![
            place("pi-03", 2, None),
            place("pi-02", 1, None),
            place("pi-04", 1, None),
            place("pi-01", 0, Some("programs wait for memory there: 31 % of the last 10 s")),
            place("pi-05", 0, Some("it has not been heard for 2 min")),
            NodeFit {
                host_name: MEAN.into(),
                ..place("pi-06", 0, Some("its memory runs out in about 40 min"))
            },
        ],
        largest: 2 * GIB,
        room: 3,
        last_fit_ms: Some(now_ms() - 90 * MINUTE),
        summary: if fits {
            "4 copies of 3.00 GiB fit: 2 on pi-03, 1 on pi-02, 1 on pi-04.".into()
        } else {
            "4 copies of 3.00 GiB do not fit: there is room for 3.".into()
        },
        hold: None,
    }
}

fn foresee(stage: &Stage, number: u32, minutes: u64) {
    let suspects = vec![Suspect {
        pid: 4711,
        name: "<i>python3</i>".into(),
        bytes: 2 * GIB,
        per_hour: 600 << 20,
    }];
    let forecast = Forecast {
        out_ms: now_ms() + minutes * MINUTE + 30_000,
        lost_per_hour: 700 << 20,
        over_ms: 40 * MINUTE,
        quality: Quality::Good,
        suspects,
    };
    let news = NodeForecast { node: number, forecast: Some(forecast) };
    stage.play.tell(FeedMessage::Forecasts(vec![news]));
}

#[test]
fn a_fit_is_told_at_its_address_and_loaded_when_it_is_asked_for() {
    System::new().block_on(async {
        let stage = stage();
        stage.play.answer("GET /api/v1/fit", &answer(true));
        let browser = Browser::visit(&format!("http://{}/?view=list", stage.address)).await;
        browser.wait_for_status("live", START).await;
        assert_eq!(late_files(&browser).await, 0, "nothing is loaded before it is used");
        browser.press("f").await;
        becomes(
            &browser,
            "the form is there",
            "return !!document.querySelector('[data-name=fit-size]')",
        )
        .await;
        assert_eq!(late_files(&browser).await, 3, "program, templates and styles");
        let focus = browser.run("return document.activeElement.dataset.name").await;
        assert_eq!(focus, "fit-size", "the key leads to the field");
        fill(&browser, "fit-size", "3GiB").await;
        fill(&browser, "fit-copies", "4").await;
        says(&browser, "fit-sentence", "2 on pi-03, 1 on pi-02, 1 on pi-04").await;
        becomes(
            &browser,
            "it has an address",
            "return location.search == '?view=list&fit=3GiB&copies=4'",
        )
        .await;
        let places = browser.text("places").await;
        for words in ["pi-03 yes, 2 copies", "no, because it has not been heard", MEAN] {
            assert!(places.contains(words), "{places}");
        }
        assert_eq!(browser.run("return document.querySelectorAll('.places img').length").await, 0);
        let lines = browser.run("return document.querySelectorAll('.line').length").await;
        assert_eq!(lines, 6, "the list stands below");
        let asked = stage.play.asked("GET /api/v1/fit");
        assert_eq!(asked.last().unwrap().0, "GET /api/v1/fit?size=3GiB&copies=4");

        fill(&browser, "hold-note", "for \"me\"").await;
        click(&browser, "[data-name=hold]").await;
        browser
            .wait("a place is held", SOON, || async {
                !stage.play.asked("POST /api/v1/holds").is_empty()
            })
            .await;
        let body: serde_json::Value =
            serde_json::from_str(&stage.play.asked("POST /api/v1/holds")[0].1).unwrap();
        let said = json!({ "size": "3GiB", "copies": "4", "for": "10m", "note": "for \"me\"" });
        assert_eq!(body, said);
        says(&browser, "hold-failed", "only played").await;

        stage.play.answer("GET /api/v1/fit", &answer(false));
        let hold = Hold {
            id: "h1".into(),
            note: MEAN.into(),
            size: GIB,
            places: vec![(id("pi-02"), 1)],
            since_ms: now_ms(),
            until_ms: now_ms() + 8 * MINUTE,
        };
        stage.play.answer("GET /api/v1/holds", &vec![hold]);
        // Another person sees the same.
        browser.page.refresh().await.unwrap();
        browser.wait_for_status("live", START).await;
        says(&browser, "fit-word", "No.").await;
        says(&browser, "fit-rest", "The largest of which 4 fit: 2.00 GiB.").await;
        says(&browser, "fit-rest", "It would last have fit on").await;
        says(&browser, "holds", "1 × 1.00 GiB on pi-02").await;
        browser.resize(360, 800).await;
        is_as_wide_as_the_window(&browser).await;
        click(&browser, "[data-name=release]").await;
        browser
            .wait("it is released", SOON, || async {
                !stage.play.asked("DELETE /api/v1/holds/h1").is_empty()
            })
            .await;
        browser.close().await;
        stage.close().await;
    });
}

#[test]
fn a_part_that_cannot_be_loaded_says_so_and_is_tried_again() {
    System::new().block_on(async {
        let stage = stage();
        stage.play.cast().is_late_lost = true;
        let browser = Browser::visit(&format!("http://{}/incidents", stage.address)).await;
        browser.wait_for_status("live", START).await;
        says(&browser, "view", "could not be loaded").await;
        assert!(browser.text("view").await.contains("Reload the page"));
        stage.play.cast().is_late_lost = false;
        click(&browser, "[data-name=again]").await;
        says(&browser, "view", "Nothing is wrong.").await;
        browser.close().await;
        stage.close().await;
    });
}

#[test]
fn what_is_foreseen_stands_in_the_row_and_on_the_page_of_the_node() {
    System::new().block_on(async {
        let stage = stage();
        let browser = Browser::visit(&format!("http://{}/?view=list", stage.address)).await;
        browser.wait_for_status("live", START).await;
        foresee(&stage, 3, 130);
        foresee(&stage, 4, 40);
        let row = |name: &str| {
            format!(
                "const small = document.querySelector('.line[data-node={name}] .state small');
                 return small.textContent.replaceAll('\\u00a0', ' ') + '/' + small.className"
            )
        };
        for (name, told) in [
            ("pi-03", "out in about 2 h 10 min (good)/"),
            ("pi-04", "out in about 40 min (good)/strained"),
            ("pi-05", "/"),
        ] {
            let script = row(name);
            browser.wait(told, SOON, || async { browser.run(&script).await == told }).await;
        }
        browser.page.goto(&format!("http://{}/nodes/pi-04", stage.address)).await.unwrap();
        browser.wait_for_status("live", START).await;
        assert_eq!(browser.text("foreseen").await, "");
        foresee(&stage, 4, 40);
        says(&browser, "foreseen", "Runs out in about 40 min (good): 700 MiB/h lost").await;
        says(&browser, "foreseen", "<i>python3</i>").await;
        assert_eq!(browser.run("return document.querySelectorAll('.foreseen i').length").await, 0);
        assert_eq!(browser.complaints().await, Vec::<String>::new());
        browser.close().await;
        stage.close().await;
    });
}
