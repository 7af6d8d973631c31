//! The page in a real Chromium: what it shows, what it says when things go wrong, what it costs.

use std::time::{Duration, Instant};

use actix_web::rt::{self, System};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::json;
use shared::Field;
use shared::breakdown::Part;
use shared::wire::{self, Delta, Encoding, FeedMessage, Snapshot};

use crate::chromium::Browser;
use crate::support::{FakeProc, SOON, Server, VALUES, say};

fn of(field: Field) -> Option<u64> {
    VALUES.iter().find(|(other, _)| *other == field).map(|(_, value)| *value)
}

/// Long enough for a page that has to start on a busy machine.
const START: Duration = Duration::from_secs(30);

/// Runs `test` on the page of a head that reads `fake`, once it is live. The console must stay
/// silent, but for what the test itself takes from it.
pub(crate) fn on_a_live_page(
    fake: &FakeProc,
    args: &[&str],
    test: impl AsyncFnOnce(&mut Server, &Browser),
) {
    System::new().block_on(async {
        let mut server = Server::start(fake, args);
        let browser = Browser::open(&server).await;
        browser.wait_for_status("live", START).await;
        test(&mut server, &browser).await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());
        browser.close().await;
    });
}

#[test]
fn the_page_shows_what_the_files_say_and_follows_them() {
    let fake = FakeProc::new();
    on_a_live_page(&fake, &[], async |_server, browser| {
        for (name, value) in [
            ("available", of(Field::Available)),
            ("total", of(Field::Total)),
            ("free", of(Field::Free)),
            ("swap_total", of(Field::SwapTotal)),
            ("swap_used", Some(of(Field::SwapTotal).unwrap() - of(Field::SwapFree).unwrap())),
            ("available_again", of(Field::Available)),
        ] {
            assert_eq!(browser.value(name).await, value, "{name}");
        }
        assert_eq!(browser.text("available").await, "2.59 GiB");
        assert_eq!(browser.text("temperature").await, "48.3 °C");
        let mut sum = 0;
        for part in Part::ALL {
            sum += browser.value(part.id()).await.unwrap();
        }
        assert_eq!(Some(sum), of(Field::Total), "the parts of the bar sum to total");
        assert_eq!(browser.value("anon").await, of(Field::Anon));
        let why = browser.text("why").await;
        assert!(why.contains("1.15 GiB is free, yet programs can get 2.59 GiB"), "{why}");
        let exact = browser
            .run("return document.querySelector('[data-name=available]').dataset.exact")
            .await;
        let digits: String = exact.as_str().unwrap().chars().filter(char::is_ascii_digit).collect();
        assert_eq!(digits.parse(), Ok(of(Field::Available).unwrap()));
        let heading = browser.run("return document.querySelector('h1').textContent").await;
        assert_eq!(heading, "pi-test");

        fake.set_meminfo("MemAvailable", 1_000_000);
        let followed = browser
            .wait("MemAvailable is followed", Duration::from_secs(2), || async {
                browser.value("available").await == Some(1_000_000 * 1024)
            })
            .await;
        say(format_args!("the page follows the file after {} ms", followed.as_millis()));
    });
}

#[test]
fn the_bracket_stands_under_what_it_measures() {
    let fake = FakeProc::new();
    on_a_live_page(&fake, &[], async |_server, browser| {
        // Widths ease for a moment after the first reading.
        rt::time::sleep(Duration::from_millis(400)).await;
        let edges = browser
            .run(
                "const box = s => document.querySelector(s).getBoundingClientRect();
                 const bar = box('[data-name=bar]');
                 const share = x => (x - bar.left) / bar.width;
                 return {
                   used: share(box('[data-name=bracket] .in-use').right),
                   held: share(box('[data-name=bracket] .held-back').left),
                   end: share(box('[data-name=bracket] .available').right),
                   available: box('[data-name=bracket] .available').width / bar.width,
                 };",
            )
            .await;
        let edge = |name: &str| edges[name].as_f64().unwrap();
        let share = of(Field::Available).unwrap() as f64 / of(Field::Total).unwrap() as f64;
        assert!((edge("used") - 939_004.0 / 3_883_512.0).abs() < 0.005, "{edges}");
        assert!((edge("used") - edge("held")).abs() < 0.005, "{edges}");
        assert!((edge("end") - 1.0).abs() < 0.005, "{edges}");
        assert!((edge("available") - share).abs() < 0.01, "{edges} {share}");
    });
}

