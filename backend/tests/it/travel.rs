//! Time travel in the page: over a history that was imported, and whose every value is known.

use std::time::Duration;

use actix_web::rt::{self, System};
use serde_json::json;
use shared::units::human;

use crate::bygone::{DAY, HOUR, LEAST, Past, SECOND};
use crate::chromium::Browser;
use crate::support::{FakeProc, SOON, Server, say};

/// Long enough for a page that has to start on a busy machine.
const START: Duration = Duration::from_secs(30);

/// The moment that the address names.
async fn moment(browser: &Browser) -> Option<u64> {
    let at = browser.run("return new URL(location).searchParams.get('at')").await;
    at.as_str()?.parse().ok()
}

async fn range_ms(browser: &Browser) -> u64 {
    let of = async |name: &str| -> u64 {
        let script = format!("return Number(new URL(location).searchParams.get('{name}'))");
        browser.run(&script).await.as_u64().unwrap()
    };
    of("to").await.saturating_sub(of("from").await)
}

async fn becomes(browser: &Browser, what: &str, script: &str) {
    browser.wait(what, SOON, || async { browser.run(script).await == true }).await;
}

async fn shows(browser: &Browser, bytes: u64) {
    let what = format!("{bytes} bytes are available");
    browser.wait(&what, SOON, || async { browser.value("available").await == Some(bytes) }).await;
}

/// Drags from three tenths of the chart to six.
async fn drag_over_chart(browser: &Browser) {
    browser.run("document.querySelector('[data-name=canvas]').scrollIntoView()").await;
    let chart = browser
        .run(
            "const box = document.querySelector('[data-name=canvas]').getBoundingClientRect();
             return [box.left, box.top, box.width]",
        )
        .await;
    let of = |index: usize| chart[index].as_f64().unwrap();
    for (kind, share) in [("mousePressed", 0.3), ("mouseMoved", 0.5), ("mouseReleased", 0.6)] {
        let params = json!({
            "type": kind, "x": of(0) + share * of(2), "y": of(1) + 60.0, "button": "left",
            "buttons": 1, "clickCount": 1,
        });
        browser.devtools("Input.dispatchMouseEvent", params).await;
    }
}

/// What the console says of the page itself: that a node had no sweep is an answer.
async fn complaints(browser: &Browser) -> Vec<String> {
    let all = browser.complaints().await;
    all.into_iter().filter(|complaint| !complaint.contains("/usage?at=")).collect()
}

