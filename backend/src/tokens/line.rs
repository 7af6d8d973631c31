//! The one line that lets a node join, with the package and without.

use crate::tls::Fingerprint;

/// What to run on a node, so that its agent reports to `head` (a URL) with `token`. The token goes
/// through standard input, as anybody on the node sees arguments. Whoever gets `fingerprint` talks to
/// nobody else.
#[must_use]
pub fn joining(token: &str, head: &str, fingerprint: Option<Fingerprint>) -> String {
    format!("echo {token} | headroom agent {}", way(head, fingerprint))
}

/// The same for a node where the package is installed: its service reports from then on, also after the
/// node was started again.
#[must_use]
pub fn setting_up(token: &str, head: &str, fingerprint: Option<Fingerprint>) -> String {
    format!("echo {token} | sudo headroom setup --agent {}", way(head, fingerprint))
}

fn way(head: &str, fingerprint: Option<Fingerprint>) -> String {
    let pin = fingerprint.map(|fingerprint| format!(" --fingerprint {fingerprint}"));
    let pin = pin.unwrap_or_default();
    format!("--head {}{pin} --token-file -", quoted(head))
}

/// `text` as a shell takes it for one word, whatever stands in it.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || ".:/-_".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_the_line_as_it_is_meant() {
        let fingerprint: Fingerprint = "ab".repeat(32).parse().unwrap();
        let line = joining("hrt_00", "https://192.168.1.10:8443", Some(fingerprint));
        assert_eq!(
            line,
            format!(
                "echo hrt_00 | headroom agent --head https://192.168.1.10:8443 --fingerprint \
                 sha256:{} --token-file -",
                ["AB"; 32].join(":")
            )
        );
        let longer = setting_up("hrt_00", "https://192.168.1.10:8443", Some(fingerprint));
        assert_eq!(longer, line.replace("| headroom agent", "| sudo headroom setup --agent"));
        let line = joining("hrt_00", "http://[::1]:8080", None);
        assert_eq!(line, "echo hrt_00 | headroom agent --head 'http://[::1]:8080' --token-file -");
        assert_eq!(quoted("a'$(b).local"), r"'a'\''$(b).local'");
    }
}
