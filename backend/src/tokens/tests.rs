//! Tokens without a server.

use super::*;
use tempfile::TempDir;

const MACHINE: &str = "ab";
const OTHER: &str = "cd";

fn id(name: &str) -> NodeId {
    NodeId::try_from(name.to_owned()).unwrap()
}

fn open(dir: &TempDir) -> Tokens {
    Tokens::open(dir.path()).unwrap()
}

fn machine(digits: &str) -> String {
    digits.repeat(32)
}

#[tokio::test]
async fn a_token_belongs_to_the_first_machine() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = open(&dir);
    let token = tokens.create(id("pi-5"), 7).await.unwrap();
    assert_eq!(token.len(), 4 + 64);
    assert!(token.starts_with("hrt_"), "{token}");
    let text = std::fs::read_to_string(dir.path().join("tokens.json")).unwrap();
    assert!(text.contains("pi-5") && !text.contains(&token[4..]), "{text}");
    assert_eq!(tokens.admit(&token, &machine(MACHINE), None, 9), Ok(id("pi-5")));
    for agent in [Some("0.2.0-rc.1"), None, Some("none\u{1b}[31m"), Some("")] {
        assert_eq!(tokens.admit(&token, &machine(MACHINE), agent, 10), Ok(id("pi-5")));
    }
    let refused = TokenRefusal::OtherMachine(id("pi-5"));
    assert_eq!(tokens.admit(&token, &machine(OTHER), None, 11), Err(refused.clone()));
    for wrong in ["", "ab", &"é".repeat(32), &machine("zz")] {
        assert_eq!(tokens.admit(&token, wrong, None, 12), Err(TokenRefusal::NoMachine));
    }
    for wrong in ["", "hrt_", &token[..67], &token.to_uppercase(), &format!("{token} ")] {
        assert_eq!(tokens.admit(wrong, &machine(MACHINE), None, 12), Err(TokenRefusal::Unknown));
    }
    let agent = Some("0.2.0-rc.1".into());
    let issued = Issued { name: id("pi-5"), created_ms: 7, bound_ms: Some(9), agent };
    assert_eq!(tokens.list(), [issued]);
    // It is kept at the next look.
    tokens.look().await;
    assert_eq!(open(&dir).admit(&token, &machine(OTHER), Some("0.3.0"), 13), Err(refused));
    assert_eq!(open(&dir).list()[0].agent.as_deref(), Some("0.2.0-rc.1"));
    assert_eq!(open(&dir).admit(&token, &machine(MACHINE), None, 13), Ok(id("pi-5")));
}

#[tokio::test]
async fn a_name_has_one_token_until_it_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = open(&dir);
    let first = tokens.create(id("pi-5"), 1).await.unwrap();
    let error = tokens.create(id("pi-5"), 2).await.unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("revoke it first"), "{error}");
    assert!(tokens.revoke(id("pi-5")).await.unwrap());
    assert!(!tokens.revoke(id("pi-5")).await.unwrap());
    assert_eq!(tokens.admit(&first, &machine(MACHINE), None, 3), Err(TokenRefusal::Unknown));
    let second = tokens.create(id("pi-5"), 4).await.unwrap();
    assert_eq!(tokens.admit(&second, &machine(OTHER), None, 5), Ok(id("pi-5")));
}

/// Another program changes the file: it is seen, and a binding that is not kept yet is not lost by it.
#[tokio::test]
async fn what_others_change_is_seen() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = open(&dir);
    let mut changes = tokens.changes();
    let names = |list: &[Issued]| list.iter().map(|one| one.name.to_string()).collect::<Vec<_>>();
    let mut next = async || {
        tokens.look().await;
        assert!(changes.has_changed().unwrap());
        names(&changes.borrow_and_update())
    };
    let one = file::create(dir.path(), &[id("one")], 1).unwrap().remove(0);
    assert_eq!(next().await, ["one"]);
    tokens.admit(&one, &machine(MACHINE), None, 2).unwrap();
    file::create(dir.path(), &[id("two")], 3).unwrap();
    assert_eq!(next().await, ["one", "two"]);
    assert_eq!(tokens.list()[0].bound_ms, Some(2));
    assert!(file::revoke(dir.path(), &id("one")).unwrap());
    assert_eq!(next().await, ["two"]);
    assert_eq!(tokens.admit(&one, &machine(MACHINE), None, 4), Err(TokenRefusal::Unknown));
    std::fs::remove_file(dir.path().join("tokens.json")).unwrap();
    assert_eq!(next().await, [""; 0]);
}

#[test]
fn a_broken_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["", "{}", r#"{"tokens":[{"name":"A B","hash":"","created_ms":0,"bound":null}]}"#] {
        std::fs::write(dir.path().join("tokens.json"), text).unwrap();
        let Err(error) = Tokens::open(dir.path()) else { panic!("{text} is taken") };
        assert!(error.chain().to_string().contains("tokens.json"), "{}", error.chain());
    }
}

/// Nothing is written before there is something to keep.
#[tokio::test]
async fn no_tokens_leave_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = Tokens::open(&dir.path().join("data")).unwrap();
    assert!(!tokens.revoke(id("pi-5")).await.unwrap());
    assert_eq!(tokens.admit("hrt_", &machine(MACHINE), None, 1), Err(TokenRefusal::Unknown));
    assert_eq!(tokens.list(), []);
    assert!(!dir.path().join("data").exists());
}

#[test]
fn many_are_made_at_once_or_none() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["a-1", "a-2", "a-3"].map(id);
    let made = file::create(dir.path(), &names, 1).unwrap();
    let tokens = open(&dir);
    for (name, token) in names.iter().zip(&made) {
        assert_eq!(tokens.admit(token, &machine(MACHINE), None, 2).as_ref(), Ok(name));
    }
    file::create(dir.path(), &["b-1", "a-2"].map(id), 3).unwrap_err();
    assert_eq!(open(&dir).list().len(), 3);
}
