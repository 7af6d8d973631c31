//! The cluster in the page, over made-up nodes: order, groups, states, the heat map and comparison, all
//! of it by keyboard.

use std::time::Duration;

use actix_web::rt::{self, System};
use serde_json::json;
use shared::overview::{Label, Standing};

use crate::chromium::Browser;
use crate::stage::{Stage, node, now_ms};
use crate::support::{SOON, say};

/// Long enough for a page that has to start on a busy machine.
const START: Duration = Duration::from_secs(30);

/// Runs `test` on the page of a made-up cluster.
pub(crate) fn on_stage(
    entries: Vec<shared::overview::RosterEntry>,
    path: &str,
    test: impl AsyncFnOnce(&Stage, &Browser),
) {
    System::new().block_on(async {
        let stage = Stage::open(entries);
        let browser = Browser::visit(&format!("http://{}{path}", stage.address)).await;
        browser.wait_for_status("live", START).await;
        test(&stage, &browser).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
        browser.close().await;
        stage.close().await;
    });
}

/// `pi-0` to `pi-9`.
fn ten() -> Vec<shared::overview::RosterEntry> {
    (0..10).map(|number| node(number, &format!("pi-{number}"))).collect()
}

/// The names in the list, from top to bottom.
async fn names(browser: &Browser) -> Vec<String> {
    let script = "return [...document.querySelectorAll('.line:not(.group) [data-name=host]')]
        .map(name => name.textContent)";
    serde_json::from_value(browser.run(script).await).unwrap()
}

async fn becomes(browser: &Browser, what: &str, script: &str) {
    browser.wait(what, SOON, || async { browser.run(script).await == true }).await;
}

#[test]
fn nodes_are_sorted_filtered_grouped_and_opened_by_keyboard() {
    on_stage(ten(), "/", async |_, browser| {
        assert_eq!(names(browser).await[..3], ["pi-0", "pi-1", "pi-2"]);
        let bare = "return [...document.querySelectorAll('[data-name=spark]')].filter(canvas => {
            const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
            copy.drawImage(canvas, 0, 0);
            const half = copy.getImageData(0, 0, canvas.width, canvas.height - 3).data;
            return !half.some(byte => byte > 0);
          }).length";
        browser
            .wait("all have a line of their past", SOON, || async { browser.run(bare).await == 0 })
            .await;
        let sorted = "return document.querySelector('[aria-sort=descending] button')?.dataset.sort";
        browser.press("s").await;
        browser.press("s").await;
        becomes(browser, "sorted by what is available", &format!("{sorted} == 'available'")).await;
        let shown = browser
            .run(
                "return [...document.querySelectorAll('[data-name=give]')].map(e => e.textContent)",
            )
            .await;
        let shown: Vec<String> = serde_json::from_value(shown).unwrap();
        let bytes = |text: &String| {
            let (number, unit) = text.split_once(char::is_whitespace).unwrap();
            let scale = if unit == "GiB" { 1024.0 } else { 1.0 };
            number.parse::<f64>().unwrap() * scale
        };
        assert!(shown.windows(2).all(|pair| bytes(&pair[0]) * 1.1 >= bytes(&pair[1])), "{shown:?}");
        let address = "return location.pathname + location.search";
        assert_eq!(browser.run(address).await, "/?sort=available");
        browser.press("S").await;
        assert_eq!(browser.run(address).await, "/?sort=-available");

        browser.type_key("/", 191).await;
        for letter in ["p", "i", "-", "7"] {
            browser.type_key(letter, 0).await;
        }
        browser.wait("one is left", SOON, || async { names(browser).await == ["pi-7"] }).await;
        assert_eq!(browser.run(address).await, "/?sort=-available&filter=pi-7");
        browser.type_key("Escape", 27).await;
        browser.press("j").await;
        let focused = "return document.activeElement.textContent";
        assert_eq!(browser.run(focused).await, "pi-7");
        browser.type_key("Enter", 13).await;
        becomes(browser, "its page opens", "return location.pathname == '/nodes/pi-7'").await;
        becomes(browser, "its title", "return document.title == 'pi-7 · Headroom'").await;
        browser.press("Escape").await;
        becomes(
            browser,
            "back where one was",
            &format!("{address} == '/?sort=-available&filter=pi-7'"),
        )
        .await;
        browser
            .wait("the focus too", SOON, || async { browser.run(focused).await == "pi-7" })
            .await;

        browser.run("document.querySelector('[data-name=filter]').value = ''").await;
        browser
            .run(
                "const s = document.querySelector('[data-name=group]'); s.value = 'rack';
                  s.dispatchEvent(new Event('change', { bubbles: true }));
                  const f = document.querySelector('[data-name=filter]');
                  f.dispatchEvent(new Event('input', { bubbles: true }));",
            )
            .await;
        let groups = "return [...document.querySelectorAll('.group [data-name=value]')]
            .map(e => e.textContent).join()";
        browser.wait("groups", SOON, || async { browser.run(groups).await == "a,b,c,d" }).await;
        browser.run("history.back()").await;
        becomes(browser, "the way back", "return location.pathname == '/nodes/pi-7'").await;
    });
}