#[test]
fn a_lost_head_is_said_and_found_again() {
    let fake = FakeProc::new();
    on_a_live_page(&fake, &[], async |server, browser| {
        let port = server.address().port();
        assert_eq!(browser.complaints().await, Vec::<String>::new());

        server.terminate();
        server.wait(SOON);
        browser.wait_for_status("connection lost", Duration::from_secs(5)).await;
        let banner = browser.text("banner").await;
        assert!(banner.contains("not answered") && banner.contains("ago"), "{banner}");
        let dimmed = browser.run("return !!document.querySelector('main.dim')").await;
        assert_eq!(dimmed, true, "old numbers look old");

        fake.set_meminfo("MemAvailable", 900_000);
        // The page of a newer program would have another id.
        browser.run("document.querySelector('meta[name=headroom-build]').content = 'old'").await;
        *server = Server::start_on(port, &fake, &[]);
        browser.wait_for_status("live", SOON).await;
        assert_eq!(browser.value("available").await, Some(900_000 * 1024));
        assert!(browser.text("outdated").await.contains("updated"));
        assert_eq!(browser.text("banner").await, "");

        // A head that hangs keeps its connections open and says nothing.
        server.signal(rustix::process::Signal::STOP);
        browser.wait_for_status("connection lost", Duration::from_secs(5)).await;
        server.signal(rustix::process::Signal::CONT);
        browser.wait_for_status("live", SOON).await;

        // Chromium itself logs each attempt to reach a head that is gone; the page adds nothing.
        for complaint in browser.complaints().await {
            assert!(is_of_a_lost_link(&complaint), "{complaint}");
        }
    });
}

/// What Chromium itself logs of a head that cannot be reached.
pub(crate) fn is_of_a_lost_link(complaint: &str) -> bool {
    complaint.contains("WebSocket connection to") || complaint.contains("/api/v1/session")
}

/// Serves as a head of protocol 2 would: a snapshot that says so, then what looks like our deltas.
async fn foreign_head(request: HttpRequest, body: web::Payload) -> actix_web::Result<HttpResponse> {
    let protocol = Encoding::Postcard.subprotocol();
    let (answer, mut session, _) = actix_ws::handle_with_protocols(&request, body, &[protocol])?;
    rt::spawn(async move {
        let snapshot =
            Snapshot { protocol: 2, build: "b".into(), seq: 0, now_ms: 0, nodes: vec![] };
        let mut message = FeedMessage::Snapshot(snapshot);
        for seq in 1.. {
            if session.binary(wire::to_postcard(&message).unwrap()).await.is_err() {
                return;
            }
            rt::time::sleep(Duration::from_millis(100)).await;
            let (joined, readings, troubles) = (vec![], vec![], vec![]);
            message = FeedMessage::Delta(Delta { seq, now_ms: seq, joined, readings, troubles });
        }
    });
    Ok(answer)
}

#[test]
fn a_head_of_another_protocol_is_not_believed() {
    let fake = FakeProc::new();
    on_a_live_page(&fake, &[], async |server, browser| {
        server.terminate();
        server.wait(SOON);
        let foreign = HttpServer::new(|| App::new().default_service(web::to(foreign_head)))
            .workers(1)
            .disable_signals()
            .bind(server.address())
            .unwrap()
            .run();
        let handle = foreign.handle();
        rt::spawn(foreign);
        browser.wait_for_status("another version", SOON).await;
        rt::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(browser.text("status").await, "another version");
        assert!(browser.text("banner").await.contains("protocol 2"));
        assert!(browser.text("outdated").await.contains("Reload"));
        let shown = browser.value("available").await;
        assert_eq!(shown, of(Field::Available), "what was known stays, dimmed");
        handle.stop(false).await;
        for complaint in browser.complaints().await {
            assert!(is_of_a_lost_link(&complaint), "{complaint}");
        }
    });
}

#[test]
fn a_node_that_cannot_be_read_is_not_shown_as_live() {
    let fake = FakeProc::new();
    on_a_live_page(&fake, &[], async |_server, browser| {
        let whole = fake.meminfo();
        fake.write("proc/meminfo", "nothing of use\n");
        browser.wait_for_status("cannot be read", Duration::from_secs(5)).await;
        let banner = browser.text("banner").await;
        assert!(banner.contains("MemTotal"), "{banner}");

        fake.write("proc/meminfo", &whole);
        browser.wait_for_status("live", Duration::from_secs(5)).await;

        // Numbers that contradict each other are not drawn, and the rest is shown all the same.
        fake.set_meminfo("MemFree", 3_900_000);
        browser
            .wait("the contradiction is said", Duration::from_secs(5), || async {
                browser.text("no-split").await.contains("than there is")
            })
            .await;
        assert_eq!(browser.text("bar").await, "");
        assert_eq!(browser.value("available").await, of(Field::Available));
    });
}

#[test]
fn keys_hold_the_numbers_still_and_let_them_go() {
    let fake = FakeProc::new();
    on_a_live_page(&fake, &["--period-ms", "100"], async |_server, browser| {
        browser.press(" ").await;
        browser.wait_for_status("held still", SOON).await;
        fake.set_meminfo("MemAvailable", 1_234_567);
        rt::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(browser.value("available").await, of(Field::Available), "it is held still");
        browser.press("l").await;
        browser.wait_for_status("live", SOON).await;
        assert_eq!(browser.value("available").await, Some(1_234_567 * 1024));

        browser.press("?").await;
        assert_eq!(browser.run("return document.querySelector('dialog').open").await, true);
    });
}

