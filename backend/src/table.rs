//! Texts for the terminal: tables and paragraphs.

use std::fmt::Write as _;

/// Characters in a line of prose.
const WIDTH: usize = 96;

/// Columns as wide as their widest cell, two blanks apart. `sides` says for each column whether it
/// stands to the left (`l`) or to the right (`r`); where it ends, columns stand to the right.
#[must_use]
pub fn aligned(rows: &[Vec<String>], sides: &str) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
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

/// `prose` in lines that fit a terminal, all but the first indented by `indent` blanks. No newline at
/// the end.
#[must_use]
pub fn wrapped(prose: &str, indent: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in prose.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > WIDTH {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else if column > 0 {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text
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
    fn prose_is_wrapped_between_words() {
        let prose = "word ".repeat(60);
        let text = wrapped(prose.trim(), 4);
        assert!(text.lines().count() > 2 && text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(text.lines().skip(1).all(|line| line.starts_with("    word")));
        assert_eq!(wrapped("", 2), "");
    }
}
