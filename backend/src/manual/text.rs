//! Man pages as they are written down: roff.

use clap_mangen::roff::{Inline, Roff, bold, roman};

/// The first line of a page: its name, section, date, and what it is of.
pub(super) fn title(name: &str, section: &str, date: &str) -> Roff {
    let mut roff = Roff::new();
    let source = concat!("headroom ", env!("CARGO_PKG_VERSION"));
    roff.control("TH", [name, section, date, source, "Headroom"]);
    roff
}

/// The section `NAME`, which is what `whatis` and `apropos` know: one line, without a full stop.
pub(super) fn name(roff: &mut Roff, name: &str, what: &str) {
    roff.control("SH", ["NAME"]).text([roman(format!("{name} - {}", briefly(what)))]);
}

/// What something is, up to the end of what is said first.
pub(super) fn briefly(what: &str) -> String {
    let end = [". ", "; ", ": "].iter().filter_map(|sign| what.find(sign)).min();
    what[..end.unwrap_or(what.len())].trim_end_matches('.').replace('`', "")
}

/// A section of paragraphs.
pub(super) fn section<'a>(
    roff: &mut Roff,
    heading: &str,
    paragraphs: impl IntoIterator<Item = &'a str>,
) {
    roff.control("SH", [heading]);
    for (place, paragraph) in paragraphs.into_iter().enumerate() {
        if place > 0 {
            roff.control("PP", []);
        }
        roff.text(marked(paragraph));
    }
}

/// What is explained, and below it what it is.
pub(super) fn item(roff: &mut Roff, term: Vec<Inline>, what: &str) {
    roff.control("TP", []).text(term).text(marked(what));
}

/// What stands in backquotes, as in `--help`, is bold here.
pub(super) fn marked(text: &str) -> Vec<Inline> {
    let parts = text.split('`').enumerate();
    let parts = parts.filter(|(_, part)| !part.is_empty());
    parts.map(|(place, part)| if place % 2 == 1 { bold(part) } else { roman(part) }).collect()
}

/// Other pages, as `SEE ALSO` names them: `headroom-free(1)`.
pub(super) fn see(roff: &mut Roff, pages: &[String]) {
    roff.control("SH", ["SEE ALSO"]);
    let mut line = Vec::new();
    for page in pages {
        let (name, section) = page.split_once('(').unwrap_or((page, ""));
        if !line.is_empty() {
            line.push(roman(", "));
        }
        line.extend([bold(name), roman(format!("({section}"))]);
    }
    roff.text(line);
    roff.control("PP", []);
    roff.text([roman("All documents: "), bold("/usr/share/doc/headroom"), roman(".")]);
}

/// What libraries wrote, with their backquotes as [`marked`] takes them; without what was said at the
/// beginning of the page, and with one new line in place of several.
pub(super) fn of_library(written: &[u8]) -> String {
    let written = String::from_utf8_lossy(written);
    let mut text = String::with_capacity(written.len());
    for line in written.lines().map(str::trim_end) {
        let is_said = line.starts_with(".ie ") || line.starts_with(".el ");
        if line.is_empty() || is_said || line == ".br" && text.ends_with("\n.br\n") {
            continue;
        }
        let is_paired = !line.starts_with('.') && line.matches('`').count() % 2 == 0;
        for (place, part) in line.split('`').enumerate() {
            text.push_str(match (place, is_paired) {
                (0, _) => "",
                (_, false) => "`",
                (_, true) if place % 2 == 1 => "\\fB",
                (_, true) => "\\fR",
            });
            text.push_str(part);
        }
        text.push('\n');
    }
    text
}
