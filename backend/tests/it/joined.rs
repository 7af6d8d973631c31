//! The cluster in the page of a real head with real agents: one is stopped and returns, and a fifth
//! joins by the line that the page printed, without a reload.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use actix_web::rt::System;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::browser::is_of_a_lost_link;
use crate::chromium::Browser;
use crate::cluster::{HeadPlan, Program, bare};
use crate::support::{FakeProc, SOON, say};
use crate::viewers::{PASSWORD, set_password};

/// Long enough for a page that has to start on a busy machine.
const START: Duration = Duration::from_secs(30);

/// A line that runs in a shell, which finds the program by its name.
struct Line(Child);

impl Line {
    fn run(line: &str) -> Self {
        use std::os::unix::process::CommandExt as _;

        let dir = Path::new(env!("CARGO_BIN_EXE_headroom")).parent().unwrap().display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).env("PATH", format!("{dir}:{path}")).process_group(0);
        Self(shell.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // The programs of the line are in its process group, which was made for it alone.
        kill_process_group(Pid::from_child(&self.0), Signal::KILL).ok();
        self.0.wait().ok();
    }
}

async fn sign_in(browser: &Browser, password: &str) {
    let script = format!(
        "document.querySelector('[data-name=password]').value = '{password}';
         document.querySelector('[data-name=door-form]').requestSubmit();"
    );
    browser.run(&script).await;
}

/// What the page says of the state of a node.
async fn state(browser: &Browser, node: &str) -> String {
    let script =
        format!("return document.querySelector('[data-node={node}] .state')?.innerText ?? ''");
    browser.run(&script).await.as_str().unwrap().replace(['\u{a0}', '\n'], " ")
}

#[test]
fn agents_join_stop_and_return_before_the_eyes_of_whoever_looks() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let args = fake.args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let plan = HeadPlan::new(&fake.path("data"), &args);
    let head = plan.start("127.0.0.1:0", &bare);
    let agent = |token: &str| head.agent_at(head.address, token, &args, &bare);
    let tokens = ["pi-2", "pi-3", "pi-4"].map(|name| plan.token(name));
    let mut agents: Vec<Program> = tokens.iter().map(|token| agent(token)).collect();

    System::new().block_on(async {
        let browser = Browser::visit(&format!("http://{}/", head.address)).await;
        let door = || async { !browser.text("door-why").await.is_empty() };
        browser.wait("a way to sign in", START, door).await;
        sign_in(&browser, "wrong").await;
        browser
            .wait("why not", SOON, || async { !browser.text("door-error").await.is_empty() })
            .await;
        sign_in(&browser, PASSWORD).await;
        browser.wait_for_status("live", SOON).await;
        let all_live = async |count: &str| {
            let words = format!("{count} of {count}");
            browser.wait(&words, START, || async { browser.text("live-count").await == words }).await
        };
        all_live("4").await;
        assert_eq!(state(&browser, "pi-2").await, "live");

        // A fifth joins by the line that the page prints.
        browser.run("window.never_reloaded = true").await;
        browser.press("a").await;
        browser
            .wait("a name can be given", SOON, || async {
                browser
                    .run("return !!document.querySelector('[data-name=add-form]')?.offsetParent")
                    .await
                    == true
            })
            .await;
        browser
            .run("document.querySelector('[data-name=add-name]').value = 'pi-5';
                  document.querySelector('[data-name=add-form]').requestSubmit();")
            .await;
        let line = || async { browser.text("line").await };
        browser.wait("the line", SOON, || async { line().await.contains("headroom agent") }).await;
        let line = line().await;
        assert!(line.starts_with("echo ") && line.contains("--token-file -"), "{line}");
        assert!(browser.text("joining").await.contains("Waiting for pi-5"));
        let extra = args.join(" ");
        let _fifth = Line::run(&format!("{line} {extra}"));
        let took = browser
            .wait("word of its arrival", START, || async {
                browser.text("joining").await.contains("pi-5 has joined")
            })
            .await;
        say(format_args!("a node has joined {} ms after its line ran", took.as_millis()));
        browser.run("document.querySelector('[data-name=adding]').close()").await;
        all_live("5").await;
        assert_eq!(browser.run("return window.never_reloaded").await, true);

        // One freezes: it is late, then stale. It returns, and the gap stays to be seen.
        agents[0].signal(Signal::STOP);
        browser
            .wait("late", START, || async { state(&browser, "pi-2").await.starts_with("late for") })
            .await;
        browser
            .wait("stale", START, || async { state(&browser, "pi-2").await.starts_with("stale for") })
            .await;
        agents[0].kill();
        agents[0] = agent(&tokens[0]);
        browser.wait("live again", START, || async { state(&browser, "pi-2").await == "live" }).await;
        browser.run("document.querySelector('[data-node=pi-2] a').click()").await;
        browser.wait_for_status("live", SOON).await;
        let bare_columns = "const c = document.querySelector('.timeline canvas');
            const copy = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
            copy.canvas.width = c.width; copy.canvas.height = c.height;
            copy.drawImage(c, 0, 0);
            const y = Math.round(c.height - 30 * devicePixelRatio);
            const row = copy.getImageData(0, y, c.width, 1).data;
            let runs = 0, was = false;
            for (let x = 0; x < c.width; x += 1) {
              const is = row[x * 4 + 3] == 255 && x > 70 * devicePixelRatio;
              if (is && !was) runs += 1;
              was = is;
            }
            return runs";
        browser
            .wait("two runs with a gap between", SOON, || async {
                browser.run(bare_columns).await == 2
            })
            .await;

        for complaint in browser.complaints().await {
            let is_expected = is_of_a_lost_link(&complaint) || complaint.contains("/api/v1/login");
            assert!(is_expected || complaint.contains("password"), "{complaint}");
        }
        browser.close().await;
    });
}
