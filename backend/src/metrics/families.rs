//! Families of metrics, one after the other, in either form.

use shared::metric::{Kind, decimal};

use super::Form;

/// See the module.
pub(super) struct Families {
    form: Form,
    out: Vec<u8>,
}

/// What a family is.
#[derive(Clone, Copy)]
pub(super) struct Family<'a> {
    /// Without `_total`.
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    /// With which the name ends; empty where it has none.
    pub(super) unit: &'a str,
    pub(super) help: &'a str,
}

impl<'a> Family<'a> {
    pub(super) const fn new((name, kind, unit): (&'a str, Kind, &'a str), help: &'a str) -> Self {
        Self { name, kind, unit, help }
    }
}

/// A family that has begun.
pub(super) struct Lines<'f> {
    out: &'f mut Vec<u8>,
    family: Family<'f>,
    /// What stands before the first line; nothing, once that is written.
    head: Option<Form>,
}

impl Families {
    pub(super) fn new(form: Form) -> Self {
        Self { form, out: Vec::new() }
    }

    /// Begins a family. One without lines is not mentioned.
    pub(super) fn family<'f>(&'f mut self, family: Family<'f>) -> Lines<'f> {
        Lines { out: &mut self.out, family, head: Some(self.form) }
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        if self.form == Form::OpenMetrics {
            self.out.extend_from_slice(b"# EOF\n");
        }
        self.out
    }
}

impl Lines<'_> {
    /// A line whose value is written by `value`.
    pub(super) fn line(&mut self, labels: &[(&str, &str)], value: impl FnOnce(&mut Vec<u8>)) {
        self.begin();
        let out = &mut *self.out;
        out.extend_from_slice(self.family.name.as_bytes());
        out.extend_from_slice(self.family.kind.suffix().as_bytes());
        for (place, (name, text)) in labels.iter().enumerate() {
            out.push(if place == 0 { b'{' } else { b',' });
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"=\"");
            escape(text, true, out);
            out.push(b'"');
        }
        if !labels.is_empty() {
            out.push(b'}');
        }
        out.push(b' ');
        value(out);
        out.push(b'\n');
    }

    /// A line of a whole number.
    pub(super) fn number(&mut self, labels: &[(&str, &str)], value: u64) {
        self.decimal(labels, value, 0);
    }

    /// A line of a number whose last `decimals` digits stand after the point.
    pub(super) fn decimal(&mut self, labels: &[(&str, &str)], value: u64, decimals: usize) {
        self.line(labels, |out| decimal(value, decimals, out));
    }

    fn begin(&mut self) {
        let Some(form) = self.head.take() else { return };
        let Family { name, kind, unit, help } = self.family;
        let is_open = form == Form::OpenMetrics;
        // 0.0.4 knows no families: there it is the name of the samples.
        let suffix = if is_open { "" } else { kind.suffix() };
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
            Kind::Unknown if is_open => "unknown",
            Kind::Unknown => "untyped",
        };
        let mut say = |parts: &[&str]| {
            for part in parts {
                self.out.extend_from_slice(part.as_bytes());
            }
        };
        say(&["# TYPE ", name, suffix, " ", kind, "\n"]);
        if is_open && !unit.is_empty() {
            say(&["# UNIT ", name, " ", unit, "\n"]);
        }
        say(&["# HELP ", name, suffix, " "]);
        escape(help, is_open, self.out);
        self.out.push(b'\n');
    }
}

/// A text as it may stand in a line, or between quotes.
fn escape(text: &str, quotes: bool, out: &mut Vec<u8>) {
    for &byte in text.as_bytes() {
        match byte {
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'"' if quotes => out.extend_from_slice(b"\\\""),
            _ => out.push(byte),
        }
    }
}
