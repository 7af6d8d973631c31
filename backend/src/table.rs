//! Texts for the terminal: tables and paragraphs.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Characters in a line of prose: as wide as a terminal of old, and easy to read on a wider one.
pub(crate) const WIDTH: usize = 80;

/// `text` as a terminal takes it for text: what would steer the terminal, or turn the direction of
/// writing, is written as an escape. Names come from nodes, and may be made to do harm.
#[must_use]
pub fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(steers) {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if steers(c) { escaped.extend(c.escape_unicode()) } else { escaped.push(c) }
    }
    escaped.into()
}

fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Columns as wide as their widest cell, two blanks apart. `sides` says for each column whether it
/// stands to the left (`l`) or to the right (`r`); where it ends, columns stand to the right.
#[must_use]
pub fn aligned(rows: &[impl AsRef<[String]>], sides: &str) -> String {
    let rows: Vec<Vec<_>> =
        rows.iter().map(|row| row.as_ref().iter().map(|cell| plain(cell)).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            // Writing to a String cannot fail.
            match sides.as_bytes().get(column) {
                Some(b'l') => write!(line, "{gap}{cell:<width$}"),
                _ => write!(line, "{gap}{cell:>width$}"),
            }
            .ok();
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `start` and `prose` in lines of 80 characters at most, where its words allow that; all but the first are
/// indented by `indent` blanks. What stands in backquotes is to be copied, so it is not broken. A
/// newline ends it.
#[must_use]
pub fn wrapped(start: &str, indent: usize, prose: &str) -> String {
    let (mut text, prose) = (plain(start).into_owned(), plain(prose));
    let mut column = start.chars().count();
    let mut is_first = true;
    for word in words(&prose) {
        let length = word.chars().count();
        if !is_first && column + 1 + length > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else if !is_first {
            text.push(' ');
            column += 1;
        }
        is_first = false;
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

fn words(prose: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let is_break = move |c: char| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    };
    prose.split(is_break).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [vec![String::new(), "total".into()], vec!["Memory".into(), "—".into()]];
        assert_eq!(aligned(&rows, "lr"), "        total\nMemory      —\n");
        assert_eq!(aligned(&rows, "ll"), "        total\nMemory  —\n");
    }

    #[test]
    fn nothing_steers_the_terminal() {
        let harm = "a\u{1b}[2J\u{202e}b\n";
        let harmless = r"a\u{1b}[2J\u{202e}b\u{a}";
        assert_eq!(plain(harm), harmless);
        assert_eq!(aligned(&[vec![harm.into()]], "l"), format!("{harmless}\n"));
        assert_eq!(wrapped("", 0, harm), format!("{harmless}\n"));
        assert_eq!(plain("Größe 7 → „8“"), "Größe 7 → „8“");
    }

    #[test]
    fn prose_is_wrapped_between_words() {
        let text = wrapped("- ", 4, &"word ".repeat(60));
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(text.starts_with("- word word"), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("    word")));
        assert_eq!(wrapped("", 2, ""), "\n");
    }
}
