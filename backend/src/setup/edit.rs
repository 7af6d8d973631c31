//! Changes single settings in the text of a file. Everything else stays as it stands: comments, order, blanks.

use toml_edit::{Array, DocumentMut, Item, TableLike, Value};

use crate::error::Error;

/// The text of a settings file.
pub(super) struct Text(String);

impl Text {
    /// `text` was read as settings before.
    pub(super) fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// What it has become.
    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// Sets `key` to `value`, outside of all tables.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) -> Result<(), Error> {
        let value = value.into();
        let mut document = self.parse()?;
        let root = document.as_table_mut();
        let has_values = root.iter().any(|(_, item)| stands_outside_of_tables(item));
        if has_values {
            // What is not changed is not written in another way either.
            if put(root, key, value) {
                self.take(&document);
            }
        } else {
            // There is nothing before the first table but comments, and the one that begins the file
            // stays there.
            self.insert_first(&format!("{key} = {value}"));
        }
        Ok(())
    }

    /// Sets `key` of `table` to `value`.
    pub(super) fn set_in(
        &mut self,
        table: &str,
        key: &str,
        value: impl Into<Value>,
    ) -> Result<(), Error> {
        let mut document = self.parse()?;
        if document.get(table).is_none() {
            let newline = self.newline();
            if !self.0.is_empty() && !self.0.ends_with('\n') {
                self.0.push_str(newline);
            }
            let gap = if self.0.is_empty() { "" } else { newline };
            self.0 = format!("{}{gap}[{table}]{newline}", self.0);
            document = self.parse()?;
        }
        let table = document.get_mut(table).and_then(Item::as_table_like_mut);
        if table.is_some_and(|table| put(table, key, value.into())) {
            self.take(&document);
        }
        Ok(())
    }

    /// Takes `key` out of `table`.
    pub(super) fn remove_in(&mut self, table: &str, key: &str) -> Result<(), Error> {
        let mut document = self.parse()?;
        let table = document.get_mut(table).and_then(Item::as_table_like_mut);
        if table.is_some_and(|table| table.remove(key).is_some()) {
            self.take(&document);
        }
        Ok(())
    }

    /// Whether nothing is set outside of `table`.
    pub(super) fn has_only(&self, table: &str) -> bool {
        self.parse().is_ok_and(|document| document.iter().all(|(key, _)| key == table))
    }

    fn parse(&self) -> Result<DocumentMut, Error> {
        self.0
            .parse()
            .map_err(|error| Error::Refused(format!("cannot change the settings: {error}")))
    }

    fn take(&mut self, document: &DocumentMut) {
        let (text, newline) = (document.to_string(), self.newline());
        self.0 =
            if newline == "\n" { text } else { text.replace("\r\n", "\n").replace('\n', newline) };
    }

    fn newline(&self) -> &'static str {
        if self.0.contains("\r\n") { "\r\n" } else { "\n" }
    }

    /// Inserts a line before the first table and what is written about that, after all else.
    fn insert_first(&mut self, line: &str) {
        let newline = self.newline();
        let lines: Vec<&str> = self.0.split_inclusive('\n').collect();
        let is_header = |line: &&str| line.trim_start().starts_with('[');
        let Some(header) = lines.iter().position(is_header) else {
            let mut text = self.0.clone();
            if !text.is_empty() {
                let gap = if text.ends_with('\n') { 1 } else { 2 };
                (0..gap).for_each(|_| text.push_str(newline));
            }
            self.0 = format!("{text}{line}{newline}");
            return;
        };
        let blank = lines[..header].iter().rposition(|line| line.trim().is_empty());
        let at = blank.map_or(0, |blank| blank + 1);
        let (before, after) = (lines[..at].concat(), lines[at..].concat());
        self.0 = format!("{before}{line}{newline}{newline}{after}");
    }
}

/// Whether it is a value, or a table that is written as `name.key = value`.
fn stands_outside_of_tables(item: &Item) -> bool {
    item.is_value() || item.as_table().is_some_and(toml_edit::Table::is_dotted)
}

/// Says whether that changed anything.
fn put(table: &mut dyn TableLike, key: &str, value: Value) -> bool {
    match table.get_mut(key).and_then(Item::as_value_mut) {
        Some(old) if is_same(old, &value) => return false,
        Some(old) => {
            let decor = old.decor().clone();
            *old = value;
            // What is written behind it.
            *old.decor_mut() = decor;
        }
        None => {
            table.insert(key, Item::Value(value));
        }
    }
    true
}

