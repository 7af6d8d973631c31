//! `InfluxDB`'s line protocol.

use shared::memory::{self, Available, Split};
use shared::{Field, Sample};

use super::told::fresh;
use crate::config::InfluxConfig;
use crate::head::fleet::NodeDetail;

/// What follows from a sample, in bytes, beside the fields of the table.
type Derived = fn(&Sample) -> Option<u64>;

const DERIVED: [(&str, Derived); 3] = [
    ("available_here", |sample| Available::of(sample).ok().map(|available| available.here)),
    ("used", memory::used),
    ("held_back", |sample| Split::of(sample).ok().map(|split| split.held_back)),
];

/// Appends the line of a node's last reading, if it is young and later than `after_ms`: its measurement,
/// the node and its labels as tags, each known field as an integer, and the time in ms. Says when the
/// reading was taken.
pub(super) fn line(
    config: &InfluxConfig,
    node: &NodeDetail,
    now_ms: u64,
    after_ms: u64,
    out: &mut Vec<u8>,
) -> Option<u64> {
    let reading = fresh(node, now_ms).filter(|reading| reading.at_ms > after_ms)?;
    let start = out.len();
    escape(&config.measurement, b", ", out);
    tag("node", node.state.id.as_str(), out);
    let mut seen = vec!["node"];
    for label in &node.labels {
        // A label named like a tag that is there already would make the line unsound.
        if !seen.contains(&label.key.as_str()) {
            seen.push(&label.key);
            tag(&label.key, &label.value, out);
        }
    }
    let mut between = b' ';
    let mut field = |id: &str, value: Option<u64>| {
        // Integers have a sign there. What is larger than any of them is no reading.
        let Some(value) = value.and_then(|value| i64::try_from(value).ok()) else { return };
        out.push(between);
        between = b',';
        out.extend_from_slice(id.as_bytes());
        out.push(b'=');
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        out.push(b'i');
    };
    for known in &config.fields {
        field(known.def().id, reading.sample.get(*known));
    }
    if config.fields.len() == Field::ALL.len() {
        for (id, derived) in DERIVED {
            field(id, derived(&reading.sample));
        }
    }
    if between == b' ' {
        out.truncate(start);
        return None;
    }
    out.push(b' ');
    out.extend_from_slice(itoa::Buffer::new().format(reading.at_ms).as_bytes());
    out.push(b'\n');
    Some(reading.at_ms)
}

/// A tag; one without a value may not be.
fn tag(key: &str, value: &str, out: &mut Vec<u8>) {
    if value.is_empty() {
        return;
    }
    out.push(b',');
    escape(key, b",= ", out);
    out.push(b'=');
    escape(value, b",= ", out);
}

/// `special` characters have a backslash before them. A backslash stands for itself, so that one at the
/// end would swallow what comes next, and there is no way to write the end of a line: both become blanks.
fn escape(text: &str, special: &[u8], out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        let byte = if byte == b'\\' || byte < b' ' || byte == 0x7f { b' ' } else { byte };
        if special.contains(&byte) {
            out.push(b'\\');
        }
        out.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_escaped() {
        let written = |key: &str, value: &str| {
            let mut out = Vec::new();
            tag(key, value, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(written("rack", "a"), ",rack=a");
        assert_eq!(written("rack", ""), "");
        assert_eq!(written("rack", "a,b= c\""), ",rack=a\\,b\\=\\ c\"");
        assert_eq!(written("rack", "a\nx y=1\\"), ",rack=a\\ x\\ y\\=1\\ ");
    }
}
