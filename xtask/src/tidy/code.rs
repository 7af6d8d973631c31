//! Reads Rust just well enough to see which paths it uses.

/// A path as written, `use` groups spelled out: `use a::{b, c::d};` gives `a::b` and `a::c::d`.
#[derive(Debug, PartialEq)]
pub(super) struct Path {
    /// From 1.
    pub(super) line: usize,
    pub(super) segments: Vec<String>,
}

impl Path {
    /// Whether these segments stand in it in this order, one after the other.
    pub(super) fn contains(&self, wanted: &str) -> bool {
        let wanted: Vec<_> = wanted.split("::").collect();
        self.segments.windows(wanted.len()).any(|part| part == wanted)
    }
}

/// Every path in the code, a lone name being a path of one segment. Neither comments, nor texts,
/// nor the unit tests at a file's end count.
pub(super) fn paths(text: &str) -> Vec<Path> {
    let code = blank(text, true);
    let code = code.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut reader = Reader { rest: code, line: 1, found: Vec::new() };
    while !reader.rest.is_empty() {
        if reader.at_name() {
            reader.path(&[]);
        } else {
            reader.skip();
        }
    }
    reader.found
}

/// The code without comments and unit tests, with its texts; for rules about literals.
pub(super) fn literals(text: &str) -> String {
    let code = blank(text, false);
    let end = code.find("#[cfg(test)]\nmod ").unwrap_or(code.len());
    code[..end].to_owned()
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    found: Vec<Path>,
}

impl Reader<'_> {
    fn at_name(&self) -> bool {
        self.rest.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }

    fn skip(&mut self) {
        let mut chars = self.rest.chars();
        if chars.next() == Some('\n') {
            self.line += 1;
        }
        self.rest = chars.as_str();
    }

    fn space(&mut self) {
        while self.rest.starts_with(char::is_whitespace) {
            self.skip();
        }
    }

    fn name(&mut self) -> String {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_');
        let (name, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        name.to_owned()
    }

    /// Reads from a name on, or from the brace of a `use` group.
    fn path(&mut self, before: &[String]) {
        let line = self.line;
        let mut segments = before.to_vec();
        loop {
            if self.rest.starts_with('{') {
                return self.group(&segments);
            }
            if !self.at_name() {
                break;
            }
            segments.push(self.name());
            match self.rest.strip_prefix("::") {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        self.found.push(Path { line, segments });
    }

    fn group(&mut self, before: &[String]) {
        self.skip();
        while !self.rest.is_empty() && !self.rest.starts_with('}') {
            if self.at_name() {
                self.path(before);
                self.alias();
            } else {
                self.skip();
            }
        }
        self.skip();
    }

    /// The name after `as` in a group belongs to nobody's path.
    fn alias(&mut self) {
        self.space();
        if self.rest.strip_prefix("as").is_some_and(|rest| rest.starts_with(char::is_whitespace)) {
            self.name();
            self.space();
            self.name();
        }
    }
}

/// Replaces comments by spaces, and what is in texts too if asked; lines stay where they are.
fn blank(text: &str, texts_too: bool) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let comment = rest.starts_with("//") || rest.starts_with("/*");
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            literal(rest, code.chars().next_back())
        };
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (part, after) = rest.split_at(length);
        if comment || texts_too {
            code.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            code.push_str(part);
        }
        rest = after;
    }
    code
}

/// The length of the text or character that starts here; 0 if none does.
fn literal(rest: &str, before: Option<char>) -> usize {
    let whole = rest.len();
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut escaped = false;
        let mut ends = quoted.char_indices().filter(|&(_, c)| {
            let end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            end
        });
        return ends.next().map_or(whole, |(at, _)| at + 2);
    }
    let in_name = before.is_some_and(|c| c.is_alphanumeric() && c != 'b' || c == '_');
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !in_name) {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let body = hashes + 2;
            return rest[body..].find(&end).map_or(whole, |at| body + at + end.len());
        }
    }
    // '"' and '\'' are characters; a lifetime has no second quote that near.
    match rest.strip_prefix('\'') {
        Some(quoted) if quoted.starts_with('\\') => {
            quoted.get(2..).and_then(|after| after.find('\'')).map_or(0, |at| at + 4)
        }
        Some(quoted) => match quoted.chars().next() {
            Some(c) if quoted[c.len_utf8()..].starts_with('\'') => c.len_utf8() + 2,
            _ => 0,
        },
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{literals, paths};

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<_> = paths(text)
            .into_iter()
            .map(|path| format!("{} {}", path.line, path.segments.join("::")))
            .collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn groups_are_spelled_out() {
        check(
            "use a::{b, c::{d, e as _},\n self};\nx::y()",
            &["1 use", "1 a::b", "1 a::c::d", "1 a::c::e", "2 a::self", "3 x::y"],
        );
    }

    #[test]
    fn comments_texts_and_unit_tests_do_not_count() {
        check("// a\n/* b\n */ c(\"d \\\" e\", 'f', '\"', '\\'') // g", &["3 c"]);
        check("r#\"a\"b\"# c<'d> br\"e\"", &["1 c", "1 d", "1 b"]);
        check("a\n#[cfg(test)]\nmod tests { b }", &["1 a"]);
    }

    #[test]
    fn literals_keep_texts_only() {
        assert_eq!(literals("a(\"/proc // b\") // /proc").trim_end(), "a(\"/proc // b\")");
    }
}
