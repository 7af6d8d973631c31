//! CHANGELOG.md in the form that Debian's tools read.

use crate::error::{Error, Result};
use crate::process::{self, root};
use std::fmt::Write as _;
use std::process::Command;

/// Lines are at most so long.
const WIDTH: usize = 78;

/// When the sources were last changed, in seconds since 1970: the time of everything in an artefact.
pub(super) fn time() -> Result<u64> {
    let mut git = Command::new("git");
    let text = process::output(git.current_dir(root()).args(["log", "-1", "--format=%ct"]))?;
    text.trim()
        .parse()
        .map_err(|_| Error::say(format!("git log names no time but `{}`", text.trim())))
}

/// The changelog of a package: `version` is what is not released yet, with everything before it.
pub(super) fn debian(
    markdown: &str,
    version: &str,
    revision: &str,
    maintainer: &str,
) -> Result<String> {
    let mut text = String::new();
    for section in markdown.split("\n## ").skip(1) {
        let (title, body) = section.split_once('\n').unwrap_or((section, ""));
        let (version, date) = match title.split_once(" - ") {
            Some((version, date)) => (version.trim_matches(['[', ']']), date.to_owned()),
            None => (version, format!("@{}", time()?)),
        };
        let date = rfc_2822(&date)?;
        writeln!(text, "headroom ({version}-{revision}) unstable; urgency=medium\n").ok();
        for point in body.lines().filter_map(|line| line.strip_prefix("- ")) {
            text.push_str(&wrapped(&plain(point)));
        }
        writeln!(text, "\n -- {maintainer}  {date}\n").ok();
    }
    if text.is_empty() {
        return Err(Error::say("CHANGELOG.md has no section (`## Unreleased`)"));
    }
    Ok(text)
}

fn rfc_2822(date: &str) -> Result<String> {
    let mut command = Command::new("date");
    command.env("LC_ALL", "C").args(["--utc", "--rfc-email", "--date", date]);
    Ok(process::output(&mut command)?.trim().to_owned())
}

/// Without what only Markdown understands.
fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, link)) = rest.split_once("](") {
        let Some((start, name)) = before.rsplit_once('[') else { break };
        let Some((_, after)) = link.split_once(')') else { break };
        text.push_str(start);
        text.push_str(name);
        rest = after;
    }
    text.push_str(rest);
    text.replace(['`', '*'], "")
}

/// One point of a list, in lines.
fn wrapped(point: &str) -> String {
    let mut text = String::from("  *");
    let mut column = text.len();
    for word in point.split_whitespace() {
        let width = word.chars().count();
        if column + 1 + width > WIDTH {
            text.push_str("\n   ");
            column = 3;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + width;
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::{debian, plain, wrapped};

    #[test]
    fn each_section_is_a_version() {
        let markdown = "# Changelog\n\n## Unreleased\n\n### Added\n\n- `one`\n\n\
                        ## [0.0.9] - 2026-01-02\n\n- old\n";
        let text = debian(markdown, "0.1.0", "2", "Us <us@here>").unwrap();
        assert!(
            text.starts_with("headroom (0.1.0-2) unstable; urgency=medium\n\n  * one\n\n -- Us")
        );
        let old = "headroom (0.0.9-2) unstable; urgency=medium\n\n  * old\n\n \
                   -- Us <us@here>  Fri, 02 Jan 2026 00:00:00 +0000\n";
        assert!(text.contains(old), "{text}");
        assert!(debian("# Changelog\n", "0.1.0", "1", "Us").is_err());
    }

    #[test]
    fn links_and_marks_are_words_and_lines_are_short() {
        assert_eq!(plain("see [docs/fit.md](docs/fit.md), `a` *b*"), "see docs/fit.md, a b");
        let text = wrapped(&"word ".repeat(40));
        assert!(text.lines().all(|line| line.len() <= 78), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("    word")), "{text}");
    }
}
