//! Text as it stands in a document.

use shared::units::{exact, human};

/// Adds formatted text to a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {{
        use std::fmt::Write as _;
        write!($out, $($format)*).ok();
    }};
}
pub(super) use put;

/// `text` where it cannot be taken for anything else: marks of HTML are written as such, and characters
/// that are not seen, or turn the direction of others, by their numbers.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if is_hidden(c) => put!(out, "\\u{{{:x}}}", u32::from(c)),
            _ => out.push(c),
        }
    }
    out
}

/// What somebody else chose: its direction ends where it ends.
pub(super) fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(text))
}

/// An amount of memory, with its exact bytes.
pub(super) fn amount(bytes: u64) -> String {
    let shown = human(bytes).replace(' ', "\u{a0}");
    format!("<data value=\"{bytes}\" title=\"{}\">{shown}</data>", exact(bytes))
}

/// The digits of an amount, in groups.
pub(super) fn digits(bytes: u64) -> String {
    let exact = exact(bytes);
    exact.split('\u{a0}').next().unwrap_or_default().to_owned()
}

fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// RFC 4648, for bytes in threes and what is left of them.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let byte = |place: usize| u32::from(three.get(place).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            out.push(if place > three.len() { '=' } else { char::from(letter) });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_for_a_mark() {
        let hostile = "</script><b a='\"'>&\u{202e}\u{1b}[2J\n名";
        let shown = "&lt;/script&gt;&lt;b a=&#39;&quot;&#39;&gt;&amp;\\u{202e}\\u{1b}[2J\\u{a}名";
        assert_eq!(escaped(hostile), shown);
        assert_eq!(name("a"), "<bdi>a</bdi>");
        assert!(amount(1 << 30).contains("value=\"1073741824\"") && amount(1).contains("1\u{a0}B"));
        assert_eq!(digits(1_234_567), "1\u{202f}234\u{202f}567");
    }

    #[test]
    fn base64_is_as_the_standard_says() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
