//! Names that others chose: processes, containers, firmware.

/// `text` in one line that shows nothing but itself: without control characters, and without those
/// that are invisible or turn the direction of what follows; no longer than `most_chars`.
pub(crate) fn clean(text: &str, most_chars: usize) -> String {
    let text: String = text.chars().filter(|&c| !is_hidden(c)).collect();
    let cut: String = text.trim().chars().take(most_chars).collect();
    cut.trim_end().to_owned()
}

/// Control characters, ends of lines and format characters (categories Cc, Zl, Zp and Cf of Unicode),
/// and the rest of the block of tags.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text that would upset a page or a terminal, among text that would not.
    pub(in crate::probe) fn hostile() -> impl Strategy<Value = String> {
        let nasty = proptest::sample::select(vec![
            "\u{1b}[2J",
            "\u{202e}",
            "\u{2066}",
            "\u{200b}",
            "\u{feff}",
            "\u{85}",
            "\n",
            "\0",
            "\\x1b",
            "\\x0a",
            "\\xe2\\x80\\xae",
            "\\x",
            "\\xzz",
            "é",
            "\u{e0041}",
            "/",
            " ",
            "<b>",
            ":",
        ]);
        let piece = prop_oneof![nasty.prop_map(str::to_owned), ".{0,20}"];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    /// Whether `name` can be shown anywhere as it is.
    pub(in crate::probe) fn is_clean(name: &str, most_chars: usize) -> bool {
        !name.chars().any(is_hidden) && name.chars().count() <= most_chars && name.trim() == name
    }

    #[test]
    fn what_is_not_seen_goes() {
        assert_eq!(clean("\u{1b}[31mred\u{7}", 64), "[31mred");
        assert_eq!(clean("a\u{202e}txt.exe\u{2069}\u{200d}", 64), "atxt.exe");
        assert_eq!(clean(" two\nlines \u{2028}", 64), "twolines");
        assert_eq!(clean("naïve 名前", 64), "naïve 名前");
    }

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(clean(&"é".repeat(100), 3), "ééé");
        assert_eq!(clean("ab cd", 3), "ab");
    }

    proptest! {
        #[test]
        fn hostile_texts_come_out_clean(text in hostile(), most in 0_usize..80) {
            let cleaned = clean(&text, most);
            prop_assert!(is_clean(&cleaned, most), "{cleaned:?}");
        }
    }
}
