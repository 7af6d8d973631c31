//! The line that lets a node join, taken apart: whoever is asked may paste all of it.

/// What stands in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Pasted {
    /// The head's address.
    pub(super) head: Option<String>,
    /// Its fingerprint, or several with commas.
    pub(super) fingerprint: Option<String>,
    /// The token.
    pub(super) token: Option<String>,
}

/// Takes apart what was pasted; `None` if that is no such line.
pub(super) fn parse(text: &str) -> Option<Pasted> {
    let mut words = text.split_whitespace().map(|word| word.trim_matches(['\'', '"']));
    let mut pasted = Pasted::default();
    while let Some(word) = words.next() {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let bare = |word: &str| word.trim_matches(['\'', '"']).to_owned();
        let mut value = || value.or_else(|| words.next()).map(bare);
        match name {
            "--head" => pasted.head = value(),
            "--fingerprint" => pasted.fingerprint = value(),
            _ if word.starts_with("hrt_") => pasted.token = Some(word.into()),
            _ => {}
        }
    }
    (pasted.head.is_some()).then_some(pasted)
}

/// What was typed for an address: without a scheme it is that of a head as `headroom setup` proposes it.
pub(super) fn address(text: &str) -> String {
    if text.contains("://") {
        return text.into();
    }
    let has_port = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').is_some_and(|(_, port)| port.starts_with(':')),
        None => text.contains(':'),
    };
    if has_port { format!("https://{text}") } else { format!("https://{text}:8080") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens;

    #[test]
    fn both_lines_are_taken_apart() {
        let fingerprint = "ab".repeat(32).parse().unwrap();
        let whole = Pasted {
            head: Some("http://[::1]:8080".into()),
            fingerprint: Some(format!("{fingerprint:?}")),
            token: Some("hrt_00".into()),
        };
        for line in [
            tokens::joining("hrt_00", "http://[::1]:8080", Some(fingerprint)),
            tokens::setting_up("hrt_00", "http://[::1]:8080", Some(fingerprint)),
        ] {
            assert_eq!(parse(&line).unwrap(), whole);
            assert_eq!(parse(&line.replace("--head ", "--head=")).unwrap(), whole);
        }
        for other in ["", "https://pi:8080", "hrt_00", "--fingerprint ab", "--head"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn an_address_may_be_short() {
        for (typed, meant) in [
            ("pi-head.local", "https://pi-head.local:8080"),
            ("192.168.1.10:9000", "https://192.168.1.10:9000"),
            ("[fd00::1]", "https://[fd00::1]:8080"),
            ("[fd00::1]:9000", "https://[fd00::1]:9000"),
            ("http://pi", "http://pi"),
        ] {
            assert_eq!(address(typed), meant);
        }
    }
}
