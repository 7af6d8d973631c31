//! Makes what the generator wrote smaller: names that carry hashes, which do not compress, and
//! comments for developers of other pages.

use std::collections::BTreeSet;

/// A short name for each of `names`: those of imports and exports that end in a hash. The rest stays.
pub(super) fn short_names<'a>(names: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut long: Vec<&str> = names.filter(|name| ends_in_hash(name)).collect();
    // One may be the beginning of another.
    long.sort_unstable_by_key(|name| (std::cmp::Reverse(name.len()), *name));
    long.dedup();
    let short = |(index, name): (usize, &str)| (name.to_owned(), format!("_{index}"));
    long.into_iter().enumerate().map(short).collect()
}

/// Whether a name ends in a hash, or in one and a number.
fn ends_in_hash(name: &str) -> bool {
    let name =
        name.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix('_').unwrap_or(name);
    let hash = name.get(name.len().saturating_sub(16)..).unwrap_or_default();
    hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether an export belongs to the classes by which a dependency gives streams to the browser.
pub(super) fn is_of_streams(name: &str) -> bool {
    name.trim_start_matches("__wbg_").starts_with("intounderlying")
}

/// The glue without the classes of streams, and without what it offers a program that does not use it:
/// imports that are not among `used`.
pub(super) fn without_unused(text: &str, used: &BTreeSet<String>) -> String {
    let mut kept = String::with_capacity(text.len());
    // Braces that are open in a piece that is left out, and what ends it once none is.
    let mut left_out: Option<(i32, &str)> = None;
    for line in text.lines() {
        let import = line.trim_start().split_once(": function(");
        let end =
            if import.is_some_and(|(name, _)| name.starts_with("__wb") && !used.contains(name)) {
                Some("},")
            } else if line.starts_with("export class IntoUnderlying") {
                Some("}")
            } else if line.starts_with("const IntoUnderlying") {
                Some(";")
            } else {
                None
            };
        left_out = left_out.or(end.map(|end| (0, end)));
        if let Some((open, end)) = &mut left_out {
            *open += line.matches('{').count() as i32 - line.matches('}').count() as i32;
            if *open == 0 && line.ends_with(*end) {
                left_out = None;
            }
        } else if !line.starts_with("if (Symbol.dispose) IntoUnderlying") {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// The glue with short names, without comments, indents and empty lines. A line that is part of a text
/// over several lines would change; the generator writes none.
pub(super) fn glue(text: &str, names: &[(String, String)]) -> String {
    let mut slim = String::with_capacity(text.len());
    let mut in_comment = false;
    for line in text.lines().map(str::trim) {
        in_comment |= line.starts_with("/**");
        if !in_comment && !line.is_empty() && !line.starts_with("//") {
            slim.push_str(line);
            slim.push('\n');
        }
        in_comment &= !line.ends_with("*/");
    }
    for (long, short) in names {
        slim = slim.replace(long, short);
    }
    slim
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_used_is_left_out() {
        let text = "export class IntoUnderlyingSink {\n    free() {\n    }\n}\n\
            if (Symbol.dispose) IntoUnderlyingSink.prototype[Symbol.dispose] = 1;\n\
            export function start() {\n}\n        __wbg_a: function(arg0) {\n            \
            one();\n        },\n        __wbg_b: function() {\n        },\n\
            const IntoUnderlyingSinkFinalization = (x)\n    ? { }\n    : new X();\nend();\n";
        let used = BTreeSet::from(["__wbg_b".to_owned()]);
        let kept =
            "export function start() {\n}\n        __wbg_b: function() {\n        },\nend();\n";
        assert_eq!(without_unused(text, &used), kept);
        assert!(is_of_streams("__wbg_intounderlyingsink_free") && !is_of_streams("memory"));
    }

    #[test]
    fn only_names_with_hashes_become_short() {
        let all = [
            "__wbg_b_0123456789abcdef",
            "__wbindgen_malloc",
            "__wbg_b_0123456789abcdef_14",
            "utf_16",
        ];
        let names = short_names(all.into_iter());
        assert_eq!(
            names,
            [("__wbg_b_0123456789abcdef_14", "_0"), ("__wbg_b_0123456789abcdef", "_1")]
                .map(|(long, short)| (long.to_owned(), short.to_owned()))
        );
        let text =
            "/**\n * what\n */\nlet a = {\n\n  __wbg_b_0123456789abcdef: 1, // one\n// two\n};\n";
        assert_eq!(glue(text, &names), "let a = {\n_1: 1, // one\n};\n");
    }
}