#[test]
fn nothing_scrolls_sideways_whatever_a_node_is_called() {
    let fake = FakeProc::new();
    fake.write("proc/sys/kernel/hostname", &"unbreakable".repeat(6)[..64]);
    fake.write("proc/device-tree/model", &format!("<b>{}</b>", "m".repeat(110)));
    let name = format!("<b>{}</b>", "p".repeat(50));
    fake.write("proc/77/comm", &name);
    fake.write("proc/77/statm", "50000 20000 1000 10 0 1000 0\n");
    fake.write("proc/77/status", &format!("Name:\t{name}\nRssAnon:\t76000 kB\n"));
    let group = "unbreakable".repeat(12);
    fake.write(&format!("sys/fs/cgroup/memory/{group}.service/memory.usage_in_bytes"), "9999999\n");
    fake.write(
        &format!("sys/fs/cgroup/memory/{group}.service/memory.stat"),
        "total_inactive_file 1\n",
    );
    fake.write("sys/fs/cgroup/memory/memory.usage_in_bytes", "99999999\n");
    fake.write(
        "proc/swaps",
        &format!("Filename Type Size Used Priority\n/dev/mmcblk0{group} partition 9999 9 1\n"),
    );
    on_a_live_page(&fake, &[], async |_server, browser| {
        browser
            .run("document.querySelectorAll('details').forEach(panel => panel.open = true)")
            .await;
        browser
            .wait("all panels are filled", SOON, || async {
                let rows = "return document.querySelectorAll('[data-name=processes] tbody tr, \
                            [data-name=groups] tbody tr, .finding').length";
                browser.run(rows).await.as_u64() >= Some(4)
            })
            .await;
        // Each number in turn has the focus, for its exact value to pop up.
        let script = "
            const amounts = [document.body, ...document.querySelectorAll('.amount')];
            return amounts.filter(amount => {
              amount.focus();
              return document.documentElement.scrollWidth > innerWidth;
            }).map(amount => amount.outerHTML.slice(0, 120));";
        for (width, height) in [(360, 800), (768, 900), (1280, 900), (2560, 1300)] {
            browser.resize(width, height).await;
            assert_eq!(browser.run(script).await, json!([]), "at {width} px");
        }
        let bold = browser.run("return document.querySelectorAll('b').length").await;
        assert_eq!(bold, 0, "a node's names are text");
    });
}

#[test]
fn memory_of_the_page_does_not_grow() {
    const TICKS: u64 = 300;
    const WARM: u64 = 150;

    let fake = FakeProc::new();
    fake.write("proc/77/comm", "busy\n");
    fake.write("proc/77/statm", "50000 20000 1000 10 0 1000 0\n");
    on_a_live_page(&fake, &["--period-ms", "100"], async |_server, browser| {
        // All of it is at work: panels are open, and a part has its line.
        browser
            .run(
                "document.querySelectorAll('details').forEach(panel => panel.open = true);
                 document.querySelector('[data-part=file]').click();",
            )
            .await;
        // The module that is loaded gives its memory to whoever imports it again.
        browser
            .run(
                "import(document.querySelector('script[type=module]').src)
                   .then(module => module.default()).then(wasm => { window.wasm = wasm; });
                 window.ticks = 0;
                 new MutationObserver(() => { window.ticks += 1; }).observe(
                   document.querySelector('[data-name=free]'), { attributeFilter: ['value'] });",
            )
            .await;
        let mut kib = 1_000_000;
        let mut run_to = async |ticks: u64| {
            let start = Instant::now();
            while browser.run("return window.ticks").await.as_u64().unwrap() < ticks {
                kib += 4;
                fake.write("proc/77/statm", &format!("50000 {} 1000 10 0 1000 0\n", kib / 100));
                fake.set_meminfo("MemFree", kib);
                assert!(start.elapsed() < Duration::from_mins(2), "the page stands still");
                rt::time::sleep(Duration::from_millis(50)).await;
            }
            browser.run("return window.wasm.memory.buffer.byteLength").await.as_u64().unwrap()
        };
        // What is asked for now and then has been asked for, too.
        let before = run_to(WARM).await;
        let mut after = run_to(WARM + TICKS).await;
        say(format_args!("wasm memory: {before} bytes, after {TICKS} more ticks {after} bytes"));
        if after != before {
            // What was due once is not due again; a leak goes on.
            let grown = after;
            after = run_to(WARM + 2 * TICKS).await;
            assert_eq!(grown, after, "it had {before} before");
        }
        assert!(after <= before + 65_536, "{before} to {after}");
    });
}
