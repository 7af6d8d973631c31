//! `headroom setup` at a terminal: what it asks, what it shows, and that a camera can read the code.

use std::fs;
use std::process::Command;

use crate::setup::{Own, free_port};
use crate::support::{FakeProc, Server, say};
use crate::terminal::Terminal;

fn start(own: &Own, more: &str) -> Option<Terminal> {
    Terminal::start(&format!("{} {more}", own.args().join(" ")), &own.path("nowhere"))
}

/// The rows of the code on the screen, as of a terminal that draws black on white; or white on black.
fn rows(screen: &str) -> Vec<Vec<bool>> {
    let mut rows = Vec::new();
    let is_block = |c: char| " ▀▄█".contains(c);
    for line in screen.lines() {
        let is_coloured = line.contains("\x1b[38;5;16;48;5;231m");
        let bare = line.trim_end().replace("\x1b[38;5;16;48;5;231m", "").replace("\x1b[0m", "");
        let is_part = bare.chars().count() >= 29 && bare.chars().all(is_block);
        if !is_part {
            continue;
        }
        let upper = bare.chars().map(|c| "▀█".contains(c) == is_coloured).collect();
        let lower = bare.chars().map(|c| "▄█".contains(c) == is_coloured).collect();
        rows.extend([upper, lower]);
    }
    rows
}

/// What a reader of codes sees in a picture of these rows; `None` where there is no such reader.
fn scanned(rows: &[Vec<bool>], own: &Own) -> Option<String> {
    const SIZE: usize = 6;
    let width = rows[0].len() * SIZE;
    let mut picture = format!("P5 {width} {} 255\n", rows.len() * SIZE).into_bytes();
    for row in rows {
        let line: Vec<u8> =
            row.iter().flat_map(|dark| [if *dark { 0 } else { 255 }; SIZE]).collect();
        (0..SIZE).for_each(|_| picture.extend(&line));
    }
    let path = own.path("code.pgm");
    fs::write(&path, picture).unwrap();
    let Ok(output) = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&path).output() else {
        say("NOT RUN: no code is read back, as there is no zbarimg here (zbar-tools)");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn a_head_is_asked_for_and_its_code_can_be_read() {
    let own = Own::new();
    let port = own.port;
    let Some(mut terminal) = start(&own, "") else { return };
    terminal.answer("0.0.0.0 for all of them (Enter: 0.0.0.0:8080)", "nowhere\r");
    terminal.answer("not an address and a port", &format!("{port}\r"));
    terminal.answer("Enter makes one", "short\r");
    terminal.answer("at least 8", "correct horse\r");
    terminal.answer("Again: ", "battery staple\r");
    terminal.answer("the two differ", "correct horse\r");
    terminal.answer("Again: ", "correct horse\r");
    terminal.answer("Names of nodes", "pi-1, pi-2\r");
    terminal.wait_for("More nodes:");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("horse") && !screen.contains("Its password"), "{screen}");
    assert!(
        screen.contains("# pi-2\r\necho hrt_") && screen.contains("sudo headroom setup --agent")
    );
    let rows = rows(&screen);
    let url = screen.split("Headroom is at ").nth(1).unwrap().lines().next().unwrap().trim();
    assert!(url.ends_with(&format!(":{port}")), "{screen}");
    assert!(rows.len() > 29, "{screen}");
    // Light all around, as readers need it.
    let (first, last) = (&rows[..4], &rows[rows.len() - 4..]);
    assert!(first.iter().chain(last).flatten().all(|dark| !dark));
    assert!(rows.iter().all(|row| row[..4].iter().chain(&row[row.len() - 4..]).all(|dark| !dark)));
    if let Some(seen) = scanned(&rows, &own) {
        assert_eq!(seen, url);
        say(format_args!("zbarimg reads {seen} from {} x {} modules", rows[0].len(), rows.len()));
    }

    // Not at a terminal there is one only if that is wanted, and it is read the other way round.
    let plain = own.setup(&["--yes"]);
    assert!(!String::from_utf8_lossy(&plain.stdout).contains('█'));
    let plain = String::from_utf8(own.setup(&["--yes", "--qr"]).stdout).unwrap();
    assert!(!plain.contains('\x1b'), "{plain}");
    if let Some(seen) = scanned(&self::rows(&plain), &own) {
        assert_eq!(seen, url);
    }

    // Enter for everything: all is as it was. `new` makes a password.
    let before = crate::setup::files(own.dir.path());
    let mut terminal = start(&own, "").unwrap();
    terminal.answer(&format!("(Enter: 0.0.0.0:{port})"), "\r");
    terminal.answer("Enter keeps the one that is set", "\r");
    terminal.answer("Names of nodes", "\r");
    let (code, screen) = terminal.end();
    assert!(code == Some(0) && screen.contains("Nothing was changed"), "{screen}");
    assert!(crate::setup::files(own.dir.path()) == before);
    let mut terminal = start(&own, &format!("--listen 0.0.0.0:{port} --node pi-1")).unwrap();
    terminal.answer("Enter keeps the one that is set", "new\r");
    let (code, screen) = terminal.end();
    assert!(code == Some(0) && screen.contains("Its password is "), "{screen}");
    assert!(screen.contains("pi-1 has a token already"), "{screen}");
}

