//! What cannot be restored, and what an older program must leave alone.

use std::fs;
use std::path::Path;

use headroom::data;

use crate::backup::{ended, kept, on};
use crate::made::{import, life, lines, now_ms};
use crate::support::{FakeProc, command};
use crate::terminal::Terminal;
use crate::viewers::{PASSWORD, set_password};

/// Nothing that is wrong with a backup changes anything.
#[test]
fn what_cannot_be_restored_changes_nothing() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let (data, config) = (fake.path("data"), fake.path("none.toml"));
    import(&data, &lines(&life("pi-07", now_ms() - 600_000, 200, 1)));
    let file = fake.path("copy.tar");
    ended(&on(&data, &config, &["backup", file.to_str().unwrap()]), 0);
    let whole = fs::read(&file).unwrap();
    let state = || {
        let names: Vec<_> = fs::read_dir(&data).unwrap().map(|e| e.unwrap().file_name()).collect();
        (kept(&data), fs::read(data.join("history.redb")).unwrap(), names.len())
    };
    let before = state();
    let offset = |words: &[u8]| whole.windows(words.len()).position(|at| at == words).unwrap();
    let changed = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let newer = |name: &str, from: &str, to: &str| {
        // Of the same length, so that the archive stays one.
        let text = String::from_utf8_lossy(&whole[offset(name.as_bytes())..]).into_owned();
        let at = offset(name.as_bytes()) + text.find(from).unwrap();
        let mut bytes = whole.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        bytes
    };
    for (what, bytes, says) in [
        ("cut short", whole[..whole.len() / 2].to_vec(), "damaged"),
        ("without its end", whole[..offset(b"manifest.json")].to_vec(), "its end is missing"),
        ("another password", changed(offset(b"\"hash\"") + 12), "viewer.json is not what was"),
        ("another history", changed(offset(b"history/00000001") + 700), "damaged"),
        (
            "a newer one",
            newer("headroom-backup.json", "\"format\": 1", "\"format\": 7"),
            "format 7",
        ),
        ("nothing", Vec::new(), "no backup of Headroom"),
        ("packed", vec![0x1f, 0x8b, 8, 0, 0], "packed with gzip"),
    ] {
        let wrong = fake.path("wrong.tar");
        fs::write(&wrong, bytes).unwrap();
        let words = ["restore", wrong.to_str().unwrap(), "--yes"];
        let output = on(&data, &config, &words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{what}: {said}");
        assert_eq!(said.lines().count(), 1, "{what}: {said}");
        assert!(state() == before, "{what} changed something");
    }
    let nowhere = fake.path("nowhere");
    let said = ended(&on(&nowhere, &config, &["backup", "-"]), 2);
    assert!(said.contains("no head keeps anything in"), "{said}");
    assert!(!nowhere.exists());
}

/// It asks before it replaces anything, and takes one line for an answer.
#[test]
fn whoever_is_asked_may_say_no() {
    let fake = FakeProc::new();
    set_password(&fake, PASSWORD);
    let (data, config) = (fake.path("data"), fake.path("none.toml"));
    let file = fake.path("copy.tar");
    ended(&on(&data, &config, &["backup", file.to_str().unwrap()]), 0);
    set_password(&fake, "another one");
    let before = kept(&data);
    let ask = || {
        let words = format!("restore {} --config {}", file.display(), config.display());
        Terminal::start(&words, &data)
    };
    for answer in ["\r", "n\r", "\u{4}"] {
        let Some(mut terminal) = ask() else { return };
        terminal.answer("? [y/N] ", answer);
        let (code, screen) = terminal.end();
        assert!(code == Some(2) && screen.contains("nothing was changed"), "{code:?} {screen}");
        assert!(kept(&data) == before);
    }
    let mut terminal = ask().unwrap();
    terminal.answer("? [y/N] ", "y\r");
    let (code, screen) = terminal.end();
    assert!(code == Some(0) && screen.contains("restored the backup of"), "{code:?} {screen}");
    assert!(kept(&data) != before);
}

/// Newer files are left as they are, by the head and by the commands that would write them; a newer
/// history is no reason not to serve.
#[test]
fn an_older_program_leaves_what_is_newer() {
    let is_json =
        |part: &&data::Part| Path::new(part.name).extension().is_some_and(|it| it == "json");
    for part in data::PARTS.iter().filter(is_json) {
        let fake = FakeProc::new();
        let name = format!("data/{}", part.name.replace('*', "7"));
        let text = "{\"version\":2,\"tokens\":[],\"new\":1}";
        fake.write(&name, text);
        let data = fake.path("data");
        let none = fake.path("none.toml");
        let mut serve = command();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data).args(fake.args());
        for output in [
            serve.output().unwrap(),
            on(&data, &none, &["token", "create", "pi"]),
            on(&data, &none, &["backup", "-"]),
        ] {
            let said = ended(&output, 1);
            assert!(said.contains("of version 2") && said.contains("left as it is"), "{said}");
        }
        assert_eq!(fs::read_to_string(fake.path(&name)).unwrap(), text);
    }
}
