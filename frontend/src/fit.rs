//! What is asked about the next job, as somebody typed it. The head reads it, and says what it cannot read.

use crate::route::encoded;

/// Names of what can be said of a job: in an address of the page, and to the head.
pub const WORDS: [(&str, &str); 8] = [
    ("fit", "size"),
    ("copies", "copies"),
    ("strategy", "strategy"),
    ("over", "over"),
    ("reserve", "reserve"),
    ("duration", "duration"),
    ("per_node", "per_node"),
    ("labels", "labels"),
];

/// What is said of a job, in the order of [`WORDS`]; empty is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish(pub [String; 8]);

impl Wish {
    /// Whether there is nothing to ask: how much one copy needs is not said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0[0].trim().is_empty()
    }

    /// Takes in a part of an address; whether it was one of a job.
    pub fn read(&mut self, key: &str, value: &str) -> bool {
        let place = WORDS.iter().position(|(name, _)| *name == key);
        if let Some(place) = place {
            value.clone_into(&mut self.0[place]);
        }
        place.is_some()
    }

    /// What is said, with the names that `name` chooses.
    fn said(
        &self,
        name: impl Fn(&(&'static str, &'static str)) -> &'static str,
    ) -> Vec<(&str, &str)> {
        let said = WORDS.iter().zip(&self.0).map(|(names, text)| (name(names), text.trim()));
        said.filter(|(_, text)| !text.is_empty()).collect()
    }

    /// Writes its parts of an address.
    pub fn write(&self, add: &mut impl FnMut(&str, &str)) {
        if !self.is_empty() {
            for (name, text) in self.said(|names| names.0) {
                add(name, &encoded(text));
            }
        }
    }

    /// Where the head answers it; `more` is added, such as `&format=plain`.
    #[must_use]
    pub fn path(&self, more: &str) -> String {
        let said = self.said(|names| names.1);
        let parts: Vec<_> =
            said.iter().map(|(name, text)| [name, "=", &encoded(text)].concat()).collect();
        ["/api/v1/fit?", &parts.join("&"), more].concat()
    }

    /// The same in JSON, as the head takes it to hold its place.
    #[must_use]
    pub fn body(&self, hold_for: &str, note: &str) -> String {
        let said = self.said(|names| names.1);
        let more = [("for", hold_for), ("note", note.trim())];
        let parts: Vec<_> = said
            .into_iter()
            .chain(more.into_iter().filter(|(_, text)| !text.is_empty()))
            .map(|(name, text)| [&quoted(name), ":", &quoted(text)].concat())
            .collect();
        ["{", &parts.join(","), "}"].concat()
    }
}

/// A text in JSON.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // Control characters have no place in a note.
            c if c < ' ' => out.push(' '),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_asked_in_an_address_and_in_json() {
        let mut wish = Wish::default();
        assert!(wish.is_empty() && !wish.read("sort", "name"));
        assert!(wish.read("fit", "3 GiB ") && wish.read("copies", "4") && wish.read("over", " "));
        assert_eq!(wish.path("&format=plain"), "/api/v1/fit?size=3%20GiB&copies=4&format=plain");
        let said: serde_json::Value =
            serde_json::from_str(&wish.body("10m", "for \"me\"\n\\")).unwrap();
        let expected = serde_json::json!({
            "size": "3 GiB", "copies": "4", "for": "10m", "note": "for \"me\" \\",
        });
        assert_eq!(said, expected);
    }
}
