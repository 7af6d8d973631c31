//! Names and texts of a node that are made to harm whoever reads them: HTML, commands to terminals,
//! marks that turn the direction of writing. They come out as text.

use serde_json::Value;
use shared::overview::Label;
use shared::survey::{Finding, Severity, Survey};
use shared::wire::{AgentMessage, Hello, PROTOCOL};
use shared::{NodeFacts, NodeId};

use crate::afar::{Afar, Head, machine, reading};
use crate::client::{get, run};
use crate::support::{headroom, until};

/// A tag, a colour, a new title of the window, what clears the screen, a bell, a line of its own, and two
/// marks after which the rest stands backwards.
const HOSTILE: &str =
    "<script>alert(1)</script>\u{1b}[31m\u{1b}]0;x\u{7}\u{9b}2J\r\nroot# \u{202e}txt.exe\u{2066}";

/// Whether a terminal or a reader could take any of it for more than text. Lines end.
fn is_plain(text: &str) -> bool {
    let turns = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.contains(|c: char| (c.is_control() && c != '\n') || turns(c))
}

async fn hostile_node(head: &Head) -> Afar {
    let mut afar = Afar::connect(head.at(), &head.token("pi-7"), &machine("ab")).await;
    let all = || Some(HOSTILE.to_owned());
    let facts = NodeFacts {
        host_name: HOSTILE.into(),
        model: all(),
        os: all(),
        kernel: Some("x".repeat(5000)),
        cpu_name: all(),
        page_size: 4096,
        ..NodeFacts::default()
    };
    let id = NodeId::from_host_name(HOSTILE);
    let boot_id = all();
    let hello = Hello { protocol: PROTOCOL, id, facts, boot_id, period_ms: 1000 };
    afar.say(&AgentMessage::Hello(hello)).await;
    let label = |key: &str| Label { key: key.into(), value: HOSTILE.into() };
    let labels = ["rack", HOSTILE, "RACK", ""].map(label).to_vec();
    afar.say(&AgentMessage::Labels(labels)).await;
    let finding = Finding {
        id: HOSTILE.into(),
        severity: Severity::Trouble,
        finding: HOSTILE.into(),
        evidence: HOSTILE.into(),
        fix: format!("`{HOSTILE}`"),
    };
    let survey = Survey { findings: vec![finding], container: all(), ..Survey::default() };
    afar.say(&AgentMessage::Survey(survey)).await;
    afar.say(&AgentMessage::Readings(vec![reading(1)])).await;
    afar.say(&AgentMessage::Trouble(HOSTILE.repeat(100))).await;
    afar
}

#[test]
fn hostile_texts_come_out_as_text() {
    run(async {
        let head = Head::start();
        let _afar = hostile_node(&head).await;
        let node = until("the node's trouble", || {
            let node = head.node("pi-7").json();
            node["trouble"].is_string().then_some(node)
        });
        assert_eq!(node["facts"]["host_name"], HOSTILE, "it is told as it is");
        assert_eq!(node["labels"], serde_json::json!({ "rack": HOSTILE }), "others are not sound");
        assert_eq!(node["survey"]["findings"][0]["finding"], HOSTILE);
        let length = |text: &Value| text.as_str().unwrap().len();
        assert_eq!(length(&node["facts"]["kernel"]), 256);
        assert!((400..=500).contains(&length(&node["trouble"])));
        for path in ["nodes", "nodes/pi-7", "nodes/pi-7/doctor", "nodes/pi-7/readings"] {
            let answer = get(head.at(), &format!("/api/v1/{path}"));
            answer.json();
            assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
            let text = answer.text();
            assert!(!text.contains(|c: char| c.is_ascii_control()), "{path}: {text:?}");
        }
        let url = format!("http://{}", head.at());
        let data = head.data().to_str().unwrap();
        let of_node = ["--head", &url, "--node", "pi-7"];
        for words in [
            &["free", "--head", &url][..],
            &[&["explain"][..], &of_node].concat(),
            &[&["doctor"][..], &of_node].concat(),
            &["token", "list", "--data-dir", data],
        ] {
            let output = headroom(words);
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && !text.is_empty(), "{words:?}");
            assert!(is_plain(&text), "{words:?}: {text:?}");
            if words[0] == "doctor" {
                assert!(text.contains("<script>alert(1)</script>\\u{1b}[31m"), "{text}");
                assert!(text.contains("\\u{202e}txt.exe"), "{text}");
            }
        }
    });
}

/// The page is the same whatever nodes are called, and names are put into it as text.
#[test]
fn no_name_gets_into_the_page() {
    run(async {
        let head = Head::start();
        let before = get(head.at(), "/").body;
        let _afar = hostile_node(&head).await;
        until("the node", || head.node("pi-7").json()["trouble"].is_string().then_some(()));
        assert!(get(head.at(), "/").body == before);
    });
}
