//! What is accepted, and what is refused with which words.

use std::fs;

use clap::Parser as _;

use super::*;
use crate::config::Cli;

fn resolve(text: &str) -> Result<Vec<ChannelConfig>, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("headroom.toml");
    fs::write(&path, text).unwrap();
    let args = ["headroom", "--config", path.to_str().unwrap()];
    let resolved = Cli::try_parse_from(args).unwrap().serve.resolve();
    resolved.map(|config| config.channels).map_err(|error| error.chain().to_string())
}

fn one(keys: &str) -> Result<ChannelConfig, String> {
    resolve(&format!("[[alerts.channels]]\nname = \"x\"\n{keys}")).map(|mut all| all.remove(0))
}

#[test]
fn every_kind_is_read() {
    assert_eq!(resolve("").unwrap(), []);
    for (keys, kind, picture) in [
        (
            "kind = \"email\"\nserver = \"mail.example.com\"\nfrom = \"Headroom <h@example.com>\"\n\
             to = \"me@example.com\"",
            "email",
            true,
        ),
        ("kind = \"ntfy\"\ntopic = \"a-topic\"\npicture = false", "ntfy", false),
        ("kind = \"gotify\"\nserver = \"http://pi:80\"\ntoken_file = \"/t\"", "gotify", false),
        ("kind = \"telegram\"\nchat_id = -100123\ntoken_file = \"/t\"", "telegram", true),
        ("kind = \"discord\"\nurl_file = \"/u\"", "discord", true),
        ("kind = \"slack\"\nurl_file = \"/u\"", "slack", false),
        ("kind = \"webhook\"\nurl = \"http://[::1]:9/x\"\nheaders.X-A = \"b\"", "webhook", false),
        ("kind = \"program\"\npath = \"/bin/true\"\nargs = [\"a b\"]", "program", false),
    ] {
        let channel = one(keys).unwrap();
        assert_eq!((channel.kind.name(), channel.picture), (kind, picture), "{keys}");
        assert_eq!(channel.timeout, TIMEOUT);
        assert_eq!(channel.min_severity, Severity::Note);
    }
    let channel = one(
        "kind = \"email\"\nserver = \"::1\"\ntls = \"none\"\nfrom = \"h@x.org\"\nto = [\"a@x.org\", \
         \"B <b@x.org>\"]\nmin_severity = \"trouble\"\ntimeout = \"5s\"",
    )
    .unwrap();
    assert_eq!((channel.min_severity, channel.timeout.as_secs()), (Severity::Trouble, 5));
    let ChannelKind::Email(email) = channel.kind else { panic!("it is e-mail") };
    assert_eq!((email.port(), email.to.len()), (25, 2));
}

#[test]
fn what_is_wrong_is_named() {
    let file = "headroom.toml";
    for (keys, complaints) in [
        ("", &["`kind` is missing", "slack"][..]),
        ("kind = \"pager\"", &["`kind` cannot be \"pager\"", "gotify"]),
        ("kind = 1", &["`kind` cannot be \"integer\""]),
        ("kind = \"ntfy\"\ntopik = \"x\"", &["unknown field `topik`", "`topic`"]),
        ("kind = \"ntfy\"", &["either `topic` or `topic_file`"]),
        ("kind = \"ntfy\"\ntopic = \"a/b\"", &["`topic`: \"a/b\" is none"]),
        ("kind = \"ntfy\"\ntopic = \"a\"\nserver = \"ntfy.sh\"", &["`server` is no address"]),
        ("kind = \"ntfy\"\ntopic = \"a\"\npriority.trouble = 6", &["`priority` is 1 to 5"]),
        ("kind = \"gotify\"\nserver = \"http://x\"", &["missing field `token_file`"]),
        ("kind = \"gotify\"\ntoken = \"abc\"", &["`token` is a secret", "`token_file`"]),
        ("kind = \"slack\"\nurl = \"https://x/secret\"", &["`url` is a secret", "`url_file`"]),
        ("kind = \"slack\"\nurl_file = \"/u\"\npicture = true", &["slack takes none", "telegram"]),
        ("kind = \"webhook\"\nurl = \"http://a:b@c/\"", &["`url` is no address"]),
        (
            "kind = \"webhook\"\nurl = \"http://c/\"\nheaders.Authorization = \"x\"",
            &["Authorization is a secret", "`header_files`"],
        ),
        (
            "kind = \"webhook\"\nurl = \"http://c/\"\nheaders.\"a b\" = \"x\"",
            &["no name of a header"],
        ),
        ("kind = \"program\"\npath = \"beep\"", &["`path`: beep does not begin with /"]),
        ("kind = \"telegram\"\nchat_id = \"me\"\ntoken_file = \"/t\"", &["neither a number"]),
        ("kind = \"discord\"\nurl_file = \"/u\"\ntimeout = \"9m\"", &["`timeout` is 1s to 5m"]),
        (
            "kind = \"discord\"\nurl_file = \"/u\"\nmin_severity = \"bad\"",
            &["`min_severity`", "bad"],
        ),
        (
            "kind = \"email\"\nserver = \"m\"\nfrom = \"nobody\"\nto = \"a@b\"",
            &["`from`: \"nobody\""],
        ),
        ("kind = \"email\"\nserver = \"m\"\nfrom = \"a@b\"\nto = []", &["`to` names nobody"]),
        (
            "kind = \"email\"\nserver = \"m\"\nfrom = \"a@b\"\nto = \"a@b\"\nuser = \"u\"",
            &["`user` and `password_file`"],
        ),
        (
            "kind = \"email\"\nserver = \"m\"\nfrom = \"a@b\"\nto = \"a@b\"\ntls = \"none\"",
            &["`allow_plaintext = true`"],
        ),
    ] {
        let error = one(keys).unwrap_err();
        for complaint in complaints.iter().chain([&file, &"channel \"x\""]) {
            assert!(error.contains(complaint), "{complaint:?} is not in {error:?}");
        }
        for secret in ["abc", "secret\"", "a:b"] {
            assert!(!error.contains(secret), "{error}");
        }
    }
}

#[test]
fn names_tell_channels_apart() {
    let ntfy =
        |name: &str| format!("[[alerts.channels]]\n{name}\nkind = \"ntfy\"\ntopic = \"a\"\n");
    let error = resolve(&ntfy("")).unwrap_err();
    assert!(error.contains("table 1") && error.contains("`name` is missing"), "{error}");
    for name in ["name = 3", "name = \"\"", "name = \"a\\nb\"", "name = \"<b>\""] {
        assert!(resolve(&ntfy(name)).unwrap_err().contains("letters, digits"), "{name}");
    }
    let two = ntfy("name = \"a\"") + &ntfy("name = \"b\"");
    assert_eq!(resolve(&two).unwrap().len(), 2);
    let twice = two + &ntfy("name = \"a\"");
    assert!(resolve(&twice).unwrap_err().contains("channel \"a\": another channel has this name"));
    let error = resolve("alerts.chanels = []").unwrap_err();
    assert!(error.contains("unknown field `chanels`"), "{error}");
}