#[test]
fn who_goes_away_changes_nothing() {
    let own = Own::new();
    // Control-D, at the first question; Control-C at the second.
    let Some(mut terminal) = start(&own, "") else { return };
    terminal.answer("Address and port", "\u{4}");
    let (code, screen) = terminal.end();
    assert!(code == Some(2) && screen.contains("nothing was changed"), "{code:?} {screen}");
    let mut terminal = start(&own, &format!("--listen 0.0.0.0:{}", own.port)).unwrap();
    terminal.answer("Password for whoever looks", "secret\u{3}");
    let (code, screen) = terminal.end();
    assert!(code == Some(2) && screen.contains("nothing was changed"), "{code:?} {screen}");
    let mut terminal = start(&own, "").unwrap();
    for _ in 0..5 {
        terminal.answer("Address and port", "x\r");
    }
    let (code, screen) = terminal.end();
    assert!(code == Some(2) && screen.contains("last try"), "{code:?} {screen}");
    assert!(crate::setup::files(own.dir.path()).is_empty());
}

#[test]
fn a_node_is_set_up_by_the_pasted_line() {
    let fake = FakeProc::new();
    let server = Server::start(&fake, &["--tls"]);
    let head = format!("https://{}", server.address());
    let create = |name: &str| format!("token create {name} --head {head}");
    // At a terminal both lines are shown, each with a word.
    let Some(terminal) = Terminal::start(&create("pi-1"), &fake.path("data")) else { return };
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(0), "{screen}");
    assert!(
        screen.contains("Where the package is installed")
            && screen.contains("With the program alone")
    );
    let line = screen.lines().find(|line| line.contains("sudo headroom setup")).unwrap().trim();
    let old = screen.lines().find(|line| line.contains("| headroom agent")).unwrap().trim();
    assert_eq!(line.replace("sudo headroom setup --agent", "headroom agent"), old);

    let node = Own::new();
    let setup = format!("setup --agent --config {}", node.settings());
    let mut terminal = Terminal::start(&setup, &node.path("nowhere")).unwrap();
    terminal.answer("The line that the head printed", &format!("{line}\r"));
    let (code, screen) = terminal.end();
    assert!(code == Some(0) && screen.contains(&format!("report to {head} as pi-1")), "{screen}");
    let kept = fs::read_to_string(node.path("secrets/token")).unwrap();
    assert!(line.contains(kept.trim()));

    // Piece by piece; the token is not shown.
    let node = Own::new();
    let setup = format!("setup --agent --config {}", node.settings());
    let mut terminal = Terminal::start(&setup, &node.path("nowhere")).unwrap();
    terminal.answer("or the head's address", &format!("{}\r", server.address()));
    terminal.answer("fingerprint", &format!("{}\r", server.fingerprint()));
    terminal.answer("The token", &format!("{}\r", kept.trim()));
    let (code, screen) = terminal.end();
    assert!(code == Some(0) && !screen.contains("hrt_"), "{screen}");
    assert!(screen.contains("`headroom agent --config"), "{screen}");

    // A head on loopback is told so, and asks for no password.
    let own = Own::new();
    let mut terminal = start(&own, &format!("--listen 127.0.0.1:{}", free_port())).unwrap();
    terminal.answer("only this machine reaches it", "\r");
    terminal.answer("Names of nodes", "pi-9\r");
    let (code, screen) = terminal.end();
    assert!(code == Some(0) && screen.contains("no other node reaches it"), "{screen}");
    assert!(!own.path("data/viewer.json").exists());
}