#[test]
fn nodes_are_compared_by_keyboard() {
    on_stage(ten(), "/", async |_, browser| {
        for key in ["j", "x", "j", "j", "x"] {
            browser.press(key).await;
        }
        becomes(
            browser,
            "two are chosen",
            "return document.querySelector('[data-name=compare]').textContent == 'Compare 2'",
        )
        .await;
        browser.press("c").await;
        let address = "return location.pathname + location.search == '/compare?nodes=pi-0,pi-2'";
        becomes(browser, "they are compared", address).await;
        let values = "return [...document.querySelectorAll('.names .at')].map(e => e.textContent)";
        browser
            .wait("both have values", SOON, || async {
                browser
                    .run(values)
                    .await
                    .as_array()
                    .unwrap()
                    .iter()
                    .all(|value| value.as_str().unwrap().ends_with("iB"))
            })
            .await;
        browser.run("document.querySelector('[data-name=canvas]').focus()").await;
        for _ in 0..2 {
            browser.type_key("ArrowLeft", 37).await;
        }
        assert!(browser.text("told").await.ends_with("s ago"));
        browser.run("document.querySelector('[data-name=by-share]').click()").await;
        browser
            .wait("shares", SOON, || async {
                browser.run(values).await[0].as_str().unwrap().ends_with('%')
            })
            .await;
        browser.type_key("Escape", 27).await;
        becomes(browser, "still here", "return location.pathname == '/compare'").await;
    });
}

#[test]
fn the_heat_map_is_read_by_keyboard() {
    on_stage(ten(), "/", async |stage, browser| {
        browser.press("h").await;
        becomes(browser, "the map", "return location.search == '?view=heat'").await;
        browser.press("ArrowDown").await;
        let told =
            || async { browser.text("heat-told").await.replace(['\u{2068}', '\u{2069}'], "") };
        browser
            .wait("a node is told", SOON, || async { told().await.starts_with("pi-0, now: ") })
            .await;
        browser.press("ArrowDown").await;
        browser.press("ArrowLeft").await;
        assert!(told().await.starts_with("pi-1, 5 s ago: "), "{}", told().await);
        assert!(told().await.contains(" available ("), "{}", told().await);
        // What is not known is left bare; a step that is known is painted.
        let alpha = "const c = document.querySelector('[data-name=heat]');
            const aim = document.querySelector('[data-name=aim]').getBoundingClientRect();
            const at = c.getBoundingClientRect();
            const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
            copy.drawImage(c, at.left - aim.left - aim.width / 2, at.top - aim.top - 4);
            return copy.getImageData(0, 0, 1, 1).data[3]";
        assert_eq!(browser.run(alpha).await, 255);
        stage.play.cast().silent.push(1);
        rt::time::sleep(Duration::from_secs(11)).await;
        browser.press("ArrowRight").await;
        browser.press("ArrowLeft").await;
        assert!(told().await.contains("nothing is known"), "{}", told().await);
        assert_eq!(browser.run(alpha).await, 0, "a gap is drawn as a gap");
        browser.press("Enter").await;
        becomes(browser, "it opens", "return location.pathname == '/nodes/pi-1'").await;
    });
}

