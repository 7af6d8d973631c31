//! At a terminal: a password that is made when the head starts, and one that is asked for.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{get, send_json};
use crate::support::{FakeProc, SOON, command, say, until};

/// How long a program may take to end, on a busy machine too.
const TO_END: Duration = Duration::from_mins(1);

/// The program at a terminal that `script` makes. It is ended when this is dropped.
pub(crate) struct Terminal {
    child: Child,
    pub(crate) keys: ChildStdin,
    /// Bytes, as a character may come in two parts.
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Terminal {
    /// `None` where there is no `script`.
    pub(crate) fn start(args: &str, data: &Path) -> Option<Self> {
        let program = command().get_program().to_str().unwrap().to_owned();
        let mut script = Command::new("script");
        script.args(["-q", "-e", "-c", &format!("exec '{program}' {args}"), "/dev/null"]);
        script.env("HEADROOM_DATA_DIR", data).env("TERM", "xterm-256color");
        let child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            say("NOT RUN: there is no `script` here, which makes a terminal");
            return None;
        };
        let keys = child.stdin.take().unwrap();
        let mut out = child.stdout.take().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut part = [0; 1024];
            while let Ok(count @ 1..) = out.read(&mut part) {
                shown.lock().unwrap().extend_from_slice(&part[..count]);
            }
        });
        Some(Self { child, keys, screen })
    }

    /// All that was written to it so far.
    pub(crate) fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Waits until `text` was written to it.
    pub(crate) fn wait_for(&self, text: &str) {
        let seen = || self.screen().contains(text).then_some(());
        until(&format!("{text:?} on the screen: {}", self.screen()), seen);
    }

    /// Types `keys` once `question` is on the screen.
    pub(crate) fn answer(&mut self, question: &str, keys: &str) {
        self.wait_for(question);
        // What stood there before is no question any more.
        self.screen.lock().unwrap().clear();
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for its end: with which code, and what is on the screen then.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < TO_END, "it does not end: {}", self.screen());
            thread::sleep(Duration::from_millis(10));
        };
        // What it wrote last is on its way.
        let begun = Instant::now();
        let mut last = self.screen();
        while begun.elapsed() < SOON {
            thread::sleep(Duration::from_millis(100));
            let now = self.screen();
            if now == last {
                break;
            }
            last = now;
        }
        (status.code(), last)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Control-C, which the program hears; that its terminal hung up is ignored where tests run
        // under nohup. It may have ended already.
        self.keys.write_all(b"\x03").ok();
        let begun = Instant::now();
        while begun.elapsed() < SOON && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_password_is_made_and_told_once() {
    let fake = FakeProc::new();
    let trees = fake.args().join(" ");
    let args = format!("--listen 127.0.0.1:0 --trusted-proxies 192.0.2.1 {trees}");
    let start = || Terminal::start(&args, &fake.path("data"));
    let Some(terminal) = start() else { return };
    terminal.wait_for("This is not told again");
    let screen = terminal.screen();
    let after = |start: &str| {
        screen.lines().find_map(|line| line.strip_prefix(start)).unwrap().trim().to_owned()
    };
    let at = after("Headroom is at http://").parse().unwrap();
    let password = after("Its password is ");
    assert_eq!(password.len(), 23, "{screen}");
    let body = serde_json::json!({ "password": password });
    until("the password works", || {
        (send_json(at, "POST", "/api/v1/login", &[], &body).status == 204).then_some(())
    });
    drop(terminal);
    let terminal = start().unwrap();
    terminal.wait_for("Headroom is at");
    until("the whole line", || terminal.screen().ends_with('\n').then_some(()));
    let screen = terminal.screen();
    // What it says of history comes when it comes.
    let line = screen.lines().find_map(|line| line.strip_prefix("Headroom is at http://"));
    let at = line.unwrap().trim().parse().unwrap();
    get(at, "/api/v1/nodes").error(401);
    assert!(!terminal.screen().contains("password"), "{}", terminal.screen());
}

#[test]
fn a_password_is_asked_for_twice_and_not_shown() {
    let fake = FakeProc::new();
    let data = fake.path("data");
    let attempt = |first: &str, second: Option<&str>| {
        let mut terminal = Terminal::start("password", &data)?;
        terminal.wait_for("New password");
        terminal.keys.write_all(first.as_bytes()).unwrap();
        if let Some(second) = second {
            terminal.wait_for("Again: ");
            terminal.keys.write_all(second.as_bytes()).unwrap();
        }
        Some(terminal.end())
    };
    let Some((code, screen)) = attempt("correct horse\r", Some("battery staple\r")) else { return };
    assert!(code == Some(2) && screen.contains("the two differ"), "{code:?}: {screen}");
    // Control-C.
    let (code, screen) = attempt("correct\u{3}", None).unwrap();
    assert!(code == Some(2) && screen.contains("nothing was changed"), "{code:?}: {screen}");
    assert!(!data.exists());
    let (code, screen) = attempt("correct horse\r", Some("correct horse\r")).unwrap();
    assert!(code == Some(0) && screen.contains("the password is set"), "{code:?}: {screen}");
    assert!(!screen.contains("horse"), "{screen}");
    assert!(data.join("viewer.json").exists());
}
