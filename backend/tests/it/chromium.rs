//! A real Chromium for the tests, driven through chromedriver.

use std::env;
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::support::{Server, say};

/// A browser with one window. Both it and its driver end with this.
pub(crate) struct Browser {
    pub(crate) page: Client,
    driver: Driver,
}

/// A chromedriver on a free port; killed when dropped, and its browsers with it.
struct Driver {
    child: Child,
    profile: TempDir,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Its browsers are in its process group, which was made for it alone.
        let group = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process_group(group, rustix::process::Signal::KILL).ok();
        self.child.wait().ok();
    }
}

impl Driver {
    /// A port that is free for one protocol may be taken for the other: then it ends, and another is tried.
    fn start() -> (Self, u16) {
        (0..5).find_map(|_| Self::try_start()).expect("chromedriver says its port")
    }

    fn try_start() -> Option<(Self, u16)> {
        use std::os::unix::process::CommandExt as _;

        let program = env::var_os("XTASK_CHROMEDRIVER").unwrap_or_else(|| "chromedriver".into());
        let child = Command::new(&program)
            .arg("--port=0")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{} does not start ({error}); `cargo xtask test` installs it",
                    program.display()
                )
            });
        let mut driver = Self { child, profile: tempfile::tempdir().unwrap() };
        let mut lines = BufReader::new(driver.child.stdout.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok()
        })?;
        // Whatever else it says must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        Some((driver, port))
    }
}

impl Browser {
    pub(crate) async fn open(server: &Server) -> Self {
        Self::visit(&format!("http://{}/", server.address())).await
    }

    pub(crate) async fn visit(url: &str) -> Self {
        let (driver, port) = Driver::start();
        let mut options = json!({
            "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--no-first-run", "--disable-quic",
                "--disable-dev-shm-usage", "--window-size=1280,1000",
                format!("--user-data-dir={}", driver.profile.path().display()),
            ],
        });
        if let Ok(binary) = env::var("XTASK_CHROMIUM") {
            options["binary"] = binary.into();
        }
        let mut capabilities = Map::new();
        capabilities.insert("goog:chromeOptions".into(), options);
        capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        let page = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        page.goto(url).await.unwrap();
        Self { page, driver }
    }

    pub(crate) async fn close(self) {
        self.page.close().await.unwrap();
        drop(self.driver);
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.page.execute(script, vec![]).await.unwrap()
    }

    /// The text of what is named `name`.
    pub(crate) async fn text(&self, name: &str) -> String {
        let script =
            format!("return document.querySelector('[data-name={name}]')?.innerText ?? ''");
        self.run(&script).await.as_str().unwrap().replace(['\u{a0}', '\n'], " ")
    }

    /// The exact number of what is named `name`.
    pub(crate) async fn value(&self, name: &str) -> Option<u64> {
        let script = format!("return document.querySelector('data[data-name={name}]')?.value");
        self.run(&script).await.as_str()?.parse().ok()
    }

    /// Waits until `ask` is satisfied, and says how long that took; fails after `most`.
    pub(crate) async fn wait<F: Future<Output = bool>>(
        &self,
        what: &str,
        most: Duration,
        ask: impl Fn() -> F,
    ) -> Duration {
        let start = Instant::now();
        while !ask().await {
            assert!(start.elapsed() < most, "in vain for {most:?}: {what}");
            actix_web::rt::time::sleep(Duration::from_millis(20)).await;
        }
        start.elapsed()
    }

    pub(crate) async fn wait_for_status(&self, words: &str, most: Duration) -> Duration {
        let took = self.wait(words, most, || async { self.text("status").await == words }).await;
        say(format_args!("the page says \"{words}\" after {} ms", took.as_millis()));
        took
    }

    pub(crate) async fn press(&self, key: &str) {
        let script = format!(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))"
        );
        self.run(&script).await;
    }

    /// Presses a key as the keyboard does: it goes to what has the focus.
    pub(crate) async fn type_key(&self, key: &str, code: u32) {
        let text = match key {
            "Enter" => "\r",
            // A letter types itself.
            _ if key.len() == 1 => key,
            _ => "",
        };
        for kind in ["keyDown", "keyUp"] {
            let params = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text
            });
            self.devtools("Input.dispatchKeyEvent", params).await;
        }
    }

    /// Gives the page a screen of this size, however small.
    pub(crate) async fn resize(&self, width: u32, height: u32) {
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", params).await;
    }

    /// Asks the browser itself, by its debugging protocol.
    pub(crate) async fn devtools(&self, cmd: &str, params: Value) -> Value {
        let body = json!({ "cmd": cmd, "params": params });
        self.page.issue_cmd(Extra { path: "goog/cdp/execute", body }).await.unwrap()
    }

    /// What the console has said since this was last asked, from warnings on.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log =
            self.page.issue_cmd(Extra { path: "se/log", body: json!({ "type": "browser" }) }).await;
        let log = log.unwrap();
        log.as_array()
            .unwrap()
            .iter()
            .filter(|entry| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING")))
            .map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }
}

/// What chromedriver adds to the standard commands: a path below the session, and a body.
#[derive(Debug)]
struct Extra {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Extra {
    fn endpoint(
        &self,
        base: &url::Url,
        session: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