#[test]
fn each_state_looks_different_and_says_since_when() {
    on_stage(ten(), "/", async |stage, browser| {
        let ago = |seconds: u64| now_ms() - seconds * 1000;
        stage.play.stand(1, Standing::Gone { since_ms: ago(720), stopped: true });
        stage.play.stand(2, Standing::NeverSeen { since_ms: ago(7300) });
        let why = "its token is bound to another machine".to_owned();
        stage.play.stand(3, Standing::Refused { since_ms: ago(40), why });
        stage.play.cast().silent.push(4);
        let states = "return [...document.querySelectorAll('.state')].map(e => e.innerText)";
        let state = |line: usize| async move {
            browser.run(states).await[line].as_str().unwrap().replace(['\u{a0}', '\n'], " ")
        };
        browser.wait("late", SOON, || async { state(4).await.starts_with("late for ") }).await;
        assert_eq!(state(1).await, "gone for 12 min");
        assert_eq!(state(2).await, "never seen made 2 h ago");
        assert!(state(3).await.starts_with("refused for 4"), "{}", state(3).await);
        let spoken = browser.text("spoken").await;
        assert!(spoken.contains("pi-3 is refused"), "{spoken}");
        let marks = browser
            .run(
                "return [...document.querySelectorAll('.state .mark')].slice(0, 5).map(mark => {
                const s = getComputedStyle(mark);
                return [s.borderRadius, s.borderStyle, s.height, s.backgroundImage].join();
              })",
            )
            .await;
        let marks: std::collections::BTreeSet<String> = serde_json::from_value(marks).unwrap();
        assert_eq!(marks.len(), 5, "shapes differ, not only colours: {marks:?}");
        browser
            .wait("stale", Duration::from_secs(20), || async {
                state(4).await.starts_with("stale for ")
            })
            .await;
        assert!(browser.text("wrong").await.contains("1 stale"));
        assert_eq!(browser.text("live-count").await, "6 of 10");
        browser.run("document.querySelector('[data-name=wrong]').click()").await;
        browser.wait("the worst first", SOON, || async { names(browser).await[0] == "pi-3" }).await;
        // Its own page says it too, and why.
        browser.page.goto(&format!("http://{}/nodes/pi-3", stage.address)).await.unwrap();
        browser.wait_for_status("refused", START).await;
        let banner = browser.text("banner").await;
        assert!(banner.contains("bound to another machine"), "{banner}");
    });
}

#[test]
fn hostile_names_and_labels_are_text_and_nothing_scrolls_sideways() {
    let mut entries = ten();
    let evil = "<b>x</b>\u{202e}gnp.exe\u{1b}[31m<script>alert(1)</script>";
    entries[0].host_name = evil.into();
    entries[1].host_name = "unbreakable".repeat(6)[..64].into();
    entries[2].labels = vec![Label { key: "rack".into(), value: "<i>\u{202e}abc</i>".repeat(3) }];
    let why = format!("<u>{}</u>\u{202e}", "w".repeat(200));
    entries[3].standing = Standing::Refused { since_ms: now_ms(), why };
    on_stage(entries, "/?group=rack", async |stage, browser| {
        let strange = "return document.querySelectorAll('main b, main script, main u, \
                       .group i').length";
        let wide = "return document.documentElement.scrollWidth - innerWidth";
        let at = stage.address;
        for path in ["/?group=rack", "/?view=heat", "/nodes/pi-3", "/compare?nodes=pi-1,pi-4"] {
            browser.page.goto(&format!("http://{at}{path}")).await.unwrap();
            becomes(browser, "it starts", "return !document.querySelector('#skeleton')").await;
            for (width, height) in [(360, 800), (768, 900), (1280, 900), (2560, 1300)] {
                browser.resize(width, height).await;
                rt::time::sleep(Duration::from_millis(100)).await;
                assert!(browser.run(wide).await.as_i64() <= Some(0), "{path} at {width} px");
            }
            assert_eq!(browser.run(strange).await, 0, "{path}");
        }
        browser.page.goto(&format!("http://{at}/?view=list")).await.unwrap();
        becomes(browser, "it starts", "return !!document.querySelector('.line')").await;
        assert!(names(browser).await.contains(&evil.to_owned()), "as it is, and only text");
        // A mark of direction turns its own name around, and nothing beside it.
        let isolated = "return [...document.querySelectorAll('[data-name=host]')]
            .every(name => getComputedStyle(name).unicodeBidi == 'isolate')";
        assert_eq!(browser.run(isolated).await, true);
        browser.resize(360, 800).await;
        rt::time::sleep(Duration::from_millis(300)).await;
        let small = "return [...document.querySelectorAll(
              'main button, main select, main input[type=search], .pick label, .who a')]
            .filter(e => e.offsetParent).map(e => e.getBoundingClientRect())
            .filter(box => box.height < 44 && box.height > 0).length";
        say(format_args!("targets below 44 px on a phone: {}", browser.run(small).await));
        assert_eq!(browser.run(small).await, json!(0));
    });
}
