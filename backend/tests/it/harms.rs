//! What the page tells of incidents, and the rules by which they are told.

use actix_web::rt::System;
use shared::alert::{
    AlertStatus, Cause, ChannelStatus, Harm, Holder, Incident, Rules, Step, StepKind,
};
use shared::history::{Event, EventKind};
use shared::survey::Severity;
use shared::wire::FeedMessage;

use crate::chromium::Browser;
use crate::decide::{
    GIB, MEAN, MINUTE, START, becomes, click, id, is_as_wide_as_the_window, says, stage,
};
use crate::stage::{Stage, now_ms};
use crate::support::SOON;

fn incident(number: u64, title: &str, severity: Severity, over: bool) -> Incident {
    let since_ms = now_ms() - number * 13 * MINUTE;
    let step =
        |at_ms: u64, kind, text: &str| Step { at_ms, kind, text: text.into(), is_told: true };
    Incident {
        id: number,
        cause: Cause::Memory,
        nodes: vec![id("pi-03")],
        severity,
        title: title.into(),
        since_ms,
        over_ms: over.then_some(since_ms + 9 * MINUTE),
        steps: vec![
            step(since_ms, StepKind::Opened, "4.1 % of memory has been available for 60 s."),
            step(since_ms + MINUTE, StepKind::Worse, "Some program waited 31 % of the time."),
        ],
        harms: vec![Harm::LowShare],
        top: vec![
            Holder { node: id("pi-03"), pid: 4711, name: "python3".into(), bytes: 5 * GIB / 2 },
            Holder { node: id("pi-03"), pid: 812, name: "<b>x</b>".into(), bytes: GIB / 3 },
        ],
        acknowledged_ms: None,
        silenced: false,
        boxes: 1,
    }
}

fn incidents() -> Vec<Incident> {
    let mut unheard = incident(2, "3 nodes are not heard", Severity::Trouble, false);
    unheard.cause = Cause::Unheard;
    unheard.nodes = vec![id("pi-04"), id("pi-05"), id("pi-06")];
    unheard.top.clear();
    vec![
        incident(1, "Little available on pi-03", Severity::Trouble, false),
        unheard,
        incident(3, "The clock of pi-03 is off", Severity::Warning, false),
        incident(9, "Memory pressure on pi-03", Severity::Trouble, true),
        incident(12, "pi-03 was throttled", Severity::Warning, true),
    ]
}

fn play_incidents(stage: &Stage, all: &[Incident]) {
    // The stage answers by path alone: the page takes what is over from what is open.
    stage.play.answer("GET /api/v1/incidents", &all);
}

#[test]
fn incidents_are_told_in_a_line_in_a_view_and_aloud() {
    System::new().block_on(async {
        let stage = stage();
        let browser = Browser::visit(&format!("http://{}/?view=list", stage.address)).await;
        browser.wait_for_status("live", START).await;
        assert_eq!(browser.text("strip").await.trim(), "", "nothing is said while all is well");
        let mut all = incidents();
        play_incidents(&stage, &all);
        let event = Event {
            at_ms: now_ms(),
            node: None,
            kind: EventKind::Incident,
            text: "The clock of pi-03 is off".into(),
        };
        stage.play.tell(FeedMessage::Events(vec![event]));
        says(&browser, "strip", "3 open The clock of pi-03 is off").await;
        says(&browser, "spoken-incident", "New incident: The clock of pi-03 is off").await;
        becomes(
            &browser,
            "its node is marked",
            "return document.querySelector('.line[data-node=pi-03]').classList.contains('ill')",
        )
        .await;

        browser.press("i").await;
        says(&browser, "open", "3 nodes are not heard").await;
        let first = browser
            .run("return document.querySelector('[data-name=open] .incident').innerText")
            .await;
        assert!(
            first.as_str().unwrap().starts_with("Trouble"),
            "the worst first, in a word: {first}"
        );
        says(&browser, "over", "Memory pressure on pi-03").await;
        let text = browser.text("open").await;
        assert!(text.contains("<b>x</b>\u{2069} 812 341 MiB"), "names are text: {text}");
        let link = "return document.querySelector('[data-name=download]').getAttribute('href')";
        assert_eq!(browser.run(link).await, "/incidents/1?download");
        click(&browser, "[data-name=acknowledge][data-id=\"1\"]").await;
        let asked = "POST /api/v1/incidents/1/acknowledge";
        browser
            .wait("it is acknowledged", SOON, || async { !stage.play.asked(asked).is_empty() })
            .await;
        assert_eq!(stage.play.asked(asked)[0].1, "{}");
        says(&browser, "care-failed", "only played").await;
        browser
            .run(
                "const select = document.querySelector('[data-name=silence][data-id=\"2\"]');
                 select.value = '8h';
                 select.dispatchEvent(new Event('change', { bubbles: true }))",
            )
            .await;
        let asked = "POST /api/v1/incidents/2/silence";
        browser
            .wait("it is silenced", SOON, || async { !stage.play.asked(asked).is_empty() })
            .await;
        assert_eq!(stage.play.asked(asked)[0].1, "{\"for\":\"8h\"}");
        browser.resize(360, 800).await;
        is_as_wide_as_the_window(&browser).await;

        // Who may only read is told so, and has nothing to press.
        all[0].title = MEAN.into();
        play_incidents(&stage, &all);
        stage.play.cast().session =
            r#"{"may_read":true,"may_write":false,"password_set":true,"plain":false}"#;
        browser.page.refresh().await.unwrap();
        browser.wait_for_status("live", START).await;
        says(&browser, "may-not", "You may read here.").await;
        says(&browser, "open", MEAN).await;
        let pressed =
            "return document.querySelectorAll('[data-name=acknowledge]:not(.gone)').length";
        assert_eq!(browser.run(pressed).await, 0);
        is_as_wide_as_the_window(&browser).await;
        let spoken = browser.text("spoken-incident").await;
        assert_eq!(spoken, "", "what was there before is not said aloud");
        browser.close().await;
        stage.close().await;
    });
}

