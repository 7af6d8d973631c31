//! What the page tells beside the numbers: each part of memory, other tools, who has it, the doctor.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::rt;
use serde_json::{Value, json};
use shared::breakdown::Part;
use shared::rosetta::TOOLS;

use crate::browser::on_a_live_page;
use crate::chromium::Browser;
use crate::support::{FakeProc, SOON, headroom, say};

/// Makes the tree one of a Raspberry Pi as it comes, with everything off that can be.
fn raspberry_pi() -> FakeProc {
    let fake = FakeProc::new();
    fake.turn_everything_off();
    fake.write("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
    fake.write("proc/77/comm", "<b>boldly</b>\n");
    fake.write("proc/77/statm", "50000 20000 1000 10 0 1000 0\n");
    fake.write(
        "proc/77/status",
        "Name:\t<b>boldly</b>\nRssAnon:\t   76000 kB\nRssFile:\t    3000 kB\n\
         RssShmem:\t    1000 kB\nVmSwap:\t     500 kB\n",
    );
    fake
}

async fn open(browser: &Browser, panel: &str) {
    let script = format!("document.querySelector('details[data-name={panel}]').open = true");
    browser.run(&script).await;
}

/// What is in the rows of a table, a text for each cell.
async fn rows(browser: &Browser, table: &str) -> Vec<Vec<String>> {
    let script = format!(
        "return [...document.querySelectorAll('table[data-name=\"{table}\"] tbody tr')]
           .map(row => [...row.children].map(cell => cell.textContent))"
    );
    let rows: Vec<Vec<String>> = serde_json::from_value(browser.run(&script).await).unwrap();
    rows.into_iter()
        .map(|row| row.iter().map(|cell| cell.replace('\u{a0}', " ")).collect())
        .collect()
}

/// The buttons as assistive technology is told of them: name → description.
async fn described_buttons(browser: &Browser) -> BTreeMap<String, String> {
    let tree = browser.devtools("Accessibility.getFullAXTree", json!({})).await;
    let text =
        |node: &Value, what: &str| node[what]["value"].as_str().unwrap_or_default().to_owned();
    tree["nodes"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|node| node["role"]["value"] == "button")
        .map(|node| (text(node, "name"), text(node, "description")))
        .collect()
}

#[test]
fn every_part_is_reached_by_keyboard_and_read_aloud() {
    let fake = FakeProc::new();
    // Some of the swap cache is mapped by nobody, so that no part is empty.
    fake.set_meminfo("Active(anon)", 662_000);
    on_a_live_page(&fake, &["--period-ms", "100"], async |_server, browser| {
        let mut reached = BTreeSet::new();
        for _ in 0..80 {
            browser.type_key("Tab", 9).await;
            let part = browser.run("return document.activeElement.dataset.part ?? ''").await;
            reached.insert(part.as_str().unwrap().to_owned());
        }
        let buttons = described_buttons(browser).await;
        for part in Part::ALL {
            assert!(reached.contains(part.id()), "the tab key passes by {}", part.id());
            let read = buttons.iter().find(|(name, _)| name.starts_with(part.label()));
            let (name, description) = read.unwrap_or_else(|| panic!("{} has no name", part.id()));
            assert!(name.contains(part.given().words()), "{name}");
            assert!(description.starts_with(part.sentence()), "{name}: {description}");
            assert!(description.contains(part.formula()), "{name}: {description}");
        }
        say(format_args!("{} parts are reached and read", Part::ALL.len()));

        browser.run("document.querySelector('[data-part=page_tables]').focus()").await;
        let painted = "return document.querySelector('canvas').toDataURL()";
        browser.type_key("Enter", 13).await;
        let pressed = "return document.querySelector('[data-part=page_tables]').ariaPressed";
        assert_eq!(browser.run(pressed).await, "true");
        let about = browser
            .run("return getComputedStyle(document.getElementById('about-page_tables')).position")
            .await;
        assert_eq!(about, "static", "its sentence is shown");
        browser
            .wait("its line is explained", SOON, || async {
                browser.text("told").await.contains("part that is looked at")
            })
            .await;
        browser.press(" ").await;
        let with_line = browser.run(painted).await;
        browser.type_key("Enter", 13).await;
        assert_eq!(browser.run(pressed).await, "false");
        browser
            .wait("its line is gone", SOON, || async { browser.run(painted).await != with_line })
            .await;
    });
}

#[test]
fn other_tools_are_quoted() {
    let fake = FakeProc::new();
    on_a_live_page(&fake, &[], async |_server, browser| {
        open(browser, "tools").await;
        browser
            .wait("the table is there", SOON, || async {
                rows(browser, "other tools").await.len() == TOOLS.len()
            })
            .await;
        let rows = rows(browser, "other tools").await;
        let cells = |tool: &str| {
            let row = rows.iter().find(|row| row[0].starts_with(tool)).unwrap();
            row[1..4].join(" · ")
        };
        assert_eq!(cells("free, procps 4.0.1"), "1.11 GiB · 2.59 GiB · 1.55 GiB");
        assert_eq!(cells("free, procps up to 3.3.9"), "2.56 GiB · — · 1.47 GiB");
        assert_eq!(cells("htop"), "0.989 GiB · 2.59 GiB · 1.49 GiB");
        assert!(rows.iter().all(|row| row[4].ends_with('.')), "each says why");
        let words = browser.text("tools").await;
        assert!(words.contains("say that"), "{words}");
        assert!(words.contains("Windows Free and available are one number"), "{words}");
    });
}

#[test]
fn the_doctor_tells_a_raspberry_pi_what_to_turn_on() {
    let fake = raspberry_pi();
    on_a_live_page(&fake, &[], async |_server, browser| {
        browser
            .wait("the node was looked around", SOON, || async {
                browser.text("doctor").await.contains("1 trouble, ")
            })
            .await;
        let gist = browser.text("doctor").await;
        assert!(gist.contains("voltage is too low"), "what is wrong is said at once: {gist}");
        open(browser, "doctor").await;
        let found = browser
            .run("return [...document.querySelectorAll('.finding')].map(f => f.dataset.name)")
            .await;
        let found: Vec<String> = serde_json::from_value(found).unwrap();
        for id in ["under_voltage", "psi_off", "memory_cgroup_off"] {
            assert!(found.contains(&id.into()), "{id} is not in {found:?}");
        }
        assert_eq!(found[0], "under_voltage", "the worst comes first");
        let psi = browser.text("psi_off").await;
        assert!(psi.contains("psi=1") && psi.contains("/boot/firmware/cmdline.txt"), "{psi}");
        let code = browser
            .run("return document.querySelector('[data-name=psi_off] code').textContent")
            .await;
        assert_eq!(code, "psi=1");
        assert!(psi.contains(fake.path("proc/pressure/memory").to_str().unwrap()), "{psi}");
        assert!(browser.text("pressure_some").await.contains('—'), "absent is not zero");
    });
}

#[test]
fn who_has_it_is_asked_only_while_somebody_looks() {
    let fake = raspberry_pi();
    on_a_live_page(&fake, &[], async |_server, browser| {
        rt::time::sleep(std::time::Duration::from_secs(1)).await;
        assert!(rows(browser, "processes").await.is_empty(), "nobody has asked yet");
        open(browser, "who").await;
        browser
            .wait("the process is there", SOON, || async {
                rows(browser, "processes").await.len() == 1
            })
            .await;
        let process = rows(browser, "processes").await.remove(0);
        assert_eq!(process[0], "<b>boldly</b> 77");
        assert_eq!(process[1], "75.7 MiB", "own memory: {process:?}");
        assert_eq!(browser.run("return document.querySelectorAll('td b, th b').length").await, 0);
        let why = browser.text("about-groups").await;
        assert!(why.contains("headroom doctor"), "{why}");
    });
}

#[test]
fn an_estimate_and_a_limit_are_said_beside_the_number() {
    let fake = FakeProc::new();
    fake.replace_meminfo_line("MemAvailable", "");
    fake.write("proc/self/cgroup", "0::/\n");
    fake.write("sys/fs/cgroup/memory.max", "1073741824\n");
    fake.write("sys/fs/cgroup/memory.current", "402653184\n");
    fake.write(
        "sys/fs/cgroup/memory.stat",
        "anon 1\ninactive_file 10485760\nactive_file 20971520\n",
    );
    let here = 1_073_741_824_u64 - 402_653_184 + 10_485_760 + 10_485_760;
    on_a_live_page(&fake, &[], async |_server, browser| {
        assert_eq!(browser.value("available").await, Some(here));
        assert_eq!(browser.text("what").await, "available here, estimated");
        let machine = 2_850_908 * 1024;
        assert_eq!(browser.value("available_again").await, Some(machine), "on the machine");
        let notes = browser.text("notes").await;
        for words in
            ["Estimated, as this kernel does not say it", "limits this process to 1.00 GiB"]
        {
            assert!(notes.contains(words), "{notes}");
        }
    });
    let output = headroom(["explain", "--json"].map(str::to_owned).into_iter().chain(fake.args()));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["available"]["here"], here);
    assert_eq!(report["available"]["source"], "estimated");
    assert_eq!(report["limit"], 1_073_741_824);
}
