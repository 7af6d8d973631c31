//! What `headroom agent` takes and refuses.

use std::fs;

use clap::Parser as _;

use super::*;
use crate::config::{Cli, Command};

const PIN: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// A directory with a token file that is as it should be, and the flags that name it.
fn token() -> (tempfile::TempDir, [String; 2]) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    fs::write(&path, "hrt_0123\nmore\n").unwrap();
    set_mode(&path, 0o600);
    let flags = ["--token-file".into(), path.to_str().unwrap().into()];
    (dir, flags)
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn resolve<S: AsRef<str>>(args: &[S]) -> Result<AgentConfig, String> {
    let args = ["headroom", "agent"].into_iter().chain(args.iter().map(AsRef::as_ref));
    let cli = Cli::try_parse_from(args).map_err(|e| e.to_string())?;
    let Some(Command::Agent(args)) = cli.command else { panic!("another command") };
    args.resolve().map_err(|error| {
        assert_eq!(error.exit_code(), 2, "{error}");
        error.chain().to_string()
    })
}

fn with<'a>(args: &'a [&'a str], token: &'a [String; 2]) -> Vec<&'a str> {
    args.iter().copied().chain(token.iter().map(String::as_str)).collect()
}

/// As Kubernetes hands secrets to those who are not root.
#[cfg(unix)]
#[test]
fn a_token_that_belongs_to_others_may_come_through_our_group() {
    if !rustix::process::geteuid().is_root() {
        return eprintln!("NOT RUN: only root can give a file away");
    }
    let (_dir, token) = token();
    let args = ["--head", "https://pi", "--fingerprint", PIN];
    let path = Path::new(&token[1]);
    let resolved = |mode| {
        set_mode(path, mode);
        resolve(&with(&args, &token)).map(drop)
    };
    assert!(resolved(0o440).unwrap_err().contains("chmod 600"));
    std::os::unix::fs::chown(path, Some(65_532), None).unwrap();
    assert_eq!(resolved(0o440), Ok(()));
    assert!(resolved(0o444).unwrap_err().contains("chmod 600"));
}

#[test]
fn what_a_node_is_called_can_be_said() {
    let (_dir, token) = token();
    let args = ["--head", "https://pi", "--fingerprint", PIN, "--node-name"];
    let called = |name| resolve(&with(&[&args[..], &[name]].concat(), &token));
    assert_eq!(called("pi-07.local").unwrap().name.as_deref(), Some("pi-07.local"));
    for wrong in ["", "a\u{1b}[2J", &"x".repeat(254)] {
        assert!(called(wrong).unwrap_err().contains("no name of 1 to 253"), "{wrong:?}");
    }
}

#[test]
fn flags_win_over_the_table_of_the_file() {
    let (dir, token) = token();
    let file = dir.path().join("headroom.toml");
    let text = format!(
        "listen = \"127.0.0.1:1\"\n[agent]\nhead = \"https://pi:8443\"\nfingerprint = [\"{PIN}\"]\n\
         label = [\"rack=a\", \"site=x y\"]\nperiod_ms = 500\nproc_root = \"/p\"\n"
    );
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let config = resolve(&with(&["--config", file, "--period-ms", "100"], &token)).unwrap();
    assert_eq!((config.period_ms, config.labels.len()), (100, 2));
    assert_eq!(config.labels[1], Label { key: "site".into(), value: "x y".into() });
    assert_eq!(config.roots.proc, Path::new("/p"));
    assert_eq!(config.uplink.token.secret(), "hrt_0123");
    assert!(!format!("{config:?}").contains("hrt_0123"), "a secret is printed");
    assert!(
        matches!(config.uplink.place, Place::At { url, .. } if url.as_str() == "https://pi:8443")
    );
    fs::write(file, "[agent]\nhaed = \"x\"\n").unwrap();
    let error = resolve(&with(&["--config", file], &token)).unwrap_err();
    assert!(error.contains("unknown field `haed`"), "{error}");
}

#[test]
fn a_head_must_be_named_and_known() {
    let (_dir, token) = token();
    for (args, words) in [
        (&[][..], "--head URL"),
        (&["--discover"], "--fingerprint"),
        (&["--head", "https://pi"], "--fingerprint"),
        (&["--head", "http://192.168.1.2:8080"], "--insecure-http"),
        (&["--head", "pi:8080"], "is not the address of a head"),
        (&["--head", "https://pi", "--fingerprint", "sha256:12"], "64 hexadecimal digits"),
    ] {
        let error = resolve(&with(args, &token)).unwrap_err();
        assert!(error.contains(words), "{args:?}: {error}");
    }
    for args in [
        &["--discover", "--fingerprint", PIN][..],
        &["--head", "http://localhost:8080"],
        &["--head", "http://[::1]:8080"],
        &["--head", "http://192.168.1.2:8080", "--insecure-http"],
    ] {
        resolve(&with(args, &token)).unwrap();
    }
}

#[test]
fn labels_are_bounded() {
    let (_dir, token) = token();
    let head = ["--head", "http://127.0.0.1:1", "--label"];
    let long = format!("a={}", "x".repeat(65));
    let nine = (0..9).map(|n| format!("k{n}=v")).collect::<Vec<_>>().join(",");
    for wrong in ["rack", "Rack=a", "=a", "a=\u{1b}[2J", &long, &nine] {
        let error = resolve(&with(&[&head[..], &[wrong]].concat(), &token)).unwrap_err();
        assert!(error.contains("label"), "{wrong}: {error}");
    }
    let config =
        resolve(&with(&[&head[..], &["rack=a,shelf=", "--label", "x.y-z_0=ü"]].concat(), &token));
    assert_eq!(config.unwrap().labels.len(), 3);
}

#[cfg(unix)]
#[test]
fn a_token_that_others_may_read_is_refused() {
    let (dir, token) = token();
    let path = dir.path().join("token");
    let head = ["--head", "http://127.0.0.1:1"];
    for mode in [0o640, 0o604, 0o644, 0o660] {
        set_mode(&path, mode);
        let error = resolve(&with(&head, &token)).unwrap_err();
        assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
    }
    set_mode(&path, 0o400);
    resolve(&with(&head, &token)).unwrap();
    set_mode(&path, 0o600);
    for wrong in ["", "\n", "two words\n", "ü\n"] {
        fs::write(&path, wrong).unwrap();
        let error = resolve(&with(&head, &token)).unwrap_err();
        assert!(error.contains("no token"), "{wrong:?}: {error}");
    }
    assert!(resolve(&head).unwrap_err().contains("--token-file"));
    assert!(
        resolve(&[&head[..], &["--token-file", "/no/such"]].concat())
            .unwrap_err()
            .contains("/no/such")
    );
}
