//! Makes what the generator wrote smaller: names that carry hashes, which do not compress, and
//! comments for developers of other pages.

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
