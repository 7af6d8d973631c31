//! Colour tokens: `--c-…` in `static/theme.css`, in every theme, and all that fields name.

use super::{Finding, Source};
use shared::Field;
use std::collections::BTreeMap;

const FILE: &str = "static/theme.css";

/// Tokens with the line each is first defined in.
type Tokens = BTreeMap<String, usize>;

/// The tokens of each theme.
#[derive(Default)]
struct Themes {
    light: Tokens,
    /// The system asks for dark.
    dark: Tokens,
    /// The user chose one on the page; empty when the page offers no choice.
    chosen_light: Tokens,
    chosen_dark: Tokens,
}

pub(super) fn themes(sources: &[Source]) -> Vec<Finding> {
    theme(sources).map_or_else(missing, compare)
}

pub(super) fn fields(sources: &[Source]) -> Vec<Finding> {
    let named = Field::ALL.iter().map(|field| (field.def().id, field.text().color));
    theme(sources).map_or_else(Vec::new, |css| unknown(&parse(css), named))
}

fn theme(sources: &[Source]) -> Option<&str> {
    sources.iter().find(|source| source.path == FILE).map(|source| source.text.as_str())
}

fn missing() -> Vec<Finding> {
    vec![Finding::new(FILE, 0, "is missing; define every colour there, as --c-… in both themes")]
}

fn compare(css: &str) -> Vec<Finding> {
    let themes = parse(css);
    let others = [
        ("@media (prefers-color-scheme: dark)", &themes.dark, true),
        ("[data-theme=dark]", &themes.chosen_dark, !themes.chosen_dark.is_empty()),
        ("[data-theme=light]", &themes.chosen_light, !themes.chosen_light.is_empty()),
    ];
    let mut findings = Vec::new();
    for (name, other, exists) in others {
        for (token, line) in themes.light.iter().filter(|(token, _)| !other.contains_key(*token)) {
            if exists {
                findings.push(Finding::new(FILE, *line, format!("define {token} in {name} too")));
            }
        }
        for (token, line) in other.iter().filter(|(token, _)| !themes.light.contains_key(*token)) {
            findings.push(Finding::new(FILE, *line, format!("define {token} in :root too")));
        }
    }
    findings
}

fn unknown<'a>(themes: &Themes, named: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Finding> {
    named
        .filter(|(_, token)| !token.is_empty() && !themes.light.contains_key(*token))
        .map(|(id, token)| Finding::new(FILE, 0, format!("define {token}, which field {id} names")))
        .collect()
}

fn parse(css: &str) -> Themes {
    let mut themes = Themes::default();
    let mut open: Vec<String> = Vec::new();
    let mut piece = String::new();
    let mut line = 1;
    for c in without_comments(css).chars() {
        match c {
            '{' => open.push(std::mem::take(&mut piece)),
            '}' | ';' => {
                define(&mut themes, &open.join(" "), &piece, line);
                piece.clear();
                if c == '}' {
                    open.pop();
                }
            }
            _ => piece.push(c),
        }
        line += usize::from(c == '\n');
    }
    themes
}

fn define(themes: &mut Themes, place: &str, declaration: &str, line: usize) {
    let Some((name, value)) = declaration.split_once(':') else { return };
    let (name, place) = (name.trim(), place.replace(['"', '\'', ' '], ""));
    // Another name for a token changes with it.
    if !name.starts_with("--c-") || value.contains("var(--c-") {
        return;
    }
    let add = |tokens: &mut Tokens| {
        tokens.entry(name.to_owned()).or_insert(line);
    };
    if place.contains("prefers-color-scheme:dark") {
        add(&mut themes.dark);
    } else if place.contains("[data-theme=dark]") {
        add(&mut themes.chosen_dark);
    } else if place.contains("[data-theme=light]") && !place.contains(":root,") {
        add(&mut themes.chosen_light);
    } else {
        add(&mut themes.light);
        if value.contains("light-dark(") {
            add(&mut themes.dark);
        }
    }
}

fn without_comments(css: &str) -> String {
    let mut text = String::new();
    let mut rest = css;
    while let Some((before, comment)) = rest.split_once("/*") {
        text.push_str(before);
        let (comment, after) = comment.split_once("*/").unwrap_or((comment, ""));
        text.extend(comment.matches('\n'));
        rest = after;
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::{compare, parse, unknown};

    fn check(css: &str, expect: &[&str]) {
        let found: Vec<_> = compare(css).iter().map(ToString::to_string).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn a_token_of_one_theme_is_found() {
        let good = ":root { --c-a: #fff; --c-b: var(--c-a); }\n\
                    @media (prefers-color-scheme: dark) { :root:not([data-theme=light]) { --c-a: #000 } }";
        check(good, &[]);
        check(":root {\n --c-a: light-dark(#fff, #000); }", &[]);
        check(
            ":root {\n /* a\n */ --c-a: #fff; }",
            &["static/theme.css:3: define --c-a in @media (prefers-color-scheme: dark) too"],
        );
        check(
            "@media (prefers-color-scheme: dark) { :root { --c-a: #000; } }",
            &["static/theme.css:1: define --c-a in :root too"],
        );
    }

    #[test]
    fn a_choice_on_the_page_needs_all_tokens() {
        let css = ":root { --c-a: #fff; --c-b: #fff; }\n\
                   @media (prefers-color-scheme: dark) { :root { --c-a: #000; --c-b: #000; } }\n\
                   [data-theme=\"dark\"] { --c-a: #000; }";
        check(css, &["static/theme.css:1: define --c-b in [data-theme=dark] too"]);
    }

    #[test]
    fn a_field_with_an_unknown_colour_is_found() {
        let themes = parse(":root { --c-a: #fff; }");
        let found = unknown(&themes, [("x", "--c-a"), ("y", "--c-z"), ("z", "")].into_iter());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].to_string(), "static/theme.css: define --c-z, which field y names");
    }
}