#[test]
fn any_moment_is_shown_as_it_was() {
    System::new().block_on(async {
        let past = Past::new();
        let at = past.moment_ms;
        let (from, to) = (at - 300 * SECOND, at + 300 * SECOND);
        let query = format!("from={from}&to={to}&at={at}");
        let browser = Browser::visit(&past.url(&format!("/?view=list&{query}"))).await;
        browser.wait_for_status("the past", START).await;
        let row = "return [...document.querySelectorAll('.line')]
            .find(line => line.innerText.includes('pi-b'))?.innerText?.replace(/\\s+/g, ' ')";
        let known = human(past.available("pi-b", at)).replace('\u{a0}', " ");
        browser
            .wait("the list is of then", SOON, || async {
                browser.run(row).await.as_str().unwrap_or_default().contains(&known)
            })
            .await;
        let sum = past.available("pi-a", at) + past.available("pi-b", at);
        assert_eq!(browser.value("cluster-available").await, Some(sum));
        assert_eq!(browser.text("live-count").await, "2 of 3", "this node was not there yet");
        let told = browser.text("moment").await;
        assert!(told.starts_with("You look at the past: "), "{told}");
        assert!(browser.text("time-told").await.contains("2 h ago"));

        // The link leads to the same moment of a node.
        browser
            .run("[...document.querySelectorAll('.line a')].find(a => a.innerText == 'pi-a').click()")
            .await;
        shows(&browser, past.available("pi-a", at)).await;
        assert_eq!(moment(&browser).await, Some(at));
        assert_eq!(browser.value("free").await, Some(past.available("pi-a", at) / 2));
        assert_eq!(browser.text("pressure_some").await, "5.0 %");
        assert_eq!(browser.text("fact-machine").await, "Pi of the past");
        browser.run("document.querySelector('[data-name=tools]').open = true").await;
        becomes(
            &browser,
            "other tools say it too",
            "return document.querySelectorAll('[data-name=\"other tools\"] tbody tr').length > 3",
        )
        .await;
        browser.run("document.querySelector('[data-name=who]').open = true").await;
        browser
            .wait("what was recorded", SOON, || async {
                browser.text("about").await.starts_with("As recorded on ")
                    && browser.text("processes").await.contains("postgres 77")
            })
            .await;

        // Keys move the moment, and the address follows.
        browser.run("document.querySelector('[data-name=rail]').focus()").await;
        browser.type_key("ArrowLeft", 37).await;
        browser.type_key("PageDown", 34).await;
        browser
            .wait("the address follows", SOON, || async { moment(&browser).await < Some(at) })
            .await;
        let moved = moment(&browser).await.unwrap();
        assert_eq!(moved, at - 63 * SECOND);
        shows(&browser, past.available("pi-a", moved)).await;

        // Whoever is given the link sees the same.
        let link = browser.run("return location.href").await;
        let other = Browser::visit(link.as_str().unwrap()).await;
        shows(&other, past.available("pi-a", moved)).await;
        assert_eq!(other.text("moment").await, browser.text("moment").await);
        assert_eq!(complaints(&other).await, Vec::<String>::new());
        other.close().await;

        // It goes on by itself when it is played, as fast as was said.
        browser
            .run(
                "const speed = document.querySelector('[data-name=speed]'); speed.value = 10;
                 speed.dispatchEvent(new Event('change'));",
            )
            .await;
        browser.press("p").await;
        rt::time::sleep(Duration::from_millis(1500)).await;
        browser.press("p").await;
        browser
            .wait("it went on", SOON, || async { moment(&browser).await > Some(moved) })
            .await;
        let played = moment(&browser).await.unwrap();
        say(format_args!("played at 10×: {} s went by in about 1.5 s", (played - moved) / SECOND));
        assert!((3 * SECOND..60 * SECOND).contains(&(played - moved)));
        shows(&browser, past.available("pi-a", played / SECOND * SECOND)).await;

        browser.press("l").await;
        becomes(&browser, "live by one key", "return !location.search.includes('at=')").await;
        browser.wait_for_status("no such node", SOON).await;
        browser.run("history.back()").await;
        shows(&browser, past.available("pi-a", played / SECOND * SECOND)).await;
        assert_eq!(complaints(&browser).await, Vec::<String>::new());
        browser.close().await;
    });
}

#[test]
fn a_second_of_trouble_shows_in_a_month() {
    System::new().block_on(async {
        let past = Past::new();
        let browser = Browser::visit(&past.url("/nodes/pi-test?range=30d")).await;
        browser.wait_for_status("live", START).await;
        becomes(
            &browser,
            "the range goes on with now",
            "return document.querySelector('[data-name=timeline-title]').innerText == 'The last 30 d'",
        )
        .await;
        let at = past.moment_ms + 3 * HOUR / 2;
        let query = format!("from={}&to={at}&at={}", at - 30 * DAY, past.moment_ms);
        browser.page.goto(&past.url(&format!("/nodes/pi-a?{query}"))).await.unwrap();
        let least = "return Number(document.querySelector('[data-name=canvas]')?.dataset.least)";
        browser
            .wait("its least", START, || async { browser.run(least).await == json!(LEAST) })
            .await;
        // The picture itself: where the second was, the line of what could be had reaches far beyond
        // where it is an hour before and after.
        let share = 1.0 - (at - past.spike_ms) as f64 / (30 * DAY) as f64;
        let script = format!(
            "const canvas = document.querySelector('[data-name=canvas]');
             const copy = document.createElement('canvas').getContext('2d', {{ willReadFrequently: true }});
             copy.canvas.width = canvas.width; copy.canvas.height = canvas.height;
             copy.drawImage(canvas, 0, 0);
             const x = 64 + (canvas.width - 76) * {share};
             const green = x => {{
               for (let y = 8; y < canvas.height - 24; y++) {{
                 const [r, g, b] = copy.getImageData(x, y, 1, 1).data;
                 if (g > r + 20 && g > b + 10) return (y - 8) / (canvas.height - 32);
               }}
               return 1;
             }};
             const top = xs => Math.min(...xs.map(x => green(Math.round(x))));
             return [top([x - 2, x - 1, x, x + 1, x + 2]), top([x - 5, x + 6])];"
        );
        let tops = browser.run(&script).await;
        say(format_args!("the band reaches up to {} at the second, {} beside it", tops[0], tops[1]));
        let top = |at: usize| tops[at].as_f64().unwrap();
        assert!(top(0) < 0.05 && top(1) > 0.2, "{tops}");

        // What happened stands on the line, in words where one points, and in a list.
        let marks = "return document.querySelectorAll('[data-name=marks] .wrong').length";
        browser.wait("a mark", SOON, || async { browser.run(marks).await == json!(1) }).await;
        let place = browser
            .run(
                "const mark = document.querySelector('[data-name=marks] .wrong').getBoundingClientRect();
                 return [mark.left + mark.width / 2, mark.top + 20]",
            )
            .await;
        let pointed = json!({ "type": "mouseMoved", "x": place[0], "y": place[1] });
        browser.devtools("Input.dispatchMouseEvent", pointed).await;
        browser
            .wait("its words", SOON, || async {
                browser.text("time-told").await.contains("killed <b>java</b>.")
            })
            .await;

        // Keys, wheel and drag change the range, and its address.
        browser.press("+").await;
        browser
            .wait("half a month", SOON, || async { range_ms(&browser).await == 15 * DAY })
            .await;
        let turned = json!({
            "type": "mouseWheel", "x": place[0], "y": place[1], "deltaX": 0, "deltaY": 100,
        });
        browser.devtools("Input.dispatchMouseEvent", turned).await;
        browser
            .wait("the wheel zooms out", SOON, || async {
                (16 * DAY..20 * DAY).contains(&range_ms(&browser).await)
            })
            .await;
        drag_over_chart(&browser).await;
        browser
            .wait("what was dragged over is the range", SOON, || async {
                (4 * DAY..8 * DAY).contains(&range_ms(&browser).await)
            })
            .await;

        // The list leads to the moment.
        browser.page.goto(&past.url(&format!("/nodes/pi-a?{query}"))).await.unwrap();
        browser.wait_for_status("the past", START).await;
        browser.wait("a mark", SOON, || async { browser.run(marks).await == json!(1) }).await;
        browser.press("e").await;
        browser
            .run(
                "[...document.querySelectorAll('[data-name=event]')]
                   .find(event => event.innerText.includes('java')).click()",
            )
            .await;
        browser
            .wait("there", SOON, || async { moment(&browser).await == Some(past.spike_ms) })
            .await;
        assert_eq!(complaints(&browser).await, Vec::<String>::new());
        browser.close().await;
    });
}

