//! A thousand nodes in the page: script for each second of news, in the browser of the end-to-end tests.

use super::Row;
use crate::browser::Browser;
use crate::error::{Error, Result};
use crate::process;

/// Script for each second of news, in ms.
const SCRIPT_MS: f64 = 8.0;

/// Runs the test that watches the page, and reads what it says.
pub(super) fn measure() -> Result<Vec<Row>> {
    let mut cargo = process::cargo("test");
    Browser::ensure()?.pass_to(&mut cargo);
    cargo.args(["--package", "headroom", "--test", "it", "--", "many::", "--nocapture"]);
    let failed = |cause| Error::Io { subject: "`cargo test … many::`".into(), cause };
    let output = cargo.output().map_err(failed)?;
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let rows: Vec<Row> = said.lines().filter_map(row).collect();
    if !output.status.success() || rows.is_empty() {
        return Err(Error::say(format!(
            "`cargo test … many::` failed ({}):\n{said}",
            output.status
        )));
    }
    Ok(rows)
}

/// The row of `1000 nodes, as a list: script 5.4 ms a second (…) …; 600 frames in 10 s, 1 dropped`.
/// There is no budget for one that is scrolled.
fn row(line: &str) -> Option<Row> {
    let (view, rest) = line.split_once("nodes, as ")?.1.split_once(": script ")?;
    let ms: f64 = rest.split_whitespace().next()?.parse().ok()?;
    let frames = rest.rsplit_once("; ")?.1;
    let what = format!("page, 1000 nodes as {view}: script");
    let measured = format!("{ms:.1} ms/s; {frames}");
    if view.contains("scrolled") {
        return Some(Row::told(&what, measured, ""));
    }
    Some(Row::new(&what, measured, format!("{SCRIPT_MS} ms/s"), ms <= SCRIPT_MS))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;

    #[test]
    fn what_the_test_says_becomes_a_row() {
        let line = "    1000 nodes, as a list: script 9.4 ms a second (budget 8 ms), layout 4.6 ms, \
                    all work 24.5 ms; 600 frames in 10 s, 1 dropped";
        let row = super::row(line).unwrap();
        assert_eq!(row.measured, "9.4 ms/s; 600 frames in 10 s, 1 dropped");
        assert_eq!(row.verdict, Verdict::Over);
        assert!(super::row("    1000 nodes").is_none());
    }
}