/// Whether both mean the same, however they are written.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.value() == other.value(),
        (Value::Boolean(one), Value::Boolean(other)) => one.value() == other.value(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        _ => false,
    }
}

/// A list of texts.
pub(super) fn list(texts: impl IntoIterator<Item = String>) -> Value {
    texts.into_iter().collect::<Array>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str, key: &str, value: impl Into<Value>) -> String {
        let mut edited = Text::new(text);
        edited.set(key, value).unwrap();
        edited.into_string()
    }

    #[test]
    fn only_the_value_changes() {
        for (before, after) in [
            ("", "listen = \"x\"\n"),
            ("listen = \"y\"", "listen = \"x\"\n"),
            ("  listen='y'  # why\n", "  listen='x'  # why\n"),
            ("a = 1 # one\n\n# two\n", "a = 1 # one\nlisten = \"x\"\n\n# two\n"),
            ("# All of it\n", "# All of it\n\nlisten = \"x\"\n"),
            ("# All of it", "# All of it\n\nlisten = \"x\"\n"),
            (
                "# All of it\n\n# The agent\n[agent]\nhead = 'h'\n",
                "# All of it\n\nlisten = \"x\"\n\n# The agent\n[agent]\nhead = 'h'\n",
            ),
            ("[agent]\nlisten = 1\n", "listen = \"x\"\n\n[agent]\nlisten = 1\n"),
            ("history.days = 3\n[agent]\n", "history.days = 3\nlisten = \"x\"\n[agent]\n"),
            (
                "[[alerts.channels]]\nname='a'\n\n[history]\ndays=1",
                "listen = \"x\"\n\n[[alerts.channels]]\nname='a'\n\n[history]\ndays=1",
            ),
            (
                "# a\r\nlisten = \"y\" # b\r\n\r\n[agent]\r\n",
                "# a\r\nlisten = \"x\" # b\r\n\r\n[agent]\r\n",
            ),
            ("a = 1\r\n\r\n[agent]\r\n", "a = 1\r\nlisten = \"x\"\r\n\r\n[agent]\r\n"),
        ] {
            let once = set(before, "listen", "x");
            let meant =
                |text: &str| text.parse::<DocumentMut>().unwrap()["listen"].as_str() == Some("x");
            assert!(meant(&once), "{once}");
            if before.contains("listen='y'") || before == "listen = \"y\"" {
                // How a text is quoted may change with it.
                assert_eq!(once.replace('"', "'").trim(), after.replace('"', "'").trim());
            } else {
                assert_eq!(once, after);
            }
            assert_eq!(set(&once, "listen", "x"), once, "again");
        }
    }

    #[test]
    fn what_means_the_same_stays_as_it_is_written() {
        let text = "names = [ 'a', # first\n  \"b\" ]\nyes = true # or no\n";
        assert_eq!(set(text, "names", list(["a".into(), "b".into()])), text);
        assert_eq!(set(text, "yes", true), text);
        let other = set(text, "yes", false);
        assert_eq!(other, text.replace("true", "false"));
    }

    #[test]
    fn a_table_in_any_form_is_changed_where_it_stands() {
        for (before, after) in [
            ("", "[agent]\nhead = \"x\"\n"),
            ("# c\na = 1\n# d", "# c\na = 1\n# d\n\n[agent]\nhead = \"x\"\n"),
            (
                "[agent] # t\nhead = \"y\" # c\n\n[history]\n",
                "[agent] # t\nhead = \"x\" # c\n\n[history]\n",
            ),
            (
                "[agent]\na = 1\n\n# h\n[history]\n",
                "[agent]\na = 1\nhead = \"x\"\n\n# h\n[history]\n",
            ),
            ("agent = { head = \"y\" }\n", "agent = { head = \"x\" }\n"),
            ("agent.head = \"y\" # c\n", "agent.head = \"x\" # c\n"),
            ("agent.a = 1\n", "agent.a = 1\nagent.head = \"x\"\n"),
        ] {
            let mut text = Text::new(before);
            text.set_in("agent", "head", "x").unwrap();
            let once = text.into_string();
            assert_eq!(once, after);
            let mut text = Text::new(&once);
            text.set_in("agent", "head", "x").unwrap();
            text.remove_in("agent", "nothing").unwrap();
            text.remove_in("nowhere", "head").unwrap();
            assert_eq!(text.into_string(), once);
        }
        let mut text = Text::new("[agent]\nhead = 'y'\n# about\ndiscover = true # c\n");
        text.remove_in("agent", "discover").unwrap();
        assert_eq!(text.into_string(), "[agent]\nhead = 'y'\n");
    }
}