#[test]
fn time_fits_a_phone_and_says_what_is_missing() {
    System::new().block_on(async {
        let past = Past::new();
        // Nothing was read between the two stretches.
        let at = past.moment_ms - DAY;
        let browser = Browser::visit(&past.url(&format!("/nodes/pi-a?at={at}"))).await;
        browser
            .wait("the gap is said", START, || async {
                browser.text("empty").await == "pi-a gave no readings then."
            })
            .await;
        let wide = "return document.documentElement.scrollWidth - innerWidth";
        let small = "return [...document.querySelectorAll('.time button, .time select, .rail')]
            .map(e => e.getBoundingClientRect())
            .filter(box => box.height > 0 && (box.height < 44 || box.width < 44)).length";
        for path in ["/?view=list", "/?view=heat", "/nodes/pi-a", "/compare?nodes=pi-a,pi-b"] {
            let sign = if path.contains('?') { '&' } else { '?' };
            let url = past.url(&format!("{path}{sign}at={}", past.moment_ms));
            browser.page.goto(&url).await.unwrap();
            browser.wait_for_status("the past", START).await;
            for (width, height) in [(360, 800), (1280, 900), (2560, 1300)] {
                browser.resize(width, height).await;
                rt::time::sleep(Duration::from_millis(100)).await;
                assert!(browser.run(wide).await.as_i64() <= Some(0), "{path} at {width} px");
            }
            browser.resize(360, 800).await;
            let opened =
                "return document.querySelector('[data-name=time]').classList.contains('open')";
            if browser.run(opened).await == false {
                browser.run("document.querySelector('[data-name=time-more]').click()").await;
            }
            assert!(browser.run(wide).await.as_i64() <= Some(0), "{path}, opened");
            assert_eq!(browser.run(small).await, 0, "{path}: targets below 44 px");
        }
        assert_eq!(complaints(&browser).await, Vec::<String>::new());
        browser.close().await;

        let fake = FakeProc::new();
        let server = Server::start(&fake, &["--history=false"]);
        let browser = Browser::open(&server).await;
        browser.wait_for_status("live", START).await;
        browser
            .wait("none is kept", SOON, || async {
                browser.text("time-told").await.contains("no history is kept")
            })
            .await;
        browser.press(",").await;
        browser.press("p").await;
        rt::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(browser.text("status").await, "live", "there is nowhere to go back to");
        assert_eq!(browser.complaints().await, Vec::<String>::new());
        browser.close().await;
    });
}