#[test]
fn rules_are_changed_in_the_page_and_errors_stand_beside_them() {
    System::new().block_on(async {
        let stage = stage();
        let channel = ChannelStatus {
            name: "mail".into(),
            kind: "e-mail".into(),
            waiting: 3,
            sent_ms: None,
            trouble: Some("the server does not answer".into()),
        };
        let status = AlertStatus {
            rules: Rules::default(),
            is_changed: true,
            channels: vec![channel],
        };
        stage.play.answer("GET /api/v1/alerts", &status);
        let tested = b"[{\"channel\":\"mail\",\"error\":\"refused <b>\"}]".to_vec();
        stage.play.cast().answers.insert("POST /api/v1/alerts/test".into(), (200, tested));
        let browser = Browser::visit(&format!("http://{}/incidents", stage.address)).await;
        browser.wait_for_status("live", START).await;
        says(&browser, "view", "Rules and channels").await;
        click(&browser, "details[data-name=rules] summary").await;
        says(&browser, "channel-list", "3 waiting · the server does not answer").await;
        let value = |harm: &str, name: &str| {
            format!("return document.querySelector('[data-harm={harm}] [data-name={name}]').value")
        };
        assert_eq!(browser.run(&value("low_share", "begin")).await, "5");
        assert_eq!(browser.run(&value("runs_out", "begin")).await, "120", "in minutes");
        assert_eq!(browser.run(&value("low_bytes", "end")).await, "192", "in MiB");
        let refusal = b"{\"error\": \"low_share: it ends above where it begins\"}".to_vec();
        stage.play.cast().answers.insert("PUT /api/v1/alerts/rules".into(), (400, refusal));
        browser
            .run(
                "document.querySelector('[data-harm=low_share] [data-name=begin]').value = '9.5';
                 document.querySelector('[data-harm=clock_off] [data-name=enabled]').checked = false;
                 document.querySelector('[data-name=quiet]').checked = true",
            )
            .await;
        click(&browser, "[data-name=save-rules]").await;
        becomes(
            &browser,
            "the error stands beside its rule",
            "return document.querySelector('[data-harm=low_share] [data-name=rule-error]')
                .textContent.includes('it ends above')",
        )
        .await;
        let sent = stage.play.asked("PUT /api/v1/alerts/rules").remove(0).1;
        let sent: Rules = serde_json::from_str(&sent).unwrap();
        let mut expected = Rules::default();
        expected.rules[Harm::LowShare as usize].begin = 9.5;
        expected.rules[Harm::ClockOff as usize].enabled = false;
        assert_eq!(sent.rules, expected.rules);
        assert_eq!(sent.quiet.map(|quiet| (quiet.from_min, quiet.to_min)), Some((1320, 420)));
        click(&browser, "[data-channel=mail]").await;
        says(&browser, "test-result", "mail: refused <b>").await;
        browser.resize(360, 800).await;
        is_as_wide_as_the_window(&browser).await;
        browser.close().await;
        stage.close().await;
    });
}
